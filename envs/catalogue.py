"""The catalogue of environments: one entry per system. Importing this module loads no machine and no torch.

An id exists after ``import szilard``; ``gymnasium.make("szilard:szilard/TwoLevelEngine-v0")`` needs no import.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from ..physics.validation import check_choice

if TYPE_CHECKING:
    from ..physics.machine import Machine
    from .machine_env import MachineEnv, MachineVectorEnv


@dataclass(frozen=True)
class Entry:
    """One system of the catalogue.

    Attributes:
        id: Gymnasium id.
        machine: ``"module:Class"`` below ``szilard.physics``.
        presets: named parameter sets (after their paper): arguments of machine and environment. The first is the
            default.
        max_episode_steps: time limit.
        baselines: reference cycles that ``szilard compare`` plays, by their names in ``physics.cycles.library``; of a
            machine with measurements reference protocols, by their names in ``physics.feedback.library``; of a cell
            those of all its presets, by their names in ``physics.cells.library``.
        references: ``"module:NAME"`` below ``szilard.physics`` of the reference values, checked by ``validate``.
        tags: words for lists.
        reward: reward by default, by name, of a system whose long-run power is no task; empty: that of ``Kernel``.
        multi_objective: the reward is a vector, see ``szilard.envs.multi_objective``.
    """

    id: str
    machine: str
    presets: Mapping[str, Mapping[str, Any]]
    max_episode_steps: int = 500
    baselines: tuple[str, ...] = ()
    references: str = ""
    tags: tuple[str, ...] = ()
    reward: str = ""
    multi_objective: bool = False

    def machine_class(self) -> type[Machine]:
        """The machine's class (imports its module)."""
        return load(self.machine)

    def environment_classes(self) -> tuple[type[MachineEnv], type[MachineVectorEnv]]:
        """The classes of the single and of the vector environment."""
        if self.multi_objective:
            from .multi_objective import MultiObjectiveEnv, MultiObjectiveVectorEnv

            return MultiObjectiveEnv, MultiObjectiveVectorEnv
        from .machine_env import MachineEnv, MachineVectorEnv

        return MachineEnv, MachineVectorEnv

    @property
    def twin(self) -> Entry:
        """The same system with vector rewards; MO-Gymnasium's names begin with ``mo-``."""
        name = self.id.replace("/", "/mo-")
        return dataclasses.replace(self, id=name, tags=(*self.tags, "vector reward"), multi_objective=True)


REFRIGERATOR_DT = 2.0 * math.pi / 0.05 / 128
"""Step of the papers on the qubit refrigerator (time in 1/E0)."""

