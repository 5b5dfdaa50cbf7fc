"""Open d-level systems: global GKLS generators, exact propagators with heats, steady states.

d rho / dt = -i [H, rho] + sum_a D_a[rho], hbar = k_B = 1, heat positive when it flows into the system. Everything is
batched over leading axes, written (...), and real: vectors (..., d^2) and matrices (..., d^2, d^2) in the Hermitian
basis of ``superoperators.py``, where tr(H rho) is a dot product.

There is **no Lamb shift**: H is taken as the (renormalised) Hamiltonian that defines both energy and dynamics. The
shift would commute with H and would change neither populations nor heats for non-degenerate H.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import expm

from .baths import MAX_EXPONENT, Bath
from .states import thermal_state
from .superoperators import (
    check_hermitian,
    commutator,
    dimension,
    hermitian_basis,
    product,
    to_operator,
    to_real,
    to_vector,
    vectorize,
)
from .validation import ParameterError, check_shape

GROUP_TOLERANCE = 1e-9
"""Bohr frequencies closer than this, relative to the width of the spectrum of H, are one frequency."""

RANK_TOLERANCE = 1e-12
"""Singular values of a generator below this, relative to its largest, count as zero (``steady_state``)."""


class NearDegeneracyWarning(UserWarning):
    """Bohr frequencies so close that the secular approximation is not justified."""


class SteadyStateError(ArithmeticError):
    """The generator has more than one steady state."""


@dataclass(frozen=True)
class Generator:
    """A GKLS generator, resolved by bath; arrays as in the module's conventions.

    Attributes:
        energy: tr(B_i H), float64 (..., d^2), energy.
        unitary: -i [H, .], float64 (..., d^2, d^2), 1/time.
        dissipators: D_a, float64 (..., B, d^2, d^2), 1/time.
        secular: whether every D_a commutes with -i [H, .], as the dissipators of ``gkls_generator`` do.
    """

    energy: np.ndarray
    unitary: np.ndarray
    dissipators: np.ndarray
    secular: bool = False

    @property
    def total(self) -> np.ndarray:
        """L = -i [H, .] + sum_a D_a, float64 (..., d^2, d^2)."""
        return self.unitary + self.dissipators.sum(-3)

    @property
    def heat_rows(self) -> np.ndarray:
        """tr(H D_a[.]), float64 (..., B, d^2): the heat current from bath a is ``heat_rows[..., a, :] @ state``."""
        return (self.energy[..., None, None, :] @ self.dissipators)[..., 0, :]


def generator(hamiltonian: np.ndarray, dissipators: Sequence[np.ndarray]) -> Generator:
    """The generator with Hamiltonian H (..., d, d) and ready dissipators D_a (..., d^2, d^2), one for each bath.

    Raises:
        ParameterError: if H is not a finite Hermitian array or the shape of a dissipator does not fit.
    """
    hamiltonian = check_hermitian("hamiltonian", hamiltonian)
    batch, size = hamiltonian.shape[:-2], hamiltonian.shape[-1] ** 2
    stack = np.zeros((*batch, len(dissipators), size, size))
    for a, part in enumerate(dissipators):
        if part.shape[-2:] != (size, size):
            raise ParameterError(f"dissipators[{a}]: has shape {part.shape}, must have shape (..., {size}, {size})")
        stack[..., a, :, :] = part
    return Generator(to_vector(hamiltonian), commutator(hamiltonian), stack)


def bohr_frequencies(energies: np.ndarray, noise: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """w_ij = E_j - E_i and its grouping: energies (..., d) -> (frequencies, groups), both (..., d, d).

    Frequencies whose sorted neighbours differ by less than ``GROUP_TOLERANCE`` times the spectral width, or by less
    than the round-off ``noise`` of the energies (a number or (...)), are one group; all of them are replaced by the
    mean of the group. So w_ji = -w_ij, and w_ii = 0, hold exactly.
    """
    dim = energies.shape[-1]
    flat = (energies[..., None, :] - energies[..., :, None]).reshape(*energies.shape[:-1], -1)
    order = np.argsort(flat, axis=-1)
    ordered = np.take_along_axis(flat, order, -1)
    opens = np.diff(ordered, axis=-1) > np.maximum(GROUP_TOLERANCE * ordered[..., -1:], np.asarray(noise)[..., None])
    sorted_groups = np.concatenate([np.zeros_like(opens[..., :1], dtype=int), np.cumsum(opens, axis=-1)], axis=-1)
    groups = np.empty_like(order)
    np.put_along_axis(groups, order, sorted_groups, -1)
    same = groups[..., :, None] == groups[..., None, :]
    mean = ((same @ flat[..., None])[..., 0] / same.sum(-1)).reshape(*flat.shape[:-1], dim, dim)
    groups = groups.reshape(mean.shape)
    mean = 0.5 * (mean - mean.swapaxes(-1, -2))
    return np.where(groups == groups[..., :1, :1], 0.0, mean), groups


def gkls_generator(
    hamiltonian: np.ndarray, couplings: Sequence[tuple[np.ndarray, Bath]], *, check: bool = True
) -> Generator:
    """The global (secular) GKLS generator of H, with one dissipator for each (coupling operator, bath).

    D_a[X] = sum_w gamma_a(w) (A(w) X A(w)^dagger - {A(w)^dagger A(w), X} / 2), A(w) = sum of |i><i|A|j><j| over all
    pairs of eigenstates with E_j - E_i = w; gamma_a(-w) = exp(-beta_a w) gamma_a(w) makes exp(-beta_a H) stationary.
    No Lamb shift. Source: H.-P. Breuer, F. Petruccione, The Theory of Open Quantum Systems (2002), section 3.3.

    Args:
        hamiltonian: H, Hermitian (..., d, d), energy.
        couplings: pairs of A_a, Hermitian (d, d), dimensionless, and its bath (rates in 1/time).
        check: whether to warn where gaps are nearly degenerate; it costs about as much as one dissipator.

    Raises:
        ParameterError: if H or a coupling operator is not finite, not Hermitian or of the wrong shape, or if
            beta_a times the spectral width of H exceeds ``MAX_EXPONENT``.

    Warns:
        NearDegeneracyWarning: if the secular approximation drops a term of rate k >= |w - w'|, the frequency at which
            that term rotates; k = sqrt(gamma(w) gamma(w')) |A_ij A_kl|.
    """
    hamiltonian = check_hermitian("hamiltonian", hamiltonian)
    operators = _coupling_operators(couplings, hamiltonian.shape[-1])
    vectors, frequencies, secular = _spectrum(hamiltonian)
    parts = []
    for a, (operator, (_, bath)) in enumerate(zip(operators, couplings, strict=True)):
        exponent = bath.beta * np.max(frequencies, initial=0.0)
        if exponent > MAX_EXPONENT:
            raise ParameterError(
                f"couplings[{a}] bath: beta * width of H = {exponent:.4g}: must be <= {MAX_EXPONENT:g}"
            )
        # jumps[i, j] = sqrt(gamma(w_ij)) <i|A|j>: the sum of all jump operators, told apart by their frequency
        jumps = np.sqrt(bath.rate(frequencies)) * (_adjoint(vectors) @ operator @ vectors)
        if check:
            _warn_near_degenerate(a, frequencies, secular, jumps)
        part = to_real(_secular_dissipator(jumps, jumps, secular), vectors)
        part[..., 0, :] = 0.0  # tr D[X] = 0; what stands there is round-off
        parts.append(part)
    return replace(generator(hamiltonian, parts), secular=True)


def gkls_gain(
    hamiltonian: np.ndarray,
    couplings: Sequence[tuple[np.ndarray, Bath]],
    factor: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """The jumps of ``gkls_generator``, weighted by the energy q = -w that they take out of the bath.

        X -> sum_w factor(-w) gamma_a(w) A(w) X A(w)^dagger,        (..., B, d^2, d^2)

    The generator that counts the heat from bath a is D_a plus this, with ``factor(q) = exp(chi q) - 1`` (real or
    complex); its orders in chi have ``factor(q) = q, q^2, ...``.
    """
    hamiltonian = check_hermitian("hamiltonian", hamiltonian)
    operators = _coupling_operators(couplings, hamiltonian.shape[-1])
    vectors, frequencies, secular = _spectrum(hamiltonian)
    weight = factor(-frequencies)
    parts = []
    for operator, (_, bath) in zip(operators, couplings, strict=True):
        jumps = np.sqrt(bath.rate(frequencies)) * (_adjoint(vectors) @ operator @ vectors)
        # a real weight keeps Hermiticity, so the two parts of a complex one are real superoperators
        part = to_real(_secular_gain(np.real(weight) * jumps, jumps, secular), vectors)
        if np.iscomplexobj(weight):
            part = part + 1j * to_real(_secular_gain(np.imag(weight) * jumps, jumps, secular), vectors)
        parts.append(part)
    return np.stack(parts, axis=-3)


def gkls_derivative(
    hamiltonian: np.ndarray, direction: np.ndarray, couplings: Sequence[tuple[np.ndarray, Bath]]
) -> Generator:
    """d/ds of ``gkls_generator(H + s direction)`` at s = 0, exact, from first-order perturbation theory.

    dE_i = K_ii and d|j> = sum_i |i> X_ij with X_ij = K_ij / (E_j - E_i), K = direction in the eigenbasis of H. The
    grouping of Bohr frequencies is held fixed: at a crossing of levels the generator itself is discontinuous.

    Args:
        hamiltonian, direction: Hermitian (..., d, d). couplings: as in ``gkls_generator``.

    Returns:
        The derivative of each of the three arrays of the generator.

    Raises:
        ParameterError: as ``gkls_generator``.
    """
    hamiltonian = check_hermitian("hamiltonian", hamiltonian)
    dim = hamiltonian.shape[-1]
    direction = check_hermitian("direction", direction, dim)
    operators = _coupling_operators(couplings, dim)
    vectors, frequencies, secular = _spectrum(hamiltonian)
    kick = _adjoint(vectors) @ direction @ vectors
    shift = np.real(np.diagonal(kick, axis1=-2, axis2=-1))
    frequency_shift = shift[..., None, :] - shift[..., :, None]
    degenerate = frequencies == 0.0
    mixing = np.where(degenerate, 0.0, kick / np.where(degenerate, 1.0, frequencies))
    basis = _adjoint(vectors)[..., None, :, :] @ hermitian_basis(dim) @ vectors[..., None, :, :]
    turned = vectorize(basis @ mixing[..., None, :, :] - mixing[..., None, :, :] @ basis)
    basis = vectorize(basis)
    parts = []
    for operator, (_, bath) in zip(operators, couplings, strict=True):
        size = np.where(degenerate, 1.0, np.abs(frequencies)) + 1e-30j  # complex step: Im f(w + ih) / h is exact
        slope = np.imag(np.where(frequencies > 0.0, bath.emission(size), -bath.absorption(size))) * 1e30
        rate = bath.rate(frequencies)
        root = np.sqrt(rate)
        root_slope = np.where(degenerate | (rate == 0.0), 0.0, 0.5 * slope / np.where(rate == 0.0, 1.0, root))
        element = _adjoint(vectors) @ operator @ vectors
        jumps = root * element
        moved = root_slope * frequency_shift * element + root * (element @ mixing - mixing @ element)
        # S is bilinear in the jumps, so its derivative has two terms; then the two bases turn
        fixed = _secular_dissipator(jumps, jumps, secular)
        change = _secular_dissipator(moved, jumps, secular) + _secular_dissipator(jumps, moved, secular)
        rows, turned_rows = basis.conj(), turned.conj()
        columns, turned_columns = basis.swapaxes(-1, -2), turned.swapaxes(-1, -2)
        part = rows @ change @ columns + turned_rows @ fixed @ columns + rows @ fixed @ turned_columns
        part[..., 0, :] = 0.0
        parts.append(np.real(part))
    return generator(direction, parts)


def _adjoint(operator: np.ndarray) -> np.ndarray:
    return operator.conj().swapaxes(-1, -2)


def _coupling_operators(couplings: Sequence[tuple[np.ndarray, Bath]], dim: int) -> list[np.ndarray]:
    operators = []
    for a, (operator, _) in enumerate(couplings):
        operators.append(check_hermitian(f"couplings[{a}] operator", operator, dim))
        check_shape(f"couplings[{a}] operator", operators[-1], (dim, dim))
    return operators


def _spectrum(hamiltonian: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvectors and Bohr frequencies, both (..., d, d), and whether two frequencies are one, (..., d^2, d^2)."""
    dim = hamiltonian.shape[-1]
    # a multiple of the identity moves no state; without it a large offset costs no digits of the gaps
    offset = np.real(np.trace(hamiltonian, axis1=-2, axis2=-1))[..., None, None] / dim * np.eye(dim)
    energies, vectors = np.linalg.eigh(hamiltonian - offset)
    noise = 8.0 * dim * np.finfo(float).eps * np.abs(hamiltonian).max((-2, -1))
    frequencies, groups = bohr_frequencies(energies, noise)
    flat = vectorize(groups)
    return vectors, frequencies, flat[..., :, None] == flat[..., None, :]


def _secular_gain(left: np.ndarray, right: np.ndarray, secular: np.ndarray) -> np.ndarray:
    """The first term of ``_secular_dissipator``: sum_w of X -> L(w) X R(w)^dagger."""
    dim, batch = left.shape[-1], left.shape[:-2]
    pairs = np.where(secular, vectorize(left)[..., :, None] * vectorize(right)[..., None, :].conj(), 0.0)
    # L_ac R*_bd at [ac, bd] goes to [ab, cd]
    gain = pairs.reshape(*batch, dim, dim, dim, dim).swapaxes(-3, -2)
    return gain.reshape(*batch, dim * dim, dim * dim)


def _secular_dissipator(left: np.ndarray, right: np.ndarray, secular: np.ndarray) -> np.ndarray:
    """sum_w of X -> L(w) X R(w)^dagger - {R(w)^dagger L(w), X} / 2 in the eigenbasis of H, row-major.

    Args:
        left, right: sums over w of L(w) and R(w), (..., d, d).
        secular: bool (..., d^2, d^2), whether w_ij = w_kl at [i d + j, k d + l].
    """
    dim, batch = left.shape[-1], left.shape[:-2]
    pairs = vectorize(left)[..., :, None] * vectorize(right)[..., None, :].conj()
    pairs = np.where(secular, pairs, 0.0).reshape(*batch, dim, dim, dim, dim)
    decay = 0.5 * np.einsum("...kjki->...ij", pairs)  # sum_w R(w)^dagger L(w) / 2
    gain = pairs.swapaxes(-3, -2)  # L_ac R*_bd: indices [a, b, c, d] of a row-major superoperator
    identity = np.eye(dim)
    loss = np.einsum("...ac,bd->...abcd", decay, identity) + np.einsum("ac,...db->...abcd", identity, decay)
    return (gain - loss).reshape(*batch, dim * dim, dim * dim)


def _warn_near_degenerate(index: int, frequencies: np.ndarray, secular: np.ndarray, jumps: np.ndarray) -> None:
    flat, size = frequencies.reshape(*secular.shape[:-1]), np.abs(jumps).reshape(*secular.shape[:-1])
    rate = np.where(secular, 0.0, size[..., :, None] * size[..., None, :])
    difference = np.abs(flat[..., :, None] - flat[..., None, :])
    bad = (rate > 0.0) & (rate >= difference)
    if bad.any():
        warnings.warn(
            f"couplings[{index}]: Bohr frequencies differ by only {difference[bad].min():.3g} while the secular "
            f"approximation drops terms of rate {rate[bad].max():.3g}; the global master equation is not valid here",
            NearDegeneracyWarning,
            stacklevel=3,
        )


def augmented_propagator(generator: Generator, dt: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Exact step of constant control and the heats of that step.

    exp([[L, 0], [q, 0]] dt) = [[P, 0], [R, 1]]: state(dt) = P state(0), Q_a = R_a state(0) = Int_0^dt q_a state(t) dt,
    with the rows q_a = tr(H D_a[.]). The matrix is defective, so it is exponentiated (scaling and squaring) and never
    diagonalised. A secular generator is split, P = exp(-i [H, .] dt) exp(sum_a D_a dt), and q_a exp(-i [H, .] t) = q_a;
    the unitary factor comes from the eigenphases of H. So round-off grows with the rates times dt, 1e-16 |D| dt, and
    not with the much larger |H| dt.

    Args:
        generator: of a batch (...).
        dt: duration, a number or (...), >= 0 (time).

    Returns:
        P, float64 (..., d^2, d^2), and R, float64 (..., B, d^2) (energy).

    Raises:
        ParameterError: if ``dt`` is negative or not finite.
    """
    dt = np.asarray(dt, dtype=float)
    if not (np.isfinite(dt).all() and (dt >= 0.0).all()):
        raise ParameterError(f"dt = {dt}: must be finite and >= 0")
    size = generator.unitary.shape[-1]
    drift = generator.dissipators.sum(-3) if generator.secular else generator.total
    exponential = expm(_augmented(drift, generator.heat_rows) * dt[..., None, None])
    propagator, heat = exponential[..., :size, :size], exponential[..., size:, :size]
    if generator.secular:
        propagator = unitary_propagator(generator, dt) @ propagator
    return propagator, heat


def unitary_propagator(generator: Generator, dt: np.ndarray | float) -> np.ndarray:
    """exp(-i [H, .] dt), float64 (..., d^2, d^2), from the eigenphases of H; ``dt`` is a number or (...)."""
    energies, vectors = np.linalg.eigh(to_operator(generator.energy))
    turn = (vectors * np.exp(-1j * energies * np.asarray(dt)[..., None])[..., None, :]) @ _adjoint(vectors)
    return to_real(product(turn, _adjoint(turn)))


def propagator_derivative(
    generator: Generator, derivative: Generator, dt: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Exact derivative of ``augmented_propagator``, given the generator and its ``gkls_derivative``; same shapes.

    exp([[G, G'], [0, G]] dt) = [[e^(G dt), d/ds e^(G dt)], [0, e^(G dt)]]. Source: C. Van Loan, IEEE Trans. Autom.
    Control 23, 395 (1978).
    """
    turned = (derivative.energy[..., None, None, :] @ generator.dissipators)[..., 0, :]
    moved = (generator.energy[..., None, None, :] @ derivative.dissipators)[..., 0, :]
    base = _augmented(generator.total, generator.heat_rows)
    change = _augmented(derivative.total, turned + moved)
    block = np.block([[base, change], [np.zeros_like(base), base]])
    n, size = base.shape[-1], generator.unitary.shape[-1]
    corner = expm(block * np.asarray(dt, dtype=float)[..., None, None])[..., :n, n:]
    return corner[..., :size, :size], corner[..., size:, :size]


def _augmented(total: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[[L, 0], [q, 0]] of L (..., n, n) and q (..., B, n)."""
    size, baths = rows.shape[-1], rows.shape[-2]
    augmented = np.zeros((*total.shape[:-2], size + baths, size + baths))
    augmented[..., :size, :size] = total
    augmented[..., size:, :size] = rows
    return augmented


def steady_state(generator: Generator) -> np.ndarray:
    """The state with L[rho] = 0 and tr(rho) = 1, float64 (..., d^2).

    Row 0 of L is zero (trace), so the steady state is unique if and only if the block L[1:, 1:] is invertible. Checked:
    its smallest singular value must exceed ``RANK_TOLERANCE`` times its largest.

    Raises:
        SteadyStateError: if it is not (a strong symmetry, a part without a bath, rates that are zero).
    """
    total = generator.total
    first = dimension(total) ** -0.5
    block = total[..., 1:, 1:]
    singular = np.linalg.svd(block, compute_uv=False)
    smallest, largest = singular[..., -1], singular[..., 0]
    if (smallest <= RANK_TOLERANCE * largest).any():
        count = int((singular <= RANK_TOLERANCE * singular[..., :1]).sum(-1).max()) + 1
        raise SteadyStateError(
            f"the generator has {count} independent steady states: connect every part of the system to a bath, "
            "or remove the symmetry that protects them"
        )
    rest = np.linalg.solve(block, -first * total[..., 1:, :1])[..., 0]
    return np.concatenate([np.full((*rest.shape[:-1], 1), first), rest], axis=-1)


def kms_residual(hamiltonian: np.ndarray, dissipator: np.ndarray, beta: float) -> np.ndarray:
    """|D[exp(-beta H) / Z]| / |D|, shape (...): zero (1e-13) where the bath obeys detailed balance at ``beta``.

    ``dissipator``: float64 (..., d^2, d^2); the norms are Euclidean and Frobenius.
    """
    flow = (dissipator @ thermal_state(hamiltonian, beta)[..., None])[..., 0]
    size = np.linalg.norm(dissipator, axis=(-2, -1))
    return np.linalg.norm(flow, axis=-1) / np.where(size == 0.0, 1.0, size)
