"""Four-stroke Otto cycles with ramps between two controls, whose durations are optimised.

Cold isochore at u_cold, ramp up without a bath, hot isochore at u_hot, ramp down. The shape of the ramps is one of
``PROFILES``; each is held at the control of the middle of n equal pieces. Off a time grid ``N_PIECES`` of them are used
(the error of the power falls as 1/n^2 and is about 2e-8 of the oscillator's); on a grid the pieces are the steps.

The power has several local maxima in the four durations: a lattice of durations is looked at first, each stroke's map
computed once and combined with all others, and the best of its local maxima are refined.

Sources: Y. Rezek, R. Kosloff, New J. Phys. 8, 83 (2006), the cycle; P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022),
linear ramps with optimised durations as the baseline; smooth shortcut: X. Chen et al., PRL 104, 063002 (2010).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.optimize import minimize

from ..control import FloatArray, IntArray
from ..machine import AffineMachine
from ..validation import ParameterError, check_choice, check_finite, check_integer, check_positive, check_range
from .cycle import Cycle
from .objective import Objective
from .otto import check_one_control, choice_index
from .period_map import ordered_product, period_heat, relaxation_time, step_matrices
from .periodic import POWER

N_PIECES = 2000
"""Pieces of a ramp that is not on a time grid."""

N_COARSE, N_FINE = 40, 400
"""Pieces of a ramp while its duration is searched for, roughly and to the end.

