"""How pictures look, and how quantities and units are written: one place for renderings, figures and reports.

Colours: red is hot, blue is cold, grey is no bath; the pair is told apart with every common colour blindness. Curves
that are compared use other colours and different dashes, so that red and blue always mean a bath.

Units: hbar = k_B = 1 leaves the unit of energy and of time to the parameters. The parameter that equals 1 is the unit:
``beta_h = 1`` means energies in k_B T_h, ``gamma_h = 1`` means times in 1/gamma_h. They are written in plain text
("gamma_h k_B T_h"), which ``math`` sets for figures.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from ..physics.machine import Machine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOT, COLD, GREY, INK = "#d1495b", "#2f6690", "#8d99ae", "#1d2129"
OTHER = ("#e0a030", "#2a9d8f", "#7b4fa3")
"""Baths of intermediate temperature, and choices that are no baths."""

SERIES = ((INK, "-"), ("#d98a00", (0, (5, 1.5))), ("#009e73", (0, (1.2, 1.2))), ("#a05195", (0, (5, 1.2, 1, 1.2))))
"""Colour and dashes of curves that are compared."""

COLUMN, PAGE = 3.5, 7.1
"""Widths of a figure over one and over two columns of a journal (inch)."""

RC: dict[str, Any] = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.3,
    "savefig.dpi": 300,
}
TICKS: dict[str, Any] = {"labelsize": 7.0, "width": 0.6, "length": 3.0}

GREEK = frozenset(
    "alpha beta gamma delta epsilon eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
)
WORD = re.compile(r"([A-Za-z]+)(?:_?(\d+)|_([A-Za-z0-9]+))?")
"""A symbol with its index: E0, beta_h, k_B."""

P = ParamSpec("P")
R = TypeVar("R")


# ---- colours --------------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """Name and colour of a bath or a choice."""

    label: str
    colour: str


def bath_looks(machine: Machine) -> list[Look]:
    """One look per bath, by temperature: the hottest red, the coldest blue."""
    order = list(np.argsort(machine.betas, kind="stable"))
    colours = {order[0]: HOT, order[-1]: COLD} if len(order) > 1 else dict.fromkeys(order, HOT)
    between = [b for b in order if b not in colours]
    colours |= {b: OTHER[k % len(OTHER)] for k, b in enumerate(between)}
    return [Look(f"{name} bath", colours[b]) for b, name in enumerate(machine.bath_names)]


def choice_looks(machine: Machine) -> list[Look]:
    """One look per choice; a machine without a choice has one without a label."""
    space, baths = machine.control_space, dict(zip(machine.bath_names, bath_looks(machine), strict=True))
    if not space.choices:
        return [Look("", INK)]
    looks: list[Look] = []
    for k, name in enumerate(space.choices):
        if name in baths:
            looks.append(baths[name])
        elif name == "none":
            looks.append(Look(f"no {space.choice_name}", GREY))
        else:
            looks.append(Look(name, OTHER[k % len(OTHER)]))
    return looks


# ---- quantities and units -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Units:
    """Units of a machine in plain text; the defaults say only what is measured."""

    time: str = "time unit"
    energy: str = "energy unit"
    power: str = "energy unit / time unit"
    rate: str = "1 / time unit"


def units_of(machine: Machine) -> Units:
    """The units of a machine, from its parameters that equal 1."""
    one = {p["unit"]: p["name"] for p in reversed(machine.describe()["parameters"]) if p["value"] == 1}
    if "1/energy" in one:
        name = one["1/energy"]
        energy = f"k_B T{name.removeprefix('beta')}" if name.startswith("beta") else f"1/{name}"
    else:
        energy = one.get("energy", "")
    rate = one.get("rate") or one.get("1/time") or (f"{energy}/hbar" if energy else "")
    if not rate:
        return Units()
    inverse = f"hbar/({energy})" if rate.endswith("/hbar") else f"1/{rate}"
    return Units(inverse, energy, f"{rate} {energy}", rate) if energy else Units(time=inverse, rate=rate)


def math(text: str) -> str:
    """Plain notation as mathtext: ``"gamma_h k_B T_h"`` becomes Greek, italics and indices."""

    def symbol(match: re.Match[str]) -> str:
        word, index = match[1], match[2] or match[3]
        base = f"\\{word}" if word in GREEK or word == "hbar" else word if len(word) == 1 else rf"\mathrm{{{word}}}"
        return base + (rf"_\mathrm{{{index}}}" if index else "")

    return "$" + WORD.sub(symbol, text).replace(" ", r"\ ") + "$" if text else ""


def label(quantity: str, symbol: str = "", unit: str = "") -> str:
    """Axis label ``quantity symbol (unit)``; the unit "1" is written out, "" is left out."""
    shown = {"1": "dimensionless", "%": "%"}.get(unit) or math(unit)
    return " ".join(part for part in (quantity, math(symbol), f"({shown})" if shown else "") if part)


def state_label(machine: Machine, i: int) -> str:
    """Axis label of dynamical variable ``i``."""
    name = machine.dynamic_names[i]
    quantity, unit = getattr(machine, "quantities", {}).get(name, ("state variable", ""))
    return label(quantity, name, unit)


def control_label(machine: Machine, j: int) -> str:
    """Axis label of continuous control ``j``."""
    control = machine.control_space.ranges[j]
    return label("control", control.name, control.unit)


# ---- figures --------------------------------------------------------------------------------------------------


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function with this module's style, whatever the user has set."""

    @wraps(draw)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> R:
        from matplotlib import style

        with style.context(["default", RC]):
            return draw(*args, **kwargs)

    return with_style


def new_figure(width: float, height: float, **settings: Any) -> Figure:
    """A figure of a size in inch, outside pyplot; the layout keeps labels apart."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), **({"layout": "constrained"} | settings))


def add_axes(figure: Figure, rows: int = 1, columns: int = 1, **settings: Any) -> np.ndarray:
    """Axes (rows, columns) in the style; ``settings`` as for ``Figure.subplots``."""
    axes = figure.subplots(rows, columns, squeeze=False, **settings)
    for one in axes.flat:
        one.tick_params(**TICKS)  # matplotlib makes ticks late, when the style is no longer set
    return axes
