"""The report of an experiment: one HTML file that needs no other file and no network, for screen and paper."""

from __future__ import annotations

import base64
import io
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup, escape

from ..envs.style import ENGINE, GREEK, WORD, Units, Words
from .fluctuation_table import fluctuation_columns, fluctuation_notes
from .tables import flatten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = Path(__file__).with_name("report_template.html")

PACKAGES = ("szilard", "gymnasium", "stable-baselines3", "torch", "numpy", "scipy", "qutip", "matplotlib")
"""Packages whose versions every report names."""

HEADINGS: dict[str, tuple[str, str]] = {
    "label": ("agent or cycle", ""),
    "life_work": ("work of a life", "energy"),
    "power_error": ("standard error of P", "power"),
    "read_fraction": ("steps that read a detector", "1"),
    "carnot_efficiency": ("eta_C", "1"),
    "entropy_production_rate": ("entropy production Sigma", "entropy"),
    "period": ("period", "time"),
    "cop": ("COP", "1"),
}
"""Heading and unit of further columns of the comparison; a unit may be the name of a field of ``Units``."""

LAWS: dict[str, tuple[str, str]] = {
    "steps": ("audited steps", ""),
    "first_law_residual": ("largest first-law residual |ΔE − W − Q|", "energy"),
    "entropy_production": ("smallest entropy production of a step", "amount of entropy"),
    "energy_scale": ("energy scale of the machine", "energy"),
}
"""Meaning and unit of the known entries of the audit."""


UNDEFINED = {
    "engine": "no efficiency without heat from the hot bath",
    "refrigerator": "no COP unless heat leaves the cold bath and work is consumed",
    "demon": "no ratio unless heat is turned into work and a record is kept",
    "cell": "no ratio unless power is delivered",
}
"""When there is no efficiency, by ``Words.kind``."""


class Column(NamedTuple):
    """Key, heading and unit of a column."""

    key: str
    heading: str
    unit: str


