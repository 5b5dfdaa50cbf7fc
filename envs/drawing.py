"""Parts of pictures of a machine at work, shared by the environment's rendering and the figures of experiments.

matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..physics.control import Control, FloatArray, IntArray
from ..physics.machine import AffineMachine, Machine
from ..physics.portrait import Quantity
from .style import (
    GREY,
    INK,
    Units,
    bath_looks,
    choice_looks,
    control_label,
    math,
    quantity_label,
    quantity_words,
    set_label,
    unit_math,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from .kernel import Frame

SAMPLES = 12
"""Points of the curve inside one hold."""
PANELS = 3
"""Controls, and quantities of the state, shown at most."""
DETECTORS = (("o", 5.0, "none"), ("D", 2.8, INK), ("s", 2.0, GREY))
"""Marker, size and filling of each detector: where two show the same, both are seen."""
EQUILIBRIUM_DASHES = (0, (4, 2))
SHADES = ("#33415c", "#7d8fb3", "#b9c4da", "#e6eaf2")
"""Levels of a stack of populations, the highest first."""


class Trace(NamedTuple):
    """N consecutive steps of one system.

    Attributes:
        start: start of each step (time), shape (N,).
        durations: shape (N,).
        previous: continuous controls before each switch, shape (N, m).
        values: continuous controls during the hold, shape (N, m).
        choice: shape (N,).
        inside: dynamical variables during the holds, from start to end, shape (N, S, n_dynamic).
        ramps: whether a control moves linearly to its value during the hold, shape (m,).
    """

    start: FloatArray
    durations: FloatArray
    previous: FloatArray
    values: FloatArray
    choice: IntArray
    inside: FloatArray
    ramps: np.ndarray

    @property
    def inside_values(self) -> FloatArray:
        """Continuous controls at the points of ``inside``, shape (N, S, m)."""
        share = np.linspace(0.0, 1.0, self.inside.shape[1])[:, None]
        moving = self.previous[:, None] + share * (self.values - self.previous)[:, None]
        return np.where(self.ramps, moving, self.values[:, None])

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
    uniforms: FloatArray | None = None,
    outcome: FloatArray | None = None,
) -> Trace:
    """The steps from the states ``before`` to ``after``, (N, n) each, with the curve inside each hold.

    The inside is exact. A stochastic machine needs the noise of the steps, ``uniforms`` (N, n_step_uniforms), and what
    its detectors showed, ``outcome`` (N, D); without them, and while a record is taken that grows with time, it gets a
    line. A measurement takes no time: the state jumps at the beginning of its step.
    """
    nx, steps = machine.n_dynamic, len(start)
    # coherences oscillate inside a hold
    most = SAMPLES if machine.portrait.coherence(before) is None else 4 * SAMPLES
    samples = 2 if machine.n_step_uniforms and uniforms is None else _samples(steps, most)
    ramps = np.array([r.name in machine.ramped for r in machine.control_space.ranges], dtype=bool)
    inside = np.empty((steps, samples, nx))
    inside[:, 0], inside[:, -1] = before[:, :nx], after[:, :nx]
    for dt in np.unique(durations):
        rows = np.flatnonzero(durations == dt)
        for s in range(1, samples - 1):
            share = s / (samples - 1)
            reached = before[rows, nx:] + share * (control.values - before[:, nx:])[rows]
            part = Control(np.where(ramps, reached, control.values[rows]), control.choice[rows])
            noise = None if uniforms is None else uniforms[rows]
            made = machine.propagate(before[rows], part, float(dt) * share, noise)
            inside[rows, s] = made.state[:, :nx]
            if made.outcome is not None and outcome is not None:
                other = rows[(made.outcome != outcome[rows]).any(axis=1)]
                inside[other, s] = before[other, :nx] + share * (after - before)[other, :nx]
    # what is held: a control that the choice does not use stays as it was
    return Trace(start, durations, before[:, nx:], after[:, nx:], control.choice, inside, ramps)


def _samples(steps: int, most: int) -> int:
    """Points of each of so many curves: fewer of many short ones."""
    return int(np.clip(4000 // max(steps, 1), 2, most))


def shown(machine: Machine, steps: Trace) -> list[Quantity]:
    """What the machine's portrait shows during the holds, and the coherence; values of shape (N, S)."""
    count, samples, nx = steps.inside.shape
    values = steps.inside_values.reshape(count * samples, steps.values.shape[1])
    state = np.concatenate([steps.inside.reshape(-1, nx), values], axis=1)
    found = list(machine.portrait.shown(state)[:PANELS])
    coherence = machine.portrait.coherence(state)
    if coherence is not None:
        found.append(Quantity("coherence", "C", "nats", coherence))
    return [one._replace(values=one.values.reshape(count, samples)) for one in found]


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
        np.array([f.uniforms for f in frames]) if frames and frames[0].uniforms is not None else None,
        np.array([f.outcome for f in frames]).reshape(len(frames), len(machine.detector_names)),
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
    """Staircase of control ``j`` against time, in the colour of the choice; the axis spans the control's range.

    Steps whose choice does not use the control are left out.
    """
    from matplotlib.collections import LineCollection

    looks, u = choice_looks(machine), steps.values[:, j]
    used = machine.control_space.used[steps.choice, j]
    first = steps.previous[:, j] if steps.ramps[j] else u
    levels = np.stack([np.stack([steps.start, first], axis=1), np.stack([steps.end, u], axis=1)], axis=1)
    jumps = np.stack([levels[:-1, 1], levels[1:, 0]], axis=1)[used[:-1] & used[1:]]
    axes.add_collection(LineCollection(list(jumps), colors=GREY, linewidths=0.6))
    colours = [looks[c].colour for c in steps.choice[used]]
    axes.add_collection(LineCollection(list(levels[used]), colors=colours, linewidths=2.0))
    control = machine.control_space.ranges[j]
    margin = 0.08 * (control.high - control.low)
    axes.set_ylim(control.low - margin, control.high + margin)
    set_label(axes.yaxis, "control", control.name, control.unit)


