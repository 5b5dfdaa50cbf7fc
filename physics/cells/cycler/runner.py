"""Runs a protocol on an electrical cell: adaptive steps, end conditions located exactly, both laws audited each step.

The step size follows the rate of change: the deviation of the voltage (at constant voltage: of the current) and of the
temperature from a straight line may be ``tolerance`` of their usual sizes (1 K) in a step. The ledgers are exact at any
step size; ``tolerance`` only says how well the dynamics is resolved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ...control import FloatArray, IntArray
from ...laws import EnergyFlows, audit
from ...validation import ParameterError, check_choice, check_integer, check_positive, check_range, check_shape
from ..cell import Ledger, StepError
from ..electrical import ElectricalCell
from .driven import DrivenCell
from .ends import Stop, demanded, passed, stops
from .pace import Pace, Point, attempt, chemical, measured
from .solution import Ending, Recorder, Solution, Spectrum
from .steps import (
    CCCV,
    ConstantCurrent,
    ConstantVoltage,
    DriveCycle,
    Held,
    Impedance,
    Pulse,
    Repeat,
    Rest,
    Step,
    plain_steps,
)
from .strings import protocol as read_protocol

SMALLEST = 1e-12
"""Shortest step, in units of what the step has lasted so far; a demand that needs shorter ones cannot be held."""

PER_PERIOD = 20
"""Steps per period of a sine."""


@dataclass
class Runner:
    """A cell on a cycler.

    Attributes:
        cell: any electrical cell.
        tolerance: of the dynamics, see the module.
        max_step: longest step, s; default: what the cell resolves its dynamics with.
        max_points: a run with more steps is stopped with an error: its protocol does not end.
        bath: the bath that is connected, for a cell with a choice; default: its first.
        controls: values of the controls that are not the port, by name; default: the middle of their ranges.
        progress: told how many steps of the protocol are done, with fractions; the second argument is their number.

    Raises:
        ParameterError: for a value out of range.
    """

    cell: ElectricalCell
    tolerance: float = 1e-4
    max_step: float | None = None
    max_points: int = 1_000_000
    bath: str | None = None
    controls: Mapping[str, float] | None = None
    progress: Callable[[float, int], None] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.cell, ElectricalCell):
            raise ParameterError(f"cell = {self.cell!r}: must be a cell with terminals")
        check_positive("tolerance", self.tolerance)
        check_integer("max_points", self.max_points, 1)
        if self.max_step is not None:
            check_positive("max_step", self.max_step)
        space = self.cell.control_space
        if self.bath is not None:
            check_choice("bath", self.bath, space.choices)
        self._choice: IntArray = np.array([space.choices.index(self.bath) if self.bath else 0], dtype=np.int64)
        others = {r.name: r for r in space.ranges if r.name not in self.cell.port_controls}
        values = {name: 0.5 * (r.low + r.high) for name, r in others.items()}
        for name, value in (self.controls or {}).items():
            check_choice("control", name, others)
            check_range(name, value, others[name].low, others[name].high)
            values[name] = value
        self._others = np.array(list(values.values()))

    def run(
        self, protocol: str | Step | Repeat | Iterable[str | Step | Repeat], start: FloatArray | None = None
    ) -> Solution:
        """Run a protocol: a string, a step, or several of them.

        Args:
            protocol: see ``strings.protocol``.
            start: variables and temperature above ambient, shape (n_x + 1,), as ``Solution.final``; default: the usual
                start of the cell.

        Raises:
            ParameterError: for a bad protocol or start.
            ThermodynamicsViolation: if a step breaks a law; it never does.
        """
        items = read_protocol(protocol)
        first = np.append(self.cell.start(), 0.0) if start is None else np.asarray(start, dtype=float)
        check_shape("start", first, (self.cell.n_dynamic,))
        idle = DrivenCell(self.cell)
        state = idle.state(first[:-1], float(first[-1]), self._others, 0.0)
        idle.check_state(state)
        self._point, self._time = measured(idle, state), 0.0
        self._recorder, self._endings, self._spectra = Recorder(self.cell), [], []
        plan = list(plain_steps(items))
        for _, _, step in plan:  # a C-rate that means nothing is found before hours of computing
            if isinstance(step, Held):
                demanded(step, self.cell)
        self._count = len(plan)
        for k, (number, cycle, step) in enumerate(plan):
            self._number, self._cycle, self._done = number, cycle, k
            self._play(step)
            self._tell(1.0)
        columns = self._recorder.columns()
        return Solution(self.cell, tuple(map(str, items)), columns, tuple(self._endings), tuple(self._spectra))

    # ---- steps ------------------------------------------------------------------------------------------------

    def _play(self, step: Step) -> None:
        if isinstance(step, Held):
            self._hold(step)
        elif isinstance(step, Pulse):
            for _ in range(step.times):
                self._hold(ConstantCurrent(current=step.current, duration=step.duration))
                self._hold(Rest(duration=step.rest))
        elif isinstance(step, CCCV):
            if self._hold(ConstantCurrent(current=step.current, until_voltage=step.voltage)).startswith("voltage"):
                self._hold(ConstantVoltage(voltage=step.voltage, until_current=step.cutoff))
        elif isinstance(step, DriveCycle):
            for _ in range(step.times):
                self._drive(step)
        else:
            self._spectra.append(self._spectrum(step))

    def _hold(self, step: Held) -> str:
        """One demand until an end condition; returns which."""
        mode, demand = demanded(step, self.cell)
        driven = DrivenCell(self.cell, mode)
        self._switch(driven, demand)
        ends = stops(step, self.cell, self._point)
        begin, h, lasted = self._begin(str(step)), self._first_step(driven), 0.0
        pace = Pace(driven, self._point, self.tolerance)
        longest, whole = self._longest(step), math.inf if step.duration is None else step.duration
        reason = next((f"{s.name}, met at once" for s in ends if s.left(self._point) <= 0.0), "")
        while not reason:
            last = min(h, longest) >= (whole - lasted) * (1.0 - 1e-9)
            h = whole - lasted if last else min(h, longest)
            point, done, error = self._attempt(driven, pace, demand, h)
            if done is None or error > 1.0:
                h *= pace.factor(error)
                if h < SMALLEST * max(lasted, driven.energy_scale / driven.power_unit):
                    reason = "could not be held"
                continue
            met = [s for s in ends if s.left(point) <= 0.0]
            if met:
                h, point, done, reason = self._locate(driven, demand, h, met)
                lasted += h
            else:
                lasted, reason = (whole, "time") if last else (lasted + h, "")
            pace.accept(self._point, point, h)
            self._accept(driven, point, done, begin.time + lasted)
            self._tell(self._fraction(step, lasted, begin))
            h *= pace.factor(error)
        self._endings.append(begin.ended(len(self._recorder) - 1, reason))
        return reason

    def _attempt(self, driven: DrivenCell, pace: Pace, demand: float, h: float) -> tuple[Point, Ledger | None, float]:
        """A step of length ``h`` (s): where it leads, ledger and error; none and infinite without a solution."""
        try:
            point, done = attempt(driven, self._point, demand, h, self._choice)
            return point, done, pace.error(self._point, point, h)
        except StepError:
            return self._point, None, math.inf

    def _drive(self, step: DriveCycle) -> None:
        """A current profile, linear between its points."""
        driven = DrivenCell(self.cell, "current", ramp=True)
        self._switch(driven, step.points[0][1])
        begin, h = self._begin(str(step)), self._first_step(driven)
        pace, longest = Pace(driven, self._point, self.tolerance), self._longest(None)
        for (t0, i0), (t1, i1) in zip(step.points, step.points[1:], strict=False):
            whole, lasted = t1 - t0, 0.0
            h = min(h, 0.25 * whole)
            pace.restart()
            while lasted < whole:
                last = min(h, longest) >= (whole - lasted) * (1.0 - 1e-9)
                h = whole - lasted if last else min(h, longest)
                demand = i1 if last else i0 + (i1 - i0) * (lasted + h) / whole
                point, done, error = self._attempt(driven, pace, demand, h)
                if done is None or error > 1.0:
                    h *= pace.factor(error)
                    if h < SMALLEST * whole:
                        self._endings.append(begin.ended(len(self._recorder) - 1, "could not be held"))
                        return
                    continue
                pace.accept(self._point, point, h)
                lasted = whole if last else lasted + h
                self._accept(driven, point, done, begin.time + t0 + lasted)
                h *= pace.factor(error)
            self._tell(t1 / step.points[-1][0])
        self._endings.append(begin.ended(len(self._recorder) - 1, "time"))

    def _spectrum(self, step: Impedance) -> Spectrum:
        """A sine per frequency, around what flows now.

        A step of length h turns the response at the angular frequency (2/h) tan(pi/n) into that at n steps per
        period, for the scheme is a bilinear map. With h chosen so, few steps per period leave no error.
        """
        driven = DrivenCell(self.cell, step.signal, ramp=True)
        base = self._point.current if step.signal == "current" else self._point.voltage
        self._switch(driven, base)
        begin, found = self._begin(str(step)), []
        k = np.arange(1, step.periods * PER_PERIOD + 1)
        used = k > (step.periods - max(1, step.periods // 2)) * PER_PERIOD
        phase = 2.0 * np.pi * k / PER_PERIOD
        # a constant and a drift are no part of the wave
        basis = np.stack([np.ones(len(k)), k, np.cos(phase), np.sin(phase)], axis=1)[used]
        for j, frequency in enumerate(step.frequencies):
            h, seen = math.tan(math.pi / PER_PERIOD) / (math.pi * frequency), []
            for demand in (base + step.amplitude * np.sin(phase)).tolist():
                try:
                    point, done = attempt(driven, self._point, demand, h, self._choice)
                except StepError:
                    raise ParameterError(
                        f"{step}: the cell cannot follow at {frequency:.4g} Hz; take a smaller amplitude"
                    ) from None
                self._accept(driven, point, done, self._time + h)
                seen.append((point.voltage, point.current))
            wave = np.linalg.lstsq(basis, np.array(seen)[used], rcond=None)[0][2:]
            voltage, current = wave[0] - 1j * wave[1]
            found.append(-voltage / current)
            self._tell((j + 1) / len(step.frequencies))
        self._endings.append(begin.ended(len(self._recorder) - 1, "all frequencies"))
        return Spectrum(self._number, self._cycle, np.array(step.frequencies), np.array(found))

    # ---- parts of a step --------------------------------------------------------------------------------------

    def _switch(self, driven: DrivenCell, demand: float) -> None:
        """The demand jumps, the variables stay."""
        state = self._point.state.copy()
        state[:, -1] = demand
        point = measured(driven, state)
        if not math.isfinite(point.current):
            voltage, resistance = self.cell.source_at(state)
            most = float(voltage[0] ** 2 / (4.0 * resistance[0]))
            raise ParameterError(f"power = {demand:g} W: the cell delivers at most {most:.4g} W when the step begins")
        self._point = point

    def _begin(self, text: str) -> Ending:
        """Record the first point of a step, after the switch."""
        self._record()
        return Ending(self._number, self._cycle, text, self._time, len(self._recorder) - 1)

    def _record(self) -> None:
        point = self._point
        self._recorder.add(self._time, self._number, self._cycle, point.state, point.voltage, point.current)

    def _first_step(self, driven: DrivenCell) -> float:
        first = self.cell.first_sub_step
        if math.isfinite(first):
            # behind a small resistance the double layers follow a voltage sooner than a current
            return 0.1 * first if driven.mode == "voltage" else first
        return 0.01 * min(self._longest(None), driven.energy_scale / driven.power_unit)

    def _longest(self, step: Held | None) -> float:
        """Longest step: a step of the protocol has some tens at least."""
        longest = self.max_step or self.cell.longest_sub_step
        if step is None:
            return longest
        mode, demand = demanded(step, self.cell)
        if step.duration is not None:
            longest = min(longest, step.duration / 20.0)
        if self.cell.capacity is not None and mode == "current" and demand:
            longest = min(longest, self.cell.capacity / abs(demand) / 100.0)
        return longest

    def _locate(self, driven: DrivenCell, demand: float, h: float, met: list[Stop]) -> tuple[float, Point, Ledger, str]:
        """The step that leads to the end condition that is met first, its length, and which condition."""
        tried: dict[float, tuple[Point, Ledger]] = {}

        def reached(size: float) -> Point:
            if size not in tried:
                tried[size] = attempt(driven, self._point, demand, size, self._choice)
            return tried[size][0]

        def root(stop: Stop) -> float:
            def left(size: float) -> float:
                return stop.left(reached(size) if size > 0.0 else self._point)

            return float(brentq(left, 0.0, h, xtol=1e-13 * h, rtol=1e-13))  # type: ignore[arg-type]

        size, name = min((root(s), s.name) for s in met)
        size = max(size, 1e-13 * h)
        point = reached(size)
        return size, point, tried[size][1], name

    def _accept(self, driven: DrivenCell, point: Point, done: Ledger, time: float) -> None:
        """Audit a step, book it, go on from there."""
        cell, before, after = self.cell, self._point.state, point.state
        energy, entropy = driven.internal_energy(after), driven.entropy(after)
        flows = EnergyFlows(
            energy_change=energy - driven.internal_energy(before),
            work=-done.delivered,
            heat=done.heat,
            entropy_change=entropy - driven.entropy(before),
            energy=energy,
            entropy=entropy,
        )
        residual, sigma = audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
        released = chemical(driven, before, after) if cell.fuels else 0.0
        self._recorder.book(done, flows, float(sigma[0]), float(residual[0]), released)
        self._time, self._point = time, point
        self._record()
        if len(self._recorder) > self.max_points:
            raise ParameterError(
                f"max_points = {self.max_points}: step {self._number} has not ended after {time:.4g} s; "
                "add 'for ...' or another end condition"
            )

    def _fraction(self, step: Held, lasted: float, begin: Ending) -> float:
        """How much of a step is done, as far as one can know."""
        moved = abs(passed(self.cell, self._point) - self._recorder.charge_at(begin.first))
        most = step.until_capacity or self.cell.capacity
        return min(1.0, max(lasted / step.duration if step.duration else 0.0, moved / most if most else 0.0))

    def _tell(self, fraction: float) -> None:
        if self.progress:
            self.progress(self._done + fraction, self._count)


def run(
    cell: ElectricalCell,
    protocol: str | Step | Repeat | Iterable[str | Step | Repeat],
    start: FloatArray | None = None,
    **settings: object,
) -> Solution:
    """Run ``protocol`` on ``cell``; ``settings`` are those of ``Runner``."""
    return Runner(cell, **settings).run(protocol, start)  # type: ignore[arg-type]
