"""Search for the best cycles of the catalogue and store them as package data (``physics/cycles/known_cycles.json``).

    python benchmarks/known_cycles.py [--only TEXT] [--weights C ...] [--rounds N] [--starts N] [--seed N] [--jobs N]
    python benchmarks/known_cycles.py --show

Every search begins with the cycles that are stored already, and only a better cycle replaces one, so it can be repeated
with other seeds. Interrupted searches go on where they stopped. ``--show`` prints what is stored, recomputed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from szilard.envs.catalogue import CATALOGUE
from szilard.experiments.runs import Problem
from szilard.experiments.search_folder import Search, run_search
from szilard.physics.cycles.known import best_known, start_cycles, store
from szilard.physics.cycles.search import shortest_best
from szilard.physics.machine import AffineMachine

REFRIGERATOR, OSCILLATOR = "szilard/QubitRefrigerator-v0", "szilard/OscillatorEngine-v0"
TARGETS: dict[tuple[str, str], tuple[Sequence[float], int]] = {
    (REFRIGERATOR, "ErdmanNoe2022"): ((1.0,), 64),
    (REFRIGERATOR, "ErdmanNoe2023"): ((1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4), 48),
    (OSCILLATOR, "ErdmanNoe2022"): ((1.0, 0.9, 0.8, 0.7, 0.6, 0.5), 44),
    (OSCILLATOR, "ErdmanNoe2022Wide"): ((1.0,), 44),
}
"""Weights, and the longest period searched, by system and parameter set."""


def problems(only: str) -> Iterator[tuple[str, Problem, Sequence[float], int]]:
    """Name, problem, weights and longest period of the targets whose name contains ``only``."""
    for entry in CATALOGUE:
        for preset in entry.presets:
            name = f"{entry.id.removeprefix('szilard/')} {preset}"
            if (entry.id, preset) in TARGETS and only in name:
                yield name, Problem.of(entry.id, preset), *TARGETS[entry.id, preset]


def affine(problem: Problem) -> AffineMachine:
    """The machine of a target; all of them have limit cycles."""
    assert isinstance(problem.machine, AffineMachine)
    return problem.machine


def show(only: str) -> Iterator[str]:
    """What is stored for each target, recomputed."""
    for name, problem, weights, _ in problems(only):
        for weight in weights:
            best = best_known(affine(problem), problem.dt, weight)
            if best is not None:
                limit = best.cycle.limit_cycle()
                merit = f"COP {limit.cop:.5g}" if problem.machine.is_refrigerator else f"eta {limit.efficiency:.5g}"
                yield (
                    f"{name}, c = {weight:g}: r_c = {best.value:.8g}, {len(best.cycle)} steps, P = {limit.power:.7g}, "
                    f"Sigma = {limit.entropy_production_rate:.6g}, {merit}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of the name of system and parameter set")
    parser.add_argument("--weights", type=float, nargs="+", help="default: all")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--starts", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--period-max", type=int, help="default: that of the target")
    parser.add_argument("--folder", type=Path, default=Path("runs/known_cycles"))
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    console = Console()
    for name, problem, weights, period_max in [] if given.show else problems(given.only):
        for weight in given.weights or weights:
            began = time.perf_counter()
            machine, dt, longest = affine(problem), problem.dt, given.period_max or period_max
            search = Search(machine, dt, weight, longest, given.seed, start_cycles(machine, dt, weight))
            folder = given.folder / f"{name.replace(' ', '-')}-c{weight:g}-N{longest}-s{given.seed}"
            found = run_search(search, folder, given.starts, given.rounds, given.jobs, progress=console.is_terminal)
            best = shortest_best(found)
            new = store(best.cycle, dt, weight)
            top = sorted(found.values(), key=lambda b: -b.value)[:8]
            console.print(
                f"{name}, c = {weight:g}: r_c = {best.value:.8g}, {len(best.cycle)} steps"
                f"{' (stored)' if new else ''}; {time.perf_counter() - began:.0f} s; "
                + ", ".join(f"{len(b.cycle)}: {b.value:.6g}" for b in top),
                soft_wrap=True,
            )
    for line in show(given.only):
        console.print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
