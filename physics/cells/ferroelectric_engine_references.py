"""Reference values of the ferroelectric engine and the electrocaloric cooler: phase diagram, ideal and steady cycles.

Closed forms are checked to half a unit of the last digit of the source, steady cycles to 1e-6: that is how far two
integrators differ.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ..references import Reference
from .electrocaloric_cooler import ElectrocaloricCooler
from .ferroelectric_engine import FerroelectricEngine
from .field_protocols import SteadyCycles, brayton, olsen
from .landau import Landau
from .thermal_cycles import (
    IdealBrayton,
    IdealOlsen,
    adiabatic_temperature,
    best_short_stroke,
    critical_end_point,
    isothermal_entropy,
    reverse_brayton,
)

LANDAU = "Landau polynomial of Y. L. Li, L. E. Cross, L. Q. Chen, J. Appl. Phys. 98, 064101 (2005); value derived"
COPOLYMER = "P(VDF-TrFE) 65/35 of the materials table; value derived"
STEADY = "computed with two integrators (discrete gradient, Radau)"
SEARCH = "random search over four-leg protocols, 400 samples"

ENGINE = FerroelectricEngine()
OLSEN = IdealOlsen(ENGINE)
POLYMER = Landau(a0=3.5e7, T0=315.0, b=-1.5e12, c=1.9e14)
POLYMER_ENGINE = FerroelectricEngine(a0=3.5e7, T0=315.0, b=-1.5e12, c=1.9e14, d=0.0, cv=2.7e6, rho=5e5)
"""P(VDF-TrFE) 65/35; temperatures and fields are set for each entry."""


@cache
def _steady(ramp: float, hold: float, sub_step: float) -> SteadyCycles:
    # from coarse to fine: most of the way to the limit cycle is cheap
    coarse = olsen(ENGINE, ramp, hold).steady(ENGINE, 4.0 * sub_step)
    return olsen(ENGINE, ramp, hold).steady(ENGINE, sub_step, start=coarse.start)


@cache
def _found() -> SteadyCycles:
    """Ramps of 34.6 ms without contact, 0.491 s in hot and 0.163 s in cold contact."""
    return brayton(ENGINE, 0.0346, 0.491, 0.163).steady(ENGINE, 5e-4)


@cache
def _cooler(cold: float, hot: float) -> IdealBrayton:
    return reverse_brayton(ElectrocaloricCooler(T_cold=cold, T_hot=hot))


def _polymer_share() -> float:
    """Work of the slow Olsen cycle of the polymer, a single domain without nucleation, over the ideal work."""
    machine = replace(POLYMER_ENGINE, T_cold=353.15, T_hot=403.15, E_low=20e6, E_high=60e6)
    return float(olsen(machine, 20.0, 10.0).steady(machine, 0.05).work[0]) / machine.olsen_work


def _polymer_work(cold: float, hot: float, low: float, high: float) -> float:
    machine = replace(POLYMER_ENGINE, T_cold=cold, T_hot=hot, E_low=low, E_high=high)
    return IdealOlsen(machine).work


TABLE = (
    (40.0, 6.0, 1e-2, 443.4480590, 0.3423),
    (2.0, 3.0, 4e-3, 432.6622805, 0.3425),
    (0.5, 1.5, 1e-3, 397.4541444, 0.3374),
    (0.1, 0.4, 2.5e-4, 148.4042104, 0.2722),
)
"""Duration of the ramps and of the holds (s), sub-step (s), work (J per litre and cycle), efficiency (%)."""

COOLERS = ((403.0, 403.2, 2075.8, 459.0, 2015.0), (402.8, 403.4, 848.2, 459.0, 671.0))
"""T_cold, T_hot (K), lift (J per litre and cycle), COP, Carnot's COP."""

