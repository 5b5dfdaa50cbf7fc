"""Ferroelectric capacitor in series with a resistor: Landau-Khalatnikov, thermal node, optional domains. SI.

A film of thickness L and area A with N domains of equal area, which share the voltage V:

    rho dP_i/dt = V/L - df/dP(P_i) + E_i + kappa (P_{i+1} + P_{i-1} - 2 P_i)
    C_b dV/dt = (V_s - V)/R - A d(mean P)/dt,        C_b = eps0 eps_b A/L
    C_th dT/dt = Vol (rho <(dP/dt)^2> + a0 T <P dP/dt>) - K (T - T_a)

V_s is the voltage of the source (the control). While a domain switches the voltage may fall as the charge rises:
negative capacitance, a transient that releases stored energy. What it proves and does not is said in ``docs/cells.md``.

The work is that of the source, V_s I; the heat of the resistor, R I^2, leaves at T_a as heat to a bath of its own.

Source: A. I. Khan et al., Nat. Mater. 14, 182 (2015); equations derived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..control import ControlSpace, FloatArray, IntArray, Range
from ..machine import parameter
from ..portrait import Portrait
from ..validation import check_integer, check_positive, check_range
from .cell import EPSILON_0, Flow
from .discrete import Array, half_square
from .electrical import ElectricalCell
from .landau import Landau
from .slopes import Rows, capacitor


@dataclass(frozen=True)
class FerroelectricCapacitor(ElectricalCell):
    """Ferroelectric capacitor; the defaults are the set "PZT_eff" of the specification.

    State: (P_1 .. P_N, q, theta, V_s) with q = C_b V. Control: the source voltage V_s. Units: SI.

    Raises:
        ParameterError: for a parameter outside its range.
    """

    title: ClassVar[str] = "Ferroelectric capacitor"
    source: ClassVar[str] = "A. I. Khan et al., Nat. Mater. 14, 182 (2015); equations derived"
    equations: ClassVar[str] = "rho dP/dt = V/L - df/dP; C_b dV/dt = (V_s - V)/R - A dP/dt"
    bath_names: ClassVar[tuple[str, ...]] = ("ambient", "resistor")
    n_initial_uniforms: ClassVar[int] = 1
    channels: ClassVar[tuple[str, ...]] = ("polarisation",)
    port_controls: ClassVar[tuple[str, ...]] = ("V_s",)

    a0: float = parameter(1.4846149779161e8 / (732.25 - 298.15), "V m/(C K)", "Landau coefficient")
    T0: float = parameter(732.25, "K", "Curie-Weiss temperature")
    b: float = parameter(3.0298264855430e8, "V m5/C3", "Landau coefficient")
    c: float = parameter(0.0, "V m9/C5", "Landau coefficient")
    d: float = parameter(0.0, "V m13/C7", "Landau coefficient")
    rho: float = parameter(10.0, "Ohm m", "viscosity of the polarisation")
    eps_b: float = parameter(50.0, "1", "background permittivity")
    L: float = parameter(60e-9, "m", "thickness")
    A: float = parameter(9e-10, "m2", "area")
    R: float = parameter(50e3, "Ohm", "series resistor")
    cv: float = parameter(2.8e6, "J/(m3 K)", "heat capacity per volume")
    K: float = parameter(1e-5, "W/K", "thermal conductance to the bath")
    T_a: float = parameter(298.15, "K", "temperature of bath and resistor")
    V_max: float = parameter(5.4, "V", "largest source voltage, of either sign")
    n_domains: int = parameter(1, "1", "number of domains")
    imprint_sigma: float = parameter(0.0, "V/m", "standard deviation of the imprint fields")
    kappa: float = parameter(0.0, "V m/C", "coupling of neighbouring domains")
    imprint_seed: int = parameter(0, "1", "seed of the imprint fields")

    def __post_init__(self) -> None:
        for name in ("rho", "eps_b", "L", "A", "R", "cv", "K", "T_a", "V_max"):
            check_positive(name, getattr(self, name))
        check_integer("n_domains", self.n_domains, 1)
        check_integer("imprint_seed", self.imprint_seed, 0)
        check_range("imprint_sigma", self.imprint_sigma, 0.0, 1e12)
        check_range("kappa", self.kappa, 0.0, 1e15)
        _ = self.landau  # checks the coefficients

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def dynamic_names(self) -> tuple[str, ...]:  # type: ignore[override]
        domains = ("P",) if self.n_domains == 1 else tuple(f"P{i + 1}" for i in range(self.n_domains))
        return (*domains, "q", "theta")

    @property
    def quantities(self) -> dict[str, tuple[str, str]]:  # type: ignore[override]
        domains = dict.fromkeys(self.dynamic_names[: self.n_domains], ("polarisation", "C/m2"))
        return domains | {"q": ("charge of the background", "C"), "theta": ("temperature above ambient", "K")}

    @property
    def takes_numbers(self) -> bool:  # type: ignore[override]
        return self.n_domains == 1

    @cached_property
    def landau(self) -> Landau:
        """The Landau polynomial."""
        return Landau(self.a0, self.T0, self.b, self.c, self.d)

    @cached_property
    def imprint(self) -> FloatArray:
        """E_i, V/m, shape (N,): Gaussian, of mean zero."""
        fields = self.imprint_sigma * np.random.default_rng(self.imprint_seed).standard_normal(self.n_domains)
        return fields - fields.mean()

    @property
    def C_b(self) -> float:
        """Background capacitance, F."""
        return EPSILON_0 * self.eps_b * self.A / self.L

    @property
    def volume(self) -> float:
        """Of the film, m3."""
        return self.A * self.L

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace((Range("V_s", -self.V_max, self.V_max, "V"),))

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([1.0 / self.T_a, 1.0 / self.T_a])

    @property
    def ambient(self) -> float:
        return self.T_a

    @cached_property
    def heat_capacity(self) -> float:
        return self.cv * self.volume

    @cached_property
    def remanent(self) -> float:
        """Polarisation without a field at T_a, C/m2."""
        return float(self.landau.equilibrium(np.array(0.0), np.array(self.T_a)))

    @cached_property
    def scales(self) -> FloatArray:
        p = self.remanent or self.V_max / self.L / abs(self.a0 * (self.T_a - self.T0))
        return np.array([*[p] * self.n_domains, self.C_b * self.V_max, 1.0])

    @cached_property
    def energy_scale(self) -> float:
        return self.A * self.scales[0] * self.V_max + 0.5 * self.C_b * self.V_max**2

    @cached_property
    def power_unit(self) -> float:
        """V_max^2/R, W."""
        return self.V_max**2 / self.R

    @cached_property
    def dissipation_unit(self) -> float:
        return self.power_unit / self.T_a

    # ---- the cell ---------------------------------------------------------------------------------------------

    def stored(self, x: FloatArray, values: FloatArray) -> FloatArray:
        p, q = x[:-1], x[-1]
        density = (self.landau.stored(p) - self.imprint[:, None] * p).mean(axis=0)
        if self.kappa:
            density = density + 0.5 * self.kappa * ((np.roll(p, -1, axis=0) - p) ** 2).mean(axis=0)
        return self.volume * density + q * q / (2.0 * self.C_b)

    def order(self, x: FloatArray) -> FloatArray:
        return self.volume * self.landau.order(x[:-1]).mean(axis=0)

    def gradients(self, x0: Array, x1: Array, values: FloatArray) -> tuple[Sequence[Array], Sequence[Array]]:
        share = self.volume / self.n_domains
        if self.n_domains == 1:
            u, s = self.landau.stored_gradient(x0[0], x1[0]), self.landau.order_gradient(x0[0], x1[0])
            charge = half_square(x0[1], x1[1]) / self.C_b
            return (share * u, charge), (share * s, 0.0 * charge)
        p0, p1 = x0[:-1], x1[:-1]
        imprint = self.imprint.reshape(-1, *[1] * (p1.ndim - 1))
        u = self.landau.stored_gradient(p0, p1) - imprint
        if self.kappa:
            p = half_square(p0, p1)
            u = u - self.kappa * (np.roll(p, -1, axis=0) + np.roll(p, 1, axis=0) - 2.0 * p)
        s = self.landau.order_gradient(p0, p1)
        charge = half_square(x0[-1], x1[-1]) / self.C_b
        return [*(share * u), charge], [*(share * s), 0.0 * charge]

    def source_of(self, forces: Sequence[Array], temperature: Array) -> tuple[Array, Array]:
        return forces[-1], self.R + 0.0 * temperature

    def source_at(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.voltage(state), np.full(len(state), self.R)

    def drawn(self, voltage: Array, resistance: Array, values: FloatArray, choice: IntArray) -> Array:
        return (voltage - values[0]) / resistance

    def flow_with(
        self,
        x0: Array,
        x1: Array,
        temperature: Array,
        forces: Sequence[Array],
        values: FloatArray,
        choice: IntArray,
        current: Array,
    ) -> Flow:
        share, voltage = self.volume / self.n_domains, forces[-1]
        loss = self.R * current * current
        if self.n_domains == 1:
            rate = (voltage / self.L - forces[0] / share) / self.rho
            heat = share * self.rho * rate * rate
            return Flow((rate, -current - self.A * rate), (heat,), current * voltage - loss, loss)
        rates = (voltage / self.L - np.array(forces[:-1]) / share) / self.rho
        heat = share * self.rho * (rates * rates).sum(axis=0)
        charging = -current - self.A * rates.mean(axis=0)
        return Flow([*rates, charging], [heat], current * voltage - loss, loss)

    def slopes(self, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any) -> Rows | None:
        if self.n_domains > 1:
            return None
        return capacitor(self, old, new, values, choice, h, conductances)

    def conductances(self, values: FloatArray, choice: IntArray) -> FloatArray:
        return np.stack([np.full(len(choice), self.K), np.zeros(len(choice))])

    @property
    def longest_sub_step(self) -> float:
        """A fraction of the switching time of the film through the resistor."""
        return 0.01 * self.R * self.A * self.scales[0] / self.V_max

    # ---- states -----------------------------------------------------------------------------------------------

    def voltage(self, state: FloatArray) -> FloatArray:
        """V across the film, V, shape (K,)."""
        return state[:, self.n_domains] / self.C_b

    def charge(self, state: FloatArray) -> FloatArray:
        """Q = A <P> + C_b V, C, shape (K,)."""
        return self.A * state[:, : self.n_domains].mean(axis=1) + state[:, self.n_domains]

    @property
    def voltage_scale(self) -> float:
        return self.V_max

    def passed(self, state: FloatArray) -> FloatArray:
        return -self.charge(state)

    def signals(self, state: FloatArray) -> Mapping[str, FloatArray]:
        """Voltage across the film, its charge, and the mean polarisation."""
        polarisation = state[:, : self.n_domains].mean(axis=1)
        return {"film.voltage": self.voltage(state), "film.charge": self.charge(state), "film.P": polarisation}

    def start(self) -> FloatArray:
        """All domains near -P_s, V = 0, T = T_a: (P_1 .. P_N, q), shape (N + 1,)."""
        if not (self.imprint_sigma or self.kappa):
            return np.array([*[-self.remanent] * self.n_domains, 0.0])
        p = np.full(self.n_domains, -self.remanent)
        for _ in range(60):  # Newton from the pole: the local equilibrium of the coupled chain
            slope = np.diag(self.landau.stiffness(p, self.T_a) + 2.0 * self.kappa)
            for shift in (1, -1):
                slope -= self.kappa * np.roll(np.eye(self.n_domains), shift, axis=0)
            force = self.landau.field(p, self.T_a) - self.imprint
            force -= self.kappa * (np.roll(p, -1) + np.roll(p, 1) - 2.0 * p)
            step = np.linalg.solve(slope, force)
            p = p - step
            if np.abs(step).max() < 1e-14:
                break
        return np.array([*p, 0.0])

    @cached_property
    def portrait(self) -> Portrait:
        from .portraits import CapacitorPortrait

        return CapacitorPortrait(self)

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """All of its energy, J: shaped power is the power of the source, taken with the opposite sign."""
        return self.internal_energy(state)

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Anywhere on the S-curve: a mean polarisation up to 1.1 of the poles, the voltage that holds it, T = T_a.

        A source that controls the charge prepares also what is unstable at the voltage. From the poles alone an agent
        would hardly ever get there: every way to the fold costs more than it pays before.
        """
        pole, count = self.start()[: self.n_domains], len(uniforms)
        field = np.array(0.9 * self.V_max / self.L)
        largest = self.remanent or float(self.landau.equilibrium(field, np.array(self.T_a)))
        mean = 1.1 * largest * (2.0 * uniforms[:, 0] - 1.0)
        p = mean[:, None] + (pole - pole.mean())
        voltage = self.L * self.landau.field(p, np.full((count, 1), self.T_a)).mean(axis=1)
        held = np.clip(voltage, -self.V_max, self.V_max)
        rest = np.stack([self.C_b * voltage, np.zeros(count), held], axis=1)
        return np.concatenate([p, rest], axis=1)

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        high = np.array([*self.scales, self.V_max])
        return -high, high

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        wide = np.full(self.n_state, 1e3)
        wide[-1] = 1.0
        return -wide, wide
