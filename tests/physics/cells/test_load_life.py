"""Lives of cells with little fuel: ledgers, rows of a batch, and that the end of the life decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from szilard.envs.catalogue import configure
from szilard.physics.cells.load_life import (
    KNOTS,
    LoadProgram,
    best_loads,
    best_program,
    known_program,
    live,
    store_program,
)
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.validation import ParameterError

CELL = SelfCyclingCell(N0_A=4.0, N0_C=500.0, N_half=0.1)
DT = 300.0


def test_a_program_is_linear_in_the_fuel_spent() -> None:
    program = LoadProgram(np.array([0.0, 0.5, 1.0]), np.array([[2.0, 3.0, 4.0], [4.0, 4.0, 2.0]]))
    np.testing.assert_allclose(program.at(np.array([0.25, 0.75])), [2.5, 3.0])
    np.testing.assert_allclose(program.at(np.array([1.2, 1.2])), [4.0, 2.0])
    np.testing.assert_allclose(LoadProgram.constant(np.array([100.0, 1e3])).at(np.array([0.3, 0.9])), [2.0, 3.0])


def test_exergy_used_is_work_and_dissipation_and_no_row_knows_the_others() -> None:
    loads = np.array([100.0, 425.0, 1800.0, 8000.0])
    found = live(CELL, LoadProgram.constant(loads), DT)
    np.testing.assert_allclose(found.exergy_used, found.work + found.dissipated, rtol=1e-11)
    assert (found.dissipated > 0.0).all()
    assert (found.work > 0.0).all()
    assert (np.diff(found.duration) > 0.0).all()  # a larger load draws less
    np.testing.assert_array_equal(found.delivered[-1], found.work)
    assert (found.spent[-1] > 1.0).all()
    for k, load in enumerate(loads):
        alone = live(CELL, LoadProgram.constant(np.array([load])), DT)
        np.testing.assert_allclose([alone.work[0], alone.duration[0]], [found.work[k], found.duration[k]], rtol=1e-12)


def test_a_finer_grid_changes_a_constant_load_by_the_last_step_only() -> None:
    """Until a cell is used up, work at a constant load does not depend on how often it is set."""
    program = LoadProgram.constant(np.array([1800.0]))
    coarse, fine = live(CELL, program, DT), live(CELL, program, DT / 5.0)
    n = len(coarse.time) - 2
    np.testing.assert_allclose(coarse.delivered[:n], fine.delivered[4::5][:n], rtol=1e-4)


def test_emptying_the_double_layers_at_the_end_beats_every_constant_load() -> None:
    best = best_loads(CELL, DT)
    assert best.matched[0] == CELL.R_m + CELL.R_C + CELL.R_i
    constant = live(CELL, LoadProgram.constant(np.geomspace(32.0, 31e3, 5)), DT).work
    program, work = best_program(CELL, DT, generations=1, population=6)
    assert work > 1.1 * max(best.work, constant.max())
    assert live(CELL, program, DT).work[0] == pytest.approx(work, rel=1e-12)
    assert program.log_R[0, 0] > program.log_R[0, -1]
    assert program.spent is KNOTS


def test_a_longer_search_is_never_worse() -> None:
    cell = SelfCyclingCell(N0_A=1.0, N0_C=500.0, N_half=0.1)
    short, longer = (best_program(cell, DT, n, 6)[1] for n in (1, 4))
    assert longer >= short


@pytest.mark.parametrize(
    "cell", [SelfCyclingCell(energy_source="none"), SelfCyclingCell(N0_A=1.0, N_half=0.1, port_voltage=1.0)]
)
def test_a_life_needs_fuel_and_a_load_alone(cell: SelfCyclingCell) -> None:
    with pytest.raises(ParameterError, match="energy_source"):
        live(cell, LoadProgram.constant(np.array([400.0])), DT)


def test_a_bad_step_is_refused() -> None:
    with pytest.raises(ParameterError, match="dt"):
        live(CELL, LoadProgram.constant(np.array([400.0])), 0.0)


def test_a_program_is_stored_with_its_cell_and_only_a_better_one_replaces_it(tmp_path: Path) -> None:
    cell = SelfCyclingCell(N0_A=1.0, N0_C=500.0, N_half=0.1)
    path = tmp_path / "known.json"
    good, bad = (LoadProgram(np.zeros(1), np.array([[r]])) for r in (2.5, 4.0))
    assert known_program(cell, DT, path) is None
    assert store_program(cell, bad, DT, path)
    assert store_program(cell, good, DT, path)
    assert not store_program(cell, bad, DT, path)
    found = known_program(cell, DT, path)
    assert found is not None
    assert live(cell, found, DT).work[0] == live(cell, good, DT).work[0]
    assert known_program(replace(cell, R_m=401.0), DT, path) is None
    assert known_program(cell, 2 * DT, path) is None


def test_the_stored_program_of_the_catalogue_is_the_best() -> None:
    machine, settings = configure("szilard/SelfCyclingCell-v0", "little_fuel")
    assert isinstance(machine, SelfCyclingCell)
    program = known_program(machine, settings["dt"])
    assert program is not None
    assert live(machine, program, settings["dt"]).work[0] > 1.4 * best_loads(machine, settings["dt"]).work
