"""The Landau polynomial of a ferroelectric and what follows from it in closed form. SI, per unit volume.

    f(P, T) = a P^2/2 + b P^4/4 + c P^6/6 + d P^8/8,        a = a0 (T - T0),        E = df/dP

Papers that write alpha1 P^2 + alpha11 P^4 + alpha111 P^6 + alpha1111 P^8 convert as a = 2 alpha1, b = 4 alpha11,
c = 6 alpha111, d = 8 alpha1111.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..control import FloatArray
from ..validation import ParameterError, check_finite, check_positive
from .discrete import Array, eighth_eighth, half_square, quarter_fourth, sixth_sixth


@dataclass(frozen=True)
class Landau:
    """Coefficients of the Landau polynomial.

    Attributes:
        a0: V m/(C K), > 0.
        T0: Curie-Weiss temperature, K, > 0.
        b: V m^5/C^3. c: V m^9/C^5. d: V m^13/C^7. The last one that is not zero must be positive (stability).

    Raises:
        ParameterError: for anything else.
    """

    a0: float
    T0: float
    b: float
    c: float = 0.0
    d: float = 0.0

    def __post_init__(self) -> None:
        check_positive("a0", self.a0)
        check_positive("T0", self.T0)
        for name in ("b", "c", "d"):
            check_finite(name, getattr(self, name))
        last = next((v for v in (self.d, self.c, self.b) if v != 0.0), 0.0)
        if last <= 0.0:
            raise ParameterError(
                f"b, c, d = {self.b:g}, {self.c:g}, {self.d:g}: the last one that is not zero must be > 0"
            )

    def stored(self, p: Array) -> Array:
        """u(P) = -a0 T0 P^2/2 + b P^4/4 + ..., J/m3."""
        q = p * p
        return q * (-0.5 * self.a0 * self.T0 + q * (0.25 * self.b + q * (self.c / 6.0 + q * (0.125 * self.d))))

    def order(self, p: Array) -> Array:
        """s(P) = -a0 P^2/2, J/(m3 K)."""
        return -0.5 * self.a0 * p * p

    def stored_gradient(self, p0: Array, p1: Array) -> Array:
        """Discrete gradient of ``stored``, V/m."""
        found = -self.a0 * self.T0 * half_square(p0, p1) + self.b * quarter_fourth(p0, p1)
        if self.c:
            found = found + self.c * sixth_sixth(p0, p1)
        return found + self.d * eighth_eighth(p0, p1) if self.d else found

    def order_gradient(self, p0: Array, p1: Array) -> Array:
        """Discrete gradient of ``order``, V/(m K)."""
        return -self.a0 * half_square(p0, p1)

    def field(self, p: Array, temperature: Array) -> Array:
        """E = df/dP, V/m."""
        q = p * p
        return p * (self.a0 * (temperature - self.T0) + q * (self.b + q * (self.c + q * self.d)))

    def stiffness(self, p: Array, temperature: Array) -> Array:
        """d2f/dP2, V m/C: negative between the spinodals."""
        q = p * p
        return self.a0 * (temperature - self.T0) + q * (3.0 * self.b + q * (5.0 * self.c + q * (7.0 * self.d)))

    def free_energy(self, p: Array, temperature: Array) -> Array:
        """f(P, T), J/m3."""
        return self.stored(p) - temperature * self.order(p)

    def equilibrium(self, field: FloatArray, temperature: FloatArray) -> FloatArray:
        """P_eq(E, T), C/m2: the global minimiser of f - E P; arguments broadcast.

        For E = 0 below the transition, where +P and -P are equally good: the positive one.
        """
        e, t = np.broadcast_arrays(np.asarray(field, dtype=float), np.asarray(temperature, dtype=float))
        found = np.array([self._equilibrium(float(a), float(b)) for a, b in zip(e.ravel(), t.ravel(), strict=True)])
        return found.reshape(e.shape)

    def _equilibrium(self, field: float, temperature: float) -> float:
        sign = -1.0 if field < 0.0 else 1.0
        a = self.a0 * (temperature - self.T0)
        roots = np.roots([self.d, 0.0, self.c, 0.0, self.b, 0.0, a, -abs(field)])
        real = np.real(roots[np.abs(np.imag(roots)) <= 1e-7 * (1e-3 + np.abs(roots))])
        # the minimum lies on the side of the field
        candidates = np.concatenate([real[real >= 0.0], [0.0]])
        for _ in range(4):  # polish
            slope = self.stiffness(candidates, temperature)
            step = (self.field(candidates, temperature) - abs(field)) / np.where(slope == 0.0, np.inf, slope)
            candidates = np.maximum(candidates - step, 0.0)
        energies = self.free_energy(candidates, temperature) - abs(field) * candidates
        return sign * float(candidates[int(np.argmin(energies))])

    def spinodals(self, temperature: float) -> FloatArray:
        """Positive polarisations where d2f/dP2 = 0, ascending, C/m2."""
        a = self.a0 * (temperature - self.T0)
        roots = np.roots([7.0 * self.d, 5.0 * self.c, 3.0 * self.b, a])
        real = np.real(roots[np.abs(np.imag(roots)) <= 1e-9 * np.abs(roots)])
        return np.sort(np.sqrt(real[real > 0.0]))
