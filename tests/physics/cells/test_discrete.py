"""Discrete gradients: exact products, symmetric, and analytic, against arithmetic with 50 digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.physics.cells.discrete import (
    eighth_eighth,
    half_square,
    log_mean,
    log_of_rest,
    quarter_fourth,
    sixth_sixth,
)

mpmath.mp.dps = 50

POWERS = {2: half_square, 4: quarter_fourth, 6: sixth_sixth, 8: eighth_eighth}

sizes = st.floats(1e-12, 1e12)
signed = st.builds(lambda sign, size: sign * size, st.sampled_from([-1.0, 1.0]), sizes)
# nearly equal, equal, opposite or unrelated
factors = st.one_of(
    st.floats(-16.0, -1.0).map(lambda e: 1.0 + 10.0**e), st.sampled_from([0.0, 1.0, -1.0]), st.floats(-1e6, 1e6)
)


def divided(f: Callable, x0: float, x1: float) -> Any:
    """(f(x1) - f(x0)) / (x1 - x0) with 50 digits; the derivative where they are equal."""
    a, b = mpmath.mpf(x0), mpmath.mpf(x1)
    return mpmath.diff(f, a) if a == b else (f(b) - f(a)) / (b - a)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", POWERS)
@given(x0=signed, factor=factors)
def test_powers_are_exact(n: int, x0: float, factor: float) -> None:
    x1 = x0 * factor
    found = float(POWERS[n](x0, x1))
    exact = divided(lambda x: x**n / n, x0, x1)
    assert abs(found - exact) <= 2e-15 * abs(exact)
    assert float(POWERS[n](x1, x0)) == pytest.approx(found, rel=1e-15)


@given(t=st.floats(1.0, 2000.0), factor=st.one_of(st.floats(-16.0, -2.0).map(lambda e: 1 + 10.0**e), st.floats(1, 50)))
def test_log_mean_is_exact(t: float, factor: float) -> None:
    a, b = mpmath.mpf(t), mpmath.mpf(t * factor)
    exact = a if a == b else (b - a) / mpmath.log(b / a)
    assert abs(float(log_mean(t, t * factor)) - exact) <= 2e-15 * exact
    assert abs(float(log_mean(t * factor, t)) - exact) <= 2e-15 * exact


@given(
    start=st.floats(1e-3, 1e5),
    used=st.floats(-0.5, 0.999),
    change=st.one_of(st.floats(-16.0, -1.0).map(lambda e: 10.0**e), st.floats(-0.99, 3.0), st.just(0.0)),
)
def test_log_of_rest_is_exact(start: float, used: float, change: float) -> None:
    xi0 = start * used
    xi1 = xi0 - change * (start - xi0)
    left0, left1 = mpmath.mpf(start) - xi0, mpmath.mpf(start) - xi1
    exact = divided(lambda n: n * (mpmath.log(n / start) - 1), left0, left1)
    # what the rounding of xi/N0 does to its logarithm cannot be undone
    assert abs(float(log_of_rest(start, xi0, xi1)) - exact) <= 4e-15 * (1 + abs(exact)) * float(start / left0)


@pytest.mark.parametrize("relative", [0.0, 1e-9, 1e-6, 0.9e-4, 1.1e-4, 0.9e-3, 1.1e-3, 0.1, 1.0])
def test_complex_step_is_the_derivative(relative: float) -> None:
    h = mpmath.mpf(10) ** -15

    def derivative(f: Callable) -> float:
        """Central difference with 50 digits."""
        return float((f(x1 + h) - f(x1 - h)) / (2 * h))

    x0 = 0.7
    x1 = mpmath.mpf(x0 * (1 + relative))
    seeded = float(x1) + 1e-30j
    for n, gradient in POWERS.items():
        exact = derivative(lambda x, n=n: (x**n - mpmath.mpf(x0) ** n) / (n * (x - x0)))
        assert np.imag(gradient(x0, seeded)) * 1e30 == pytest.approx(exact, rel=1e-12)
    exact = derivative(lambda x: (x - x0) / mpmath.log(x / x0))
    assert np.imag(log_mean(x0, seeded)) * 1e30 == pytest.approx(exact, rel=1e-12)
    start = 2.0

    def rest(x: Any) -> Any:
        return (start - x) * (mpmath.log((start - x) / start) - 1)

    exact = derivative(lambda x: -(rest(x) - rest(mpmath.mpf(x0))) / (x - x0))
    assert np.imag(log_of_rest(start, x0, seeded)) * 1e30 == pytest.approx(exact, rel=1e-12)


def test_branches_meet() -> None:
    """Series and quotient agree to round-off at the change of d where one takes over."""
    for threshold, f in ((1e-4, lambda d: log_mean(1.0, 1.0 + d)), (1e-3, lambda d: log_of_rest(1.0, 0.0, -d))):
        below, above = (float(f(threshold * (1 + e))) for e in (-1e-12, 1e-12))
        assert above == pytest.approx(below, abs=1e-14)
