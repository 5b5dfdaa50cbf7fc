"""Study: spontaneous polarisation and the window of negative capacitance against temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...envs.style import GREY, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from ...physics.cells.ferroelectric_engine import FerroelectricEngine
from ...physics.cells.landau import Landau
from ...physics.cells.materials import critical_end_point, negative_window, transition, upper_spinodal
from .study import (
    REFERENCE_VALUE,
    TREND,
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

SOURCE = "Landau's theory; trend of G. A. Salvatore et al., Appl. Phys. Lett. 100, 163504 (2012), known from a review"
SHADE = "#d98a00"
"""Colour of the window."""
REVIEW = "a review, J. Mater. Chem. A 12, 690 (2024)"
SECOND, FIRST = FerroelectricCapacitor().landau, FerroelectricEngine().landau
"""A film whose transition is of second order (PZT_eff), and one whose transition is of first order (BaTiO3)."""
CURVES = (388.15, 393.15, 398.147, 405.0, 414.4984)
"""Temperatures of the field curves: T0, between T0 and Tc, Tc, above Tc, critical end point; K."""

ABOUT = (
    "Where the Landau polynomial has a negative curvature, the capacitance is negative: between the spinodals. With a "
    "transition of second order the window |P| < P_s/sqrt(3) closes like sqrt(T0 - T); with one of first order it "
    "splits in two above T0 and closes at the critical end point, above the transition. Numbers of this model, for "
    "single-domain films; that the window narrows towards Tc is reported in a review."
)


class Points(NamedTuple):
    """Temperatures (K) and polarisations (C/m2) where a transition of first order changes its character."""

    transition: tuple[float, float]
    """Where the polar and the non-polar phase have the same free energy."""
    limit: tuple[float, float]
    """Up to where the polar phase is metastable without a field."""
    end: tuple[float, float]
    """Critical end point: the last negative capacitance."""


def points(film: Landau) -> Points:
    """In closed form: with q = P^2 each is a quadratic, from which the temperature follows.

    Subtracting a from f = 0 and df/dP = 0 leaves b/2 + 2 c q/3 + 3 d q^2/4 = 0; likewise for the others.
    """

    def at(quadratic: tuple[float, float, float], powers: tuple[float, float, float]) -> tuple[float, float]:
        q = float(max(np.real(np.roots(quadratic))))
        a = -(powers[0] * film.b * q + powers[1] * film.c * q**2 + powers[2] * film.d * q**3)
        return film.T0 + a / film.a0, float(np.sqrt(q))

    b, c, d = film.b, film.c, film.d
    return Points(
        at((0.75 * d, 2.0 * c / 3.0, 0.5 * b), (1.0, 1.0, 1.0)),
        at((6.0 * d, 4.0 * c, 2.0 * b), (1.0, 1.0, 1.0)),
        at((42.0 * d, 20.0 * c, 6.0 * b), (3.0, 5.0, 7.0)),
    )


def spontaneous(film: Landau, temperature: float) -> float:
    """Polarisation of the polar phase without a field, stable or metastable, C/m2; 0 without one."""
    q = np.roots([film.d, film.c, film.b, film.a0 * (temperature - film.T0)])
    real = np.real(q[np.abs(np.imag(q)) <= 1e-9 * np.abs(q)])
    return float(np.sqrt(max(real.max(initial=0.0), 0.0)))


def run(settings: Settings) -> StudyResult:
    """Do it; nothing is random here."""
    special = points(FIRST)
    t_second = np.concatenate([np.linspace(200.0, 720.0, 105), SECOND.T0 - np.geomspace(10.0, 1e-3, 60)])
    below, above = np.linspace(280.0, FIRST.T0, 80), np.linspace(FIRST.T0, special.end[0], 120)
    t_first = np.concatenate([below, above[1:] - 1e-9])
    found = {
        name: (t, np.array([negative_window(film, x) for x in t]), np.array([spontaneous(film, x) for x in t]))
        for name, film, t in (("PZT_eff", SECOND, t_second), ("BaTiO3_LCC", FIRST, t_first))
    }
    t, edges, p_s = found["PZT_eff"]
    closed = np.sqrt(SECOND.a0 * (SECOND.T0 - t) / (3.0 * SECOND.b))
    near = np.log(closed[-30:]), np.log(SECOND.T0 - t[-30:])
    exponent = float(np.polyfit(near[1], np.log(edges[-30:, 1]), 1)[0])
    width = np.diff(found["BaTiO3_LCC"][1], axis=1)[:, 0]
    two_sided = negative_window(FIRST, 392.0)
    rows = ((298.15, 0.4041), (400.0, 0.3536), (600.0, 0.2231), (725.0, 0.0522))
    checks = (
        *(
            Check("P_NC", f"P_NC of PZT_eff at {x:g} K (C/m2)", negative_window(SECOND, x)[1], value, 6e-5,
                  REFERENCE_VALUE)
            for x, value in rows
        ),
        *(
            Check("width", f"width of the window of BaTiO3_LCC at {x:g} K (C/m2)",
                  float(np.diff(negative_window(FIRST, x))[0]), value, 6e-5, REFERENCE_VALUE)
            for x, value in ((298.15, 0.1936), (388.15, 0.1622))
        ),
        Check("two-sided", "lower edge of BaTiO3_LCC at 392 K (C/m2)", two_sided[0], 0.036, 6e-4, REFERENCE_VALUE),
        Check("two-sided", "upper edge of BaTiO3_LCC at 392 K (C/m2)", two_sided[1], 0.160, 6e-4, REFERENCE_VALUE),
        Check("Tc", "transition of BaTiO3_LCC (K)", special.transition[0], 398.147, 6e-4, REFERENCE_VALUE),
        Check("end", "critical end point of BaTiO3_LCC (K)", special.end[0], 414.4984, 6e-5, REFERENCE_VALUE),
        Check("end", "polarisation there (C/m2)", special.end[1], 0.120822, 6e-7, REFERENCE_VALUE),
        Check("P_s", "P_s of BaTiO3_LCC at 298.15 K (C/m2)", spontaneous(FIRST, 298.15), 0.25999, 6e-6,
              REFERENCE_VALUE),
        agreement("second order", "largest |P_NC - sqrt(-a/3b)| (C/m2)", np.abs(edges[:, 1] - closed).max(), 0.0,
                  1e-9),
        agreement("second order", "largest |P_NC - P_s/sqrt(3)| (C/m2)",
                  np.abs(edges[:, 1] - p_s / np.sqrt(3.0)).max(), 0.0, 1e-9),
        agreement("exponent", "of the closing window, second order", exponent, 0.5, 1e-6),
        agreement("Tc", "free energy of the polar phase there (J/m3)",
                  float(FIRST.free_energy(spontaneous(FIRST, special.transition[0]), special.transition[0])), 0.0, 1.0),
        *(
            agreement("T", f"{what} of BaTiO3_LCC, against the table of materials (K)", mine[0], other(FIRST), 1e-7)
            for what, mine, other in zip(
                ("transition", "limit of metastability", "critical end point"), special,
                (transition, upper_spinodal, critical_end_point), strict=True)
        ),
        trend("narrows", "least decrease of P_NC per step, PZT_eff (C/m2)", -np.diff(edges[:, 1]).max(), 0.0,
              TREND),
        trend("narrows", "least decrease of the width per step, BaTiO3_LCC (C/m2)", -np.diff(width).max(), 0.0,
              TREND),
    )  # fmt: skip
    table = Table(("material", "T_K", "P_s_C/m2", "lower_edge_C/m2", "upper_edge_C/m2"))
    for name, (temperature, edge, polar) in found.items():
        table.add(name, temperature, polar, edge[:, 0], edge[:, 1])
    return StudyResult(_figure(found, special), table, checks)


@styled
def _figure(found: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], special: Points) -> Figure:
    figure = new_figure(PAGE, 3.0)
    left, middle, right = add_axes(figure, 1, 3)[0]
    for axes, letter, title, (t, edges, p_s) in zip(
        (left, middle), "ab", ("second order: PZT_eff", "first order: BaTiO$_3$"), found.values(), strict=True
    ):
        panel(axes, letter, title)
        for sign in (1.0, -1.0):
            axes.fill_between(t, sign * edges[:, 0], sign * edges[:, 1], color=SHADE, alpha=0.3, linewidth=0)
            axes.plot(t, sign * edges[:, 1], color=SHADE, linewidth=1.0, linestyle=(0, (5, 1.5)))
            inner = np.where(edges[:, 0] > 0.0, edges[:, 0], np.nan)
            axes.plot(t, sign * inner, color=SHADE, linewidth=1.0, linestyle=(0, (5, 1.5)))
            stable = (t <= special.transition[0]) | (axes is left)
            axes.plot(t[stable], sign * p_s[stable], color=INK)
            meta = ~stable & (t <= special.limit[0])
            axes.plot(t[meta], sign * p_s[meta], color=INK, linestyle=(0, (1.2, 1.2)))
        zero_line(axes)
        axes.set_xlabel("temperature $T$ (K)")
    left.set_xlim(200.0, 760.0)
    left.axvline(SECOND.T0, color=GREY, linewidth=0.6)
    left.annotate("$T_0 = T_c$", (SECOND.T0, 0.78), (-3, 0), textcoords="offset points", ha="right", fontsize=7)
    left.annotate("$C_F < 0$", (330.0, 0.0), fontsize=8, ha="center", va="center")
    left.annotate("$P_s$", (400.0, 0.65), fontsize=8)
    left.annotate("$P_{NC}$", (400.0, 0.37), fontsize=8, color="#8f5b00")
    left.set_ylabel("polarisation $P$ (C/m$^2$)")
    middle.set_xlim(340.0, 420.0)
    middle.set_ylim(-0.29, 0.29)
    for x, name in ((FIRST.T0, "$T_0$"), (special.transition[0], "$T_c$"), (special.end[0], "end point")):
        middle.axvline(x, color=GREY, linewidth=0.6)
        middle.annotate(name, (x, -0.28), (-2, 0), textcoords="offset points", ha="right", fontsize=7, rotation=90)
    middle.annotate("$C_F < 0$", (362.0, 0.0), fontsize=8, ha="center", va="center")
    _field_curves(right)
    caption(
        figure,
        "Shaded: negative capacitance, $\\partial^2 f/\\partial P^2 < 0$. Full: polarisation without a field; dotted: "
        "metastable. (c): $E = \\partial f/\\partial P$, thick where the capacitance is negative; above $T_0$ on both "
        "sides of zero. Single-domain film, Landau theory; coefficients of BaTiO$_3$: Li, Cross, Chen, J. Appl. Phys. "
        "98, 064101 (2005); PZT_eff: an assumed set with $P_r$ = 0.7 C/m$^2$, $E_c$ = 40 MV/m. Numbers of this model.",
    )
    return figure


def _field_curves(axes: Axes) -> None:
    panel(axes, "c", "BaTiO$_3$: field curves")
    zero_line(axes)
    p = np.linspace(-0.215, 0.215, 861)
    looks = [*SERIES, ("#4c4f9c", "-")]
    names = ("$T_0$ = 388.15", "393.15", "$T_c$ = 398.15", "405", "end point, 414.50")
    for t, name, (colour, _) in zip(CURVES, names, looks, strict=True):
        e = FIRST.field(p, t) * 1e-6
        axes.plot(p, e, color=colour, linewidth=0.9, label=f"{name} K")
        negative = FIRST.stiffness(p, t) < 0.0
        axes.plot(p, np.where(negative, e, np.nan), color=colour, linewidth=2.6, solid_capstyle="butt")
    axes.set_ylim(-4.0, 6.0)
    axes.set_xlim(p[0], p[-1])
    axes.set_xlabel("polarisation $P$ (C/m$^2$)")
    axes.set_ylabel("field $E$ (MV/m)")
    axes.legend(fontsize=6, loc="upper left", handlelength=1.2, borderaxespad=0.0)


TITLE = "spontaneous polarisation and the window of negative capacitance towards the transition"
STUDY = Study("negative-capacitance-window", TITLE, SOURCE, ABOUT, run)
