"""Weak read-out of two coupled qubits, then the best feedback: heat, work and information of one cycle.

Kraus operators of strength k in [1/2, 1] along n in the x-z plane,

    M_± = (1/2) [ (sqrt(k) + sqrt(1-k)) 1 ± (sqrt(k) - sqrt(1-k)) n.sigma ]:

k = 1/2 tells nothing, k = 1 is projective. Conventions as in ``closed_forms.py``.

Source: Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), model; derived.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from ..validation import check_choice, check_finite, check_range
from .closed_forms import S1, S2, gibbs_populations, level_energies

Z_AXIS, X_AXIS = 0.5 * math.pi, 0.0
"""Angles of the axes: n = (cos th, 0, sin th)."""

_ONE = np.eye(2)
_X = np.array([[0.0, 1.0], [1.0, 0.0]])
_Z = np.diag([1.0, -1.0])


def kraus_operators(strength: float, angle: float = Z_AXIS) -> tuple[np.ndarray, np.ndarray]:
    """M_+ and M_- of one qubit, real symmetric (2, 2) in the basis (e, g), n = (cos ``angle``, 0, sin ``angle``).

    Raises:
        ParameterError: if ``strength`` is not in [1/2, 1] or ``angle`` not finite.
    """
    check_range("strength", strength, 0.5, 1.0)
    check_finite("angle", angle)
    spin = math.cos(angle) * _X + math.sin(angle) * _Z
    high, low = math.sqrt(strength), math.sqrt(1.0 - strength)
    return 0.5 * ((high + low) * _ONE + (high - low) * spin), 0.5 * ((high + low) * _ONE - (high - low) * spin)


@dataclass(frozen=True)
class WeakReadout:
    """One cycle with a Gibbs start and complete thermalisation; heat + measurement - work = 0.

    Attributes:
        heat: drawn from the bath, energy.
        measurement: energy that the read-out puts in, E_meas.
        work: extracted by the feedback, W_out.
        information: I_QC = S(rho) - sum_k p_k S(rho_k), nats.
        outcome_entropy: Shannon entropy of the outcomes, nats.
    """

    heat: float
    measurement: float
    work: float
    information: float
    outcome_entropy: float


def _entropy(eigenvalues: np.ndarray) -> float:
    return float(entr(np.maximum(eigenvalues, 0.0)).sum())


def lowest_energy_rotating_one(rho: np.ndarray, e1: float, e2: float, g: float) -> float:
    """Least <H> that rotations of qubit 1 alone reach from ``rho``: (e2/2) <sz2> - |v|,

        v_a = Tr[rho ((e1/2) sigma_a (x) 1 + g sigma_a (x) sz)],

    for a real ``rho`` (4, 4), of trace 1 or not normalised, for which v_y = 0.
    """
    weight = 0.5 * e1 * _ONE + g * _Z
    v = [float(np.trace(rho @ np.kron(sigma, weight))) for sigma in (_X, _Z)]
    return 0.5 * e2 * float(np.diag(rho) @ S2) - math.hypot(*v)


def passive_energy(rho: np.ndarray, energies: np.ndarray) -> float:
    """Least energy that unitaries reach from ``rho`` (d, d): decreasing eigenvalues on increasing ``energies`` (d,)."""
    return float(np.linalg.eigvalsh(rho)[::-1] @ np.sort(energies))


def weak_readout(
    e1: float, e2: float, g: float, T: float, strength: float, angle: float = Z_AXIS, measured: str = "one"
) -> WeakReadout:
    """A read-out of strength k of qubit 1 ("one") or of both ("two", same k and axis), then the best feedback.

    The feedback is a rotation of qubit 1 alone for "one" and a unitary of both qubits for "two".

    Raises:
        ParameterError: as ``gibbs_populations`` and ``kraus_operators``, and for any other ``measured``.
    """
    check_choice("measured", measured, ("one", "two"))
    energies = level_energies(e1, e2, g)
    populations = gibbs_populations(e1, e2, g, T)
    single = kraus_operators(strength, angle)
    if measured == "one":
        operators = [np.kron(m, _ONE) for m in single]
    else:
        operators = [np.kron(m, n) for m in single for n in single]
    before = float(populations @ energies)
    measured_energy = after = information = 0.0
    probabilities = []
    for m in operators:
        rho = m @ np.diag(populations) @ m  # not normalised: its trace is the probability of the outcome
        p = float(np.trace(rho))
        probabilities.append(p)
        measured_energy += float(np.diag(rho) @ energies)
        after += lowest_energy_rotating_one(rho, e1, e2, g) if measured == "one" else passive_energy(rho, energies)
        # p S(rho/p) = S(rho) - entr(p), with S(rho) = -tr(rho ln rho) of the matrix that is not normalised
        information -= _entropy(np.linalg.eigvalsh(rho)) - float(entr(p))
    information += _entropy(populations)
    shannon = _entropy(np.array(probabilities))
    return WeakReadout(before - after, measured_energy - before, measured_energy - after, information, shannon)


def flip_threshold(e1: float, e2: float, g: float, T: float) -> float:
    """Strength above which the sz read-out of qubit 1 and a rotation of qubit 1 give heat, for |g| < e1/2.

    Outcome + has the field k w_+ - (1-k) w_-, w_a = p_a (e1/2 + g <s2>_a): the rotation pays if it is positive,
    k > w_- / (w_+ + w_-).

    Raises:
        ParameterError: as ``gibbs_populations``, and if |g| >= e1/2.
    """
    populations = gibbs_populations(e1, e2, g, T)
    check_range("|g| / e1", abs(g) / e1, 0.0, 0.5)
    field = populations * (0.5 * e1 + g * S2)
    return float(field[S1 < 0.0].sum() / field.sum())
