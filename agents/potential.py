"""The iterated potential: shaping that is learned, for when no good reference energy is known.

A potential Phi changes the reward to r + Phi(s') - Phi(s). Over a long run the change telescopes, so the average of
every policy stays what it was; but it decides how far ahead a discounting agent must look. With the discounted value
V of the current problem,

    Phi <- Phi + V

leaves, in the end, a problem whose value is the same in all states: then the best discounted action is the best
average one, however short the horizon. This is policy iteration for the average reward in disguise: Phi converges to
the differential value (bias) function, up to a constant.

Here Phi is linear in random features of the observation, and V is added in small steps by ridge regression, so that
the sum of all rounds stays one vector theta.

Sources: shaping, A. Y. Ng, D. Harada, S. Russell, ICML (1999); random features, A. Rahimi, B. Recht, NIPS (2007).
"""

from __future__ import annotations

import torch as th
from torch import nn


class IteratedPotential(nn.Module):
    """Phi(s) = theta . features(s), and a delayed copy of theta.

    When Phi changes, the value of every state changes by minus as much, at once. Critics learn that within a few
    updates, but target networks follow them with a delay, and a value regressed in between would be absorbed twice:
    Phi overshoots and oscillates. The delayed theta moves like the target networks, so what they have not seen yet
    is known exactly and can be subtracted.

    Args:
        n_features: number of features.
        ridge: strength of the regularisation, relative to features of order one.
    """

    theta: th.Tensor
    delayed: th.Tensor

    def __init__(self, n_features: int, ridge: float = 1e-4) -> None:
        super().__init__()
        self.ridge = ridge
        self.register_buffer("theta", th.zeros(n_features))
        self.register_buffer("delayed", th.zeros(n_features))

    def forward(self, features: th.Tensor) -> th.Tensor:
        """(B, n_features) -> Phi, (B,)."""
        return features @ self.theta

    def since_delayed(self, features: th.Tensor) -> th.Tensor:
        """Phi minus the delayed Phi, (B,), up to a constant."""
        change = features @ (self.theta - self.delayed)
        return change - change.mean()

    @th.no_grad()
    def follow(self, weight: float) -> None:
        """Move the delayed potential by ``weight``, as the target networks moved."""
        self.delayed.lerp_(self.theta, weight)

    @th.no_grad()
    def absorb(self, features: th.Tensor, value: th.Tensor, share: float) -> None:
        """Phi <- Phi + share * V: ``value`` (B,), up to a constant, regressed on ``features`` (B, n_features)."""
        # float64: the normal equations square the condition number
        x, y = (features - features.mean(0)).double(), (value - value.mean()).double()
        normal = x.T @ x / len(x) + self.ridge * th.eye(x.shape[1], dtype=x.dtype)
        self.theta += share * th.linalg.solve(normal, x.T @ y / len(x)).float()
