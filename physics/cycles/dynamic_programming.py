"""The true optimum of a machine with one dynamical variable: an attained lower and a certified upper bound.

Long-run average reward over ALL policies (any period, any feedback) on the grid dt:

    lower bound   of an actual cycle: value iteration -> greedy roll-out -> its recurrent cycle -> polished
    upper bound   by duality: for ANY bounded function h,     g* <= sup_{x,u,a} B,   B = r + h(x') - h(x)

because h telescopes along every trajectory (M. L. Puterman, Markov Decision Processes (1994), section 8.4). h is the
piecewise linear result of value iteration. A maximum over policies has convex kinks, which lie below the chord of a
grid cell, so they cost nothing; what remains of the interpolation is of second order in the grid.

The supremum is bounded by branch and bound over cells (x in [x_i, x_i+1]) x (|u - u_j| <= b). With the chord
h(y) <= h(y_a) + p (y - y_a) + C l / 4 over the interval [y_a, y_b] of length l that x' can reach, C being the total
decrease of the slope of h inside it, B is bounded by a function that is linear in x, hence by its values at x_i and
x_i+1, which are smooth in u and get a Taylor bound. Rigorous for all x and u, up to float64 round-off (about 1e-13
relative) and to the decay of Chebyshev coefficients that stands for the smoothness of the machine in u.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..control import FloatArray, IntArray
from ..machine import AffineMachine
from .objective import Objective
from .periodic import POWER, BestCycle, average_reward, optimise_word
from .scalar_problem import Choice, ScalarProblem, scalar_problem

N_COARSE, N_LEVELS = 257, 65
"""First grid of x and of u."""

MAX_NODES = 16385
MAX_STEPS = 60
"""Longest recurrent cycle that is looked for (steps)."""


@dataclass(frozen=True)
class Bounds:
    """Bounds of the optimal long-run average reward, in units of the objective.

    Attributes:
        lower: reached by ``cycle``.
        upper: no policy does better.
        cycle: the cycle of the lower bound.
        n_nodes: nodes of the grid of x behind the upper bound.
    """

    lower: float
    upper: float
    cycle: BestCycle
    n_nodes: int


@dataclass(frozen=True, eq=False)
class _Value:
    """Relative value function, piecewise linear on nodes (n,), and the best control of each choice at each node."""

    nodes: FloatArray
    h: FloatArray
    gain: float
    controls: FloatArray  # (choices, n)

    def __call__(self, y: FloatArray) -> FloatArray:
        return np.interp(y, self.nodes, self.h)


def optimal_bounds(
    machine: AffineMachine, dt: float, objective: Objective = POWER, target: float = 1e-5
) -> Bounds:
    """Bounds of the optimal average reward over all policies with steps of length ``dt``.

    Args:
        machine: a machine with one dynamical variable and one continuous control.
        dt: length of a step (time).
        objective: what is averaged.
        target: relative gap at which the grid is no longer refined.

    Raises:
        ParameterError: if the machine has another number of variables or controls.
    """
    problem = scalar_problem(machine, dt, objective)
    coarse = _iterate(problem, _full_grid(problem, N_COARSE), np.zeros(N_COARSE), 1e-5)
    n = 2049
    value = _refine(problem, coarse, n)
    cycle = _recurrent_cycle(machine, problem, value, objective)
    while True:
        upper = _upper_bound(problem, value, 0.1 * target) / dt
        gap = upper - cycle.value
        if gap <= target * abs(cycle.value) or n >= MAX_NODES:
            return Bounds(cycle.value, upper, cycle, n)
        n = 2 * n - 1
        value = _refine(problem, value, n)


# ---- value iteration --------------------------------------------------------------------------------------------


def _full_grid(problem: ScalarProblem, n: int) -> FloatArray:
    """Candidates of the control, (choices, candidates, n)."""
    grids = [np.linspace(c.low, c.high, N_LEVELS) for c in problem.choices]
    return np.repeat(np.stack(grids)[:, :, None], n, axis=2)


def _refine(problem: ScalarProblem, value: _Value, n: int) -> _Value:
    """Value function on ``n`` nodes; the controls are searched for near the old ones, on ever finer steps."""
    nodes = np.linspace(problem.low, problem.high, n)
    h = value(nodes)
    # a control jumps from node to node where the policy changes; the nearest node avoids inventing values between
    nearest = np.rint((nodes - problem.low) / (value.nodes[1] - value.nodes[0])).astype(int)
    controls = value.controls[:, nearest]
    low, high = problem.choices[0].low, problem.choices[0].high
    step = (high - low) / (N_LEVELS - 1)
    for tolerance in (1e-5, 1e-6, 1e-7):
        step /= 4.0
        offsets = step * np.arange(-4, 5)
        candidates = np.clip(controls[:, None, :] + offsets[None, :, None], low, high)
        found = _iterate(problem, candidates, h, tolerance)
        h, controls = found.h, found.controls
    return found


def _iterate(problem: ScalarProblem, candidates: FloatArray, h: FloatArray, tolerance: float) -> _Value:
    """Damped relative value iteration until the gain is known to the relative ``tolerance``.

    Args:
        problem: the problem.
        candidates: controls to choose from, (choices, candidates, n).
        h: first guess at the nodes, (n,).
        tolerance: relative to the gain.
    """
    n_choices, n_candidates, n = candidates.shape
    nodes = np.linspace(problem.low, problem.high, n)
    spacing = nodes[1] - nodes[0]
    reward = np.empty(candidates.shape)
    after = np.empty(candidates.shape)
    for k, choice in enumerate(problem.choices):
        c, d, m, v = choice(candidates[k].ravel()).reshape(4, n_candidates, n)
        reward[k] = c * nodes + d
        after[k] = m * nodes + v
    reward, after = reward.reshape(-1, n), after.reshape(-1, n)
    position = (after - problem.low) / spacing
    index = np.clip(position.astype(np.int64), 0, n - 2)
    fraction = position - index
    low = high = 0.0
    for _ in range(20000):
        # damping makes the iteration converge although the optimal policy is periodic
        best = (reward + h[index] + fraction * (h[index + 1] - h[index])).max(axis=0)
        change = best - h
        low, high = float(change.min()), float(change.max())
        h = 0.5 * (h + best)
        h = h - h[0]
        if high - low <= tolerance * abs(high):
            break
    q = (reward + h[index] + fraction * (h[index + 1] - h[index])).reshape(n_choices, n_candidates, n)
    picked = np.take_along_axis(candidates, q.argmax(axis=1)[:, None, :], axis=1)[:, 0]
    return _Value(nodes, h, high, picked)


# ---- lower bound ------------------------------------------------------------------------------------------------


def _recurrent_cycle(
    machine: AffineMachine, problem: ScalarProblem, value: _Value, objective: Objective
) -> BestCycle:
    """The best cycle inside a greedy trajectory, polished: an attained lower bound."""
    controls, choice = _roll_out(problem, value, 100 + 2 * MAX_STEPS)
    controls, choice = controls[100:], choice[100:]
    found: list[tuple[float, int, int]] = []
    starts = np.arange(MAX_STEPS)[:, None]
    for n in range(1, MAX_STEPS + 1):
        window = starts + np.arange(n)
        reward, _ = average_reward(machine, controls[window][:, :, None], choice[window], np.full(n, problem.dt), objective)
        i = int(np.argmax(np.where(np.isnan(reward), -np.inf, reward)))
        # of equally good cycles the shortest
        found.append((float(reward[i]) - 1e-9 * n * abs(float(reward[i])), n, i))
    polished = [
        optimise_word(
            machine,
            choice[i : i + n],
            problem.dt,
            objective,
            start=controls[i : i + n, None],
            n_starts=1,
            label=f"dynamic programming, {n} steps",
        )
        for _, n, i in sorted(found, reverse=True)[:3]
    ]
    return max(polished, key=lambda b: b.value - 1e-9 * len(b.cycle) * abs(b.value))


def _roll_out(problem: ScalarProblem, value: _Value, n_steps: int) -> tuple[FloatArray, IntArray]:
    """Greedy controls and choices, (n_steps,) each."""
    controls, choice = np.empty(n_steps), np.empty(n_steps, dtype=np.int64)
    x, spacing = 0.5 * (problem.low + problem.high), value.nodes[1] - value.nodes[0]
    for t in range(n_steps):
        node = round((x - problem.low) / spacing)
        best = -np.inf
        after = x
        for k, option in enumerate(problem.choices):
            u = value.controls[k, node]
            c, d, m, v = option(np.array([u]))[:, 0]
            q = c * x + d + float(value(np.array([m * x + v]))[0])
            if q > best:
                best, controls[t], choice[t], after = q, u, option.index, float(m * x + v)
        x = after
    return controls, choice


# ---- upper bound ------------------------------------------------------------------------------------------------


def _upper_bound(problem: ScalarProblem, value: _Value, tolerance: float) -> float:
    """Bound of sup B per step, tight to about the relative ``tolerance`` for the given h."""
    bounds = [_branch_and_bound(problem, choice, value, tolerance) for choice in problem.choices]
    # a choice that does nothing has B = 0
    return max(bounds + [0.0] * problem.idle)


def _branch_and_bound(problem: ScalarProblem, choice: Choice, value: _Value, tolerance: float) -> float:
    nodes, h = value.nodes, value.h
    spacing = nodes[1] - nodes[0]
    slope = np.diff(h) / spacing
    # total decrease of the slope up to and including node k, for the concave part of h inside an interval
    decrease = np.concatenate([[0.0], np.cumsum(np.maximum(-np.diff(slope), 0.0)), [0.0]])
    decrease[-1] = decrease[-2]
    largest = max(abs(problem.low), abs(problem.high))
    third = choice.bound(3)
    allowed = tolerance * max(abs(value.gain), 1e-12)
    best_known, accepted = value.gain, -np.inf

    n_u = 64
    cell = np.repeat(np.arange(len(nodes) - 1), n_u)
    block = np.tile(np.arange(n_u), len(nodes) - 1)
    for _ in range(24):
        half = 0.5 * (choice.high - choice.low) / n_u
        used, where = np.unique(block, return_inverse=True)
        centre = choice.low + (2 * used + 1) * half
        c, d, m, v = choice(centre)[:, where]
        c1, d1, m1, v1 = choice(centre, 1)[:, where]
        c2, d2, m2, v2 = choice(centre, 2)[:, where]
        x = np.stack([nodes[cell], nodes[cell + 1]])
        y = m * x + v
        rest = third[2] * largest + third[3]
        reach = np.abs(m1 * x + v1) * half + (np.abs(m2 * x + v2) + rest * half) * (0.5 * half**2)
        first, last = (y - reach).min(axis=0), (y + reach).max(axis=0)
        length = last - first
        h_first = value(first)
        p = np.where(length > 0, (value(last) - h_first) / np.where(length > 0, length, 1.0), 0.0)
        inside_first = np.clip(np.floor((first - problem.low) / spacing).astype(np.int64), 0, len(nodes) - 1)
        inside_last = np.clip(np.ceil((last - problem.low) / spacing).astype(np.int64) - 1, 0, len(nodes) - 1)
        concave = np.maximum(decrease[inside_last] - decrease[inside_first], 0.0) * (0.25 * length)
        level = c * x + d - np.stack([h[cell], h[cell + 1]])
        curvature = np.abs(c2 * x + d2 + p * (m2 * x + v2))
        curvature += (third[0] * largest + third[1] + np.abs(p) * rest) * half
        spread = np.abs(c1 * x + d1 + p * (m1 * x + v1)) * half + curvature * (0.5 * half**2)
        bound = (level + p * (y - first) + spread).max(axis=0) + h_first + concave
        best_known = max(best_known, float((level + value(y)).max()))
        # a cell whose bound no longer depends on the size of the control interval is done
        done = (spread.max(axis=0) <= 0.5 * allowed) & (reach.max(axis=0) <= 0.125 * spacing)
        done &= bound > best_known + allowed
        accepted = max(accepted, float(bound[done].max(initial=-np.inf)))
        split = (bound > best_known + allowed) & ~done
        if not split.any():
            break
        cell = np.repeat(cell[split], 2)
        block = (2 * block[split, None] + np.arange(2)).ravel()
        n_u *= 2
    else:
        accepted = max(accepted, float(bound[split].max()))
    error = choice.error
    steepest = float(np.abs(slope).max())
    interpolation = error[0] * largest + error[1] + steepest * (error[2] * largest + error[3])
    return max(accepted, best_known + allowed) + float(interpolation)
