"""The hybrid soft actor-critic and its iterated potential."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

import szilard
from szilard.agents.evaluation import evaluate
from szilard.agents.features import FourierFeatures
from szilard.agents.hybrid_policy import HybridActor, HybridSACPolicy, squashed_log_density
from szilard.agents.hybrid_sac import HybridSAC
from szilard.agents.potential import IteratedPotential
from szilard.agents.schedules import HoldThenDecay
from szilard.agents.vec_env import SB3VecEnv
from szilard.envs.encodings import EncodeVectorAction, make_encoding
from szilard.physics.control import ControlSpace, Range
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError


def bridge(num: int = 4, env_id: str = "TwoLevelEngine-v0", **settings: Any) -> SB3VecEnv:
    return SB3VecEnv(EncodeVectorAction(szilard.make_vec(env_id, num, max_episode_steps=50, **settings)))


def small(seed: int = 0, **settings: Any) -> HybridSAC:
    options = {"learning_starts": 40, "batch_size": 16, "buffer_size": 2000, "policy_kwargs": {"net_arch": [8, 8]}}
    return HybridSAC("MlpPolicy", bridge(), seed=seed, **{**options, **settings})


def policy(m: int = 1, n: int = 3, **settings: Any) -> HybridSACPolicy:
    th.manual_seed(0)
    box = spaces.Box(-1.0, 1.0, (m + (n > 1),), np.float32)
    return HybridSACPolicy(spaces.Box(-1.0, 1.0, (2,), np.float32), box, lambda _: 1e-3, n_choices=n, **settings)


# ---- learning ----------------------------------------------------------------------------------------------------


def test_it_learns_the_optimal_cycle_quickly() -> None:
    """A quarter of the preset's steps; the default configuration reaches 99.9 % with all of them."""
    env = bridge(16)
    model = HybridSAC("MlpPolicy", env, seed=1, gradient_steps=8)
    model.learn(4000, log_interval=10**6)
    score = evaluate(model, TwoLevelEngine(), 0.5, "box").power / 0.00909964
    assert 0.97 < score <= 1.0 + 1e-6


def test_same_seed_same_parameters_bit_for_bit() -> None:
    def parameters(seed: int) -> th.Tensor:
        model = small(seed)
        model.learn(120, log_interval=10**6)
        return th.cat([p.flatten() for p in model.policy.state_dict().values()] + [model.potential.theta])

    assert th.equal(parameters(3), parameters(3))
    assert not th.equal(parameters(3), parameters(4))


def test_saved_and_loaded_it_acts_and_learns_the_same(tmp_path: Path) -> None:
    model = small()
    model.learn(120, log_interval=10**6)
    model.save(tmp_path / "model")
    model.save_replay_buffer(tmp_path / "buffer")
    again = HybridSAC.load(tmp_path / "model", env=bridge())
    again.load_replay_buffer(tmp_path / "buffer")
    obs = np.random.default_rng(0).uniform(-1, 1, (32, 2)).astype(np.float32)
    np.testing.assert_array_equal(model.predict(obs, deterministic=True)[0], again.predict(obs, deterministic=True)[0])
    assert again.n_choices == 3
    # one more update from equal random numbers changes both alike: temperatures, potential and optimisers came along
    for each in (model, again):
        th.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002 (SB3's replay buffer draws from it)
        each._logger = model.logger
        each.train(4, 16)
    for (name, a), b in zip(model.policy.state_dict().items(), again.policy.state_dict().values(), strict=True):
        assert th.equal(a, b), name
    assert th.equal(model.potential.theta, again.potential.theta)
    assert th.equal(model.log_temperatures, again.log_temperatures)
    assert th.equal(model.centre, again.centre)


def test_hold_then_decay() -> None:
    schedule = HoldThenDecay(1e-3, hold=0.5)
    assert schedule(1.0) == schedule(0.6) == 1e-3
    assert schedule(0.25) == pytest.approx(0.5e-3, rel=0.02)
    assert 0 < schedule(0.0) < 1e-5


def test_entropy_targets_move_linearly_and_stop() -> None:
    model = small(choice_entropy=(0.5, 0.1), control_entropy=(-0.5, -2.0), anneal=0.5)
    expected = {0.0: (0.5, -0.5), 0.25: (0.3, -1.25), 0.5: (0.1, -2.0), 1.0: (0.1, -2.0)}
    for progress, (choice, control) in expected.items():
        model._current_progress_remaining = 1.0 - progress
        assert model.entropy_targets() == pytest.approx((choice * math.log(3), control))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_choices": 0}, "n_choices = 0"),
        ({"huber": 0.0}, "huber = 0.0: must be > 0"),
        ({"potential_rate": -0.1}, "potential_rate = -0.1"),
        ({"head_share": 1.5}, "head_share = 1.5"),
    ],
)
def test_bad_settings_get_one_clear_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        small(**settings)


