"""Trained agents from run folders, as contenders of a comparison."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..envs.catalogue import Entry, configure, entry
from ..envs.observations import SEEN, what_is_seen
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError
from .compare import Contender
from .config import RunConfig
from .reference import weight_of
from .run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class Problem:
    """What is learned on: a machine, a time grid, and the weight c of c P/P0 - (1 - c) D/D0 (1: the power)."""

    entry: Entry
    machine: Machine
    dt: float
    weight: float = 1.0

    @classmethod
    def of(cls, env_id: str, preset: str | None = None, parameters: dict[str, Any] | None = None) -> Problem:
        """The problem of the catalogue with some parameters changed.

        Raises:
            ParameterError: for an unknown id, preset or parameter, with the nearest valid name.
        """
        machine, settings = configure(env_id, preset, **(parameters or {}))
        return cls(entry(env_id), machine, float(settings["dt"]), weight_of(settings))

    @property
    def affine(self) -> AffineMachine:
        """The machine, if it has limit cycles.

        Raises:
            ParameterError: if it has none.
        """
        if not isinstance(self.machine, AffineMachine):
            raise ParameterError(f"{self.entry.id}: has no limit cycles, its step is not affine")
        return self.machine

    def check_same(self, other: Problem, whose: str) -> None:
        """Raise ``ParameterError`` unless agents of both problems can be compared."""
        mine, theirs = (
            {**dataclasses.asdict(p.machine), "dt": p.dt, "weight": p.weight} for p in (self, other)
        )  # fmt: skip
        if type(self.machine) is not type(other.machine):
            raise ParameterError(f"{self.entry.id} cannot be compared with {whose}: {other.entry.id}")
        differ = [f"{k} = {v!r} against {theirs[k]!r}" for k, v in mine.items() if v != theirs[k]]
        if differ:
            raise ParameterError(f"the run cannot be compared with {whose}: {', '.join(differ)}")


@dataclass(frozen=True, eq=False)
class LearnedRun:
    """A run folder with its trained agent."""

    folder: RunFolder
    config: RunConfig
    problem: Problem
    contender: Contender


def load_run(path: str | Path, which: str = "final") -> LearnedRun:
    """Load the agent of a run.

    Args:
        path: run folder.
        which: ``"final"``: the policy at the end of training; ``"best"``: of the best evaluation on the way.

    Raises:
        ParameterError: if the folder is no run or holds no model yet.
    """
    from ..agents.presets import PRESETS  # brings torch

    folder = RunFolder.open(path)
    config = folder.config().resolved()
    environment, agent = config.environment, config.agent
    problem = Problem.of(environment.id, environment.preset, dict(environment.parameters))
    model = PRESETS[agent.algorithm].algorithm_class().load(folder.model(which), device="cpu")
    name = agent.algorithm + (", best" if which == "best" else "")
    contender = Contender(
        label=f"{name}, seed {agent.seed}",
        agent=model,
        encoding=agent.encoding,
        levels=agent.levels or 15,
        group=name,
        seed=agent.seed,
        run=folder.path,
        settings=what_is_seen(environment.parameters),
    )
    return LearnedRun(folder, config, problem, contender)


def load_runs(paths: Sequence[str | Path], env_id: str, which: str = "final") -> list[LearnedRun]:
    """Load runs that belong to one problem.

    Raises:
        ParameterError: if two of them differ in system, parameters or ``dt``.
    """
    runs = [load_run(path, which) for path in paths]
    wanted = entry(env_id).id
    for run in runs:
        if run.problem.entry.id != wanted:
            raise ParameterError(f"run {str(run.folder.path)!r} belongs to {run.problem.entry.id}, not to {wanted}")
        run.problem.check_same(runs[0].problem, str(runs[0].folder.path))
    return _told_apart(runs)


def _told_apart(runs: list[LearnedRun]) -> list[LearnedRun]:
    """Names that differ between runs of one algorithm with different settings; only seeds make a group."""
    told: list[LearnedRun] = []
    for run in runs:
        alike = [_settings(other) for other in runs if other.contender.group == run.contender.group]
        mine = _settings(run)
        changed = [k for k in dict.fromkeys(k for s in alike for k in s) if len({str(s.get(k)) for s in alike}) > 1]
        if changed:
            group = f"{run.contender.group} ({', '.join(f'{k}={mine[k]}' for k in changed if k in mine)})"
            who = dataclasses.replace(run.contender, group=group, label=f"{group}, seed {run.contender.seed}")
            run = dataclasses.replace(run, contender=who)
        told.append(run)
    return told


def _settings(run: LearnedRun) -> dict[str, Any]:
    """What was set of the agent and of what it sees and is rewarded for, but its seed."""
    agent = dataclasses.asdict(run.config.agent)
    own = agent.pop("hyperparameters")
    environment = run.config.environment.parameters
    told = {"observation": "state"} | {k: environment[k] for k in (*SEEN, "reward") if k in environment}
    return told | {k: v for k, v in agent.items() if k not in ("seed", "algorithm")} | dict(own)
