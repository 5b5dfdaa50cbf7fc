"""Steps of the machines with measurements done by QuTiP, as anybody would write them down.

Two steps each, from the same state: a contact with the bath and a measurement with its outcome drawn. The contact is
  (a) ``qutip.mesolve`` over dt (default tolerances),
  (b) the exponential of ``qutip.liouvillian``.
The measurement applies a Kraus operator to the state, drawn by Born's rule; in (a) of the continuous demon it is a
trajectory of ``qutip.smesolve`` instead, in steps of tau / 100.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import qutip
from other_ways import QT, Case, Step

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.machines import detachable_demon, feedback_demon, measurement_refrigerator
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.coupled_qubits import CoupledQubits
from szilard.physics.machines.feedback_demon import FeedbackDemon
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon

Build = Callable[[], tuple[Any, list[Any]]]
P = np.array([0.1, 0.15, 0.2, 0.55])
"""Populations of (ee, eg, ge, gg) at the start."""

RNG = np.random.default_rng(0)


def _both(build: Build, rho: Any, dt: float, measure: Callable[[Any], Any], exact: Callable[[Any], Any]) -> list[Step]:
    """Ways (a) and (b): a contact, whose state is returned, and a measurement."""

    def mesolve() -> Any:
        hamiltonian, collapse = build()
        measure(rho)
        return qutip.mesolve(hamiltonian, rho, [0.0, dt], collapse).states[-1]

    def expm() -> Any:
        liouvillian = QT.liouvillian(*build())
        exact(rho)
        return qutip.vector_to_operator((dt * liouvillian).expm() * qutip.operator_to_vector(rho))

    return [mesolve, expm]


def _draw(kraus: Sequence[Any], rho: Any) -> tuple[int, Any]:
    """Outcome and state after it, by Born's rule."""
    states = [m * rho * m.dag() for m in kraus]
    p = np.array([state.tr().real for state in states])
    outcome = int(RNG.choice(len(p), p=p / p.sum()))
    return outcome, states[outcome] / p[outcome]


def _qubits(machine: CoupledQubits) -> Build:
    sz, one, lower = qutip.sigmaz(), qutip.qeye(2), qutip.sigmam()
    up, down = (qutip.basis(2, i).proj() for i in (0, 1))

    def build() -> tuple[Any, list[Any]]:
        hamiltonian = 0.5 * machine.e1 * qutip.tensor(sz, one) + 0.5 * machine.e2 * qutip.tensor(one, sz)
        hamiltonian += machine.g * qutip.tensor(sz, sz)
        collapse = []
        for qubit, (gap, (_, beta)) in enumerate(zip((machine.e1, machine.e2), machine.couplings, strict=True)):
            for s, other in ((1, up), (-1, down)):
                n = 1.0 / math.expm1(beta * (gap + 2 * machine.g * s))
                jump = qutip.tensor(lower, other) if qubit == 0 else qutip.tensor(other, lower)
                collapse += [math.sqrt(machine.gamma * (n + 1)) * jump, math.sqrt(machine.gamma * n) * jump.dag()]
        return hamiltonian, collapse

    return build


def _kraus(k: float, qubits: Sequence[int]) -> list[Any]:
    high, low = math.sqrt(k), math.sqrt(1 - k)
    pair = [0.5 * ((high + low) * qutip.qeye(2) + s * (high - low) * qutip.sigmaz()) for s in (1, -1)]
    if len(qubits) == 1:
        return [qutip.tensor(m, qutip.qeye(2)) for m in pair]
    return [qutip.tensor(m, n) for m in pair for n in pair]


def _pair_state(machine: CoupledQubits, k: float | None) -> np.ndarray:
    held = np.zeros((1, 0)) if k is None else np.array([[k]])
    return np.concatenate([pauli.components(pauli.from_populations(P[None])), held], axis=1)


def _expectations(rho: Any) -> list[float]:
    sz, one = qutip.sigmaz(), qutip.qeye(2)
    z2, z1, zz = (float(qutip.expect(qutip.tensor(*pair), rho)) for pair in ((one, sz), (sz, one), (sz, sz)))
    # in the order of the 15 components, as far as z1
    return [0.0, 0.0, z2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, z1, 0.0, 0.0, zz]


def _rho() -> Any:
    return qutip.Qobj(np.diag(P), dims=[[2, 2], [2, 2]])


def _compare(name: str, found: Any, expected: np.ndarray) -> None:
    if np.abs(np.real(np.diag(found.full())) - expected).max() > 1e-10:
        raise SystemExit(f"{name}: the measurement by QuTiP differs from that of the machine")


def _populations(machine: CoupledQubits, state: np.ndarray, control: Control, dt: float, u: list[float]) -> np.ndarray:
    done = machine.propagate(state, control, dt, np.array([u]))
    return pauli.populations(pauli.table(done.state[:, :15]))[0]


def _one(choice: int, k: float | None) -> Control:
    return Control(np.zeros((1, 0)) if k is None else np.array([[k]]), np.array([choice]))


