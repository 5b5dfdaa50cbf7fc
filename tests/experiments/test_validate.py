"""``szilard validate``: the reference values from the command line."""

from __future__ import annotations

import json

import pytest

from szilard.envs.catalogue import CATALOGUE
from szilard.experiments import validate as module
from szilard.experiments.cli import main
from szilard.physics.references import Reference


def reference(expected: float, compute: object = lambda: 1.0) -> Reference:
    """A reference value of 1 with a tolerance of 0.01."""
    return Reference("X1", "one", expected, 0.01, "arithmetic", compute)  # type: ignore[arg-type]


def use(monkeypatch: pytest.MonkeyPatch, *references: Reference) -> None:
    """Let every system have these reference values."""
    monkeypatch.setattr(module, "references", lambda system: references)


def test_every_system_has_reference_values() -> None:
    for entry in CATALOGUE:
        found = list(module.references(entry))
        assert found
        assert len({r.id for r in found}) == len(found)


def test_reproduced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # that the true values are reproduced is tested beside them, in tests/physics
    use(monkeypatch, reference(1.005))
    assert main(["validate", "TwoLevelEngine-v0", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"]
    (row,) = data["values"]
    assert row["computed"] == 1.0
    assert row["error"] == pytest.approx(-0.005)
    assert row["tolerance"] == 0.01
    assert row["source"] == "arithmetic"


def test_missed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    use(monkeypatch, reference(1.0), reference(1.02))
    assert main(["validate", "TwoLevelEngine-v0"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "1 missed" in out


@pytest.mark.parametrize("compute", [lambda: float("nan"), lambda: 1 / 0])
def test_no_number_is_missed(
    compute: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, reference(1.0, compute))
    assert main(["validate", "TwoLevelEngine-v0", "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)["values"]
    assert row["computed"] is None
    assert not row["ok"]


def test_without_an_id_all_systems_are_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, reference(1.0))
    assert main(["validate", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)["values"]
    assert [row["environment"] for row in values] == [entry.id for entry in CATALOGUE]
