"""The one-qubit demon with dead time: closed form against brute force, steps across the end of the dead time, laws."""

from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.machines.dead_time_demon import MEASURE, WAIT, DeadTimeDemon
from szilard.physics.machines.dead_time_references import DEAD_TIME_REFERENCES
from szilard.physics.states import binary_entropy
from szilard.physics.validation import ParameterError

QT: Any = qutip  # its annotations do not match what it accepts
DEMON = DeadTimeDemon()

demons = st.builds(
    DeadTimeDemon, e=st.floats(0.1, 6.0), T=st.floats(0.2, 4.0), gamma=st.floats(0.1, 5.0), t0=st.floats(0.01, 3.0)
)


def step(machine, state, choice, dt, uniforms=None):
    drawn = np.full((len(state), 1), 0.5) if uniforms is None else uniforms[:, None]
    choice = np.broadcast_to(np.asarray(choice, dtype=np.int64), len(state))
    return machine.step(state, Control(np.empty((len(state), 0)), choice), dt, drawn)


def measure_every(machine, steps, dt):
    """Power of a long run that measures every ``steps`` steps, after a first cycle."""
    state = np.zeros((1, 2))
    heats = []
    for k in range(3 * steps):
        state, flows = step(machine, state, MEASURE if k % steps == 0 else WAIT, dt)
        heats.append(float(flows.heat[0, 0]))
    return sum(heats[steps:]) / (2 * steps * dt)


def test_contact_is_the_lindblad_equation_of_qutip():
    machine = DeadTimeDemon(e=1.4, T=0.8, gamma=0.6)
    n = 1.0 / np.expm1(machine.e / machine.T)
    up = QT.basis(2, 0) * QT.basis(2, 1).dag()
    jumps = [np.sqrt(machine.gamma * n) * up, np.sqrt(machine.gamma * (n + 1.0)) * up.dag()]
    for p in (0.0, 0.4, 1.0):
        rho = p * qutip.ket2dm(qutip.basis(2, 0)) + (1.0 - p) * qutip.ket2dm(qutip.basis(2, 1))
        result = QT.mesolve(
            0.5 * machine.e * qutip.sigmaz(),
            rho,
            [0.0, 0.3],
            jumps,
            e_ops=[qutip.ket2dm(qutip.basis(2, 0))],
            options={"rtol": 1e-12, "atol": 1e-13},
        )
        state, flows = step(machine, np.array([[p, 0.0]]), WAIT, 0.3)
        assert state[0, 0] == pytest.approx(float(np.real(result.expect[0][-1])), abs=1e-10)
        assert flows.heat[0, 0] == pytest.approx(machine.e * (state[0, 0] - p), abs=1e-14)


@given(demons)
@settings(deadline=None)
def test_optimal_contact_time(machine):
    x = machine.rate * machine.best_contact
    assert np.exp(x) == pytest.approx(1.0 + x + machine.rate * machine.t0, rel=1e-9)
    scale = machine.best_contact
    best: Any = minimize_scalar(lambda t: -machine.power_of(t), bounds=(1e-3 * scale, 1e3 * scale), method="bounded")
    assert -best.fun <= machine.power_unit * (1.0 + 1e-12)
    near: Any = minimize_scalar(lambda t: -machine.power_of(t), bracket=(0.5 * scale, scale, 2.0 * scale))
    assert -near.fun == pytest.approx(machine.power_unit, rel=1e-12)


@pytest.mark.parametrize("dt", [0.05, 0.07, 0.11, 0.5, 0.7])
def test_brute_force_over_the_number_of_steps(dt):
    """The run of the machine is the closed form on the grid, whether or not t0 is a multiple of dt."""
    first = int(np.ceil(DEMON.t0 / dt - 1e-9))
    powers = {m: measure_every(DEMON, m, dt) for m in range(first, first + int(2.0 / dt) + 2)}
    for m, power in powers.items():
        assert power == pytest.approx(DEMON.power_of(m * dt - DEMON.t0), abs=1e-12)
    best = max(powers, key=lambda m: powers[m])
    assert powers[best] <= DEMON.power_unit
    assert abs(best * dt - DEMON.t0 - DEMON.best_contact) <= dt


