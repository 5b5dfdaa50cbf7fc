"""Run folders: complete, never overwritten, readable after a kill."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from szilard.experiments import run_folder
from szilard.experiments.config import RunConfig
from szilard.experiments.run_folder import RunFolder, git_state
from szilard.physics.validation import ParameterError

CONFIG = RunConfig.from_dict({"agent": {"algorithm": "ppo", "seed": 7}}).resolved()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(CONFIG, tmp_path / "deep" / "run")


def test_create_and_open(folder: RunFolder) -> None:
    opened = RunFolder.open(folder.path)
    assert opened.config() == CONFIG
    meta = opened.meta()
    assert meta["seed"] == 7
    assert {"python", "szilard", "torch", "stable-baselines3"} <= meta["versions"].keys()
    assert meta["platform"]
    assert meta["git"] == git_state()
    assert all(p.is_dir() for p in (opened.tensorboard, opened.checkpoints, opened.figures))


def test_never_overwrites(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"is not empty; continue it with `szilard resume`"):
        RunFolder.create(CONFIG, folder.path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ParameterError, match="is not empty; choose another folder"):
        RunFolder.create(CONFIG, tmp_path / "other")
    with pytest.raises(ParameterError, match=r"run_dir = .*file"):
        RunFolder.create(CONFIG, tmp_path / "other" / "file" / "run")


def test_own_names_and_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder.latest() is None
    folders = []
    for _ in range(3):  # within one second
        folders.append(RunFolder.create(CONFIG))
        time.sleep(0.01)
    assert len({f.path for f in folders}) == 3
    assert all(f.path.name.startswith("TwoLevelEngine-ppo-s7-") for f in folders)
    assert RunFolder.latest() == folders[-1]
    with pytest.raises(ParameterError, match=rf"does not exist; the latest there is '{folders[-1].path}'"):
        RunFolder.open("runs/none")


def test_open_names_what_is_missing(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="does not exist"):
        RunFolder.open(tmp_path / "none")
    folder.meta_file.unlink()
    with pytest.raises(ParameterError, match=r"lacks meta\.json"):
        RunFolder.open(folder.path)
    with pytest.raises(ParameterError, match=r"lacks config\.yaml and meta\.json"):
        RunFolder.open(tmp_path)
    for which, name in (("final", "model.zip"), ("best", "best.zip")):
        with pytest.raises(ParameterError, match=rf"lacks {name}"):
            folder.model(which)
    with pytest.raises(ParameterError, match=r"result\.json"):
        folder.result()
    folder.meta_file.write_text("{")
    with pytest.raises(ParameterError, match=r"meta\.json"):
        folder.meta()


def test_evaluations_survive_a_cut_line(folder: RunFolder) -> None:
    assert folder.evaluations() == []
    folder.add_evaluation({"step": 10, "power": 0.5, "efficiency": math.nan})
    folder.add_evaluation({"step": 20, "power": 0.6})
    with open(folder.evaluations_file, "a") as file:
        file.write('{"step": 30, "po')
    folder.add_evaluation({"step": 20, "power": 0.7})  # a resumed run repeats a step
    folder.add_evaluation({"step": 30, "power": 0.8})
    rows = folder.evaluations()
    assert [(row["step"], row["power"]) for row in rows] == [(10, 0.5), (20, 0.7), (30, 0.8)]
    assert rows[0]["efficiency"] is None
    assert len(folder.evaluations_file.read_text().splitlines()) == 5  # nothing was removed


def test_write_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    run_folder.write(file, "old")

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):  # noqa: PT011
        run_folder.write(file, "new and longer")
    assert file.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX only")
def test_lock(folder: RunFolder) -> None:
    code = f"""
import fcntl, sys
file = open({str(folder.path / ".lock")!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline()
        with pytest.raises(ParameterError, match="another process"), folder.lock():
            pass
        other.kill()
        other.wait()
    with folder.lock():
        pass


def test_sessions(folder: RunFolder) -> None:
    for step in (0, 50):
        folder.add_session(step, {"gamma": 0.9})
    sessions = json.loads(folder.meta_file.read_text())["sessions"]
    assert [s["step"] for s in sessions] == [0, 50]


def test_git_state_is_that_of_the_package() -> None:
    state = git_state()
    if state is not None:  # None: installed, or no git
        assert len(state["commit"]) == 40
        assert isinstance(state["dirty"], bool)
