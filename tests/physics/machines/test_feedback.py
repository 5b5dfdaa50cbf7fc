"""Best feedback against brute force over the unitaries of each class."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import unitary_group

from szilard.physics import pauli
from szilard.physics.machines.feedback import best_flips, best_rotation, flip_gain, passive
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon

SEEDS = st.integers(0, 2**32 - 1)
MACHINE = TwoQubitDemon(e1=0.8, e2=1.7, g=-0.3, axes="xz")


def random_density(rng: np.random.Generator, batch: int, rank: int = 4) -> np.ndarray:
    raw = rng.normal(size=(batch, 4, rank)) + 1j * rng.normal(size=(batch, 4, rank))
    rho = raw @ raw.conj().swapaxes(-1, -2)
    return rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None]


def on(qubit: int, operator: np.ndarray) -> np.ndarray:
    return np.kron(operator, np.eye(2)) if qubit == 0 else np.kron(np.eye(2), operator)


def energy(rho: np.ndarray) -> float:
    return float(np.real(np.diag(rho)) @ MACHINE.levels)


def su2(a: float, b: float, c: float) -> np.ndarray:
    z = np.array([np.exp(-0.5j * a), np.exp(0.5j * a)])
    w = np.array([np.exp(-0.5j * c), np.exp(0.5j * c)])
    turn = np.array([[np.cos(b / 2), -np.sin(b / 2)], [np.sin(b / 2), np.cos(b / 2)]])
    return z[:, None] * turn * w


@settings(max_examples=25)
@given(SEEDS, st.sampled_from([0, 1]))
def test_no_rotation_of_a_qubit_is_better(seed: int, qubit: int) -> None:
    rng = np.random.default_rng(seed)
    rho = random_density(rng, 1)[0]
    after = pauli.density(best_rotation(MACHINE, pauli.from_density(rho[None]), qubit))[0]

    def turned(angles: np.ndarray) -> float:
        u = on(qubit, su2(*angles))
        return energy(u @ rho @ u.conj().T)

    found = min(minimize(turned, rng.uniform(-np.pi, np.pi, 3)).fun for _ in range(3))
    assert energy(after) == pytest.approx(found, abs=1e-7)
    # it is a rotation: spectrum, and the state of the other qubit, stay
    np.testing.assert_allclose(np.linalg.eigvalsh(after), np.linalg.eigvalsh(rho), atol=1e-12)
    other = (0, 2) if qubit == 0 else (1, 3)
    parts = [np.trace(x.reshape(2, 2, 2, 2), axis1=other[0], axis2=other[1]) for x in (rho, after)]
    np.testing.assert_allclose(parts[0], parts[1], atol=1e-12)


@settings(max_examples=25)
@given(SEEDS)
def test_the_energy_of_the_specification(seed: int) -> None:
    """(e2/2) <sz2> - |v|, v_a = Tr[rho ((e1/2) sigma_a (x) 1 + g sigma_a (x) sz)]."""
    rho = random_density(np.random.default_rng(seed), 1)[0]
    sigma = [np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])]
    weight = np.diag([0.5 * MACHINE.e1 + MACHINE.g, 0.5 * MACHINE.e1 - MACHINE.g])
    v = [np.trace(rho @ np.kron(s, weight)).real for s in sigma]
    expected = 0.5 * MACHINE.e2 * np.trace(rho @ np.kron(np.eye(2), sigma[2])).real - np.linalg.norm(v)
    after = best_rotation(MACHINE, pauli.from_density(rho[None]))
    assert MACHINE.energy(after)[0] == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("axis", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, 1, 0), (1e-9, 0, 1), (0, 0, 0)])
def test_rotation_of_special_states(axis: tuple[float, float, float]) -> None:
    t = np.zeros((1, 4, 4))
    t[0, 0, 0], t[0, 1:, 0], t[0, 0, 3], t[0, 1:, 3] = 1.0, axis, -1.0, -np.array(axis)
    after = best_rotation(MACHINE, t)
    assert np.isfinite(after).all()
    np.testing.assert_allclose(after[0, 1:, 0], np.array([0.0, 0.0, -float(np.linalg.norm(axis))]), atol=1e-8)


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 4))
def test_no_unitary_is_better_than_the_passive_state(seed: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    rho = random_density(rng, 1, rank)[0]
    after = pauli.density(passive(MACHINE, pauli.from_density(rho[None])))[0]
    np.testing.assert_allclose(np.linalg.eigvalsh(after), np.linalg.eigvalsh(rho), atol=1e-12)
    assert np.abs(after - np.diag(np.diag(after))).max() < 1e-15
    for u in unitary_group.rvs(4, size=50, random_state=rng):
        assert energy(u @ rho @ u.conj().T) >= energy(after) - 1e-12
    # the best one is a permutation of the eigenbasis
    values = np.linalg.eigvalsh(rho)
    assert energy(after) == pytest.approx(
        min(values[list(o)] @ MACHINE.levels for o in itertools.permutations(range(4)))
    )


@pytest.mark.parametrize("g", [-0.3, 1.2])
def test_passive_state_of_a_diagonal_state(g: float) -> None:
    machine = TwoQubitDemon(e1=0.8, e2=1.7, g=g)
    after = pauli.populations(passive(machine, pauli.from_populations(np.array([[0.4, 0.1, 0.2, 0.3]]))))[0]
    assert after[np.argsort(machine.levels)] == pytest.approx([0.4, 0.3, 0.2, 0.1])


@settings(max_examples=25)
@given(SEEDS, st.sampled_from([(), (0,), (1,), (0, 1)]))
def test_flips_are_the_best_of_all(seed: int, qubits: tuple[int, ...]) -> None:
    t = pauli.from_density(random_density(np.random.default_rng(seed), 6))
    x = np.array([[0, -1], [1, 0]])  # exp(-i pi sigma_y / 2)
    rho = pauli.density(t)
    sets = [s for n in range(len(qubits) + 1) for s in itertools.combinations(qubits, n)]
    candidates = []
    for chosen in sets:
        u = np.eye(4)
        for q in chosen:
            u = on(q, x) @ u
        candidates.append(u @ rho @ u.conj().T)
    expected = np.min([[energy(one) for one in c] for c in candidates], axis=0)
    after = best_flips(MACHINE, t, qubits)
    np.testing.assert_allclose(MACHINE.energy(after), expected, atol=1e-14)
    np.testing.assert_allclose(np.linalg.eigvalsh(pauli.density(after)), np.linalg.eigvalsh(rho), atol=1e-12)


@pytest.mark.parametrize("qubit", [0, 1])
def test_gain_of_a_flip(qubit: int) -> None:
    t = pauli.from_density(random_density(np.random.default_rng(1), 5))
    gain = MACHINE.energy(t) - MACHINE.energy(pauli.flipped(t, qubit))
    np.testing.assert_allclose(flip_gain(MACHINE, t, qubit), gain, atol=1e-14)


def test_no_needless_flip() -> None:
    """Of two equally good ways the one that does nothing is taken, whatever round-off says."""
    t = pauli.from_populations(np.full((1, 4), 0.25))
    assert (best_flips(MACHINE, t) == t).all()
