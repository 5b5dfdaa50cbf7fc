"""The general d-level core against QuTiP, the reference values of laws.md, and the laws as properties."""

import warnings
from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from szilard.physics.baths import Bath, BosonicBath, FermionicBath, OhmicBath
from szilard.physics.lindblad import (
    Generator,
    NearDegeneracyWarning,
    SteadyStateError,
    augmented_propagator,
    bohr_frequencies,
    generator,
    gkls_derivative,
    gkls_generator,
    kms_residual,
    propagator_derivative,
    steady_state,
)
from szilard.physics.states import density_matrix_state, internal_energy, thermal_state, von_neumann_entropy
from szilard.physics.superoperators import (
    commutator,
    dissipator,
    hermitian_basis,
    product,
    to_operator,
    to_real,
    to_vector,
    unvectorize,
    vectorize,
)
from szilard.physics.validation import ParameterError

qt: Any = qutip  # its annotations do not match what it accepts
Coupling = tuple[NDArray[Any], Bath]

KINDS = (FermionicBath, BosonicBath, OhmicBath)
SX, SY, SZ = (getattr(qt, name)().full() for name in ("sigmax", "sigmay", "sigmaz"))
LOWER = np.array([[0.0, 0.0], [1.0, 0.0]])  # basis order (e, g)
systems = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 3))
relaxed = settings(max_examples=40, deadline=None)


def hermitian(rng: np.random.Generator, *shape: int) -> NDArray[np.complex128]:
    raw = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    return 0.5 * (raw + raw.conj().swapaxes(-1, -2))


