"""Study: self-oscillation of the self-cycling cell under a constant load, its conditions, its window and its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...physics.cells.hopf import Linearised, ReducedCell
from ...physics.cells.self_cycling_cell import SelfCyclingCell
from .cell_oscillation_figure import draw
from .cell_tools import Played, laws, play, voltage
from .study import (
    REFERENCE_VALUE,
    Check,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    trend,
)

SOURCE = "a lumped model after M. H. Braga et al., Appl. Phys. Rev. 7, 011406 (2020), known from abstract and review"
LOAD, HOURS, STEP = 1800.0, 12.0, 10.0
"""Load (Ohm), length (h) and step (s) of the reference run."""
BELOW, ABOVE = 1168.58, 1203.99
"""0.99 R1 and 1.02 R1, Ohm: next to the lower edge of the window."""
LOADS = (1000.0, 1150.0, BELOW, ABOVE, LOAD, 2200.0, 2500.0, 2788.0, 3500.0)
"""Loads of the sweep, Ohm; all run side by side."""
WARM = {
    313.15: (600.0, 700.0, 900.0, 1300.0, LOAD, 1900.0, 2400.0),
    328.15: (400.0, 600.0, 900.0, 1150.0, 1500.0, LOAD),
}
"""Loads at other temperatures (K), Ohm."""
COLD = {238.15: (LOAD, 8e3, 1.3e4, 1.6e4)}
"""The same where a period takes hours; above the window the cell takes days to become steady."""
OSCILLATES = {
    238.15: False, 253.15: False, 273.15: False, 283.15: False, 298.15: True, 313.15: True, 328.15: False, 338.15: False
}  # fmt: skip
"""Whether the cell does at 1.8 kOhm, according to the specification."""
COARSE = 20000
"""Fewer samples than this: no other temperatures, shorter controls."""
STEADY = 1e-3
"""Amplitude below which a run counts as steady, V."""

ABOUT = (
    "Under a constant load the lumped model oscillates for hours: the double layer behind a negative capacitance, with "
    "an anode whose reaction the interface slows down. For 40 % of the time its voltage rises while it delivers. What "
    "drives it is the affinity of the anode: without it, without the well, or with a reaction that does not care for "
    "the interface, nothing oscillates, and it ends with the fuel. Numbers of this model: its parameters are chosen to "
    "meet the class of reported values and are not fitted to any cell."
)


class Swing(NamedTuple):
    """Peak-to-peak amplitude of the terminal voltage in the second half of a run (V), and its period (s) or NaN."""

    amplitude: float
    period: float


class Sweep(NamedTuple):
    """Amplitudes (V) at the loads (Ohm) of one temperature (K)."""

    temperature: float
    loads: np.ndarray
    amplitudes: np.ndarray


def swing(times: np.ndarray, volts: np.ndarray) -> Swing:
    """As the specification measures it: upward crossings of the middle, after the first 30 % of the run."""
    half = len(times) // 2
    amplitude = float(np.ptp(volts[half:]))
    late = times > 0.3 * times[-1]
    t, v = times[late], volts[late] - 0.5 * (volts[late].max() + volts[late].min())
    up = np.flatnonzero((v[:-1] < 0.0) & (v[1:] >= 0.0))
    crossings = t[up] - v[up] * (t[up + 1] - t[up]) / (v[up + 1] - v[up])
    known = amplitude > STEADY and len(crossings) > 1
    return Swing(amplitude, float(np.diff(crossings).mean()) if known else np.nan)


def chemical(cell: SelfCyclingCell, run: Played, k: int = 0) -> np.ndarray:
    """Exergy that the reactions release in each step, j_A E_A + j_C E_C, J: what they dissipate, and charge with."""
    q_a, y, q_c, xi_a, xi_c = (run.x[:, i, k] for i in range(5))
    v_a, v_c = (q_a - y) / cell.C_A, q_c / cell.C_C
    charged = sum(0.5 * (v[1:] + v[:-1]) * np.diff(xi) for v, xi in ((v_a, xi_a), (v_c, xi_c)))
    return charged + run.dissipated[:, 1, k] + run.dissipated[:, 2, k]


def produced(cell: SelfCyclingCell, run: Played, k: int = 0) -> float:
    """Entropy produced inside the cell, without the conduction of heat to the bath, J/K."""
    mean = cell.T_a + 0.5 * (run.theta[1:, k] + run.theta[:-1, k])
    return float((run.dissipated[:, :, k].sum(axis=1) / mean).sum())


def loaded(cell: SelfCyclingCell, loads: Sequence[float], hours: float, step: float) -> Played:
    """The cell from the start of the specification at K loads."""
    count = len(loads)
    x = np.repeat(cell.start()[:, None], count, axis=1)
    return play(cell, x, np.zeros(count), np.log10([loads]), step, round(3600.0 * hours / step))


def sweep(cell: SelfCyclingCell, loads: Sequence[float], hours: float) -> Sweep:
    """Amplitudes at one temperature."""
    run = loaded(cell, loads, hours, cell.longest_sub_step)
    found = [swing(run.times, voltage(cell, run, k)[0]).amplitude for k in range(len(loads))]
    return Sweep(cell.T_a, np.array(loads), np.array(found))


def edges(temperature: float) -> tuple[float, float]:
    """Loads (Ohm) between which the reduced model has no stable fixed point: both conditions hold, between the folds.

    Outside of the folds another fixed point is stable.
    """
    cell = SelfCyclingCell(T_a=temperature)
    reduced = ReducedCell(replace(cell, E_A=cell.E_A + cell.e_A * (temperature - cell.T_r)))
    y = np.linspace(-reduced.fold, reduced.fold, 4003)[1:-1]
    loads = reduced.load_of(y)
    unstable = loads[reduced.at(y, loads).oscillates & (loads > 0.0)]
    first, second = reduced.window
    return max(float(unstable.min(initial=np.inf)), first), min(float(unstable.max(initial=0.0)), second)


def to_and_fro(values: np.ndarray) -> float:
    """How far the second half goes besides its net change: zero if it is monotonic."""
    late = values[len(values) // 2 :]
    return float(np.abs(np.diff(late)).sum() - abs(late[-1] - late[0]))


def without_well(cell: SelfCyclingCell) -> tuple[SelfCyclingCell, np.ndarray]:
    """The same a0 and b with a Curie temperature of 250 K, and a start with an empty interface."""
    flat = replace(cell, well_a0=cell.a0, well_b=cell.b, Tc=250.0)
    return flat, np.array([0.6 * cell.C_A, 0.0, cell.C_C * cell.E_C, 0.0, 0.0])


def controls(hours: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Times and voltages of cells that lack one ingredient."""
    cell = SelfCyclingCell()
    dead = replace(cell, energy_source="none")
    starts = {
        "$R_p = R_m$": (replace(cell, R_p=cell.R_m), cell.start()),
        "no well": without_well(cell),
        "no affinity": (dead, dead.start()),
    }
    found = {}
    for name, (one, x) in starts.items():
        steps = round(3600.0 * hours / one.longest_sub_step)
        run = play(one, x[:, None], np.zeros(1), np.log10([[LOAD]]), one.longest_sub_step, steps)
        found[name] = run.times, voltage(one, run)[0]
    return found


