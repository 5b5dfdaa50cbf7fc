"""Encoders of a history, and agents that see nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

import szilard
from szilard.agents.evaluation import evaluate
from szilard.agents.history import HistoryConvolution, HistoryExtractor, HistoryFeatures, split
from szilard.agents.hybrid_sac import HybridSAC
from szilard.agents.observer import DIM, ObserverFeatures
from szilard.experiments.build import build
from szilard.experiments.config import RunConfig
from szilard.physics.validation import ParameterError


def built(algorithm: str = "hybrid_sac", seen: dict[str, Any] | None = None, **hyperparameters: Any) -> Any:
    small = {"learning_starts": 40, "batch_size": 16, "gradient_steps": 1} if algorithm != "ppo" else {}
    config = {
        "environment": {
            "id": "QubitRefrigerator-v0",
            "parameters": {"observation": "history", "history": 12, **(seen or {})},
        },
        "agent": {"algorithm": algorithm, "n_envs": 4, "hyperparameters": {**small, **hyperparameters}},
    }
    return build(RunConfig.from_dict(config).resolved())


def test_features_hold_the_newest_rows_and_leaky_integrals() -> None:
    rows, rest = th.randn(3, 20, 2), th.randn(3, 1)
    features = HistoryFeatures(41, 20, 2, n_frequencies=5, recent=3, traces=(4.0, 7.0))
    found = features(th.cat((rows.flatten(1), rest), 1))
    assert found.shape == (3, features.n_out)
    np.testing.assert_array_equal(found[:, :6], rows[:, -3:].flatten(1))
    weights = np.exp(-np.arange(20)[::-1] / 7.0)
    average = np.einsum("btf,t->bf", rows.numpy(), weights / weights.sum())
    np.testing.assert_allclose(found[:, [7, 9]], average, rtol=1e-5, atol=1e-6)  # column by column, then the constants
    np.testing.assert_array_equal(found[:, 10:11], rest)
    np.testing.assert_allclose(found[:, 11:16].square() + found[:, 16:].square(), np.ones((3, 5)), atol=1e-6)


def test_a_short_history_has_fewer_rows() -> None:
    assert HistoryFeatures(6, 3, 2, n_frequencies=0, traces=()).n_out == 6


@pytest.mark.parametrize(("steps", "blocks"), [(1, 0), (2, 1), (100, 7), (128, 7)])
def test_the_convolution_halves_the_time_until_one_vector_is_left(steps: int, blocks: int) -> None:
    space = spaces.Box(-1.0, 1.0, (3 * steps + 1,), np.float32)
    net = HistoryConvolution(space, steps, 3, channels=4)
    assert len(net.blocks) == blocks
    seen = th.randn(2, 3 * steps + 1, requires_grad=True)
    found = net(seen)
    assert found.shape == (2, net.features_dim)
    th.testing.assert_close(found[:, -1], seen[:, -1])
    found.sum().backward()
    assert seen.grad is not None
    assert (split(seen.grad, steps, 3)[0].abs().sum(2) > 0).all()  # every row counts


@pytest.mark.parametrize("make", [HistoryConvolution, HistoryExtractor])
@pytest.mark.parametrize("history", [(0, 3), (4, 0), (5, 2)])
def test_histories_that_do_not_fit_are_refused(make: Any, history: tuple[int, int]) -> None:
    with pytest.raises(ParameterError, match="must be"):
        make(spaces.Box(-1.0, 1.0, (9,), np.float32), *history)


@pytest.mark.parametrize("observation", ["history", "actions"])
def test_the_hybrid_agent_asks_the_environment_for_the_layout(
    observation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("szilard.agents.observer.FIRST", 20)
    model = built(seen={"weight": (0.5, 1.0), "observation": observation}).model
    features = model.policy.features
    assert type(features) is (ObserverFeatures if observation == "history" else HistoryFeatures)
    assert (features.steps, features.width) == (12, 4 if observation == "history" else 2)
    model.learn(60)
    model.save(tmp_path / "model")
    again = HybridSAC.load(tmp_path / "model")
    seen = model.observation_space.sample()
    np.testing.assert_array_equal(
        model.predict(seen, deterministic=True)[0], again.predict(seen, deterministic=True)[0]
    )
    if observation == "history":
        mine, restored = (m.get_parameters()["policy.observer_optimizer"]["state"] for m in (model, again))
        assert mine
        th.testing.assert_close(mine, restored, rtol=0, atol=0)


@pytest.mark.parametrize(("kwargs", "expected"), [({}, ObserverFeatures), ({"observer": False}, HistoryFeatures)])
def test_a_record_of_outcomes_is_followed_like_heat(
    kwargs: dict[str, Any], expected: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("szilard.agents.observer.FIRST", 3)
    config = {
        "environment": {"id": "TwoQubitDemon-v0", "parameters": {"observation": "history", "history": 6}},
        "agent": {
            "n_envs": 4,
            "hyperparameters": {
                "learning_starts": 8, "batch_size": 8, "gradient_steps": 1, "policy_kwargs": kwargs,
            },
        },
    }  # fmt: skip
    made = build(RunConfig.from_dict(config).resolved())
    features: Any = made.model.policy.features
    assert type(features) is expected
    assert (features.steps, features.width) == (6, 1 + 5 + 2)  # strength, five operations, two detectors
    made.model.learn(24)
    assert np.isfinite(made.model.predict(made.model.observation_space.sample())[0]).all()


def test_the_observer_can_follow_projective_outcomes_exactly() -> None:
    """Bayes' rule as an observer: relax with rate .3 towards .2 (choice 0), or measure (choice 1)."""
    net = ObserverFeatures(8 * 3, (8, 0, 2, 0, 1), n_frequencies=0)

    class Bayes(th.nn.Module):
        def forward(self, done: th.Tensor) -> th.Tensor:
            measures = done[..., 1:]
            parts = [th.zeros(*done.shape[:-1], size) for size in net.sizes]
            matrix, push, read, offset, gain = parts
            matrix[..., :1] = 0.7 + 0.3 * measures
            push[..., :1] = 0.06 * (1 - measures)
            read[..., :1], gain[..., :1] = 2.0 * measures, 0.5 * measures
            offset[...] = -measures
            return th.cat(parts, -1)

    net.maps = Bayes()  # type: ignore[assignment]
    choices, outcomes = th.tensor([0, 0, 1, 0, 0, 0, 1, 0]), th.tensor([0.0, 0, 1, 0, 0, 0, -1, 0])
    rows = th.cat((th.eye(2)[choices], outcomes[:, None]), 1)[None]
    with th.no_grad():
        net.start.zero_()
        state, missed = net.follow(rows)
    p, expected = 0.0, []
    for choice, outcome in zip(choices.tolist(), outcomes.tolist(), strict=True):
        expected.append(outcome - (2 * p - 1) if choice else 0.0)  # against the mean that Born's rule gives
        p = 0.5 * (1 + outcome) if choice else p + 0.3 * (0.2 - p)
    assert state[0, 0].item() == pytest.approx(p, abs=1e-6)
    np.testing.assert_allclose(missed[0, :, 0].numpy(), expected, atol=1e-6)


