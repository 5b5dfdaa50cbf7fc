"""Learned agents, reference cycles or protocols, and the optimum of one machine, measured by one code path.

Every line of the comparison is an agent with ``predict``, run by ``agents.evaluation.evaluate``; a reference is
played like any other agent. Nothing can exceed 100 % of the certified upper bound: what does, by more than its
statistical error, is a bug, and is reported as one. Without an upper bound 100 % is the best cycle or protocol known,
and an agent above it is a discovery.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from ..agents.evaluation import Agent, Evaluation, evaluate
from ..agents.open_loop import PlayedSteps, RandomAgent
from ..envs.catalogue import Entry
from ..physics.cells.cell import Cell
from ..physics.cells.library import score_unit, settling_time
from ..physics.machine import Machine
from ..physics.validation import ParameterError
from .fluctuation_table import fluctuation_notes, fluctuation_rows, fluctuation_table
from .merits import KEYS, Column, cells, columns_of, describe_certificate, merit_of, units_caption
from .optima import Certificate, best_agent, certified, reference_agent
from .reference import goal, score

ROUND_OFF = 1e-9
"""By how much (relative) an agent may exceed the upper bound before it counts as a bug."""

Z_SCORE = 4.0
"""Standard errors that it may exceed it by besides."""

RANDOM_STARTS = 128
"""Start states of the random agent, whose mean is known only up to its statistical error."""

BURN_IN = 256
"""Steps before an average, at least."""

CELL_STARTS = 4
"""Start states of known controls of a cell: what they lead to does not depend on it."""

RANDOM_CELL_STARTS = 32
"""Start states of the random agent of a cell, whose steps take long."""


@dataclass(frozen=True, eq=False)
class Contender:
    """An agent that takes part.

    Attributes:
        label: its name in the table.
        agent: anything with ``predict``.
        encoding, levels: the actions it speaks, see ``evaluate``.
        group: runs of one group differ by their seed only; empty for a reference.
        seed: seed of the training.
        run: run folder it comes from.
        settings: what it sees of the machine, see ``evaluate``.
    """

    label: str
    agent: Agent
    encoding: str | None = None
    levels: int = 15
    group: str = ""
    seed: int | None = None
    run: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Row:
    """A contender and what it is worth.

    Attributes:
        contender: who.
        evaluation: its long-run averages.
        objective: c P/P0 - (1 - c) D/D0 at the weight of the comparison.
        objective_error: its standard error; 0 for a deterministic machine.
        percent: objective as a percentage of the upper bound of the optimum; without one, of the best known.
    """

    contender: Contender
    evaluation: Evaluation
    objective: float
    objective_error: float
    percent: float

    def values(self) -> dict[str, float]:
        """The figures of merit by key; NaN where undefined."""
        own = {"power_error": self.evaluation.standard_error, "objective": self.objective, "percent": self.percent}
        return {key: float(own[key] if key in own else getattr(self.evaluation, key)) for key in KEYS}


@dataclass(frozen=True, eq=False)
class Comparison:
    """All contenders of one machine, best first, and the certificate that they are measured against."""

    env_id: str
    machine: Machine
    dt: float
    rows: tuple[Row, ...]
    certificate: Certificate

    @property
    def weight(self) -> float:
        """c of the objective."""
        return self.certificate.weight

    @property
    def unit(self) -> float:
        """What an objective is multiplied with to be named, see ``score_unit``."""
        return score_unit(self.machine, self.weight)

    @property
    def merit(self) -> str:
        """What the contenders are ranked by."""
        return merit_of(self.machine) if self.weight == 1.0 else f"objective r_c (c = {self.weight:g})"

    @property
    def impossible(self) -> list[str]:
        """One warning for every contender above the upper bound."""
        limit = self.certificate.upper
        return [
            f"BUG: {row.contender.label} has {self.merit} {row.objective * self.unit:.10g}{self._error(row)}, above "
            f"the upper bound {limit * self.unit:.10g} that no agent can exceed. The evaluation, the machine or the "
            "certificate is wrong."
            for row in self.rows
            if _above(row, limit)
        ]

    @property
    def discoveries(self) -> list[str]:
        """One line for every contender above the best known, of a machine without an upper bound."""
        lower, upper = self.certificate.lower, self.certificate.upper
        if math.isfinite(upper):
            return []
        best = goal(upper, self.machine).words
        return [
            f"{row.contender.label} is above {best}: {self.merit} {row.objective * self.unit:.8g}{self._error(row)} "
            f"against {lower * self.unit:.8g}{'' if math.isnan(row.percent) else f' ({row.percent:.2f} %)'}."
            for row in self.rows
            if _above(row, lower)
        ]

    def _error(self, row: Row) -> str:
        return f" ± {row.objective_error * self.unit:.2g}" if row.objective_error > 0.0 else ""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The figures of merit with their names."""
        return columns_of(self.machine, self.certificate)

    @property
    def groups(self) -> dict[str, list[Row]]:
        """Runs of the same algorithm with different seeds; groups of one are left out."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.contender.group:
                found.setdefault(row.contender.group, []).append(row)
        return {name: rows for name, rows in found.items() if len(rows) > 1}

    @property
    def best_learned(self) -> Row | None:
        """The best learned agent."""
        return next((row for row in self.rows if row.contender.group), None)

    def statistics(self) -> dict[str, dict[str, dict[str, float]]]:
        """Median, smallest and largest figure of merit of every group."""
        return {
            name: {key: _spread([row.values()[key] for row in rows]) for key in KEYS}
            for name, rows in self.groups.items()
        }

    def laws(self) -> dict[str, float]:
        """Summary of the audit over all steps of the comparison."""
        found = [row.evaluation for row in self.rows]
        return {
            "first_law_residual": max(e.law_residual for e in found),
            "entropy_production": min(e.min_entropy_production for e in found),
            "energy_scale": self.machine.energy_scale,
        }

    @cached_property
    def fluctuations(self) -> list[dict[str, Any]]:
        """Fluctuations of the output in the limit cycles, see ``fluctuation_rows``."""
        found = ((r.contender, r.evaluation) for r in self.rows if r.evaluation.periodic)
        cycles = ((who.label, bool(who.group), e.limit_cycle) for who, e in found)
        return fluctuation_rows(self.machine, cycles)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "environment": self.env_id,
            "machine": self.machine.describe(),
            "dt": self.dt,
            "rows": [
                {
                    "label": row.contender.label,
                    "kind": "agent" if row.contender.group else "reference",
                    "algorithm": row.contender.group or None,
                    "seed": row.contender.seed,
                    "run": row.contender.run,
                    **row.values(),
                    "objective_error": row.objective_error,
                    "periodic": row.evaluation.periodic,
                    "cycle": row.evaluation.limit_cycle.cycle.to_dict() if row.evaluation.limit_cycle else None,
                }
                for row in self.rows
            ],
            "statistics": self.statistics(),
            "weight": self.weight,
            "certificate": self.certificate.to_dict(),
            "laws": self.laws(),
            "fluctuations": self.fluctuations,
            "impossible": self.impossible,
            "goal": goal(self.certificate.upper, self.machine).name,
            "discoveries": self.discoveries,
        }

    def csv(self) -> str:
        """The rows as comma-separated values, with the names of ``columns``; an undefined value is an empty cell."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["label", "algorithm", "seed", *(c.name for c in self.columns)])
        for row in self.rows:
            values = row.values()
            numbers = ["" if math.isnan(values[c.key]) else repr(values[c.key]) for c in self.columns]
            who = row.contender
            writer.writerow([who.label, who.group, "" if who.seed is None else who.seed, *numbers])
        return out.getvalue()

    def table(self) -> Table:
        """The comparison for people."""
        title = f"{self.machine.title} ({self.env_id}), dt = {self.dt:g}"
        out = Table(
            title=title, caption=units_caption(self.machine), title_justify="left", caption_justify="left",
            box=SIMPLE_HEAD, pad_edge=False,
        )  # fmt: skip
        lines: list[tuple[str, dict[str, float], str]] = []
        for name, spread in self.statistics().items():
            labels = {"median": f"{name}, median of {len(self.groups[name])}", "min": "  min", "max": "  max"}
            for which, label in labels.items():
                values = {key: numbers[which] for key, numbers in spread.items()}
                lines.append((label, values, "bold" if which == "median" else ""))
        n_groups = len(lines)
        lines += [(r.contender.label, r.values(), "green" if r.contender.group else "") for r in self.rows]
        out.add_column("agent", no_wrap=True)
        columns = [cells([values[c.key] for _, values, _ in lines], c.digits) for c in self.columns]
        for column, numbers in zip(self.columns, columns, strict=True):
            # the heading may be broken between words, a number may not
            width = max(map(len, [*numbers, *column.heading.split()]))
            out.add_column(column.heading, justify="right", min_width=width)
        for k, (label, _, style) in enumerate(lines):
            out.add_row(escape(label), *(numbers[k] for numbers in columns), style=style, end_section=k + 1 == n_groups)
        return out

    def _fluctuation_view(self) -> list[RenderableType]:
        rows = self.fluctuations
        if not rows:
            return []
        # the best learned cycle, or the best of all
        first = next((row for row in rows if row["learned"]), rows[0])
        meaning = f"{first['label']}: {first['meaning']}"
        return [fluctuation_table(self.machine, rows), *map(escape, (meaning, *fluctuation_notes(rows)))]

    def view(self) -> list[RenderableType]:
        """Table, certificate and warnings."""
        return [
            self.table(),
            *self._fluctuation_view(),
            *map(escape, describe_certificate(self.certificate)),
            *(f"[bold red]{escape(w)}[/bold red]" for w in self.impossible),
            *(f"[bold green]{escape(w)}[/bold green]" for w in self.discoveries),
        ]


