"""What happens during training besides learning: logging the physics, evaluating, checkpoints, stopping.

Everything but counting happens in ``_on_rollout_start``, between a gradient step and the next rollout: there the
model is consistent, and a checkpoint taken there continues bit for bit. None of it draws from the random generators of
training.
"""

from __future__ import annotations

import io
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback, ProgressBarCallback

from ..agents.evaluation import Evaluation, evaluate
from ..envs.style import words_of
from . import checkpoint
from .board import Board
from .build import Built
from .reference import Goal, goal, optimum, score
from .run_folder import RunFolder, write

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopTraining(Exception):
    """Raised between rollouts to end training in a clean state; the argument says why."""


class Clock:
    """Wall time of a run, summed over its sessions (seconds)."""

    def __init__(self) -> None:
        self.before, self._start = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time so far."""
        return self.before + time.perf_counter() - self._start


class RunCallback(BaseCallback):
    """A callback whose state survives in checkpoints: the attributes named in ``saved``."""

    saved: ClassVar[tuple[str, ...]] = ()

    def get_state(self) -> dict[str, Any]:
        """The attributes to save."""
        return {name: getattr(self, name) for name in self.saved}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore what ``get_state`` returned."""
        for name in self.saved:
            setattr(self, name, state[name])

    def _on_step(self) -> bool:
        return True

    @property
    def step(self) -> int:
        """Environment steps so far, over all copies."""
        return self.model.num_timesteps