# ---- the observer ------------------------------------------------------------------------------------------------


def observer(steps: int = 6, n_choices: int = 3) -> ObserverFeatures:
    th.manual_seed(0)
    return ObserverFeatures(steps * (3 + n_choices), (steps, 1, n_choices, 2), n_frequencies=4)


def test_the_observer_is_the_recursion_it_says() -> None:
    net, rows = observer(), th.randn(2, 6, 6)
    rows[:, :, 1:4] = th.eye(3)[th.tensor([0, 1, 2, 0, 1, 2])]
    state, missed = net.follow(rows)
    for k in range(2):
        x = net.start
        for t in range(6):
            m, v, r, r0, gain = net.maps(rows[k, t, :4]).split(net.sizes)
            error = rows[k, t, 4:] - r.view(2, 5) @ x - r0
            th.testing.assert_close(missed[k, t], error, rtol=1e-4, atol=1e-5)
            x = m.view(5, 5) @ x + v + gain.view(5, 2) @ error
        th.testing.assert_close(state[k], x, rtol=1e-4, atol=1e-5)


def test_what_lies_before_the_reset_changes_nothing() -> None:
    net, rows = observer(), th.zeros(1, 6, 6)
    rows[0, -2:, 0], rows[0, -2:, 2], rows[0, -2:, 4:] = 0.3, 1.0, 0.7
    th.testing.assert_close(net.follow(rows)[0], net.follow(rows[:, -2:])[0])
    assert not net.follow(rows)[1][0, :4].any()


