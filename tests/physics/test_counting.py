"""Counting statistics of a few steps, against tilted propagators, another formulation, Fock space and quantum jumps."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm
from scipy.sparse.linalg import expm_multiply

from szilard.envs.catalogue import CATALOGUE, configure
from szilard.physics.baths import BATH_KINDS, BosonicBath, OhmicBath
from szilard.physics.control import Control, Range
from szilard.physics.counting import count_step, counting_propagator, steady_counts
from szilard.physics.lindblad import generator
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.dlevel import DLevelMachine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.superoperators import dissipator, product, to_operator, to_real

SX, SY, SZ = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])


def hermitian(rng, dim):
    raw = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    return 0.25 * (raw + raw.conj().T)


def three_levels():
    rng = np.random.default_rng(1)
    return DLevelMachine(
        hamiltonian=np.diag([0.0, 2.0, 5.5]) + hermitian(rng, 3),
        baths={"a": (hermitian(rng, 3), BosonicBath(0.3, 0.02)), "b": (hermitian(rng, 3), OhmicBath(0.6, 0.02))},
        controls=((Range("u", 0.0, 1.0), hermitian(rng, 3)),),
        connections={"a": ["a"], "both": ["a", "b"], "none": []},
    )


def random_controls(machine, rng, batch, steps):
    space = machine.control_space
    width = space.high - space.low
    return [
        Control(space.low + width * rng.random((batch, space.n_values)), rng.integers(0, space.n_choices, batch))
        for _ in range(steps)
    ]


def count(machine, state, controls, dt, weights=None):
    covariance, variance = np.zeros((len(state), machine.n_dynamic)), np.zeros(len(state))
    for control in controls:
        covariance, increment = count_step(machine, state, covariance, control, dt, weights)
        variance += increment
        state, _ = machine.step(state, control, dt)
    return covariance, variance


def taylor(machine, state, controls, dt, weights, radius=0.02, points=16):
    """Coefficients in the counting field of (trace, trace times x), from the tilted propagators on a circle."""
    values = []
    for chi in radius * np.exp(2j * np.pi * np.arange(points) / points):
        v = np.concatenate([np.ones((len(state), 1)), state[:, : machine.n_dynamic]], axis=1).astype(complex)
        for control in controls:
            v = np.einsum("kij,kj->ki", machine.tilted(control, dt, chi * weights), v)
        values.append(v)
    return [c / radius**n for n, c in enumerate(np.real(np.fft.fft(values, axis=0))[:3] / points)]


@pytest.mark.parametrize(
    "machine",
    [*(TwoLevelEngine(rates=kind, gamma_c=0.4) for kind in BATH_KINDS), QubitRefrigerator(), three_levels()],
    ids=lambda m: type(m).__name__,
)
def test_count_step_is_the_expansion_of_the_tilted_propagator(machine):
    rng = np.random.default_rng(0)
    weights = np.array([-0.4, 1.0])
    state = machine.initial_state(rng.random((5, machine.n_initial_uniforms)))
    controls = random_controls(machine, rng, 5, 4)
    covariance, variance = count(machine, state, controls, 0.7, weights)
    zero, one, two = taylor(machine, state, controls, 0.7, weights)
    mean = one[:, :1]
    np.testing.assert_allclose(zero[:, 0], 1.0, atol=1e-13)
    np.testing.assert_allclose(covariance, one[:, 1:] - mean * zero[:, 1:], atol=1e-10)
    np.testing.assert_allclose(variance, 2.0 * two[:, 0] - mean[:, 0] ** 2, atol=1e-8)
    assert variance.min() > 1e-3 * variance.max() > 0.0


def test_weights_default_to_the_output_and_the_variance_is_quadratic_in_them():
    machine, rng = QubitRefrigerator(), np.random.default_rng(2)
    state, controls = machine.initial_state(rng.random((3, 1))), random_controls(machine, rng, 3, 3)

    def variance(*weights):
        return count(machine, state, controls, 1.0, np.array(weights))[1]

    np.testing.assert_array_equal(count(machine, state, controls, 1.0)[1], variance(0.0, 1.0))
    hot, cold, both = variance(1.0, 0.0), variance(0.0, 1.0), variance(1.0, 1.0)
    cross = 0.5 * (both - hot - cold)
    np.testing.assert_allclose(variance(2.0, -3.0), 4 * hot + 9 * cold - 12 * cross, rtol=1e-12)


def test_a_machine_without_counting_statistics_says_so():
    class Plain(TwoLevelEngine):
        count, tilted = AffineMachine.count, AffineMachine.tilted

    machine = Plain()
    control = Control(np.array([[0.5]]), np.array([0]))
    state = machine.initial_state(np.array([[0.5]]))
    with pytest.raises(NotImplementedError, match="Plain"):
        count_step(machine, state, np.zeros((1, 1)), control, 0.5)
    with pytest.raises(NotImplementedError, match="Plain"):
        machine.tilted(control, 0.5, np.zeros(2))


def test_qubit_refrigerator_agrees_with_the_general_machine():
    # sigma_y has modulus one between any two eigenstates of H(u) and none within one: the same jumps
    qubit, rng = QubitRefrigerator(), np.random.default_rng(3)
    general = DLevelMachine(
        hamiltonian=-qubit.E0 * qubit.delta * SX,
        controls=((Range("u", 0.0, 0.75), -qubit.E0 * SZ),),
        baths={name: (SY, bath) for name, bath in zip(qubit.bath_names, qubit.baths, strict=True)},
    )
    state = qubit.initial_state(rng.random((4, 1)))
    state[:, :3] = rng.normal(size=(4, 3)) * 0.4
    other = state * np.array([np.sqrt(0.5)] * 3 + [1.0])
    controls, weights = random_controls(qubit, rng, 4, 3), np.array([0.3, 1.0])
    covariance, variance = count(qubit, state, controls, 0.98, weights)
    found, spread = count(general, other, controls, 0.98, weights)
    np.testing.assert_allclose(found, covariance * np.sqrt(0.5), atol=1e-14)
    np.testing.assert_allclose(spread, variance, atol=1e-14)


# ---- oscillator: Fock space ------------------------------------------------------------------------------------------


def fock_operators(size, omega):
    lower = np.diag(np.sqrt(np.arange(1.0, size)), 1)
    return (lower + lower.T) / np.sqrt(2.0 * omega), -1j * np.sqrt(0.5 * omega) * (lower - lower.T)


def fock_generator(q, p, omega, beta, rate, weight):
    """Orders zero to two of the tilted generator, row-major and sparse."""
    lower = np.sqrt(0.5 * omega) * q + 1j * p / np.sqrt(2.0 * omega)
    n, identity = 1.0 / np.expm1(beta * omega), np.eye(len(q))
    energy = omega * lower.conj().T @ lower
    orders = [-1j * (sp.kron(energy, identity) - sp.kron(identity, energy.T)), 0, 0]
    for jump, k, e in ((lower, rate * (n + 1), -omega * weight), (lower.conj().T, rate * n, omega * weight)):
        gain, number = k * sp.kron(jump, jump.conj()), k * jump.conj().T @ jump
        orders[0] = orders[0] + gain - 0.5 * (sp.kron(number, identity) + sp.kron(identity, number.T))
        orders[1] = orders[1] + e * gain
        orders[2] = orders[2] + e * e * gain
    return orders


def test_oscillator_agrees_with_the_tilted_generator_in_fock_space():
    machine = OscillatorEngine(u_min=0.7, u_max=1.0, beta_h=1.0, beta_c=3.0, gamma_h=0.7, gamma_c=0.5)
    size, weights = 28, np.array([1.0, 0.6])
    q, p = fock_operators(size, 1.7)
    state = machine.initial_state(np.array([[0.3]]))
    omega = machine.omega0 * state[0, -1]
    rho = expm(-2.0 / (1.0 / machine.beta_h + 1.0 / machine.beta_c) * 0.5 * (p @ p + omega**2 * q @ q))
    v = np.concatenate([(rho / np.trace(rho)).ravel(), np.zeros(2 * size * size)])
    covariance, variance = np.zeros((1, 4)), 0.0
    for u, choice, dt in ((0.95, 0, 0.9), (0.72, 2, 0.6), (0.8, 1, 1.1), (1.0, 0, 0.5)):
        control = Control(np.array([[u]]), np.array([choice]))
        covariance, increment = count_step(machine, state, covariance, control, dt, weights)
        variance += increment[0]
        state, _ = machine.step(state, control, dt)
        beta, rate, weight = [(1.0, 0.7, 1.0), (3.0, 0.5, 0.6), (1.0, 0.0, 0.0)][choice]
        zero, one, two = fock_generator(q, p, machine.omega0 * u, beta, rate, weight)
        block = sp.bmat([[zero, None, None], [one, zero, None], [two, 2 * one, zero]]).tocsr()
        v = expm_multiply(block * dt, v)
    rho, first, second = np.real_if_close(v).reshape(3, size, size)
    mean = np.trace(first).real
    moments = [p @ p, q @ q, q @ p + p @ q]
    found = [np.trace(m @ first).real - mean * np.trace(m @ rho).real for m in moments]
    np.testing.assert_allclose(state[0, :3], [np.trace(m @ rho).real for m in moments], rtol=1e-7)
    np.testing.assert_allclose(covariance[0, :3], found, atol=1e-7)
    assert variance == pytest.approx(np.trace(second).real - mean**2, abs=1e-7)
    x, dx = state[0], covariance[0]
    assert dx[3] == pytest.approx(x[1] * dx[0] + x[0] * dx[1] - 0.5 * x[2] * dx[2], abs=1e-14)


# ---- qubit: quantum jumps --------------------------------------------------------------------------------------------


def unravel(machine, psi, values, dt, rng):
    """Quantum jump trajectories of pure states psi (K, 2): heats (K, 2) from the baths, and the final states.

    Waiting times are drawn from the norm of the state, |g|^2 exp(-up t) + |e|^2 exp(-down t), by bisection.
    """
    heat = np.zeros((len(psi), 2))
    for u in values:
        energies, vectors = np.linalg.eigh(-machine.E0 * (machine.delta * SX + u * SZ))
        gap = energies[1] - energies[0]
        rates = np.array([[bath.absorption(gap), bath.emission(gap)] for bath in machine.baths]).reshape(2, 2)
        total = rates.sum(0)
        phase = np.exp(-0.5 * total - 1j * np.array([0.0, gap]))
        c = psi @ vectors.conj()
        left, alive = np.full(len(psi), dt), np.arange(len(psi))
        while len(alive):
            weight = np.abs(c[alive]) ** 2
            target = rng.random(len(alive))
            low, high = np.zeros(len(alive)), left[alive]
            jumps = (weight * np.exp(-total * high[:, None])).sum(1) < target
            for _ in range(36):
                middle = 0.5 * (low + high)
                early = (weight * np.exp(-total * middle[:, None])).sum(1) > target
                low, high = np.where(early, middle, low), np.where(early, high, middle)
            time = np.where(jumps, high, left[alive])
            c[alive] *= phase ** time[:, None]
            c[alive] /= np.linalg.norm(c[alive], axis=1, keepdims=True)
            left[alive] -= time
            alive = alive[jumps]
            intensity = np.abs(c[alive]) ** 2 * total
            up = rng.random(len(alive)) * intensity.sum(1) < intensity[:, 0]
            share = np.where(up, rates[0, 0] / total[0], rates[0, 1] / total[1])
            cold = (rng.random(len(alive)) > share).astype(int)
            heat[alive, cold] += np.where(up, gap, -gap)
            c[alive] = np.stack([~up, up], axis=1)
        psi = c @ vectors.T
    return heat, psi


def test_qubit_refrigerator_agrees_with_quantum_jump_trajectories():
    machine, rng, size, dt = QubitRefrigerator(), np.random.default_rng(5), 10000, 1.3
    values = np.array([0.5, 0.13, 0.12, 0.27, 0.04, 0.03, 0.5] * 3)  # sudden moves: coherence matters
    psi = np.array([1.0, 0.5 - 0.6j])
    psi = psi / np.linalg.norm(psi)
    bloch = [np.real(psi.conj() @ s @ psi) for s in (SX, SY, SZ)]
    heat, last = unravel(machine, np.tile(psi, (size, 1)), values, dt, rng)
    state = np.array([[*bloch, 0.0]])
    controls = [Control(np.array([[u]]), np.array([0])) for u in values]
    mean, start = np.zeros(2), state
    for control in controls:
        state, flows = machine.step(state, control, dt)
        mean += flows.heat[0]
    assert abs(state[0, 1]) > 0.05  # there is coherence
    error = heat.std(0) / np.sqrt(size)
    assert (np.abs(heat.mean(0) - mean) < 4 * error).all()
    for weights in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        covariance, variance = count(machine, start, controls, dt, np.array(weights))
        counted = heat @ np.array(weights) - mean @ np.array(weights)
        assert abs((counted**2).mean() - variance[0]) < 4 * (counted**2).std() / np.sqrt(size)
        for j, s in enumerate((SX, SY, SZ)):
            x = np.real(np.einsum("ki,ij,kj->k", last.conj(), s, last))
            sample = counted * (x - state[0, j])
            assert abs(sample.mean() - covariance[0, j]) < 4 * sample.std() / np.sqrt(size)


@pytest.mark.parametrize("env_id", [e.id for e in CATALOGUE if issubclass(e.machine_class(), AffineMachine)])
def test_every_machine_of_the_catalogue_that_has_limit_cycles_counts(env_id):
    machine, rng = configure(env_id)[0], np.random.default_rng(0)
    assert isinstance(machine, AffineMachine)
    state = machine.initial_state(rng.random((4, machine.n_initial_uniforms)))
    _, variance = count(machine, state, random_controls(machine, rng, 4, 6), 0.5)
    assert (variance > 0.0).all()


# ---- fluctuation theorems and noise of steady states -----------------------------------------------------------------


@pytest.mark.parametrize("steps", [5, 50])
def test_jarzynski_equality_of_a_driven_qubit_in_a_bath(steps):
    # laws.md, LAW-09: gap 1 + 0.8 t/5 held at the middle of every step, T = 0.5
    beta, final = 2.0, 5.0
    machine = DLevelMachine(
        hamiltonian=np.zeros((2, 2)),
        controls=((Range("w", 0.5, 2.0), np.diag([1.0, 0.0])),),
        baths={"bath": (SX, BosonicBath(beta, 0.3))},
    )
    gap = 1.0 + 0.8 * (np.arange(steps) + 0.5) / steps
    # sum over the first level of p exp(beta E) = 1/Z0, and exp(-beta W) = exp(-beta (Delta E - Q))
    v = np.array([2.0, 0.0, 0.0, 0.0]) / (1.0 + np.exp(-beta))
    for w in gap:
        v = machine.tilted(Control(np.array([[w]]), np.array([0])), final / steps, np.array([beta]))[0] @ v
    occupied = 0.5 * v[0] + np.sqrt(0.5) * v[3]  # z_1 = (rho_00 - rho_11)/sqrt(2)
    average = (v[0] - occupied) + occupied * np.exp(-1.8 * beta)
    assert average == pytest.approx(0.9048637329, abs=1e-9)
    assert average == pytest.approx((1 + np.exp(-1.8 * beta)) / (1 + np.exp(-beta)), rel=1e-14)


def test_jarzynski_equality_of_a_driven_closed_qubit():
    # laws.md, LAW-08: w(t) = 1 + 0.6 sin(0.7 t), H = (w sigma_z + 0.5 sigma_x)/2, from 0 to 3.3
    beta, final = 1.3, 3.3
    machine = DLevelMachine(
        hamiltonian=0.25 * SX,
        controls=((Range("w", 0.0, 2.0), 0.5 * SZ),),
        baths={"bath": (SX, BosonicBath(beta))},
        connections={"none": []},
    )
    times = final * (np.arange(40) + 0.5) / 40

    def boltzmann(t):
        return expm(-0.5 * beta * ((1 + 0.6 * np.sin(0.7 * t)) * SZ + 0.5 * SX))

    # exp(beta H(0)) rho(0) = 1/Z0 is what the drive acts on
    v = np.array([2.0, 0.0, 0.0, 0.0]) / np.trace(boltzmann(0.0))
    for w in 1 + 0.6 * np.sin(0.7 * times):
        v = machine.tilted(Control(np.array([[w]]), np.array([0])), final / 40, np.array([0.0]))[0] @ v
    average = np.trace(boltzmann(final) @ to_operator(v * np.append(np.sqrt(0.5), np.ones(3)))).real
    assert average == pytest.approx(1.2029129022, abs=1e-9)


def conductor(g, hot, cold, k_hot=1.0, k_cold=1.0):
    """Two coupled qubits; orders zero to two of the generator that counts quanta from the hot side, and its tilt."""
    lower = np.array([[0, 0], [1, 0]])
    a, b = np.kron(lower, np.eye(2)), np.kron(np.eye(2), lower)
    ends = [(a, k_hot, hot), (b, k_cold, cold)]
    dissipators = [dissipator(np.stack([x.T, x]), k * np.array([f, 1 - f])) for x, k, f in ends]
    drift = generator(g * (a.T @ b + b.T @ a), dissipators).total
    gain = [k_hot * rate * to_real(product(x, x.T)) for x, rate in ((a.T, hot), (a, 1 - hot))]
    return drift, gain[0] - gain[1], gain[0] + gain[1], lambda x: drift + np.expm1(x) * gain[0] + np.expm1(-x) * gain[1]


@pytest.mark.parametrize(("g", "affinity", "expected"), [(0.64549723, 4.82020497, 1.7534465), (0.1, 2.0, 2.5399363)])
def test_uncertainty_product_of_a_coherent_conductor(g, affinity, expected):
    # laws.md, LAW-13 and LAW-14; 2 would be the classical bound
    hot = 1.0 / (1.0 + np.exp(-0.5 * affinity))
    drift, first, second, _ = conductor(g, hot, 1.0 - hot)
    rate, noise = steady_counts(drift, first, second)
    assert noise * affinity / rate == pytest.approx(expected, abs=6e-8)
    # the same from a finite time: the variance grows as noise * t up to a constant
    order_one, row = counting_propagator(drift, first, second, np.array([40.0, 50.0]))
    rho = np.append(1.0, np.linalg.solve(drift[1:, 1:], -drift[1:, 0])) / 2.0
    variance = row @ rho - (2.0 * order_one[:, 0] @ rho) ** 2
    assert (variance[1] - variance[0]) / 10.0 == pytest.approx(noise, rel=1e-6)


@pytest.mark.parametrize("x", [0.1, -0.3, 0.9])
def test_gallavotti_cohen_symmetry_of_a_coherent_conductor(x):
    # laws.md, section 3.9
    tilted = conductor(0.4, 0.8, 0.2, 1.0, 0.7)[3]
    affinity = 2 * np.log(0.8 / 0.2)

    def growth(field):
        return np.linalg.eigvals(tilted(field)).real.max()

    assert growth(x) == pytest.approx(growth(-affinity - x), abs=1e-13)
    assert abs(growth(x)) > 1e-3