With ``N_FINE`` the best durations are those of a continuous ramp to about 1e-5 of themselves.
"""

Profile = Callable[[FloatArray, float, float], FloatArray]
"""From the elapsed fraction in (0, 1) and the two ends to the control."""

PROFILES: dict[str, Profile] = {
    "linear": lambda s, a, b: a + (b - a) * s,
    "constant_rate": lambda s, a, b: 1.0 / (1.0 / a + (1.0 / b - 1.0 / a) * s),
    "exponential": lambda s, a, b: a * (b / a) ** s,
    "square": lambda s, a, b: np.sqrt(a * a + (b * b - a * a) * s),
}
"""Shapes of a ramp: linear in u, in 1/u (constant u'/u^2), in ln u, in u^2."""

ISOCHORES = (0.1, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.2, 2.8, 4.0, 6.0)
RAMPS = (0.15, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.6, 2.2, 3.0)
"""Durations that a search looks at first, in units of the longest relaxation time of the baths at the ends."""

SHORTEST, LONGEST = 1e-3, 12.0
"""Below the first (in the same unit) a duration has shrunk to nothing; none is longer than the second.

Where entropy production weighs so much that idling is best, the optimum is infinitely slow: it ends at the limit.
"""

N_LEVELS = 5
"""Controls between the ends of the range that a search for the ends looks at first."""

N_PEAKS = 6
"""Local maxima of the lattice that are refined."""

STRIDES = (4, 2, 1)
"""Step counts by which the durations on a time grid are changed, one after the other."""


def ramp_otto(
    machine: AffineMachine,
    t_cold: float,
    t_up: float,
    t_hot: float,
    t_down: float,
    profile: str = "linear",
    u_cold: float | None = None,
    u_hot: float | None = None,
    ramp_steps: int = N_PIECES,
    label: str = "ramp Otto",
) -> Cycle:
    """The cycle with the given durations.

    Args:
        machine: a machine with one continuous control and the choices hot, cold and none.
        t_cold, t_hot: durations of the isochores (time), > 0.
        t_up, t_down: durations of the ramps (time), >= 0; 0 is a sudden switch.
        profile: a name of ``PROFILES``.
        u_cold, u_hot: control of the isochores (physical units); default: the ends of the range.
        ramp_steps: pieces of each ramp.
        label: name for reports.

    Raises:
        ParameterError: for an argument out of its range, or a machine without these choices.
    """
    check_positive("t_cold", t_cold)
    check_positive("t_hot", t_hot)
    for name, time in (("t_up", t_up), ("t_down", t_down)):
        check_range(name, time, 0.0, math.inf) if time != 0.0 else check_finite(name, time)
    check_integer("ramp_steps", ramp_steps, 1)
    low, high = _ends(machine, u_cold, u_hot)
    n_up, n_down = (ramp_steps if t > 0 else 0 for t in (t_up, t_down))
    return _assemble(machine, (t_cold, t_up, t_hot, t_down), (1, n_up, 1, n_down), profile, low, high, label)


def ramp_otto_optima(
    machine: AffineMachine, objective: Objective = POWER, profile: str = "linear", ramp_steps: int = N_PIECES
) -> list[Cycle]:
    """Local maxima of the objective over the four durations, between the ends of the control's range, best first.

    Only maxima with four positive durations count; without ramps the cycle is a ``sudden_otto``.

    Raises:
        ParameterError: as ``ramp_otto``, or if there is no such maximum.
    """
    low, high = _ends(machine, None, None)
    coarse = _Strokes(machine, objective, profile, low, high, N_COARSE)
    fine = _Strokes(machine, objective, profile, low, high, min(ramp_steps, N_FINE))
    unit = _relaxation_time(machine, low, high)
    starts = _peaks(coarse, np.array(ISOCHORES) * unit, np.array(RAMPS) * unit)
    found: list[tuple[float, FloatArray]] = []
    for start in starts:
        _, times = _climb(coarse, start, 0.1 * unit, 1e-3, LONGEST * unit)
        new = all(np.abs(times - other).max() > 0.02 * unit for _, other in found)
        if new and times.min() > SHORTEST * unit:
            found.append(_climb(fine, times, 3e-3 * unit, 1e-3, LONGEST * unit))
    if not found:
        raise ParameterError(
            f"machine: {machine.title} has no best Otto cycle with {profile} ramps at c = {objective.weight:g}, "
            "a stroke shrinks to nothing"
        )
    found.sort(key=lambda f: -f[0])
    return [
        ramp_otto(machine, *(float(t) for t in times), profile=profile, ramp_steps=ramp_steps) for _, times in found
    ]


def best_ramp_otto(
    machine: AffineMachine, objective: Objective = POWER, profile: str = "linear", ramp_steps: int = N_PIECES
) -> Cycle:
    """The best of ``ramp_otto_optima``; arguments and errors as there."""
    return ramp_otto_optima(machine, objective, profile, ramp_steps)[0]


def ramp_otto_on_grid(
    machine: AffineMachine,
    dt: float,
    objective: Objective = POWER,
    profile: str = "linear",
    free_ends: bool = False,
) -> Cycle:
    """The best cycle whose strokes are whole numbers of steps ``dt``, at least one.

    Args:
        machine: a machine with one continuous control and the choices hot, cold and none.
        dt: length of a step (time).
        objective: what is maximised.
        profile: a name of ``PROFILES``.
        free_ends: whether the controls of the isochores are optimised too; otherwise they are the ends of the range.

    Raises:
        ParameterError: if ``dt`` is not positive, or as ``ramp_otto``.
    """
    check_positive("dt", dt)
    check_choice("profile", profile, PROFILES)
    low, high = _ends(machine, None, None)
    if not free_ends:
        _, counts = _best_counts(_Strokes(machine, objective, profile, low, high, dt=dt))
        return _grid_cycle(machine, dt, counts, profile, low, high, "ramp Otto")

    def strokes(ends: FloatArray) -> _Strokes:
        return _Strokes(machine, objective, profile, float(ends[0]), float(ends[1]), dt=dt)

    levels = np.linspace(low, high, N_LEVELS)
    pairs = [levels[[i, j]] for i in range(N_LEVELS) for j in range(i + 1, N_LEVELS)]
    candidates = [(strokes(ends).lattice(*_lattice(machine, low, high, dt)).max(), tuple(ends)) for ends in pairs]
    candidates.sort(reverse=True)
    best_value, best_counts, best_ends = -np.inf, np.ones(4, dtype=np.int64), levels[[0, -1]]
    for _, start in candidates[:2]:
        ends = np.array(start)
        value, counts = _best_counts(strokes(ends))
        while True:
            # the ends for these durations, then the durations for these ends
            found = minimize(
                lambda e, n=counts: -strokes(e).value(n[None])[0] if e[0] < e[1] else np.inf,
                ends,
                method="Nelder-Mead",
                bounds=[(low, high)] * 2,
                options={"xatol": 1e-7 * (high - low), "fatol": 1e-13},
            )
            ends = found.x
            better, moved = _climb_counts(strokes(ends), counts, _longest(machine, low, high, dt))
            if better <= value + 1e-9 * abs(value):
                break
            value, counts = better, moved
        if -found.fun > best_value:
            best_value, best_counts, best_ends = -float(found.fun), counts, ends
    return _grid_cycle(machine, dt, best_counts, profile, float(best_ends[0]), float(best_ends[1]), "tuned ramp Otto")


def _ends(machine: AffineMachine, u_cold: float | None, u_hot: float | None) -> tuple[float, float]:
    check_one_control(machine)
    for name in ("hot", "cold", "none"):
        choice_index(machine, name)
    space = machine.control_space
    low, high = float(space.low[0]), float(space.high[0])
    return low if u_cold is None else float(u_cold), high if u_hot is None else float(u_hot)


def _lattice(machine: AffineMachine, low: float, high: float, dt: float) -> tuple[IntArray, IntArray]:
    """Steps of the isochores and of the ramps that a search looks at first."""
    unit = _relaxation_time(machine, low, high) / dt
    isochores, ramps = (np.maximum(np.rint(np.array(t) * unit), 1).astype(np.int64) for t in (ISOCHORES, RAMPS))
    return np.unique(isochores), np.unique(ramps)


def _longest(machine: AffineMachine, low: float, high: float, dt: float) -> int:
    return max(1, round(LONGEST * _relaxation_time(machine, low, high) / dt))


def _best_counts(strokes: _Strokes) -> tuple[float, IntArray]:
    machine, low, high, dt = strokes.machine, strokes.low, strokes.high, strokes.dt
    assert dt is not None
    starts = _peaks(strokes, *_lattice(machine, low, high, dt))
    found = [_climb_counts(strokes, start, _longest(machine, low, high, dt)) for start in starts]
    return max(found, key=lambda f: f[0])


def _grid_cycle(
    machine: AffineMachine, dt: float, counts: IntArray, profile: str, low: float, high: float, label: str
) -> Cycle:
    n = tuple(int(k) for k in counts)
    return _assemble(machine, tuple(dt * k for k in n), (1, n[1], 1, n[3]), profile, low, high, label).on_grid(dt)


def _ramp_values(profile: str, n: int, start: float, end: float) -> FloatArray:
    check_choice("profile", profile, PROFILES)
    return PROFILES[profile]((np.arange(n) + 0.5) / max(n, 1), start, end)


def _assemble(
    machine: AffineMachine,
    durations: tuple[float, ...],
    pieces: tuple[int, ...],
    profile: str,
    low: float,
    high: float,
    label: str,
) -> Cycle:
    """Strokes cold, up, hot, down of the given durations and numbers of pieces (none for a sudden switch)."""
    _, n_up, _, n_down = pieces
    values = np.concatenate(
        [[low], _ramp_values(profile, n_up, low, high), [high], _ramp_values(profile, n_down, high, low)]
    )
    hot, cold, none = (choice_index(machine, name) for name in ("hot", "cold", "none"))
    choice = np.repeat([cold, none, hot, none], pieces)
    lengths = np.repeat([t / max(n, 1) for t, n in zip(durations, pieces, strict=True)], pieces)
    return Cycle(machine, values[:, None], choice, lengths, label)


class _Strokes:
    """Maps of the strokes by their durations (time, or steps of length ``dt``), and the objective of combinations."""

    def __init__(
        self,
        machine: AffineMachine,
        objective: Objective,
        profile: str,
        low: float,
        high: float,
        ramp_steps: int = 0,
        dt: float | None = None,
    ) -> None:
        self.machine, self.weights = machine, objective.heat_weights(machine)
        self.profile, self.low, self.high = profile, low, high
        self.ramp_steps, self.dt = ramp_steps, dt
        self.map = cache(self._map)  # of this object, gone with it

    def _map(self, stroke: int, t: float) -> FloatArray:
        """Strokes 0 cold, 1 up, 2 hot, 3 down."""
        start, end = ((self.low, self.low), (self.low, self.high), (self.high, self.high), (self.high, self.low))[
            stroke
        ]
        choice = choice_index(self.machine, ("cold", "none", "hot", "none")[stroke])
        time = t if self.dt is None else t * self.dt
        if stroke in (0, 2):
            values, lengths = np.array([start]), np.array([time])
        else:
            n = self.ramp_steps if self.dt is None else int(t)
            if t == 0:
                return np.eye(self.machine.n_dynamic + 1 + len(self.machine.betas))
            values, lengths = _ramp_values(self.profile, n, start, end), np.full(n, time / n)
        return ordered_product(step_matrices(self.machine, values[:, None], np.full(len(values), choice), lengths))

    def lattice(self, isochores: np.ndarray, ramps: np.ndarray) -> FloatArray:
        """Objective for all combinations, shape (isochores, ramps, isochores, ramps)."""
        cold, up, hot, down = (
            np.stack([self.map(k, t.item()) for t in (isochores if k in (0, 2) else ramps)]) for k in range(4)
        )
        rise = up[None, :] @ cold[:, None]
        fall = down[None, :] @ hot[:, None]
        period = fall[None, None] @ rise[:, :, None, None]
        time = np.add.outer(np.add.outer(isochores, ramps), np.add.outer(isochores, ramps))
        return self._mean(period, time)

    def value(self, times: np.ndarray) -> FloatArray:
        """Objective of K cycles with the durations (K, 4); -inf without a limit cycle."""
        maps = np.array([[self.map(k, t.item()) for k, t in enumerate(row)] for row in times])
        return self._mean(ordered_product(maps), times.sum(axis=1))

    def _mean(self, period: FloatArray, time: np.ndarray) -> FloatArray:
        mean = period_heat(self.machine, period) @ self.weights / (time * (self.dt or 1.0))
        return np.where(np.isnan(mean), -np.inf, mean)


def _relaxation_time(machine: AffineMachine, low: float, high: float) -> float:
    return max(relaxation_time(machine, u, choice_index(machine, b)) for u, b in ((low, "cold"), (high, "hot")))


def _peaks(strokes: _Strokes, isochores: np.ndarray, ramps: np.ndarray) -> list[np.ndarray]:
    """Durations of the best local maxima of the lattice, each at least as good as its eight direct neighbours."""
    value = strokes.lattice(isochores, ramps)
    padded = np.pad(value, 1, constant_values=-np.inf)
    inner = (slice(1, -1),) * 4
    is_peak = np.ones(value.shape, dtype=bool)
    for axis in range(4):
        for shift in (-1, 1):
            is_peak &= value >= np.roll(padded, shift, axis=axis)[inner]
    peaks = np.argwhere(is_peak & np.isfinite(value))
    order = np.argsort(-value[tuple(peaks.T)])[:N_PEAKS]
    return [np.array([isochores[a], ramps[b], isochores[c], ramps[d]]) for a, b, c, d in peaks[order]]


def _climb(
    strokes: _Strokes, start: np.ndarray, size: float, accuracy: float, longest: float
) -> tuple[float, FloatArray]:
    """Nelder-Mead over continuous durations, from steps of the given size to that times the accuracy."""
    limits = [(1e-6 * size, longest)] * 4
    simplex = np.vstack([start, start + size * np.eye(4)])
    options = {"xatol": accuracy * size, "fatol": 1e-4 * accuracy**2, "initial_simplex": simplex, "maxfev": 1000}
    found = minimize(lambda t: -strokes.value(t[None])[0], start, method="Nelder-Mead", bounds=limits, options=options)
    strokes.map.cache_clear()
    return -float(found.fun), found.x


def _climb_counts(strokes: _Strokes, start: np.ndarray, longest: int) -> tuple[float, IntArray]:
    """The best of the 80 neighbours, until none is better; with shorter and shorter strides."""
    best, best_value = start, float(strokes.value(start[None])[0])
    for stride in STRIDES:
        moves = stride * (np.stack(np.meshgrid(*[[-1, 0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4))
        while True:
            tried = np.clip(best + moves, 1, longest)
            values = strokes.value(tried)
            k = int(np.argmax(values))
            if values[k] <= best_value + 1e-12 * abs(best_value):
                break
            best, best_value = tried[k], float(values[k])
    return best_value, best
