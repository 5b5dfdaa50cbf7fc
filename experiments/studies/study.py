"""What a study is: a figure, the data in it, and checks of the numbers.

To add a study, write a module with ``STUDY = Study(...)`` and name it in ``STUDIES`` of this package.
"""

from __future__ import annotations

import csv
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...envs.style import GREY
from ...physics.references import Reference
from ...physics.validation import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REFERENCE_VALUE = "reference value"
"""Source of a check against a number derived for the model."""

SECOND_WAY = "computed a second way"
"""Source of a check against another computation of the same number."""

TREND = "trend (a review)"
"""Source of a check of a claim of the paper that is known from a review only, without numbers."""

Z_SCORE = 4.0
"""Standard errors that a Monte Carlo mean may be off."""


@dataclass(frozen=True)
class Settings:
    """What a study is told.

    Attributes:
        samples: trajectories of each Monte Carlo point.
        seed: of the random numbers.
        runs: run folders of trained agents; most studies have no use for them.

    Raises:
        ParameterError: for fewer than 100 samples, or a negative seed.
    """

    samples: int = 20000
    seed: int = 0
    runs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        check_integer("samples", self.samples, 100)
        check_integer("seed", self.seed, 0)

    def rng(self) -> np.random.Generator:
        """The random numbers of a study."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True)
class Check:
    """One number that must come out, or one trend.

    Attributes:
        name: id of the reference value, or a short name.
        quantity: what it is, in words.
        computed: the number.
        expected: what it is compared with.
        tolerance: how far it may be off.
        source: where ``expected`` comes from.
        relation: ``=``: equal within the tolerance; ``>=``, ``<=``: not below or above by more than the tolerance;
            ``>``: above by more than the tolerance.
    """

    name: str
    quantity: str
    computed: float
    expected: float
    tolerance: float
    source: str
    relation: Literal["=", ">=", "<=", ">"] = "="

    @property
    def ok(self) -> bool:
        """Whether it is passed; no number never is."""
        off = self.computed - self.expected
        if self.relation == ">":
            return off > self.tolerance
        return {"=": abs(off), ">=": -off, "<=": off}[self.relation] <= self.tolerance

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "quantity": self.quantity,
            "computed": float(self.computed),
            "relation": self.relation,
            "expected": float(self.expected),
            "tolerance": float(self.tolerance),
            "source": self.source,
            "ok": bool(self.ok),
        }


@dataclass(frozen=True)
class Table:
    """The data of a figure.

    Attributes:
        header: names of the columns.
        rows: cells; one that does not apply is ``""``.
    """

    header: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, *cells: Any) -> None:
        """Add rows; arrays are columns of several rows, what else is given is repeated."""
        length = max((len(c) for c in cells if isinstance(c, np.ndarray)), default=1)
        columns = [c.tolist() if isinstance(c, np.ndarray) else [c] * length for c in cells]
        self.rows.extend(zip(*columns, strict=True))

    def write(self, path: Path) -> None:
        """Write as CSV (RFC 4180); numbers with all their digits."""
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([self.header, *self.rows])


@dataclass(frozen=True)
class StudyResult:
    """What a study hands back."""

    figure: Figure
    table: Table
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        name: for the command line.
        title: one line.
        source: where model and claims come from.
        about: what is shown, and what may be claimed.
        run: does it.
        takes_runs: whether it draws trained agents.
    """

    name: str
    title: str
    source: str
    about: str
    run: Callable[[Settings], StudyResult]
    takes_runs: bool = False


# ---- checks -----------------------------------------------------------------------------------------------------


class References:
    """The reference values of a system, to check numbers of a study against them."""

    def __init__(self, references: Iterable[Reference]) -> None:
        self._known = {r.id: r for r in references}

    def check(self, id: str, computed: float) -> Check:
        """The number ``computed`` against the reference value ``id``."""
        r = self._known[id]
        return Check(id, r.quantity, float(computed), r.expected, r.tolerance, REFERENCE_VALUE)


def trend(name: str, quantity: str, computed: float, above: float, source: str) -> Check:
    """Check that ``computed`` is greater than ``above``."""
    return Check(name, quantity, float(computed), above, 0.0, source, ">")


def law(name: str, quantity: str, spare: float) -> Check:
    """Check that what the second law leaves over is not negative, up to round-off."""
    return Check(name, quantity, float(spare), 0.0, 1e-12, "second law", ">=")


def agreement(name: str, quantity: str, computed: float, expected: float, tolerance: float) -> Check:
    """Check that two computations agree."""
    return Check(name, quantity, float(computed), float(expected), tolerance, SECOND_WAY)


@dataclass(frozen=True)
class Sample:
    """Mean, standard deviation and skewness of a sample, each as (estimate, standard error).

    The standard errors are those of the influence functions (delta method); of equal numbers they are 0.
    """

    mean: tuple[float, float]
    deviation: tuple[float, float]
    skewness: tuple[float, float]

    @classmethod
    def of(cls, values: np.ndarray) -> Sample:
        """The moments of ``values``, shape (K,)."""
        root, mean, deviation = math.sqrt(len(values)), float(values.mean()), float(values.std())
        if deviation <= 1e-12 * float(np.abs(values).max(initial=0.0)):
            return cls((mean, 0.0), (0.0, 0.0), (0.0, 0.0))
        z = (values - mean) / deviation
        skewness = float((z**3).mean())
        influence = z**3 - skewness - 3.0 * z - 1.5 * skewness * (z * z - 1.0)
        return cls(
            (mean, deviation / root),
            (deviation, 0.5 * deviation * float((z * z - 1.0).std()) / root),
            (skewness, float(influence.std()) / root),
        )


def sampled(name: str, quantity: str, estimates: Iterable[tuple[tuple[float, float], float]]) -> Check:
    """Check Monte Carlo estimates against exact values: the worst deviation, in standard errors.

    Args:
        name: of the check.
        quantity: what was estimated.
        estimates: pairs of an estimate (value, standard error) and the exact value. A standard error below round-off
            counts as 1e-9.
    """
    worst = max(abs(value - exact) / max(error, 1e-9) for (value, error), exact in estimates)
    return Check(name, f"{quantity}: worst error / standard error", worst, Z_SCORE, 0.0, "Monte Carlo", "<=")


# ---- pictures ---------------------------------------------------------------------------------------------------


def panel(axes: Axes, letter: str, title: str = "") -> None:
    """Letter and title of a panel."""
    axes.set_title(f"({letter})" + f" {title}" * bool(title), loc="left", fontsize=8)


def caption(figure: Figure, text: str) -> None:
    """What the picture shows and what it does not claim, below it."""
    wrapped = textwrap.fill(text, width=int(22.5 * figure.get_figwidth()))
    figure.supxlabel(wrapped, fontsize=6, color="#5f6b7a", x=0.01, ha="left")


def zero_line(axes: Axes) -> None:
    """A thin line at zero."""
    axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)


def curve(function: Callable[[float], float], points: Sequence[float] | np.ndarray) -> np.ndarray:
    """``function`` at ``points``, as an array."""
    return np.array([function(float(x)) for x in points])
