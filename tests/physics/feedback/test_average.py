"""Long-run averages of protocols: the chain of outcomes against sampling, closed forms, and the second law."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from szilard.physics.control import Control, FloatArray, IntArray
from szilard.physics.feedback.average import exact_average, long_run, sampled_average, stationary
from szilard.physics.feedback.outcomes import outcomes
from szilard.physics.feedback.protocol import Hold, Protocol, RenewalProtocol, WaitThenMeasure
from szilard.physics.feedback.refrigerator_protocols import OperateAndWait
from szilard.physics.feedback.two_qubit_protocols import WaitReadTurn
from szilard.physics.machine import Machine
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.coupled_qubits_references import DEMON_REFERENCES
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.feedback_demon import FeedbackDemon
from szilard.physics.machines.measurement_refrigerator import (
    CONDITIONAL_SWAP,
    MEASURE,
    SWAP,
    SWAP_MEASURE,
    MeasurementRefrigerator,
)
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon

EXPECTED = {r.id: r for r in DEMON_REFERENCES}
NEVER = 1e3
"""A threshold that no turn reaches."""


@dataclass(frozen=True)
class AtRandom(Protocol):
    """Controls that are arbitrary functions of state and clock: a hash of both picks from a table."""

    machine: Machine
    choices: tuple[int, ...]
    shares: tuple[float, ...]

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        low, high = self.machine.control_space.low, self.machine.control_space.high
        weights = np.sin(1.0 + np.arange(state.shape[1]))
        row = (np.floor(5.0 * (np.round(state, 6) @ weights)).astype(int) + clock) % len(self.choices)
        values = low + (high - low) * np.array(self.shares)[row][:, None]
        return Control(values, np.array(self.choices)[row]), (clock + 1) % 3


# ---- the chain ---------------------------------------------------------------------------------------------------


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_stationary_weights_of_an_irreducible_chain(n, seed):
    rng = np.random.default_rng(seed)
    # a ring makes it irreducible, and may make it periodic
    dense = (rng.random((n, n)) * (rng.random((n, n)) < 0.3) + np.roll(np.eye(n), 1, axis=1)).astype(float)
    dense /= dense.sum(axis=1, keepdims=True)
    values, vectors = np.linalg.eig(dense.T)
    expected = np.real(vectors[:, np.argmin(np.abs(values - 1.0))])
    np.testing.assert_allclose(stationary(csr_matrix(dense)), expected / expected.sum(), atol=1e-12)


def test_stationary_weights_with_two_ends():
    # node 0 goes on to node 1, from which it ends in 2 with 3/4 or in the pair 3, 4 with 1/4
    dense = np.zeros((5, 5))
    dense[0, 1] = 1.0
    dense[1, [1, 2, 3]] = 0.2, 0.6, 0.2
    dense[2, 2] = dense[3, 4] = dense[4, 3] = 1.0
    np.testing.assert_allclose(stationary(csr_matrix(dense)), [0.0, 0.0, 0.75, 0.125, 0.125], atol=1e-14)


CASES = (
    (WaitReadTurn("", TwoQubitDemon(), 3), TwoQubitDemon(), 0.1),
    (WaitReadTurn("", TwoQubitDemon(g=0.1), 2, threshold=0.9), TwoQubitDemon(g=0.1), 0.1),
    (WaitReadTurn("", TwoQubitDemon(read_out="one"), 4, rounds=2), TwoQubitDemon(read_out="one"), 0.1),
    (
        WaitReadTurn("", TwoQubitDemon(read_out="one", axes="xz"), 9, k=0.9, theta=0.8),
        TwoQubitDemon(read_out="one", axes="xz"),
        0.2,
    ),
    (RenewalProtocol("", (0.3, 0.2)), FeedbackDemon(), 0.07),
    (WaitThenMeasure("", 9), DeadTimeDemon(), 0.05),
    (OperateAndWait("", CONDITIONAL_SWAP, 1), MeasurementRefrigerator(), 0.25),
    (OperateAndWait("", SWAP_MEASURE, 0), MeasurementRefrigerator(), 0.25),
    (OperateAndWait("", MEASURE, 2, k=0.9), MeasurementRefrigerator(), 1.0),
)


@pytest.mark.parametrize(("protocol", "machine", "dt"), CASES, ids=lambda v: type(v).__name__)
def test_exact_average_against_sampling(protocol, machine, dt):
    exact = exact_average(protocol, machine, dt, same=1e-4)
    assert exact is not None
    sampled = sampled_average(protocol, machine, dt, systems=400, steps=300, burn_in=100)
    # the window begins and ends anywhere in a cycle; the grid of the chain
    edge = machine.energy_scale / (300 * dt) / 400**0.5 + 1e-4 / dt
    assert abs(exact.power - sampled.power) < 4.0 * sampled.standard_error + edge
    np.testing.assert_allclose(exact.choice_fractions, sampled.choice_fractions, atol=0.01)
    assert exact.dissipation_rate == pytest.approx(sampled.dissipation_rate, abs=0.02)
    assert exact.information_rate == pytest.approx(sampled.information_rate, abs=0.02)
    assert exact.standard_error == 0.0
    assert sum(exact.choice_fractions) == pytest.approx(1.0)


def test_born_probabilities_of_the_branches_are_those_of_drawing():
    """Uniforms on a fine grid fall to the outcomes in the proportions that are told, and each lies with its own."""
    machine = TwoQubitDemon()
    state = machine.initial_state(np.full((1, 4), 0.3))
    control = Control(np.array([[0.8]]), np.array([1]))
    found = outcomes(machine, state, control)
    assert found is not None
    p, uniforms = found
    u = (np.stack(np.meshgrid(np.arange(200), np.arange(200)), axis=-1).reshape(-1, 2) + 0.5) / 200
    drawn = machine.propagate(
        np.repeat(state, len(u), axis=0), Control(np.full((len(u), 1), 0.8), np.ones(len(u), int)), 0.1, u
    )
    for share, one in zip(p[0], uniforms[0], strict=True):
        alone = machine.propagate(state, control, 0.1, one[None])
        same = np.abs(drawn.state - alone.state).max(axis=1) < 1e-12
        assert same.mean() == pytest.approx(share, abs=0.01)


def test_a_continuum_of_outcomes_is_sampled():
    machine = ContinuousDemon()
    protocol = WaitReadTurn("", machine, 3, reads=2, doubt=0.2)
    assert exact_average(protocol, machine, 0.1) is None
    assert long_run(protocol, machine, 0.1, systems=16, steps=32, burn_in=8).standard_error > 0.0


def test_a_chain_that_is_too_long_is_given_up():
    assert exact_average(WaitReadTurn("", TwoQubitDemon(), 3), TwoQubitDemon(), 0.1, max_nodes=10) is None


def test_a_machine_without_detector():
    """At rest in a bath the engine exchanges nothing; the dissipation is the entropy production."""
    machine = TwoLevelEngine()
    rest = exact_average(Hold("", 0, (machine.control_space.high[0],)), machine, 0.5)
    assert rest is not None
    assert rest.power == pytest.approx(0.0, abs=1e-8)
    assert rest.dissipation_rate == pytest.approx(0.0, abs=1e-8)


# ---- closed forms ------------------------------------------------------------------------------------------------


def ensemble(machine: TwoQubitDemon, dt: float, waits: int = 1, k: float = 1.0, theta: float = 0.0):
    """Heat and information per cycle of waits and one averaged measurement with its feedback."""
    protocol = WaitReadTurn("", machine, waits, threshold=NEVER, k=k, theta=theta)
    found = exact_average(protocol, machine, dt)
    assert found is not None
    assert found.choice_fractions[1] == pytest.approx(1.0 / (waits + 1))
    return found.power * dt * (waits + 1), found.information_rate * dt * (waits + 1)


X = 0.5 * np.pi
COMPLETE = (
    ("DEM-01", None, "one", "z", 1.0, 0.0),
    ("DEM-02", None, "both", "z", 1.0, 0.0),
    ("DEM-20", "DEM-23", "one", "z", 0.9, 0.0),
    ("DEM-21", "DEM-24", "one", "xz", 0.9, X),
    ("DEM-22", None, "both", "xz", 0.9, 0.0),
)


@pytest.mark.parametrize(("heat_id", "information_id", "read_out", "axes", "k", "theta"), COMPLETE)
def test_complete_thermalisation(heat_id, information_id, read_out, axes, k, theta):
    machine = TwoQubitDemon(read_out=read_out, axes=axes, mode="ensemble")
    heat, information = ensemble(machine, 40.0, k=k, theta=theta)
    assert abs(heat - EXPECTED[heat_id].expected) <= EXPECTED[heat_id].tolerance
    if information_id:
        assert abs(information - EXPECTED[information_id].expected) <= EXPECTED[information_id].tolerance
    # the second law of a cycle
    assert heat <= machine.T * information + 1e-9


def test_work_of_the_x_axis_contains_what_the_detector_puts_in():
    """DEM-06, DEM-07: W_out = Q + E_meas of one averaged measurement of the Gibbs state."""
    machine = TwoQubitDemon(read_out="one", axes="xz", mode="ensemble")
    start = np.concatenate([machine.thermal.reshape(1, 16)[:, 1:], machine.control_space.low[None]], axis=1)
    done = machine.propagate(start, Control(np.array([[1.0, X, 0.0]]), np.array([1])), 0.1)
    assert done.measurement_energy is not None
    assert abs(done.measurement_energy[0] - EXPECTED["DEM-06"].expected) <= EXPECTED["DEM-06"].tolerance
    assert abs(-done.work[0] - EXPECTED["DEM-07"].expected) <= EXPECTED["DEM-07"].tolerance


@pytest.mark.parametrize(("id", "dt", "waits"), [("DEM-33", 0.2, 1), ("DEM-34", 0.2, 5), ("DEM-35", 0.5, 20)])
def test_finite_thermalisation(id, dt, waits):
    heat, _ = ensemble(TwoQubitDemon(mode="ensemble"), dt, waits)
    assert abs(heat - EXPECTED[id].expected) <= EXPECTED[id].tolerance


def test_dead_time_demon_on_the_grid():
    machine = DeadTimeDemon()
    found = exact_average(WaitThenMeasure("", 11), machine, 0.05)
    assert found is not None
    assert found.power == pytest.approx(machine.power_of(0.55), abs=1e-9)


# ---- laws --------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(
        [TwoQubitDemon(), TwoQubitDemon(read_out="one", axes="xz"), ContinuousDemon(axes="xz"), FeedbackDemon()]
    ),
    st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 1.0)), min_size=3, max_size=9),
    st.floats(0.05, 1.0),
)
@settings(max_examples=25, deadline=None)
def test_no_protocol_draws_more_than_it_learns(machine, table, dt):
    """P <= T I <= T H(records) in the long run; S(rho) is bounded, so the boundary term falls with the window."""
    choices, shares = zip(*table, strict=True)
    n_choices = machine.control_space.n_choices
    protocol = AtRandom("", machine, tuple(c % n_choices for c in choices), shares)
    steps = 200
    found = sampled_average(protocol, machine, dt, systems=64, steps=steps, burn_in=20)
    T = 1.0 / float(machine.betas[0])
    boundary = T * 2.0 * np.log(4.0) / (steps * dt)
    # gains of information fluctuate by about a nat per step, entropies of records hardly
    fluctuation = 4.0 / np.sqrt(64 * steps) / dt
    assert found.power <= T * found.record_rate + boundary + 4.0 * found.standard_error
    assert found.power <= T * (found.information_rate + fluctuation) + boundary + 4.0 * found.standard_error
    assert found.information_rate <= found.record_rate + fluctuation


@given(
    st.sampled_from((SWAP, MEASURE, SWAP_MEASURE, CONDITIONAL_SWAP)),
    st.floats(0.5, 1.0),
    st.floats(0.1, 3.0),
    st.floats(-0.4, 0.4),
)
@settings(max_examples=25, deadline=None)
def test_second_law_of_the_refrigerator(choice, k, dt, g):
    """-Q1/T1 - Q2/T2 + I >= 0, and I <= H(records), averaged over outcomes."""
    machine = MeasurementRefrigerator(g=g, mode="ensemble")
    found = exact_average(OperateAndWait("", choice, 0, k), machine, dt)
    assert found is not None
    cold, hot = found.heat_rates
    assert -cold / machine.T1 - hot / machine.T2 + found.information_rate >= -1e-7 / dt
    assert found.information_rate <= found.record_rate + 1e-7 / dt
    assert found.dissipation_rate == pytest.approx(found.record_rate - cold / machine.T1 - hot / machine.T2, abs=1e-9)
