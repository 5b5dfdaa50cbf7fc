"""Steps of a cycler as objects: what is demanded at the terminals, and when it ends. SI units.

Currents, loads and powers are positive when the cell delivers: ``ConstantCurrent(-1e-3, ...)`` charges. Every step is
written as one customary string (``str``), and ``strings.parse`` reads it back to the same object.

Of a cell that is given per area, currents, powers, charges and loads are per the same area.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...validation import ParameterError, check_choice, check_finite, check_integer, check_positive
from .units import with_prefix, written, written_charge, written_time


@dataclass(frozen=True)
class CRate:
    """A current in units of the capacity per hour: ``CRate(0.1)`` discharges in ten hours; negative charges."""

    rate: float

    def __post_init__(self) -> None:
        check_finite("rate", self.rate)
        if self.rate == 0.0:
            raise ParameterError("rate = 0: must not be 0; use Rest")

    def __str__(self) -> str:
        return f"{written(abs(self.rate))} C"


Current = float | CRate


def amperes(current: Current, capacity: float | None) -> float:
    """A current in A, for a cell of that ``capacity`` (C).

    Raises:
        ParameterError: for a C-rate of a cell without capacity.
    """
    if not isinstance(current, CRate):
        return current
    if capacity is None:
        raise ParameterError(
            f"current = {current}: this cell has no capacity that a C-rate could refer to; use amperes"
        )
    return current.rate * capacity / 3600.0


@dataclass(frozen=True, kw_only=True)
class End:
    """When a step ends: as soon as one of the given conditions is met.

    Attributes:
        duration: for so long, s.
        until_voltage: terminal voltage, V: at or below it on discharge, at or above it on charge.
        until_current: absolute value of the current, A: at or below it.
        until_capacity: charge passed in this step, C, in either direction.
    """

    duration: float | None = None
    until_voltage: float | None = None
    until_current: Current | None = None
    until_capacity: float | None = None

    def __post_init__(self) -> None:
        for name in ("duration", "until_capacity"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        if self.until_voltage is not None:
            check_finite("until_voltage", self.until_voltage)
        if self.until_current is not None:
            check_positive("until_current", _number(self.until_current))
        if all(v is None for v in (self.duration, self.until_voltage, self.until_current, self.until_capacity)):
            raise ParameterError(
                f"{type(self).__name__}: never ends; give a duration, until_voltage, until_current or until_capacity"
            )

    @property
    def ending(self) -> str:
        """The conditions in words."""
        parts = []
        if self.duration is not None:
            parts.append(f"for {written_time(self.duration)}")
        if self.until_voltage is not None:
            parts.append(f"until {with_prefix(self.until_voltage, 'V')}")
        if self.until_current is not None:
            parts.append(f"until {_current(self.until_current)}")
        if self.until_capacity is not None:
            parts.append(f"until {written_charge(self.until_capacity)}")
        return " or ".join(parts)


def _number(current: Current) -> float:
    return current.rate if isinstance(current, CRate) else current


def _current(current: Current) -> str:
    return str(current) if isinstance(current, CRate) else with_prefix(abs(current), "A")


def _verb(value: float) -> str:
    return "Discharge" if value > 0 else "Charge"


def _not_zero(name: str, value: Current) -> None:
    if not isinstance(value, CRate):
        check_finite(name, value)
        if value == 0.0:
            raise ParameterError(f"{name} = 0: must not be 0; use Rest")


@dataclass(frozen=True, kw_only=True)
class ConstantCurrent(End):
    """A constant current (A, or ``CRate``), positive on discharge.

    Raises:
        ParameterError: for a value out of range, or a step that never ends; as all steps.
    """

    current: Current

    def __post_init__(self) -> None:
        _not_zero("current", self.current)
        super().__post_init__()
        if self.until_current is not None:
            raise ParameterError("until_current: the current is constant; give another end")

    def __str__(self) -> str:
        return f"{_verb(_number(self.current))} at {_current(self.current)} {self.ending}"


@dataclass(frozen=True, kw_only=True)
class ConstantVoltage(End):
    """A constant terminal voltage, V."""

    voltage: float

    def __post_init__(self) -> None:
        check_finite("voltage", self.voltage)
        super().__post_init__()
        if self.until_voltage is not None:
            raise ParameterError("until_voltage: the voltage is constant; give another end")

    def __str__(self) -> str:
        return f"Hold at {with_prefix(self.voltage, 'V')} {self.ending}"


@dataclass(frozen=True, kw_only=True)
class ConstantResistance(End):
    """A load resistor, Ohm, >= 0."""

    resistance: float

    def __post_init__(self) -> None:
        check_positive("resistance", self.resistance)
        super().__post_init__()

    def __str__(self) -> str:
        return f"Discharge at {with_prefix(self.resistance, 'Ohm')} {self.ending}"


@dataclass(frozen=True, kw_only=True)
class ConstantPower(End):
    """A constant power at the terminals, W, positive when the cell delivers."""

    power: float

    def __post_init__(self) -> None:
        _not_zero("power", self.power)
        super().__post_init__()

    def __str__(self) -> str:
        return f"{_verb(self.power)} at {with_prefix(abs(self.power), 'W')} {self.ending}"


@dataclass(frozen=True, kw_only=True)
class Rest(End):
    """No current; ``until_voltage`` is met when the voltage gets there from either side."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.until_current is not None or self.until_capacity is not None:
            raise ParameterError("Rest: no current flows; end it by duration or until_voltage")

    def __str__(self) -> str:
        return f"Rest {self.ending}"


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """A current pulse, then a rest, ``times`` times.

    Attributes:
        current: A, or ``CRate``; positive on discharge.
        duration: of the pulse, s.
        rest: after it, s.
        times: how often.
    """

    current: Current
    duration: float
    rest: float
    times: int = 1

    def __post_init__(self) -> None:
        _not_zero("current", self.current)
        check_positive("duration", self.duration)
        check_positive("rest", self.rest)
        check_integer("times", self.times, 1)

    def __str__(self) -> str:
        sign = "-" if _number(self.current) < 0 else ""
        at = f"Pulse at {sign}{_current(self.current)} for {written_time(self.duration)}"
        return f"{at}, rest for {written_time(self.rest)}, {self.times} time{'s' * (self.times > 1)}"


