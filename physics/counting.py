"""Full counting statistics of heat, to second order in the counting field.

What is counted is N = sum_b w_b Q_b: a jump C that takes the energy q (plus or minus a Bohr frequency) out of bath b
counts w_b q, so the tilted generator is L(chi) = L + sum over jumps of (exp(chi w_b q) - 1) C . C^dagger. The state of one system that is counted is (x, c, var):

    c = cov(N, x),    a hold:  c' = M c + c_1(x),    var' = var + 2 R_w c + var_1(x)

where x' = M x + v, R_w = sum_b w_b R_b is the row of the mean heat, and c_1, var_1 belong to a counter that starts at
zero in x (``AffineMachine.count``). A switch of the controls changes neither c nor var. The extended state makes the
variance a sum over steps, a Markov reward.

Sources: M. Esposito, U. Harbola, S. Mukamel, Rev. Mod. Phys. 81, 1665 (2009), section V (tilted generator);
P. A. Erdman et al., Phys. Rev. Research 5, L022017 (2023), arXiv:2207.13104 (fluctuation as a reward).
"""

from __future__ import annotations

import numpy as np

from .control import Control, FloatArray
from .machine import AffineMachine


def count_step(
    machine: AffineMachine,
    state: FloatArray,
    covariance: FloatArray,
    control: Control,
    dt: float,
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """The counting statistics of one step of K systems.

    Args:
        machine: the machine.
        state: before the step, (K, n).
        covariance: between the output counted so far and the dynamical variables, (K, n_x); zero at the start.
        control: of the step.
        dt: its duration.
        weights: w, (B,); ``None`` takes ``machine.power_weights``, which counts the output: heat from all baths of an
            engine (its long-run average is the extracted work), heat from the coldest bath of a refrigerator.

    Returns:
        The covariance after the step, (K, n_x), and the increment of the variance of the output, (K,), energy^2. The
        increments add up to the variance; a single one may be negative.

    Raises:
        NotImplementedError: for a machine without counting statistics.
    """
    weights = machine.power_weights if weights is None else weights
    step = machine.affine(control, dt)
    fresh = machine.count(state[:, : machine.n_dynamic], control, dt, weights)
    row = np.einsum("kbi,b->ki", step.heat_matrix, weights)
    after = np.einsum("kij,kj->ki", step.matrix, covariance) + fresh.covariance
    return after, 2.0 * np.einsum("ki,ki->k", row, covariance) + fresh.variance
