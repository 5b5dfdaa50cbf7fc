"""Reference lines of a machine: what a learned power is compared with while it is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from ..physics.cycles.certificate import certify
from ..physics.cycles.cycle import NoLimitCycleError
from ..physics.cycles.otto import fast_otto
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError


class Goal(NamedTuple):
    """What counts as 100 %.

    Attributes:
        name: for headings, ``% of <name>``.
        words: for sentences.
        tag: for names of columns and tags.
    """

    name: str
    words: str
    tag: str


OPTIMUM = Goal("optimum", "the optimum", "percent_of_optimum")
"""The upper bound of the optimum."""
BEST_KNOWN = Goal("best known", "the best known cycle", "percent_of_best_known")
"""The best cycle known, of a machine without an upper bound; an agent may exceed it."""


def reference_lines(machine: Machine, dt: float) -> dict[str, float]:
    """Powers (energy per time) by name: ``fast_otto``, ``optimum_lower``, ``optimum_upper``.

    What a machine does not have is left out: without exact limit cycles there is none of them. Without an upper bound
    the lower one is called ``best_known``.

    Args:
        machine: the machine.
        dt: step of the environment (time); the bounds hold for controls on this grid.
    """
    if not isinstance(machine, AffineMachine):
        return {}
    lines: dict[str, float] = {}
    with suppress(ParameterError, NoLimitCycleError):  # no hot and cold bath to choose from, or nothing relaxes
        lines["fast_otto"] = fast_otto(machine, dt).limit_cycle().power
    lower, upper = certify(machine, dt).power_bounds
    if math.isfinite(upper):
        lines["optimum_lower"], lines["optimum_upper"] = lower, upper
    else:
        lines["best_known"] = lower
    return {name: power for name, power in lines.items() if math.isfinite(power)}


def optimum(lines: Mapping[str, float]) -> float:
    """Power that counts as 100 %: the upper bound, without one that of the best cycle known; NaN unless positive."""
    best = lines.get("optimum_upper", lines.get("best_known", math.nan))
    return best if best > 0 else math.nan


def goal(upper_bound: float | None) -> Goal:
    """What ``optimum`` is: the optimum if there is a finite upper bound, else the best cycle known."""
    return OPTIMUM if upper_bound is not None and math.isfinite(upper_bound) else BEST_KNOWN
