"""Rewards: dimensionless functions of one step's energy flows, of order one, combined by ``+`` and ``*``.

Powers are measured in the machine's ``power_unit`` P0 and rates of entropy production in ``dissipation_unit``
Sigma0, so the same hyper-parameters fit every variant of a machine.

Four rewards have the same long-run average, the power, for *every* policy, because they differ by the change of a
state function; but they are not equally learnable (see the README, "Why shaped power"):

* ``Power``: work extracted in the step. Compression costs before expansion pays: doing nothing is a local optimum.
* ``HeatFlux``: heat taken up in the step, = power + Delta E / dt (the reward of Erdman & Noé). A discounting agent
  prefers to charge the system once.
* ``ShapedPower``: heat minus the change of a reference energy, = power + Delta(E - U_ref) / dt. Every stroke of a
  good cycle is positive by itself, so a short horizon is enough. The default.
* ``MeasuredPower``: mean of the first two. Needs no state and no reference energy: the default in black-box mode.

A cell that stores energy (``Machine.stores_energy``: fuel, a charge) has no such balance before it is used up: only
``Power`` and ``ShapedPower`` are its power. Rewards for cells alone are in ``cell_rewards``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..physics.control import FloatArray, IntArray
from ..physics.laws import EnergyFlows
from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_choice
from .cell_rewards import CELL_REWARDS
from .reward import Reward, WeightedSum


@dataclass(frozen=True)
class Power(Reward):
    """Extracted work per time, r = -W / (dt P0); of a refrigerator the cooling power, r = Q_cold / (dt P0)."""

    follows_power: ClassVar[bool] = True

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        return machine.output(flows) * (1.0 / (dt * machine.power_unit))

    def to_spec(self) -> str:
        return "power"


@dataclass(frozen=True)
class HeatFlux(Reward):
    """Heat from all baths per time, r = sum_a Q_a / (dt P0); of a refrigerator from the cold bath alone.

    Source: P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022), published code.
    """

    follows_power: ClassVar[bool] = True

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        return flows.heat @ machine.power_weights / (dt * machine.power_unit)

    def to_spec(self) -> str:
        return "heat_flux"


@dataclass(frozen=True)
class MeasuredPower(HeatFlux):
    """Mean of the heat taken up and the work extracted, r = [sum_a Q_a - W] / (2 dt P0); the default in black-box mode.

    It is measured without knowing the state. The potential is half the internal energy, which the first law gives from
    the same two meters: charging the system pays half as much as by heat alone, and each of compression and expansion
    is charged half as much as by work alone. Of a refrigerator the cooling power.
    """

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        both = flows.heat @ machine.power_weights + machine.output(flows)
        return both * (0.5 / (dt * machine.power_unit))

    def to_spec(self) -> str:
        return "measured_power"


@dataclass(frozen=True)
class ShapedPower(Reward):
    """Power with a potential: r = [-W + Delta(E - U_ref)] / (dt P0), U_ref the machine's reference energy.

    The potential telescopes: over T steps the mean differs from the mean power by at most O(1/T), for any policy.
    Without measurement -W + Delta E is the heat, so r = [sum_a Q_a - Delta U_ref] / (dt P0). Of a refrigerator
    r = [Q_cold - Delta U_ref] / (dt P0).

    Source: potential-based shaping, A. Y. Ng, D. Harada, S. Russell, ICML (1999), here undiscounted because the
    figure of merit is a long-run average.
    """

    follows_power: ClassVar[bool] = True

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        reference = machine.reference_energy(after) - machine.reference_energy(before)
        # the heat; a detector's energy neither pays nor costs
        gained = machine.output(flows) + (0.0 if machine.is_refrigerator else flows.energy_change)
        return (gained - reference) / (dt * machine.power_unit)

    def to_spec(self) -> str:
        return "shaped_power"


@dataclass(frozen=True)
class Dissipation(Reward):
    """Minus the dissipation per time: r = -Sigma / (dt Sigma0); of a demon Sigma is the entropy of its record."""

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        return machine.dissipation(flows) * (-1.0 / (dt * machine.dissipation_unit))

    def to_spec(self) -> str:
        return "dissipation"


@dataclass(frozen=True)
class EntropyFlux(Reward):
    """Minus the entropy given to the baths per time: r = sum_a beta_a Q_a / (dt Sigma0).

    It differs from ``Dissipation`` by the change of the system's entropy, so the long-run averages are the same; it can
    be measured without knowing the state. Of a demon the two are the same.
    """

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        if flows.record is not None:
            return machine.dissipation(flows) * (-1.0 / (dt * machine.dissipation_unit))
        return flows.heat @ machine.betas * (1.0 / (dt * machine.dissipation_unit))

    def to_spec(self) -> str:
        return "entropy_flux"


@dataclass(frozen=True)
class Switching(Reward):
    """Minus the cost of changing the choice (the bath): its weight is the energy of a switch, in units of the machine.

    ``{"shaped_power": 1, "switching": 2}`` is the power less 2 J per switch of a cell, r = -[changed] / (dt P0). The
    first choice after a reset is free. The agent sees which choice is held, one-hot, after what it sees anyway.

    Raises:
        ParameterError: for a machine without a choice.
    """

    @property
    def pays_switches(self) -> bool:
        return True

    def __call__(
        self, machine: Machine, before: FloatArray, after: FloatArray, flows: EnergyFlows, dt: float
    ) -> FloatArray:
        return np.zeros(len(after))

    def switched(self, machine: Machine, held: IntArray, choice: IntArray, dt: float) -> FloatArray:
        changed = (held >= 0) & (choice != held)
        return np.where(changed, -1.0 / (dt * machine.power_unit), 0.0)

    def shown(self, machine: Machine, time: FloatArray, dt: float) -> FloatArray:
        if not machine.control_space.choices:
            raise ParameterError("reward = 'switching': needs a machine with a choice")
        return super().shown(machine, time, dt)

    def to_spec(self) -> str:
        return "switching"


REWARDS: dict[str, Callable[[], Reward]] = {
    "shaped_power": ShapedPower,
    "power": Power,
    "heat_flux": HeatFlux,
    "measured_power": MeasuredPower,
    "dissipation": Dissipation,
    "entropy_flux": EntropyFlux,
    "switching": Switching,
}
"""Rewards by the name used in ``gymnasium.make``, on the command line and in YAML."""


def make_reward(spec: Reward | str | Mapping[str, Any]) -> Reward:
    """A reward from an object, a name, or weights by name (``{"shaped_power": 0.8, "dissipation": 0.2}``).

    In place of a weight may stand the arguments of a reward that has some, with their own ``weight`` (default 1):
    ``{"tracking": {"volts": [0.9, 1.0], "seconds": [0, 600], "weight": 2}}``. Names are those of ``REWARDS`` and, for
    cells alone, ``CELL_REWARDS``.

    Raises:
        ParameterError: for an unknown name or argument (with the nearest valid one) or a weight that is not finite.
    """
    known = {**REWARDS, **CELL_REWARDS}
    if isinstance(spec, Reward):
        return spec
    if isinstance(spec, str):
        check_choice("reward", spec, known)
        return known[spec]()
    if not isinstance(spec, Mapping):
        raise ParameterError(f"reward = {spec!r}: must be a Reward, a name or a dict of weights by name")
    for name in spec:
        check_choice("reward", name, known)
    return WeightedSum(tuple(_term(known[name], weight) for name, weight in spec.items()))


def _term(make: Callable[..., Reward], weight: Any) -> tuple[float, Reward]:
    """Weight and reward from a weight, or from arguments with a weight."""
    if not isinstance(weight, Mapping):
        return weight, make()
    settings = dict(weight)
    own = settings.pop("weight", 1.0)
    for name in settings:
        check_choice("argument", name, [f.name for f in fields(make)])  # type: ignore[arg-type]
    return own, make(**settings)