def best_label(machine: Machine) -> str:
    """How the best known contender is called."""
    return f"best known {'protocol' if machine.is_stochastic else 'cycle'}"


def reference_contenders(
    entry: Entry, machine: Machine, dt: float, seed: int = 0, weight: float = 1.0
) -> list[Contender]:
    """The baselines of the catalogue's entry, each the best of its family, and random controls.

    The baselines of a cell are those of all its presets; what does not fit the parameters is left out.
    """
    played: list[Contender] = []
    for name in entry.baselines:
        with suppress(ParameterError) if isinstance(machine, Cell) else nullcontext():
            played.append(Contender(*reference_agent(name, machine, dt, weight)))
    return [*played, Contender("random", RandomAgent(machine.control_space, seed))]


def compare(
    entry: Entry,
    machine: Machine,
    dt: float,
    learned: Iterable[Contender] = (),
    *,
    seed: int = 0,
    weight: float = 1.0,
) -> Comparison:
    """Measure learned agents against the references and the optimum, or the best that is known.

    Args:
        entry: the system's entry of the catalogue; it names the references.
        machine: the machine, with the parameters that the agents were trained for.
        dt: duration of a step.
        learned: the learned agents.
        seed: of the start states and of the random agent.
        weight: weight c of the objective c P/P0 - (1 - c) D/D0 that contenders are ranked by.
    """
    certificate = certified(machine, dt, weight)
    contenders = [*learned, *reference_contenders(entry, machine, dt, seed, weight)]
    if not math.isnan(certificate.lower):  # else nothing counts as the best
        contenders.append(Contender(best_label(machine), best_agent(certificate)))
    rows = [measure(c, machine, dt, certificate, seed) for c in contenders]
    rows.sort(key=lambda row: -row.objective)
    return Comparison(entry.id, machine, dt, tuple(rows), certificate)


