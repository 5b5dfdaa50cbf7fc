"""Reference values of the self-cycling cell: closed forms, and three hours at the reference load.

Integrations use steps of 5 s; the tolerances of what depends on them are the known error of the second order.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..control import Control
from ..references import Reference
from .hopf import ReducedCell
from .self_cycling_cell import SelfCyclingCell

CLOSED = "closed form, derived; parameters of set S2"
COMPUTED = "integrated with Radau, DOP853 and LSODA; set S2"
LOAD = 1800.0

CELL = SelfCyclingCell()
REDUCED = ReducedCell(CELL)


@cache
def _run(hours: float, dt: float) -> tuple[np.ndarray, float, float]:
    """Terminal voltages after every step (V), work delivered and heat given to the bath (J), from the usual start."""
    values = np.array([[np.log10(LOAD)]])
    state = np.concatenate([CELL.start(), [0.0, values[0, 0]]])[None]
    control, voltages, work, heat = Control(values, np.zeros(1, dtype=np.int64)), [], 0.0, 0.0
    for _ in range(round(3600.0 * hours / dt)):
        state, flows = CELL.step(state, control, dt)
        work, heat = work - float(flows.work[0]), heat - float(flows.heat[0, 0])
        voltages.append(float(CELL.terminal(state)[0][0]))
    return np.array(voltages), work, heat


def _period() -> float:
    """Distance of the upward crossings of the middle after the first hour, s."""
    voltages, dt = _run(3.0, 5.0)[0], 5.0
    v = voltages[round(3600 / dt) :] - 0.5 * (voltages[720:].max() + voltages[720:].min())
    i = np.flatnonzero((v[:-1] < 0.0) & (v[1:] >= 0.0))
    crossings = dt * (i - v[i] / (v[i + 1] - v[i]))
    return float(np.diff(crossings)[-1])


def _lowest_capacitance() -> float:
    return float(REDUCED.at(-0.0578, LOAD).low_frequency_capacitance)


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
    # at 5 s the period is 0.012 % short
    Reference("SC-period", "period at 1.8 kOhm, s (dt = 5 s)", 4041.7753, 0.6, COMPUTED, _period),
    Reference(
        "SC-lowest", "lowest terminal voltage of the cycle, V", 0.892821, 1e-4, COMPUTED,
        lambda: float(_run(3.0, 5.0)[0][720:].min()),
    ),
    Reference(
        "SC-highest", "highest terminal voltage of the cycle, V", 1.104464, 1e-4, COMPUTED,
        lambda: float(_run(3.0, 5.0)[0][720:].max()),
    ),
)  # fmt: skip
