"""Package data: the best controls that searches have found, by machine and time step. Values are always recomputed."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..machine import Machine
from ..validation import ParameterError


def find(path: Path, machine: Machine, dt: float) -> dict[str, Any] | None:
    """What the JSON file ``path`` holds for exactly this machine and ``dt``; ``None`` if nothing."""
    wanted = _head(machine, dt)
    return next((e for e in _read(path) if _head_of(e) == wanted), None)


def keep(path: Path, machine: Machine, dt: float, data: dict[str, Any]) -> None:
    """Write ``data`` (plain) for this machine and ``dt`` into the file, in place of what was there.

    Raises:
        ParameterError: for a machine with parameters that are neither numbers nor names.
    """
    head = _head(machine, dt)
    if not all(v is None or isinstance(v, (int, float, str)) for v in head["parameters"].values()):
        raise ParameterError(f"machine {type(machine).__name__}: has parameters that are neither numbers nor names")
    entries = [e for e in _read(path) if _head_of(e) != head] + [{**head, **data}]
    lines = ",\n".join(sorted(json.dumps(e) for e in entries))
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _head(machine: Machine, dt: float) -> dict[str, Any]:
    # the sub-step belongs to the integrator, not to the machine
    named = {f.name: getattr(machine, f.name) for f in fields(machine) if f.init and f.name != "max_sub_step"}
    return {"machine": type(machine).__name__, "parameters": named, "dt": dt}


def _head_of(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("machine", "parameters", "dt")}


def _read(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
