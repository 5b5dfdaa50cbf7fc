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
        low, high = self.landau, self.landau
        p0 = float(low.equilibrium(np.array(self.E_low), np.array(self.T_cold)))
        t = self.T_cold
        for _ in range(100):  # cv ln T - a0 P^2/2 = const
            p1 = float(high.equilibrium(np.array(self.E_high), np.array(t)))
            new = self.T_cold * float(np.exp(0.5 * self.a0 * (p1**2 - p0**2) / self.cv))
            if abs(new - t) < 1e-12 * t:
                break
            t = new
        return t - self.T_cold

    @cached_property
    def power_unit(self) -> float:
        """Heat of a quarter of the adiabatic temperature change per time constant of a contact, W."""
        return 0.25 * self.heat_capacity * self.adiabatic_change / self.tau

    @cached_property
    def scales(self) -> np.ndarray:
        return np.array([self.largest, max(self.T_hot - self.T_cold, self.adiabatic_change)])
