"""How pictures look, and how quantities and units are written: one place for renderings, figures and reports.

Colours: red is hot, blue is cold, grey is no bath; the pair is told apart with every common colour blindness. Curves
that are compared use other colours and different dashes, so that red and blue always mean a bath.

Units: hbar = k_B = 1 leaves the unit of energy and of time to the parameters. The parameter that equals 1 is the unit:
``beta_h = 1`` means energies in k_B T_h, ``gamma_h = 1`` means times in 1/gamma_h. They are written in plain text
("gamma_h k_B T_h"), which ``math`` sets for figures. Cells have SI units; in numbers these get a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from ..physics.machine import Machine
from ..physics.portrait import Quantity

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

HOT, COLD, GREY, INK = "#d1495b", "#2f6690", "#8d99ae", "#1d2129"
ALWAYS = "#5f6b7a"
"""The line of a machine without a choice."""
OTHER = ("#e0a030", "#2a9d8f", "#7b4fa3", "#8a5a44", "#4c4f9c")
"""Baths of intermediate temperature, and choices that are no baths."""
NO_BATHS = ("bath", "ambient", "resistor")
"""Baths whose name says what they are."""
CONTACT = ("wait", "thermalise")
"""Choices that connect a bath, the only one, which a demon takes away otherwise."""

AGENT = "#7b4fa3"
"""What was learned."""

SERIES = ((INK, "-"), ("#d98a00", (0, (5, 1.5))), ("#009e73", (0, (1.2, 1.2))), ("#a05195", (0, (5, 1.2, 1, 1.2))))
"""Colour and dashes of curves that are compared."""

COLUMN, PAGE = 3.5, 7.1
"""Widths of a figure over one and over two columns of a journal (inch)."""

LONG_NAME = 24
"""Characters; a longer name has its own line."""

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

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ",
    "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "hbar": "ħ",
}  # fmt: skip
SI_POWERS = ("m", "cm", "s", "K", "C")
"""Units whose digits are powers: "C/m2"."""
PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}
WITH_PREFIX = ("J", "W", "V", "A", "C", "s", "V/m", "J/cm2", "W/cm2", "A/cm2", "C/cm2")
WORD = re.compile(r"([A-Za-z]+)(?:(\d[A-Za-z0-9_]*)|_(\w+))?")
"""A symbol with its index: E0, beta_h, k_B, x0_1."""

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
    if len(order) > 1 and np.ptp(machine.betas) == 0.0:  # told apart by what they are
        colours = {b: OTHER[k % len(OTHER)] for k, b in enumerate(order)}
    names = [name if name in NO_BATHS else f"{name} bath" for name in machine.bath_names]
    return [Look(name, colours[b]) for b, name in enumerate(names)]


def choice_looks(machine: Machine) -> list[Look]:
    """One look per choice; a machine without a choice has one without a label."""
    space, baths = machine.control_space, dict(zip(machine.bath_names, bath_looks(machine), strict=True))
    if not space.choices:
        return [Look("", ALWAYS)]
    looks: list[Look] = []
    for name in space.choices:
        if name in baths:
            looks.append(baths[name])
        elif name == "none":
            looks.append(Look(f"no {space.choice_name}", GREY))
        elif name in CONTACT and machine.detector_names:
            looks.append(Look(name, HOT if len(baths) == 1 else GREY))
        else:
            others = sum(look.colour in OTHER for look in looks)
            looks.append(Look(name, OTHER[others % len(OTHER)]))
    return looks


# ---- quantities and units -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Units:
    """Units of a machine in plain text; the default says only that hbar = k_B = 1, and entropies are numbers."""

    time: str = "natural units"
    energy: str = "natural units"
    power: str = "natural units"
    rate: str = "natural units"
    entropy: str = "nats"

    @property
    def entropy_rate(self) -> str:
        """Of entropy per time."""
        return f"nats {self.rate}" if self.entropy == "nats" else self.entropy.replace("J", "W", 1)


def units_of(machine: Machine) -> Units:
    """The units of a machine: SI, or from its parameters that equal 1."""
    if machine.natural_units == "SI":
        per = getattr(machine, "per_area", "")
        return Units("s", f"J{per}", f"W{per}", "1/s", f"J/(K {per[1:]})" if per else "J/K")
    numbers = [p for p in machine.describe()["parameters"] if isinstance(p["value"], (int, float))]
    one = {p["unit"]: p["name"] for p in reversed(numbers) if p["value"] == 1}
    if "1/energy" in one:
        name = one["1/energy"]
        energy = f"k_B T{name.removeprefix('beta')}" if name.startswith("beta") else f"1/{name}"
    else:
        energy = one.get("energy", "")
    rate = one.get("rate", "")
    if not energy:
        return Units(time=f"1/{rate}", rate=rate) if rate else Units()
    if not rate:
        group = f"({energy})" if " " in energy or "/" in energy else energy
        return Units(f"hbar/{group}", energy, f"{group}²/hbar", f"{energy}/hbar")
    return Units(f"1/{rate}", energy, f"{rate} {energy}", rate)


class Words(NamedTuple):
    """What the figures of merit of a machine are called.

    Attributes:
        power: P.
        efficiency, ratio: what P costs, and the same relative to its bound.
        symbol, ratio_symbol: of both, in plain notation.
        kind: what the machine is.
        power_tag, efficiency_tag: for names of columns and tags.
        bound: whose bound of the efficiency it is.
        dissipation, dissipation_symbol: what P costs at the weight c < 1 (nats per time).
        dissipation_tag: for names of columns and tags.
    """

    power: str
    efficiency: str
    ratio: str
    symbol: str
    ratio_symbol: str
    kind: str
    power_tag: str
    efficiency_tag: str
    bound: str = "Carnot"
    dissipation: str = "entropy production"
    dissipation_symbol: str = "Sigma"
    dissipation_tag: str = "entropy_production_rate"


ENGINE = Words(
    "power", "efficiency", "efficiency / Carnot", "eta", "eta / eta_C", "engine", "power", "efficiency"
)  # fmt: skip
REFRIGERATOR = Words(
    "cooling power", "COP", "COP / Carnot", "COP", "COP / COP_C", "refrigerator", "cooling_power", "cop"
)  # fmt: skip
DEMON = Words(
    "power", "P / (T x record entropy)", "P / (T x record entropy)", "eta_I", "eta_I", "demon", "power", "efficiency",
    "Landauer", "record entropy", "D", "record_entropy_rate",
)  # fmt: skip
CELL = Words(
    "power", "power / exergy used", "power / exergy used", "eta_X", "eta_X", "cell", "power", "efficiency", "second law"
)  # fmt: skip
MEASURED_REFRIGERATOR = REFRIGERATOR._replace(
    dissipation="dissipation with erasure", dissipation_symbol="D", dissipation_tag="dissipation_rate"
)


def words_of(machine: Machine | type[Machine]) -> Words:
    """How to speak of a machine's P and of what it costs."""
    if machine.is_refrigerator:
        return MEASURED_REFRIGERATOR if machine.n_step_uniforms else REFRIGERATOR
    if machine.stores_energy:
        return CELL
    return DEMON if machine.n_step_uniforms and len(machine.bath_names) == 1 else ENGINE


