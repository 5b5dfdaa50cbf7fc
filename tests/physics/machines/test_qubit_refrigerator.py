"""The qubit refrigerator: exact hold against QuTiP, integration and the eigenbasis form; laws, limits, parameters."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from szilard.envs.kernel import Kernel
from szilard.physics.control import Control
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.laws import audit
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.qubit_refrigerator_references import b5
from szilard.physics.validation import ParameterError

QT: Any = qutip  # its annotations do not match what it accepts
DT = 2.0 * np.pi / 0.05 / 128


def ball(rng: np.random.Generator, num: int) -> np.ndarray:
    """Bloch vectors in the unit ball; the first is pure."""
    r = rng.normal(size=(num, 3))
    length = rng.random(num) ** (1 / 3)
    length[0] = 1.0
    return r / np.linalg.norm(r, axis=1, keepdims=True) * length[:, None]


def random_step(machine: QubitRefrigerator, seed: int, num: int = 16) -> tuple[np.ndarray, Control]:
    rng = np.random.default_rng(seed)
    held, new = rng.uniform(machine.u_min, machine.u_max, (2, num, 1))
    return np.hstack([ball(rng, num), held]), Control(new, np.zeros(num, dtype=np.int64))


def spectrum(machine: QubitRefrigerator, a: int, x: float) -> float:
    """S_a(x) as the paper writes it, x > 0 for excitation."""
    beta, g, q = [(machine.beta_h, machine.g_h, machine.Q_h), (machine.beta_c, machine.g_c, machine.Q_c)][a]
    omega = 2 * machine.E0 * np.sqrt(machine.delta**2 + [0.25, 0.0][a])
    return 0.5 * g * x / (np.exp(beta * x) - 1) / (1 + q**2 * (x / omega - omega / x) ** 2)


def operators(machine: QubitRefrigerator, u: float) -> tuple[np.ndarray, list[list[np.ndarray]]]:
    """Hamiltonian and, for each bath, the jump operators |e><g| and |g><e| with the roots of their rates."""
    h = -machine.E0 * np.array([[u, machine.delta], [machine.delta, -u]])
    (low, high), v = np.linalg.eigh(h)
    raising = np.outer(v[:, 1], v[:, 0])
    up, down = ([spectrum(machine, a, sign * (high - low)) for a in (0, 1)] for sign in (1.0, -1.0))
    return h, [[np.sqrt(up[a]) * raising, np.sqrt(down[a]) * raising.T] for a in (0, 1)]


def density(r: np.ndarray) -> np.ndarray:
    return 0.5 * np.array([[1 + r[2], r[0] - 1j * r[1]], [r[0] + 1j * r[1], 1 - r[2]]])


def bloch(rho: np.ndarray) -> np.ndarray:
    return np.real([2 * rho[1, 0], -2j * rho[1, 0], rho[0, 0] - rho[1, 1]])


def lindblad(machine: QubitRefrigerator, u: float, y: np.ndarray) -> np.ndarray:
    """d/dt of (rho, heat from the hot bath, heat from the cold bath)."""
    rho = y[:4].reshape(2, 2)
    h, jumps = operators(machine, u)
    parts = [sum(c @ rho @ c.T - 0.5 * (c.T @ c @ rho + rho @ c.T @ c) for c in of_bath) for of_bath in jumps]
    change = -1j * (h @ rho - rho @ h) + parts[0] + parts[1]
    return np.concatenate([change.ravel(), [np.trace(h @ part) for part in parts]])


def integrate(machine: QubitRefrigerator, control: Any, y: np.ndarray, t: float) -> np.ndarray:
    def rhs(now: float, y: np.ndarray) -> np.ndarray:
        return lindblad(machine, control(now), y)

    return solve_ivp(rhs, (0.0, t), y, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]


@pytest.mark.parametrize("quality", [4.0, 30.0])
@pytest.mark.parametrize("u", [0.0, 0.12, 0.5, 0.75])
def test_hold_equals_a_liouvillian_exponential_with_the_heat_of_each_bath(quality: float, u: float) -> None:
    machine = QubitRefrigerator(Q_h=quality, Q_c=quality)
    h, jumps = operators(machine, u)
    hamiltonian = qutip.Qobj(h)
    parts: list[Any] = [sum(QT.lindblad_dissipator(qutip.Qobj(c)) for c in of_bath) for of_bath in jumps]
    generator = (QT.liouvillian(hamiltonian) + parts[0] + parts[1]).full()
    rows = [qutip.operator_to_vector(hamiltonian).full().conj().T @ part.full() for part in parts]
    augmented = np.block([[generator, np.zeros((4, 2))], [np.vstack(rows), np.zeros((2, 2))]])
    for k, r in enumerate(ball(np.random.default_rng(1), 4)):
        dt = [DT, 0.05, 7.0, 40.0][k]
        start = np.concatenate([density(r).ravel(order="F"), [0, 0]])
        after = expm(augmented * dt) @ start
        state, flows = machine.step(np.array([[*r, 0.3]]), Control(np.array([[u]]), np.zeros(1, dtype=int)), dt)
        np.testing.assert_allclose(state[0, :3], bloch(after[:4].reshape(2, 2, order="F")), atol=1e-12)
        np.testing.assert_allclose(flows.heat[0], np.real(after[4:]), atol=1e-12)
        # the switch happens at fixed state and costs <H(u) - H(0.3)>
        assert flows.work[0] == pytest.approx(np.trace((h - operators(machine, 0.3)[0]) @ density(r)).real, abs=1e-14)


def test_piecewise_constant_control_equals_a_fine_integration() -> None:
    machine = QubitRefrigerator()
    rng = np.random.default_rng(2)
    r = ball(rng, 2)[1]
    state = np.array([[*r, 0.0]])
    y = np.concatenate([density(r).ravel(), [0, 0]])
    heat = np.zeros(2)
    for u in rng.uniform(0.0, 0.75, 12):
        state, flows = machine.step(state, Control(np.array([[u]]), np.zeros(1, dtype=int)), DT)
        heat += flows.heat[0]
        y = integrate(machine, lambda _, u=u: u, y, DT)
    np.testing.assert_allclose(state[0, :3], bloch(y[:4].reshape(2, 2)), atol=1e-11)
    np.testing.assert_allclose(heat, np.real(y[4:]), atol=1e-11)


def test_fine_pieces_converge_to_a_continuous_drive() -> None:
    """One period of the trapezoid of the paper: the error of midpoint pieces falls with the square of their length."""
    machine = QubitRefrigerator(Q_h=30.0, Q_c=30.0)
    rate = 0.065
    period = 2 * np.pi / rate

    def u(t: Any) -> Any:
        return 0.25 * (1 + np.tanh(2 * np.cos(rate * t)) / np.tanh(2))

    start = machine.initial_state(np.array([[2.0 / 3.0]]))  # u = 1/2, where the drive starts
    exact = integrate(machine, u, np.concatenate([density(start[0, :3]).ravel(), [0, 0]]), period)
    errors = []
    for n in (500, 1000, 2000):
        state, heat = start, np.zeros(2)
        for t in (np.arange(n) + 0.5) * period / n:
            after = machine.propagate(state, Control(np.array([[u(t)]]), np.zeros(1, dtype=int)), period / n)
            state, heat = after.state, heat + after.heat[0]
        error = np.concatenate([state[0, :3] - bloch(exact[:4].reshape(2, 2)), heat - np.real(exact[4:])])
        errors.append(np.abs(error).max())
    assert errors[2] < 1e-5
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.02)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.02)


@given(seed=st.integers(0, 2**32 - 1), quality=st.sampled_from([4.0, 30.0]))
def test_laboratory_frame_equals_the_eigenbasis_with_its_quench_rotation(seed: int, quality: float) -> None:
    """State (p, Re, Im of the coherence) in the eigenbasis; the angle is taken by atan2, as u passes through zero."""
    machine = QubitRefrigerator(u_min=-0.4, Q_h=quality, Q_c=quality)
    rng = np.random.default_rng(seed)
    controls = rng.uniform(-0.4, 0.75, 20)
    controls[[3, 9]] = 0.0
    r = ball(rng, 2)[1]
    state = np.array([[*r, controls[0]]])
    angle = np.arctan2(machine.delta, controls[0])  # 2 theta
    p = 0.5 * (1 - r[0] * np.sin(angle) - r[2] * np.cos(angle))
    coherence = 0.5 * (r[0] * np.cos(angle) - r[2] * np.sin(angle) + 1j * r[1])
    for u in controls:
        state, flows = machine.step(state, Control(np.array([[u]]), np.zeros(1, dtype=int)), DT)
        turn = np.arctan2(machine.delta, u) - angle
        angle += turn
        along, across = 0.5 - p, coherence.real
        p = 0.5 - (np.cos(turn) * along + np.sin(turn) * across)
        coherence = np.cos(turn) * across - np.sin(turn) * along + 1j * coherence.imag
        gap = 2 * np.hypot(machine.delta, u)
        up, down = (np.array([spectrum(machine, a, sign * gap) for a in (0, 1)]) for sign in (1.0, -1.0))
        s, p_eq = (up + down).sum(), up.sum() / (up + down).sum()
        integral = p_eq * DT + (p - p_eq) * (1 - np.exp(-s * DT)) / s
        np.testing.assert_allclose(flows.heat[0], gap * (up * DT - (up + down) * integral), atol=1e-13)
        p = p_eq + (p - p_eq) * np.exp(-s * DT)
        coherence *= np.exp((1j * gap - 0.5 * s) * DT).conj()
        a, q = 1 - 2 * p, 2 * coherence.real
        lab = [a * np.sin(angle) + q * np.cos(angle), 2 * coherence.imag, a * np.cos(angle) - q * np.sin(angle)]
        np.testing.assert_allclose(state[0, :3], lab, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), dt=st.floats(1e-3, 100.0), num=st.sampled_from([1, 2, 16]))
def test_closed_form_equals_the_affine_map(seed: int, dt: float, num: int) -> None:
    machine = QubitRefrigerator(u_min=-0.3, g_h=0.4, g_c=2.0, E0=1.7)
    state, control = random_step(machine, seed, num)
    closed = machine.propagate(state, control, dt)
    affine = AffineMachine.propagate(machine, state, control, dt)
    for a, b in zip(closed[:3], affine[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=5e-15)
    np.testing.assert_allclose(
        machine.internal_energy(state), AffineMachine.internal_energy(machine, state), rtol=1e-14, atol=1e-15
    )


@given(
    beta_h=st.floats(0.05, 5.0),
    ratio=st.floats(1.01, 8.0),
    couplings=st.tuples(st.floats(1e-3, 20.0), st.floats(1e-3, 20.0)),
    qualities=st.tuples(st.floats(0.1, 100.0), st.floats(0.1, 100.0)),
    shape=st.tuples(st.floats(1e-3, 2.0), st.floats(-0.9, 0.9), st.floats(0.01, 2.0), st.floats(0.1, 3.0)),
    dt=st.floats(1e-3, 100.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_laws_and_positivity_for_any_parameters_and_controls(
    beta_h: float,
    ratio: float,
    couplings: tuple[float, float],
    qualities: tuple[float, float],
    shape: tuple[float, float, float, float],
    dt: float,
    seed: int,
) -> None:
    delta, low, u_max, e0 = shape
    machine = QubitRefrigerator(
        E0=e0, delta=delta, u_min=low * u_max, u_max=u_max, beta_h=beta_h, beta_c=beta_h * ratio,
        g_h=couplings[0], g_c=couplings[1], Q_h=qualities[0], Q_c=qualities[1],
    )  # fmt: skip
    state, _ = random_step(machine, seed, 32)
    rng = np.random.default_rng(seed)
    for _ in range(4):
        control = Control(rng.uniform(machine.u_min, machine.u_max, (32, 1)), np.zeros(32, dtype=np.int64))
        state, flows = machine.step(state, control, dt)
        audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
        machine.check_state(state)
        # energy of the state from its density matrix
        h, _ = operators(machine, control.values[0, 0])
        assert machine.internal_energy(state)[0] == pytest.approx(np.trace(h @ density(state[0, :3])).real, abs=1e-13)


@pytest.mark.parametrize("dt", [DT, 10.0])
def test_complex_step_derivative_equals_central_differences(dt: float) -> None:
    machine = QubitRefrigerator()
    _, control = random_step(machine, 5)
    h = 1e-5
    values = control.values.clip(h, 0.75 - h)
    values[0] = 0.0  # the formula is analytic there, with u^2 in the gap
    exact = machine.affine_derivative(Control(values, control.choice), dt, 0)
    up = machine.affine(Control(values + h, control.choice), dt)
    down = machine.affine(Control(values - h, control.choice), dt)
    for d, a, b in zip(exact, up, down, strict=True):
        np.testing.assert_allclose(d, (a - b) / (2 * h), atol=2e-7)


@pytest.mark.parametrize(("quality", "hot_0", "cold_half"), [(30.0, 2.1e-5, 3.5e-5), (4.0, 1.2e-3, 1.95e-3)])
def test_rates_at_the_ends_of_the_cycle(quality: float, hot_0: float, cold_half: float) -> None:
    """Total rates of the specification; u = 0 is inside the control range and must be finite."""
    machine = QubitRefrigerator(Q_h=quality, Q_c=quality)
    gaps = 2.0 * np.sqrt(0.12**2 + np.array([0.0, 0.5]) ** 2)
    down, up = machine.rates(gaps)
    (h0, c0), (h5, c5) = down + up
    assert [c0, h5] == pytest.approx([0.1807, 0.5487], abs=5e-5)
    assert h0 == pytest.approx(hot_0, rel=0.03)
    assert c5 == pytest.approx(cold_half, rel=0.03)
    np.testing.assert_allclose(up, np.exp(-gaps[:, None] * machine.betas) * down, rtol=1e-13)


def test_left_alone_the_heat_flows_from_hot_to_cold() -> None:
    machine = QubitRefrigerator()
    limit = Cycle(machine, np.array([[0.2]]), np.array([0]), np.array([DT])).limit_cycle()
    hot, cold = limit.heat_rates
    assert hot > 0
    assert cold == pytest.approx(-hot, rel=1e-12)
    assert limit.extracted_power == pytest.approx(0.0, abs=1e-16)
    assert np.isnan(limit.cop)


def test_limit_cycle_equals_a_long_run_without_its_transient() -> None:
    machine, limit = QubitRefrigerator(), b5()
    cycle = limit.cycle
    state = machine.initial_state(np.array([[0.7]]))
    heats = []
    for k in range(20 * 40):
        state, flows = machine.step(state, Control(cycle.values[k % 20][None], np.zeros(1, dtype=int)), DT)
        heats.append(flows.heat[0, 1])
    assert sum(heats[-20:]) / limit.period == pytest.approx(limit.power, rel=1e-10)
    assert abs(sum(heats[:20]) / limit.period - limit.power) > 0.05 * limit.power  # with its transient


def test_efficiency_is_formed_with_dimensional_power_and_entropy_production() -> None:
    machine, limit = QubitRefrigerator(), b5()
    p, sigma = limit.power, limit.entropy_production_rate

    def cop(p: float, sigma: float) -> float:
        return p * machine.beta_h / (p * (machine.beta_c - machine.beta_h) + sigma)

    assert limit.cop == pytest.approx(cop(p, sigma), rel=1e-9)
    assert limit.cop == pytest.approx(0.0614, abs=5e-5)
    # what the plots of the paper show instead
    assert cop(p / machine.P0, sigma / machine.Sigma0) == pytest.approx(0.785, abs=5e-4)


@pytest.mark.parametrize("reward", ["power", "heat_flux", "shaped_power"])
def test_every_form_of_the_reward_earns_the_power_of_a_limit_cycle(reward: str) -> None:
    limit, machine = b5(), QubitRefrigerator()
    kernel = Kernel(machine, 1, DT, reward)
    kernel.reset(state=limit.states[:1])
    cycle = limit.cycle
    total = sum(kernel.step(Control(cycle.values[k : k + 1], cycle.choice[k : k + 1]))[0][0] for k in range(20))
    assert total / 20 == pytest.approx(limit.power / machine.P0, rel=1e-11)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), dt=st.floats(0.05, 20.0))
def test_no_cycle_beats_carnot(seed: int, n: int, dt: float) -> None:
    machine = QubitRefrigerator()
    values = np.random.default_rng(seed).uniform(0.0, 0.75, (n, 1))
    limit = Cycle(machine, values, np.zeros(n, dtype=int), np.full(n, dt)).limit_cycle()
    assert limit.entropy_production_rate > 0
    assert limit.carnot_cop == pytest.approx(1.0)
    assert not limit.cop >= 1.0  # NaN when it does not cool


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta_c": 0.0}, "beta_c = 0.0: must be > 0"),
        ({"beta_c": float("inf")}, "beta_c = inf: must be a finite number"),
        ({"g_h": -1.0}, "g_h = -1.0: must be > 0"),
        ({"delta": 0.0}, "delta = 0.0: must be > 0"),
        ({"E0": float("nan")}, "E0 = nan: must be a finite number"),
        ({"Q_c": "high"}, "Q_c = 'high': must be a finite number"),
        ({"beta_h": 7.0}, "beta_h = 7.0: must be < beta_c"),
        ({"u_min": 0.8}, r"u_min = 0.8: must be in \[-0.75, 0.75\]"),
        ({"u_min": 0.75}, "range of u"),
        ({"u_min": float("nan")}, "u_min = nan: must be a finite number"),
        ({"E0": 500.0}, "beta_c . largest gap"),
        ({"P0": 0.0}, "P0 = 0.0: must be > 0"),
    ],
)
def test_bad_parameters_get_one_clear_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        QubitRefrigerator(**changes)


@pytest.mark.parametrize(
    "state", [[[0.8, 0.0, 0.8, 0.1]], [[0.0, 0.0, 0.0, 0.8]], [[0.0, np.nan, 0.0, 0.1]], [[0.0, 0.0, 0.1]], [0.0] * 4]
)
def test_unphysical_states_are_refused(state: list[Any]) -> None:
    with pytest.raises(ParameterError):
        QubitRefrigerator().check_state(np.array(state))


def test_description_is_plain_data_with_units() -> None:
    described = json.loads(json.dumps(QubitRefrigerator().describe()))
    assert all(p["about"] and p["unit"] for p in described["parameters"])
    assert {p["name"]: p["unit"] for p in described["parameters"]}["beta_c"] == "1/energy"
    assert described["choices"] == []
    assert "Karimi" in described["source"]


def test_start_is_thermal_at_the_harmonic_mean_temperature() -> None:
    machine = QubitRefrigerator()
    for state in machine.initial_state(np.array([[0.0], [0.5], [1.0]])):
        h, _ = operators(machine, state[3])
        thermal = expm(-h * 40.0 / 9.0)
        np.testing.assert_allclose(density(state[:3]), thermal / np.trace(thermal), atol=1e-14)
    assert machine.entropy(machine.initial_state(np.array([[0.4]])))[0] == pytest.approx(
        qutip.entropy_vn(qutip.Qobj(density(machine.initial_state(np.array([[0.4]]))[0, :3]))), abs=1e-13
    )


def test_cooling_power_is_the_heat_from_the_cold_bath() -> None:
    machine = QubitRefrigerator()
    state, control = random_step(machine, 8)
    _, flows = machine.step(state, control, DT)
    np.testing.assert_array_equal(machine.output(flows), flows.heat[:, 1])


def test_observed_control_spans_its_range() -> None:
    machine = QubitRefrigerator()
    state = np.zeros((2, 4))
    state[:, 3] = 0.0, 0.75
    np.testing.assert_array_equal(machine.observe(state)[:, 3], [-1.0, 1.0])