@dataclass(frozen=True, kw_only=True)
class CCCV:
    """A constant current until a voltage is reached, which is held until the current has fallen to ``cutoff``.

    Attributes:
        current: A, or ``CRate``; negative charges.
        voltage: V.
        cutoff: A, or ``CRate``; > 0.
    """

    current: Current
    voltage: float
    cutoff: Current

    def __post_init__(self) -> None:
        _not_zero("current", self.current)
        check_finite("voltage", self.voltage)
        check_positive("cutoff", _number(self.cutoff))

    def __str__(self) -> str:
        current = f"{_verb(_number(self.current))} at {_current(self.current)}"
        return f"{current} until {with_prefix(self.voltage, 'V')}, hold until {_current(self.cutoff)}"


@dataclass(frozen=True, kw_only=True)
class DriveCycle:
    """A current profile from a CSV file with two columns, time (s) and current (A, positive on discharge).

    Between its points the current is linear. Lines that are no numbers are taken as a header if they come first.

    Attributes:
        file: path of the file.
        times: how often it is played.
        points: what was read, (time, current) pairs; the first time is subtracted.

    Raises:
        ParameterError: for a file that cannot be read, with the line.
    """

    file: str
    times: int = 1
    points: tuple[tuple[float, float], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_integer("times", self.times, 1)
        object.__setattr__(self, "points", _read(self.file))

    def __str__(self) -> str:
        again = f", {self.times} times" if self.times > 1 else ""
        return f"Drive cycle from '{self.file}'{again}"


def _read(file: str) -> tuple[tuple[float, float], ...]:
    if "'" in file:
        raise ParameterError(f"file = {file!r}: must not contain quotation marks")
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"file = {file!r}: cannot be read ({error})") from None
    points: list[tuple[float, float]] = []
    for line, row in enumerate(csv.reader(text.splitlines()), start=1):
        if not any(cell.strip() for cell in row):
            continue
        try:
            time, current = float(row[0]), float(row[1])
        except (ValueError, IndexError):
            if points:
                raise ParameterError(f"{file}, line {line}: {','.join(row)!r} must be time, current") from None
            continue
        if not (math.isfinite(time) and math.isfinite(current)):
            raise ParameterError(f"{file}, line {line}: must be finite")
        if points and time - points[0][0] <= points[-1][0] - points[0][0]:
            raise ParameterError(f"{file}, line {line}: time = {time:g} s must be later than the line before")
        points.append((time, current))
    if len(points) < 2:
        raise ParameterError(f"file = {file!r}: has {len(points)} points, must have at least 2")
    start = points[0][0]
    return tuple((time - start, current) for time, current in points)


