"""Full counting statistics of heat.

What is counted is N = sum_b w_b Q_b: a jump C that takes the energy q (plus or minus a Bohr frequency) out of bath b
counts w_b q, and the tilted generator is L(chi) = L + sum over jumps of (exp(chi w_b q) - 1) C . C^dagger. To second
order in chi a counted system has the state (x, c, var) with

    c = cov(N, x),    a hold:  c' = M c + c_1(x),    var' = var + 2 R_w c + var_1(x)

where x' = M x + v, R_w = sum_b w_b R_b is the row of the mean heat, and c_1, var_1 belong to a counter that starts at
zero in x (``AffineMachine.count``). A switch of the controls changes neither c nor var. The extended state makes the
variance a sum over steps, a Markov reward.

Sources: M. Esposito, U. Harbola, S. Mukamel, Rev. Mod. Phys. 81, 1665 (2009), section V (tilted generator);
P. A. Erdman et al., Phys. Rev. Research 5, L022017 (2023), arXiv:2207.13104 (fluctuation as a reward).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from .control import Control, FloatArray
from .machine import AffineMachine
from .superoperators import dimension


def count_step(
    machine: AffineMachine,
    state: FloatArray,
    covariance: FloatArray,
    control: Control,
    dt: float,
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """The counting statistics of one step of K systems.

    Args:
        machine: the machine.
        state: before the step, (K, n).
        covariance: between the output counted so far and the dynamical variables, (K, n_x); zero at the start.
        control: of the step.
        dt: its duration.
        weights: w, (B,); ``None`` takes ``machine.power_weights``, which counts the output: heat from all baths of an
            engine (its long-run average is the extracted work), heat from the coldest bath of a refrigerator.

    Returns:
        The covariance after the step, (K, n_x), and the increment of the variance of the output, (K,), energy^2. The
        increments add up to the variance; a single one may be negative.

    Raises:
        NotImplementedError: for a machine without counting statistics.
    """
    weights = machine.power_weights if weights is None else weights
    x = state[:, : machine.n_dynamic]
    step = machine.affine(control, dt)
    fresh = machine.count(x, np.einsum("kij,kj->ki", step.matrix, x) + step.offset, control, dt, weights)
    row = np.einsum("kbi,b->ki", step.heat_matrix, weights)
    after = np.einsum("kij,kj->ki", step.matrix, covariance) + fresh.covariance
    return after, 2.0 * np.einsum("ki,ki->k", row, covariance) + fresh.variance


def count_two_state(
    p: np.ndarray, up: np.ndarray, down: np.ndarray, quantum: np.ndarray, dt: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Closed form for jumps up and down between two states, by several baths at once.

    With U = sum_b up_b e_b, V = sum_b down_b e_b, U2 and V2 the same with e_b^2, the mean m, the covariance c with the
    occupation p, and the variance obey

        dm/dt = U (1-p) - V p,  dc/dt = -s c + U (1-p)^2 + V p^2,  dvar/dt = U2 (1-p) + V2 p - 2 (U+V) c

    and p(t) = q + (p - q) exp(-s t), with s the sum of all rates.

    Args:
        p: occupation of the upper state at the start, (K,).
        up, down: rates of every bath, (K, B); not all zero.
        quantum: what a jump up counts, e_b, (K, B); a jump down counts -e_b.
        dt: duration.

    Returns:
        m, c and var at the end, each (K,).
    """
    u, v = (up * quantum).sum(-1), (down * quantum).sum(-1)
    u2, v2 = (up * quantum**2).sum(-1), (down * quantum**2).sum(-1)
    s = (up + down).sum(-1)
    q = up.sum(-1) / s
    d = p - q
    left = np.exp(-s * dt)
    fraction = -np.expm1(-s * dt)
    once = fraction / s  # integral of exp(-s t)
    # U (1-p)^2 + V p^2 = a + b d exp(-s t) + (U+V) d^2 exp(-2 s t)
    a, b = u * (1.0 - q) ** 2 + v * q * q, 2.0 * (v * q - u * (1.0 - q))
    total = u + v
    covariance = a * once + b * d * dt * left + total * d * d * left * once
    integral = (a * (dt - once) + b * d * (once - dt * left) + 0.5 * total * (d * fraction) ** 2 / s) / s
    # times spent in the lower and the upper state
    lower, upper = (1.0 - q) * dt - d * once, q * dt + d * once
    return u * lower - v * upper, covariance, u2 * lower + v2 * upper - 2.0 * total * integral


