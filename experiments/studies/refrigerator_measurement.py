"""Study: a refrigerator driven by SWAP, by measurement, and by both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...envs.style import GREY, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.control import Control
from ...physics.feedback.refrigerator_forms import (
    RefrigeratorCycle,
    UncoupledRefrigerator,
    refrigerator_cycle,
    steady_currents,
)
from ...physics.machines.coupled_qubits_references import MEASUREMENT_REFRIGERATOR_REFERENCES, PAPER
from ...physics.machines.measurement_refrigerator import (
    CONDITIONAL_SWAP,
    MEASURE,
    SWAP,
    SWAP_MEASURE,
    WAIT,
    MeasurementRefrigerator,
)
from .study import (
    TREND,
    Check,
    References,
    Sample,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    caption,
    curve,
    law,
    panel,
    sampled,
    trend,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

E1, E2, T1, T2, CONTACT = 1.0, 2.5, 0.5, 1.0, 2.0
"""Gaps, temperatures, and the contact with the baths in a finite cycle."""
CHOICES = {
    "swap": SWAP, "measure": MEASURE, "swap+measure": SWAP_MEASURE, "conditional swap": CONDITIONAL_SWAP, "none": WAIT,
}  # fmt: skip
"""Protocols of ``refrigerator_cycle`` as choices of the machine."""
NAMES = {"swap": "SWAP", "measure": "measurement", "swap+measure": "SWAP + measurement",
         "conditional swap": "conditional SWAP", "none": "no operation"}  # fmt: skip
LOOKS = {**dict(zip(NAMES, SERIES, strict=False)), "none": (GREY, ":")}
N_COUPLINGS, N_STRENGTHS, N_MAP = 37, 41, (61, 46)
"""Points of the lines, and of the map (couplings, strengths)."""
LONG = 100.0
"""Length of a contact that ends in the steady state."""
SAME = 1e-9
"""Heats that differ by less are equal."""
BURN_IN, CYCLES = 40, 8
"""Cycles of the machine before, and of, an average."""

ABOUT = (
    "Heat from the cold bath per cycle when the qubits are exchanged (SWAP), when the cold one is read and flipped "
    "where that pays, and by both. A review of the paper says that each refrigerates and that both together "
    "refrigerate more. In this model that is always true for Gaussian read-out of uncoupled qubits; in a finite cycle "
    "only in a part of the plane of coupling and strength, which is shown. No figure of the paper was available: the "
    "numbers are those of this model."
)


def cycle(protocol: str, g: float, strength: float = 1.0) -> RefrigeratorCycle:
    """The finite cycle."""
    return refrigerator_cycle(E1, E2, g, T1, T2, protocol, CONTACT, strength)


def simulate(
    g: float, choices: np.ndarray, strengths: np.ndarray, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Heat from the cold bath per cycle of the machine, mean over ``CYCLES`` cycles, one for each system, (K,).

    All start in the steady state without an operation. Feedback may switch for ever; the mean is then that of the
    switching cycle.

    Args:
        g: the coupling.
        choices: what each system does in every cycle, (K,).
        strengths: of its read-out, (K,).
        rng: outcomes are drawn; without it they are averaged over.
    """
    mode = "ensemble" if rng is None else "trajectory"
    machine = MeasurementRefrigerator(e1=E1, e2=E2, g=g, T1=T1, T2=T2, mode=mode)
    values = strengths[:, None]
    state = np.concatenate([np.tile(machine.thermal.reshape(16)[1:], (len(choices), 1)), values], axis=1)
    state, _ = machine.step(state, Control(values, np.full(len(choices), WAIT)), LONG)
    heat = np.zeros(len(choices))
    for k in range(BURN_IN + CYCLES):
        uniforms = None if rng is None else rng.random((len(choices), machine.n_step_uniforms))
        state, flows = machine.step(state, Control(values, choices), CONTACT, uniforms)
        if k >= BURN_IN:
            heat += flows.heat[:, 0] / CYCLES
    return heat


