"""What the agent sees: the machine's state, or only what it did and the heat that this moved (black-box mode).

``"state"``
    The state, scaled by known physics to order one.
``"history"``
    The last N steps: the controls, and the heat flux from each bath. Nothing else is known of the machine.
``"actions"``
    The last N controls alone, as in P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023), whose published environments
    see the last 128 actions.

A history is a flat vector of N rows, the newest row last; what lies before the reset is zero. A row holds

    the controls in [-1, 1] (m)  |  the choice, one-hot (n)  |  heat from each bath (B, for "history" only)

A machine without a choice has n = 1: the column is 1 for a step that was made and 0 before the reset. Heat is measured
in its root mean square under random controls, which an experimenter can find out before the first episode; the meter
ends at 20 of these units.
"""

from __future__ import annotations

from collections.abc import Mapping
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
"""Largest reading of a heat meter, in units of ``heat_unit``."""

Bounds = tuple[NDArray[np.float32], NDArray[np.float32]]
Rows = NDArray[np.int64]


class HistoryLayout(NamedTuple):
    """How a history observation is laid out: N rows of m + n + B columns (B = 0: actions only)."""

    steps: int
    n_values: int
    n_choices: int
    n_baths: int

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self.n_values + self.n_choices + self.n_baths


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
        heat: show the heat fluxes too.

    Raises:
        ParameterError: if ``steps`` is no integer >= 1.
    """

    def __init__(self, machine: Machine, num: int, dt: float, steps: int = STEPS, heat: bool = True) -> None:
        check_integer("history", steps, 1)
        super().__init__(machine)
        self.steps = steps
        space = machine.control_space
        self._layout = HistoryLayout(steps, space.n_values, space.n_choices, len(machine.bath_names) * heat)
        self._middle, self._half = 0.5 * (space.low + space.high), 0.5 * (space.high - space.low)
        self._one_hot = np.eye(space.n_choices, dtype=np.float32)
        self.heat_unit = heat_unit(machine, dt) if heat else np.zeros(0)
        # twice as long as needed: the window slides along it, and is moved back once in N steps
        self._rows = np.zeros((num, 2 * steps, self.layout.width), dtype=np.float32)
        self._end = steps

    @property
    def layout(self) -> HistoryLayout:
        return self._layout

    @property
    def bounds(self) -> Bounds:
        layout = self.layout
        low = np.array([-1.0] * layout.n_values + [0.0] * layout.n_choices + [-METER] * layout.n_baths)
        high = np.array([1.0] * (layout.n_values + layout.n_choices) + [METER] * layout.n_baths)
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
        row[:, :m] = ((control.values - self._middle) / self._half).clip(-1.0, 1.0)
        row[:, m : m + n] = self._one_hot[control.choice]
        if self.layout.n_baths:
            row[:, m + n :] = (flows.heat / self.heat_unit).clip(-METER, METER)
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
    return HistoryView(machine, num, dt, STEPS if history is None else history, heat=observation == "history")


def what_is_seen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings of an environment that an agent needs to be run again: what it sees."""
    return {name: settings[name] for name in SEEN if name in settings}


def heat_unit(machine: Machine, dt: float, systems: int = 64, steps: int = 64) -> FloatArray:
    """Root mean square of the heat of one step from each bath under random controls, shape (B,); always the same."""
    rng, space = np.random.default_rng(0), machine.control_space
    state = machine.initial_state(rng.random((systems, machine.n_initial_uniforms)))
    heat = np.empty((steps, systems, len(machine.bath_names)))
    for t in range(steps):
        values = space.low + (space.high - space.low) * rng.random((systems, space.n_values))
        control = Control(values, rng.integers(space.n_choices, size=systems))
        uniforms = rng.random((systems, machine.n_step_uniforms)) if machine.n_step_uniforms else None
        state, _, heat[t], *_ = machine.propagate(state, control, dt, uniforms)
    size = np.sqrt(np.mean(heat**2, axis=(0, 1)))
    return np.where(size > 0.0, size, machine.energy_scale)  # a bath that gives no heat stays zero
