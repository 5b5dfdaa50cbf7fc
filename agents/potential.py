"""placeholder"""
from __future__ import annotations

import torch as th
from torch import nn


class QuadraticPotential(nn.Module):
    theta: th.Tensor

    def __init__(self, n_obs: int, degree: int = 2):
        super().__init__()
        self.n_obs, self.degree = n_obs, degree
        rows, cols = th.triu_indices(n_obs, n_obs)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("cols", cols, persistent=False)
        self.register_buffer("theta", th.zeros(n_obs + (len(rows) if degree == 2 else 0)))

    def features(self, obs):
        if self.degree == 1:
            return obs
        return th.cat((obs, obs[:, self.rows] * obs[:, self.cols]), 1)

    def forward(self, obs):
        return self.features(obs) @ self.theta

    def fit(self, obs, value, ridge=1e-3):
        x = self.features(obs).double()
        x = x - x.mean(0)
        y = (value - value.mean()).double()
        gram = x.T @ x / len(x)
        return th.linalg.solve(gram + ridge * th.eye(len(gram)), x.T @ y / len(x)).float()
