"""How much the output of the compared cycles fluctuates, for the command line, JSON and the report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ..envs.style import Units, Words, units_of, words_of
from ..physics.cycles.cycle import LimitCycle
from ..physics.cycles.fluctuations import fluctuations
from ..physics.machine import Machine

NOTE = (
    "TUR = Delta_P Sigma / (2 P^2), Delta_P the variance of the output per time, Sigma the entropy production rate. "
    "Classical machines in a steady state have TUR >= 1 (Barato-Seifert; for engines the same as "
    "P eta/(eta_C - eta) T_C/Delta_P <= 1/2, Pietzonka-Seifert). For driven cycles this is no bound, it only compares.",
    "Bounds for driven machines without coherence: TUR, driven = Delta_P Sigma / (2 (P - Omega dP/dOmega)^2) >= 1 "
    "(Koyuk-Seifert), and, for controls that are their own time reverse, TUR, symmetric = (exp(Sigma tau) - 1) "
    "Delta_P / (2 P^2 tau) >= 1 (Proesmans-Van den Broeck). A dash where they do not apply.",
)
"""What is a bound and what is not."""

COLUMNS = (
    ("power", "{power}", "power"),
    ("power_variance_rate", "its variance / time", "variance rate"),
    ("relative_fluctuation", "relative fluctuation x sqrt(time)", "root of time"),
    ("tur_ratio", "TUR", "1"),
    ("driven_tur_ratio", "TUR, driven", "1"),
    ("symmetric_tur_ratio", "TUR, symmetric", "1"),
)
"""Key, heading and dimension."""


def fluctuation_notes(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The entries of ``NOTE`` that concern the rows."""
    return NOTE if any(math.isfinite(row["driven_tur_ratio"]) for row in rows) else NOTE[:1]


def fluctuation_columns(rows: Sequence[Mapping[str, Any]], words: Words, units: Units) -> list[tuple[str, str, str]]:
    """Key, heading and unit of the columns in which anything is defined."""
    energy = f"({units.energy})" if " " in units.energy else units.energy
    natural = units.energy == Units().energy
    unit = {
        "power": units.power,
        "variance rate": units.energy if natural else f"{energy}² {units.rate}",
        "root of time": units.time if natural else f"sqrt({units.time})",
    }
    shown = [c for c in COLUMNS if any(math.isfinite(row[c[0]]) for row in rows)]
    return [
        (key, heading.format(power=words.power), unit.get(dimension, dimension)) for key, heading, dimension in shown
    ]


def fluctuation_rows(machine: Machine, cycles: Iterable[tuple[str, bool, LimitCycle | None]]) -> list[dict[str, Any]]:
    """Fluctuations of limit cycles as plain data.

    Args:
        machine: the machine.
        cycles: label, whether it was learned, and the limit cycle, if there is one; others are left out.

    Returns:
        ``label``, ``learned``, ``power``, the entries of ``Fluctuations.summary`` and ``meaning``, a sentence; empty
        for a machine without counting statistics.
    """
    word = words_of(machine).power
    rows = []
    for label, learned, limit in cycles:
        if limit is None:
            continue
        try:
            found = fluctuations(limit)
        except NotImplementedError:
            return []
        meaning = found.sentence(word)
        rows.append({"label": label, "learned": learned, "power": found.power, **found.summary(), "meaning": meaning})
    return rows


def fluctuation_table(machine: Machine, rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rows for people; columns in which nothing is defined are left out."""
    table = Table(title="Fluctuations", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("agent", no_wrap=True)
    columns = fluctuation_columns(rows, words_of(machine), units_of(machine))
    for _, heading, _ in columns:
        table.add_column(heading, justify="right")
    for row in rows:
        cells = (f"{row[key] + 0.0:.5g}" if math.isfinite(row[key]) else "–" for key, _, _ in columns)
        table.add_row(escape(row["label"]), *cells, style="green" if row["learned"] else "")
    return table
