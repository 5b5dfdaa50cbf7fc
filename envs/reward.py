"""What a reward is: a function of one step's facts; weighted sums of rewards. See ``rewards`` for those there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..physics.control import FloatArray, IntArray
from ..physics.laws import EnergyFlows
from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_finite


class Reward(ABC):
    """A reward: called with one step's facts, returns shape (K,)."""

    follows_power: ClassVar[bool] = False
    """Whether its long-run average is the power P/P0, for every policy."""

    @property
    def pays_switches(self) -> bool:
        """Whether changing the choice is paid for, see ``switched``; the agent then sees which one is held."""
        return False

    @abstractmethod
    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        """Reward of the step from state ``before`` (K, n) to ``after`` (K, n)."""

    def timed(
        self, time: FloatArray, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        """The same for a step that begins at ``time`` (K,) after the reset, which most rewards need not know."""
        return self(machine, before, after, flows, dt)

    def shown(self, machine: Machine, time: FloatArray, dt: float) -> FloatArray:
        """Numbers of order one that an agent must see at ``time`` (K,) besides the state, (K, n); none but for a task
        that changes with time."""
        return np.zeros((len(time), 0))

    def switched(self, machine: Machine, held: IntArray, choice: IntArray, dt: float) -> FloatArray:
        """What is added for the ``choice`` (K,) of a step after ``held`` (K,), -1 before the first step; shape (K,)."""
        return np.zeros(len(choice))

    @abstractmethod
    def to_spec(self) -> str | dict[str, Any]:
        """Plain data from which ``make_reward`` builds the reward again."""

    def __add__(self, other: Reward) -> Reward:
        return WeightedSum(((1.0, self), (1.0, other)))

    def __mul__(self, weight: float) -> Reward:
        return WeightedSum(((weight, self),))

    __rmul__ = __mul__


@dataclass(frozen=True)
class WeightedSum(Reward):
    """Sum of weighted rewards, for example ``0.8 * ShapedPower() + 0.2 * Dissipation()``.

    Raises:
        ParameterError: if a weight is not finite or there is no term.
    """

    terms: tuple[tuple[float, Reward], ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ParameterError("terms = (): a weighted sum needs at least one term")
        for weight, _ in self.terms:
            check_finite("weight", weight)

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        return self.timed(np.zeros(len(after)), machine, before, after, flows, dt)

    def timed(
        self, time: FloatArray, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        parts = [weight * term.timed(time, machine, before, after, flows, dt) for weight, term in self.terms]
        return sum(parts[1:], start=parts[0])

    def shown(self, machine: Machine, time: FloatArray, dt: float) -> FloatArray:
        return np.concatenate([term.shown(machine, time, dt) for _, term in self.terms], axis=1)

    @property
    def pays_switches(self) -> bool:
        return any(term.pays_switches for _, term in self.terms)

    def switched(self, machine: Machine, held: IntArray, choice: IntArray, dt: float) -> FloatArray:
        parts = [weight * term.switched(machine, held, choice, dt) for weight, term in self.terms]
        return sum(parts[1:], start=parts[0])

    def to_spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {}
        for weight, term in self.terms:
            inner = term.to_spec()
            for name, w in inner.items() if isinstance(inner, dict) else ((inner, 1.0),):
                if isinstance(w, dict):  # a reward with arguments, of which there is one
                    spec[name] = {**w, "weight": weight * w.get("weight", 1.0)}
                else:
                    spec[name] = spec.get(name, 0.0) + weight * w
        return spec
