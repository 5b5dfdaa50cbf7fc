"""What a user sees of a refrigerator, and of a machine without an upper bound."""

from __future__ import annotations

import csv
import io
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from szilard.agents.evaluation import carnot_bound, evaluate
from szilard.agents.open_loop import CycleAgent
from szilard.envs.style import REFRIGERATOR, words_of
from szilard.experiments.board import Board
from szilard.experiments.callbacks import PhysicsLog
from szilard.experiments.compare import Comparison, Contender, measure
from szilard.experiments.learning_figures import comparison_figure
from szilard.experiments.merits import describe_certificate, merits_of, units_caption
from szilard.experiments.publish import publish
from szilard.experiments.reference import BEST_KNOWN, OPTIMUM, goal, optimum
from szilard.physics.cycles.certificate import certify
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine

MACHINE, DT = QubitRefrigerator(P0=1e-3), 0.98  # no stored cycle: the best known one is found here, quickly
LEVELS = (
    0.516, 0.522, 0.527, 0.137, 0.133, 0.127, 0.119, 0.105, 0.275, 0.045, 0.044, 0.043, 0.040, 0.037, 0.033, 0.029,
    0.025, 0.019, 0.505, 0.509,
)  # fmt: skip
COOLING = Cycle(MACHINE, np.array(LEVELS)[:, None], np.zeros(20, int), np.full(20, DT), "cooling")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    certificate = certify(MACHINE, DT, n_max=1)  # holding still: easy to beat
    cycles = {"sac, seed 0": COOLING, "best known cycle": certificate.cycle}
    who = [Contender(k, CycleAgent(c, DT), group=k.partition(",")[0] * ("sac" in k)) for k, c in cycles.items()]
    rows = tuple(measure(one, MACHINE, DT, certificate) for one in who)
    return Comparison("szilard/QubitRefrigerator-v0", MACHINE, DT, rows, certificate)


def text(comparison: Comparison) -> str:
    console = Console(width=200, file=io.StringIO())
    for part in comparison.view():
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_columns_of_a_refrigerator(comparison: Comparison) -> None:
    line = next(csv.DictReader(io.StringIO(comparison.csv())))
    limit = COOLING.limit_cycle()
    assert float(line["cooling_power"]) == pytest.approx(float(limit.heat_rates[1]), rel=1e-9)
    assert float(line["cop"]) == pytest.approx(limit.cop, rel=1e-9)
    assert float(line["cop_ratio"]) == pytest.approx(limit.cop / limit.carnot_cop, rel=1e-9)
    assert "percent_of_best_known" in line
    shown = text(comparison)
    for part in ("cooling power", "% of best known", "COP / Carnot", "Best known cycle for the cooling power"):
        assert part in shown
    assert "efficiency" not in shown
    assert "optimum <= inf" not in shown


def test_above_the_best_known_cycle_is_no_bug(comparison: Comparison) -> None:
    assert comparison.impossible == []
    (line,) = comparison.discoveries
    assert "sac, seed 0 is above the best known cycle" in line
    assert line in " ".join(text(comparison).split())
    assert comparison.to_dict()["goal"] == "best known"
    assert comparison.rows[0].contender.label == "sac, seed 0"


def test_report_of_a_refrigerator(comparison: Comparison, tmp_path: Any) -> None:
    paths = publish(comparison, [], tmp_path)
    page = re.sub(r"<[^>]*>", "", paths["report"].read_text(encoding="utf-8"))
    report = " ".join(page.split())
    for part in ("cooling power", "P / best known", "COP", "no upper bound is known", "above the best known cycle"):
        assert part in report, part
    for part in ("Largest possible power", "P / optimum", "no efficiency without heat"):
        assert part not in report, part
    assert "coherence in the energy eigenbasis" in report


