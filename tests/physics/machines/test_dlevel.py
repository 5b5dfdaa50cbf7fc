"""The general machine: the two-level engine as a special case, exact derivatives, the laws as properties, errors."""

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from szilard.physics.baths import BATH_KINDS, BosonicBath, FermionicBath, OhmicBath
from szilard.physics.control import Control, Range
from szilard.physics.laws import audit
from szilard.physics.lindblad import NearDegeneracyWarning
from szilard.physics.machines.dlevel import DLevelMachine
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.superoperators import to_vector
from szilard.physics.validation import ParameterError

SX, SZ = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
KINDS = (FermionicBath, BosonicBath, OhmicBath)


def as_dlevel(engine: TwoLevelEngine) -> DLevelMachine:
    """H = (E0 u / 2) sigma_z, baths through sigma_x."""
    hot, cold = engine.baths
    return DLevelMachine(
        hamiltonian=np.zeros((2, 2)),
        controls=((Range("u", engine.u_min, engine.u_max), 0.5 * engine.E0 * SZ),),
        baths={"hot": (SX, hot), "cold": (SX, cold)},
        connections={"hot": ["hot"], "cold": ["cold"], "none": []},
    )


def hermitian(rng: np.random.Generator, dim: int) -> NDArray[np.complex128]:
    raw = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    return 0.5 * (raw + raw.conj().T)


def random_machine(seed: int, dim: int, n_controls: int, n_baths: int) -> DLevelMachine:
    """Gaps of order five (a spread diagonal), rates of order 0.01 to 0.1; every subset of baths can be connected."""
    rng = np.random.default_rng(seed)
    baths = {
        f"bath{a}": (hermitian(rng, dim), KINDS[rng.integers(3)](rng.uniform(0.2, 2.0), rng.uniform(0.001, 0.01)))
        for a in range(n_baths)
    }
    subsets = [[n for a, n in enumerate(baths) if code >> a & 1] for code in range(2**n_baths)]
    return DLevelMachine(
        hamiltonian=5.0 * np.diag(np.arange(dim) ** 1.5) + hermitian(rng, dim),
        controls=tuple((Range(f"u{k}", -0.5, 0.5), hermitian(rng, dim)) for k in range(n_controls)),
        baths=baths,
        connections={"+".join(names) or "none": names for names in subsets},
    )


def random_start(machine: DLevelMachine, rng: np.random.Generator, batch: int) -> NDArray[np.float64]:
    raw = rng.normal(size=(batch, machine.dim, machine.dim)) + 1j * rng.normal(size=(batch, machine.dim, machine.dim))
    rho = raw @ raw.conj().swapaxes(-1, -2)
    rho /= np.trace(rho, axis1=-2, axis2=-1)[:, None, None]
    return machine.state(rho, random_control(machine, rng, batch).values)


def random_control(machine: Any, rng: np.random.Generator, batch: int) -> Control:
    space = machine.control_space
    values = space.low + (space.high - space.low) * rng.uniform(size=(batch, space.n_values))
    return Control(values, rng.integers(space.n_choices, size=batch))


# ---- the two-level engine ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rates", list(BATH_KINDS))
def test_two_level_engine_is_a_special_case(rates: str) -> None:
    """Populations, work, heat and entropy agree over 100 random steps of 32 engines."""
    engine = TwoLevelEngine(rates=rates, gamma_h=0.2, gamma_c=0.1)
    machine, rng = as_dlevel(engine), np.random.default_rng(0)
    exact = engine.initial_state(rng.uniform(size=(32, 1)))
    p = exact[:, 0]
    state = machine.state(
        p[:, None, None] * np.diag([1.0, 0.0]) + (1.0 - p)[:, None, None] * np.diag([0.0, 1.0]), exact[:, 1:]
    )
    for _ in range(100):
        control, dt = random_control(engine, rng, 32), float(10.0 ** rng.uniform(-2.0, 1.0))
        exact, expected = engine.step(exact, control, dt)
        state, flows = machine.step(state, control, dt)
        np.testing.assert_allclose(np.real(machine.density_matrix(state)[:, 0, 0]), exact[:, 0], rtol=0, atol=1e-13)
        for name in ("work", "heat", "energy_change", "entropy_change"):
            np.testing.assert_allclose(getattr(flows, name), getattr(expected, name), rtol=0, atol=1e-12)
    assert machine.betas.tolist() == engine.betas.tolist()
    assert machine.control_space == engine.control_space


