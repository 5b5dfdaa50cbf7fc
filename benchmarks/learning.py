"""How close the agents come to the optimum, over several seeds: the table of results in the README.

    python benchmarks/learning.py --runs runs/learning --jobs 2                       # hybrid_sac on every task
    python benchmarks/learning.py --runs runs/learning --algorithms sac ppo --tasks "oscillator, narrow" --seeds 3
    python benchmarks/learning.py --runs runs/learning --table --write                # the README from what is there

Every run trains the preset as it is, within a limit of wall time that counts imports, reference cycles and evaluation;
the variants of the two-level engine are trained with nothing retuned. What counts is the *final* policy in its exact
limit cycle, in % of the certified upper bound of the optimum, or of the best cycle known where there is no such bound.
A finished run leaves ``score.json`` in its folder and is not repeated, so an interrupted benchmark goes on where it
stopped, and commands with other tasks or agents can share a folder.

With a weight c < 1 the score is the objective c P/P0 - (1 - c) D/D0 that was learned. A demon has no limit cycle: its
score is an average over many long runs, with its standard error. Of a cell with little fuel it is the work of its life.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- learning:[^\n]*-->\n).*?(<!-- /learning -->)", re.DOTALL)


@dataclass(frozen=True)
class Task:
    """One row of the table per agent.

    Attributes:
        environment: id of the catalogue.
        preset: its parameter set.
        parameters: what differs from it.
        seconds: limit of the wall time of a run.
        published: power of the published learned cycle (energy per time), if it is known.
    """

    environment: str
    preset: str
    parameters: dict[str, Any] = field(default_factory=dict)
    seconds: float = 900.0
    published: float | None = None


# the agent sees its last actions and the heat fluxes, and nothing of the state
_BLACK_BOX = {"observation": "history"}
_TWO_LEVEL = ("szilard/TwoLevelEngine-v0", "ErdmanNoe2022")
TASKS: dict[str, Task] = {
    "two-level engine": Task(*_TWO_LEVEL, seconds=60.0),
    "two-level engine, dt = 0.1": Task(*_TWO_LEVEL, {"dt": 0.1}, seconds=60.0),
    "two-level engine, beta_c = 1.3": Task(*_TWO_LEVEL, {"beta_c": 1.3}, seconds=60.0),
    # published: learned cycles of Erdman & Noé, PNAS Nexus 2, pgad248 (2023), by its code
    "refrigerator, Q = 4": Task("szilard/QubitRefrigerator-v0", "ErdmanNoe2023", published=8.631e-4),
    "refrigerator, Q = 30": Task("szilard/QubitRefrigerator-v0", "ErdmanNoe2022"),
    "oscillator, narrow": Task("szilard/OscillatorEngine-v0", "ErdmanNoe2022", published=0.189),
    "refrigerator, Q = 4, black box": Task(
        "szilard/QubitRefrigerator-v0", "ErdmanNoe2023", {**_BLACK_BOX, "history": 32}
    ),
    "oscillator, narrow, black box": Task(
        "szilard/OscillatorEngine-v0", "ErdmanNoe2022", {**_BLACK_BOX, "history": 16}
    ),
    "dead-time demon": Task("szilard/DeadTimeDemon-v0", "default"),
    "feedback demon, c = 1": Task("szilard/FeedbackDemon-v0", "Erdman2024"),
    "feedback demon, c = 0.8": Task("szilard/FeedbackDemon-v0", "Erdman2024", {"weight": 0.8}),
    "two-qubit demon": Task("szilard/TwoQubitDemon-v0", "both"),
    "ferroelectric engine": Task("szilard/FerroelectricEngine-v0", "BaTiO3"),
    "electrocaloric cooler": Task("szilard/ElectrocaloricCooler-v0", "BaTiO3"),
    "self-cycling cell": Task("szilard/SelfCyclingCell-v0", "S2", {"dt": 60.0}),
    "self-cycling cell, one life": Task("szilard/SelfCyclingCell-v0", "little_fuel"),
    "dead-time demon, raw record": Task("szilard/DeadTimeDemon-v0", "default", {**_BLACK_BOX, "history": 32}),
    "feedback demon, c = 1, raw record": Task("szilard/FeedbackDemon-v0", "Erdman2024", {**_BLACK_BOX, "history": 16}),
}

Row = dict[str, Any]


def run(algorithm: str, name: str, seed: int, folder: Path) -> Row:
    """Train one agent in this process; its final score and what it took.

    Raises:
        RuntimeError: if a signal stopped the training; such a run has no score.
    """
    start = time.perf_counter()
    from szilard.experiments.config import RunConfig
    from szilard.experiments.train import train

    task = TASKS[name]
    if folder.exists():  # of a run that was interrupted
        shutil.rmtree(folder)
    config = {
        "environment": {"id": task.environment, "preset": task.preset, "parameters": task.parameters},
        "agent": {"algorithm": algorithm, "seed": seed},
        "run": {
            "run_dir": str(folder),
            "time_limit": task.seconds - max(5.0, 0.02 * task.seconds),
            "tensorboard": False,
        },
    }
    result = train(RunConfig.from_dict(config))
    if not result.finished:
        raise RuntimeError(f"{name}, {algorithm}, seed {seed}: stopped by {result.stopped_by}, has no score")
    seconds = time.perf_counter() - start
    row: Row = {
        "algorithm": algorithm,
        "task": name,
        "seed": seed,
        "power": result.evaluation.power,
        "score": result.score,
        "percent_error": result.percent_error,
        "best_power": result.best_power,
        "best_step": result.best_step,
        "worst_start_power": float(result.evaluation.powers.min()),
        "efficiency": result.evaluation.efficiency,
        "period": result.evaluation.period,
        "steps": result.step,
        "stopped_by": result.stopped_by,
        "seconds": seconds,
        "environment_share": environment_seconds(algorithm, task) * result.step / seconds,
    }
    (folder / "score.json").write_text(json.dumps(row, indent=1) + "\n")  # last: it marks the run as finished
    return row


def environment_seconds(algorithm: str, task: Task) -> float:
    """Time of one step of one copy, in the batch that the preset trains with."""
    import szilard
    from szilard.agents.presets import preset_for

    seen = task.parameters.get("observation", "state")
    num, repeats = preset_for(algorithm, task.environment, seen).n_envs, 500
    env = szilard.make_vec(task.environment, num, preset=task.preset, **task.parameters)
    env.reset(seed=0)
    action = env.action_space.sample()
    start = time.perf_counter()
    for _ in range(repeats):
        env.step(action)
    return (time.perf_counter() - start) / (repeats * num)


def measure(algorithms: Sequence[str], tasks: Sequence[str], seeds: Sequence[int], jobs: int, top: Path) -> None:
    """Train what has no score yet below ``top``; every run has a process of its own.

    Raises:
        SystemExit: if runs failed, with their errors, after all the others have ended.
    """
    from szilard.experiments.sweep import Job, Outcome, sweep

    console = Console(stderr=True)
    wanted = []
    for name, algorithm, seed in product(tasks, algorithms, seeds):
        label = re.sub(r"[^a-z0-9.]+", "-", f"{name} {algorithm} {seed}".lower())
        if not (top / label / "score.json").is_file():
            arguments = {"algorithm": algorithm, "name": name, "seed": seed, "folder": top / label}
            wanted.append(Job(label, run, arguments))

    def told(outcome: Outcome) -> None:
        row = outcome.value
        what = f"P = {row['power']:.6g}, {row['seconds']:.0f} s, stopped by {row['stopped_by']}" if row else "failed"
        console.print(f"{outcome.name}: {what}")

    failed = [o for o in sweep(wanted, jobs, on_done=told) if not o.ok]
    if failed:
        raise SystemExit("\n".join(f"{o.name}: {o.error}" for o in failed))


def scores(top: Path) -> list[Row]:
    """What finished below ``top``, in the order of ``TASKS``."""
    rows = [json.loads(path.read_text()) for path in sorted(top.glob("*/score.json"))]
    names = list(TASKS)
    return sorted(
        (row for row in rows if row["task"] in TASKS),
        key=lambda row: (names.index(row["task"]), row["algorithm"] != "hybrid_sac", row["algorithm"], row["seed"]),
    )


def reference(task: Task) -> tuple[float, str]:
    """Score that counts as 100 % (a power, the work of a life, or with c < 1 the objective r_c), and what it is."""
    from szilard.envs.catalogue import configure
    from szilard.experiments.reference import optimum, reference_lines, weight_of

    machine, settings = configure(task.environment, task.preset, **task.parameters)
    weight = weight_of(settings)
    lines = reference_lines(machine, settings["dt"], weight)
    kind = "certified bound" if "optimum_upper" in lines else "best known"
    if machine.life_start() is not None:
        kind += " work of a life (J)"
    return optimum(lines), kind if weight == 1.0 else f"{kind} of r_c"


def markdown(rows: Iterable[Row]) -> str:
    """The table of the README."""
    lines = [
        "| task | agent | seeds | median P | median % | worst | best | 100 % is | published P "
        "| wall (s) | in environment | steps |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["algorithm"]), []).append(row)
    references = {name: reference(TASKS[name]) for name in dict.fromkeys(name for name, _ in groups)}
    for (name, algorithm), group in groups.items():
        value, kind = references[name]
        # older scores are of tasks without a weight
        percent = [100.0 * row.get("score", row["power"]) / value for row in group]
        error = max(row.get("percent_error", 0.0) for row in group)
        middle = f"**{statistics.median(percent):.2f}**" + (f" ± {error:.2f}" if error >= 0.005 else "")
        published = "" if TASKS[name].published is None else f"{TASKS[name].published:.4g}"
        median = {key: statistics.median(row[key] for row in group)
                  for key in ("power", "seconds", "steps", "environment_share")}  # fmt: skip
        lines.append(
            f"| {name} | {algorithm} | {len(group)} | {median['power']:.5g} | {middle} "
            f"| {min(percent):.2f} | {max(percent):.2f} | {value:.5g}, {kind} | {published} "
            f"| {median['seconds']:.0f} | {median['environment_share']:.1%} | {median['steps']:,.0f} |"
        )
    return "\n".join(lines)


def write_readme(table: str, readme: Path = README) -> None:
    """Replace the table in ``readme``; raises ``ValueError`` if its markers are missing."""
    text = readme.read_text(encoding="utf-8")
    found, count = BLOCK.subn(lambda match: f"{match[1]}{table}\n{match[2]}", text)
    if count != 1:
        raise ValueError(
            f"{readme}: expected one block '<!-- learning: ... -->' ... '<!-- /learning -->', found {count}"
        )
    readme.write_text(found, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", default=["hybrid_sac"])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS), metavar="NAME", help=", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side; each needs about one core")
    parser.add_argument("--runs", type=Path, help="keep the run folders here; default: a temporary folder")
    parser.add_argument("--table", action="store_true", help="train nothing, only show what is in --runs")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    parser.add_argument("--json", type=Path, help="write every run's result here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        top = options.runs or Path(temporary)
        if not options.table:
            seeds = range(options.first_seed, options.first_seed + options.seeds)
            measure(options.algorithms, options.tasks, seeds, options.jobs, top)
        rows = scores(top)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    table = markdown(rows)
    print(table)
    if options.write:
        write_readme(table)


if __name__ == "__main__":
    main()