def test_unscaled_action_spaces_are_refused() -> None:
    obs, action = spaces.Box(-1.0, 1.0, (2,)), spaces.Box(0.0, 1.0, (2,))
    with pytest.raises(ParameterError, match="must be Box\\(-1, 1\\)"):
        HybridSACPolicy(obs, action, lambda _: 1e-3, n_choices=3)
    with pytest.raises(ParameterError, match="must be a Box of one dimension"):
        HybridSACPolicy(spaces.Discrete(3), spaces.Box(-1.0, 1.0, (2,)), lambda _: 1e-3, n_choices=3)


def test_uniform_exploration_reaches_what_the_gaussian_heads_do_not() -> None:
    def controls(probability: float) -> th.Tensor:
        net = policy(n=1)
        net.explore_control = probability
        with th.no_grad():
            last: Any = net.actor.net[-1]
            last.bias[1], last.bias[2] = 6.0, -4.0  # mean and ln sigma: a narrow Gaussian at the upper end
            return net._predict(th.zeros(4000, 2))[:, 0]

    assert (controls(0.0) < 0.5).float().mean() == 0.0
    # three quarters of a uniform number in [-1, 1] lie below 0.5
    assert (controls(0.2) < 0.5).float().mean().item() == pytest.approx(0.15, abs=0.03)


# ---- policy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_actions_are_those_of_the_box_encoding(n: int) -> None:
    space = ControlSpace((Range("u", 0.0, 1.0), Range("v", 0.0, 1.0)), tuple("abcde"[:n]) if n > 1 else ())
    encoding, net = make_encoding(space, "box"), policy(m=2, n=n)
    control = th.rand(4 * n, 2) * 2 - 1
    choice = th.arange(4 * n) % n
    actions = net.encode(control, choice)
    again = net.decode(actions)
    assert th.equal(again[0], control)
    assert th.equal(again[1], choice)
    values, seen = encoding.split(actions.numpy())
    np.testing.assert_array_equal(values.astype(np.float32), control.numpy())
    np.testing.assert_array_equal(seen, choice.numpy())


def test_log_density_is_that_of_the_squashed_gaussian() -> None:
    mean, log_std = 0.3, -0.7
    raw = th.linspace(-6, 6, 20001, dtype=th.float64)[:, None]
    noise = (raw - mean) / math.exp(log_std)
    density = squashed_log_density(raw, th.full_like(raw, log_std), noise, th.ones(1)).exp()
    u = th.tanh(raw[:, 0])
    assert th.trapezoid(density, u).item() == pytest.approx(1.0, abs=1e-6)
    gauss = th.distributions.Normal(mean, math.exp(log_std)).log_prob(raw[:, 0]).exp()
    middle = raw[:, 0].abs() < 3
    assert th.allclose(density[middle], (gauss / (1 - u**2))[middle], rtol=1e-6)
    assert th.isfinite(squashed_log_density(th.tensor([[40.0]]), th.zeros(1, 1), th.zeros(1, 1), th.ones(1))).all()


def test_entropy_of_sampled_controls() -> None:
    """Monte Carlo over the samples of one state against integration of -p ln p."""
    th.manual_seed(1)
    actor = HybridActor(2, th.ones(3, 1), [8], th.nn.SiLU)
    features = th.tensor([[0.2, -0.4]])
    with th.no_grad():
        log_choice, mean, log_std = actor(features)
        sample = actor.sample(features.expand(200_000, 2))
    assert log_choice.exp().sum().item() == pytest.approx(1.0, abs=1e-6)
    for d in range(3):
        raw = th.linspace(-9, 9, 20001)[:, None]
        noise = (raw - mean[0, d]) / log_std[0, d].exp()
        log_p = squashed_log_density(raw, log_std[0, d].expand_as(raw), noise, th.ones(1)).double()
        exact = -th.trapezoid(log_p.exp() * log_p, th.tanh(raw[:, 0]).double()).item()
        assert -sample.log_control[:, d].mean().item() == pytest.approx(exact, abs=0.01)


