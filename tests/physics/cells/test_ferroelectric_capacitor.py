"""The ferroelectric capacitor: independent integrations of transient, loops and domains; what holds at any voltage."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.landau import Landau
from szilard.physics.cells.materials import material, spinodal_field, spontaneous
from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.validation import ParameterError

CELL = FerroelectricCapacitor()
T_A, T_0 = 298.15, 732.25
A_R = -1.5 * np.sqrt(3.0) * 40e6 / 0.70
A0, B = -A_R / (T_0 - T_A), -A_R / 0.70**2
THICKNESS, AREA, RHO = 60e-9, 9e-10, 10.0
C_B = 8.8541878128e-12 * 50.0 * AREA / THICKNESS
VOLUME = AREA * THICKNESS


def right_hand_side(source: float, resistor: float):
    """P, V, T - T_a; integrals of the work of the source, the heat of the resistor and the heat to the bath."""

    def rates(_: float, z: np.ndarray) -> list[float]:
        p, v, theta = z[:3]
        t = T_A + theta
        dp = (v / THICKNESS - A0 * (t - T_0) * p - B * p**3) / RHO
        current = (source - v) / resistor
        warming = (VOLUME * (RHO * dp**2 + A0 * t * p * dp) - 1e-5 * theta) / (2.8e6 * VOLUME)
        return [dp, (current - AREA * dp) / C_B, warming, source * current, resistor * current**2, 1e-5 * theta]

    return rates


def pulse(z: np.ndarray, source: float, length: float, resistor: float = 50e3, sample: float = 1e-8) -> np.ndarray:
    """(6, N) at samples."""
    times = np.linspace(0.0, length, round(length / sample) + 1)
    scale = np.array([1e-12, 1e-11, 1e-11, 1e-20, 1e-20, 1e-22])
    return solve_ivp(
        right_hand_side(source, resistor), (0, length), z, "LSODA", times, rtol=1e-10, atol=scale, first_step=1e-12
    ).y


@cache
def khan() -> tuple[np.ndarray, np.ndarray]:
    """The first pulse, and the state at the end of the three."""
    first = pulse(np.array([-0.7, 0.0, 0.0, 0.0, 0.0, 0.0]), 5.4, 80e-6)
    second = pulse(first[:, -1], -5.4, 80e-6)
    return first, pulse(second[:, -1], 0.0, 40e-6)[:, -1]


def test_transient_of_negative_capacitance() -> None:
    """While V falls from 2.48 to -2.31 V the charge rises: times and charges to a sample, voltages to their digits."""
    first, last = khan()
    v, q = first[1], AREA * first[0] + C_B * first[1]
    falls = np.concatenate([[False], (np.diff(v) < 0.0) & (np.diff(q) > 0.0), [False]])
    edges = np.flatnonzero(np.diff(falls.astype(int)))
    begin, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda e: e[1] - e[0])
    assert (begin * 0.01, end * 0.01) == pytest.approx((3.940, 11.240), abs=0.0101)
    assert (v[begin], v[end]) == pytest.approx((2.4804, -2.3140), abs=6e-5)
    assert v[begin] - v[end] == pytest.approx(4.7945, abs=6e-5)
    assert (q[begin], q[end]) == pytest.approx((-3.4744e-10, 3.4641e-10), abs=1.6e-12)
    assert (q[end] - q[begin]) / (v[end] - v[begin]) == pytest.approx(-1.447e-10, abs=4e-13)
    assert last[3:] == pytest.approx([1.71713e-8, 1.68758e-8, 3.73351e-10], rel=4e-6)
    assert CELL.C_b == pytest.approx(C_B, rel=1e-12)
    assert CELL.A / (CELL.L * CELL.landau.stiffness(0.0, T_A)) == pytest.approx(-1.0104e-10, abs=5e-15)


def stepped(cell: FerroelectricCapacitor, dt: float, length: float) -> np.ndarray:
    """Mean P, V, T - T_a, work, heat of the resistor, heat to the bath after +5.4 V."""
    state, total = np.concatenate([cell.start(), [0.0, 5.4]])[None], np.zeros(3)
    control = Control(np.array([[5.4]]), np.zeros(1, dtype=np.int64))
    for _ in range(round(length / dt)):
        state, flows = cell.step(state, control, dt)
        total += [flows.work[0], -flows.heat[0, 1], -flows.heat[0, 0]]
    n = cell.n_domains
    return np.array([state[0, :n].mean(), cell.voltage(state)[0], state[0, n + 1], *total])


def test_steps_converge_with_second_order() -> None:
    """Twelve microseconds, through the switch; extrapolated in the step it is the integration to 1e-6."""
    exact = pulse(np.array([-0.7, 0.0, 0.0, 0.0, 0.0, 0.0]), 5.4, 12e-6)[:, -1]
    coarse, fine = (stepped(CELL, dt, 12e-6) for dt in (5e-8, 2.5e-8))
    ratio = np.abs(coarse - exact) / np.abs(fine - exact)
    assert (np.abs(ratio - 4.0) < 0.3).all()
    assert (4.0 * fine - coarse) / 3.0 == pytest.approx(exact, rel=5e-6)


def test_drop_against_the_resistor() -> None:
    """Smaller at 5 kOhm, 4.795 V at 50 kOhm, nearly the same at 500 kOhm."""
    drops = {}
    for resistor in (5e3, 50e3, 500e3):
        sample = resistor * 2e-13
        z = pulse(np.array([-0.7, 0.0, 0.0, 0.0, 0.0, 0.0]), 5.4, 2500 * sample, resistor, sample)
        crossed = int(np.argmax(z[0] > 0.0))
        top = int(np.argmax(z[1, :crossed]))
        drops[resistor] = float(z[1, top] - z[1, top:].min())
    assert drops[50e3] == pytest.approx(4.795, abs=6e-4)
    assert drops[5e3] < 0.95 * drops[50e3]
    assert drops[500e3] == pytest.approx(drops[50e3], abs=0.1)


# ---- loops --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rho", "amplitude", "rate", "coercive", "area"),
    [
        ("PZT_eff", 10.0, 90.0, 1e2, 40.14, 109.51),
        ("PZT_eff", 10.0, 90.0, 1e6, 81.5, 198.9),
        ("HZO", 0.01, 300.0, 1e4, 194.4, 148.13),
        ("HZO", 0.01, 300.0, 1e6, 194.7, 148.36),
        ("BaTiO3_LCC", 1.0, 30.0, 1e2, 15.195, 15.55),
        ("BaTiO3_LCC", 1.0, 30.0, 1e4, 15.42, 15.76),
    ],
)
def test_loops(name: str, rho: float, amplitude: float, rate: float, coercive: float, area: float) -> None:
    """Bare film in a triangular field, second period; fields in MV/m, areas in MJ/m3."""
    film = Landau(A0, T_0, B) if name == "PZT_eff" else material(name).landau
    a, b, c, d = film.a0 * (T_A - film.T0), film.b, film.c, film.d

    def field(time: float) -> float:
        return 1e6 * amplitude * (4.0 * abs((time + 0.75) % 1.0 - 0.5) - 1.0)

    def rates(time: float, z: np.ndarray) -> list[float]:
        p, q = z[0], z[0] ** 2
        dp = (field(time) - p * (a + q * (b + q * (c + q * d)))) / (rho * rate)
        return [dp, 1e-6 * field(time) * dp]

    def slope(time: float, z: np.ndarray) -> np.ndarray:
        q = z[0] ** 2
        k = -(a + q * (3 * b + q * (5 * c + q * 7 * d))) / (rho * rate)
        return np.array([[k, 0.0], [1e-6 * field(time) * k, 0.0]])

    def crossing(_: float, z: np.ndarray) -> float:
        return z[0]

    crossing.direction = 1.0  # type: ignore[attr-defined]
    z, fields, closed = np.array([-spontaneous(film), 0.0]), [], []
    ends = (0.0, 0.25, 0.75, 1.0, 1.25, 1.75, 2.0)  # the field has kinks
    for begin, end in pairwise(ends):
        span = begin + 1e-12, end - 1e-12
        found = solve_ivp(rates, span, z, "LSODA", jac=slope, events=crossing, rtol=1e-7, atol=1e-9)
        z = found.y[:, -1]
        closed.append(z[1])
        fields += [field(float(t)) for t in found.t_events[0] if begin >= 1.0]
    grid = amplitude / 2000.0
    assert fields == [pytest.approx(1e6 * coercive, abs=1e6 * grid)]
    assert closed[-1] - closed[2] == pytest.approx(area, rel=5e-4)
    # never below the field at which the branch ends, and the area not below that of jumps there
    e_sp = spinodal_field(film)
    assert fields[0] > e_sp
    p = -film.spinodals(T_A)[-1]
    far = max(np.roots([d, 0, c, 0, b, 0, a, -e_sp][2 * (d == 0) + 2 * (c == d == 0) :]).real)
    jump = e_sp * (far - p) - (film.free_energy(far, T_A) - film.free_energy(p, T_A))
    assert closed[-1] - closed[2] > 2e-6 * jump * (1.0 - 1e-6)


@settings(max_examples=20, deadline=None)
@given(t=st.floats(200.0, 732.0))
def test_the_window_closes_at_the_curie_point(t: float) -> None:
    """E_c ~ (T0 - T)^(3/2), P_NC ~ (T0 - T)^(1/2), C_F(0) = 1/a, for a transition of second order."""
    film, share = CELL.landau, (T_0 - t) / (T_0 - T_A)
    assert spinodal_field(film, t) == pytest.approx(40e6 * share**1.5, rel=1e-9)
    assert film.spinodals(t)[-1] == pytest.approx(0.70 / np.sqrt(3.0) * share**0.5, rel=1e-9)
    assert spontaneous(film, t) == pytest.approx(0.70 * share**0.5, rel=1e-9)
    assert film.stiffness(0.0, t) == pytest.approx(A_R * share, rel=1e-12)
    assert len(film.spinodals(T_0 + 1.0)) == 0


# ---- domains ------------------------------------------------------------------------------------------------------


def domains(count: int, sigma: float, kappa: float, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean polarisation and voltage at a constant 5.4 V; isothermal."""
    field = sigma * np.random.default_rng(0).standard_normal(count)
    field -= field.mean()

    def force(p: np.ndarray) -> np.ndarray:
        return A_R * p + B * p**3 - field - kappa * (np.roll(p, 1) + np.roll(p, -1) - 2 * p)

    p = np.full(count, -0.70)
    for _ in range(2000):  # downhill to the local equilibrium
        p = p - force(p) / (2 * abs(A_R) + 4 * kappa)

    def rates(_: float, z: np.ndarray) -> np.ndarray:
        dp = (z[-1] / THICKNESS - force(z[:-1])) / RHO
        return np.append(dp, ((5.4 - z[-1]) / 50e3 - AREA * dp.mean()) / C_B)

    found = solve_ivp(rates, (0, times[-1]), np.append(p, 0.0), "LSODA", times, rtol=1e-6, atol=1e-9).y
    return found[:-1].mean(axis=0), found[-1]