def draw_outcomes(axes: Axes, start: FloatArray, outcome: FloatArray, among: FloatArray | None = None) -> None:
    """What each detector showed, (N, D), at the ``start`` (N,) of its step; a detector that was not read shows 0.

    The axis spans the outcomes ``among`` (default: these), which panels that are compared have in common.
    """
    axes.axhline(0.0, color=GREY, linewidth=0.6)
    for (marker, size, fill), shown_by in zip(DETECTORS, outcome.T, strict=False):
        read = shown_by != 0.0
        style = {"marker": marker, "markersize": size, "markerfacecolor": fill, "markeredgewidth": 0.8}
        axes.plot(start[read], shown_by[read], linestyle="none", color=INK, clip_on=False, **style)
    everything = outcome if among is None else among
    if (np.abs(everything) <= 1.0).all():
        axes.set_yticks([-1, 1], ["−1", "+1"])
        axes.set_ylim(-1.7, 1.7)
    else:
        axes.set_ylim(spanned(everything))


def draw_populations(axes: Axes, machine: Machine, steps: Trace) -> None:
    """The populations of the levels, stacked: the lowest at the bottom."""
    count, samples, nx = steps.inside.shape
    state = np.concatenate([steps.inside.reshape(-1, nx), np.repeat(steps.values, samples, axis=0)], axis=1)
    found = machine.portrait.populations(state)
    tints = SHADES[: len(found)]
    if count:
        layers = [one.values for one in reversed(found)]
        axes.stackplot(steps.inside_times.ravel(), layers, colors=tints[::-1], linewidth=0)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("populations")
    for k, (one, tint) in enumerate(
        zip(found, tints, strict=True)
    ):  # named beside the panel, in the order of the layers
        up = 0.875 - 0.25 * k
        box = {"boxstyle": "square,pad=0.25", "facecolor": tint, "edgecolor": "none"}
        text = "white" if k < 2 else INK
        axes.text(1.015, up, one.symbol, transform=axes.transAxes, fontsize=6.5, va="center", color=text, bbox=box)


