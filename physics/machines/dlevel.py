"""The general machine: any d-level system, controlled Hamiltonian, any number of baths.

    H(u) = H_0 + sum_k u_k H_k,   d rho / dt = -i [H(u), rho] + sum over connected baths of D_a(u)[rho]

with the global, secular dissipators of ``lindblad.py`` (rates gamma_a at the Bohr frequencies of H(u), no Lamb shift).
A switch of the controls leaves rho unchanged and does the work tr(rho (H' - H)); a hold is the exact exponential of
the generator, augmented by the heat of each bath.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import expm

from ..baths import Bath
from ..control import Control, ControlSpace, FloatArray, Range
from ..counting import counting_propagator
from ..laws import LawTolerance, check_detailed_balance
from ..lindblad import (
    Generator,
    augmented_propagator,
    bohr_frequencies,
    gkls_derivative,
    gkls_gain,
    gkls_generator,
    propagator_derivative,
    unitary_propagator,
)
from ..machine import AffineMachine, AffineMap, Counted, check_state_array, parameter
from ..states import density_matrix_state, thermal_state, von_neumann_entropy
from ..superoperators import check_hermitian, hermitian_basis, to_operator, to_vector
from ..validation import ParameterError, check_choice, check_positive, check_shape

N_SAMPLES = 32
"""How many control values, besides the corners of the control box, the checks at construction look at."""


@dataclass(frozen=True, eq=False)
class DLevelMachine(AffineMachine):
    """A d-level system with H(u) = H_0 + sum_k u_k H_k and baths that can be connected.

    State: the d^2 - 1 components r_i = tr(B_i rho), i >= 1, in the Hermitian basis of ``superoperators.py`` (the
    component r_0 = 1/sqrt(d) is constant), then the controls u. For d = 2, r = (x, y, z) / sqrt(2) of the Bloch vector.
    Units: hbar = k_B = 1.

    A two-level engine::

        DLevelMachine(
            hamiltonian=np.zeros((2, 2)),
            controls=((Range("u", 0.3, 1.0), 1.25 * sigma_z),),
            baths={"hot": (sigma_x, FermionicBath(1.0)), "cold": (sigma_x, FermionicBath(2.0))},
            connections={"hot": ["hot"], "cold": ["cold"], "none": []},
        )

    Raises:
        ParameterError: for a matrix that is not finite and Hermitian, dimensions that do not fit, no bath, or a
            connection to an unknown bath.
        ThermodynamicsViolation: if the rates of a bath break detailed balance.

    Warns:
        NearDegeneracyWarning: if the secular approximation is not justified at one of the sampled controls.
    """

    title: ClassVar[str] = "d-level machine"
    source: ClassVar[str] = "H.-P. Breuer, F. Petruccione, The Theory of Open Quantum Systems (2002), section 3.3"
    equations: ClassVar[str] = "H = H0 + sum_k u_k H_k; d rho/dt = -i [H, rho] + sum_a D_a(H)[rho], global GKLS"

    hamiltonian: np.ndarray = field(metadata={"unit": "energy", "about": "H_0, (d, d)"})
    baths: Mapping[str, tuple[np.ndarray, Bath]] = field(
        metadata={"unit": "-", "about": "coupling operator (d, d), dimensionless, and bath, by name"}
    )
    controls: Sequence[tuple[Range, np.ndarray]] = parameter((), "energy", "range of u_k, and H_k (d, d)")
    connections: Mapping[str, Sequence[str]] | None = parameter(
        None, "-", "names of the connected baths by the label of the choice; None: always all"
    )
    power_scale: float | None = parameter(None, "energy*rate", "power_unit; None: largest heat current at the start")
    dissipation_scale: float | None = parameter(None, "rate", "dissipation_unit; None: from power_unit")

    def __post_init__(self) -> None:
        h0 = _matrix("hamiltonian", self.hamiltonian)
        dim = len(h0)
        if not self.baths:
            raise ParameterError("baths = {}: must contain at least one bath")
        # normalised copies: what the caller does to his arrays later does not change the machine
        self._set("hamiltonian", h0)
        self._set("controls", tuple((r, _matrix(f"controls[{r.name!r}]", h, dim)) for r, h in self.controls))
        self._set("baths", {n: (_matrix(f"baths[{n!r}] operator", a, dim), b) for n, (a, b) in self.baths.items()})
        if self.connections is not None:
            self._set("connections", {label: tuple(names) for label, names in self.connections.items()})
            for label, names in self.connections.items():
                for name in names:
                    check_choice(f"connections[{label!r}]", name, self.baths)
        for name in ("power_scale", "dissipation_scale"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        # class variables of other machines that here depend on the dimension and the baths
        pairs = [f"{i}_{j}" for i, j in itertools.combinations(range(dim), 2)]
        names = [f"x{p}" for p in pairs] + [f"y{p}" for p in pairs] + [f"z{k}" for k in range(1, dim)]
        self._set("dynamic_names", tuple(names))
        self._set("bath_names", tuple(self.baths))
        self._set("n_initial_uniforms", len(self.controls))
        self._check_baths()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen

    def _check_baths(self) -> None:
        sample = self._hamiltonians(self._sample)
        gkls_generator(sample, self._couplings, check=True)  # warns; raises for beta * width > MAX_EXPONENT
        frequencies = bohr_frequencies(np.linalg.eigvalsh(sample))[0]
        for name, (_, bath) in self.baths.items():
            check_detailed_balance(name, bath, frequencies[frequencies > 0.0])

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """d, the number of levels."""
        return len(self.hamiltonian)

    @cached_property
    def tolerance(self) -> LawTolerance:
        """Round-off of the exponential is about 1e-16 |D| dt: enough for holds of up to 1e3 relaxation times."""
        return LawTolerance(first_law=1e-12, second_law=1e-12)

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace(tuple(r for r, _ in self.controls), tuple(self.connections or ()), "bath")

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([bath.beta for _, bath in self.baths.values()])

    @cached_property
    def energy_scale(self) -> float:
        """Largest |eigenvalue| of H(u); it is convex in u, so a corner of the control box has it."""
        return float(np.abs(np.linalg.eigvalsh(self._hamiltonians(self._corners))).max())

    @cached_property
    def power_unit(self) -> float:
        """``power_scale``, or the largest heat current from a bath into a start state (over sampled controls).

        Without temperature differences that current is zero, and the infinite temperature state takes its place.
        """
        if self.power_scale is not None:
            return self.power_scale
        hamiltonians = self._hamiltonians(self._sample)
        rows = gkls_generator(hamiltonians, self._couplings, check=False).heat_rows
        for beta in (self._start_beta, 0.0):
            current = np.abs(rows @ thermal_state(hamiltonians, beta)[..., None]).max()
            if current > 1e-9 * np.abs(rows).max():
                return float(current)
        return 1.0

    @cached_property
    def dissipation_unit(self) -> float:
        """``dissipation_scale``, or the entropy production of the heat ``power_unit`` between the extreme baths."""
        if self.dissipation_scale is not None:
            return self.dissipation_scale
        low, high = self.betas.min(), self.betas.max()
        return self.power_unit * float(high - low if high > low else high)

    @cached_property
    def _corners(self) -> FloatArray:
        ends = [(r.low, r.high) for r in self.control_space.ranges]
        return np.array(list(itertools.product(*ends))).reshape(2 ** len(ends), len(ends))

    @cached_property
    def _sample(self) -> FloatArray:
        space = self.control_space
        inside = np.random.default_rng(0).uniform(size=(N_SAMPLES if space.n_values else 0, space.n_values))
        return np.concatenate([self._corners, space.low + (space.high - space.low) * inside])

    @property
    def _start_beta(self) -> float:
        return len(self.betas) / float((1.0 / self.betas).sum())

    @property
    def _couplings(self) -> tuple[tuple[np.ndarray, Bath], ...]:
        return tuple(self.baths.values())

    @cached_property
    def _connected(self) -> FloatArray:
        # 1 where a choice (row) connects a bath (column)
        if self.connections is None:
            return np.ones((1, len(self.baths)))
        return np.array([[float(name in names) for name in self.baths] for names in self.connections.values()])

    @cached_property
    def _control_matrices(self) -> np.ndarray:
        return np.array([h for _, h in self.controls]).reshape(-1, self.dim, self.dim)

    def _hamiltonians(self, values: FloatArray) -> np.ndarray:
        """H(u), complex (K, d, d), of u (K, m)."""
        return self.hamiltonian + np.einsum("km,mij->kij", values, self._control_matrices)

    # ---- state functions --------------------------------------------------------------------------------------

    def energy_row(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        row = to_vector(self.hamiltonian) + values @ to_vector(self._control_matrices)
        return row[:, 1:], row[:, 0] * self.dim**-0.5

    def entropy(self, state: FloatArray) -> FloatArray:
        return von_neumann_entropy(self._vector(state))

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Energy with every control in the middle of its range."""
        space = self.control_space
        row, offset = self.energy_row(0.5 * (space.low + space.high)[None])
        return state[:, : self.n_dynamic] @ row[0] + offset

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        lowest = np.linalg.eigvalsh(self.density_matrix(state))[:, 0]
        if (lowest < -1e-12).any():
            k = int(np.argmin(lowest))
            raise ParameterError(f"state (row {k}): has the eigenvalue {lowest[k]:.3g}, must be positive semidefinite")

    def density_matrix(self, state: FloatArray) -> np.ndarray:
        """rho, complex (K, d, d), of states (K, n)."""
        return to_operator(self._vector(state))

    def state(self, rho: np.ndarray, values: FloatArray) -> FloatArray:
        """States (K, n) of density matrices (K, d, d) with held controls (K, m).

        Raises:
            ParameterError: if a ``rho`` is not a density matrix or a control is out of its range.
        """
        x = density_matrix_state("rho", rho, self.dim)[:, 1:]
        state = np.concatenate([x, np.asarray(values, dtype=float)], axis=1)
        check_state_array(self, state)
        return state

    def _vector(self, state: FloatArray) -> FloatArray:
        """All d^2 components, with the constant one."""
        first = np.full((len(state), 1), self.dim**-0.5)
        return np.concatenate([first, state[:, : self.n_dynamic]], axis=1)

    # ---- observation ------------------------------------------------------------------------------------------

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        # r_i lies between the smallest and the largest eigenvalue of B_i
        eigenvalues = np.linalg.eigvalsh(hermitian_basis(self.dim)[1:])
        low = np.concatenate([eigenvalues[:, 0], self.control_space.low])
        return low, np.concatenate([eigenvalues[:, -1], self.control_space.high])

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        return -np.ones(self.n_state), np.ones(self.n_state)

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Thermal at the mean temperature of the baths, with the controls drawn from their ranges."""
        space = self.control_space
        values = space.low + (space.high - space.low) * uniforms
        x = thermal_state(self._hamiltonians(values), self._start_beta)[:, 1:]
        return np.concatenate([x, values], axis=1)

    def affine(self, control: Control, dt: float) -> AffineMap:
        """The exact map. Complex controls (the complex step) are taken to first order in their imaginary part, by
        perturbation theory, because the eigenvectors of a complex H(u) are out of reach of ``eigh``."""
        values = np.real(control.values)
        hamiltonians = self._hamiltonians(values)
        connected = self._connected[control.choice]
        made = _masked(gkls_generator(hamiltonians, self._couplings, check=False), connected)
        parts = augmented_propagator(made, dt)
        if np.iscomplexobj(control.values):
            imaginary = np.imag(control.values)
            size = np.abs(imaginary).max(initial=0.0) or 1.0
            direction = np.einsum("km,mij->kij", imaginary / size, self._control_matrices)
            slope = _masked(gkls_derivative(hamiltonians, direction, self._couplings), connected)
            slopes = propagator_derivative(made, slope, dt)
            parts = tuple(part + 1j * size * change for part, change in zip(parts, slopes, strict=True))
        matrix, heat = parts
        first = self.dim**-0.5
        return AffineMap(matrix[:, 1:, 1:], first * matrix[:, 1:, 0], heat[:, :, 1:], first * heat[:, :, 0])

    # ---- counting ---------------------------------------------------------------------------------------------

    def count(self, x: FloatArray, after: FloatArray, control: Control, dt: float, weights: FloatArray) -> Counted:
        hamiltonians = self._hamiltonians(control.values)
        connected = self._connected[control.choice]
        made = _masked(gkls_generator(hamiltonians, self._couplings, check=False), connected)
        weight = (connected * weights)[:, :, None, None]
        first = (weight * gkls_gain(hamiltonians, self._couplings, lambda q: q)).sum(1)
        second = (weight**2 * gkls_gain(hamiltonians, self._couplings, lambda q: q * q)).sum(1)
        # all parts commute with the unitary one, which is applied apart (see ``augmented_propagator``)
        order_one, row = counting_propagator(made.dissipators.sum(1), first, second, dt)
        start = np.concatenate([np.full((len(x), 1), self.dim**-0.5), x], axis=1)
        counted = np.einsum("kij,kj->ki", unitary_propagator(made, dt) @ order_one, start)
        mean = counted[:, 0] * self.dim**0.5
        return Counted(counted[:, 1:] - mean[:, None] * after, np.einsum("ki,ki->k", row, start) - mean**2)

    def tilted(self, control: Control, dt: float, field: np.ndarray) -> np.ndarray:
        hamiltonians = self._hamiltonians(control.values)
        connected = self._connected[control.choice]
        made = _masked(gkls_generator(hamiltonians, self._couplings, check=False), connected)
        drift = made.dissipators.sum(1).astype(np.result_type(field, float))
        for b, part in enumerate(field):
            extra = gkls_gain(hamiltonians, self._couplings[b : b + 1], lambda q, part=part: np.expm1(part * q))
            drift += connected[:, b, None, None] * extra[:, 0]
        out = unitary_propagator(made, dt) @ expm(drift * dt)
        out[:, 0, 1:] *= self.dim**0.5
        out[:, 1:, 0] *= self.dim**-0.5
        return out

    # ---- description ------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        plain = {
            "hamiltonian": _plain(self.hamiltonian),
            "controls": {r.name: _plain(h) for r, h in self.controls},
            "baths": {
                name: {"kind": type(bath).__name__, **asdict(bath), "operator": _plain(operator)}
                for name, (operator, bath) in self.baths.items()
            },
            "connections": None if self.connections is None else {k: list(v) for k, v in self.connections.items()},
        }
        parameters = [
            {"name": f.name, "value": plain.get(f.name, getattr(self, f.name)), **f.metadata} for f in fields(self)
        ]
        return {**super().describe(), "parameters": parameters}


def _masked(generator: Generator, connected: FloatArray) -> Generator:
    """The generator with the dissipators of disconnected baths, ``connected`` (K, B) = 0, switched off."""
    return replace(generator, dissipators=generator.dissipators * connected[:, :, None, None])


def _matrix(name: str, matrix: np.ndarray, dim: int | None = None) -> np.ndarray:
    """A read-only Hermitian (d, d) copy."""
    matrix = check_hermitian(name, matrix, dim)
    check_shape(name, matrix, (dim, dim))
    matrix.flags.writeable = False
    return matrix


def _plain(matrix: np.ndarray) -> list[list[float | str]]:
    """Matrix as plain data: numbers, and complex entries as text."""
    return [[z.real if z.imag == 0.0 else f"{z:g}" for z in row] for row in matrix.tolist()]
