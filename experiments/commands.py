"""The subcommands of ``szilard``: each is a dataclass, its fields are the flags, ``run`` does the work.

Heavy libraries are imported inside ``run``, so that ``szilard list`` and ``--help`` start at once.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rich.markup import escape
from tyro.conf import Positional, UseAppendAction, arg

from ..physics.validation import ParameterError, check_choice
from .tables import Result, number, table, verdict
from .threads import one_thread

if TYPE_CHECKING:
    from .runs import LearnedRun, Problem
    from .train import RunResult

System = Annotated[Positional[str], arg(metavar="ENV")]
Run = Annotated[Positional[Path], arg(metavar="RUN")]
Runs = Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN ...")]
Settings = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="KEY=VALUE")]
Which = Literal["final", "best"]


@dataclass(kw_only=True)
class Command:
    """What all subcommands share."""

    json: bool = False
    """Print one JSON document on stdout, everything else on stderr."""
    debug: bool = False
    """Show the traceback of an error."""

    def run(self) -> Result:
        """Do it."""
        raise NotImplementedError


@dataclass(kw_only=True)
class SystemCommand(Command):
    """A command about one system with one set of parameters."""

    env: System
    """Id of the system, see `szilard list`."""
    preset: str | None = None
    """Named parameter set of the system; default: its first."""
    set: Settings = ()
    """Parameter of machine or environment, for example --set beta_c=1.3 --set dt=0.1."""


# ---- the catalogue ----------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class List(Command):
    """The systems of the catalogue."""

    markdown: bool = False
    """Print the catalogue block of the README."""

    def run(self) -> Result:
        from .info import catalogue_markdown, listing

        if self.markdown:
            text = catalogue_markdown()
            return Result({"markdown": text}, text=text)
        return listing()


@dataclass(kw_only=True)
class Info(SystemCommand):
    """One system: source, equations, parameters, spaces, presets, references."""

    def run(self) -> Result:
        from .info import details
        from .settings import parse

        return details(self.env, self.preset, parse(self.set))


@dataclass(kw_only=True)
class Validate(Command):
    """Recompute the reference values of one system, or of all."""

    env: Annotated[Positional[str | None], arg(metavar="ENV")] = None
    """Id of the system; default: all."""

    def run(self) -> Result:
        from .validate import validate

        return validate(self.env)


@dataclass(kw_only=True)
class Doctor(Command):
    """Is this installation sound? Versions, threads, extras, run folder, display, laws."""

    run_dir: Path = Path("runs")
    """Folder that training would write to."""

    def run(self) -> Result:
        from .doctor import examine, to_dict

        checks = examine(self.run_dir)
        data = to_dict(checks)
        rows = [(c.name, c.found, c.wanted, verdict(c.ok)) for c in checks]
        advice = [f"{'advice' if c.ok else 'FAILED'}: {escape(c.name)}: {escape(c.advice)}" for c in checks if c.advice]
        view = [table("Installation", ("what", "found", "required", ""), rows), *advice]
        return Result(data, view, exit_code=0 if data["ok"] else 1)


# ---- training ---------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Train(Command):
    """Train an agent into a run folder. Values given here override those of --config."""

    env: Annotated[Positional[str | None], arg(metavar="ENV")] = None
    """Id of the system, see `szilard list`; default: that of --config."""
    preset: str | None = None
    """Named parameter set of the system; default: its first."""
    algorithm: str | None = None
    """hybrid_sac (default), sac, td3, ppo or dqn."""
    steps: int | None = None
    """Environment steps, over all copies; default: the preset of the algorithm."""
    seed: int | None = None
    """Seed of everything; default 0."""
    n_envs: int | None = None
    """Copies of the environment; default: the preset of the algorithm."""
    time_limit: float | None = None
    """Stop after this much wall time (seconds)."""
    run_dir: Path | None = None
    """Run folder; default: a new one below runs/."""
    config: Path | None = None
    """YAML file."""
    set: Settings = ()
    """Parameter of machine, environment, agent, hyper-parameters or run: --set beta_c=1.3 --set gamma=0.95."""
    no_progress: bool = False
    """Show no progress bar."""

    def run(self) -> Result:
        from .config import RunConfig
        from .settings import parse, sort_into_sections
        from .train import train

        config = RunConfig() if self.config is None else RunConfig.load(self.config)
        env_id = self.env or config.environment.id
        algorithm = self.algorithm or config.agent.algorithm
        flags: dict[str, dict[str, Any]] = {
            "environment": {"id": self.env, "preset": self.preset},
            "agent": {
                "algorithm": self.algorithm,
                "steps": self.steps,
                "seed": self.seed,
                "n_envs": self.n_envs,
            },
            "run": {
                "run_dir": None if self.run_dir is None else str(self.run_dir),
                "time_limit": self.time_limit,
                "progress": not self.no_progress,
            },
        }
        given = {part: {k: v for k, v in values.items() if v is not None} for part, values in flags.items()}
        settings = sort_into_sections(parse(self.set), env_id, algorithm)
        return _trained(train(config.merged(given).merged(settings)))


@dataclass(kw_only=True)
class Resume(Command):
    """Continue a run from its newest checkpoint, as if it had never stopped."""

    folder: Run
    """Run folder of `szilard train`."""
    steps: int | None = None
    """Train up to this many steps in all instead."""
    time_limit: float | None = None
    """New limit of the wall time over all sessions (seconds)."""
    no_progress: bool = False
    """Show no progress bar."""

    def run(self) -> Result:
        from .train import resume

        return _trained(resume(self.folder, self.steps, self.time_limit, not self.no_progress))


# ---- trained agents ---------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Evaluate(Command):
    """Long-run averages of a trained agent: in its limit cycle, or over many runs of a machine with measurements."""

    folder: Run
    """Run folder of `szilard train`."""
    which: Which = "final"
    """The policy at the end of training, or the best on the way."""
    starts: int | None = None
    """Start states; default 16, of a machine with measurements 128."""
    seed: int = 0
    """Seed of the start states."""

    def run(self) -> Result:
        from .compare import measure
        from .merits import columns_of
        from .optima import certified
        from .runs import load_run

        run = load_run(self.folder, self.which)
        machine, dt = run.problem.machine, run.problem.dt
        certificate = certified(machine, dt, run.problem.weight)
        with one_thread():
            row = measure(run.contender, machine, dt, certificate, self.seed, self.starts)
        data = {
            "run": run.folder.path,
            "which": self.which,
            "environment": run.problem.entry.id,
            "weight": run.problem.weight,
            "objective": row.objective,
            "objective_error": row.objective_error,
            "percent": row.percent,
            **row.evaluation.to_dict(),
        }
        merits = [(c.heading, number(row.values()[c.key], 6)) for c in columns_of(machine, certificate)]
        if not machine.is_stochastic:
            merits.append(("starts that end in a limit cycle", f"{100 * row.evaluation.periodic:g} %"))
        return Result(data, [table(run.contender.label, ("figure of merit", "value"), merits)])


@dataclass(kw_only=True)
class Compare(SystemCommand):
    """Learned agents, references and the optimum or the best known; writes figures and an HTML report."""

    runs: Runs = ()
    """Run folders of `szilard train`; several seeds give median and range."""
    which: Which = "final"
    """The policies at the end of training, or the best on the way."""
    out: Path | None = None
    """Folder of the results; default: the run folder if there is one run, else a new one below runs/."""
    no_report: bool = False
    """Only print the table: no figures, no report."""
    seed: int = 0
    """Seed of the start states and of the random agent."""

    def run(self) -> Result:
        from .runs import Problem, load_runs
        from .settings import parse

        runs = load_runs(self.runs, self.env, self.which)
        settings = parse(self.set)
        problem = runs[0].problem if runs else Problem.of(self.env, self.preset, settings)
        if runs and (self.preset or settings):
            wanted = Problem.of(self.env, self.preset or runs[0].config.environment.preset, settings)
            problem.check_same(wanted, "the parameters given on the command line")
        return _compared(problem, runs, self.out, self.seed, not self.no_report)


@dataclass(kw_only=True)
class Render(Command):
    """Picture of what an agent has learned, beside the best known: cycles, or stretches of trajectories."""

    folder: Run
    """Run folder of `szilard train`."""
    which: Which = "final"
    """The policy at the end of training, or the best on the way."""
    out: Path | None = None
    """File, .png, .svg or .pdf; default: figures/learned.png in the run folder."""

    def run(self) -> Result:
        from .publish import render
        from .runs import load_run

        run = load_run(self.folder, self.which)
        with one_thread():
            path = render(run, self.out or run.folder.figures / "learned.png")
        return Result({"run": run.folder.path, "which": self.which, "figure": path}, [f"Picture: {escape(str(path))}"])


@dataclass(kw_only=True)
class Tensorboard(Command):
    """Show the logs of a run, or of all runs below a folder. With --json: print the command, do not run it."""

    folder: Annotated[Positional[Path], arg(metavar="RUN_DIR")] = Path("runs")
    """Run folder, or a folder of runs."""
    port: int = 6006
    """Port of the web page."""

    def run(self) -> Result:
        if not self.folder.is_dir():
            raise ParameterError(f"folder {str(self.folder)!r}: does not exist")
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(self.folder), "--port", str(self.port)]
        code = 0 if self.json else subprocess.run(command, check=False).returncode
        return Result({"command": command, "url": f"http://localhost:{self.port}"}, exit_code=code)


@dataclass(kw_only=True)
class Demo(Command):
    """Train the default agent for 45 seconds at most, then compare it with the optimum or the best known."""

    env: Annotated[Positional[str], arg(metavar="ENV")] = "szilard/TwoLevelEngine-v0"
    """Id of the system, see `szilard list`."""
    also: tuple[str, ...] = ()
    """Further algorithms to train and compare, for example `ppo dqn`."""
    time_limit: float = 45.0
    """Wall time of the training of each agent (seconds)."""
    steps: int | None = None
    """Environment steps; default: the preset of the algorithm."""
    seed: int = 0
    """Seed of everything."""
    run_dir: Path | None = None
    """Run folder of the default agent; default: a new one below runs/."""
    no_progress: bool = False
    """Show no progress bar."""

    def run(self) -> Result:
        from ..agents.presets import PRESETS
        from .runs import load_run

        for name in self.also:
            check_choice("also", name, PRESETS)
        default = Train(env=self.env, steps=self.steps, run_dir=self.run_dir)
        further = [replace(default, algorithm=name, steps=None, run_dir=None) for name in self.also]
        trained = []
        for one in (default, *further):
            session = replace(one, seed=self.seed, time_limit=self.time_limit, no_progress=self.no_progress).run()
            if session.exit_code:
                return session
            trained.append(session.data)
        runs = [load_run(data["run_dir"]) for data in trained]
        result = _compared(runs[0].problem, runs, None, self.seed, True)
        result.data["training"] = trained[0] if len(trained) == 1 else trained
        return result


def _trained(result: RunResult) -> Result:
    from ..envs.catalogue import entry
    from ..envs.style import words_of
    from .reference import goal

    data, path = result.to_dict(), escape(str(result.folder.path))
    env_id = result.folder.config().environment.id
    machine, found = entry(env_id).machine_class(), result.evaluation
    what = words_of(machine).power.capitalize()
    where, error = "in the limit cycle", ""
    if machine.n_step_uniforms:
        where, error = "in the long run", f" ± {number(found.standard_error, 2)}"
    aim = f"{number(result.percent, 5)} % of {goal(result.reference.get('optimum_upper'), machine).words}"
    weighted = result.weight != 1.0
    view = [
        f"Stopped by {result.stopped_by} after {result.step} steps, {result.seconds:.0f} s",
        f"{what} {where}: {number(found.power, 6)}{error}" + ("" if result.score != found.power else f", {aim}"),
        *([f"Objective r_c, c = {result.weight:g}: {number(result.score, 6)}, {aim}"] if weighted else []),
        *([f"Work of a life: {number(found.life_work, 6)}, {aim}"] if not math.isnan(found.life_work) else []),
        *([f"Mean reward per step: {number(found.mean_reward, 6)}"] if not math.isnan(found.mean_reward) else []),
        f"Run folder: {path}",
    ]
    hint = f"szilard compare {env_id} {path}"
    view.append(f"Next: {hint}" if result.finished else f"Continue: szilard resume {path}")
    # the exit code that a shell expects after Ctrl-C; the run is saved all the same
    return Result(data, [*view], exit_code=0 if result.finished else 130)


def _compared(problem: Problem, runs: Sequence[LearnedRun], out: Path | None, seed: int, report: bool) -> Result:
    from .compare import compare

    learned = [run.contender for run in runs]
    with one_thread():
        comparison = compare(problem.entry, problem.machine, problem.dt, learned, seed=seed, weight=problem.weight)
    result = Result(comparison.to_dict(), comparison.view(), exit_code=1 if comparison.impossible else 0)
    if report:
        from .publish import publish

        if out is None:
            name = f"compare-{problem.entry.id.rsplit('/', 1)[-1]}-{datetime.now():%Y%m%d-%H%M%S}"
            out = runs[0].folder.path if len(runs) == 1 else Path("runs") / name
        with one_thread():
            paths = publish(comparison, runs, out)
        result.data["files"] = paths
        result.view.append(f"Report: {escape(str(paths['report'].resolve()))}")
    return result
