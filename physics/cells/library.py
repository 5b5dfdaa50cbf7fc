"""The references of cells by name, on the time grid of an environment, and the best that is known of a cell.

Every reference is the best of its class for the objective c P/P0 - (1 - c) D/D0; what was found is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..machine import Machine
from ..validation import ParameterError, check_choice, check_positive, check_range
from . import field_references as field
from . import load_references as load
from .cell import Cell, StepError
from .cell_protocol import CellProtocol
from .double_layer_cell import DoubleLayerCell
from .ferroelectric_capacitor import FerroelectricCapacitor
from .ferroelectric_engine import FerroelectricEngine
from .self_cycling_cell import SelfCyclingCell

CellFamily = Callable[[Any, float, float], CellProtocol]
"""Best of a family from cell, dt and weight; ``ParameterError`` for parameters that do not fit."""


def _full_brayton(machine: FerroelectricEngine, dt: float, weight: float) -> CellProtocol:
    return field.full_brayton(machine, dt)


def _rest(cell: Cell, dt: float, weight: float) -> CellProtocol:
    return load.rest(cell, dt)


CELL_REFERENCES: dict[str, tuple[tuple[type[Cell], ...], CellFamily]] = {
    "olsen": ((FerroelectricEngine,), lambda m, dt, c: field.best_of_family(m, dt, field.OLSEN, c)),
    "brayton": ((FerroelectricEngine,), lambda m, dt, c: field.best_of_family(m, dt, field.BRAYTON, c)),
    "full_brayton": ((FerroelectricEngine,), _full_brayton),
    "four_leg": ((FerroelectricEngine,), field.four_leg),
    "matched_load": ((SelfCyclingCell,), load.matched_load),
    "oscillating_load": ((SelfCyclingCell,), load.oscillating_load),
    "load_program": ((SelfCyclingCell,), load.load_program),
    "alternating_baths": ((SelfCyclingCell,), load.alternating_baths),
    "square_wave": ((FerroelectricCapacitor, DoubleLayerCell), load.square_wave),
    "discharge": ((DoubleLayerCell,), load.discharge),
    "rest": ((FerroelectricEngine, SelfCyclingCell, FerroelectricCapacitor, DoubleLayerCell), _rest),
}
"""The cells that a family is for, and the family, by name.

