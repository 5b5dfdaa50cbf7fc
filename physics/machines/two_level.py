"""Two-level heat engine: one controllable gap, a hot and a cold bath, one connected at a time.

H = (E0 u / 2) sigma_z with gap eps = E0 u; p is the population of the excited state. With bath a connected,

    dp/dt = -s_a (p - f_a),   f_a = 1 / (1 + exp(beta_a eps)),   s_a = gamma_a(eps) + gamma_a(-eps)

so a hold of duration dt is exact: p' = p + (f_a - p)(1 - exp(-s_a dt)), Q_a = eps (p' - p). A switch of the gap
leaves p unchanged and does the work (eps' - eps)(p - 1/2). Coherence never appears: H commutes with itself.

Source: P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022); fast-driving optimum: P. A. Erdman, V. Cavina, R. Fazio,
F. Taddei, V. Giovannetti, New J. Phys. 21, 103049 (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.optimize import minimize

from ..baths import BATH_KINDS, MAX_EXPONENT, Bath, fermi
from ..control import Control, ControlSpace, FloatArray, Range
from ..counting import tilted_two_state
from ..laws import check_detailed_balance
from ..machine import AffineMachine, AffineMap, Counted, Propagated, check_state_array, parameter
from ..states import binary_entropy
from ..validation import ParameterError, check_choice, check_positive, check_range

HOT, COLD, NONE = 0, 1, 2
"""Indices of the bath choice."""


class FastCycle(NamedTuple):
    """The infinitely fast two-gap Otto cycle of maximum power.

    Attributes:
        power: supremum of the power over all cycles (energy per time).
        gap_hot, gap_cold: gaps during hot and cold contact (energy).
        hot_fraction: fraction of the time in hot contact.
        efficiency: 1 - gap_cold / gap_hot.
    """

    power: float
    gap_hot: float
    gap_cold: float
    hot_fraction: float
    efficiency: float


@dataclass(frozen=True)
class TwoLevelEngine(AffineMachine):
    """Two-level heat engine of Erdman & Noé; the defaults are the parameters of the paper (``ErdmanNoe2022``).

    State: (p, u), p the excited population in [0, 1], u the dimensionless gap that is held.
    Control: u in [u_min, u_max] and the bath: 0 hot, 1 cold, 2 none. Units: hbar = k_B = 1.

    Raises:
        ParameterError: for a parameter outside its range, or a hot bath that is not hotter than the cold one.
        ThermodynamicsViolation: if the rates break detailed balance.
    """

    title: ClassVar[str] = "Two-level heat engine"
    source: ClassVar[str] = "P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022)"
    equations: ClassVar[str] = "H = (E0 u/2) sigma_z; dp/dt = -s_a (p - f_a), f_a = 1/(1 + exp(beta_a E0 u))"
    dynamic_names: ClassVar[tuple[str, ...]] = ("p",)
    bath_names: ClassVar[tuple[str, ...]] = ("hot", "cold")
    n_initial_uniforms: ClassVar[int] = 1
    quantities: ClassVar[dict[str, tuple[str, str]]] = {"p": ("population", "1")}

    E0: float = parameter(2.5, "energy", "gap at u = 1")
    u_min: float = parameter(0.3, "1", "smallest dimensionless gap")
    u_max: float = parameter(1.0, "1", "largest dimensionless gap")
    beta_h: float = parameter(1.0, "1/energy", "inverse temperature of the hot bath")
    beta_c: float = parameter(2.0, "1/energy", "inverse temperature of the cold bath")
    gamma_h: float = parameter(1.0, "rate", "coupling of the hot bath")
    gamma_c: float = parameter(1.0, "rate", "coupling of the cold bath")
    rates: str = parameter("fermionic", "-", "kind of the baths: fermionic, bosonic (flat) or ohmic")

    def __post_init__(self) -> None:
        for name in ("E0", "u_min", "u_max", "beta_h", "beta_c", "gamma_h", "gamma_c"):
            check_positive(name, getattr(self, name))
        check_choice("rates", self.rates, BATH_KINDS)
        if self.beta_h >= self.beta_c:
            raise ParameterError(f"beta_h = {self.beta_h!r}: must be < beta_c = {self.beta_c!r} (hot above cold)")
        check_range("beta_c * E0 * u_max", self.beta_c * self.E0 * self.u_max, 0.0, MAX_EXPONENT)
        gaps = self.E0 * np.linspace(self.u_min, self.control_space.ranges[0].high, 32)
        for name, bath in zip(self.bath_names, self.baths, strict=True):
            check_detailed_balance(name, bath, gaps)

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def baths(self) -> tuple[Bath, Bath]:
        """The hot and the cold bath."""
        kind = BATH_KINDS[self.rates]
        return kind(self.beta_h, self.gamma_h), kind(self.beta_c, self.gamma_c)

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace((Range("u", self.u_min, self.u_max),), ("hot", "cold", "none"), "bath")

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([self.beta_h, self.beta_c])

    @cached_property
    def energy_scale(self) -> float:
        return self.E0 * self.u_max

    @cached_property
    def power_unit(self) -> float:
        return self.fast_cycle.power

    @cached_property
    def dissipation_unit(self) -> float:
        """Entropy production rate of the fast cycle of maximum power."""
        eta_carnot = 1.0 - self.beta_h / self.beta_c
        return self.beta_c * self.fast_cycle.power * (eta_carnot / self.fast_cycle.efficiency - 1.0)

    # ---- state functions --------------------------------------------------------------------------------------

    def internal_energy(self, state: FloatArray) -> FloatArray:
        return self.E0 * state[:, 1] * (state[:, 0] - 0.5)

    def entropy(self, state: FloatArray) -> FloatArray:
        p = state[:, 0]
        return binary_entropy(p)

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Energy at the gap in the middle of the range."""
        return 0.5 * self.E0 * (self.u_min + self.u_max) * (state[:, 0] - 0.5)

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        p = state[:, 0]
        if p.size:  # the one furthest out stands for all
            check_range("p", float(p[np.argmax(np.abs(p - 0.5))]), 0.0, 1.0)

    # ---- observation ------------------------------------------------------------------------------------------

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        # the populations that the two baths can reach, and the range of the control
        low = np.array([fermi(self.beta_c * self.E0 * self.u_max), self.u_min])
        return low, np.array([fermi(self.beta_h * self.E0 * self.u_min), self.u_max])

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        low, high = self.observe(np.array([[0.0, self.u_min], [1.0, self.u_max]]))
        return low, high

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Thermal at the harmonic-mean temperature of the baths, with the gap drawn from its range."""
        u = self.u_min + (self.u_max - self.u_min) * uniforms[:, 0]
        beta = 2.0 / (1.0 / self.beta_h + 1.0 / self.beta_c)
        return np.stack([fermi(beta * self.E0 * u), u], axis=1)

    @cached_property
    def _by_choice(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        # beta, gamma, connected (0 or 1) and bath indicator of the choices hot, cold, none; without a bath the
        # values of beta and gamma do not matter
        beta = np.array([self.beta_h, self.beta_c, self.beta_c])
        gamma = np.array([self.gamma_h, self.gamma_c, self.gamma_c])
        indicator = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
        return beta, gamma, indicator.sum(axis=1), indicator

    def _relaxation(self, gap: np.ndarray, choice: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Equilibrium population f and the fraction 1 - exp(-s dt) of the way there, both (K,)."""
        beta, gamma, connected, _ = self._by_choice
        down, up = BATH_KINDS[self.rates].rates(gap, beta[choice], gamma[choice])
        total = up + down
        return up / total, -np.expm1(total * (-dt * connected[choice]))

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        # the closed form of AffineMachine.propagate, several times faster for a single system
        p, u = state[:, 0], control.values[:, 0]
        gap = self.E0 * u
        equilibrium, fraction = self._relaxation(gap, control.choice, dt)
        change = (equilibrium - p) * fraction
        after = np.empty_like(state)
        after[:, 0] = p + change
        after[:, 1] = u
        work = self.E0 * (u - state[:, 1]) * (p - 0.5)
        heat = (gap * change)[:, None] * self._by_choice[3][control.choice]
        return Propagated(after, work, heat)

    def affine(self, control: Control, dt: float) -> AffineMap:
        gap = self.E0 * control.values[:, 0]
        equilibrium, fraction = self._relaxation(gap, control.choice, dt)
        drive = equilibrium * fraction
        indicator = self._by_choice[3][control.choice]
        return AffineMap(
            matrix=(1.0 - fraction)[:, None, None],
            offset=drive[:, None],
            heat_matrix=(-gap * fraction)[:, None, None] * indicator[:, :, None],
            heat_offset=(gap * drive)[:, None] * indicator,
        )

    def count(self, x: FloatArray, after: FloatArray, control: Control, dt: float, weights: FloatArray) -> Counted:
        # one bath: N = w eps (n' - n), whatever happens in between, so two transition probabilities tell all
        p = x[:, 0]
        gap = self.E0 * control.values[:, 0]
        equilibrium, fraction = self._relaxation(gap, control.choice, dt)
        quantum = gap * (self._by_choice[3] @ weights)[control.choice]
        up, down = (1.0 - p) * equilibrium * fraction, p * (1.0 - equilibrium) * fraction
        change = up - down
        covariance = quantum * (up - after[:, 0] * change)
        return Counted(covariance[:, None], quantum * quantum * (up + down - change * change))

    def tilted(self, control: Control, dt: float, field: np.ndarray) -> np.ndarray:
        beta, gamma, connected, indicator = (table[control.choice] for table in self._by_choice)
        gap = self.E0 * control.values[:, 0]
        down, up = ((rate * connected)[:, None] * indicator for rate in BATH_KINDS[self.rates].rates(gap, beta, gamma))
        return tilted_two_state(up, down, gap, field, dt)

    def energy_row(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.E0 * values, -0.5 * self.E0 * values[:, 0]

    # ---- closed forms -----------------------------------------------------------------------------------------

    @cached_property
    def fast_cycle(self) -> FastCycle:
        """The infinitely fast Otto cycle: an upper bound on the power of every cycle with these controls.

            P_max = max (eps_h - eps_c) (f_h - f_c) s_h s_c / (sqrt s_h + sqrt s_c)^2

        over the two gaps, with the hot bath on for the fraction sqrt s_c / (sqrt s_h + sqrt s_c) of the time.

        Source: Erdman et al., New J. Phys. 21, 103049 (2019), arXiv:1812.05089.
        """
        hot, cold = self.baths

        def power(gap_hot: np.ndarray, gap_cold: np.ndarray) -> np.ndarray:
            (down_h, up_h), (down_c, up_c) = hot.both(gap_hot), cold.both(gap_cold)
            s_h, s_c = up_h + down_h, up_c + down_c
            mean_rate = s_h * s_c / (np.sqrt(s_h) + np.sqrt(s_c)) ** 2
            return (gap_hot - gap_cold) * (up_h / s_h - up_c / s_c) * mean_rate

        low, high = self.E0 * self.u_min, self.E0 * self.u_max
        grid = np.linspace(low, high, 257)
        values = power(grid[:, None], grid[None, :])
        i, j = np.unravel_index(np.argmax(values), values.shape)
        scale = float(values[i, j])
        polished = minimize(
            lambda gaps: -float(power(gaps[0], gaps[1])) / scale,
            np.array([grid[i], grid[j]]),
            method="Nelder-Mead",
            bounds=[(low, high)] * 2,
            options={"xatol": 1e-10, "fatol": 1e-15},
        )
        gap_hot, gap_cold = map(float, polished.x)
        s_h, s_c = (float(sum(b.both(g))) for b, g in zip((hot, cold), polished.x, strict=True))
        return FastCycle(
            power=-float(polished.fun) * scale,
            gap_hot=gap_hot,
            gap_cold=gap_cold,
            hot_fraction=float(np.sqrt(s_c) / (np.sqrt(s_h) + np.sqrt(s_c))),
            efficiency=1.0 - gap_cold / gap_hot,
        )
