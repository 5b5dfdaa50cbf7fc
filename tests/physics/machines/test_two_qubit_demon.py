"""The demon with discrete read-outs: Born's rule, conditional states, averages, reference values."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from szilard.physics import pauli
from szilard.physics.control import Control
from szilard.physics.information import information_gain, measurement_energy, record_entropy
from szilard.physics.machine import Propagated
from szilard.physics.machines.coupled_qubits_references import DEMON_REFERENCES
from szilard.physics.machines.detachable_demon import MEASURE, SWAP, TURN_1, TURN_2, WAIT
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon
from szilard.physics.measurement import Instrument, binary, local, product

SEEDS = st.integers(0, 2**32 - 1)
REFERENCES = {r.id: r for r in DEMON_REFERENCES}


def instrument(read_out: str, k: float, theta: float) -> Instrument:
    """Outcomes (+, -) or (++, +-, -+, --), from the general instruments."""
    one = binary((np.sin(theta), 0.0, np.cos(theta)), k)
    return local(one, 0, (2, 2)) if read_out == "one" else product(one, one)


def control(machine: TwoQubitDemon, choice: int, batch: int, **values: float) -> Control:
    names = [r.name for r in machine.control_space.ranges]
    row = [values.get(name, {"k": 0.5, "theta": 0.0, "angle": 0.0}[name]) for name in names]
    return Control(np.tile(row, (batch, 1)), np.full(batch, choice))


def state_of(machine: TwoQubitDemon, t: np.ndarray) -> np.ndarray:
    return np.concatenate([pauli.components(t), control(machine, WAIT, len(t)).values], axis=1)


def random_states(machine: TwoQubitDemon, rng: np.random.Generator, batch: int) -> np.ndarray:
    if machine.diagonal:
        return pauli.from_populations(rng.dirichlet(np.ones(4), batch))
    raw = rng.normal(size=(batch, 4, 4)) + 1j * rng.normal(size=(batch, 4, 4))
    rho = raw @ raw.conj().swapaxes(-1, -2)
    return pauli.from_density(rho / np.trace(rho, axis1=-2, axis2=-1)[:, None, None])


def all_outcomes(machine: TwoQubitDemon, t: np.ndarray, **values: float) -> Propagated:
    """One measurement of the single state (1, 4, 4) with every outcome, one per row, forced by the random numbers."""
    n = 1 if machine.read_out == "one" else 2
    ends = np.array(list(itertools.product((0.0, 1.0 - 2.0**-53), repeat=n)))
    uniforms = np.concatenate([ends, np.full((len(ends), 2 - n), 0.5)], axis=1)
    state = np.repeat(state_of(machine, t), len(ends), axis=0)
    return machine.propagate(state, control(machine, MEASURE, len(ends), **values), 0.1, uniforms)


def close(found: np.ndarray, expected: np.ndarray, atol: float = 1e-13) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


# ---- one measurement ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS, st.sampled_from(["one", "both"]), st.sampled_from(["z", "xz"]), st.floats(0.5, 0.999))
def test_every_outcome_is_its_kraus_operator(seed: int, read_out: str, axes: str, k: float) -> None:
    machine, rng = TwoQubitDemon(read_out=read_out, axes=axes), np.random.default_rng(seed)
    theta = float(rng.uniform(0.0, 0.5 * np.pi)) if axes == "xz" else 0.0
    t = random_states(machine, rng, 1)
    kraus, rho = instrument(read_out, k, theta), pauli.density(t)[0]
    p = kraus.probabilities(rho)
    shown = machine.outcome_probabilities(
        t, np.array([2 * k - 1]), machine.axis(control(machine, 1, 1, theta=theta).values)
    )
    close(shown[0], p)
    after = all_outcomes(machine, t, k=k, theta=theta)
    close(pauli.density(pauli.table(after.state[:, :15])), kraus.conditional(rho), 1e-12)
    expected = [[1, 0], [-1, 0]] if read_out == "one" else pauli.TWO_SIGNS
    assert after.outcome is not None
    assert (after.outcome == expected).all()
    # the books, averaged over the outcomes
    assert after.measurement_energy is not None
    assert after.information is not None
    assert after.record is not None
    close(p @ after.measurement_energy, measurement_energy(rho, np.diag(machine.levels), kraus))
    close(p @ after.information, information_gain(rho, kraus), 1e-12)
    close(after.record, np.full(len(p), record_entropy(p)))
    assert not after.work.any()
    assert not after.heat.any()
    # the state that nobody has read is the dephased one
    mean = np.einsum("k,kab->ab", p, pauli.density(pauli.table(after.state[:, :15])))
    close(mean, kraus.average(rho), 1e-12)


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(["one", "both"]), st.floats(0.5, 1.0))
def test_the_measured_component_is_conserved_on_average(seed: int, read_out: str, k: float) -> None:
    machine, rng = TwoQubitDemon(read_out=read_out, axes="xz"), np.random.default_rng(seed)
    theta, t = float(rng.uniform(0.0, 0.5 * np.pi)), random_states(machine, rng, 1)
    p = instrument(read_out, k, theta).probabilities(pauli.density(t)[0])
    after = pauli.table(all_outcomes(machine, t, k=k, theta=theta).state[:, :15])
    axis = pauli.axis_in_plane(np.array([theta]))
    for qubit in machine.read_qubits:
        along = pauli.polarisation(after, qubit, np.repeat(axis, len(after), axis=0))
        close(p @ along, pauli.polarisation(t, qubit, axis)[0], 1e-12)


def test_the_example_of_the_specification() -> None:
    """<sigma_x> = .6, <sigma_z> = -.5, kappa = .9: Born's rule conserves .6; inverted probabilities give -.0387."""
    machine, t = TwoQubitDemon(read_out="one", axes="xz"), np.zeros((1, 4, 4))
    t[0, 0, 0], t[0, 1, 0], t[0, 3, 0] = 1.0, 0.6, -0.5
    n = 100_000
    state = np.repeat(state_of(machine, t), n, axis=0)
    uniforms = np.random.default_rng(0).random((n, 2))
    after = machine.propagate(state, control(machine, MEASURE, n, k=0.9, theta=0.5 * np.pi), 0.1, uniforms)
    x = pauli.table(after.state[:, :15])[:, 1, 0]
    assert x.mean() == pytest.approx(0.6, abs=4 * x.std() / np.sqrt(n))
    assert after.outcome is not None
    plus = after.outcome[:, 0] > 0
    assert plus.mean() == pytest.approx(0.5 * (1 + 0.8 * 0.6), abs=4 * 0.5 / np.sqrt(n))
    inverted = (1 - plus.mean()) * x[plus].mean() + plus.mean() * x[~plus].mean()
    assert inverted == pytest.approx(-0.0387, abs=0.01)


