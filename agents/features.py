"""Random Fourier features of the observation, for the hybrid agent and for SB3's own algorithms."""

from __future__ import annotations

import torch as th
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn


class FourierFeatures(nn.Module):
    """(x, sin(W x), cos(W x)) with fixed random frequencies W ~ N(0, scale^2).

    The optimal policy of a fast cycle switches between states that lie close together (a few per cent of the range of
    the observation); plain networks resolve that late or not at all.

    Source: M. Tancik et al., NeurIPS (2020); for reinforcement learning A. Li, D. Pathak, NeurIPS (2021).

    Args:
        n_in: number of inputs.
        n_frequencies: number of random frequencies; 0 passes the inputs through.
        scale: standard deviation of the frequencies (radians per unit of the observation).
    """

    frequencies: th.Tensor

    def __init__(self, n_in: int, n_frequencies: int = 32, scale: float = 3.0) -> None:
        super().__init__()
        self.register_buffer("frequencies", scale * th.randn(n_in, n_frequencies))
        self.n_out = n_in + 2 * n_frequencies

    def forward(self, x: th.Tensor) -> th.Tensor:
        """(B, n_in) -> (B, n_out)."""
        z = x @ self.frequencies
        return th.cat((x, th.sin(z), th.cos(z)), 1)


class FourierExtractor(BaseFeaturesExtractor):
    """``FourierFeatures`` for SB3: ``policy_kwargs={"features_extractor_class": FourierExtractor}``.

    Args:
        observation_space: a box of one dimension.
        n_frequencies, scale: see ``FourierFeatures``.
    """

    def __init__(self, observation_space: spaces.Box, n_frequencies: int = 32, scale: float = 3.0) -> None:
        n_in = observation_space.shape[0]
        super().__init__(observation_space, n_in + 2 * n_frequencies)
        self.features = FourierFeatures(n_in, n_frequencies, scale)

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return self.features(observations)
