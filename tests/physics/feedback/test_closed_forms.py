"""Closed forms of the projective demon against density matrices, numerical optima, Monte Carlo and QuTiP."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.optimize import minimize, minimize_scalar

from szilard.physics.feedback.closed_forms import (
    FROZEN_GAP,
    DeadTimeCycle,
    bohr_frequencies,
    collective_advantage,
    evolve_populations,
    excited_population,
    flip_generators,
    frozen_partner_heat,
    gibbs_populations,
    initial_slope,
    level_energies,
    one_qubit_heat,
    one_qubit_readout,
    one_qubit_work,
    reset_heat,
    two_qubit_heat,
    two_qubit_work,
)
from szilard.physics.validation import ParameterError

QT: Any = qutip  # its annotations do not match what it accepts
ONE, X, Z = np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
Y = np.array([[0.0, -1.0j], [1.0j, 0.0]])

gaps, temperatures = st.floats(0.2, 4.0), st.floats(0.2, 4.0)


def hamiltonian(e1, e2, g):
    return 0.5 * e1 * np.kron(Z, ONE) + 0.5 * e2 * np.kron(ONE, Z) + g * np.kron(Z, Z)


def gibbs(h, T):
    rho = expm(-(h - np.diag(h).min() * np.eye(4)) / T)
    return rho / np.trace(rho)


def lowest_by_rotation(h, rho):
    """Numerical minimum of <H> over the rotations of qubit 1."""

    def energy(v):
        u = np.kron(expm(-0.5j * (v[0] * X + v[1] * Y + v[2] * Z)), ONE)
        return np.trace(u @ rho @ u.conj().T @ h).real

    starts = ([0.1, 0.2, 0.3], [2.0, -1.0, 0.5], [-0.5, 2.5, 1.0])
    return min(minimize(energy, start, method="BFGS", options={"gtol": 1e-9}).fun for start in starts)


def away_from_poles(e1, e2, g):
    assume(min(abs(abs(g) - 0.5 * e1), abs(abs(g) - 0.5 * e2)) > 1e-6)


CASES = [
    (1.0, 1.0, -0.25, 1.0),
    (0.5, 4.0, -0.37, 1.0),
    (1.3, 0.7, 0.2, 0.4),
    (1.0, 1.0, -2.0, 0.5),
    (1.0, 0.6, 1.7, 1.5),
]


@pytest.mark.parametrize("axis", ["z", "x"])
@pytest.mark.parametrize(("e1", "e2", "g", "T"), CASES)
def test_one_qubit_readout_against_density_matrices(e1, e2, g, T, axis):
    h, spin = hamiltonian(e1, e2, g), {"z": Z, "x": X}[axis]
    rho = gibbs(h, T)
    branches = [m @ rho @ m for m in (np.kron(0.5 * (ONE + s * spin), ONE) for s in (1.0, -1.0))]
    before, measured = np.trace(h @ rho), sum(np.trace(h @ b) for b in branches)
    after = sum(lowest_by_rotation(h, b) for b in branches)
    found = one_qubit_readout(e1, e2, g, T, axis)
    assert found.heat == pytest.approx(before - after, abs=1e-8)
    assert found.measurement == pytest.approx(measured - before, abs=1e-13)
    assert found.work == pytest.approx(measured - after, abs=1e-8)
    assert found.heat + found.measurement - found.work == pytest.approx(0.0, abs=1e-15)


@given(gaps, gaps, st.floats(-0.999, 0.999), temperatures)
def test_z_and_x_give_the_same_heat_below_half_the_gap(e1, e2, ratio, T):
    g = 0.5 * e1 * ratio
    away_from_poles(e1, e2, g)
    z, x = one_qubit_readout(e1, e2, g, T, "z"), one_qubit_readout(e1, e2, g, T, "x")
    assert z.heat == pytest.approx(x.heat, abs=1e-13)
    assert z.heat > 0.0
    assert x.measurement >= 0.0


@given(gaps, gaps, st.floats(-6.0, 6.0), temperatures)
def test_z_is_never_worse_than_x(e1, e2, g, T):
    away_from_poles(e1, e2, g)
    z, x = one_qubit_readout(e1, e2, g, T, "z").heat, one_qubit_readout(e1, e2, g, T, "x").heat
    assert z >= x - 1e-13
    assert z <= two_qubit_heat(e1, e2, g, T) + 1e-13


def test_z_beats_x_at_strong_coupling():
    """The specification's equality of the axes holds only while both outcomes want the same sign of rotation."""
    z, x = one_qubit_readout(1.0, 1.0, -2.0, 0.5, "z"), one_qubit_readout(1.0, 1.0, -2.0, 0.5, "x")
    populations = gibbs_populations(1.0, 1.0, -2.0, 0.5)
    field = populations * np.array([-1.5, 2.5, -1.5, 2.5])
    assert field[:2].sum() < 0.0 < field[2:].sum()
    assert z.heat - x.heat == pytest.approx(-2.0 * field[:2].sum(), abs=1e-14)


