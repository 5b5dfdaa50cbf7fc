"""Search for the best periodic control of a given length: many starts, growing and shrinking periods, words of choices.

One *start* is a search of its own. It keeps a pool of good cycles for every period N and improves all of them in
rounds; in a round the pool of N is renewed from candidates

    random words in blocks, and random controls                            (first round: also all words, for small N)
    the best changes of one step of the cycles of N, N - 1 and N + 1       (exact values, see ``neighbours``)
    cycles of N with a stretch of steps drawn anew, moved or shaken
    cycles of other periods: two steps more or less, resampled, repeated, two of them joined

which are climbed together on exact gradients, the promising ones longer, the best to the end. A task
(start, round, period) depends on the pools of the round before and on its own random numbers only. So tasks run in any
order and number at a time with the same result, more starts or rounds only add cycles, and a search can stop and go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..control import FloatArray, IntArray
from ..machine import AffineMachine
from ..validation import check_integer, check_positive
from .cycle import Cycle
from .neighbours import INSERT, REMOVE, REPLACE, neighbours
from .objective import Objective
from .periodic import POWER, BestCycle, climb, necklaces

SAME = 1e-9
"""Relative difference of values below which two cycles of a period count as one."""

EXHAUSTIVE = 150
"""Words of a period that are all tried in the first round."""

STAGES = (15, 25, 100, 600)
"""Gradients of the climb of all candidates, of the better half, of the promising ones, and of the best to the end."""

ARRIVED = 1e-12
"""Relative gain at which the last climb ends."""

ALIKE = 1e-2
"""Largest difference of the controls, relative to their range, of candidates that are the same on the way up."""


@dataclass(frozen=True)
class Effort:
    """How much work one task is.

    Attributes:
        pool: cycles that are kept of each period.
        fresh: random candidates in the first round; a quarter of them in the others.
        changes: candidates from changes of one step, per parent.
        mutants: candidates from random changes, per parent.
        promising: candidates that are climbed further.
        polished: candidates that are climbed to the end.
        levels: grid of the new control values, per control.
    """

    pool: int = 5
    fresh: int = 160
    changes: int = 16
    mutants: int = 8
    promising: int = 48
    polished: int = 6
    levels: int = 17

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_integer(name, value, 2 if name == "levels" else 1)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A cycle on the grid by its controls.

    Attributes:
        value: the objective.
        values: continuous controls, shape (N, m).
        choice: choices, shape (N,).
    """

    value: float
    values: FloatArray
    choice: IntArray


Pools = Mapping[int, Sequence[Candidate]]
"""Good cycles of every period, the best one first."""


def first_pools(machine: AffineMachine, dt: float, objective: Objective, cycles: Sequence[Cycle]) -> Pools:
    """Pools with known cycles, to start from; their controls are clipped to the range of the machine."""
    space = machine.control_space
    pools: dict[int, list[Candidate]] = {}
    for cycle in cycles:
        values, choice = np.clip(cycle.values, space.low, space.high), np.asarray(cycle.choice)
        value, values = climb(machine, values[None].copy(), choice[None], dt, objective, 1)
        if np.isfinite(value[0]):
            pools.setdefault(len(choice), []).append(Candidate(float(value[0]), values[0], choice))
    return {n: sorted(pool, key=lambda c: -c.value) for n, pool in pools.items()}


