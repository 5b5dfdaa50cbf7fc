"""One-qubit demon with dead time: measure, flip if excited, and wait until the apparatus is ready again.

H = (e/2) sigma_z, p the excited population. In every step, of length ``dt``, the demon does one of two things:

    wait       contact with the bath: dp/dt = G (p_eq - p), G = gamma (2 n + 1)
    measure    sigma_z is measured projectively and the qubit is flipped if it is excited: p = 0, and the energy e p is
               extracted on average. For the dead time t0 that follows nothing happens, whatever the demon wants.

The dead time need not be a multiple of ``dt``: what is left of a step is contact. With contact times tau between the
measurements the power is

    P(tau) = e p_eq (1 - exp(-G tau)) / (tau + t0),     largest at x = G tau with exp(x) = 1 + x + G t0

which no policy exceeds. The heat depends on no outcome, only the work of a single measurement does.

Source: derived; the machine of B. Bhandari et al., Entropy 25, 204 (2023), with one qubit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import expit, lambertw

from ..baths import MAX_EXPONENT, BosonicBath
from ..control import Control, ControlSpace, FloatArray
from ..machine import Machine, Propagated, check_state_array, parameter
from ..states import binary_entropy
from ..validation import check_positive, check_range
from .portraits import DeadTimePortrait

WAIT, MEASURE = range(2)
"""Indices of the choice."""


@dataclass(frozen=True)
class DeadTimeDemon(Machine):
    """One-qubit demon with dead time; see the module.

    State: (p, rest), rest the dead time that is left. Control: the choice, 0 wait or 1 measure. Units: hbar = k_B = 1.

    Raises:
        ParameterError: for a parameter outside its range.
    """

    title: ClassVar[str] = "One-qubit demon with dead time"
    source: ClassVar[str] = "derived; after B. Bhandari et al., Entropy 25, 204 (2023)"
    equations: ClassVar[str] = "H = (e/2) sigma_z; dp/dt = gamma (2n + 1)(p_eq - p); measure and reset, dead for t0"
    dynamic_names: ClassVar[tuple[str, ...]] = ("p", "rest")
    bath_names: ClassVar[tuple[str, ...]] = ("bath",)
    detector_names: ClassVar[tuple[str, ...]] = ("detector",)
    quantities: ClassVar[dict[str, tuple[str, str]]] = {"p": ("population", "1"), "rest": ("dead time left", "time")}
    n_initial_uniforms: ClassVar[int] = 2
    n_step_uniforms: ClassVar[int] = 1

    e: float = parameter(1.0, "energy", "gap")
    T: float = parameter(1.0, "energy", "temperature of the bath")
    gamma: float = parameter(1.0, "rate", "coupling of the bath (flat spectrum)")
    t0: float = parameter(0.5, "time", "dead time after a measurement")

    def __post_init__(self) -> None:
        for name in ("e", "T", "gamma", "t0"):
            check_positive(name, getattr(self, name))
        check_range("e / T", self.e / self.T, 0.0, MAX_EXPONENT)

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def control_space(self) -> ControlSpace:
        return ControlSpace((), ("wait", "measure"), "operation")

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([1.0 / self.T])

    @cached_property
    def p_eq(self) -> float:
        """Excited population in equilibrium."""
        return float(expit(-self.e / self.T))

    @cached_property
    def rate(self) -> float:
        """G, the relaxation rate."""
        down, up = BosonicBath(1.0 / self.T, self.gamma).both(np.array(self.e))
        return float(down + up)

    @cached_property
    def best_contact(self) -> float:
        """tau*, the contact time of maximum power: exp(x) = 1 + x + G t0, x = G tau*."""
        a = 1.0 + self.rate * self.t0
        # x + a = -W_{-1}(-exp(-a)); the branch -1 has the positive root
        return float(-np.real(lambertw(-np.exp(-a), -1)) - a) / self.rate

    def power_of(self, contact: float) -> float:
        """P(tau), energy per time."""
        return self.e * self.p_eq * -np.expm1(-self.rate * contact) / (contact + self.t0)

    @cached_property
    def power_unit(self) -> float:
        """P(tau*), the optimum over all contact times."""
        return self.power_of(self.best_contact)

    @cached_property
    def dissipation_unit(self) -> float:
        return self.power_unit / self.T

    @cached_property
    def energy_scale(self) -> float:
        return self.e

    # ---- state functions --------------------------------------------------------------------------------------

    def internal_energy(self, state: FloatArray) -> FloatArray:
        return self.e * (state[:, 0] - 0.5)

    def entropy(self, state: FloatArray) -> FloatArray:
        return binary_entropy(state[:, 0])

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Zero: the gap is fixed, so heat taken up is what counts."""
        return np.zeros(len(state))

    @cached_property
    def portrait(self) -> DeadTimePortrait:
        return DeadTimePortrait(self)

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        for j, (name, high) in enumerate((("p", 1.0), ("rest", self.t0))):
            for value in (state[:, j].min(initial=0.0), state[:, j].max(initial=0.0)):
                check_range(name, float(value), 0.0, high)

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        return np.zeros(2), np.array([self.p_eq, self.t0])

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        return -np.ones(2), np.array([2.0 / self.p_eq - 1.0, 1.0])

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Populations up to equilibrium; half of the systems are dead for a random time."""
        rest = self.t0 * np.maximum(2.0 * uniforms[:, 1] - 1.0, 0.0)
        return np.stack([self.p_eq * uniforms[:, 0], rest], axis=1)

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        p, rest = state[:, 0], state[:, 1]
        # an apparatus that is dead does not listen
        measures = (control.choice == MEASURE) & (rest == 0.0)
        drawn = np.full(len(p), 0.5) if uniforms is None else uniforms[:, 0]
        outcome = (drawn < p).astype(float)
        reset = np.where(measures, 0.0, p)
        energy = np.where(measures, self.e * (outcome - p), 0.0)
        work = np.where(measures, -self.e * outcome, 0.0)
        record = np.where(measures, binary_entropy(p), 0.0)
        rest = np.where(measures, self.t0, rest)
        dead = np.minimum(rest, dt)
        after = reset + (self.p_eq - reset) * -np.expm1(-self.rate * (dt - dead))
        left = rest - dead
        # steps add up to the dead time but for round-off
        left[left < 1e-12 * self.t0] = 0.0
        heat = self.e * (after - reset)
        shown = np.where(measures, 2.0 * outcome - 1.0, 0.0)[:, None]
        return Propagated(np.stack([after, left], axis=1), work, heat[:, None], energy, record, record, shown)
