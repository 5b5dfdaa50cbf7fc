"""placeholder"""
from __future__ import annotations

import torch as th
from torch import nn


class RandomFeaturePotential(nn.Module):
    theta: th.Tensor

    def __init__(self, n_obs: int, n_features: int = 64, scale: float = 2.0):
        super().__init__()
        w = th.randn(n_obs, n_features) * scale / n_obs**0.5
        self.register_buffer("weight", w)
        self.register_buffer("bias", (th.rand(n_features) * 2 - 1) * scale)
        self.register_buffer("lag", th.zeros(n_features + n_obs))
        self.register_buffer("theta", th.zeros(n_features + n_obs))

    def features(self, obs):
        return th.cat((obs, th.tanh(th.addmm(self.bias, obs, self.weight))), 1)

    def forward(self, obs):
        return self.features(obs) @ self.theta

    def fit(self, obs, value, ridge=1e-4):
        x = self.features(obs).double()
        x = x - x.mean(0)
        y = (value - value.mean()).double()
        gram = x.T @ x / len(x)
        return th.linalg.solve(gram + ridge * th.eye(len(gram)), x.T @ y / len(x)).float()
