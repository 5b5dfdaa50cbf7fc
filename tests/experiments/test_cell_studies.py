"""Studies of cells: their checks notice wrong physics, and the numbers behind the pictures are right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from szilard.experiments.config import RunConfig
from szilard.experiments.studies import (
    STUDIES,
    cell_ledger,
    cell_life,
    cell_negative,
    cell_oscillation,
    cell_window,
    ferro_loops,
    ferro_olsen,
)
from szilard.experiments.studies.cell_tools import play
from szilard.experiments.studies.study import Settings, StudyResult
from szilard.experiments.train import train
from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.load_life import LoadProgram, live
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell

FEW = 1000
NAMES = (
    "ferroelectric-loops",
    "negative-capacitance",
    "negative-capacitance-window",
    "self-oscillation",
    "self-cycling-ledger",
    "self-cycling-life",
    "olsen-rate",
    "discharge-curves",
)


def missed(result: StudyResult) -> set[str]:
    return {c.name for c in result.checks if not c.ok}


def test_all_are_listed() -> None:
    # that they pass with few samples is tested with all other studies
    assert set(NAMES) <= {s.name for s in STUDIES}


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (1.01, False)])
def test_area_of_a_loop_tells_materials_apart(factor: float, right: bool) -> None:
    case = ferro_loops.CASES["PZT_eff"]
    case = case._replace(landau=replace(case.landau, b=factor * case.landau.b))
    found = ferro_loops.loops(case, np.full(1, 90e6), np.full(1, 1e2), np.full(1, 298.15), 200)
    assert bool(abs(found.area[0] / 109.51e6 - 1.0) < 1e-3) is right
    assert found.heat[0] == pytest.approx(found.area[0], rel=1e-6)
    assert found.coercive[0] == pytest.approx(40.14e6, abs=0.5e6)


def test_a_wrong_curie_temperature_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_window, "FIRST", replace(cell_window.FIRST, T0=388.2))
    assert {"Tc", "end"} <= missed(cell_window.STUDY.run(Settings(FEW)))


def test_a_wrong_viscosity_of_the_engine_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ferro_olsen, "FerroelectricEngine", lambda: FerroelectricEngine(rho=1e5))
    assert "W" in missed(ferro_olsen.STUDY.run(Settings(FEW)))


def test_a_wrong_reaction_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_ledger, "SelfCyclingCell", lambda: SelfCyclingCell(R_m=404.0))
    assert {"W", "Q", "chemical"} <= missed(cell_ledger.STUDY.run(Settings(FEW)))


def test_swing_of_a_sine() -> None:
    t = np.linspace(0.0, 1000.0, 4001)
    found = cell_oscillation.swing(t, 1.0 + 0.05 * np.sin(2.0 * np.pi * t / 70.0))
    assert found.amplitude == pytest.approx(0.1, rel=1e-4)
    assert found.period == pytest.approx(70.0, rel=1e-4)
    assert np.isnan(cell_oscillation.swing(t, np.ones_like(t)).period)
    assert cell_oscillation.to_and_fro(np.exp(-t / 100.0)) == pytest.approx(0.0, abs=1e-15)
    assert cell_oscillation.to_and_fro(np.sin(2.0 * np.pi * t / 100.0)) > 1.0


def test_drop_is_that_after_the_maximum() -> None:
    volts = np.array([0.0, 2.0, 1.5, 1.8, -1.0, 3.0])
    polarisation = np.array([-1.0, -0.8, -0.4, 0.1, 0.5, 0.9])
    assert cell_negative.drop(volts, polarisation) == (1, 4, 3.0)


def test_the_well_is_gone_with_the_same_coefficients() -> None:
    cell = SelfCyclingCell()
    flat, _ = cell_oscillation.without_well(cell)
    assert flat.a0 == pytest.approx(cell.a0, rel=1e-12)
    assert flat.b == pytest.approx(cell.b, rel=1e-12)
    assert flat.a0 * (flat.T_a - flat.Tc) > 0.0  # a single minimum
    # potential of the anode at T_a
    assert flat.E_A + flat.e_A * (flat.T_a - flat.T_r) == pytest.approx(cell.E_A)


def test_points_of_a_first_order_transition_in_closed_form() -> None:
    film = replace(cell_window.FIRST, d=0.0)
    found = cell_window.points(film)
    unit = film.b**2 / (film.c * film.a0)
    temperatures = [t for t, _ in found]
    assert temperatures == pytest.approx([film.T0 + 3 * unit / 16, film.T0 + unit / 4, film.T0 + 9 * unit / 20])


def test_play_is_the_machine_step_by_step() -> None:
    film = FerroelectricCapacitor()
    run = play(film, film.start()[:, None], np.zeros(1), np.array([[5.4]]), 5e-8, 20)
    then = run.then(play(film, run.x[-1], run.theta[-1], np.array([[-5.4]]), 5e-8, 5))
    assert then.times[-1] == pytest.approx(25 * 5e-8)
    states = then.state()
    assert states.shape == (26, film.n_state)
    assert (states[:21, -1] == 5.4).all()
    assert (states[21:, -1] == -5.4).all()
    energy = np.diff(film.internal_energy(states))
    np.testing.assert_allclose(energy, then.heat.sum(axis=1)[:, 0] - then.delivered[:, 0], atol=1e-22)


def test_life_of_a_learned_policy_is_drawn_and_its_ledger_closes(tmp_path: Path) -> None:
    config = {
        "environment": {"id": "szilard/SelfCyclingCell-v0", "preset": "little_fuel"},
        "agent": {"algorithm": "hybrid_sac", "steps": 32, "n_envs": 2},
        "run": {"run_dir": str(tmp_path / "run"), "tensorboard": False, "evaluate_every": 10**6},
    }
    train(RunConfig.from_dict(config))
    (found,) = cell_life.learned([tmp_path / "run"])
    assert 0.0 < found.work < found.used
    assert found.delivered[-1] == pytest.approx(found.work, rel=1e-12)
    assert found.spent[-2] < 1.0 < found.spent[-1]
    # the same loads, played without an agent
    played = live(
        cell_life.CELL, LoadProgram(np.concatenate([[0.0], found.spent[:-1]]), np.log10(found.load)[None]), 300
    )
    assert played.work[0] == pytest.approx(found.work, rel=1e-9)
