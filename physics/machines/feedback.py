"""The best unitary that a demon can apply, knowing its conditional state: Bayes-optimal feedback.

Maximum ergotropy extraction within a class: flips of single qubits, rotations of qubit 1, or any unitary.

Source: A. E. Allahverdyan, R. Balian, T. M. Nieuwenhuizen, Europhys. Lett. 67, 565 (2004); one qubit of a pair,
the local energy |Tr_2[rho dH/dsigma]| of ``demon.md``, derived.
"""

from __future__ import annotations

import numpy as np

from .. import pauli
from ..control import FloatArray
from .coupled_qubits import CoupledQubits


def flip_gain(machine: CoupledQubits, t: FloatArray, qubit: int) -> FloatArray:
    """Energy that a flip of ``qubit`` sets free, shape (K,); negative where it costs."""
    gap = machine.e1 if qubit == 0 else machine.e2
    view = pauli.along(t, qubit)
    return gap * view[:, 3, 0] + 2.0 * machine.g * view[:, 3, 3]


def best_flips(machine: CoupledQubits, t: FloatArray, qubits: tuple[int, ...] = (0, 1)) -> FloatArray:
    """The state of lowest energy that flips of ``qubits`` reach, (K, 4, 4)."""
    candidates = [t]
    for q in qubits:
        candidates += [pauli.flipped(one, q) for one in candidates]
    energies = np.stack([machine.energy(one) for one in candidates])
    # of equals the first: no needless flip; round-off must not decide
    best = (energies > energies.min(axis=0) + 1e-13 * machine.energy_scale).argmin(axis=0)
    return np.stack(candidates)[best, np.arange(len(t))]


def best_rotation(machine: CoupledQubits, t: FloatArray, qubit: int = 0) -> FloatArray:
    """The state of lowest energy that a rotation of ``qubit`` reaches, (K, 4, 4): its local field turned to -z."""
    view = pauli.along(t, qubit)
    gap = machine.e1 if qubit == 0 else machine.e2
    field = 0.5 * gap * view[:, 1:, 0] + machine.g * view[:, 1:, 3]
    size = np.linalg.norm(field, axis=1, keepdims=True)
    unit = np.where(size > 0.0, field / np.where(size > 0.0, size, 1.0), np.array([0.0, 0.0, -1.0]))
    turned = view.copy()
    turned[:, 1:] = np.einsum("kab,kbc->kac", _to_minus_z(unit), view[:, 1:])
    return turned if qubit == 0 else turned.swapaxes(1, 2)


def _to_minus_z(unit: FloatArray) -> FloatArray:
    """Rotations (K, 3, 3) that turn the unit vectors (K, 3) to -z, about the axis perpendicular to both."""
    x, y, z = unit.T
    c = -z
    # R = 1 + [v] + [v]^2 / (1 + c) with v = unit x (-z) = (-y, x, 0); a vector along +z is turned about y
    up = 1.0 + c < 1e-14
    scale = 1.0 / np.where(up, 1.0, 1.0 + c)
    r = np.empty((len(unit), 3, 3))
    r[:, 0, 0], r[:, 0, 1], r[:, 0, 2] = 1.0 - x * x * scale, -x * y * scale, x
    r[:, 1, 0], r[:, 1, 1], r[:, 1, 2] = -x * y * scale, 1.0 - y * y * scale, y
    r[:, 2, 0], r[:, 2, 1], r[:, 2, 2] = -x, -y, c
    r[up] = np.diag([-1.0, 1.0, -1.0])
    return r


def passive(machine: CoupledQubits, t: FloatArray) -> FloatArray:
    """The passive state: what the best of all unitaries makes of the state, (K, 4, 4)."""
    p = pauli.populations(t) if pauli.is_diagonal(t) else np.linalg.eigvalsh(pauli.density(t))
    order = np.empty(4, dtype=int)
    order[np.argsort(machine.levels, kind="stable")] = np.arange(4)
    return pauli.from_populations(-np.sort(-p, axis=1)[:, order])
