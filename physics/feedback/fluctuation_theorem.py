"""Integral fluctuation theorem with information, on trajectories of two coupled qubits with read-outs along z.

A trajectory is the level x in which the qubits really are, and the record y of the demon, whose belief is p(x|y).
Levels jump in contact with the baths; a read-out has the likelihood p(y|x) and disturbs no level; feedback permutes
them. Along a trajectory, with q_b the heat taken from bath b, jump by jump,

    sigma = ln p(x_0) - ln r(x_end|y) - sum_b beta_b q_b + i,      i = sum ln [p(y|x) / p(y)],

r the belief at the end, or the Gibbs state. For *any* feedback, whatever the demon makes of its record,

    <exp(-sigma)> = 1,     so     <sigma> = Delta S - sum_b beta_b Q_b + I >= 0.

For one bath and Gibbs states at both ends sigma = beta W + i with W the work done on the qubits: the Jarzynski
equality with feedback (H does not change, so Delta F = 0). A read-out without error excludes levels: the average is
then 1 minus the probability that the reversed process ends in one of them (absolute irreversibility).

Sources: T. Sagawa, M. Ueda, Phys. Rev. Lett. 104, 090602 (2010); J. M. Horowitz, S. Vaikuntanathan, Phys. Rev. E 82,
061120 (2010) (several read-outs); Y. Murashita, K. Funo, M. Ueda, Phys. Rev. E 90, 042110 (2014) (no error).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import expm

from .. import pauli
from ..control import FloatArray, IntArray
from ..machines import detachable_demon as demon
from ..machines import measurement_refrigerator as refrigerator
from ..machines.feedback import flip_gain
from ..machines.measurement_refrigerator import MeasurementRefrigerator
from ..machines.two_qubit_demon import TwoQubitDemon
from ..validation import ParameterError, check_choice, check_integer, check_positive, check_shape
from .closed_forms import flip_generators
from .protocol import Protocol

ENDS = ("belief", "gibbs")
"""Reference distribution r at the end: the demon's belief, or the Gibbs state at the temperature of the first bath."""

STAY, FLIP_1, FLIP_2, SWAP = np.array([[0, 1, 2, 3], [2, 3, 0, 1], [1, 0, 3, 2], [0, 2, 1, 3]])
"""Where the levels (ee, eg, ge, gg) go."""

IMPOSSIBLE = 1e-14
"""Branches less probable than this are left out."""


class Branch(NamedTuple):
    """One outcome of a step in one history of the demon.

    Attributes:
        parent: index of the history, in the list of the step before.
        first: where the levels go before the read-out, (4,).
        likelihood: p(y|x), (4,).
        then: where they go after it, (4,).
        contact: whether the baths act after that.
        probability: p(y) given the history.
        belief: populations at the end of the step, (4,).
    """

    parent: int
    first: IntArray
    likelihood: FloatArray
    then: IntArray
    contact: bool
    probability: float
    belief: FloatArray


