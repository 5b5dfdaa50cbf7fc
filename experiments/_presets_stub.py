"""TEMPORARY stand-in for agents/presets.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Preset:
    algorithm: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    steps: int = 20_000
    n_envs: int = 16
    encoding: str = "box"
    levels: int = 15

    def algorithm_class(self) -> Any:
        module, name = self.algorithm.split(":")
        return getattr(import_module(module), name)


OFF = {"gamma": 0.9, "learning_rate": 1e-3, "policy_kwargs": {"net_arch": [64, 64]}, "learning_starts": 500}
PRESETS = {
    "hybrid_sac": Preset("szilard.agents.hybrid_sac:HybridSAC", {"gradient_steps": 8}, 40_000),
    "sac": Preset("stable_baselines3:SAC", OFF),
    "td3": Preset("stable_baselines3:TD3", OFF),
    "dqn": Preset("stable_baselines3:DQN", OFF, encoding="discrete"),
    "ppo": Preset(
        "stable_baselines3:PPO", {"gamma": 0.9, "n_steps": 32, "batch_size": 256, "policy_kwargs": {"net_arch": [64, 64]}},
        100_000, 64,
    ),
}

try:
    from ..agents.presets import PRESETS  # type: ignore[no-redef,assignment]
except ModuleNotFoundError:
    pass
