"""Study: power of the one-qubit demon against the contact time, with a dead time after each measurement."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import OptimizeResult, minimize_scalar

from ...envs.style import PAGE, SERIES, add_axes, new_figure, styled
from ...physics.feedback.closed_forms import DeadTimeCycle
from ...physics.feedback.protocol import WaitThenMeasure
from ...physics.machines.coupled_qubits_references import DEMON_REFERENCES, PAPER
from ...physics.machines.dead_time_demon import DeadTimeDemon
from .study import (
    REFERENCE_VALUE,
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
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEAD_TIMES = (0.1, 0.5, 1.0, 2.0)
REFERENCE = 0.5
"""Dead time of the reference values."""
STEPS = (2, 5, 16, 24, 40)
"""Contact times of the Monte Carlo points in steps of ``DT``."""
DT = 0.05
BATCH = 256
"""Trajectories that run side by side."""
FORM = "closed form"

ABOUT = (
    "A qubit is measured and reset, touches the bath for a time tau, and waits for a dead time t0: its power against "
    "tau for several dead times, the best contact time, and what is left of it when the erasure of the records is "
    "paid at Landauer's price: always a loss. No figure of the paper was available: the numbers are those of this "
    "model."
)


def play(dead_time: float, steps: int, samples: int, rng: np.random.Generator) -> Sample:
    """Work per time of the machine that measures after ``steps`` steps of contact; the mean of each trajectory.

    The work of a measurement is the gap after outcome "excited" and 0 after the other, drawn by Born's rule.
    """
    machine = DeadTimeDemon(t0=dead_time)
    batch = min(BATCH, samples)
    rounds = math.ceil(samples / batch)
    length = round(dead_time / DT) + steps
    protocol = WaitThenMeasure("", steps)
    state = np.tile([0.0, machine.t0], (batch, 1))
    clock, work = np.zeros(batch, dtype=np.int64), np.zeros(batch)
    # from one end of the dead time to the next there is one measurement
    for _ in range(round(dead_time / DT) + rounds * length):
        control, clock = protocol.act(state, clock)
        state, flows = machine.step(state, control, DT, rng.random((batch, machine.n_step_uniforms)))
        # the energy of the outcome, which feedback takes out
        work -= flows.work
    return Sample.of(work / (rounds * length * DT))


def run(settings: Settings) -> StudyResult:
    """Do it."""
    references, rng = References(DEMON_REFERENCES), settings.rng()
    cycles = {t0: DeadTimeCycle(e=1.0, T=1.0, gamma=1.0, t0=t0) for t0 in DEAD_TIMES}
    times = np.linspace(0.01, 3.0, 300)
    power = {t0: curve(c.power, times) for t0, c in cycles.items()}
    net = {t0: curve(lambda tau, c=c: c.net_gain(tau) / (tau + c.t0), times) for t0, c in cycles.items()}
    best = {t0: (c.optimal_time, c.best_power) for t0, c in cycles.items()}
    numeric = {}
    for t0, c in cycles.items():
        found = minimize_scalar(lambda tau, c=c: -c.power(tau), bounds=(1e-6, 10.0), method="bounded",
                                options={"xatol": 1e-10})  # fmt: skip
        assert isinstance(found, OptimizeResult)
        numeric[t0] = float(found.x)
    one = cycles[REFERENCE]
    rate = one.relaxation_rate
    points = {n: play(REFERENCE, n, settings.samples, rng) for n in STEPS}
    steps = np.geomspace(0.01, 10.0, 60)
    optimal = curve(lambda t0: DeadTimeCycle(e=1.0, T=1.0, gamma=1.0, t0=t0).optimal_time, steps)
    powers = [p for _, p in best.values()]
    checks = (
        references.check("DEM-36", one.optimal_time),
        references.check("DEM-37", one.best_power),
        Check("G", "relaxation rate", rate, 2.1639534, 6e-8, REFERENCE_VALUE),
        *(
            agreement("tau*", f"best contact time, t0 = {t0:g}, against a search", best[t0][0], numeric[t0], 1e-6)
            for t0 in DEAD_TIMES
        ),
        agreement("tau*", "largest |exp(x) - 1 - x - G t0|, x = G tau*",
                  max(abs(math.expm1(rate * b) - rate * b - rate * t0) for t0, (b, _) in best.items()), 0.0, 1e-12),
        Check("longer", "least increase of tau* with the dead time", np.diff(optimal).min(), 0.0, 0.0, FORM, ">"),
        Check("less", "least decrease of the best power with the dead time", -np.diff(powers).max(), 0.0, 0.0,
              FORM, ">"),
        law("net", "least loss after Landauer's cost, all dead times", -max(n.max() for n in net.values())),
        law("net", "loss per cycle at the optimum, t0 = 0.5", -one.net_gain(one.optimal_time)),
        sampled("trajectories", f"power of the machine, t0 = {REFERENCE:g}, {len(STEPS)} contact times",
                [(s.mean, one.power(n * DT)) for n, s in points.items()]),
    )  # fmt: skip
    table = Table(("quantity", "series", "t0", "tau", "value", "standard_error"))
    for t0 in DEAD_TIMES:
        table.add("power", "exact", t0, times, power[t0], "")
        table.add("power after Landauer's cost", "exact", t0, times, net[t0], "")
        table.add("optimum", "exact", t0, *best[t0], "")
    table.add("optimal contact time", "exact", steps, optimal, "", "")
    for n, sample in points.items():
        table.add("power", "trajectories", REFERENCE, n * DT, *sample.mean)
    return StudyResult(_figure(times, power, net, best, points, steps, optimal), table, checks)


@styled
def _figure(
    times: np.ndarray,
    power: dict[float, np.ndarray],
    net: dict[float, np.ndarray],
    best: dict[float, tuple[float, float]],
    points: dict[int, Sample],
    steps: np.ndarray,
    optimal: np.ndarray,
) -> Figure:
    figure = new_figure(PAGE, 2.9)
    left, middle, right = add_axes(figure, 1, 3)[0]
    for (t0, (tau, top)), (colour, dashes) in zip(best.items(), SERIES, strict=True):
        look = {"color": colour, "linestyle": dashes}
        left.plot(times, power[t0], **look, label=rf"$t_0 = {t0:g}/\gamma$")
        left.plot([tau], [top], "o", color=colour, markersize=4, markerfacecolor="none")
        middle.plot(times, net[t0], **look)
        right.plot([t0], [tau], "o", color=colour, markersize=4, markerfacecolor="none")
        if t0 == REFERENCE:
            estimates, errors = zip(*(s.mean for s in points.values()), strict=True)
            left.errorbar([n * DT for n in points], estimates, errors, fmt="s", color=colour, markersize=2.6,
                          linewidth=0.8, capsize=1.5)  # fmt: skip
    panel(left, "a")
    left.set_xlim(0.0, times[-1])
    left.set_ylim(0.0, None)
    left.set_xlabel(r"contact time $\tau$ ($1/\gamma$)")
    left.set_ylabel(r"power $P$ ($\gamma\,k_BT$)")
    panel(middle, "b")
    zero_line(middle)
    middle.set_xlim(0.0, times[-1])
    middle.set_ylim(None, 0.05)
    middle.set_xlabel(r"contact time $\tau$ ($1/\gamma$)")
    middle.set_ylabel(r"power after erasure ($\gamma\,k_BT$)")
    panel(right, "c")
    right.plot(steps, optimal, color=SERIES[0][0], linewidth=1.0, zorder=0)
    right.set_xscale("log")
    right.set_xlabel(r"dead time $t_0$ ($1/\gamma$)")
    right.set_ylabel(r"best contact time $\tau^*$ ($1/\gamma$)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    caption(
        figure,
        "One qubit, $e = k_BT$, reset by every measurement. Circles: optimum, $\\exp(x) = 1 + x + G t_0$ with $x = G "
        "\\tau^*$; squares: trajectories of the machine, with standard errors. (b): work minus $k_BT$ times the "
        "entropy of the record. Numbers of this model, after Entropy 25, 204 (2023).",
    )
    return figure


TITLE = "power of the one-qubit demon against contact time and dead time"
STUDY = Study("demon-power", TITLE, PAPER, ABOUT, run)