def test_expectation_over_the_choice_is_exact() -> None:
    """sum_d p(d) Q(s, u_d, d) against the mean over sampled choices."""
    net = policy()
    th.manual_seed(2)
    features = net.features(th.tensor([[0.1, 0.5]])).expand(100_000, -1)
    with th.no_grad():
        sample = net.actor.sample(features)
        q = net.critic(net.critic_input_all(features, sample.control)).mean(0).view(-1, 3)
        exact = (sample.log_choice.exp() * q).sum(1)
        drawn = th.multinomial(sample.log_choice.exp(), 1).squeeze(1)
        control = sample.control[th.arange(len(drawn)), drawn]
        sampled = net.critic(net.critic_input(features, control, drawn)).mean(0)
    error = (sampled - exact).std().item() / math.sqrt(len(drawn))
    assert abs((sampled - exact).mean().item()) < 4 * error + 1e-6


def test_prediction_is_the_mode_of_the_averaged_actor() -> None:
    net = policy()
    obs = th.tensor([[0.3, -0.2]])
    log_choice, mean, _ = net.actor_average(net.features(obs))
    best = int(log_choice.argmax())
    action = net._predict(obs, deterministic=True)
    assert action[0, 0].item() == pytest.approx(math.tanh(mean[0, best, 0].item()))
    assert net.decode(action)[1].item() == best
    with th.no_grad():
        for p in net.actor.parameters():
            p.zero_()
    assert th.equal(net._predict(obs, deterministic=True), action)


# ---- controls that a choice does not use -----------------------------------------------------------------------------

USED = ((False, False), (True, False), (True, True))


def test_critics_and_densities_ignore_what_a_choice_does_not_use() -> None:
    net = policy(m=2, n=3, used=USED)
    used = th.tensor(USED, dtype=th.float)
    features, choice = net.features(th.randn(3, 2)), th.arange(3)
    one = th.rand(3, 2) * 2 - 1
    other = th.where(used.bool(), one, th.rand(3, 2) * 2 - 1)
    assert not th.equal(one, other)
    assert th.equal(net.critic_input(features, one, choice), net.critic_input(features, other, choice))
    changed = th.where(used.bool(), -one, one)
    rows = (net.critic_input(features, one, choice) != net.critic_input(features, changed, choice)).any(1)
    assert rows.tolist() == [False, True, True]
    # the density is that of the used controls alone
    raw, log_std, noise = th.randn(3, 3, 2).unbind()
    single = squashed_log_density(raw[..., None], log_std[..., None], noise[..., None], th.ones(1))
    th.testing.assert_close(squashed_log_density(raw, log_std, noise, used), (single * used).sum(1))
    assert squashed_log_density(raw, log_std, noise, used)[0] == 0.0


def test_samples_and_actions_are_zero_where_a_control_is_not_used() -> None:
    net = policy(m=2, n=3, used=USED)
    used = th.tensor(USED)
    sample = net.actor.sample(net.features(th.randn(50, 2)))
    assert not sample.control[:, ~used].any()
    assert (sample.control[:, used] != 0).all()
    assert not sample.log_control[:, 0].any()
    # rows of sampled controls and of stored actions say the same
    for d in range(3):
        stored = net.critic_input(th.zeros(50, net.features.n_out), sample.control[:, d], th.full((50,), d))
        every = net.critic_input_all(th.zeros(50, net.features.n_out), sample.control).view(50, 3, -1)[:, d]
        assert th.equal(stored, every)
    for deterministic in (True, False):
        control, choice = net.decode(net._predict(th.randn(200, 2), deterministic))
        assert not control[~used[choice]].any()