@pytest.mark.parametrize("read_out", ["one", "both"])
@pytest.mark.parametrize(("axes", "k", "theta"), [("z", 1.0, 0.0), ("z", 0.8, 0.0), ("xz", 1.0, 1.1), ("xz", 0.7, 0.4)])
def test_frequencies_of_the_outcomes(read_out: str, axes: str, k: float, theta: float) -> None:
    machine, rng = TwoQubitDemon(read_out=read_out, axes=axes), np.random.default_rng(1)
    t, n = random_states(machine, rng, 1), 40_000
    state = np.repeat(state_of(machine, t), n, axis=0)
    done = machine.propagate(state, control(machine, MEASURE, n, k=k, theta=theta), 0.1, rng.random((n, 2)))
    assert done.outcome is not None
    minus = (done.outcome < 0).astype(int)
    index = minus[:, 0] if read_out == "one" else 2 * minus[:, 0] + minus[:, 1]
    counts = np.bincount(index, minlength=2 if read_out == "one" else 4)
    # from matrices of NumPy alone
    spin = np.array([[np.cos(theta), np.sin(theta)], [np.sin(theta), -np.cos(theta)]])
    high, low = np.sqrt(k), np.sqrt(1 - k)
    single = [0.5 * ((high + low) * np.eye(2) + s * (high - low) * spin) for s in (1, -1)]
    both = [np.kron(a, b) for a in single for b in ([np.eye(2)] if read_out == "one" else single)]
    p = [np.trace(m @ pauli.density(t)[0] @ m.conj().T).real for m in both]
    assert chisquare(counts, n * np.array(p)).pvalue > 1e-3


