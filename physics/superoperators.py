"""Operators and superoperators of a d-level system as plain arrays, batched over all leading axes.

Conventions
-----------
* Row-major vectorisation: ``vec(X)[a d + b] = X[a, b]``, hence ``vec(A X B) = (A (x) B^T) vec(X)``.
  (QuTiP stacks columns: ``vec(A X B) = (B^T (x) A) vec(X)``.)
* Hermitian basis B_0 = 1/sqrt(d), B_1, ..., B_{d^2-1} (generalised Gell-Mann matrices) with tr(B_i B_j) = delta_ij.
  A Hermitian operator X is the real vector ``r_i = tr(B_i X)``, and every superoperator that preserves Hermiticity is
  the real matrix ``M_ij = tr(B_i M[B_j])``. So states are float64 vectors (..., d^2), generators float64 matrices
  (..., d^2, d^2), tr(X Y) is the dot product of the vectors, and ``r_0 = tr(X) / sqrt(d)``.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .validation import ParameterError

HERMITIAN_TOLERANCE = 1e-12
"""Largest |X - X^dagger| of an operator accepted as Hermitian, relative to its largest entry."""


def check_operator(name: str, operator: np.ndarray, dim: int | None = None) -> np.ndarray:
    """Return ``operator`` as a complex array (..., d, d).

    Raises:
        ParameterError: if it is not finite, not square, or not of dimension ``dim`` (where given).
    """
    operator = np.asarray(operator)
    if operator.dtype.kind not in "biufc":
        raise ParameterError(f"{name}: has entries of type {operator.dtype}, must be an array of numbers")
    wanted = "d, d" if dim is None else f"{dim}, {dim}"
    shape = operator.shape
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < 2 or (dim is not None and shape[-1] != dim):
        raise ParameterError(f"{name}: has shape {shape}, must have shape (..., {wanted}) with d >= 2")
    if not np.isfinite(operator).all():
        raise ParameterError(f"{name}: has entries that are not finite (NaN or infinity)")
    return operator.astype(complex)


def check_hermitian(name: str, operator: np.ndarray, dim: int | None = None) -> np.ndarray:
    """Return ``operator`` as a complex array (..., d, d), its anti-Hermitian round-off removed.

    Raises:
        ParameterError: as ``check_operator``, or if it is not Hermitian within ``HERMITIAN_TOLERANCE``.
    """
    operator = check_operator(name, operator, dim)
    adjoint = operator.conj().swapaxes(-1, -2)
    error, size = np.abs(operator - adjoint).max(initial=0.0), np.abs(operator).max(initial=0.0)
    if error > HERMITIAN_TOLERANCE * size:
        raise ParameterError(f"{name}: is not Hermitian, |X - X^dagger| = {error:.3g} at size {size:.3g}")
    return 0.5 * (operator + adjoint)


def vectorize(operator: np.ndarray) -> np.ndarray:
    """vec(X), row-major: (..., d, d) -> (..., d^2)."""
    operator = np.asarray(operator)
    return operator.reshape(*operator.shape[:-2], operator.shape[-2] * operator.shape[-1])


def unvectorize(vector: np.ndarray) -> np.ndarray:
    """Inverse of ``vectorize``: (..., d^2) -> (..., d, d)."""
    vector = np.asarray(vector)
    dim = dimension(vector)
    return vector.reshape(*vector.shape[:-1], dim, dim)


def dimension(vector: np.ndarray) -> int:
    """d of a vector of shape (..., d^2).

    Raises:
        ParameterError: if the length is not a square.
    """
    dim = round(vector.shape[-1] ** 0.5) if vector.ndim else 0
    if dim == 0 or dim * dim != vector.shape[-1]:
        raise ParameterError(f"vector: has shape {vector.shape}, must have shape (..., d^2)")
    return dim


@cache
def hermitian_basis(dim: int) -> np.ndarray:
    """The basis B_i, complex (d^2, d, d), read-only: identity, symmetric, antisymmetric, then diagonal matrices.

    For d = 2 it is (1, sigma_x, sigma_y, sigma_z) / sqrt(2).
    """
    basis = np.zeros((dim * dim, dim, dim), dtype=complex)
    basis[0] = np.eye(dim) / np.sqrt(dim)
    rows, columns = np.triu_indices(dim, 1)
    pairs = len(rows)
    symmetric, antisymmetric = 1 + np.arange(pairs), 1 + pairs + np.arange(pairs)
    basis[symmetric, rows, columns] = basis[symmetric, columns, rows] = np.sqrt(0.5)
    basis[antisymmetric, rows, columns] = -1j * np.sqrt(0.5)
    basis[antisymmetric, columns, rows] = 1j * np.sqrt(0.5)
    for k in range(1, dim):
        diagonal = np.concatenate([np.ones(k), [-k], np.zeros(dim - k - 1)])
        basis[2 * pairs + k] = np.diag(diagonal / np.sqrt(k * (k + 1)))
    basis.flags.writeable = False
    return basis


def to_vector(operator: np.ndarray) -> np.ndarray:
    """r_i = tr(B_i X) of a Hermitian operator: complex (..., d, d) -> float64 (..., d^2)."""
    operator = np.asarray(operator)
    return np.real(vectorize(operator) @ vectorize(hermitian_basis(operator.shape[-1])).conj().T)


def to_operator(vector: np.ndarray) -> np.ndarray:
    """X = sum_i r_i B_i, inverse of ``to_vector``: float64 (..., d^2) -> complex (..., d, d)."""
    vector = np.asarray(vector)
    return unvectorize(vector @ vectorize(hermitian_basis(dimension(vector))))


def to_real(superoperator: np.ndarray, eigenvectors: np.ndarray | None = None) -> np.ndarray:
    """M_ij = tr(B_i S[B_j]) of a row-major superoperator S: complex (..., d^2, d^2) -> float64, same shape.

    ``eigenvectors`` V (..., d, d): S is given in the basis of the columns of V (acts on V^dagger X V).
    """
    basis = hermitian_basis(dimension(superoperator))
    if eigenvectors is not None:
        vectors = eigenvectors[..., None, :, :]
        basis = vectors.conj().swapaxes(-1, -2) @ basis @ vectors
    rows = vectorize(basis)
    return np.real(rows.conj() @ superoperator @ rows.swapaxes(-1, -2))


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The superoperator X -> A X B, i.e. A (x) B^T, row-major: (..., d, d), (..., d, d) -> (..., d^2, d^2)."""
    tensor = left[..., :, None, :, None] * right.swapaxes(-1, -2)[..., None, :, None, :]
    return tensor.reshape(*tensor.shape[:-4], left.shape[-1] ** 2, left.shape[-1] ** 2)