class Curve(NamedTuple):
    """N steps in the thermodynamic diagram; each step is a switch and a hold.

    Attributes:
        switches: shape (N, S, 2).
        holds: shape (N, S', 2).
    """

    switches: FloatArray
    holds: FloatArray

    @property
    def path(self) -> FloatArray:
        """The whole way, shape (points, 2)."""
        return np.concatenate([self.switches, self.holds], axis=1).reshape(-1, 2)


def draw_diagram(axes: Axes, machine: Machine, steps: Trace, fade: bool = False) -> Curve:
    """The steps in the plane: holds in the colour of the choice, switches dotted; older ones paler (fade)."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    looks, (count, samples, nx) = choice_looks(machine), steps.inside.shape
    inside_values = steps.inside_values
    x, y = plane(machine, steps.inside.reshape(-1, nx), inside_values.reshape(count * samples, steps.values.shape[1]))
    holds = np.stack([x, y], axis=1).reshape(count, samples, 2)
    # a switch leaves the dynamical variables alone; it is straight unless the eigenstates change
    points = 2 if _own_plane(machine) is None else _samples(count, most=64)
    way = np.linspace(0.0, 1.0, points)[:, None]
    values = steps.previous[:, None] + (inside_values[:, 0] - steps.previous)[:, None] * way
    start = np.repeat(steps.inside[:, 0], points, axis=0)
    x, y = plane(machine, start, values.reshape(count * points, values.shape[2]))
    switches = np.stack([x, y], axis=1).reshape(count, points, 2)
    alphas = np.linspace(0.15, 1.0, count) if fade else np.ones(count)
    colours = [to_rgba(looks[c].colour, a) for c, a in zip(steps.choice, alphas, strict=True)]
    greys = [to_rgba(INK, 0.7 * a) for a in alphas]
    # not snapped to pixels: many short holds must look like a curve
    axes.add_collection(LineCollection(list(switches), colors=greys, linewidths=0.9, linestyles=":", snap=False))
    axes.add_collection(LineCollection(list(holds), colors=colours, linewidths=2.0, capstyle="round", snap=False))
    return Curve(switches, holds)


def draw_guides(axes: Axes, machine: Machine) -> None:
    """What the machine's portrait draws for orientation: lines dashed, points as crosses."""
    for handle, guide in zip(guide_handles(machine), machine.portrait.guides(), strict=True):
        handle.set_data(guide.x, guide.y)
        axes.add_line(handle)


def guide_handles(machine: Machine) -> list[Line2D]:
    """Entries of the legend for ``draw_guides``."""
    from matplotlib.lines import Line2D

    looks, handles = bath_looks(machine), []
    for name, bath, x, _ in machine.portrait.guides():
        point = {"linestyle": "none", "marker": "P", "markersize": 7.0, "markeredgecolor": "white"}
        style = point if len(x) == 1 else {"linestyle": EQUILIBRIUM_DASHES, "linewidth": 0.9}
        handles.append(Line2D([], [], color=GREY if bath is None else looks[bath].colour, label=name, **style))
    return handles


def draw_equilibria(axes: Axes, machine: Machine) -> None:
    """Where a hold for ever would end, for each choice that has such a state; only with one continuous control.

    Where all baths are always connected, the thermal state of each bath is drawn too: above its line the machine gives
    heat to the bath, below it takes heat.
    """
    if not isinstance(machine, AffineMachine) or machine.control_space.n_values != 1:
        return
    control = machine.control_space.ranges[0]
    values = np.linspace(control.low, control.high, 200)[:, None]
    states = [
        (equilibria(machine, Control(values, np.full(len(values), k))), look.colour)
        for k, look in enumerate(choice_looks(machine))
    ]
    if thermal_lines(machine):
        thermal = [machine.portrait.thermal(values, float(beta)) for beta in machine.betas]
        looks = bath_looks(machine)
        states += [(x, look.colour) for x, look in zip(thermal, looks, strict=True) if x is not None]
    for dynamic, colour in states:
        x, y = plane(machine, dynamic, values)
        if np.isfinite(y).any():
            axes.plot(x, y, color=colour, linewidth=0.8, linestyle=EQUILIBRIUM_DASHES)


