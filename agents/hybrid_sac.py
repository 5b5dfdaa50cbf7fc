"""Soft actor-critic for hybrid actions: one discrete choice and continuous controls, as an SB3 algorithm.

After P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022), who gave the actor one Gaussian head per bath and took the
expectation over the bath exactly; T. Haarnoja et al., ICML (2018). What differs, and why:

* **Iterated potential** (``potential.py``): the discounted problem becomes the average-reward problem, so a discount
  of 0.9 is enough and no reference energy has to be guessed.
* **Hard backup**: targets hold the expected reward only. The entropy bonus acts in the improvement of the policy; in
  the backup it would change which cycle is best. The mean of the critics is used, not the minimum: the dynamics is
  deterministic and pessimism biases small advantages.
* **Annealed entropies**: separate temperatures steer the entropy of the choice and of the controls to targets that
  fall during the first half of the training. In the second half the learning rate falls to zero: the final policy is
  the best one, not the last of a random walk.
* **Random Fourier features** of the observation, and an actor averaged over the last updates for prediction.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch as th
from gymnasium import spaces
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule

from ..physics.validation import ParameterError, check_integer, check_positive, check_range
from .conditioned import N_LEVELS, WEIGHT_SCALE, levels, without_levels
from .hybrid_policy import HybridSACPolicy
from .observer import ObserverFeatures
from .potential import IteratedPotential
from .schedules import HoldThenDecay

LOG_TEMPERATURE_MIN, LOG_TEMPERATURE_MAX = -12.0, 5.0


class HybridSAC(OffPolicyAlgorithm):
    """Hybrid-action soft actor-critic; use it like SB3's ``SAC``.

    The action space is the ``Box`` of ``szilard.envs.encodings.BoxEncoding``: m controls and one number whose bin is
    the choice.

    Args:
        policy: ``"MlpPolicy"`` or ``HybridSACPolicy``.
        env: environment with such an action space.
        learning_rate: number or schedule; default ``HoldThenDecay(3e-3)``.
        n_choices: number of discrete choices; ``None`` asks the environment.
        n_levels: terms of the polynomial in the last observed number on which values are centred, see
            ``conditioned.py``; ``None`` asks the environment: 1 unless it shows a weight.
        choice_entropy: target entropy of the choice, start and end, in units of ln(n_choices).
        control_entropy: target (differential) entropy per control in [-1, 1], start and end, in nats.
        anneal: fraction of the training over which both targets move.
        temperature_rate: step of the logarithms of the temperatures.
        temperature_init: start value of both temperatures (reward units).
        head_share: share of the policy loss that trains the heads of all choices alike; the rest is weighted by p(d|s).
        potential_rate: share of the value that the potential absorbs per update; 0 switches it off. It is full for the
            first quarter of the training and falls to zero over the next half.
        average: weight of the newest actor in the averaged actor.
        huber: threshold of the critics' Huber loss (reward units).
        buffer_size, learning_starts, batch_size, tau, gamma, train_freq, gradient_steps, policy_kwargs,
            stats_window_size, tensorboard_log, verbose, seed, device: as in SB3's ``SAC``.

    Raises:
        ParameterError: for a hyper-parameter out of range, or spaces that do not fit.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"MlpPolicy": HybridSACPolicy}
    policy: HybridSACPolicy

    def __init__(
        self,
        policy: str | type[HybridSACPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule | None = None,
        buffer_size: int = 200_000,
        learning_starts: int = 1000,
        batch_size: int = 256,
        tau: float = 0.01,
        gamma: float = 0.9,
        train_freq: int = 1,
        gradient_steps: int = 8,
        n_choices: int | None = None,
        n_levels: int | None = None,
        choice_entropy: tuple[float, float] = (0.5, 0.02),
        control_entropy: tuple[float, float] = (-0.5, -2.0),
        anneal: float = 0.5,
        temperature_rate: float = 0.01,
        temperature_init: float = 1.0,
        head_share: float = 0.5,
        potential_rate: float = 0.005,
        average: float = 0.005,
        huber: float = 0.1,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: th.device | str = "cpu",
        _init_setup_model: bool = True,
    ) -> None:
        positive = {
            "temperature_rate": temperature_rate,
            "temperature_init": temperature_init,
            "anneal": anneal,
            "average": average,
            "huber": huber,
        }
        for name, value in positive.items():
            check_positive(name, value)
        check_range("head_share", head_share, 0.0, 1.0)
        check_range("potential_rate", potential_rate, 0.0, 1.0)
        if n_choices is not None:
            check_integer("n_choices", n_choices, 1)
        if n_levels is not None:
            check_integer("n_levels", n_levels, 1)
        self.n_choices, self.n_levels = n_choices, n_levels
        self.choice_entropy, self.control_entropy, self.anneal = choice_entropy, control_entropy, anneal
        self.temperature_rate, self.temperature_init = temperature_rate, temperature_init
        self.head_share, self.potential_rate, self.average, self.huber = head_share, potential_rate, average, huber
        super().__init__(
            policy,
            env,
            HoldThenDecay(3e-3) if learning_rate is None else learning_rate,
            buffer_size,
            learning_starts,
            batch_size,
            tau,
            gamma,
            train_freq,
            gradient_steps,
            policy_kwargs=dict(policy_kwargs or {}),
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            seed=seed,
            sde_support=False,
            supported_action_spaces=(spaces.Box,),
            support_multi_env=True,
        )
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        if self.n_choices is None:
            if self.env is None:
                raise ParameterError("n_choices = None: must be given where there is no environment to ask")
            self.n_choices = int(self.env.get_attr("n_choices")[0])
        if self.n_levels is None:
            shows_weight = self.env is not None and self.env.get_attr("shows_weight")[0]
            self.n_levels = N_LEVELS if shows_weight else 1
        if self.n_levels > 1:
            self.policy_kwargs.setdefault("weight_scale", WEIGHT_SCALE)
        layout = None if self.env is None else self.env.get_attr("history_layout")[0]
        if layout is not None:
            self.policy_kwargs.setdefault("history", tuple(layout))
        self.policy_kwargs["n_choices"] = self.n_choices
        if self.env is not None:
            self.policy_kwargs.setdefault("used", self.env.get_attr("used_controls")[0])
        super()._setup_model()
        self.potential = IteratedPotential(self.policy.features.n_out).to(self.device)
        # of the choice and of the controls
        self.log_temperatures = th.full((2,), math.log(self.temperature_init), device=self.device)
        self.centre = th.zeros(self.n_levels, device=self.device)

    def entropy_targets(self) -> tuple[float, float]:
        """Target entropies (nats) of the choice and of all controls at the present progress."""
        x = min(1.0, (1.0 - self._current_progress_remaining) / self.anneal)
        choice, control = (a + (b - a) * x for a, b in (self.choice_entropy, self.control_entropy))
        return choice * math.log(self.n_choices or 1), control * self.policy.n_controls

    def train(self, gradient_steps: int, batch_size: int = 256) -> None:
        """``gradient_steps`` updates of critics, actor, temperatures and averages; then one of the potential."""
        policy, buffer = self.policy, self.replay_buffer
        assert buffer is not None
        policy.set_training_mode(True)
        self._update_learning_rate([policy.actor_optimizer, policy.critic_optimizer])
        entropy_targets = th.tensor(self.entropy_targets(), device=self.device)

        # one large sample, cut into batches: what does not depend on the networks is computed once
        data = buffer.sample(batch_size * gradient_steps)
        self._fit_observer(data.observations)
        with th.no_grad():
            features = policy.features(data.observations)
            next_features = policy.features(data.next_observations)
            basis = levels(data.next_observations, self.n_levels or 1)
            # ``dones`` marks true ends only: truncated episodes are continued by the target
            proceed = 1.0 - data.dones.squeeze(1)
            reward = data.rewards.squeeze(1) + proceed * self.potential(next_features) - self.potential(features)
            critic_rows = policy.critic_input(features, *policy.decode(data.actions))

            # the target critics still answer to a potential of some updates ago
            missing = without_levels(self.potential.since_delayed(next_features), basis)
            caught_up = 0.0

        updates = []
        for k in range(gradient_steps):
            part = slice(k * batch_size, (k + 1) * batch_size)
            value, actor_loss, entropies = self._update_actor(next_features[part])
            with th.no_grad():
                value = value - (1.0 - caught_up) * missing[part]
                # centred values: a constant drops out of every comparison, and the networks need not learn it
                value = value - basis[part] @ self.centre
                target = reward[part] + self.gamma * proceed[part] * value
                self.centre += 0.01 * (basis[part].T @ value) / len(value)
            critic_loss = self._update_critics(critic_rows[part], target)
            with th.no_grad():
                self.log_temperatures += self.temperature_rate * (entropy_targets - entropies)
                self.log_temperatures.clamp_(LOG_TEMPERATURE_MIN, LOG_TEMPERATURE_MAX)
                _follow(policy.critic_target, policy.critic, self.tau)
                _follow(policy.actor_average, policy.actor, self.average)
                caught_up += self.tau * (1.0 - caught_up)
            updates.append((value, actor_loss, critic_loss, entropies))
        values = th.cat([update[0] for update in updates])
        self.potential.follow(caught_up)
        share = self.potential_rate * gradient_steps * min(1.0, max(0.0, 2.0 * self._current_progress_remaining - 0.5))
        if share > 0.0:
            self.potential.absorb(next_features, without_levels(values, basis), min(1.0, share))
        self._n_updates += gradient_steps
        _, actor_loss, critic_loss, entropies = updates[-1]
        self._log(actor_loss, critic_loss, entropies, values)

    def _fit_observer(self, observations: th.Tensor) -> None:
        features, optimizer = self.policy.features, self.policy.observer_optimizer
        if isinstance(features, ObserverFeatures) and optimizer is not None:
            error = features.fit(optimizer, observations, 1.0 - self._current_progress_remaining)
            if error is not None:
                self.logger.record("train/observer_error", error)

    def _update_actor(self, features: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """One step of the actor; returns expected values (B,), the loss, and the two entropies (2,)."""
        policy, n = self.policy, self.policy.n_choices
        alpha_choice, alpha_control = self.log_temperatures.exp().unbind()
        sample = policy.actor.sample(features)
        q = policy.critic_target(policy.critic_input_all(features, sample.control)).mean(0).view(-1, n)
        p = sample.log_choice.exp()
        fixed_p = p.detach()
        weight = fixed_p * (1.0 - self.head_share) + self.head_share / n  # a head that is never chosen still learns
        soft = q - alpha_control * sample.log_control
        loss_control = -(weight * soft).sum(1).mean()
        loss_choice = -(p * (soft.detach() - alpha_choice * sample.log_choice)).sum(1).mean()
        loss = loss_control + loss_choice
        policy.actor_optimizer.zero_grad()
        loss.backward()
        policy.actor_optimizer.step()
        with th.no_grad():
            entropy_choice = -(fixed_p * sample.log_choice).sum(1).mean()
            # choices that use few controls have little entropy: counted as if all were used
            share = (weight @ policy.used.sum(1)).mean() / max(1, policy.n_controls)
            entropy_control = -(weight * sample.log_control).sum(1).mean() / share.clamp(min=1e-3)
            return (fixed_p * q).sum(1), loss.detach(), th.stack((entropy_choice, entropy_control))

    def _update_critics(self, rows: th.Tensor, target: th.Tensor) -> th.Tensor:
        """One step of all critics towards ``target`` (B,); returns the loss."""
        q = self.policy.critic(rows)
        loss = th.nn.functional.huber_loss(q, target.expand_as(q), delta=self.huber)
        self.policy.critic_optimizer.zero_grad()
        loss.backward()
        self.policy.critic_optimizer.step()
        return loss.detach()

    def _log(self, actor_loss: th.Tensor, critic_loss: th.Tensor, entropies: th.Tensor, values: th.Tensor) -> None:
        temperatures = self.log_temperatures.exp()
        scalars = {
            "actor_loss": actor_loss,
            "critic_loss": critic_loss,
            "entropy_choice": entropies[0],
            "entropy_control": entropies[1],
            "temperature_choice": temperatures[0],
            "temperature_control": temperatures[1],
            # -> gain per step * gamma / (1 - gamma), and -> 0: how far the potential has come
            "value_centre": self.centre[0],
            "value_spread": values.std(),
        }
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for name, scalar in scalars.items():
            self.logger.record(f"train/{name}", scalar.item())

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "potential", "log_temperatures", "centre"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        states = ["policy", "policy.actor_optimizer", "policy.critic_optimizer", "potential"]
        if self.policy.observer_optimizer is not None:
            states.append("policy.observer_optimizer")
        return states, ["log_temperatures", "centre"]


def _follow(average: th.nn.Module, source: th.nn.Module, weight: float) -> None:
    """average <- (1 - weight) average + weight source, all parameters at once."""
    foreach: Any = th  # one kernel for all parameters; torch exports it under a private name
    foreach._foreach_lerp_(list(average.parameters()), list(source.parameters()), weight)
