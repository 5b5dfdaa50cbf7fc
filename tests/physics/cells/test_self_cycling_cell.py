"""The self-cycling cell: an independent integration, limits, fuel, and what no policy can do without a source."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from szilard.physics.cells.cell import SecondLawError
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.validation import ParameterError

CELL = SelfCyclingCell()
LOAD = np.log10(1800.0)
K_E = 1.380649e-23 / 1.602176634e-19


def held(k: int = 1, *values: float) -> Control:
    return Control(np.tile(np.array(values or (LOAD,)), (k, 1)), np.zeros(k, dtype=np.int64))


def full_state(cell: SelfCyclingCell, x: np.ndarray, *values: float) -> np.ndarray:
    return np.concatenate([x, [0.0], values or (LOAD,)])[None]


def right_hand_side(m: SelfCyclingCell, load: float):
    """The six equations as they are written in the specification, with integrals of power and heat."""
    a_r = -1.5 * np.sqrt(3) * m.V_c / m.y0
    a0, b = -a_r / (m.Tc - m.T_r), -a_r / m.y0**2

    def rates(_: float, z: np.ndarray) -> list[float]:
        q_a, y, q_c, n_a, n_c, theta = z[:6]
        t = m.T_a + theta
        inverse = 1 / t - 1 / m.T_r
        arrhenius, r_i = np.exp(-m.E_act / K_E * inverse), m.R_i * np.exp(m.E_ion / K_E * inverse)
        v_a, v_c = (q_a - y) / m.C_A, q_c / m.C_C
        s_a, s_c = m.e_A + K_E / m.z_A * np.log(n_a / m.N0_A), m.e_C + K_E / m.z_C * np.log(n_c / m.N0_C)
        e_a, e_c = m.E_A - m.e_A * m.T_r + t * s_a, m.E_C - m.e_C * m.T_r + t * s_c
        g = (1 / m.R_p + (1 / m.R_m - 1 / m.R_p) / (1 + np.exp(y / m.y_w))) * arrhenius
        j_a, j_c = g * (e_a - v_a), arrhenius / m.R_C * (e_c - v_c)
        current = (v_a + v_c) / (r_i + load)
        v = v_a + v_c - r_i * current
        dy = (v_a - m.V_b - a0 * (t - m.Tc) * y - b * y**3) / m.R_F
        heat = r_i * current**2 + j_a * (e_a - v_a) + j_c * (e_c - v_c) + m.R_F * dy**2
        lost = m.K * theta
        warming = (heat + t * a0 * y * dy - t * (s_a * j_a + s_c * j_c) - lost) / m.C_th
        return [j_a - current, dy, j_c - current, -j_a, -j_c, warming, v * current, lost]

    return rates


def test_agrees_with_an_independent_integration() -> None:
    """Ten minutes, through the first switch of the interface, with two integrators of scipy; second order in dt."""
    x = CELL.start()
    y0 = [*x[:3], CELL.N0_A, CELL.N0_C, 0.0, 0.0, 0.0]
    exact = [
        solve_ivp(right_hand_side(CELL, 1800.0), (0, 1500), y0, method, rtol=1e-9, atol=1e-12).y[:, -1]
        for method in ("Radau", "LSODA")
    ]
    np.testing.assert_allclose(exact[0], exact[1], rtol=1e-6, atol=1e-8)
    errors = []
    for dt in (10.0, 5.0):
        state, work, heat = full_state(CELL, x), 0.0, 0.0
        for _ in range(round(1500 / dt)):
            state, flows = CELL.step(state, held(), dt)
            work, heat = work - flows.work[0], heat - flows.heat[0, 0]
        errors.append([state[0, 0] - exact[0][0], work - exact[0][6], heat - exact[0][7]])
        assert state[0, :3] == pytest.approx(exact[0][:3], rel=3e-3)
        assert CELL.N0_A - state[0, 3] == pytest.approx(exact[0][3], rel=1e-6)
        assert work == pytest.approx(exact[0][6], rel=2e-4)
        assert heat == pytest.approx(exact[0][7], rel=2e-3)
    ratio = np.array(errors[0]) / np.array(errors[1])
    assert (np.abs(ratio - 4.0) < 0.6).all()


def run(cell: SelfCyclingCell, x: np.ndarray, load: float, hours: float, dt: float = 10.0) -> np.ndarray:
    """Terminal voltage after every step, V."""
    state, voltages = full_state(cell, x, np.log10(load)), []
    for _ in range(round(3600 * hours / dt)):
        state, _flows = cell.step(state, held(1, np.log10(load)), dt)
        voltages.append(cell.terminal(state)[0][0])
    return np.array(voltages)


def test_controls_do_not_oscillate_and_the_cell_does() -> None:
    """A batch cannot hold different parameters: three short runs with steps of a sub-step's length."""
    assert np.ptp(run(CELL, CELL.start(), 1800.0, 2.5)[360:]) == pytest.approx(0.2116, abs=1e-3)
    same = replace(CELL, R_p=CELL.R_m)
    assert np.ptp(run(same, same.start(), 1800.0, 4.0, 20.0)[-90:]) < 2e-4
    small = replace(CELL, C_A=0.3)
    assert np.ptp(run(small, small.start(), 1800.0, 2.0, 20.0)[-90:]) < 1e-4