@pytest.mark.parametrize("rates", list(BATH_KINDS))
def test_derivative_of_the_two_level_engine(rates: str) -> None:
    engine = TwoLevelEngine(rates=rates, gamma_h=0.2, gamma_c=0.1)
    machine, rng = as_dlevel(engine), np.random.default_rng(1)
    control = random_control(engine, rng, 16)
    expected, made = engine.affine_derivative(control, 0.7, 0), machine.affine_derivative(control, 0.7, 0)
    # p = 1/2 + z / sqrt(2)
    np.testing.assert_allclose(made.matrix[:, 2, 2], expected.matrix[:, 0, 0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        made.heat_matrix[:, :, 2] * np.sqrt(2.0), expected.heat_matrix[:, :, 0], rtol=0, atol=1e-13
    )
    offset = expected.heat_offset + 0.5 * expected.heat_matrix[:, :, 0]
    np.testing.assert_allclose(made.heat_offset, offset, rtol=0, atol=1e-13)


def test_limit_cycle_of_the_two_level_engine() -> None:
    """The fixed point of hot-cold holds, from the affine maps (spectral radius below 1: no trace component)."""
    engine = TwoLevelEngine()
    machine = as_dlevel(engine)
    control = Control(np.array([[0.9], [0.5]]), np.array([0, 1]))

    def work(system: Any) -> float:
        step = system.affine(control, 0.5)
        total = step.matrix[1] @ step.matrix[0]
        assert np.abs(np.linalg.eigvals(total)).max() < 1.0
        x = np.linalg.solve(np.eye(len(total)) - total, step.matrix[1] @ step.offset[0] + step.offset[1])
        state = np.append(x, control.values[1])[None]
        output = 0.0
        for k in range(2):
            state, flows = system.step(state, Control(control.values[k : k + 1], control.choice[k : k + 1]), 0.5)
            output -= float(flows.work[0])
        return output

    assert work(machine) == pytest.approx(work(engine), abs=1e-13)


# ---- the laws ---------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.integers(2, 4),
    n_controls=st.integers(0, 2),
    n_baths=st.integers(1, 3),
    exponent=st.floats(-2.0, 1.5),
)
@pytest.mark.filterwarnings("ignore::szilard.physics.lindblad.NearDegeneracyWarning")
def test_both_laws_hold_in_every_step(seed: int, dim: int, n_controls: int, n_baths: int, exponent: float) -> None:
    machine, rng = random_machine(seed, dim, n_controls, n_baths), np.random.default_rng(seed)
    state = random_start(machine, rng, 8)
    for _ in range(3):
        state, flows = machine.step(state, random_control(machine, rng, 8), 10.0**exponent)
        audit(flows, machine.betas, machine.energy_scale, machine.tolerance)
        machine.check_state(state)
    low, high = machine.observation_bounds
    observation = machine.observe(state)
    assert (observation >= low - 1e-12).all()
    assert (observation <= high + 1e-12).all()


def test_affine_map_reproduces_the_step() -> None:
    machine, rng = random_machine(3, 3, 2, 2), np.random.default_rng(3)
    state, control = random_start(machine, rng, 5), random_control(machine, rng, 5)
    step, nx = machine.affine(control, 0.4), machine.n_dynamic
    after = machine.propagate(state, control, 0.4)
    x = state[:, :nx, None]
    np.testing.assert_allclose((step.matrix @ x)[..., 0] + step.offset, after.state[:, :nx], atol=1e-15)
    np.testing.assert_allclose((step.heat_matrix @ x)[..., 0] + step.heat_offset, after.heat, atol=1e-14)
    np.testing.assert_array_equal(after.state[:, nx:], control.values)
    single = machine.affine(Control(control.values[2:3], control.choice[2:3]), 0.4)
    for one, many in zip(single, step, strict=True):
        np.testing.assert_allclose(one[0], many[2], atol=1e-14)


def test_disconnected_baths_give_no_heat_and_a_unitary() -> None:
    machine, rng = random_machine(4, 3, 1, 2), np.random.default_rng(4)
    state, control = random_start(machine, rng, 4), random_control(machine, rng, 4)
    control = Control(control.values, np.array([0, 1, 2, 3]))  # none, first, second, both
    after, flows = machine.step(state, control, 0.5)
    np.testing.assert_array_equal(flows.heat != 0.0, [[0, 0], [1, 0], [0, 1], [1, 1]])
    assert flows.entropy_change[0] == pytest.approx(0.0, abs=1e-13)
    assert np.linalg.norm(after[0, :8]) == pytest.approx(np.linalg.norm(state[0, :8]), abs=1e-14)


@pytest.mark.filterwarnings("ignore::szilard.physics.lindblad.NearDegeneracyWarning")
@pytest.mark.parametrize("dim", [2, 3, 4])
def test_derivative_against_central_differences(dim: int) -> None:
    machine, rng = random_machine(10 + dim, dim, 2, 2), np.random.default_rng(dim)
    control, step = random_control(machine, rng, 6), 1e-5
    for j in range(2):
        shift = step * np.eye(2)[j]
        plus = machine.affine(Control(control.values + shift, control.choice), 0.6)
        minus = machine.affine(Control(control.values - shift, control.choice), 0.6)
        for exact, high, low in zip(machine.affine_derivative(control, 0.6, j), plus, minus, strict=True):
            np.testing.assert_allclose(exact, (high - low) / (2.0 * step), rtol=0, atol=1e-8)


# ---- interface --------------------------------------------------------------------------------------------------


