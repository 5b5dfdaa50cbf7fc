"""``szilard pareto`` from end to end with a tiny budget, its folder, and its errors."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from szilard.experiments import pareto as module
from szilard.experiments.cli import main
from szilard.experiments.config import EnvironmentConfig
from szilard.experiments.front import Point
from szilard.experiments.pareto import Question, agent_points, best_cycle, optimum_points, pareto
from szilard.experiments.sweep import Job, Outcome, call
from szilard.physics.cycles.certificate import certify
from szilard.physics.cycles.objective import Objective
from szilard.physics.machine import AffineMachine
from szilard.physics.validation import ParameterError

ENV = "szilard/TwoLevelEngine-v0"
TINY = {"steps": 64, "hyperparameters": {"learning_starts": 32, "batch_size": 8, "policy_kwargs": {"net_arch": [8]}}}


def here(jobs: list[Job], parallel: int | None, ray_address: str | None, on_done: Any) -> list[Outcome]:
    """The jobs in this process: starting others takes longer than the work."""
    return [call(job) for job in jobs]


def test_from_end_to_end(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The command with processes of its own: files, columns, and a second call that only reads."""
    out = tmp_path / "front"
    command = ["pareto", ENV, "--weights", "0.6", "1", "--steps", "64", "--jobs", "2", "--out", str(out), "--json"]
    assert main(command) == 0
    data = json.loads(capsys.readouterr().out)
    fronts = {(row["kind"], row["label"]): row for row in data["fronts"]}
    assert ("agent", "conditioned") in fronts
    assert fronts["optimum", "direct optimiser"]["hypervolume_ratio"]["median"] == 1.0
    assert fronts["reference", "fast Otto"]["hypervolume_ratio"]["median"] == pytest.approx(1.0, abs=1e-6)
    rows = list(csv.DictReader(io.StringIO((out / "pareto.csv").read_text())))
    (best,) = (r for r in rows if r["kind"] == "optimum" and r["weight"] == "1.0")
    assert float(best["power"]) == pytest.approx(0.00909964, abs=5e-9)
    assert float(best["efficiency_ratio"]) == pytest.approx(0.59266, abs=1e-5)
    assert sum(r["kind"] == "agent" for r in rows) == 2
    for file in ("pareto.json", "settings.json", "figures/front.png", "figures/front.svg"):
        assert (out / file).stat().st_size > 0
    model = out / "front" / "conditioned-s0" / "model.zip"
    before = model.stat().st_mtime_ns
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["points"] == data["points"]
    assert model.stat().st_mtime_ns == before


def test_one_agent_per_weight_and_what_is_there_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "sweep", here)
    question = Question(ENV, weights=(1.0, 0.6), mode="separate", seeds=2, **TINY)
    assert list(question.trainings()) == ["c0.6-s0", "c0.6-s1", "c1-s0", "c1-s1"]
    done = tmp_path / "front" / "c1-s1"
    done.mkdir(parents=True)
    point = Point("agent", "separate", 1, 1.0, 0.0046, 0.01, 0.5, 0.8, 0.3, math.nan)
    (done / "points.json").write_text(json.dumps({**point.to_dict(), "period": None}).join("[]"))
    (tmp_path / "settings.json").write_text(json.dumps({**question.to_dict(), "seeds": 1}))  # more seeds go on
    half = tmp_path / "front" / "c1-s0"
    half.mkdir()  # stopped while it was made
    front = pareto(question, tmp_path)
    assert not front.failed
    agents = [p for p in front.points if p.kind == "agent"]
    assert [(p.weight, p.seed) for p in agents] == [(0.6, 0), (0.6, 1), (1.0, 0), (1.0, 1)]
    assert agents[3].x == 0.5
    assert math.isnan(agents[3].period)


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    from szilard.experiments.train import train

    def stopped(config: Any) -> Any:
        """The process ends after the first half."""
        return train(config.merged({"run": {"time_limit": 1e-6}}))

    question = Question(ENV, weights=(0.6, 1.0), **TINY)
    folder = tmp_path / "front" / "conditioned-s0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("szilard.experiments.train.train", stopped)
        patch.setattr("szilard.experiments.train.FINISHED", ("steps",))
        with pytest.raises(RuntimeError, match="the same command continues it"):
            agent_points(question, "conditioned-s0", folder)
    assert not (folder / "points.json").exists()
    assert json.loads((folder / "result.json").read_text())["step"] < 64


def test_a_failed_training_leaves_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "sweep", here)
    bad = {**TINY, "hyperparameters": {"learning_starts": 32, "huber": -1.0}}
    front = pareto(Question(ENV, weights=(0.6, 1.0), **bad), tmp_path)
    assert "huber = -1.0" in front.failed["conditioned-s0"]
    assert {p.kind for p in front.points} == {"optimum", "reference"}


def test_the_optimiser_finds_the_certified_optimum(tmp_path: Path) -> None:
    question = Question(ENV, weights=(0.3, 1.0))
    problem = question.problem
    assert isinstance(problem.machine, AffineMachine)
    for weight in question.weights:
        value = Objective(weight).value(best_cycle(problem, weight, 24).limit_cycle())
        assert value == pytest.approx(certify(problem.machine, problem.dt, weight).lower, rel=1e-6)
    file = tmp_path / "optimum.json"
    assert optimum_points(question, file) == optimum_points(question, file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": (0.5, 1.5)}, "weights = 1.5: must be in \\[0, 1\\]"),
        ({"weights": (0.5, 0.5)}, "at least two different ones"),
        ({"mode": "both"}, "mode = 'both'"),
        ({"seeds": -1}, "seeds = -1"),
        ({"parameters": {"weight": 0.5}}, "parameters.weight: is set by the front"),
    ],
)
def test_bad_questions(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Question(ENV, **arguments)


def test_a_folder_belongs_to_one_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "sweep", here)
    pareto(Question(ENV, weights=(0.6, 1.0), seeds=0), tmp_path / "a")
    with pytest.raises(ParameterError, match=r"belongs to a front with weights = \[0\.6, 1\.0\], not"):
        pareto(Question(ENV, weights=(0.7, 1.0), seeds=0), tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("mine")
    with pytest.raises(ParameterError, match="is not empty"):
        pareto(Question(ENV, seeds=0), tmp_path / "b")


def test_vector_rewards_cannot_be_trained_on() -> None:
    with pytest.raises(ParameterError, match="its reward is a vector; use 'szilard/TwoLevelEngine-v0' with a weight"):
        EnvironmentConfig("szilard/mo-TwoLevelEngine-v0")
