"""The bistable interface of the self-cycling cell, in two readings that its voltage and current cannot tell apart. SI.

    landau   a polarisation:   f = a0 (T - Tc) y^2/2 + b y^4/4
    film     the coverage (1 + y/Q)/2 of the electrode by a film that attracts itself (regular solution):
             f = (a0 Q^2/2) [ T ((1 + m) ln(1 + m) + (1 - m) ln(1 - m)) - Tc m^2 ],       m = y/Q

y is a charge (C), f is in J. Both have curvature a0 (T - Tc) at y = 0, so below Tc two wells and a negative capacitance
between them; both are linear in T. In the film a0 Q/2 = k/(gamma e) with the charge number gamma of a site
(electrosorption valency), and no ferroelectric is involved.

Source: derived; the film is the isotherm of A. N. Frumkin (1925).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import brentq

from ..control import FloatArray
from .discrete import Array, half_square, log_of_rest, quarter_fourth

BISTABILITIES = ("landau", "film")


class Well(Protocol):
    """Free energy of the order parameter y, linear in T; ``Tc`` may be moved by stress."""

    @property
    def a0(self) -> float:
        """Slope of the curvature at y = 0 with the temperature, V/(C K)."""
        ...

    @property
    def limit(self) -> float:
        """|y| stays below it, C."""
        ...

    def stored(self, y: FloatArray, Tc: FloatArray | float) -> FloatArray:
        """u(y), J."""
        ...

    def order(self, y: FloatArray) -> FloatArray:
        """s(y), J/K."""
        ...

    def stored_gradient(self, y0: Array, y1: Array, Tc: FloatArray | float) -> Array:
        """Discrete gradient of ``stored``, V."""
        ...

    def order_gradient(self, y0: Array, y1: Array) -> Array:
        """Discrete gradient of ``order``, V/K."""
        ...

    def voltage(self, y: Array, temperature: Array, Tc: float) -> Array:
        """df/dy, V."""
        ...

    def stiffness(self, y: Array, temperature: Array, Tc: float) -> Array:
        """d2f/dy2 = 1/C_F, V/C."""
        ...

    def fold(self, temperature: float, Tc: float) -> float:
        """|y| at which the curvature changes its sign, C; 0 above Tc."""
        ...

    def lowest(self, voltage: float, temperature: float, Tc: float) -> float:
        """The smallest y with df/dy = voltage, C."""
        ...


@dataclass(frozen=True)
class LandauWell:
    """A polarisation.

    Attributes:
        a0: V/(C K). b: V/C^3.
    """

    a0: float
    b: float

    @classmethod
    def fitted(cls, y0: float, depth: float, temperature: float, Tc: float) -> LandauWell:
        """With wells at +-y0 (C) and coercive voltage ``depth`` (V) at a temperature below Tc (K)."""
        a = 1.5 * 3.0**0.5 * depth / y0
        return cls(a / (Tc - temperature), a / y0**2)

    @property
    def limit(self) -> float:
        return np.inf

    def stored(self, y: FloatArray, Tc: FloatArray | float) -> FloatArray:
        return -0.5 * self.a0 * Tc * y * y + 0.25 * self.b * y**4

    def order(self, y: FloatArray) -> FloatArray:
        return -0.5 * self.a0 * y * y

    def stored_gradient(self, y0: Array, y1: Array, Tc: FloatArray | float) -> Array:
        return -self.a0 * Tc * half_square(y0, y1) + self.b * quarter_fourth(y0, y1)

    def order_gradient(self, y0: Array, y1: Array) -> Array:
        return -self.a0 * half_square(y0, y1)

    def voltage(self, y: Array, temperature: Array, Tc: float) -> Array:
        return self.a0 * (temperature - Tc) * y + self.b * y**3

    def stiffness(self, y: Array, temperature: Array, Tc: float) -> Array:
        return self.a0 * (temperature - Tc) + 3.0 * self.b * y**2

    def fold(self, temperature: float, Tc: float) -> float:
        return float(np.sqrt(max(self.a0 * (Tc - temperature) / (3.0 * self.b), 0.0)))

    def lowest(self, voltage: float, temperature: float, Tc: float) -> float:
        a = self.a0 * (temperature - Tc)
        roots = np.roots([self.b, 0.0, a, -voltage])
        # a cubic has a real root; near a fold two more come as a pair with a tiny imaginary part
        return float(np.real(roots[np.abs(np.imag(roots)) <= 1e-9 * np.abs(roots).max()]).min())


@dataclass(frozen=True)
class FilmWell:
    """The coverage of an electrode by a film.

    Attributes:
        a0: V/(C K). Q: charge between the half and the fully covered electrode, C.
    """

    a0: float
    Q: float

    @classmethod
    def fitted(cls, y0: float, depth: float, temperature: float, Tc: float) -> FilmWell:
        """With wells at +-y0 (C) and coercive voltage ``depth`` (V) at a temperature below Tc (K)."""
        ratio = Tc / temperature
        low = np.sqrt(1.0 - 1.0 / ratio)  # the spinodal
        m: float = brentq(lambda m: ratio * m - np.arctanh(m), low, 1.0 - 1e-15, xtol=1e-16)  # type: ignore[assignment]
        charge = y0 / m
        return cls(float(depth / (charge * (Tc * low - temperature * np.arctanh(low)))), float(charge))

    @property
    def limit(self) -> float:
        return self.Q

    def stored(self, y: FloatArray, Tc: FloatArray | float) -> FloatArray:
        return -0.5 * self.a0 * Tc * y * y

    def order(self, y: FloatArray) -> FloatArray:
        m = y / self.Q
        mixed = (1.0 + m) * np.log1p(m) + (1.0 - m) * np.log1p(-m)
        return -0.5 * self.a0 * self.Q**2 * mixed

    def stored_gradient(self, y0: Array, y1: Array, Tc: FloatArray | float) -> Array:
        return -self.a0 * Tc * half_square(y0, y1)

    def order_gradient(self, y0: Array, y1: Array) -> Array:
        return -0.5 * self.a0 * self.Q * (log_of_rest(self.Q, -y0, -y1) - log_of_rest(self.Q, y0, y1))

    def voltage(self, y: Array, temperature: Array, Tc: float) -> Array:
        m = y / self.Q
        return self.a0 * self.Q * (temperature * np.arctanh(m) - Tc * m)

    def stiffness(self, y: Array, temperature: Array, Tc: float) -> Array:
        return self.a0 * (temperature / (1.0 - (y / self.Q) ** 2) - Tc)

    def fold(self, temperature: float, Tc: float) -> float:
        return self.Q * float(np.sqrt(max(1.0 - temperature / Tc, 0.0)))

    def lowest(self, voltage: float, temperature: float, Tc: float) -> float:
        wanted, ratio = voltage / (self.a0 * self.Q * temperature), Tc / temperature

        def missing(u: float) -> float:
            """With m = tanh u, which the ends do not trouble."""
            return u - ratio * np.tanh(u) - wanted

        far = abs(wanted) + ratio + 1.0
        spinodal = float(np.arctanh(self.fold(temperature, Tc) / self.Q))
        # the lower branch, which rises up to its spinodal; beyond that only the upper one is left
        ends = (-far, -spinodal) if missing(-spinodal) >= 0.0 else (spinodal, far)
        u: float = brentq(missing, *ends, xtol=1e-15)  # type: ignore[assignment]
        return self.Q * float(np.tanh(u))

    def saturation(self, voltage: float, temperature: float, Tc: float) -> float:
        """Bound on artanh(|y|/Q) where |df/dy| <= voltage."""
        return abs(voltage) / (self.a0 * self.Q * temperature) + Tc / temperature
