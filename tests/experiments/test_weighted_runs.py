"""Runs with a weight: the objective is what counts, and runs from before that go on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from szilard.experiments import callbacks as module
from szilard.experiments import checkpoint
from szilard.experiments.callbacks import Clock, Evaluate
from szilard.experiments.config import RunConfig
from szilard.experiments.reference import reference_lines
from szilard.experiments.run_folder import RunFolder
from szilard.experiments.train import resume, train
from szilard.physics.machines.two_level import TwoLevelEngine

ENGINE = TwoLevelEngine()
HYPERPARAMETERS = {"policy_kwargs": {"net_arch": [8]}, "n_steps": 16, "batch_size": 32}


def config(path: Path, weight: Any) -> RunConfig:
    return RunConfig.from_dict(
        {
            "environment": {"parameters": {"weight": weight, "max_episode_steps": 10}},
            "agent": {"algorithm": "ppo", "steps": 128, "n_envs": 4, "hyperparameters": HYPERPARAMETERS},
            "run": {"run_dir": str(path), "evaluate_every": 64, "checkpoint_every": 64},
        }
    )


class Found(SimpleNamespace):
    """As much of an evaluation as the callback needs."""

    life_work = mean_reward = float("nan")

    def objective(self, machine: Any, weight: float) -> float:
        return weight * self.power / machine.power_unit - (1 - weight) * self.lost / machine.dissipation_unit

    def to_dict(self) -> dict[str, float]:
        return {"power": self.power, "dissipation_rate": self.lost}


def callback(tmp_path: Path, weight: float, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    kept: Any = SimpleNamespace(best_model=tmp_path / "best.zip", rows=[])
    kept.add_evaluation, kept.evaluations = kept.rows.append, lambda: kept.rows
    built: Any = SimpleNamespace(
        machine=ENGINE, dt=0.5, weight=weight, encoding=None, levels=1, seen={}, model=None
    )  # fmt: skip
    monkeypatch.setattr(module, "save_model", lambda built, path: None)
    one = Evaluate(built, kept, None, {"optimum_upper": 0.5}, Clock(), 1)
    one.model = SimpleNamespace(num_timesteps=0)  # type: ignore[assignment]
    return one


@pytest.mark.parametrize(("weight", "best"), [(1.0, 1), (0.5, 0)])
def test_the_best_model_is_that_of_the_objective(
    weight: float, best: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = callback(tmp_path, weight, monkeypatch)
    p0, s0 = ENGINE.power_unit, ENGINE.dissipation_unit
    policies = [Found(power=0.5 * p0, lost=0.1 * s0), Found(power=0.6 * p0, lost=0.9 * s0)]
    for step, found in enumerate(policies):
        monkeypatch.setattr(module, "evaluate", lambda *args, found=found, **kwargs: found)
        one.model.num_timesteps = step
        one.evaluate()
    assert one.best_step == best
    assert one.best_power == policies[best].power
    assert one.best_score == (policies[best].power if weight == 1.0 else policies[best].objective(ENGINE, weight))
    rows: Any = one.folder.evaluations()
    assert [r["percent"] for r in rows] == pytest.approx([100 * r["score"] / 0.5 for r in rows])


def test_state_of_an_older_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"next": 5, "best_power": 0.5 * ENGINE.power_unit, "best_step": 3}
    one = callback(tmp_path, 1.0, monkeypatch)
    one.set_state(old)
    assert one.best_score == old["best_power"]
    weighted = callback(tmp_path, 0.5, monkeypatch)
    weighted.set_state(old)
    assert weighted.best_score == -np.inf  # nothing is known of its dissipation
    weighted.folder.add_evaluation({"step": 3, "entropy_production_rate": 0.1 * ENGINE.dissipation_unit})
    weighted.set_state(old)
    assert weighted.best_score == pytest.approx(0.2)


def test_a_weighted_run_and_its_older_folder(tmp_path: Path) -> None:
    path = tmp_path / "run"
    result = train(config(path, 0.8))
    lines = reference_lines(ENGINE, 0.5, 0.8)
    assert result.reference == pytest.approx(lines)
    found = result.evaluation
    assert result.score == found.objective(ENGINE, 0.8)
    assert result.percent == pytest.approx(100.0 * result.score / lines["optimum_upper"])
    folder = RunFolder.open(path)
    assert result.best_score == max(row["score"] for row in folder.evaluations())

    # as it was written when the power was ranked
    folder.reference_file.write_text(json.dumps({"optimum_lower": 0.0090996, "optimum_upper": 0.0090997}))
    saved = checkpoint.load_latest(folder.checkpoints)
    assert saved is not None
    del saved["callbacks"]["evaluations"]["best_score"]
    for file in folder.checkpoints.glob("*.ckpt"):
        file.unlink()
    checkpoint.save(folder.checkpoints, result.step, saved)
    again = resume(path, steps=192)
    assert again.reference == pytest.approx(lines)
    assert json.loads(folder.reference_file.read_text())["weight"] == 0.8
    assert again.best_score == pytest.approx(max(row["score"] for row in folder.evaluations()))


def test_a_range_of_weights_is_scored_at_its_largest(tmp_path: Path) -> None:
    result = train(config(tmp_path / "run", [0.5, 0.9]).merged({"agent": {"steps": 64}}))
    assert result.weight == 0.9
    assert result.reference == pytest.approx(reference_lines(ENGINE, 0.5, 0.9))


def test_tags_of_a_weighted_run(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(config(tmp_path / "run", 0.8).merged({"agent": {"steps": 64}}))
    log = EventAccumulator(str(result.folder.tensorboard), size_guidance={"scalars": 0}).Reload()
    last = {tag: log.Scalars(tag)[-1].value for tag in log.Tags()["scalars"]}
    assert last["objective/limit_cycle"] == pytest.approx(result.score, rel=1e-5)
    assert last["power/limit_cycle"] == pytest.approx(result.evaluation.power, rel=1e-5)
    for name, value in result.reference.items():
        assert last[f"objective/{name}"] == pytest.approx(value, rel=1e-6)
        assert f"power/{name}" not in last
    assert last["evaluation/percent_of_optimum"] == pytest.approx(result.percent, rel=1e-5)
