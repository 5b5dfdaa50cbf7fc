"""Harmonic-oscillator engine: one controllable frequency, a hot and a cold bath, one connected at a time.

H = p^2/2 + omega^2 q^2/2 (m = 1) with omega = u omega0. The bath acts by the ladder operators of the present frequency,
rates Gamma (n + 1) and Gamma n with n = 1/(exp(beta omega) - 1). The Gaussian moments are closed, with no truncation:

    state  x = (P, X, D, nu2) = (<p^2>, <q^2>, <qp + pq>, P X - D^2/4)         continuous when omega changes

With h = <H>, l = <T - V>, D and the symplectic eigenvalue nu = sqrt(nu2) >= 1/2, a hold of t in contact with a bath is

    h'    = h_eq + (h - h_eq) e,      e = exp(-Gamma t),  h_eq = omega nu_eq,  nu_eq = (1/2) coth(beta omega/2)
    (l, D)' = e [[cos 2 omega t, -(omega/2) sin 2 omega t], [(2/omega) sin 2 omega t, cos 2 omega t]] (l, D)
    nu2'  = e^2 nu2 + 2 e (1 - e) nu_eq h/omega + (1 - e)^2 nu_eq^2

and Gamma = 0 without a bath. nu2 could be computed from the other three, but by a difference of large numbers when the
oscillator is squeezed; its own equation is affine too and keeps the entropy, a function of nu, exact.

Sources: Y. Rezek, R. Kosloff, New J. Phys. 8, 83 (2006); control problem and parameters, P. A. Erdman, F. Noé, npj
Quantum Inf. 8, 1 (2022) and PNAS Nexus 2, pgad248 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..arrays import columns
from ..baths import MAX_EXPONENT, Bath, BosonicBath, bose
from ..control import Control, ControlSpace, FloatArray, Range
from ..laws import check_detailed_balance
from ..machine import AffineMachine, AffineMap, Counted, Propagated, check_state_array, parameter
from ..validation import ParameterError, check_positive
from .oscillator_counting import count_oscillator
from .portraits import OscillatorPortrait

HOT, COLD, NONE = 0, 1, 2
"""Indices of the bath choice."""


@dataclass(frozen=True)
class OscillatorEngine(AffineMachine):
    """Harmonic-oscillator engine; the defaults are the narrow frequency range of Erdman & Noé.

    State: (P, X, D, nu2, u), see the module; u = omega/omega0 is held.
    Control: u in [u_min, u_max] and the bath: 0 hot, 1 cold, 2 none. Units: hbar = k_B = m = 1.

    Raises:
        ParameterError: for a parameter outside its range, or a hot bath that is not hotter than the cold one.
        ThermodynamicsViolation: if the rates break detailed balance.
    """

    title: ClassVar[str] = "Harmonic-oscillator heat engine"
    source: ClassVar[str] = (
        "P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022); PNAS Nexus 2, pgad248 (2023); "
        "model of Y. Rezek, R. Kosloff, New J. Phys. 8, 83 (2006)"
    )
    equations: ClassVar[str] = (
        "H = p^2/2 + (u omega0)^2 q^2/2; jumps by the ladder operators of omega = u omega0 with the rates "
        "Gamma (n + 1) and Gamma n, n = 1/(exp(beta omega) - 1)"
    )
    dynamic_names: ClassVar[tuple[str, ...]] = ("P", "X", "D", "nu2")
    bath_names: ClassVar[tuple[str, ...]] = ("hot", "cold")
    n_initial_uniforms: ClassVar[int] = 1
    natural_units: ClassVar[str] = "hbar = k_B = m = 1"
    quantities: ClassVar[dict[str, tuple[str, str]]] = {
        "P": ("momentum variance", "1"),
        "X": ("position variance", "1"),
        "D": ("correlation", "1"),
        "nu2": ("squared symplectic eigenvalue", "1"),
    }

    omega0: float = parameter(2.0, "energy", "frequency at u = 1")
    u_min: float = parameter(0.5, "1", "smallest omega/omega0")
    u_max: float = parameter(0.99662, "1", "largest omega/omega0")
    beta_h: float = parameter(1.0 / 4.98309, "1/energy", "inverse temperature of the hot bath")
    beta_c: float = parameter(2.0, "1/energy", "inverse temperature of the cold bath")
    gamma_h: float = parameter(0.6, "rate", "relaxation rate of the energy in the hot bath")
    gamma_c: float = parameter(0.6, "rate", "relaxation rate of the energy in the cold bath")
    P0: float = parameter(0.175, "energy/time", "unit of the power in rewards")
    Sigma0: float = parameter(0.525, "1/time", "unit of the entropy production in rewards")

    def __post_init__(self) -> None:
        for name in ("omega0", "u_min", "u_max", "beta_h", "beta_c", "gamma_h", "gamma_c", "P0", "Sigma0"):
            check_positive(name, getattr(self, name))
        if self.beta_h >= self.beta_c:
            raise ParameterError(f"beta_h = {self.beta_h!r}: must be < beta_c = {self.beta_c!r} (hot above cold)")
        top = self.beta_c * self.omega0 * self.u_max
        if top > MAX_EXPONENT:
            raise ParameterError(f"beta_c * omega0 * u_max = {top!r}: must be <= {MAX_EXPONENT:g}")
        frequencies = self.omega0 * np.linspace(self.u_min, self.control_space.ranges[0].high, 32)
        for name, bath in zip(self.bath_names, self.baths, strict=True):
            check_detailed_balance(name, bath, frequencies)

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def baths(self) -> tuple[Bath, Bath]:
        """The hot and the cold bath."""
        return BosonicBath(self.beta_h, self.gamma_h), BosonicBath(self.beta_c, self.gamma_c)

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace((Range("u", self.u_min, self.u_max),), ("hot", "cold", "none"), "bath")

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([self.beta_h, self.beta_c])

    @cached_property
    def energy_scale(self) -> float:
        return 1.0 / self.beta_h + self.omega0 * self.u_max

    @cached_property
    def power_unit(self) -> float:
        return self.P0

    @cached_property
    def dissipation_unit(self) -> float:
        return self.Sigma0

    # ---- state functions --------------------------------------------------------------------------------------

    def internal_energy(self, state: FloatArray) -> FloatArray:
        omega = self.omega0 * state[:, 4]
        return 0.5 * (state[:, 0] + omega * omega * state[:, 1])

    def entropy(self, state: FloatArray) -> FloatArray:
        # (n + 1) ln(n + 1) - n ln n, written without the difference of large numbers that it is at large n
        n = np.maximum(np.sqrt(state[:, 3]) - 0.5, 1e-300)
        return np.log1p(n) + n * np.log1p(1.0 / n)

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Energy at the frequency in the middle of the range."""
        omega = 0.5 * self.omega0 * (self.u_min + self.u_max)
        return 0.5 * state[:, 0] + 0.5 * omega**2 * state[:, 1]

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        p, x, d, nu2 = state[:, :4].T
        bad = ~((p > 0) & (x > 0) & (nu2 >= 0.25 * (1.0 - 1e-12)))
        if bad.any():
            k = int(np.argmax(bad))
            raise ParameterError(
                f"state (row {k}): P = {p[k]:g}, X = {x[k]:g}, nu2 = {nu2[k]:g}: P and X must be > 0, nu2 >= 1/4 "
                "(uncertainty relation)"
            )
        off = np.abs(p * x - 0.25 * d * d - nu2) > 1e-9 * p * x
        if off.any():
            k = int(np.argmax(off))
            raise ParameterError(
                f"state (row {k}): nu2 = {nu2[k]!r}, must be P X - D^2/4 = {p[k] * x[k] - 0.25 * d[k] ** 2!r}"
            )

    @cached_property
    def portrait(self) -> OscillatorPortrait:
        return OscillatorPortrait(self)

    # ---- observation ------------------------------------------------------------------------------------------

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        low, high = (self.omega0 * u for u in (self.u_min, self.u_max))
        # vacuum and the hot bath, at the ends of the frequency range
        cold, hot = self._nu_eq(np.array([[high], [low]]), np.array([[self.beta_c], [self.beta_h]]))[:, 0]
        least = np.array([cold * low, cold / high, -hot, 0.25, self.u_min])
        return least, np.array([hot * high, hot / low, hot, hot * hot, self.u_max])

    @cached_property
    def _observed(self) -> tuple[FloatArray, FloatArray]:
        # middle and half width of ln P, ln X, D/(2 sqrt(P X)), u
        low, high = (np.delete(end, 3) for end in self.usual_range)
        low[:2], high[:2] = np.log(low[:2]), np.log(high[:2])
        low[2], high[2] = -1.0, 1.0
        return 0.5 * (low + high), 0.5 * (high - low)

    def observe(self, state: FloatArray) -> FloatArray:
        """(ln P, ln X, D/(2 sqrt(P X)), u), scaled; logarithms keep a strongly squeezed state of order one."""
        middle, half = self._observed
        p, x, d = state[:, 0], state[:, 1], state[:, 2]
        seen = np.stack([np.log(p), np.log(x), 0.5 * (d / np.sqrt(p)) / np.sqrt(x), state[:, 4]], axis=1)
        return (seen - middle) / half

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        # P and X have no bounds but those of float64
        middle, half = self._observed
        low, high = (np.log([size, size, 1.0, 1.0]) for size in (np.finfo(float).tiny, np.finfo(float).max))
        low[2:], high[2:] = (middle - half)[2:], (middle + half)[2:]
        slack = np.array([0.0, 0.0, 1e-6, 1e-6])
        return (low - middle) / half - slack, (high - middle) / half + slack

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Thermal at the harmonic-mean temperature of the baths, with the frequency drawn from its range."""
        u = self.u_min + (self.u_max - self.u_min) * uniforms[:, 0]
        beta = 2.0 / (1.0 / self.beta_h + 1.0 / self.beta_c)
        return np.column_stack([self.portrait.thermal(u[:, None], beta), u])

    @staticmethod
    def _nu_eq(omega: np.ndarray, beta: np.ndarray | float) -> np.ndarray:
        return 0.5 + bose(beta * omega)

    @cached_property
    def _by_choice(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        # beta, relaxation rate and bath indicator of the choices hot, cold, none; without a bath beta does not matter
        beta = np.array([self.beta_h, self.beta_c, self.beta_c])
        return beta, np.array([self.gamma_h, self.gamma_c, 0.0]), np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])

    def energy_row(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        omega = self.omega0 * values[:, 0]
        row = np.zeros((len(omega), 4), dtype=omega.dtype)
        row[:, 0], row[:, 1] = 0.5, 0.5 * omega * omega
        return row, np.zeros_like(omega)

    def _step(self, f: Any, state: Any, u: Any, beta: Any, rate: Any, dt: float) -> tuple[tuple[Any, ...], Any, Any]:
        """State after the step, work and heat; ``f`` is ``numpy``, or ``math`` for a single system."""
        p, x, d, nu2, held = state
        omega = self.omega0 * u
        square = omega * omega
        fraction = -f.expm1(-dt * rate)
        left = 1.0 - fraction
        drive = fraction * (0.5 + 1.0 / f.expm1(beta * omega))
        kinetic, potential = 0.5 * p, 0.5 * square * x
        h, lag = kinetic + potential, kinetic - potential
        angle = 2.0 * dt * omega
        c, s = left * f.cos(angle), left * f.sin(angle)
        heat = drive * omega - fraction * h
        h_new = h + heat
        lag_new = c * lag - 0.5 * s * omega * d
        d_new = 2.0 * s * lag / omega + c * d
        nu2_new = left * left * nu2 + drive * (2.0 * left * h / omega + drive)
        # The smaller of the two energies is a difference of large numbers when the oscillator is squeezed, so it is
        # taken from P X = nu2 + D^2/4 instead; round-off then never makes a variance negative.
        larger = h_new + abs(lag_new)
        smaller = square * (nu2_new / larger + 0.25 * d_new * (d_new / larger))
        fast = lag_new > 0.0
        slow = 1 - fast
        after = (fast * larger + slow * smaller, (slow * larger + fast * smaller) / square, d_new, nu2_new, u)
        work = 0.5 * x * self.omega0**2 * (u - held) * (u + held)
        return after, work, heat

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        # the closed form of AffineMachine.propagate, several times faster
        betas, rates, indicator = self._by_choice
        if len(state) == 1:
            k, u = int(control.choice[0]), float(control.values[0, 0])
            after, work, heat = self._step(math, state[0].tolist(), u, float(betas[k]), float(rates[k]), dt)
            return Propagated(np.array([after]), np.array([work]), heat * indicator[k : k + 1])
        choice, u = control.choice, control.values[:, 0]
        after, work, heat = self._step(np, state.T, u, betas[choice], rates[choice], dt)
        return Propagated(columns(after), work, heat[:, None] * indicator[choice])

    def consistent(self, x: FloatArray) -> FloatArray:
        p, q, d, nu2 = x.T
        # a squeezed state loses digits in P X - D^2/4; there the smaller of P and X is the one to compute
        squeezed = p * q > 100.0 * nu2
        fast = p > self.omega0**2 * self.u_min * self.u_max * q
        product = nu2 + 0.25 * d * d
        return columns(
            (
                np.where(squeezed & ~fast, product / q, p),
                np.where(squeezed & fast, product / p, q),
                d,
                np.where(squeezed, nu2, np.maximum(p * q - 0.25 * d * d, 0.25)),
            )
        )

    def affine(self, control: Control, dt: float) -> AffineMap:
        beta, rate, indicator = (table[control.choice] for table in self._by_choice)
        omega = self.omega0 * control.values[:, 0]
        square = omega * omega
        fraction = -np.expm1(-dt * rate)
        left = 1.0 - fraction
        drive = fraction * self._nu_eq(omega, beta)
        angle = 2.0 * dt * omega
        c, s = left * np.cos(angle), left * np.sin(angle)
        # h and l from P = h + l, omega^2 X = h - l
        same, swap = 0.5 * (left + c), 0.5 * (left - c)
        slow, fast = s / omega, s * omega
        mixed = left * drive
        matrix = np.zeros((len(omega), 4, 4), dtype=omega.dtype)
        matrix[:, 0, 0] = matrix[:, 1, 1] = same
        matrix[:, 0, 1] = swap * square
        matrix[:, 1, 0] = swap / square
        matrix[:, 0, 2] = -0.5 * fast
        matrix[:, 1, 2] = 0.5 * slow
        matrix[:, 2, 0] = slow
        matrix[:, 2, 1] = -fast
        matrix[:, 2, 2] = c
        matrix[:, 3, 0] = mixed / omega
        matrix[:, 3, 1] = mixed * omega
        matrix[:, 3, 3] = left * left
        offset = np.zeros((len(omega), 4), dtype=omega.dtype)
        offset[:, 0] = gain = drive * omega
        offset[:, 1] = drive / omega
        offset[:, 3] = drive * drive
        heat = np.zeros((len(omega), 2, 4), dtype=omega.dtype)
        taken = -0.5 * fraction
        heat[:, :, 0] = taken[:, None] * indicator
        heat[:, :, 1] = (taken * square)[:, None] * indicator
        return AffineMap(matrix, offset, heat, gain[:, None] * indicator)

    def count(self, x: FloatArray, after: FloatArray, control: Control, dt: float, weights: FloatArray) -> Counted:
        return count_oscillator(self, x, after, control, dt, weights)
