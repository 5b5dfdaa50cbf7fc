"""Portraits: populations and coherence against density matrices, thermal states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.physics.machine import Machine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine

QUBIT, OSCILLATOR = QubitRefrigerator(), OscillatorEngine()
unit = st.floats(-1.0, 1.0)


def entropy(p: np.ndarray) -> float:
    p = p[p > 1e-300]
    return -float(p @ np.log(p))


@given(unit, unit, unit, st.floats(0.0, 0.75))
def test_qubit_against_its_density_matrix(x: float, y: float, z: float, u: float) -> None:
    r = np.array([x, y, z]) / max(1.0, float(np.linalg.norm([x, y, z])))
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    rho = 0.5 * (np.eye(2) + np.tensordot(r, pauli, 1))
    levels, vectors = np.linalg.eigh(-QUBIT.E0 * (QUBIT.delta * pauli[0] + u * pauli[2]))
    populations = np.real(np.diag(vectors.conj().T @ rho @ vectors))
    state = np.array([[*r, u]])
    gap, p = QUBIT.portrait.plane(state)
    assert gap.values[0] == pytest.approx(levels[1] - levels[0], rel=1e-12)
    assert p.values[0] == pytest.approx(populations[1], abs=1e-12)
    expected = entropy(populations.clip(0, 1)) - entropy(np.linalg.eigvalsh(rho).clip(0, 1))
    assert QUBIT.portrait.coherence(state)[0] == pytest.approx(expected, abs=1e-7)  # entropies have steep ends


@pytest.mark.parametrize("squeezing", [0.0, 0.2, 0.6])
def test_oscillator_against_a_fock_space(squeezing: float) -> None:
    import qutip

    size, u, nu = 160, 0.7, 1.1
    omega = OSCILLATOR.omega0 * u
    squeeze: Any = qutip.squeeze(size, squeezing * np.exp(0.7j))
    rho = squeeze * qutip.thermal_dm(size, nu - 0.5) * squeeze.dag()
    a: Any = qutip.destroy(size)
    q, p = (a + a.dag()) / np.sqrt(2 * omega), -1j * np.sqrt(omega / 2) * (a - a.dag())
    mean = [float(np.real(qutip.expect(o, rho))) for o in (p * p, q * q, q * p + p * q, a.dag() * a)]
    state = np.array([[*mean[:3], nu * nu, u]])
    assert OSCILLATOR.portrait.shown(state)[0].values[0] == pytest.approx(mean[3], rel=1e-9)
    truth = entropy(np.real(rho.diag())) - qutip.entropy_vn(rho)
    bound = OSCILLATOR.portrait.coherence(state)[0]
    if squeezing == 0.0:
        assert bound == pytest.approx(0.0, abs=1e-9)
    else:
        thermal = qutip.entropy_vn(qutip.thermal_dm(size, mean[3]))
        assert bound == pytest.approx(thermal - qutip.entropy_vn(rho), abs=1e-6)
        assert 0.0 < truth <= bound  # an upper bound of the relative entropy of coherence


@pytest.mark.parametrize("machine", [QUBIT, OSCILLATOR])
def test_thermal_states(machine: QubitRefrigerator | OscillatorEngine) -> None:
    space = machine.control_space
    values = np.linspace(space.low[0], space.high[0], 9)[:, None]
    for beta in machine.betas:
        state = np.concatenate([machine.portrait.thermal(values, float(beta)), values], axis=1)
        machine.check_state(state)
        np.testing.assert_allclose(machine.portrait.coherence(state), 0.0, atol=1e-12)
        gap, n = (quantity.values for quantity in machine.portrait.plane(state))
        sign = 1.0 if machine is QUBIT else -1.0  # a fermionic and a bosonic occupation
        np.testing.assert_allclose(n, 1.0 / (np.exp(beta * gap) + sign), rtol=1e-9)


def test_default_portrait() -> None:
    machine: Machine = TwoLevelEngine()
    state = np.array([[0.2, 0.5], [0.3, 0.6]])
    (p,) = machine.portrait.shown(state)
    assert (p.name, p.symbol, p.unit) == ("population", "p", "1")
    np.testing.assert_array_equal(p.values, [0.2, 0.3])
    assert machine.portrait.coherence(state) is None
    assert machine.portrait.plane(state) is None
    assert machine.portrait.thermal(state[:, 1:], 1.0) is None
