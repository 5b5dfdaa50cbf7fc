"""What the instruments at a cell show: what a cycler and a thermometer know, and not the state. SI.

Of a cell with terminals: the voltage V, the current I (positive on discharge), the temperature above ambient, and the
voltage without a current as cyclers estimate it, V + r I, with the known resistance r at the shown temperature (of the
electrolyte; of the capacitor the series resistor, so that it is the voltage across the film). That voltage is the one
of the double layers, not the one of equilibrium. Neither charges nor the interface, the filling or the fuel are shown.

Of a film between two baths: its polarisation, which is the charge on its electrodes, and its temperature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..control import FloatArray
from ..machine import Machine
from ..validation import ParameterError
from .electrical import ElectricalCell
from .ferroelectric_engine import FerroelectricEngine


@dataclass(frozen=True, eq=False)
class Instruments:
    """The readings of a cell.

    Attributes:
        names: of the r readings.
        units: of each, SI.
        scale: usual size of each, shape (r,).
        measured: how many of them are measured; the others follow from these.
    """

    machine: ElectricalCell | FerroelectricEngine
    names: tuple[str, ...]
    units: tuple[str, ...]
    scale: FloatArray
    measured: int

    def read(self, state: FloatArray) -> FloatArray:
        """Readings (K, r) in states (K, n), with the controls that are held there."""
        cell = self.machine
        if isinstance(cell, FerroelectricEngine):
            return state[:, :2]
        voltage, current = cell.terminal(state)
        _, resistance = cell.source_at(state)
        return np.stack([voltage, current, state[:, cell.n_x], voltage + resistance * current], axis=1)


def instruments_of(machine: Machine) -> Instruments:
    """The instruments at ``machine``.

    Raises:
        ParameterError: if it is no cell.
    """
    if isinstance(machine, FerroelectricEngine):
        scale = np.array([machine.largest, machine.T_hot - machine.T_cold])
        return Instruments(machine, ("P", "theta"), ("C/m2", "K"), scale, 2)
    if not isinstance(machine, ElectricalCell):
        raise ParameterError(f"instruments: are at cells, not at a {type(machine).__name__}")
    usual = float(machine.usual_range[1][machine.n_x])
    apart = float(machine.temperatures.max()) - machine.ambient
    v, area = machine.voltage_scale, machine.per_area
    scale = np.array([v, machine.power_unit / v, max(usual, apart), v])
    return Instruments(machine, ("V", "I", "theta", "V_oc"), ("V", f"A{area}", "K", "V"), scale, 3)
