"""Steady Olsen cycles by an integration that shares nothing with the package; films with a single bath."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.field_protocols import olsen
from szilard.physics.cells.thermal_cycles import IdealOlsen
from szilard.physics.control import Control
from szilard.physics.laws import audit

ENGINE = FerroelectricEngine()
A0, T0, B, C, D, CV, T_C, T_H, TAU = 8.248e5, 388.15, -8.388e8, 7.764e9, 3.0904e11, 3e6, 393.15, 433.15, 0.5


def field_of(p: float, t: float) -> tuple[float, float]:
    """df/dP and its slope."""
    q, a = p * p, A0 * (t - T0)
    return p * (a + q * (B + q * (C + q * D))), a + q * (3 * B + q * (5 * C + q * 7 * D))


def leg(z: np.ndarray, length: float, e0: float, e1: float, bath: float, rho: float) -> np.ndarray:
    """P, T - T_c, work (J/L) and heat from the bath (J/L) after a linear ramp in contact."""

    def rates(time: float, z: np.ndarray) -> list[float]:
        p, t = z[0], T_C + z[1]
        e = e0 + (e1 - e0) * time / length
        dp = (e - field_of(p, t)[0]) / rho
        heat = CV / TAU * (bath - t)
        return [dp, (rho * dp**2 + A0 * t * p * dp + heat) / CV, -1e-3 * e * dp, 1e-3 * heat]

    def jacobian(time: float, z: np.ndarray) -> np.ndarray:
        p, t = z[0], T_C + z[1]
        e = e0 + (e1 - e0) * time / length
        force, slope = field_of(p, t)
        dp, pp, pt = (e - force) / rho, -slope / rho, -A0 * p / rho
        u = 2 * rho * dp + A0 * t * p
        rows = np.zeros((4, 4))
        rows[0, :2] = pp, pt
        rows[1, :2] = (u * pp + A0 * t * dp) / CV, (u * pt + A0 * p * dp - CV / TAU) / CV
        rows[2, :2] = -1e-3 * e * pp, -1e-3 * e * pt
        rows[3, 1] = -1e-3 * CV / TAU
        return rows

    scale = np.array([1e-11, 1e-9, 1e-7, 1e-5])
    found = solve_ivp(rates, (0, length), [*z, 0.0, 0.0], "LSODA", rtol=1e-9, atol=scale, jac=jacobian)
    return found.y[:, -1]


@pytest.mark.parametrize(
    ("ramp", "hold", "rho", "work", "efficiency"),
    [
        (40.0, 6.0, 1e3, 443.4480590, 0.3423),
        (2.0, 3.0, 1e3, 432.6622805, 0.3425),
        (0.5, 1.5, 1e3, 397.4541444, 0.3374),
        (0.1, 0.4, 1e3, 148.4042104, 0.2722),
        (40.0, 6.0, 1e4, 443.4374208, 0.3423),
        (0.5, 1.5, 1e4, 396.5952768, 0.3367),
    ],
)
def test_steady_olsen_cycles(ramp: float, hold: float, rho: float, work: float, efficiency: float) -> None:
    legs = ((ramp, 2e6, 10e6, T_C), (hold, 10e6, 10e6, T_H), (ramp, 10e6, 2e6, T_H), (hold, 2e6, 2e6, T_C))
    z, done, received = np.array([float(IdealOlsen(ENGINE).corners[0]), 0.0]), 0.0, 0.0
    for _ in range(10):
        done = received = 0.0
        for length, e0, e1, bath in legs:
            after = leg(z, length, e0, e1, bath, rho)
            z, done = after[:2], done + after[2]
            received += after[3] * (bath == T_H)
    assert done == pytest.approx(work, rel=1e-6)
    assert 100.0 * done / received == pytest.approx(efficiency, abs=6e-5)
    if rho == 1e4:
        machine = replace(ENGINE, rho=rho)
        steps = (4e-2, 2e-2) if ramp > 1.0 else (2e-3, 1e-3)
        coarse, fine = (float(olsen(machine, ramp, hold).steady(machine, h).work[0]) for h in steps)
        assert fine == pytest.approx(work, rel=2e-5)
        assert (4.0 * fine - coarse) / 3.0 == pytest.approx(work, rel=1e-6)


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), hot=st.booleans())
def test_closed_field_programs_with_one_bath_cost_work(seed: int, hot: bool) -> None:
    """From equilibrium at E_low, eight ramps with or without contact, closed in contact; no protocol delivers."""
    rng = np.random.default_rng(seed)
    bath, count = (ENGINE.T_hot if hot else ENGINE.T_cold), 30
    machine = replace(ENGINE, max_sub_step=4e-2)
    p = float(machine.landau.equilibrium(np.array(machine.E_low), np.array(bath)))
    state = np.tile([p, bath - machine.T_cold, machine.E_low], (count, 1))
    begin = machine.internal_energy(state) - bath * machine.entropy(state)
    contact, work = 2 if hot else 1, np.zeros(count)
    ends = np.array([[machine.E_high], [machine.E_low]])
    plan = [
        (rng.uniform(-machine.E_high, machine.E_high, (count, 1)), contact * (rng.random(count) < 0.7), float(dt))
        for dt in 10.0 ** rng.uniform(-2.0, 0.5, 8)
    ]
    plan += [(np.tile(e, (count, 1)), np.full(count, contact), dt) for e, dt in ((ends[0], 0.5), (ends[1], 0.5))]
    plan.append((np.tile(ends[1], (count, 1)), np.full(count, contact), 20.0))
    # fields below E_low lie outside of the control space of the engine: a machine with a wider one
    wide = replace(machine, E_low=-machine.E_high)
    for values, choice, dt in plan:
        state, flows = wide.step(state, Control(values, choice), dt)
        audit(flows, wide.betas, wide.energy_scale, wide.tolerance)
        work -= flows.work
        exergy = wide.internal_energy(state) - bath * wide.entropy(state)
        assert (work <= begin - exergy + 1e-9 * wide.energy_scale).all()
    assert work.max() < 0.0
