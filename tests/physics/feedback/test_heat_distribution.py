"""The distribution over trajectories of the heat after a Gaussian read-out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from szilard.physics.feedback.gaussian_readout import gaussian_heat, heat_distribution
from szilard.physics.validation import ParameterError

P = 0.26894142
Z0 = 2.0 * P - 1.0


def heats(axis: str, ratio: float, n: int) -> np.ndarray:
    """Heats of ``n`` trajectories, written down from the Bayesian update."""
    rng = np.random.default_rng(7)
    sign = np.where(rng.random(n) < (P if axis == "z" else 0.5), 1.0, -1.0)
    y = ratio * (sign + rng.normal(size=n) / np.sqrt(ratio))
    if axis == "z":
        length = np.abs((Z0 + np.tanh(y)) / (1.0 + Z0 * np.tanh(y)))
    else:
        length = np.hypot(np.tanh(y), Z0 / np.cosh(y))
    return 0.5 * (Z0 + length)


@pytest.mark.parametrize("axis", ["z", "x"])
@pytest.mark.parametrize("ratio", [0.2, 1.0, 4.0])
def test_against_simulated_trajectories(axis: str, ratio: float) -> None:
    drawn = heats(axis, ratio, 20000)
    assert stats.kstest(drawn, lambda q: heat_distribution(1.0, P, ratio, q, axis)).pvalue > 1e-3


@pytest.mark.parametrize("axis", ["z", "x"])
@pytest.mark.parametrize("ratio", [0.2, 4.0])
def test_moments_follow_from_the_distribution(axis: str, ratio: float) -> None:
    # moments of d = highest - heat: integrals of n d^(n-1) P(heat <= highest - d), smooth in ln d
    high = 0.5 * (Z0 + 1.0)
    span = 0.5 if axis == "z" else high
    d = span * np.exp(-(np.linspace(0.0, 60.0, 60001) ** 2) / 60.0)
    below = heat_distribution(1.0, P, ratio, high - d, axis)
    raw = [-np.trapezoid(n * d ** (n - 1) * below, d) for n in (1, 2, 3)]
    deviation = np.sqrt(raw[1] - raw[0] ** 2)
    third = raw[2] - 3.0 * raw[0] * raw[1] + 2.0 * raw[0] ** 3
    known = gaussian_heat(1.0, P, ratio, axis)
    assert high - raw[0] == pytest.approx(known.mean, abs=1e-6)
    assert deviation == pytest.approx(known.deviation, abs=1e-6)
    assert -third / deviation**3 == pytest.approx(known.skewness, abs=1e-4)


def test_ends_and_errors() -> None:
    assert heat_distribution(1.0, P, 1.0, np.array([-1.0, 0.5]), "x").tolist() == [0.0, 1.0]
    with pytest.raises(ParameterError, match="axis"):
        heat_distribution(1.0, P, 1.0, 0.0, "y")
