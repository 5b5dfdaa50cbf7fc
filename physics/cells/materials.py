"""Ferroelectric materials: Landau coefficients, heat capacity, permittivity and viscosity, with where each comes from.

Convention of the coefficients: that of ``landau.py``, f = a P^2/2 + b P^4/4 + c P^6/6 + d P^8/8. Papers that write
alpha1 P^2 + alpha11 P^4 + alpha111 P^6 + alpha1111 P^8 are converted by ``from_alpha``.

Two flavours of every material: ``intrinsic``, the published coefficients, whose fields are 3 to 30 times those at which
real films switch; and ``film``, (a, b) fitted to a measured pair (P_r, E_c) at 298.15 K with c = d = 0.

Provenance of an entry: ``repository`` (read in a published repository), ``paper`` (quoted from a paper), ``memory``
(from memory, not verified), ``assumption`` (chosen). SI units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from ..validation import ParameterError, check_choice, check_positive
from .ferroelectric_capacitor import FerroelectricCapacitor
from .landau import Landau

ROOM = 298.15
"""Temperature of tabulated values, K."""

FLAVOURS = ("intrinsic", "film")


def from_alpha(slope: float, curie: float, alpha11: float, alpha111: float = 0.0, alpha1111: float = 0.0) -> Landau:
    """Landau polynomial from alpha1 = slope (T - curie) and the higher alphas: a = 2 alpha1, b = 4, c = 6, d = 8."""
    return Landau(2.0 * slope, curie, 4.0 * alpha11, 6.0 * alpha111, 8.0 * alpha1111)


def from_measured(remanent: float, coercive: float, curie: float, temperature: float = ROOM) -> Landau:
    """Second-order polynomial with remanent polarisation P_r (C/m2) and coercive field E_c (V/m) at a temperature (K).

    a = -3 sqrt(3) E_c/(2 P_r), b = -a/P_r^2, a0 = -a/(T0 - T).

    Raises:
        ParameterError: unless P_r, E_c > 0 and ``curie`` > ``temperature``.
    """
    check_positive("remanent", remanent)
    check_positive("coercive", coercive)
    if not curie > temperature:
        raise ParameterError(f"curie = {curie!r}: must be > temperature = {temperature!r}, where the film is polar")
    a = -1.5 * np.sqrt(3.0) * coercive / remanent
    return Landau(float(-a / (curie - temperature)), curie, float(-a / remanent**2))


@dataclass(frozen=True)
class Value:
    """A number with its unit, where it comes from and how far that can be trusted (see the module)."""

    value: float
    unit: str
    provenance: str
    source: str = ""


@dataclass(frozen=True)
class Material:
    """A ferroelectric.

    Attributes:
        name: key of the table.
        flavour: ``intrinsic`` or ``film``.
        landau: coefficients.
        provenance, source: of the coefficients.
        heat_capacity: cv, J/(m3 K). permittivity: eps_b. viscosity: rho, Ohm m; ``None`` where nothing is set.
        remanent, coercive: P_r (C/m2) and E_c (V/m) of films, with their source; ``None``: not known.
        curie: T0 of the film, K; ``None``: the transition temperature of the coefficients.
        note: what to know before use.
    """

    name: str
    flavour: str
    landau: Landau
    provenance: str
    source: str
    heat_capacity: Value | None
    permittivity: Value | None
    viscosity: Value | None
    remanent: Value | None = None
    coercive: Value | None = None
    curie: float | None = None
    note: str = ""

    def capacitor(self, **parameters: float) -> FerroelectricCapacitor:
        """A capacitor of this material; other parameters of ``FerroelectricCapacitor`` by name.

        Raises:
            ParameterError: if heat capacity, permittivity or viscosity is neither known nor given.
        """
        known = {"cv": self.heat_capacity, "eps_b": self.permittivity, "rho": self.viscosity}
        filled = {name: value.value for name, value in known.items() if value is not None} | parameters
        missing = [name for name in known if name not in filled]
        if missing:
            raise ParameterError(f"{missing[0]}: not known for {self.name!r}, must be given")
        f = self.landau
        return FerroelectricCapacitor(a0=f.a0, T0=f.T0, b=f.b, c=f.c, d=f.d, **filled)  # type: ignore[arg-type]


# ---- what follows from the coefficients ---------------------------------------------------------------------------


def spontaneous(landau: Landau, temperature: float = ROOM) -> float:
    """P_s, C/m2: polarisation of lowest free energy without a field; 0 above the transition."""
    return float(landau.equilibrium(np.array(0.0), np.array(temperature)))


def spinodal_field(landau: Landau, temperature: float = ROOM) -> float:
    """E_sp, V/m: |E| where the polarised branch loses its stability, at the spinodal of the largest |P|.

    Raises:
        ParameterError: if there is no spinodal at that temperature.
    """
    found = landau.spinodals(temperature)
    if not len(found):
        raise ParameterError(f"temperature = {temperature!r}: has no spinodal")
    return abs(float(landau.field(found[-1], temperature)))


def negative_window(landau: Landau, temperature: float = ROOM) -> tuple[float, float]:
    """Positive polarisations between which d2f/dP2 < 0, C/m2; the first is 0 below T0; (0, 0) without a window."""
    found = landau.spinodals(temperature)
    if not len(found):
        return 0.0, 0.0
    return (float(found[0]) if len(found) > 1 else 0.0), float(found[-1])


def transition(landau: Landau) -> float:
    """Tc, K: where the polar and the unpolar phase have the same free energy; T0 for a second-order transition."""
    if landau.b >= 0.0:
        return landau.T0
    if not landau.d:
        return landau.T0 + 3.0 * landau.b**2 / (16.0 * landau.c * landau.a0)

    def polar(temperature: float) -> float:
        """Free energy of the polar minimum, which exists up to the upper spinodal temperature."""
        q = np.roots([landau.d, landau.c, landau.b, landau.a0 * (temperature - landau.T0)])
        real = np.real(q[np.abs(np.imag(q)) <= 1e-9 * np.abs(q)])
        return float(landau.free_energy(np.sqrt(real.max()), temperature))

    return float(brentq(polar, landau.T0, upper_spinodal(landau) * (1.0 - 1e-12), xtol=1e-10))  # type: ignore[arg-type]


def upper_spinodal(landau: Landau) -> float:
    """Highest temperature with a polar minimum, K; T0 for a second-order transition."""
    if landau.b >= 0.0:
        return landau.T0
    # E = 0 with dE/dP = 0, in q = P^2: a + b q + c q^2 + d q^3 is smallest
    q = _positive([3.0 * landau.d, 2.0 * landau.c, landau.b])
    return landau.T0 - q * (landau.b + q * (landau.c + q * landau.d)) / landau.a0


def critical_end_point(landau: Landau) -> float:
    """Temperature above which no field gives two minima, K: dE/dP = d2E/dP2 = 0; T0 for a second-order transition."""
    if landau.b >= 0.0:
        return landau.T0
    q = _positive([21.0 * landau.d, 10.0 * landau.c, 3.0 * landau.b])
    return landau.T0 - q * (3.0 * landau.b + q * (5.0 * landau.c + 7.0 * q * landau.d)) / landau.a0


def _positive(coefficients: list[float]) -> float:
    """The only positive root of a quadratic with one change of sign."""
    roots = np.real(np.roots(coefficients))
    return float(roots[roots > 0.0].min())


# ---- the table ----------------------------------------------------------------------------------------------------


def _typical(remanent: float, coercive: float) -> dict[str, Any]:
    """P_r and E_c that are typical of films, from memory."""
    about = "typical of films; from memory, not verified"
    return {
        "remanent": Value(remanent, "C/m2", "memory", about),
        "coercive": Value(coercive, "V/m", "memory", about),
    }


def _assumed(cv: float, eps_b: float, rho: float) -> tuple[Value, Value, Value]:
    return tuple(Value(v, u, "assumption") for v, u in ((cv, "J/(m3 K)"), (eps_b, "1"), (rho, "Ohm m")))  # type: ignore[return-value]


FERROX = "AMReX-Microelectronics/FerroX, inputs_mfim_Noeb"
FERRET = "mangerij/ferret"
CELSIUS = 273.15

BATIO3 = Material(
    "BaTiO3_LCC",
    "intrinsic",
    from_alpha(4.124e5, 388.15, -2.097e8, 1.294e9, 3.863e10),
    "repository",
    "Y. L. Li, L. E. Cross, L. Q. Chen, J. Appl. Phys. 98, 064101 (2005), in geoffxiao/Phase-Field-Modeling",
    *_assumed(3.0e6, 7.35, 1.0),
    **_typical(0.20, 5e6),
)
# alpha1 at 298 K is all that is given: the slope is that of BaTiO3_LCC
BATIO3_HM = Material(
    "BaTiO3_HM",
    "intrinsic",
    Landau(2.0 * 2.7721e7 / (388.15 - 298.0), 388.15, 4.0 * -6.4755e8, 6.0 * 8.004e9),
    "repository",
    "Phys. Rev. B 74, 104014, in mangerij/ferret, BTO_wall_T298K.i; T0 assumed",
    None,
    None,
    None,
    **_typical(0.20, 5e6),
    note="for fixed strain; coefficients are given at 298 K only, the temperature T0 = 388.15 K is an assumption",
)
PBTIO3 = Material(
    "PbTiO3",
    "intrinsic",
    from_alpha(3.766e5, 765.1, -7.3e7, 2.6e8),
    "repository",
    f"{FERRET}, PTO inputs",
    *_assumed(3.0e6, 10.0, 1.0),
    **_typical(0.60, 20e6),
)
PZT_20_80 = Material(
    "PZT_20_80",
    "intrinsic",
    from_alpha(1.484e8 / (459.1 - 25.0), 459.1 + CELSIUS, -3.05e7, 2.475e8),
    "memory",
    "M. J. Haun et al. (1989), x = 0.8; from memory, not verified",
    *_assumed(2.8e6, 10.0, 1.0),
    # of the epitaxial film of the negative-capacitance experiment
    remanent=Value(0.70, "C/m2", "assumption"),
    coercive=Value(40e6, "V/m", "assumption", "E_c of 2.2 to 2.8 V over 60 nm; from memory"),
    curie=459.1 + CELSIUS,
)
PZT_50_50 = Material(
    "PZT_50_50",
    "intrinsic",
    from_alpha(4.8889e7 / (392.6 - 25.0), 392.6 + CELSIUS, 4.764e7, 1.336e8),
    "repository",
    f"{FERRET}, PZTfilm (quotes Mtebwa 2014)",
    *_assumed(2.8e6, 10.0, 1.0),
    **_typical(0.30, 6e6),
    note="the repository lists 0.1336e9 as alpha12 and 0.1735e9 as alpha111; P_s = 0.50 supports alpha111 = 0.1336e9",
)
HFO2 = Material(
    "HfO2",
    "intrinsic",
    from_alpha(1.0 / (2.0 * 8.8541878128e-12 * 5.3e5), 598.0, -6.72e8, 1.95e10),
    "repository",
    "FeCIM Lattice Tools, quotes R. Materlik et al. (2015): Curie constant 5.3e5 K",
    *_assumed(2.6e6, 25.0, 0.05),
    remanent=Value(0.245, "C/m2", "repository", "FeCIM Lattice Tools: target of films"),
    coercive=_typical(0.2, 100e6)["coercive"],
    note="the source warns that these values underpredict the remanent polarisation of films",
)
HZO = Material(
    "HZO",
    "intrinsic",
    Landau(2.5e9 / (750.0 - 300.0), 750.0, 6.0e10, 1.5e11),
    "repository",
    f"{FERROX}: alpha = -2.5e9, beta = 6e10, gamma = 1.5e11 of dF/dP; T0 = 750 K is an assumption",
    Value(2.6e6, "J/(m3 K)", "assumption"),
    Value(24.0, "1", "repository", FERROX),
    Value(0.01, "Ohm m", "repository", FERROX),
    **_typical(0.20, 100e6),
)
PVDF_70_30 = Material(
    "PVDF_TrFE_70_30",
    "intrinsic",
    Landau(9.02e7, 252.0, -9.20e12, 8.88e14),
    "paper",
    "R. Ahluwalia et al., Phys. Rev. B 78, 054110 (2008), as quoted in a published repository",
    *_assumed(2.7e6, 4.0, 1.0),
    **_typical(0.08, 50e6),
    note="from molecular dynamics; the field is 30 times that of experiments",
)
PVDF_65_35 = Material(
    "PVDF_TrFE_65_35",
    "intrinsic",
    Landau(3.5e7, 315.0, -1.5e12, 1.9e14),
    "memory",
    "after T. Furukawa; from memory, not verified",
    *_assumed(2.7e6, 4.0, 50.0),
    **_typical(0.07, 50e6),
)

MATERIALS: dict[str, Material] = {
    m.name: m for m in (BATIO3, BATIO3_HM, PBTIO3, PZT_20_80, PZT_50_50, HFO2, HZO, PVDF_70_30, PVDF_65_35)
}
"""All materials with their published coefficients, by name."""


def material(
    name: str, flavour: str = "intrinsic", remanent: float | None = None, coercive: float | None = None
) -> Material:
    """A material of the table.

    Args:
        name: key of ``MATERIALS``.
        flavour: ``intrinsic``, or ``film``: coefficients fitted to P_r (C/m2) and E_c (V/m) at 298.15 K.
        remanent, coercive: of your film; default: those of the table, where it has them.

    Raises:
        ParameterError: for an unknown name or flavour, or a film of which P_r or E_c is not known.
    """
    check_choice("name", name, MATERIALS)
    check_choice("flavour", flavour, FLAVOURS)
    bulk = MATERIALS[name]
    if flavour == "intrinsic":
        return bulk
    p_r = Value(remanent, "C/m2", "given") if remanent is not None else bulk.remanent
    e_c = Value(coercive, "V/m", "given") if coercive is not None else bulk.coercive
    for key, value in (("remanent", p_r), ("coercive", e_c)):
        if value is None:
            raise ParameterError(f"{key}: the table has no measured value for {name!r}, it must be given")
    assert p_r is not None
    assert e_c is not None
    curie = bulk.curie or transition(bulk.landau)
    return Material(
        name, flavour, from_measured(p_r.value, e_c.value, curie), "derived",
        f"fitted to P_r = {p_r.value:g} C/m2 and E_c = {e_c.value:g} V/m at {ROOM} K",
        bulk.heat_capacity, bulk.permittivity, bulk.viscosity, p_r, e_c, curie, bulk.note,
    )  # fmt: skip
