"""The best cycle of the projective feedback demon: N thermalisation steps, then one measurement.

A measurement leaves p = 0 or 1, and the machine is symmetric under p -> 1 - p, u -> -u. So every measurement starts
afresh, and the long-run average of a policy is a mean of what its cycles earn; none earns more than the best one:

    max over N, u_1 ... u_N of [ sum_k c x_k (p_k - p_(k-1)) - (1 - c) S(p_N) ] / (N + 1),   p_0 = 0,  x = beta E0 u

in units of P0 = g / beta and D0 = g times g dt, the one other parameter. For c <= 1/2 nothing is earned: beta Q <= S
by the second law.

Source: P. A. Erdman et al., arXiv:2408.15328 (2024), machine and trade-off; the cycle is derived.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import minimize
from scipy.special import entr, expit

from ..control import FloatArray
from ..machines.feedback_demon import FeedbackDemon
from ..states import binary_entropy
from ..validation import check_integer, check_positive, check_range
from .protocol import RenewalProtocol

SMALLEST = 1e-6
"""Smallest gap over T that is tried, times min(1, g dt): the rate diverges at zero."""

MAX_STEPS = 8192
"""Longest cycle that is tried."""


@dataclass(frozen=True)
class RenewalCycle:
    """One cycle after outcome 0: thermalise at u_1 ... u_N, then measure; mirrored after outcome 1.

    Attributes:
        machine: the machine.
        dt: length of a step (time).
        controls: u_1 ... u_N.

    Raises:
        ParameterError: for a step or a control outside its range.
    """

    machine: FeedbackDemon
    dt: float
    controls: tuple[float, ...]

    def __post_init__(self) -> None:
        check_positive("dt", self.dt)
        check_integer("number of controls", len(self.controls), 1)
        for u in self.controls:
            check_range("u", u, -self.machine.u_max, self.machine.u_max)

    @cached_property
    def populations(self) -> FloatArray:
        """p_0 = 0, p_1 ... p_N, shape (N + 1,)."""
        p = np.zeros(len(self.controls) + 1)
        for k, u in enumerate(self.controls):
            p[k + 1] = self.machine.relaxed(p[k], np.array(u), self.dt)
        return p

    @property
    def duration(self) -> float:
        """Length of the cycle, with the step of the measurement (time)."""
        return (len(self.controls) + 1) * self.dt

    @property
    def power(self) -> float:
        """Mean heat taken up per time."""
        return float(self.machine.E0 * np.array(self.controls) @ np.diff(self.populations)) / self.duration

    @property
    def dissipation(self) -> float:
        """Entropy of the record per time (nats)."""
        p = self.populations[-1]
        return float(binary_entropy(p)) / self.duration

    def value(self, weight: float) -> float:
        """c P / P0 - (1 - c) D / D0 for the weight c."""
        machine = self.machine
        return weight * self.power / machine.power_unit - (1.0 - weight) * self.dissipation / machine.dissipation_unit

    @property
    def protocol(self) -> RenewalProtocol:
        n = len(self.controls)
        return RenewalProtocol(f"{n} step{'s' * (n > 1)} in contact, then measure", self.controls)


def best_cycle(machine: FeedbackDemon, dt: float, weight: float = 1.0) -> RenewalCycle:
    """The best cycle found: exact gradients in the controls (L-BFGS-B), and a search over the number of steps.

    For c <= 1/2 it earns nothing or less; not to measure is then better.

    Args:
        machine: the machine.
        dt: length of a step (time).
        weight: weight c of the objective c P / P0 - (1 - c) D / D0.

    Raises:
        ParameterError: for an argument out of its range.
    """
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    scale = machine.beta * machine.E0
    x_max = scale * machine.u_max
    found: dict[int, tuple[float, FloatArray]] = {}

    def gain(n: int) -> float:
        """Best gain per step of a cycle of n steps in contact; starts from the best cycle that is known."""
        if n not in found:
            start = np.full(n, min(1.0, 0.5 * x_max))
            if found:
                _, known = max(found.values(), key=lambda pair: pair[0])
                start = np.interp(np.linspace(0.0, 1.0, n), np.linspace(0.0, 1.0, len(known)), known)
            found[n] = _best_controls(start, x_max, machine.g * dt, weight)
        return found[n][0]

    # the gain, once positive, rises and then falls with n: double until it falls, then close in; it is flat at the top
    n = 1
    while n < MAX_STEPS and (gain(n) <= 0.0 or gain(2 * n) > gain(n)):
        # what a cycle earns rises towards a limit about like 1 / n; the limit must be positive
        earned, more = (n + 1) * gain(n), (2 * n + 1) * gain(2 * n)
        if more <= 0.0 and more + 8.0 * max(more - earned, 0.0) < 0.0 and n * machine.g * dt > 10.0:
            break
        n *= 2
    step = n // 2 if gain(n) > 0.0 else 0
    while step > n // 512:
        better = max((n - step, n, n + step), key=lambda m: gain(m) if 0 < m <= MAX_STEPS else -np.inf)
        step = step if better != n else step // 2
        n = better
    controls = np.clip(found[n][1] / scale, -machine.u_max, machine.u_max)
    return RenewalCycle(machine, float(dt), tuple(float(u) for u in controls))


def _best_controls(start: FloatArray, x_max: float, tau: float, weight: float) -> tuple[float, FloatArray]:
    """Gain per step and controls x = beta E0 u, (N,), of the best cycle near ``start``; tau is g dt."""
    low = SMALLEST * min(1.0, tau, x_max)
    # earnings of a cycle are of the order of its length, or of one
    unit = 1.0 / min(1.0, tau * (len(start) + 1))

    def loss(x: FloatArray) -> tuple[float, FloatArray]:
        earned, gradient = _earnings(x, tau, weight)
        return -unit * earned, -unit * gradient

    options = {"maxiter": 300, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 20}
    result = minimize(
        loss,
        np.clip(start, low, x_max),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, x_max)] * len(start),
        options=options,
    )
    return -float(result.fun) / unit / (len(start) + 1), result.x


def _earnings(x: FloatArray, tau: float, weight: float) -> tuple[float, FloatArray]:
    """sum_k c x_k (p_k - p_(k-1)) - (1 - c) S(p_N), and its gradient in x (N,), by the adjoint recursion."""
    y = 1.0 / np.tanh(0.5 * x)
    f = expit(-x)
    decay = np.exp(-tau * y)
    p = np.zeros(len(x) + 1)
    now = 0.0
    for k, (target, keep) in enumerate(zip(f.tolist(), decay.tolist(), strict=True)):
        now = target + (now - target) * keep
        p[k + 1] = now
    change = np.diff(p)
    earned = weight * float(x @ change) - (1.0 - weight) * float(entr(now) + entr(1.0 - now))
    # of p_k with respect to x_k at given p_(k-1)
    slope = -f * (1.0 - f) * (1.0 - decay) - (f - p[:-1]) * 0.5 * tau * (y * y - 1.0) * decay
    direct = weight * np.diff(x, append=0.0) * -1.0
    costate = np.empty_like(x)
    later = -(1.0 - weight) * math.log((1.0 - now) / now)
    for k in range(len(x) - 1, -1, -1):
        later = later + float(direct[k])
        costate[k] = later
        later *= float(decay[k])
    return earned, weight * change + costate * slope
