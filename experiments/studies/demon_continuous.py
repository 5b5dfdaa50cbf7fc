"""Study: distribution over trajectories of the heat after a continuous read-out of one qubit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from ...envs.style import GREY, INK, PAGE, SERIES, TICKS, new_figure, styled
from ...physics.control import Control
from ...physics.feedback.closed_forms import excited_population
from ...physics.feedback.gaussian_readout import HeatStatistics, gaussian_heat, heat_distribution
from ...physics.machines.continuous_demon import ContinuousDemon
from ...physics.machines.coupled_qubits_references import DEMON_REFERENCES, PAPER
from ...physics.machines.detachable_demon import MEASURE, TURN_1, WAIT
from .study import (
    Check,
    References,
    Sample,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    caption,
    panel,
    sampled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

E, T, TAU = 1.0, 1.0, 1.0
STEPS = 5
"""Read-outs in a row that make up one of length tm."""
CONTACT = 50.0
"""Length of a complete thermalisation."""
AXES = {"z": 0.0, "x": 0.5 * np.pi}
SHOWN = (0.2, 1.0, 4.0)
"""tm/tau of the histograms."""
TIMES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""tm/tau of the Monte Carlo points."""
N_BINS = 40
LEAST_EXPECTED = 10.0
"""Trajectories that a bin of the chi-square test must hold at least."""

ABOUT = (
    "Heat of single trajectories: one uncoupled qubit in equilibrium is read continuously for the time tm, turned into "
    "its lowest state, and thermalised. Trajectories of the machine (exact Bayesian update, several read-outs in a "
    "row, no Euler scheme) against the exact distribution, mean, standard deviation and skewness. The paper treats "
    "continuous read-out; its figures were not available: the numbers are those of this model."
)


