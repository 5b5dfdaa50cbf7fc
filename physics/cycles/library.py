"""The reference cycles by name, on the time grid of an environment: what can be played, compared and drawn.

Every cycle is the best of its family for an objective (power by default). The same families off the grid, for
reference values, are ``best_...`` in the modules that they come from.
"""

from __future__ import annotations

from typing import Protocol

from ..machine import AffineMachine
from ..validation import check_choice
from .cycle import Cycle
from .drives import sine_on_grid, trapezoid_on_grid
from .objective import Objective
from .otto import carnot_like, fast_otto, idle, slow_otto
from .periodic import POWER
from .ramps import ramp_otto_on_grid
from .shortcuts import frictionless_otto_on_grid, smooth_otto_on_grid
from .sudden import sudden_otto_on_grid


class CycleFamily(Protocol):
    """Best cycle of a family on the time grid ``dt``; ``ParameterError`` for a machine that does not fit."""

    def __call__(self, machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle: ...


def _idle(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    # the same for every objective
    return idle(machine, dt)


def _carnot_like(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    return carnot_like(machine, dt, objective=objective)


def _tuned_ramp_otto(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    return ramp_otto_on_grid(machine, dt, objective, free_ends=True)


def _tuned_trapezoid(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    return trapezoid_on_grid(machine, dt, objective, steepness=None)


CYCLES: dict[str, CycleFamily] = {
    "fast_otto": fast_otto,
    "slow_otto": slow_otto,
    "carnot_like": _carnot_like,
    "sudden_otto": sudden_otto_on_grid,
    "ramp_otto": ramp_otto_on_grid,
    "tuned_ramp_otto": _tuned_ramp_otto,
    "frictionless_otto": frictionless_otto_on_grid,
    "smooth_otto": smooth_otto_on_grid,
    "trapezoid": trapezoid_on_grid,
    "tuned_trapezoid": _tuned_trapezoid,
    "sine": sine_on_grid,
    "idle": _idle,
}
"""Families by name.

fast_otto, slow_otto, carnot_like: see ``otto``; sudden_otto: ``sudden``; ramp_otto (linear ramps between the ends of
the range), tuned_ramp_otto (ends optimised): ``ramps``; frictionless_otto (exact on the grid), smooth_otto (sampled
smooth shortcut): ``shortcuts``; trapezoid (a = 2), tuned_trapezoid (a optimised), sine: ``drives``.
"""


def make_cycle(name: str, machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    """The best cycle of the family ``name`` on the time grid ``dt``.

    Args:
        name: a name of ``CYCLES``.
        machine: the machine.
        dt: length of a step (time).
        objective: what is maximised; ``Objective(c)`` weighs power against entropy production.

    Returns:
        A cycle whose steps all have the length ``dt``; its limit cycle is audited when it is asked for.

    Raises:
        ParameterError: for an unknown name (with the nearest one), a bad ``dt``, or a machine that does not fit.
    """
    check_choice("cycle", name, CYCLES)
    return CYCLES[name](machine, dt, objective=objective)


__all__ = ["CYCLES", "CycleFamily", "make_cycle"]
