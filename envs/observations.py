"""What the agent sees: the machine's state, or only what it did and what its instruments showed (black-box mode).

``"state"``
    The state, scaled by known physics to order one; of a demon what it knows, its conditional state.
``"history"``
    The last N steps: the controls, and the heat flux from each bath or, of a machine with detectors, what each of them
    showed: the raw record. Nothing else is known of the machine.
``"actions"``
    The last N controls alone, as in P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023), whose published environments
    see the last 128 actions.
``"instruments"``
    Of a cell what its instruments show now, see ``physics/cells/instruments.py``: what a cycler knows, while "state" is
    privileged. A row holds

        voltage, current, temperature above ambient, estimate of the open-circuit voltage (of a film between two baths
        polarisation and temperature)  |  the held controls in [-1, 1]  |  the held choice, one-hot, if there is one

    The readings are in usual units of the cell and end at 20 of them; no choice is held before the first step. With
    ``history`` = N it is the raw record instead: a history whose meters are what was measured at the end of each step
    (no estimate).

A history is a flat vector of N rows, the newest row last; what lies before the reset is zero. A row holds

    the controls in [-1, 1] (m)  |  the choice, one-hot (n)  |  meters (B, D or R; none for "actions")

A control that the choice does not use is 0. A machine without a choice has n = 1: the column is 1 for a step that was
made and 0 before the reset. The meters are the heat from each of the B baths, or the D detectors, or what
R instruments measure: a binary read-out is +-1, a continuous one a real number, and 0 is a detector that was not read.
Heat and continuous read-outs are measured in their root mean square under random controls, which an experimenter can
find out before the first episode; a meter ends at 20 of these units.

Why a demon does not see the heat: without measurement the ensemble is what is steered, and its mean heat is what
calorimeters show. With detectors the ledger books the heat conditional on the record, sum_n p_n(record) Q_n. No meter
shows that: a calorimeter would show the quanta of this one run, would be one more detector, and would itself change the
conditional state. The conditional heat is a function of the conditional state, so it would hand the agent the very
belief that it is to form. This holds for one bath and for the refrigerator between two. As a *reward* of the training
the conditional heat is allowed, and is the default then (``heat_flux``): its mean over the runs is the mean of any
calorimeter's readings, so every policy keeps its expected return, with less noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..physics.cells.instruments import instruments_of
from ..physics.control import Control, FloatArray, IntArray
from ..physics.laws import EnergyFlows
from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_choice, check_integer, check_shape

OBSERVATIONS = ("state", "history", "actions", "instruments")
"""Observations by name."""

SEEN = ("observation", "history", "weight")
"""Settings of an environment that say what the agent sees."""

SHOWING = ("tracking", "switching")
"""Rewards that show something besides the machine."""

STEPS = 128
"""Steps N of a history by default; Erdman & Noé (2023)."""

METER = 20.0
"""Largest reading of a meter, in units of ``heat_unit``, ``outcome_unit`` or the scale of the instruments."""

Bounds = tuple[NDArray[np.float32], NDArray[np.float32]]
Rows = NDArray[np.int64]


class HistoryLayout(NamedTuple):
    """How a history observation is laid out: N rows of m + n + B + D + R columns; at most one of B, D and R is not 0.

    B is 0 for a machine with detectors, D for one without; R counts the instruments of a cell where these are seen.
    All are 0 where only the actions are seen.
    """

    steps: int
    n_values: int
    n_choices: int
    n_baths: int
    n_detectors: int = 0
    n_instruments: int = 0

    @property
    def n_meters(self) -> int:
        """Columns of what was measured."""
        return self.n_baths + self.n_detectors + self.n_instruments

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self.n_values + self.n_choices + self.n_meters


class View:
    """Watches K systems and says what is seen of them: here the machine's own observation of its state."""

    steps = 0
    """Steps of the past that are seen."""

    def __init__(self, machine: Machine) -> None:
        self.machine, space = machine, machine.control_space
        self._middle, self._half = 0.5 * (space.low + space.high), 0.5 * (space.high - space.low)

    def _scaled(self, values: FloatArray) -> FloatArray:
        """Controls (K, m) with their ranges scaled to [-1, 1]."""
        return ((values - self._middle) / self._half).clip(-1.0, 1.0)

    @property
    def layout(self) -> HistoryLayout | None:
        """How a history is laid out; ``None``: none is seen."""
        return None

    @property
    def bounds(self) -> Bounds:
        """Smallest and largest observation, each of shape (n_obs,)."""
        low, high = (b.astype(np.float32) for b in self.machine.observation_bounds)
        # float32 rounding must not push an extreme state out of its own space
        return np.nextafter(low, np.float32(-np.inf)), np.nextafter(high, np.float32(np.inf))

    def __call__(self, state: FloatArray, held: IntArray) -> NDArray[np.float32]:
        """Observations (K, n_obs) in a new array of systems in ``state`` (K, n), where the choice ``held`` (K,) was the
        last one; -1: none yet."""
        return self.machine.observe(state).astype(np.float32)

    def reset(self, rows: Rows) -> None:
        """The systems ``rows`` start anew."""

    def record(self, control: Control, flows: EnergyFlows, after: FloatArray) -> None:
        """All systems made a step, to the states ``after`` (K, n)."""

    def get_state(self) -> dict[str, Any]:
        """What changes while stepping."""
        return {}

    def set_state(self, saved: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned; raises ``ParameterError`` if it does not fit."""


class InstrumentView(View):
    """What the instruments of a cell show now, see the module.

    Args:
        machine: the machine.

    Raises:
        ParameterError: if it is no cell.
    """

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.instruments, self.space = instruments_of(machine), machine.control_space

    @property
    def bounds(self) -> Bounds:
        n, m, d = len(self.instruments.names), self.space.n_values, len(self.space.choices)
        low = np.array([-METER] * n + [-1.0] * m + [0.0] * d, dtype=np.float32)
        return low, np.array([METER] * n + [1.0] * (m + d), dtype=np.float32)

    def __call__(self, state: FloatArray, held: IntArray) -> NDArray[np.float32]:
        shown = (self.instruments.read(state) / self.instruments.scale).clip(-METER, METER)
        parts = [shown, self._scaled(state[:, self.machine.n_dynamic :])]
        if self.space.choices:
            parts.append(one_hot(held, self.space.n_choices))
        return np.concatenate(parts, axis=1).astype(np.float32)


class HistoryView(View):
    """The last N steps, see the module.

    Args:
        machine: the machine.
        num: number of systems K.
        dt: duration of a step.
        steps: N.
        meters: ``"heat"``: the heat fluxes, or the outcomes of a machine with detectors; ``"instruments"``: what those
            of a cell measure; ``""``: none.

    Raises:
        ParameterError: if ``steps`` is no integer >= 1, or instruments are asked of a machine that is no cell.
    """

    def __init__(self, machine: Machine, num: int, dt: float, steps: int = STEPS, meters: str = "heat") -> None:
        check_integer("history", steps, 1)
        super().__init__(machine)
        self.steps = steps
        space = machine.control_space
        self.instruments = instruments_of(machine) if meters == "instruments" else None
        n_instruments = 0 if self.instruments is None else self.instruments.measured
        n_detectors = len(machine.detector_names) * (meters == "heat")
        n_baths = 0 if n_detectors else len(machine.bath_names) * (meters == "heat")
        self._layout = HistoryLayout(steps, space.n_values, space.n_choices, n_baths, n_detectors, n_instruments)
        self._one_hot, self._used = np.eye(space.n_choices, dtype=np.float32), space.used
        self.unit = np.zeros(0)
        if self.instruments is not None:
            self.unit = self.instruments.scale[:n_instruments]
        elif meters:
            self.unit = outcome_unit(machine, dt) if n_detectors else heat_unit(machine, dt)
        # twice as long as needed: the window slides along it, and is moved back once in N steps
        self._rows = np.zeros((num, 2 * steps, self.layout.width), dtype=np.float32)
        self._end = steps

    @property
    def layout(self) -> HistoryLayout:
        return self._layout

    @property
    def bounds(self) -> Bounds:
        layout = self.layout
        low = np.array([-1.0] * layout.n_values + [0.0] * layout.n_choices + [-METER] * layout.n_meters)
        high = np.array([1.0] * (layout.n_values + layout.n_choices) + [METER] * layout.n_meters)
        return tuple(np.tile(b.astype(np.float32), layout.steps) for b in (low, high))  # type: ignore[return-value]

    def __call__(self, state: FloatArray, held: IntArray) -> NDArray[np.float32]:
        return self._window.copy().reshape(len(self._rows), -1)

    @property
    def _window(self) -> NDArray[np.float32]:
        return self._rows[:, self._end - self.steps : self._end]

    def reset(self, rows: Rows) -> None:
        self._rows[rows] = 0.0

    def record(self, control: Control, flows: EnergyFlows, after: FloatArray) -> None:
        steps, m, n = self.steps, self.layout.n_values, self.layout.n_choices
        if self._end == 2 * steps:
            self._rows[:, :steps] = self._rows[:, steps:]
            self._end = steps
        row = self._rows[:, self._end]
        row[:, :m] = np.where(self._used[control.choice], self._scaled(control.values), 0.0)
        row[:, m : m + n] = self._one_hot[control.choice]
        if self.layout.n_meters:
            row[:, m + n :] = (self._measured(flows, after) / self.unit).clip(-METER, METER)
        self._end += 1

    def _measured(self, flows: EnergyFlows, after: FloatArray) -> FloatArray:
        """What the meters showed of a step, (K, meters), physical units."""
        if self.instruments is not None:
            return self.instruments.read(after)[:, : self.instruments.measured]
        shown = flows.outcome if self.layout.n_detectors else flows.heat
        assert shown is not None
        return shown

    def get_state(self) -> dict[str, Any]:
        return {"history": self._window.copy()}

    def set_state(self, saved: dict[str, Any]) -> None:
        if "history" not in saved:
            raise ParameterError("the saved state has no history: it belongs to another observation")
        history = np.asarray(saved["history"], dtype=np.float32)
        check_shape("history", history, self._window.shape)
        self._end = self.steps
        self._rows[:, : self._end] = history


def one_hot(choice: IntArray, n_choices: int) -> FloatArray:
    """Choices (K,) as unit vectors (K, n); zeros for -1, none."""
    return (choice[:, None] == np.arange(n_choices)).astype(float)


def make_view(machine: Machine, num: int, dt: float, observation: str = "state", history: int | None = None) -> View:
    """What is seen of K systems.

    Args:
        machine: the machine.
        num: number of systems K.
        dt: duration of a step.
        observation: ``"state"``, ``"history"``, ``"actions"`` or, of a cell, ``"instruments"``.
        history: steps N of a history; ``None``: 128, and of instruments what they show now.

    Raises:
        ParameterError: for an unknown observation, or one that the machine has not, or a history that is none.
    """
    check_choice("observation", observation, OBSERVATIONS)
    if observation == "state":
        if history is not None:
            raise ParameterError(f"history = {history!r}: needs observation = 'history', 'actions' or 'instruments'")
        return View(machine)
    if observation == "instruments" and history is None:
        return InstrumentView(machine)
    meters = {"history": "heat", "actions": "", "instruments": "instruments"}[observation]
    return HistoryView(machine, num, dt, STEPS if history is None else history, meters)


def what_is_seen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings of an environment that an agent needs to be run again: what it sees.

    That is the reward, too, where it shows something: a target, or the choice that is held.
    """
    seen = {name: settings[name] for name in SEEN if name in settings}
    if any(name in str(settings.get("reward")) for name in SHOWING):
        seen["reward"] = settings["reward"]
    return seen


def heat_unit(machine: Machine, dt: float) -> FloatArray:
    """Root mean square of the heat of one step from each bath under random controls, shape (B,); always the same."""
    size = np.sqrt(np.mean(_rehearsal(machine, dt)[0] ** 2, axis=0))
    return np.where(size > 0.0, size, machine.energy_scale)  # a bath that gives no heat stays zero


def outcome_unit(machine: Machine, dt: float) -> FloatArray:
    """Root mean square of what each detector shows when it is read, shape (D,): 1 for a binary read-out.

    Under random controls, always the same; 1 for a detector that is never read.
    """
    shown = _rehearsal(machine, dt)[1]
    readings = np.count_nonzero(shown, axis=0)
    return np.where(readings > 0, np.sqrt((shown**2).sum(axis=0) / np.maximum(readings, 1)), 1.0)


@lru_cache(maxsize=32)
def _rehearsal(machine: Machine, dt: float, systems: int = 64, steps: int = 64) -> tuple[FloatArray, FloatArray]:
    """Heat (samples, B) and outcomes (samples, D) of many steps under random controls."""
    rng, space = np.random.default_rng(0), machine.control_space
    state = machine.initial_state(rng.random((systems, machine.n_initial_uniforms)))
    heat = np.empty((steps, systems, len(machine.bath_names)))
    shown = np.zeros((steps, systems, len(machine.detector_names)))
    for t in range(steps):
        values = space.low + (space.high - space.low) * rng.random((systems, space.n_values))
        control = Control(values, rng.integers(space.n_choices, size=systems))
        uniforms = rng.random((systems, machine.n_step_uniforms)) if machine.n_step_uniforms else None
        done = machine.propagate(state, control, dt, uniforms)
        state, heat[t] = done.state, done.heat
        if done.outcome is not None:
            shown[t] = done.outcome
    return heat.reshape(steps * systems, -1), shown.reshape(steps * systems, shown.shape[2])
