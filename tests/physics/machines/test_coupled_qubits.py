"""Two coupled qubits and their baths against QuTiP with the jump operators written down one by one."""

from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics import pauli
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.coupled_qubits import CoupledQubits
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.validation import ParameterError

UP: Any = qutip.basis(2, 0)
DOWN: Any = qutip.basis(2, 1)
LOWER = DOWN * UP.dag()
MACHINES = (TwoQubitDemon, ContinuousDemon, MeasurementRefrigerator)


def random_density(rng: np.random.Generator, batch: int) -> np.ndarray:
    raw = rng.normal(size=(batch, 4, 4)) + 1j * rng.normal(size=(batch, 4, 4))
    rho = raw @ raw.conj().swapaxes(-1, -2)
    return rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None]


def hamiltonian(machine: CoupledQubits) -> Any:
    sz, one = qutip.sigmaz(), qutip.qeye(2)
    parts = (0.5 * machine.e1, (sz, one)), (0.5 * machine.e2, (one, sz)), (machine.g, (sz, sz))
    return sum(size * qutip.tensor(*pair) for size, pair in parts)


def jumps(machine: CoupledQubits) -> list[list[Any]]:
    """Jump operators of the contacts of qubit 1 and of qubit 2, from the specification."""
    found: list[list[Any]] = [[], []]
    for qubit, (gap, (bath, _)) in enumerate(zip((machine.e1, machine.e2), machine.couplings, strict=True)):
        beta = machine.betas[bath]
        parts = [
            (gap + 2 * machine.g * s, state * state.dag()) for s, state in ((1, UP), (-1, DOWN))
        ]  # the other qubit in a definite state
        if machine.g == 0.0:
            parts = [(gap, qutip.qeye(2))]  # equal frequencies: one jump, which does not tell the other qubit's state
        for frequency, other in parts:
            lower = LOWER if frequency > 0 else LOWER.dag()
            operator = qutip.tensor(lower, other) if qubit == 0 else qutip.tensor(other, lower)
            n = 1.0 / np.expm1(beta * abs(frequency))
            found[qubit] += [
                np.sqrt(machine.gamma * (n + 1)) * operator,
                np.sqrt(machine.gamma * n) * operator.dag(),
            ]
    return found


CASES = {
    "ferromagnetic": TwoQubitDemon(axes="xz"),
    "uncoupled": TwoQubitDemon(axes="xz", e1=0.7, e2=1.9, g=0.0, T=0.6, gamma=0.4),
    "uncoupled and resonant": TwoQubitDemon(axes="xz", g=0.0),
    "antiferromagnetic": ContinuousDemon(axes="xz", e1=0.7, e2=1.9, g=0.2, T=0.8),
    "order of levels exchanged": TwoQubitDemon(axes="xz", e1=0.5, e2=4.0, g=-0.6),
    "two baths": MeasurementRefrigerator(),
}