def test_merits_in_words() -> None:
    limit = COOLING.limit_cycle()
    merits = dict(merits_of(limit))
    assert merits["cooling power"] == limit.power
    assert merits["COP"] == limit.cop
    assert merits["Carnot COP"] == pytest.approx(1.0)
    assert not any("efficiency" in name for name in merits)
    engine = Cycle(TwoLevelEngine(), np.array([[0.81], [0.57]]), np.array([0, 1]), np.full(2, 0.5)).limit_cycle()
    assert dict(merits_of(engine))["efficiency / Carnot"] == pytest.approx(engine.efficiency_ratio)


def test_axes_of_the_comparison() -> None:
    rows = [
        {"label": "a", "power": 1.0, "efficiency_ratio": 0.5},
        {"label": "b", "power": -1.0, "efficiency_ratio": None},
    ]
    (axes,) = comparison_figure(rows, words=REFRIGERATOR).axes
    assert axes.get_ylabel().startswith("cooling power $P$")
    assert axes.get_xlabel().startswith("COP relative to Carnot")
    assert axes.get_title("left") == "not shown, no refrigerator: b"


def test_what_counts_as_100_percent() -> None:
    assert goal(1.0) is OPTIMUM
    assert goal(np.inf) is BEST_KNOWN
    assert goal(None) is BEST_KNOWN
    assert optimum({"optimum_lower": 0.9, "optimum_upper": 1.0}) == 1.0
    assert optimum({"best_known": 0.9}) == 0.9
    engine = certify(TwoLevelEngine(), 0.5)
    assert "<= optimum <=" in describe_certificate(engine)[0]


def test_names_and_units() -> None:
    assert words_of(MACHINE) is words_of(QubitRefrigerator) is REFRIGERATOR
    assert "cooling power in E0²/hbar" in units_caption(MACHINE)
    assert carnot_bound(MACHINE) == pytest.approx(1.0)
    assert carnot_bound(TwoLevelEngine()) == 0.5


def test_tags_of_a_refrigerator(tmp_path: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = evaluate(CycleAgent(COOLING, DT), MACHINE, DT, n_starts=2)
    built: Any = SimpleNamespace(machine=MACHINE, weight=1.0, scored_by="cooling_power")
    board = Board(tmp_path)
    board.head({"seed": 0}, {"best_known": 1e-3}, MACHINE)
    board.evaluation(built, found, 5, 50.0, {"best_known": 1e-3})
    board.close()
    log = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    values = {tag: log.Scalars(tag)[0].value for tag in log.Tags()["scalars"]}
    assert values["cooling_power/limit_cycle"] == pytest.approx(found.power, rel=1e-6)
    assert values["cooling_power/best_known"] == pytest.approx(1e-3, rel=1e-6)
    assert values["evaluation/percent_of_best_known"] == 50.0
    assert values["evaluation/cop"] == pytest.approx(found.efficiency, rel=1e-6)
    assert values["evaluation/carnot_cop"] == pytest.approx(1.0)
    assert values["evaluation/work"] == pytest.approx(found.power / found.efficiency, rel=1e-6)  # consumed: positive
    assert not any(tag.endswith("efficiency") or tag.startswith("power/") for tag in values)


def test_log_of_an_exploring_refrigerator() -> None:
    logged: dict[str, float] = {}
    bridge = SimpleNamespace(
        last_info={
            "power": np.array([0.2, 0.4]), "work": np.array([1.0, 2.0]), "entropy_production": np.ones(2),
            "heat": np.array([[-1.2, 0.2], [-2.4, 0.4]]), "law_residual": np.zeros(2),
        }
    )  # fmt: skip
    log = PhysicsLog(SimpleNamespace(machine=MACHINE, dt=1.0, bridge=bridge), 10)  # type: ignore[arg-type]
    log.model = SimpleNamespace(logger=SimpleNamespace(record=logged.__setitem__), dump_logs=lambda: None)  # type: ignore[assignment]
    log._on_step()
    log.record()
    assert logged["rollout/cooling_power"] == logged["cooling_power/exploring"] == pytest.approx(0.3)
    assert logged["rollout/work"] == pytest.approx(1.5)
    assert logged["rollout/cop"] == pytest.approx(0.2)
    assert "rollout/efficiency" not in logged