def test_certain_outcomes_never_fail() -> None:
    """Projective measurement of a level: no division by zero, whatever the random numbers."""
    machine = TwoQubitDemon()
    t = pauli.from_populations(np.repeat(np.eye(4), 2, axis=0))
    uniforms = np.tile([[0.0, 0.0], [1.0 - 2.0**-53, 1.0 - 2.0**-53]], (4, 1))
    after = machine.propagate(state_of(machine, t), control(machine, MEASURE, 8, k=1.0), 0.1, uniforms)
    close(pauli.populations(pauli.table(after.state[:, :15])), np.repeat(np.eye(4), 2, axis=0), 0)
    assert after.record is not None
    assert not after.record.any()


def test_a_useless_measurement_does_nothing() -> None:
    for read_out in ("one", "both"):
        machine = TwoQubitDemon(read_out=read_out, axes="xz")
        t = random_states(machine, np.random.default_rng(2), 1)
        after = all_outcomes(machine, t, k=0.5, theta=0.7)
        close(after.state[:, :15], np.repeat(pauli.components(t), len(after.state), axis=0))
        assert after.information is not None
        close(after.information, np.zeros(len(after.state)))


# ---- feedback ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", ["z", "xz"])
def test_turns_and_swap(axes: str) -> None:
    machine, rng = TwoQubitDemon(axes=axes, e2=1.7), np.random.default_rng(3)
    t = random_states(machine, rng, 3)
    rho, h = pauli.density(t), np.diag(machine.levels)
    angle = 0.9 if axes == "xz" else np.pi
    c, s = np.cos(0.5 * angle), np.sin(0.5 * angle)
    turn = np.array([[c, -s], [s, c]])  # exp(-i angle sigma_y / 2)
    unitaries = {
        TURN_1: np.kron(turn, np.eye(2)), TURN_2: np.kron(np.eye(2), turn), SWAP: np.eye(4)[[0, 2, 1, 3]],
    }  # fmt: skip
    for choice, u in unitaries.items():
        after = machine.propagate(state_of(machine, t), control(machine, choice, 3, angle=0.9), 0.1)
        expected = u @ rho @ u.conj().T
        close(pauli.density(pauli.table(after.state[:, :15])), expected)
        close(after.work, np.einsum("ab,kba->k", h, expected - rho).real)
        for nothing in (after.heat, after.information, after.record, after.measurement_energy, after.outcome):
            assert nothing is not None
            assert not nothing.any()


def test_what_a_choice_does_not_use_is_kept() -> None:
    machine = TwoQubitDemon(axes="xz")
    state = state_of(machine, machine.thermal)
    state[:, 15:] = [0.6, 0.2, -0.4]
    told = Control(np.array([[0.9, 1.0, 2.0]]), np.zeros(1, dtype=int))
    held = {WAIT: [0.6, 0.2, -0.4], MEASURE: [0.9, 1.0, -0.4], TURN_1: [0.6, 0.2, 2.0], SWAP: [0.6, 0.2, -0.4]}
    for choice, expected in held.items():
        after = machine.propagate(state, Control(told.values, np.array([choice])), 0.1)
        assert after.state[0, 15:].tolist() == expected


