"""Cells take part in comparisons, percentages of the best known, and reports, in SI units."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from szilard.agents.open_loop import CellProtocolAgent
from szilard.envs.catalogue import entry
from szilard.envs.style import units_of
from szilard.experiments import compare as module
from szilard.experiments.cli import main
from szilard.experiments.compare import Comparison, Contender, compare, reference_contenders
from szilard.experiments.merits import controls_in_words, describe_certificate
from szilard.experiments.optima import best_agent, certified, is_certifiable, reference_agent
from szilard.experiments.orbits import recorded_orbit
from szilard.experiments.publish import publish, shown_cycles
from szilard.experiments.reference import goal, optimum, reference_lines
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.field_protocols import FieldProtocol
from szilard.physics.cells.library import make_cell_protocol
from szilard.physics.cells.load_life import best_loads
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell

ENV = "szilard/FerroelectricEngine-v0"
ENGINE, DT = FerroelectricEngine(rho=1e4, max_sub_step=1e-2), 0.1


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """References, and one "learned" agent that is a reference in disguise."""
    agent = CellProtocolAgent(make_cell_protocol("brayton", ENGINE, DT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BURN_IN", 1)
        patch.setattr(module, "RANDOM_CELL_STARTS", 1)
        patch.setattr(module, "CELL_STARTS", 1)
        return compare(entry(ENV), ENGINE, DT, [Contender("sac, seed 0", agent, group="sac", seed=0)])


def test_references_are_played_and_earn_what_their_limit_cycle_earns(comparison: Comparison) -> None:
    rows = {row.contender.label: row for row in comparison.rows}
    assert {"best known cycle", "Olsen", "Brayton", "random", "sac, seed 0"} <= rows.keys()
    for row in rows.values():
        agent = row.contender.agent
        if not isinstance(agent, CellProtocolAgent):
            continue
        steady = FieldProtocol.of_steps(agent.values, agent.choice, DT).steady(ENGINE)
        assert row.evaluation.power == pytest.approx(float(steady.power[0]), rel=1e-6)
        assert row.evaluation.efficiency == pytest.approx(agent.protocol.efficiency, rel=1e-6)
        assert row.evaluation.dissipation_rate == pytest.approx(agent.protocol.dissipation_rate, rel=1e-6)
        assert row.evaluation.period == pytest.approx(agent.protocol.response)


def test_percent_is_of_the_best_known(comparison: Comparison) -> None:
    rows = {row.contender.label: row for row in comparison.rows}
    assert rows["best known cycle"].percent == pytest.approx(100.0, abs=1e-6)
    share = rows["Olsen"].evaluation.power / rows["best known cycle"].evaluation.power
    assert rows["Olsen"].percent == pytest.approx(100.0 * share, rel=1e-6)
    assert (comparison.impossible, comparison.discoveries) == ([], [])
    assert comparison.to_dict()["goal"] == "best known"


def test_headings_have_si_units(comparison: Comparison) -> None:
    header = next(csv.reader(io.StringIO(comparison.csv())))
    assert {"power [W]", "entropy_production_rate [W/K]", "period [s]", "percent_of_best_known"} <= set(header)
    headings = [c.heading for c in comparison.columns]
    assert {"power (W)", "entropy production (W/K)", "period (s)", "% of best known"} <= set(headings)
    assert units_of(ENGINE).entropy == "J/K"
    assert units_of(DoubleLayerCell()).entropy_rate == "W/(K cm2)"


def test_report(comparison: Comparison, tmp_path: Path) -> None:
    paths = publish(comparison, [], tmp_path)
    assert {"cycle", "diagram", "comparison"} <= {p.stem for p in paths["figures"]}
    report = paths["report"].read_text(encoding="utf-8")
    for text in ("Units are SI", "J/K", "W/K", "no upper bound is known", "quick search over cycles"):
        assert text in report
    assert "in nats" not in report
    data = json.loads(paths["json"].read_text(encoding="utf-8"))
    assert data["certificate"]["power_upper"] is None


def test_recorded_cycle_is_the_limit_cycle(comparison: Comparison) -> None:
    shown = shown_cycles(comparison)
    assert next(iter(shown)) == "sac, seed 0"
    known = make_cell_protocol("brayton", ENGINE, DT)
    limit = recorded_orbit(Contender("x", CellProtocolAgent(known)), ENGINE, DT, known.response)
    assert limit.power == pytest.approx(known.power, rel=1e-6)
    assert limit.heat_rates == pytest.approx(known.heat_rates, rel=1e-6)
    np.testing.assert_allclose(limit.states[0], limit.states[-1], rtol=1e-6, atol=1e-6)


def test_lines_of_training_runs() -> None:
    best = certified(ENGINE, DT)
    lines = reference_lines(ENGINE, DT)
    assert lines == {"best_known": best.power_bounds[0]}
    assert optimum(lines) == best.power_bounds[0]
    assert goal(lines.get("optimum_upper"), ENGINE).tag == "percent_of_best_known"
    # at a weight they are objectives
    assert reference_lines(ENGINE, DT, 0.99) == {"best_known": certified(ENGINE, DT, 0.99).lower}
    assert not is_certifiable(ENGINE)


def test_no_percentages_where_power_is_not_the_task() -> None:
    assert reference_lines(FerroelectricCapacitor(), 5e-7) == {}
    none = reference_lines(SelfCyclingCell(energy_source="none"), 5.0)
    assert none == {"optimum_lower": 0.0, "optimum_upper": 0.0}
    assert math.isnan(optimum(none))


def test_a_life_is_compared_by_its_work(capsys: pytest.CaptureFixture[str]) -> None:
    cell = SelfCyclingCell(N0_A=1.0, N0_C=500.0, N_half=0.1)
    lines, known = reference_lines(cell, 300.0), certified(cell, 300.0)
    assert lines == {"best_known": known.lower}
    assert known.power_bounds == (known.lower, math.inf)
    arguments = ["--set", "N0_A=1.0", "--no-report"]
    assert main(["compare", "szilard/SelfCyclingCell-v0", "--preset", "little_fuel", *arguments]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "work of a" in out
    assert "life (J)" in out
    assert f"Best known cycle for the work of a life, dt = 300: {known.lower:.8g} J" in out
    found = compare(entry("szilard/SelfCyclingCell-v0"), cell, 300.0)
    works = {row.contender.label: (row.evaluation.life_work, row.percent) for row in found.rows}
    # the same program, played step by step in the environment
    assert works["load program"][0] == pytest.approx(known.lower, rel=1e-5)
    assert works["best known cycle"][1] == pytest.approx(100.0, rel=1e-5)
    loads = best_loads(cell, 300.0)
    assert works["matched load, 425 Ohm"][0] == pytest.approx(loads.matched[1], rel=1e-5)


def test_compare_without_a_goal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BURN_IN", 16)
    monkeypatch.setattr(module, "settling_time", lambda machine: 0.0)
    monkeypatch.setattr(module, "RANDOM_CELL_STARTS", 1)
    monkeypatch.setattr(module, "CELL_STARTS", 1)
    assert main(["compare", "szilard/NegativeCapacitor-v0", "--no-report"]) == 0
    out = capsys.readouterr().out
    assert "square wave" in out
    assert "No optimum of the power" in out
    assert "best known cycle" not in out


def test_references_that_do_not_fit_the_preset_are_left_out() -> None:
    cell = SelfCyclingCell(energy_source="none", port_voltage=1.5)
    found = reference_contenders(entry("szilard/SelfCyclingCell-v0"), cell, 5.0)
    assert [who.label for who in found] == ["rest", "random"]
    label, agent = reference_agent("rest", cell, 5.0)
    assert label == "rest"
    action, _ = agent.predict(np.zeros((2, 3)))
    assert action.shape == (2, 2)
    played: Any = best_agent(certified(cell, 5.0))
    np.testing.assert_array_equal(played.values, [[cell.log_R_max, 0.0]])


def test_best_known_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimum", ENV, "--set", "dt=0.02", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["power_lower"] == pytest.approx(207.5149, abs=1e-3)
    assert data["power_upper"] is None
    assert data["upper_source"].startswith("none")
    assert data["limit_cycle"]["period"] == pytest.approx(0.02 * len(data["cycle"]["choice"]))
    known = make_cell_protocol("brayton", ENGINE, DT)
    words = controls_in_words(known)
    assert " x hot, E = 1e+07 V/m | " in words
    assert sum(int(part.split()[0]) for part in words.split(" | ")) == len(known)
    assert any(" W <= optimum" in line for line in describe_certificate(certified(ENGINE, DT)))
