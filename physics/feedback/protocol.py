"""Protocols of Maxwell's demons: what to do from a state, with a small memory.

A protocol sees the state of the machine (K, n) and an integer clock per system, which starts at zero; it returns the
controls and the clock after the step. It is a pure function and works on K systems at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..control import Control, FloatArray, IntArray
from ..machine import Machine
from ..machines import dead_time_demon as dead_time
from ..machines import feedback_demon as projective

SURE = 1e-6
"""A population this close to 0 or 1 is an outcome: observations are rounded to single precision."""


@dataclass(frozen=True)
class Protocol(ABC):
    """A feedback protocol.

    Attributes:
        label: what it does, in a few words.
    """

    label: str

    @abstractmethod
    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        """Controls of the next step for ``state`` (K, n) and ``clock`` (K,), and the clock after it, (K,)."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the type and the fields; of a machine its parameters, for infinity ``None``."""
        return {"type": type(self).__name__} | {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Machine):
        return {"type": type(value).__name__} | {p["name"]: p["value"] for p in value.describe()["parameters"]}
    return None if isinstance(value, float) and not np.isfinite(value) else value


@dataclass(frozen=True)
class Hold(Protocol):
    """The same control for ever.

    Attributes:
        choice: index of the discrete choice.
        values: continuous controls (m), in physical units.
    """

    choice: int
    values: tuple[float, ...] = ()

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        num = len(state)
        values = np.tile(np.array(self.values, dtype=np.float64), (num, 1))
        return Control(values, np.full(num, self.choice, dtype=np.int64)), clock


@dataclass(frozen=True)
class RenewalProtocol(Protocol):
    """``FeedbackDemon``: thermalise at u_1 ... u_N after outcome 0, at -u_1 ... -u_N after outcome 1, then measure.

    The clock counts the steps since the measurement, negative after outcome 1. A state that is no outcome is measured.

    Attributes:
        controls: u_1 ... u_N.
    """

    controls: tuple[float, ...]

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        p, held = state[:, 0], state[:, 1]
        outcome = np.where(p > 0.5, -1, 1)
        known = np.abs(p - (p > 0.5)) <= SURE
        sign = np.where(clock == 0, outcome, np.sign(clock))
        done = np.abs(clock)
        measures = (done >= len(self.controls)) | ((clock == 0) & ~known)
        table = np.array([*self.controls, 0.0])
        u = np.where(measures, held, sign * table[np.minimum(done, len(self.controls))])
        choice = np.where(measures, projective.MEASURE, projective.THERMALISE)
        return Control(u[:, None], choice), np.where(measures, 0, sign * (done + 1))


@dataclass(frozen=True)
class WaitThenMeasure(Protocol):
    """``DeadTimeDemon``: when the apparatus is ready again, wait n steps, then measure.

    The clock counts the steps that were begun with the apparatus ready; dead time is left to pass by itself.

    Attributes:
        n: steps to wait.
    """

    n: int

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        ready = state[:, 1] == 0.0
        measures = ready & (clock >= self.n)
        choice = np.where(measures, dead_time.MEASURE, dead_time.WAIT)
        return Control(np.empty((len(state), 0)), choice), np.where(measures, 0, clock + ready)