@dataclass(frozen=True, eq=False)
class Process:
    """A demon or refrigerator with read-outs along z under a protocol, for a number of steps.

    Attributes:
        machine: in trajectory mode, with axes = "z".
        protocol: a deterministic one.
        start: populations of the levels, (4,).
        dt: duration of a step.
        steps: their number >= 1.
        end: one of ``ENDS``.

    Raises:
        ParameterError: for a bad argument or a machine whose state has coherence.
    """

    machine: TwoQubitDemon | MeasurementRefrigerator
    protocol: Protocol
    start: FloatArray
    dt: float
    steps: int
    end: str = "belief"

    def __post_init__(self) -> None:
        if not self.machine.diagonal or self.machine.mode != "trajectory":
            raise ParameterError("machine: must have axes = 'z' and mode = 'trajectory'")
        check_positive("dt", self.dt)
        check_integer("steps", self.steps, 1)
        check_choice("end", self.end, ENDS)
        check_shape("start", self.start, (4,))
        if not (self.start >= 0.0).all() or not abs(self.start.sum() - 1.0) <= 1e-12:
            raise ParameterError(f"start = {self.start.tolist()}: must be probabilities that add up to 1")

    # ---- the chain of the levels ------------------------------------------------------------------------------

    def rates(self) -> tuple[FloatArray, FloatArray]:
        """Rates (2, 4, 4) of the jumps into a row from a column by each qubit's bath, and beta times the heat of each.

        The second array has the same shape.
        """
        m = self.machine
        betas = np.array([beta for _, beta in m.couplings])
        made = np.array(flip_generators(m.e1, m.e2, m.g, 1.0 / betas[0], 1.0 / betas[1], m.gamma, m.gamma))
        jumps = made * (1.0 - np.eye(4))
        return jumps, betas[:, None, None] * (m.levels[:, None] - m.levels[None, :])

    def propagator(self, field: float = 0.0) -> FloatArray:
        """exp(L dt) (4, 4) of a contact, a jump weighted with exp(field * beta q)."""
        jumps, entropy = self.rates()
        leaving = np.diag(jumps.sum(axis=(0, 1)))
        return np.asarray(expm(((jumps * np.exp(field * entropy)).sum(axis=0) - leaving) * self.dt), dtype=np.float64)

    def _operations(self, belief: FloatArray, choice: int, k: float) -> list[tuple[IntArray, FloatArray, IntArray]]:
        """First permutation, likelihood and second permutation, for every outcome."""
        m, one = self.machine, np.ones(4)
        s1, s2 = pauli.TWO_SIGNS.T
        up1, up2 = (0.5 * (1.0 + (2.0 * k - 1.0) * s) for s in (s1, s2))
        if isinstance(m, TwoQubitDemon):
            if choice == demon.MEASURE:
                seconds = [one] if m.read_out == "one" else [up2, 1.0 - up2]
                return [(STAY, a * b, STAY) for a in (up1, 1.0 - up1) for b in seconds]
            moved = {demon.WAIT: STAY, demon.TURN_1: FLIP_1, demon.TURN_2: FLIP_2, demon.SWAP: SWAP}
            return [(moved[choice], one, STAY)]
        if choice == refrigerator.CONDITIONAL_SWAP:
            return [(STAY, row, SWAP if x == 1 else STAY) for x, row in enumerate(np.eye(4))]
        first = SWAP if choice in (refrigerator.SWAP, refrigerator.SWAP_MEASURE) else STAY
        if choice in (refrigerator.WAIT, refrigerator.SWAP):
            return [(first, one, STAY)]
        found = []
        for row in (up1, 1.0 - up1):
            after = row * moved_by(first, belief)
            gain = flip_gain(m, pauli.from_populations((after / max(after.sum(), 1e-300))[None]), 0)[0]
            found.append((first, row, FLIP_1 if gain > 1e-13 * m.energy_scale else STAY))
        return found

    def branches(self) -> Iterator[list[Branch]]:
        """All histories, step by step."""
        space, relax = self.machine.control_space, self.propagator()
        beliefs, clock = self.start[None], np.zeros(1, dtype=np.int64)
        held = space.low[None]
        for _ in range(self.steps):
            state = np.concatenate([pauli.components(pauli.from_populations(beliefs)), held], axis=1)
            control, after = self.protocol.act(state, clock)
            used = space.used[control.choice]
            found = []
            for h, belief in enumerate(beliefs):
                choice = int(control.choice[h])
                contact = isinstance(self.machine, MeasurementRefrigerator) or choice == demon.WAIT
                for first, likelihood, then in self._operations(belief, choice, float(control.values[h, 0])):
                    joint = likelihood * moved_by(first, belief)
                    p = float(joint.sum())
                    if p > IMPOSSIBLE:
                        new = moved_by(then, joint / p)
                        found.append(Branch(h, first, likelihood, then, contact, p, relax @ new if contact else new))
            parents = [b.parent for b in found]
            beliefs, clock = np.array([b.belief for b in found]), after[parents]
            held = np.where(used, control.values, held)[parents]
            yield found

    def reference(self, belief: FloatArray) -> FloatArray:
        """r at the end of a history with ``belief`` (4,)."""
        return belief if self.end == "belief" else pauli.populations(self.machine.thermal)[0]


def moved_by(permutation: IntArray, p: FloatArray) -> FloatArray:
    """Populations (4,) after each level x has gone to ``permutation[x]``."""
    after = np.empty_like(p)
    after[permutation] = p
    return after


