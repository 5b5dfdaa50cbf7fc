"""The comparison: one code path for all contenders, the certificate above them, files."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest

from szilard.agents.open_loop import CycleAgent
from szilard.envs.catalogue import entry
from szilard.experiments import compare as module
from szilard.experiments.cli import main
from szilard.experiments.compare import Comparison, Contender, compare
from szilard.experiments.publish import publish, shown_cycles
from szilard.experiments.tables import to_json
from szilard.physics.cycles.certificate import Certificate, certify
from szilard.physics.cycles.otto import carnot_like, fast_otto
from szilard.physics.machines.two_level import TwoLevelEngine

ENV = "szilard/TwoLevelEngine-v0"
ENGINE, DT = TwoLevelEngine(), 0.5


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """References, and two "learned" agents of one algorithm that are cycles in disguise."""
    cycles = {0: fast_otto(ENGINE, DT), 1: carnot_like(ENGINE, DT)}
    agents = [Contender(f"sac, seed {s}", CycleAgent(c, DT), group="sac", seed=s) for s, c in cycles.items()]
    return compare(entry(ENV), ENGINE, DT, agents)


def test_every_baseline_is_there(comparison: Comparison) -> None:
    labels = [row.contender.label for row in comparison.rows]
    assert set(labels) == {"sac, seed 0", "sac, seed 1", "best known cycle", "fast Otto", "slow Otto", "Carnot-like",
                           "idle", "random"}  # fmt: skip
    powers = [row.evaluation.power for row in comparison.rows]
    assert powers == sorted(powers, reverse=True)


def test_played_cycles_earn_what_their_exact_limit_cycle_earns(comparison: Comparison) -> None:
    rows = {row.contender.label: row for row in comparison.rows}
    for label, cycle in (("fast Otto", fast_otto(ENGINE, DT)), ("Carnot-like", carnot_like(ENGINE, DT))):
        limit, found = cycle.limit_cycle(), rows[label].evaluation
        assert found.power == pytest.approx(limit.power, rel=1e-12)
        assert found.efficiency == pytest.approx(limit.efficiency, rel=1e-9)
        assert found.entropy_production_rate == pytest.approx(limit.entropy_production_rate, rel=1e-9)
        assert found.period == pytest.approx(limit.period)


def test_percent_is_of_the_upper_bound(comparison: Comparison) -> None:
    rows = {row.contender.label: row for row in comparison.rows}
    assert 99.99 < rows["best known cycle"].percent <= 100.0
    assert rows["idle"].percent == pytest.approx(0.0, abs=1e-12)
    assert rows["random"].percent < 0
    assert comparison.impossible == []


def test_statistics_over_seeds(comparison: Comparison) -> None:
    power = comparison.statistics()["sac"]["power"]
    assert power["max"] == pytest.approx(fast_otto(ENGINE, DT).limit_cycle().power)
    assert power["min"] == pytest.approx(carnot_like(ENGINE, DT).limit_cycle().power)
    assert power["median"] == pytest.approx(0.5 * (power["min"] + power["max"]))
    best = comparison.best_learned
    assert best is not None
    assert best.contender.seed == 0


def test_plain_data(comparison: Comparison) -> None:
    data = json.loads(to_json(comparison.to_dict()))
    random = next(row for row in data["rows"] if row["label"] == "random")
    assert random["efficiency"] is None
    assert random["kind"] == "reference"
    assert data["certificate"]["power_lower"] == pytest.approx(0.00909964, abs=5e-9)


def test_csv(comparison: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(comparison.csv())))
    for row, line in zip(comparison.rows, rows, strict=True):
        assert line["label"] == row.contender.label
        for column in comparison.columns:
            value = row.values()[column.key]
            assert (line[column.name] == "") == (value != value)
            assert line[column.name] == "" or float(line[column.name]) == value


def test_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", ENV, "--no-report"]) == 0
    out = capsys.readouterr().out
    for text in ("fast Otto", "0.00909964", "0.2963", "<= optimum <=", "lower bound:", "upper bound:"):
        assert text in out
    assert "BUG" not in out


def test_more_than_the_optimum_is_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def wrong(machine: TwoLevelEngine, dt: float, weight: float) -> Certificate:
        return dataclasses.replace(certify(machine, dt, weight), upper=0.5)

    monkeypatch.setattr(module, "certified", wrong)
    assert main(["compare", ENV, "--no-report"]) == 1
    out = capsys.readouterr().out
    assert "BUG: fast Otto" in out
    assert "BUG: slow Otto" not in out


def test_no_cycle_is_shown_twice(comparison: Comparison) -> None:
    assert list(shown_cycles(comparison)) == ["sac, seed 0", "Carnot-like", "slow Otto"]


def test_files(comparison: Comparison, tmp_path: Path) -> None:
    paths = publish(comparison, [], tmp_path / "new")
    assert json.loads(paths["json"].read_text())["environment"] == ENV
    assert paths["csv"].read_text() == comparison.csv()
    assert {p.stem for p in paths["figures"]} == {"cycle", "diagram", "comparison", "training", "power"}
    report = paths["report"].read_text()
    for text in ("sac: median of 2", "fast Otto", "branch and bound"):
        assert text in report
