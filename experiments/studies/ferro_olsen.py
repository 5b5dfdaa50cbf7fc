"""Study: Olsen cycles of a ferroelectric heat engine against ramp rate and hold; Carnot and Brayton beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...envs.style import COLD, GREY, HOT, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.cells.ferroelectric_engine import COLD as COLD_BATH
from ...physics.cells.ferroelectric_engine import HOT as HOT_BATH
from ...physics.cells.ferroelectric_engine import FerroelectricEngine
from ...physics.cells.field_protocols import FieldProtocol, SteadyCycles
from ...physics.cells.thermal_cycles import IdealOlsen, best_short_stroke
from .study import (
    REFERENCE_VALUE,
    SECOND_WAY,
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
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOURCE = "cycle of R. B. Olsen et al., J. Appl. Phys. 58, 4709 (1985); Landau coefficients of BaTiO3, Li, Cross, Chen"
REFERENCES = {
    (40.0, 6.0): (443.4480590, 0.3423),
    (2.0, 3.0): (432.6622805, 0.3425),
    (0.5, 1.5): (397.4541444, 0.3374),
    (0.1, 0.4): (148.4042104, 0.2722),
}
"""Ramp and hold (s): work (J/L) and efficiency (%) of the specification."""
HOLDS = (0.15, 0.3, 0.5, 1.0, 3.0)
RAMPS = np.geomspace(0.02, 5.0, 22)
"""Holds and ramps of the curves, s."""
SEARCHED = 187.75
"""Power of the best of 400 random four-leg protocols of the specification, W/L."""
COARSE = 20000
"""Fewer samples than this: fewer ramps, larger sub-steps."""

ABOUT = (
    "A film between 393 and 433 K: field up in the cold, hold in the hot, field down in the hot, hold in the cold. "
    "Slow cycles deliver almost the ideal work, at no power; the power peaks where ramps and holds are too short for "
    "the contact, and stays below that of a Brayton cycle. The efficiency is far below Carnot's, for without "
    "regeneration most heat only warms the film. Numbers of this model, of one domain of supercritical BaTiO3."
)


def split(ramps: np.ndarray, holds: np.ndarray, machine: FerroelectricEngine, pieces: int) -> FieldProtocol:
    """Olsen cycles, one per row, each leg in ``pieces`` of equal length."""
    low, high = machine.E_low, machine.E_high
    up = np.linspace(low, high, pieces + 1)[1:]
    fields = np.concatenate([up, np.full(pieces, high), up[::-1] - up[0] + low, np.full(pieces, low)])
    baths = np.repeat([COLD_BATH, HOT_BATH, HOT_BATH, COLD_BATH], pieces)
    durations = np.repeat(np.stack([ramps, holds, ramps, holds], axis=1) / pieces, pieces, axis=1)
    return FieldProtocol(fields, baths, durations)


def steady(protocol: FieldProtocol, machine: FerroelectricEngine, sub_steps: int) -> SteadyCycles:
    """Limit cycles with the given number of sub-steps of each leg."""
    # from the middle between the baths: from the cold, Newton's method may meet the line of first-order transitions
    middle = 0.5 * (machine.T_cold + machine.T_hot) + 5.0
    p = float(machine.landau.equilibrium(np.array(machine.E_low), np.array(middle)))
    start = np.array([p, middle - machine.ambient])
    return protocol.steady(machine, float(protocol.durations.max()) / sub_steps, start=start)


def run(settings: Settings) -> StudyResult:
    """Do it; nothing is random here."""
    coarse = settings.samples < COARSE
    machine = FerroelectricEngine()
    ideal, fast = IdealOlsen(machine), best_short_stroke(machine)
    ramp, hold = (np.array(x) for x in zip(*REFERENCES, strict=True))
    known = steady(split(ramp, hold, machine, 20), machine, 40 if coarse else 80)
    ramps = RAMPS[::3] if coarse else RAMPS
    grid = np.meshgrid(HOLDS, ramps, indexing="ij")
    found = steady(split(grid[1].ravel(), grid[0].ravel(), machine, 1), machine, 100 if coarse else 300)
    shape = grid[0].shape
    work, power, efficiency = (a.reshape(shape) for a in (found.work, found.power, 100.0 * found.efficiency))
    carnot = 100.0 * (1.0 - machine.T_cold / machine.T_hot)
    residual = np.abs(known.energy_residual / known.work).max()
    checks = (
        *(
            Check("W", f"work at ramp / hold {r:g} / {h:g} s (J/L)", known.work[k], w, 1e-4 * w, REFERENCE_VALUE)
            for k, ((r, h), (w, _)) in enumerate(REFERENCES.items())
        ),
        *(
            Check("efficiency", f"at ramp / hold {r:g} / {h:g} s (%)", 100.0 * known.efficiency[k], eta, 2e-3,
                  REFERENCE_VALUE)
            for k, ((r, h), (_, eta)) in enumerate(REFERENCES.items())
        ),
        Check("W_Olsen", "ideal work (J/L)", ideal.work, 444.366552, 6e-7, REFERENCE_VALUE),
        agreement("W_Olsen", "by quadrature over the field (J/L)", ideal.work_by_quadrature, ideal.work, 1e-6),
        Check("efficiency", "of the ideal cycle (%)", 100.0 * ideal.efficiency, 0.34274, 6e-6, REFERENCE_VALUE),
        Check("Carnot", "efficiency (%)", carnot, 9.2347, 6e-5, REFERENCE_VALUE),
        Check("Brayton", "power in the limit of short strokes (W/L), at least that of the best grid point", fast.power,
              236.69, 0.0, REFERENCE_VALUE, ">="),
        Check("below", "largest work / ideal work of the Olsen cycle", float(found.work.max()) / ideal.work, 1.0, 0.0,
              "closed form", "<="),
        Check("below", "largest power / that of the Brayton class", float(np.nanmax(power)) / fast.power, 1.0, 0.0,
              "closed form", "<="),
        Check("Carnot", "largest efficiency / Carnot's", float(efficiency.max()) / carnot, 1.0, 0.0, "second law",
              "<="),
        law("entropy", "least entropy produced per cycle (J/(K L))", float(found.produced.min())),
        Check("first law", "largest energy that is missing / work", float(residual), 0.0, 1e-9, "first law"),
        Check("second law", "largest entropy that is missing / produced",
              float(np.abs(known.entropy_residual / known.produced).max()), 0.0, 1e-9, SECOND_WAY),
        trend("slower", "least gain of work with the hold, ramp 5 s (J/L)", float(np.diff(work[:, -1]).min()), 0.0,
              "trend of the table"),
    )  # fmt: skip
    table = Table(("quantity", "ramp_s", "hold_s", "work_J/L", "efficiency_%", "power_W/L", "P_C/m2", "E_MV/m"))
    for k, (r, h) in enumerate(REFERENCES):
        table.add("reference", r, h, known.work[k], 100.0 * known.efficiency[k], known.power[k], "", "")
        table.add("loop", r, h, "", "", "", known.trace[k, :, 1], known.trace[k, :, 0] * 1e-6)
    table.add("grid", grid[1].ravel(), grid[0].ravel(), found.work, efficiency.ravel(), found.power, "", "")
    table.add("Brayton, short strokes", "", "", "", "", fast.power, "", "")
    picture = _figure(machine, ideal, fast.power, known, ramps, (work, power, efficiency))
    return StudyResult(picture, table, checks)


@styled
def _figure(
    machine: FerroelectricEngine,
    ideal: IdealOlsen,
    fast: float,
    known: SteadyCycles,
    ramps: np.ndarray,
    grid: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Figure:
    figure = new_figure(PAGE, 5.0)
    (a, b), (c, d) = add_axes(figure, 2, 2)
    looks = [*SERIES, ("#4c4f9c", "-")]
    panel(a, "a", "limit cycles (ramp / hold)")
    fields = np.linspace(machine.E_low, machine.E_high, 161)
    for t, colour in ((machine.T_cold, COLD), (machine.T_hot, HOT)):
        p = machine.landau.equilibrium(fields, np.array(t))
        a.plot(fields * 1e-6, p, color=colour, linewidth=2.6, alpha=0.35, label=f"{t:.0f} K, equilibrium")
    for k, ((r, h), (colour, dashes)) in enumerate(zip(REFERENCES, looks, strict=False)):
        if k in (1, 2, 3):
            loop = np.vstack([known.trace[k, -1:], known.trace[k]])
            a.plot(
                loop[:, 0] * 1e-6, loop[:, 1], color=colour, linestyle=dashes, linewidth=1.0, label=f"{r:g} / {h:g} s"
            )
    a.set_xlabel("field $E$ (MV/m)")
    a.set_ylabel("polarisation $P$ (C/m$^2$)")
    a.legend(loc="lower right")
    work, power, efficiency = grid
    for k, (h, (colour, dashes)) in enumerate(zip(HOLDS, looks, strict=True)):
        look = {"color": colour, "linestyle": dashes}
        b.plot(ramps, work[k], **look, label=f"hold {h:g} s")
        c.plot(ramps, power[k], **look)
        d.plot(power[k], efficiency[k], **look)
    for k, (r, _) in enumerate(REFERENCES):
        circle = {"color": INK, "markersize": 4.5, "markerfacecolor": "none", "markeredgewidth": 0.8}
        b.plot(r, known.work[k], "o", **circle)
        c.plot(r, known.power[k], "o", **circle)
        d.plot(known.power[k], 100.0 * known.efficiency[k], "o", **circle)
    panel(b, "b", "work per cycle")
    b.axhline(ideal.work, color=GREY, linewidth=0.7)
    b.annotate("ideal Olsen cycle", (ramps[0], ideal.work), (2, 3), textcoords="offset points", fontsize=7)
    b.set_ylim(min(0.0, float(work.min()) * 1.05), 1.12 * ideal.work)
    b.set_ylabel("work $W$ (J/L)")
    b.legend(loc=(0.68, 0.1))
    panel(c, "c", "power")
    for value, name in ((fast, "Brayton class, short strokes"), (SEARCHED, "best of 400 random four-leg cycles")):
        c.axhline(value, color=GREY, linewidth=0.7)
        c.annotate(name, (ramps[-1], value), (0, 2), textcoords="offset points", fontsize=7, ha="right")
        d.axvline(value, color=GREY, linewidth=0.7)
    c.set_ylim(min(0.0, float(power.min()) * 1.05), 1.12 * fast)
    c.set_ylabel("power (W/L)")
    for axes in (b, c):
        axes.set_xscale("log")
        axes.set_xlabel("duration of each ramp (s)")
    panel(d, "d", "efficiency against power")
    d.axhline(100.0 * ideal.efficiency, color=GREY, linewidth=0.7, linestyle=(0, (5, 1.5)))
    d.annotate("ideal Olsen cycle", (3.0, 100.0 * ideal.efficiency), (0, 2), textcoords="offset points", fontsize=7)
    d.annotate(f"Carnot: {100.0 * (1.0 - machine.T_cold / machine.T_hot):.2f} %", (3.0, 0.385), fontsize=7)
    d.set_xlim(0.0, 1.05 * fast)
    d.set_ylim(0.0, 0.41)
    d.set_xlabel("power (W/L)")
    d.set_ylabel("efficiency $W/Q_h$ (%)")
    caption(
        figure,
        "BaTiO$_3$, Landau coefficients of Li, Cross, Chen (2005), 393 and 433 K, 2 to 10 MV/m, above the critical "
        "end point at the hot end; contact $\\tau$ = 0.5 s, $\\rho$ = 1 k$\\Omega$m (assumed). Circles: ramp / hold of "
        "the reference values. Lines in (c) and (d): the Brayton class, instantaneous ramps without contact, an "
        "optimum of its class and no bound; best four-leg cycle of a random search. Numbers of this model.",
    )
    return figure


TITLE = "Olsen cycles of a ferroelectric film against ramp and hold: work, power, efficiency"
STUDY = Study("olsen-rate", TITLE, SOURCE, ABOUT, run)