@given(demons, st.floats(0.01, 4.0))
@settings(max_examples=100, deadline=None)
def test_dead_time_ends_within_a_step(machine, dt):
    """The total contact since the measurement is what counts, not how it falls on the steps."""
    state, flows = step(machine, np.array([[0.3 * machine.p_eq, 0.0]]), MEASURE, dt)
    elapsed, heat = dt, flows.heat[0, 0]
    for k in range(6):
        contact = max(0.0, elapsed - machine.t0)
        p = machine.p_eq * -np.expm1(-machine.rate * contact)
        assert state[0] == pytest.approx([p, max(0.0, machine.t0 - elapsed)], abs=1e-11)
        assert heat == pytest.approx(machine.e * p, abs=1e-11 * machine.e)
        # a dead apparatus does not listen
        ask = MEASURE if state[0, 1] > 0.0 and k % 2 else WAIT
        state, flows = step(machine, state, ask, dt)
        assert flows.record is not None
        assert flows.record[0] == 0.0
        elapsed += dt
        heat += flows.heat[0, 0]


def test_a_multiple_of_the_step_ends_exactly():
    for dt in (0.1, 0.05, 0.01, 0.5 / 3.0):
        state, _ = step(DEMON, np.array([[0.1, 0.0]]), MEASURE, dt)
        for _ in range(round(DEMON.t0 / dt) - 1):
            assert state[0, 1] > 0.0
            state, _ = step(DEMON, state, WAIT, dt)
        assert state[0, 1] == 0.0
        assert state[0, 0] == pytest.approx(0.0, abs=1e-15)


@given(demons)
def test_net_gain_is_negative(machine):
    """At the optimum, and after any contact from the reset: e p < T h(p)."""
    p = machine.p_eq * -np.expm1(-machine.rate * machine.best_contact * np.array([1.0, 0.1, 10.0, 1e3]))
    assert (machine.e * p < machine.T * binary_entropy(p)).all()


@pytest.mark.parametrize("p", [0.05, 0.2689])
def test_outcomes_follow_borns_rule_and_are_reset(p):
    num = 40_000
    state, flows = step(DEMON, np.tile([p, 0.0], (num, 1)), MEASURE, 0.1, uniforms=np.random.default_rng(3).random(num))
    extracted = -flows.work
    assert np.isin(extracted, (0.0, DEMON.e)).all()
    ones = (extracted > 0).sum()
    expected = num * np.array([p, 1.0 - p])
    assert ((np.array([ones, num - ones]) - expected) ** 2 / expected).sum() <= chi2.ppf(0.9999, 1)
    # whatever comes out, the same state: reset, dead, no heat yet
    assert (state == [0.0, DEMON.t0 - 0.1]).all()
    assert (flows.heat == 0.0).all()
    # the mean work is known before the outcome: heat taken up earlier
    assert DEMON.output(flows) == pytest.approx(np.full(num, DEMON.e * p), abs=1e-15)


@given(demons, st.integers(0, 2**32 - 1), st.floats(0.001, 3.0))
@settings(max_examples=50, deadline=None)
def test_laws_over_random_actions(machine, seed, dt):
    rng = np.random.default_rng(seed)
    num = 32
    state = machine.initial_state(rng.random((num, 2)))
    start, first = machine.entropy(state), state
    heat, record = np.zeros(num), np.zeros(num)
    for _ in range(40):
        ready = state[:, 1] == 0.0
        choice = (rng.random(num) < rng.random()).astype(np.int64)
        state, flows = step(machine, state, choice, dt, rng.random(num))
        audit(flows, machine.betas, machine.energy_scale)
        machine.check_state(state)
        assert flows.record is not None
        assert (flows.record[(choice == WAIT) | ~ready] == 0.0).all()
        heat += flows.heat[:, 0]
        record += flows.record
    assert (heat / machine.T <= record + machine.entropy(state) - start + 1e-10).all()
    # no run, of any length, gains more than the best cycle; the start may hold heat less than equilibrium
    bound = machine.power_unit * (40 * dt + machine.t0) + machine.e * np.maximum(machine.p_eq - first[:, 0], 0.0)
    assert (heat <= bound + 1e-12).all()


@pytest.mark.parametrize("name", ["e", "T", "gamma", "t0"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_rejects_parameters(name, value):
    with pytest.raises(ParameterError, match=name):
        DeadTimeDemon(**{name: value})


def test_rejects_states():
    for state in ([[1.5, 0.0]], [[-0.1, 0.0]], [[0.5, 0.6]], [[0.5, -0.1]], [[np.nan, 0.0]], [[0.5]]):
        with pytest.raises(ParameterError):
            DEMON.check_state(np.array(state))


@pytest.mark.parametrize("reference", DEAD_TIME_REFERENCES, ids=lambda r: r.id)
def test_reference_value(reference):
    assert reference.compute() == pytest.approx(reference.expected, rel=0, abs=reference.tolerance)
