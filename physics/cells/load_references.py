"""References of cells with terminals: constant loads of a self-cycling cell, square waves of sources and currents. SI.

A self-cycling cell is run in the full model until it is steady, with its fuel full: a load is worth what the affinities
give, and not what the double layers held at the start. Loads are found by narrowing a grid in log R.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..control import Control, FloatArray, IntArray
from ..validation import ParameterError
from .cell import Cell
from .cell_protocol import CellProtocol
from .double_layer_cell import DoubleLayerCell
from .ferroelectric_capacitor import FerroelectricCapacitor
from .ferroelectric_engine import COLD, FerroelectricEngine
from .hopf import ReducedCell
from .load_life import LoadProgram, as_protocol, best_loads, best_program, known_program
from .self_cycling_cell import SelfCyclingCell

LOADS = 9
"""Loads of a grid."""
SPAN = 0.3
"""Half width of the first grid of matched loads, decades."""
SETTLED = 6.0
"""Time until a steady state, in units of C_A R_m; with the load the time constant is about half of that."""
SWINGS = 5.0
"""Time in which loads must show that they oscillate, in periods of the singular limit."""
AMPLITUDE = 0.3
"""Smallest swing of the anode that counts as an oscillation, in units of the coercive voltage."""


@dataclass(frozen=True, eq=False)
class _Run:
    """Steps of K cells: states after them (N, K, n), work delivered, heat and entropy production, (N, K[, B])."""

    states: FloatArray
    work: FloatArray
    heat: FloatArray
    produced: FloatArray

    def mean(self, k: int, steps: int, dt: float) -> tuple[float, FloatArray, float]:
        """Power, heat rates and dissipation rate of cell ``k`` over the last steps."""
        time = steps * dt
        return (
            float(self.work[-steps:, k].sum()) / time,
            self.heat[-steps:, k].sum(axis=0) / time,
            float(self.produced[-steps:, k].sum()) / time,
        )


def _run(cell: Cell, state: FloatArray, values: FloatArray, choice: IntArray, dt: float) -> _Run:
    """Controls (N, K, m) and choices (N, K) played from the states (K, n)."""
    states, work, heat, produced = [], [], [], []
    for v, c in zip(values, choice, strict=True):
        state, flows = cell.step(state, Control(v, c), dt)
        states.append(state)
        work.append(cell.output(flows))
        heat.append(flows.heat)
        produced.append(flows.entropy_production(cell.betas))
    return _Run(np.array(states), np.array(work), np.array(heat), np.array(produced))


def _held(cell: SelfCyclingCell, loads: FloatArray, steps: int) -> tuple[FloatArray, IntArray]:
    """Constant loads (K,), Ohm, all other controls at rest: values (N, K, m) and choices (N, K)."""
    values = np.tile(at_rest(cell), (steps, len(loads), 1))
    values[:, :, 0] = np.log10(loads)
    return values, np.zeros((steps, len(loads)), dtype=np.int64)


def _fresh(cell: SelfCyclingCell, count: int) -> FloatArray:
    """The usual start with the controls at rest, without fuel that of a cell that was never charged; (K, n)."""
    x = cell.start() if cell.fuelled else cell.start(0.0)
    return np.tile(np.concatenate([x, [0.0], at_rest(cell)]), (count, 1))


def at_rest(cell: SelfCyclingCell) -> FloatArray:
    """Controls that do nothing: the largest load, no source, the Curie temperature as it is; shape (m,)."""
    rest = {"log_R": cell.log_R_max, "V_ext": 0.0, "Tc": cell.Tc}
    return np.array([rest[r.name] for r in cell.control_space.ranges])


# ---- self-cycling cell --------------------------------------------------------------------------------------------


def check_fuel(cell: SelfCyclingCell) -> None:
    """Raise ``ParameterError`` unless there is fuel."""
    if not cell.fuelled:
        raise ParameterError(f"energy_source = {cell.energy_source!r}: without fuel a constant load gets nothing")


def matched_load(cell: SelfCyclingCell, dt: float, weight: float = 1.0) -> CellProtocol:
    """The constant load that is worth most in the steady state; of a bare cell R_m + R_C + R_i.

    Of a cell with so little fuel that there is no steady state the load of the bare cell, over a life.

    Raises:
        ParameterError: for a cell without fuel.
    """
    check_fuel(cell)
    if cell.life_start() is not None:
        load = cell.R_m + cell.R_C + cell.R_i
        return as_protocol(cell, LoadProgram.constant(np.array([load])), dt, f"matched load, {load:.0f} Ohm")
    relaxation = cell.C_A * cell.R_m
    h = min(cell.longest_sub_step, relaxation / 50.0)
    middle, span, state = math.log10(cell.R_m + cell.R_C + cell.R_i), SPAN, _fresh(cell, LOADS)
    low, high = cell.log_R_min, cell.log_R_max
    best = None
    for time in (SETTLED, 0.5 * SETTLED, 0.5 * SETTLED):
        logs = np.clip(np.linspace(middle - span, middle + span, LOADS), low, high)
        run = _run(cell, state, *_held(cell, 10.0**logs, round(time * relaxation / h)), h)
        found = [
            CellProtocol(cell, dt, "", *_held_one(cell, logs[k]), *run.mean(k, 1, h), dt) for k in range(LOADS)
        ]  # fmt: skip
        k = max(range(LOADS), key=lambda k: found[k].objective(weight))
        best, middle, span = found[k], float(logs[k]), 0.25 * span
        state = np.tile(run.states[-1, k], (LOADS, 1))
        state[:, 3:5] = 0.0  # what was used up while it settled
    assert best is not None
    load = f"{10.0 ** best.values[0, 0]:.0f} Ohm"
    return replace(best, label=f"matched load, {load}")


def _held_one(cell: SelfCyclingCell, log_r: float) -> tuple[FloatArray, IntArray]:
    values, choice = _held(cell, np.array([10.0**log_r]), 1)
    return values[:, 0], choice[:, 0]


def oscillating_load(cell: SelfCyclingCell, dt: float, weight: float = 1.0) -> CellProtocol:
    """The constant load that is worth most of those, on a grid over the window R1 to R2, at which the cell oscillates.

    Averages are over whole periods, from one upward crossing of the anode's voltage to another; with little fuel over a
    life, at the load that gets most work from it.

    Raises:
        ParameterError: without fuel, or where none of the loads makes it oscillate.
    """
    check_fuel(cell)
    if cell.life_start() is not None:
        load, _ = best_loads(cell, dt).oscillating
        return as_protocol(cell, LoadProgram.constant(np.array([load])), dt, f"oscillating load, {load:.0f} Ohm")
    reduced = ReducedCell(cell)
    none = ParameterError(f"{cell.title}: no load at which it oscillates is known for these parameters")
    if reduced.a >= 0.0:
        raise none
    edges = np.array(reduced.window)
    if not (np.isfinite(edges) & (edges > 0.0)).all() or edges[0] >= edges[1]:
        raise none
    loads = np.geomspace(edges[0], edges[1], 2 * LOADS + 1)[1:-1:2]
    loads = loads[(loads >= 10.0**cell.log_R_min) & (loads <= 10.0**cell.log_R_max)]
    if not len(loads):
        raise none
    time = SWINGS * sum(reduced.slow_times(float(np.sqrt(edges.prod()))))
    h = cell.longest_sub_step
    run = _run(cell, _fresh(cell, len(loads)), *_held(cell, loads, round(time / h)), h)
    averages = {k: a for k in range(len(loads)) if (a := _over_periods(cell, run, k, h))}
    if not averages:
        raise none

    def made(k: int, average: tuple[float, FloatArray, float, float]) -> CellProtocol:
        label = f"oscillating load, {loads[k]:.0f} Ohm"
        return CellProtocol(cell, dt, label, *_held_one(cell, np.log10(loads[k])), *average)

    best = max(averages, key=lambda k: made(k, averages[k]).objective(weight))
    # on the time grid of the environment
    one = _run(cell, _fresh(cell, 1), *_held(cell, loads[best : best + 1], round(time / dt)), dt)
    return made(best, _over_periods(cell, one, 0, dt) or averages[best])


def _over_periods(cell: SelfCyclingCell, run: _Run, k: int, dt: float) -> tuple[float, FloatArray, float, float] | None:
    """Power, heat rates, dissipation rate and period of an oscillation after half of the run; ``None`` without one."""
    half = len(run.work) // 2
    v = (run.states[half:, k, 0] - run.states[half:, k, 1]) / cell.C_A
    if np.ptp(v) < AMPLITUDE * cell.V_c:
        return None
    v = v - 0.5 * (v.max() + v.min())
    i = np.flatnonzero((v[:-1] < 0.0) & (v[1:] >= 0.0))
    if len(i) < 2:
        return None
    # whole periods: parts of a step at either end
    ends = i + v[i] / (v[i] - v[i + 1])
    time = (ends[-1] - ends[0]) * dt

    def between(flow: FloatArray) -> FloatArray:
        total = np.concatenate([np.zeros((1, *flow.shape[1:])), np.cumsum(flow, axis=0)])
        first, last = (total[j + 1] + (x - j) * flow[j + 1] for x, j in ((ends[0], i[0]), (ends[-1], i[-1])))
        return last - first

    power, heat, produced = (between(a[half:, k]) / time for a in (run.work, run.heat, run.produced))
    return float(power), heat, float(produced), float(time / (len(i) - 1))


def load_program(cell: SelfCyclingCell, dt: float, weight: float = 1.0) -> CellProtocol:
    """The stored load program of a cell with little fuel; without one the best of a search of seconds.

    Raises:
        ParameterError: for a cell whose fuel lasts.
    """
    if cell.life_start() is None:
        raise ParameterError(
            f"N0_A, N0_C = {cell.N0_A!r}, {cell.N0_C!r}: the fuel lasts, so its power counts, not a life"
        )
    program = known_program(cell, dt)
    if program is None:
        program, _ = best_program(cell, dt, generations=1, population=12)
    return as_protocol(cell, program, dt, "load program")


def rest(cell: Cell, dt: float) -> CellProtocol:
    """Nothing is done, and in equilibrium nothing happens; a film in contact with the cold bath.

    Raises:
        ParameterError: for a cell with fuel, whose reactions do not rest.
    """
    if isinstance(cell, SelfCyclingCell):
        if cell.fuelled:
            raise ParameterError(f"energy_source = {cell.energy_source!r}: a cell with fuel does not rest")
        values = at_rest(cell)
    elif isinstance(cell, FerroelectricEngine):
        values = np.array([cell.E_low])
    else:
        values = np.zeros(1)
    choice = np.array([COLD if isinstance(cell, FerroelectricEngine) else 0])
    return CellProtocol(cell, dt, "rest", values[None], choice, 0.0, np.zeros(len(cell.betas)), 0.0, dt)


def alternating_baths(cell: SelfCyclingCell, dt: float, weight: float = 1.0) -> CellProtocol:
    """Cold and hot bath in turn at a constant load; the best of a small grid of periods and loads.

    Raises:
        ParameterError: for a cell that is not run by two baths.
    """
    if cell.energy_source != "two_bath":
        raise ParameterError(f"energy_source = {cell.energy_source!r}: needs two baths to alternate")
    unit = max(1, round(0.5 * cell.C_th / cell.K / dt))
    holds = [unit, 2 * unit, 4 * unit]
    loads = np.geomspace(10.0**cell.log_R_min, 10.0**cell.log_R_max, 5)
    rows = [(n, load) for n in holds for load in loads]
    # of all periods a multiple, and so long that the double layers have settled
    longest = 2 * holds[-1]
    steps = longest * max(4, math.ceil(1.5 * SETTLED * cell.C_A * cell.R_m / (longest * dt)))
    values = _held(cell, np.array([load for _, load in rows]), steps)[0]
    choice = np.array([np.arange(steps) // n % 2 for n, _ in rows]).T
    run = _run(cell, _fresh(cell, len(rows)), values, choice, dt)

    def made(k: int) -> CellProtocol:
        n, load = rows[k]
        period = slice(steps - 2 * n, steps)
        label = f"baths in turn, {load:.0f} Ohm"
        return CellProtocol(cell, dt, label, values[period, k], choice[period, k], *run.mean(k, 2 * n, dt), 2 * n * dt)

    return max(map(made, range(len(rows))), key=lambda p: p.objective(weight))


# ---- capacitor and battery ----------------------------------------------------------------------------------------


def square_wave(cell: FerroelectricCapacitor | DoubleLayerCell, dt: float, weight: float = 1.0) -> CellProtocol:
    """The source at either end of its range in turn, long enough to switch a film; a tenth of a battery's capacity.

    Its power is not positive: what is delivered comes back as heat. Of the capacitor it is that of the limit cycle; of
    the battery it depends on the filling, and is left open.
    """
    if isinstance(cell, FerroelectricCapacitor):
        top, hold = cell.V_max, 4.0 * cell.R * cell.A * float(cell.scales[0]) / cell.V_max
    else:
        top, hold = 0.5 * cell.I_max, 0.2 * cell.Q_cap / cell.I_max
    n = max(1, math.ceil(hold / dt * (1.0 - 1e-9)))
    values = np.repeat([top, -top], n)[:, None]
    choice = np.zeros(2 * n, dtype=np.int64)
    averages = math.nan, np.full(len(cell.betas), math.nan), math.nan
    if isinstance(cell, FerroelectricCapacitor):
        start = np.concatenate([cell.start(), [0.0, 0.0]])[None]
        run = _run(cell, start, np.tile(values, (3, 1))[:, None], np.zeros((6 * n, 1), dtype=np.int64), dt)
        averages = run.mean(0, 2 * n, dt)
    return CellProtocol(cell, dt, "square wave", values, choice, *averages, 2 * n * dt)


def discharge(cell: DoubleLayerCell, dt: float, weight: float = 1.0) -> CellProtocol:
    """A constant current that empties the cell within two hours; its power ends with the charge, and is left open."""
    values = np.array([[min(cell.I_max, cell.Q_cap / 7200.0)]])
    unknown = np.full(len(cell.betas), math.nan)
    return CellProtocol(
        cell, dt, "discharge, C/2", values, np.zeros(1, dtype=np.int64), math.nan, unknown, math.nan, dt
    )
