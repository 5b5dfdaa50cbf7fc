"""Study: work per life of a self-cycling cell with little fuel, under constant loads, the best load program, agents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...envs.style import AGENT, GREY, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.cells.hopf import ReducedCell
from ...physics.cells.load_life import LoadLives, LoadProgram, best_loads, best_program, known_program, live
from ...physics.cells.self_cycling_cell import USABLE, SelfCyclingCell
from ...physics.validation import ParameterError
from .cell_oscillation import SOURCE
from .cell_window import SHADE
from .study import SECOND_WAY, Check, Settings, Study, StudyResult, Table, agreement, caption, panel, trend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = SelfCyclingCell(N0_A=5.0, N0_C=500.0, N_half=0.1)
"""The environment's preset "little_fuel"."""
DT = 300.0
"""How often the load is set, s."""
LOADS = np.geomspace(10.0**1.5, 10.0**4.5, 31)
"""Constant loads, Ohm."""
COARSE = 20000
"""Fewer samples than this: fewer loads, a shorter search."""
MAX_STEPS = 2000
"""Steps in which an agent must have used the cell up."""

ABOUT = (
    "A cell with 5 C of anode fuel, from full until 1 % of it is left. Small loads waste exergy in the anode, large "
    "ones leave charged double layers behind. A program that draws little until the fuel is nearly spent and then "
    "empties the double layers gets more than any constant load, steady or oscillating. Agents of run folders (--runs) "
    "are drawn beside it. Numbers of this model, which is not fitted to any cell."
)


class Line(NamedTuple):
    """One life: label, work (J), exergy used (J), and its course: time (s), fuel spent, load (Ohm), work so far (J)."""

    label: str
    work: float
    used: float
    time: np.ndarray
    spent: np.ndarray
    load: np.ndarray
    delivered: np.ndarray


def learned(paths: Sequence[Path]) -> list[Line]:
    """Lives that the agents of run folders make of a full cell.

    Raises:
        ParameterError: for a run of another system or with other parameters, or an agent that does not use the cell up.
    """
    from ...agents.rollout import roll_out
    from ...envs.machine_env import MachineVectorEnv
    from ..runs import load_run

    found = []
    for path in paths:
        run = load_run(path)
        if run.problem.machine != CELL or run.problem.dt != DT:
            raise ParameterError(f"run {str(path)!r}: must belong to SelfCyclingCell-v0, preset little_fuel")
        who = run.contender
        native = MachineVectorEnv(CELL, DT, 1, **who.settings)
        steps = []
        for ledger, ended in islice(
            roll_out(who.agent, native, who.encoding, who.levels, state=CELL.full_state()[None]), MAX_STEPS
        ):
            steps.append(
                (ledger["state"][0, 3], ledger["control"][0, 0], -ledger["work"][0], -ledger["exergy_change"][0])
            )
            if ended[0]:
                break
        else:
            raise ParameterError(f"run {str(path)!r}: the agent has not used the cell up after {MAX_STEPS} steps")
        xi, log_r, work, used = np.array(steps).T
        time = DT * np.arange(1, len(steps) + 1)
        found.append(
            Line(who.label, float(work.sum()), float(used.sum()), time, xi / (USABLE * CELL.N0_A), 10.0**log_r,
                 np.cumsum(work))
        )  # fmt: skip
    return found


def line(label: str, program: LoadProgram, lives: LoadLives, k: int = 0) -> Line:
    """The course of life ``k`` of ``lives`` under ``program``."""
    n = round(float(lives.duration[k]) / DT)
    spent = lives.spent[:n, k]
    before = np.concatenate([[0.0], spent[:-1]])
    load = 10.0 ** np.interp(before, program.spent, program.log_R[k])
    return Line(label, float(lives.work[k]), float(lives.exergy_used[k]), lives.time[:n], spent, load,
                lives.delivered[:n, k])  # fmt: skip


