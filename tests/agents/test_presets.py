"""Presets: plain data that builds and trains every algorithm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from szilard.agents.presets import PRESETS
from szilard.experiments.config import RunConfig
from szilard.experiments.train import train

SMALL = {
    "ppo": {"n_steps": 32, "batch_size": 64},
}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_trains(name: str, tmp_path: Path) -> None:
    settings = SMALL.get(name, {"learning_starts": 10, "batch_size": 16, "gradient_steps": 1})
    agent = {"algorithm": name, "steps": 128, "n_envs": 2, "hyperparameters": settings}
    result = train(
        RunConfig.from_dict({"agent": agent, "run": {"run_dir": str(tmp_path / "run"), "tensorboard": False}})
    )
    assert result.step >= 128
    assert result.evaluation.powers.shape == (16,)


def test_presets_load_no_torch() -> None:
    code = "import sys, szilard.agents.presets; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
