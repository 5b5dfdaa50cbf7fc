"""How close the agents come to the certified optimum, over several seeds and variants of the two-level engine.

    python benchmarks/learning.py [--algorithms hybrid_sac ...] [--variants ...] [--seeds 5] [--jobs 1] [--json FILE]

Every run trains the preset as it is, with nothing retuned for the variant, for at most 60 s of wall time (imports
and evaluation included); what counts is the *final* policy, evaluated in its limit cycle, in % of the certified upper
bound. The optimal policy of a variant scores 100 % up to the gap of its certificate (about 1e-5).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console

ENVIRONMENT = "szilard/TwoLevelEngine-v0"
SECONDS = 60.0
VARIANTS: dict[str, dict[str, Any]] = {
    "preset (dt = 0.5)": {},
    "dt = 0.1": {"dt": 0.1},
    "beta_c = 1.3": {"beta_c": 1.3},
}


def run(algorithm: str, parameters: dict[str, Any], seed: int, folder: str) -> dict[str, Any]:
    """Train one agent in this process; its final score and what it took."""
    start = time.perf_counter()
    from szilard.experiments.config import RunConfig
    from szilard.experiments.train import train

    settings = {"run_dir": folder, "time_limit": SECONDS - 5.0, "tensorboard": False}
    agent = {"algorithm": algorithm, "seed": seed}
    result = train(
        RunConfig.from_dict(
            {"environment": {"id": ENVIRONMENT, "parameters": parameters}, "agent": agent, "run": settings}
        )
    )
    seconds = time.perf_counter() - start
    return {
        "seed": seed,
        "percent": result.percent,
        "best_percent": result.percent * result.best_power / result.evaluation.power,
        "worst_start_percent": result.percent * float(result.evaluation.powers.min()) / result.evaluation.power,
        "steps": result.step,
        "stopped_by": result.stopped_by,
        "seconds": seconds,
        "environment_share": environment_seconds(parameters, algorithm) * result.step / seconds,
    }


def environment_seconds(parameters: dict[str, Any], algorithm: str) -> float:
    """Time of one step of one copy, in the batch that the preset trains with."""
    import szilard
    from szilard.agents.presets import PRESETS

    num, repeats = PRESETS[algorithm].n_envs, 500
    env = szilard.make_vec(ENVIRONMENT, num, **parameters)
    env.reset(seed=0)
    action = env.action_space.sample()
    start = time.perf_counter()
    for _ in range(repeats):
        env.step(action)
    return (time.perf_counter() - start) / (repeats * num)


def measure(
    algorithms: list[str], variants: list[str], seeds: int, jobs: int
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Results by algorithm and variant; every run has a process of its own."""
    with (
        tempfile.TemporaryDirectory() as top,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        futures = {
            (algorithm, name): [
                pool.submit(run, algorithm, VARIANTS[name], seed, f"{top}/{algorithm}-{index}-{seed}")
                for seed in range(seeds)
            ]
            for algorithm in algorithms
            for index, name in enumerate(variants)
        }
        console = Console(stderr=True)
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for (algorithm, name), group in futures.items():
            rows = [future.result() for future in group]
            found.setdefault(algorithm, {})[name] = rows
            console.print(f"{algorithm}, {name}: {', '.join(format(r['percent'], '.2f') for r in rows)} %")
        return found


def markdown(found: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    """The table of the README."""
    lines = [
        "| agent | variant | median % of optimum | worst seed | best seed | wall (s) | in environment | steps |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for algorithm, variants in found.items():
        for name, rows in variants.items():
            scores = [r["percent"] for r in rows]
            seconds = statistics.median(r["seconds"] for r in rows)
            steps = statistics.median(r["steps"] for r in rows)
            share = statistics.median(r["environment_share"] for r in rows)
            lines.append(
                f"| {algorithm} | {name} | {statistics.median(scores):.2f} | {min(scores):.2f} | {max(scores):.2f} "
                f"| {seconds:.0f} | {share:.1%} | {steps:,.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", default=["hybrid_sac"])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side; each needs about one core")
    parser.add_argument("--json", type=Path, help="write every run's result here")
    options = parser.parse_args()
    found = measure(options.algorithms, options.variants, options.seeds, options.jobs)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(markdown(found))


if __name__ == "__main__":
    main()
