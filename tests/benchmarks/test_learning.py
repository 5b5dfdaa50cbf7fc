"""The learning benchmark: what is finished is not repeated, and the table goes into the README."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from szilard.envs.catalogue import configure
from szilard.experiments.sweep import Job, Outcome

FILE = Path(__file__).parents[2] / "benchmarks" / "learning.py"
TASK = "refrigerator, Q = 4"


@pytest.fixture
def learning(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("learning_benchmark", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def row(seed: int, power: float, algorithm: str = "hybrid_sac", task: str = TASK) -> dict[str, Any]:
    return {
        "algorithm": algorithm,
        "task": task,
        "seed": seed,
        "power": power,
        "seconds": 10.0 + seed,
        "steps": 80_000,
        "stopped_by": "steps",
        "environment_share": 0.01,
    }


def test_table_has_the_median_in_per_cent_of_the_best_known_cycle(learning: Any) -> None:
    best = 9.12871873e-4  # specification B5, polished
    table = learning.markdown([row(seed, best * share) for seed, share in enumerate((0.99, 0.5, 0.98))])
    cells = [cell.strip() for cell in table.splitlines()[-1].strip("|").split("|")]
    header = [cell.strip() for cell in table.splitlines()[0].strip("|").split("|")]
    found = dict(zip(header, cells, strict=True))
    assert found["median %"] == "**98.00**"
    assert (found["worst"], found["best"], found["seeds"]) == ("50.00", "99.00", "3")
    assert found["median P"] == f"{0.98 * best:.5g}"
    assert found["published P"] == "0.0008631"
    assert found["100 % is"].endswith("best known")
    assert found["wall (s)"] == "11"


def test_finished_runs_are_found_in_order_and_not_repeated(
    learning: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(1, 1.0, "ppo"), row(1, 2.0), row(0, 3.0), row(0, 4.0, task="two-level engine")]
    for k, each in enumerate(rows):
        (tmp_path / str(k)).mkdir()
        (tmp_path / str(k) / "score.json").write_text(json.dumps(each))
    assert [found["power"] for found in learning.scores(tmp_path)] == [4.0, 3.0, 2.0, 1.0]

    started: list[str] = []

    def sweep(jobs: list[Job], _: int, on_done: Any) -> list[Outcome]:
        started[:] = [job.name for job in jobs]
        outcomes = [Outcome(job.name, row(job.arguments["seed"], 1.0), "", 1.0) for job in jobs]
        for outcome in outcomes:
            on_done(outcome)
        return [*outcomes, *[Outcome("other", None, "it broke", 1.0)][: len(jobs) - 1]]

    monkeypatch.setattr("szilard.experiments.sweep.sweep", sweep)
    with pytest.raises(SystemExit, match="other: it broke"):  # said after the others have ended
        learning.measure(["hybrid_sac"], [TASK], [0, 1], 1, tmp_path)
    first, second = started
    (tmp_path / first).mkdir()
    (tmp_path / first / "score.json").write_text(json.dumps(row(0, 1.0)))
    learning.measure(["hybrid_sac"], [TASK], [0, 1], 1, tmp_path)
    assert started == [second]


def test_only_the_block_of_the_readme_changes(learning: Any, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- learning: generated -->\nold\n<!-- /learning -->\nafter\n")
    learning.write_readme("| new \\1 |", readme)
    assert readme.read_text() == "before\n<!-- learning: generated -->\n| new \\1 |\n<!-- /learning -->\nafter\n"
    readme.write_text("no block\n")
    with pytest.raises(ValueError, match="expected one block"):
        learning.write_readme("table", readme)


def test_the_readme_of_the_repository_has_the_block(learning: Any) -> None:
    assert len(learning.BLOCK.findall(learning.README.read_text(encoding="utf-8"))) == 1


def test_tasks_are_in_the_catalogue_and_end_within_15_minutes(learning: Any) -> None:
    for task in learning.TASKS.values():
        _, settings = configure(task.environment, task.preset, **task.parameters)
        assert settings["dt"] > 0
        assert task.seconds <= 900.0


def test_cells_are_measured_by_the_best_known_controls(learning: Any) -> None:
    cooler = learning.reference(learning.TASKS["electrocaloric cooler"])
    assert cooler == (pytest.approx(350.4795, abs=1e-3), "best known")
    value, kind = learning.reference(learning.TASKS["ferroelectric engine"])
    assert (value, kind) == (pytest.approx(200.0677, abs=1e-3), "best known")
    for name in ("ferroelectric engine", "electrocaloric cooler", "self-cycling cell"):
        configure(learning.TASKS[name].environment, learning.TASKS[name].preset)
