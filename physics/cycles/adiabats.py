"""Shortcuts to adiabaticity of the oscillator engine: ramps without a bath that leave no friction behind.

A ramp is frictionless if it takes every state without coherence (l = <T - V> = 0, D = <qp + pq> = 0) to such a state
with the same occupation <H>/omega, as an infinitely slow one does.

bang-bang     The fastest with jumps between the two frequencies: jump to the far one, wait, jump back, wait, jump. With
              A = arccos[(omega_c^2 + omega_h^2)/(omega_c + omega_h)^2] the waits are A/(2 omega_h) at omega_h and
              A/(2 omega_c) at omega_c; the up-stroke begins with omega_h, the down-stroke is its reverse.
              P. Salamon, K. H. Hoffmann, Y. Rezek, R. Kosloff, PCCP 11, 1027 (2009).

fastest       The same with jumps between the ends of the control's range, which may be wider: less time.
              D. Stefanatos, J. Ruths, J.-S. Li, PRA 82, 063422 (2010).

smooth        omega(t)^2 = omega_i^2/b^4 - b''/b, with the width b of the wave packet a polynomial of t/tau from 1 to
              (omega_i/omega_f)^(1/2) whose first two derivatives vanish at both ends (Ermakov equation).
              X. Chen et al., PRL 104, 063002 (2010). Short ramps need frequencies outside the range: refused.

on a grid     Any number of steps of given length whose controls solve the two equations l = D = 0 at the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from ..control import FloatArray
from ..machine import AffineMachine
from ..machines.oscillator import OscillatorEngine
from ..validation import ParameterError, check_integer, check_positive, check_range

N_PIECES = 2000
"""Pieces of a smooth shortcut; the error of its final state falls as 1/n^2."""

FRICTIONLESS = 1e-13
"""Largest relative deviation of the moments after an adiabat on a time grid."""

SLACK = 1e-6
"""By how much (relative) a smooth shortcut may leave the range before it is refused; within, it is clipped.

