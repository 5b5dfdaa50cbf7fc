"""Study: where the joules of the self-cycling cell come from over one period, and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...envs.style import AGENT, COLD, GREY, HOT, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.cells.self_cycling_cell import SelfCyclingCell
from .cell_oscillation import LOAD, SOURCE, chemical, produced
from .cell_tools import Played, laws, play, voltage
from .cell_window import SHADE
from .study import (
    REFERENCE_VALUE,
    Check,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    caption,
    panel,
    trend,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

START, PERIOD = 3 * 3600.0, 4041.775
"""Beginning and length of the period, s."""
COARSE = 20000
"""Fewer samples than this: larger steps."""
CHANNELS = {"anode": HOT, "cathode": SERIES[1][0], "interface": AGENT, "electrolyte": SERIES[2][0]}

ABOUT = (
    "One period of the self-cycling cell under 1.8 kOhm. All energy comes from the fuel: what its exergy does not "
    "deliver to the load is dissipated, channel by channel, and becomes heat for the bath, with the bound energy of "
    "the anode's reaction. Double layers and interface only take and give back: the self-charge is paid by the fuel "
    "while it happens. Numbers of this model, which is not fitted to any cell."
)


class Period(NamedTuple):
    """Energies of one period, J.

    Attributes:
        fuel: fall of the internal energy of the reactants.
        exergy: of it, what the reactions can deliver.
        bound: of it, T times the fall of their entropy, heat that no cell avoids.
        work: to the load.
        heat: to the bath.
        dissipated: by channel.
        stored: change of the free energy of double layers and interface; small, for the cycle closes.
        latent: change of T_a times the entropy of the interface.
        warmed: change of the thermal energy of the cell.
        loan: largest less least stored.
    """

    fuel: float
    exergy: float
    bound: float
    work: float
    heat: float
    dissipated: dict[str, float]
    stored: float
    latent: float
    warmed: float
    loan: float


def stored(cell: SelfCyclingCell, run: Played) -> np.ndarray:
    """Free energy of double layers and interface at T_a, at all times, J."""
    q_a, y, q_c = (run.x[:, i, 0] for i in range(3))
    a = cell.a0 * (cell.T_a - cell.Tc)
    well = 0.5 * a * y**2 + 0.25 * cell.b * y**4 + cell.V_b * y
    return (q_a - y) ** 2 / (2.0 * cell.C_A) + q_c**2 / (2.0 * cell.C_C) + well


def period(cell: SelfCyclingCell, run: Played) -> Period:
    """Add up."""
    dissipated = run.dissipated[:, :, 0].sum(axis=0)
    channels = dict(zip(cell.channels, dissipated.tolist(), strict=True))
    work, heat = float(run.delivered.sum()), -float(run.heat.sum())
    kept = float(np.diff(stored(cell, run)[[0, -1]])[0])
    warmed = cell.C_th * float(run.theta[-1, 0] - run.theta[0, 0])
    y = run.x[[0, -1], 1, 0]
    latent = -0.5 * cell.a0 * cell.T_a * float(y[1] ** 2 - y[0] ** 2)
    exergy = float(chemical(cell, run).sum())
    # the first law, with the state functions of the reactants
    before, after = (_reactants(cell, run.x[k, :, 0]) for k in (0, -1))
    fuel = before - after
    return Period(
        fuel, exergy, fuel - exergy, work, heat, channels, kept, latent, warmed, float(np.ptp(stored(cell, run)))
    )


def _reactants(cell: SelfCyclingCell, x: np.ndarray) -> float:
    """Internal energy of what is left of the fuel, up to a constant, J."""
    return -(cell.E_A - cell.e_A * cell.T_r) * float(x[3]) - (cell.E_C - cell.e_C * cell.T_r) * float(x[4])


def run(settings: Settings) -> StudyResult:
    """Do it; nothing is random here."""
    steps = 400 if settings.samples < COARSE else 1600
    cell = SelfCyclingCell()
    load = np.log10([[LOAD]])
    before = play(cell, cell.start()[:, None], np.zeros(1), load, 10.0, round(START / 10.0))
    one = play(cell, before.x[-1], before.theta[-1], load, PERIOD / steps, steps)
    found = period(cell, one)
    loss = sum(found.dissipated.values())
    kept = stored(cell, one)
    checks = (
        Check("W", "work per period (J)", found.work, 2.21871, 1e-3, REFERENCE_VALUE),
        Check("Q", "heat to the bath per period (J)", found.heat, 1.34591, 1e-3, REFERENCE_VALUE),
        Check("chemical", "chemical exergy per period (J)", found.exergy, 3.36536, 2e-3, REFERENCE_VALUE),
        Check("dissipated", "T_a x entropy produced inside (J)", cell.T_a * produced(cell, one), 1.14665, 1e-3,
              REFERENCE_VALUE),
        Check("efficiency", "work / chemical exergy (%)", 100.0 * found.work / found.exergy, 65.9, 0.06,
              REFERENCE_VALUE),
        agreement("first law", "fuel - work - heat - what is kept (J)",
                  found.fuel - found.work - found.heat - found.stored - found.latent - found.warmed, 0.0, 1e-10),
        agreement("exergy", "exergy - work - dissipation - what is kept (J)",
                  found.exergy - found.work - loss - found.stored, 0.0, 1e-5),
        agreement("heat", "heat + what is kept of it - dissipation - bound energy (J)",
                  found.heat + found.warmed + found.latent - loss - found.bound, 0.0,
                  1e-5),
        agreement("cycle", "what double layers and interface keep of a period (J)", found.stored, 0.0, 5e-3),
        trend("loan", "what they take and give back in a period (J)", found.loan, 0.1, "the same run"),
        Check("fuel", "work / chemical exergy", found.work / found.exergy, 1.0, 0.0, "second law", "<="),
        *laws("one period", cell, one),
    )  # fmt: skip
    volts, _ = voltage(cell, one)
    table = Table(("quantity", "t_s", "V_V", "stored_J", "P_load_W", "P_dissipated_W", "J_or_P_fuel_W"))
    names = ("fuel", "exergy", "bound", "work", "heat", "stored", "latent", "warmed", "loan")
    for name in names:
        table.add(f"{name} per period", "", "", "", "", "", getattr(found, name))
    for name, value in found.dissipated.items():
        table.add(f"dissipated per period, {name}", "", "", "", "", "", value)
    h = PERIOD / steps
    power = {
        "fuel": chemical(cell, one) / h,
        "load": one.delivered[:, 0] / h,
        "dissipated": one.dissipated[:, :, 0].sum(axis=1) / h,
        "stored": np.diff(kept) / h,
    }
    middle = 0.5 * (one.times[1:] + one.times[:-1])
    table.add("in time", middle, 0.5 * (volts[1:] + volts[:-1]), kept[1:], power["load"], power["dissipated"],
              power["fuel"])  # fmt: skip
    return StudyResult(_figure(found, middle, power, np.gradient(volts, one.times)), table, checks)


# ---- picture ------------------------------------------------------------------------------------------------------


@styled
def _figure(found: Period, times: np.ndarray, power: dict[str, np.ndarray], slope: np.ndarray) -> Figure:
    figure = new_figure(PAGE, 3.5)
    left, right = add_axes(figure, 1, 2, gridspec_kw={"width_ratios": [1.35, 1.0]})[0]
    _sankey(left, found)
    panel(left, "a", "energy of one period (J)")
    panel(right, "b", "the same in time")
    t = times / 60.0
    rising = 0.5 * (slope[1:] + slope[:-1]) > 0.0
    right.fill_between(t, -2.2, 3.4, where=rising.tolist(), color=SHADE, alpha=0.25, linewidth=0)
    names = {
        "fuel": "exergy of the fuel",
        "load": "load",
        "dissipated": "dissipated",
        "stored": "into double layers, interface",
    }
    looks = {
        "fuel": (INK, "-"),
        "load": (COLD, "-"),
        "dissipated": (HOT, (0, (5, 1.5))),
        "stored": (SERIES[2][0], (0, (1.2, 1.2))),
    }
    for key, name in names.items():
        right.plot(t, power[key] * 1e3, color=looks[key][0], linestyle=looks[key][1], label=name)
    zero_line(right)
    right.set_xlim(0.0, t[-1])
    right.set_ylim(-0.95, 3.0)
    right.set_xlabel("time in the period (min)")
    right.set_ylabel("power (mW)")
    right.legend(loc="upper right", handlelength=1.6, borderaxespad=0.2, fontsize=6.5)
    caption(
        figure,
        "Set S2 of a lumped model, assumed, not fitted to any cell; 1.8 k$\\Omega$, from 3 h on, one period of 4042 s. "
        "Widths are energies. Bound energy: T times the entropy that the reaction of the anode loses, heat whatever "
        "the cell does. (b): fuel = load + dissipated + what goes into double layers and interface, at every moment; "
        "shaded: the voltage rises under load, paid by the fuel. Numbers of this model.",
    )
    return figure


def _sankey(axes: Axes, found: Period) -> None:
    """Bands of widths in joule: fuel, what it is split into, and where it ends."""
    axes.set_axis_off()
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(-1.1, found.fuel + 0.45)
    total, work = found.fuel, found.work
    losses = sorted(found.dissipated.items(), key=lambda item: -item[1])
    top = total
    _block(axes, 0.0, 0.35, 0.0, total, INK)
    axes.text(0.0, total + 0.1, f"fuel {total:.3f}", fontsize=7.5)
    axes.text(0.0, -0.95, f"double layers and interface take and give back {found.loan:.3f} J", fontsize=7)
    # the load, on top, goes straight through
    _band(axes, 0.35, 8.6, (top, top + 0.25), work, COLD)
    _block(axes, 8.6, 8.95, top + 0.25 - work, top + 0.25, COLD)
    axes.text(9.05, top + 0.25 - 0.5 * work, f"load\n{work:.3f}\n({100 * work / found.exergy:.1f} % of\nthe exergy)",
              fontsize=7.5, va="center")  # fmt: skip
    level, out, gap = top - work, top - work - 0.02, 0.17
    bath = [*((name, value, CHANNELS[name]) for name, value in losses), ("bound energy", found.bound, GREY)]
    ends = sum(v for _, v, _ in bath)
    bath_top = ends - 0.7
    for name, value, colour in bath:
        _band(axes, 0.35, 4.2, (level, out), value, colour)
        _block(axes, 4.2, 4.4, out - value, out, colour)
        axes.text(4.5, out - 0.5 * value, f"{name} {value:.3f}", fontsize=6.5, va="center", zorder=5)
        _band(axes, 4.4, 8.6, (out, bath_top), value, colour)
        level, out, bath_top = level - value, out - value - gap, bath_top - value
    _block(axes, 8.6, 8.95, bath_top, bath_top + ends, HOT)
    axes.text(9.05, bath_top + 0.5 * ends, f"heat to\nthe bath\n{found.heat:.3f}", fontsize=7.5, va="center")


def _block(axes: Axes, left: float, right: float, low: float, high: float, colour: str) -> None:
    axes.fill_between([left, right], low, high, color=colour, linewidth=0)


def _band(axes: Axes, left: float, right: float, tops: tuple[float, float], width: float, colour: str) -> None:
    """A band of constant width between two heights of its upper edge."""
    x = np.linspace(0.0, 1.0, 60)
    edge = tops[0] + (tops[1] - tops[0]) * x * x * (3.0 - 2.0 * x)
    axes.fill_between(left + (right - left) * x, edge - width, edge, color=colour, alpha=0.35, linewidth=0)


TITLE = "where the joules of the self-cycling cell come from over one period"
STUDY = Study("self-cycling-ledger", TITLE, SOURCE, ABOUT, run)
