"""How good a feedback protocol can be: a certified interval for the optimum, and a protocol that reaches it.

FeedbackDemon     lower: the best cycle, controls by exact gradients; upper: belief bound, or the second law
DeadTimeDemon     lower = upper: every cycle on the grid of steps is tried
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..machine import Machine
from ..machines import dead_time_demon, feedback_demon
from ..machines.dead_time_demon import DeadTimeDemon
from ..machines.feedback_demon import FeedbackDemon
from ..validation import ParameterError, check_positive, check_range
from .belief_bound import upper_bound
from .dead_time import continuous_bound, dead_steps, optimal_steps
from .protocol import Hold, Protocol, WaitThenMeasure
from .renewal import best_cycle

ROUND_OFF = 1e-12

GAP, N_NODES, MAX_NODES = 1e-5, 1001, 8001
"""Relative width that is aimed at; nodes of a first belief bound, and of the finest."""

GUESS = 1e-6
"""Gain from which the belief bound starts if no cycle is known that pays."""


@dataclass(frozen=True, eq=False)
class FeedbackCertificate:
    """lower <= optimum over all policies with steps of length dt <= upper, in units of the objective.

    Attributes:
        machine: the machine.
        dt: length of a step (time).
        weight: weight c of the objective c P / P0 - (1 - c) D / D0, D the entropy of the record per time; for c = 1
            all values are powers in units of ``machine.power_unit``.
        lower: what ``protocol`` earns.
        upper: no policy earns more.
        protocol: the best protocol found.
        lower_source, upper_source: the method behind each bound.
        any_step: no policy with steps of any length earns more.
    """

    machine: Machine
    dt: float
    weight: float
    lower: float
    upper: float
    protocol: Protocol
    lower_source: str
    upper_source: str
    any_step: float

    @property
    def gap(self) -> float:
        """Relative width (upper - lower) / |lower|; NaN if the lower bound vanishes."""
        return (self.upper - self.lower) / abs(self.lower) if abs(self.lower) > ROUND_OFF else np.nan

    @property
    def power_bounds(self) -> tuple[float, float]:
        """Lower and upper bound of the power (energy per time); NaN unless the objective is power alone."""
        unit = self.machine.power_unit if self.weight == 1.0 else np.nan
        return self.lower * unit, self.upper * unit

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``None`` where there is no number."""

        def number(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        power_lower, power_upper = self.power_bounds
        return {
            "dt": self.dt,
            "weight": self.weight,
            "lower": self.lower,
            "upper": self.upper,
            "gap": number(self.gap),
            "power_lower": number(power_lower),
            "power_upper": number(power_upper),
            "lower_source": self.lower_source,
            "upper_source": self.upper_source,
            "any_step": self.any_step,
            "protocol": self.protocol.to_dict(),
        }


def certify_feedback(machine: Machine, dt: float, weight: float = 1.0) -> FeedbackCertificate:
    """Certified bounds of the optimal long-run average on the grid ``dt``.

    Args:
        machine: a ``FeedbackDemon`` or a ``DeadTimeDemon``.
        dt: length of a step (time).
        weight: weight c of the objective c P / P0 - (1 - c) D / D0.

    Raises:
        ParameterError: for another machine, or an argument out of its range.
    """
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    if isinstance(machine, FeedbackDemon):
        return _feedback_demon(machine, float(dt), float(weight))
    if isinstance(machine, DeadTimeDemon):
        return _dead_time_demon(machine, float(dt), float(weight))
    raise ParameterError(f"machine: {type(machine).__name__} has no certificate, FeedbackDemon and DeadTimeDemon have")


@lru_cache(maxsize=64)
def _feedback_demon(machine: FeedbackDemon, dt: float, weight: float) -> FeedbackCertificate:
    # beta P <= D, and the heat current is at most P0: c P / P0 - (1 - c) D / D0 <= (2 c - 1) P / P0
    any_step = max(0.0, 2.0 * weight - 1.0)
    source = "second law: what is gained is at most what is recorded"
    idle = Hold("do nothing", feedback_demon.UNITARY, (0.0,))
    if any_step == 0.0:
        return FeedbackCertificate(machine, dt, weight, 0.0, 0.0, idle, "nothing is done", source, any_step)
    cycle = best_cycle(machine, dt, weight)
    lower, protocol, lower_source = cycle.value(weight), cycle.protocol, "cycle with one measurement, L-BFGS-B"
    if lower <= 0.0:
        lower, protocol, lower_source = 0.0, idle, "nothing is done"
    guess = lower if lower > 0.0 else GUESS
    n_nodes = N_NODES
    upper = upper_bound(machine, dt, weight, guess, n_nodes)
    if upper > guess * (1.0 + GAP) and lower > 0.0:
        # what the nodes cost is of second order in their distance
        needed = N_NODES * 1.1 * np.sqrt((upper / guess - 1.0) / (0.8 * GAP))
        n_nodes = int(min(needed, MAX_NODES))
        upper = min(upper, upper_bound(machine, dt, weight, guess, n_nodes))
    bounds = [(upper, f"value iteration on the belief, branch and bound with {n_nodes} nodes"), (any_step, source)]
    upper, upper_source = min(bounds)
    return FeedbackCertificate(machine, dt, weight, lower, upper, protocol, lower_source, upper_source, any_step)


@lru_cache(maxsize=64)
def _dead_time_demon(machine: DeadTimeDemon, dt: float, weight: float) -> FeedbackCertificate:
    steps, value = optimal_steps(machine, dt, weight)
    protocol = Hold("wait", dead_time_demon.WAIT)
    if steps:
        label = f"measure every {steps} step{'s' * (steps > 1)}"
        protocol = WaitThenMeasure(label, steps - dead_steps(machine, dt))
    source = "all cycles on the grid"
    return FeedbackCertificate(
        machine, dt, weight, value, value, protocol, source, source, continuous_bound(machine, weight)
    )
