"""Study: extracted power against the cost of the record, of the projective feedback demon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from ...envs.style import AGENT, GREY, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.feedback.certificate import FeedbackCertificate, certify_feedback
from ...physics.feedback.renewal import RenewalCycle, best_cycle
from ...physics.machines.feedback_demon import FeedbackDemon
from ...physics.validation import ParameterError
from .study import (
    REFERENCE_VALUE,
    Z_SCORE,
    Check,
    Sample,
    Settings,
    Study,
    StudyResult,
    Table,
    caption,
    law,
    panel,
    sampled,
    trend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DT = 0.07
"""Length of a step of the published environment."""
WEIGHTS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.57, 0.55, 0.535)
CERTIFIED = (1.0, 0.9, 0.8, 0.7)
"""Weights with an upper bound of what any policy earns."""
PROFILES = (1.0, 0.8, 0.65)
"""Weights whose cycles are shown."""
GAINS = {1.0: (0.411720, 0.25), 0.8: (0.109241, 1.0 / 12.0)}
"""Gain, to 6 digits, and fraction of measurements of the optimum by weight."""
BATCH = 256
"""Trajectories that run side by side."""
SLOW = "slow cycles"
SOURCE = "Erdman, Czupryniak, Bhandari, Jordan, Noé, Eisert, Guarnieri, arXiv:2408.15328 (2024), parameters of the code"

ABOUT = (
    "Heat extracted per time against the least cost of the records, of a qubit whose gap is controlled between "
    "projective measurements; the optimum of c P - (1 - c) D for weights c, certified from above by a bound that holds "
    "for every policy. Parameters are those of the published code; the numbers are those of this model, no figure of "
    "the paper was used. P/D rises as c falls towards the weight at which the demon dies; as the gap is bounded, it "
    "tends to 1 - ln(1 + exp(-beta E0 u_max))/ln 2, and not to 1."
)


def best_ratio(machine: FeedbackDemon) -> float:
    """Supremum of P/D (D times T): slow cycles that end at p = 1/2.

    A slow cycle starts with the relaxation from p = 0 at the largest gap x = beta E0 u_max, and earns
    S(p_N) - ln(1 + exp(-x)).
    """
    return 1.0 - math.log1p(math.exp(-machine.beta * machine.E0 * machine.u_max)) / math.log(2.0)


@dataclass(frozen=True)
class Learned:
    """An agent of a run folder; ``gain`` is c P - (1 - c) D, with its standard error."""

    run: str
    weight: float
    seed: int
    power: float
    dissipation: float
    gain: tuple[float, float]


def learned(paths: Sequence[Path], machine: FeedbackDemon) -> list[Learned]:
    """What the agents of run folders do.

    Raises:
        ParameterError: for a run of another system or with other parameters.
    """
    from ...agents.evaluation import evaluate
    from ..reference import weight_of
    from ..runs import load_run

    found = []
    for path in paths:
        run = load_run(path)
        if run.problem.machine != machine or run.problem.dt != DT:
            raise ParameterError(f"run {str(path)!r}: must belong to FeedbackDemon-v0 with its default parameters")
        who, given = run.contender, run.config.environment.parameters.get("weight")
        top = weight_of(run.config.environment.parameters)
        low = min(given) if isinstance(given, (list, tuple)) else None
        for weight in [top] if low is None else [w for w in WEIGHTS if low <= w <= top]:
            done = evaluate(
                who.agent, machine, DT, who.encoding, who.levels, settings=who.settings,
                weight=None if low is None else weight,
            )  # fmt: skip
            gain = done.objective(machine, weight), done.objective_error(machine, weight)
            found.append(Learned(str(path), weight, who.seed or 0, done.power, done.dissipation_rate, gain))
    return found


def play(cycle: RenewalCycle, samples: int, rng: np.random.Generator) -> Sample:
    """Work per time of the cycle's protocol on the machine, outcomes drawn: the mean of each trajectory."""
    machine, batch = cycle.machine, min(BATCH, samples)
    rounds = math.ceil(samples / batch)
    state, clock = np.zeros((batch, 2)), np.zeros(batch, dtype=np.int64)
    protocol, work = cycle.protocol, np.zeros(batch)
    # the first cycle starts from a gap that the others do not
    for k in range(rounds + 1):
        for _ in range(len(cycle.controls) + 1):
            control, clock = protocol.act(state, clock)
            state, flows = machine.step(state, control, cycle.dt, rng.random((batch, machine.n_step_uniforms)))
            work += machine.output(flows) * (k > 0)
    return Sample.of(work / (rounds * cycle.duration))


