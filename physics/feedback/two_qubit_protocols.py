"""Reference protocols of the demons on two coupled qubits, discrete and continuous read-out.

    wait n steps in contact; read out, up to m times, until the demon is sure; turn what pays to be turned; again

Every turn is the best of its kind, knowing the conditional state: Bayes-optimal feedback. A turn pays if it sets free
more energy than a threshold, for it takes a step. With ``rounds`` = 2 the qubits are exchanged after the turns and
read out and turned again, so that one detector serves both.

The clock counts: 0 ... n - 1 waits; from n on, per round, m read-outs, the turns, the exchange.

Source: Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), the cycle; thresholds and rounds are derived.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import pauli
from ..control import Control, FloatArray, IntArray
from ..machines.coupled_qubits import CoupledQubits
from ..machines.detachable_demon import MEASURE, SWAP, TURN_1, WAIT, DetachableDemon
from ..machines.feedback import best_flips, best_rotation
from ..validation import check_integer, check_range
from .protocol import Protocol


@dataclass(frozen=True)
class WaitReadTurn(Protocol):
    """Wait, read out, turn; see the module.

    Attributes:
        machine: the demon.
        waits: n >= 1, steps in contact.
        reads: m >= 1, read-outs in a row at most.
        doubt: energy that more knowledge could still set free, below which the demon is sure and reads no more.
        threshold: energy that a turn must set free.
        rounds: 1, or 2 with an exchange between.
        k: strength of a discrete read-out.
        theta: its direction, for axes = "xz".

    Raises:
        ParameterError: for a parameter outside its range.
    """

    machine: DetachableDemon
    waits: int
    reads: int = 1
    doubt: float = 0.0
    threshold: float = 0.0
    rounds: int = 1
    k: float = 1.0
    theta: float = 0.0

    def __post_init__(self) -> None:
        for name in ("waits", "reads", "rounds"):
            check_integer(name, getattr(self, name), 1)
        check_range("rounds", self.rounds, 1, 2)
        check_range("k", self.k, 0.5, 1.0)
        check_range("theta", self.theta, 0.0, np.pi / 2)

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        t = pauli.table(state[:, :15])
        gain, angle = turns(self.machine, t)
        best = gain.argmax(axis=1)
        pays = gain.max(axis=1) > max(self.threshold, 1e-6 * self.machine.energy_scale)
        # position within a round: reads, then turns, then the exchange
        length = self.reads + 1
        place = clock - self.waits
        done, place = np.divmod(np.maximum(place, 0), length)
        active = clock >= self.waits
        unsure = left(self.machine, t) > self.doubt
        reads = active & (place < self.reads) & ((place == 0) | unsure)
        turning = active & ~reads & pays
        swaps = active & ~reads & ~pays & (done + 1 < self.rounds)
        choice = np.select(
            [reads, turning, swaps], [np.full(len(t), MEASURE), TURN_1 + best, np.full(len(t), SWAP)], WAIT
        )
        base = self.waits + done * length
        after = np.select([reads, turning, swaps, active], [clock + 1, base + self.reads, base + length, 1], clock + 1)
        return Control(
            controls(self.machine, choice, self.k, self.theta, angle[np.arange(len(t)), best]), choice
        ), after


@dataclass(frozen=True)
class BayesFeedback(Protocol):
    """No fixed times, only the belief: turn what pays; else read out if it can be expected to pay; else wait.

    With a single detector the qubits are exchanged if to know qubit 2 promises enough.

    Attributes:
        machine: the demon.
        threshold: energy that a turn must set free.
        promise: energy that to know a read qubit must set free.
        exchange: energy that to know the other qubit must set free for an exchange.
        k: strength of a discrete read-out.
        theta: its direction, for axes = "xz".

    Raises:
        ParameterError: for a parameter outside its range.
    """

    machine: DetachableDemon
    threshold: float
    promise: float
    exchange: float = np.inf
    k: float = 1.0
    theta: float = 0.0

    def __post_init__(self) -> None:
        check_range("k", self.k, 0.5, 1.0)
        check_range("theta", self.theta, 0.0, np.pi / 2)

    def act(self, state: FloatArray, clock: IntArray) -> tuple[Control, IntArray]:
        t = pauli.table(state[:, :15])
        gain, angle = turns(self.machine, t)
        best = gain.argmax(axis=1)
        pays = gain.max(axis=1) > max(self.threshold, 1e-6 * self.machine.energy_scale)
        if len(self.machine.read_qubits) == 2:
            promise, other = left(self.machine, t), -np.inf
        else:
            promise, other = (self._promise(t, qubit, gain) for qubit in range(2))
        known = [pays, promise > self.promise, np.broadcast_to(other > self.exchange, pays.shape)]
        choice = np.select(known, [TURN_1 + best, np.full(len(t), MEASURE), np.full(len(t), SWAP)], WAIT)
        return Control(
            controls(self.machine, choice, self.k, self.theta, angle[np.arange(len(t)), best]), choice
        ), clock

    def _promise(self, t: FloatArray, qubit: int, gain: FloatArray) -> FloatArray:
        """Energy that a turn of ``qubit`` could set free if it were known, less what it can already, (K,)."""
        gap = 0.5 * (self.machine.e1 if qubit == 0 else self.machine.e2)
        view = pauli.along(t, qubit)
        up = 0.5 * (1.0 + view[:, 0, 3])
        sharp = up * abs(gap + self.machine.g) + (1.0 - up) * abs(gap - self.machine.g)
        return field(self.machine, t, qubit)[1] + sharp - np.maximum(gain[:, qubit], 0.0)


def turns(machine: DetachableDemon, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Energy that the best turn of each qubit sets free, and its angle about y; (K, 2) each.

    With axes = "z" the turn is a flip. It may cost energy then: the gain is negative.
    """
    gain, angle = np.empty((len(t), 2)), np.full((len(t), 2), np.pi)
    for qubit in range(2):
        x, z = field(machine, t, qubit)
        if machine.diagonal:
            gain[:, qubit] = 2.0 * z
            continue
        gain[:, qubit] = z + np.hypot(x, z)
        # the angle that turns the local field to -z; z goes to x
        angle[:, qubit] = np.arctan2(x, -z)
    return gain, angle


