"""Known controls of a cell on the time grid of an environment, with their long-run averages. SI."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..control import FloatArray, IntArray
from .cell import Cell


@dataclass(frozen=True, eq=False)
class CellProtocol:
    """N steps of control that are repeated for ever, and what they are worth in the periodic state.

    Attributes:
        machine: the cell.
        dt: duration of a step, s.
        label: name for tables.
        values: continuous controls, shape (N, m), physical units.
        choice: choices, shape (N,).
        power: what the machine is for, W; NaN where there is no periodic state, as of a battery.
        heat_rates: heat from each bath, W, shape (B,).
        dissipation_rate: entropy production, W/K.
        response: period of the response, s, where constant controls lead to an oscillation; else that of the controls.
        life_work: work of a whole life, J, of a cell with little fuel, whose averages are over its life; else NaN.
    """

    machine: Cell
    dt: float
    label: str
    values: FloatArray
    choice: IntArray
    power: float
    heat_rates: FloatArray
    dissipation_rate: float
    response: float
    life_work: float = math.nan

    def __len__(self) -> int:
        return len(self.choice)

    @property
    def window(self) -> int:
        """Steps that an average must be taken over, at least: two periods."""
        return 2 * math.ceil(self.response / self.dt * (1.0 - 1e-9)) + 2

    def objective(self, weight: float) -> float:
        """c P/P0 - (1 - c) D/D0 with the weight c; for c = 1 the work of a life, J, if there is one."""
        m = self.machine
        if weight == 1.0 and not math.isnan(self.life_work):
            return self.life_work
        return weight * self.power / m.power_unit - (1.0 - weight) * self.dissipation_rate / m.dissipation_unit

    @property
    def efficiency(self) -> float:
        """Of an engine, COP of a cooler, power over exergy used of a cell with fuel; NaN unless both are positive."""
        machine = self.machine
        if machine.stores_energy:
            gain, cost = self.power, self.power + machine.ambient * self.dissipation_rate
        elif machine.is_refrigerator:
            gain, cost = self.power, -float(self.heat_rates.sum())
        else:
            gain, cost = self.power, float(self.heat_rates[machine.betas.argmin()])
        return gain / cost if gain > 0.0 and cost > 0.0 else math.nan

    def summary(self) -> dict[str, float]:
        """The figures of merit as plain numbers."""
        rates = zip(self.machine.bath_names, self.heat_rates, strict=True)
        return {
            "power": self.power,
            **{f"heat_rate_{name}": float(rate) for name, rate in rates},
            "entropy_production_rate": self.dissipation_rate,
            "efficiency": self.efficiency,
            "period": self.response,
        }

    def to_dict(self) -> dict[str, Any]:
        """Label and controls as plain data, as of a ``Cycle``."""
        space = self.machine.control_space
        return {
            "label": self.label,
            "controls": {r.name: self.values[:, j].tolist() for j, r in enumerate(space.ranges)},
            "choice": [space.choices[a] for a in self.choice] if space.choices else [],
            "durations": [self.dt] * len(self),
        }