class Exhaustion(NamedTuple):
    """A cell with little fuel: times (s), v_A + v_C and voltage (V), work and exergy given up so far (J)."""

    times: np.ndarray
    open_circuit: np.ndarray
    volts: np.ndarray
    work: np.ndarray
    exergy: np.ndarray


def exhaustion(hours: float) -> Exhaustion:
    """Until 5 C of the anode's fuel are gone."""
    cell = SelfCyclingCell(N0_A=5.0, N0_C=500.0, N_half=0.1)
    run = loaded(cell, (LOAD,), hours, cell.longest_sub_step)
    states = run.state()
    exergy = cell.internal_energy(states) - cell.ambient * cell.entropy(states)
    work = np.concatenate([[0.0], np.cumsum(run.delivered[:, 0])])
    return Exhaustion(run.times, cell.source_at(states)[0], cell.terminal(states)[0], work, exergy[0] - exergy)


def random_sets(count: int, rng: np.random.Generator) -> Linearised:
    """Linearised models with parameters over several decades, of either sign where it matters."""
    c, r, g = (10.0 ** rng.uniform(*span, count) for span in ((-1, 2), (0, 3), (-4, -1)))
    k = rng.choice([-1.0, 1.0], count, p=[0.8, 0.2]) * 10.0 ** rng.uniform(-2, 1, count)
    j = rng.choice([-1.0, 1.0], count, p=[0.8, 0.2]) * 10.0 ** rng.uniform(-4, 0, count)
    return Linearised(c, r, g, k, j)