def tilted_two_state(up: np.ndarray, down: np.ndarray, gap: np.ndarray, field: np.ndarray, dt: float) -> np.ndarray:
    """Tilted propagator (K, 2, 2) of (trace, occupation of the upper state) for ``field`` (B,), see ``tilted``."""
    factor = np.exp(gap[:, None] * field)
    gain, loss = (up * factor).sum(-1), (down / factor).sum(-1)
    leave_low, leave_high = up.sum(-1), down.sum(-1)
    # in the basis (lower, upper): exp(A t) = exp(m t) [cosh(r t) + (A - m) sinh(r t)/r], m = tr A/2, r^2 = -det(A - m)
    middle, half = -0.5 * (leave_low + leave_high), 0.5 * (leave_high - leave_low)
    root = np.sqrt(half * half + gain * loss + 0j if np.iscomplexobj(factor) else half * half + gain * loss)
    left = np.exp(middle * dt)
    even = left * np.cosh(root * dt)
    odd = left * np.where(root == 0.0, dt, np.sinh(root * dt) / np.where(root == 0.0, 1.0, root))
    out = np.empty((len(gap), 2, 2), dtype=factor.dtype)
    # columns: trace 1 in the lower state, then the difference that an occupation makes
    out[:, 0, 0] = even + odd * (half + gain)
    out[:, 0, 1] = odd * (loss - gain - 2.0 * half)
    out[:, 1, 0] = odd * gain
    out[:, 1, 1] = even - odd * (half + gain)
    return out


def counting_propagator(
    drift: np.ndarray, first: np.ndarray, second: np.ndarray, dt: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Second-order expansion of exp(L(chi) dt) with L(chi) = drift + chi first + chi^2 second / 2 + ...

    Real superoperators in the Hermitian basis of ``superoperators.py``, (..., d^2, d^2). One augmented exponential of
    size 2 d^2 + 1, exact for constant control.

    Returns:
        The first order as a superoperator (..., d^2, d^2), and the row (..., d^2) with <N^2> = row @ state.
    """
    n = drift.shape[-1]
    trace = dimension(drift) ** 0.5  # tr X = sqrt(d) X_0
    block = np.zeros((*drift.shape[:-2], 2 * n + 1, 2 * n + 1))
    block[..., :n, :n] = block[..., n:-1, n:-1] = drift
    block[..., n:-1, :n] = first
    block[..., -1, :n] = trace * second[..., 0, :]
    block[..., -1, n:-1] = 2.0 * trace * first[..., 0, :]
    exponential = expm(block * np.asarray(dt)[..., None, None])
    return exponential[..., n:-1, :n], exponential[..., -1, :n]


def steady_counts(drift: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Mean rate J and zero-frequency noise S = lim var/t of what is counted in the steady state of any generator.

    Arguments as in ``counting_propagator``, (d^2, d^2); they may come from local or other dissipators. With the steady
    state rho, S = tr(second rho) + 2 tr(first R), where drift R = J rho - first rho and tr R = 0.

    Source: C. Flindt, T. Novotny, A.-P. Jauho, Phys. Rev. B 70, 205334 (2004).
    """
    trace = dimension(drift) ** 0.5
    block = drift[1:, 1:]
    rho = np.append(1.0, np.linalg.solve(block, -drift[1:, 0])) / trace
    rate = trace * first[0] @ rho
    response = np.append(0.0, np.linalg.solve(block, (rate * rho - first @ rho)[1:]))
    return float(rate), float(trace * (second[0] @ rho + 2.0 * first[0] @ response))
