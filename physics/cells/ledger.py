"""What a contact of a cell moved: the ledger of one sub-step, and of several."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..control import FloatArray, IntArray


class StepError(ArithmeticError):
    """The implicit equations of a cell have no solution that Newton's method finds, even for tiny sub-steps."""


class Ledger(NamedTuple):
    """What a contact of length dt moved, per cell.

    Attributes:
        x: the variables after it, (n_x, K).
        theta: T - T_a after it, (K,).
        delivered: work that left the terminals, (K,), J.
        heat: received from each bath, (K, B), J.
        dissipated: produced in each channel, (n_channels, K), J.
        sub_steps: how many sub-steps were taken, (K,).
    """

    x: FloatArray
    theta: FloatArray
    delivered: FloatArray
    heat: FloatArray
    dissipated: FloatArray
    sub_steps: IntArray


def added(first: Ledger, second: Ledger) -> Ledger:
    """Two contacts, one after the other."""
    return Ledger(
        second.x, second.theta, first.delivered + second.delivered, first.heat + second.heat,
        first.dissipated + second.dissipated, first.sub_steps + second.sub_steps,
    )  # fmt: skip


def rows_of(ledger: Ledger, rows: np.ndarray) -> Ledger:
    """Some of the cells."""
    parts: Any = [a[rows] if a is ledger.heat else a[..., rows] for a in ledger]
    return Ledger(*parts)


def put(whole: Ledger, rows: np.ndarray, part: Ledger) -> None:
    """Write some of the cells."""
    for a, b in zip(whole, part, strict=True):
        # the cells come first in the heat, and last in all others
        if a is whole.heat:
            a[rows] = b
        else:
            a[..., rows] = b


def nothing(x: FloatArray, theta: FloatArray, n_baths: int, n_channels: int) -> Ledger:
    """A contact that has not begun."""
    k = len(theta)
    zeros = np.zeros(k), np.zeros((k, n_baths)), np.zeros((n_channels, k)), np.zeros(k, dtype=np.int64)
    return Ledger(x.copy(), theta.copy(), *zeros)
