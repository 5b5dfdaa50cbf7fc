"""Given controls, played step by step in an environment."""

import numpy as np
import pytest

from szilard.agents.open_loop import PlayedSteps
from szilard.envs.actions import pack
from szilard.envs.machine_env import MachineEnv
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.field_protocols import FieldProtocol
from szilard.physics.machines.two_level import TwoLevelEngine


def test_they_start_over_at_the_end_and_in_a_new_episode():
    space = TwoLevelEngine().control_space
    agent = PlayedSteps(space, np.array([[1.0], [0.5], [0.3]]), np.array([2, 0, 1]))
    state, start, seen = None, np.array([True, True]), []
    for step in range(4):
        action, state = agent.predict(np.zeros((2, 2)), state, start)
        start = np.array([False, step == 1])
        seen.append(action)
    low, high = space.low[0], space.high[0]
    for action, positions in zip(seen, [(0, 0), (1, 1), (2, 0), (0, 1)], strict=True):
        scaled = 2.0 * (agent.values[list(positions)] - low) / (high - low) - 1.0
        expected = pack(space, scaled, agent.choice[list(positions)])
        for part in expected:
            np.testing.assert_allclose(action[part], expected[part], atol=1e-6)


def test_a_protocol_of_the_ferroelectric_engine_earns_its_power_in_the_environment():
    """Play until the limit cycle is reached, then a period more: the mean reward is the power of the limit cycle."""
    dt, machine = 0.05, FerroelectricEngine(max_sub_step=5e-3)
    protocol = FieldProtocol(np.array([1e7, 1e7, 2e6, 2e6]), np.array([2, 2, 2, 1]), np.array([0.05, 0.4, 0.05, 0.15]))
    values, choice = protocol.steps(dt)
    agent, state = PlayedSteps(machine.control_space, values, choice), None
    env = MachineEnv(machine, dt)
    observation, _ = env.reset(seed=0)
    work = []
    for _ in range(13 * len(choice)):
        action, state = agent.predict(observation[None], state)
        native = {k: v[0] for k, v in action.items()} if isinstance(action, dict) else action[0]
        observation, _, _, _, info = env.step(native)
        work.append(info["work"])
    power = -sum(work[-len(choice) :]) / protocol.period[0]
    assert power == pytest.approx(float(protocol.steady(machine).power[0]), rel=1e-4)
