"""Time of one step of the cells against scipy's LSODA doing the same, as ratios in one run.

    python benchmarks/cell_speed.py [--json FILE]

LSODA integrates the equations of the self-cycling cell step by step, as a controller must, with the tolerances that
give it the accuracy of the specification (rtol 1e-8) and looser ones (rtol 1e-6); it keeps no ledger. Ours: the
machine's kernel with both laws to round-off, the kernel with their audit, and the full environment step; for a single
cell and for batches. All times are CPU times of one thread; all variants take turns and the median counts.
"""

from __future__ import annotations

import argparse
import json
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
from szilard.physics.cells.cell import Cell
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.self_cycling_cell import K_E, SelfCyclingCell
from szilard.physics.control import Control
from szilard.physics.laws import audit

ROUNDS = 9
SIZES = (1, 64, 1024)
CASES: dict[str, tuple[Cell, float, float, str]] = {
    "self-cycling": (SelfCyclingCell(), 5.0, 3.255, "szilard/SelfCyclingCell-v0"),
    "double-layer": (DoubleLayerCell(), 4.0, 3e-3, "szilard/DoubleLayerCell-v0"),
    "capacitor": (FerroelectricCapacitor(), 20e-9, 5.4, "szilard/NegativeCapacitor-v0"),
    "engine": (FerroelectricEngine(), 5e-3, 6e6, "szilard/FerroelectricEngine-v0"),
}
"""Cell, step (s), control, environment."""


def seconds(call: Callable[[], object], repeats: int) -> float:
    """CPU time of a call."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def lsoda(dt: float, rtol: float) -> Callable[[], object]:
    """One step of the self-cycling cell at 1.8 kOhm by LSODA, from where the last one ended."""
    m = SelfCyclingCell()
    x = m.start()
    now = np.array([*x[:3], m.N0_A, m.N0_C, 0.0])

    def rates(_: float, z: np.ndarray) -> list[float]:
        q_a, y, q_c, n_a, n_c, theta = z.tolist()
        t = m.T_a + theta
        inverse = 1.0 / t - 1.0 / m.T_r
        arrhenius, r_i = np.exp(-m.E_act / K_E * inverse), m.R_i * np.exp(m.E_ion / K_E * inverse)
        v_a, v_c = (q_a - y) / m.C_A, q_c / m.C_C
        s_a, s_c = m.e_A + K_E / m.z_A * np.log(n_a / m.N0_A), m.e_C + K_E / m.z_C * np.log(n_c / m.N0_C)
        e_a, e_c = m.E_A - m.e_A * m.T_r + t * s_a, m.E_C - m.e_C * m.T_r + t * s_c
        g = (1.0 / m.R_p + (1.0 / m.R_m - 1.0 / m.R_p) / (1.0 + np.exp(y / m.y_w))) * arrhenius
        j_a, j_c = g * (e_a - v_a), arrhenius / m.R_C * (e_c - v_c)
        current = (v_a + v_c) / (r_i + 1800.0)
        dy = (v_a - m.V_b - m.a0 * (t - m.Tc) * y - m.b * y**3) / m.R_F
        heat = r_i * current**2 + j_a * (e_a - v_a) + j_c * (e_c - v_c) + m.R_F * dy**2
        warming = (heat + t * m.a0 * y * dy - t * (s_a * j_a + s_c * j_c) - m.K * theta) / m.C_th
        return [j_a - current, dy, j_c - current, -j_a, -j_c, warming]

    def step() -> None:
        nonlocal now
        now = solve_ivp(rates, (0.0, dt), now, "LSODA", rtol=rtol, atol=1e-12).y[:, -1]

    return step


def ours(name: str, k: int) -> dict[str, Callable[[], object]]:
    """The variants for K = ``k``, each advancing all K cells by one step."""
    cell, dt, value, env_id = CASES[name]
    rng = np.random.default_rng(0)
    state = cell.initial_state(rng.random((k, cell.n_initial_uniforms)))
    control = Control(np.full((k, 1), value), np.zeros(k, dtype=np.int64))
    vector = szilard.make_vec(env_id, k)
    vector.reset(seed=0)
    vector.action_space.seed(0)
    action = vector.action_space.sample()
    kernel, audited = [state, None], [state, None]

    def advance() -> None:
        kernel[:] = cell.step(kernel[0], control, dt, last=kernel[1])

    def audit_too() -> None:
        audited[:] = cell.step(audited[0], control, dt, last=audited[1])
        audit(audited[1], cell.betas, cell.energy_scale, cell.tolerance)

    return {"kernel": advance, "kernel + laws": audit_too, "environment": lambda: vector.step(action)}


def measure() -> dict[str, float]:
    """Median seconds per cell and step of every variant; LSODA at the step of the self-cycling cell."""
    dt = CASES["self-cycling"][1]
    calls = {f"LSODA rtol {rtol:g}|1": lsoda(dt, rtol) for rtol in (1e-8, 1e-6)}
    for name in CASES:
        for k in SIZES:
            calls |= {f"{name} {what}|{k}": call for what, call in ours(name, k).items()}
    once = {key: seconds(call, 2) for key, call in calls.items()}
    times: dict[str, list[float]] = {key: [] for key in calls}
    for _ in range(ROUNDS):
        for key, call in calls.items():
            repeats = max(1, round(5e-3 / once[key]))
            times[key].append(seconds(call, repeats) / int(key.split("|")[1]))
    return {key: statistics.median(samples) for key, samples in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write medians (seconds per cell and step) here")
    options = parser.parse_args()
    medians, console = measure(), Console(width=110)
    reference = medians["LSODA rtol 1e-08|1"]
    table = Table(title="One step per cell; a step of the self-cycling cell by LSODA over ours")
    for column in ("cell", "K", "us per step", "LSODA / ours"):
        table.add_column(column, justify="left" if column == "cell" else "right")
    for key, t in medians.items():
        name, k = key.split("|")
        comparable = name.startswith(("self-cycling", "LSODA"))
        table.add_row(name, k, f"{1e6 * t:.3g}", f"{reference / t:.2g}" if comparable else "-")
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps(medians, indent=1) + "\n")


if __name__ == "__main__":
    main()