def write_report(
    path: str | Path,
    *,
    title: str,
    environment: Mapping[str, Any],
    table: Sequence[Mapping[str, Any]],
    certificate: Mapping[str, Any],
    figures: Mapping[str, Figure],
    run: Mapping[str, Any],
    notes: str | Sequence[str] = (),
    sources: Sequence[str] = (),
    laws: Mapping[str, Any] | None = None,
    fluctuations: Sequence[Mapping[str, Any]] = (),
    units: Units | None = None,
    words: Words = ENGINE,
    goal: str = "optimum",
    natural_units: str = "hbar = k_B = 1",
    weight: float = 1.0,
    merit: tuple[str, str] | None = None,
) -> Path:
    """Write the report of an experiment.

    Args:
        path: of the HTML file; missing folders are made.
        title: heading of the report.
        environment: ``machine.describe()``; further entries (``id``, ``dt`` ...) are listed.
        table: the comparison, one dictionary per row, with ``label`` and figures of merit; the known keys
            get their heading and unit. ``kind="agent"`` or a not empty ``algorithm`` marks a learned agent. Nested
            values are left out; NaN and ``None`` are shown as a dash.
        certificate: ``Certificate.to_dict()``, or empty if there is none.
        figures: figures by caption, in order.
        run: configuration, seeds, git commit ...; nested dictionaries are flattened. The versions of ``PACKAGES`` are
            added.
        notes: paragraphs.
        sources: citations; the source of the machine comes first by itself.
        laws: summary of the audit, keys as in ``LAWS``: number of steps, largest absolute first-law residual, smallest
            entropy production.
        fluctuations: rows of ``fluctuation_rows``.
        units: of the machine (``units_of``).
        words: of the machine (``words_of``).
        goal: what counts as 100 %: "optimum", or "best known" without an upper bound.
        natural_units: the constants that are 1.
        weight: weight c of the objective that is compared; 1 is the power.
        merit: what is compared in place of the power, and its unit, as the work of a life.

    Returns:
        The path of the file.
    """
    from jinja2 import Environment, StrictUndefined

    units = Units() if units is None else units
    engine = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    # natural units are symbols, in italics
    unit = escape if natural_units == "SI" else symbols
    engine.filters |= {"number": number, "symbols": symbols, "unit": unit, "quantity": partial(quantity, shown=unit)}
    known = {"title", "source", "equations", "parameters", "controls", "choices", "uses", "baths", "state"}
    text = engine.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        environment={key: environment.get(key) or () for key in known},
        extra=flatten({k: v for k, v in environment.items() if k not in known}),
        units=units,
        words=words,
        merit=merit or (words.power, units.power),
        life=merit is not None,
        stochastic=any("power_error" in row for row in table),
        undefined=UNDEFINED[words.kind],
        natural_units=natural_units,
        columns=_columns(table, units, words, goal, weight, merit),
        rows=[dict(row) | {"learned": bool(row.get("kind") == "agent" or row.get("algorithm"))} for row in table],
        certificate=_certificate(certificate),
        figures=[(caption, *_embed(figure)) for caption, figure in figures.items()],
        fluctuations=fluctuations,
        fluctuation_columns=fluctuation_columns(fluctuations, words, units),
        fluctuation_notes=fluctuation_notes(fluctuations),
        laws=[(*_laws_entry(key, units), value) for key, value in (laws or {}).items()],
        run=flatten(run),
        versions=_versions(),
        notes=[notes] if isinstance(notes, str) else list(notes),
        sources=list(dict.fromkeys([s for s in (environment.get("source"), *sources) if s])),
    )
    out = Path(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return out


def number(value: Any, digits: int = 5) -> str:
    """A value for a table: a dash where it is undefined, powers of ten where a number is very large or small."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _plain(value)
    if isinstance(value, int):
        return str(value).replace("-", "−")
    mantissa, _, exponent = f"{value + 0.0:.{digits}g}".partition("e")
    if exponent:
        power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        mantissa = f"{mantissa}·10{power}"
    return mantissa.replace("-", "−")


def symbols(text: Any) -> Markup:
    """Plain notation as HTML: ``gamma_h`` becomes a Greek letter with an index; everything else is escaped."""

    def symbol(match: re.Match[str]) -> str:
        word, index = GREEK.get(match[1], match[1]), (match[2] or match[3] or "").replace("_", ",")
        if len(match[1]) > 1 and match[1] not in GREEK and match[3]:
            return match[0].replace("_", " ")  # words joined by an underscore
        base = f"<i>{word}</i>" if len(word) == 1 and word.isalpha() else word
        return f"{base}<sub>{index}</sub>" if index else base

    # an entity such as &lt; is left alone
    parts = re.split(r"(&#?\w+;)", str(escape(text)))
    return Markup("".join(part if k % 2 else WORD.sub(symbol, part) for k, part in enumerate(parts)))


def quantity(value: Any, unit: str, digits: int = 5, shown: Callable[[str], Markup] = symbols) -> Markup:
    """A value with its unit as HTML; ``shown`` is how the unit is written."""
    if unit.startswith("1/"):
        return escape(number(value, digits)) + "/" + shown(unit.removeprefix("1/"))
    return escape(number(value, digits)) + (" " + shown(unit) if unit not in ("", "1") else "")


def _plain(value: Any) -> str:
    """Text of any value; long ones (matrices) are cut."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 300 else f"{text[:300]} …"


def _unit(name: str, units: Units) -> str:
    if name == "entropy":
        return units.entropy_rate
    if name == "amount of entropy":
        return units.entropy
    return getattr(units, name) if name in ("time", "energy", "power", "rate") else name


def _columns(
    table: Sequence[Mapping[str, Any]],
    units: Units,
    words: Words,
    goal: str,
    weight: float,
    merit: tuple[str, str] | None,
) -> list[Column]:
    """The columns of the comparison: keys in order of appearance, without nested or internal ones."""
    ranked = (merit[0] if merit else "P") if weight == 1.0 else "r_c"
    named = HEADINGS | {
        "power": (f"{words.power} P", "power"),
        "objective": (f"r_c, c = {weight:g}", "1"),
        "percent": (f"{ranked} / {goal}", "%"),
        "dissipation_rate": (f"{words.dissipation} {words.dissipation_symbol}", "entropy"),
        "efficiency": (
            words.efficiency if words.symbol == words.efficiency else f"{words.efficiency} {words.symbol}",
            "1",
        ),
        "efficiency_ratio": (words.ratio_symbol, "1"),
    }
    keys = dict.fromkeys(key for row in table for key in row)
    columns: list[Column] = []
    for key in keys:
        nested = any(isinstance(row.get(key), (Mapping, list, tuple)) for row in table)
        if nested or key == "kind" or all(row.get(key) is None for row in table):
            continue
        if key.startswith("heat_rate_"):
            heading, unit = f"heat current J_{key.removeprefix('heat_rate_')}", "power"
        else:
            heading, unit = named.get(key, (key.replace("_", " "), ""))
        columns.append(Column(key, heading, _unit(unit, units)))
    return columns


def _certificate(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate with every entry that the template asks for."""
    names = (
        "dt", "weight", "lower", "upper", "gap", "power_lower", "power_upper", "lower_source", "upper_source",
        "dynamic_lower", "dynamic_upper", "fast",
    )  # fmt: skip
    out = {name: certificate.get(name) for name in names}
    out["by_protocol"] = certificate.get("protocol") is not None
    return (out | {"words": dict(certificate.get("words") or {})}) if certificate else {}


def _laws_entry(key: str, units: Units) -> tuple[str, str]:
    meaning, unit = LAWS.get(key, (key.replace("_", " "), ""))
    return meaning, _unit(unit, units)


def _embed(figure: Figure) -> tuple[str, int]:
    """The figure as the data URI of an SVG, and its width on the page (pixel)."""
    import matplotlib

    buffer = io.BytesIO()
    # the same figure gives the same bytes
    with matplotlib.rc_context({"svg.hashsalt": "szilard"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/svg+xml;base64,{data}", round(140 * float(figure.get_figwidth()))


def _versions() -> dict[str, str]:
    out = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            out[package] = "not installed"
    return out
