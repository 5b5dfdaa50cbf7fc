"""Dynamic programming on the simplex of populations: interpolation, the model against the machine, the bound."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.feedback.average import exact_average, sampled_average
from szilard.physics.feedback.belief_simplex import BeliefModel, BeliefProtocol, Grid, belief_optimum
from szilard.physics.feedback.two_qubit_protocols import BayesFeedback, WaitReadTurn
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.validation import ParameterError

SEEDS = st.integers(0, 2**32 - 1)
FLIP_THE_EXCITED = ((2, 3, 0, 1), (0, 1, 2, 3))
MACHINES = (TwoQubitDemon(), TwoQubitDemon(read_out="one", g=0.2), ContinuousDemon(), MeasurementRefrigerator())


def beliefs(seed: int, num: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(4, 0.5), size=num)


# ---- grid --------------------------------------------------------------------------------------------------------


@given(SEEDS, st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_interpolation_is_exact_for_linear_and_above_convex_functions(seed, resolution):
    grid, b = Grid(resolution), beliefs(seed)
    index, weight = grid.weights(b)
    assert (weight >= 0.0).all()
    np.testing.assert_allclose(weight.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.einsum("nv,nvi->ni", weight, grid.points[index]), b, atol=1e-12)
    # no corner is further away than a cell is wide
    assert (np.abs(grid.points[index] - b[:, None]).max(axis=2)[weight > 1e-9] <= 1.0 / resolution + 1e-9).all()
    planes = np.random.default_rng(seed + 1).standard_normal((4, 5))
    convex = np.einsum("nv,nv->n", weight, (grid.points @ planes).max(axis=1)[index])
    assert (convex >= (b @ planes).max(axis=1) - 1e-12).all()


def test_points_of_the_grid_are_their_own_interpolation():
    grid = Grid(6)
    assert len(grid.points) == 84
    index, weight = grid.weights(grid.points)
    assert (index[np.arange(84), weight.argmax(axis=1)] == np.arange(84)).all()
    assert (weight.max(axis=1) > 1.0 - 1e-12).all()


# ---- the model is the machine ------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("weight", [1.0, 0.7])
def test_every_move_earns_what_the_machine_books(machine, weight):
    """Mean heat, records and belief of each move against the machine's own averages over sampled outcomes."""
    dt, num = 0.3, 4000
    model = BeliefModel(machine, dt, weight)
    b = beliefs(3, 3)
    rng = np.random.default_rng(5)
    for j, move in enumerate(model.moves):
        weights, after, reward = model.step(b, j)
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-9)
        np.testing.assert_allclose(after.sum(axis=2)[weights > 1e-12], 1.0, atol=1e-9)
        if isinstance(machine, MeasurementRefrigerator) and move.read == (0,) and move.after != FLIP_THE_EXCITED:
            continue  # feedback that the machine does not choose: only in the bound
        for k in range(3):
            known = pauli.components(pauli.from_populations(b[[k]]))[0]
            state = np.tile(np.append(known, machine.control_space.high), (num, 1))
            control = Control(np.tile(machine.control_space.high, (num, 1)), np.full(num, move.choice))
            done, flows = machine.step(state, control, dt, rng.random((num, machine.n_step_uniforms)))
            cost = machine.dissipation(flows) / (machine.dissipation_unit * dt)
            gain = flows.heat @ machine.power_weights / (machine.power_unit * dt)
            earned = weight * gain - (1.0 - weight) * cost
            error = 4.0 * earned.std() / np.sqrt(num) + 1e-9
            assert abs(earned.mean() - reward[k]) < error + (1e-6 if isinstance(machine, ContinuousDemon) else 0.0)
            found = pauli.populations(pauli.table(done[:, :15])).mean(axis=0)
            expected = weights[k] @ after[k]
            # a population varies no more than a coin
            assert (np.abs(found - expected) < 4.0 * np.sqrt(expected / num) + 2.0 / num).all()


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_what_a_read_out_teaches_averages_to_what_was_known(seed):
    b = beliefs(seed)
    for machine in (
        TwoQubitDemon(),
        TwoQubitDemon(read_out="one"),
        ContinuousDemon(tau=0.5),
        ContinuousDemon(read_out="one"),
    ):
        weights, after, _ = BeliefModel(machine, 0.1, 1.0).step(b, 1)
        np.testing.assert_allclose(np.einsum("kn,kni->ki", weights, after), b, atol=1e-9)


# ---- the bound ---------------------------------------------------------------------------------------------------