def run(settings: Settings) -> StudyResult:
    """Do it; only the parameter sets of the Hopf conditions are random."""
    coarse = settings.samples < COARSE
    cell = SelfCyclingCell()
    loads = LOADS[::4] if coarse else LOADS
    main = loaded(cell, loads, HOURS, STEP)
    at = loads.index(LOAD)
    states, t = main.state(at), main.times
    volts, current = cell.terminal(states)
    found = swing(t, volts)
    late = t >= 4 * 3600.0
    window = (t > 2 * 3600.0) & (t < 6 * 3600.0)
    slope = np.gradient(volts, t)
    charging = window & (slope > 0.0)
    apparent = -float(current[charging].mean() / slope[charging].mean())
    work, heat = float(main.delivered[:, at].sum()), -float(main.heat[:, 0, at].sum())

    amplitudes = np.array([swing(t, voltage(cell, main, k)[0]).amplitude for k in range(len(loads))])
    sweeps = [Sweep(cell.T_a, np.array(loads), amplitudes)]
    if not coarse:
        sweeps += [sweep(SelfCyclingCell(T_a=x), loads, 8.0) for x, loads in WARM.items()]
    if settings.samples > COARSE:
        sweeps += [sweep(SelfCyclingCell(T_a=x), loads, 36.0) for x, loads in COLD.items()]
    lacking = controls(3.0 if coarse else 6.0)
    spent = exhaustion(8.0 if coarse else 12.0)

    sets = random_sets(4000, settings.rng())
    growing = (np.linalg.eigvals(sets.jacobian).real > 0.0).all(axis=1)
    lower, upper = edges(cell.T_a)
    reduced = ReducedCell(cell)
    r1, r2 = reduced.window
    checks: list[Check] = [
        Check("period", "period (s)", found.period, 4041.7753, 6.0, REFERENCE_VALUE),
        Check("amplitude", "peak to peak (V)", found.amplitude, 0.2116, 3e-4, REFERENCE_VALUE),
        Check("V", "least voltage after 4 h (V)", volts[late].min(), 0.892821, 3e-4, REFERENCE_VALUE),
        Check("V", "largest voltage after 4 h (V)", volts[late].max(), 1.104464, 3e-4, REFERENCE_VALUE),
        Check("I", "least current after 4 h (mA)", current[late].min() * 1e3, 0.49601, 2e-4, REFERENCE_VALUE),
        Check("I", "largest current after 4 h (mA)", current[late].max() * 1e3, 0.61359, 2e-4, REFERENCE_VALUE),
        Check("T", "least T - T_a after 4 h (mK)", main.theta[late, at].min() * 1e3, 1.712, 5e-3, REFERENCE_VALUE),
        Check("12 h", "work (J)", work, 23.787776, 5e-3, REFERENCE_VALUE),
        Check("12 h", "heat to the bath (J)", heat, 14.804919, 8e-3, REFERENCE_VALUE),
        Check("12 h", "chemical exergy (J)", chemical(cell, main, at).sum(), 36.931063, 1e-2, REFERENCE_VALUE),
        Check("12 h", "entropy produced inside (J/K)", produced(cell, main, at), 0.0425856, 3e-5, REFERENCE_VALUE),
        Check("self-charge", "share of the time with dV/dt > 0, 2 to 6 h", charging.sum() / window.sum(), 0.399, 3e-3,
              REFERENCE_VALUE),
        Check("self-charge", "apparent capacitance in it (F)", apparent, -3.98, 0.04, REFERENCE_VALUE),
        *laws("1.8 kOhm", cell, main),
        agreement("Hopf", f"random sets, of {np.size(growing)}, whose eigenvalues say otherwise",
                  float((growing != sets.oscillates).sum()), 0.0, 0.0),
        Check("window", "fold R2 of the reduced model (Ohm)", r2, 2844.7, 0.06, REFERENCE_VALUE),
        Check("window", "upper edge by H1 (Ohm), above 2500", upper, 2500.0, 0.0, REFERENCE_VALUE, ">="),
        Check("window", "upper edge by H1 (Ohm), below 2788", upper, 2788.0, 0.0, REFERENCE_VALUE, "<="),
        Check("window", "lower edge, Hopf / R1", lower / r1, 1.0, 0.02, REFERENCE_VALUE),
        agreement("window", f"temperatures, of {len(OSCILLATES)}, with another answer at 1.8 kOhm",
                  float(sum((edges(t)[0] < LOAD < edges(t)[1]) != so for t, so in OSCILLATES.items())), 0.0, 0.0),
        Check("singular", "period for R_F -> 0, folds (s)", sum(reduced.slow_times(LOAD, reduced.fold)), 3349.6, 0.1,
              REFERENCE_VALUE),
        *(
            Check("control", f"way to and fro of the voltage, second half, {name} (mV)", to_and_fro(v) * 1e3, 0.0, 0.2,
                  REFERENCE_VALUE, "<=")
            for name, (_, v) in lacking.items()
        ),
        *(
            Check("fuel", f"v_A + v_C after {h} h with 5 C of fuel (V)", float(np.interp(3600.0 * h, spent.times,
                  spent.open_circuit)), value, 0.01, REFERENCE_VALUE)
            for h, value in ((0, 0.85), (2, 0.99), (4, 0.41), (6, 0.156), (8, 0.059))
        ),
        Check("fuel", "work / exergy given up, largest", float((spent.work[1:] / spent.exergy[1:]).max()), 1.0, 0.0,
              "second law", "<="),
    ]  # fmt: skip
    if not coarse:
        below, above = (float(amplitudes[loads.index(x)]) for x in (BELOW, ABOVE))
        checks += [
            agreement("window", "R1 of the loads next to it (Ohm)", BELOW / 0.99, r1, 0.01),
            Check("window", "amplitude at 0.99 R1 (V)", below, STEADY, 0.0, REFERENCE_VALUE, "<="),
            Check("window", "amplitude at 1.02 R1 (V)", above, STEADY, 0.0, REFERENCE_VALUE, ">="),
        ]
    for s in sweeps:
        inside = (s.loads > 1.02 * edges(s.temperature)[0]) & (s.loads < 0.98 * edges(s.temperature)[1])
        outside = (s.loads < 0.98 * edges(s.temperature)[0]) | (s.loads > 1.02 * edges(s.temperature)[1])
        name = f"{s.temperature - 273.15:g} C"
        checks += [
            trend("window", f"least amplitude inside the window, {name} (V)", s.amplitudes[inside].min(), STEADY,
                  "Hopf conditions"),
            Check("window", f"largest amplitude outside of it, {name} (V)", s.amplitudes[outside].max(), STEADY, 0.0,
                  "Hopf conditions", "<="),
        ]  # fmt: skip
    table = Table(("quantity", "T_K", "load_Ohm", "t_s", "V_V", "theta_K", "value"))
    table.add("run", cell.T_a, LOAD, t, volts, main.theta[:, at], current)
    for s in sweeps:
        table.add("amplitude", s.temperature, s.loads, "", "", "", s.amplitudes)
    for name, (times, v) in lacking.items():
        table.add(name, cell.T_a, LOAD, times[::10], v[::10], "", "")
    table.add("5 C of fuel", cell.T_a, LOAD, spent.times[::10], spent.volts[::10], "", spent.work[::10])
    picture = draw(cell, LOAD, t, states, volts, sweeps, lacking, spent, edges)
    return StudyResult(picture, table, tuple(checks))


TITLE = "self-oscillation under a constant load: ledger, Hopf conditions, window, controls, fuel"
STUDY = Study("self-oscillation", TITLE, SOURCE, ABOUT, run)