CATALOGUE: tuple[Entry, ...] = (
    Entry(
        id="szilard/TwoLevelEngine-v0",
        machine="machines.two_level:TwoLevelEngine",
        presets={
            "ErdmanNoe2022": {
                "E0": 2.5, "u_min": 0.3, "u_max": 1.0, "beta_h": 1.0, "beta_c": 2.0, "gamma_h": 1.0, "gamma_c": 1.0,
                "rates": "fermionic", "dt": 0.5,
            },
        },
        baselines=("fast_otto", "slow_otto", "carnot_like", "idle"),
        references="machines.two_level_references:TWO_LEVEL_REFERENCES",
        tags=("engine", "certified optimum"),
    ),
    Entry(
        id="szilard/QubitRefrigerator-v0",
        machine="machines.qubit_refrigerator:QubitRefrigerator",
        presets={
            # PNAS Nexus 2, pgad248 (2023): Q = 4; npj Quantum Inf. 8, 1 (2022): Q = 30
            "ErdmanNoe2023": {"Q_h": 4.0, "Q_c": 4.0, "dt": REFRIGERATOR_DT},
            "ErdmanNoe2022": {"Q_h": 30.0, "Q_c": 30.0, "dt": REFRIGERATOR_DT},
        },
        baselines=("trapezoid", "sine", "idle"),
        references="machines.qubit_refrigerator_references:QUBIT_REFRIGERATOR_REFERENCES",
        tags=("refrigerator", "coherence"),
    ),
    Entry(
        id="szilard/OscillatorEngine-v0",
        machine="machines.oscillator:OscillatorEngine",
        presets={
            "ErdmanNoe2022": {"u_min": 0.5, "u_max": 0.99662, "dt": 0.2},
            "ErdmanNoe2022Wide": {"u_min": 0.35, "u_max": 1.5, "dt": 0.2},
        },
        baselines=("ramp_otto", "sudden_otto", "frictionless_otto", "idle"),
        references="machines.oscillator_references:OSCILLATOR_REFERENCES",
        tags=("engine", "coherence"),
    ),
    Entry(
        id="szilard/FeedbackDemon-v0",
        machine="machines.feedback_demon:FeedbackDemon",
        presets={
            "Erdman2024": {"E0": 5.0, "u_max": 0.8, "beta": 1.0, "g": 1.0, "dt": 0.07},
        },
        baselines=("always_measure", "fixed_wait", "belief_optimum", "idle"),
        references="machines.feedback_demon_references:FEEDBACK_DEMON_REFERENCES",
        tags=("demon", "certified optimum"),
    ),
    Entry(
        id="szilard/DeadTimeDemon-v0",
        machine="machines.dead_time_demon:DeadTimeDemon",
        presets={
            "default": {"e": 1.0, "T": 1.0, "gamma": 1.0, "t0": 0.5, "dt": 0.05},
        },
        baselines=("always_measure", "fixed_wait", "idle"),
        references="machines.dead_time_references:DEAD_TIME_REFERENCES",
        tags=("demon", "certified optimum"),
    ),
    Entry(
        id="szilard/TwoQubitDemon-v0",
        machine="machines.two_qubit_demon:TwoQubitDemon",
        presets={
            # the step is that of the published two-qubit environments (arXiv:2408.15328)
            "both": {"e1": 1.0, "e2": 1.0, "g": -0.25, "T": 1.0, "gamma": 1.0, "read_out": "both", "dt": 0.15},
            "one": {"e1": 1.0, "e2": 1.0, "g": -0.25, "T": 1.0, "gamma": 1.0, "read_out": "one", "dt": 0.15},
            "plane": {
                "e1": 1.0, "e2": 1.0, "g": -0.25, "T": 1.0, "gamma": 1.0, "read_out": "one", "axes": "xz", "dt": 0.15,
            },
        },
        baselines=("always_measure", "fixed_wait", "bayes_feedback", "belief_optimum", "idle"),
        references="machines.coupled_qubits_references:TWO_QUBIT_DEMON_REFERENCES",
        tags=("demon",),
    ),
    Entry(
        id="szilard/ContinuousDemon-v0",
        machine="machines.continuous_demon:ContinuousDemon",
        presets={
            "both": {
                "e1": 1.0, "e2": 1.0, "g": -0.25, "T": 1.0, "gamma": 1.0, "tau": 0.1, "read_out": "both", "dt": 0.15,
            },
            "plane": {
                "e1": 1.0, "e2": 1.0, "g": -0.25, "T": 1.0, "gamma": 1.0, "tau": 0.1, "read_out": "one", "axes": "xz",
                "dt": 0.15,
            },
        },
        baselines=("always_measure", "fixed_wait", "bayes_feedback", "belief_optimum", "idle"),
        references="machines.coupled_qubits_references:CONTINUOUS_DEMON_REFERENCES",
        tags=("demon",),
    ),
    Entry(
        id="szilard/MeasurementRefrigerator-v0",
        machine="machines.measurement_refrigerator:MeasurementRefrigerator",
        presets={
            "default": {"e1": 1.0, "e2": 2.5, "g": 0.2, "T1": 0.5, "T2": 1.0, "gamma": 1.0, "dt": 0.25},
        },
        baselines=(
            "always_measure", "swap", "swap_measure", "conditional_swap", "bayes_feedback", "belief_optimum", "idle",
        ),
        references="machines.coupled_qubits_references:MEASUREMENT_REFRIGERATOR_REFERENCES",
        tags=("refrigerator", "demon"),
    ),
    Entry(
        id="szilard/FerroelectricEngine-v0",
        machine="cells.ferroelectric_engine:FerroelectricEngine",
        presets={
            "BaTiO3": {"dt": 0.05},
        },
        baselines=("olsen", "brayton", "four_leg"),
        references="cells.ferroelectric_engine_references:FERROELECTRIC_ENGINE_REFERENCES",
        tags=("engine", "cell"),
    ),
    Entry(
        id="szilard/ElectrocaloricCooler-v0",
        machine="cells.electrocaloric_cooler:ElectrocaloricCooler",
        presets={
            "BaTiO3": {"dt": 0.05},
        },
        baselines=("brayton", "full_brayton"),
        references="cells.ferroelectric_engine_references:ELECTROCALORIC_REFERENCES",
        tags=("refrigerator", "cell"),
    ),
    Entry(
        id="szilard/SelfCyclingCell-v0",
        machine="cells.self_cycling_cell:SelfCyclingCell",
        presets={
            # hour scale; S1 is the same with a flat double layer, 2000 times smaller and faster
            "S2": {"dt": 5.0},
            "S1": {"C_A": 2e-3, "C_C": 5e-3, "y0": 5e-5, "y_w": 1.25e-5, "dt": 2.5e-3},
            # so little fuel that it is used up within hours: what counts is the work of the whole life
            "little_fuel": {"N0_A": 5.0, "N0_C": 500.0, "N_half": 0.1, "dt": 300.0, "reward": "life"},
            "two_bath": {"energy_source": "two_bath", "dt": 5.0},
            "mechanical": {"energy_source": "mechanical", "dt": 5.0},
            "none": {"energy_source": "none", "port_voltage": 1.5, "dt": 5.0},
        },
        max_episode_steps=2000,
        baselines=("matched_load", "oscillating_load", "load_program", "alternating_baths", "rest"),
        references="cells.self_cycling_references:SELF_CYCLING_REFERENCES",
        tags=("cell",),
    ),
    Entry(
        id="szilard/NegativeCapacitor-v0",
        machine="cells.ferroelectric_capacitor:FerroelectricCapacitor",
        presets={
            "PZT_eff": {"dt": 5e-7},
        },
        baselines=("square_wave", "rest"),
        references="cells.ferroelectric_capacitor_references:FERROELECTRIC_CAPACITOR_REFERENCES",
        tags=("cell",),
        reward="negative_capacitance",
    ),
    Entry(
        id="szilard/DoubleLayerCell-v0",
        machine="cells.double_layer_cell:DoubleLayerCell",
        presets={
            "reference": {"dt": 10.0},
        },
        baselines=("discharge", "square_wave", "rest"),
        references="cells.double_layer_references:DOUBLE_LAYER_REFERENCES",
        tags=("cell",),
    ),
)  # fmt: skip

