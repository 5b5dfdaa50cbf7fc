"""The integral fluctuation theorem with information: exact for any feedback, and by sampling."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.feedback.fluctuation_theorem import ENDS, Process, generating_function, sample
from szilard.physics.feedback.outcomes import outcomes
from szilard.physics.feedback.protocol import Protocol
from szilard.physics.machine import Machine
from szilard.physics.machines import detachable_demon as demon
from szilard.physics.machines import measurement_refrigerator as refrigerator
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.validation import ParameterError

SEEDS = st.integers(0, 2**32 - 1)


WARM = MeasurementRefrigerator(e1=0.5, e2=1.0, g=-0.1, T1=0.8, T2=1.2)


@dataclass(frozen=True)
class Script(Protocol):
    """Fixed choices, one after another; what pays may be flipped, knowing the outcome."""

    choices: tuple[int, ...]
    k: float

    def act(self, state: np.ndarray, clock: np.ndarray) -> tuple[Control, np.ndarray]:
        choice = np.array(self.choices)[clock % len(self.choices)]
        z1 = state[:, pauli.NAMES.index("z1")]
        # -1 stands for "flip qubit 1 if it is more likely excited"
        choice = np.where(choice < 0, np.where(z1 > 0, demon.TURN_1, demon.WAIT), choice)
        return Control(np.full((len(state), 1), self.k), choice), clock + 1


@dataclass(frozen=True)
class Network(Protocol):
    """A random deterministic function of belief and time."""

    seed: int
    choices: tuple[int, ...]

    def act(self, state: np.ndarray, clock: np.ndarray) -> tuple[Control, np.ndarray]:
        rng = np.random.default_rng(self.seed)
        inner, heads = 3.0 * rng.normal(size=(16, 12)), rng.normal(size=(12, len(self.choices)))
        features = np.tanh(state[:, :15] @ inner[:15] + clock[:, None] * inner[15])
        k = 0.5 + 0.45 * np.abs(features[:, 0])
        return Control(k[:, None], np.array(self.choices)[(features @ heads).argmax(axis=1)]), clock + 1


def random_machine(rng: np.random.Generator, two_baths: bool) -> Any:
    gap = rng.uniform(0.4, 2.0, 2)
    g = float(rng.uniform(-0.9, 0.9) * gap.min() / 2)
    qubits = {"e1": gap[0], "e2": gap[1], "g": g, "gamma": rng.uniform(0.2, 1.5)}
    if two_baths:
        return MeasurementRefrigerator(**qubits, T1=rng.uniform(0.5, 1.0), T2=rng.uniform(1.1, 2.0))
    return TwoQubitDemon(**qubits, T=rng.uniform(0.5, 2.0), read_out=rng.choice(["one", "both"]).item())


def any_of(machine: Machine) -> tuple[int, ...]:
    """All choices whose read-outs may err."""
    return (0, 1, 2, 3, 4) if isinstance(machine, TwoQubitDemon) else (0, 1, 2, 3)


def thermal(machine: Any) -> np.ndarray:
    return pauli.populations(machine.thermal)[0]


# ---- exact -------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS, st.booleans(), st.sampled_from(ENDS))
def test_one_for_any_feedback(seed: int, two_baths: bool, end: str) -> None:
    """<exp(-sigma)> = 1 to 1e-12: random machines, start states and protocols, read-outs with errors, five steps."""
    rng = np.random.default_rng(seed)
    machine = random_machine(rng, two_baths)
    dt = float(10.0 ** rng.uniform(-1.5, 0.3))
    process = Process(machine, Network("random", seed, any_of(machine)), rng.dirichlet(np.ones(4)), dt, 5, end)
    assert generating_function(process) == pytest.approx(1.0, abs=1e-12)
    assert generating_function(process, 0.0) == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=25)
@given(SEEDS, st.booleans())
def test_the_mean_is_that_of_the_machine(seed: int, two_baths: bool) -> None:
    """<sigma> = Delta S - sum_a beta_a Q_a + I over all outcomes; beliefs are the machine's conditional states."""
    rng = np.random.default_rng(seed)
    machine = random_machine(rng, two_baths)
    process = Process(machine, Network("random", seed, any_of(machine)), rng.dirichlet(np.ones(4)), 0.4, 3)
    state = np.concatenate([pauli.components(pauli.from_populations(process.start[None])), [[0.5]]], axis=1)
    weights, clock, mean = np.ones(1), np.zeros(1, dtype=int), -float(machine.entropy(state)[0])
    for found in process.branches():
        control, after_clock = process.protocol.act(state, clock)
        listed = outcomes(machine, state, control)
        assert listed is not None
        p, uniforms = listed
        kept = np.argwhere(p > 1e-13)
        rows = kept[:, 0]
        state, flows = machine.step(
            state[rows], Control(control.values[rows], control.choice[rows]), 0.4, uniforms[rows, kept[:, 1]]
        )
        weights, clock = weights[rows] * p[rows, kept[:, 1]], after_clock[rows]
        assert [b.parent for b in found] == rows.tolist()
        np.testing.assert_allclose([b.probability for b in found], p[rows, kept[:, 1]], atol=1e-12)
        beliefs = pauli.populations(pauli.table(state[:, :15]))
        np.testing.assert_allclose([b.belief for b in found], beliefs, atol=1e-9)
        assert flows.information is not None
        mean += float(weights @ (flows.information - flows.heat @ machine.betas))
    mean += float(weights @ machine.entropy(state))
    # seventh-order difference of the generating function at 0
    h, slope = 1e-2, 0.0
    for j, c in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
        slope += c * (generating_function(process, j * h) - generating_function(process, -j * h)) / h
    assert -slope == pytest.approx(mean, abs=1e-6)
    assert mean >= -1e-12


