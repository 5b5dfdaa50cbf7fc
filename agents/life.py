"""What a policy makes of a machine that is used up: work until the end of its life, such as of a cell's fuel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..envs.machine_env import MachineVectorEnv
from ..physics.control import FloatArray
from ..physics.machine import Machine
from .rollout import Agent, roll_out


@dataclass(frozen=True, eq=False)
class Life:
    """Runs of a policy from S start states until the machine is used up; physical units.

    Attributes:
        work: delivered, shape (S,).
        duration: shape (S,).
        finished: whether the machine was used up within the allowed steps, bool (S,).
        exergy_used: shape (S,); NaN for a machine without surroundings.
        heat: received from each bath, shape (S, B).
        entropy_produced: shape (S,).
        choice_fractions: fraction of the steps with each choice, shape (n_choices,).
        law_residual: largest first-law residual met (energy).
        min_entropy_production: smallest entropy production of a step met.
    """

    work: FloatArray
    duration: FloatArray
    finished: np.ndarray
    exergy_used: FloatArray
    heat: FloatArray
    entropy_produced: FloatArray
    choice_fractions: FloatArray
    law_residual: float
    min_entropy_production: float


def lives(
    agent: Agent,
    machine: Machine,
    dt: float,
    encoding: str | None = None,
    levels: int = 15,
    n_starts: int = 4,
    max_steps: int = 10_000,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    state: FloatArray | None = None,
) -> Life:
    """Run the deterministic policy until every machine is used up, or for ``max_steps``.

    Args:
        agent: anything with ``predict``.
        machine: the machine.
        dt: duration of a step.
        encoding, levels: action encoding that the agent speaks; ``None`` for native actions.
        n_starts: number S of start states.
        max_steps: longest life that is followed.
        seed: of the start states.
        settings: further arguments of ``MachineVectorEnv``, as for ``evaluate``.
        state: start states (S, n); ``None``: drawn.
    """
    native = MachineVectorEnv(machine, dt, n_starts, **(settings or {}))
    alive = np.ones(n_starts, dtype=bool)
    work, duration, used, produced = np.zeros((4, n_starts))
    heat, counts = np.zeros((n_starts, len(machine.bath_names))), np.zeros(native.n_choices)
    residual, smallest = 0.0, np.inf
    for ledger, used_up in islice(roll_out(agent, native, encoding, levels, seed, state=state), max_steps):
        # what was used up has started again: that is another life
        work -= np.where(alive, ledger["work"], 0.0)
        duration += np.where(alive, dt, 0.0)
        used -= np.where(alive, ledger.get("exergy_change", np.full(n_starts, np.nan)), 0.0)
        produced += np.where(alive, ledger["entropy_production"], 0.0)
        heat += np.where(alive[:, None], ledger["heat"], 0.0)
        counts += np.bincount(ledger["choice"][alive], minlength=native.n_choices)
        residual = max(residual, float(np.abs(ledger["law_residual"]).max()))
        smallest = min(smallest, float(ledger["entropy_production"].min()))
        alive &= ~used_up
        if not alive.any():
            break
    return Life(work, duration, ~alive, used, heat, produced, counts / counts.sum(), residual, smallest)