def math(text: str, upright: bool = False) -> str:
    """Plain notation as mathtext: ``"gamma_h k_B T_h"`` becomes Greek, italics and indices.

    With ``upright`` a letter without an index is a unit such as K, and not a symbol; but the parameters e and g, and T
    beside k_B, are symbols, for units here are neither grams nor charges.
    """
    symbols = {"e", "g"} | ({"T"} if "k_B" in text else set())

    def symbol(match: re.Match[str]) -> str:
        word, index = match[1], match[2] or match[3]
        if word in GREEK:
            base = f"\\{word}"
        else:
            if upright and word in SI_POWERS and match[2]:
                return rf"\mathrm{{{word}}}^{{{match[2]}}}"
            italic = len(word) == 1 and (index or not upright or word in symbols)
            base = word if italic else rf"\mathrm{{{word}}}"
        return base + (rf"_\mathrm{{{index.replace('_', ',')}}}" if index else "")

    return "$" + WORD.sub(symbol, text).replace(" ", r"\ ") + "$" if text else ""


def unit_math(text: str) -> str:
    """A unit as mathtext; "1" is written out."""
    return {"1": "dimensionless", "%": "%"}.get(text) or math(text.replace("Ohm", "Ω"), upright=True)


def amount(value: float, unit: str, digits: int = 3) -> str:
    """A number with its unit for a figure, with a true minus sign; bare in natural units."""
    if unit in WITH_PREFIX and value and np.isfinite(value):
        step = prefix(abs(value), unit)
        value, unit = value / 10.0**step, PREFIXES[step] + unit
    number, _, power = f"{value + 0.0:.{digits}g}".replace("-", "−").partition("e")
    if power:
        number += rf"$\cdot 10^{{{int(power.replace('−', '-'))}}}$"
    if unit.startswith("1/"):
        return f"{number}/{unit_math(unit.removeprefix('1/'))}"
    return number if unit in ("1", "", Units.power) else f"{number} {unit_math(unit)}"