@dataclass(frozen=True, kw_only=True)
class Impedance:
    """A small-signal spectrum Z(f) around what flows now: a sine per frequency, simulated with all ledgers.

    Attributes:
        low, high: frequencies, Hz, low <= high.
        per_decade: frequencies per decade, both ends included.
        amplitude: of the sine, in A or V.
        signal: what the sine is, ``"current"`` or ``"voltage"``.
        periods: of each frequency; the last half of them is evaluated, at least one.
    """

    low: float
    high: float
    amplitude: float
    per_decade: int = 5
    signal: Literal["current", "voltage"] = "current"
    periods: int = 4

    def __post_init__(self) -> None:
        check_positive("low", self.low)
        check_positive("high", self.high)
        check_positive("amplitude", self.amplitude)
        check_integer("per_decade", self.per_decade, 1)
        check_integer("periods", self.periods, 2)
        check_choice("signal", self.signal, ("current", "voltage"))
        if self.high < self.low:
            raise ParameterError(f"high = {self.high!r}: must be >= low = {self.low!r}")

    @property
    def frequencies(self) -> tuple[float, ...]:
        """Hz, falling, as an instrument measures them."""
        count = max(1, round(math.log10(self.high / self.low) * self.per_decade))
        if self.high == self.low:
            return (self.high,)
        return tuple(self.high * (self.low / self.high) ** (k / count) for k in range(count + 1))

    def __str__(self) -> str:
        unit = "A" if self.signal == "current" else "V"
        band = f"Impedance from {with_prefix(self.low, 'Hz')} to {with_prefix(self.high, 'Hz')}"
        fine = f"{self.per_decade} per decade, {self.periods} periods"
        return f"{band} at {with_prefix(self.amplitude, unit)}, {fine}"


@dataclass(frozen=True)
class Repeat:
    """Steps, one after the other, ``times`` times: each time is a cycle of its own."""

    steps: tuple[Step, ...]
    times: int

    def __post_init__(self) -> None:
        check_integer("times", self.times, 1)
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps:
            raise ParameterError("steps: must not be empty")
        for step in self.steps:
            if isinstance(step, Repeat) or not isinstance(step, STEPS):
                raise ParameterError(f"steps: {step!r} is no step; a repeat holds plain steps")

    def __str__(self) -> str:
        return f"Repeat {self.times} times: " + "; ".join(map(str, self.steps))


Held = ConstantCurrent | ConstantVoltage | ConstantResistance | ConstantPower | Rest
"""Steps that hold one demand until an end condition."""
Step = Held | Pulse | CCCV | DriveCycle | Impedance
STEPS = (ConstantCurrent, ConstantVoltage, ConstantResistance, ConstantPower, Rest, Pulse, CCCV, DriveCycle, Impedance)
"""All plain steps."""


def plain_steps(protocol: tuple[Step | Repeat, ...]) -> Iterator[tuple[int, int, Step]]:
    """The steps in the order of execution, with their number in the protocol and their cycle, both from 1."""
    number, cycle = 0, 1
    for item in protocol:
        if not isinstance(item, Repeat):
            number += 1
            yield number, cycle, item
            continue
        for k in range(item.times):
            cycle += k > 0
            for j, step in enumerate(item.steps, start=1):
                yield number + j, cycle, step
        number += len(item.steps)
