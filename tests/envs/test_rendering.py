"""Pictures of environments: shape, content, units, every kind of machine, no pyplot, no display needed."""

import logging
import subprocess
import sys
import warnings
from typing import Any, ClassVar

import gymnasium as gym
import matplotlib as mpl
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import szilard  # noqa: F401 (registers the environments)
from szilard.envs import rendering
from szilard.envs.diagram import equilibria
from szilard.envs.drawing import history_trace, shown
from szilard.envs.machine_env import MachineEnv
from szilard.envs.style import (
    COLD,
    GREY,
    HOT,
    Units,
    amount,
    bath_looks,
    choice_looks,
    label,
    math,
    quantity_label,
    units_of,
)
from szilard.physics.baths import FermionicBath
from szilard.physics.control import Control, Range
from szilard.physics.machine import Machine
from szilard.physics.machines.continuous_demon import ContinuousDemon
from szilard.physics.machines.dead_time_demon import DeadTimeDemon
from szilard.physics.machines.dlevel import DLevelMachine
from szilard.physics.machines.feedback_demon import MEASURE, THERMALISE, FeedbackDemon
from szilard.physics.machines.measurement_refrigerator import MeasurementRefrigerator
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import COLD as COLD_BATH
from szilard.physics.machines.two_level import HOT as HOT_BATH
from szilard.physics.machines.two_level import NONE, TwoLevelEngine
from szilard.physics.machines.two_qubit_demon import TwoQubitDemon

SX, SZ = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
DRIVES = ((Range("u", 0.3, 0.7), SZ), (Range("v", -0.1, 0.1, "T"), SX))
BATHS = {"hot": (SX, FermionicBath(0.5, 0.05)), "cold": (SX, FermionicBath(2.0, 0.05))}


def machines() -> dict[str, Machine]:
    drift = 0.5 * SZ
    return {
        "two-level": TwoLevelEngine(),
        "no choice, one control": DLevelMachine(hamiltonian=drift, controls=DRIVES[:1], baths=BATHS),
        "no choice, two controls": DLevelMachine(hamiltonian=drift, controls=DRIVES, baths=BATHS),
        "refrigerator": QubitRefrigerator(),
        "oscillator": OscillatorEngine(),
        "choice, no control": DLevelMachine(
            hamiltonian=drift, baths=BATHS, connections={"hot": ["hot"], "both": ["hot", "cold"], "none": []}
        ),
    } | demons()


def demons() -> dict[str, Machine]:
    return {
        "feedback demon": FeedbackDemon(),
        "dead time": DeadTimeDemon(),
        "two qubits": TwoQubitDemon(),
        "two qubits, plane": TwoQubitDemon(read_out="one", axes="xz"),
        "continuous": ContinuousDemon(),
        "measurement refrigerator": MeasurementRefrigerator(),
    }


def played(machine: Machine, steps: int) -> MachineEnv:
    env = MachineEnv(machine, 0.5, reward="power", render_mode="rgb_array")
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(steps):
        env.step(env.action_space.sample())
    return env


def drawn(env: MachineEnv) -> Figure:
    assert env.kernel.history is not None
    return rendering.draw_history(env.machine, list(env.kernel.history))


@pytest.mark.parametrize("name", machines())
def test_picture_has_one_size_and_changes_with_every_step(name: str) -> None:
    env = played(machines()[name], 0)
    pictures = [env.render()]
    for _ in range(2):
        env.step(env.action_space.sample())
        pictures.append(env.render())
    for picture in pictures:
        assert picture.dtype == np.uint8
        assert picture.shape == pictures[0].shape
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.std() > 1
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[1] != pictures[2]).any()


@pytest.mark.parametrize("name", machines())
@pytest.mark.parametrize("steps", [0, 60])
def test_axes_are_labelled(name: str, steps: int) -> None:
    figure = drawn(played(machines()[name], steps))
    used = [axes for axes in figure.axes if axes.axison]
    assert all(axes.get_ylabel() for axes in used)
    assert any(axes.get_xlabel().startswith("time $t$ (") for axes in used)
    assert any(axes.get_ylabel().startswith("heat current") for axes in used)


