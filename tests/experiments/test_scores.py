"""What a run is ranked by: the power, the work of a life, or the reward where that is something else."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from szilard.agents.evaluation import evaluate
from szilard.agents.open_loop import PlayedSteps
from szilard.envs.kernel import Kernel
from szilard.envs.rewards import make_reward
from szilard.experiments.config import RunConfig
from szilard.experiments.reference import score, score_name
from szilard.experiments.train import train
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import Control
from szilard.physics.machines.two_level import TwoLevelEngine

SMALL: dict[str, Any] = {"algorithm": "hybrid_sac", "steps": 32, "n_envs": 2}


def test_names() -> None:
    cell, engine = SelfCyclingCell(), TwoLevelEngine()
    assert score_name(engine) == score_name(engine, 1.0, make_reward("shaped_power")) == "power"
    assert score_name(engine, 0.5) == "objective"
    assert score_name(cell, 1.0, make_reward("oscillation")) == "mean_reward"
    assert score_name(SelfCyclingCell(N0_A=1.0), 1.0, make_reward("life")) == "life_work"


def test_the_mean_reward_is_that_of_the_environment() -> None:
    cell, reward = SelfCyclingCell(), make_reward({"oscillation": 1.0, "exergy": 0.1})
    steps = Control(np.array([[3.2], [2.9]]), np.zeros(2, dtype=np.int64))
    agent = PlayedSteps(cell.control_space, steps.values, steps.choice)
    found = evaluate(agent, cell, 10.0, n_starts=2, burn_in=4, window=6, settings={"reward": reward})
    kernel = Kernel(cell, 2, 10.0, reward=reward)
    kernel.seed([0, 1])
    kernel.reset()
    paid = [kernel.step(Control(steps.values[[t % 2] * 2], steps.choice[:2]))[0] for t in range(10)]
    assert found.mean_reward == pytest.approx(np.mean(paid[4:]), rel=1e-6)
    assert score(cell, found) == found.mean_reward
    plain = evaluate(agent, cell, 10.0, n_starts=2, burn_in=4, window=6)
    assert math.isnan(plain.mean_reward)
    assert score(cell, plain) == plain.power


def test_a_run_with_another_reward_is_ranked_by_it(tmp_path: Path) -> None:
    config = {
        "environment": {"id": "szilard/TwoLevelEngine-v0", "parameters": {"reward": "dissipation"}},
        "agent": SMALL,
        "run": {"run_dir": str(tmp_path / "run")},
    }
    result = train(RunConfig.from_dict(config))
    assert result.score == result.evaluation.mean_reward <= 0.0
    assert result.reference == {}
    assert math.isnan(result.percent)
    row = json.loads((tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()[-1])
    assert row["score"] == pytest.approx(result.score)
