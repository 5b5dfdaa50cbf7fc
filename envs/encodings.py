"""Native hybrid actions as a plain ``Box``, ``Discrete`` or ``MultiDiscrete``, for algorithms that need one.

``EncodeAction`` wraps a single environment, ``EncodeVectorAction`` a vector environment; both use the same encoding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorActionWrapper, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ..physics.control import ControlSpace
from ..physics.validation import ParameterError, check_choice, check_integer
from .actions import pack


class Encoding(ABC):
    """A reversible description of hybrid actions by one simple space.

    Args:
        control_space: the machine's controls.
        levels: number of equally spaced values per continuous control (grid encodings only), >= 2.
    """

    about: ClassVar[str]

    def __init__(self, control_space: ControlSpace, levels: int = 15) -> None:
        check_integer("levels", levels, 2)
        self.control_space, self.levels = control_space, levels
        self.m, self.n = control_space.n_values, control_space.n_choices

    @property
    @abstractmethod
    def space(self) -> spaces.Space[Any]:
        """The encoded action space of one system."""

    @abstractmethod
    def split(self, actions: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Scaled controls (K, m) in [-1, 1] and choices (K,) from a batch of encoded actions."""

    def decode(self, actions: Any) -> Any:
        """Native actions from a batch of encoded actions (first axis K).

        Raises:
            ParameterError: for a wrong shape or a NaN (range errors are raised by the environment).
        """
        actions = np.asarray(actions)
        if actions.ndim == 0 or actions.shape[1:] != self.space.shape:
            raise ParameterError(f"action has shape {actions.shape[1:]}: must have shape {self.space.shape}")
        if not np.isfinite(actions).all():
            raise ParameterError(f"action = {actions.tolist()}: must be finite")
        return pack(self.control_space, *self.split(actions))


class BoxEncoding(Encoding):
    """``Box(-1, 1, (m + 1,))``: the last number selects the choice by equal bins of [-1, 1].

    Without a discrete choice the space is ``Box(-1, 1, (m,))``.
    """

    about = "controls, and one number whose bin is the choice"

    @property
    def space(self) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (self.m + bool(self.control_space.choices),), np.float32)

    def split(self, actions: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        values = actions[:, : self.m].astype(float)
        if not self.control_space.choices:
            return values, np.zeros(len(actions), dtype=np.int64)
        bins = np.floor(0.5 * (actions[:, -1].astype(float) + 1.0) * self.n)
        return values, bins.clip(0, self.n - 1).astype(np.int64)


class ArgmaxEncoding(Encoding):
    """``Box(-1, 1, (m + n,))``: one score per choice, the largest wins."""

    about = "controls, and one score per choice (the largest wins)"

    @property
    def space(self) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (self.m + len(self.control_space.choices),), np.float32)

    def split(self, actions: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        values = actions[:, : self.m].astype(float)
        if not self.control_space.choices:
            return values, np.zeros(len(actions), dtype=np.int64)
        return values, actions[:, self.m :].argmax(axis=1)


class MultiDiscreteEncoding(Encoding):
    """``MultiDiscrete([levels] * m + [n])``: grid index of every control, then the choice."""

    about = "grid index of every control, and the choice"

    @property
    def space(self) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete([self.levels] * self.m + [self.n] * bool(self.control_space.choices))

    def split(self, actions: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        values = -1.0 + 2.0 * actions[:, : self.m] / (self.levels - 1)
        if not self.control_space.choices:
            return values, np.zeros(len(actions), dtype=np.int64)
        return values, actions[:, -1].astype(np.int64)


class DiscreteEncoding(Encoding):
    """``Discrete(levels**m * n)``: index = (grid index of the controls) * n + choice."""

    about = "one index over the grid of controls and the choices"

    @property
    def space(self) -> spaces.Discrete:
        return spaces.Discrete(self.levels**self.m * self.n)

    def split(self, actions: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        if actions.min() < 0 or actions.max() >= self.space.n:
            raise ParameterError(f"action = {actions.tolist()}: must be in 0..{self.space.n - 1}")
        index, choice = np.divmod(actions, self.n)
        grid = np.stack(np.unravel_index(index, (self.levels,) * self.m), axis=1) if self.m else index[:, None][:, :0]
        return -1.0 + 2.0 * grid / (self.levels - 1), choice.astype(np.int64)


ENCODINGS: dict[str, type[Encoding]] = {
    "box": BoxEncoding,
    "argmax": ArgmaxEncoding,
    "discrete": DiscreteEncoding,
    "multidiscrete": MultiDiscreteEncoding,
}
"""Encodings by name."""


def make_encoding(control_space: ControlSpace, encoding: str, levels: int = 15) -> Encoding:
    """The encoding called ``encoding``; raises ``ParameterError`` for an unknown name."""
    check_choice("encoding", encoding, ENCODINGS)
    return ENCODINGS[encoding](control_space, levels)


class EncodeAction(gym.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """A single machine environment with an encoded action space.

    Args:
        env: environment whose ``unwrapped`` is a ``MachineEnv``.
        encoding: ``"box"``, ``"argmax"``, ``"discrete"`` or ``"multidiscrete"``.
        levels: grid points per continuous control, for the last two.
    """

    def __init__(self, env: gym.Env[Any, Any], encoding: str = "box", levels: int = 15) -> None:
        RecordConstructorArgs.__init__(self, encoding=encoding, levels=levels)
        gym.ActionWrapper.__init__(self, env)
        self.encoding = make_encoding(env.unwrapped.machine.control_space, encoding, levels)  # type: ignore[attr-defined]
        self.action_space = self.encoding.space

    def action(self, action: Any) -> Any:
        native = self.encoding.decode(np.asarray(action)[None])
        return {k: v[0] for k, v in native.items()} if isinstance(native, dict) else native[0]


class EncodeVectorAction(VectorActionWrapper):
    """A vector machine environment with an encoded action space; arguments as in ``EncodeAction``."""

    def __init__(self, env: VectorEnv[Any, Any, Any], encoding: str = "box", levels: int = 15) -> None:
        super().__init__(env)
        self.encoding = make_encoding(env.unwrapped.machine.control_space, encoding, levels)  # type: ignore[attr-defined]
        self.single_action_space = self.encoding.space
        self.action_space = batch_space(self.encoding.space, env.num_envs)

    def actions(self, actions: Any) -> Any:
        return self.encoding.decode(actions)
