"""Refrigerator driven by measurement and SWAP: qubit 1 on a cold bath, qubit 2 on a hot one, always connected.

In every step one operation acts at once, then both baths act for ``dt``:

    wait                nothing
    measure             read-out of qubit 1 along z with strength k, and a flip where that lowers <H>
    swap                exchange of the qubits
    swap + measure      one after the other
    conditional swap    both qubits measured projectively, exchanged where that lowers <sz1>

Source: B. Bhandari, R. Czupryniak, P. A. Erdman, A. N. Jordan, Entropy 25, 204 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import entr

from .. import pauli
from ..control import Control, ControlSpace, FloatArray, Range
from ..laws import EnergyFlows
from ..machine import Propagated, parameter
from ..validation import ParameterError, check_choice, check_positive
from .coupled_qubits import CoupledQubits
from .feedback import flip_gain
from .two_qubit_demon import MODES

WAIT, MEASURE, SWAP, SWAP_MEASURE, CONDITIONAL_SWAP = range(5)
"""Indices of the choice."""

Z = np.array([[0.0, 0.0, 1.0]])
SHOWN = {2: np.array([[1.0, 0.0], [-1.0, 0.0]]), 4: pauli.TWO_SIGNS}
"""What the detectors show, by the number of outcomes."""


@dataclass(frozen=True)
class MeasurementRefrigerator(CoupledQubits):
    """Measurement-assisted refrigerator; see the module.

    State: 15 Pauli components (populations only) and the held strength. Control: strength k in [1/2, 1] of ``measure``.
    Its power is the cooling power. Units: hbar = k_B = 1.

    Raises:
        ParameterError: for a parameter outside its range, T1 >= T2, or a Bohr frequency that vanishes.
    """

    title: ClassVar[str] = "Measurement-assisted refrigerator"
    equations: ClassVar[str] = "H = (e1/2) sz1 + (e2/2) sz2 + g sz1 sz2; qubit 1 at T1, qubit 2 at T2 > T1"
    bath_names: ClassVar[tuple[str, ...]] = ("cold", "hot")
    detector_names: ClassVar[tuple[str, ...]] = ("D1", "D2")
    is_refrigerator: ClassVar[bool] = True
    n_step_uniforms: ClassVar[int] = 2

    e2: float = parameter(2.5, "energy", "gap of qubit 2")
    g: float = parameter(0.2, "energy", "coupling; g < 0 is ferromagnetic")
    T1: float = parameter(0.5, "energy", "temperature of the cold bath, on qubit 1")
    T2: float = parameter(1.0, "energy", "temperature of the hot bath, on qubit 2")
    mode: str = parameter("trajectory", "-", "trajectory: outcomes are drawn; ensemble: averaged over")

    def __post_init__(self) -> None:
        check_positive("T1", self.T1)
        check_positive("T2", self.T2)
        if self.T1 >= self.T2:
            raise ParameterError(f"T1 = {self.T1!r}: must be < T2 = {self.T2!r} (cold below hot)")
        check_choice("mode", self.mode, MODES)
        super().__post_init__()

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([1.0 / self.T1, 1.0 / self.T2])

    @property
    def couplings(self) -> tuple[tuple[int, float], ...]:
        return (0, 1.0 / self.T1), (1, 1.0 / self.T2)

    @cached_property
    def control_space(self) -> ControlSpace:
        choices = ("wait", "measure", "swap", "swap + measure", "conditional swap")
        uses = ((), ("k",), (), ("k",), ())
        return ControlSpace((Range("k", 0.5, 1.0),), choices, "operation", uses)

    @cached_property
    def power_unit(self) -> float:
        """Heat current from the cold bath into the ground state."""
        return float(self.current(self.ground)[0, 0])

    @cached_property
    def dissipation_unit(self) -> float:
        """Entropy that the cold bath alone would lose at this power."""
        return self.power_unit / self.T1

    def dissipation(self, flows: EnergyFlows) -> FloatArray:
        """Entropy given to the baths, and that of the record, which must be erased; nats."""
        erased = np.zeros(len(flows.work)) if flows.record is None else flows.record
        return erased - flows.heat @ self.betas

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        if uniforms is None:
            uniforms = np.full((len(state), 2), 0.5)
        t, choice = pauli.table(state[:, :15]), control.choice
        work, energy = np.zeros(len(t)), np.zeros(len(t))
        information, record, outcome = np.zeros(len(t)), np.zeros(len(t)), np.zeros((len(t), 2))
        swapped = (choice == SWAP) | (choice == SWAP_MEASURE)
        exchanged = pauli.swap(t[swapped])
        work[swapped] = self.energy(exchanged) - self.energy(t[swapped])
        t[swapped] = exchanged
        for kind, branches in (((MEASURE, SWAP_MEASURE), self._read_one), ((CONDITIONAL_SWAP,), self._read_both)):
            rows = np.flatnonzero(np.isin(choice, kind))
            if not rows.size:
                continue
            before = t[rows]
            p, measured, fed_back = branches(before, control.values[rows, 0])
            record[rows] = entr(p).sum(axis=1)
            if self.mode == "ensemble":
                after, between = _mean(p, fed_back), _mean(p, measured)
                entropy = np.einsum("kb,kb->k", p, pauli.entropy(measured.reshape(-1, 4, 4)).reshape(p.shape))
            else:
                # Born's rule: the first outcome whose cumulative probability exceeds the uniform
                chosen = (uniforms[rows, :1] >= np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
                outcome[rows] = SHOWN[p.shape[1]][chosen]
                after, between = fed_back[np.arange(len(rows)), chosen], measured[np.arange(len(rows)), chosen]
                entropy = pauli.entropy(between)
            energy[rows] = self.energy(between) - self.energy(before)
            work[rows] += self.energy(after) - self.energy(between)
            information[rows] = pauli.entropy(before) - entropy
            t[rows] = after
        t, heat = self.relaxed(t, dt)
        held = np.where(self.control_space.used[choice], control.values, state[:, 15:])
        new = np.concatenate([pauli.components(t), held], axis=1)
        return Propagated(new, work, heat, energy, information, record, outcome)

    def _read_one(self, t: FloatArray, k: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probabilities (K, 2), and the states (K, 2, 4, 4) after the outcome and after the feedback."""
        strength, axis = 2.0 * k - 1.0, np.repeat(Z, len(t), axis=0)
        rest = np.sqrt(np.clip(1.0 - strength**2, 0.0, None))
        bias = strength * pauli.polarisation(t, 0, axis)
        p = np.clip(0.5 * np.stack([1.0 + bias, 1.0 - bias], axis=1), 0.0, 1.0)
        measured = np.repeat(t[:, None], 2, axis=1)
        for j, sign in enumerate((1.0, -1.0)):
            rows = p[:, j] > 0.0  # an impossible outcome keeps the old state
            measured[rows, j] = pauli.measured(t[rows], 0, axis[rows], sign * strength[rows], rest[rows])
        fed_back = measured.copy()
        for j in range(2):
            rows = flip_gain(self, measured[:, j], 0) > 1e-13 * self.energy_scale
            fed_back[rows, j] = pauli.flipped(measured[rows, j], 0)
        return p, measured, fed_back

    def _read_both(self, t: FloatArray, k: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The same for projective outcomes (ee, eg, ge, gg): eg becomes ge."""
        p = np.clip(pauli.populations(t), 0.0, 1.0)
        pure = pauli.from_populations(np.eye(4))
        measured = np.broadcast_to(pure, (len(t), 4, 4, 4)).copy()
        fed_back = measured.copy()
        fed_back[:, 1] = pure[2]
        return p / p.sum(axis=1, keepdims=True), measured, fed_back


def _mean(p: FloatArray, states: FloatArray) -> FloatArray:
    return np.einsum("kb,kbij->kij", p, states)
