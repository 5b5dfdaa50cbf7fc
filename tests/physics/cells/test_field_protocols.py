"""Periodic protocols: limit cycles against plain repetition and the steps of the machine, ledgers, one bath."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from szilard.physics.cells.cell import StepError
from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_engine import COLD, HOT, NONE, FerroelectricEngine
from szilard.physics.cells.field_protocols import FieldProtocol, brayton, olsen
from szilard.physics.control import Control
from szilard.physics.validation import ParameterError

ENGINE, COOLER = FerroelectricEngine(), ElectrocaloricCooler()


def random_protocols(machine: FerroelectricEngine, count: int, legs: int, seed: int) -> FieldProtocol:
    """With a contact in the last leg, so that there is a limit cycle."""
    rng = np.random.default_rng(seed)
    baths = rng.integers(0, 3, (count, legs))
    baths[:, -1] = rng.integers(1, 3, count)
    fields = rng.uniform(machine.E_low, machine.E_high, (count, legs))
    return FieldProtocol(fields, baths, 10.0 ** rng.uniform(-2.0, -0.5, (count, legs)))


@pytest.mark.parametrize("machine", [ENGINE, COOLER])
def test_ledgers_are_closed_and_carnot_is_never_beaten(machine):
    steady = random_protocols(machine, 12, 4, seed=2).steady(machine, 2e-3)
    exchanged = np.abs(steady.heat).sum(axis=1) + machine.energy_scale
    assert (np.abs(steady.energy_residual) < 1e-10 * exchanged).all()
    assert (np.abs(steady.entropy_residual) < 1e-10 * exchanged / machine.T_cold).all()
    assert (steady.produced > 0.0).all()
    assert (np.abs(steady.change) < 1e-10 * machine.scales).all()
    # second law of a cycle: the entropy produced is what the baths gain
    np.testing.assert_allclose(steady.produced, -steady.heat @ machine.betas, rtol=1e-5)
    # neither Carnot bound is touched by a cycle that is a heater
    engine = (steady.work > 0.0) & (steady.heat[:, 1] > 0.0)
    assert (steady.efficiency[engine] < 1.0 - machine.T_cold / machine.T_hot).all()
    cooler = (steady.work < 0.0) & (steady.heat[:, 0] > 0.0)
    assert (steady.cop[cooler] < machine.T_cold / (machine.T_hot - machine.T_cold)).all()


def test_the_limit_cycle_is_where_repetition_leads():
    protocol = olsen(ENGINE, 0.1, 0.4)
    steady = protocol.steady(ENGINE, 5e-3)
    state = np.array([[float(ENGINE.landau.equilibrium(np.array(2e6), np.array(393.15))), 0.0]])
    work = np.zeros(1)
    for _ in range(14):
        trace, work, _, _ = protocol.play(ENGINE, state, 5e-3)
        state = trace[:, -1, 1:]
    np.testing.assert_allclose(state, steady.start, rtol=1e-9)
    assert work[0] == pytest.approx(steady.work[0], rel=1e-8)


def test_rows_do_not_know_of_each_other():
    """A batch above the size for plain floats gives what its rows give alone."""
    batch = random_protocols(ENGINE, 6, 3, seed=5)
    batch = FieldProtocol(batch.fields, batch.baths, np.array([0.05, 0.02, 0.3]))
    together = batch.steady(ENGINE, 2e-3)
    alone = [batch.rows(k).steady(ENGINE, 2e-3) for k in range(6)]
    np.testing.assert_allclose(together.work, [a.work[0] for a in alone], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(together.start, [a.start[0] for a in alone], rtol=1e-8)


def test_the_steps_on_a_grid_earn_the_same_in_the_machine():
    """What an environment with this step pays in the long run is the power of the limit cycle."""
    dt = 0.02
    protocol = FieldProtocol(
        np.array([9e6, 9e6, 2e6, 2e6]), np.array([HOT, HOT, NONE, COLD]), np.array([0.03, 0.21, 0.017, 0.1])
    ).on_grid(dt)
    assert (protocol.durations / dt).round(9).tolist() == [[2.0, 10.0, 1.0, 5.0]]
    values, choice = protocol.steps(dt)
    assert values[:3, 0].tolist() == [5.5e6, 9e6, 9e6]
    steady = protocol.steady(ENGINE)
    state = np.append(steady.start[0], values[-1])[None]
    work = 0.0
    for v, c in zip(values, choice, strict=True):
        state, flows = ENGINE.step(state, Control(v[None], np.array([c])), dt)
        work -= flows.work[0]
    assert work == pytest.approx(steady.work[0], rel=1e-9)
    np.testing.assert_allclose(state[0, :2], steady.start[0], rtol=1e-9)
    again = FieldProtocol.of_steps(values, choice, dt).steady(ENGINE)
    assert again.power[0] == pytest.approx(steady.power[0], rel=1e-9)


def test_an_adaptive_integrator_gives_the_same_cycle():
    """Radau on the differential equations, from the start of the limit cycle."""
    steady = olsen(ENGINE, 0.1, 0.4).steady(ENGINE, 2.5e-4, start=np.array([0.19287, 13.0917]))
    m, cold, hot = ENGINE, ENGINE.T_cold, ENGINE.T_hot
    legs = [(2e6, 1e7, 0.1, cold), (1e7, 1e7, 0.4, hot), (1e7, 2e6, 0.1, hot), (2e6, 2e6, 0.4, cold)]
    y = np.array([*steady.start[0], 0.0])
    for e0, e1, t, bath in legs:

        def slope(s, y, e0=e0, e1=e1, t=t, bath=bath):
            e, temperature = e0 + (e1 - e0) * s / t, m.T_cold + y[1]
            rate = (e - m.landau.field(y[0], temperature)) / m.rho
            heat = m.rho * rate**2 + m.a0 * temperature * y[0] * rate + m.cv / m.tau * (bath - temperature)
            return [rate, heat / m.cv, -e * rate]

        y = solve_ivp(slope, (0.0, t), y, method="Radau", rtol=1e-8, atol=[1e-11, 1e-8, 1e-3]).y[:, -1]
    assert y[2] * m.volume == pytest.approx(steady.work[0], rel=2e-6)
    np.testing.assert_allclose(y[:2], steady.start[0], rtol=1e-5)


@pytest.mark.parametrize("bath", [COLD, HOT])
def test_one_bath_gives_no_work_from_any_closed_program(bath):
    """250 random programs of eight ramps from equilibrium at E_low, closed by an endless relaxation at E_low: W <= 0.

    Relaxing at a constant field back to P0 delivers E_low (P - P0): nothing has to be simulated for it.
    """
    rng, count = np.random.default_rng(bath), 250
    fields = rng.uniform(-ENGINE.E_high, ENGINE.E_high, (count, 8))
    fields = np.hstack([fields, np.full((count, 1), ENGINE.E_low)])
    contacts = np.where(rng.random((count, 9)) < 0.7, bath, NONE)
    times = 10.0 ** rng.uniform(-2.0, 0.0, (count, 9))
    t = ENGINE.T_cold if bath == COLD else ENGINE.T_hot
    p = float(ENGINE.landau.equilibrium(np.array(ENGINE.E_low), np.array(t)))
    start = np.tile([p, t - ENGINE.T_cold], (count, 1))
    trace, work, heat, produced = FieldProtocol(fields, contacts, times).play(ENGINE, start, 0.02)
    closed = work + ENGINE.volume * ENGINE.E_low * (trace[:, -1, 1] - p)
    assert closed.max() < 0.0
    assert (heat[:, 2 - bath] == 0.0).all()
    assert produced.min() > 0.0


def test_without_contact_there_is_no_limit_cycle():
    protocol = FieldProtocol(np.array([9e6, 2e6]), np.array([NONE, NONE]), np.array([0.1, 0.1]))
    with pytest.raises(StepError, match="no limit cycle"):
        protocol.steady(ENGINE, 0.02)
    assert np.isnan(protocol.steady(ENGINE, 0.02, strict=False).power).all()


def test_reversed_brayton_cools_and_an_engine_over_a_small_span_does_too():
    steady = brayton(COOLER, 0.02, 0.16, 0.16).steady(COOLER)
    assert steady.work[0] < 0.0
    assert steady.power[0] == pytest.approx(steady.heat[0, 0] / 0.36)
    assert steady.power[0] > 0.0
    wide = replace(COOLER, T_hot=COOLER.T_cold + 40.0)
    assert brayton(wide, 0.02, 0.3, 0.1).steady(wide).work[0] > 0.0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([np.nan], [0], [1.0]), "fields"),
        (([1e6], [3], [1.0]), "baths"),
        (([1e6], [0], [0.0]), "durations"),
        (([[[1e6]]], [0], [1.0]), "fields"),
    ],
)
def test_wrong_protocols_are_named(arguments, name):
    with pytest.raises(ParameterError, match=name):
        FieldProtocol(*(np.array(a) for a in arguments))


def test_steps_need_a_single_protocol_on_the_grid():
    protocol = olsen(ENGINE, 0.1, 0.4)
    with pytest.raises(ParameterError, match="multiples"):
        protocol.steps(0.03)
    with pytest.raises(ParameterError, match="one"):
        FieldProtocol(np.full((2, 1), 3e6), np.array([1]), np.array([0.1])).steps(0.1)
