"""Rewards of cells: exergy, charge, oscillation, a voltage to follow, negative capacitance. Of order one, like all.

They are combined by weights, as all rewards are (``reward.WeightedSum``):

    {"power": 1, "exergy": 0.5}            work minus half of the exergy that was used for it
    {"oscillation": 1, "exergy": 0.1}      keep oscillating, but not at any price
    {"tracking": {"volts": [...], "seconds": [...]}, "exergy": 0.05}
    life                                   work until the fuel is used up, whatever time it takes

The power of a self-cycling cell is what its load gets (with a port, less what the source gives); of a battery cell and
of a capacitor what leaves the terminals. Exergy used and work differ by T0 Sigma (Gouy and Stodola): with the units
Sigma0 = P0/T0 of a cell, power + lambda exergy is the reward with the weight c = 1 - lambda, up to a factor.

Where a meter counts charge, voltage or current, the state functions of the cell say what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..physics.cells.cell import Cell
from ..physics.cells.electrical import ElectricalCell
from ..physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from ..physics.cells.self_cycling_cell import SelfCyclingCell
from ..physics.control import FloatArray
from ..physics.laws import EnergyFlows
from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_finite, check_range
from .reward import Reward


def _only(machine: Machine, kind: type[Any], name: str) -> Any:
    """``machine`` if it is of the kind that a reward is for."""
    if not isinstance(machine, kind):
        raise ParameterError(f"reward = {name!r}: needs a {kind.__name__}, not a {type(machine).__name__}")
    return machine


@dataclass(frozen=True)
class Exergy(Reward):
    """Minus the exergy used per time, r = -X / (dt P0).

    X = -Delta B + sum_i (1 - T0/T_i) Q_i: from the store of the cell, B = U - T0 S, and from baths that are not at T0.
    It is at least the work delivered.
    """

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        cell: Cell = _only(machine, Cell, "exergy")
        used = flows.heat @ (1.0 - cell.ambient * cell.betas) - cell.exergy_change(flows)
        return used * (-1.0 / (dt * cell.power_unit))

    def to_spec(self) -> str:
        return "exergy"


@dataclass(frozen=True)
class Life(Reward):
    """Work until the cell is used up: r = [-W + price Delta U_left] / (dt P0), U_left = 0 for a cell that is used up.

    Over a life the second term adds up to the same constant for every policy, so the undiscounted return is the work
    per life; what is left in the double layers at its end is lost. With a price near the share of the stored energy
    that becomes work the value is nearly the same in all states, so a discounted agent is not in a hurry.

    Source: potential-based shaping, A. Y. Ng, D. Harada, S. Russell, ICML (1999).

    Raises:
        ParameterError: for a price outside [0, 1].
    """

    price: float = 0.9

    def __post_init__(self) -> None:
        check_range("price", self.price, 0.0, 1.0)

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        cell: SelfCyclingCell = _only(machine, SelfCyclingCell, "life")
        left = np.where(cell.ended(after), 0.0, cell.energy_left(after))
        change = left - cell.energy_left(before)
        return (machine.output(flows) + self.price * change) / (dt * cell.power_unit)

    def to_spec(self) -> dict[str, Any]:
        return {"life": {"price": self.price}}


@dataclass(frozen=True)
class Charge(Reward):
    """Charge delivered per time, r = Delta q V0 / (dt P0), V0 the usual voltage of the cell; charging is negative."""

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        cell: ElectricalCell = _only(machine, ElectricalCell, "charge")
        delivered = cell.passed(after) - cell.passed(before)
        return delivered * (cell.voltage_scale / (dt * cell.power_unit))

    def to_spec(self) -> str:
        return "charge"


@dataclass(frozen=True)
class Oscillation(Reward):
    """How far the interface moves, r = |Delta y| R_m / (dt V_c): it oscillates on its own, whatever the load does.

    The terminal voltage would be a poor measure: it jumps when the load is switched.
    """

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        cell: SelfCyclingCell = _only(machine, SelfCyclingCell, "oscillation")
        moved = np.abs(after[:, 1] - before[:, 1])
        return moved * (cell.R_m / (dt * cell.V_c))

    def to_spec(self) -> str:
        return "oscillation"


@dataclass(frozen=True)
class Tracking(Reward):
    """Minus the square of the deviation from a voltage profile, r = -((V - V*(t)) / width)^2, at the end of the step.

    The profile goes linearly through the points (seconds, volts) and repeats after the last of them. The agent sees
    V*/V0 at the end of the coming step, and the sine and cosine of the phase.

    Raises:
        ParameterError: for a profile that does not start at 0 s or whose times do not increase.
    """

    volts: Sequence[float] = (0.9, 0.9)
    seconds: Sequence[float] = (0.0, 3600.0)
    width: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "volts", tuple(float(v) for v in self.volts))
        object.__setattr__(self, "seconds", tuple(float(t) for t in self.seconds))
        check_finite("width", self.width)
        times = np.array(self.seconds)
        good = len(times) == len(self.volts) >= 2 and times[0] == 0.0 and (np.diff(times) > 0.0).all()
        if not good or not np.isfinite(self.volts).all() or self.width <= 0.0:
            raise ParameterError(
                f"tracking, seconds = {self.seconds}: must start at 0 and increase, with as many volts = {self.volts}"
            )

    def target(self, time: FloatArray) -> FloatArray:
        """V*(t), V, shape (K,)."""
        return np.interp(np.mod(time, self.seconds[-1]), self.seconds, self.volts)

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        return self.timed(np.zeros(len(after)), machine, before, after, flows, dt)

    def timed(
        self, time: FloatArray, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        cell: ElectricalCell = _only(machine, ElectricalCell, "tracking")
        return -(((cell.terminal(after)[0] - self.target(time + dt)) / self.width) ** 2)

    def shown(self, machine: Machine, time: FloatArray, dt: float) -> FloatArray:
        cell: ElectricalCell = _only(machine, ElectricalCell, "tracking")
        phase = 2.0 * np.pi * time / self.seconds[-1]
        return np.stack([self.target(time + dt) / cell.voltage_scale, np.sin(phase), np.cos(phase)], axis=1)

    def to_spec(self) -> dict[str, Any]:
        return {"tracking": {"volts": list(self.volts), "seconds": list(self.seconds), "width": self.width}}


@dataclass(frozen=True)
class NegativeCapacitance(Reward):
    """Minus the product of the changes of voltage and charge, r = -Delta V Delta Q / (dt^2 V0 I0 / t0).

    It is positive while the voltage across the film falls as its charge rises, or the reverse. The units: the largest
    source voltage V0, the current I0 that it drives through the resistor, and t0 = R A P / V0, the time in which this
    current switches the film.
    """

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        cell: FerroelectricCapacitor = _only(machine, FerroelectricCapacitor, "negative_capacitance")
        unit = cell.power_unit / (cell.R * cell.A * float(cell.scales[0]) / cell.V_max)
        voltage = cell.voltage(after) - cell.voltage(before)
        return -voltage * (cell.charge(after) - cell.charge(before)) / (dt * dt * unit)

    def to_spec(self) -> str:
        return "negative_capacitance"


CELL_REWARDS: dict[str, Callable[..., Reward]] = {
    "exergy": Exergy,
    "life": Life,
    "charge": Charge,
    "oscillation": Oscillation,
    "tracking": Tracking,
    "negative_capacitance": NegativeCapacitance,
}
"""Rewards of cells by name, besides ``rewards.REWARDS``."""
