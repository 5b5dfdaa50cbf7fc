"""The first and second law, audited in every step of every machine.

Sign convention: everything that flows *into* the system is positive. For one step of duration dt,

    first law:   Delta E = W + sum_a Q_a + E_meas
    second law:  Sigma = Delta S - sum_a beta_a Q_a + I >= 0        (Spohn; Sagawa-Ueda with information I)

Delta E and Delta S are differences of state functions and are computed apart from work and heat, so the audit is a
real test of a machine's bookkeeping and not an identity. Units: hbar = k_B = 1, entropy in nats.

Sources: H. Spohn, J. Math. Phys. 19, 1227 (1978); T. Sagawa, M. Ueda, Phys. Rev. Lett. 100, 080403 (2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .baths import Bath
from .control import FloatArray


class ThermodynamicsViolation(RuntimeError):
    """A step broke a law of thermodynamics; the message gives the numbers.

    Attributes:
        law: ``"first law"``, ``"second law"`` or ``"detailed balance"``.
        residual: by how much (energy, or nats for the second law).
        tolerance: what round-off would explain, in the same unit.
    """

    def __init__(self, law: str, residual: float, tolerance: float, message: str) -> None:
        super().__init__(f"{law} violated: {message}; residual {residual:.3e}, tolerance {tolerance:.1e}")
        self.law, self.residual, self.tolerance = law, residual, tolerance


@dataclass(frozen=True, slots=True)
class EnergyFlows:
    """Energy and entropy balance of one step of K systems with B baths; flows into the system are positive.

    Attributes:
        energy_change: Delta E of the state function, shape (K,).
        work: work done on the system, shape (K,).
        heat: heat from each bath, shape (K, B).
        entropy_change: Delta S of the state function in nats, shape (K,).
        measurement_energy: energy a detector put in, shape (K,), or ``None`` without a detector.
        information: information gain I in nats, shape (K,), or ``None`` without a detector. Of one outcome it is
            S(rho) - S(rho_k), which may be negative; its mean over the outcomes is not.
        record: entropy in nats of what the detector writes down, before it is known, shape (K,), or ``None`` without
            a detector. To erase it costs at least T times as much (Landauer).
        outcome: what each detector showed, shape (K, D), 0 where it was not read, or ``None`` without a detector.
        energy, entropy: the state functions after the step, shape (K,), to be handed to the next ``Machine.step``.
    """

    energy_change: FloatArray
    work: FloatArray
    heat: FloatArray
    entropy_change: FloatArray
    measurement_energy: FloatArray | None = None
    information: FloatArray | None = None
    record: FloatArray | None = None
    outcome: FloatArray | None = None
    energy: FloatArray | None = None
    entropy: FloatArray | None = None

    def first_law_residual(self) -> FloatArray:
        """Delta E - W - sum_a Q_a - E_meas, shape (K,); zero up to round-off."""
        # a product with ones: three times faster than a sum over the short axis
        residual = self.energy_change - self.work - self.heat @ np.ones(self.heat.shape[1])
        return residual if self.measurement_energy is None else residual - self.measurement_energy

    def entropy_production(self, betas: FloatArray) -> FloatArray:
        """Sigma = Delta S - sum_a beta_a Q_a + I in nats, shape (K,); ``betas`` has shape (B,)."""
        sigma = self.entropy_change - self.heat @ betas
        return sigma if self.information is None else sigma + self.information


@dataclass(frozen=True)
class LawTolerance:
    """What round-off may leave (``laws.md``: stepwise control with exact propagation).

    Attributes:
        first_law: |Delta E - W - Q| relative to the energies that were added up.
        second_law: how negative Sigma may be, relative to the entropies that were added up and ``entropy_scale``.
        entropy_scale: usual size of an entropy: one nat, or any number of J/K for a cell in SI units.
    """

    first_law: float = 1e-14
    second_law: float = 1e-12
    entropy_scale: float = 1.0


EXACT = LawTolerance()
"""Tolerance of a machine with exact propagation."""


def audit(
    flows: EnergyFlows, betas: FloatArray, energy_scale: float, tolerance: LawTolerance = EXACT
) -> tuple[FloatArray, FloatArray]:
    """Check both laws for one step of K systems.

    Args:
        flows: the step's balance.
        betas: inverse temperatures, shape (B,).
        energy_scale: size of the internal energies of the machine; sets what round-off can be.
        tolerance: allowed round-off.

    Returns:
        First-law residual and entropy production, both of shape (K,).

    Raises:
        ThermodynamicsViolation: with the worst system's numbers; NaN counts as a violation.
    """
    residual = flows.first_law_residual()
    sigma = flows.entropy_production(betas)
    # The cheap test uses the machine's constant scale; only a step that fails it pays for the exact one.
    # Written as "not <=", so that NaN fails.
    if not np.abs(residual).max() <= tolerance.first_law * energy_scale:
        _check_first_law(flows, residual, energy_scale, tolerance)
    if not sigma.min() >= -tolerance.second_law * tolerance.entropy_scale:
        _check_second_law(flows, sigma, betas, tolerance)
    return residual, sigma


def _check_first_law(flows: EnergyFlows, residual: FloatArray, energy_scale: float, tolerance: LawTolerance) -> None:
    scale = energy_scale + np.abs(flows.energy_change) + np.abs(flows.work) + np.abs(flows.heat).sum(axis=1)
    if flows.energy is not None:
        # Delta E is a difference of two energies; in a strongly squeezed oscillator both are far above its usual ones
        scale = scale + np.abs(flows.energy) + np.abs(flows.energy - flows.energy_change)
    excess = np.abs(residual) - tolerance.first_law * scale
    if not (excess <= 0).all():
        k = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
        raise ThermodynamicsViolation(
            "first law",
            float(residual[k]),
            float(tolerance.first_law * scale[k]),
            f"system {k}: Delta E = {flows.energy_change[k]!r}, W = {flows.work[k]!r}, Q = {flows.heat[k].tolist()}",
        )


def _check_second_law(flows: EnergyFlows, sigma: FloatArray, betas: FloatArray, tolerance: LawTolerance) -> None:
    scale = tolerance.entropy_scale + np.abs(flows.entropy_change) + np.abs(flows.heat) @ betas
    excess = -sigma - tolerance.second_law * scale
    if not (excess <= 0).all():
        k = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
        raise ThermodynamicsViolation(
            "second law",
            float(sigma[k]),
            float(tolerance.second_law * scale[k]),
            f"system {k}: Delta S = {flows.entropy_change[k]!r}, Q = {flows.heat[k].tolist()}, beta = {betas.tolist()}",
        )


def check_detailed_balance(name: str, bath: Bath, omegas: FloatArray, tolerance: float = 1e-13) -> None:
    """Check KMS, gamma(-omega) = exp(-beta omega) gamma(omega), of a bath at construction of a machine.

    Args:
        name: name of the bath for the message.
        bath: the bath.
        omegas: positive Bohr frequencies to check at, shape (n,).
        tolerance: allowed relative deviation.

    Raises:
        ThermodynamicsViolation: if the rates are negative, not finite or out of balance.
    """
    up, down = bath.absorption(omegas), bath.emission(omegas)
    balance = np.exp(-bath.beta * omegas) * down
    # exp(-x) itself carries a relative error of about x times the machine epsilon
    allowed = tolerance * (1.0 + bath.beta * omegas)
    deviation = np.abs(up - balance) / np.maximum(np.abs(balance), np.finfo(float).tiny)
    good = (deviation <= allowed) & (up >= 0) & (down >= 0)
    if not good.all():
        k = int(np.argmin(good))
        raise ThermodynamicsViolation(
            "detailed balance",
            float(deviation[k]),
            float(allowed[k]),
            f"bath {name!r} at omega = {omegas[k]:g}: gamma(-omega) = {up[k]:g}, "
            f"exp(-beta omega) gamma(omega) = {balance[k]:g}",
        )
