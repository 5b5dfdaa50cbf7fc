"""Reference values of the oscillator engine: ramps, shortcuts to adiabaticity, the best cycle of the specification.

Every value is computed by the general machinery (limit cycles, optimisers). Tolerances are half a unit of the last
digit of the source, but where a comment says more.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ..cycles.adiabats import bang_bang, bang_bang_time
from ..cycles.cycle import Cycle, LimitCycle
from ..cycles.objective import Objective
from ..cycles.otto import fast_otto, otto
from ..cycles.ramps import ramp_otto, ramp_otto_optima
from ..cycles.shortcuts import best_frictionless_otto, frictionless_heat_rates
from ..references import Reference
from .oscillator import OscillatorEngine

PAPER = "P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022), parameters; value derived"
PAPER_2023 = "P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023), parameters; value derived"
SHORTCUT = "P. Salamon et al., PCCP 11, 1027 (2009), method; value derived"

NARROW = OscillatorEngine()
WIDE = OscillatorEngine(u_min=0.35, u_max=1.5)
ENDS = (NARROW.u_min, NARROW.u_max)
DT, INSTANT = 0.2, 1e-5

C3_WORD = (0, 0, 0, 0, 0, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0)
C3 = (
    0.882132, 0.840475, 0.797632, 0.759048, 0.729972, 0.5, 0.5, 0.814784, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5,
    0.5, 0.515362, 0.543609, 0.571884, 0.99662, 0.519758, 0.5, 0.99662, 0.99662, 0.99662, 0.99662, 0.99662, 0.99662,
    0.980418, 0.948608, 0.918251,
)  # fmt: skip
"""Baths and controls of the best cycle of the specification for power alone, 32 steps."""


@cache
def c3() -> LimitCycle:
    """Limit cycle of ``C3``."""
    return Cycle(NARROW, np.array(C3)[:, None], np.array(C3_WORD), np.full(len(C3), DT), "C3").limit_cycle()


@cache
def _optima(profile: str) -> list[LimitCycle]:
    return [cycle.limit_cycle() for cycle in ramp_otto_optima(NARROW, profile=profile)]


def _strokes(limit: LimitCycle) -> np.ndarray:
    """Durations of the four strokes, from the steps of a ramp cycle."""
    choice = limit.cycle.choice
    start = np.flatnonzero(np.diff(choice, prepend=-1))
    return np.add.reduceat(limit.cycle.durations, start)


@cache
def _ramps(durations: tuple[float, float, float, float], profile: str = "linear") -> LimitCycle:
    return ramp_otto(NARROW, *durations, profile=profile).limit_cycle()


@cache
def _frictionless(machine: OscillatorEngine, ends: tuple[float, float] | None) -> LimitCycle:
    return best_frictionless_otto(machine, ends=ends).limit_cycle()


def _rounded_adiabats() -> tuple[float, float]:
    """Best power, and length of the isochores, of frictionless adiabats of 4 steps each."""
    found: Any = minimize_scalar(
        lambda t: -float(frictionless_heat_rates(NARROW, t, t, *ENDS, 8 * DT).sum()),
        bounds=(1.0, 4.0),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return -float(found.fun), float(found.x)


def _two_steps() -> LimitCycle:
    return fast_otto(NARROW, DT).limit_cycle()


def _fast_switching() -> float:
    """The ends of the range, each for a very short time."""
    u_cold, u_hot = ENDS
    return otto(NARROW, u_hot=u_hot, u_cold=u_cold, t_hot=INSTANT, t_cold=INSTANT).limit_cycle().power


BEST_RAMPS = (
    ("linear", 0.131657, 0.4386, (1.997, 1.154, 2.134, 1.336)),
    ("constant_rate", 0.133672, 0.4853, (3.392, 1.713, 3.192, 1.866)),
    ("exponential", 0.133262, 0.4827, (3.554, 1.670, 3.087, 1.812)),
    ("square", 0.131806, 0.4615, (2.184, 1.417, 2.897, 1.594)),
)
"""Profile of the ramps, power, efficiency and durations (cold, up, hot, down) of the best cycle."""

PUBLISHED_DURATIONS = (2.9, 1.79, 3.2, 1.67)
PUBLISHED = (("linear", 0.128996), ("constant_rate", 0.129858), ("exponential", 0.130345), ("square", 0.126292))
"""Profile and power at the published durations."""

TRADE_OFF = (
    (1.0, (1.997, 1.154, 2.134, 1.336), 0.75237, 0.7523, 0.5272, 0.4386),
    (0.9, (3.688, 1.623, 2.946, 1.767), 0.62750, 0.7467, 0.4452, 0.4749),
    (0.8, (2.615, 1.745, 2.854, 1.881), 0.50893, 0.7451, 0.4360, 0.4791),
    (0.7, (2.518, 1.775, 2.820, 1.913), 0.39114, 0.7434, 0.4308, 0.4813),
    (0.6, (2.411, 1.816, 2.770, 1.952), 0.27418, 0.7398, 0.4243, 0.4836),
    (0.5, (2.278, 1.874, 2.686, 2.000), 0.15852, 0.7324, 0.4153, 0.4861),
)
"""c, durations of the best linear ramps, r_c, P/P0, Sigma/Sigma0, efficiency.

