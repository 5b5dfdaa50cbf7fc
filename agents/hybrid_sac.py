from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.utils import LinearSchedule

from .hybrid_policy import HybridSACPolicy
from .potential import RandomFeaturePotential


class HybridSAC(OffPolicyAlgorithm):
    policy_aliases = {"MlpPolicy": HybridSACPolicy}

    def __init__(self, policy, env, learning_rate=None, buffer_size=200_000, learning_starts=1000, batch_size=256,
                 tau=0.01, gamma=0.9, train_freq=1, gradient_steps=8, n_choices=None,
                 ent_c=(-0.5, -2.0), ent_d=(0.5, 0.02), ent_frac=0.5, lr_alpha=0.01, alpha0=1.0,
                 pot_rate=0.005, pot_degree=32, pot_off=0.25, gain_rate=0.01, avg_tau=0.005, soft_backup=False, head_floor=0.5, pess=0.0, huber=0.1,
                 tensorboard_log=None, policy_kwargs=None, verbose=0, seed=None, device="cpu", _init_setup_model=True):
        if learning_rate is None:
            learning_rate = 3e-3
        self.n_choices = n_choices
        self.ent_c, self.ent_d, self.ent_frac, self.lr_alpha, self.alpha0 = ent_c, ent_d, ent_frac, lr_alpha, alpha0
        self.pot_rate, self.pot_degree, self.pot_off = pot_rate, pot_degree, pot_off
        self.gain_rate, self.avg_tau, self.soft_backup, self.head_floor = gain_rate, avg_tau, soft_backup, head_floor
        self.pess, self.huber = pess, huber
        super().__init__(policy, env, learning_rate, buffer_size, learning_starts, batch_size, tau, gamma, train_freq,
                         gradient_steps, policy_kwargs=policy_kwargs, tensorboard_log=tensorboard_log, verbose=verbose,
                         device=device, seed=seed, sde_support=False, supported_action_spaces=(spaces.Box,), support_multi_env=True)
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self):
        if self.n_choices is None:
            self.n_choices = int(self.env.get_attr("n_choices")[0])
        self.policy_kwargs["n_choices"] = self.n_choices
        super()._setup_model()
        self.potential = RandomFeaturePotential(self.observation_space.shape[0], self.pot_degree)
        self.log_alpha = th.full((2,), math.log(self.alpha0))
        self.gain = th.zeros(())
        self._alias()

    def _alias(self):
        self.actor = self.policy.actor

    def entropy_targets(self):
        x = min(1.0, (1 - self._current_progress_remaining) / self.ent_frac)
        c = self.ent_c[0] + (self.ent_c[1] - self.ent_c[0]) * x
        d = self.ent_d[0] + (self.ent_d[1] - self.ent_d[0]) * x
        return c * self.policy.n_controls, d * math.log(max(self.n_choices, 1))

    def train(self, gradient_steps, batch_size=64):
        pol = self.policy
        pol.set_training_mode(True)
        opts = [pol.actor_optimizer, pol.critic_optimizer]
        lr = self.lr_schedule(self._current_progress_remaining) * min(1.0, 2 * self._current_progress_remaining + 0.005)
        for o in opts:
            o.param_groups[0]['lr'] = lr
        tc, td = self.entropy_targets()
        target = th.tensor([td, tc])
        data = self.replay_buffer.sample(batch_size * gradient_steps)
        with th.no_grad():
            r = data.rewards.squeeze(1) + self.potential(data.next_observations) - self.potential(data.observations)
            shift = data.next_observations.new_zeros(len(r)) + self.potential.features(data.next_observations) @ (self.potential.lag - self.potential.theta)
            shift -= shift.mean()
            decay = 1 - self.tau
            cont = 1 - data.dones.squeeze(1)
            u, d = pol.decode(data.actions)
            x = pol.critic_input(data.observations, u, d)
        w_average = [*pol.actor_average.parameters(), *pol.critic_target.parameters()]
        avg_a, act_p = list(pol.actor_average.parameters()), list(pol.actor.parameters())
        tgt_p, cri_p = list(pol.critic_target.parameters()), list(pol.critic.parameters())
        vals = []
        tot_a = tot_c = 0.0
        for k in range(gradient_steps):
            sl = slice(k * batch_size, (k + 1) * batch_size)
            nxt = data.next_observations[sl]
            s = pol.actor.sample(nxt)
            alpha_d, alpha_c = self.log_alpha.exp().unbind()
            q = pol.critic_target(pol.critic_input_all(nxt, s.control))
            q = self.pess * q.amin(0) + (1 - self.pess) * q.mean(0)
            q = q.view(-1, self.n_choices)
            p = s.log_choice.exp()
            soft = q - alpha_c * s.log_control
            v = (p * (soft - alpha_d * s.log_choice)).sum(1)
            # policy
            pd = p.detach()
            w = pd * (1 - self.head_floor) + self.head_floor / self.n_choices
            loss_a = -(w * soft).sum(1).mean() - (p * (soft.detach() - alpha_d * s.log_choice)).sum(1).mean()
            with th.no_grad():
                h_d = -(pd * s.log_choice).sum(1).mean()
                h_c = -(w * s.log_control).sum(1).mean()
                vv = (v.detach() if self.soft_backup else (pd * q).sum(1)) + shift[sl] * decay**k
                vals.append(vv)
                y = r[sl] + cont[sl] * self.gamma * (vv - self.gain)
                self.gain += self.gain_rate * (vv.mean() - self.gain)
            pol.actor_optimizer.zero_grad()
            loss_a.backward()
            pol.actor_optimizer.step()
            qs = pol.critic(x[sl])
            loss_c = th.nn.functional.huber_loss(qs, y.expand_as(qs), delta=self.huber)
            pol.critic_optimizer.zero_grad()
            loss_c.backward()
            pol.critic_optimizer.step()
            with th.no_grad():
                self.log_alpha += self.lr_alpha * (target - th.stack((h_d, h_c)))
                self.log_alpha.clamp_(-12, 5)
                th._foreach_lerp_(tgt_p, cri_p, self.tau)
                th._foreach_lerp_(avg_a, act_p, self.avg_tau)
        if self.pot_rate > 0:
            with th.no_grad():
                step = min(1.0, self.pot_rate * gradient_steps * min(1.0, 2 * max(0.0, self._current_progress_remaining - self.pot_off))) * self.potential.fit(data.next_observations, th.cat(vals))
                self.potential.lag.lerp_(self.potential.theta, 1 - decay**gradient_steps)
                self.potential.theta += step
        self._n_updates += gradient_steps
        log = self.logger.record
        log("train/n_updates", self._n_updates, exclude="tensorboard")
        log("train/critic_loss", loss_c.item()); log("train/actor_loss", loss_a.item())
        log("train/h_d", h_d.item()); log("train/h_c", h_c.item())
        log("train/alpha_d", alpha_d.item()); log("train/alpha_c", alpha_c.item())
        log("train/gain", self.gain.item())
        log("train/v_std", vv.std().item())
        log("train/phi_std", self.potential(nxt).std().item())

    def _excluded_save_params(self):
        return [*super()._excluded_save_params(), "actor", "potential", "log_alpha", "gain"]

    def _get_torch_save_params(self):
        return ["policy", "potential", "policy.actor_optimizer", "policy.critic_optimizer"], ["log_alpha", "gain"]
