"""Train an agent into a run folder, and continue a run that was stopped."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger

from ..agents.evaluation import Evaluation
from ..physics.validation import ParameterError
from . import checkpoint
from .board import Board
from .build import Built, build
from .callbacks import Checkpoint, Clock, Evaluate, PhysicsLog, Progress, Stop, StopTraining, save_model
from .config import RunConfig
from .reference import reference_lines
from .run_folder import RunFolder, versions, write
from .tables import flatten, to_json
from .threads import one_thread

FINISHED = ("steps", "time limit")
"""Ways to stop after which nothing is left to do."""


@dataclass(frozen=True, eq=False)
class RunResult:
    """How a session of training ended.

    Attributes:
        folder: the run folder.
        evaluation: the final policy in its limit cycle.
        score: what it is ranked by, see ``reference.score``.
        percent: score as a percentage of the upper bound of the optimum, or without one of the best known; NaN if there
            is neither.
        percent_error: its standard error; 0 for a deterministic machine.
        best_score, best_power, best_step: the best evaluation of the run, by its score.
        step: environment steps, over all copies and sessions.
        seconds: wall time, over all sessions.
        stopped_by: ``"steps"``, ``"time limit"``, ``"SIGINT"``, ``"SIGTERM"`` or ``"callback"``.
        reference: the reference lines by name, in the unit of the score.
        weight: c.
    """

    folder: RunFolder
    evaluation: Evaluation
    score: float
    percent: float
    percent_error: float
    best_score: float
    best_power: float
    best_step: int
    step: int
    seconds: float
    stopped_by: str
    reference: dict[str, float]
    weight: float = 1.0

    @property
    def finished(self) -> bool:
        """Whether the run has nothing left to do."""
        return self.stopped_by in FINISHED

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "run_dir": str(self.folder.path),
            "finished": self.finished,
            "stopped_by": self.stopped_by,
            "step": self.step,
            "seconds": self.seconds,
            "weight": self.weight,
            "score": self.score,
            "percent": self.percent,
            "percent_error": self.percent_error,
            "best_score": self.best_score,
            "best_power": self.best_power,
            "best_step": self.best_step,
            "reference": self.reference,
            "evaluation": self.evaluation.to_dict(),
        }


def train(config: RunConfig, callbacks: Sequence[BaseCallback] = ()) -> RunResult:
    """Train from the beginning, into a new run folder.

    Args:
        config: the configuration.
        callbacks: further SB3 callbacks; their own state is not saved in checkpoints.

    Raises:
        ParameterError: for a bad configuration, or a run folder that exists.
        ThermodynamicsViolation: if the machine breaks a law.
    """
    config = config.resolved()
    built = build(config)  # before the folder: a bad value leaves no empty run behind
    folder = RunFolder.create(config, config.run.run_dir)
    with folder.lock():
        return _session(config, built, folder, None, callbacks)


def resume(
    run_dir: str | Path,
    steps: int | None = None,
    time_limit: float | None = None,
    progress: bool | None = None,
    callbacks: Sequence[BaseCallback] = (),
) -> RunResult:
    """Continue a run from its newest checkpoint, as if it had never stopped (bit for bit on the same CPU).

    Args:
        run_dir: the run folder.
        steps: train up to this many steps in all instead; schedules of the learning rate stretch with it.
        time_limit: new limit of the wall time over all sessions (seconds).
        progress: show a progress bar; ``None``: as the run was started.
        callbacks: as in ``train``.

    Raises:
        ParameterError: if the folder is no run, holds only damaged checkpoints, or another process trains in it.
    """
    folder = RunFolder.open(run_dir)
    with folder.lock():
        old = folder.config()
        changes = {"steps": steps}, {"time_limit": time_limit, "progress": progress}
        agent, run = ({name: v for name, v in part.items() if v is not None} for part in changes)
        config = old.merged({"agent": agent, "run": run})
        saved = checkpoint.load_latest(folder.checkpoints)
        if (then := folder.meta()["versions"]) != (now := versions()):
            changed = ", ".join(f"{k} {then.get(k)} -> {v}" for k, v in now.items() if then.get(k) != v)
            warnings.warn(
                f"other versions than at the start ({changed}): the run may continue differently", stacklevel=2
            )
        built = build(config)
        if config != old:
            write(folder.config_file, config.dump())
        return _session(config, built, folder, saved, callbacks)


def _session(
    config: RunConfig, built: Built, folder: RunFolder, saved: dict[str, Any] | None, extra: Sequence[BaseCallback]
) -> RunResult:
    """Learn, evaluate the final policy, save everything."""
    run, steps = config.run, config.agent.steps
    if steps is None or run.log_every is None or run.evaluate_every is None or run.checkpoint_every is None:
        raise ParameterError("config: call config.resolved() first, it fills in what the preset says")
    model, clock = built.model, Clock()
    start = 0 if saved is None else int(saved["model"]["attributes"]["num_timesteps"])
    settings = _settings(config, built)
    folder.add_session(start, settings)
    reference = _reference(built, folder)
    board = Board(folder.tensorboard, hide_from=start + 1 if saved else 0) if run.tensorboard else None
    log = PhysicsLog(built, run.log_every)
    evaluations = Evaluate(built, folder, board, reference, clock, run.evaluate_every)
    stop = Stop(clock, run.time_limit)
    checkpoints = Checkpoint(
        built, folder, {"log": log, "evaluations": evaluations}, clock, run.checkpoint_every, saved
    )  # fmt: skip
    bar = [Progress(evaluations)] if run.progress else []
    every = CallbackList([log, evaluations, stop, checkpoints, *bar, *extra])
    try:
        model.set_logger(board.logger() if board else Logger(None, []))
        if board:
            board.head(settings, reference, built.machine, built.scored_by)
        with stop.listening(), one_thread():
            stopped_by = _learn(built, steps, every)
            # a stopped run goes on from its checkpoint: the evaluation is not part of it
            evaluation = _finish(evaluations, log) if stopped_by in FINISHED else evaluations.measure()
            if stopped_by != "callback":  # which stops in the middle of a rollout
                checkpoints.save()
            save_model(built, folder.final_model)
        result = RunResult(
            folder=folder,
            evaluation=evaluation,
            score=evaluations.score(evaluation),
            percent=evaluations.percent(evaluation),
            percent_error=evaluations.percent_error(evaluation),
            best_score=evaluations.best_score,
            best_power=evaluations.best_power,
            best_step=evaluations.best_step,
            step=model.num_timesteps,
            seconds=clock.seconds,
            stopped_by=stopped_by,
            reference=reference,
            weight=built.weight,
        )
        write(folder.result_file, to_json(result.to_dict()))
    finally:
        if board:
            board.close()
        built.bridge.close()
    return result


def _learn(built: Built, steps: int, callbacks: CallbackList) -> str:
    """Run SB3's ``learn``; says what ended it."""
    try:
        # the log is written by PhysicsLog, at steps and not at episodes
        built.model.learn(steps, callbacks, log_interval=None)  # type: ignore[arg-type]
    except StopTraining as reason:
        callbacks.on_training_end()
        return str(reason)
    return "steps" if built.model.num_timesteps >= steps else "callback"


