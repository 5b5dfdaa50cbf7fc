"""``szilard pareto``: the front of power against dissipation, learned, optimised and by references.

front/<name>/       run folder of every training, and points.json with what its policy is worth at every weight
optimum.json        the optimiser's front
settings.json       what was asked for; a folder belongs to one question
pareto.csv, pareto.json, figures/front.png, figures/front.svg

Everything that is finished is kept: the same command continues an interrupted one.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..envs.catalogue import entry
from ..physics.cycles.cycle import Cycle, NoLimitCycleError
from ..physics.cycles.known import known_cycles
from ..physics.cycles.library import make_cycle
from ..physics.cycles.objective import Objective
from ..physics.cycles.periodic import exhaustive_words, optimise_word
from ..physics.feedback.average import long_run
from ..physics.feedback.library import make_protocol
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError, check_choice, check_integer, check_range
from .front import COLUMNS, Point, cycle_point, point, ratios, reference_point, summarise
from .optima import average_of, certified, is_certifiable
from .run_folder import RunFolder, write
from .runs import Problem
from .sweep import Job, Outcome, sweep
from .tables import plain, to_json

WEIGHTS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Weights c of the fronts by default, as Erdman & Noé (2023) for the oscillator; their refrigerator begins at 0.4."""

OPTIMISER = "direct optimiser"

MODES = ("conditioned", "separate")

CONDITIONED: dict[str, Any] = {
    "control_entropy": [-0.5, -3.5],
    "anneal": 0.7,
    "policy_kwargs": {"net_arch": [128, 128], "n_frequencies": 64, "frequency_scale": 2.0},
}
CONDITIONED_STEPS = 40_000
"""Hyper-parameters and steps of hybrid SAC for all weights at once: wider networks than for one weight."""


@dataclass(frozen=True)
class Question:
    """What is asked for; everything that the result depends on.

    Attributes:
        env, preset, parameters: the system, as in ``EnvironmentConfig``.
        weights: the weights c, increasing.
        mode: ``"conditioned"``: one agent for all weights; ``"separate"``: one agent per weight.
        algorithm: agent preset.
        seeds: number of trainings with the seeds 0, 1, ...
        steps: environment steps of each training; ``None``: the preset's, or ``CONDITIONED_STEPS``.
        hyperparameters: of the algorithm, that differ from the preset; ``None``: ``CONDITIONED`` where it applies.
        period_max: longest period (steps) that the optimiser tries where no best cycle is known.

    Raises:
        ParameterError: for a value out of its range.
    """

    env: str
    preset: str | None = None
    parameters: Mapping[str, Any] | None = None
    weights: Sequence[float] = WEIGHTS
    mode: str = "conditioned"
    algorithm: str = "hybrid_sac"
    seeds: int = 1
    steps: int | None = None
    hyperparameters: Mapping[str, Any] | None = None
    period_max: int = 24

    def __post_init__(self) -> None:
        weights = tuple(sorted({float(w) for w in self.weights}))
        for weight in weights:
            check_range("weights", weight, 0.0, 1.0)
        check_choice("mode", self.mode, MODES)
        if len(weights) < (2 if self.mode == "conditioned" else 1):
            raise ParameterError(f"weights = {list(weights)}: must be at least two different ones")
        check_integer("seeds", self.seeds, 0)
        check_integer("period_max", self.period_max, 1)
        if "weight" in (self.parameters or {}):
            raise ParameterError("parameters.weight: is set by the front, give weights")
        found = entry(self.env)
        object.__setattr__(self, "env", found.id)
        object.__setattr__(self, "preset", self.preset or next(iter(found.presets)))
        object.__setattr__(self, "parameters", dict(self.parameters or {}))
        object.__setattr__(self, "weights", weights)
        if self.mode == "conditioned" and self.algorithm == "hybrid_sac":
            object.__setattr__(self, "steps", self.steps or CONDITIONED_STEPS)
            if self.hyperparameters is None:
                object.__setattr__(self, "hyperparameters", CONDITIONED)

    @property
    def problem(self) -> Problem:
        """Machine and time grid.

        Raises:
            ParameterError: for a machine whose front no optimiser knows.
        """
        problem = Problem.of(self.env, self.preset, dict(self.parameters or {}))
        if not is_certifiable(problem.machine):
            raise ParameterError(
                f"{self.env}: no optimiser knows its front of power against dissipation; `szilard optimum {self.env} "
                "--weight C` gives the best protocol of one weight"
            )
        return problem

    def trainings(self) -> dict[str, tuple[int, float | list[float]]]:
        """Seed and weight, or range of weights, of every training by its name."""
        if self.mode == "conditioned":
            return {f"conditioned-s{s}": (s, [self.weights[0], self.weights[-1]]) for s in range(self.seeds)}
        return {f"c{w:g}-s{s}": (s, w) for w in self.weights for s in range(self.seeds)}

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return plain(vars(self) | {"weights": list(self.weights)})


