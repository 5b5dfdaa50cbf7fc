"""Portraits of machines: of those with coherence gap and population of the instantaneous eigenstates; of demons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import entr, expit, xlog1py, xlogy

from .. import pauli
from ..control import FloatArray
from ..portrait import Guide, Portrait, Quantity
from ..states import binary_entropy

if TYPE_CHECKING:
    from .coupled_qubits import CoupledQubits
    from .dead_time_demon import DeadTimeDemon
    from .feedback_demon import FeedbackDemon
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
        return np.maximum(binary_entropy(p) - self.machine.entropy(state), 0.0)

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


class EnergyEntropyPortrait(Portrait):
    """Energy against von Neumann entropy of the conditional state, for demons whose Hamiltonian stays as it is.

    What a demon does has a direction there: a measurement takes entropy away (to the left, on average), a unitary
    changes the energy alone (up and down), a bath draws the state towards its Gibbs state. Gibbs states have the lowest
    energy of all with their entropy, so the distance to their curve is work that is still to be had.
    """

    @property
    def energies(self) -> FloatArray:
        """Energies of the levels, shape (n,)."""
        raise NotImplementedError

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        machine = self.machine
        return (
            Quantity("entropy", "S", "nats", machine.entropy(state)),
            Quantity("energy", "E", "energy", machine.internal_energy(state)),
        )

    def guides(self) -> tuple[Guide, ...]:
        gaps = np.unique(self.energies - self.energies.min())
        betas = np.geomspace(40.0 / gaps[1], 1e-3 / gaps[-1], 200)  # from the ground state, but for exp(-40)
        entropy, energy = self._gibbs(np.append(betas, 0.0))
        # a pure ground state is as low as a mixture of several
        curve = np.append(0.0, entropy), np.append(self.energies.min(), energy)
        baths = []
        for b, (name, beta) in enumerate(zip(self.machine.bath_names, self.machine.betas, strict=True)):
            told = "Gibbs state" if name == "bath" else f"Gibbs state, {name}"
            baths.append(Guide(told, b, *self._gibbs(np.array([beta]))))
        return Guide("lowest energy", None, *curve), *baths

    def _gibbs(self, betas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Entropy and energy of the Gibbs states, (K,) each."""
        weights = np.exp(-betas[:, None] * (self.energies - self.energies.min()))
        p = weights / weights.sum(axis=1, keepdims=True)
        return entr(p).sum(axis=1), p @ self.energies


class DeadTimePortrait(EnergyEntropyPortrait):
    """Population and the dead time that is left; energy against entropy."""

    machine: DeadTimeDemon

    @property
    def energies(self) -> FloatArray:
        return 0.5 * self.machine.e * np.array([-1.0, 1.0])

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        return (
            Quantity("excited population", "p", "1", state[:, 0]),
            Quantity("dead time left", "", "time", state[:, 1]),
        )


class FeedbackPortrait(Portrait):
    """Population against the signed gap E0 u."""

    machine: FeedbackDemon

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity]:
        gap = Quantity("gap", "epsilon", "energy", self.machine.E0 * state[:, 1])
        return gap, self.shown(state)[0]

    def guides(self) -> tuple[Guide, ...]:
        gap = self.machine.E0 * np.linspace(-self.machine.u_max, self.machine.u_max, 201)
        return (Guide("equilibrium", 0, gap, expit(-self.machine.beta * gap)),)


class PairPortrait(EnergyEntropyPortrait):
    """Polarisations of two qubits and their correlation along z, of which the energy is made; populations."""

    machine: CoupledQubits

    @property
    def energies(self) -> FloatArray:
        return self.machine.levels

    def populations(self, state: FloatArray) -> tuple[Quantity, ...]:
        p = pauli.populations(pauli.table(state[:, :15]))
        return tuple(
            Quantity("populations", name, "1", q) for name, q in zip(("ee", "eg", "ge", "gg"), p.T, strict=True)
        )

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        known = self.machine.quantities
        return tuple(Quantity(*known[name][:1], name, "1", state[:, pauli.NAMES.index(name)]) for name in known)

    def coherence(self, state: FloatArray) -> FloatArray | None:
        if self.machine.diagonal:
            return None
        p = np.clip(pauli.populations(pauli.table(state[:, :15])), 0.0, 1.0)
        return np.maximum(entr(p).sum(axis=1) - self.machine.entropy(state), 0.0)
