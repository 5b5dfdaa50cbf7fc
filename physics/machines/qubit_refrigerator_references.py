"""Reference values of the qubit refrigerator: rates, trapezoid drives, the best cycle of the specification.

Every value is computed by the general machinery (limit cycles, optimisers). Tolerances are half a unit of the last
digit of the source, but where a comment says more.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from ..cycles.cycle import Cycle, LimitCycle
from ..cycles.drives import best_trapezoid, trapezoid
from ..cycles.objective import Objective
from ..references import Reference
from .qubit_refrigerator import QubitRefrigerator

PAPER = "P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022), parameters; value derived"
PAPER_2023 = "P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023), parameters; value derived"
MODEL = "B. Karimi, J. P. Pekola, Phys. Rev. B 94, 184503 (2016), rates; value derived"

Q4 = QubitRefrigerator()
Q30 = QubitRefrigerator(Q_h=30.0, Q_c=30.0)
DT = 2.0 * math.pi / 0.05 / 128

B5 = (
    0.516365, 0.522503, 0.527709, 0.137329, 0.133347, 0.127305, 0.118862, 0.104938, 0.275146, 0.045432,
    0.044451, 0.042624, 0.040058, 0.036904, 0.033270, 0.029182, 0.024588, 0.019382, 0.504864, 0.508841,
)  # fmt: skip
"""Controls u of the best cycle of the specification for Q = 4 and power alone, 20 steps."""


@cache
def b5() -> LimitCycle:
    """Limit cycle of ``B5``."""
    n = len(B5)
    return Cycle(Q4, np.array(B5)[:, None], np.zeros(n, dtype=np.int64), np.full(n, DT), "B5").limit_cycle()


@cache
def _tuned(machine: QubitRefrigerator, weight: float) -> LimitCycle:
    return best_trapezoid(machine, Objective(weight)).limit_cycle()


@cache
def _driven(machine: QubitRefrigerator, omega: float, steepness: float = 2.0) -> LimitCycle:
    return trapezoid(machine, omega, steepness).limit_cycle()


def _omega(limit: LimitCycle) -> float:
    return 2.0 * math.pi / limit.period


def _total_rate(machine: QubitRefrigerator, u: float, bath: int) -> float:
    down, up = machine.baths[bath].both(2.0 * machine.E0 * np.sqrt(machine.delta**2 + np.array(u) ** 2))
    return float(down + up)


def _otto_cop() -> float:
    high, low = (2.0 * math.hypot(Q4.delta, u) for u in (0.5, 0.0))
    return low / (high - low)


RATES = (
    ("Q30-hot-0", Q30, 0.0, 0, 2.1e-5, 5e-7),
    ("Q30-cold-0", Q30, 0.0, 1, 0.1807, 5e-5),
    ("Q30-hot-half", Q30, 0.5, 0, 0.5487, 5e-5),
    ("Q30-cold-half", Q30, 0.5, 1, 3.5e-5, 5e-7),
    ("Q4-hot-0", Q4, 0.0, 0, 1.2e-3, 5e-5),
    ("Q4-cold-half", Q4, 0.5, 1, 1.95e-3, 5e-6),
)
"""Name, machine, u, bath, sum of its rates up and down, tolerance."""

QUBIT_REFRIGERATOR_REFERENCES: tuple[Reference, ...] = (
    *(
        Reference(
            f"rate-{name}",
            f"total rate of the {Q4.bath_names[bath]} bath at u = {u:g}",
            value,
            tolerance,
            MODEL,
            lambda machine=machine, u=u, bath=bath: _total_rate(machine, u, bath),
        )
        for name, machine, u, bath, value, tolerance in RATES
    ),
    Reference("otto-cop", "COP of an ideal Otto cycle between the resonances", 0.3044, 5e-5, MODEL, _otto_cop),
    Reference("carnot-cop", "Carnot COP", 1.0, 1e-12, MODEL, lambda: b5().carnot_cop),
    Reference(
        "B1-omega", "Q = 30: best frequency of the trapezoid", 0.06389, 5e-6, PAPER, lambda: _omega(_tuned(Q30, 1))
    ),
    Reference("B1-power", "Q = 30: its cooling power", 2.2513e-4, 5e-9, PAPER, lambda: _tuned(Q30, 1).power),
    Reference("B1-cop", "Q = 30: its COP", 0.157, 5e-4, PAPER, lambda: _tuned(Q30, 1).cop),
    Reference(
        "B1-.065", "Q = 30, Omega = .065: cooling power", 2.2473e-4, 5e-9, PAPER, lambda: _driven(Q30, 0.065).power
    ),
    Reference("B1-.065-cop", "Q = 30, Omega = .065: COP", 0.152, 5e-4, PAPER, lambda: _driven(Q30, 0.065).cop),
    Reference("B1-.05", "Q = 30, Omega = .05: cooling power", 2.1208e-4, 5e-9, PAPER, lambda: _driven(Q30, 0.05).power),
    Reference("B1-.05-cop", "Q = 30, Omega = .05: COP", 0.2314, 5e-5, PAPER, lambda: _driven(Q30, 0.05).cop),
    # a local maximum; (.0660, 1.234) gives 2.6126e-4
    Reference(
        "B1-steepness",
        "Q = 30, Omega = .0744, a = 1.211: cooling power",
        2.6066e-4,
        5e-9,
        PAPER,
        lambda: _driven(Q30, 0.0744, 1.211).power,
    ),
    Reference(
        "B3-omega", "Q = 4: best frequency of the trapezoid", 0.054751, 5e-7, PAPER_2023, lambda: _omega(_tuned(Q4, 1))
    ),
    Reference("B3-power", "Q = 4: its cooling power", 2.7369e-5, 5e-10, PAPER_2023, lambda: _tuned(Q4, 1).power),
    Reference("B3-cop", "Q = 4: its COP", 0.0348, 5e-5, PAPER_2023, lambda: _tuned(Q4, 1).cop),
    # 3.96117e-5: the source is cut off, not rounded
    Reference(
        "B3-steepness",
        "Q = 4, Omega = .06516, a = 1.457: cooling power",
        3.9611e-5,
        1e-9,
        PAPER_2023,
        lambda: _driven(Q4, 0.06516, 1.457).power,
    ),
    *(
        reference
        for weight, omega, value in ((0.8, 0.051221, 0.020349), (0.9, 0.053000, 0.030600))
        for reference in (
            Reference(
                f"B4-omega-{weight:g}",
                f"Q = 4, c = {weight:g}: best frequency of the trapezoid",
                omega,
                5e-7,
                PAPER_2023,
                lambda weight=weight: _omega(_tuned(Q4, weight)),
            ),
            Reference(
                f"B4-value-{weight:g}",
                f"Q = 4, c = {weight:g}: its r_c",
                value,
                5e-7,
                PAPER_2023,
                lambda weight=weight: Objective(weight).value(_tuned(Q4, weight)),
            ),
        )
    ),
    Reference("B5-power", "Q = 4: cooling power of the cycle B5", 9.1287e-4, 5e-9, PAPER_2023, lambda: b5().power),
    Reference("B5-sigma", "its entropy production", 0.046505, 5e-7, PAPER_2023, lambda: b5().entropy_production_rate),
    Reference("B5-cop", "its COP", 0.0614, 5e-5, PAPER_2023, lambda: b5().cop),
    # the controls have six digits, the value was computed before rounding them
    Reference("B5-value", "its r_1", 1.378437, 2e-6, PAPER_2023, lambda: Objective(1.0).value(b5())),
)