def run(settings: Settings) -> StudyResult:
    """Do it."""
    coarse = settings.samples < COARSE
    agents = learned(settings.runs)
    loads = LOADS[::6] if coarse else LOADS
    constant = live(CELL, LoadProgram.constant(loads), DT)
    best = best_loads(CELL, DT)
    named = LoadProgram.constant(np.array([best.matched[0], best.oscillating[0]]))
    two = live(CELL, named, DT)
    program = known_program(CELL, DT)
    assert program is not None  # package data
    ideal = live(CELL, program, DT)
    work = float(ideal.work[0])
    _, again = best_program(CELL, DT, 1 if coarse else 6, 8 if coarse else 32, settings.seed)
    lines = [
        line(f"matched load, {best.matched[0]:.0f} $\\Omega$", named, two, 0),
        line(f"best oscillating load, {best.oscillating[0]:.0f} $\\Omega$", named, two, 1),
        line("best load program", program, ideal),
        *agents,
    ]
    checks = (
        *(agreement("environment", f"work of a life at {r:.0f} Ohm, in the environment (J)", _played(r), w, 1e-9)
          for r, w in (best.matched, best.oscillating)),
        Check("exergy", "largest work / exergy used", max(x.work / x.used for x in lines), 1.0, 0.0, "second law",
              "<="),
        Check("Gouy, Stodola", "exergy used - work - T_a x entropy produced (J)",
              float(np.abs(constant.exergy_used - constant.work - constant.dissipated).max()), 0.0, 1e-9, SECOND_WAY),
        trend("steady", "work of the best constant load - of the matched load (J)", float(constant.work.max()),
              best.matched[1], "the same run"),
        trend("program", "work of the best program (J), more than any constant load", work,
              max(float(constant.work.max()), best.work), "the same run"),
        Check("search", "work of the best program known (J), at least that of a new short search", work, again, 0.0,
              SECOND_WAY, ">="),
        *(Check("learned", f"work of {x.label} / best of matched and oscillating load", x.work / best.work, 0.99, 0.0,
                "target", ">=") for x in agents),
    )  # fmt: skip
    table = Table(("line", "load_Ohm", "time_s", "fuel_spent", "work_J", "exergy_used_J"))
    table.add("constant loads", loads, constant.duration, "", constant.work, constant.exergy_used)
    for x in lines:
        table.add(x.label, "", x.time[-1], "", x.work, x.used)
        table.add(f"{x.label}, course", x.load, x.time, x.spent, x.delivered, "")
    return StudyResult(_figure(loads, constant, lines), table, checks)


def _played(load: float) -> float:
    """Work of a life at a constant load, J, by the environment."""
    from ...agents.life import lives
    from ...agents.open_loop import PlayedSteps

    agent = PlayedSteps(CELL.control_space, np.array([[np.log10(load)]]), np.zeros(1, dtype=np.int64))
    return float(lives(agent, CELL, DT, n_starts=1, state=CELL.full_state()[None]).work[0])


@styled
def _figure(loads: np.ndarray, constant: LoadLives, lines: Sequence[Line]) -> Figure:
    figure = new_figure(PAGE, 5.0)
    (a, b), (c, d) = add_axes(figure, 2, 2)
    looks = [(GREY, "-"), (SERIES[1][0], "--"), (INK, "-"), *([(AGENT, "-")] * (len(lines) - 3))]
    panel(a, "a", "constant loads")
    a.axvspan(*ReducedCell(CELL).window, color=SHADE, alpha=0.15, linewidth=0, label="the full cell oscillates")
    a.plot(loads, constant.work, color=INK, linewidth=1.0, marker=".", markersize=3)
    for x, (colour, dashes) in zip(lines, looks, strict=True):
        a.axhline(x.work, color=colour, linestyle=dashes, linewidth=0.9)
    a.set_xscale("log")
    a.set_xlabel(r"load $R_L$ ($\Omega$)")
    a.set_ylabel("work of the life (J)")
    a.set_ylim(0.0, 1.1 * max(x.work for x in lines))
    a.legend(loc="lower center")
    panel(b, "b", "load")
    panel(c, "c", "work")
    for x, (colour, dashes) in zip(lines, looks, strict=True):
        b.step(np.concatenate([[0.0], x.spent]), np.concatenate([x.load, x.load[-1:]]), where="post", color=colour,
               linestyle=dashes, linewidth=1.0, label=x.label)  # fmt: skip
        c.plot(np.concatenate([[0.0], x.time]) / 3600.0, np.concatenate([[0.0], x.delivered]), color=colour,
               linestyle=dashes, linewidth=1.0)  # fmt: skip
    b.set_yscale("log")
    b.set_xlabel("share of the usable fuel that is spent")
    b.set_ylabel(r"load $R_L$ ($\Omega$)")
    b.legend(loc="lower left")
    c.set_xlabel("time (h)")
    c.set_ylabel("work delivered (J)")
    panel(d, "d", "exergy used: work and what is dissipated")
    rows = np.arange(len(lines))[::-1]
    for row, x, (colour, _) in zip(rows, lines, looks, strict=True):
        d.barh(row, x.work, color=colour, height=0.6)
        d.barh(row, x.used - x.work, left=x.work, color=colour, alpha=0.3, height=0.6)
        d.annotate(f"{x.work:.2f} of {x.used:.2f} J", (x.used, row), (3, 0), textcoords="offset points", fontsize=7,
                   va="center")  # fmt: skip
    d.set_yticks(rows, [x.label.replace(", ", "\n", 1) for x in lines], fontsize=7)
    d.set_xlim(0.0, 1.35 * max(x.used for x in lines))
    d.set_xlabel("energy (J)")
    caption(
        figure,
        "Set S2 with 5 C of anode fuel, from a full cell until 1 % of the fuel is left; the load is set every 5 min. "
        "Horizontal lines in (a): the lines of the other panels. The best load program was found by "
        "differential evolution over loads at nine shares of the fuel: a lower bound of the optimum. Pale bars: "
        "dissipated. Numbers of this model, which is not fitted to any cell.",
    )
    return figure


TITLE = "Work of a life of a self-cycling cell with little fuel: constant loads, load programs, agents"
STUDY = Study("self-cycling-life", TITLE, SOURCE, ABOUT, run, takes_runs=True)
