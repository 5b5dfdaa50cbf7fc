"""The bridge from a native Gymnasium vector environment to Stable-Baselines3's ``VecEnv``.

SB3 does not take Gymnasium's vector environments. The bridge passes whole batches through, so K environments cost one
kernel call per step, and does the episode statistics of SB3's ``Monitor`` itself (without rounding).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from ..physics.validation import ParameterError

Indices = None | int | Iterable[int]


class SB3VecEnv(VecEnv):
    """An SB3 ``VecEnv`` over a Gymnasium vector environment with SAME_STEP autoreset.

    Attributes:
        venv: the Gymnasium environment.
        last_info: its info of the last step; the ledger of a machine environment, arrays with first axis K.

    Raises:
        ParameterError: if the environment uses another autoreset mode.
    """

    def __init__(self, venv: VectorEnv[Any, Any, Any]) -> None:
        self.venv: Any = venv
        mode = venv.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ParameterError(f"autoreset_mode = {mode!r}: must be AutoresetMode.SAME_STEP")
        self.last_info: dict[str, Any] = {}
        super().__init__(venv.num_envs, venv.single_observation_space, venv.single_action_space)
        self._actions: Any = None
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._start = time.time()

    def reset(self) -> VecEnvObs:
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        observation, self.last_info = self.venv.reset(seed=seeds)
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        observation, reward, terminated, truncated, info = self.venv.step(self._actions)
        self.last_info = info
        self._returns += reward
        self._lengths += 1
        done = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for k in np.flatnonzero(done):
            infos[k] = {
                "terminal_observation": info["final_obs"][k],
                "TimeLimit.truncated": bool(truncated[k] and not terminated[k]),
                "episode": {
                    "r": float(self._returns[k]),
                    "l": int(self._lengths[k]),
                    "t": time.time() - self._start,
                },
            }
        self._returns[done] = 0.0
        self._lengths[done] = 0
        return observation, reward.astype(np.float32), done, infos

    def close(self) -> None:
        self.venv.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        return self.venv.render() or [None]

    # ---- attributes and methods of the copies: the batch has one of each ---------------------------------------

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        owner: Any = self.venv if hasattr(self.venv, attr_name) else self.venv.unwrapped
        return [getattr(owner, attr_name)] * len(self._count(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        setattr(self.venv.unwrapped, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Indices = None, **kwargs: Any) -> list[Any]:
        owner: Any = self.venv if hasattr(self.venv, method_name) else self.venv.unwrapped
        return [getattr(owner, method_name)(*args, **kwargs)]

    def env_is_wrapped(self, wrapper_class: type, indices: Indices = None) -> list[bool]:
        # episode statistics are in ``infos``: what SB3 asks Monitor for
        return [wrapper_class is Monitor] * len(self._count(indices))

    def _count(self, indices: Indices) -> list[int]:
        return list(self._get_indices(indices))

    # ---- saving and restoring ---------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """State of all copies and of the episode statistics; see ``set_state``."""
        inner: Any = self.venv.unwrapped
        return {"env": inner.get_state(), "returns": self._returns.copy(), "lengths": self._lengths.copy()}

    def set_state(self, saved: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned; the next steps are then bit-identical."""
        inner: Any = self.venv.unwrapped
        inner.set_state(saved["env"])
        self._returns, self._lengths = saved["returns"].copy(), saved["lengths"].copy()
