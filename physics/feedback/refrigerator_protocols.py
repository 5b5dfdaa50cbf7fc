"""Reference protocols of the refrigerator driven by measurement and SWAP.

Every operation acts at once and both baths act in every step, so one operation and n waits take n + 1 steps.

Source: Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), the operations; derived.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import pauli
from ..control import Control, FloatArray, IntArray
from ..machines.measurement_refrigerator import MEASURE, SWAP_MEASURE, WAIT, MeasurementRefrigerator
from ..validation import check_integer, check_range
from .protocol import Protocol


@dataclass(frozen=True)
class OperateAndWait(Protocol):
    """The same operation every n + 1 steps. The clock counts the steps since the operation.

    Attributes:
        choice: index of the operation.
        waits: n >= 0.
        k: strength of the read-out, in [1/2, 1].

    Raises:
        ParameterError: for a parameter outside its range.
    """

    choice: int
    waits: int
    k: float = 1.0

    def __post_init__(self) -> None:
        _check(self.choice, self.k)
        check_integer("waits", self.waits, 0)

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        choice = np.where(clock == 0, self.choice, WAIT)
        return Control(np.full((len(state), 1), self.k), choice), (clock + 1) % (self.waits + 1)


@dataclass(frozen=True)
class OperateWhenWarm(Protocol):
    """The operation whenever qubit 1 is excited with more than a probability, else wait. Needs no clock.

    Attributes:
        choice: index of the operation.
        warm: that probability.
        k: strength of the read-out, in [1/2, 1].

    Raises:
        ParameterError: for a parameter outside its range.
    """

    choice: int
    warm: float
    k: float = 1.0

    def __post_init__(self) -> None:
        _check(self.choice, self.k)
        check_range("warm", self.warm, 0.0, 1.0)

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        excited = 0.5 * (1.0 + pauli.table(state[:, :15])[:, 3, 0])
        choice = np.where(excited > self.warm, self.choice, WAIT)
        return Control(np.full((len(state), 1), self.k), choice), clock


@dataclass(frozen=True)
class MeasureTheHotter(Protocol):
    """Read-out in every step, after an exchange if qubit 2 is the more likely to be excited. Needs no clock.

    Attributes:
        margin: by which it must be the more likely.
        warm: probability that the qubit to be read is excited, up to which nothing is done.
        k: strength of the read-out, in [1/2, 1].

    Raises:
        ParameterError: for a parameter outside its range.
    """

    margin: float = 0.0
    warm: float = 0.0
    k: float = 1.0

    def __post_init__(self) -> None:
        _check(MEASURE, self.k)
        check_range("margin", self.margin, -1.0, 1.0)
        check_range("warm", self.warm, 0.0, 1.0)

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        t = pauli.table(state[:, :15])
        first, second = 0.5 * (1.0 + t[:, 3, 0]), 0.5 * (1.0 + t[:, 0, 3])
        swaps = second > first + self.margin
        cold = np.where(swaps, second, first) <= self.warm
        choice = np.where(cold, WAIT, np.where(swaps, SWAP_MEASURE, MEASURE))
        return Control(np.full((len(state), 1), self.k), choice), clock


def _check(choice: int, k: float) -> None:
    names = MeasurementRefrigerator().control_space.choices
    check_integer("choice", choice, 1)
    check_range("choice", choice, 1, len(names) - 1)
    check_range("k", k, 0.5, 1.0)
