"""Fluctuations of the work of a cycle, for a machine whose state is one occupation probability p.

Work is counted at each switch: with the level energies e_k, the switch after hold k extracts D_k = e_k - e_{k+1} if
the level is occupied. With M_k of the hold, v = p (1 - p) after it, and c the covariance of the work so far with the
occupation,

    hold:   c <- M_k c          switch:   var += D_k^2 v + 2 D_k c,   c <- c + v D_k

and c is taken in its own limit cycle: the result is the long-time slope of the variance.

Source: discrete form of the extended state of P. A. Erdman et al., Phys. Rev. Research 5, L022017 (2023).
"""

from __future__ import annotations

import numpy as np

from ..validation import ParameterError
from .cycle import LimitCycle, affine_steps


def work_variance_rate(limit: LimitCycle) -> float:
    """lim var(W) / t of the work W (energy^2 per time) along the limit cycle.

    Args:
        limit: limit cycle of a machine with one dynamical variable, the occupation probability of a level.

    Raises:
        ParameterError: if the machine has more than one dynamical variable.
    """
    cycle = limit.cycle
    machine = cycle.machine
    if machine.n_dynamic != 1:
        raise ParameterError(f"machine: has {machine.n_dynamic} dynamical variables, must have one occupation")
    decay = affine_steps(machine.affine, cycle.values, cycle.choice, cycle.durations).matrix[:, 0, 0]
    energy = machine.energy_row(cycle.values)[0][:, 0]
    extracted = energy - np.roll(energy, -1)
    p = limit.states[1:, 0]
    spread = p * (1.0 - p)
    # one period maps c to A c + b; the first sweep finds b, the second sums the variance on the limit cycle
    covariance = 0.0
    for d, m, v in zip(extracted, decay, spread, strict=True):
        covariance = m * covariance + v * d
    covariance /= 1.0 - np.prod(decay)
    variance = 0.0
    for d, m, v in zip(extracted, decay, spread, strict=True):
        covariance *= m
        variance += d * d * v + 2.0 * d * covariance
        covariance += v * d
    return float(variance / limit.period)
