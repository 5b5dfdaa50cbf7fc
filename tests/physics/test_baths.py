"""Rates of the baths: detailed balance, limits, closed forms, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.physics.baths import BATH_KINDS, Bath, BosonicBath, FermionicBath, OhmicBath, bose, fermi
from szilard.physics.validation import ParameterError

betas = st.floats(1e-2, 20.0)
couplings = st.floats(1e-3, 10.0)
frequencies = st.floats(1e-3, 30.0)
kinds = st.sampled_from(list(BATH_KINDS.values()))


@given(kind=kinds, beta=betas, gamma=couplings, omega=frequencies)
def test_detailed_balance(kind: type[Bath], beta: float, gamma: float, omega: float) -> None:
    """gamma(-w) = exp(-beta w) gamma(w); exp(-x) itself carries a relative error of about x eps."""
    bath = kind(beta, gamma)
    up, down = bath.rate(np.array([-omega, omega]))
    assert down > 0.0
    assert up >= 0.0
    assert up == pytest.approx(np.exp(-beta * omega) * down, rel=1e-13 * (1.0 + beta * omega), abs=0.0)


@given(kind=kinds, beta=betas, gamma=couplings, omega=frequencies)
def test_rates_scale_with_the_coupling(kind: type[Bath], beta: float, gamma: float, omega: float) -> None:
    signed = np.array([-omega, 0.0, omega])
    np.testing.assert_allclose(kind(beta, gamma).rate(signed), gamma * kind(beta, 1.0).rate(signed), rtol=1e-14)


@given(beta=betas, gamma=couplings, omega=frequencies)
def test_fermionic_total_rate_is_the_coupling(beta: float, gamma: float, omega: float) -> None:
    bath = FermionicBath(beta, gamma)
    assert bath.rate(omega) + bath.rate(-omega) == pytest.approx(gamma, rel=1e-14)


@given(beta=betas, gamma=couplings, omega=frequencies)
def test_bosonic_commutator(beta: float, gamma: float, omega: float) -> None:
    """gamma(w) - gamma(-w) = J(w): J = gamma for a flat, gamma w for an ohmic density."""
    for bath, density in ((BosonicBath(beta, gamma), gamma), (OhmicBath(beta, gamma), gamma * omega)):
        up, down = bath.rate(np.array([-omega, omega]))
        assert down - up == pytest.approx(density, rel=1e-13, abs=1e-14 * float(down))


@pytest.mark.parametrize("kind", [FermionicBath, OhmicBath])
def test_zero_frequency_is_the_limit(kind: type[Bath]) -> None:
    bath = kind(0.7, 0.3)
    for omega in (-1e-9, 1e-9):
        assert bath.rate(omega) == pytest.approx(bath.rate(0.0), rel=1e-8)


def test_zero_frequency_of_a_flat_bosonic_bath_is_zero_by_convention() -> None:
    assert BosonicBath(0.7, 0.3).rate(0.0) == 0.0


@pytest.mark.parametrize("kind", BATH_KINDS.values())
def test_rates_are_analytic(kind: type[Bath]) -> None:
    """The complex step gives the derivative with respect to the frequency."""
    bath, omega, h = kind(0.7, 0.3), np.array([0.4, 1.9]), 1e-6
    for rate in (bath.emission, bath.absorption):
        exact = np.imag(rate(omega + 1e-30j)) / 1e-30
        np.testing.assert_allclose(exact, (rate(omega + h) - rate(omega - h)) / (2.0 * h), rtol=1e-8)


def test_occupations_keep_their_digits() -> None:
    assert fermi(0.0) == 0.5
    assert fermi(600.0) == pytest.approx(np.exp(-600.0), rel=1e-13)
    assert bose(1e-12) == pytest.approx(1e12 - 0.5, rel=1e-15)
    assert fermi(np.array(3.0)) + fermi(np.array(-3.0)) == pytest.approx(1.0, rel=1e-15)


def test_temperature() -> None:
    assert FermionicBath(4.0).temperature == 0.25


@pytest.mark.parametrize("kind", BATH_KINDS.values())
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), True, "1"])
def test_parameters_are_checked(kind: type[Bath], value: float) -> None:
    with pytest.raises(ParameterError, match="beta = "):
        kind(value, 1.0)
    with pytest.raises(ParameterError, match="gamma = "):
        kind(1.0, value)
