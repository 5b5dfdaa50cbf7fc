"""States of a d-level system as real vectors (..., d^2) in the Hermitian basis of ``superoperators.py``.

hbar = k_B = 1, entropy in nats; batched over leading axes, written (...).
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from .superoperators import check_hermitian, to_operator, to_vector
from .validation import ParameterError


def internal_energy(hamiltonian: np.ndarray, state: np.ndarray) -> np.ndarray:
    """E = tr(H rho): H (..., d, d), state (..., d^2) -> (...), energy."""
    return (to_vector(hamiltonian) * state).sum(-1)


def von_neumann_entropy(state: np.ndarray) -> np.ndarray:
    """S = -tr(rho ln rho): (..., d^2) -> (...), in nats; eigenvalues <= 0 (pure states, round-off) contribute 0."""
    return entr(np.maximum(np.linalg.eigvalsh(to_operator(state)), 0.0)).sum(-1)


def binary_entropy(p: np.ndarray) -> np.ndarray:
    """S(p) = -p ln p - (1 - p) ln(1 - p), nats, shape as ``p``."""
    return entr(p) + entr(1.0 - p)


def thermal_state(hamiltonian: np.ndarray, beta: np.ndarray | float) -> np.ndarray:
    """exp(-beta H) / Z: H (..., d, d), ``beta`` a number or (...) (1/energy) -> float64 (..., d^2).

    Raises:
        ParameterError: if H is not a finite Hermitian array or ``beta`` is not finite.
    """
    hamiltonian = check_hermitian("hamiltonian", hamiltonian)
    beta = np.asarray(beta, dtype=float)
    if not np.isfinite(beta).all():
        raise ParameterError(f"beta = {beta}: must be finite")
    energies, vectors = np.linalg.eigh(hamiltonian)
    exponents = -beta[..., None] * energies
    weights = np.exp(exponents - exponents.max(-1, keepdims=True))
    populations = weights / weights.sum(-1, keepdims=True)
    return to_vector((vectors * populations[..., None, :]) @ vectors.conj().swapaxes(-1, -2))


def density_matrix_state(name: str, rho: np.ndarray, dim: int) -> np.ndarray:
    """The state vector (..., d^2) of density matrices (..., d, d), checked.

    Raises:
        ParameterError: if ``rho`` is not Hermitian, has a trace other than 1 or an eigenvalue below -1e-12.
    """
    rho = check_hermitian(name, rho, dim)
    trace = np.real(np.trace(rho, axis1=-2, axis2=-1))
    if (np.abs(trace - 1.0) > 1e-10).any():
        raise ParameterError(f"{name}: has trace {trace}, must be 1")
    lowest = np.linalg.eigvalsh(rho).min()
    if lowest < -1e-12:
        raise ParameterError(f"{name}: has the eigenvalue {lowest:.3g}, must be positive semidefinite")
    return to_vector(rho)
