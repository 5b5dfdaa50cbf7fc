"""Reference cycles of the ferroelectric engine and the electrocaloric cooler, the best of their class on a time grid.

All of them have four legs: up to E_high, hold in hot contact, down to E_low, hold in cold contact. The durations, whole
numbers of steps, are searched for: first a coarse grid, all protocols at once, then single and joint changes of half
the size until none of one step is better. The search takes longer sub-steps; values are those of single steps dt, as
an environment plays them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..control import FloatArray, IntArray
from .cell_protocol import CellProtocol
from .ferroelectric_engine import COLD, HOT, NONE, FerroelectricEngine
from .field_protocols import FieldProtocol
from .protocol_search import best_known

COARSE = 5.0
"""Sub-steps of the search, in units of the machine's."""

CLOSED = 1e-8
"""How well the cycles of the search close, relative to the usual sizes of the state."""

GAIN = 1e-6
"""Smallest relative gain for which the search goes on: above what the closing leaves."""

PERIODS = 15
"""Periods after which a protocol is left out of the search: most close within six."""

LONGEST = 3.0
"""Longest contact of the coarse grid, in units of tau: then the film is within 5 % of the bath's temperature."""

SLOWEST = 4.0
"""Longest leg, in units of tau."""


@dataclass(frozen=True)
class Family:
    """A class of four-leg cycles.

    Attributes:
        title: for labels.
        contacts: baths during the ramp up and the ramp down.
        slots: which of the numbers that are searched is the duration of each leg; legs 0 and 2 are the ramps.
    """

    title: str
    contacts: tuple[int, int]
    slots: tuple[int, int, int, int]


OLSEN = Family("Olsen", (COLD, HOT), (0, 1, 0, 1))
"""Ramps of one duration in contact, holds of another."""
BRAYTON = Family("Brayton", (NONE, NONE), (0, 1, 0, 2))
"""Ramps of one duration without contact; both contacts are free."""
PAIRS = tuple((up, down) for up in (NONE, COLD, HOT) for down in (NONE, COLD, HOT))
"""Contacts during the ramps."""


@dataclass(frozen=True, eq=False)
class _Point:
    """Durations in steps, contacts during the ramps, and the start of the limit cycle."""

    family: Family
    numbers: IntArray
    start: FloatArray


def best_of_family(machine: FerroelectricEngine, dt: float, family: Family, weight: float = 1.0) -> CellProtocol:
    """The best cycle of a family on the grid ``dt`` (s) by c P/P0 - (1 - c) D/D0 with the weight c."""
    return _played(machine, dt, _best_of_family(machine, dt, family, weight), family.title)


def four_leg(machine: FerroelectricEngine, dt: float, weight: float = 1.0) -> CellProtocol:
    """The best cycle of four legs on the grid: every duration, and the contacts during the ramps, are free.

    It begins with the best Brayton cycle, of which all contacts are tried.
    """
    begin = _best_of_family(machine, dt, BRAYTON, weight)
    scale = np.array(list(product((0.7, 1.0, 1.4), repeat=2)))
    tried = np.tile(begin.numbers[list(BRAYTON.slots)], (len(scale), 1))
    tried[:, 1::2] = np.maximum(1, np.round(tried[:, 1::2] * scale))
    families = [Family("four legs", pair, (0, 1, 2, 3)) for pair in PAIRS]
    rows = [(family, numbers) for family in families for numbers in tried]
    best = _climbed(machine, dt, _best(machine, dt, rows, weight, begin.start), weight)
    return _played(machine, dt, best, f"four legs, ramps in {_named(best.family.contacts)}")


def full_brayton(machine: FerroelectricEngine, dt: float) -> CellProtocol:
    """The Brayton cycle whose contacts last until the film is within 5 % of the temperature of the bath, 3 tau."""
    numbers = np.array([1, max(1, round(LONGEST * machine.tau / dt))])
    title = "reverse Brayton" if machine.is_refrigerator else "Brayton"
    point = _Point(Family(title, BRAYTON.contacts, (0, 1, 0, 1)), numbers, np.zeros(0))
    return of_protocol(machine, _protocol(machine, dt, [(point.family, numbers)]), dt, f"{title}, full contacts")