def test_without_interface_it_is_an_RC_cell() -> None:
    """y0 -> 0: v_A relaxes with C_A and the conductances of reaction and load."""
    cell = replace(CELL, y0=1e-6, y_w=1e9, R_F=1e8, e_A=0.0, C_C=1e9, N0_A=1e12, N0_C=1e12, C_th=1e9)
    x = np.array([0.5 * cell.C_A, 0.0, cell.E_C * cell.C_C, 0.0, 0.0])
    state = full_state(cell, x)
    g = 0.5 / cell.R_p + 0.5 / cell.R_m  # half covered everywhere
    total = cell.R_i + 1800.0
    rest = (g * cell.E_A - cell.E_C / total) / (g + 1 / total)
    for i in range(60):
        state, _ = cell.step(state, held(), 20.0)
        t = 20.0 * (i + 1)
        v_a = (state[0, 0] - state[0, 1]) / cell.C_A
        assert v_a == pytest.approx(rest + (0.5 - rest) * np.exp(-(g + 1 / total) * t / cell.C_A), abs=1e-5)


@pytest.mark.parametrize(("r_f", "hours", "dt"), [(60.0, 2, 10.0), (900.0, 20, 100.0)])
def test_fuel_runs_out_and_work_stays_below_the_exergy(r_f: float, hours: int, dt: float) -> None:
    """Two hours of the reference set; all twenty with a slower interface, which changes the path and not the ends."""
    cell = SelfCyclingCell(N0_A=5.0, N0_C=500.0, N_half=0.1, R_F=r_f)
    state = full_state(cell, cell.start())
    exergy = cell.internal_energy(state) - cell.T_a * cell.entropy(state)
    work, voltages = 0.0, [cell.source_at(state)[0][0]]
    for i in range(round(3600 * hours / dt)):
        state, flows = cell.step(state, held(), dt)
        audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
        work -= flows.work[0]
        if (i + 1) % round(7200 / dt) == 0:
            voltages.append(cell.source_at(state)[0][0])
    drop = exergy - (cell.internal_energy(state) - cell.T_a * cell.entropy(state))
    assert 0.0 < work < drop[0]
    if r_f == 60.0:
        assert voltages == pytest.approx([0.85, 0.99], abs=6e-3)
    if hours == 20:
        assert voltages[-1] < 5e-4
        assert drop[0] == pytest.approx(8.982, abs=2e-3)
        assert work > 0.5 * drop[0]


# ---- what no policy can do ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coarse(SelfCyclingCell):
    """Takes the steps that it is told to: the second law does not ask for accuracy."""

    @property
    def longest_sub_step(self) -> float:
        return 3e3


def test_without_a_source_no_protocol_delivers_net_work() -> None:
    """200 protocols of 6 segments from equilibrium, closed by relaxation."""
    cell, k = Coarse(energy_source="none", port_voltage=1.5, log_R_min=0.5), 200
    rng = np.random.default_rng(3)
    state = cell.initial_state(rng.random((k, 2)))
    state[:, -1] = 0.0
    start = cell.internal_energy(state) - cell.T_a * cell.entropy(state)
    segments = [
        (np.stack([rng.uniform(0.5, 4.5, k), rng.uniform(-1.5, 1.5, k) * (rng.random(k) < 0.7)], axis=1), duration)
        for duration in rng.permutation(10.0 ** np.linspace(1.0, 4.0, 6))
    ]
    work, least = np.zeros(k), 0.0
    for values, duration in [*segments, (np.tile([2.0, 0.0], (k, 1)), 3e5)]:
        for _ in range(10):
            state, flows = cell.step(state, Control(values, np.zeros(k, dtype=np.int64)), duration / 10)
            audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
            work -= flows.work
            exergy = cell.internal_energy(state) - cell.T_a * cell.entropy(state)
            # from equilibrium, at any time and not only over cycles
            assert (work <= start - exergy + 1e-12).all()
            assert (exergy >= start - 1e-12).all()
            least = min(least, work.min())
    assert work.max() < 0.0
    assert least < -1.0  # they did exchange energy


