"""A rigorous upper bound of what any policy of the projective feedback demon earns, by its belief p.

p is all that a demon can know: the state is diagonal, and a measurement leaves p = 0 or 1. For ANY bounded function h

    gain <= sup over p and actions of B,        B = r + E[h(p')] - h(p)

because h telescopes (M. L. Puterman, Markov Decision Processes (1994), section 8.4). Take h convex, piecewise linear,
and symmetric, h(p) = h(1 - p), h(0) = 0. In units of P0 = g / beta and D0 = g, times g dt, with x = beta E0 u:

    thermalise   B = c x (p' - p) + h(p') - h(p)      p' is affine in p at given x
    measure      B = -(1 - c) S(p) - h(p)             E[h(p')] = p h(1) + (1 - p) h(0) = 0
    unitary      B = 0

Between two nodes of h each of them is convex in p (-S and h(p'(p)) are convex, h(p) is linear there), so its maximum
over p is at a node: no interpolation in p is left to bound. By the symmetry x >= 0 is enough, for p in [0, 1]. Over
x, branch and bound: over an interval h(p') lies below its chord, and the slope of what remains has exact bounds.

Rigorous up to float64 round-off (about 1e-13). How tight it is depends on h: value iteration, whose kinks cost
O(spacing^2) per step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ..control import FloatArray
from ..machines.feedback_demon import FeedbackDemon
from ..states import binary_entropy
from ..validation import check_integer, check_positive, check_range

MAX_HALVINGS = 60
"""How often an interval of the control may be halved."""

N_CONTROLS = 257
"""Controls of the first, global search of an improvement; and the zoom into the best of them."""
ZOOM, N_ZOOMS = 17, 5

MAX_NEWTON, MAX_IMPROVEMENTS, MAX_SWEEPS = 8, 40, 1000
NEAR = 1e-3
"""Relative change of the gain below which the controls are only adjusted."""

CONVERGED = 1e-8
"""Change of h relative to the gain per step at which an iteration ends."""

ROUND_OFF = 1e-13

TOLERANCE = 1e-6
"""How far branch and bound may stay above the supremum, relative to the gain."""


@dataclass(frozen=True)
class Contact:
    """One step of contact in dimensionless form: p' = p + (f(x) - p) m(x), m = 1 - exp(-tau coth(x/2)), x >= 0.

    Attributes:
        tau: g dt.
        weight: c.
    """

    tau: float
    weight: float

    def mixing(self, x: FloatArray) -> FloatArray:
        """m(x), falling, m(0) = 1."""
        with np.errstate(divide="ignore", over="ignore"):
            return -np.expm1(-self.tau / np.tanh(0.5 * x))

    def __call__(self, p: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """p' and c x (p' - p); shapes broadcast."""
        change = (expit(-x) - p) * self.mixing(x)
        return p + change, self.weight * x * change

    def slope_bounds(self, p: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds of dp'/dx = f' m + (f - p) m' over [low, high], all of one shape; low >= 0."""
        f_low, f_high = expit(-high), expit(-low)
        m_low, m_high = self.mixing(high), self.mixing(low)
        # -f' = f (1 - f) rises with f <= 1/2
        first = -f_high * (1.0 - f_high) * m_high, -f_low * (1.0 - f_low) * m_low
        # -m' = (tau/2) (y^2 - 1) exp(-tau y) with y = coth(x/2) rises with y, then falls
        with np.errstate(divide="ignore", over="ignore"):
            y = 1.0 / np.tanh(0.5 * np.stack([low, high]))
        ends = self._steepness(y)
        top = (1.0 + np.hypot(1.0, self.tau)) / self.tau
        e_low = ends.min(axis=0)
        e_high = np.where((y[1] <= top) & (top <= y[0]), self._steepness(np.array(top)), ends.max(axis=0))
        # -(f - p) (-m'): the extremes are at corners
        corners = np.stack([(p - f) * e for f in (f_low, f_high) for e in (e_low, e_high)])
        return first[0] + corners.min(axis=0), first[1] + corners.max(axis=0)

    def _steepness(self, y: FloatArray) -> FloatArray:
        y = np.minimum(y, 1e150)
        return 0.5 * self.tau * (y - 1.0) * (y + 1.0) * np.exp(-self.tau * y)


