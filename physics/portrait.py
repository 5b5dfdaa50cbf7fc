"""What pictures show of a machine: quantities along a trajectory, coherence, and the thermodynamic diagram.

A machine has one ``portrait``; the class here is the default, and all of it may be overridden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .control import FloatArray

if TYPE_CHECKING:
    from .machine import Machine


class Quantity(NamedTuple):
    """A quantity along a trajectory.

    Attributes:
        name: in words.
        symbol: in plain notation (``"epsilon"``, ``"p_e"``).
        unit: ``"1"``, ``"energy"`` for the unit of energy of the machine, or any other in plain notation.
        values: shape (K,).
    """

    name: str
    symbol: str
    unit: str
    values: FloatArray


class Guide(NamedTuple):
    """A line for orientation in the thermodynamic diagram, or a point (a line of one).

    Attributes:
        name: in words, for a legend.
        bath: index of the bath whose colour it has; ``None``: of no bath.
        x, y: in the plane, shape (points,).
    """

    name: str
    bath: int | None
    x: FloatArray
    y: FloatArray


class Portrait:
    """The portrait of a machine without coherence: its dynamical variables as they are.

    Args:
        machine: the machine.
    """

    follows_controls: bool = True
    """Whether the abscissa of the plane depends on the controls alone, so that their range is its range."""
    steps_shown: int = 48
    """How many of the last steps a rendering shows."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def shown(self, state: FloatArray) -> tuple[Quantity, ...]:
        """What is drawn against time; the dynamical variables of the states (K, n)."""
        known = self.machine.quantities
        named = [(name, *known.get(name, ("state variable", ""))) for name in self.machine.dynamic_names]
        return tuple(Quantity(about, name, unit, state[:, i]) for i, (name, about, unit) in enumerate(named))

    def populations(self, state: FloatArray) -> tuple[Quantity, ...]:
        """Populations of all levels, which add up to one: drawn stacked in one panel in place of ``shown``.

        Empty: ``shown`` says it all.
        """
        return ()

    def coherence(self, state: FloatArray) -> FloatArray | None:
        """Relative entropy of coherence in the eigenbasis of H(u), nats, shape (K,); ``None``: there is never any.

        Source: T. Baumgratz, M. Cramer, M. B. Plenio, Phys. Rev. Lett. 113, 140401 (2014).
        """
        return None

    def plane(self, state: FloatArray) -> tuple[Quantity, Quantity] | None:
        """Abscissa and ordinate of the thermodynamic diagram: energy gap and population of the states (K, n).

        The area that a cycle encloses must be its work, but for the work done through coherences, which is
        sum_n E_n d(population n) along the switches. ``None``: the drawing takes dE/dx, or the control, and its
        conjugate. A machine with detectors may have any plane, for it has no cycle: the outcomes are random.
        """
        return None

    def guides(self) -> tuple[Guide, ...]:
        """What is drawn into the plane for orientation."""
        return ()

    def thermal(self, values: FloatArray, beta: float) -> FloatArray | None:
        """Dynamical variables (K, n_dynamic) of the thermal state with the controls (K, m); ``None``: not known."""
        return None
