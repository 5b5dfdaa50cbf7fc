"""Ferroelectric materials: table of the specification, closed forms of the transitions, films, conversion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szilard.physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from szilard.physics.cells.landau import Landau
from szilard.physics.cells.materials import (
    MATERIALS,
    critical_end_point,
    from_alpha,
    from_measured,
    material,
    negative_window,
    spinodal_field,
    spontaneous,
    transition,
    upper_spinodal,
)
from szilard.physics.validation import ParameterError

TABLE = {
    "BaTiO3_LCC": (8.248e5, 388.15, -8.388e8, 7.764e9, 3.0904e11),
    "PbTiO3": (7.532e5, 765.1, -2.92e8, 1.56e9, 0.0),
    "PZT_20_80": (6.837e5, 732.25, -1.22e8, 1.485e9, 0.0),
    "PZT_50_50": (2.66e5, 665.75, 1.9056e8, 8.016e8, 0.0),
    "HfO2": (2.131e5, 598.0, -2.688e9, 1.17e11, 0.0),
    "HZO": (5.5556e6, 750.0, 6.0e10, 1.5e11, 0.0),
    "PVDF_TrFE_70_30": (9.02e7, 252.0, -9.20e12, 8.88e14, 0.0),
    "PVDF_TrFE_65_35": (3.5e7, 315.0, -1.5e12, 1.9e14, 0.0),
}
FIELDS = {
    "BaTiO3_LCC": (0.25999, 15.20e6, 5e3),
    "PZT_20_80": (0.70002, 118.1e6, 5e4),
    "HfO2": (0.19372, 10.0e6, 5e4),
    "HZO": (0.19543, 194.4e6, 5e4),
    "PVDF_TrFE_70_30": (0.09943, 1477e6, 5e5),
}
FIRST_ORDER = [name for name, m in MATERIALS.items() if m.landau.b < 0.0]


@pytest.mark.parametrize("name", TABLE)
def test_coefficients_of_the_table(name: str) -> None:
    f = material(name).landau
    a0, t0, b, c, d = TABLE[name]
    assert f.a0 == pytest.approx(a0, rel=2e-4)  # rounded there
    assert (f.T0, f.b, f.c, f.d) == pytest.approx((t0, b, c, d), rel=1e-12)


@pytest.mark.parametrize("name", FIELDS)
def test_polarisation_and_spinodal_field_at_room_temperature(name: str) -> None:
    f = material(name).landau
    p_s, e_sp, digits = FIELDS[name]
    assert spontaneous(f) == pytest.approx(p_s, abs=5.1e-6)
    assert spinodal_field(f) == pytest.approx(e_sp, abs=digits)


def test_polarisation_of_the_others() -> None:
    assert spontaneous(material("PZT_50_50").landau) == pytest.approx(0.50006, abs=5.1e-6)
    assert transition(material("BaTiO3_LCC").landau) == pytest.approx(398.147, abs=5e-4)
    assert transition(material("PVDF_TrFE_65_35").landau) == pytest.approx(378.44, abs=5e-3)


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_first_order_transition(name: str) -> None:
    f = material(name).landau
    tc, upper, end = transition(f), upper_spinodal(f), critical_end_point(f)
    assert f.T0 < tc < upper < end
    if not f.d:
        excess = f.b**2 / (f.c * f.a0)
        assert (tc, upper, end) == pytest.approx([f.T0 + x * excess for x in (3 / 16, 1 / 4, 9 / 20)], rel=1e-13)
        p_c = np.sqrt(-3 * f.b / (4 * f.c))
        assert f.field(p_c, tc) == pytest.approx(0.0, abs=1e-9 * abs(f.b) * p_c**3)
    # found by looking, from a grid of polarisations and without the closed forms
    p = np.linspace(1e-6, 2.0 * np.sqrt(-f.b / f.c), 200_001)
    assert f.free_energy(p, tc).min() == pytest.approx(0.0, abs=1e-9 * abs(f.free_energy(p, f.T0).min()))
    assert f.field(p, upper - 1e-3).min() < 0.0 < f.field(p, upper + 1e-3).min()
    assert f.stiffness(p, end - 1e-3).min() < 0.0 < f.stiffness(p, end + 1e-3).min()


def test_window_of_negative_capacitance() -> None:
    film = material("PZT_20_80", "film").landau
    for t, p_nc in ((298.15, 0.4041), (400.0, 0.3536), (600.0, 0.2231), (725.0, 0.0522)):
        assert negative_window(film, t) == pytest.approx((0.0, p_nc), abs=5e-5)
    bulk = material("BaTiO3_LCC").landau
    for t, width in ((298.15, 0.1936), (388.15, 0.1622)):
        low, high = negative_window(bulk, t)
        assert (low, high - low) == pytest.approx((0.0, width), abs=5e-5)
    assert negative_window(bulk, 392.0) == pytest.approx((0.036, 0.160), abs=5e-4)
    assert negative_window(bulk, critical_end_point(bulk) + 1.0) == (0.0, 0.0)
    with pytest.raises(ParameterError, match="no spinodal"):
        spinodal_field(bulk, critical_end_point(bulk) + 1.0)


@given(p_r=st.floats(0.01, 1.0), e_c=st.floats(1e5, 1e9), excess=st.floats(5.0, 500.0))
def test_a_film_has_what_it_was_fitted_to(p_r: float, e_c: float, excess: float) -> None:
    f = from_measured(p_r, e_c, 298.15 + excess)
    assert spontaneous(f) == pytest.approx(p_r, rel=1e-12)
    assert spinodal_field(f) == pytest.approx(e_c, rel=1e-12)


@pytest.mark.parametrize("name", MATERIALS)
def test_every_material_has_two_flavours_and_says_where_it_comes_from(name: str) -> None:
    bulk, film = material(name), material(name, "film")
    assert bulk.provenance in ("repository", "paper", "memory")
    assert bulk.source
    for value in (bulk.heat_capacity, bulk.permittivity, bulk.viscosity, film.remanent, film.coercive):
        if value is not None:
            assert value.provenance in ("repository", "memory", "assumption")
            assert value.unit
    assert film.remanent is not None
    assert film.coercive is not None
    assert spontaneous(film.landau) == pytest.approx(film.remanent.value, rel=1e-12)
    assert spinodal_field(film.landau) == pytest.approx(film.coercive.value, rel=1e-12)
    if bulk.heat_capacity is not None:
        assert film.capacitor(V_max=3.0).landau == film.landau


def test_intrinsic_fields_are_far_above_those_of_films() -> None:
    for name in ("PZT_20_80", "HZO", "PVDF_TrFE_70_30"):
        ratio = spinodal_field(material(name).landau) / spinodal_field(material(name, "film").landau)
        assert 1.5 < ratio < 40.0


def test_film_of_lead_zirconate_titanate_is_the_reference_set() -> None:
    film, default = material("PZT_20_80", "film").landau, FerroelectricCapacitor()
    assert (film.a0, film.T0, film.b) == pytest.approx((default.a0, default.T0, default.b), rel=1e-9)
    assert film.a0 * (298.15 - film.T0) == pytest.approx(-1.484615e8, abs=50.0)
    assert film.b == pytest.approx(3.029826e8, abs=50.0)


@given(p=st.floats(-1.0, 1.0), t=st.floats(200.0, 500.0))
def test_conversion_of_the_convention(p: float, t: float) -> None:
    f = from_alpha(4.124e5, 388.15, -2.097e8, 1.294e9, 3.863e10)
    direct = 4.124e5 * (t - 388.15) * p**2 - 2.097e8 * p**4 + 1.294e9 * p**6 + 3.863e10 * p**8
    assert f.free_energy(p, t) == pytest.approx(direct, rel=1e-12, abs=1e-6)


def test_refusals() -> None:
    with pytest.raises(ParameterError, match="did you mean 'HZO'"):
        material("HZo")
    with pytest.raises(ParameterError, match="flavour"):
        material("HZO", "bulk")
    with pytest.raises(ParameterError, match="curie"):
        from_measured(0.1, 1e6, 290.0)
    with pytest.raises(ParameterError, match="coercive"):
        from_measured(0.1, -1e6, 400.0)
    with pytest.raises(ParameterError, match="cv: not known for 'BaTiO3_HM'"):
        material("BaTiO3_HM").capacitor()
    with pytest.raises(ParameterError, match="must be > 0"):
        Landau(1.0, 300.0, 1.0, -1.0)
