"""Counting statistics of the oscillator engine, for Gaussian states of zero mean (all its limit cycles are).

The tilted generator is quadratic in the ladder operators, so the tilted state stays Gaussian and Wick's theorem closes
the equations of its moments. With N = <a^dag a>, m = <a a> and n = n(beta omega), one jump counting e = w omega, the
derivatives c with respect to the counting field, and the variance, obey during a hold

    dc_N/dt = -Gamma c_N + e Gamma [n (n+1) - (N-n)^2 - |m|^2]
    dc_m/dt = -(Gamma + 2i omega) c_m - 2 e Gamma m (N-n)
    dvar/dt = e^2 Gamma [(2n+1) N + n] - 2 e Gamma c_N

because <a^dag a^dag a a> = 2 N^2 + |m|^2, <a^dag a a a> = 3 N m and so on. With N - n ~ exp(-Gamma t) and
|m|^2 ~ exp(-2 Gamma t) they integrate to, f = 1 - exp(-Gamma t), h, l, D as in ``oscillator.py``, ' after the hold,

    c_h = w f [s - (1-f) b],   (c_l, c_D) = -2 w f (h - h_eq) (l', D'),   var = w^2 f [2 h_eq (h - h_eq) + 2 s + f b]
    s = h_eq^2 - omega^2/4 = omega^2 n (n+1),     b = (h - h_eq)^2 + l^2 + (omega D/2)^2

Sources: the tilted generator, M. Esposito, U. Harbola, S. Mukamel, Rev. Mod. Phys. 81, 1665 (2009); the solution is
derived here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..control import Control, FloatArray
from ..machine import Counted

if TYPE_CHECKING:
    from .oscillator import OscillatorEngine


def count_oscillator(
    machine: OscillatorEngine, x: FloatArray, after: FloatArray, control: Control, dt: float, weights: FloatArray
) -> Counted:
    """``AffineMachine.count`` of the oscillator engine, closed form.

    The last entry of the covariance is the first order of nu2 in the counting field, X dP + P dX - D dD/2.
    """
    # the three choices are hot, cold and none; without a bath the weight and the rate are zero
    beta = np.append(machine.betas, machine.betas[1])[control.choice]
    rate = np.array([machine.gamma_h, machine.gamma_c, 0.0])[control.choice]
    w = np.append(weights, 0.0)[control.choice]
    omega = machine.omega0 * control.values[:, 0]
    square = omega * omega
    fraction = -np.expm1(-rate * dt)
    p, q, d = x[:, 0], x[:, 1], x[:, 2]
    h_eq = 0.5 * omega / np.tanh(0.5 * beta * omega)
    excess = 0.5 * (p + square * q) - h_eq
    noise = h_eq * h_eq - 0.25 * square
    spread = excess**2 + 0.25 * (p - square * q) ** 2 + 0.25 * square * d * d
    p, q, d = after[:, 0], after[:, 1], after[:, 2]
    c_h = w * fraction * (noise - (1.0 - fraction) * spread)
    scale = -2.0 * w * fraction * excess
    c_l, c_d = 0.5 * scale * (p - square * q), scale * d
    c_p, c_q = c_h + c_l, (c_h - c_l) / square
    covariance = np.stack([c_p, c_q, c_d, q * c_p + p * c_q - 0.5 * d * c_d], axis=1)
    return Counted(covariance, w * w * fraction * (2.0 * h_eq * excess + 2.0 * noise + fraction * spread))
