"""Maxwell's demon on two coupled qubits that are watched continuously; see ``detachable_demon.py``.

A detector with time constant tau, read for a time dt, has the Kraus operators

    M(r) = (dt / 2 pi tau)^(1/4) exp[ -(dt / 4 tau) (r - n.sigma)^2 ]

The update with the record r is exact for any dt (no Euler scheme): with y = r dt/tau the measured component s becomes
(s + tanh y)/(1 + s tanh y). The free precession is left out while the detector is read: the axis is one of the frame
that rotates with H.

The record is a real number, whose entropy depends on the digits that are kept. What counts here is the least memory
that holds all it tells: its mutual information with n.sigma (of both qubits: the sum).

Source: B. Bhandari, R. Czupryniak, P. A. Erdman, A. N. Jordan, Entropy 25, 204 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy.special import entr

from .. import pauli
from ..control import FloatArray
from ..machine import parameter
from ..validation import check_positive
from .detachable_demon import DetachableDemon, ReadOut

MAX_Y = 300.0
"""|r| dt / tau is cut off here, where tanh is 1 to all digits, so that nothing overflows."""


@dataclass(frozen=True)
class ContinuousDemon(DetachableDemon):
    """Demon on two coupled qubits, continuous read-outs; see the module.

    State: 15 Pauli components and the controls that were used last. Controls, for axes = "xz" only: theta of a
    measurement and the angle of a rotation. Units: hbar = k_B = 1.

    Raises:
        ParameterError: for a parameter outside its range, or a Bohr frequency that vanishes.
    """

    title: ClassVar[str] = "Continuously measuring demon"
    equations: ClassVar[str] = (
        "H = (e1/2) sz1 + (e2/2) sz2 + g sz1 sz2; M(r) = (dt/2 pi tau)^(1/4) exp(-(dt/4 tau)(r - n.sigma)^2)"
    )
    n_step_uniforms: ClassVar[int] = 4

    tau: float = parameter(0.2, "time", "time constant of the detectors")

    def __post_init__(self) -> None:
        check_positive("tau", self.tau)
        super().__post_init__()

    def measure(self, t: FloatArray, values: FloatArray, dt: float, uniforms: FloatArray) -> ReadOut:
        ratio, axis = dt / self.tau, self.axis(values)
        after, record, outcome = t, np.zeros(len(t)), np.zeros((len(t), 2))
        for qubit in self.read_qubits:
            record += record_information(pauli.polarisation(t, qubit, axis), ratio)
            r = pauli.gaussian_record(
                pauli.polarisation(after, qubit, axis), ratio, uniforms[:, 2 * qubit : 2 * qubit + 2]
            )
            outcome[:, qubit], y = r, np.clip(r * ratio, -MAX_Y, MAX_Y)
            after = pauli.measured(after, qubit, axis, np.tanh(y), 1.0 / np.cosh(y))
        return self.drawn(t, after, record, outcome)


@lru_cache(maxsize=32)
def _quadrature(ratio: float) -> tuple[FloatArray, FloatArray]:
    """tanh y at the nodes of both branches, (2, n), and the weights (n,).

    Trapezoidal rule over 7.5 standard deviations. The integrand is analytic for |Im y| < pi/2, so it converges
    exponentially once the spacing is small against 1/sqrt(ratio); 1e-11 is reached.
    """
    n = 31 + int(44.0 * np.sqrt(min(ratio, 100.0)))
    x = np.linspace(-7.5, 7.5, n)
    w = np.exp(-0.5 * x * x)
    r = np.stack([1.0 + x / np.sqrt(ratio), -1.0 + x / np.sqrt(ratio)])
    return np.tanh(r * ratio), w / w.sum()


def record_information(component: FloatArray, ratio: float) -> FloatArray:
    """Mutual information (nats, shape (K,)) of the record of a read-out with n.sigma.

    Args:
        component: <n . sigma> before it, shape (K,).
        ratio: duration / tau.
    """
    t, w = _quadrature(ratio)
    s = component[:, None, None]
    after = np.clip((s + t) / np.maximum(1.0 + s * t, 1e-300), -1.0, 1.0)
    p = 0.5 * np.stack([1.0 + component, 1.0 - component], axis=1)
    left = np.einsum("kb,kbn,n->k", p, _binary(after), w)
    return np.maximum(_binary(component) - left, 0.0)


def _binary(s: FloatArray) -> FloatArray:
    """Entropy of +-1 with mean ``s``, nats."""
    return entr(0.5 * (1.0 + s)) + entr(0.5 * (1.0 - s))
