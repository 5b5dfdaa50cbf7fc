"""Small-signal impedance of a cell in any state, from its linearised equations: exact, without a simulated sine.

With A(x) the amounts that the rates r are the rates of, and the temperature as last variable,

    A' d(dz)/dt = J dz + k dI,      dV = c dz - r_s dI        =>   Z = -dV/dI = r_s - c (i w A' - J)^-1 k

All derivatives are taken by the complex step. The state need not be a steady one: it is frozen.
"""

from __future__ import annotations

import numpy as np

from ...control import FloatArray
from ...validation import ParameterError
from ..electrical import ElectricalCell
from .driven import DrivenCell

TINY = 1e-30
"""Imaginary part that differentiates, in units of the usual sizes."""


def small_signal(
    cell: ElectricalCell, variables: FloatArray, frequency: FloatArray, current: float = 0.0
) -> np.ndarray:
    """Z(f), Ohm, complex, shape (F,).

    Args:
        cell: the cell.
        variables: and temperature above ambient, shape (n_x + 1,), as ``Solution.final``.
        frequency: Hz, > 0, shape (F,).
        current: that flows, A.

    Raises:
        ParameterError: for a frequency <= 0.
    """
    frequency = np.asarray(frequency, dtype=float)
    if not (frequency > 0.0).all():
        raise ParameterError("frequency: must be > 0")
    driven = DrivenCell(cell)
    n = driven.n_x
    others = [0.5 * (r.low + r.high) for r in driven.control_space.ranges[:-1]]
    choice = np.zeros(1, dtype=np.int64)

    def balance(z: np.ndarray, current: complex) -> tuple[np.ndarray, np.ndarray, complex]:
        """Rates, amounts since ``variables``, and the terminal voltage."""
        values = np.array([*others, current])[:, None]
        x0, x = variables[:n, None], z[:n, None]
        temperature = np.array([cell.ambient + z[n]])
        du, ds = driven.gradients(x, x, np.real(values))
        forces = [a - temperature * b for a, b in zip(du, ds, strict=True)]
        flow = driven.flow_with(x, x, temperature, forces, np.real(values), choice, values[-1])
        voltage, resistance = driven.source_of(forces, temperature)
        bath = driven.conductances(np.real(values), choice)[:, 0] @ (temperature[0] - driven.temperatures)
        rates = [np.asarray(r).reshape(-1)[0] for r in flow.rates]
        ordered = sum(np.asarray(b).reshape(-1)[0] * r for b, r in zip(ds, rates, strict=True))
        produced = sum(np.asarray(d).reshape(-1)[0] for d in flow.dissipation)
        warming = (produced - temperature[0] * ordered - bath) / cell.heat_capacity
        amounts = [np.asarray(a).reshape(-1)[0] for a in driven.amounts(x0, x)]
        terminal = (voltage - resistance * values[-1]).reshape(-1)[0]
        return np.array([*rates, warming]), np.array([*amounts, z[n]]), terminal

    size = cell.scales
    columns = [balance(variables + 1j * TINY * row, current) for row in np.diag(size)]
    jacobian = np.array([np.imag(rates) for rates, _, _ in columns]).T / TINY
    amounts = np.array([np.imag(moved) for _, moved, _ in columns]).T / TINY
    slope = np.array([np.imag(voltage) for _, _, voltage in columns]) / TINY
    drive, _, direct = balance(variables.astype(complex), current + 1j * TINY)
    kick = np.imag(drive) / TINY
    omega = 2.0 * np.pi * frequency
    matrix = 1j * omega[:, None, None] * amounts - jacobian
    response = np.linalg.solve(matrix, np.broadcast_to(kick[:, None], (len(omega), n + 1, 1)))[..., 0]
    return -(response @ slope + np.imag(direct) / TINY)
