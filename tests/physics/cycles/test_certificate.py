"""The certified optimum: the bounds are bounds, they are tight, and the methods agree."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.envs.catalogue import configure
from szilard.physics.cycles.certificate import certify
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.cycles.dynamic_programming import optimal_bounds
from szilard.physics.cycles.objective import CoolingPower, Objective
from szilard.physics.cycles.scalar_problem import scalar_problem
from szilard.physics.cycles.upper_bound import upper_bound
from szilard.physics.cycles.value_iteration import Value
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

ENGINE = TwoLevelEngine()
UNEQUAL = TwoLevelEngine(gamma_c=4.0)


def test_three_methods_agree_on_the_preset():
    certificate = certify(ENGINE, 0.5)
    assert certificate.dynamic is not None
    lower, upper = certificate.power_bounds
    assert lower == pytest.approx(0.00909964, abs=5e-9)
    assert lower <= upper <= lower * (1 + 1e-5)
    assert certificate.words[2] == pytest.approx(certificate.dynamic.lower, rel=1e-9)
    assert certificate.fast == pytest.approx(1.0)
    assert upper < ENGINE.fast_cycle.power
    assert len(certificate.cycle) == 2
    assert certificate.cycle.limit_cycle().power == pytest.approx(lower, rel=1e-12)
    assert certify(ENGINE, 0.5) is certificate
    plain = json.loads(json.dumps(certificate.to_dict(), allow_nan=False))
    assert plain["lower"] == certificate.lower
    assert plain["cycle"]["choice"] == ["hot", "cold"]


@pytest.mark.parametrize(
    ("machine", "dt", "weight"),
    [
        (ENGINE, 0.1, 1.0),
        (ENGINE, 2.0, 1.0),
        (ENGINE, 0.5, 0.6),
        (TwoLevelEngine(beta_c=1.3), 0.5, 1.0),
        (TwoLevelEngine(rates="bosonic"), 0.5, 1.0),
        (TwoLevelEngine(rates="ohmic"), 0.1, 1.0),
        (UNEQUAL, 0.5, 1.0),
    ],
)
def test_certificates_are_tight(machine, dt, weight):
    certificate = certify(machine, dt, weight)
    assert 0 <= certificate.gap <= 1e-5
    assert certificate.lower >= max(certificate.words.values()) - 1e-12
    value = Objective(weight).value(certificate.cycle.limit_cycle())
    assert value == pytest.approx(certificate.lower, rel=1e-12)


def test_a_long_word_can_be_optimal():
    certificate = certify(UNEQUAL, 0.5)
    assert certificate.lower > 1.001 * max(certificate.words.values())
    assert "roll-out" in certificate.lower_source
    assert len(certificate.cycle) > 6


def test_no_power_wanted_nothing_gained():
    certificate = certify(ENGINE, 0.5, weight=0.0)
    assert certificate.lower == pytest.approx(0.0, abs=1e-12)
    assert 0.0 <= certificate.upper - certificate.lower <= 1e-12
    assert np.isnan(certificate.power_bounds).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(ENGINE, 1.0), (ENGINE, 0.6), (UNEQUAL, 1.0)]))
def test_no_cycle_beats_the_certificate(seed, case):
    machine, weight = case
    rng = np.random.default_rng(seed)
    best = certify(machine, 0.5, weight)
    if rng.random() < 0.5:
        n = int(rng.integers(1, 12))
        choice = rng.integers(0, 3, n)
        choice[0] = rng.integers(0, 2)
        cycle = Cycle(machine, rng.uniform(0.3, 1.0, (n, 1)), choice, np.full(n, 0.5))
    else:
        # near the optimum
        values = np.clip(best.cycle.values + 0.02 * rng.standard_normal(best.cycle.values.shape), 0.3, 1.0)
        cycle = Cycle(machine, values, best.cycle.choice, best.cycle.durations)
    limit = cycle.limit_cycle()
    assert Objective(weight).value(limit) <= best.upper + 1e-12
    assert limit.power <= machine.fast_cycle.power


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["fermionic", "bosonic", "ohmic"]))
def test_no_cycle_of_any_timing_beats_the_fast_bound(seed, rates):
    rng = np.random.default_rng(seed)
    machine = TwoLevelEngine(rates=rates, gamma_h=rng.uniform(0.3, 3), beta_c=rng.uniform(1.1, 4))
    n = int(rng.integers(2, 8))
    choice = np.arange(n) % 2
    cycle = Cycle(machine, rng.uniform(0.3, 1.0, (n, 1)), choice, rng.uniform(0.01, 1.0, n))
    assert cycle.limit_cycle().power <= machine.fast_cycle.power


@pytest.mark.parametrize("machine", [ENGINE, TwoLevelEngine(rates="ohmic", gamma_h=2.0)])
@pytest.mark.parametrize("shape", ["zero", "smooth", "rough"])
def test_branch_and_bound_encloses_the_supremum_for_any_h(machine, shape):
    problem = scalar_problem(machine, 0.5, Objective())
    nodes = np.linspace(problem.low, problem.high, 65)
    rng = np.random.default_rng(0)
    h = {"zero": 0.0 * nodes, "smooth": -100 * nodes + 50 * nodes**2, "rough": -100 * nodes + rng.normal(size=65)}[
        shape
    ]
    empty = np.zeros((2, 1, 65))
    bound, _ = upper_bound(problem, Value(nodes, h, 0.0, empty, empty), 1e-3)
    x, u = np.linspace(problem.low, problem.high, 801), np.linspace(0.3, 1.0, 701)
    found = 0.0
    for choice in problem.choices:
        c, d, m, v = choice(u)
        after = m[:, None] * x + v[:, None]
        assert problem.low <= after.min() <= after.max() <= problem.high
        gain = c[:, None] * x + d[:, None] + np.interp(after, nodes, h) - np.interp(x, nodes, h)
        found = max(found, float(gain.max()))
    # for a rough h the chord bound is loose by the size of a kink; it must never be too low
    assert found <= bound <= found + (0.01 if shape != "rough" else 2.0)


def test_refrigerator_can_be_certified_too():
    bounds = optimal_bounds(ENGINE, 0.5, CoolingPower())
    assert bounds.lower <= bounds.upper <= bounds.lower * (1 + 1e-5)
    cooling = bounds.cycle.limit_cycle().heat_rates[1] / ENGINE.power_unit
    assert cooling == pytest.approx(bounds.lower, rel=1e-9)
    # bounded by the infinitely fast refrigerator
    assert bounds.upper * ENGINE.power_unit <= 0.0199814


def test_bad_arguments_are_refused():
    with pytest.raises(ParameterError, match="dt"):
        certify(ENGINE, 0.0)
    with pytest.raises(ParameterError, match="weight"):
        certify(ENGINE, 0.5, weight=2.0)
    with pytest.raises(ParameterError, match="n_max"):
        certify(ENGINE, 0.5, n_max=0)


def test_without_an_upper_bound_the_best_known_cycle_counts():
    machine, dt = QubitRefrigerator(), float(configure("QubitRefrigerator-v0")[1]["dt"])
    certificate = certify(machine, dt)
    assert "stored" in certificate.lower_source
    assert certificate.lower > 1.5 * max(certificate.words.values())
    assert certificate.power_bounds[1] == np.inf
    assert json.loads(json.dumps(certificate.to_dict(), allow_nan=False))["upper"] is None
    # another machine has no stored cycle
    other = certify(dataclasses.replace(machine, Q_h=5.0), dt, n_max=3)
    assert "words" in other.lower_source