def simulate(axis: str, tm: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Heat that the bath gives in each trajectory of the machine, (samples,)."""
    demon = ContinuousDemon(e1=E, e2=E, g=0.0, T=T, tau=TAU, read_out="one", axes="xz")
    values = np.tile([AXES[axis], 0.0], (samples, 1))
    state = np.concatenate([np.tile(demon.thermal.reshape(16)[1:], (samples, 1)), values], axis=1)

    def step(choice: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
        uniforms = rng.random((samples, demon.n_step_uniforms))
        after, flows = demon.step(state, Control(values, np.full(samples, choice)), dt, uniforms)
        return after, flows.heat[:, 0]

    for _ in range(STEPS):
        state, _ = step(MEASURE, tm / STEPS)
    x, z = (state[:, demon.dynamic_names.index(name)] for name in ("x1", "z1"))
    # the Bloch vector to -z, by an angle in [-pi, pi]
    values[:, 1] = np.arctan2(x, -z)
    state, _ = step(TURN_1, 0.1)
    return step(WAIT, CONTACT)[1]


def edges(axis: str) -> np.ndarray:
    """Edges of the bins, from the least to the largest heat."""
    z0 = 2.0 * excited_population(E, T) - 1.0
    least = 0.5 * E * (z0 + (0.0 if axis == "z" else abs(z0)))
    return np.linspace(least, 0.5 * E * (z0 + 1.0), N_BINS + 1)


def chi_square(heat: np.ndarray, bins: np.ndarray, probabilities: np.ndarray) -> float:
    """p value of the histogram; neighbouring bins are joined until each is well filled."""
    counts = np.histogram(np.clip(heat, bins[0], bins[-1]), bins)[0]
    wanted = probabilities * len(heat)
    expected, found = [0.0], [0.0]
    for w, n in zip(wanted, counts, strict=True):
        if expected[-1] >= LEAST_EXPECTED and wanted.sum() - sum(expected) >= LEAST_EXPECTED:
            expected.append(0.0)
            found.append(0.0)
        expected[-1] += w
        found[-1] += n
    statistic = sum((f - e) ** 2 / e for f, e in zip(found, expected, strict=True))
    return float(chi2.sf(statistic, max(len(expected) - 1, 1)))


def run(settings: Settings) -> StudyResult:
    """Do it."""
    references, rng, p = References(DEMON_REFERENCES), settings.rng(), excited_population(E, T)
    heats = {(a, tm): simulate(a, tm, settings.samples, rng) for a in AXES for tm in TIMES}
    samples = {case: Sample.of(heat) for case, heat in heats.items()}
    known = {(a, tm): gaussian_heat(E, p, tm / TAU, a) for a, tm in heats}
    grid = np.geomspace(0.05, 5.0, 50)
    lines = {a: [gaussian_heat(E, p, float(tm) / TAU, a) for tm in grid] for a in AXES}
    bins = {a: edges(a) for a in AXES}
    exact = {(a, tm): np.diff(heat_distribution(E, p, tm / TAU, bins[a], a)) for a in AXES for tm in SHOWN}
    # all heats but one are strictly inside; the distribution at the edges must add up to one
    lost = max(abs(1.0 - float(e.sum())) for e in exact.values())

    parts = {"mean": "mean", "deviation": "standard deviation", "skewness": "skewness"}
    ids = {("z", 0.2): ("25", "29"), ("z", 4.0): ("26", "30"), ("x", 0.2): ("27", "31"), ("x", 4.0): ("28", "32")}
    checks = (
        *(references.check(f"DEM-{mean}", known[case].mean) for case, (mean, _) in ids.items()),
        *(references.check(f"DEM-{deviation}", known[case].deviation) for case, (_, deviation) in ids.items()),
        agreement("whole", "largest weight outside of the bins", lost, 0.0, 1e-12),
        *(
            sampled(
                "trajectories",
                f"{words} of the heat, {a} axis, {len(TIMES)} lengths",
                [(getattr(samples[a, tm], part), getattr(known[a, tm], part)) for tm in TIMES],
            )
            for a in AXES
            for part, words in parts.items()
        ),
        *(
            Check("chi-square", f"p value of the histogram, {a} axis, tm = {tm:g} tau",
                  chi_square(heats[a, tm], bins[a], exact[a, tm]), 1e-4, 0.0, "Monte Carlo", ">=")
            for a, tm in exact
        ),
    )  # fmt: skip

    table = Table(("quantity", "axis", "series", "tm", "heat_low", "heat_high", "value", "standard_error"))
    for (a, tm), weights in exact.items():
        width, n = np.diff(bins[a]), settings.samples
        counts = np.histogram(np.clip(heats[a, tm], bins[a][0], bins[a][-1]), bins[a])[0]
        low, high = bins[a][:-1], bins[a][1:]
        table.add("density", a, "exact", tm, low, high, weights / width, "")
        error = np.sqrt(weights * (1.0 - weights) / n) / width
        table.add("density", a, "trajectories", tm, low, high, counts / n / width, error)
    for part, words in parts.items():
        for a in AXES:
            table.add(words, a, "exact", grid, "", "", np.array([getattr(s, part) for s in lines[a]]), "")
            for tm in TIMES:
                table.add(words, a, "trajectories", tm, "", "", *getattr(samples[a, tm], part))
    figure = _figure(heats, bins, exact, grid, lines, samples, settings.samples)
    return StudyResult(figure, table, checks)


@styled
def _figure(
    heats: dict[tuple[str, float], np.ndarray],
    bins: dict[str, np.ndarray],
    exact: dict[tuple[str, float], np.ndarray],
    grid: np.ndarray,
    lines: dict[str, list[HeatStatistics]],
    samples: dict[tuple[str, float], Sample],
    count: int,
) -> Figure:
    figure = new_figure(PAGE, 5.6)
    axes = figure.subplots(3, len(SHOWN), squeeze=False)
    for one in axes.flat:
        one.tick_params(**TICKS)
    looks = dict(zip(AXES, SERIES, strict=False))
    letters = iter("abcdefghi")
    for row, a in enumerate(AXES):
        colour = looks[a][0]
        for one, tm in zip(axes[row], SHOWN, strict=True):
            panel(one, next(letters), rf"{a} axis, $t_m = {tm:g}\,\tau$")
            width, heat = np.diff(bins[a]), np.clip(heats[a, tm], bins[a][0], bins[a][-1])
            one.hist(heat, bins[a], density=True, color=colour, alpha=0.3, linewidth=0)
            one.stairs(exact[a, tm] / width, bins[a], color=colour, linewidth=1.0)
            mean = samples[a, tm].mean[0]
            one.axvline(mean, color=GREY, linewidth=0.8, linestyle="--")
            one.set_yscale("log")
            one.set_ylim(0.5 / count / width[0], None)
            one.set_xlabel("heat of a trajectory $Q$ ($k_B T$)")
        axes[row, 0].set_ylabel("probability density ($1/k_B T$)")
    for one, part, words in zip(
        axes[2],
        ("mean", "deviation", "skewness"),
        ("mean $Q$ ($k_B T$)", "standard deviation ($k_B T$)", "skewness"),
        strict=True,
    ):
        panel(one, next(letters))
        for a, (colour, dashes) in looks.items():
            one.plot(
                grid, [getattr(s, part) for s in lines[a]], color=colour, linestyle=dashes, label=f"exact, {a} axis"
            )
            estimates, errors = zip(*(getattr(samples[a, tm], part) for tm in TIMES), strict=True)
            one.errorbar(TIMES, estimates, errors, fmt="o", color=colour, markersize=3, linewidth=0.8, capsize=1.5)
        one.set_xscale("log")
        one.set_xlabel(r"length of the read-out $t_m$ ($\tau$)")
        one.set_ylabel(words)
    _legend(figure, count)
    caption(
        figure,
        "One qubit, $e = k_BT$, in equilibrium before the read-out; best rotation, complete thermalisation. Grey "
        "dashes: mean. Numbers of this model, after Bhandari et al., Entropy 25, 204 (2023); no figure of the paper "
        "was available.",
    )
    return figure


def _legend(figure: Figure, count: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, _ = figure.axes[-1].get_legend_handles_labels()
    drawn = f"{count} trajectories"
    bars: list[Line2D | Patch] = [
        Patch(color=INK, alpha=0.3, linewidth=0, label=f"{drawn} (histogram)"),
        Line2D([], [], color=INK, marker="o", linestyle="none", markersize=3, label=f"{drawn} (moments)"),
    ]
    figure.legend(handles=[*handles, *bars], loc="outside upper center", ncols=4)


TITLE = "heat distributions of continuous read-out: trajectories against the exact law"
STUDY = Study("demon-continuous", TITLE, PAPER, ABOUT, run)
