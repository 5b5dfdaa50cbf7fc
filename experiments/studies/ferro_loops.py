"""Study: hysteresis loops and coercive field of ferroelectric films against rate and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...envs.style import GREY, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from ...physics.cells.ferroelectric_engine import FerroelectricEngine
from ...physics.cells.film_step import Contact, Film, contact
from ...physics.cells.landau import Landau
from ...physics.cells.materials import HZO, spinodal_field
from .cell_window import spontaneous
from .study import (
    REFERENCE_VALUE,
    Check,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    caption,
    law,
    panel,
    trend,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOURCE = "L. D. Landau, I. M. Khalatnikov, Dokl. Akad. Nauk SSSR 96, 469 (1954); equations derived"
ROOM = 298.15
RIGID = 1e15
"""Heat capacity (J/(m3 K)) with which a film keeps its temperature."""
JUMP, PIECES = 0.03, 32
"""A step that changes P by more than this fraction of P_s is taken again in so many pieces."""
FORM = "closed form"

ABOUT = (
    "Films of one domain in a triangular field, rho dP/dt = E - df/dP, at constant temperature: loops, coercive field "
    "and area. Slowly, the film jumps where its branch ends (spinodal); faster, later: the excess grows as rate^(2/3). "
    "With temperature the loops shrink; of BaTiO3 they split in two above the transition. Numbers of this model: "
    "intrinsic fields of single domains are 3 to 30 times those of real films."
)


class Case(NamedTuple):
    """A material: Landau coefficients, viscosity (Ohm m), amplitude of the field (V/m), rates (Hz)."""

    landau: Landau
    rho: float
    amplitude: float
    rates: tuple[float, ...]


CASES = {
    "PZT_eff": Case(FerroelectricCapacitor().landau, 10.0, 90e6, (1e2, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6)),
    "HZO": Case(HZO.landau, 0.01, 300e6, (1e4, 1e6, 1e7, 3e7, 1e8, 3e8, 1e9)),
    "BaTiO3_LCC": Case(FerroelectricEngine().landau, 1.0, 30e6, (1e2, 1e3, 1e4, 3e4, 1e5, 3e5, 1e6)),
}
REFERENCES = {
    ("PZT_eff", 1e2): (40.14, 109.51),
    ("PZT_eff", 1e6): (81.5, 198.9),
    ("HZO", 1e4): (194.4, 148.13),
    ("HZO", 1e6): (194.7, 148.36),
    ("BaTiO3_LCC", 1e2): (15.195, 15.55),
    ("BaTiO3_LCC", 1e4): (15.42, 15.76),
}
"""Coercive field (MV/m), read on a grid of amplitude/2000, and area (MJ/m3), of the specification."""
WARM = (298.15, 400.0, 500.0, 600.0, 650.0, 700.0, 720.0, 731.0, 740.0)
"""Temperatures of PZT_eff, K."""
TRANSITION = (350.0, 388.15, 396.0, 405.0, 420.0)
"""Temperatures of BaTiO3_LCC: polar, T0, below and above Tc, above the critical end point, K."""
SLOW = 1e2
"""Rate of the loops against temperature, Hz."""
ZOOM = 12e6
"""Amplitude of the loops of BaTiO3 against temperature, V/m."""


class Loops(NamedTuple):
    """The second period of K loops.

    Attributes:
        field, polarisation: at N + 1 times, V/m and C/m2, (N + 1, K).
        coercive: field at which P crosses zero on the way up, V/m, (K,); NaN if it does not.
        area: closed integral of E dP, J/m3, (K,).
        heat: dissipated, J/m3, (K,).
    """

    field: np.ndarray
    polarisation: np.ndarray
    coercive: np.ndarray
    area: np.ndarray
    heat: np.ndarray


def loops(case: Case, amplitude: np.ndarray, rate: np.ndarray, temperature: np.ndarray, steps: int) -> Loops:
    """Loops of K films of one material, which start at -P_s and at zero field, rising; ``steps`` per quarter."""
    own, base = case.landau, float(temperature.min())
    film = Film(own.a0, own.T0, own.b, own.c, own.d, RIGID, case.rho, base, (1e-8 * spontaneous(own, base), 1e-8))
    p, theta = np.array([-spontaneous(own, t) for t in temperature]), temperature - base
    count = 4 * steps
    times = np.arange(count + 1) / count
    wave = np.interp(times, [0.0, 0.25, 0.75, 1.0], [0.0, 1.0, -1.0, 0.0])
    h, largest = 1.0 / (rate * count), JUMP * spontaneous(own, base)
    path = np.empty((2 * count + 1, len(p)))
    path[0] = p
    area, heat = np.zeros(len(p)), np.zeros(len(p))
    for j in range(2 * count):
        span = amplitude * wave[j % count], amplitude * wave[j % count + 1]
        done = _step(film, p, theta, span, h, largest)
        p, theta = done.p, done.theta
        path[j + 1] = p
        if j >= count:
            area -= done.delivered
            heat += done.dissipated
    path = path[count:]
    field = np.outer(wave, amplitude)
    return Loops(field, path, np.array([_crossing(e, y) for e, y in zip(field.T, path.T, strict=True)]), area, heat)


def _step(
    film: Film, p: np.ndarray, theta: np.ndarray, span: tuple[np.ndarray, np.ndarray], h: np.ndarray, largest: float
) -> Contact:
    """One step of each film; those that jump are resolved."""
    # without contact the temperature of the bath does not matter
    done = contact(film, p, theta, span, 0.0, ROOM, [h])
    pieces = 1
    again = ~(np.abs(done.p - p) < largest)
    while again.any():
        pieces *= PIECES
        r = np.flatnonzero(again)
        fine = contact(film, p[r], theta[r], (span[0][r], span[1][r]), 0.0, ROOM, [h[r] / pieces] * pieces)
        for whole, part in zip(done, fine, strict=True):
            whole[r] = part
        again = np.isnan(done.p)
    return done


def _crossing(field: np.ndarray, p: np.ndarray) -> float:
    """Field at which P rises through zero."""
    found = np.flatnonzero((p[:-1] < 0.0) & (p[1:] >= 0.0))
    if not len(found):
        return np.nan
    i = int(found[0])
    return float(np.interp(0.0, p[i : i + 2], field[i : i + 2]))


def run(settings: Settings) -> StudyResult:
    """Do it; nothing is random here. The steps of a loop follow from the samples, up to 2000 per quarter."""
    steps = int(np.clip(settings.samples // 10, 200, 2000))
    rates = {
        name: loops(case, np.full(len(case.rates), case.amplitude), np.array(case.rates),
                    np.full(len(case.rates), ROOM), steps)
        for name, case in CASES.items()
    }  # fmt: skip
    pzt, bto = CASES["PZT_eff"], CASES["BaTiO3_LCC"]
    warm, split = np.array(WARM), np.array(TRANSITION)
    heated = loops(pzt, np.full(len(warm), pzt.amplitude), np.full(len(warm), SLOW), warm, steps)
    double = loops(bto, np.full(len(split), ZOOM), np.full(len(split), SLOW), split, steps)

    checks: list[Check] = []
    for (name, rate), (field, area) in REFERENCES.items():
        k, found, grid = CASES[name].rates.index(rate), rates[name], CASES[name].amplitude * 1e-6
        checks += [
            Check("E_c", f"coercive field of {name} at {rate:g} Hz (MV/m)", found.coercive[k] * 1e-6, field,
                  grid / 2000.0 + grid / steps, REFERENCE_VALUE),
            Check("area", f"area of the loop of {name} at {rate:g} Hz (MJ/m3)", found.area[k] * 1e-6, area,
                  1e-3 * area, REFERENCE_VALUE),
        ]  # fmt: skip
    for name, found in rates.items():
        limit = spinodal_field(CASES[name].landau, ROOM)
        checks += [
            agreement("heat", f"largest |heat / area - 1|, {name}", np.abs(found.heat / found.area - 1.0).max(), 0.0,
                      1e-3),
            Check("slow", f"E_c / spinodal field of {name}, slowest loop", found.coercive[0] / limit, 1.0, 0.02, FORM),
            trend("faster", f"least increase of E_c with the rate, {name} (MV/m)",
                  np.diff(found.coercive).min() * 1e-6, -CASES[name].amplitude * 1e-6 / steps, "Landau-Khalatnikov"),
            law("heat", f"least heat, {name} (MJ/m3)", found.heat.min() * 1e-6),
        ]  # fmt: skip
    excess = rates["PZT_eff"].coercive[2:5] - spinodal_field(pzt.landau, ROOM)
    slope = float(np.polyfit(np.log(pzt.rates[2:5]), np.log(excess), 1)[0])
    quasi = np.array([_coercive(pzt.landau, t) for t in warm])
    known = ~np.isnan(heated.coercive)
    checks += [
        Check("2/3", "exponent of E_c - E_sp against the rate, PZT_eff, 3 to 30 kHz", slope, 2.0 / 3.0, 0.05,
              "delayed fold, asymptotic"),
        Check("E_c(T)", "largest |E_c - closed form| of PZT_eff, 298 to 740 K (MV/m)",
              np.abs(heated.coercive[known] - quasi[known]).max() * 1e-6, 0.0, 0.5, FORM, "<="),
        Check("above Tc", "area of PZT_eff at 740 K / at 298 K", heated.area[-1] / heated.area[0], 0.0, 1e-3, FORM,
              "<="),
        trend("double", "area of BaTiO3_LCC at 405 K, above Tc (MJ/m3)", double.area[3] * 1e-6, 0.05, FORM),
        Check("double", "|P| at zero field there (C/m2)", float(np.abs(double.polarisation[2 * steps, 3])), 0.0, 1e-3,
              FORM, "<="),
        Check("end", "area of BaTiO3_LCC at 420 K / at 350 K, above the critical end point",
              double.area[4] / double.area[0], 0.0, 5e-3, FORM, "<="),
    ]  # fmt: skip

    table = Table(("material", "rate_Hz", "T_K", "E_c_MV/m", "area_MJ/m3", "E_MV/m", "P_C/m2"))
    every = max(1, steps // 100)
    for name, found in rates.items():
        _add(table, name, CASES[name].rates, [ROOM] * len(CASES[name].rates), found, every)
    _add(table, "PZT_eff", [SLOW] * len(warm), WARM, heated, every)
    _add(table, "BaTiO3_LCC", [SLOW] * len(split), TRANSITION, double, every)
    return StudyResult(_figure(rates, heated, double), table, tuple(checks))


def _coercive(film: Landau, temperature: float) -> float:
    """(2/(3 sqrt 3)) |a| P_s below T0, V/m."""
    below = max(film.T0 - temperature, 0.0)
    return 2.0 / (3.0 * np.sqrt(3.0)) * film.a0 * below * float(np.sqrt(film.a0 * below / film.b))


def _add(table: Table, name: str, rates: tuple[float, ...] | list[float], temperatures: tuple[float, ...] | list[float],
         found: Loops, every: int) -> None:  # fmt: skip
    for k, (rate, t) in enumerate(zip(rates, temperatures, strict=True)):
        coercive = "" if np.isnan(found.coercive[k]) else found.coercive[k] * 1e-6
        e, p = found.field[::every, k] * 1e-6, found.polarisation[::every, k]
        table.add(name, rate, t, coercive, found.area[k] * 1e-6, e, p)


@styled
def _figure(rates: dict[str, Loops], heated: Loops, double: Loops) -> Figure:
    figure = new_figure(PAGE, 5.0)
    (a, b), (c, d) = add_axes(figure, 2, 2)
    pzt = CASES["PZT_eff"]
    panel(a, "a", "PZT_eff at 298 K")
    _s_curve(a, pzt.landau, ROOM, 0.82)
    for k, name, (colour, dashes) in zip((0, 4, 5, 7), ("100 Hz", "30 kHz", "100 kHz", "1 MHz"), SERIES, strict=True):
        found = rates["PZT_eff"]
        a.plot(found.field[:, k] * 1e-6, found.polarisation[:, k], color=colour, linestyle=dashes, label=name)
    a.set_xlim(-90.0, 90.0)
    a.set_xlabel("field $E$ (MV/m)")
    a.set_ylabel("polarisation $P$ (C/m$^2$)")
    a.legend(loc="upper left", handlelength=1.6, borderaxespad=0.1)

    panel(b, "b", "coercive field against rate")
    zero_line(b)
    for (name, found), (colour, dashes), mark in zip(rates.items(), SERIES, "osD", strict=False):
        limit = spinodal_field(CASES[name].landau, ROOM)
        b.plot(CASES[name].rates, found.coercive / limit, mark, color=colour, linestyle=dashes, markersize=3,
               label=f"{name}: $E_{{sp}}$ = {limit * 1e-6:.4g} MV/m")  # fmt: skip
    for (name, rate), (field, _) in REFERENCES.items():
        limit = spinodal_field(CASES[name].landau, ROOM) * 1e-6
        b.plot([rate], [field / limit], "o", color=GREY, markersize=7, markerfacecolor="none", markeredgewidth=0.7)
    b.axhline(1.0, color=GREY, linewidth=0.6, zorder=0)
    b.set_xscale("log")
    b.set_ylim(0.9, 2.7)
    b.set_xlabel("frequency $f$ (Hz)")
    b.set_ylabel("$E_c$ / spinodal field $E_{sp}$")
    b.legend(loc="upper left")

    panel(c, "c", "BaTiO$_3$ towards and above $T_c$ = 398.1 K, 100 Hz")
    for k, (t, (colour, dashes)) in enumerate(zip(TRANSITION, [*SERIES, ("#4c4f9c", "-")], strict=True)):
        c.plot(double.field[:, k] * 1e-6, double.polarisation[:, k], color=colour, linestyle=dashes, linewidth=1.1,
               label=f"{t:g} K")  # fmt: skip
    c.set_xlim(-8.0, 8.0)
    c.set_xlabel("field $E$ (MV/m)")
    c.set_ylabel("polarisation $P$ (C/m$^2$)")
    c.legend(loc=(0.66, 0.12))

    panel(d, "d", "PZT_eff towards $T_0 = T_c$ = 732 K, 100 Hz")
    t = np.linspace(WARM[0], pzt.landau.T0, 200)
    d.plot(t, [_coercive(pzt.landau, x) * 1e-6 for x in t], color=INK, label=r"$2|a|P_s/(3\sqrt{3})$")
    known = ~np.isnan(heated.coercive)
    d.plot(np.array(WARM)[known], heated.coercive[known] * 1e-6, "o", color=SERIES[1][0], markersize=4,
           label="$E_c$ of the loop")  # fmt: skip
    d.axvline(pzt.landau.T0, color=GREY, linewidth=0.6)
    d.set_xlim(280.0, 745.0)
    d.set_ylim(0.0, None)
    d.set_xlabel("temperature $T$ (K)")
    d.set_ylabel("coercive field $E_c$ (MV/m)")
    area = d.twinx()
    area.spines["right"].set_visible(True)
    area.tick_params(labelsize=7.0, width=0.6, length=3.0, colors=SERIES[2][0])
    area.plot(WARM, heated.area * 1e-6, "s", color=SERIES[2][0], markersize=3.5, markerfacecolor="none", label="area")
    area.set_ylim(0.0, None)
    area.set_ylabel("area of the loop (MJ/m$^3$)", color=SERIES[2][0])
    lines = [*d.get_legend_handles_labels()[0], *area.get_legend_handles_labels()[0]]
    d.legend(handles=lines, loc="lower left")
    caption(
        figure,
        "Grey in (a): $E = \\partial f/\\partial P$. Circles in (b): reference values. PZT_eff: an assumed set with "
        "$P_r$ = 0.7 C/m$^2$, $E_c$ = 40 MV/m, $\\rho$ = 10 $\\Omega$m; HZO: FerroX input file, $T_0$ assumed, $\\rho$ "
        "= 0.01 $\\Omega$m; BaTiO$_3$: Li, Cross, Chen (2005), $\\rho$ = 1 $\\Omega$m assumed. Single domains, no "
        "nucleation: fields are intrinsic, 3 to 30 times those of real films. Numbers of this model.",
    )
    return figure


def _s_curve(axes: Axes, film: Landau, temperature: float, largest: float) -> None:
    p = np.linspace(-largest, largest, 400)
    axes.plot(film.field(p, temperature) * 1e-6, p, color=GREY, linewidth=0.8, zorder=0)
    zero_line(axes)


TITLE = "hysteresis loops and coercive field against rate and temperature"
STUDY = Study("ferroelectric-loops", TITLE, SOURCE, ABOUT, run)