def test_equilibrium_without_a_source_has_a_real_spectrum() -> None:
    """-M H with symmetric M and H >= 0: no linear oscillation; by perturbing the cell in every direction."""
    cell = SelfCyclingCell(energy_source="none")
    x = full_state(cell, cell.start(0.0))
    directions = np.diag([1e-5, 1e-6, 1e-5, 0.0, 0.0, 1e-4])[[0, 1, 2, 5]]
    h = 1e-3
    states = np.concatenate([x, x + np.pad(directions, ((0, 0), (0, 1))), x - np.pad(directions, ((0, 0), (0, 1)))])
    after, _ = cell.step(states, held(9), h)
    columns = (after[1:5] - after[5:])[:, [0, 1, 2, 5]] / (2 * np.diag(directions[:, [0, 1, 2, 5]])[:, None])
    rates = (np.linalg.eigvals(columns) - 1.0) / h
    assert np.abs(rates.imag).max() < 1e-6 * np.abs(rates).max()
    assert rates.real.max() < 0.0


def test_two_baths_book_heat_per_bath_and_stay_below_carnot() -> None:
    cell = SelfCyclingCell(energy_source="two_bath", T_hot=340.0)
    assert cell.bath_names == ("cold", "hot")
    state = cell.initial_state(np.zeros((1, 2)))
    work, heat, start = 0.0, np.zeros(2), state.copy()
    for i in range(400):
        bath = (i // 100) % 2
        state, flows = cell.step(state, Control(np.array([[2.5]]), np.array([bath])), 20.0)
        audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
        assert flows.heat[0, 1 - bath] == 0.0
        work, heat = work - flows.work[0], heat + flows.heat[0]
    change = cell.internal_energy(state) - cell.internal_energy(start)
    exergy = change - cell.T_a * (cell.entropy(state) - cell.entropy(start))
    assert heat[1] > 0.0
    assert work + exergy[0] <= heat[1] * (1.0 - cell.T_a / cell.T_hot)
    assert change[0] == pytest.approx(heat.sum() - work, abs=1e-10)


def test_stress_does_work_on_the_interface() -> None:
    cell = SelfCyclingCell(energy_source="mechanical", Tc_span=20.0)
    state = cell.initial_state(np.zeros((1, 2)))
    y, tc = state[0, 1], state[0, -1]
    for new in (cell.Tc + 20.0, cell.Tc - 20.0):
        after, flows = cell.step(state, held(1, 4.5, new), 1e-9)
        # at a switch -a0 y^2/2 dTc, before anything else moves
        assert flows.work[0] == pytest.approx(-0.5 * cell.a0 * y**2 * (new - tc), rel=1e-6)
        assert after[0, -1] == new
    # a cycle of stress pumps charge through the load; all of it is paid by the stress
    total, electrical = 0.0, 0.0
    for i in range(200):
        new = cell.Tc + (20.0 if (i // 20) % 2 else -20.0)
        before = state
        state, flows = cell.step(state, held(1, 2.5, new), 30.0)
        stress = -0.5 * cell.a0 * before[0, 1] ** 2 * (new - before[0, -1])
        total, electrical = total + flows.work[0], electrical + stress - flows.work[0]
    assert electrical > 0.0
    assert total > 0.0


def test_refusals() -> None:
    for source in ("ambient_heat", "heat"):
        with pytest.raises(SecondLawError, match="single temperature"):
            SelfCyclingCell(energy_source=source)
    for hot in (298.15, 280.0):
        with pytest.raises(SecondLawError, match="only one temperature"):
            SelfCyclingCell(energy_source="two_bath", T_hot=hot)
    assert issubclass(SecondLawError, ParameterError)
    for name, value in (("C_A", 0.0), ("R_F", -1.0), ("Tc", 298.15), ("N_half", -1.0), ("T_a", np.nan)):
        with pytest.raises(ParameterError, match=f"{name} = "):
            SelfCyclingCell(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="energy_source = 'chem'"):
        SelfCyclingCell(energy_source="chem")
    with pytest.raises(ParameterError, match="log_R_min"):
        SelfCyclingCell(log_R_min=5.0)
    state = full_state(CELL, CELL.start())
    cold = state.copy()
    cold[0, 5] = -300.0
    for bad, words in ((cold, "temperature"), (state * np.nan, "finite"), (state[:, :-1], "shape")):
        with pytest.raises(ParameterError, match=words):
            CELL.check_state(bad)
