"""Reference values of the double-layer cell: closed forms, and discharges until the voltage vanishes."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..references import Reference
from .cycler.runner import run
from .double_layer_cell import DoubleLayerCell

CLOSED = "closed form, derived; reference set"
DISCHARGE = "discharge of the reference set at constant current, integrated with Radau and BDF"

CELL = DoubleLayerCell()


@cache
def _discharge(current: float) -> dict[str, float]:
    """Runs to V = 0 on the cycler; ``current`` in mA/cm2."""
    s = run(CELL, f"Discharge at {current:g} mA until 0 V", tolerance=4e-6 if current > 1.0 else 2e-6)
    return {
        "t": float(s.time[-1]),
        "V": float(np.interp(0.5, s["cathode.filling"], s["terminal.voltage"])),
        "W": float(s["ledger.delivered"][-1]),
        "Q": float(s["ledger.heat_to.ambient"][-1]),
        "T": float(s["temperature"].max() - CELL.T_a),
        "V_AE": float(s["anode.voltage"][-1]),
        "V_EC": float(s["cathode.voltage"][-1]),
    }


QUANTITIES = {
    "t": ("time to V = 0, s", 1e-4), "V": ("voltage at half filling, V", 2e-6), "W": ("work, J/cm2", 4e-6),
    "Q": ("heat to the bath, J/cm2", 4e-6), "T": ("highest T - T_a, K", 5.1e-5),
    "V_AE": ("V_AE at V = 0, V", 5.1e-5), "V_EC": ("V_EC at V = 0, V", 5.1e-5),
}  # fmt: skip
"""What they are, and how far they may be off: the digits of the source, for energies 1e-7 of the work."""
DISCHARGES = {
    3.0: (3564.0227, 3.308035, 35.221194, 1.624744, 0.7923, 1.1643, -1.1497),
    0.3: (35640.2296, 3.406969, 36.385012, 0.497266, 0.0655, 1.1961, -1.1947),
}
"""Current (mA/cm2): the quantities."""

DOUBLE_LAYER_REFERENCES: tuple[Reference, ...] = (
    Reference("DL-x_b", "binodal composition", 0.03787, 5e-6, CLOSED, lambda: CELL.binodal),
    Reference("DL-R", "resistance at T_r, Ohm cm2", 5.0, 1e-12, CLOSED, lambda: float(CELL.resistance(298.15))),
    *(
        Reference(f"DL-sigma-{t:g}", f"conductivity at {t:g} C, mS/cm", value, digits, CLOSED,
                  lambda t=t: 1e3 * float(CELL.conductivity(273.15 + t)))
        for t, value, digits in ((-20.0, 0.148, 5e-4), (0.0, 0.375, 5e-4), (25.0, 1.0, 1e-12), (60.0, 3.05, 5e-3))
    ),
    *(
        Reference(f"DL-{name}-{i:g}mA", f"{what}, at {i:g} mA/cm2", values[k], digits, DISCHARGE,
                  lambda i=i, name=name: _discharge(i)[name])
        for i, values in DISCHARGES.items()
        for k, (name, (what, digits)) in enumerate(QUANTITIES.items())
    ),
)  # fmt: skip
