"""Protocols on cells: reference tables, demands that are met, ends that are located, ledgers that close."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from szilard.physics.cells.cycler.driven import MODES, DrivenCell
from szilard.physics.cells.cycler.impedance import small_signal
from szilard.physics.cells.cycler.runner import Runner, run
from szilard.physics.cells.cycler.solution import Solution
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.cells.electrical import ElectricalCell
from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.validation import ParameterError

CELLS: tuple[ElectricalCell, ...] = (DoubleLayerCell(), SelfCyclingCell(), FerroelectricCapacitor())


def closes(run: Solution) -> None:
    """Both laws over a whole run, from the state functions at its ends."""
    cell = run.cell
    ends = [np.array([run[f"state.{n}"][k] for n in cell.dynamic_names]) for k in (0, -1)]
    middle = [0.5 * (r.low + r.high) for r in cell.control_space.ranges]
    states = np.array([[*end, *middle] for end in ends])
    energy, entropy = np.diff(cell.internal_energy(states))[0], np.diff(cell.entropy(states))[0]
    heat = np.array([run[f"ledger.heat_to.{name}"][-1] for name in cell.bath_names])
    work, sigma = run["ledger.delivered"][-1], run["ledger.entropy_produced"][-1]
    size = cell.energy_scale + abs(work) + np.abs(heat).sum()
    assert abs(energy + work + heat.sum()) < 1e-10 * size
    assert abs(entropy + heat @ cell.betas - sigma) < 1e-10 * size / cell.ambient
    assert np.diff(run["ledger.entropy_produced"]).min() > -1e-12 * cell.energy_scale / cell.ambient
    assert run.summary()["residual"] < 1e-10


# ---- reference values ------------------------------------------------------------------------------------------


def test_discharge_of_the_double_layer_cell() -> None:
    found = run(DoubleLayerCell(), "Discharge at 3 mA until 0 V")
    assert found.time[-1] == pytest.approx(3564.0227, rel=3e-8)
    assert found["terminal.voltage"][-1] == pytest.approx(0.0, abs=1e-9)
    plateau = np.abs(found["cathode.filling"] - 0.5) < 0.2
    half = CubicSpline(found["cathode.filling"][plateau], found["terminal.voltage"][plateau])(0.5)
    assert half == pytest.approx(3.308035, rel=5e-6)
    assert found["ledger.delivered"][-1] == pytest.approx(35.221194, rel=1e-6)
    assert found["ledger.heat_to.ambient"][-1] == pytest.approx(1.624744, rel=1e-5)
    assert found["temperature"].max() - 298.15 == pytest.approx(0.7923, abs=5e-5)
    assert found["anode.voltage"][-1] == pytest.approx(1.1643, abs=5e-5)
    assert found["cathode.voltage"][-1] == pytest.approx(-1.1497, abs=5e-5)
    assert found["terminal.charge"][-1] == pytest.approx(3e-3 * found.time[-1], rel=1e-12)
    closes(found)


def test_the_self_cycling_cell_oscillates_at_a_constant_load() -> None:
    found = run(SelfCyclingCell(), "Discharge at 1.8 kOhm for 3.2 h")
    time, voltage = found.time, found["terminal.voltage"]
    late = time > 3600.0
    time, voltage = time[late], voltage[late]
    assert voltage.max() == pytest.approx(1.104464, rel=1e-4)
    assert voltage.min() == pytest.approx(0.892821, rel=1e-4)
    middle = 0.5 * (voltage.max() + voltage.min())
    up = np.flatnonzero((voltage[:-1] < middle) & (voltage[1:] >= middle))
    share = (middle - voltage[up]) / (voltage[up + 1] - voltage[up])
    crossings = time[up] + share * (time[up + 1] - time[up])
    assert np.diff(crossings).mean() == pytest.approx(4041.7753, rel=1e-3)
    np.testing.assert_allclose(found["terminal.voltage"], 1800.0 * found["terminal.current"], rtol=1e-12)
    closes(found)


def test_voltage_pulses_on_the_capacitor() -> None:
    """The Khan-type experiment as a cycler writes it."""
    steps = ["Hold at 5.4 V for 80 us", "Hold at -5.4 V for 80 us", "Hold at 0 V for 40 us"]
    found = run(FerroelectricCapacitor(), steps, tolerance=1e-3, max_step=1e-6)
    assert -found["ledger.delivered"][-1] == pytest.approx(1.71713e-8, rel=1e-5)
    assert found["ledger.heat_to.resistor"][-1] == pytest.approx(1.68758e-8, rel=1e-5)
    assert found["ledger.heat_to.ambient"][-1] == pytest.approx(3.73351e-10, rel=1e-4)
    first = found.time < 80e-6
    peak = int(np.argmax(found["film.voltage"][first & (found.time < 8e-6)]))
    assert found["film.voltage"][peak] == pytest.approx(2.4804, rel=1e-4)
    assert found["film.voltage"][first][peak:].min() == pytest.approx(-2.3140, rel=1e-4)
    assert found.time[-1] == pytest.approx(200e-6, rel=1e-12)
    closes(found)


def test_impedance_is_the_closed_form() -> None:
    """Y(w) = j w C_A + g + (j w - j_y)/(k + j w R_F), at a frozen temperature and with endless fuel."""
    cell = SelfCyclingCell(C_th=1e9, N0_A=1e12, N0_C=1e12)
    frequency = np.geomspace(1e-6, 10.0, 8)
    w = 2.0 * np.pi * frequency
    for y in (-0.0578, -0.09, 0.08):
        v = cell.a_r * y + cell.b * y**3 + cell.V_b
        s = 1.0 / (1.0 + np.exp(y / cell.y_w))
        slope = 1.0 / cell.R_m - 1.0 / cell.R_p
        g, j_y = 1.0 / cell.R_p + slope * s, -slope * s * (1.0 - s) / cell.y_w * (cell.E_A - v)
        current = g * (cell.E_A - v)
        k = cell.a_r + 3.0 * cell.b * y**2
        anode = 1j * w * cell.C_A + g + (1j * w - j_y) / (k + 1j * w * cell.R_F)
        z = cell.R_i + 1.0 / (1.0 / cell.R_C + 1j * w * cell.C_C) + 1.0 / anode
        variables = np.array([cell.C_A * v + y, y, cell.C_C * (cell.E_C - current * cell.R_C), 0.0, 0.0, 0.0])
        found = small_signal(cell, variables, frequency, float(current))
        np.testing.assert_allclose(found, z, rtol=1e-7)
    # on the stable branch next to the fold the low-frequency capacitance is negative: y = -0.0578 C
    assert _low_frequency_capacitance(cell, -0.0578) < 0.0 < _low_frequency_capacitance(cell, -0.09)


def _low_frequency_capacitance(cell: SelfCyclingCell, y: float) -> float:
    v = cell.a_r * y + cell.b * y**3 + cell.V_b
    current = float(cell.anode_conductance(np.array(y), np.array(0.0), np.array(cell.T_a)) * (cell.E_A - v))
    variables = np.array([cell.C_A * v + y, y, cell.C_C * (cell.E_C - current * cell.R_C), 0.0, 0.0, 0.0])
    w = 1e-7
    z = small_signal(cell, variables, np.array([w / (2.0 * np.pi)]), current)[0]
    return float((1.0 / (z - cell.R_i - 1.0 / (1.0 / cell.R_C + 1j * w * cell.C_C))).imag / w)


def test_a_simulated_sine_finds_the_same_impedance() -> None:
    cell = SelfCyclingCell(C_th=1e9, N0_A=1e12, N0_C=1e12)
    y = -0.09
    v = cell.a_r * y + cell.b * y**3 + cell.V_b
    current = float(cell.anode_conductance(np.array(y), np.array(0.0), np.array(cell.T_a)) * (cell.E_A - v))
    variables = np.array([cell.C_A * v + y, y, cell.C_C * (cell.E_C - current * cell.R_C), 0.0, 0.0, 0.0])
    steps = [f"Discharge at {current!r} A for 1 s", "Impedance from 0.02 mHz to 2 Hz at 1 uA, 1 per decade, 6 periods"]
    found = run(cell, steps, variables)
    (spectrum,) = found.spectra
    assert len(spectrum.frequency) == 6
    expected = small_signal(cell, variables, spectrum.frequency, current)
    np.testing.assert_allclose(spectrum.impedance, expected, rtol=1e-3)
    potential = run(cell, [steps[0], "Impedance from 0.1 Hz to 1 Hz at 0.1 mV, 1 per decade"], variables)
    expected = small_signal(cell, variables, potential.spectra[0].frequency, current)
    np.testing.assert_allclose(potential.spectra[0].impedance, expected, rtol=3e-3)
    closes(found)


def test_cc_cv_charge_returns_the_capacity() -> None:
    cell = DoubleLayerCell()
    open_circuit = cell.E_A + float(cell.cathode_potential(np.array(cell.x0), np.array(cell.T_a)))
    steps = ["Discharge at 3 mA for 10 min", f"Charge at 3 mA until {open_circuit!r} V, hold until 1 uA"]
    found = run(cell, steps, tolerance=3e-4)
    parts = found.summary()["steps"]
    assert [p["ended_by"] for p in parts] == ["time", "voltage", "current"]
    assert parts[0]["charge"] == pytest.approx(1.8, rel=1e-12)
    assert parts[1]["charge"] + parts[2]["charge"] == pytest.approx(-1.8, rel=1e-3)
    assert found["cathode.filling"][-1] == pytest.approx(cell.x0, rel=0.02)
    assert found["ledger.delivered"][-1] < 0.0  # the round trip costs work
    closes(found)


# ---- demands, ends, ledgers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: type(c).__name__)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=4, deadline=None)
def test_demands_are_met_and_laws_hold(cell: ElectricalCell, seed: int) -> None:
    rng = np.random.default_rng(seed)
    current = cell.power_unit / cell.voltage_scale
    tau = float(0.05 * cell.energy_scale / cell.power_unit)
    sign = rng.choice(["Discharge", "Charge"])
    value = 10.0 ** rng.uniform(-2.0, -0.7)  # more would take more from the battery's cathode than there is
    amount, volt = (
        float(value * current),
        float(cell.voltage_scale * rng.uniform(*((0.98, 1.05) if cell.fuels else (0.3, 1.2)))),
    )
    load = float(cell.voltage_scale / current * 10.0 ** rng.uniform(0.0, 2.0))
    for text, check in (
        (f"{sign} at {amount!r} A for {tau!r} s", lambda r: np.abs(np.abs(r["terminal.current"]) - amount) / amount),
        (f"Hold at {volt!r} V for {tau!r} s", lambda r: np.abs(r["terminal.voltage"] - volt) / volt),
        (f"Discharge at {load!r} Ohm for {tau!r} s",
         lambda r: np.abs(r["terminal.voltage"] - load * r["terminal.current"]) / cell.voltage_scale),
        (f"Charge at {amount!r} W for {tau!r} s", lambda r: np.abs(r["terminal.power"] + amount) / amount),
    ):  # fmt: skip
        found = run(cell, text, tolerance=1e-2)
        assert check(found).max() < 1e-9, text
        assert found.time[-1] == pytest.approx(tau, rel=1e-12)
        closes(found)


def test_ends_are_located_and_the_first_one_counts() -> None:
    cell = DoubleLayerCell()
    steps = [
        "Discharge at 1 mA for 5 min or until 0.1 mAh or until 1 V",
        "Discharge at 1 mA for 1 min or until 1 mAh",
        "Hold at 3.39 V until 30 uA",
        "Rest until 3.4 V",
        "Charge at 1 mA until 3 V",
    ]
    found = run(cell, steps, tolerance=1e-3)
    parts = found.summary()["steps"]
    reasons = ["time", "time", "current", "voltage", "voltage, met at once"]
    assert [p["ended_by"] for p in parts] == reasons
    first, _, hold, rest, none = found.endings
    assert found.time[first.last] == 300.0
    assert abs(found["terminal.current"][hold.last]) == pytest.approx(30e-6, rel=1e-9)
    assert found["terminal.voltage"][rest.last] == pytest.approx(3.4, rel=1e-9)
    assert none.first == none.last
    charge = run(cell, "Discharge at 1 mA for 5 min or until 0.05 mAh", tolerance=1e-3)
    assert charge["terminal.charge"][-1] == pytest.approx(0.18, rel=1e-9)
    assert charge.time[-1] == pytest.approx(180.0, rel=1e-9)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_no_protocol_extracts_work_without_a_source(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = SelfCyclingCell(energy_source="none")
    steps = []
    for _ in range(4):
        time = 10.0 ** rng.uniform(1.0, 2.5)
        steps.append(str(rng.choice([
            f"Hold at {rng.uniform(-1.5, 1.5)!r} V for {time!r} s",
            f"Discharge at {10 ** rng.uniform(1.5, 4.5)!r} Ohm for {time!r} s",
            f"Charge at {10 ** rng.uniform(-5, -3)!r} A for {time!r} s",
        ])))  # fmt: skip
    found = run(cell, steps, np.array([cell.lower_branch(0.0)] * 2 + [0.0] * 4), tolerance=1e-2)
    assert found["ledger.delivered"].max() <= 1e-12
    closes(found)


@pytest.mark.parametrize("mode", MODES)
def test_a_driven_cell_is_a_machine(mode: Any) -> None:
    cell = DrivenCell(SelfCyclingCell(), mode)
    state = cell.initial_state(np.zeros((3, 0)))
    demand = {"current": 1e-4, "voltage": 0.7, "resistance": 2e3, "power": 2e-4}[mode]
    control = Control(np.full((3, 1), demand), np.zeros(3, dtype=np.int64))
    cell.control_space.check(control)
    after, flows = cell.step(state, control, 5.0)
    audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
    cell.check_state(after)
    voltage, current = cell.terminal(after)
    seen = {"current": current, "voltage": voltage, "resistance": voltage / current, "power": voltage * current}[mode]
    np.testing.assert_allclose(seen, demand, rtol=1e-10)


def test_drive_cycle_moves_the_charge_of_its_profile(tmp_path: Path) -> None:
    file = tmp_path / "profile.csv"
    time, current = np.array([0.0, 3.0, 5.0, 9.0]), np.array([0.0, 2e-3, -1e-3, 5e-4])
    file.write_text("\n".join(f"{a},{b}" for a, b in zip(time, current, strict=True)), encoding="utf-8")
    found = run(DoubleLayerCell(), ["Rest for 1 s", f"Drive cycle from '{file}', 2 times"], tolerance=1e-3)
    assert found.time[-1] == pytest.approx(19.0, rel=1e-12)
    assert found["terminal.charge"][-1] == pytest.approx(2.0 * np.trapezoid(current, time), rel=1e-9)
    part = found.step == 2
    seen = np.interp((found.time[part] - 1.0) % 9.0, time, current)
    inside = (found.time[part] - 1.0) % 9.0 > 1e-6
    np.testing.assert_allclose(found["terminal.current"][part][inside], seen[inside], atol=1e-12)
    closes(found)


def test_pulses_and_repeats() -> None:
    cell = DoubleLayerCell()
    found = run(cell, ["Pulse at -1 mA for 2 s, rest for 3 s, 2 times"], tolerance=1e-2)
    assert [e.text.split()[0] for e in found.endings] == ["Charge", "Rest"] * 2
    assert found["terminal.charge"][-1] == pytest.approx(-4e-3, rel=1e-9)
    twice = run(cell, "Repeat 2 times: Discharge at C/2 for 2 s; Rest for 1 s", tolerance=1e-2)
    assert [(e.step, e.cycle) for e in twice.endings] == [(1, 1), (2, 1), (1, 2), (2, 2)]
    assert twice["terminal.charge"][-1] == pytest.approx(2 * 2 * 10.8 / 3600 / 2, rel=1e-9)
    # a run that goes on from another is the same as one run
    again = run(cell, "Discharge at C/2 for 2 s", run(cell, "Rest for 1 s").final, tolerance=1e-2)
    assert again["state.s"][-1] == pytest.approx(twice["state.s"][twice.endings[0].last], rel=1e-6)


# ---- errors and files ------------------------------------------------------------------------------------------


def test_errors_name_what_is_wrong() -> None:
    cell = DoubleLayerCell()
    with pytest.raises(ParameterError, match="delivers at most"):
        run(cell, "Discharge at 1 W for 1 s")
    with pytest.raises(ParameterError, match="no capacity"):
        run(FerroelectricCapacitor(), ["Rest for 1 us", "Charge at C/2 for 1 s"])
    with pytest.raises(ParameterError, match="max_points"):
        run(SelfCyclingCell(), "Discharge at 1.8 kOhm until 0.1 V", max_points=50)
    with pytest.raises(ParameterError, match="terminals"):
        Runner(FerroelectricEngine())  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="bath = 'warm'"):
        Runner(SelfCyclingCell(energy_source="two_bath"), bath="warm")
    with pytest.raises(ParameterError, match="Tc = 1"):
        Runner(SelfCyclingCell(energy_source="mechanical"), controls={"Tc": 1.0})
    with pytest.raises(ParameterError, match=r"start: has shape"):
        run(cell, "Rest for 1 s", np.zeros(3))
    found = run(cell, "Rest for 1 s", tolerance=1e-2)
    with pytest.raises(ParameterError, match=r"did you mean 'terminal.voltage'"):
        found["terminal.voltag"]


def test_a_demand_that_cannot_be_held_ends_the_step() -> None:
    cell = SelfCyclingCell()
    found = run(cell, ["Discharge at 5 mW for 1 h", "Rest for 10 s"], tolerance=1e-2)
    assert found.endings[0].reason == "could not be held"
    assert found.time[found.endings[0].last] < 3600.0
    assert found.endings[1].reason == "time"
    # the double layers are empty but for what the resistance needs: V = v/2
    assert found["terminal.voltage"][found.endings[0].last] < 0.6 * found["cell.voltage"][found.endings[0].last]
    closes(found)


def test_csv_has_cycler_columns(tmp_path: Path) -> None:
    found = run(DoubleLayerCell(), ["Discharge at 3 mA for 36 s", "Charge at 1 mA for 36 s"], tolerance=1e-2)
    with found.to_csv(tmp_path / "run.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == [
        "step", "cycle", "time [s]", "voltage [V]", "current [mA/cm2]", "capacity [mAh/cm2]", "energy [mWh/cm2]",
        "temperature [degC]",
    ]  # fmt: skip
    table = np.array(rows, dtype=float)
    assert len(table) == len(found.time)
    np.testing.assert_allclose(table[:, 4], 1e3 * found["terminal.current"], rtol=1e-12)
    first, last = table[table[:, 0] == 1][-1], table[-1]
    assert first[5] == pytest.approx(0.03, rel=1e-9)
    assert last[5] == pytest.approx(-0.01, rel=1e-9)
    assert first[6] == pytest.approx(0.03 * np.mean(table[table[:, 0] == 1][-1][3]), rel=0.02)
    assert table[0, 7] == pytest.approx(25.0)
    capacitor = run(FerroelectricCapacitor(), "Hold at 1 V for 1 us", tolerance=1e-2)
    assert "/cm2" not in capacitor.to_csv(tmp_path / "c.csv").read_text(encoding="utf-8").splitlines()[0]
