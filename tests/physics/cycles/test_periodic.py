"""Exact gradients of limit cycles and the search over all words."""

import numpy as np
import pytest

from szilard.physics.baths import BosonicBath
from szilard.physics.control import Range
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.cycles.objective import CoolingPower, Objective
from szilard.physics.cycles.periodic import average_reward, exhaustive_words, necklaces, optimise_word
from szilard.physics.machines.dlevel import DLevelMachine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import COLD, HOT, NONE, TwoLevelEngine
from szilard.physics.validation import ParameterError

ENGINE = TwoLevelEngine()


SX, SZ = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])

QUBIT = DLevelMachine(
    hamiltonian=np.zeros((2, 2)),
    controls=((Range("u", 0.5, 2.0), SZ), (Range("w", -0.5, 0.5), SX)),
    baths={"hot": (SX, BosonicBath(1.0, 0.3)), "cold": (SX + SZ, BosonicBath(2.0, 0.6))},
    connections={"hot": ["hot"], "cold": ["cold"], "both": ["hot", "cold"]},
)
"""Three dynamical variables, two controls, maps that do not commute."""


@pytest.mark.parametrize(
    "machine",
    [ENGINE, TwoLevelEngine(rates="ohmic", gamma_c=3.0), QUBIT, QubitRefrigerator(), QubitRefrigerator(Q_h=30, Q_c=30),
     OscillatorEngine()],
)  # fmt: skip
@pytest.mark.parametrize("objective", [Objective(), Objective(0.4), CoolingPower()])
def test_gradient_agrees_with_finite_differences(machine, objective):
    rng = np.random.default_rng(5)
    k, n, space = 4, 5, machine.control_space
    middle, width = 0.5 * (space.low + space.high), 0.4 * (space.high - space.low)
    values = middle + width * rng.uniform(-1, 1, (k, n, space.n_values))
    choice = rng.integers(0, space.n_choices, (k, n))
    choice[:, 0] = 0
    durations = np.array([0.5, 0.5, 0.2, 0.9, 0.2])
    _, gradient = average_reward(machine, values, choice, durations, objective)
    step, scale = 5e-5, np.abs(gradient).max()
    for i in range(n):
        for j in range(space.n_values):
            ends = {}
            for times in (-2, -1, 1, 2):
                moved = values.copy()
                moved[:, i, j] += times * step
                ends[times] = average_reward(machine, moved, choice, durations, objective)[0]
            # fourth order: the resonances of the refrigerator are narrow
            expected = (8 * (ends[1] - ends[-1]) - (ends[2] - ends[-2])) / (12 * step)
            np.testing.assert_allclose(gradient[:, i, j], expected, atol=1e-8 * scale)


def test_average_reward_is_the_objective_of_the_limit_cycle():
    rng = np.random.default_rng(6)
    values, choice, durations = (
        rng.uniform(0.3, 1.0, (6, 4, 1)),
        rng.integers(0, 2, (6, 4)),
        rng.uniform(0.1, 2, (6, 4)),
    )
    for objective in (Objective(), Objective(0.3), CoolingPower()):
        rewards, _ = average_reward(ENGINE, values, choice, durations, objective)
        for k in range(6):
            limit = Cycle(ENGINE, values[k], choice[k], durations[k]).limit_cycle()
            assert rewards[k] == pytest.approx(objective.value(limit), rel=1e-10, abs=1e-12)
    limit = Cycle(ENGINE, values[0], choice[0], durations[0]).limit_cycle()
    expected = 0.3 * limit.power / ENGINE.power_unit
    expected -= 0.7 * limit.entropy_production_rate / ENGINE.dissipation_unit
    assert Objective(0.3).value(limit) == pytest.approx(expected)


def test_a_word_without_contact_is_nan_in_a_batch_and_an_error_alone():
    rewards, gradient = average_reward(
        ENGINE, np.full((2, 2, 1), 0.5), np.array([[NONE, NONE], [HOT, COLD]]), np.array([0.5, 0.5])
    )
    assert np.isnan(rewards[0])
    assert np.isfinite(rewards[1])
    assert (gradient[0] == 0).all()
    with pytest.raises(ParameterError, match="no limit cycle"):
        optimise_word(ENGINE, [NONE, NONE], 0.5)


def test_words_up_to_rotation():
    # numbers of necklaces: 2 letters 3, 4, 6, 8, 14; 3 letters 3, 6, 11, 24
    assert [len(list(necklaces(n, 2))) for n in (2, 3, 4, 5, 6)] == [3, 4, 6, 8, 14]
    assert [len(list(necklaces(n, 3))) for n in (1, 2, 3, 4)] == [3, 6, 11, 24]


def test_best_cycle_of_every_period():
    best = exhaustive_words(ENGINE, 0.5, 6)
    expected = {1: 0.0, 2: 0.90996, 3: 0.81022, 4: 0.90996, 5: 0.87414, 6: 0.90996}
    for n, value in expected.items():
        assert 100 * best[n].cycle.limit_cycle().power == pytest.approx(value, abs=5e-6)
        assert len(best[n].cycle) == n
    assert max(best[3].value, best[5].value) < best[2].value
    cycle = best[2].cycle
    assert sorted(cycle.values[:, 0].round(4)) == [0.5722, 0.8131]


def test_the_general_machine_finds_the_same_optimum():
    hot, cold = ENGINE.baths
    general = DLevelMachine(
        hamiltonian=np.zeros((2, 2)),
        controls=((Range("u", ENGINE.u_min, ENGINE.u_max), 0.5 * ENGINE.E0 * SZ),),
        baths={"hot": (SX, hot), "cold": (SX, cold)},
        connections={"hot": ["hot"], "cold": ["cold"], "none": []},
    )
    best = exhaustive_words(general, 0.5, 2)[2].cycle
    assert best.limit_cycle().power == pytest.approx(0.00909964, abs=5e-9)
    np.testing.assert_allclose(np.sort(best.values[:, 0]), [0.572151, 0.813096], atol=1e-5)


def test_unequal_rates_prefer_a_longer_word():
    best = exhaustive_words(TwoLevelEngine(gamma_c=4.0), 0.5, 3)
    assert best[3].value > best[2].value
    assert sorted(best[3].cycle.word.split()) == ["cold", "hot", "hot"]


def test_the_same_seed_gives_the_same_cycle():
    first, second = (optimise_word(ENGINE, [HOT, HOT, COLD], 0.5, n_starts=2, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.cycle.values, second.cycle.values)


def test_weight_must_be_a_fraction():
    with pytest.raises(ParameterError, match="weight"):
        Objective(1.5)
