"""The thermodynamic diagram of a machine at work: its steps in a plane, and what they are compared with there.

matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..physics.control import Control, FloatArray
from ..physics.machine import AffineMachine, Machine
from ..physics.portrait import Quantity
from .drawing import Trace, n_points, spanned
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

EQUILIBRIUM_DASHES = (0, (4, 2))


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
    points = 2 if _own_plane(machine) is None else n_points(count, most=64)
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
