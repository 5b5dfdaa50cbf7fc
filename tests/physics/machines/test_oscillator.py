"""The oscillator engine: moments against a truncated Fock space and integration; squeezing, laws, parameters."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import qutip
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from szilard.envs.kernel import Kernel
from szilard.physics.control import Control
from szilard.physics.cycles.cycle import Cycle, NoLimitCycleError
from szilard.physics.laws import audit
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.oscillator import COLD, HOT, NONE, OscillatorEngine
from szilard.physics.machines.oscillator_references import c3
from szilard.physics.validation import ParameterError

QT: Any = qutip  # its annotations do not match what it accepts
WIDE = OscillatorEngine(u_min=0.35, u_max=1.5)


def control(u: float, choice: int) -> Control:
    return Control(np.array([[u]]), np.array([choice]))


def random_step(machine: OscillatorEngine, seed: int, num: int = 16) -> tuple[np.ndarray, Control]:
    """Squeezed, rotated thermal states; the first is a pure one."""
    rng = np.random.default_rng(seed)
    held, new = rng.uniform(machine.u_min, machine.u_max, (2, num, 1))
    nu = 0.5 + rng.exponential(2.0, num)
    nu[0] = 0.5
    squeeze, angle = np.exp(rng.normal(0.0, 1.0, num)), rng.uniform(0, 2 * np.pi, num)
    c, s = np.cos(angle), np.sin(angle)
    p, x = nu * (squeeze * c**2 + s**2 / squeeze), nu * (squeeze * s**2 + c**2 / squeeze)
    d = 2 * nu * (squeeze - 1 / squeeze) * c * s
    return np.hstack([np.stack([p, x, d, nu * nu], axis=1), held]), Control(new, rng.integers(0, 3, num))


class Fock:
    """The same engine in a Fock space of ``levels`` levels of the frequency ``reference``; an independent model."""

    def __init__(self, machine: OscillatorEngine, levels: int, reference: float) -> None:
        a = qutip.destroy(levels)
        self.q: Any = (a + a.dag()) / np.sqrt(2 * reference)
        self.p: Any = 1j * np.sqrt(reference / 2) * (a.dag() - a)
        self.machine = machine

    def hamiltonian(self, u: float) -> Any:
        return 0.5 * (self.p * self.p + (self.machine.omega0 * u) ** 2 * self.q * self.q)

    def collapse(self, u: float, choice: int) -> list[Any]:
        if choice == NONE:
            return []
        omega = self.machine.omega0 * u
        ladder = (omega * self.q + 1j * self.p) / np.sqrt(2 * omega)
        beta, gamma = [
            (self.machine.beta_h, self.machine.gamma_h),
            (self.machine.beta_c, self.machine.gamma_c),
        ][choice]
        n = 1 / (np.exp(beta * omega) - 1)
        return [np.sqrt(gamma * (n + 1)) * ladder, np.sqrt(gamma * n) * ladder.dag()]

    def hold(self, rho: Any, u: float, choice: int, dt: float) -> tuple[Any, float]:
        """State after the hold, and the heat as the time integral of tr(H D[rho])."""
        h, jumps = self.hamiltonian(u), self.collapse(u, choice)
        options = {"atol": 1e-13, "rtol": 1e-11, "nsteps": 100000, "store_states": True, "method": "dop853"}
        # Gauss points, so that a few values integrate the heat current to round-off
        nodes, weights = np.polynomial.legendre.leggauss(8)
        times = np.concatenate([[0.0], 0.5 * dt * (1 + nodes), [dt]])
        states = QT.mesolve(h, rho, times, jumps, options=options).states
        adjoint = sum(c.dag() * h * c - 0.5 * (c.dag() * c * h + h * c.dag() * c) for c in jumps)
        current = [np.real((adjoint * s).tr()) if jumps else 0.0 for s in states[1:-1]]
        return states[-1], 0.5 * dt * float(weights @ current)

    def moments(self, rho: Any) -> np.ndarray:
        p, q = self.p, self.q
        return np.array([np.real((o * rho).tr()) for o in (p * p, q * q, q * p + p * q)])


def test_steps_equal_a_truncated_fock_space() -> None:
    """Holds with each bath and without, and the quenches between them. Cold baths: level 45 is never reached."""
    machine = OscillatorEngine(beta_h=1.2, beta_c=2.5, gamma_h=0.6, gamma_c=0.9, u_min=0.5, u_max=1.0)
    fock = Fock(machine, levels=46, reference=1.4)
    state = machine.initial_state(np.array([[0.4]]))
    beta = 2 / (1 / 1.2 + 1 / 2.5)
    rho = (-beta * fock.hamiltonian(0.7)).expm()
    rho = rho / rho.tr()
    np.testing.assert_allclose(fock.moments(rho), state[0, :3], atol=1e-9)
    held = 0.7
    for u, choice in [(1.0, HOT), (0.62, NONE), (0.5, COLD), (0.9, NONE), (0.8, HOT), (0.55, COLD)]:
        state, flows = machine.step(state, control(u, choice), 0.7)
        work = ((fock.hamiltonian(u) - fock.hamiltonian(held)) * rho).tr().real
        rho, heat = fock.hold(rho, u, choice, 0.7)
        np.testing.assert_allclose(state[0, :3], fock.moments(rho), atol=1e-8)
        assert flows.work[0] == pytest.approx(work, abs=1e-8)
        assert flows.heat[0].sum() == pytest.approx(heat, abs=1e-8)
        assert (flows.heat[0] != 0).tolist() == [choice == HOT, choice == COLD]
        assert machine.internal_energy(state)[0] == pytest.approx((fock.hamiltonian(u) * rho).tr().real, abs=1e-8)
        assert machine.entropy(state)[0] == pytest.approx(qutip.entropy_vn(rho), abs=1e-7)
        held = u
    assert abs(state[0, 2]) > 0.05  # the state ends squeezed: the test is not one of thermal states
    assert np.abs(np.diag(rho.full())[-3:]).max() < 1e-11  # truncation


def moments_rhs(machine: OscillatorEngine, omega: float, choice: int, y: np.ndarray) -> list[float]:
    """d/dt of (P, X, D, heat), from the Heisenberg equations and a bath that acts on a and a^dagger alike."""
    p, x, d = y[:3]
    beta, gamma = [(machine.beta_h, machine.gamma_h), (machine.beta_c, machine.gamma_c), (1.0, 0.0)][choice]
    nu = 0.5 / np.tanh(0.5 * beta * omega)
    loss = gamma * np.array([nu * omega - p, nu / omega - x, -d])
    drift = np.array([-(omega**2) * d, d, 2 * p - 2 * omega**2 * x])
    return [*(loss + drift), 0.5 * (loss[0] + omega**2 * loss[1])]


@pytest.mark.parametrize("machine", [OscillatorEngine(), WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("choice", [HOT, COLD, NONE])
def test_hold_equals_numerical_integration(machine: OscillatorEngine, choice: int) -> None:
    state, new = random_step(machine, 4, 4)
    after, flows = machine.step(state, Control(new.values, np.full(4, choice)), 0.9)
    for k in range(4):
        omega = machine.omega0 * new.values[k, 0]

        def rhs(_: float, y: np.ndarray, omega: float = omega) -> list[float]:
            return moments_rhs(machine, omega, choice, y)

        exact = solve_ivp(rhs, (0, 0.9), [*state[k, :3], 0.0], method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
        np.testing.assert_allclose(after[k, :3], exact[:3], rtol=1e-10)
        assert flows.heat[k].sum() == pytest.approx(exact[3], rel=1e-10, abs=1e-14)
        p, x, d = exact[:3]
        assert after[k, 3] == pytest.approx(p * x - d * d / 4, rel=1e-10)


def test_fine_pieces_converge_to_a_continuous_ramp() -> None:
    """A linear ramp of the frequency in contact with the hot bath; the error falls with the square of the pieces."""
    machine = OscillatorEngine()
    start, stop, t = 0.5, 0.99, 1.154
    state = machine.initial_state(np.array([[0.0]]))

    def rhs(now: float, y: np.ndarray) -> list[float]:
        return moments_rhs(machine, machine.omega0 * (start + (stop - start) * now / t), HOT, y)

    exact = solve_ivp(rhs, (0, t), [*state[0, :3], 0.0], method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    errors = []
    for n in (50, 100, 200):
        now, heat = state, 0.0
        for k in range(n):
            after = machine.propagate(now, control(start + (stop - start) * (k + 0.5) / n, HOT), t / n)
            now, heat = after.state, heat + after.heat[0, HOT]
        errors.append(np.abs(np.array([*now[0, :3], heat]) - exact).max())
    assert errors[2] < 1e-4
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.02)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.02)


@given(seed=st.integers(0, 2**32 - 1), dt=st.floats(1e-3, 50.0), num=st.sampled_from([1, 2, 16]))
def test_closed_form_equals_the_affine_map(seed: int, dt: float, num: int) -> None:
    machine = OscillatorEngine(omega0=1.3, gamma_h=0.3, gamma_c=2.0, u_min=0.3, u_max=2.0)
    state, new = random_step(machine, seed, num)
    closed = machine.propagate(state, new, dt)
    affine = AffineMachine.propagate(machine, state, new, dt)
    for a, b in zip(closed[:3], affine[:3], strict=True):
        # round-off of the energies that are added up
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14 * (1 + float(np.abs(state).max())))
    np.testing.assert_allclose(
        machine.internal_energy(state), AffineMachine.internal_energy(machine, state), rtol=1e-14
    )


@given(seed=st.integers(0, 2**32 - 1), dt=st.floats(0.01, 5.0))
def test_symplectic_eigenvalue_of_the_affine_map_belongs_to_its_moments(seed: int, dt: float) -> None:
    """nu2 has an equation of its own; the moments of the same map must give it within round-off of P X."""
    machine = OscillatorEngine()
    rng = np.random.default_rng(seed)
    state, _ = random_step(machine, seed, 8)
    for _ in range(12):
        new = Control(rng.uniform(0.5, 0.99, (8, 1)), rng.integers(0, 3, 8))
        state = AffineMachine.propagate(machine, state, new, dt).state
        p, x, d, nu2 = state[:, :4].T
        size = (p + x) ** 2  # the round-off of the smaller of P and X is that of the larger
        assert (np.abs(p * x - d * d / 4 - nu2) <= 1e-13 * size).all()
        assert (nu2 >= 0.25 * (1 - 1e-13)).all()


@given(
    beta_h=st.floats(0.02, 5.0),
    ratio=st.floats(1.01, 20.0),
    gammas=st.tuples(st.floats(1e-3, 20.0), st.floats(1e-3, 20.0)),
    frequencies=st.tuples(st.floats(0.1, 5.0), st.floats(0.1, 1.0), st.floats(1.01, 3.0)),
    dt=st.floats(1e-3, 50.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_laws_and_uncertainty_relation_for_any_parameters_and_controls(
    beta_h: float,
    ratio: float,
    gammas: tuple[float, float],
    frequencies: tuple[float, float, float],
    dt: float,
    seed: int,
) -> None:
    omega0, u_min, width = frequencies
    machine = OscillatorEngine(
        omega0=omega0, u_min=u_min, u_max=u_min * width, beta_h=beta_h, beta_c=beta_h * ratio,
        gamma_h=gammas[0], gamma_c=gammas[1],
    )  # fmt: skip
    state, _ = random_step(machine, seed, 32)
    rng = np.random.default_rng(seed)
    for _ in range(6):
        new = Control(rng.uniform(machine.u_min, machine.u_max, (32, 1)), rng.integers(0, 3, 32))
        state, flows = machine.step(state, new, dt)
        audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
        machine.check_state(state)
        p, x, d, nu2 = state[:, :4].T
        np.testing.assert_allclose(p * x - d * d / 4 - nu2, 0.0, atol=1e-15 * float((p * x).max()) * 4)
        np.testing.assert_allclose(
            machine.internal_energy(state), 0.5 * p + 0.5 * (omega0 * new.values[:, 0]) ** 2 * x, rtol=1e-14
        )


@pytest.mark.parametrize("machine", [OscillatorEngine(), WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("choices", [(NONE,), (NONE, NONE, NONE, HOT), (NONE, COLD)], ids=["isolated", "hot", "cold"])
def test_strong_squeezing_keeps_the_laws_and_the_uncertainty_relation(
    machine: OscillatorEngine, choices: tuple[int, ...]
) -> None:
    """500 steps that pump the oscillator: stiff while it moves inwards, soft while it moves outwards."""
    state, last = machine.initial_state(np.array([[0.3], [0.6]])), None
    start = machine.internal_energy(state)
    for k in range(500):
        u = np.where(state[:, 2] > 0, machine.u_min, machine.u_max)[:, None]
        new = Control(u, np.full(2, choices[k % len(choices)]))
        state, last = machine.step(state, new, 0.2, None, last)
        audit(last, machine.betas, machine.energy_scale, machine.tolerance)
        machine.check_state(state)
        low, high = machine.observation_bounds
        seen = machine.observe(state)
        assert ((seen >= low) & (seen <= high)).all()
    if choices == (NONE,):
        assert (machine.internal_energy(state) > 1e10 * start).all()  # it was pumped
        np.testing.assert_array_equal(state[:, 3], machine.initial_state(np.array([[0.3], [0.6]]))[:, 3])


def test_a_cycle_without_a_limit_is_refused() -> None:
    """No bath; and parametric resonance stronger than the contact with the bath."""
    isolated = Cycle(OscillatorEngine(), np.array([[0.5], [0.9]]), np.array([NONE, NONE]), np.array([0.4, 0.6]))
    with pytest.raises(NoLimitCycleError) as caught:
        isolated.limit_cycle()
    assert caught.value.spectral_radius == pytest.approx(1.0, abs=1e-12) or caught.value.spectral_radius > 1
    quarters = np.pi / 2 / (2.0 * np.array([0.35, 1.5]))  # a quarter of the period at each frequency
    pumped = Cycle(WIDE, np.array([[0.35], [1.5]]), np.array([COLD, COLD]), quarters)
    with pytest.raises(NoLimitCycleError) as caught:
        pumped.limit_cycle()
    # in each quarter the amplitude turns into a velocity times the frequency: energy gain (1.5/0.35)^2 per two quarters
    gain = (1.5 / 0.35) ** 2 * np.exp(-0.6 * quarters.sum())
    assert caught.value.spectral_radius == pytest.approx(gain, rel=1e-12)


def test_limit_cycle_equals_a_long_run_without_its_transient() -> None:
    machine = OscillatorEngine()
    cycle = Cycle(machine, np.array([[0.99], [0.7], [0.5], [0.6]]), np.array([HOT, NONE, COLD, NONE]), np.full(4, 0.8))
    limit = cycle.limit_cycle()
    state, works = machine.initial_state(np.array([[1.0]])), []
    for k in range(4 * 40):
        state, flows = machine.step(state, control(float(cycle.values[k % 4, 0]), int(cycle.choice[k % 4])), 0.8)
        works.append(flows.work[0])
    assert -sum(works[-4:]) / limit.period == pytest.approx(limit.power, rel=1e-10)
    assert abs(sum(works[:4]) / limit.period + limit.power) > 0.05 * limit.power


@pytest.mark.parametrize("reward", ["power", "heat_flux", "shaped_power"])
def test_every_form_of_the_reward_earns_the_power_of_a_limit_cycle(reward: str) -> None:
    limit, machine = c3(), OscillatorEngine()
    kernel = Kernel(machine, 1, 0.2, reward)
    kernel.reset(state=limit.states[:1])
    cycle = limit.cycle
    total = sum(kernel.step(Control(cycle.values[k : k + 1], cycle.choice[k : k + 1]))[0][0] for k in range(32))
    assert total / 32 == pytest.approx(limit.power / machine.P0, rel=1e-11)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 10))
def test_no_cycle_beats_carnot(seed: int, n: int) -> None:
    machine, rng = OscillatorEngine(), np.random.default_rng(seed)
    choice = np.concatenate([[HOT, COLD], rng.integers(0, 3, n - 2)])
    try:
        limit = Cycle(machine, rng.uniform(0.5, 0.99, (n, 1)), choice, np.full(n, 0.8)).limit_cycle()
    except NoLimitCycleError:
        return
    assert limit.entropy_production_rate > 0
    assert not limit.efficiency >= limit.carnot_efficiency
    assert limit.carnot_efficiency == pytest.approx(0.899661, abs=5e-7)
    # the efficiency that power and entropy production give
    eta = limit.carnot_efficiency * limit.power / (limit.power + limit.entropy_production_rate / machine.beta_c)
    assert np.isnan(limit.efficiency) or limit.efficiency == pytest.approx(eta, rel=1e-9)


def test_entropy_is_that_of_a_thermal_state_and_keeps_its_digits() -> None:
    machine = OscillatorEngine()
    n = np.array([1e-12, 0.3, 7.0, 1e4, 1e12, 1e60])
    state = np.zeros((len(n), 5))
    state[:, 3] = (n + 0.5) ** 2
    exact = [28.6310211159e-12, 0.72, 0.0, 0.0, 0.0, 0.0]
    exact[1:3] = (1 + n[1:3]) * np.log1p(n[1:3]) - n[1:3] * np.log(n[1:3])
    exact[3:] = np.log(n[3:]) + 1 + 0.5 / n[3:]  # large n
    # nu2 - 1/4 itself keeps only 1e-16
    np.testing.assert_allclose(machine.entropy(state), exact, rtol=1e-8, atol=1e-14)
    state[:, 3] = 0.25
    np.testing.assert_allclose(machine.entropy(state), 0.0, atol=1e-290)


@pytest.mark.parametrize("choice", [HOT, COLD, NONE])
def test_complex_step_derivative_equals_central_differences(choice: int) -> None:
    machine = WIDE
    h = 1e-5
    values = np.random.default_rng(5).uniform(0.35 + h, 1.5 - h, (16, 1))
    index = np.full(16, choice)
    exact = machine.affine_derivative(Control(values, index), 0.7, 0)
    up = machine.affine(Control(values + h, index), 0.7)
    down = machine.affine(Control(values - h, index), 0.7)
    for d, a, b in zip(exact, up, down, strict=True):
        np.testing.assert_allclose(d, (a - b) / (2 * h), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta_c": 0.0}, "beta_c = 0.0: must be > 0"),
        ({"beta_c": float("inf")}, "beta_c = inf: must be a finite number"),
        ({"gamma_h": -1.0}, "gamma_h = -1.0: must be > 0"),
        ({"omega0": float("nan")}, "omega0 = nan: must be a finite number"),
        ({"beta_h": "warm"}, "beta_h = 'warm': must be a finite number"),
        ({"beta_h": 3.0}, "beta_h = 3.0: must be < beta_c = 2.0"),
        ({"u_min": 0.0}, "u_min = 0.0: must be > 0"),
        ({"u_min": 1.0}, "range of u"),
        ({"omega0": 500.0}, "beta_c . omega0 . u_max = 996.62: must be"),
        ({"Sigma0": -1.0}, "Sigma0 = -1.0: must be > 0"),
    ],
)
def test_bad_parameters_get_one_clear_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        OscillatorEngine(**changes)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([[0.4, 0.5, 0.0, 0.2, 0.6]], "uncertainty relation"),
        ([[-1.0, -1.0, 0.0, 1.0, 0.6]], "P and X must be > 0"),
        ([[1.0, 1.0, 0.0, 0.9, 0.6]], "nu2 = .*must be P X"),
        ([[1.0, 1.0, 0.0, 1.0, 0.4]], r"u = .*must be in \[0.5"),
        ([[np.nan, 1.0, 0.0, 1.0, 0.6]], "finite"),
        ([[1.0, 1.0, 0.0, 0.6]], "shape"),
    ],
)
def test_unphysical_states_are_refused(state: list[Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        OscillatorEngine().check_state(np.array(state))


def test_description_is_plain_data_with_units() -> None:
    described = json.loads(json.dumps(OscillatorEngine().describe()))
    assert all(p["about"] and p["unit"] for p in described["parameters"])
    assert {p["name"]: p["unit"] for p in described["parameters"]}["gamma_c"] == "rate"
    assert described["choices"] == ["hot", "cold", "none"]
    assert "Rezek" in described["source"]


def test_start_is_thermal_at_the_harmonic_mean_temperature() -> None:
    machine = OscillatorEngine()
    state = machine.initial_state(np.array([[0.0], [0.5], [1.0]]))
    omega = machine.omega0 * state[:, 4]
    temperature = 0.5 * (4.98309 + 0.5)
    np.testing.assert_allclose(machine.internal_energy(state), 0.5 * omega / np.tanh(0.5 * omega / temperature))
    np.testing.assert_allclose(state[:, 0], omega**2 * state[:, 1])


def test_observed_frequency_spans_its_range() -> None:
    machine = OscillatorEngine()
    state = machine.initial_state(np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(machine.observe(state)[:, 3], [-1.0, 1.0], atol=1e-15)


def test_weak_contact_and_strong_squeezing_have_sound_limit_cycles() -> None:
    """One-period maps close to the edge, where the solved state carries amplified round-off."""
    rng = np.random.default_rng(11)
    radii = []
    for _ in range(150):
        gammas = 10.0 ** rng.uniform(-8, 0, 2)
        machine = OscillatorEngine(u_min=0.35, u_max=1.5, gamma_h=gammas[0], gamma_c=gammas[1])
        n = int(rng.integers(1, 12))
        cycle = Cycle(machine, rng.uniform(0.35, 1.5, (n, 1)), rng.integers(0, 3, n), rng.choice([0.2, 0.7, 3.0], n))
        try:
            limit = cycle.limit_cycle()  # audited
        except NoLimitCycleError:
            continue
        machine.check_state(limit.states)
        radii.append(limit.spectral_radius)
    assert len(radii) > 80
    assert max(radii) > 1 - 1e-6
