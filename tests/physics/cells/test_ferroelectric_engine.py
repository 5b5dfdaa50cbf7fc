"""The ferroelectric engine and cooler: laws at any step size, the written-out stepper, parameters."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.cells.cell import Cell
from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.film_step import FEW, Contact, Film, contact
from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.validation import ParameterError

ENGINE, COOLER = FerroelectricEngine(), ElectrocaloricCooler()
FIRST_ORDER = FerroelectricEngine(
    a0=3.5e7, T0=315.0, b=-1.5e12, c=1.9e14, d=0.0, cv=2.7e6, rho=5e5,
    T_cold=353.15, T_hot=403.15, E_low=20e6, E_high=60e6,
)  # fmt: skip
"""P(VDF-TrFE) 65/35, which jumps between branches."""


Args = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def random_contact(machine: FerroelectricEngine, count: int, seed: int) -> Args:
    """Arguments of ``advance``: states, new fields, baths."""
    rng = np.random.default_rng(seed)
    state = machine.initial_state(rng.random((count, 2)))
    field = rng.uniform(machine.E_low, machine.E_high, (1, count))
    return state[:, 0][None], state[:, 1], state[:, 2][None], field, rng.integers(0, 3, count)


@pytest.mark.parametrize("count", [3, FEW + 5])
@pytest.mark.parametrize("machine", [ENGINE, COOLER])
def test_it_steps_as_the_general_solver(machine, count):
    args = random_contact(machine, count, seed=count)
    fast, general = machine.advance(*args, 6e-3), Cell.advance(machine, *args, 6e-3)
    scales = machine.scales
    np.testing.assert_allclose(fast.x, general.x, rtol=0, atol=1e-12 * scales[0])
    np.testing.assert_allclose(fast.theta, general.theta, rtol=0, atol=1e-12 * scales[1])
    for name in ("delivered", "heat", "dissipated"):
        a, b = getattr(fast, name), getattr(general, name)
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(np.abs(b).max(), machine.energy_scale))
    assert (fast.sub_steps == general.sub_steps).all()


def test_floats_and_arrays_are_the_same():
    x, theta, start, end, choice = random_contact(FIRST_ORDER, FEW + 8, seed=1)
    many = FIRST_ORDER.advance(x, theta, start, end, choice, 0.02)
    one = [
        FIRST_ORDER.advance(x[:, [i]], theta[[i]], start[:, [i]], end[:, [i]], choice[[i]], 0.02)
        for i in range(FEW + 8)
    ]
    np.testing.assert_allclose(many.x[0], [o.x[0, 0] for o in one], rtol=1e-11)
    np.testing.assert_allclose(many.heat, [o.heat[0] for o in one], rtol=1e-11, atol=1e-6)
    # the film that jumps took smaller sub-steps
    assert many.sub_steps.tolist() == [int(o.sub_steps[0]) for o in one]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dt=st.floats(-4.0, 1.0).map(lambda x: 10.0**x),
    machine=st.sampled_from([ENGINE, COOLER, FIRST_ORDER]),
    count=st.sampled_from([1, FEW + 1]),
)
def test_both_laws_hold_at_any_step_size(seed, dt, machine, count):
    # one sub-step per step, however long
    machine = replace(machine, max_sub_step=dt)
    rng = np.random.default_rng(seed)
    state = machine.initial_state(rng.random((count, 2)))
    for _ in range(3):
        values = rng.uniform(machine.E_low, machine.E_high, (count, 1))
        state, flows = machine.step(state, Control(values, rng.integers(0, 3, count)), dt)
        residual, sigma = audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
        exchanged = np.abs(flows.heat).sum(axis=1) + np.abs(flows.work) + machine.energy_scale
        assert (np.abs(residual) <= 1e-10 * exchanged).all()
        assert (sigma >= -1e-12 * exchanged / machine.T_cold).all()


def test_the_entropy_produced_is_that_of_the_state_functions():
    film: Film = ENGINE.film
    p, theta = float(ENGINE.landau.equilibrium(np.array(3e6), np.array(420.0))), 420.0 - ENGINE.T_cold
    done: Contact = contact(film, p, theta, (3e6, 9e6), ENGINE.cv / ENGINE.tau, ENGINE.T_hot, [1e-3] * 20)

    def entropy(p: float, theta: float) -> float:
        return float(ENGINE.landau.order(p)) + ENGINE.cv * np.log1p(theta / ENGINE.T_cold)

    change = entropy(done.p, done.theta) - entropy(p, theta)
    assert done.produced > 0.0
    assert change == pytest.approx(done.received / ENGINE.T_hot + done.produced, rel=1e-12)


def test_films_for_which_newton_fails_take_smaller_sub_steps():
    machine = replace(ENGINE, max_sub_step=0.02)
    done = machine.advance(*random_contact(machine, 60, seed=0), 0.02)
    assert done.sub_steps.min() == 1
    assert done.sub_steps.max() > 1
    assert np.isfinite(done.x).all()


def test_it_is_faster_than_the_general_solver():
    args = random_contact(ENGINE, 1, seed=0)
    best = {}
    for name, advance in (("fast", FerroelectricEngine.advance), ("general", Cell.advance)):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            advance(ENGINE, *args, 5e-3)
            times.append(time.perf_counter() - start)
        best[name] = min(times)
    assert best["fast"] < 0.5 * best["general"]


@pytest.mark.parametrize(
    "wrong",
    [{"cv": 0.0}, {"rho": -1.0}, {"tau": 0.0}, {"E_low": 2e7}, {"T_cold": 500.0}, {"a0": 0.0}, {"max_sub_step": 0.0}],
)
def test_wrong_parameters_are_named(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        FerroelectricEngine(**wrong)


def test_a_cooler_moves_heat_out_of_the_cold_bath():
    """Hand check: after an adiabatic fall of the field the film is colder than the cold bath and takes heat from it."""
    p = COOLER.landau.equilibrium(np.array([COOLER.E_high]), np.array([COOLER.T_hot]))
    state = np.array([[p[0], COOLER.T_hot - COOLER.T_cold, COOLER.E_high]])
    state, _ = COOLER.step(state, Control(np.array([[COOLER.E_low]]), np.array([0])), 0.5)
    assert state[0, 1] < 0.0
    _, flows = COOLER.step(state, Control(np.array([[COOLER.E_low]]), np.array([1])), 0.5)
    assert COOLER.output(flows)[0] > 0.0
    assert (flows.heat[:, 1] == 0.0).all()
