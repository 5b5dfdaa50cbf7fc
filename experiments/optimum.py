"""``szilard optimum``: the certified optimum, the best protocol, or a search for the best cycle of a given length."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ..envs.style import words_of
from ..physics.validation import ParameterError
from .commands import SystemCommand
from .tables import Result, number, plain, table

if TYPE_CHECKING:
    from ..physics.cycles.cycle import LimitCycle
    from ..physics.cycles.periodic import BestCycle
    from .runs import Problem
    from .search_folder import Search

SHOWN_PERIODS = 12
"""Periods in the table: the best ones."""


@dataclass(kw_only=True)
class Optimum(SystemCommand):
    """The best cycle: certified bounds of the optimum, or with --period-max a search for the best periodic control.

    Of a machine with measurements the best feedback protocol, with certified bounds where there are some; of a cell the
    best controls that are known.

    Without --period-max: lower and upper bound of the optimum and how they were obtained. With it: every period up to
    N steps, many starts, all words of choices that it can reach. An interrupted search goes on when called again.
    """

    weight: float | None = None
    """Weight c in [0, 1] of c P/P0 - (1-c) Sigma/Sigma0; 1, the default, is power alone."""
    period_max: int | None = None
    """Search all periods up to this many steps."""
    starts: int = 1
    """Independent starts; more are never worse."""
    rounds: int = 6
    """Rounds of each start; more are never worse."""
    seed: int = 0
    """Seed of the random numbers."""
    jobs: int = 1
    """Processes; the result does not depend on it."""
    scratch: bool = False
    """Do not begin with the stored best cycles."""
    out: Path | None = None
    """Folder of the search; default: one below runs/ that belongs to these settings."""
    no_progress: bool = False
    """Show no progress bar."""

    def run(self) -> Result:
        from .runs import Problem
        from .settings import parse

        settings = parse(self.set)
        if self.weight is not None:
            settings["weight"] = self.weight
        problem = Problem.of(self.env, self.preset, settings)
        return self._certified(problem) if self.period_max is None else self._searched(problem, self.period_max)

    def _certified(self, problem: Problem) -> Result:
        from ..physics.cells.library import BestKnown
        from ..physics.cycles.certificate import Certificate as CycleCertificate
        from .merits import describe_certificate, merits_of, merits_of_average, merits_of_controls
        from .optima import average_of, certified

        certificate = certified(problem.machine, problem.dt, problem.weight)
        data = {
            "environment": problem.entry.id,
            "machine": problem.machine.describe(),
            **certificate.to_dict(),
        }
        if isinstance(certificate, CycleCertificate):
            best = certificate.cycle.limit_cycle()
            data["limit_cycle"] = best.summary()
            title, merits = "Best cycle", merits_of(best)
        elif isinstance(certificate, BestKnown):
            data["limit_cycle"] = certificate.protocol.summary()
            title, merits = "Best controls known", merits_of_controls(certificate.protocol)
        else:
            average = average_of(certificate)
            data["average"] = asdict(average)
            title, merits = "Best protocol", merits_of_average(problem.machine, average)
        view = [table(title, ("figure of merit", "value"), merits)] if math.isfinite(certificate.lower) else []
        return Result(data, [*map(escape, describe_certificate(certificate)), *view])

    def _searched(self, problem: Problem, period_max: int) -> Result:
        from ..physics.cycles.known import start_cycles
        from ..physics.cycles.search import shortest_best
        from .figures import cycle_figure
        from .merits import merits_of
        from .search_folder import Search, run_search

        began = time.perf_counter()
        machine, dt, weight = problem.affine, problem.dt, problem.weight
        known = () if self.scratch else start_cycles(machine, dt, weight)
        search = Search(machine, dt, weight, period_max, self.seed, known)
        folder = Path("runs") / _name(problem, search) if self.out is None else self.out
        shown = not (self.no_progress or self.json) and sys.stderr.isatty()
        found = run_search(search, folder, self.starts, self.rounds, self.jobs, shown)
        if not found:
            raise ParameterError(f"period_max = {period_max}: no cycle of these periods has a limit cycle")
        best = shortest_best(found)
        limit = best.cycle.limit_cycle()
        figure = folder / "best.png"
        cycle_figure({best.cycle.label: limit}).savefig(figure, dpi=200)
        limits = {n: b.cycle.limit_cycle() for n, b in found.items()}
        data = {
            "environment": problem.entry.id,
            "machine": machine.describe(),
            "dt": dt,
            "weight": weight,
            "period_max": period_max,
            "starts": self.starts,
            "rounds": self.rounds,
            "seed": self.seed,
            "value": best.value,
            "power": limit.power,
            "periods": {n: {"value": b.value, **_merits(limits[n])} for n, b in found.items()},
            "cycle": best.cycle.to_dict(),
            "limit_cycle": limit.summary(),
            "folder": folder,
            "figure": figure,
            "seconds": time.perf_counter() - began,
        }
        merits = table("Best cycle", ("figure of merit", "value"), merits_of(limit))
        steps = f"  steps: {_steps(best)}"
        return Result(data, [_table(found, limits), merits, escape(steps), f"Folder: {escape(str(folder))}"])


def _merits(limit: LimitCycle) -> dict[str, float]:
    return {
        "power": limit.power,
        "entropy_production_rate": limit.entropy_production_rate,
        "efficiency": limit.efficiency,
        "cop": limit.cop,
    }


def _table(found: Mapping[int, BestCycle], limits: Mapping[int, LimitCycle]) -> Any:
    machine = next(iter(limits.values())).cycle.machine
    merit = "cop" if machine.is_refrigerator else "efficiency"
    order = sorted(found, key=lambda n: -found[n].value)[:SHOWN_PERIODS]
    rows = [
        (n, number(found[n].value, 8), number(m["power"], 7), number(m["entropy_production_rate"], 5), m[merit])
        for n in order
        for m in (_merits(limits[n]),)
    ]
    words = words_of(machine)
    header = ("steps", "r_c", words.power, "entropy production", words.efficiency)
    hidden = len(found) - len(rows)
    caption = f"and {hidden} shorter or longer periods that earn less" if hidden else ""
    return table("Best cycle of each period", header, rows, caption, right=header)


def _steps(best: BestCycle) -> str:
    names = best.cycle.word.split() or [""] * len(best.cycle)
    controls = [", ".join(f"{v:.5f}" for v in step) for step in best.cycle.values]
    return " | ".join(f"{a} {u}".strip() for a, u in zip(names, controls, strict=True))


def _name(problem: Problem, search: Search) -> str:
    """A folder name that is the same for the same settings only."""
    digest = hashlib.sha256(json.dumps(plain(search.settings()), sort_keys=True).encode()).hexdigest()[:8]
    system = problem.entry.id.rsplit("/", 1)[-1]
    return f"optimum-{system}-c{search.weight:g}-N{search.period_max}-{digest}"
