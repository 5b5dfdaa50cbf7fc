"""The double-layer cell: an independent integration of its equations, equilibria, conservation, the last volts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from szilard.physics.cells.cycler.runner import run
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.control import Control
from szilard.physics.laws import audit

CELL = DoubleLayerCell()
K_E = 1.380649e-23 / 1.602176634e-19
T_R = 298.15


def binodal(w: float) -> float:
    """The rarer of the two compositions with equal chemical potential and equal grand potential; w > 2."""
    return brentq(lambda x: np.log(x / (1 - x)) - w * (2 * x - 1), 1e-12, 0.5 - np.sqrt(0.25 - 0.5 / w))  # type: ignore[return-value]


X_B = binodal(3.5)


def cathode(x: float, y: float, temperature: float) -> tuple[float, float]:
    """E_C and its derivative with respect to T of the reference set, at the filling x with y = 1 - x."""
    slope = 0.0 if min(x, y) > X_B else -K_E * (np.log(x / y) + 3.5 * (y - x))
    return 2.22 - 1e-4 * (temperature - T_R) + temperature * slope, -1e-4 + slope


def resistance(temperature: float) -> float:
    return 5.0 * temperature / T_R * np.exp(0.30 / K_E * (1 / temperature - 1 / T_R))


def right_hand_side(current: float) -> Callable[[float, np.ndarray], list[float]]:
    """The equations of the specification with its numbers: v_A, v_C, s, q_A, T - T_a, work, heat to the bath."""

    def rates(_: float, z: np.ndarray) -> list[float]:
        v_a, v_c, s, _, theta, _, _ = z
        t = T_R + theta
        x, y = 1 / (1 + np.exp(-s)), 1 / (1 + np.exp(s))
        e_c, slope = cathode(x, y, t)
        j_a = 2 * 2e-3 * np.sinh((1.2 - v_a) / (2 * K_E * t))
        j_c = 4 * 1e-3 * np.sqrt(x * y) * np.sinh((e_c - v_c) / (2 * K_E * t))
        r = resistance(t)
        heat = r * current**2 + j_a * (1.2 - v_a) + j_c * (e_c - v_c) - t * slope * j_c
        power, lost = (v_a + v_c - r * current) * current, 1e-3 * theta
        return [(j_a - current) / 20e-6, (j_c - current) / 20e-6, j_c / 10.8 / (x * y), j_a, (heat - lost) / 0.05,
                power, lost]  # fmt: skip

    return rates


def start() -> list[float]:
    return [1.2, cathode(0.01, 0.99, T_R)[0], np.log(0.01 / 0.99), 0.0, 0.0, 0.0, 0.0]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (0.3e-3, (35640.2296, 3.406969, 36.385012, 0.497266, 0.0655, 1.1961, -1.1947)),
        (3.0e-3, (3564.0227, 3.308035, 35.221194, 1.624744, 0.7923, 1.1643, -1.1497)),
    ],
)
def test_numbers_of_the_specification_by_an_independent_integration(current: float, expected: Any) -> None:
    """Radau until V = 0; the cell itself is compared with the same numbers as reference values."""

    def voltage(_: float, z: np.ndarray) -> float:
        return z[0] + z[1] - resistance(T_R + z[4]) * current

    def half(_: float, z: np.ndarray) -> float:
        return z[2]

    voltage.terminal = True  # type: ignore[attr-defined]
    found = solve_ivp(
        right_hand_side(current), (0, 5e4), start(), "Radau", events=[voltage, half], rtol=1e-8, atol=1e-9
    )
    end, middle = found.y[:, -1], found.y_events[1][0]
    values = (found.t[-1], voltage(0.0, middle), end[5], end[6], found.y[4].max(), end[0], end[1])
    digits = (1e-4, 1e-6, 1e-6, 1e-6, 1e-4, 1e-4, 1e-4)
    for value, number, unit in zip(values, expected, digits, strict=True):
        assert value == pytest.approx(number, abs=0.6 * unit)
    # V_AE = -V_EC up to the ohmic drop
    assert end[0] + end[1] == pytest.approx(resistance(T_R + end[4]) * current, abs=1e-8)


def test_steps_converge_to_it() -> None:
    """Twenty minutes at 3 mA/cm2: temperature, work and heat; charge and filling are exact at any step."""
    current, length = 3e-3, 1200.0
    exact = solve_ivp(right_hand_side(current), (0, length), start(), "Radau", rtol=1e-10, atol=1e-12).y[:, -1]
    control = Control(np.array([[current]]), np.zeros(1, dtype=np.int64))
    errors = []
    for dt in (100.0, 25.0):
        state, work, heat = np.concatenate([CELL.start(), [0.0, current]])[None], 0.0, 0.0
        for _ in range(round(length / dt)):
            state, flows = CELL.step(state, control, dt)
            work, heat = work - flows.work[0], heat - flows.heat[0, 0]
        found = np.array([state[0, 0] / CELL.C_A, *state[0, 2:5], work, heat])
        error = np.abs(found - exact[[0, 2, 3, 4, 5, 6]])
        # charge and filling, but for what the double layers keep
        assert error[1:3] == pytest.approx(0.0, abs=1e-8)
        errors.append(error[3:])
    assert (errors[0] < [1e-4, 1e-3, 1e-3]).all()
    assert errors[1][0] < errors[0][0] / 8.0
    # double layers that ring a little, by less than 1 mV, are allowed 1e-5 of the work
    assert (errors[1][1:] < [1e-4, 1e-4]).all()
    assert (errors[1][1:] < errors[0][1:]).all()


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dt=st.floats(-5.0, 2.0).map(lambda e: 10.0**e))
def test_charge_is_conserved(seed: int, dt: float) -> None:
    """What leaves the terminals has left the anode's double layer, and has arrived in the cathode or its layer."""
    rng = np.random.default_rng(seed)
    state = CELL.initial_state(rng.random((4, 1)))
    first, moved = state, np.zeros(4)
    for _ in range(3):
        values = rng.uniform(-CELL.I_max, CELL.I_max, (4, 1))
        state, flows = CELL.step(state, Control(values, np.zeros(4, dtype=np.int64)), dt)
        audit(flows, CELL.betas, CELL.energy_scale, CELL.tolerance)
        moved += values[:, 0] * dt
        free = (CELL.terminal(state)[0] > CELL.V_min + 0.1) & (CELL.terminal(state)[0] < CELL.V_max - 0.1)
        if not free.all():
            return  # the current was cut back at a limit of the voltage
    filling = 1 / (1 + np.exp(-state[:, 2])) - 1 / (1 + np.exp(-first[:, 2]))
    scale = CELL.Q_cap * 1e-12
    np.testing.assert_allclose(CELL.passed(state) - CELL.passed(first), moved, rtol=1e-9, atol=scale)
    cathode_side = CELL.Q_cap * filling - (state[:, 1] - first[:, 1])
    np.testing.assert_allclose(cathode_side, moved, rtol=1e-9, atol=scale)


