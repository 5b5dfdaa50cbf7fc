"""What tests of agents have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stable_baselines3 import PPO

from szilard.agents.vec_env import SB3VecEnv
from szilard.experiments.threads import one_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def adversary() -> Callable[..., PPO]:
    """``adversary(env, steps, **settings)``: trains small networks by PPO on 128 copies; an able adversary."""

    def trained(env: Any, steps: int, **settings: Any) -> PPO:
        model = PPO(
            "MlpPolicy",
            SB3VecEnv(env),
            learning_rate=3e-3,
            n_steps=16,
            batch_size=512,
            n_epochs=4,
            policy_kwargs={"net_arch": [32, 32]},
            seed=0,
            device="cpu",
            **settings,
        )
        return model.learn(steps, log_interval=10**6)

    return trained
