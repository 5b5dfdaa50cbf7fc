"""Environments with detectors: outcomes by Born's rule, the trade-off as published, and controls that do nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

import szilard
from szilard.envs.catalogue import entry as find_entry
from szilard.physics import pauli
from szilard.physics.control import ControlSpace, Range
from szilard.physics.machines import continuous_demon, dead_time_demon, detachable_demon, feedback_demon
from szilard.physics.machines import measurement_refrigerator as fridge
from szilard.physics.validation import ParameterError

K = 20_000
P_VALUE = 1e-4
"""Of a test that is made once with a fixed seed."""


def measured(env_id: str, state: Any, action: Any, **settings: Any) -> dict[str, Any]:
    """The ledger of one step of K copies from one state (n,) with one native action."""
    env = szilard.make_vec(env_id, K, **settings)
    env.reset(seed=1, options={"state": np.tile(state, (K, 1))})
    many = {n: np.repeat(np.asarray(a)[None], K, 0) for n, a in action.items()} if isinstance(action, dict) else action
    return env.step(np.full(K, many) if np.isscalar(many) else many)[4]


def agrees(seen: Any, probabilities: Any) -> bool:
    """Chi-square test of the frequencies of K outcomes, (n,) counts."""
    return bool(chisquare(seen, K * np.asarray(probabilities)).pvalue > P_VALUE)


# ---- Born's rule: the trap of section 4 of the specification --------------------------------------------------------


def test_projective_outcomes_are_as_frequent_as_the_level_is_populated() -> None:
    p = 0.237
    action = {"control": np.zeros(1), "operation": feedback_demon.MEASURE}
    ledger = measured("FeedbackDemon-v0", [p, 0.1], action)
    plus = ledger["outcome"][:, 0] > 0
    assert agrees(np.bincount(plus), [1 - p, p])
    assert not agrees(np.bincount(plus), [p, 1 - p])
    np.testing.assert_array_equal(ledger["state"][:, 0], plus)
    # the measured component is conserved on average
    assert ledger["state"][:, 0].mean() == pytest.approx(p, abs=4 * (p * (1 - p) / K) ** 0.5)


def test_weak_outcomes_conserve_the_measured_component() -> None:
    """<sigma_x> = .6, <sigma_z> = -.5, strength .9: .6 by Born's rule, -.0387 with inverted probabilities."""
    k, x, z = 0.9, 0.6, -0.5
    a = 2 * k - 1
    inverted = sum((1 - s * a * x) / 2 * (x + s * a) / (1 + s * a * x) for s in (1, -1))
    assert inverted == pytest.approx(-0.0387, abs=5e-5)
    t = np.zeros((1, 4, 4))
    t[0, 0, 0], t[0, 1, 0], t[0, 3, 0] = 1.0, x, z
    t[0, :, 3] = -0.3 * t[0, :, 0]  # qubit 2 apart from it, partly excited
    state = np.concatenate([pauli.components(t)[0], [0.5, 0.0, 0.0]])
    # k and theta in their ranges [1/2, 1] and [0, pi/2]
    action = {"control": np.array([2 * a - 1, 1.0, 0.0]), "operation": detachable_demon.MEASURE}
    ledger = measured("TwoQubitDemon-v0", state, action, preset="plane")
    shown = ledger["outcome"][:, 0]
    assert agrees(np.bincount(shown > 0), [(1 - a * x) / 2, (1 + a * x) / 2])
    x1, z1 = (ledger["state"][:, pauli.NAMES.index(n)] for n in ("x1", "z1"))
    np.testing.assert_allclose(x1, (x + shown * a) / (1 + shown * a * x), atol=1e-12)
    error = x1.std() / K**0.5
    assert x1.mean() == pytest.approx(x, abs=4 * error)
    assert abs(x1.mean() - inverted) > 50 * error
    # the unconditional state is the dephased one
    assert z1.mean() == pytest.approx(z * (1 - a * a) ** 0.5, abs=4 * z1.std() / K**0.5)


