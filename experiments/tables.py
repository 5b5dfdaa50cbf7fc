"""Results as tables for people and as JSON for programs.

A command returns a ``Result``: plain data, and what a person sees of it. JSON knows no NaN, so an undefined number
becomes ``null``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    """

    data: dict[str, Any]
    view: list[RenderableType] = field(default_factory=list)
    exit_code: int = 0


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


def to_json(data: Any) -> str:
    """One strict JSON document (no NaN)."""
    return json.dumps(plain(data), indent=2, allow_nan=False, ensure_ascii=False)


def number(value: Any, digits: int = 4) -> str:
    """A number for a table; a dash where it is undefined."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> Table:
    """A table; a column whose cells are all numbers is aligned to the right, text is taken literally."""
    out = Table(title=title, caption=caption or None, title_justify="left", caption_justify="left")
    for j, name in enumerate(header):
        numeric = all(_is_number(row[j]) for row in rows)
        out.add_column(name, justify="right" if numeric else "left", overflow="fold")
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


def _is_number(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell in ("", "–") or cell[0] in "+-.0123456789"
    return True
