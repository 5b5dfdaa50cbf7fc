"""Self-cycling cell: the self-charging ferroelectric-electrolyte cell as a lumped model. SI.

    F = (Q_A - y)^2/2C_A + Q_C^2/2C_C + a0 (T - Tc) y^2/2 + b y^4/4 + V_b y + F_A(N_A, T) + F_C(N_C, T) + F_th

Q_A and Q_C are the charges of the two double layers, y (C) an interface order parameter with a double well, N_k = N0_k
- xi_k what is left of the fuel of electrode k. The interface phase slows the anode's reaction down (R_p > R_m), so the
reaction has a negative differential resistance; the double layer behind the well is a negative capacitance. The well is
that of a polarisation, or of a film (``interface_well.py``); voltage and current cannot tell which. Under a constant
load the cell may oscillate and charge itself while it delivers. **Every joule of that comes from a source**:

    chemical     the affinities of both electrodes (fuel that is used up)
    two_bath     no affinity; the cell is put in contact with a cold and a hot bath in turn
    mechanical   no affinity; stress moves the Curie temperature Tc, and its work is booked
    none         no affinity, one bath: no policy whatever extracts net work (proof: exergy is a Lyapunov function)

What is contested about such cells, and how it is treated here, is said in ``docs/cells.md``. The parameters are chosen
to meet the class of reported values (0.9 to 1.3 V, about 0.5 mA); they are not fitted to any cell.

Source: derived; after M. H. Braga et al., Appl. Phys. Rev. 7, 011406 (2020), and the review J. Mater. Chem. A 12, 690
(2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..control import ControlSpace, FloatArray, IntArray, Range
from ..portrait import Portrait
from .cell import K_E, Flow
from .discrete import Array, exp, half_square, log_of_rest
from .self_cycling_parameters import SOURCES as SOURCES
from .self_cycling_parameters import SelfCyclingParameters
from .slopes import Rows, self_cycling

USABLE = 0.99
"""Share of the anode's fuel that can be used: with less than 1 % left the cell counts as used up."""

LASTING = 100.0
"""Fuel that lasts for less, in units of C_A R_m, leaves no time for a steady state: the work of a life counts."""