def excess(couplings: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Qc of SWAP + measurement minus that of the better one of both, of the machine, (strengths, couplings)."""
    n = len(strengths)
    choices = np.repeat([SWAP_MEASURE, SWAP, MEASURE], n)
    rows = [simulate(float(g), choices, np.tile(strengths, 3)).reshape(3, n) for g in couplings]
    return np.array([both - np.maximum(swap, measure) for both, swap, measure in rows]).T


class Data(NamedTuple):
    """What the figure shows; ``map`` is (couplings, strengths, Qc of both minus the better one of both)."""

    ratios: np.ndarray
    uncoupled: dict[str, np.ndarray]
    couplings: np.ndarray
    against_g: dict[str, np.ndarray]
    strengths: np.ndarray
    against_k: dict[str, np.ndarray]
    map: tuple[np.ndarray, np.ndarray, np.ndarray]


def run(settings: Settings) -> StudyResult:
    """Do it."""
    references, rng = References(MEASUREMENT_REFRIGERATOR_REFERENCES), settings.rng()
    ideal = UncoupledRefrigerator(E1, E2, T1, T2)
    ratios = np.geomspace(0.1, 10.0, 81)
    uncoupled = {
        "swap": np.full(len(ratios), ideal.swap_heat),
        "measure": curve(ideal.gaussian_heat, ratios),
        "swap+measure": curve(lambda r: ideal.gaussian_heat(r, swap=True), ratios),
        "conditional swap": np.full(len(ratios), ideal.conditional_swap_heat),
    }
    couplings, strengths = np.linspace(-0.45, 0.45, N_COUPLINGS), np.linspace(0.5, 1.0, N_STRENGTHS)
    by_g = {name: [cycle(name, float(g)) for g in couplings] for name in NAMES}
    by_k = {
        name: [cycle(name, 0.2, float(k)) for k in strengths] if "measure" in name else [cycle(name, 0.2)]
        for name in NAMES
    }
    wide, strong = np.linspace(-0.45, 0.45, N_MAP[0]), np.linspace(0.85, 1.0, N_MAP[1])
    data = Data(
        ratios,
        uncoupled,
        couplings,
        {name: np.array([c.cold_heat for c in cycles]) for name, cycles in by_g.items()},
        strengths,
        # without a strength: the same everywhere
        {name: np.resize([c.cold_heat for c in cycles], len(strengths)) for name, cycles in by_k.items()},
        (wide, strong, excess(wide, strong)),
    )
    every = [c for cycles in (*by_g.values(), *by_k.values()) for c in cycles]
    checks = (
        *_reference_checks(references, ideal),
        *_trends(ideal, data),
        agreement("first law", "largest |Qc + Qh + W|",
                  max(abs(c.cold_heat + c.hot_heat + c.operation_work) for c in every), 0.0, 1e-12),
        law("second law", "least -Qc/T1 - Qh/T2 + I_QC", min(c.entropy_production for c in every)),
        *_machine_checks(settings, rng),
    )  # fmt: skip
    return StudyResult(_figure(data, ideal), _table(data), checks)


def _reference_checks(references: References, ideal: UncoupledRefrigerator) -> list[Check]:
    none, leak = cycle("none", 0.2), steady_currents(E1, E2, 0.2, T1, T2)
    plain, swap = cycle("swap", 0.0), cycle("swap", 0.2)
    weak, weak_both = cycle("measure", 0.2, 0.95), cycle("swap+measure", 0.2, 0.95)
    values = {
        "01": ideal.p1, "02": ideal.p2, "03": ideal.swap_heat, "04": ideal.swap_work, "05": ideal.swap_cop,
        "06": ideal.gaussian_heat(0.5), "07": ideal.gaussian_heat(2.0), "08": ideal.gaussian_heat(0.5, True),
        "09": ideal.gaussian_heat(2.0, True), "10": ideal.binary_heat(0.99),
        "11": plain.cold_heat, "12": plain.hot_heat, "13": plain.operation_work, "14": none.cold_heat,
        "15": swap.cold_heat, "16": swap.hot_heat, "17": swap.operation_work, "18": weak.cold_heat,
        "19": weak.information, "20": cycle("measure", 0.2).cold_heat, "21": weak_both.cold_heat,
        "22": cycle("swap+measure", 0.2).cold_heat, "23": leak[1],
    }  # fmt: skip
    return [references.check(f"REF-{id}", value) for id, value in values.items()]


def _trends(ideal: UncoupledRefrigerator, data: Data) -> list[Check]:
    both, one = (data.uncoupled[name] for name in ("swap+measure", "measure"))
    better = np.maximum(one, ideal.swap_heat)
    binary = [
        ideal.binary_heat(float(k), swap=True) - max(ideal.binary_heat(float(k)), ideal.swap_heat)
        for k in data.strengths
    ]

    def gain(g: float, k: float) -> float:
        return cycle("swap+measure", g, k).cold_heat - cycle("measure", g, k).cold_heat

    positive = data.map[2] > SAME
    return [
        trend("cools", "Qc of the SWAP alone, g = 0", ideal.swap_heat, 0.0, TREND),
        trend("cools", "least Qc of the Gaussian read-out alone, g = 0, all tm shown", one.min(), 0.0, TREND),
        trend("both", "least Qc(both) - Qc(better one), Gaussian, g = 0", (both - better).min(), 0.0, TREND),
        agreement("both", "largest |Qc(both) - Qc(better one)|, binary, g = 0", np.abs(binary).max(), 0.0, 1e-12),
        trend("both", "Qc(both) - Qc(measurement), finite cycle, g = 0.2, k = 1", gain(0.2, 1.0), 0.0, TREND),
        trend("not there", "Qc(measurement) - Qc(both), g = 0.2, k = 0.95", -gain(0.2, 0.95), 0.0, "reference value"),
        trend("not there", "Qc(measurement) - Qc(both), g = -0.2, k = 1", -gain(-0.2, 1.0), 0.0, "reference value"),
        trend("window", "part of the (g, k) plane shown where both is best", positive.mean(), 0.0, TREND),
    ]


def _machine_checks(settings: Settings, rng: np.random.Generator) -> list[Check]:
    cases = [(p, g, k) for p in ("swap", "measure", "swap+measure", "conditional swap") for g, k in ((0.2, 1.0),)]
    cases += [("measure", 0.2, 0.95), ("swap+measure", 0.2, 0.95), ("measure", -0.2, 1.0), ("none", 0.2, 1.0)]
    off = max(
        abs(simulate(g, np.array([CHOICES[p]]), np.array([k]))[0] - cycle(p, g, k).cold_heat) for p, g, k in cases
    )
    few = max(settings.samples // 10, 100)
    drawn = [
        (Sample.of(simulate(0.2, np.full(few, CHOICES[p]), np.ones(few), rng)).mean, cycle(p, 0.2).cold_heat)
        for p in ("measure", "conditional swap")
    ]
    return [
        agreement(
            "machine", f"largest error of Qc of the machine in ensemble mode, {len(cases)} cycles", off, 0.0, 1e-9
        ),
        sampled("trajectories", "Qc of the machine, measurement and conditional SWAP, g = 0.2, k = 1", drawn),
    ]


def _table(data: Data) -> Table:
    table = Table(("panel", "protocol", "g", "k", "tm_over_tau", "cold_heat"))
    for name, heat in data.uncoupled.items():
        table.add("a: complete thermalisation, Gaussian read-out", name, 0.0, "", data.ratios, heat)
    for name, heat in data.against_g.items():
        table.add("b: finite cycle", name, data.couplings, 1.0, "", heat)
    for name, heat in data.against_k.items():
        table.add("c: finite cycle", name, 0.2, data.strengths, "", heat)
    couplings, strengths, gain = data.map
    for i, k in enumerate(strengths):
        table.add("d: finite cycle", "swap+measure minus better of swap and measure", couplings, float(k), "", gain[i])
    return table


@styled
def _figure(data: Data, ideal: UncoupledRefrigerator) -> Figure:
    figure = new_figure(PAGE, 5.3)
    axes = add_axes(figure, 2, 2)
    for one, letter, x, heats, title in (
        (axes[0, 0], "a", data.ratios, data.uncoupled, "$g = 0$, complete thermalisation, Gaussian read-out"),
        (axes[0, 1], "b", data.couplings, data.against_g, "finite cycle, projective read-out"),
        (axes[1, 0], "c", data.strengths, data.against_k, r"finite cycle, $g = 0.2\,k_BT_2$"),
    ):
        panel(one, letter, title)
        zero_line(one)
        for name, heat in heats.items():
            one.plot(x, heat, color=LOOKS[name][0], linestyle=LOOKS[name][1], label=NAMES[name])
        one.set_ylabel("heat from the cold bath $Q_c$ ($k_B T_2$)")
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xlabel(r"length of the read-out $t_m/\tau$")
    axes[0, 1].set_xlabel("coupling $g$ ($k_B T_2$)")
    axes[1, 0].set_xlabel("strength $k$ of the read-out")
    axes[1, 0].set_xlim(0.5, 1.0)
    last = axes[1, 1]
    panel(last, "d", "SWAP + measurement against the better one")
    couplings, strengths, gain = data.map
    most = float(np.abs(gain).max())
    last.set_facecolor("#e9ebef")
    shown = np.ma.masked_where(np.abs(gain) <= SAME, gain)
    colours = last.pcolormesh(couplings, strengths, shown, cmap="PuOr_r", vmin=-most, vmax=most, rasterized=True)
    last.contour(couplings, strengths, gain > SAME, [0.5], colors=INK, linewidths=0.9)
    last.annotate("no flip pays after the SWAP: equal", (0.0, 0.865), ha="center", fontsize=7)
    last.annotate("both is best", (0.2, 0.992), ha="center", fontsize=7)
    bar = figure.colorbar(colours, ax=last, ticks=[-0.01, 0.0, 0.01])
    bar.ax.tick_params(labelsize=7, width=0.6, length=3)
    bar.set_label("$Q_c$(both) $-$ $Q_c$(better one) ($k_B T_2$)")
    last.set_xlabel("coupling $g$ ($k_B T_2$)")
    last.set_ylabel("strength $k$ of the read-out")
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    caption(
        figure,
        f"$e_1 = {E1:g}$, $e_2 = {E2:g}$, $T_1 = {T1:g}$ in units of $k_BT_2$; contact of length {CONTACT:g}"
        r"$/\gamma$ in (b-d). Trend told by a review of the paper: both refrigerate more than either; in this model in "
        "(a), and inside of the black lines in (d). Model after Bhandari et al., Entropy 25, 204 (2023).",
    )
    return figure


TITLE = "refrigerator with SWAP, measurement, or both: when both is best"
STUDY = Study("refrigerator-measurement", TITLE, PAPER, ABOUT, run)
