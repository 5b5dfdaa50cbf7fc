"""Periodic protocols of field and bath for the ferroelectric machines, and their exact steady cycles; K at a time. SI.

A protocol is a list of legs: the field moves linearly to a target while a bath (or none) is in contact. Repeated, it
leads to a limit cycle, the fixed point of the map (P, theta) -> (P, theta) after one period; Newton's method finds it
in a few periods, where plain repetition needs many. All ledgers are those of the discrete-gradient stepper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..control import FloatArray, IntArray
from ..validation import ParameterError
from .cell import StepError
from .ferroelectric_engine import COLD, HOT, NONE, FerroelectricEngine
from .film_step import contact

MAX_PERIODS = 60
"""Periods after which the search for a limit cycle ends."""

CLOSED = 1e-11
"""Largest change of P and theta over a period of a limit cycle, relative to their usual sizes."""

STEP = 1e-6
"""Step of the finite differences of the period map, relative to the usual sizes."""


@dataclass(frozen=True, eq=False)
class SteadyCycles:
    """Limit cycles of K protocols; NaN for a row that has none.

    Attributes:
        machine: the machine.
        period: s, shape (K,).
        work: delivered per period, J, shape (K,).
        heat: received from each bath per period, J, shape (K, 2).
        produced: entropy per period, summed over its sub-steps, each >= 0; J/K, shape (K,).
        start: (P, theta) at the beginning, shape (K, 2).
        change: of (P, theta) over a period, shape (K, 2): round-off.
        trace: (field, P, theta) at the end of each leg, shape (K, L, 3).
    """

    machine: FerroelectricEngine
    period: FloatArray
    work: FloatArray
    heat: FloatArray
    produced: FloatArray
    start: FloatArray
    change: FloatArray
    trace: FloatArray

    @property
    def power(self) -> FloatArray:
        """What the machine is for, W: work delivered, or heat from the cold bath for a cooler; (K,)."""
        return (self.heat[:, COLD - 1] if self.machine.is_refrigerator else self.work) / self.period

    @property
    def efficiency(self) -> FloatArray:
        """Work over the heat received from the hot bath, (K,); NaN where there is none."""
        hot = self.heat[:, HOT - 1]
        return self.work / np.where(hot == 0.0, np.nan, hot)

    @property
    def cop(self) -> FloatArray:
        """Coefficient of performance: heat received from the cold bath over the work put in, (K,); NaN without any."""
        return self.heat[:, COLD - 1] / np.where(self.work == 0.0, np.nan, -self.work)

    @property
    def energy_residual(self) -> FloatArray:
        """Heat received minus work delivered minus change of the internal energy, J, (K,): zero but for round-off."""
        return self.heat.sum(axis=1) - self.work - self._difference(self.machine.internal_energy)

    @property
    def entropy_residual(self) -> FloatArray:
        """Entropy change minus what came with the heat and what was produced, J/K, (K,): zero but for round-off."""
        return self._difference(self.machine.entropy) - self.heat @ self.machine.betas - self.produced

    def _difference(self, function: Callable[[FloatArray], FloatArray]) -> FloatArray:
        field = np.full((len(self.start), 1), self.machine.E_low)
        return function(np.hstack([self.start + self.change, field])) - function(np.hstack([self.start, field]))


@dataclass(frozen=True, eq=False)
class FieldProtocol:
    """K periodic protocols of L legs each; every argument broadcasts to the shape (K, L).

    Attributes:
        fields: at the end of each leg, V/m; the first leg begins at the last one.
        baths: 0 none, 1 cold, 2 hot.
        durations: s, > 0.

    Raises:
        ParameterError: for anything else.
    """

    fields: FloatArray
    baths: IntArray
    durations: FloatArray

    def __post_init__(self) -> None:
        parts = np.broadcast_arrays(*(np.atleast_2d(a) for a in (self.fields, self.baths, self.durations)))
        if parts[0].ndim != 2 or 0 in parts[0].shape:
            raise ParameterError(f"fields, baths, durations: have the shape {parts[0].shape}, must be (K, L)")
        fields, durations = parts[0].astype(float), parts[2].astype(float)
        if not np.isfinite(fields).all():
            raise ParameterError(f"fields = {fields.tolist()}: must be finite")
        if not np.isin(parts[1], (NONE, COLD, HOT)).all():
            raise ParameterError(f"baths = {parts[1].tolist()}: must be 0 (none), 1 (cold) or 2 (hot)")
        if not (np.isfinite(durations) & (durations > 0.0)).all():
            raise ParameterError(f"durations = {durations.tolist()}: must be finite and > 0")
        for name, value in (("fields", fields), ("baths", parts[1].astype(np.int64)), ("durations", durations)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Number of protocols."""
        return len(self.fields)

    @cached_property
    def period(self) -> FloatArray:
        """s, shape (K,)."""
        return self.durations.sum(axis=1)

    def rows(self, k: int | IntArray) -> FieldProtocol:
        """Protocol ``k``, or several of them."""
        return FieldProtocol(self.fields[k], self.baths[k], self.durations[k])

    # ---- on a time grid ---------------------------------------------------------------------------------------

    def on_grid(self, dt: float) -> FieldProtocol:
        """The nearest protocol whose legs last whole numbers of steps ``dt`` (s), at least one."""
        return FieldProtocol(self.fields, self.baths, dt * np.maximum(1.0, np.round(self.durations / dt)))

    def steps(self, dt: float) -> tuple[FloatArray, IntArray]:
        """Controls of every step of length ``dt`` (s) of a single protocol: values (N, 1) in V/m and choice (N,).

        Raises:
            ParameterError: for several protocols, or if a leg does not last a whole number of steps.
        """
        if len(self) != 1:
            raise ParameterError(f"protocol = {len(self)} rows: must be one; see rows()")
        counts = np.round(self.durations[0] / dt).astype(int)
        if (counts < 1).any() or np.abs(counts * dt - self.durations[0]).max() > 1e-9 * self.period[0]:
            raise ParameterError(f"durations = {self.durations[0].tolist()}: must be multiples of dt = {dt!r} s")
        before = np.roll(self.fields[0], 1)
        values = [a + (b - a) * np.arange(1, n + 1) / n for a, b, n in zip(before, self.fields[0], counts, strict=True)]
        return np.concatenate(values)[:, None], np.repeat(self.baths[0], counts)

    @classmethod
    def of_steps(cls, values: FloatArray, choice: IntArray, dt: float) -> FieldProtocol:
        """The protocol of N steps of length ``dt`` (s): values (N, 1) or (K, N) in V/m, choice (N,) or (K, N)."""
        values = np.asarray(values, dtype=float)
        return cls(values[:, 0] if values.shape[1:] == (1,) else values, choice, np.array([dt]))

    # ---- playing ----------------------------------------------------------------------------------------------

    def steady(
        self,
        machine: FerroelectricEngine,
        sub_step: float | None = None,
        start: FloatArray | None = None,
        strict: bool = True,
        closed: float = CLOSED,
        periods: int = MAX_PERIODS,
    ) -> SteadyCycles:
        """The limit cycles.

        Args:
            machine: the machine.
            sub_step: longest sub-step of the integrator, s; default: that of the machine.
            start: (P, theta) to begin the search with, shape (K, 2) or (2,); default: equilibrium in the cold.
            strict: whether a row without a limit cycle raises; otherwise its numbers are NaN.
            closed: largest change over a period that is left, see ``CLOSED``; a search needs less.
            periods: after which a row counts as without a limit cycle.

        Raises:
            StepError: if ``strict`` and a row has none, for example because no bath is ever in contact.
        """
        scales, n = machine.scales, len(self)
        if start is None:
            cold = machine.landau.equilibrium(self.fields[:, -1], np.array(machine.T_cold))
            start = np.stack([cold, np.zeros(n)], axis=1)
        x = np.array(np.broadcast_to(start, (n, 2)))
        open_rows = np.ones(n, dtype=bool)
        kept: list[np.ndarray] = []
        probes = STEP * np.vstack([np.zeros(2), np.diag(scales)])
        for period in range(periods):
            rows = np.flatnonzero(open_rows)
            part = self.rows(np.repeat(rows, 3))
            starts = (x[rows][:, None] + probes).reshape(-1, 2)
            played = part.play(machine, starts, sub_step)
            base = [a[::3] for a in played]
            if not kept:
                kept = [np.full((n, *a.shape[1:]), np.nan) for a in base]
            for whole, piece in zip(kept, base, strict=True):
                whole[rows] = piece
            ends = played[0][:, -1, 1:].reshape(-1, 3, 2)
            change = ends[:, 0] - x[rows]
            there = (np.abs(change) < closed * scales).all(axis=1)
            lost = ~np.isfinite(change).all(axis=1)
            open_rows[rows[there | lost]] = False
            if not open_rows.any():
                break
            go = ~(there | lost)
            slope = (ends[go, 1:] - ends[go, :1]).transpose(0, 2, 1) / (STEP * scales)
            x[rows[go]] = self._next(machine, x[rows[go]], change[go], slope, newton=period % 8 != 7)
        trace, work, heat, produced = kept
        change = trace[:, -1, 1:] - x
        bad = open_rows | ~np.isfinite(change).all(axis=1)
        if strict and bad.any():
            raise StepError(f"protocol {np.flatnonzero(bad).tolist()}: no limit cycle in {periods} periods")
        work[bad], heat[bad], produced[bad] = np.nan, np.nan, np.nan
        return SteadyCycles(machine, self.period, work, heat, produced, x, change, trace)

    @staticmethod
    def _next(
        machine: FerroelectricEngine, x: FloatArray, change: FloatArray, slope: FloatArray, newton: bool
    ) -> FloatArray:
        """Newton's next point; a plain repetition now and then, and where Newton's method leaves the usual range."""
        if not newton:
            return x + change
        matrix = np.eye(2) - slope
        singular = np.flatnonzero(np.abs(np.linalg.det(matrix)) < 1e-9)
        matrix[singular] = np.eye(2)
        step = np.linalg.solve(matrix, change[:, :, None])[:, :, 0]
        far = (np.abs(step) > machine.scales).any(axis=1, keepdims=True)
        return x + np.where(far, change, step)

    def play(
        self, machine: FerroelectricEngine, start: FloatArray, sub_step: float | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """One period from the states ``start``, (P, theta), shape (K, 2); the field starts where the period ends.

        Returns:
            (field, P, theta) after each leg (K, L, 3); work delivered (K,), J; heat from each bath (K, 2), J; entropy
            produced (K,), J/K. NaN where a sub-step has no solution.
        """
        longest = machine.longest_sub_step if sub_step is None else sub_step
        count, legs = self.fields.shape
        trace = np.empty((count, legs, 3))
        trace[:, :, 0] = self.fields
        work, heat, produced = np.zeros(count), np.zeros((count, 2)), np.zeros(count)
        p, theta, before = start[:, 0], start[:, 1], self.fields[:, -1]
        for j in range(legs):
            sizes = max(1, int(np.ceil(self.durations[:, j].max() / longest * (1.0 - 1e-9))))
            h = self.durations[:, j] / sizes
            k_v, bath = machine.contact(self.baths[:, j])
            done = contact(machine.film, p, theta, (before, self.fields[:, j]), k_v, bath, [h] * sizes)
            p, theta, before = done.p, done.theta, self.fields[:, j]
            trace[:, j, 1], trace[:, j, 2] = p, theta
            work += machine.volume * done.delivered
            produced += machine.volume * done.produced
            for b in (COLD, HOT):
                heat[:, b - 1] += np.where(self.baths[:, j] == b, machine.volume * done.received, 0.0)
        return trace, work, heat, produced


def olsen(machine: FerroelectricEngine, ramp: float, hold: float) -> FieldProtocol:
    """The Olsen cycle: ramp up in cold contact, hold in hot contact, ramp down in hot contact, hold in cold contact.

    Args:
        machine: the machine: fields between E_low and E_high.
        ramp, hold: durations, s.
    """
    e = np.array([machine.E_high, machine.E_high, machine.E_low, machine.E_low])
    return FieldProtocol(e, np.array([COLD, HOT, HOT, COLD]), np.array([ramp, hold, ramp, hold]))


def brayton(machine: FerroelectricEngine, ramp: float, t_hot: float, t_cold: float) -> FieldProtocol:
    """The Brayton cycle: ramps without contact; in contact at E_high and E_low.

    Of an engine the hot bath heats at E_high; of a cooler it cools there, and the cold bath heats at E_low, which is
    the same protocol: the sign follows from the temperatures.

    Args:
        machine: the machine.
        ramp: duration of each ramp, s.
        t_hot, t_cold: durations of the contacts, s.
    """
    e = np.array([machine.E_high, machine.E_high, machine.E_low, machine.E_low])
    return FieldProtocol(e, np.array([NONE, HOT, NONE, COLD]), np.array([ramp, t_hot, ramp, t_cold]))
