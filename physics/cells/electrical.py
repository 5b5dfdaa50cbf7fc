"""Cells with two electrical terminals: a voltage behind a resistance, and what is connected to it.

Seen from its terminals every such cell is a voltage v, a function of its variables, behind a resistance r. A load, a
source or a cycler fixes one relation between the current I and the voltage V = v - r I. Within a step v is its discrete
mean, so whatever draws the current, the power V I that leaves is booked to round-off.

Convention: I > 0 discharges the cell, and V I > 0 is delivered.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..control import FloatArray, IntArray
from .cell import Cell, Flow
from .discrete import Array


@dataclass(frozen=True)
class ElectricalCell(Cell):
    """Base of the cells with two terminals; see the module."""

    port_controls: ClassVar[tuple[str, ...]] = ()
    """Names of the controls that set the current; a cycler takes their place."""
    per_area: ClassVar[str] = ""
    """What charges, currents and energies are per: ``"/cm2"``, or nothing."""
    fuels: ClassVar[tuple[str, ...]] = ()
    """Variables that are extents of reactions; what their affinities release is chemical energy."""

    @property
    @abstractmethod
    def voltage_scale(self) -> float:
        """Usual terminal voltage, V."""

    @property
    def capacity(self) -> float | None:
        """Charge of a full discharge (C), which C-rates refer to; ``None``: the cell has none."""
        return None

    @abstractmethod
    def source_of(self, forces: Sequence[Array], temperature: Array) -> tuple[Array, Array]:
        """The voltage v (V) and the resistance r (Ohm) behind it, means over a step; arguments as for ``flow``."""

    @abstractmethod
    def source_at(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """v and r in a state (K, n), of which only the dynamical variables count."""

    @abstractmethod
    def drawn(self, voltage: Array, resistance: Array, values: FloatArray, choice: IntArray) -> Array:
        """The current I (A) that the controls draw from v behind r."""

    @abstractmethod
    def flow_with(
        self,
        x0: Array,
        x1: Array,
        temperature: Array,
        forces: Sequence[Array],
        values: FloatArray,
        choice: IntArray,
        current: Array,
    ) -> Flow:
        """``flow`` with the current I given."""

    @abstractmethod
    def start(self) -> FloatArray:
        """The usual start of the variables, shape (n_x,); the temperature is that of the bath."""

    @abstractmethod
    def passed(self, state: FloatArray) -> FloatArray:
        """Charge that has left the terminals, up to a constant: a function of the state (K, n); C, shape (K,)."""

    @abstractmethod
    def signals(self, state: FloatArray) -> Mapping[str, FloatArray]:
        """What a user wants to see besides the state, by dotted names; functions of the state (K, n), (K,) each."""

    def flow(
        self, x0: Array, x1: Array, temperature: Array, forces: Sequence[Array], values: FloatArray, choice: IntArray
    ) -> Flow:
        current = self.drawn(*self.source_of(forces, temperature), values, choice)
        return self.flow_with(x0, x1, temperature, forces, values, choice, current)

    def terminal(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Terminal voltage (V) and current (A, positive on discharge) with the held controls, (K,) each."""
        voltage, resistance = self.source_at(state)
        # the bath that is connected sets no current
        no_choice = np.zeros(len(state), dtype=np.int64)
        current = self.drawn(voltage, resistance, state[:, self.n_dynamic :].T, no_choice)
        return voltage - resistance * current, current
