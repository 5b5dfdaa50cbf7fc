"""Fluctuations of the heats, the work and the power of a cycle, by full counting statistics (``counting.py``).

All long-time variances of sums of heats are quadratic forms var(sum_b w_b Q_b) / t = w D w of one matrix D, computed on
the exact limit cycle: the covariance of the counter with the state obeys an affine one-period map, as the state itself.
Work needs no counter of its own: the internal energy stays bounded, so extracted work and total heat have the same
long-time cumulants.

Uncertainty relations, for a current J (here the power P) with variance rate Delta_J and entropy production rate Sigma:

    steady state     Delta_J Sigma / (2 J^2) >= 1                                            [1]
        for classical Markov jump processes with constant rates; a steady-state engine then has
        P eta/(eta_C - eta) T_C/Delta_P <= 1/2 [2], which is the same statement: the left side is 1/(2 x) of x above.
        **No bound for a driven machine**: it says how a cycle compares with steady-state machines.
    any driving      Delta_J Sigma / (2 (J - Omega dJ/dOmega)^2) >= 1                        [3]
        the shape of the drive kept fixed while its frequency Omega changes;
    symmetric drive  (exp(Sigma tau) - 1) Delta_J / (2 J^2 tau) >= 1, tau the period          [4]
        for controls that are their own time reverse, up to a shift.
    [3] and [4] are bounds for populations that obey a rate equation (two-level engine). They are not proven for
    machines with coherence, and [3] fails there: random cycles of the qubit refrigerator reach 0.004.

Sources: [1] A. C. Barato, U. Seifert, Phys. Rev. Lett. 114, 158101 (2015); [2] P. Pietzonka, U. Seifert, Phys. Rev.
Lett. 120, 190602 (2018), compared with driven engines by P. A. Erdman et al., Phys. Rev. Research 5, L022017 (2023);
[3] T. Koyuk, U. Seifert, Phys. Rev. Lett. 122, 230601 (2019); [4] K. Proesmans, C. Van den Broeck, EPL 119, 20001
(2017).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from ..control import Control, FloatArray
from ..validation import check_integer
from .cycle import Cycle, LimitCycle, affine_steps, by_duration

ZERO_CURRENT = 1e-9
"""Ratios to a current smaller than this (relative to energy_scale / period) are 0/0 and left undefined."""

STRETCH = 1e-3
"""Relative change of the period in the derivative dJ/dOmega (fourth-order differences, error about 1e-11)."""

N_CIRCLE = 16
"""Points on the circle of counting fields around zero that cumulants are computed from."""


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Long-time means and variances of a limit cycle; NaN where undefined (no power, no method).

    Attributes:
        power: P, extracted work or cooling power per time.
        power_variance_rate: Delta_P = lim var/t of the output, energy^2 per time.
        work_variance_rate: of the work.
        heat_covariance: D, lim cov(Q_a, Q_b)/t, shape (B, B).
        entropy_production_rate: Sigma, nats per time.
        period: time.
        classical: whether the state is a population that obeys a rate equation, so that there is no coherence.
        stretched_power: P - Omega dP/dOmega; NaN unless ``classical``.
        time_symmetric: whether the drive is its own time reverse, up to a shift.
        third_cumulant_rate: of the output, energy^3 per time; NaN for a machine of infinite dimension.
    """

    power: float
    power_variance_rate: float
    work_variance_rate: float
    heat_covariance: FloatArray
    entropy_production_rate: float
    period: float
    classical: bool
    stretched_power: float
    time_symmetric: bool
    third_cumulant_rate: float

    @property
    def fano_factor(self) -> float:
        """Delta_P / P (energy)."""
        return self.power_variance_rate / self.power if self.power else math.nan

    @property
    def relative_fluctuation(self) -> float:
        """sqrt(Delta_P) / |P| (square root of time); over a time t the output is known to this over sqrt(t)."""
        return math.sqrt(self.power_variance_rate) / abs(self.power) if self.power else math.nan

    @property
    def tur_ratio(self) -> float:
        """Delta_P Sigma / (2 P^2); at least 1 in classical steady states, no bound for driven machines."""
        return self._ratio(self.entropy_production_rate, self.power)

    @property
    def driven_tur_ratio(self) -> float:
        """Delta_P Sigma / (2 (P - Omega dP/dOmega)^2); at least 1; NaN unless ``classical``."""
        return self._ratio(self.entropy_production_rate, self.stretched_power)

    @property
    def symmetric_tur_ratio(self) -> float:
        """(exp(Sigma tau) - 1) Delta_P / (2 P^2 tau); at least 1; NaN unless ``classical`` and ``time_symmetric``."""
        sigma = self.entropy_production_rate * self.period
        if not (self.classical and self.time_symmetric) or sigma > 700.0:
            return math.nan
        return self._ratio(math.expm1(sigma) / self.period, self.power)

    @property
    def trade_off(self) -> float:
        """P eta/(eta_C - eta) T_C/Delta_P = P^2/(Sigma Delta_P), at most 1/2 for steady-state engines."""
        return 0.5 / self.tur_ratio if self.tur_ratio else math.nan

    def _ratio(self, dissipation: float, current: float) -> float:
        return 0.5 * self.power_variance_rate * dissipation / current**2 if current else math.nan

    def summary(self) -> dict[str, float]:
        """The figures as plain numbers."""
        return {
            "power_variance_rate": self.power_variance_rate,
            "work_variance_rate": self.work_variance_rate,
            "third_cumulant_rate": self.third_cumulant_rate,
            "fano_factor": self.fano_factor,
            "relative_fluctuation": self.relative_fluctuation,
            "tur_ratio": self.tur_ratio,
            "driven_tur_ratio": self.driven_tur_ratio,
            "symmetric_tur_ratio": self.symmetric_tur_ratio,
        }

    def sentence(self, power: str = "power") -> str:
        """What ``tur_ratio`` means, in plain words; ``power`` is what P is called."""
        x = self.tur_ratio
        if not math.isfinite(x):
            return f"There is no {power} whose fluctuation could be compared."
        steady = "any classical steady-state machine of the same mean and dissipation"
        if x >= 1.0:
            return f"The variance of the {power} is {x:.4g} times the least that is possible for {steady}."
        return f"The variance of the {power} is {x:.4g} of what is possible for {steady}: the drive makes it steadier."


