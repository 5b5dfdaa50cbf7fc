"""What a machine can be told: continuous ranges and one discrete choice.

A *control* is what the experimenter sets for one step: the values of the continuous controls (K, m), in physical
units, and the index of the discrete choice (K,), for example which bath is connected.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .validation import ParameterError, check_choice, check_finite

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Control(NamedTuple):
    """Controls of K systems for one step.

    Attributes:
        values: continuous controls in physical units, shape (K, m).
        choice: index of the discrete choice, shape (K,); all zero for a machine without one.
    """

    values: FloatArray
    choice: IntArray


@dataclass(frozen=True)
class Range:
    """A continuous control with its closed range [low, high] in physical units.

    Raises:
        ParameterError: if a bound is not finite or low >= high.
    """

    name: str
    low: float
    high: float
    unit: str = "1"

    def __post_init__(self) -> None:
        check_finite(f"{self.name}.low", self.low)
        check_finite(f"{self.name}.high", self.high)
        if self.low >= self.high:
            raise ParameterError(f"range of {self.name} = [{self.low:g}, {self.high:g}]: low must be < high")


@dataclass(frozen=True)
class ControlSpace:
    """All controls of a machine.

    Attributes:
        ranges: the continuous controls (may be empty).
        choices: labels of the discrete choice (empty: there is none), for example ``("hot", "cold", "none")``.
        choice_name: what is chosen, for example ``"bath"``.
        uses: names of the continuous controls that each choice uses (empty: every choice uses all of them). What a
            choice does not use is ignored by the machine.

    Raises:
        ParameterError: if ``uses`` has not one entry per choice, or names an unknown control.
    """

    ranges: tuple[Range, ...]
    choices: tuple[str, ...] = ()
    choice_name: str = "choice"
    uses: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.uses and len(self.uses) != len(self.choices):
            raise ParameterError(f"uses has {len(self.uses)} entries: must have one per choice, {len(self.choices)}")
        for name in (name for names in self.uses for name in names):
            check_choice("uses", name, [r.name for r in self.ranges])

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Whether a choice uses a continuous control, shape (n_choices, m)."""
        if not self.uses:
            return np.ones((self.n_choices, self.n_values), dtype=bool)
        return np.array([[r.name in names for r in self.ranges] for names in self.uses], dtype=bool).reshape(
            self.n_choices, self.n_values
        )

    @property
    def n_values(self) -> int:
        """Number m of continuous controls."""
        return len(self.ranges)

    @property
    def n_choices(self) -> int:
        """Number of discrete choices; 1 for a machine without one."""
        return max(1, len(self.choices))

    @property
    def low(self) -> FloatArray:
        """Lower bounds, shape (m,)."""
        return np.array([r.low for r in self.ranges])

    @property
    def high(self) -> FloatArray:
        """Upper bounds, shape (m,)."""
        return np.array([r.high for r in self.ranges])

    def check(self, control: Control) -> None:
        """Raise ``ParameterError`` unless every value is inside its range and every choice exists."""
        values, choice = control
        outside = ~((values >= self.low) & (values <= self.high))
        if outside.any():
            k, j = np.argwhere(outside)[0]
            r = self.ranges[j]
            raise ParameterError(f"{r.name} = {values[k, j]!r} (row {k}): must be in [{r.low:g}, {r.high:g}]")
        wrong = (choice < 0) | (choice >= self.n_choices)
        if wrong.any():
            k = int(np.argmax(wrong))
            allowed = f"0..{self.n_choices - 1} ({', '.join(self.choices) or 'no choice'})"
            raise ParameterError(f"{self.choice_name} = {choice[k]} (row {k}): must be in {allowed}")
