"""Hyper-parameters of the algorithms: which there are, and checks of what a user sets."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..physics.validation import ParameterError, check_choice

RESERVED = frozenset({
    "self", "policy", "env", "seed", "verbose", "tensorboard_log", "monitor_wrapper", "_init_setup_model",
    # state-dependent exploration draws noise before the checkpoint of a rollout: it would not resume bit for bit
    "use_sde", "sde_sample_freq", "use_sde_at_warmup",
})  # fmt: skip
"""Arguments of an algorithm that are not for users: the run sets them."""

POLICY_RESERVED = frozenset({"self", "observation_space", "action_space", "lr_schedule", "use_sde"})
ACTIVATIONS = ("ReLU", "Tanh", "ELU", "SiLU", "GELU")


def check_hyperparameters(algorithm: str, given: Mapping[str, Any]) -> None:
    """Check names and plain types of hyper-parameters that override a preset.

    Raises:
        ParameterError: for an unknown name (with the nearest valid one) or text in place of a number.
    """
    from ..agents.presets import PRESETS

    cls: Any = PRESETS[algorithm].algorithm_class()
    allowed = {name: p for name, p in arguments(cls).items() if name not in RESERVED}
    for name, value in given.items():
        check_choice(f"key of agent.hyperparameters ({algorithm})", name, allowed)
        _check_type(f"agent.hyperparameters.{name}", value, allowed[name].default)
    policy_kwargs = given.get("policy_kwargs", {})
    if not isinstance(policy_kwargs, Mapping):
        raise ParameterError(f"agent.hyperparameters.policy_kwargs = {policy_kwargs!r}: must map names to values")
    policy = {name for name in arguments(cls.policy_aliases["MlpPolicy"]) if name not in POLICY_RESERVED}
    for name, value in policy_kwargs.items():
        check_choice("key of agent.hyperparameters.policy_kwargs", name, policy)
        if name == "activation_fn" and isinstance(value, str):
            check_choice("agent.hyperparameters.policy_kwargs.activation_fn", value, ACTIVATIONS)
        if name == "features_extractor_class":
            check_choice(
                "agent.hyperparameters.policy_kwargs.features_extractor_class", value, ("fourier", "convolution")
            )


def arguments(cls: type[Any]) -> dict[str, inspect.Parameter]:
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