Its extremes lie between the sampled fractions of the ramp.
"""


@dataclass(frozen=True, eq=False)
class Adiabat:
    """A ramp without a bath.

    Attributes:
        values: frequencies in units of omega0, shape (N, 1).
        durations: lengths of the steps (time), shape (N,).
    """

    values: FloatArray
    durations: FloatArray

    @property
    def duration(self) -> float:
        """Sum of the durations (time)."""
        return float(self.durations.sum())


def bang_bang_times(omega_from: float, omega_to: float, first: float, second: float) -> tuple[float, float]:
    """Waits at the frequencies ``first`` and ``second`` that make the adiabat frictionless.

    The width b of the wave packet turns at b = 1 and at b^2 = omega_from/omega_to. While the frequency is w, the sum
    b'^2 + w^2 b^2 + omega_from^2/b^2 is conserved; the two sums are equal in b' where w switches, which gives b there.

    Args:
        omega_from, omega_to: frequencies before and after, > 0.
        first, second: frequencies to wait at; for a rising ramp first >= omega_to and second <= omega_from.

    Raises:
        ParameterError: if no waits at these frequencies do it.
    """
    ratio = omega_from / omega_to
    if abs(ratio - 1.0) < 1e-7:
        return 0.0, 0.0  # a jump alone costs energy of second order, below round-off
    gained = first**2 + omega_from**2 - second**2 * ratio - omega_from * omega_to
    width = gained / (first**2 - second**2) if first != second else math.nan
    # b^2 swings between its turning point and turning^-1 (omega_from/w)^2
    waits = []
    for omega, turning in ((first, 1.0), (second, ratio)):
        other = (omega_from / omega) ** 2 / turning
        part = (width - turning) / (other - turning) if other != turning else math.nan
        if not -SLACK <= part <= 1.0 + SLACK:
            raise ParameterError(
                f"first, second = {first:g}, {second:g}: no waits at these frequencies lead from {omega_from:g} to "
                f"{omega_to:g} without friction"
            )
        waits.append(math.asin(math.sqrt(min(max(part, 0.0), 1.0))) / omega)
    return waits[0], waits[1]


def bang_bang_time(omega_1: float | FloatArray, omega_2: float | FloatArray) -> FloatArray:
    """Duration of the bang-bang adiabat between two frequencies (energies), in either direction."""
    angle = np.arccos((omega_1**2 + omega_2**2) / (omega_1 + omega_2) ** 2)
    return 0.5 * angle * (1.0 / omega_1 + 1.0 / omega_2)


def bang_bang(machine: AffineMachine, u_from: float, u_to: float) -> Adiabat:
    """The fastest frictionless adiabat with jumps between ``u_from`` and ``u_to`` (the outer jumps not included).

    Raises:
        ParameterError: unless the machine is an oscillator and the controls are in range.
    """
    machine = as_oscillator(machine)
    check_ends(machine, u_from, u_to)
    angle = math.acos((u_from**2 + u_to**2) / (u_from + u_to) ** 2)
    values = np.array([[u_to], [u_from]])
    return Adiabat(values, 0.5 * angle / (machine.omega0 * values[:, 0]))


def fastest(machine: AffineMachine, u_from: float, u_to: float) -> Adiabat:
    """The fastest frictionless adiabat with jumps between the ends of the control's range.

    Raises:
        ParameterError: unless the machine is an oscillator and the controls are in range.
    """
    machine = as_oscillator(machine)
    check_ends(machine, u_from, u_to)
    jumps = [machine.u_max, machine.u_min] if u_to >= u_from else [machine.u_min, machine.u_max]
    waits = bang_bang_times(*(machine.omega0 * u for u in (u_from, u_to, *jumps)))
    return Adiabat(np.array(jumps)[:, None], np.array(waits))


def smooth(machine: AffineMachine, u_from: float, u_to: float, duration: float, n_steps: int = N_PIECES) -> Adiabat:
    """The polynomial shortcut from ``u_from`` to ``u_to`` in ``duration``, in ``n_steps`` midpoint pieces.

    Raises:
        ParameterError: if a frequency leaves the range of the control (too short a duration), for an argument out of
            its range, or if the machine is not an oscillator.
    """
    machine = as_oscillator(machine)
    check_integer("n_steps", n_steps, 1)
    check_ends(machine, u_from, u_to)
    check_positive("duration", duration)
    slow, c = _smooth_parts(u_from, u_to, (np.arange(n_steps) + 0.5) / n_steps)
    # negative where a repulsive potential would be needed
    square = slow - c / (machine.omega0 * duration) ** 2
    low, high = machine.u_min, machine.u_max
    if not (square.min() >= (low * (1 - SLACK)) ** 2 and square.max() <= (high * (1 + SLACK)) ** 2):
        extremes = [math.copysign(math.sqrt(abs(s)), s) for s in (float(square.min()), float(square.max()))]
        what = "imaginary frequencies" if extremes[0] < 0 else f"u in [{extremes[0]:g}, {extremes[1]:g}]"
        raise ParameterError(
            f"duration = {duration!r}: the smooth shortcut from u = {u_from:g} to {u_to:g} needs {what}, outside "
            f"[{low:g}, {high:g}]; it must be slower"
        )
    values = np.clip(np.sqrt(square), low, high)[:, None]
    return Adiabat(values, np.full(n_steps, duration / n_steps))


def shortest_smooth_time(machine: AffineMachine, u_from: float, u_to: float) -> float:
    """The shortest duration of ``smooth`` whose frequencies stay inside the range of the control.

    Raises:
        ParameterError: if the machine is not an oscillator, or if a control is out of its range.
    """
    machine = as_oscillator(machine)
    check_ends(machine, u_from, u_to)
    # omega^2 = omega_slow^2 - c/(omega0 tau)^2 at every fraction: each of them asks for a time
    slow, c = _smooth_parts(u_from, u_to, (np.arange(N_PIECES) + 0.5) / N_PIECES)
    room = np.where(c > 0, slow - machine.u_min**2, slow - machine.u_max**2)
    return float(np.sqrt((c / room).max())) / machine.omega0


def adiabat_on_grid(machine: AffineMachine, u_from: float, u_to: float, dt: float, n_steps: int) -> Adiabat | None:
    """A frictionless adiabat of ``n_steps`` steps ``dt``, or ``None`` if none is found inside the control's range.

    Frictionless are two equations for the controls of the steps; they are solved from several starts.

    Raises:
        ParameterError: for an argument out of its range, or another machine.
    """
    machine = as_oscillator(machine)
    check_ends(machine, u_from, u_to)
    check_positive("dt", dt)
    check_integer("n_steps", n_steps, 1)
    if n_steps * dt < fastest(machine, u_from, u_to).duration * (1.0 - 1e-9):
        return None
    omega_from, omega_to = machine.omega0 * u_from, machine.omega0 * u_to
    # moments (<p^2>, <q^2>, <qp + pq>) in units of the ground state of the end
    begin, end = (np.array([omega, 1.0 / omega, 1.0]) for omega in (omega_from, omega_to))

    def friction(u: FloatArray) -> tuple[FloatArray, FloatArray]:
        maps = _free(machine.omega0 * u + 1e-30j, dt)
        turn, slope = np.real(maps), np.imag(maps) * (machine.omega0 / 1e-30)
        moments = [begin * np.array([1.0, 1.0, 0.0])]
        for m in turn:
            moments.append(m @ moments[-1])
        rows, jacobian = np.diag(1.0 / end), np.empty((3, n_steps))
        for k in reversed(range(n_steps)):
            jacobian[:, k] = rows @ (slope[k] @ moments[k])
            rows = rows @ turn[k]
        return moments[-1] / end - np.array([1.0, 1.0, 0.0]), jacobian

    middle = (np.arange(n_steps) + 0.5) / n_steps
    first = fastest(machine, u_from, u_to)
    starts = [
        np.where(middle * first.duration < first.durations[0], first.values[0], first.values[1]),
        np.where(middle < u_from / (u_from + u_to), u_to, u_from),
        u_from + (u_to - u_from) * middle,
        *np.random.default_rng(0).uniform(machine.u_min, machine.u_max, (5, n_steps)),
    ]
    for start in starts:
        found = least_squares(
            lambda u: friction(u)[0],
            np.clip(start, machine.u_min * (1 + 1e-9), machine.u_max * (1 - 1e-9)),
            jac=lambda u: friction(u)[1],  # pyright: ignore[reportArgumentType]
            bounds=(machine.u_min, machine.u_max),
            xtol=3e-16,
            ftol=3e-16,
            gtol=3e-16,
            max_nfev=100,
        )
        if np.abs(friction(found.x)[0]).max() <= FRICTIONLESS:
            return Adiabat(found.x[:, None], np.full(n_steps, dt))
    return None


def as_oscillator(machine: AffineMachine) -> OscillatorEngine:
    """The machine, if it is an oscillator; ``ParameterError`` otherwise."""
    if not isinstance(machine, OscillatorEngine):
        raise ParameterError(f"machine: {machine.title} is not an oscillator, shortcuts are known for no other machine")
    return machine


def check_ends(machine: OscillatorEngine, *ends: float) -> None:
    """Raise ``ParameterError`` unless the controls are in the range of the machine."""
    for u in ends:
        check_range("control", u, machine.u_min, machine.u_max)


def _smooth_parts(u_from: float, u_to: float, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(omega/omega0)^2 of the infinitely slow ramp at the elapsed fractions s, and b''/b in units of 1/tau^2."""
    change = math.sqrt(u_from / u_to) - 1.0
    b = 1.0 + change * s**3 * (10.0 - 15.0 * s + 6.0 * s * s)
    return u_from**2 / b**4, change * s * (60.0 - 180.0 * s + 120.0 * s * s) / b


def _free(omega: np.ndarray, dt: float) -> np.ndarray:
    """Maps of (<p^2>, <q^2>, <qp + pq>) without a bath, shape (N, 3, 3)."""
    c, s = np.cos(omega * dt), np.sin(omega * dt)
    rows = [
        [c * c, omega * omega * s * s, -omega * c * s],
        [s * s / (omega * omega), c * c, c * s / omega],
        [2.0 * c * s / omega, -2.0 * omega * c * s, c * c - s * s],
    ]
    return np.moveaxis(np.array(rows), 2, 0)