def random_state(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    raw = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    rho = raw @ raw.conj().swapaxes(-1, -2)
    return to_vector(rho / np.trace(rho, axis1=-2, axis2=-1)[..., None, None])


def random_system(seed: int, dim: int, n_baths: int, batch: int = 1) -> tuple[NDArray[np.complex128], list[Coupling]]:
    """H (batch, d, d) and couplings of order one; rates are small against typical gaps."""
    rng = np.random.default_rng(seed)
    couplings: list[Coupling] = [
        (hermitian(rng, dim, dim), KINDS[rng.integers(3)](rng.uniform(0.2, 2.0), rng.uniform(0.01, 0.1)))
        for _ in range(n_baths)
    ]
    return 2.0 * hermitian(rng, batch, dim, dim), couplings


def qutip_liouvillian(hamiltonian: NDArray[np.complex128], couplings: list[Coupling]) -> qutip.Qobj:
    """The global GKLS equation the QuTiP way: a collapse operator for every Bohr frequency and bath."""
    energies, kets = qt.Qobj(hamiltonian).eigenstates()
    collapse = []
    for operator, bath in couplings:
        jumps: dict[float, qutip.Qobj] = {}  # by the frequency to eight decimals, 0 for a vanishing one
        rates: dict[float, float] = {}
        for i, bra in enumerate(kets):
            for j, ket in enumerate(kets):
                frequency = float(energies[j] - energies[i])
                key = round(frequency, 8) + 0.0
                element = qt.Qobj(operator).matrix_element(bra, ket)
                jumps[key] = jumps.get(key, 0) + element * bra * ket.dag()
                rates[key] = float(bath.rate(frequency if key else 0.0))
        collapse += [np.sqrt(rates[key]) * jump for key, jump in jumps.items()]
    return qt.liouvillian(qt.Qobj(hamiltonian), collapse)


def from_qutip(superoperator: qutip.Qobj) -> NDArray[np.float64]:
    """QuTiP stacks columns; transpose both index pairs and pass to the Hermitian basis."""
    full = superoperator.full()
    dim = round(full.shape[0] ** 0.5)
    rows = np.arange(dim * dim).reshape(dim, dim).T.ravel()
    return to_real(full[np.ix_(rows, rows)])


def driven_qubit(t: NDArray[np.float64] | float) -> NDArray[np.complex128]:
    """laws.md 3.1."""
    w = 1.0 + 0.6 * np.sin(0.7 * np.asarray(t))
    return 0.5 * w[..., None, None] * SZ + 0.25 * SX


DRIVEN_BATH: list[Coupling] = [(SX, BosonicBath(1.0 / 0.5, 0.1))]


# ---- operators and superoperators -------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_hermitian_basis_is_orthonormal_and_starts_with_the_identity(dim: int) -> None:
    basis = hermitian_basis(dim)
    np.testing.assert_allclose(np.einsum("aij,bji->ab", basis, basis), np.eye(dim * dim), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(basis, basis.conj().swapaxes(-1, -2))
    np.testing.assert_allclose(basis[0], np.eye(dim) / np.sqrt(dim))


def test_qubit_basis_is_the_pauli_basis() -> None:
    np.testing.assert_allclose(hermitian_basis(2), np.array([np.eye(2), SX, SY, SZ]) / np.sqrt(2.0), rtol=0, atol=2e-16)


def test_vectorize_is_row_major_and_inverted_by_unvectorize() -> None:
    rng = np.random.default_rng(0)
    a, x, b = (hermitian(rng, 5, 3, 3) + 1j * hermitian(rng, 5, 3, 3) for _ in range(3))
    np.testing.assert_array_equal(vectorize(x)[:, 5], x[:, 1, 2])
    np.testing.assert_array_equal(unvectorize(vectorize(x)), x)
    np.testing.assert_allclose(
        (product(a, b) @ vectorize(x)[..., None])[..., 0], vectorize(a @ x @ b), rtol=0, atol=1e-12
    )


def test_real_vectors_are_an_isometry() -> None:
    rng = np.random.default_rng(1)
    x, y = hermitian(rng, 7, 3, 3), hermitian(rng, 7, 3, 3)
    assert to_vector(x).dtype == np.float64
    np.testing.assert_allclose(to_operator(to_vector(x)), x, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        (to_vector(x) * to_vector(y)).sum(-1), np.einsum("kij,kji->k", x, y).real, rtol=0, atol=1e-13
    )


def test_commutator_against_qutip() -> None:
    h = hermitian(np.random.default_rng(2), 4, 4)
    np.testing.assert_allclose(commutator(h), from_qutip(qt.liouvillian(qt.Qobj(h), [])), rtol=0, atol=1e-14)


def test_local_dissipator_against_qutip() -> None:
    rng = np.random.default_rng(3)
    jumps, rates = rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3)), np.array([0.3, 1.2])
    expected: Any = sum(k * qt.lindblad_dissipator(qt.Qobj(c)) for c, k in zip(jumps, rates, strict=True))
    np.testing.assert_allclose(dissipator(jumps, rates), from_qutip(expected), rtol=0, atol=1e-14)
    batched = dissipator(jumps, np.array([[0.3, 1.2], [0.0, 0.0]]))
    np.testing.assert_allclose(batched[0], dissipator(jumps, rates), rtol=0, atol=1e-15)
    assert not batched[1].any()


