"""Diffusive read-out of a two-valued observable: exact Bayesian update for any duration, no Euler scheme.

The detector reports r, the mean of its signal over dt; for an observable A with eigenvalues +1 and -1

    M(r) = (dt / 2 pi tau)^(1/4) exp[-(dt / 4 tau) (r - A)^2],    r = +-1 + Normal(0, tau / dt), p_pm = (1 +- <A>)/2.

Read-outs of durations t1 and t2 in a row are one of t1 + t2. Averaged over r they are the Lindblad term
(1 / 4 tau) D[A]; coherences between the two eigenspaces decay as exp(-t / 2 tau). One Kraus operator per record, so
the read-out is efficient. The Hamiltonian is ignored during the read-out; ``trajectories.py`` adds it.

hbar = k_B = 1; states (..., d, d) or Bloch components, batched over leading axes, written (...).

Source: Entropy 25, 204 (2023); K. Jacobs, D. A. Steck, Contemp. Phys. 47, 279 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from .information import entropy
from .measurement import check_uniforms
from .superoperators import check_hermitian, dissipator, product, to_real
from .validation import ParameterError, check_positive, check_shape

MAX_LOG_RATIO = 300.0
"""|y| = |r| dt / tau is cut off here: populations below exp(-2 * 300) count as this much, so nothing underflows."""


@dataclass(frozen=True, eq=False)
class GaussianReadout:
    """Diffusive read-out of ``observable`` with measurement time ``tau``.

    Attributes:
        observable: A, Hermitian (d, d) with eigenvalues +1 and -1; kept as a read-only complex array. For a qubit
            ``measurement.spin(axis)`` makes it.
        tau: measurement time constant > 0; after tau the signal has the variance 1.

    Raises:
        ParameterError: if ``tau`` is not positive or A^2 differs from 1 by more than 1e-12.
    """

    observable: np.ndarray
    tau: float

    def __post_init__(self) -> None:
        check_positive("tau", self.tau)
        array = check_hermitian("observable", self.observable)
        check_shape("observable", array, (None, None))
        error = np.abs(array @ array - np.eye(len(array))).max()
        if error > 1e-12:
            raise ParameterError(f"observable: A^2 differs from 1 by {error:.3g}, eigenvalues must be +1 and -1")
        array.flags.writeable = False
        object.__setattr__(self, "observable", array)

    @property
    def dim(self) -> int:
        """d, the dimension of the system."""
        return len(self.observable)

    @cached_property
    def projectors(self) -> np.ndarray:
        """P_+ and P_-, complex (2, d, d)."""
        return 0.5 * np.stack([np.eye(self.dim) + self.observable, np.eye(self.dim) - self.observable])

    @cached_property
    def blocks(self) -> np.ndarray:
        """X -> P_+ X P_+, P_- X P_-, and P_+ X P_- + P_- X P_+ as real superoperators, float64 (3, d^2, d^2)."""
        up, down = self.projectors
        mixed = product(up, down) + product(down, up)
        return to_real(np.stack([product(up, up), product(down, down), mixed]))

    def dissipator(self) -> np.ndarray:
        """(1 / 4 tau) D[A], the average back-action, float64 (d^2, d^2), 1/time."""
        return dissipator(self.observable[None], 0.25 / self.tau)

    def populations(self, rho: np.ndarray) -> np.ndarray:
        """p_+ and p_-: (..., d, d) -> float64 (..., 2), >= 0."""
        rho = self._check(rho)
        return np.maximum(np.real(np.einsum("...ab,kba->...k", rho, self.projectors)), 0.0)

    def draw(self, p_plus: np.ndarray, dt: float, uniforms: np.ndarray) -> np.ndarray:
        """Records r (...) for probabilities p_+ (...) of A = 1; ``uniforms`` (..., 2) in [0, 1): branch, then noise.

        Raises:
            ParameterError: if ``dt`` is not positive or a uniform number is outside [0, 1).
        """
        check_positive("dt", dt)
        uniforms = check_uniforms(uniforms)
        branch = np.where(uniforms[..., 0] < p_plus, 1.0, -1.0)
        # ndtri(0) is -infinity; below 1e-17 a uniform double is 0
        return branch + np.sqrt(self.tau / dt) * ndtri(np.maximum(uniforms[..., 1], 1e-17))

    def sample(self, rho: np.ndarray, dt: float, uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One read-out of duration ``dt`` by Born's rule: the record r, float64 (...), and the state, (..., d, d).

        Args:
            rho: (..., d, d). dt: > 0. uniforms: (..., 2) in [0, 1).

        Raises:
            ParameterError: as ``draw``, or if the shape of ``rho`` does not fit.
        """
        p = self.populations(rho)
        record = self.draw(p[..., 0] / p.sum(-1), dt, uniforms)
        return record, self.update(rho, record, dt)

    def update(self, rho: np.ndarray, record: np.ndarray | float, dt: float) -> np.ndarray:
        """The state M(r) rho M(r) / tr, exact for every ``dt`` >= 0: complex (..., d, d)."""
        rho = self._check(rho)
        up, down = amplitudes(np.asarray(record) * dt / self.tau)
        kraus = up[..., None, None] * self.projectors[0] + down[..., None, None] * self.projectors[1]
        state = kraus @ rho @ kraus
        return state / np.real(np.trace(state, axis1=-2, axis2=-1))[..., None, None]

    def average(self, rho: np.ndarray, dt: float) -> np.ndarray:
        """The state averaged over r: coherences between the eigenspaces times exp(-dt / 2 tau), complex (..., d, d)."""
        rho = self._check(rho)
        flipped = self.observable @ rho @ self.observable
        return 0.5 * (rho + flipped) + 0.5 * np.exp(-0.5 * dt / self.tau) * (rho - flipped)

    def density(self, record: np.ndarray | float, rho: np.ndarray, dt: float) -> np.ndarray:
        """P(r) = tr[M(r) rho M(r)] (per unit of r): record (...), rho (..., d, d) -> (...)."""
        check_positive("dt", dt)
        p, scale = self.populations(rho), np.sqrt(self.tau / dt)
        z = (np.asarray(record)[..., None] - np.array([1.0, -1.0])) / scale
        return (p * np.exp(-0.5 * z * z)).sum(-1) / (np.sqrt(2.0 * np.pi) * scale)

    def information_gain(self, rho: np.ndarray, duration: float, n_nodes: int = 721) -> np.ndarray:
        """I = S(rho) - Int P(r) S(rho_r) dr of a read-out of ``duration`` > 0: (..., d, d) -> (...), nats.

        Trapezoidal rule over 9 standard deviations about each branch; it converges exponentially, 721 nodes reach
        round-off.
        """
        check_positive("duration", duration)
        rho = self._check(rho)
        nodes, step = np.linspace(-9.0, 9.0, n_nodes, retstep=True)
        weights = step * np.exp(-0.5 * nodes * nodes) / np.sqrt(2.0 * np.pi)
        mean = np.zeros(rho.shape[:-2])
        p = self.populations(rho)
        for branch, sign in enumerate((1.0, -1.0)):
            states = self.update(rho[..., None, :, :], sign + np.sqrt(self.tau / duration) * nodes, duration)
            mean += p[..., branch] * (entropy(states) @ weights)
        return entropy(rho) - mean

    def _check(self, rho: np.ndarray) -> np.ndarray:
        rho = np.asarray(rho, dtype=complex)
        if rho.shape[-2:] != (self.dim, self.dim):
            raise ParameterError(f"rho: has shape {rho.shape}, must have shape (..., {self.dim}, {self.dim})")
        return rho


def amplitudes(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """exp(y/2) and exp(-y/2), the larger one scaled to 1: M(r) = up P_+ + down P_- up to a factor; y = r dt/tau."""
    y = np.clip(y, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    return np.exp(np.minimum(y, 0.0)), np.exp(np.minimum(-y, 0.0))


def bloch_update(s: np.ndarray | float, q: np.ndarray | float, y: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Bayesian update of a qubit's Bloch vector; all arguments broadcast.

        s -> (s + t) / (1 + s t),    q -> q / [cosh(y) (1 + s t)],    t = tanh y,  y = r dt / tau

    Args:
        s: the measured component. q: an orthogonal component (any number of them, stacked). y: the record, scaled.

    Returns:
        The new components; written in populations, so that nothing overflows or becomes 0/0 at s = -+1.
    """
    up, down = amplitudes(np.asarray(y, dtype=float))
    plus, minus = 0.5 * (1.0 + np.asarray(s)) * up * up, 0.5 * (1.0 - np.asarray(s)) * down * down
    total = plus + minus
    return (plus - minus) / total, q * (up * down) / total
