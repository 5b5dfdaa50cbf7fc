"""An observer: the hidden state of a machine from its history, learned by predicting what the meters show.

In black-box mode the agent knows neither state nor equations. But the step of a thermal machine is linear in what is
hidden, for any given control, so a state x of a few numbers can be followed through a history by

    x' = M(a) x + v(a) + L(a) [q - R(a) x - r(a)],

where a is what was done in a step and q what the meters showed of it: the heat that it moved, the outcomes of a
machine with detectors, or the readings of a cell's instruments. The bracket is what the prediction missed. The maps
M, v, R, r, L are one small network of a, trained to make the bracket small: a supervised problem, with far more to
learn from than the reward. Fixed features of a history cannot replace it, because products of many M are no simple
function of the last rows.

Of an outcome +-1 the prediction of least squared error is its mean given the past, so R x + r becomes the statistics
of the outcomes, and their variance is the error that is left. A projective outcome y of one qubit is followed exactly:
p' = p + (y - (2 p - 1))/2 is Bayes' rule. A weak one is followed to first order in its strength.

The critics and the actor see x like an observed state. The observer is trained for the first part of the training
only: then the networks stand on firm ground.

Sources: observers, D. G. Luenberger, IEEE Trans. Autom. Control 16, 596 (1971); prediction errors, L. Ljung, System
Identification (1999); state-affine filters, L. Grigoryeva, J.-P. Ortega, J. Mach. Learn. Res. 19, 24 (2018).
"""

from __future__ import annotations

import math

import torch as th
from torch import nn

from .features import FourierFeatures
from .history import split

DIM = 5
"""Numbers of the hidden state."""

WINDOW = 32
"""Rows of the history that are used at most. They must outlast what the heat does not show, such as coherence."""

HIDDEN = 32
FIRST, FURTHER, BATCH = 1500, 2, 256
"""Updates at the first call of ``fit`` and at every further one, and histories per update."""

RATE, UNTIL = 5e-3, 0.6
"""Learning rate at the start; it falls to zero at this fraction of the training."""

LARGEST = 5.0
"""Largest prediction error (units of the meters) and normalised state: outliers shall not rule."""


class ObserverFeatures(FourierFeatures):
    """Fourier features of (x, held controls, what follows the history), x the state that the observer has found.

    Args:
        n_observed: numbers of an observation.
        layout: steps N, continuous controls m, choices n and meters (baths B, detectors D, instruments R) of the rows,
            as ``HistoryLayout``; at least one meter.
        n_frequencies: number of random frequencies.
        scale: standard deviation of the frequencies that four inputs would have.
    """

    mean: th.Tensor
    spread: th.Tensor
    count: th.Tensor

    def __init__(self, n_observed: int, layout: tuple[int, ...], n_frequencies: int = 32, scale: float = 3.0) -> None:
        steps, m, n, *meters = layout
        n_meters = sum(meters)
        width = m + n + n_meters
        n_in = DIM + m + n_observed - steps * width
        super().__init__(n_in, n_frequencies, scale * math.sqrt(4.0 / n_in))
        self.steps, self.width, self.n_values, self.n_done, self.n_meters = steps, width, m, m + n, n_meters
        self.window = min(WINDOW, steps)
        self.sizes = (DIM * DIM, DIM, n_meters * DIM, n_meters, DIM * n_meters)
        self.maps = nn.Sequential(nn.Linear(m + n, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, sum(self.sizes)))
        with th.no_grad():  # at first the state fades slowly
            last = self.maps[2]
            assert isinstance(last, nn.Linear)
            last.weight.mul_(0.5)
            last.bias[: DIM * DIM] += 0.9 * th.eye(DIM).flatten()
        self.start = nn.Parameter(0.1 * th.randn(DIM))
        self.register_buffer("mean", th.zeros(DIM))
        self.register_buffer("spread", th.ones(DIM))
        self.register_buffer("count", th.zeros(()))

    def follow(self, rows: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        """State after the last row (B, d), and what every prediction missed (B, T, meters), from rows (B, T, f).

        Rows of zeros, from before the reset, change nothing.
        """
        done = rows[..., : self.n_done]
        m, v, r, r0, gain = (part.unbind(1) for part in self.maps(done).split(self.sizes, dim=2))
        happened = done[..., self.n_values :].sum(2, keepdim=True).unbind(1)
        shown = rows[..., self.n_done :].unbind(1)
        x, missed = self.start.expand(len(rows), -1), []
        for t in range(rows.shape[1]):
            error = (shown[t] - _apply(r[t], x) - r0[t]) * happened[t]
            x = th.lerp(x, _apply(m[t], x) + v[t] + _apply(gain[t], error), happened[t])
            missed.append(error)
        return x, th.stack(missed, 1)

    def forward(self, x: th.Tensor) -> th.Tensor:
        """(B, n_observed) -> (B, n_out); without gradient."""
        with th.no_grad():
            rows, rest = split(x, self.steps, self.width)
            state, _ = self.follow(rows[:, -self.window :])
            state = ((state - self.mean) / (self.spread + 1e-3)).clamp(-LARGEST, LARGEST)
            return super().forward(th.cat((0.5 * state, rows[:, -1, : self.n_values], rest), 1))

    def fit(self, optimizer: th.optim.Optimizer, observations: th.Tensor, progress: float) -> float | None:
        """Train on observations (B, n_observed) at this progress of the training, in [0, 1].

        Returns:
            Mean squared prediction error in units of the meters; ``None`` once the observer is frozen.
        """
        first = not self.count
        if progress >= UNTIL and not first:
            return None
        for group in optimizer.param_groups:
            group["lr"] = RATE if first else RATE * (1.0 - progress / UNTIL)
        rows = split(observations, self.steps, self.width)[0][:, -self.window :]
        error = math.nan
        for _ in range(FIRST if first else FURTHER):
            state, missed = self.follow(rows[th.randint(len(rows), (BATCH,))])
            # the first predictions suffer from the unknown start
            loss = missed[:, self.window // 4 :].clamp(-LARGEST, LARGEST).square().mean()
            optimizer.zero_grad()
            (loss + 1e-4 * state.square().mean()).backward()
            nn.utils.clip_grad_norm_(self.maps.parameters(), 1.0)
            optimizer.step()
            error = loss.item()
            self._normalise(state.detach())
        return error

    def _normalise(self, state: th.Tensor) -> None:
        self.count += 1
        weight = max(0.01, 1.0 / self.count.item())
        self.mean.lerp_(state.mean(0), weight)
        self.spread.lerp_(state.std(0), weight)


def _apply(matrix: th.Tensor, x: th.Tensor) -> th.Tensor:
    """Matrices (B, n k), row by row, times vectors (B, k); faster than ``bmm`` for so few numbers."""
    return (matrix.view(len(x), -1, x.shape[1]) * x.unsqueeze(1)).sum(2)