@pytest.mark.parametrize("read_out", ["one", "both"])
def test_read_outs_without_error(read_out: str) -> None:
    """Measured and reset: the reversed process starts in the Gibbs state and must be in the level that was left."""
    machine = TwoQubitDemon(g=0.0, read_out=read_out)
    p = 1.0 / (1.0 + np.exp(1.0))
    choices = (demon.MEASURE, -1, demon.WAIT)
    process = Process(machine, Script("reset 1", choices, 1.0), thermal(machine), 0.5, 3, "gibbs")
    # one: <exp(-sigma)> = sum_y p(y) r(g) = 1 - p; both: qubit 2, not flipped, adds sum_y p(y)^2
    expected = (1 - p) if read_out == "one" else (1 - p) * (p**2 + (1 - p) ** 2)
    assert generating_function(process) == pytest.approx(expected, abs=1e-12)
    drawn = np.exp(-sample(process, 20_000, np.random.default_rng(0)).sigma)
    assert abs(drawn.mean() - expected) < 4 * drawn.std() / np.sqrt(20_000)


def test_a_projective_conditional_swap() -> None:
    """Only the level that was left counts: sum_y p(y) sum_x K(x|z_y) r(x|y), with tilted K and the belief r."""
    start = np.array([0.1, 0.2, 0.3, 0.4])
    script = Script("swap", (refrigerator.CONDITIONAL_SWAP,), 1.0)
    process = Process(MeasurementRefrigerator(), script, start, 0.3, 1)
    tilted, relax = process.propagator(1.0), process.propagator()
    expected = sum(start[y] * tilted[:, left] @ relax[:, left] for y, left in enumerate((0, 2, 2, 3)))
    assert generating_function(process) == pytest.approx(float(expected), abs=1e-13)
    assert expected < 1.0


# ---- trajectories ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("machine", "script"),
    [
        (TwoQubitDemon(read_out="one"), Script("reset 1", (demon.MEASURE, -1, demon.WAIT), 0.9)),
        (TwoQubitDemon(), Script("flip", (demon.MEASURE, -1, demon.WAIT, demon.MEASURE, -1, demon.SWAP), 0.8)),
        (WARM, Script("both", (refrigerator.SWAP_MEASURE, refrigerator.WAIT), 0.8)),
        (WARM, Script("measure", (refrigerator.MEASURE,), 0.8)),
    ],
)
def test_sampled(machine: Any, script: Script, end: str) -> None:
    n, rng = 30_000, np.random.default_rng(1)
    process = Process(machine, script, thermal(machine), 0.3, 4, end)
    found = sample(process, n, rng)
    assert generating_function(process) == pytest.approx(1.0, abs=1e-12)
    # the exact variance: that of a sample misses the rare trajectories that carry it
    second = generating_function(process, 2.0)
    assert second < 6.0
    assert abs(np.exp(-found.sigma).mean() - 1.0) < 4 * np.sqrt((second - 1.0) / n)
    root = generating_function(process, 0.5)
    assert abs(np.exp(-0.5 * found.sigma).mean() - root) < 4 * np.sqrt((1.0 - root**2) / n)
    # without the information it does not hold
    blind = np.exp(-(found.sigma - found.information))
    assert abs(blind.mean() - 1.0) > 8 * blind.std() / np.sqrt(n)


