"""The Gaussian read-out: exact update, statistics of the record, average, information, reference values."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.stats import kstest, norm

from szilard.physics.information import information_gain
from szilard.physics.measurement import projective, spin
from szilard.physics.readout import GaussianReadout, bloch_update
from szilard.physics.superoperators import to_operator, to_vector
from szilard.physics.validation import ParameterError

SX, SY, SZ = (spin(axis) for axis in "xyz")
seeds = st.integers(0, 2**32 - 1)
log_times = st.floats(-3.0, 3.0).map(lambda x: 10.0**x)


def random_state(rng: np.random.Generator, dim: int, *batch: int) -> np.ndarray:
    raw = rng.normal(size=(*batch, dim, dim)) + 1j * rng.normal(size=(*batch, dim, dim))
    rho = raw @ raw.conj().swapaxes(-1, -2)
    return rho / np.trace(rho, axis1=-2, axis2=-1)[..., None, None]


def random_readout(rng: np.random.Generator, dim: int, tau: float) -> GaussianReadout:
    turn, _ = np.linalg.qr(rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim)))
    signs = np.where(np.arange(dim) < rng.integers(1, dim), 1.0, -1.0)
    return GaussianReadout((turn * signs) @ turn.conj().T, tau)


def bloch(rho: np.ndarray) -> np.ndarray:
    return np.real(np.stack([np.trace(rho @ s, axis1=-2, axis2=-1) for s in (SX, SY, SZ)], axis=-1))


@given(seeds, st.integers(2, 4), st.floats(-4, 4), st.floats(0.01, 4))
def test_update_is_the_kraus_operator_of_the_specification(seed, dim, record, dt):
    rng = np.random.default_rng(seed)
    readout, rho = random_readout(rng, dim, 1.3), random_state(rng, dim)
    deviation = record * np.eye(dim) - readout.observable
    kraus = (dt / (2 * np.pi * 1.3)) ** 0.25 * expm(-dt / (4 * 1.3) * deviation @ deviation)
    expected = kraus @ rho @ kraus
    density = np.real(np.trace(expected))
    assert readout.density(record, rho, dt) == pytest.approx(density, rel=1e-10)
    assert readout.update(rho, record, dt) == pytest.approx(expected / density, abs=1e-10)


@given(seeds, st.floats(-30, 30), st.sampled_from("xyz"))
def test_bloch_update_agrees(seed, y, axis):
    rho = random_state(np.random.default_rng(seed), 2)
    before, after = bloch(rho), bloch(GaussianReadout(spin(axis), 2.0).update(rho, y, 2.0))
    measured = "xyz".index(axis)
    s, q = bloch_update(before[measured], np.delete(before, measured), y)
    assert after[measured] == pytest.approx(s, abs=1e-12)
    assert np.delete(after, measured) == pytest.approx(q, abs=1e-12)
    t = np.tanh(y)
    if abs(y) < 5:  # the form of the specification
        assert s == pytest.approx((before[measured] + t) / (1 + before[measured] * t), abs=1e-9)
        assert q == pytest.approx(np.delete(before, measured) / (np.cosh(y) * (1 + before[measured] * t)), abs=1e-9)


@given(seeds, st.integers(2, 4), log_times)
def test_every_record_leaves_a_state_and_the_average_is_the_lindblad_term(seed, dim, dt):
    rng = np.random.default_rng(seed)
    readout, rho = random_readout(rng, dim, 1.0), random_state(rng, dim, 5)
    record, states = readout.sample(rho, dt, rng.random((5, 2)))
    assert record.shape == (5,)
    assert np.trace(states, axis1=-2, axis2=-1) == pytest.approx(np.ones(5), abs=1e-12)
    assert np.linalg.eigvalsh(states).min() > -1e-12
    lindblad = to_operator(to_vector(rho) @ expm(readout.dissipator() * dt).T)
    assert readout.average(rho, dt) == pytest.approx(lindblad, abs=1e-12)


@pytest.mark.parametrize("dt", [0.2, 4.0])
def test_records_average_to_the_unconditional_state(dt):
    readout = GaussianReadout(np.diag([1.0, -1.0, 1.0]), 1.0)
    rho = random_state(np.random.default_rng(4), 3)
    r = np.linspace(-40, 40, 40001)
    weights = readout.density(r, rho, dt) * 0.002
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    states = readout.update(rho, r, dt)
    assert np.einsum("r,rab->ab", weights, states) == pytest.approx(readout.average(rho, dt), abs=1e-12)


def test_two_readouts_in_a_row_are_one():
    readout, rho = GaussianReadout(SX, 0.7), random_state(np.random.default_rng(0), 2)
    twice = readout.update(readout.update(rho, 0.4, 0.3), -1.1, 0.6)
    assert twice == pytest.approx(readout.update(rho, (0.4 * 0.3 - 1.1 * 0.6) / 0.9, 0.9), abs=1e-14)


def test_records_are_distributed_by_borns_rule():
    readout, rho = GaussianReadout(SZ, 1.0), 0.5 * (np.eye(2) - 0.5 * SZ + 0.6 * SX)
    record, states = readout.sample(rho, 2.5, np.random.default_rng(8).random((20000, 2)))
    scale = 2.5**-0.5

    def mixture(p: float) -> Any:
        return lambda r: p * norm.cdf(r, 1, scale) + (1 - p) * norm.cdf(r, -1, scale)

    assert kstest(record, mixture(0.25)).pvalue > 1e-3
    assert kstest(record, mixture(0.75)).pvalue < 1e-30  # inverted probabilities
    z = bloch(states)[:, 2]
    assert z.mean() == pytest.approx(-0.5, abs=4 * z.std() / 20000**0.5)  # the measured component is conserved


# demon.md 8.5: axis, duration, mean and standard deviation of the heat over trajectories (DEM-25 to DEM-32)
@pytest.mark.parametrize(
    ("axis", "duration", "mean", "deviation"),
    [
        ("z", 0.2, 0.024591, 0.128174),
        ("z", 4.0, 0.249231, 0.066597),
        ("x", 0.2, 0.057922, 0.055897),
        ("x", 4.0, 0.253019, 0.046709),
    ],
)
def test_heat_of_the_reference_readouts(axis, duration, mean, deviation):
    p = 1.0 / (1.0 + np.e)
    rho, readout = np.diag([p, 1.0 - p]), GaussianReadout(spin(axis), 1.0)

    def heat(states: np.ndarray) -> np.ndarray:
        return 0.5 * (2 * p - 1 + np.linalg.norm(bloch(states), axis=-1))

    r = np.linspace(-20, 20, 200001)  # fine: the heat has a kink
    exact, weights = heat(readout.update(rho, r, duration)), 0.0002 * readout.density(r, rho, duration)
    assert weights @ exact == pytest.approx(mean, abs=5.1e-7)
    assert (weights @ (exact - mean) ** 2) ** 0.5 == pytest.approx(deviation, abs=5.1e-7)

    _, states = readout.sample(rho, duration, np.random.default_rng(3).random((20000, 2)))
    sampled = heat(states)
    assert sampled.mean() == pytest.approx(mean, abs=4 * sampled.std() / 20000**0.5)
    # the standard error of a variance holds the fourth moment: the deviation is known to 1.4 % only in the last case
    squares = (sampled - mean) ** 2
    assert squares.mean() == pytest.approx(deviation**2, abs=4 * squares.std() / 20000**0.5)


@pytest.mark.parametrize("duration", [0.3, 2.0])
def test_information_of_a_classical_bit(duration):
    p, scale = 0.3, duration**-0.5

    def integrand(r: float) -> float:  # Int sum_c p_c N(r; c) ln[N(r; c) / P(r)]
        parts = np.array([p * norm.pdf(r, 1, scale), (1 - p) * norm.pdf(r, -1, scale)])
        return float((parts * np.log(parts / [p, 1 - p] / parts.sum())).sum())

    expected = quad(integrand, -1 - 12 * scale, 1 + 12 * scale, epsabs=1e-12, limit=400)[0]
    readout = GaussianReadout(SZ, 1.0)
    assert readout.information_gain(np.diag([p, 1 - p]), duration) == pytest.approx(expected, abs=1e-11)


@given(seeds, st.integers(2, 4), log_times)
def test_information_lies_between_nothing_and_the_projective_readout(seed, dim, duration):
    rng = np.random.default_rng(seed)
    readout, rho = random_readout(rng, dim, 1.0), random_state(rng, dim)
    gain = readout.information_gain(rho, duration)
    sharp = float(information_gain(rho, projective(readout.observable)))
    assert -1e-13 <= gain <= sharp + 1e-12
    assert gain == pytest.approx(readout.information_gain(rho, duration, 1081), abs=1e-11)  # converged
    assert readout.information_gain(rho, 1e5) == pytest.approx(sharp, abs=1e-12)


def test_extreme_records_give_no_nan():
    readout = GaussianReadout(SZ, 1e-9)
    for level, sign in enumerate((1.0, -1.0)):
        rho = np.diag(np.eye(2)[level])
        for record in (sign, -sign):  # the second one is impossible
            assert readout.update(rho, record, 1.0) == pytest.approx(rho)
        records, _ = readout.sample(rho, 1.0, np.array([[0.0, 0.0], [1 - 2.0**-53, 1 - 2.0**-53]]))
        assert records == pytest.approx([sign, sign], abs=1e-3)
    s, q = bloch_update(np.array([1.0, -1.0, 0.0]), 0.0, 1e4)
    assert s == pytest.approx([1.0, -1.0, 1.0])
    assert q == pytest.approx([0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianReadout(SZ, 0.0), "tau = 0.0"),
        (lambda: GaussianReadout(0.5 * SZ, 1.0), "eigenvalues must be"),
        (lambda: GaussianReadout(np.array([[0, 1], [0, 0]]), 1.0), "not Hermitian"),
        (lambda: GaussianReadout(SZ, 1.0).sample(np.eye(2) / 2, 0.0, np.zeros(2)), "dt = 0.0"),
        (lambda: GaussianReadout(SZ, 1.0).sample(np.eye(2) / 2, 1.0, np.ones(2)), r"\[0, 1\)"),
        (lambda: GaussianReadout(SZ, 1.0).update(np.eye(3) / 3, 1.0, 1.0), "rho: has shape"),
        (lambda: GaussianReadout(SZ, 1.0).information_gain(np.eye(2) / 2, -1.0), "duration = -1.0"),
    ],
)
def test_errors(make: Any, message: str):
    with pytest.raises(ParameterError, match=message):
        make()
