"""Reference values of the self-cycling cell: closed forms, and twelve hours at the reference load.

The integration is done with steps of 10 and 5 s; what does not depend on the integrator is extrapolated to a step of
zero (the error is of second order), extrema of the voltage keep the error of 5 s.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from ..references import Reference
from .hopf import ReducedCell
from .interface_sweep import biases, potentiostatic
from .self_cycling_cell import SelfCyclingCell

CLOSED = "closed form, derived; parameters of set S2"
COMPUTED = "integrated with Radau, DOP853 and LSODA; set S2"
LOAD, HOURS = 1800.0, 12.0

CELL = SelfCyclingCell()
REDUCED = ReducedCell(CELL)


class Run(NamedTuple):
    """Terminal voltages after every step (V); work, heat to the bath, exergy of the fuel (J), entropy made (J/K)."""

    voltages: np.ndarray
    sums: np.ndarray


@cache
def _run(dt: float) -> Run:
    """From the usual start."""
    values, choice = np.array([[np.log10(LOAD)]]), np.zeros(1, dtype=np.int64)
    x, theta, voltages, sums = CELL.start()[:, None], np.zeros(1), [], np.zeros(4)
    for _ in range(round(3600.0 * HOURS / dt)):
        done = CELL.advance(x, theta, values, values, choice, dt)
        v_a = 0.5 * (done.x[0] - done.x[1] + x[0] - x[1]) / CELL.C_A
        v_c = 0.5 * (done.x[2] + x[2]) / CELL.C_C
        # what the reactions release: what they dissipate, and charge with
        fuel = done.dissipated[1] + done.dissipated[2] + v_a * (done.x[3] - x[3]) + v_c * (done.x[4] - x[4])
        produced = done.dissipated.sum(axis=0) / (CELL.T_a + 0.5 * (theta + done.theta))
        sums += np.array([done.delivered, -done.heat[:, 0], fuel, produced])[:, 0]
        x, theta = done.x, done.theta
        voltages.append(CELL.terminal(np.concatenate([x[:, 0], theta, values[0]])[None])[0][0])
    return Run(np.array(voltages), sums)


def _total(i: int) -> float:
    """An integral over the twelve hours, extrapolated."""
    return float(4.0 * _run(5.0).sums[i] - _run(10.0).sums[i]) / 3.0


def _late(dt: float, hours: float) -> np.ndarray:
    """Voltages after the first hours."""
    return _run(dt).voltages[round(3600.0 * hours / dt) :]


def _period(dt: float) -> float:
    """Mean distance of the upward crossings of the middle after the first 30 %, s."""
    v = _late(dt, 0.3 * HOURS)
    v = v - 0.5 * (v.max() + v.min())
    i = np.flatnonzero((v[:-1] < 0.0) & (v[1:] >= 0.0))
    return float(np.diff(dt * (i + v[i] / (v[i] - v[i + 1]))).mean())


def _steady_power(load: float) -> float:
    """At the fixed point of the reduced model, W."""
    (y,) = REDUCED.fixed_points(load)
    current = (REDUCED.voltage(float(y)) + CELL.E_C) / (load + REDUCED.internal_resistance)
    return load * float(current) ** 2


@cache
def _domains() -> tuple[np.ndarray, np.ndarray]:
    """v_A of the up-sweep (V) and the mean current of 400 domains (A)."""
    up = np.linspace(0.3, 1.1, 81)
    return up, potentiostatic(CELL, up, biases(0.661, 0.05, 400))


SELF_CYCLING_REFERENCES: tuple[Reference, ...] = (
    Reference("SC-a", "curvature a of the well at T_r, V/C", -2.598076, 5e-7, CLOSED, lambda: CELL.a_r),
    Reference("SC-C_F", "capacitance C_F(0) of the interface, F", -0.3849, 5e-5, CLOSED, lambda: 1.0 / CELL.a_r),
    Reference("SC-b", "Landau coefficient b, V/C^3", 259.8076, 5e-5, CLOSED, lambda: CELL.b),
    Reference("SC-a0", "Landau coefficient a0, V/(C K)", 0.0273482, 5e-8, CLOSED, lambda: CELL.a0),
    Reference("SC-R2", "upper fold of the window of loads, Ohm", 2844.7, 0.05, CLOSED, lambda: REDUCED.window[1]),
    Reference("SC-match", "power at the matched load, W", 1.343e-3, 5e-7, CLOSED, lambda: CELL.matched_power),
    Reference(
        "SC-match-load", "matched load, Ohm", 425.0, 1e-9, CLOSED, lambda: CELL.R_m + CELL.R_C + CELL.R_i
    ),
    Reference(
        "SC-rise", "slow rise between landing and fold, s", 1228.6, 0.05, CLOSED,
        lambda: REDUCED.slow_times(LOAD, REDUCED.fold)[0],
    ),
    Reference(
        "SC-fall", "slow fall between landing and fold, s", 2121.1, 0.05, CLOSED,
        lambda: REDUCED.slow_times(LOAD, REDUCED.fold)[1],
    ),
    Reference(
        "SC-theta_T", "thermal group K R_L C_A/C_th", 16.0, 1e-9, CLOSED, lambda: REDUCED.groups(LOAD)["theta_T"]
    ),
    Reference(
        "SC-Theta_L", "Landau entropy over heat capacity", 7.6e-6, 5e-8, CLOSED, lambda: REDUCED.groups(LOAD)["Theta_L"]
    ),
    Reference("SC-steady", "power at a steady 500 Ohm, W", 1.327e-3, 5e-7, CLOSED, lambda: _steady_power(500.0)),
    Reference(
        "SC-NDR-slope", "steepest slope of the current of 400 domains, A/V", -8.2e-3, 1e-4, CLOSED,
        lambda: float(np.gradient(_domains()[1], 0.01).min()),
    ),
    Reference(
        "SC-NDR-up", "their current at 0.561 V on the way up, A", 1.487e-3, 5e-7, CLOSED,
        lambda: float(np.interp(0.561, *_domains())),
    ),
    *(
        Reference(f"SC-{name}", f"{what} of twelve hours at 1.8 kOhm, {unit}", value, digits, COMPUTED,
                  lambda i=i: _total(i))
        for i, (name, what, unit, value, digits) in enumerate((
            ("work", "work", "J", 23.787776, 2.4e-5),
            ("heat", "heat to the bath", "J", 14.804919, 1.5e-5),
            ("exergy", "chemical exergy", "J", 36.931063, 3.7e-5),
            ("sigma", "entropy produced inside the cell", "J/K", 0.0425856, 6e-8),
        ))
    ),
    # at 5 s the period is 0.012 % short, at 10 s 0.05 %
    Reference("SC-period", "period at 1.8 kOhm, s", 4041.7753, 4e-3, COMPUTED,
              lambda: (4.0 * _period(5.0) - _period(10.0)) / 3.0),
    Reference("SC-lowest", "lowest terminal voltage after 4 h, V", 0.892821, 2e-5, COMPUTED,
              lambda: float(_late(5.0, 4.0).min())),
    Reference("SC-highest", "highest terminal voltage after 4 h, V", 1.104464, 2e-5, COMPUTED,
              lambda: float(_late(5.0, 4.0).max())),
    Reference("SC-life", "days that 39.6 kC of fuel last at the mean current", 832.0, 1.0, COMPUTED,
              lambda: CELL.N0_A * LOAD / float(_late(5.0, 4.0).mean()) / 86400.0),
)  # fmt: skip
