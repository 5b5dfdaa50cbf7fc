"""The projective feedback demon: exact contact against QuTiP and integration, Born's rule, laws, parameters."""

from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.stats import chi2

from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.machines.feedback_demon import MEASURE, THERMALISE, UNITARY, FeedbackDemon
from szilard.physics.machines.feedback_demon_references import FEEDBACK_DEMON_REFERENCES
from szilard.physics.states import binary_entropy
from szilard.physics.validation import ParameterError

QT: Any = qutip  # its annotations do not match what it accepts
DEMON = FeedbackDemon()
DT = 0.07

demons = st.builds(
    FeedbackDemon, E0=st.floats(0.2, 8.0), u_max=st.floats(0.1, 1.0), beta=st.floats(0.2, 3.0), g=st.floats(0.1, 5.0)
)


def step(machine, state, choice, u, dt, uniforms=None):
    control = Control(np.broadcast_to(u, len(state)).astype(float)[:, None], np.broadcast_to(choice, len(state)))
    drawn = np.full((len(state), 1), 0.5) if uniforms is None else uniforms[:, None]
    return machine.step(state, control, dt, drawn)


@pytest.mark.parametrize("u", [0.8, 0.16, 0.02, -0.02, -0.3, -0.8])
def test_contact_is_the_lindblad_equation_of_qutip(u):
    """Bosonic bath with rates g n and g (n + 1); for u < 0 the lower level is sigma_z = +1."""
    machine = FeedbackDemon(E0=3.0, beta=0.7, g=1.3)
    eps = machine.E0 * u
    n = 1.0 / np.expm1(machine.beta * abs(eps))
    excited, ground = (QT.basis(2, 0), QT.basis(2, 1)) if eps > 0 else (QT.basis(2, 1), QT.basis(2, 0))
    up = excited * ground.dag()
    jumps = [np.sqrt(machine.g * n) * up, np.sqrt(machine.g * (n + 1.0)) * up.dag()]
    times = np.array([0.0, 0.01, 0.07, 0.5])
    options = {"rtol": 1e-12, "atol": 1e-13, "nsteps": 100_000}
    for p in (0.0, 0.3, 1.0):
        rho = p * qutip.ket2dm(qutip.basis(2, 0)) + (1.0 - p) * qutip.ket2dm(qutip.basis(2, 1))
        result = QT.mesolve(
            0.5 * eps * qutip.sigmaz(), rho, times, jumps, e_ops=[qutip.ket2dm(qutip.basis(2, 0))], options=options
        )
        for t, expected in zip(times[1:], result.expect[0][1:], strict=True):
            assert machine.relaxed(np.array(p), np.array(u), t) == pytest.approx(float(np.real(expected)), abs=1e-9)


@given(demons, st.floats(0.0, 1.0), st.floats(-1.0, 1.0), st.floats(0.01, 2.0))
@settings(max_examples=30, deadline=None)
def test_contact_is_the_rate_equation(machine, p, share, dt):
    u = share * machine.u_max
    eps = machine.E0 * u
    after = float(machine.relaxed(np.array(p), np.array(u), dt))
    if abs(machine.beta * eps) > 1e-2:
        rate = machine.g / np.tanh(0.5 * machine.beta * abs(eps))
        f = 1.0 / (1.0 + np.exp(machine.beta * eps))
        solution = solve_ivp(lambda _, y: rate * (f - y), (0.0, dt), [p], method="LSODA", rtol=1e-10, atol=1e-12)
        assert after == pytest.approx(solution.y[0, -1], abs=1e-8)
    # symmetry of the machine
    assert after == pytest.approx(1.0 - float(machine.relaxed(np.array(1.0 - p), np.array(-u), dt)), abs=1e-14)


def test_no_gap_means_instant_mixing_and_no_heat():
    state = np.array([[0.0, 0.3], [0.2, -0.1], [1.0, 0.0]])
    for u in (0.0, -0.0, 1e-9, -1e-9, 5e-324):
        after, flows = step(DEMON, state, THERMALISE, u, DT)
        assert after[:, 0] == pytest.approx([0.5] * 3, abs=1e-8)
        assert np.abs(flows.heat).max() <= 1e-8


def test_largest_current_is_the_unit_of_power():
    """From the empty level, at small gaps and in short steps."""
    for machine in (DEMON, FeedbackDemon(E0=2.0, beta=0.5, g=3.0)):
        dt = 1e-8 / machine.g
        u = np.geomspace(1e-5, 1.0, 200) * machine.u_max
        _, flows = step(machine, np.zeros((200, 2)), THERMALISE, u, dt)
        current = flows.heat[:, 0] / dt
        assert current.max() <= machine.power_unit
        assert current.max() == pytest.approx(machine.power_unit, rel=1e-2)


