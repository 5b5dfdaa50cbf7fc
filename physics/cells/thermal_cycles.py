"""Closed forms of the ideal cycles of a ferroelectric film: Olsen, fast-field Brayton and its reverse, electrocaloric.

The polarisation is that of equilibrium, P_eq(E, T), the global minimiser of f - E P; then

    phi(E, T) = f - E P            adiabat   cv ln T - a0 P^2/2 = const
    h(E, T) = cv T + u(P) - E P    c_E = dh/dT at constant E = cv + T (a0 P)^2 / f''(P)

Extensive results are those of the machine's ``volume``: J, W. Source: derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from ..control import FloatArray
from ..validation import ParameterError, check_range
from .landau import Landau

if TYPE_CHECKING:
    from .ferroelectric_engine import FerroelectricEngine

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(32)
"""Gauss-Legendre quadrature on [-1, 1]."""


# ---- one point of the phase diagram -------------------------------------------------------------------------------


def polarisation(landau: Landau, field: float, temperature: float) -> float:
    """P_eq(E, T), C/m2."""
    return float(landau.equilibrium(np.array(field), np.array(temperature)))


def field_enthalpy(landau: Landau, cv: float, field: float, temperature: float) -> float:
    """h(E, T) = cv T + u(P) - E P, J/m3."""
    p = polarisation(landau, field, temperature)
    return cv * temperature + float(landau.stored(p)) - field * p


def field_heat_capacity(landau: Landau, cv: float, field: float, temperature: FloatArray) -> FloatArray:
    """Heat capacity at constant field, J/(m3 K); ``temperature`` is an array."""
    p = landau.equilibrium(np.array(field), temperature)
    return cv + temperature * (landau.a0 * p) ** 2 / landau.stiffness(p, temperature)


def adiabatic_temperature(landau: Landau, cv: float, temperature: float, start: float, end: float) -> float:
    """Temperature (K) to which the adiabat from (``start`` V/m, ``temperature`` K) leads at the field ``end``."""
    p0 = polarisation(landau, start, temperature)

    def change(t: float) -> float:
        p = polarisation(landau, end, t)
        return cv * np.log(t / temperature) - 0.5 * landau.a0 * (p * p - p0 * p0)

    # the polarisation falls with the temperature, so the entropy rises: one root, between no P and the largest P
    largest = max(polarisation(landau, end, 0.5 * temperature), p0)
    width = np.exp(0.5 * landau.a0 * largest**2 / cv)
    root: float = brentq(change, temperature / width, temperature * width, xtol=1e-12)  # pyright: ignore[reportAssignmentType]
    return float(root)


def isothermal_entropy(landau: Landau, temperature: float, start: float, end: float) -> float:
    """Change of the entropy, J/(m3 K), between two fields at one temperature: -a0 (P1^2 - P0^2)/2."""
    p0, p1 = (polarisation(landau, e, temperature) for e in (start, end))
    return float(landau.order(p1) - landau.order(p0))


def critical_end_point(landau: Landau) -> tuple[float, float]:
    """(P, T), C/m2 and K, where the line of first-order transitions ends: dE/dP = d2E/dP2 = 0.

    Raises:
        ParameterError: for a second-order material, which has none with P > 0.
    """
    roots = np.roots([42.0 * landau.d, 20.0 * landau.c, 6.0 * landau.b])
    squares = [float(np.real(q)) for q in roots if abs(np.imag(q)) < 1e-9 * abs(q) and np.real(q) > 0.0]
    if not squares:
        raise ParameterError(f"b = {landau.b!r}: must be < 0 for a critical end point")
    p = min(squares) ** 0.5
    return p, landau.T0 - float(landau.stiffness(p, landau.T0)) / landau.a0


# ---- Olsen --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IdealOlsen:
    """The Olsen cycle of a machine: isotherms at its baths, isofields at E_low and E_high, without any loss."""

    machine: FerroelectricEngine

    @cached_property
    def corners(self) -> FloatArray:
        """P at 1 (E_low, T_cold), 2 (E_high, T_cold), 3 (E_high, T_hot), 4 (E_low, T_hot), C/m2, shape (4,)."""
        m = self.machine
        return m.landau.equilibrium(
            np.array([m.E_low, m.E_high, m.E_high, m.E_low]), np.array([m.T_cold, m.T_cold, m.T_hot, m.T_hot])
        )

    @property
    def work(self) -> float:
        """Per cycle, J, from the potentials phi at the corners."""
        return self.machine.olsen_work

    @cached_property
    def work_by_quadrature(self) -> float:
        """Per cycle, J: the integral of P_eq(E, T_cold) - P_eq(E, T_hot) over the field."""
        m = self.machine
        # many panels: just above the critical end point P_eq is steep
        edges = np.linspace(m.E_low, m.E_high, 17)
        half = 0.5 * (edges[1] - edges[0])
        fields = (edges[:-1, None] + half + half * POINTS).ravel()
        cold, hot = (m.landau.equilibrium(fields, np.array(t)) for t in (m.T_cold, m.T_hot))
        return m.volume * half * float(np.tile(WEIGHTS, 16) @ (cold - hot))

    @cached_property
    def heat_in(self) -> float:
        """Received from the hot bath per cycle, J."""
        m, (_, p2, p3, p4) = self.machine, self.corners
        isofield = m.cv * (m.T_hot - m.T_cold) + float(m.landau.stored(p3) - m.landau.stored(p2)) - m.E_high * (p3 - p2)
        return m.volume * float(isofield - 0.5 * m.a0 * m.T_hot * (p4**2 - p3**2))

    @property
    def efficiency(self) -> float:
        """Work over the heat received from the hot bath."""
        return self.work / self.heat_in


# ---- Brayton ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IdealBrayton:
    """The Brayton cycle with instantaneous adiabats and finite contacts at E_high and E_low.

    1 (E_low, T1) -adiabat-> 2 (E_high, T2) -hot contact-> 3 (E_high, T3) -adiabat-> 4 (E_low, T4) -cold contact-> 1.
    An engine has T3 > T2 (heated at E_high), a cooler T3 < T2.

    Attributes:
        machine: the machine.
        T1, T3: coldest temperature at E_low and hottest at E_high of an engine, K.

    Raises:
        ParameterError: if a temperature is not positive.
    """

    machine: FerroelectricEngine
    T1: float
    T3: float

    def __post_init__(self) -> None:
        check_range("T1", self.T1, 1.0, 1e4)
        check_range("T3", self.T3, 1.0, 1e4)

    @cached_property
    def T2(self) -> float:
        """K."""
        return adiabatic_temperature(*self._film, self.T1, self.machine.E_low, self.machine.E_high)

    @cached_property
    def T4(self) -> float:
        """K."""
        return adiabatic_temperature(*self._film, self.T3, self.machine.E_high, self.machine.E_low)

    @property
    def _film(self) -> tuple[Landau, float]:
        return self.machine.landau, self.machine.cv

    @cached_property
    def hot_heat(self) -> float:
        """From the hot bath per cycle, J; negative for a cooler."""
        m = self.machine
        return m.volume * (
            field_enthalpy(*self._film, m.E_high, self.T3) - field_enthalpy(*self._film, m.E_high, self.T2)
        )

    @cached_property
    def cold_heat(self) -> float:
        """From the cold bath per cycle, J; positive for a cooler: its lift."""
        m = self.machine
        return m.volume * (
            field_enthalpy(*self._film, m.E_low, self.T1) - field_enthalpy(*self._film, m.E_low, self.T4)
        )

    @property
    def work(self) -> float:
        """Delivered per cycle, J."""
        return self.hot_heat + self.cold_heat

    @property
    def efficiency(self) -> float:
        """Work over the heat received from the hot bath."""
        return self.work / self.hot_heat

    @property
    def cop(self) -> float:
        """Heat received from the cold bath over the work put in."""
        return self.cold_heat / -self.work

    @cached_property
    def t_hot(self) -> float:
        """Duration of the hot contact, s: the integral of c_E / (K_v (T_hot - T)) from T2 to T3."""
        return self._duration(self.machine.E_high, self.T2, self.T3, self.machine.T_hot)

    @cached_property
    def t_cold(self) -> float:
        """Duration of the cold contact, s."""
        return self._duration(self.machine.E_low, self.T4, self.T1, self.machine.T_cold)

    def _duration(self, field: float, start: float, end: float, bath: float) -> float:
        if (bath - start) * (bath - end) <= 0.0 or abs(bath - end) > abs(bath - start):
            return np.inf  # the bath does not lead there
        # the variable ln|T_bath - T| takes out the pole
        a, b = np.log(abs(bath - start)), np.log(abs(bath - end))
        t = bath + np.sign(start - bath) * np.exp(0.5 * (a + b) + 0.5 * (b - a) * POINTS)
        capacity = field_heat_capacity(*self._film, field, t)
        return 0.5 * (a - b) * float(WEIGHTS @ capacity) * self.machine.tau / self.machine.cv

    @property
    def power(self) -> float:
        """What the machine is for, W: work delivered, or heat from the cold bath, over both contacts."""
        output = self.cold_heat if self.machine.is_refrigerator else self.work
        return output / (self.t_hot + self.t_cold)


def reverse_brayton(machine: FerroelectricEngine) -> IdealBrayton:
    """The cooler's cycle with contacts long enough to reach the temperatures of the baths: T1 = T_cold, T3 = T_hot."""
    return IdealBrayton(machine, machine.T_cold, machine.T_hot)


