"""Weak read-out and best feedback against QuTiP, numerical optimisation and the projective closed forms."""

import math

import numpy as np
import pytest
import qutip
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import expm, sqrtm
from scipy.optimize import minimize

from szilard.physics.feedback.closed_forms import one_qubit_readout, two_qubit_heat
from szilard.physics.feedback.weak_readout import (
    X_AXIS,
    Z_AXIS,
    flip_threshold,
    kraus_operators,
    lowest_energy_rotating_one,
    passive_energy,
    weak_readout,
)
from szilard.physics.validation import ParameterError

ONE, X, Z = np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
Y = np.array([[0.0, -1.0j], [1.0j, 0.0]])
gaps, temperatures, strengths = st.floats(0.2, 4.0), st.floats(0.2, 4.0), st.floats(0.5, 1.0)
angles = st.floats(-math.pi, math.pi)


def hamiltonian(e1, e2, g):
    return 0.5 * e1 * np.kron(Z, ONE) + 0.5 * e2 * np.kron(ONE, Z) + g * np.kron(Z, Z)


def roots_of_effects(k, angle):
    """The square roots of the effects (1 ± (2k - 1) n.sigma)/2."""
    spin = math.cos(angle) * X + math.sin(angle) * Z
    return [np.real(np.asarray(sqrtm(0.5 * (ONE + s * (2.0 * k - 1.0) * spin)))) for s in (1.0, -1.0)]


@pytest.mark.parametrize("k", [0.5, 0.6, 0.9, 1.0 - 1e-6])
@pytest.mark.parametrize("angle", [Z_AXIS, X_AXIS, 0.7])
def test_kraus_operators_are_the_roots_of_the_effects(k, angle):
    for found, expected in zip(kraus_operators(k, angle), roots_of_effects(k, angle), strict=True):
        assert found == pytest.approx(expected, abs=1e-9)
    plus, minus = kraus_operators(k, angle)
    assert plus @ plus + minus @ minus == pytest.approx(ONE, abs=1e-15)


@pytest.mark.parametrize("measured", ["one", "two"])
@pytest.mark.parametrize(
    ("k", "angle", "g"), [(0.9, Z_AXIS, -0.25), (0.9, X_AXIS, -0.25), (0.75, 0.6, 0.3), (0.7, 2.0, -1.1)]
)
def test_against_qutip_and_numerical_optima(k, angle, g, measured):
    """Branches, entropies and measurement energy by QuTiP; the feedback by minimising over angles and unitaries."""
    e1, e2, T = 1.0, 1.4, 0.8
    h = hamiltonian(e1, e2, g)
    rho = expm(-h / T)
    rho /= np.trace(rho)
    effects = roots_of_effects(k, angle)
    operators = (
        [np.kron(m, ONE) for m in effects] if measured == "one" else [np.kron(a, b) for a in effects for b in effects]
    )
    branches = [m @ rho @ m.T for m in operators]
    p = [float(np.trace(b)) for b in branches]
    # generators of the allowed real rotations: about y of qubit 1, or all of SO(4)
    if measured == "one":
        generators = [np.kron(np.array([[0.0, 1.0], [-1.0, 0.0]]), ONE)]
    else:
        units = np.eye(16).reshape(4, 4, 4, 4)
        generators = [units[i, j] - units[j, i] for i in range(4) for j in range(i)]
    rng = np.random.default_rng(1)

    def best(branch):
        def energy(v):
            u = expm(sum(x * a for x, a in zip(v, generators, strict=True)))
            return np.trace(u @ branch @ u.T @ h)

        starts = rng.normal(0.0, 1.5, (6, len(generators)))
        return min(minimize(energy, s, method="BFGS", options={"gtol": 1e-8}).fun for s in starts)

    after = sum(best(b) for b in branches)
    information = qutip.entropy_vn(qutip.Qobj(rho)) - sum(
        q * qutip.entropy_vn(qutip.Qobj(b / q)) for q, b in zip(p, branches, strict=True)
    )
    found = weak_readout(e1, e2, g, T, k, angle, measured)
    assert found.heat == pytest.approx(np.trace(rho @ h) - after, abs=1e-7)
    assert found.measurement == pytest.approx(sum(np.trace(b @ h) for b in branches) - np.trace(rho @ h), abs=1e-13)
    assert found.information == pytest.approx(information, abs=1e-12)
    assert found.outcome_entropy == pytest.approx(-sum(q * math.log(q) for q in p), abs=1e-13)
    assert found.heat + found.measurement - found.work == pytest.approx(0.0, abs=1e-14)


