"""Pictures of a machine at work: controls with the connected bath in colour, state, heat, thermodynamic diagram.

The parts (``Trace`` and the functions that draw it) are shared with the figures of ``szilard.experiments``. matplotlib
is imported when something is drawn, and only as objects; pyplot is used by ``Window`` alone, which needs a GUI.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..physics.control import Control, FloatArray, IntArray
from ..physics.machine import AffineMachine, Machine
from .kernel import Frame
from .style import (
    GREY,
    INK,
    Units,
    add_axes,
    bath_looks,
    choice_looks,
    control_label,
    label,
    math,
    new_figure,
    state_label,
    styled,
    units_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW = 48
"""Steps shown by ``draw_history``."""
PANELS = 3
"""Controls, and dynamical variables, shown at most."""
SAMPLES = 12
"""Points of the curve inside one hold."""
EQUILIBRIUM_DASHES = (0, (4, 2))

logger = logging.getLogger(__name__)


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
            np.array([f.values for f in frames]).reshape(-1, m), np.array([f.choice for f in frames], dtype=np.int64)
        ),
        np.array([f.before for f in frames]).reshape(-1, n),
        np.array([f.after for f in frames]).reshape(-1, n),
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


def draw_diagram(axes: Axes, machine: Machine, steps: Trace, i: int, fade: bool = False) -> None:
    """Dynamical variable ``i`` against ``abscissa``: holds in the colour of the choice, switches dotted.

    With ``fade`` older steps are paler.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    looks, x, x_before = choice_looks(machine), abscissa(machine, steps.values), abscissa(machine, steps.previous)
    y = steps.inside[:, :, i]
    holds = np.stack([np.broadcast_to(x[:, None], y.shape), y], axis=2)
    switches = np.stack([np.stack([x_before, y[:, 0]], axis=1), np.stack([x, y[:, 0]], axis=1)], axis=1)
    alphas = np.linspace(0.15, 1.0, len(x)) if fade else np.ones(len(x))
    colours = [to_rgba(looks[c].colour, a) for c, a in zip(steps.choice, alphas, strict=True)]
    greys = [to_rgba(INK, 0.7 * a) for a in alphas]
    axes.add_collection(LineCollection(list(switches), colors=greys, linewidths=0.9, linestyles=":"))
    axes.add_collection(LineCollection(list(holds), colors=colours, linewidths=2.0, capstyle="round"))


def draw_equilibria(axes: Axes, machine: Machine, i: int) -> None:
    """Where a hold for ever would end, for each choice that has such a state; only with one continuous control."""
    if not isinstance(machine, AffineMachine) or machine.control_space.n_values != 1:
        return
    control = machine.control_space.ranges[0]
    values = np.linspace(control.low, control.high, 200)[:, None]
    for k, look in enumerate(choice_looks(machine)):
        step = machine.affine(Control(values, np.full(len(values), k)), 1.0)
        away = np.eye(machine.n_dynamic) - step.matrix
        # no contact, no equilibrium: the map is then the identity
        if np.abs(np.linalg.det(away)).min() < 1e-12:
            continue
        fixed = np.linalg.solve(away, step.offset[:, :, None])[:, i, 0]
        name = f"equilibrium, {look.label}" if look.label else "steady state"
        axes.plot(abscissa(machine, values), fixed, color=look.colour, linewidth=0.8, linestyle=EQUILIBRIUM_DASHES, label=name)


def abscissa(machine: Machine, values: FloatArray) -> FloatArray:
    """Horizontal axis of the diagram, (K,) from the controls (K, m).

    With one dynamical variable x it is dE/dx, so that the enclosed area is the work; else the first control.
    """
    if isinstance(machine, AffineMachine) and machine.n_dynamic == 1:
        return machine.energy_row(values)[0][:, 0]
    return values[:, 0]


def abscissa_label(machine: Machine, units: Units) -> str:
    """Axis label of ``abscissa``."""
    if isinstance(machine, AffineMachine) and machine.n_dynamic == 1:
        name = math(machine.dynamic_names[0]).strip("$")
        return rf"gap $\epsilon=\partial E/\partial {name}$ ({math(units.energy)})"
    return control_label(machine, 0)


def spanned(*arrays: FloatArray, margin: float = 0.08) -> tuple[float, float]:
    """Limits of an axis that shows all finite numbers with a margin."""
    flat = np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.empty(0)
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return 0.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    pad = margin * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad


# ---- the environment's picture --------------------------------------------------------------------------------


