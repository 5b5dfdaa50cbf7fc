"""Protocols of the coupled-qubit demons: what they do step by step, and that every turn is the best of its kind."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.feedback.two_qubit_protocols import BayesFeedback, WaitReadTurn, left, turns
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.detachable_demon import MEASURE, SWAP, TURN_1, TURN_2, WAIT, DetachableDemon
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.validation import ParameterError

SEEDS = st.integers(0, 2**32 - 1)
FIRST = {"+": 0.0, "-": np.nextafter(1.0, 0.0)}
"""Uniforms that draw an outcome, whatever its probability."""


def level(machine: DetachableDemon, index: int) -> np.ndarray:
    t = pauli.from_populations(np.eye(4)[[index]])
    return np.concatenate([pauli.components(t), machine.control_space.low[None]], axis=1)


def in_plane(seed: int, num: int) -> np.ndarray:
    """Random states without y components, (num, 4, 4)."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((num, 4, 4))
    rho = a @ a.swapaxes(1, 2)
    return pauli.from_density(rho / np.trace(rho, axis1=1, axis2=2)[:, None, None])


def played(protocol, machine, state, outcomes, dt=0.1):
    """Choices until all outcomes are used up, one pair of signs per measurement."""
    clock, choices, left_over = np.zeros(1, dtype=int), [], list(outcomes)
    while len(choices) < 60:
        control, clock = protocol.act(state, clock)
        choices.append(int(control.choice[0]))
        uniforms = np.full((1, machine.n_step_uniforms), 0.5)
        if choices[-1] == MEASURE:
            if not left_over:
                return choices
            uniforms[0, :2] = [FIRST[sign] for sign in left_over.pop(0)]
        state = machine.propagate(state, control, dt, uniforms).state
    return choices


def test_wait_read_turn_step_by_step():
    machine = TwoQubitDemon()
    found = played(WaitReadTurn("", machine, 2), machine, level(machine, 3), ["++", "--", "+-"])
    both, none, first = [TURN_1, TURN_2], [], [TURN_1]
    cycle = [WAIT, WAIT, MEASURE]
    assert found == cycle + both + cycle + none + cycle + first + cycle


def test_two_rounds_exchange_the_qubits_once():
    machine = TwoQubitDemon(read_out="one")
    found = played(WaitReadTurn("", machine, 1, rounds=2), machine, level(machine, 3), ["+-", "--"])
    assert found == [WAIT, MEASURE, TURN_1, SWAP, MEASURE, WAIT, MEASURE]


def test_it_reads_until_it_is_sure_or_has_read_enough():
    machine = TwoQubitDemon(read_out="one")
    start = level(machine, 3)
    # of strength 0.6 an outcome tells little: three read-outs, none of which pays for a flip
    weak = WaitReadTurn("", machine, 1, reads=3, doubt=0.0, k=0.6)
    assert played(weak, machine, start, ["--", "--", "--"]) == [WAIT, *3 * [MEASURE], WAIT, MEASURE]
    # of strength 1 the first leaves no doubt
    sharp = WaitReadTurn("", machine, 1, reads=3, doubt=1e-3)
    assert played(sharp, machine, start, ["--"]) == [WAIT, MEASURE, WAIT, MEASURE]
    assert played(sharp, machine, start, ["+-"]) == [WAIT, MEASURE, TURN_1, WAIT, MEASURE]


def test_a_turn_must_pay_its_threshold():
    machine = TwoQubitDemon()
    gain = float(turns(machine, pauli.from_populations(np.eye(4)[[1]]))[0][0, 0])  # of a flip of qubit 1 in eg
    assert gain == pytest.approx(machine.e1 - 2.0 * machine.g)
    for threshold, turn in ((gain - 1e-3, [TURN_1]), (gain + 1e-3, [])):
        protocol = WaitReadTurn("", machine, 1, threshold=threshold)
        assert played(protocol, machine, level(machine, 3), ["+-"]) == [WAIT, MEASURE, *turn, WAIT, MEASURE]


def test_bayes_feedback_acts_on_the_belief_alone():
    machine = TwoQubitDemon(read_out="one")
    t = np.concatenate(
        [
            pauli.from_populations(np.array([p]))
            for p in (
                [0.0, 0.9, 0.0, 0.1],  # qubit 1 is excited
                [0.0, 0.3, 0.0, 0.7],  # qubit 1 may be
                [0.0, 0.0, 0.3, 0.7],  # qubit 2 may be
                [0.0, 0.0, 0.0, 1.0],  # none is
            )
        ]
    )
    state = np.concatenate([pauli.components(t), np.full((4, 1), 0.5)], axis=1)
    clock = np.arange(4)
    control, after = BayesFeedback("", machine, 0.1, 0.1, 0.1).act(state, clock)
    assert control.choice.tolist() == [TURN_1, MEASURE, SWAP, WAIT]
    assert (control.values == 1.0).all()
    np.testing.assert_array_equal(after, clock)
    assert BayesFeedback("", machine, 0.1, 0.1).act(state, clock)[0].choice.tolist() == [TURN_1, MEASURE, WAIT, WAIT]