def test_initial_states_are_thermal_and_physical() -> None:
    machine = random_machine(5, 3, 2, 2)
    assert machine.n_initial_uniforms == 2
    state = machine.initial_state(np.random.default_rng(5).uniform(size=(4, 2)))
    machine.check_state(state)
    assert state.shape == (4, machine.n_state) == (4, 10)
    hamiltonian = machine.hamiltonian + np.einsum("km,mij->kij", state[:, 8:], [h for _, h in machine.controls])
    rho = machine.density_matrix(state)
    np.testing.assert_allclose(rho @ hamiltonian, hamiltonian @ rho, atol=1e-12)
    energy = np.einsum("kij,kji->k", rho, hamiltonian).real
    np.testing.assert_allclose(machine.internal_energy(state), energy, atol=1e-12)


def test_reference_energy_uses_the_middle_of_the_controls() -> None:
    machine = as_dlevel(TwoLevelEngine())
    state = machine.initial_state(np.array([[0.2], [0.9]]))
    middle = np.array([machine.hamiltonian + 0.65 * machine.controls[0][1]])
    energy = np.einsum("kij,kji->k", machine.density_matrix(state), np.repeat(middle, 2, axis=0)).real
    np.testing.assert_allclose(machine.reference_energy(state), energy, atol=1e-14)


def test_machine_without_controls_and_without_choice() -> None:
    machine = DLevelMachine(SZ, {"a": (SX, FermionicBath(1.0, 0.1)), "b": (SX, FermionicBath(2.0, 0.1))})
    assert machine.control_space.n_values == 0
    assert machine.control_space.n_choices == 1
    state = machine.initial_state(np.zeros((3, 0)))
    after, flows = machine.step(state, Control(np.zeros((3, 0)), np.zeros(3, dtype=np.int64)), 1.0)
    assert after.shape == (3, 3)
    assert flows.heat.shape == (3, 2)
    assert (flows.heat[:, 0] > 0.0).all()
    assert not flows.work.any()


def test_units_can_be_set() -> None:
    machine = replace(as_dlevel(TwoLevelEngine()), power_scale=0.01, dissipation_scale=0.02)
    assert (machine.power_unit, machine.dissipation_unit) == (0.01, 0.02)
    equal = DLevelMachine(SZ, {"a": (SX, FermionicBath(1.0, 0.1))})
    assert equal.power_unit > 0.0
    assert equal.dissipation_unit == equal.power_unit


def test_describe_is_plain_data_and_the_machine_can_be_pickled() -> None:
    machine = random_machine(6, 3, 1, 2)
    told = json.loads(json.dumps(machine.describe()))
    assert told["state"][:3] == ["x0_1", "x0_2", "x1_2"]
    assert [b["name"] for b in told["baths"]] == ["bath0", "bath1"]
    copy = pickle.loads(pickle.dumps(machine))
    assert copy.describe() == machine.describe()


def test_machine_does_not_share_arrays_with_the_caller() -> None:
    hamiltonian = SZ.copy()
    machine = DLevelMachine(hamiltonian, {"a": (SX, FermionicBath(1.0, 0.1))})
    hamiltonian[0, 0] = 7.0
    assert machine.hamiltonian[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        machine.hamiltonian[0, 0] = 7.0


BATHS = {"hot": (SX, FermionicBath(1.0, 0.1))}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hamiltonian": np.array([[0.0, 1.0], [0.0, 0.0]])}, "hamiltonian: is not Hermitian"),
        ({"hamiltonian": np.zeros((3, 2, 2))}, "hamiltonian: has shape"),
        ({"hamiltonian": np.diag([0.0, np.nan])}, "hamiltonian: has entries that are not finite"),
        ({"controls": ((Range("u", 0.0, 1.0), np.eye(3)),)}, r"controls\['u'\]: has shape \(3, 3\)"),
        ({"baths": {"hot": (np.eye(3), FermionicBath(1.0))}}, r"baths\['hot'\] operator: has shape"),
        ({"baths": {}}, "baths = {}: must contain"),
        ({"connections": {"on": ["hto"]}}, "did you mean 'hot'"),
        ({"power_scale": -1.0}, "power_scale = -1.0"),
        ({"hamiltonian": 1000.0 * SZ}, r"beta \* width of H"),
    ],
)
def test_errors_name_the_parameter(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        DLevelMachine(**{"hamiltonian": SZ, "baths": BATHS, **changes})


def test_bad_states_are_refused() -> None:
    machine = DLevelMachine(SZ, BATHS)
    with pytest.raises(ParameterError, match=r"state \(row 0\): has the eigenvalue"):
        machine.check_state(np.array([[1.0, 0.0, 0.0]]))
    with pytest.raises(ParameterError, match="rho: has trace"):
        machine.state(np.eye(2)[None], np.zeros((1, 0)))
    np.testing.assert_allclose(machine.state(np.eye(2)[None] / 2, np.zeros((1, 0))), to_vector(np.eye(2) / 2)[None, 1:])


def test_nearly_degenerate_controls_warn_at_construction() -> None:
    with pytest.warns(NearDegeneracyWarning):
        DLevelMachine(np.zeros((2, 2)), BATHS, controls=((Range("u", 1e-4, 1.0), SZ),))
