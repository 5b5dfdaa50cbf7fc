"""Networks of the hybrid soft actor-critic: one discrete choice and m continuous controls in a plain Box action.

Conventions: B rows, n choices, m controls, E critics. Controls and the encoded choice live in [-1, 1]. A Box action is
(u_1, ..., u_m, z), where z encodes the choice d by n equal bins; without a choice (n = 1) it is (u_1, ..., u_m). This
is ``szilard.envs.encodings.BoxEncoding``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch as th
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import nn
from torch.nn import functional

from ..physics.validation import ParameterError
from .features import FourierFeatures
from .history import HistoryFeatures
from .observer import ObserverFeatures

LOG_STD_MIN, LOG_STD_MAX = -6.0, 1.0


class HybridSample(NamedTuple):
    """One sample of the controls of every choice; the choice itself is never sampled, its expectation is exact.

    Attributes:
        log_choice: ln p(d | s), (B, n).
        control: u_d in (-1, 1), reparametrised, (B, n, m); zero where a choice does not use a control.
        log_control: ln pi(u_d | s, d), (B, n), of the controls that are used.
    """

    log_choice: th.Tensor
    control: th.Tensor
    log_control: th.Tensor


def squashed_log_density(raw: th.Tensor, log_std: th.Tensor, noise: th.Tensor, used: th.Tensor) -> th.Tensor:
    """ln pi(tanh(raw)) for raw = mean + std * noise, summed over the controls (last axis) that are ``used``."""
    gauss = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    # ln(1 - tanh(x)^2) = 2 (ln 2 - x - softplus(-2 x)), exact where 1 - tanh^2 underflows
    return ((gauss - 2.0 * (math.log(2.0) - raw - functional.softplus(-2.0 * raw))) * used).sum(-1)


class HybridActor(nn.Module):
    """p(d | s) by softmax, and for each choice a squashed Gaussian for the controls that it uses."""

    used: th.Tensor

    def __init__(self, n_in: int, used: th.Tensor, net_arch: list[int], activation: type[nn.Module]):
        super().__init__()
        self.n_choices, self.n_controls = n_choices, n_controls = used.shape
        self.register_buffer("used", used, persistent=False)
        width = n_choices * (1 + 2 * n_controls)
        self.net = nn.Sequential(*create_mlp(n_in, width, net_arch, activation))

    def forward(self, features: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """(B, n_in) -> ln p(d|s) (B, n), means (B, n, m), log standard deviations (B, n, m), before the tanh."""
        n, m = self.n_choices, self.n_controls
        logits, mean, log_std = self.net(features).split((n, n * m, n * m), dim=1)
        log_std = log_std.view(len(log_std), n, m).clamp(LOG_STD_MIN, LOG_STD_MAX)
        return functional.log_softmax(logits, dim=1), mean.view(len(mean), n, m), log_std

    def sample(self, features: th.Tensor) -> HybridSample:
        """Sample the controls of every choice."""
        log_choice, mean, log_std = self(features)
        noise = th.randn_like(mean)
        raw = th.addcmul(mean, log_std.exp(), noise)
        return HybridSample(log_choice, th.tanh(raw) * self.used, squashed_log_density(raw, log_std, noise, self.used))


class EnsembleCritic(nn.Module):
    """E independent networks Q(s, u, d), evaluated in one batched product; the choice enters one-hot."""

    def __init__(self, n_in: int, net_arch: list[int], n_critics: int, activation: type[nn.Module]):
        super().__init__()
        sizes = [n_in, *net_arch, 1]
        self.activation = activation()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in itertools.pairwise(sizes):
            bound = 1 / math.sqrt(fan_in)  # the initialisation of nn.Linear
            self.weights.append(nn.Parameter(th.empty(n_critics, fan_in, fan_out).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(th.empty(n_critics, 1, fan_out).uniform_(-bound, bound)))

    def forward(self, x: th.Tensor) -> th.Tensor:
        """(R, n_in) -> (E, R)."""
        x = x.expand(self.weights[0].shape[0], -1, -1)
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = th.baddbmm(bias, x, weight)
            if k < last:
                x = self.activation(x)
        return x.squeeze(-1)


class HybridSACPolicy(BasePolicy):
    """Actor, averaged actor, critics and target critics over shared random Fourier features of the observation.

    Args:
        n_choices: number n of discrete choices; 1 for none.
        net_arch: hidden layers of actor and critics.
        n_critics: number E of critics.
        n_frequencies, frequency_scale: see ``FourierFeatures``.
        history: layout of the history that is observed, see ``HistoryLayout``; ``None``: none is.
        observer: follow the hidden state through a history with meters, see ``ObserverFeatures``; else, and for a
            history of actions alone, ``HistoryFeatures``. What a record tells of the state is a product of outcomes and
            of what was done since, which the features hold badly; they are enough, and cost a quarter of the time,
            where only the time since a measurement matters.
        weight_scale: scale of the frequencies of the last observed number, the weight of the reward; ``None``: as all.
        activation_fn: activation of the hidden layers.
        explore: probability with which a training action draws its choice uniformly.
        explore_control: probability with which a training action draws its controls uniformly: a Gaussian head sees
            one maximum of Q at a time, and what lies beyond it is known only from such draws.
        edge: controls that the deterministic policy puts this close to a bound of [-1, 1] lie on it: the tanh of a
            Gaussian never gets there.
        used: whether a choice (first index) uses a control (second index); ``None``: each uses all. What a choice does
            not use is no action: it has no entropy, and the critics see a zero.

    Raises:
        ParameterError: if the spaces are not flat boxes, or the action box is not [-1, 1].
    """

    eye: th.Tensor
    used: th.Tensor

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        n_choices: int = 1,
        net_arch: list[int] | None = None,
        n_critics: int = 2,
        n_frequencies: int = 32,
        frequency_scale: float = 3.0,
        activation_fn: type[nn.Module] = nn.SiLU,
        explore: float = 0.1,
        explore_control: float = 0.0,
        weight_scale: float | None = None,
        history: tuple[int, ...] | None = None,
        observer: bool = True,
        edge: float = 0.0,
        used: Sequence[Sequence[bool]] | None = None,
        **kwargs: Any,
    ):
        kwargs.pop("use_sde", None)  # passed by SB3 to every policy
        super().__init__(observation_space, action_space, squash_output=True, **kwargs)
        for name, space in (("observation_space", observation_space), ("action_space", action_space)):
            if not isinstance(space, spaces.Box) or len(space.shape) != 1:
                raise ParameterError(f"{name} = {space}: must be a Box of one dimension")
        if not (action_space.low == -1).all() or not (action_space.high == 1).all():  # type: ignore[attr-defined]
            raise ParameterError(f"action_space = {action_space}: must be Box(-1, 1), see BoxEncoding")
        self.n_choices, self.explore, self.explore_control, self.edge = n_choices, explore, explore_control, edge
        self.n_controls = action_space.shape[0] - (n_choices > 1)  # type: ignore[index]
        if self.n_controls < 0 or n_choices < 1:
            raise ParameterError(f"n_choices = {n_choices}: must be >= 1 and fit {action_space}")
        self.net_arch = [64, 64] if net_arch is None else list(net_arch)
        self.n_critics, self.activation_fn = n_critics, activation_fn
        self.n_frequencies, self.frequency_scale = n_frequencies, frequency_scale

        mask = th.ones(n_choices, self.n_controls) if used is None else th.tensor(used, dtype=th.float)
        if mask.shape != (n_choices, self.n_controls):
            raise ParameterError(f"used has shape {tuple(mask.shape)}: must be {(n_choices, self.n_controls)}")
        self.register_buffer("used", mask, persistent=False)
        self.history, self.observer = history, observer
        self.features = self._make_features(observation_space.shape[0])  # type: ignore[index]
        self.observer_optimizer: th.optim.Optimizer | None = None
        if isinstance(self.features, ObserverFeatures):
            self.observer_optimizer = th.optim.Adam(self.features.parameters())
        self.weight_scale = weight_scale
        if weight_scale is not None:
            self.features.frequencies[-1] *= weight_scale / frequency_scale
        self.actor, self.actor_average = self._make_actor(), self._make_actor()
        self.critic, self.critic_target = self._make_critic(), self._make_critic()
        for average, source in ((self.actor_average, self.actor), (self.critic_target, self.critic)):
            average.load_state_dict(source.state_dict())
            average.requires_grad_(False)
        self.register_buffer("eye", th.eye(n_choices), persistent=False)
        self.actor_optimizer = th.optim.Adam(self.actor.parameters(), lr=lr_schedule(1), fused=True)
        self.critic_optimizer = th.optim.Adam(self.critic.parameters(), lr=lr_schedule(1), fused=True)

    def _make_features(self, n_observed: int) -> FourierFeatures:
        settings = self.n_frequencies, self.frequency_scale
        if self.history is None:
            return FourierFeatures(n_observed, *settings)
        steps, *columns = self.history
        if self.observer and sum(columns[2:]):  # there are meters
            return ObserverFeatures(n_observed, self.history, *settings)
        return HistoryFeatures(n_observed, steps, sum(columns), *settings)

    def _make_actor(self) -> HybridActor:
        return HybridActor(self.features.n_out, self.used, self.net_arch, self.activation_fn)

    def _make_critic(self) -> EnsembleCritic:
        n_in = self.features.n_out + self.n_controls + (self.n_choices if self.n_choices > 1 else 0)
        return EnsembleCritic(n_in, self.net_arch, self.n_critics, self.activation_fn)

    # ---- rows for the critics -----------------------------------------------------------------------------------

    def critic_input(self, features: th.Tensor, control: th.Tensor, choice: th.Tensor) -> th.Tensor:
        """(B, n_features), controls (B, m), choice index (B,) -> (B, n_in)."""
        if self.n_choices == 1:
            return th.cat((features, control), 1)
        return th.cat((features, control * self.used[choice], self.eye[choice]), 1)

    def critic_input_all(self, features: th.Tensor, control: th.Tensor) -> th.Tensor:
        """Rows for every choice: (B, n_features), sampled controls (B, n, m) -> (B n, n_in)."""
        rows, n = features.shape[0], self.n_choices
        parts = [features.unsqueeze(1).expand(-1, n, -1), control]
        if n > 1:
            parts.append(self.eye.expand(rows, n, n))
        return th.cat(parts, 2).flatten(0, 1)

    # ---- actions ------------------------------------------------------------------------------------------------

    def decode(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        """Box actions (B, m + 1) -> controls (B, m) and choice (B,): n equal bins of the last number."""
        if self.n_choices == 1:
            return actions, th.zeros(actions.shape[0], dtype=th.long, device=actions.device)
        choice = ((actions[:, -1] + 1) * (0.5 * self.n_choices)).long().clamp(0, self.n_choices - 1)
        return actions[:, :-1], choice

    def encode(self, control: th.Tensor, choice: th.Tensor) -> th.Tensor:
        """Controls (B, m) and choice (B,) -> Box actions, the choice as the centre (2 d + 1)/n - 1 of its bin."""
        if self.n_choices == 1:
            return control
        centre = (2.0 * choice + 1.0) / self.n_choices - 1.0
        return th.cat((control, centre.unsqueeze(1)), 1)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> th.Tensor:
        assert isinstance(observation, th.Tensor)
        features = self.features(observation)
        # averaging over the last updates removes their noise; exploration keeps up with the newest
        log_choice, mean, log_std = (self.actor_average if deterministic else self.actor)(features)
        if deterministic:
            choice = log_choice.argmax(1)
        else:
            probabilities = log_choice.exp() * (1 - self.explore) + self.explore / self.n_choices
            choice = th.multinomial(probabilities, 1).squeeze(1)
        rows = th.arange(len(features), device=features.device)
        raw = mean[rows, choice]
        if not deterministic:
            raw = raw + log_std[rows, choice].exp() * th.randn_like(raw)
        control = th.tanh(raw)
        if not deterministic and self.explore_control > 0.0:
            anywhere = th.rand(len(rows), 1, device=raw.device) < self.explore_control
            control = th.where(anywhere, 2.0 * th.rand_like(control) - 1.0, control)
        if deterministic and self.edge > 0.0:
            control = th.where(control.abs() >= 1.0 - self.edge, control.sign(), control)
        return self.encode(control * self.used[choice], choice)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        data = super()._get_constructor_parameters()
        data.update(
            n_choices=self.n_choices,
            net_arch=self.net_arch,
            n_critics=self.n_critics,
            n_frequencies=self.n_frequencies,
            frequency_scale=self.frequency_scale,
            activation_fn=self.activation_fn,
            explore=self.explore,
            explore_control=self.explore_control,
            weight_scale=self.weight_scale,
            history=self.history,
            observer=self.observer,
            edge=self.edge,
            used=self.used.bool().tolist(),
            lr_schedule=self._dummy_schedule,
        )
        data.pop("squash_output", None)
        return data
