"""Refrigerator: closed forms at g = 0 against density matrices, finite cycles against QuTiP's Liouvillian."""

import math
from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import expm

from szilard.physics.feedback.closed_forms import level_energies
from szilard.physics.feedback.refrigerator_forms import (
    PROTOCOLS,
    UncoupledRefrigerator,
    refrigerator_cycle,
    steady_currents,
)
from szilard.physics.validation import ParameterError

QT: Any = qutip  # its annotations do not match what it accepts
ONE, X, Z = np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
EXCHANGE = np.eye(4)[[0, 2, 1, 3]]
FLIP = np.kron(X, ONE)
Z1 = np.kron(Z, ONE)


def hamiltonian(e1, e2, g):
    return 0.5 * e1 * Z1 + 0.5 * e2 * np.kron(ONE, Z) + g * np.kron(Z, Z)


def jumps(e1, e2, g, T, qubit):
    """Jump operators of one bath of the global equation, flat rate 1."""
    lower = np.array([[0.0, 0.0], [1.0, 0.0]])
    result = []
    for s, projector in ((1.0, np.diag([1.0, 0.0])), (-1.0, np.diag([0.0, 1.0]))):
        w = (e1, e2)[qubit] + 2.0 * g * s
        jump = np.kron(lower, projector) if qubit == 0 else np.kron(projector, lower)
        jump = jump if w > 0.0 else jump.T
        n = 1.0 / (math.exp(abs(w) / T) - 1.0)
        result += [qutip.Qobj(math.sqrt(n + 1.0) * jump), qutip.Qobj(math.sqrt(n) * jump.T)]
    return result


def kraus(k, qubit):
    up = np.diag([math.sqrt(k), math.sqrt(1.0 - k)])
    down = np.diag([math.sqrt(1.0 - k), math.sqrt(k)])
    return [np.kron(m, ONE) if qubit == 0 else np.kron(ONE, m) for m in (up, down)]


def operate(rho, h, protocol, k):
    """The operation on a density matrix: state after, information."""
    if protocol.startswith("swap"):
        rho = EXCHANGE @ rho @ EXCHANGE
    if "measure" in protocol:
        operators, unitary, lowered = kraus(k, 0), FLIP, h
    elif protocol == "conditional swap":
        operators, unitary, lowered = [a @ b for a in kraus(k, 0) for b in kraus(k, 1)], EXCHANGE, Z1
    else:
        return rho, 0.0
    after, information = np.zeros((4, 4), complex), qutip.entropy_vn(qutip.Qobj(rho))
    for m in operators:
        branch = m @ rho @ m.T
        p = np.trace(branch).real
        if p > 1e-14:
            information -= p * qutip.entropy_vn(qutip.Qobj(branch / p))
        moved = unitary @ branch @ unitary
        after += moved if np.trace((moved - branch) @ lowered).real < -1e-15 else branch
    return after, information


CYCLES = [
    (0.0, "swap", 1.0),
    (0.2, "none", 1.0),
    (0.2, "swap", 1.0),
    (0.2, "measure", 0.95),
    (0.2, "measure", 0.8),
    (0.2, "swap+measure", 0.95),
    (0.2, "swap+measure", 1.0),
    (-0.2, "conditional swap", 1.0),
    (0.2, "conditional swap", 0.9),
    (-0.9, "measure", 0.9),
]


@pytest.mark.parametrize(("g", "protocol", "k"), CYCLES)
def test_finite_cycle_against_density_matrices(g, protocol, k):
    """Iterated from the mixed state with QuTiP's Liouvillian; heat of a bath = integral of tr(H D[rho])."""
    e1, e2, T1, T2, contact = 1.0, 2.5, 0.5, 1.0, 2.0
    h = hamiltonian(e1, e2, g)
    cold, hot = jumps(e1, e2, g, T1, 0), jumps(e1, e2, g, T2, 1)
    liouvillian = QT.liouvillian(qutip.Qobj(h), cold + hot).full()
    dissipators = [QT.liouvillian(None, of_bath).full() for of_bath in (cold, hot)]
    step = expm(liouvillian * contact)
    before = np.eye(4, dtype=complex) / 4.0
    after, information = operate(before, h, protocol, k)
    for _ in range(80):
        before = (step @ after.ravel("F")).reshape(4, 4, order="F")
        after, information = operate(before, h, protocol, k)
    assert np.abs(step @ after.ravel("F") - before.ravel("F")).max() < 1e-13
    nodes, weights = np.polynomial.legendre.leggauss(40)
    heats = np.zeros(2)
    for x, w in zip(nodes, weights, strict=True):
        state = expm(liouvillian * 0.5 * contact * (x + 1.0)) @ after.ravel("F")
        heats += 0.5 * contact * w * np.array([(h.ravel("F") @ d @ state).real for d in dissipators])
    found = refrigerator_cycle(e1, e2, g, T1, T2, protocol, contact, k)
    assert found.populations == pytest.approx(np.diag(before).real, abs=1e-12)
    assert (found.cold_heat, found.hot_heat) == pytest.approx(tuple(heats), abs=1e-11)
    assert found.operation_work == pytest.approx(np.trace(h @ (after - before)).real, abs=1e-12)
    assert found.information == pytest.approx(information, abs=1e-11)


