"""Checks of user input: one clear error that names the parameter, its value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np


class ParameterError(ValueError):
    """A parameter, action or state outside its allowed range; the message names it, its value and the range."""


def check_finite(name: str, value: float) -> None:
    """Raise ``ParameterError`` unless ``value`` is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise ParameterError(f"{name} = {value!r}: must be a finite number")


def check_positive(name: str, value: float) -> None:
    """Raise ``ParameterError`` unless ``value`` is finite and > 0."""
    check_finite(name, value)
    if value <= 0:
        raise ParameterError(f"{name} = {value!r}: must be > 0 and finite")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ``ParameterError`` unless low <= ``value`` <= high."""
    check_finite(name, value)
    if not low <= value <= high:
        raise ParameterError(f"{name} = {value!r}: must be in [{low:g}, {high:g}]")


def check_integer(name: str, value: int, low: int) -> None:
    """Raise ``ParameterError`` unless ``value`` is an integer >= ``low``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise ParameterError(f"{name} = {value!r}: must be an integer >= {low}")


def check_shape(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """Raise ``ParameterError`` unless ``array`` has ``shape`` (``None`` matches any length)."""
    if array.ndim != len(shape) or any(w is not None and w != n for n, w in zip(array.shape, shape, strict=True)):
        wanted = ", ".join("*" if w is None else str(w) for w in shape)
        raise ParameterError(f"{name}: has shape {array.shape}, must have shape ({wanted})")


def check_choice(name: str, value: str, allowed: Iterable[str]) -> None:
    """Raise ``ParameterError`` unless ``value`` is one of ``allowed``; names the nearest valid one."""
    allowed = list(allowed)
    if value not in allowed:
        near = get_close_matches(str(value), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ParameterError(f"{name} = {value!r}: must be one of {', '.join(map(repr, allowed))}{hint}")
