"""Mean heat currents of cycles with thousands of steps, fast: the step maps are multiplied pairwise, not one by one.

The step x' = M x + v with the heats Q = R x + r is one matrix acting on (x, 1, Q so far),

    [[M, v, 0], [0, 1, 0], [R, r, 1]]

and the matrix of a period is the product of those of its steps, taken in log2(N) batched multiplications.

``average_reward`` gives the gradient as well and is the right tool for tens of steps; this one is for smooth controls
in fine pieces and for searches over durations. What it finds is built as a ``Cycle`` and audited there.
"""

from __future__ import annotations

import math

import numpy as np

from ..control import Control, FloatArray, IntArray
from ..machine import AffineMachine, AffineMap
from .cycle import RADIUS_LIMIT, Cycle, affine_steps
from .objective import Objective


def step_matrices(machine: AffineMachine, values: FloatArray, choice: IntArray, durations: FloatArray) -> FloatArray:
    """The matrices of N steps on (x, 1, Q), shape (N, s, s) with s = n_x + 1 + B.

    Args:
        machine: the machine.
        values: continuous controls, shape (N, m).
        choice: discrete choices, shape (N,).
        durations: lengths of the steps (time), shape (N,).
    """
    return augmented(affine_steps(machine.affine, values, choice, durations))


def augmented(step: AffineMap) -> FloatArray:
    """The matrices of ``step`` on (x, 1, Q), shape (K, n_x + 1 + B, n_x + 1 + B)."""
    (n, nx), n_baths = step.offset.shape, step.heat_offset.shape[1]
    out = np.zeros((n, nx + 1 + n_baths, nx + 1 + n_baths))
    out[:, :nx, :nx], out[:, :nx, nx] = step.matrix, step.offset
    out[:, nx + 1 :, :nx], out[:, nx + 1 :, nx] = step.heat_matrix, step.heat_offset
    diagonal = np.arange(nx, nx + 1 + n_baths)
    out[:, diagonal, diagonal] = 1.0
    return out


def ordered_product(matrices: FloatArray) -> FloatArray:
    """A_N ... A_1 of matrices (..., N, s, s), the first one acting first; shape (..., s, s)."""
    while matrices.shape[-3] > 1:
        n = matrices.shape[-3]
        paired = matrices[..., 1::2, :, :] @ matrices[..., 0 : n - 1 : 2, :, :]
        matrices = np.concatenate([paired, matrices[..., -1:, :, :]], axis=-3) if n % 2 else paired
    return matrices[..., 0, :, :]


def period_heat(machine: AffineMachine, period: FloatArray) -> FloatArray:
    """Heat from each bath in one period of the limit cycle.

    Args:
        machine: the machine.
        period: matrix of the period on (x, 1, Q), shape (..., s, s).

    Returns:
        Shape (..., B); NaN where there is no limit cycle (spectral radius of the map of x not below 1).
    """
    nx = machine.n_dynamic
    matrix, offset = period[..., :nx, :nx], period[..., :nx, nx]
    stable = np.abs(np.linalg.eigvals(matrix)).max(axis=-1) < RADIUS_LIMIT
    # a cycle that does not contract gets the map 0 instead, so that the batch can go on
    contracting = np.where(stable[..., None, None], matrix, 0.0)
    x = np.linalg.solve(np.eye(nx) - contracting, offset[..., None])[..., 0]
    heat = np.einsum("...bi,...i->...b", period[..., nx + 1 :, :nx], x) + period[..., nx + 1 :, nx]
    return np.where(stable[..., None], heat, np.nan)


def mean_objective(cycle: Cycle, objective: Objective) -> float:
    """r_c of the limit cycle, not audited; NaN if there is none."""
    machine = cycle.machine
    period = ordered_product(step_matrices(machine, cycle.values, cycle.choice, cycle.durations))
    return float(objective.heat_weights(machine) @ period_heat(machine, period)) / cycle.period


def relaxation_time(machine: AffineMachine, u: float, choice: int) -> float:
    """Relaxation time of the slowest variable with control ``u`` held and ``choice`` made (time)."""
    dt = 1e-3
    step = machine.affine(Control(np.array([[u]]), np.array([choice])), dt)
    return -dt / math.log(float(np.abs(np.linalg.eigvals(step.matrix)).max()))
