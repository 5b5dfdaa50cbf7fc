"""Results as tables for people and as JSON for programs.

A command returns a ``Result``: plain data, and what a person sees of it. JSON knows no NaN, so an undefined number
becomes ``null``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table


@dataclass
class Result:
    """What a command hands back.

    Attributes:
        data: plain data, printed by ``--json``.
        view: what is printed otherwise; strings may contain rich markup.
        exit_code: of the process.
        text: printed as it is, in place of ``view``.
    """

    data: dict[str, Any]
    view: list[RenderableType] = field(default_factory=list)
    exit_code: int = 0
    text: str = ""


def plain(value: Any) -> Any:
    """``value`` as JSON-ready data: NumPy becomes Python, a path a string, NaN and infinity ``None``."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(v) for v in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy array or scalar
        return plain(value.tolist())
    raise TypeError(f"{type(value).__name__} is no plain data")


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    out: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            out |= flatten(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def to_json(data: Any) -> str:
    """One strict JSON document (no NaN)."""
    return json.dumps(plain(data), indent=2, allow_nan=False, ensure_ascii=False)


def number(value: Any, digits: int = 4) -> str:
    """A number for a table; a dash where it is undefined."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    # + 0.0: no minus sign before zero
    return f"{value + 0.0:.{digits}g}" if isinstance(value, float) else str(value)


def table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "", right: Sequence[str] = ()
) -> Table:
    """A table whose first column is never broken; text is taken literally, not as markup.

    Args:
        title: above the table.
        header: names of the columns.
        rows: cells; a number is formatted.
        caption: below the table.
        right: columns to align right, besides those of numbers.
    """
    out = Table(title=title, caption=caption or None, title_justify="left", caption_justify="left", box=SIMPLE_HEAD)
    for j, name in enumerate(header):
        numeric = name in right or all(not isinstance(row[j], str) for row in rows)
        out.add_column(name, justify="right" if numeric else "left", no_wrap=j == 0)
    for row in rows:
        out.add_row(*(escape(cell) if isinstance(cell, str) else number(cell) for cell in row))
    return out


def verdict(ok: bool) -> str:
    """``ok`` or ``FAILED``."""
    return "ok" if ok else "FAILED"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in GitHub's Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
