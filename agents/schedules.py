"""Schedules of hyper-parameters; no torch is imported here."""

from __future__ import annotations

from dataclasses import dataclass

from ..physics.validation import check_positive, check_range


@dataclass(frozen=True)
class HoldThenDecay:
    """Learning-rate schedule: constant, then linear to nearly zero at the end.

    Attributes:
        rate: learning rate at the start.
        hold: fraction of the training during which it stays.

    Raises:
        ParameterError: if ``rate`` is not positive or ``hold`` not in [0, 0.99].
    """

    rate: float
    hold: float = 0.5

    def __post_init__(self) -> None:
        check_positive("rate", self.rate)
        check_range("hold", self.hold, 0.0, 0.99)

    def __call__(self, progress_remaining: float) -> float:
        # not exactly zero: Adam's averages shall not divide what is left by nothing
        return self.rate * min(1.0, progress_remaining / (1.0 - self.hold) + 0.005)