@styled
def draw_history(machine: Machine, frames: Sequence[Frame]) -> Figure:
    """The last steps of an environment; the size of the picture depends on the machine only.

    Args:
        machine: the machine.
        frames: steps, oldest first; may be empty.
    """
    frames, units = list(frames)[-WINDOW:], units_of(machine)
    steps = history_trace(machine, frames)
    controls = range(min(PANELS, machine.control_space.n_values))
    variables = range(min(PANELS, machine.n_dynamic))
    rows = len(controls) + len(variables) + 1
    # margins are fixed: with an automatic layout the panels would jump from picture to picture
    height = max(4.2, 1.05 * rows + 1.2)
    figure = new_figure(8.4, height, dpi=100, layout="none")
    top, bottom = 1.0 - 0.55 / height, 0.55 / height
    margins = {"left": 0.09, "right": 0.55, "top": top, "bottom": bottom, "hspace": 0.16}
    left = add_axes(figure, rows, sharex=True, gridspec_kw=margins)[:, 0]
    margins = {"left": 0.655, "right": 0.975, "top": top, "bottom": bottom}
    diagram = add_axes(figure, gridspec_kw=margins)[0, 0]

    for axes in left:
        draw_contacts(axes, machine, steps)
    for j, axes in zip(controls, left, strict=False):
        draw_control(axes, machine, steps, j)
    for i, axes in zip(variables, left[len(controls) :], strict=False):
        _draw_variable(axes, machine, steps, i)
    _draw_heat(left[-1], machine, frames, units)
    left[-1].set_xlabel(label("time", "t", units.time))
    for axes in left:
        # quantity above symbol and unit: the panels are low
        axes.set_ylabel(axes.get_ylabel().replace(" $", "\n$", 1))
    figure.align_ylabels(left)
    start, dt = (frames[0].time, frames[0].dt) if frames else (0.0, 1.0)
    left[-1].set_xlim(start, start + max(len(frames), WINDOW // 2) * dt)

    _draw_plane(diagram, machine, steps, units)
    work = -sum(f.work for f in frames)
    shown = f"work extracted in {len(frames)} steps: {_signed(work)} {math(units.energy)}" if frames else "no step yet"
    figure.text(0.09, 1.0 - 0.3 / height, f"{machine.title}; {shown}", fontsize=8.5)
    _add_legend(figure, machine, 1.0 - 0.08 / height)
    return figure


def _signed(value: float) -> str:
    """Three digits with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def _draw_variable(axes: Axes, machine: Machine, steps: Trace, i: int) -> None:
    """Dynamical variable ``i`` against time, in the colour of the choice."""
    from matplotlib.collections import LineCollection

    looks, y = choice_looks(machine), steps.inside[:, :, i]
    curves = np.stack([steps.inside_times, y], axis=2)
    axes.add_collection(LineCollection(list(curves), colors=[looks[c].colour for c in steps.choice], linewidths=1.6))
    axes.set_ylim(spanned(y))
    axes.set_ylabel(state_label(machine, i))


def _draw_heat(axes: Axes, machine: Machine, frames: Sequence[Frame], units: Units) -> None:
    """Heat current from each bath."""
    axes.set_ylabel(label("heat current", "J", units.power))
    if not frames:
        return
    edges = np.array([f.time for f in frames] + [frames[-1].time + frames[-1].dt])
    rates = np.array([f.heat / f.dt for f in frames])
    axes.axhline(0.0, color=GREY, linewidth=0.6)
    for rate, look in zip(rates.T, bath_looks(machine), strict=True):
        axes.stairs(rate, edges, baseline=None, color=look.colour, linewidth=1.4)
    axes.set_ylim(spanned(rates))


def _draw_plane(axes: Axes, machine: Machine, steps: Trace, units: Units) -> None:
    """The thermodynamic diagram; without a continuous control, two dynamical variables or nothing."""
    i = 0
    if machine.control_space.n_values:
        draw_diagram(axes, machine, steps, i, fade=True)
        axes.set_xlabel(abscissa_label(machine, units))
        axes.set_ylabel(state_label(machine, i))
        axes.set_ylim(spanned(steps.inside[:, :, i]))
        axes.set_xlim(spanned(abscissa(machine, np.stack([machine.control_space.low, machine.control_space.high]))))
        draw_equilibria(axes, machine, i)
    elif machine.n_dynamic > 1:
        axes.plot(*steps.inside[:, :, :2].reshape(-1, 2).T, color=INK)
        axes.set_xlabel(state_label(machine, 0))
        axes.set_ylabel(state_label(machine, 1))
    else:
        axes.set_axis_off()


def _add_legend(figure: Figure, machine: Machine, y: float) -> None:
    from matplotlib.lines import Line2D

    looks = {look.label: look for look in (*choice_looks(machine), *bath_looks(machine)) if look.label}
    handles = [Line2D([], [], color=look.colour, linewidth=2, label=look.label) for look in looks.values()]
    if machine.control_space.n_values:
        handles.append(Line2D([], [], color=INK, linestyle=":", label="switch"))
        handles.append(Line2D([], [], color=GREY, linewidth=0.8, linestyle=EQUILIBRIUM_DASHES, label="equilibrium"))
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.985, y), ncols=3, borderpad=0)


def to_rgb(figure: Figure) -> NDArray[np.uint8]:
    """The figure as an image, shape (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


class Window:
    """A window for the render mode "human".

    Without a display or a GUI toolkit nothing can be shown. That must not stop an experiment, so it is logged once
    (logger ``szilard.envs.rendering``) and the environment goes on; so does one whose window the user closes.
    """

    _told = False

    def __init__(self, title: str) -> None:
        from matplotlib import pyplot

        self._pyplot, self._image = pyplot, None
        self._figure: Figure | None = pyplot.figure(num=title, clear=True)
        if getattr(self._figure.canvas, "required_interactive_framework", None) is None:
            self.close()
            if not Window._told:
                Window._told = True
                logger.warning(
                    "render_mode='human' shows nothing: matplotlib has no window here (backend %s, no display or no "
                    "GUI toolkit); use render_mode='rgb_array'",
                    pyplot.get_backend(),
                )

    def show(self, figure: Figure) -> None:
        """Show ``figure`` without blocking."""
        window: Any = self._figure
        if window is None or not self._pyplot.fignum_exists(window.number):
            return
        picture = to_rgb(figure)
        if self._image is None:
            window.set_size_inches(picture.shape[1] / window.dpi, picture.shape[0] / window.dpi)
            axes = window.add_axes((0.0, 0.0, 1.0, 1.0))
            axes.set_axis_off()
            self._image = axes.imshow(picture)
            window.show()
        self._image.set_data(picture)
        window.canvas.draw_idle()
        window.canvas.start_event_loop(1e-3)

    def close(self) -> None:
        """Close the window; closing it again does nothing."""
        if self._figure is not None:
            self._pyplot.close(self._figure)
            self._figure = None
