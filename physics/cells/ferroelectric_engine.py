"""Ferroelectric heat engine (pyroelectric) and electrocaloric cooler: field and bath contact as controls. SI.

Per unit volume, with the Landau polynomial f(P, T) of ``landau.py``,

    rho dP/dt = E(t) - df/dP
    cv dT/dt = rho (dP/dt)^2 + a0 T P dP/dt + K_v (T_b - T),        K_v = cv / tau in contact, else 0

The field moves linearly over a step to its new value. Work out is -integral of E dP. A background permittivity that
does not depend on T gives nothing over a cycle and is left out.

Source: derived; Olsen cycle, R. B. Olsen et al., J. Appl. Phys. 58, 4709 (1985).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..control import ControlSpace, FloatArray, IntArray, Range
from ..machine import parameter
from ..portrait import Portrait
from ..validation import ParameterError, check_finite, check_positive
from .cell import Cell, Flow, Ledger
from .discrete import Array
from .film_step import SMALL, Film, contact
from .landau import Landau
from .ledger import put

NONE, COLD, HOT = range(3)
"""Indices of the bath choice."""


@dataclass(frozen=True)
class FerroelectricEngine(Cell):
    """Ferroelectric heat engine; the defaults are the reference set of the specification (BaTiO3, supercritical).

    State: (P, theta, E), theta = T - T_c. Control: the field E at the end of the step, in [E_low, E_high], and the
    bath: 0 none, 1 cold, 2 hot. Units: SI; flows are those of ``volume``.

    Raises:
        ParameterError: for a parameter outside its range.
    """

    title: ClassVar[str] = "Ferroelectric heat engine"
    source: ClassVar[str] = "derived; cycle of R. B. Olsen et al., J. Appl. Phys. 58, 4709 (1985)"
    equations: ClassVar[str] = "rho dP/dt = E - df/dP; cv dT/dt = rho (dP/dt)^2 + a0 T P dP/dt + K_v (T_b - T)"
    dynamic_names: ClassVar[tuple[str, ...]] = ("P", "theta")
    bath_names: ClassVar[tuple[str, ...]] = ("cold", "hot")
    quantities: ClassVar[dict[str, tuple[str, str]]] = {
        "P": ("polarisation", "C/m2"),
        "theta": ("temperature above the cold bath", "K"),
    }
    n_initial_uniforms: ClassVar[int] = 2
    channels: ClassVar[tuple[str, ...]] = ("polarisation",)
    ramped: ClassVar[tuple[str, ...]] = ("E",)

    a0: float = parameter(8.248e5, "V m/(C K)", "Landau coefficient of a = a0 (T - T0)")
    T0: float = parameter(388.15, "K", "Curie-Weiss temperature")
    b: float = parameter(-8.388e8, "V m5/C3", "Landau coefficient")
    c: float = parameter(7.764e9, "V m9/C5", "Landau coefficient")
    d: float = parameter(3.0904e11, "V m13/C7", "Landau coefficient")
    cv: float = parameter(3.0e6, "J/(m3 K)", "heat capacity per volume")
    rho: float = parameter(1.0e3, "Ohm m", "viscosity of the polarisation")
    T_cold: float = parameter(393.15, "K", "temperature of the cold bath")
    T_hot: float = parameter(433.15, "K", "temperature of the hot bath")
    tau: float = parameter(0.5, "s", "time constant of the contact with a bath")
    E_low: float = parameter(2.0e6, "V/m", "smallest field")
    E_high: float = parameter(10.0e6, "V/m", "largest field")
    volume: float = parameter(1.0e-3, "m3", "volume of the film; 1 litre")
    max_sub_step: float = parameter(1.0e-3, "s", "longest sub-step of the integrator")

    def __post_init__(self) -> None:
        for name in ("cv", "rho", "T_cold", "T_hot", "tau", "volume", "max_sub_step"):
            check_positive(name, getattr(self, name))
        check_finite("E_low", self.E_low)
        check_finite("E_high", self.E_high)
        if self.E_low >= self.E_high:
            raise ParameterError(f"E_low = {self.E_low!r}: must be < E_high = {self.E_high!r}")
        if self.T_cold >= self.T_hot:
            raise ParameterError(f"T_cold = {self.T_cold!r}: must be < T_hot = {self.T_hot!r}")
        _ = self.landau  # checks the coefficients

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def landau(self) -> Landau:
        """The Landau polynomial."""
        return Landau(self.a0, self.T0, self.b, self.c, self.d)

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace((Range("E", self.E_low, self.E_high, "V/m"),), ("none", "cold", "hot"), "bath")

    @cached_property
    def betas(self) -> FloatArray:
        return 1.0 / np.array([self.T_cold, self.T_hot])

    @property
    def ambient(self) -> float:
        return self.T_cold

    @cached_property
    def heat_capacity(self) -> float:
        return self.cv * self.volume

    @cached_property
    def largest(self) -> float:
        """Equilibrium polarisation at the largest field and the cold bath, C/m2."""
        e = max(abs(self.E_low), abs(self.E_high))
        return float(self.landau.equilibrium(np.array(e), np.array(self.T_cold)))

    @cached_property
    def scales(self) -> FloatArray:
        return np.array([self.largest, self.T_hot - self.T_cold])

    @cached_property
    def energy_scale(self) -> float:
        return float(self.volume * (self.E_high - self.E_low) * self.largest)

    @cached_property
    def power_unit(self) -> float:
        """Ideal work of the Olsen cycle over the time constant of a contact."""
        return self.olsen_work / self.tau

    @cached_property
    def olsen_work(self) -> float:
        """W_Olsen: the ideal work of the cycle between the corners (E_low, E_high) x (T_cold, T_hot), J."""
        corners = [(e, t) for t in (self.T_cold, self.T_hot) for e in (self.E_low, self.E_high)]
        phi = [self.enthalpy(e, t) for e, t in corners]
        return self.volume * ((phi[0] - phi[1]) - (phi[2] - phi[3]))

    def enthalpy(self, field: float, temperature: float) -> float:
        """phi(E, T) = min over P of f - E P, J/m3."""
        p = float(self.landau.equilibrium(np.array(field), np.array(temperature)))
        return float(self.landau.free_energy(p, temperature)) - field * p

    @cached_property
    def dissipation_unit(self) -> float:
        """Entropy production at which a power of P0 would have half of Carnot's efficiency, W/K."""
        return self.power_unit / self.T_cold

    # ---- the cell ---------------------------------------------------------------------------------------------

    def stored(self, x: FloatArray, values: FloatArray) -> FloatArray:
        return self.volume * self.landau.stored(x[0])

    def order(self, x: FloatArray) -> FloatArray:
        return self.volume * self.landau.order(x[0])

    def gradients(self, x0: Array, x1: Array, values: FloatArray) -> tuple[Sequence[Array], Sequence[Array]]:
        u = self.volume * self.landau.stored_gradient(x0[0], x1[0])
        return (u,), (self.volume * self.landau.order_gradient(x0[0], x1[0]),)

    def flow(
        self, x0: Array, x1: Array, temperature: Array, forces: Sequence[Array], values: FloatArray, choice: IntArray
    ) -> Flow:
        field = values[0]
        rate = (field - forces[0] / self.volume) / self.rho
        return Flow((rate,), (self.volume * self.rho * rate * rate,), -self.volume * field * rate)

    def conductances(self, values: FloatArray, choice: IntArray) -> FloatArray:
        k = self.heat_capacity / self.tau
        return k * np.stack([choice == COLD, choice == HOT])

    @property
    def longest_sub_step(self) -> float:
        return self.max_sub_step

    # ---- the stepper, written out for two variables -----------------------------------------------------------

    @cached_property
    def film(self) -> Film:
        """The material, for ``film_step``."""
        p, theta = (SMALL * self.scales).tolist()
        return Film(self.a0, self.T0, self.b, self.c, self.d, self.cv, self.rho, self.ambient, (p, theta))

    def advance(
        self, x: FloatArray, theta: FloatArray, start: FloatArray, end: FloatArray, choice: IntArray, dt: float
    ) -> Ledger:
        """As ``Cell.advance``, with analytic derivatives; films that these do not solve go to the general solver."""
        k_v, bath = self.contact(choice)
        done = contact(self.film, x[0], theta, (start[0], end[0]), k_v, bath, self.sub_steps(dt).tolist())
        heat = self.volume * np.stack([np.where(choice == b, done.received, 0.0) for b in (COLD, HOT)], axis=1)
        ledger = Ledger(
            done.p[None], done.theta, self.volume * done.delivered, heat, self.volume * done.dissipated[None],
            done.sub_steps.astype(np.int64),
        )  # fmt: skip
        lost = np.flatnonzero(~np.isfinite(done.p + done.theta))
        if lost.size:
            put(ledger, lost, super().advance(x[:, lost], theta[lost], start[:, lost], end[:, lost], choice[lost], dt))
        return ledger

    def contact(self, choice: IntArray) -> tuple[FloatArray, FloatArray]:
        """Conductance per volume, W/(m3 K), 0 without contact, and temperature of the bath, K; shape of ``choice``."""
        return np.where(choice == NONE, 0.0, self.cv / self.tau), np.where(choice == HOT, self.T_hot, self.T_cold)

    # ---- states -----------------------------------------------------------------------------------------------

    @cached_property
    def portrait(self) -> Portrait:
        from .portraits import FilmPortrait

        return FilmPortrait(self)

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Heat content of the temperature and the polarisation at the middle field: u - E_m P + C theta, J."""
        p = state[:, 0]
        middle = 0.5 * (self.E_low + self.E_high)
        return self.volume * (self.landau.stored(p) - middle * p) + self.heat_capacity * state[:, 1]

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """In equilibrium at a random field and a random temperature between the baths."""
        field = self.E_low + (self.E_high - self.E_low) * uniforms[:, 0]
        theta = (self.T_hot - self.T_cold) * uniforms[:, 1]
        return np.stack([self.landau.equilibrium(field, self.T_cold + theta), theta, field], axis=1)

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        e = np.array([self.E_low, self.E_high])
        p = self.landau.equilibrium(e, np.array([self.T_hot, self.T_cold]))
        return (
            np.array([p[0], 0.0, self.E_low]),
            np.array([p[1], self.T_hot - self.T_cold, self.E_high]),
        )

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        # polarisation and temperature overshoot their usual range a little when the field is ramped without contact
        return np.array([-20.0, -20.0, -1.0]), np.array([20.0, 20.0, 1.0])
