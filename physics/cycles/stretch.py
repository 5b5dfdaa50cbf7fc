"""Stretches of steps of many cycles at once, as affine maps that can be joined.

The sums over small matrices leave the K cycles on the last axis: NumPy is fast on long contiguous axes only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..control import FloatArray, IntArray
from ..machine import AffineMachine, AffineMap
from .cycle import RADIUS_LIMIT, affine_steps
from .objective import Objective

COMPLEX_STEP = 1e-30

SQUARINGS = 5
"""A matrix contracts if the norm of one of its powers 1, 2, 4 ... 2^5 is below 1; the others need their eigenvalues."""


class Stretch(NamedTuple):
    """What one or more steps make of the state x before them, for K cycles: M x + v, and the reward rho x + rho0.

    Attributes:
        matrix: M, shape (..., n_x, n_x, K).
        offset: v, shape (..., n_x, K).
        rho: shape (..., n_x, K).
        rho0: shape (..., K).
    """

    matrix: np.ndarray
    offset: np.ndarray
    rho: np.ndarray
    rho0: np.ndarray

    def at(self, index: object) -> Stretch:
        """The same index into the leading axis of every part."""
        return Stretch(*(part[index] for part in self))  # type: ignore[index]

    def after(self, first: Stretch) -> Stretch:
        """The stretch ``first``, then this one (no leading axes)."""
        return Stretch(
            np.einsum("ijk,jlk->ilk", self.matrix, first.matrix),
            np.einsum("ijk,jk->ik", self.matrix, first.offset) + self.offset,
            np.einsum("jk,jlk->lk", self.rho, first.matrix) + first.rho,
            np.einsum("jk,jk->k", self.rho, first.offset) + self.rho0 + first.rho0,
        )

    def apply(self, x: np.ndarray) -> np.ndarray:
        """States (n_x, K) after the stretch (no leading axes)."""
        return np.einsum("ijk,jk->ik", self.matrix, x) + self.offset


def nothing(nx: int, k: int) -> Stretch:
    """No step at all: the state stays, nothing is earned."""
    matrix = np.repeat(np.eye(nx)[:, :, None], k, axis=2)
    return Stretch(matrix, np.zeros((nx, k)), np.zeros((nx, k)), np.zeros(k))


def steps_of(
    machine: AffineMachine,
    values: FloatArray,
    choice: IntArray,
    durations: FloatArray,
    objective: Objective,
    slopes: bool = True,
) -> tuple[Stretch, list[Stretch]]:
    """The N steps of K cycles, and their derivatives with respect to each of the m continuous controls.

    Args:
        machine: the machine.
        values: continuous controls, shape (K, N, m).
        choice: discrete choices, shape (K, N).
        durations: lengths of the steps (time), shape (K, N).
        objective: what the reward is.
        slopes: whether the derivatives are wanted.

    Returns:
        Steps with the leading axis N, and a list of m derivatives (empty without ``slopes``).
    """
    k, n, m = values.shape
    nx, weights = machine.n_dynamic, objective.heat_weights(machine)
    flat = values.transpose(1, 0, 2).reshape(n * k, m)
    rest = (choice.T.reshape(n * k), durations.T.reshape(n * k))

    def shaped(step: AffineMap) -> Stretch:
        rho = sum(w * step.heat_matrix[:, b] for b, w in enumerate(weights))
        parts = (step.matrix.reshape(n, k, nx, nx), step.offset.reshape(n, k, nx), np.reshape(rho, (n, k, nx)))
        matrix, offset, rows = (np.moveaxis(part, 1, -1) for part in parts)
        return Stretch(matrix, offset, rows, (step.heat_offset @ weights).reshape(n, k))

    if not (slopes and m):
        real = shaped(affine_steps(machine.affine, flat, *rest))
        return Stretch(*map(np.ascontiguousarray, real)), []
    # the complex step: its real part is the step itself, its imaginary part the derivative
    found: list[Stretch] = []
    both = None
    for j in range(m):
        moved = flat.astype(complex)
        moved[:, j] += 1j * COMPLEX_STEP
        both = shaped(affine_steps(machine.affine, moved, *rest))
        found.append(Stretch(*(np.imag(part) / COMPLEX_STEP for part in both)))
    assert both is not None
    return Stretch(*(np.ascontiguousarray(np.real(part)) for part in both)), found


def suffixes(steps: Stretch) -> list[Stretch]:
    """The stretches of the steps i ... N - 1, for i = 0 ... N (the last is empty)."""
    n, nx, _, k = steps.matrix.shape
    out = [nothing(nx, k)]
    for i in reversed(range(n)):
        out.append(out[-1].after(steps.at(i)))
    return out[::-1]


def prefixes(steps: Stretch) -> list[Stretch]:
    """The stretches of the steps 0 ... i - 1, for i = 0 ... N (the first is empty)."""
    n, nx, _, k = steps.matrix.shape
    out = [nothing(nx, k)]
    for i in range(n):
        out.append(steps.at(i).after(out[-1]))
    return out


def contracts(matrix: np.ndarray) -> np.ndarray:
    """Whether the spectral radius is below 1, shape (K,), of matrices (n, n, K)."""
    power = np.moveaxis(matrix, -1, 0)
    good = np.zeros(len(power), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(SQUARINGS + 1):
            # the largest row sum is a norm
            good |= np.abs(power).sum(axis=2).max(axis=1) < RADIUS_LIMIT
            if good.all():
                return good
            power = power @ power
    open_ = np.flatnonzero(~good)
    left = np.moveaxis(matrix[..., open_], -1, 0)
    usable = np.isfinite(left).all(axis=(1, 2))
    good[open_[usable]] = np.abs(np.linalg.eigvals(left[usable])).max(axis=1, initial=0.0) < RADIUS_LIMIT
    return good


def resolvent(matrix: np.ndarray, stable: np.ndarray) -> np.ndarray:
    """(1 - M)^-1 of matrices (n, n, K); 1 for those that are not ``stable`` (K,), so that a batch can go on."""
    m = np.moveaxis(np.where(stable, matrix, 0.0), -1, 0)
    return np.moveaxis(np.linalg.inv(np.eye(m.shape[-1]) - m), 0, -1)