def run(settings: Settings) -> StudyResult:
    """Do it."""
    machine, rng = FeedbackDemon(), settings.rng()
    cycles = {c: best_cycle(machine, DT, c) for c in WEIGHTS}
    certificates = {c: certify_feedback(machine, DT, c) for c in CERTIFIED}
    agents = learned(settings.runs, machine)
    bounds = {a.weight: certify_feedback(machine, DT, a.weight).upper for a in agents}
    top = best_ratio(machine)
    death = 1.0 / (1.0 + top)
    ratios = np.array([cycles[c].power / cycles[c].dissipation for c in WEIGHTS])
    played = [(play(cycles[c], settings.samples, rng).mean, cycles[c].power) for c in GAINS]
    dead = certify_feedback(machine, DT, 0.5)
    last, below = WEIGHTS[-1], certify_feedback(machine, DT, 0.999 * death)
    checks = (
        *(
            Check("D1", f"gain of the optimum, c = {c:g}", cycles[c].value(c), gain, 6e-7, REFERENCE_VALUE)
            for c, (gain, _) in GAINS.items()
        ),
        *(
            Check("D1", f"fraction of measurements, c = {c:g}", DT / cycles[c].duration, part, 1e-12, REFERENCE_VALUE)
            for c, (_, part) in GAINS.items()
        ),
        Check("D1", "upper bound of the gain, c = 0.5: the demon is dead", dead.upper, 0.0, 1e-12, REFERENCE_VALUE),
        *(
            law(f"c = {c:g}", "upper bound for all policies minus the gain of the cycle", bound.upper - bound.lower)
            for c, bound in certificates.items()
        ),
        Check("certificate", "largest relative gap between cycle and upper bound",
              max(b.gap for b in certificates.values()), 1e-4, 0.0, "belief bound", "<="),
        law("Landauer", "least D/beta - P of all cycles", min(y.dissipation - y.power for y in cycles.values())),
        trend("P/D", "least increase of P/D from one weight to the next lower one", np.diff(ratios).min(), 0.0, SLOW),
        trend("P/D", "its limit of slow cycles minus the largest P/D", top - ratios.max(), 0.0, SLOW),
        Check("P/D", f"P/D against slow cycles, c = {last:g}", ratios[-1], slow_ratio(top, last),
              0.1 * (2.0 * last - 1.0), SLOW),
        Check("dead", "upper bound of the gain at a weight just below 1/(1 + sup P/D)", below.upper, 0.0, 1e-5, SLOW),
        *(
            Check(f"agent, c = {a.weight:g}", f"gain, not above the upper bound, seed {a.seed}", a.gain[0],
                  bounds[a.weight], Z_SCORE * a.gain[1], "belief bound", "<=")
            for a in agents
        ),
        sampled("trajectories", "power of the optimal protocols played on the machine, c = 1 and 0.8", played),
    )  # fmt: skip
    table = Table(("series", "c", "power", "dissipation", "gain", "upper_bound", "steps", "step", "u", "population"))
    for c, y in cycles.items():
        upper = certificates[c].upper if c in certificates else ""
        table.add("optimal cycle", c, y.power, y.dissipation, y.value(c), upper, len(y.controls), "", "", "")
    for c in PROFILES:
        n = len(cycles[c].controls)
        table.add("control of the cycle", c, "", "", "", "", n, np.arange(n), np.array(cycles[c].controls),
                  cycles[c].populations[:-1])  # fmt: skip
    for a in agents:
        upper = bounds[a.weight]
        table.add(f"agent, seed {a.seed}: {a.run}", a.weight, a.power, a.dissipation, a.gain[0], upper, *[""] * 4)
    return StudyResult(_figure(cycles, certificates, agents, top, machine), table, checks)


def slow_ratio(top: float, c: float) -> float:
    """P/D of the best slow cycle: it earns Q - A/t in the time t, so t = 2 c A / (c Q - (1 - c) S)."""
    return 0.5 * (top + (1.0 - c) / c)


