"""Errors, ledger and encodings of the machine environment, on the two-level engine."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import szilard
from szilard.envs.encodings import EncodeAction, EncodeVectorAction, make_encoding
from szilard.physics.control import ControlSpace, Range
from szilard.physics.validation import ParameterError

ID = "szilard/TwoLevelEngine-v0"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"control": [np.nan], "bath": 0}, "must be finite and in"),
        ({"control": [1.5], "bath": 0}, "must be finite and in"),
        ({"control": [0.1, 0.2], "bath": 0}, r"has shape \(1, 2\), must have shape \(1, 1\)"),
        ({"control": [0.1], "bath": 3}, "must be integers among 0 hot, 1 cold, 2 none"),
        ({"control": [0.1], "bath": -1}, "must be integers among"),
        ({"control": [0.1], "bath": 0.5}, "must be integers among"),
        ({"control": [0.1]}, "exactly the keys"),
        ({"control": [0.1], "bth": 0}, "exactly the keys"),
        ([0.1, 0.0], "must be a dict"),
    ],
)
def test_bad_actions_get_one_clear_error_and_change_nothing(action: Any, message: str) -> None:
    env = gym.make(ID).unwrapped
    env.reset(seed=0)
    before = env.get_state()["state"]  # type: ignore[attr-defined]
    with pytest.raises(ParameterError, match=message):
        env.step(action)
    np.testing.assert_array_equal(before, env.get_state()["state"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dt": 0.0}, "dt = 0.0: must be > 0"),
        ({"dt": float("nan")}, "dt = nan"),
        ({"betac": 1.3}, "did you mean 'beta_c'"),
        ({"preset": "ErdmanNoe2023"}, "did you mean 'ErdmanNoe2022'"),
        ({"reward": "shaped"}, "did you mean 'shaped_power'"),
        ({"reward": {"power": float("inf")}}, "weight = inf"),
        ({"reward": {}}, "at least one term"),
        ({"render_mode": "ansi"}, "render_mode = 'ansi'"),
    ],
)
def test_bad_settings_get_one_clear_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gym.make(ID, **settings)


def test_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean 'szilard/TwoLevelEngine-v0'"):
        szilard.make_vec("szilard/TwoLevelEngin-v0")


@pytest.mark.parametrize("settings", [{"num_envs": 0}, {"max_episode_steps": 0}, {"max_episode_steps": 1.5}])
def test_bad_vector_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="must be an integer >= 1"):
        szilard.make_vec(ID, **settings)


def test_ledger_is_in_physical_units_and_balances() -> None:
    env = gym.make(ID, dt=0.25)
    env.reset(seed=0, options={"state": np.array([0.2, 0.5])})
    _, reward, _, _, info = env.step({"control": np.array([1.0]), "bath": 0})
    assert info["work"] == pytest.approx(2.5 * 0.5 * (0.2 - 0.5))
    assert info["power"] == pytest.approx(-info["work"] / 0.25)
    assert info["heat"][1] == 0.0
    assert info["energy_change"] == pytest.approx(info["work"] + info["heat"].sum(), abs=1e-15)
    assert info["state"][1] == info["control"][0] == 1.0
    machine = env.unwrapped.machine  # type: ignore[attr-defined]
    shaped = (info["heat"].sum() - 1.625 * (info["state"][0] - 0.2)) / (0.25 * machine.power_unit)
    assert reward == pytest.approx(shaped)


@pytest.mark.parametrize("state", [[1.5, 0.5], [0.2, 0.0], [0.2, 0.5, 0.1]])
def test_reset_refuses_unphysical_states(state: list[float]) -> None:
    with pytest.raises(ParameterError):
        gym.make(ID).reset(options={"state": np.array(state)})


def test_restoring_a_state_of_another_size_is_refused() -> None:
    small, large = szilard.make_vec(ID, 2), szilard.make_vec(ID, 3)
    small.reset(seed=0)
    large.reset(seed=0)
    with pytest.raises(ParameterError, match="state"):
        large.set_state(small.get_state())


# ---- encodings -------------------------------------------------------------------------------------------------

SPACE = ControlSpace((Range("u", 0.3, 1.0), Range("v", -1.0, 1.0)), ("hot", "cold", "none"), "bath")


def test_box_bins_are_equal_and_closed() -> None:
    encoding = make_encoding(SPACE, "box")
    z = np.array([-1.0, -0.34, -0.33, 0.0, 0.33, 0.34, 1.0])
    native = encoding.decode(np.stack([0 * z, 0 * z, z], axis=1))
    assert native["bath"].tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_argmax_takes_the_largest_score() -> None:
    native = make_encoding(SPACE, "argmax").decode(np.array([[0.1, -0.2, -0.5, 0.9, 0.3]]))
    np.testing.assert_array_equal(native["control"], [[0.1, -0.2]])
    assert native["bath"].tolist() == [1]


def test_grids_reach_every_combination_once() -> None:
    encoding = make_encoding(SPACE, "discrete", levels=4)
    native = encoding.decode(np.arange(4 * 4 * 3))
    combined = np.column_stack([native["control"], native["bath"]])
    assert len(np.unique(combined, axis=0)) == 48
    assert {-1.0, 1.0} < set(native["control"][:, 0])
    other = make_encoding(SPACE, "multidiscrete", levels=4).decode(np.array([[3, 0, 2]]))
    np.testing.assert_array_equal(other["control"], [[1.0, -1.0]])
    assert other["bath"].tolist() == [2]


@pytest.mark.parametrize("encoding", ["box", "argmax"])
def test_machines_without_a_choice_have_a_plain_box(encoding: str) -> None:
    encoded = make_encoding(ControlSpace(SPACE.ranges), encoding)
    assert encoded.space.shape == (2,)
    np.testing.assert_array_equal(encoded.decode(np.array([[0.5, -0.5]])), [[0.5, -0.5]])


@pytest.mark.parametrize(
    ("encoding", "action"),
    [("box", [0.1]), ("box", [np.nan, 0.0]), ("argmax", [0.0, 0.0]), ("discrete", 45), ("discrete", -1)],
)
def test_bad_encoded_actions_are_refused(encoding: str, action: Any) -> None:
    env = EncodeAction(gym.make(ID), encoding)
    env.reset(seed=0)
    with pytest.raises(ParameterError):
        env.step(action)


def test_single_and_vector_wrappers_agree() -> None:
    vec = EncodeVectorAction(szilard.make_vec(ID, 2), "discrete", levels=5)
    one = EncodeAction(gym.make(ID), "discrete", levels=5)
    vec.reset(seed=4)
    one.reset(seed=4)
    for index in range(15):
        expected = one.step(index)[4]["state"]
        np.testing.assert_allclose(vec.step(np.array([index, 0]))[4]["state"][0], expected, rtol=1e-14)


def test_unknown_encoding_names_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean 'discrete'"):
        EncodeAction(gym.make(ID), "dscrete")