def test_one_contact_against_mesolve():
    e1, e2, g, T1, T2 = 1.0, 2.5, 0.2, 0.5, 1.0
    found = refrigerator_cycle(e1, e2, g, T1, T2, "swap+measure", 2.0, 0.95)
    h = hamiltonian(e1, e2, g)
    after, _ = operate(np.diag(found.populations), h, "swap+measure", 0.95)
    cold, hot = jumps(e1, e2, g, T1, 0), jumps(e1, e2, g, T2, 1)
    # the adjoint dissipator on H: its mean is the heat current
    observables = []
    for of_bath in (cold, hot):
        c = [q.full() for q in of_bath]
        observables.append(qutip.Qobj(sum(q.T @ h @ q - 0.5 * (q.T @ q @ h + h @ q.T @ q) for q in c)))
    times = np.linspace(0.0, 2.0, 401)
    options = {"atol": 1e-12, "rtol": 1e-10}
    solved = QT.mesolve(qutip.Qobj(h), qutip.Qobj(after), times, cold + hot, e_ops=observables, options=options)
    simpson = np.ones(401)
    simpson[1:-1:2], simpson[2:-1:2] = 4.0, 2.0
    heats = [float(simpson @ np.real(j)) * (times[1] - times[0]) / 3.0 for j in solved.expect]
    assert (found.cold_heat, found.hot_heat) == pytest.approx(tuple(heats), abs=1e-7)


def test_steady_currents_against_qutip():
    for g in (0.2, -0.3, 1.0):
        h = hamiltonian(1.0, 2.5, g)
        cold, hot = jumps(1.0, 2.5, g, 0.5, 0), jumps(1.0, 2.5, g, 1.0, 1)
        rho = QT.steadystate(qutip.Qobj(h), cold + hot).full()
        flows = [h.ravel("F") @ QT.liouvillian(None, c).full() @ rho.ravel("F") for c in (cold, hot)]
        assert steady_currents(1.0, 2.5, g, 0.5, 1.0) == pytest.approx(tuple(np.real(flows)), abs=1e-11)
    assert steady_currents(1.0, 2.5, 0.0, 0.5, 1.0) == pytest.approx((0.0, 0.0), abs=1e-14)  # no leak without coupling


parameters = (st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.floats(0.3, 2.0), st.floats(0.3, 2.0))


@given(*parameters, st.floats(0.5, 1.0))
def test_long_contacts_give_the_closed_forms(e1, e2, T1, T2, k):
    """g = 0 and complete thermalisation: density matrices of the product state, and the cycle with a long contact."""
    machine = UncoupledRefrigerator(e1, e2, T1, T2)
    rho = np.kron(np.diag([machine.p1, 1.0 - machine.p1]), np.diag([machine.p2, 1.0 - machine.p2]))
    assert math.log((1.0 - machine.p1) / machine.p1) == pytest.approx(e1 / T1)
    assert math.log((1.0 - machine.p2) / machine.p2) == pytest.approx(e2 / T2)
    h = hamiltonian(e1, e2, 0.0)
    expected = {
        "none": 0.0,
        "swap": machine.swap_heat,
        "measure": machine.binary_heat(k),
        "swap+measure": machine.binary_heat(k, swap=True),
    }
    for protocol, heat in expected.items():
        after, _ = operate(rho, h, protocol, k)
        assert 0.5 * e1 * np.trace(Z1 @ (rho - after)).real == pytest.approx(heat, abs=1e-12)
        assert refrigerator_cycle(e1, e2, 0.0, T1, T2, protocol, 60.0, k).cold_heat == pytest.approx(heat, abs=1e-11)
    conditional = refrigerator_cycle(e1, e2, 0.0, T1, T2, "conditional swap", 60.0)
    assert conditional.cold_heat == pytest.approx(machine.conditional_swap_heat, abs=1e-11)
    work = refrigerator_cycle(e1, e2, 0.0, T1, T2, "swap", 60.0).operation_work
    assert work == pytest.approx(machine.swap_work, abs=1e-11)
    assert (machine.swap_heat > 0.0) == (machine.p1 > machine.p2)


@given(st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.floats(0.3, 2.0), st.floats(0.3, 2.0), st.floats(0.05, 20.0))
def test_both_beat_the_better_one_with_gaussian_read_out(e1, e2, T1, T2, ratio):
    machine = UncoupledRefrigerator(e1, e2, T1, T2)
    both = machine.gaussian_heat(ratio, swap=True)
    if machine.swap_heat >= 0.0:
        assert both >= machine.gaussian_heat(ratio) - 1e-14
    assert both >= machine.swap_heat - 1e-14