def following(step: int, interval: int) -> int:
    """The first multiple of ``interval`` after ``step``."""
    return (step // interval + 1) * interval


class PhysicsLog(RunCallback):
    """Writes the log every ``interval`` steps: SB3's values, and averages of the ledger over the steps since.

    ``rollout/power``, ``rollout/heat_<bath>``, ``rollout/work``, ``rollout/entropy_production``: rates of the exploring
    policy (per time); ``rollout/efficiency`` and ``rollout/law_residual``, the largest first-law residual (energy). Of
    a refrigerator ``rollout/cooling_power`` and ``rollout/cop``, of a machine with measurements also
    ``rollout/record_entropy`` and ``rollout/information``.
    """

    saved = ("next", "count", "sums", "residual")

    def __init__(self, built: Built, interval: int) -> None:
        super().__init__()
        self.machine, self.dt, self.bridge, self.interval = built.machine, built.dt, built.bridge, interval
        self.next = interval
        self._clear()

    def _clear(self) -> None:
        self.sums = np.zeros(3 + len(self.machine.bath_names) + 2 * self.machine.is_stochastic)
        self.count, self.residual = 0, 0.0

    def _on_step(self) -> bool:
        ledger = self.bridge.last_info
        self.count += len(ledger["work"])
        self.sums[0] += ledger["power"].sum() * self.dt
        self.sums[1] += ledger["work"].sum()
        self.sums[2] += ledger["entropy_production"].sum()
        heat = ledger["heat"].sum(axis=0)
        self.sums[3 : 3 + len(heat)] += heat
        if self.machine.is_stochastic:
            self.sums[-2:] += ledger["record"].sum(), ledger["information"].sum()
        self.residual = max(self.residual, float(np.abs(ledger["law_residual"]).max()))
        return True

    def _on_rollout_start(self) -> None:
        if self.step >= self.next:
            self.next = following(self.step, self.interval)
            self.record()

    def record(self) -> None:
        """Write the log now, unless nothing happened since the last time."""
        if not self.count:
            return
        power, work, sigma, *heat = self.sums / (self.count * self.dt)
        words, record = words_of(self.machine), 0.0
        if self.machine.is_stochastic:
            *heat, record, information = heat
            self.logger.record("rollout/record_entropy", record)
            self.logger.record("rollout/information", information)
        self.logger.record(f"{words.power_tag}/exploring", power)
        self.logger.record(f"rollout/{words.power_tag}", power)
        self.logger.record("rollout/work", work)
        self.logger.record("rollout/entropy_production", sigma)
        self.logger.record("rollout/law_residual", self.residual)
        for bath, rate in zip(self.machine.bath_names, heat, strict=True):
            self.logger.record(f"rollout/heat_{bath}", rate)
        # records are erased at the temperature of the hottest bath
        hot = int(np.argmin(self.machine.betas))
        erasure = record / float(self.machine.betas[hot])
        cost = work + erasure if self.machine.is_refrigerator else erasure if self.machine.is_stochastic else heat[hot]
        if power > 0 < cost:
            self.logger.record(f"rollout/{words.efficiency_tag}", power / cost)
        self.model.dump_logs()  # type: ignore[attr-defined]  (both families of SB3 algorithms have it)
        self._clear()


class Evaluate(RunCallback):
    """Every ``interval`` steps: the deterministic policy in its limit cycle, or in long runs. Keeps the best model.

    What counts is the score: the power, or with a weight c < 1 the objective r_c.

    Attributes:
        last, last_step: the latest evaluation of this session; ``None`` before the first.
        best_score, best_power, best_step: the best one so far.
    """

    saved = ("next", "best_score", "best_power", "best_step")

    def __init__(
        self,
        built: Built,
        folder: RunFolder,
        board: Board | None,
        reference: Mapping[str, float],
        clock: Clock,
        interval: int,
    ) -> None:
        super().__init__()
        self.built, self.folder, self.board, self.reference = built, folder, board, reference
        self.clock, self.interval = clock, interval
        self.next, self.best_score, self.best_power, self.best_step = 0, -np.inf, -np.inf, 0
        self.last: Evaluation | None = None
        self.last_step = 0

    @property
    def goal(self) -> Goal:
        """What counts as 100 %."""
        return goal(self.reference.get("optimum_upper"), self.built.machine)

    def score(self, found: Evaluation) -> float:
        """What an evaluation is worth."""
        return score(self.built.machine, found, self.built.weight)

    def percent(self, found: Evaluation) -> float:
        """Its score in % of the optimum, see ``szilard.experiments.reference``."""
        return 100.0 * self.score(found) / optimum(self.reference)

    def percent_error(self, found: Evaluation) -> float:
        """Standard error of ``percent``; 0 for a deterministic machine."""
        machine, c = self.built.machine, self.built.weight
        unit = machine.power_unit if c == 1.0 else 1.0
        return 100.0 * unit * found.objective_error(machine, c) / optimum(self.reference)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore what ``get_state`` returned, or what it did before there was a score: then the power was ranked."""
        super().set_state({"best_score": self._old_score(state), **state})

    def _old_score(self, state: Mapping[str, Any]) -> float:
        """Score of the best model of an older run; minus infinity if nothing is known of its dissipation."""
        c, machine = self.built.weight, self.built.machine
        if c == 1.0:
            return state["best_power"]
        rows = (row for row in self.folder.evaluations() if row["step"] == state["best_step"])
        lost = next((row.get("dissipation_rate", row.get("entropy_production_rate")) for row in rows), None)
        if lost is None:
            return -np.inf
        return c * state["best_power"] / machine.power_unit - (1.0 - c) * lost / machine.dissipation_unit

    def _on_rollout_start(self) -> None:
        if self.step >= self.next:
            self.next = following(self.step, self.interval)
            self.evaluate()

    def measure(self) -> Evaluation:
        """Evaluate now, and keep nothing of it."""
        built = self.built
        with checkpoint.undisturbed_rng():
            self.last_step = self.step
            self.last = evaluate(
                built.model, built.machine, built.dt, built.encoding, built.levels, settings=built.seen
            )
        return self.last

    def evaluate(self) -> Evaluation:
        """Evaluate now: append to the run folder, write to TensorBoard, keep the model if it is the best."""
        found = self.measure()
        score, percent = self.score(found), self.percent(found)
        if score > self.best_score:
            self.best_score, self.best_power, self.best_step = score, found.power, self.step
            save_model(self.built, self.folder.best_model)
        row = {
            "step": self.step, "seconds": self.clock.seconds, "percent": percent, "score": score, **found.to_dict()
        }  # fmt: skip
        self.folder.add_evaluation(row)
        if self.board is not None:
            with checkpoint.undisturbed_rng():
                self.board.evaluation(self.built, found, self.step, percent, self.reference)
        return found


class Progress(ProgressBarCallback):
    """SB3's progress bar, with the score of the last evaluation."""

    def __init__(self, evaluations: Evaluate) -> None:
        super().__init__()
        self.evaluations = evaluations

    def _on_step(self) -> bool:
        last = self.evaluations.last
        if last is not None:
            percent = self.evaluations.percent(last)
            text = (
                f"{percent:.2f} % of {self.evaluations.goal.words}"
                if np.isfinite(percent)
                else f"{self.evaluations.built.scored_by.replace('_', ' ')} {self.evaluations.score(last):.4g}"
            )
            self.pbar.set_description(text, refresh=False)
        return super()._on_step()


def save_model(built: Built, path: Path) -> None:
    """Write an SB3 model that ``Algorithm.load`` reads; a kill leaves the old one or the new one."""
    blob = io.BytesIO()
    built.model.save(blob)
    write(path, blob.getvalue())


class Stop(RunCallback):
    """Ends training between rollouts: on SIGINT or SIGTERM, or after ``time_limit`` seconds of the run."""

    def __init__(self, clock: Clock, time_limit: float | None) -> None:
        super().__init__()
        self.clock, self.time_limit = clock, time_limit
        self.signal: str | None = None

    def _on_rollout_start(self) -> None:
        if self.signal:
            raise StopTraining(self.signal)
        if self.time_limit is not None and self.clock.seconds >= self.time_limit:
            raise StopTraining("time limit")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, the first SIGINT or SIGTERM asks for a clean stop, a second one acts as usual."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python delivers signals to the main thread only
            return
        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

        def ask(number: int, _: Any) -> None:
            self.signal = signal.Signals(number).name
            signal.signal(number, before[signal.Signals(number)])

        for number in SIGNALS:
            signal.signal(number, ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Checkpoint(RunCallback):
    """Saves a checkpoint every ``interval`` steps; restores one when training starts.

    Put it last: its checkpoints then hold what the others did at the same step.

    Args:
        built: model and environment.
        folder: run folder.
        parts: the callbacks whose state is saved, by name.
        clock: wall time of the run.
        interval: steps between checkpoints.
        resume: a checkpoint to continue from.
    """

    saved = ("next",)

    def __init__(
        self,
        built: Built,
        folder: RunFolder,
        parts: Mapping[str, RunCallback],
        clock: Clock,
        interval: int,
        resume: dict[str, Any] | None,
    ) -> None:
        super().__init__()
        self.built, self.folder, self.clock, self.interval, self.resume = built, folder, clock, interval, resume
        self.parts = {**parts, "checkpoint": self}
        self.next = interval

    def _on_training_start(self) -> None:
        # here and not earlier: SB3's ``learn`` resets the environment, counters and noise first
        if self.resume is not None:
            checkpoint.restore(self.built.model, self.built.bridge, self.resume["model"])
            for name, part in self.parts.items():
                part.set_state(self.resume["callbacks"][name])
            self.clock.before = self.resume["seconds"]

    def _on_rollout_start(self) -> None:
        if self.step >= self.next:
            self.save()

    def save(self) -> None:
        """Save now."""
        self.next = following(self.step, self.interval)
        state = {
            "model": checkpoint.capture(self.built.model, self.built.bridge),
            "callbacks": {name: part.get_state() for name, part in self.parts.items()},
            "seconds": self.clock.seconds,
        }
        checkpoint.save(self.folder.checkpoints, self.step, state)
