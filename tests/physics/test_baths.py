"""Rates of the baths: detailed balance, limits, closed forms, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.physics.baths import BATH_KINDS, Bath, BosonicBath, FermionicBath, OhmicBath, ResonatorBath, bose, fermi
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


@given(
    beta=betas,
    gamma=couplings,
    quality=st.floats(0.1, 100.0),
    resonance=st.floats(1e-2, 10.0),
    omega=st.floats(1e-3, 30.0),
)
def test_resonator_filters_an_ohmic_resistor(
    beta: float, gamma: float, quality: float, resonance: float, omega: float
) -> None:
    """S(x) = (g/2) x/(exp(beta x) - 1)/(1 + Q^2 (x/w0 - w0/x)^2) for excitation x > 0 and, at x < 0, relaxation."""
    bath = ResonatorBath(beta, gamma, quality=quality, resonance=resonance)
    up, down = bath.rate(np.array([-omega, omega]))
    for rate, x in ((up, omega), (down, -omega)):
        spectrum = 0.5 * gamma * x / np.expm1(beta * x) / (1 + quality**2 * (x / resonance - resonance / x) ** 2)
        assert rate == pytest.approx(spectrum, rel=1e-12, abs=0.0)
    assert up == pytest.approx(np.exp(-beta * omega) * down, rel=1e-13 * (1.0 + beta * omega), abs=0.0)
    np.testing.assert_allclose(
        (bath.emission(np.array(omega)), bath.absorption(np.array(omega))), (down, up), rtol=1e-15
    )


def test_resonator_passes_its_resonance_and_stops_the_rest() -> None:
    bath = ResonatorBath(2.0, 0.6, quality=30.0, resonance=0.5)
    resistor = OhmicBath(2.0, 0.3)
    assert bath.rate(0.5) == pytest.approx(resistor.rate(0.5), rel=1e-15)
    # half of it passes where the detuning is 1/Q
    half = 0.5 * (np.sqrt(1.0 + 1.0 / (4.0 * 900.0)) + 1.0 / 60.0)
    assert bath.rate(half) == pytest.approx(0.5 * resistor.rate(half), rel=1e-12)
    assert bath.rate(0.0) == 0.0
    assert bath.rate(1e-9) == pytest.approx(0.0, abs=1e-18)  # the limit
    exact = np.imag(bath.emission(np.array([0.5, 0.7]) + 1e-30j)) / 1e-30
    shifted = [bath.emission(np.array([0.5, 0.7]) + h) for h in (1e-6, -1e-6)]
    np.testing.assert_allclose(exact, (shifted[0] - shifted[1]) / 2e-6, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["quality", "resonance", "beta", "gamma"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_parameters_of_the_resonator_are_checked(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=f"{name} = "):
        ResonatorBath(**{"beta": 1.0, name: value})