@dataclass(frozen=True, eq=False)
class Value:
    """h: convex, piecewise linear and symmetric, h(0) = 0.

    Attributes:
        nodes: p on [0, 1], (n,), symmetric about 1/2.
        h: values, (n,).
    """

    nodes: FloatArray
    h: FloatArray

    def __call__(self, p: FloatArray) -> FloatArray:
        return np.interp(p, self.nodes, self.h)


def upper_bound(machine: FeedbackDemon, dt: float, weight: float, guess: float, n_nodes: int = 1001) -> float:
    """No policy has a larger long-run average of c P / P0 - (1 - c) D / D0 on the grid ``dt``.

    Args:
        machine: the machine.
        dt: length of a step (time).
        weight: c.
        guess: what the best known policy earns, > 0; the bound holds for any, and is tight for a good one.
        n_nodes: nodes of h on [0, 1/2].

    Raises:
        ParameterError: for an argument out of its range.
    """
    check_positive("dt", dt)
    check_range("weight", weight, 0.0, 1.0)
    check_positive("guess", guess)
    check_integer("n_nodes", n_nodes, 2)
    contact = Contact(machine.g * dt, weight)
    x_max = machine.beta * machine.E0 * machine.u_max
    gain = guess * contact.tau
    value = value_iteration(contact, x_max, gain, n_nodes)
    measured = float((_stop(weight, value.nodes) - value.h).max())
    return _largest(contact, x_max, value, max(measured, 0.0), TOLERANCE * gain + ROUND_OFF) / contact.tau


def value_iteration(contact: Contact, x_max: float, gain: float, n_nodes: int) -> Value:
    """A solution of h(p) = max over actions of r + E[h(p')] - G, on nodes; G is near ``gain``, and is not needed.

    At a given G this is a problem of stopping: measure now, -(1 - c) S(p) - G, or make one more step. From "measure
    now" h rises; each improvement searches all controls, then many sweeps follow what was found. A measurement starts
    the next cycle, so G is right when h(0) = 0; h(0) is convex in G, its slope the mean length of the cycle (Newton).
    """
    half = np.sin(0.25 * np.pi * np.linspace(0.0, 1.0, n_nodes)) ** 2  # S has the curvature 1 in this angle
    half[-1] = 0.5
    nodes = np.concatenate([half, 1.0 - half[-2::-1]])
    x = np.full(n_nodes, 0.5 * x_max)
    newton, everywhere = 0, True
    while True:
        stop = _stop(contact.weight, half) - gain
        value, length = _convex(nodes, stop), 1.0
        for _ in range(MAX_IMPROVEMENTS):
            x = _improve(contact, x_max, value, half, x, everywhere)
            h, length = _follow(contact, half, x, nodes, value.h[:n_nodes], stop, gain)
            before, value = value, _convex(nodes, h)
            if float((value.h - before.h).max()) <= CONVERGED * gain + ROUND_OFF:
                break
        excess = float(value.h[0])
        newton += 1
        if excess <= TOLERANCE * gain or newton == MAX_NEWTON:
            return Value(nodes, value.h - value.h[0])
        everywhere = excess > NEAR * length * gain
        gain += excess / length


def _stop(weight: float, p: FloatArray) -> FloatArray:
    return -(1.0 - weight) * binary_entropy(p)


def _follow(
    contact: Contact, p: FloatArray, x: FloatArray, nodes: FloatArray, h: FloatArray, stop: FloatArray, gain: float
) -> tuple[FloatArray, float]:
    """h after many sweeps with the controls x, and the mean length of the cycle from p = 0 (steps)."""
    after, reward = contact(p, x)
    where = np.clip(np.searchsorted(nodes, after, side="right") - 1, 0, len(nodes) - 2)
    share = (after - nodes[where]) / (nodes[where + 1] - nodes[where])
    n = len(p)
    # folded: h is symmetric
    left, right = np.minimum(where, 2 * n - 2 - where), np.minimum(where + 1, 2 * n - 3 - where)
    length = np.ones(n)
    for _ in range(MAX_SWEEPS):
        onward = reward - gain + (1.0 - share) * h[left] + share * h[right]
        before = length
        length = np.where(onward > stop, 1.0 + (1.0 - share) * length[left] + share * length[right], 1.0)
        new = np.maximum(np.maximum(stop, onward), h)
        rise = float((new - h).max())
        h = new
        if rise <= CONVERGED * gain + ROUND_OFF and (np.abs(length - before) <= NEAR * length).all():
            break
    return h, float(length[0])