def test_sigma_is_work_and_information() -> None:
    """One bath, Gibbs states at both ends: sigma = beta W + i in every single trajectory, W by energy differences."""
    machine = TwoQubitDemon(T=0.8, e2=1.6)
    script = Script("flip", (demon.MEASURE, -1, demon.WAIT, demon.MEASURE, -1), 0.85)
    process = Process(machine, script, thermal(machine), 0.4, 5, "gibbs")
    found = sample(process, 2000, np.random.default_rng(2))
    work = machine.levels[found.levels[:, 1]] - machine.levels[found.levels[:, 0]] - found.heat.sum(axis=1)
    np.testing.assert_allclose(found.sigma, work / 0.8 + found.information, atol=1e-12)
    assert set(np.round(np.unique(work), 12)) > {0.0}


def test_efficacy_of_feedback() -> None:
    """<exp(-beta W)> = gamma, the probability that the reversed process shows the same record (Sagawa & Ueda 2010)."""
    machine, k, n = TwoQubitDemon(g=0.0, read_out="one"), 0.85, 40_000
    process = Process(machine, Script("reset 1", (demon.MEASURE, -1), k), thermal(machine), 0.4, 2, "gibbs")
    found = sample(process, n, np.random.default_rng(3))
    p = 1.0 / (1.0 + np.exp(1.0))
    # "+": the Gibbs state, flipped back, is read as +; "-": it is read as -
    gamma = 2.0 * ((1 - p) * k + p * (1 - k))
    weights = np.exp(-(found.sigma - found.information))
    assert abs(weights.mean() - gamma) < 4 * weights.std() / np.sqrt(n)
    # the bit: <i> = mutual information of a symmetric channel
    joint = np.array([[p * k, p * (1 - k)], [(1 - p) * (1 - k), (1 - p) * k]])
    mutual = float((joint * np.log(joint / np.outer(joint.sum(1), joint.sum(0)))).sum())
    assert abs(found.information.mean() - mutual) < 4 * found.information.std() / np.sqrt(n)


@pytest.mark.parametrize("machine", [TwoQubitDemon(e2=1.7), MeasurementRefrigerator()])
def test_jumps_are_those_of_the_baths(machine: Any) -> None:
    n, start = 40_000, np.array([0.5, 0.1, 0.2, 0.2])
    process = Process(machine, Script("wait", (0,), 0.5), start, 0.7, 1)
    after, heat = machine.relaxed(pauli.from_populations(start[None]), 0.7)
    expected = pauli.populations(after)[0]
    np.testing.assert_allclose(process.propagator() @ start, expected, atol=1e-13)
    # a tilted propagator keeps the vector of ones: local detailed balance
    np.testing.assert_allclose(process.propagator(1.0) @ np.ones(4), 1.0, atol=1e-13)
    found = sample(process, n, np.random.default_rng(4))
    assert chisquare(np.bincount(found.levels[:, 1], minlength=4), n * expected).pvalue > 1e-3
    by_bath = found.heat if heat.shape[1] == 2 else found.heat.sum(axis=1, keepdims=True)
    error = 4 * by_bath.std(axis=0) / np.sqrt(n)
    assert (np.abs(by_bath.mean(axis=0) - heat[0]) < error).all()


def test_same_seed_same_trajectories() -> None:
    process = Process(TwoQubitDemon(), Script("flip", (1, -1, 0), 0.9), np.full(4, 0.25), 0.3, 4)
    first, second = (sample(process, 50, np.random.default_rng(5)) for _ in range(2))
    assert (first.sigma == second.sigma).all()
    assert first.probability.max() <= 1.0


@pytest.mark.parametrize(
    "change",
    [
        {"machine": TwoQubitDemon(axes="xz")},
        {"machine": TwoQubitDemon(mode="ensemble")},
        {"start": np.array([0.5, 0.5, 0.5, -0.5])},
        {"start": np.array([0.5, 0.4, 0.0, 0.0])},
        {"start": np.array([0.5, 0.5])},
        {"dt": 0.0},
        {"steps": 0},
        {"end": "thermal"},
    ],
)
def test_bad_arguments(change: dict[str, Any]) -> None:
    arguments = {"machine": TwoQubitDemon(), "start": np.full(4, 0.25), "dt": 0.1, "steps": 2, "end": "belief"}
    with pytest.raises(ParameterError, match=next(iter(change))):
        Process(protocol=Script("wait", (0,), 0.5), **(arguments | change))
