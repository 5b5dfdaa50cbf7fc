"""Derivatives of the implicit equations of a sub-step, written out: what ``Cell.slopes`` returns for some cells.

Row i, column j is the derivative of ``Cell.terms``[i] with respect to the new value of variable j, the last row and
column being the equation of the temperature and theta. They only decide how fast Newton's method converges: the
equations are those of ``Cell.terms``, and the solution is the same with derivatives by the complex step. ``None`` says
that a derivative vanishes always. The lines serve numbers and arrays.

Source: derived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .cell import K_E
from .discrete import Array, Scalar, exp, half_square, log1p, log_mean_lag, log_of_rest
from .newton import Rows as Rows

if TYPE_CHECKING:
    from .ferroelectric_capacitor import FerroelectricCapacitor
    from .self_cycling_cell import SelfCyclingCell


def temperature(ambient: float, theta0: Array, theta1: Array) -> tuple[Array, Array]:
    """The logarithmic mean of two temperatures and its derivative with respect to the second."""
    t0, t1 = ambient + theta0, ambient + theta1
    x = (t1 - t0) / (t1 + t0)
    return 0.5 * (t0 + t1) + log_mean_lag(t0, t1), 0.5 - x * (1 / 3 - x / 6)


def of_gradient(gradient: Array, end: Array, second: Array, change: Array, small: Array) -> Array:
    """Derivative of a discrete gradient D(x0, x1) of f with respect to x1: (f'(x1) - D)/(x1 - x0).

    Args:
        gradient, end, second: D, f'(x1) and f''(x1).
        change: x1 - x0.
        small: change below which the quotient loses its digits, and f''/2 is taken.
    """
    if isinstance(change, Scalar):
        return (end - gradient) / change if abs(change) > small else 0.5 * second
    far = np.abs(change) > small
    return np.where(far, (end - gradient) / np.where(far, change, 1.0), 0.5 * second)


def self_cycling(
    m: SelfCyclingCell, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any
) -> Rows:
    """Of the self-cycling cell; variables Q_A, y, Q_C, xi_A, xi_C, theta."""
    t, t_slope = temperature(m.T_a, old[5], new[5])
    y, dy, da, dc = half_square(old[1], new[1]), new[1] - old[1], new[3] - old[3], new[4] - old[4]
    tc: Any = m.named(values, "Tc", m.Tc)
    source = m.named(values, "V_ext", 0.0)
    p_a, p_c = 0.5 / m.C_A, 0.5 / m.C_C
    v_a, v_c = p_a * (old[0] + new[0]) - y / m.C_A, p_c * (old[2] + new[2])
    # affinities and their derivatives with respect to the extents
    s_a = s_c = a_slope = c_slope = 0.0
    a_a, a_c = -v_a, -v_c
    if m.fuelled:
        k_a, k_c = K_E / m.z_A, K_E / m.z_C
        rest_a, rest_c = log_of_rest(m.N0_A, old[3], new[3]), log_of_rest(m.N0_C, old[4], new[4])
        left_a, left_c = m.N0_A - new[3], m.N0_C - new[4]
        s_a, s_c = m.e_A + k_a * rest_a, m.e_C + k_c * rest_c
        a_slope = k_a * of_gradient(rest_a, log1p(-new[3] / m.N0_A), -1.0 / left_a, da, 1e-6 * left_a)
        c_slope = k_c * of_gradient(rest_c, log1p(-new[4] / m.N0_C), -1.0 / left_c, dc, 1e-6 * left_c)
        a_a, a_c = a_a + m.E_A - m.e_A * m.T_r + t * s_a, a_c + m.E_C - m.e_C * m.T_r + t * s_c
    # rates
    heat_up, ion = m.E_act / K_E / (t * t), m.E_ion / K_E / (t * t)
    r, r_c = m.resistances(t)
    load = r + 10.0 ** values[0]
    current = (v_a + v_c - source) / load
    i_q, i_c, i_t = p_a / load, p_c / load, current * r * ion * t_slope / load
    xi = half_square(old[3], new[3])
    g, g_c = m.anode_conductance(y, xi, t), 1.0 / r_c
    rise = exp(y / m.y_w)
    share = (1.0 / m.R_m - 1.0 / m.R_p) / (1.0 + rise)
    g_y = -0.5 * g * share / (1.0 / m.R_p + share) * rise / (1.0 + rise) / m.y_w
    g_xi = -0.5 * g * m.N_half / ((m.N0_A - xi) * (m.N0_A - xi + m.N_half)) if m.N_half else 0.0
    j_a, j_c = g * a_a, g_c * a_c
    a_q, a_xi, a_t = -g * p_a, g * t * a_slope + g_xi * a_a, (g * s_a + j_a * heat_up) * t_slope
    a_y = g * p_a + g_y * a_a
    c_q, c_xi, c_t = -g_c * p_c, g_c * t * c_slope, (g_c * s_c + j_c * heat_up) * t_slope
    s_y, s_end = m.well.order_gradient(old[1], new[1]), m.well.order_gradient(new[1], new[1])
    bend = m.well.stored_gradient(old[1], new[1], tc) - t * s_y
    end, second = m.well.voltage(new[1], t, tc), m.well.stiffness(new[1], t, tc)
    well = m.V_b - v_a + bend
    w_y, w_t = p_a + of_gradient(bend, end, second, dy, 1e-6 * m.y0), -s_y * t_slope
    k = h / m.R_F
    # heat
    ordered = s_y * dy + s_a * da + s_c * dc
    lost, falls = 2.0 * r * current, 2.0 * well / m.R_F
    unit = -1.0 / m.C_th
    q_a = h * (lost * i_q + a_q * a_a - j_a * p_a - falls * p_a)
    q_y = h * (a_y * a_a + j_a * p_a - lost * i_q + falls * w_y) - t * s_end
    q_c = h * (lost * i_c + c_q * a_c - j_c * p_c)
    q_xi_a = h * (a_xi * a_a + j_a * t * a_slope) - t * (s_a + a_slope * da)
    q_xi_c = h * (c_xi * a_c + j_c * t * c_slope) - t * (s_c + c_slope * dc)
    given: Any = sum(conductances)
    q_t = lost * i_t - r * ion * t_slope * current * current + a_t * a_a + c_t * a_c + falls * w_t
    q_t = h * (q_t + (j_a * s_a + j_c * s_c - given) * t_slope) - ordered * t_slope
    return [
        [1.0 - h * (a_q - i_q), -h * (a_y + i_q), h * i_c, -h * a_xi, None, -h * (a_t - i_t)],
        [-k * p_a, 1.0 + k * w_y, None, None, None, k * w_t],
        [h * i_q, -h * i_q, 1.0 - h * (c_q - i_c), None, -h * c_xi, -h * (c_t - i_t)],
        [-h * a_q, -h * a_y, None, 1.0 - h * a_xi, None, -h * a_t],
        [None, None, -h * c_q, None, 1.0 - h * c_xi, -h * c_t],
        [unit * q_a, unit * q_y, unit * q_c, unit * q_xi_a, unit * q_xi_c, 1.0 + unit * q_t],
    ]


def capacitor(
    m: FerroelectricCapacitor, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any
) -> Rows:
    """Of the ferroelectric capacitor with one domain; variables P, q, theta."""
    t, t_slope = temperature(m.T_a, old[2], new[2])
    p0, p1 = old[0], new[0]
    p, q0, q1 = half_square(p0, p1), p0 * p0, p1 * p1
    pair, fours = q0 + q1, q0 * q0 + q1 * q1
    c = 0.5 / m.C_b
    voltage = c * (old[1] + new[1])
    field = m.landau.stored_gradient(p0, p1) + t * m.a0 * p
    poly = 0.25 * m.b * (pair + 2.0 * p1 * (p0 + p1))
    if m.c or m.d:
        poly = poly + m.c / 6.0 * (fours + q0 * q1 + (p0 + p1) * p1 * (4.0 * q1 + 2.0 * q0))
        poly = poly + m.d / 8.0 * (pair * fours + (p0 + p1) * p1 * (2.0 * fours + 4.0 * q1 * pair))
    stiff, f_t = 0.5 * m.a0 * (t - m.T0) + poly, m.a0 * p * t_slope
    rate = (voltage / m.L - field) / m.rho
    r_p, r_q, r_t = -stiff / m.rho, c / (m.L * m.rho), -f_t / m.rho
    given: Any = sum(conductances)
    unit, lost = -m.volume / m.heat_capacity, 2.0 * m.rho * rate
    latent = m.a0 * p * (p1 - p0)
    q_p, q_q = h * lost * r_p + t * m.a0 * p1, h * lost * r_q
    q_t = h * (lost * r_t - given / m.volume * t_slope) + latent * t_slope
    return [
        [1.0 - h * r_p, -h * r_q, -h * r_t],
        [h * m.A * r_p, 1.0 + h * (c / m.R + m.A * r_q), h * m.A * r_t],
        [unit * q_p, unit * q_q, 1.0 + unit * q_t],
    ]
