"""Study: discharge of the cell with two double layers: plateau, losses, temperature, and the last volts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...envs.style import GREY, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.cells.cycler.runner import run as cycle
from ...physics.cells.cycler.solution import Solution
from ...physics.cells.double_layer_cell import DoubleLayerCell
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
    from matplotlib.figure import Figure

SOURCE = "derived; statements of J. Mater. Chem. A 12, 690 (2024), section 1.1"
CURRENTS = (0.3, 1.0, 3.0, 5.0)
"""mA/cm2."""
REFERENCES = {
    0.3: (35640.2296, 3.406969, 36.385012, 0.497266, 0.0655, 1.1961, -1.1947),
    3.0: (3564.0227, 3.308035, 35.221194, 1.624744, 0.7923, 1.1643, -1.1497),
}
"""Current: time to V = 0 (s), V at x = 0.5 (V), work and heat (J/cm2), largest T - T_a (K), V_AE, V_EC at V = 0 (V)."""
CONDUCTIVITY = {-20.0: 0.148, 0.0: 0.375, 25.0: 1.000, 60.0: 3.05}
"""Temperature (C): conductivity (mS/cm)."""
COARSE = 20000
"""Fewer samples than this: the currents of the reference values only, larger steps."""

ABOUT = (
    "Discharge of the reference cell at constant current until V = 0: a plateau where two phases of the cathode "
    "coexist, and at the end a voltage that falls within 0.1 s, the discharge of one double layer, until the two "
    "cancel. Heat after Bernardi: losses, and the reversible heat of mixing. Numbers of this model: an assumed set, of "
    "no real cell; the statements are those of a review."
)


def run(settings: Settings) -> StudyResult:
    """Do it; nothing is random here."""
    coarse = settings.samples < COARSE
    cell = DoubleLayerCell()
    currents = tuple(REFERENCES) if coarse else CURRENTS
    tolerance = 1e-3 if coarse else 1e-4
    found = {i: cycle(cell, f"Discharge at {i:g} mA until 0 V", tolerance=tolerance) for i in currents}
    checks: list[Check] = []
    for i, (time, half, work, heat, warm, anode, cathode) in REFERENCES.items():
        s, name = found[i], f"{i:g} mA/cm2"
        at_half = float(np.interp(0.5, s["cathode.filling"], s["terminal.voltage"]))
        values = (
            ("t", "time to V = 0 (s)", s.time[-1], time, 2e-3),
            ("V", "voltage at x = 0.5 (V)", at_half, half, 5e-4 if coarse else 5e-5),
            ("W", "work (J/cm2)", s["ledger.delivered"][-1], work, 2e-3),
            ("Q", "heat to the bath (J/cm2)", s["ledger.heat_to.ambient"][-1], heat, 2e-3),
            ("T", "largest T - T_a (K)", s["temperature"].max() - cell.T_a, warm, 1e-3),
            ("V_AE", "anode at V = 0 (V)", s["anode.voltage"][-1], anode, 1e-3),
            ("V_EC", "cathode at V = 0 (V)", s["cathode.voltage"][-1], cathode, 1e-3),
        )
        checks += [Check(n, f"{what}, {name}", float(v), e, tol, REFERENCE_VALUE) for n, what, v, e, tol in values]
        ohmic = i * 1e-3 * float(cell.resistance(s["temperature"][-1]))
        checks += [
            agreement("V = 0", f"V_AE + V_EC - R I there (V), {name}",
                      float(s["anode.voltage"][-1] + s["cathode.voltage"][-1]) - ohmic, 0.0, 1e-6),
            law("entropy", f"least entropy produced in a step, {name} (J/(K cm2))",
                float(np.diff(s["ledger.entropy_produced"]).min())),
            Check("first law", f"largest energy missing in a step / work, {name}",
                  float(s["ledger.residual"].max() / s["ledger.delivered"][-1]), 0.0, 1e-10, "first law"),
        ]  # fmt: skip
    slow = found[CURRENTS[0]]
    inside = (slow["cathode.filling"] > 0.1) & (slow["cathode.filling"] < 0.9)
    reversible = cell.Q_cap * (cell.E_A + cell.E_C0)
    works = [float(s["ledger.delivered"][-1]) for s in found.values()]
    checks += [
        trend("slower", "least loss of work from one current to the next (J/cm2)", -float(np.diff(works).max()), 0.0,
              "reference values"),
        Check("plateau", "range of V for 0.1 < x < 0.9, 0.3 mA/cm2 (V)",
              float(np.ptp(slow["terminal.voltage"][inside])), 0.0, 0.02, "two-phase plateau", "<="),
        Check("bound", "largest work / (E_A + E_C) Q_cap", max(works) / reversible, 1.0, 0.0, "second law", "<="),
        Check("last volts", "last 2 V at 0.3 mA/cm2 (ms)", 1e3 * _last(slow, 2.0), 125.0, 75.0, REFERENCE_VALUE),
        agreement("last volts", "last 2 V at 3 mA/cm2 (ms), against the cathode's double layer alone",
                  1e3 * _last(found[3.0], 2.0), 2e3 * cell.C_C / 3e-3, 0.05),
        *(
            Check("sigma", f"conductivity at {t:g} C (mS/cm)", 1e3 * float(cell.conductivity(273.15 + t)), value,
                  6e-3 if value > 2 else 6e-4, REFERENCE_VALUE)
            for t, value in CONDUCTIVITY.items()
        ),
    ]  # fmt: skip
    names = ("time", "terminal.voltage", "anode.voltage", "cathode.voltage", "cathode.filling", "temperature",
             "ledger.delivered")  # fmt: skip
    header = ("t_s", "V_V", "V_AE_V", "V_EC_V", "filling", "T_K", "work_J/cm2")
    table = Table(("current_mA/cm2", *header))
    for i, s in found.items():
        every = max(1, len(s.time) // 1500)
        table.add(i, *(s[name][::every] for name in names))
    return StudyResult(_figure(cell, found), table, tuple(checks))


def _last(solution: Solution, volts: float) -> float:
    """Time in which the last ``volts`` go, s."""
    t, v = solution.time, solution["terminal.voltage"]
    before = int(np.flatnonzero(v > volts)[-1])
    start = t[before] + (v[before] - volts) / (v[before] - v[before + 1]) * (t[before + 1] - t[before])
    return float(t[-1] - start)


@styled
def _figure(cell: DoubleLayerCell, found: dict[float, Solution]) -> Figure:
    figure = new_figure(PAGE, 5.0)
    (a, b), (c, d) = add_axes(figure, 2, 2)
    looks = dict(zip(CURRENTS, SERIES, strict=True))
    for i, s in found.items():
        look = {"color": looks[i][0], "linestyle": looks[i][1]}
        a.plot(s["terminal.charge"], s["terminal.voltage"], **look, label=f"{i:g} mA/cm$^2$")
        c.plot(s["terminal.charge"], s["temperature"] - cell.T_a, **look)
        d.plot((s.time - s.time[-1]) * 1e3, s["terminal.voltage"], **look, label=f"{i:g} mA/cm$^2$")
    panel(a, "a", "discharge at constant current")
    a.axhline(cell.E_A + cell.E_C0, color=GREY, linewidth=0.7)
    a.annotate("$E_A + E_C$: two phases", (0.3, cell.E_A + cell.E_C0), (0, 3), textcoords="offset points", fontsize=7)
    a.set_ylim(2.6, 3.65)
    a.set_xlabel("charge $q$ (C/cm$^2$)")
    a.set_ylabel("voltage $V$ (V)")
    a.legend(loc="lower left")

    panel(b, "b", "the two double layers, 3 mA/cm$^2$")
    s = found[3.0]
    remaining = np.geomspace(s.time[-1], 1e-4, 500)
    for name, text, (colour, dashes) in (
        ("terminal.voltage", "$V$", SERIES[0]),
        ("anode.voltage", "$V_{AE}$", SERIES[1]),
        ("cathode.voltage", "$V_{EC}$", SERIES[2]),
    ):
        b.plot(
            remaining, np.interp(s.time[-1] - remaining, s.time, s[name]), color=colour, linestyle=dashes, label=text
        )
    zero_line(b)
    b.set_xscale("log")
    b.set_xlim(s.time[-1], 1e-4)
    b.set_xlabel("time that is left (s)")
    b.set_ylabel("voltage (V)")
    b.legend(loc="lower left")

    panel(c, "c", "temperature")
    zero_line(c)
    c.set_xlabel("charge $q$ (C/cm$^2$)")
    c.set_ylabel("$T - T_a$ (K)")

    panel(d, "d", "the last volts")
    zero_line(d)
    d.axhline(cell.E_A + cell.E_C0, color=GREY, linewidth=0.7)
    d.set_xlim(-900.0, 10.0)
    d.set_ylim(-0.1, 3.6)
    d.set_xlabel("time to $V = 0$ (ms)")
    d.set_ylabel("voltage $V$ (V)")
    inset = d.inset_axes((0.12, 0.14, 0.46, 0.5))
    inset.tick_params(labelsize=6.0, width=0.5, length=2.0)
    fast = found[3.0]
    t = (fast.time - fast.time[-1]) * 1e3
    inset.plot(t, fast["terminal.voltage"], color=INK, linewidth=1.0)
    inset.plot(t, -3e-3 / cell.C_C * t * 1e-3, color=GREY, linewidth=0.8, linestyle=(0, (3, 1.5)))
    inset.set_xlim(-25.0, 0.0)
    inset.set_ylim(0.0, 3.6)
    inset.set_title("3 mA/cm$^2$; dashed: cathode layer", fontsize=6, pad=2)
    caption(
        figure,
        "Reference cell with two double layers (assumed set, of no real cell), at 298 K, until V = 0: there the second "
        "double layer has reversed and cancels the first, up to the ohmic drop. Plateau: two phases of the cathode at "
        "equal chemical potential. Dashed in the inset: $V = I(t_0 - t)/C_C$, the double layer of the cathode alone; "
        "the anode's stays charged. Numbers of this model.",
    )
    return figure


TITLE = "discharge of a cell with two double layers: plateau, heat, last volts"
STUDY = Study("discharge-curves", TITLE, SOURCE, ABOUT, run)
