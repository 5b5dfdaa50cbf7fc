"""What changes in an agent that is conditioned on the weight c of the reward, the last number of its observation.

The weight is constant during an episode (an environment with ``weight=(low, high)``). Then

* the gain, the long-run average reward, depends on the weight: values are centred on a polynomial in it and not on one
  number, so that critics and potential need not learn gain/(1 - discount), which differs far more between weights than
  between states;
* the best policy changes slowly with the weight, so its random Fourier features have low frequencies in it.
"""

from __future__ import annotations

import torch as th

N_LEVELS = 4
"""Terms of the polynomial of an agent that sees the weight; 1 is a constant."""

WEIGHT_SCALE = 1.0
"""Standard deviation of the random frequencies in the weight (radians for half its range)."""


def levels(observations: th.Tensor, n: int) -> th.Tensor:
    """The first ``n`` Legendre polynomials in the last number of observations (B, n_obs), shape (B, n).

    They are orthonormal if that number is uniform in [-1, 1]; it is not used for n = 1.
    """
    w = observations[:, -1]
    rows = [th.ones_like(w), w]
    for k in range(1, n - 1):
        rows.append(((2 * k + 1) * w * rows[k] - k * rows[k - 1]) / (k + 1))
    return th.stack([(2 * k + 1) ** 0.5 * row for k, row in enumerate(rows[:n])], dim=1)


def without_levels(values: th.Tensor, basis: th.Tensor) -> th.Tensor:
    """``values`` (B,) without their least-squares fit by ``basis`` (B, n)."""
    # normal equations, not lstsq: its round-off depends on where the memory lies, so runs would not be reproducible
    x, y = basis.double(), values.double()
    normal = x.T @ x / len(x) + 1e-9 * th.eye(x.shape[1], dtype=x.dtype)
    return values - (x @ th.linalg.solve(normal, x.T @ y / len(x))).float()
