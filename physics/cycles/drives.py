"""Reference drives of a machine whose baths are always connected: smoothed trapezoid and sine.

    u(t) = u_low + (u_high - u_low)/2 [1 + tanh(a cos(Omega t))/tanh a],      a -> 0: sine,  a -> infinity: square wave

from u_high at t = 0 to u_low half a period later. A cycle holds u at the middle of n equal pieces of the period; with
``N_PIECES`` of them the powers are converged to about seven digits (the error falls as 1/n^2).

On the time grid of an environment the pieces are its steps, so the period is a whole number of steps and the control
is the same midpoint sample: a slightly different cycle, optimised as such.

Sources: B. Karimi, J. P. Pekola, Phys. Rev. B 94, 184503 (2016), the truncated trapezoidal drive; P. A. Erdman,
F. Noé, npj Quantum Inf. 8, 1 (2022) and PNAS Nexus 2, pgad248 (2023), a = 2 between 0 and 1/2, as the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from ..control import FloatArray
from ..machine import AffineMachine
from ..validation import ParameterError, check_integer, check_positive
from .cycle import Cycle
from .objective import Objective
from .period_map import mean_objective
from .periodic import POWER

N_PIECES = 2000
"""Pieces per period of a drive that is not on a time grid."""

STEEPNESS = 2.0
"""a of the published trapezoid."""

STEEPNESS_RANGE = (0.05, 20.0)
"""Range of a when it is optimised: from a sine to a square wave, to all visible digits of the power."""

FREQUENCIES = (2e-3, 0.5)
"""Range of Omega in units of the machine's energy scale when it is optimised."""

N_SCAN, N_COARSE = 193, 600
"""Frequencies that a search looks at first, and pieces per period there.

The coherence left over from one flank interferes with that of the next, so the power has many local maxima in Omega:
3 % between neighbours of the scan resolve them, and the best ``N_PEAKS`` of them are refined.
"""

N_PEAKS = 3

STEEPNESSES = (0.05, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 6.0, 20.0)
"""Values of a that a search over both looks at first."""


def trapezoid(
    machine: AffineMachine,
    omega: float,
    steepness: float = STEEPNESS,
    u_low: float = 0.0,
    u_high: float = 0.5,
    n_steps: int = N_PIECES,
    label: str = "trapezoid",
) -> Cycle:
    """Smoothed trapezoid of angular frequency ``omega`` (1/time) in ``n_steps`` pieces.

    Args:
        machine: a machine with one continuous control and no choice of a bath.
        omega: angular frequency, > 0.
        steepness: a, > 0.
        u_low, u_high: smallest and largest control (physical units).
        n_steps: pieces per period, each held at the control of its middle.
        label: name for reports.

    Raises:
        ParameterError: for an argument out of its range, or another kind of machine.
    """
    check_positive("steepness", steepness)
    return _drive(machine, omega, _smoothed(steepness), u_low, u_high, n_steps, label)


def sine(
    machine: AffineMachine,
    omega: float,
    u_low: float = 0.0,
    u_high: float = 0.5,
    n_steps: int = N_PIECES,
    label: str = "sine",
) -> Cycle:
    """Sine drive of angular frequency ``omega`` (1/time), the trapezoid for a -> 0; arguments and errors as there."""
    return _drive(machine, omega, _identity, u_low, u_high, n_steps, label)


def best_trapezoid(
    machine: AffineMachine, objective: Objective = POWER, steepness: float | None = STEEPNESS, n_steps: int = N_PIECES
) -> Cycle:
    """The trapezoid between 0 and 1/2 whose frequency maximises the objective; ``steepness=None``: a as well.

    Raises:
        ParameterError: as ``trapezoid``.
    """
    if steepness is not None:
        check_positive("steepness", steepness)
        omega = _best_frequency(machine, objective, _smoothed(steepness), n_steps)
        return trapezoid(machine, omega, steepness, n_steps=n_steps)
    omega, found = _best_pair(machine, objective, n_steps)
    return trapezoid(machine, omega, found, n_steps=n_steps, label="tuned trapezoid")


