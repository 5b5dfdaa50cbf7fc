"""``szilard reproduce``: a study as a figure, its data, and checks of the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.markup import escape
from tyro.conf import Positional, arg

from ..physics.validation import ParameterError, check_choice
from .commands import Command
from .tables import Result, number, table, to_json, verdict

if TYPE_CHECKING:
    from .studies.study import Check, Settings, Study

DPI = 300
"""Resolution of the figures."""


@dataclass(kw_only=True)
class Reproduce(Command):
    """A study of a paper: figure, data and checks of its numbers; without a name, the list of the studies.

    The exit code is 1 if a check fails.
    """

    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """Name of the study."""
    list: bool = False
    """List the studies."""
    out: Path | None = None
    """Folder of the results; default: a new one below runs/."""
    samples: int = 20000
    """Trajectories of each Monte Carlo point."""
    seed: int = 0
    """Seed of the random numbers."""
    runs: tuple[Path, ...] = ()
    """Run folders of `szilard train`, for studies that draw trained agents (demon-front)."""

    def run(self) -> Result:
        from .studies import STUDIES
        from .studies.study import Settings

        if self.name is None or self.list:
            return listing(STUDIES)
        studies = {s.name: s for s in STUDIES}
        check_choice("study", self.name, studies)
        settings = Settings(self.samples, self.seed, self.runs)
        out = self.out or Path("runs") / f"reproduce-{self.name}-{datetime.now():%Y%m%d-%H%M%S}"
        return reproduce(studies[self.name], settings, out)


def listing(studies: tuple[Study, ...]) -> Result:
    """The studies with one line each."""
    data = {"studies": [{"name": s.name, "title": s.title, "source": s.source, "about": s.about} for s in studies]}
    view = table("Studies", ("name", "what it shows"), [(s.name, s.title) for s in studies])
    return Result(data, [view, "Next: szilard reproduce NAME"])


def reproduce(study: Study, settings: Settings, out: Path) -> Result:
    """Run ``study`` and write NAME.png, NAME.csv and checks.json into the folder ``out``.

    Raises:
        ParameterError: if it is given runs and has no use for them.
        OSError: if the folder cannot be written.
    """
    if settings.runs and not study.takes_runs:
        raise ParameterError(f"--runs: {study.name} draws no trained agents")
    found = study.run(settings)
    out.mkdir(parents=True, exist_ok=True)
    paths = {"figure": out / f"{study.name}.png", "table": out / f"{study.name}.csv", "checks": out / "checks.json"}
    found.figure.savefig(paths["figure"], dpi=DPI, metadata={"Title": study.title, "Description": study.about})
    found.table.write(paths["table"])
    missed = sum(not c.ok for c in found.checks)
    data: dict[str, Any] = {
        "study": study.name,
        "title": study.title,
        "source": study.source,
        "about": study.about,
        "samples": settings.samples,
        "seed": settings.seed,
        "runs": list(settings.runs),
        "ok": missed == 0,
        "count": len(found.checks),
        "missed": missed,
        "checks": [c.to_dict() for c in found.checks],
        "files": paths,
    }
    paths["checks"].write_text(to_json(data) + "\n", encoding="utf-8")
    count = f"{len(found.checks)} checks, " + (f"{missed} FAILED" if missed else "all passed")
    header = ("check", "quantity", "computed", "expected", "tolerance", "source", "")
    view = table(study.title, header, [_row(c) for c in found.checks], count, right=header[2:5])
    about = [escape(study.about), *(f"{what}: {escape(str(path))}" for what, path in _named(paths))]
    return Result(data, [view, *about], exit_code=int(missed > 0))


def _row(check: Check) -> tuple[str, ...]:
    relation = "" if check.relation == "=" else f"{check.relation} "
    expected = f"{relation}{number(float(check.expected), 8)}"
    tolerance = number(float(check.tolerance), 2)
    return (
        check.name,
        check.quantity,
        number(float(check.computed), 8),
        expected,
        tolerance,
        check.source,
        verdict(check.ok),
    )


def _named(paths: dict[str, Path]) -> list[tuple[str, Path]]:
    return [(what.capitalize(), path) for what, path in paths.items()]