def test_units_and_colours_of_the_two_level_engine() -> None:
    figure = drawn(played(TwoLevelEngine(), 20))
    labels = " ".join(axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes)
    assert r"time $t$ ($1/\gamma_\mathrm{h}$)" in labels
    assert "u$ (dimensionless)" in labels
    assert r"\partial E/\partial p$ ($k_\mathrm{B}\ T_\mathrm{h}$)" in labels
    (legend,) = figure.legends
    colours = dict(
        zip(
            (t.get_text() for t in legend.get_texts()), (to_hex(h.get_color()) for h in legend.get_lines()), strict=True
        )
    )
    assert colours["hot bath"] == HOT
    assert colours["cold bath"] == COLD
    assert colours["no bath"] == GREY


def test_a_refrigerator_shows_what_it_cools() -> None:
    env = played(QubitRefrigerator(), 20)
    figure = drawn(env)
    (title,) = [text.get_text() for text in figure.texts]
    frames = env.kernel.history
    assert frames is not None
    heat, work = sum(f.heat[1] for f in frames), sum(f.work for f in frames)
    assert title.endswith(f"{amount(heat, 'E0')} from the cold bath for {amount(work, 'E0')} of work")
    (legend,) = figure.legends
    texts = {t.get_text() for t in legend.get_texts()}
    assert {"steady state", "thermal, hot bath", "thermal, cold bath", "hot bath", "cold bath"} <= texts
    labels = {axes.get_ylabel().replace("\n", " ") for axes in figure.axes}
    assert {r"coherence $C$ ($\mathrm{nats}$)", "excited population $p$ (dimensionless)"} <= labels


@pytest.mark.parametrize("machine", [QubitRefrigerator(), OscillatorEngine()], ids=lambda m: type(m).__name__)
def test_coherence_panel_follows_the_exact_state(machine: Machine) -> None:
    env = played(machine, 12)
    assert env.kernel.history is not None
    frames = list(env.kernel.history)
    found = shown(machine, history_trace(machine, frames))[-1]
    after = machine.portrait.coherence(np.array([f.after for f in frames]))
    assert after is not None
    assert found.name == "coherence"
    np.testing.assert_allclose(found.values[:, -1], after, rtol=0, atol=1e-12)
    assert after.max() > 1e-3  # random controls make some


@pytest.mark.parametrize("name", demons())
def test_demons_show_operations_outcomes_and_where_they_are_in_the_plane(name: str) -> None:
    env = played(demons()[name], 40)
    machine = env.machine
    assert env.kernel.history is not None
    frames = list(env.kernel.history)
    figure = drawn(env)
    (legend,) = figure.legends
    texts = {t.get_text() for t in legend.get_texts()}
    assert {look.label for look in choice_looks(machine)} <= texts
    assert set(machine.detector_names) <= texts
    (outcome,) = [axes for axes in figure.axes if axes.get_ylabel() == "outcome"]
    points = [line for line in outcome.lines if line.get_marker() != "None"]
    for j, line in enumerate(points):
        read = [(f.time, f.outcome[j]) for f in frames if f.outcome[j] != 0.0]
        np.testing.assert_allclose(np.reshape(line.get_xydata(), (-1, 2)), np.reshape(read, (-1, 2)))
    assert sum(len(np.asarray(line.get_xdata())) for line in points) > 0
    # the diagram ends where the system is
    here = np.array([frames[-1].after])
    x, y = (q.values[0] for q in machine.portrait.plane(here) or ())
    ends = [c.get_segments()[-1][-1] for c in figure.axes[-1].collections]  # type: ignore[attr-defined]
    assert min(float(np.abs(end - [x, y]).max()) for end in ends) < 1e-12
    (title,) = [text.get_text() for text in figure.texts]
    cost = sum(f.work + f.measurement_energy for f in frames)
    assert amount(cost if machine.is_refrigerator else -cost, units_of(machine).energy) in title


def test_a_control_is_drawn_only_where_it_acts() -> None:
    env = MachineEnv(FeedbackDemon(), 0.07, render_mode="rgb_array")
    env.reset(seed=0)
    for choice in (THERMALISE, MEASURE, THERMALISE, THERMALISE):
        env.step({"control": np.array([0.5], np.float32), "operation": choice})
    holds = drawn(env).axes[0].collections[-1].get_segments()  # type: ignore[attr-defined]
    np.testing.assert_allclose([hold[0] for hold in holds], [[0.0, 0.4], [0.14, 0.4], [0.21, 0.4]])
    assert env.kernel.history is not None
    np.testing.assert_allclose(history_trace(env.machine, list(env.kernel.history)).values[:, 0], 0.4)


@pytest.mark.parametrize("name", demons())
def test_the_inside_of_a_step_has_the_noise_of_the_step(name: str) -> None:
    """States on the way are physical, the first is the one before, and a measurement jumps at once."""
    env = played(demons()[name], 30)
    assert env.kernel.history is not None
    frames, machine = list(env.kernel.history), env.machine
    steps = history_trace(machine, frames)
    assert steps.inside.shape[1] > 2
    states = np.concatenate([steps.inside, np.repeat(steps.values[:, None], steps.inside.shape[1], axis=1)], axis=2)
    machine.check_state(states.reshape(-1, machine.n_state))
    np.testing.assert_array_equal(states[:, -1], [f.after for f in frames])
    if isinstance(machine, (FeedbackDemon, TwoQubitDemon)):
        measured = [k for k, f in enumerate(frames) if f.outcome.any()]
        assert measured
        for k in measured:
            np.testing.assert_allclose(steps.inside[k, 1], steps.inside[k, -1], atol=1e-14)


def test_vector_environment_draws_copy_0() -> None:
    env = gym.make_vec("szilard/TwoLevelEngine-v0", 3, vectorization_mode="vector_entry_point", render_mode="rgb_array")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    picture: Any = env.render()
    assert picture[0].dtype == np.uint8


def test_the_curve_inside_a_hold_is_exact() -> None:
    machine = TwoLevelEngine()
    env = MachineEnv(machine, 0.5, render_mode="rgb_array")
    env.reset(seed=3)
    env.step({"control": np.array([0.2], np.float32), "bath": HOT_BATH})
    assert env.kernel.history is not None
    steps = history_trace(machine, list(env.kernel.history))
    f = 1.0 / (1.0 + np.exp(machine.E0 * steps.values[0, 0]))
    p0 = steps.inside[0, 0, 0]
    expected = f + (p0 - f) * np.exp(-steps.inside_times[0])
    np.testing.assert_allclose(steps.inside[0, :, 0], expected, rtol=1e-13)


def test_equilibria_are_thermal_and_undefined_without_a_bath() -> None:
    machine = TwoLevelEngine()
    values = np.full((3, 1), 0.8)
    found = equilibria(machine, Control(values, np.array([HOT_BATH, COLD_BATH, NONE])))[:, 0]
    np.testing.assert_allclose(found[:2], 1.0 / (1.0 + np.exp(machine.betas * machine.E0 * 0.8)), rtol=1e-13)
    assert np.isnan(found[2])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Units("1/gamma_h", "k_B T_h", "gamma_h k_B T_h", "gamma_h")),
        ({"gamma_h": 2.0}, Units("1/gamma_c", "k_B T_h", "gamma_c k_B T_h", "gamma_c")),
        ({"beta_h": 0.5, "beta_c": 3.0, "E0": 1.0}, Units("1/gamma_h", "E0", "gamma_h E0", "gamma_h")),
        ({"gamma_h": 2.0, "gamma_c": 2.0}, Units("hbar/(k_B T_h)", "k_B T_h", "(k_B T_h)²/hbar", "k_B T_h/hbar")),
        ({"beta_h": 0.5, "gamma_h": 2.0, "gamma_c": 2.0}, Units()),
    ],
)
def test_the_parameter_that_is_one_is_the_unit(settings: dict[str, float], expected: Units) -> None:
    assert units_of(TwoLevelEngine(**settings)) == expected  # type: ignore[arg-type]


