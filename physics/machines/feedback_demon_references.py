"""Reference values of the projective feedback demon.

Parameters as in the source; gains derived, by value iteration on grids of p and u and by the best cycle with continuous
controls. Tolerances are half a unit of the last digit.
"""

from __future__ import annotations

from functools import cache

from ..feedback.certificate import FeedbackCertificate, certify_feedback
from ..feedback.grid_iteration import grid_iteration
from ..feedback.renewal import RenewalCycle
from ..references import Reference
from .feedback_demon import FeedbackDemon

SOURCE = "P. A. Erdman et al., arXiv:2408.15328 (2024), parameters; value derived"

DEMON = FeedbackDemon()
DT = 0.07
"""Step of the source."""

# weight: gain (grid of u, continuous u), power, dissipation, fraction of measurements
GAINS = {1.0: (0.41167, 0.411720, 0.41167, 1.9567, 0.2500), 0.8: (0.10921, 0.109241, 0.28526, 0.5950, 0.0833)}
# weight: u_1 ... u_N after outcome 0, and p_1 ... p_N
CYCLES = {
    1.0: ((0.16, 0.11, 0.06), (0.052, 0.124, 0.237)),
    0.8: (
        (0.38, 0.35, 0.33, 0.30, 0.28, 0.25, 0.23, 0.21, 0.19, 0.17, 0.15),
        (0.012, 0.025, 0.038, 0.053, 0.069, 0.087, 0.107, 0.127, 0.149, 0.173, 0.200),
    ),
}


@cache
def on_grid(weight: float) -> tuple[float, RenewalCycle]:
    """Gain on the grids of the reference, 1501 points of p and u in steps of .01, and its cycle."""
    return grid_iteration(DEMON, DT, weight)


def _best(weight: float) -> FeedbackCertificate:
    return certify_feedback(DEMON, DT, weight)


def _reference(name: str, quantity: str, value: float, digits: int, compute) -> Reference:
    return Reference(name, quantity, value, 0.5 * 10.0**-digits + 1e-9, SOURCE, compute)


FEEDBACK_DEMON_REFERENCES: tuple[Reference, ...] = (
    *(
        reference
        for c, (gain, continuous, power, dissipation, fraction) in GAINS.items()
        for reference in (
            _reference(f"D1-{c:g}-grid", f"gain, c = {c:g}, grid of u", gain, 5, lambda c=c: on_grid(c)[0]),
            _reference(f"D1-{c:g}-gain", f"gain, c = {c:g}", continuous, 6, lambda c=c: _best(c).lower),
            _reference(f"D1-{c:g}-bound", f"upper bound, c = {c:g}", continuous, 6, lambda c=c: _best(c).upper),
            _reference(f"D1-{c:g}-power", f"its cooling power, c = {c:g}", power, 5, lambda c=c: on_grid(c)[1].power),
            _reference(
                f"D1-{c:g}-dissipation",
                f"its dissipation, c = {c:g}",
                dissipation,
                4,
                lambda c=c: on_grid(c)[1].dissipation,
            ),
            _reference(
                f"D1-{c:g}-fraction",
                f"its fraction of measurements, c = {c:g}",
                fraction,
                4,
                lambda c=c: DT / on_grid(c)[1].duration,
            ),
        )
    ),
    *(
        reference
        for c, (controls, populations) in CYCLES.items()
        for k, (u, p) in enumerate(zip(controls, populations, strict=True))
        for reference in (
            _reference(
                f"D1-{c:g}-u{k + 1}", f"u, step {k + 1}, c = {c:g}", u, 2, lambda c=c, k=k: on_grid(c)[1].controls[k]
            ),
            _reference(
                f"D1-{c:g}-p{k + 1}",
                f"p after step {k + 1}, c = {c:g}",
                p,
                3,
                lambda c=c, k=k: float(on_grid(c)[1].populations[k + 1]),
            ),
        )
    ),
    _reference("D1-0.5-gain", "gain, c = 0.5", 0.0, 9, lambda: _best(0.5).lower),
    _reference("D1-0.5-bound", "upper bound, c = 0.5", 0.0, 9, lambda: _best(0.5).upper),
)
