"""Figures of machines with measurements: a stretch of one trajectory, learned beside reference.

No limit cycle exists there, but what an agent does is seen in a few dozen steps: controls with the operation in colour,
the demon's belief, what the detectors showed, and the heat.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..agents.rollout import Agent, roll_out
from ..envs.drawing import DETECTORS, PANELS, Trace, draw_contacts, draw_outcomes, shown, spanned
from ..envs.kernel import Frame
from ..envs.machine_env import MachineVectorEnv
from ..envs.style import (
    COLUMN,
    GREY,
    INK,
    PAGE,
    Units,
    add_axes,
    bath_looks,
    choice_looks,
    control_label,
    label,
    new_figure,
    quantity_label,
    styled,
    units_of,
)
from ..physics.control import Control, FloatArray
from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = 48
"""Steps that are shown."""
WITHIN = np.concatenate([[0.0], np.linspace(0.0, 1.0, 8)])
"""Where inside a step there are points; the first is before it, the second just after the operation."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """N steps of one system.

    Attributes:
        machine: the machine.
        steps: the steps with the exact state inside each, the operation at their beginning; times start at zero.
        outcome: what each detector showed, shape (N, D); 0 where it was not read.
        heat: from each bath, shape (N, B).
    """

    machine: Machine
    steps: Trace
    outcome: FloatArray
    heat: FloatArray


def play(
    agent: Agent,
    machine: Machine,
    dt: float,
    encoding: str | None = None,
    levels: int = 15,
    *,
    n_steps: int = STEPS,
    burn_in: int = 256,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> Stretch:
    """Let the deterministic policy run, and keep a stretch that begins where a detector has just been read.

    Args:
        agent, machine, dt, encoding, levels, settings: as for ``agents.evaluation.evaluate``.
        n_steps: steps that are kept.
        burn_in: steps before.
        seed: of the start state and the outcomes.

    Raises:
        ParameterError: without steps.
    """
    check_integer("n_steps", n_steps, 1)
    # an environment that can be drawn keeps its steps, with their noise
    native = MachineVectorEnv(machine, dt, 1, **{**(settings or {}), "render_mode": "rgb_array"})
    assert native.kernel.history is not None
    steps = roll_out(agent, native, encoding, levels, seed)
    kept = [native.kernel.history[-1] for _ in islice(steps, burn_in + 2 * n_steps)]
    last = kept[burn_in : burn_in + n_steps]
    first = next((k + 1 for k, frame in enumerate(last) if (frame.outcome != 0.0).any()), 0)
    kept = kept[burn_in + first : burn_in + first + n_steps]
    made = Trace(
        start=dt * np.arange(n_steps, dtype=np.float64),
        durations=np.full(n_steps, dt),
        previous=np.stack([frame.before[machine.n_dynamic :] for frame in kept]),
        values=np.stack([frame.values for frame in kept]),
        choice=np.array([frame.choice for frame in kept], dtype=np.int64),
        inside=np.stack([_inside(machine, frame) for frame in kept]),
        ramps=np.array([r.name in machine.ramped for r in machine.control_space.ranges], dtype=bool),
    )
    return Stretch(machine, made, np.stack([f.outcome for f in kept]), np.stack([f.heat for f in kept]))


def _inside(machine: Machine, frame: Frame) -> FloatArray:
    """Dynamical variables along one step, (S, n_dynamic), with the noise that it had."""
    nx, outcome = machine.n_dynamic, frame.outcome
    before, after = frame.before[None], frame.after[None]
    if ((outcome != 0.0) & (np.abs(outcome) != 1.0)).any():
        # a record that grows with time: what it was on the way is not known
        return before[:, :nx] + WITHIN[:, None] * (after - before)[:, :nx]
    uniforms = None if frame.uniforms is None else frame.uniforms[None]
    control = Control(frame.values[None], np.array([frame.choice]))
    lengths = frame.dt * np.maximum(WITHIN[1:-1], 1e-9)
    way = [machine.propagate(before, control, float(t), uniforms).state[:, :nx] for t in lengths]
    return np.concatenate([before[:, :nx], *way, after[:, :nx]])


def _times(steps: Trace) -> FloatArray:
    """Times of the points inside the steps, (N, S): the operation takes none."""
    return steps.start[:, None] + steps.durations[:, None] * WITHIN


@styled
def trajectory_figure(
    stretches: Mapping[str, Stretch], *, titles: Mapping[str, str] | None = None, units: Units | None = None
) -> Figure:
    """Controls where they act, belief, outcomes and heat current against time, one column per stretch.

    Args:
        stretches: by name, at least one, all of one machine; the first is the learned one.
        titles: what is written above each; default: its name.
        units: default: from the machine.

    Raises:
        ParameterError: without a stretch.
    """
    if not stretches:
        raise ParameterError("stretches = {}: must contain at least one stretch")
    machine = next(iter(stretches.values())).machine
    units = units_of(machine) if units is None else units
    controls = range(min(PANELS, machine.control_space.n_values))
    quantities = {name: shown(machine, s.steps) for name, s in stretches.items()}
    n_variables = len(next(iter(quantities.values())))
    heights = [1.0] * len(controls) + [1.1] * n_variables + [0.75, 0.9]
    figure = new_figure(COLUMN if len(stretches) == 1 else PAGE, 0.95 * sum(heights) + 1.0)
    panels = add_axes(
        figure, len(heights), len(stretches), sharex=True, sharey="row", gridspec_kw={"height_ratios": heights}
    )
    outcomes = np.concatenate([s.outcome for s in stretches.values()])
    for j, (name, one) in enumerate(stretches.items()):
        column = panels[:, j]
        for axes in column:
            draw_contacts(axes, machine, one.steps)
        for axes, k in zip(column, controls, strict=False):
            _draw_used(axes, one, k)
        for axes, quantity in zip(column[len(controls) :], quantities[name], strict=False):
            _draw_belief(axes, one, quantity.values)
        draw_outcomes(column[-2], one.steps.start, one.outcome, outcomes)
        _draw_heat(column[-1], one)
        column[0].set_title((titles or {}).get(name, name), loc="left", fontsize=7, pad=2.5)
        column[-1].set_xlabel(label("time", "t", units.time))
    names = [control_label(machine, k) for k in controls]
    names += [quantity_label(q, units) for q in next(iter(quantities.values()))]
    names += ["outcome", label("heat current", "J", units.power)]
    for row, text in zip(panels, names, strict=True):
        # quantity above symbol and unit: the panels are low
        name, sign, rest = text.partition(" $")
        row[0].set_ylabel("\n".join([*textwrap.wrap(name, 14), *([sign[1:] + rest] if sign else [])]), fontsize=6.5)
        row[0].autoscale_view(scalex=False)
    figure.align_ylabels(panels[:, 0])
    panels[0, 0].set_xlim(0.0, max(float(s.steps.end[-1]) for s in stretches.values()))
    read = np.any([(s.outcome != 0.0).any(axis=0) for s in stretches.values()], axis=0)
    _legends(figure, machine, len(stretches), read)
    return figure


def _draw_used(axes: Axes, one: Stretch, j: int) -> None:
    """Control ``j`` in the steps whose operation uses it."""
    from matplotlib.collections import LineCollection

    steps, looks = one.steps, choice_looks(one.machine)
    used = one.machine.control_space.used[steps.choice, j]
    u = steps.values[used, j]
    lines = np.stack([np.stack([steps.start[used], u], axis=1), np.stack([steps.end[used], u], axis=1)], axis=1)
    colours = [looks[c].colour for c in steps.choice[used]]
    axes.add_collection(LineCollection(list(lines), colors=colours, linewidths=2.0))
    axes.update_datalim(lines.reshape(-1, 2))
    axes.margins(y=0.1)


def _draw_belief(axes: Axes, one: Stretch, values: FloatArray) -> None:
    """A quantity of the state in the colour of the operation; jumps are thin."""
    from matplotlib.collections import LineCollection

    looks, times = choice_looks(one.machine), _times(one.steps)
    points = np.stack([times, values], axis=2)
    colours = [looks[c].colour for c in one.steps.choice]
    axes.add_collection(LineCollection(list(points[:, :2]), colors=INK, linewidths=0.6))
    axes.add_collection(LineCollection(list(points[:, 1:]), colors=colours, linewidths=1.8))
    axes.set_ylim(*_wider(axes, values))


def _wider(axes: Axes, values: FloatArray) -> tuple[float, float]:
    """Limits that hold what was drawn before in the row, and ``values``."""
    low, high = spanned(values)
    known = axes.get_ylim() if any(len(a.collections) > 2 for a in _row(axes) if a is not axes) else (low, high)
    return min(low, known[0]), max(high, known[1])


def _row(axes: Axes) -> list[Axes]:
    return list(axes.get_shared_y_axes().get_siblings(axes))  # type: ignore[arg-type]


def _draw_heat(axes: Axes, one: Stretch) -> None:
    """Heat current from each bath."""
    steps = one.steps
    edges = np.append(steps.start, steps.end[-1])
    axes.axhline(0.0, color=GREY, linewidth=0.6)
    for heat, look in zip(one.heat.T, bath_looks(one.machine), strict=True):
        axes.stairs(heat / steps.durations, edges, baseline=None, color=look.colour, linewidth=1.3)
    axes.margins(y=0.1)


def _legends(figure: Figure, machine: Machine, columns: int, read: NDArray[np.bool_]) -> None:
    """Operations above, detectors that were read and baths below."""
    from matplotlib.lines import Line2D

    looks = [look for look in choice_looks(machine) if look.label]
    lines = [Line2D([], [], color=look.colour, linewidth=2, label=look.label) for look in looks]
    figure.legend(handles=lines, loc="outside upper center", ncols=min(len(lines), 3 if columns == 1 else 6))
    handles = [
        Line2D([], [], linestyle="none", marker=m, markersize=s, color=INK, markerfacecolor=f, label=f"{name} shows")
        for (m, s, f), name, one in zip(DETECTORS, machine.detector_names, read, strict=False)
        if one
    ]
    for look in bath_looks(machine):
        handles.append(Line2D([], [], color=look.colour, linewidth=1.3, label=f"heat, {look.label}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if columns == 1 else 6)