def test_continuous_records_have_the_mean_and_the_variance_of_their_signal() -> None:
    p = np.array([0.1, 0.3, 0.2, 0.4])
    t = pauli.from_populations(p[None])
    dt, tau = 0.1, 0.2
    ledger = measured("ContinuousDemon-v0", pauli.components(t)[0], detachable_demon.MEASURE, tau=tau, dt=dt)
    components = np.array([t[0, 3, 0], t[0, 0, 3]])
    spread = np.sqrt((1 - components**2 + tau / dt) / K)
    assert (np.abs(ledger["outcome"].mean(axis=0) - components) < 4 * spread).all()
    np.testing.assert_allclose(ledger["outcome"].var(axis=0), spread**2 * K, rtol=0.05)
    both = ledger["state"][:, [pauli.NAMES.index(n) for n in ("z1", "z2", "zz")]]
    assert (np.abs(both.mean(axis=0) - [*components, t[0, 3, 3]]) < 4 * both.std(axis=0) / K**0.5).all()
    # the memory that a record needs
    expected = sum(continuous_demon.record_information(c[None], dt / tau)[0] for c in components)
    np.testing.assert_allclose(ledger["record"], expected)


def test_the_dead_time_demon_extracts_a_quantum_as_often_as_it_finds_one() -> None:
    p = 0.2
    ledger = measured("DeadTimeDemon-v0", [p, 0.0], dead_time_demon.MEASURE)
    plus = ledger["outcome"][:, 0] > 0
    assert agrees(np.bincount(plus), [1 - p, p])
    np.testing.assert_allclose(-ledger["work"], plus * 1.0)
    # on average the energy is the qubit's, not the detector's
    assert ledger["measurement_energy"].mean() == pytest.approx(0.0, abs=4 * (p * (1 - p) / K) ** 0.5)


def test_a_dead_apparatus_shows_nothing() -> None:
    ledger = measured("DeadTimeDemon-v0", [0.2, 0.3], dead_time_demon.MEASURE)
    assert not ledger["outcome"].any()
    assert not ledger["record"].any()


@pytest.mark.parametrize(("choice", "swapped"), [(fridge.MEASURE, False), (fridge.SWAP_MEASURE, True)])
def test_the_refrigerator_reads_qubit_1_by_borns_rule(choice: int, swapped: bool) -> None:
    k, p = 0.95, np.array([0.05, 0.15, 0.3, 0.5])
    z = pauli.from_populations(p[None])[0][(0, 3) if swapped else (3, 0)]
    action = {"control": np.array([4 * k - 3]), "operation": choice}
    state = np.concatenate([pauli.components(pauli.from_populations(p[None]))[0], [0.5]])
    shown = measured("MeasurementRefrigerator-v0", state, action)["outcome"]
    assert agrees(np.bincount(shown[:, 0] > 0), [(1 - (2 * k - 1) * z) / 2, (1 + (2 * k - 1) * z) / 2])
    assert not shown[:, 1].any()


def test_the_conditional_swap_reads_both_qubits() -> None:
    p = np.array([0.05, 0.15, 0.3, 0.5])
    state = np.concatenate([pauli.components(pauli.from_populations(p[None]))[0], [0.5]])
    action = {"control": np.zeros(1), "operation": fridge.CONDITIONAL_SWAP}
    shown = measured("MeasurementRefrigerator-v0", state, action)["outcome"]
    assert agrees([int((shown == pair).all(axis=1).sum()) for pair in pauli.TWO_SIGNS], p)


# ---- the trade-off ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [1.0, 0.8, 0.5, 0.0])
@pytest.mark.parametrize("reward", ["heat_flux", "shaped_power"])
def test_the_weighted_reward_is_the_published_one(c: float, reward: str) -> None:
    """c eps (p' - p)/dt for a contact, -(1 - c) S(p)/(beta dt) for a measurement, 0 for a unitary (g = beta = 1)."""
    env, dt = szilard.make_vec("FeedbackDemon-v0", 64, weight=c, reward=reward), 0.07
    env.reset(seed=0)
    env.action_space.seed(0)
    counted = np.zeros(3)
    for _ in range(40):
        p, _ = env.kernel.state.T
        action = env.action_space.sample()
        _, given, _, _, ledger = env.step(action)
        choice, eps = action["operation"], 5.0 * 0.8 * action["control"][:, 0].astype(float)
        entropy = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0.0)
        entropy -= np.where(p < 1, (1 - p) * np.log(np.where(p < 1, 1 - p, 1)), 0.0)
        equilibrium, rate = 1 / (1 + np.exp(eps)), 1 / np.tanh(np.abs(eps) / 2)
        after = equilibrium + (p - equilibrium) * np.exp(-dt * rate)
        wanted = np.select([choice == 0, choice == 1], [-(1 - c) * entropy / dt, c * eps * (after - p) / dt], 0.0)
        np.testing.assert_allclose(given, wanted, rtol=1e-9, atol=1e-11)
        machine = env.machine
        heat, record = ledger["heat"][:, 0], ledger["record"]
        parts = c * heat / (dt * machine.power_unit) - (1 - c) * record / (dt * machine.dissipation_unit)
        np.testing.assert_allclose(given, parts, rtol=1e-9, atol=1e-11)
        counted += np.bincount(choice, minlength=3)
    assert (counted > 100).all()


