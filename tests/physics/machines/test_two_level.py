"""The two-level engine: closed form against integration and the affine map, parameters, description."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from szilard.physics.control import Control
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

KINDS = ["fermionic", "bosonic", "ohmic"]


def random_step(seed: int, num: int = 16) -> tuple[np.ndarray, Control]:
    rng = np.random.default_rng(seed)
    state = np.stack([rng.random(num), rng.uniform(0.3, 1.0, num)], axis=1)
    return state, Control(rng.uniform(0.3, 1.0, (num, 1)), rng.integers(0, 3, num))


@pytest.mark.parametrize("rates", KINDS)
@given(seed=st.integers(0, 2**32 - 1), dt=st.floats(1e-3, 20.0))
def test_closed_form_equals_the_affine_map(rates: str, seed: int, dt: float) -> None:
    machine = TwoLevelEngine(rates=rates, gamma_h=0.7, gamma_c=1.9)
    state, control = random_step(seed)
    closed = machine.propagate(state, control, dt)
    affine = AffineMachine.propagate(machine, state, control, dt)
    for a, b in zip(closed[:3], affine[:3], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-15)
    np.testing.assert_allclose(machine.internal_energy(state), AffineMachine.internal_energy(machine, state))


@pytest.mark.parametrize("rates", KINDS)
def test_hold_equals_numerical_integration_of_the_rate_equation(rates: str) -> None:
    machine = TwoLevelEngine(rates=rates, gamma_h=0.7, gamma_c=1.9)
    state, control = random_step(3, num=6)
    after, flows = machine.step(state, control, 0.8)
    for k in range(6):
        u, a = control.values[k, 0], control.choice[k]
        gap = machine.E0 * u
        if a == 2:
            assert after[k, 0] == state[k, 0]
            assert (flows.heat[k] == 0).all()
            continue
        bath = machine.baths[a]

        def rhs(_: float, y: np.ndarray, gap: float = gap, bath: Any = bath) -> list[float]:
            rate = bath.rate(-gap) * (1 - y[0]) - bath.rate(gap) * y[0]
            return [rate, gap * rate]

        exact = solve_ivp(rhs, (0, 0.8), [state[k, 0], 0.0], rtol=1e-11, atol=1e-13).y[:, -1]
        assert after[k, 0] == pytest.approx(exact[0], abs=1e-10)
        assert flows.heat[k, a] == pytest.approx(exact[1], abs=1e-10)
        assert flows.heat[k, 1 - a] == 0.0


@pytest.mark.parametrize("rates", KINDS)
def test_complex_step_derivative_equals_central_differences(rates: str) -> None:
    machine = TwoLevelEngine(rates=rates)
    _, control = random_step(5)
    h = 1e-5
    # stay inside the range on both sides
    values = control.values.clip(0.3 + h, 1.0 - h)
    exact = machine.affine_derivative(Control(values, control.choice), 0.5, 0)
    up = machine.affine(Control(values + h, control.choice), 0.5)
    down = machine.affine(Control(values - h, control.choice), 0.5)
    for d, a, b in zip(exact, up, down, strict=True):
        np.testing.assert_allclose(d, (a - b) / (2 * h), atol=1e-8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta_c": 0.0}, "beta_c = 0.0: must be > 0"),
        ({"gamma_h": -1.0}, "gamma_h = -1.0: must be > 0"),
        ({"E0": float("nan")}, "E0 = nan: must be a finite number"),
        ({"beta_h": "warm"}, "beta_h = 'warm': must be a finite number"),
        ({"beta_h": 3.0}, "beta_h = 3.0: must be < beta_c = 2.0"),
        ({"u_min": 1.0}, "range of u"),
        ({"rates": "bosnic"}, "did you mean 'bosonic'"),
        ({"E0": 500.0}, "beta_c . E0 . u_max = 1000.0: must be in"),
    ],
)
def test_bad_parameters_get_one_clear_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        TwoLevelEngine(**changes)


@pytest.mark.parametrize(
    "state", [[[1.2, 0.5]], [[-0.1, 0.5]], [[0.2, 0.1]], [[0.2, np.nan]], [[0.2]], [0.2, 0.5], [[np.inf, 0.5]]]
)
def test_unphysical_states_are_refused(state: list[Any]) -> None:
    with pytest.raises(ParameterError):
        TwoLevelEngine().check_state(np.array(state))


def test_description_is_plain_data_with_units() -> None:
    described = json.loads(json.dumps(TwoLevelEngine().describe()))
    assert {p["name"]: p["unit"] for p in described["parameters"]}["beta_c"] == "1/energy"
    assert all(p["about"] for p in described["parameters"])
    assert described["choices"] == ["hot", "cold", "none"]
    assert "Erdman" in described["source"]


def test_start_is_thermal_at_the_harmonic_mean_temperature() -> None:
    machine = TwoLevelEngine()
    state = machine.initial_state(np.array([[0.0], [0.5], [1.0]]))
    np.testing.assert_allclose(state[:, 1], [0.3, 0.65, 1.0])
    np.testing.assert_allclose(np.log(1 / state[:, 0] - 1) / (2.5 * state[:, 1]), 4 / 3)
