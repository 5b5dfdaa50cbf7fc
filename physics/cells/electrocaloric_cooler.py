"""Electrocaloric cooler: the ferroelectric heat engine run backwards; its power is the heat taken from the cold bath.

Source: derived; see ``ferroelectric_engine.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..machine import parameter
from .ferroelectric_engine import FerroelectricEngine
from .thermal_cycles import adiabatic_temperature


@dataclass(frozen=True)
class ElectrocaloricCooler(FerroelectricEngine):
    """Electrocaloric cooler; the defaults are BaTiO3 over a span of 0.6 K. See ``FerroelectricEngine``."""

    title: ClassVar[str] = "Electrocaloric cooler"
    source: ClassVar[str] = "derived; reverse Brayton cycle"
    is_refrigerator: ClassVar[bool] = True

    T_cold: float = parameter(402.8, "K", "temperature of the cold bath")
    T_hot: float = parameter(403.4, "K", "temperature of the hot bath")

    @cached_property
    def adiabatic_change(self) -> float:
        """Temperature change of an adiabatic step from E_low to E_high, starting at T_cold, K."""
        return adiabatic_temperature(self.landau, self.cv, self.T_cold, self.E_low, self.E_high) - self.T_cold

    @cached_property
    def power_unit(self) -> float:
        """Heat of a quarter of the adiabatic temperature change per time constant of a contact, W."""
        return 0.25 * self.heat_capacity * self.adiabatic_change / self.tau

    @cached_property
    def scales(self) -> np.ndarray:
        return np.array([self.largest, max(self.T_hot - self.T_cold, self.adiabatic_change)])
