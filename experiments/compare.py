"""Learned agents, reference cycles and the certified optimum of one machine, measured by one code path.

Every line of the comparison is an agent with ``predict``, run by ``agents.evaluation.evaluate``; a reference cycle is
played like any other agent. Nothing can exceed 100 % of the certified upper bound: what does is a bug, and is
reported as one. Without an upper bound 100 % is the best cycle known, and an agent above it is a discovery.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from ..agents.evaluation import Agent, Evaluation, evaluate
from ..agents.open_loop import CycleAgent, RandomAgent
from ..envs.catalogue import Entry
from ..envs.style import Units, units_of, words_of
from ..physics.cycles.certificate import Certificate, certify
from ..physics.cycles.cycle import LimitCycle
from ..physics.cycles.library import make_cycle
from ..physics.machine import AffineMachine, Machine
from .fluctuation_table import fluctuation_notes, fluctuation_rows, fluctuation_table
from .reference import goal

ROUND_OFF = 1e-9
"""By how much (relative) an agent may exceed the upper bound before it counts as a bug."""


class Column(NamedTuple):
    """One figure of merit.

    Attributes:
        key: in the data.
        name: in files of comma-separated values.
        heading: in tables.
        digits: after the point; negative: significant digits of the largest value of the column.
    """

    key: str
    name: str
    heading: str
    digits: int


def columns_of(machine: Machine, certificate: Certificate) -> tuple[Column, ...]:
    """The figures of merit of an engine or a refrigerator, by its names; the keys are the same for both."""
    words, aim = words_of(machine), goal(certificate.upper)
    return (
        Column("power", words.power_tag, words.power, -7),
        Column("percent", aim.tag, f"% of {aim.name}", 2),
        Column("efficiency", words.efficiency_tag, words.efficiency, 4),
        Column("efficiency_ratio", f"{words.efficiency_tag}_ratio", words.ratio, 4),
        Column("entropy_production_rate", "entropy_production_rate", "entropy production", -6),
        Column("period", "period", "period", -4),
    )


def units_caption(machine: Machine) -> str:
    """The units of ``columns_of`` in words."""
    units, what = units_of(machine), words_of(machine).power
    if units == Units():
        return f"natural units: {machine.natural_units}; entropy in nats"
    parts = f"{what} in {units.power}, entropy production in nats x {units.rate}, period in {units.time}"
    return f"{parts} ({machine.natural_units})"


KEYS = ("power", "percent", "efficiency", "efficiency_ratio", "entropy_production_rate", "period")
"""Figures of merit, as in ``columns_of``."""

RANDOM_STARTS = 128
"""Start states of the random agent, whose mean is known only up to its statistical error."""


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
    """A contender and what it is worth."""

    contender: Contender
    evaluation: Evaluation
    percent: float
    """Power as a percentage of the upper bound of the optimum; without one, of the best cycle known."""

    def values(self) -> dict[str, float]:
        """The figures of merit by key; NaN where undefined."""
        return {key: float(self.percent if key == "percent" else getattr(self.evaluation, key)) for key in KEYS}


@dataclass(frozen=True, eq=False)
class Comparison:
    """All contenders of one machine, best first, and the certificate that they are measured against."""

    env_id: str
    machine: AffineMachine
    dt: float
    rows: tuple[Row, ...]
    certificate: Certificate

    @property
    def impossible(self) -> list[str]:
        """One warning for every contender above the upper bound."""
        limit = self.certificate.power_bounds[1]
        return [
            f"BUG: {row.contender.label} has power {row.evaluation.power:.10g}, above the upper bound {limit:.10g} "
            "that no agent can exceed. The evaluation, the machine or the certificate is wrong."
            for row in self.rows
            if row.evaluation.power > limit * (1 + ROUND_OFF)
        ]

    @property
    def discoveries(self) -> list[str]:
        """One line for every contender above the best cycle known, of a machine without an upper bound."""
        lower, upper = self.certificate.power_bounds
        if math.isfinite(upper):
            return []
        power = words_of(self.machine).power
        return [
            f"{row.contender.label} is above the best known cycle: {power} {row.evaluation.power:.8g} against "
            f"{lower:.8g}{'' if math.isnan(row.percent) else f' ({row.percent:.2f} %)'}."
            for row in self.rows
            if row.evaluation.power > lower + ROUND_OFF * abs(lower)
        ]

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
                    "periodic": row.evaluation.periodic,
                    "cycle": row.evaluation.limit_cycle.cycle.to_dict() if row.evaluation.limit_cycle else None,
                }
                for row in self.rows
            ],
            "statistics": self.statistics(),
            "certificate": self.certificate.to_dict(),
            "laws": self.laws(),
            "fluctuations": self.fluctuations,
            "impossible": self.impossible,
            "goal": goal(self.certificate.upper).name,
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
        columns = [_cells([values[c.key] for _, values, _ in lines], c.digits) for c in self.columns]
        for column, cells in zip(self.columns, columns, strict=True):
            # the heading may be broken between words, a number may not
            width = max(map(len, [*cells, *column.heading.split()]))
            out.add_column(column.heading, justify="right", min_width=width)
        for k, (label, _, style) in enumerate(lines):
            out.add_row(escape(label), *(cells[k] for cells in columns), style=style, end_section=k + 1 == n_groups)
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


def merits_of(limit: LimitCycle) -> list[tuple[str, float]]:
    """The figures of merit of a cycle for people, by the names of the machine; what is undefined is left out."""
    machine = limit.cycle.machine
    words, known = words_of(machine), limit.summary()
    for key in ("efficiency", "carnot_efficiency", "efficiency_ratio", "cop"):
        known.pop(key, None)
    efficiency, bound = (
        (limit.cop, limit.carnot_cop) if machine.is_refrigerator else (limit.efficiency, limit.carnot_efficiency)
    )
    named = {words.power if key == "power" else key.replace("_", " "): float(value) for key, value in known.items()}
    named |= {words.efficiency: efficiency, f"Carnot {words.efficiency}": bound}
    named[words.ratio] = efficiency / bound if bound > 0 else math.nan
    return [(name, value) for name, value in named.items() if math.isfinite(value)]


def describe_certificate(certificate: Certificate) -> list[str]:
    """The certificate in words."""
    power = certificate.weight == 1.0
    lower, upper = certificate.power_bounds if power else (certificate.lower, certificate.upper)
    what = f"the {words_of(certificate.machine).power}" if power else f"r_c, c = {certificate.weight:g}"
    width = "" if math.isnan(certificate.gap) else f", relative width {certificate.gap:.1e}"
    head = f"Certified optimum of {what}, dt = {certificate.dt:g}: {lower:.8g} <= optimum <= {upper:.8g}{width}"
    if math.isinf(upper):
        head = f"Best known cycle for {what}, dt = {certificate.dt:g}: {lower:.8g} <= optimum (no upper bound is known)"
    cycle = certificate.cycle
    controls = [", ".join(f"{v:.4f}" for v in step) for step in cycle.values]
    names = cycle.word.split() or [""] * len(cycle)
    steps = " | ".join(f"{a} {u}".strip() for a, u in zip(names, controls, strict=True))
    return [
        head,
        f"  lower bound: {certificate.lower_source}",
        f"  upper bound: {certificate.upper_source}",
        f"  best cycle, {len(cycle)} steps: {steps if len(cycle) <= 12 else 'see --json'}",
    ]


def reference_contenders(entry: Entry, machine: AffineMachine, dt: float, seed: int = 0) -> list[Contender]:
    """The reference cycles of the catalogue's entry, and random controls."""
    cycles = [make_cycle(name, machine, dt) for name in entry.baselines]
    played = [Contender(cycle.label, CycleAgent(cycle, dt)) for cycle in cycles]
    return [*played, Contender("random", RandomAgent(machine.control_space, seed))]


