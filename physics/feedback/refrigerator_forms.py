"""Refrigerator of two coupled qubits between baths T1 < T2: closed forms at g = 0, stroboscopic cycles at any g.

Conventions as in ``closed_forms.py``; heat taken from a bath and work done by the operations are positive.

Source: Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), model; derived.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm
from scipy.special import entr

from ..validation import ParameterError, check_choice, check_positive, check_range
from .closed_forms import FLIP_1, S1, S2, SWAP, excited_population, flip_generators, level_energies
from .gaussian_readout import residual_population


@dataclass(frozen=True)
class UncoupledRefrigerator:
    """Two uncoupled qubits, complete thermalisation between the operations.

    ``*_heat`` is the heat drawn from the cold bath per cycle, energy.

    Attributes:
        e1: gap of the qubit at the cold bath.
        e2: gap of the qubit at the hot bath.
        T1: temperature of the cold bath.
        T2: temperature of the hot bath.

    Raises:
        ParameterError: if one of them is not positive.
    """

    e1: float = 1.0
    e2: float = 2.5
    T1: float = 0.5
    T2: float = 1.0

    def __post_init__(self) -> None:
        for name in ("e1", "e2", "T1", "T2"):
            check_positive(name, getattr(self, name))

    @property
    def p1(self) -> float:
        """Excited population of qubit 1 in equilibrium."""
        return excited_population(self.e1, self.T1)

    @property
    def p2(self) -> float:
        """Excited population of qubit 2 in equilibrium."""
        return excited_population(self.e2, self.T2)

    @property
    def swap_heat(self) -> float:
        """SWAP: e1 (p1 - p2), positive if and only if e1/T1 < e2/T2."""
        return self.e1 * (self.p1 - self.p2)

    @property
    def swap_work(self) -> float:
        """Work that the SWAP takes, (e2 - e1)(p1 - p2)."""
        return (self.e2 - self.e1) * (self.p1 - self.p2)

    @property
    def swap_cop(self) -> float:
        """Coefficient of performance of the SWAP, e1 / (e2 - e1).

        Raises:
            ParameterError: if e1 = e2: the SWAP then takes no work.
        """
        if self.e1 == self.e2:
            raise ParameterError(f"e2 = {self.e2!r}: must differ from e1, else the SWAP takes no work")
        return self.e1 / (self.e2 - self.e1)

    @property
    def conditional_swap_heat(self) -> float:
        """Both qubits read out projectively, swapped only from eg: e1 p1 (1 - p2)."""
        return self.e1 * self.p1 * (1.0 - self.p2)

    def binary_heat(self, strength: float, swap: bool = False) -> float:
        """Read-out of sz1 with strength k and Bayes flip, after a SWAP or not: e1 (p1 - min(p, 1 - k)), p = p2 or p1.

        Raises:
            ParameterError: if ``strength`` is not in [1/2, 1].
        """
        check_range("strength", strength, 0.5, 1.0)
        return self.e1 * (self.p1 - min(self.p2 if swap else self.p1, 1.0 - strength))

    def gaussian_heat(self, ratio: float, swap: bool = False) -> float:
        """Gaussian read-out of sz1 for tm = ``ratio`` tau and Bayes flip, after a SWAP or not: e1 (p1 - p_res(p)).

        Raises:
            ParameterError: if ``ratio`` is not positive.
        """
        return self.e1 * (self.p1 - residual_population(self.p2 if swap else self.p1, ratio))


PROTOCOLS = ("none", "swap", "measure", "swap+measure", "conditional swap")
"""Operations at the end of the contact with the baths; see ``refrigerator_cycle``."""


@dataclass(frozen=True)
class RefrigeratorCycle:
    """Stroboscopic steady state of one cycle.

    Attributes:
        populations: of (ee, eg, ge, gg) before the operation, (4,).
        cold_heat: heat from bath 1 per cycle, Qc, energy.
        hot_heat: heat from bath 2 per cycle, Qh.
        operation_work: <H> after the operation minus <H> before it, averaged over the outcomes.
        information: I_QC of the read-out, nats; 0 without one.
        entropy_production: -Qc/T1 - Qh/T2 + I_QC >= 0, nats.
        contact: time of the contact with the baths, tau_c.
    """

    populations: np.ndarray
    cold_heat: float
    hot_heat: float
    operation_work: float
    information: float
    entropy_production: float
    contact: float


@dataclass(frozen=True)
class _Operation:
    """A permutation of the levels, a read-out, and a second permutation after those outcomes where it pays.

    ``likelihoods`` (outcomes, 4): probability of each outcome from each level. ``gain`` (4,): what the second
    permutation changes in the quantity that it must lower.
    """

    first: np.ndarray
    likelihoods: np.ndarray
    second: np.ndarray
    gain: np.ndarray

    def decisions(self, populations: np.ndarray, margin: float = 0.0) -> tuple[bool, ...]:
        """For every outcome whether the second permutation lowers its quantity by more than ``margin``."""
        moved = self.move(self.first, populations)
        return tuple(bool(d) for d in self.likelihoods @ (self.gain * moved) < -margin)

    @staticmethod
    def move(permutation: np.ndarray, populations: np.ndarray) -> np.ndarray:
        result = np.empty_like(populations)
        result[permutation] = populations
        return result

    def matrix(self, decisions: tuple[bool, ...]) -> np.ndarray:
        """Map of the outcome-averaged populations, (4, 4)."""
        first, second = self.move(self.first, np.eye(4)), self.move(self.second, np.eye(4))
        after = sum(
            ((second if act else np.eye(4)) * row for act, row in zip(decisions, self.likelihoods, strict=True)),
            np.zeros((4, 4)),
        )
        return after @ first

    def information(self, populations: np.ndarray) -> float:
        """I_QC; for commuting read-outs the mutual information of level and outcome."""
        joint = self.likelihoods * self.move(self.first, populations)
        value = entr(populations).sum() + entr(joint.sum(1)).sum() - entr(joint).sum()
        return max(float(value), 0.0)


def _operation(protocol: str, strength: float, energies: np.ndarray) -> _Operation:
    stay = np.arange(4)
    blind = _Operation(SWAP if protocol.startswith("swap") else stay, np.ones((1, 4)), stay, np.zeros(4))
    if "measure" in protocol:
        up = np.where(S1 > 0.0, strength, 1.0 - strength)
        return _Operation(blind.first, np.array([up, 1.0 - up]), FLIP_1, energies[FLIP_1] - energies)
    if protocol == "conditional swap":
        up1, up2 = (np.where(s > 0.0, strength, 1.0 - strength) for s in (S1, S2))
        outcomes = [a * b for a in (up1, 1.0 - up1) for b in (up2, 1.0 - up2)]
        return _Operation(stay, np.array(outcomes), SWAP, S1[SWAP] - S1)
    return blind


_SETTLED, _CYCLES = 100, 5000
"""Cycles with the same decisions after which they count as final, and cycles after which the search ends."""


def _fixed_point(cycle: np.ndarray) -> np.ndarray:
    """The distribution that the stochastic matrix ``cycle`` keeps: (4, 4) -> (4,)."""
    system = np.vstack([cycle - np.eye(4), np.ones(4)])
    found = np.linalg.lstsq(system, np.array([0.0, 0.0, 0.0, 0.0, 1.0]), rcond=None)[0]
    return np.maximum(found, 0.0)


def _steady_state(relaxation: np.ndarray, operation: _Operation) -> tuple[np.ndarray, np.ndarray]:
    """Populations before the operation and the map of the operation that iterating the cycle leads to.

    The decisions make the cycle piecewise linear. It starts in the steady state without an operation; once the
    decisions stay, the fixed point of their linear map is the end, if it justifies them.
    """
    populations = _fixed_point(relaxation)
    last: tuple[bool, ...] | None = None
    matrix = np.eye(4)
    same = 0
    for _ in range(_CYCLES):
        decisions = operation.decisions(populations)
        if decisions == last:
            same += 1
        else:
            last, matrix, same = decisions, operation.matrix(decisions), 0
        after = relaxation @ (matrix @ populations)
        if same == _SETTLED or float(np.abs(after - populations).max()) < 1e-14:
            settled = _fixed_point(relaxation @ matrix)
            # a decision that changes nothing within round-off may be either way
            strict, lax = operation.decisions(settled, 1e-14), operation.decisions(settled, -1e-14)
            if all(s <= d <= t for s, d, t in zip(strict, decisions, lax, strict=True)):
                return settled, matrix
        populations = after
    raise ParameterError("contact: the feedback of this cycle switches for ever and has no stroboscopic steady state")


def refrigerator_cycle(
    e1: float,
    e2: float,
    g: float,
    T1: float,
    T2: float,
    protocol: str,
    contact: float,
    strength: float = 1.0,
    gamma1: float = 1.0,
    gamma2: float = 1.0,
) -> RefrigeratorCycle:
    """Both baths act for the time ``contact``, then ``protocol`` at once, iterated to the stroboscopic steady state.

    * "none": the heat leak alone;
    * "swap": the levels eg and ge change places;
    * "measure": sz1 is read out with ``strength`` k, then qubit 1 is flipped for those outcomes where this lowers <H>;
    * "swap+measure": first the SWAP, then "measure";
    * "conditional swap": sz1 and sz2 are read out with strength k, and swapped where this lowers <sz1>.

    Whether an outcome is acted on depends on the state through the sign of a mean. For short contacts there may thus be
    several steady states, or none where acting makes acting pay no more and conversely (0.2 % of random parameters).
    The iteration starts in the steady state without an operation.

    Raises:
        ParameterError: as ``flip_generators``; if ``protocol`` is unknown, ``contact`` not positive or ``strength`` not
            in [1/2, 1]; if no steady state exists.
    """
    check_choice("protocol", protocol, PROTOCOLS)
    check_positive("contact", contact)
    check_range("strength", strength, 0.5, 1.0)
    energies = level_energies(e1, e2, g)
    cold, hot = flip_generators(e1, e2, g, T1, T2, gamma1, gamma2)
    # rows 4 and 5 of the extended chain collect the heats
    chain = np.zeros((6, 6))
    chain[:4, :4] = cold + hot
    chain[4, :4], chain[5, :4] = energies @ cold, energies @ hot
    chain = expm(chain * contact)
    relaxation, heats = chain[:4, :4], chain[4:, :4]
    operation = _operation(protocol, strength, energies)
    populations, matrix = _steady_state(relaxation, operation)
    after = matrix @ populations
    cold_heat, hot_heat = (float(q) for q in heats @ after)
    information = operation.information(populations)
    return RefrigeratorCycle(
        populations,
        cold_heat,
        hot_heat,
        float(energies @ (after - populations)),
        information,
        -cold_heat / T1 - hot_heat / T2 + information,
        contact,
    )


def steady_currents(
    e1: float, e2: float, g: float, T1: float, T2: float, gamma1: float = 1.0, gamma2: float = 1.0
) -> tuple[float, float]:
    """Heat currents from the cold and the hot bath in the steady state without operations, energy/time.

    Raises:
        ParameterError: as ``flip_generators``.
    """
    energies = level_energies(e1, e2, g)
    cold, hot = flip_generators(e1, e2, g, T1, T2, gamma1, gamma2)
    populations = _fixed_point(np.eye(4) + (cold + hot) / np.abs(cold + hot).max())
    return float(energies @ cold @ populations), float(energies @ hot @ populations)
