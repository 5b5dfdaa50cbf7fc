"""Agents without learning: a reference cycle or known controls played step by step, a feedback protocol, and random
controls.

They have SB3's ``predict``, so every comparison runs through one code path. All speak native actions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..envs.actions import pack, to_native
from ..physics.cells.cell_protocol import CellProtocol
from ..physics.control import Control, ControlSpace, FloatArray, IntArray
from ..physics.cycles.cycle import Cycle
from ..physics.feedback.protocol import Protocol
from ..physics.machine import Machine


class PlayedSteps:
    """Plays given controls step by step, over and over, from the first one, whatever the state.

    Args:
        control_space: the machine's controls.
        values: continuous controls, shape (N, m), physical units.
        choice: choices, shape (N,).
    """

    encoding = None

    def __init__(self, control_space: ControlSpace, values: FloatArray, choice: IntArray) -> None:
        self.control_space, self.values, self.choice = control_space, values, choice

    @property
    def window(self) -> int:
        """Steps that an average must be taken over, at least: a period is found if it fits in twice."""
        return 2 * len(self.choice) + 2

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Actions for a batch of K observations; ``state`` is the position in the cycle, shape (K,)."""
        position = np.zeros(len(observation), dtype=np.int64) if state is None else state
        if episode_start is not None:
            position = np.where(episode_start, 0, position)
        control = Control(self.values[position], self.choice[position])
        return to_native(self.control_space, control), (position + 1) % len(self.choice)


class CycleAgent(PlayedSteps):
    """Plays a cycle on the time grid of an environment, from its first step, whatever the state.

    Args:
        cycle: the cycle.
        dt: step of the environment.

    Raises:
        ParameterError: if a duration of the cycle is not a multiple of ``dt``.
    """

    def __init__(self, cycle: Cycle, dt: float) -> None:
        self.cycle = cycle.on_grid(dt)
        super().__init__(cycle.machine.control_space, self.cycle.values, self.cycle.choice)


class CellProtocolAgent(PlayedSteps):
    """Plays known controls of a cell.

    Args:
        protocol: the controls, on the time grid of the environment.
    """

    def __init__(self, protocol: CellProtocol) -> None:
        self.protocol = protocol
        super().__init__(protocol.machine.control_space, protocol.values, protocol.choice)

    @property
    def window(self) -> int:
        """As of ``PlayedSteps``, of the response, which may be an oscillation."""
        return self.protocol.window


class ProtocolAgent:
    """Plays a feedback protocol: closed loop, from the state that is observed.

    Args:
        protocol: the protocol.
        machine: the machine, to tell the state from the observation ("state"; what follows it is not looked at).
    """

    encoding = None

    def __init__(self, protocol: Protocol, machine: Machine) -> None:
        self.protocol, self.machine = protocol, machine

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Actions for a batch of K observations; ``state`` is the protocol's clock, shape (K,)."""
        clock = np.zeros(len(observation), dtype=np.int64) if state is None else state
        if episode_start is not None:
            clock = np.where(episode_start, 0, clock)
        seen = np.asarray(observation, dtype=np.float64)[:, : len(self.machine.observation_bounds[0])]
        control, clock = self.protocol.act(self.machine.state_of(seen), clock)
        return to_native(self.machine.control_space, control), clock


class RandomAgent:
    """Draws every control uniformly from its range and every choice with equal probability.

    Args:
        control_space: the machine's controls.
        seed: seed of its own generator.
    """

    encoding = None

    def __init__(self, control_space: ControlSpace, seed: int = 0) -> None:
        self.control_space, self.rng = control_space, np.random.default_rng(seed)

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Actions for a batch of K observations; random whatever ``deterministic`` says."""
        space, k = self.control_space, len(observation)
        scaled = self.rng.uniform(-1.0, 1.0, (k, space.n_values))
        return pack(space, scaled, self.rng.integers(space.n_choices, size=k)), None
