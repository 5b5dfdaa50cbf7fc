"""Parts of pictures of a machine at work, shared by the environment's rendering and the figures of experiments.

matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..physics.control import Control, FloatArray, IntArray
from ..physics.machine import AffineMachine, Machine
from .style import GREY, INK, Units, choice_looks, control_label, math, state_label, unit_math

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .kernel import Frame

SAMPLES = 12
"""Points of the curve inside one hold."""
EQUILIBRIUM_DASHES = (0, (4, 2))


class Trace(NamedTuple):
    """N consecutive steps of one system.

    Attributes:
        start: start of each step (time), shape (N,).
        durations: shape (N,).
        previous: continuous controls before each switch, shape (N, m).
        values: continuous controls during the hold, shape (N, m).
        choice: shape (N,).
        inside: dynamical variables during the holds, from start to end, shape (N, S, n_dynamic).
    """

    start: FloatArray
    durations: FloatArray
    previous: FloatArray
    values: FloatArray
    choice: IntArray
    inside: FloatArray

    @property
    def end(self) -> FloatArray:
        """End of each step, shape (N,)."""
        return self.start + self.durations

    @property
    def inside_times(self) -> FloatArray:
        """Times of ``inside``, shape (N, S)."""
        return self.start[:, None] + self.durations[:, None] * np.linspace(0.0, 1.0, self.inside.shape[1])


def trace(
    machine: Machine,
    start: FloatArray,
    durations: FloatArray,
    control: Control,
    before: FloatArray,
    after: FloatArray,
) -> Trace:
    """The steps from the states ``before`` to ``after``, (N, n) each, with the curve inside each hold.

    The inside is exact for a deterministic machine; the noise of a stochastic one is not kept, so it gets a line.
    """
    nx, steps = machine.n_dynamic, len(start)
    samples = 2 if machine.n_step_uniforms else SAMPLES
    inside = np.empty((steps, samples, nx))
    inside[:, 0], inside[:, -1] = before[:, :nx], after[:, :nx]
    for dt in np.unique(durations):
        rows = np.flatnonzero(durations == dt)
        part = Control(control.values[rows], control.choice[rows])
        for s in range(1, samples - 1):
            state = machine.propagate(before[rows], part, float(dt) * s / (samples - 1)).state
            inside[rows, s] = state[:, :nx]
    return Trace(start, durations, before[:, nx:], control.values, control.choice, inside)


def history_trace(machine: Machine, frames: Sequence[Frame]) -> Trace:
    """The steps that an environment has kept."""
    n, m = machine.n_state, machine.control_space.n_values
    return trace(
        machine,
        np.array([f.time for f in frames]),
        np.array([f.dt for f in frames]),
        Control(
            np.array([f.values for f in frames]).reshape(len(frames), m),
            np.array([f.choice for f in frames], dtype=np.int64),
        ),
        np.array([f.before for f in frames]).reshape(len(frames), n),
        np.array([f.after for f in frames]).reshape(len(frames), n),
    )


# ---- parts of a picture ---------------------------------------------------------------------------------------


def draw_contacts(axes: Axes, machine: Machine, steps: Trace) -> None:
    """Tint the background with the colour of the choice."""
    looks = choice_looks(machine)
    if len(looks) == 1:
        return
    for k, look in enumerate(looks):
        spans = [(s, d) for s, d, c in zip(steps.start, steps.durations, steps.choice, strict=True) if c == k]
        if spans:
            across = axes.get_xaxis_transform()
            axes.broken_barh(spans, (0.0, 1.0), transform=across, facecolor=look.colour, alpha=0.13, linewidth=0)


def draw_control(axes: Axes, machine: Machine, steps: Trace, j: int) -> None:
    """Staircase of control ``j`` against time, in the colour of the choice; the axis spans the control's range."""
    from matplotlib.collections import LineCollection

    looks, u = choice_looks(machine), steps.values[:, j]
    levels = np.stack([np.stack([steps.start, u], axis=1), np.stack([steps.end, u], axis=1)], axis=1)
    jumps = np.stack([levels[:-1, 1], levels[1:, 0]], axis=1)
    axes.add_collection(LineCollection(list(jumps), colors=GREY, linewidths=0.6))
    axes.add_collection(LineCollection(list(levels), colors=[looks[c].colour for c in steps.choice], linewidths=2.0))
    control = machine.control_space.ranges[j]
    margin = 0.08 * (control.high - control.low)
    axes.set_ylim(control.low - margin, control.high + margin)
    axes.set_ylabel(control_label(machine, j))


