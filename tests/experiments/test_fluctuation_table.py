"""The fluctuations of a comparison: which cycles are shown, which columns, in text and in the report."""

import io
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console

from szilard.agents.evaluation import evaluate
from szilard.agents.open_loop import CycleAgent, RandomAgent
from szilard.envs.style import Units, units_of, words_of
from szilard.experiments.compare import Comparison, Contender, Row
from szilard.experiments.fluctuation_table import (
    NOTE,
    fluctuation_columns,
    fluctuation_notes,
    fluctuation_rows,
    fluctuation_table,
)
from szilard.experiments.report import write_report
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.machine import AffineMachine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine

ENGINE, COOLER = TwoLevelEngine(), QubitRefrigerator()
OTTO = Cycle(ENGINE, np.array([[0.8131], [0.5722]]), np.array([0, 1]), np.array([0.5, 0.5])).limit_cycle()
HOLD = Cycle(COOLER, np.array([[0.3]]), np.array([0]), np.array([1.0])).limit_cycle()


def text(renderable):
    out = io.StringIO()
    Console(width=200, file=out).print(renderable)
    return out.getvalue()


def test_rows_of_limit_cycles_only():
    rows = fluctuation_rows(ENGINE, [("a [x]", True, OTTO), ("random", False, None)])
    assert [row["label"] for row in rows] == ["a [x]"]
    assert rows[0]["learned"] is True
    assert rows[0]["power_variance_rate"] == pytest.approx(0.0138, abs=5e-5)
    assert rows[0]["meaning"].startswith("The variance of the power is 1.04")
    shown = text(fluctuation_table(ENGINE, rows))
    assert "a [x]" in shown
    assert "TUR, driven" in shown
    assert fluctuation_notes(rows) == NOTE


def test_columns_without_values_are_left_out():
    rows = fluctuation_rows(COOLER, [("hold", False, HOLD)])
    assert math.isnan(rows[0]["driven_tur_ratio"])
    columns = fluctuation_columns(rows, words_of(COOLER), units_of(COOLER))
    assert [key for key, _, _ in columns] == ["power", "power_variance_rate", "relative_fluctuation", "tur_ratio"]
    assert columns[0][1:] == ("cooling power", "E0²/hbar")
    assert columns[1][2] == "E0² E0/hbar"
    assert fluctuation_columns(rows, words_of(COOLER), Units())[1][2] == "natural units"
    assert fluctuation_notes(rows) == NOTE[:1]


def test_a_machine_without_counting_statistics_has_no_rows():
    class Plain(TwoLevelEngine):
        count = AffineMachine.count

    machine = Plain()
    limit = Cycle(machine, np.array([[0.8], [0.5]]), np.array([0, 1]), np.array([0.5, 0.5])).limit_cycle()
    assert fluctuation_rows(machine, [("a", False, limit)]) == []


def test_a_comparison_leaves_out_agents_without_a_period():
    agents = {"Otto": CycleAgent(OTTO.cycle, 0.5), "random": RandomAgent(ENGINE.control_space, 0)}
    rows = tuple(Row(Contender(n, a), evaluate(a, ENGINE, 0.5, window=64), 1.0, 0.0, 100.0) for n, a in agents.items())
    comparison = Comparison("id", ENGINE, 0.5, rows, cast(Any, None))
    assert [row["label"] for row in comparison.fluctuations] == ["Otto"]
    assert comparison.fluctuations[0]["power_variance_rate"] == pytest.approx(0.0138, abs=5e-5)


def test_report(tmp_path: Path):
    def html(rows):
        path = write_report(
            tmp_path / "report.html", title="t", environment=ENGINE.describe(), table=[], certificate={}, figures={},
            run={}, fluctuations=rows, units=units_of(ENGINE),
        )  # fmt: skip
        return path.read_text(encoding="utf-8")

    rows = fluctuation_rows(ENGINE, [("Otto", False, OTTO), ("<sac>", True, OTTO)])
    shown = html(rows)
    assert '<section id="fluctuations">' in shown
    assert "&lt;sac&gt;:" in shown  # the learned one is put into words
    assert "times the least" in shown
    assert "No limit cycle with counting statistics" in html([])