@pytest.mark.parametrize(
    ("count", "sigma", "kappa", "drop"),
    [(1, 0.0, 0.0, 4.74), (64, 10e6, 1e8, 1.456), (64, 20e6, 1e9, 2.875)],
)
def test_drop_with_domains(count: int, sigma: float, kappa: float, drop: float) -> None:
    times = np.arange(0.0, 20e-6, 5e-9)
    p, v = domains(count, sigma, kappa, times)
    crossed = int(np.argmax(p > 0.0))
    top = int(np.argmax(v[:crossed]))
    assert v[top] - v[top:].min() == pytest.approx(drop, abs=5e-4 if count > 1 else 5e-3)


@pytest.mark.parametrize(("sigma", "kappa"), [(10e6, 0.0), (10e6, 1e8)])
def test_the_cell_with_domains_is_that_integration(sigma: float, kappa: float) -> None:
    """Five domains in the middle of their switching; a heat capacity so large that nothing warms up."""
    cell = FerroelectricCapacitor(n_domains=5, imprint_sigma=sigma, kappa=kappa, cv=1e20)
    length = 7e-6
    p, v = domains(5, sigma, kappa, np.array([0.0, length]))
    coarse, fine = (stepped(cell, dt, length)[:2] for dt in (2e-8, 1e-8))
    assert (4.0 * fine - coarse) / 3.0 == pytest.approx([p[-1], v[-1]], rel=2e-4)
    assert np.abs(fine - [p[-1], v[-1]]).max() < 0.02