# ---- against QuTiP ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_baths", [1, 2, 3])
@pytest.mark.parametrize("dim", [2, 3, 4])
def test_generator_propagator_and_steady_state_against_qutip(dim: int, n_baths: int) -> None:
    hamiltonian, couplings = random_system(10 * dim + n_baths, dim, n_baths, batch=3)
    made = gkls_generator(hamiltonian, couplings)
    maps, _ = augmented_propagator(made, 0.7)
    steady = steady_state(made)
    for k, h in enumerate(hamiltonian):
        reference = qutip_liouvillian(h, couplings)
        np.testing.assert_allclose(made.total[k], from_qutip(reference), rtol=0, atol=1e-12)
        np.testing.assert_allclose(maps[k], from_qutip((0.7 * reference).expm()), rtol=0, atol=1e-12)
        np.testing.assert_allclose(to_operator(steady[k]), qt.steadystate(reference).full(), rtol=0, atol=1e-11)
        for a, coupling in enumerate(couplings):
            single = qutip_liouvillian(h, [coupling]) - qt.liouvillian(qt.Qobj(h), [])
            np.testing.assert_allclose(made.dissipators[k, a], from_qutip(single), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_generator_against_secular_bloch_redfield(dim: int) -> None:
    (hamiltonian,), couplings = random_system(dim, dim, 2)

    def spectrum(bath: Bath):  # a closure: QuTiP treats default arguments of the function as its own
        return lambda w: float(bath.rate(w))

    a_ops = [[qt.Qobj(operator), spectrum(bath)] for operator, bath in couplings]
    reference = qt.bloch_redfield_tensor(qt.Qobj(hamiltonian), a_ops, sec_cutoff=1e-9, fock_basis=True)
    np.testing.assert_allclose(gkls_generator(hamiltonian, couplings).total, from_qutip(reference), rtol=0, atol=1e-12)


@pytest.mark.parametrize("energies", [[0.0, 1.0, 2.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.5, 3.0], [2.0, 2.0, 2.0]])
def test_degenerate_frequencies_are_one_group(energies: list[float]) -> None:
    """Equidistant and degenerate levels, in a rotated basis and with a large offset of the energy."""
    rng, dim = np.random.default_rng(4), len(energies)
    rotation = np.linalg.qr(hermitian(rng, dim, dim))[0]
    hamiltonian = (rotation * np.array(energies)) @ rotation.conj().T
    couplings: list[Coupling] = [(hermitian(rng, dim, dim), OhmicBath(0.8, 0.05))]
    made = gkls_generator(hamiltonian, couplings)
    np.testing.assert_allclose(made.total, from_qutip(qutip_liouvillian(hamiltonian, couplings)), rtol=0, atol=1e-12)
    lifted = gkls_generator(hamiltonian + 1e3 * np.eye(dim), couplings)
    np.testing.assert_allclose(lifted.dissipators, made.dissipators, rtol=0, atol=1e-11)


def test_grouping_is_antisymmetric_and_exactly_zero_on_the_diagonal() -> None:
    frequencies, groups = bohr_frequencies(np.array([[0.0, 1.0, 2.0 + 1e-12], [0.0, 1.0, 2.1], [5.0, 5.0, 5.0]]))
    np.testing.assert_array_equal(frequencies, -frequencies.swapaxes(-1, -2))
    assert not np.diagonal(frequencies, axis1=-2, axis2=-1).any()
    np.testing.assert_array_equal([len(np.unique(g)) for g in groups], [5, 7, 1])


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_heat_against_quadrature_of_the_qutip_trajectory(dim: int) -> None:
    """Q_a = Int tr(H D_a rho(t)) dt, 30 Gauss-Legendre nodes over the step."""
    (hamiltonian,), couplings = random_system(50 + dim, dim, 2)
    state = random_state(np.random.default_rng(dim), dim, dim)
    dt = 0.6
    _, rows = augmented_propagator(gkls_generator(hamiltonian, couplings), dt)
    liouvillian = qutip_liouvillian(hamiltonian, couplings)
    nodes, weights = np.polynomial.legendre.leggauss(30)
    currents = []
    for coupling in couplings:
        part = from_qutip(qutip_liouvillian(hamiltonian, [coupling]) - qt.liouvillian(qt.Qobj(hamiltonian), []))
        currents.append(to_vector(hamiltonian) @ part)
    states = [from_qutip((0.5 * dt * (1.0 + x) * liouvillian).expm()) @ state for x in nodes]
    expected = 0.5 * dt * np.array([[q @ s for s in states] for q in currents]) @ weights
    np.testing.assert_allclose(rows @ state, expected, rtol=0, atol=1e-12)


def test_step_against_mesolve() -> None:
    (hamiltonian,), couplings = random_system(77, 3, 2)
    state = random_state(np.random.default_rng(7), 3, 3)
    maps, _ = augmented_propagator(gkls_generator(hamiltonian, couplings), 2.0)
    options = {"atol": 1e-13, "rtol": 1e-12, "nsteps": 100_000, "progress_bar": ""}
    liouvillian = qutip_liouvillian(hamiltonian, couplings)
    solved = qt.mesolve(liouvillian, qt.Qobj(to_operator(state)), [0.0, 2.0], options=options)
    np.testing.assert_allclose(to_operator(maps @ state), solved.states[-1].full(), rtol=0, atol=1e-10)


def test_batch_equals_single() -> None:
    hamiltonian, couplings = random_system(5, 3, 2, batch=6)
    dts = np.linspace(0.1, 2.0, 6)
    batched = gkls_generator(hamiltonian, couplings)
    maps, rows = augmented_propagator(batched, dts)
    for k in range(6):
        single = gkls_generator(hamiltonian[k], couplings)
        np.testing.assert_allclose(batched.dissipators[k], single.dissipators, rtol=0, atol=1e-14)
        one_map, one_rows = augmented_propagator(single, float(dts[k]))
        np.testing.assert_allclose(maps[k], one_map, rtol=0, atol=1e-13)
        np.testing.assert_allclose(rows[k], one_rows, rtol=0, atol=1e-13)
    nested = gkls_generator(hamiltonian.reshape(2, 3, 3, 3), couplings)
    np.testing.assert_allclose(nested.total.reshape(6, 9, 9), batched.total, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_derivative_against_central_differences(dim: int) -> None:
    hamiltonian, couplings = random_system(90 + dim, dim, 3, batch=4)
    direction, step = hermitian(np.random.default_rng(dim), 4, dim, dim), 1e-5
    exact = gkls_derivative(hamiltonian, direction, couplings)
    plus = gkls_generator(hamiltonian + step * direction, couplings, check=False)
    minus = gkls_generator(hamiltonian - step * direction, couplings, check=False)
    for name in ("energy", "unitary", "dissipators"):
        difference = (getattr(plus, name) - getattr(minus, name)) / (2.0 * step)
        np.testing.assert_allclose(getattr(exact, name), difference, atol=1e-6 * max(1.0, np.abs(difference).max()))
    made = gkls_generator(hamiltonian, couplings, check=False)
    slopes = propagator_derivative(made, exact, 0.3)
    for slope, high, low in zip(slopes, augmented_propagator(plus, 0.3), augmented_propagator(minus, 0.3), strict=True):
        np.testing.assert_allclose(slope, (high - low) / (2.0 * step), atol=1e-6)


# ---- reference values of laws.md ----------------------------------------------------------------------------------


def test_law_01_to_03_continuous_drive() -> None:
    slope_operator = to_vector(0.5 * SZ)

    def flow(t: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
        made = gkls_generator(driven_qubit(t), DRIVEN_BATH)
        power = 0.6 * 0.7 * np.cos(0.7 * t) * slope_operator @ y[:4]
        return np.concatenate([made.total @ y[:4], [power], made.heat_rows @ y[:4]])

    start = thermal_state(driven_qubit(0.0), 1.0 / 0.2)
    solved = solve_ivp(flow, (0.0, 20.0), np.append(start, [0.0, 0.0]), method="DOP853", rtol=1e-10, atol=1e-12)
    *end, work, heat = solved.y[:, -1]
    change = internal_energy(driven_qubit(20.0), np.array(end)) - internal_energy(driven_qubit(0.0), start)
    assert change == pytest.approx(-0.0645827309, abs=0.5e-10 + 1e-9)
    assert work == pytest.approx(-0.0613141605, abs=0.5e-10 + 1e-9)
    assert heat == pytest.approx(-0.0032685704, abs=0.5e-10 + 1e-9)
    assert change == pytest.approx(work + heat, abs=1e-9)


@pytest.mark.parametrize(("steps", "expected"), [(200, -0.061415582), (800, -0.061320502)])
def test_law_04_05_stepwise_drive(steps: int, expected: float) -> None:
    dt = 20.0 / steps
    levels = np.concatenate([[0.0], dt * (np.arange(steps) + 0.5), [20.0]])
    hamiltonians = driven_qubit(levels)
    maps, rows = augmented_propagator(gkls_generator(hamiltonians[1:-1], DRIVEN_BATH), dt)
    state = start = thermal_state(driven_qubit(0.0), 1.0 / 0.2)
    switches = to_vector(np.diff(hamiltonians, axis=0))
    work = heat = 0.0
    for k in range(steps):
        work += switches[k] @ state
        after, gained = maps[k] @ state, float(rows[k, 0] @ state)
        sigma = von_neumann_entropy(after) - von_neumann_entropy(state) - gained / 0.5
        assert sigma > 0.0
        state, heat = after, heat + gained
    work += switches[-1] @ state
    assert work == pytest.approx(expected, abs=0.5e-9 + 1e-9)
    change = internal_energy(hamiltonians[-1], state) - internal_energy(hamiltonians[0], start)
    assert change == pytest.approx(work + heat, abs=1e-14 * steps)


def two_qubits() -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """laws.md 3.2: the Hamiltonian and the lowering operators of the hot and the cold qubit."""
    lower = [np.kron(LOWER, np.eye(2)), np.kron(np.eye(2), LOWER)]
    hop = lower[0].T @ lower[1]
    return 4.0 * lower[0].T @ lower[0] + lower[1].T @ lower[1] + 0.1 * (hop + hop.T) + 0j, lower


def test_law_06_local_master_equation_violates_the_second_law() -> None:
    hamiltonian, lower = two_qubits()
    betas, parts = (0.5, 1.0), []
    for operator, frequency, beta in zip(lower, (4.0, 1.0), betas, strict=True):
        bath = BosonicBath(beta, 0.05)
        parts.append(dissipator(np.stack([operator, operator.T]), bath.rate(np.array([frequency, -frequency]))))
    local = generator(hamiltonian, parts)
    hot, cold = local.heat_rows @ steady_state(local)
    assert hot == pytest.approx(-8.24697951e-5, abs=0.5e-13 + 1e-14)
    assert -betas[0] * hot - betas[1] * cold == pytest.approx(-4.12348976e-5, abs=0.5e-13 + 1e-14)
    assert kms_residual(hamiltonian, parts[0], betas[0]) > 1e-3


def test_local_propagator_against_qutip() -> None:
    """Local dissipators do not commute with -i [H, .]: no split."""
    hamiltonian, lower = two_qubits()
    parts = [dissipator(np.stack([c, c.T]), np.array([0.3, 0.1])) for c in lower]
    maps, rows = augmented_propagator(generator(hamiltonian, parts), 1.3)
    collapse = [np.sqrt(k) * qt.Qobj(c) for op in lower for c, k in ((op, 0.3), (op.T, 0.1))]
    reference = from_qutip((1.3 * qt.liouvillian(qt.Qobj(hamiltonian), collapse)).expm())
    np.testing.assert_allclose(maps, reference, rtol=0, atol=1e-12)
    change = to_vector(hamiltonian) @ (maps - np.eye(16))
    np.testing.assert_allclose(rows.sum(0), change, rtol=0, atol=1e-13)


def test_long_hold_keeps_purity_and_energy() -> None:
    """Without a bath a hold is unitary to round-off even for |H| dt = 1e5."""
    hamiltonian = 10.0 * hermitian(np.random.default_rng(8), 3, 3)
    made = gkls_generator(hamiltonian, [(np.zeros((3, 3)), FermionicBath(1.0))])
    maps, rows = augmented_propagator(made, 1e4)
    np.testing.assert_allclose(maps @ maps.T, np.eye(9), rtol=0, atol=1e-14)
    np.testing.assert_allclose(made.energy @ maps, made.energy, rtol=0, atol=1e-13)
    assert not rows.any()


def test_law_06_global_master_equation_obeys_it() -> None:
    hamiltonian, lower = two_qubits()
    couplings = [(lower[0] + lower[0].T, BosonicBath(0.5, 0.05)), (lower[1] + lower[1].T, BosonicBath(1.0, 0.05))]
    made = gkls_generator(hamiltonian, couplings)
    hot, cold = made.heat_rows @ steady_state(made)
    assert hot > 0.0
    assert hot + cold == pytest.approx(0.0, abs=1e-15)


def test_law_19_absorption_refrigerator() -> None:
    """COP = wc/ww = 0.5 exactly."""
    couplings = []
    for (i, j), temperature in zip(((0, 1), (1, 2), (0, 2)), (0.9, 3.0, 1.0), strict=True):
        operator = np.zeros((3, 3))
        operator[i, j] = operator[j, i] = 1.0
        couplings.append((operator, BosonicBath(1.0 / temperature, 0.1)))
    made = gkls_generator(np.diag([0.0, 1.0, 3.0]), couplings)
    cold, driving, room = made.heat_rows @ steady_state(made)
    assert cold > 0.0
    assert cold / driving == pytest.approx(0.5, rel=1e-12)
    assert cold + driving + room == pytest.approx(0.0, abs=1e-15)


# ---- laws as properties -------------------------------------------------------------------------------------------


def quiet(hamiltonian: NDArray[np.complex128], couplings: list[Coupling]) -> Generator:
    """Random gaps may come close; the laws hold all the same."""
    return gkls_generator(hamiltonian, couplings, check=False)


@relaxed
@given(system=systems)
def test_kms_trace_and_commutation_with_the_hamiltonian_part(system: tuple[int, int, int]) -> None:
    hamiltonian, couplings = random_system(*system, batch=4)
    made = quiet(hamiltonian, couplings)
    assert made.secular
    assert not made.total[:, 0].any()
    unitary = made.unitary[:, None]
    np.testing.assert_allclose(unitary @ made.dissipators, made.dissipators @ unitary, rtol=0, atol=1e-12)
    for a, (_, bath) in enumerate(couplings):
        assert kms_residual(hamiltonian, made.dissipators[:, a], bath.beta).max() < 1e-13


@relaxed
@given(system=systems, exponent=st.floats(-3.0, 2.0))
def test_trace_positivity_and_both_laws_of_a_step(system: tuple[int, int, int], exponent: float) -> None:
    hamiltonian, couplings = random_system(*system, batch=8)
    dt, dim = 10.0**exponent, system[1]
    made = quiet(hamiltonian, couplings)
    maps, rows = augmented_propagator(made, dt)
    state = random_state(np.random.default_rng(system[0]), 8, dim, dim)
    after = (maps @ state[..., None])[..., 0]
    heat = (rows @ state[..., None])[..., 0]
    rho = to_operator(after)
    np.testing.assert_allclose(np.trace(rho, axis1=-2, axis2=-1), 1.0, rtol=0, atol=1e-12)
    assert np.linalg.eigvalsh(rho).min() > -1e-12
    change = internal_energy(hamiltonian, after) - internal_energy(hamiltonian, state)
    size = np.linalg.norm(made.dissipators.sum(-3), 2, axis=(-2, -1)) * dt
    scale = np.abs(hamiltonian).max() + np.abs(heat).max(-1)
    assert (np.abs(change - heat.sum(-1)) < 1e-15 * np.maximum(10.0, size) * scale).all()
    betas = np.array([bath.beta for _, bath in couplings])
    sigma = von_neumann_entropy(after) - von_neumann_entropy(state) - heat @ betas
    assert sigma.min() > -1e-12 * max(1.0, np.abs(heat @ betas).max())


@relaxed
@given(system=systems)
def test_spohn_inequality_of_every_bath(system: tuple[int, int, int]) -> None:
    """-tr(D_a[rho] ln rho) - beta_a tr(H D_a[rho]) >= 0."""
    hamiltonian, couplings = random_system(*system, batch=8)
    made = quiet(hamiltonian, couplings)
    state = random_state(np.random.default_rng(system[0]), 8, system[1], system[1])
    values, vectors = np.linalg.eigh(to_operator(state))
    logarithm = to_vector((vectors * np.log(values)[..., None, :]) @ vectors.conj().swapaxes(-1, -2))
    for a, (_, bath) in enumerate(couplings):
        flow = (made.dissipators[:, a] @ state[..., None])[..., 0]
        terms = np.stack([-(logarithm * flow).sum(-1), -bath.beta * (made.energy * flow).sum(-1)])
        assert (terms.sum(0) >= -1e-12 * np.abs(terms).max(0)).all()


@relaxed
@given(system=systems)
def test_one_bath_leads_to_its_thermal_state(system: tuple[int, int, int]) -> None:
    hamiltonian, couplings = random_system(system[0], system[1], 1, batch=2)
    bath = couplings[0][1]
    steady = steady_state(quiet(hamiltonian, couplings))
    np.testing.assert_allclose(steady, thermal_state(hamiltonian, bath.beta), atol=1e-9)


def test_stepwise_first_law_at_round_off() -> None:
    """Delta E = W + Q over 200 random switches and holds, for steps from 1e-3 to 10."""
    rng = np.random.default_rng(11)
    _, couplings = random_system(11, 3, 2)
    hamiltonians = 2.0 * hermitian(rng, 201, 3, 3)
    maps, rows = augmented_propagator(quiet(hamiltonians[1:], couplings), 10.0 ** rng.uniform(-3.0, 1.0, 200))
    state, worst = random_state(rng, 3, 3), 0.0
    for k in range(200):
        before = internal_energy(hamiltonians[k], state)
        work = to_vector(hamiltonians[k + 1] - hamiltonians[k]) @ state
        heat = (rows[k] @ state).sum()
        state = maps[k] @ state
        worst = max(worst, abs(internal_energy(hamiltonians[k + 1], state) - before - work - heat))
    assert worst < 2e-14


# ---- states -------------------------------------------------------------------------------------------------------


def test_entropy_is_safe_at_pure_states() -> None:
    pure = to_vector(np.array([np.diag([1.0, 0.0, 0.0]), np.full((3, 3), 1.0 / 3.0), np.eye(3) / 3.0]))
    np.testing.assert_allclose(von_neumann_entropy(pure), [0.0, 0.0, np.log(3.0)], rtol=0, atol=1e-14)


def test_thermal_state_in_all_limits() -> None:
    hamiltonian = np.diag([0.0, 1.0, 3.0])
    np.testing.assert_allclose(to_operator(thermal_state(hamiltonian, 0.0)), np.eye(3) / 3.0, rtol=0, atol=1e-15)
    cold = to_operator(thermal_state(hamiltonian, np.array([1e5, -1e5])))
    np.testing.assert_allclose(cold, [np.diag([1.0, 0, 0]), np.diag([0, 0, 1.0])], rtol=0, atol=1e-15)
    weights = np.exp(-0.7 * np.diag(hamiltonian))
    warm = to_operator(thermal_state(hamiltonian, 0.7))
    np.testing.assert_allclose(np.diag(warm), weights / weights.sum(), rtol=0, atol=1e-15)


def test_density_matrix_state_checks() -> None:
    np.testing.assert_allclose(
        density_matrix_state("rho", np.eye(2) / 2.0, 2), [np.sqrt(0.5), 0, 0, 0], rtol=0, atol=2e-16
    )
    for bad, message in ((np.eye(2), "trace"), (np.diag([1.5, -0.5]), "positive"), (LOWER, "Hermitian")):
        with pytest.raises(ParameterError, match=f"rho: .*{message}"):
            density_matrix_state("rho", bad, 2)


# ---- warnings and errors -------------------------------------------------------------------------------------------


def test_nearly_degenerate_gaps_warn() -> None:
    couplings: list[Coupling] = [(np.ones((3, 3), dtype=complex), FermionicBath(1.0, 0.1))]
    for gap in (1e-3, 1e-6):
        with pytest.warns(NearDegeneracyWarning, match="differ by only"):
            gkls_generator(np.diag([0.0, 1.0, 1.0 + gap]), couplings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gkls_generator(np.diag([0.0, 1.0, 1.0 + 1e-11]), couplings)  # one group: degenerate, not nearly so
        gkls_generator(np.diag([0.0, 1.0, 2.5]), couplings)
        gkls_generator(np.diag([0.0, 1.0, 1.0 + 1e-6]), couplings, check=False)


def test_steady_state_must_be_unique() -> None:
    """A bath that commutes with a conserved quantity leaves several steady states."""
    block = np.kron(np.eye(2), SX)
    hamiltonian = np.kron(np.diag([0.0, 0.37]), np.eye(2)) + 0.5 * np.kron(np.eye(2), SZ)
    made = gkls_generator(hamiltonian, [(block, BosonicBath(1.0, 0.1))], check=False)
    with pytest.raises(SteadyStateError, match=r"2 independent steady states|4 independent steady states"):
        steady_state(made)
    with pytest.raises(SteadyStateError):
        steady_state(generator(SZ, []))


GOOD = (np.diag([0.0, 1.0]), [(SX, FermionicBath(1.0))])


@pytest.mark.parametrize(
    ("hamiltonian", "operator", "message"),
    [
        (LOWER, SX, "hamiltonian: is not Hermitian"),
        (np.diag([0.0, np.nan]), SX, "hamiltonian: has entries that are not finite"),
        (np.zeros((2, 3)), SX, r"hamiltonian: has shape \(2, 3\)"),
        (np.zeros((1, 1)), SX, r"hamiltonian: has shape \(1, 1\)"),
        (np.zeros(4), SX, r"hamiltonian: has shape \(4,\)"),
        (np.array([["a", "b"], ["c", "d"]]), SX, "hamiltonian: has entries of type"),
        (SZ, LOWER, r"couplings\[0\] operator: is not Hermitian"),
        (SZ, np.eye(3), r"couplings\[0\] operator: has shape \(3, 3\)"),
        (SZ, np.stack([SX, SX]), r"couplings\[0\] operator: has shape \(2, 2, 2\)"),
        (SZ, np.array([[0.0, np.inf], [np.inf, 0.0]]), r"couplings\[0\] operator: has entries that are not finite"),
        (1000.0 * SZ, SX, r"couplings\[0\] bath: beta \* width of H"),
    ],
)
def test_input_errors_name_the_parameter(hamiltonian: np.ndarray, operator: np.ndarray, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gkls_generator(hamiltonian, [(operator, FermionicBath(1.0))])


def test_other_input_errors() -> None:
    made = gkls_generator(*GOOD)
    for dt in (-1.0, float("nan")):
        with pytest.raises(ParameterError, match="dt = "):
            augmented_propagator(made, dt)
    with pytest.raises(ParameterError, match="rates = "):
        dissipator(LOWER[None], np.array([-1.0]))
    with pytest.raises(ParameterError, match="rates: has shape"):
        dissipator(LOWER[None], np.ones(3))
    with pytest.raises(ParameterError, match="jump_ops: has shape"):
        dissipator(LOWER)
    with pytest.raises(ParameterError, match=r"dissipators\[0\]: has shape"):
        generator(SZ, [np.zeros((9, 9))])
    with pytest.raises(ParameterError, match="beta = "):
        thermal_state(SZ, np.nan)
    with pytest.raises(ParameterError, match="vector: has shape"):
        to_operator(np.zeros(5))
    with pytest.raises(ParameterError, match="direction: has shape"):
        gkls_derivative(SZ, np.eye(3), [])