def test_it_finds_the_hidden_state_from_actions_and_heat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The population of the two-level engine is a function of the state that was found, though never shown."""
    monkeypatch.setattr("szilard.agents.observer.FIRST", 500)
    venv = szilard.make_vec("TwoLevelEngine-v0", 64, observation="history", history=12)
    venv.reset(seed=0)
    venv.action_space.seed(0)
    seen, hidden = [], []
    for t in range(60):
        observation, *_ = venv.step(venv.action_space.sample())
        if t >= 12:
            seen.append(observation)
            hidden.append(venv.kernel.state[:, 0])
    observations, p = th.tensor(np.concatenate(seen)), np.concatenate(hidden)
    th.manual_seed(0)
    net = ObserverFeatures(observations.shape[1], (12, 1, 3, 2), n_frequencies=0)
    optimizer = th.optim.Adam(net.parameters())

    def unexplained() -> float:
        x = np.column_stack([net(observations)[:, :DIM].numpy(), np.ones(len(p))])
        return float(np.mean((x @ np.linalg.lstsq(x, p, rcond=None)[0] - p) ** 2) / p.var())

    before = unexplained()
    error = net.fit(optimizer, observations, 0.3)
    assert error is not None
    assert error < 0.1  # of the mean squared heat
    assert unexplained() < min(0.1, 0.3 * before)
    frozen = [p.clone() for p in net.parameters()]
    assert net.fit(optimizer, observations, 0.7) is None
    assert all(th.equal(a, b) for a, b in zip(frozen, net.parameters(), strict=True))


# ---- in the algorithms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extractor", ["fourier", "convolution"])
def test_algorithms_of_sb3_get_an_encoder(extractor: str) -> None:
    kwargs = {"features_extractor_class": extractor, "net_arch": [8]}
    model = built("sac", policy_kwargs=kwargs).model
    wanted = HistoryExtractor if extractor == "fourier" else HistoryConvolution
    assert isinstance(model.actor.features_extractor, wanted)
    before = [p.clone() for p in model.critic.features_extractor.parameters()]
    model.learn(48)
    moved = [not th.equal(a, b) for a, b in zip(before, model.critic.features_extractor.parameters(), strict=True)]
    assert all(moved)  # the fixed encoder has no parameters
    assert bool(moved) == (extractor == "convolution")


def test_a_convolution_needs_a_history() -> None:
    with pytest.raises(ParameterError, match="needs a history"):
        built(
            "sac", {"observation": "state", "history": None}, policy_kwargs={"features_extractor_class": "convolution"}
        )


def test_evaluation_shows_the_agent_what_it_was_trained_on() -> None:
    made = built()
    assert made.seen == {"observation": "history", "history": 12}
    found = evaluate(
        made.model, made.machine, made.dt, made.encoding, made.levels, n_starts=2, window=8, settings=made.seen
    )
    assert np.isfinite(found.power)
    with pytest.raises(ValueError, match="shape"):  # SB3 refuses the state
        evaluate(made.model, made.machine, made.dt, made.encoding, made.levels, n_starts=2, window=8)


def test_it_learns_without_seeing_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """97.6 % of the optimum; random controls give less than nothing, and doing nothing gives nothing."""
    monkeypatch.setattr("szilard.agents.observer.FIRST", 400)
    monkeypatch.setattr("szilard.agents.observer.UNTIL", 0.0)
    seen = {"observation": "history", "history": 6, "reward": "shaped_power"}
    config = {"environment": {"id": "TwoLevelEngine-v0", "parameters": seen}, "agent": {"steps": 2400}}
    made = build(RunConfig.from_dict(config).resolved())
    made.model.learn(2400, log_interval=10**6)
    found = evaluate(made.model, made.machine, made.dt, made.encoding, made.levels, n_starts=4, settings=made.seen)
    assert 0.5 < found.power / 0.00909964 <= 1.0 + 1e-6