def generating_function(process: Process, field: float = 1.0) -> float:
    """<exp(-field sigma)>, exact: every outcome is followed, heat is counted by tilted propagators.

    1 at ``field`` = 1 if no read-out is free of error (or k = 1 excludes nothing); its slope at 0 is -<sigma>.
    """
    tilted, relax = [_power(process.start, 1.0 - field)], process.propagator(field)
    beliefs = [process.start]
    for found in process.branches():
        after = []
        for b in found:
            # p(y|x) [p(y) / p(y|x)]^field
            read = _power(b.likelihood, 1.0 - field) * b.probability**field
            vector = moved_by(b.then, read * moved_by(b.first, tilted[b.parent]))
            after.append(relax @ vector if b.contact else vector)
        tilted, beliefs = after, [b.belief for b in found]
    return float(sum(v @ _power(process.reference(p), field) for v, p in zip(tilted, beliefs, strict=True)))


def _power(p: FloatArray, exponent: float) -> FloatArray:
    """p ** exponent where p > 0, else 0: what has no probability has no trajectory."""
    return np.where(p > 0.0, np.where(p > 0.0, p, 1.0) ** exponent, 0.0)


class Trajectories(NamedTuple):
    """N sampled trajectories.

    Attributes:
        sigma: entropy production with information, nats, (N,).
        heat: from the bath of each qubit, (N, 2), energy.
        information: i, nats, (N,).
        levels: first and last level, (N, 2).
        probability: of the record, (N,).
    """

    sigma: FloatArray
    heat: FloatArray
    information: FloatArray
    levels: IntArray
    probability: FloatArray


def sample(process: Process, n: int, rng: np.random.Generator) -> Trajectories:
    """``n`` trajectories: outcomes drawn from p(y|x), jumps one by one (Gillespie).

    Raises:
        ParameterError: if ``n`` is not an integer >= 1.
    """
    check_integer("n", n, 1)
    jumps, _ = process.rates()
    level = rng.choice(4, size=n, p=process.start)
    start, node = level.copy(), np.zeros(n, dtype=np.int64)
    heat, information, chance = np.zeros((n, 2)), np.zeros(n), np.ones(n)
    beliefs = process.start[None]
    for found in process.branches():
        after = np.empty_like(node)
        for parent in np.unique(node):
            rows = np.flatnonzero(node == parent)
            children = [c for c, b in enumerate(found) if b.parent == parent]
            x = found[children[0]].first[level[rows]]
            cumulative = np.cumsum([found[c].likelihood[x] for c in children], axis=0)
            drawn = (rng.random(len(rows)) * cumulative[-1] >= cumulative[:-1]).sum(axis=0)
            for index, c in enumerate(children):
                mine, b = drawn == index, found[c]
                here = rows[mine]
                information[here] += np.log(b.likelihood[x[mine]] / b.probability)
                chance[here] *= b.probability
                level[here], after[here] = b.then[x[mine]], c
        touched = np.flatnonzero(np.array([b.contact for b in found])[after])
        level[touched], moved = _jump(jumps, process.machine.levels, level[touched], process.dt, rng)
        heat[touched] += moved
        node, beliefs = after, np.array([b.belief for b in found])
    end = np.array([process.reference(p) for p in beliefs])[node, level]
    betas = np.array([beta for _, beta in process.machine.couplings])
    sigma = np.log(process.start[start]) - np.log(end) - heat @ betas + information
    return Trajectories(sigma, heat, information, np.stack([start, level], axis=1), chance)


def _jump(
    jumps: FloatArray, levels: FloatArray, level: IntArray, dt: float, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Levels (N,) after a contact of ``dt``, and the heat from either bath (N, 2)."""
    level, heat, left = level.copy(), np.zeros((len(level), 2)), np.full(len(level), dt)
    rates = jumps.reshape(8, 4)  # row 4 b + i: into level i by bath b
    cumulative = np.cumsum(rates, axis=0)
    active = np.arange(len(level))
    while active.size:
        left[active] -= rng.exponential(size=active.size) / cumulative[-1, level[active]]
        active = active[left[active] > 0.0]
        before = level[active]
        row = (rng.random(active.size) * cumulative[-1, before] >= cumulative[:-1, before]).sum(axis=0)
        level[active] = row % 4
        heat[active, row // 4] += levels[level[active]] - levels[before]
    return level, heat
