"""Fluctuations of cycles: recursion for the work, eigenvalues, trajectories, fluctuation theorem, bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szilard.physics.baths import BosonicBath
from szilard.physics.control import Control, Range
from szilard.physics.counting import count_step
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.cycles.fluctuations import (
    cumulant_rates,
    fluctuations,
    generating_function,
    heat_covariance,
    is_time_symmetric,
    work_variance_rate,
)
from szilard.physics.machines.dlevel import DLevelMachine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import COLD, HOT, TwoLevelEngine
from szilard.physics.validation import ParameterError

ENGINE = TwoLevelEngine()


def a2(machine=ENGINE):
    return Cycle(machine, np.array([[0.8131], [0.5722]]), np.array([HOT, COLD]), np.array([0.5, 0.5]), "A2")


def random_cycle(machine, rng, steps=None):
    """Both baths of a machine that chooses between them are connected in every period."""
    space, n = machine.control_space, steps or int(rng.integers(2, 8))
    choice = np.append([0, 1], rng.integers(0, 3, n - 2)) if space.choices else np.zeros(n, dtype=int)
    values = space.low + (space.high - space.low) * rng.random((n, space.n_values))
    return Cycle(machine, values, choice, rng.uniform(0.05, 3.0, n))


@st.composite
def two_level_cycles(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(("fermionic", "bosonic", "ohmic")))
    machine = TwoLevelEngine(rates=kind, beta_c=draw(st.floats(1.05, 6.0)), gamma_c=draw(st.floats(0.2, 5.0)))
    return random_cycle(machine, rng)


# ---- work of the two-level engine -----------------------------------------------------------------------------------


def test_variance_of_the_best_cycle():
    # erdman_noe.md, A4; the optimal levels on the grid are those of A1
    best = Cycle(ENGINE, np.array([[0.813096], [0.572151]]), np.array([HOT, COLD]), np.array([0.5, 0.5]))
    found = fluctuations(best.limit_cycle())
    assert found.power_variance_rate == pytest.approx(0.01380842, abs=2e-7)
    assert found.fano_factor == pytest.approx(1.5175, abs=5e-5)
    assert found.relative_fluctuation == pytest.approx(math.sqrt(0.01380842) / 0.00909964, rel=1e-5)


@settings(max_examples=50)
@given(two_level_cycles())
def test_heat_counted_by_jumps_is_work_counted_at_switches(cycle):
    # erdman_noe.md, section 2: c <- e c (hold); var += D^2 v + 2 D c; c <- c + v D (switch)
    limit, machine = cycle.limit_cycle(), cycle.machine
    gap = machine.E0 * cycle.values[:, 0]
    decay = [
        machine.affine(Control(cycle.values[k : k + 1], cycle.choice[k : k + 1]), t).matrix[0, 0, 0]
        for k, t in enumerate(cycle.durations)
    ]
    p, c = limit.states[1:, 0], 0.0
    start, variance = math.prod(decay), 0.0
    for sweep in range(2):
        variance = 0.0
        for d, e, v in zip(gap - np.roll(gap, -1), decay, p * (1 - p), strict=True):
            c *= e
            variance += d * d * v + 2 * d * c
            c += v * d
        if sweep == 0:
            c /= 1.0 - start
    assert work_variance_rate(limit) == pytest.approx(variance / limit.period, rel=1e-9, abs=1e-13)


def tilted_variance_rate(cycle, step=1e-3):
    """Second derivative of the logarithm of the largest eigenvalue of the tilted one-period matrix."""
    machine, limit = cycle.machine, cycle.limit_cycle()
    maps = machine.affine(Control(cycle.values, cycle.choice), float(cycle.durations[0]))
    energy = machine.E0 * cycle.values[:, 0]

    def growth(s):
        product = np.eye(2)
        for k in range(len(cycle)):
            m, v = maps.matrix[k, 0, 0], maps.offset[k, 0]
            hold = np.array([[1 - v, 1 - m - v], [v, m + v]])  # columns: start empty, start occupied
            switch = np.diag([1.0, np.exp(s * (energy[k] - energy[(k + 1) % len(cycle)]))])
            product = switch @ hold @ product
        return np.log(np.abs(np.linalg.eigvals(product)).max())

    # fourth-order central difference
    points = [growth(k * step) for k in (-2, -1, 0, 1, 2)]
    return np.dot([-1, 16, -30, 16, -1], points) / (12 * step**2) / limit.period


def test_variance_of_the_work_agrees_with_the_tilted_matrix():
    rng = np.random.default_rng(3)
    for machine in (ENGINE, TwoLevelEngine(rates="bosonic", gamma_c=0.4)):
        for cycle in (
            a2(machine),
            Cycle(machine, rng.uniform(0.3, 1.0, (5, 1)), np.array([0, 2, 1, 1, 0]), np.full(5, 0.7)),
        ):
            assert work_variance_rate(cycle.limit_cycle()) == pytest.approx(tilted_variance_rate(cycle), rel=1e-6)


def test_variance_of_the_work_agrees_with_monte_carlo():
    cycle = a2()
    limit = cycle.limit_cycle()
    rng, k = np.random.default_rng(1), 40000
    maps = ENGINE.affine(Control(cycle.values, cycle.choice), 0.5)
    level, work = rng.random(k) < limit.states[0, 0], np.zeros(k)
    extracted = ENGINE.E0 * (cycle.values[:, 0] - cycle.values[::-1, 0])
    early = 0.0
    for period in range(60):
        for i in range(2):
            occupied = maps.matrix[i, 0, 0] * level + maps.offset[i, 0]
            level = rng.random(k) < occupied
            work += extracted[i] * level
        if period == 9:
            early = work.var()
    # the first periods carry the end correction, which does not grow with time
    rate = (work.var() - early) / (50 * limit.period)
    assert work.mean() / (60 * limit.period) == pytest.approx(limit.power, rel=0.03)
    assert rate == pytest.approx(work_variance_rate(limit), rel=0.03)


# ---- all machines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("machine", [ENGINE, QubitRefrigerator(), OscillatorEngine()], ids=lambda m: type(m).__name__)
def test_rates_are_what_count_step_settles_to(machine, seed):
    cycle = random_cycle(machine, np.random.default_rng(seed))
    limit, weights = cycle.limit_cycle(), np.array([0.7, -0.4])
    covariance, previous = np.zeros((1, machine.n_dynamic)), 0.0
    variance = 0.0
    for _ in range(400):
        variance = 0.0
        for k, dt in enumerate(cycle.durations):
            control = Control(cycle.values[k : k + 1], cycle.choice[k : k + 1])
            covariance, more = count_step(machine, limit.states[k : k + 1], covariance, control, float(dt), weights)
            variance += float(more[0])
        if abs(variance - previous) < 1e-14 * variance:
            break
        previous = variance
    found = heat_covariance(limit)
    assert weights @ found @ weights * limit.period == pytest.approx(variance, rel=1e-9)
    assert np.linalg.eigvalsh(found).min() >= -1e-15 * np.abs(found).max()


def general_machine():
    shape = [np.array([[0, 1, 0.4], [1, 0, 0.7], [0.4, 0.7, 0]]), np.array([[0, 0.5, 1], [0.5, 0, 0.3], [1, 0.3, 0]])]
    return DLevelMachine(
        hamiltonian=np.diag([0.0, 2.0, 5.0]),
        controls=((Range("u", -0.5, 0.5), np.diag([0.0, 1.0, -0.6]) + 0.5 * shape[0]),),
        baths={n: (a, BosonicBath(b, 0.02)) for n, a, b in zip("hc", shape, (0.3, 0.8), strict=True)},
        connections={"hot": ["h"], "cold": ["c"], "both": ["h", "c"]},
    )


@pytest.mark.parametrize("machine", [ENGINE, QubitRefrigerator(), general_machine()], ids=lambda m: type(m).__name__)
def test_cumulants_and_the_fluctuation_theorem(machine):
    rng = np.random.default_rng(6)
    for _ in range(3):
        cycle = random_cycle(machine, rng)
        limit, weights = cycle.limit_cycle(), np.array([0.7, -0.4])
        covariance = heat_covariance(limit)
        mean, variance = cumulant_rates(cycle, weights, 2)
        assert mean == pytest.approx(weights @ limit.heat_rates, rel=1e-8, abs=1e-14)
        assert variance == pytest.approx(weights @ covariance @ weights, rel=1e-8)
        # third cumulant: slope of the second derivative, by differences along the real axis
        h = 0.05 / machine.energy_scale
        points = [generating_function(cycle, k * h * weights).real for k in (-3, -2, -1, 1, 2, 3)]
        third = np.dot(points, [1, -8, 13, -13, 8, -1]) / (8 * h**3)
        assert cumulant_rates(cycle, weights)[2] == pytest.approx(third, rel=1e-2, abs=1e-6 * variance)
        # P(Q) of a cycle = exp(-beta Q) P(-Q) of the reversed cycle, coherence included
        field = rng.uniform(-0.5, 1.5, 2) * machine.betas
        forward, backward = (
            generating_function(c, f).real for c, f in ((cycle, field), (cycle.reverse(), machine.betas - field))
        )
        assert forward == pytest.approx(backward, rel=1e-9, abs=1e-13)
        assert abs(forward) > 1e-7
        assert generating_function(cycle, machine.betas).real == pytest.approx(0.0, abs=1e-12)


def test_a_machine_of_infinite_dimension_has_no_third_cumulant():
    limit = random_cycle(OscillatorEngine(), np.random.default_rng(0)).limit_cycle()
    with pytest.raises(NotImplementedError, match="OscillatorEngine"):
        cumulant_rates(limit.cycle, np.ones(2))
    found = fluctuations(limit)
    assert math.isnan(found.third_cumulant_rate)
    assert found.power_variance_rate > 0
    with pytest.raises(ParameterError, match="order = 0"):
        cumulant_rates(limit.cycle, np.ones(2), 0)


# ---- uncertainty relations ------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(two_level_cycles())
def test_bound_for_driven_rate_equations(cycle):
    found = fluctuations(cycle.limit_cycle())
    assert math.isnan(found.driven_tur_ratio) or found.driven_tur_ratio >= 1.0 - 1e-9


@settings(max_examples=30)
@given(two_level_cycles())
def test_bound_for_time_symmetric_drives(half):
    there_and_back = np.append(np.arange(len(half)), np.arange(len(half))[::-1])
    cycle = Cycle(half.machine, *(a[there_and_back] for a in (half.values, half.choice, half.durations)))
    assert is_time_symmetric(cycle)
    found = fluctuations(cycle.limit_cycle())
    assert found.power == 0.0 or found.symmetric_tur_ratio >= 1.0 - 1e-9


@pytest.mark.parametrize("machine", [QubitRefrigerator(), OscillatorEngine()], ids=lambda m: type(m).__name__)
def test_no_bound_is_claimed_with_coherence(machine):
    found = fluctuations(random_cycle(machine, np.random.default_rng(1), steps=2).limit_cycle())
    assert found.tur_ratio > 0.0
    assert math.isnan(found.driven_tur_ratio)
    assert math.isnan(found.symmetric_tur_ratio)


def test_time_symmetry():
    levels = np.array([[0.4], [0.5], [0.9], [0.5]])
    symmetric = Cycle(ENGINE, levels, np.array([1, 2, 0, 2]), np.array([1.0, 0.5, 2.0, 0.5]))
    assert all(is_time_symmetric(symmetric.rotate(k)) for k in range(4))
    skew = Cycle(ENGINE, levels, np.array([1, 2, 0, 2]), np.array([1.0, 0.5, 2.0, 0.6]))
    assert not is_time_symmetric(skew)
    assert math.isnan(fluctuations(skew.limit_cycle()).symmetric_tur_ratio)


def test_a_driven_machine_beats_the_bound_of_steady_states():
    slow = Cycle(
        ENGINE, np.array([[0.7313], [0.3911], [0.4019]]), np.array([HOT, COLD, COLD]), np.array([3.0, 2.8, 3.1])
    )
    found = fluctuations(slow.limit_cycle())
    assert found.power > 0
    assert found.tur_ratio == pytest.approx(0.805, abs=0.01)
    assert found.driven_tur_ratio > 1.0
    assert found.trade_off > 0.5
    limit = slow.limit_cycle()
    eta, carnot = limit.efficiency, limit.carnot_efficiency
    by_hand = limit.power * eta / (carnot - eta) / ENGINE.beta_c / found.power_variance_rate
    assert found.trade_off == pytest.approx(by_hand, rel=1e-12)
    assert "the drive makes it steadier" in found.sentence()
    assert "times the least that is possible" in fluctuations(a2().limit_cycle()).sentence()


@settings(max_examples=8)
@given(st.floats(0.3, 1.0), st.floats(0.2, 0.9), st.floats(0.001, 0.02))
def test_bound_of_classical_steady_states(u, beta_hot, gamma):
    # one qubit between two baths, control held for ever: heat flows, no coherence
    machine = DLevelMachine(
        hamiltonian=np.zeros((2, 2)),
        controls=((Range("u", 0.3, 1.0), np.diag([1.0, -1.0])),),
        baths={
            "hot": (np.array([[0.0, 1.0], [1.0, 0.0]]), BosonicBath(beta_hot, gamma)),
            "cold": (np.array([[0.0, 1.0], [1.0, 0.0]]), BosonicBath(1.0, 0.01)),
        },
    )
    limit = Cycle(machine, np.array([[u]]), np.array([0]), np.array([2.0])).limit_cycle()
    matrix, heat = heat_covariance(limit), limit.heat_rates
    assert matrix[0, 0] * limit.entropy_production_rate / (2 * heat[0] ** 2) >= 1.0 - 1e-9
    # what enters leaves: the long-time fluctuations of both heats are the same
    np.testing.assert_allclose(matrix, matrix[0, 0] * np.array([[1, -1], [-1, 1]]), rtol=1e-8)
    assert math.isnan(fluctuations(limit).tur_ratio)  # no work, no ratio
    assert "no cooling power" in fluctuations(limit).sentence("cooling power")
