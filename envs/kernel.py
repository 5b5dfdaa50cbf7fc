"""The one implementation behind the single and the vector environment: K systems, their laws and their rewards."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray

from ..physics.control import Control, FloatArray, IntArray
from ..physics.laws import EnergyFlows, audit
from ..physics.machine import Machine
from ..physics.validation import ParameterError, check_positive, check_shape
from .actions import ActionDecoder, native_space
from .observations import make_view, one_hot
from .reward import Reward
from .rewards import Dissipation, EntropyFlux, HeatFlux, make_reward
from .weight import Weight

POWERS = ("shaped_power", "power", "heat_flux", "measured_power")
"""Rewards with the power as their long-run average."""

HISTORY = 512
"""Steps kept for rendering."""

SHOWN = 10.0
"""Largest of the numbers that a reward shows besides the state."""


class Frame(NamedTuple):
    """One step of one system, as kept for rendering; physical units.

    ``outcome`` is what the detectors showed, ``uniforms`` the noise of the step.
    """

    time: float
    dt: float
    values: FloatArray
    choice: int
    before: FloatArray
    after: FloatArray
    work: float
    heat: FloatArray
    measurement_energy: float
    outcome: FloatArray
    uniforms: FloatArray | None


class Kernel:
    """Steps K systems of one machine; knows actions, observations, rewards and the ledger, but not episodes.

    Args:
        machine: the machine.
        num: number of systems K.
        dt: duration of a step (time unit of the machine), > 0.
        reward: a ``Reward``, its name, or weights by name; ``None``: ``"shaped_power"`` where the state is seen, else
            ``"measured_power"``, which can be measured without knowing the state, or with detectors ``"heat_flux"``,
            see ``observations``, or of a machine that stores energy ``"power"``.
        check_laws: audit the first and second law in every step.
        keep_history: keep the last steps of system 0 for rendering.
        observation, history: what the agent sees, see ``make_view``.
        weight: c of the reward c P/P0 - (1 - c) Sigma/Sigma0, or a range (low, high) from which it is drawn in every
            episode; the last number of the observation is then the weight, scaled to [-1, 1]. ``reward`` is the part P
            and must have the power as its long-run average. ``None``: ``reward`` alone.

    Raises:
        ParameterError: for a bad ``dt``, reward, observation or weight.
    """

    def __init__(
        self,
        machine: Machine,
        num: int,
        dt: float,
        reward: Reward | str | dict[str, float] | None = None,
        check_laws: bool = True,
        keep_history: bool = False,
        observation: str = "state",
        history: int | None = None,
        weight: float | Sequence[float] | None = None,
    ) -> None:
        check_positive("dt", dt)
        self.machine, self.num, self.dt = machine, num, float(dt)
        self.view = make_view(machine, num, self.dt, observation, history)
        blind = "heat_flux" if machine.detector_names else "power" if machine.stores_energy else "measured_power"
        usual = "shaped_power" if observation == "state" else blind
        self.reward = make_reward(usual if reward is None else reward)
        self.weight = None if weight is None else Weight(weight, num)
        if self.weight is not None and not self.reward.follows_power:
            raise ParameterError(f"reward = {self.reward.to_spec()!r}: with a weight it must be one of {POWERS}")
        # what can be measured without the state goes with what can be measured without it
        self.loss: Reward = EntropyFlux() if isinstance(self.reward, HeatFlux) else Dissipation()
        self.check_laws = check_laws
        self.rngs: list[np.random.Generator] = [np.random.default_rng() for _ in range(num)]
        self.state: FloatArray = np.zeros((num, machine.n_state))
        self.time: FloatArray = np.zeros(num)
        self.held: IntArray = np.full(num, -1)
        """Choice of the last step, (K,); -1 before the first one."""
        self._last: EnergyFlows | None = None
        self.history: deque[Frame] | None = deque(maxlen=HISTORY) if keep_history else None

        self.decode = ActionDecoder(machine.control_space, num)
        low, high = self.view.bounds
        shown = self._told().shape[1]
        extra = np.ones(self.weight.n_uniforms if self.weight else 0, dtype=np.float32)
        extra = np.concatenate([np.full(shown, SHOWN, dtype=np.float32), extra])
        self.observation_space = spaces.Box(
            np.concatenate([low, -extra]), np.concatenate([high, extra]), dtype=np.float32
        )
        self._shows = shown > 0
        self.action_space = native_space(machine.control_space)
        self._rows = np.arange(num)

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Give system k its own generator from ``seeds[k]`` (``None`` leaves it as it is)."""
        for k, seed in enumerate(seeds):
            if seed is not None:
                self.rngs[k], _ = seeding.np_random(seed)

    def _uniforms(self, rows: NDArray[np.int64], n: int) -> FloatArray:
        return np.stack([self.rngs[k].random(n) for k in rows])

    def reset(self, rows: NDArray[np.int64] | None = None, state: FloatArray | None = None, weight: Any = None) -> None:
        """Draw new start states for ``rows`` (default: all), or set them to ``state`` (len(rows), n).

        A weight that is a range is drawn too, or set to ``weight``, one number or (len(rows),).

        Raises:
            ParameterError: if ``state`` has a wrong shape or is not physical, or ``weight`` cannot be set.
        """
        rows = self._rows if rows is None else rows
        if state is None:
            state = self.machine.initial_state(self._uniforms(rows, self.machine.n_initial_uniforms))
        else:
            state = np.asarray(state, dtype=float)
            check_shape("state", state, (len(rows), self.machine.n_state))
            self.machine.check_state(state)
        if self.weight is not None:
            drawn = self.weight.n_uniforms if weight is None else 0
            self.weight.reset(rows, self._uniforms(rows, drawn), weight)
        elif weight is not None:
            raise ParameterError(f"options['weight'] = {weight!r}: the environment has no weight")
        # new arrays: the old ones were handed out in the ledger
        self.state, self.time, self.held = self.state.copy(), self.time.copy(), self.held.copy()
        self.state[rows], self.time[rows], self.held[rows] = state, 0.0, -1
        self._last = None
        self.view.reset(rows)
        if self.history is not None and 0 in rows:
            self.history.clear()

    def observe(self) -> NDArray[np.float32]:
        """Observations, shape (K, n_obs)."""
        seen = self.view(self.state, self.held)
        if self._shows:
            seen = np.concatenate([seen, self._told().clip(-SHOWN, SHOWN).astype(np.float32)], axis=1)
        return seen if self.weight is None else np.concatenate([seen, self.weight.observe()], axis=1)

    def _told(self) -> FloatArray:
        """What an agent must see for the reward, besides what it sees of the machine, (K, n)."""
        told = self.reward.shown(self.machine, self.time, self.dt)
        if not self.reward.pays_switches:
            return told
        return np.concatenate([told, one_hot(self.held, self.machine.control_space.n_choices)], axis=1)

    def step(self, control: Control) -> tuple[FloatArray, dict[str, NDArray[Any]]]:
        """Advance all systems by one step.

        Returns:
            Rewards (K,) and the ledger: arrays with first axis K, in physical units.

        Raises:
            ThermodynamicsViolation: if the step breaks a law.
        """
        machine, before = self.machine, self.state
        uniforms = self._uniforms(self._rows, machine.n_step_uniforms) if machine.n_step_uniforms else None
        after, flows = machine.step(before, control, self.dt, uniforms, self._last)
        if self.check_laws:
            residual, sigma = audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
        else:
            residual, sigma = flows.first_law_residual(), flows.entropy_production(machine.betas)
        reward, more = self._reward(before, control, after, flows)
        self.state, self.held, self._last = after, control.choice.copy(), flows
        self.view.record(control, flows, after)
        self.time = self.time + self.dt
        if self.history is not None:
            self.history.append(
                Frame(
                    float(self.time[0]) - self.dt,
                    self.dt,
                    control.values[0],
                    int(control.choice[0]),
                    before[0],
                    after[0],
                    float(flows.work[0]),
                    flows.heat[0],
                    0.0 if flows.measurement_energy is None else float(flows.measurement_energy[0]),
                    np.zeros(0) if flows.outcome is None else flows.outcome[0],
                    None if uniforms is None else uniforms[0],
                )
            )
        ledger = {
            "time": self.time,
            "power": machine.output(flows) * (1.0 / self.dt),
            "work": flows.work,
            "heat": flows.heat,
            "energy_change": flows.energy_change,
            "entropy_change": flows.entropy_change,
            "entropy_production": sigma,
            "law_residual": residual,
            "control": control.values,
            "choice": control.choice,
            "state": after,
        }
        ledger |= more
        exergy = machine.exergy_change(flows)
        if exergy is not None:
            ledger["exergy_change"] = exergy
        if flows.information is not None:
            ledger["information"] = flows.information
        if flows.record is not None:
            ledger["record"] = flows.record
            ledger["outcome"] = flows.outcome if flows.outcome is not None else np.zeros((self.num, 0))
            ledger["dissipation"] = machine.dissipation(flows)
        if flows.measurement_energy is not None:
            ledger["measurement_energy"] = flows.measurement_energy
        return reward, ledger

    def _reward(
        self, before: FloatArray, control: Control, after: FloatArray, flows: EnergyFlows
    ) -> tuple[FloatArray, dict[str, NDArray[Any]]]:
        """Rewards of a step, and what they add to the ledger."""
        reward = self.reward.timed(self.time, self.machine, before, after, flows, self.dt)
        if self.reward.pays_switches:
            reward = reward + self.reward.switched(self.machine, self.held, control.choice, self.dt)
        if self.weight is None:
            return reward, {}
        c = self.weight.values
        return c * reward + (1.0 - c) * self.loss(self.machine, before, after, flows, self.dt), {"weight": c}

    # ---- saving and restoring ---------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Everything that changes while stepping (plain arrays and dicts); see ``set_state``."""
        own = {
            "state": self.state.copy(),
            "time": self.time.copy(),
            "held": self.held.copy(),
            "rngs": [rng.bit_generator.state for rng in self.rngs],
        }
        return own | self.view.get_state() | (self.weight.get_state() if self.weight else {})

    def set_state(self, saved: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned; the next steps are then bit-identical.

        Raises:
            ParameterError: if it belongs to another number of systems or an unphysical state.
        """
        state = np.asarray(saved["state"], dtype=float)
        check_shape("state", state, (self.num, self.machine.n_state))
        self.machine.check_state(state)
        self.view.set_state(saved)
        if self.weight is not None:
            self.weight.set_state(saved)
        self.state, self.time, self._last = state.copy(), np.array(saved["time"], dtype=float), None
        self.held = np.array(saved.get("held", np.full(self.num, -1)), dtype=np.int64)
        for rng, rng_state in zip(self.rngs, saved["rngs"], strict=True):
            rng.bit_generator.state = rng_state
        if self.history is not None:
            self.history.clear()
