"""Reference values of two coupled qubits: Maxwell's demon (one bath) and the refrigerator with measurement (two baths).

Computed by the closed forms and population chains of ``physics/feedback``, which the tests compare with density
matrices. Tolerances are half a unit of the last digit of the source, plus 1e-9.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ..feedback.closed_forms import (
    DeadTimeCycle,
    excited_population,
    one_qubit_heat,
    one_qubit_readout,
    one_qubit_work,
    reset_heat,
    two_qubit_heat,
    two_qubit_work,
)
from ..feedback.gaussian_readout import HeatStatistics, gaussian_heat
from ..feedback.refrigerator_forms import (
    RefrigeratorCycle,
    UncoupledRefrigerator,
    refrigerator_cycle,
    steady_currents,
)
from ..feedback.weak_readout import X_AXIS, Z_AXIS, WeakReadout, weak_readout
from ..references import Reference

PAPER = "Bhandari, Czupryniak, Erdman, Jordan, Entropy 25, 204 (2023), model; value derived"

DEAD_TIME = DeadTimeCycle(e=1.0, T=1.0, gamma=1.0, t0=0.5)
UNCOUPLED = UncoupledRefrigerator(e1=1.0, e2=2.5, T1=0.5, T2=1.0)


def _reference(id: str, quantity: str, expected: float, digits: int, compute: Callable[[], float]) -> Reference:
    return Reference(id, quantity, expected, 0.5 * 10.0**-digits + 1e-9, PAPER, compute)


@cache
def _weak(angle: float, measured: str) -> WeakReadout:
    return weak_readout(1.0, 1.0, -0.25, 1.0, 0.9, angle, measured)


@cache
def _gaussian(axis: str, ratio: float) -> HeatStatistics:
    return gaussian_heat(1.0, excited_population(1.0, 1.0), ratio, axis)


@cache
def _cycle(g: float, protocol: str, strength: float = 1.0) -> RefrigeratorCycle:
    return refrigerator_cycle(1.0, 2.5, g, 0.5, 1.0, protocol, contact=2.0, strength=strength)


WORK = (
    ("DEM-12", "DEM-13", "two parallel one-qubit set-ups", -0.1, 0.540594, 0.672866),
    ("DEM-14", "DEM-15", "one two-qubit set-up", -0.1, 0.571746, 0.695565),
    ("DEM-16", "DEM-17", "two parallel one-qubit set-ups", -0.25, 0.508806, 0.740404),
    ("DEM-18", "DEM-19", "one two-qubit set-up", -0.25, 0.594375, 0.789842),
)
"""Ids, set-up, g, mean and standard deviation of the work per cycle."""

GAUSSIAN = (
    ("DEM-25", "DEM-29", "z", 0.2, 0.024591, 0.128174),
    ("DEM-26", "DEM-30", "z", 4.0, 0.249231, 0.066597),
    ("DEM-27", "DEM-31", "x", 0.2, 0.057922, 0.055897),
    ("DEM-28", "DEM-32", "x", 4.0, 0.253019, 0.046709),
)
"""Ids, axis, tm/tau, mean and standard deviation of the heat per cycle."""

WORDS = {
    "mean": "mean",
    "deviation": "standard deviation",
    "cold_heat": "Qc per cycle",
    "hot_heat": "Qh per cycle",
    "operation_work": "work of the operation per cycle",
    "information": "I_QC per cycle",
}
"""Attributes of the results in words."""


def _work(setup: str, g: float, quantity: str) -> float:
    if setup.startswith("two"):
        return getattr(one_qubit_work(1.0, 1.0, g, 1.0).parallel(2), quantity)
    return getattr(two_qubit_work(1.0, 1.0, g, 1.0), quantity)


DEMON_REFERENCES: tuple[Reference, ...] = (
    _reference("DEM-01", "Q1, g = -0.25", 0.25440314, 8, lambda: one_qubit_heat(1.0, 1.0, -0.25, 1.0)),
    _reference("DEM-02", "Q2, g = -0.25", 0.59437510, 8, lambda: two_qubit_heat(1.0, 1.0, -0.25, 1.0)),
    _reference(
        "DEM-03",
        "Q2 - 2 Q1, g = -0.25",
        0.08556883,
        8,
        lambda: two_qubit_heat(1.0, 1.0, -0.25, 1.0) - 2.0 * one_qubit_heat(1.0, 1.0, -0.25, 1.0),
    ),
    _reference("DEM-04", "Q1, g = 0", 0.26894142, 8, lambda: one_qubit_heat(1.0, 1.0, 0.0, 1.0)),
    _reference("DEM-05", "Q2, g = 0", 0.53788284, 8, lambda: two_qubit_heat(1.0, 1.0, 0.0, 1.0)),
    _reference(
        "DEM-06",
        "energy of the x read-out of one qubit, g = -0.25",
        0.38227288,
        8,
        lambda: one_qubit_readout(1.0, 1.0, -0.25, 1.0, "x").measurement,
    ),
    _reference(
        "DEM-07",
        "work extracted after the x read-out, g = -0.25",
        0.63667601,
        8,
        lambda: one_qubit_readout(1.0, 1.0, -0.25, 1.0, "x").work,
    ),
    *(
        _reference(id, f"Q1, e1 = 0.5, e2 = 4, g = {g:g}", value, 8, lambda g=g: one_qubit_heat(0.5, 4.0, g, 1.0))
        for id, g, value in (
            ("DEM-08", 0.0, 0.18877033),
            ("DEM-09", -0.1, 0.23047530),
            ("DEM-10", -0.3, 0.26960021),
            ("DEM-11", -0.5, 0.26522709),
        )
    ),
    *(
        _reference(
            id,
            f"{WORDS[quantity]} of the work per cycle, {setup}, g = {g:g}",
            value,
            6,
            lambda setup=setup, g=g, quantity=quantity: _work(setup, g, quantity),
        )
        for first, second, setup, g, mean, deviation in WORK
        for id, quantity, value in ((first, "mean", mean), (second, "deviation", deviation))
    ),
    _reference("DEM-20", "heat, k = 0.9, one qubit, z", 0.127068, 6, lambda: _weak(Z_AXIS, "one").heat),
    _reference("DEM-21", "heat, k = 0.9, one qubit, x", 0.176329, 6, lambda: _weak(X_AXIS, "one").heat),
    _reference("DEM-22", "heat, k = 0.9, two qubits, z", 0.304375, 6, lambda: _weak(Z_AXIS, "two").heat),
    _reference("DEM-23", "I_QC, k = 0.9, one qubit, z", 0.269111, 6, lambda: _weak(Z_AXIS, "one").information),
    _reference("DEM-24", "I_QC, k = 0.9, one qubit, x", 0.278389, 6, lambda: _weak(X_AXIS, "one").information),
    *(
        _reference(
            ids[0],
            f"mean heat, continuous {axis} read-out, tm = {ratio:g}",
            mean,
            6,
            lambda axis=axis, ratio=ratio: _gaussian(axis, ratio).mean,
        )
        for *ids, axis, ratio, mean, _ in GAUSSIAN
    ),
    *(
        _reference(
            ids[1],
            f"standard deviation of the heat, continuous {axis} read-out, tm = {ratio:g}",
            deviation,
            6,
            lambda axis=axis, ratio=ratio: _gaussian(axis, ratio).deviation,
        )
        for *ids, axis, ratio, _, deviation in GAUSSIAN
    ),
    *(
        _reference(
            id, f"heat in the time {t:g} after a reset", value, 8, lambda t=t: reset_heat(1.0, 1.0, -0.25, 1.0, t)
        )
        for id, t, value in (("DEM-33", 0.2, 0.15053183), ("DEM-34", 1.0, 0.45791283), ("DEM-35", 10.0, 0.59437487))
    ),
    _reference("DEM-36", "optimal thermalisation time", 0.54685288, 8, lambda: DEAD_TIME.optimal_time),
    _reference("DEM-37", "power there", 0.17822847, 8, lambda: DEAD_TIME.best_power),
)

_CONTINUOUS = {id for row in GAUSSIAN for id in row[:2]}
CONTINUOUS_DEMON_REFERENCES = tuple(r for r in DEMON_REFERENCES if r.id in _CONTINUOUS)
"""The part of ``DEMON_REFERENCES`` with continuous read-out."""
TWO_QUBIT_DEMON_REFERENCES = tuple(r for r in DEMON_REFERENCES if r.id not in {*_CONTINUOUS, "DEM-36", "DEM-37"})
"""The rest, without the dead time of one qubit."""

MEASUREMENT_REFRIGERATOR_REFERENCES: tuple[Reference, ...] = (
    _reference("REF-01", "excited population of qubit 1", 0.11920292, 8, lambda: UNCOUPLED.p1),
    _reference("REF-02", "excited population of qubit 2", 0.07585818, 8, lambda: UNCOUPLED.p2),
    _reference("REF-03", "Qc, SWAP", 0.04334474, 8, lambda: UNCOUPLED.swap_heat),
    _reference("REF-04", "work, SWAP", 0.06501711, 8, lambda: UNCOUPLED.swap_work),
    _reference("REF-05", "COP, SWAP", 0.66666667, 8, lambda: UNCOUPLED.swap_cop),
    *(
        _reference(
            id,
            f"Qc, {'SWAP and ' * swap}Gaussian read-out, tm/tau = {ratio:g}",
            value,
            8,
            lambda ratio=ratio, swap=swap: UNCOUPLED.gaussian_heat(ratio, swap),
        )
        for id, ratio, swap, value in (
            ("REF-06", 0.5, False, 0.01365166),
            ("REF-07", 2.0, False, 0.07569677),
            ("REF-08", 0.5, True, 0.04814171),
            ("REF-09", 2.0, True, 0.08664109),
        )
    ),
    _reference("REF-10", "Qc, binary read-out, k = 0.99", 0.10920292, 8, lambda: UNCOUPLED.binary_heat(0.99)),
    *(
        _reference(
            id,
            f"{WORDS[quantity]}, g = {g:g}, {protocol}" + f", k = {strength:g}" * ("measure" in protocol),
            value,
            digits,
            lambda g=g, protocol=protocol, strength=strength, quantity=quantity: getattr(
                _cycle(g, protocol, strength), quantity
            ),
        )
        for id, g, protocol, strength, quantity, value, digits in (
            ("REF-11", 0.0, "swap", 1.0, "cold_heat", 0.03665403, 8),
            ("REF-12", 0.0, "swap", 1.0, "hot_heat", -0.09163507, 8),
            ("REF-13", 0.0, "swap", 1.0, "operation_work", 0.05498104, 8),
            ("REF-14", 0.2, "none", 1.0, "cold_heat", -0.00514416, 8),
            ("REF-15", 0.2, "swap", 1.0, "cold_heat", 0.06038091, 8),
            ("REF-16", 0.2, "swap", 1.0, "hot_heat", -0.21452633, 8),
            ("REF-17", 0.2, "swap", 1.0, "operation_work", 0.15414542, 8),
            ("REF-18", 0.2, "measure", 0.95, "cold_heat", 0.09498611, 8),
            ("REF-19", 0.2, "measure", 0.95, "information", 0.352525, 6),
            ("REF-20", 0.2, "measure", 1.0, "cold_heat", 0.12666214, 8),
            ("REF-21", 0.2, "swap+measure", 0.95, "cold_heat", 0.09326969, 8),
            ("REF-22", 0.2, "swap+measure", 1.0, "cold_heat", 0.12706185, 8),
        )
    ),
    _reference(
        "REF-23",
        "heat current from the hot bath, g = 0.2, no operation",
        0.00257207979,
        11,
        lambda: steady_currents(1.0, 2.5, 0.2, 0.5, 1.0)[1],
    ),
)
