"""Two coupled qubits whose state a demon knows only as far as it has measured: the base of three machines.

    H = (e1/2) sz1 + (e2/2) sz2 + g sz1 sz2

The state is the demon's conditional density matrix, as 15 Pauli components (``pauli.py``). Each bath couples through
sigma_x of its qubit. Because H is diagonal, qubit 1 flips at e1 + 2 g s2 and qubit 2 at e2 + 2 g s1; the rates are
those of the global GKLS equation, in detailed balance at any g. Populations close among themselves.

Convention: hbar = k_B = 1; sigma_z = +1 is the excited state; heat from a bath is positive.

Source: B. Bhandari, R. Czupryniak, P. A. Erdman, A. N. Jordan, Entropy 25, 204 (2023).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from .. import pauli
from ..baths import MAX_EXPONENT, BosonicBath
from ..control import FloatArray
from ..lindblad import Generator, augmented_propagator, gkls_generator
from ..machine import Machine, check_state_array, parameter
from ..validation import ParameterError, check_finite, check_positive, check_range
from .portraits import PairPortrait

AXES = ("z", "xz")
"""Directions in which a machine measures and turns: along z alone, or anywhere in the x-z plane."""

X1, X2 = pauli.PRODUCTS[4], pauli.PRODUCTS[1]
"""sigma_x of either qubit."""

_DIAGONAL = np.isin(np.arange(16), (0, 3, 12, 15))
MIXED = _DIAGONAL[:, None] != _DIAGONAL
"""Entries of a superoperator (16, 16) between populations and coherences."""


@dataclass(frozen=True)
class CoupledQubits(Machine):
    """Base of the machines made of two coupled qubits; see the module.

    Raises:
        ParameterError: for a parameter outside its range, or a Bohr frequency that vanishes.
    """

    dynamic_names: ClassVar[tuple[str, ...]] = pauli.NAMES
    quantities: ClassVar[dict[str, tuple[str, str]]] = {
        "z1": ("excitation of qubit 1", "1"),
        "z2": ("excitation of qubit 2", "1"),
        "zz": ("correlation", "1"),
    }
    n_initial_uniforms: ClassVar[int] = 4
    source: ClassVar[str] = "B. Bhandari, R. Czupryniak, P. A. Erdman, A. N. Jordan, Entropy 25, 204 (2023)"

    e1: float = parameter(1.0, "energy", "gap of qubit 1")
    e2: float = parameter(1.0, "energy", "gap of qubit 2")
    g: float = parameter(-0.25, "energy", "coupling; g < 0 is ferromagnetic")
    gamma: float = parameter(1.0, "rate", "coupling to the baths (flat spectrum)")

    def __post_init__(self) -> None:
        for name in ("e1", "e2", "gamma"):
            check_positive(name, getattr(self, name))
        check_finite("g", self.g)
        for name, gap in (("e1", self.e1), ("e2", self.e2)):
            for s in (1, -1):
                # the rates of a bosonic bath with a flat spectrum diverge there
                if abs(gap + 2 * s * self.g) <= 1e-9 * gap:
                    raise ParameterError(f"g = {self.g!r}: must not make {name} {'+' if s > 0 else '-'} 2 g vanish")
        widest = max(self.e1, self.e2) + 2 * abs(self.g)
        check_range("largest beta * gap", float(self.betas.max()) * widest, 0.0, MAX_EXPONENT)

    @property
    @abstractmethod
    def couplings(self) -> tuple[tuple[int, float], ...]:
        """Index of the bath and its inverse temperature, for qubit 1 and qubit 2."""

    @property
    def diagonal(self) -> bool:
        """Whether the state never has coherence: everything happens along z."""
        return True

    # ---- energies ---------------------------------------------------------------------------------------------

    @cached_property
    def levels(self) -> FloatArray:
        """Energies of (ee, eg, ge, gg), shape (4,)."""
        s1, s2 = pauli.TWO_SIGNS.T
        return 0.5 * self.e1 * s1 + 0.5 * self.e2 * s2 + self.g * s1 * s2

    @cached_property
    def energy_row(self) -> FloatArray:
        """h with <H> = h . (15 components), shape (15,)."""
        row = np.zeros((4, 4))
        row[3, 0], row[0, 3], row[3, 3] = 0.5 * self.e1, 0.5 * self.e2, self.g
        return row.ravel()[1:]

    @cached_property
    def energy_scale(self) -> float:
        return float(np.abs(self.energy_row).sum())

    def energy(self, t: FloatArray) -> FloatArray:
        """<H> of the tables (K, 4, 4), shape (K,)."""
        return pauli.components(t) @ self.energy_row

    @cached_property
    def portrait(self) -> PairPortrait:
        return PairPortrait(self)

    def internal_energy(self, state: FloatArray) -> FloatArray:
        return state[:, :15] @ self.energy_row

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Zero: the gaps are fixed, so heat taken up is what counts."""
        return np.zeros(len(state))

    def entropy(self, state: FloatArray) -> FloatArray:
        return pauli.entropy(pauli.table(state[:, :15]))

    # ---- baths ------------------------------------------------------------------------------------------------

    def relaxed(self, t: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
        """Contact with the baths for ``dt``: the state after it (K, 4, 4), and the heat from each bath (K, B)."""
        propagator, heat = _contact(self, dt)
        flat = t.reshape(-1, 16)
        after = flat @ propagator.T
        after[:, 0] = 1.0
        return after.reshape(-1, 4, 4), flat @ heat.T

    def current(self, t: FloatArray) -> FloatArray:
        """Heat current from each bath, shape (K, B), energy per time."""
        return t.reshape(-1, 16) @ _current(self).T

    @cached_property
    def thermal(self) -> FloatArray:
        """The Gibbs state at the temperature of the first bath, (1, 4, 4)."""
        weights = np.exp(-self.betas[0] * (self.levels - self.levels.min()))
        return pauli.from_populations(weights[None] / weights.sum())

    @cached_property
    def ground(self) -> FloatArray:
        """The ground state, (1, 4, 4)."""
        return pauli.from_populations(np.eye(4)[[int(np.argmin(self.levels))]])

    # ---- states -----------------------------------------------------------------------------------------------

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Random populations, uniform on the simplex; no coherence."""
        gaps = -np.log1p(-uniforms)
        p = gaps / gaps.sum(axis=1, keepdims=True)
        values = np.tile(self.control_space.low, (len(p), 1))
        return np.concatenate([pauli.components(pauli.from_populations(p)), values], axis=1)

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        t = pauli.table(state[:, :15])
        if self.diagonal and not pauli.is_diagonal(t):
            raise ParameterError("state: has coherence, which a machine with axes = 'z' never has")
        lowest = np.linalg.eigvalsh(pauli.density(t)).min(initial=0.0)
        if lowest < -1e-9:
            raise ParameterError(f"state: its smallest eigenvalue is {lowest:.3g}, must be >= 0")

    @cached_property
    def seen(self) -> tuple[int, ...]:
        """Which of the 15 components are observed: all, or those that can differ from zero."""
        return tuple(pauli.NAMES.index(n) for n in ("z1", "z2", "zz")) if self.diagonal else tuple(range(15))

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        low, high = self.control_space.low, self.control_space.high
        return np.concatenate([-np.ones(15), low]), np.concatenate([np.ones(15), high])

    def observe(self, state: FloatArray) -> FloatArray:
        """The components ``seen``: they lie within [-1, 1] as they are."""
        return state[:, list(self.seen)]

    def state_of(self, observation: FloatArray) -> FloatArray:
        parts = np.zeros((len(observation), 15))
        parts[:, list(self.seen)] = observation[:, : len(self.seen)]
        return np.concatenate([parts, np.tile(self.control_space.low, (len(parts), 1))], axis=1)

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        return -np.ones(len(self.seen)), np.ones(len(self.seen))


@lru_cache(maxsize=256)
def _contact(machine: CoupledQubits, dt: float) -> tuple[FloatArray, FloatArray]:
    """Propagator (16, 16) and rows of the heat (B, 16) of a contact of length ``dt``, for Pauli components."""
    made = _generator(machine)
    propagator, heat = augmented_propagator(made, dt)
    basis = pauli.FROM_BASIS
    table = basis @ propagator @ basis.T / 4.0
    # H is diagonal: populations and coherences never mix; round-off must not either
    table[MIXED] = 0.0
    heat = _by_bath(machine, heat @ basis.T / 4.0)
    # the baths give what the qubits gain; the integral alone misses it by round-off, 1e-16 times rate times dt
    gained = np.append(0.0, machine.energy_row) @ (table - np.eye(16))
    return table, heat + (gained - heat.sum(axis=0)) / len(heat)


@lru_cache(maxsize=64)
def _current(machine: CoupledQubits) -> FloatArray:
    return _by_bath(machine, _generator(machine).heat_rows @ pauli.FROM_BASIS.T / 4.0)


def _generator(machine: CoupledQubits) -> Generator:
    hamiltonian = np.diag(machine.levels)
    pairs = zip((X1, X2), machine.couplings, strict=True)
    # near degeneracies concern only the transfer between coherences of one qubit by jumps of the other one
    return gkls_generator(hamiltonian, [(x, BosonicBath(beta, machine.gamma)) for x, (_, beta) in pairs], check=False)


def _by_bath(machine: CoupledQubits, rows: FloatArray) -> FloatArray:
    """Rows of the two qubits' contacts, summed where both touch one bath."""
    found = np.zeros((len(machine.bath_names), rows.shape[1]))
    for row, (bath, _) in zip(rows, machine.couplings, strict=True):
        found[bath] += row
    return found
