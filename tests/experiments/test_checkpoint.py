"""A stopped and resumed run equals an uninterrupted one bit for bit; no kill spoils the checkpoints."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from szilard.experiments import checkpoint
from szilard.experiments.build import build
from szilard.experiments.config import RunConfig
from szilard.experiments.run_folder import RunFolder
from szilard.experiments.train import resume, train
from szilard.physics.validation import ParameterError

NET = {"policy_kwargs": {"net_arch": [8]}}
# a replay buffer that overflows during the run, several updates, episodes that end
OFF_POLICY = {**NET, "learning_starts": 40, "buffer_size": 240, "batch_size": 16}
HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "sac": OFF_POLICY,
    "td3": OFF_POLICY,
    "hybrid_sac": OFF_POLICY,
    "hybrid_sac, weight": OFF_POLICY,  # conditioned on a weight that is drawn for every episode
    "dqn": {**OFF_POLICY, "target_update_interval": 50},
    "ppo": {**NET, "n_steps": 16, "batch_size": 32},
}


def config(run_dir: Path, algorithm: str, **run: Any) -> RunConfig:
    weight = {"weight": [0.4, 1.0]} if algorithm.endswith("weight") else {}
    return RunConfig.from_dict(
        {
            "environment": {"parameters": {"max_episode_steps": 15, **weight}},
            "agent": {
                "algorithm": algorithm.split(",")[0], "steps": 600, "n_envs": 4, "seed": 5,
                "hyperparameters": HYPERPARAMETERS[algorithm],
            },
            "run": {
                "run_dir": str(run_dir), "evaluate_every": 250, "checkpoint_every": 130, "tensorboard": False, **run,
            },
        }
    )  # fmt: skip


class At(BaseCallback):
    """Sends a signal to this process at a step."""

    def __init__(self, step: int, number: int) -> None:
        super().__init__()
        self.step, self.number = step, number

    def _on_step(self) -> bool:
        if self.num_timesteps == self.step:
            signal.raise_signal(self.number)  # this thread: it has been handled when the next line runs
        return True


def assert_same(a: Any, b: Any, where: str = "") -> None:
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a.keys() - {"seconds", "t"}:  # wall times
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple, deque)):
        assert len(a) == len(b), where
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{k}]")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, np.ndarray):
        assert np.array_equal(a, b), where
    elif type(a).__eq__ is object.__eq__ and hasattr(a, "__dict__"):  # for example the action noise
        assert_same(vars(a), vars(b), where)
    else:
        assert a == b, where


def assert_same_run(a: Path, b: Path) -> None:
    """Networks, optimisers, replay buffer, generators, environment, counters, callbacks and evaluations."""
    states = [checkpoint.load_latest(RunFolder.open(p).checkpoints) for p in (a, b)]
    assert states[0] is not None
    assert_same(states[0], states[1])
    assert_same(RunFolder.open(a).evaluations(), RunFolder.open(b).evaluations())


CHILD = """
import sys
from stable_baselines3.common.callbacks import BaseCallback
from szilard.experiments.config import RunConfig
from szilard.experiments.train import resume, train

