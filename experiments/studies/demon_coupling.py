"""Study: heat per cycle of the demon with one-qubit read-out, against the coupling of the qubits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import OptimizeResult, minimize_scalar, root_scalar

from ...envs.style import GREY, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.control import Control
from ...physics.feedback.closed_forms import FROZEN_GAP, frozen_partner_heat, initial_slope, one_qubit_heat
from ...physics.machines.coupled_qubits_references import DEMON_REFERENCES, PAPER
from ...physics.machines.detachable_demon import MEASURE, WAIT
from ...physics.machines.two_qubit_demon import TwoQubitDemon
from .study import (
    REFERENCE_VALUE,
    TREND,
    Check,
    References,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    caption,
    curve,
    panel,
    trend,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = 1.0
CONTACT = 100.0
"""Length of a complete thermalisation."""
WINDOW, EQUAL = (0.5, 4.0), (1.0, 1.0)
"""e1, e2 of the two systems."""

ABOUT = (
    "Heat per cycle of a demon that reads qubit 1 projectively along z, rotates it in the best way and lets both "
    "qubits thermalise. A review of the paper says that the heat grows monotonically with the coupling in a situation "
    "that is favourable for feedback; in this model that is true in a window of ferromagnetic couplings. No figure "
    "of the paper was available: the numbers are those of this model."
)


def ensemble_heat(e1: float, e2: float, g: float) -> float:
    """The same heat from the machine: one averaged measurement with the best flip, then a long contact."""
    demon = TwoQubitDemon(e1=e1, e2=e2, g=g, T=T, read_out="one", mode="ensemble")
    state = np.concatenate([demon.thermal.reshape(1, 16)[:, 1:], [[1.0]]], axis=1)
    heat = 0.0
    for choice, dt in ((MEASURE, 0.1), (WAIT, CONTACT)):
        state, flows = demon.step(state, Control(np.array([[1.0]]), np.array([choice])), dt)
        heat += float(flows.heat.sum())
    return heat


def run(settings: Settings) -> StudyResult:
    """Do it; nothing is random here."""
    references = References(DEMON_REFERENCES)

    def window(g: float) -> float:
        return one_qubit_heat(*WINDOW, -g, T)

    found = minimize_scalar(lambda g: -window(g), bounds=(0.26, 0.6), method="bounded", options={"xatol": 1e-10})
    assert isinstance(found, OptimizeResult)
    top = float(found.x)
    rising = np.linspace(0.0, top, 198)  # does not meet 2 |g| = e1
    root = float(root_scalar(lambda x: initial_slope(x, T), bracket=(0.5, 2.0), xtol=1e-12).root)
    step = 1e-6
    slope = (one_qubit_heat(*EQUAL, -step, T) - one_qubit_heat(*EQUAL, step, T)) / (2.0 * step)
    few = np.array([0.02, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7])
    differences = [abs(ensemble_heat(*WINDOW, -g) - window(g)) for g in few]
    gaps = np.linspace(0.02, 4.0, 300)

    checks = (
        *(references.check(id, window(g)) for id, g in _POINTS),
        references.check("DEM-01", one_qubit_heat(*EQUAL, -0.25, T)),
        references.check("DEM-04", one_qubit_heat(*EQUAL, 0.0, T)),
        trend(
            "grows",
            f"least increase of Q1 between neighbouring |g| up to {top:.3f}, e1 = 0.5, e2 = 4",
            np.diff(curve(window, rising)).min(),
            0.0,
            TREND,
        ),
        trend("falls", "Q1 at the maximum minus Q1 at g = -0.8", window(top) - window(0.8), 0.0, "closed form"),
        Check("maximum", "|g| of the largest Q1, e1 = 0.5, e2 = 4", top, 0.37, 0.005, REFERENCE_VALUE),
        agreement("sign change", "e/T at which dQ1/d|g| at g = 0 changes its sign", root, FROZEN_GAP, 1e-9),
        agreement("slope", "dQ1/d|g| at g = 0, e = T, from a finite difference", slope, initial_slope(1.0, T), 1e-8),
        agreement("machine", "largest difference of the machine in ensemble mode", max(differences), 0.0, 1e-9),
    )

    table = Table(("panel", "series", "x", "y"))
    couplings, equal = np.linspace(0.0, 0.8, 198), np.linspace(-0.45, 0.45, 181)
    lines = {
        "exact": curve(window, couplings),
        "frozen qubit 2": curve(lambda g: frozen_partner_heat(WINDOW[0], -g, T), couplings),
    }
    for name, y in lines.items():
        table.add("a: Q1 against -g, e1=0.5 e2=4", name, couplings, y)
    table.add("a: Q1 against -g, e1=0.5 e2=4", "machine", few, curve(lambda g: ensemble_heat(*WINDOW, -g), few))
    level = curve(lambda g: one_qubit_heat(*EQUAL, -g, T), equal)
    table.add("b: Q1 against -g, e1=e2=1", "exact", equal, level)
    slopes = curve(lambda x: initial_slope(x, T), gaps)
    table.add("c: dQ1/d|g| at g=0 against e/T", "exact", gaps, slopes)
    return StudyResult(_figure(couplings, lines, few, top, equal, level, gaps, slopes), table, checks)


_POINTS = (("DEM-08", 0.0), ("DEM-09", 0.1), ("DEM-10", 0.3), ("DEM-11", 0.5))


@styled
def _figure(
    couplings: np.ndarray,
    lines: dict[str, np.ndarray],
    few: np.ndarray,
    top: float,
    equal: np.ndarray,
    level: np.ndarray,
    gaps: np.ndarray,
    slopes: np.ndarray,
) -> Figure:
    figure = new_figure(PAGE, 2.65)
    left, middle, right = add_axes(figure, 1, 3)[0]
    (black, solid), (orange, dashes), (green, _), _ = SERIES
    panel(left, "a", r"$e_1 = 0.5\,k_BT$, $e_2 = 4\,k_BT$")
    left.axvspan(0.0, top, color=GREY, alpha=0.15, linewidth=0, label="window of growth")
    left.plot(couplings, lines["exact"], color=black, linestyle=solid, label="exact")
    left.plot(couplings, lines["frozen qubit 2"], color=orange, linestyle=dashes, label="qubit 2 frozen")
    left.plot(few, [one_qubit_heat(*WINDOW, -g, T) for g in few], "o", color=green, markersize=3.2, label="machine")
    left.set_xlabel("ferromagnetic coupling $-g$ ($k_B T$)")
    left.set_ylabel("heat per cycle $Q_1$ ($k_B T$)")
    left.set_xlim(0.0, 0.8)
    left.set_ylim(0.18, 0.285)
    left.legend(loc="lower right")
    panel(middle, "b", "$e_1 = e_2 = k_BT$")
    middle.plot(equal, level, color=black)
    middle.axvline(0.0, color=GREY, linewidth=0.6, zorder=0)
    middle.plot([0.0], [one_qubit_heat(*EQUAL, 0.0, T)], "o", color=orange, markersize=4, label="uncoupled")
    middle.legend(loc="lower right")
    middle.set_xlabel("coupling $-g$ ($k_B T$)")
    middle.set_ylabel("heat per cycle $Q_1$ ($k_B T$)")
    panel(right, "c", "$e_1 = e_2 = e$")
    zero_line(right)
    right.plot(gaps, slopes, color=black)
    right.plot([FROZEN_GAP], [0.0], "o", color=orange, markersize=4)
    right.annotate(
        f"$e/k_BT = {FROZEN_GAP:.5f}$", (FROZEN_GAP, 0.0), (8, 6), textcoords="offset points", fontsize=7, va="bottom"
    )
    right.set_xlabel("gap $e/k_BT$")
    right.set_ylabel(r"$\mathrm{d}Q_1/\mathrm{d}|g|$ at $g = 0$")
    right.set_xlim(0.0, 4.0)
    caption(
        figure,
        "One-qubit read-out, projective, best rotation of qubit 1, complete thermalisation. Trend told by a review "
        "of the paper: the heat grows with the coupling; in this model in the shaded window. Model after Bhandari "
        "et al., Entropy 25, 204 (2023).",
    )
    return figure


STUDY = Study(
    "demon-coupling", "heat of the one-qubit demon against the coupling, and where it grows", PAPER, ABOUT, run
)
