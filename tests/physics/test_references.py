"""Every reference value comes out of the package's own machinery."""

import pytest

import szilard
from szilard.envs.catalogue import load

REFERENCES = [reference for entry in szilard.CATALOGUE for reference in load(entry.references)]


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda r: r.id)
def test_reference_value(reference):
    assert reference.compute() == pytest.approx(reference.expected, rel=0, abs=reference.tolerance)


def test_ids_are_unique_and_every_value_has_a_source():
    assert len({r.id for r in REFERENCES}) == len(REFERENCES)
    assert all(r.source and r.quantity and r.tolerance > 0 for r in REFERENCES)


def test_every_system_has_references():
    assert all(entry.references for entry in szilard.CATALOGUE)
