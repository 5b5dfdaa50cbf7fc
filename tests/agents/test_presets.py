"""Presets: plain data that builds and trains every algorithm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from szilard.agents.evaluation import evaluate
from szilard.agents.presets import PRESETS, TUNED, merged, preset_for
from szilard.envs.catalogue import CATALOGUE
from szilard.experiments.build import build
from szilard.experiments.config import RunConfig
from szilard.experiments.hyperparameters import check_hyperparameters
from szilard.experiments.train import train

OFF_POLICY = {"learning_starts": 10, "batch_size": 16, "gradient_steps": 1}
SMALL = {
    "ppo": {"n_steps": 32, "batch_size": 64},
    "recurrent_ppo": {"n_steps": 32, "batch_size": 64, "n_epochs": 1},
}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_trains(name: str, tmp_path: Path) -> None:
    settings = SMALL.get(name, OFF_POLICY)
    agent = {"algorithm": name, "steps": 128, "n_envs": 2, "hyperparameters": settings}
    result = train(
        RunConfig.from_dict({"agent": agent, "run": {"run_dir": str(tmp_path / "run"), "tensorboard": False}})
    )
    assert result.step >= 128
    assert result.evaluation.powers.shape == (16,)


def test_presets_load_no_torch() -> None:
    code = "import sys, szilard.agents.presets; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_policy_kwargs_are_merged_and_the_rest_replaced() -> None:
    base = {"gamma": 0.9, "policy_kwargs": {"net_arch": [64, 64], "n_critics": 2}}
    changed = merged(base, {"policy_kwargs": {"net_arch": [8]}, "tau": 0.1})
    assert changed == {"gamma": 0.9, "tau": 0.1, "policy_kwargs": {"net_arch": [8], "n_critics": 2}}
    assert base["policy_kwargs"] == {"net_arch": [64, 64], "n_critics": 2}
    assert merged({}, {"policy_kwargs": {"net_arch": [8]}}) == {"policy_kwargs": {"net_arch": [8]}}


def test_what_is_tuned_names_existing_algorithms_environments_and_hyperparameters() -> None:
    ids = {e.id for e in CATALOGUE}
    for (algorithm, env_id), changes in TUNED.items():
        assert env_id in ids
        assert preset_for(algorithm, env_id) != PRESETS[algorithm]
        check_hyperparameters(algorithm, changes.get("hyperparameters", {}))
    assert preset_for("ppo", "szilard/TwoLevelEngine-v0") == PRESETS["ppo"]


@pytest.mark.parametrize("env_id", ["szilard/QubitRefrigerator-v0", "szilard/OscillatorEngine-v0"])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains_on_the_other_machines(name: str, env_id: str, tmp_path: Path) -> None:
    """With and without a discrete choice; the built model has what is tuned for the environment."""
    preset = preset_for(name, env_id)
    settings = SMALL.get(name, OFF_POLICY)
    config = RunConfig.from_dict(
        {
            "environment": {"id": env_id},
            "agent": {"algorithm": name, "n_envs": 2, "hyperparameters": settings},
        }
    ).resolved()
    assert (config.agent.steps, config.agent.encoding) == (preset.steps, preset.encoding)
    built = build(config)
    built.model.learn(80, log_interval=10**6)
    assert built.bridge.get_attr("max_episode_steps") == [preset.episode_steps] * 2
    assert built.hyperparameters == merged({"device": "cpu", **preset.hyperparameters}, settings)
    score = evaluate(built.model, built.machine, built.dt, built.encoding, built.levels, n_starts=2)
    assert np.isfinite(score.powers).all()
