"""The projective feedback demon by plain dynamic programming: a grid of p, a grid of u, relative value iteration.

Independent of the renewal argument and of its symmetry; as good as its grids, with no bound of the error.

Source: M. L. Puterman, Markov Decision Processes (1994), section 8.5.
"""

from __future__ import annotations

import numpy as np

from ..control import FloatArray
from ..machines.feedback_demon import FeedbackDemon
from ..states import binary_entropy
from ..validation import ParameterError, check_integer, check_positive, check_range
from .renewal import RenewalCycle

MAX_SWEEPS, CONVERGED = 20_000, 1e-7
"""Sweeps, and the span of the rise of h in one of them at which the gain is accepted."""

LAZINESS = 0.5
"""Share of the old value kept in a sweep: cycles of few steps would make the iteration oscillate."""


def grid_iteration(
    machine: FeedbackDemon, dt: float, weight: float, n_p: int = 1501, spacing: float = 0.01
) -> tuple[float, RenewalCycle]:
    """Optimal gain on the grids, and the greedy cycle after outcome 0.

    Args:
        machine: the machine.
        dt: length of a step (time).
        weight: c of the objective c P / P0 - (1 - c) D / D0.
        n_p: points of p in [0, 1], with linear interpolation between them.
        spacing: of u in [-u_max, u_max].

    Raises:
        ParameterError: for an argument out of its range; if it does not converge; if the greedy policy does not
            measure (the demon does not pay).
    """
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    check_integer("n_p", n_p, 2)
    check_positive("spacing", spacing)
    m = int(np.floor(machine.u_max / spacing + 1e-9))
    u = np.arange(-m, m + 1) * np.float64(spacing)
    p = np.linspace(0.0, 1.0, n_p)
    paid = weight / (machine.power_unit * dt)
    costs = (1.0 - weight) / (machine.dissipation_unit * dt)

    def contact(p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Populations after a step and rewards, (len(p), len(u))."""
        after = machine.relaxed(p[:, None], u, dt)
        return after, paid * machine.E0 * u * (after - p[:, None])

    after, reward = contact(p)
    left = np.minimum((after * (n_p - 1)).astype(np.int64), n_p - 2)
    share = after * (n_p - 1) - left
    measured = -costs * binary_entropy(p)

    def backup(h: FloatArray) -> FloatArray:
        onward = (reward + (1.0 - share) * h[left] + share * h[left + 1]).max(axis=1)
        return np.maximum(np.maximum(onward, measured + p * h[-1] + (1.0 - p) * h[0]), h)

    h = np.zeros(n_p)
    rise = backup(h)
    sweeps = 0
    while np.ptp(rise) > CONVERGED:
        h = h + (1.0 - LAZINESS) * rise
        h -= h[0]
        rise = backup(h) - h
        sweeps += 1
        if sweeps == MAX_SWEEPS:
            raise ParameterError(f"value iteration did not converge in {MAX_SWEEPS} sweeps: span {np.ptp(rise):.2e}")

    controls: list[float] = []
    now = np.zeros(1)
    while len(controls) < MAX_SWEEPS:
        after, reward = contact(now)
        value = reward[0] + np.interp(after[0], p, h)
        k = int(value.argmax())
        if controls and value[k] <= -costs * binary_entropy(now)[0] + now[0] * h[-1] + (1.0 - now[0]) * h[0]:
            return float(0.5 * (rise.max() + rise.min())), RenewalCycle(machine, dt, tuple(controls))
        controls.append(float(u[k]))
        now = after[:, k]
    raise ParameterError(f"weight = {weight!r}: the best policy on the grid does not measure")
