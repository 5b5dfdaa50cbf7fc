"""``szilard doctor``: what a sound installation looks like, and what is noticed when it is not."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from szilard.experiments import doctor
from szilard.experiments.cli import main
from szilard.physics.machine import Propagated
from szilard.physics.machines.two_level import TwoLevelEngine


def found(name: str, run_dir: Path) -> doctor.Check:
    """The check with this name."""
    return next(c for c in doctor.examine(run_dir) if c.name == name)


def test_sound_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--run-dir", str(tmp_path / "runs")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"]
    names = {c["name"] for c in data["checks"]}
    assert {
        "python",
        "szilard",
        "torch",
        "qutip",
        "stable-baselines3",
        "gymnasium",
        "OMP_NUM_THREADS",
        "display",
    } <= names
    assert not (tmp_path / "runs").exists()


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "torch" in out
    assert "work from nothing" in out


def test_missing_and_old_packages(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    true_version = importlib.metadata.version

    def version(name: str) -> str:
        if name == "qutip":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.26.4" if name == "numpy" else true_version(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert main(["doctor", "--json"]) == 1
    checks = {c["name"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["qutip"]["found"] == "not installed"
    for name in ("qutip", "numpy"):
        assert not checks[name]["ok"]
        assert checks[name]["advice"] == "make install"
    assert checks["scipy"]["ok"]


def test_unwritable_run_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = found("run folder", tmp_path / "file" / "runs")
    assert not check.ok
    assert "--run-dir" in check.advice


def test_broken_law_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    true_propagate = TwoLevelEngine.propagate

    def cheat(self: TwoLevelEngine, *args: Any) -> Propagated:
        step = true_propagate(self, *args)
        return step._replace(heat=-step.heat)

    monkeypatch.setattr(TwoLevelEngine, "propagate", cheat)
    check = found("laws, TwoLevelEngine-v0", tmp_path)
    assert not check.ok
    assert "first law violated" in check.found
