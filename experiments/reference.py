"""Reference lines of a machine: what a learned policy is compared with while it is learned.

A run has a score, and the lines are in its unit: the power, or with a weight c < 1 the objective that is learned,
r_c = c P/P0 - (1 - c) D/D0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ..agents.evaluation import Evaluation
from ..envs.reward import Reward
from ..envs.style import words_of
from ..physics.cycles.cycle import NoLimitCycleError
from ..physics.cycles.objective import Objective
from ..physics.cycles.otto import fast_otto
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError
from .optima import certified


class Goal(NamedTuple):
    """What counts as 100 %.

    Attributes:
        name: for headings, ``% of <name>``.
        words: for sentences.
        tag: for names of columns and tags.
    """

    name: str
    words: str
    tag: str


OPTIMUM = Goal("optimum", "the optimum", "percent_of_optimum")
"""The upper bound of the optimum."""
BEST_KNOWN = Goal("best known", "the best known cycle", "percent_of_best_known")
"""The best cycle known, of a machine without an upper bound; an agent may exceed it."""
BEST_PROTOCOL = BEST_KNOWN._replace(words="the best known protocol")
"""The same of a machine with measurements."""


def weight_of(parameters: Mapping[str, Any]) -> float:
    """The weight c that a run is scored at: that of the environment, of a range the largest; 1 without one."""
    given = parameters.get("weight")
    if given is None:
        return 1.0
    return float(max(given)) if isinstance(given, (list, tuple)) else float(given)


def score(machine: Machine, found: Evaluation, weight: float = 1.0) -> float:
    """What a policy is ranked by: ``score_name``."""
    if weight == 1.0:
        for own in (found.life_work, found.mean_reward):
            if not math.isnan(own):
                return own
    return found.power if weight == 1.0 else found.objective(machine, weight)


def score_name(machine: Machine, weight: float = 1.0, reward: Reward | None = None) -> str:
    """What a run is ranked by, for tags.

    The power; ``life_work`` of a machine that is used up; ``mean_reward`` where the environment's ``reward`` is not the
    power in the long run; with a weight c < 1 the ``objective`` r_c.
    """
    if weight != 1.0:
        return "objective"
    if machine.life_start() is not None:
        return "life_work"
    pays_else = reward is not None and not reward.follows_power
    return "mean_reward" if pays_else else words_of(machine).power_tag


def reference_lines(machine: Machine, dt: float, weight: float = 1.0) -> dict[str, float]:
    """Scores by name: ``fast_otto``, ``optimum_lower``, ``optimum_upper``.

    What a machine does not have is left out. Without an upper bound the lower one is called ``best_known``.

    Args:
        machine: the machine.
        dt: step of the environment (time); the bounds hold for controls on this grid.
        weight: weight c of the objective; for c = 1 the lines are powers (energy per time).
    """
    lines: dict[str, float] = {}
    if isinstance(machine, AffineMachine):
        objective = Objective(weight)
        # no hot and cold bath to choose from, or nothing relaxes
        with suppress(ParameterError, NoLimitCycleError):
            limit = fast_otto(machine, dt, objective=objective).limit_cycle()
            lines["fast_otto"] = limit.power if weight == 1.0 else objective.value(limit)
    try:
        certificate = certified(machine, dt, weight)
    except ParameterError:
        return lines
    bounds = certificate.power_bounds if weight == 1.0 else (certificate.lower, certificate.upper)
    if math.isfinite(bounds[1]):
        lines["optimum_lower"], lines["optimum_upper"] = bounds
    else:
        lines["best_known"] = bounds[0]
    return {name: value for name, value in lines.items() if math.isfinite(value)}


def optimum(lines: Mapping[str, float]) -> float:
    """Score that counts as 100 %: the upper bound, without one that of the best known; NaN unless positive."""
    best = lines.get("optimum_upper", lines.get("best_known", math.nan))
    return best if best > 0 else math.nan


def goal(upper_bound: float | None, machine: Machine | type[Machine] | None = None) -> Goal:
    """What ``optimum`` is: the optimum if there is a finite upper bound, else the best cycle or protocol known."""
    if upper_bound is not None and math.isfinite(upper_bound):
        return OPTIMUM
    return BEST_PROTOCOL if machine is not None and machine.n_step_uniforms else BEST_KNOWN
