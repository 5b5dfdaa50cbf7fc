"""No policy beats the second law with information: random machines, random states, random and clever policies.

Discrete machines: the exact average over all outcomes, by following every branch; Born's probabilities and the
information come from Kraus operators, not from the machine. The continuous demon: many trajectories.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.information import information_gain
from szilard.physics.laws import audit
from szilard.physics.machine import Machine
from szilard.physics.machines import dead_time_demon, detachable_demon, feedback_demon
from szilard.physics.machines import measurement_refrigerator as refrigerator
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.coupled_qubits import CoupledQubits
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.feedback import best_flips
from szilard.physics.machines.feedback_demon import FeedbackDemon
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.measurement import Instrument, binary, local, product, projective
from szilard.physics.readout import GaussianReadout

SEEDS = st.integers(0, 2**32 - 1)
Policy = Callable[[np.ndarray], Control]
LONG = 3000.0
"""A contact that leaves a Gibbs state."""

NEVER = 1e-14
"""Branches less probable than this are dropped."""


# ---- random machines, states and policies ------------------------------------------------------------------------


def random_machine(kind: str, rng: np.random.Generator) -> Machine:
    gap, g = rng.uniform(0.3, 3.0, 2), rng.uniform(-1.5, 1.5)
    qubits = {"e1": gap[0], "e2": gap[1], "g": g, "gamma": rng.uniform(0.2, 2.0)}
    demon = qubits | {"T": rng.uniform(1.0, 3.0), "read_out": rng.choice(["one", "both"]).item()}
    if kind == "projective":
        return FeedbackDemon(*rng.uniform(0.3, 3.0, 4))
    if kind == "dead time":
        return DeadTimeDemon(*rng.uniform(0.3, 3.0, 3), t0=rng.uniform(0.05, 0.5))
    if kind == "refrigerator":
        cold = rng.uniform(0.4, 2.0)
        return MeasurementRefrigerator(**qubits, T1=cold, T2=cold * rng.uniform(1.05, 3.0))
    axes = "z" if kind == "two qubits, z" else "xz"
    return TwoQubitDemon(**demon, axes=axes)


KINDS = ("projective", "dead time", "two qubits, z", "two qubits, xz", "refrigerator")


def thermal_start(machine: Machine) -> np.ndarray:
    """A state that a long contact leaves."""
    state = machine.initial_state(np.full((1, machine.n_initial_uniforms), 0.5))
    wait = feedback_demon.THERMALISE if isinstance(machine, FeedbackDemon) else detachable_demon.WAIT
    space = machine.control_space
    control = Control(0.5 * (space.low + space.high)[None] + 0.1, np.array([wait]))
    return machine.step(state, control, LONG)[0]


def random_policy(machine: Machine, seed: int) -> Policy:
    """A deterministic function of what the demon knows: a random network of one layer."""
    rng, space = np.random.default_rng(seed), machine.control_space
    n = machine.n_state
    inner, bias = 3.0 * rng.normal(size=(n, 16)), rng.normal(size=16)
    heads, steering = rng.normal(size=(16, space.n_choices)), rng.normal(size=(16, space.n_values))

    def act(state: np.ndarray) -> Control:
        features = np.tanh(state @ inner + bias)
        share = 0.5 * (1.0 + np.tanh(features @ steering))
        return Control(space.low + share * (space.high - space.low), (features @ heads).argmax(axis=1))

    return act


def noise(machine: Machine, seed: int) -> Policy:
    """Controls that depend on nothing."""
    rng, space = np.random.default_rng(seed), machine.control_space

    def act(state: np.ndarray) -> Control:
        values = rng.uniform(space.low, space.high, (len(state), space.n_values))
        return Control(values, rng.integers(0, space.n_choices, len(state)))

    return act


def greedy(machine: TwoQubitDemon, patience: float) -> Policy:
    """Flip what pays, measure when little is known, else wait."""

    def act(state: np.ndarray) -> Control:
        t = pauli.table(state[:, :15])
        after = best_flips(machine, t, machine.read_qubits)
        moved = [np.abs(after - pauli.flipped(t, q)).max(axis=(1, 2)) < 1e-12 for q in (0, 1)]
        pays = machine.energy(t) - machine.energy(after) > 1e-9
        axis = np.tile([0.0, 0.0, 1.0], (len(t), 1))
        unknown = entr(machine.outcome_probabilities(t, np.ones(len(t)), axis)).sum(axis=1)
        choice = np.where(unknown > patience, detachable_demon.MEASURE, detachable_demon.WAIT)
        choice = np.where(pays, np.where(moved[0], detachable_demon.TURN_1, detachable_demon.TURN_2), choice)
        return Control(np.full((len(state), 1), 1.0), choice)

    return act


# ---- all branches ------------------------------------------------------------------------------------------------


def qubits_instrument(machine: TwoQubitDemon, values: np.ndarray) -> Instrument:
    theta = 0.0 if machine.diagonal else values[1]
    one = binary((np.sin(theta), 0.0, np.cos(theta)), values[0])
    return local(one, 0, (2, 2)) if machine.read_out == "one" else product(one, one)


def instrument(machine: Machine, state: np.ndarray, choice: int, values: np.ndarray) -> Instrument | None:
    """What is measured in this step; ``None`` if nothing is."""
    sz = np.diag([1.0, -1.0])
    if isinstance(machine, FeedbackDemon):
        return projective(sz) if choice == feedback_demon.MEASURE else None
    if isinstance(machine, DeadTimeDemon):
        return projective(sz) if choice == dead_time_demon.MEASURE and state[1] == 0.0 else None
    if isinstance(machine, TwoQubitDemon):
        return qubits_instrument(machine, values) if choice == detachable_demon.MEASURE else None
    if choice in (refrigerator.MEASURE, refrigerator.SWAP_MEASURE):
        return local(binary("z", values[0]), 0, (2, 2))
    return projective(np.diag([4.0, 3.0, 2.0, 1.0])) if choice == refrigerator.CONDITIONAL_SWAP else None


def density(machine: Machine, state: np.ndarray) -> np.ndarray:
    if isinstance(machine, CoupledQubits):
        return pauli.density(pauli.table(state[None, :15]))[0]
    return np.diag([state[0], 1.0 - state[0]])


def draws(machine: Machine, p: np.ndarray) -> np.ndarray:
    """Random numbers (n, u) that make the machine draw each of its n outcomes."""
    if isinstance(machine, TwoQubitDemon) and machine.read_out == "both":
        first = p[:2].sum(), p[2:].sum()
        inside = p / np.repeat(np.maximum(first, 1e-300), 2)
        return np.array(
            [[0.5 * first[0] + (k > 1) * 0.5, 0.5 * inside[k & 2] + (k & 1) * 0.5] for k in range(4)]
        )  # the middle of [0, q) is q/2, that of [q, 1) is q/2 + 1/2
    middle = np.cumsum(p) - 0.5 * p
    return np.repeat(middle[:, None], machine.n_step_uniforms, axis=1)


@dataclass
class Averages:
    """Means over all branches since the start, per step or summed."""

    states: np.ndarray
    weights: np.ndarray
    entropy: float
    heat: np.ndarray
    information: float
    record: float
    work: float


def follow(machine: Machine, state: np.ndarray, policy: Policy, dts: list[float]) -> Iterator[Averages]:
    """Every branch of the policy from ``state`` (1, n), step by step; audits each one."""
    weights = np.ones(1)
    for dt in dts:
        control = policy(state)
        rows, uniforms, chances, gain, record = [], [], [], 0.0, 0.0
        for k, row in enumerate(state):
            measured = instrument(machine, row, int(control.choice[k]), control.values[k])
            if measured is None:
                rows, uniforms, chances = [*rows, k], [*uniforms, [0.5] * machine.n_step_uniforms], [*chances, 1.0]
                continue
            rho = density(machine, row)
            if isinstance(machine, MeasurementRefrigerator) and control.choice[k] == refrigerator.SWAP_MEASURE:
                rho = rho[np.ix_([0, 2, 1, 3], [0, 2, 1, 3])]
            p = measured.probabilities(rho)
            gain += weights[k] * float(information_gain(rho, measured))
            record += weights[k] * float(entr(p).sum())
            for q, u in zip(p, draws(machine, p), strict=True):
                if q * weights[k] > NEVER:
                    rows, uniforms, chances = [*rows, k], [*uniforms, list(u)], [*chances, q]
        before = state[rows]
        told = Control(control.values[rows], control.choice[rows])
        state, flows = machine.step(before, told, dt, np.array(uniforms))
        audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
        weights = weights[rows] * np.array(chances)
        assert flows.information is not None
        assert flows.record is not None
        assert weights @ flows.information == pytest.approx(gain, abs=1e-11)
        assert weights @ flows.record == pytest.approx(record, abs=1e-11)
        spectra = [np.linalg.eigvalsh(density(machine, row)) for row in state]
        for spectrum, weight in zip(spectra, weights, strict=True):  # an improbable outcome magnifies round-off
            assert spectrum.min() > -1e-14 / weight
        entropies = [entr(np.maximum(spectrum, 0.0)).sum() for spectrum in spectra]
        work = flows.work + (0.0 if flows.measurement_energy is None else flows.measurement_energy)
        yield Averages(
            state, weights, float(weights @ entropies), weights @ flows.heat, gain, record, float(weights @ work)
        )


@settings(max_examples=60)
@given(SEEDS, st.sampled_from(KINDS), st.booleans())
def test_exact_averages_of_random_policies(seed: int, kind: str, clever: bool) -> None:
    """In every step E[Delta S] - sum_a beta_a E[Q_a] + I >= 0, and so in sum; I is at most the record."""
    rng = np.random.default_rng(seed)
    machine = random_machine(kind, rng)
    policy = (random_policy if clever else noise)(machine, seed)
    state = machine.initial_state(rng.random((1, machine.n_initial_uniforms)))
    if isinstance(machine, DeadTimeDemon):
        state[0, 1] = 0.0
    steps = 4 if kind.startswith("two") else 6
    first = last = float(machine.entropy(state)[0])
    energy = float(machine.internal_energy(state)[0])
    heat, information, record, work = np.zeros(len(machine.betas)), 0.0, 0.0, 0.0
    now = None
    for now in follow(machine, state, policy, (10.0 ** rng.uniform(-2, 0.5, steps)).tolist()):
        sigma = now.entropy - last - now.heat @ machine.betas + now.information
        assert sigma >= -1e-12
        last = now.entropy
        heat += now.heat
        information, record, work = information + now.information, record + now.record, work + now.work
    assert now is not None
    assert now.weights.sum() == pytest.approx(1.0, abs=1e-11)
    assert last - first - heat @ machine.betas + information >= -1e-12
    assert information <= record + 1e-11
    # a history has been written down: its entropy is the sum of what was written in the steps
    assert entr(now.weights).sum() == pytest.approx(record, abs=1e-9)
    final = float(now.weights @ machine.internal_energy(now.states))
    assert final - energy == pytest.approx(heat.sum() + work, abs=1e-10 * machine.energy_scale)


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(KINDS[:4]), st.booleans())
def test_a_closed_cycle_of_one_bath(seed: int, kind: str, clever: bool) -> None:
    """From the Gibbs state to the Gibbs state: Q <= T I_QC <= T H({p_k}), and extracted work = Q + E_meas at most."""
    rng = np.random.default_rng(seed)
    machine = random_machine(kind, rng)
    state, policy = thermal_start(machine), (random_policy if clever else noise)(machine, seed)
    wait = feedback_demon.THERMALISE if isinstance(machine, FeedbackDemon) else detachable_demon.WAIT
    count, steps = [0], 4

    def then_wait(rows: np.ndarray) -> Control:
        count[0] += 1
        if count[0] <= steps:
            return policy(rows)
        return Control(np.repeat(state[:, machine.n_dynamic :], len(rows), axis=0), np.full(len(rows), wait))

    heat = information = record = work = 0.0
    for now in follow(machine, state, then_wait, [*(10.0 ** rng.uniform(-2, 0.5, steps)).tolist(), LONG]):
        heat, information = heat + now.heat[0], information + now.information
        record, work = record + now.record, work + now.work
    temperature = 1.0 / machine.betas[0]
    assert heat <= temperature * information + 1e-10
    assert temperature * information <= temperature * record + 1e-10
    assert heat + work == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(("read_out", "patience"), [("one", 0.5), ("both", 1.0)])
def test_a_good_demon_comes_near_the_bound(read_out: str, patience: float) -> None:
    """So that the inequalities above are no empty ones."""
    machine = TwoQubitDemon(read_out=read_out)
    state = thermal_start(machine)
    state[:, 15:] = 1.0
    heat = information = 0.0
    first, now = float(machine.entropy(state)[0]), None
    for now in follow(machine, state, greedy(machine, patience), [0.5] * 9):
        heat, information = heat + now.heat[0], information + now.information
    assert now is not None
    bound = information + now.entropy - first
    assert 0.35 * bound < heat < bound


@settings(max_examples=30)
@given(SEEDS, st.sampled_from(["measure", "swap + measure", "conditional swap", "swap"]), st.floats(0.5, 1.0))
def test_stroboscopic_cycles_of_two_baths(seed: int, operation: str, k: float) -> None:
    """-Q1/T1 - Q2/T2 + I >= 0 in the steady state of the ensemble, and Q1 + Q2 + W = 0."""
    rng = np.random.default_rng(seed)
    made = random_machine("refrigerator", rng)
    assert isinstance(made, MeasurementRefrigerator)
    machine = MeasurementRefrigerator(**{**vars_of(made), "mode": "ensemble"})
    state = machine.initial_state(rng.random((1, 4)))
    choice = machine.control_space.choices.index(operation)
    control, dt = Control(np.array([[k]]), np.array([choice])), float(rng.uniform(0.1, 3.0))
    flows, change = None, 1.0
    for _ in range(2000):
        after, flows = machine.step(state, control, dt)
        change, state = float(np.abs(after - state).max()), after
        if change < 1e-14:
            break
    assert flows is not None
    assert flows.information is not None
    # what is left of the transient counts as change of entropy
    sigma = flows.information[0] - float(flows.heat[0] @ machine.betas)
    assert sigma + float(flows.entropy_change[0]) >= -1e-12
    if change < 1e-13:
        assert sigma >= -1e-11


def vars_of(machine: CoupledQubits) -> dict[str, float]:
    return {n: getattr(machine, n) for n in ("e1", "e2", "g", "gamma", "T1", "T2")}


# ---- trajectories ------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(SEEDS, st.sampled_from(["z", "xz"]), st.sampled_from(["one", "both"]))
def test_every_step_of_the_continuous_demon(seed: int, axes: str, read_out: str) -> None:
    rng = np.random.default_rng(seed)
    machine = ContinuousDemon(
        e1=rng.uniform(0.3, 3), e2=rng.uniform(0.3, 3), g=rng.uniform(-1.5, 1.5), T=rng.uniform(0.4, 3),
        tau=10.0 ** rng.uniform(-2, 1), axes=axes, read_out=read_out,
    )  # fmt: skip
    state = machine.initial_state(rng.random((16, 4)))
    for policy in (random_policy(machine, seed), noise(machine, seed)):
        for dt in 10.0 ** rng.uniform(-2, 0.5, 6):
            state, flows = machine.step(state, policy(state), float(dt), rng.random((16, 4)))
            audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
            machine.check_state(state)
            assert flows.measurement_energy is not None
            moved = flows.work + flows.heat[:, 0] + flows.measurement_energy
            np.testing.assert_allclose(flows.energy_change, moved, rtol=0, atol=1e-13 * machine.energy_scale)


@pytest.mark.parametrize("axes", ["z", "xz"])
@pytest.mark.parametrize("clever", [False, True])
def test_mean_over_records_of_the_continuous_demon(axes: str, clever: bool) -> None:
    """With the information that is expected before each record is known, from quadrature."""
    machine, n, rng = ContinuousDemon(axes=axes, read_out="one"), 300, np.random.default_rng(7)
    state = machine.initial_state(rng.random((n, 4)))
    policy = (random_policy if clever else noise)(machine, 11)
    first, total, surprise = machine.entropy(state), np.zeros(n), np.zeros(n)
    records = np.zeros(n)
    for _ in range(8):
        control = policy(state)
        if clever:  # a demon that never looks proves nothing
            control.choice[rng.random(n) < 0.3] = detachable_demon.MEASURE
        gain = np.zeros(n)
        for k in np.flatnonzero(control.choice == detachable_demon.MEASURE):
            x, _, z = pauli.axis_in_plane(np.array([0.0 if axes == "z" else control.values[k, 0]]))[0]
            detector = GaussianReadout(np.kron(np.array([[z, x], [x, -z]]), np.eye(2)), machine.tau)
            gain[k] = detector.information_gain(density(machine, state[k]), 0.2, n_nodes=61)
        state, flows = machine.step(state, control, 0.2, rng.random((n, 4)))
        assert flows.information is not None
        assert flows.record is not None
        assert (gain <= flows.record + 1e-8).all()
        total += gain - flows.heat[:, 0] / machine.T
        surprise += flows.information - gain
        records += flows.record
    assert records.mean() > 0.1
    # the mean of what was learned is what was expected
    assert abs(surprise.mean()) < 4 * surprise.std() / np.sqrt(n)
    total += machine.entropy(state) - first
    assert total.mean() > -4 * total.std() / np.sqrt(n)


@pytest.mark.parametrize("kind", [*KINDS, "continuous"])
def test_long_runs(kind: str) -> None:
    """600 steps of 64 systems: round-off does not pile up, and no long-run average beats the entropy of the record."""
    rng = np.random.default_rng(3)
    machine = ContinuousDemon(axes="xz") if kind == "continuous" else random_machine(kind, rng)
    policy, n = noise(machine, 5), 64
    state = machine.initial_state(rng.random((n, machine.n_initial_uniforms)))
    start, gained, records = machine.entropy(state), np.zeros(n), np.zeros(n)
    last = None
    for _ in range(600):
        state, last = machine.step(state, policy(state), 0.1, rng.random((n, machine.n_step_uniforms)), last)
        audit(last, machine.betas, machine.energy_scale, machine.tolerance)
        assert last.record is not None
        gained += last.heat @ machine.betas
        records += last.record
    machine.check_state(state)
    excess = gained - records - (machine.entropy(state) - start)
    assert excess.mean() < 4 * excess.std() / np.sqrt(n)
