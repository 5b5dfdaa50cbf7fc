"""Closed forms of the demon: two coupled qubits, one bath, projective read-out and feedback.

    H = (e1/2) sz1 + (e2/2) sz2 + g sz1 sz2

Conventions: hbar = k_B = 1; energies, temperatures and rates in one unit; heat into the system positive. sz = +1 is the
excited state; the four levels are ordered (ee, eg, ge, gg), so that s1 = (+, +, -, -) and s2 = (+, -, +, -).

A cycle starts in the Gibbs state, measures, feeds back and thermalises completely; the heat that the bath then gives
is Q = <H>_Gibbs - <H>_after feedback.

Source of all formulas: Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), model; derived.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm
from scipy.optimize import root_scalar
from scipy.special import entr, expit, lambertw

from ..baths import MAX_EXPONENT, BosonicBath, bose
from ..validation import ParameterError, check_finite, check_positive, check_range

S1 = np.array([1.0, 1.0, -1.0, -1.0])
S2 = np.array([1.0, -1.0, 1.0, -1.0])
"""Eigenvalues of sz1 and sz2 on the levels (ee, eg, ge, gg)."""

FLIP_1 = np.array([2, 3, 0, 1])
FLIP_2 = np.array([1, 0, 3, 2])
SWAP = np.array([0, 2, 1, 3])
"""The level that each level becomes when qubit 1 or 2 is flipped, or the qubits are swapped."""

FROZEN_GAP = 1.0 + float(lambertw(math.exp(-1.0)).real)
"""Root of x = 1 + exp(-x), 1.27846...: the gap over T from which a two-level system gives the most heat."""


def bohr_frequencies(e1: float, e2: float, g: float) -> np.ndarray:
    """Energies that the flip of qubit 1 takes for s2 = +1, -1, and of qubit 2 for s1 = +1, -1: (4,), any sign.

    Raises:
        ParameterError: if ``e1`` or ``e2`` is not positive, ``g`` not finite, or a frequency e + 2 g s vanishes: the
            rates of a flat bosonic bath diverge there.
    """
    check_positive("e1", e1)
    check_positive("e2", e2)
    check_finite("g", g)
    frequencies = np.array([e1 + 2.0 * g, e1 - 2.0 * g, e2 + 2.0 * g, e2 - 2.0 * g])
    for name, gap, pair in (("e1", e1, frequencies[:2]), ("e2", e2, frequencies[2:])):
        if (np.abs(pair) <= 1e-12 * gap).any():
            raise ParameterError(f"g = {g!r}: must differ from ±{name}/2 = ±{0.5 * gap!r}, where a frequency vanishes")
    return frequencies


def level_energies(e1: float, e2: float, g: float) -> np.ndarray:
    """Energies of (ee, eg, ge, gg), (4,).

    Raises:
        ParameterError: as ``bohr_frequencies``.
    """
    bohr_frequencies(e1, e2, g)
    return 0.5 * e1 * S1 + 0.5 * e2 * S2 + g * S1 * S2


def gibbs_populations(e1: float, e2: float, g: float, T: float) -> np.ndarray:
    """Gibbs probabilities of (ee, eg, ge, gg) at temperature T, (4,).

    Raises:
        ParameterError: as ``bohr_frequencies``, and if ``T`` is not positive.
    """
    energies = level_energies(e1, e2, g)
    check_positive("T", T)
    weights = np.exp(-(energies - energies.min()) / T)
    return weights / weights.sum()


def excited_population(e: float, T: float) -> float:
    """1 / (1 + exp(e/T)) of one qubit of gap ``e``.

    Raises:
        ParameterError: if ``e`` or ``T`` is not positive.
    """
    check_positive("e", e)
    check_positive("T", T)
    return float(expit(-e / T))


def _outcome_fields(e1: float, g: float, populations: np.ndarray) -> np.ndarray:
    """p_a (e1/2 + g <s2>_a) for the outcomes a = +1, -1 of sz1: (2,)."""
    field = populations * (0.5 * e1 + g * S2)
    return np.array([field[:2].sum(), field[2:].sum()])


@dataclass(frozen=True)
class ReadoutEnergies:
    """Energies of one cycle with a Gibbs start; heat + measurement - work = 0.

    Attributes:
        heat: drawn from the bath in the thermalisation.
        measurement: put in by the read-out, E_meas.
        work: extracted by the feedback, W_out.
    """

    heat: float
    measurement: float
    work: float


def one_qubit_readout(e1: float, e2: float, g: float, T: float, axis: str = "z") -> ReadoutEnergies:
    """Projective read-out of qubit 1 along ``axis``, then the best rotation of qubit 1 alone.

        z:  Q1 = (e1/2) <s1> + g <s1 s2> + sum_a |p_a (e1/2 + g <s2>_a)|
        x:  Q1 = (e1/2) <s1> + g <s1 s2> + |e1/2 + g <s2>|,    E_meas = -(e1/2) <s1> - g <s1 s2>

    The axes agree unless e1/2 + g <s2>_a has different signs for the two outcomes, which needs |g| > e1/2; z gives
    more heat there, since only its outcome tells the sign, and x may even lose heat to the bath. ``axis``: "z", "x".

    Raises:
        ParameterError: as ``gibbs_populations``, and for any other ``axis``.
    """
    populations = gibbs_populations(e1, e2, g, T)
    before = float(populations @ (0.5 * e1 * S1 + g * S1 * S2))
    fields = _outcome_fields(e1, g, populations)
    if axis == "z":
        heat = before + float(np.abs(fields).sum())
        return ReadoutEnergies(heat, 0.0, heat)
    if axis == "x":
        heat = before + abs(float(fields.sum()))
        return ReadoutEnergies(heat, -before, heat - before)
    raise ParameterError(f"axis = {axis!r}: must be 'z' or 'x'")


def one_qubit_heat(e1: float, e2: float, g: float, T: float) -> float:
    """Q1: heat per cycle, sz of qubit 1 read out projectively, best rotation of qubit 1; errors as there."""
    return one_qubit_readout(e1, e2, g, T).heat


def two_qubit_heat(e1: float, e2: float, g: float, T: float) -> float:
    """Q2 = <H>_Gibbs - E_ground: heat per cycle, both qubits read out projectively and reset.

    Raises:
        ParameterError: as ``gibbs_populations``.
    """
    energies = level_energies(e1, e2, g)
    return float(gibbs_populations(e1, e2, g, T) @ (energies - energies.min()))


def collective_advantage(e: float, g: float, T: float) -> float:
    """Q2 - 2 Q1 = -4 g p_ee for e1 = e2 = e and |g| < e/2: two-qubit read-out over two parallel one-qubit set-ups.

    Raises:
        ParameterError: as ``gibbs_populations``, and if |g| >= e/2.
    """
    populations = gibbs_populations(e, e, g, T)
    if abs(g) >= 0.5 * e:
        raise ParameterError(f"g = {g!r}: must be in (-e/2, e/2) = ({-0.5 * e!r}, {0.5 * e!r})")
    return -4.0 * g * float(populations[0])


def initial_slope(e: float, T: float) -> float:
    """dQ1/d|g| at g = 0 for e1 = e2 = e and ferromagnetic coupling: t (1 - t) [1 - (e/2T)(1 + t)], t = tanh(e/2T).

    Positive if and only if e/T < ``FROZEN_GAP``.

    Raises:
        ParameterError: if ``e`` or ``T`` is not positive.
    """
    check_positive("e", e)
    check_positive("T", T)
    x = 0.5 * e / T
    t = math.tanh(x)
    return t * 2.0 * float(expit(-2.0 * x)) * (1.0 - x * (1.0 + t))


def frozen_partner_heat(e1: float, g: float, T: float) -> float:
    """Q1 = x / (1 + exp(x/T)), x = e1 - 2 g, with qubit 2 frozen in its ground state (e2 >> T, 2 |g|).

    Largest at x = ``FROZEN_GAP`` T, where it is (``FROZEN_GAP`` - 1) T. If x < 0, the measured qubit has the gap -x.

    Raises:
        ParameterError: if ``e1`` or ``T`` is not positive or ``g`` not finite.
    """
    check_positive("e1", e1)
    check_finite("g", g)
    check_positive("T", T)
    x = abs(e1 - 2.0 * g)
    return x * float(expit(-x / T))


@dataclass(frozen=True)
class WorkStatistics:
    """Work per cycle, resolved by a final energy measurement.

    Attributes:
        mean: its mean, energy.
        deviation: its standard deviation, energy.
    """

    mean: float
    deviation: float

    def parallel(self, copies: int) -> WorkStatistics:
        """The sum of ``copies`` independent set-ups."""
        return WorkStatistics(copies * self.mean, math.sqrt(copies) * self.deviation)


def _work_statistics(populations: np.ndarray, work: np.ndarray) -> WorkStatistics:
    mean = float(populations @ work)
    return WorkStatistics(mean, math.sqrt(float(populations @ (work - mean) ** 2)))


def one_qubit_work(e1: float, e2: float, g: float, T: float) -> WorkStatistics:
    """Work of one set-up whose qubit 1 is read out along z and flipped where that pays on average.

    A trajectory starts in (s1, s2) drawn from the Gibbs state; outcome a = s1 is answered by a flip if
    sum_b p(a,b) [E(a,b) - E(-a,b)] > 0; the work is E before minus E after. The mean is Q1.

    Raises:
        ParameterError: as ``gibbs_populations``.
    """
    energies = level_energies(e1, e2, g)
    populations = gibbs_populations(e1, e2, g, T)
    gain = energies - energies[FLIP_1]
    paid = populations * gain
    pays = np.repeat([paid[:2].sum() > 0.0, paid[2:].sum() > 0.0], 2)
    return _work_statistics(populations, np.where(pays, gain, 0.0))


def two_qubit_work(e1: float, e2: float, g: float, T: float) -> WorkStatistics:
    """Work E(s1,s2) - E_ground of a set-up of which both qubits are read out and reset. The mean is Q2.

    Raises:
        ParameterError: as ``gibbs_populations``.
    """
    energies = level_energies(e1, e2, g)
    return _work_statistics(gibbs_populations(e1, e2, g, T), energies - energies.min())


def flip_generators(
    e1: float, e2: float, g: float, T1: float, T2: float, gamma1: float = 1.0, gamma2: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Generators (dp/dt = W p) of the populations under the baths of qubit 1 and of qubit 2: two (4, 4), 1/time.

    Global GKLS equation of baths that couple through sx1 and sx2 with flat spectral functions ``gamma1``, ``gamma2``:
    qubit 1 flips at e1 + 2 g s2, qubit 2 at e2 + 2 g s1. Their sum is the generator with both baths on.

    Raises:
        ParameterError: as ``bohr_frequencies``; if a temperature or rate is not positive; if a frequency over a
            temperature exceeds ``MAX_EXPONENT``.
    """
    frequencies = bohr_frequencies(e1, e2, g)
    energies = level_energies(e1, e2, g)
    result = []
    for i, T, gamma, flip in ((1, T1, gamma1, FLIP_1), (2, T2, gamma2, FLIP_2)):
        check_positive(f"T{i}", T)
        check_positive(f"gamma{i}", gamma)
        if np.abs(frequencies[2 * i - 2 : 2 * i]).max() / T > MAX_EXPONENT:
            raise ParameterError(f"T{i} = {T!r}: must be at least 1/{MAX_EXPONENT:g} of the frequencies of qubit {i}")
        rates = BosonicBath(1.0 / T, gamma).rate(energies - energies[flip])
        generator = np.zeros((4, 4))
        generator[flip, np.arange(4)] = rates
        result.append(generator - np.diag(rates))
    return result[0], result[1]


