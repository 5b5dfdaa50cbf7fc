"""When the self-cycling cell oscillates: its reduced isothermal model in closed form. SI.

With v = v_A, constant fuel potentials, the cathode at v_C = E_C - I R_C, and R_t = R_L + R_i + R_C,

    C_A dv/dt = g(y) (E_A - v) - (v + E_C)/R_t - dy/dt,        R_F dy/dt = v - V_b - a y - b y^3

At a fixed point let G = g + 1/R_t, k = a + 3 b y^2 = 1/C_F and j = g'(y) (E_A - v) < 0. Then

    trace = -(G + 1/R_F)/C_A - k/R_F,        det = (G k - j)/(C_A R_F)
    oscillation  <=>  k < 0,   (H1) kappa = C_A |k| > 1 + r, r = R_F G,   and   (H2) h = |j|/(G |k|) > 1

Without affinity (E_A = v) j vanishes and so does the oscillation. All functions broadcast over arrays.

Source: derived.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from .discrete import Array
from .self_cycling_cell import SelfCyclingCell


@dataclass(frozen=True)
class Linearised:
    """The reduced model at a fixed point; floats or arrays of one shape.

    Attributes:
        C_A: double layer, F. R_F: viscosity of the interface, Ohm.
        G: conductance of reaction and load, S.
        k: slope of the well, V/C. j: slope of the reaction current with y, A/C.
    """

    C_A: Array
    R_F: Array
    G: Array
    k: Array
    j: Array

    @property
    def jacobian(self) -> np.ndarray:
        """Of (v, y), shape (..., 2, 2), 1/s."""
        dy = np.stack(np.broadcast_arrays(1.0 / self.R_F, -self.k / self.R_F), axis=-1)
        dv = np.stack(np.broadcast_arrays(-self.G, self.j), axis=-1) - dy
        return np.stack([dv / np.asarray(self.C_A)[..., None], dy], axis=-2)

    @property
    def trace(self) -> Array:
        """1/s."""
        return -(self.G + 1.0 / self.R_F) / self.C_A - self.k / self.R_F

    @property
    def determinant(self) -> Array:
        """1/s^2."""
        return (self.G * self.k - self.j) / (self.C_A * self.R_F)

    @property
    def kappa(self) -> Array:
        """C_A |k|: double layer over negative capacitance."""
        return self.C_A * np.abs(self.k)

    @property
    def r(self) -> Array:
        """R_F G."""
        return self.R_F * self.G

    @property
    def h(self) -> Array:
        """|j|/(G |k|): the affinity's share."""
        return np.abs(self.j) / (self.G * np.abs(self.k))

    @property
    def first_condition(self) -> Array:
        """H1: kappa > 1 + r, on the branch of negative capacitance."""
        return (self.k < 0.0) & (self.kappa > 1.0 + self.r)

    @property
    def second_condition(self) -> Array:
        """H2: h > 1, with a reaction that the interface slows down."""
        return (self.j < 0.0) & (self.h > 1.0)

    @property
    def oscillates(self) -> Array:
        """Whether the fixed point is an unstable node or focus: both conditions."""
        return self.first_condition & self.second_condition

    @property
    def critical_C_A(self) -> Array:
        """C_A at the Hopf point, F; the fixed point itself does not depend on C_A."""
        return (1.0 + self.r) / np.abs(self.k)

    def admittance(self, omega: Array, g: Array) -> Array:
        """Y(w) of electrode and interface without the load, S: j w C_A + g + (j w - j)/(k + j w R_F)."""
        s = 1j * np.asarray(omega)
        return s * self.C_A + g + (s - self.j) / (self.k + s * self.R_F)

    @property
    def low_frequency_capacitance(self) -> Array:
        """dY/d(j w) at w = 0, F: C_A + 1/k - |j| R_F/k^2; negative near a fold even where k > 0."""
        return self.C_A + 1.0 / self.k + self.j * self.R_F / self.k**2


