"""Continuous (Gaussian) read-out of one uncoupled qubit for a time tm, then the best feedback: heat of one cycle.

H = (e/2) sz is ignored during the read-out. The mean record r = c + s N(0,1), c = ±1, s^2 = tau/tm, is sufficient; with
y = r tm/tau and z0 = 2p - 1, p the excited population before the read-out, the Bloch vector becomes

    z axis:  z = (z0 + tanh y) / (1 + z0 tanh y),              c = +1 with probability p
    x axis:  z = z0 / cosh y,   x = tanh y,                    c = ±1 with probability 1/2

and the heat of a trajectory, after a rotation to -z and complete thermalisation back to p, is (e/2)(z0 + its length).

Conventions: hbar = k_B = 1; ``ratio`` is tm/tau, with tau the measurement time constant.

Source: Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), model; derived.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.special import expit, ndtr

from ..validation import check_choice, check_positive, check_range

_TAIL = 12.0
"""Standard deviations beyond which the normal density is left out: less than 1e-32 of the weight."""


@dataclass(frozen=True)
class HeatStatistics:
    """Heat per cycle over trajectories.

    Attributes:
        mean: its mean, energy.
        deviation: its standard deviation, energy.
        skewness: its third standardised moment.
    """

    mean: float
    deviation: float
    skewness: float


def _check(population: float, ratio: float) -> None:
    check_range("population", population, math.ulp(0.0), 1.0 - math.ulp(0.5))
    check_positive("ratio", ratio)


def residual_population(population: float, ratio: float) -> float:
    """Mean excited population after a sz read-out and the Bayes flip: the mean of min(posterior, 1 - posterior),

        p Phi((r* - 1)/s) + (1 - p) (1 - Phi((r* + 1)/s)),   r* = (1 / 2 ratio) ln((1-p)/p),   s = ratio^(-1/2).

    Raises:
        ParameterError: if ``population`` is not strictly between 0 and 1 or ``ratio`` = tm/tau not positive.
    """
    _check(population, ratio)
    root = math.sqrt(ratio)
    threshold = (math.log1p(-population) - math.log(population)) / (2.0 * root)  # r*/s
    return float(population * ndtr(threshold - root) + (1.0 - population) * ndtr(-threshold - root))


def _expectation(function: Callable[[float], float], sign: float, ratio: float, kinks: tuple[float, ...]) -> float:
    """Mean of function(y) over the records y = ratio (sign + s N(0,1)); ``kinks`` are values of y."""
    root = math.sqrt(ratio)

    def integrand(u: float) -> float:
        return math.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi) * function(ratio * sign + root * u)

    inside = sorted(u for y in (0.0, *kinks) if abs(u := (y - ratio * sign) / root) < _TAIL)
    ends = [-_TAIL, *inside, _TAIL]
    return math.fsum(
        quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
        for low, high in pairwise(ends)
        if high > low
    )


def gaussian_heat(e: float, population: float, ratio: float, axis: str = "z") -> HeatStatistics:
    """Mean, deviation and skewness over trajectories of the heat per cycle; the mean for z is e (p - residual).

    Args:
        e: gap, energy.
        population: excited population p before the read-out, in (0, 1); e.g. ``excited_population(e, T)``.
        ratio: length of the read-out over its time constant, tm/tau.
        axis: "z" (the feedback is a flip) or "x" (a rotation by the record's angle).

    Raises:
        ParameterError: if a parameter is outside its range.
    """
    check_positive("e", e)
    _check(population, ratio)
    check_choice("axis", axis, ("z", "x"))
    z0 = 2.0 * population - 1.0
    if axis == "z":
        prior = math.log(population) - math.log1p(-population)
        weights = (population, 1.0 - population)
        kinks: tuple[float, ...] = (-0.5 * prior,)

        def length(y: float) -> float:
            return abs(2.0 * float(expit(prior + 2.0 * y)) - 1.0)  # odds p/(1-p) exp(2y) of the excited state

    else:
        weights = (0.5, 0.5)
        kinks = ()

        def length(y: float) -> float:
            return math.hypot(math.tanh(y), z0 * 2.0 * math.exp(-abs(y)) / (1.0 + math.exp(-2.0 * abs(y))))

    def mean(function: Callable[[float], float]) -> float:
        return math.fsum(w * _expectation(function, s, ratio, kinks) for w, s in zip(weights, (1.0, -1.0), strict=True))

    average = mean(length)
    variance = mean(lambda y: (length(y) - average) ** 2)
    third = mean(lambda y: (length(y) - average) ** 3)
    return HeatStatistics(0.5 * e * (z0 + average), 0.5 * e * math.sqrt(variance), third / variance**1.5)


def heat_distribution(
    e: float, population: float, ratio: float, heat: np.ndarray | float, axis: str = "z"
) -> np.ndarray:
    """Probability that the heat of a trajectory is at most ``heat`` (any shape, energy); errors as ``gaussian_heat``.

    The heat is monotonic in the length l of the Bloch vector, and l <= 2 heat/e - z0 is an interval of records y:
    atanh(-l) - atanh(z0) ... atanh(l) - atanh(z0) for z, tanh^2 y <= (l^2 - z0^2) / (1 - z0^2) for x.
    """
    check_positive("e", e)
    _check(population, ratio)
    check_choice("axis", axis, ("z", "x"))
    z0 = 2.0 * population - 1.0
    length = np.clip(2.0 * np.asarray(heat, dtype=float) / e - z0, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        if axis == "z":
            weights, shift, half = (population, 1.0 - population), math.atanh(z0), np.arctanh(length)
        else:
            weights, shift = (0.5, 0.5), 0.0
            half = np.arctanh(np.sqrt(np.clip((length**2 - z0**2) / (1.0 - z0**2), 0.0, 1.0)))
    root = math.sqrt(ratio)
    inside = (
        w * (ndtr((half - shift - sign * ratio) / root) - ndtr((-half - shift - sign * ratio) / root))
        for w, sign in zip(weights, (1.0, -1.0), strict=True)
    )
    return np.asarray(sum(inside))
