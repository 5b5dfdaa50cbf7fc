"""Protocols of the refrigerator: the cycles of the specification through the machine, and what they do."""

import numpy as np
import pytest

from szilard.physics import pauli
from szilard.physics.feedback.average import exact_average
from szilard.physics.feedback.protocol import Hold
from szilard.physics.feedback.refrigerator_protocols import MeasureTheHotter, OperateAndWait, OperateWhenWarm
from szilard.physics.machines.coupled_qubits_references import MEASUREMENT_REFRIGERATOR_REFERENCES
from szilard.physics.machines.measurement_refrigerator import (
    CONDITIONAL_SWAP,
    MEASURE,
    SWAP,
    SWAP_MEASURE,
    WAIT,
    MeasurementRefrigerator,
)
from szilard.physics.validation import ParameterError

EXPECTED = {r.id: r for r in MEASUREMENT_REFRIGERATOR_REFERENCES}
TAU = 2.0
"""Length of the cycles of the specification; one step."""


def check(id: str, value: float) -> None:
    assert abs(value - EXPECTED[id].expected) <= EXPECTED[id].tolerance, id


@pytest.mark.parametrize(
    ("g", "choice", "k", "cold", "hot", "work", "information"),
    [
        (0.0, SWAP, 1.0, "REF-11", "REF-12", "REF-13", None),
        (0.2, SWAP, 1.0, "REF-15", "REF-16", "REF-17", None),
        (0.2, MEASURE, 0.95, "REF-18", None, None, "REF-19"),
        (0.2, MEASURE, 1.0, "REF-20", None, None, None),
        (0.2, SWAP_MEASURE, 0.95, "REF-21", None, None, None),
        (0.2, SWAP_MEASURE, 1.0, "REF-22", None, None, None),
    ],
)
def test_references_as_long_run_averages(g, choice, k, cold, hot, work, information):
    found = exact_average(OperateAndWait("", choice, 0, k), MeasurementRefrigerator(g=g, mode="ensemble"), TAU)
    assert found is not None
    check(cold, found.power * TAU)
    if hot:
        check(hot, found.heat_rates[1] * TAU)
    if work:
        check(work, -sum(found.heat_rates) * TAU)
    if information:
        check(information, found.information_rate * TAU)


def test_heat_leak():
    found = exact_average(Hold("", WAIT, (1.0,)), MeasurementRefrigerator(g=0.2), TAU)
    assert found is not None
    check("REF-14", found.power * TAU)


@pytest.mark.parametrize("choice", [MEASURE, SWAP_MEASURE])
def test_trajectories_average_to_the_ensemble_where_the_feedback_is_the_same(choice):
    """At k = 1 the flip depends on the outcome alone; then populations evolve linearly in both modes."""
    protocol = OperateAndWait("", choice, 0)
    averages = [exact_average(protocol, MeasurementRefrigerator(mode=mode), TAU) for mode in ("ensemble", "trajectory")]
    one, other = averages
    assert one is not None
    assert other is not None
    assert one.power == pytest.approx(other.power, abs=1e-8)
    # who knows the outcomes writes less down
    assert other.record_rate <= one.record_rate + 1e-9


def test_a_cycle_is_an_operation_and_its_waits():
    protocol, clock, choices = OperateAndWait("", CONDITIONAL_SWAP, 2), np.zeros(1, dtype=int), []
    for _ in range(7):
        control, clock = protocol.act(np.zeros((1, 16)), clock)
        choices.append(int(control.choice[0]))
    assert choices == [CONDITIONAL_SWAP, WAIT, WAIT, CONDITIONAL_SWAP, WAIT, WAIT, CONDITIONAL_SWAP]


def test_choices_from_the_belief():
    p = np.array([[0.0, 0.6, 0.1, 0.3], [0.0, 0.1, 0.6, 0.3], [0.0, 0.01, 0.02, 0.97]])  # ee, eg, ge, gg
    state = np.concatenate([pauli.components(pauli.from_populations(p)), np.ones((3, 1))], axis=1)
    clock = np.zeros(3, dtype=int)
    hotter, _ = MeasureTheHotter("", warm=0.1, k=0.9).act(state, clock)
    assert hotter.choice.tolist() == [MEASURE, SWAP_MEASURE, WAIT]
    assert (hotter.values == 0.9).all()
    assert MeasureTheHotter("", margin=0.6).act(state, clock)[0].choice.tolist() == [MEASURE] * 3
    assert OperateWhenWarm("", SWAP, 0.3).act(state, clock)[0].choice.tolist() == [SWAP, WAIT, WAIT]


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: OperateAndWait("", 0, 1), "choice"),
        (lambda: OperateAndWait("", 5, 1), "choice"),
        (lambda: OperateAndWait("", SWAP, -1), "waits"),
        (lambda: OperateWhenWarm("", SWAP, 1.5), "warm"),
        (lambda: MeasureTheHotter("", k=1.1), "k"),
    ],
)
def test_bad_parameters(build, name):
    with pytest.raises(ParameterError, match=name):
        build()
