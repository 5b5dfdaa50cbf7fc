"""A protocol as an agent: the same long-run average as the protocol itself, from what an environment shows."""

import numpy as np
import pytest

from szilard.agents.evaluation import evaluate
from szilard.agents.open_loop import ProtocolAgent
from szilard.envs.catalogue import configure
from szilard.envs.machine_env import MachineEnv, MachineVectorEnv
from szilard.physics.feedback.average import exact_average
from szilard.physics.feedback.library import make_protocol
from szilard.physics.feedback.protocol import RenewalProtocol, WaitThenMeasure
from szilard.physics.feedback.two_qubit_protocols import WaitReadTurn
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.feedback_demon import FeedbackDemon
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon

PLANE = TwoQubitDemon(read_out="one", axes="xz")
CASES = (
    (RenewalProtocol("", (0.4, 0.3, 0.2)), FeedbackDemon(), 0.07),
    (WaitThenMeasure("", 11), DeadTimeDemon(), 0.05),
    (WaitReadTurn("", TwoQubitDemon(), 3), TwoQubitDemon(), 0.1),
    (WaitReadTurn("", PLANE, 6, rounds=2), PLANE, 0.1),
    (WaitReadTurn("", PLANE, 6, k=0.9, theta=1.0), PLANE, 0.3),
)


@pytest.mark.parametrize(("protocol", "machine", "dt"), CASES)
def test_evaluation_agrees_with_the_average_of_the_protocol(protocol, machine, dt):
    """Through observations in single precision, native actions and the audit of the laws."""
    played = evaluate(ProtocolAgent(protocol, machine), machine, dt, n_starts=48, burn_in=64, window=256)
    exact = exact_average(protocol, machine, dt, same=1e-4)
    assert exact is not None
    # the window closes on itself but for part of a cycle
    assert abs(played.power - exact.power) < 4.0 * played.standard_error + 0.02 * exact.power
    np.testing.assert_allclose(played.choice_fractions, exact.choice_fractions, atol=0.02)


def test_the_clock_is_the_state_of_the_agent_and_starts_anew_with_an_episode():
    machine = TwoQubitDemon()
    agent = ProtocolAgent(WaitReadTurn("", machine, 3), machine)
    ground = np.tile(machine.observe(np.concatenate([machine.ground.reshape(1, 16)[:, 1:], [[0.5]]], axis=1)), (2, 1))
    state, choices = None, []
    for start in ([True, True], [False, False], [False, True], [False, False]):
        action, state = agent.predict(ground, state=state, episode_start=np.array(start), deterministic=True)
        choices.append(action["operation"].tolist())
    # the second system was reset at the third step: it waits again
    assert choices == [[0, 0], [0, 0], [0, 0], [1, 0]]
    assert state is not None
    assert state.tolist() == [4, 2]


def test_actions_are_native():
    machine, settings = configure("szilard/TwoQubitDemon-v0", preset="plane")
    assert isinstance(machine, TwoQubitDemon)
    env = MachineEnv(machine, settings["dt"])
    agent = ProtocolAgent(WaitReadTurn("", machine, 2, theta=0.3, k=0.7), machine)
    observation, _ = env.reset(seed=1)
    state = None
    for _ in range(12):
        action, state = agent.predict(observation[None], state=state)
        one = {name: np.float32(part[0]) if name == "control" else part[0] for name, part in action.items()}
        assert env.action_space.contains(one)
        observation, _, _, _, ledger = env.step(one)
        if ledger["choice"] == 1:
            np.testing.assert_allclose(ledger["control"][:2], [0.7, 0.3], atol=1e-6)


def test_what_follows_the_state_in_the_observation_is_not_looked_at():
    machine = TwoQubitDemon()
    env = MachineVectorEnv(machine, 0.1, 3, weight=(0.5, 1.0))
    observation, _ = env.reset(seed=0)
    assert observation.shape[1] == len(machine.observation_bounds[0]) + 1
    agent = ProtocolAgent(WaitReadTurn("", machine, 1), machine)
    with_weight, _ = agent.predict(observation)
    without, _ = agent.predict(observation[:, :-1])
    np.testing.assert_array_equal(with_weight["operation"], without["operation"])


def test_the_best_protocol_of_the_library_plays():
    machine, dt = DeadTimeDemon(), 0.05
    agent = ProtocolAgent(make_protocol("fixed_wait", machine, dt), machine)
    assert evaluate(agent, machine, dt, n_starts=8).power == pytest.approx(0.17822666, rel=1e-3)
