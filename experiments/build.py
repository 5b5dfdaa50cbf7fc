"""From a configuration to an SB3 model with its environment; torch and SB3 are imported inside the functions."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from ..physics.machine import Machine
from ..physics.validation import ParameterError
from .reference import score_name

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from ..agents.vec_env import SB3VecEnv
    from .config import RunConfig


@dataclass(frozen=True, eq=False)
class Built:
    """A model ready to learn.

    Attributes:
        model: SB3 algorithm.
        bridge: its vector environment.
        machine: the machine behind it.
        dt: duration of a step.
        encoding, levels: how actions are encoded.
        seen: the settings of the environment that say what the agent sees.
        hyperparameters: what the algorithm was built with.
        weight: weight c that the run is scored at (of a range the largest); 1 is the power.
        scored_by: what it is ranked by, see ``reference.score_name``.
    """

    model: BaseAlgorithm
    bridge: SB3VecEnv
    machine: Machine
    dt: float
    encoding: str
    levels: int
    seen: dict[str, Any]
    hyperparameters: dict[str, Any]
    weight: float = 1.0
    scored_by: str = "power"


def build(config: RunConfig) -> Built:
    """The model that ``config.resolved()`` describes, with fresh networks and environments.

    Seeds the global generators of Python, NumPy and torch, as SB3 does.

    Raises:
        ParameterError: for a bad value that only the algorithm can see.
    """
    from ..agents.presets import merged, preset_for
    from ..agents.vec_env import SB3VecEnv
    from ..envs.catalogue import make_vec
    from ..envs.encodings import EncodeVectorAction
    from ..envs.observations import what_is_seen

    environment, agent = config.environment, config.agent
    if agent.n_envs is None or agent.encoding is None or agent.levels is None:
        raise ParameterError("agent: call config.resolved() first, it fills in what the preset says")
    preset = preset_for(agent.algorithm, environment.id, environment.parameters.get("observation", "state"))
    parameters = {"max_episode_steps": preset.episode_steps, **environment.parameters}
    native = make_vec(environment.id, agent.n_envs, preset=environment.preset, **parameters)
    bridge = SB3VecEnv(EncodeVectorAction(native, agent.encoding, agent.levels))
    hyperparameters = merged({"device": "cpu", **preset.hyperparameters}, agent.hyperparameters)
    try:
        arguments = _with_objects(hyperparameters, bridge)
        model = preset.algorithm_class()("MlpPolicy", bridge, seed=agent.seed, **arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise ParameterError(f"agent.hyperparameters: {error}") from error
    seen, reward = what_is_seen(environment.parameters), native.kernel.reward
    if not reward.follows_power:
        seen["reward"] = reward  # what a policy is ranked by
    weight = 1.0 if native.kernel.weight is None else native.kernel.weight.high
    return Built(
        model, bridge, native.machine, native.kernel.dt, agent.encoding, agent.levels, seen, hyperparameters,
        weight, score_name(native.machine, weight, reward),
    )  # fmt: skip


def _with_objects(hyperparameters: Mapping[str, Any], bridge: SB3VecEnv) -> dict[str, Any]:
    """A copy (SB3 writes into policy_kwargs) in which names and numbers have become the objects that SB3 takes."""
    import numpy as np
    import torch
    from gymnasium import spaces
    from stable_baselines3.common.noise import NormalActionNoise

    from ..agents.features import FourierExtractor
    from ..agents.history import HistoryConvolution, HistoryExtractor

    found = deepcopy(dict(hyperparameters))
    policy = found.get("policy_kwargs", {})
    if isinstance(name := policy.get("activation_fn"), str):
        policy["activation_fn"] = getattr(torch.nn, name)
    layout, extractor = bridge.get_attr("history_layout")[0], policy.get("features_extractor_class")
    if extractor == "convolution" and layout is None:
        raise ParameterError(
            "agent.hyperparameters.policy_kwargs.features_extractor_class = 'convolution': needs a history"
        )
    if extractor == "fourier" and layout is None:
        policy["features_extractor_class"] = FourierExtractor
    elif isinstance(extractor, str):
        policy["features_extractor_class"] = HistoryExtractor if extractor == "fourier" else HistoryConvolution
        policy["features_extractor_kwargs"] = {
            "steps": layout.steps, "width": layout.width, **policy.get("features_extractor_kwargs", {}),
        }  # fmt: skip
    if isinstance(sigma := found.get("action_noise"), Real) and isinstance(bridge.action_space, spaces.Box):
        size = bridge.action_space.shape[0]
        found["action_noise"] = NormalActionNoise(np.zeros(size), float(sigma) * np.ones(size))
    return found
