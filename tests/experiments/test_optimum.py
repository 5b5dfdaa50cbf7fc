"""``szilard optimum --period-max``: resumable, independent of the number of processes, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from szilard.experiments import search_folder
from szilard.experiments.cli import main
from szilard.experiments.search_folder import Search, run_search
from szilard.physics.cycles.otto import fast_otto
from szilard.physics.cycles.search import Effort
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

ENGINE = TwoLevelEngine(gamma_c=4.0)
SMALL = Effort(pool=2, fresh=8, changes=3, mutants=1, promising=4, polished=1, levels=5)
SEARCH = Search(ENGINE, 0.5, 0.8, 4, seed=3, effort=SMALL)


def result(folder: Path) -> str:
    return (folder / "best.json").read_text()


def states(folder: Path) -> list[Any]:
    return [json.loads(f.read_text()) for f in sorted(folder.glob("start-*.json"))]


class Killed(BaseException):
    """Stands for Ctrl-C or a kill."""


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the next search die in the middle of its n-th task."""
    whole = search_folder.improve

    def arm(tasks: int) -> None:
        left = [tasks]

        def improve(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                monkeypatch.setattr(search_folder, "improve", whole)
                raise Killed
            left[0] -= 1
            return whole(*args, **kwargs)

        monkeypatch.setattr(search_folder, "improve", improve)

    return arm


def test_an_interrupted_search_ends_as_if_it_had_not_been(tmp_path: Path, killed_after: Callable[[int], None]) -> None:
    run_search(SEARCH, tmp_path / "whole", n_starts=2, n_rounds=2)
    for tasks in (3, 7):
        killed_after(tasks)
        with pytest.raises(Killed):
            run_search(SEARCH, tmp_path / "cut", n_starts=2, n_rounds=2)
    run_search(SEARCH, tmp_path / "cut", n_starts=2, n_rounds=2)
    assert result(tmp_path / "cut") == result(tmp_path / "whole")
    assert states(tmp_path / "cut") == states(tmp_path / "whole")


def test_processes_do_not_change_the_result(tmp_path: Path) -> None:
    run_search(SEARCH, tmp_path / "one", n_starts=2, n_rounds=2, jobs=1)
    run_search(SEARCH, tmp_path / "two", n_starts=2, n_rounds=2, jobs=2)
    assert states(tmp_path / "one") == states(tmp_path / "two")


def test_more_rounds_and_starts_continue_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_search(SEARCH, tmp_path / "grown", n_starts=1, n_rounds=1)
    grown = run_search(SEARCH, tmp_path / "grown", n_starts=2, n_rounds=2)
    run_search(SEARCH, tmp_path / "whole", n_starts=2, n_rounds=2)
    assert states(tmp_path / "grown") == states(tmp_path / "whole")
    assert all(grown[n].value >= b.value for n, b in first.items())
    # nothing is left to do
    monkeypatch.setattr(search_folder, "improve", lambda *_: pytest.fail("computed again"))
    again = run_search(SEARCH, tmp_path / "grown", n_starts=2, n_rounds=2)
    assert {n: b.value for n, b in again.items()} == {n: b.value for n, b in grown.items()}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (Search(ENGINE, 0.5, 0.8, 4, seed=4, effort=SMALL), "seed = 3, wanted 4"),
        (Search(ENGINE, 0.5, 0.7, 4, seed=3, effort=SMALL), "weight = 0.8, wanted 0.7"),
        (Search(ENGINE, 0.5, 0.8, 5, seed=3, effort=SMALL), "period_max = 4, wanted 5"),
        (Search(TwoLevelEngine(), 0.5, 0.8, 4, seed=3, effort=SMALL), "parameters"),
        (Search(ENGINE, 0.5, 0.8, 4, seed=3, effort=Effort()), "effort"),
        (Search(ENGINE, 0.5, 0.8, 4, seed=3, known=[fast_otto(ENGINE, 0.5)], effort=SMALL), "from_known"),
    ],
)
def test_a_folder_belongs_to_one_search(tmp_path: Path, changed: Search, named: str) -> None:
    run_search(SEARCH, tmp_path, n_rounds=1)
    before = states(tmp_path)
    with pytest.raises(ParameterError, match="another search") as error:
        run_search(changed, tmp_path, n_rounds=1)
    assert named in str(error.value)
    assert states(tmp_path) == before


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ParameterError, match="not empty"):
        run_search(SEARCH, tmp_path, n_rounds=1)
    assert [f.name for f in tmp_path.iterdir()] == ["notes.txt"]


def test_a_start_from_known_cycles_is_never_worse_than_they_are(tmp_path: Path) -> None:
    known = fast_otto(ENGINE, 0.5)
    search = Search(ENGINE, 0.5, 1.0, len(known.on_grid(0.5)), known=[known.on_grid(0.5)], effort=SMALL)
    found = run_search(search, tmp_path, n_rounds=1)
    assert max(b.value for b in found.values()) >= known.limit_cycle().power / ENGINE.power_unit - 1e-12


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["optimum", "TwoLevelEngine-v0", "--period-max", "3", "--rounds", "1", "--out", str(tmp_path / "a")]
    assert main([*command, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["power"] == pytest.approx(0.00909964, abs=5e-9)
    assert data["cycle"]["choice"] in (["hot", "cold"], ["cold", "hot"])
    assert list(data["periods"]) == ["1", "2", "3"]
    assert 100 * data["periods"]["3"]["power"] == pytest.approx(0.81022, abs=5e-6)
    assert Path(data["figure"]).stat().st_size > 10_000
    assert main(command) == 0
    assert "0.0090996" in capsys.readouterr().out
    assert main([*command, "--seed", "5", "--json"]) == 2
    assert "another search" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_command_with_a_weight_has_a_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimum", "TwoLevelEngine-v0", "--weight", "0.6"]) == 0
    assert "r_c, c = 0.6" in capsys.readouterr().out
