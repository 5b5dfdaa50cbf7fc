"""What an agent makes of a history: encoders for black-box mode, see ``szilard.envs.observations``.

``HistoryFeatures`` is fixed: the last rows as they are, leaky integrals of all rows, and random Fourier features of
both. It has nothing to learn and costs no gradient. ``HistoryConvolution`` is learned by the algorithm of SB3 that uses
it: the convolutional stack of P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023).

A history is N rows of f numbers, the newest last; what follows it in the observation (a weight) is passed on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch as th
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn import functional

from ..physics.validation import ParameterError
from .features import FourierFeatures

RECENT = 8
"""Newest rows that are seen as they are."""

TRACES = (4.0, 16.0)
"""Time constants of the leaky integrals (steps)."""


def split(observations: th.Tensor, steps: int, width: int) -> tuple[th.Tensor, th.Tensor]:
    """Rows (B, N, f) of observations (B, n_obs), and what follows them (B, n_obs - N f)."""
    n = steps * width
    return observations[:, :n].view(-1, steps, width), observations[:, n:]


def check_history(n_observed: int, steps: int, width: int) -> None:
    """Raise ``ParameterError`` unless N rows of f numbers fit into ``n_observed`` numbers."""
    if steps < 1 or width < 1 or steps * width > n_observed:
        raise ParameterError(f"history = ({steps}, {width}): must be (steps, width) that fit {n_observed} numbers")


class HistoryFeatures(FourierFeatures):
    """(y, sin(W y), cos(W y)), y = newest rows, leaky integrals sum_k exp(-k/tau) row_k / norm, and what follows.

    Args:
        n_observed: numbers of an observation.
        steps, width: N rows of f numbers.
        n_frequencies: number of random frequencies.
        scale: standard deviation of the frequencies that four inputs would have; less for more inputs, so that the
            phases have the same size.
        recent: newest rows that are kept.
        traces: time constants of the integrals (steps).

    Raises:
        ParameterError: if the rows do not fit.
    """

    kernels: th.Tensor

    def __init__(
        self,
        n_observed: int,
        steps: int,
        width: int,
        n_frequencies: int = 32,
        scale: float = 1.0,
        recent: int = RECENT,
        traces: Sequence[float] = TRACES,
    ) -> None:
        check_history(n_observed, steps, width)
        recent = min(recent, steps)
        n_in = width * (recent + len(traces)) + n_observed - steps * width
        super().__init__(n_in, n_frequencies, scale * math.sqrt(4.0 / n_in))
        self.steps, self.width, self.recent = steps, width, recent
        age = th.arange(steps - 1, -1, -1, dtype=th.float32)
        decay = th.stack([th.exp(-age / tau) for tau in traces], 1) if traces else th.zeros(steps, 0)
        self.register_buffer("kernels", decay / decay.sum(0))

    def forward(self, x: th.Tensor) -> th.Tensor:
        """(B, n_observed) -> (B, n_out)."""
        rows, rest = split(x, self.steps, self.width)
        integrals = rows.transpose(1, 2) @ self.kernels
        return super().forward(th.cat((rows[:, -self.recent :].flatten(1), integrals.flatten(1), rest), 1))


class HistoryExtractor(BaseFeaturesExtractor):
    """``HistoryFeatures`` for SB3; arguments as there."""

    def __init__(self, observation_space: spaces.Box, steps: int, width: int, n_frequencies: int = 32) -> None:
        features = HistoryFeatures(observation_space.shape[0], steps, width, n_frequencies)
        super().__init__(observation_space, features.n_out)
        self.features = features

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return self.features(observations)


class _Halve(nn.Module):
    """Convolution of kernel 2 and stride 2, added to the mean of the pairs."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n_out, 2, stride=2)
        self.shortcut = nn.Identity() if n_in == n_out else nn.Conv1d(n_in, n_out, 1, bias=False)

    def forward(self, x: th.Tensor) -> th.Tensor:
        """(B, n_in, T) -> (B, n_out, T/2)."""
        return functional.relu(self.convolution(x)) + self.shortcut(functional.avg_pool1d(x, 2))


class HistoryConvolution(BaseFeaturesExtractor):
    """A stack of blocks that halve the time until one vector is left, for SB3's algorithms.

    With N = 128 these are the 7 blocks of the paper; its channels are 64, 64, 64 and then 128.

    Args:
        observation_space: a box of one dimension.
        steps, width: N rows of f numbers.
        channels: of the first three blocks; twice as many after them.

    Raises:
        ParameterError: if the rows do not fit.
    """

    def __init__(self, observation_space: spaces.Box, steps: int, width: int, channels: int = 64) -> None:
        n_observed = observation_space.shape[0]
        check_history(n_observed, steps, width)
        sizes, time = [width], 1
        while time < steps:
            sizes.append(channels if len(sizes) <= 3 else 2 * channels)
            time *= 2
        super().__init__(observation_space, sizes[-1] + n_observed - steps * width)
        self.steps, self.width, self.missing = steps, width, time - steps
        self.blocks = nn.Sequential(*(_Halve(a, b) for a, b in itertools.pairwise(sizes)))

    def forward(self, observations: th.Tensor) -> th.Tensor:
        rows, rest = split(observations, self.steps, self.width)
        # as before the reset: zeros before the first row
        rows = functional.pad(rows.transpose(1, 2), (self.missing, 0))
        return th.cat((self.blocks(rows).flatten(1), rest), 1)
