"""Settings known to work: a preset per algorithm, and what differs for single environments; plain data, no torch.

Discounts and networks are small: with the shaped reward a short horizon is enough, and the environments are so fast
that updating the networks is all the time there is. Scores are in the README.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from .schedules import HoldThenDecay


@dataclass(frozen=True)
class Preset:
    """How to train one algorithm.

    Attributes:
        about: one line for lists.
        algorithm: ``"module:Class"`` of an SB3 algorithm.
        steps: environment steps, over all copies.
        n_envs: copies of the environment.
        encoding: action encoding, see ``szilard.envs.encodings``.
        levels: grid points per control of a discrete encoding.
        episode_steps: training episodes are cut (and bootstrapped) after so many steps: fresh start states keep the
            data spread over all states, long after the policy has settled on a cycle.
        hyperparameters: arguments of the algorithm; names and numbers stand for objects that need torch
            (``features_extractor_class: fourier``, ``action_noise: standard deviation``).
    """

    about: str
    algorithm: str
    steps: int
    n_envs: int
    encoding: str = "box"
    levels: int = 15
    episode_steps: int = 50
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def algorithm_class(self) -> type[Any]:
        """The class (imports its module, and torch)."""
        module, name = self.algorithm.split(":")
        return getattr(import_module(module), name)


# small networks over random Fourier features: without the features SB3's algorithms stop a few per cent lower
_NETWORK = {"net_arch": [64, 64], "features_extractor_class": "fourier"}
_OFF_POLICY = {
    "learning_rate": HoldThenDecay(1e-3, hold=0.4),
    "gamma": 0.9,
    "learning_starts": 1000,
    "train_freq": 1,
    "gradient_steps": 8,
    "policy_kwargs": _NETWORK,
}

PRESETS: dict[str, Preset] = {
    "hybrid_sac": Preset(
        about="hybrid soft actor-critic: a head per bath, iterated potential; the default",
        algorithm="szilard.agents.hybrid_sac:HybridSAC",
        steps=16_000,
        n_envs=16,
        hyperparameters={"gradient_steps": 8},
    ),
    "sac": Preset(
        about="soft actor-critic on a plain box; the bath by thresholds of one number",
        algorithm="stable_baselines3:SAC",
        steps=16_000,
        n_envs=16,
        # half the usual target entropy of -1 per number: the noise of the policy costs power
        hyperparameters={**_OFF_POLICY, "target_entropy": -4.0},
    ),
    "td3": Preset(
        about="twin-delayed DDPG on a plain box, a score per bath; less reliable than the others",
        algorithm="stable_baselines3:TD3",
        steps=16_000,
        n_envs=16,
        encoding="argmax",
        hyperparameters={**_OFF_POLICY, "action_noise": 0.3},
    ),
    "ppo": Preset(
        about="proximal policy optimisation on a plain box; the bath by thresholds of one number",
        algorithm="stable_baselines3:PPO",
        steps=300_000,
        n_envs=64,
        hyperparameters={
            "learning_rate": HoldThenDecay(1e-3),
            "gamma": 0.9,
            "n_steps": 32,
            "batch_size": 256,
            "policy_kwargs": _NETWORK,
        },
    ),
    "recurrent_ppo": Preset(
        about="proximal policy optimisation with an LSTM (sb3-contrib), for records: observation=history, history=1",
        algorithm="szilard.agents.recurrent:RecurrentPPO",
        steps=400_000,
        n_envs=64,
        encoding="multidiscrete",
        hyperparameters={
            "learning_rate": HoldThenDecay(2e-3),
            "gamma": 0.95,
            "n_steps": 50,
            "batch_size": 800,
            "n_epochs": 4,
            "ent_coef": 0.003,
            "policy_kwargs": {"net_arch": [32], "lstm_hidden_size": 32},
        },
    ),
    "dqn": Preset(
        about="deep Q-network on a grid of 24 controls times the baths, whose best cycle has 99.99 % of the optimum",
        algorithm="stable_baselines3:DQN",
        steps=20_000,
        n_envs=4,
        encoding="discrete",
        levels=24,
        hyperparameters={
            **_OFF_POLICY,
            "learning_rate": HoldThenDecay(1e-3),
            "gamma": 0.97,
            "gradient_steps": 4,
            "batch_size": 128,
            "target_update_interval": 500,
            "exploration_fraction": 0.3,
        },
    ),
}
"""Presets by the name used on the command line and in YAML."""

# Cycles of 20 to 30 steps with coherence. They need values further ahead while the potential is built, noise that ends
# small (a control at its bound must come to lie there), and a potential with more, smoother features.
_COHERENT = {
    "gamma": 0.97,
    "control_entropy": (-0.5, -4.0),
    "anneal": 0.7,
    "policy_kwargs": {"n_frequencies": 64, "frequency_scale": 2.0, "explore_control": 0.1},
}
_FAR = {"gamma": 0.98}

# Outcomes are drawn, so a target is the mean of values that differ, which a Huber loss would not find. A read-out must
# become projective (a control at its bound), and the last step before it is worth little more than another wait.
_MEASURED = {
    "gamma": 0.98,
    "tau": 0.02,
    "huber": 10.0,
    "control_entropy": (-0.5, -7.0),
    "anneal": 0.7,
    "policy_kwargs": {"explore_control": 0.1, "edge": 1e-3},
}
_TWO_QUBITS: dict[str, Any] = {"steps": 40_000, "episode_steps": 25, "hyperparameters": _MEASURED}

# Cycles of 10 to 20 steps whose legs are all at one end of the range: noise that ends small, and controls on the bound.
_FILM = {
    "gamma": 0.97,
    "control_entropy": (-0.5, -4.0),
    "anneal": 0.7,
    "policy_kwargs": {"explore_control": 0.1, "edge": 1e-2},
}

# A cell that follows its load within tens of steps. Its shaped reward prices the charge, so the next steps tell what an
# action is worth and no potential is to be found. With little fuel an episode is a life, and what the double layers
# still hold at its end is lost at once: a large loss, and sharp features of the fuel.
_SLOW = {
    "gamma": 0.98,
    "potential_rate": 0.0,
    "huber": 10.0,
    "control_entropy": (-0.5, -3.0),
    "policy_kwargs": {"n_frequencies": 64, "frequency_scale": 3.0, "explore_control": 0.1},
}

TUNED: dict[tuple[str, str], dict[str, Any]] = {
    ("hybrid_sac", "szilard/QubitRefrigerator-v0"): {"steps": 80_000, "hyperparameters": _COHERENT},
    ("hybrid_sac", "szilard/OscillatorEngine-v0"): {"steps": 80_000, "n_envs": 32, "hyperparameters": _COHERENT},
    ("hybrid_sac", "szilard/TwoQubitDemon-v0"): _TWO_QUBITS,
    ("hybrid_sac", "szilard/ContinuousDemon-v0"): _TWO_QUBITS,
    ("hybrid_sac", "szilard/MeasurementRefrigerator-v0"): _TWO_QUBITS,
    ("hybrid_sac", "szilard/FerroelectricEngine-v0"): {"hyperparameters": {**_FILM, "gamma": 0.95}},
    ("hybrid_sac", "szilard/ElectrocaloricCooler-v0"): {"steps": 24_000, "hyperparameters": _FILM},
    # the orbit on the falling branch of the S-curve is unstable: it must be found and held by feedback
    ("hybrid_sac", "szilard/NegativeCapacitor-v0"): {
        "steps": 48_000,
        "episode_steps": 60,
        "hyperparameters": {**_FILM, "control_entropy": (0.0, -4.0), "anneal": 0.8},
    },
    ("hybrid_sac", "szilard/SelfCyclingCell-v0"): {"episode_steps": 200, "hyperparameters": _SLOW},
    # without the iterated potential the discount alone must reach over a cycle
    ("sac", "szilard/QubitRefrigerator-v0"): {"steps": 40_000, "hyperparameters": {**_FAR, "target_entropy": -2.0}},
    ("sac", "szilard/OscillatorEngine-v0"): {"steps": 40_000, "hyperparameters": _FAR},
    ("td3", "szilard/QubitRefrigerator-v0"): {"steps": 40_000, "hyperparameters": _FAR},
    ("td3", "szilard/OscillatorEngine-v0"): {"steps": 40_000, "hyperparameters": _FAR},
    ("ppo", "szilard/QubitRefrigerator-v0"): {"steps": 600_000, "hyperparameters": _FAR},
    ("ppo", "szilard/OscillatorEngine-v0"): {"steps": 600_000, "hyperparameters": _FAR},
    # near u = 0 a hundredth of the range matters
    ("dqn", "szilard/QubitRefrigerator-v0"): {"steps": 40_000, "levels": 64, "hyperparameters": _FAR},
    ("dqn", "szilard/OscillatorEngine-v0"): {"steps": 40_000, "hyperparameters": _FAR},
}
"""What differs from ``PRESETS[algorithm]`` on an environment: fields of ``Preset`` by (algorithm, environment id)."""


BLACK_BOX: dict[tuple[str, str], dict[str, Any]] = {
    ("hybrid_sac", "szilard/QubitRefrigerator-v0"): {"steps": 40_000, "hyperparameters": {"gamma": 0.97}},
    ("hybrid_sac", "szilard/OscillatorEngine-v0"): {"steps": 40_000, "hyperparameters": {"gamma": 0.97}},
    # what counts is the time since the last measurement: no hidden state to follow
    ("hybrid_sac", "szilard/DeadTimeDemon-v0"): {"hyperparameters": {"policy_kwargs": {"observer": False}}},
}
"""The same where the agent sees a history instead of the state."""


def preset_for(algorithm: str, env_id: str, observation: str = "state") -> Preset:
    """The preset of ``algorithm`` with what is tuned for the environment ``env_id`` (full id) and observation.

    ``hyperparameters``, and ``policy_kwargs`` in them, are merged key by key.
    """
    preset = PRESETS[algorithm]
    tuned = dict((TUNED if observation in ("state", "instruments") else BLACK_BOX).get((algorithm, env_id), {}))
    if "hyperparameters" in tuned:
        tuned["hyperparameters"] = merged(preset.hyperparameters, tuned["hyperparameters"])
    return replace(preset, **tuned)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters ``base`` with ``changes``; ``policy_kwargs`` are merged, everything else is replaced."""
    found = {**base, **changes}
    if "policy_kwargs" in changes:
        found["policy_kwargs"] = {**base.get("policy_kwargs", {}), **changes["policy_kwargs"]}
    return found
