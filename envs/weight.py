"""The weight c of the reward c P/P0 - (1 - c) Sigma/Sigma0 (P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023)).

One number, or a range: then it is drawn anew for every episode and is the last number of the observation, so that one
agent learns the whole front.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..physics.control import FloatArray
from ..physics.validation import ParameterError, check_range, check_shape


class Weight:
    """The weights of K systems.

    Args:
        given: c in [0, 1], or a range (low, high) with 0 <= low < high <= 1.
        num: number of systems K.

    Attributes:
        low, high: smallest and largest weight; equal for a fixed one.
        values: the weights now, shape (K,).

    Raises:
        ParameterError: for anything else.
    """

    def __init__(self, given: float | Sequence[float], num: int) -> None:
        self.drawn = isinstance(given, (list, tuple, np.ndarray))
        pair: list[Any] = list(given) if self.drawn else [given] * 2  # type: ignore[arg-type]
        if len(pair) != 2:
            raise ParameterError(f"weight = {given!r}: must be a number in [0, 1] or a range (low, high)")
        for value in pair:
            check_range("weight", value, 0.0, 1.0)
        self.low, self.high = float(pair[0]), float(pair[1])
        if self.drawn and self.low >= self.high:
            raise ParameterError(f"weight = {given!r}: the range must have low < high")
        self.values: FloatArray = np.full(num, self.high)

    @property
    def n_uniforms(self) -> int:
        """How many uniforms ``reset`` needs per system, and how many numbers ``observe`` returns."""
        return int(self.drawn)

    def reset(self, rows: NDArray[np.int64], uniforms: FloatArray, wanted: Any = None) -> None:
        """New weights for ``rows``: drawn with ``uniforms`` (len(rows), ``n_uniforms``), or ``wanted``.

        Raises:
            ParameterError: if the weight is fixed, or ``wanted`` is neither one number nor one per row in the range.
        """
        if not self.drawn:
            if wanted is not None:
                raise ParameterError(f"options['weight'] = {wanted!r}: the weight is fixed, make it a range")
            return
        self.values = self.values.copy()  # the old array was handed out in the ledger
        if wanted is None:
            self.values[rows] = self.low + (self.high - self.low) * uniforms[:, 0]
            return
        weights = np.asarray(wanted, dtype=float)
        if weights.ndim:
            check_shape("options['weight']", weights, (len(rows),))
        for value in (weights.min(), weights.max()):  # NaN is both
            check_range("options['weight']", float(value), self.low, self.high)
        self.values[rows] = weights

    def observe(self) -> NDArray[np.float32]:
        """The weights, their range scaled to [-1, 1], shape (K, ``n_uniforms``)."""
        if not self.drawn:
            return np.empty((len(self.values), 0), dtype=np.float32)
        scaled = (2.0 * self.values - self.low - self.high) / (self.high - self.low)
        return scaled.clip(-1.0, 1.0).astype(np.float32)[:, None]

    def get_state(self) -> dict[str, Any]:
        """The weights; see ``set_state``."""
        return {"weight": self.values.copy()}

    def set_state(self, saved: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned.

        Raises:
            ParameterError: if the saved state is that of an environment without a weight, or of other systems.
        """
        if "weight" not in saved:
            raise ParameterError("the saved state has no weight: it belongs to another environment")
        values = np.array(saved["weight"], dtype=float)
        check_shape("weight", values, self.values.shape)
        self.values = values
