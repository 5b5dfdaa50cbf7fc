"""Counting statistics of a qubit between two baths whose jumps join the instantaneous eigenstates.

Along the axis n of the Bloch vector the baths act on two populations, counted by ``counting.count_two_state``. The part
across n, the coherence, turns and decays; no jump leads from coherence to coherence, so tr(N r) vanishes there for a
counter that starts at zero, and the covariance is -<N> r.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..control import Control, FloatArray
from ..counting import count_two_state, tilted_two_state
from ..machine import Counted

if TYPE_CHECKING:
    from .qubit_refrigerator import QubitRefrigerator


def _jumps(machine: QubitRefrigerator, control: Control) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gap (K,), axis n (K, 3), rates up and down (K, 2)."""
    u = control.values[:, 0]
    n = np.stack([np.full_like(u, machine.delta), np.zeros_like(u), u], axis=1)
    length = np.sqrt(machine.delta**2 + u * u)
    gap = 2.0 * machine.E0 * length
    rates = [bath.both(gap) for bath in machine.baths]
    return gap, n / length[:, None], np.stack([up for _, up in rates], 1), np.stack([down for down, _ in rates], 1)


def count_qubit(
    machine: QubitRefrigerator, x: FloatArray, after: FloatArray, control: Control, dt: float, weights: FloatArray
) -> Counted:
    """``AffineMachine.count`` of the qubit refrigerator, closed form."""
    gap, axis, up, down = _jumps(machine, control)
    occupied = 0.5 * (1.0 - np.einsum("ki,ki->k", axis, x))
    mean, covariance, variance = count_two_state(occupied, up, down, gap[:, None] * weights, dt)
    across = after - np.einsum("ki,ki->k", axis, after)[:, None] * axis
    return Counted(-2.0 * covariance[:, None] * axis - mean[:, None] * across, variance)


def tilted_qubit(machine: QubitRefrigerator, control: Control, dt: float, field: np.ndarray) -> np.ndarray:
    """``AffineMachine.tilted`` of the qubit refrigerator."""
    gap, axis, up, down = _jumps(machine, control)
    # from (trace, p) to (trace, a) with a = trace - 2 p
    change = np.array([[1.0, 0.0], [1.0, -2.0]])
    along = change @ tilted_two_state(up, down, gap, field, dt) @ np.linalg.inv(change)
    left = np.exp(-(up + down).sum(-1) * dt)
    out = np.empty((len(gap), 4, 4), dtype=along.dtype)
    out[:, 0, 0] = along[:, 0, 0]
    out[:, 0, 1:] = along[:, 0, 1, None] * axis
    out[:, 1:, 0] = along[:, 1, 0, None] * axis
    # across the axis nothing is counted: there it is the mean dynamics
    projector = axis[:, :, None] * axis[:, None, :]
    out[:, 1:, 1:] = machine.affine(control, dt).matrix + (along[:, 1, 1] - left)[:, None, None] * projector
    return out
