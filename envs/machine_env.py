"""Any machine as a Gymnasium environment, single and vector; one kernel, two faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_choice, check_integer
from .kernel import Kernel
from .observations import HistoryLayout
from .rewards import Reward

RENDER_MODES = ("human", "rgb_array")


class _OfKernel:
    """What both faces tell of their kernel."""

    kernel_class: ClassVar[type[Kernel]] = Kernel
    kernel: Kernel

    @property
    def machine(self) -> Machine:
        """The machine behind the environment."""
        return self.kernel.machine

    @property
    def n_choices(self) -> int:
        """Number of discrete choices; 1 for a machine without one."""
        return self.machine.control_space.n_choices

    @property
    def used_controls(self) -> tuple[tuple[bool, ...], ...]:
        """Whether a choice (first index) uses a continuous control (second index)."""
        return tuple(tuple(row) for row in self.machine.control_space.used.tolist())

    @property
    def history_layout(self) -> HistoryLayout | None:
        """How the observed history is laid out; ``None`` where the state is seen."""
        return self.kernel.view.layout

    @property
    def shows_weight(self) -> bool:
        """Whether the last observed number is the weight of the reward."""
        return self.kernel.weight is not None and self.kernel.weight.drawn


class MachineEnv(_OfKernel, gym.Env[NDArray[np.float32], Any]):
    """A thermal machine as a Gymnasium environment.

    Description:
        One step switches the controls at once (some ramp them, as the machine says) and holds them for ``dt``. The
        task is continuing: the time limit truncates it, and the figure of merit is a long-run average. It terminates
        only where the machine is used up (``Machine.ended``), such as a cell without fuel.
    Action:
        ``{"control": Box(-1, 1, (m,)), <choice name>: Discrete(n)}``; the control is scaled to its physical range.
        A machine with only one of the two has that space bare. For algorithms that need a plain ``Box`` or
        ``Discrete`` see ``szilard.envs.encodings``.
    Observation:
        ``Box``: the machine's state scaled by known physics to order one (no running statistics). In black-box mode
        (``observation="history"`` or ``"actions"``) the last actions, with or without what the meters showed (heat
        fluxes, or the record of the detectors), and nothing of the state. Of a cell ``"instruments"`` shows what a
        cycler shows, now or for the last ``history`` steps: voltage, current, temperature. See
        ``szilard.envs.observations``. What a reward needs to be seen (a target, the choice that is held) follows. With
        a range of weights the last number is the weight, its range scaled to [-1, 1].
    Reward:
        Dimensionless, of order one; see ``szilard.envs.rewards``. Shaped power by default, in black-box mode the mean
        of measured heat and work (of a demon the heat, of a cell with fuel the power): the reference energy of the
        shaped one is a function of the state. With ``weight`` = c it is c P/P0 - (1 - c) Sigma/Sigma0.
    Info:
        The ledger of the step in physical units: ``time``, ``power``, ``work``, ``heat`` (one per bath),
        ``energy_change``, ``entropy_change``, ``entropy_production``, ``law_residual``, ``control``, ``choice``,
        ``state`` (in black-box mode too: it is for whoever evaluates). Flows into the system are positive; ``power``
        is what the machine is for, extracted work or (of a refrigerator) heat from the cold bath, per time. With a
        weight also ``weight``; of a cell ``exergy_change``; with detectors ``measurement_energy``, ``information`` and
        ``record`` (nats),
        ``dissipation`` (nats, what the output costs) and ``outcome``, what each detector showed (0: not read).
    Starting state:
        Drawn by the machine, or ``reset(options={"state": array})``. A range of weights is drawn from in every episode,
        or ``reset(options={"weight": number})``.
    Arguments:
        See ``Kernel``; ``history`` is the number of steps that the agent sees; ``render_mode`` is ``"rgb_array"``,
        ``"human"`` or ``None``.

    Raises:
        ParameterError: for a bad argument, action or state.
        ThermodynamicsViolation: if a step breaks a law (``check_laws``).
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 10}  # noqa: RUF012 (as Gymnasium)

    def __init__(
        self,
        machine: Machine,
        dt: float,
        reward: Reward | str | dict[str, float] | None = None,
        check_laws: bool = True,
        render_mode: str | None = None,
        observation: str = "state",
        history: int | None = None,
        weight: float | Sequence[float] | None = None,
    ) -> None:
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES)
        self.render_mode = render_mode
        keep = render_mode is not None
        self.kernel = self.kernel_class(machine, 1, dt, reward, check_laws, keep, observation, history, weight)
        self.observation_space = self.kernel.observation_space
        self.action_space = self.kernel.action_space
        self._window: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        self.kernel.seed([seed])
        options = options or {}
        state = options.get("state")
        state = None if state is None else np.asarray(state, dtype=float)[None]
        self.kernel.reset(state=state, weight=options.get("weight"))
        return self.kernel.observe()[0], {"time": 0.0, "state": self.kernel.state[0]}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        reward, ledger = self.kernel.step(self.kernel.decode(self._batched(action)))
        if self.render_mode == "human":
            self.render()
        # scalars as Python numbers, vectors as arrays
        info = {name: column[0] if column.ndim > 1 else column.item() for name, column in ledger.items()}
        ended = bool(self.machine.ended(self.kernel.state)[0])
        return self.kernel.observe()[0], self._reward(reward[0]), ended, False, info

    @staticmethod
    def _reward(reward: Any) -> Any:
        return float(reward)

    @staticmethod
    def _batched(action: Any) -> Any:
        if isinstance(action, dict):
            return {name: np.asarray(part)[None] for name, part in action.items()}
        return np.asarray(action)[None]

    def render(self) -> Any:
        """The recent past as a picture: controls with the bath in colour, and the thermodynamic diagram.

        Returns:
            For ``"rgb_array"`` an array (height, width, 3) of uint8; for ``"human"`` a window is updated.
        """
        if self.kernel.history is None:
            return None
        from .rendering import Window, draw_history, to_rgb

        if self.render_mode == "human":
            if self._window is None:
                self._window = Window(self.machine.title)
            if self._window.is_open:
                self._window.show(draw_history(self.machine, list(self.kernel.history)))
            return None
        return to_rgb(draw_history(self.machine, list(self.kernel.history)))

    def close(self) -> None:
        if self._window is not None:
            self._window.close()
            self._window = None

    def get_state(self) -> dict[str, Any]:
        """Physical state, time and random generator; see ``set_state``."""
        return self.kernel.get_state()

    def set_state(self, saved: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned; raises ``ParameterError`` if it does not fit."""
        self.kernel.set_state(saved)


class MachineVectorEnv(_OfKernel, VectorEnv[NDArray[np.float32], Any, Any]):
    """K copies of a thermal machine stepped as one batch; the same kernel as ``MachineEnv``.

    Autoreset is SAME_STEP: the step that ends an episode returns the first observation of the next episode, with the
    last one in ``info["final_obs"]``. With ``reset(seed=s)`` copy k behaves like a ``MachineEnv`` with seed s + k.

    Args:
        num_envs: K >= 1.
        max_episode_steps: truncate after this many steps; ``None``: never.
        machine, dt, reward, check_laws, observation, history, weight: see ``MachineEnv``.
        render_mode: ``"rgb_array"`` or ``None``; draws copy 0.

    Raises:
        ParameterError: for a bad argument, action or state.
        ThermodynamicsViolation: if a step breaks a law (``check_laws``).
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (declared so by Gymnasium)
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

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
        weight: float | Sequence[float] | None = None,
    ) -> None:
        check_integer("num_envs", num_envs, 1)
        if max_episode_steps is not None:
            check_integer("max_episode_steps", max_episode_steps, 1)
        if render_mode is not None:
            check_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.num_envs, self.max_episode_steps, self.render_mode = num_envs, max_episode_steps, render_mode
        keep = render_mode is not None
        self.kernel = self.kernel_class(machine, num_envs, dt, reward, check_laws, keep, observation, history, weight)
        self.single_observation_space = self.kernel.observation_space
        self.single_action_space = self.kernel.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.elapsed = np.zeros(num_envs, dtype=np.int64)
        self._everywhere = np.ones(num_envs, dtype=bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Reset all copies, or those in ``options["reset_mask"]`` (K,).

        States are drawn or ``options["state"]``; a range of weights is drawn from, or ``options["weight"]``, one number
        or one per copy that is reset.
        """
        options = options or {}
        if isinstance(seed, (int, np.integer)):
            seed = [int(seed) + k for k in range(self.num_envs)]
        if seed is not None:
            if len(seed) != self.num_envs:
                raise ParameterError(f"seed has {len(seed)} entries: must be an integer or one per copy")
            self.kernel.seed(seed)
        mask = options.get("reset_mask")
        rows = np.flatnonzero(self._everywhere if mask is None else mask)
        self.kernel.reset(rows, options.get("state"), options.get("weight"))
        self.elapsed[rows] = 0
        return self.kernel.observe(), {"time": self.kernel.time, "state": self.kernel.state}

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        reward, ledger = self.kernel.step(self.kernel.decode(actions))
        self.elapsed += 1
        if self.max_episode_steps is None:
            truncated = np.zeros(self.num_envs, dtype=bool)
        else:
            truncated = self.elapsed >= self.max_episode_steps
        terminated = self.machine.ended(self.kernel.state)
        done = terminated | truncated
        info: dict[str, Any] = ledger | {f"_{name}": self._everywhere for name in ledger}
        observation = self.kernel.observe()
        if done.any():
            # the ledger of this step stays where it was: it belongs to the step, not to the next episode
            info |= {"final_obs": observation, "_final_obs": done, "final_info": ledger, "_final_info": done}
            rows = np.flatnonzero(done)
            self.kernel.reset(rows)
            self.elapsed[rows] = 0
            observation = self.kernel.observe()
        return observation, reward, terminated, truncated, info

    def render(self) -> Any:
        """Copy 0's recent past as an array (height, width, 3) of uint8, in a tuple as Gymnasium asks."""
        if self.kernel.history is None:
            return None
        from .rendering import draw_history, to_rgb

        return (to_rgb(draw_history(self.machine, list(self.kernel.history))),)

    def get_state(self) -> dict[str, Any]:
        """Physical states, times, episode clocks and random generators; see ``set_state``."""
        return self.kernel.get_state() | {"elapsed": self.elapsed.copy()}

    def set_state(self, saved: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned; raises ``ParameterError`` if it does not fit."""
        self.kernel.set_state(saved)
        self.elapsed = np.array(saved["elapsed"], dtype=np.int64)
