"""Stored best cycles: recomputed, at least what the specification lists, and never taken for another machine."""

import dataclasses

import numpy as np
import pytest

from szilard.envs.catalogue import configure
from szilard.physics.control import Control
from szilard.physics.cycles.certificate import certify
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.cycles.known import best_known, known_cycles, read, start_cycles, store
from szilard.physics.cycles.objective import Objective
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

FRIDGE, OSCILLATOR = "QubitRefrigerator-v0", "OscillatorEngine-v0"


def problem(env, preset):
    machine, settings = configure(env, preset)
    assert isinstance(machine, AffineMachine)
    return machine, float(settings["dt"])


@pytest.mark.parametrize(
    ("env", "preset", "power"),
    [
        # specification B5 and C3
        (FRIDGE, "ErdmanNoe2023", 9.1287e-4),
        (OSCILLATOR, "ErdmanNoe2022", 0.191496),
        # specification: has no learned value, must beat the best trapezoid (B1, steepness optimised)
        (FRIDGE, "ErdmanNoe2022", 4 * 2.6066e-4),
    ],
)
def test_stored_cycles_reach_the_specification(env, preset, power):
    machine, dt = problem(env, preset)
    best = best_known(machine, dt)
    assert best is not None
    limit = best.cycle.limit_cycle()
    assert limit.power >= power
    assert best.value == pytest.approx(limit.power / machine.power_unit, rel=1e-12)
    certificate = certify(machine, dt)
    assert certificate.lower >= best.value * (1 - 1e-9)
    assert np.isinf(certificate.upper)
    # played from another start state, step by step
    state = machine.initial_state(np.full((1, machine.n_initial_uniforms), 0.3))
    n, earned = len(best.cycle), []
    for k in range(60 * n):
        control = Control(best.cycle.values[k % n][None], best.cycle.choice[k % n : k % n + 1])
        state, flows = machine.step(state, control, dt)
        earned.append(float(machine.output(flows)[0]))
    assert np.sum(earned[-n:]) / (n * dt) == pytest.approx(limit.power, rel=1e-9)


def test_every_stored_cycle_is_valid_and_not_beaten_by_another_of_its_machine():
    assert len({(k.machine, str(k.parameters), k.dt, k.weight) for k in read()}) == len(read())
    machines = [problem(e, p) for e, p in ((FRIDGE, None), (FRIDGE, "ErdmanNoe2022"), (OSCILLATOR, None))]
    assert all(known_cycles(machine, dt) for machine, dt in machines)
    for stored in read():
        for machine, dt in machines:
            if (type(machine).__name__, dataclasses.asdict(machine)) == (stored.machine, stored.parameters):
                own = Objective(stored.weight).value(stored.cycle(machine, dt).limit_cycle())
                assert (
                    own
                    >= max(Objective(stored.weight).value(c.limit_cycle()) for c in known_cycles(machine, dt)) - 1e-9
                )


def test_other_parameters_get_no_value_but_start_cycles():
    machine, dt = OscillatorEngine(), 0.2
    assert best_known(machine, dt) is not None
    assert best_known(machine, 0.21) is None
    other = dataclasses.replace(machine, gamma_c=0.7)
    assert best_known(other, dt) is None
    assert best_known(TwoLevelEngine(), 0.5) is None
    narrow = dataclasses.replace(machine, u_max=0.9)
    starts = start_cycles(narrow, dt)
    assert starts
    assert max(cycle.values.max() for cycle in starts) == 0.9
    assert not start_cycles(TwoLevelEngine(), 0.5)


def test_only_a_better_cycle_replaces_a_stored_one(tmp_path):
    engine, file = TwoLevelEngine(), tmp_path / "known.json"

    def cycle(u_hot, word=(0, 1), dt=0.5):
        return Cycle(engine, np.array([[u_hot], [0.5722]]), np.array(word), np.full(2, dt))

    assert read(file) == []
    assert store(cycle(0.9), 0.5, 1.0, file)
    assert not store(cycle(1.0), 0.5, 1.0, file)
    assert store(cycle(0.9), 0.5, 0.5, file)
    assert store(cycle(0.9, dt=0.2), 0.2, 1.0, file)
    assert store(cycle(0.8131), 0.5, 1.0, file)
    assert not store(cycle(0.8131), 0.5, 1.0, file)
    assert sorted((k.dt, k.weight, k.values[0][0]) for k in read(file)) == [
        (0.2, 1.0, 0.9), (0.5, 0.5, 0.9), (0.5, 1.0, 0.8131)
    ]  # fmt: skip
    (again,) = (k.cycle(engine, 0.5) for k in read(file) if (k.dt, k.weight) == (0.5, 1.0))
    assert again.limit_cycle().power == pytest.approx(0.00909964, abs=5e-9)
    with pytest.raises(ParameterError, match="durations"):
        store(cycle(0.9), 0.2, 1.0, file)
