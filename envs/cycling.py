"""Cells on a cycler, with pictures: ``simulate`` runs a protocol, its result can ``plot`` itself.

from szilard.envs.cycling import simulate
from szilard.physics.cells.double_layer_cell import DoubleLayerCell

run = simulate(DoubleLayerCell(), ["Discharge at C/2 until 2.5 V", "Charge at 1 mA until 3.5 V, hold until 50 uA"])
run["terminal.voltage"], run.summary(), run.to_csv("run.csv"), run.plot("run.png")
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..physics.cells.cycler.runner import Runner
from ..physics.cells.cycler.solution import Solution
from ..physics.cells.cycler.steps import Repeat, Step
from ..physics.cells.electrical import ElectricalCell
from ..physics.control import FloatArray
from .style import GREY, INK, PAGE, PREFIXES, SERIES, add_axes, bath_looks, new_figure, prefix, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
"""Units of time, for runs of at least three of them; below that seconds have a prefix."""
MOST_MARKS = 12
"""Steps that are marked in a picture; more would hide the curves."""


class Simulation(Solution):
    """A ``Solution`` that draws itself."""

    def plot(self, path: str | Path | None = None) -> Figure:
        """Voltage, current, temperature and ledger over time, and the impedance if it was measured.

        Args:
            path: file to write, .png, .svg or .pdf; default: none.
        """
        figure = _draw(self)
        if path is not None:
            figure.savefig(path, metadata={"Title": self.cell.title} if str(path).endswith((".png", ".svg")) else None)
        return figure


def simulate(
    cell: ElectricalCell,
    protocol: str | Step | Repeat | Iterable[str | Step | Repeat],
    start: FloatArray | None = None,
    **settings: Any,
) -> Simulation:
    """Run ``protocol`` on ``cell``.

    Args:
        cell: any electrical cell.
        protocol: strings or steps, see ``physics.cells.cycler``.
        start: variables and temperature above ambient, shape (n_x + 1,); default: the usual start of the cell.
        settings: those of ``physics.cells.cycler.runner.Runner``.

    Raises:
        ParameterError: for a bad protocol, start or setting.
    """
    found = Runner(cell, **settings).run(protocol, start)
    return Simulation(**{f.name: getattr(found, f.name) for f in fields(found)})


@styled
def _draw(run: Solution) -> Figure:
    rows = 2 + bool(run.spectra)
    figure = new_figure(PAGE, 2.1 * rows)
    axes = add_axes(figure, rows, 2)
    time, unit = _in_time(run.time)
    for one, draw in zip(axes[:2].flat, (_voltages, _current, _temperature, _ledger), strict=True):
        draw(one, run, time)
        one.set_xlim(time[0], time[-1] if time[-1] > time[0] else time[0] + 1.0)
        _mark_steps(one, run, time)
    for one in axes[1]:
        one.set_xlabel(f"time ({unit})")
    if run.spectra:
        _impedances(axes[2, 0], axes[2, 1], run)
    figure.align_ylabels(list(axes[:, 0]))
    figure.align_ylabels(list(axes[:, 1]))
    return figure


def _voltages(axes: Axes, run: Solution, time: FloatArray) -> None:
    inner = [n for n in run.names if n.endswith(".voltage") and n not in ("terminal.voltage", "cell.voltage")]
    names = ["terminal.voltage", *inner]
    scale, unit = _prefix(np.concatenate([run[n] for n in names]), "V")
    for name, (colour, dashes) in zip(names, SERIES, strict=False):
        axes.plot(time, run[name] / scale, color=colour, linestyle=dashes, label=name.removesuffix(".voltage"))
    axes.set_ylabel(f"voltage ({unit})")
    _legend_above(axes, 3)


def _current(axes: Axes, run: Solution, time: FloatArray) -> None:
    scale, unit = _prefix(run["terminal.current"], _pretty(run.unit("terminal.current")))
    axes.plot(time, run["terminal.current"] / scale, color=INK)
    axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
    axes.set_ylabel(f"current ({unit})")


def _temperature(axes: Axes, run: Solution, time: FloatArray) -> None:
    above = run["temperature"] - run.cell.ambient
    scale, unit = _prefix(above, "K")
    axes.plot(time, above / scale, color=INK)
    axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
    axes.set_ylabel(f"temperature above ambient ({unit})")


def _ledger(axes: Axes, run: Solution, time: FloatArray) -> None:
    curves: list[tuple[str, FloatArray, str, Any]] = [("work delivered", run["ledger.delivered"], INK, "-")]
    for look, name in zip(bath_looks(run.cell), run.cell.bath_names, strict=True):
        where = look.label if name in ("cold", "hot") else name
        curves.append((f"heat to {where}", run[f"ledger.heat_to.{name}"], look.colour, "-"))
    (_, _), (first, dashed), (second, dotted), *_ = SERIES
    curves.append(("given up by the cell", -run["ledger.energy"], first, dashed))
    if "ledger.chemical" in run.names:
        curves.append(("released by the reactions", run["ledger.chemical"], second, dotted))
    scale, unit = _prefix(np.concatenate([c[1] for c in curves]), _pretty(run.unit("ledger.delivered")))
    for name, values, colour, dashes in curves:
        axes.plot(time, values / scale, color=colour, linestyle=dashes, label=name)
    axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
    axes.set_ylabel(f"energy since the start ({unit})")
    _legend_above(axes, 2)


def _legend_above(axes: Axes, columns: int) -> None:
    """Curves go everywhere inside."""
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.2, columnspacing=1.2)


def _mark_steps(axes: Axes, run: Solution, time: FloatArray) -> None:
    if 1 < len(run.endings) <= MOST_MARKS:
        for ending in run.endings[1:]:
            axes.axvline(time[ending.first], color=GREY, linewidth=0.5, linestyle=(0, (1, 2)), zorder=0)


def _impedances(plane: Axes, size: Axes, run: Solution) -> None:
    """Nyquist plot, and the absolute value over the frequency."""
    ohm = "Ω" if not run.cell.per_area else f"Ω {_pretty(run.cell.per_area.removeprefix('/'))}"
    everything = np.concatenate([s.impedance for s in run.spectra])
    scale, unit = _prefix(np.abs(everything), ohm)
    for k, spectrum in enumerate(run.spectra):
        colour, _ = SERIES[k % len(SERIES)]
        z, label = spectrum.impedance / scale, f"step {spectrum.step}, cycle {spectrum.cycle}"
        plane.plot(z.real, -z.imag, color=colour, marker="o", markersize=2.5, linewidth=0.7, label=label)
        size.loglog(spectrum.frequency, np.abs(z), color=colour, marker="o", markersize=2.5, linewidth=0.7)
    plane.set_xlabel(f"Re Z ({unit})")
    plane.set_ylabel(f"−Im Z ({unit})")
    plane.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
    plane.set_aspect("equal", adjustable="datalim")
    size.set_xlabel("frequency (Hz)")
    size.set_ylabel(f"|Z| ({unit})")
    if len(run.spectra) > 1:
        plane.legend(loc="best")


def _pretty(unit: str) -> str:
    return unit.replace("cm2", "cm²")


def _prefix(values: FloatArray, unit: str) -> tuple[float, str]:
    """Scale and unit with the prefix that leaves numbers of order one to a thousand."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0.0:
        return 1.0, unit
    step = prefix(largest * (1.0 + 1e-9), unit)
    return 10.0**step, PREFIXES[step] + unit


def _in_time(time: FloatArray) -> tuple[FloatArray, str]:
    for scale, unit in TIMES:
        if time[-1] >= 3.0 * scale:
            return time / scale, unit
    scale, unit = _prefix(time, "s")
    return time / scale, unit
