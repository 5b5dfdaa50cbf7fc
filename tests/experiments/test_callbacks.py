"""What a run logs: read back from TensorBoard's event files and from the run folder."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from szilard.agents.evaluation import evaluate
from szilard.experiments.build import build
from szilard.experiments.callbacks import Clock, following
from szilard.experiments.config import RunConfig
from szilard.experiments.reference import optimum, reference_lines
from szilard.experiments.run_folder import RunFolder
from szilard.experiments.train import RunResult, resume, train
from szilard.physics.validation import ParameterError

# protobuf makes its classes at import time
Layout: Any = vars(layout_pb2)["Layout"]
HParamsPluginData: Any = vars(plugin_data_pb2)["HParamsPluginData"]

STEPS, EVERY = 320, 128


def config(path: Path, **run: Any) -> RunConfig:
    hyperparameters = {"policy_kwargs": {"net_arch": [8]}, "n_steps": 16, "batch_size": 32, "learning_rate": 3e-3}
    return RunConfig.from_dict(
        {
            "environment": {"parameters": {"max_episode_steps": 10}},
            "agent": {"algorithm": "ppo", "steps": STEPS, "n_envs": 4, "hyperparameters": hyperparameters},
            "run": {
                "run_dir": str(path), "evaluate_every": EVERY, "checkpoint_every": 128, "log_every": 64, **run,
            },
        }
    )  # fmt: skip


class Ledger(BaseCallback):
    """Keeps what the environment reported, to compare with what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, np.ndarray]] = []

    def _on_step(self) -> bool:
        self.rows.append(self.training_env.last_info)  # type: ignore[attr-defined]
        return True


class Crash(BaseCallback):
    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def _on_step(self) -> bool:
        if self.num_timesteps > self.after:
            raise MemoryError
        return True


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Ledger, EventAccumulator]:
    ledger = Ledger()
    result = train(config(tmp_path_factory.mktemp("logged") / "run"), [ledger])
    return result, ledger, events(result.folder)


