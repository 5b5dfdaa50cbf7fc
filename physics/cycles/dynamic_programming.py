"""The true optimum of a machine with one dynamical variable: an attained lower and a certified upper bound.

Long-run average reward over ALL policies (any period, any feedback) on the grid dt:

    lower bound   of an actual cycle: value iteration -> greedy roll-out -> its recurrent cycle -> polished
    upper bound   sup over x, u, a of r + h(x') - h(x), certified by branch and bound (``upper_bound``)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..control import FloatArray, IntArray
from ..machine import AffineMachine
from .cycle import Cycle
from .objective import Objective
from .periodic import POWER, BestCycle, average_reward, optimise_word
from .scalar_problem import ScalarProblem, scalar_problem
from .upper_bound import upper_bound
from .value_iteration import GAIN_FLOOR, Value, coarse_value, refined_value, repaired_value

MIN_NODES, MAX_NODES = 2049, 8193
"""First and last grid of x for the upper bound."""

MAX_REPAIRS = 3
"""How often better controls are fed back before the grid is refined."""

MAX_STEPS = 60
"""Longest recurrent cycle that is looked for (steps)."""

TRANSIENT = 100
"""Steps of the roll-out that are dropped."""


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
    cycle: Cycle
    n_nodes: int


def optimal_bounds(machine: AffineMachine, dt: float, objective: Objective = POWER, target: float = 1e-5) -> Bounds:
    """Bounds of the optimal average reward over all policies with steps of length ``dt``.

    Args:
        machine: a machine with one dynamical variable and one continuous control.
        dt: length of a step (time).
        objective: what is averaged.
        target: relative gap at which the grid is no longer refined (absolute, in units of 0.1, for an optimum below
            0.1).

    Raises:
        ParameterError: if the machine has another number of variables or controls.
    """
    problem = scalar_problem(machine, dt, objective)
    n = MIN_NODES
    value = refined_value(problem, coarse_value(problem), n)
    cycle = _recurrent_cycle(machine, problem, value, objective)
    upper, repairs = np.inf, 0
    while True:
        bound, better = upper_bound(problem, value, 0.1 * target)
        upper = min(upper, bound / dt)
        allowed = target * max(abs(cycle.value), GAIN_FLOOR)
        if upper - cycle.value <= allowed:
            break
        if repairs < MAX_REPAIRS and any((b.excess > 0.3 * allowed * dt).any() for b in better):
            value, repairs = repaired_value(problem, value, better), repairs + 1
        elif n < MAX_NODES:
            n, repairs = 2 * n - 1, 0
            value = refined_value(problem, value, n)
            cycle = max(cycle, _recurrent_cycle(machine, problem, value, objective), key=lambda b: b.value)
        else:
            break
    return Bounds(cycle.value, upper, cycle.cycle, n)


def _recurrent_cycle(machine: AffineMachine, problem: ScalarProblem, value: Value, objective: Objective) -> BestCycle:
    """The best cycle inside a greedy trajectory, polished: an attained lower bound."""
    controls, choice = _roll_out(problem, value, TRANSIENT + 2 * MAX_STEPS)
    controls, choice = controls[TRANSIENT:], choice[TRANSIENT:]
    found: list[tuple[float, int, int]] = []
    starts = np.arange(MAX_STEPS)[:, None]
    for n in range(1, MAX_STEPS + 1):
        window = starts + np.arange(n)
        reward, _ = average_reward(
            machine, controls[window][:, :, None], choice[window], np.full(n, problem.dt), objective
        )
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


def _roll_out(problem: ScalarProblem, value: Value, n_steps: int) -> tuple[FloatArray, IntArray]:
    """Greedy controls and choices, (n_steps,) each."""
    controls, choice = np.empty(n_steps), np.empty(n_steps, dtype=np.int64)
    x, spacing = 0.5 * (problem.low + problem.high), value.nodes[1] - value.nodes[0]
    for t in range(n_steps):
        node = round((x - problem.low) / spacing)
        best = -np.inf
        after = x
        for k, option in enumerate(problem.choices):
            u = value.controls[k, :, node]
            c, d, m, v = option(u)
            q = c * x + d + value(m * x + v)
            i = int(np.argmax(q))
            if q[i] > best:
                best, controls[t], choice[t], after = q[i], u[i], option.index, float(m[i] * x + v[i])
        x = after
    return controls, choice
