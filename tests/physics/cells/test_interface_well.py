"""The interface of the self-cycling cell: both readings are what they were fitted to, exact in steps, and alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.cells.hopf import ReducedCell
from szilard.physics.cells.interface_sweep import biases, potentiostatic
from szilard.physics.cells.interface_well import FilmWell, LandauWell, Well
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import Control
from szilard.physics.laws import audit
from szilard.physics.validation import ParameterError

CELL, FILM = SelfCyclingCell(), SelfCyclingCell(bistability="film")
K_E = 1.380649e-23 / 1.602176634e-19
KINDS = (LandauWell, FilmWell)


def well_of(kind: type[LandauWell] | type[FilmWell], y0: float, depth: float, tc: float) -> Well:
    return kind.fitted(y0, depth, 300.0, tc)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(y0=st.floats(1e-5, 1.0), depth=st.floats(1e-3, 1.0), tc=st.floats(310.0, 900.0))
def test_a_well_has_what_it_was_fitted_to(
    kind: type[LandauWell] | type[FilmWell], y0: float, depth: float, tc: float
) -> None:
    well = well_of(kind, y0, depth, tc)
    assert well.voltage(y0, 300.0, tc) == pytest.approx(0.0, abs=1e-9 * depth)
    fold = well.fold(300.0, tc)
    assert 0.0 < fold < y0 < well.limit
    assert well.stiffness(fold, 300.0, tc) == pytest.approx(0.0, abs=1e-9 * depth / y0)
    assert well.voltage(-fold, 300.0, tc) == pytest.approx(depth, rel=1e-9)
    assert well.stiffness(0.0, 310.0, tc) - well.stiffness(0.0, 300.0, tc) == pytest.approx(10.0 * well.a0, rel=1e-9)
    assert well.fold(tc, tc) == 0.0
    # the lowest branch, up to its end
    for wanted in (-3.0 * depth, 0.0, 0.99 * depth, 1.01 * depth):
        y = well.lowest(wanted, 300.0, tc)
        assert well.voltage(y, 300.0, tc) == pytest.approx(wanted, abs=1e-6 * depth)
        assert (y < -fold) is (wanted < depth)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(a=st.floats(-0.99, 0.99), b=st.floats(-0.99, 0.99), near=st.floats(-9.0, 0.0), tc=st.floats(310.0, 900.0))
def test_discrete_gradients_are_exact(
    kind: type[LandauWell] | type[FilmWell], a: float, b: float, near: float, tc: float
) -> None:
    well = well_of(kind, 0.1, 0.1, tc)
    size = min(0.2, well.limit)
    y0, y1 = size * a, size * (a + 10.0**near * (b - a))
    for f, gradient in (
        (lambda y: well.stored(y, tc), well.stored_gradient(y0, y1, tc)),
        (well.order, well.order_gradient(y0, y1)),
    ):
        change, scale = f(np.array(y1)) - f(np.array(y0)), abs(f(np.array(y0))) + abs(f(np.array(size * 0.5)))
        assert gradient * (y1 - y0) == pytest.approx(change, rel=1e-10, abs=1e-14 * float(scale))
    # numbers and arrays are the same, and the limit is the derivative
    arrays = np.array([y0]), np.array([y1])
    assert well.order_gradient(*arrays)[0] == pytest.approx(well.order_gradient(y0, y1), rel=1e-12, abs=1e-18)
    slope = well.stored_gradient(y0, y0, tc) - 350.0 * well.order_gradient(y0, y0)
    assert slope == pytest.approx(well.voltage(y0, 350.0, tc), rel=1e-9, abs=1e-12)


def test_the_film_is_a_regular_solution_of_sites_with_a_small_charge() -> None:
    """Chemical potential kT ln(x/(1-x)) - 2 k Tc (2x - 1) over gamma e at the coverage x; here gamma = 0.057."""
    well = FILM.well
    assert isinstance(well, FilmWell)
    gamma = K_E / (0.5 * well.a0 * well.Q)
    assert gamma == pytest.approx(0.0566, abs=5e-5)
    for x in (0.03, 0.4, 0.8):
        y = well.Q * (2 * x - 1)
        mu = K_E * (310.0 * np.log(x / (1 - x)) - 2 * FILM.Tc * (2 * x - 1)) / gamma
        assert well.voltage(y, 310.0, FILM.Tc) == pytest.approx(mu, rel=1e-12)


def loaded(cell: SelfCyclingCell, hours: float) -> tuple[np.ndarray, float]:
    """Terminal voltages (V) after steps of 10 s at 1.8 kOhm, and the entropy produced (J/K); both laws in each."""
    load = np.log10(1800.0)
    state = np.concatenate([cell.start(), [0.0, load]])[None]
    control, volts, total = Control(np.array([[load]]), np.zeros(1, dtype=np.int64)), [], 0.0
    for _ in range(round(360 * hours)):
        state, flows = cell.step(state, control, 10.0)
        total += float(audit(flows, cell.betas, cell.energy_scale, cell.tolerance)[1][0])
        volts.append(cell.terminal(state)[0][0])
    return np.array(volts), total


def test_voltage_and_current_cannot_tell_a_film_from_a_polarisation() -> None:
    """With the same wells and the same coercive voltage: the same voltages to 1 mV, the period to 2.5 %."""
    found = []
    for cell in (CELL, FILM):
        volts, total = loaded(cell, 3.0)
        late = volts[360:]
        middle = 0.5 * (late.max() + late.min())
        up = np.flatnonzero((late[:-1] < middle) & (late[1:] >= middle))
        found.append((late.min(), late.max(), 10.0 * np.diff(up)[-1]))
        assert total > 0.0
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-3)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-3)
    assert found[0][2] == pytest.approx(found[1][2], rel=0.025)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-5.0, 0.7), source=st.sampled_from(["chemical", "mechanical"]))
def test_a_film_keeps_both_laws_at_any_step_size(seed: int, size: float, source: str) -> None:
    rng = np.random.default_rng(seed)
    cell = SelfCyclingCell(
        bistability="film", energy_source=source, y0=10.0 ** rng.uniform(-3, -0.5), V_c=rng.uniform(0.1, 0.3),
        Tc=rng.uniform(350.0, 450.0), port_voltage=rng.choice([0.0, 1.0]),
    )  # fmt: skip
    state = cell.initial_state(rng.random((5, 2)))
    space, dt = cell.control_space, cell.longest_sub_step * 10.0**size
    for _ in range(2):
        values = rng.uniform(space.low, space.high, (5, space.n_values))
        state, flows = cell.step(state, Control(values, np.zeros(5, dtype=np.int64)), dt)
        residual, _ = audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
        moved = np.abs(flows.work) + np.abs(flows.heat).sum(axis=1) + np.abs(flows.energy_change)
        assert (np.abs(residual) <= 1e-10 * moved + 1e-13 * cell.energy_scale).all()
        assert (np.abs(state[:, 1]) < cell.well.limit).all()


def test_coefficients_may_be_given() -> None:
    same = replace(CELL, well_a0=CELL.a0, well_b=CELL.b)
    assert same.well == CELL.well
    assert same.longest_sub_step == pytest.approx(CELL.longest_sub_step, rel=1e-14)
    flat = replace(same, Tc=250.0)
    assert flat.a_r > 0.0
    assert flat.well.fold(flat.T_a, flat.Tc) == 0.0
    assert replace(same, Tc=same.T_r).longest_sub_step == pytest.approx(30.0, rel=1e-12)
    for wrong, name in (
        ({"well_a0": -1.0}, "well_a0"),
        ({"well_a0": 1.0}, "well_b"),
        ({"well_a0": 1.0, "well_b": 1.0, "bistability": "film"}, "well_a0"),
        ({"bistability": "miller"}, "bistability"),
        ({"Tc": 250.0}, "Tc"),
        ({"bistability": "film", "V_c": 0.03, "port_voltage": 1.5}, "V_c"),
    ):
        with pytest.raises(ParameterError, match=name):
            SelfCyclingCell(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="must be 'landau'"):
        ReducedCell(FILM).voltage(0.0)


@pytest.mark.parametrize("cell", [CELL, FILM])
def test_many_domains_have_a_negative_differential_resistance(cell: SelfCyclingCell) -> None:
    """400 domains with V_b = 0.661 +- 0.05 V, v_A from 0.3 to 1.1 V and back."""
    up = np.linspace(0.3, 1.1, 81)
    there = potentiostatic(cell, np.concatenate([up, up[-2::-1]]), biases(0.661, 0.05, 400))
    rising, falling = there[:81], there[80:][::-1]
    assert np.gradient(rising, 0.01).min() == pytest.approx(-8.2e-3, abs=1e-4)
    # hysteresis, closed at both ends
    assert (rising - falling >= -1e-15).all()
    assert rising[[0, -1]] == pytest.approx(falling[[0, -1]], rel=1e-12)
    if cell is CELL:
        assert np.interp(0.561, up, rising) == pytest.approx(1.487e-3, abs=5e-7)
        assert np.interp(0.561, up, falling) < 0.9e-3


def test_one_domain_follows_its_branch_to_the_end() -> None:
    """A single domain jumps where v - V_b reaches +V_c on the way up and -V_c on the way down; a warm one never."""
    v = np.linspace(0.5, 0.8, 3001)
    bias = np.array([CELL.V_b])
    up, down = potentiostatic(CELL, v, bias), potentiostatic(CELL, v[::-1], bias)
    assert v[np.argmin(np.diff(up))] == pytest.approx(CELL.V_b + CELL.V_c, abs=2e-4)
    # led down from below its fold it is still on the lower branch: first go up
    full = potentiostatic(CELL, np.concatenate([v, v[::-1]]), bias)[3001:]
    assert v[::-1][np.argmax(np.diff(full))] == pytest.approx(CELL.V_b - CELL.V_c, abs=2e-4)
    np.testing.assert_allclose(down[:300], full[:300], rtol=1e-12)
    warm = replace(CELL, T_a=400.0)
    there = potentiostatic(warm, np.concatenate([v, v[::-1]]), bias)
    np.testing.assert_allclose(there[:3001], there[3001:][::-1], rtol=1e-9)
    # it rests where dy/dt = 0
    y = CELL.lower_branch(0.55)
    expected = CELL.anode_conductance(y, 0.0, CELL.T_a) * (CELL.E_A - 0.55)
    assert np.interp(0.55, v, up) == pytest.approx(expected, rel=1e-9)
