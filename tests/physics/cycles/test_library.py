"""The reference cycles by name: every one for the machines it fits, on the time grid, within the laws."""

from math import pi

import numpy as np
import pytest

from szilard.agents.open_loop import CycleAgent
from szilard.envs.catalogue import CATALOGUE, configure
from szilard.physics.cycles.library import CYCLES, make_cycle
from szilard.physics.cycles.objective import Objective
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

GRID = {"refrigerator": (QubitRefrigerator(), 2 * pi / 0.05 / 128), "oscillator": (OscillatorEngine(), 0.2)}
DRIVES = {"trapezoid", "tuned_trapezoid", "sine"}
FITS = {"refrigerator": DRIVES | {"idle"}, "oscillator": set(CYCLES) - DRIVES}


@pytest.mark.parametrize("system", GRID)
@pytest.mark.parametrize("name", CYCLES)
def test_every_cycle_fits_or_is_refused(system, name):
    machine, dt = GRID[system]
    if name not in FITS[system]:
        with pytest.raises(ParameterError, match="machine: "):
            make_cycle(name, machine, dt)
        return
    cycle = make_cycle(name, machine, dt, Objective(0.7))
    np.testing.assert_allclose(cycle.durations, dt)
    assert len(CycleAgent(cycle, dt).cycle) == len(cycle)
    limit = cycle.limit_cycle()
    assert limit.entropy_production_rate >= -1e-12
    if machine.is_refrigerator:
        assert not limit.cop > limit.carnot_cop
    else:
        assert not limit.efficiency > limit.carnot_efficiency
    if name.startswith("tuned"):
        return  # slow; the search is the same
    # a cycle for this objective is not worse at it than the cycle for power alone
    power = make_cycle(name, machine, dt).limit_cycle()
    assert Objective(0.7).value(limit) >= Objective(0.7).value(power) - 1e-9
    assert limit.power <= power.power + 1e-9 * abs(power.power)


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="did you mean 'ramp_otto'"):
        make_cycle("rampotto", OscillatorEngine(), 0.2)


def test_two_level_engine_keeps_its_cycles():
    assert make_cycle("fast_otto", TwoLevelEngine(), 0.5).limit_cycle().power == pytest.approx(0.00909964, abs=5e-9)


AFFINE = [e for e in CATALOGUE if issubclass(e.machine_class(), AffineMachine)]


@pytest.mark.parametrize("entry", AFFINE, ids=lambda e: e.id)
def test_baselines_of_the_catalogue_are_cycles_of_the_machine(entry):
    machine, settings = configure(entry.id)
    assert isinstance(machine, AffineMachine)
    for name in entry.baselines:
        cycle = make_cycle(name, machine, settings["dt"])
        assert np.allclose(cycle.durations, settings["dt"])
        assert cycle.machine is machine
