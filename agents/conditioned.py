"""One agent for the whole front: hybrid SAC with the weight c of the reward in the observation.

The weight is the last number of the observation (an environment with ``weight=(low, high)``) and constant during an
episode. Then

* the gain, the long-run average reward, depends on the weight: values are centred on a polynomial in it and not on one
  number, so that critics and potential need not learn gain/(1 - discount), which differs far more between weights than
  between states;
* the best policy changes slowly with the weight, so its random Fourier features have low frequencies in it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch as th
from stable_baselines3.common.policies import BasePolicy

from ..physics.validation import ParameterError, check_positive
from .hybrid_policy import HybridSACPolicy
from .hybrid_sac import HybridSAC


class ConditionedPolicy(HybridSACPolicy):
    """``HybridSACPolicy`` with its own frequency scale for the last number of the observation, the weight.

    Args:
        weight_scale: standard deviation of the random frequencies in the weight (radians for half its range).
    """

    def __init__(self, *args: Any, weight_scale: float = 1.0, **kwargs: Any) -> None:
        check_positive("weight_scale", weight_scale)
        super().__init__(*args, **kwargs)
        self.weight_scale = weight_scale
        self.features.frequencies[-1] *= weight_scale / self.frequency_scale

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "weight_scale": self.weight_scale}


class ConditionedSAC(HybridSAC):
    """``HybridSAC`` for environments whose last observed number is the weight; arguments as there.

    Raises:
        ParameterError: if the environment does not show a weight.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"MlpPolicy": ConditionedPolicy}
    n_levels: ClassVar[int] = 4

    def _setup_model(self) -> None:
        if self.env is not None:
            kernel = self.env.get_attr("kernel")[0]
            if kernel.weight is None or not kernel.weight.drawn:
                raise ParameterError("weight: must be a range (low, high), the agent is conditioned on it")
        super()._setup_model()

    def _levels(self, observations: th.Tensor) -> th.Tensor:
        """Legendre polynomials in the weight, orthonormal for one that is uniform in its range."""
        w = observations[:, -1]
        return th.stack(
            (th.ones_like(w), 3**0.5 * w, 5**0.5 * (1.5 * w**2 - 0.5), 7**0.5 * (2.5 * w**3 - 1.5 * w)), dim=1
        )
