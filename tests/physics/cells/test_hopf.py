"""When the self-cycling cell oscillates: closed forms against eigenvalues, integration and the full model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from szilard.physics.cells.hopf import Linearised, ReducedCell
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell

CELL = SelfCyclingCell()
REDUCED = ReducedCell(CELL)


def right_hand_side(cell: SelfCyclingCell, load: float):
    """The reduced model, written out independently of the package (at T_r)."""
    a = -1.5 * np.sqrt(3) * cell.V_c / cell.y0
    b = -a / cell.y0**2
    total = load + cell.R_i + cell.R_C

    def rates(_: float, z: np.ndarray) -> list[float]:
        v, y = z
        g = 1 / cell.R_p + (1 / cell.R_m - 1 / cell.R_p) / (1 + np.exp(y / cell.y_w))
        dy = (v - cell.V_b - a * y - b * y**3) / cell.R_F
        return [(g * (cell.E_A - v) - (v + cell.E_C) / total - dy) / cell.C_A, dy]

    return rates


def test_conditions_agree_with_eigenvalues_on_4000_random_sets() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    C_A, R_F, G = (10.0 ** rng.uniform(*e, n) for e in ((-1, 2), (0, 3), (-4, -1)))
    k = rng.choice([-1.0, 1.0], n, p=[0.8, 0.2]) * 10.0 ** rng.uniform(-2, 1, n)
    j = rng.choice([-1.0, 1.0], n, p=[0.8, 0.2]) * 10.0 ** rng.uniform(-4, 0, n)
    here = Linearised(C_A, R_F, G, k, j)
    # the matrix from the equations of motion, not from the package
    dy = np.stack([1 / R_F, -k / R_F])
    matrix = np.stack([(np.stack([-G, j]) - dy) / C_A, dy]).transpose(2, 0, 1)
    np.testing.assert_allclose(here.jacobian, matrix, rtol=1e-14)
    eigenvalues = np.linalg.eigvals(matrix)
    # both grow: an unstable node or focus, around which there is nothing but a cycle
    grows = (eigenvalues.real > 0).all(axis=1)
    assert 300 < grows.sum() < 3700
    assert (here.oscillates == grows).all()
    np.testing.assert_allclose(here.trace, eigenvalues.sum(axis=1).real, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(here.determinant, eigenvalues.prod(axis=1).real, rtol=1e-6, atol=1e-12)


def test_linearisation_is_that_of_the_model() -> None:
    for load in (1300.0, 1800.0, 2700.0):
        (y,) = REDUCED.fixed_points(load)
        v = REDUCED.voltage(y)
        rates = right_hand_side(CELL, load)
        assert np.abs(rates(0.0, np.array([v, y]))).max() < 1e-15
        numeric = np.empty((2, 2))
        for i, h in enumerate((1e-6, 1e-7)):
            d = h * np.eye(2)[i]
            numeric[:, i] = np.subtract(rates(0.0, np.array([v, y]) + d), rates(0.0, np.array([v, y]) - d)) / (2 * h)
        np.testing.assert_allclose(REDUCED.at(y, load).jacobian, numeric, rtol=1e-5)


def test_spectrum_crosses_the_axis_at_the_critical_capacitance() -> None:
    (y,) = REDUCED.fixed_points(1800.0)
    critical = float(REDUCED.at(y, 1800.0).critical_C_A)
    at = replace(REDUCED.at(y, 1800.0), C_A=critical)
    assert at.trace == pytest.approx(0.0, abs=1e-15)
    assert np.abs(np.linalg.eigvals(at.jacobian).real).max() < 1e-12
    assert at.second_condition


@pytest.mark.parametrize(("factor", "millivolt"), [(0.98, 0.0), (1.02, 63.0), (1.5, 223.0)])
def test_amplitude_next_to_the_hopf_point(factor: float, millivolt: float) -> None:
    (y,) = REDUCED.fixed_points(1800.0)
    cell = replace(CELL, C_A=factor * float(REDUCED.at(y, 1800.0).critical_C_A))
    found = solve_ivp(
        right_hand_side(cell, 1800.0), (0, 60000), [0.5, cell.lower_branch(0.5)], "LSODA", np.linspace(5e4, 6e4, 4000),
        rtol=1e-7, atol=1e-10,
    )  # fmt: skip
    assert np.ptp(found.y[0]) * 1e3 == pytest.approx(millivolt, abs=0.5)


def test_no_affinity_no_oscillation() -> None:
    (y,) = REDUCED.fixed_points(1800.0)
    here = REDUCED.at(y, 1800.0)
    assert here.oscillates
    assert not replace(here, j=0.0).oscillates
    assert not replace(here, k=abs(here.k)).oscillates
    same = ReducedCell(replace(CELL, R_p=CELL.R_m))
    assert not any(same.at(y, 1800.0).oscillates for y in same.fixed_points(1800.0))


def test_window_and_slow_times() -> None:
    assert REDUCED.window[1] == pytest.approx(2844.7, abs=0.05)
    # with the branches left at the folds
    assert REDUCED.slow_times(1800.0, REDUCED.fold) == pytest.approx((1228.6, 2121.1), abs=0.05)
    # a fixed point at either edge lies on a fold
    for load, side in zip(REDUCED.window, (-1, 1), strict=True):
        assert np.abs(REDUCED.fixed_points(load) - side * REDUCED.fold).min() < 1e-9


def test_period_tends_to_the_singular_limit() -> None:
    """The period at small R_F: the limit plus a passage at the folds that scales as R_F^(2/3)."""
    periods = []
    for r_f in (0.4, 0.05):

        def cross(_: float, z: np.ndarray) -> float:
            return z[1]

        cross.direction = 1  # type: ignore[attr-defined]
        rates = right_hand_side(replace(CELL, R_F=r_f), 1800.0)
        found = solve_ivp(rates, (0, 9000), [0.5, CELL.lower_branch(0.5)], "Radau", events=cross, rtol=1e-7, atol=1e-10)
        periods.append(np.diff(found.t_events[0])[-1])
    limit = sum(REDUCED.slow_times(1800.0))
    extrapolated = periods[1] - (periods[0] - periods[1]) / (8.0 ** (2 / 3) - 1.0)
    assert extrapolated == pytest.approx(limit, rel=2e-4)
    # the formula with constant g is an estimate
    assert sum(REDUCED.logarithmic_times(1800.0)) == pytest.approx(limit, rel=0.15)


def test_low_frequency_capacitance_is_negative_on_the_stable_branch() -> None:
    """Apparent negative capacitance needs no negative Landau curvature."""
    y = -0.0578
    here = REDUCED.at(y, 1800.0)
    assert here.k > 0.0
    assert here.low_frequency_capacitance < 0.0
    omega = 1e-7
    g = float(REDUCED.conductance(y))
    admittance = here.admittance(omega, g)
    assert admittance.imag / omega == pytest.approx(here.low_frequency_capacitance, rel=1e-4)
    # against the linear response of the matrix: current into the electrode at a voltage of amplitude 1
    omega = 1e-3
    y_response = (1 / CELL.R_F) / (1j * omega + here.k / CELL.R_F)
    direct = 1j * omega * CELL.C_A + g + 1j * omega * y_response - here.j * y_response
    assert here.admittance(omega, g) == pytest.approx(direct, rel=1e-12)


def test_groups() -> None:
    groups = REDUCED.groups(1800.0)
    assert groups["theta_T"] == pytest.approx(16.0, rel=1e-12)
    assert groups["Theta_L"] == pytest.approx(7.6e-6, abs=5e-8)
    assert groups["kappa"] > 1.0 + groups["r"]
    assert groups["h"] > 1.0


def test_coercive_voltage_follows_the_distance_to_Tc() -> None:
    warm = ReducedCell(replace(CELL, T_a=340.0))
    ratio = ((CELL.Tc - 340.0) / (CELL.Tc - CELL.T_a)) ** 1.5
    assert warm.coercive_voltage == pytest.approx(CELL.V_c * ratio, rel=1e-12)
    assert REDUCED.coercive_voltage == pytest.approx(CELL.V_c, rel=1e-14)
