"""The reward with a weight: fixed, or drawn for every episode and observed."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import szilard
from szilard.envs.weight import Weight
from szilard.physics.cells.cell import Cell
from szilard.physics.validation import ParameterError

IDS = [entry.id for entry in szilard.CATALOGUE]
each_id = pytest.mark.parametrize("env_id", IDS)


def played(env_id: str, steps: int, copies: int = 4, **arguments: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    env = szilard.make_vec(env_id, copies, **arguments)
    env.reset(seed=0)
    env.action_space.seed(0)
    rewards, ledgers = [], []
    for _ in range(steps):
        _, reward, _, _, ledger = env.step(env.action_space.sample())
        rewards.append(reward)
        ledgers.append(ledger)
    # what the output costs: the entropy production, or with detectors what the ledger calls the dissipation
    cost = "dissipation" if "dissipation" in ledgers[0] else "entropy_production"
    return np.array(rewards), {
        k: np.array([one[v] for one in ledgers]) for k, v in (("power", "power"), ("cost", cost))
    }


@each_id
@settings(max_examples=3)
@given(c=st.floats(0.0, 1.0))
def test_the_mean_of_the_shaped_reward_telescopes_at_every_weight(env_id: str, c: float) -> None:
    env = szilard.make_vec(env_id, 1)
    machine, dt = env.machine, env.kernel.dt
    steps = 40 if isinstance(machine, Cell) else 200  # a cell costs a thousand times as much per step
    shaped, ledger = played(env_id, steps, weight=c)
    plain, _ = played(env_id, steps, weight=c, reward="power")
    flux, _ = played(env_id, steps, weight=c, reward="heat_flux")
    sigma = ledger["cost"] / (dt * machine.dissipation_unit)
    np.testing.assert_allclose(plain, c * ledger["power"] / machine.power_unit - (1 - c) * sigma, rtol=1e-9, atol=1e-9)
    # energies and entropies of the visited states are bounded, so means differ by a constant over the length
    # and a cell has a heat capacity, whose energy moves between the temperatures of its baths
    hot, cold = 1.0 / machine.betas.min(), 1.0 / machine.betas.max()
    warmth = 2.0 * getattr(machine, "heat_capacity", 0.0) * (hot - cold)
    energy = (20.0 * machine.energy_scale + warmth) / (dt * machine.power_unit)
    entropy = (10.0 * machine.tolerance.entropy_scale + warmth / cold) / (dt * machine.dissipation_unit)
    bound = (c * energy + (1 - c) * entropy) / steps
    assert np.abs(shaped.mean(0) - plain.mean(0)).max() < bound
    assert np.abs(flux.mean(0) - plain.mean(0)).max() < bound


@each_id
@pytest.mark.parametrize("c", [0.0, 0.3, 1.0])
def test_it_is_the_dot_product_of_the_vector_reward(env_id: str, c: float) -> None:
    twin = env_id.replace("/", "/mo-")
    for name in ("power", "shaped_power", "heat_flux"):
        scalar, _ = played(env_id, 40, weight=c, reward=name)
        vector, _ = played(twin, 40, reward=name)
        weights = np.array([c, 1.0 - c, 0.0])[: vector.shape[2]]
        np.testing.assert_allclose(vector @ weights, scalar, rtol=1e-5, atol=1e-5)


@each_id
def test_single_and_vector_environments_draw_and_observe_the_same_weight(env_id: str) -> None:
    vec = szilard.make_vec(env_id, 3, max_episode_steps=4, weight=(0.4, 0.9))
    singles = [gym.make(env_id, max_episode_steps=4, weight=(0.4, 0.9)) for _ in range(3)]
    seen, _ = vec.reset(seed=5)
    for k, env in enumerate(singles):
        np.testing.assert_array_equal(env.reset(seed=5 + k)[0], seen[k])
    vec.action_space.seed(1)
    weights = []
    for _ in range(9):  # two episode ends
        actions = vec.action_space.sample()
        seen, rewards, _, _, ledger = vec.step(actions)
        weights.append(ledger["weight"])
        for k, env in enumerate(singles):
            one = {n: a[k] for n, a in actions.items()} if isinstance(actions, dict) else actions[k]
            observation, reward, _, cut, info = env.step(one)
            assert info["weight"] == ledger["weight"][k]
            assert reward == pytest.approx(rewards[k], rel=1e-9, abs=1e-9)
            if cut:
                # the last observation still shows the weight of the episode that ends
                assert ledger["final_obs"][k, -1] == pytest.approx((info["weight"] - 0.65) / 0.25, abs=1e-6)
                observation, _ = env.reset()
            np.testing.assert_allclose(observation, seen[k], rtol=1e-6, atol=1e-6)
        assert vec.observation_space.contains(seen)
    drawn = np.array(weights)
    assert (np.diff(drawn[:4], axis=0) == 0).all()
    assert (drawn[3] != drawn[4]).all()
    assert ((drawn >= 0.4) & (drawn <= 0.9)).all()


def test_drawn_weights_fill_their_range() -> None:
    env = szilard.make_vec(IDS[0], 2000, weight=(0.2, 1.0))
    seen, _ = env.reset(seed=0)
    assert env.kernel.weight is not None
    values = env.kernel.weight.values
    assert values.mean() == pytest.approx(0.6, abs=0.02)
    assert values.std() == pytest.approx(0.8 / 12**0.5, abs=0.01)
    np.testing.assert_allclose(seen[:, -1], (values - 0.6) / 0.4, atol=1e-6)


def test_a_weight_can_be_set_at_reset_and_is_saved() -> None:
    env = szilard.make_vec(IDS[0], 3, max_episode_steps=3, weight=(0.5, 1.0))
    env.reset(seed=1, options={"weight": 0.5})
    assert env.kernel.weight is not None
    assert env.kernel.observe()[:, -1].tolist() == [-1.0, -1.0, -1.0]
    env.reset(options={"weight": [0.75, 1.0], "reset_mask": np.array([True, False, True])})
    assert env.kernel.weight.values.tolist() == [0.75, 0.5, 1.0]
    saved = env.get_state()
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(8)]  # beyond a reset
    first = [env.step(a)[:2] for a in actions]
    env.set_state(saved)
    for action, (observation, reward) in zip(actions, first, strict=True):
        again = env.step(action)
        np.testing.assert_array_equal(again[0], observation)
        np.testing.assert_array_equal(again[1], reward)


def test_a_fixed_weight_is_not_observed() -> None:
    assert gym.make(IDS[0]).observation_space == gym.make(IDS[0], weight=0.7).observation_space


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": 1.2}, "weight = 1.2: must be in \\[0, 1\\]"),
        ({"weight": (0.9, 0.4)}, "low < high"),
        ({"weight": (0.1, 0.2, 0.3)}, "a number in \\[0, 1\\] or a range"),
        ({"weight": "much"}, "must be a finite number"),
        ({"weight": 0.5, "reward": "dissipation"}, "with a weight it must be one of"),
        ({"weight": 0.5, "reward": {"power": 1.0, "dissipation": 1.0}}, "with a weight it must be one of"),
    ],
)
def test_bad_weights_get_one_clear_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        szilard.make_vec(IDS[0], 2, **arguments)


def test_bad_weights_at_reset() -> None:
    drawn, fixed, none = (szilard.make_vec(IDS[0], 2, **kw) for kw in ({"weight": (0.5, 1.0)}, {"weight": 0.5}, {}))
    for bad in (0.4, float("nan"), [0.5, 2.0]):
        with pytest.raises(ParameterError, match="options\\['weight'\\] = "):
            drawn.reset(options={"weight": bad})
    with pytest.raises(ParameterError, match="must have shape \\(2\\)"):
        drawn.reset(options={"weight": [0.5, 0.6, 0.7]})
    with pytest.raises(ParameterError, match="the weight is fixed"):
        fixed.reset(options={"weight": 0.5})
    with pytest.raises(ParameterError, match="has no weight"):
        none.reset(options={"weight": 0.5})
    none.reset(seed=0)
    with pytest.raises(ParameterError, match="belongs to another environment"):
        drawn.set_state(none.get_state())


def test_range_may_be_a_list_as_in_yaml() -> None:
    assert Weight([0, 1], 2).drawn
    assert not Weight(1, 2).drawn
