"""Adversaries that are paid for work from a cell without a source of energy, and must fail.

From equilibrium no policy whatever extracts net work from ``energy_source="none"``; from any other state no more than
the exergy that it started with. The same learner with the same effort is paid by a cell with fuel: it is an able one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3 import PPO

from szilard.envs.encodings import EncodeVectorAction
from szilard.envs.machine_env import MachineVectorEnv
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.control import FloatArray

Adversary = Callable[..., PPO]

DT = 10.0


def environment(source: str, num: int, episode: int | None = None) -> EncodeVectorAction:
    machine = SelfCyclingCell(energy_source=source, port_voltage=1.5)
    return EncodeVectorAction(MachineVectorEnv(machine, DT, num, episode, "power"))


def trained(adversary: Adversary, source: str) -> PPO:
    return adversary(environment(source, 128, 50), 24_000, gamma=0.95)


@dataclass(frozen=True)
class Run:
    """Sums over runs of a policy, (K,) each, J: work delivered, loss of exergy, and T0 times the entropy production."""

    work: FloatArray
    exergy_loss: FloatArray
    lost_work: FloatArray


def run(source: str, choose: Any, steps: int = 250, num: int = 64) -> Run:
    env = environment(source, num)
    observation, _ = env.reset(seed=1)
    inner: Any = env.unwrapped
    work, loss, lost = np.zeros(num), np.zeros(num), np.zeros(num)
    for _ in range(steps):
        observation, _, _, _, ledger = env.step(choose(observation))  # audits both laws
        work -= ledger["work"]
        loss -= ledger["exergy_change"]
        lost += inner.machine.T_a * ledger["entropy_production"]
    return Run(work, loss, lost)


def test_a_trained_adversary_gets_no_work_out_of_nothing(adversary: Adversary) -> None:
    model = trained(adversary, "none")
    for deterministic in (True, False):
        found = run("none", lambda seen, d=deterministic: model.predict(seen, deterministic=d)[0])
        assert found.work.max() <= 1e-9
        np.testing.assert_allclose(found.work, found.exergy_loss - found.lost_work, atol=1e-9)
    # it has learned as much as there is to learn: to lose little
    assert found.work.mean() > -20.0


def test_the_same_adversary_is_paid_by_a_cell_with_fuel(adversary: Adversary) -> None:
    model = trained(adversary, "chemical")
    found = run("chemical", lambda seen: model.predict(seen, deterministic=True)[0])
    machine = SelfCyclingCell()
    duration = 250 * DT
    layers = 0.5 * machine.C_A * 1.0**2 + 0.5 * machine.C_C * machine.E_C**2  # what the start may have stored, J
    assert found.work.min() > 0.0
    assert found.work.mean() > 0.5 * machine.matched_power * duration
    assert (found.work <= found.exergy_loss).all()
    assert found.work.mean() < machine.matched_power * duration + layers


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), hold=st.integers(1, 40))
def test_random_policies_get_no_work_out_of_nothing(seed: int, hold: int) -> None:
    """Loads and voltages that are held for a while; uniform in the logarithm of the load, often at a limit."""
    rng, num = np.random.default_rng(seed), 32
    action = np.zeros((num, 2), dtype=np.float32)
    count = 0

    def choose(_: Any) -> Any:
        nonlocal action, count
        if count % hold == 0:
            action = np.clip(1.5 * rng.uniform(-1.0, 1.0, (num, 2)), -1.0, 1.0).astype(np.float32)
        count += 1
        return action

    found = run("none", choose, steps=80, num=num)
    assert found.work.max() <= 1e-9
    assert (found.lost_work >= -1e-12).all()
    assert (found.work <= found.exergy_loss + 1e-9).all()


def test_from_any_start_no_more_than_the_exergy_that_was_there() -> None:
    env = environment("none", 64)
    env.reset(seed=0)
    inner: Any = env.unwrapped
    machine, rng = inner.machine, np.random.default_rng(0)
    state = inner.kernel.state.copy()
    state[:, 0] += rng.uniform(-2.0, 2.0, 64)
    state[:, 2] += rng.uniform(-3.0, 3.0, 64)
    state[:, 5] = rng.uniform(0.0, 5.0, 64)
    env.reset(options={"state": state})
    before = machine.internal_energy(state) - machine.T_a * machine.entropy(state)
    rest = machine.initial_state(np.zeros((64, 2)))
    least = machine.internal_energy(rest) - machine.T_a * machine.entropy(rest)
    work = np.zeros(64)
    for _ in range(150):
        # the voltage against the cell's own: the best that can be done is to discharge it
        own = (inner.kernel.state[:, 0] - inner.kernel.state[:, 1]) / machine.C_A
        own = own + inner.kernel.state[:, 2] / machine.C_C
        against = np.clip(0.5 * own / machine.port_voltage, -1.0, 1.0)
        work -= env.step(np.stack([np.full(64, -1.0), against], axis=1))[4]["work"]
    assert work.max() > 0.1
    assert (work <= before - least + 1e-9).all()