def thermal_lines(machine: Machine) -> bool:
    """Whether ``draw_equilibria`` draws the thermal states of the baths."""
    space = machine.control_space
    return not space.choices and machine.portrait.thermal(space.low[None], float(machine.betas[0])) is not None


def equilibrium_handles(machine: Machine) -> list[Line2D]:
    """Entries of the legend for ``draw_equilibria``."""
    from matplotlib.lines import Line2D

    names = [("equilibrium", GREY)]
    if thermal_lines(machine):
        names = [("steady state", choice_looks(machine)[0].colour)]
        names += [(f"thermal, {look.label}", look.colour) for look in bath_looks(machine)]
    style = {"linewidth": 0.8, "linestyle": EQUILIBRIUM_DASHES}
    return [Line2D([], [], color=colour, label=name, **style) for name, colour in names]


def equilibria(machine: AffineMachine, control: Control) -> FloatArray:
    """Where a hold for ever would end, (K, n_dynamic); NaN where it ends nowhere (no bath)."""
    step = machine.affine(control, 1.0)
    away = np.eye(machine.n_dynamic) - step.matrix
    singular = np.abs(np.linalg.eigvals(away)).min(axis=1) < 1e-12
    fixed = np.linalg.solve(np.where(singular[:, None, None], np.eye(machine.n_dynamic), away), step.offset[:, :, None])
    return np.where(singular[:, None], np.nan, fixed[:, :, 0])


def _own_plane(machine: Machine) -> tuple[Quantity, Quantity] | None:
    """The plane of the machine's portrait at any state, for its names."""
    state = np.concatenate([np.zeros(machine.n_dynamic), machine.control_space.high])[None]
    return machine.portrait.plane(state)


def plane(machine: Machine, dynamic: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both coordinates of the diagram, (K,) each, from dynamical variables (K, n_dynamic) and controls (K, m).

    They are those of the machine's portrait, or else dE/dx against x with one dynamical variable, or else the first
    control u against the force dE/du. These two are conjugate, so that the enclosed area is the work of this control
    (exact for an energy that is linear in it); with one control that is all the work.
    """
    state = np.concatenate([dynamic, values], axis=1)
    own = machine.portrait.plane(state)
    if own is not None:
        return own[0].values, own[1].values
    if isinstance(machine, AffineMachine) and machine.n_dynamic == 1:
        return machine.energy_row(values)[0][:, 0], dynamic[:, 0]
    control = machine.control_space.ranges[0]
    shift = np.zeros(values.shape[1])
    shift[0] = 1e-4 * (control.high - control.low)
    above, below = (machine.internal_energy(np.concatenate([dynamic, values + s], axis=1)) for s in (shift, -shift))
    return values[:, 0], (above - below) / (2.0 * shift[0])


def abscissa_limits(machine: Machine) -> tuple[float, float]:
    """Limits of the horizontal axis of the diagram over the whole range of the controls."""
    space = machine.control_space
    values = space.low + (space.high - space.low) * np.linspace(0.0, 1.0, 65)[:, None]
    return spanned(plane(machine, np.zeros((len(values), machine.n_dynamic)), values)[0])


def label_diagram(axes: Axes, machine: Machine, units: Units) -> None:
    """Label both axes of the diagram, whose limits are set."""
    own = _own_plane(machine)
    if own is not None:
        for axis, quantity in zip((axes.xaxis, axes.yaxis), own, strict=True):
            set_label(axis, *quantity_words(quantity, units))
        return
    across, up = diagram_labels(machine, units)
    axes.set_xlabel(across)
    axes.set_ylabel(up)


def diagram_labels(machine: Machine, units: Units) -> tuple[str, str]:
    """Labels of the horizontal and the vertical axis of the diagram."""
    own = _own_plane(machine)
    if own is not None:
        return quantity_label(own[0], units), quantity_label(own[1], units)
    if isinstance(machine, AffineMachine) and machine.n_dynamic == 1:
        name = math(machine.dynamic_names[0]).strip("$")
        state = machine.portrait.shown(np.zeros((1, machine.n_state)))[0]
        return rf"gap $\epsilon=\partial E/\partial {name}$ ({unit_math(units.energy)})", quantity_label(state, units)
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