def fluctuations(limit: LimitCycle) -> Fluctuations:
    """Fluctuations of a limit cycle.

    Raises:
        NotImplementedError: if the machine has no counting statistics.
    """
    cycle, machine = limit.cycle, limit.cycle.machine
    matrix = heat_covariance(limit)
    weights = machine.power_weights
    power = limit.power
    if abs(power) * limit.period <= ZERO_CURRENT * machine.energy_scale:
        power = 0.0
    classical = machine.n_dynamic == 1  # a single variable leaves no room for coherence
    try:
        third = float(cumulant_rates(cycle, weights, 3)[2])
    except NotImplementedError:
        third = math.nan
    return Fluctuations(
        power=power,
        # a sum that vanishes exactly may leave a negative round-off
        power_variance_rate=max(0.0, float(weights @ matrix @ weights)),
        work_variance_rate=max(0.0, float(matrix.sum())),
        heat_covariance=matrix,
        entropy_production_rate=limit.entropy_production_rate,
        period=limit.period,
        classical=classical,
        stretched_power=_stretched_power(limit) if power and classical else math.nan,
        time_symmetric=is_time_symmetric(cycle),
        third_cumulant_rate=third,
    )


def work_variance_rate(limit: LimitCycle) -> float:
    """lim var(W) / t of the work (energy^2 per time) along the limit cycle."""
    return float(heat_covariance(limit).sum())


def heat_covariance(limit: LimitCycle) -> FloatArray:
    """D_ab = lim cov(Q_a, Q_b) / t of the heats from the baths, shape (B, B), energy^2 per time.

    Raises:
        NotImplementedError: if the machine has no counting statistics.
    """
    cycle, machine = limit.cycle, limit.cycle.machine
    n_baths, nx = len(machine.betas), machine.n_dynamic
    step = affine_steps(machine.affine, cycle.values, cycle.choice, cycle.durations)
    # variances of all single heats and of all sums of two give the covariances
    pairs = list(itertools.combinations_with_replacement(range(n_baths), 2))
    weights = np.array([np.eye(n_baths)[a] + (a != b) * np.eye(n_baths)[b] for a, b in pairs])
    source, variance = np.empty((len(cycle), nx, len(pairs))), np.zeros(len(pairs))
    for dt, k in by_duration(cycle.durations):
        control = Control(cycle.values[k], cycle.choice[k])
        for j, w in enumerate(weights):
            fresh = machine.count(limit.states[k, :nx], limit.states[k + 1, :nx], control, dt, w)
            source[k, :, j] = fresh.covariance
            variance[j] += fresh.variance.sum()
    # the covariance with the state in its own limit cycle
    matrix, offset = np.eye(nx), np.zeros((nx, len(pairs)))
    for m, s in zip(step.matrix, source, strict=True):
        matrix, offset = m @ matrix, m @ offset + s
    covariance = np.linalg.solve(np.eye(nx) - matrix, offset)
    rows = np.einsum("jb,kbi->kij", weights, step.heat_matrix)
    for m, s, row in zip(step.matrix, source, rows, strict=True):
        variance += 2.0 * (row * covariance).sum(0)
        covariance = m @ covariance + s
    of = dict(zip(pairs, variance / limit.period, strict=True))
    out = np.diag([of[a, a] for a in range(n_baths)])
    for a, b in itertools.combinations(range(n_baths), 2):
        out[a, b] = out[b, a] = 0.5 * (of[a, b] - of[a, a] - of[b, b])
    return out