@styled
def _figure(
    cycles: dict[float, RenewalCycle],
    certificates: dict[float, FeedbackCertificate],
    agents: list[Learned],
    top: float,
    machine: FeedbackDemon,
) -> Figure:
    figure = new_figure(PAGE, 3.1)
    left, middle, right = add_axes(figure, 1, 3)[0]
    black, orange, green, _ = (colour for colour, _ in SERIES)
    panel(left, "a")
    weights = np.array(list(cycles))
    power = np.array([y.power for y in cycles.values()])
    cost = np.array([y.dissipation for y in cycles.values()])
    left.fill_between([0.0, 3.0], [0.0, 3.0], 4.0, color=GREY, alpha=0.2, linewidth=0, label="excluded, $P > D/\\beta$")
    left.plot(cost, power, "-", color=black, label="optimal cycles")
    sure = list(certificates)
    left.plot(
        [cycles[c].dissipation for c in sure], [cycles[c].power for c in sure], "s", color=black, markersize=4,
        markerfacecolor="none", label="certified",
    )  # fmt: skip
    for c in sure:
        left.annotate(f"$c = {c:g}$", (cycles[c].dissipation, cycles[c].power), (3, -10), textcoords="offset points",
                      fontsize=6.5)  # fmt: skip
    left.set_xlim(0.0, 2.35)
    left.set_ylim(0.0, 0.47)
    left.set_xlabel(r"entropy of the records per time $D$ ($\gamma$)")
    left.set_ylabel(r"extracted power $P$ ($\gamma\,k_BT$)")
    panel(middle, "b")
    middle.plot(weights, power / cost, "o-", color=black, markersize=3)
    grid = np.linspace(1.0 / (1.0 + top), 1.0, 100)
    middle.plot(
        grid, [slow_ratio(top, float(c)) for c in grid], color=orange, linestyle=SERIES[1][1], label="slow cycles"
    )
    middle.axhline(1.0, color=GREY, linewidth=0.7)
    middle.axhline(top, color=green, linewidth=0.9, linestyle=":", label=f"sup $P/D$ = {top:.4f}")
    middle.annotate("Landauer", (1.0, 1.0), (0, 2), textcoords="offset points", ha="right", fontsize=7)
    middle.set_ylim(0.0, 1.09)
    middle.set_xlabel("weight $c$ of the power")
    middle.set_ylabel(r"$P/D$ ($k_BT$)")
    panel(right, "c")
    for c, (colour, dashes) in zip(PROFILES, SERIES, strict=False):
        y = cycles[c]
        time = DT * np.arange(len(y.controls) + 1)
        right.stairs(
            y.controls, time, baseline=None, color=colour, linestyle=dashes, linewidth=1.2, label=f"$c = {c:g}$"
        )
        right.plot([time[-1]], [y.controls[-1]], "v", color=colour, markersize=3.5)
    right.set_xlabel(r"time after outcome 0 ($1/\gamma$)")
    right.set_ylabel("dimensionless gap $u$")
    right.set_ylim(0.0, None)
    right.legend(loc="upper right")
    if agents:
        _draw_agents(left, middle, agents)
        # what wastes work is seen, too
        left.set_ylim(min(0.0, 1.1 * min(a.power for a in agents)), None)
        left.set_xlim(0.0, max(2.35, 1.05 * max(a.dissipation for a in agents)))
    left.legend(loc="lower right")
    middle.legend(loc="lower left")
    seen = "Purple: trained agents, median and range over the seeds. " * bool(agents)
    told = (
        rf"$E_0 = {machine.E0:g}\,k_BT$, $|u| \leq {machine.u_max:g}$, step ${DT:g}/\gamma$ ($\gamma$: rate of "
        "relaxation). Squares in (a): no policy earns more (certified). Triangles in (c): measurement. "
    )
    caption(figure, f"{told}{seen}Parameters of arXiv:2408.15328; numbers of this model, no figure of the paper.")
    return figure


def _draw_agents(left: Axes, middle: Axes, agents: list[Learned]) -> None:
    for weight in sorted({a.weight for a in agents}):
        group = [a for a in agents if a.weight == weight]
        powers, costs = [a.power for a in group], [a.dissipation for a in group]
        ratio = [p / d for p, d in zip(powers, costs, strict=True) if d > 0.0]
        look = {"fmt": "D", "color": AGENT, "markersize": 3.2, "linewidth": 0.9, "capsize": 1.5, "zorder": 5}
        left.errorbar(median(costs), median(powers), _range(powers), _range(costs), **look)
        if ratio:
            middle.errorbar(weight, median(ratio), _range(ratio), **look)


def _range(values: list[float]) -> np.ndarray:
    """Distances of the median from the least and to the largest, (2, 1)."""
    return np.array([[median(values) - min(values)], [max(values) - median(values)]])


TITLE = "front of power against the cost of the record, of the feedback demon"
STUDY = Study("demon-front", TITLE, SOURCE, ABOUT, run, takes_runs=True)