@dataclass(frozen=True)
class SelfCyclingCell(SelfCyclingParameters):
    """Self-cycling cell; the defaults are set S2 of the specification (interphase, hour scale).

    State: (Q_A, y, Q_C, xi_A, xi_C, theta, controls). Controls: ``log_R`` = log10 of the load (Ohm); with
    ``port_voltage`` the voltage V_ext of a source in series with it; with ``source="mechanical"`` the Curie temperature
    Tc (K); with ``source="two_bath"`` the contact, 0 cold or 1 hot. Units: SI.

    Raises:
        ParameterError: for a parameter outside its range.
        SecondLawError: for a source that would be heat of a single temperature.
    """

    title: ClassVar[str] = "Self-cycling cell"
    source: ClassVar[str] = "derived; after M. H. Braga et al., Appl. Phys. Rev. 7, 011406 (2020)"
    equations: ClassVar[str] = (
        "dQ_k/dt = j_k - I; R_F dy/dt = v_A - V_b - a0 (T - Tc) y - b y^3; j_A = g(y, T) (E_A - v_A); dN_k/dt = -j_k"
    )
    dynamic_names: ClassVar[tuple[str, ...]] = ("Q_A", "y", "Q_C", "xi_A", "xi_C", "theta")
    quantities: ClassVar[dict[str, tuple[str, str]]] = {
        "Q_A": ("charge of the anode", "C"),
        "y": ("interface order", "C"),
        "Q_C": ("charge of the cathode", "C"),
        "xi_A": ("anode fuel used", "C"),
        "xi_C": ("cathode fuel used", "C"),
        "theta": ("temperature above ambient", "K"),
    }
    n_initial_uniforms: ClassVar[int] = 2
    channels: ClassVar[tuple[str, ...]] = ("electrolyte", "anode", "cathode", "interface")
    takes_numbers: ClassVar[bool] = True
    port_controls: ClassVar[tuple[str, ...]] = ("log_R", "V_ext")
    fuels: ClassVar[tuple[str, ...]] = ("xi_A", "xi_C")

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def stores_energy(self) -> bool:  # type: ignore[override]
        return self.fuelled

    @property
    def bath_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("cold", "hot") if self.energy_source == "two_bath" else ("ambient",)

    @cached_property
    def betas(self) -> FloatArray:
        temperatures = (self.T_a, self.T_hot) if self.energy_source == "two_bath" else (self.T_a,)
        return 1.0 / np.array(temperatures)

    @cached_property
    def control_space(self) -> ControlSpace:
        ranges = [Range("log_R", self.log_R_min, self.log_R_max)]
        if self.port_voltage:
            ranges.append(Range("V_ext", -self.port_voltage, self.port_voltage, "V"))
        if self.energy_source == "mechanical":
            ranges.append(Range("Tc", self.Tc - self.Tc_span, self.Tc + self.Tc_span, "K"))
        if self.energy_source == "two_bath":
            return ControlSpace(tuple(ranges), ("cold", "hot"), "bath")
        return ControlSpace(tuple(ranges))

    @property
    def ambient(self) -> float:
        return self.T_a

    @cached_property
    def heat_capacity(self) -> float:
        return self.C_th

    @cached_property
    def scales(self) -> FloatArray:
        return np.array([self.C_A, self.y0, self.C_C, self.C_A, self.C_A, 1.0])

    # ---- the cell ---------------------------------------------------------------------------------------------

    def named(self, values: Any, name: str, otherwise: float) -> Any:
        """Control ``name``, or ``otherwise`` without it."""
        for j, r in enumerate(self.control_space.ranges):
            if r.name == name:
                return values[j]
        return otherwise

    def stored(self, x: FloatArray, values: FloatArray) -> FloatArray:
        q_a, y, q_c, xi_a, xi_c = x
        tc = self.named(values, "Tc", self.Tc)
        u = (q_a - y) ** 2 / (2.0 * self.C_A) + q_c**2 / (2.0 * self.C_C)
        u = u + self.well.stored(y, tc) + self.V_b * y
        if self.fuelled:
            u = u - (self.E_A - self.e_A * self.T_r) * xi_a - (self.E_C - self.e_C * self.T_r) * xi_c
        return u

    def order(self, x: FloatArray) -> FloatArray:
        _, y, _, xi_a, xi_c = x
        s = self.well.order(y)
        if self.fuelled:
            s = s + self.e_A * xi_a + self.e_C * xi_c
            s = s + K_E / self.z_A * _mixing(self.N0_A, xi_a) + K_E / self.z_C * _mixing(self.N0_C, xi_c)
        return s

    def gradients(self, x0: Array, x1: Array, values: FloatArray) -> tuple[Sequence[Array], Sequence[Array]]:
        tc = self.named(values, "Tc", self.Tc)
        v_a = (half_square(x0[0], x1[0]) - half_square(x0[1], x1[1])) / self.C_A
        well = self.well.stored_gradient(x0[1], x1[1], tc) + self.V_b
        s_y = self.well.order_gradient(x0[1], x1[1])
        v_c = half_square(x0[2], x1[2]) / self.C_C
        nothing = 0.0 * v_a
        if not self.fuelled:
            return (v_a, well - v_a, v_c, nothing, nothing), (nothing, s_y, nothing, nothing, nothing)
        s_a = self.e_A + K_E / self.z_A * log_of_rest(self.N0_A, x0[3], x1[3])
        s_c = self.e_C + K_E / self.z_C * log_of_rest(self.N0_C, x0[4], x1[4])
        u_a = nothing - (self.E_A - self.e_A * self.T_r)
        u_c = nothing - (self.E_C - self.e_C * self.T_r)
        return (v_a, well - v_a, v_c, u_a, u_c), (nothing, s_y, nothing, s_a, s_c)

    def source_of(self, forces: Sequence[Array], temperature: Array) -> tuple[Array, Array]:
        return forces[0] + forces[2], self.R_i / self._activated(temperature, self.E_ion)

    def source_at(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        voltage = (state[:, 0] - state[:, 1]) / self.C_A + state[:, 2] / self.C_C
        return voltage, self.R_i / self._activated(self.T_a + state[:, 5], self.E_ion)

    def drawn(self, voltage: Array, resistance: Array, values: FloatArray, choice: IntArray) -> Array:
        return (voltage - self.named(values, "V_ext", 0.0)) / (resistance + 10.0 ** values[0])

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
        v_a, well, v_c, f_a, f_c = forces
        y = half_square(x0[1], x1[1])
        j_a = self.anode_conductance(y, half_square(x0[3], x1[3]), temperature) * (-f_a - v_a)
        j_c = self._activated(temperature, self.E_act) / self.R_C * (-f_c - v_c)
        r_i = self.R_i / self._activated(temperature, self.E_ion)
        y_rate = -well / self.R_F
        rates = (j_a - current, y_rate, j_c - current, j_a, j_c)
        heats = (r_i * current**2, j_a * (-f_a - v_a), j_c * (-f_c - v_c), self.R_F * y_rate**2)
        return Flow(rates, heats, current * (v_a + v_c - r_i * current))

    def anode_conductance(self, y: Array, xi_a: Array, temperature: Array) -> Array:
        """g(y, T), S, >= 0: the interface phase (y > 0) slows the reaction down."""
        bare = 1.0 / self.R_p + (1.0 / self.R_m - 1.0 / self.R_p) / (1.0 + exp(y / self.y_w))
        if self.N_half:
            left = self.N0_A - xi_a
            bare = bare * left / (left + self.N_half)
        return bare * self._activated(temperature, self.E_act)

    def resistances(self, temperature: Array) -> tuple[Array, Array]:
        """R_i and R_C at a temperature, Ohm."""
        return (
            self.R_i / self._activated(temperature, self.E_ion),
            self.R_C / self._activated(temperature, self.E_act),
        )

    def _activated(self, temperature: Array, energy: float) -> Array:
        return exp(-energy / K_E * (1.0 / temperature - 1.0 / self.T_r))

    def conductances(self, values: FloatArray, choice: IntArray) -> FloatArray:
        if self.energy_source == "two_bath":
            return self.K * np.stack([choice == 0, choice == 1])
        return np.full((1, len(choice)), self.K)

    def slopes(self, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any) -> Rows:
        return self_cycling(self, old, new, values, choice, h, conductances)

    def admissible(self, x: FloatArray) -> np.ndarray:
        return (x[3] < self.N0_A) & (x[4] < self.N0_C) & (abs(x[1]) < self.well.limit)

    @property
    def longest_sub_step(self) -> float:
        """Half of R_F |C_F|, the time constant of the interface at y = 0."""
        return 0.5 * self.R_F / (abs(self.a_r) or self.V_c / self.y0)

    # ---- what is seen and drawn -------------------------------------------------------------------------------

    @property
    def voltage_scale(self) -> float:
        return self.E_A + self.E_C

    @property
    def capacity(self) -> float | None:
        """Charge of the fuel that is used up first, C."""
        return min(self.N0_A, self.N0_C) if self.fuelled else None

    def passed(self, state: FloatArray) -> FloatArray:
        return state[:, 3] - state[:, 0]

    def signals(self, state: FloatArray) -> Mapping[str, FloatArray]:
        """Voltages of the two double layers."""
        return {"anode.voltage": (state[:, 0] - state[:, 1]) / self.C_A, "cathode.voltage": state[:, 2] / self.C_C}

    def start(self, v_a: float = 0.5) -> FloatArray:
        """The start of the specification: v_A given, v_C = E_C, y on the lower branch, full, at T_a; shape (5,)."""
        e_c = self.E_C if self.fuelled else 0.0
        y = self.lower_branch(v_a)
        return np.array([self.C_A * v_a + y, y, self.C_C * e_c, 0.0, 0.0])

    @property
    def lasts(self) -> float:
        """How long the fuel lasts at the matched load, s."""
        current = (self.E_A + self.E_C) / (2.0 * (self.R_m + self.R_C + self.R_i))
        return min(self.N0_A, self.N0_C) / current if self.fuelled else np.inf

    def life_start(self) -> FloatArray | None:
        return self.full_state() if self.lasts < LASTING * self.C_A * self.R_m else None

    def full_state(self) -> FloatArray:
        """``start`` as a state, the controls in the middle of their ranges; shape (n_state,)."""
        space = self.control_space
        return np.concatenate([self.start(), [0.0], 0.5 * (space.low + space.high)])

    def lower_branch(self, v_a: float, temperature: float | None = None) -> float:
        """The smallest y in equilibrium with v_A, C."""
        return self.well.lowest(v_a - self.V_b, self.T_a if temperature is None else temperature, self.Tc)

    @cached_property
    def portrait(self) -> Portrait:
        from .portraits import SelfCyclingPortrait

        return SelfCyclingPortrait(self)

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """All energy but that of the charges at the voltages of the matched load, J.

        Shaped power is then work less the price of the charge that was drawn: a load pays that draws while the
        double layers are above these voltages, and one that lets them recover while they are below.
        """
        if not self.fuelled:
            return self.internal_energy(state)
        current = 0.5 * (self.E_A + self.E_C) / (self.R_m + self.R_C + self.R_i)
        v_a, v_c = self.E_A - self.R_m * current, self.E_C - self.R_C * current
        return self.internal_energy(state) - v_a * state[:, 0] - v_c * state[:, 2]

    def energy_left(self, state: FloatArray) -> FloatArray:
        """Energy of the double layers, and of the usable fuel at the potentials of a full cell, J, shape (K,)."""
        q_a, y, q_c, xi_a = state[:, :4].T
        layers = (q_a - y) ** 2 / (2.0 * self.C_A) + q_c**2 / (2.0 * self.C_C)
        fuel = (self.E_A + self.E_C) * np.maximum(USABLE * self.N0_A - xi_a, 0.0)
        return layers + fuel if self.fuelled else layers

    def ended(self, state: FloatArray) -> np.ndarray:
        """Whether less than 1 % of the anode's fuel is left, bool (K,)."""
        if not self.fuelled:
            return np.zeros(len(state), dtype=bool)
        return state[:, 3] > USABLE * self.N0_A

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """v_A uniform in 0.4 to 1 V (zero without fuel: 0 to 0), y on the lower branch, full, at T_a."""
        v_a = (0.4 + 0.6 * uniforms[:, 0]) if self.fuelled else np.zeros(len(uniforms))
        x = np.stack([self.start(float(v)) for v in v_a])
        space = self.control_space
        values = np.tile(0.5 * (space.low + space.high), (len(x), 1))
        return np.concatenate([x, np.zeros((len(x), 1)), values], axis=1)

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        low = np.array([0.0, -1.5 * self.y0, 0.0, 0.0, 0.0, -0.02])
        high = np.array([1.2 * self.C_A, 1.5 * self.y0, 0.7 * self.C_C, self.N0_A, self.N0_C, 0.02])
        return (
            np.concatenate([low, self.control_space.low]),
            np.concatenate([high, self.control_space.high]),
        )

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        m = self.control_space.n_values
        wide = np.concatenate([np.full(6, 1e4), np.ones(m)])
        return -wide, wide


def _mixing(start: float, xi: FloatArray) -> FloatArray:
    """G = -[N (ln(N/N0) - 1) + N0] with N = N0 - xi, C."""
    left = start - xi
    return -(left * np.log1p(-xi / start) + xi)
