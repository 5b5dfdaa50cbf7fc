"""Direct search over protocols of the class that an agent plays, and the optimum of projective read-outs of both.

The objective is c P / P0 - (1 - c) D / D0, a long-run average: exact on a coarse grid of beliefs where outcomes are
discrete, else sampled, with the same random numbers for every protocol. So a search is deterministic.

With both qubits read out projectively every measurement starts afresh from one of four levels. What can be done until
the next one is to go to a level and wait there n steps: a semi-Markov decision problem with four states, solved by
policy iteration (R. A. Howard, 1960). ``belief_simplex`` bounds what any other protocol can add.

Source: derived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import entr

from ..control import FloatArray
from ..machine import Machine
from ..machines.detachable_demon import DetachableDemon
from ..machines.measurement_refrigerator import MEASURE, SWAP_MEASURE, MeasurementRefrigerator
from ..machines.two_qubit_demon import TwoQubitDemon
from ..validation import ParameterError, check_integer, check_positive, check_range
from .average import Average, exact_average, long_run, sampled_average
from .belief_simplex import FLIP_1, FLIP_2, SWAP, BeliefModel
from .protocol import Protocol
from .refrigerator_protocols import MeasureTheHotter, OperateAndWait
from .two_qubit_protocols import BayesFeedback, WaitReadTurn

COARSE = 1e-3
"""Grid of the beliefs during a search."""

PATIENCE = 256
"""Longest wait that is tried, in steps."""

SAMPLE = (96, 192, 48)
"""Systems, steps and burn-in of an average that is sampled during a search."""

TRIED = 2
"""Starts from which the search goes on, of those that are listed."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """A parameter of a search: its range, and the first and the last step of the pattern; of an integer, integers."""

    low: float
    high: float
    first: float
    last: float


@dataclass(frozen=True, eq=False)
class Found:
    """Result of a search.

    Attributes:
        protocol: the best protocol.
        machine: the machine.
        dt: length of a step (time).
        weight: c of the objective.
    """

    protocol: Protocol
    machine: Machine
    dt: float
    weight: float

    @cached_property
    def average(self) -> Average:
        """Its long-run averages, more precisely than during the search."""
        return long_run(self.protocol, self.machine, self.dt, max_nodes=8000, same=1e-6)

    @property
    def value(self) -> float:
        """Its objective."""
        return self.average.objective(self.weight)


def pattern_search(
    value: Callable[[Values], float], start: Mapping[str, Any], axes: Mapping[str, Axis]
) -> tuple[Values, float]:
    """Maximum by a pattern: one parameter up or down by its step; without success all steps are halved.

    Args:
        value: the objective of a set of parameters.
        start: where to begin.
        axes: the parameters that are varied.
    """
    best = dict(start)
    top = value(best)
    known = {tuple(best.values()): top}
    steps = {name: axis.first for name, axis in axes.items()}
    while True:
        improved = False
        for name, axis in axes.items():
            for sign in (1.0, -1.0):
                whole = isinstance(best[name], int)
                step = max(1, round(steps[name])) if whole else steps[name]
                moved = min(max(best[name] + sign * step, axis.low), axis.high)
                trial = best | {name: int(moved) if whole else float(moved)}
                key = tuple(trial.values())
                if key not in known:
                    known[key] = value(trial)
                if known[key] > top + 1e-12:
                    best, top, improved = trial, known[key], True
                    break
        if not improved:
            if all(steps[name] <= axis.last for name, axis in axes.items()):
                return best, top
            steps = {name: max(0.5 * steps[name], axis.last) for name, axis in axes.items()}


def search_wait_read_turn(machine: DetachableDemon, dt: float, weight: float = 1.0) -> Found:
    """Best ``WaitReadTurn``: waits, read-outs in a row, thresholds, rounds, strength and direction.

    Along z the strength is 1, which is best (``belief_simplex``).

    Raises:
        ParameterError: for an argument out of its range.
    """
    gap = 0.5 * (machine.e1 + machine.e2)
    axes = {"waits": Axis(1, PATIENCE, 4, 1)}
    starts: list[Values] = [{"waits": _contact_steps(machine, dt)}]
    if not isinstance(machine, TwoQubitDemon):
        axes |= {"reads": Axis(1, 64, 4, 1), "doubt": Axis(0.0, gap, 0.1 * gap, 0.025 * gap)}
        axes |= {"threshold": Axis(0.0, gap, 0.1 * gap, 0.025 * gap)}
        starts = [s | {"reads": 8, "doubt": 0.3 * gap, "threshold": 0.4 * gap} for s in starts]
    axes, starts = _direction(machine, axes, starts)
    if machine.read_out == "one":
        starts = [s | {"rounds": rounds} for s in starts for rounds in (1, 2)]
    return _best(lambda v: WaitReadTurn("wait, read out, turn", machine, **v), machine, dt, weight, starts, axes)


def search_bayes_feedback(machine: DetachableDemon, dt: float, weight: float = 1.0) -> Found:
    """Best ``BayesFeedback``: its thresholds, strength and direction.

    Along z the strength is 1, which is best (``belief_simplex``).

    Raises:
        ParameterError: for an argument out of its range.
    """
    gap = 0.5 * (machine.e1 + machine.e2)
    fine = Axis(0.0, 2.0 * gap, 0.08 * gap, 0.01 * gap)
    axes = {"threshold": fine, "promise": fine}
    # a flip that is soon to be known to be wrong does not pay
    threshold = (0.1 if isinstance(machine, TwoQubitDemon) else 0.4) * gap
    starts: list[Values] = [{"threshold": threshold, "promise": share * gap} for share in (0.08, 0.16, 0.32)]
    if machine.read_out == "one":
        axes |= {"exchange": fine}
        starts = [s | {"exchange": share * gap} for s in starts for share in (0.16, 0.2)]
    axes, starts = _direction(machine, axes, starts)
    return _best(lambda v: BayesFeedback("feedback from the belief", machine, **v), machine, dt, weight, starts, axes)


def _direction(
    machine: DetachableDemon, axes: dict[str, Axis], starts: list[Values]
) -> tuple[dict[str, Axis], list[Values]]:
    """The same with the direction, and the strength of a discrete read-out, if they matter."""
    if machine.diagonal:
        return axes, starts
    axes = axes | {"theta": Axis(0.0, 0.5 * np.pi, 0.125 * np.pi, np.pi / 64)}
    starts = [s | {"theta": theta} for s in starts for theta in (0.0, 0.5 * np.pi)]
    if isinstance(machine, TwoQubitDemon):
        axes = axes | {"k": Axis(0.5, 1.0, 0.1, 0.0125)}
        starts = [s | {"k": k} for s in starts for k in (1.0, 0.85)]
    return axes, starts


def search_operation(machine: MeasurementRefrigerator, dt: float, choice: int, weight: float = 1.0) -> Found:
    """Best ``OperateAndWait`` with one operation: the waits, and the strength where there is one.

    Raises:
        ParameterError: for an argument out of its range.
    """
    axes = {"waits": Axis(0, PATIENCE, 4, 1)}
    starts: list[Values] = [{"waits": n} for n in (0, 4)]
    if choice in (MEASURE, SWAP_MEASURE):
        axes |= {"k": Axis(0.5, 1.0, 0.1, 0.0125)}
        starts = [s | {"k": k} for s in starts for k in (1.0, 0.9)]
    label = f"{machine.control_space.choices[choice]} and wait"
    return _best(lambda v: OperateAndWait(label, choice, **v), machine, dt, weight, starts, axes)


def search_measure_the_hotter(machine: MeasurementRefrigerator, dt: float, weight: float = 1.0) -> Found:
    """Best ``MeasureTheHotter``: margin, threshold and strength.

    Raises:
        ParameterError: for an argument out of its range.
    """
    axes = {
        "margin": Axis(-1.0, 1.0, 0.04, 0.005),
        "warm": Axis(0.0, 1.0, 0.04, 0.005),
        "k": Axis(0.5, 1.0, 0.1, 0.0125),
    }
    starts = [{"margin": 0.0, "warm": warm, "k": 1.0} for warm in (0.0, 0.08)]
    return _best(lambda v: MeasureTheHotter("measure the hotter", **v), machine, dt, weight, starts, axes)


def _contact_steps(machine: DetachableDemon, dt: float) -> int:
    """Steps in which about half of the energy flows in: where to begin."""
    return int(np.clip(round(0.5 / (machine.gamma * dt)), 1, PATIENCE))


def _best(
    build: Callable[[Values], Protocol],
    machine: Machine,
    dt: float,
    weight: float,
    starts: list[Values],
    axes: Mapping[str, Axis],
) -> Found:
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)

    def value(v: Values) -> float:
        protocol = build(v)
        found = exact_average(protocol, machine, dt, max_nodes=4000, same=COARSE)
        return (found or sampled_average(protocol, machine, dt, *SAMPLE)).objective(weight)

    # where a search begins badly it rarely ends well
    promising = sorted(starts, key=value, reverse=True)[:TRIED]
    tried = [pattern_search(value, start, axes) for start in promising]
    return Found(build(max(tried, key=lambda pair: pair[1])[0]), machine, float(dt), float(weight))


@dataclass(frozen=True)
class ProjectiveOptimum:
    """Best protocol of projective read-outs of both qubits, of those that go to a level after each and wait there.

    Attributes:
        value: objective.
        levels: index of the level gone to after each of the outcomes ee, eg, ge, gg.
        waits: steps in contact there.
    """

    value: float
    levels: tuple[int, ...]
    waits: tuple[int, ...]


def projective_optimum(
    machine: TwoQubitDemon, dt: float, weight: float = 1.0, longest: int = PATIENCE
) -> ProjectiveOptimum:
    """The optimum, exact; see the module.

    Args:
        machine: read_out = "both" and axes = "z".
        dt: length of a step (time).
        weight: c of the objective.
        longest: wait that is tried, in steps.

    Raises:
        ParameterError: for another machine or an argument out of its range.
    """
    if not isinstance(machine, TwoQubitDemon) or machine.read_out != "both" or not machine.diagonal:
        raise ParameterError(f"machine = {machine!r}: must be a TwoQubitDemon with read_out = 'both' and axes = 'z'")
    check_integer("longest", longest, 1)
    model = BeliefModel(machine, dt, weight)
    distance = _distances()
    # populations (4, N, 4) and earnings (4, N) of n = 1 ... N waits that begin in a level
    p, earned = np.empty((4, longest, 4)), np.empty((4, longest))
    now, total = np.eye(4), np.zeros(4)
    for n in range(longest):
        total = total + now @ model.heat
        now = now @ model.relaxation
        p[:, n], earned[:, n] = now, total - model.price * entr(now).sum(axis=1)
    steps = np.arange(2.0, longest + 2)
    goal, waits = np.full(4, int(np.argmin(machine.levels))), np.ones(4, dtype=int)
    best_gain = -np.inf
    while True:
        gain, bias = _evaluate(p, earned, steps, distance, goal, waits)
        if gain <= best_gain + 1e-13:
            return ProjectiveOptimum(best_gain, tuple(goal.tolist()), tuple(waits.tolist()))
        best_gain = gain
        # of going to level j (axis 0) and waiting n there (axis 1)
        worth = (earned + p @ bias - gain * steps).ravel()
        for s in range(4):
            each = worth.reshape(4, -1) - gain * distance[s][:, None]
            j, n = np.unravel_index(int(np.argmax(each)), each.shape)
            if each[j, n] > each[goal[s], waits[s] - 1] + 1e-12:
                goal[s], waits[s] = j, n + 1


def _evaluate(
    p: FloatArray, earned: FloatArray, steps: FloatArray, distance: FloatArray, goal: Any, waits: Any
) -> tuple[float, FloatArray]:
    """Gain per step and bias (4,) of a policy: h = r - g t + P h, h_gg = 0."""
    rows = np.arange(4)
    matrix = np.zeros((5, 5))
    matrix[:4, :4] = np.eye(4) - p[goal, waits - 1]
    matrix[:4, 4] = steps[waits - 1] + distance[rows, goal]
    matrix[4, 3] = 1.0
    solution: FloatArray = np.linalg.solve(matrix, np.append(earned[goal, waits - 1], 0.0)).astype(float)
    return float(solution[4]), solution[:4]


def _distances() -> FloatArray:
    """Steps that flips and swaps need between levels, (4, 4)."""
    one = np.full((4, 4), np.inf)
    for permutation in (FLIP_1, FLIP_2, SWAP):
        one[np.arange(4), list(permutation)] = 1.0
    np.fill_diagonal(one, 0.0)
    for middle in range(4):
        one = np.minimum(one, one[:, [middle]] + one[[middle]])
    return one