def test_no_complex_rotation_or_unitary_goes_lower():
    rng = np.random.default_rng(2)
    e1, e2, g = 1.0, 0.8, -0.6
    h = hamiltonian(e1, e2, g)
    a = rng.normal(size=(4, 4))
    rho = a @ a.T / np.trace(a @ a.T)
    lowest, passive = lowest_energy_rotating_one(rho, e1, e2, g), passive_energy(rho, np.diag(h))
    assert passive <= lowest

    def energy(v):
        u = np.kron(expm(0.5j * (v[0] * X + v[1] * Y + v[2] * Z)), ONE)
        return np.trace(u @ rho @ u.conj().T @ h).real

    assert min(minimize(energy, s).fun for s in rng.normal(size=(4, 3))) == pytest.approx(lowest, abs=1e-8)
    for _ in range(200):
        u = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0]
        assert np.trace(u @ rho @ u.conj().T @ h).real >= passive - 1e-13


@given(gaps, gaps, st.floats(-4.0, 4.0), temperatures, strengths, angles, st.sampled_from(["one", "two"]))
def test_generalised_second_law(e1, e2, g, T, k, angle, measured):
    assume(min(abs(abs(g) - 0.5 * e1), abs(abs(g) - 0.5 * e2)) > 1e-6)
    found = weak_readout(e1, e2, g, T, k, angle, measured)
    assert found.heat <= T * found.information + 1e-12
    assert found.information <= found.outcome_entropy + 1e-12
    # sum_k sqrt(rho) M_k^2 sqrt(rho) = rho: unitaries of both qubits always undo what the read-out put in
    if measured == "two" or abs(g) < 0.5 * e1:
        assert found.heat >= -1e-12
    assert found.measurement >= -1e-12
    assert found.heat + found.measurement - found.work == pytest.approx(0.0, abs=1e-12)


def test_rotations_of_one_qubit_cannot_undo_an_x_read_out_at_strong_coupling():
    """The read-out breaks the correlation, and the energy that it put in there goes to the bath."""
    found = weak_readout(1.0, 1.0, 1.0, 1.0, 1.0, X_AXIS)
    assert found.heat < -0.3
    assert found.measurement > found.work > 0.0
    assert one_qubit_readout(1.0, 1.0, 1.0, 1.0, "z").heat == pytest.approx(0.0, abs=1e-15)  # no flip pays


@given(gaps, gaps, st.floats(-4.0, 4.0), temperatures)
def test_projective_and_blind_limits(e1, e2, g, T):
    assume(min(abs(abs(g) - 0.5 * e1), abs(abs(g) - 0.5 * e2)) > 1e-6)
    for axis, angle in (("z", Z_AXIS), ("x", X_AXIS)):
        exact, found = one_qubit_readout(e1, e2, g, T, axis), weak_readout(e1, e2, g, T, 1.0, angle)
        assert found.heat == pytest.approx(exact.heat, abs=1e-12)
        assert found.measurement == pytest.approx(exact.measurement, abs=1e-12)
    assert weak_readout(e1, e2, g, T, 1.0, Z_AXIS, "two").heat == pytest.approx(two_qubit_heat(e1, e2, g, T), abs=1e-12)
    blind = weak_readout(e1, e2, g, T, 0.5, X_AXIS, "two")
    assert blind.heat == pytest.approx(0.0, abs=1e-12)
    assert blind.information == pytest.approx(0.0, abs=1e-12)


def test_weak_z_read_out_gives_nothing_below_its_threshold_and_x_always_something():
    """e1 = e2 = 1, g = -0.25, T = 1: the flip after sz pays only for k above about 0.80."""
    threshold = flip_threshold(1.0, 1.0, -0.25, 1.0)
    assert threshold == pytest.approx(0.80, abs=0.005)
    for k in np.linspace(0.5, threshold - 1e-6, 20):
        assert weak_readout(1.0, 1.0, -0.25, 1.0, float(k)).heat == pytest.approx(0.0, abs=1e-14)
    for k in np.linspace(threshold + 1e-6, 1.0, 20):
        assert weak_readout(1.0, 1.0, -0.25, 1.0, float(k)).heat > 1e-7
    for k in np.linspace(0.501, 1.0, 20):
        assert weak_readout(1.0, 1.0, -0.25, 1.0, float(k), X_AXIS).heat > 1e-7


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((1.0, 1.0, 0.5, 1.0, 0.9), "g"),
        ((1.0, 1.0, 0.2, 0.0, 0.9), "T"),
        ((1.0, 1.0, 0.2, 1.0, 0.4), "strength"),
        ((1.0, 1.0, 0.2, 1.0, 1.1), "strength"),
        ((1.0, 1.0, 0.2, 1.0, 0.9, math.inf), "angle"),
        ((1.0, 1.0, 0.2, 1.0, 0.9, 0.0, "three"), "measured"),
    ],
)
def test_refusals_name_the_parameter(arguments, name):
    with pytest.raises(ParameterError, match=rf"^{name} = "):
        weak_readout(*arguments)


def test_threshold_needs_a_weak_coupling():
    with pytest.raises(ParameterError, match=r"^\|g\| / e1 = "):
        flip_threshold(1.0, 1.0, 0.7, 1.0)