@given(SEEDS, st.floats(-0.4, 0.4), st.sampled_from(("z", "xz")))
@settings(max_examples=40, deadline=None)
def test_the_gain_of_a_turn_is_what_the_machine_books(seed, g, axes):
    machine = TwoQubitDemon(g=g, axes=axes)
    t = in_plane(seed, 6)
    if axes == "z":
        t = pauli.from_populations(pauli.populations(t))
    gain, angle = turns(machine, t)
    state = np.concatenate([pauli.components(t), np.tile(machine.control_space.low, (6, 1))], axis=1)
    for qubit in range(2):
        values = np.tile(machine.control_space.high, (6, 1))
        if axes == "xz":
            values[:, -1] = angle[:, qubit]
        machine.control_space.check(Control(values, np.full(6, TURN_1 + qubit)))
        done = machine.propagate(state, Control(values, np.full(6, TURN_1 + qubit)), 0.1)
        np.testing.assert_allclose(-done.work, gain[:, qubit], atol=1e-12)
        # no other angle sets free more
        for other in np.linspace(-np.pi, np.pi, 25) if axes == "xz" else []:
            turned = pauli.rotated(t, qubit, np.full(6, other))
            assert (machine.energy(t) - machine.energy(turned) <= gain[:, qubit] + 1e-12).all()


@given(SEEDS, st.sampled_from((TwoQubitDemon(), TwoQubitDemon(read_out="one"), TwoQubitDemon(g=0.3, e2=0.8))))
@settings(max_examples=40, deadline=None)
def test_what_is_left_is_what_knowing_the_qubits_adds(seed, machine):
    """For populations: the mean of the best flips of every outcome, less the best flips without one."""
    p = np.random.default_rng(seed).dirichlet(np.ones(4), size=5)
    now = np.min([p @ machine.levels[list(perm)] for perm in flips(machine)], axis=0)
    known = np.zeros(5)
    for outcome in np.eye(4) if machine.read_out == "both" else [[1, 1, 0, 0], [0, 0, 1, 1]]:
        part = p * np.array(outcome)
        known += np.min([part @ machine.levels[list(perm)] for perm in flips(machine)], axis=0)
    np.testing.assert_allclose(
        left(machine, pauli.from_populations(p)), expected_left(machine, p, now, known), atol=1e-12
    )


def flips(machine):
    first, second = (2, 3, 0, 1), (1, 0, 3, 2)
    if machine.read_out == "one":
        return [(0, 1, 2, 3), first]
    return [(0, 1, 2, 3), first, second, (3, 2, 1, 0)]


def expected_left(machine, p, now, known):
    if machine.read_out == "both":
        return now - known
    # qubit 1 known, whatever qubit 2 is: not less than what a read-out of qubit 1 alone tells
    s2 = np.array([1.0, -1.0, 1.0, -1.0])
    sharp = p @ (0.5 * machine.e2 * s2 - np.abs(0.5 * machine.e1 + machine.g * s2))
    assert (sharp <= known + 1e-12).all()
    return now - sharp


def test_a_continuous_demon_stops_reading_when_it_is_sure():
    machine = ContinuousDemon()
    protocol = WaitReadTurn("", machine, 3, reads=5, doubt=0.2)
    rng, state, clock = (
        np.random.default_rng(1),
        machine.initial_state(np.full((200, 4), 0.5)),
        np.zeros(200, dtype=int),
    )
    readings = 0
    for _ in range(60):
        before = left(machine, pauli.table(state[:, :15]))
        control, after = protocol.act(state, clock)
        again = (control.choice == MEASURE) & (clock > protocol.waits)
        assert (before[again] > protocol.doubt).all()
        readings += int(again.sum())
        state = machine.propagate(state, control, 0.1, rng.random((200, 4))).state
        clock = after
        assert (clock <= protocol.waits + protocol.reads).all()
    assert readings > 100


@pytest.mark.parametrize("wrong", [{"waits": 0}, {"reads": 0}, {"rounds": 3}, {"k": 0.4}, {"theta": 2.0}])
def test_bad_parameters(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        WaitReadTurn("", TwoQubitDemon(), **({"waits": 3} | wrong))


def test_plain_data():
    """What a comparison writes down: JSON, with the machine's parameters."""
    data = json.loads(json.dumps(BayesFeedback("some", TwoQubitDemon(g=0.1), 0.2, 0.3).to_dict(), allow_nan=False))
    assert data["type"] == "BayesFeedback"
    assert data["machine"]["type"] == "TwoQubitDemon"
    assert data["machine"]["g"] == 0.1
    assert data["threshold"] == 0.2
    assert data["exchange"] is None
