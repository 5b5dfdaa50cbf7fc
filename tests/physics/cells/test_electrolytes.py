"""Reported conductivities and permittivities, and the arithmetic that ``docs/cells.md`` holds against them."""

from __future__ import annotations

import numpy as np
import pytest

from szilard.physics.cells.cell import SecondLawError
from szilard.physics.cells.double_layer_cell import DoubleLayerCell
from szilard.physics.cells.electrolytes import (
    ELECTROLYTES,
    apparent_permittivity,
    apparent_permittivity_of,
    electrolyte,
)
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell
from szilard.physics.validation import ParameterError

GAS = 8.31446261815324
FARADAY = 96485.33212


@pytest.mark.parametrize("name", ELECTROLYTES)
def test_every_value_says_how_far_it_can_be_trusted(name: str) -> None:
    found = electrolyte(name)
    assert found.conductivity.provenance in ("reported_contested", "reported", "assumption")
    assert found.conductivity.unit == "S/cm"
    assert found.conductivity.source or found.conductivity.provenance == "assumption"
    cell = found.cell(L=0.1)
    assert cell.resistance(cell.T_r) == pytest.approx(0.1 / found.conductivity.value, rel=1e-12)


def test_contested_values() -> None:
    contested = {name: e.conductivity.value for name, e in ELECTROLYTES.items() if e.contested}
    assert contested == {"Li2.99Ba0.005OCl": 0.025, "Na2.99Ba0.005OCl": 0.133, "K2.99Ba0.005OCl": 0.155}
    assert electrolyte("Li3OCl_class").conductivity.value == pytest.approx(1e-4, rel=0.3)
    assert electrolyte("reference").cell() == DoubleLayerCell()
    with pytest.raises(ParameterError, match="name"):
        electrolyte("Li3OCl")


def test_apparent_permittivity_is_a_double_layer_divided_by_geometry() -> None:
    # 1e6 and 1e7 over 1 mm are 0.9 and 8.9 uF/cm2; 1e13 over 0.1 mm is 88.5 F/cm2
    for eps_r, thickness, per_cm2 in ((1e6, 1e-3, 0.885e-6), (1e7, 1e-3, 8.85e-6), (1e13, 1e-4, 88.5)):
        assert apparent_permittivity(per_cm2 * 1e4, thickness) == pytest.approx(eps_r, rel=1e-3)
    # two ordinary double layers of 20 uF/cm2 over 50 um and 1 mm look like 5.6e5 and 1.1e7
    assert apparent_permittivity_of(DoubleLayerCell()) == pytest.approx(5.65e5, rel=1e-3)
    assert apparent_permittivity_of(DoubleLayerCell(L=0.1)) == pytest.approx(1.13e7, rel=1e-2)
    with pytest.raises(ParameterError, match="thickness"):
        apparent_permittivity(1.0, 0.0)


def test_corrosion_is_enough_for_what_is_reported() -> None:
    """110 mAh/cm2 are 36.9 mg/cm2 or 137 um of aluminium; a flat double layer holds 2e7 times too little."""
    charge = 0.110 * 3600.0
    assert charge == pytest.approx(396.0)
    grams = charge / FARADAY / 3.0 * 26.9815
    assert grams == pytest.approx(36.9e-3, abs=5e-5)
    assert grams / 2.70 * 1e4 == pytest.approx(137.0, abs=0.5)
    assert pytest.approx(86.4) == 90e-6 * 40 * 24 * 1e3  # mAh/cm2 in 40 days
    assert pytest.approx(0.322, abs=5e-4) == 1e-3 * 40 * 86400 / FARADAY / 3.0 * 26.9815
    flat = 20e-6 / 3.6  # mAh/cm2 per volt
    assert flat == pytest.approx(5.6e-6, abs=5e-8)
    assert 110.0 / flat == pytest.approx(2e7, rel=0.02)
    for volts, energy in ((0.9, 99.0), (1.482, 163.0), (2.711, 298.0)):
        assert 110.0 * volts == pytest.approx(energy, abs=0.6)


def test_what_the_surroundings_could_pay() -> None:
    """Humidity: at most 1.6 mW per gram of water a day; +-2.5 K a day: 35 uW at Carnot's limit; one temperature: 0."""
    work = GAS * 298.15 * np.log(0.8 / 0.3)
    assert work == pytest.approx(2.4e3, rel=0.02)
    assert work / 18.015 / 86400.0 == pytest.approx(1.6e-3, rel=0.03)
    heat, warm, cold = 36.0 * 5.0, 300.65, 295.65
    assert heat * (1.0 - cold / warm) == pytest.approx(3.0, abs=0.05)
    assert heat * (1.0 - cold / warm) / 86400.0 == pytest.approx(35e-6, rel=0.02)
    assert pytest.approx(6e-3, abs=3e-4) == 0.5e-3 / SelfCyclingCell().K  # K of self-heating at half a milliwatt
    with pytest.raises(SecondLawError):
        SelfCyclingCell(energy_source="one_bath")