def test_a_range_of_weights_is_the_same_trade_off_in_every_copy() -> None:
    env = szilard.make_vec("FeedbackDemon-v0", 32, weight=(0.4, 1.0))
    seen, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(10):
        seen, given, _, _, ledger = env.step(env.action_space.sample())
        c = ledger["weight"]
        np.testing.assert_allclose(seen[:, -1], (c - 0.7) / 0.3, atol=1e-6)
        np.testing.assert_allclose(given, (c * ledger["heat"][:, 0] - (1 - c) * ledger["record"]) / 0.07, atol=1e-11)


# ---- controls that a choice does not use ---------------------------------------------------------------------------


@pytest.mark.parametrize("observation", ["state", "history"])
@pytest.mark.parametrize("env_id", [entry.id for entry in szilard.CATALOGUE])
def test_a_control_that_is_not_used_changes_nothing(env_id: str, observation: str) -> None:
    """Two copies with the same state and noise and other values of it get the same reward, state and observation."""
    preset = "plane" if "plane" in find_entry(env_id).presets else None  # with the most controls
    seen_by: dict[str, Any] = {"observation": "history", "history": 2} if observation == "history" else {}
    env = szilard.make_vec(env_id, 2, preset=preset, **seen_by)
    space, rng = env.machine.control_space, np.random.default_rng(0)
    env.reset(seed=0)
    tried = 0
    for choice in np.tile(np.arange(space.n_choices), 4):
        unused = ~space.used[choice]
        saved = env.get_state()
        for name, rows in saved.items():
            if name in ("state", "time", "history", "weight"):
                rows[1] = rows[0]
        saved["rngs"][1] = saved["rngs"][0]
        env.set_state(saved)
        control = np.repeat(rng.uniform(-1.0, 1.0, (1, space.n_values)), 2, axis=0)
        control[1, unused] = rng.uniform(-1.0, 1.0, unused.sum())
        tried += int(unused.sum())
        parts = {"control": control, space.choice_name: np.full(2, choice)}
        parts = {n: a for n, a in parts.items() if (space.n_values if n == "control" else space.choices)}
        action: Any = parts if len(parts) == 2 else next(iter(parts.values()))
        observed, reward, _, _, ledger = env.step(action)
        np.testing.assert_array_equal(*observed)
        np.testing.assert_array_equal(*reward)
        for name in ("state", "work", "heat", "power", "entropy_production"):
            np.testing.assert_array_equal(*ledger[name], err_msg=name)
    assert (tried > 0) == (not space.used.all())


U, V = Range("u", 0.0, 1.0), Range("v", -1.0, 1.0)


def test_what_a_choice_uses() -> None:
    space = ControlSpace((U, V), ("a", "b", "c"), "operation", ((), ("v",), ("u", "v")))
    assert space.used.tolist() == [[False, False], [False, True], [True, True]]
    assert ControlSpace((U, V), ("a", "b")).used.all()
    assert ControlSpace((), ("a", "b"), "operation", ((), ())).used.shape == (2, 0)
    assert ControlSpace((U,)).used.tolist() == [[True]]


def test_what_is_used_must_fit_the_choices_and_exist() -> None:
    with pytest.raises(ParameterError, match="uses has 1 entries: must have one per choice, 2"):
        ControlSpace((U, V), ("a", "b"), "operation", (("u",),))
    with pytest.raises(ParameterError, match="uses = 'U': must be one of 'u', 'v'"):
        ControlSpace((U, V), ("a",), "operation", (("U",),))
