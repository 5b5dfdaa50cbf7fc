"""Reference cycles: what slow, fast, Carnot-like and idle mean, and that each is the best of its family."""

import numpy as np
import pytest

from szilard.physics.control import Control
from szilard.physics.cycles.certificate import certify
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.cycles.objective import Objective
from szilard.physics.cycles.otto import carnot_like, fast_otto, idle, otto, slow_otto
from szilard.physics.machines.two_level import NONE, TwoLevelEngine
from szilard.physics.validation import ParameterError

ENGINE = TwoLevelEngine()
VARIANTS = [ENGINE, TwoLevelEngine(rates="bosonic"), TwoLevelEngine(rates="ohmic", gamma_c=2.0)]


def test_otto_strokes():
    cycle = otto(ENGINE, u_hot=0.9, u_cold=0.6, t_hot=2.0, t_cold=3.0, t_up=1.0, t_down=0.5, ramp_steps=2)
    assert cycle.word == "hot none none cold none none"
    np.testing.assert_allclose(cycle.values[:, 0], [0.9, 0.8, 0.7, 0.6, 0.7, 0.8])
    np.testing.assert_allclose(cycle.durations, [2.0, 0.25, 0.25, 3.0, 0.5, 0.5])
    assert cycle.limit_cycle().efficiency == pytest.approx(1 - 0.6 / 0.9)
    assert len(otto(ENGINE, 0.9, 0.6, 1.0, 1.0)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t_hot": 0.0}, "t_hot"),
        ({"t_up": -1.0}, "t_up"),
        ({"t_down": np.nan}, "t_down"),
        ({"u_hot": 2.0}, "must be in"),
        ({"t_up": 1.0, "ramp_steps": 0}, "ramp_steps"),
    ],
)
def test_otto_refuses_bad_arguments(arguments, message):
    with pytest.raises(ParameterError, match=message):
        otto(**{"machine": ENGINE, "u_hot": 0.9, "u_cold": 0.6, "t_hot": 1.0, "t_cold": 1.0, **arguments})


def test_fast_otto_of_equal_rates_is_the_best_cycle():
    cycle = fast_otto(ENGINE, 0.5)
    assert cycle.word == "hot cold"
    assert cycle.limit_cycle().power == pytest.approx(0.00909964, abs=5e-9)
    # tanh(dt/2) / (dt/2) of the fast limit
    for dt in (1.0, 0.1):
        ratio = fast_otto(ENGINE, dt).limit_cycle().power / ENGINE.fast_cycle.power
        assert ratio == pytest.approx(np.tanh(dt / 2) / (dt / 2), rel=1e-9)


def test_fast_otto_of_unequal_rates_stays_longer_with_the_slow_bath():
    cycle = fast_otto(TwoLevelEngine(gamma_c=4.0), 0.5)
    assert cycle.word == "hot hot cold"
    assert len(set(cycle.values[:, 0])) == 2


@pytest.mark.parametrize("machine", VARIANTS)
def test_slow_otto_is_slow_and_the_best_of_its_kind(machine):
    dt = 0.5
    cycle = slow_otto(machine, dt)
    assert np.allclose(cycle.durations, dt)
    limit = cycle.limit_cycle()
    maps = machine.affine(Control(cycle.values, cycle.choice), dt)
    for bath in (0, 1):
        steps = np.flatnonzero(cycle.choice == bath)
        assert len(set(cycle.values[steps, 0])) == 1
        left = maps.matrix[steps[0], 0, 0] ** len(steps)
        assert left <= 0.01 + 1e-9
        assert left / maps.matrix[steps[0], 0, 0] > 0.01  # one step less would not do
        ramp = (cycle.choice[(steps[-1] + 1 + np.arange(20)) % len(cycle)] != NONE).argmax()
        relaxation = -dt / np.log(maps.matrix[steps[0], 0, 0])
        assert relaxation <= ramp * dt + 1e-9 < relaxation + dt + 1e-6
    assert 0 < limit.power < 0.5 * machine.fast_cycle.power
    # neighbours with the same durations are not better
    for change in ((0.01, 0.0), (-0.01, 0.0), (0.0, 0.01), (0.0, -0.01)):
        values = np.clip(cycle.values + np.where(cycle.choice == 0, *change)[:, None], machine.u_min, machine.u_max)
        moved = Cycle(machine, values, cycle.choice, cycle.durations)
        if machine.rates == "fermionic":
            assert moved.limit_cycle().power <= limit.power + 1e-12


def test_slow_otto_trades_power_for_efficiency():
    eager, careful = slow_otto(ENGINE, 0.5).limit_cycle(), slow_otto(ENGINE, 0.5, Objective(0.5)).limit_cycle()
    assert careful.power < eager.power
    assert careful.efficiency > eager.efficiency


def test_carnot_like_becomes_efficient_when_it_may_be_slow():
    fast, careful = (carnot_like(ENGINE, 0.5, objective=Objective(c)).limit_cycle() for c in (1.0, 0.1))
    assert fast.power < certify(ENGINE, 0.5).power_bounds[1]
    assert careful.efficiency_ratio > fast.efficiency_ratio
    assert careful.efficiency_ratio > 0.85
    assert careful.cycle.word.split()[0] == "hot"


def test_idle_does_nothing():
    for machine in VARIANTS:
        limit = idle(machine, 0.5).limit_cycle()
        assert limit.power == pytest.approx(0.0, abs=1e-14)
        assert limit.entropy_production_rate == pytest.approx(0.0, abs=1e-14)