FERROELECTRIC_ENGINE_REFERENCES: tuple[Reference, ...] = (
    Reference(
        "critical-P",
        "P of the critical end point",
        0.120822,
        5e-7,
        LANDAU,
        lambda: critical_end_point(ENGINE.landau)[0],
    ),
    Reference(
        "critical-T",
        "T of the critical end point",
        414.4984,
        5e-5,
        LANDAU,
        lambda: critical_end_point(ENGINE.landau)[1],
    ),
    Reference("olsen-work", "ideal work of the Olsen cycle", 444.366552, 5e-7, LANDAU, lambda: OLSEN.work),
    Reference(
        "olsen-quadrature",
        "the same as an integral of P dE",
        444.366552,
        5e-7,
        LANDAU,
        lambda: OLSEN.work_by_quadrature,
    ),
    Reference("olsen-heat", "heat from the hot bath", 129650.80, 5e-3, LANDAU, lambda: OLSEN.heat_in),
    Reference("olsen-eta", "its efficiency, %", 0.34274, 5e-6, LANDAU, lambda: 100.0 * OLSEN.efficiency),
    Reference(
        "carnot", "efficiency of Carnot, %", 9.2347, 5e-5, LANDAU, lambda: 100.0 * (1.0 - ENGINE.T_cold / ENGINE.T_hot)
    ),
    *(
        Reference(f"olsen-P{i + 1}", f"P at corner {i + 1}", p, 5e-8, LANDAU, lambda i=i: float(OLSEN.corners[i]))
        for i, p in enumerate((0.2110503, 0.2406165, 0.2160277, 0.0581768))
    ),
    *(
        reference
        for ramp, hold, h, work, eta in TABLE
        for reference in (
            Reference(
                f"steady-{ramp:g}-{hold:g}-work",
                f"work of the Olsen cycle with ramps of {ramp:g} s and holds of {hold:g} s",
                work,
                1e-6 * work,
                STEADY,
                lambda ramp=ramp, hold=hold, h=h: float(_steady(ramp, hold, h).work[0]),
            ),
            Reference(
                f"steady-{ramp:g}-{hold:g}-power",
                "its power",
                work / (2.0 * (ramp + hold)),
                1e-6 * work,
                STEADY,
                lambda ramp=ramp, hold=hold, h=h: float(_steady(ramp, hold, h).power[0]),
            ),
            Reference(
                f"steady-{ramp:g}-{hold:g}-eta",
                "its efficiency, %",
                eta,
                5.1e-5,
                STEADY,
                lambda ramp=ramp, hold=hold, h=h: 100.0 * float(_steady(ramp, hold, h).efficiency[0]),
            ),
        )
    ),
    # found by random search, once: the durations are rounded to 0.1 ms and 1 ms
    Reference(
        "four-legs-power", "power of a four-leg protocol", 187.75, 0.05, SEARCH, lambda: float(_found().power[0])
    ),
    Reference("four-legs-eta", "its efficiency, %", 0.499, 1e-3, SEARCH, lambda: 100.0 * float(_found().efficiency[0])),
    # T1 is rounded to 0.01 K, where the power rises by 2.5 W/K
    Reference(
        "brayton-power",
        "power of the ideal Brayton cycle, T1 = 420.12 K, T3 = 423.12 K",
        236.69,
        0.0175,
        LANDAU,
        lambda: IdealBrayton(ENGINE, 420.12, 423.12).power,
    ),
    Reference(
        "brayton-supremum",
        "largest power of all ideal Brayton cycles (slightly above 236.69)",
        237.0,
        0.5,
        LANDAU,
        lambda: best_short_stroke(ENGINE).power,
    ),
    Reference(
        "polymer-work",
        "ideal work, 298.15-383.15 K, 20-35 MV/m",
        202.07,
        5e-3,
        COPOLYMER,
        lambda: _polymer_work(298.15, 383.15, 20e6, 35e6),
    ),
    Reference(
        "polymer-work-hot",
        "ideal work, 353.15-403.15 K, 20-60 MV/m",
        1416.14,
        5e-3,
        COPOLYMER,
        lambda: _polymer_work(353.15, 403.15, 20e6, 60e6),
    ),
    Reference(
        "polymer-share",
        "work of the cycle with ramps of 20 s, in which a single domain cannot nucleate, over the ideal work",
        1.0 / 3.0,
        0.01,
        COPOLYMER,
        _polymer_share,
    ),
)

ELECTROCALORIC_REFERENCES: tuple[Reference, ...] = (
    Reference(
        "electrocaloric-dT",
        "adiabatic dT, 403.15 K, 0 to 3 MV/m",
        2.300,
        5e-4,
        LANDAU,
        lambda: adiabatic_temperature(ENGINE.landau, ENGINE.cv, 403.15, 0.0, 3e6) - 403.15,
    ),
    Reference(
        "electrocaloric-dT-2-10",
        "adiabatic dT, 403.15 K, 2 to 10 MV/m",
        0.887,
        5e-4,
        LANDAU,
        lambda: adiabatic_temperature(ENGINE.landau, ENGINE.cv, 403.15, 2e6, 10e6) - 403.15,
    ),
    Reference(
        "polymer-dT",
        "adiabatic dT of P(VDF-TrFE), 383.15 K, 0 to 209 MV/m",
        18.96,
        5e-3,
        COPOLYMER,
        lambda: adiabatic_temperature(POLYMER, 2.7e6, 383.15, 0.0, 209e6) - 383.15,
    ),
    Reference(
        "polymer-dS",
        "its isothermal entropy change, J/(kg K), at 1880 kg/m3",
        -73.0,
        0.5,
        COPOLYMER,
        lambda: isothermal_entropy(POLYMER, 383.15, 0.0, 209e6) / 1880.0,
    ),
    *(
        reference
        for cold, hot, lift, cop, carnot in COOLERS
        for reference in (
            Reference(
                f"cooler-{cold:g}-lift",
                f"lift of the reverse Brayton cycle, {cold:g} to {hot:g} K",
                lift,
                0.05,
                LANDAU,
                lambda cold=cold, hot=hot: _cooler(cold, hot).cold_heat,
            ),
            Reference(
                f"cooler-{cold:g}-cop",
                "its coefficient of performance",
                cop,
                0.5,
                LANDAU,
                lambda cold=cold, hot=hot: _cooler(cold, hot).cop,
            ),
            Reference(
                f"cooler-{cold:g}-carnot",
                "Carnot's",
                carnot,
                0.5,
                LANDAU,
                lambda cold=cold, hot=hot: cold / (hot - cold),
            ),
        )
    ),
)