def test_a_batch_is_its_rows() -> None:
    machine, rng = TwoQubitDemon(axes="xz"), np.random.default_rng(4)
    state = state_of(machine, random_states(machine, rng, 20))
    space = machine.control_space
    told = Control(rng.uniform(space.low, space.high, (20, 3)), np.arange(20) % 5)
    uniforms = rng.random((20, 2))
    together = machine.propagate(state, told, 0.3, uniforms)
    for row in range(20):
        one = slice(row, row + 1)
        alone = machine.propagate(state[one], Control(told.values[one], told.choice[one]), 0.3, uniforms[one])
        for a, b in zip(alone, together, strict=True):
            assert a is not None
            assert b is not None
            close(a, b[one], 1e-15)


# ---- averages over the outcomes ----------------------------------------------------------------------------------


@settings(max_examples=60)
@given(SEEDS, st.sampled_from(["one", "both"]), st.sampled_from(["z", "xz"]), st.floats(0.5, 0.999))
def test_ensemble_mode_is_the_average_over_trajectories(seed: int, read_out: str, axes: str, k: float) -> None:
    """With the same feedback after each outcome, here enumerated."""
    rng = np.random.default_rng(seed)
    settings = {"read_out": read_out, "axes": axes, "e2": 1.7, "g": float(rng.uniform(-0.4, 0.4))}
    machine, averaged = TwoQubitDemon(**settings), TwoQubitDemon(**settings, mode="ensemble")
    theta = float(rng.uniform(0.0, 0.5 * np.pi)) if axes == "xz" else 0.0
    t = random_states(machine, rng, 1)
    p = instrument(read_out, k, theta).probabilities(pauli.density(t)[0])
    each = all_outcomes(machine, t, k=k, theta=theta)
    conditional = pauli.table(each.state[:, :15])
    fed_back = machine.best_feedback(conditional)
    done = averaged.propagate(
        state_of(averaged, t), control(averaged, MEASURE, 1, k=k, theta=theta), 0.1, rng.random((1, 2))
    )
    close(done.state[0, :15], p @ pauli.components(fed_back), 1e-12)
    close(done.work[0], p @ (machine.energy(fed_back) - machine.energy(conditional)), 1e-12)
    for name in ("measurement_energy", "information", "record"):
        close(getattr(done, name)[0], p @ getattr(each, name), 1e-12)
    assert done.outcome is not None
    assert not done.outcome.any()
    # and the average over many that were drawn
    n = 2000
    state = np.repeat(state_of(machine, t), n, axis=0)
    drawn = machine.propagate(state, control(machine, MEASURE, n, k=k, theta=theta), 0.1, rng.random((n, 2)))
    after = machine.best_feedback(pauli.table(drawn.state[:, :15]))
    energy = machine.energy(after)
    mean = averaged.internal_energy(done.state)[0]
    assert abs(energy.mean() - mean) <= 5 * energy.std() / np.sqrt(n) + 1e-12


@pytest.mark.parametrize(
    ("id", "read_out", "e2", "g", "e1"),
    [
        ("DEM-01", "one", 1.0, -0.25, 1.0),
        ("DEM-02", "both", 1.0, -0.25, 1.0),
        ("DEM-04", "one", 1.0, 0.0, 1.0),
        ("DEM-05", "both", 1.0, 0.0, 1.0),
        ("DEM-08", "one", 4.0, 0.0, 0.5),
        ("DEM-09", "one", 4.0, -0.1, 0.5),
        ("DEM-10", "one", 4.0, -0.3, 0.5),
        ("DEM-11", "one", 4.0, -0.5, 0.5),
    ],
)
@pytest.mark.parametrize(("axes", "theta"), [("z", 0.0), ("xz", 0.0), ("xz", 0.5 * np.pi)])
def test_projective_references(id: str, read_out: str, e2: float, g: float, e1: float, axes: str, theta: float) -> None:
    heat, _, _, _ = cycle(TwoQubitDemon(e1=e1, e2=e2, g=g, read_out=read_out, axes=axes, mode="ensemble"), 1.0, theta)
    assert abs(heat - REFERENCES[id].expected) <= REFERENCES[id].tolerance