def commutator(hamiltonian: np.ndarray) -> np.ndarray:
    """The real superoperator -i [H, .] (1/time, hbar = 1): H (..., d, d) -> float64 (..., d^2, d^2).

    Raises:
        ParameterError: if ``hamiltonian`` is not a finite Hermitian (..., d, d) array.
    """
    hamiltonian = check_hermitian("hamiltonian", hamiltonian)
    identity = np.eye(hamiltonian.shape[-1])
    real = to_real(-1j * (product(hamiltonian, identity) - product(identity, hamiltonian)))
    real[..., 0, :] = real[..., :, 0] = 0.0  # keeps trace and identity; what stands there is round-off
    return real


def dissipator(jump_ops: np.ndarray, rates: np.ndarray | float = 1.0) -> np.ndarray:
    """D[X] = sum_j k_j (C_j X C_j^dagger - {C_j^dagger C_j, X} / 2) as a real superoperator.

    The jump operators are taken as they are (a *local* dissipator where they belong to a part of the system), so
    nothing guarantees the second law: A. Levy, R. Kosloff, EPL 107, 20004 (2014), arXiv:1402.3825.

    Args:
        jump_ops: C_j, (..., J, d, d), dimensionless.
        rates: k_j >= 0, (..., J) or a number (1/time).

    Returns:
        float64 (..., d^2, d^2); it preserves the trace exactly (row 0 is zero).

    Raises:
        ParameterError: if a rate is negative or not finite, or an operator not finite or not square.
    """
    jump_ops = check_operator("jump_ops", jump_ops)
    if jump_ops.ndim < 3:
        raise ParameterError(f"jump_ops: has shape {jump_ops.shape}, must have shape (..., J, d, d)")
    rates = np.asarray(rates, dtype=float)
    if not (np.isfinite(rates).all() and (rates >= 0.0).all()):
        raise ParameterError(f"rates = {rates}: must be finite and >= 0")
    if rates.ndim and rates.shape[-1] not in (1, jump_ops.shape[-3]):
        raise ParameterError(f"rates: has shape {rates.shape}, must have shape (..., {jump_ops.shape[-3]})")
    weighted = np.sqrt(rates)[..., None, None] * jump_ops
    adjoint = weighted.conj().swapaxes(-1, -2)
    decay, identity = 0.5 * (adjoint @ weighted).sum(-3), np.eye(jump_ops.shape[-1])
    real = to_real(product(weighted, adjoint).sum(-3) - product(decay, identity) - product(identity, decay))
    real[..., 0, :] = 0.0  # tr D[X] = 0; what stands there is round-off
    return real