def prefix(size: float, unit: str) -> int:
    """The power of ten of the prefix for numbers of this size; nobody counts in kiloseconds."""
    if unit == "s" and size > 1.0:
        return 0
    return int(np.clip(3 * np.floor(np.log10(size) / 3.0), min(PREFIXES), max(PREFIXES)))


def set_label(axis: Axis, quantity: str, symbol: str = "", unit: str = "") -> None:
    """Label an axis whose limits are set; an SI unit gets the prefix that fits them, and so do the numbers."""
    size = float(np.abs(axis.get_view_interval()).max())
    if unit in WITH_PREFIX and size > 0.0 and prefix(size, unit):
        from matplotlib.ticker import FuncFormatter

        step = prefix(size, unit)
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v / 10.0**step:g}".replace("-", "−")))
        unit = PREFIXES[step] + unit
    axis.set_label_text(label(quantity, symbol, unit))


def label(quantity: str, symbol: str = "", unit: str = "") -> str:
    """Axis label ``quantity symbol (unit)``; an empty part is left out."""
    shown = unit_math(unit)
    return " ".join(part for part in (quantity, math(symbol), f"({shown})" if shown else "") if part)


def quantity_words(found: Quantity, units: Units) -> tuple[str, str, str]:
    """Name, symbol and unit of a quantity of a machine's portrait."""
    return found.name, found.symbol, getattr(units, found.unit) if found.unit in ("energy", "time") else found.unit


def quantity_label(found: Quantity, units: Units) -> str:
    """Axis label of a quantity of a machine's portrait."""
    return label(*quantity_words(found, units))


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


def new_figure(width: float, height: float, dpi: float | None = None, automatic: bool = True) -> Figure:
    """A figure of a size in inch, outside pyplot; the automatic layout keeps labels apart."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=dpi, layout="constrained" if automatic else None)


def legend_columns(names: Iterable[str]) -> int:
    """Columns of a legend that still fit a figure of width ``COLUMN``."""
    return 2 if max(map(len, names), default=0) <= LONG_NAME else 1


def add_axes(figure: Figure, rows: int = 1, columns: int = 1, **settings: Any) -> np.ndarray:
    """Axes (rows, columns) in the style; ``settings`` as for ``Figure.subplots``."""
    axes = figure.subplots(rows, columns, squeeze=False, **settings)
    for one in axes.flat:
        one.tick_params(**TICKS)  # matplotlib makes ticks late, when the style is no longer set
    return axes
