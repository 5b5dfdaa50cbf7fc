"""``szilard simulate``: files, table, JSON, names and errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from szilard.envs.cycling import simulate
from szilard.experiments.cli import main
from szilard.experiments.simulate import build, short_name
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.validation import ParameterError

STEPS = ("Discharge at 3 mA for 30 s", "Rest for 10 s", "Impedance from 1 Hz to 100 Hz at 10 uA, 1 per decade")
FLAGS = [part for step in STEPS for part in ("--protocol", step)]


def test_it_writes_figure_csv_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["simulate", "double-layer", *FLAGS, "--set", "K=2e-3", "--out", str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["protocol"] == [STEPS[0], STEPS[1], STEPS[2] + ", 4 periods"]
    assert data["cell"]["parameters"]["K"] == 2e-3
    assert [s["ended_by"] for s in data["steps"]] == ["time", "time", "all frequencies"]
    assert data["steps"][0]["charge"] == pytest.approx(0.09)
    assert data["ledger"]["delivered"] + data["ledger"]["heat_to.ambient"] == pytest.approx(-data["ledger"]["energy"])
    assert json.loads((out / "summary.json").read_text()) == data
    with Image.open(out / "simulation.png") as picture:
        assert picture.width > 1500
        assert np.asarray(picture.convert("L")).std() > 10.0
    with (out / "simulation.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0][4] == "current [mA/cm2]"
    assert len(rows) == data["points"] + 1
    with (out / "impedance.csv").open(newline="", encoding="utf-8") as file:
        header, *points = list(csv.reader(file))
    assert header[3] == "Re Z [Ohm cm2]"
    assert [float(p[2]) for p in points] == pytest.approx([100.0, 10.0, 1.0])


def test_the_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--protocol", "Hold at 5 V for 2 us", "--tolerance", "1e-2", "--no-progress", "--out", str(tmp_path)]
    assert main(["simulate", "szilard/NegativeCapacitor-v0", *flags]) == 0
    shown = capsys.readouterr().out
    for part in ("Hold at 5 V", "work delivered", "heat to resistor", "simulation.csv"):
        assert part in shown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["dubble-layer", "--protocol", "Rest for 1 s"], "did you mean 'double-layer'"),
        (["double-layer"], "give at least one step"),
        (["double-layer", "--protocol", "Rest for 1 q"], ">>>q<<<"),
        (["double-layer", "--protocol", "Rest for 1 s", "--set", "KK=1"], "parameter = 'KK'"),
        (["self-cycling", "--protocol", "Rest for 1 s", "--preset", "S3"], "preset = 'S3': must be one of 'S2'"),
        (["self-cycling", "--protocol", "Rest for 1 s", "--set", "C_A=-1"], "C_A = -1"),
        (["capacitor", "--protocol", "Charge at C/2 until 1 V"], "no capacity"),
    ],
)
def test_errors_are_one_line(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *flags, "--no-progress"]) == 2
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1
    assert message in shown[0]


def test_names_and_presets() -> None:
    assert short_name("DoubleLayerCell") == "double-layer"
    assert short_name("szilard/selfcyclingcell-v0") == short_name("SelfCyclingCell-v0") == "self-cycling"
    cell = build("self-cycling", "S1", {"R_i": 6.0})
    assert isinstance(cell, SelfCyclingCell)
    assert (cell.C_A, cell.R_i) == (2e-3, 6.0)
    with pytest.raises(ParameterError, match="cell = 'engine'"):
        short_name("engine")


def test_progress_never_goes_back() -> None:
    told: list[tuple[float, int]] = []
    steps = ["Discharge at 3 mA for 30 s", "Charge at 1 mA until 0.01 mAh", "Rest for 1 s"]
    simulate(DoubleLayerCell(), steps, tolerance=1e-3, progress=lambda done, count: told.append((done, count)))
    done = [d for d, _ in told]
    assert done == sorted(done)
    assert told[-1] == (3.0, 3)
    assert {0.0 < d < 1.0 for d in done} == {True, False}


def test_a_simulation_draws_itself(tmp_path: Path) -> None:
    run = simulate(FerroelectricCapacitor(), ["Hold at 1 V for 1 us", "Hold at 0 V for 1 us"], tolerance=1e-2)
    figure = run.plot(tmp_path / "run.svg")
    assert isinstance(figure, Figure)
    assert (tmp_path / "run.svg").stat().st_size > 1000
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels[0] == "voltage (V)"
    assert labels[1].startswith("current (")
    assert len(labels) == 4
    (terminal, *_) = figure.axes[0].lines
    np.testing.assert_allclose(np.asarray(terminal.get_ydata()), run["terminal.voltage"])
