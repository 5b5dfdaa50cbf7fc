"""What the agent sees: the machine's state, or only what it did and what its instruments showed (black-box mode).

``"state"``
    The state, scaled by known physics to order one; of a demon what it knows, its conditional state.
``"history"``
    The last N steps: the controls, and the heat flux from each bath or, of a machine with detectors, what each of them
    showed: the raw record. Nothing else is known of the machine.
``"actions"``
    The last N controls alone, as in P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023), whose published environments
    see the last 128 actions.

A history is a flat vector of N rows, the newest row last; what lies before the reset is zero. A row holds

    the controls in [-1, 1] (m)  |  the choice, one-hot (n)  |  meters (B or D, for "history" only)

A control that the choice does not use is 0. A machine without a choice has n = 1: the column is 1 for a step that was
made and 0 before the reset. The meters are the heat from each of the B baths, or the D detectors: a binary read-out is
+-1, a continuous one a real number, and 0 is a detector that was not read. Heat and continuous read-outs are measured
in their root mean square under random controls, which an experimenter can find out before the first episode; a meter
ends at 20 of these units.

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

from ..physics.control import Control, FloatArray
from ..physics.laws import EnergyFlows
from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_choice, check_integer, check_shape

OBSERVATIONS = ("state", "history", "actions")
"""Observations by name."""

SEEN = ("observation", "history", "weight")
"""Settings of an environment that say what the agent sees."""

STEPS = 128
"""Steps N of a history by default; Erdman & Noé (2023)."""

METER = 20.0
"""Largest reading of a meter, in units of ``heat_unit`` or ``outcome_unit``."""

Bounds = tuple[NDArray[np.float32], NDArray[np.float32]]
Rows = NDArray[np.int64]


class HistoryLayout(NamedTuple):
    """How a history observation is laid out: N rows of m + n + B + D columns, of which B or D is 0.

    B is 0 for a machine with detectors, D for one without; both are 0 where only the actions are seen.
    """

    steps: int
    n_values: int
    n_choices: int
    n_baths: int
    n_detectors: int = 0

    @property
    def n_meters(self) -> int:
        """Columns of what instruments showed."""
        return self.n_baths + self.n_detectors

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self.n_values + self.n_choices + self.n_meters


class View:
    """Watches K systems and says what is seen of them: here the machine's own observation of its state."""

    steps = 0
    """Steps of the past that are seen."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

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

    def __call__(self, state: FloatArray) -> NDArray[np.float32]:
        """Observations (K, n_obs) in a new array; ``state`` (K, n) is where the systems are."""
        return self.machine.observe(state).astype(np.float32)

    def reset(self, rows: Rows) -> None:
        """The systems ``rows`` start anew."""

    def record(self, control: Control, flows: EnergyFlows) -> None:
        """All systems made a step."""

    def get_state(self) -> dict[str, Any]:
        """What changes while stepping."""
        return {}

    def set_state(self, saved: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned; raises ``ParameterError`` if it does not fit."""


class HistoryView(View):
    """The last N steps, see the module.

    Args:
        machine: the machine.
        num: number of systems K.
        dt: duration of a step.
        steps: N.
        meters: show the heat fluxes, or the outcomes of a machine with detectors, too.

    Raises:
        ParameterError: if ``steps`` is no integer >= 1.
    """

    def __init__(self, machine: Machine, num: int, dt: float, steps: int = STEPS, meters: bool = True) -> None:
        check_integer("history", steps, 1)
        super().__init__(machine)
        self.steps = steps
        space = machine.control_space
        n_detectors = len(machine.detector_names) * meters
        n_baths = 0 if n_detectors else len(machine.bath_names) * meters
        self._layout = HistoryLayout(steps, space.n_values, space.n_choices, n_baths, n_detectors)
        self._middle, self._half = 0.5 * (space.low + space.high), 0.5 * (space.high - space.low)
        self._one_hot, self._used = np.eye(space.n_choices, dtype=np.float32), space.used
        self.unit = np.zeros(0)
        if meters:
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

    def __call__(self, state: FloatArray) -> NDArray[np.float32]:
        return self._window.copy().reshape(len(self._rows), -1)

    @property
    def _window(self) -> NDArray[np.float32]:
        return self._rows[:, self._end - self.steps : self._end]

    def reset(self, rows: Rows) -> None:
        self._rows[rows] = 0.0

    def record(self, control: Control, flows: EnergyFlows) -> None:
        steps, m, n = self.steps, self.layout.n_values, self.layout.n_choices
        if self._end == 2 * steps:
            self._rows[:, :steps] = self._rows[:, steps:]
            self._end = steps
        row = self._rows[:, self._end]
        scaled = ((control.values - self._middle) / self._half).clip(-1.0, 1.0)
        row[:, :m] = np.where(self._used[control.choice], scaled, 0.0)
        row[:, m : m + n] = self._one_hot[control.choice]
        if self.layout.n_meters:
            shown = flows.outcome if self.layout.n_detectors else flows.heat
            assert shown is not None
            row[:, m + n :] = (shown / self.unit).clip(-METER, METER)
        self._end += 1

    def get_state(self) -> dict[str, Any]:
        return {"history": self._window.copy()}

    def set_state(self, saved: dict[str, Any]) -> None:
        if "history" not in saved:
            raise ParameterError("the saved state has no history: it belongs to another observation")
        history = np.asarray(saved["history"], dtype=np.float32)
        check_shape("history", history, self._window.shape)
        self._end = self.steps
        self._rows[:, : self._end] = history


def make_view(machine: Machine, num: int, dt: float, observation: str = "state", history: int | None = None) -> View:
    """What is seen of K systems.

    Args:
        machine: the machine.
        num: number of systems K.
        dt: duration of a step.
        observation: ``"state"``, ``"history"`` or ``"actions"``.
        history: steps N of the latter two; ``None``: 128.

    Raises:
        ParameterError: for an unknown observation, or a history that is none.
    """
    check_choice("observation", observation, OBSERVATIONS)
    if observation == "state":
        if history is not None:
            raise ParameterError(f"history = {history!r}: needs observation = 'history' or 'actions'")
        return View(machine)
    return HistoryView(machine, num, dt, STEPS if history is None else history, meters=observation == "history")


def what_is_seen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings of an environment that an agent needs to be run again: what it sees.

    That is the reward, too, where it shows a target.
    """
    seen = {name: settings[name] for name in SEEN if name in settings}
    if "tracking" in str(settings.get("reward")):
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