def test_both_equal_the_better_one_with_binary_read_out():
    machine = UncoupledRefrigerator()
    for k in np.linspace(0.5, 1.0, 26):
        alone = machine.binary_heat(float(k))
        assert machine.binary_heat(float(k), swap=True) == pytest.approx(max(alone, machine.swap_heat), abs=1e-15)
    assert machine.gaussian_heat(2.0, swap=True) > max(machine.gaussian_heat(2.0), machine.swap_heat) + 1e-3


@given(
    *parameters,
    st.floats(-2.0, 2.0),
    st.sampled_from(PROTOCOLS),
    st.floats(0.05, 10.0),
    st.floats(0.5, 1.0),
    st.floats(0.2, 3.0),
)
def test_laws(e1, e2, T1, T2, g, protocol, contact, k, gamma):
    """First law, generalised second law, and stationarity, for random parameters."""
    assume(min(abs(abs(2.0 * g) - e1), abs(abs(2.0 * g) - e2)) > 0.05)
    try:
        found = refrigerator_cycle(e1, e2, g, T1, T2, protocol, contact, k, gamma, 1.0)
    except ParameterError as error:
        assume("switches for ever" not in str(error))
        raise
    assert found.cold_heat + found.hot_heat + found.operation_work == pytest.approx(0.0, abs=1e-10)
    assert found.entropy_production >= -1e-10
    assert found.entropy_production == pytest.approx(
        -found.cold_heat / T1 - found.hot_heat / T2 + found.information, abs=1e-12
    )
    assert found.populations.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.populations.min() >= 0.0
    # 4 outcomes of the conditional SWAP, 2 of the others
    assert found.information <= math.log(4.0 if protocol == "conditional swap" else 2.0) + 1e-12


def test_trends_of_the_finite_cycle():
    """Both together cool best at g = 0.2 for k = 1; measurement alone does for k = 0.95, and at g = -0.2."""

    def heat(g, protocol, k):
        return refrigerator_cycle(1.0, 2.5, g, 0.5, 1.0, protocol, 2.0, k).cold_heat

    assert heat(0.2, "swap+measure", 1.0) > heat(0.2, "measure", 1.0) > heat(0.2, "swap", 1.0)
    assert heat(0.2, "measure", 0.95) > heat(0.2, "swap+measure", 0.95) > heat(0.2, "swap", 1.0)
    assert heat(-0.2, "measure", 1.0) > heat(-0.2, "swap+measure", 1.0) > heat(-0.2, "swap", 1.0)


def test_the_cycle_that_switches_for_ever_is_refused():
    """Iterating it by hand: flips and no flips alternate without end."""
    arguments = (2.3546762471803806, 0.5515644448564582, 0.35335495649261706, 1.098129045578122, 1.7029773826395822)
    contact, k = 0.6684431306830508, 0.8929354265663028
    with pytest.raises(ParameterError, match="switches for ever"):
        refrigerator_cycle(*arguments, "measure", contact, k)
    e1, e2, g, T1, T2 = arguments
    h = np.diag(level_energies(e1, e2, g))
    step = expm(QT.liouvillian(qutip.Qobj(h), jumps(e1, e2, g, T1, 0) + jumps(e1, e2, g, T2, 1)).full() * contact)
    rho, flipped = np.eye(4, dtype=complex) / 4.0, []
    for _ in range(400):
        after, _ = operate(rho, h, "measure", k)
        flipped.append(bool(np.abs(np.diag(after - rho)).max() > 1e-6))
        rho = (step @ after.ravel("F")).reshape(4, 4, order="F")
    assert set(flipped[-50:]) == {False, True}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"g": 0.5}, "g"),
        ({"T1": 0.0}, "T1"),
        ({"protocol": "swop"}, "protocol"),
        ({"contact": 0.0}, "contact"),
        ({"strength": 0.3}, "strength"),
        ({"gamma2": -1.0}, "gamma2"),
    ],
)
def test_refusals_name_the_parameter(changes, name):
    good = {"e1": 1.0, "e2": 2.5, "g": 0.2, "T1": 0.5, "T2": 1.0, "protocol": "swap", "contact": 2.0}
    with pytest.raises(ParameterError, match=rf"^{name} = "):
        refrigerator_cycle(**(good | changes))


def test_uncoupled_refusals():
    with pytest.raises(ParameterError, match=r"^T2 = "):
        UncoupledRefrigerator(T2=-1.0)
    with pytest.raises(ParameterError, match=r"^e2 = "):
        _ = UncoupledRefrigerator(e1=1.0, e2=1.0).swap_cop
    with pytest.raises(ParameterError, match=r"^strength = "):
        UncoupledRefrigerator().binary_heat(1.2)
    with pytest.raises(ParameterError, match=r"^ratio = "):
        UncoupledRefrigerator().gaussian_heat(0.0)
