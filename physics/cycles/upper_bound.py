"""A rigorous upper bound of the optimal long-run average reward, for one dynamical variable.

For ANY bounded function h,

    g* <= sup_{x,u,a} B,        B = r + h(x') - h(x)

because h telescopes along every trajectory (M. L. Puterman, Markov Decision Processes (1994), section 8.4). h is the
piecewise linear result of value iteration. A maximum over policies has convex kinks, which lie below the chord of a
grid cell, so they cost nothing; what remains of the interpolation is of second order in the grid.

The supremum is bounded by branch and bound over cells (x in [x_i, x_i+1]) x (|u - u_j| <= b). With the chord
h(y) <= h(y_a) + p (y - y_a) + C l / 4 over the interval [y_a, y_b] of length l that x' can reach, C being the total
decrease of the slope of h inside it, B is bounded by a function that is linear in x, hence by its values at x_i and
x_i+1, which are smooth in u and get a Taylor bound.

Rigorous for all x and u, up to float64 round-off (about 1e-13 relative) and up to the decay of Chebyshev coefficients
that stands for the smoothness of the machine in u.
"""

from __future__ import annotations

import numpy as np

from .scalar_problem import Choice, ScalarProblem
from .value_iteration import GAIN_FLOOR, Better, Value

MAX_HALVINGS = 24
"""How often an interval of the control may be halved."""


def upper_bound(problem: ScalarProblem, value: Value, tolerance: float) -> tuple[float, list[Better]]:
    """Bound of sup B per step, tight to about the relative ``tolerance`` for the given h, and controls for repair."""
    found = [_branch_and_bound(problem, choice, value, tolerance) for choice in problem.choices]
    # a choice that does nothing has B = 0
    return max([bound for bound, _ in found] + [0.0] * problem.idle), [better for _, better in found]


def _branch_and_bound(problem: ScalarProblem, choice: Choice, value: Value, tolerance: float) -> tuple[float, Better]:
    """Bound of sup B for one choice; and nodes, controls and excesses where B was found above the gain."""
    nodes, h = value.nodes, value.h
    spacing = nodes[1] - nodes[0]
    slope = np.diff(h) / spacing
    # total decrease of the slope up to and including node k, for the concave part of h inside an interval
    decrease = np.concatenate([[0.0], np.cumsum(np.maximum(-np.diff(slope), 0.0)), [0.0]])
    decrease[-1] = decrease[-2]
    largest = max(abs(problem.low), abs(problem.high))
    third = choice.bound(3)
    allowed = tolerance * max(abs(value.gain), GAIN_FLOOR * problem.dt)
    best_known, accepted = value.gain, -np.inf
    met: list[Better] = []

    n_u = 16
    cell = np.repeat(np.arange(len(nodes) - 1), n_u)
    block = np.tile(np.arange(n_u), len(nodes) - 1)
    for halvings in range(MAX_HALVINGS + 1):
        half = 0.5 * (choice.high - choice.low) / n_u
        used, where = np.unique(block, return_inverse=True)
        centre = np.asarray(choice.low + (2 * used + 1) * half, dtype=np.float64)
        c, d, m, v = choice(centre)[:, where]
        c1, d1, m1, v1 = choice(centre, 1)[:, where]
        c2, d2, m2, v2 = choice(centre, 2)[:, where]
        x = np.stack([nodes[cell], nodes[cell + 1]])
        y = m * x + v
        rest = third[2] * largest + third[3]
        reach = np.abs(m1 * x + v1) * half + (np.abs(m2 * x + v2) + rest * half) * (0.5 * half**2)
        # no control leads out of the interval, so what the reach adds outside of it does not occur
        first = np.maximum((y - reach).min(axis=0), problem.low)
        last = np.minimum((y + reach).max(axis=0), problem.high)
        length = last - first
        h_first = value(first)
        p = (value(last) - h_first) / np.where(length > 0, length, 1.0)
        p = np.clip(p, slope.min(), slope.max())  # round-off in a tiny interval
        inside_first = np.clip(np.floor((first - problem.low) / spacing).astype(np.int64), 0, len(nodes) - 1)
        inside_last = np.clip(np.ceil((last - problem.low) / spacing).astype(np.int64) - 1, 0, len(nodes) - 1)
        concave = np.maximum(decrease[inside_last] - decrease[inside_first], 0.0) * (0.25 * length)
        level = c * x + d - np.stack([h[cell], h[cell + 1]])
        curvature = np.abs(c2 * x + d2 + p * (m2 * x + v2))
        curvature += (third[0] * largest + third[1] + np.abs(p) * rest) * half
        spread = np.abs(c1 * x + d1 + p * (m1 * x + v1)) * half + curvature * (0.5 * half**2)
        bound = (level + p * (y - first) + spread).max(axis=0) + h_first + concave
        here = level + value(y)
        best_known = max(best_known, float(here.max()))
        side, k = np.nonzero(here > value.gain + allowed)
        met.append(Better(cell[k] + side, centre[where[k]], here[side, k] - value.gain))
        # a cell whose bound no longer depends on the size of the control interval is done
        done = (spread.max(axis=0) <= 0.5 * allowed) & (reach.max(axis=0) <= 0.125 * spacing)
        done |= halvings == MAX_HALVINGS
        accepted = max(accepted, float(bound[done].max(initial=-np.inf)))
        split = (bound > best_known + allowed) & ~done
        if not split.any():
            break
        cell = np.repeat(cell[split], 2)
        block = (2 * block[split, None] + np.arange(2)).ravel()
        n_u *= 2
    error = choice.error
    steepest = float(np.abs(slope).max())
    interpolation = error[0] * largest + error[1] + steepest * (error[2] * largest + error[3])
    better = Better(*(np.concatenate(parts) for parts in zip(*met, strict=True)))
    return max(accepted, best_known + allowed) + float(interpolation), better
