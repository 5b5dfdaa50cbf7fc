"""Portraits of demons: populations, and the plane of energy and entropy with its lowest line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.physics import pauli
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.coupled_qubits import CoupledQubits
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.feedback_demon import FeedbackDemon
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon

PAIRS: tuple[CoupledQubits, ...] = (TwoQubitDemon(axes="xz"), ContinuousDemon(g=0.7), MeasurementRefrigerator())


def states(machine: CoupledQubits, seed: int, num: int = 50) -> np.ndarray:
    """Random density matrices, pure ones among them; diagonal for a machine without coherence."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(num, 4, 4)) + 1j * rng.normal(size=(num, 4, 4))
    a[: num // 4, :, 1:] = 0.0
    rho = a @ a.conj().swapaxes(1, 2)
    if machine.diagonal:
        rho = rho * np.eye(4)
    rho /= np.trace(rho, axis1=1, axis2=2)[:, None, None]
    held = np.tile(machine.control_space.low, (num, 1))
    return np.concatenate([pauli.components(pauli.from_density(rho)), held], axis=1)


@pytest.mark.parametrize("machine", PAIRS, ids=lambda m: type(m).__name__)
@given(seed=st.integers(0, 10**6))
def test_no_state_lies_below_the_gibbs_states(machine: CoupledQubits, seed: int) -> None:
    state = states(machine, seed)
    entropy, energy = machine.portrait.plane(state)
    lowest, *baths = machine.portrait.guides()
    assert (np.diff(lowest.x) >= 0).all()
    # the line is convex: between two of its points it lies below the chord by little
    assert (energy.values >= np.interp(entropy.values, lowest.x, lowest.y) - 2e-3 * machine.energy_scale).all()
    assert lowest.y[0] == pytest.approx(machine.levels.min(), abs=1e-9)
    assert lowest.x[-1] == pytest.approx(np.log(4.0))
    for guide, beta in zip(baths, machine.betas, strict=True):
        weights = np.exp(-beta * machine.levels)
        free = -np.log(weights.sum()) / beta
        assert guide.y[0] - guide.x[0] / beta == pytest.approx(free, abs=1e-12)  # E - T S = F


@pytest.mark.parametrize("machine", PAIRS, ids=lambda m: type(m).__name__)
def test_populations_are_those_of_the_density_matrix(machine: CoupledQubits) -> None:
    state = states(machine, 1)
    found = machine.portrait.populations(state)
    assert [one.symbol for one in found] == ["ee", "eg", "ge", "gg"]
    rho = pauli.density(pauli.table(state[:, :15]))
    np.testing.assert_allclose([one.values for one in found], np.einsum("kaa->ak", rho).real, atol=1e-15)


def test_a_qubit_of_fixed_gap_stays_on_the_lowest_line() -> None:
    machine = DeadTimeDemon(e=1.3, T=0.7)
    p = np.linspace(0.0, 0.5, 30)
    entropy, energy = machine.portrait.plane(np.stack([p, 0.0 * p], axis=1))
    lowest, gibbs = machine.portrait.guides()
    np.testing.assert_allclose(energy.values, np.interp(entropy.values, lowest.x, lowest.y), atol=2e-3)
    assert gibbs.y[0] == pytest.approx(machine.e * (machine.p_eq - 0.5))


def test_gap_and_population_of_the_feedback_demon() -> None:
    machine = FeedbackDemon()
    gap, p = machine.portrait.plane(np.array([[0.3, -0.2]]))
    assert (gap.values[0], p.values[0]) == (-1.0, 0.3)
    (line,) = machine.portrait.guides()
    np.testing.assert_allclose(machine.relaxed(np.full(201, 0.9), line.x / machine.E0, 1e3), line.y, atol=1e-12)
