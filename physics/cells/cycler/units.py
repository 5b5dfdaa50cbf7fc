"""Numbers with units as cyclers write them, exact in both directions: shifting a decimal point rounds nothing."""

from __future__ import annotations

from decimal import Decimal

PREFIXES = {"p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "": 0, "k": 3, "K": 3, "M": 6}
"""Powers of ten of the SI prefixes."""

TIMES = {
    "ms": Decimal("0.001"), "us": Decimal("0.000001"), "µs": Decimal("0.000001"), "ns": Decimal("0.000000001"),
    "s": Decimal(1), "sec": Decimal(1), "second": Decimal(1), "seconds": Decimal(1),
    "min": Decimal(60), "minute": Decimal(60), "minutes": Decimal(60),
    "h": Decimal(3600), "hour": Decimal(3600), "hours": Decimal(3600),
    "d": Decimal(86400), "day": Decimal(86400), "days": Decimal(86400),
}  # fmt: skip
"""Units of time in seconds."""

LONG = Decimal("1e15")
"""Seconds; remainders of longer times would need more digits than decimals have."""


def written(value: float) -> str:
    """The shortest decimal that reads back to the same number, without an exponent where that is short."""
    return _plain(Decimal(repr(float(value))))


def _plain(number: Decimal) -> str:
    short = number.normalize()
    if short == 0:
        return "0"
    return f"{short:f}" if -4 <= short.adjusted() <= 6 else f"{short:e}".replace("e+", "e")


def with_prefix(value: float | Decimal, unit: str) -> str:
    """``0.003, "A"`` as ``3 mA``."""
    number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    if number == 0:
        return f"0 {unit}"
    power = 0 if number.adjusted() == -1 else 3 * (number.adjusted() // 3)  # 0.2 V, not 200 mV
    # what no prefix covers keeps an exponent
    power = max(-12, min(power, 6 if unit in ("Ohm", "Hz") else 3))
    prefix = {-12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M"}[power]
    return f"{_plain(number.scaleb(-power))} {prefix}{unit}"


def written_time(seconds: float) -> str:
    """``43200.0`` as ``12 h``, ``8e-05`` as ``80 us``."""
    number = Decimal(repr(float(seconds)))
    for unit in ("h", "min"):
        if number < LONG and number % TIMES[unit] == 0:
            return f"{_plain(number / TIMES[unit])} {unit}"
    for unit in ("s", "ms", "us"):
        if number >= TIMES[unit]:
            return f"{_plain(number / TIMES[unit])} {unit}"
    return f"{_plain(number)} s"


def written_charge(coulombs: float) -> str:
    """In Ah where that is short, else in As: a factor of 3600 must survive the round trip."""
    hours = Decimal(repr(float(coulombs))) / 3600
    short = len(hours.normalize().as_tuple().digits) <= 9
    return with_prefix(hours, "Ah") if short else with_prefix(coulombs, "As")


def scaled(number: str, power: int, factor: int = 1) -> float:
    """``"3", -3`` as 0.003, rounded once."""
    return float(Decimal(number).scaleb(power) * factor)


def seconds(number: str, unit: str) -> float:
    """``"12", "h"`` as 43200.0, rounded once."""
    return float(Decimal(number) * TIMES[unit])
