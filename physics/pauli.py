"""Two qubits as the real 4 x 4 table T_ij = <sigma_i (x) sigma_j>, i, j = 1, x, y, z, batched over K.

T_11 is the trace; the other 15 entries are the state. Everything that an experimenter does to one qubit acts on one
axis of the table: a measurement along n with result t in [-1, 1] (t = +-(2k - 1) for a read-out of strength k,
t = tanh(r dt / tau) for a continuous one) and c = sqrt(1 - t^2) is

    T_1 -> T_1 + t T_n,        T_n -> T_n + t T_1,        T_orthogonal -> c T_orthogonal

up to the norm. sigma_z = +1 is the excited state; basis (ee, eg, ge, gg).

Source: the Bayesian update of ``measurement.py``, written for Pauli components.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import entr, ndtri

from .control import FloatArray
from .superoperators import hermitian_basis

SIGMA = np.array([np.eye(2), [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=complex)
"""1, sigma_x, sigma_y, sigma_z in the basis (e, g)."""

PRODUCTS = np.einsum("iab,jcd->ijacbd", SIGMA, SIGMA).reshape(16, 4, 4)
"""sigma_i (x) sigma_j, shape (16, 4, 4), in the order of the table."""

NAMES = tuple(
    f"{b}2" if a == "1" else f"{a}{b}"  # <1 (x) sigma_b> is b2, <sigma_a (x) 1> is a1
    for a, b in itertools.product("1xyz", repeat=2)
)[1:]
"""Names of the 15 components: x2, y2, z2, x1, xx, xy, xz, y1, ..., zz."""

FROM_BASIS = np.real(np.einsum("pab,iba->pi", PRODUCTS, hermitian_basis(4)))
"""T = FROM_BASIS v for a vector v in the Hermitian basis of ``superoperators``; its inverse is its transpose / 4."""

TWO_SIGNS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
"""(s1, s2) of the four levels."""


def table(components: FloatArray) -> FloatArray:
    """15 components (K, 15) -> T (K, 4, 4), a new array."""
    full = np.empty((len(components), 16))
    full[:, 0] = 1.0
    full[:, 1:] = components
    return full.reshape(-1, 4, 4)


def components(t: FloatArray) -> FloatArray:
    """T (K, 4, 4) of trace one -> 15 components (K, 15)."""
    return t.reshape(-1, 16)[:, 1:]


def density(t: FloatArray) -> np.ndarray:
    """T (K, 4, 4) -> density matrices, complex (K, 4, 4)."""
    return np.einsum("kp,pab->kab", t.reshape(-1, 16), PRODUCTS) / 4.0


def from_density(rho: np.ndarray) -> FloatArray:
    """Density matrices (K, 4, 4) -> T (K, 4, 4)."""
    return np.real(np.einsum("pab,kba->kp", PRODUCTS, rho)).reshape(-1, 4, 4)


def populations(t: FloatArray) -> FloatArray:
    """Populations of (ee, eg, ge, gg), shape (K, 4)."""
    s1, s2 = TWO_SIGNS.T
    return 0.25 * (t[:, :1, 0] + t[:, 3:, 0] * s1 + t[:, :1, 3] * s2 + t[:, 3:, 3] * (s1 * s2))


def from_populations(p: FloatArray) -> FloatArray:
    """T (K, 4, 4) of diagonal states with populations (K, 4)."""
    t = np.zeros((len(p), 4, 4))
    t[:, 0, 0] = 1.0
    # written out: a product of matrices may round a row differently alone and in a batch
    ee, eg, ge, gg = p.T
    t[:, 3, 0], t[:, 0, 3], t[:, 3, 3] = (ee + eg) - (ge + gg), (ee + ge) - (eg + gg), (ee + gg) - (eg + ge)
    return t


def is_diagonal(t: FloatArray) -> bool:
    """Whether no state has coherence."""
    return not (t[:, 1:3].any() or t[:, :, 1:3].any())


def entropy(t: FloatArray) -> FloatArray:
    """von Neumann entropy in nats, shape (K,)."""
    p = populations(t) if is_diagonal(t) else np.linalg.eigvalsh(density(t))
    return entr(np.clip(p, 0.0, 1.0)).sum(axis=1)


def swap(t: FloatArray) -> FloatArray:
    """The qubits exchanged."""
    return t.swapaxes(1, 2)


def along(t: FloatArray, qubit: int) -> FloatArray:
    """T with the axis of ``qubit`` (0 or 1) second; a view."""
    return t if qubit == 0 else t.swapaxes(1, 2)


def axis_in_plane(theta: FloatArray) -> FloatArray:
    """Unit vectors (sin theta, 0, cos theta), shape (K, 3): theta = 0 is z, pi/2 is x. Exact at both."""
    n = np.zeros((len(theta), 3))
    n[:, 0], n[:, 2] = np.sin(theta), np.cos(theta)
    n[np.abs(n) < 1e-15] = 0.0
    return n


def measured(t: FloatArray, qubit: int, axis: FloatArray, result: FloatArray, rest: FloatArray) -> FloatArray:
    """The state after a read-out of ``qubit`` along ``axis`` (K, 3) with ``result`` t (K,) and ``rest`` c (K,)."""
    before = along(t, qubit)
    after = np.empty_like(before)
    parallel = np.einsum("ka,kab->kb", axis, before[:, 1:])
    after[:, 0] = before[:, 0] + result[:, None] * parallel
    # c v + [(1 - c) v_n + t v_0] n
    push = (1.0 - rest)[:, None] * parallel + result[:, None] * before[:, 0]
    after[:, 1:] = rest[:, None, None] * before[:, 1:] + axis[:, :, None] * push[:, None, :]
    after /= after[:, :1, :1].copy()
    return after if qubit == 0 else after.swapaxes(1, 2)


def polarisation(t: FloatArray, qubit: int, axis: FloatArray) -> FloatArray:
    """<n . sigma> of ``qubit``, shape (K,), within [-1, 1]."""
    return np.clip(np.einsum("ka,ka->k", axis, along(t, qubit)[:, 1:, 0]), -1.0, 1.0)


def rotated(t: FloatArray, qubit: int, angle: FloatArray) -> FloatArray:
    """``qubit`` turned about y by ``angle`` (K,): z goes to x; pi exchanges its levels."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    before = along(t, qubit)
    after = before.copy()
    after[:, 1] = c * before[:, 1] + s * before[:, 3]
    after[:, 3] = c * before[:, 3] - s * before[:, 1]
    return after if qubit == 0 else after.swapaxes(1, 2)


def flipped(t: FloatArray, qubit: int) -> FloatArray:
    """``qubit`` turned about y by pi, exactly: its levels are exchanged."""
    after = t.copy()
    view = along(after, qubit)
    view[:, 1] *= -1.0
    view[:, 3] *= -1.0
    return after


def gaussian_record(component: FloatArray, ratio: float, uniforms: FloatArray) -> FloatArray:
    """The record r of a continuous read-out, shape (K,): c + noise, c = +-1 with probability (1 +- <n.sigma>)/2.

    Args:
        component: <n . sigma>, shape (K,).
        ratio: duration / tau; the variance of the noise is its inverse.
        uniforms: shape (K, 2).
    """
    sign = np.where(uniforms[:, 0] < 0.5 * (1.0 + component), 1.0, -1.0)
    # u = 0 would be a record of minus infinity
    return sign + ndtri(np.clip(uniforms[:, 1], 1e-16, None)) / np.sqrt(ratio)