def test_alignment_of_electrochemical_potentials() -> None:
    """mubar_j - mubar_i = mu_j - mu_i + z e (phi_j - phi_i), without bars on the right (they are a misprint there).

    The affinity of either reaction, the derivative of F by the charge that it moves, is that difference for electrons
    (z = -1); without a current both vanish.
    """
    away = np.array([[0.02], [-0.03]])
    x0 = CELL.start(0.3)[:, None]
    charged = x0.copy()
    charged[:2] += np.array([[CELL.C_A], [CELL.C_C]]) * away
    for x, phi in ((x0, np.zeros((2, 1))), (charged, away)):
        v_a, v_c = x[0] / CELL.C_A, x[1] / CELL.C_C
        du, ds = CELL.gradients(x, x, np.zeros((1, 1)))
        # the reaction of the anode charges its layer and passes q_A; that of the cathode fills it
        anode = -(du[0] + du[3] - CELL.T_a * (ds[0] + ds[3]))
        full = -(du[1] + (du[2] - CELL.T_a * ds[2]) / CELL.Q_cap)
        assert anode == pytest.approx((CELL.mu_A - CELL.mu_E) - v_a, abs=1e-12)
        # on the plateau mu_C = mu_C0
        assert full == pytest.approx((CELL.mu_E - CELL.mu_C0) - v_c, abs=1e-12)
        assert (anode, full) == (pytest.approx(-phi[0], abs=1e-12), pytest.approx(-phi[1], abs=1e-12))


@settings(max_examples=15, deadline=None)
@given(filling=st.floats(0.005, 0.995), t_a=st.floats(250.0, 340.0), w=st.floats(0.5, 4.0))
def test_open_circuit_voltage_in_closed_form_is_an_equilibrium(filling: float, t_a: float, w: float) -> None:
    cell = replace(CELL, T_a=t_a, w=w)
    mixed = w <= 2.0 or min(filling, 1.0 - filling) < binodal(w)
    level = 1.2 + 2.22 - 1e-4 * (t_a - T_R)
    if mixed:
        level -= K_E * t_a * (np.log(filling / (1.0 - filling)) + w * (1.0 - 2.0 * filling))
    state = np.concatenate([cell.start(filling), [0.0, 0.0]])[None]
    assert cell.terminal(state)[0][0] == pytest.approx(level, abs=1e-12)
    after, flows = cell.step(state, Control(np.zeros((1, 1)), np.zeros(1, dtype=np.int64)), 1e3)
    np.testing.assert_allclose(after, state, rtol=1e-9, atol=1e-9)
    assert abs(flows.heat[0, 0]) < 1e-9


