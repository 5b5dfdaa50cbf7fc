"""Numbers of the self-cycling cell, set S2: by an integration that shares nothing with the package, and by the cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from szilard.physics.cells.discrete import log_mean
from szilard.physics.cells.hopf import ReducedCell
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import Control

CELL = SelfCyclingCell()
K_E = 1.380649e-23 / 1.602176634e-19
T_R = 298.15
A_R = -1.5 * np.sqrt(3.0)  # V/C: y0 = 0.1 C, V_c = 0.1 V
A0, B = -A_R / 95.0, -A_R / 0.01

Ambient = Callable[[float], float]


def right_hand_side(load: float, ambient: Ambient, r_f: float, fuelled: bool):
    """Q_A, y, Q_C, xi_A, xi_C, T - T_r; integrals of power, heat to the bath, j E, and dissipation over T."""

    def rates(time: float, z: np.ndarray) -> list[float]:
        q_a, y, q_c, xi_a, xi_c, theta = z[:6]
        t = T_R + theta
        reaction, r_i = np.exp(-0.2 / K_E * (1 / t - 1 / T_R)), 5.0 * np.exp(0.1 / K_E * (1 / t - 1 / T_R))
        v_a, v_c = (q_a - y) / 4.0, q_c / 10.0
        s_a = s_c = e_a = e_c = 0.0
        if fuelled:
            s_a, s_c = -0.3e-3 + K_E / 3 * np.log1p(-xi_a / 39600.0), K_E * np.log1p(-xi_c / 39600.0)
            e_a, e_c = 1.161 + 0.3e-3 * T_R + t * s_a, 0.35 + t * s_c
        g = 1 / 3000.0 + (1 / 400.0 - 1 / 3000.0) / (1 + np.exp(y / 0.025))
        j_a, j_c = reaction * g * (e_a - v_a), reaction / 20.0 * (e_c - v_c)
        current = (v_a + v_c) / (r_i + load)
        dy = (v_a - 0.661 - A0 * (t - 393.15) * y - B * y**3) / r_f
        heat = r_i * current**2 + j_a * (e_a - v_a) + j_c * (e_c - v_c) + r_f * dy**2
        lost = 0.08 * (t - ambient(time))
        warming = (heat + t * A0 * y * dy - t * (s_a * j_a + s_c * j_c) - lost) / 36.0
        power = load * current**2
        return [j_a - current, dy, j_c - current, j_a, j_c, warming, power, lost, j_a * e_a + j_c * e_c, heat / t]

    return rates


def lower(v: float, temperature: float) -> float:
    """Smallest root of a y + b y^3 + V_b = v."""
    roots = np.roots([B, 0.0, A0 * (temperature - 393.15), 0.661 - v])
    return float(np.real(roots[np.abs(np.imag(roots)) < 1e-9]).min())


def integrate(
    times: np.ndarray, load: float = 1800.0, temperature: float = T_R, r_f: float = 60.0, rtol: float = 1e-10
) -> np.ndarray:
    """From the start of the specification, (10, N)."""
    y = lower(0.5, temperature)
    start = [4.0 * 0.5 + y, y, 3.5, 0.0, 0.0, temperature - T_R, 0.0, 0.0, 0.0, 0.0]
    rates = right_hand_side(load, lambda _: temperature, r_f, True)
    span = (0.0, float(times[-1]))
    found = solve_ivp(rates, span, start, "LSODA", times, rtol=rtol, atol=1e-3 * rtol, first_step=1e-3)
    return found.y


def voltage(z: np.ndarray, load: float = 1800.0) -> np.ndarray:
    """At the terminals."""
    r_i = 5.0 * np.exp(0.1 / K_E * (1 / (T_R + z[5]) - 1 / T_R))
    return ((z[0] - z[1]) / 4.0 + z[2] / 10.0) * load / (load + r_i)


def crossings(times: np.ndarray, volts: np.ndarray) -> np.ndarray:
    """Times at which the voltage rises through the middle between its extrema."""
    v = volts - 0.5 * (volts.max() + volts.min())
    k = np.flatnonzero((v[:-1] < 0.0) & (v[1:] >= 0.0))
    return times[k] - v[k] * (times[k + 1] - times[k]) / (v[k + 1] - v[k])


TIMES = np.arange(0.0, 43200.5)


@cache
def half_day() -> np.ndarray:
    return integrate(TIMES)


def test_numbers_of_twelve_hours() -> None:
    z = half_day()
    v = voltage(z)
    assert z[6:, -1] == pytest.approx([23.787776, 14.804919, 36.931063, 0.0425856], abs=6e-7)
    late = TIMES >= 4 * 3600.0
    assert (v[late].min(), v[late].max()) == pytest.approx((0.892821, 1.104464), abs=6e-7)
    assert v[late].min() / 1800.0 == pytest.approx(0.49601e-3, abs=6e-9)
    assert v[late].max() / 1800.0 == pytest.approx(0.61359e-3, abs=6e-9)
    assert z[5, late].min() == pytest.approx(1.712e-3, abs=6e-7)
    after = TIMES > 12960.0
    # crossings are interpolated between samples of 1 s
    assert np.diff(crossings(TIMES[after], v[after])).mean() == pytest.approx(4041.7753, abs=2e-3)
    assert z[6, -1] / TIMES[-1] == pytest.approx(0.5506e-3, abs=1e-7)  # 0.549 mW in the settled state
    # life on 3.69 g of aluminium
    mean = v[late].mean() / 1800.0
    assert mean == pytest.approx(0.551e-3, abs=6e-7)
    assert 39600.0 / mean / 86400.0 == pytest.approx(832.0, abs=1.0)
    grams = 39600.0 / 96485.33212 * 26.9815 / 3
    assert grams == pytest.approx(3.69, abs=5e-3)


def test_numbers_of_one_period() -> None:
    z = half_day()
    begin = z[:, 10800]
    rates = right_hand_side(1800.0, lambda _: T_R, 60.0, True)
    after = solve_ivp(rates, (0, 4041.775), begin, "LSODA", rtol=1e-10, atol=1e-13).y[:, -1]
    work, heat, chemical, produced = (after - begin)[6:]
    assert (work, heat, chemical) == pytest.approx((2.21871, 1.34591, 3.36536), abs=6e-6)
    assert T_R * produced == pytest.approx(1.14665, abs=6e-6)
    assert work / chemical == pytest.approx(0.659, abs=5e-4)
    assert work / 4041.775 == pytest.approx(0.549e-3, abs=5e-7)


def test_self_charge_while_loaded() -> None:
    """39.9 % of the time from 2 to 6 h; apparent capacitance -3.98 F."""
    z = half_day()
    v = voltage(z)
    slope = np.gradient(v, TIMES)
    window = (TIMES > 7200.0) & (TIMES < 21600.0)
    charging = window & (slope > 0.0)
    assert charging.sum() / window.sum() == pytest.approx(0.399, abs=5e-4)
    current = v[charging].mean() / 1800.0
    assert current == pytest.approx(0.57e-3, abs=5e-6)
    assert -current / slope[charging].mean() == pytest.approx(-3.98, abs=5e-3)


def test_period_with_a_fast_interface() -> None:
    """R_F = 1 Ohm: 3415.75 s, above the singular limit of 3349.6 s."""
    times = np.arange(0.0, 13000.0)
    v = voltage(integrate(times, r_f=1.0, rtol=1e-8))
    assert np.diff(crossings(times[4000:], v[4000:]))[-1] == pytest.approx(3415.75, abs=0.05)


def stepped(cell: SelfCyclingCell, seconds: float, dt: float) -> np.ndarray:
    """Work, heat to the bath, exergy of the fuel and entropy produced inside, after a run at 1.8 kOhm."""
    values, choice = np.array([[np.log10(1800.0)]]), np.zeros(1, dtype=np.int64)
    x, theta, total = cell.start()[:, None], np.zeros(1), np.zeros(4)
    for _ in range(round(seconds / dt)):
        done = cell.advance(x, theta, values, values, choice, dt)
        v_a = 0.5 * ((done.x[0] - done.x[1]) + (x[0] - x[1])) / cell.C_A
        v_c = 0.5 * (done.x[2] + x[2]) / cell.C_C
        fuel = done.dissipated[1] + done.dissipated[2] + v_a * (done.x[3] - x[3]) + v_c * (done.x[4] - x[4])
        produced = done.dissipated.sum(axis=0) / (cell.T_a + 0.5 * (theta + done.theta))
        total += np.array([done.delivered, -done.heat[:, 0], fuel, produced])[:, 0]
        x, theta = done.x, done.theta
    return total


def test_the_cell_extrapolated_in_its_step_has_these_numbers() -> None:
    """Two and a half hours with steps of 10 and 5 s; the second order cancels, and 1e-6 is left."""
    exact = half_day()[6:, 9000]
    coarse, fine = (stepped(CELL, 9000.0, dt) for dt in (10.0, 5.0))
    assert (np.abs(fine - exact) < 1e-4 * exact).all()
    assert (4.0 * fine - coarse) / 3.0 == pytest.approx(exact, rel=2e-6)


# ---- loads, temperatures, controls --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "edge", "oscillates"), [(0.99, 0, False), (1.02, 0, True), (0.98, 1, False), (500.0, None, False)]
)
def test_window_of_loads(load: float, edge: int | None, oscillates: bool) -> None:
    """Steady at 0.99 R1, oscillating at 1.02 R1, steady at 0.98 R2; a matched load is steady, and better."""
    window = ReducedCell(CELL).window
    assert window == pytest.approx((1180.4, 2844.7), abs=0.05)
    load *= 1.0 if edge is None else window[edge]
    values, volts = np.array([[np.log10(load)]]), []
    state = np.concatenate([CELL.start(), [0.0], values[0]])[None]
    for _ in range(1600):  # five hours
        state, _flows = CELL.step(state, Control(values, np.zeros(1, dtype=np.int64)), 11.5)
        volts.append(CELL.terminal(state)[0][0])
    assert bool(np.ptp(volts[800:]) > 1e-3) is oscillates
    if edge is None:
        power = volts[-1] ** 2 / load
        assert power == pytest.approx(1.327e-3, abs=6e-7)
        assert power < CELL.matched_power == pytest.approx(1.343e-3, abs=5e-7)


@pytest.mark.parametrize("celsius", [-35.0, -20.0, 0.0, 10.0, 40.0, 55.0, 65.0])
def test_temperatures_at_the_usual_load(celsius: float) -> None:
    """24 h at 1.8 kOhm: it oscillates at 25 C (above) and, with a smaller amplitude, at 40 C; nowhere else."""
    times = np.arange(43200.0, 86401.0, 10.0)
    z = integrate(np.concatenate([[0.0], times]), temperature=273.15 + celsius, rtol=1e-6)
    amplitude = np.ptp(voltage(z[:, 1:]))
    if celsius == 40.0:
        assert amplitude == pytest.approx(0.173, abs=1e-3)
    else:
        assert amplitude < 1e-3
    cell = SelfCyclingCell(T_a=273.15 + celsius)
    reduced = ReducedCell(replace(cell, E_A=cell.E_A + cell.e_A * (cell.T_a - cell.T_r)))
    first, second = reduced.window
    assert (first < 1800.0 < second) is (celsius == 40.0)


def test_window_in_the_cold() -> None:
    """-35 C: 11.5 to 17.6 kOhm. The 11 to 23 kOhm of the specification are those of runs that had not settled.

    At 20 kOhm a run of 24 h still has an amplitude of 0.12 V in its second half, and a longer one has none.
    """
    cell = SelfCyclingCell(T_a=238.15)
    window = ReducedCell(replace(cell, E_A=cell.E_A + cell.e_A * (cell.T_a - cell.T_r))).window
    assert window == pytest.approx((11547.5, 17648.2), abs=0.5)
    times = np.arange(0.0, 100 * 3600.0, 30.0)
    half, day = len(times) // 2, 24 * 120
    for load, sustained in ((11000.0, False), (12000.0, True), (17000.0, True), (20000.0, False), (23000.0, False)):
        v = voltage(integrate(times, load=load, temperature=238.15, rtol=1e-6), load)
        assert bool(np.ptp(v[half:]) > 0.1) is sustained
        assert np.ptp(v[half:]) > 0.4 or np.ptp(v[half:]) < 3e-3
        if load == 20000.0:
            assert np.ptp(v[day // 2 : day]) == pytest.approx(0.125, abs=1e-3)


def test_large_loads_are_steady_but_slow() -> None:
    """After 10 h the second half still drifts by 5 mV at 5 kOhm and 2 mV at 8 kOhm, more than the measure of 1 mV."""
    for load, drift in ((5000.0, 5.29e-3), (8000.0, 2.10e-3)):
        v = voltage(integrate(np.arange(0.0, 36000.0, 10.0), load=load, rtol=1e-8), load)[1800:]
        assert np.ptp(v) == pytest.approx(drift, abs=5e-5)
        assert (np.diff(v) > 0.0).all() or (np.diff(v) < 0.0).all()


def test_without_a_well_or_without_affinity_it_is_steady() -> None:
    """The same a0 and b with Tc = 250 K < T_a, from v_A = 0.6 V and y = 0; and no fuel at all."""
    flat = replace(CELL, well_a0=CELL.a0, well_b=CELL.b, Tc=250.0)
    dead = SelfCyclingCell(energy_source="none")
    values, choice = np.array([[np.log10(1800.0)]]), np.zeros(1, dtype=np.int64)
    starts = {"flat": (flat, np.array([2.4, 0.0, 3.5, 0.0, 0.0])), "dead": (dead, dead.start())}
    for cell, x in starts.values():
        state = np.concatenate([x, [0.0], values[0]])[None]
        volts = []
        for _ in range(1800):
            state, _flows = cell.step(state, Control(values, choice), 20.0)
            volts.append(cell.terminal(state)[0][0])
        late = np.array(volts[900:])
        assert np.ptp(late) < 5e-5
        # it gets there without ringing
        assert np.abs(np.diff(late)).sum() < np.ptp(late) + 2e-5
        assert bool(late[-1] > 0.5) is cell.fuelled


@pytest.mark.parametrize(
    ("swing", "hours", "expected"), [(2.5, 24.0, 6.0e-14), (2.5, 2.0, 3.21e-12), (10.0, 2.0, 5.17e-11)]
)
def test_pyroelectric_response(swing: float, hours: float, expected: float) -> None:
    """Zero affinity, ambient temperature +- swing: 6e-14 to 5e-11 W at 1.8 kOhm, far below a milliwatt."""
    period = 3600.0 * hours

    def ambient(time: float) -> float:
        return T_R + swing * np.sin(2 * np.pi * time / period)

    y = lower(0.0, T_R)
    rates = right_hand_side(1800.0, ambient, 60.0, False)
    found = solve_ivp(
        rates, (0, 3 * period), [y, y, *[0.0] * 8], "LSODA", [2 * period, 3 * period], rtol=1e-9, atol=1e-15,
        max_step=period / 100,
    )  # fmt: skip
    power = float(np.diff(found.y[6])[0]) / period
    assert power == pytest.approx(expected, rel=5e-3)
    if hours == 24.0:
        return
    # the cell, whose bath follows: T stays, T_a moves
    cell, dt, count = SelfCyclingCell(energy_source="none"), period / 300, 600
    values, work = np.array([[np.log10(1800.0)]]), np.zeros(count)
    x, t = np.array([[y], [y], [0.0], [0.0], [0.0]]), np.array([T_R])
    for i in range(count):
        now = replace(cell, T_a=ambient(dt * (i + 0.5)))
        done = now.advance(x, t - now.T_a, values, values, np.zeros(1, dtype=np.int64), dt)
        x, t, work[i] = done.x, now.T_a + done.theta, done.delivered[0]
    assert work[300:].sum() / period == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("share", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("flat", [False, True])
def test_ledgers_close_over_a_run(share: float, flat: bool) -> None:
    """Sets S2 and S1 (a flat double layer, whose energy is 1e-7 of the fuel's): both residuals below 1e-10.

    The energy residual is compared with the work, the entropy residual with the entropy produced, which is added up
    from dissipation and conduction and not from the state functions.
    """
    cell = SelfCyclingCell(C_A=2e-3, C_C=5e-3, y0=5e-5, y_w=1.25e-5) if flat else CELL
    values, choice = np.array([[np.log10(1800.0)]]), np.zeros(1, dtype=np.int64)
    x, theta = cell.start()[:, None], np.zeros(1)
    begin, work, heat, produced = np.concatenate([x[:, 0], theta, values[0]])[None], 0.0, 0.0, 0.0
    for _ in range(400):
        done = cell.advance(x, theta, values, values, choice, share * cell.longest_sub_step)
        assert done.sub_steps[0] == 1
        mean, lost = float(log_mean(cell.T_a + theta, cell.T_a + done.theta)[0]), -float(done.heat[0, 0])
        work, heat = work + float(done.delivered[0]), heat + lost
        produced += float(done.dissipated.sum()) / mean + lost * (1 / cell.T_a - 1 / mean)
        x, theta = done.x, done.theta
    end = np.concatenate([x[:, 0], theta, values[0]])[None]
    energy, entropy = (float((f(end) - f(begin))[0]) for f in (cell.internal_energy, cell.entropy))
    assert abs(energy + work + heat) < 1e-10 * work
    assert abs(entropy + heat / cell.T_a - produced) < 1e-10 * produced
