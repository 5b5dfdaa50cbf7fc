"""Reference values: what the package must reproduce, each with its source and the computation that reproduces it.

One list per system lives next to the system (``machines/two_level_references.py``) and is named in the catalogue; tests
and the command ``szilard validate`` run them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One number that must come out.

    Attributes:
        id: short unique name.
        quantity: what it is, in words.
        expected: the value of the source.
        tolerance: largest allowed absolute deviation.
        source: where the value comes from.
        compute: computes it with the machinery of the package.
    """

    id: str
    quantity: str
    expected: float
    tolerance: float
    source: str
    compute: Callable[[], float]

    def deviation(self) -> float:
        """Computed minus expected value."""
        return self.compute() - self.expected
