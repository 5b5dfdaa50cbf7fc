"""The ``szilard`` command: every subcommand, its JSON, its errors, and how fast it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from szilard.experiments.cli import main
from szilard.experiments.info import MARKDOWN_BEGIN, MARKDOWN_END, catalogue_markdown

ENV = "szilard/TwoLevelEngine-v0"
ROOT = Path(__file__).resolve().parents[2]
TINY = ["--algorithm", "sac", "--steps", "64", "--n-envs", "4", "--no-progress"]
for setting in ("evaluate_every=1000", "tensorboard=false", "learning_starts=16", "gradient_steps=1"):
    TINY += ["--set", setting]

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command with ``--json``; its document, after checking that stdout holds nothing else."""

    def run(*args: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*args, "--json"]) == code
        out = capsys.readouterr().out
        return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two short runs that differ in their seed."""
    root = tmp_path_factory.mktemp("runs")
    for seed in ("0", "1"):
        assert main(["train", ENV, *TINY, "--seed", seed, "--run-dir", str(root / seed)]) == 0
    return [str(root / "0"), str(root / "1")]


# ---- the catalogue ----------------------------------------------------------------------------------------------


def test_list(call: Call) -> None:
    assert ENV in [e["id"] for e in call("list")["environments"]]


def test_info_applies_settings(call: Call) -> None:
    data = call("info", "TwoLevelEngine-v0", "--set", "beta_c=1.3", "--set", "dt=0.1")
    assert {p["name"]: p["value"] for p in data["parameters"]}["beta_c"] == 1.3
    assert data["environment"]["dt"] == 0.1
    assert data["source"]
    assert data["equations"]
    assert "fast_otto" in data["baselines"]


def test_info_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", ENV]) == 0
    out = capsys.readouterr().out
    for text in (ENV, "Erdman", "beta_c", "inverse temperature of the cold bath", "ErdmanNoe2022", "[0.3, 1]"):
        assert text in out


def test_markdown_is_the_catalogue_of_the_readme(call: Call) -> None:
    block = catalogue_markdown()
    assert call("list", "--markdown")["markdown"] == block
    assert block.startswith(MARKDOWN_BEGIN)
    assert block.endswith(MARKDOWN_END)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if not readme:
        pytest.skip("the README is not written yet")
    assert block in readme, "paste the output of `szilard list --markdown` into the README"


def test_optimum(call: Call) -> None:
    data = call("optimum", ENV)
    assert data["power_lower"] == pytest.approx(0.00909964, abs=5e-9)
    assert data["power_lower"] <= data["power_upper"] <= 0.00928843
    assert data["lower_source"]
    assert data["upper_source"]
    assert data["cycle"]["choice"] == ["hot", "cold"]


# ---- training and after -----------------------------------------------------------------------------------------


def test_train_with_a_file_and_flags(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"environment: {{id: {ENV}, parameters: {{beta_c: 1.5}}}}\nagent: {{seed: 7, steps: 10}}\n")
    data = call("train", *TINY, "--config", str(file), "--set", "dt=0.2", "--run-dir", str(tmp_path / "run"))
    assert data["step"] == 64
    assert data["finished"]
    text = (tmp_path / "run" / "config.yaml").read_text()
    for line in ("beta_c: 1.5", "dt: 0.2", "seed: 7", "algorithm: sac", "learning_starts: 16", "n_envs: 4"):
        assert line in text


def test_resume(call: Call, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    call("train", ENV, *TINY, "--run-dir", run)
    assert call("resume", run, "--steps", "96", "--no-progress")["step"] == 96


def test_evaluate(call: Call, runs: list[str]) -> None:
    data = call("evaluate", runs[0], "--starts", "3")
    assert len(data["powers"]) == 3
    assert data["law_residual"] < 1e-12


def test_compare_runs(call: Call, runs: list[str], tmp_path: Path) -> None:
    data = call("compare", ENV, *runs, "--out", str(tmp_path))
    assert {row["label"] for row in data["rows"] if row["algorithm"]} == {"sac, seed 0", "sac, seed 1"}
    assert data["statistics"]["sac"]["power"].keys() == {"median", "min", "max"}
    for path in (data["files"]["report"], data["files"]["csv"], *data["files"]["figures"]):
        assert Path(path).stat().st_size > 0


def test_compare_refuses_other_parameters(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", ENV, runs[0], "--set", "dt=0.1"]) == 2
    assert "dt = 0.5 against 0.1" in capsys.readouterr().err


def test_render(call: Call, runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "cycle.png"
    if main(["render", runs[0], "--out", str(picture)]) == 0:
        assert picture.stat().st_size > 0
    else:  # an untrained policy need not settle
        assert "limit cycle" in capsys.readouterr().err
    assert main(["render", runs[0], "--out", "cycle.docx"]) == 2
    assert ".png" in capsys.readouterr().err


def test_tensorboard_says_what_it_would_run(call: Call, tmp_path: Path) -> None:
    data = call("tensorboard", str(tmp_path), "--port", "7007")
    assert data["command"][1:] == ["-m", "tensorboard.main", "--logdir", str(tmp_path), "--port", "7007"]


@pytest.mark.filterwarnings("ignore:rich is experimental")  # tqdm's progress bar says so
def test_demo(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = call("demo", "--steps", "32", "--time-limit", "1", "--run-dir", "run", "--also", "dqn")
    assert data["training"][0]["run_dir"] == "run"
    expected = {"hybrid_sac, seed 0", "dqn, seed 0", "fast Otto", "slow Otto", "random", "idle"}
    assert expected <= {r["label"] for r in data["rows"]}
    assert Path(data["files"]["report"]).is_file()
    assert main(["demo", "FeedbackDemn-v0"]) == 2


# ---- errors -----------------------------------------------------------------------------------------------------

MISTAKES = [
    (["info", "TwoLevelEngin-v0"], "did you mean"),
    (["info", ENV, "--preset", "ErdmanNoe2021"], "did you mean 'ErdmanNoe2022'"),
    (["optimum", ENV, "--set", "beta_d=1.3"], "did you mean 'beta_"),
    (["train", ENV, "--set", "gama=0.9"], "did you mean 'gamma"),
    (["train", ENV, "--set", "beta_cc=1.3"], "did you mean 'beta_c'"),
    (["train", ENV, "--algorithm", "sacc"], "did you mean 'sac'"),
    (["train", ENV, "--set", "beta_c"], "must be KEY=VALUE"),
    (["train", ENV, "--set", "beta_c=1.3", "--set", "beta_c=1.4"], "given twice"),
    (["train", ENV, "--set", "beta_c=[1"], "no valid value"),
    (["train", ENV, "--set", "beta_c=0.5"], "beta_h = 1.0: must be < beta_c = 0.5"),
    (["demo", "--also", "ddqn"], "did you mean 'dqn'"),
    (["train", "--config", "no/such/file.yaml"], "no/such/file.yaml"),
    (["resume", "no/such/run"], "no/such/run"),
    (["evaluate", "no/such/run"], "no/such/run"),
    (["compare", ENV, "no/such/run"], "no/such/run"),
    (["render", "no/such/run"], "no/such/run"),
    (["tensorboard", "no/such/run"], "no/such/run"),
    (["validate", "TwoLevelEngin-v0"], "did you mean"),
]


@pytest.mark.parametrize(("args", "message"), MISTAKES, ids=lambda value: " ".join(value) if value else "")
def test_a_mistake_is_one_line(args: list[str], message: str, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("szilard: ")
    assert message in captured.err
    assert message in call(*args, code=2)["error"]["message"]


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "nothing", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_mistyped_flag_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", ENV, "--sed", "1"]) == 2
    assert "--seed" in capsys.readouterr().err
    assert main(["trian"]) == 2
    assert "train" in capsys.readouterr().err


# ---- start ------------------------------------------------------------------------------------------------------


def test_entry_point() -> None:
    command = Path(sys.executable).with_name("szilard")
    done = subprocess.run([command, "list", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["environments"]
    assert done.stderr == ""


def test_starts_without_heavy_libraries() -> None:
    code = (
        "import sys; from szilard.experiments.cli import main; main(['list']); main(['--help']); main(['train', '-h']);"
        "print(sorted({'torch', 'qutip', 'matplotlib', 'stable_baselines3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("list", "info", "validate", "doctor", "train", "resume", "evaluate", "compare", "optimum", "render",
                    "tensorboard", "demo"):  # fmt: skip
        assert f"• {command} " in done.stdout