The r_c of the source are up to 4.3e-5 above those of its own powers (c = 1: P/P0 = .131657/.175 = .75233), so they are
checked to 5e-5; its durations have three decimals, which leave 5e-5 to Sigma/Sigma0.
"""

OSCILLATOR_REFERENCES: tuple[Reference, ...] = (
    Reference("eta-carnot", "Carnot efficiency", 0.899661, 5e-7, PAPER, lambda: c3().carnot_efficiency),
    *(
        reference
        for profile, power, eta, durations in BEST_RAMPS
        for reference in (
            Reference(
                f"C1-{profile}",
                f"best power of an Otto cycle with {profile} ramps",
                power,
                5e-7,
                PAPER,
                lambda profile=profile: _optima(profile)[0].power,
            ),
            Reference(
                f"C1-{profile}-eta",
                "its efficiency",
                eta,
                5e-5,
                PAPER,
                lambda profile=profile: _optima(profile)[0].efficiency,
            ),
            *(
                Reference(
                    f"C1-{profile}-t{stroke}",
                    f"its duration of stroke {stroke} (cold, up, hot, down)",
                    t,
                    1e-3,  # the power is flat there
                    PAPER,
                    lambda profile=profile, stroke=stroke: float(_strokes(_optima(profile)[0])[stroke]),
                )
                for stroke, t in enumerate(durations)
            ),
        )
    ),
    Reference(
        "C1-second", "second local optimum of linear ramps", 0.13070, 5e-6, PAPER, lambda: _optima("linear")[1].power
    ),
    *(
        Reference(
            f"C1-published-{profile}",
            f"power of {profile} ramps with the published durations",
            power,
            5e-7,
            PAPER,
            lambda profile=profile: _ramps(PUBLISHED_DURATIONS, profile).power,
        )
        for profile, power in PUBLISHED
    ),
    *(
        Reference(f"{name}-c{c:g}", f"linear ramps, c = {c:g}: {quantity}", value, tolerance, PAPER_2023, compute)
        for c, t, *values in TRADE_OFF
        for name, quantity, value, tolerance, compute in (
            ("ramps-r", "r_c", values[0], 5e-5, lambda c=c, t=t: Objective(c).value(_ramps(t))),
            ("ramps-P", "P/P0", values[1], 5e-5, lambda t=t: _ramps(t).power / NARROW.P0),
            ("ramps-S", "Sigma/Sigma0", values[2], 1e-4, lambda t=t: _ramps(t).entropy_production_rate / NARROW.Sigma0),
            ("ramps-eta", "efficiency", values[3], 5e-5, lambda t=t: _ramps(t).efficiency),
        )
    ),
    Reference(
        "C2-power",
        "best frictionless bang-bang Otto",
        0.183515,
        5e-7,
        SHORTCUT,
        lambda: _frictionless(NARROW, ENDS).power,
    ),
    Reference("C2-eta", "its efficiency", 0.498304, 5e-7, SHORTCUT, lambda: _frictionless(NARROW, ENDS).efficiency),
    Reference(
        "C2-isochore",
        "duration of its isochores",
        2.2397,
        5e-5,
        SHORTCUT,
        lambda: float(_frictionless(NARROW, ENDS).cycle.durations[0]),
    ),
    Reference(
        "C2-adiabat",
        "duration of the bang-bang adiabat",
        0.73761,
        5e-6,
        SHORTCUT,
        lambda: float(bang_bang_time(*(NARROW.omega0 * u for u in ENDS))),
    ),
    *(
        Reference(
            f"C2-wait-{k}",
            f"its part {k + 1} of the way up",
            t,
            5e-6,
            SHORTCUT,
            lambda k=k: float(bang_bang(NARROW, *ENDS).durations[k]),
        )
        for k, t in enumerate((0.24642, 0.49118))
    ),
    Reference("C2-grid", "the same, adiabats of 4 steps", 0.179784, 5e-7, SHORTCUT, lambda: _rounded_adiabats()[0]),
    Reference("C2-grid-isochore", "duration of its isochores", 2.2975, 5e-5, SHORTCUT, lambda: _rounded_adiabats()[1]),
    Reference("C2-switching", "fast switching between the ends of the range", 0.136996, 5e-7, PAPER, _fast_switching),
    Reference("C2-two-steps", "two steps of dt = .2, tuned levels", 0.1477, 5e-5, PAPER, lambda: _two_steps().power),
    Reference("C2-two-steps-eta", "its efficiency", 0.266, 5e-4, PAPER, lambda: _two_steps().efficiency),
    Reference(
        "wide-power",
        "wide range: best frictionless Otto",
        0.218346,
        5e-7,
        SHORTCUT,
        lambda: _frictionless(WIDE, None).power,
    ),
    Reference("wide-eta", "its efficiency", 0.6779, 5e-5, SHORTCUT, lambda: _frictionless(WIDE, None).efficiency),
    # the power is flat to 5e-9 between the source's frequency and the optimum
    Reference(
        "wide-low",
        "its low frequency",
        0.96630,
        1e-4,
        SHORTCUT,
        lambda: WIDE.omega0 * float(_frictionless(WIDE, None).cycle.values.min()),
    ),
    Reference("C3-power", "power of the cycle C3", 0.191496, 5e-7, PAPER, lambda: c3().power),
    Reference("C3-eta", "its efficiency", 0.4289, 5e-5, PAPER, lambda: c3().efficiency),
    Reference("C3-eta-ratio", "its efficiency over Carnot's", 0.4767, 5e-5, PAPER, lambda: c3().efficiency_ratio),
    Reference("C3-sigma", "its entropy production", 0.42043, 5e-6, PAPER, lambda: c3().entropy_production_rate),
    Reference("C3-value", "its r_1", 1.094265, 2e-6, PAPER, lambda: Objective(1.0).value(c3())),
)
