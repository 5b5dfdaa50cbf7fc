"""Monitored trajectories against the master equation, QuTiP's stochastic solver and a step-by-step loop."""

from typing import Any

import numpy as np
import pytest
import qutip
from scipy.linalg import expm

from szilard.physics.baths import BosonicBath, OhmicBath
from szilard.physics.lindblad import augmented_propagator, gkls_generator
from szilard.physics.measurement import spin
from szilard.physics.readout import GaussianReadout
from szilard.physics.states import internal_energy, thermal_state
from szilard.physics.superoperators import commutator, dissipator, to_operator, to_vector
from szilard.physics.trajectories import monitored_trajectories
from szilard.physics.validation import ParameterError

qt: Any = qutip  # its annotations do not match what it accepts
SX, SY, SZ = (spin(axis) for axis in "xyz")
LOWER = np.array([[0.0, 0.0], [1.0, 0.0]])  # basis order (e, g)
EXCITED = np.diag([1.0, 0.0])
MONITORED_Z = GaussianReadout(SZ, 1.0)


def standard_error(samples: np.ndarray) -> float:
    return float(samples.std() / len(samples) ** 0.5)


def master_equation(hamiltonian: np.ndarray, parts: list[np.ndarray], rho: np.ndarray, time: float) -> np.ndarray:
    return to_operator(expm((commutator(hamiltonian) + sum(parts)) * time) @ to_vector(rho))


def test_mean_of_the_reference_problem():
    lindblad = master_equation(0.5 * SX, [MONITORED_Z.dissipator()], EXCITED, 2.0)
    assert np.real(np.trace(lindblad @ SZ)) == pytest.approx(-0.07064455, abs=6e-9)  # DEM-38
    found = monitored_trajectories(
        0.5 * SX,
        [MONITORED_Z],
        EXCITED,
        0.02,
        100,
        np.random.default_rng(0),
        n_trajectories=20000,
        observables=[SX, SY, SZ],
    )
    z = found.expectations[:, -1, 2]
    assert z.mean() == pytest.approx(-0.07064455, abs=4 * standard_error(z))
    assert standard_error(z) < 0.0052
    # an efficient read-out keeps the pure state pure
    assert np.linalg.norm(found.expectations[:, -1], axis=-1) == pytest.approx(np.ones(20000), abs=1e-10)
    # the record is the signal: its mean over a step is <sigma_z> up to O(dt)
    middle = 0.5 * (found.expectations[:, :-1, 2] + found.expectations[:, 1:, 2]).mean(0)
    noise = 4 * (1.0 / 0.02 / 20000) ** 0.5
    assert found.records[:, :, 0].mean(0) == pytest.approx(middle, abs=1.3 * noise)
    assert found.records.var() == pytest.approx(1.0 / 0.02 + 1.0, rel=0.02)


def test_agreement_with_the_stochastic_solver_of_qutip():
    decay, start = 0.3, 0.5 * (np.eye(2) + 0.4 * SX + 0.5 * SZ)
    times = [0.0, 1.0, 2.0]
    reference = qt.smesolve(
        0.5 * qt.sigmax(),
        qt.Qobj(start),
        times,
        c_ops=[decay**0.5 * qt.Qobj(LOWER)],
        sc_ops=[0.5 * qt.sigmaz()],  # sqrt(1 / 4 tau) A
        e_ops=[qt.sigmaz()],
        ntraj=1200,
        seeds=7,
        options={"method": "taylor1.5", "dt": 0.02, "progress_bar": "", "keep_runs_results": True},
    )
    theirs = np.array(reference.runs_expect)[0]
    found = monitored_trajectories(
        0.5 * SX,
        [MONITORED_Z],
        start,
        0.02,
        100,
        np.random.default_rng(1),
        n_trajectories=20000,
        dissipators=[dissipator(LOWER[None], decay)],
        observables=[SZ],
    )
    for i, time in enumerate(times[1:], 1):
        exact = master_equation(0.5 * SX, [MONITORED_Z.dissipator(), dissipator(LOWER[None], decay)], start, time)
        ours = found.expectations[:, 50 * i, 0]
        assert ours.mean() == pytest.approx(np.real(np.trace(exact @ SZ)), abs=4 * standard_error(ours))
        for power in (1, 2):
            a, b = ours**power, theirs[:, i] ** power
            assert a.mean() == pytest.approx(b.mean(), abs=4 * np.hypot(standard_error(a), standard_error(b)))


def test_loop_of_single_steps_gives_the_same_trajectories():
    rng = np.random.default_rng(2)
    h = np.diag([1.0, 0.3, -1.0]) + 0.2 * np.ones((3, 3))
    coupling = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    baths = [(coupling, BosonicBath(1.0, 0.02)), (np.diag([1.0, 0.0, 2.0]) + coupling, OhmicBath(0.5, 0.03))]
    swap = np.eye(3)[[1, 0, 2]]
    readouts = [GaussianReadout(np.diag([1.0, -1.0, -1.0]), 0.5), GaussianReadout(swap, 0.8)]
    uniforms = rng.random((5, 4, 2, 2))
    rho = np.stack([to_operator(thermal_state(h, beta)) for beta in (0.1, 0.5, 1.0, 2.0)])
    found = monitored_trajectories(h, readouts, rho, 0.3, 5, uniforms, baths=baths, observables=[h], keep_states=True)
    half, heat_rows = augmented_propagator(gkls_generator(h, baths), 0.15)
    for step in range(5):
        vector = to_vector(rho)
        heat, vector = vector @ heat_rows.T, vector @ half.T
        for i in (0, 1) if step % 2 == 0 else (1, 0):
            record, rho = readouts[i].sample(to_operator(vector), 0.3, uniforms[step, :, i])
            assert found.records[:, step, i] == pytest.approx(record, abs=1e-10)
            vector = to_vector(rho)
        heat, vector = heat + vector @ heat_rows.T, vector @ half.T
        rho = to_operator(vector)
        assert found.states is not None
        assert found.states[:, step + 1] == pytest.approx(rho, abs=1e-10)
        assert found.heat[:, step] == pytest.approx(heat, abs=1e-10)
    assert found.final == pytest.approx(rho, abs=1e-10)
    assert found.expectations[:, -1, 0] == pytest.approx(internal_energy(h, to_vector(rho)), abs=1e-10)
    assert found.times == pytest.approx(0.3 * np.arange(6))