@given(gaps, gaps, st.floats(-6.0, 6.0), temperatures)
def test_landauer_bounds_the_projective_demon(e1, e2, g, T):
    away_from_poles(e1, e2, g)
    p = gibbs_populations(e1, e2, g, T)
    first = p[:2].sum()
    record = -sum(q * math.log(q) for q in (first, 1.0 - first) if q > 0.0)
    assert one_qubit_heat(e1, e2, g, T) <= T * record + 1e-12
    assert two_qubit_heat(e1, e2, g, T) <= -T * sum(q * math.log(q) for q in p if q > 0.0) + 1e-12


@given(gaps, st.floats(-0.999, 0.999), temperatures)
def test_collective_advantage(e, ratio, T):
    g = 0.5 * e * ratio
    gain = two_qubit_heat(e, e, g, T) - 2.0 * one_qubit_heat(e, e, g, T)
    assert gain == pytest.approx(collective_advantage(e, g, T), abs=1e-13)
    both = np.exp(-(e + g) / T) / np.trace(expm(-hamiltonian(e, e, g) / T))
    assert gain == pytest.approx(-4.0 * g * both, abs=1e-12)
    assert gain * g <= 1e-13


@pytest.mark.parametrize("e", [0.3, 1.0, 1.27, 1.29, 3.0])
def test_initial_slope(e):
    step, T = 1e-5, 0.8
    numerical = (one_qubit_heat(e * T, e * T, -step, T) - one_qubit_heat(e * T, e * T, step, T)) / (2.0 * step)
    assert initial_slope(e * T, T) == pytest.approx(numerical, abs=1e-9)
    assert (initial_slope(e * T, T) > 0.0) == (e < FROZEN_GAP)


def test_frozen_partner():
    assert abs(FROZEN_GAP - 1.27846) < 5e-6
    assert abs(FROZEN_GAP - 1.0 - math.exp(-FROZEN_GAP)) < 1e-15
    for T in (0.5, 1.0, 2.0):
        for g in (-0.4, 0.1, 1.1):
            assert frozen_partner_heat(0.5, g, T) == pytest.approx(one_qubit_heat(0.5, 100.0 * T, g, T), abs=1e-12)
        best: Any = minimize_scalar(
            lambda x, T=T: -frozen_partner_heat(x, 0.0, T), bounds=(0.1, 5.0 * T), method="bounded"
        )
        assert best.x == pytest.approx(FROZEN_GAP * T, rel=1e-5)
        assert -best.fun == pytest.approx((FROZEN_GAP - 1.0) * T, rel=1e-12)
    assert abs(FROZEN_GAP - 1.278465) < 5e-7


def test_window_in_which_the_heat_grows_with_the_coupling():
    """e1 = 0.5, e2 = 4, T = 1: growth from g = 0 to g = -0.37, decrease beyond; e1 = e2 = 1.4: no growth at all."""
    g = np.linspace(0.0, -1.5, 601) - 1e-4  # off the poles
    heat = np.array([one_qubit_heat(0.5, 4.0, float(x), 1.0) for x in g])
    top = int(heat.argmax())
    assert g[top] == pytest.approx(-0.37, abs=0.005)
    assert (np.diff(heat[: top + 1]) > 0.0).all()
    assert (np.diff(heat[top:]) < 0.0).all()
    assert one_qubit_heat(1.4, 1.4, -0.01, 1.0) < one_qubit_heat(1.4, 1.4, 0.0, 1.0)


def enumerate_work(e1, e2, g, T, both):
    """The definition of the specification by loops: mean and standard deviation."""

    def energy(a, b):
        return 0.5 * e1 * a + 0.5 * e2 * b + g * a * b

    states = list(itertools.product((1, -1), repeat=2))
    z = sum(math.exp(-energy(*s) / T) for s in states)
    p = {s: math.exp(-energy(*s) / T) / z for s in states}
    lowest = min(energy(*s) for s in states)
    flip = {a: sum(p[a, b] * (energy(a, b) - energy(-a, b)) for b in (1, -1)) > 0.0 for a in (1, -1)}
    work = {s: energy(*s) - (lowest if both else energy(-s[0], s[1]) if flip[s[0]] else energy(*s)) for s in states}
    mean = sum(p[s] * work[s] for s in states)
    return mean, math.sqrt(sum(p[s] * (work[s] - mean) ** 2 for s in states))


