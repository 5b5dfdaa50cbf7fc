"""What an optimal control is optimal for: power against entropy production.

    r_c = c P / P0 - (1 - c) Sigma / Sigma0,     P = sum_b g_b J_b,   Sigma = -sum_b beta_b J_b      (long-run averages)

The internal energy is bounded, so the average power of an engine is the average of all heat currents (g_b = 1); that
of a refrigerator is the heat current from its coldest bath. Either way r_c is one weighted sum of the heats,
w_b = c g_b / P0 + (1 - c) beta_b / Sigma0: affine in the state, with no need of the control held before.

Source: P. A. Erdman, F. Noé, PNAS Nexus 2, pgad248 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..control import FloatArray
from ..machine import AffineMachine, AffineMap
from ..validation import check_range
from .cycle import LimitCycle


@dataclass(frozen=True)
class Objective:
    """The dimensionless long-run average r_c; P0 and Sigma0 are the units of the machine.

    Attributes:
        weight: c in [0, 1]; 1 is power alone (the value is then P / P0), 0 is entropy production alone.

    Raises:
        ParameterError: if the weight is not in [0, 1].
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0.0, 1.0)

    def heat_weights(self, machine: AffineMachine) -> FloatArray:
        """w_b, shape (B,): r_c = sum_b w_b J_b (time per energy)."""
        c = self.weight
        weights = c / machine.power_unit * machine.power_weights
        # not evaluated for power alone: a machine need not have a unit of dissipation then
        return weights + (1.0 - c) * machine.betas / machine.dissipation_unit if c < 1.0 else weights

    def value(self, limit: LimitCycle) -> float:
        """r_c of a limit cycle."""
        return float(self.heat_weights(limit.cycle.machine) @ limit.heat_rates)

    def reward_rows(self, machine: AffineMachine, step: AffineMap) -> tuple[np.ndarray, np.ndarray]:
        """Rows rho (K, n_x) and offsets rho0 (K,): the step contributes rho x + rho0 = sum_b w_b Q_b."""
        weights = self.heat_weights(machine)
        return np.einsum("b,kbi->ki", weights, step.heat_matrix), step.heat_offset @ weights


@dataclass(frozen=True)
class CoolingPower(Objective):
    """Heat current from the coldest bath in units of P0: the objective of a refrigerator; ``weight`` is not used."""

    def heat_weights(self, machine: AffineMachine) -> FloatArray:
        weights = np.zeros(len(machine.betas))
        weights[np.argmax(machine.betas)] = 1.0 / machine.power_unit
        return weights
