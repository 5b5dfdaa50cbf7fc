"""Direct optimisation of protocols: optima of machines that can be checked by other means, and what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_engine import COLD, HOT, NONE, FerroelectricEngine
from szilard.physics.cells.field_protocols import FieldProtocol, brayton, olsen
from szilard.physics.cells.protocol_search import (
    best_known,
    best_of,
    better_fields,
    four_legs,
    refine,
    search_four_legs,
    store,
)
from szilard.physics.cells.thermal_cycles import best_short_stroke

COARSE = FerroelectricEngine(rho=1e4, max_sub_step=5e-3)
"""A slow polarisation, which long sub-steps resolve: the searches are tested, not the integrator."""


def test_the_four_leg_search_finds_the_best_of_all_on_a_coarse_grid():
    """Against a complete enumeration of holds with ramps of one step."""
    dt = 0.05
    starts = np.array([[dt, dt, dt, dt], [dt, 6 * dt, dt, 6 * dt]])
    found = search_four_legs(COARSE, dt, (HOT, NONE), starts, batch=8, rounds=2)
    holds = np.array([[1, i, 1, j] for i in range(1, 7) for j in range(1, 7)]) * dt
    best = best_of(COARSE, four_legs(COARSE, holds, (HOT, NONE)))
    assert found.power >= best.power * (1 - 1e-9)
    assert found.power == pytest.approx(float(found.protocol.steady(COARSE).power[0]), rel=1e-9)


def test_better_fields_is_the_maximum_along_a_field():
    """No other value of one of the fields, found by a search in one variable, is better."""
    begin = FieldProtocol(np.array([1e7, 1e7, 7e6, 2e6, 2e6]), np.array([HOT, HOT, HOT, COLD, COLD]), np.array([0.1]))
    found = better_fields(COARSE, best_of(COARSE, begin))
    assert found.power > float(begin.steady(COARSE).power[0])
    best = found.protocol.fields[0]

    def loss(e):
        fields = np.where(np.arange(5) == 2, e, best)
        return -float(FieldProtocol(fields, begin.baths, begin.durations).steady(COARSE).power[0])

    along: Any = minimize_scalar(loss, bounds=(2e6, 1e7), method="bounded", options={"xatol": 1e5, "maxiter": 12})
    assert -float(along.fun) <= found.power * (1 + 1e-4)


def test_refine_repairs_a_spoiled_program():
    """From a program with a wrong contact and a superfluous step it comes back to the power it had before."""
    dt = 0.05
    values = np.array([1e7, 1e7, 1e7, 2e6, 2e6])[:, None]
    choice = np.array([HOT, HOT, HOT, NONE, COLD])
    good = float(FieldProtocol.of_steps(values, choice, dt).steady(COARSE).power[0])
    spoiled = FieldProtocol.of_steps(values, np.array([HOT, NONE, HOT, NONE, COLD]), dt)
    assert float(spoiled.steady(COARSE).power[0]) < good
    seen = []
    found = refine(COARSE, spoiled, dt, rounds=2, report=lambda f: seen.append(f.power))
    assert found.power >= good
    assert seen == sorted(seen)


def test_only_better_protocols_are_stored(tmp_path):
    path, dt = tmp_path / "known.json", 0.1
    poor, good = (olsen(COARSE, 0.1, hold) for hold in (0.2, 0.4))
    assert float(poor.steady(COARSE).power[0]) < float(good.steady(COARSE).power[0])
    assert best_known(COARSE, dt, path) is None
    assert store(COARSE, poor, dt, path)
    assert store(COARSE, good, dt, path)
    assert not store(COARSE, poor, dt, path)
    kept = best_known(COARSE, dt, path)
    assert kept is not None
    assert kept.steady(COARSE).power[0] == pytest.approx(good.steady(COARSE).power[0], rel=1e-9)
    # another machine has another entry, another integrator the same
    assert best_known(replace(COARSE, rho=2e3), dt, path) is None
    assert best_known(replace(COARSE, max_sub_step=1e-3), dt, path) is not None
    assert store(replace(COARSE, rho=2e3), poor, dt, path)
    assert best_known(COARSE, dt, path) is not None


@pytest.mark.parametrize("dt", [0.01, 0.02])
def test_the_stored_engine_protocol_is_above_the_literature_and_below_brayton(dt):
    engine = FerroelectricEngine()
    known = best_known(engine, dt)
    assert known is not None
    power = float(known.steady(engine).power[0])
    assert 205.0 < power < best_short_stroke(engine).power
    # four times finer sub-steps change little: it is no artefact of the integrator
    assert power == pytest.approx(float(known.steady(engine, 2.5e-4).power[0]), rel=5e-3)


@pytest.mark.parametrize("dt", [0.01, 0.02])
def test_the_stored_cooler_protocol_is_above_reverse_brayton_and_below_its_ideal_class(dt):
    cooler = ElectrocaloricCooler()
    known = best_known(cooler, dt)
    assert known is not None
    power = float(known.steady(cooler).power[0])
    assert power > float(brayton(cooler, dt, 10 * dt, 10 * dt).steady(cooler).power[0])
    assert power < best_short_stroke(cooler).power
