"""Portraits of cells: loops whose area is work (E-P, V-Q), the S-curve of the interface, the discharge curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from ..control import FloatArray
from ..portrait import Guide, Portrait, Quantity

if TYPE_CHECKING:
    from .double_layer_cell import DoubleLayerCell
    from .ferroelectric_capacitor import FerroelectricCapacitor
    from .ferroelectric_engine import FerroelectricEngine
    from .self_cycling_cell import SelfCyclingCell

POINTS = 200
"""Of a line for orientation."""


class FilmPortrait(Portrait):
    """Polarisation against field: the area of a loop is its work per volume.

    Args:
        machine: engine or cooler.
        thermal: draw temperature against entropy per volume instead, whose area is the heat that was turned into work
            and lost.
    """

    machine: FerroelectricEngine

    def __init__(self, machine: FerroelectricEngine, thermal: bool = False) -> None:
        super().__init__(machine)
        self.thermal_plane = thermal
        self.follows_controls = not thermal

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        return (
            Quantity("polarisation", "P", "C/m2", state[:, 0]),
            Quantity("temperature", "T", "K", self.machine.ambient + state[:, 1]),
        )

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        if self.thermal_plane:
            entropy = self.machine.entropy(state) / self.machine.volume
            return (
                Quantity("entropy", "s", "J/(K m3)", entropy),
                Quantity("temperature", "T", "K", self.machine.ambient + state[:, 1]),
            )
        return Quantity("field", "E", "V/m", state[:, 2]), Quantity("polarisation", "P", "C/m2", state[:, 0])

    def guides(self) -> tuple[Guide, ...]:
        """Equilibrium at the temperature of each bath; or of each extreme field in the thermal plane."""
        m = self.machine
        if self.thermal_plane:
            theta = np.linspace(0.0, m.T_hot - m.T_cold, POINTS)
            return tuple(
                Guide(f"equilibrium at {name} field", None, *self._isofield(field, theta))
                for name, field in (("low", m.E_low), ("high", m.E_high))
            )
        field = np.linspace(m.E_low, m.E_high, POINTS)
        return tuple(
            Guide(f"equilibrium, {name}", b, field, m.landau.equilibrium(field, np.full(POINTS, t)))
            for b, (name, t) in enumerate((("cold", m.T_cold), ("hot", m.T_hot)))
        )

    def _isofield(self, field: float, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        e = np.full(len(theta), field)
        state = np.stack([self.machine.landau.equilibrium(e, self.machine.ambient + theta), theta, e], axis=1)
        x, y = self.plane(state)
        return x.values, y.values


class CapacitorPortrait(Portrait):
    """Voltage across the film against its charge: the area of a loop is heat; a falling branch is negative capacitance.

    The line for orientation is the S-curve of one domain in equilibrium at the temperature of the bath.
    """

    machine: FerroelectricCapacitor
    follows_controls = False
    steps_shown = 400

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        return (
            Quantity("voltage of the film", "V", "V", self.machine.voltage(state)),
            Quantity("charge", "Q", "C", self.machine.charge(state)),
        )

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        voltage, charge = self.shown(state)
        return charge, voltage

    def guides(self) -> tuple[Guide, ...]:
        m = self.machine
        p = np.linspace(-1.15, 1.15, POINTS) * float(m.scales[0])
        voltage = m.L * m.landau.field(p, m.T_a)
        return (Guide("S-curve", None, m.A * p + m.C_b * voltage, voltage),)


class SelfCyclingPortrait(Portrait):
    """Voltage of the anode's double layer against the interface order: a loop around the S-curve of the well."""

    machine: SelfCyclingCell
    follows_controls = False
    steps_shown = 512

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        voltage, current = self.machine.terminal(state)
        return (
            Quantity("terminal voltage", "V", "V", voltage),
            Quantity("current", "I", "A", current),
            Quantity("warming", "theta", "K", state[:, 5]),
        )

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        v_a = (state[:, 0] - state[:, 1]) / self.machine.C_A
        return Quantity("interface order", "y", "C", state[:, 1]), Quantity("anode's double layer", "v_A", "V", v_a)

    def guides(self) -> tuple[Guide, ...]:
        m = self.machine
        y = np.linspace(-1.0, 1.0, POINTS) * min(1.3 * m.y0, 0.99 * m.well.limit)
        return (Guide("S-curve", None, y, m.V_b + m.well.voltage(y, m.T_a, m.Tc)),)


class DoubleLayerPortrait(Portrait):
    """Terminal voltage against the filling of the cathode: the discharge curve."""

    machine: DoubleLayerCell
    follows_controls = False
    steps_shown = 240

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        return (
            Quantity("terminal voltage", "V", "V", self.machine.terminal(state)[0]),
            Quantity("filling", "x", "1", expit(state[:, 2])),
            Quantity("warming", "theta", "K", state[:, 4]),
        )

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        voltage, filling, _ = self.shown(state)
        return filling, voltage

    def guides(self) -> tuple[Guide, ...]:
        """Voltage without a current at the temperature of the bath."""
        m = self.machine
        x = expit(np.linspace(logit(0.002), logit(0.998), POINTS))
        return (Guide("open circuit", None, x, m.E_A + m.cathode_potential(x, np.full(POINTS, m.T_a))),)