def cycle(machine: TwoQubitDemon, k: float, theta: float) -> tuple[float, float, float, float]:
    """From the Gibbs state: measurement with feedback, complete thermalisation. Heat, E_meas, W_out, information."""
    state = state_of(machine, machine.thermal)
    measured = machine.propagate(state, control(machine, MEASURE, 1, k=k, theta=theta), 0.1)
    warm = machine.propagate(measured.state, control(machine, WAIT, 1), 200.0)
    np.testing.assert_allclose(warm.state[:, :15], state[:, :15], atol=1e-12)
    assert measured.measurement_energy is not None
    assert measured.information is not None
    books = warm.heat[0, 0], measured.measurement_energy[0], -measured.work[0], measured.information[0]
    heat, energy, work, information = (float(x) for x in books)
    assert heat + energy - work == pytest.approx(0.0, abs=1e-12)
    return heat, energy, work, information


def test_the_collective_advantage() -> None:
    one, both = (cycle(TwoQubitDemon(read_out=r, mode="ensemble"), 1.0, 0.0)[0] for r in ("one", "both"))
    reference = REFERENCES["DEM-03"]
    assert abs(both - 2 * one - reference.expected) <= reference.tolerance


def test_energy_of_the_x_read_out() -> None:
    _, energy, work, _ = cycle(TwoQubitDemon(read_out="one", axes="xz", mode="ensemble"), 1.0, 0.5 * np.pi)
    assert abs(energy - REFERENCES["DEM-06"].expected) <= REFERENCES["DEM-06"].tolerance
    assert abs(work - REFERENCES["DEM-07"].expected) <= REFERENCES["DEM-07"].tolerance


@pytest.mark.parametrize(
    ("heat_id", "information_id", "read_out", "theta"),
    [("DEM-20", "DEM-23", "one", 0.0), ("DEM-21", "DEM-24", "one", 0.5 * np.pi), ("DEM-22", None, "both", 0.0)],
)
def test_weak_references(heat_id: str, information_id: str | None, read_out: str, theta: float) -> None:
    machine = TwoQubitDemon(read_out=read_out, axes="xz", mode="ensemble")
    heat, energy, _, information = cycle(machine, 0.9, theta)
    assert abs(heat - REFERENCES[heat_id].expected) <= REFERENCES[heat_id].tolerance
    if information_id is not None:
        assert abs(information - REFERENCES[information_id].expected) <= REFERENCES[information_id].tolerance
    if theta == 0.0:
        assert energy == pytest.approx(0.0, abs=1e-14)


def test_a_weak_z_read_out_pays_only_above_a_strength() -> None:
    z, x = TwoQubitDemon(read_out="one", mode="ensemble"), TwoQubitDemon(read_out="one", axes="xz", mode="ensemble")
    assert cycle(z, 0.79, 0.0)[0] == pytest.approx(0.0, abs=1e-12)
    assert cycle(z, 0.81, 0.0)[0] > 1e-3
    for k in (0.51, 0.6, 0.79):
        assert cycle(x, k, 0.5 * np.pi)[0] > 0.0


@pytest.mark.parametrize(("id", "t"), [("DEM-33", 0.2), ("DEM-34", 1.0), ("DEM-35", 10.0)])
def test_heat_after_a_reset(id: str, t: float) -> None:
    machine = TwoQubitDemon()
    heat = machine.propagate(state_of(machine, machine.ground), control(machine, WAIT, 1), t).heat
    assert abs(heat[0, 0] - REFERENCES[id].expected) <= REFERENCES[id].tolerance


def test_units_of_power_and_cost() -> None:
    machine = TwoQubitDemon(T=0.5)
    state = state_of(machine, machine.ground)
    slope = machine.propagate(state, control(machine, WAIT, 1), 1e-7).heat[0, 0] / 1e-7
    assert machine.power_unit == pytest.approx(slope, rel=1e-5)
    assert machine.dissipation_unit == pytest.approx(2.0 * machine.power_unit)
