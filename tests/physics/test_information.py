"""Information, its cost and the generalised second law: reference values, independent formulas, properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import unitary_group

from szilard.physics.information import (
    entropy,
    entropy_reduction,
    information_gain,
    landauer_cost,
    measurement_energy,
    mutual_information,
    record_entropy,
)
from szilard.physics.measurement import Instrument, binary, local, product, projective, spin, with_error
from szilard.physics.states import thermal_state
from szilard.physics.superoperators import to_operator
from szilard.physics.validation import ParameterError

SX, SZ = spin("x"), spin("z")
RESET = Instrument((np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]),))
seeds, sizes, counts = st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 4)
temperatures = st.floats(-1.5, 1.5).map(lambda x: 10.0**x)
thorough = settings(max_examples=200)


def random_state(rng: np.random.Generator, dim: int) -> np.ndarray:
    raw = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    rho = raw @ raw.conj().T
    return rho / np.trace(rho)


def random_instrument(rng: np.random.Generator, dim: int, n_outcomes: int, per_outcome: int = 1) -> Instrument:
    """From a random isometry; random scales make rare outcomes, and operators from nearly 1 to nearly projective."""
    raw = rng.normal(size=(2, n_outcomes * per_outcome, dim, dim)) * 10.0 ** rng.uniform(-2, 0, (dim, 1))
    raw = (raw[0] + 1j * raw[1]) * 10.0 ** rng.uniform(-2, 0, (n_outcomes * per_outcome, 1, 1))
    isometry, _ = np.linalg.qr(raw.reshape(-1, dim))
    return Instrument(tuple(isometry.reshape(n_outcomes, per_outcome, dim, dim)))


def with_noise(rng: np.random.Generator, instrument: Instrument) -> Instrument:
    """Each outcome followed by one of two random unitaries, nobody knows which."""
    turns = np.sqrt([[[0.3]], [[0.7]]]) * unitary_group.rvs(instrument.dim, size=2, random_state=rng)
    return Instrument(tuple((turns[:, None] @ m).reshape(-1, *m.shape[1:]) for m in instrument.kraus))


def best_heat(hamiltonian: np.ndarray, gibbs: np.ndarray, instrument: Instrument) -> float:
    """Heat of the cycle: measure the Gibbs state, apply the best unitary to each outcome, thermalise."""
    levels = np.linalg.eigvalsh(hamiltonian)
    passive = np.linalg.eigvalsh(instrument.unnormalized(gibbs))[..., ::-1] @ levels
    return float(np.real(np.trace(gibbs @ hamiltonian)) - passive.sum())


def random_gibbs(rng: np.random.Generator, dim: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    raw = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    hamiltonian = raw + raw.conj().T
    return hamiltonian, to_operator(thermal_state(hamiltonian, 1.0 / temperature))


def coupled(g: float) -> tuple[np.ndarray, np.ndarray]:
    """The two-qubit Hamiltonian of demon.md with e1 = e2 = 1 and its Gibbs state at T = 1."""
    one = np.eye(2)
    h = 0.5 * np.kron(SZ, one) + 0.5 * np.kron(one, SZ) + g * np.kron(SZ, SZ)
    return h, to_operator(thermal_state(h, 1.0))


def test_reference_values():
    h, gibbs = coupled(-0.25)
    z, x = (local(binary(axis, 0.9), 0, (2, 2)) for axis in "zx")
    assert information_gain(gibbs, z) == pytest.approx(0.269111, abs=5.1e-7)  # DEM-23
    assert information_gain(gibbs, x) == pytest.approx(0.278389, abs=5.1e-7)  # DEM-24
    both = product(binary("z", 0.9), binary("z", 0.9))
    assert best_heat(h, gibbs, both) == pytest.approx(0.304375, abs=5.1e-7)  # DEM-22
    assert measurement_energy(gibbs, h, local(projective(SX), 0, (2, 2))) == pytest.approx(0.38227288, abs=6e-9)
    assert measurement_energy(gibbs, h, both) == pytest.approx(0.0, abs=1e-15)


def test_symmetric_bit_with_error():
    bit = with_error(projective(SZ), np.array([[0.9, 0.1], [0.1, 0.9]]))
    assert information_gain(np.eye(2) / 2, bit) == pytest.approx(0.36806421, abs=6e-9)  # LAW-07
    assert mutual_information(np.array([[0.45, 0.05], [0.05, 0.45]])) == pytest.approx(0.36806421, abs=6e-9)
    assert landauer_cost(np.array([0.5, 0.5]), 2.0) == pytest.approx(2 * np.log(2))


@thorough
@given(seeds, sizes, counts, temperatures)
def test_efficient_measurements_obey_sagawa_and_ueda(seed, dim, n_outcomes, temperature):
    rng = np.random.default_rng(seed)
    h, gibbs = random_gibbs(rng, dim, temperature)
    instrument = random_instrument(rng, dim, n_outcomes)
    gain, p = information_gain(gibbs, instrument), instrument.probabilities(gibbs)
    tolerance = 1e-12 * (1.0 + np.abs(h).max() / temperature)
    assert best_heat(h, gibbs, instrument) / temperature <= gain + tolerance
    assert -1e-12 <= gain <= record_entropy(p) + 1e-12
    conditional = entropy(gibbs) - (p * entropy(instrument.conditional(gibbs))).sum()
    assert gain == pytest.approx(conditional, abs=1e-11)
    assert gain == pytest.approx(entropy_reduction(gibbs, instrument), abs=1e-11)
    bare = Instrument(tuple(np.asarray(sqrtm(effect)) for effect in instrument.povm))
    assert measurement_energy(gibbs, h, bare) >= -1e-6 * np.abs(h).max()  # sqrtm is not more exact than that


@thorough
@given(seeds, sizes, counts, temperatures)
def test_noise_keeps_the_bound_and_lowers_the_entropy_reduction(seed, dim, n_outcomes, temperature):
    rng = np.random.default_rng(seed)
    h, gibbs = random_gibbs(rng, dim, temperature)
    clean = random_instrument(rng, dim, n_outcomes)
    noisy = with_noise(rng, clean)
    assert noisy.adds_only_noise
    gain = information_gain(gibbs, noisy)
    assert gain == pytest.approx(information_gain(gibbs, clean), abs=1e-12)  # the record tells as much
    assert entropy_reduction(gibbs, noisy) <= gain + 1e-12
    assert best_heat(h, gibbs, noisy) / temperature <= gain + 1e-12 * (1.0 + np.abs(h).max() / temperature)


@thorough
@given(seeds, sizes, counts, st.integers(1, 3), temperatures)
def test_entropy_reduction_bounds_the_heat_of_any_instrument(seed, dim, n_outcomes, per_outcome, temperature):
    rng = np.random.default_rng(seed)
    h, gibbs = random_gibbs(rng, dim, temperature)
    instrument = random_instrument(rng, dim, n_outcomes, per_outcome)
    reduction = entropy_reduction(gibbs, instrument)
    assert best_heat(h, gibbs, instrument) / temperature <= reduction + 1e-12 * (1 + np.abs(h).max() / temperature)
    gain = information_gain(gibbs, instrument)
    assert -1e-12 <= gain <= record_entropy(instrument.probabilities(gibbs)) + 1e-12
    if instrument.adds_only_noise:
        assert reduction <= gain + 1e-10


@given(seeds, sizes, counts, st.integers(1, 3))
def test_information_is_that_about_a_purifying_partner(seed, dim, n_outcomes, per_outcome):
    # Buscemi et al. 2008: I = S(R) - sum_k p_k S(R_k), R the partner in a purification of the state
    rng = np.random.default_rng(seed)
    rho, instrument = random_state(rng, dim), random_instrument(rng, dim, n_outcomes, per_outcome)
    psi = np.asarray(sqrtm(rho)).reshape(-1)  # sum_ab sqrt(rho)_ab |a> |b>, the partner second
    expected = entropy(rho)
    for operators in instrument.kraus:
        moved = [np.kron(m, np.eye(dim)) @ psi for m in operators]
        partner = sum(np.einsum("ab,ac->bc", v.reshape(dim, dim), v.reshape(dim, dim).conj()) for v in moved)
        p = np.real(np.trace(partner))
        expected -= p * entropy(partner / p)
    assert information_gain(rho, instrument) == pytest.approx(expected, abs=1e-8)


@given(seeds, sizes)
def test_classical_states_have_classical_information(seed, dim):
    rng = np.random.default_rng(seed)
    p, misreading = rng.dirichlet(np.ones(dim)), rng.dirichlet(np.ones(3), size=dim)
    instrument = with_error(projective(np.diag(-np.arange(dim))), misreading)
    expected = mutual_information(p[:, None] * misreading)
    assert information_gain(np.diag(p), instrument) == pytest.approx(expected, abs=1e-12)
    assert entropy_reduction(np.diag(p), instrument) == pytest.approx(expected, abs=1e-12)


def test_entropy_reduction_can_be_negative_where_information_is_not():
    blind = with_error(projective(SX), np.full((2, 2), 0.5))
    excited = np.diag([1.0, 0.0])
    assert entropy_reduction(excited, blind) == pytest.approx(-np.log(2))
    assert information_gain(excited, blind) == pytest.approx(0.0, abs=1e-15)
    half = with_error(projective(SX), np.array([[0.8, 0.2], [0.2, 0.8]]))
    rho = np.diag([0.95, 0.05])
    assert entropy_reduction(rho, half) < -0.2
    assert information_gain(rho, half) > 0.05


def test_a_detector_that_cools_breaks_the_bound_by_information():
    # why ``adds_only_noise`` is asked for: the record is empty, the bath gives heat all the same
    gibbs = to_operator(thermal_state(0.5 * SZ, 1.0))
    heat = best_heat(0.5 * SZ, gibbs, RESET)
    assert heat == pytest.approx(0.26894142, abs=1e-8)
    assert information_gain(gibbs, RESET) == pytest.approx(0.0, abs=1e-15)
    assert heat <= entropy_reduction(gibbs, RESET)
    assert measurement_energy(gibbs, 0.5 * SZ, RESET) == pytest.approx(-heat)


def test_batches():
    rng = np.random.default_rng(2)
    rho = np.stack([random_state(rng, 2) for _ in range(6)]).reshape(2, 3, 2, 2)
    instrument = binary("x", 0.8)
    for function in (information_gain, entropy_reduction):
        alone = [[function(state, instrument) for state in row] for row in rho]
        assert function(rho, instrument) == pytest.approx(np.array(alone), abs=1e-14)
    assert measurement_energy(rho, SZ, instrument).shape == (2, 3)
    assert landauer_cost(instrument.probabilities(rho), np.array([1.0, 2.0, 3.0])).shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: record_entropy(np.array([0.5, 0.4])), "p: sums to 1"),
        (lambda: record_entropy(np.array([1.5, -0.5])), "entries >= 0"),
        (lambda: mutual_information(np.array([0.5, 0.5])), "joint: has shape"),
        (lambda: landauer_cost(np.array([1.0]), 0.0), "temperature = 0.0"),
        (lambda: information_gain(np.eye(3) / 3, projective(SZ)), "rho: has shape"),
        (lambda: measurement_energy(np.eye(2) / 2, np.eye(3), projective(SZ)), "hamiltonian: has shape"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
