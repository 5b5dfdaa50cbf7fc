"""Optimal control of one dynamical variable x, as functions of the control u that are known everywhere.

For every discrete choice a, one step of length dt is

    x' = M(u) x + v(u),        reward r = c(u) x + d(u)

The four functions are analytic in u and are replaced by Chebyshev interpolants, so that values, derivatives and
rigorous bounds of derivatives (sum of the moduli of the coefficients) are available for all u in the range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from ..control import Control, FloatArray
from ..machine import AffineMachine
from ..validation import ParameterError, check_positive
from .objective import Objective

MAX_DEGREE = 1024
TAIL, ROUND_OFF = 1e-13, 1e-14
"""Relative size of the last coefficients at which an interpolant is accepted; and of those that are noise."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Chebyshev interpolants of (c, d, M, v) for one discrete choice.

    Attributes:
        index: the choice.
        low, high: range of the control.
        coefficients: of the functions and of their first three derivatives in u, each of shape (n, 4).
        error: bound of the interpolation error of the four functions, (4,), from the decay of the coefficients.
    """

    index: int
    low: float
    high: float
    coefficients: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    error: FloatArray

    def __call__(self, u: FloatArray, derivative: int = 0) -> FloatArray:
        """The derivative of (c, d, M, v) at ``u`` (K,), shape (4, K)."""
        t = (2.0 * u - (self.low + self.high)) / (self.high - self.low)
        return np.asarray(chebyshev.chebval(t, self.coefficients[derivative]), dtype=np.float64)

    def bound(self, derivative: int) -> FloatArray:
        """Upper bound of the modulus of the derivative of (c, d, M, v) over the range, shape (4,)."""
        return np.abs(self.coefficients[derivative]).sum(axis=0)


@dataclass(frozen=True, eq=False)
class ScalarProblem:
    """One-dimensional control problem on the grid ``dt``; rewards are per step.

    Attributes:
        dt: length of a step (time).
        choices: the choices that act on the system.
        idle: whether there is a choice that does nothing (x' = x, no reward).
        low, high: interval of x that no control can leave, checked for all u.
    """

    dt: float
    choices: tuple[Choice, ...]
    idle: bool
    low: float
    high: float


def scalar_problem(machine: AffineMachine, dt: float, objective: Objective) -> ScalarProblem:
    """Reduce a machine with one dynamical variable and one continuous control.

    Every trajectory approaches the interval [low, high], or earns nothing in the long run: it is the hull of the
    fixed points v / (1 - M) of all controls that act, widened by 1 %, and these maps contract towards it. Two starts
    under the same controls differ by a factor that only shrinks, so the long-run average does not depend on them.

    Raises:
        ParameterError: if the machine has another number of variables or controls, or a map that does not contract.
    """
    check_positive("dt", dt)
    space = machine.control_space
    if machine.n_dynamic != 1 or space.n_values != 1:
        raise ParameterError(
            f"machine: has {machine.n_dynamic} dynamical variables and {space.n_values} continuous controls, "
            "dynamic programming needs one of each"
        )
    acting_indices = [a for a in range(space.n_choices) if not _does_nothing(machine, dt, a)]
    acting = tuple(_interpolate(machine, dt, objective, a) for a in acting_indices)
    u = np.linspace(space.low[0], space.high[0], 4097)
    fixed = []
    for choice in acting:
        _, _, matrix, offset = choice(u)
        if not np.abs(matrix).max() < 1.0:
            raise ParameterError(f"choice {choice.index}: |M| = {np.abs(matrix).max():.6g} must be < 1 (contraction)")
        fixed.append(offset / (1.0 - matrix))
    low, high = float(np.min(fixed)), float(np.max(fixed))
    margin = 0.01 * (high - low)
    low, high = low - margin, high + margin
    half_step = 0.5 * (u[1] - u[0])
    for choice in acting:
        (_, _, m, v), (_, _, m1, v1) = choice(u), choice(u, 1)
        curvature = choice.bound(2)
        for x in (low, high):
            after = m * x + v
            # between the samples: slope at the sample, and a bound of the second derivative everywhere
            reach = half_step * (np.abs(m1 * x + v1) + 0.5 * half_step * (curvature[2] * abs(x) + curvature[3]))
            if not ((after - reach).min() >= low and (after + reach).max() <= high):
                raise ParameterError(f"choice {choice.index}: the interval [{low:g}, {high:g}] of x is not invariant")
    return ScalarProblem(dt, acting, len(acting) < space.n_choices, low, high)


def _interpolate(machine: AffineMachine, dt: float, objective: Objective, a: int) -> Choice:
    bounds = machine.control_space.ranges[0]
    degree = 16
    while True:
        t = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        u = 0.5 * (bounds.low + bounds.high) + 0.5 * (bounds.high - bounds.low) * t
        step = machine.affine(Control(u[:, None], np.full(degree + 1, a)), dt)
        rho, rho0 = objective.reward_rows(machine, step)
        samples = np.stack([rho[:, 0], rho0, step.matrix[:, 0, 0], step.offset[:, 0]], axis=1)
        coefficients = chebyshev.chebfit(t, samples, degree)
        size = np.maximum(np.abs(coefficients).max(axis=0), 1e-300)
        tail = np.abs(coefficients[-4:]).max(axis=0)
        if (tail <= TAIL * size).all():
            break
        degree *= 2
        if degree > MAX_DEGREE:
            raise ParameterError(f"choice {a}: its map is not smooth enough in the control for degree {MAX_DEGREE}")
    # coefficients at the level of round-off would only blur the derivatives
    coefficients[np.abs(coefficients) <= ROUND_OFF * size] = 0.0
    scale = 2.0 / (bounds.high - bounds.low)
    c1, c2, c3 = (np.asarray(chebyshev.chebder(coefficients, k, scl=scale), dtype=np.float64) for k in (1, 2, 3))
    error = 8.0 * tail + (degree + 1) * ROUND_OFF * size
    return Choice(a, bounds.low, bounds.high, (np.asarray(coefficients, dtype=np.float64), c1, c2, c3), error)


def _does_nothing(machine: AffineMachine, dt: float, a: int) -> bool:
    """Whether choice ``a`` leaves x alone and exchanges no heat, whatever the control."""
    bounds = machine.control_space.ranges[0]
    u = np.linspace(bounds.low, bounds.high, 17)
    matrix, offset, heat_matrix, heat_offset = machine.affine(Control(u[:, None], np.full(len(u), a)), dt)
    return bool((matrix == 1.0).all()) and not (offset.any() or heat_matrix.any() or heat_offset.any())