# ---- at any voltage -----------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-3.0, 1.0), count=st.sampled_from([1, 4]))
def test_negative_capacitance_creates_no_energy(seed: int, size: float, count: int) -> None:
    """Whatever the source does: B = U - T_a S rises by no more than its work, and a closed cycle costs work."""
    rng = np.random.default_rng(seed)
    cell = replace(CELL, n_domains=count, imprint_sigma=5e6 * (count > 1), kappa=1e8 * (count > 1))
    dt = cell.longest_sub_step * 10.0**size
    state = np.tile(np.concatenate([cell.start(), [0.0, 0.0]]), (3, 1))
    begin = cell.internal_energy(state) - cell.T_a * cell.entropy(state)
    work = np.zeros(3)
    for _ in range(12):
        values = rng.uniform(-cell.V_max, cell.V_max, (3, 1))
        state, flows = cell.step(state, Control(values, np.zeros(3, dtype=np.int64)), dt)
        residual, _ = audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
        moved = np.abs(flows.work) + np.abs(flows.heat).sum(axis=1) + np.abs(flows.energy_change)
        assert (np.abs(residual) <= 1e-10 * moved + 1e-14 * cell.energy_scale).all()
        work += flows.work
        exergy = cell.internal_energy(state) - cell.T_a * cell.entropy(state)
        assert (exergy - begin <= work + 1e-12 * cell.energy_scale).all()


def test_refusals() -> None:
    for name, value in (("rho", 0.0), ("n_domains", 0), ("kappa", -1.0), ("imprint_sigma", -1.0), ("b", -1.0)):
        with pytest.raises(ParameterError, match=name):
            FerroelectricCapacitor(**{name: value})  # type: ignore[arg-type]