def generating_function(cycle: Cycle, field: np.ndarray) -> complex:
    """Scaled cumulant generating function lim ln <exp(sum_b field_b Q_b)> / t, from the tilted one-period map.

    The fluctuation theorem is a symmetry: with beta - ``field`` in place of ``field`` it is that of the reversed cycle.

    Args:
        cycle: the controls.
        field: counting fields, real or complex, shape (B,) (1/energy).

    Raises:
        NotImplementedError: for a machine whose tilted propagator has no finite dimension.
    """
    field = np.asarray(field)
    parts = {}
    for dt, k in by_duration(cycle.durations):
        made = cycle.machine.tilted(Control(cycle.values[k], cycle.choice[k]), dt, field)
        parts.update(zip(k.tolist(), made, strict=True))
    product, scale = np.eye(cycle.machine.n_dynamic + 1), 0.0
    for k in range(len(cycle)):
        product = parts[k] @ product
        size = np.abs(product).max()  # kept of order one: long cycles neither overflow nor underflow
        product, scale = product / size, scale + np.log(size)
    eigenvalues = np.linalg.eigvals(product)
    largest = complex(eigenvalues[np.argmax(np.abs(eigenvalues))])
    return (np.log(largest) + scale) / cycle.period


def cumulant_rates(cycle: Cycle, weights: FloatArray, order: int = 3) -> FloatArray:
    """The first ``order`` long-time cumulants per time of sum_b w_b Q_b: mean, variance, third cumulant ...

    Derivatives of ``generating_function`` from its values on a circle around zero (Cauchy's formula), which has no
    cancellation of small differences.

    Raises:
        ParameterError: if ``order`` is not in 1, 2, ...
        NotImplementedError: for a machine whose tilted propagator has no finite dimension.
    """
    check_integer("order", order, 1)
    radius = 0.2 / cycle.machine.energy_scale
    # the function is real on the real axis, so the upper half of the circle is enough
    points = radius * np.exp(2j * np.pi * np.arange(N_CIRCLE // 2 + 1) / N_CIRCLE)
    values = np.array([generating_function(cycle, chi * np.asarray(weights)) for chi in points])
    taylor = np.fft.hfft(values, N_CIRCLE)[1 : order + 1] / N_CIRCLE
    n = np.arange(1, order + 1)
    return taylor * np.array([math.factorial(k) for k in n]) / radius**n


def is_time_symmetric(cycle: Cycle) -> bool:
    """Whether the cycle, run backwards, is the same cycle up to a shift in time."""
    back = cycle.reverse()
    return any(
        np.array_equal(np.roll(back.choice, k), cycle.choice)
        and np.array_equal(np.roll(back.values, k, axis=0), cycle.values)
        and np.array_equal(np.roll(back.durations, k), cycle.durations)
        for k in range(len(cycle))
    )


def _stretched_power(limit: LimitCycle) -> float:
    """P - Omega dP/dOmega = P + dP/d ln(period) = d(P period)/d(period), all durations stretched alike."""
    cycle = limit.cycle

    def power(stretch: float) -> float:
        return replace(cycle, durations=(1.0 + stretch) * cycle.durations).limit_cycle().power

    slope = 8.0 * (power(STRETCH) - power(-STRETCH)) - (power(2 * STRETCH) - power(-2 * STRETCH))
    return limit.power + slope / (12.0 * STRETCH)