def events(folder: RunFolder) -> EventAccumulator:
    found = EventAccumulator(str(folder.tensorboard), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    return found.Reload()


def scalars(board: EventAccumulator, tag: str) -> dict[int, float]:
    return {e.step: e.value for e in board.Scalars(tag)}


def test_physics_of_exploration(run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    _, ledger, board = run
    power = scalars(board, "rollout/power")
    assert list(power) == [64, 128, 192, 256, 320]  # every 64 steps: 16 steps of 4 copies
    for n, step in enumerate(power):
        rows = ledger.rows[16 * n : 16 * (n + 1)]
        work = np.mean([r["work"] for r in rows]) / 0.5
        heat = np.mean([r["heat"] for r in rows], axis=(0, 1)) / 0.5
        expected = {
            "rollout/power": -work,
            "rollout/work": work,
            "rollout/heat_hot": heat[0],
            "rollout/heat_cold": heat[1],
            "rollout/entropy_production": np.mean([r["entropy_production"] for r in rows]) / 0.5,
            "rollout/law_residual": max(np.abs(r["law_residual"]).max() for r in rows),
            "power/exploring": -work,
        }
        for tag, value in expected.items():
            assert scalars(board, tag)[step] == pytest.approx(value, rel=1e-6, abs=1e-12), tag
    assert "rollout/ep_rew_mean" in board.Tags()["scalars"]
    assert "train/loss" in board.Tags()["scalars"]


def test_evaluations(run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    result, _, board = run
    rows = result.folder.evaluations()
    steps = [0, 128, 256, 320]  # every 128 steps, and the final policy
    assert [row["step"] for row in rows] == steps
    assert all(a["seconds"] < b["seconds"] for a, b in pairwise(rows))
    power, lines = scalars(board, "power/limit_cycle"), result.reference
    percent = scalars(board, "evaluation/percent_of_optimum")
    assert list(power) == steps
    for row in rows:
        assert power[row["step"]] == pytest.approx(row["power"], rel=1e-6)
        assert percent[row["step"]] == pytest.approx(100 * row["power"] / lines["optimum_upper"], rel=1e-6)
        assert row["percent"] == pytest.approx(percent[row["step"]], rel=1e-6)
    for name, value in lines.items():  # the lines are as long as the curve
        assert scalars(board, f"power/{name}") == pytest.approx(dict.fromkeys(steps, value), rel=1e-6)
    for tag in ("heat_hot", "heat_cold", "work", "entropy_production", "law_residual", "carnot_efficiency"):
        assert list(scalars(board, f"evaluation/{tag}")) == steps
    assert result.evaluation.power == rows[-1]["power"]
    assert result.best_power == max(row["power"] for row in rows)
    assert 0 < lines["fast_otto"] <= lines["optimum_lower"] * (1 + 1e-9) <= lines["optimum_upper"] * (1 + 1e-9)


def test_picture_of_the_cycle(run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    from matplotlib.image import imread

    result, _, board = run
    drawn = [row["step"] for row in result.folder.evaluations() if row["cycle"]]
    pictures = board.Images("evaluation/cycle")
    assert [p.step for p in pictures] == drawn
    assert drawn
    pixels = imread(io.BytesIO(pictures[0].encoded_image_string))
    assert pixels.shape[:2] == (pictures[0].height, pictures[0].width)
    assert pixels.std() > 0.01  # not blank


def test_layout_puts_learned_and_references_in_one_chart(run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    result, _, board = run
    summary = board.Tensors("custom_scalars__config__")[0]
    layout = Layout.FromString(summary.tensor_proto.string_val[0])
    charts = {c.title: list(c.multiline.tag) for c in layout.category[0].chart}
    tags = charts["power against the references"]
    assert tags == [
        f"^power/{n}$" for n in ("limit_cycle", "exploring", "fast_otto", "optimum_lower", "optimum_upper")
    ]  # fmt: skip
    logged = {f"^{tag}$" for tag in board.Tags()["scalars"]}
    assert set(tags) == {f"^power/{n}$" for n in ("limit_cycle", "exploring", *result.reference)} <= logged
    heat = charts["heat from the baths"]
    assert set(heat) <= logged


def test_hyperparameters(run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    _, _, board = run
    metadata = board.summary_metadata
    start = HParamsPluginData.FromString(metadata["_hparams_/session_start_info"].plugin_data.content)
    hparams = start.session_start_info.hparams
    assert hparams["algorithm"].string_value == "ppo"
    assert hparams["hyperparameters.n_steps"].number_value == 16
    assert hparams["environment.parameters.max_episode_steps"].number_value == 10
    experiment = HParamsPluginData.FromString(metadata["_hparams_/experiment"].plugin_data.content).experiment
    metrics = [m.name.tag for m in experiment.metric_infos]
    assert "power/limit_cycle" in metrics
    assert "evaluation/percent_of_optimum" in metrics


def test_saved_models(run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    result, _, _ = run
    built = build(config(Path("unused")).resolved())
    rows = {row["step"]: row["power"] for row in result.folder.evaluations()}
    for which, power in (("final", rows[STEPS]), ("best", result.best_power)):
        agent = PPO.load(result.folder.model(which), device="cpu")
        assert evaluate(agent, built.machine, built.dt, built.encoding).power == power
    assert result.folder.result()["best_step"] == result.best_step
    assert rows[result.best_step] == result.best_power


def test_logging_and_evaluating_change_nothing(tmp_path: Path, run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    quiet = train(config(tmp_path / "run", evaluate_every=10**6, log_every=10**6, tensorboard=False))
    assert not list(quiet.folder.tensorboard.iterdir())
    a, b = (PPO.load(result.folder.model(), device="cpu").policy.state_dict() for result in (quiet, run[0]))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_resumed_log_hides_what_is_repeated(tmp_path: Path, run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    path = tmp_path / "run"
    with pytest.raises(MemoryError):  # at step 300, the last checkpoint being at 256
        train(config(path, checkpoint_every=200), [Crash(300)])
    result = resume(path)
    board = events(result.folder)
    for tag in ("power/limit_cycle", "rollout/power", "train/loss"):
        assert [(e.step, e.value) for e in board.Scalars(tag)] == [(e.step, e.value) for e in run[2].Scalars(tag)]


# tqdm calls its rich bar experimental; SB3 hides that, pytest shows it again
@pytest.mark.filterwarnings("ignore::tqdm.TqdmExperimentalWarning")
def test_progress_bar(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(config(tmp_path / "run", progress=True, tensorboard=False))
    out, err = capfd.readouterr()
    assert "of the optimum" in out + err


def test_library_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(config(tmp_path / "run", tensorboard=False))
    assert capfd.readouterr() == ("", "")


def test_bad_value_leaves_no_folder(tmp_path: Path) -> None:
    data = config(tmp_path / "run").to_dict()
    data["agent"]["hyperparameters"]["policy_kwargs"] = {"net_arch": "big"}
    with pytest.raises(ParameterError):
        train(RunConfig.from_dict(data))
    assert not (tmp_path / "run").exists()


def test_existing_run_is_not_touched(run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    path = run[0].folder.path
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    with pytest.raises(ParameterError, match="szilard resume"):
        train(config(path))
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*")} == before


def test_other_versions_warn(tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(config(path, tensorboard=False, time_limit=1e-9))
    meta = RunFolder.open(path).meta_file
    text = meta.read_text()
    version = RunFolder.open(path).meta()["versions"]["torch"]
    meta.write_text(text.replace(version, "1.0"))
    with pytest.warns(UserWarning, match=r"torch 1\.0 -> "):
        resume(path)


def test_killed_after_the_last_evaluation(tmp_path: Path, run: tuple[RunResult, Ledger, EventAccumulator]) -> None:
    """The row of the final step is there, the checkpoint is older: the policy is evaluated again."""
    path = tmp_path / "run"
    with pytest.raises(MemoryError):
        train(config(path), [Crash(300)])
    folder = RunFolder.open(path)
    folder.add_evaluation({"step": STEPS, "power": -1.0})
    result = resume(path)
    assert result.evaluation.power == run[0].evaluation.power
    assert [row["power"] for row in folder.evaluations()] == [row["power"] for row in run[0].folder.evaluations()]


def test_following() -> None:
    assert [following(step, 10) for step in (0, 9, 10, 11)] == [10, 10, 20, 20]


def test_clock() -> None:
    clock = Clock()
    clock.before = 100.0
    assert 100.0 <= clock.seconds <= clock.seconds < 110.0


def test_reference_lines() -> None:
    built = build(config(Path("unused")).resolved())
    lines = reference_lines(built.machine, built.dt)
    assert optimum(lines) == lines["optimum_upper"]
    assert optimum({"best_known": 1.0}) == 1.0
    assert np.isnan(optimum({}))


def test_signals_in_a_thread_are_left_alone(tmp_path: Path) -> None:
    from threading import Thread

    results: list[RunResult] = []
    thread = Thread(target=lambda: results.append(train(config(tmp_path / "run", tensorboard=False))))
    thread.start()
    thread.join()
    assert results[0].finished
