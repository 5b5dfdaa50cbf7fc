"""Feedback demon: one qubit with a controllable gap, one bath, projective measurements.

H = (E0 u / 2) sigma_z with signed gap eps = E0 u (u < 0 exchanges the levels); p is the population of sigma_z = +1. In
every step the demon does one of three things, each takes ``dt``:

    measure      sigma_z, projectively: p becomes 1 with probability p, else 0; no heat
    thermalise   the gap is set to u, then contact with the bath: dp/dt = g coth(beta |eps| / 2) (f(beta eps) - p)
    unitary      the gap is set to u

A hold is exact. At u = 0 the rate diverges: p becomes 1/2 and no heat flows. Coherence never appears.

The entropy of the record of a measurement is S(p); to erase it costs T S(p) at least. The trade-off of the source is

    c (heat taken up) - (1 - c) T S(p)   per step and dt.

Source: P. A. Erdman, R. Czupryniak, B. Bhandari, A. N. Jordan, F. Noé, J. Eisert, G. Guarnieri,
Quantum Sci. Technol. (2025), doi 10.1088/2058-9565/adbccf, arXiv:2408.15328.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import expit

from ..baths import MAX_EXPONENT
from ..control import Control, ControlSpace, FloatArray, Range
from ..machine import Machine, Propagated, check_state_array, parameter
from ..states import binary_entropy
from ..validation import check_positive, check_range
from .portraits import FeedbackPortrait

MEASURE, THERMALISE, UNITARY = range(3)
"""Indices of the choice."""


@dataclass(frozen=True)
class FeedbackDemon(Machine):
    """Projective feedback demon; the defaults are the parameters of the source (``Erdman2024``).

    State: (p, u). Control: u in [-u_max, u_max] and the choice: 0 measure, 1 thermalise, 2 unitary. Units:
    hbar = k_B = 1.

    Raises:
        ParameterError: for a parameter outside its range.
    """

    title: ClassVar[str] = "Feedback demon with projective measurements"
    source: ClassVar[str] = "P. A. Erdman et al., arXiv:2408.15328 (2024)"
    equations: ClassVar[str] = "H = (E0 u/2) sigma_z; dp/dt = g coth(beta |E0 u|/2) [1/(1 + exp(beta E0 u)) - p]"
    dynamic_names: ClassVar[tuple[str, ...]] = ("p",)
    bath_names: ClassVar[tuple[str, ...]] = ("bath",)
    detector_names: ClassVar[tuple[str, ...]] = ("detector",)
    quantities: ClassVar[dict[str, tuple[str, str]]] = {"p": ("population", "1")}
    n_initial_uniforms: ClassVar[int] = 2
    n_step_uniforms: ClassVar[int] = 1

    E0: float = parameter(5.0, "energy", "gap at u = 1")
    u_max: float = parameter(0.8, "1", "largest dimensionless gap, of either sign")
    beta: float = parameter(1.0, "1/energy", "inverse temperature of the bath")
    g: float = parameter(1.0, "rate", "coupling of the bath")

    def __post_init__(self) -> None:
        for name in ("E0", "u_max", "beta", "g"):
            check_positive(name, getattr(self, name))
        check_range("beta * E0 * u_max", self.beta * self.E0 * self.u_max, 0.0, MAX_EXPONENT)

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def control_space(self) -> ControlSpace:
        choices = ("measure", "thermalise", "unitary")
        return ControlSpace((Range("u", -self.u_max, self.u_max),), choices, "operation", ((), ("u",), ("u",)))

    @cached_property
    def betas(self) -> FloatArray:
        return np.array([self.beta])

    @cached_property
    def energy_scale(self) -> float:
        return self.E0 * self.u_max

    @cached_property
    def power_unit(self) -> float:
        """g / beta: the largest heat current, from the level that is surely empty at a small gap."""
        return self.g / self.beta

    @cached_property
    def dissipation_unit(self) -> float:
        return self.g

    # ---- state functions --------------------------------------------------------------------------------------

    def internal_energy(self, state: FloatArray) -> FloatArray:
        return self.E0 * state[:, 1] * (state[:, 0] - 0.5)

    def entropy(self, state: FloatArray) -> FloatArray:
        return binary_entropy(state[:, 0])

    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Zero: the machine is symmetric under exchange of the levels, so no Hamiltonian stands out."""
        return np.zeros(len(state))

    @cached_property
    def portrait(self) -> FeedbackPortrait:
        return FeedbackPortrait(self)

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        p = state[:, 0]
        if p.size:  # the one furthest out stands for all
            check_range("p", float(p[np.argmax(np.abs(p - 0.5))]), 0.0, 1.0)

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        return np.array([0.0, -self.u_max]), np.array([1.0, self.u_max])

    @property
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        return -np.ones(2), np.ones(2)

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Population and gap uniform in their ranges."""
        return np.stack([uniforms[:, 0], self.u_max * (2.0 * uniforms[:, 1] - 1.0)], axis=1)

    def relaxed(self, p: FloatArray, u: FloatArray, dt: float) -> FloatArray:
        """Populations after a contact of length ``dt`` at the gap E0 u; shapes broadcast."""
        x = self.beta * self.E0 * np.asarray(u)
        with np.errstate(divide="ignore", over="ignore"):
            decay = np.exp(-self.g * dt / np.tanh(0.5 * np.abs(x)))
        f = expit(-x)
        return f + (p - f) * decay

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        p, held = state[:, 0], state[:, 1]
        measures = control.choice == MEASURE
        u = np.where(measures, held, control.values[:, 0])
        work = self.E0 * (u - held) * (p - 0.5)
        warm = np.where(control.choice == THERMALISE, self.relaxed(p, u, dt), p)
        drawn = np.full(len(p), 0.5) if uniforms is None else uniforms[:, 0]
        after = np.where(measures, (drawn < p).astype(float), warm)
        energy = np.where(measures, self.E0 * u * (after - p), 0.0)
        heat = np.where(measures, 0.0, self.E0 * u * (after - p))
        record = np.where(measures, binary_entropy(p), 0.0)
        new = np.stack([after, u], axis=1)
        outcome = np.where(measures, 2.0 * after - 1.0, 0.0)[:, None]
        return Propagated(new, work, heat[:, None], energy, record, record, outcome)
