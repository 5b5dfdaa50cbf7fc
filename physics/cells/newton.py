"""Newton's method for the implicit equations of one sub-step of a cell.

Where a cell writes out the derivatives of its equations (``Cell.slopes``), a few plain Newton steps do. Otherwise, and
for the cells that they do not solve, derivatives are exact by the complex step; they are kept while they serve, and
taken anew where convergence is slow with them. The flows of the last iterate are then carried to the solution with the
same derivatives, so that nothing is evaluated twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..control import FloatArray, IntArray
from .discrete import Array

if TYPE_CHECKING:
    from .cell import Cell

MAX_ITERATIONS, MAX_STEP = 40, 3.0
"""Newton steps of a sub-step, and the longest one, in usual sizes of the variables."""

CONVERGED = 1e-16
"""Error that may be left, relative to the usual sizes of the variables."""

SLOW = 0.02
"""Ratio of successive Newton steps above which derivatives are taken anew."""


FEW_ITERATIONS, SMALL = 8, 1e-8
"""Newton steps with derivatives written out, and the last one: the error that it leaves is its square."""

Rows = list[list[Any]]
"""A matrix of numbers, or of arrays (K,), row by row; ``None`` for what vanishes always."""


class Solution(NamedTuple):
    """What a sub-step led to.

    Attributes:
        new: variables and T - T_a, (n_x + 1, K).
        flows: what ``Cell.terms`` lists after the residuals, at the solution, (n_flows, K).
        conductances: of the baths, W/K, (B, K).
        failed: cells for which there is no solution yet, (K,).
    """

    new: FloatArray
    flows: FloatArray
    conductances: FloatArray
    failed: np.ndarray


def solve(
    cell: Cell, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray, h: float | FloatArray
) -> Solution:
    """A sub-step of K cells.

    A cell that has converged is left alone, so that no cell depends on the others in the batch.

    Args:
        x, theta: variables (n_x, K) and T - T_a (K,) before it.
        values, choice: mean controls (m, K) and choice (K,).
        h: duration, s, the same or one for each cell.
    """
    single = len(theta) == 1 and cell.takes_numbers
    exact = solve_one if single else solve_all
    found = (direct_one if single else direct)(cell, x, theta, values, choice, h)
    if found is None:
        return exact(cell, x, theta, values, choice, h)
    if not found.failed.any():
        return found
    rows = np.flatnonzero(found.failed)
    part = exact(
        cell, x[:, rows], theta[rows], values[:, rows], choice[rows], h[rows] if isinstance(h, np.ndarray) else h
    )
    for whole, piece in zip(found, part, strict=True):
        whole[..., rows] = piece
    return found


def direct(
    cell: Cell, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray, h: float | FloatArray
) -> Solution | None:
    """With ``Cell.slopes``; ``None`` without them."""
    n = cell.n_x
    old = np.concatenate([x, theta[None]])
    new = np.concatenate([cell.guess(x, theta), theta[None]])
    conductances = cell.conductances(values, choice)
    scales = cell.scales[:, None]
    todo = np.ones(len(theta), dtype=bool)
    with np.errstate(all="ignore"):
        for _ in range(FEW_ITERATIONS):
            slopes = cell.slopes(old, new, values, choice, h, conductances)
            if slopes is None:
                return None
            step = np.array(eliminated(slopes, cell.terms(old, new, values, choice, h, conductances)[: n + 1])) / scales
            size = np.abs(step).max(axis=0)
            # an exponential is overshot from afar
            new = np.where(todo, new - scales * step * np.minimum(1.0, MAX_STEP / size), new)
            todo &= ~(size < SMALL)
            if not todo.any():
                break
        flows = _balance(cell, old, new, values, choice, h, conductances)[n + 1 :]
        good = ~todo & (cell.ambient + new[n] > 0.0) & cell.admissible(new[:n])
    return Solution(new, flows, conductances, ~good)


def direct_one(
    cell: Cell, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray, h: float | FloatArray
) -> Solution | None:
    """As ``direct`` for a single cell with plain numbers, of which an operation costs a tenth of one with arrays."""
    n, scales, size = cell.n_x, cell.scale_list, np.inf
    h = float(h[0]) if isinstance(h, np.ndarray) else h
    held, drawn = values[:, 0].tolist(), int(choice[0])
    conductances = cell.conductances(values, choice)
    given = conductances[:, 0].tolist()
    old = [*x[:, 0].tolist(), float(theta[0])]
    new = [*cell.guess(x, theta)[:, 0].tolist(), old[n]]
    flows = [0.0] * (3 + len(cell.channels))
    try:
        for _ in range(FEW_ITERATIONS):
            slopes = cell.slopes(old, new, held, drawn, h, given)
            if slopes is None:
                return None
            step = eliminated(slopes, cell.terms(old, new, held, drawn, h, given)[: n + 1])
            size = max([abs(a / b) for a, b in zip(step, scales, strict=True)])
            cut = 1.0 if size < MAX_STEP else MAX_STEP / size
            new = [a - cut * b for a, b in zip(new, step, strict=True)]
            if size < SMALL:
                flows = cell.terms(old, new, held, drawn, h, given)[n + 1 :]
                break
    except (OverflowError, ValueError, ZeroDivisionError):  # where arrays would hold inf or nan
        size = np.inf
    after = np.array(new)[:, None]
    good = size < SMALL and cell.ambient + new[n] > 0.0 and bool(cell.admissible(after[:n])[0])
    return Solution(after, np.array(flows)[:, None], conductances, np.array([not good]))


def eliminated(rows: Rows, right: list[Any]) -> list[Any]:
    """The solution of a linear system by Gauss elimination in the order given; the arguments are used up.

    Numbers, or arrays for K systems at once: with so few equations this beats a library, which takes them one by one.
    """
    n = len(rows)
    for j in range(n):
        top = rows[j]
        for i in range(j + 1, n):
            row = rows[i]
            if row[j] is None:
                continue
            factor = row[j] / top[j]
            right[i] = right[i] - factor * right[j]
            for k in range(j + 1, n):
                if top[k] is not None:
                    filled = factor * top[k]
                    row[k] = -filled if row[k] is None else row[k] - filled
    for i in range(n - 1, -1, -1):
        row, rest = rows[i], right[i]
        for k in range(i + 1, n):
            if row[k] is not None:
                rest = rest - row[k] * right[k]
        right[i] = rest / row[i]
    return right


def solve_all(
    cell: Cell, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray, h: float | FloatArray
) -> Solution:
    """With derivatives by the complex step; arguments as for ``solve``."""
    n, count = x.shape
    sizes = np.broadcast_to(h, count)
    scales = cell.scales
    # row j of the second axis perturbs variable j
    seed = 1e-30j * np.diag(scales)[:, :, None]
    old = np.concatenate([x, theta[None]])
    new = np.concatenate([cell.guess(x, theta), theta[None]])
    conductances = cell.conductances(values, choice)
    table = np.empty((n + 4 + len(cell.channels), count))
    slopes = np.empty((count, *table.shape[:1], n + 1))
    inverse = np.empty((count, n + 1, n + 1))
    last_step = np.empty((count, n + 1))
    size = np.full(count, np.inf)
    todo = stale = np.ones(count, dtype=bool)
    with np.errstate(all="ignore"):
        for _ in range(MAX_ITERATIONS):
            for rows, seeded in ((_rows(todo & stale), True), (_rows(todo & ~stale), False)):
                if rows is None:
                    continue
                point = old[:, rows], new[:, rows], values[:, rows], choice[rows], sizes[rows], conductances[:, rows]
                if not seeded:
                    table[:, rows] = _balance(cell, *point)
                    continue
                found: Any = _balance(cell, old[:, rows][:, None], new[:, rows][:, None] + seed, *point[2:])
                table[:, rows] = found[:, 0].real
                slope = found.imag.transpose(2, 0, 1) * 1e30
                slopes[rows], inverse[rows] = slope, _inverse(slope[:, : n + 1])
            step = np.matmul(inverse, table[: n + 1].T[:, :, None])[..., 0]
            last_size, size = size, np.abs(step).max(axis=1)
            # an exponential is overshot from afar
            step *= np.minimum(1.0, MAX_STEP / size)[:, None]
            if not todo.all():
                step[~todo] = 0.0
                last_step[todo] = step[todo]
            else:
                last_step = step
            new = new - scales[:, None] * step.T
            # the error that is left: a fresh derivative squares it, a kept one multiplies it by what it did before
            ratio = np.where(stale, size, size / last_size)
            todo = todo & ~(size * ratio < CONVERGED)
            stale = ~(ratio < SLOW)
            if not todo.any() or not np.isfinite(size[todo]).any():
                break
        # a solution must be finite, warm, and where logarithms are real
        good = np.isfinite(new).all(axis=0) & (cell.ambient + new[n] > 0.0) & cell.admissible(new[:n])
        flows = table[n + 1 :] - np.matmul(slopes[:, n + 1 :], last_step[:, :, None])[..., 0].T
    return Solution(new, flows, conductances, todo | ~good)


def solve_one(
    cell: Cell, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray, h: float | FloatArray
) -> Solution:
    """As ``solve_all`` for a single cell with plain numbers, of which an operation costs a tenth of one with arrays."""
    n, scales = cell.n_x, cell.scales
    h = float(h[0]) if isinstance(h, np.ndarray) else h
    held, drawn = values[:, 0].tolist(), int(choice[0])
    conductances = cell.conductances(values, choice)[:, 0].tolist()
    old = [*x[:, 0].tolist(), float(theta[0])]
    new = [*cell.guess(x, theta)[:, 0].tolist(), old[n]]
    seeds = (1e-30 * scales).tolist()
    size, stale, done, kept = np.inf, True, False, None
    step: Any = np.zeros(n + 1)
    table, slope = np.zeros(n + 4 + len(cell.channels)), np.zeros((0, 0))
    try:
        for _ in range(MAX_ITERATIONS):
            if stale or kept is None:
                columns = []
                for j, seed in enumerate(seeds):
                    at = new.copy()
                    at[j] = complex(at[j], seed)
                    columns.append(cell.terms(old, at, held, drawn, h, conductances))
                found: Any = np.array(columns, dtype=complex)
                table, slope = found[0].real, found.imag.T * 1e30
                kept = _inverse(slope[None, : n + 1])[0]
            else:
                table = np.array(cell.terms(old, new, held, drawn, h, conductances))
            step = kept @ table[: n + 1]
            last_size, size = size, float(np.abs(step).max())
            if size > MAX_STEP:
                step *= MAX_STEP / size
            new = [a - b for a, b in zip(new, (scales * step).tolist(), strict=True)]
            ratio = size if stale else size / last_size if last_size else 0.0
            done, stale = size * ratio < CONVERGED, not ratio < SLOW
            if done or not np.isfinite(size):
                break
    except (OverflowError, ValueError, ZeroDivisionError):  # where arrays would hold inf or nan
        done = False
    after = np.array(new)[:, None]
    good = done and np.isfinite(after).all() and cell.ambient + new[n] > 0.0 and bool(cell.admissible(after[:n])[0])
    flows = (table[n + 1 :] - slope[n + 1 :] @ step if done else table[n + 1 :])[:, None]
    return Solution(after, flows, np.array(conductances)[:, None], np.array([not good]))


def _balance(
    cell: Cell, old: Array, new: Array, values: FloatArray, choice: IntArray, h: Array, conductances: FloatArray
) -> Array:
    """``Cell.terms`` along axis 0 of an array."""
    out = np.empty((cell.n_x + 4 + len(cell.channels), *new.shape[1:]), dtype=new.dtype)
    for i, term in enumerate(cell.terms(old, new, values, choice, h, conductances)):
        out[i] = term
    return out


def _rows(wanted: np.ndarray) -> Any:
    """The wanted cells as an index that does not copy where it is all of them; ``None`` for no cell."""
    if wanted.all():
        return slice(None)
    return np.flatnonzero(wanted) if wanted.any() else None


def _inverse(slope: FloatArray) -> FloatArray:
    """Inverse of matrices (K, n, n); not a number where there is none."""
    # equations of very different size: each in units of its largest derivative
    unit = np.abs(slope).max(axis=2, keepdims=True)
    try:
        return np.linalg.inv(slope / unit) / unit.transpose(0, 2, 1)
    except np.linalg.LinAlgError:
        if len(slope) == 1:
            return np.full(slope.shape, np.nan)
        return np.concatenate([_inverse(slope[k : k + 1]) for k in range(len(slope))])
