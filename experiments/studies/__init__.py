"""The studies of ``szilard reproduce``, one module each."""

from __future__ import annotations

from . import (
    cell_discharge,
    cell_ledger,
    cell_life,
    cell_negative,
    cell_oscillation,
    cell_window,
    demon_collective,
    demon_continuous,
    demon_coupling,
    demon_front,
    demon_power,
    demon_weak,
    ferro_loops,
    ferro_olsen,
    refrigerator_measurement,
)
from .study import Study

STUDIES: tuple[Study, ...] = (
    demon_coupling.STUDY,
    demon_collective.STUDY,
    demon_weak.STUDY,
    demon_continuous.STUDY,
    refrigerator_measurement.STUDY,
    demon_front.STUDY,
    demon_power.STUDY,
    ferro_loops.STUDY,
    cell_negative.STUDY,
    cell_window.STUDY,
    cell_oscillation.STUDY,
    cell_ledger.STUDY,
    cell_life.STUDY,
    ferro_olsen.STUDY,
    cell_discharge.STUDY,
)
"""In the order of the list."""
