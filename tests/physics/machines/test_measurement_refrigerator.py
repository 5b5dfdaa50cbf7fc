"""The refrigerator driven by measurement and SWAP: operations as matrices, Born's rule, cycles of the specification."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.feedback.refrigerator_forms import refrigerator_cycle
from szilard.physics.laws import EnergyFlows
from szilard.physics.machine import Propagated
from szilard.physics.machines.coupled_qubits_references import MEASUREMENT_REFRIGERATOR_REFERENCES
from szilard.physics.machines.measurement_refrigerator import (
    CONDITIONAL_SWAP,
    MEASURE,
    SWAP,
    SWAP_MEASURE,
    WAIT,
    MeasurementRefrigerator,
)

SEEDS = st.integers(0, 2**32 - 1)
REFERENCES = {r.id: r for r in MEASUREMENT_REFRIGERATOR_REFERENCES}
S1, S2 = pauli.TWO_SIGNS.T
EXCHANGE = np.eye(4)[[0, 2, 1, 3]]
FLIP_1 = np.eye(4)[[2, 3, 0, 1]]
TINY = 1e-12  # a contact so short that nothing but the operation happens


def state_of(p: np.ndarray, k: float = 1.0) -> np.ndarray:
    return np.concatenate([pauli.components(pauli.from_populations(p)), np.full((len(p), 1), k)], axis=1)


def told(choice: int, batch: int, k: float = 1.0) -> Control:
    return Control(np.full((batch, 1), k), np.full(batch, choice))


def populations(done: Propagated) -> np.ndarray:
    return pauli.populations(pauli.table(done.state[:, :15]))


def outcomes(machine: MeasurementRefrigerator, p: np.ndarray, choice: int, k: float) -> list[tuple[float, np.ndarray]]:
    """Probability of each outcome, and the populations after it and the feedback; from classical probability alone."""
    if choice in (SWAP, SWAP_MEASURE):
        p = EXCHANGE @ p
    if choice in (WAIT, SWAP):
        return [(1.0, p)]
    found = []
    if choice == CONDITIONAL_SWAP:
        for level in range(4):
            found.append((p[level], np.eye(4)[2 if level == 1 else level]))
        return found
    for sign in (1, -1):
        likelihood = np.where(sign == S1, k, 1.0 - k)
        after = likelihood * p
        if after @ machine.levels > FLIP_1 @ after @ machine.levels + 1e-12 * after.sum():
            after = FLIP_1 @ after
        found.append((float(after.sum()), after / max(after.sum(), 1e-300)))
    return found


def close(found: np.ndarray, expected: Any, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


# ---- operations --------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS, st.sampled_from([WAIT, MEASURE, SWAP, SWAP_MEASURE, CONDITIONAL_SWAP]), st.floats(0.5, 1.0))
def test_every_outcome_of_every_operation(seed: int, choice: int, k: float) -> None:
    rng = np.random.default_rng(seed)
    change: dict[str, Any] = {"e2": float(rng.uniform(0.3, 3.0)), "g": float(rng.uniform(-0.1, 0.1))}
    machine, averaged = MeasurementRefrigerator(**change), MeasurementRefrigerator(**change, mode="ensemble")
    p = rng.dirichlet(np.ones(4))
    expected = outcomes(machine, p, choice, k)
    weights = np.array([w for w, _ in expected])
    middle = np.cumsum(weights) - 0.5 * weights
    uniforms = np.stack([middle, np.full(len(middle), 0.5)], axis=1)
    n = len(expected)
    done = machine.propagate(state_of(np.tile(p, (n, 1))), told(choice, n, k), TINY, uniforms)
    close(populations(done), np.array([q for _, q in expected]), 1e-10)
    assert done.measurement_energy is not None
    assert done.information is not None
    assert done.record is not None
    close(done.work + done.measurement_energy, populations(done) @ machine.levels - p @ machine.levels, 1e-10)
    entropy = pauli.entropy(pauli.from_populations(np.array([q for _, q in expected])))
    start = pauli.entropy(pauli.from_populations(p[None]))[0]
    if choice in (MEASURE, SWAP_MEASURE, CONDITIONAL_SWAP):
        close(done.information, start - entropy, 1e-10)
        close(done.record, np.full(n, -np.sum(weights * np.log(np.maximum(weights, 1e-300)))))
        # sz1 read-outs cost nothing on average
        close(weights @ done.measurement_energy, 0.0, 1e-10)
    else:
        close(done.information, np.zeros(n))
        close(done.record, np.zeros(n))
    # averaged over the outcomes
    mean = averaged.propagate(state_of(p[None]), told(choice, 1, k), TINY, uniforms[:1])
    close(populations(mean)[0], weights @ populations(done), 1e-10)
    for name in ("work", "measurement_energy", "information", "record", "heat"):
        close(getattr(mean, name)[0], weights @ getattr(done, name), 1e-10)


@pytest.mark.parametrize(
    ("choice", "k"), [(MEASURE, 0.8), (MEASURE, 1.0), (SWAP_MEASURE, 0.9), (CONDITIONAL_SWAP, 1.0)]
)
def test_frequencies_of_the_outcomes(choice: int, k: float) -> None:
    machine, n, rng = MeasurementRefrigerator(), 40_000, np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4))
    done = machine.propagate(state_of(np.tile(p, (n, 1))), told(choice, n, k), 0.2, rng.random((n, 2)))
    assert done.outcome is not None
    expected = np.array([w for w, _ in outcomes(machine, p, choice, k)])
    minus = (done.outcome < 0).astype(int)
    index = 2 * minus[:, 0] + minus[:, 1] if choice == CONDITIONAL_SWAP else minus[:, 0]
    assert chisquare(np.bincount(index, minlength=len(expected)), n * expected).pvalue > 1e-3


def test_contact_follows_the_operation() -> None:
    machine, rng = MeasurementRefrigerator(), np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), 3)
    swapped = machine.propagate(state_of(p), told(SWAP, 3), 0.4)
    waited = machine.propagate(state_of(p[:, [0, 2, 1, 3]]), told(WAIT, 3), 0.4)
    close(swapped.state, waited.state, 1e-14)
    close(swapped.heat, waited.heat, 1e-14)


def test_impossible_outcomes_do_no_harm() -> None:
    for mode in ("trajectory", "ensemble"):
        machine = MeasurementRefrigerator(mode=mode)
        for choice in (MEASURE, SWAP_MEASURE, CONDITIONAL_SWAP):
            ends = np.tile([[0.0, 0.0], [1.0 - 2.0**-53, 0.0]], (4, 1))
            done = machine.propagate(state_of(np.repeat(np.eye(4), 2, axis=0)), told(choice, 8), 0.1, ends)
            assert np.isfinite(done.state).all()
            assert done.record is not None
            assert not done.record.any()


def test_only_the_strength_of_a_measurement_is_kept() -> None:
    machine = MeasurementRefrigerator()
    state = state_of(np.full((1, 4), 0.25), k=0.7)
    for choice, held in ((WAIT, 0.7), (SWAP, 0.7), (CONDITIONAL_SWAP, 0.7), (MEASURE, 0.9), (SWAP_MEASURE, 0.9)):
        assert machine.propagate(state, told(choice, 1, 0.9), 0.1).state[0, 15] == held


# ---- cycles ------------------------------------------------------------------------------------------------------


def steady(machine: MeasurementRefrigerator, choice: int, k: float, dt: float) -> EnergyFlows:
    state = state_of(np.full((1, 4), 0.25), k)
    flows = None
    for _ in range(400):
        state, flows = machine.step(state, told(choice, 1, k), dt)
    assert flows is not None
    return flows


CYCLES = (
    (0.0, SWAP, 1.0, {"REF-11": "cold", "REF-12": "hot", "REF-13": "work"}),
    (0.2, WAIT, 1.0, {"REF-14": "cold"}),
    (0.2, SWAP, 1.0, {"REF-15": "cold", "REF-16": "hot", "REF-17": "work"}),
    (0.2, MEASURE, 0.95, {"REF-18": "cold", "REF-19": "information"}),
    (0.2, MEASURE, 1.0, {"REF-20": "cold"}),
    (0.2, SWAP_MEASURE, 0.95, {"REF-21": "cold"}),
    (0.2, SWAP_MEASURE, 1.0, {"REF-22": "cold"}),
)


@pytest.mark.parametrize(("g", "choice", "k", "expected"), CYCLES)
def test_references_in_ensemble_mode(g: float, choice: int, k: float, expected: dict[str, str]) -> None:
    flows = steady(MeasurementRefrigerator(g=g, mode="ensemble"), choice, k, 2.0)
    assert flows.measurement_energy is not None
    assert flows.information is not None
    assert flows.record is not None
    found = {
        "cold": flows.heat[0, 0],
        "hot": flows.heat[0, 1],
        "work": flows.work[0] + flows.measurement_energy[0],
        "information": flows.information[0],
    }
    for id, name in expected.items():
        assert abs(found[name] - REFERENCES[id].expected) <= REFERENCES[id].tolerance
    # laws of the cycle
    assert found["cold"] + found["hot"] + found["work"] == pytest.approx(0.0, abs=1e-13)
    assert -found["cold"] / 0.5 - found["hot"] / 1.0 + found["information"] >= -1e-12
    assert found["information"] <= flows.record[0] + 1e-12


def test_current_of_the_heat_leak() -> None:
    machine = MeasurementRefrigerator()
    state, _ = machine.step(state_of(np.full((1, 4), 0.25)), told(WAIT, 1), 200.0)
    hot = machine.current(pauli.table(state[:, :15]))[0, 1]
    assert abs(hot - REFERENCES["REF-23"].expected) <= REFERENCES["REF-23"].tolerance


@pytest.mark.parametrize(
    ("g", "protocol", "choice"), [(0.2, "conditional swap", 4), (-0.3, "measure", 1), (0.1, "swap", 2)]
)
def test_against_the_population_chain(g: float, protocol: str, choice: int) -> None:
    expected = refrigerator_cycle(1.0, 2.5, g, 0.5, 1.0, protocol, contact=0.7, strength=1.0)
    flows = steady(MeasurementRefrigerator(g=g, mode="ensemble"), choice, 1.0, 0.7)
    assert flows.information is not None
    found = flows.heat[0, 0], flows.heat[0, 1], flows.information[0]
    close(np.array(found), np.array([expected.cold_heat, expected.hot_heat, expected.information]), 1e-11)


def test_complete_thermalisation_without_coupling() -> None:
    """REF-03, REF-04 and REF-10."""
    machine = MeasurementRefrigerator(g=0.0, mode="ensemble")
    flows = steady(machine, SWAP, 1.0, 60.0)
    assert abs(flows.heat[0, 0] - REFERENCES["REF-03"].expected) <= REFERENCES["REF-03"].tolerance
    assert abs(flows.work[0] - REFERENCES["REF-04"].expected) <= REFERENCES["REF-04"].tolerance
    assert machine.output(flows)[0] == flows.heat[0, 0]
    flows = steady(machine, MEASURE, 0.99, 60.0)
    assert abs(flows.heat[0, 0] - REFERENCES["REF-10"].expected) <= REFERENCES["REF-10"].tolerance


def test_one_step_of_trajectories_averages_to_the_ensemble() -> None:
    """Over several steps it does not: the demon of the ensemble has forgotten what it read before."""
    rng, n = np.random.default_rng(2), 20_000
    machine, averaged = MeasurementRefrigerator(), MeasurementRefrigerator(mode="ensemble")
    p = rng.dirichlet(np.ones(4))
    _, flows = machine.step(state_of(np.tile(p, (n, 1))), told(MEASURE, n, 0.9), 0.3, rng.random((n, 2)))
    _, mean = averaged.step(state_of(p[None]), told(MEASURE, 1, 0.9), 0.3)
    for bath in (0, 1):
        heat = flows.heat[:, bath]
        assert abs(heat.mean() - mean.heat[0, bath]) < 4 * heat.std() / np.sqrt(n)


def test_dissipation_counts_baths_and_record() -> None:
    machine = MeasurementRefrigerator()
    state = state_of(np.full((1, 4), 0.25))
    _, flows = machine.step(state, told(MEASURE, 1, 1.0), 0.3)
    assert flows.record is not None
    expected = flows.record[0] - flows.heat[0, 0] / 0.5 - flows.heat[0, 1] / 1.0
    assert machine.dissipation(flows)[0] == pytest.approx(expected, abs=1e-15)
    assert flows.record[0] == pytest.approx(np.log(2.0))
