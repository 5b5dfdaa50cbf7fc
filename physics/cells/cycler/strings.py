"""The customary strings of cyclers, read into the objects of ``steps``.

    Discharge at 1 mA until 0.2 V                     Charge at C/10 for 12 h or until 4.1 V
    Discharge at 1.8 kOhm for 12 h                    Discharge at 2 mW until 0.5 V or until 3 mAh
    Hold at 4.1 V until 50 uA                         Rest for 10 minutes
    Charge at 1 mA until 4.1 V, hold until 50 uA      Pulse at 2 mA for 10 s, rest for 40 s, 5 times
    Drive cycle from 'profile.csv', 2 times           Impedance from 1 mHz to 1 kHz at 10 uA, 5 per decade
    Repeat 3 times: Discharge at 1 mA until 1 V; Charge at 1 mA until 3 V; Rest for 1 h

Words and units may be in any case; prefixes may not: m is milli and M is mega. A negative pulse charges.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from ...validation import ParameterError
from .steps import (
    CCCV,
    STEPS,
    ConstantCurrent,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    CRate,
    Current,
    DriveCycle,
    Impedance,
    Pulse,
    Repeat,
    Rest,
    Step,
)
from .units import PREFIXES, TIMES, scaled, seconds

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
WORD = re.compile(r"[A-Za-zµμΩ]+")
SPACE = re.compile(r"\s*")
PATH = re.compile(r"'([^']+)'|\"([^\"]+)\"|([^\s,;]+)")

BASES = {
    "ohms": "Ohm", "ohm": "Ohm", "Ω": "Ohm", "ω": "Ohm", "ah": "Ah", "as": "As", "hz": "Hz", "amps": "A", "amp": "A",
    "volts": "V", "volt": "V", "watts": "W", "watt": "W", "a": "A", "v": "V", "w": "W",
}  # fmt: skip
"""Units without their prefix, in lower case; longer ones first."""
NAMES = {
    "A": "a current (A, mA, uA)", "C": "a C-rate (C/10, 2 C)", "V": "a voltage (V, mV)", "W": "a power (W, mW)",
    "Ohm": "a load (Ohm, kOhm)", "s": "a time (s, min, h)", "Ah": "a charge (mAh, Ah)", "Hz": "a frequency (Hz, mHz)",
}  # fmt: skip


def parse(text: str) -> Step | Repeat:
    """A step, or a repeat of steps, from its string.

    Raises:
        ParameterError: that shows the place and what is allowed there.
    """
    if not isinstance(text, str):
        raise ParameterError(f"protocol step = {text!r}: must be a string or a step")
    reader = _Reader(text)
    step = reader.repeat() if reader.ahead("repeat") else reader.step()
    reader.end()
    return step


def protocol(items: str | Step | Repeat | Iterable[str | Step | Repeat]) -> tuple[Step | Repeat, ...]:
    """A protocol from strings and objects, in order.

    Raises:
        ParameterError: for a bad string, or an empty protocol.
    """
    if isinstance(items, (str, Repeat, *STEPS)):
        items = (items,)
    steps = tuple(item if isinstance(item, (Repeat, *STEPS)) else parse(item) for item in items)  # type: ignore[arg-type]
    if not steps:
        raise ParameterError("protocol: must have at least one step")
    return steps


class _Reader:
    """Reads a string from the left; ``place`` is where it is."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    # ---- steps ------------------------------------------------------------------------------------------------

    def step(self) -> Step:
        start = self.place
        kinds: dict[str, Callable[[], Step]] = {
            "discharge": lambda: self.constant(1.0), "charge": lambda: self.constant(-1.0), "hold": self.hold,
            "rest": self.rest, "pulse": self.pulse, "drive": self.drive, "impedance": self.impedance,
        }  # fmt: skip
        if not self.ahead_any(*kinds):
            raise self.wrong(
                f"expected one of {', '.join(map(repr, [*kinds, 'repeat']))}{_near(self.text[start:], kinds)}"
            )
        kind = self.word(*kinds)
        try:
            return kinds[kind]()
        except ProtocolError:
            raise
        except ParameterError as error:  # of the object
            self.place = start
            raise self.wrong(str(error), of_object=True) from None

    def constant(self, sign: float) -> Step:
        self.word("at")
        place = self.place
        value, unit = self.quantity("A", "C", "W", "Ohm", *(("V",) if sign < 0 else ()))
        if unit == "V":
            self.place = place
            raise self.wrong("a constant voltage is written 'Hold at ...'")
        if value <= 0:
            self.place = place
            raise self.wrong("must be > 0; 'Charge' and 'Discharge' say the direction")
        if unit == "Ohm":
            if sign < 0:
                self.place = place
                raise self.wrong("a load discharges; write 'Discharge at ...'")
            return ConstantResistance(resistance=value, **self.ends())
        if unit == "W":
            return ConstantPower(power=sign * value, **self.ends())
        current = CRate(sign * value) if unit == "C" else sign * value
        ends = self.ends()
        if not self.mark(","):
            return ConstantCurrent(current=current, **ends)
        self.word("hold")
        self.word("until")
        if set(ends) != {"until_voltage"}:
            raise self.wrong("before ', hold' there must be one end, 'until ... V'")
        return CCCV(current=current, voltage=ends["until_voltage"], cutoff=self.current())

    def hold(self) -> Step:
        self.word("at")
        return ConstantVoltage(voltage=self.quantity("V")[0], **self.ends())

    def rest(self) -> Step:
        return Rest(**self.ends())

    def pulse(self) -> Step:
        self.word("at")
        current = self.current()
        self.word("for")
        duration = self.quantity("s")[0]
        self.mark(",", needed=True)
        self.word("rest")
        self.word("for")
        rest = self.quantity("s")[0]
        return Pulse(current=current, duration=duration, rest=rest, times=self.times())

    def drive(self) -> Step:
        self.word("cycle")
        self.word("from")
        found = PATH.match(self.text, self.place)
        if not found:
            raise self.wrong("expected the path of a CSV file")
        self.place = found.end()
        return DriveCycle(file=next(g for g in found.groups() if g), times=self.times())

    def impedance(self) -> Step:
        self.word("from")
        low = self.quantity("Hz")[0]
        self.word("to")
        high = self.quantity("Hz")[0]
        self.word("at")
        amplitude, unit = self.quantity("A", "V")
        more: dict[str, int] = {}
        while self.mark(","):
            count = self.integer()
            if self.word("per", "periods") == "per":
                self.word("decade")
                more["per_decade"] = count
            else:
                more["periods"] = count
        return Impedance(
            low=low, high=high, amplitude=amplitude, signal="current" if unit == "A" else "voltage", **more
        )

    def repeat(self) -> Repeat:
        self.word("repeat")
        times = self.integer()
        self.word("times", "time")
        self.mark(":", needed=True)
        steps = [self.step()]
        while self.mark(";"):
            steps.append(self.step())
        return Repeat(tuple(steps), times)

    # ---- parts ------------------------------------------------------------------------------------------------

    def ends(self) -> dict[str, Any]:
        """End conditions, as arguments of a step."""
        found: dict[str, Any] = {}
        while True:
            place = self.place
            if self.word("for", "until") == "for":
                name, value = "duration", self.quantity("s")[0]
            else:
                value, unit = self.quantity("V", "A", "C", "Ah")
                name = {"V": "until_voltage", "Ah": "until_capacity"}.get(unit, "until_current")
                value = CRate(value) if unit == "C" else value
            if name in found:
                self.place = place
                raise self.wrong(f"a second end of the same kind ({name})")
            found[name] = value
            if not self.ahead("or"):
                return found
            self.word("or")

    def times(self) -> int:
        """``, 5 times``, or once."""
        if not self.mark(","):
            return 1
        count = self.integer()
        self.word("times", "time")
        return count

    def current(self) -> Current:
        value, unit = self.quantity("A", "C")
        return CRate(value) if unit == "C" else value

    def quantity(self, *kinds: str) -> tuple[float, str]:
        """A number with a unit of one of the ``kinds``, in SI units, with its kind."""
        wanted = "expected " + " or ".join(NAMES[k] for k in kinds)
        place = self.place
        if "C" in kinds and self.ahead("c"):  # C/10, or C alone
            self.place += 1
            if not self.mark("/"):
                return 1.0, "C"
            place = self.place
            number = self.number(wanted)
            if float(number) == 0.0:
                self.place = place
                raise self.wrong("must not be zero")
            return 1.0 / float(number), "C"
        number = self.number(wanted)
        found = WORD.match(self.text, self.place)
        if not found:
            raise self.wrong(f"{wanted}; the unit is missing")
        word = found[0]
        if "s" in kinds and word.lower() in TIMES:
            value, kind = seconds(number, word.lower()), "s"
        elif "C" in kinds and word.lower() == "c":
            value, kind = float(number), "C"
        else:
            base, prefix = _unit(word)
            if base == "As" and "Ah" in kinds:
                value, kind = scaled(number, PREFIXES[prefix]), "Ah"
            elif base in kinds and base != "s":
                if prefix == "M" and base not in ("Ohm", "Hz"):
                    raise self.wrong(f"{word!r} has the prefix M, mega; milli is m")
                value, kind = scaled(number, PREFIXES[prefix], 3600 if base == "Ah" else 1), base
            else:
                raise self.wrong(f"{wanted}, not {word!r}")
        self._to(found.end())
        if abs(value) == float("inf"):
            self.place = place
            raise self.wrong("must be finite")
        return value, kind

    def number(self, wanted: str) -> str:
        found = NUMBER.match(self.text, self.place)
        if not found:
            raise self.wrong(wanted)
        self._to(found.end())
        return found[0]

    def integer(self) -> int:
        found = re.compile(r"\d+(?![\d.])").match(self.text, self.place)
        if not found:
            raise self.wrong("expected a whole number")
        self._to(found.end())
        return int(found[0])

    def word(self, *allowed: str) -> str:
        found = WORD.match(self.text, self.place)
        if not found or found[0].lower() not in allowed:
            raise self.wrong("expected " + " or ".join(repr(a) for a in allowed))
        self._to(found.end())
        return found[0].lower()

    def ahead(self, word: str) -> bool:
        self._to(self.place)
        found = WORD.match(self.text, self.place)
        return bool(found) and found[0].lower() == word  # type: ignore[index]

    def ahead_any(self, *words: str) -> bool:
        return any(self.ahead(word) for word in words)

    def mark(self, sign: str, needed: bool = False) -> bool:
        self._to(self.place)
        if self.text.startswith(sign, self.place):
            self._to(self.place + 1)
            return True
        if needed:
            raise self.wrong(f"expected {sign!r}")
        return False

    def end(self) -> None:
        self._to(self.place)
        if self.place < len(self.text):
            raise self.wrong("expected the end, or 'or' and another end condition")

    def _to(self, place: int) -> None:
        found = SPACE.match(self.text, place)
        self.place = found.end() if found else place

    def wrong(self, what: str, of_object: bool = False) -> ParameterError:
        left, right = self.text[: self.place], self.text[self.place :]
        if of_object:
            return ProtocolError(f"protocol {self.text!r}: {what}")
        return ProtocolError(f'protocol "{left}>>>{right or " "}<<<" (character {self.place + 1}): {what}')


class ProtocolError(ParameterError):
    """A protocol string that cannot be read; the message shows the place and what is allowed there."""


def _near(text: str, words: Iterable[str]) -> str:
    near = get_close_matches(text.split(" ")[0].lower(), list(words), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _unit(word: str) -> tuple[str, str]:
    """Base unit and prefix; ``("", "")`` for no unit."""
    for ending, base in BASES.items():
        if word.lower().endswith(ending):
            prefix = word[: len(word) - len(ending)]
            if prefix in PREFIXES:
                return base, prefix
    return "", ""
