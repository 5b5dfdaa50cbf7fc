"""A policy at work, step by step: the one loop behind evaluation, work per life and pictures of trajectories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..envs.encodings import EncodeVectorAction
from ..envs.machine_env import MachineVectorEnv
from ..physics.control import FloatArray


class Agent(Protocol):
    """Anything with SB3's ``predict``."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Any, Any]: ...


def roll_out(
    agent: Agent,
    native: MachineVectorEnv,
    encoding: str | None = None,
    levels: int = 15,
    seed: int = 0,
    weight: float | None = None,
    state: FloatArray | None = None,
) -> Iterator[tuple[dict[str, Any], NDArray[np.bool_]]]:
    """Reset ``native`` and let the deterministic policy run in it, without end.

    Args:
        agent: anything with ``predict``.
        native: S copies of a machine with native actions.
        encoding, levels: action encoding that the agent speaks; ``None`` for native actions.
        seed: of the start states and, with measurements, the outcomes.
        weight: the weight that an agent conditioned on it is told; ``None``: the largest of its range, the power.
        state: start states (S, n); ``None``: drawn.

    Returns:
        Of each step the ledger (arrays with first axis S, physical units) with the ``reward``, and which copies were
        used up in it: they have started again.
    """
    venv: Any = native if encoding is None else EncodeVectorAction(native, encoding, levels)
    options: dict[str, Any] = {} if state is None else {"state": state}
    wanted = native.kernel.weight
    if wanted is not None and wanted.drawn:
        options["weight"] = wanted.high if weight is None else weight
    observation, _ = venv.reset(seed=seed, options=options)
    return _steps(agent, venv, observation)


def _steps(agent: Agent, venv: Any, observation: Any) -> Iterator[tuple[dict[str, Any], NDArray[np.bool_]]]:
    memory, start = None, np.ones(venv.num_envs, dtype=bool)
    while True:
        action, memory = agent.predict(observation, state=memory, episode_start=start, deterministic=True)
        observation, reward, terminated, truncated, ledger = venv.step(action)
        start = terminated | truncated
        yield {**ledger, "reward": reward}, terminated
