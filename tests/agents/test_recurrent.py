"""Recurrent PPO: the preset builds, trains, is evaluated with its memory, and continues from a checkpoint."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch as th

from szilard.agents.evaluation import evaluate
from szilard.agents.recurrent import RecurrentPPO
from szilard.experiments import checkpoint
from szilard.experiments.build import build
from szilard.experiments.config import RunConfig
from szilard.experiments.train import train

RECORD = {"observation": "history", "history": 1}
SMALL = {"n_steps": 8, "batch_size": 16, "n_epochs": 1, "policy_kwargs": {"lstm_hidden_size": 4, "net_arch": [4]}}


def config(**run: Any) -> RunConfig:
    return RunConfig.from_dict(
        {
            "environment": {"id": "FeedbackDemon-v0", "parameters": RECORD},
            "agent": {"algorithm": "recurrent_ppo", "steps": 32, "n_envs": 4, "hyperparameters": SMALL},
            "run": {"tensorboard": False, **run},
        }
    )


def test_it_trains_on_the_raw_record(tmp_path: Path) -> None:
    result = train(config(run_dir=str(tmp_path / "run")))
    assert result.step == 32
    assert np.isfinite(result.score)
    again = RecurrentPPO.load(result.folder.final_model)
    assert again.policy.lstm_actor.hidden_size == 4  # type: ignore[union-attr]


def test_evaluation_hands_the_memory_from_step_to_step() -> None:
    made = build(config().resolved())
    given: list[Any] = []
    returned: list[Any] = []

    class Spy:
        def predict(self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False):
            action, after = made.model.predict(observation, state, episode_start, deterministic)
            given.append((state, episode_start.copy()))
            returned.append(after)
            return action, after

    found = evaluate(
        Spy(), made.machine, made.dt, made.encoding, made.levels, n_starts=4, burn_in=2, window=20, settings=made.seen
    )
    assert np.isfinite(found.power)
    assert given[0][0] is None
    assert given[0][1].all()
    for before, (state, start) in zip(returned, given[1:], strict=False):
        assert state is before
        assert not start.any()
    assert not np.array_equal(returned[-1][0], returned[0][0])


def test_a_checkpoint_holds_the_memory() -> None:
    """Restored into a fresh model, the next rollout and update are the same bit for bit."""

    def learned(model: Any, steps: int) -> list[th.Tensor]:
        model.learn(steps, log_interval=None, reset_num_timesteps=False)
        return [p.clone() for p in model.policy.parameters()]

    one, other = (build(config().resolved()) for _ in range(2))
    learned(one.model, 32)
    memory: Any = one.model.memory  # type: ignore[attr-defined]
    assert memory["pi"][0].abs().max() > 0
    saved = copy.deepcopy(checkpoint.capture(one.model, one.bridge))  # as a file would be
    expected = learned(one.model, 32)
    other.model._setup_learn(32, None)
    checkpoint.restore(other.model, other.bridge, saved)
    for a, b in zip(expected, learned(other.model, 32), strict=True):
        assert th.equal(a, b)
