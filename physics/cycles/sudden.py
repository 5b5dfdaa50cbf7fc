"""Sudden-quench Otto cycle: two controls, hot contact at one and cold contact at the other, instant switches between.

Both controls and both durations are optimised. The switches shake a machine with coherence, so the objective has many
local maxima: a lattice of controls and durations is looked at first, the best of its local maxima are refined.

Source: Y. Rezek, R. Kosloff, New J. Phys. 8, 83 (2006), sudden limit of the oscillator's Otto cycle; for a two-level
engine this is the fast Otto cycle of P. A. Erdman et al., New J. Phys. 21, 103049 (2019).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from ..control import FloatArray, IntArray
from ..machine import AffineMachine
from ..validation import ParameterError, check_positive
from .cycle import Cycle
from .objective import Objective
from .otto import check_one_control, choice_index, otto
from .period_map import period_heat, relaxation_time, step_matrices
from .periodic import POWER, optimise_word

TIMES = (0.002, 0.06, 0.12, 0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0, 4.5)
"""Durations that a search looks at first, in units of the longest relaxation time of the baths."""

SHORTEST, LONGEST = 1e-3, 6.0
"""Range of the durations in the same unit. The shortest stands for the infinitely fast limit."""

N_LEVELS = 7
"""Controls between the ends of the range that a search looks at first."""

N_PEAKS = 4


def best_sudden_otto(machine: AffineMachine, objective: Objective = POWER) -> Cycle:
    """The cycle whose two controls and two durations maximise the objective.

    Args:
        machine: a machine with one continuous control and the choices hot and cold.
        objective: what is maximised.

    Raises:
        ParameterError: for another kind of machine.
    """
    weights = objective.heat_weights(machine)
    unit = _relaxation_time(machine)
    low, high = machine.control_space.low[0], machine.control_space.high[0]
    choice = np.array([choice_index(machine, "hot"), choice_index(machine, "cold")])

    def loss(x: FloatArray) -> float:
        hot, cold = step_matrices(machine, x[:2, None], choice, x[2:])
        mean = float(period_heat(machine, cold @ hot) @ weights) / float(x[2] + x[3])
        return -mean if np.isfinite(mean) else np.inf

    times = unit * np.array(TIMES)
    limits = [(low, high)] * 2 + [(SHORTEST * unit, LONGEST * unit)] * 2
    sizes = np.array([0.05 * (high - low)] * 2 + [0.05 * unit] * 2)
    found = []
    for u_hot, u_cold, i, j in _peaks(machine, weights, times):
        x = np.array([u_hot, u_cold, times[i], times[j]])
        for size in (1.0, 0.01):
            inward = np.where(x + size * sizes > [b for _, b in limits], -size, size) * sizes
            options = {"initial_simplex": np.vstack([x, x + np.diag(inward)]), "xatol": 1e-7 * unit, "fatol": 1e-13}
            result = minimize(loss, x, method="Nelder-Mead", bounds=limits, options={**options, "maxfev": 1000})
            x = result.x
        found.append(result)
    u_hot, u_cold, t_hot, t_cold = (float(v) for v in min(found, key=lambda f: f.fun).x)
    return otto(machine, u_hot, u_cold, t_hot, t_cold, label="sudden Otto")


def sudden_otto_on_grid(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    """The best cycle whose contacts are whole numbers of steps ``dt``.

    Raises:
        ParameterError: if ``dt`` is not positive, or for another kind of machine.
    """
    check_positive("dt", dt)
    unit = _relaxation_time(machine) / dt
    counts = np.unique(np.maximum(np.rint(unit * np.array(TIMES)).astype(np.int64), 1))
    most = int(counts[-1])
    word = [choice_index(machine, "hot"), choice_index(machine, "cold")]
    best: dict[tuple[int, int], tuple[float, Cycle]] = {}

    def polish(n: tuple[int, int], levels: FloatArray) -> float:
        if n not in best:
            durations = dt * np.array(n, dtype=float)
            start, label = levels[:, None], "sudden Otto"
            cycle = optimise_word(machine, word, durations, objective, start=start, n_starts=1, label=label)
            best[n] = (cycle.value, cycle.cycle)
        return best[n][0]

    for u_hot, u_cold, i, j in _peaks(machine, objective.heat_weights(machine), dt * counts):
        n, levels = (int(counts[i]), int(counts[j])), np.array([u_hot, u_cold])
        value = polish(n, levels)
        while True:
            levels = best[n][1].values[:, 0]
            steps = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1))
            near = {(min(max(n[0] + a, 1), most), min(max(n[1] + b, 1), most)) for a, b in steps}
            better = max(sorted(near), key=lambda m: polish(m, levels))
            if best[better][0] <= value + 1e-12 * abs(value):
                break
            n, value = better, best[better][0]
    _, cycle = max(best.values(), key=lambda found: found[0])
    return cycle.on_grid(dt)


def _relaxation_time(machine: AffineMachine) -> float:
    check_one_control(machine)
    ends = np.concatenate([machine.control_space.low, machine.control_space.high])
    return max(relaxation_time(machine, u, choice_index(machine, bath)) for u in ends for bath in ("hot", "cold"))


def _peaks(machine: AffineMachine, weights: FloatArray, times: FloatArray) -> list[tuple[float, float, int, int]]:
    """Hot control, cold control and indices of the hot and cold durations at the best local maxima of the lattice."""
    levels = np.linspace(machine.control_space.low[0], machine.control_space.high[0], N_LEVELS)
    grid = np.stack(np.meshgrid(levels, times, indexing="ij"), axis=-1).reshape(-1, 2)

    def contact(bath: str) -> FloatArray:
        choice = np.full(len(grid), choice_index(machine, bath))
        maps = step_matrices(machine, grid[:, :1], choice, grid[:, 1])
        return maps.reshape(N_LEVELS, len(times), *maps.shape[1:])

    # axes: hot control, cold control, hot duration, cold duration
    period = contact("cold")[None, :, None] @ contact("hot")[:, None, :, None]
    mean = period_heat(machine, period) @ weights / np.add.outer(times, times)
    mean = np.where(np.isnan(mean), -np.inf, mean)
    padded = np.pad(mean, 1, constant_values=-np.inf)
    is_peak = np.isfinite(mean)
    for axis in range(4):
        for shift in (-1, 1):
            is_peak &= mean >= np.roll(padded, shift, axis=axis)[(slice(1, -1),) * 4]
    peaks: IntArray = np.argwhere(is_peak)
    if len(peaks) == 0:
        raise ParameterError(f"machine: {machine.title} has no limit cycle of two contacts")
    order = np.argsort(-mean[tuple(peaks.T)])[:N_PEAKS]
    return [(float(levels[a]), float(levels[b]), int(i), int(j)) for a, b, i, j in peaks[order]]
