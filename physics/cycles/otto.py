"""Reference cycles of machines with a hot and a cold bath: Otto (slow and fast), Carnot-like, and doing nothing.

All cycles of this file live on a time grid dt, so that the same agent interface can play them. The optimised ones
maximise an objective (power by default) over their gaps by exact gradients; times are searched over multiples of dt.

Sources: finite-time two-level Otto engine, P. A. Erdman et al., New J. Phys. 21, 103049 (2019); isothermal strokes in
piecewise-constant steps, V. Cavina, A. Mari, A. Carlini, V. Giovannetti, Phys. Rev. A 98, 012139 (2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import numpy as np

from ..control import Control, FloatArray
from ..machine import AffineMachine
from ..validation import ParameterError, check_choice, check_finite, check_integer, check_positive
from .cycle import Cycle
from .objective import Objective
from .periodic import POWER, BestCycle, average_reward, optimise_word

RELAXED = 0.01
"""A slow isochore leaves at most this fraction of the distance to equilibrium."""

FAST_COUNTS = ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2))
"""Steps (hot, cold) of the two-level words that ``fast_otto`` compares."""

_Piece = tuple[int, int, tuple[float, float]]
"""Steps of an isochore, steps of the ramp after it, and the range of gaps where these are the shortest allowed."""

STRETCHES = (1, 2, 4, 8)
"""Multiples of dt that ``carnot_like`` tries for its isothermal steps."""


def otto(
    machine: AffineMachine,
    u_hot: float,
    u_cold: float,
    t_hot: float,
    t_cold: float,
    t_up: float = 0.0,
    t_down: float = 0.0,
    ramp_steps: int = 8,
    label: str = "Otto",
) -> Cycle:
    """Four strokes: hot isochore at ``u_hot``, ramp down, cold isochore at ``u_cold``, ramp up.

    Args:
        machine: a machine with one continuous control and the choices hot, cold (and none, for ramps).
        u_hot, u_cold: control during the isochores (physical units).
        t_hot, t_cold: durations of the isochores (time), > 0.
        t_up, t_down: durations of the ramps without bath (time), >= 0; 0 is a sudden switch.
        ramp_steps: steps of each ramp, evenly spaced between the two controls (ends excluded).
        label: name for reports.

    Raises:
        ParameterError: for an argument out of its range, or a machine without these choices.
    """
    check_one_control(machine)
    hot, cold = choice_index(machine, "hot"), choice_index(machine, "cold")
    check_positive("t_hot", t_hot)
    check_positive("t_cold", t_cold)
    check_integer("ramp_steps", ramp_steps, 1)
    for name, time in (("t_up", t_up), ("t_down", t_down)):
        check_finite(name, time)
        if time < 0:
            raise ParameterError(f"{name} = {time!r}: must be >= 0")
    down = ramp_steps if t_down > 0 else 0
    up = ramp_steps if t_up > 0 else 0
    none = choice_index(machine, "none") if down or up else 0
    choice = np.array([hot] + [none] * down + [cold] + [none] * up)
    durations = np.array([t_hot] + [t_down / ramp_steps] * down + [t_cold] + [t_up / ramp_steps] * up)
    values = _otto_shape(down, up) @ np.array([[u_hot], [u_cold]])
    return Cycle(machine, values, choice, durations, label)


def fast_otto(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    """The best cycle of one hot and one cold contact at one gap each, n_hot : n_cold steps of length ``dt``.

    For equal rates this is the two-step cycle; for unequal rates the contact with the slower bath may last longer
    (``FAST_COUNTS``). Longer words with free gaps can be better still: see ``exhaustive_words``.

    Raises:
        ParameterError: if ``dt`` is not positive, or the machine has no hot and cold choice.
    """
    check_positive("dt", dt)
    check_one_control(machine)
    word = [choice_index(machine, "hot"), choice_index(machine, "cold")]
    found = [
        optimise_word(machine, word, dt * np.array(counts, dtype=float), objective, label="fast Otto")
        for counts in FAST_COUNTS
    ]
    return _best(found).cycle.on_grid(dt)


def slow_otto(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    """The best quasi-static Otto cycle on the grid ``dt``. Slow means exactly:

    * each isochore is held until the distance to equilibrium has shrunk to at most 1 %, that is for at least
      ln 100 = 4.6 relaxation times of its bath at its gap (of the slowest mode, coherences included);
    * each ramp, without a bath, takes at least one relaxation time of the bath that has just been disconnected, at
      the gap it starts from, in equal steps of the control.

    All durations are the shortest multiples of ``dt`` that satisfy this; the two gaps maximise the objective.

    Raises:
        ParameterError: if ``dt`` is not positive, or the machine has no hot, cold and none choice.
    """
    check_positive("dt", dt)
    check_one_control(machine)
    low, high = machine.control_space.low[0], machine.control_space.high[0]
    hot, cold, none = (choice_index(machine, name) for name in ("hot", "cold", "none"))
    grid = np.linspace(low, high, 257)
    counts = {name: _slow_counts(machine, name, grid, dt) for name in ("hot", "cold")}
    # the steps of a stroke are piecewise constant in its gap: optimise the gaps for every combination that occurs
    pieces = {name: _pieces(grid, *counts[name]) for name in ("hot", "cold")}
    pairs = list(product(pieces["hot"], pieces["cold"]))
    found = []
    for k in _promising(machine, pairs, dt, objective):
        (n_hot, n_down, range_hot), (n_cold, n_up, range_cold) = pairs[k]
        found.append(
            optimise_word(
                machine,
                [hot] + [none] * n_down + [cold] + [none] * n_up,
                dt * np.array([n_hot] + [1] * n_down + [n_cold] + [1] * n_up),
                objective,
                shape=_otto_shape(n_down, n_up),
                bounds=(np.array([[range_hot[0]], [range_cold[0]]]), np.array([[range_hot[1]], [range_cold[1]]])),
                n_starts=2,
                label="slow Otto",
            )
        )
    return _best(found).cycle.on_grid(dt)


def carnot_like(machine: AffineMachine, dt: float, n_iso_steps: int = 8, objective: Objective = POWER) -> Cycle:
    """Two isothermal strokes in piecewise-constant steps, joined by sudden switches, on the grid ``dt``.

    The control moves linearly in ``n_iso_steps`` steps during each contact. The four corner gaps, and the lengths
    of the hot and of the cold steps (multiples of ``dt`` from ``STRETCHES``), maximise the objective; a small weight
    of the power makes it slow and efficient.

    Raises:
        ParameterError: for an argument out of its range, or a machine without a hot and a cold choice.
    """
    check_positive("dt", dt)
    check_integer("n_iso_steps", n_iso_steps, 1)
    check_one_control(machine)
    n = n_iso_steps
    word = [choice_index(machine, "hot")] * n + [choice_index(machine, "cold")] * n
    line = np.linspace(0.0, 1.0, n)[:, None] if n > 1 else np.array([[0.5]])
    stroke = np.hstack([1.0 - line, line])
    shape = np.block([[stroke, np.zeros((n, 2))], [np.zeros((n, 2)), stroke]])
    found = [
        optimise_word(
            machine, word, dt * np.repeat([hot, cold], n), objective, shape=shape, n_starts=2, label="Carnot-like"
        )
        for hot, cold in product(STRETCHES, repeat=2)
    ]
    return _best(found).cycle.on_grid(dt)


def idle(machine: AffineMachine, dt: float = 1.0) -> Cycle:
    """Nothing happens: the middle of every control range, in contact with the cold bath if that is a choice.

    The machine relaxes once; with a single bath connected no power flows and no entropy is produced in the long run.

    Raises:
        ParameterError: if ``dt`` is not positive.
    """
    check_positive("dt", dt)
    space = machine.control_space
    contact = space.choices.index("cold") if "cold" in space.choices else 0
    return Cycle(machine, 0.5 * (space.low + space.high)[None], np.array([contact]), np.array([float(dt)]), "idle")


def check_one_control(machine: AffineMachine) -> None:
    """Raise ``ParameterError`` unless the machine has exactly one continuous control."""
    n = machine.control_space.n_values
    if n != 1:
        raise ParameterError(f"machine: has {n} continuous controls, an Otto or Carnot-like cycle needs exactly one")


def choice_index(machine: AffineMachine, name: str) -> int:
    """Index of the choice ``name``; ``ParameterError`` if the machine has no such choice."""
    space = machine.control_space
    if not space.choices:
        raise ParameterError(f"machine: {machine.title} has no choice of a bath, this cycle needs to choose {name!r}")
    check_choice(space.choice_name, name, space.choices)
    return space.choices.index(name)


def _best(found: Iterable[BestCycle]) -> BestCycle:
    """The best; of equally good ones the first."""
    best, *others = found
    for candidate in others:
        if candidate.value > best.value + 1e-9 * abs(best.value):
            best = candidate
    return best


def _otto_shape(down: int, up: int) -> FloatArray:
    """Rows (hot share, cold share) of the control in the steps hot, ramp down, cold, ramp up; (2 + down + up, 2)."""
    falling = [1.0 - (k + 1) / (down + 1) for k in range(down)]
    rising = [(k + 1) / (up + 1) for k in range(up)]
    hot_share = np.array([1.0, *falling, 0.0, *rising])
    return np.stack([hot_share, 1.0 - hot_share], axis=1)


def _slow_counts(machine: AffineMachine, bath: str, grid: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
    """Steps of the isochore and of the ramp after it, for every gap of the grid, (n,) each."""
    choice = np.full(len(grid), choice_index(machine, bath))
    matrix = machine.affine(Control(grid[:, None], choice), dt).matrix
    slowest = np.abs(np.linalg.eigvals(matrix)).max(axis=1)
    decays = -np.log(slowest)  # dt / relaxation time
    tiny = 1e-9  # a duration that is just long enough must not be lost to round-off
    return np.ceil(-math.log(RELAXED) / decays - tiny), np.ceil(1.0 / decays - tiny)


def _pieces(grid: FloatArray, hold: FloatArray, ramp: FloatArray) -> list[_Piece]:
    """Runs of the grid with the same (hold, ramp) counts, each with its range of gaps (both ends on the grid)."""
    pieces = []
    start = 0
    for k in range(1, len(grid) + 1):
        if k == len(grid) or hold[k] != hold[start] or ramp[k] != ramp[start]:
            pieces.append((int(hold[start]), int(ramp[start]), (float(grid[start]), float(grid[k - 1]))))
            start = k
    return pieces


def _promising(
    machine: AffineMachine, pairs: list[tuple[_Piece, _Piece]], dt: float, objective: Objective
) -> list[int]:
    """The few pairs of pieces that do best at the middles of their gaps, with ramps of one step."""
    hot, cold, none = (choice_index(machine, name) for name in ("hot", "cold", "none"))
    gaps = np.array([[0.5 * sum(a[2]), 0.5 * sum(b[2])] for a, b in pairs])
    middle = gaps.mean(axis=1)
    values = np.stack([gaps[:, 0], middle, gaps[:, 1], middle], axis=1)[:, :, None]
    durations = dt * np.array([[a[0], a[1], b[0], b[1]] for a, b in pairs], dtype=float)
    choice = np.tile([hot, none, cold, none], (len(pairs), 1))
    reward, _ = average_reward(machine, values, choice, durations, objective)
    return np.argsort(-reward)[:12].tolist()