def test_gradients_do_not_reach_unused_heads() -> None:
    net = policy(m=2, n=3, used=USED)
    features = net.features(th.randn(20, 2))
    sample = net.actor.sample(features)
    q = net.critic(net.critic_input_all(features, sample.control)).mean(0).view(-1, 3)
    (q - sample.log_control).sum().backward()
    last: Any = net.actor.net[-1]
    moved = last.weight.grad.abs().sum(1) > 0
    mean, log_std = moved[3:9].view(3, 2), moved[9:].view(3, 2)
    assert mean.tolist() == log_std.tolist() == [list(row) for row in USED]


def test_the_mask_comes_from_the_environment_and_is_saved(tmp_path: Path) -> None:
    env = bridge(4, "TwoQubitDemon-v0", preset="plane")
    model = HybridSAC("MlpPolicy", env, learning_starts=20, batch_size=16, buffer_size=500, seed=0)
    wanted = env.get_attr("machine")[0].control_space.used
    assert 0 < wanted.sum() < wanted.size
    np.testing.assert_array_equal(model.policy.used.numpy(), wanted)
    model.learn(60, log_interval=10**6)
    model.save(tmp_path / "model")
    again = HybridSAC.load(tmp_path / "model")
    for part in (again.policy, again.policy.actor, again.policy.actor_average):
        np.testing.assert_array_equal(part.used.numpy(), wanted)
    seen = np.stack([model.observation_space.sample() for _ in range(16)])
    action = model.predict(seen, deterministic=True)[0]
    np.testing.assert_array_equal(action, again.predict(seen, deterministic=True)[0])
    control, choice = again.policy.decode(th.tensor(action))
    assert not control.numpy()[~wanted[choice.numpy()]].any()


def test_a_mask_must_have_one_row_per_choice_and_one_column_per_control() -> None:
    with pytest.raises(ParameterError, match=r"used has shape \(3, 2\): must be \(3, 1\)"):
        policy(m=1, n=3, used=USED)


# ---- potential ---------------------------------------------------------------------------------------------------


def test_absorbing_the_value_leaves_a_flat_problem() -> None:
    """Policy evaluation on a chain: with Phi = sum of the values, the value of the rest is the same everywhere."""
    th.manual_seed(0)
    n, gamma, spread, value = 12, 0.9, [], th.zeros(12)
    features = FourierFeatures(1, 32, scale=20.0)  # fine enough to tell neighbours apart
    potential = IteratedPotential(features.n_out, ridge=1e-10)
    states = th.linspace(-1, 1, n)[:, None]
    phi, after = features(states), th.roll(th.arange(n), 5)  # one orbit through all states
    reward = th.sin(4 * states[:, 0]) + states[:, 0] ** 2
    transition = th.eye(n, dtype=th.float64)[after]
    for _ in range(40):
        shaped = (reward + potential(phi)[after] - potential(phi)).double()
        value = th.linalg.solve(th.eye(n, dtype=th.float64) - gamma * transition, shaped)
        spread.append(float(value.max() - value.min()))
        potential.absorb(phi, value.float(), 1.0)
    assert spread[0] > 1.0
    assert spread[-1] < 1e-3
    # what is left is the gain: the mean reward of the orbit
    assert float(value.mean()) * (1 - gamma) == pytest.approx(float(reward.mean()), rel=1e-4)


def test_a_potential_does_not_change_the_mean_reward_of_a_loop() -> None:
    features = FourierFeatures(2, 8)
    potential = IteratedPotential(features.n_out)
    potential.theta.normal_()
    loop = features(th.randn(7, 2))
    change = potential(th.roll(loop, -1, 0)) - potential(loop)
    assert abs(change.sum().item()) < 1e-4 * change.abs().sum().item() + 1e-5


def test_the_delayed_potential_follows_like_a_target_network() -> None:
    features = FourierFeatures(2, 8)
    potential = IteratedPotential(features.n_out)
    x = features(th.randn(50, 2))
    assert th.equal(potential.since_delayed(x), th.zeros(50))
    potential.absorb(x, th.randn(50), 0.5)
    gap = potential.since_delayed(x)
    assert gap.abs().max() > 0
    potential.follow(0.25)
    assert th.allclose(potential.since_delayed(x), 0.75 * gap, atol=1e-6)
