"""A comparison as files: CSV, JSON, figures and the HTML report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..agents.evaluation import evaluate
from ..envs.style import amount, unit_math, units_of, words_of
from ..physics.cells.ferroelectric_engine import FerroelectricEngine
from ..physics.cycles.certificate import certify
from ..physics.cycles.cycle import LimitCycle
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError, check_choice
from .compare import Comparison, Contender, Row, best_label, measure
from .figures import cycle_figure, diagram_figure
from .learning_figures import comparison_figure, power_figure, training_figure
from .merits import KEYS
from .optima import best_agent, certified
from .orbits import recorded_orbit
from .reference import goal
from .report import write_report
from .run_folder import git_state
from .runs import LearnedRun
from .tables import to_json
from .trajectory_figures import play, trajectory_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
"""Formats of a rendered picture."""
TRAJECTORY_CAPTION = (
    "A stretch of one trajectory: controls where they act, the demon's belief, what the detectors showed, and the "
    "heat; the colour tells the operation. An operation acts at the beginning of its step."
)
SHOWN_CYCLES = 3
"""Cycles side by side in the figures: the learned one, and the best references."""
SHOWN_PERIODS = 16
"""Periods of the shortest cycle on a time axis."""


def publish(comparison: Comparison, runs: Sequence[LearnedRun], out: Path) -> dict[str, Any]:
    """Write ``comparison.csv``, ``comparison.json``, ``figures/`` and ``report.html`` below ``out``.

    Returns:
        The paths by name; ``figures`` is a list.
    """
    folder, aim = out / "figures", goal(comparison.certificate.upper, comparison.machine)
    folder.mkdir(parents=True, exist_ok=True)
    (out / "comparison.csv").write_text(comparison.csv(), encoding="utf-8")
    data = comparison.to_dict()
    (out / "comparison.json").write_text(to_json(data) + "\n", encoding="utf-8")
    figures = _figures(comparison, runs)
    paths: list[Path] = []
    for name, (_, figure) in figures.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=200)
    report = write_report(
        out / "report.html",
        title=f"{comparison.machine.title}: learned agents and {aim.words}",
        environment={"id": comparison.env_id, "dt": comparison.dt, **comparison.machine.describe()},
        table=[*_statistics_rows(comparison), *_rows(comparison, [c.key for c in comparison.columns])],
        certificate=data["certificate"],
        figures=dict(figures.values()),
        run=_run(runs),
        notes=[*comparison.impossible, *comparison.discoveries],
        laws=comparison.laws(),
        fluctuations=data["fluctuations"],
        units=units_of(comparison.machine),
        words=words_of(comparison.machine),
        goal=aim.name,
        natural_units=comparison.machine.natural_units,
        weight=comparison.weight,
        merit=None
        if comparison.machine.life_start() is None
        else (comparison.merit, units_of(comparison.machine).energy),
    )
    return {"report": report, "csv": out / "comparison.csv", "json": out / "comparison.json", "figures": paths}


def shown_cycles(comparison: Comparison) -> dict[str, LimitCycle]:
    """The best learned limit cycle first, then the best references; no cycle is shown twice."""
    learned = comparison.best_learned
    rows = [*([learned] if learned else []), *(row for row in comparison.rows if not row.contender.group)]
    shown: dict[str, LimitCycle] = {}
    for row in rows:
        limit = _limit_cycle(row, comparison.machine, comparison.dt)
        known = any(limit is not None and _same(limit, other) for other in shown.values())
        # doing nothing and wasting energy have no diagram worth looking at
        if limit is not None and limit.power > 0 and not known and len(shown) < SHOWN_CYCLES:
            shown[row.contender.label] = limit
    return shown


def _limit_cycle(row: Row, machine: Machine, dt: float) -> LimitCycle | None:
    """The limit cycle of a contender; of a film one that is recorded."""
    found = row.evaluation
    if isinstance(machine, FerroelectricEngine) and found.power > 0.0 and math.isfinite(found.period):
        return recorded_orbit(row.contender, machine, dt, found.period)
    return found.limit_cycle


def _same(one: LimitCycle, other: LimitCycle) -> bool:
    return bool(np.isclose(one.power, other.power, rtol=1e-9, atol=0.0) and np.isclose(one.period, other.period))


def render(run: LearnedRun, path: Path) -> Path:
    """Draw what was learned beside the best that is known: limit cycles, or stretches of trajectories.

    Raises:
        ParameterError: if the policy does not settle into a limit cycle, or the format of the file is unknown.
    """
    check_choice("format of the picture", path.suffix.lower(), FORMATS)
    who, machine, dt = run.contender, run.problem.machine, run.problem.dt
    path.parent.mkdir(parents=True, exist_ok=True)
    if machine.is_stochastic:
        certificate = certified(machine, dt, run.problem.weight)
        both = (who, Contender(best_label(machine), best_agent(certificate)))
        rows = [measure(one, machine, dt, certificate) for one in both]
        trajectories(rows, machine, dt, run.problem.weight).savefig(path, dpi=200)
        return path
    if isinstance(machine, FerroelectricEngine):
        certificate = certified(machine, dt, run.problem.weight)
        both = (who, Contender(best_label(machine), best_agent(certificate)))
        rows = [measure(one, machine, dt, certificate) for one in both]
        cycles = {row.contender.label: limit for row in rows if (limit := _limit_cycle(row, machine, dt)) is not None}
        if who.label not in cycles:
            raise ParameterError(f"run {str(run.folder.path)!r}: the policy does not settle into a limit cycle")
        cycle_figure(cycles, units=units_of(machine), duration=_duration(cycles)).savefig(path, dpi=200)
        return path
    limit = evaluate(who.agent, machine, dt, who.encoding, who.levels, settings=who.settings).limit_cycle
    if limit is None or not isinstance(machine, AffineMachine):
        raise ParameterError(f"run {str(run.folder.path)!r}: the policy does not settle into a limit cycle")
    best = certify(machine, dt, run.problem.weight).cycle.limit_cycle()
    cycles = {who.label: limit, best_label(machine): best}
    cycle_figure(cycles, units=units_of(machine), duration=_duration(cycles)).savefig(path, dpi=200)
    return path


def trajectories(rows: Sequence[Row], machine: Machine, dt: float, weight: float) -> Figure:
    """Stretches of trajectories of contenders side by side, with their long-run averages above."""
    stretches, titles, units, words = {}, {}, units_of(machine), words_of(machine)
    for row in rows:
        who, found = row.contender, row.evaluation
        stretches[who.label] = play(who.agent, machine, dt, who.encoding, who.levels, settings=who.settings)
        power = _with_error(found.power, found.standard_error, machine.power_unit)
        told = f"{words.power} $P$ = {power} {unit_math(units.power)}"
        if weight < 1.0:
            told += f", $r_c$ = {_with_error(row.objective, row.objective_error, 1.0)}"
        titles[who.label] = f"{who.label}\n{told}"
    return trajectory_figure(stretches, titles=titles)


def _with_error(value: float, error: float, scale: float) -> str:
    """A number and its standard error with the same digits; an exact one, up to round-off of ``scale``, with four."""
    if not error > 1e-9 * scale:
        return amount(value if abs(value) > 1e-12 * scale else 0.0, "1", 4)
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}".replace("-", "−")


def shown_trajectories(comparison: Comparison) -> list[Row]:
    """The best learned agent beside the best reference; without one the two best references."""
    learned = comparison.best_learned
    references = [row for row in comparison.rows if not row.contender.group]
    if learned:
        return [learned, references[0]]
    others = (row for row in references if not math.isclose(row.objective, references[0].objective, rel_tol=1e-6))
    return [references[0], *list(others)[:1]]


def _figures(comparison: Comparison, runs: Sequence[LearnedRun]) -> dict[str, tuple[str, Figure]]:
    """Caption and figure by file name."""
    machine, cycles, weight = comparison.machine, shown_cycles(comparison), comparison.weight
    units, words, aim = units_of(machine), words_of(machine), goal(comparison.certificate.upper, comparison.machine)
    found: dict[str, tuple[str, Figure]] = {}
    if machine.is_stochastic:
        found["trajectory"] = (
            TRAJECTORY_CAPTION,
            trajectories(shown_trajectories(comparison), machine, comparison.dt, weight),
        )
    if cycles:
        found["cycle"] = (
            _cycle_caption(next(iter(cycles.values()))),
            cycle_figure(cycles, units=units, duration=_duration(cycles)),
        )
        found["diagram"] = (
            _diagram_caption(next(iter(cycles.values()))),
            diagram_figure(cycles, units=units),
        )
    found["comparison"] = (
        f"{_sentence(words.power)} against {words.efficiency}"
        + (
            f" relative to {words.bound}."
            if words.ratio != words.efficiency
            else f", whose bound is 1 ({'Landauer' if words.bound == 'Landauer' else words.bound})."
        ),
        comparison_figure(_rows(comparison), units=units, words=words),
    )
    learned = comparison.best_learned
    if learned:
        group = learned.contender.group
        histories = [run.folder.evaluations() for run in runs if run.contender.group == group]
        lower, upper = comparison.certificate.lower * comparison.unit, comparison.certificate.upper * comparison.unit
        bounded = math.isfinite(upper)
        best, goal_words = (upper, "the upper bound of the optimum") if bounded else (lower, aim.words)
        lines = {who: 100.0 * value / best for who, value in _baselines(comparison).items()} if best > 0 else {}
        where = "in long runs" if machine.is_stochastic else "in its limit cycle"
        symbol = "P" if weight == 1.0 else "r_c"
        life = weight == 1.0 and machine.life_start() is not None
        if life:
            where, symbol = "from a full cell", "W"
            words, units = words._replace(power=comparison.merit), replace(units, power=units.energy)
        if best > 0:
            found["training"] = (
                f"{_sentence(comparison.merit)} of the deterministic policy {where} during training, relative to "
                f"{goal_words}.",
                training_figure(
                    _curves(histories, lambda row: 100.0 * row_score(row, machine, weight) / best),
                    lines,
                    y_label=f"{words.power if weight == 1.0 else 'objective'} "
                    f"${symbol}/{symbol.partition('_')[0]}_\\mathrm{{{'opt' if bounded else 'best'}}}$ (%)",
                    name=group,
                ),
            )
        known = {}
        if weight == 1.0:
            known = {"optimum, at least": lower, "optimum, at most": upper} if bounded else {best_label(machine): lower}
        bounds = f", with {'the bounds of the optimum' if bounded else aim.words}" if known else ""
        found["power"] = (
            f"{_sentence(words.power)} in physical units{bounds}.",
            power_figure(
                _curves(histories, lambda row: row_score(row, machine, 1.0)),
                _baselines(comparison, power=not life) | known,
                units=units,
                words=words,
                name=group,
                symbol=symbol if life else "P",
            ),
        )
    return found


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _cycle_caption(limit: LimitCycle) -> str:
    machine = limit.cycle.machine
    coherent = machine.portrait.coherence(limit.states) is not None
    shown = ", and coherence in the energy eigenbasis of the moment" if coherent else ""
    colour = "the colour tells which bath is connected" if machine.control_space.choices else "all baths are connected"
    return f"Controls and state in the limit cycle{shown}; {colour}."


def _diagram_caption(limit: LimitCycle) -> str:
    text = "Thermodynamic diagram of the limit cycles; the shaded area is the work of one cycle"
    machine = limit.cycle.machine
    if isinstance(machine, FerroelectricEngine):
        volume = f"{machine.volume:g} m3" if machine.volume != 1e-3 else "the film (1 litre)"
        return f"{text}, per volume of {volume}. Dashed: equilibrium at the temperature of each bath."
    if machine.portrait.plane(limit.states) is None:
        return f"{text}."
    return (
        f"{text}, without the part that is done through coherences when the control moves (above each panel): of "
        "dE = sum of (p dE + E dp) over the levels it is the second term."
    )


def _duration(cycles: Mapping[str, LimitCycle]) -> float:
    """The longest period, but no more than a reader can resolve of the shortest one."""
    periods = [limit.period for limit in cycles.values()]
    return min(max(max(periods), 2.0 * min(periods)), SHOWN_PERIODS * min(periods))


def _baselines(comparison: Comparison, power: bool = False) -> dict[str, float]:
    """Scores, or powers, of the references by label, where they are positive."""
    found = {
        row.contender.label: row.evaluation.power if power else row.objective * comparison.unit
        for row in comparison.rows
        if not row.contender.group and row.contender.label != best_label(comparison.machine)
    }
    return {label: value for label, value in found.items() if value > 0}


def row_score(row: Mapping[str, Any], machine: Machine, weight: float) -> float:
    """Score of a line of ``evaluations.jsonl``, of an older run too."""
    if weight == 1.0:
        life = row.get("life_work")
        return row["power"] if life is None or math.isnan(life) else life
    if "score" in row:
        return row["score"]
    lost = row.get("dissipation_rate", row["entropy_production_rate"])
    return weight * row["power"] / machine.power_unit - (1.0 - weight) * lost / machine.dissipation_unit


def _curves(
    histories: Sequence[Sequence[Mapping[str, Any]]], value: Callable[[Mapping[str, Any]], float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (np.array([r["step"] for r in rows], float), np.array([value(r) for r in rows], float)) for rows in histories
    ]  # fmt: skip


def _rows(comparison: Comparison, keys: Sequence[str] = KEYS) -> list[dict[str, Any]]:
    """The contenders as rows of the report and points of the figure."""
    kinds = {True: "agent", False: "reference"}
    return [
        {
            "label": r.contender.label, "kind": kinds[bool(r.contender.group)],
            **{key: r.values()[key] for key in keys},
        }
        for r in comparison.rows
    ]  # fmt: skip


def _statistics_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Median and range of every group as rows of the report."""
    rows: list[dict[str, Any]] = []
    for name, spread in comparison.statistics().items():
        for which in ("median", "min", "max"):
            values = {c.key: spread[c.key][which] for c in comparison.columns}
            rows.append({"label": f"{name}: {which} of {len(comparison.groups[name])}", "kind": "agent", **values})
    return rows


def _run(runs: Sequence[LearnedRun]) -> dict[str, Any]:
    return {"git": git_state() or "not a repository"} | {
        str(run.folder.path): {"config": run.config.to_dict(), "meta": run.folder.meta()} for run in runs
    }