olsen: ramps in contact, at the best rate. brayton: ramps without contact; full_brayton: with contacts of 3 tau.
four_leg: all durations and contacts free. matched_load, oscillating_load: constant loads of a cell with fuel.
load_program: loads over a life, of a cell with little fuel.
alternating_baths: of a cell between two baths. square_wave: of source or current. discharge: at constant current.
rest: nothing is done.
"""

POWER_IS_NO_TASK = "none: what this cell is for is no long-run power"
"""Of the capacitor and the battery."""
SECOND_LAW = "second law: no fuel and one temperature, so no net work"
NO_METHOD = "none: no method for this machine"


def make_cell_protocol(name: str, machine: Machine, dt: float, weight: float = 1.0) -> CellProtocol:
    """The best of the family ``name`` on the time grid ``dt``.

    Args:
        name: a name of ``CELL_REFERENCES``.
        machine: the cell.
        dt: length of a step, s.
        weight: weight c of the objective c P/P0 - (1 - c) D/D0.

    Raises:
        ParameterError: for an unknown name (with the nearest one), an argument out of its range, or a machine that does
            not fit.
    """
    check_choice("reference", name, CELL_REFERENCES)
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    kinds, _ = CELL_REFERENCES[name]
    if not isinstance(machine, kinds):
        raise ParameterError(f"reference = {name!r}: does not fit {type(machine).__name__}; see CELL_REFERENCES")
    return _made(name, machine, float(dt), float(weight))


@lru_cache(maxsize=64)
def _made(name: str, machine: Cell, dt: float, weight: float) -> CellProtocol:
    return CELL_REFERENCES[name][1](machine, dt, weight)


@dataclass(frozen=True, eq=False)
class BestKnown:
    """The best controls that are known of a cell, and bounds of the optimum; attributes as of a certificate.

    Attributes:
        machine, dt, weight: what they are for.
        protocol: the controls.
        lower: their objective, of a life its work (J); NaN where the long-run power is no task.
        upper: upper bound of the objective; infinity without one.
        lower_source, upper_source: how both were obtained.
        names: objective of every reference that was looked at.
    """

    machine: Cell
    dt: float
    weight: float
    protocol: CellProtocol
    lower: float
    upper: float
    lower_source: str
    upper_source: str
    names: dict[str, float]

    @property
    def gap(self) -> float:
        """Relative width of the bounds; NaN without an upper one."""
        if math.isnan(self.lower) or math.isinf(self.upper):
            return math.nan
        return (self.upper - self.lower) / abs(self.upper) if self.upper else self.upper - self.lower

    @property
    def power_bounds(self) -> tuple[float, float]:
        """Bounds of the power, W, or of the work of a life, J; NaN unless the objective is power alone."""
        unit = score_unit(self.machine)
        return (self.lower * unit, self.upper * unit) if self.weight == 1.0 else (math.nan, math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        low, high = (v if math.isfinite(v) else None for v in self.power_bounds)
        return {
            "dt": self.dt,
            "weight": self.weight,
            "lower": self.lower if math.isfinite(self.lower) else None,
            "upper": self.upper if math.isfinite(self.upper) else None,
            "gap": self.gap if math.isfinite(self.gap) else None,
            "power_lower": low,
            "power_upper": high,
            "lower_source": self.lower_source,
            "upper_source": self.upper_source,
            "families": self.names,
            "cycle": self.protocol.to_dict(),
        }


def score_unit(machine: Machine, weight: float = 1.0) -> float:
    """What an objective is multiplied with to be named: P0 for the power (W), else 1; of a life it is the work (J)."""
    return machine.power_unit if weight == 1.0 and machine.life_start() is None else 1.0


def settling_time(machine: Machine) -> float:
    """Time (s) until a cell has forgotten its start for all that is compared; 0 where no time is known."""
    if isinstance(machine, FerroelectricEngine):
        return 20.0 * machine.tau
    if isinstance(machine, SelfCyclingCell):
        return load.SETTLED * machine.C_A * machine.R_m
    if isinstance(machine, FerroelectricCapacitor):
        return 8.0 * machine.heat_capacity / machine.K
    return 0.0


def best_known_controls(machine: Cell, dt: float, weight: float = 1.0) -> BestKnown:
    """The best controls known of a cell on the time grid ``dt`` (s).

    Of the ferroelectric engine and cooler the stored protocol of exactly these parameters and this step, for the power;
    without one, or at another weight, the best of quick searches. Of a self-cycling cell the best constant load, with
    little fuel the best load program of its life. What is stored is controls: their value is always recomputed.

    Raises:
        ParameterError: for an argument out of its range, or a cell of which nothing is known.
    """
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    return _best_known(machine, float(dt), float(weight))


@lru_cache(maxsize=32)
def _best_known(machine: Cell, dt: float, weight: float) -> BestKnown:
    if isinstance(machine, (FerroelectricCapacitor, DoubleLayerCell)):
        return _result(machine, dt, weight, {"rest": load.rest(machine, dt)}, POWER_IS_NO_TASK, lower=math.nan)
    if isinstance(machine, FerroelectricEngine):
        kept = field.stored(machine, dt)
        found = {} if kept is None else {"stored": kept}
        if kept is None or weight < 1.0:
            names = ("brayton", "full_brayton") if machine.is_refrigerator else ("olsen", "brayton", "four_leg")
            found |= _all((*names, "rest"), machine, dt, weight)
        how = (
            "direct search over periodic controls" if kept is not None and weight == 1.0 else "quick search over cycles"
        )
        return _result(machine, dt, weight, found, how)
    if isinstance(machine, SelfCyclingCell):
        if machine.energy_source in ("none", "mechanical"):
            return _result(machine, dt, weight, {"rest": load.rest(machine, dt)}, "nothing is done", upper=0.0)
        names = ("matched_load", "oscillating_load") if machine.fuelled else ("alternating_baths",)
        how = "constant loads in the full model" if machine.fuelled else "small grid of periods and loads"
        if weight == 1.0 and machine.life_start() is not None:
            names, how = (*names, "load_program"), "direct search over the loads of a life"
        return _result(machine, dt, weight, _all(names, machine, dt, weight), how)
    raise ParameterError(f"{machine.title}: no controls are known")


def _all(names: tuple[str, ...], machine: Cell, dt: float, weight: float) -> dict[str, CellProtocol]:
    """Those that there are; if there is none, the error of the first."""
    found: dict[str, CellProtocol] = {}
    errors: list[ParameterError | StepError] = []
    for name in names:
        try:
            found[name] = make_cell_protocol(name, machine, dt, weight)
        except (ParameterError, StepError) as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def _result(
    machine: Cell,
    dt: float,
    weight: float,
    found: dict[str, CellProtocol],
    how: str,
    lower: float | None = None,
    upper: float = math.inf,
) -> BestKnown:
    values = {name: protocol.objective(weight) for name, protocol in found.items()}
    best = max(values, key=lambda name: values[name])
    source = how if lower is not None else f"{how}: {found[best].label}"
    bound = POWER_IS_NO_TASK if lower is not None else NO_METHOD if math.isinf(upper) else SECOND_LAW
    value = values[best] if lower is None else lower
    return BestKnown(machine, dt, weight, found[best], value, upper, source, bound, values)


__all__ = ["CELL_REFERENCES", "BestKnown", "best_known_controls", "make_cell_protocol", "score_unit", "settling_time"]
