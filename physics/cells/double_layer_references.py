"""Reference values of the double-layer cell: closed forms, and the discharge at 3 mA/cm2 until the voltage vanishes."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..references import Reference
from .cycler.runner import run
from .double_layer_cell import DoubleLayerCell

CLOSED = "closed form, derived; reference set"
DISCHARGE = "discharge at 3 mA/cm2 of the reference set, integrated with Radau and BDF"

CELL = DoubleLayerCell()


@cache
def _discharge() -> dict[str, float]:
    """Runs to V = 0 on the cycler."""
    s = run(CELL, "Discharge at 3 mA until 0 V", tolerance=2e-5)
    return {
        "t": float(s.time[-1]),
        "W": float(s["ledger.delivered"][-1]),
        "Q": float(s["ledger.heat_to.ambient"][-1]),
        "T": float(s["temperature"].max() - CELL.T_a),
        "V": float(np.interp(0.5, s["cathode.filling"], s["terminal.voltage"])),
        "V_AE": float(s["anode.voltage"][-1]),
        "V_EC": float(s["cathode.voltage"][-1]),
    }


DOUBLE_LAYER_REFERENCES: tuple[Reference, ...] = (
    Reference("DL-x_b", "binodal composition", 0.03787, 5e-6, CLOSED, lambda: CELL.binodal),
    Reference("DL-R", "resistance at T_r, Ohm cm2", 5.0, 1e-12, CLOSED, lambda: float(CELL.resistance(298.15))),
    *(
        Reference(f"DL-sigma-{t:g}", f"conductivity at {t:g} C, mS/cm", value, digits, CLOSED,
                  lambda t=t: 1e3 * float(CELL.conductivity(273.15 + t)))
        for t, value, digits in ((-20.0, 0.148, 5e-4), (0.0, 0.375, 5e-4), (25.0, 1.0, 1e-12), (60.0, 3.05, 5e-3))
    ),
    Reference("DL-t", "time to V = 0, s", 3564.0227, 2e-4, DISCHARGE, lambda: _discharge()["t"]),
    Reference("DL-V", "voltage at half filling, V", 3.308035, 3.3e-6, DISCHARGE, lambda: _discharge()["V"]),
    Reference("DL-W", "work, J/cm2", 35.221194, 3.5e-5, DISCHARGE, lambda: _discharge()["W"]),
    Reference("DL-Q", "heat to the bath, J/cm2", 1.624744, 1.7e-5, DISCHARGE, lambda: _discharge()["Q"]),
    Reference("DL-T", "highest T - T_a, K", 0.7923, 5e-5, DISCHARGE, lambda: _discharge()["T"]),
    Reference("DL-V_AE", "V_AE at V = 0, V", 1.1643, 1e-4, DISCHARGE, lambda: _discharge()["V_AE"]),
    Reference("DL-V_EC", "V_EC at V = 0, V", -1.1497, 1e-4, DISCHARGE, lambda: _discharge()["V_EC"]),
)  # fmt: skip