def best_sine(machine: AffineMachine, objective: Objective = POWER, n_steps: int = N_PIECES) -> Cycle:
    """The sine between 0 and 1/2 whose frequency maximises the objective.

    Raises:
        ParameterError: as ``sine``.
    """
    return sine(machine, _best_frequency(machine, objective, _identity, n_steps), n_steps=n_steps)


def trapezoid_on_grid(
    machine: AffineMachine, dt: float, objective: Objective = POWER, steepness: float | None = STEEPNESS
) -> Cycle:
    """The best trapezoid whose period is a whole number of steps ``dt``; ``steepness=None``: a is optimised as well.

    Raises:
        ParameterError: if ``dt`` is not positive, or as ``trapezoid``.
    """
    check_positive("dt", dt)
    if steepness is not None:
        check_positive("steepness", steepness)
        n = _best_steps(machine, dt, objective, _smoothed(steepness))
        return trapezoid(machine, _turn(n, dt), steepness, n_steps=n).on_grid(dt)
    omega, _ = _best_pair(machine, objective, N_COARSE)
    near = max(2, round(2.0 * math.pi / omega / dt))
    found = [_best_steepness(machine, dt, objective, n) for n in range(max(2, near - 2), near + 3)]
    _, n, a = max(found)
    return trapezoid(machine, _turn(n, dt), a, n_steps=n, label="tuned trapezoid").on_grid(dt)


def sine_on_grid(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    """The best sine whose period is a whole number of steps ``dt``.

    Raises:
        ParameterError: if ``dt`` is not positive, or as ``sine``.
    """
    check_positive("dt", dt)
    n = _best_steps(machine, dt, objective, _identity)
    return sine(machine, _turn(n, dt), n_steps=n).on_grid(dt)


_Wave = Callable[[FloatArray], FloatArray]
"""From cos(Omega t) to a wave between -1 and 1."""


def _identity(cosine: FloatArray) -> FloatArray:
    return cosine


def _smoothed(steepness: float) -> _Wave:
    return lambda cosine: np.tanh(steepness * cosine) / math.tanh(steepness)


def _turn(n: int, dt: float) -> float:
    return 2.0 * math.pi / (n * dt)


def _drive(
    machine: AffineMachine, omega: float, wave: _Wave, u_low: float, u_high: float, n_steps: int, label: str
) -> Cycle:
    space = machine.control_space
    if space.n_values != 1 or space.n_choices != 1:
        raise ParameterError(
            f"machine: {machine.title} has {space.n_values} continuous controls and {space.n_choices} choices of its "
            f"{space.choice_name}; a drive needs one control and baths that are always connected"
        )
    check_positive("omega", omega)
    check_integer("n_steps", n_steps, 2)
    if not u_low < u_high:
        raise ParameterError(f"u_low = {u_low!r}: must be < u_high = {u_high!r}")
    phase = 2.0 * math.pi * (np.arange(n_steps) + 0.5) / n_steps
    values = u_low + 0.5 * (u_high - u_low) * (1.0 + wave(np.cos(phase)))
    # round-off of a wave that touches the end of the range
    values = np.clip(values, u_low, u_high)[:, None]
    return Cycle(
        machine, values, np.zeros(n_steps, dtype=np.int64), np.full(n_steps, 2.0 * math.pi / omega / n_steps), label
    )


def _value(machine: AffineMachine, objective: Objective, omega: float, wave: _Wave, n_steps: int) -> float:
    return mean_objective(_drive(machine, omega, wave, 0.0, 0.5, n_steps, "drive"), objective)


def _scan(machine: AffineMachine, objective: Objective, wave: _Wave) -> tuple[FloatArray, FloatArray, list[int]]:
    """ln Omega and the objective on a grid (N_SCAN,), and the indices of the best local maxima inside it."""
    low, high = (math.log(f * machine.energy_scale) for f in FREQUENCIES)
    grid = np.linspace(low, high, N_SCAN)
    values = np.array([_value(machine, objective, math.exp(x), wave, N_COARSE) for x in grid])
    inside = np.flatnonzero((values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:])) + 1
    peaks = inside[np.argsort(-values[inside])][:N_PEAKS].tolist()
    # without a maximum inside: next to the better end
    return grid, values, peaks or [int(np.clip(np.argmax(values), 1, N_SCAN - 2))]


