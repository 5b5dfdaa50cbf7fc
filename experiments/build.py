"""From a configuration to an SB3 model with its environment; torch and SB3 are imported inside the functions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_choice

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from ..agents.vec_env import SB3VecEnv
    from .config import RunConfig

RESERVED = frozenset({
    "self", "policy", "env", "seed", "verbose", "tensorboard_log", "monitor_wrapper", "_init_setup_model",
    # state-dependent exploration draws noise before the checkpoint of a rollout: it would not resume bit for bit
    "use_sde", "sde_sample_freq", "use_sde_at_warmup",
})  # fmt: skip
"""Arguments of an algorithm that are not for users: the run sets them."""

POLICY_RESERVED = frozenset({"self", "observation_space", "action_space", "lr_schedule", "use_sde"})
ACTIVATIONS = ("ReLU", "Tanh", "ELU", "SiLU", "GELU")


@dataclass(frozen=True, eq=False)
class Built:
    """A model ready to learn.

    Attributes:
        model: SB3 algorithm.
        bridge: its vector environment.
        machine: the machine behind it.
        dt: duration of a step.
        encoding, levels: how actions are encoded.
        hyperparameters: what the algorithm was built with.
    """

    model: BaseAlgorithm
    bridge: SB3VecEnv
    machine: Machine
    dt: float
    encoding: str
    levels: int
    hyperparameters: dict[str, Any]


def check_hyperparameters(algorithm: str, given: Mapping[str, Any]) -> None:
    """Check names and plain types of hyper-parameters that override a preset.

    Raises:
        ParameterError: for an unknown name (with the nearest valid one) or text in place of a number.
    """
    from ..agents.presets import PRESETS

    cls: Any = PRESETS[algorithm].algorithm_class()
    allowed = {name: p for name, p in _arguments(cls).items() if name not in RESERVED}
    for name, value in given.items():
        check_choice(f"key of agent.hyperparameters ({algorithm})", name, allowed)
        _check_type(f"agent.hyperparameters.{name}", value, allowed[name].default)
    policy_kwargs = given.get("policy_kwargs", {})
    if not isinstance(policy_kwargs, Mapping):
        raise ParameterError(f"agent.hyperparameters.policy_kwargs = {policy_kwargs!r}: must map names to values")
    policy = {name for name in _arguments(cls.policy_aliases["MlpPolicy"]) if name not in POLICY_RESERVED}
    for name, value in policy_kwargs.items():
        check_choice("key of agent.hyperparameters.policy_kwargs", name, policy)
        if name == "activation_fn" and isinstance(value, str):
            check_choice("agent.hyperparameters.policy_kwargs.activation_fn", value, ACTIVATIONS)
        if name == "features_extractor_class":
            check_choice("agent.hyperparameters.policy_kwargs.features_extractor_class", value, ("fourier",))


def build(config: RunConfig) -> Built:
    """The model that ``config.resolved()`` describes, with fresh networks and environments.

    Seeds the global generators of Python, NumPy and torch, as SB3 does.

    Raises:
        ParameterError: for a bad value that only the algorithm can see.
    """
    from ..agents.presets import PRESETS
    from ..agents.vec_env import SB3VecEnv
    from ..envs.catalogue import make_vec
    from ..envs.encodings import EncodeVectorAction

    environment, agent = config.environment, config.agent
    if agent.n_envs is None or agent.encoding is None or agent.levels is None:
        raise ParameterError("agent: call config.resolved() first, it fills in what the preset says")
    preset = PRESETS[agent.algorithm]
    parameters = {"max_episode_steps": preset.episode_steps, **environment.parameters}
    native = make_vec(environment.id, agent.n_envs, preset=environment.preset, **parameters)
    bridge = SB3VecEnv(EncodeVectorAction(native, agent.encoding, agent.levels))
    hyperparameters = {"device": "cpu", **preset.hyperparameters, **agent.hyperparameters}
    if "policy_kwargs" in agent.hyperparameters:
        own = preset.hyperparameters.get("policy_kwargs", {})
        hyperparameters["policy_kwargs"] = {**own, **agent.hyperparameters["policy_kwargs"]}
    try:
        arguments = _with_objects(hyperparameters, bridge)
        model = preset.algorithm_class()("MlpPolicy", bridge, seed=agent.seed, **arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise ParameterError(f"agent.hyperparameters: {error}") from error
    return Built(
        model, bridge, native.machine, native.kernel.dt, agent.encoding, agent.levels, hyperparameters
    )  # fmt: skip


def _arguments(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """Arguments of the constructor by name, through ``**kwargs`` up to the base classes."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters
        for name, p in parameters.items():
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                found.setdefault(name, p)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return found


def _check_type(name: str, value: Any, default: Any) -> None:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ParameterError(f"{name} = {value!r}: must be true or false")
    elif isinstance(default, Real) and (isinstance(value, bool) or not isinstance(value, (Real, tuple, list))):
        # lists: SB3 takes for example train_freq: [1, episode]
        raise ParameterError(f"{name} = {value!r}: must be a number")


def _with_objects(hyperparameters: Mapping[str, Any], bridge: SB3VecEnv) -> dict[str, Any]:
    """A copy (SB3 writes into policy_kwargs) in which names and numbers have become the objects that SB3 takes."""
    import numpy as np
    import torch
    from gymnasium import spaces
    from stable_baselines3.common.noise import NormalActionNoise

    from ..agents.features import FourierExtractor

    found = deepcopy(dict(hyperparameters))
    policy = found.get("policy_kwargs", {})
    if isinstance(name := policy.get("activation_fn"), str):
        policy["activation_fn"] = getattr(torch.nn, name)
    if policy.get("features_extractor_class") == "fourier":
        policy["features_extractor_class"] = FourierExtractor
    if isinstance(sigma := found.get("action_noise"), Real) and isinstance(bridge.action_space, spaces.Box):
        size = bridge.action_space.shape[0]
        found["action_noise"] = NormalActionNoise(np.zeros(size), float(sigma) * np.ones(size))
    return found