def compare(
    entry: Entry,
    machine: AffineMachine,
    dt: float,
    learned: Iterable[Contender] = (),
    *,
    seed: int = 0,
) -> Comparison:
    """Measure learned agents against the references and the certified optimum.

    Args:
        entry: the system's entry of the catalogue; it names the reference cycles.
        machine: the machine, with the parameters that the agents were trained for.
        dt: duration of a step.
        learned: the learned agents.
        seed: of the start states and of the random agent.
    """
    certificate = certify(machine, dt)
    best = Contender("best known cycle", CycleAgent(certificate.cycle, dt))
    contenders = [*learned, best, *reference_contenders(entry, machine, dt, seed)]
    rows = [measure(c, machine, dt, certificate, seed) for c in contenders]
    rows.sort(key=lambda row: -row.evaluation.power)
    return Comparison(entry.id, machine, dt, tuple(rows), certificate)


def measure(
    who: Contender, machine: AffineMachine, dt: float, certificate: Certificate, seed: int = 0, n_starts: int = 16
) -> Row:
    """What a contender is worth.

    Args:
        who: the contender.
        machine: the machine.
        dt: duration of a step.
        certificate: of the machine on this time grid.
        seed: of the start states.
        n_starts: number of start states.
    """
    # a period is found if it fits twice into the window
    longest = len(who.agent.cycle) if isinstance(who.agent, CycleAgent) else 0
    window = max(512, 2 * longest + 2)
    if isinstance(who.agent, RandomAgent):
        n_starts = max(n_starts, RANDOM_STARTS)
    found = evaluate(
        who.agent, machine, dt, who.encoding, who.levels,
        n_starts=n_starts, window=window, seed=seed, settings=who.settings,
    )  # fmt: skip
    lower, upper = certificate.power_bounds
    # a machine without an upper bound is measured by its best known cycle
    best = upper if math.isfinite(upper) else lower
    return Row(who, found, 100.0 * found.power / best if best > 0 else math.nan)


def _spread(values: Sequence[float]) -> dict[str, float]:
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return dict.fromkeys(("median", "min", "max"), math.nan)
    return {"median": median(known), "min": min(known), "max": max(known)}


def _cells(values: Sequence[float], digits: int) -> list[str]:
    """Numbers of one column with the same number of digits after the point; a dash where undefined."""
    if digits < 0:
        largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
        digits = max(0, -digits - 1 - math.floor(math.log10(largest))) if largest > 0 else 0
    # + 0.0: no minus sign before zero
    texts = (f"{v:.5e}" if digits > 12 else f"{round(v, digits) + 0.0:.{digits}f}" for v in values)
    return [text if math.isfinite(v) else "–" for text, v in zip(texts, values, strict=True)]