def test_the_bound_falls_on_finer_grids_towards_what_its_protocol_earns():
    machine, dt = TwoQubitDemon(), 0.1
    bounds = [belief_optimum(machine, dt, 1.0, m).bound for m in (6, 12, 24, 48)]
    found = exact_average(BeliefProtocol("", machine, dt, 1.0, 24), machine, dt)
    assert found is not None
    lower = found.objective(1.0)
    assert all(fine < coarse for coarse, fine in pairwise(bounds))
    assert lower <= bounds[-1] <= 1.01 * lower


@pytest.mark.parametrize("weight", [1.0, 0.8])
def test_one_detector_for_two_qubits(weight):
    """The protocol earns nearly what no protocol exceeds; less than with two detectors, more than fixed times."""
    machine, dt = TwoQubitDemon(read_out="one"), 0.1
    found = exact_average(BeliefProtocol("", machine, dt, weight, 40), machine, dt, same=1e-3)
    assert found is not None
    bound = belief_optimum(machine, dt, weight, 40).bound
    assert 0.9 * bound < found.objective(weight) <= bound
    fixed = exact_average(WaitReadTurn("", machine, 6, rounds=2), machine, dt)
    assert fixed is not None
    assert found.objective(weight) > fixed.objective(weight)
    assert bound < belief_optimum(TwoQubitDemon(), dt, weight, 24).bound


@given(
    st.sampled_from(("both", "one")),
    st.floats(0.5, 1.0),
    st.floats(0.0, 0.6),
    st.floats(0.02, 0.6),
    st.floats(0.05, 0.6),
    st.integers(1, 9),
    st.sampled_from((1.0, 0.8)),
)
@settings(max_examples=12, deadline=None)
def test_no_protocol_beats_the_bound(read_out, k, threshold, promise, exchange, waits, weight):
    """Weak read-outs included: along z they never earn more than projective ones."""
    machine, dt = TwoQubitDemon(read_out=read_out), 0.1
    bound = belief_optimum(machine, dt, weight, 24).bound
    for protocol in (
        BayesFeedback("", machine, threshold, promise, exchange, k=k),
        WaitReadTurn("", machine, waits, reads=2, doubt=promise, threshold=threshold, k=k),
    ):
        found = sampled_average(protocol, machine, dt, systems=32, steps=100, burn_in=40)
        edge = machine.energy_scale / (100 * dt) / machine.power_unit
        assert found.objective(weight) <= bound + 5.0 * found.standard_error / machine.power_unit + edge


@pytest.mark.parametrize("k", [0.6, 0.8, 0.95])
def test_weak_read_outs_along_z_earn_less(k):
    machine, dt = TwoQubitDemon(), 0.1
    sharp, weak = (
        sampled_average(WaitReadTurn("", machine, 3, k=one), machine, dt, systems=100, steps=120, burn_in=40)
        for one in (1.0, k)
    )
    assert weak.power < sharp.power - 4.0 * weak.standard_error
    assert weak.objective(0.8) < sharp.objective(0.8) - 4.0 * weak.standard_error / machine.power_unit


def test_refrigerator():
    machine, dt = MeasurementRefrigerator(), 0.25
    bound = belief_optimum(machine, dt, 1.0, 24).bound
    found = exact_average(BeliefProtocol("", machine, dt, 1.0, 24), machine, dt, same=1e-4)
    assert found is not None
    assert 0.97 * bound < found.objective(1.0) <= bound


def test_a_continuous_read_out_earns_less_than_a_projective_one():
    """And with a fast detector nearly as much."""
    dt, bound = 0.1, belief_optimum(TwoQubitDemon(), 0.1, 1.0, 16).bound
    slow, fast = (belief_optimum(ContinuousDemon(tau=tau), dt, 1.0, 16).bound for tau in (0.2, 0.005))
    assert slow < fast <= bound + 1e-6
    assert fast == pytest.approx(bound, rel=0.01)


def test_the_plane_contains_the_axis():
    """A demon that may turn its detector can play along z: the same choices, the same heat."""
    plane = TwoQubitDemon(read_out="one", axes="xz")
    axis = dataclasses.replace(plane, axes="z")
    one, other = (exact_average(BeliefProtocol("", m, 0.1, 1.0, 16), m, 0.1, same=1e-3) for m in (plane, axis))
    assert one is not None
    assert other is not None
    assert one.power == pytest.approx(other.power, abs=1e-9)


@pytest.mark.parametrize("machine", [TwoQubitDemon(axes="xz"), DeadTimeDemon()])
def test_machines_that_do_not_fit(machine):
    with pytest.raises(ParameterError, match="two coupled qubits"):
        belief_optimum(machine, 0.1)