def feedback() -> Case:
    machine, u, dt = FeedbackDemon(), 0.2, 0.07
    raising, projectors = qutip.Qobj([[0, 1], [0, 0]]), [qutip.basis(2, i).proj() for i in (0, 1)]

    def build() -> tuple[Any, list[Any]]:
        gap = machine.E0 * u
        n = 1.0 / math.expm1(machine.beta * gap)
        # the total rate is g coth(beta gap / 2) = g (2 n + 1)
        up, down = math.sqrt(machine.g * n), math.sqrt(machine.g * (n + 1))
        return 0.5 * gap * qutip.sigmaz(), [up * raising, down * raising.dag()]

    rho = qutip.Qobj(np.diag([0.2, 0.8]))
    mesolve, expm = _both(build, rho, dt, lambda r: _draw(projectors, r), lambda r: _draw(projectors, r))
    return Case(
        env_id="szilard/FeedbackDemon-v0",
        machine=machine,
        dt=dt,
        state=np.array([[0.2, u]]),
        control=Control(np.array([[u]]), np.array([feedback_demon.THERMALISE])),
        mesolve=mesolve,
        expm=expm,
        read=lambda rho: [rho[0, 0].real],
        tolerance=(1e-4, 1e-10),
        steps=2,
    )


def two_qubits() -> Case:
    machine, k, dt = TwoQubitDemon(), 0.9, 0.1
    kraus, state = _kraus(k, machine.read_qubits), _pair_state(machine, k)
    after = kraus[0] * _rho() * kraus[0].dag()
    _compare(
        "TwoQubitDemon", after / after.tr(),
        _populations(machine, state, _one(detachable_demon.MEASURE, k), dt, [0.0, 0.0]),
    )  # fmt: skip
    mesolve, expm = _both(_qubits(machine), _rho(), dt, lambda r: _draw(kraus, r), lambda r: _draw(kraus, r))
    return Case(
        env_id="szilard/TwoQubitDemon-v0",
        machine=machine,
        dt=dt,
        state=state,
        control=_one(detachable_demon.WAIT, k),
        mesolve=mesolve,
        expm=expm,
        read=_expectations,
        tolerance=(1e-4, 1e-10),
        steps=2,
    )


def continuous() -> Case:
    machine, dt = ContinuousDemon(tau=0.1), 0.1
    sz, one = qutip.sigmaz(), qutip.qeye(2)
    observables = [qutip.tensor(sz, one), qutip.tensor(one, sz)]
    nothing = 0.0 * observables[0]
    monitored = [math.sqrt(0.25 / machine.tau) * a for a in observables]  # (1 / 4 tau) D[sz]

    def smesolve(rho: Any) -> Any:
        return qutip.smesolve(
            nothing, rho, [0.0, dt], sc_ops=monitored, ntraj=1, seeds=[int(RNG.integers(2**31))],
            options={"progress_bar": False, "dt": machine.tau / 100},
        )  # fmt: skip

    def gaussian(rho: Any) -> Any:
        for a in observables:
            sign = 1.0 if RNG.random() < 0.5 * (1.0 + qutip.expect(a, rho)) else -1.0
            r = RNG.normal(sign, math.sqrt(machine.tau / dt))
            m = (-(dt / (4 * machine.tau)) * (r - a) ** 2).expm()
            rho = m * rho * m.dag()
            rho = rho / rho.tr()
        return rho

    mesolve, expm = _both(_qubits(machine), _rho(), dt, smesolve, gaussian)
    return Case(
        env_id="szilard/ContinuousDemon-v0",
        machine=machine,
        dt=dt,
        state=_pair_state(machine, None),
        control=_one(detachable_demon.WAIT, None),
        mesolve=mesolve,
        expm=expm,
        read=_expectations,
        tolerance=(1e-4, 1e-10),
        steps=2,
    )


def refrigerator() -> Case:
    """Its measurement is followed by feedback and a contact within one step, so two contacts are made."""
    machine, k, dt = MeasurementRefrigerator(), 0.9, 0.25
    kraus, state, build = _kraus(k, (0,)), _pair_state(machine, k), _qubits(machine)
    flip, energy = qutip.tensor(qutip.sigmax(), qutip.qeye(2)), build()[0]

    def measured(rho: Any, relax: Callable[[Any], Any]) -> Any:
        _, after = _draw(kraus, rho)
        flipped = flip * after * flip
        if qutip.expect(energy, flipped) < qutip.expect(energy, after):
            after = flipped
        return relax(after)

    def solve(rho: Any) -> Any:
        hamiltonian, collapse = build()
        return qutip.mesolve(hamiltonian, rho, [0.0, dt], collapse).states[-1]

    def exponential(rho: Any) -> Any:
        return qutip.vector_to_operator((dt * QT.liouvillian(*build())).expm() * qutip.operator_to_vector(rho))

    mesolve, expm = _both(build, _rho(), dt, lambda r: measured(r, solve), lambda r: measured(r, exponential))
    return Case(
        env_id="szilard/MeasurementRefrigerator-v0",
        machine=machine,
        dt=dt,
        state=state,
        control=_one(measurement_refrigerator.WAIT, k),
        mesolve=mesolve,
        expm=expm,
        read=_expectations,
        tolerance=(1e-4, 1e-10),
        steps=2,
    )
