"""Points, fronts and hypervolumes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.experiments.front import (
    Point,
    cycle_point,
    efficiency_ratio,
    fronts,
    hypervolume,
    ratios,
    reference_point,
    shared_hypervolume,
    summarise,
)
from szilard.experiments.front_figures import front_figure
from szilard.physics.cycles.known import known_cycles
from szilard.physics.cycles.library import make_cycle
from szilard.physics.cycles.objective import Objective
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine

FRACTIONS = st.floats(0.0, 1.0)


def made(kind: str, weight: float, x: float, y: float, label: str = "a", seed: int | None = None) -> Point:
    return Point(kind, label, seed, weight, x, y, x, y, 0.5, 1.0)


def test_hypervolume_against_known_values() -> None:
    reference = np.array([0.0, 0.0])
    assert hypervolume(np.array([[2.0, 3.0]]), reference) == 6.0
    # three boxes 1 x 3, 2 x 2 and 3 x 1 overlap to a staircase of 6 unit squares; a dominated point adds nothing
    stairs = np.array([[1.0, 3.0], [3.0, 1.0], [2.0, 2.0], [1.0, 1.0]])
    assert hypervolume(stairs, reference) == 6.0
    assert hypervolume(stairs, np.array([1.0, 0.5])) == pytest.approx(2.0 * 0.5 + 1.0 * 1.0)
    assert hypervolume(np.array([[-1.0, 5.0], [5.0, -1.0]]), reference) == 0.0
    assert hypervolume(np.zeros((0, 2)), reference) == 0.0


def test_time_sharing_fills_the_gaps_of_a_front() -> None:
    reference = np.zeros(2)
    assert shared_hypervolume(np.array([[2.0, 3.0]]), reference) == 6.0
    # (0, 3) - (1, 3) - (3, 1): 3 + 2 * 2; the point below the line adds nothing
    assert shared_hypervolume(np.array([[1.0, 3.0], [3.0, 1.0], [1.5, 1.9]]), reference) == pytest.approx(7.0)
    assert shared_hypervolume(np.array([[5.0, -1.0]]), reference) == 0.0
    # best cycle (1, -0.6), and a bad one (0.6, -0.4) on no line between it and doing nothing: more area, but no mixture
    best, bad, nothing, floor = [1.0, -0.6], [0.6, -0.4], [0.0, 0.0], np.array([0.0, -0.66])
    assert hypervolume(np.array([bad]), floor) > hypervolume(np.array([best]), floor)
    both = shared_hypervolume(np.array([best, bad, nothing]), floor)
    assert both == shared_hypervolume(np.array([best, nothing]), floor) == pytest.approx(0.36)
    assert shared_hypervolume(np.array([bad, nothing]), floor) < both


@given(st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=1, max_size=8))
def test_hypervolume_is_the_measure_of_the_dominated_set(points: list[tuple[float, float]]) -> None:
    grid = (np.arange(200) + 0.5) / 200
    x, y = np.meshgrid(grid, grid)
    covered = np.any([(x < px) & (y < py) for px, py in points], axis=0).mean()
    area = hypervolume(np.array(points), np.zeros(2))
    assert area == pytest.approx(covered, abs=0.02)
    assert area <= shared_hypervolume(np.array(points), np.zeros(2)) + 1e-12


def test_efficiency_ratio_is_that_of_the_limit_cycle() -> None:
    """Dimensional P and Sigma (spec, trap 8): eta_max_power = 0.59266 eta_C, COP of the best known cycle .0614."""
    engine, oscillator, refrigerator = TwoLevelEngine(), OscillatorEngine(), QubitRefrigerator()
    two_level = make_cycle("fast_otto", engine, 0.5).limit_cycle()
    found = efficiency_ratio(engine, two_level.power, two_level.entropy_production_rate)
    assert found == pytest.approx(0.59266, abs=1e-5)
    assert found == pytest.approx(two_level.efficiency_ratio, rel=1e-9)
    ramps = make_cycle("sudden_otto", oscillator, 0.2).limit_cycle()
    assert cycle_point("reference", "a", 1.0, ramps).efficiency_ratio == pytest.approx(ramps.efficiency_ratio, rel=1e-9)
    dt = 2 * np.pi / 0.05 / 128
    cooling = max((c.limit_cycle() for c in known_cycles(refrigerator, dt)), key=lambda limit: limit.power)
    found = efficiency_ratio(refrigerator, cooling.power, cooling.entropy_production_rate)
    assert found == pytest.approx(cooling.cop / cooling.carnot_cop, rel=1e-9)
    assert found == pytest.approx(0.0614, abs=5e-4)  # Carnot's is 1
    assert math.isnan(efficiency_ratio(engine, 0.0, 0.1))
    assert efficiency_ratio(engine, 1.0, 0.0) == 1.0


def test_objective_of_a_point_is_that_of_its_cycle() -> None:
    machine = TwoLevelEngine()
    for weight in (0.2, 0.7, 1.0):
        limit = make_cycle("fast_otto", machine, 0.5, Objective(weight)).limit_cycle()
        assert cycle_point("optimum", "o", weight, limit).objective == pytest.approx(Objective(weight).value(limit))


def test_the_reference_point_depends_on_the_optimiser_alone_and_counts_waste_for_nothing() -> None:
    optimum = [made("optimum", 0.5, 0.8, 0.5), made("optimum", 1.0, 1.0, 1.0)]
    assert reference_point(optimum).tolist() == [0.0, -1.1]
    agents = [made("agent", 0.5, 0.4, 0.5, "b", 0), made("agent", 1.0, 2.0, 5.0, "b", 0)]
    rows = {(r["kind"], r["label"]): r for r in summarise([*optimum, *agents])}
    best, learned = rows["optimum", "a"], rows["agent", "b"]
    assert best["hypervolume"]["median"] == pytest.approx(0.8 * 0.6 + 0.2 * 0.1)
    assert best["hypervolume_ratio"]["median"] == 1.0
    # twice the power at five times the dissipation is off the chart
    assert learned["hypervolume"]["median"] == pytest.approx(0.4 * 0.6)
    assert learned["hypervolume_ratio_margin_1"]["median"] == pytest.approx(0.5)
    assert learned["ratio"]["0.5"] == pytest.approx((0.5 * 0.4 - 0.5 * 0.5) / 0.15)


def test_seeds_are_fronts_of_their_own() -> None:
    points = [made("optimum", 1.0, 1.0, 1.0), *(made("agent", 1.0, 0.5 + 0.1 * s, 0.5, "b", s) for s in range(3))]
    assert len(fronts(points)) == 4
    (row,) = (r for r in summarise(points) if r["kind"] == "agent")
    assert row["seeds"] == 3
    assert row["ratio"]["1"] == pytest.approx(0.6)
    assert row["hypervolume"]["min"] < row["hypervolume"]["median"] < row["hypervolume"]["max"]
    assert math.isnan(ratios([made("agent", 0.3, 1.0, 1.0)])[0])


def test_the_figure_shows_every_front() -> None:
    points = [
        made("optimum", 1.0, 1.0, 1.0),
        made("agent", 1.0, 0.9, 1.0, "conditioned", 0),
        made("reference", 1.0, 0.4, 0.9),
    ]
    figure = front_figure(TwoLevelEngine(), points)
    texts = [t.get_text() for t in figure.legends[0].get_texts()]
    assert texts == ["direct optimiser", "one agent for all weights (1 seed)", "a"]
    left, right = figure.axes
    assert "efficiency" in left.get_xlabel()
    assert "entropy production" in right.get_xlabel()
    assert [np.asarray(line.get_ydata())[0] for line in right.lines[:3]] == [1.0, 0.9, 0.4]
