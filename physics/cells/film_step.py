"""One implicit sub-step of a ferroelectric film with a field and a bath: Newton's method with analytic derivatives.

The equations are those of ``cell.py`` written out for two variables, per unit volume (P1, theta1 unknown, L the
logarithmic mean of the temperatures, D the discrete gradient of the part of f that does not depend on T):

    rho (P1 - P0) = h [E - D - a0 L (P0 + P1)/2]
    cv (theta1 - theta0) = rho (P1 - P0)^2/h + L a0 (P1^2 - P0^2)/2 + h K_v (T_b - L)

The same lines serve arrays and plain floats: for a few films an array operation would cost more than its arithmetic.

Source: derived; discrete gradients as in ``discrete.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

MAX_ITERATIONS, MAX_HALVINGS = 8, 12
"""Newton steps of a sub-step, and how often it may be halved. A few steps must do: a film that jumps to another branch
would be followed by a lucky step, but not resolved."""

FEW = 24
"""Up to so many films are stepped one by one with plain floats, which is faster than arrays."""

SMALL = 1e-8
"""Newton step, relative to the usual sizes, after which the error is round-off: it is the square of the step."""

WIDEST = 0.02
"""Largest |T1 - T0|/(T1 + T0) for which the series of the logarithmic mean is exact to round-off."""

Number = Any
"""A float or a float64 array (K,)."""


class Film(NamedTuple):
    """Material constants per unit volume: Landau coefficients, heat capacity, viscosity; SI.

    Attributes:
        base: temperature that theta is measured from, K.
        small: Newton steps of P and theta below which the error (their square) is round-off.
    """

    a0: float
    T0: float
    b: float
    c: float
    d: float
    cv: float
    rho: float
    base: float
    small: tuple[float, float]


class Moved(NamedTuple):
    """A sub-step: polarisation (C/m2) and theta (K) after it, mean temperature (K); NaN where it was not solved."""

    p: Number
    theta: Number
    mean: Number


class Contact(NamedTuple):
    """What a contact moved, per unit volume, floats or arrays (K,); NaN where a sub-step was not solved.

    Attributes:
        p, theta: polarisation (C/m2) and T - base (K) after it.
        delivered: work out of the terminals, J/m3.
        received: heat from the bath, J/m3.
        dissipated: heat produced by the polarisation, J/m3.
        produced: entropy, J/(m3 K).
        sub_steps: how many were taken.
    """

    p: Number
    theta: Number
    delivered: Number
    received: Number
    dissipated: Number
    produced: Number
    sub_steps: Any


def contact(
    film: Film,
    p: Number,
    theta: Number,
    fields: tuple[Number, Number],
    k_v: Number,
    bath: Number,
    sizes: Sequence[Number],
) -> Contact:
    """Sub-steps of the lengths ``sizes`` (s; each a float or an array) in which the field moves linearly.

    Args:
        film: the material.
        p, theta: polarisation (C/m2) and T - base (K) at the beginning, floats or arrays (K,).
        fields: at the beginning and the end, V/m.
        k_v: conductance of the contact per volume, W/(m3 K); 0 without one.
        bath: temperature of the bath, K; any number without contact.
        sizes: lengths of the sub-steps.
    """
    if isinstance(p, float) or len(p) > FEW:
        with np.errstate(all="ignore"):  # a film may fail
            return _contact(film, p, theta, *fields, k_v, bath, sizes)
    columns = [np.broadcast_to(a, p.shape).tolist() for a in (p, theta, *fields, k_v, bath, *sizes)]
    rows = [_contact(film, p, t, a, b, k, c, h) for p, t, a, b, k, c, *h in zip(*columns, strict=True)]
    return Contact(*np.array(rows).T)


def _contact(
    film: Film, p: Number, theta: Number, start: Number, end: Number, k_v: Number, bath: Number, sizes: Sequence[Number]
) -> Contact:
    """``contact`` of floats, or of arrays."""
    dt, done = sum(sizes), 0.0
    total = Contact(p, theta, *([0.0 * p] * 4), sub_steps=0 * np.isnan(p))
    for h in sizes:
        before, done = done, done + h
        span = start + before / dt * (end - start), start + done / dt * (end - start)
        total = _added(total, _span(film, total.p, total.theta, span, k_v, bath, h, 0))
    return total


def _added(first: Contact, second: Contact) -> Contact:
    """Two contacts, one after the other."""
    return Contact(second.p, second.theta, *(a + b for a, b in zip(first[2:], second[2:], strict=True)))


def _span(
    film: Film,
    p: Number,
    theta: Number,
    span: tuple[Number, Number],
    k_v: Number,
    bath: Number,
    h: Number,
    halvings: int,
) -> Contact:
    """One sub-step; films for which it fails take two of half the size."""
    field = 0.5 * (span[0] + span[1])
    moved = solve(film, p, theta, field, k_v, bath, h)
    dp = moved.p - p
    heat, friction = h * k_v * (bath - moved.mean), film.rho * dp * dp / h
    produced = friction / moved.mean + heat * (1.0 / moved.mean - 1.0 / bath)
    done = Contact(moved.p, moved.theta, -field * dp, heat, friction, produced, sub_steps=1 + 0 * np.isnan(p))
    lost = np.isnan(moved.p) & np.isfinite(p)
    if halvings == MAX_HALVINGS or not np.any(lost):
        return done
    one = isinstance(p, float)
    state = (p, theta, *span, k_v, bath, h)
    p, theta, e0, e1, k_v, bath, h = state if one else (np.broadcast_to(a, lost.shape)[lost] for a in state)
    middle = 0.5 * (e0 + e1)
    first = _span(film, p, theta, (e0, middle), k_v, bath, 0.5 * h, halvings + 1)
    second = _span(film, first.p, first.theta, (middle, e1), k_v, bath, 0.5 * h, halvings + 1)
    both = _added(first, second)
    if one:
        return both
    for whole, piece in zip(done, both, strict=True):
        whole[lost] = piece
    return done


def solve(film: Film, p0: Number, theta0: Number, field: Number, k_v: Number, bath: Number, h: Number) -> Moved:
    """A sub-step of length ``h`` (s) with the mean field ``field`` of one film (floats) or of K films (arrays).

    Not solved where Newton's method does not converge or the temperature changes too much for the series of the mean.
    """
    p1, theta1 = p0, theta0
    small_p, small_theta = film.small
    solved: Any = False
    one = isinstance(p0, float)
    for _ in range(MAX_ITERATIONS):
        dp, dtheta = _newton(film, p0, theta0, p1, theta1, field, k_v, bath, h)
        p1, theta1 = p1 - dp, theta1 - dtheta
        solved = (abs(dp) < small_p) & (abs(dtheta) < small_theta)
        if solved if one else (solved | ~np.isfinite(dp)).all():
            break
    mean, x = _log_mean(film.base + theta0, film.base + theta1)
    solved = solved & (abs(x) < WIDEST) & (mean > 0.0)
    if solved if one else solved.all():
        return Moved(p1, theta1, mean)
    lost = np.nan if one else np.where(solved, 0.0, np.nan)
    return Moved(p1 + lost, theta1 + lost, mean + lost)


def _log_mean(t0: Number, t1: Number) -> tuple[Number, Number]:
    """The logarithmic mean of two temperatures, and x = (t1 - t0)/(t1 + t0): the mean times x / artanh(x)."""
    x = (t1 - t0) / (t1 + t0)
    y = x * x
    return 0.5 * (t0 + t1) * (1.0 - y * (1 / 3 + y * (4 / 45 + y * (44 / 945)))), x


def _newton(
    film: Film,
    p0: Number,
    theta0: Number,
    p1: Number,
    theta1: Number,
    field: Number,
    k_v: Number,
    bath: Number,
    h: float,
) -> tuple[Number, Number]:
    """The Newton step, to be subtracted."""
    a0, t_curie, b, c, d, cv, rho, base, _ = film
    mean, x = _log_mean(base + theta0, base + theta1)
    slope = 0.5 - x * (1 / 3 - x / 6)  # d mean / d theta1
    # discrete gradient of the polynomial and its derivative
    dp, s, q0, q1 = p1 - p0, p0 + p1, p0 * p0, p1 * p1
    two, four = q0 + q1, q0 * q0 + q1 * q1
    six, eight = four + q0 * q1, two * four
    poly = b / 4 * two + c / 6 * six + d / 8 * eight
    poly_slope = p1 * (b / 2 + c / 3 * (q0 + 2.0 * q1) + d / 4 * (four + 2.0 * q1 * two))
    linear = 0.5 * a0 * (mean - t_curie)
    lag = rho * dp / h
    latent = 0.5 * a0 * dp * s
    # rows of the linear system
    r_p = lag - field + s * (linear + poly)
    pp = rho / h + linear + poly + s * poly_slope
    pt = 0.5 * a0 * s * slope
    r_t = cv * (theta1 - theta0) - lag * dp - mean * latent - h * k_v * (bath - mean)
    tp = -2.0 * lag - a0 * mean * p1
    tt = cv - slope * (latent - h * k_v)
    det = pp * tt - pt * tp
    return (r_p * tt - pt * r_t) / det, (pp * r_t - tp * r_p) / det
