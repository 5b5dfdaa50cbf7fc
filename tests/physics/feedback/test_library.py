"""The reference protocols by name: the catalogue's, what they earn, and machines that do not fit."""

import numpy as np
import pytest

from szilard.envs.catalogue import CATALOGUE, configure, entry
from szilard.physics.feedback import search
from szilard.physics.feedback.average import exact_average, long_run
from szilard.physics.feedback.certificate import certify_feedback
from szilard.physics.feedback.library import PROTOCOLS, make_protocol
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.feedback_demon import FeedbackDemon
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.validation import ParameterError

DEMONS = [e for e in CATALOGUE if not issubclass(e.machine_class(), AffineMachine) and e.machine_class().detector_names]


@pytest.mark.parametrize(
    ("found", "name"), [(e, n) for e in DEMONS for n in e.baselines], ids=lambda v: getattr(v, "id", v)
)
def test_baselines_of_the_catalogue_play_on_their_machine(found, name, monkeypatch):
    monkeypatch.setattr(search, "SAMPLE", (12, 24, 6))
    monkeypatch.setattr(search, "TRIED", 1)
    machine, settings = configure(found.id)
    # its own step: what a poor search finds must not be kept for others
    dt = settings["dt"] * 1.01
    protocol = make_protocol(name, machine, dt)
    assert protocol.label
    assert make_protocol(name, machine, dt) is protocol
    rng = np.random.default_rng(0)
    state = machine.initial_state(rng.random((8, machine.n_initial_uniforms)))
    clock = np.zeros(8, dtype=int)
    for _ in range(30):
        control, clock = protocol.act(state, clock)
        machine.control_space.check(control)
        state = machine.propagate(state, control, dt, rng.random((8, machine.n_step_uniforms))).state
        machine.check_state(state)
        assert clock.shape == (8,)


def test_all_demons_have_baselines():
    assert len(DEMONS) >= 5
    for e in DEMONS:
        assert e.baselines[-1] == "idle"
        assert set(e.baselines) <= PROTOCOLS.keys()


@pytest.mark.parametrize("weight", [1.0, 0.8])
def test_feedback_demon(weight):
    machine, dt = FeedbackDemon(), 0.07
    names = ("always_measure", "fixed_wait", "belief_optimum")
    values = []
    for name in names:
        found = exact_average(make_protocol(name, machine, dt, weight), machine, dt)
        assert found is not None
        values.append(found.objective(weight))
    # one step in contact at the best gap, some at one gap, some at the best gaps
    assert values[0] < values[1] < values[2]
    assert values[2] == pytest.approx(certify_feedback(machine, dt, weight).lower, abs=1e-9)


def test_dead_time_demon():
    machine, dt = DeadTimeDemon(), 0.05
    best, eager = (
        exact_average(make_protocol(name, machine, dt), machine, dt) for name in ("fixed_wait", "always_measure")
    )
    assert best is not None
    assert eager is not None
    assert best.power == pytest.approx(certify_feedback(machine, dt).lower * machine.power_unit, abs=1e-9)
    # there is no contact at all
    assert eager.power == 0.0


def test_two_detectors():
    machine, dt = TwoQubitDemon(), 0.1
    power = {
        name: long_run(make_protocol(name, machine, dt), machine, dt).power
        for name in ("idle", "always_measure", "fixed_wait", "bayes_feedback", "belief_optimum")
    }
    assert power["idle"] == pytest.approx(0.0, abs=1e-7)
    assert power["idle"] < power["always_measure"] < power["fixed_wait"]
    assert power["fixed_wait"] == pytest.approx(power["belief_optimum"], abs=1e-9)
    assert power["bayes_feedback"] == pytest.approx(power["belief_optimum"], abs=1e-9)


def test_always_measure_costs_records():
    machine, dt = TwoQubitDemon(), 0.1
    always, best = (long_run(make_protocol(n, machine, dt, 0.8), machine, dt) for n in ("always_measure", "fixed_wait"))
    assert always.objective(0.8) < best.objective(0.8)


def test_unknown_name_and_values():
    with pytest.raises(ParameterError, match="fixed_wait"):
        make_protocol("fixedwait", TwoQubitDemon(), 0.1)
    with pytest.raises(ParameterError, match="dt"):
        make_protocol("idle", TwoQubitDemon(), 0.0)
    with pytest.raises(ParameterError, match="weight"):
        make_protocol("idle", TwoQubitDemon(), 0.1, 1.5)


@pytest.mark.parametrize(
    ("name", "machine"),
    [(name, TwoLevelEngine()) for name in PROTOCOLS]
    + [(name, ContinuousDemon()) for name in ("measure", "swap", "swap_measure", "conditional_swap")]
    + [("fixed_wait", MeasurementRefrigerator()), ("bayes_feedback", DeadTimeDemon())],
)
def test_machines_that_do_not_fit(name, machine):
    with pytest.raises(ParameterError):
        make_protocol(name, machine, 0.1)


def test_catalogue_entries_by_id():
    assert "belief_optimum" in entry("TwoQubitDemon-v0").baselines
