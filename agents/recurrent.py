"""Recurrent PPO of sb3-contrib: the agent with a memory, for observations that do not tell the state.

With ``observation="history"`` and ``history=1`` it sees of a demon what was done and shown in the last step, and has to
keep in its LSTM what the record says of the state. ``evaluate`` hands its memory from step to step.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sb3_contrib import RecurrentPPO as _RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy
from stable_baselines3.common.policies import BasePolicy


class RecurrentPPO(_RecurrentPPO):
    """``sb3_contrib.RecurrentPPO``; arguments as there.

    ``"MlpPolicy"`` is its policy with an LSTM, as for the other algorithms. The memory in the middle of the training
    episodes lies in ``memory``, so that a checkpoint holds it and a resumed run continues bit for bit.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        **_RecurrentPPO.policy_aliases,
        "MlpPolicy": MlpLstmPolicy,
    }
    memory: dict[str, Any] | None

    @property
    def _last_lstm_states(self) -> RNNStates | None:
        return None if self.memory is None else RNNStates(**self.memory)

    @_last_lstm_states.setter
    def _last_lstm_states(self, states: RNNStates | None) -> None:
        self.memory = None if states is None else states._asdict()
