"""Reported conductivities of solid electrolytes, with how far they can be trusted, and apparent permittivities.

Provenance: ``reported_contested`` (by one group, not reproduced by others), ``reported``, ``assumption``. What is
contested, and why, is said in ``docs/cells.md``.

A capacitance divided by geometry is no property of a material: cells store capacitances, and ``apparent_permittivity``
is derived from them for comparison with reports, never put in.

Source: J. Mater. Chem. A 12, 690 (2024) for the contested values; J. Mater. Chem. A 9, 18746 (2021) for the
alternative.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..validation import check_choice, check_positive
from .cell import EPSILON_0
from .double_layer_cell import DoubleLayerCell
from .materials import Value

REVIEW = "Gomes, Moutinho, Braga, J. Mater. Chem. A 12, 690 (2024)"


@dataclass(frozen=True)
class Electrolyte:
    """A solid electrolyte.

    Attributes:
        name: key of the table.
        conductivity: at room temperature, S/cm.
        note: what to know before use.
    """

    name: str
    conductivity: Value
    note: str = ""

    @property
    def contested(self) -> bool:
        """Whether the value was reported by one group and not reproduced."""
        return self.conductivity.provenance == "reported_contested"

    def cell(self, **parameters: float) -> DoubleLayerCell:
        """A double-layer cell with it; other parameters of ``DoubleLayerCell`` by name."""
        return DoubleLayerCell(sigma0=self.conductivity.value, **parameters)  # type: ignore[arg-type]


def _contested(name: str, sigma: float) -> Electrolyte:
    note = "not reproduced: hydrated phases were found instead (Hanghofer et al., Chem. Mater. 30, 8134 (2018))"
    return Electrolyte(name, Value(sigma, "S/cm", "reported_contested", REVIEW), note)


ELECTROLYTES: dict[str, Electrolyte] = {
    e.name: e
    for e in (
        _contested("Li2.99Ba0.005OCl", 25e-3),
        _contested("Na2.99Ba0.005OCl", 133e-3),
        _contested("K2.99Ba0.005OCl", 155e-3),
        Electrolyte(
            "Li3OCl_class",
            Value(1.2e-4, "S/cm", "reported", "Dawson, Famprikis, Johnston, J. Mater. Chem. A 9, 18746 (2021)"),
            "the alternative to the contested values: about 0.1 mS/cm",
        ),
        Electrolyte(
            "coaxial_2026",
            Value(54.0e-6, "S/cm", "reported", "publication record of the University of Porto (2026)"),
            "of the group's own coaxial cell; the prefix is garbled in the record and read as micro",
        ),
        Electrolyte("reference", Value(1e-3, "S/cm", "assumption"), "the reference set of the double-layer cell"),
    )
}
"""All electrolytes by name."""


def electrolyte(name: str) -> Electrolyte:
    """An electrolyte of the table.

    Raises:
        ParameterError: for an unknown name.
    """
    check_choice("name", name, ELECTROLYTES)
    return ELECTROLYTES[name]


def apparent_permittivity(capacitance: float, thickness: float) -> float:
    """eps_r of a plate capacitor with that capacitance per area (F/m2) over that thickness (m).

    Raises:
        ParameterError: unless both are positive.
    """
    check_positive("capacitance", capacitance)
    check_positive("thickness", thickness)
    return capacitance * thickness / EPSILON_0


def apparent_permittivity_of(cell: DoubleLayerCell) -> float:
    """eps_r that impedance would find in a cell: its two double layers in series, over the whole electrolyte."""
    layers = cell.C_A * cell.C_C / (cell.C_A + cell.C_C)
    return apparent_permittivity(1e4 * layers, 1e-2 * cell.L)
