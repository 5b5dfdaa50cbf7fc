"""The configuration of a training run: typed, strict, and the same in Python, in YAML and on the command line.

A mistyped key, at any depth, is an error that names the nearest valid one. YAML is read with PyYAML's safe loader:
a file can hold data only.

```yaml
environment: {id: szilard/TwoLevelEngine-v0, preset: ErdmanNoe2022, parameters: {beta_c: 1.3, dt: 0.1}}
agent: {algorithm: hybrid_sac, seed: 1, hyperparameters: {gamma: 0.95}}
run: {run_dir: runs/first, time_limit: 60}
```
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ..envs.catalogue import entry, make_vector
from ..physics.validation import ParameterError, check_choice, check_integer, check_positive

T = TypeVar("T")


@dataclass(frozen=True)
class EnvironmentConfig:
    """What is learned on.

    Attributes:
        id: id of the catalogue.
        preset: named parameter set; ``None``: the first of the system.
        parameters: parameters of the machine and of the environment (``dt``, ``reward``, ...) that differ from it.
    """

    id: str = "szilard/TwoLevelEngine-v0"
    preset: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mapping("environment.parameters", self.parameters)
        for name, instead in _ELSEWHERE.items():
            if name in self.parameters:
                raise ParameterError(f"environment.parameters.{name}: {instead}")
        found = entry(self.id)
        if found.multi_objective:
            scalar = found.id.replace("/mo-", "/")
            raise ParameterError(f"environment.id = {self.id!r}: its reward is a vector; use {scalar!r} with a weight")
        make_vector(self.id, 1, preset=self.preset, **self.parameters)  # the environment checks its parameters
        object.__setattr__(self, "id", found.id)


@dataclass(frozen=True)
class AgentConfig:
    """What learns. ``None`` stands for the preset of the algorithm.

    Attributes:
        algorithm: name of an agent preset.
        seed: seed of everything: networks, exploration, start states.
        steps: environment steps to train for, over all copies.
        n_envs: copies of the environment.
        encoding: how actions are encoded, see ``szilard.envs.encodings``.
        levels: grid points per continuous control, for the discrete encodings.
        hyperparameters: arguments of the algorithm that differ from the preset.
    """

    algorithm: str = "hybrid_sac"
    seed: int = 0
    steps: int | None = None
    n_envs: int | None = None
    encoding: str | None = None
    levels: int | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from ..agents.presets import PRESETS
        from ..envs.encodings import ENCODINGS
        from .hyperparameters import check_hyperparameters

        check_choice("agent.algorithm", self.algorithm, PRESETS)
        check_integer("agent.seed", self.seed, 0)
        for name, low in (("steps", 1), ("n_envs", 1), ("levels", 2)):
            if getattr(self, name) is not None:
                check_integer(f"agent.{name}", getattr(self, name), low)
        if self.encoding is not None:
            check_choice("agent.encoding", self.encoding, ENCODINGS)
        check_mapping("agent.hyperparameters", self.hyperparameters)
        check_hyperparameters(self.algorithm, self.hyperparameters)


@dataclass(frozen=True)
class RunSettings:
    """How the run is recorded. Intervals are in environment steps, over all copies.

    Attributes:
        run_dir: run folder; ``None``: a new name below ``runs/``.
        evaluate_every: steps between evaluations in the limit cycle; ``None``: a twentieth of all steps.
        checkpoint_every: steps between checkpoints; ``None``: a tenth of all steps.
        log_every: steps between entries of the log; ``None``: a two-hundredth of all steps.
        time_limit: stop after this much wall time (seconds), counted over all sessions of the run.
        tensorboard: write TensorBoard logs.
        progress: show a progress bar.
    """

    run_dir: str | None = None
    evaluate_every: int | None = None
    checkpoint_every: int | None = None
    log_every: int | None = None
    time_limit: float | None = None
    tensorboard: bool = True
    progress: bool = False

    def __post_init__(self) -> None:
        if self.run_dir is not None and not isinstance(self.run_dir, str):
            raise ParameterError(f"run.run_dir = {self.run_dir!r}: must be a path as text")
        for name in ("evaluate_every", "checkpoint_every", "log_every"):
            if getattr(self, name) is not None:
                check_integer(f"run.{name}", getattr(self, name), 1)
        if self.time_limit is not None:
            check_positive("run.time_limit", self.time_limit)
        for name in ("tensorboard", "progress"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(f"run.{name} = {getattr(self, name)!r}: must be true or false")


@dataclass(frozen=True)
class RunConfig:
    """One training run.

    Raises:
        ParameterError: for an unknown key (with the nearest valid one) or a bad value.
    """

    environment: EnvironmentConfig = field(default_factory=EnvironmentConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    run: RunSettings = field(default_factory=RunSettings)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunConfig:
        """The configuration that plain data describes; what is left out keeps its default."""
        return cls(
            **{
                name: _build(_SECTIONS[name], name, {} if part is None else part)
                for name, part in _known("configuration", data, _SECTIONS).items()
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; ``from_dict`` builds the same configuration again."""
        sections = {name: getattr(self, name) for name in _SECTIONS}
        # not dataclasses.asdict: it would take a reward object apart
        return {n: {f.name: _plain(getattr(s, f.name)) for f in dataclasses.fields(s)} for n, s in sections.items()}

    def merged(self, overrides: Mapping[str, Any]) -> RunConfig:
        """This configuration with some nested keys replaced: ``merged({"agent": {"seed": 3}})``."""
        return RunConfig.from_dict(_merge(self.to_dict(), overrides))

    def resolved(self) -> RunConfig:
        """The same with every ``None`` that stands for a preset filled in; a run folder keeps this one."""
        from ..agents.presets import preset_for

        environment, agent, run = self.environment, self.agent, self.run
        preset = preset_for(agent.algorithm, environment.id, environment.parameters.get("observation", "state"))
        steps = _default(agent.steps, preset.steps)
        intervals = {"evaluate_every": steps // 20, "checkpoint_every": steps // 10, "log_every": steps // 200}
        return RunConfig(
            replace(environment, preset=_default(environment.preset, next(iter(entry(environment.id).presets)))),
            replace(
                agent,
                steps=steps,
                **{name: _default(getattr(agent, name), getattr(preset, name)) for name in _FROM_PRESET},
            ),
            replace(run, **{name: _default(getattr(run, name), max(n, 1)) for name, n in intervals.items()}),
        )

    @classmethod
    def load(cls, path: str | Path) -> RunConfig:
        """Read a YAML file.

        Raises:
            ParameterError: if the file is missing, is no YAML, or holds a bad configuration; it names the file.
        """
        try:
            data = yaml.load(Path(path).read_text(encoding="utf-8"), Loader)  # a SafeLoader
        except OSError as error:
            raise ParameterError(f"configuration {str(path)!r}: {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ParameterError(f"configuration {str(path)!r} is no valid YAML: {error}") from None
        try:
            return cls.from_dict({} if data is None else data)
        except ParameterError as error:
            raise ParameterError(f"configuration {str(path)!r}: {error}") from None

    def dump(self) -> str:
        """The configuration as YAML."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def save(self, path: str | Path) -> None:
        """Write YAML that ``load`` reads back."""
        Path(path).write_text(self.dump(), encoding="utf-8")


_SECTIONS: dict[str, type[Any]] = {"environment": EnvironmentConfig, "agent": AgentConfig, "run": RunSettings}


class Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-3 as text; this one reads it as the number that is meant, and refuses a key given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def check_mapping(name: str, value: Any) -> None:
    """Raise ``ParameterError`` unless ``value`` maps names to values."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ParameterError(f"{name} = {value!r}: must map names to values")


def _known(name: str, data: Any, allowed: Mapping[str, Any]) -> Mapping[str, Any]:
    check_mapping(name, data)
    for key in data:
        check_choice(f"key of {name}", key, allowed)
    return data


def _build(cls: type[T], name: str, data: Any) -> T:
    allowed = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return cls(**{key: {} if value is None and key in _MAPPINGS else value
                  for key, value in _known(name, data, allowed).items()})  # fmt: skip


_ELSEWHERE = {
    "preset": "give it as environment.preset",
    "num_envs": "give it as agent.n_envs",
    "render_mode": "training draws nothing; see `szilard render`",
}
_FROM_PRESET = ("n_envs", "encoding", "levels")
_MAPPINGS = ("parameters", "hyperparameters")


def _merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "to_spec"):  # a reward object
        return value.to_spec()
    return value.tolist() if hasattr(value, "tolist") else value  # NumPy


def _default(value: T | None, default: T) -> T:
    return default if value is None else value
