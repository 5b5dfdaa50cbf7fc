"""Figure of the fronts: power against efficiency, and power against dissipation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..envs.style import AGENT, GREY, PAGE, add_axes, amount, math, new_figure, styled, units_of, words_of
from ..physics.machine import Machine
from .front import Point, fronts, reference_point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPTIMUM = "#1d2129"
REFERENCES = (
    ("#d98a00", "s"), ("#009e73", "^"), ("#a05195", "D"), ("#2f6690", "v"), ("#8a5a44", "P"), ("#5f6b7a", "X"),
)  # fmt: skip
"""Colour and marker of each reference cycle."""

EFFICIENCY = {"engine": "efficiency", "refrigerator": "coefficient of performance"}
"""Written out, by ``Words.kind``."""

LABELS = {"conditioned": "one agent for all weights", "separate": "one agent per weight"}


@styled
def front_figure(machine: Machine, points: Sequence[Point]) -> Figure:
    """Every front in its colour, references where they have an output; both panels share the axis of the power.

    Args:
        machine: the machine of the points.
        points: agents, optimiser and references; at least one of the optimiser.
    """
    figure = new_figure(PAGE, 3.1)
    left, right = add_axes(figure, 1, 2, sharey=True)[0]
    # what moves heat the wrong way, or only wastes work, is not in the picture
    points = [p for p in points if p.kind != "reference" or p.x > 0.0]
    colours = dict(zip(_labels(points, "reference"), REFERENCES * 3, strict=False))
    for (kind, label, _), front in fronts(points).items():
        # without output there is no efficiency
        for axes, across in ((left, [p.efficiency_ratio for p in front]), (right, [p.y for p in front])):
            x, y = np.array(across), np.array([p.x for p in front])
            if kind == "agent":
                axes.plot(x, y, "o", color=AGENT, markersize=3.2, alpha=0.8, markeredgewidth=0, zorder=4)
            elif kind == "optimum":
                axes.plot(x, y, "-o", color=OPTIMUM, linewidth=1.0, markersize=5.6, markerfacecolor="none", zorder=3)
            else:
                colour, marker = colours[label]
                axes.plot(x, y, linestyle=":", marker=marker, color=colour, linewidth=0.8, markersize=6.0, zorder=2)
    words, symbol = words_of(machine), "D" if machine.is_stochastic else r"\Sigma"
    if words.ratio == words.efficiency:  # of a demon the bound is 1
        left.set_xlabel(f"{words.efficiency} {math(words.symbol)}")
    else:
        left.set_xlabel(f"{EFFICIENCY[words.kind]} / {words.bound}'s")
    left.set_ylabel(f"{words.power} $P/P_0$")
    right.set_xlabel(f"{words.dissipation} ${symbol}/{symbol}_0$")
    _limits(left, right, points)
    units = units_of(machine)
    figure.suptitle(
        f"{machine.title}: $P_0$ = {amount(machine.power_unit, units.power)}, "
        rf"${symbol}_0$ = {amount(machine.dissipation_unit, units.rate)}",
        fontsize=8,
    )
    _mark_reference_point(right, points)
    _legend(figure, points, colours)
    return figure


def _labels(points: Sequence[Point], kind: str) -> list[str]:
    return list(dict.fromkeys(p.label for p in points if p.kind == kind))


def _limits(left: Axes, right: Axes, points: Sequence[Point]) -> None:
    """Cycles that waste work are far off; the picture shows what matters to the front."""
    top = max(p.x for p in points)
    left.set_ylim(-0.04 * top, 1.08 * top)
    left.set_xlim(0.0, None)
    right.set_xlim(0.0, 1.05 * -reference_point([p for p in points if p.kind == "optimum"])[1])


def _mark_reference_point(axes: Axes, points: Sequence[Point]) -> None:
    x, minus_y = reference_point([p for p in points if p.kind == "optimum"])
    axes.plot([-minus_y], [x], "x", color=GREY, markersize=5, clip_on=False)
    axes.annotate(
        "reference point\nof the hypervolumes", (-minus_y, x), (-4, 5), textcoords="offset points", ha="right",
        fontsize=6, color=GREY,
    )  # fmt: skip


def _legend(figure: Figure, points: Sequence[Point], colours: dict[str, tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=OPTIMUM, marker="o", markerfacecolor="none", markersize=5.6, linewidth=1.0,
                      label="direct optimiser")]  # fmt: skip
    for label in _labels(points, "agent"):
        seeds = len({p.seed for p in points if p.kind == "agent" and p.label == label})
        told = f"{LABELS.get(label, label)} ({seeds} seed{'s' * (seeds > 1)})"
        handles.append(Line2D([], [], color=AGENT, marker="o", linestyle="none", markersize=3.6, label=told))
    for label, (colour, marker) in colours.items():
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle=":", markersize=5.0, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
