"""Points and fronts in the plane of power and dissipation, with exact hypervolumes.

A point is a cycle in its limit: x = P/P0 (more is better) and y = Sigma/Sigma0 (less is better), Sigma the entropy
production; or a protocol of a demon in the long run, Sigma the entropy of its records. The hypervolume of a
front is the area of the (x, -y) plane that its points dominate, above a reference point. Here that is (0, -y_ref), no
power at a dissipation ``MARGIN`` times the largest one on the front of the optimiser. So it does not depend on the
agents that are measured; doing nothing counts for nothing, and a cycle that dissipates more than y_ref does too.

Weighted sums find only the convex part of a front. Between two of its cycles, or a cycle and doing nothing, lies what a
machine reaches that runs one for a long time and then the other: P and Sigma are then averages of both. The time-shared
hypervolume counts that too. Without it a poor cycle in such a gap can add more area than the best ones lose: it is the
one to trust where the two differ.

Efficiencies follow from the dimensional averages P and Sigma:

    engine            eta / eta_C  = P / (P + Sigma / beta_cold)
    refrigerator      COP / COP_C  = P / (P + Sigma / (beta_cold - beta_hot))
    demon, one bath   P / (T Sigma), whose bound is Landauer's
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from ..physics.control import FloatArray
from ..physics.cycles.cycle import LimitCycle
from ..physics.machine import Machine

MARGIN = 1.1
"""Dissipation of the reference point in units of the largest one on the optimiser's front; with 1 the cycle of maximum
power would span no area."""

KINDS = ("agent", "optimum", "reference")

COLUMNS = (
    "kind", "label", "seed", "weight", "power", "dissipation_rate", "x", "y", "objective", "ratio",
    "efficiency_ratio", "period", "periodic",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """What a policy or cycle is worth at the weight that it is meant for.

    Attributes:
        kind: ``"agent"``, ``"optimum"`` or ``"reference"``.
        label: of its front, for example ``"conditioned"`` or ``"trapezoid"``.
        seed: of the training; ``None`` for a cycle.
        weight: c.
        power: P (energy per time).
        dissipation_rate: Sigma (nats per time).
        x, y: P/P0 and Sigma/Sigma0.
        efficiency_ratio: efficiency, or coefficient of performance, in units of its bound; NaN without power.
        period: of the limit cycle (time); NaN if there is none.
        periodic: fraction of the start states that ended in a limit cycle.
    """

    kind: str
    label: str
    seed: int | None
    weight: float
    power: float
    dissipation_rate: float
    x: float
    y: float
    efficiency_ratio: float
    period: float
    periodic: float = 1.0

    @property
    def objective(self) -> float:
        """r_c = c x - (1 - c) y."""
        return self.weight * self.x - (1.0 - self.weight) * self.y

    def to_dict(self) -> dict[str, Any]:
        """Plain data, from which ``Point(**...)`` makes the point again."""
        return asdict(self)


def point(
    machine: Machine,
    kind: str,
    label: str,
    weight: float,
    power: float,
    dissipation_rate: float,
    period: float = math.nan,
    seed: int | None = None,
    periodic: float = 1.0,
) -> Point:
    """A point from long-run averages in physical units; arguments as in ``Point``."""
    return Point(
        kind=kind,
        label=label,
        seed=seed,
        weight=weight,
        power=power,
        dissipation_rate=dissipation_rate,
        x=power / machine.power_unit,
        y=dissipation_rate / machine.dissipation_unit,
        efficiency_ratio=efficiency_ratio(machine, power, dissipation_rate),
        period=period,
        periodic=periodic,
    )


def cycle_point(kind: str, label: str, weight: float, limit: LimitCycle) -> Point:
    """The point of a limit cycle."""
    machine = limit.cycle.machine
    return point(machine, kind, label, weight, limit.power, limit.entropy_production_rate, limit.period)


def efficiency_ratio(machine: Machine, power: float, dissipation_rate: float) -> float:
    """Efficiency, or coefficient of performance, in units of its bound, from P and Sigma in physical units.

    NaN unless P > 0: then the machine is no engine, or no refrigerator.
    """
    if not power > 0.0:
        return math.nan
    cold, hot = float(machine.betas.max()), float(machine.betas.min())
    if machine.is_stochastic and len(machine.betas) == 1:
        return power * cold / dissipation_rate if dissipation_rate > 0.0 else math.nan
    lost = dissipation_rate / (cold - hot if machine.is_refrigerator else cold)
    return power / (power + lost)


def hypervolume(points: FloatArray, reference: FloatArray) -> float:
    """Area that the points (n, 2), both coordinates to be maximised, dominate above ``reference`` (2,)."""
    gains = np.asarray(points, dtype=float).reshape(-1, 2) - reference
    gains = gains[(gains > 0.0).all(axis=1)]
    area, height = 0.0, 0.0
    for width, up in gains[np.argsort(-gains[:, 0], kind="stable")]:
        if up > height:
            area += width * (up - height)
            height = up
    return float(area)


def shared_hypervolume(points: FloatArray, reference: FloatArray) -> float:
    """``hypervolume`` of all mixtures of the points: the area below their concave envelope."""
    gains = np.asarray(points, dtype=float).reshape(-1, 2) - reference
    gains = gains[(gains >= 0.0).all(axis=1) & (gains[:, 1] > 0.0)]
    if not len(gains):
        return 0.0
    start = np.array([[0.0, gains[:, 1].max()]])  # power can be thrown away
    hull: list[FloatArray] = []
    for p in np.concatenate([start, gains[np.lexsort((-gains[:, 1], gains[:, 0]))]]):
        while len(hull) > 1 and _turns_left(hull[-2], hull[-1], p):
            hull.pop()
        hull.append(p)
    x, y = np.array(hull).T
    return float(np.sum(np.diff(x) * 0.5 * (y[1:] + y[:-1])))


def _turns_left(a: FloatArray, b: FloatArray, c: FloatArray) -> bool:
    return bool((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) >= 0.0)


def reference_point(optimum: Iterable[Point], margin: float = MARGIN) -> FloatArray:
    """The reference point (0, -margin y_max) of the module, shape (2,)."""
    return np.array([0.0, -margin * max(p.y for p in optimum)])


def volume(points: Iterable[Point], reference: FloatArray, shared: bool = False) -> float:
    """Hypervolume of points in the (x, -y) plane, ``shared``: of their mixtures."""
    measure = shared_hypervolume if shared else hypervolume
    return measure(np.array([(p.x, -p.y) for p in points]), reference)


def fronts(points: Iterable[Point]) -> dict[tuple[str, str, int | None], list[Point]]:
    """Points by kind, label and seed, each front ordered by weight."""
    found: dict[tuple[str, str, int | None], list[Point]] = {}
    for p in points:
        found.setdefault((p.kind, p.label, p.seed), []).append(p)
    return {key: sorted(front, key=lambda p: p.weight) for key, front in found.items()}


def ratios(points: Sequence[Point]) -> list[float]:
    """r_c of every point over that of the optimiser at the same weight; NaN where the latter is not positive."""
    best = {p.weight: p.objective for p in points if p.kind == "optimum"}
    return [p.objective / best[p.weight] if best.get(p.weight, 0.0) > 1e-6 else math.nan for p in points]


def summarise(points: Sequence[Point]) -> list[dict[str, Any]]:
    """One row per front (all seeds of a label together): hypervolume relative to the optimiser's, ratios of r_c.

    Returns:
        Rows with ``kind``, ``label``, ``seeds``, and median, smallest and largest over the seeds of ``hypervolume``,
        ``hypervolume_ratio``, ``hypervolume_ratio_margin_1`` (reference point at the largest dissipation itself),
        ``shared_ratio`` (time-shared, with doing nothing where that costs nothing);
        ``ratio``: for every weight the median over the seeds of r_c / r_c of the optimiser.
    """
    optimum = [p for p in points if p.kind == "optimum"]
    wide, tight = reference_point(optimum), reference_point(optimum, 1.0)
    whole, whole_tight = volume(optimum, wide), volume(optimum, tight)
    # a machine whose baths are always connected cannot do nothing
    nothing = [p for p in points if p.kind == "reference" and abs(p.x) < 1e-9 and abs(p.y) < 1e-9][:1]
    whole_shared = volume([*optimum, *nothing], wide, shared=True)
    grouped: dict[tuple[str, str], list[list[Point]]] = {}
    for (kind, label, _), front in fronts(points).items():
        grouped.setdefault((kind, label), []).append(front)
    share = dict(zip(map(id, points), ratios(points), strict=True))
    rows: list[dict[str, Any]] = []
    for (kind, label), members in grouped.items():
        volumes = [volume(front, wide) for front in members]
        tights = [volume(front, tight) / whole_tight if whole_tight > 0.0 else math.nan for front in members]
        mixed = [volume([*front, *nothing], wide, shared=True) / whole_shared for front in members]
        weights = sorted({p.weight for front in members for p in front})
        rows.append(
            {
                "kind": kind,
                "label": label,
                "seeds": len(members),
                "hypervolume": spread(volumes),
                "hypervolume_ratio": spread([v / whole if whole > 0.0 else math.nan for v in volumes]),
                "hypervolume_ratio_margin_1": spread(tights),
                "shared_ratio": spread(mixed),
                "ratio": {
                    f"{w:g}": median(share[id(p)] for front in members for p in front if p.weight == w) for w in weights
                },
            }
        )
    return rows


def spread(values: Sequence[float]) -> Mapping[str, float]:
    """Median, smallest and largest."""
    return {"median": median(values), "min": min(values), "max": max(values)}
