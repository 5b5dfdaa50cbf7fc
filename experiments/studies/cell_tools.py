"""Runs of cells for the studies: what a constant control does, step by step, with all ledgers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...physics.cells.cell import Cell
from ...physics.cells.electrical import ElectricalCell
from .study import Check, law


class Played(NamedTuple):
    """K cells over N steps.

    Attributes:
        times: s, (N + 1,).
        x: variables, (N + 1, n_x, K).
        theta: temperature above ambient, K, (N + 1, K).
        values: controls in each step, (N, m, K).
        delivered: work out of the terminals in each step, J, (N, K).
        heat: received from each bath in each step, J, (N, B, K).
        dissipated: in each channel in each step, J, (N, C, K).
    """

    times: np.ndarray
    x: np.ndarray
    theta: np.ndarray
    values: np.ndarray
    delivered: np.ndarray
    heat: np.ndarray
    dissipated: np.ndarray

    def state(self, k: int = 0) -> np.ndarray:
        """States of cell ``k`` at all times with the control of the step that ends there, (N + 1, n_state)."""
        held = np.concatenate([self.values[:1], self.values])[:, :, k]
        return np.column_stack([self.x[:, :, k], self.theta[:, k], held])

    def then(self, other: Played) -> Played:
        """This run and what followed it."""
        return Played(
            np.concatenate([self.times, self.times[-1] + other.times[1:]]),
            *(np.concatenate([a, b[1:]]) for a, b in ((self.x, other.x), (self.theta, other.theta))),
            *(np.concatenate([a, b]) for a, b in zip(self[3:], other[3:], strict=True)),
        )  # fmt: skip


def play(
    cell: Cell,
    x: np.ndarray,
    theta: np.ndarray,
    values: np.ndarray,
    dt: float,
    steps: int,
    ends: Callable[[np.ndarray], bool] | None = None,
) -> Played:
    """K cells with constant controls and the first choice.

    Args:
        cell: the cell.
        x, theta: variables (n_x, K) and temperature above ambient (K,) at the start.
        values: controls (m, K).
        dt: step, s.
        steps: how many at most.
        ends: told the variables after a step, whether to stop.
    """
    choice = np.zeros(x.shape[1], dtype=np.int64)
    states, warm, moved = [x], [theta], []
    for _ in range(steps):
        done = cell.advance(states[-1], warm[-1], values, values, choice, dt)
        states.append(done.x)
        warm.append(done.theta)
        moved.append((done.delivered, done.heat.T, done.dissipated))
        if ends is not None and ends(done.x):
            break
    delivered, heat, dissipated = (np.array(part) for part in zip(*moved, strict=True))
    held = np.broadcast_to(values, (len(moved), *values.shape))
    return Played(
        dt * np.arange(len(states)), np.array(states), np.array(warm), held, delivered, heat, dissipated
    )  # fmt: skip


def voltage(cell: ElectricalCell, run: Played, k: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Terminal voltage (V) and current (A) of cell ``k`` at all times."""
    return cell.terminal(run.state(k))


def laws(name: str, cell: Cell, run: Played) -> tuple[Check, Check]:
    """Both laws in each step of a run, from the state functions; relative to all that was moved."""
    states = np.stack([run.state(k) for k in range(run.theta.shape[1])], axis=1)
    shape = states.shape[:2]
    flat = states.reshape(-1, states.shape[2])
    energy, entropy = (np.diff(f(flat).reshape(shape), axis=0) for f in (cell.internal_energy, cell.entropy))
    scale = np.abs(run.delivered).sum(axis=0).max() + np.abs(run.heat).sum(axis=(0, 1)).max()
    residual = energy + run.delivered - run.heat.sum(axis=1)
    produced = entropy - np.einsum("nbk,b->nk", run.heat, cell.betas)
    return (
        Check(name, "largest energy that is missing in a step / energy moved", float(np.abs(residual).max() / scale),
              0.0, 1e-10, "first law"),
        law(name, "least entropy produced in a step x T / energy moved", float(produced.min() * cell.ambient / scale)),
    )  # fmt: skip