def _best_frequency(machine: AffineMachine, objective: Objective, wave: _Wave, n_steps: int) -> float:
    grid, _, peaks = _scan(machine, objective, wave)
    found = [
        _peak(lambda x: _value(machine, objective, math.exp(x), wave, n_steps), grid[k - 1], grid[k + 1]) for k in peaks
    ]
    return math.exp(max(found)[1])


def _best_pair(machine: AffineMachine, objective: Objective, n_steps: int) -> tuple[float, float]:
    """Frequency and steepness."""
    low, high = (math.log(a) for a in STEEPNESS_RANGE)
    starts: list[tuple[float, float, float]] = []
    for a in STEEPNESSES:
        grid, values, peaks = _scan(machine, objective, _smoothed(a))
        starts += [(float(values[k]), float(grid[k]), math.log(a)) for k in peaks]
    # a is changed along a ridge of one peak; peaks are at most 3 % of the scan apart on it
    ridges: list[tuple[float, float, float]] = []
    for start in sorted(starts, reverse=True):
        if len(ridges) < N_PEAKS and all(abs(start[1] - other[1]) > 0.05 for other in ridges):
            ridges.append(start)

    def loss(x: FloatArray, n: int) -> float:
        if not low <= x[1] <= high:
            return math.inf
        return -_value(machine, objective, math.exp(x[0]), _smoothed(math.exp(x[1])), n)

    def climb(x: FloatArray, n: int, size: float) -> tuple[float, FloatArray]:
        inward = -size if x[1] + size > high else size
        simplex = x + np.array([[0.0, 0.0], [size, 0.0], [0.0, inward]])
        options = {"xatol": 1e-6, "fatol": 1e-12, "initial_simplex": simplex}
        found = minimize(loss, x, args=(n,), method="Nelder-Mead", options=options)
        return float(found.fun), found.x

    _, best = min((climb(np.array(r[1:]), N_COARSE, 0.05) for r in ridges), key=lambda f: f[0])
    _, best = climb(best, n_steps, 1e-3)
    return math.exp(best[0]), math.exp(best[1])


def _best_steps(machine: AffineMachine, dt: float, objective: Objective, wave: _Wave) -> int:
    """Steps per period."""
    shortest, longest = (2.0 * math.pi / (f * machine.energy_scale * dt) for f in reversed(FREQUENCIES))

    def value(n: int) -> float:
        return _value(machine, objective, _turn(n, dt), wave, n)

    candidates = sorted({max(2, round(n)) for n in np.geomspace(shortest, longest, N_SCAN)})
    values = np.array([value(n) for n in candidates])
    best = 0
    for k in np.argsort(-values)[: 2 * N_PEAKS]:
        between = range(candidates[max(k - 1, 0)], candidates[min(k + 1, len(candidates) - 1)] + 1)
        # at most 65 of the periods between two neighbours of the scan: beyond that one step more does not matter
        tried = [between[i] for i in np.unique(np.linspace(0, len(between) - 1, 65).astype(int))]
        best = max([best, *tried] if best else tried, key=value)
    return best


def _best_steepness(machine: AffineMachine, dt: float, objective: Objective, n: int) -> tuple[float, int, float]:
    """Value, the number of steps, and the best steepness for it."""
    low, high = (math.log(a) for a in STEEPNESS_RANGE)
    value, x = _peak(lambda x: _value(machine, objective, _turn(n, dt), _smoothed(math.exp(x)), n), low, high)
    return value, n, math.exp(x)


def _peak(value: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Largest value between two points, and where it is."""
    options: Any = {"xatol": 1e-7}
    found: Any = minimize_scalar(lambda x: -value(x), bounds=(low, high), method="bounded", options=options)
    return -float(found.fun), float(found.x)