def of_protocol(
    machine: FerroelectricEngine, protocol: FieldProtocol, dt: float, label: str, start: FloatArray | None = None
) -> CellProtocol:
    """A single protocol as steps of length ``dt`` (s), with the averages of its limit cycle.

    Raises:
        ParameterError: if a leg does not last a whole number of steps.
        StepError: if there is no limit cycle.
    """
    values, choice = protocol.steps(dt)
    steady = FieldProtocol.of_steps(values, choice, dt).steady(machine, start=start)
    period = float(steady.period[0])
    return CellProtocol(
        machine, dt, label, values, choice, float(steady.power[0]), steady.heat[0] / period,
        float(steady.produced[0]) / period, period,
    )  # fmt: skip


def stored(machine: FerroelectricEngine, dt: float) -> CellProtocol | None:
    """The protocol that is stored for exactly this machine and ``dt``, with its value recomputed."""
    known = best_known(machine, dt)
    return None if known is None else of_protocol(machine, known, dt, "free controls")


# ---- the search ---------------------------------------------------------------------------------------------------

Rows = Sequence[tuple[Family, IntArray]]


def _best_of_family(machine: FerroelectricEngine, dt: float, family: Family, weight: float) -> _Point:
    ramps = {slot for leg, slot in enumerate(family.slots) if leg % 2 == 0}
    ladders = [_ladder(machine, dt, j in ramps) for j in range(max(family.slots) + 1)]
    rows = [(family, np.array(numbers)) for numbers in product(*ladders)]
    return _climbed(machine, dt, _best(machine, dt, rows, weight, None), weight)


def _ladder(machine: FerroelectricEngine, dt: float, is_ramp: bool) -> list[int]:
    """Durations of the coarse grid, in steps."""
    low, high, rungs = (0.02, 0.4, 3) if is_ramp else (0.15, LONGEST, 5)
    steps = np.geomspace(low, high, rungs) * machine.tau / dt
    return sorted({max(1, round(n)) for n in steps.tolist()})


def _protocol(machine: FerroelectricEngine, dt: float, rows: Rows) -> FieldProtocol:
    fields = np.array([machine.E_high, machine.E_high, machine.E_low, machine.E_low])
    baths = np.array([[f.contacts[0], HOT, f.contacts[1], COLD] for f, _ in rows])
    durations = np.array([numbers[list(f.slots)] for f, numbers in rows], dtype=float)
    return FieldProtocol(fields, baths, dt * durations)


def _values(
    machine: FerroelectricEngine, dt: float, rows: Rows, weight: float, start: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Objectives, (K,), minus infinity without a limit cycle, and the starts of the limit cycles, (K, 2)."""
    protocols = _protocol(machine, dt, rows)
    steady = protocols.steady(machine, COARSE * machine.longest_sub_step, start, False, CLOSED, PERIODS)
    lost = (1.0 - weight) * steady.produced / steady.period / machine.dissipation_unit
    return np.nan_to_num(weight * steady.power / machine.power_unit - lost, nan=-np.inf), steady.start


def _best(machine: FerroelectricEngine, dt: float, rows: Rows, weight: float, start: FloatArray | None) -> _Point:
    values, starts = _values(machine, dt, rows, weight, start)
    k = int(np.argmax(values))
    return _Point(*rows[k], starts[k])


def _climbed(machine: FerroelectricEngine, dt: float, point: _Point, weight: float) -> _Point:
    """The best that changes of one or two durations lead to; all in one batch, since a leg has sub-steps in common."""
    moves = np.array([m for m in product((0, -1, 1), repeat=len(point.numbers)) if sum(map(abs, m)) <= 2])
    size = np.maximum(1, point.numbers // 3)
    # at a small weight slower is always better
    most = max(1, round(SLOWEST * machine.tau / dt))
    seen = {tuple(point.numbers)}
    while True:
        tried = np.clip(point.numbers + moves * size, 1, most)
        rows = [(point.family, numbers) for numbers in tried]
        values, starts = _values(machine, dt, rows, weight, point.start)
        k = int(np.argmax(values))
        # a batch has its own sub-steps: where it prefers what another one has left, the search must not go in circles
        least = values[0] + GAIN * abs(values[0]) if np.isfinite(values[0]) else -np.inf
        if values[k] > least and tuple(rows[k][1]) not in seen:
            point = _Point(point.family, rows[k][1], starts[k])
            seen.add(tuple(point.numbers))
        elif (size == 1).all():
            return point
        else:
            size = np.maximum(1, size // 2)


def _played(machine: FerroelectricEngine, dt: float, point: _Point, label: str) -> CellProtocol:
    return of_protocol(machine, _protocol(machine, dt, [(point.family, point.numbers)]), dt, label, point.start)


def _named(contacts: Sequence[int]) -> str:
    names = ("no", "cold", "hot")
    return " and ".join(names[b] for b in dict.fromkeys(contacts)) + " contact"
