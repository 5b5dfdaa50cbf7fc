"""The configuration: strict keys, YAML round trip, presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from szilard.envs.rewards import Dissipation, ShapedPower
from szilard.experiments.build import build
from szilard.experiments.config import AgentConfig, EnvironmentConfig, RunConfig, RunSettings
from szilard.physics.validation import ParameterError

FULL: dict[str, Any] = {
    "environment": {"preset": "ErdmanNoe2022", "parameters": {"beta_c": 1.3, "dt": 0.1, "reward": {"power": 1.0}}},
    "agent": {
        "algorithm": "sac",
        "seed": 3,
        "steps": 1000,
        "n_envs": 8,
        "encoding": "argmax",
        "levels": 7,
        "hyperparameters": {"gamma": 0.95, "policy_kwargs": {"net_arch": [32, 32], "activation_fn": "Tanh"}},
    },
    "run": {
        "run_dir": "runs/x", "evaluate_every": 10, "checkpoint_every": 20, "log_every": 5, "time_limit": 60.0,
        "tensorboard": False, "progress": True,
    },
}  # fmt: skip


def test_round_trip(tmp_path: Path) -> None:
    short, full = RunConfig(), RunConfig.from_dict(FULL)
    for config in (short, full, short.resolved(), full.resolved()):
        assert RunConfig.from_dict(config.to_dict()) == config
        config.save(tmp_path / "config.yaml")
        assert RunConfig.load(tmp_path / "config.yaml") == config


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    for text in ("", "agent:\n", "environment: {parameters: }\n", "run: {}\n"):
        file.write_text(text)
        assert RunConfig.load(file) == RunConfig()


def test_numbers_that_yaml_1_1_reads_as_text(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("agent: {algorithm: sac, steps: 12, hyperparameters: {learning_rate: 1e-3, tau: .5e-2, gamma: 1}}")
    agent = RunConfig.load(file).agent
    assert agent.hyperparameters == {"learning_rate": 1e-3, "tau": 5e-3, "gamma": 1}
    assert (type(agent.steps), type(agent.hyperparameters["gamma"])) == (int, int)


def test_objects_become_plain_data(tmp_path: Path) -> None:
    reward = 0.5 * ShapedPower() + 0.5 * Dissipation()
    config = RunConfig(EnvironmentConfig(parameters={"dt": np.float64(0.25), "reward": reward}))
    config.save(tmp_path / "config.yaml")
    parameters = RunConfig.load(tmp_path / "config.yaml").environment.parameters
    assert parameters == {"dt": 0.25, "reward": {"shaped_power": 0.5, "dissipation": 0.5}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"enviroment": {}}, "did you mean 'environment'"),
        ({"environment": {"parameter": {}}}, "did you mean 'parameters'"),
        ({"environment": {"id": "TwoLevelEngin-v0"}}, "TwoLevelEngine-v0"),
        ({"environment": {"preset": "Erdman"}}, "ErdmanNoe2022"),
        ({"environment": {"parameters": {"betac": 1.3}}}, "did you mean 'beta_c'"),
        ({"environment": {"parameters": {"reward": "powr"}}}, "did you mean 'power'"),
        ({"environment": {"parameters": {"reward": {"powr": 1.0}}}}, "did you mean 'power'"),
        ({"environment": {"parameters": {"num_envs": 3}}}, "agent.n_envs"),
        ({"environment": {"parameters": {"preset": "x"}}}, "environment.preset"),
        ({"environment": {"parameters": {"beta_c": "hot"}}}, "must be a finite number"),
        ({"environment": {"parameters": [1]}}, "must map names to values"),
        ({"agent": {"seeds": 1}}, "did you mean 'seed'"),
        ({"agent": {"algorithm": "hybridsac"}}, "did you mean 'hybrid_sac'"),
        ({"agent": {"encoding": "boxes"}}, "did you mean 'box'"),
        ({"agent": {"seed": -1}}, "must be an integer >= 0"),
        ({"agent": {"steps": 1e4}}, "must be an integer >= 1"),
        ({"agent": {"hyperparameters": {"gama": 0.9}}}, "did you mean 'gamma'"),
        ({"agent": {"hyperparameters": {"gamma": "0.9"}}}, "must be a number"),
        ({"agent": {"hyperparameters": {"gamma": True}}}, "must be a number"),
        ({"agent": {"algorithm": "ppo", "hyperparameters": {"normalize_advantage": 1}}}, "must be true or false"),
        ({"agent": {"hyperparameters": {"seed": 1}}}, "key of agent.hyperparameters"),
        ({"agent": {"algorithm": "sac", "hyperparameters": {"use_sde": True}}}, "key of agent.hyperparameters"),
        ({"agent": {"hyperparameters": {"policy_kwargs": {"netarch": [8]}}}}, "did you mean 'net_arch'"),
        ({"agent": {"hyperparameters": {"policy_kwargs": {"activation_fn": "tanh"}}}}, "did you mean 'Tanh'"),
        ({"agent": {"hyperparameters": {"policy_kwargs": 8}}}, "must map names to values"),
        ({"run": {"checkpoint": 10}}, "did you mean 'checkpoint_every'"),
        ({"run": {"log_every": 0}}, "must be an integer >= 1"),
        ({"run": {"time_limit": -1}}, "must be > 0"),
        ({"run": {"tensorboard": "yes"}}, "must be true or false"),
        ({"run": {"run_dir": 3}}, "must be a path"),
        ({"run": {1: 3}}, "must map names to values"),
        ([], "must map names to values"),
    ],
)  # fmt: skip
def test_bad_configuration(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        RunConfig.from_dict(data)
    if isinstance(data, dict):
        with pytest.raises(ParameterError, match=message):
            RunConfig().merged(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agent: {seeds: 1}", r"bad\.yaml.*did you mean 'seed'"),
        ("agent: {seed: 1, seed: 2}", "'seed' is given twice"),
        ("agent: [", "no valid YAML"),
        ("agent: !!python/object/apply:os.system [ls]", "no valid YAML"),
        ("- 1", "must map names to values"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ParameterError, match=message):
        RunConfig.load(file)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"none\.yaml.*No such file"):
        RunConfig.load(tmp_path / "none.yaml")


def test_merged() -> None:
    config = RunConfig.from_dict(FULL).merged(
        {"environment": {"parameters": {"dt": 0.2}}, "agent": {"hyperparameters": {"policy_kwargs": {"net_arch": [4]}}},
         "run": {"time_limit": None}}
    )  # fmt: skip
    assert config.environment.parameters == {"beta_c": 1.3, "dt": 0.2, "reward": {"power": 1.0}}
    assert config.agent.hyperparameters["policy_kwargs"] == {"net_arch": [4], "activation_fn": "Tanh"}
    assert config.agent.seed == 3
    assert config.run == RunSettings(**{**FULL["run"], "time_limit": None})


def test_resolved() -> None:
    resolved = RunConfig(agent=AgentConfig(steps=2000)).resolved()
    assert resolved.environment.preset == "ErdmanNoe2022"
    assert (resolved.run.evaluate_every, resolved.run.checkpoint_every, resolved.run.log_every) == (100, 200, 10)
    assert None not in (resolved.agent.n_envs, resolved.agent.encoding, resolved.agent.levels)
    assert resolved.resolved() == resolved


def test_build() -> None:
    import torch

    built = build(RunConfig.from_dict(FULL).resolved())
    assert (built.bridge.num_envs, built.dt, built.machine.betas[1], built.model.seed) == (8, 0.1, 1.3, 3)
    assert built.bridge.action_space.shape == (4,)
    assert built.hyperparameters["gamma"] == 0.95
    modules = list(built.model.policy.modules())
    assert any(isinstance(m, torch.nn.Tanh) for m in modules)
    assert not any(isinstance(m, torch.nn.ReLU) for m in modules)
    # building twice gives the same networks, and leaves the preset as it was
    again = build(RunConfig.from_dict(FULL).resolved())
    assert all(
        torch.equal(a, b)
        for a, b in zip(built.model.policy.parameters(), again.model.policy.parameters(), strict=True)
    )  # fmt: skip


def test_build_reports_what_only_the_algorithm_sees() -> None:
    config = RunConfig.from_dict({"agent": {"algorithm": "dqn", "encoding": "box"}})
    with pytest.raises(ParameterError, match=r"agent: .*DQN.*box|The algorithm only supports"):
        build(config.resolved())
    with pytest.raises(ParameterError, match="resolved"):
        build(RunConfig())