def draw_diagram(axes: Axes, machine: Machine, steps: Trace, fade: bool = False) -> tuple[FloatArray, FloatArray]:
    """``ordinate`` against ``abscissa``: holds in the colour of the choice, switches dotted; older ones paler (fade).

    Returns:
        The curve: both coordinates, shape (N, S).
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    looks, (count, samples, nx) = choice_looks(machine), steps.inside.shape
    values = np.repeat(steps.values, samples, axis=0)
    y = ordinate(machine, steps.inside.reshape(-1, nx), values).reshape(count, samples)
    x = np.repeat(abscissa(machine, steps.values)[:, None], samples, axis=1)
    x_before = abscissa(machine, steps.previous)
    y_before = ordinate(machine, steps.inside[:, 0], steps.previous)
    holds = np.stack([x, y], axis=2)
    switches = np.stack([np.stack([x_before, y_before], axis=1), holds[:, 0]], axis=1)
    alphas = np.linspace(0.15, 1.0, count) if fade else np.ones(count)
    colours = [to_rgba(looks[c].colour, a) for c, a in zip(steps.choice, alphas, strict=True)]
    greys = [to_rgba(INK, 0.7 * a) for a in alphas]
    axes.add_collection(LineCollection(list(switches), colors=greys, linewidths=0.9, linestyles=":"))
    axes.add_collection(LineCollection(list(holds), colors=colours, linewidths=2.0, capstyle="round"))
    return x, y


def draw_equilibria(axes: Axes, machine: Machine) -> None:
    """Where a hold for ever would end, for each choice that has such a state; only with one continuous control."""
    if not isinstance(machine, AffineMachine) or machine.control_space.n_values != 1:
        return
    control = machine.control_space.ranges[0]
    values = np.linspace(control.low, control.high, 200)[:, None]
    x = abscissa(machine, values)
    for k, look in enumerate(choice_looks(machine)):
        y = ordinate(machine, equilibria(machine, Control(values, np.full(len(values), k))), values)
        if np.isfinite(y).any():
            axes.plot(x, y, color=look.colour, linewidth=0.8, linestyle=EQUILIBRIUM_DASHES)


def equilibria(machine: AffineMachine, control: Control) -> FloatArray:
    """Where a hold for ever would end, (K, n_dynamic); NaN where it ends nowhere (no bath)."""
    step = machine.affine(control, 1.0)
    away = np.eye(machine.n_dynamic) - step.matrix
    singular = np.abs(np.linalg.eigvals(away)).min(axis=1) < 1e-12
    fixed = np.linalg.solve(np.where(singular[:, None, None], np.eye(machine.n_dynamic), away), step.offset[:, :, None])
    return np.where(singular[:, None], np.nan, fixed[:, :, 0])


def _gap_diagram(machine: Machine) -> bool:
    return isinstance(machine, AffineMachine) and machine.n_dynamic == 1


def abscissa(machine: Machine, values: FloatArray) -> FloatArray:
    """Horizontal axis of the diagram, (K,) from the controls (K, m): dE/dx, or the first control u.

    The two axes are conjugate, so that the enclosed area is the work of this control (exact for an energy that is
    linear in it); with one control that is all the work.
    """
    if isinstance(machine, AffineMachine) and machine.n_dynamic == 1:
        return machine.energy_row(values)[0][:, 0]
    return values[:, 0]


def ordinate(machine: Machine, dynamic: FloatArray, values: FloatArray) -> FloatArray:
    """Vertical axis of the diagram, (K,): the dynamical variable x if there is only one, or the force dE/du."""
    if _gap_diagram(machine):
        return dynamic[:, 0]
    control = machine.control_space.ranges[0]
    shift = np.zeros(values.shape[1])
    shift[0] = 1e-4 * (control.high - control.low)
    above, below = (machine.internal_energy(np.concatenate([dynamic, values + s], axis=1)) for s in (shift, -shift))
    return (above - below) / (2.0 * shift[0])


def diagram_labels(machine: Machine, units: Units) -> tuple[str, str]:
    """Labels of the horizontal and the vertical axis of the diagram."""
    if _gap_diagram(machine):
        name = math(machine.dynamic_names[0]).strip("$")
        return rf"gap $\epsilon=\partial E/\partial {name}$ ({unit_math(units.energy)})", state_label(machine, 0)
    control = machine.control_space.ranges[0]
    name = math(control.name).strip("$")
    unit = units.energy if control.unit in ("1", "-", "") else f"{units.energy} / ({control.unit})"
    return control_label(machine, 0), rf"force $F=\partial E/\partial {name}$ ({unit_math(unit)})"


def spanned(*arrays: FloatArray, margin: float = 0.08) -> tuple[float, float]:
    """Limits of an axis that shows all finite numbers with a margin."""
    flat = np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.empty(0)
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return 0.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    pad = margin * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad
