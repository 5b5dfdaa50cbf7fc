"""Cells as environments: their end, exergy, rewards of their own, ramped controls, units and pictures."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import szilard
from szilard.envs.cell_rewards import CELL_REWARDS, Tracking
from szilard.envs.diagram import plane
from szilard.envs.drawing import history_trace
from szilard.envs.rewards import make_reward
from szilard.envs.style import amount, bath_looks, unit_math, units_of, words_of
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.instruments import instruments_of
from szilard.physics.cells.portraits import FilmPortrait
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.validation import ParameterError

ENGINE, COOLER, CELL, CAPACITOR, BATTERY = (
    f"szilard/{name}-v0"
    for name in (
        "FerroelectricEngine", "ElectrocaloricCooler", "SelfCyclingCell", "NegativeCapacitor", "DoubleLayerCell",
    )
)  # fmt: skip
SOURCES = ("S2", "S1", "little_fuel", "two_bath", "mechanical", "none")


def scaled(machine: Any, *values: float) -> np.ndarray:
    """Action of these physical values."""
    space = machine.control_space
    middle, half = 0.5 * (space.low + space.high), 0.5 * (space.high - space.low)
    return ((np.array(values) - middle) / half).astype(np.float32)


# ---- the end of a cell ---------------------------------------------------------------------------------------------


def test_a_cell_without_fuel_ends_the_episode() -> None:
    fuel: dict[str, Any] = {"preset": "little_fuel", "N0_A": 0.2}
    vec = szilard.make_vec(CELL, 2, **fuel)
    single = gym.make(CELL, max_episode_steps=10**6, **fuel).unwrapped
    vec.reset(seed=[4, 5])
    single.reset(seed=4)
    action = scaled(vec.machine, np.log10(425.0))
    own, ended, info = False, np.zeros(2, dtype=bool), {}
    for _ in range(400):
        _, _, ended, cut, info = vec.step(np.tile(action, (2, 1)))
        _, _, own, own_cut, own_info = single.step(action)
        assert not cut.any()
        assert not own_cut
        assert own == ended[0] == (own_info["state"][3] > 0.99 * 0.2)
        assert ("final_obs" in info) == ended.any()
        if own:
            break
    assert own
    assert vec.kernel.state[0, 3] == 0.0  # full again: the next episode
    np.testing.assert_array_equal(info["final_info"]["state"][0], info["state"][0])
    np.testing.assert_array_equal(info["_final_obs"], ended)


def test_only_fuel_is_used_up() -> None:
    for source in ("two_bath", "mechanical", "none"):
        machine = SelfCyclingCell(energy_source=source)
        state = machine.initial_state(np.full((3, 2), 0.5))
        assert not machine.ended(state).any()
    assert not FerroelectricEngine().ended(np.zeros((4, 3))).any()


@pytest.mark.parametrize("preset", SOURCES)
def test_every_source_stays_within_its_observation_space(preset: str) -> None:
    env = szilard.make_vec(CELL, 8, preset=preset)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(30):
        seen = env.step(env.action_space.sample())[0]
        assert env.observation_space.contains(seen)


# ---- exergy and rewards --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("env_id", "preset"), [(CELL, "S2"), (CELL, "two_bath"), (BATTERY, None), (CAPACITOR, None)])
def test_exergy_used_is_work_and_entropy_production(env_id: str, preset: str | None) -> None:
    """Gouy and Stodola, for every step; so that work minus lambda exergy is the reward with a weight."""
    env = szilard.make_vec(env_id, 4, preset=preset, reward={"power": 1.0, "exergy": 0.3})
    twin = szilard.make_vec(env_id, 4, preset=preset, reward="power", weight=0.7)
    machine: Any = env.machine
    for one in (env, twin):
        one.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(6):
        action = env.action_space.sample()
        _, reward, _, _, ledger = env.step(action)
        _, weighted, *_ = twin.step(action)
        change = ledger["energy_change"] - machine.T_a * ledger["entropy_change"]
        np.testing.assert_allclose(ledger["exergy_change"], change, rtol=1e-12)
        external = ledger["heat"] @ (1.0 - machine.T_a * machine.betas)
        lost = machine.T_a * ledger["entropy_production"]
        used = external - change
        np.testing.assert_allclose(used, -ledger["work"] + lost, atol=1e-9 * machine.energy_scale)
        np.testing.assert_allclose(reward, weighted, atol=1e-6 * (1.0 + np.abs(weighted).max()))


def test_power_and_shaped_power_differ_by_a_function_of_the_state() -> None:
    rewards = {}
    for name in ("power", "shaped_power"):
        env = szilard.make_vec(CELL, 3, reward=name)
        env.reset(seed=0)
        env.action_space.seed(0)
        machine, start = env.machine, env.kernel.state
        rewards[name] = sum(env.step(env.action_space.sample())[1] for _ in range(20))
        end = env.kernel.state
    potential = [machine.internal_energy(s) - machine.reference_energy(s) for s in (start, end)]
    gained = (potential[1] - potential[0]) / (5.0 * machine.power_unit)
    np.testing.assert_allclose(rewards["shaped_power"] - rewards["power"], gained, atol=1e-8)


def test_what_stores_energy_is_not_paid_by_heat() -> None:
    assert szilard.make_vec(CELL, observation="history", history=2).kernel.reward.to_spec() == "power"
    none = szilard.make_vec(CELL, preset="none", observation="history", history=2)
    assert none.kernel.reward.to_spec() == "measured_power"


def test_charge_is_what_a_meter_counts() -> None:
    env = szilard.make_vec(BATTERY, 2, reward="charge", dt=20.0)
    machine: Any = env.machine
    env.reset(options={"state": np.concatenate([machine.start(0.5), [0.0, 0.0]])[None].repeat(2, 0)})
    reward = env.step(np.array([[0.6], [-0.4]]))[1]
    # 3 mA of discharge, 2 mA of charge; the voltage limits are far away
    expected = np.array([3e-3, -2e-3]) * machine.voltage_scale / machine.power_unit
    np.testing.assert_allclose(reward, expected, rtol=1e-9)


def test_oscillation_is_the_motion_of_the_interface() -> None:
    env = szilard.make_vec(CELL, 1, reward="oscillation", dt=10.0)
    machine: Any = env.machine
    env.reset(options={"state": np.concatenate([machine.start(), [0.0, np.log10(1800.0)]])[None]})
    total = 0.0
    path = [machine.start()[1]]
    for _ in range(420):  # a period
        _, reward, _, _, ledger = env.step(scaled(machine, np.log10(1800.0))[None])
        total += float(reward[0])
        path.append(ledger["state"][0, 1])
    assert total == pytest.approx(np.abs(np.diff(path)).sum() * machine.R_m / (10.0 * machine.V_c))
    assert np.ptp(path) > 2.0 * machine.y0 / np.sqrt(3.0)  # it went round both folds


def test_tracking_shows_its_target_and_is_best_on_it() -> None:
    spec = {"tracking": {"volts": [0.8, 1.0, 0.8], "seconds": [0, 20, 40], "width": 0.05}, "exergy": 0.1}
    env = szilard.make_vec(CELL, 1, reward=spec, dt=5.0)
    assert env.kernel.reward == make_reward(env.kernel.reward.to_spec())
    seen, _ = env.reset(seed=0)
    machine: Any = env.machine
    targets, rewards = [], []
    for _ in range(10):
        targets.append(float(seen[0, -3]) * machine.voltage_scale)
        seen, reward, _, _, ledger = env.step(scaled(machine, 3.0)[None])
        exergy = make_reward("exergy")
        assert env.observation_space.contains(seen)
        voltage = machine.terminal(ledger["state"])[0][0]
        used = ledger["exergy_change"][0] / (5.0 * machine.power_unit)
        rewards.append(reward[0] - 0.1 * used)
        assert rewards[-1] == pytest.approx(-(((voltage - targets[-1]) / 0.05) ** 2), rel=1e-4)
        assert exergy.to_spec() == "exergy"
    np.testing.assert_allclose(targets, [0.85, 0.9, 0.95, 1.0, 0.95, 0.9, 0.85, 0.8, 0.85, 0.9], atol=1e-6)


def test_negative_capacitance_pays_where_the_voltage_falls_as_the_charge_rises() -> None:
    """The transient of the specification: negative slope while the film switches, positive before and after."""
    env = szilard.make_vec(CAPACITOR, 1)
    machine: Any = env.machine
    assert env.kernel.reward.to_spec() == "negative_capacitance"
    env.reset(options={"state": np.concatenate([machine.start(), [0.0, 0.0]])[None]})
    paid = np.array([env.step(np.array([[1.0]]))[1][0] for _ in range(60)])  # 30 us of 5.4 V
    inside = np.flatnonzero(paid > 0.0)
    assert (np.diff(inside) == 1).all()  # one stretch, 3.94 to 11.24 us
    assert 0.5 * inside[0] == pytest.approx(3.94, abs=0.5)
    assert 0.5 * (inside[-1] + 1) == pytest.approx(11.24, abs=0.5)
    assert 0.05 < paid.max() < 5.0


def test_films_start_anywhere_on_the_s_curve_and_stay_there_for_a_moment() -> None:
    env = szilard.make_vec(CAPACITOR, 64, dt=1e-9, reward="power")
    machine: Any = env.machine
    env.reset(seed=0)
    start = env.kernel.state
    env.step(start[:, -1:] / machine.V_max)
    # the unstable branch leaves within microseconds, not at once
    np.testing.assert_allclose(env.kernel.state[:, 0], start[:, 0], atol=1e-6)
    stiffness = machine.landau.stiffness(start[:, 0], machine.T_a)
    assert 0.3 < (stiffness < 0.0).mean() < 0.7


def test_feedback_holds_a_negative_capacitance_that_no_program_holds() -> None:
    """The square wave of half period 4 steps has an orbit of mean reward 1.0507 (Runge-Kutta): it is unstable."""
    env = szilard.make_vec(CAPACITOR, 3)
    machine: Any = env.machine
    state = np.tile([-0.1238, 0.975 * machine.C_b, 1.041, -machine.V_max], (3, 1))
    state[1, 0] += 2e-3
    env.reset(options={"state": state})
    sign, paid = 1.0, []
    for t in range(120):
        polarisation = env.kernel.state[2, 0]
        sign = -1.0 if polarisation > 0.11 else 1.0 if polarisation < -0.11 else sign
        program = 1.0 if t % 8 < 4 else -1.0
        paid.append(env.step(np.array([[program], [program], [sign]]))[1])
    on_orbit, beside, feedback = np.array(paid).T
    assert on_orbit[:8].mean() == pytest.approx(1.0507, rel=2e-3)
    assert beside[-40:].mean() < 0.0  # it has fallen into a pole
    assert feedback[8:].mean() > 1.02


def test_the_default_reward_gives_way_to_a_weight() -> None:
    assert szilard.make_vec(CAPACITOR, weight=0.5).kernel.reward.to_spec() == "shaped_power"
    assert szilard.make_vec(CAPACITOR, reward="power").kernel.reward.to_spec() == "power"
    assert szilard.make_vec(CAPACITOR.replace("/", "/mo-")).kernel.reward.to_spec() == "shaped_power"


@pytest.mark.parametrize("name", CELL_REWARDS)
def test_rewards_of_cells_are_rebuilt_from_their_spec(name: str) -> None:
    one, several = make_reward(name), make_reward({name: {"weight": 0.5}, "power": 2.0})
    assert make_reward(several.to_spec()) == several
    again: Any = make_reward(one.to_spec())
    assert again == one or again.terms == ((1.0, one),)


@pytest.mark.parametrize("name", CELL_REWARDS)
def test_other_machines_have_none_of_them(name: str) -> None:
    def play() -> None:
        env = szilard.make_vec("szilard/TwoLevelEngine-v0", 1, reward=name)
        env.reset(seed=0)
        env.step(env.action_space.sample())

    with pytest.raises(ParameterError, match="needs a "):
        play()


def test_bad_profiles() -> None:
    for bad in ({"seconds": (1.0, 2.0)}, {"seconds": (0.0, 0.0)}, {"volts": (1.0,)}, {"width": 0.0}):
        with pytest.raises(ParameterError, match=r"tracking, seconds"):
            Tracking(**bad)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="did you mean 'volts'"):
        make_reward({"tracking": {"volt": [1.0, 1.0]}})


# ---- what is seen and what a switch costs --------------------------------------------------------------------------


def test_a_cycler_reads_the_terminals() -> None:
    """Ohm's law at the load, and what is left of the voltage when the current stops."""
    env = szilard.make_vec(CELL, 3, preset="none", energy_source="chemical", observation="instruments", dt=5.0)
    machine: Any = env.machine
    there = instruments_of(machine)
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(5):
        state = env.step(env.action_space.sample())[4]["state"]
        voltage, current, theta, open_circuit = there.read(state).T
        np.testing.assert_allclose(voltage, 10.0 ** state[:, 6] * current + state[:, 7], rtol=1e-12)
        np.testing.assert_array_equal(theta, state[:, 5])
        unloaded = state.copy()
        unloaded[:, 6], unloaded[:, 7] = 14.0, 0.0
        np.testing.assert_allclose(machine.terminal(unloaded)[0], open_circuit, rtol=1e-9)
    assert there.units == ("V", "A", "K", "V")


def test_instruments_of_the_others() -> None:
    film, battery = (szilard.make_vec(i).machine for i in (CAPACITOR, BATTERY))
    assert instruments_of(battery).units[1] == "A/cm2"
    state = film.initial_state(np.array([[0.1], [0.7]]))
    state[:, -1] = [5.0, -3.0]
    voltage, current, _, across = instruments_of(film).read(state).T
    np.testing.assert_allclose(voltage, state[:, -1], atol=1e-12)  # the source is at the terminals
    np.testing.assert_allclose(across, film.voltage(state), atol=1e-12)  # type: ignore[attr-defined]
    np.testing.assert_allclose(current, (across - voltage) / film.R)  # type: ignore[attr-defined]
    engine: Any = szilard.make_vec(ENGINE).machine
    there = instruments_of(engine)
    state = np.array([[0.2, 10.0, 5e6]])
    # P/P_s and (T - T_c)/(T_h - T_c)
    np.testing.assert_allclose(there.read(state) / there.scale, [[0.2 / engine.largest, 0.25]])


def test_temperatures_are_shown_on_the_scale_of_the_baths() -> None:
    two, one = (instruments_of(szilard.make_vec(CELL, preset=p).machine).scale[2] for p in ("two_bath", "S2"))
    assert two == pytest.approx(20.0)
    assert one == pytest.approx(0.02)


@pytest.mark.parametrize("observation", ["state", "instruments"])
def test_a_switch_of_the_bath_costs_its_weight(observation: str) -> None:
    seen_by: dict[str, Any] = {"observation": observation}
    env = szilard.make_vec(ENGINE, 2, reward={"power": 1.0, "switching": 3.0}, max_episode_steps=7, **seen_by)
    plain = szilard.make_vec(ENGINE, 2, reward="power", max_episode_steps=7, **seen_by)
    assert make_reward(env.kernel.reward.to_spec()) == env.kernel.reward
    for one in (env, plain):
        one.reset(seed=0)
    baths = np.random.default_rng(1).integers(3, size=(20, 2))
    for t, bath in enumerate(baths):
        action = {"control": np.zeros((2, 1)), "bath": bath}
        seen, reward, _, cut, info = env.step(action)
        expected, free, *_ = plain.step(action)
        changed = (bath != baths[t - 1]) & (t % 7 > 0)  # the first choice of an episode is free
        np.testing.assert_allclose((reward - free) * env.kernel.dt * env.machine.power_unit, -3.0 * changed, atol=1e-9)
        last = info["final_obs"] if cut.all() else seen
        np.testing.assert_array_equal(last[:, -3:], np.eye(3)[bath])
        assert env.observation_space.contains(seen)
        np.testing.assert_array_equal(seen[:, :-3], expected)
        if cut.all():
            assert not seen[:, -3:].any()
    saved = env.get_state()
    env.kernel.held[:] = 2
    env.set_state(saved)
    np.testing.assert_array_equal(env.kernel.held, baths[-1])


def test_no_switch_without_a_choice() -> None:
    with pytest.raises(ParameterError, match="'switching': needs a machine with a choice"):
        szilard.make_vec(CELL, reward={"power": 1.0, "switching": 1.0})


# ---- pictures ------------------------------------------------------------------------------------------------------


def played_engine(env_id: str = ENGINE) -> Any:
    env = gym.make(env_id, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    for _ in range(5):
        for field, bath in [(1, 2)] * 5 + [(-1, 1)] * 4:
            env.step({"control": np.array([field]), "bath": bath})
    return env


def test_the_area_of_the_loop_is_the_work() -> None:
    env = played_engine()
    machine: Any = env.machine
    frames = list(env.kernel.history)[-9:]
    steps = history_trace(machine, frames)
    # a control that ramps is on its way inside a step
    assert steps.ramps.all()
    assert len(np.unique(steps.inside_values[0, :, 0])) == steps.inside.shape[1]
    np.testing.assert_allclose(steps.inside_values[:, -1], steps.values)
    n, s, m = steps.inside_values.shape
    field, polarisation = plane(machine, steps.inside.reshape(n * s, -1), steps.inside_values.reshape(n * s, m))
    area = np.trapezoid(field, polarisation)
    work = sum(f.work for f in frames) / machine.volume
    assert area == pytest.approx(work, rel=0.02)  # points along the ramps are few
    assert work < 0.0


def test_the_thermal_plane_of_the_engine() -> None:
    env = played_engine()
    machine: Any = env.machine
    portrait = FilmPortrait(machine, thermal=True)
    entropy, temperature = portrait.plane(env.kernel.state)
    assert temperature.values[0] == machine.T_cold + env.kernel.state[0, 1]
    assert entropy.values[0] * machine.volume == pytest.approx(machine.entropy(env.kernel.state)[0])
    for guide in portrait.guides():  # at constant field the entropy rises with the temperature
        assert (np.diff(guide.x) > 0.0).all()


@pytest.mark.parametrize(
    ("env_id", "labels"),
    [
        (ENGINE, {"control\n$E$ ($\\mathrm{MV}/\\mathrm{m}$)", "field $E$ ($\\mathrm{MV}/\\mathrm{m}$)"}),
        (CELL, {"interface order $y$ ($\\mathrm{mC}$)"}),
        (CAPACITOR, {"charge $Q$ ($\\mathrm{pC}$)"}),
        (BATTERY, {"control\n$I$ ($\\mathrm{mA}/\\mathrm{cm}^{2}$)"}),
    ],
)
def test_axes_have_si_units_with_a_prefix(env_id: str, labels: set[str]) -> None:
    from szilard.envs.rendering import draw_history

    env = gym.make(env_id, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(12):
        env.step(env.action_space.sample())
    figure = draw_history(env.machine, list(env.kernel.history))  # type: ignore[attr-defined]
    found = {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    assert labels <= found


def test_units_and_words() -> None:
    assert units_of(szilard.make_vec(CELL).machine).power == "W"
    assert units_of(szilard.make_vec(BATTERY).machine).energy == "J/cm2"
    assert unit_math("J/cm2") == r"$\mathrm{J}/\mathrm{cm}^{2}$"
    assert unit_math("C/m2") == r"$\mathrm{C}/\mathrm{m}^{2}$"
    assert unit_math("V m/(C K)") == r"$\mathrm{V}\ \mathrm{m}/(\mathrm{C}\ \mathrm{K})$"
    assert amount(1.337e-3, "W") == r"1.34 $\mathrm{mW}$"
    assert amount(-3.78e-8, "J") == r"−37.8 $\mathrm{nJ}$"
    assert amount(2e-6, "s") == r"2 $µ\mathrm{s}$"
    assert amount(720.0, "s") == r"720 $\mathrm{s}$"  # and no kiloseconds
    assert [words_of(szilard.make_vec(i).machine).kind for i in (ENGINE, COOLER, CELL, BATTERY)] == [
        "engine", "refrigerator", "cell", "cell",
    ]  # fmt: skip
    looks = bath_looks(szilard.make_vec(CAPACITOR).machine)
    assert [look.label for look in looks] == ["ambient", "resistor"]
    assert looks[0].colour != looks[1].colour