@dataclass(frozen=True)
class ShortStroke:
    """Limit of the Brayton cycle for short strokes, T3 -> T2, where the power of the class has its supremum.

    Attributes:
        machine: the machine.
        T1: temperature at E_low, K.
        T2: temperature at E_high, K.
        power: W; of a cooler its cooling power.
    """

    machine: FerroelectricEngine
    T1: float
    T2: float
    power: float


def short_stroke(machine: FerroelectricEngine, T1: float) -> ShortStroke:
    """The limit at one temperature T1 (K): heat flows K_v (T_h - T2) and K_v (T1 - T_c) in turns, dh4/dh3 = T1/T2.

    The ramps are instantaneous, so that the power does not vanish. It is negative infinity where a heat would have the
    wrong sign.
    """
    t2 = adiabatic_temperature(machine.landau, machine.cv, T1, machine.E_low, machine.E_high)
    hot, cold, ratio = machine.T_hot - t2, T1 - machine.T_cold, T1 / t2
    rate = machine.heat_capacity / machine.tau
    if machine.is_refrigerator:
        hot, cold = -hot, -cold
    if hot <= 0.0 or cold <= 0.0:
        return ShortStroke(machine, T1, t2, -np.inf)
    if machine.is_refrigerator:
        return ShortStroke(machine, T1, t2, rate / (1.0 / (ratio * hot) + 1.0 / cold))
    return ShortStroke(machine, T1, t2, rate * (1.0 - ratio) / (1.0 / hot + ratio / cold))


def best_short_stroke(machine: FerroelectricEngine) -> ShortStroke:
    """The supremum of the power of all Brayton cycles between E_low and E_high: ``short_stroke`` maximised over T1.

    It is the maximum of this class of cycles, not a bound on arbitrary protocols.
    """
    if machine.is_refrigerator:
        warmest = machine.T_cold
        coldest = adiabatic_temperature(machine.landau, machine.cv, machine.T_hot, machine.E_high, machine.E_low)
        if coldest >= warmest:
            raise ParameterError(
                f"T_hot = {machine.T_hot!r}: the film cannot cool over this span, T_cold must be > {coldest:.6g} K"
            )
    else:
        coldest = machine.T_cold
        warmest = adiabatic_temperature(machine.landau, machine.cv, machine.T_hot, machine.E_high, machine.E_low)
    grid = np.linspace(coldest, warmest, 42)[1:-1]
    best = int(np.argmax([short_stroke(machine, float(t)).power for t in grid]))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found: Any = minimize_scalar(lambda t: -short_stroke(machine, float(t)).power, bounds=around, method="bounded",
                            options={"xatol": 1e-9})  # fmt: skip
    return short_stroke(machine, float(found.x))
