"""Discrete gradients: mean derivatives that turn the change of a state function into a product, exactly.

For a function f of one variable, D(x0, x1) (x1 - x0) = f(x1) - f(x0), symmetric in its arguments, and D -> f' for
x1 -> x0. All of them are analytic and accept complex ``x1``, so that Newton's method can differentiate them by the
complex step. Arguments broadcast.

Source: closed forms of O. Gonzalez, J. Nonlinear Sci. 6, 449 (1996), for one variable, where they are unique.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""float64 or complex128 arrays."""


def half_square(x0: Array, x1: Array) -> Array:
    """Of x^2/2."""
    return 0.5 * (x0 + x1)


def quarter_fourth(x0: Array, x1: Array) -> Array:
    """Of x^4/4."""
    return 0.25 * (x0 + x1) * (x0 * x0 + x1 * x1)


def sixth_sixth(x0: Array, x1: Array) -> Array:
    """Of x^6/6."""
    a, b = x0 * x0, x1 * x1
    return (x0 + x1) * (a * a + a * b + b * b) / 6.0


def eighth_eighth(x0: Array, x1: Array) -> Array:
    """Of x^8/8."""
    a, b = x0 * x0, x1 * x1
    return 0.125 * (x0 + x1) * (a + b) * (a * a + b * b)


def log_mean(t0: Array, t1: Array) -> Array:
    """The logarithmic mean (t1 - t0) / ln(t1/t0): C (t1 - t0) is this times the change of C ln t."""
    mean = 0.5 * (t0 + t1)
    d = (t1 - t0) / mean
    # below 1e-4 the quotient loses digits; the series has a relative error of 1e-27 there
    near = np.abs(np.real(d)) < 1e-4
    safe = np.where(near, 0.1, d)
    # ln(t1/t0) = 2 artanh(d/2)
    return mean * np.where(near, 1.0 - d * d / 12.0 - d**4 / 180.0, safe / (2.0 * np.arctanh(0.5 * safe)))


def log_of_rest(start: float, xi0: Array, xi1: Array) -> Array:
    """Of N (ln(N/start) - 1) with respect to N, where N = start - xi is what is left.

    (1 + d) ln(1 + d)/d - 1 with d the relative change of N, and a series below 1e-3.
    """
    left = start - xi0
    d = (xi0 - xi1) / left
    near = np.abs(np.real(d)) < 1e-3
    safe = np.where(near, 0.1, d)
    series = d * (1 / 2 - d * (1 / 6 - d * (1 / 12 - d * (1 / 20 - d * (1 / 30 - d / 42)))))
    return np.log1p(-xi0 / start) + np.where(near, series, (1.0 + safe) * np.log1p(safe) / safe - 1.0)
