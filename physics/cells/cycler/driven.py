"""A cell on a cycler: the control is the current, the voltage, the load or the power at the terminals.

Behind its resistance r the cell has the voltage v. What the cycler demands fixes the current in closed form,

    current I            I = I
    voltage V            I = (v - V)/r
    resistance R         I = v/(r + R)
    power P              I = 2 P/(v + sqrt(v^2 - 4 r P)), the solution with the smaller loss; it needs v^2 >= 4 r P

with v the discrete mean of the step, so that it is solved together with the cell and both laws stay exact. I, R and P
are positive when the cell delivers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from ...control import ControlSpace, FloatArray, IntArray, Range
from ...validation import ParameterError, check_choice, check_finite
from ..cell import MAX_HALVINGS, Flow, Ledger
from ..discrete import Array
from ..electrical import ElectricalCell

Mode = Literal["current", "voltage", "resistance", "power"]
"""What a cycler can demand."""
MODES: tuple[Mode, ...] = get_args(Mode)
MODE_UNITS: dict[Mode, str] = {"current": "A", "voltage": "V", "resistance": "Ohm", "power": "W"}


@dataclass(frozen=True)
class DrivenCell(ElectricalCell):
    """``cell`` with its port controls replaced by one, named after ``mode``; all other controls stay.

    State: the dynamical variables of ``cell``, then its other controls, then the demand. Sub-steps after a switch are
    left to whoever chooses the steps.

    Attributes:
        cell: any electrical cell.
        mode: what is demanded.
        ramp: the demand moves linearly over a step to its new value, instead of jumping at the start.

    Raises:
        ParameterError: for an unknown mode, or a cell without terminals.
    """

    title: ClassVar[str] = "Cell on a cycler"
    source: ClassVar[str] = "derived"
    equations: ClassVar[str] = "V = v - r I, with I, V, V/I or V I given"
    n_initial_uniforms: ClassVar[int] = 0

    cell: ElectricalCell
    mode: Mode = "current"
    ramp: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.cell, ElectricalCell) or isinstance(self.cell, DrivenCell):
            raise ParameterError(f"cell = {self.cell!r}: must be a cell with terminals")
        check_choice("mode", self.mode, MODES)

    # ---- the port ---------------------------------------------------------------------------------------------

    def drawn(self, voltage: Array, resistance: Array, values: FloatArray, choice: IntArray) -> Array:
        demand = values[-1]
        if self.mode == "current":
            return demand + 0.0 * voltage
        if self.mode == "voltage":
            return (voltage - demand) / resistance
        if self.mode == "resistance":
            return voltage / (resistance + demand)
        # charging wants the root next to zero of the same quadratic; for v < 0 the signs are turned
        root = np.sqrt(voltage * voltage - 4.0 * resistance * demand)
        return 2.0 * demand / (voltage + np.copysign(1.0, np.real(voltage)) * root)

    def state(self, x: FloatArray, theta: float, others: FloatArray, demand: float) -> FloatArray:
        """A state of shape (1, n)."""
        return np.concatenate([x, [theta], others, [demand]])[None]

    def step_once(self, state: FloatArray, demand: float, dt: float, choice: IntArray) -> Ledger:
        """Hold ``demand`` for ``dt``, or ramp to it; ``state`` has shape (1, n).

        Raises:
            StepError: if there is no solution.
        """
        check_finite(self.mode, demand)
        n = self.n_x
        end = state[:, n + 1 :].T.copy()
        end[-1] = demand
        start = state[:, n + 1 :].T if self.ramp else end
        # one Newton solve: whoever asks chooses a shorter step if there is none
        with np.errstate(invalid="ignore"):
            return self.sub_step(state[:, :n].T, state[:, n], start, end, choice, dt, MAX_HALVINGS)

    # ---- the cell ---------------------------------------------------------------------------------------------

    @cached_property
    def _places(self) -> tuple[tuple[int, float], ...]:
        """Where each control of ``cell`` is found here, -1 for a port control, and the middle of its range."""
        found, k = [], 0
        for r in self.cell.control_space.ranges:
            port = self._is_port(r)
            found.append((-1 if port else k, 0.5 * (r.low + r.high)))
            k += not port
        return tuple(found)

    def _inner(self, values: Sequence[Array] | FloatArray) -> Any:
        """Controls of ``cell`` from those here; the middle of its range for a port control."""
        return [values[k] if k >= 0 else middle + 0.0 * values[-1] for k, middle in self._places]

    def _is_port(self, control: Range) -> bool:
        return control.name in self.cell.port_controls

    def flow_with(
        self,
        x0: Array,
        x1: Array,
        temperature: Array,
        forces: Sequence[Array],
        values: FloatArray,
        choice: IntArray,
        current: Array,
    ) -> Flow:
        return self.cell.flow_with(x0, x1, temperature, forces, self._inner(values), choice, current)

    def stored(self, x: FloatArray, values: FloatArray) -> FloatArray:
        return self.cell.stored(x, self._inner(values))

    def order(self, x: FloatArray) -> FloatArray:
        return self.cell.order(x)

    def gradients(self, x0: Array, x1: Array, values: FloatArray) -> tuple[Sequence[Array], Sequence[Array]]:
        return self.cell.gradients(x0, x1, self._inner(values))

    def amounts(self, x0: Array, x1: Array) -> Sequence[Array]:
        return self.cell.amounts(x0, x1)

    def guess(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        return self.cell.guess(x, theta)

    def admissible(self, x: FloatArray) -> np.ndarray:
        return self.cell.admissible(x)

    def conductances(self, values: FloatArray, choice: IntArray) -> FloatArray:
        return self.cell.conductances(self._inner(values), choice)

    def source_of(self, forces: Sequence[Array], temperature: Array) -> tuple[Array, Array]:
        return self.cell.source_of(forces, temperature)

    def source_at(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.cell.source_at(state)

    def start(self) -> FloatArray:
        return self.cell.start()

    def passed(self, state: FloatArray) -> FloatArray:
        return self.cell.passed(state)

    def signals(self, state: FloatArray) -> Mapping[str, FloatArray]:
        return self.cell.signals(state)

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def dynamic_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.cell.dynamic_names

    @property
    def bath_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.cell.bath_names

    @property
    def quantities(self) -> dict[str, tuple[str, str]]:  # type: ignore[override]
        return self.cell.quantities

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.cell.channels

    @property
    def takes_numbers(self) -> bool:  # type: ignore[override]
        return self.cell.takes_numbers

    @property
    def fuels(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.cell.fuels

    @property
    def per_area(self) -> str:  # type: ignore[override]
        return self.cell.per_area

    @property
    def ramped(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.mode,) if self.ramp else ()

    @cached_property
    def control_space(self) -> ControlSpace:
        space = self.cell.control_space
        others = tuple(r for r in space.ranges if not self._is_port(r))
        low = 0.0 if self.mode == "resistance" else -1e12
        demand = Range(self.mode, low, 1e12, MODE_UNITS[self.mode])
        return ControlSpace((*others, demand), space.choices, space.choice_name)

    @cached_property
    def betas(self) -> FloatArray:
        return self.cell.betas

    @property
    def ambient(self) -> float:
        return self.cell.ambient

    @cached_property
    def heat_capacity(self) -> float:
        return self.cell.heat_capacity

    @cached_property
    def scales(self) -> FloatArray:
        return self.cell.scales

    @cached_property
    def energy_scale(self) -> float:
        return self.cell.energy_scale

    @cached_property
    def power_unit(self) -> float:
        return self.cell.power_unit

    @cached_property
    def dissipation_unit(self) -> float:
        return self.cell.dissipation_unit

    @property
    def voltage_scale(self) -> float:
        return self.cell.voltage_scale

    @property
    def capacity(self) -> float | None:
        return self.cell.capacity

    @property
    def longest_sub_step(self) -> float:
        return self.cell.longest_sub_step

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        low, high = self.cell.usual_range
        n, space = self.n_dynamic, self.control_space
        return np.concatenate([low[:n], space.low]), np.concatenate([high[:n], space.high])

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        wide = np.full(self.n_state, 1e4)
        return -wide, wide

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Zero."""
        return np.zeros(len(state))

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """The usual start of ``cell`` at T_a, with no demand (a load of 1 kOhm), and the middle of other controls."""
        demand = 1e3 if self.mode == "resistance" else 0.0
        others = [0.5 * (r.low + r.high) for r in self.control_space.ranges[:-1]]
        row = self.state(self.start(), 0.0, np.array(others), demand)
        return np.repeat(row, len(uniforms), axis=0)
