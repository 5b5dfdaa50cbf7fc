"""Figures of experiments: units on axes, legends, honest statistics, edge cases, PNG and SVG."""

import io
import re
from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from szilard.envs.style import units_of
from szilard.experiments.figures import aligned, cycle_figure, diagram_figure
from szilard.experiments.learning_figures import comparison_figure, power_figure, spread, training_figure
from szilard.physics.baths import FermionicBath
from szilard.physics.control import Range
from szilard.physics.cycles.cycle import Cycle, LimitCycle
from szilard.physics.machines.dlevel import DLevelMachine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

MACHINE = TwoLevelEngine()
UNIT = re.compile(r"\((\$.+\$|dimensionless|%)\)$")


def cycle(levels: Sequence[float], word: Sequence[int], lengths: Sequence[float]) -> LimitCycle:
    return Cycle(MACHINE, np.array(levels)[:, None], np.array(word), np.array(lengths)).limit_cycle()


FAST = cycle([0.8131, 0.5722], [0, 1], [0.5, 0.5])
SLOW = cycle([0.57, 0.6, 0.81, 0.7], [1, 1, 0, 2], [1.0, 0.5, 2.0, 0.5])
ONE_STEP = cycle([0.7], [0], [0.5])


def qubit(n_controls: int) -> LimitCycle:
    sx, sz = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
    machine = DLevelMachine(
        hamiltonian=0.5 * sz,
        controls=((Range("u", 0.3, 0.7), sz), (Range("v", -0.1, 0.1, "T"), sx))[:n_controls],
        baths={"hot": (sx, FermionicBath(0.5, 0.05)), "cold": (sx, FermionicBath(2.0, 0.05))},
    )
    values = np.array([[0.4, 0.0], [0.6, 0.05], [0.5, -0.05]])[:, :n_controls]
    return Cycle(machine, values, np.zeros(3, int), np.full(3, 0.5)).limit_cycle()


def refrigerator() -> LimitCycle:
    values = np.array([0.52, 0.52, 0.13, 0.27, 0.04, 0.03, 0.02])[:, None]
    return Cycle(QubitRefrigerator(), values, np.zeros(7, int), np.full(7, 0.98)).limit_cycle()


def oscillator(turn: float) -> LimitCycle:
    """Frictionless Otto cycle for turn = 1, squeezing for other durations of the jumps."""
    machine = OscillatorEngine()
    high, low = machine.omega0 * machine.u_max, machine.omega0 * machine.u_min
    angle = 0.5 * np.arccos((high**2 + low**2) / (high + low) ** 2)
    stroke = [turn * angle / high, turn * angle / low]
    values = machine.u_min + (machine.u_max - machine.u_min) * np.array([0, 1, 0, 1, 0, 1])[:, None]
    return Cycle(
        machine, values, np.array([1, 2, 2, 0, 2, 2]), np.array([2.24, *stroke, 2.24, *stroke[::-1]])
    ).limit_cycle()


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def check_saved(figure: Figure) -> None:
    for kind, magic in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=50)
        assert buffer.getvalue().startswith(magic)


# ---- cycles ---------------------------------------------------------------------------------------------------


def test_cycle_figure_has_units_legend_and_both_cycles() -> None:
    figure = cycle_figure({"learned": SLOW, "fast Otto": FAST})
    strips, (population,) = figure.axes[:2], figure.axes[2:]
    assert population.get_xlabel() == r"time $t$ ($1/\gamma_\mathrm{h}$)"
    assert all(UNIT.search(axes.get_ylabel()) for axes in strips)
    assert "p" in population.get_ylabel()
    assert ["learned" in strips[0].get_title("left"), "fast Otto" in strips[1].get_title("left")] == [True, True]
    assert set(legend_texts(figure)) == {"hot bath", "cold bath", "no bath", "learned", "fast Otto"}
    assert population.get_xlim() == (0.0, pytest.approx(SLOW.period))
    for line, limit in zip(population.get_lines(), (SLOW, FAST), strict=True):
        times, p = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert times[-1] == pytest.approx(SLOW.period)  # the short cycle is repeated
        start = aligned(limit).states[:, 0]
        assert p[0] == pytest.approx(start[0])
        assert p.max() <= limit.states[:, 0].max() + 1e-12
    check_saved(figure)


def test_cycles_are_drawn_in_phase() -> None:
    for k in range(4):
        turned = SLOW.cycle.rotate(k).limit_cycle()
        np.testing.assert_array_equal(aligned(turned).cycle.choice, [0, 2, 1, 1])
    smooth = [qubit(1).cycle.rotate(k).limit_cycle() for k in range(3)]
    values = [aligned(limit).cycle.values for limit in smooth]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])


