"""Direct search over protocols, and the exact optimum of projective read-outs of both qubits."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics import pauli
from szilard.physics.feedback.average import exact_average
from szilard.physics.feedback.belief_simplex import BeliefProtocol, belief_optimum
from szilard.physics.feedback.search import (
    Axis,
    pattern_search,
    projective_optimum,
    search_bayes_feedback,
    search_measure_the_hotter,
    search_operation,
    search_wait_read_turn,
)
from szilard.physics.feedback.two_qubit_protocols import BayesFeedback, WaitReadTurn
from szilard.physics.machines.measurement_refrigerator import CONDITIONAL_SWAP, SWAP, MeasurementRefrigerator
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.validation import ParameterError

DT = 0.1


def test_pattern_search_finds_the_top_of_a_hill():
    axes = {"n": Axis(0, 50, 8, 1), "x": Axis(-1.0, 1.0, 0.5, 1e-4)}
    best, top = pattern_search(lambda v: -((v["n"] - 13) ** 2) - (v["x"] - 0.3) ** 2, {"n": 40, "x": -1.0}, axes)
    assert best["n"] == 13
    assert best["x"] == pytest.approx(0.3, abs=2e-4)
    assert top == pytest.approx(0.0, abs=1e-7)


def test_pattern_search_stays_in_the_box():
    axes = {"n": Axis(0, 7, 4, 1), "x": Axis(0.0, 0.7, 0.4, 0.1)}
    best, _ = pattern_search(lambda v: v["n"] + v["x"], {"n": 1, "x": 0.1}, axes)
    assert best == {"n": 7, "x": 0.7}


@pytest.mark.parametrize(("g", "weight"), [(-0.25, 1.0), (0.2, 1.0), (-0.25, 0.8), (-0.25, 0.7)])
def test_projective_optimum_by_three_roads(g, weight):
    """Policy iteration; all fixed waits through the machine; dynamic programming on the belief, with its bound."""
    machine = TwoQubitDemon(g=g)
    optimum = projective_optimum(machine, DT, weight)
    waits = range(1, 30)
    averages = [exact_average(WaitReadTurn("", machine, n), machine, DT) for n in waits]
    by_waits = max(a.objective(weight) for a in averages if a is not None)
    played = exact_average(BeliefProtocol("", machine, DT, weight, 24), machine, DT)
    assert played is not None
    assert optimum.value >= by_waits - 1e-9
    assert optimum.value >= played.objective(weight) - 1e-9
    assert optimum.value == pytest.approx(max(by_waits, played.objective(weight)), abs=1e-7)
    bound = belief_optimum(machine, DT, weight, 32).bound
    assert optimum.value <= bound <= optimum.value + 0.01


def test_projective_optimum_against_all_policies_of_short_waits():
    """Every choice of a level and of a wait for each outcome, by simulation of the four-state chain."""
    machine, longest = TwoQubitDemon(e1=1.0, e2=0.5, g=-0.1), 3
    optimum = projective_optimum(machine, 0.3, 1.0, longest)
    propagators, heats = [np.eye(4)], [np.zeros(4)]
    after, heat = machine.relaxed(pauli.from_populations(np.eye(4)), 0.3)
    step = pauli.populations(after)
    for _ in range(longest):
        heats.append(heats[-1] + propagators[-1] @ heat[:, 0])
        propagators.append(propagators[-1] @ step)
    moves = np.array([[0, 1, 1, 2], [1, 0, 1, 1], [1, 1, 0, 1], [2, 1, 1, 0]])  # by flips, and by the swap of eg and ge
    best = -np.inf
    options = list(product(range(4), range(1, longest + 1)))
    # after gg nothing better than to stay; the others freely
    for ee, eg, ge in product(options, options, options):
        for gg in [(3, n) for n in range(1, longest + 1)]:
            policy = (ee, eg, ge, gg)
            chain = np.array([propagators[n][goal] for goal, n in policy])
            time = np.array([n + 1 + moves[s, goal] for s, (goal, n) in enumerate(policy)])
            taken = np.array([heats[n][goal] for goal, n in policy])
            weights = np.linalg.matrix_power(chain, 64)[0]
            best = max(best, float(weights @ taken) / float(weights @ time) / 0.3)
    assert optimum.value * machine.power_unit == pytest.approx(best, abs=1e-9)


@given(
    st.integers(1, 12),
    st.floats(0.0, 0.9),
    st.floats(0.02, 0.9),
    st.sampled_from((1.0, 0.99)),
    st.sampled_from((1.0, 0.8)),
)
@settings(max_examples=15, deadline=None)
def test_random_protocols_do_not_beat_what_was_found(waits, threshold, promise, k, weight):
    machine = TwoQubitDemon()
    best = projective_optimum(machine, DT, weight).value
    for protocol in (
        WaitReadTurn("", machine, waits, threshold=threshold, k=k),
        BayesFeedback("", machine, threshold, promise, k=k),
    ):
        found = exact_average(protocol, machine, DT, max_nodes=3000, same=1e-3)
        if found is not None:
            assert found.objective(weight) <= best + 5e-3


@pytest.mark.parametrize("weight", [1.0, 0.8])
def test_searches_reach_the_optimum_of_two_detectors(weight):
    machine = TwoQubitDemon()
    best = projective_optimum(machine, DT, weight).value
    for search in (search_wait_read_turn, search_bayes_feedback):
        found = search(machine, DT, weight)
        assert found.value == pytest.approx(best, abs=1e-6)
        assert found.value == pytest.approx(found.average.objective(weight))
        assert found.protocol.k == 1.0  # type: ignore[attr-defined]


def test_one_detector_serves_both_qubits_by_exchange():
    machine = TwoQubitDemon(read_out="one")
    fixed, belief = search_wait_read_turn(machine, DT), search_bayes_feedback(machine, DT)
    assert fixed.protocol.rounds == 2  # type: ignore[attr-defined]
    single = exact_average(WaitReadTurn("", machine, 4), machine, DT, same=1e-3)
    assert single is not None
    assert single.objective(1.0) < fixed.value <= belief.value
    bound = belief_optimum(machine, DT, 1.0, 40).bound
    assert 0.9 * bound < belief.value <= bound


def test_searches_of_the_refrigerator():
    machine, dt = MeasurementRefrigerator(), 0.25
    swap, conditional = (search_operation(machine, dt, choice) for choice in (SWAP, CONDITIONAL_SWAP))
    hotter = search_measure_the_hotter(machine, dt)
    assert 0.0 < swap.value < conditional.value < hotter.value
    assert hotter.value <= belief_optimum(machine, dt, 1.0, 24).bound
    # nothing is written down by a swap, so it alone pays where memory is dear
    dear = [search_operation(machine, dt, choice, 0.6).value for choice in (SWAP, CONDITIONAL_SWAP)]
    assert dear[0] > dear[1]


@pytest.mark.parametrize(
    "machine", [TwoQubitDemon(read_out="one"), TwoQubitDemon(axes="xz"), MeasurementRefrigerator()]
)
def test_projective_optimum_needs_two_detectors_along_z(machine):
    with pytest.raises(ParameterError, match="read_out = 'both'"):
        projective_optimum(machine, DT)