def measure(
    who: Contender, machine: Machine, dt: float, certificate: Certificate, seed: int = 0, n_starts: int | None = None
) -> Row:
    """What a contender is worth.

    Args:
        who: the contender.
        machine: the machine.
        dt: duration of a step.
        certificate: of the machine on this time grid; it says at which weight.
        seed: of the start states.
        n_starts: number of start states; default: as ``evaluate``.
    """
    window, is_cell = None, isinstance(machine, Cell)
    if not machine.is_stochastic:
        # a period is found if it fits twice into the window
        window = max(512, who.agent.window) if isinstance(who.agent, PlayedSteps) else 512
        if is_cell and isinstance(who.agent, PlayedSteps):
            n_starts, window = n_starts or CELL_STARTS, who.agent.window
        if isinstance(who.agent, RandomAgent):
            n_starts = max(n_starts or 0, RANDOM_CELL_STARTS if is_cell else RANDOM_STARTS)
    found = evaluate(
        who.agent, machine, dt, who.encoding, who.levels,
        n_starts=n_starts, burn_in=burn_in(machine, dt), window=window, seed=seed, settings=who.settings,
    )  # fmt: skip
    weight = certificate.weight
    # whatever the agent was paid for, here the power counts
    objective = score(machine, replace(found, mean_reward=math.nan), weight) / score_unit(machine, weight)
    # a machine without an upper bound is measured by the best that is known
    best = certificate.upper if math.isfinite(certificate.upper) else certificate.lower
    percent = 100.0 * objective / best if best > 0 else math.nan
    return Row(who, found, objective, found.objective_error(machine, weight), percent)


def burn_in(machine: Machine, dt: float) -> int:
    """Steps before an average: enough for a cell to forget its start."""
    return max(BURN_IN, math.ceil(settling_time(machine) / dt))


def _above(row: Row, limit: float) -> bool:
    """Whether a contender is above a limit, beyond round-off and its statistical error."""
    return row.objective > limit + ROUND_OFF * max(abs(limit), 1e-3) + Z_SCORE * row.objective_error


def _spread(values: Sequence[float]) -> dict[str, float]:
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return dict.fromkeys(("median", "min", "max"), math.nan)
    return {"median": median(known), "min": min(known), "max": max(known)}
