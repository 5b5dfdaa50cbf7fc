"""Limit cycles of machines that are not affine, as they are seen: recorded when a policy repeats itself."""

from __future__ import annotations

from itertools import islice

import numpy as np

from ..agents.rollout import roll_out
from ..envs.machine_env import MachineVectorEnv
from ..physics.cycles.cycle import Cycle, LimitCycle
from ..physics.laws import EnergyFlows
from ..physics.machine import Machine
from .compare import Contender, burn_in


def recorded_orbit(who: Contender, machine: Machine, dt: float, period: float, seed: int = 0) -> LimitCycle:
    """One period of a policy that repeats itself, from one start.

    Args:
        who: the policy.
        machine: the machine.
        dt: duration of a step.
        period: what ``Evaluation.period`` tells of it (time).
        seed: of the start state.

    Returns:
        States and flows are those of the record, which comes back to its start up to what ``evaluate`` allows. The
        spectral radius is NaN: it is not known.
    """
    native = MachineVectorEnv(machine, dt, 1, **who.settings)
    steps = roll_out(who.agent, native, who.encoding, who.levels, seed)
    n = round(period / dt)
    # until it is settled; of that the last step, whose end is the start
    before, *kept = [ledger for ledger, _ in islice(steps, burn_in(machine, dt) + n)][-n - 1 :]

    def column(name: str) -> np.ndarray:
        return np.concatenate([ledger[name] for ledger in kept])

    cycle = Cycle(machine, column("control"), column("choice"), np.full(n, dt), who.label)  # type: ignore[arg-type]
    flows = EnergyFlows(column("energy_change"), column("work"), column("heat"), column("entropy_change"))
    return LimitCycle(cycle, np.concatenate([before["state"], column("state")]), flows, np.nan)
