"""The reward "life": over a whole life it is the work, up to a constant, for every policy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import szilard
from szilard.envs.cell_rewards import Life
from szilard.envs.kernel import Kernel
from szilard.envs.rewards import make_reward
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import Control
from szilard.physics.validation import ParameterError


@settings(max_examples=8, deadline=None)
@given(price=st.floats(0.0, 1.0), seed=st.integers(0, 99), low=st.floats(1.5, 3.0))
def test_it_adds_up_to_the_work_of_the_life(price: float, seed: int, low: float) -> None:
    cell = SelfCyclingCell(N0_A=0.2, N0_C=500.0, N_half=0.02)
    kernel, rng = Kernel(cell, 1, 120.0, reward=Life(price)), np.random.default_rng(seed)
    kernel.seed([seed])
    kernel.reset()
    start = cell.energy_left(kernel.state)[0]
    total = work = 0.0
    while not cell.ended(kernel.state)[0]:
        reward, ledger = kernel.step(Control(rng.uniform(low, 4.0, (1, 1)), np.zeros(1, dtype=np.int64)))
        total, work = total + float(reward[0]), work - float(ledger["work"][0])
    assert total * kernel.dt * cell.power_unit == pytest.approx(work - price * start, abs=1e-9)


def test_the_preset_with_little_fuel_is_rewarded_by_it_but_not_its_vector_twin() -> None:
    env = szilard.make_vec("szilard/SelfCyclingCell-v0", 1, preset="little_fuel")
    assert env.unwrapped.kernel.reward == Life()  # type: ignore[attr-defined]
    chosen = szilard.make_vec("szilard/SelfCyclingCell-v0", 1, preset="little_fuel", reward="power")
    assert chosen.unwrapped.kernel.reward.to_spec() == "power"  # type: ignore[attr-defined]
    szilard.make_vec("szilard/mo-SelfCyclingCell-v0", 1, preset="little_fuel")


def test_it_is_made_from_plain_data() -> None:
    assert make_reward(Life(0.7).to_spec()).to_spec() == {"life": {"price": 0.7, "weight": 1.0}}
    with pytest.raises(ParameterError, match="price"):
        Life(1.5)
    env = szilard.make_vec("szilard/TwoLevelEngine-v0", 1, reward="life")
    env.reset(seed=0)
    with pytest.raises(ParameterError, match="SelfCyclingCell"):
        env.step(env.action_space.sample())