def field(machine: CoupledQubits, t: FloatArray, qubit: int) -> tuple[FloatArray, FloatArray]:
    """Local field of a qubit, x and z: Tr[rho ((e/2) sigma_a + g sigma_a sigma_z')], (K,) each."""
    view, gap = pauli.along(t, qubit), machine.e1 if qubit == 0 else machine.e2
    both = 0.5 * gap * view[:, :, 0] + machine.g * view[:, :, 3]
    return both[:, 1], both[:, 3]


def left(machine: DetachableDemon, t: FloatArray) -> FloatArray:
    """Energy that to know the read qubits would set free beyond what turns of them can set free already, (K,)."""
    turned = t
    if machine.diagonal:
        turned = best_flips(machine, t, machine.read_qubits)
    else:
        for qubit in machine.read_qubits:
            turned = best_rotation(machine, turned, qubit)
    if len(machine.read_qubits) == 2:
        return machine.energy(turned) - machine.levels.min()
    up = 0.5 * (1.0 + t[:, 0, 3])
    gap = 0.5 * machine.e1
    sharp = up * abs(gap + machine.g) + (1.0 - up) * abs(gap - machine.g)
    return machine.energy(turned) - 0.5 * machine.e2 * t[:, 0, 3] + sharp


def controls(machine: DetachableDemon, choice: IntArray, k: float, theta: float, angle: FloatArray) -> FloatArray:
    """Values of the controls (K, m) of the demon."""
    values = np.empty((len(choice), machine.control_space.n_values))
    told = {"k": k, "theta": theta, "angle": angle}
    for j, one in enumerate(machine.control_space.ranges):
        values[:, j] = told[one.name]
    return values
