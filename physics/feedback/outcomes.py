"""The outcomes of a step, one by one: Born's probabilities, and the uniforms with which ``propagate`` draws each.

So a protocol's outcomes can be enumerated, on the machine that an agent plays, by the code that an agent plays.
"""

from __future__ import annotations

import numpy as np

from .. import pauli
from ..control import Control, FloatArray
from ..machine import Machine
from ..machines import dead_time_demon, feedback_demon
from ..machines import measurement_refrigerator as refrigerator
from ..machines.dead_time_demon import DeadTimeDemon
from ..machines.detachable_demon import MEASURE
from ..machines.feedback_demon import FeedbackDemon
from ..machines.measurement_refrigerator import MeasurementRefrigerator
from ..machines.two_qubit_demon import TwoQubitDemon

LATE = float(np.nextafter(1.0, 0.0))
"""The largest uniform: what is drawn last."""


def outcomes(machine: Machine, state: FloatArray, control: Control) -> tuple[FloatArray, FloatArray] | None:
    """Probabilities (K, n) of the outcomes of a step and uniforms (K, n, ``n_step_uniforms``) that lead to them.

    Outcomes of probability zero are listed too, with arbitrary uniforms. ``None`` for a continuum of outcomes.
    """
    num, drawn = len(state), machine.n_step_uniforms
    averaged = getattr(machine, "mode", "trajectory") == "ensemble"
    if averaged or not machine.is_stochastic:
        return np.ones((num, 1)), np.zeros((num, 1, drawn))
    if isinstance(machine, FeedbackDemon | DeadTimeDemon):
        ready = True if isinstance(machine, FeedbackDemon) else state[:, 1] == 0.0
        kind = feedback_demon.MEASURE if isinstance(machine, FeedbackDemon) else dead_time_demon.MEASURE
        one = np.where((control.choice == kind) & ready, state[:, 0], 1.0)
        # drawn < p is outcome 1
        return np.stack([one, 1.0 - one], axis=1), np.tile([[[0.0], [LATE]]], (num, 1, 1))
    if isinstance(machine, TwoQubitDemon):
        return _two_qubits(machine, state, control)
    if isinstance(machine, MeasurementRefrigerator):
        return _refrigerator(machine, state, control)
    return None


def _two_qubits(machine: TwoQubitDemon, state: FloatArray, control: Control) -> tuple[FloatArray, FloatArray]:
    t, values = pauli.table(state[:, :15]), control.values
    p = machine.outcome_probabilities(t, 2.0 * values[:, 0] - 1.0, machine.axis(values))
    p[control.choice != MEASURE] = np.eye(p.shape[1])[0]
    signs = pauli.TWO_SIGNS if p.shape[1] == 4 else np.array([[1.0, 1.0], [-1.0, 1.0]])
    return p, np.tile(np.where(signs > 0.0, 0.0, LATE), (len(t), 1, 1))


def _refrigerator(
    machine: MeasurementRefrigerator, state: FloatArray, control: Control
) -> tuple[FloatArray, FloatArray]:
    t, choice = pauli.table(state[:, :15]), control.choice
    t[choice == refrigerator.SWAP_MEASURE] = pauli.swap(t[choice == refrigerator.SWAP_MEASURE])
    p = np.zeros((len(t), 4))
    p[:, 0] = 1.0
    one = np.isin(choice, (refrigerator.MEASURE, refrigerator.SWAP_MEASURE))
    p[one, 0] = np.clip(0.5 * (1.0 + (2.0 * control.values[one, 0] - 1.0) * t[one, 3, 0]), 0.0, 1.0)
    p[one, 1] = 1.0 - p[one, 0]
    both = choice == refrigerator.CONDITIONAL_SWAP
    share = np.clip(pauli.populations(t[both]), 0.0, 1.0)
    p[both] = share / share.sum(axis=1, keepdims=True)
    # the middle of the interval that belongs to an outcome
    middle = np.clip(np.cumsum(p, axis=1) - 0.5 * p, 0.0, LATE)
    return p, np.repeat(middle[:, :, None], machine.n_step_uniforms, axis=2)