@dataclass(frozen=True, eq=False)
class Front:
    """The answer.

    Attributes:
        question: what was asked.
        machine: the machine.
        points: of agents, optimiser and references.
        failed: error of every job that failed, by name.
        out: folder.
    """

    question: Question
    machine: Machine
    points: tuple[Point, ...]
    failed: Mapping[str, str]
    out: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        optimum = [p for p in self.points if p.kind == "optimum"]
        return {
            "out": self.out,
            "question": self.question.to_dict(),
            "power_unit": self.machine.power_unit,
            "dissipation_unit": self.machine.dissipation_unit,
            "reference_point": dict(zip(("x", "minus_y"), reference_point(optimum).tolist(), strict=True)),
            "fronts": summarise(self.points),
            "points": self.rows(),
            "failed": dict(self.failed),
        }

    def rows(self) -> list[dict[str, Any]]:
        """One row per point with the keys of ``COLUMNS``."""
        return [
            {name: {**p.to_dict(), "objective": p.objective, "ratio": r}[name] for name in COLUMNS}
            for p, r in zip(self.points, ratios(self.points), strict=True)
        ]

    def csv(self) -> str:
        """The rows as comma-separated values; an undefined value is an empty cell."""
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in plain(row).items()} for row in self.rows())
        return out.getvalue()


def pareto(
    question: Question,
    out: Path,
    jobs: int | None = None,
    ray_address: str | None = None,
    on_done: Callable[[Outcome], None] | None = None,
) -> Front:
    """Train, optimise and measure what is not in ``out`` yet; write tables and figures.

    Args:
        question: what is asked for.
        out: folder; a new one, or that of the same question.
        jobs, ray_address, on_done: see ``sweep``.

    Raises:
        ParameterError: if the folder belongs to another question, or for a bad parameter.
    """
    problem = question.problem
    _claim(out, question)
    work = [Job("optimum", optimum_points, {"question": question, "file": out / "optimum.json"})]
    work += [
        Job(name, agent_points, {"question": question, "name": name, "folder": out / "front" / name})
        for name in question.trainings()
    ]
    outcomes = sweep(work, jobs, ray_address, on_done)
    failed = {o.name: o.error for o in outcomes if not o.ok}
    if "optimum" in failed:
        raise ParameterError(f"the optimiser failed: {failed['optimum'].strip().splitlines()[-1]}")
    points = [Point(**row) for o in outcomes if o.ok for row in o.value]
    points += reference_points(problem, question.weights)
    front = Front(question, problem.machine, tuple(points), failed, out)
    publish(front)
    return front


def publish(front: Front) -> None:
    """Write the tables and the figure."""
    from .front_figures import front_figure

    write(front.out / "pareto.csv", front.csv())
    write(front.out / "pareto.json", to_json(front.to_dict()))
    (front.out / "figures").mkdir(exist_ok=True)
    figure = front_figure(front.machine, front.points)
    for end in ("png", "svg"):
        figure.savefig(front.out / "figures" / f"front.{end}")


# ---- jobs: run in processes of their own ------------------------------------------------------------------------


def agent_points(question: Question, name: str, folder: Path) -> list[dict[str, Any]]:
    """Train an agent into ``folder``, or continue, and measure its policy at every weight; plain data."""
    from ..agents.evaluation import evaluate
    from .runs import load_run

    done = folder / "points.json"
    if done.is_file():
        return _numbers(json.loads(done.read_text(encoding="utf-8")))
    seed, weight = question.trainings()[name]
    _train(question, folder, seed, weight)
    run = load_run(folder)
    who, machine = run.contender, run.problem.machine
    points = []
    for w in question.weights if question.mode == "conditioned" else (float(weight),):  # type: ignore[arg-type]
        told = w if question.mode == "conditioned" else None
        found = evaluate(
            who.agent, machine, run.problem.dt, who.encoding, who.levels, settings=who.settings, weight=told
        )  # fmt: skip
        lost = found.dissipation_rate
        points.append(point(machine, "agent", question.mode, w, found.power, lost, found.period, seed, found.periodic))
    rows = [plain(p.to_dict()) for p in points]
    write(done, to_json(rows))
    return _numbers(rows)


