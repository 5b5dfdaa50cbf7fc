"""The loop in which a policy runs: what it is told, and what it hands back."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from szilard.agents.open_loop import PlayedSteps
from szilard.agents.rollout import roll_out
from szilard.envs.machine_env import MachineVectorEnv
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.machines.two_level import TwoLevelEngine

ENGINE = TwoLevelEngine()


class Witness:
    """Keeps what ``predict`` is told; counts its own calls as memory."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []
        self.memory: list[Any] = []
        self.starts: list[np.ndarray] = []

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        assert deterministic
        self.seen.append(observation)
        self.memory.append(state)
        self.starts.append(episode_start)
        return np.zeros((len(observation), 2), dtype=np.float32), len(self.seen)


def test_the_steps_are_those_of_the_environment() -> None:
    agent, native = Witness(), MachineVectorEnv(ENGINE, 0.5, 3)
    ledgers = [ledger for ledger, _ in islice(roll_out(agent, native, "box", seed=7), 4)]
    by_hand = MachineVectorEnv(ENGINE, 0.5, 3)
    observation, _ = by_hand.reset(seed=7)
    for seen, ledger in zip(agent.seen, ledgers, strict=True):
        np.testing.assert_array_equal(seen, observation)
        action = {"control": np.zeros((3, 1), dtype=np.float32), "bath": np.ones(3, dtype=np.int64)}
        observation, *_, own = by_hand.step(action)
        np.testing.assert_array_equal(ledger["state"], own["state"])
        np.testing.assert_array_equal(ledger["heat"], own["heat"])
    assert agent.memory == [None, 1, 2, 3]
    assert [start.tolist() for start in agent.starts] == [[True] * 3] + [[False] * 3] * 3


def test_start_states_are_there_before_the_first_step() -> None:
    native = MachineVectorEnv(ENGINE, 0.5, 2)
    state = np.array([[0.1, 1.0], [0.2, 1.0]])
    steps = roll_out(Witness(), native, "box", state=state)
    np.testing.assert_array_equal(native.kernel.state, state)
    ledger, _ = next(steps)
    assert ledger["time"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("weight", "seen"), [(None, 1.0), (0.2, -1.0), (0.6, 0.0)])
def test_a_conditioned_agent_is_told_its_weight(weight: float | None, seen: float) -> None:
    agent = Witness()
    next(roll_out(agent, MachineVectorEnv(ENGINE, 0.5, 2, weight=(0.2, 1.0)), "box", weight=weight))
    np.testing.assert_allclose(agent.seen[0][:, -1], seen, atol=1e-6)


def test_the_memory_begins_again_with_a_new_life() -> None:
    """One of two cells is used up in the first step; a program of two loads begins again for it alone."""
    machine = SelfCyclingCell(N0_A=1.0, N0_C=500.0, N_half=0.1)
    full = np.concatenate([machine.start(), [0.0, 3.0]])
    empty = full.copy()
    empty[3] = machine.N0_A * (1.0 - 1e-12)
    native = MachineVectorEnv(machine, 10.0, 2)
    program = PlayedSteps(machine.control_space, np.array([[2.0], [4.0], [3.0]]), np.zeros(3, dtype=np.int64))
    steps = list(islice(roll_out(program, native, state=np.stack([full, empty])), 3))
    assert [used_up.tolist() for _, used_up in steps] == [[False, True], [False, False], [False, False]]
    np.testing.assert_allclose([ledger["control"][:, 0] for ledger, _ in steps], [[2.0, 2.0], [4.0, 2.0], [3.0, 4.0]])
