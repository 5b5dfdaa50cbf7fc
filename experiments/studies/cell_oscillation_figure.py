"""The picture of the study ``self-oscillation``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...envs.style import COLD, GREY, HOT, INK, PAGE, SERIES, TICKS, add_axes, new_figure, styled
from ...physics.cells.hopf import ReducedCell
from ...physics.cells.self_cycling_cell import SelfCyclingCell
from .cell_window import SHADE
from .study import caption, panel, zero_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .cell_oscillation import Exhaustion, Sweep

HOUR = 3600.0
CURIE = 273.15


@styled
def draw(
    cell: SelfCyclingCell,
    load: float,
    times: np.ndarray,
    states: np.ndarray,
    volts: np.ndarray,
    sweeps: Sequence[Sweep],
    lacking: Mapping[str, tuple[np.ndarray, np.ndarray]],
    spent: Exhaustion,
    edges: Callable[[float], tuple[float, float]],
) -> Figure:
    """Voltage and temperature, phase plane, amplitudes, window, controls, end of the fuel."""
    figure = new_figure(PAGE, 7.4)
    (a, b), (c, d), (e, f) = add_axes(figure, 3, 2)
    _time(a, times, volts, states[:, 5])
    _plane(b, cell, load, times, states)
    _amplitudes(c, sweeps, edges)
    _window(d, sweeps, edges)
    panel(e, "e", "controls at 1.8 k$\\Omega$")
    e.plot(times / HOUR, volts, color=INK, label="all ingredients")
    for (name, (t, v)), (colour, dashes) in zip(lacking.items(), SERIES[1:], strict=True):
        e.plot(t / HOUR, v, color=colour, linestyle=dashes, label=name)
    e.set_xlim(0.0, max(t[-1] for t, _ in lacking.values()) / HOUR)
    e.set_ylim(0.0, 1.75)
    e.set_xlabel("time $t$ (h)")
    e.set_ylabel("voltage $V$ (V)")
    e.legend(loc="upper right", ncols=2, borderaxespad=0.1)

    panel(f, "f", "5 C of anode fuel")
    f.plot(spent.times / HOUR, spent.volts, color=INK, label="voltage $V$")
    f.set_xlim(0.0, spent.times[-1] / HOUR)
    f.set_ylim(0.0, 1.4)
    f.set_xlabel("time $t$ (h)")
    f.set_ylabel("voltage $V$ (V)")
    work = _twin(f, SERIES[2][0])
    work.plot(spent.times / HOUR, spent.exergy, color=SERIES[2][0], linestyle=(0, (5, 1.5)), label="exergy given up")
    work.plot(spent.times / HOUR, spent.work, color=SERIES[2][0], label="work")
    work.set_ylim(0.0, 10.5)
    work.set_ylabel("energy (J)", color=SERIES[2][0])
    f.legend(handles=[*f.lines, *work.lines], loc=(0.52, 0.3))
    caption(
        figure,
        "Set S2 of a lumped model, assumed, not fitted to any cell. (a) shaded: voltage that rises while the load "
        "draws current. (b): grey, interface in equilibrium; orange, negative capacitance; dotted, no charging "
        "current; dot, unstable fixed point. (c) bars and (d) area: loads without a stable fixed point of the reduced "
        "model, from both Hopf conditions; dashed: folds. (d) full: the cell oscillates, open: it is steady. "
        "(f): the rate falls with the last 0.1 C. A classical relaxation oscillator that spends fuel. Numbers of "
        "this model.",
    )
    return figure


def _twin(axes: Axes, colour: str) -> Axes:
    """An axis on the right."""
    other = axes.twinx()
    other.spines["right"].set_visible(True)
    other.tick_params(**TICKS, colors=colour)
    return other  # pyright: ignore[reportReturnType]


def _time(axes: Axes, times: np.ndarray, volts: np.ndarray, theta: np.ndarray) -> None:
    panel(axes, "a", "1.8 k$\\Omega$: voltage, temperature")
    t = times / HOUR
    rising = np.gradient(volts, times) > 0.0
    axes.fill_between(t, 0.8, 1.3, where=rising.tolist(), color=SHADE, alpha=0.3, linewidth=0)
    axes.plot(t, volts, color=INK)
    axes.set_xlim(2.0, 6.0)
    axes.set_ylim(0.85, 1.25)
    axes.set_yticks([0.9, 1.0, 1.1])
    axes.set_xlabel("time $t$ (h)")
    axes.set_ylabel("voltage $V$ (V)")
    axes.annotate("shaded: $dV/dt > 0$ under load", (2.05, 1.225), fontsize=7)
    warm = _twin(axes, HOT)
    warm.plot(t, theta * 1e3, color=HOT, linewidth=0.9, linestyle=(0, (5, 1.5)))
    shown = (t >= 2.0) & (t <= 6.0)
    warm.set_ylim(0.0, 1.4 * theta[shown].max() * 1e3)
    warm.set_ylabel("$T - T_a$ (mK)", color=HOT)


def _plane(axes: Axes, cell: SelfCyclingCell, load: float, times: np.ndarray, states: np.ndarray) -> None:
    panel(axes, "b", "interface and anode")
    reduced = ReducedCell(cell)
    y = np.linspace(-0.13, 0.13, 521)
    axes.plot(y, reduced.voltage(y), color=GREY, linewidth=1.0)
    negative = np.where(reduced.stiffness(y) < 0.0, reduced.voltage(y), np.nan)
    axes.plot(y, negative, color=SHADE, linewidth=2.6, alpha=0.6)
    total = load + reduced.internal_resistance
    g = reduced.conductance(y)
    axes.plot(y, (g * cell.E_A - cell.E_C / total) / (g + 1.0 / total), color=INK, linewidth=0.8, linestyle=":")
    (point,) = reduced.fixed_points(load)
    axes.plot([point], [reduced.voltage(point)], "o", color=INK, markersize=3.5)
    late = times > 0.5 * times[-1]
    v = (states[late, 0] - states[late, 1]) / cell.C_A
    x = states[late, 1]
    axes.plot(x, v, color=INK)
    for way in (1.0, -1.0):
        k = int(np.argmin(np.abs(x) + (way * np.gradient(x) < 0.0)))
        look = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.0, "mutation_scale": 9}
        axes.annotate("", (x[k + 1], v[k + 1]), (x[k - 1], v[k - 1]), arrowprops=look)
    axes.set_xlim(y[0], y[-1])
    axes.set_ylim(0.5, 0.82)
    axes.set_xlabel("interface order $y$ (C)")
    axes.set_ylabel("anode double layer $v_A$ (V)")


def _amplitudes(axes: Axes, sweeps: Sequence[Sweep], edges: Callable[[float], tuple[float, float]]) -> None:
    panel(axes, "c", "amplitude against load")
    looks = [(INK, "o"), (SERIES[1][0], "s"), (SERIES[2][0], "D"), (SERIES[3][0], "^")]
    for n, (s, (colour, mark)) in enumerate(zip(sweeps, looks, strict=False)):
        axes.plot(s.loads, s.amplitudes, mark, color=colour, markersize=3.5, label=f"{s.temperature - CURIE:.0f} °C")
        axes.plot(edges(s.temperature), 2 * [-0.02 - 0.014 * n], color=colour, linewidth=2.5, solid_capstyle="butt")
    zero_line(axes)
    axes.set_xscale("log")
    most = 1.2 * max(s.loads[-1] for s in sweeps)
    ticks = [t for t in (500, 1000, 2000, 5000, 10000, 20000) if t < most]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(-0.08, 0.55 if len(sweeps) > 3 else 0.3)
    axes.set_xlabel("load $R_L$ ($\\Omega$)")
    axes.set_ylabel("peak to peak of $V$ (V)")
    axes.legend(loc="upper left" if len(sweeps) > 3 else "upper right", ncols=len(sweeps), borderaxespad=0.1)


def _window(axes: Axes, sweeps: Sequence[Sweep], edges: Callable[[float], tuple[float, float]]) -> None:
    panel(axes, "d", "window in load and temperature")
    temperatures = np.linspace(233.15, 333.15, 26)
    bounds = np.array([edges(float(t)) for t in temperatures])
    folds = np.array([ReducedCell(SelfCyclingCell(T_a=float(t))).window for t in temperatures])
    celsius = temperatures - CURIE
    axes.fill_between(celsius, bounds[:, 0], bounds[:, 1], color=SHADE, alpha=0.3, linewidth=0)
    axes.plot(celsius, folds, color=GREY, linewidth=0.9, linestyle=(0, (5, 1.5)))
    for s in sweeps:
        x = np.full(len(s.loads), s.temperature - CURIE)
        on = s.amplitudes > 1e-3
        axes.plot(x[on], s.loads[on], "o", color=INK, markersize=3.5)
        axes.plot(x[~on], s.loads[~on], "o", color=INK, markersize=3.5, markerfacecolor="none")
    axes.axhline(1800.0, color=COLD, linewidth=0.7, linestyle=":")
    axes.annotate("1.8 k$\\Omega$", (celsius[0], 1800.0), (2, 2), textcoords="offset points", fontsize=7, color=COLD)
    axes.set_yscale("log")
    axes.set_xlabel("temperature (°C)")
    axes.set_ylabel("load $R_L$ ($\\Omega$)")
