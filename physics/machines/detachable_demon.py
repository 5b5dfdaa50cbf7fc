"""Base of the demons on two coupled qubits with one shared, detachable bath.

In every step the demon does one of five things, each takes ``dt``:

    wait       contact with the bath
    measure    read-out of one or both qubits
    turn 1, 2  rotation of a qubit about y (axes = "xz"), or an exact flip of its levels (axes = "z")
    swap       exchange of the qubits

Only ``wait`` moves heat. Feedback is what the demon does next, knowing its conditional state.

Source: B. Bhandari, R. Czupryniak, P. A. Erdman, A. N. Jordan, Entropy 25, 204 (2023).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from .. import pauli
from ..control import Control, ControlSpace, FloatArray, Range
from ..machine import Propagated, parameter
from ..validation import check_choice, check_positive
from .coupled_qubits import AXES, CoupledQubits

WAIT, MEASURE, TURN_1, TURN_2, SWAP = range(5)
"""Indices of the choice."""

READ_OUTS = ("one", "both")
"""Which qubits the detectors read: qubit 1, or each its own."""


class ReadOut(NamedTuple):
    """What a measurement did: the state after it (K, 4, 4), and per system what it moved, (K,) each.

    Attributes:
        after: the state.
        work: done on the system by feedback that belongs to the measurement.
        energy: put in by the detector.
        information: gain in nats.
        record: entropy of the record in nats.
        outcome: what the detectors D1 and D2 showed, (K, 2); 0 where one was not read.
    """

    after: FloatArray
    work: FloatArray
    energy: FloatArray
    information: FloatArray
    record: FloatArray
    outcome: FloatArray


@dataclass(frozen=True)
class DetachableDemon(CoupledQubits):
    """Base of the demons; see the module.

    Raises:
        ParameterError: for a parameter outside its range, or a Bohr frequency that vanishes.
    """

    bath_names: ClassVar[tuple[str, ...]] = ("bath",)
    detector_names: ClassVar[tuple[str, ...]] = ("D1", "D2")

    T: float = parameter(1.0, "energy", "temperature of the bath")
    read_out: str = parameter("both", "-", "qubits that are read: one (qubit 1) or both")
    axes: str = parameter("z", "-", "directions of measurements and rotations: z, or xz for the plane")

    def __post_init__(self) -> None:
        check_positive("T", self.T)
        check_choice("read_out", self.read_out, READ_OUTS)
        check_choice("axes", self.axes, AXES)
        super().__post_init__()

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([1.0 / self.T])

    @property
    def couplings(self) -> tuple[tuple[int, float], ...]:
        return (0, 1.0 / self.T), (0, 1.0 / self.T)

    @property
    def diagonal(self) -> bool:
        return self.axes == "z"

    @property
    def settings(self) -> tuple[Range, ...]:
        """Continuous controls of a measurement, besides the direction."""
        return ()

    @cached_property
    def control_space(self) -> ControlSpace:
        settings = self.settings
        names = tuple(r.name for r in settings)
        if self.diagonal:
            choices = ("wait", "measure", "flip 1", "flip 2", "swap")
            return ControlSpace(settings, choices, "operation", ((), names, (), (), ()))
        ranges = (*settings, Range("theta", 0.0, np.pi / 2, "rad"), Range("angle", -np.pi, np.pi, "rad"))
        choices = ("wait", "measure", "rotate 1", "rotate 2", "swap")
        uses = ((), (*names, "theta"), ("angle",), ("angle",), ())
        return ControlSpace(ranges, choices, "operation", uses)

    @cached_property
    def power_unit(self) -> float:
        """Heat current from the bath into the ground state."""
        return float(self.current(self.ground).sum())

    @cached_property
    def dissipation_unit(self) -> float:
        return self.power_unit / self.T

    @property
    def read_qubits(self) -> tuple[int, ...]:
        """Index of the qubits that are read."""
        return (0,) if self.read_out == "one" else (0, 1)

    # ---- dynamics ---------------------------------------------------------------------------------------------

    @abstractmethod
    def measure(self, t: FloatArray, values: FloatArray, dt: float, uniforms: FloatArray) -> ReadOut:
        """A measurement of the states (K, 4, 4) with the controls (K, m)."""

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        if uniforms is None:
            uniforms = np.full((len(state), self.n_step_uniforms), 0.5)
        before, choice = pauli.table(state[:, :15]), control.choice
        after = before.copy()
        work, heat = np.zeros(len(state)), np.zeros((len(state), 1))
        energy, information, record = np.zeros(len(state)), np.zeros(len(state)), np.zeros(len(state))
        outcome = np.zeros((len(state), 2))
        rows = np.flatnonzero(choice == WAIT)
        if rows.size:
            after[rows], heat[rows] = self.relaxed(before[rows], dt)
        for turn, qubit in ((TURN_1, 0), (TURN_2, 1)):
            rows = np.flatnonzero(choice == turn)
            if rows.size:
                after[rows] = self._turned(before[rows], qubit, control.values[rows])
        rows = np.flatnonzero(choice == SWAP)
        after[rows] = pauli.swap(before[rows])
        rows = np.flatnonzero(choice >= TURN_1)
        work[rows] = self.energy(after[rows]) - self.energy(before[rows])
        rows = np.flatnonzero(choice == MEASURE)
        if rows.size:
            done = self.measure(before[rows], control.values[rows], dt, uniforms[rows])
            after[rows], work[rows], energy[rows], information[rows], record[rows], outcome[rows] = done
        held = np.where(self.control_space.used[choice], control.values, state[:, 15:])
        new = np.concatenate([pauli.components(after), held], axis=1)
        return Propagated(new, work, heat, energy, information, record, outcome)

    def _turned(self, t: FloatArray, qubit: int, values: FloatArray) -> FloatArray:
        return pauli.flipped(t, qubit) if self.diagonal else pauli.rotated(t, qubit, values[:, -1])

    def axis(self, values: FloatArray) -> FloatArray:
        """Direction (K, 3) of a measurement with the controls (K, m)."""
        return pauli.axis_in_plane(np.zeros(len(values)) if self.diagonal else values[:, len(self.settings)])

    def drawn(self, before: FloatArray, after: FloatArray, record: FloatArray, outcome: FloatArray) -> ReadOut:
        """The books of a measurement whose outcome was drawn."""
        energy = self.energy(after) - self.energy(before)
        information = pauli.entropy(before) - pauli.entropy(after)
        return ReadOut(after, np.zeros(len(after)), energy, information, record, outcome)
