"""Value iteration for one dynamical variable, with controls that are refined where the optimum is.

The relative value function h is piecewise linear on evenly spaced nodes and solves, at the nodes,

    max_{u,a} [ r + h(x') ] = h(x) + g                        (g: gain per step)

(D. P. Bertsekas, Dynamic Programming and Optimal Control, vol. 2 (2012), chapter 5). Nothing here needs to be
rigorous: ``upper_bound`` accepts any h.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..control import FloatArray, IntArray
from .scalar_problem import ScalarProblem

N_COARSE, N_LEVELS = 257, 65
"""First grid of x and of u."""

GAIN_FLOOR = 0.1
"""Objectives are of order one; below this average, tolerances are absolute."""


class Better(NamedTuple):
    """Controls that turned out better than those that were followed, for one choice; all of shape (K,).

    Attributes:
        node: index of the node.
        u: the control.
        excess: by how much r + h(x') exceeds h(x) + g.
    """

    node: IntArray
    u: FloatArray
    excess: FloatArray


@dataclass(frozen=True, eq=False)
class Value:
    """Relative value function, piecewise linear on nodes.

    Attributes:
        nodes: (n,), evenly spaced.
        h: values at the nodes, (n,).
        gain: largest change of h in one step.
        controls: best control of every choice on each branch that is followed, (choices, branches, n).
        rewards: reward to go, r + h(x'), of these controls, (choices, branches, n).
    """

    nodes: FloatArray
    h: FloatArray
    gain: float
    controls: FloatArray
    rewards: FloatArray

    def __call__(self, y: FloatArray) -> FloatArray:
        return np.interp(y, self.nodes, self.h)


def coarse_value(problem: ScalarProblem) -> Value:
    """Value function on a coarse grid, with the controls of the two sides of each node as branches.

    The best control jumps where the policy changes. Nodes near a jump follow both sides of it, because the maximum
    over a window around one of them would miss the other.
    """
    grids = [np.linspace(c.low, c.high, N_LEVELS) for c in problem.choices]
    candidates = np.repeat(np.stack(grids)[:, None, :, None], N_COARSE, axis=3)
    value = _iterate(problem, candidates, np.zeros(N_COARSE), 1e-5)
    k = np.arange(N_COARSE)
    sides = [value.controls[:, 0, np.clip(k + shift, 0, N_COARSE - 1)] for shift in (-2, 2)]
    return replace(value, controls=np.stack(sides, axis=1))


def refined_value(problem: ScalarProblem, value: Value, n: int) -> Value:
    """Value function on ``n`` nodes; the controls are searched for near the old ones, on ever finer steps."""
    nodes = np.linspace(problem.low, problem.high, n)
    nearest = np.rint((nodes - problem.low) / (value.nodes[1] - value.nodes[0])).astype(int)
    found = replace(value, h=value(nodes), controls=value.controls[:, :, nearest])
    for zoom, tolerance in ((1, 1e-5), (2, 1e-6), (3, 1e-6)):
        found = _zoom(problem, found, zoom, tolerance)
    return found


def _zoom(problem: ScalarProblem, value: Value, zoom: int, tolerance: float) -> Value:
    """Value iteration over windows of controls around those of ``value``, in steps of 3^-zoom coarse steps."""
    low, high = problem.choices[0].low, problem.choices[0].high
    window = (high - low) / (N_LEVELS - 1) / 3.0**zoom * np.arange(-3, 4)
    candidates = np.clip(value.controls[:, :, None, :] + window[:, None], low, high)
    return _iterate(problem, candidates, value.h, tolerance)


def repaired_value(problem: ScalarProblem, value: Value, better: list[Better]) -> Value:
    """Follow better controls that branch and bound has met, one entry per choice.

    At each node the worse branch is given up for the control of the largest excess.
    """
    controls = value.controls.copy()
    for k, (node, u, excess) in enumerate(better):
        order = np.argsort(excess)
        node, u = node[order], u[order]
        # of repeated nodes the last assignment wins, which is the largest excess
        controls[k, value.rewards[k, :, node].argmin(axis=1), node] = u
    return _zoom(problem, replace(value, controls=controls), 3, 1e-6)


def _iterate(problem: ScalarProblem, candidates: FloatArray, h: FloatArray, tolerance: float) -> Value:
    """Damped relative value iteration until the gain is known to the relative ``tolerance``.

    Args:
        problem: the problem.
        candidates: controls to choose from, (choices, branches, candidates, n).
        h: first guess at the nodes, (n,).
        tolerance: relative to the gain.
    """
    n = len(h)
    nodes = np.linspace(problem.low, problem.high, n)
    spacing = nodes[1] - nodes[0]
    functions = np.stack([choice(u.ravel()) for choice, u in zip(problem.choices, candidates, strict=True)])
    c, d, m, v = functions.swapaxes(0, 1).reshape(4, -1, n)
    reward = c * nodes + d
    position = (m * nodes + v - problem.low) / spacing
    index = np.clip(position.astype(np.int64), 0, n - 2)
    fraction = position - index
    high = 0.0
    for _ in range(20000):
        # damping makes the iteration converge although the optimal policy is periodic
        left = h[index]
        change = (reward + left + fraction * (h[index + 1] - left)).max(axis=0) - h
        high = float(change.max())
        h = h + 0.5 * change
        h = h - h[0]
        if high - float(change.min()) <= tolerance * max(abs(high), GAIN_FLOOR * problem.dt):
            break
    q = (reward + h[index] + fraction * (h[index + 1] - h[index])).reshape(candidates.shape)
    best = q.argmax(axis=2, keepdims=True)
    controls, rewards = (np.take_along_axis(array, best, axis=2)[:, :, 0] for array in (candidates, q))
    return Value(nodes, h, high, controls, rewards)
