"""The best cycle of the one-qubit demon with dead time: it measures every m steps.

A measurement resets the qubit, and the apparatus is dead for t0. So every measurement starts afresh, and the long-run
average of a policy is a mean of what its cycles earn; none earns more than the best one. With contact for tau:

    [c e p(tau) / P0 - (1 - c) S(p(tau)) / D0] / (tau + t0),     p(tau) = p_eq (1 - exp(-G tau))

On a grid of steps tau + t0 = m dt.

Source: derived.
"""

from __future__ import annotations

import math

import numpy as np

from ..control import FloatArray
from ..machines.dead_time_demon import DeadTimeDemon
from ..states import binary_entropy
from ..validation import ParameterError, check_positive, check_range

MAX_CYCLES = 1_000_000
"""Largest number of cycle lengths that are tried."""

SATURATED = 50.0
"""Contact time, in units of 1 / G, after which p = p_eq to round-off."""

RESOLUTION = 1e-9
"""How far branch and bound may stay above the supremum."""


def earnings(machine: DeadTimeDemon, contact: FloatArray, weight: float) -> FloatArray:
    """c Q / P0 - (1 - c) S / D0 of one cycle with contact for ``contact`` (time), same shape; (time)."""
    p = machine.p_eq * -np.expm1(-machine.rate * contact)
    costs = (1.0 - weight) / machine.dissipation_unit * binary_entropy(p) if weight < 1.0 else 0.0
    return weight / machine.power_unit * machine.e * p - costs


def dead_steps(machine: DeadTimeDemon, dt: float) -> int:
    """Smallest number of steps from one measurement to the next that the dead time allows."""
    # as the machine: a rest of 1e-12 t0 is none
    return max(1, math.ceil(machine.t0 * (1.0 - 1e-12) / dt))


def optimal_steps(machine: DeadTimeDemon, dt: float, weight: float = 1.0) -> tuple[int, float]:
    """The optimum over all policies with steps of length ``dt``: every cycle that can pay is tried.

    Returns:
        m, the steps from one measurement to the next (0: better not to measure), and what that earns,
        c P / P0 - (1 - c) D / D0.

    Raises:
        ParameterError: for an argument out of its range, or a step so small that there are too many cycles.
    """
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    first = dead_steps(machine, dt)
    # after that p is p_eq to round-off: longer cycles earn the same in more time
    last = first + math.ceil(SATURATED / (machine.rate * dt))
    if last - first > MAX_CYCLES:
        raise ParameterError(f"dt = {dt!r}: must be at least {dt * (last - first) / MAX_CYCLES:g}")
    m = np.arange(first, last + 1)
    value = earnings(machine, np.maximum(m * dt - machine.t0, 0.0), weight) / (m * dt)
    k = int(value.argmax())
    return (int(m[k]), float(value[k])) if value[k] > 0.0 else (0, 0.0)


def continuous_bound(machine: DeadTimeDemon, weight: float = 1.0) -> float:
    """Upper bound of c P / P0 - (1 - c) D / D0 over all policies with steps of any length.

    For c = 1 the closed form, 1. Else by branch and bound over the contact time: what a cycle earns is convex in p,
    hence largest at an end of a cell. Tight to about 1e-9.

    Raises:
        ParameterError: if the weight is not in [0, 1].
    """
    check_range("weight", weight, 0.0, 1.0)
    if weight == 1.0:
        return 1.0
    edges = SATURATED / machine.rate * np.linspace(0.0, 1.0, 1025) ** 2
    low, high = edges[:-1], edges[1:]
    # longer contact earns the same in more time
    known = max(0.0, float(earnings(machine, edges[-1:], weight)[0] / (edges[-1] + machine.t0)))
    while True:
        at_low, at_high = earnings(machine, low, weight), earnings(machine, high, weight)
        known = max(known, float((at_low / (low + machine.t0)).max()), float((at_high / (high + machine.t0)).max()))
        split = np.maximum(at_low, at_high) / (low + machine.t0) > known + RESOLUTION
        if not split.any():
            return known + RESOLUTION if known > 0.0 else 0.0
        low, high = low[split], high[split]
        middle = 0.5 * (low + high)
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