def test_units_of_the_machines_without_a_unit_of_rate() -> None:
    assert units_of(QubitRefrigerator()) == Units("hbar/E0", "E0", "E0²/hbar", "E0/hbar")
    assert units_of(QubitRefrigerator(Sigma0=1.0, P0=1.0)) == units_of(QubitRefrigerator())  # units of rewards only
    assert units_of(OscillatorEngine()) == Units()


def test_notation() -> None:
    assert math("E0²/hbar") == r"$E_\mathrm{0}²/\hbar$"
    assert amount(2.74e-5, "1") == r"2.74$\cdot 10^{-5}$"
    assert math("gamma_h k_B T_h") == r"$\gamma_\mathrm{h}\ k_\mathrm{B}\ T_\mathrm{h}$"
    assert math("E0") == r"$E_\mathrm{0}$"
    assert math("x0_1") == r"$x_\mathrm{0,1}$"
    assert label("control", "u", "1") == "control $u$ (dimensionless)"
    assert label("power") == "power"
    assert amount(2.0, "1/gamma_h") == r"2/$\gamma_\mathrm{h}$"
    assert amount(-0.0, "1") == "0"
    assert amount(-0.5, "K") == r"−0.5 $\mathrm{K}$"
    assert amount(1.0, "k_B T") == r"1 $k_\mathrm{B}\ T$"
    assert amount(2.0, "1/g") == "2/$g$"


def test_a_machine_may_name_its_variables() -> None:
    class Unnamed(TwoLevelEngine):
        quantities: ClassVar[dict[str, tuple[str, str]]] = {}

    labels = [
        quantity_label(machine.portrait.shown(np.zeros((1, 2)))[0], Units())
        for machine in (TwoLevelEngine(), Unnamed())
    ]
    assert labels == ["population $p$ (dimensionless)", "state variable $p$"]


def test_units_in_hbar_can_be_drawn() -> None:
    machine = TwoLevelEngine(gamma_h=2.0, gamma_c=2.0)
    rendering.to_rgb(drawn(played(machine, 1)))


def test_colours_follow_temperature_and_are_distinct() -> None:
    three = DLevelMachine(
        hamiltonian=SZ, baths={n: (SX, FermionicBath(b, 0.01)) for n, b in {"a": 2.0, "b": 1.0, "c": 1.5}.items()}
    )
    colours = [look.colour for look in bath_looks(three)]
    assert colours[0] == COLD
    assert colours[1] == HOT
    assert len(set(colours)) == 3
    assert len({look.colour for look in choice_looks(TwoLevelEngine())}) == 3


def test_style_does_not_leak() -> None:
    before = dict(mpl.rcParams)
    drawn(played(TwoLevelEngine(), 1))
    assert dict(mpl.rcParams) == before


def test_rendering_imports_matplotlib_late_and_never_pyplot() -> None:
    script = """
import sys
import gymnasium as gym
import szilard
import szilard.envs.rendering, szilard.envs.style
assert not any(name.startswith("matplotlib") for name in sys.modules), "matplotlib imported early"
env = gym.make("szilard/TwoLevelEngine-v0", render_mode="rgb_array")
env.reset(seed=0)
env.step(env.action_space.sample())
env.render()
assert "matplotlib.pyplot" not in sys.modules, "pyplot imported"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    mpl.use("agg", force=True)
    monkeypatch.setattr(rendering.Window, "_told", False)


@pytest.mark.usefixtures("_no_display")
def test_environment_check_tries_all_render_modes_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make("szilard/TwoLevelEngine-v0").unwrapped)


@pytest.mark.usefixtures("_no_display")
def test_window_without_display_says_so_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger=rendering.__name__):
        for _ in range(2):
            window = rendering.Window("engine")
            window.show(drawn(played(TwoLevelEngine(), 1)))
            window.close()
            window.close()
    (record,) = caplog.records
    assert "rgb_array" in record.getMessage()


@pytest.mark.usefixtures("_no_display")
def test_gui_backend_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from matplotlib import pyplot

    def fail(**_: Any) -> None:
        raise ImportError("Cannot load backend 'TkAgg', as 'headless' is currently running")

    monkeypatch.setattr(pyplot, "figure", fail)
    rendering.Window("engine").close()
    assert len(caplog.records) == 1
