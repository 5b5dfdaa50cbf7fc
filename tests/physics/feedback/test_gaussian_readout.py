"""Continuous read-out of a qubit against Kraus operators on a grid and Monte Carlo of the exact update."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.physics.feedback.closed_forms import excited_population
from szilard.physics.feedback.gaussian_readout import gaussian_heat, residual_population
from szilard.physics.validation import ParameterError

X, Z = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])


def on_a_grid(e, p, ratio, axis):
    """Mean and deviation from the Kraus operators M(r) on a fine grid; the feedback is the passive energy."""
    s = 1.0 / math.sqrt(ratio)
    r, step = np.linspace(-1.0 - 11.0 * s, 1.0 + 11.0 * s, 40001, retstep=True)
    values, vectors = np.linalg.eigh({"x": X, "z": Z}[axis])
    amplitudes = (ratio / (2.0 * math.pi)) ** 0.25 * np.exp(-0.25 * ratio * (r[:, None] - values) ** 2)
    m = (vectors * amplitudes[:, None, :]) @ vectors.T
    rho = m @ np.diag([p, 1.0 - p]) @ m
    weight = np.trace(rho, axis1=1, axis2=2)
    keep = weight > 1e-40
    purity = np.linalg.eigvalsh(rho[keep] / weight[keep, None, None])
    heat = e * (p - purity[:, 0])  # <H> = e p - e/2 before, e (smaller eigenvalue) - e/2 after
    density = weight[keep] * step
    assert density.sum() == pytest.approx(1.0, abs=1e-10)
    mean = (density * heat).sum()
    return mean, math.sqrt((density * (heat - mean) ** 2).sum())


@pytest.mark.parametrize("axis", ["z", "x"])
@pytest.mark.parametrize(
    ("e", "p", "ratio"), [(1.0, 0.26894142, 0.2), (1.0, 0.26894142, 4.0), (2.5, 0.4, 1.0), (0.7, 0.05, 25.0)]
)
def test_against_kraus_operators(e, p, ratio, axis):
    mean, deviation = on_a_grid(e, p, ratio, axis)
    found = gaussian_heat(e, p, ratio, axis)
    assert found.mean == pytest.approx(mean, abs=2e-7)
    assert found.deviation == pytest.approx(deviation, abs=2e-7)


@pytest.mark.parametrize("axis", ["z", "x"])
@pytest.mark.parametrize("ratio", [0.2, 4.0])
def test_against_trajectories_of_the_exact_update(ratio, axis):
    """20000 trajectories of 20 steps: the means within 4 standard errors, the deviations within 2 %."""
    rng, n, steps, p = np.random.default_rng(5), 20000, 20, excited_population(1.0, 1.0)
    measured = np.full(n, 2.0 * p - 1.0 if axis == "z" else 0.0)
    other = np.zeros(n) if axis == "z" else np.full(n, 2.0 * p - 1.0)
    dt = ratio / steps
    for _ in range(steps):
        c = np.where(rng.random(n) < 0.5 * (1.0 + measured), 1.0, -1.0)
        y = (c + rng.normal(0.0, 1.0 / math.sqrt(dt), n)) * dt
        t = np.tanh(y)
        other = other / (np.cosh(y) * (1.0 + measured * t))
        measured = (measured + t) / (1.0 + measured * t)
    heat = 0.5 * (2.0 * p - 1.0 + np.hypot(measured, other))
    found = gaussian_heat(1.0, p, ratio, axis)
    assert abs(heat.mean() - found.mean) < 4.0 * found.deviation / math.sqrt(n)
    assert heat.std() == pytest.approx(found.deviation, rel=0.02)


@given(st.floats(1e-3, 0.999), st.floats(1e-2, 50.0), st.floats(0.1, 5.0))
def test_mean_of_the_flip_in_closed_form(p, ratio, e):
    found = gaussian_heat(e, p, ratio)
    assert found.mean == pytest.approx(e * (p - residual_population(p, ratio)), abs=1e-10)
    assert residual_population(p, ratio) <= min(p, 1.0 - p) + 1e-15
    assert residual_population(p, ratio) == pytest.approx(residual_population(1.0 - p, ratio), abs=1e-12)


@given(st.floats(0.05, 5.0), st.floats(0.2, 5.0), st.floats(0.02, 30.0))
def test_gibbs_start_obeys_landauer_and_axes_order(e, T, ratio):
    p = excited_population(e, T)
    z, x = gaussian_heat(e, p, ratio, "z"), gaussian_heat(e, p, ratio, "x")
    entropy = -p * math.log(p) - (1.0 - p) * math.log1p(-p)
    assert z.mean >= -1e-12
    assert z.mean <= x.mean + 1e-10
    assert x.mean <= min(e * p, T * entropy) + 1e-10


@pytest.mark.parametrize("axis", ["z", "x"])
def test_limits_of_long_and_short_read_outs(axis):
    p = excited_population(1.0, 1.0)
    long, short = gaussian_heat(1.0, p, 400.0, axis), gaussian_heat(1.0, p, 1e-6, axis)
    assert long.mean == pytest.approx(p, abs=1e-10)
    assert long.deviation == pytest.approx(0.0, abs=1e-6)
    assert short.mean == pytest.approx(0.0, abs=1e-6)
    assert short.deviation < 1e-3


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0.0, 0.3, 1.0), "e"),
        ((1.0, 0.0, 1.0), "population"),
        ((1.0, 1.0, 1.0), "population"),
        ((1.0, 0.3, 0.0), "ratio"),
        ((1.0, 0.3, 1.0, "y"), "axis"),
    ],
)
def test_refusals_name_the_parameter(arguments, name):
    with pytest.raises(ParameterError, match=rf"^{name} = "):
        gaussian_heat(*arguments)
