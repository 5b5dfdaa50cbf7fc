"""Networks of the hybrid soft actor-critic: one discrete choice and m continuous controls in a plain Box action.

Conventions: B rows, n choices, m controls, E critics. Controls and the encoded choice live in [-1, 1].
A Box action is (u_1, ..., u_m, z), where z encodes the choice d by n equal bins; without a choice it is (u_1, ..., u_m).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch as th
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import nn
from torch.nn import functional as F

LOG_STD_MIN, LOG_STD_MAX = -6.0, 1.0


class HybridSample(NamedTuple):
    """One sample of the controls of every choice: the choice itself is never sampled, its expectation is exact."""

    log_choice: th.Tensor  # (B, n) ln p(d | s)
    control: th.Tensor  # (B, n, m) u_d in (-1, 1), reparametrised
    log_control: th.Tensor  # (B, n) ln pi(u_d | s, d)


def squash_log_density(raw: th.Tensor, log_std: th.Tensor, noise: th.Tensor) -> th.Tensor:
    """ln pi(tanh(raw)) for raw = mean + std noise, summed over the last axis (the m controls).

    ln(1 - tanh(x)^2) = 2 (ln 2 - x - softplus(-2 x)) is exact where 1 - tanh^2 underflows.
    """
    gauss = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    return (gauss - 2.0 * (math.log(2.0) - raw - F.softplus(-2.0 * raw))).sum(-1)


class HybridActor(nn.Module):
    """p(d | s) by softmax and one squashed Gaussian per choice for the controls."""

    def __init__(self, n_obs: int, n_choices: int, n_controls: int, net_arch: list[int], activation: type[nn.Module]):
        super().__init__()
        self.n_choices, self.n_controls = n_choices, n_controls
        width = n_choices * (1 + 2 * n_controls)
        self.net = nn.Sequential(*create_mlp(n_obs, width, net_arch, activation))

    def forward(self, obs: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """(B, n_obs) -> ln p(d|s) (B, n), means (B, n, m), log standard deviations (B, n, m) before the tanh."""
        n, m = self.n_choices, self.n_controls
        logits, mean, log_std = self.net(obs).split((n, n * m, n * m), dim=1)
        log_std = log_std.view(-1, n, m).clamp(LOG_STD_MIN, LOG_STD_MAX)
        return F.log_softmax(logits, dim=1), mean.view(-1, n, m), log_std

    def sample(self, obs: th.Tensor) -> HybridSample:
        """Sample the controls of every choice."""
        log_choice, mean, log_std = self(obs)
        noise = th.randn_like(mean)
        raw = th.addcmul(mean, log_std.exp(), noise)
        return HybridSample(log_choice, th.tanh(raw), squash_log_density(raw, log_std, noise))


class EnsembleCritic(nn.Module):
    """E independent networks Q(s, u, d) evaluated in one batched product (the choice enters one-hot)."""

    def __init__(self, n_in: int, net_arch: list[int], n_critics: int, activation: type[nn.Module], first: float = 1.0):
        super().__init__()
        sizes = [n_in, *net_arch, 1]
        self.activation = activation()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
            bound = (first if not len(self.weights) else 1) / math.sqrt(fan_in)  # the initialisation of nn.Linear
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
    """Actor, averaged actor, critics and target critics."""

    actor: HybridActor
    actor_average: HybridActor
    critic: EnsembleCritic
    critic_target: EnsembleCritic
    eye: th.Tensor

    def __init__(
        self,
        observation_space: spaces.Box,
        action_space: spaces.Box,
        lr_schedule: Schedule,
        n_choices: int = 1,
        net_arch: list[int] | None = None,
        n_critics: int = 2,
        activation_fn: type[nn.Module] = nn.SiLU,
        explore: float = 0.1,
        first: float = 3.0,
        **kwargs: Any,
    ):
        super().__init__(observation_space, action_space, squash_output=True, **kwargs)
        self.n_choices, self.explore = n_choices, explore
        self.n_controls = int(action_space.shape[0]) - (n_choices > 1)
        self.net_arch = [64, 64] if net_arch is None else list(net_arch)
        self.n_critics, self.activation_fn = n_critics, activation_fn
        n_obs = int(observation_space.shape[0])

        def actor() -> HybridActor:
            return HybridActor(n_obs, n_choices, self.n_controls, self.net_arch, activation_fn)

        def critic() -> EnsembleCritic:
            n_in = n_obs + self.n_controls + (n_choices if n_choices > 1 else 0)
            return EnsembleCritic(n_in, self.net_arch, n_critics, activation_fn, first)

        self.actor, self.critic = actor(), critic()
        self.actor_average, self.critic_target = actor(), critic()
        for average, source in ((self.actor_average, self.actor), (self.critic_target, self.critic)):
            average.load_state_dict(source.state_dict())
            average.requires_grad_(False)
        self.register_buffer("eye", th.eye(n_choices), persistent=False)
        fused = {"lr": lr_schedule(1), "fused": True}
        self.actor_optimizer = th.optim.Adam(self.actor.parameters(), **fused)
        self.critic_optimizer = th.optim.Adam(self.critic.parameters(), **fused)

    def critic_input(self, obs: th.Tensor, control: th.Tensor, choice: th.Tensor) -> th.Tensor:
        """Rows for the critics: (B, n_obs), (B, m), choice index (B,) -> (B, n_in)."""
        if self.n_choices == 1:
            return th.cat((obs, control), 1)
        return th.cat((obs, control, self.eye[choice]), 1)

    def critic_input_all(self, obs: th.Tensor, control: th.Tensor) -> th.Tensor:
        """Rows for every choice: (B, n_obs), (B, n, m) -> (B n, n_in)."""
        rows, n = obs.shape[0], self.n_choices
        parts = [obs.unsqueeze(1).expand(-1, n, -1), control]
        if n > 1:
            parts.append(self.eye.expand(rows, n, n))
        return th.cat(parts, 2).flatten(0, 1)

    def decode(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        """Box actions (B, m+1) -> controls (B, m) and choice (B,): n equal bins of the last number."""
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
        actor = self.actor_average if deterministic else self.actor
        log_choice, mean, log_std = actor(observation)
        if deterministic:
            choice = log_choice.argmax(1)
        else:
            probs = log_choice.exp() * (1 - self.explore) + self.explore / self.n_choices
            choice = th.multinomial(probs, 1).squeeze(1)
        rows = th.arange(observation.shape[0], device=observation.device)
        raw = mean[rows, choice]
        if not deterministic:
            raw = raw + log_std[rows, choice].exp() * th.randn_like(raw)
        return self.encode(th.tanh(raw), choice)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        data = super()._get_constructor_parameters()
        data.update(
            n_choices=self.n_choices,
            net_arch=self.net_arch,
            n_critics=self.n_critics,
            activation_fn=self.activation_fn,
            lr_schedule=self._dummy_schedule,
        )
        data.pop("squash_output", None)
        return data


MlpPolicy = HybridSACPolicy