def optimum_points(question: Question, file: Path) -> list[dict[str, Any]]:
    """The optimiser's front; plain data."""
    if not file.is_file():
        problem = question.problem
        rows = [optimum_point(problem, w, question.period_max) for w in question.weights]
        write(file, to_json([p.to_dict() for p in rows]))
    return _numbers(json.loads(file.read_text(encoding="utf-8")))


def optimum_point(problem: Problem, weight: float, period_max: int) -> Point:
    """The best cycle at a weight, or of a demon the best protocol by its certificate."""
    if isinstance(problem.machine, AffineMachine):
        return cycle_point("optimum", OPTIMISER, weight, best_cycle(problem, weight, period_max).limit_cycle())
    average = average_of(certified(problem.machine, problem.dt, weight))
    return point(problem.machine, "optimum", OPTIMISER, weight, average.power, average.dissipation_rate)


def best_cycle(problem: Problem, weight: float, period_max: int) -> Cycle:
    """The best cycle at a weight: the best of the known ones, of all weights, polished there; else that of a search."""
    from ..physics.cycles.search import search

    machine, dt, objective = problem.affine, problem.dt, Objective(weight)
    if known := known_cycles(machine, dt):
        starts = [optimise_word(machine, c.choice, dt, objective, start=c.values, n_starts=1) for c in known]
        return max(starts, key=lambda b: b.value).cycle
    if machine.n_dynamic == 1:  # short words are enough: the optimum is an infinitely fast cycle
        found = exhaustive_words(machine, dt, min(period_max, 6), objective)
    else:
        found = search(machine, dt, period_max, objective)
    return max(found.values(), key=lambda b: b.value).cycle


def reference_points(problem: Problem, weights: Sequence[float]) -> list[Point]:
    """Fronts of the references of the catalogue, each optimised for every weight."""
    points, machine = [], problem.machine
    for name in problem.entry.baselines:
        for weight in weights:
            if isinstance(machine, AffineMachine):
                with suppress(NoLimitCycleError):
                    limit = make_cycle(name, machine, problem.dt, Objective(weight)).limit_cycle()
                    points.append(cycle_point("reference", limit.cycle.label, weight, limit))
                continue
            # what its label tells differs from weight to weight
            found = long_run(make_protocol(name, machine, problem.dt, weight), machine, problem.dt)
            label = name.replace("_", " ")
            points.append(point(machine, "reference", label, weight, found.power, found.dissipation_rate))
    return points


# ---- helpers ----------------------------------------------------------------------------------------------------


def _train(question: Question, folder: Path, seed: int, weight: float | list[float]) -> None:
    from .config import RunConfig
    from .train import resume, train

    config_file = folder / "config.yaml"
    if folder.exists() and not config_file.is_file():
        shutil.rmtree(folder)  # stopped while it was made
    if not config_file.is_file():
        config = RunConfig.from_dict(
            {
                "environment": {
                    "id": question.env,
                    "preset": question.preset,
                    "parameters": {**(question.parameters or {}), "weight": weight},
                },
                "agent": {
                    "algorithm": question.algorithm,
                    "seed": seed,
                    "steps": question.steps,
                    "hyperparameters": dict(question.hyperparameters or {}),
                },
                "run": {"run_dir": str(folder), "tensorboard": False},
            }
        ).resolved()
        steps = config.agent.steps
        result = train(config.merged({"run": {"evaluate_every": steps}}))
    elif RunFolder(folder).result_file.is_file() and RunFolder(folder).result()["finished"]:
        return
    else:
        result = resume(folder)
    if not result.finished:
        raise RuntimeError(f"training was stopped by {result.stopped_by}; the same command continues it")


def _claim(out: Path, question: Question) -> None:
    """Make the folder, or check that it belongs to the question."""
    file = out / "settings.json"
    wanted = question.to_dict()
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        # more seeds continue the same question
        differ = [k for k in wanted if k != "seeds" and found.get(k) != wanted[k]]
        if differ:
            told = ", ".join(f"{k} = {found.get(k)!r}, not {wanted[k]!r}" for k in differ)
            raise ParameterError(f"out = {str(out)!r}: belongs to a front with {told}")
    elif out.is_dir() and any(out.iterdir()):
        raise ParameterError(f"out = {str(out)!r}: is not empty and no folder of szilard pareto")
    out.mkdir(parents=True, exist_ok=True)
    write(file, to_json(wanted))


def _numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON has no NaN: undefined numbers come back as ``None``. The dissipation had another name once."""
    named = ({k.replace("entropy_production_rate", "dissipation_rate"): v for k, v in row.items()} for row in rows)
    return [{k: float("nan") if v is None and k != "seed" else v for k, v in row.items()} for row in named]
