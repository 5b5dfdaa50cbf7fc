"""Work of the whole life of a cell with little fuel: constant loads, and the best load program that search finds. SI.

A load program says which load is connected at which share of the fuel spent. It is independent of any agent: what the
program gets is measured from the full start of the specification to the end of the life, and the best program is the
reference that a learned policy is compared with. It is a lower bound of the optimum, for it knows the fuel alone.

The best programs found for cells of the catalogue are stored (``known_loads.json``, written by
``benchmarks/known_protocols.py``): loads only, their work is always recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import differential_evolution

from ..control import Control, FloatArray
from ..validation import ParameterError, check_integer, check_positive
from . import known
from .cell_protocol import CellProtocol
from .hopf import ReducedCell
from .self_cycling_cell import USABLE, SelfCyclingCell

KNOTS = np.array([0.0, 0.3, 0.6, 0.8, 0.9, 0.94, 0.96, 0.98, 1.0])
"""Shares of the usable fuel at which a searched program has a value of its own; at its end everything is decided."""

FILE = Path(__file__).with_name("known_loads.json")
"""Package data."""

LOADS = 25
"""Loads among which the best one is sought."""

MAX_STEPS = 100_000
"""Steps after which a life that does not end is an error."""


@dataclass(frozen=True, eq=False)
class LoadProgram:
    """Loads against the share of the usable fuel that is spent, linear in between; K programs at once.

    Attributes:
        spent: shares, ascending, shape (n,).
        log_R: log10 of the load in Ohm there, shape (K, n).
    """

    spent: FloatArray
    log_R: FloatArray

    @classmethod
    def constant(cls, loads: FloatArray) -> LoadProgram:
        """Constant loads (K,), Ohm."""
        return cls(np.zeros(1), np.log10(np.asarray(loads, dtype=float))[:, None])

    def at(self, spent: FloatArray) -> FloatArray:
        """log10 of the loads where the cells (K,) have spent their fuel, shape (K,)."""
        return np.array([np.interp(s, self.spent, row) for s, row in zip(spent, self.log_R, strict=True)])


@dataclass(frozen=True, eq=False)
class LoadLives:
    """Lives of K cells; those that ended early are held.

    Attributes:
        work: delivered, J, shape (K,).
        duration: s, shape (K,).
        exergy_used: J, shape (K,).
        dissipated: T_a times the entropy produced, J, shape (K,).
        time: at the end of each step, s, shape (N,).
        spent: share of the usable fuel then, shape (N, K).
        anode: voltage of its double layer then, V, shape (N, K).
        delivered: work until then, J, shape (N, K).
        last: states at the end, shape (K, n).
    """

    work: FloatArray
    duration: FloatArray
    exergy_used: FloatArray
    dissipated: FloatArray
    time: FloatArray
    spent: FloatArray
    anode: FloatArray
    delivered: FloatArray
    last: FloatArray


def live(cell: SelfCyclingCell, program: LoadProgram, dt: float) -> LoadLives:
    """The lives of full cells (``SelfCyclingCell.start``) under K programs, the load being set every ``dt`` (s).

    Raises:
        ParameterError: for a cell without fuel or with other controls than a load, or a life that does not end within
            ``MAX_STEPS``.
    """
    check_positive("dt", dt)
    if not cell.fuelled or cell.control_space.n_values != 1:
        raise ParameterError(
            f"energy_source = {cell.energy_source!r}: a life needs fuel, and a load as the one control"
        )
    count = len(program.log_R)
    state = np.tile(cell.full_state(), (count, 1))
    choice = np.zeros(count, dtype=np.int64)
    total = np.zeros((4, count))  # work, duration, exergy used, dissipated
    alive = np.ones(count, dtype=bool)
    seen: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    while alive.any():
        if len(seen) == MAX_STEPS:
            raise ParameterError(f"dt = {dt!r}: a life does not end within {MAX_STEPS} steps")
        log_r = program.at(state[:, 3] / (USABLE * cell.N0_A))
        after, flows = cell.step(state, Control(log_r[:, None], choice), dt)
        gained = np.array([
            cell.output(flows),
            np.full(count, dt),
            -cell.exergy_change(flows),
            cell.T_a * flows.entropy_production(cell.betas),
        ])  # fmt: skip
        total += np.where(alive, gained, 0.0)
        state = np.where(alive[:, None], after, state)
        alive &= ~cell.ended(state)
        seen.append((state[:, 3] / (USABLE * cell.N0_A), (state[:, 0] - state[:, 1]) / cell.C_A, total[0].copy()))
    spent, anode, delivered = (np.array(part) for part in zip(*seen, strict=True))
    work, duration, used, dissipated = total
    return LoadLives(
        work, duration, used, dissipated, dt * np.arange(1.0, len(seen) + 1.0), spent, anode, delivered, state
    )


@dataclass(frozen=True)
class BestLoads:
    """What the best constant loads get from a life.

    Attributes:
        matched: matched load of the bare cell, Ohm, and its work, J.
        oscillating: the load inside the relaxation window that gets most, Ohm, and its work, J.
    """

    matched: tuple[float, float]
    oscillating: tuple[float, float]

    @property
    def work(self) -> float:
        """The better of the two, J."""
        return max(self.matched[1], self.oscillating[1])


def best_loads(cell: SelfCyclingCell, dt: float) -> BestLoads:
    """The matched steady load, and the best of ``LOADS`` loads over the window in which the full cell oscillates.

    The window is that of the full cell (``hopf.ReducedCell.window``); as the fuel goes, the oscillation ends.

    Raises:
        ParameterError: as ``live``.
    """
    matched = cell.R_m + cell.R_C + cell.R_i
    loads = np.concatenate([[matched], np.geomspace(*ReducedCell(cell).window, LOADS)])
    work = live(cell, LoadProgram.constant(loads), dt).work
    k = 1 + int(np.argmax(work[1:]))
    return BestLoads((matched, float(work[0])), (float(loads[k]), float(work[k])))


def as_protocol(cell: SelfCyclingCell, program: LoadProgram, dt: float, label: str) -> CellProtocol:
    """A single program as the loads of each step of the life; after it they are repeated."""
    lives = live(cell, program, dt)
    work, time = float(lives.work[0]), float(lives.duration[0])
    before = np.concatenate([[0.0], lives.spent[:-1, 0]])
    values = np.array([program.at(np.array([s])) for s in before])
    if (values == values[0]).all():
        values = values[:1]
    stored = cell.internal_energy(lives.last)[0] - cell.internal_energy(cell.full_state()[None])[0]
    return CellProtocol(
        cell, dt, label, values, np.zeros(len(values), dtype=np.int64), work / time, np.array([(stored + work) / time]),
        float(lives.dissipated[0]) / cell.T_a / time, time, work,
    )  # fmt: skip


def best_program(
    cell: SelfCyclingCell, dt: float, generations: int = 25, population: int = 32, seed: int = 0
) -> tuple[LoadProgram, float]:
    """The best load program of a gradient-free search (differential evolution) over the loads at ``KNOTS``.

    Args:
        cell: the cell.
        dt: how often the load is set, s.
        generations, population: of the search.
        seed: of its random numbers.

    Returns:
        The program, and its work, J.
    """
    check_integer("generations", generations, 1)
    check_integer("population", population, 5)
    space = cell.control_space.ranges[0]

    def lost(log_r: FloatArray) -> FloatArray:
        return -live(cell, LoadProgram(KNOTS, log_r.T), dt).work

    # a large load while there is fuel, a small one at the end
    guess = np.where(KNOTS < 0.95, space.high - 0.2, space.low + 0.2)
    others = np.random.default_rng(seed).uniform(space.low, space.high, (population - 1, len(KNOTS)))
    init: Any = np.vstack([guess, others])
    found: Any = differential_evolution(
        lost, [(space.low, space.high)] * len(KNOTS), maxiter=generations, init=init,
        vectorized=True, updating="deferred", polish=False, tol=0.0, rng=seed,
    )  # fmt: skip
    return LoadProgram(KNOTS, found.x[None]), -float(found.fun)


# ---- what has been found ------------------------------------------------------------------------------------------


def known_program(cell: SelfCyclingCell, dt: float, path: Path = FILE) -> LoadProgram | None:
    """The stored program of exactly this cell and ``dt`` (s); ``None`` if there is none."""
    entry = known.find(path, cell, dt)
    return None if entry is None else LoadProgram(np.array(entry["spent"]), np.array(entry["log_R"])[None])


def store_program(cell: SelfCyclingCell, program: LoadProgram, dt: float, path: Path = FILE) -> bool:
    """Keep a single program if it gets more work than what is stored for this cell and ``dt``; whether it was."""
    old = known_program(cell, dt, path)
    if old is not None and live(cell, old, dt).work[0] >= live(cell, program, dt).work[0]:
        return False
    known.keep(path, cell, dt, {"spent": program.spent.tolist(), "log_R": program.log_R[0].tolist()})
    return True