def improve(
    machine: AffineMachine,
    dt: float,
    objective: Objective,
    period: int,
    pools: Pools,
    key: tuple[int, int, int],
    effort: Effort | None = None,
) -> list[Candidate]:
    """One task of the search: the renewed pool of one period.

    Args:
        machine: the machine.
        dt: length of a step (time).
        objective: what is maximised.
        period: N, steps.
        pools: pools of the round before.
        key: (seed, start, round): the random numbers depend on it and on the period.
        effort: how much work to put in.

    Returns:
        The pool, best first; never worse than the one before; empty if no cycle has a limit cycle.
    """
    check_positive("dt", dt)
    check_integer("period", period, 1)
    effort = Effort() if effort is None else effort
    rng = np.random.default_rng([*key, period])
    made = _Maker(machine, dt, objective, period, rng, effort)
    made.fresh(first=key[2] == 0)
    made.from_pools(pools)
    old = list(pools.get(period, ()))
    best = [Candidate(np.nan, v, c) for v, c in zip(made.values, made.choice, strict=True)]
    keeps = (max(effort.promising, len(best) // 2), effort.promising, effort.polished, effort.polished)
    for n_calls, keep in zip(STAGES, keeps, strict=True):
        best = _climbed(machine, best, dt, objective, n_calls, keep, old)
    return _distinct([*old, *best], effort.pool)


def search(
    machine: AffineMachine,
    dt: float,
    period_max: int,
    objective: Objective = POWER,
    *,
    n_starts: int = 1,
    n_rounds: int = 4,
    seed: int = 0,
    known: Sequence[Cycle] = (),
    effort: Effort | None = None,
) -> dict[int, BestCycle]:
    """Best cycle found of every period up to ``period_max``, in this process.

    Args:
        machine: the machine.
        dt: length of a step (time).
        period_max: longest period (steps).
        objective: what is maximised.
        n_starts: independent searches; more are never worse.
        n_rounds: rounds of each; more are never worse.
        seed: of the random numbers; the same seed gives the same result.
        known: cycles to begin with.
        effort: how much work to put into each period.

    Returns:
        ``{N: best cycle}``; a period without any limit cycle is left out.

    Raises:
        ParameterError: for an argument out of its range.
    """
    check_integer("period_max", period_max, 1)
    check_integer("n_starts", n_starts, 1)
    check_integer("n_rounds", n_rounds, 1)
    finals = []
    for start in range(n_starts):
        pools = first_pools(machine, dt, objective, known)
        for r in range(n_rounds):
            keys = range(1, period_max + 1)
            pools = {n: improve(machine, dt, objective, n, pools, (seed, start, r), effort) for n in keys}
        finals.append(pools)
    return best_of(machine, dt, finals)


def best_of(machine: AffineMachine, dt: float, finals: Sequence[Pools]) -> dict[int, BestCycle]:
    """The best cycle of every period over all starts."""
    best: dict[int, BestCycle] = {}
    for n in sorted({n for pools in finals for n in pools}):
        candidates = [c for pools in finals for c in pools.get(n, ())[:1]]
        if candidates:
            top = max(candidates, key=lambda c: c.value)
            cycle = Cycle(machine, top.values, top.choice, np.full(n, float(dt)), f"best cycle of {n} steps")
            best[n] = BestCycle(top.value, cycle)
    return best


def shortest_best(best: Mapping[int, BestCycle]) -> BestCycle:
    """The best of all periods; of equally good ones the shortest."""
    top = max(b.value for b in best.values())
    return next(best[n] for n in sorted(best) if best[n].value >= top - SAME * max(abs(top), 1e-3))


class _Maker:
    """Collects the candidates of one task: lists of controls (N, m) and words (N,)."""

    def __init__(
        self,
        machine: AffineMachine,
        dt: float,
        objective: Objective,
        period: int,
        rng: np.random.Generator,
        effort: Effort,
    ) -> None:
        self.machine, self.dt, self.objective, self.n = machine, dt, objective, period
        self.rng, self.effort, self.space = rng, effort, machine.control_space
        self.values: list[FloatArray] = []
        self.choice: list[IntArray] = []

    def add(self, values: FloatArray, choice: IntArray) -> None:
        self.values.append(np.clip(values, self.space.low, self.space.high))
        self.choice.append(choice)

    def uniform(self, n: int) -> FloatArray:
        return self.space.low + (self.space.high - self.space.low) * self.rng.random((n, self.space.n_values))

    # ---- from nothing -----------------------------------------------------------------------------------------

    def fresh(self, first: bool) -> None:
        """Random cycles: one half in blocks, the other without structure; all words of a short period."""
        letters = self.space.n_choices
        if first and letters > 1 and letters**self.n / self.n <= EXHAUSTIVE:
            for word in necklaces(self.n, letters):
                for _ in range(2):
                    self.add(self.uniform(self.n), np.array(word))
        for i in range(self.effort.fresh if first else max(1, self.effort.fresh // 4)):
            if i % 2:
                self.add(self.uniform(self.n), self.rng.integers(0, letters, self.n))
            else:
                self.add(*self._blocks())

    def _blocks(self) -> tuple[FloatArray, IntArray]:
        """A word of a few contacts, the controls constant or a ramp on each, and a little noise."""
        n, rng, space = self.n, self.rng, self.space
        cuts = np.sort(rng.choice(n, size=min(n, int(rng.integers(2, 7))), replace=False))
        # every block has its own letter and ends of the ramp; what comes before the first cut belongs to the last block
        block = np.searchsorted(cuts, np.arange(n), side="right") - 1
        letters = rng.integers(0, space.n_choices, len(cuts))
        ends = self.uniform(2 * len(cuts)).reshape(len(cuts), 2, -1)
        if rng.random() < 0.5:
            ends[:, 1] = ends[:, 0]
        fraction = rng.random(n)[:, None] if rng.random() < 0.2 else np.linspace(0.0, 1.0, n)[:, None]
        values = (1.0 - fraction) * ends[block, 0] + fraction * ends[block, 1]
        noise = 0.02 * (space.high - space.low) * rng.standard_normal(values.shape)
        return values + noise, letters[block]

    # ---- from good cycles -------------------------------------------------------------------------------------

    def from_pools(self, pools: Pools) -> None:
        """Candidates from the pools of this period, of its neighbours and of all others."""
        n, effort = self.n, self.effort
        for parent in pools.get(n, ()):
            self._changed(parent, (REPLACE,), effort.changes)
            for _ in range(effort.mutants):
                self.add(*self._mutant(parent.values, parent.choice))
        for parent in pools.get(n - 1, ()):
            self._changed(parent, (INSERT,), effort.changes)
        for parent in pools.get(n + 1, ()):
            self._changed(parent, (REMOVE,), effort.changes)
        for other in (n - 2, n + 2):
            for parent in pools.get(other, ())[:2]:
                for _ in range(effort.mutants):
                    values, choice = self._resized(parent.values, parent.choice)
                    self.add(values, choice)
        best = sorted((pool[0] for m, pool in pools.items() if pool and m != n), key=lambda c: -c.value)
        for parent in best[: effort.pool]:
            self.add(*self._resampled(parent))
        tops = {m: pool[0] for m, pool in pools.items() if pool and m < n}
        for m, top in tops.items():
            if n % m == 0:
                self.add(np.tile(top.values, (n // m, 1)), np.tile(top.choice, n // m))
        # two cycles, one after the other
        pairs = [(tops[m], tops[n - m]) for m in tops if m < n - m and n - m in tops]
        pairs.sort(key=lambda pair: -sum(c.value * len(c.choice) for c in pair))
        for one, two in pairs[: effort.pool]:
            self.add(np.concatenate([one.values, two.values]), np.concatenate([one.choice, two.choice]))

    def _changed(self, parent: Candidate, kinds: tuple[int, ...], keep: int) -> None:
        near = neighbours(
            self.machine,
            parent.values,
            parent.choice,
            self.dt,
            self.objective,
            kinds=kinds,
            levels=self.effort.levels,
            keep=keep,
        )
        for q in range(len(near.value)):
            self.add(*near.apply(q, parent.values, parent.choice))

    def _mutant(self, values: FloatArray, choice: IntArray) -> tuple[FloatArray, IntArray]:
        rng, space, n = self.rng, self.space, self.n
        kind = rng.integers(0, 4)
        values, choice = values.copy(), choice.copy()
        if kind == 0:  # a stretch drawn anew, with one or several letters
            stretch = (int(rng.integers(n)) + np.arange(min(n, int(rng.integers(1, 6))))) % n
            values[stretch] = self.uniform(len(stretch))
            size = 1 if rng.random() < 0.5 else len(stretch)
            choice[stretch] = rng.integers(0, space.n_choices, size)
            return values, choice
        if kind == 1:  # every value shaken
            size = 10.0 ** rng.uniform(-2.0, -0.5) * (space.high - space.low)
            return values + size * rng.standard_normal(values.shape), choice
        if kind == 2:  # one contact longer, another one shorter
            shorter, choice_shorter = self._cut(values, choice)
            return self._lengthened(shorter, choice_shorter)
        # two stretches exchange their places
        i, j = np.sort(rng.integers(0, n, 2))
        order = np.arange(n)
        if i < j:
            middle = int(rng.integers(i, j))
            order = np.concatenate([order[:i], order[middle + 1 : j + 1], order[i : middle + 1], order[j + 1 :]])
        return values[order], choice[order]

    def _cut(self, values: FloatArray, choice: IntArray) -> tuple[FloatArray, IntArray]:
        if len(choice) == 1:
            return values, choice
        i = int(self.rng.integers(len(choice)))
        return np.delete(values, i, axis=0), np.delete(choice, i)

    def _lengthened(self, values: FloatArray, choice: IntArray) -> tuple[FloatArray, IntArray]:
        """One step doubled, as often as it takes to have N."""
        while len(choice) < self.n:
            i = int(self.rng.integers(len(choice)))
            values, choice = np.insert(values, i, values[i], axis=0), np.insert(choice, i, choice[i])
        return values, choice

    def _resized(self, values: FloatArray, choice: IntArray) -> tuple[FloatArray, IntArray]:
        """Steps doubled or left out at random until there are N."""
        while len(choice) > self.n:
            values, choice = self._cut(values, choice)
        return self._lengthened(values, choice)

    def _resampled(self, parent: Candidate) -> tuple[FloatArray, IntArray]:
        """The same cycle in N steps, drawn out or compressed."""
        old = len(parent.choice)
        index = ((np.arange(self.n) + self.rng.random()) * old / self.n).astype(np.int64) % old
        return parent.values[index], parent.choice[index]


def _climbed(
    machine: AffineMachine,
    candidates: Sequence[Candidate],
    dt: float,
    objective: Objective,
    n_calls: int,
    keep: int,
    old: Sequence[Candidate],
) -> list[Candidate]:
    """The best candidates after a climb, best first, without those on the way to a better one or to an old one."""
    if not candidates:
        return []
    choice = np.array([c.choice for c in candidates])
    starts, gain = np.array([c.values for c in candidates]), ARRIVED if n_calls == STAGES[-1] else 1e-8
    value, values = climb(machine, starts, choice, dt, objective, n_calls, gain)
    span = machine.control_space.high - machine.control_space.low
    out: list[Candidate] = []
    for k in np.argsort(-value, kind="stable"):
        if len(out) == keep or not np.isfinite(value[k]):
            break
        rivals = [*out, *(c for c in old if c.value >= value[k])]
        if not any(
            np.array_equal(c.choice, choice[k]) and (np.abs(c.values - values[k]) <= ALIKE * span).all() for c in rivals
        ):
            out.append(Candidate(float(value[k]), values[k], choice[k]))
    return out


def _distinct(candidates: Sequence[Candidate], keep: int) -> list[Candidate]:
    """The best ones of different value, best first."""
    out: list[Candidate] = []
    for c in sorted(candidates, key=lambda c: -c.value):
        if len(out) == keep:
            break
        if not out or out[-1].value - c.value > SAME * max(abs(c.value), 1e-3):
            out.append(c)
    return out