@given(gaps, gaps, st.floats(-4.0, 4.0), temperatures)
def test_work_statistics(e1, e2, g, T):
    away_from_poles(e1, e2, g)
    for found, both in ((one_qubit_work(e1, e2, g, T), False), (two_qubit_work(e1, e2, g, T), True)):
        mean, deviation = enumerate_work(e1, e2, g, T, both)
        assert found.mean == pytest.approx(mean, abs=1e-12)
        assert found.deviation == pytest.approx(deviation, abs=1e-7)
    assert one_qubit_work(e1, e2, g, T).mean == pytest.approx(one_qubit_heat(e1, e2, g, T), abs=1e-13)
    assert two_qubit_work(e1, e2, g, T).mean == pytest.approx(two_qubit_heat(e1, e2, g, T), abs=1e-13)


def test_work_of_sampled_trajectories():
    rng, n = np.random.default_rng(3), 100_000
    e, g = 1.0, -0.25
    p, energies = gibbs_populations(e, e, g, 1.0), level_energies(e, e, g)
    pair = rng.choice(4, size=(2, n), p=p)
    single = np.where(pair < 2, energies[pair] - energies[(pair + 2) % 4], 0.0).sum(0)  # flip after outcome +
    double = energies[pair[0]] - energies[3]
    for sample, exact in ((single, one_qubit_work(e, e, g, 1.0).parallel(2)), (double, two_qubit_work(e, e, g, 1.0))):
        assert abs(sample.mean() - exact.mean) < 4.0 * exact.deviation / math.sqrt(n)
        assert sample.std() == pytest.approx(exact.deviation, rel=0.02)


@given(st.floats(-0.999, -0.01), st.floats(0.7, 5.0))
def test_the_larger_mean_has_the_larger_fluctuations_at_low_temperature(ratio, e):
    """Ferromagnetic coupling, T = 1, energies resolved by a final measurement, e/T >= 0.7."""
    parallel, joint = one_qubit_work(e, e, 0.5 * e * ratio, 1.0).parallel(2), two_qubit_work(e, e, 0.5 * e * ratio, 1.0)
    assert joint.mean > parallel.mean
    assert joint.deviation > parallel.deviation


def test_the_larger_mean_has_the_smaller_fluctuations_at_high_temperature():
    """The trend "larger mean, larger fluctuations" ends: at e = 0.5, T = 1 beyond |g| = 0.4103 e/2."""

    def excess(ratio):
        found = two_qubit_work(0.5, 0.5, -0.25 * ratio, 1.0), one_qubit_work(0.5, 0.5, -0.25 * ratio, 1.0).parallel(2)
        assert found[0].mean > found[1].mean
        direct = [enumerate_work(0.5, 0.5, -0.25 * ratio, 1.0, both)[1] for both in (True, False)]
        assert found[0].deviation - found[1].deviation == pytest.approx(direct[0] - math.sqrt(2.0) * direct[1])
        return found[0].deviation - found[1].deviation

    assert excess(0.40) > 0.0 > excess(0.42)
    assert excess(0.5) == pytest.approx(0.4149828 - 0.4185750, abs=1e-7)


def jumps(e1, e2, g, T, gamma, qubit):
    """Jump operators of the global equation for one qubit, written with QuTiP; ee, eg, ge, gg."""
    lower, up, down = QT.projection(2, 1, 0), QT.projection(2, 0, 0), QT.projection(2, 1, 1)
    result = []
    for s, projector in ((1.0, up), (-1.0, down)):
        w = (e1, e2)[qubit] + 2.0 * g * s
        jump = qutip.tensor(lower, projector) if qubit == 0 else qutip.tensor(projector, lower)
        jump = jump if w > 0.0 else jump.dag()
        n = 1.0 / (math.exp(abs(w) / T) - 1.0)
        result += [math.sqrt(gamma * (n + 1.0)) * jump, math.sqrt(gamma * n) * jump.dag()]
    return result


@pytest.mark.parametrize(("e1", "e2", "g"), [(1.0, 1.0, -0.25), (1.0, 1.6, 0.3), (0.7, 2.0, -1.4)])
def test_thermalisation_after_a_reset_against_qutip(e1, e2, g):
    T, gamma, h = 0.9, 0.7, hamiltonian(e1, e2, g)
    operators = jumps(e1, e2, g, T, gamma, 0) + jumps(e1, e2, g, T, gamma, 1)
    operator = qutip.Qobj(h, dims=[[2, 2], [2, 2]])
    liouvillian = QT.liouvillian(operator, operators).full()
    ground = np.zeros((4, 4))
    ground[np.diag(h).argmin(), np.diag(h).argmin()] = 1.0
    for t in (0.0, 0.3, 2.0):
        rho = (expm(liouvillian * t) @ ground.ravel("F")).reshape(4, 4, order="F")
        heat = np.trace(h @ rho).real - np.diag(h).min()
        assert reset_heat(e1, e2, g, T, t, gamma) == pytest.approx(heat, abs=1e-12)
    solved = QT.mesolve(operator, qutip.Qobj(ground, dims=operator.dims), [0.0, 1.0], operators, e_ops=[operator])
    assert reset_heat(e1, e2, g, T, 1.0, gamma) == pytest.approx(solved.expect[0][-1] - np.diag(h).min(), abs=1e-5)


