"""Optimum of the machines on two coupled qubits that act along z: dynamic programming on the belief, with a bound.

Everything along z moves populations, so what a demon knows is a point b of the simplex of four populations. With V_n(b)
the most that n steps can earn, the entropy of the records paid for,

    V_(n+1)(b) = max over operations [ r(b) + sum over outcomes p_k V_n(b_k) ]

is convex in b, since r is (heat is linear, minus the entropy of a record convex) and every operation is linear, but
for the norm of b_k. Interpolating a convex function between points of a grid overestimates it, so the grid yields an
*upper bound* on the long-run average of every protocol (W. S. Lovejoy, Oper. Res. 39, 162 (1991)). Playing what the
interpolated V prefers yields a protocol, which is a lower bound.

Discrete read-outs: only projective ones are tried. Along z a read-out of strength k < 1 is a projective one whose
outcome is misread with probability 1 - k, and leaves the same populations on average. Who knows the true outcome and
draws the misreading himself can do whatever the weak observer can, and the misread outcome has the larger entropy. So
a weak read-out along z never earns more, at any weight.

Continuous read-outs: the record is sorted into bins, which lowers what the grid raises: the value is an estimate. Since
a projective read-out earns no less, the bound of ``TwoQubitDemon`` holds for ``ContinuousDemon``.

Refrigerator: its feedback is part of the measurement. For the bound it is left to the demon, who earns no less.

Source: Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), machines; derived.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import entr, ndtr, ndtri

from .. import pauli
from ..control import Control, FloatArray, IntArray
from ..machines.continuous_demon import ContinuousDemon, record_information
from ..machines.coupled_qubits import CoupledQubits
from ..machines.detachable_demon import DetachableDemon
from ..machines.measurement_refrigerator import MeasurementRefrigerator
from ..machines.two_qubit_demon import TwoQubitDemon
from ..validation import ParameterError, check_integer, check_positive, check_range
from .protocol import Protocol

BINS = 12
"""Bins of the record of a continuous read-out, per qubit."""

IDENTITY, FLIP_1, FLIP_2, SWAP = (0, 1, 2, 3), (2, 3, 0, 1), (1, 0, 3, 2), (0, 2, 1, 3)
"""What the exact operations do to the populations of (ee, eg, ge, gg)."""


@dataclass(frozen=True)
class Move:
    """An operation: a permutation, then a read-out with a permutation for each outcome.

    Attributes:
        choice: index of the machine's choice.
        before: permutation of the populations.
        read: qubits that are read, as indices; empty for none.
        after: permutations after each outcome; of a continuous read-out none.
    """

    choice: int
    before: tuple[int, ...] = IDENTITY
    read: tuple[int, ...] = ()
    after: tuple[tuple[int, ...], ...] = ()


class BeliefModel:
    """A machine on two coupled qubits as a decision problem on the populations (K, 4).

    Args:
        machine: a demon with axes = "z", or the refrigerator.
        dt: length of a step (time).
        weight: c of the objective c P / P0 - (1 - c) D / D0.

    Raises:
        ParameterError: for another machine, or an argument out of its range.
    """

    def __init__(self, machine: CoupledQubits, dt: float, weight: float) -> None:
        check_positive("dt", dt)
        check_range("weight", weight, 0.0, 1.0)
        fits = isinstance(machine, TwoQubitDemon | ContinuousDemon | MeasurementRefrigerator)
        if not fits or not machine.diagonal:
            raise ParameterError(f"machine = {machine!r}: must be of two coupled qubits, with axes = 'z'")
        self.machine, self.dt = machine, dt
        after, heat = machine.relaxed(pauli.from_populations(np.eye(4)), dt)
        self.relaxation = pauli.populations(after)
        # reward per unit of time of a contact, (4,), and price of a nat of record
        self.heat = heat @ machine.power_weights * (weight / (machine.power_unit * dt))
        self.price = (1.0 - weight) / (machine.dissipation_unit * dt)
        if isinstance(machine, MeasurementRefrigerator):
            self.heat = self.heat + heat @ machine.betas * self.price

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """What can be done in a step."""
        if isinstance(self.machine, MeasurementRefrigerator):
            kept = list(product((IDENTITY, FLIP_1), repeat=2))
            swap = ((IDENTITY, SWAP, IDENTITY, IDENTITY),)
            return (
                Move(0),
                *(Move(1, read=(0,), after=flips) for flips in kept),
                Move(2, SWAP),
                *(Move(3, SWAP, (0,), flips) for flips in kept),
                *(Move(4, read=(0, 1), after=one) for one in swap),
            )
        assert isinstance(self.machine, DetachableDemon)
        return Move(0), Move(1, read=self.machine.read_qubits), Move(2, FLIP_1), Move(3, FLIP_2), Move(4, SWAP)

    @cached_property
    def contact(self) -> tuple[bool, ...]:
        """Which moves end in contact with the baths: all of the refrigerator, the first of a demon."""
        always = isinstance(self.machine, MeasurementRefrigerator)
        return tuple(always or j == 0 for j in range(len(self.moves)))

    def step(self, b: FloatArray, j: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Move ``j`` from the beliefs (K, 4): weights (K, n) and beliefs (K, n, 4) after it, and the reward (K,).

        A belief of weight zero is arbitrary.
        """
        move = self.moves[j]
        weights, beliefs, nats = np.ones((len(b), 1)), b[:, None, list(move.before)], np.zeros(len(b))
        if move.read:
            weights, beliefs, nats = self._read(beliefs[:, 0], move.read)
        for outcome, permutation in enumerate(move.after):
            beliefs[:, outcome] = beliefs[:, outcome][:, list(permutation)]
        reward = -self.price * nats
        if self.contact[j]:
            reward = reward + np.einsum("kn,kni,i->k", weights, beliefs, self.heat)
            beliefs = beliefs @ self.relaxation
        return weights, beliefs, reward

    def _read(self, b: FloatArray, qubits: tuple[int, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Probabilities and beliefs of the outcomes, and the entropy of the record (nats)."""
        ratio = self.dt / self.machine.tau if isinstance(self.machine, ContinuousDemon) else np.inf
        joint = b[:, None, :] * _likelihood(qubits, ratio)
        weights = joint.sum(axis=2)
        beliefs = joint / np.where(weights > 0.0, weights, 1.0)[:, :, None]
        beliefs[weights <= 0.0] = 0.25
        if ratio == np.inf:
            return weights, beliefs, entr(np.clip(weights, 0.0, None)).sum(axis=1)
        means = np.clip(b @ pauli.TWO_SIGNS, -1.0, 1.0)
        return weights, beliefs, np.sum([record_information(means[:, q], ratio) for q in qubits], axis=0)


@lru_cache(maxsize=16)
def _likelihood(qubits: tuple[int, ...], ratio: float) -> FloatArray:
    """Probability of each outcome in each level, (n, 4): +-1, or a bin of the record."""
    table = np.ones((1, 4))
    for q in qubits:
        s = pauli.TWO_SIGNS[:, q]
        one = np.stack([s > 0, s < 0]).astype(float)
        if np.isfinite(ratio):
            # bins of equal weight in equal mixture, but for the tails
            edges = np.concatenate([[-np.inf], _quantiles(ratio), [np.inf]])
            one = np.diff(ndtr((edges[:, None] - s) * np.sqrt(ratio)), axis=0)
        table = (table[:, None] * one).reshape(-1, 4)
    return table


def _quantiles(ratio: float) -> FloatArray:
    """Inner edges of the bins of the record r."""
    half = ndtri(np.arange(1, BINS) / BINS) / np.sqrt(ratio)
    return half * (1.0 + np.sqrt(ratio)) if ratio < 1.0 else np.sort(half + np.sign(half))


class Grid:
    """Points i / M of the simplex of four populations, and linear interpolation between them (Freudenthal).

    Args:
        resolution: M.
    """

    def __init__(self, resolution: int) -> None:
        check_integer("resolution", resolution, 1)
        m = self.resolution = resolution
        counts = [
            (i, j, k, m - i - j - k) for i in range(m + 1) for j in range(m + 1 - i) for k in range(m + 1 - i - j)
        ]
        self.points: FloatArray = np.array(counts, dtype=float) / m
        self._index = np.full((m + 1, m + 1, m + 1), -1, dtype=np.int64)
        first = np.array(counts)[:, :3]
        self._index[tuple(first.T)] = np.arange(len(counts))

    def weights(self, b: FloatArray) -> tuple[IntArray, FloatArray]:
        """Indices and weights of the corners around the beliefs (N, 4), each (N, 4)."""
        m = self.resolution
        # cumulated: m >= x1 >= x2 >= x3 >= 0; in each unit cube the order of the fractions tells the simplex
        x = np.clip(m * np.cumsum(b[:, :0:-1], axis=1)[:, ::-1], 0.0, m)
        base = np.minimum(np.floor(x + 1e-12), m).astype(np.int64)
        fraction = np.clip(x - base, 0.0, 1.0)
        order = np.argsort(-fraction, axis=1, kind="stable")
        sorted_fraction = np.take_along_axis(fraction, order, axis=1)
        weight = -np.diff(
            np.concatenate([np.ones((len(b), 1)), sorted_fraction, np.zeros((len(b), 1))], axis=1), axis=1
        )
        corner = base.copy()
        index = np.empty((len(b), 4), dtype=np.int64)
        rows = np.arange(len(b))
        for v in range(4):
            if v:
                corner[rows, order[:, v - 1]] += 1
            index[:, v] = self._lookup(corner, weight[:, v] > 0.0)
        return index, weight

    def _lookup(self, corner: IntArray, counts: np.ndarray) -> IntArray:
        """Index of the points with cumulated coordinates (N, 3); where the weight vanishes it may lie outside."""
        x1, x2, x3 = np.minimum(corner, self.resolution).T
        return np.where(counts, self._index[self.resolution - x1, x1 - x2, x2 - x3], 0)


@dataclass(frozen=True, eq=False)
class BeliefOptimum:
    """Optimum on the belief.

    Attributes:
        bound: upper bound of the objective of every protocol; of a continuous read-out an estimate.
        values: V at the points of the grid, up to a constant.
        grid: the grid.
        model: the decision problem.
    """

    bound: float
    values: FloatArray
    grid: Grid
    model: BeliefModel

    def prefer(self, b: FloatArray) -> IntArray:
        """The machine's choice (K,) that earns most by the interpolated values from the beliefs (K, 4)."""
        gains = np.empty((len(b), len(self.model.moves)))
        for j in range(len(self.model.moves)):
            weights, beliefs, reward = self.model.step(b, j)
            index, share = self.grid.weights(beliefs.reshape(-1, 4))
            later = np.einsum("nv,nv->n", share, self.values[index]).reshape(weights.shape)
            gains[:, j] = reward + np.einsum("kn,kn->k", weights, later)
        # of equals the first: round-off must not decide
        best = (gains > gains.max(axis=1, keepdims=True) - 1e-10).argmax(axis=1)
        return np.array([move.choice for move in self.model.moves])[best]


def belief_optimum(
    machine: CoupledQubits, dt: float, weight: float = 1.0, resolution: int = 24, accuracy: float = 1e-5
) -> BeliefOptimum:
    """Upper bound of the objective c P / P0 - (1 - c) D / D0, and the values from which a protocol follows.

    Args:
        machine: a demon with axes = "z", or the refrigerator.
        dt: length of a step (time).
        weight: c, in [0, 1].
        resolution: intervals of the grid along an edge; the bound exceeds the optimum by less on a finer grid.
        accuracy: width of the bracket, per step, at which the iteration stops.

    Raises:
        ParameterError: for a machine that does not fit, or an argument out of its range.
    """
    check_positive("accuracy", accuracy)
    return _solve(machine, float(dt), float(weight), int(resolution), float(accuracy))


@lru_cache(maxsize=16)
def _solve(machine: CoupledQubits, dt: float, weight: float, resolution: int, accuracy: float) -> BeliefOptimum:
    model, grid = BeliefModel(machine, dt, weight), Grid(resolution)
    steps = [_matrix(model, grid, j) for j in range(len(model.moves))]
    values = np.zeros(len(grid.points))
    while True:
        best = steps[0][1] + steps[0][0] @ values
        for matrix, reward in steps[1:]:
            np.maximum(best, reward + matrix @ values, out=best)
        change = best - values
        low, high = float(change.min()), float(change.max())
        if high - low <= accuracy:
            return BeliefOptimum(high, values, grid, model)
        # half a step: a protocol that repeats itself would oscillate
        values = 0.5 * (values + best)
        values -= values[0]


def _matrix(model: BeliefModel, grid: Grid, j: int) -> tuple[csr_matrix, FloatArray]:
    weights, beliefs, reward = model.step(grid.points, j)
    num, branches = weights.shape
    index, share = grid.weights(beliefs.reshape(-1, 4))
    entries = (weights.reshape(-1, 1) * share).ravel()
    rows = np.repeat(np.arange(num), 4 * branches)
    kept = entries != 0.0
    matrix = csr_matrix((entries[kept], (rows[kept], index.ravel()[kept])), shape=(num, num))
    return matrix, reward


@dataclass(frozen=True)
class BeliefProtocol(Protocol):
    """What earns most by the values of ``belief_optimum``; read-outs of strength 1. Needs no clock.

    A demon with axes = "xz" plays along z what is best along z.

    Attributes:
        machine: the machine.
        dt: length of a step (time).
        weight: c of the objective.
        resolution: of the grid.
    """

    machine: CoupledQubits
    dt: float
    weight: float = 1.0
    resolution: int = 24

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        b = np.clip(pauli.populations(pauli.table(state[:, :15])), 0.0, None)
        known = belief_optimum(_along_z(self.machine), self.dt, self.weight, self.resolution)
        choice = known.prefer(b / b.sum(axis=1, keepdims=True))
        told = {"k": 1.0, "theta": 0.0, "angle": np.pi}
        values = np.array([told[r.name] for r in self.machine.control_space.ranges])
        return Control(np.tile(values, (len(state), 1)), choice), clock


def _along_z(machine: CoupledQubits) -> CoupledQubits:
    return replace(machine, axes="z") if isinstance(machine, DetachableDemon) else machine
