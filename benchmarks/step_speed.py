"""Time of one environment step against the QuTiP way of doing the same, as ratios in one run.

    python benchmarks/step_speed.py [--json FILE] [--machine NAME]

The QuTiP ways are in ``other_ways.py``: ``qutip.mesolve``, and the Liouvillian with its matrix exponential; those of
the machines with measurements are in ``demon_ways.py``. Ours: the machine's kernel alone, the kernel with the audit of
both laws, and the full environment step (actions checked, laws audited, ledger, observation). The last column compares
with the CPU time of a step of the authors' published environments, which the specification gives in units of one
compiled closed-form step; that unit is timed here as well. All times are CPU times of one thread; all variants take
turns and the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import qutip
from demon_ways import continuous, feedback, two_qubits
from demon_ways import refrigerator as measured_refrigerator
from other_ways import LEVELS, LEVELS_EXPM, Case, compiled_unit, oscillator, refrigerator, two_level
from rich.console import Console
from rich.table import Table

import szilard
from szilard.envs.machine_env import MachineEnv
from szilard.physics.control import Control
from szilard.physics.laws import audit

ROUNDS = 15
SIZES = (1, 8, 64, 1024, 4096)
CASES: dict[str, Callable[[], Case]] = {
    "two-level": two_level,
    "refrigerator": refrigerator,
    "oscillator": oscillator,
    "feedback demon": feedback,
    "two-qubit demon": two_qubits,
    "continuous demon": continuous,
    "measurement refrigerator": measured_refrigerator,
}
OURS = ("kernel", "kernel + laws", "single env", "vector env", "vector env, laws off")
Medians = dict[str, dict[str, float]]


def seconds(call: Callable[[], object], repeats: int) -> float:
    """CPU time of a call: other processes of a busy computer do not count."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def ours(case: Case, k: int) -> dict[str, Callable[[], object]]:
    """The variants for K = ``k``, each advancing all K environments by one step."""
    machine, dt, rng = case.machine, case.dt, np.random.default_rng(0)
    space = machine.control_space
    state = machine.initial_state(rng.random((k, machine.n_initial_uniforms)))
    # with a bath, without one there is less to compute; of the demons half of the systems measure
    uniforms = rng.random((k, machine.n_step_uniforms)) if machine.is_stochastic else None
    control = Control(
        rng.uniform(space.low, space.high, (k, space.n_values)), rng.integers(0, min(2, space.n_choices), k)
    )
    vector, lawless = (szilard.make_vec(case.env_id, k, check_laws=laws) for laws in (True, False))
    for env in (vector, lawless):
        env.reset(seed=0)
    vector.action_space.seed(0)
    action = vector.action_space.sample()
    now: list[Any] = [state, None]

    def audited() -> None:
        now[:] = machine.step(now[0], control, dt, uniforms, now[1])
        audit(now[1], machine.betas, machine.energy_scale)

    variants: dict[str, Callable[[], object]] = {
        "kernel": lambda: machine.propagate(state, control, dt, uniforms),
        "kernel + laws": audited,
        "vector env": lambda: vector.step(action),
        "vector env, laws off": lambda: lawless.step(action),
    }
    if k == 1:
        single = MachineEnv(machine, dt)
        single.reset(seed=0)
        one = {name: part[0] for name, part in action.items()} if isinstance(action, dict) else action[0]
        variants["single env"] = lambda: single.step(one)
    return variants


def measure(case: Case, unit: Callable[[], object] | None) -> Medians:
    """Median seconds per environment and step of every variant."""
    calls: dict[tuple[str, int], Callable[[], object]] = {("mesolve", 1): case.mesolve, ("expm", 1): case.expm}
    if unit is not None:
        calls["unit", 1] = unit
    for k in SIZES:
        for name, call in ours(case, k).items():
            calls[name, k] = call
    # about 5 ms for each turn; what takes longer than that takes part in every fifth round
    once = {key: seconds(call, 3) for key, call in calls.items()}
    repeats = {key: max(1, round(5e-3 / t)) for key, t in once.items()}
    times: dict[tuple[str, int], list[float]] = {key: [] for key in calls}
    for turn in range(ROUNDS):
        for key, call in calls.items():
            if once[key] < 0.05 or turn % 5 == 0:
                steps = key[1] * (case.steps if key[0] in ("mesolve", "expm") else 1)
                times[key].append(seconds(call, repeats[key]) / steps)
    result: Medians = {}
    for (name, k), samples in times.items():
        result.setdefault(name, {})[str(k)] = statistics.median(samples)
    return result


def show(console: Console, name: str, case: Case, medians: Medians) -> None:
    mesolve, expm = medians["mesolve"]["1"], medians["expm"]["1"]
    published = case.published * medians["unit"]["1"] if case.published and "unit" in medians else None
    table = Table(title=f"One step of the {name} machine: how many times faster per environment")
    for column in ("ours", "K", "us per env-step", "mesolve / ours", "expm / ours", "published / ours"):
        table.add_column(column, justify="left" if column == "ours" else "right")
    for variant in OURS:
        for k, t in medians[variant].items():
            last = f"{published / t:,.2g}" if published else "-"
            table.add_row(variant, k, f"{1e6 * t:.3g}", f"{mesolve / t:,.0f}", f"{expm / t:,.1f}", last)
        table.add_section()
    console.print(table)
    console.print(f"QuTiP {qutip.__version__}: mesolve {1e6 * mesolve:.0f} us, Liouvillian + expm {1e6 * expm:.0f} us")
    if name == "oscillator":
        console.print(
            f"Fock levels: {LEVELS} for mesolve; {LEVELS_EXPM} for expm, too few for the hot bath: a lower bound "
            f"(with {LEVELS} a step takes minutes)"
        )
    if published:
        console.print(
            f"published environment: {case.published:g} units of a compiled closed-form step called from Python "
            f"({1e6 * medians['unit']['1']:.2f} us here)"
        )
    for k in map(str, SIZES):
        checks = 1 - medians["vector env, laws off"][k] / medians["vector env"][k]
        console.print(f"K = {k:>4}: checking the laws is {checks:.0%} of an environment step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write medians (seconds per environment and step) here")
    parser.add_argument("--machine", choices=list(CASES), help="only this machine")
    options = parser.parse_args()
    unit, console, results = compiled_unit(), Console(width=110), {}
    for name in [options.machine] if options.machine else CASES:
        case = CASES[name]()
        case.check()
        results[name] = measure(case, unit)
        show(console, name, case, results[name])
    if unit is None:
        console.print("no C compiler found: the unit of the published step times could not be timed")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