@given(gaps, gaps, st.floats(-3.0, 3.0), st.floats(0.3, 3.0), st.floats(0.0, 3.0))
def test_the_chain_conserves_probability_and_keeps_the_gibbs_state(e1, e2, g, T, t):
    away_from_poles(e1, e2, g)
    assume(np.abs(bohr_frequencies(e1, e2, g)).min() > 0.01)
    w1, w2 = flip_generators(e1, e2, g, T, T)
    p = gibbs_populations(e1, e2, g, T)
    for w in (w1, w2):
        assert w.sum(0) == pytest.approx(np.zeros(4), abs=1e-11)
        assert w @ p == pytest.approx(np.zeros(4), abs=1e-11)
    assert evolve_populations(w1 + w2, p, t) == pytest.approx(p, abs=1e-11)


@given(gaps, temperatures, st.floats(0.1, 3.0), st.floats(1e-3, 20.0))
def test_optimal_thermalisation_time(e, T, gamma, t0):
    demon = DeadTimeCycle(e, T, gamma, t0)
    rate = gamma / math.tanh(0.5 * e / T)
    assert demon.relaxation_rate == pytest.approx(rate, rel=1e-12)
    x = demon.optimal_time * rate
    assert math.exp(x) == pytest.approx(1.0 + x + rate * t0, rel=1e-12)
    near: Any = minimize_scalar(
        lambda t: -demon.power(t), bounds=(0.0, 3.0 * demon.optimal_time), method="bounded", options={"xatol": 1e-10}
    )
    assert demon.best_power == pytest.approx(-near.fun, rel=1e-9)
    assert near.x == pytest.approx(demon.optimal_time, rel=1e-3)
    for time in (0.3 * demon.optimal_time, demon.optimal_time, 4.0 * demon.optimal_time):
        assert demon.net_gain(time) <= 0.0


def test_dead_time_cycle_against_a_chain():
    """Population of a two-level chain with the rates n and n + 1."""
    demon = DeadTimeCycle(1.2, 0.7, 0.8, 0.3)
    n = 1.0 / (math.exp(1.2 / 0.7) - 1.0)
    chain = 0.8 * np.array([[-(n + 1.0), n], [n + 1.0, -n]])
    assert demon.population(0.9) == pytest.approx((expm(chain * 0.9) @ [0.0, 1.0])[0], abs=1e-14)
    assert demon.power(0.9) == pytest.approx(1.2 * demon.population(0.9) / 1.2, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: one_qubit_heat(1.0, 1.0, 0.5, 1.0), "g"),
        (lambda: two_qubit_heat(3.0, 1.0, -0.5, 1.0), "g"),
        (lambda: gibbs_populations(0.6, 2.0, 0.3, 1.0), "g"),
        (lambda: gibbs_populations(0.6, 2.0, math.inf, 1.0), "g"),
        (lambda: gibbs_populations(1.0, 1.0, 0.1, 0.0), "T"),
        (lambda: gibbs_populations(0.0, 1.0, 0.1, 1.0), "e1"),
        (lambda: gibbs_populations(1.0, -1.0, 0.1, 1.0), "e2"),
        (lambda: one_qubit_readout(1.0, 1.0, 0.1, 1.0, "y"), "axis"),
        (lambda: collective_advantage(1.0, 0.7, 1.0), "g"),
        (lambda: initial_slope(1.0, -1.0), "T"),
        (lambda: frozen_partner_heat(1.0, math.nan, 1.0), "g"),
        (lambda: excited_population(1.0, math.nan), "T"),
        (lambda: flip_generators(1.0, 1.0, 0.1, 1.0, -1.0), "T2"),
        (lambda: flip_generators(1.0, 1.0, 0.1, 1.0, 1.0, 0.0), "gamma1"),
        (lambda: flip_generators(1.0, 1.0, 0.1, 1e-3, 1.0), "T1"),
        (lambda: reset_heat(1.0, 1.0, 0.1, 1.0, -1.0), "t"),
        (lambda: DeadTimeCycle(t0=0.0), "t0"),
        (lambda: DeadTimeCycle().power(-1.0), "tau"),
    ],
)
def test_refusals_name_the_parameter(call, name):
    with pytest.raises(ParameterError, match=rf"^{name} = "):
        call()


def test_low_temperature_does_not_overflow():
    assert gibbs_populations(1.0, 1.0, -0.25, 1e-3) == pytest.approx([0.0, 0.0, 0.0, 1.0], abs=1e-300)
    assert one_qubit_heat(1.0, 1.0, -0.25, 1e-3) == pytest.approx(0.0, abs=1e-15)