def _convex(nodes: FloatArray, h: FloatArray) -> Value:
    """The largest convex function below the values ``h``, given on the half up to 1/2."""
    full = np.concatenate([h, h[-2::-1]])
    x, y = nodes.tolist(), full.tolist()
    corners: list[int] = []
    for k in range(len(x)):
        while len(corners) > 1:
            i, j = corners[-2:]
            if (y[j] - y[i]) * (x[k] - x[i]) <= (y[k] - y[i]) * (x[j] - x[i]):
                break
            corners.pop()
        corners.append(k)
    return Value(nodes, np.interp(nodes, nodes[corners], full[corners]))


def _improve(
    contact: Contact, x_max: float, value: Value, p: FloatArray, known: FloatArray, all_of_it: bool
) -> FloatArray:
    """For every p a control x >= 0 with a large c x (p' - p) + h(p'), no worse than ``known``, (n,).

    Looks everywhere or near ``known``, and zooms in.
    """
    if all_of_it:
        x = np.tile(x_max * np.linspace(0.0, 1.0, N_CONTROLS) ** 2, (len(p), 1))
    else:
        x = np.minimum(known[:, None] * np.linspace(0.95, 1.05, ZOOM), x_max)
    rows = np.arange(len(p))
    best = known
    for _ in range(N_ZOOMS):
        after, reward = contact(p[:, None], x)
        k = (reward + value(after)).argmax(axis=1)
        best = x[rows, k]
        x = np.linspace(x[rows, np.maximum(k - 1, 0)], x[rows, np.minimum(k + 1, x.shape[1] - 1)], ZOOM, axis=1)
    # near a kink of h two controls are almost equally good: the neighbours may have found the better one
    tried = np.stack([known, best, np.roll(best, 1), np.roll(best, -1)])
    after, reward = contact(p, tried)
    return tried[(reward + value(after)).argmax(axis=0), rows]


def _largest(contact: Contact, x_max: float, value: Value, known: float, allowed: float) -> float:
    """Upper bound of sup B of contact over all nodes and x in [0, x_max], at most ``allowed`` above max(sup, known)."""
    n_x = 32
    node = np.repeat(np.arange(len(value.nodes)), n_x)
    edges = x_max * np.linspace(0.0, 1.0, n_x + 1) ** 2
    low, high = np.tile(edges[:-1], len(value.nodes)), np.tile(edges[1:], len(value.nodes))
    accepted = -np.inf
    for halvings in range(MAX_HALVINGS + 1):
        p = value.nodes[node]
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        after, reward = contact(p, middle)
        slope_low, slope_high = contact.slope_bounds(p, low, high)
        reach = np.maximum(np.abs(slope_low), np.abs(slope_high)) * half
        first, last = np.maximum(after - reach, 0.0), np.minimum(after + reach, 1.0)
        h_first = value(first)
        chord = (value(last) - h_first) / np.where(last > first, last - first, 1.0)
        # d/dx of c x (p' - p) + chord p' = c (p' - p) + (c x + chord) dp'/dx
        factor_low, factor_high = contact.weight * low + chord, contact.weight * high + chord
        corners = np.stack([a * b for a in (factor_low, factor_high) for b in (slope_low, slope_high)])
        steep_low = contact.weight * (first - p) + corners.min(axis=0)
        steep_high = contact.weight * (last - p) + corners.max(axis=0)
        spread = np.maximum(np.abs(steep_low), np.abs(steep_high)) * half
        bound = reward + h_first + chord * (after - first) + spread - value.h[node]
        known = max(known, float((reward + value(after) - value.h[node]).max()))
        split = bound > known + allowed
        if halvings == MAX_HALVINGS:
            accepted = float(bound[split].max(initial=-np.inf))
        if halvings == MAX_HALVINGS or not split.any():
            break
        node = np.repeat(node[split], 2)
        low = np.stack([low[split], middle[split]], axis=1).ravel()
        high = np.stack([middle[split], high[split]], axis=1).ravel()
    return max(accepted, known + allowed)
