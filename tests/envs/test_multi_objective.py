"""Vector rewards in MO-Gymnasium's convention; what its wrappers need is asked for here, without the package."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import szilard
from szilard.envs.catalogue import MULTI_OBJECTIVE, make_single
from szilard.envs.multi_objective import OBJECTIVES, objectives, variance_unit
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

IDS = [entry.id for entry in MULTI_OBJECTIVE]
each_id = pytest.mark.parametrize("env_id", IDS)
DEMON = "szilard/mo-FeedbackDemon-v0"


def test_every_system_has_a_twin() -> None:
    assert [name.replace("/mo-", "/") for name in IDS] == [entry.id for entry in szilard.CATALOGUE]


@each_id
def test_rewards_are_vectors_as_in_mo_gymnasium(env_id: str) -> None:
    env = gym.make(env_id)  # no checker that wants a number
    bare: Any = env.unwrapped
    assert bare.reward_space.shape == (bare.reward_dim,) == (len(objectives(bare.machine)),)
    env.reset(seed=0)
    env.action_space.seed(0)
    total = np.zeros(bare.reward_dim, dtype=np.float32)
    for _ in range(5):
        _, reward, _, _, info = env.step(env.action_space.sample())
        assert isinstance(reward, np.ndarray)
        assert reward.dtype == np.float32
        assert bare.reward_space.contains(reward)
        reward[1] = 0.0  # wrappers write into it
        total += reward
        info["vector_reward"] = reward
    assert np.isfinite(total).all()


@each_id
def test_the_vector_environment_returns_one_row_per_copy(env_id: str) -> None:
    vec: Any = szilard.make_vec(env_id, 4, max_episode_steps=3)
    single: Any = gym.make(env_id)
    assert vec.reward_space == single.unwrapped.reward_space
    vec.reset(seed=0)
    single.reset(seed=2)
    vec.action_space.seed(0)
    actions = vec.action_space.sample()
    _, rewards, *_ = vec.step(actions)
    one = {n: a[2] for n, a in actions.items()} if isinstance(actions, dict) else actions[2]
    assert rewards.shape == (4, vec.reward_dim)
    assert rewards.dtype == np.float32
    np.testing.assert_allclose(single.step(one)[1], rewards[2], rtol=1e-6, atol=1e-6)


def test_what_counts_has_fluctuations_and_demons_have_power_and_dissipation_alone() -> None:
    counted = {name for name in IDS if gym.make(name).unwrapped.reward_dim == len(OBJECTIVES)}  # type: ignore[attr-defined]
    assert counted == {f"szilard/mo-{n}-v0" for n in ("TwoLevelEngine", "QubitRefrigerator", "OscillatorEngine")}
    twin: Any = gym.make(DEMON, reward="power")
    plain = gym.make(DEMON.replace("mo-", ""))
    assert twin.observation_space == plain.observation_space  # no covariance
    twin.reset(seed=1)
    twin.action_space.seed(0)
    measured = 0.0
    for _ in range(20):
        action = twin.action_space.sample()
        _, reward, _, _, info = twin.step(action)
        assert reward.shape == (2,)
        machine = twin.unwrapped.machine
        np.testing.assert_allclose(reward[0], info["power"] / machine.power_unit, rtol=1e-6)
        np.testing.assert_allclose(reward[1], -info["record"] / (0.07 * machine.dissipation_unit), rtol=1e-6)
        assert "variance" not in info
        measured += info["record"]
    assert measured > 0.0


def test_means_along_a_cycle_are_its_power_dissipation_and_fluctuations() -> None:
    """Spec A2 and A4: P = 0.00909964, var(W)/t = 0.01380842."""
    machine = TwoLevelEngine()
    cycle = Cycle(machine, np.array([[0.81309616], [0.57215]]), np.array([0, 1]), np.array([0.5, 0.5]))
    limit = cycle.limit_cycle()
    env = szilard.make_vec(IDS[0], 1, reward="power")
    env.reset(seed=0)
    scaled = (cycle.values - 0.65) / 0.35
    rewards = [env.step({"control": scaled[k % 2][None], "bath": cycle.choice[k % 2][None]})[1][0] for k in range(400)]
    mean = np.mean(rewards[200:], axis=0)
    assert mean[0] * machine.power_unit == pytest.approx(0.00909964, rel=1e-5)
    assert -mean[1] * machine.dissipation_unit == pytest.approx(limit.entropy_production_rate, rel=1e-5)
    assert -mean[2] * variance_unit(machine) == pytest.approx(0.01380842, rel=1e-4)


@each_id
def test_the_reward_is_markov_in_what_is_observed(env_id: str) -> None:
    """Two copies with the same observation and different pasts get the same reward for the same action."""
    vec = szilard.make_vec(env_id, 2, max_episode_steps=50)
    vec.reset(seed=0)
    vec.action_space.seed(0)
    for _ in range(6):
        vec.step(vec.action_space.sample())
    saved = vec.get_state()
    for name in ("state", "covariance"):
        saved[name][1] = saved[name][0]
    saved["rngs"][1] = saved["rngs"][0]  # of a demon the same outcome too
    vec.set_state(saved)
    seen = vec.kernel.observe()
    np.testing.assert_array_equal(seen[0], seen[1])
    action = vec.action_space.sample()
    same = {n: np.stack([a[0], a[0]]) for n, a in action.items()} if isinstance(action, dict) else action[[0, 0]]
    _, reward, *_ = vec.step(same)
    np.testing.assert_array_equal(reward[0], reward[1])


def test_the_counter_starts_again_with_every_episode() -> None:
    vec = szilard.make_vec(IDS[0], 3, max_episode_steps=4)
    vec.reset(seed=0)
    vec.action_space.seed(0)
    for step in range(1, 9):
        seen, *_, info = vec.step(vec.action_space.sample())
        assert (seen[:, -1] == 0).all() == (step % 4 == 0)
        assert (info["variance"] != 0).any()


def test_errors() -> None:
    with pytest.raises(ParameterError, match="parameter = 'weight'"):
        make_single(IDS[0], weight=0.5)
    with pytest.raises(ParameterError, match="must have the power as its long-run average"):
        make_single(IDS[0], reward="dissipation")
    vec, plain = szilard.make_vec(IDS[0], 2), szilard.make_vec("szilard/TwoLevelEngine-v0", 2)
    with pytest.raises(ParameterError, match="has no covariance"):
        vec.set_state(plain.get_state())
