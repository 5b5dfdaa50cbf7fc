"""Direct optimisation of periodic protocols of field and bath: the reference that a learned cycle is measured by.

Nothing but values of limit cycles is used, many at once. First the four-leg family, with every contact during the ramps
and several starts; then free controls on a time grid: every field by L-BFGS-B with differences, every bath and the
number of steps by the best of all single changes, in turns until neither helps.

The best protocols found for machines of the catalogue are stored (``known_protocols.json``, written by
``benchmarks/known_protocols.py``): controls only, their value is always recomputed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from ..control import FloatArray, IntArray
from ..validation import check_integer, check_positive
from . import known
from .ferroelectric_engine import COLD, HOT, NONE, FerroelectricEngine
from .field_protocols import FieldProtocol

FILE = Path(__file__).with_name("known_protocols.json")
"""Package data."""

GAIN = 1e-4
"""Smallest relative gain for which a search goes on."""

DIFFERENCE = 1e-4
"""Step of the differences, relative to the range of the field."""


@dataclass(frozen=True, eq=False)
class Found:
    """A protocol and its value.

    Attributes:
        power: of its limit cycle: work delivered, or cooling power; W.
        protocol: a single protocol.
        start: (P, theta) of the limit cycle, shape (2,).
    """

    power: float
    protocol: FieldProtocol
    start: FloatArray


def best_of(machine: FerroelectricEngine, batch: FieldProtocol, start: FloatArray | None = None) -> Found:
    """The best of K protocols; those without a limit cycle do not count.

    Its value is computed alone: in a batch the number of sub-steps of a leg is that of the longest.
    """
    steady = batch.steady(machine, start=start, strict=False)
    k = int(np.argmax(np.nan_to_num(steady.power, nan=-np.inf)))
    protocol = batch.rows(k)
    alone = protocol.steady(machine, start=steady.start[k], strict=False)
    power = float(alone.power[0])
    return Found(power if np.isfinite(power) else -np.inf, protocol, alone.start[0])


# ---- four legs ----------------------------------------------------------------------------------------------------


def four_legs(machine: FerroelectricEngine, durations: FloatArray, contacts: tuple[int, int]) -> FieldProtocol:
    """K protocols of four legs: up to E_high, hold in hot contact, down to E_low, hold in cold contact.

    Args:
        machine: the machine.
        durations: of the legs, s, shape (K, 4).
        contacts: bath during the ramp up and the ramp down.
    """
    e = np.array([machine.E_high, machine.E_high, machine.E_low, machine.E_low])
    return FieldProtocol(e, np.array([contacts[0], HOT, contacts[1], COLD]), durations)


def search_four_legs(
    machine: FerroelectricEngine,
    dt: float,
    contacts: tuple[int, int],
    starts: FloatArray,
    batch: int = 24,
    rounds: int = 8,
    seed: int = 0,
) -> Found:
    """The best protocol of four legs on the grid ``dt`` with given contacts during the ramps.

    Several starts at random, narrowed in by the cross-entropy method, then integer neighbours until none is better.

    Args:
        machine: the machine.
        dt: step of the grid, s.
        contacts: bath during the ramp up and the ramp down.
        starts: smallest and largest duration of each leg, s, shape (2, 4).
        batch: protocols per round.
        rounds: of the cross-entropy method.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    low, high = np.log(np.maximum(starts, dt))
    mean, width = 0.5 * (low + high), 0.5 * (high - low)
    best: Found | None = None
    for _ in range(rounds):
        logs = np.clip(mean + width * rng.uniform(-1.7, 1.7, (batch, 4)), low, high)
        protocols = four_legs(machine, np.exp(logs), contacts).on_grid(dt)
        power = np.nan_to_num(protocols.steady(machine, strict=False).power, nan=-np.inf)
        order = np.argsort(-power)
        found = best_of(machine, protocols.rows(order[:1]))
        best = found if best is None or found.power > best.power else best
        elite = np.log(protocols.durations[order[: max(4, batch // 5)]])
        mean, width = elite.mean(axis=0), 0.5 * width
    assert best is not None
    while True:
        changes = np.array([c for c in product((-1, 0, 1), repeat=4) if any(c)])
        durations = best.protocol.durations[0] + dt * changes
        durations = durations[(durations > 0.5 * dt).all(axis=1)]
        found = best_of(machine, four_legs(machine, durations, contacts), best.start)
        if not found.power > best.power:
            return best
        best = found


# ---- free controls on a grid --------------------------------------------------------------------------------------


def refine(
    machine: FerroelectricEngine,
    protocol: FieldProtocol,
    dt: float,
    rounds: int = 20,
    report: Callable[[Found], None] | None = None,
) -> Found:
    """Improve free controls on the grid ``dt`` until neither fields nor single changes of the program help.

    Args:
        machine: the machine.
        protocol: where to begin; its legs last whole numbers of steps.
        dt: step of the grid, s.
        rounds: largest number of turns.
        report: called with what has been found after each turn.
    """
    check_integer("rounds", rounds, 1)
    values, choice = protocol.steps(dt)
    best = best_of(machine, FieldProtocol.of_steps(values, choice, dt))
    for _ in range(rounds):
        before = best.power
        best = better_fields(machine, best)
        for batch in _changes(machine, best.protocol, dt):
            found = best_of(machine, batch, best.start)
            best = found if found.power > best.power else best
        if report is not None:
            report(best)
        if not best.power > before * (1.0 + GAIN):
            break
    return best


def better_fields(machine: FerroelectricEngine, found: Found, iterations: int = 15) -> Found:
    """The fields of all legs improved by L-BFGS-B within the range of the machine; baths and durations stay."""
    protocol, low, span = found.protocol, machine.E_low, machine.E_high - machine.E_low
    start, best = found.start, found
    scale = max(abs(found.power), 1e-3 * machine.power_unit)

    def value(x: FloatArray) -> tuple[float, FloatArray]:
        nonlocal start, best
        step = np.where(x > 0.5, -DIFFERENCE, DIFFERENCE)  # inwards
        rows = np.vstack([x, x + np.diag(step)])
        batch = FieldProtocol(low + span * rows, protocol.baths, protocol.durations)
        steady = batch.steady(machine, start=start, strict=False)
        power = steady.power / scale
        if not np.isfinite(power).all():
            return 1e6, np.zeros(len(x))
        start = steady.start[0]
        if steady.power[0] > best.power:
            best = Found(float(steady.power[0]), batch.rows(0), start)
        return -float(power[0]), -(power[1:] - power[0]) / step

    x0 = np.clip((protocol.fields[0] - low) / span, 0.0, 1.0)
    minimize(value, x0, jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * len(x0),
             options={"maxiter": iterations, "ftol": 0.1 * GAIN})  # fmt: skip
    return best


def _changes(machine: FerroelectricEngine, protocol: FieldProtocol, dt: float) -> Iterator[FieldProtocol]:
    """Batches of all single changes: the bath of a step, a field to either end, a step left out, a step doubled."""
    values, choice = protocol.fields[0], protocol.baths[0]
    n = len(values)
    programs: list[tuple[FloatArray, IntArray]] = []
    for i, b in product(range(n), (NONE, COLD, HOT)):
        if choice[i] != b:
            programs.append((values, np.where(np.arange(n) == i, b, choice)))
    for i, e in product(range(n), (machine.E_low, machine.E_high)):
        programs.append((np.where(np.arange(n) == i, e, values), choice))
    yield _batch(programs, dt)
    if n > 2:
        yield _batch([(np.delete(values, i), np.delete(choice, i)) for i in range(n)], dt)
    yield _batch([(np.insert(values, i, values[i]), np.insert(choice, i, choice[i])) for i in range(n)], dt)


def _batch(programs: list[tuple[FloatArray, IntArray]], dt: float) -> FieldProtocol:
    return FieldProtocol.of_steps(np.array([v for v, _ in programs]), np.array([c for _, c in programs]), dt)


def best_protocol(
    machine: FerroelectricEngine,
    dt: float,
    starts: FloatArray | None = None,
    batch: int = 24,
    rounds: int = 20,
    free_starts: int = 2,
    seed: int = 0,
    report: Callable[[Found], None] | None = None,
) -> Found:
    """The best periodic protocol on the grid ``dt`` that direct search finds: a lower bound of the optimum.

    Args:
        machine: the machine.
        dt: step of the grid, s.
        starts: smallest and largest duration of the four legs, s, shape (2, 4); default: in units of tau.
        batch: protocols per round of the four-leg search.
        rounds: largest number of turns of the free search.
        free_starts: how many of the nine four-leg families, best first, the free search begins with; the stored
            protocol of this machine, if any, is one more.
        seed: of the random numbers.
        report: called with every improvement of the free search.
    """
    check_positive("dt", dt)
    if starts is None:
        starts = machine.tau * np.array([[0.01, 0.04, 0.01, 0.04], [0.2, 1.2, 0.2, 1.2]])
    families = [
        search_four_legs(machine, dt, (up, down), starts, batch, seed=seed)
        for up, down in product((NONE, COLD, HOT), repeat=2)
    ]
    families.sort(key=lambda f: -f.power)
    begin = [f.protocol for f in families[:free_starts]]
    stored = best_known(machine, dt)
    begin += [] if stored is None else [stored]
    found = [refine(machine, p, dt, rounds, report) for p in begin]
    return max(found, key=lambda f: f.power)


# ---- what has been found ------------------------------------------------------------------------------------------


def best_known(machine: FerroelectricEngine, dt: float, path: Path = FILE) -> FieldProtocol | None:
    """The stored protocol of exactly this machine and ``dt`` (s), as steps; ``None`` if there is none."""
    entry = known.find(path, machine, dt)
    if entry is None:
        return None
    return FieldProtocol.of_steps(np.array(entry["values"])[:, None], np.array(entry["choice"]), dt)


def store(machine: FerroelectricEngine, protocol: FieldProtocol, dt: float, path: Path = FILE) -> bool:
    """Keep a protocol if it has more power than what is stored for this machine and ``dt``; whether it was.

    Raises:
        ParameterError: if a leg does not last a whole number of steps.
        StepError: if it has no limit cycle.
    """
    values, choice = protocol.steps(dt)
    power = FieldProtocol.of_steps(values, choice, dt).steady(machine).power[0]
    old = best_known(machine, dt, path)
    if old is not None and old.steady(machine).power[0] >= power:
        return False
    known.keep(path, machine, dt, {"values": values[:, 0].tolist(), "choice": choice.tolist()})
    return True
