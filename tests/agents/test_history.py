"""Encoders of a history, and agents that see nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

from szilard.agents.evaluation import evaluate
from szilard.agents.history import HistoryConvolution, HistoryExtractor, HistoryFeatures, split
from szilard.agents.hybrid_sac import HybridSAC
from szilard.experiments.build import build
from szilard.experiments.config import RunConfig
from szilard.physics.validation import ParameterError


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = th.get_num_threads()
    th.set_num_threads(1)
    yield
    th.set_num_threads(before)


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


def test_the_hybrid_agent_asks_the_environment_for_the_layout(tmp_path: Path) -> None:
    model = built(seen={"weight": (0.5, 1.0)}).model
    features = model.policy.features
    assert isinstance(features, HistoryFeatures)
    assert (features.steps, features.width) == (12, 4)
    model.learn(60)
    model.save(tmp_path / "model")
    again = HybridSAC.load(tmp_path / "model")
    seen = model.observation_space.sample()
    np.testing.assert_array_equal(
        model.predict(seen, deterministic=True)[0], again.predict(seen, deterministic=True)[0]
    )


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
