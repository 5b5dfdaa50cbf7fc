"""What a step of a protocol demands, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..electrical import ElectricalCell
from .driven import Mode
from .pace import Point
from .steps import ConstantCurrent, ConstantPower, ConstantResistance, ConstantVoltage, Held, Rest, amperes


class Stop(NamedTuple):
    """An end condition: ``left`` is positive until it is met."""

    name: str
    left: Callable[[Point], float]


def demanded(step: Held, cell: ElectricalCell) -> tuple[Mode, float]:
    """Mode and value of a step.

    Raises:
        ParameterError: for a C-rate of a cell without capacity.
    """
    match step:
        case ConstantCurrent():
            return "current", amperes(step.current, cell.capacity)
        case ConstantVoltage():
            return "voltage", step.voltage
        case ConstantResistance():
            return "resistance", step.resistance
        case ConstantPower():
            return "power", step.power
        case _:
            return "current", 0.0


def stops(step: Held, cell: ElectricalCell, start: Point) -> list[Stop]:
    """The end conditions of a step that begins at ``start``, but for its duration."""
    mode, demand = demanded(step, cell)
    found: list[Stop] = []
    if step.until_voltage is not None:
        goal, direction = step.until_voltage, demand if mode in ("current", "power") else 1.0
        if isinstance(step, Rest):
            direction = start.voltage - goal  # from either side
        side = math.copysign(1.0, direction)
        found.append(Stop("voltage", lambda p: side * (p.voltage - goal)))
    if step.until_current is not None:
        least = abs(amperes(step.until_current, cell.capacity))
        found.append(Stop("current", lambda p: abs(p.current) - least))
    if step.until_capacity is not None:
        most, before = step.until_capacity, passed(cell, start)
        found.append(Stop("capacity", lambda p: most - abs(passed(cell, p) - before)))
    return found


def passed(cell: ElectricalCell, point: Point) -> float:
    """Charge that has left the terminals, up to a constant, C."""
    return float(cell.passed(point.state)[0])