@pytest.mark.parametrize("n_controls", [0, 1, 2])
def test_cycle_figure_without_choice(n_controls: int) -> None:
    check_saved(cycle_figure({"learned": qubit(n_controls)}))


def test_one_step_cycle() -> None:
    check_saved(cycle_figure({"constant": ONE_STEP}))
    check_saved(diagram_figure({"constant": ONE_STEP}))


def test_duration_and_errors() -> None:
    assert cycle_figure({"a": FAST}, duration=7.0).axes[-1].get_xlim() == (0.0, 7.0)
    with pytest.raises(ParameterError, match="duration"):
        cycle_figure({"a": FAST}, duration=0.0)
    with pytest.raises(ParameterError, match="cycles"):
        cycle_figure({})
    with pytest.raises(ParameterError, match="cycles"):
        diagram_figure({})
    with pytest.raises(ParameterError, match="continuous control"):
        diagram_figure({"a": qubit(0)})


@pytest.mark.parametrize("limit", [FAST, SLOW, qubit(1)])
def test_area_of_the_diagram_is_the_work(limit: LimitCycle) -> None:
    axes = diagram_figure({"learned": limit}).axes[0]
    (polygon,) = axes.patches
    x, y = polygon.get_path().vertices[:-1].T  # type: ignore[attr-defined]
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    assert area == pytest.approx(limit.power * limit.period, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("limit", [refrigerator(), oscillator(1.0), oscillator(0.5)])
def test_area_and_coherent_part_are_the_work(limit: LimitCycle) -> None:
    """W = sum_n p_n dE_n + sum_n E_n dp_n along the switches; the second part is also summed up directly."""
    figure = diagram_figure({"learned": limit})
    axes = figure.axes[0]
    (polygon,) = axes.patches
    x, y = polygon.get_path().vertices[:-1].T  # type: ignore[attr-defined]
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    machine, values = limit.cycle.machine, limit.cycle.values
    coherent = 0.0
    for state, u in zip(limit.states[:-1], values[:, 0], strict=True):
        way = np.repeat(state[None], 2001, axis=0)
        way[:, -1] = np.linspace(state[-1], u, 2001)
        plane = machine.portrait.plane(way)
        assert plane is not None
        gap, n = (q.values for q in plane)
        coherent -= float(0.5 * (gap[1:] + gap[:-1]) @ np.diff(n))
    work = limit.extracted_power * limit.period
    assert abs(coherent) > 1e-2 * abs(work)
    assert area + coherent == pytest.approx(work, rel=1e-3)
    verb = "consumed" if machine.is_refrigerator else "extracted"
    assert f"work {verb} per cycle" in axes.get_title("left")
    assert "work not through coherence" in legend_texts(figure)


def test_frictionless_cycle_has_no_coherence_in_its_contacts() -> None:
    for limit, least in ((oscillator(1.0), 0.0), (oscillator(0.5), 1e-2)):
        figure = cycle_figure({"Otto": limit}, duration=limit.period)
        assert figure.axes[-1].get_ylabel() == "coherence\n$C$ ($\\mathrm{nats}$)"
        (line,) = figure.axes[-1].get_lines()
        times, c = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        inside = (times > 1e-6) & (times < 2.24 - 1e-6)  # the hot contact comes first
        assert c[~inside].max() > 0.1
        assert c[inside].max() < 1e-12 if least == 0.0 else c[inside].max() > least


def test_refrigerator_is_drawn_as_one() -> None:
    figure = cycle_figure({"learned": refrigerator()})
    assert "cooling power $P$ = " in figure.axes[0].get_title("left")
    assert figure.axes[1].get_ylabel().startswith("excited population")
    check_saved(figure)
    figure = diagram_figure({"learned": refrigerator()})
    assert {"steady state", "thermal, hot bath", "thermal, cold bath"} <= set(legend_texts(figure))
    assert len(figure.axes[0].get_lines()) == 3
    check_saved(figure)


def test_diagram_has_units_equilibria_and_arrows() -> None:
    figure = diagram_figure({"learned": SLOW, "fast Otto": FAST})
    for axes in figure.axes:
        assert UNIT.search(axes.get_xlabel())
        assert len(axes.get_lines()) == 2  # hot and cold equilibrium
        holds = [c for c in axes.collections if isinstance(c, LineCollection)]
        assert len(holds) == 2
        assert len(axes.texts) >= 4  # arrow heads
    assert {"hot bath", "cold bath", "switch", "equilibrium", "work per cycle"} <= set(legend_texts(figure))
    check_saved(figure)


def test_with_several_controls_the_area_is_the_work_of_the_first() -> None:
    figure = diagram_figure({"learned": qubit(2)})
    assert "work of $u$ per cycle" in legend_texts(figure)
    check_saved(figure)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_every_lowest_panel_of_the_diagram_has_a_label(count: int) -> None:
    figure = diagram_figure({f"cycle {k}": FAST for k in range(count)})
    columns = {1: 1, 4: 2, 5: 3}[count]
    assert sum(bool(axes.get_xlabel()) for axes in figure.axes) == columns


# ---- learning -------------------------------------------------------------------------------------------------

STEPS = np.arange(0.0, 1000.0, 50.0)
CURVES = [(STEPS, 100.0 - 300.0 * np.exp(-STEPS / tau)) for tau in (100.0, 150.0, 200.0)]


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("band", ["range", "iqr"])
def test_training_figure(log_x: bool, band: str) -> None:
    figure = training_figure(CURVES, {"optimum": 100.0, "Otto": 71.5, "unknown": np.inf}, log_x=log_x, band=band)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "environment steps"
    assert axes.get_ylabel().endswith("(%)")
    texts = legend_texts(figure)
    assert "optimum: 100" in texts
    assert "Otto: 71.5" in texts
    assert "agent, median of 3 seeds" in texts
    assert not any("unknown" in text for text in texts)
    assert any("smallest value" in text.get_text() for text in axes.texts)
    check_saved(figure)


@pytest.mark.parametrize("curves", [CURVES[:1], [], [([], [])], [([1.0], [2.0])], [([0, 1], [np.nan, np.nan])] * 2])
def test_few_or_no_data(curves: list[tuple[Sequence[float], Sequence[float]]]) -> None:
    check_saved(training_figure(curves, {"optimum": 100.0}, log_x=True))
    check_saved(training_figure(curves))


def test_power_figure_has_the_unit() -> None:
    (axes,) = power_figure(CURVES, units=units_of(MACHINE)).axes
    assert axes.get_ylabel() == r"power $P$ ($\gamma_\mathrm{h}\ k_\mathrm{B}\ T_\mathrm{h}$)"


def test_median_and_band() -> None:
    x = np.array([0.0, 1.0, 2.0])
    curves = [(x, x), (x, 2 * x), (np.array([0.5, 3.0]), np.array([10.0, 10.0]))]
    grid, low, median, high = spread(curves)
    np.testing.assert_allclose(grid, [0.5, 1.0, 2.0])
    np.testing.assert_allclose(low, grid)
    np.testing.assert_allclose(median, 2 * grid)
    np.testing.assert_allclose(high, 10.0)
    assert spread([(x, x), (x + 5, x)]).shape == (4, 0)
    assert spread([]).shape == (4, 0)
    long = np.linspace(1.0, 1e5, 3000)
    assert spread([(long, long)] * 2, log=True)[0, [0, -1]] == pytest.approx([1.0, 1e5])


def test_bad_curves() -> None:
    with pytest.raises(ParameterError, match="shapes"):
        training_figure([([1, 2], [1])])
    with pytest.raises(ParameterError, match="band"):
        training_figure(CURVES, band="sigma")


def test_comparison_figure() -> None:
    rows = [
        {"label": "SAC", "kind": "agent", "power": 0.009, "efficiency_ratio": 0.6, "power_error": 1e-4},
        {"label": "fast Otto", "power": 0.0091, "efficiency_ratio": 0.59},
        {"label": "idle", "power": 0.0, "efficiency_ratio": np.nan},
        {"label": "heater", "power": -1.0, "efficiency_ratio": None},
    ]
    figure = comparison_figure(rows, front=([0.1, 0.6, 0.9], [0.002, 0.0093, 0.003]), units=units_of(MACHINE))
    (axes,) = figure.axes
    assert UNIT.search(axes.get_xlabel())
    assert UNIT.search(axes.get_ylabel())
    assert set(legend_texts(figure)) == {"SAC", "fast Otto", "Carnot", "Pareto front, fast limit"}
    assert axes.get_title("left") == "not shown, no engine: idle, heater"
    assert axes.get_ylim()[1] > 0.0094  # no marker is cut
    check_saved(figure)
    check_saved(comparison_figure([]))
    with pytest.raises(ParameterError, match=r"rows\[0\].*'power'"):
        comparison_figure([{"label": "x", "efficiency_ratio": 1.0}])
