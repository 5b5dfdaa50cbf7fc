"""Evaluation in the limit cycle, and the agents without learning that it is tested with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from szilard.agents.evaluation import evaluate
from szilard.agents.open_loop import CycleAgent, PlayedSteps, RandomAgent
from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_engine import HOT, FerroelectricEngine
from szilard.physics.cells.protocol_search import best_known
from szilard.physics.cycles.cycle import Cycle
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

MACHINE = TwoLevelEngine()


def cycle(u: list[float], bath: list[int], durations: list[float]) -> Cycle:
    return Cycle(MACHINE, np.array(u)[:, None], np.array(bath), np.array(durations))


@pytest.mark.parametrize(
    "played",
    [
        cycle([0.8131, 0.5722], [0, 1], [0.5, 0.5]),
        cycle([0.8, 0.6, 0.5, 0.7], [0, 2, 1, 2], [1.5, 0.5, 2.0, 0.5]),
        cycle([0.9, 0.5], [0, 1], [30.0, 40.0]),  # thermalises: the state stands still long before the cycle turns
    ],
    ids=["fast", "four strokes", "slow"],
)
def test_a_played_cycle_is_worth_its_limit_cycle(played: Cycle) -> None:
    exact = played.limit_cycle()
    seen = evaluate(CycleAgent(played, 0.5), MACHINE, 0.5, n_starts=4)
    np.testing.assert_allclose(seen.powers, exact.power, rtol=1e-9)
    np.testing.assert_allclose(seen.heat_rates, exact.heat_rates, rtol=1e-9)
    assert seen.period == pytest.approx(exact.period)
    assert seen.efficiency == pytest.approx(exact.efficiency)
    assert seen.entropy_production_rate == pytest.approx(exact.entropy_production_rate)
    assert seen.periodic == 1.0
    assert seen.law_residual < 1e-14
    assert seen.min_entropy_production > -1e-12


def test_cycle_agent_restarts_with_the_episode_and_refuses_another_grid() -> None:
    agent = CycleAgent(cycle([0.8, 0.6, 0.5], [0, 2, 1], [0.5, 0.5, 0.5]), 0.5)
    obs = np.zeros((2, 2))
    action, state = agent.predict(obs, None, np.array([True, True]))
    assert action["bath"].tolist() == [0, 0]
    action, state = agent.predict(obs, state, np.array([False, True]))
    assert action["bath"].tolist() == [2, 0]
    with pytest.raises(ParameterError, match="multiple of dt"):
        CycleAgent(agent.cycle, 0.3)


class Policy:
    """A policy from a function of the observation."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        return self.act(observation), state


def test_idle_is_worth_nothing() -> None:
    idle = Policy(lambda o: {"control": np.zeros((len(o), 1)), "bath": np.full(len(o), 2)})
    seen = evaluate(idle, MACHINE, 0.5)
    assert seen.power == 0.0
    assert np.isnan(seen.efficiency)
    assert seen.limit_cycle is None


def test_doing_nothing_in_a_costly_way_has_no_efficiency() -> None:
    """Both baths at one frequency, no work: what is left is round-off, and no efficiency above Carnot's."""
    engine = OscillatorEngine()
    for u in (0.6, 0.77, 0.9):
        held = Cycle(engine, np.full((3, 1), u), np.array([0, 1, 2]), np.full(3, 0.2))
        found = evaluate(CycleAgent(held, 0.2), engine, 0.2, n_starts=2)
        assert abs(found.power) < 1e-12
        assert np.isnan(found.efficiency)
    cold = Cycle(engine, np.array([[0.6], [0.9]]), np.array([1, 1]), np.full(2, 0.2))
    assert np.isnan(evaluate(CycleAgent(cold, 0.2), engine, 0.2, n_starts=2).efficiency)


def test_feedback_policy_ends_in_its_cycle() -> None:
    """Bang-bang on the population: heat when it is low, cool when it is high."""
    bang = Policy(lambda o: {"control": np.where(o[:, :1] < -0.5, 0.47, -0.22), "bath": (o[:, 0] >= -0.5).astype(int)})
    seen = evaluate(bang, MACHINE, 0.5, n_starts=8)
    assert seen.periodic == 1.0
    assert seen.limit_cycle is not None
    assert seen.limit_cycle.power == pytest.approx(np.median(seen.powers), rel=1e-9)
    assert 0 < seen.power <= 0.0091


def test_a_policy_that_never_repeats_is_averaged_without_stored_energy() -> None:
    seen = evaluate(RandomAgent(MACHINE.control_space, seed=1), MACHINE, 0.5, n_starts=64)
    assert seen.periodic == 0.0
    assert np.isnan(seen.period)
    # uniformly random controls cost work: the mean over long runs is -0.0153(1)
    assert seen.power == pytest.approx(-0.0153, abs=6e-4)
    # energy does not pile up: power and total heat agree
    assert seen.heat_rates.sum() == pytest.approx(seen.power, abs=1e-12)


# ---- machines that are not affine ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FerroelectricEngine, ElectrocaloricCooler])
def test_a_periodic_program_of_a_cell_has_its_period_and_the_power_of_its_steady_cycle(
    kind: type[FerroelectricEngine],
) -> None:
    machine, dt = kind(max_sub_step=5e-3), 0.02
    protocol = best_known(machine, dt)
    assert protocol is not None
    exact = protocol.steady(machine)
    agent = PlayedSteps(machine.control_space, *protocol.steps(dt))
    seen = evaluate(agent, machine, dt, n_starts=2, burn_in=400, window=150)
    np.testing.assert_allclose(seen.powers, exact.power[0], rtol=1e-7)
    np.testing.assert_allclose(seen.heat_rates, exact.heat[0] / exact.period[0], rtol=1e-7)
    assert seen.period == pytest.approx(exact.period[0])
    assert seen.periodic == 1.0
    # a record with a part of a period more, or without a whole one in its second half
    longer = evaluate(agent, machine, dt, n_starts=2, burn_in=400, window=161)
    np.testing.assert_allclose(longer.powers, exact.power[0], rtol=1e-7)
    assert evaluate(agent, machine, dt, n_starts=2, burn_in=400, window=30).periodic == 0.0


def test_a_cell_that_still_drifts_is_in_no_limit_cycle() -> None:
    """Constant controls repeat at once, and the state nearly: the contact takes hours to warm the film."""
    machine = FerroelectricEngine(tau=5e3, max_sub_step=5e-3)
    held = PlayedSteps(machine.control_space, np.array([[machine.E_low]]), np.array([HOT]))
    slow = evaluate(held, machine, 0.02, n_starts=2, burn_in=200, window=200)
    assert slow.periodic == 0.0
    assert np.isnan(slow.period)
    quick = evaluate(held, FerroelectricEngine(max_sub_step=5e-3), 0.02, n_starts=2, burn_in=400, window=20)
    assert quick.period == pytest.approx(0.02)