@pytest.mark.parametrize("name", list(CASES))
def test_contact_against_mesolve(name: str) -> None:
    """State with all coherences, and the heat from each bath as the integral of tr[H D_a(rho)]."""
    machine, rng = CASES[name], np.random.default_rng(0)
    rho = random_density(rng, 1)[0]
    h, operators = hamiltonian(machine), jumps(machine)
    currents: list[Any] = [0] * len(machine.betas)
    for c_ops, (bath, _) in zip(operators, machine.couplings, strict=True):
        for c in c_ops:  # the adjoint of the dissipator, applied to H
            currents[bath] += c.dag() * h * c - 0.5 * (c.dag() * c * h + h * c.dag() * c)
    times = np.linspace(0.0, 0.8, 801)
    solved = qutip.mesolve(
        h,
        qutip.Qobj(rho, dims=[[2, 2], [2, 2]]),
        times,
        [c for c_ops in operators for c in c_ops],
        e_ops=currents,
        options={"store_states": True, "atol": 1e-12, "rtol": 1e-10},
    )
    after, heat = machine.relaxed(pauli.from_density(rho[None]), 0.8)
    np.testing.assert_allclose(pauli.density(after)[0], solved.states[-1].full(), rtol=0, atol=1e-9)
    weights = np.full(801, 4.0)
    weights[::2], weights[[0, -1]] = 2.0, 1.0
    expected = [float(weights @ np.real(e)) * 0.001 / 3.0 for e in solved.expect]  # Simpson's rule
    np.testing.assert_allclose(heat[0], expected, rtol=0, atol=1e-8)
    now = machine.current(pauli.from_density(rho[None]))[0]
    np.testing.assert_allclose(now, [np.real(np.asarray(e)[0]) for e in solved.expect], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", list(CASES))
def test_the_steady_state_is_that_of_qutip(name: str) -> None:
    machine = CASES[name]
    collapse = [c for c_ops in jumps(machine) for c in c_ops]
    expected = qutip.steadystate(hamiltonian(machine), collapse).full()
    after, heat = machine.relaxed(pauli.from_density(random_density(np.random.default_rng(1), 1)), 400.0)
    np.testing.assert_allclose(pauli.density(after)[0], expected, rtol=0, atol=1e-10)
    if len(machine.betas) == 1:
        np.testing.assert_allclose(after, machine.thermal, rtol=0, atol=1e-12)
        again, heat = machine.relaxed(machine.thermal, 0.5)
        np.testing.assert_allclose(again, machine.thermal, rtol=0, atol=1e-14)
        np.testing.assert_allclose(heat, 0.0, rtol=0, atol=1e-14)


def test_a_small_coupling_is_not_grouped_with_none() -> None:
    """At g = 0 the coherence of a qubit survives the jumps of the other one; at g > 0 the bath sees the difference."""
    x1 = np.zeros((1, 4, 4))
    x1[0, 0, 0], x1[0, 1, 0] = 1.0, 0.9
    left = [np.hypot(*TwoQubitDemon(axes="xz", g=g, gamma=1e-3).relaxed(x1, 50.0)[0][0, 1:3, 0]) for g in (0.0, 0.1)]
    assert left[0] > left[1] + 0.05


def test_levels_and_energy() -> None:
    machine = TwoQubitDemon(e1=0.7, e2=1.9, g=0.2, axes="xz")
    h = hamiltonian(machine).full()
    np.testing.assert_allclose(machine.levels, np.real(np.diag(h)), atol=1e-15)
    rho = random_density(np.random.default_rng(2), 3)
    np.testing.assert_allclose(machine.energy(pauli.from_density(rho)), np.einsum("ab,kba->k", h, rho).real, atol=1e-14)
    np.testing.assert_allclose(pauli.populations(machine.ground), [[0, 0, 0, 1]], atol=0)
    antiferromagnet = TwoQubitDemon(e1=0.7, e2=1.9, g=1.0)
    np.testing.assert_allclose(pauli.populations(antiferromagnet.ground), [[0, 1, 0, 0]], atol=0)
    assert machine.energy_scale >= np.abs(machine.levels).max() - 1e-12


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(-3.0, 2.0))
def test_contact_keeps_states_physical(seed: int, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    gap, g = rng.uniform(0.1, 3.0, 2), rng.uniform(-2.0, 2.0)
    machine = TwoQubitDemon(e1=gap[0], e2=gap[1], g=g, T=rng.uniform(0.3, 3.0), axes="xz")
    after, _ = machine.relaxed(pauli.from_density(random_density(rng, 8)), 10.0**exponent)
    assert np.linalg.eigvalsh(pauli.density(after)).min() > -1e-13
    assert (after[:, 0, 0] == 1.0).all()


# ---- states ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MACHINES)
def test_initial_states_are_uniform_on_the_simplex(kind: type[CoupledQubits]) -> None:
    machine = kind()
    state = machine.initial_state(np.random.default_rng(3).random((20000, 4)))
    machine.check_state(state)
    p = pauli.populations(pauli.table(state[:, :15]))
    # Dirichlet(1, 1, 1, 1): mean 1/4, covariance (delta - 1/4) / 20
    np.testing.assert_allclose(p.mean(axis=0), 0.25, atol=4 * np.sqrt(0.0375 / 20000))
    np.testing.assert_allclose(np.cov(p.T), (np.eye(4) - 0.25) / 20, atol=2e-3)


@pytest.mark.parametrize("machine", [TwoQubitDemon(), TwoQubitDemon(axes="xz"), MeasurementRefrigerator()])
def test_an_observation_tells_the_state(machine: CoupledQubits) -> None:
    state = machine.initial_state(np.random.default_rng(4).random((5, 4)))
    seen = machine.observe(state)
    low, high = machine.observation_bounds
    assert ((seen >= low) & (seen <= high)).all()
    np.testing.assert_allclose(machine.state_of(seen)[:, :15], state[:, :15], atol=0)
    machine.check_state(machine.state_of(seen))


def with_controls(machine: CoupledQubits, t: np.ndarray) -> np.ndarray:
    values = np.tile(machine.control_space.low, (len(t), 1))
    return np.concatenate([pauli.components(t), values], axis=1)


def test_states_that_are_none() -> None:
    machine, plane = TwoQubitDemon(), TwoQubitDemon(axes="xz")
    rng = np.random.default_rng(5)
    coherent = pauli.from_density(random_density(rng, 2))
    plane.check_state(with_controls(plane, coherent))
    with pytest.raises(ParameterError, match="coherence"):
        machine.check_state(with_controls(machine, coherent))
    negative = pauli.from_populations(np.array([[0.6, 0.6, -0.2, 0.0]]))
    with pytest.raises(ParameterError, match=r"eigenvalue is -0\.2"):
        machine.check_state(with_controls(machine, negative))
    long = np.zeros((1, 4, 4))
    long[0, 0, 0], long[0, 1, 1], long[0, 2, 2], long[0, 3, 3] = 1.0, 1.0, 1.0, 1.0  # all correlations positive
    with pytest.raises(ParameterError, match="eigenvalue"):
        plane.check_state(with_controls(plane, long))
    good = with_controls(machine, machine.thermal)
    with pytest.raises(ParameterError, match="shape"):
        machine.check_state(good[:, :-1])
    with pytest.raises(ParameterError, match="finite"):
        machine.check_state(np.where(np.arange(16) == 3, np.nan, good))
    with pytest.raises(ParameterError, match=r"k = .*0\.4"):
        machine.check_state(np.concatenate([good[:, :15], [[0.4]]], axis=1))


# ---- parameters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("name", ["e1", "e2", "gamma"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "1", None, True])
def test_bad_sizes_are_refused(kind: type[CoupledQubits], name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=name):
        kind(**{name: value})


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("change", [{"g": 0.5}, {"g": -0.5}, {"e1": 4.0, "g": 0.5, "e2": 1.0}, {"g": float("nan")}])
def test_a_vanishing_bohr_frequency_is_refused(kind: type[CoupledQubits], change: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="g = "):
        kind(**{"e1": 1.0, "e2": 1.0} | change)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (TwoQubitDemon, {"T": 0.0}),
        (TwoQubitDemon, {"T": float("nan")}),
        (TwoQubitDemon, {"read_out": "two"}),
        (TwoQubitDemon, {"axes": "x"}),
        (TwoQubitDemon, {"mode": "average"}),
        (TwoQubitDemon, {"T": 1e-3}),
        (ContinuousDemon, {"T": -1.0}),
        (ContinuousDemon, {"tau": 0.0}),
        (ContinuousDemon, {"tau": float("inf")}),
        (ContinuousDemon, {"read_out": "none"}),
        (MeasurementRefrigerator, {"T1": 1.0}),
        (MeasurementRefrigerator, {"T1": 2.0}),
        (MeasurementRefrigerator, {"T1": 0.0}),
        (MeasurementRefrigerator, {"T2": float("nan")}),
        (MeasurementRefrigerator, {"mode": "both"}),
    ],
)
def test_other_bad_parameters_are_refused(kind: type[CoupledQubits], change: dict[str, Any]) -> None:
    name = next(iter(change))
    with pytest.raises(ParameterError, match="beta" if change == {"T": 1e-3} else name):
        kind(**change)
