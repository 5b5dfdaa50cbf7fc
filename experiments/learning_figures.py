"""Figures of agents: learning curves over seeds, and the comparison with reference cycles.

Every function returns a matplotlib ``Figure`` outside pyplot, ready for ``savefig`` as PNG or SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..envs.style import (
    AGENT,
    COLUMN,
    ENGINE,
    GREY,
    INK,
    SERIES,
    Units,
    Words,
    add_axes,
    amount,
    label,
    legend_columns,
    new_figure,
    styled,
)
from ..physics.control import FloatArray
from ..physics.validation import ParameterError, check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BANDS = {"range": (0.0, 1.0), "iqr": (0.25, 0.75)}
"""Quantiles of the band over seeds."""
LEGEND_ROW = 0.15
"""Height of a line of the legend (inch)."""
GRID = 400
"""Points of the median."""

Curves = Sequence[tuple[ArrayLike, ArrayLike]]
"""Per seed: abscissa (steps or seconds) and values; NaN where a value is undefined."""


def training_figure(
    curves: Curves,
    lines: Mapping[str, float] | None = None,
    *,
    x_label: str = "environment steps",
    y_label: str = "power $P/P_\\mathrm{opt}$ (%)",
    name: str = "agent",
    band: str = "range",
    log_x: bool = False,
) -> Figure:
    """Median and spread over seeds of a figure of merit during training, with baselines as horizontal lines.

    Args:
        curves: one (abscissa, values) pair per seed; the abscissas may differ.
        lines: baselines and bounds by name, in the unit of the values; one that is not finite is left out.
        x_label, y_label: with unit.
        name: of the agent, for the legend.
        band: "range" (smallest to largest) or "iqr" (quartiles).
        log_x: logarithmic abscissa; points at or below zero are left out.

    Raises:
        ParameterError: for an unknown band, or a curve whose abscissa and values differ in shape.
    """
    check_choice("band", band, BANDS)
    known = {text: float(value) for text, value in (lines or {}).items() if np.isfinite(value)}
    return _learning(_checked(curves, log_x), known, x_label, y_label, name, band, log_x)


def power_figure(
    curves: Curves,
    lines: Mapping[str, float] | None = None,
    *,
    units: Units | None = None,
    words: Words = ENGINE,
    x_label: str = "environment steps",
    name: str = "agent",
    band: str = "range",
    log_x: bool = False,
    symbol: str = "P",
) -> Figure:
    """As ``training_figure``, for P in physical units (``units_of(machine)``), named by ``words_of(machine)``."""
    unit = (Units() if units is None else units).power
    y_label = label(words.power, symbol, unit)
    return training_figure(curves, lines, x_label=x_label, y_label=y_label, name=name, band=band, log_x=log_x)


@styled
def comparison_figure(
    rows: Sequence[Mapping[str, Any]],
    *,
    front: tuple[ArrayLike, ArrayLike] | None = None,
    front_name: str = "Pareto front, fast limit",
    units: Units | None = None,
    words: Words = ENGINE,
) -> Figure:
    """Power against efficiency (or COP) relative to its bound, of agents (filled) and reference cycles (hollow).

    Args:
        rows: each with ``label``, ``power``, ``efficiency_ratio`` (eta / eta_C) and, if an agent, ``kind="agent"``;
            ``power_error`` (a standard deviation) is optional. A row without both positive is named above the figure.
        front: efficiency ratio and power along the best known trade-off.
        front_name: for the legend.
        units: units of the power.
        words: of the machine (``words_of``).

    Raises:
        ParameterError: for a row without one of the keys.
    """
    units = Units() if units is None else units
    columns = legend_columns([front_name, *(str(row.get("label")) for row in rows)])
    figure = new_figure(COLUMN, 2.6 + LEGEND_ROW * ((len(rows) + 3) // columns))
    axes = add_axes(figure)[0, 0]
    if front is not None:
        axes.plot(np.asarray(front[0]), np.asarray(front[1]), color=GREY, linewidth=1.0, label=front_name, zorder=1)
    left_out: list[str] = []
    markers, reference = "osD^vP*X", 0
    for k, row in enumerate(rows):
        for key in ("label", "power", "efficiency_ratio"):
            if key not in row:
                raise ParameterError(f"rows[{k}] = {dict(row)!r}: must have {key!r}")
        power, ratio = (
            float(row["power"]),
            float(np.nan if row["efficiency_ratio"] is None else row["efficiency_ratio"]),
        )
        if not (ratio > 0 and power > 0):
            left_out.append(str(row["label"]))
            continue
        agent = row.get("kind") == "agent"
        colour = AGENT if agent else SERIES[reference % len(SERIES)][0]
        reference += not agent
        error = row.get("power_error")
        axes.errorbar(
            ratio, power, None if error is None else float(error), label=str(row["label"]), linestyle="none",
            marker=markers[k % len(markers)], markersize=5 if agent else 6.5, color=colour, elinewidth=0.8, capsize=2,
            markerfacecolor=colour if agent else "none", markeredgewidth=1.1, zorder=3 if agent else 2,
        )  # fmt: skip
    axes.axvline(1.0, color=INK, linewidth=0.6, linestyle=":", label=words.bound)
    axes.set_xlim(0.0, max(1.03, axes.get_xlim()[1]))
    # the largest power that was drawn; minus infinity without any
    axes.set_ylim(0.0, 1.08 * axes.dataLim.y1 if axes.dataLim.y1 > 0 else 1.0)
    relative = "" if words.ratio == words.efficiency else f" relative to {words.bound}"
    axes.set_xlabel(label(f"{words.efficiency}{relative}", words.ratio_symbol, "1"))
    axes.set_ylabel(label(words.power, "P", units.power))
    figure.legend(loc="outside lower center", ncols=columns)
    if left_out:
        axes.set_title(f"not shown, no {words.kind}: " + ", ".join(left_out), fontsize=6.5, loc="left", wrap=True)
    return figure


def spread(curves: Sequence[tuple[FloatArray, FloatArray]], band: str = "range", log: bool = False) -> FloatArray:
    """Median and band over seeds where all of them have values, linearly interpolated.

    Args:
        curves: (abscissa, values) per seed, increasing abscissa, finite.
        band: "range" or "iqr".
        log: spread the points evenly in the logarithm.

    Returns:
        Rows abscissa, low, median, high, shape (4, GRID); shape (4, 0) where the curves share no interval.
    """
    if not curves or min(len(x) for x, _ in curves) == 0:
        return np.empty((4, 0))
    first, last = max(float(x[0]) for x, _ in curves), min(float(x[-1]) for x, _ in curves)
    if first > last:
        return np.empty((4, 0))
    # the points of the curves themselves, as far as possible: an interpolated median must not miss a peak
    grid = np.unique(np.concatenate([x for x, _ in curves]))
    grid = grid[(grid >= first) & (grid <= last)]
    if len(grid) > GRID:
        grid = np.geomspace(first, last, GRID) if log else np.linspace(first, last, GRID)
        grid[-1] = last
    values = np.stack([np.interp(grid, x, y) for x, y in curves])
    low, high = BANDS[band]
    return np.stack([grid, *np.quantile(values, (low, 0.5, high), axis=0)])


@styled
def _learning(
    curves: list[tuple[FloatArray, FloatArray]],
    lines: dict[str, float],
    x_label: str,
    y_label: str,
    name: str,
    band: str,
    log_x: bool,
) -> Figure:
    figure = new_figure(COLUMN, 2.4 + LEGEND_ROW * (len(lines) + 2))
    axes = add_axes(figure)[0, 0]
    if log_x:
        axes.set_xscale("log")
    if len(curves) == 1:
        axes.plot(*curves[0], color=AGENT, label=f"{name} (1 seed)")
    elif curves:
        for x, y in curves:
            axes.plot(x, y, color=AGENT, linewidth=0.5, alpha=0.35)
        x, low, median, high = spread(curves, band, log_x)
        axes.plot(x, median, color=AGENT, label=f"{name}, median of {len(curves)} seeds")
        what = "range of the seeds" if band == "range" else "quartiles of the seeds"
        axes.fill_between(x, low, high, color=AGENT, alpha=0.2, linewidth=0, label=what)
    for k, (text, value) in enumerate(lines.items()):
        colour, dashes = SERIES[k % len(SERIES)]
        axes.axhline(value, color=colour, linestyle=dashes, linewidth=0.9, label=f"{text}: {amount(value, '1', 4)}")
    _limit(axes, [y for _, y in curves], list(lines.values()))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if curves or lines:
        figure.legend(loc="outside lower center")
    return figure


def _limit(axes: Axes, values: list[FloatArray], lines: list[float]) -> None:
    """Vertical limits that keep the baselines apart: a bad start may leave the axis, and the figure says so."""
    flat = np.concatenate([*values, np.array(lines, dtype=float)])
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return
    top, bottom = float(flat.max()), float(flat.min())
    if top > 0 and bottom < -0.5 * top:
        axes.text(
            0.98, 0.02, f"smallest value: {amount(bottom, '1')}", transform=axes.transAxes, fontsize=6.5, ha="right"
        )
        bottom = -0.5 * top
    margin = 0.06 * (top - bottom) or 0.05 * abs(top) or 1.0
    axes.set_ylim(bottom - margin, top + margin)


def _checked(curves: Curves, log_x: bool) -> list[tuple[FloatArray, FloatArray]]:
    """Sorted finite points of each seed; seeds without any are dropped."""
    out: list[tuple[FloatArray, FloatArray]] = []
    for k, (abscissa, ordinate) in enumerate(curves):
        x, y = np.asarray(abscissa, dtype=float), np.asarray(ordinate, dtype=float)
        if x.ndim != 1 or x.shape != y.shape:
            raise ParameterError(f"curves[{k}]: has shapes {x.shape} and {y.shape}, must have twice the same shape (*)")
        keep = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not log_x))
        order = np.argsort(x[keep], kind="stable")
        if order.size:
            out.append((x[keep][order], y[keep][order]))
    return out
