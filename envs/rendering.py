"""What an environment's ``render`` draws: controls with the bath or operation in colour, state, heat, diagram.

Of a machine with detectors also what they showed; its state is what the demon knows.

matplotlib is imported when something is drawn, and only as objects; pyplot is used by ``Window`` alone, which needs it
to open a window.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..physics.machine import AffineMachine, Machine
from ..physics.portrait import Quantity
from .diagram import (
    abscissa_limits,
    draw_diagram,
    draw_equilibria,
    draw_guides,
    equilibrium_handles,
    guide_handles,
    label_diagram,
)
from .drawing import (
    DETECTORS,
    PANELS,
    Trace,
    draw_contacts,
    draw_control,
    draw_outcomes,
    draw_populations,
    history_trace,
    shown,
    spanned,
)
from .kernel import Frame
from .style import (
    GREY,
    INK,
    Units,
    add_axes,
    amount,
    bath_looks,
    choice_looks,
    label,
    new_figure,
    quantity_label,
    quantity_words,
    set_label,
    styled,
    units_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONG_TITLE = 76
"""Characters, mathtext included."""

logger = logging.getLogger(__name__)


@styled
def draw_history(machine: Machine, frames: Sequence[Frame]) -> Figure:
    """The last steps of an environment; the size of the picture depends on the machine only.

    Args:
        machine: the machine.
        frames: steps, oldest first; may be empty.
    """
    window = machine.portrait.steps_shown
    frames, units = list(frames)[-window:], units_of(machine)
    steps = history_trace(machine, frames)
    controls = range(min(PANELS, machine.control_space.n_values))
    variables = shown(machine, steps)
    stacked = bool(machine.portrait.populations(np.zeros((1, machine.n_state))))
    if stacked:
        variables = [one for one in variables if one.name == "coherence"]
    extra = int(bool(machine.detector_names))
    rows = len(controls) + extra + stacked + len(variables) + 1
    handles = _handles(machine)
    # margins are fixed: with an automatic layout the panels would jump from picture to picture
    height = max(4.2, 1.05 * rows + 1.2)
    head = max(0.55, 0.16 + 0.17 * -(-len(handles) // 3))  # the legend has three columns
    height += head - 0.55
    figure = new_figure(8.4, height, dpi=100, automatic=False)
    top, bottom = 1.0 - head / height, 0.55 / height
    margins = {"left": 0.105, "right": 0.56, "top": top, "bottom": bottom, "hspace": 0.16}
    left = add_axes(figure, rows, sharex=True, gridspec_kw=margins)[:, 0]
    margins = {"left": 0.665, "right": 0.98, "top": top, "bottom": bottom}
    diagram = add_axes(figure, gridspec_kw=margins)[0, 0]

    for axes in left:
        draw_contacts(axes, machine, steps)
    panels = iter(left)
    for j in controls:
        draw_control(next(panels), machine, steps, j)
    if extra:
        outcome = np.array([f.outcome for f in frames]).reshape(len(frames), len(machine.detector_names))
        axes = next(panels)
        draw_outcomes(axes, steps.start, outcome)
        axes.set_ylabel("outcome")
    if stacked:
        draw_populations(next(panels), machine, steps)
    for quantity in variables:
        _draw_variable(next(panels), machine, steps, quantity, units)
    _draw_heat(left[-1], machine, frames, units)
    for axes in left:
        # quantity above symbol and unit: the panels are low
        text = axes.get_ylabel()
        axes.set_ylabel(text.replace(" $", "\n$", 1) if " $" in text else text.replace(" (", "\n(", 1))
    figure.align_ylabels(left)
    start, dt = (frames[0].time, frames[0].dt) if frames else (0.0, 1.0)
    left[-1].set_xlim(start, start + max(len(frames), window // 2) * dt)
    set_label(left[-1].xaxis, "time", "t", units.time)

    _draw_plane(diagram, machine, steps, units)
    diagram.set_anchor("N")
    diagram.set_box_aspect(min(1.3, (height - head - 0.55) / 2.65))
    told = _balance(machine, frames, units)
    # beside the legend there is room for one short line
    separator = "; " if len(machine.title) + len(told) < LONG_TITLE and not machine.detector_names else "\n"
    figure.text(0.105, 1.0 - (head - 0.22) / height, f"{machine.title}{separator}{told}", fontsize=8.5, va="center")
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.985, 1.0 - 0.08 / height), ncols=3, borderpad=0)
    return figure


def _balance(machine: Machine, frames: Sequence[Frame], units: Units) -> str:
    """What came out of the steps shown."""
    if not frames:
        return "no step yet"
    # what a detector puts in is not extracted, and has to be paid for
    paid = sum(f.work + f.measurement_energy for f in frames)
    if not machine.is_refrigerator:
        what = "net work" if machine.detector_names else "work"
        return f"{what} extracted in {len(frames)} steps: {amount(-paid, units.energy)}"
    heat = sum(float(f.heat @ machine.power_weights) for f in frames)
    cooled, paid = amount(heat, units.energy), amount(paid, units.energy)
    return f"{len(frames)} steps: {cooled} from the cold bath for {paid} of work"


def _draw_variable(axes: Axes, machine: Machine, steps: Trace, quantity: Quantity, units: Units) -> None:
    """A quantity of the state against time, in the colour of the choice."""
    from matplotlib.collections import LineCollection

    looks, y = choice_looks(machine), quantity.values
    curves = np.stack([steps.inside_times, y], axis=2)
    axes.add_collection(LineCollection(list(curves), colors=[looks[c].colour for c in steps.choice], linewidths=1.6))
    axes.set_ylim(spanned(y))
    set_label(axes.yaxis, *quantity_words(quantity, units))


def _draw_heat(axes: Axes, machine: Machine, frames: Sequence[Frame], units: Units) -> None:
    """Heat current from each bath."""
    if not frames:
        axes.set_ylabel(label("heat current", "J", units.power))
        return
    edges = np.array([f.time for f in frames] + [frames[-1].time + frames[-1].dt])
    rates = np.array([f.heat / f.dt for f in frames])
    axes.axhline(0.0, color=GREY, linewidth=0.6)
    for rate, look in zip(rates.T, bath_looks(machine), strict=True):
        axes.stairs(rate, edges, baseline=None, color=look.colour, linewidth=1.4)
    axes.set_ylim(spanned(rates))
    set_label(axes.yaxis, "heat current", "J", units.power)


def _draw_plane(axes: Axes, machine: Machine, steps: Trace, units: Units) -> None:
    """The thermodynamic diagram; without a plane or control, that of two dynamical variables, or nothing."""
    if machine.detector_names:
        curve = draw_diagram(axes, machine, steps, fade=True)
        draw_guides(axes, machine)
        points = [g for g in machine.portrait.guides() if len(g.x) == 1]
        axes.set_xlim(spanned(curve.path[:, 0], *(g.x for g in points)))
        axes.set_ylim(spanned(curve.path[:, 1], *(g.y for g in points)))
        label_diagram(axes, machine, units)
    elif machine.control_space.n_values:
        curve = draw_diagram(axes, machine, steps, fade=True)
        draw_equilibria(axes, machine)
        draw_guides(axes, machine)
        follows = machine.portrait.follows_controls
        axes.set_xlim(abscissa_limits(machine) if follows else spanned(curve.path[:, 0]))
        axes.set_ylim(spanned(curve.holds[:, :, 1]))
        label_diagram(axes, machine, units)
    elif machine.n_dynamic > 1:
        axes.plot(*steps.inside[:, :, :2].reshape(-1, 2).T, color=INK)
        across, up = (quantity_label(q, units) for q in machine.portrait.shown(np.zeros((1, machine.n_state)))[:2])
        axes.set_xlabel(across)
        axes.set_ylabel(up)
    else:
        axes.set_axis_off()


def _handles(machine: Machine) -> list[Any]:
    """Entries of the legend: choices, baths, detectors, and lines of the diagram."""
    from matplotlib.lines import Line2D

    looks = {look.label: look for look in choice_looks(machine) if look.label}
    if not (machine.detector_names and len(machine.bath_names) == 1):  # the only bath needs no name
        looks |= {look.label: look for look in bath_looks(machine)}
    handles = [Line2D([], [], color=look.colour, linewidth=2, label=look.label) for look in looks.values()]
    if machine.detector_names:
        for (marker, size, fill), name in zip(DETECTORS, machine.detector_names, strict=False):
            style = {"marker": marker, "markersize": size, "markerfacecolor": fill, "markeredgewidth": 0.8}
            handles.append(Line2D([], [], linestyle="none", color=INK, label=name, **style))
        return handles + guide_handles(machine)
    if machine.control_space.n_values:
        if len(machine.ramped) < machine.control_space.n_values:
            handles.append(Line2D([], [], color=INK, linestyle=":", label="switch"))
        handles += guide_handles(machine)
        if isinstance(machine, AffineMachine) and machine.control_space.n_values == 1:
            handles += equilibrium_handles(machine)
    return handles


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
        self._figure: Figure | None = None
        try:
            self._figure = pyplot.figure(num=title, clear=True)
            interactive = getattr(self._figure.canvas, "required_interactive_framework", None) is not None
        except ImportError:  # a GUI backend was asked for, and cannot be had
            interactive = False
        if not interactive:
            self.close()
            if not Window._told:
                Window._told = True
                logger.warning(
                    "render_mode='human' shows nothing: matplotlib has no window here (backend %s, no display or no "
                    "GUI toolkit); use render_mode='rgb_array'",
                    pyplot.get_backend(),
                )

    @property
    def is_open(self) -> bool:
        """Whether there is anything to see: drawing for a window that is not there costs time."""
        window: Any = self._figure
        return window is not None and self._pyplot.fignum_exists(window.number)

    def show(self, figure: Figure) -> None:
        """Show ``figure`` without blocking."""
        window: Any = self._figure
        if not self.is_open:
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
