"""What every environment of the catalogue must do; nothing here names a system."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import szilard
from szilard.agents.vec_env import SB3VecEnv
from szilard.envs.catalogue import MULTI_OBJECTIVE
from szilard.envs.catalogue import entry as find_entry
from szilard.envs.encodings import ENCODINGS, EncodeAction, EncodeVectorAction
from szilard.physics.control import Control
from szilard.physics.machine import AffineMachine

SCALAR = [entry.id for entry in szilard.CATALOGUE]
ALL = [*SCALAR, *(entry.id for entry in MULTI_OBJECTIVE)]
each_id = pytest.mark.parametrize("env_id", ALL)
each_scalar_id = pytest.mark.parametrize("env_id", SCALAR)


class LinearReward(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """What MO-Gymnasium's wrapper of this name asks of an environment; leaves one with scalar rewards alone."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        space = getattr(env.unwrapped, "reward_space", None)
        self.weights = None if space is None else np.ones(space.shape)

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self.weights is not None:
            info["vector_reward"] = reward
            reward = np.dot(np.asarray(reward), self.weights)
        return observation, reward, terminated, truncated, info


def allow_unbounded_covariance() -> None:
    """The end of a twin's observation has no bound; everything else must pass without a warning."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", r".*Box observation space (min|max)imum value is -?infinity")
    warnings.filterwarnings("ignore", r".*is different from the unwrapped version")  # the wrapper is on purpose


def row(actions: Any, k: int) -> Any:
    return {name: part[k] for name, part in actions.items()} if isinstance(actions, dict) else actions[k]


@each_id
def test_gymnasium_checker_passes_without_a_warning(env_id: str) -> None:
    with warnings.catch_warnings():
        allow_unbounded_covariance() if env_id not in SCALAR else warnings.simplefilter("error")
        env = gym.make(env_id).unwrapped
        check_env(env if env_id in SCALAR else LinearReward(env))


@each_id
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_sb3_checker_passes_without_a_warning(env_id: str, encoding: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check_env(EncodeAction(LinearReward(gym.make(env_id, render_mode="rgb_array")), encoding, levels=4))


@each_id
def test_spec_survives_json(env_id: str) -> None:
    special: dict[str, Any] = {"weight": [0.5, 1.0]} if env_id in SCALAR else {}
    env = gym.make(env_id, dt=0.25, reward="power", **special)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.kernel.dt == 0.25  # type: ignore[attr-defined]
    assert again.unwrapped.machine == env.unwrapped.machine  # type: ignore[attr-defined]
    assert again.spec == env.spec


@each_id
def test_prefixed_id_needs_no_import(env_id: str) -> None:
    code = f"import gymnasium as g; g.make('szilard:{env_id}').reset(seed=0)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@each_id
def test_vector_and_single_environments_are_equal(env_id: str) -> None:
    vec = szilard.make_vec(env_id, 3, max_episode_steps=7)
    singles = [gym.make(env_id, max_episode_steps=7) for _ in range(3)]
    round_off = 1e-14 * max(1.0, vec.machine.energy_scale)
    vec_obs, vec_info = vec.reset(seed=11)
    for k, env in enumerate(singles):
        obs, info = env.reset(seed=11 + k)
        np.testing.assert_array_equal(obs, vec_obs[k])
        np.testing.assert_array_equal(info["state"], vec_info["state"][k])
    vec.action_space.seed(5)
    for _ in range(20):  # two episode ends
        actions = vec.action_space.sample()
        vec_obs, rewards, _, truncated, ledger = vec.step(actions)
        for k, env in enumerate(singles):
            obs, reward, terminated, cut, info = env.step(row(actions, k))
            assert not terminated
            assert cut == truncated[k]
            precision = 1e-12 if env_id in SCALAR else 1e-5
            np.testing.assert_allclose(
                np.asarray(reward), rewards[k], rtol=precision, atol=1e-14 if env_id in SCALAR else 1e-6
            )
            for name, value in info.items():
                np.testing.assert_allclose(value, ledger[name][k], rtol=1e-12, atol=round_off, err_msg=name)
            if cut:
                np.testing.assert_array_equal(obs, ledger["final_obs"][k])
                obs, _ = env.reset()
            np.testing.assert_allclose(obs, vec_obs[k], rtol=1e-6, atol=1e-6)


@each_id
def test_same_seed_same_run(env_id: str) -> None:
    def run() -> list[np.ndarray]:
        env = szilard.make_vec(env_id, 4, max_episode_steps=5)
        env.reset(seed=3)
        env.action_space.seed(3)
        return [env.step(env.action_space.sample())[0] for _ in range(12)]

    np.testing.assert_array_equal(run(), run())


@each_id
def test_laws_hold_under_random_actions(env_id: str) -> None:
    env = szilard.make_vec(env_id, 128)  # raises ThermodynamicsViolation otherwise
    assert env.kernel.check_laws
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(100):
        observation, reward, *_ = env.step(env.action_space.sample())
        assert env.observation_space.contains(observation)
        assert np.isfinite(reward).all()


@each_id
def test_state_can_be_saved_and_restored(env_id: str) -> None:
    env = szilard.make_vec(env_id, 4, max_episode_steps=6)
    env.reset(seed=1)
    env.action_space.seed(1)
    actions = [env.action_space.sample() for _ in range(14)]
    for action in actions[:4]:
        env.step(action)
    saved = env.get_state()
    first = [env.step(action)[:2] for action in actions[4:]]  # beyond a reset: random generators are saved too
    env.set_state(saved)
    for action, (obs, reward) in zip(actions[4:], first, strict=True):
        obs2, reward2, *_ = env.step(action)
        np.testing.assert_array_equal(obs, obs2)
        np.testing.assert_array_equal(reward, reward2)


@each_id
def test_time_limit_and_autoreset(env_id: str) -> None:
    assert gym.spec(env_id).max_episode_steps
    env = gym.make_vec(env_id, 2, vectorization_mode="vector_entry_point", max_episode_steps=3)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    env.reset(seed=0)
    env.action_space.seed(0)
    for step in range(1, 7):
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        assert not terminated.any()
        assert (truncated == (step % 3 == 0)).all()
        assert ("final_obs" in info) == (step % 3 == 0)


@each_id
def test_reset_mask_leaves_the_others_alone(env_id: str) -> None:
    env = szilard.make_vec(env_id, 3)
    env.reset(seed=0)
    before = env.get_state()["state"]
    env.reset(options={"reset_mask": np.array([False, True, False])})
    after = env.get_state()["state"]
    np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
    assert (before[1] != after[1]).any()


@each_scalar_id
def test_bridge_serves_sb3(env_id: str) -> None:
    env = SB3VecEnv(EncodeVectorAction(szilard.make_vec(env_id, 5, max_episode_steps=4)))
    env.seed(0)
    env.reset()
    for step in range(1, 9):
        obs, reward, done, infos = env.step(np.stack([env.action_space.sample() for _ in range(5)]))
        assert obs.shape == (5, *env.observation_space.shape)  # type: ignore[misc]
        assert reward.dtype == np.float32
        assert done.all() == (step % 4 == 0)
        if done.all():
            assert all(i["TimeLimit.truncated"] and i["episode"]["l"] == 4 for i in infos)
            assert all(env.observation_space.contains(i["terminal_observation"]) for i in infos)


@each_id
def test_catalogue_entry_is_complete(env_id: str) -> None:
    entry = find_entry(env_id)
    for preset in entry.presets:
        machine = gym.make(env_id, preset=preset).unwrapped.machine  # type: ignore[attr-defined]
        described = json.loads(json.dumps(machine.describe()))
        assert described["source"]
        assert all(p["unit"] and p["about"] for p in described["parameters"])
        assert machine.power_unit > 0
        assert machine.dissipation_unit > 0
        if isinstance(machine, AffineMachine):
            values, choice = np.array([machine.control_space.low]), np.array([0])
            step = machine.affine(Control(values, choice), 0.1)
            assert step.matrix.shape == (1, machine.n_dynamic, machine.n_dynamic)
            assert step.heat_matrix.shape == (1, len(machine.bath_names), machine.n_dynamic)


@each_id
def test_power_of_the_ledger_is_what_the_machine_is_for(env_id: str) -> None:
    env = szilard.make_vec(env_id, 16)
    env.reset(seed=2)
    env.action_space.seed(2)
    machine, dt = env.machine, env.kernel.dt
    for _ in range(10):
        ledger = env.step(env.action_space.sample())[4]
        coldest = ledger["heat"][:, int(np.argmax(machine.betas))]
        # energy that a detector puts in is not extracted from a bath: the demon has to pay for it
        put_in = ledger.get("measurement_energy", 0.0)
        expected = coldest if machine.is_refrigerator else -ledger["work"] - put_in
        np.testing.assert_allclose(ledger["power"] * dt, expected, rtol=1e-12, atol=1e-15)
        if not machine.is_refrigerator:  # so in the long run it is the heat that was taken up
            gained = ledger["heat"].sum(axis=1) - ledger["energy_change"]
            np.testing.assert_allclose(ledger["power"] * dt, gained, rtol=1e-12, atol=1e-13 * machine.energy_scale)


@each_id
def test_portrait_of_visited_states(env_id: str) -> None:
    env = szilard.make_vec(env_id, 32)
    env.reset(seed=4)
    env.action_space.seed(4)
    for _ in range(30):
        env.step(env.action_space.sample())
    state = env.kernel.state
    portrait = env.machine.portrait
    shown, plane, coherence = portrait.shown(state), portrait.plane(state), portrait.coherence(state)
    assert shown
    for quantity in (*shown, *(plane or ())):
        assert quantity.name
        assert quantity.values.shape == (32,)
        assert np.isfinite(quantity.values).all()
    if coherence is not None:
        assert np.isfinite(coherence).all()
        assert (coherence >= 0).all()
        assert coherence.max() > 0