@pytest.mark.parametrize("p", [0.03, 0.237, 0.5, 0.9])
def test_outcomes_follow_borns_rule(p):
    num = 40_000
    uniforms = np.random.default_rng(7).random(num)
    state, flows = step(DEMON, np.tile([p, 0.4], (num, 1)), MEASURE, -0.2, DT, uniforms)
    assert np.isin(state[:, 0], (0.0, 1.0)).all()
    assert (state[:, 1] == 0.4).all()  # a measurement leaves the gap alone
    ones = state[:, 0].sum()
    expected = num * np.array([p, 1.0 - p])
    statistic = ((np.array([ones, num - ones]) - expected) ** 2 / expected).sum()
    assert statistic <= chi2.ppf(0.9999, 1)
    # the reversed rule would be found out
    if p != 0.5:
        reversed_ = ((np.array([num - ones, ones]) - expected) ** 2 / expected).sum()
        assert reversed_ > chi2.ppf(0.9999, 1)
    assert flows.record == pytest.approx(np.full(num, binary_entropy(np.array(p))))
    assert (flows.heat == 0.0).all()


@given(st.floats(0.0, 1.0))
def test_measured_component_is_conserved_on_average(p):
    """Both outcomes enumerated: their mean population, energy and information."""
    state, flows = step(DEMON, np.array([[p, 0.4]] * 2), MEASURE, 0.0, DT, np.array([0.0, np.nextafter(1.0, 0.0)]))
    chance = np.array([p, 1.0 - p])
    assert flows.measurement_energy is not None
    assert flows.information is not None
    if 1e-12 < p < 1.0 - 1e-12:
        assert state[:, 0].tolist() == [1.0, 0.0]
        assert chance @ state[:, 0] == p
        assert chance @ flows.measurement_energy == pytest.approx(0.0, abs=1e-15)
    assert chance @ flows.information == pytest.approx(float(binary_entropy(np.array(p))), abs=1e-14)


@given(demons, st.integers(0, 2**32 - 1), st.floats(0.001, 3.0))
@settings(max_examples=60, deadline=None)
def test_laws_over_random_actions(machine, seed, dt):
    """Every step is audited; on average no more heat is drawn than is recorded, and stored, for every policy."""
    rng = np.random.default_rng(seed)
    num = 64
    state = machine.initial_state(rng.random((num, 2)))
    start = machine.entropy(state)
    heat, record, stored = np.zeros(num), np.zeros(num), np.zeros(num)
    for _ in range(30):
        choice = rng.integers(0, 3, num)
        before = state
        state, flows = step(machine, state, choice, rng.uniform(-1, 1, num) * machine.u_max, dt, rng.random(num))
        audit(flows, machine.betas, machine.energy_scale)
        machine.check_state(state)
        assert (flows.heat[choice != THERMALISE] == 0.0).all()
        assert (state[choice == UNITARY, 0] == before[choice == UNITARY, 0]).all()
        assert (flows.record[choice != MEASURE] == 0.0).all()
        heat += flows.heat[:, 0]
        record += flows.record
        stored += np.where(choice == THERMALISE, flows.entropy_change, 0.0)
    # contact by itself, for every trajectory; all entropy that is recorded was stored before
    assert (machine.beta * heat <= stored + 1e-10).all()
    assert stored == pytest.approx(record + machine.entropy(state) - start, abs=1e-10)


def test_usual_range_is_what_the_machine_visits():
    assert DEMON.observe(np.array([[0.0, -0.8], [1.0, 0.8]])).tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    assert DEMON.power_unit == 1.0
    assert DEMON.dissipation_unit == 1.0
    assert DEMON.control_space.used.tolist() == [[False], [True], [True]]


@pytest.mark.parametrize("name", ["E0", "u_max", "beta", "g"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_rejects_parameters(name, value):
    with pytest.raises(ParameterError, match=name):
        FeedbackDemon(**{name: value})


def test_rejects_states():
    for state in ([[1.5, 0.0]], [[-0.1, 0.0]], [[0.5, 0.9]], [[np.nan, 0.0]], [[0.5]]):
        with pytest.raises(ParameterError):
            DEMON.check_state(np.array(state))


@pytest.mark.parametrize("reference", FEEDBACK_DEMON_REFERENCES, ids=lambda r: r.id)
def test_reference_value(reference):
    assert reference.compute() == pytest.approx(reference.expected, rel=0, abs=reference.tolerance)
