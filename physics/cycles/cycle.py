"""Periodic controls and their exact limit cycle.

A cycle is N steps (u_k, a_k, t_k): switch to the control values u_k and the choice a_k, hold them for t_k. The step of
an affine machine is x' = M x + v, so one period is x -> A x + b with A = M_N ... M_1, and the limit cycle starts at

    x_0 = (1 - A)^-1 b,        spectral radius of A < 1

It is solved for, never simulated: no transient is averaged over, and a cycle that has no limit cycle is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..control import Control, FloatArray, IntArray
from ..laws import EnergyFlows, audit
from ..machine import AffineMachine, AffineMap, Machine
from ..validation import ParameterError, check_integer, check_positive, check_shape

GRID_TOLERANCE = 1e-9
"""How far a duration may be from a multiple of dt, in units of dt (round-off of a user's arithmetic)."""

RADIUS_LIMIT = 1.0 - 1e-13
"""A spectral radius above this is 1 up to round-off."""


class NoLimitCycleError(ValueError):
    """The one-period map does not contract, so the long-run behaviour depends on the start or diverges.

    Attributes:
        spectral_radius: largest modulus of the eigenvalues of the one-period map; >= 1 up to round-off.
    """

    def __init__(self, label: str, spectral_radius: float) -> None:
        super().__init__(
            f"cycle {label!r} has no limit cycle: the spectral radius of its one-period map is {spectral_radius:.15g}, "
            "must be < 1 (is a bath connected in every period?)"
        )
        self.spectral_radius = spectral_radius


@dataclass(frozen=True, eq=False)
class Cycle:
    """N steps of control that are repeated for ever.

    Attributes:
        machine: the machine that is controlled.
        values: continuous controls in physical units, shape (N, m).
        choice: index of the discrete choice (bath), shape (N,).
        durations: length of each step (time), shape (N,).
        label: name for reports.

    Raises:
        ParameterError: for a wrong shape, no step, NaN, a control out of its range or a duration that is not positive.
    """

    machine: AffineMachine
    values: FloatArray
    choice: IntArray
    durations: FloatArray
    label: str = "cycle"

    def __post_init__(self) -> None:
        choice = np.array(self.choice)
        if choice.dtype.kind not in "iu":
            raise ParameterError(f"choice: has dtype {choice.dtype}, must be integer")
        arrays = {
            "values": np.array(self.values, dtype=float),
            "choice": choice.astype(np.int64),
            "durations": np.array(self.durations, dtype=float),
        }
        check_shape("durations", arrays["durations"], (None,))
        n = len(arrays["durations"])
        if n == 0:
            raise ParameterError("durations: a cycle must have at least one step")
        check_shape("values", arrays["values"], (n, self.machine.control_space.n_values))
        check_shape("choice", arrays["choice"], (n,))
        bad = ~(np.isfinite(arrays["durations"]) & (arrays["durations"] > 0))
        if bad.any():
            k = int(np.argmax(bad))
            raise ParameterError(f"durations[{k}] = {float(arrays['durations'][k])!r}: must be > 0 and finite")
        self.machine.control_space.check(Control(arrays["values"], arrays["choice"]))
        for name, array in arrays.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.durations)

    @property
    def period(self) -> float:
        """Sum of the durations (time)."""
        return float(self.durations.sum())

    @property
    def word(self) -> str:
        """The choices of the steps by name, for example ``"hot cold"``; empty for a machine without a choice."""
        choices = self.machine.control_space.choices
        return " ".join(choices[a] for a in self.choice) if choices else ""

    def repeat(self, times: int) -> Cycle:
        """The same cycle, ``times`` periods counted as one."""
        check_integer("times", times, 1)
        return self._select(np.tile(np.arange(len(self)), times))

    def rotate(self, steps: int) -> Cycle:
        """The same cycle, started ``steps`` steps later."""
        return self._select(np.roll(np.arange(len(self)), -steps))

    def reverse(self) -> Cycle:
        """The same steps in the opposite order."""
        return self._select(np.arange(len(self))[::-1])

    def on_grid(self, dt: float) -> Cycle:
        """The same cycle with every step of length ``dt``.

        Raises:
            ParameterError: if a duration is not a multiple of ``dt``.
        """
        check_positive("dt", dt)
        counts = np.rint(self.durations / dt).astype(np.int64)
        off = (np.abs(self.durations / dt - counts) > GRID_TOLERANCE * np.maximum(counts, 1)) | (counts < 1)
        if off.any():
            k = int(np.argmax(off))
            raise ParameterError(f"durations[{k}] = {float(self.durations[k])!r}: must be a multiple of dt = {dt:g}")
        index = np.repeat(np.arange(len(self)), counts)
        return Cycle(self.machine, self.values[index], self.choice[index], np.full(len(index), float(dt)), self.label)

    def to_dict(self) -> dict[str, Any]:
        """Label, controls and durations as plain data."""
        space = self.machine.control_space
        return {
            "label": self.label,
            "controls": {r.name: self.values[:, j].tolist() for j, r in enumerate(space.ranges)},
            "choice": [space.choices[a] for a in self.choice] if space.choices else [],
            "durations": self.durations.tolist(),
        }

    def limit_cycle(self) -> LimitCycle:
        """The exact periodic state with its energy flows, audited.

        Raises:
            NoLimitCycleError: if the spectral radius of the one-period map is not below 1.
            ThermodynamicsViolation: if a step breaks the first or second law.
        """
        machine, n = self.machine, len(self)
        step = affine_steps(machine.affine, self.values, self.choice, self.durations)
        matrix, offset = np.eye(machine.n_dynamic), np.zeros(machine.n_dynamic)
        for m, v in zip(step.matrix, step.offset, strict=True):
            matrix, offset = m @ matrix, m @ offset + v
        radius = float(np.abs(np.linalg.eigvals(matrix)).max())
        if not radius < RADIUS_LIMIT:
            raise NoLimitCycleError(self.label, radius)
        x: FloatArray = np.empty((n, machine.n_dynamic))
        x[0] = np.linalg.solve(np.eye(machine.n_dynamic) - matrix, offset)
        x[0] = machine.consistent(x[:1])[0]
        for k in range(n - 1):
            x[k + 1] = step.matrix[k] @ x[k] + step.offset[k]
        x = machine.consistent(x)
        start = np.concatenate([x, np.roll(self.values, 1, axis=0)], axis=1)
        states, flows = _step_all(self, start)
        audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
        return LimitCycle(self, np.concatenate([start[:1], states]), flows, radius)

    def _select(self, index: np.ndarray) -> Cycle:
        return Cycle(self.machine, self.values[index], self.choice[index], self.durations[index], self.label)


