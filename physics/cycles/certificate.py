"""How good a cycle can be: a certified interval for the optimal long-run average reward, and a cycle that reaches it.

Independent methods must agree:

    words      every word of choices up to n_max steps with free controls, exact gradients      (lower bound)
    known      stored cycles of long searches, recomputed                                       (lower bound)
    dynamic    value iteration over all policies, certified by branch and bound                 (lower and upper bound)
    fast       closed form of the infinitely fast cycle, where the machine has one              (upper bound)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..machine import AffineMachine
from ..validation import check_integer, check_positive
from .cycle import Cycle
from .dynamic_programming import Bounds, optimal_bounds
from .known import best_known
from .objective import Objective
from .periodic import BestCycle, exhaustive_words

ROUND_OFF = 1e-12

SAME = 1e-9
"""Relative difference below which two cycles are equally good and the shorter one is kept."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """lower <= optimum over all policies with steps of length dt <= upper, in units of the objective.

    Attributes:
        machine: the machine.
        dt: length of a step (time).
        weight: weight c of the objective; for c = 1 all values are powers in units of ``machine.power_unit``.
        lower: what ``cycle`` earns.
        upper: no policy, of any period, earns more (infinite if no method applies).
        cycle: the best cycle found.
        lower_source, upper_source: the method behind each bound.
        words: best value for every period N of the exhaustive search.
        dynamic: bounds of dynamic programming; ``None`` unless the machine has one dynamical variable and one control.
        fast: upper bound c P_max / P0 of the fast cycle; ``None`` without a closed form.
    """

    machine: AffineMachine
    dt: float
    weight: float
    lower: float
    upper: float
    cycle: Cycle
    lower_source: str
    upper_source: str
    words: dict[int, float]
    dynamic: Bounds | None
    fast: float | None

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

        def number(value: float | None) -> float | None:
            return float(value) if value is not None and np.isfinite(value) else None

        power_lower, power_upper = self.power_bounds
        return {
            "dt": self.dt,
            "weight": self.weight,
            "lower": self.lower,
            "upper": number(self.upper),
            "gap": number(self.gap),
            "power_lower": number(power_lower),
            "power_upper": number(power_upper),
            "lower_source": self.lower_source,
            "upper_source": self.upper_source,
            "words": {str(n): value for n, value in self.words.items()},
            "dynamic_lower": number(self.dynamic.lower if self.dynamic else None),
            "dynamic_upper": number(self.dynamic.upper if self.dynamic else None),
            "fast": number(self.fast),
            "cycle": self.cycle.to_dict(),
        }


def certify(machine: AffineMachine, dt: float, weight: float = 1.0, n_max: int = 6) -> Certificate:
    """Certified bounds of the optimal long-run average reward on the grid ``dt``.

    Args:
        machine: any affine machine; the upper bound needs one dynamical variable and one continuous control, or a
            closed form ``machine.fast_cycle``.
        dt: length of a step (time).
        weight: weight c of the objective c P / P0 - (1 - c) Sigma / Sigma0.
        n_max: longest period of the exhaustive search (steps).

    Raises:
        ParameterError: for an argument out of its range.
    """
    check_positive("dt", dt)
    check_integer("n_max", n_max, 1)
    return _certify(machine, float(dt), Objective(float(weight)), n_max)


@lru_cache(maxsize=64)
def _certify(machine: AffineMachine, dt: float, objective: Objective, n_max: int) -> Certificate:
    words = exhaustive_words(machine, dt, n_max, objective)
    candidates = [(f"all bath words of {n} steps, L-BFGS-B", best) for n, best in words.items()]
    known = best_known(machine, dt, objective.weight)
    if known is not None:
        candidates.append((f"stored cycle of {len(known.cycle)} steps, recomputed", known))
    uppers: list[tuple[float, str]] = [(np.inf, "none: no method for this machine")]
    if objective.weight == 0.0:
        uppers.append((0.0, "second law: the entropy production is not negative"))
    fast = getattr(machine, "fast_cycle", None)
    fast_bound = None
    if fast is not None:
        # Sigma >= 0, so r_c <= c P / P0
        fast_bound = objective.weight * float(fast.power) / machine.power_unit
        uppers.append((fast_bound, "closed form of the infinitely fast cycle"))
    dynamic = None
    if machine.n_dynamic == 1 and machine.control_space.n_values == 1 and objective.weight > 0.0:
        dynamic = optimal_bounds(machine, dt, objective)
        source = f"dynamic programming: roll-out of {len(dynamic.cycle)} steps, L-BFGS-B"
        candidates.append((source, BestCycle(dynamic.lower, dynamic.cycle)))
        source = f"dynamic programming: branch and bound with {dynamic.n_nodes} nodes"
        uppers.append((dynamic.upper, source))
    lower_source, best = candidates[0]
    for source, candidate in candidates[1:]:
        if candidate.value > best.value + SAME * max(abs(best.value), 1e-3):
            lower_source, best = source, candidate
    upper, upper_source = min(uppers)
    # what the cycle earns with audited flows, not what the optimiser says; round-off must not put it above a bound
    lower = objective.value(best.cycle.limit_cycle())
    lower = upper if upper < lower <= upper + ROUND_OFF else lower
    return Certificate(
        machine=machine,
        dt=dt,
        weight=objective.weight,
        lower=lower,
        upper=upper,
        cycle=best.cycle,
        lower_source=lower_source,
        upper_source=upper_source,
        words={n: b.value for n, b in words.items()},
        dynamic=dynamic,
        fast=fast_bound,
    )
