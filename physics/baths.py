"""Heat baths: transition rates that obey detailed balance (KMS).

Conventions
-----------
hbar = k_B = 1. A bath at inverse temperature ``beta`` induces transitions of Bohr frequency ``omega``:

* ``emission(omega)``: rate at which the system *loses* the energy ``omega`` to the bath, gamma(+omega);
* ``absorption(omega)``: rate at which the system *gains* ``omega`` from it, gamma(-omega);

both for ``omega > 0`` and related by KMS, gamma(-omega) = exp(-beta omega) gamma(omega).

All rates are analytic in ``omega`` and accept complex arrays, so that machines can differentiate exactly by the
complex step (see ``machine.py``). Frequencies must satisfy beta * omega < 700 (the range of ``exp``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from .validation import check_positive

MAX_EXPONENT = 700.0
"""Largest allowed beta * omega: exp(709) is the largest float64."""


def fermi(x: np.ndarray | float) -> np.ndarray:
    """Fermi function f(x) = 1 / (1 + e^x); full relative precision for all x, shape as ``x``."""
    return 1.0 / (1.0 + np.exp(x))


def bose(x: np.ndarray | float) -> np.ndarray:
    """Bose occupation n(x) = 1 / (e^x - 1), shape as ``x``; diverges at x = 0."""
    return 1.0 / np.expm1(x)


@dataclass(frozen=True)
class Bath(ABC):
    """A thermal bath at inverse temperature ``beta`` with coupling strength ``gamma``.

    A kind of bath is defined by its rate formula, static so that one call can serve systems that touch
    different baths of the same kind (arrays ``beta`` and ``gamma``).

    Attributes:
        beta: inverse temperature (1/energy), positive and finite.
        gamma: coupling strength (rate, or dimensionless for an ohmic bath), positive and finite.

    Raises:
        ParameterError: if ``beta`` or ``gamma`` is not positive and finite.
    """

    beta: float
    gamma: float = 1.0

    def __post_init__(self) -> None:
        check_positive("beta", self.beta)
        check_positive("gamma", self.gamma)

    @staticmethod
    @abstractmethod
    def rates(omega: Any, beta: Any, gamma: Any) -> tuple[np.ndarray, np.ndarray]:
        """gamma(+omega) and gamma(-omega) for omega > 0; arguments broadcast, ``omega`` may be complex."""

    @abstractmethod
    def zero_frequency(self) -> float:
        """gamma(0): rate of pure dephasing (rate units)."""

    @property
    def temperature(self) -> float:
        """T = 1 / beta (energy units)."""
        return 1.0 / self.beta

    def both(self, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """gamma(+omega) and gamma(-omega) for omega > 0 (rate units), shapes as ``omega``."""
        return self.rates(omega, self.beta, self.gamma)

    def emission(self, omega: np.ndarray) -> np.ndarray:
        """gamma(+omega) for omega > 0 (rate units), shape as ``omega``."""
        return self.both(omega)[0]

    def absorption(self, omega: np.ndarray) -> np.ndarray:
        """gamma(-omega) for omega > 0 (rate units), shape as ``omega``."""
        return self.both(omega)[1]

    def rate(self, omega: np.ndarray | float) -> np.ndarray:
        """gamma(omega) for real ``omega`` of any sign; positive omega is emission into the bath."""
        omega = np.asarray(omega, dtype=float)
        size = np.where(omega == 0.0, 1.0, np.abs(omega))
        nonzero = np.where(omega > 0.0, self.emission(size), self.absorption(size))
        return np.where(omega == 0.0, self.zero_frequency(), nonzero)


@dataclass(frozen=True)
class FermionicBath(Bath):
    """Bath of free fermions in the wide-band limit: gamma(-omega) = Gamma f(beta omega).

    The total rate of a two-level system, gamma(omega) + gamma(-omega) = Gamma, does not depend on the gap.

    Source: P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022).
    """

    @staticmethod
    def rates(omega: Any, beta: Any, gamma: Any) -> tuple[np.ndarray, np.ndarray]:
        boltzmann = np.exp(beta * omega)
        absorption = gamma / (1.0 + boltzmann)
        return absorption * boltzmann, absorption

    def zero_frequency(self) -> float:
        return 0.5 * self.gamma


@dataclass(frozen=True)
class BosonicBath(Bath):
    """Bosonic bath with flat spectral density J(omega) = gamma: rates gamma (n + 1) and gamma n.

    The zero-frequency rate is 0 by convention (it is infinite for a truly flat density).
    """

    @staticmethod
    def rates(omega: Any, beta: Any, gamma: Any) -> tuple[np.ndarray, np.ndarray]:
        n = bose(beta * omega)
        return gamma * (n + 1.0), gamma * n

    def zero_frequency(self) -> float:
        return 0.0


@dataclass(frozen=True)
class OhmicBath(Bath):
    """Bosonic bath with ohmic spectral density J(omega) = gamma omega (``gamma`` dimensionless).

    The zero-frequency rate is the limit gamma T.
    """

    @staticmethod
    def rates(omega: Any, beta: Any, gamma: Any) -> tuple[np.ndarray, np.ndarray]:
        return BosonicBath.rates(omega, beta, gamma * omega)

    def zero_frequency(self) -> float:
        return self.gamma / self.beta


@dataclass(frozen=True)
class ResonatorBath(Bath):
    """Ohmic resistor seen through a resonant circuit (Lorentzian filter),

        J(omega) = (gamma/2) omega / [1 + Q^2 (omega/omega_0 - omega_0/omega)^2].

    ``rates`` are those of the bare resistor. The zero-frequency rate vanishes: the circuit lets no such noise pass.

    Attributes:
        quality: quality factor Q of the circuit, positive.
        resonance: its resonance frequency omega_0 (energy), positive.

    Source: B. Karimi, J. P. Pekola, Phys. Rev. B 94, 184503 (2016).
    """

    quality: float = 1.0
    resonance: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("quality", self.quality)
        check_positive("resonance", self.resonance)

    @staticmethod
    def rates(omega: Any, beta: Any, gamma: Any) -> tuple[np.ndarray, np.ndarray]:
        return OhmicBath.rates(omega, beta, 0.5 * gamma)

    def both(self, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        detuning = self.quality * (omega / self.resonance - self.resonance / omega)
        down, up = self.rates(omega, self.beta, self.gamma)
        passed = 1.0 / (1.0 + detuning * detuning)
        return passed * down, passed * up

    def zero_frequency(self) -> float:
        return 0.0


BATH_KINDS: dict[str, type[Bath]] = {"fermionic": FermionicBath, "bosonic": BosonicBath, "ohmic": OhmicBath}
"""Kinds of baths by the name used in parameters and on the command line."""
