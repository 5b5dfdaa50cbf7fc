"""Limit cycles: exact fixed point, laws, figures of merit, and the errors of ``Cycle``."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.control import Control
from szilard.physics.cycles.cycle import Cycle, NoLimitCycleError, find_period, recorded_cycle
from szilard.physics.laws import audit
from szilard.physics.machines.two_level import COLD, HOT, NONE, TwoLevelEngine
from szilard.physics.validation import ParameterError

ENGINE = TwoLevelEngine()


def a2(machine=ENGINE):
    return Cycle(machine, np.array([[0.8131], [0.5722]]), np.array([HOT, COLD]), np.array([0.5, 0.5]), "A2")


def steps(u, choice, durations):
    """A cycle of the preset from plain lists."""
    return Cycle(ENGINE, np.array(u)[:, None], np.array(choice), np.array(durations))


@st.composite
def cycles(draw, kinds=("fermionic", "bosonic", "ohmic")):
    """A random cycle in contact with a bath at least once, of a random machine."""
    machine = TwoLevelEngine(
        rates=draw(st.sampled_from(kinds)),
        beta_c=draw(st.floats(1.05, 6.0)),
        gamma_c=draw(st.floats(0.2, 5.0)),
    )
    n = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    choice = rng.integers(0, 3, n)
    choice[0] = rng.integers(0, 2)
    return Cycle(machine, rng.uniform(0.3, 1.0, (n, 1)), choice, rng.uniform(0.05, 2.0, n))


@settings(max_examples=40, deadline=None)
@given(cycles())
def test_limit_cycle_is_what_long_iteration_ends_in_and_obeys_the_laws(cycle):
    machine, limit = cycle.machine, cycle.limit_cycle()
    periods = int(np.ceil(40.0 / -np.log(max(limit.spectral_radius, 1e-300)))) + 1
    assert periods < 20000
    state = machine.initial_state(np.array([[0.3]]))
    for _ in range(min(periods, 2000)):
        for u, a, t in zip(cycle.values, cycle.choice, cycle.durations, strict=True):
            state, _ = machine.step(state, Control(u[None], a[None]), float(t))
    np.testing.assert_allclose(state[0], limit.states[-1], atol=1e-10)
    np.testing.assert_allclose(limit.states[0], limit.states[-1], atol=1e-13)
    residual, sigma = audit(limit.flows, machine.betas, machine.energy_scale)
    assert np.abs(residual).max() < 1e-13
    assert sigma.min() > -1e-12
    # over a closed cycle the energy and the entropy of the system return
    assert limit.power == pytest.approx(limit.heat_rates.sum(), abs=1e-13)
    assert limit.entropy_production_rate == pytest.approx(sigma.sum() / limit.period, abs=1e-12)
    if np.isfinite(limit.efficiency):
        assert limit.efficiency <= limit.carnot_efficiency + 1e-9
    if np.isfinite(limit.cop):
        assert limit.cop <= limit.carnot_cop + 1e-9


def test_figures_of_the_best_two_step_cycle():
    limit = a2().limit_cycle()
    assert limit.power == pytest.approx(0.00909964, abs=5e-9)
    # Otto: eta = 1 - eps_c / eps_h, Sigma = beta_c P (eta_C / eta - 1)
    assert limit.efficiency == pytest.approx(1 - 0.5722 / 0.8131, abs=1e-12)
    assert limit.efficiency_ratio == pytest.approx(2 * limit.efficiency)
    sigma = ENGINE.beta_c * limit.power * (limit.carnot_efficiency / limit.efficiency - 1)
    assert limit.entropy_production_rate == pytest.approx(sigma)
    assert limit.spectral_radius == pytest.approx(np.exp(-1.0))
    assert limit.states.shape == (3, 2)
    assert limit.times.tolist() == [0.0, 0.5, 1.0]
    assert np.isnan(limit.cop)
    assert set(limit.summary()) >= {"power", "efficiency", "heat_rate_hot", "spectral_radius"}


def test_refrigerator_has_a_cop_and_no_meaningless_efficiency():
    limit = steps([1.0, 0.3], [HOT, COLD], [0.1, 0.1]).limit_cycle()
    assert limit.cop == pytest.approx(0.75 / (2.5 - 0.75))
    assert limit.power < 0
    assert np.isnan(limit.efficiency)
    assert np.isnan(steps([0.5], [HOT], [1.0]).limit_cycle().efficiency)


def test_a_cycle_without_contact_has_no_limit_cycle():
    with pytest.raises(NoLimitCycleError, match="spectral radius") as error:
        steps([0.5, 0.9], [NONE, NONE], [0.5, 0.5]).limit_cycle()
    assert error.value.spectral_radius == 1.0


def test_grid_repeat_and_rotate_leave_the_averages_alone():
    cycle = steps([0.9, 0.7, 0.5], [HOT, NONE, COLD], [0.3, 0.1, 0.4])
    power = cycle.limit_cycle().power
    on_grid = cycle.on_grid(0.1)
    assert len(on_grid) == 8
    assert on_grid.word == "hot hot hot none cold cold cold cold"
    for other in (on_grid, cycle.repeat(3), cycle.rotate(2)):
        assert other.limit_cycle().power == pytest.approx(power, rel=1e-11)
    assert cycle.rotate(1).word == "none cold hot"
    assert cycle.to_dict()["choice"] == ["hot", "none", "cold"]
    with pytest.raises(ParameterError, match=r"durations\[0\].*multiple of dt"):
        cycle.on_grid(0.2)


@pytest.mark.parametrize(
    ("values", "choice", "durations", "message"),
    [
        ([[0.5]], [0], [0.0], "durations"),
        ([[0.5]], [0], [np.nan], "durations"),
        ([[0.5]], [0], [np.inf], "durations"),
        ([[0.5]], [0], [], "at least one step"),
        ([[0.5], [0.6]], [0], [1.0], "values"),
        ([0.5], [0], [1.0], "values"),
        ([[np.nan]], [0], [1.0], "u = "),
        ([[1.5]], [0], [1.0], "u = "),
        ([[0.5]], [3], [1.0], "bath = 3"),
        ([[0.5]], [0.0], [1.0], "integer"),
        ([[0.5]], [0, 1], [1.0], "choice"),
    ],
)
def test_bad_cycles_are_refused_by_name(values, choice, durations, message):
    with pytest.raises(ParameterError, match=message):
        Cycle(ENGINE, values, choice, durations)


def test_arrays_of_a_cycle_are_copies_that_cannot_be_changed():
    values = np.array([[0.8131], [0.5722]])
    cycle = Cycle(ENGINE, values, np.array([HOT, COLD]), np.full(2, 0.5))
    values[0] = 0.4
    assert cycle.values[0, 0] == 0.8131
    with pytest.raises(ValueError, match="read-only"):
        cycle.values[0] = 0.4


def test_recorded_controls_become_the_cycle_at_their_end():
    cycle = a2()
    values = np.concatenate([[[0.4], [0.9], [0.5]], np.tile(cycle.values, (8, 1))])
    choice = np.concatenate([[0, 0, 2], np.tile(cycle.choice, 8)])
    found = recorded_cycle(ENGINE, values, choice, 0.5)
    assert len(found) == 2
    assert found.limit_cycle().power == pytest.approx(cycle.limit_cycle().power)
    assert len(recorded_cycle(ENGINE, values, choice, 0.5, period=4)) == 4
    noise = np.random.default_rng(0).uniform(0.3, 1.0, (20, 1))
    assert find_period(ENGINE, noise, np.zeros(20, dtype=int)) is None
    with pytest.raises(ParameterError, match="does not repeat"):
        recorded_cycle(ENGINE, noise, np.zeros(20, dtype=int), 0.5)
    with pytest.raises(ParameterError, match="period = 30"):
        recorded_cycle(ENGINE, noise, np.zeros(20, dtype=int), 0.5, period=30)
