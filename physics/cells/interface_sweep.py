"""Quasi-static current of an electrode with many domains: N-shaped, with hysteresis, though every mobility is positive.

Each domain has its own built-in bias V_b and sits on a branch of v = V_b + f'(y) until that branch ends. Where the bias
is spread, the electrode as a whole has a negative differential resistance over the range in which its domains switch.

Source: derived.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from ..control import FloatArray
from .self_cycling_cell import SelfCyclingCell

BISECTIONS = 60


def biases(mean: float, deviation: float, count: int) -> FloatArray:
    """Built-in biases of equally many domains, at the quantiles (i + 1/2)/count of a normal distribution, V."""
    return mean + deviation * ndtri((np.arange(count) + 0.5) / count)


def potentiostatic(cell: SelfCyclingCell, voltages: FloatArray, bias: FloatArray) -> FloatArray:
    """Mean current of the reaction of a full anode whose v_A is led slowly through ``voltages``, A.

    Args:
        cell: at T_a; its own V_b does not count.
        voltages: v_A in order, V, shape (N,).
        bias: V_b of the domains, V, shape (D,). They start on their lower branch.

    Returns:
        Shape (N,).
    """
    t = cell.T_a
    potential = cell.E_A + cell.e_A * (t - cell.T_r)
    fold = cell.well.fold(t, cell.Tc)
    barrier = float(cell.well.voltage(-fold, t, cell.Tc))
    excess = voltages[:, None] - bias
    upper = np.zeros(excess.shape, dtype=bool)
    here = np.zeros(len(bias), dtype=bool)
    for i, f in enumerate(excess):
        here = upper[i] = np.where(here, f >= -barrier, f > barrier)
    y = _branch(cell, excess, upper, fold)
    return cell.anode_conductance(y, 0.0, t).mean(axis=1) * (potential - voltages)


def _branch(cell: SelfCyclingCell, voltage: FloatArray, upper: np.ndarray, fold: float) -> FloatArray:
    """The y with f'(y) = voltage on the upper or the lower branch, by bisection: both rise."""
    far = -cell.well.lowest(-np.abs(voltage).max() - cell.V_c, cell.T_a, cell.Tc)
    low, high = np.where(upper, fold, -far), np.where(upper, far, -fold)
    if not fold:  # there is but one branch
        low, high = np.full(voltage.shape, -far), np.full(voltage.shape, far)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        below = cell.well.voltage(middle, cell.T_a, cell.Tc) < voltage
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)
