"""Native actions: what a machine environment takes, and its translation to physical controls.

A native action is ``{"control": (m,) in [-1, 1], <choice name>: int}``; a machine that has only continuous controls,
or only a choice, takes the bare array instead. Everything here works on batches (first axis K).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from ..physics.control import Control, ControlSpace, FloatArray, IntArray
from ..physics.validation import ParameterError, check_shape

ACTION_TOLERANCE = 1e-6
"""How far a scaled control may lie outside [-1, 1]: float32 rounding, not more."""


def native_space(space: ControlSpace) -> spaces.Space[Any]:
    """The action space of one system."""
    parts: dict[str, spaces.Space[Any]] = {}
    if space.n_values:
        parts["control"] = spaces.Box(-1.0, 1.0, (space.n_values,), np.float32)
    if space.choices:
        parts[space.choice_name] = spaces.Discrete(space.n_choices)
    return next(iter(parts.values())) if len(parts) == 1 else spaces.Dict(parts)


def pack(space: ControlSpace, scaled: FloatArray, choice: IntArray) -> Any:
    """Native actions from scaled controls (K, m) and choices (K,)."""
    parts: dict[str, Any] = {}
    if space.n_values:
        parts["control"] = scaled
    if space.choices:
        parts[space.choice_name] = choice
    return next(iter(parts.values())) if len(parts) == 1 else parts


def to_native(space: ControlSpace, control: Control) -> Any:
    """Native actions from physical controls; inverse of ``to_control``."""
    middle, half = 0.5 * (space.low + space.high), 0.5 * (space.high - space.low)
    return pack(space, ((control.values - middle) / half).clip(-1.0, 1.0), control.choice)


class ActionDecoder:
    """Checks native actions and turns them into physical controls.

    Args:
        space: the machine's controls.
        num: number of systems K.
    """

    def __init__(self, space: ControlSpace, num: int) -> None:
        self.space, self.num = space, num
        self.low, self.high = space.low, space.high
        self.middle, self.half = 0.5 * (self.low + self.high), 0.5 * (self.high - self.low)
        self.names = [n for n, used in (("control", space.n_values), (space.choice_name, space.choices)) if used]

    def __call__(self, action: Any) -> Control:
        """Physical controls of a batch of K native actions.

        Raises:
            ParameterError: for a wrong type, key or shape, a NaN, or a value out of range.
        """
        if len(self.names) == 1 and not isinstance(action, dict):
            action = {self.names[0]: action}
        if not isinstance(action, dict) or action.keys() != set(self.names):
            given = f"keys {sorted(map(str, action))}" if isinstance(action, dict) else f"type {type(action).__name__}"
            raise ParameterError(f"action has {given}: must be a dict with exactly the keys {self.names}")
        return Control(self._values(action.get("control")), self._choice(action.get(self.space.choice_name)))

    def _values(self, raw: Any) -> FloatArray:
        if not self.space.n_values:
            return np.zeros((self.num, 0))
        scaled = np.asarray(raw, dtype=float)
        check_shape("action['control']", scaled, (self.num, self.space.n_values))
        if not np.abs(scaled).max() <= 1.0 + ACTION_TOLERANCE:  # "not <=": NaN fails
            raise ParameterError(f"action['control'] = {scaled.tolist()}: must be finite and in [-1, 1]")
        return np.minimum(np.maximum(self.middle + self.half * scaled, self.low), self.high)

    def _choice(self, raw: Any) -> IntArray:
        if not self.space.choices:
            return np.zeros(self.num, dtype=np.int64)
        choice, name = np.asarray(raw), f"action[{self.space.choice_name!r}]"
        check_shape(name, choice, (self.num,))
        if choice.dtype.kind not in "iu" or choice.min() < 0 or choice.max() >= self.space.n_choices:
            allowed = ", ".join(f"{i} {label}" for i, label in enumerate(self.space.choices))
            raise ParameterError(f"{name} = {choice.tolist()}: must be integers among {allowed}")
        return choice
