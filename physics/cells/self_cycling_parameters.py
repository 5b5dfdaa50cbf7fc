"""Parameters of the self-cycling cell, where its energy comes from, and what follows from them in closed form. SI.

Source: see ``self_cycling_cell.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..machine import parameter
from ..validation import ParameterError, check_choice, check_positive, check_range
from .cell import SecondLawError
from .electrical import ElectricalCell
from .interface_well import BISTABILITIES, FilmWell, LandauWell, Well

SOURCES = ("chemical", "two_bath", "mechanical", "none")
"""Where the free energy comes from."""

FORBIDDEN_SOURCES = ("ambient_heat", "isothermal_heat", "heat", "one_bath")
"""Claims that the second law forbids."""

SATURATED = 5.0
"""Largest artanh(y/Q) of a film: beyond that 1 - y/Q has too few digits for an exact ledger."""


@dataclass(frozen=True)
class SelfCyclingParameters(ElectricalCell):
    """The defaults are set S2 of the specification; see ``SelfCyclingCell``."""

    energy_source: str = parameter("chemical", "-", "where the free energy comes from")
    C_A: float = parameter(4.0, "F", "double layer of the anode")
    C_C: float = parameter(10.0, "F", "double layer of the cathode")
    y0: float = parameter(0.1, "C", "half distance of the wells at T_r")
    V_c: float = parameter(0.1, "V", "coercive voltage at T_r")
    bistability: str = parameter("landau", "-", "what the interface is: a polarisation (landau) or a film")
    well_a0: float = parameter(0.0, "V/(C K)", "Landau coefficient a0; 0: it and b follow from y0 and V_c")
    well_b: float = parameter(0.0, "V/C3", "Landau coefficient b, with a0 given")
    V_b: float = parameter(0.661, "V", "built-in bias of the interface")
    Tc: float = parameter(393.15, "K", "Curie temperature of the interface")
    T_r: float = parameter(298.15, "K", "reference temperature of all parameters")
    R_F: float = parameter(60.0, "Ohm", "viscosity of the interface")
    R_m: float = parameter(400.0, "Ohm", "reaction resistance of the bare anode (y < 0)")
    R_p: float = parameter(3000.0, "Ohm", "reaction resistance of the covered anode (y > 0)")
    y_w: float = parameter(0.025, "C", "width of the transition between them")
    R_C: float = parameter(20.0, "Ohm", "reaction resistance of the cathode")
    R_i: float = parameter(5.0, "Ohm", "resistance of the electrolyte")
    E_A: float = parameter(1.161, "V", "potential of the anode at T_r, full")
    E_C: float = parameter(0.35, "V", "potential of the cathode at T_r, full")
    e_A: float = parameter(-0.3e-3, "V/K", "temperature coefficient of the anode")
    e_C: float = parameter(0.0, "V/K", "temperature coefficient of the cathode")
    z_A: int = parameter(3, "1", "charges per reaction at the anode")
    z_C: int = parameter(1, "1", "charges per reaction at the cathode")
    N0_A: float = parameter(39600.0, "C", "fuel of the anode")
    N0_C: float = parameter(39600.0, "C", "fuel of the cathode")
    N_half: float = parameter(0.0, "C", "fuel at which the anode's rate is halved; 0: the rate does not depend on it")
    E_act: float = parameter(0.20, "eV", "activation energy of the reactions")
    E_ion: float = parameter(0.10, "eV", "activation energy of the conductivity")
    C_th: float = parameter(36.0, "J/K", "heat capacity")
    K: float = parameter(0.08, "W/K", "thermal conductance to the bath")
    T_a: float = parameter(298.15, "K", "temperature of the bath")
    T_hot: float = parameter(318.15, "K", "temperature of the hot bath (source = two_bath)")
    log_R_min: float = parameter(1.5, "1", "smallest log10 of the load in Ohm")
    log_R_max: float = parameter(4.5, "1", "largest log10 of the load in Ohm")
    port_voltage: float = parameter(0.0, "V", "largest voltage of a source in series with the load; 0: there is none")
    Tc_span: float = parameter(20.0, "K", "by how much stress moves Tc either way (source = mechanical)")

    def __post_init__(self) -> None:
        if self.energy_source in FORBIDDEN_SOURCES:
            raise SecondLawError(
                f"energy_source = {self.energy_source!r}: heat of a single temperature delivers no work over a cycle; "
                f"must be one of {', '.join(map(repr, SOURCES))}"
            )
        check_choice("energy_source", self.energy_source, SOURCES)
        positive = (
            "C_A", "C_C", "y0", "V_c", "Tc", "T_r", "R_F", "R_m", "R_p", "y_w", "R_C", "R_i", "N0_A", "N0_C", "C_th",
            "K", "T_a", "T_hot", "Tc_span",
        )  # fmt: skip
        for name in positive:
            check_positive(name, getattr(self, name))
        check_choice("bistability", self.bistability, BISTABILITIES)
        if self.well_a0 or self.well_b:
            check_positive("well_a0", self.well_a0)
            check_positive("well_b", self.well_b)
            if self.bistability != "landau":
                raise ParameterError(f"well_a0 = {self.well_a0!r}: must be 0 for bistability = {self.bistability!r}")
        elif self.Tc <= self.T_r:
            raise ParameterError(f"Tc = {self.Tc!r}: must be > T_r = {self.T_r!r}, where the double well is given")
        if self.energy_source == "two_bath" and self.T_hot <= self.T_a:
            raise SecondLawError(
                f"T_hot = {self.T_hot!r}: must be > T_a = {self.T_a!r}, or there is only one temperature"
            )
        if self.log_R_min >= self.log_R_max:
            raise ParameterError(f"log_R_min = {self.log_R_min!r}: must be < log_R_max = {self.log_R_max!r}")
        check_range("port_voltage", self.port_voltage, 0.0, 100.0)
        check_range("N_half", self.N_half, 0.0, self.N0_A)
        if isinstance(self.well, FilmWell):
            largest = max(self.V_b + self.port_voltage, self.E_A + self.port_voltage - self.V_b)
            if self.well.saturation(largest, self.T_r, self.Tc) > SATURATED:
                raise ParameterError(
                    f"V_c = {self.V_c!r}: is so small that {largest:.4g} V would saturate the film beyond 1 - 1e-4, "
                    f"where its free energy is singular; must be larger, or bistability = 'landau'"
                )

    @property
    def fuelled(self) -> bool:
        """Whether the electrodes have an affinity."""
        return self.energy_source == "chemical"

    @cached_property
    def well(self) -> Well:
        """The interface."""
        if self.well_a0:
            return LandauWell(self.well_a0, self.well_b)
        kind = LandauWell if self.bistability == "landau" else FilmWell
        return kind.fitted(self.y0, self.V_c, self.T_r, self.Tc)

    @property
    def a0(self) -> float:
        """Slope of 1/C_F at y = 0 with the temperature, V/(C K)."""
        return self.well.a0

    @cached_property
    def a_r(self) -> float:
        """1/C_F of the interface at y = 0 and T_r, V/C."""
        return self.well.a0 * (self.T_r - self.Tc)

    @property
    def b(self) -> float:
        """Landau coefficient, V/C^3.

        Raises:
            ParameterError: for a film, which has none.
        """
        if isinstance(self.well, LandauWell):
            return self.well.b
        raise ParameterError(f"bistability = {self.bistability!r}: must be 'landau' for a Landau coefficient b")

    @cached_property
    def energy_scale(self) -> float:
        """Energy of the double layers at 1 V and of the well, J."""
        return 0.5 * (self.C_A + self.C_C) + self.V_c * self.y0

    @cached_property
    def matched_power(self) -> float:
        """E^2/4R of the bare cell: the most that a steady load gets, W."""
        return (self.E_A + self.E_C) ** 2 / (4.0 * (self.R_m + self.R_C + self.R_i))

    @cached_property
    def power_unit(self) -> float:
        return self.matched_power

    @cached_property
    def dissipation_unit(self) -> float:
        return self.matched_power / self.T_a