def test_plateau_is_the_common_tangent() -> None:
    """Equal chemical potential and equal grand potential at x_b and 1 - x_b; convex in between, no third phase."""
    assert CELL.binodal == pytest.approx(0.03787, abs=5e-6)
    assert CELL.binodal == pytest.approx(X_B, rel=1e-12)

    def mixing(x: np.ndarray) -> np.ndarray:
        """-s_mix of one phase, V/K."""
        return K_E * (x * np.log(x) + (1 - x) * np.log(1 - x) + 3.5 * x * (1 - x))

    ends = np.array([X_B, 1.0 - X_B])
    assert mixing(ends)[0] == pytest.approx(mixing(ends)[1], rel=1e-12)
    x = np.linspace(1e-3, 1.0 - 1e-3, 999)
    hull = -CELL.mixing(np.log(x / (1 - x)))
    assert (hull <= mixing(x) + 1e-18).all()
    assert (np.diff(hull, 2) >= -1e-18).all()
    inside = (x > X_B) & (x < 1.0 - X_B)
    assert hull[inside] == pytest.approx(mixing(ends)[0], rel=1e-12)
    np.testing.assert_allclose(hull[~inside], mixing(x[~inside]), rtol=1e-12)
    assert replace(CELL, w=1.9).binodal == 0.5


def test_a_shorted_cell_ends_with_two_layers_that_cancel() -> None:
    """V is held at 0: the cathode's layer reverses within its time constant, V_AE = R I - V_EC throughout."""
    filling = 1.0 - 1e-9
    state = np.concatenate([CELL.start(filling), [0.0, 5e-3]])[None]
    control = Control(np.array([[5e-3]]), np.zeros(1, dtype=np.int64))
    for _ in range(40):
        state, flows = CELL.step(state, control, 0.05)
        audit(flows, CELL.betas, CELL.energy_scale, CELL.tolerance)
    signals = CELL.signals(state)
    v_ae, v_ec = signals["anode.voltage"][0], signals["cathode.voltage"][0]
    voltage, current = (a[0] for a in CELL.terminal(state))
    assert voltage == pytest.approx(0.0, abs=1e-9)
    assert v_ae + v_ec == pytest.approx(resistance(T_R + state[0, 4]) * current, abs=1e-9)
    # the cathode is full: no current is left, and the two are opposite
    assert abs(current) < 1e-6
    assert (v_ae, v_ec) == (pytest.approx(1.2, abs=1e-4), pytest.approx(-1.2, abs=1e-4))


def test_conductivity() -> None:
    for celsius, expected, digits in ((-20.0, 0.148, 5e-4), (0.0, 0.375, 5e-4), (25.0, 1.0, 1e-12), (60.0, 3.05, 5e-3)):
        t = 273.15 + celsius
        assert 1e3 * CELL.conductivity(t) == pytest.approx(expected, abs=digits)
        assert CELL.resistance(t) == pytest.approx(resistance(t), rel=1e-12)


def test_constant_current_then_constant_voltage() -> None:
    """The voltage is held while the current decays; at its end the filling is the stationary one at 3.55 V."""
    cell = replace(CELL, x0=0.5)
    found = run(cell, "Charge at 5 mA until 3.55 V, hold until 2 uA", tolerance=1e-4)
    voltage, current = found["terminal.voltage"], found["terminal.current"]
    held = found["time"] > found["time"][np.argmax(voltage > 3.55 - 1e-6)]
    assert np.ptp(voltage[held]) < 1e-5
    late = held & (found["cathode.filling"] < X_B)  # on the plateau it rises a little, as the cell warms up
    assert late.sum() > 20
    # but for the ringing of the midpoint rule after the kink at the end of the plateau it falls all the way
    assert np.abs(np.diff(current[late])).sum() < 1.02 * (current[late][-1] - current[late][0])
    assert current[-1] == pytest.approx(-2e-6, rel=1e-2)
    t = found["temperature"][-1]

    def missing(x: float) -> float:
        """Of the voltage, with the overpotentials of the last current."""
        anode, full = np.arcsinh(2e-6 / (2 * 2e-3)), np.arcsinh(2e-6 / (4 * 1e-3 * np.sqrt(x * (1 - x))))
        return 1.2 + cathode(x, 1 - x, t)[0] + 2 * K_E * t * (anode + full) + resistance(t) * 2e-6 - 3.55

    x: Any = brentq(missing, 1e-9, X_B - 1e-9)
    assert found["cathode.filling"][-1] == pytest.approx(x, rel=4e-3)
    assert found["ledger.delivered"][-1] < 0.0
    assert np.abs(found["ledger.residual"]).max() < 1e-10 * abs(found["ledger.delivered"][-1])
