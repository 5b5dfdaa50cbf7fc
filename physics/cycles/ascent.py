"""Ascent of many functions of bounded variables at once: projected L-BFGS, one row per function.

Every row has its own memory, step length and end; one call evaluates all rows that still move. A step is taken if it
gains enough (Armijo), otherwise the row tries a shorter one in the next call.

Source: the method is L-BFGS (D. C. Liu, J. Nocedal, Math. Program. 45, 503 (1989)) on the free variables, with the
projection of D. P. Bertsekas, SIAM J. Control Optim. 20, 221 (1982).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..control import FloatArray, IntArray

MEMORY = 8
"""Pairs of steps and changes of the gradient that are remembered."""

ENOUGH = 1e-4
"""Fraction of the linear gain that a step must reach."""

FIRST, LONGEST, SHORTEST = 0.05, 0.5, 1e-9
"""Largest change of a variable in the first step, and in any; a row with shorter steps than the last has arrived."""

STALL = 15
"""Steps over which a row must gain more than ``gain``."""


def ascend(
    function: Callable[[FloatArray, IntArray], tuple[FloatArray, FloatArray]],
    start: FloatArray,
    n_calls: int,
    gain: float = 1e-8,
) -> tuple[FloatArray, FloatArray]:
    """Maximise K functions of D variables in [0, 1].

    Args:
        function: of points (L, D) and the rows (L,) they belong to; returns values (L,) and gradients (L, D). A value
            that is not finite is never accepted.
        start: shape (K, D).
        n_calls: calls of ``function`` at most.
        gain: a row ends when 15 steps gained less than this, relative to its value.

    Returns:
        Best values (K,), not finite where the start was not, and the points (K, D).
    """
    x = np.clip(start, 0.0, 1.0)
    k, d = x.shape
    value, gradient = function(x, np.arange(k))
    steps, changes = np.zeros((MEMORY, k, d)), np.zeros((MEMORY, k, d))
    curvature = np.zeros((MEMORY, k))  # 1/(s.y); 0: nothing remembered
    direction = _direction(x, gradient, steps, changes, curvature)
    length = np.ones(k)
    earlier, since = value.copy(), np.zeros(k, dtype=np.int64)
    rows = np.flatnonzero(np.isfinite(value) & (np.abs(direction).max(axis=1, initial=0.0) > 0.0))
    for _ in range(n_calls - 1):
        if not len(rows):
            break
        here, slope = x[rows], gradient[rows]
        there = np.clip(here + length[rows, None] * direction[rows], 0.0, 1.0)
        move = there - here
        new_value, new_gradient = function(there, rows)
        linear = np.einsum("kd,kd->k", slope, move)
        taken = (new_value >= value[rows] + ENOUGH * linear) & (linear > 0.0)
        length[rows[~taken]] *= 0.3
        good = rows[taken]
        if len(good):
            s, y = move[taken], (slope - new_gradient)[taken]
            sy = np.einsum("kd,kd->k", s, y)
            usable = sy > 1e-10 * np.sqrt(np.einsum("kd,kd->k", s, s) * np.einsum("kd,kd->k", y, y))
            steps[:, good], changes[:, good] = np.roll(steps[:, good], 1, axis=0), np.roll(changes[:, good], 1, axis=0)
            curvature[:, good] = np.roll(curvature[:, good], 1, axis=0)
            steps[0, good], changes[0, good] = s, y
            curvature[0, good] = np.where(usable, 1.0 / np.where(usable, sy, 1.0), 0.0)
            x[good], value[good], gradient[good] = there[taken], new_value[taken], new_gradient[taken]
            length[good] = 1.0
            direction[good] = _direction(x[good], gradient[good], steps[:, good], changes[:, good], curvature[:, good])
            since[good] += 1
            check = good[since[good] == STALL]
            stalled = value[check] - earlier[check] <= gain * np.abs(value[check])
            earlier[check], since[check] = value[check], 0
            length[check[stalled]] = 0.0
        moving = length[rows] * np.abs(direction[rows]).max(axis=1, initial=0.0) > SHORTEST
        rows = rows[moving]
    return value, x


def _direction(
    x: FloatArray, gradient: FloatArray, steps: FloatArray, changes: FloatArray, curvature: FloatArray
) -> FloatArray:
    """Uphill directions (K, D): the two-loop recursion on the variables that are free to move."""
    free = ~(((x <= 0.0) & (gradient <= 0.0)) | ((x >= 1.0) & (gradient >= 0.0)))
    slope = np.where(free, gradient, 0.0)
    q = slope.copy()
    weights = np.empty(curvature.shape)
    for i in range(MEMORY):
        weights[i] = curvature[i] * np.einsum("kd,kd->k", steps[i], q)
        q -= weights[i, :, None] * changes[i]
    newest = changes[0]
    size = np.einsum("kd,kd->k", newest, newest) * curvature[0]
    known = size > 0.0
    largest = np.maximum(np.abs(slope).max(axis=1, initial=0.0), 1e-300)
    q *= np.where(known, 1.0 / np.where(known, size, 1.0), FIRST / largest)[:, None]
    for i in reversed(range(MEMORY)):
        back = weights[i] - curvature[i] * np.einsum("kd,kd->k", changes[i], q)
        q += back[:, None] * steps[i]
    q = np.where(free, q, 0.0)
    uphill = np.einsum("kd,kd->k", q, slope) > 0.0
    q = np.where(uphill[:, None], q, slope * (FIRST / largest)[:, None])
    reach = np.abs(q).max(axis=1, initial=0.0)
    return q * np.minimum(1.0, LONGEST / np.maximum(reach, 1e-300))[:, None]
