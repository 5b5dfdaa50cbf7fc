"""Reference values of the ferroelectric capacitor: materials, transient of negative capacitance."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..control import Control
from ..references import Reference
from .ferroelectric_capacitor import FerroelectricCapacitor
from .materials import material, negative_window, spinodal_field, spontaneous, transition

MATERIAL = "coefficients of the table of materials; value derived"
KHAN = "A. I. Khan et al., Nat. Mater. 14, 182 (2015), experiment; set PZT_eff, integrated with Radau, DOP853 and LSODA"

CELL = FerroelectricCapacitor()


@cache
def _extrema() -> tuple[float, float]:
    """Largest voltage before the polarisation crosses zero, and the smallest one after that, at +5.4 V."""
    cell, dt = CELL, 10e-9
    state = np.concatenate([cell.start(), [0.0, 0.0]])[None]
    control = Control(np.array([[5.4]]), np.zeros(1, dtype=np.int64))
    voltage, charge = [0.0], [float(state[0, 0])]
    for _ in range(1300):
        state, _flows = cell.step(state, control, dt)
        voltage.append(float(cell.voltage(state)[0]))
        charge.append(float(state[0, 0]))
    v = np.array(voltage)
    crossed = int(np.argmax(np.array(charge) > 0.0))
    top = int(np.argmax(v[:crossed]))
    return float(v[top]), float(v[top:].min())


@cache
def _run() -> tuple[float, float, float]:
    """Work of the source, heat of the resistor and heat to the bath of the pulses of 80, 80 and 40 us, J."""
    state = np.concatenate([CELL.start(), [0.0, 0.0]])[None]
    work = np.zeros(3)
    for voltage, duration in ((5.4, 80e-6), (-5.4, 80e-6), (0.0, 40e-6)):
        control = Control(np.array([[voltage]]), np.zeros(1, dtype=np.int64))
        n = round(duration / 0.1e-6)
        for _ in range(n):
            state, flows = CELL.step(state, control, duration / n)
            work += [flows.work[0], -flows.heat[0, 1], -flows.heat[0, 0]]
    return float(work[0]), float(work[1]), float(work[2])


def _width(name: str, flavour: str, temperature: float) -> float:
    low, high = negative_window(material(name, flavour).landau, temperature)
    return high - low


POLAR = (("BaTiO3_LCC", 0.25999), ("PZT_20_80", 0.70002), ("PZT_50_50", 0.50006), ("HfO2", 0.19372), ("HZO", 0.19543),
         ("PVDF_TrFE_70_30", 0.09943))  # fmt: skip
SPINODAL = (("BaTiO3_LCC", 15.20, 5e-3), ("PZT_20_80", 118.1, 0.05), ("HfO2", 10.0, 0.05), ("HZO", 194.4, 0.05),
            ("PVDF_TrFE_70_30", 1477.0, 0.5))  # fmt: skip
WIDTH = (
    ("PZT_20_80", "film", 298.15, 0.4041), ("PZT_20_80", "film", 400.0, 0.3536), ("PZT_20_80", "film", 600.0, 0.2231),
    ("PZT_20_80", "film", 725.0, 0.0522), ("BaTiO3_LCC", "intrinsic", 298.15, 0.1936),
    ("BaTiO3_LCC", "intrinsic", 388.15, 0.1622),
)  # fmt: skip

FERROELECTRIC_CAPACITOR_REFERENCES: tuple[Reference, ...] = (
    *(
        Reference(f"FC-Ps-{name}", f"spontaneous polarisation of {name}, C/m2", value, 5.1e-6, MATERIAL,
                  lambda name=name: spontaneous(material(name).landau))
        for name, value in POLAR
    ),
    *(
        Reference(f"FC-Esp-{name}", f"spinodal field of {name}, MV/m", value, digits, MATERIAL,
                  lambda name=name: spinodal_field(material(name).landau) / 1e6)
        for name, value, digits in SPINODAL
    ),
    *(
        Reference(f"FC-NC-{name}-{t:g}", f"window of negative capacitance of {name} at {t:g} K, C/m2", value, 5e-5,
                  MATERIAL, lambda name=name, flavour=flavour, t=t: _width(name, flavour, t))
        for name, flavour, t, value in WIDTH
    ),
    Reference("FC-Tc", "Tc of BaTiO3_LCC, K", 398.147, 5e-4, MATERIAL,
              lambda: transition(material("BaTiO3_LCC").landau)),
    Reference("FC-Tc-PVDF", "Tc of PVDF_TrFE_65_35, K", 378.44, 5e-3, MATERIAL,
              lambda: transition(material("PVDF_TrFE_65_35").landau)),
    Reference("FC-C_F", "capacitance of the film at P = 0, F", -1.0104e-10, 5e-15, KHAN,
              lambda: CELL.A / CELL.L / float(CELL.landau.stiffness(0.0, CELL.T_a))),
    # sampling and the steps of the integrator: second order in dt
    Reference("FC-top", "voltage from which it falls while the film switches, V", 2.4804, 6e-5, KHAN,
              lambda: _extrema()[0]),
    Reference("FC-bottom", "voltage to which it falls, V", -2.3140, 6e-5, KHAN, lambda: _extrema()[1]),
    Reference("FC-drop", "fall of the voltage, V", 4.7945, 6e-5, KHAN, lambda: _extrema()[0] - _extrema()[1]),
    Reference("FC-W", "work of the source, J", 1.71713e-8, 6e-14, KHAN, lambda: _run()[0]),
    Reference("FC-Q_R", "heat of the resistor, J", 1.68758e-8, 6e-14, KHAN, lambda: _run()[1]),
    Reference("FC-Q", "heat to the bath, J", 3.73351e-10, 6e-15, KHAN, lambda: _run()[2]),
)  # fmt: skip
