"""Information and energy of a measurement: what the record tells, what it costs, what the detector puts in.

hbar = k_B = 1, entropies and informations in nats; density matrices (..., d, d) and distributions (..., n) are batched
over leading axes, written (...).

Two informations
----------------
``information_gain``      I   = S(rho) + H(p) + sum_k tr[X_k ln X_k],  X_k = sqrt(D_k) rho sqrt(D_k),   0 <= I <= H(p)
``entropy_reduction``     I_G = S(rho) - sum_k p_k S(rho_k)                                             can be < 0

I (the QC-mutual information of Sagawa and Ueda) is what the record tells about the system: it depends on the D_k alone.
I_G (Groenewold) is what the measurement does to the state. For one Kraus operator per outcome they are equal. For
several, start in the Gibbs state of one bath, measure, apply the best unitary, thermalise: the heat from the bath obeys

    Q <= T I_G                      always (each branch relaxes with Q_k <= T [S_Gibbs - S(rho_k)]);
    Q <= T I <= T H(p)              if ``instrument.adds_only_noise``, because then I_G <= I.

The second line is not general: a detector that resets the system to its ground state without telling anything has
I = H = 0 but I_G = S(rho) > 0. It is a second cold bath, and its entropy has to be booked. Proof of I_G <= I: outcome k
is the bare measurement sqrt(D_k), which leaves X_k / p_k, followed by a channel E_k; if E_k(P) <= 1 on the support P of
D_k, the monotonicity of the relative entropy gives -S(X) = S(X || P) >= S(E_k(X) || E_k(P)) >= -S(E_k(X)).

Sources: T. Sagawa, M. Ueda, Phys. Rev. Lett. 100, 080403 (2008); H. J. Groenewold, Int. J. Theor. Phys. 4, 327 (1971);
F. Buscemi, M. Hayashi, M. Horodecki, Phys. Rev. Lett. 100, 210504 (2008) (I for any instrument).
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from .measurement import Instrument
from .superoperators import check_hermitian
from .validation import ParameterError, check_positive

PROBABILITY_TOLERANCE = 1e-10
"""Largest |sum p - 1| of a distribution that is accepted."""


def entropy(rho: np.ndarray) -> np.ndarray:
    """-tr(X ln X) of positive operators, normalised or not: (..., d, d) -> (...), nats; eigenvalues <= 0 give 0."""
    return entr(np.maximum(np.linalg.eigvalsh(rho), 0.0)).sum(-1)


def record_entropy(p: np.ndarray) -> np.ndarray:
    """Shannon entropy H = -sum_k p_k ln p_k of the outcomes: (..., n) -> (...), nats.

    Raises:
        ParameterError: if an entry is negative or a distribution does not sum to 1.
    """
    return entr(_distribution("p", p, 1)).sum(-1)


def landauer_cost(p: np.ndarray, temperature: np.ndarray | float) -> np.ndarray:
    """T H(p), the least work to erase a record of the outcomes in a bath at T: (..., n) -> (...), energy.

    Raises:
        ParameterError: as ``record_entropy``, or if a temperature is not positive and finite.
    """
    for value in np.unique(temperature):
        check_positive("temperature", float(value))
    return temperature * record_entropy(p)


def mutual_information(joint: np.ndarray) -> np.ndarray:
    """Classical I(X:Y) = H(X) + H(Y) - H(X, Y) of joint distributions (..., n, m) -> (...), nats.

    Raises:
        ParameterError: as ``record_entropy``.
    """
    joint = _distribution("joint", joint, 2)
    both = entr(joint).sum((-2, -1))
    return np.maximum(entr(joint.sum(-1)).sum(-1) + entr(joint.sum(-2)).sum(-1) - both, 0.0)


def information_gain(rho: np.ndarray, instrument: Instrument) -> np.ndarray:
    """I, the QC-mutual information (module docstring): (..., d, d) -> (...), nats, 0 <= I <= H(p).

    For efficient instruments it is S(rho) - sum_k p_k S(rho_k).
    """
    rho = instrument.check_states(rho)
    values, vectors = np.linalg.eigh(instrument.povm)
    roots = (vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ vectors.conj().swapaxes(-1, -2)
    return _drop(rho, roots @ rho[..., None, :, :] @ roots, instrument)


def entropy_reduction(rho: np.ndarray, instrument: Instrument) -> np.ndarray:
    """I_G = S(rho) - sum_k p_k S(rho_k) (module docstring): (..., d, d) -> (...), nats; can be negative.

    The entropy balance of a cycle on conditional states uses this one; it is a difference of state functions.
    """
    return _drop(instrument.check_states(rho), instrument.unnormalized(rho), instrument)


def measurement_energy(rho: np.ndarray, hamiltonian: np.ndarray, instrument: Instrument) -> np.ndarray:
    """E_meas = sum_k tr(H M_k rho M_k^dagger) - tr(H rho), the energy that the detector puts in: (...), energy.

    It is >= 0 if rho is a Gibbs state of H and the instrument is bare (M_k = sqrt(D_k)).

    Raises:
        ParameterError: if H is not a finite Hermitian array or a shape does not fit.
    """
    hamiltonian = check_hermitian("hamiltonian", hamiltonian, instrument.dim)
    rho = instrument.check_states(rho)
    return np.real((hamiltonian * (instrument.average(rho) - rho).swapaxes(-1, -2)).sum((-2, -1)))


def _drop(rho: np.ndarray, unnormalized: np.ndarray, instrument: Instrument) -> np.ndarray:
    """S(rho) - sum_k p_k S(X_k / p_k), X_k (..., n, d, d): p S(X / p) = -tr(X ln X) + p ln p needs no division."""
    return entropy(rho) + entr(instrument.probabilities(rho)).sum(-1) - entropy(unnormalized).sum(-1)


def _distribution(name: str, p: np.ndarray, axes: int) -> np.ndarray:
    p = np.asarray(p, dtype=float)
    if p.ndim < axes or not (p >= 0.0).all():
        raise ParameterError(f"{name}: has shape {p.shape}, must have {axes} axes or more and entries >= 0")
    error = np.abs(p.sum(tuple(range(-axes, 0))) - 1.0).max(initial=0.0)
    if not error <= PROBABILITY_TOLERANCE:
        raise ParameterError(f"{name}: sums to 1 only within {error:.3g}, must within {PROBABILITY_TOLERANCE:g}")
    return p