MULTI_OBJECTIVE: tuple[Entry, ...] = tuple(e.twin for e in CATALOGUE)
"""The twins with vector rewards of all systems."""


def load(path: str) -> Any:
    """The object ``"module:name"`` below ``szilard.physics``."""
    module, name = path.split(":")
    return getattr(import_module(f"..physics.{module}", __package__), name)


def entry(env_id: str) -> Entry:
    """The entry with this id (the prefix ``szilard:`` and the namespace may be left out).

    Raises:
        ParameterError: for an unknown id, with the nearest one.
    """
    ids = {e.id: e for e in (*CATALOGUE, *MULTI_OBJECTIVE)}
    short = env_id.removeprefix("szilard:")
    if short not in ids and f"szilard/{short}" in ids:
        short = f"szilard/{short}"
    check_choice("environment", short, ids)
    return ids[short]


def configure(env_id: str, preset: str | None = None, **settings: Any) -> tuple[Machine, dict[str, Any]]:
    """Split keyword arguments into a machine and the remaining arguments of the environment.

    Args:
        env_id: id of the catalogue.
        preset: name of a parameter set; default: the entry's first.
        settings: fields of the machine, ``dt``, ``reward``, ``check_laws``, ``render_mode``, ``max_episode_steps``
            ...; they override the preset.

    Raises:
        ParameterError: for an unknown preset or argument (with the nearest valid name) or a bad value.
    """
    found = entry(env_id)
    name = next(iter(found.presets)) if preset is None else preset
    check_choice("preset", name, found.presets)
    machine_class = found.machine_class()
    machine_fields = [f.name for f in dataclasses.fields(machine_class) if f.init]
    env_fields = [p for c in found.environment_classes() for p in inspect.signature(c).parameters if p != "machine"]
    for key in settings:
        check_choice("parameter", key, [*machine_fields, *dict.fromkeys(env_fields), "preset"])
    merged = {**found.presets[name], **settings}
    if settings.get("reward") is None:
        # a vector of rewards and a weight need one with the power as its average
        replaced = found.multi_objective or merged.get("weight") is not None
        usual = found.presets[name].get("reward", found.reward)
        merged["reward"] = None if replaced else usual or None
    machine = machine_class(**{k: v for k, v in merged.items() if k in machine_fields})
    return machine, {k: v for k, v in merged.items() if k not in machine_fields}


def make_single(env_id: str, **settings: Any) -> MachineEnv:
    """Entry point of ``gymnasium.make``; arguments as in ``configure``."""
    machine, env_settings = configure(env_id, **settings)
    return entry(env_id).environment_classes()[0](machine, **env_settings)


def make_vector(env_id: str, num_envs: int = 1, **settings: Any) -> MachineVectorEnv:
    """Entry point of ``gymnasium.make_vec``; arguments as in ``configure``."""
    machine, env_settings = configure(env_id, **settings)
    return entry(env_id).environment_classes()[1](machine, num_envs=num_envs, **env_settings)


def register() -> None:
    """Register every entry with Gymnasium; calling it again changes nothing."""
    for e in (*CATALOGUE, *MULTI_OBJECTIVE):
        if e.id not in gym.registry:
            gym.register(
                e.id,
                entry_point=f"{__name__}:make_single",
                vector_entry_point=f"{__name__}:make_vector",
                max_episode_steps=e.max_episode_steps,
                kwargs={"env_id": e.id},
                # Gymnasium's checker wants a number for the reward; MO-Gymnasium switches it off too
                disable_env_checker=e.multi_objective,
            )


def make_vec(env_id: str, num_envs: int = 1, **settings: Any) -> MachineVectorEnv:
    """The native vector environment of an id: ``gymnasium.make_vec`` with the nearest-name errors of ``entry``."""
    found = entry(env_id)
    return gym.make_vec(found.id, num_envs, vectorization_mode="vector_entry_point", **settings)  # type: ignore[return-value]


__all__ = ["CATALOGUE", "MULTI_OBJECTIVE", "Entry", "configure", "entry", "load", "make_vec", "register"]