def evolve_populations(generator: np.ndarray, populations: np.ndarray, t: float) -> np.ndarray:
    """exp(W t) p: generator (4, 4), populations (4,) -> (4,).

    Raises:
        ParameterError: if ``t`` is negative or not finite.
    """
    check_range("t", t, 0.0, math.inf)
    return expm(generator * t) @ populations


def reset_heat(e1: float, e2: float, g: float, T: float, t: float, gamma: float = 1.0) -> float:
    """Heat <H>(t) - E_ground drawn in the time ``t`` after a projective read-out and reset of both qubits.

    Both qubits touch the bath through their sx, with flat rate ``gamma``. Tends to Q2 for long times.

    Raises:
        ParameterError: as ``flip_generators`` and ``evolve_populations``.
    """
    w1, w2 = flip_generators(e1, e2, g, T, T, gamma, gamma)
    energies = level_energies(e1, e2, g)
    ground = (energies == energies.min()).astype(float)
    return float(evolve_populations(w1 + w2, ground / ground.sum(), t) @ (energies - energies.min()))


@dataclass(frozen=True)
class DeadTimeCycle:
    """One qubit, reset to its ground state, in contact with the bath for ``tau``, then idle for the dead time ``t0``.

    Power e p(tau) / (tau + t0), p(tau) = p_eq (1 - exp(-G tau)), G = gamma (2 n + 1).

    Attributes:
        e: gap, energy.
        T: temperature of the bath.
        gamma: flat coupling rate, 1/time.
        t0: dead time of every cycle, > 0.

    Raises:
        ParameterError: if one of them is not positive.
    """

    e: float = 1.0
    T: float = 1.0
    gamma: float = 1.0
    t0: float = 0.5

    def __post_init__(self) -> None:
        for name in ("e", "T", "gamma", "t0"):
            check_positive(name, getattr(self, name))

    @property
    def relaxation_rate(self) -> float:
        """G = gamma (2 n + 1) = gamma coth(e/2T), 1/time."""
        with np.errstate(over="ignore"):
            return float(self.gamma * (2.0 * bose(self.e / self.T) + 1.0))

    def population(self, tau: float) -> float:
        """Excited population at the read-out."""
        check_range("tau", tau, 0.0, math.inf)
        return -excited_population(self.e, self.T) * math.expm1(-self.relaxation_rate * tau)

    def power(self, tau: float) -> float:
        """Extracted power, energy/time."""
        return self.e * self.population(tau) / (tau + self.t0)

    @property
    def optimal_time(self) -> float:
        """Thermalisation time of maximum power: x = G tau* solves exp(x) = 1 + x + G t0."""
        rate = self.relaxation_rate
        dead = rate * self.t0
        found = root_scalar(
            lambda y: math.expm1(y) - y - dead,
            bracket=(0.0, math.log1p(dead) + 1.0),
            xtol=1e-300,
            rtol=4.0 * float(np.finfo(float).eps),
        )
        return float(found.root) / rate

    @property
    def best_power(self) -> float:
        """P* = P(tau*), energy/time."""
        return self.power(self.optimal_time)

    def net_gain(self, tau: float) -> float:
        """e p - T h(p) per cycle: work minus the least cost of erasing the record, h the Shannon entropy; <= 0."""
        p = self.population(tau)
        return self.e * p - self.T * float(entr(p) + entr(1.0 - p))
