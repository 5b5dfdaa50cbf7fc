"""Closed forms of the ideal cycles: against quadrature, against the second law, and against the simulated film."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.ferroelectric_engine_references import (
    ELECTROCALORIC_REFERENCES,
    FERROELECTRIC_ENGINE_REFERENCES,
)
from szilard.physics.cells.landau import Landau
from szilard.physics.cells.thermal_cycles import (
    IdealBrayton,
    IdealOlsen,
    adiabatic_temperature,
    best_short_stroke,
    critical_end_point,
    field_enthalpy,
    field_heat_capacity,
    reverse_brayton,
    short_stroke,
)
from szilard.physics.control import Control
from szilard.physics.validation import ParameterError

ENGINE, COOLER = FerroelectricEngine(), ElectrocaloricCooler()
LANDAU, CV = ENGINE.landau, ENGINE.cv

temperatures = st.floats(400.0, 450.0)
fields = st.floats(2e6, 12e6)


@settings(max_examples=6, deadline=None)
@given(st.floats(415.0, 440.0), st.floats(5.0, 40.0), st.floats(2e6, 6e6), st.floats(1e6, 8e6))
def test_olsen_by_potentials_is_the_quadrature_and_below_carnot(cold, span, low, stroke):
    machine = FerroelectricEngine(T_cold=cold, T_hot=cold + span, E_low=low, E_high=low + stroke)
    cycle = IdealOlsen(machine)
    assert cycle.work == pytest.approx(cycle.work_by_quadrature, rel=1e-7)
    assert 0.0 < cycle.efficiency < 1.0 - cold / (cold + span)


def test_heat_of_olsen_closes_with_the_heat_of_the_cold_side():
    """First law: the heat given to the cold bath, written down in the same way for 4 -> 1 -> 2, is Q_h - W."""
    m, cycle = ENGINE, IdealOlsen(ENGINE)
    p1, p2, _, p4 = cycle.corners
    isofield = CV * (m.T_hot - m.T_cold) + float(m.landau.stored(p4) - m.landau.stored(p1)) - m.E_low * (p4 - p1)
    cold = m.volume * (isofield + 0.5 * m.a0 * m.T_cold * (p2**2 - p1**2))
    assert cycle.heat_in - cycle.work == pytest.approx(cold, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(temperatures, fields, fields)
def test_the_adiabat_keeps_the_entropy_and_comes_back(t, start, end):
    t2 = adiabatic_temperature(LANDAU, CV, t, start, end)
    p = LANDAU.equilibrium(np.array([start, end]), np.array([t, t2]))
    assert CV * np.log(t2 / t) == pytest.approx(0.5 * LANDAU.a0 * (p[1] ** 2 - p[0] ** 2), abs=1e-6 * CV)
    assert (t2 - t) * (end - start) >= 0.0
    assert adiabatic_temperature(LANDAU, CV, t2, end, start) == pytest.approx(t, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(416.0, 450.0), fields)
def test_heat_capacity_is_the_slope_of_the_enthalpy(t, field):
    d = 1e-2
    slope = (field_enthalpy(LANDAU, CV, field, t + d) - field_enthalpy(LANDAU, CV, field, t - d)) / (2 * d)
    assert field_heat_capacity(LANDAU, CV, field, np.array([t]))[0] == pytest.approx(slope, rel=1e-5)


def test_the_critical_end_point_is_where_jumps_end():
    p, t = critical_end_point(LANDAU)
    assert LANDAU.stiffness(p, t) == pytest.approx(0.0, abs=1e-3)
    d = 1e-4
    around = [float(LANDAU.stiffness(p + s * d, t)) for s in (-1.0, 1.0)]
    assert min(around) > 0.0
    with pytest.raises(ParameterError, match="critical end point"):
        critical_end_point(Landau(1e6, 400.0, 1e9))


def test_contacts_of_brayton_are_those_of_the_simulated_film():
    """After an adiabatic ramp the film, held at E_high in hot contact, reaches T3 after ``t_hot``."""
    cycle = IdealBrayton(ENGINE, 420.0, 426.0)
    p = LANDAU.equilibrium(np.array([ENGINE.E_low]), np.array([cycle.T1]))
    state = np.array([[p[0], cycle.T1 - ENGINE.T_cold, ENGINE.E_low]])
    high = np.array([[ENGINE.E_high]])
    state, _ = ENGINE.step(state, Control(high, np.array([0])), 1.0)
    assert state[0, 1] + ENGINE.T_cold == pytest.approx(cycle.T2, abs=1e-4)
    state, flows = ENGINE.step(state, Control(high, np.array([2])), cycle.t_hot)
    assert state[0, 1] + ENGINE.T_cold == pytest.approx(cycle.T3, abs=1e-3)
    assert flows.heat[0, 1] == pytest.approx(cycle.hot_heat, rel=1e-3)


@pytest.mark.parametrize("machine", [ENGINE, COOLER])
def test_the_short_stroke_is_the_limit_and_the_supremum_of_the_class(machine):
    best = best_short_stroke(machine)
    sign = -1.0 if machine.is_refrigerator else 1.0
    powers = [IdealBrayton(machine, best.T1, best.T2 + sign * d).power for d in (0.2, 0.02, 0.002)]
    assert powers[2] == pytest.approx(best.power, rel=1e-3)
    for t1 in np.linspace(best.T1 - 0.3, best.T1 + 0.3, 5):
        assert short_stroke(machine, float(t1)).power <= best.power * (1 + 1e-12)
        t2 = short_stroke(machine, float(t1)).T2
        for d in (0.05, 0.15):
            cycle = IdealBrayton(machine, float(t1), t2 + sign * d)
            assert not cycle.power > best.power


def test_a_cooler_whose_span_is_too_large_is_an_engine():
    change = COOLER.adiabatic_change
    cycle = reverse_brayton(replace(COOLER, T_hot=COOLER.T_cold + 1.2 * change))
    assert cycle.work > 0.0
    assert cycle.cold_heat < 0.0
    with pytest.raises(ParameterError, match="cannot cool"):
        best_short_stroke(cycle.machine)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 0.75), temperatures)
def test_reverse_brayton_is_below_carnot(fraction, t):
    change = adiabatic_temperature(LANDAU, CV, t, 2e6, 10e6) - t
    cycle = reverse_brayton(ElectrocaloricCooler(T_cold=t, T_hot=t + fraction * change))
    assert cycle.cold_heat > 0.0
    assert 0.0 < cycle.cop < t / (fraction * change)


@pytest.mark.parametrize("reference", FERROELECTRIC_ENGINE_REFERENCES + ELECTROCALORIC_REFERENCES, ids=lambda r: r.id)
def test_reference_value(reference):
    assert abs(reference.deviation()) <= reference.tolerance


def test_reference_names_are_unique():
    ids = [r.id for r in FERROELECTRIC_ENGINE_REFERENCES + ELECTROCALORIC_REFERENCES]
    assert len(set(ids)) == len(ids)