def _finish(evaluations: Evaluate, log: PhysicsLog) -> Evaluation:
    log.record()
    if evaluations.last is not None and evaluations.last_step == evaluations.step:
        return evaluations.last
    return evaluations.evaluate()


def _reference(built: Built, folder: RunFolder) -> dict[str, float]:
    """The reference lines, computed once per run."""
    lines = folder.reference() if folder.reference_file.is_file() else None
    # with a weight they once were powers
    if lines is None or (built.weight != 1.0 and lines.pop("weight", None) != built.weight):
        with checkpoint.undisturbed_rng():
            # they are powers, lives or objectives
            paid_else = built.scored_by == "mean_reward"
            lines = {} if paid_else else reference_lines(built.machine, built.dt, built.weight)
        told = lines if built.weight == 1.0 else {"weight": built.weight, **lines}
        write(folder.reference_file, to_json(told))
    return lines


def _settings(config: RunConfig, built: Built) -> dict[str, bool | int | float | str]:
    """Everything that was set, with the hyper-parameters of the preset, flat; what is no number becomes text."""
    data = config.to_dict()
    agent = {**data["agent"], "hyperparameters": built.hyperparameters}
    flat = flatten({"environment": data["environment"], **agent})
    return {name: v if isinstance(v, (bool, int, float, str)) else str(v) for name, v in flat.items()}
