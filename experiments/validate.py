"""``szilard validate``: every reference value of the catalogue, computed again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..envs.catalogue import CATALOGUE, Entry, entry, load
from ..physics.references import Reference
from .tables import Result, table, verdict


def validate(env_id: str | None = None) -> Result:
    """Recompute the reference values of one system, or of all; the exit code is 1 if one is missed.

    Raises:
        ParameterError: for an unknown id, with the nearest one.
    """
    systems = CATALOGUE if env_id is None else (entry(env_id),)
    rows = [check(system, reference) for system in systems for reference in references(system)]
    missed = sum(not row["ok"] for row in rows)
    cells = [
        (r["id"], r["quantity"], _digits(r["computed"], 9), _digits(r["expected"], 9), _digits(r["error"], 2),
         _digits(r["tolerance"], 2), verdict(r["ok"]))
        for r in rows
    ]  # fmt: skip
    header = ("id", "quantity", "computed", "expected", "error", "tolerance", "")
    caption = f"{len(rows)} values, {missed} missed" if missed else f"{len(rows)} values, all reproduced"
    problems = [f"{r['id']}: {r['problem']}" for r in rows if r["problem"]]
    data = {"ok": missed == 0, "count": len(rows), "missed": missed, "values": rows}
    return Result(
        data,
        [table("Reference values", header, cells, caption, right=header[2:6]), *problems],
        exit_code=int(missed > 0),
    )


def references(system: Entry) -> Iterable[Reference]:
    """The reference values of a system."""
    return load(system.references) if system.references else ()


def check(system: Entry, reference: Reference) -> dict[str, Any]:
    """One reference value as plain data; a computation that fails is a value that is missed."""
    computed, problem = float("nan"), ""
    try:
        computed = float(reference.compute())
    except Exception as error:  # the other values are still worth knowing
        problem = f"{type(error).__name__}: {error}"
    error = computed - reference.expected
    return {
        "environment": system.id,
        "id": reference.id,
        "quantity": reference.quantity,
        "computed": computed,
        "expected": reference.expected,
        "error": error,
        "tolerance": reference.tolerance,
        "ok": abs(error) <= reference.tolerance,  # NaN is not
        "source": reference.source,
        "problem": problem,
    }


def _digits(value: float, digits: int) -> str:
    return f"{value:.{digits}g}"
