"""``szilard reproduce``: every study passes its own checks with few samples, and a number that is wrong is noticed."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from szilard.agents.open_loop import ProtocolAgent
from szilard.experiments import reproduce as module
from szilard.experiments import runs, studies
from szilard.experiments.cli import main
from szilard.experiments.compare import Contender
from szilard.experiments.studies import demon_continuous, demon_front, demon_power, refrigerator_measurement
from szilard.experiments.studies.study import (
    Check,
    References,
    Sample,
    Settings,
    Study,
    StudyResult,
    Table,
    sampled,
)
from szilard.physics.feedback.renewal import best_cycle
from szilard.physics.machines.feedback_demon import FeedbackDemon
from szilard.physics.references import Reference
from szilard.physics.validation import ParameterError

NAMES = [s.name for s in studies.STUDIES]
FEW = 1000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer points of the studies that take long."""
    monkeypatch.setattr(module, "DPI", 80)
    monkeypatch.setattr(demon_front, "WEIGHTS", (1.0, 0.8, 0.65, 0.6))
    monkeypatch.setattr(demon_front, "CERTIFIED", (1.0,))
    monkeypatch.setattr(demon_continuous, "TIMES", (0.2, 1.0, 4.0))
    monkeypatch.setattr(demon_power, "STEPS", (5, 16))
    monkeypatch.setattr(refrigerator_measurement, "N_COUPLINGS", 9)
    monkeypatch.setattr(refrigerator_measurement, "N_STRENGTHS", 6)
    monkeypatch.setattr(refrigerator_measurement, "N_MAP", (10, 7))


def run(out: Path, name: str, *args: str, code: int = 0) -> dict[str, Any]:
    """Run a study; what it wrote into checks.json."""
    assert main(["reproduce", name, "--out", str(out), "--samples", str(FEW), *args]) == code
    return json.loads((out / "checks.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_every_study_passes(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = run(tmp_path, name, "--seed", "3")
    assert data["ok"], [c for c in data["checks"] if not c["ok"]]
    assert data["missed"] == 0
    assert data["count"] == len(data["checks"]) > 5
    assert data["samples"] == FEW
    assert data["seed"] == 3
    assert all(c["source"] for c in data["checks"])
    # claims: trends and numbers of the model, never a figure of a paper
    assert (
        "numbers are those of this model" in data["about"].lower() or "numbers of this model" in data["about"].lower()
    )
    assert "reproduces fig" not in data["about"].lower()

    with (tmp_path / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 50
    assert None not in {key for row in rows for key in row}  # no row is longer than the header
    value = list(rows[0])[-1] if "standard_error" not in rows[0] else "value"
    known = [r[value] for r in rows if r[value]]
    assert np.isfinite([float(v) for v in known]).all()

    with Image.open(tmp_path / f"{name}.png") as picture:
        assert picture.width == pytest.approx(7.1 * 80, abs=1)
        shades = np.asarray(picture.convert("L"))
    assert 0.005 < (shades < 128).mean() < 0.4  # drawn, and not black

    out = " ".join(capsys.readouterr().out.split())
    assert "all passed" in out
    assert f"{name}.csv" in out


def test_the_table_holds_the_data_of_the_figure() -> None:
    table = demon_power.STUDY.run(Settings(FEW)).table
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    half = [r for r in rows if (r["quantity"], r["series"], r["t0"]) == ("power", "exact", 0.5)]
    tau = np.array([r["tau"] for r in half])
    rate = 1.0 / np.tanh(0.5)
    expected = (1.0 - np.exp(-rate * tau)) / (1.0 + np.e) / (tau + 0.5)
    assert [r["value"] for r in half] == pytest.approx(expected)


def test_a_wrong_number_has_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Wrong(demon_power.DeadTimeCycle):
        """A demon that earns one per mille too much."""

        def power(self, tau: float) -> float:
            return 1.001 * super().power(tau)

    monkeypatch.setattr(demon_power, "DeadTimeCycle", Wrong)
    data = run(tmp_path, "demon-power", code=1)
    assert not data["ok"]
    assert [c["name"] for c in data["checks"] if not c["ok"]] == ["DEM-37"]
    assert data["missed"] == 1
    assert "1 FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("study", "machine"), [(demon_power, "DeadTimeDemon"), (refrigerator_measurement, "MeasurementRefrigerator")]
)
def test_trajectories_notice_wrong_physics(study: Any, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    true = getattr(study, machine)
    monkeypatch.setattr(study, machine, lambda **given: true(gamma=2.0, **given))
    checks = study.STUDY.run(Settings(20000)).checks
    assert "trajectories" in {c.name for c in checks if not c.ok}


def test_agents_are_drawn_and_held_against_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = FeedbackDemon()
    cycle = best_cycle(machine, demon_front.DT, 0.8)

    def load(path: Path) -> SimpleNamespace:
        settings = SimpleNamespace(environment=SimpleNamespace(parameters={"weight": 0.8}))
        agent = ProtocolAgent(cycle.protocol, machine)
        contender = Contender("it", agent, seed=int(path.name))
        problem = SimpleNamespace(machine=replace(machine, g=2.0) if path.name == "2" else machine, dt=demon_front.DT)
        return SimpleNamespace(config=settings, contender=contender, problem=problem)

    monkeypatch.setattr(runs, "load_run", load)
    result = demon_front.STUDY.run(Settings(FEW, runs=(Path("0"), Path("1"))))
    rows = [dict(zip(result.table.header, row, strict=True)) for row in result.table.rows]
    agents = [r for r in rows if r["series"].startswith("agent")]
    assert [r["series"] for r in agents] == ["agent, seed 0: 0", "agent, seed 1: 1"]
    for r in agents:
        assert r["power"] == pytest.approx(cycle.power, rel=0.02)
        assert r["dissipation"] == pytest.approx(cycle.dissipation, rel=0.02)
        assert r["gain"] == pytest.approx(cycle.value(0.8), rel=0.02)
    against = [c for c in result.checks if c.name == "agent, c = 0.8"]
    assert [c.ok for c in against] == [True, True]
    assert against[0].expected == pytest.approx(0.109241, abs=1e-5)
    with pytest.raises(ParameterError, match="default parameters"):
        demon_front.learned([Path("2")], machine)


def test_same_seed_same_numbers() -> None:
    first, again, other = (demon_power.STUDY.run(Settings(FEW, seed)) for seed in (1, 1, 2))
    assert first.checks == again.checks
    assert first.checks != other.checks
    assert first.table == again.table


@pytest.mark.parametrize("args", [[], ["--list"]])
def test_list(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *args, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["studies"]
    assert [s["name"] for s in listed] == NAMES
    assert len(set(NAMES)) == len(NAMES)
    assert main(["reproduce", *args]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in NAMES)


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = run(tmp_path, "demon-coupling", "--json")
    assert json.loads(capsys.readouterr().out) == data
    assert Path(data["files"]["figure"]) == tmp_path / "demon-coupling.png"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["demon-cuopling"], "did you mean 'demon-coupling'"),
        (["demon-power", "--samples", "10"], "samples"),
        (["demon-power", "--seed", "-1"], "seed"),
        (["demon-front", "--runs", "nowhere"], "nowhere"),
        (["demon-power", "--runs", "nowhere"], "--runs"),
    ],
)
def test_errors(args: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *args, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ---- what studies are made of -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "computed", "ok"),
    [
        ("=", 1.05, True), ("=", 0.95, True), ("=", 1.2, False), ("=", float("nan"), False),
        (">=", 0.95, True), (">=", 0.8, False), (">=", 9.0, True), (">=", float("nan"), False),
        ("<=", 1.05, True), ("<=", 1.2, False), ("<=", -9.0, True), ("<=", float("nan"), False),
        (">", 1.2, True), (">", 1.05, False), (">", float("nan"), False),
    ],
)  # fmt: skip
def test_check(relation: Any, computed: float, ok: bool) -> None:
    assert Check("x", "x", computed, 1.0, 0.1, "x", relation).ok is ok


