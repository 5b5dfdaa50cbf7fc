"""Strings of cyclers: round trips of arbitrary steps, exact units, and errors that show the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.cells.cycler.steps import (
    CCCV,
    ConstantCurrent,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    CRate,
    DriveCycle,
    Impedance,
    Pulse,
    Repeat,
    Rest,
    plain_steps,
)
from szilard.physics.cells.cycler.strings import ProtocolError, parse, protocol
from szilard.physics.validation import ParameterError

positive = st.floats(1e-13, 1e9)
signed = st.builds(lambda a, s: a * s, positive, st.sampled_from((-1.0, 1.0)))
times = st.integers(1, 99)


def currents(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.one_of(numbers, st.builds(CRate, numbers))


def ends(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    of = {
        "duration": positive,
        "until_voltage": st.one_of(st.just(0.0), signed),
        "until_current": currents(positive),
        "until_capacity": positive,
    }
    return st.fixed_dictionaries({}, optional={n: of[n] for n in names}).filter(bool)


def held(kind: Any, *names: str, **value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda own, end: kind(**own, **end), st.fixed_dictionaries(value), ends(*names))


PLAIN = st.one_of(
    held(ConstantCurrent, "duration", "until_voltage", "until_capacity", current=currents(signed)),
    held(ConstantVoltage, "duration", "until_current", "until_capacity", voltage=signed),
    held(ConstantResistance, "duration", "until_voltage", "until_current", "until_capacity", resistance=positive),
    held(ConstantPower, "duration", "until_voltage", "until_current", "until_capacity", power=signed),
    held(Rest, "duration", "until_voltage"),
    st.builds(Pulse, current=currents(signed), duration=positive, rest=positive, times=times),
    st.builds(CCCV, current=currents(signed), voltage=signed, cutoff=currents(positive)),
    st.builds(
        lambda low, wide, **rest: Impedance(low=low, high=low * wide, **rest),
        positive, st.floats(1.0, 1e6), amplitude=positive, per_decade=times, periods=st.integers(2, 20),
        signal=st.sampled_from(("current", "voltage")),
    ),
)  # fmt: skip


@given(st.one_of(PLAIN, st.builds(Repeat, st.lists(PLAIN, min_size=1, max_size=3).map(tuple), times)))
@settings(max_examples=150, deadline=None)
def test_every_step_reads_back_from_its_string(step: Any) -> None:
    assert parse(str(step)) == step
    # words and units may be in capitals, prefixes may not
    words = " ".join(w.upper() if w in ("Discharge", "Charge", "at", "until", "for", "or", "rest") else w
                     for w in str(step).split(" "))  # fmt: skip
    assert parse(words) == step


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Discharge at 1 mA until 0.2 V", ConstantCurrent(current=0.001, until_voltage=0.2)),
        ("Discharge at C/10 until 3.3 V", ConstantCurrent(current=CRate(0.1), until_voltage=3.3)),
        (
            "charge at 2C for 90 s or until 5 mAh",
            ConstantCurrent(current=CRate(-2.0), duration=90.0, until_capacity=18),
        ),
        ("Charge at 1 mA until 4.1 V", ConstantCurrent(current=-0.001, until_voltage=4.1)),
        ("Hold at 4.1 V until 50 mA", ConstantVoltage(voltage=4.1, until_current=0.05)),
        ("REST FOR 10 MINUTES", Rest(duration=600.0)),
        ("Discharge at 1.8 kOhm for 12 h", ConstantResistance(resistance=1800.0, duration=43200.0)),
        ("Discharge at 1.8 kΩ for 12 hours", ConstantResistance(resistance=1800.0, duration=43200.0)),
        ("Discharge at 2 mW until 500 mV", ConstantPower(power=0.002, until_voltage=0.5)),
        ("Hold at -5.4 V for 80 us", ConstantVoltage(voltage=-5.4, duration=80e-6)),
        ("Pulse at 2 mA for 10 s, rest for 40 s, 5 times", Pulse(current=0.002, duration=10.0, rest=40.0, times=5)),
        ("Charge at 1 mA until 4.1 V, hold until 50 µA", CCCV(current=-0.001, voltage=4.1, cutoff=50e-6)),
        ("Impedance from 1 mHz to 1 kHz at 10 uA", Impedance(low=1e-3, high=1e3, amplitude=1e-5)),
    ],
)
def test_customary_strings(text: str, step: Any) -> None:
    assert parse(text) == step


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("Dicharge at 1 mA for 3 s", 1, "did you mean 'discharge'"),
        ("Discharge at 1 MA until 0.2 V", 16, "milli is m"),
        ("Discharge at 1 mA until 0.2", 28, "unit is missing"),
        ("Discharge at 1 mA", 18, "expected 'for' or 'until'"),
        ("Discharge at -1 mA until 3 V", 14, "must be > 0"),
        ("Discharge at 1 Hz until 3 V", 16, "expected a current"),
        ("Charge at 3 V for 1 h", 11, "Hold at"),
        ("Charge at 1 kOhm for 1 h", 11, "a load discharges"),
        ("Rest for 10 V", 13, "expected a time"),
        ("Rest for 10 s and more", 15, "expected the end"),
        ("Discharge at 1 mA until 2 V or until 3 V", 32, "second end of the same kind"),
        ("Pulse at 2 mA for 10 s rest for 40 s", 24, "expected ','"),
        ("Pulse at 2 mA for 10 s, rest for 40 s, 2.5 times", 40, "whole number"),
        ("Discharge at C/0 until 3 V", 16, "zero"),
        ("", 1, "expected one of"),
    ],
)
def test_errors_show_the_place(text: str, place: int, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as caught:
        parse(text)
    assert f"(character {place})" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Hold at 4.1 V until 3 V", "the voltage is constant"),
        ("Discharge at 1 mA until 5 mA", "the current is constant"),
        ("Rest until 5 mAh", "no current flows"),
        ("Rest for 0 s", "duration = 0.0: must be > 0"),
        ("Impedance from 1 Hz to 1 mHz at 1 mA", "must be >= low"),
        ("Drive cycle from nowhere.csv", "cannot be read"),
    ],
)
def test_errors_of_the_steps(text: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        parse(text)


def test_steps_without_an_end_are_refused() -> None:
    with pytest.raises(ParameterError, match="never ends"):
        ConstantCurrent(current=1e-3)
    with pytest.raises(ParameterError, match="at least one step"):
        protocol([])


def test_drive_cycle_is_read_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "profile.csv"
    file.write_text("time [s],current [A]\n5,0\n6,0.001\n\n8,-0.002\n", encoding="utf-8")
    step = parse(f"Drive cycle from '{file}', 2 times")
    assert step == DriveCycle(file=str(file), times=2)
    assert step.points == ((0.0, 0.0), (1.0, 0.001), (3.0, -0.002))  # type: ignore[union-attr]
    assert parse(str(step)) == step
    for text, reason in (
        ("0,0\n0,1\n", "line 2: time = 0 s must be later"),
        ("0,0\n1,a\n", "line 2"),
        ("0,0", "at least 2"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=reason):
            DriveCycle(file=str(file))


def test_cycles_and_steps_are_numbered() -> None:
    steps = protocol(["Rest for 1 s", "Repeat 2 times: Rest for 2 s; Rest for 3 s", "Rest for 4 s"])
    found = [(n, c, s.duration) for n, c, s in plain_steps(steps)]  # type: ignore[union-attr]
    assert found == [(1, 1, 1.0), (2, 1, 2.0), (3, 1, 3.0), (2, 2, 2.0), (3, 2, 3.0), (4, 2, 4.0)]


def test_frequencies_of_an_impedance() -> None:
    found = np.array(Impedance(low=0.1, high=100.0, amplitude=1.0, per_decade=2).frequencies)
    np.testing.assert_allclose(found, 10.0 ** np.arange(2.0, -1.01, -0.5), rtol=1e-12)