@dataclass(frozen=True)
class ReducedCell:
    """The reduced isothermal model of a cell at its temperature T_a.

    Attributes:
        cell: the full cell. Its rates do not depend on the fuel here.
    """

    cell: SelfCyclingCell

    @property
    def a(self) -> float:
        """V/C."""
        return self.cell.a0 * (self.cell.T_a - self.cell.Tc)

    @property
    def well(self) -> float:
        """Half distance of the wells at T_a, C."""
        return float(np.sqrt(-self.a / self.cell.b))

    @property
    def coercive_voltage(self) -> float:
        """At T_a, V; proportional to (Tc - T)^(3/2)."""
        return -2.0 * self.a * self.well / (3.0 * np.sqrt(3.0))

    def conductance(self, y: Array) -> Array:
        """g(y), S."""
        return self.cell.anode_conductance(y, 0.0, self.cell.T_a)

    def conductance_slope(self, y: Array) -> Array:
        """g'(y), S/C."""
        bare, covered = 1.0 / self.cell.R_m, 1.0 / self.cell.R_p
        shape = 4.0 * np.cosh(0.5 * np.asarray(y) / self.cell.y_w) ** 2
        return (covered - bare) * self._arrhenius / (self.cell.y_w * shape)

    @property
    def _arrhenius(self) -> float:
        bare = 0.5 / self.cell.R_m + 0.5 / self.cell.R_p
        return float(self.conductance(0.0)) / bare

    @property
    def internal_resistance(self) -> float:
        """R_i + R_C at T_a, Ohm."""
        r_i, r_c = self.cell.resistances(self.cell.T_a)
        return float(r_i + r_c)

    def voltage(self, y: Array) -> Array:
        """v on the slow manifold, V: a y + b y^3 + V_b."""
        return self.a * y + self.cell.b * y**3 + self.cell.V_b

    def stiffness(self, y: Array) -> Array:
        """k(y) = 1/C_F, V/C."""
        return self.a + 3.0 * self.cell.b * y**2

    def slow_current(self, y: Array, load: Array) -> Array:
        """g (E_A - v) - (v + E_C)/R_t on the slow manifold, A: what charges the electrode."""
        v = self.voltage(y)
        total = load + self.internal_resistance
        return self.conductance(y) * (self.cell.E_A - v) - (v + self.cell.E_C) / total

    def load_of(self, y: Array) -> Array:
        """The load for which y is a fixed point, Ohm."""
        v = self.voltage(y)
        return (v + self.cell.E_C) / (self.conductance(y) * (self.cell.E_A - v)) - self.internal_resistance

    def fixed_points(self, load: float) -> np.ndarray:
        """All y with dv/dt = dy/dt = 0 at a load, ascending, C."""
        grid = np.linspace(-3.0 * self.well, 3.0 * self.well, 4001)
        f = self.slow_current(grid, load)
        rows = np.flatnonzero(np.sign(f[:-1]) != np.sign(f[1:]))
        return np.array([brentq(self.slow_current, grid[i], grid[i + 1], args=(load,), xtol=1e-15) for i in rows])

    def at(self, y: Array, load: Array) -> Linearised:
        """The linearised model at y."""
        total = load + self.internal_resistance
        slope = self.conductance_slope(y) * (self.cell.E_A - self.voltage(y))
        return Linearised(self.cell.C_A, self.cell.R_F, self.conductance(y) + 1.0 / total, self.stiffness(y), slope)

    @property
    def fold(self) -> float:
        """Distance of the folds from y = 0, C."""
        return self.well / np.sqrt(3.0)

    @property
    def window(self) -> tuple[float, float]:
        """R1 and R2, Ohm: between them no branch of the slow manifold has a fixed point.

        The lower edge of oscillation is R1; the upper one comes from H1 and lies below R2.
        """
        return float(self.load_of(-self.fold)), float(self.load_of(self.fold))

    def landing(self, y: float) -> float:
        """Where a jump from the fold y lands: C_A v + y is conserved, C."""
        c, a, b = self.cell.C_A, self.a, self.cell.b
        roots = np.roots([c * b, 0.0, c * a + 1.0, -(c * (a * y + b * y**3) + y)])
        real = np.real(roots[np.abs(np.imag(roots)) < 1e-9 * self.well])
        return float(real[np.argmax(np.abs(real - y))])

    @property
    def jump(self) -> float:
        """Distance from y = 0 at which the jumps begin for R_F -> 0, C: there C_A k + 1 = 0, just before the fold."""
        return float(np.sqrt((-self.a - 1.0 / self.cell.C_A) / (3.0 * self.cell.b)))

    def slow_times(self, load: float, end: float | None = None) -> tuple[float, float]:
        """Times on the two slow branches for R_F -> 0 (y < 0, where v rises; y > 0, where it falls), s.

        Args:
            load: Ohm; inside the window.
            end: distance from y = 0 at which the branches are left, C; default ``jump``, which is the limit of the
                full model. With ``fold``, where k = 0, a common approximation.
        """
        edge = self.jump if end is None else end

        def rate(y: float) -> float:
            return (self.cell.C_A * self.stiffness(y) + 1.0) / self.slow_current(y, load)

        times = [quad(rate, self.landing(-s * edge), s * edge, epsabs=0.0, epsrel=1e-10)[0] for s in (-1.0, 1.0)]
        return float(times[0]), float(times[1])

    def logarithmic_times(self, load: float) -> tuple[float, float]:
        """The same times with constant g on either branch (1/R_m and 1/R_p) and constant capacitance, s.

        sum over branches of (C/G) ln[(v* - v_a)/(v* - v_b)], with v* = (g E_A - E_C/R_t)/G, C = C_A + 1/k(y0).
        """
        times = []
        total = load + self.internal_resistance
        for side, r in ((-1.0, self.cell.R_m), (1.0, self.cell.R_p)):
            g = self._arrhenius / r
            whole = g + 1.0 / total
            rest = (g * self.cell.E_A - self.cell.E_C / total) / whole
            v_a, v_b = (self.voltage(y) for y in (self.landing(-side * self.fold), side * self.fold))
            c = self.cell.C_A + 1.0 / self.stiffness(self.well)
            times.append(float(c / whole * np.log((rest - v_a) / (rest - v_b))))
        return times[0], times[1]

    def groups(self, load: float) -> dict[str, float]:
        """Dimensionless groups; kappa, r and h at the fixed point next to y = 0."""
        points = self.fixed_points(load)
        here = self.at(float(points[np.argmin(np.abs(points))]), load)
        cell = self.cell
        return {
            "kappa": float(here.kappa),
            "r": float(here.r),
            "h": float(here.h),
            "epsilon": self.coercive_voltage / (cell.E_A - cell.V_b),
            "R_p/R_m": cell.R_p / cell.R_m,
            "R_m/R_L": cell.R_m / load,
            "y_w/y0": cell.y_w / cell.y0,
            "theta_T": cell.K * load * cell.C_A / cell.C_th,
            "Theta_L": cell.a0 * cell.y0**2 / cell.C_th,
        }