def test_a_reference_value_keeps_its_tolerance() -> None:
    references = References([Reference("A", "a", 1.0, 0.1, "x", lambda: 1.0)])
    assert references.check("A", 1.09).ok
    assert not references.check("A", 1.11).ok


def test_standard_errors_of_a_sample() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.gamma(8.0, size=(2000, 1000))
    found = [Sample.of(row) for row in drawn[:50]]
    means, deviations = drawn.mean(axis=1), drawn.std(axis=1)
    skewness = ((drawn - means[:, None]) ** 3).mean(axis=1) / deviations**3
    for part, spread in (("mean", means.std()), ("deviation", deviations.std()), ("skewness", skewness.std())):
        errors = [getattr(s, part)[1] for s in found]
        assert np.mean(errors) == pytest.approx(spread, rel=0.15)
    assert Sample.of(np.full(100, 0.3)).deviation == (0.0, 0.0)


def test_sampled_is_the_worst_in_standard_errors() -> None:
    check = sampled("x", "x", [((1.0, 0.1), 1.2), ((5.0, 1.0), 4.0)])
    assert check.computed == pytest.approx(2.0)
    assert check.ok
    assert not sampled("x", "x", [((1.0, 0.1), 1.41)]).ok


def test_table_repeats_what_is_given_once() -> None:
    table = Table(("a", "b", "c"))
    table.add("x", np.array([1.0, 2.0]), 3.0)
    table.add("y", 1.0, "")
    assert table.rows == [("x", 1.0, 3.0), ("x", 2.0, 3.0), ("y", 1.0, "")]
    with pytest.raises(ValueError, match="zip"):
        table.add("z", np.array([1.0, 2.0]), np.array([1.0]))


def test_a_new_study_needs_no_more_than_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def do(settings: Settings) -> StudyResult:
        return StudyResult(Figure(figsize=(1, 1)), Table(("x",), [(1,)]), (Check("one", "1", 1.0, 1.0, 0.0, "x"),))

    study = Study("new", "a new one", "nobody", "about nothing", do)
    monkeypatch.setattr(studies, "STUDIES", (*studies.STUDIES, study))
    assert main(["reproduce", "new", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "new.csv").read_text(encoding="utf-8").split() == ["x", "1"]
    broken = replace(study, run=lambda s: replace(do(s), checks=(Check("one", "1", 2.0, 1.0, 0.0, "x"),)))
    assert module.reproduce(broken, Settings(), tmp_path).exit_code == 1


def test_settings_are_checked() -> None:
    with pytest.raises(ParameterError, match="samples"):
        Settings(samples=99)