class Wait(BaseCallback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def _on_step(self):
        if self.num_timesteps == self.step:
            print("ready", flush=True)
            sys.stdin.readline()
        return True

result = train(RunConfig.load(sys.argv[1]), [Wait(200)])
print(result.stopped_by, flush=True)
resume(result.folder.path, callbacks=[Wait(420)])
print("not reached")
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Run folders of complete runs, made when first asked for."""
    root = tmp_path_factory.mktemp("uninterrupted")

    class Runs(dict[str, Path]):
        def __missing__(self, algorithm: str) -> Path:
            result = train(config(root / algorithm, algorithm))
            assert result.finished
            self[algorithm] = result.folder.path
            return self[algorithm]

    return Runs()


@pytest.mark.parametrize("algorithm", sorted(HYPERPARAMETERS))
def test_resumed_equals_uninterrupted(tmp_path: Path, uninterrupted: dict[str, Path], algorithm: str) -> None:
    path = tmp_path / "run"
    before = signal.getsignal(signal.SIGINT)
    first = train(config(path, algorithm), [At(324, signal.SIGINT)])
    assert first.stopped_by == "SIGINT"
    assert not first.finished
    assert signal.getsignal(signal.SIGINT) is before
    np.random.seed(99)  # noqa: NPY002  (what happens between the sessions does not matter)
    torch.manual_seed(99)
    second = resume(path, callbacks=[At(480, signal.SIGTERM)])
    assert second.stopped_by == "SIGTERM"
    last = resume(path)
    assert last.finished
    assert [s["step"] for s in last.folder.meta()["sessions"]] == [0, first.step, second.step]
    assert_same_run(path, uninterrupted[algorithm])


def test_killed_process(tmp_path: Path, uninterrupted: dict[str, Path]) -> None:
    """SIGINT, then SIGKILL, each in the middle of a rollout of another process."""
    path, file = tmp_path / "run", tmp_path / "config.yaml"
    config(path, "ppo").save(file)
    command = [sys.executable, "-W", "error", "-c", CHILD, str(file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        child.stdin.write("go on\n")
        assert child.stdout.readline() == "SIGINT\n"
        assert child.stdout.readline() == "ready\n"
        child.kill()
        assert (child.stdout.read(), child.wait()) == ("", -signal.SIGKILL)
    assert resume(path).finished
    assert_same_run(path, uninterrupted["ppo"])


def test_killed_before_the_first_checkpoint(tmp_path: Path, uninterrupted: dict[str, Path]) -> None:
    class Crash(BaseCallback):
        def _on_step(self) -> bool:
            raise MemoryError

    path = tmp_path / "run"
    with pytest.raises(MemoryError):
        train(config(path, "ppo"), [Crash()])
    assert resume(path).finished
    assert_same_run(path, uninterrupted["ppo"])


def test_second_signal_acts_at_once(tmp_path: Path) -> None:
    class Twice(At):
        def _on_step(self) -> bool:
            return super()._on_step() and super()._on_step()

    # a shell starts background jobs with SIGINT ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(config(tmp_path / "run", "ppo"), [Twice(64, signal.SIGINT)])
    finally:
        signal.signal(signal.SIGINT, before)


def test_time_limit_and_more_steps(tmp_path: Path) -> None:
    first = train(config(tmp_path / "run", "ppo", time_limit=1e-9))
    assert (first.stopped_by, first.step, first.finished) == ("time limit", 0, True)
    second = resume(tmp_path / "run", steps=700, time_limit=1000.0)
    assert (second.stopped_by, second.step) == ("steps", 704)
    assert second.seconds > first.seconds
    again = resume(tmp_path / "run")  # nothing left to do, and nothing lost
    assert (again.stopped_by, again.step, again.best_power) == ("steps", 704, second.best_power)
    assert RunFolder.open(tmp_path / "run").config().agent.steps == 700


def test_foreign_callback_stops_training(tmp_path: Path, uninterrupted: dict[str, Path]) -> None:
    class Enough(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps < 324

    path = tmp_path / "run"
    assert train(config(path, "ppo"), [Enough()]).stopped_by == "callback"
    assert resume(path).finished
    assert_same_run(path, uninterrupted["ppo"])


# ---- files ------------------------------------------------------------------------------------------------------


def test_keeps_the_last_two(tmp_path: Path) -> None:
    for step in (5, 10, 1000):
        checkpoint.save(tmp_path, step, {"step": step})
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step_000000000010.ckpt", "step_000000001000.ckpt"]
    assert checkpoint.load_latest(tmp_path) == {"step": 1000}


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_damaged_checkpoint_falls_back(tmp_path: Path, damage: str) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1, "data": np.arange(100)})
    newest = checkpoint.save(tmp_path, 2, {"step": 2, "data": np.arange(100)})
    content = newest.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    newest.write_bytes({"truncate": content[:middle], "flip": flipped, "empty": b""}[damage])
    with pytest.warns(UserWarning, match=r"step_000000000002.ckpt: is damaged"):
        state = checkpoint.load_latest(tmp_path)
    assert state is not None
    assert state["step"] == 1
    (tmp_path / "step_000000000001.ckpt").unlink()
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(ParameterError, match="all 1 are damaged"):
        checkpoint.load_latest(tmp_path)


def test_kill_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, 1, {"step": 1})
    for call in ("fsync", "replace"):
        monkeypatch.setattr(os, call, _interrupt)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(tmp_path, 2, {"step": 2})
        monkeypatch.undo()
        assert checkpoint.load_latest(tmp_path) == {"step": 1}
    checkpoint.save(tmp_path, 2, {"step": 2})
    assert checkpoint.load_latest(tmp_path) == {"step": 2}


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.load_latest(tmp_path) is None


def test_other_configuration_is_refused(tmp_path: Path, uninterrupted: dict[str, Path]) -> None:
    folder = RunFolder.open(uninterrupted["ppo"])
    state = checkpoint.load_latest(folder.checkpoints)
    assert state is not None
    ppo = HYPERPARAMETERS["ppo"]
    for override, message in (
        ({"algorithm": "sac", "hyperparameters": {}}, "checkpoint of PPO: cannot continue SAC"),
        ({"hyperparameters": {**ppo, "policy_kwargs": {"net_arch": [9]}}}, "does not fit the configuration"),
        ({"n_envs": 8}, "does not fit the configuration"),
    ):
        data = config(tmp_path, "ppo").to_dict()
        data["agent"] |= override
        built = build(RunConfig.from_dict(data).resolved())
        built.model.set_logger(Logger(None, []))
        with pytest.raises(ParameterError, match=message):
            checkpoint.restore(built.model, built.bridge, state["model"])


def test_undisturbed_rng() -> None:
    before = checkpoint.rng_state()
    with checkpoint.undisturbed_rng():
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(3)
    assert_same(before, checkpoint.rng_state())
