"""Sub-steps of cells with parts that are much faster than a step: resolved after a switch, then followed for free.

The stepper is a trapezoidal rule: it keeps what is much faster than a sub-step ringing. So a fast variable is allowed
one of two things in a sub-step, either to be resolved, or to begin and end in balance; a sub-step that does neither
is not taken, and a shorter one is. Sub-steps after a switch of the controls are short, and long where the controls stay
or the fast part has settled. All of it follows from the state, cell by cell: what came before, or what else is in the
batch, does not matter.

Source: derived; the local error is that of the trapezoidal rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..control import FloatArray, IntArray
from .ledger import Ledger, StepError, added, nothing, put, rows_of

if TYPE_CHECKING:
    from .cell import Cell

CALM = 0.01
"""Deviation from balance, in usual sizes, that may be left to ring."""

RESOLVED, LOOSE = 3.0, 0.5
"""Longest sub-step in time constants of a variable that is not in balance, and the largest error of one in usual
sizes: such errors vanish with the transient that they are made in."""

FIRST = 0.5
"""First sub-step of a variable out of balance, in time constants."""

LEAP, SHRINK, SAFETY = 30.0, 0.1, 0.8
"""Largest ratio of successive sub-steps; strongest cut of one that is not taken; what is left to spare of the error."""

SHORTEST = 1e-11
"""Sub-step in units of the step that is taken whatever the error."""


class Fast(NamedTuple):
    """The fast variables of K cells, one row for each.

    Attributes:
        rates: how fast they move, in usual sizes per second, (m, K).
        decays: how fast they relax, 1/s, (m, K), >= 0.
    """

    rates: FloatArray
    decays: FloatArray

    def away(self, h: FloatArray) -> FloatArray:
        """By how much they miss their balance: how far they would go in a time ``h`` (K,), at most; (m, K)."""
        return np.abs(self.rates) * h / (1.0 + self.decays * h)


def paced(
    cell: Cell,
    x: FloatArray,
    theta: FloatArray,
    start: FloatArray,
    end: FloatArray,
    choice: IntArray,
    dt: float,
    fast: Fast,
) -> Ledger:
    """``Cell.advance`` with sub-steps chosen for each cell; ``fast`` is its ``Cell.fast`` at the beginning.

    Raises:
        StepError: if Newton's method fails for tiny sub-steps.
    """
    total = nothing(x, theta, len(cell.betas), len(cell.channels))
    rows, time, h = np.arange(len(theta)), np.zeros(len(theta)), _first(fast, dt)
    while True:
        left = dt - time
        # no sliver is left over
        last = h >= left * (1.0 - 1e-9)
        h = np.where(last, left, np.minimum(h, 0.5 * left))
        now, begin, span = rows_of(total, rows), start[:, rows], (end - start)[:, rows]
        to = begin + (time + h) / dt * span
        mean = begin + (time + 0.5 * h) / dt * span
        with np.errstate(all="ignore"):  # a cell may have no solution yet
            piece, failed = cell.solve(now.x, now.theta, mean, choice[rows], h)
            after = cell.fast(piece.x, piece.theta, to, choice[rows])
            assert after is not None
            taken, ratio = _judged(fast, after, h)
        tiny = h <= SHORTEST * dt
        if (failed & tiny).any():
            raise StepError(f"{type(cell).__name__}: no solution for a sub-step of {h[failed].min():.3g} s")
        taken = (taken | tiny) & ~failed
        ratio = np.where(taken, np.maximum(ratio, 0.5), np.where(failed, SHRINK, np.minimum(ratio, 0.5)))
        put(total, rows[taken], rows_of(added(now, piece), taken))
        time = np.where(taken, time + h, time)
        fast = Fast(*(np.where(taken, p, q) for p, q in zip(after, fast, strict=True)))
        h = h * ratio
        go = ~(taken & last)
        if not go.any():
            return total
        rows, time, h, fast = rows[go], time[go], h[go], Fast(*(p[:, go] for p in fast))


def _first(fast: Fast, dt: float) -> FloatArray:
    """First sub-steps, (K,): all of ``dt`` in balance."""
    whole = np.full(fast.rates.shape[1], dt)
    with np.errstate(divide="ignore"):  # nothing may move at all
        times = FIRST / (fast.decays + np.abs(fast.rates))
    return np.where(fast.away(whole) <= CALM, dt, times).min(axis=0)


def _judged(before: Fast, after: Fast, h: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """Whether a sub-step counts, and the ratio to it of the next one, or of its repetition; (K,) each."""
    calm = after.away(h) <= CALM
    z = h * np.maximum(before.decays, after.decays)
    unit = h / (1.0 + z)
    error = np.abs(after.rates - before.rates) * unit
    resolved = (z <= RESOLVED) & (error <= LOOSE)
    slower = np.minimum(RESOLVED / z, SAFETY * np.sqrt(LOOSE / np.maximum(error, 1e-9)))
    # what rings changes its sign, and does so for ever: new is only what it misses then
    bent = np.abs(after.rates + before.rates) * unit
    ratio = np.maximum(slower, SAFETY * np.sqrt(CALM / np.maximum(bent, 1e-9)))
    return np.all(calm | resolved, axis=0), np.clip(ratio, SHRINK, LEAP).min(axis=0)