@dataclass(frozen=True, eq=False)
class LimitCycle:
    """A cycle in its periodic state; rates are averages over one period.

    Attributes:
        cycle: the controls.
        states: state before each step and after the last one, shape (N + 1, n); the last row equals the first.
        flows: energy flows of the N steps, audited.
        spectral_radius: of the one-period map; deviations from the limit cycle shrink by it in every period.
    """

    cycle: Cycle
    states: FloatArray
    flows: EnergyFlows
    spectral_radius: float

    @property
    def times(self) -> FloatArray:
        """Times of ``states``, shape (N + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self.cycle.durations)])

    @property
    def period(self) -> float:
        """Period (time)."""
        return self.cycle.period

    @property
    def power(self) -> float:
        """P: what the machine is for, per time; extracted work, or cooling power of a refrigerator."""
        return float(self.cycle.machine.output(self.flows).sum()) / self.period

    @property
    def extracted_power(self) -> float:
        """-sum_k W_k / period: work extracted per time; negative for a refrigerator."""
        return -float(self.flows.work.sum()) / self.period

    @property
    def heat_rates(self) -> FloatArray:
        """J_b: mean heat current from each bath into the system, shape (B,) (energy per time)."""
        return self.flows.heat.sum(axis=0) / self.period

    @property
    def entropy_production_rate(self) -> float:
        """Sigma = -sum_b beta_b J_b (nats per time)."""
        return -float(self.cycle.machine.betas @ self.heat_rates)

    @property
    def efficiency(self) -> float:
        """eta = extracted power / J_hot, hot being the hottest bath; NaN unless it gives heat."""
        machine = self.cycle.machine
        heat = float(self.heat_rates[np.argmin(machine.betas)])
        return self.extracted_power / heat if heat > self._round_off else np.nan

    @property
    def carnot_efficiency(self) -> float:
        """eta_C = 1 - beta_hot / beta_cold of the hottest and the coldest bath."""
        betas = self.cycle.machine.betas
        return 1.0 - float(betas.min() / betas.max())

    @property
    def efficiency_ratio(self) -> float:
        """eta / eta_C; NaN where the efficiency is, or with equal temperatures."""
        carnot = self.carnot_efficiency
        return self.efficiency / carnot if carnot > 0 else np.nan

    @property
    def cop(self) -> float:
        """J_cold / consumed power, cold being the coldest bath; NaN unless the machine cools it and consumes work."""
        heat = float(self.heat_rates[np.argmax(self.cycle.machine.betas)])
        work = -self.extracted_power
        return heat / work if heat > self._round_off and work > 0 else np.nan

    @property
    def carnot_cop(self) -> float:
        """beta_hot / (beta_cold - beta_hot); infinite with equal temperatures."""
        betas = self.cycle.machine.betas
        return float(betas.min() / (betas.max() - betas.min())) if betas.max() > betas.min() else np.inf

    @property
    def _round_off(self) -> float:
        # heats that would vanish exactly are sums of N terms of the size of the energy
        return 1e-14 * len(self.cycle) * self.cycle.machine.energy_scale / self.period

    def summary(self) -> dict[str, float]:
        """The figures of merit as plain numbers (NaN where undefined)."""
        names = self.cycle.machine.bath_names
        return {
            "period": self.period,
            "steps": float(len(self.cycle)),
            "power": self.power,
            **{f"heat_rate_{b}": float(j) for b, j in zip(names, self.heat_rates, strict=True)},
            "entropy_production_rate": self.entropy_production_rate,
            "efficiency": self.efficiency,
            "carnot_efficiency": self.carnot_efficiency,
            "efficiency_ratio": self.efficiency_ratio,
            "cop": self.cop,
            "spectral_radius": self.spectral_radius,
        }


def affine_steps(
    affine: Callable[[Control, float], AffineMap], values: FloatArray, choice: IntArray, durations: FloatArray
) -> AffineMap:
    """The affine map of every step; a machine takes one duration per call, so steps of equal length go together.

    Args:
        affine: ``machine.affine``, or a derivative of it.
        values: (K, m).
        choice: (K,).
        durations: (K,).

    Returns:
        Maps of the K steps.
    """
    parts = list(by_duration(durations))
    maps = [affine(Control(values[k], choice[k]), dt) for dt, k in parts]
    if len(maps) == 1:
        return maps[0]
    order = np.argsort(np.concatenate([k for _, k in parts]))
    return AffineMap(*(np.concatenate(arrays)[order] for arrays in zip(*maps, strict=True)))


def recorded_cycle(
    machine: AffineMachine,
    values: FloatArray,
    choice: IntArray,
    dt: float,
    period: int | None = None,
    tolerance: float = 1e-6,
    label: str = "recorded",
) -> Cycle:
    """The cycle at the end of recorded controls, for example those that a deterministic agent played.

    Args:
        machine: the machine.
        values: recorded continuous controls, shape (T, m).
        choice: recorded choices, shape (T,).
        dt: length of a step (time).
        period: number of steps of the cycle; ``None`` finds the smallest one.
        tolerance: largest difference of repeated values, relative to the range of the control.
        label: name for reports.

    Raises:
        ParameterError: if the record ends in no cycle (``period=None``), or is shorter than ``period``.
    """
    check_positive("dt", dt)
    values, choice = np.asarray(values, dtype=float), np.asarray(choice)
    n = find_period(machine, values, choice, tolerance) if period is None else period
    if n is None:
        raise ParameterError(
            f"record of {len(values)} steps: its second half does not repeat within {tolerance:g}; give period=..."
        )
    check_integer("period", n, 1)
    if n > len(values):
        raise ParameterError(f"period = {n}: must be <= the {len(values)} recorded steps")
    return Cycle(machine, values[-n:], choice[-n:], np.full(n, float(dt)), label)


def find_period(
    machine: Machine,
    values: FloatArray,
    choice: IntArray,
    tolerance: float = 1e-6,
    states: FloatArray | None = None,
) -> int | None:
    """Smallest N such that the last half of the record (T, m), (T,) repeats after N steps; or ``None``.

    States (T, n), if given, must return too, within the tolerance relative to their usual range.
    """
    space = machine.control_space
    scaled = (values - space.low) / (space.high - space.low)
    if states is not None:
        scaled = np.concatenate([scaled, 0.5 * machine.observe(states)], axis=1)
    half = len(values) // 2
    for n in range(1, half + 1):
        window = slice(len(values) - half, len(values))
        earlier = slice(len(values) - half - n, len(values) - n)
        same = np.array_equal(choice[window], choice[earlier])
        if same and (scaled.size == 0 or np.abs(scaled[window] - scaled[earlier]).max() <= tolerance):
            return n
    return None


def by_duration(durations: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """The different durations, each with the indices of the steps that have it."""
    lengths, group = np.unique(durations, return_inverse=True)
    for i, dt in enumerate(lengths):
        yield float(dt), np.flatnonzero(group == i)


def _step_all(cycle: Cycle, start: FloatArray) -> tuple[FloatArray, EnergyFlows]:
    """``machine.step`` of all N steps at once, from the states (N, n) before them."""
    machine, n = cycle.machine, len(cycle)
    states, heat = np.empty_like(start), np.empty((n, len(machine.bath_names)))
    energy_change, work, entropy_change = np.empty(n), np.empty(n), np.empty(n)
    for dt, k in by_duration(cycle.durations):
        states[k], flows = machine.step(start[k], Control(cycle.values[k], cycle.choice[k]), dt)
        energy_change[k], work[k], heat[k] = flows.energy_change, flows.work, flows.heat
        entropy_change[k] = flows.entropy_change
    return states, EnergyFlows(energy_change, work, heat, entropy_change)
