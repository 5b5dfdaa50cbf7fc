"""A comparison as files: CSV, JSON, figures and the HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..agents.evaluation import evaluate
from ..envs.style import units_of, words_of
from ..physics.cycles.certificate import certify
from ..physics.cycles.cycle import LimitCycle
from ..physics.validation import ParameterError, check_choice
from .compare import Comparison
from .figures import cycle_figure, diagram_figure
from .learning_figures import comparison_figure, power_figure, training_figure
from .reference import goal
from .report import write_report
from .run_folder import git_state
from .runs import LearnedRun
from .tables import to_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
"""Formats of a rendered picture."""
SHOWN_CYCLES = 3
"""Cycles side by side in the figures: the learned one, and the best references."""
SHOWN_PERIODS = 16
"""Periods of the shortest cycle on a time axis."""


def publish(comparison: Comparison, runs: Sequence[LearnedRun], out: Path) -> dict[str, Any]:
    """Write ``comparison.csv``, ``comparison.json``, ``figures/`` and ``report.html`` below ``out``.

    Returns:
        The paths by name; ``figures`` is a list.
    """
    folder, aim = out / "figures", goal(comparison.certificate.upper)
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
        table=[*_statistics_rows(comparison), *_rows(comparison)],
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
    )
    return {"report": report, "csv": out / "comparison.csv", "json": out / "comparison.json", "figures": paths}


def shown_cycles(comparison: Comparison) -> dict[str, LimitCycle]:
    """The best learned limit cycle first, then the best references; no cycle is shown twice."""
    learned = comparison.best_learned
    rows = [*([learned] if learned else []), *(row for row in comparison.rows if not row.contender.group)]
    shown: dict[str, LimitCycle] = {}
    for row in rows:
        limit = row.evaluation.limit_cycle
        known = any(limit is not None and _same(limit, other) for other in shown.values())
        # doing nothing and wasting energy have no diagram worth looking at
        if limit is not None and limit.power > 0 and not known and len(shown) < SHOWN_CYCLES:
            shown[row.contender.label] = limit
    return shown


def _same(one: LimitCycle, other: LimitCycle) -> bool:
    return bool(np.isclose(one.power, other.power, rtol=1e-9, atol=0.0) and np.isclose(one.period, other.period))


def render(run: LearnedRun, path: Path) -> Path:
    """Draw the learned cycle beside the best known one.

    Raises:
        ParameterError: if the policy does not settle into a limit cycle, or the format of the file is unknown.
    """
    check_choice("format of the picture", path.suffix.lower(), FORMATS)
    who, machine, dt = run.contender, run.problem.machine, run.problem.dt
    limit = evaluate(who.agent, machine, dt, who.encoding, who.levels, settings=who.settings).limit_cycle
    if limit is None:
        raise ParameterError(f"run {str(run.folder.path)!r}: the policy does not settle into a limit cycle")
    best = certify(machine, dt).cycle.limit_cycle()
    path.parent.mkdir(parents=True, exist_ok=True)
    cycles = {who.label: limit, "best known cycle": best}
    cycle_figure(cycles, units=units_of(machine), duration=_duration(cycles)).savefig(path, dpi=200)
    return path


def _figures(comparison: Comparison, runs: Sequence[LearnedRun]) -> dict[str, tuple[str, Figure]]:
    """Caption and figure by file name."""
    machine, cycles = comparison.machine, shown_cycles(comparison)
    units, words, aim = units_of(machine), words_of(machine), goal(comparison.certificate.upper)
    found: dict[str, tuple[str, Figure]] = {}
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
        f"{_sentence(words.power)} against {words.efficiency} relative to Carnot.",
        comparison_figure(_rows(comparison), units=units, words=words),
    )
    learned = comparison.best_learned
    if learned:
        group = learned.contender.group
        histories = [run.folder.evaluations() for run in runs if run.contender.group == group]
        lower, upper = comparison.certificate.power_bounds
        bounded = bool(np.isfinite(upper))
        best = upper if bounded else lower
        percent = {name: 100.0 * power / best for name, power in _baselines(comparison).items()}
        relative = "the upper bound of the optimum" if bounded else aim.words
        found["training"] = (
            f"{_sentence(words.power)} of the deterministic policy in its limit cycle during training, relative to "
            f"{relative}.",
            training_figure(
                _curves(histories, "percent"),
                percent,
                y_label=f"{words.power} $P/P_\\mathrm{{{'opt' if bounded else 'best'}}}$ (%)",
                name=group,
            ),
        )
        lines = {"optimum, at least": lower, "optimum, at most": upper} if bounded else {"best known cycle": lower}
        found["power"] = (
            f"The same in physical units, with {'the bounds of the optimum' if bounded else aim.words}.",
            power_figure(
                _curves(histories, "power"), _baselines(comparison) | lines, units=units, words=words, name=group
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
    if limit.cycle.machine.portrait.plane(limit.states) is None:
        return f"{text}."
    return (
        f"{text}, without the part that is done through coherences when the control moves (above each panel): of "
        "dE = sum of (p dE + E dp) over the levels it is the second term."
    )


def _duration(cycles: Mapping[str, LimitCycle]) -> float:
    """The longest period, but no more than a reader can resolve of the shortest one."""
    periods = [limit.period for limit in cycles.values()]
    return min(max(max(periods), 2.0 * min(periods)), SHOWN_PERIODS * min(periods))


def _baselines(comparison: Comparison) -> dict[str, float]:
    rows = [row for row in comparison.rows if not row.contender.group and row.evaluation.power > 0]
    return {row.contender.label: row.evaluation.power for row in rows if row.contender.label != "best known cycle"}


def _curves(histories: Sequence[Sequence[Mapping[str, Any]]], key: str) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (np.array([r["step"] for r in rows], float), np.array([r[key] for r in rows], float)) for rows in histories
    ]  # fmt: skip


def _rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The contenders as rows of the report and points of the figure."""
    kinds = {True: "agent", False: "reference"}
    return [
        {"label": r.contender.label, "kind": kinds[bool(r.contender.group)], **r.values()} for r in comparison.rows
    ]  # fmt: skip


def _statistics_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Median and range of every group as rows of the report."""
    rows: list[dict[str, Any]] = []
    for name, spread in comparison.statistics().items():
        for which in ("median", "min", "max"):
            values = {key: numbers[which] for key, numbers in spread.items()}
            rows.append({"label": f"{name}: {which} of {len(comparison.groups[name])}", "kind": "agent", **values})
    return rows


def _run(runs: Sequence[LearnedRun]) -> dict[str, Any]:
    return {"git": git_state() or "not a repository"} | {
        str(run.folder.path): {"config": run.config.to_dict(), "meta": run.folder.meta()} for run in runs
    }
