"""The frictionless Otto cycle of the oscillator engine: two isochores joined by shortcuts to adiabaticity.

With n = 1/(exp(beta omega) - 1), e_k = exp(-Gamma_k t_k) and tau the sum of all four durations, the cycle earns

    J_h = omega_h (n_h - n_c) (1 - e_h)(1 - e_c)/(1 - e_h e_c)/tau,     J_c = -(omega_c/omega_h) J_h

The optimised cycles maximise this closed form; the cycle itself is built step by step and simulated like any other.

Source: P. Salamon, K. H. Hoffmann, Y. Rezek, R. Kosloff, PCCP 11, 1027 (2009); the shortcuts are in ``adiabats``.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from scipy.optimize import minimize

from ..baths import bose
from ..control import FloatArray
from ..machine import AffineMachine
from ..machines.oscillator import COLD, HOT, NONE, OscillatorEngine
from ..validation import ParameterError, check_choice, check_positive
from .adiabats import (
    Adiabat,
    adiabat_on_grid,
    as_oscillator,
    bang_bang,
    bang_bang_time,
    check_ends,
    fastest,
    shortest_smooth_time,
    smooth,
)
from .cycle import Cycle
from .objective import Objective
from .period_map import mean_objective
from .periodic import POWER

ADIABATS = ("bang-bang", "fastest", "smooth")

LONGEST = 12.0
"""No isochore is longer than this many relaxation times: where idling is best, the optimum is infinitely slow."""

N_EXTRA = 4
"""Steps that an adiabat on a time grid may need more than the fastest one."""


def frictionless_heat_rates(
    machine: AffineMachine, t_hot: float, t_cold: float, u_cold: float, u_hot: float, t_adiabats: float
) -> FloatArray:
    """Closed form of the mean heat currents (J_h, J_c) of a frictionless Otto cycle, shape (2,) (energy per time).

    Args:
        machine: the oscillator.
        t_hot, t_cold: durations of the isochores.
        u_cold, u_hot: their controls.
        t_adiabats: duration of both adiabats together.
    """
    machine = as_oscillator(machine)
    quanta = _exchange(machine, t_hot, t_cold) / (t_hot + t_cold + t_adiabats)
    return quanta * _occupation_gap(machine, u_cold, u_hot) * machine.omega0 * np.array([u_hot, -u_cold])


def frictionless_otto(
    machine: AffineMachine,
    t_hot: float,
    t_cold: float,
    u_cold: float | None = None,
    u_hot: float | None = None,
    adiabat: str = "bang-bang",
    label: str = "frictionless Otto",
) -> Cycle:
    """Otto cycle with the fastest adiabats of a kind.

    Args:
        machine: the oscillator.
        t_hot, t_cold: durations of the isochores (time), > 0.
        u_cold, u_hot: their controls; default: the ends of the range.
        adiabat: a name of ``ADIABATS``.
        label: name for reports.

    Raises:
        ParameterError: for an argument out of its range, or another machine.
    """
    machine = as_oscillator(machine)
    check_positive("t_hot", t_hot)
    check_positive("t_cold", t_cold)
    low, high = machine.u_min if u_cold is None else u_cold, machine.u_max if u_hot is None else u_hot
    check_ends(machine, low, high)
    if low >= high:
        raise ParameterError(f"u_cold = {low!r}: must be < u_hot = {high!r}")
    check_choice("adiabat", adiabat, ADIABATS)
    if adiabat == "smooth":
        up = smooth(machine, low, high, shortest_smooth_time(machine, low, high))
    else:
        up = bang_bang(machine, low, high) if adiabat == "bang-bang" else fastest(machine, low, high)
    # a frictionless adiabat is frictionless backwards
    down = Adiabat(up.values[::-1], up.durations[::-1])
    return _assemble(machine, t_hot, t_cold, low, high, up, down, label)


def best_frictionless_otto(
    machine: AffineMachine,
    objective: Objective = POWER,
    ends: tuple[float, float] | None = None,
    adiabat: str = "bang-bang",
) -> Cycle:
    """The frictionless Otto cycle whose isochores, and end controls unless given, maximise the objective.

    Args:
        machine: the oscillator.
        objective: what is maximised.
        ends: ``(u_cold, u_hot)``; ``None``: optimised inside the range.
        adiabat: a name of ``ADIABATS``.

    Raises:
        ParameterError: as ``frictionless_otto``.
    """
    machine = as_oscillator(machine)
    check_choice("adiabat", adiabat, ADIABATS)
    shortest = {
        "bang-bang": lambda low, high: float(bang_bang_time(machine.omega0 * low, machine.omega0 * high)),
        "fastest": lambda low, high: fastest(machine, low, high).duration,
        "smooth": lambda low, high: shortest_smooth_time(machine, low, high),
    }[adiabat]
    weights = objective.heat_weights(machine)

    def loss(x: FloatArray) -> float:
        t_hot, t_cold = np.exp(x[:2])
        low, high = x[2:] if ends is None else ends
        if low >= high:
            return 0.0
        tau = shortest(float(low), float(high))
        return -float(weights @ frictionless_heat_rates(machine, t_hot, t_cold, low, high, 2.0 * tau))

    relax = 1.0 / np.array([machine.gamma_h, machine.gamma_c])
    limits = [(math.log(1e-3 * t), math.log(LONGEST * t)) for t in relax]
    starts = [np.log(1.5 * relax)]
    if ends is None:
        limits += [(machine.u_min, machine.u_max)] * 2
        span = machine.u_max - machine.u_min
        starts = [
            np.append(starts[0], [machine.u_min + a * span, machine.u_min + b * span])
            for a, b in ((0.0, 1.0), (0.2, 0.8), (0.3, 1.0), (0.0, 0.6))
        ]
    else:
        check_ends(machine, *ends)
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}
    found = [minimize(loss, x, jac="3-point", method="L-BFGS-B", bounds=limits, options=options) for x in starts]
    x = min(found, key=lambda f: f.fun).x
    low, high = x[2:] if ends is None else ends
    t_hot, t_cold = (float(t) for t in np.exp(x[:2]))
    return frictionless_otto(machine, t_hot, t_cold, float(low), float(high), adiabat)


def frictionless_otto_on_grid(
    machine: AffineMachine, dt: float, objective: Objective = POWER, ends: tuple[float, float] | None = None
) -> Cycle:
    """The best frictionless Otto cycle of whole steps ``dt``; its adiabats are exact solutions on the grid.

    Args:
        machine: the oscillator.
        dt: step (time).
        objective: what is maximised over the isochores, and over the end controls unless they are given. Free ends
            are such that a bang-bang adiabat fits into the steps; with ``ends`` it may be one with wider jumps.
        ends: ``(u_cold, u_hot)``; ``None``: optimised inside the range.

    Raises:
        ParameterError: for an argument out of its range, another machine, or if the steps are too long to steer the
            oscillator.
    """
    machine = as_oscillator(machine)
    check_positive("dt", dt)
    if ends is not None:
        check_ends(machine, *ends)
    weights = objective.heat_weights(machine)
    longest = [max(1, math.ceil(LONGEST / (gamma * dt))) for gamma in (machine.gamma_h, machine.gamma_c)]
    n_hot, n_cold = np.meshgrid(*(np.arange(1, n + 1) for n in longest), indexing="ij")
    exchange = _exchange(machine, dt * n_hot, dt * n_cold)
    low, high = (machine.u_min, machine.u_max) if ends is None else ends
    most = math.ceil(float(bang_bang_time(machine.omega0 * low, machine.omega0 * high)) / dt) + N_EXTRA
    found: list[tuple[float, int, int, int, float, float]] = []
    for n in range(1, most + 1):
        pair = _best_ends(machine, weights, n * dt) if ends is None else ends
        if pair is None:
            continue
        earned = float(_occupation_gap(machine, *pair)) * machine.omega0 * (weights @ [pair[1], -pair[0]])
        values = earned * exchange / ((n_hot + n_cold + 2 * n) * dt)
        k = np.unravel_index(np.argmax(values), values.shape)
        found.append((float(values[k]), n, int(n_hot[k]), int(n_cold[k]), *pair))
    for _, n, hot, cold, low, high in sorted(found, reverse=True):
        up = adiabat_on_grid(machine, low, high, dt, n)
        if up is not None:
            down = Adiabat(up.values[::-1], up.durations)
            cycle = _assemble(machine, dt * hot, dt * cold, low, high, up, down, "frictionless Otto")
            return cycle.on_grid(dt)
    raise ParameterError(f"dt = {dt!r}: no frictionless adiabat inside the control's range on this time grid")


def smooth_otto_on_grid(machine: AffineMachine, dt: float, objective: Objective = POWER) -> Cycle:
    """Otto cycle with smooth shortcuts held at their midpoints during whole steps ``dt``.

    The end controls are those of the best cycle off the grid; the numbers of steps are optimised. Short steps leave
    little friction; with long ones the ramps are only near to frictionless.

    Raises:
        ParameterError: if ``dt`` is not positive, or for another machine.
    """
    machine = as_oscillator(machine)
    check_positive("dt", dt)
    off_grid = best_frictionless_otto(machine, objective, adiabat="smooth")
    hot = int(np.argmax(off_grid.choice == HOT))
    low, high = float(off_grid.values[0, 0]), float(off_grid.values[hot, 0])
    near = [max(1, round(off_grid.durations[k] / dt)) for k in (hot, 0)]
    # the smallest number of steps that takes the shortest time or longer
    least = math.ceil(shortest_smooth_time(machine, low, high) / dt * (1.0 - 1e-9))
    best_value, best = -np.inf, None
    for n in range(least, least + N_EXTRA + 1):
        up = smooth(machine, low, high, n * dt, n)
        down = Adiabat(up.values[::-1], up.durations)
        for n_hot, n_cold in product(*(range(max(1, k - 3), k + 4) for k in near)):
            cycle = _assemble(machine, dt * n_hot, dt * n_cold, low, high, up, down, "smooth Otto")
            value = mean_objective(cycle, objective)
            if value > best_value:
                best_value, best = value, cycle
    assert best is not None
    return best.on_grid(dt)


def _exchange(machine: OscillatorEngine, t_hot: np.ndarray | float, t_cold: np.ndarray | float) -> np.ndarray:
    """Fraction of the difference of the equilibrium occupations that a cycle carries over."""
    kept_hot, kept_cold = np.exp(-machine.gamma_h * np.asarray(t_hot)), np.exp(-machine.gamma_c * np.asarray(t_cold))
    return (1.0 - kept_hot) * (1.0 - kept_cold) / (1.0 - kept_hot * kept_cold)


def _occupation_gap(machine: OscillatorEngine, u_cold: FloatArray | float, u_hot: FloatArray | float) -> FloatArray:
    return bose(machine.beta_h * machine.omega0 * np.asarray(u_hot)) - bose(
        machine.beta_c * machine.omega0 * np.asarray(u_cold)
    )


def _best_ends(machine: OscillatorEngine, weights: FloatArray, time: float) -> tuple[float, float] | None:
    """Ends that earn most per carried quantum, among those that a bang-bang adiabat of at most ``time`` connects."""

    def earned(x: FloatArray) -> FloatArray:
        return _occupation_gap(machine, x[0], x[1]) * (weights[HOT] * x[1] - weights[COLD] * x[0])

    def spare(x: FloatArray) -> FloatArray:
        return time - bang_bang_time(machine.omega0 * x[0], machine.omega0 * x[1])

    levels = np.linspace(machine.u_min, machine.u_max, 41)
    pairs = levels[np.stack(np.triu_indices(len(levels), 1))]
    pairs = pairs[:, spare(pairs) >= 0.0]
    if pairs.size == 0:
        return None
    start = pairs[:, np.argmax(earned(pairs))]
    found = minimize(
        lambda x: -float(earned(x)),
        start,
        method="SLSQP",
        bounds=[(machine.u_min, machine.u_max)] * 2,
        constraints=[{"type": "ineq", "fun": spare}],
        options={"ftol": 1e-14},
    )
    x = np.clip(found.x, machine.u_min, machine.u_max)
    best = x if earned(x) > earned(start) and spare(x) >= -1e-12 else start
    return float(best[0]), float(best[1])


def _assemble(
    machine: OscillatorEngine,
    t_hot: float,
    t_cold: float,
    u_cold: float,
    u_hot: float,
    up: Adiabat,
    down: Adiabat,
    label: str,
) -> Cycle:
    """Cold isochore, up, hot isochore, down."""
    n_up, n_down = len(up.durations), len(down.durations)
    return Cycle(
        machine,
        np.concatenate([[[u_cold]], up.values, [[u_hot]], down.values]),
        np.repeat([COLD, NONE, HOT, NONE], [1, n_up, 1, n_down]),
        np.concatenate([[t_cold], up.durations, [t_hot], down.durations]),
        label,
    )
