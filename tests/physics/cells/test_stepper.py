"""The stepper of the cells: both laws at any step size, batches, sub-steps; everything at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.cells.cell import K_E, Cell, Flow, Ledger, StepError
from szilard.physics.cells.discrete import log_mean
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.self_cycling_cell import SOURCES, SelfCyclingCell
from szilard.physics.control import Control, ControlSpace
from szilard.physics.laws import audit

Rng = np.random.Generator


def varied(rng: Rng, cell: Cell, *names: str) -> dict[str, float]:
    """The named parameters of ``cell``, each times a factor in [1/2, 2]."""
    return {name: getattr(cell, name) * 2.0 ** rng.uniform(-1.0, 1.0) for name in names}


def self_cycling(rng: Rng) -> tuple[Cell, np.ndarray, float]:
    names = (
        "C_A", "C_C", "y0", "V_c", "V_b", "R_F", "R_m", "R_p", "R_C", "R_i", "E_A", "E_C", "N0_A", "N0_C", "C_th", "K",
    )  # fmt: skip
    cell = SelfCyclingCell(
        **varied(rng, SelfCyclingCell(), *names),  # type: ignore[arg-type]
        energy_source=str(rng.choice(SOURCES)),
        port_voltage=float(rng.choice([0.0, 1.5])),
        N_half=float(rng.choice([0.0, 100.0])),
    )
    k = 6
    used = rng.uniform(0.0, 0.9, (k, 2)) * [cell.N0_A, cell.N0_C] * cell.fuelled
    y = cell.y0 * rng.uniform(-2.0, 2.0, k)
    q = np.stack([cell.C_A * rng.uniform(-1.0, 1.5, k) + y, y, cell.C_C * rng.uniform(-1.0, 1.0, k)], axis=1)
    return cell, np.concatenate([q, used, rng.uniform(-20.0, 20.0, (k, 1))], axis=1), cell.longest_sub_step


def double_layer(rng: Rng) -> tuple[Cell, np.ndarray, float]:
    names = ("Q_cap", "C_A", "C_C", "i0_A", "i0_C", "sigma0", "L", "C_th", "K", "w")
    cell = DoubleLayerCell(**varied(rng, DoubleLayerCell(), *names))
    k = 6
    s = rng.uniform(-6.0, 6.0, k)
    away = 0.1 * rng.standard_normal((2, k))
    e_c = cell.cathode_potential(1 / (1 + np.exp(-s)), np.array(cell.T_a))
    x = np.stack([cell.C_A * (cell.E_A + away[0]), cell.C_C * (e_c + away[1]), s, rng.uniform(-1.0, 1.0, k)], axis=1)
    return cell, np.concatenate([x, rng.uniform(-5.0, 5.0, (k, 1))], axis=1), 10.0


def capacitor(rng: Rng) -> tuple[Cell, np.ndarray, float]:
    n = int(rng.choice([1, 3]))
    cell = FerroelectricCapacitor(
        **varied(rng, FerroelectricCapacitor(), "rho", "eps_b", "L", "A", "R", "cv", "K", "b"),  # type: ignore[arg-type]
        n_domains=n, imprint_sigma=1e7 * (n > 1), kappa=float(rng.choice([0.0, 1e8])),
    )  # fmt: skip
    k = 6
    p = 1.3 * cell.remanent * rng.uniform(-1.0, 1.0, (k, n))
    q = cell.C_b * cell.V_max * rng.uniform(-1.0, 1.0, (k, 1))
    return cell, np.concatenate([p, q, rng.uniform(-20.0, 20.0, (k, 1))], axis=1), cell.longest_sub_step


def engine(rng: Rng, kind: type[FerroelectricEngine] = FerroelectricEngine) -> tuple[Cell, np.ndarray, float]:
    cell = kind(**varied(rng, kind(), "cv", "rho", "tau", "c", "d"))
    k = 6
    theta = rng.uniform(-10.0, 50.0, k)
    p = cell.landau.equilibrium(rng.uniform(cell.E_low, cell.E_high, k), cell.T_cold + theta)
    return cell, np.stack([p * rng.uniform(0.9, 1.1, k), theta], axis=1), cell.max_sub_step


CASES: dict[str, Callable[[Rng], tuple[Cell, np.ndarray, float]]] = {
    "self-cycling": self_cycling,
    "double-layer": double_layer,
    "capacitor": capacitor,
    "engine": engine,
    "cooler": lambda rng: engine(rng, ElectrocaloricCooler),
}


def drawn(rng: Rng, cell: Cell, k: int) -> Control:
    space = cell.control_space
    return Control(rng.uniform(space.low, space.high, (k, space.n_values)), rng.integers(0, space.n_choices, k))


def case(name: str, seed: int) -> tuple[Cell, np.ndarray, Control, float]:
    """A random cell, states of it (with held controls), controls to go to, and a duration of one sub-step."""
    rng = np.random.default_rng(seed)
    cell, dynamic, time = CASES[name](rng)
    state = np.concatenate([dynamic, drawn(rng, cell, len(dynamic)).values], axis=1)
    cell.check_state(state)
    return cell, state, drawn(rng, cell, len(state)), time


def contact(cell: Cell, state: np.ndarray, control: Control, dt: float) -> Ledger:
    """The full ledger of one step."""
    n = cell.n_x
    held, values = state[:, n + 1 :].T, control.values.T
    ramped = np.array([r.name in cell.ramped for r in cell.control_space.ranges])
    return cell.advance(
        state[:, :n].T, state[:, n], np.where(ramped[:, None], held, values), values, control.choice, dt
    )


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-6.0, 1.0))
def test_both_laws_hold_at_any_step_size(name: str, seed: int, size: float) -> None:
    cell, state, control, time = case(name, seed)
    dt = time * 10.0**size
    for _ in range(2):
        held, start = state, cell.internal_energy(state)
        state, flows = cell.step(state, control, dt)
        audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
        moved = np.abs(flows.work) + np.abs(flows.heat).sum(axis=1) + np.abs(flows.energy_change)
        assert (np.abs(flows.first_law_residual()) <= 1e-10 * moved + 1e-13 * (cell.energy_scale + np.abs(start))).all()
        # what a channel dissipates is not negative: this is the second law, term by term
        dissipated = contact(cell, held, control, dt).dissipated
        assert (dissipated >= -1e-14 * np.abs(dissipated).max(axis=0)).all()


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-4.0, 0.0))
def test_entropy_production_is_the_sum_of_its_terms(name: str, seed: int, size: float) -> None:
    """Dissipation over T and conduction, never negative, add up to dS - sum Q/T; for a single sub-step."""
    cell, state, control, time = case(name, seed)
    dt, n, values = min(time, cell.first_sub_step) * 10.0**size, cell.n_x, control.values.T
    done = cell.sub_step(state[:, :n].T, state[:, n], values, values, control.choice, dt)
    after = np.concatenate([done.x, done.theta[None], values]).T
    t_mean = log_mean(cell.ambient + state[:, n], cell.ambient + after[:, n])[:, None]
    conducted = dt * cell.conductances(control.values.T, control.choice).T * (cell.temperatures - t_mean)
    sigma = done.dissipated.sum(axis=0) / t_mean[:, 0]
    sigma += (conducted * (1.0 / t_mean - 1.0 / cell.temperatures)).sum(axis=1)
    sigma -= ((done.heat - conducted) / cell.temperatures).sum(axis=1)  # of a resistor outside of the thermal node
    single = done.sub_steps == 1
    if isinstance(cell, DoubleLayerCell):
        # all but full or empty its entropy is not an exact difference, but concave: sigma is larger than the sum
        single &= np.abs(after[:, 2]) < 13.0
    change = cell.entropy(after) - cell.entropy(state)
    scale = np.abs(change) + np.abs(done.heat) @ cell.betas + cell.tolerance.entropy_scale
    assert (np.abs(change - done.heat @ cell.betas - sigma) <= 1e-12 * scale)[single].all()
    assert single.any()


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=3)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_batch_is_its_cells(name: str, seed: int) -> None:
    """In any other batch but for the last digits, in which numpy's functions of vectors and of their ends differ.

    Alone, plain numbers are used. In an electrode that runs full or empty such a digit may decide where the next
    sub-step ends: then both agree as well as the steps are small, and the filling is compared, not its logit of 140.
    """
    cell, state, control, time = case(name, seed)
    digits, moves, spare, logit = 1e-12, 1e-7, 1e-12, False
    if isinstance(cell, DoubleLayerCell):
        time = 1.0
        state[0, :3], state[1, :3] = cell.start(1e-7)[:3], cell.start(1.0 - 1e-7)[:3]
        digits, moves, spare, logit = 1e-5, 1e-4, 1e-10, True
    after, flows = cell.step(state, control, time)
    # a few films are stepped with plain numbers
    copies = (1,) if isinstance(cell, FerroelectricEngine) else (2, 1)
    for k, n in product(range(2), copies):
        part = Control(control.values[[k] * n], control.choice[[k] * n])
        found, moved = cell.step(state[[k] * n], part, time)
        seen, size = np.stack([found[0], after[k]]), max(digits, 1e-9 if n == 1 else 0.0)
        if logit:
            seen[:, 2] = np.tanh(0.5 * seen[:, 2])
        rtol = 1e-8 if n == 1 else 1e-11
        np.testing.assert_allclose(*seen, rtol=rtol, atol=size * np.abs(seen).max())
        least = max(spare, 1e-10 if n == 1 else 0.0) * cell.energy_scale
        np.testing.assert_allclose(moved.heat[0], flows.heat[k], rtol=moves, atol=least)
        assert moved.work[0] == pytest.approx(flows.work[k], rel=moves, abs=least)


def test_a_film_that_fails_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = replace(FerroelectricEngine(), max_sub_step=0.02)
    rng = np.random.default_rng(0)
    state = cell.initial_state(rng.random((60, 2)))
    control = drawn(rng, cell, 60)
    halved = contact(cell, state, control, 0.02).sub_steps > 1
    assert 0 < halved.sum() < 30
    before = contact(cell, state, control, 0.02)
    monkeypatch.setattr("szilard.physics.cells.film_step.MAX_HALVINGS", 0)
    done = contact(cell, state, control, 0.02)
    for a, b in zip(before, done, strict=True):
        a, b = (a.T, b.T) if a is before.heat else (a, b)
        np.testing.assert_array_equal(b[..., ~halved], a[..., ~halved])
    assert np.isfinite(done.x).all()
    after = np.concatenate([done.x, done.theta[None], control.values.T]).T
    work = cell.stored(state[:, :1].T, state[:, 2:].T) + cell.heat_capacity * state[:, 1] - cell.internal_energy(after)
    np.testing.assert_allclose(work + done.heat.sum(axis=1) - done.delivered, 0.0, atol=1e-11 * cell.energy_scale)


@pytest.mark.parametrize("name", ["self-cycling", "double-layer", "capacitor"])
@pytest.mark.parametrize("seed", range(6))
def test_derivatives_that_are_written_out_are_those_of_the_complex_step(name: str, seed: int) -> None:
    cell, state, control, time = case(name, seed)
    rng, n, values = np.random.default_rng(seed), cell.n_x, control.values.T
    if name == "double-layer":
        state[0, 2], state[1, 2] = 15.0, -15.0  # all but full, all but empty
    old = state[:, : n + 1].T.copy()
    h = min(time, cell.first_sub_step) * 10.0 ** rng.uniform(-2.0, 0.0, len(state))
    new = old + cell.scales[:, None] * 10.0 ** rng.uniform(-8.0, -2.0) * rng.standard_normal(old.shape)
    if name == "self-cycling":
        new[3:5] = np.maximum(new[3:5], 0.0) if cell.fuelled else 0.0  # type: ignore[attr-defined]
    point = values, control.choice, h, cell.conductances(values, control.choice)
    rows = cell.slopes(old, new, *point)
    if rows is None:
        assert name == "capacitor"  # with several domains
        return
    found = np.array([[np.zeros(len(h)) if v is None else v + 0.0 * h for v in row] for row in rows])
    exact = np.empty_like(found)
    for j, scale in enumerate(cell.scales):
        turned = new.astype(complex)
        turned[j] += 1e-30j * scale
        exact[:, j] = [term.imag * 1e30 / scale for term in cell.terms(old, turned, *point)[: n + 1]]
    # each equation in units of its largest derivative
    unit = np.abs(exact * cell.scales[:, None]).max(axis=1, keepdims=True)
    assert (np.abs(found - exact) * cell.scales[:, None] <= 1e-6 * unit).all()


@settings(max_examples=3)
@given(seed=st.integers(0, 2**32 - 1), length=st.floats(0.0, 2.778), side=st.sampled_from([-1.0, 0.0, 1.0]))
def test_no_policy_breaks_the_double_layer_cell(seed: int, length: float, side: float) -> None:
    """Any current for 1 to 600 s, held for a while or not, of cells that are empty, full or in between."""
    cell, rng, dt, k = DoubleLayerCell(), np.random.default_rng(seed), 10.0**length, 4
    state = cell.initial_state(rng.random((k, 1)))
    for i, filling in enumerate((1e-6, 1.0 - 1e-6)):
        state[i, :4] = cell.start(filling)
    control = drawn(rng, cell, k)
    for i in range(4):
        if i % 2 == 0:
            values = np.clip(rng.uniform(-1.0, 1.0, (k, 1)) + side, -1.0, 1.0) * cell.I_max
            control = Control(values, control.choice)
        start = np.abs(cell.internal_energy(state))
        state, flows = cell.step(state, control, dt)
        audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
        moved = np.abs(flows.work) + np.abs(flows.heat).sum(axis=1) + np.abs(flows.energy_change)
        assert (np.abs(flows.first_law_residual()) <= 1e-10 * moved + 1e-13 * (cell.energy_scale + start)).all()
        voltage, _ = cell.terminal(state)
        assert ((voltage > cell.V_min - 0.01) & (voltage < cell.V_max + 0.01)).all()


def test_sub_steps_are_graded_after_a_switch_and_only_then() -> None:
    cell = DoubleLayerCell()
    state = cell.initial_state(np.array([[0.5], [0.5]]))
    switched = contact(cell, state, Control(np.array([[3e-3], [0.0]]), np.zeros(2, dtype=np.int64)), 10.0)
    assert switched.sub_steps[0] > 5  # a first step after a reset is a switch
    assert switched.sub_steps[1] == 1  # rest goes on
    state = np.concatenate([switched.x, switched.theta[None], [[3e-3, 0.0]]]).T
    again = contact(cell, state, Control(state[:, 5:], np.zeros(2, dtype=np.int64)), 10.0)
    assert again.sub_steps.tolist() == [1, 1]
    # in balance: what flows at the electrodes is what is drawn, to 1 % of kT/e
    t = cell.T_a + again.theta[0]
    over = 2.0 * K_E * t * np.arcsinh(3e-3 / (2.0 * cell.i0_A))
    assert again.x[0, 0] / cell.C_A == pytest.approx(cell.E_A - over, abs=0.01 * K_E * t)


@dataclass(frozen=True)
class Reluctant(SelfCyclingCell):
    """Finds no solution for a warm cell in sub-steps above ``LONGEST`` s, or none at all above 60 K."""

    LONGEST: ClassVar[float] = 0.3

    def solve(
        self, x: np.ndarray, theta: np.ndarray, values: np.ndarray, choice: np.ndarray, h: Any
    ) -> tuple[Ledger, np.ndarray]:
        done, failed = super().solve(x, theta, values, choice, h)
        return done, failed | ((theta > 5.0) & (h > self.LONGEST)) | (theta > 60.0)


def test_a_cell_that_fails_takes_smaller_steps_and_leaves_the_others_alone() -> None:
    cell, k = Reluctant(), 6  # as many cells as variables and temperature: no axis can be mistaken
    rng = np.random.default_rng(1)
    state = cell.initial_state(rng.random((k, cell.n_initial_uniforms)))
    control = drawn(rng, cell, k)
    alone, before = cell.step(state, control, 4.0)
    warm = state.copy()
    warm[2, cell.n_x] = 10.0
    done = contact(cell, warm, control, 4.0)
    assert done.sub_steps.tolist() == [1, 1, 16, 1, 1, 1]
    after, flows = cell.step(warm, control, 4.0)
    audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
    others = np.arange(k) != 2
    np.testing.assert_array_equal(after[others], alone[others])
    np.testing.assert_array_equal(flows.heat[others], before.heat[others])
    np.testing.assert_array_equal(flows.work[others], before.work[others])
    # the halved cell takes the steps that it would take by hand
    slow = warm[2:3]
    heat = np.zeros((1, 1))
    for _ in range(16):
        slow, part = cell.step(slow, Control(control.values[2:3], control.choice[2:3]), 0.25)
        heat += part.heat
    np.testing.assert_allclose(after[2], slow[0], rtol=1e-13)
    np.testing.assert_allclose(flows.heat[2], heat[0], rtol=1e-10)


def test_no_solution_is_said() -> None:
    cell = Reluctant()
    state = cell.initial_state(np.zeros((1, 2)))
    state[0, cell.n_x] = 70.0
    with pytest.raises(StepError, match="no solution for a sub-step of"):
        cell.step(state, Control(np.array([[3.0]]), np.zeros(1, dtype=np.int64)), 1.0)


@dataclass(frozen=True)
class Resistor(Cell):
    """The smallest cell: a capacitor of 1 F with a leak of 1 Ohm; a new cell is F, what moves, and its baths."""

    dynamic_names: ClassVar[tuple[str, ...]] = ("q", "theta")
    bath_names: ClassVar[tuple[str, ...]] = ("ambient",)
    channels: ClassVar[tuple[str, ...]] = ("leak",)
    n_initial_uniforms: ClassVar[int] = 0
    control_space = ControlSpace(())  # type: ignore[assignment]
    betas = np.array([1.0 / 300.0])  # type: ignore[assignment]
    heat_capacity, energy_scale = 2.0, 1.0  # type: ignore[assignment]
    scales = np.ones(2)  # type: ignore[assignment]
    ambient = 300.0  # type: ignore[assignment,override]

    def stored(self, x: np.ndarray, values: np.ndarray) -> np.ndarray:
        return 0.5 * x[0] ** 2

    def order(self, x: np.ndarray) -> np.ndarray:
        return 0.0 * x[0]

    def gradients(self, x0: Any, x1: Any, values: Any) -> tuple[Any, Any]:
        return (0.5 * (x0[0] + x1[0]),), (0.0 * x1[0],)

    def flow(self, x0: Any, x1: Any, temperature: Any, forces: Any, values: Any, choice: Any) -> Flow:
        return Flow((-forces[0],), (forces[0] ** 2,), 0.0 * temperature)

    def conductances(self, values: np.ndarray, choice: np.ndarray) -> np.ndarray:
        return np.full((1, len(choice)), 0.5)

    def reference_energy(self, state: np.ndarray) -> np.ndarray:
        return np.zeros(len(state))

    def initial_state(self, uniforms: np.ndarray) -> np.ndarray:
        return np.ones((len(uniforms), 2))

    @property
    def observation_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return -np.ones(2), np.ones(2)


def test_a_new_cell_is_a_few_lines_and_exact() -> None:
    cell, h = Resistor(), 0.5
    state = np.array([[3.0, 0.0]])
    after, flows = cell.step(state, Control(np.zeros((1, 0)), np.zeros(1, dtype=np.int64)), h)
    # the midpoint rule of dq/dt = -q, and of the heat that it leaves behind
    assert after[0, 0] == pytest.approx(3.0 * (1 - h / 2) / (1 + h / 2), rel=1e-15)
    lost = 0.5 * (9.0 - after[0, 0] ** 2)
    assert 2.0 * after[0, 1] == pytest.approx(lost + flows.heat[0, 0], rel=1e-14)
    audit(flows, cell.betas, cell.energy_scale, cell.tolerance)
