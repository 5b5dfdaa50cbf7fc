"""Time of one environment step against the QuTiP way of doing the same, as ratios in one run.

    python benchmarks/step_speed.py [--json FILE]

The QuTiP ways, per environment and step of the two-level engine:
  (a) ``qutip.mesolve`` over dt with the Hamiltonian and collapse operators of the step (default tolerances),
  (b) ``qutip.liouvillian`` of the step, then its matrix exponential applied to the state.
Ours: the machine's kernel alone, the kernel with the audit of both laws, and the full environment step (actions
checked, laws audited, ledger, observation). Machines are noisy: all variants take turns and the median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import qutip
from rich.console import Console
from rich.table import Table

import szilard
from szilard.envs.machine_env import MachineEnv
from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.machines.two_level import TwoLevelEngine

DT, ROUNDS = 0.5, 15
SIZES = (1, 8, 64, 1024, 4096)
MACHINE = TwoLevelEngine()
RAISE = qutip.Qobj([[0, 1], [0, 0]])  # basis (e, g)
SIGMA_Z = qutip.sigmaz()
QT: Any = qutip  # its annotations do not match what it accepts


def qutip_step(u: float, bath: int) -> tuple[qutip.Qobj, list[qutip.Qobj]]:
    """Hamiltonian and collapse operators of one step."""
    gap = MACHINE.E0 * u
    up, down = (float(f(np.array(gap))) for f in (MACHINE.baths[bath].absorption, MACHINE.baths[bath].emission))
    return 0.5 * gap * SIGMA_Z, [up**0.5 * RAISE, down**0.5 * RAISE.dag()]


def by_mesolve(rho: qutip.Qobj, u: float, bath: int) -> qutip.Qobj:
    hamiltonian, collapse = qutip_step(u, bath)
    return qutip.mesolve(hamiltonian, rho, [0.0, DT], collapse).states[-1]


def by_expm(rho: qutip.Qobj, u: float, bath: int) -> qutip.Qobj:
    liouvillian = QT.liouvillian(*qutip_step(u, bath))
    return qutip.vector_to_operator((DT * liouvillian).expm() * qutip.operator_to_vector(rho))


def seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def ours(k: int) -> dict[str, Callable[[], object]]:
    """The variants for K = ``k``, each advancing all K environments by one step."""
    rng = np.random.default_rng(0)
    state = MACHINE.initial_state(rng.random((k, 1)))
    control = Control(rng.uniform(0.3, 1.0, (k, 1)), rng.integers(0, 2, k))
    vector, lawless = (szilard.make_vec("szilard/TwoLevelEngine-v0", k, check_laws=laws) for laws in (True, False))
    for env in (vector, lawless):
        env.reset(seed=0)
    vector.action_space.seed(0)
    action = vector.action_space.sample()
    now: list[Any] = [state, None]

    def audited() -> None:
        now[:] = MACHINE.step(now[0], control, DT, None, now[1])
        audit(now[1], MACHINE.betas, MACHINE.energy_scale)

    variants: dict[str, Callable[[], object]] = {
        "kernel": lambda: MACHINE.propagate(state, control, DT),
        "kernel + laws": audited,
        "vector env": lambda: vector.step(action),
        "vector env, laws off": lambda: lawless.step(action),
    }
    if k == 1:
        single = MachineEnv(MACHINE, DT)
        single.reset(seed=0)
        one = {name: part[0] for name, part in action.items()}
        variants["single env"] = lambda: single.step(one)
    return variants


def check_that_all_compute_the_same() -> None:
    p, u, bath = 0.2, 0.8, 0
    rho = qutip.Qobj(np.diag([p, 1 - p]))
    exact = MACHINE.step(np.array([[p, u]]), Control(np.array([[u]]), np.array([bath])), DT)[0][0, 0]
    for way, tolerance in ((by_mesolve, 1e-5), (by_expm, 1e-10)):
        found = way(rho, u, bath)[0, 0].real
        if abs(found - exact) > tolerance:
            raise SystemExit(f"{way.__name__} gives p = {found!r}, the closed form {exact!r}")


def measure() -> dict[str, dict[str, float]]:
    """Median seconds per environment and step of every variant."""
    rho = qutip.Qobj(np.diag([0.2, 0.8]))
    calls: dict[tuple[str, int], tuple[Callable[[], object], int]] = {
        ("mesolve", 1): (lambda: by_mesolve(rho, 0.8, 0), 20),
        ("expm", 1): (lambda: by_expm(rho, 0.8, 0), 20),
    }
    for k in SIZES:
        for name, call in ours(k).items():
            calls[name, k] = (call, max(10, 400 // max(1, k // 16)))
    times: dict[tuple[str, int], list[float]] = {key: [] for key in calls}
    for _ in range(ROUNDS):
        for key, (call, repeats) in calls.items():
            times[key].append(seconds(call, repeats) / key[1])
    result: dict[str, dict[str, float]] = {}
    for (name, k), samples in times.items():
        result.setdefault(name, {})[str(k)] = statistics.median(samples)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write medians (seconds per environment and step) here")
    options = parser.parse_args()
    check_that_all_compute_the_same()
    medians = measure()
    mesolve, expm = medians["mesolve"]["1"], medians["expm"]["1"]
    table = Table(title="One step of the two-level engine: how many times faster per environment")
    for column in ("ours", "K", "us per env-step", "QuTiP mesolve / ours", "QuTiP expm / ours"):
        table.add_column(column, justify="left" if column == "ours" else "right")
    for name in ("kernel", "kernel + laws", "single env", "vector env", "vector env, laws off"):
        for k, t in medians[name].items():
            table.add_row(name, k, f"{1e6 * t:.3g}", f"{mesolve / t:,.0f}", f"{expm / t:,.1f}")
        table.add_section()
    console = Console()
    console.print(table)
    console.print(f"QuTiP {qutip.__version__}: mesolve {1e6 * mesolve:.0f} us, Liouvillian + expm {1e6 * expm:.0f} us")
    for k in map(str, SIZES):
        checks = 1 - medians["vector env, laws off"][k] / medians["vector env"][k]
        ledger = 1 - medians["kernel"][k] / medians["kernel + laws"][k]
        console.print(
            f"K = {k:>4}: checking the laws is {checks:.0%} of an environment step; "
            f"with energies and entropies for the ledger it is {ledger:.0%} of a bare kernel step"
        )
    if options.json:
        options.json.write_text(json.dumps(medians, indent=1) + "\n")


if __name__ == "__main__":
    main()
