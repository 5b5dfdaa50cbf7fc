"""Battery cell with two electric double layers, per cm2 of electrode: V = V_AE + V_EC. SI, but areas in cm2.

    C_A dv_A/dt = j_A - I,     C_C dv_C/dt = j_C - I,     dx/dt = j_C/Q_cap
    j_A = 2 i0A sinh(e (E_A - v_A)/2kT),     j_C = 4 i0C sqrt(x (1-x)) sinh(e (E_C(x, T) - v_C)/2kT)
    V = v_A + v_C - R_ion(T) I

E_A = (mu_A - mu_E)/e; E_C is that of a regular solution with constant w = Omega/kT, with the common tangent between the
binodal compositions x_b and 1 - x_b: a plateau where two phases coexist. Conductivity by Arrhenius; heat by Bernardi.

Source: derived; statements of J. Mater. Chem. A 12, 690 (2024), section 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from ..control import ControlSpace, FloatArray, IntArray, Range
from ..machine import parameter
from ..portrait import Portrait
from ..validation import ParameterError, check_positive, check_range
from . import double_layer_step
from .cell import K_E, Flow
from .discrete import Array, Scalar, exp, half_square, sinh, sqrt
from .double_layer_step import FROZEN, S_FROZEN, shares, x_log_x
from .electrical import ElectricalCell
from .pacing import Fast
from .slopes import Rows


@dataclass(frozen=True)
class DoubleLayerCell(ElectricalCell):
    """Battery cell with two double layers; the defaults are the reference set of the specification.

    State: (Q_A, Q_C, s, q_A, theta, I): charges of the double layers (C/cm2), s = ln(x/(1-x)) of the cathode's filling
    x (1 - x is 1e-57 when the voltage vanishes), charge passed at the anode (C/cm2), T - T_a, the current that is
    drawn. Control: the current I (A/cm2), positive on discharge. Flows are per cm2.

    Raises:
        ParameterError: for a parameter outside its range.
    """

    title: ClassVar[str] = "Battery cell with two double layers"
    source: ClassVar[str] = "derived; statements of J. Mater. Chem. A 12, 690 (2024)"
    equations: ClassVar[str] = "C_k dv_k/dt = j_k - I; dx/dt = j_C/Q_cap; V = v_A + v_C - R_ion(T) I"
    dynamic_names: ClassVar[tuple[str, ...]] = ("Q_A", "Q_C", "s", "q_A", "theta")
    bath_names: ClassVar[tuple[str, ...]] = ("ambient",)
    quantities: ClassVar[dict[str, tuple[str, str]]] = {
        "Q_A": ("charge of the anode", "C/cm2"),
        "Q_C": ("charge of the cathode", "C/cm2"),
        "s": ("logit of the cathode's filling", "1"),
        "q_A": ("charge passed", "C/cm2"),
        "theta": ("temperature above ambient", "K"),
    }
    n_initial_uniforms: ClassVar[int] = 1
    stores_energy: ClassVar[bool] = True
    channels: ClassVar[tuple[str, ...]] = ("electrolyte", "anode", "cathode")
    takes_numbers: ClassVar[bool] = True
    port_controls: ClassVar[tuple[str, ...]] = ("I",)
    per_area: ClassVar[str] = "/cm2"
    fuels: ClassVar[tuple[str, ...]] = ("s", "q_A")

    mu_A: float = parameter(-2.0, "eV", "chemical potential of the anode")
    mu_E: float = parameter(-3.2, "eV", "chemical potential of the electrolyte")
    mu_C0: float = parameter(-5.42, "eV", "chemical potential of the half-filled cathode")
    w: float = parameter(3.5, "1", "interaction Omega/kT of the cathode; above 2 there are two phases")
    Q_cap: float = parameter(10.8, "C/cm2", "capacity of the cathode")
    C_A: float = parameter(20e-6, "F/cm2", "double layer of the anode")
    C_C: float = parameter(20e-6, "F/cm2", "double layer of the cathode")
    i0_A: float = parameter(2e-3, "A/cm2", "exchange current of the anode")
    i0_C: float = parameter(1e-3, "A/cm2", "exchange current of the cathode")
    sigma0: float = parameter(1e-3, "S/cm", "conductivity at T_r")
    E_a: float = parameter(0.30, "eV", "activation energy of the conductivity")
    L: float = parameter(50e-4, "cm", "thickness of the electrolyte")
    e_C: float = parameter(-0.1e-3, "V/K", "temperature coefficient of the cathode")
    C_th: float = parameter(0.05, "J/(K cm2)", "heat capacity")
    K: float = parameter(1e-3, "W/(K cm2)", "thermal conductance to the bath")
    T_r: float = parameter(298.15, "K", "reference temperature of all parameters")
    T_a: float = parameter(298.15, "K", "temperature of the bath")
    x0: float = parameter(0.01, "1", "filling of the cathode at the start")
    I_max: float = parameter(5e-3, "A/cm2", "largest current, of either sign")
    V_min: float = parameter(0.0, "V", "lower limit of the terminal voltage: the current is cut back there")
    V_max: float = parameter(4.2, "V", "upper limit of the terminal voltage")

    def __post_init__(self) -> None:
        positive = ("w", "Q_cap", "C_A", "C_C", "i0_A", "i0_C", "sigma0", "L", "C_th", "K", "T_r", "T_a", "I_max")
        for name in positive:
            check_positive(name, getattr(self, name))
        check_range("x0", self.x0, 1e-9, 1.0 - 1e-9)
        if not self.V_min < self.E_A + self.E_C0 < self.V_max:
            voltage = self.E_A + self.E_C0
            raise ParameterError(
                f"V_min, V_max = {self.V_min!r}, {self.V_max!r}: must enclose the plateau at {voltage:.4g} V"
            )
        if not self.mu_C0 < self.mu_E < self.mu_A:
            raise ParameterError(
                f"mu_E = {self.mu_E!r}: must lie between mu_C0 = {self.mu_C0!r} and mu_A = {self.mu_A!r}"
            )

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def E_A(self) -> float:
        """Potential of the anode, V."""
        return self.mu_A - self.mu_E

    @property
    def E_C0(self) -> float:
        """Potential of the cathode on the plateau at T_r, V."""
        return self.mu_E - self.mu_C0

    @cached_property
    def binodal(self) -> float:
        """x_b, with ln(x/(1-x)) = w (2x - 1) and x < 1/2; 1/2 without two phases."""
        if self.w <= 2.0:
            return 0.5

        def balance(x: float) -> float:
            return float(np.log(x / (1.0 - x)) - self.w * (2.0 * x - 1.0))

        spinodal = 0.5 * (1.0 - np.sqrt(1.0 - 2.0 / self.w))
        return float(brentq(balance, 1e-300, spinodal, xtol=1e-16))  # type: ignore[arg-type]

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace((Range("I", -self.I_max, self.I_max, "A/cm2"),))

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([1.0 / self.T_a])

    @property
    def ambient(self) -> float:
        return self.T_a

    @cached_property
    def heat_capacity(self) -> float:
        return self.C_th

    @cached_property
    def scales(self) -> FloatArray:
        return np.array([self.C_A, self.C_C, 1.0, self.Q_cap, 1.0])

    @cached_property
    def energy_scale(self) -> float:
        return (self.E_A + self.E_C0) * self.Q_cap

    @cached_property
    def power_unit(self) -> float:
        """Power at the largest current and the voltage of the plateau, W/cm2."""
        return (self.E_A + self.E_C0) * self.I_max

    @cached_property
    def dissipation_unit(self) -> float:
        return self.power_unit / self.T_a

    # ---- the cell ---------------------------------------------------------------------------------------------

    def mixing(self, s: FloatArray) -> FloatArray:
        """s_mix at the filling expit(s), V/K: -(k/e) [x ln x + (1-x) ln(1-x) + w x (1-x)], with the common tangent."""
        y = np.minimum(expit(-np.abs(s)), self.binodal)  # it is symmetric: the rarer of the two decides
        return -K_E * (y * np.log(y) + (1.0 - y) * np.log1p(-y) + self.w * y * (1.0 - y))

    def mixing_slope(self, s: FloatArray) -> FloatArray:
        """ds_mix/dx at the filling expit(s), zero between the binodal compositions, V/K."""
        x = expit(s)
        inside = (x > self.binodal) & (x < 1.0 - self.binodal)
        return np.where(inside, 0.0, -K_E * (s + self.w * (1.0 - 2.0 * x)))

    def mixing_gradient(self, s0: Array, s1: Array) -> Array:
        """Discrete gradient of s_mix with respect to x, from divided differences of y ln y on either side.

        Where the cathode is all but full or empty, the derivative at the end: the filling follows the potential within
        femtoseconds there, and a mean of logarithms cannot. Both laws stay exact, because U is linear in x and s_mix
        is concave: s(x1) - s(x0) >= s'(x1) (x1 - x0).
        """
        b = self.binodal
        (x0, y0), (x1, y1) = shares(s0), shares(s1)
        if isinstance(s1, Scalar):
            if min(x0, y0) < FROZEN:
                return -K_E * (s1 + self.w * (y1 - x1))
            if x0 < b and x1.real < b:
                return self._divided(x0, x1)
            if y0 < b and y1.real < b:
                return -self._divided(y0, y1)
            l0, l1, u0, u1 = (v if v.real < b else b for v in (x0, x1, y0, y1))
            change = x1 - x0 if x0 < 0.5 else y0 - y1
            if not change.real or (l0 is l1 and u0 is u1):
                return 0.0 * change
            return (self._divided(l0, l1) * (l1 - l0) + self._divided(u0, u1) * (u1 - u0)) / change
        # between the binodal compositions nothing changes: what lies outside counts
        l0, l1, u0, u1 = (np.where(np.real(v) < b, v, b) for v in (x0, x1, y0, y1))
        low, high = self._divided(l0, l1), self._divided(u0, u1)
        change = np.where(np.real(x0) < 0.5, x1 - x0, y0 - y1)
        whole = (low * (l1 - l0) + high * (u1 - u0)) / np.where(np.real(change) == 0.0, 1.0, change)
        below = (np.real(x0) < b) & (np.real(x1) < b)
        above = (np.real(y0) < b) & (np.real(y1) < b)
        mean = np.where(below, low, np.where(above, -high, whole))
        frozen = np.minimum(np.real(x0), np.real(y0)) < FROZEN
        return np.where(frozen, -K_E * (s1 + self.w * (y1 - x1)), mean)

    def _divided(self, y0: Array, y1: Array) -> Array:
        """Divided difference of -(k/e) [y ln y + (1-y) ln(1-y) + w y (1-y)]."""
        return -K_E * (x_log_x(y0, y1) - x_log_x(1.0 - y0, 1.0 - y1) + self.w * (1.0 - y0 - y1))

    def amounts(self, x0: Array, x1: Array) -> Sequence[Array]:
        (a0, b0), (a1, b1) = shares(x0[2]), shares(x1[2])
        if isinstance(a1, Scalar):
            return x1[0] - x0[0], x1[1] - x0[1], a1 - a0 if a0 < 0.5 else b0 - b1, x1[3] - x0[3]
        filling = np.where(np.real(a0) < 0.5, a1 - a0, b0 - b1)
        return x1[0] - x0[0], x1[1] - x0[1], filling, x1[3] - x0[3]

    def stored(self, x: FloatArray, values: FloatArray) -> FloatArray:
        q_a, q_c, s, passed = x
        u = q_a**2 / (2.0 * self.C_A) + q_c**2 / (2.0 * self.C_C)
        # from x0: the offset would cost digits
        return u - self.E_A * passed - (self.E_C0 - self.e_C * self.T_r) * self.Q_cap * (expit(s) - self.x0)

    def order(self, x: FloatArray) -> FloatArray:
        change = self.mixing(x[2]) - self.mixing(logit(np.array(self.x0)))
        return self.Q_cap * (self.e_C * (expit(x[2]) - self.x0) + change)

    def gradients(self, x0: Array, x1: Array, values: FloatArray) -> tuple[Sequence[Array], Sequence[Array]]:
        v_a, v_c = half_square(x0[0], x1[0]) / self.C_A, half_square(x0[1], x1[1]) / self.C_C
        nothing = 0.0 * v_a
        s_x = self.Q_cap * (self.e_C + self.mixing_gradient(x0[2], x1[2]))
        u_x = nothing - (self.E_C0 - self.e_C * self.T_r) * self.Q_cap
        return (v_a, v_c, u_x, nothing - self.E_A), (nothing, nothing, s_x, nothing)

    def source_of(self, forces: Sequence[Array], temperature: Array) -> tuple[Array, Array]:
        return forces[0] + forces[1], self.resistance(temperature)

    def source_at(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        return state[:, 0] / self.C_A + state[:, 1] / self.C_C, self.resistance(self.T_a + state[:, 4])

    def drawn(self, voltage: Array, resistance: Array, values: FloatArray, choice: IntArray) -> Array:
        return self.limited(values[0], voltage, resistance)

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
        v_a, v_c, f_x, f_q = forces
        a_a, a_c = -f_q - v_a, -f_x / self.Q_cap - v_c
        half = 0.5 / (K_E * temperature)
        (a0, b0), (a1, b1) = shares(x0[2]), shares(x1[2])
        j_a = 2.0 * self.i0_A * sinh(half * a_a)
        j_c = 4.0 * self.i0_C * sqrt(0.25 * (a0 + a1) * (b0 + b1)) * sinh(half * a_c)
        r = self.resistance(temperature)
        heats = (r * current * current, j_a * a_a, j_c * a_c)
        return Flow((j_a - current, j_c - current, j_c / self.Q_cap, j_a), heats, current * (v_a + v_c - r * current))

    def limited(self, wanted: Array, open_circuit: Array, r: Array) -> Array:
        """The current that flows (A/cm2): the one wanted, but for the limits of the terminal voltage."""
        most, least = (open_circuit - self.V_min) / r, (open_circuit - self.V_max) / r
        if isinstance(most, Scalar):
            return most if wanted > most.real else least if wanted < least.real else wanted
        current = np.where(wanted > np.real(most), most, wanted)
        return np.where(np.real(current) < np.real(least), least, current)

    def resistance(self, temperature: Array) -> Array:
        """R_ion(T) = L/sigma(T), Ohm cm2."""
        return self.L / self.conductivity(temperature)

    def conductivity(self, temperature: Array) -> Array:
        """sigma(T), S/cm."""
        boltzmann = exp(-self.E_a / K_E * (1.0 / temperature - 1.0 / self.T_r))
        return self.sigma0 * (self.T_r / temperature) * boltzmann

    def guess(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """As they were; where the cathode is all but full or empty, its filling in equilibrium with v_C.

        There it follows at once, by many powers of e, of which a Newton step gains two.
        """
        frozen = np.abs(x[2]) > S_FROZEN
        if not frozen.any():
            return x
        t = self.T_a + theta
        level = (self.E_C0 + self.e_C * (t - self.T_r) - x[1] / self.C_C) / (K_E * t)
        side = np.sign(x[2])
        s = side * np.maximum(side * level + self.w, S_FROZEN)
        return np.stack([x[0], x[1], np.where(frozen, s, x[2]), x[3]])

    def conductances(self, values: FloatArray, choice: IntArray) -> FloatArray:
        return np.full((1, len(choice)), self.K)

    def fast(self, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray) -> Fast:
        return double_layer_step.fast(self, x, theta, values, choice)

    def slopes(self, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any) -> Rows:
        return double_layer_step.slopes(self, old, new, values, choice, h, conductances)

    @property
    def first_sub_step(self) -> float:
        """A fraction of the time constant of the faster double layer in equilibrium."""
        return 0.3 * K_E * self.T_a * min(self.C_A / self.i0_A, self.C_C / self.i0_C)

    # ---- what is seen -----------------------------------------------------------------------------------------

    def cathode_potential(self, x: FloatArray, temperature: FloatArray) -> FloatArray:
        """E_C(x, T), V."""
        return self.E_C0 + self.e_C * (temperature - self.T_r) + temperature * self.mixing_slope(logit(x))

    @property
    def voltage_scale(self) -> float:
        return self.E_A + self.E_C0

    @property
    def capacity(self) -> float:
        return self.Q_cap

    def passed(self, state: FloatArray) -> FloatArray:
        return state[:, 3] - state[:, 0]

    def signals(self, state: FloatArray) -> Mapping[str, FloatArray]:
        """Voltages of the double layers, V_AE and V_EC, and the filling of the cathode."""
        v_a, v_c = state[:, 0] / self.C_A, state[:, 1] / self.C_C
        return {"anode.voltage": v_a, "cathode.voltage": v_c, "cathode.filling": expit(state[:, 2])}

    def start(self, x: float | None = None) -> FloatArray:
        """In equilibrium at T_a with the filling x (default x0); shape (4,)."""
        filling = self.x0 if x is None else x
        e_c = float(self.cathode_potential(np.array(filling), np.array(self.T_a)))
        return np.array([self.C_A * self.E_A, self.C_C * e_c, float(logit(filling)), 0.0])

    @cached_property
    def portrait(self) -> Portrait:
        from .portraits import DoubleLayerPortrait

        return DoubleLayerPortrait(self)

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """All of its energy, J/cm2: shaped power is the power at the terminals."""
        return self.internal_energy(state)

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """In equilibrium at T_a with a filling between x0 and 1 - x0; no current."""
        filling = self.x0 + (1.0 - 2.0 * self.x0) * uniforms[:, 0]
        x = np.stack([self.start(float(v)) for v in filling])
        return np.concatenate([x, np.zeros((len(x), 2))], axis=1)

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        low = np.array([0.0, 0.0, -5.0, -self.Q_cap, -1.0, -self.I_max])
        high = np.array([1.5 * self.C_A * self.E_A, 1.5 * self.C_C * self.E_C0, 5.0, self.Q_cap, 1.0, self.I_max])
        return low, high

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        wide = np.array([1e4, 1e4, 1e4, 1e4, 1e4, 1.0])
        return -wide, wide
