"""Quantum instruments: measurements with a finite number of outcomes, their record, and feedback on it.

hbar = k_B = 1. States are density matrices (..., d, d), batched over leading axes, written (...); basis order of a
qubit (e, g). An outcome k with Kraus operators M_kj has probability p_k = tr(D_k rho), D_k = sum_j M_kj^dagger M_kj
(Born's rule), and leaves the state sum_j M_kj rho M_kj^dagger / p_k. One operator per outcome is an *efficient*
measurement: it keeps pure states pure. Information and energy of an instrument: ``information.py``; read-outs with a
continuous record: ``readout.py``.

Sources: B. Bhandari et al., Entropy 25, 204 (2023) (the binary read-out); T. Sagawa, M. Ueda, Phys. Rev. Lett. 100,
080403 (2008); M. A. Nielsen, I. L. Chuang, Quantum Computation and Quantum Information, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from .superoperators import check_hermitian, check_operator, hermitian_basis
from .validation import ParameterError, check_finite, check_integer, check_range, check_shape

COMPLETENESS_TOLERANCE = 1e-12
"""Largest entry of |sum M^dagger M - 1| (or |U^dagger U - 1|, or of a probability sum) that is accepted."""

ZERO_PROBABILITY = 1e-15
"""Outcomes at most this probable never happen: round-off of tr(rho) = 1 is as large."""

GROUP_TOLERANCE = 1e-9
"""Eigenvalues of an observable closer than this, relative to their spread, are one outcome."""


@dataclass(frozen=True, eq=False)
class Instrument:
    """A measurement with outcomes k = 0..n-1.

    Attributes:
        kraus: for each outcome its operators M_kj, given as one (d, d) array or a sequence of them; kept as read-only
            complex arrays (J_k, d, d).

    Raises:
        ParameterError: if there is no outcome, an operator is not finite or has the wrong shape, or
            sum_kj M_kj^dagger M_kj differs from 1 by more than ``COMPLETENESS_TOLERANCE``.
    """

    kraus: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        if not len(self.kraus):
            raise ParameterError("kraus: has no outcome, must have at least one")
        dim, outcomes = None, []
        for k, given in enumerate(self.kraus):
            operators = check_operator(f"kraus[{k}]", np.asarray(given), dim)
            operators = operators[None] if operators.ndim == 2 else operators
            check_shape(f"kraus[{k}]", operators, (None, dim, dim))
            if not len(operators):
                raise ParameterError(f"kraus[{k}]: has no operator, must have at least one (zeros if it never happens)")
            operators.flags.writeable = False
            outcomes.append(operators)
            dim = operators.shape[-1]
        object.__setattr__(self, "kraus", tuple(outcomes))
        error = np.abs(self.povm.sum(0) - np.eye(self.dim)).max()
        if error > COMPLETENESS_TOLERANCE:
            raise ParameterError(
                f"kraus: sum of M^dagger M differs from 1 by {error:.3g}, must be <= {COMPLETENESS_TOLERANCE:g}"
            )

    @property
    def dim(self) -> int:
        """d, the dimension of the system."""
        return self.kraus[0].shape[-1]

    @property
    def n_outcomes(self) -> int:
        """n, the number of outcomes."""
        return len(self.kraus)

    @cached_property
    def operators(self) -> np.ndarray:
        """All M_kj, complex (n, J, d, d), read-only; outcomes with fewer operators are filled up with zeros."""
        stack = np.zeros((self.n_outcomes, max(map(len, self.kraus)), self.dim, self.dim), dtype=complex)
        for k, operators in enumerate(self.kraus):
            stack[k, : len(operators)] = operators
        stack.flags.writeable = False
        return stack

    @cached_property
    def povm(self) -> np.ndarray:
        """D_k = sum_j M_kj^dagger M_kj, complex (n, d, d), read-only."""
        effects = (_adjoint(self.operators) @ self.operators).sum(1)
        effects = 0.5 * (effects + _adjoint(effects))
        effects.flags.writeable = False
        return effects

    @cached_property
    def is_efficient(self) -> bool:
        """Whether every outcome is one operator (several proportional ones count as one)."""
        flat = self.operators.reshape(*self.operators.shape[:2], -1)
        return bool((np.linalg.svd(flat, compute_uv=False)[:, 1:] <= COMPLETENESS_TOLERANCE).all())

    @cached_property
    def adds_only_noise(self) -> bool:
        """Whether each outcome is a bare measurement sqrt(D_k) followed by a channel E_k that cannot lower an entropy.

        The condition is E_k(1) <= 1 on the support of D_k. It holds for efficient instruments, for unital noise after
        them, and for misread bare measurements of commuting D_k; it fails for a detector that cools or resets, and
        may fail for misread outcomes that do not commute. See ``information.py`` for what it decides.
        """
        stacked = self.operators.reshape(self.n_outcomes, -1, self.dim)
        isometries, values, _ = np.linalg.svd(stacked, full_matrices=False)
        isometries = np.where((values > 1e-8)[:, None, :], isometries, 0.0)
        blocks = isometries.reshape(self.n_outcomes, -1, self.dim, isometries.shape[-1])
        return bool(np.linalg.eigvalsh((blocks @ _adjoint(blocks)).sum(1)).max() <= 1.0 + 1e-7)

    def probabilities(self, rho: np.ndarray) -> np.ndarray:
        """Born's rule p_k = tr(D_k rho): (..., d, d) -> float64 (..., n); round-off below 0 is cut off."""
        return self._born(self.check_states(rho))

    def unnormalized(self, rho: np.ndarray) -> np.ndarray:
        """p_k rho_k = sum_j M_kj rho M_kj^dagger: (..., d, d) -> complex (..., n, d, d)."""
        return _evolve(self.operators, self.check_states(rho)[..., None, :, :])

    def conditional(self, rho: np.ndarray) -> np.ndarray:
        """The states rho_k after each outcome: (..., d, d) -> complex (..., n, d, d), each of trace 1.

        An outcome of probability <= ``ZERO_PROBABILITY`` leaves no state; the fully mixed one stands in its place.
        """
        states = self.unnormalized(rho)
        weights = np.real(np.trace(states, axis1=-2, axis2=-1))[..., None, None]
        happens = weights > ZERO_PROBABILITY
        return np.where(happens, states / np.where(happens, weights, 1.0), np.eye(self.dim) / self.dim)

    def average(self, rho: np.ndarray) -> np.ndarray:
        """The state after the measurement when nobody reads the record: (..., d, d) -> complex (..., d, d)."""
        return self.unnormalized(rho).sum(-3)

    def sample(self, rho: np.ndarray, uniforms: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Draw an outcome by Born's rule.

        Args:
            rho: (..., d, d).
            uniforms: uniform in [0, 1), a number or (...); outcome k is drawn where p_0 + .. + p_{k-1} <= u < .. + p_k.

        Returns:
            The outcomes, int (...), and the states after them, complex (..., d, d).

        Raises:
            ParameterError: if a uniform number is outside [0, 1).
        """
        rho, uniforms = self.check_states(rho), check_uniforms(uniforms)
        cumulative = np.cumsum(self._born(rho), axis=-1)
        outcome = (uniforms[..., None] * cumulative[..., -1:] >= cumulative[..., :-1]).sum(-1)
        state = _evolve(self.operators[outcome], rho)
        return outcome, state / np.real(np.trace(state, axis1=-2, axis2=-1))[..., None, None]

    def followed_by(self, unitaries: np.ndarray) -> Instrument:
        """The instrument with feedback: ``unitaries`` (n, d, d), U_k is applied after outcome k.

        Raises:
            ParameterError: if their number or shape does not fit or one of them is not unitary.
        """
        unitaries = check_operator("unitaries", unitaries, self.dim)
        check_shape("unitaries", unitaries, (self.n_outcomes, self.dim, self.dim))
        error = np.abs(_adjoint(unitaries) @ unitaries - np.eye(self.dim)).max()
        if error > COMPLETENESS_TOLERANCE:
            raise ParameterError(f"unitaries: U^dagger U differs from 1 by {error:.3g}, must be unitary")
        return Instrument(tuple(turn @ operators for turn, operators in zip(unitaries, self.kraus, strict=True)))

    def check_states(self, rho: np.ndarray) -> np.ndarray:
        """``rho`` as complex (..., d, d).

        Raises:
            ParameterError: if the shape does not fit.
        """
        rho = np.asarray(rho, dtype=complex)
        if rho.shape[-2:] != (self.dim, self.dim):
            raise ParameterError(f"rho: has shape {rho.shape}, must have shape (..., {self.dim}, {self.dim})")
        return rho

    def _born(self, rho: np.ndarray) -> np.ndarray:
        flat = rho.reshape(*rho.shape[:-2], -1)
        return np.maximum(np.real(flat @ self.povm.swapaxes(-1, -2).reshape(self.n_outcomes, -1).T), 0.0)


def projective(observable: np.ndarray) -> Instrument:
    """Projective measurement of a Hermitian (d, d) ``observable``; outcomes in the order of falling eigenvalues.

    Degenerate eigenvalues (within ``GROUP_TOLERANCE`` of their spread) are one outcome (Lüders' rule).

    Raises:
        ParameterError: if the observable is not finite or not Hermitian.
    """
    observable = check_hermitian("observable", observable)
    check_shape("observable", observable, (None, None))
    values, vectors = np.linalg.eigh(observable)
    values, vectors = values[::-1], vectors[:, ::-1]
    opens = -np.diff(values) > max(GROUP_TOLERANCE * (values[0] - values[-1]), 1e-14 * np.abs(values).max())
    groups = np.split(vectors, np.flatnonzero(opens) + 1, axis=1)
    return Instrument(tuple(group @ group.conj().T for group in groups))


def bloch_axis(axis: str | float | Sequence[float] | np.ndarray) -> np.ndarray:
    """A direction of the Bloch sphere as a unit vector (3,).

    Args:
        axis: ``"x"``, ``"y"``, ``"z"``; or an angle th (rad) in the x-z plane, meaning (cos th, 0, sin th); or a unit
            vector (3,).

    Raises:
        ParameterError: if it is none of these.
    """
    if isinstance(axis, str):
        if axis not in ("x", "y", "z"):
            raise ParameterError(f"axis = {axis!r}: must be 'x', 'y', 'z', an angle or a unit vector")
        return np.eye(3)["xyz".index(axis)]
    if np.ndim(axis) == 0:
        angle = float(axis)  # pyright: ignore[reportArgumentType]
        check_finite("axis", angle)
        return np.array([np.cos(angle), 0.0, np.sin(angle)])
    vector = np.asarray(axis, dtype=float)
    check_shape("axis", vector, (3,))
    if not abs(np.linalg.norm(vector) - 1.0) <= COMPLETENESS_TOLERANCE:
        raise ParameterError(f"axis = {axis!r}: must be a unit vector, has length {np.linalg.norm(vector):.6g}")
    return vector


def spin(axis: str | float | Sequence[float] | np.ndarray) -> np.ndarray:
    """n.sigma, complex (2, 2), of a direction n as in ``bloch_axis``; sigma_z = diag(1, -1)."""
    return np.sqrt(2.0) * np.tensordot(bloch_axis(axis), hermitian_basis(2)[1:], 1)


def binary(axis: str | float | Sequence[float] | np.ndarray, strength: float) -> Instrument:
    """Read-out of one qubit along n with outcomes (+, -): M_pm = [(a + b) 1 +- (a - b) n.sigma] / 2.

    a = sqrt(k), b = sqrt(1 - k) for the ``strength`` k in [1/2, 1]: 1/2 tells nothing, 1 is projective; the outcome is
    right with probability k on the eigenstates of n.sigma. Source: Entropy 25, 204 (2023).

    Raises:
        ParameterError: if the strength is outside [1/2, 1] or the axis is not one (see ``bloch_axis``).
    """
    check_range("strength", strength, 0.5, 1.0)
    sure, wrong = np.sqrt(strength), np.sqrt(1.0 - strength)
    even, odd = 0.5 * (sure + wrong) * np.eye(2), 0.5 * (sure - wrong) * spin(axis)
    return Instrument((even + odd, even - odd))


def local(instrument: Instrument, site: int, dims: Sequence[int]) -> Instrument:
    """``instrument`` on one part of a system of parts with dimensions ``dims``: M -> 1 (x) M (x) 1.

    Raises:
        ParameterError: if there is no such part or its dimension differs.
    """
    check_integer("site", site, 0)
    if site >= len(dims) or dims[site] != instrument.dim:
        raise ParameterError(f"site = {site}, dims = {tuple(dims)}: must name a part of dimension {instrument.dim}")
    before, after = np.eye(prod(dims[:site])), np.eye(prod(dims[site + 1 :]))
    return Instrument(tuple(_tensor(_tensor(before, operators), after) for operators in instrument.kraus))


def product(first: Instrument, second: Instrument) -> Instrument:
    """Joint read-out of two parts, M (x) N; outcome k = k_first * n_second + k_second."""
    return Instrument(
        tuple(
            _tensor(a[:, None], b).reshape(-1, first.dim * second.dim, first.dim * second.dim)
            for a in first.kraus
            for b in second.kraus
        )
    )


def with_error(instrument: Instrument, misreading: np.ndarray) -> Instrument:
    """The instrument whose outcome k is recorded as l with probability ``misreading[k, l]``.

    Nobody knows the true outcome, so the read-out is inefficient. Its outcomes are l = 0..m-1.

    Args:
        misreading: (n, m), entries >= 0, each row sums to 1.

    Raises:
        ParameterError: if it is not such a stochastic matrix.
    """
    misreading = np.asarray(misreading, dtype=float)
    check_shape("misreading", misreading, (instrument.n_outcomes, None))
    error = np.abs(misreading.sum(1) - 1.0).max()
    if not (misreading >= 0.0).all() or not error <= COMPLETENESS_TOLERANCE:
        raise ParameterError(f"misreading: entries must be >= 0 and rows sum to 1, they differ from 1 by {error:.3g}")
    outcomes = []
    for column in misreading.T:
        mixed = [np.sqrt(p) * operators for p, operators in zip(column, instrument.kraus, strict=True) if p > 0.0]
        outcomes.append(np.concatenate(mixed) if mixed else np.zeros((1, instrument.dim, instrument.dim)))
    return Instrument(tuple(outcomes))


def check_uniforms(uniforms: np.ndarray | float) -> np.ndarray:
    """``uniforms`` as float64.

    Raises:
        ParameterError: if one of them is outside [0, 1).
    """
    uniforms = np.asarray(uniforms, dtype=float)
    if not ((uniforms >= 0.0) & (uniforms < 1.0)).all():
        raise ParameterError("uniforms: must be in [0, 1)")
    return uniforms


def _adjoint(operator: np.ndarray) -> np.ndarray:
    return operator.conj().swapaxes(-1, -2)


def _evolve(operators: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """sum_j M_j rho M_j^dagger: (..., J, d, d), (..., d, d) -> (..., d, d)."""
    state = (operators @ rho[..., None, :, :] @ _adjoint(operators)).sum(-3)
    return 0.5 * (state + _adjoint(state))


def _tensor(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Kronecker product of the last two axes: (..., a, a), (..., b, b) -> (..., a b, a b)."""
    outer = left[..., :, None, :, None] * right[..., None, :, None, :]
    size = left.shape[-1] * right.shape[-1]
    return outer.reshape(*outer.shape[:-4], size, size)
