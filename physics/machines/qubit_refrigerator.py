"""Superconducting-qubit refrigerator: a driven qubit between two resonant circuits, both always coupled.

H(u) = -E0 [Delta sigma_x + u sigma_z] with the gap De(u) = 2 E0 sqrt(Delta^2 + u^2). The hot resonator sits at the gap
of u = 1/2, the cold one at the smallest gap (u = 0), so the qubit takes heat from the cold bath near u = 0 and gives it
to the hot one near u = 1/2. The baths act on the instantaneous eigenstates (secular GKLS): rates S_a(+De) up and
S_a(-De) down. The eigenstates turn with u, so moving u makes coherence, and with it friction.

State: the Bloch vector r in the laboratory frame, rho = (1 + r.sigma)/2. It is continuous when u changes. With the axis
n = (Delta, 0, u)/sqrt(Delta^2 + u^2), a = n.r (a = 1 is the ground state), s the sum of the four rates, a hold of dt is

    a' = a_eq + (a - a_eq) exp(-s dt);   the part across n turns by -De dt about n and shrinks by exp(-s dt/2)
    Q_k = De [ (up_k - s_k p_eq) dt - s_k (p - p_eq) (1 - exp(-s dt))/s ],      p = (1 - a)/2,   s_k = up_k + down_k

Validity: where the relaxation is as fast as the gap (u near 0: total rate 0.18 against De = 0.24), and for controls
that jump within one step, the secular equation in the instantaneous eigenbasis is used beyond its strict validity. It
obeys both laws all the same.

Sources: model, B. Karimi, J. P. Pekola, Phys. Rev. B 94, 184503 (2016); control problem and parameters, P. A. Erdman,
F. Noé, npj Quantum Inf. 8, 1 (2022) (Q = 30) and PNAS Nexus 2, pgad248 (2023) (Q = 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.special import entr

from ..arrays import columns
from ..baths import MAX_EXPONENT, Bath, ResonatorBath
from ..control import Control, ControlSpace, FloatArray, Range
from ..laws import check_detailed_balance
from ..machine import AffineMachine, AffineMap, Counted, Propagated, check_state_array, parameter
from ..validation import ParameterError, check_positive, check_range
from .portraits import QubitPortrait
from .qubit_counting import count_qubit, tilted_qubit


class _Hold(NamedTuple):
    """A hold of dt at fixed control, for one system (numbers) or K (arrays).

    Attributes:
        gap: De(u).
        nx, nz: axis n of the ground state.
        p_eq: excited population at which the two heat currents balance.
        fraction: 1 - exp(-s dt).
        c, s: exp(-s dt/2) times cosine and sine of De dt.
        share: part of the hot bath in the total rate.
        through: rate of quanta from the hot to the cold bath at ``p_eq``.
    """

    gap: Any
    nx: Any
    nz: Any
    p_eq: Any
    fraction: Any
    c: Any
    s: Any
    share: Any
    through: Any


@dataclass(frozen=True)
class QubitRefrigerator(AffineMachine):
    """Superconducting-qubit refrigerator; the defaults are the parameters of ``ErdmanNoe2023`` (Q = 4).

    State: (x, y, z, u), the Bloch vector in the laboratory frame and the control that is held.
    Control: u in [u_min, u_max]; both baths are always connected. Units: hbar = k_B = 1, energies in E0.

    Raises:
        ParameterError: for a parameter outside its range, or a hot bath that is not hotter than the cold one.
        ThermodynamicsViolation: if the rates break detailed balance.
    """

    title: ClassVar[str] = "Superconducting-qubit refrigerator"
    source: ClassVar[str] = (
        "P. A. Erdman, F. Noé, npj Quantum Inf. 8, 1 (2022); PNAS Nexus 2, pgad248 (2023); "
        "model of B. Karimi, J. P. Pekola, Phys. Rev. B 94, 184503 (2016)"
    )
    equations: ClassVar[str] = (
        "H = -E0 (Delta sigma_x + u sigma_z); jumps between the eigenstates of H(u) with the rates "
        "S_a(x) = (g_a/2) x/(exp(beta_a x) - 1)/(1 + Q_a^2 (x/omega_a - omega_a/x)^2), x = +-2 E0 sqrt(Delta^2 + u^2)"
    )
    dynamic_names: ClassVar[tuple[str, ...]] = ("x", "y", "z")
    bath_names: ClassVar[tuple[str, ...]] = ("hot", "cold")
    n_initial_uniforms: ClassVar[int] = 1
    quantities: ClassVar[dict[str, tuple[str, str]]] = dict.fromkeys(("x", "y", "z"), ("Bloch component", "1"))
    is_refrigerator: ClassVar[bool] = True

    E0: float = parameter(1.0, "energy", "unit of the Hamiltonian")
    delta: float = parameter(0.12, "1", "dimensionless tunnel splitting Delta")
    u_min: float = parameter(0.0, "1", "smallest control")
    u_max: float = parameter(0.75, "1", "largest control")
    beta_h: float = parameter(10.0 / 3.0, "1/energy", "inverse temperature of the hot bath")
    beta_c: float = parameter(20.0 / 3.0, "1/energy", "inverse temperature of the cold bath")
    g_h: float = parameter(1.0, "1", "coupling of the hot bath")
    g_c: float = parameter(1.0, "1", "coupling of the cold bath")
    Q_h: float = parameter(4.0, "1", "quality factor of the hot resonator")
    Q_c: float = parameter(4.0, "1", "quality factor of the cold resonator")
    P0: float = parameter(1.0 / 1510.0, "energy/time", "unit of the cooling power in rewards")
    Sigma0: float = parameter(1.0 / 27.0, "1/time", "unit of the entropy production in rewards")

    def __post_init__(self) -> None:
        for name in ("E0", "delta", "u_max", "beta_h", "beta_c", "g_h", "g_c", "Q_h", "Q_c", "P0", "Sigma0"):
            check_positive(name, getattr(self, name))
        check_range("u_min", self.u_min, -self.u_max, self.u_max)
        if self.beta_h >= self.beta_c:
            raise ParameterError(f"beta_h = {self.beta_h!r}: must be < beta_c = {self.beta_c!r} (hot above cold)")
        controls = np.linspace(self.u_min, self.control_space.ranges[0].high, 32)
        gaps = np.real(self._gap(controls))
        check_range("beta_c * largest gap", self.beta_c * float(gaps.max()), 0.0, MAX_EXPONENT)
        for name, bath in zip(self.bath_names, self.baths, strict=True):
            check_detailed_balance(name, bath, gaps)

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def baths(self) -> tuple[Bath, Bath]:
        """The hot and the cold resonator, at the gaps of u = 1/2 and u = 0."""
        omega_h, omega_c = (float(self._gap(np.array(u))) for u in (0.5, 0.0))
        hot = ResonatorBath(self.beta_h, self.g_h, quality=self.Q_h, resonance=omega_h)
        return hot, ResonatorBath(self.beta_c, self.g_c, quality=self.Q_c, resonance=omega_c)

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace((Range("u", self.u_min, self.u_max),))

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([self.beta_h, self.beta_c])

    @cached_property
    def energy_scale(self) -> float:
        return float(self._gap(np.array(max(abs(self.u_min), abs(self.u_max)))))

    @cached_property
    def power_unit(self) -> float:
        return self.P0

    @cached_property
    def dissipation_unit(self) -> float:
        return self.Sigma0

    def _gap(self, u: np.ndarray) -> np.ndarray:
        return 2.0 * self.E0 * np.sqrt(self.delta**2 + u * u)

    # ---- state functions --------------------------------------------------------------------------------------

    def internal_energy(self, state: FloatArray) -> FloatArray:
        return -self.E0 * (self.delta * state[:, 0] + state[:, 3] * state[:, 2])

    def entropy(self, state: FloatArray) -> FloatArray:
        length = np.minimum(np.sqrt(np.einsum("ki,ki->k", state[:, :3], state[:, :3])), 1.0)
        return entr(0.5 * (1.0 + length)) + entr(0.5 * (1.0 - length))

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Half the energy at u = 0: taking up heat in the cold contact and giving it away earn alike."""
        return -0.5 * self.E0 * self.delta * state[:, 0]

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        if len(state):
            length = float(np.sqrt((state[:, :3] ** 2).sum(axis=1)).max())
            check_range("length of the Bloch vector", length, 0.0, 1.0 + 1e-12)

    @cached_property
    def portrait(self) -> QubitPortrait:
        return QubitPortrait(self)

    # ---- observation ------------------------------------------------------------------------------------------

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        return np.array([-1.0, -1.0, -1.0, self.u_min]), np.array([1.0, 1.0, 1.0, self.u_max])

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        return -np.ones(4) * (1 + 1e-6), np.ones(4) * (1 + 1e-6)

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Thermal at the harmonic-mean temperature of the baths, with the control drawn from its range."""
        u = self.u_min + (self.u_max - self.u_min) * uniforms[:, 0]
        beta = 2.0 / (1.0 / self.beta_h + 1.0 / self.beta_c)
        return np.column_stack([self.portrait.thermal(u[:, None], beta), u])

    def energy_row(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        u = values[:, 0]
        row = np.stack([np.full_like(u, -self.E0 * self.delta), np.zeros_like(u), -self.E0 * u], axis=1)
        return row, np.zeros_like(u)

    def rates(self, gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rates down and up, each (K, 2) for the hot and the cold bath, at gaps (K,)."""
        both = [bath.both(gap) for bath in self.baths]
        return np.stack([down for down, _ in both], axis=-1), np.stack([up for _, up in both], axis=-1)

    def _hold(self, f: Any, u: Any, dt: float) -> _Hold:
        """What a hold does, whatever the state; ``f`` is ``numpy``, or ``math`` for a single system."""
        wide, high = 2.0 * self.E0 * self.delta, 2.0 * self.E0 * u
        gap = f.sqrt(high * high + wide * wide)
        (down_h, up_h), (down_c, up_c) = (bath.both(gap) for bath in self.baths)
        rate_h, rate_c = up_h + down_h, up_c + down_c
        total = rate_h + rate_c
        shrink = f.exp(-0.5 * dt * total)
        return _Hold(
            gap=gap,
            nx=wide / gap,
            nz=high / gap,
            p_eq=(up_h + up_c) / total,
            fraction=-f.expm1(-dt * total),
            c=shrink * f.cos(dt * gap),
            s=shrink * f.sin(dt * gap),
            share=rate_h / total,
            # up_h - rate_h p_eq = -(up_c - rate_c p_eq)
            through=(up_h * rate_c - up_c * rate_h) / total,
        )

    def _step(self, f: Any, state: Any, u: Any, dt: float) -> tuple[tuple[Any, ...], Any, tuple[Any, Any]]:
        x, y, z, held = state
        hold = self._hold(f, u, dt)
        nx, nz, c, s = hold.nx, hold.nz, hold.c, hold.s
        along = nx * x + nz * z
        taken = (0.5 * (1.0 - along) - hold.p_eq) * hold.fraction
        # along n:  p' = p - taken;  the rest turns by -gap dt about n and shrinks
        new = along + 2.0 * taken - c * along
        after = (new * nx + c * x + s * nz * y, c * y + s * (nx * z - nz * x), new * nz + c * z - s * nx * y, u)
        through = hold.through * dt
        heat = hold.gap * (through - hold.share * taken), hold.gap * ((hold.share - 1.0) * taken - through)
        return after, self.E0 * (held - u) * z, heat

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        # the closed form of AffineMachine.propagate, several times faster
        if len(state) == 1:
            after, work, heat = self._step(math, state[0].tolist(), float(control.values[0, 0]), dt)
            return Propagated(np.array([after]), np.array([work]), np.array([heat]))
        after, work, heat = self._step(np, state.T, control.values[:, 0], dt)
        return Propagated(columns(after), work, columns(heat))

    def affine(self, control: Control, dt: float) -> AffineMap:
        hold = self._hold(np, control.values[:, 0], dt)
        gap, nx, nz, c, s = hold.gap, hold.nx, hold.nz, hold.c, hold.s
        along = (1.0 - hold.fraction) - c
        matrix = np.empty((len(gap), 3, 3), dtype=gap.dtype)
        matrix[:, 0, 0] = c + along * nx * nx
        matrix[:, 2, 2] = c + along * nz * nz
        matrix[:, 0, 2] = matrix[:, 2, 0] = along * nx * nz
        matrix[:, 1, 1] = c
        # r turns by -gap dt about n = (nx, 0, nz):  -sin n x r
        sx, sz = s * nx, s * nz
        matrix[:, 0, 1] = sz
        matrix[:, 1, 0] = -sz
        matrix[:, 1, 2] = sx
        matrix[:, 2, 1] = -sx
        drive = (1.0 - 2.0 * hold.p_eq) * hold.fraction
        zero = np.zeros_like(gap)
        # heat of the hot bath = gap [through dt - share (p - p_eq) fraction],  p = (1 - n.r)/2
        hot, cold = hold.share * hold.fraction, (1.0 - hold.share) * hold.fraction
        row, offset, flow = 0.5 * gap, gap * (0.5 - hold.p_eq), gap * hold.through * dt
        rows = (row * hot * nx, zero, row * hot * nz, row * cold * nx, zero, row * cold * nz)
        return AffineMap(
            matrix,
            columns((drive * nx, zero, drive * nz)),
            columns(rows).reshape(-1, 2, 3),
            columns((flow - offset * hot, -flow - offset * cold)),
        )

    # ---- counting ---------------------------------------------------------------------------------------------

    def count(self, x: FloatArray, after: FloatArray, control: Control, dt: float, weights: FloatArray) -> Counted:
        return count_qubit(self, x, after, control, dt, weights)

    def tilted(self, control: Control, dt: float, field: np.ndarray) -> np.ndarray:
        return tilted_qubit(self, control, dt, field)
