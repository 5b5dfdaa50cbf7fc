"""Reference lines of a machine: what a learned power is compared with while it is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress

from ..physics.cycles.certificate import certify
from ..physics.cycles.cycle import NoLimitCycleError
from ..physics.cycles.otto import fast_otto
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError


def reference_lines(machine: Machine, dt: float) -> dict[str, float]:
    """Powers (energy per time) by name: ``fast_otto``, ``optimum_lower``, ``optimum_upper``.

    What a machine does not have is left out: without exact limit cycles there is none of them.

    Args:
        machine: the machine.
        dt: step of the environment (time); the bounds hold for controls on this grid.
    """
    if not isinstance(machine, AffineMachine):
        return {}
    lines: dict[str, float] = {}
    with suppress(ParameterError, NoLimitCycleError):  # no hot and cold bath to choose from, or nothing relaxes
        lines["fast_otto"] = fast_otto(machine, dt).limit_cycle().power
    lines["optimum_lower"], lines["optimum_upper"] = certify(machine, dt).power_bounds
    return {name: power for name, power in lines.items() if math.isfinite(power)}


def optimum(lines: Mapping[str, float]) -> float:
    """Power that counts as 100 %: the upper bound; without one that of the best cycle known; NaN without both."""
    return lines.get("optimum_upper", lines.get("optimum_lower", math.nan))
