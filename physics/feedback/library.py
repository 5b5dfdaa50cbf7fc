"""The reference protocols by name, on the time grid of an environment: what can be played, compared and drawn.

Every protocol is the best found of its family for the objective c P / P0 - (1 - c) D / D0; the search is deterministic
and its result is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ..machine import Machine
from ..machines import feedback_demon, measurement_refrigerator
from ..machines.continuous_demon import ContinuousDemon
from ..machines.coupled_qubits import CoupledQubits
from ..machines.dead_time_demon import DeadTimeDemon
from ..machines.detachable_demon import WAIT, DetachableDemon
from ..machines.feedback_demon import FeedbackDemon
from ..machines.measurement_refrigerator import CONDITIONAL_SWAP, MEASURE, SWAP, SWAP_MEASURE, MeasurementRefrigerator
from ..validation import ParameterError, check_choice, check_positive, check_range
from .average import exact_average
from .belief_simplex import BeliefProtocol
from .certificate import certify_feedback
from .protocol import Hold, Protocol, RenewalProtocol, WaitThenMeasure
from .refrigerator_protocols import OperateAndWait
from .search import (
    Axis,
    pattern_search,
    search_bayes_feedback,
    search_measure_the_hotter,
    search_operation,
    search_wait_read_turn,
)
from .two_qubit_protocols import WaitReadTurn

ProtocolFamily = Callable[[Machine, float, float], Protocol]
"""Best protocol of a family from machine, dt and weight; ``ParameterError`` for a machine that does not fit."""


def _idle(machine: Machine, dt: float, weight: float) -> Protocol:
    if isinstance(machine, FeedbackDemon):
        return Hold("contact for ever", feedback_demon.THERMALISE, (machine.u_max,))
    _fits("idle", machine, DetachableDemon, DeadTimeDemon, MeasurementRefrigerator)
    # all of them wait with choice 0, which uses no value
    return Hold("wait for ever", WAIT, tuple(machine.control_space.low.tolist()))


def _always_measure(machine: Machine, dt: float, weight: float) -> Protocol:
    if isinstance(machine, FeedbackDemon):
        return _constant_gap(machine, dt, weight, longest=1)
    if isinstance(machine, DeadTimeDemon):
        return WaitThenMeasure("measure when ready", 0)
    if isinstance(machine, MeasurementRefrigerator):
        return OperateAndWait("measure in every step", measurement_refrigerator.MEASURE, 0)
    if isinstance(machine, DetachableDemon):
        return WaitReadTurn("read out after every wait", machine, 1)
    raise _misfit("always_measure", machine)


def _fixed_wait(machine: Machine, dt: float, weight: float) -> Protocol:
    if isinstance(machine, FeedbackDemon):
        return _constant_gap(machine, dt, weight)
    if isinstance(machine, DeadTimeDemon):
        return certify_feedback(machine, dt, weight).protocol
    if isinstance(machine, DetachableDemon):
        return search_wait_read_turn(machine, dt, weight).protocol
    raise _misfit("fixed_wait", machine)


def _bayes_feedback(machine: Machine, dt: float, weight: float) -> Protocol:
    if isinstance(machine, MeasurementRefrigerator):
        return search_measure_the_hotter(machine, dt, weight).protocol
    if isinstance(machine, DetachableDemon):
        return search_bayes_feedback(machine, dt, weight).protocol
    raise _misfit("bayes_feedback", machine)


def _belief_optimum(machine: Machine, dt: float, weight: float) -> Protocol:
    if isinstance(machine, FeedbackDemon | DeadTimeDemon):
        return certify_feedback(machine, dt, weight).protocol
    _fits("belief_optimum", machine, CoupledQubits)
    assert isinstance(machine, CoupledQubits)
    resolution = 64
    if isinstance(machine, ContinuousDemon):
        # many bins of two records
        resolution = 48 if machine.read_out == "one" else 32
    return BeliefProtocol("optimum on the belief", machine, dt, weight, resolution)


def _operation(name: str, choice: int) -> ProtocolFamily:
    def family(machine: Machine, dt: float, weight: float) -> Protocol:
        if not isinstance(machine, MeasurementRefrigerator):
            raise _misfit(name, machine)
        return search_operation(machine, dt, choice, weight).protocol

    return family


def _constant_gap(machine: FeedbackDemon, dt: float, weight: float, longest: int = 256) -> Protocol:
    """n steps in contact at one gap, then a measurement."""

    def build(v: dict[str, float]) -> RenewalProtocol:
        n = int(v["n"])
        return RenewalProtocol(f"{n} step{'s' * (n > 1)} at one gap, then measure", (float(v["u"]),) * n)

    def value(v: dict[str, float]) -> float:
        found = exact_average(build(v), machine, dt)
        assert found is not None
        return found.objective(weight)

    top = machine.u_max
    axes = {"n": Axis(1, longest, 4, 1), "u": Axis(1e-3 * top, top, 0.1 * top, 1e-4 * top)}
    starts = [{"n": min(n, longest), "u": 0.25 * top} for n in (1, max(1, round(0.5 / (machine.g * dt))))]
    return build(max((pattern_search(value, s, axes) for s in starts), key=lambda pair: pair[1])[0])


def _fits(name: str, machine: Machine, *kinds: type[Machine]) -> None:
    if not isinstance(machine, kinds):
        raise _misfit(name, machine)


def _misfit(name: str, machine: Machine) -> ParameterError:
    return ParameterError(f"protocol = {name!r}: does not fit {type(machine).__name__}; see PROTOCOLS")


PROTOCOLS: dict[str, ProtocolFamily] = {
    "always_measure": _always_measure,
    "fixed_wait": _fixed_wait,
    "bayes_feedback": _bayes_feedback,
    "belief_optimum": _belief_optimum,
    "measure": _operation("measure", MEASURE),
    "swap": _operation("swap", SWAP),
    "swap_measure": _operation("swap_measure", SWAP_MEASURE),
    "conditional_swap": _operation("conditional_swap", CONDITIONAL_SWAP),
    "idle": _idle,
}
"""Families by name.

always_measure: as often as possible. fixed_wait: a fixed number of steps in contact (optimal dead time, optimal wait),
a measurement, the best feedback. bayes_feedback: decided by the belief with thresholds. belief_optimum: dynamic
programming, for demons of axes = "xz" along z. measure, swap, swap_measure, conditional_swap: one operation of the
refrigerator every n + 1 steps. idle: only contact.
"""


def make_protocol(name: str, machine: Machine, dt: float, weight: float = 1.0) -> Protocol:
    """The best protocol of the family ``name`` on the time grid ``dt``.

    Args:
        name: a name of ``PROTOCOLS``.
        machine: the machine.
        dt: length of a step (time).
        weight: weight c of the objective c P / P0 - (1 - c) D / D0.

    Raises:
        ParameterError: for an unknown name (with the nearest one), an argument out of its range, or a machine that
            does not fit.
    """
    check_choice("protocol", name, PROTOCOLS)
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    return _made(name, machine, float(dt), float(weight))


@lru_cache(maxsize=64)
def _made(name: str, machine: Machine, dt: float, weight: float) -> Protocol:
    return PROTOCOLS[name](machine, dt, weight)


__all__ = ["PROTOCOLS", "ProtocolFamily", "make_protocol"]
