"""Rewards as vectors: power, dissipation and fluctuations of the power, in MO-Gymnasium's convention.

    reward = ( P/P0,  -Sigma/Sigma0,  -d var(N)/dt / V0 )          V0 = P0 times the machine's energy scale

The first two are the parts of the scalar reward with a weight c: its dot product with (c, 1 - c, 0). N is the output
counted so far (extracted work of an engine, heat from the cold bath of a refrigerator). The growth of its variance is a
sum over steps on the extended state (state, covariance of N with the dynamical variables), so the covariance is carried
along and is the end of the observation; a single increment may be positive or negative.

A machine without counting statistics, such as a demon, has the first two components alone and no covariance: its steps
are conditional means, whose spread over the outcomes is not the variance of what is counted.

MO-Gymnasium is followed, not imported: ``reward_space`` and ``reward_dim`` of the unwrapped environment, rewards of
shape (d,) float32 with d = 3 or 2, and (K, d) from the vector environment. Its wrappers (``LinearReward`` ...) work as
they are.

Sources: MO-Gymnasium (F. Felten et al., NeurIPS Datasets and Benchmarks (2023)); extended state, P. A. Erdman et al.,
Phys. Rev. Research 5, L022017 (2023).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..physics.control import Control, FloatArray
from ..physics.counting import count_step
from ..physics.laws import EnergyFlows
from ..physics.machine import AffineMachine, Machine
from ..physics.validation import ParameterError, check_shape
from .kernel import Kernel
from .machine_env import MachineEnv, MachineVectorEnv
from .rewards import Reward

OBJECTIVES = ("power", "dissipation", "fluctuations")
"""What the components of the reward stand for; all are to be maximised, so the last two are negative."""


def objectives(machine: Machine) -> tuple[str, ...]:
    """The ``OBJECTIVES`` that the machine has: all, or without counting statistics the first two."""
    counts = isinstance(machine, AffineMachine) and type(machine).count is not AffineMachine.count
    return OBJECTIVES if counts else OBJECTIVES[:2]


def variance_unit(machine: Machine) -> float:
    """V0: the growth rate of the variance that rewards are measured in (energy^2 per time)."""
    return machine.power_unit * machine.energy_scale


class MultiObjectiveKernel(Kernel):
    """A kernel with vector rewards (K, d); arguments as in ``Kernel``, but no weight.

    Raises:
        ParameterError: if ``reward`` does not follow the power.
    """

    def __init__(self, machine: Machine, num: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(machine, num, *args, **kwargs)
        if not self.reward.follows_power:
            raise ParameterError(f"reward = {self.reward.to_spec()!r}: must have the power as its long-run average")
        self.objectives = objectives(machine)
        # of N with each dynamical variable; none where nothing is counted
        counted = machine.n_dynamic if "fluctuations" in self.objectives else 0
        self.covariance: FloatArray = np.zeros((num, counted))
        low, high = machine.usual_range
        half = 0.5 * (high - low)[:counted]
        self._covariance_unit = machine.energy_scale * np.where(half > 0.0, half, 1.0)
        end = np.full(counted, np.inf, dtype=np.float32)
        box = self.observation_space
        self.observation_space = spaces.Box(
            np.concatenate([box.low, -end]), np.concatenate([box.high, end]), dtype=np.float32
        )

    def reset(self, rows: NDArray[np.int64] | None = None, state: FloatArray | None = None, weight: Any = None) -> None:
        super().reset(rows, state, weight)
        self.covariance = self.covariance.copy()
        self.covariance[self._rows if rows is None else rows] = 0.0

    def observe(self) -> NDArray[np.float32]:
        scaled = (self.covariance / self._covariance_unit).astype(np.float32)
        return np.concatenate([super().observe(), scaled], axis=1)

    def _reward(
        self, before: FloatArray, control: Control, after: FloatArray, flows: EnergyFlows
    ) -> tuple[FloatArray, dict[str, NDArray[Any]]]:
        machine, dt = self.machine, self.dt
        power = self.reward(machine, before, after, flows, dt)
        loss = self.loss(machine, before, after, flows, dt)
        if "fluctuations" not in self.objectives:
            return np.stack([power, loss], axis=1), {}
        assert isinstance(machine, AffineMachine)
        self.covariance, variance = count_step(machine, before, self.covariance, control, dt)
        rewards = np.stack([power, loss, variance * (-1.0 / (dt * variance_unit(machine)))], axis=1)
        return rewards, {"variance": variance, "covariance": self.covariance}

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {"covariance": self.covariance.copy()}

    def set_state(self, saved: dict[str, Any]) -> None:
        if "covariance" not in saved:
            raise ParameterError("the saved state has no covariance: it belongs to an environment with scalar rewards")
        covariance = np.array(saved["covariance"], dtype=float)
        check_shape("covariance", covariance, self.covariance.shape)
        super().set_state(saved)
        self.covariance = covariance


class _Vector:
    """What both faces tell of their reward."""

    kernel: Kernel

    @cached_property
    def reward_space(self) -> spaces.Box:
        """``Box`` of shape (d,), the reward of one copy."""
        return spaces.Box(-np.inf, np.inf, (self.reward_dim,), np.float32)

    @property
    def reward_dim(self) -> int:
        """d: 3, or 2 for a machine without counting statistics."""
        return len(objectives(self.kernel.machine))


class MultiObjectiveEnv(_Vector, MachineEnv):
    """``MachineEnv`` with the vector reward of this module.

    Where fluctuations are counted the ledger also has ``variance``, the increment of the variance of the output
    (energy^2), and ``covariance``.
    """

    kernel_class: ClassVar[type[Kernel]] = MultiObjectiveKernel

    def __init__(
        self,
        machine: Machine,
        dt: float,
        reward: Reward | str | dict[str, float] | None = None,
        check_laws: bool = True,
        render_mode: str | None = None,
        observation: str = "state",
        history: int | None = None,
    ) -> None:
        super().__init__(machine, dt, reward, check_laws, render_mode, observation, history)

    @staticmethod
    def _reward(reward: Any) -> Any:
        return reward.astype(np.float32)


class MultiObjectiveVectorEnv(_Vector, MachineVectorEnv):
    """``MachineVectorEnv`` with the vector reward of this module, (K, d) per step."""

    kernel_class: ClassVar[type[Kernel]] = MultiObjectiveKernel

    def __init__(
        self,
        machine: Machine,
        dt: float,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        reward: Reward | str | dict[str, float] | None = None,
        check_laws: bool = True,
        render_mode: str | None = None,
        observation: str = "state",
        history: int | None = None,
    ) -> None:
        super().__init__(
            machine, dt, num_envs, max_episode_steps, reward, check_laws, render_mode, observation, history
        )

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        observation, reward, terminated, truncated, info = super().step(actions)
        return observation, reward.astype(np.float32), terminated, truncated, info
