"""Machines with measurements in comparison, figures, optimum, front and training."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from szilard.agents.evaluation import Evaluation, evaluate
from szilard.agents.open_loop import ProtocolAgent, RandomAgent
from szilard.envs.catalogue import configure, entry
from szilard.experiments import callbacks
from szilard.experiments import compare as module
from szilard.experiments.callbacks import PhysicsLog
from szilard.experiments.cli import main
from szilard.experiments.compare import Comparison, Contender, measure
from szilard.experiments.front import efficiency_ratio, point
from szilard.experiments.merits import describe_certificate, units_caption
from szilard.experiments.optima import best_agent, best_protocol, certified
from szilard.experiments.pareto import Question, pareto
from szilard.experiments.publish import publish, shown_trajectories
from szilard.experiments.reference import BEST_PROTOCOL, goal, reference_lines, weight_of
from szilard.experiments.trajectory_figures import play, trajectory_figure
from szilard.physics.feedback import library
from szilard.physics.feedback.certificate import certify_feedback
from szilard.physics.feedback.library import make_protocol
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.feedback_demon import MEASURE, FeedbackDemon
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

DEMON, DT, WEIGHT = FeedbackDemon(), 0.07, 0.8
TINY = ["--steps", "64", "--n-envs", "4", "--no-progress"]
for setting in ("evaluate_every=1000", "tensorboard=false", "learning_starts=16", "gradient_steps=1"):
    TINY += ["--set", setting]
SYSTEMS = ("FeedbackDemon-v0", "DeadTimeDemon-v0", "TwoQubitDemon-v0", "ContinuousDemon-v0",
           "MeasurementRefrigerator-v0")  # fmt: skip


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """Two "learned" agents, the best at c = 0.8 and the best at c = 1, ranked at c = 0.8."""
    certificate = certified(DEMON, DT, WEIGHT)
    agents = {0: best_agent(certified(DEMON, DT, 1.0)), 1: best_agent(certificate)}
    who = [Contender(f"sac, seed {s}", a, group="sac", seed=s) for s, a in agents.items()]
    who += [
        Contender("best known protocol", best_agent(certificate)),
        Contender("contact", ProtocolAgent(make_protocol("idle", DEMON, DT), DEMON)),
        Contender("random", RandomAgent(DEMON.control_space)),
    ]
    rows = [measure(one, DEMON, DT, certificate, n_starts=16) for one in who]
    rows.sort(key=lambda row: -row.objective)
    return Comparison("szilard/FeedbackDemon-v0", DEMON, DT, tuple(rows), certificate)


# ---- comparison -------------------------------------------------------------------------------------------------


def test_contenders_are_ranked_by_the_objective(comparison: Comparison) -> None:
    rows = {row.contender.label: row for row in comparison.rows}
    assert rows["sac, seed 0"].evaluation.power > rows["sac, seed 1"].evaluation.power
    assert comparison.best_learned is rows["sac, seed 1"]
    assert rows["sac, seed 1"].objective == pytest.approx(comparison.certificate.lower, rel=1e-4)
    assert 99.9 < rows["sac, seed 1"].percent < 100.01
    assert rows["contact"].percent == pytest.approx(0.0, abs=1e-3)
    assert rows["random"].percent < 0.0
    assert comparison.impossible == []


def test_columns_of_a_demon(comparison: Comparison) -> None:
    line = next(row for row in csv.DictReader(io.StringIO(comparison.csv())) if row["label"] == "sac, seed 1")
    power, lost = float(line["power"]), float(line["record_entropy_rate"])
    assert float(line["objective"]) == pytest.approx(0.8 * power - 0.2 * lost)
    assert float(line["efficiency"]) == pytest.approx(power / lost)  # T = 1
    assert float(line["efficiency"]) < 1.0
    assert float(line["read_fraction"]) == pytest.approx(1 / 12, abs=1e-3)
    for name in ("period", "efficiency_ratio", "entropy_production_rate"):
        assert name not in line
    idle = next(row for row in csv.DictReader(io.StringIO(comparison.csv())) if row["label"] == "contact")
    assert idle["efficiency"] == ""
    caption = units_caption(DEMON)
    assert "record entropy in nats x g" in caption
    assert "standard error" in caption


def test_an_error_bar_above_the_bound_is_no_bug(comparison: Comparison) -> None:
    random = next(row for row in comparison.rows if row.contender.label == "random")
    assert random.objective_error > 0.0
    for errors, bugs in ((3.9, 0), (4.1, 1)):
        lucky = dataclasses.replace(random, objective=comparison.certificate.upper + errors * random.objective_error)
        found = dataclasses.replace(comparison, rows=(lucky,)).impossible
        assert len(found) == bugs, errors
    assert "±" in found[0]
    assert "r_c (c = 0.8)" in found[0]


def test_files_of_a_demon(comparison: Comparison, tmp_path: Path) -> None:
    paths = publish(comparison, [], tmp_path)
    assert {p.stem for p in paths["figures"]} == {"trajectory", "comparison", "training", "power"}
    data = json.loads(paths["json"].read_text())
    assert data["weight"] == 0.8
    assert data["certificate"]["protocol"]["type"] == "RenewalProtocol"
    page = " ".join(re.sub(r"<[^>]*>", "", paths["report"].read_text(encoding="utf-8")).split())
    for part in ("record entropy D", "P / (T x record entropy)", "standard error of P", "steps that read a detector",
                 "No policy with steps of", "A protocol is known explicitly", "rc / optimum"):  # fmt: skip
        assert part in page, part
    for part in ("in the limit cycle", "Carnot", "of any period"):
        assert part not in page.partition("Versions")[0].partition("Fluctuations No")[0], part
    best, other = shown_trajectories(comparison)
    assert best.contender.group
    assert not other.contender.group


def test_the_bound_holds_for_every_reference_of_the_quick_demons() -> None:
    machine = DeadTimeDemon()
    found = module.compare(entry("DeadTimeDemon-v0"), machine, 0.05)
    assert found.impossible == []
    best = found.rows[0]
    assert best.percent == pytest.approx(100.0, abs=1e-6)
    assert best.evaluation.standard_error == pytest.approx(0.0, abs=1e-9)
    assert {row.contender.label for row in found.rows} >= {"best known protocol", "measure when ready", "random"}


def test_best_protocol_without_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = MeasurementRefrigerator()
    monkeypatch.setattr(library, "PROTOCOLS", {k: library.PROTOCOLS[k] for k in ("fixed_wait", "swap", "idle")})
    found = best_protocol.__wrapped__(machine, 0.25)
    assert set(found.names) == {"swap", "idle"}  # fixed_wait is of another machine
    assert found.lower == found.names["swap"] > found.names["idle"]
    assert found.power_bounds == (found.average.power, np.inf)
    assert goal(found.upper, machine) is BEST_PROTOCOL
    head, *_ = describe_certificate(found)
    assert head.startswith("Best known protocol for the cooling power, dt = 0.25: 0.0469")
    row = measure(Contender("sac", best_agent(found), group="sac"), machine, 0.25, found, n_starts=16)
    assert row.objective == pytest.approx(found.lower, rel=1e-4)
    above = dataclasses.replace(row, objective=2.0 * row.objective)
    (line,) = Comparison("id", machine, 0.25, (above,), found).discoveries
    assert "is above the best known protocol: cooling power" in line
    json.dumps(found.to_dict(), allow_nan=False)


# ---- weights ----------------------------------------------------------------------------------------------------


def test_weight_of_an_environment() -> None:
    assert [weight_of(p) for p in ({}, {"weight": None}, {"weight": 0.8}, {"weight": [0.5, 0.9]})] == [1, 1, 0.8, 0.9]


def test_reference_lines_at_a_weight() -> None:
    engine = TwoLevelEngine()
    lines = reference_lines(engine, 0.5, 0.8)
    assert 0.0 < lines["fast_otto"] <= lines["optimum_lower"] * (1 + 1e-9) <= lines["optimum_upper"] * (1 + 1e-9) < 0.8
    assert reference_lines(DEMON, DT, 0.8)["optimum_upper"] == certify_feedback(DEMON, DT, 0.8).upper
    powers = reference_lines(DeadTimeDemon(), 0.05)
    assert powers["optimum_upper"] == pytest.approx(0.178226655, abs=1e-9)


# ---- figures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_stretch_is_the_exact_trajectory(system: str) -> None:
    machine, settings = configure(system)
    found = play(RandomAgent(machine.control_space), machine, settings["dt"], n_steps=24, burn_in=8)
    inside = found.steps.inside
    assert inside.shape[0] == 24
    assert inside[:-1, -1] == pytest.approx(inside[1:, 0], abs=1e-12)
    jumps = np.abs(np.diff(inside, axis=1)).max(axis=(0, 2))
    assert jumps[-1] < 0.35  # after the operation no jump is left: the noise is that of the step
    if isinstance(machine, FeedbackDemon):
        read = found.steps.choice == MEASURE
        assert read.any()
        assert inside[read, 1, 0] == pytest.approx(0.5 + 0.5 * found.outcome[read, 0])
    figure = trajectory_figure({"random": found})
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels[-2] == "outcome"
    assert "heat current" in labels[-1]
    assert {"wait", "thermalise"} & {t.get_text() for t in figure.legends[0].get_texts()}


def test_no_stretch_no_figure() -> None:
    with pytest.raises(ParameterError, match="at least one stretch"):
        trajectory_figure({})


# ---- front ------------------------------------------------------------------------------------------------------


def test_front_of_a_demon(tmp_path: Path) -> None:
    front = pareto(Question("FeedbackDemon-v0", weights=(0.8, 1.0), seeds=0), tmp_path, jobs=1)
    best = {p.weight: p for p in front.points if p.kind == "optimum"}
    for weight, p in best.items():
        assert p.objective == pytest.approx(certify_feedback(DEMON, DT, weight).lower, rel=1e-9)
    assert best[0.8].efficiency_ratio == pytest.approx(best[0.8].power / best[0.8].dissipation_rate)
    rows = {row["label"]: row for row in front.to_dict()["fronts"]}
    assert rows["belief optimum"]["hypervolume_ratio"]["median"] == pytest.approx(1.0, abs=1e-6)
    assert rows["fixed wait"]["shared_ratio"]["median"] < 0.99
    assert (tmp_path / "figures" / "front.png").stat().st_size > 0


def test_efficiency_of_a_demon_is_bounded_by_landauer() -> None:
    assert efficiency_ratio(DeadTimeDemon(T=2.0), 1.0, 1.0) == 0.5
    assert point(DEMON, "agent", "a", 1.0, 0.2, 0.4).efficiency_ratio == 0.5


def test_no_front_without_an_optimiser(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pareto", "TwoQubitDemon-v0"]) == 2
    assert "no optimiser knows its front" in capsys.readouterr().err


# ---- commands ---------------------------------------------------------------------------------------------------


def test_optimum_of_a_demon(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimum", "FeedbackDemon-v0", "--weight", "0.8", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["lower"] == pytest.approx(0.109241, abs=5e-7)
    assert len(data["protocol"]["controls"]) == 11
    assert data["average"]["choice_fractions"] == pytest.approx([1 / 12, 11 / 12, 0.0])
    assert main(["optimum", "FeedbackDemon-v0"]) == 0
    out = capsys.readouterr().out
    for part in ("0.15865 | 0.11191 | 0.05817 | measure", "0.41171956 <= optimum <=", "P / (T x record entropy)"):
        assert part in out
    assert main(["optimum", "FeedbackDemon-v0", "--period-max", "4"]) == 2
    assert "no limit cycles" in capsys.readouterr().err


def test_commands_of_a_demon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*args: Any, **kwargs: Any) -> Evaluation:
        return evaluate(*args, **{**kwargs, "n_starts": kwargs.get("n_starts") or 8, "window": 64, "burn_in": 16})

    for where in (module, callbacks):
        monkeypatch.setattr(where, "evaluate", short)
    run = str(tmp_path / "run")
    assert main(["train", "FeedbackDemon-v0", *TINY, "--set", "weight=0.8", "--run-dir", run, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["weight"] == 0.8
    assert data["reference"]["optimum_upper"] == pytest.approx(0.109241, abs=1e-6)
    machine_value = 0.8 * data["evaluation"]["power"] - 0.2 * data["evaluation"]["dissipation_rate"]
    assert data["score"] == pytest.approx(machine_value)
    assert data["percent"] == pytest.approx(100 * data["score"] / data["reference"]["optimum_upper"])
    assert main(["resume", run, "--steps", "80", "--no-progress"]) == 0
    out = capsys.readouterr().out
    assert "Objective r_c, c = 0.8" in out
    assert "Power in the long run" in out
    assert main(["evaluate", run, "--starts", "4", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["powers"]) == 4
    picture = tmp_path / "learned.png"
    assert main(["render", run, "--out", str(picture)]) == 0
    assert picture.stat().st_size > 10_000
    assert main(["compare", "FeedbackDemon-v0", run, "--set", "weight=0.7", "--no-report"]) == 2
    assert "weight = 0.8 against 0.7" in capsys.readouterr().err


def test_log_of_an_exploring_demon() -> None:
    logged: dict[str, float] = {}
    ledger = {
        "power": np.array([0.2, 0.4]), "work": -np.array([0.2, 0.4]), "entropy_production": np.ones(2),
        "heat": np.array([[0.2], [0.4]]), "law_residual": np.zeros(2), "record": np.array([0.5, 0.7]),
        "information": np.array([0.4, 0.6]),
    }  # fmt: skip
    built: Any = SimpleNamespace(machine=DEMON, dt=1.0, bridge=SimpleNamespace(last_info=ledger))
    log = PhysicsLog(built, 10)
    log.model = SimpleNamespace(logger=SimpleNamespace(record=logged.__setitem__), dump_logs=lambda: None)  # type: ignore[assignment]
    log._on_step()
    log.record()
    assert logged["rollout/heat_bath"] == pytest.approx(0.3)
    assert logged["rollout/record_entropy"] == pytest.approx(0.6)
    assert logged["rollout/information"] == pytest.approx(0.5)
    assert logged["rollout/efficiency"] == pytest.approx(0.5)
