"""Reference values of the one-qubit demon with dead time: e = T = gamma = 1, t0 = 0.5.

Tolerances are half a unit of the last digit.
"""

from __future__ import annotations

from ..feedback.dead_time import optimal_steps
from ..references import Reference
from .dead_time_demon import DeadTimeDemon

SOURCE = "B. Bhandari et al., Entropy 25, 204 (2023), machine; value derived"

DEMON = DeadTimeDemon()
FINE = 1e-4
"""A step so short that the grid does not matter."""


def _best_on_fine_grid() -> float:
    """Contact time by trial of all cycles on a fine grid."""
    return optimal_steps(DEMON, FINE)[0] * FINE - DEMON.t0


DEAD_TIME_REFERENCES: tuple[Reference, ...] = (
    Reference("DEM-G", "relaxation rate", 2.1639534, 5.1e-8, SOURCE, lambda: DEMON.rate),
    Reference("DEM-36", "best contact time", 0.54685288, 6e-9, SOURCE, lambda: DEMON.best_contact),
    Reference("DEM-36-grid", "the same by trial", 0.54685288, FINE, SOURCE, _best_on_fine_grid),
    Reference("DEM-37", "maximum power", 0.17822847, 6e-9, SOURCE, lambda: DEMON.power_unit),
    Reference(
        "DEM-37-grid",
        "the same by trial",
        0.17822847,
        6e-9,
        SOURCE,
        lambda: optimal_steps(DEMON, FINE)[1] * DEMON.power_unit,
    ),
)
