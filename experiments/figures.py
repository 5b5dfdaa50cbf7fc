"""Figures of cycles: learned against reference, in time and in the thermodynamic diagram.

Every function returns a matplotlib ``Figure`` outside pyplot, ready for ``savefig`` as PNG or SVG. Time, controls and
energies are physical; their units come from the machine (``units_of``) or from the argument ``units``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..envs.diagram import (
    Curve,
    diagram_labels,
    draw_diagram,
    draw_equilibria,
    draw_guides,
    equilibria,
    equilibrium_handles,
    guide_handles,
    label_diagram,
    plane,
)
from ..envs.drawing import (
    PANELS,
    Trace,
    draw_contacts,
    draw_control,
    shown,
    spanned,
    trace,
)
from ..envs.style import (
    COLUMN,
    GREY,
    INK,
    LONG_NAME,
    PAGE,
    SERIES,
    Units,
    add_axes,
    amount,
    choice_looks,
    label,
    legend_columns,
    math,
    new_figure,
    quantity_label,
    styled,
    units_of,
)
from ..physics.control import Control, FloatArray
from ..physics.cycles.cycle import LimitCycle
from ..physics.laws import EnergyFlows
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError, check_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FLOWS = ("energy_change", "work", "heat", "entropy_change")
"""Of a recorded limit cycle."""

REPEATS = 60
"""Periods of the shortest cycle shown at most, unless a duration is given."""


@styled
def cycle_figure(
    cycles: Mapping[str, LimitCycle], *, units: Units | None = None, duration: float | None = None
) -> Figure:
    """Controls of each cycle, and what the machine's portrait shows of all of them, against the same time axis.

    For a machine with coherence the last panel is the coherence in the energy eigenbasis of the moment.

    Short cycles are repeated. All start in the same phase: with the longest contact to the hottest bath, or, without
    baths to choose from, at the maximum of the fundamental of the first control.

    Args:
        cycles: limit cycles by name; the first is the learned one.
        units: default: from the machine.
        duration: length of the time axis; default: the longest period, but at least two of the shortest one.

    Raises:
        ParameterError: without a cycle, or for a duration that is not positive.
    """
    machine = _machine(cycles)
    units = units_of(machine) if units is None else units
    periods = [limit.period for limit in cycles.values()]
    if duration is None:
        duration = min(max(max(periods), 2.0 * min(periods)), REPEATS * min(periods))
    check_positive("duration", duration)

    traces = {name: _repeated(cycle_trace(aligned(limit)), limit.period, duration) for name, limit in cycles.items()}
    quantities = {name: shown(limit.cycle.machine, traces[name]) for name, limit in cycles.items()}
    n_controls, n_variables = min(PANELS, machine.control_space.n_values), len(next(iter(quantities.values())))
    strips = max(1, n_controls) * len(cycles)
    heights = [1.0] * strips + [1.25] * n_variables
    figure = new_figure(COLUMN, sum(heights) + 0.85)
    panels = add_axes(figure, strips + n_variables, sharex=True, gridspec_kw={"height_ratios": heights})[:, 0]

    row = 0
    for number, (name, limit) in enumerate(cycles.items()):
        steps = traces[name]
        facts = _facts(limit, units)
        separator = ": " if len(name) <= LONG_NAME and not machine.is_refrigerator else "\n"
        panels[row].set_title(f"{name}{separator}{facts}", loc="left", fontsize=7, pad=2.5)
        for j in range(max(1, n_controls)):
            draw_contacts(panels[row], machine, steps)
            if n_controls:
                draw_control(panels[row], machine, steps, j)
                _stack_label(panels[row])
            else:
                panels[row].set_yticks([])
            row += 1
        colour, dashes = SERIES[number % len(SERIES)]
        for quantity, axes in zip(quantities[name], panels[strips:], strict=True):
            y = quantity.values
            axes.plot(steps.inside_times.ravel(), y.ravel(), color=colour, linestyle=dashes, label=name)
            axes.set_ylabel(quantity_label(quantity, units))
            _stack_label(axes)
    figure.align_ylabels(panels)
    panels[-1].set_xlim(0.0, duration)
    panels[-1].set_xlabel(label("time", "t", units.time))
    if n_variables:
        handles, names = panels[strips].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=legend_columns(names))
    handles = _choice_handles(machine)
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


@styled
def diagram_figure(cycles: Mapping[str, LimitCycle], *, units: Units | None = None) -> Figure:
    """Thermodynamic diagram of each cycle; the shaded area is the work, with several controls that of the first.

    With one dynamical variable x: x against dE/dx, for a two-level system population against gap. Otherwise the plane
    of the machine's portrait: population against gap too, where the area leaves out the work done through coherences,
    which the title gives. Otherwise the force dE/du against the first control u. Holds are lines in the colour of the
    bath, switches are dotted, equilibrium states are dashed.

    Args:
        cycles: limit cycles by name, at least one, of a machine with a continuous control.
        units: default: from the machine.

    Raises:
        ParameterError: without a cycle or a continuous control.
    """
    machine = _machine(cycles)
    if not machine.control_space.n_values:
        raise ParameterError(f"machine = {machine.title!r}: a diagram needs a continuous control")
    units = units_of(machine) if units is None else units
    columns = 2 if len(cycles) == 4 else min(3, len(cycles))
    rows = -(-len(cycles) // columns)
    figure = new_figure((COLUMN, 5.3, PAGE)[columns - 1], 2.45 * rows + 0.55)
    panels = add_axes(figure, rows, columns, sharex=True, sharey=True)
    across, up = diagram_labels(machine, units)
    curves: list[Curve] = []
    goals: list[FloatArray] = []
    incomplete = False
    for axes, (name, limit) in zip(panels.flat, cycles.items(), strict=False):
        cycle = limit.cycle
        curve = draw_diagram(axes, cycle.machine, cycle_trace(limit))
        axes.fill(*curve.path.T, color=GREY, alpha=0.22, linewidth=0)
        work = limit.extracted_power * limit.period
        planar = machine.portrait.plane(limit.states) and isinstance(machine, AffineMachine)
        rest = work - _area(curve.path) if planar else 0.0
        incomplete |= rest != 0.0
        axes.set_title(f"{name}\n{_work(work, rest, units)}", loc="left", fontsize=7)
        curves.append(curve)
        if isinstance(cycle.machine, AffineMachine):
            # the axes also show where each hold is heading
            ends = equilibria(cycle.machine, Control(cycle.values, cycle.choice))
            goals.append(plane(cycle.machine, ends, cycle.values)[1])
    limits = spanned(*(c.path[:, 0] for c in curves), margin=0.2), spanned(*(c.path[:, 1] for c in curves), *goals)
    for k, axes in enumerate(panels.flat):
        if k >= len(cycles):
            axes.set_axis_off()
            continue
        draw_equilibria(axes, machine)
        if not isinstance(machine, AffineMachine):
            draw_guides(axes, machine)
        axes.set_xlim(limits[0])
        axes.set_ylim(limits[1])
        _draw_arrows(axes, curves[k])
        if machine.natural_units == "SI":  # numbers with prefixes
            label_diagram(axes, machine, units)
            across, up = axes.get_xlabel(), axes.get_ylabel()
            axes.set_xlabel("")
            axes.set_ylabel("")
        if k % columns == 0:
            axes.set_ylabel(up)
        if k + columns >= len(cycles):
            axes.set_xlabel(across)
            axes.tick_params(labelbottom=True)
    _diagram_legend(figure, machine, bool(panels.flat[0].lines), incomplete)
    return figure


def _area(path: FloatArray) -> float:
    """-(closed integral of y dx) along a closed polygon (points, 2)."""
    x, y = path.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _work(work: float, coherent: float, units: Units) -> str:
    """Extracted work of a cycle in words, and the part of it that is done through coherences."""
    sign, verb = (1.0, "extracted") if work >= 0.0 else (-1.0, "consumed")
    if not coherent:
        return f"work per cycle $W$ = {amount(work, units.energy)}"
    share = amount(sign * coherent, units.energy)
    return f"work {verb} per cycle: {amount(abs(work), units.energy)}\nthrough coherence: {share}"


def cycle_trace(limit: LimitCycle) -> Trace:
    """The steps of one period, with the exact state inside each hold."""
    cycle = limit.cycle
    control = Control(cycle.values, cycle.choice)
    return trace(cycle.machine, limit.times[:-1], cycle.durations, control, limit.states[:-1], limit.states[1:])


def aligned(limit: LimitCycle) -> LimitCycle:
    """The same limit cycle, started at its phase zero (see ``cycle_figure``)."""
    cycle = limit.cycle
    hottest = cycle.machine.bath_names[int(np.argmin(cycle.machine.betas))]
    choices = cycle.machine.control_space.choices
    hot = np.array([choices[c] == hottest for c in cycle.choice]) if choices else np.zeros(len(cycle), dtype=bool)
    if hot.any() and not hot.all():
        starts = np.flatnonzero(hot & ~np.roll(hot, 1))
        lengths = [_contact_length(hot, cycle.durations, int(k)) for k in starts]
        first = int(starts[int(np.argmax(lengths))])
    elif cycle.values.shape[1]:
        middle = limit.times[:-1] + 0.5 * cycle.durations
        turns = np.exp(-2j * np.pi * middle / limit.period)
        phase = np.angle((cycle.values[:, 0] * cycle.durations) @ turns)
        top = -phase / (2.0 * np.pi) * limit.period % limit.period
        first = int(
            np.argmin(np.abs((limit.times[:-1] - top + 0.5 * limit.period) % limit.period - 0.5 * limit.period))
        )
    else:
        first = 0
    if not first:
        return limit
    if isinstance(cycle.machine, AffineMachine):
        return cycle.rotate(first).limit_cycle()
    order = np.roll(np.arange(len(cycle)), -first)
    flows = EnergyFlows(*(getattr(limit.flows, name)[order] for name in FLOWS))
    states = np.concatenate([limit.states[:-1][order], limit.states[order[-1:] + 1]])
    return LimitCycle(cycle.rotate(first), states, flows, limit.spectral_radius)


def _stack_label(axes: Axes) -> None:
    """Quantity above symbol and unit: the panels are low."""
    axes.set_ylabel(axes.get_ylabel().replace(" $", "\n$", 1), fontsize=7)


def _contact_length(hot: np.ndarray, durations: FloatArray, first: int) -> float:
    order = np.roll(np.arange(len(hot)), -first)
    steps = int(np.argmin(hot[order]))  # there is a step without contact
    return float(durations[order[:steps]].sum())


def _machine(cycles: Mapping[str, LimitCycle]) -> Machine:
    if not cycles:
        raise ParameterError("cycles = {}: must contain at least one cycle")
    return next(iter(cycles.values())).cycle.machine


def _repeated(steps: Trace, period: float, duration: float) -> Trace:
    """Enough periods to fill ``duration``."""
    times = int(np.ceil(duration / period * (1.0 - 1e-9)))
    start = (steps.start + period * np.arange(times)[:, None]).ravel()
    return Trace(
        start,
        np.tile(steps.durations, times),
        np.tile(steps.previous, (times, 1)),
        np.tile(steps.values, (times, 1)),
        np.tile(steps.choice, times),
        np.tile(steps.inside, (times, 1, 1)),
        steps.ramps,
    )


def _facts(limit: LimitCycle, units: Units) -> str:
    what = "cooling power " if limit.cycle.machine.is_refrigerator else ""
    return f"{what}$P$ = {amount(limit.power, units.power, 4)}, period {amount(limit.period, units.time)}"


def _draw_arrows(axes: Axes, curve: Curve, most: int = 4) -> None:
    """Arrow heads that show the sense of the cycle, on its longest pieces as they appear on the page."""
    pieces = [*curve.holds, *curve.switches]
    page = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    lengths = np.array([np.linalg.norm((piece[-1] - piece[0]) / page) for piece in pieces])
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.0, "mutation_scale": 8, "shrinkA": 0, "shrinkB": 0}
    for k in np.argsort(-lengths, kind="stable")[:most]:
        if lengths[k] > 0:
            piece = pieces[k]
            first, last = piece[(len(piece) - 1) // 2], piece[len(piece) // 2 if len(piece) > 2 else 1]
            if len(piece) % 2:  # the middle is a point: take its two neighbours
                first, last = piece[len(piece) // 2 - 1], piece[len(piece) // 2 + 1]
            along = (last - first) / np.linalg.norm((last - first) / page)
            middle, half = 0.5 * (first + last), 0.02 * lengths[k] * along
            axes.annotate("", tuple(middle + half), tuple(middle - half), arrowprops=style)


def _choice_handles(machine: Machine) -> list[Line2D]:
    from matplotlib.lines import Line2D

    looks = [look for look in choice_looks(machine) if look.label]
    return [Line2D([], [], color=look.colour, linewidth=2, label=look.label) for look in looks]


def _diagram_legend(figure: Figure, machine: Machine, equilibria: bool, incomplete: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = _choice_handles(machine)
    if len(machine.ramped) < machine.control_space.n_values:
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=":", label="switch"))
    if not isinstance(machine, AffineMachine):
        handles += guide_handles(machine)
    elif equilibria:
        handles += equilibrium_handles(machine)
    ranges = machine.control_space.ranges
    work = "work per cycle" if len(ranges) == 1 else f"work of {math(ranges[0].name)} per cycle"
    work = "work not through coherence" if incomplete else work
    patch = Patch(color=GREY, alpha=0.22, linewidth=0, label=work)
    figure.legend(handles=[*handles, patch], loc="outside lower center", ncols=3 if figure.get_figwidth() < 6 else 6)
