"""The best cycle of the projective demon, its certificate and its protocol."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.feedback.certificate import certify_feedback
from szilard.physics.feedback.dead_time import continuous_bound, earnings, optimal_steps
from szilard.physics.feedback.protocol import Hold, RenewalProtocol, WaitThenMeasure
from szilard.physics.feedback.renewal import RenewalCycle, _earnings, best_cycle
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.feedback_demon import MEASURE, THERMALISE, FeedbackDemon
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.states import binary_entropy
from szilard.physics.validation import ParameterError

DEMON = FeedbackDemon()
DT = 0.07

demons = st.builds(
    FeedbackDemon,
    E0=st.floats(2.0, 8.0),
    u_max=st.floats(0.4, 1.0),
    beta=st.floats(0.5, 2.0),
    g=st.floats(0.3, 3.0),
)


def play(protocol, machine, dt, weight, steps, num=1, seed=0, start=None):
    """What every step earns and whether it is a measurement, (steps, num) each, and the states, by ``Machine.step``."""
    rng = np.random.default_rng(seed)
    state = machine.initial_state(rng.random((num, machine.n_initial_uniforms))) if start is None else start
    clock = np.zeros(num, dtype=np.int64)
    values, measured, states = [], [], [state]
    measure = machine.control_space.choices.index("measure")
    for _ in range(steps):
        control, clock = protocol.act(state, clock)
        machine.control_space.check(control)
        state, flows = machine.step(state, control, dt, rng.random((num, 1)))
        gained = flows.heat.sum(axis=1) / machine.power_unit
        values.append((weight * gained - (1.0 - weight) * flows.record / machine.dissipation_unit) / dt)
        measured.append(control.choice == measure)
        states.append(state)
    return np.array(values), np.array(measured), np.array(states)


@pytest.mark.parametrize(("weight", "gain", "steps"), [(1.0, 0.411720, 3), (0.8, 0.109241, 11)])
def test_rows_of_the_specification(weight, gain, steps):
    cycle = best_cycle(DEMON, DT, weight)
    assert cycle.value(weight) == pytest.approx(gain, abs=5e-7)
    assert len(cycle.controls) == steps


def test_gradient_is_exact():
    rng = np.random.default_rng(1)
    for tau, weight in [(0.07, 0.8), (1.0, 1.0), (3.0, 0.6)]:
        x = rng.uniform(0.02, 3.0, 7)
        _, gradient = _earnings(x, tau, weight)
        for k, step in enumerate(1e-5 * np.eye(7)):
            slope = (_earnings(x + step, tau, weight)[0] - _earnings(x - step, tau, weight)[0]) / 2e-5
            assert gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-9)


@given(demons, st.floats(0.01, 2.0), st.floats(0.0, 1.0), st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_cycle_is_what_the_machine_does_after_either_outcome(machine, dt, weight, shape):
    """Exact average by one cycle of ``Machine.step``, both outcomes of the measurement, and the second law."""
    cycle = RenewalCycle(machine, dt, tuple(machine.u_max * s for s in shape))
    start = np.array([[0.0, 0.0], [1.0, 0.0]])
    n = len(cycle.controls) + 1
    values, measured, states = play(cycle.protocol, machine, dt, weight, n, num=2, start=start)
    assert values.sum(axis=0) / n == pytest.approx([cycle.value(weight)] * 2, rel=1e-9, abs=1e-11 / dt)
    assert states[:n, 0, 0] == pytest.approx(cycle.populations, abs=1e-12)
    assert states[:n, 1, 0] == pytest.approx(1.0 - cycle.populations, abs=1e-12)
    assert np.isin(states[n, :, 0], (0.0, 1.0)).all()
    assert not measured[:-1].any()
    assert measured[-1].all()
    assert machine.beta * cycle.power <= cycle.dissipation + 1e-12
    assert cycle.value(weight) <= max(0.0, 2.0 * weight - 1.0) + 1e-12
    assert cycle.power <= machine.power_unit * (1.0 + 1e-12)


@given(demons, st.floats(0.05, 2.0), st.floats(0.8, 1.0))
@settings(max_examples=4, deadline=None)
def test_no_better_number_of_steps_and_no_better_controls(machine, dt, weight):
    best = best_cycle(machine, dt, weight)
    value = best.value(weight)
    rng = np.random.default_rng(0)
    u = np.array(best.controls)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            moved = np.clip(u + size * machine.u_max * rng.normal(size=len(u)), -machine.u_max, machine.u_max)
            assert RenewalCycle(machine, dt, tuple(moved)).value(weight) <= value + 1e-9
    for shape in (np.append(u, u[-1]), u[:-1], np.insert(u, 0, u[0])):
        if len(shape) and value > 0.0:
            assert RenewalCycle(machine, dt, tuple(shape)).value(weight) <= value + 1e-9


def test_gain_approaches_the_largest_current_and_falls_with_the_step():
    gains = [best_cycle(DEMON, dt, 1.0).value(1.0) for dt in (1e-4, 1e-3, 1e-2, 0.1, 1.0)]
    assert all(a > b for a, b in pairwise(gains))
    assert 0.89 < gains[0] < 1.0


def test_certificate():
    certificate = certify_feedback(DEMON, DT)
    assert certificate.lower == pytest.approx(0.411720, abs=5e-7)
    assert 0.0 <= certificate.gap <= 1e-5
    assert certificate.power_bounds == (certificate.lower * DEMON.power_unit, certificate.upper * DEMON.power_unit)
    assert certify_feedback(FeedbackDemon(), DT, 1.0) is certificate
    assert isinstance(certificate.protocol, RenewalProtocol)
    plain = json.loads(json.dumps(certificate.to_dict(), allow_nan=False))
    assert plain["lower"] == certificate.lower
    assert plain["protocol"]["type"] == "RenewalProtocol"
    assert plain["protocol"]["controls"] == list(certificate.protocol.controls)
    assert np.isnan(certify_feedback(DEMON, DT, 0.8).power_bounds).all()


@pytest.mark.parametrize(("weight", "gap"), [(0.9, 1e-5), (0.8, 1e-5), (0.7, 2e-5)])
def test_certificates_are_tight(weight, gap):
    certificate = certify_feedback(DEMON, DT, weight)
    assert 0.0 <= certificate.gap <= gap
    assert certificate.upper <= certificate.any_step


@given(demons, st.floats(0.05, 3.0), st.floats(0.85, 1.0))
@settings(max_examples=4, deadline=None)
def test_certificates_of_any_demon(machine, dt, weight):
    certificate = certify_feedback(machine, dt, weight)
    assert 0.0 <= certificate.lower <= certificate.upper <= certificate.any_step
    if certificate.lower > 1e-3:
        assert certificate.gap <= 1e-4
    # what the protocol really earns, from a random start
    values, measured, _ = play(certificate.protocol, machine, dt, weight, 600)
    when = np.flatnonzero(measured[:, 0])
    if isinstance(certificate.protocol, RenewalProtocol) and len(when) > 2:
        first, last = when[0], when[-1]
        assert values[first + 1 : last + 1].mean() == pytest.approx(certificate.lower, rel=1e-9)


def test_the_demon_is_dead_where_the_second_law_says_so():
    for weight in (0.5, 0.3, 0.0):
        certificate = certify_feedback(DEMON, DT, weight)
        assert certificate.lower == certificate.upper == 0.0
        assert isinstance(certificate.protocol, Hold)
        values, _, _ = play(certificate.protocol, DEMON, DT, weight, 20, num=5)
        assert (values == 0.0).all()
        assert best_cycle(DEMON, DT, weight).value(weight) <= 0.0
    # a gap so small that a record never pays, although c > 1/2
    dead = certify_feedback(FeedbackDemon(u_max=0.01), 0.3, 0.8)
    assert dead.lower == 0.0 <= dead.upper < 1e-5
    assert np.isnan(dead.gap)


def test_protocol_measures_what_it_does_not_know_and_mirrors():
    protocol = RenewalProtocol("", (0.3, -0.2))
    state = np.array([[0.3, 0.1], [0.0, 0.1], [1.0, 0.1], [0.4, 0.1], [0.6, 0.1], [0.0, 0.1]])
    control, clock = protocol.act(state, np.array([0, 0, 0, 1, -1, 2]))
    assert control.choice.tolist() == [MEASURE, THERMALISE, THERMALISE, THERMALISE, THERMALISE, MEASURE]
    assert control.values[:, 0].tolist() == [0.1, 0.3, -0.3, -0.2, 0.2, 0.1]
    assert clock.tolist() == [0, 1, -1, 2, -2, 0]


@given(
    st.builds(
        DeadTimeDemon, e=st.floats(0.2, 5.0), T=st.floats(0.3, 3.0), gamma=st.floats(0.3, 3.0), t0=st.floats(0.05, 2.0)
    ),
    st.floats(0.02, 1.5),
    st.floats(0.0, 1.0),
)
@settings(max_examples=20, deadline=None)
def test_dead_time_certificates(machine, dt, weight):
    """The exact value is what the machine earns under the protocol, and no interval of measurements earns more."""
    certificate = certify_feedback(machine, dt, weight)
    assert certificate.lower == certificate.upper <= certificate.any_step
    if isinstance(certificate.protocol, Hold):
        assert certificate.lower == 0.0
    else:
        assert isinstance(certificate.protocol, WaitThenMeasure)
        steps, _ = optimal_steps(machine, dt, weight)
        period, earned = one_cycle(certificate.protocol, machine, dt, weight)
        assert period == steps
        assert earned / period == pytest.approx(certificate.lower, rel=1e-8)
    for n in range(4):
        period, earned = one_cycle(WaitThenMeasure("", n), machine, dt, weight)
        assert period * dt >= machine.t0 * (1.0 - 1e-12)
        assert earned / period <= certificate.upper + 1e-12


def one_cycle(protocol, machine, dt, weight):
    """Steps from one measurement to the next, and what the contact between and the second of them earn."""
    n = protocol.n + int(machine.t0 / dt) + 2
    values, measured, states = play(protocol, machine, dt, weight, 4 * n)
    first, last = np.flatnonzero(measured[:, 0])[-2:]
    # the steps of the measurements have both: contact after it, and its record
    costs = (1.0 - weight) / machine.dissipation_unit / dt * binary_entropy(states[[first, last], 0, 0])
    return last - first, float(values[first:last, 0].sum() + costs[0] - costs[1])


def test_continuous_bound_is_the_closed_form_and_tight():
    machine = DeadTimeDemon()
    assert continuous_bound(machine, 1.0) == 1.0
    tau = np.linspace(1e-4, 20.0, 400_001)
    for weight in (0.9, 0.75, 0.69):
        best = float((earnings(machine, tau, weight) / (tau + machine.t0)).max())
        assert best <= continuous_bound(machine, weight) <= best + 1e-7
    assert continuous_bound(machine, 0.6) == 0.0


def test_rejects_what_it_cannot_do():
    with pytest.raises(ParameterError, match="no certificate"):
        certify_feedback(QubitRefrigerator(), 0.1)
    with pytest.raises(ParameterError, match="dt"):
        certify_feedback(DEMON, 0.0)
    with pytest.raises(ParameterError, match="weight"):
        certify_feedback(DeadTimeDemon(), 0.1, 1.5)
    with pytest.raises(ParameterError, match="u"):
        RenewalCycle(DEMON, DT, (0.9,))
    with pytest.raises(ParameterError, match="number of controls"):
        RenewalCycle(DEMON, DT, ())
