"""Steps of a driven cell: one attempt, its error, the size of the next."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...control import FloatArray, IntArray
from ..cell import Ledger, StepError
from ..discrete import log_mean
from .driven import DrivenCell

GROWTH, SHRINK, SAFETY = 1.5, 0.25, 0.9
"""Ratio of successive steps at most, strongest cut of a step, and what is left to spare of the tolerance."""


class Point(NamedTuple):
    """The cell at one time: state (1, n), terminal voltage (V), current (A)."""

    state: FloatArray
    voltage: float
    current: float


def measured(driven: DrivenCell, state: FloatArray) -> Point:
    """What a cycler reads in ``state`` (1, n)."""
    with np.errstate(invalid="ignore"):
        voltage, current = driven.terminal(state)
    return Point(state, float(voltage[0]), float(current[0]))


def attempt(driven: DrivenCell, point: Point, demand: float, h: float, choice: IntArray) -> tuple[Point, Ledger]:
    """One step of length ``h`` (s) from ``point``.

    Raises:
        StepError: if there is no solution.
    """
    done = driven.step_once(point.state, demand, h, choice)
    state, n = point.state.copy(), driven.n_x
    state[0, :n], state[0, n], state[0, -1] = done.x[:, 0], done.theta[0], demand
    found = measured(driven, state)
    if not math.isfinite(found.voltage + found.current):
        raise StepError("the demand has no solution")
    return found, done


def chemical(driven: DrivenCell, before: FloatArray, after: FloatArray) -> float:
    """Energy that the affinities released in one step, J: with the discrete gradients the step was solved with."""
    n = driven.n_x
    x0, x1 = before[:, :n].T, after[:, :n].T
    mean = log_mean(driven.ambient + before[:, n], driven.ambient + after[:, n])
    u, s = driven.gradients(x0, x1, after[:, n + 1 :].T)
    change = driven.amounts(x0, x1)
    which = [driven.dynamic_names.index(name) for name in driven.fuels]
    return sum(float(((mean * s[i] - u[i]) * change[i])[0]) for i in which)


class Pace:
    """Step sizes that follow the rate of change.

    The error of a step is the deviation from a straight line of the terminal voltage (at constant voltage: of the
    current) and of the temperature, relative to their usual sizes.
    """

    def __init__(self, driven: DrivenCell, start: Point, tolerance: float) -> None:
        self._driven, self._tolerance = driven, tolerance
        current = max(driven.power_unit / driven.voltage_scale, abs(start.current))
        self._scales = (current if driven.mode == "voltage" else driven.voltage_scale, 1.0)
        self._slopes: tuple[float, float] | None = None

    def _watched(self, point: Point) -> tuple[float, float]:
        signal = point.current if self._driven.mode == "voltage" else point.voltage
        return signal, float(point.state[0, self._driven.n_x])

    def error(self, before: Point, after: Point, h: float) -> float:
        """In units of the tolerance; 0 for the first step, which is short."""
        if self._slopes is None:
            return 0.0
        rows = zip(self._watched(after), self._watched(before), self._slopes, self._scales, strict=True)
        return max(abs(a - b - slope * h) / scale for a, b, slope, scale in rows) / self._tolerance

    def accept(self, before: Point, after: Point, h: float) -> None:
        """Learn the slopes of a step."""
        (a1, b1), (a0, b0) = self._watched(after), self._watched(before)
        self._slopes = (a1 - a0) / h, (b1 - b0) / h

    def restart(self) -> None:
        """Forget the slopes: there is a kink."""
        self._slopes = None

    @staticmethod
    def factor(error: float) -> float:
        """By how much the next attempt is longer or shorter."""
        if error <= 1.0:
            return min(GROWTH, SAFETY / math.sqrt(error)) if error > 0.0 else GROWTH
        return max(SHRINK, SAFETY / math.sqrt(error))
