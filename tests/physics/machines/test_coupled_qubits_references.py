"""Every reference value of the two coupled qubits comes out to its digits."""

import pytest

from szilard.physics.machines.coupled_qubits_references import DEMON_REFERENCES, MEASUREMENT_REFRIGERATOR_REFERENCES


@pytest.mark.parametrize("reference", DEMON_REFERENCES + MEASUREMENT_REFRIGERATOR_REFERENCES, ids=lambda r: r.id)
def test_reference_value(reference):
    assert abs(reference.deviation()) <= reference.tolerance


def test_the_lists_are_complete():
    assert sorted(r.id for r in DEMON_REFERENCES) == [f"DEM-{i:02d}" for i in range(1, 38)]
    assert sorted(r.id for r in MEASUREMENT_REFRIGERATOR_REFERENCES) == [f"REF-{i:02d}" for i in range(1, 24)]
