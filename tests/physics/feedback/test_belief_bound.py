"""The upper bound of the projective demon is one: for every state and action, every cycle, every policy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.control import Control
from szilard.physics.feedback.belief_bound import Contact, Value, _largest, upper_bound, value_iteration
from szilard.physics.feedback.certificate import certify_feedback
from szilard.physics.feedback.grid_iteration import grid_iteration
from szilard.physics.feedback.protocol import RenewalProtocol
from szilard.physics.feedback.renewal import RenewalCycle, best_cycle
from szilard.physics.machines.feedback_demon import THERMALISE, FeedbackDemon
from szilard.physics.states import binary_entropy
from szilard.physics.validation import ParameterError

DEMON = FeedbackDemon()
DT = 0.07
X_MAX = DEMON.beta * DEMON.E0 * DEMON.u_max


@given(st.floats(1e-3, 5.0), st.floats(0.0, 5.0), st.floats(1e-6, 2.0), st.floats(0.0, 1.0))
def test_slope_bounds_enclose_the_slope(tau, low, width, p):
    contact = Contact(tau, 1.0)
    below, above = contact.slope_bounds(np.array([p]), np.array([low]), np.array([low + width]))
    x = low + width * np.linspace(0.0, 1.0, 41)
    after, _ = contact(np.array(p), x)
    # a difference quotient is a mean of slopes
    slopes = np.diff(after) / np.diff(x)
    noise = 1e-15 / np.diff(x)
    assert (slopes >= below - noise).all()
    assert (slopes <= above + noise).all()


def test_slope_bounds_shrink_to_the_slope():
    contact = Contact(0.07, 1.0)
    x, p = np.array([0.3]), np.array([0.2])
    for width in (1e-2, 1e-4):
        below, above = contact.slope_bounds(p, x, x + width)
        assert 0.0 <= above - below <= 20.0 * width


@pytest.mark.parametrize("weight", [1.0, 0.8])
def test_no_state_and_action_is_above_the_bound(weight):
    """r + E[h(p')] - h(p) by the machine's own step, for p off the nodes and both signs of u."""
    guess = best_cycle(DEMON, DT, weight).value(weight)
    bound = upper_bound(DEMON, DT, weight, guess)
    h = value_iteration(Contact(DEMON.g * DT, weight), X_MAX, guess * DT, 1001)
    rng = np.random.default_rng(0)
    num = 200_000
    p = rng.random(num) ** 3
    p = np.where(rng.random(num) < 0.5, p, 1.0 - p)
    u = DEMON.u_max * rng.uniform(-1.0, 1.0, num) ** 3
    # what the policy does: most samples are close to the best action
    state = np.stack([p, np.zeros(num)], axis=1)
    step = DEMON.propagate(state, Control(u[:, None], np.full(num, THERMALISE)), DT)
    scale = DT * DEMON.power_unit
    contact = weight * step.heat[:, 0] / scale + (h(step.state[:, 0]) - h(p)) / DT
    measure = (-(1.0 - weight) * binary_entropy(p) / DEMON.dissipation_unit - h(p)) / DT
    assert contact.max() <= bound + 1e-12
    assert measure.max() <= bound + 1e-12
    # and it is not far above the largest that was drawn
    assert contact.max() >= bound * (1.0 - 0.01)


@pytest.mark.parametrize("weight", [1.0, 0.8])
def test_branch_and_bound_is_the_supremum(weight):
    """For a bad h, against brute force over nodes and controls."""
    nodes = np.linspace(0.0, 1.0, 21)
    h = Value(nodes, -0.4 * (1.0 - (2.0 * nodes - 1.0) ** 2))
    contact = Contact(0.3, weight)
    after, reward = contact(nodes[:, None], np.linspace(0.0, 4.0, 200_001)[None])
    brute = float((reward + h(after) - h.h[:, None]).max())
    assert brute - 1e-12 <= _largest(contact, 4.0, h, 0.0, 1e-7) <= brute + 2e-7


@given(
    st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12),
    st.floats(0.0, 1.0),
    st.sampled_from([(DEMON, 0.07, 1.0), (DEMON, 0.07, 0.8), (FeedbackDemon(E0=2.0, beta=0.7, g=2.0), 0.5, 0.9)]),
)
@settings(max_examples=200, deadline=None)
def test_no_cycle_is_above_the_bound(shape, closeness, setting):
    """Random cycles, and random changes of the best one."""
    machine, dt, weight = setting
    certificate = certify_feedback(machine, dt, weight)
    assert isinstance(certificate.protocol, RenewalProtocol)
    best = np.array(certificate.protocol.controls)
    random = machine.u_max * np.array(shape)
    n = min(len(best), len(random))
    mixed = np.concatenate([closeness * best[:n] + (1.0 - closeness) * random[:n], random[n:]])
    for controls in (random, mixed):
        assert RenewalCycle(machine, dt, tuple(controls)).value(weight) <= certificate.upper


@given(st.integers(0, 2**31), st.sampled_from([1.0, 0.8]))
@settings(max_examples=8, deadline=None)
def test_no_random_policy_is_above_the_bound(seed, weight):
    """Policies that look at p, u and chance, in simulation; and what they record is never less than what they gain."""
    certificate = certify_feedback(DEMON, DT, weight)
    rng = np.random.default_rng(seed)
    bins = 12
    chance = rng.random((bins, 3)) ** 3 * np.array([1.0, 3.0, 0.3])
    chance /= chance.sum(axis=1, keepdims=True)
    # towards a smaller population where it is excited, as a sensible demon would, or anything
    gap = rng.choice([0.0, 1.0]) * 0.5 * (0.5 - (np.arange(bins) + 0.5) / bins) + rng.normal(0.0, 0.1, bins)
    num, steps = 400, 300
    state = DEMON.initial_state(rng.random((num, 2)))
    start = DEMON.entropy(state)
    mean, heat, record = np.zeros(num), np.zeros(num), np.zeros(num)
    for _ in range(steps):
        k = np.minimum((state[:, 0] * bins).astype(int), bins - 1)
        choice = (rng.random(num)[:, None] > np.cumsum(chance[k], axis=1)[:, :2]).sum(axis=1)
        u = np.clip(gap[k] + 0.05 * rng.normal(size=num), -DEMON.u_max, DEMON.u_max)
        state, flows = DEMON.step(state, Control(u[:, None], choice), DT, rng.random((num, 1)))
        assert flows.record is not None
        heat += flows.heat[:, 0]
        record += flows.record
        mean += weight * flows.heat[:, 0] - (1.0 - weight) * flows.record
    mean /= steps * DT
    error = mean.std() / np.sqrt(num)
    # the start and the end of a run may earn what h can hold
    boundary = np.log(2.0) / (steps * DT)
    assert mean.mean() <= certificate.upper + 5.0 * error + boundary
    net = DEMON.beta * heat - record - (DEMON.entropy(state) - start)
    assert net.mean() <= 5.0 * net.std() / np.sqrt(num) + 1e-9


@pytest.mark.parametrize(("weight", "gain"), [(1.0, 0.41167), (0.8, 0.10921)])
def test_value_iteration_on_grids_agrees(weight, gain):
    """Method 1 of the specification, with no renewal argument."""
    found, cycle = grid_iteration(DEMON, DT, weight, n_p=1001)
    certificate = certify_feedback(DEMON, DT, weight)
    assert isinstance(certificate.protocol, RenewalProtocol)
    assert found == pytest.approx(gain, abs=1.5e-5)
    assert cycle.value(weight) == pytest.approx(found, rel=1e-4)
    assert cycle.value(weight) <= certificate.lower
    assert len(cycle.controls) == len(certificate.protocol.controls)
    assert cycle.controls == pytest.approx(certificate.protocol.controls, abs=0.01)


def test_value_iteration_on_grids_says_when_the_demon_is_dead():
    with pytest.raises(ParameterError, match="does not measure"):
        grid_iteration(DEMON, DT, 0.5, n_p=201, spacing=0.05)


def test_any_guess_bounds():
    exact = best_cycle(DEMON, DT, 0.8).value(0.8)
    for guess in (1e-3, 0.5 * exact, exact, 2.0 * exact):
        assert upper_bound(DEMON, DT, 0.8, guess, n_nodes=301) >= exact
    assert upper_bound(DEMON, DT, 0.8, 1e-3, n_nodes=301) <= exact * (1.0 + 1e-4)


def test_second_law_proves_that_the_demon_is_dead():
    """h = -c S: contact earns no more than it stores; a record costs what was stored, (2 c - 1) S <= 0."""
    weight = 0.5
    nodes = np.sin(0.5 * np.pi * np.linspace(0.0, 1.0, 2001)) ** 2
    h = Value(nodes, -weight * binary_entropy(nodes))
    assert _largest(Contact(0.07, weight), X_MAX, h, 0.0, 1e-9) <= 1e-6
    assert (-(1.0 - weight) * binary_entropy(nodes) - h.h).max() <= 1e-15
