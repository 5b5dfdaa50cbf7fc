"""The demon with continuous read-outs: exact update, averages, heat distributions, what the record tells."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.special import entr
from scipy.stats import kstest, norm

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.machines.continuous_demon import ContinuousDemon, record_information
from szilard.physics.machines.coupled_qubits_references import GAUSSIAN
from szilard.physics.machines.detachable_demon import MEASURE, WAIT
from szilard.physics.machines.feedback import best_flips, best_rotation
from szilard.physics.readout import GaussianReadout
from szilard.physics.superoperators import to_operator, to_vector

SEEDS = st.integers(0, 2**32 - 1)


def told(machine: ContinuousDemon, choice: int, batch: int, theta: float = 0.0) -> Control:
    row = [theta, 0.0][: machine.control_space.n_values]
    return Control(np.tile(row, (batch, 1)), np.full(batch, choice))


def state_of(machine: ContinuousDemon, t: np.ndarray) -> np.ndarray:
    return np.concatenate([pauli.components(t), told(machine, WAIT, len(t)).values], axis=1)


def random_density(rng: np.random.Generator) -> np.ndarray:
    raw = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    rho = raw @ raw.conj().T
    return rho / np.trace(rho)


def read_outs(theta: float, tau: float) -> list[GaussianReadout]:
    spin = np.array([[np.cos(theta), np.sin(theta)], [np.sin(theta), -np.cos(theta)]])
    return [GaussianReadout(np.kron(spin, np.eye(2)), tau), GaussianReadout(np.kron(np.eye(2), spin), tau)]


def close(found: np.ndarray, expected: np.ndarray, atol: float = 1e-13) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


# ---- one measurement ---------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(["one", "both"]), st.floats(-2.0, 0.5))
def test_the_update_is_that_of_the_record(seed: int, read_out: str, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    machine, dt = ContinuousDemon(read_out=read_out, axes="xz", tau=0.7), 0.7 * 10.0**exponent
    theta, rho = float(rng.uniform(0.0, 0.5 * np.pi)), random_density(rng)
    t = np.repeat(pauli.from_density(rho[None]), 6, axis=0)
    done = machine.propagate(state_of(machine, t), told(machine, MEASURE, 6, theta), dt, rng.random((6, 4)))
    assert done.outcome is not None
    assert done.measurement_energy is not None
    assert done.information is not None
    h = np.diag(machine.levels)
    for row, found in enumerate(pauli.density(pauli.table(done.state[:, :15]))):
        expected = rho
        for qubit in machine.read_qubits:
            expected = read_outs(theta, 0.7)[qubit].update(expected, done.outcome[row, qubit], dt)
        close(found, expected, 1e-12)
        close(done.measurement_energy[row], np.trace(h @ (expected - rho)).real, 1e-12)
        drop = entr(np.linalg.eigvalsh(rho)).sum() - entr(np.maximum(np.linalg.eigvalsh(expected), 0)).sum()
        close(done.information[row], drop, 1e-11)
    if read_out == "one":
        assert not done.outcome[:, 1].any()


def test_records_of_both_qubits() -> None:
    """Each is a mixture of two normal distributions; their covariance is the correlation of the qubits."""
    machine, n, dt, theta = ContinuousDemon(axes="xz", tau=0.5), 20_000, 0.4, 0.6
    rng = np.random.default_rng(0)
    rho = random_density(rng)
    state = np.repeat(state_of(machine, pauli.from_density(rho[None])), n, axis=0)
    r = machine.propagate(state, told(machine, MEASURE, n, theta), dt, rng.random((n, 4))).outcome
    assert r is not None
    observables = [one.observable for one in read_outs(theta, 0.5)]
    width = np.sqrt(0.5 / 0.4)
    for qubit, a in enumerate(observables):
        p = 0.5 * (1.0 + np.trace(a @ rho).real)
        test = kstest(r[:, qubit], lambda x, p=p: p * norm.cdf(x, 1, width) + (1 - p) * norm.cdf(x, -1, width))
        assert test.pvalue > 1e-3
    product = r[:, 0] * r[:, 1]
    expected = np.trace(observables[0] @ observables[1] @ rho).real
    assert abs(product.mean() - expected) < 4 * product.std() / np.sqrt(n)


def test_two_short_read_outs_are_a_long_one() -> None:
    rng = np.random.default_rng(1)
    t = pauli.from_density(random_density(rng)[None])
    axis, r1, r2 = pauli.axis_in_plane(np.array([0.3])), 0.4, -1.1

    def update(before: np.ndarray, r: float, ratio: float) -> np.ndarray:
        y = np.array([r * ratio])
        return pauli.measured(before, 0, axis, np.tanh(y), 1.0 / np.cosh(y))

    close(update(update(t, r1, 0.4), r2, 0.4), update(t, 0.5 * (r1 + r2), 0.8))


def test_a_read_out_much_longer_than_tau_is_projective() -> None:
    machine = ContinuousDemon(tau=1e-4)
    rng = np.random.default_rng(2)
    t = pauli.from_populations(rng.dirichlet(np.ones(4), 200))
    done = machine.propagate(state_of(machine, t), told(machine, MEASURE, 200), 1.0, rng.random((200, 4)))
    p = pauli.populations(pauli.table(done.state[:, :15]))
    close(p.max(axis=1), np.ones(200))
    assert done.outcome is not None
    signs = pauli.TWO_SIGNS[p.argmax(axis=1)]
    close(done.outcome, signs, 0.1)


# ---- averages over trajectories ----------------------------------------------------------------------------------


def test_the_mean_obeys_the_lindblad_equation() -> None:
    """Read-outs and contacts in turn, no feedback: the average evolves with (1 / 4 tau) D[n.sigma]."""
    machine, n, dt, theta = ContinuousDemon(axes="xz", tau=0.5, e2=1.7), 20_000, 0.3, 0.5
    rng = np.random.default_rng(3)
    rho = random_density(rng)
    state = np.repeat(state_of(machine, pauli.from_density(rho[None])), n, axis=0)
    monitored = expm(dt * sum(one.dissipator() for one in read_outs(theta, 0.5)))
    mean, heat, expected_heat = rho, [], []
    for _ in range(3):
        state, flows = machine.step(state, told(machine, MEASURE, n, theta), dt, rng.random((n, 4)))
        mean = to_operator(monitored @ to_vector(mean))
        state, flows = machine.step(state, told(machine, WAIT, n), dt)
        after, q = machine.relaxed(pauli.from_density(mean[None]), dt)
        mean = pauli.density(after)[0]
        heat.append(flows.heat[:, 0])
        expected_heat.append(q[0, 0])
    t = pauli.table(state[:, :15])
    error = t.std(axis=0) / np.sqrt(n)
    assert (np.abs(t.mean(axis=0) - pauli.from_density(mean[None])[0]) <= 4 * error + 1e-12).all()
    for q, expected in zip(heat, expected_heat, strict=True):
        assert abs(q.mean() - expected) < 4 * q.std() / np.sqrt(n)


@pytest.mark.parametrize("axis", ["z", "x"])
def test_decay_of_coherence_is_exponential(axis: str) -> None:
    machine, n = ContinuousDemon(axes="xz", tau=0.4, read_out="one"), 20_000
    rng, theta = np.random.default_rng(4), 0.0 if axis == "z" else 0.5 * np.pi
    t = np.zeros((1, 4, 4))
    t[0, 0, 0], t[0, 1, 0], t[0, 3, 0] = 1.0, 0.5, -0.6
    state = np.repeat(state_of(machine, t), n, axis=0)
    for _ in range(4):
        state, _ = machine.step(state, told(machine, MEASURE, n, theta), 0.1, rng.random((n, 4)))
    x, z = pauli.table(state[:, :15])[:, [1, 3], 0].T
    kept = {"z": (np.exp(-0.4 / 0.8), 1.0), "x": (1.0, np.exp(-0.4 / 0.8))}[axis]
    assert abs(x.mean() - 0.5 * kept[0]) < 4 * x.std() / np.sqrt(n)
    assert abs(z.mean() + 0.6 * kept[1]) < 4 * z.std() / np.sqrt(n)


@pytest.mark.parametrize(("mean_id", "sd_id", "axis", "tm", "mean", "sd"), GAUSSIAN)
def test_heat_of_one_qubit(mean_id: str, sd_id: str, axis: str, tm: float, mean: float, sd: float) -> None:
    """DEM-25..32: read-out of an uncoupled qubit, Bayes flip or best rotation, complete thermalisation."""
    machine = ContinuousDemon(g=0.0, e2=1.7, read_out="one", tau=1.0, axes="z" if axis == "z" else "xz")
    n, rng = 20_000, np.random.default_rng(int(mean_id[-2:]))
    state = np.repeat(state_of(machine, machine.thermal), n, axis=0)
    theta = 0.0 if axis == "z" else 0.5 * np.pi
    state, _ = machine.step(state, told(machine, MEASURE, n, theta), tm, rng.random((n, 4)))
    t = pauli.table(state[:, :15])
    t = best_flips(machine, t, (0,)) if axis == "z" else best_rotation(machine, t)
    _, flows = machine.step(state_of(machine, t), told(machine, WAIT, n), 200.0)
    heat = flows.heat[:, 0]
    assert abs(heat.mean() - mean) < 4 * heat.std() / np.sqrt(n)
    fourth = np.mean((heat - heat.mean()) ** 4)  # the tail is long: the error of the deviation is not 1/sqrt(2 n)
    assert abs(heat.std() - sd) < 4 * np.sqrt((fourth - heat.var() ** 2) / n) / (2 * sd)


# ---- what the record tells ---------------------------------------------------------------------------------------


def mutual_information(s: float, ratio: float) -> float:
    """h((1+s)/2) - Int P(r) h(p(+|r)) dr, by adaptive quadrature."""
    p, width = 0.5 * (1.0 + s), ratio**-0.5

    def h(q: Any) -> float:
        return float(entr(q) + entr(1.0 - q))

    def integrand(r: float) -> float:
        up: Any
        down: Any
        up, down = p * norm.pdf(r, 1.0, width), (1.0 - p) * norm.pdf(r, -1.0, width)
        return (up + down) * h(up / (up + down)) if up + down > 0 else 0.0

    edge = 1.0 + 9.0 * width
    return h(p) - quad(integrand, -edge, edge, epsabs=1e-12, limit=400, points=[-1.0, 0.0, 1.0])[0]


@pytest.mark.parametrize("ratio", [0.01, 0.3, 1.0, 5.0, 12.0, 60.0])
def test_information_of_the_record(ratio: float) -> None:
    s = np.array([-0.99, -0.4, 0.0, 0.7, 0.9999])
    expected = [mutual_information(x, ratio) for x in s]
    close(record_information(s, ratio), np.array(expected), 2e-11)


def test_limits_of_the_information_of_the_record() -> None:
    s = np.linspace(-1.0, 1.0, 41)
    binary = entr(0.5 * (1 + s)) + entr(0.5 * (1 - s))
    close(record_information(s, 1e5), binary)
    close(record_information(s, 1e-12), np.zeros(41), 2e-11)
    assert record_information(np.array([1.0, -1.0]), 0.7).max() < 2e-11
    grid = np.array([record_information(s, ratio) for ratio in (0.1, 0.5, 2.0, 8.0)])
    assert (np.diff(grid, axis=0) > -2e-11).all()
    assert grid.max() <= np.log(2.0)


@settings(max_examples=25)
@given(SEEDS, st.floats(-2.0, 1.0))
def test_the_gain_is_at_most_the_record(seed: int, exponent: float) -> None:
    """0 <= I_QC <= I(record; n.sigma) <= ln 2; equal where the state commutes with n.sigma."""
    rng = np.random.default_rng(seed)
    machine, dt, theta = ContinuousDemon(axes="xz", read_out="one"), 0.2 * 10.0**exponent, rng.uniform(0, np.pi / 2)
    rho, read_out = random_density(rng), read_outs(theta, 0.2)[0]
    gain = float(read_out.information_gain(rho, dt))
    state = state_of(machine, pauli.from_density(rho[None]))
    done = machine.propagate(state, told(machine, MEASURE, 1, theta), dt, rng.random((1, 4)))
    assert done.record is not None
    record = float(done.record[0])
    assert -1e-10 <= gain <= record + 1e-10
    assert record <= np.log(2.0)
    a = read_out.observable
    commuting = 0.5 * (rho + a @ rho @ a)
    # qubit 2 may know of qubit 1; alone, a qubit that commutes tells all
    reduced = np.trace(commuting.reshape(2, 2, 2, 2), axis1=1, axis2=3)
    alone = np.kron(reduced, np.diag([1.0, 0.0]))
    assert float(read_out.information_gain(alone, dt)) == pytest.approx(record, abs=1e-10)


def test_mean_gain_of_trajectories() -> None:
    machine, n, dt, theta = ContinuousDemon(axes="xz", read_out="one", tau=0.2), 20_000, 0.1, 0.8
    rng = np.random.default_rng(5)
    rho = random_density(rng)
    state = np.repeat(state_of(machine, pauli.from_density(rho[None])), n, axis=0)
    done = machine.propagate(state, told(machine, MEASURE, n, theta), dt, rng.random((n, 4)))
    assert done.information is not None
    expected = float(read_outs(theta, 0.2)[0].information_gain(rho, dt))
    assert abs(done.information.mean() - expected) < 4 * done.information.std() / np.sqrt(n)