def test_first_law_between_the_readouts():
    h = np.diag([1.0, 0.2, -0.7]) + 0.1 * np.ones((3, 3))
    baths = [(np.ones((3, 3)), BosonicBath(1.0, 0.02)), (np.diag([1.0, -1.0, 0.5]), OhmicBath(0.3, 0.02))]
    start = np.diag([0.6, 0.3, 0.1])
    rng = np.random.default_rng(0)
    quiet = monitored_trajectories(h, [], start, 0.4, 10, rng, n_trajectories=2, baths=baths, observables=[h])
    change = np.diff(quiet.expectations[:, :, 0], axis=1)
    assert change == pytest.approx(quiet.heat.sum(-1), abs=1e-14)
    assert np.abs(change).max() > 0.01


def test_splitting_error_of_the_average_is_of_second_order():
    # the average of a step is exp(L dt/2) exp(D dt) .. exp(L dt/2): the read-outs' own average, done exactly
    h, start = 0.7 * SX + 0.3 * SZ, EXCITED
    readouts = [GaussianReadout(SZ, 0.4), GaussianReadout(SX, 0.6)]
    tilted = GaussianReadout((SZ + SX) / 2**0.5, 0.5)
    readouts.append(tilted)
    exact = master_equation(h, [r.dissipator() for r in readouts], start, 2.0)
    errors = []
    for n_steps in (16, 32):
        dt, rho = 2.0 / n_steps, start.astype(complex)
        half = expm(commutator(h) * dt / 2)
        for step in range(n_steps):
            rho = to_operator(half @ to_vector(rho))
            for readout in readouts[:: -1 if step % 2 else 1]:
                rho = readout.average(rho, dt)
            rho = to_operator(half @ to_vector(rho))
        errors.append(np.abs(rho - exact).max())
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)


def test_states_stay_states_at_any_step():
    baths = [(np.kron(SX, np.eye(2)), BosonicBath(1.0, 0.1)), (np.kron(np.eye(2), SX), BosonicBath(0.5, 0.1))]
    h = 0.5 * np.kron(SZ, np.eye(2)) + 0.6 * np.kron(np.eye(2), SZ) + 0.2 * np.kron(SZ, SZ)
    readouts = [GaussianReadout(np.kron(SX, np.eye(2)), 1e-3), GaussianReadout(np.kron(SZ, SZ), 3.0)]
    start = np.diag([1.0, 0.0, 0.0, 0.0])
    for dt in (1e-4, 200.0):
        found = monitored_trajectories(
            h, readouts, start, dt, 20, np.random.default_rng(1), n_trajectories=50, baths=baths, keep_states=True
        )
        assert found.states is not None
        assert np.trace(found.states, axis1=-2, axis2=-1) == pytest.approx(np.ones((50, 21)), abs=1e-12)
        assert np.linalg.eigvalsh(found.states).min() > -1e-12


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ({}, {}, "n_trajectories: must be given"),
        ({"n_trajectories": 3}, {"rho0": np.stack([EXCITED] * 2)}, "n_trajectories: must be given by one"),
        ({"n_trajectories": 3}, {"dt": 0.0}, "dt = 0.0"),
        ({"n_trajectories": 3}, {"n_steps": -1}, "n_steps = -1"),
        ({"n_trajectories": 0}, {}, "n_trajectories = 0"),
        ({"n_trajectories": 3}, {"rho0": np.eye(2)}, "rho0: has trace"),
        ({}, {"rho0": np.ones((1, 1, 1, 1)) * EXCITED}, "rho0: has 2 batch axes"),
        ({}, {"random": np.zeros((4, 7, 1, 2))}, "random: has shape"),
        ({}, {"random": np.ones((5, 7, 1, 2))}, r"uniforms: must be in \[0, 1\)"),
        ({"n_trajectories": 3}, {"readouts": [GaussianReadout(np.diag([1.0, -1.0, 1.0]), 1.0)]}, "dimension 3"),
        ({"n_trajectories": 3, "observables": [np.eye(3)]}, {}, r"observables\[0\]"),
        ({"n_trajectories": 3, "dissipators": [np.eye(9)]}, {}, r"dissipators\[0\]"),
    ],
)
def test_errors(arguments: dict[str, Any], changes: dict[str, Any], message: str):
    given = {"hamiltonian": SX, "readouts": [MONITORED_Z], "rho0": EXCITED, "dt": 0.1, "n_steps": 5, "random": RNG}
    with pytest.raises(ParameterError, match=message):
        monitored_trajectories(**{**given, **changes}, **arguments)
