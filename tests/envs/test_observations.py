"""What is seen other than the state: the last actions and heat fluxes, and what the instruments of a cell show."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env

import szilard
from szilard.envs.catalogue import CATALOGUE
from szilard.envs.encodings import EncodeAction
from szilard.envs.observations import METER, heat_unit, outcome_unit
from szilard.physics.cells.instruments import instruments_of
from szilard.physics.validation import ParameterError

IDS = [e.id for e in CATALOGUE]
TWO, FRIDGE, DEMON, ENGINE = (
    f"szilard/{n}-v0" for n in ("TwoLevelEngine", "QubitRefrigerator", "FeedbackDemon", "FerroelectricEngine")
)
CELLS = [e.id for e in CATALOGUE if "cell" in e.tags]
HISTORIES = [(i, o) for i in IDS for o in ("history", "actions")] + [(i, "instruments") for i in CELLS]
WITH_DETECTORS = [e.id for e in CATALOGUE if e.machine_class().detector_names]


def drawn(venv: Any, seed: int = 0) -> Any:
    """Actions of one step, different in every copy."""
    venv.action_space.seed(seed)
    return venv.action_space.sample()


def expected_rows(venv: Any, action: Any, info: dict[str, Any], observation: str) -> np.ndarray:
    """The row of one step (K, f), from the native action and the ledger."""
    space = venv.machine.control_space
    bare = {"control": action} if space.n_values else {space.choice_name: action}
    parts_of_action = action if isinstance(action, dict) else bare
    choice = parts_of_action.get(space.choice_name, np.zeros(venv.num_envs, dtype=int))
    control = parts_of_action.get("control", np.zeros((venv.num_envs, 0))) * space.used[choice]
    parts = [control, choice[:, None] == np.arange(space.n_choices)]
    machine, dt = venv.machine, venv.kernel.dt
    if observation == "instruments":
        there = instruments_of(machine)
        parts.append((there.read(info["state"]) / there.scale)[:, : there.measured].clip(-METER, METER))
    elif observation == "history":
        shown = (
            info["outcome"] / outcome_unit(machine, dt) if "outcome" in info else info["heat"] / heat_unit(machine, dt)
        )
        parts.append(shown.clip(-METER, METER))
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize(("env_id", "observation"), HISTORIES)
def test_the_history_is_what_was_done_and_measured(env_id: str, observation: str) -> None:
    steps, num = 4, 3
    venv = szilard.make_vec(env_id, num, observation=observation, history=steps)
    seen, _ = venv.reset(seed=1)
    assert not seen.any()
    rows = [np.zeros((num, seen.shape[1] // steps))] * steps
    for t in range(3 * steps + 1):  # past the points where the window is moved back
        action = drawn(venv, t)
        seen, _, _, _, info = venv.step(action)
        rows.append(expected_rows(venv, action, info, observation))
        np.testing.assert_allclose(seen, np.concatenate(rows[-steps:], axis=1), rtol=2e-6, atol=2e-7)
        assert all(venv.single_observation_space.contains(one) for one in seen)


@pytest.mark.parametrize("env_id", IDS)
def test_actions_tell_nothing_of_the_state(env_id: str) -> None:
    venv = szilard.make_vec(env_id, 2, observation="actions", history=8)
    venv.reset(seed=[1, 2])
    apart = 0
    for t in range(10):
        apart += not np.array_equal(*venv.kernel.state)  # a projective measurement may bring them together
        action = drawn(venv, t)
        same = {k: np.repeat(v[:1], 2, 0) for k, v in action.items()} if isinstance(action, dict) else action[[0, 0]]
        seen, *_ = venv.step(same)
        np.testing.assert_array_equal(*seen)
    assert apart >= 3


def test_a_copy_forgets_its_history_when_it_is_reset_and_the_others_do_not() -> None:
    venv = szilard.make_vec(TWO, 2, observation="history", history=5, max_episode_steps=3)
    venv.reset(seed=0)
    venv.step(drawn(venv))
    venv.reset(options={"reset_mask": np.array([True, False])})
    venv.step(drawn(venv))
    seen, _, _, truncated, info = venv.step(drawn(venv))  # the third step of copy 1 alone
    assert truncated.tolist() == [False, True]
    filled = (seen.reshape(2, 5, 6) != 0).any(axis=2).sum(axis=1)
    assert filled.tolist() == [2, 0]
    last = info["final_obs"][1].reshape(5, 6)
    assert (last != 0).any(axis=1).sum() == 3


@pytest.mark.parametrize(
    ("env_id", "seen_by"),
    [(i, {"observation": "history", "history": 6}) for i in IDS]
    + [(i, {"observation": "instruments", "history": n}) for i in CELLS for n in (None, 6)],
)
def test_single_and_vector_environment_see_the_same(env_id: str, seen_by: dict[str, Any]) -> None:
    venv, one = szilard.make_vec(env_id, 3, **seen_by), gym.make(env_id, **seen_by).unwrapped
    venv.reset(seed=10)
    one.reset(seed=11)
    for t in range(9):
        action = drawn(venv, t)
        mine = {k: v[1] for k, v in action.items()} if isinstance(action, dict) else action[1]
        seen, reward, *_ = venv.step(action)
        alone, own_reward, *_ = one.step(mine)
        np.testing.assert_allclose(alone, seen[1], rtol=1e-6, atol=1e-7)
        assert own_reward == pytest.approx(reward[1], rel=1e-9)


@settings(max_examples=25)
@given(before=st.integers(0, 12), steps=st.integers(1, 5), of=st.sampled_from(["history", "record", "now"]))
def test_a_restored_history_goes_on_bit_for_bit(before: int, steps: int, of: str) -> None:
    seen: dict[str, Any] = {"observation": "history" if of == "history" else "instruments", "max_episode_steps": 7}
    seen["history"] = None if of == "now" else steps
    venv, again = (szilard.make_vec(TWO if of == "history" else ENGINE, 2, **seen) for _ in range(2))
    venv.reset(seed=0)
    for t in range(before):
        venv.step(drawn(venv, t))
    again.set_state(venv.get_state())
    np.testing.assert_array_equal(again.kernel.observe(), venv.kernel.observe())
    for t in range(9):
        action = drawn(venv, 100 + t)
        for one, other in zip(venv.step(action)[:4], again.step(action)[:4], strict=True):
            np.testing.assert_array_equal(one, other)


def test_observations_are_handed_out_as_copies() -> None:
    env = gym.make(TWO, observation="history", history=3).unwrapped
    first, _ = env.reset(seed=0)
    for _ in range(4):
        seen = env.step(env.action_space.sample())[0]
        kept = seen.copy()
        env.step(env.action_space.sample())
        np.testing.assert_array_equal(seen, kept)
    assert not first.any()


def test_the_start_state_can_be_set() -> None:
    env = gym.make(TWO, observation="history", history=3)
    seen, info = env.reset(options={"state": np.array([0.3, 0.7])})
    np.testing.assert_array_equal(info["state"], [0.3, 0.7])
    assert not seen.any()


@pytest.mark.parametrize("observation", ["history", "actions"])
def test_the_default_reward_can_be_measured(observation: str) -> None:
    env = gym.make(FRIDGE, observation=observation).unwrapped
    assert env.observation_space.shape == (128 * (4 if observation == "history" else 2),)
    assert env.kernel.reward.to_spec() == "measured_power"  # type: ignore[attr-defined]
    own = gym.make(FRIDGE, observation=observation, reward="power").unwrapped
    assert own.kernel.reward.to_spec() == "power"  # type: ignore[attr-defined]
    demon = gym.make(DEMON, observation=observation).unwrapped
    assert demon.kernel.reward.to_spec() == "heat_flux"  # type: ignore[attr-defined]


@pytest.mark.parametrize("env_id", IDS)
def test_meters_are_of_order_one(env_id: str) -> None:
    venv = szilard.make_vec(env_id, 32, observation="history", history=64)
    seen, _ = venv.reset(seed=5)
    for t in range(64):
        seen, *_ = venv.step(drawn(venv, t))
    detectors = len(venv.machine.detector_names)
    shown = seen.reshape(32 * 64, -1)[:, -(detectors or len(venv.machine.bath_names)) :]
    for column in shown.T:
        read = column[column != 0.0] if detectors else column
        assert np.sqrt(np.mean(read**2)) == pytest.approx(1.0, abs=0.1 if detectors else 0.25)


@pytest.mark.parametrize("env_id", WITH_DETECTORS)
def test_a_demon_sees_its_raw_record_and_no_heat(env_id: str) -> None:
    """The last D columns are the outcomes; two runs with the same record see the same, whatever heat flowed."""
    venv = szilard.make_vec(env_id, 64, observation="history", history=1)
    venv.reset(seed=3)
    layout = venv.history_layout
    assert layout is not None
    assert (layout.n_baths, layout.n_detectors) == (0, len(venv.machine.detector_names))
    hidden_heat = 0
    for t in range(40):
        venv.action_space.seed(t)
        action = venv.action_space.sample()
        same = {k: np.repeat(v[:1], 64, 0) for k, v in action.items()} if isinstance(action, dict) else action[[0] * 64]
        seen, *_, info = venv.step(same)
        rows = seen.reshape(64, -1)
        np.testing.assert_array_equal(rows[:, -layout.n_detectors :] != 0.0, info["outcome"] != 0.0)
        np.testing.assert_array_equal(np.sign(rows[:, -layout.n_detectors :]), np.sign(info["outcome"]))
        _, group = np.unique(rows, axis=0, return_inverse=True)
        hidden_heat += any(np.ptp(info["heat"][group == g, 0]) > 1e-3 for g in np.unique(group))
    assert hidden_heat > 0


def test_units_of_the_outcomes() -> None:
    binary, real = (gym.make(f"szilard/{n}Demon-v0").unwrapped.machine for n in ("TwoQubit", "Continuous"))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(outcome_unit(binary, 0.1), [1.0, 1.0])
    # r = +-1 + noise of variance tau/dt
    np.testing.assert_allclose(outcome_unit(real, 0.1), np.sqrt(1.0 + real.tau / 0.1), rtol=0.06)
    np.testing.assert_array_equal(outcome_unit(type(binary)(read_out="one"), 0.1), [1.0, 1.0])


@pytest.mark.parametrize("env_id", IDS)
def test_the_checker_of_sb3_passes(env_id: str) -> None:
    check_env(EncodeAction(gym.make(env_id, observation="history", history=16), "box"), skip_render_check=True)


@pytest.mark.parametrize("env_id", CELLS)
def test_instruments_show_of_every_cell_what_is_declared(env_id: str) -> None:
    env = gym.make(env_id, observation="instruments")
    check_env(EncodeAction(env, "box"), skip_render_check=True)
    venv = szilard.make_vec(env_id, 4, observation="instruments")
    machine, there = venv.machine, instruments_of(venv.machine)
    assert len(there.names) == len(there.units) == len(there.scale)
    seen, _ = venv.reset(seed=2)
    space, r = machine.control_space, len(there.names)
    assert seen.shape == (4, r + space.n_values + len(space.choices))
    assert not seen[:, r + space.n_values :].any()  # nothing is held yet
    size = []
    for t in range(25):
        seen, _, _, _, info = venv.step(drawn(venv, t))
        shown = (there.read(info["state"]) / there.scale).clip(-METER, METER)
        held = info["state"][:, machine.n_dynamic :]
        controls = (2.0 * held - space.low - space.high) / (space.high - space.low)
        choice = info["choice"][:, None] == np.arange(len(space.choices))
        np.testing.assert_allclose(seen, np.concatenate([shown, controls, choice], axis=1), rtol=2e-6, atol=1e-6)
        assert all(venv.single_observation_space.contains(one) for one in seen)
        size.append(shown)
    assert np.sqrt(np.mean(np.concatenate(size) ** 2, axis=0)).min() > 0.05
    venv.reset(options={"reset_mask": np.arange(4) == 3})
    one_hot = venv.kernel.observe()[:, r + space.n_values :]
    np.testing.assert_array_equal(one_hot.sum(axis=1), (np.arange(4) != 3) * bool(space.choices))


def test_instruments_do_not_tell_what_is_hidden() -> None:
    """Interface order, fuel and the two double layers one by one: of them only the sum of the voltages is seen."""
    venv = szilard.make_vec("szilard/SelfCyclingCell-v0", 2, observation="instruments")
    machine: Any = venv.machine
    state = np.repeat(np.concatenate([machine.start(), [0.004, 3.0]])[None], 2, axis=0)
    state[1] += [0.02 + 0.1 * machine.C_A, 0.02, -0.1 * machine.C_C, 100.0, 50.0, 0.0, 0.0]
    seen, _ = venv.reset(options={"state": state})
    np.testing.assert_allclose(seen[0], seen[1], rtol=1e-6)
    full = szilard.make_vec("szilard/SelfCyclingCell-v0", 2)
    assert np.abs(np.diff(full.reset(options={"state": state})[0], axis=0)).max() > 0.1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"observation": "histroy"}, "did you mean 'history'"),
        ({"observation": "history", "history": 0}, "history"),
        ({"observation": "actions", "history": 1.5}, "history"),
        ({"history": 16}, "needs observation = 'history', 'actions' or 'instruments'"),
        ({"observation": "instruments"}, "instruments: are at cells, not at a TwoLevelEngine"),
        ({"observation": "instruments", "history": 4}, "instruments: are at cells"),
    ],
)
def test_bad_settings_get_one_clear_error(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gym.make(TWO, **wrong)


def test_states_of_another_observation_are_refused() -> None:
    seen, other, short = (
        szilard.make_vec(TWO, 2, **s)
        for s in ({"observation": "history", "history": 4}, {}, {"observation": "history", "history": 3})
    )
    for venv in (seen, other, short):
        venv.reset(seed=0)
    for saved in (other.get_state(), short.get_state()):
        with pytest.raises(ParameterError, match="history"):
            seen.set_state(saved)
