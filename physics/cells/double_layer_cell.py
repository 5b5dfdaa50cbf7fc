"""Battery cell with two electric double layers, per cm2 of electrode: V = V_AE + V_EC. SI, but areas in cm2.

    C_A dv_A/dt = j_A - I,     C_C dv_C/dt = j_C - I,     dx/dt = j_C/Q_cap
    j_A = 2 i0A sinh(e (E_A - v_A)/2kT),     j_C = 4 i0C sqrt(x (1-x)) sinh(e (E_C(x, T) - v_C)/2kT)
    V = v_A + v_C - R_ion(T) I

E_A = (mu_A - mu_E)/e; E_C is that of a regular solution with constant w = Omega/kT, with the common tangent between the
binodal compositions x_b and 1 - x_b: a plateau where two phases coexist. Conductivity by Arrhenius; heat by Bernardi.

Source: derived; statements of J. Mater. Chem. A 12, 690 (2024), section 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq

from ..control import ControlSpace, FloatArray, IntArray, Range
from ..machine import parameter
from ..validation import ParameterError, check_positive, check_range
from .cell import E_CHARGE, K_B, Cell, Flow
from .discrete import Array, half_square

K_E = K_B / E_CHARGE
"""k/e, V/K."""


@dataclass(frozen=True)
class DoubleLayerCell(Cell):
    """Battery cell with two double layers; the defaults are the reference set of the specification.

    State: (Q_A, Q_C, x, q_A, theta, I): charges of the double layers (C/cm2), filling of the cathode, charge passed at
    the anode (C/cm2), T - T_a, and the current that is drawn. Control: the current I (A/cm2), positive on discharge.
    Flows are per cm2.

    Raises:
        ParameterError: for a parameter outside its range.
    """

    title: ClassVar[str] = "Battery cell with two double layers"
    source: ClassVar[str] = "derived; statements of J. Mater. Chem. A 12, 690 (2024)"
    equations: ClassVar[str] = "C_k dv_k/dt = j_k - I; dx/dt = j_C/Q_cap; V = v_A + v_C - R_ion(T) I"
    dynamic_names: ClassVar[tuple[str, ...]] = ("Q_A", "Q_C", "x", "q_A", "theta")
    bath_names: ClassVar[tuple[str, ...]] = ("ambient",)
    quantities: ClassVar[dict[str, tuple[str, str]]] = {
        "Q_A": ("charge of the anode", "C/cm2"),
        "Q_C": ("charge of the cathode", "C/cm2"),
        "x": ("filling of the cathode", "1"),
        "q_A": ("charge passed", "C/cm2"),
        "theta": ("temperature above ambient", "K"),
    }
    n_initial_uniforms: ClassVar[int] = 1
    channels: ClassVar[tuple[str, ...]] = ("electrolyte", "anode", "cathode")

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

    def mixing(self, x: Array) -> Array:
        """s_mix(x) = -(k/e) [x ln x + (1-x) ln(1-x) + w x (1-x)], with the common tangent, V/K."""
        edge = np.minimum(np.maximum(x, self.binodal), 1.0 - self.binodal)
        inside = x == edge
        y = np.where(inside, self.binodal, x)
        return -K_E * (y * np.log(y) + (1.0 - y) * np.log1p(-y) + self.w * y * (1.0 - y))

    def mixing_slope(self, x: Array) -> Array:
        """ds_mix/dx, zero between the binodal compositions, V/K."""
        inside = (np.real(x) > self.binodal) & (np.real(x) < 1.0 - self.binodal)
        y = np.where(inside, 0.3, x)
        return np.where(inside, 0.0, -K_E * (np.log(y) - np.log1p(-y) + self.w * (1.0 - 2.0 * y)))

    def _mixing_gradient(self, x0: Array, x1: Array) -> Array:
        """Discrete gradient of ``mixing``: divided differences of x ln x, stable for small changes."""
        b = self.binodal
        # the flat part moves nothing: measure both ends outside of it
        x0, x1 = np.broadcast_arrays(x0, x1)
        whole = x1 - x0
        d0, d1 = self._below(x0), self._below(x1)
        u0, u1 = self._above(x0), self._above(x1)
        low, high = self._divided(d0, d1) * (d1 - d0), self._divided(1.0 - u0, 1.0 - u1) * (u0 - u1)
        near = np.abs(np.real(whole)) < 1e-13
        same_side = (np.real(x0) <= b) & (np.real(x1) <= b)
        other_side = (np.real(x0) >= 1.0 - b) & (np.real(x1) >= 1.0 - b)
        mixed = (low + high) / np.where(near, 1.0, whole)
        found = np.where(
            same_side, self._divided(d0, d1), np.where(other_side, -self._divided(1.0 - u0, 1.0 - u1), mixed)
        )
        flat = near & ~same_side & ~other_side
        return np.where(flat, self.mixing_slope(0.5 * (x0 + x1)), found)

    def _below(self, x: Array) -> Array:
        return np.where(np.real(x) < self.binodal, x, self.binodal)

    def _above(self, x: Array) -> Array:
        return np.where(np.real(x) > 1.0 - self.binodal, x, 1.0 - self.binodal)

    def _divided(self, y0: Array, y1: Array) -> Array:
        """Divided difference of -(k/e) [y ln y + (1-y) ln(1-y) + w y (1-y)]."""
        return -K_E * (_x_log_x(y0, y1) - _x_log_x(1.0 - y0, 1.0 - y1) + self.w * (1.0 - y0 - y1))

    def stored(self, x: FloatArray, values: FloatArray) -> FloatArray:
        q_a, q_c, filling, passed = x
        u = q_a**2 / (2.0 * self.C_A) + q_c**2 / (2.0 * self.C_C)
        # from x0: the offset would cost digits
        return u - self.E_A * passed - (self.E_C0 - self.e_C * self.T_r) * self.Q_cap * (filling - self.x0)

    def order(self, x: FloatArray) -> FloatArray:
        return self.Q_cap * (self.e_C * (x[2] - self.x0) + self.mixing(x[2]) - self.mixing(np.array(self.x0)))

    def gradients(self, x0: Array, x1: Array, values: FloatArray) -> tuple[Sequence[Array], Sequence[Array]]:
        v_a, v_c = half_square(x0[0], x1[0]) / self.C_A, half_square(x0[1], x1[1]) / self.C_C
        nothing = 0.0 * v_a
        s_x = self.Q_cap * (self.e_C + self._mixing_gradient(x0[2], x1[2]))
        u_x = nothing - (self.E_C0 - self.e_C * self.T_r) * self.Q_cap
        return (v_a, v_c, u_x, nothing - self.E_A), (nothing, nothing, s_x, nothing)

    def flow(
        self, x0: Array, x1: Array, temperature: Array, forces: Sequence[Array], values: FloatArray, choice: IntArray
    ) -> Flow:
        v_a, v_c, f_x, f_q = forces
        a_a, a_c = -f_q - v_a, -f_x / self.Q_cap - v_c
        half = 0.5 / (K_E * temperature)
        middle = half_square(x0[2], x1[2])
        j_a = 2.0 * self.i0_A * np.sinh(half * a_a)
        j_c = 4.0 * self.i0_C * np.sqrt(middle * (1.0 - middle)) * np.sinh(half * a_c)
        r = self.resistance(temperature)
        current = self.limited(values[0], v_a + v_c, r)
        heats = (r * current * current, j_a * a_a, j_c * a_c)
        return Flow((j_a - current, j_c - current, j_c / self.Q_cap, j_a), heats, current * (v_a + v_c - r * current))

    def limited(self, wanted: Array, open_circuit: Array, r: Array) -> Array:
        """The current that flows (A/cm2): the one wanted, but for the limits of the terminal voltage."""
        most, least = (open_circuit - self.V_min) / r, (open_circuit - self.V_max) / r
        current = np.where(wanted > np.real(most), most, wanted)
        return np.where(np.real(current) < np.real(least), least, current)

    def resistance(self, temperature: Array) -> Array:
        """R_ion(T) = L/sigma(T), Ohm cm2."""
        return self.L / self.conductivity(temperature)

    def conductivity(self, temperature: Array) -> Array:
        """sigma(T), S/cm."""
        boltzmann = np.exp(-self.E_a / K_E * (1.0 / temperature - 1.0 / self.T_r))
        return self.sigma0 * (self.T_r / temperature) * boltzmann

    def conductances(self, values: FloatArray, choice: IntArray) -> FloatArray:
        return np.full((1, len(choice)), self.K)

    @property
    def first_sub_step(self) -> float:
        """A fraction of the time constant of the faster double layer in equilibrium."""
        return 0.3 * K_E * self.T_a * min(self.C_A / self.i0_A, self.C_C / self.i0_C)

    # ---- what is seen -----------------------------------------------------------------------------------------

    def cathode_potential(self, x: Array, temperature: Array) -> Array:
        """E_C(x, T), V."""
        return self.E_C0 + self.e_C * (temperature - self.T_r) + temperature * self.mixing_slope(x)

    def terminal(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Terminal voltage (V) and current (A/cm2) with the held current, (K,) each."""
        r = self.resistance(self.T_a + state[:, 4])
        open_circuit = state[:, 0] / self.C_A + state[:, 1] / self.C_C
        current = self.limited(state[:, 5], open_circuit, r)
        return open_circuit - r * current, current

    def start(self, x: float | None = None) -> FloatArray:
        """In equilibrium at T_a with the filling x (default x0); shape (4,)."""
        filling = self.x0 if x is None else x
        e_c = float(self.cathode_potential(np.array(filling), np.array(self.T_a)))
        return np.array([self.C_A * self.E_A, self.C_C * e_c, filling, 0.0])

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Zero."""
        return np.zeros(len(state))

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """In equilibrium at T_a with a filling between x0 and 1 - x0; no current."""
        filling = self.x0 + (1.0 - 2.0 * self.x0) * uniforms[:, 0]
        x = np.stack([self.start(float(v)) for v in filling])
        return np.concatenate([x, np.zeros((len(x), 2))], axis=1)

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        low = np.array([0.0, 0.0, 0.0, -self.Q_cap, -1.0, -self.I_max])
        high = np.array([1.5 * self.C_A * self.E_A, 1.5 * self.C_C * self.E_C0, 1.0, self.Q_cap, 1.0, self.I_max])
        return low, high

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        wide = np.array([1e4, 1e4, 1.0, 1e4, 1e4, 1.0])
        return -wide, wide


def _x_log_x(y0: Array, y1: Array) -> Array:
    """Divided difference of y ln y: ln y0 + (1 + d) ln(1 + d)/d with d the relative change."""
    d = (y1 - y0) / y0
    near = np.abs(np.real(d)) < 1e-3
    safe = np.where(near, 0.1, d)
    series = 1.0 + d * (1 / 2 - d * (1 / 6 - d * (1 / 12 - d * (1 / 20 - d * (1 / 30 - d / 42)))))
    return np.log(y0) + np.where(near, series, (1.0 + safe) * np.log1p(safe) / safe)
