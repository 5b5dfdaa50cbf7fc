"""``--set KEY=VALUE``: parameters of the particular machine, environment, algorithm and run from the command line."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ..envs.catalogue import entry
from ..physics.validation import ParameterError, check_choice
from .config import AgentConfig, Loader, RunSettings


def parse(pairs: Iterable[str]) -> dict[str, Any]:
    """``["beta_c=1.3", "reward=power"]`` as a dict; values are read like those of a YAML file.

    Raises:
        ParameterError: for a pair without ``=``, a key given twice, or a value that is no YAML.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        key = key.strip()
        if not sign or not key:
            raise ParameterError(f"--set {pair}: must be KEY=VALUE")
        if key in found:
            raise ParameterError(f"--set {pair}: {key} is given twice")
        try:
            found[key] = yaml.load(text, Loader)  # a SafeLoader
        except yaml.YAMLError:
            raise ParameterError(f"--set {pair}: {text!r} is no valid value") from None
    return found


def sort_into_sections(settings: Mapping[str, Any], env_id: str, algorithm: str) -> dict[str, Any]:
    """Nested overrides for ``RunConfig.merged`` from flat keys.

    A key may be a parameter of the machine or environment, a field of ``agent`` or ``run``, or a hyper-parameter of
    the algorithm; a dot leads into a mapping (``policy_kwargs.net_arch=[64, 64]``). A name that exists twice means
    the first of these.

    Raises:
        ParameterError: for an unknown key, with the nearest valid one.
    """
    places = _places(env_id, algorithm)
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        head, *inner = key.split(".")
        check_choice("parameter", head, places)
        *path, last = (*places[head], head, *inner)
        target = nested
        for part in path:
            target = target.setdefault(part, {})
        target[last] = value
    return nested


def _places(env_id: str, algorithm: str) -> dict[str, tuple[str, ...]]:
    from ..agents.presets import PRESETS
    from ..envs.machine_env import MachineVectorEnv
    from .hyperparameters import RESERVED, arguments

    check_choice("algorithm", algorithm, PRESETS)
    machine = [f.name for f in dataclasses.fields(entry(env_id).machine_class()) if f.init]
    # the number of copies is the agent's, and training renders nothing
    skipped = {"machine", "num_envs", "render_mode"}
    environment = [p for p in inspect.signature(MachineVectorEnv).parameters if p not in skipped]
    algorithm_class: Any = PRESETS[algorithm].algorithm_class()
    sections: list[tuple[tuple[str, ...], Iterable[str]]] = [
        (("environment", "parameters"), [*machine, *environment]),
        (("agent",), [f.name for f in dataclasses.fields(AgentConfig) if f.name != "hyperparameters"]),
        (("run",), [f.name for f in dataclasses.fields(RunSettings)]),
        (("agent", "hyperparameters"), [p for p in arguments(algorithm_class) if p not in RESERVED]),
    ]
    places: dict[str, tuple[str, ...]] = {}
    for path, names in sections:
        for name in names:
            places.setdefault(name, path)
    return places
