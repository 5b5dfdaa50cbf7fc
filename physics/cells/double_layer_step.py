"""How the double-layer cell is stepped: which of its parts are fast, and derivatives of its implicit equations.

Source: derived; see ``pacing.py`` and ``slopes.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

from ..control import FloatArray, IntArray
from .cell import K_E
from .discrete import Array, Scalar, cosh, exp, log, log_series, sinh, sqrt
from .pacing import Fast
from .slopes import Rows, of_gradient, temperature

if TYPE_CHECKING:
    from .double_layer_cell import DoubleLayerCell

FROZEN = 1e-6
"""Filling, or rest, below which the cathode stores nothing that counts."""

S_FROZEN = float(logit(1.0 - FROZEN))
"""The same as a logit."""


def fast(m: DoubleLayerCell, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray) -> Fast:
    """The double layers, in units of kT/e, and the temperature, in units of 10 K.

    The filling relaxes with the double layer of the cathode; where it is all but full or empty it follows at once.
    """
    q_a, q_c, s, _ = x
    t = m.T_a + theta
    unit = K_E * t
    v_a, v_c, r = q_a / m.C_A, q_c / m.C_C, m.resistance(t)
    a_a = m.E_A - v_a
    a_c = m.E_C0 + m.e_C * (t - m.T_r) + t * m.mixing_slope(s) - v_c
    i_a, i_c = 2.0 * m.i0_A, 2.0 * m.i0_C / np.cosh(0.5 * s)
    j_a, j_c = i_a * np.sinh(0.5 * a_a / unit), i_c * np.sinh(0.5 * a_c / unit)
    current = m.drawn(v_a + v_c, r, values, choice)
    # the current follows the voltage only where it is limited
    g_r = np.where(current == values[0], 0.0, 1.0 / r)
    g_a, g_c = (0.5 / unit * np.hypot(i, j) for i, j in ((i_a, j_a), (i_c, j_c)))
    entropic = t * (m.e_C + m.mixing_slope(s)) * j_c
    warming = r * current**2 + j_a * a_a + j_c * a_c - entropic - m.K * theta
    stiffness = np.abs(_filling_slope(m, s, unit)) / m.Q_cap
    j_c, g_c = (np.where(np.abs(s) > S_FROZEN, 0.0, a) for a in (j_c, g_c))
    return Fast(
        np.stack([
            (j_a - current) / (m.C_A * unit), (j_c - current) / (m.C_C * unit), warming / (10.0 * m.C_th)
        ]),
        np.stack([
            (g_a + g_r) / m.C_A, (g_c + g_r) / m.C_C + g_c * stiffness, np.full(len(t), m.K / m.C_th)
        ]),
    )  # fmt: skip


def _filling_slope(m: DoubleLayerCell, s: FloatArray, unit: FloatArray) -> FloatArray:
    """dE_C/dx, V, from the logit of the filling; zero between the binodal compositions."""
    x = expit(s)
    inside = (x > m.binodal) & (x < 1.0 - m.binodal)
    return np.where(inside, 0.0, -unit * ((2.0 * np.cosh(0.5 * s)) ** 2 - 2.0 * m.w))


def slopes(m: DoubleLayerCell, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any) -> Rows:
    """``Cell.slopes``; see ``slopes.py``."""
    t, t_slope = temperature(m.T_a, old[4], new[4])
    p_a, p_c = 0.5 / m.C_A, 0.5 / m.C_C
    v_a, v_c = p_a * (old[0] + new[0]), p_c * (old[1] + new[1])
    # the filling x, its rest y, dx/ds, and the mean of the entropy's derivative
    (x0, y0), (x1, y1) = shares(old[2]), shares(new[2])
    change, x_s = m.amounts(old, new)[2], x1 * y1
    mean = m.mixing_gradient(old[2], new[2])
    m_s = _mixing(m, old[2], new[2], mean, change, x_s, y1 - x1)
    entropy = m.e_C + mean
    a_a, a_c = m.E_A - v_a, m.E_C0 - m.e_C * m.T_r + t * entropy - v_c
    # rates
    half, root = 0.5 / (K_E * t), sqrt(0.25 * (x0 + x1) * (y0 + y1))
    j_a, g_a = 2.0 * m.i0_A * sinh(half * a_a), 2.0 * m.i0_A * half * cosh(half * a_a)
    j_c, g_c = 4.0 * m.i0_C * root * sinh(half * a_c), 4.0 * m.i0_C * root * half * cosh(half * a_c)
    r = m.resistance(t)
    r_t = r * (1.0 - m.E_a / (K_E * t)) / t * t_slope
    current = m.drawn(v_a + v_c, r, values, choice)
    g = (current != values[0]) / r  # the current follows the voltage only where it is limited
    i_a, i_c, i_t = g * p_a, g * p_c, -g * r_t * current
    a_t = -g_a * a_a * t_slope / t
    c_s = g_c * t * m_s + 0.5 * j_c * x_s * (1.0 / (x0 + x1) - 1.0 / (y0 + y1))
    c_t = g_c * (entropy - a_c / t) * t_slope
    # heat
    lost, unit = 2.0 * r * current, -1.0 / m.C_th
    stored = m.Q_cap * entropy
    q_a = h * (lost * i_a - g_a * p_a * a_a - j_a * p_a)
    q_c = h * (lost * i_c - g_c * p_c * a_c - j_c * p_c)
    q_s = h * (c_s * a_c + j_c * t * m_s) - t * (stored * x_s + m.Q_cap * m_s * change)
    given: Any = sum(conductances)
    q_t = lost * i_t + r_t * current * current + a_t * a_a + c_t * a_c + (j_c * entropy - given) * t_slope
    q_t = h * q_t - stored * change * t_slope
    k = h / m.Q_cap
    return [
        [1.0 + h * (g_a * p_a + i_a), h * i_c, None, None, -h * (a_t - i_t)],
        [h * i_a, 1.0 + h * (g_c * p_c + i_c), -h * c_s, None, -h * (c_t - i_t)],
        [None, k * g_c * p_c, x_s - k * c_s, None, -k * c_t],
        [h * g_a * p_a, None, None, 1.0, -h * a_t],
        [unit * q_a, unit * q_c, unit * q_s, None, 1.0 + unit * q_t],
    ]


def _mixing(m: DoubleLayerCell, s0: Array, s1: Array, mean: Array, change: Array, x_s: Array, w_s: Array) -> Array:
    """Derivative of ``mixing_gradient`` with respect to s1."""
    edge, frozen = m.binodal * (1.0 - m.binodal), -K_E * (1.0 - 2.0 * m.w * x_s)
    end, second = -K_E * (s1 + m.w * w_s), frozen / x_s
    if isinstance(s1, Scalar):
        if abs(s0) > S_FROZEN:
            return frozen
        if x_s > edge:
            end = second = 0.0
        return of_gradient(mean, end, second, change, 1e-5 * x_s) * x_s
    end, second = (np.where(x_s > edge, 0.0, a) for a in (end, second))
    found = of_gradient(mean, end, second, change, 1e-5 * x_s) * x_s
    return np.where(np.abs(s0) > S_FROZEN, frozen, found)


def shares(s: Array) -> tuple[Array, Array]:
    """Filling x and rest 1 - x, both to full relative precision; complex arguments too."""
    return 1.0 / (1.0 + exp(-s)), 1.0 / (1.0 + exp(s))


def x_log_x(y0: Array, y1: Array) -> Array:
    """Divided difference of y ln y: ln y0 + r ln r/(r - 1) with the ratio r = y1/y0."""
    r = y1 / y0
    d = r - 1.0
    series = 1.0 + log_series(d)
    if isinstance(d, Scalar):
        return log(y0) + (series if abs(d.real) < 1e-3 else r * log(r) / d)
    near = np.abs(np.real(d)) < 1e-3
    safe = np.where(near, 2.0, r)
    return np.log(y0) + np.where(near, series, safe * np.log(safe) / (safe - 1.0))
