"""What a run on a cycler leaves: arrays by dotted names, per-step summary, CSV with cycler columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...control import FloatArray, IntArray
from ...laws import EnergyFlows
from ...validation import check_choice
from ..cell import Ledger
from ..electrical import ElectricalCell

ZERO_CELSIUS = 273.15
"""0 degC in K."""


@dataclass(frozen=True)
class Spectrum:
    """A measured impedance.

    Attributes:
        step, cycle: of the protocol.
        frequency: Hz, shape (F,).
        impedance: Z = -dV/dI (the current discharges), Ohm, complex, shape (F,).
    """

    step: int
    cycle: int
    frequency: FloatArray
    impedance: NDArray[np.complex128]


@dataclass(frozen=True)
class Ending:
    """One executed step: what it was, which points it has, and why it ended.

    Attributes:
        step, cycle: its number in the protocol, and its cycle.
        text: the step as a string.
        time: when it began, s.
        first, last: its first and last point.
        reason: voltage, current, capacity, time, or that the demand could not be held.
    """

    step: int
    cycle: int
    text: str
    time: float
    first: int
    last: int = -1
    reason: str = ""

    def ended(self, last: int, reason: str) -> Ending:
        """The same, with its end."""
        return replace(self, last=last, reason=reason)


class Recorder:
    """Collects the points of a run and adds up the ledgers."""

    def __init__(self, cell: ElectricalCell) -> None:
        self._cell = cell
        self._rows: list[tuple[float, ...]] = []
        self._states: list[FloatArray] = []
        self._sums: list[FloatArray] = []
        self._sum = np.zeros(6 + len(cell.betas) + len(cell.channels))

    def __len__(self) -> int:
        return len(self._rows)

    def charge_at(self, k: int) -> float:
        """Charge that has left the terminals at point ``k``, up to a constant, C."""
        return float(self._cell.passed(self._states[k][None])[0])

    def add(self, time: float, step: int, cycle: int, state: FloatArray, voltage: float, current: float) -> None:
        """A point."""
        self._rows.append((time, step, cycle, voltage, current))
        self._states.append(state[0])
        self._sums.append(self._sum.copy())

    def book(self, done: Ledger, flows: EnergyFlows, sigma: float, residual: float, chemical: float) -> None:
        """What a step moved."""
        energy, entropy = float(flows.energy_change[0]), float(flows.entropy_change[0])
        exergy = energy - self._cell.ambient * entropy
        self._sum[:5] += (float(done.delivered[0]), energy, sigma, exergy, chemical)
        self._sum[5] = abs(residual)  # not a sum: of the step that led here
        self._sum[6:] += np.concatenate([-done.heat[0], done.dissipated[:, 0]])

    def columns(self) -> dict[str, FloatArray]:
        """All arrays by their dotted names."""
        cell = self._cell
        time, step, cycle, voltage, current = np.array(self._rows).T
        states, sums = np.array(self._states), np.array(self._sums)
        passed = cell.passed(states)
        out = {
            "time": time, "step": step, "cycle": cycle,
            "terminal.voltage": voltage, "terminal.current": current, "terminal.power": voltage * current,
            "terminal.charge": passed - passed[0],
            "cell.voltage": cell.source_at(states)[0],
            "temperature": cell.ambient + states[:, cell.n_x],
        }  # fmt: skip
        out |= dict(cell.signals(states))
        out |= {f"state.{name}": states[:, j] for j, name in enumerate(cell.dynamic_names)}
        names = ["delivered", "energy", "entropy_produced", "exergy", "chemical", "residual"]
        names += [f"heat_to.{name}" for name in cell.bath_names] + [f"dissipated.{name}" for name in cell.channels]
        out |= {f"ledger.{name}": column for name, column in zip(names, sums.T, strict=True)}
        if not cell.fuels:
            del out["ledger.chemical"]
        return out


@dataclass(frozen=True)
class Solution:
    """A run on a cycler. ``solution["terminal.voltage"]`` is an array over its points; ``names`` lists all of them.

    Units are SI; of a cell per area, charges, currents and energies are per that area. I > 0 delivers. Ledgers are
    sums since the start: ``ledger.delivered`` the work that left the terminals, ``ledger.heat_to.BATH`` the heat that a
    bath received, ``ledger.dissipated.CHANNEL``, ``ledger.chemical`` what the affinities released, ``ledger.energy``
    and ``ledger.exergy`` (at the ambient temperature) the changes of the cell's own; ``ledger.residual`` is what the
    first law leaves in the step that led to the point.

    Attributes:
        cell: what was run.
        protocol: its steps as strings.
        columns: all arrays, shape (points,) each.
        endings: one per executed step.
        spectra: one per impedance step.
    """

    cell: ElectricalCell
    protocol: tuple[str, ...]
    columns: Mapping[str, FloatArray] = field(repr=False)
    endings: tuple[Ending, ...] = field(repr=False)
    spectra: tuple[Spectrum, ...] = field(default=(), repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all arrays."""
        return tuple(self.columns)

    def __getitem__(self, name: str) -> FloatArray:
        check_choice("name", name, self.columns)
        return self.columns[name]

    @property
    def time(self) -> FloatArray:
        """s."""
        return self["time"]

    @property
    def step(self) -> IntArray:
        """Number of the step in the protocol, from 1."""
        return self["step"].astype(np.int64)

    @property
    def cycle(self) -> IntArray:
        """Number of the cycle, from 1."""
        return self["cycle"].astype(np.int64)

    @property
    def final(self) -> FloatArray:
        """Variables and temperature above ambient at the end, to start another run from; shape (n_x + 1,)."""
        return np.array([self[f"state.{name}"][-1] for name in self.cell.dynamic_names])

    def unit(self, name: str) -> str:
        """Unit of an array, as plain text."""
        per = self.cell.per_area
        if name.startswith("state."):
            return self.cell.quantities.get(name.removeprefix("state."), ("", "1"))[1]
        if name.startswith("ledger."):
            return "J/K" + per if name == "ledger.entropy_produced" else "J" + per
        units = {"time": "s", "temperature": "K", "terminal.current": "A" + per, "terminal.power": "W" + per,
                 "terminal.charge": "C" + per}  # fmt: skip
        if name.endswith("voltage"):
            return "V"
        return units.get(name, "C" + per if name.endswith("charge") else "1")

    def summary(self) -> dict[str, Any]:
        """Plain data: one entry per executed step, and the ledger of the whole run.

        Charge (C) and energy (J) of a step are what left the terminals in it; ``residual`` is the largest violation of
        the first law in a step, relative to the energies of the run and the energy scale of the cell.
        """
        steps = []
        charge, work = self["terminal.charge"], self["ledger.delivered"]
        voltage, temperature = self["terminal.voltage"], self["temperature"]
        for e in self.endings:
            part = slice(e.first, e.last + 1)
            steps.append({
                "step": e.step, "cycle": e.cycle, "what": e.text, "ended_by": e.reason,
                "duration": float(self.time[e.last] - self.time[e.first]),
                "voltage_start": float(voltage[e.first]), "voltage_end": float(voltage[e.last]),
                "charge": float(charge[e.last] - charge[e.first]), "energy": float(work[e.last] - work[e.first]),
                "temperature_max": float(temperature[part].max()),
            })  # fmt: skip
        totals = {
            n: float(v[-1]) for n, v in self.columns.items() if n.startswith("ledger.") and n != "ledger.residual"
        }
        flows = [abs(v) for n, v in totals.items() if n != "ledger.entropy_produced"]
        largest = float(self["ledger.residual"].max())
        return {
            "points": len(self.time), "duration": float(self.time[-1]), "per": self.cell.per_area.removeprefix("/"),
            "steps": steps, "ledger": {n.removeprefix("ledger."): v for n, v in totals.items()},
            "residual": largest / max([*flows, self.cell.energy_scale]),
        }  # fmt: skip

    def to_csv(self, path: str | Path) -> Path:
        """Write cycler columns (RFC 4180): capacity and energy count from the start of each executed step."""
        per = self.cell.per_area
        header = (
            "step", "cycle", "time [s]", "voltage [V]", f"current [mA{per}]", f"capacity [mAh{per}]",
            f"energy [mWh{per}]", "temperature [degC]",
        )  # fmt: skip
        charge, work = self["terminal.charge"], self["ledger.delivered"]
        first = np.zeros(len(self.time), dtype=np.int64)
        for e in self.endings:
            first[e.first : e.last + 1] = e.first
        columns = (
            self.step, self.cycle, self.time, self["terminal.voltage"], 1e3 * self["terminal.current"],
            (charge - charge[first]) / 3.6, (work - work[first]) / 3.6, self["temperature"] - ZERO_CELSIUS,
        )  # fmt: skip
        path = Path(path)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(zip(*(c.tolist() for c in columns), strict=True))
        return path
