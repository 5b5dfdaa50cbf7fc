"""Time of one step of every cell against scipy's LSODA doing the same, as ratios in one run; about two minutes.

    python benchmarks/cell_speed.py [--json FILE]

LSODA integrates the same equations step by step, as a controller must, with the tolerances that give it the accuracy of
the specification (rtol 1e-8); it keeps no ledger and audits nothing. Ours: the machine's kernel with both laws to
round-off, and the full environment step; single and 1024 at once. Steps are those of the environments, controls are
random, the same for both; "held" repeats one control. All times are CPU times of one thread; the median counts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.integrate import solve_ivp

import szilard
from szilard.physics.cells.cell import K_E, Cell
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import Control

ROUNDS, BUDGET = 3, 0.3
"""Rounds of which the median counts, and CPU seconds of a round, about."""
SIZES = (1, 1024)
Rates = Callable[[float, np.ndarray, float, float], list[float]]
"""dz/dt at a time within the step, for the control and the one before it."""


def self_cycling(_: float, z: np.ndarray, value: float, before: float) -> list[float]:
    m = CELLS["self-cycling"]
    assert isinstance(m, SelfCyclingCell)
    q_a, y, q_c, xi_a, xi_c, theta = z.tolist()
    t = m.T_a + theta
    inverse = 1.0 / t - 1.0 / m.T_r
    arrhenius, r_i = math.exp(-m.E_act / K_E * inverse), m.R_i * math.exp(m.E_ion / K_E * inverse)
    v_a, v_c = (q_a - y) / m.C_A, q_c / m.C_C
    s_a, s_c = m.e_A + K_E / m.z_A * math.log1p(-xi_a / m.N0_A), m.e_C + K_E / m.z_C * math.log1p(-xi_c / m.N0_C)
    e_a, e_c = m.E_A - m.e_A * m.T_r + t * s_a, m.E_C - m.e_C * m.T_r + t * s_c
    g = (1.0 / m.R_p + (1.0 / m.R_m - 1.0 / m.R_p) / (1.0 + math.exp(y / m.y_w))) * arrhenius
    j_a, j_c = g * (e_a - v_a), arrhenius / m.R_C * (e_c - v_c)
    current = (v_a + v_c) / (r_i + 10.0**value)
    dy = (v_a - m.V_b - m.a0 * (t - m.Tc) * y - m.b * y**3) / m.R_F
    heat = r_i * current**2 + j_a * (e_a - v_a) + j_c * (e_c - v_c) + m.R_F * dy**2
    warming = (heat + t * m.a0 * y * dy - t * (s_a * j_a + s_c * j_c) - m.K * theta) / m.C_th
    return [j_a - current, dy, j_c - current, j_a, j_c, warming]


def double_layer(_: float, z: np.ndarray, value: float, before: float) -> list[float]:
    m = CELLS["double-layer"]
    assert isinstance(m, DoubleLayerCell)
    q_a, q_c, s, _passed, theta = z.tolist()
    t = m.T_a + theta
    x = 1.0 / (1.0 + math.exp(-s))
    mixing = 0.0 if m.binodal < x < 1.0 - m.binodal else K_E * (s + m.w * (1.0 - 2.0 * x))
    v_a, v_c, e_c = q_a / m.C_A, q_c / m.C_C, m.E_C0 + m.e_C * (t - m.T_r) - t * mixing
    r = m.L / (m.sigma0 * (m.T_r / t) * math.exp(-m.E_a / K_E * (1.0 / t - 1.0 / m.T_r)))
    current = min(max(value, (v_a + v_c - m.V_max) / r), (v_a + v_c - m.V_min) / r)
    j_a = 2.0 * m.i0_A * math.sinh((m.E_A - v_a) / (2.0 * K_E * t))
    j_c = 4.0 * m.i0_C * math.sqrt(x * (1.0 - x)) * math.sinh((e_c - v_c) / (2.0 * K_E * t))
    heat = r * current**2 + j_a * (m.E_A - v_a) + j_c * (e_c - v_c) - t * (m.e_C - mixing) * j_c - m.K * theta
    return [j_a - current, j_c - current, j_c / m.Q_cap / (x * (1.0 - x)), j_a, heat / m.C_th]


def capacitor(_: float, z: np.ndarray, value: float, before: float) -> list[float]:
    m = CELLS["capacitor"]
    assert isinstance(m, FerroelectricCapacitor)
    p, q, theta = z.tolist()
    t, voltage = m.T_a + theta, q / m.C_b
    rate = (voltage / m.L - m.a0 * (t - m.T0) * p - m.b * p**3) / m.rho
    heat = m.volume * (m.rho * rate**2 + m.a0 * t * p * rate) - m.K * theta
    return [rate, (value - voltage) / m.R - m.A * rate, heat / m.heat_capacity]


def engine(time: float, z: np.ndarray, value: float, before: float) -> list[float]:
    m = CELLS["engine"]
    assert isinstance(m, FerroelectricEngine)
    p, theta = z.tolist()
    t, share = m.T_cold + theta, time / STEPS["engine"]
    q = p * p
    field = p * (m.a0 * (t - m.T0) + q * (m.b + q * (m.c + q * m.d)))
    rate = (before + (value - before) * share - field) / m.rho
    return [rate, (m.rho * rate**2 + m.a0 * t * p * rate) / m.cv + (m.T_hot - t) / m.tau]


CELLS: dict[str, Cell] = {
    "self-cycling": SelfCyclingCell(),
    "double-layer": DoubleLayerCell(),
    "capacitor": FerroelectricCapacitor(),
    "engine": FerroelectricEngine(),
}
STEPS = {"self-cycling": 5.0, "double-layer": 10.0, "capacitor": 5e-7, "engine": 0.05}
ENVIRONMENTS = {
    "self-cycling": "szilard/SelfCyclingCell-v0",
    "double-layer": "szilard/DoubleLayerCell-v0",
    "capacitor": "szilard/NegativeCapacitor-v0",
    "engine": "szilard/FerroelectricEngine-v0",
}
RATES: dict[str, Rates] = {
    "self-cycling": self_cycling, "double-layer": double_layer, "capacitor": capacitor, "engine": engine,
}  # fmt: skip


def start(name: str, k: int) -> np.ndarray:
    """The same states for all, (K, n)."""
    cell = CELLS[name]
    return cell.initial_state(np.random.default_rng(1).random((k, cell.n_initial_uniforms)))


def drawn(name: str, k: int, held: bool) -> Callable[[], Control]:
    """The next controls of K cells: in contact with the hot bath, if there is one to choose."""
    space, rng = CELLS[name].control_space, np.random.default_rng(0)
    choice = np.full(k, space.n_choices - 1)
    last = Control(rng.uniform(space.low, space.high, (k, space.n_values)), choice)
    if held:
        return lambda: last
    return lambda: Control(rng.uniform(space.low, space.high, (k, space.n_values)), choice)


def lsoda(name: str, held: bool) -> Callable[[], object]:
    """One step by LSODA, from where the last one ended."""
    cell, dt, rates, draw = CELLS[name], STEPS[name], RATES[name], drawn(name, 1, held)
    atol = 1e-10 * np.abs(cell.scales)
    now, before = start(name, 1)[0, : cell.n_dynamic], float(start(name, 1)[0, -1])

    def step() -> None:
        nonlocal now, before
        value = float(draw().values[0, 0])
        done = solve_ivp(rates, (0.0, dt), now, "LSODA", rtol=1e-8, atol=atol, args=(value, before))
        if not done.success:
            raise ArithmeticError(done.message)
        now, before = done.y[:, -1], value

    return step


def kernel(name: str, k: int, held: bool) -> Callable[[], object]:
    """One step of K cells by the machine."""
    cell, draw, now = CELLS[name], drawn(name, k, held), [start(name, k), None]

    def step() -> None:
        now[:] = cell.step(now[0], draw(), STEPS[name], last=now[1])

    return step


def environment(name: str, k: int, held: bool) -> Callable[[], object]:
    """One step of a vector environment of K cells."""
    vector = szilard.make_vec(ENVIRONMENTS[name], k)
    vector.reset(seed=0)
    vector.action_space.seed(0)
    first = vector.action_space.sample()
    return lambda: vector.step(first if held else vector.action_space.sample())


def seconds(make: Callable[[], Callable[[], object]]) -> float:
    """CPU time of a call: the median of rounds that all begin at the same start, after one call."""
    found = []
    for _ in range(ROUNDS):
        call = make()
        call()
        begin, calls = time.process_time(), 0
        while calls < 2 or (calls < 200 and time.process_time() - begin < BUDGET):
            call()
            calls += 1
        found.append((time.process_time() - begin) / calls)
    return statistics.median(found)


def measure() -> dict[str, float]:
    """Median seconds per cell and step of every variant."""
    found = {}
    for name in CELLS:
        for held in (True, False):
            key = f"{name}|{'held' if held else 'random'}"
            found[f"{key}|LSODA|1"] = seconds(lambda name=name, held=held: lsoda(name, held))
            for k in SIZES:
                for what, make in (("kernel", kernel), ("environment", environment)):
                    t = seconds(lambda name=name, held=held, k=k, make=make: make(name, k, held))
                    found[f"{key}|{what}|{k}"] = t / k
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write medians (seconds per cell and step) here")
    options = parser.parse_args()
    medians = measure()
    table = Table(title="One step per cell; LSODA over ours")
    for column in ("cell", "controls", "what", "K", "us per step", "LSODA / ours"):
        table.add_column(column, justify="left" if column in ("cell", "controls", "what") else "right")
    for key, t in medians.items():
        name, controls, what, k = key.split("|")
        ratio = medians[f"{name}|{controls}|LSODA|1"] / t
        table.add_row(name, controls, what, k, f"{1e6 * t:.3g}", "" if what == "LSODA" else f"{ratio:.2g}")
    Console(width=100).print(table)
    if options.json:
        options.json.write_text(json.dumps(medians, indent=1) + "\n")


if __name__ == "__main__":
    main()
