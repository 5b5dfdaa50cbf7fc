"""All cycles that differ from a given one by one step, each with its exact value.

A step is replaced, inserted or left out. With the stretches before and after it known, the new one-period map costs
two small products, so thousands of neighbours cost little more than a few gradients. The exact value ranks changes
that a gradient does not see: another choice of bath, a jump of the control, a longer or shorter period.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..control import FloatArray, IntArray
from ..machine import AffineMachine
from .objective import Objective
from .stretch import Stretch, contracts, prefixes, resolvent, steps_of, suffixes

REPLACE, INSERT, REMOVE = 0, 1, 2
"""Kinds of change."""

GRID_POINTS = 400
"""Steps per choice that are tried at most, on a product grid over the continuous controls."""

SINGULAR = 1e-14
"""Determinant of 1 - A below which there is no limit cycle."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Changes of one cycle, best first.

    Attributes:
        value: objective of the changed cycle, shape (Q,).
        kind: ``REPLACE``, ``INSERT`` or ``REMOVE``, shape (Q,).
        position: the step that is replaced or removed, or before which one is inserted, shape (Q,).
        values: continuous controls of the new step, shape (Q, m); meaningless for a removal.
        choice: its choice, shape (Q,).
    """

    value: FloatArray
    kind: IntArray
    position: IntArray
    values: FloatArray
    choice: IntArray

    def apply(self, q: int, values: FloatArray, choice: IntArray) -> tuple[FloatArray, IntArray]:
        """Controls (N', m) and word (N',) after change ``q`` of the cycle it was made for."""
        i = int(self.position[q])
        if self.kind[q] == REMOVE:
            return np.delete(values, i, axis=0), np.delete(choice, i)
        if self.kind[q] == INSERT:
            return np.insert(values, i, self.values[q], axis=0), np.insert(choice, i, self.choice[q])
        values, choice = values.copy(), choice.copy()
        values[i], choice[i] = self.values[q], self.choice[q]
        return values, choice


def neighbours(
    machine: AffineMachine,
    values: FloatArray,
    choice: IntArray,
    dt: float,
    objective: Objective,
    kinds: tuple[int, ...] = (REPLACE, INSERT, REMOVE),
    levels: int = 17,
    keep: int = 32,
) -> Neighbours:
    """The best changes of one step of a cycle.

    Of each kind, position and choice only the best value of the controls is kept, so that the result is diverse.

    Args:
        machine: the machine.
        values: continuous controls of the cycle, shape (N, m).
        choice: its choices, shape (N,).
        dt: length of every step (time).
        objective: what is maximised.
        kinds: which changes to try.
        levels: grid points per continuous control.
        keep: changes returned at most; those without a limit cycle are left out.
    """
    n = len(choice)
    durations = np.full((1, n), float(dt))
    steps, _ = steps_of(machine, values[None], choice[None], durations, objective, slopes=False)
    before, behind = (_stacked(stretches) for stretches in (prefixes(steps), suffixes(steps)))
    new_values, new_choice = _library(machine, levels)
    g = len(new_choice)
    library, _ = steps_of(
        machine, new_values[None], new_choice[None], np.full((1, g), float(dt)), objective, slopes=False
    )
    library = Stretch(*(np.moveaxis(part[..., 0], 0, -1) for part in library))

    found: list[tuple[np.ndarray, ...]] = []
    for kind in kinds:
        if kind == REMOVE:
            if n == 1:
                continue
            position, index = np.arange(n), np.zeros(n, dtype=np.int64)
            total = _at(behind, position + 1).after(_at(before, position))
        else:
            position, index = (part.ravel() for part in np.meshgrid(np.arange(n), np.arange(g), indexing="ij"))
            inside = _at(library, index).after(_at(before, position))
            total = _at(behind, position + (kind == REPLACE)).after(inside)
        period = dt * (n + {REPLACE: 0, INSERT: 1, REMOVE: -1}[kind])
        value = _value(total) / period
        # best grid point of each position and choice
        group = position * machine.control_space.n_choices + (new_choice[index] if kind != REMOVE else 0)
        order = np.lexsort((-value, group))
        first = order[np.unique(group[order], return_index=True)[1]]
        first = first[np.argsort(-value[first], kind="stable")]
        first = first[contracts(total.matrix[..., first])][:keep]
        found.append((value[first], np.full(len(first), kind), position[first], index[first]))
    value, kind, position, index = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(-value, kind="stable")[:keep]
    return Neighbours(value[order], kind[order], position[order], new_values[index[order]], new_choice[index[order]])


def _library(machine: AffineMachine, levels: int) -> tuple[FloatArray, IntArray]:
    """Steps to try: every choice with a grid over the continuous controls, (G, m) and (G,)."""
    space = machine.control_space
    m = space.n_values
    points = levels if m <= 1 else max(2, min(levels, int(GRID_POINTS ** (1.0 / m))))
    fractions = np.array(list(product(np.linspace(0.0, 1.0, points), repeat=m))).reshape(-1, m)
    grid = np.clip(space.low + (space.high - space.low) * fractions, space.low, space.high)
    letters = np.repeat(np.arange(space.n_choices), len(grid))
    return np.tile(grid, (space.n_choices, 1)), letters


def _value(total: Stretch) -> FloatArray:
    """Reward of one period in the limit cycle, shape (K,); -inf where it cannot be computed."""
    with np.errstate(all="ignore"):
        usable = np.isfinite(total.matrix).all(axis=(0, 1))
        gap = np.eye(len(total.matrix))[:, :, None] - np.where(usable, total.matrix, 0.0)
        # a step without bath alone has the map 1, to which no inverse belongs
        usable &= np.abs(np.linalg.det(np.moveaxis(gap, -1, 0))) > SINGULAR
        inverse = resolvent(total.matrix, usable)
        x = np.einsum("ijk,jk->ik", inverse, total.offset)
        value = np.einsum("ik,ik->k", total.rho, x) + total.rho0
    return np.where(usable & np.isfinite(value), value, -np.inf)


def _stacked(stretches: list[Stretch]) -> Stretch:
    """Stretches of one cycle side by side: the last axis counts them."""
    return Stretch(*(np.concatenate(parts, axis=-1) for parts in zip(*stretches, strict=True)))


def _at(stretches: Stretch, index: np.ndarray) -> Stretch:
    return Stretch(*(part[..., index] for part in stretches))
