"""Maxwell's demon on two coupled qubits with discrete read-outs; see ``detachable_demon.py`` for what it can do.

A measurement of strength k has the Kraus operators

    M_+- = [ (sqrt(k) + sqrt(1-k)) 1 +- (sqrt(k) - sqrt(1-k)) n.sigma ] / 2

and its outcome is drawn by Born's rule. In ``ensemble`` mode it is averaged over instead, after the best feedback of
the demon's class has been applied to each outcome.

Source: B. Bhandari, R. Czupryniak, P. A. Erdman, A. N. Jordan, Entropy 25, 204 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import entr

from .. import pauli
from ..control import FloatArray, Range
from ..machine import parameter
from ..validation import check_choice
from .detachable_demon import DetachableDemon, ReadOut
from .feedback import best_flips, best_rotation, passive

MODES = ("trajectory", "ensemble")
"""Whether the outcome of a measurement is drawn, or averaged over."""


@dataclass(frozen=True)
class TwoQubitDemon(DetachableDemon):
    """Demon on two coupled qubits, discrete read-outs; see the module.

    State: 15 Pauli components and the controls that were used last. Controls: strength k in [1/2, 1] and, for
    axes = "xz", theta (0 is z, pi/2 is x) of a measurement and the angle of a rotation. Units: hbar = k_B = 1.

    Raises:
        ParameterError: for a parameter outside its range, or a Bohr frequency that vanishes.
    """

    title: ClassVar[str] = "Two-qubit demon"
    equations: ClassVar[str] = (
        "H = (e1/2) sz1 + (e2/2) sz2 + g sz1 sz2; M_+- = [sqrt(k) + sqrt(1-k) +- (sqrt(k) - sqrt(1-k)) n.sigma] / 2"
    )
    n_step_uniforms: ClassVar[int] = 2

    mode: str = parameter("trajectory", "-", "trajectory: outcomes are drawn; ensemble: averaged, with best feedback")

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, MODES)
        super().__post_init__()

    @property
    def settings(self) -> tuple[Range, ...]:
        return (Range("k", 0.5, 1.0),)

    def measure(self, t: FloatArray, values: FloatArray, dt: float, uniforms: FloatArray) -> ReadOut:
        strength, axis = 2.0 * values[:, 0] - 1.0, self.axis(values)
        p = self.outcome_probabilities(t, strength, axis)
        if self.mode == "ensemble":
            return self._averaged(t, p, strength, axis)
        after, rest, outcome = t, _rest(strength), np.zeros((len(t), 2))
        for qubit in self.read_qubits:
            plus = 0.5 * (1.0 + strength * pauli.polarisation(after, qubit, axis))
            outcome[:, qubit] = np.where(uniforms[:, qubit] < plus, 1.0, -1.0)
            after = pauli.measured(after, qubit, axis, outcome[:, qubit] * strength, rest)
        return self.drawn(t, after, entr(p).sum(axis=1), outcome)

    def outcome_probabilities(self, t: FloatArray, strength: FloatArray, axis: FloatArray) -> FloatArray:
        """Born's probabilities of the outcomes (+, -) or (++, +-, -+, --), shape (K, 2) or (K, 4).

        ``strength`` is 2k - 1, shape (K,); ``axis`` is the direction n, shape (K, 3).
        """
        first = strength * pauli.polarisation(t, 0, axis)
        if self.read_out == "one":
            p = 0.5 * np.stack([1.0 + first, 1.0 - first], axis=1)
        else:
            second = strength * pauli.polarisation(t, 1, axis)
            both = strength**2 * np.einsum("ka,kab,kb->k", axis, t[:, 1:, 1:], axis)
            s1, s2 = pauli.TWO_SIGNS.T
            p = 0.25 * (1.0 + first[:, None] * s1 + second[:, None] * s2 + both[:, None] * (s1 * s2))
        return np.clip(p, 0.0, 1.0)

    def _averaged(self, t: FloatArray, p: FloatArray, strength: FloatArray, axis: FloatArray) -> ReadOut:
        """The average over all outcomes, each after the best feedback."""
        rest = _rest(strength)
        signs = np.array([[1.0], [-1.0]]) if self.read_out == "one" else pauli.TWO_SIGNS
        measured, fed_back, entropy = np.zeros_like(t), np.zeros_like(t), np.zeros(len(t))
        for k, outcome in enumerate(signs):
            rows = np.flatnonzero(p[:, k] > 0.0)
            one = t[rows]
            for qubit, sign in zip(self.read_qubits, outcome, strict=True):
                one = pauli.measured(one, qubit, axis[rows], sign * strength[rows], rest[rows])
            share = p[rows, k]
            entropy[rows] += share * pauli.entropy(one)
            measured[rows] += share[:, None, None] * one
            fed_back[rows] += share[:, None, None] * self.best_feedback(one)
        energy = self.energy(measured) - self.energy(t)
        work = self.energy(fed_back) - self.energy(measured)
        nothing = np.zeros((len(t), 2))
        return ReadOut(fed_back, work, energy, pauli.entropy(t) - entropy, entr(p).sum(axis=1), nothing)

    def best_feedback(self, t: FloatArray) -> FloatArray:
        """The states (K, 4, 4) of lowest energy that the demon's class of feedback reaches.

        Flips of the qubits that were read (axes = "z"); a rotation of qubit 1, or any unitary of both (axes = "xz").
        """
        if self.diagonal:
            return best_flips(self, t, self.read_qubits)
        return best_rotation(self, t) if self.read_out == "one" else passive(self, t)


def _rest(strength: FloatArray) -> FloatArray:
    return np.sqrt(np.clip(1.0 - strength**2, 0.0, None))
