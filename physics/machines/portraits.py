"""Portraits of the machines with coherence: gap and population of the instantaneous eigenstates; of two qubits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import entr, xlog1py, xlogy

from .. import pauli
from ..control import FloatArray
from ..portrait import Portrait, Quantity

if TYPE_CHECKING:
    from .coupled_qubits import CoupledQubits
    from .oscillator import OscillatorEngine
    from .qubit_refrigerator import QubitRefrigerator


class QubitPortrait(Portrait):
    """Population of the upper eigenstate of H(u) against the gap 2 E0 sqrt(Delta^2 + u^2)."""

    machine: QubitRefrigerator

    def _gap(self, u: FloatArray) -> FloatArray:
        return 2.0 * self.machine.E0 * np.sqrt(self.machine.delta**2 + u * u)

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        p = 0.5 + self.machine.internal_energy(state) / self._gap(state[:, 3])
        return (Quantity("excited population", "p", "1", p),)

    def coherence(self, state: FloatArray) -> FloatArray:
        p = np.clip(self.shown(state)[0].values, 0.0, 1.0)
        return np.maximum(entr(p) + entr(1.0 - p) - self.machine.entropy(state), 0.0)

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        return Quantity("gap", "epsilon", "energy", self._gap(state[:, 3])), self.shown(state)[0]

    def thermal(self, values: FloatArray, beta: float) -> FloatArray:
        u = values[:, 0]
        length = np.tanh(0.5 * beta * self._gap(u)) / np.hypot(self.machine.delta, u)
        return np.stack([length * self.machine.delta, np.zeros_like(u), length * u], axis=1)


class OscillatorPortrait(Portrait):
    """Occupation <a^dagger a> = <H>/omega - 1/2 against the frequency omega."""

    machine: OscillatorEngine

    def _omega(self, u: FloatArray) -> FloatArray:
        return self.machine.omega0 * u

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        n = self.machine.internal_energy(state) / self._omega(state[:, 4]) - 0.5
        return (Quantity("occupation", "n", "1", n),)

    def coherence(self, state: FloatArray) -> FloatArray:
        """Entropy of the thermal state of the same energy minus the entropy, nats: the distance to the nearest
        Gaussian state without coherence. It vanishes without squeezing, and is an upper bound of
        S(populations) - S(rho), since no state of this energy has more entropy than the thermal one.

        Source: J. Xu, Phys. Rev. A 93, 032111 (2016).
        """
        n = np.maximum(self.shown(state)[0].values, 0.0)
        thermal = xlog1py(n + 1.0, n) - xlogy(n, n)
        return np.maximum(thermal - self.machine.entropy(state), 0.0)

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        return Quantity("frequency", "omega", "energy", self._omega(state[:, 4])), self.shown(state)[0]

    def thermal(self, values: FloatArray, beta: float) -> FloatArray:
        omega = self._omega(values[:, 0])
        nu = 0.5 + 1.0 / np.expm1(beta * omega)
        return np.stack([nu * omega, nu / omega, np.zeros_like(omega), nu * nu], axis=1)


class PairPortrait(Portrait):
    """Polarisations of two qubits and their correlation along z, of which the energy is made."""

    machine: CoupledQubits

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        known = self.machine.quantities
        return tuple(Quantity(*known[name][:1], name, "1", state[:, pauli.NAMES.index(name)]) for name in known)

    def coherence(self, state: FloatArray) -> FloatArray | None:
        if self.machine.diagonal:
            return None
        p = np.clip(pauli.populations(pauli.table(state[:, :15])), 0.0, 1.0)
        return np.maximum(entr(p).sum(axis=1) - self.machine.entropy(state), 0.0)
