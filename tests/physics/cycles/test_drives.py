"""Drives of the refrigerator: published and derived reference values, and the same drives on a time grid."""

from math import pi

import numpy as np
import pytest

from szilard.physics.cycles.cycle import Cycle
from szilard.physics.cycles.drives import (
    best_sine,
    best_trapezoid,
    sine,
    sine_on_grid,
    trapezoid,
    trapezoid_on_grid,
)
from szilard.physics.cycles.objective import Objective
from szilard.physics.cycles.period_map import mean_objective
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.validation import ParameterError

Q4, Q30 = QubitRefrigerator(Q_h=4.0, Q_c=4.0), QubitRefrigerator(Q_h=30.0, Q_c=30.0)
DT = 2 * pi / 0.05 / 128


@pytest.mark.parametrize(
    ("machine", "c", "omega", "places", "value"),
    [
        (Q30, 1.0, 0.06389, 5e-6, 2.2513e-4 * 1510),
        (Q4, 1.0, 0.054751, 5e-7, 2.7369e-5 * 1510),
        (Q4, 0.8, 0.051221, 5e-7, 0.020349),
        (Q4, 0.9, 0.053000, 5e-7, 0.030600),
    ],
)
def test_best_trapezoid(machine, c, omega, places, value):
    """B1, B3, B4: best frequency and r_c (P/P0 for c = 1) to the digits of the source."""
    cycle = best_trapezoid(machine, Objective(c))
    assert len(cycle) == 2000
    assert 2 * pi / cycle.period == pytest.approx(omega, abs=places)
    limit = cycle.limit_cycle()
    assert Objective(c).value(limit) == pytest.approx(value, abs=5e-9 * 1510 if machine is Q30 else 6e-7)
    # an efficiency of dimensional heats; below Carnot, which is 1 here
    assert limit.cop == pytest.approx(limit.power / -limit.extracted_power)
    assert 0 < limit.cop < limit.carnot_cop == pytest.approx(1.0)
    # a better frequency is not near
    for factor in (0.99, 1.01):
        other = trapezoid(machine, omega * factor)
        assert mean_objective(other, Objective(c)) < Objective(c).value(limit)


@pytest.mark.parametrize(
    ("machine", "omega", "power", "cop", "tolerance"),
    [
        (Q30, 0.06389, 2.2513e-4, 0.157, 5e-4),
        (Q30, 0.065, 2.2473e-4, 0.152, 5e-4),
        (Q30, 0.05, 2.1208e-4, 0.2314, 5e-5),
        (Q4, 0.054751, 2.7369e-5, 0.0348, 5e-5),
    ],
)
def test_trapezoid_at_given_frequency(machine, omega, power, cop, tolerance):
    limit = trapezoid(machine, omega).limit_cycle()
    assert limit.power == pytest.approx(power, abs=5e-9 if machine is Q30 else 5e-10)
    assert limit.cop == pytest.approx(cop, abs=tolerance)


def test_steepness_is_worth_optimising():
    """Q = 4 has one peak, that of the source. Q = 30 has several: the best is above the one of the source."""
    best = best_trapezoid(Q4, steepness=None)
    assert 2 * pi / best.period == pytest.approx(0.06516, abs=5e-6)
    power = best.limit_cycle().power
    assert power == pytest.approx(3.9611e-5, abs=1e-9)
    assert trapezoid(Q4, 0.06516, 1.457).limit_cycle().power == pytest.approx(power, rel=1e-6)

    published = trapezoid(Q30, 0.0744, 1.211).limit_cycle().power
    assert published == pytest.approx(2.6066e-4, abs=5e-9)
    better = best_trapezoid(Q30, steepness=None)
    assert better.limit_cycle().power > published * 1.002
    assert 2 * pi / better.period == pytest.approx(0.0660, abs=1e-4)


def test_pieces_are_fine_enough():
    coarse, fine = (mean_objective(trapezoid(Q30, 0.06389, n_steps=n), Objective()) for n in (2000, 8000))
    assert coarse == pytest.approx(fine, rel=2e-6)


def test_a_trapezoid_moves_between_its_ends_and_becomes_a_sine():
    values = trapezoid(Q4, 0.05).values[:, 0]
    assert values[0] == pytest.approx(0.5, abs=1e-5)
    assert values[1000] == pytest.approx(0.0, abs=1e-5)
    assert np.ptp(trapezoid_on_grid(Q4, DT).values) > 0.49
    flat = trapezoid(Q4, 0.05, steepness=1e-4)
    wave = sine(Q4, 0.05)
    np.testing.assert_allclose(flat.values, wave.values, atol=1e-8)
    np.testing.assert_allclose(wave.values[:, 0], 0.25 + 0.25 * np.cos(2 * pi * (np.arange(2000) + 0.5) / 2000))
    square = trapezoid(Q4, 0.05, steepness=20.0).values[:, 0]
    assert np.mean((square > 0.01) & (square < 0.49)) < 0.1


@pytest.mark.parametrize("machine", [Q4, Q30])
@pytest.mark.parametrize("c", [1.0, 0.6])
def test_on_the_grid_no_other_period_is_better(machine, c):
    objective = Objective(c)
    for found, make in (
        (trapezoid_on_grid(machine, DT, objective), trapezoid),
        (sine_on_grid(machine, DT, objective), sine),
    ):
        n = len(found)
        np.testing.assert_allclose(found.durations, DT)
        best = objective.value(found.limit_cycle())
        for other in {n - 1, n + 1, n // 2, *range(40, 240, 7)} - {n}:
            assert mean_objective(make(machine, 2 * pi / (other * DT), n_steps=other), objective) < best
    # the published step is short: little is lost against the smooth drive
    smooth = mean_objective(best_trapezoid(machine, objective), objective)
    assert objective.value(trapezoid_on_grid(machine, DT, objective).limit_cycle()) == pytest.approx(smooth, rel=0.15)


def test_the_sine_has_the_best_of_several_peaks():
    """For Q = 30 coherence makes about ten local maxima in the frequency; compare with a fine scan."""
    best = mean_objective(best_sine(Q30), Objective())
    scan = [mean_objective(sine(Q30, omega, n_steps=400), Objective()) for omega in np.geomspace(0.01, 0.5, 250)]
    assert best >= max(scan) * (1 - 1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"omega": 0.0}, "omega"),
        ({"steepness": -1.0}, "steepness"),
        ({"n_steps": 1}, "n_steps"),
        ({"u_low": 0.6}, "u_low"),
        ({"u_high": 0.9}, "u = "),
        ({"machine": OscillatorEngine()}, "always connected"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        trapezoid(**{"machine": Q4, "omega": 0.05, **arguments})


def test_bad_step_is_refused():
    for make in (trapezoid_on_grid, sine_on_grid):
        with pytest.raises(ParameterError, match="dt"):
            make(Q4, 0.0)


def test_fast_evaluation_agrees_with_the_limit_cycle():
    """Pairwise products of thousands of maps against the step-by-step limit cycle, on random controls."""
    rng = np.random.default_rng(3)
    for machine, n in ((Q4, 7), (Q30, 64), (OscillatorEngine(), 5)):
        space = machine.control_space
        values = rng.uniform(space.low, space.high, (n, 1))
        choice = np.arange(n) % space.n_choices
        cycle = Cycle(machine, values, choice, rng.uniform(0.1, 1.0, n))
        assert mean_objective(cycle, Objective(0.7)) == pytest.approx(
            Objective(0.7).value(cycle.limit_cycle()), rel=1e-9
        )
