"""Every reference value comes out of the package's own machinery."""

import pytest

from szilard.physics.references import all_references

REFERENCES = all_references()


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda r: r.id)
def test_reference_value(reference):
    assert reference.compute() == pytest.approx(reference.expected, rel=0, abs=reference.tolerance)


def test_ids_are_unique_and_every_value_has_a_source():
    assert len({r.id for r in REFERENCES}) == len(REFERENCES)
    assert all(r.source and r.quantity and r.tolerance > 0 for r in REFERENCES)
