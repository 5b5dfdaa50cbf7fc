"""Operations on Pauli tables against plain density matrices and Kraus operators."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.stats import kstest, norm

from szilard.physics import pauli
from szilard.physics.measurement import binary, local
from szilard.physics.superoperators import to_vector

ONE, SX, SY, SZ = np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])
SEEDS = st.integers(0, 2**32 - 1)


def random_density(rng: np.random.Generator, batch: int, rank: int = 4) -> np.ndarray:
    raw = rng.normal(size=(batch, 4, rank)) + 1j * rng.normal(size=(batch, 4, rank))
    rho = raw @ raw.conj().swapaxes(-1, -2)
    return rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None]


def on(qubit: int, operator: np.ndarray) -> np.ndarray:
    return np.kron(operator, ONE) if qubit == 0 else np.kron(ONE, operator)


def close(found: np.ndarray, expected: np.ndarray, atol: float = 1e-14) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


# ---- representation ----------------------------------------------------------------------------------------------


def test_a_component_is_the_expectation_value_that_its_name_says() -> None:
    rho = random_density(np.random.default_rng(0), 3)
    parts = dict(zip(pauli.NAMES, pauli.components(pauli.from_density(rho)).T, strict=True))
    sigma = {"x": SX, "y": SY, "z": SZ}
    assert len(parts) == 15
    for name, values in parts.items():
        operator = on(int(name[1]) - 1, sigma[name[0]]) if name[1] in "12" else np.kron(sigma[name[0]], sigma[name[1]])
        close(values, np.einsum("kab,ba->k", rho, operator).real)


@given(SEEDS)
def test_there_and_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rho = random_density(rng, 4)
    t = pauli.from_density(rho)
    close(pauli.density(t), rho)
    close(pauli.table(pauli.components(t)), t)
    close(pauli.populations(t), np.einsum("kaa->ka", rho).real)
    p = rng.dirichlet(np.ones(4), 5)
    diagonal = pauli.from_populations(p)
    close(pauli.density(diagonal), p[:, :, None] * np.eye(4))
    close(pauli.populations(diagonal), p)
    assert pauli.is_diagonal(diagonal)
    assert not pauli.is_diagonal(t)


def test_basis_change_from_the_hermitian_basis() -> None:
    rho = random_density(np.random.default_rng(1), 6)
    close(to_vector(rho) @ pauli.FROM_BASIS.T, pauli.from_density(rho).reshape(6, 16))
    close(pauli.FROM_BASIS @ pauli.FROM_BASIS.T, 4.0 * np.eye(16))


@given(SEEDS, st.integers(1, 4))
def test_entropy(seed: int, rank: int) -> None:
    rho = random_density(np.random.default_rng(seed), 4, rank)
    values = np.linalg.eigvalsh(rho)
    expected = -np.sum(np.where(values > 1e-15, values * np.log(np.where(values > 1e-15, values, 1.0)), 0.0), axis=1)
    close(pauli.entropy(pauli.from_density(rho)), expected, 1e-12)


def test_entropy_of_diagonal_states_in_a_mixed_batch() -> None:
    """One state with coherence must not change what the others get."""
    rng = np.random.default_rng(2)
    diagonal = pauli.from_populations(rng.dirichlet(np.ones(4), 3))
    both = np.concatenate([diagonal, pauli.from_density(random_density(rng, 2))])
    close(pauli.entropy(both)[:3], pauli.entropy(diagonal), 1e-14)


# ---- operations --------------------------------------------------------------------------------------------------


def test_swap() -> None:
    rho = random_density(np.random.default_rng(3), 4)
    exchange = np.eye(4)[[0, 2, 1, 3]]
    close(pauli.density(pauli.swap(pauli.from_density(rho))), exchange @ rho @ exchange)


@given(SEEDS, st.sampled_from([0, 1]))
def test_rotation_is_the_unitary_about_y(seed: int, qubit: int) -> None:
    rng = np.random.default_rng(seed)
    rho, angles = random_density(rng, 4), rng.uniform(-np.pi, np.pi, 4)
    before = pauli.from_density(rho)
    kept = before.copy()
    turned = pauli.density(pauli.rotated(before, qubit, angles))
    for one, angle, found in zip(rho, angles, turned, strict=True):
        u = on(qubit, expm(-0.5j * angle * SY))
        close(found, u @ one @ u.conj().T)
    assert (before == kept).all()


@pytest.mark.parametrize("qubit", [0, 1])
def test_flip_is_the_rotation_by_pi_and_its_own_inverse(qubit: int) -> None:
    before = pauli.from_density(random_density(np.random.default_rng(4), 4))
    flipped = pauli.flipped(before, qubit)
    close(flipped, pauli.rotated(before, qubit, np.full(4, np.pi)))
    assert (pauli.flipped(flipped, qubit) == before).all()
    levels = [[2, 3, 0, 1], [1, 0, 3, 2]][qubit]
    close(pauli.populations(flipped), pauli.populations(before)[:, levels])


def test_the_axis_is_exact_along_x_and_z() -> None:
    axes = pauli.axis_in_plane(np.array([0.0, 0.5 * np.pi, 0.3]))
    assert axes[0].tolist() == [0.0, 0.0, 1.0]
    assert axes[1].tolist() == [1.0, 0.0, 0.0]
    close(axes[2], np.array([np.sin(0.3), 0.0, np.cos(0.3)]))


@given(SEEDS, st.sampled_from([0, 1]), st.floats(0.5, 1.0), st.sampled_from([1, -1]))
def test_binary_read_out_is_its_kraus_operator(seed: int, qubit: int, k: float, sign: int) -> None:
    rng = np.random.default_rng(seed)
    rho, theta = random_density(rng, 4), rng.uniform(0.0, 0.5 * np.pi, 4)
    t, axis = pauli.from_density(rho), pauli.axis_in_plane(theta)
    strength = 2.0 * k - 1.0
    rest = np.sqrt(1.0 - strength**2)
    found = pauli.measured(t, qubit, axis, np.full(4, sign * strength), np.full(4, rest))
    for row in range(4):
        n_sigma = axis[row, 0] * SX + axis[row, 2] * SZ
        high, low = np.sqrt(k), np.sqrt(1.0 - k)
        m = on(qubit, 0.5 * ((high + low) * ONE + sign * (high - low) * n_sigma))
        after = m @ rho[row] @ m.conj().T
        probability = np.trace(after).real
        close(0.5 * (1.0 + sign * strength * pauli.polarisation(t, qubit, axis)[row]), probability)
        close(pauli.density(found[row : row + 1])[0], after / probability, 1e-13)
        # and the general instrument
        instrument = local(binary(axis[row], k), qubit, (2, 2))
        close(pauli.density(found[row : row + 1])[0], instrument.conditional(rho[row])[(1 - sign) // 2], 1e-13)


@given(SEEDS, st.sampled_from([0, 1]), st.floats(-4.0, 4.0), st.floats(0.01, 4.0))
def test_continuous_read_out_is_its_kraus_operator(seed: int, qubit: int, record: float, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    rho = random_density(rng, 2)
    axis = pauli.axis_in_plane(rng.uniform(0.0, 0.5 * np.pi, 2))
    y = record * ratio
    found = pauli.measured(pauli.from_density(rho), qubit, axis, np.full(2, np.tanh(y)), np.full(2, 1.0 / np.cosh(y)))
    for row in range(2):
        n_sigma = axis[row, 0] * SX + axis[row, 2] * SZ
        m = on(qubit, expm(-0.25 * ratio * (record * ONE - n_sigma) @ (record * ONE - n_sigma)))
        after = m @ rho[row] @ m.conj().T
        close(pauli.density(found[row : row + 1])[0], after / np.trace(after).real, 1e-12)


@pytest.mark.parametrize(("component", "ratio"), [(0.4, 0.7), (-0.9, 3.0), (1.0, 0.2)])
def test_records_are_distributed_as_the_kraus_operators_say(component: float, ratio: float) -> None:
    rng = np.random.default_rng(5)
    drawn = pauli.gaussian_record(np.full(20000, component), ratio, rng.random((20000, 2)))

    def distribution(r: np.ndarray) -> np.ndarray:
        up, down = norm.cdf(r, 1.0, ratio**-0.5), norm.cdf(r, -1.0, ratio**-0.5)
        return 0.5 * (1.0 + component) * up + 0.5 * (1.0 - component) * down

    assert kstest(drawn, distribution).pvalue > 1e-3


def test_records_are_finite_at_the_ends_of_the_uniforms() -> None:
    ends = np.array([[0.0, 0.0], [1.0 - 2.0**-53, 1.0 - 2.0**-53]])
    assert np.isfinite(pauli.gaussian_record(np.zeros(2), 1.0, ends)).all()
