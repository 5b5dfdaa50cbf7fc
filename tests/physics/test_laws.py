"""The audit: honest machines pass, every kind of broken bookkeeping is caught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.envs.machine_env import MachineVectorEnv
from szilard.physics import baths
from szilard.physics.baths import FermionicBath
from szilard.physics.control import Control
from szilard.physics.laws import EnergyFlows, ThermodynamicsViolation, audit
from szilard.physics.machine import Propagated
from szilard.physics.machines.two_level import TwoLevelEngine


def drive(machine: TwoLevelEngine, steps: int = 50, num: int = 64) -> None:
    """Random actions through the environment, which audits by default."""
    env = MachineVectorEnv(machine, dt=0.5, num_envs=num)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(steps):
        env.step(env.action_space.sample())


@dataclass(frozen=True)
class HotterThanItSays(FermionicBath):
    """Excites as if it had half its inverse temperature."""

    @staticmethod
    def rates(omega: Any, beta: Any, gamma: Any) -> tuple[np.ndarray, np.ndarray]:
        return FermionicBath.rates(omega, 0.5 * beta, gamma)


class WrongSign(TwoLevelEngine):
    def propagate(self, *args: Any, **kwargs: Any) -> Propagated:
        after = super().propagate(*args, **kwargs)
        return after._replace(heat=-after.heat)


class FreeQuench(TwoLevelEngine):
    def propagate(self, *args: Any, **kwargs: Any) -> Propagated:
        after = super().propagate(*args, **kwargs)
        return after._replace(work=np.zeros_like(after.work))


class WrongBath(TwoLevelEngine):
    """Books the heat to the other bath: energy is conserved, the second law is not."""

    def propagate(self, *args: Any, **kwargs: Any) -> Propagated:
        after = super().propagate(*args, **kwargs)
        return after._replace(heat=after.heat[:, ::-1])


class Diverges(TwoLevelEngine):
    def propagate(self, *args: Any, **kwargs: Any) -> Propagated:
        after = super().propagate(*args, **kwargs)
        return after._replace(state=after.state * np.nan)


def test_an_honest_machine_passes() -> None:
    drive(TwoLevelEngine())


@pytest.mark.parametrize(
    ("machine", "law"),
    [(WrongSign(), "first law"), (FreeQuench(), "first law"), (WrongBath(), "second law"), (Diverges(), "first law")],
)
def test_a_broken_machine_is_caught(machine: TwoLevelEngine, law: str) -> None:
    with pytest.raises(ThermodynamicsViolation, match=f"{law} violated") as caught:
        drive(machine)
    assert caught.value.law == law
    assert not abs(caught.value.residual) <= caught.value.tolerance


def test_a_bath_without_detailed_balance_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(baths.BATH_KINDS, "fermionic", HotterThanItSays)
    with pytest.raises(ThermodynamicsViolation, match="detailed balance violated: bath 'hot'"):
        TwoLevelEngine()


def test_a_bath_that_slipped_past_construction_breaks_the_second_law(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = TwoLevelEngine()
    monkeypatch.setitem(baths.BATH_KINDS, "fermionic", HotterThanItSays)
    with pytest.raises(ThermodynamicsViolation, match="second law violated"):
        drive(machine)


def test_the_audit_can_be_switched_off() -> None:
    env = MachineVectorEnv(WrongSign(), dt=0.5, check_laws=False)
    env.reset(seed=0)
    *_, ledger = env.step({"control": np.array([[0.9]]), "bath": np.array([0])})
    assert abs(ledger["law_residual"][0]) > 1e-3


@given(
    beta_h=st.floats(0.05, 2.0),
    ratio=st.floats(1.01, 8.0),
    gammas=st.tuples(st.floats(0.01, 20.0), st.floats(0.01, 20.0)),
    rates=st.sampled_from(["fermionic", "bosonic", "ohmic"]),
    dt=st.floats(1e-3, 50.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_entropy_production_is_never_negative(
    beta_h: float, ratio: float, gammas: tuple[float, float], rates: str, dt: float, seed: int
) -> None:
    machine = TwoLevelEngine(beta_h=beta_h, beta_c=beta_h * ratio, gamma_h=gammas[0], gamma_c=gammas[1], rates=rates)
    rng = np.random.default_rng(seed)
    state = np.stack([rng.random(32), rng.uniform(0.3, 1.0, 32)], axis=1)
    state[:2, 0] = 0.0, 1.0  # pure states
    for _ in range(4):
        control = Control(rng.uniform(0.3, 1.0, (32, 1)), rng.integers(0, 3, 32))
        state, flows = machine.step(state, control, dt)
        residual, sigma = audit(flows, machine.betas, machine.energy_scale)
        assert np.abs(residual).max() < 1e-13
        assert sigma.min() > -1e-12


def flows(**changes: Any) -> EnergyFlows:
    """One step in which heat 0.3 from a bath at beta = 2 raises the entropy by 0.7."""
    good = EnergyFlows(np.array([0.5]), np.array([0.2]), np.array([[0.3]]), np.array([0.7]))
    return replace(good, **changes)


BETA = np.array([2.0])


def test_a_measurement_pays_with_energy_and_information() -> None:
    audit(flows(), BETA, 1.0)
    measured = {"measurement_energy": np.array([0.1]), "energy_change": np.array([0.6])}
    audit(flows(**measured), BETA, 1.0)
    with pytest.raises(ThermodynamicsViolation, match="second law"):
        audit(flows(entropy_change=np.array([0.5])), BETA, 1.0)
    audit(flows(entropy_change=np.array([0.5]), information=np.array([0.1])), BETA, 1.0)


@pytest.mark.parametrize("name", ["energy_change", "work", "heat", "entropy_change"])
def test_nan_is_a_violation(name: str) -> None:
    with pytest.raises(ThermodynamicsViolation):
        audit(flows(**{name: getattr(flows(), name) * np.nan}), BETA, 1.0)


def test_tolerance_is_round_off_and_not_more() -> None:
    audit(flows(work=np.array([0.2 + 5e-15])), BETA, 1.0)
    with pytest.raises(ThermodynamicsViolation, match="first law"):
        audit(flows(work=np.array([0.2 + 5e-14])), BETA, 1.0)
    audit(flows(entropy_change=np.array([0.6 - 1e-13])), BETA, 1.0)
    with pytest.raises(ThermodynamicsViolation, match="second law"):
        audit(flows(entropy_change=np.array([0.6 - 1e-11])), BETA, 1.0)


def test_round_off_of_large_energies_is_no_violation_but_more_is() -> None:
    """Delta E is a difference of energies; where both are large, so is their round-off."""
    small = flows(work=np.array([0.2 + 5e-9]))
    with pytest.raises(ThermodynamicsViolation, match="first law"):
        audit(small, BETA, 1.0)
    audit(replace(small, energy=np.array([1e6])), BETA, 1.0)
    with pytest.raises(ThermodynamicsViolation, match="first law"):
        audit(flows(work=np.array([0.2 + 5e-7]), energy=np.array([1e6])), BETA, 1.0)
    # energies that are not large change nothing
    with pytest.raises(ThermodynamicsViolation, match="first law"):
        audit(replace(small, energy=np.array([1.0])), BETA, 1.0)
