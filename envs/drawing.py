"""Parts of pictures of a machine at work, shared by the environment's rendering and the figures of experiments.

Here is what happens inside the steps, and panels against time; the thermodynamic diagram is in ``diagram``.
matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..physics.control import Control, FloatArray, IntArray
from ..physics.machine import Machine
from ..physics.portrait import Quantity
from .style import GREY, INK, choice_looks, set_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .kernel import Frame

SAMPLES = 12
"""Points of the curve inside one hold."""
PANELS = 3
"""Controls, and quantities of the state, shown at most."""
DETECTORS = (("o", 5.0, "none"), ("D", 2.8, INK), ("s", 2.0, GREY))
"""Marker, size and filling of each detector: where two show the same, both are seen."""
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
    samples = 2 if machine.n_step_uniforms and uniforms is None else n_points(steps, most)
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


def n_points(steps: int, most: int) -> int:
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
    # named beside the panel, in the order of the layers
    for k, (one, tint) in enumerate(zip(found, tints, strict=True)):
        up = 0.875 - 0.25 * k
        box = {"boxstyle": "square,pad=0.25", "facecolor": tint, "edgecolor": "none"}
        text = "white" if k < 2 else INK
        axes.text(1.015, up, one.symbol, transform=axes.transAxes, fontsize=6.5, va="center", color=text, bbox=box)


def spanned(*arrays: FloatArray, margin: float = 0.08) -> tuple[float, float]:
    """Limits of an axis that shows all finite numbers with a margin."""
    flat = np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.empty(0)
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return 0.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    pad = margin * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad
