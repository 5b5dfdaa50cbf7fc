"""Figures of merit for people and files: which a machine has, what they are called, and the optimum in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..agents.evaluation import carnot_bound
from ..envs.style import Units, bath_looks, units_of, words_of
from ..physics.cells.cell_protocol import CellProtocol
from ..physics.cells.library import BestKnown
from ..physics.cycles.certificate import Certificate as CycleCertificate
from ..physics.cycles.cycle import LimitCycle
from ..physics.machine import Machine
from .optima import Certificate, protocol_data, protocol_of
from .reference import goal

if TYPE_CHECKING:
    from ..physics.feedback.average import Average
    from ..physics.feedback.protocol import Protocol

SHOWN_STEPS = 12
"""Steps of a cycle that are written out."""


class Column(NamedTuple):
    """One figure of merit.

    Attributes:
        key: in the data.
        name: in files of comma-separated values.
        heading: in tables.
        digits: after the point; negative: significant digits of the largest value of the column.
    """

    key: str
    name: str
    heading: str
    digits: int


KEYS = (
    "life_work", "power", "power_error", "objective", "percent", "efficiency", "efficiency_ratio",
    "entropy_production_rate", "dissipation_rate", "read_fraction", "period",
)  # fmt: skip
"""All figures of merit; ``columns_of`` says which of them a machine has."""


def merit_of(machine: Machine) -> str:
    """What policies are ranked by, if nothing else is asked for: the power, or the work of a life."""
    return words_of(machine).power if machine.life_start() is None else "work of a life"


def columns_of(machine: Machine, certificate: Certificate) -> tuple[Column, ...]:
    """The figures of merit of an engine, a refrigerator, a demon or a cell, by its names; the keys are the same.

    The names of SI quantities have their units, as ``"power [W]"``.
    """
    words, aim, noisy = words_of(machine), goal(certificate.upper, machine), machine.is_stochastic
    # the efficiency of a film is less than a per cent, and its COP several hundred
    digits = -4 if machine.natural_units == "SI" else 4
    columns = [Column("power", words.power_tag, words.power, -5 if noisy else -7)]
    if machine.life_start() is not None:
        columns.insert(0, Column("life_work", "life_work", merit_of(machine), -6))
    if noisy:
        columns.append(Column("power_error", f"{words.power_tag}_error", "± error", -2))
    if certificate.weight < 1.0:
        columns.append(Column("objective", "objective", f"r_c, c = {certificate.weight:g}", -5 if noisy else -7))
    columns.append(Column("percent", aim.tag, f"% of {aim.name}", 2))
    has_efficiency = carnot_bound(machine) > 0.0  # else there is but one temperature, and no fuel
    if has_efficiency:
        columns.append(Column("efficiency", words.efficiency_tag, words.efficiency, digits))
    if has_efficiency and words.ratio != words.efficiency:  # of a demon the bound is 1
        columns.append(Column("efficiency_ratio", f"{words.efficiency_tag}_ratio", words.ratio, digits))
    if noisy:
        columns.append(Column("dissipation_rate", words.dissipation_tag, words.dissipation, -5))
        columns.append(Column("read_fraction", "read_fraction", "steps that read", 4))
    else:
        columns.append(Column("entropy_production_rate", words.dissipation_tag, words.dissipation, -6))
        columns.append(Column("period", "period", "period", -4))
    return tuple(_in_si(column, machine) for column in columns) if machine.natural_units == "SI" else tuple(columns)


def _in_si(column: Column, machine: Machine) -> Column:
    """The column with its unit, if its quantity has one."""
    units = units_of(machine)
    unit = {
        "life_work": units.energy, "power": units.power, "entropy_production_rate": units.entropy_rate,
        "period": units.time,
    }.get(column.key)  # fmt: skip
    if unit is None:
        return column
    return column._replace(name=f"{column.name} [{unit}]", heading=f"{column.heading} ({unit})")


def units_caption(machine: Machine) -> str:
    """The units of ``columns_of`` in words."""
    units, words = units_of(machine), words_of(machine)
    error = "; error: standard error of the mean" if machine.is_stochastic else ""
    if units == Units():
        return f"natural units: {machine.natural_units}; entropy in nats{error}"
    if machine.natural_units == "SI":
        return f"SI units{error}"
    period = "" if machine.is_stochastic else f", period in {units.time}"
    parts = f"{words.power} in {units.power}, {words.dissipation} in nats x {units.rate}{period}"
    return f"{parts} ({machine.natural_units}){error}"


def merits_of(limit: LimitCycle) -> list[tuple[str, float]]:
    """The figures of merit of a cycle for people, by the names of the machine; what is undefined is left out."""
    machine = limit.cycle.machine
    words, known = words_of(machine), limit.summary()
    for key in ("efficiency", "carnot_efficiency", "efficiency_ratio", "cop"):
        known.pop(key, None)
    efficiency, bound = (
        (limit.cop, limit.carnot_cop) if machine.is_refrigerator else (limit.efficiency, limit.carnot_efficiency)
    )
    named = {words.power if key == "power" else key.replace("_", " "): float(value) for key, value in known.items()}
    named |= {words.efficiency: efficiency, f"Carnot {words.efficiency}": bound}
    named[words.ratio] = efficiency / bound if bound > 0 else math.nan
    return [(name, value) for name, value in named.items() if math.isfinite(value)]


def merits_of_controls(known: CellProtocol) -> list[tuple[str, float]]:
    """The figures of merit of known controls of a cell for people, with units; what is undefined is left out."""
    machine, words, units = known.machine, words_of(known.machine), units_of(known.machine)
    efficiency, bound = known.efficiency, carnot_bound(machine)
    named = {f"{merit_of(machine)} ({units.energy})": known.life_work, f"{words.power} ({units.power})": known.power}
    named |= {
        f"heat from {look.label} ({units.power})": float(rate)
        for look, rate in zip(bath_looks(machine), known.heat_rates, strict=True)
    }
    named[f"{words.dissipation} ({units.entropy_rate})"] = known.dissipation_rate
    named[words.efficiency] = efficiency
    if words.ratio != words.efficiency:
        named |= {
            f"{words.bound} {words.efficiency}": bound,
            words.ratio: efficiency / bound if bound > 0 else math.nan,
        }
    named[f"period ({units.time})"] = known.response
    return [(name, value) for name, value in named.items() if math.isfinite(value)]


def merits_of_average(machine: Machine, found: Average) -> list[tuple[str, float]]:
    """The figures of merit of a protocol for people; what is undefined, or exact, is left out."""
    words = words_of(machine)
    named = {words.power: found.power, "its standard error": found.standard_error or math.nan}
    named[words.dissipation] = found.dissipation_rate
    if machine.is_refrigerator:
        erasure = found.record_rate / float(machine.betas.min())
        gain, cost = found.power, erasure - sum(found.heat_rates)
    else:
        gain, cost = found.power, found.record_rate / float(machine.betas.min())
    if gain > 0.0 and cost > 1e-12 * machine.power_unit:
        named[words.efficiency] = gain / cost
        named[f"bound of it ({words.bound})"] = carnot_bound(machine)
    named["information gain"] = found.information_rate
    named |= {
        f"fraction of {name}": share
        for name, share in zip(machine.control_space.choices, found.choice_fractions, strict=True)
        if share > 0.0
    }
    return [(name, float(value)) for name, value in named.items() if math.isfinite(value)]


def describe_certificate(certificate: Certificate) -> list[str]:
    """The certificate in words."""
    power = certificate.weight == 1.0
    lower, upper = certificate.power_bounds if power else (certificate.lower, certificate.upper)
    machine = certificate.machine
    what = f"the {merit_of(machine)}" if power else f"r_c, c = {certificate.weight:g}"
    units = units_of(machine)
    name = units.power if machine.life_start() is None else units.energy
    unit = f" {name}" if power and machine.natural_units == "SI" else ""
    width = "" if math.isnan(certificate.gap) else f", relative width {certificate.gap:.1e}"
    head = f"Certified optimum of {what}, dt = {certificate.dt:g}: {lower:.8g} <= optimum <= {upper:.8g}{unit}{width}"
    if math.isnan(lower) and math.isnan(certificate.lower):
        return [f"No optimum of {what}: {certificate.lower_source.removeprefix('none: ')}"]
    if math.isinf(upper):
        best = goal(None, machine).words.removeprefix("the ").capitalize()
        head = f"{best} for {what}, dt = {certificate.dt:g}: {lower:.8g}{unit} <= optimum (no upper bound is known)"
    return [
        head,
        f"  lower bound: {certificate.lower_source}",
        f"  upper bound: {certificate.upper_source}",
        *_best_in_words(certificate),
    ]


def _best_in_words(certificate: Certificate) -> list[str]:
    """The steps of the best cycle, or what the best protocol does."""
    if isinstance(certificate, CycleCertificate):
        cycle = certificate.cycle
        controls = [", ".join(f"{v:.4f}" for v in step) for step in cycle.values]
        names = cycle.word.split() or [""] * len(cycle)
        steps = " | ".join(f"{a} {u}".strip() for a, u in zip(names, controls, strict=True))
        return [f"  best cycle, {len(cycle)} steps: {steps if len(cycle) <= SHOWN_STEPS else 'see --json'}"]
    if isinstance(certificate, BestKnown):
        return [f"  best controls: {controls_in_words(certificate.protocol)}"]
    protocol = protocol_of(certificate)
    return [] if protocol is None else [f"  best protocol: {line}" for line in protocol_in_words(protocol)]


def controls_in_words(known: CellProtocol) -> str:
    """The steps of known controls, equal ones counted: ``"7 x hot, E = 1e+07 V/m | 3 x cold, E = 2e+06 V/m"``."""
    space = known.machine.control_space
    told: list[str] = []
    counts: list[int] = []
    for values, choice in zip(known.values.tolist(), known.choice.tolist(), strict=True):
        named = [
            f"{r.name} = {v:.6g} {r.unit if r.unit != '1' else ''}".strip()
            for r, v in zip(space.ranges, values, strict=True)
        ]
        step = ", ".join([*(space.choices[choice : choice + 1]), *named])
        if told and told[-1] == step:
            counts[-1] += 1
        else:
            told.append(step)
            counts.append(1)
    if len(told) == 1:
        return f"{told[0]}, constant"
    if len(told) > SHOWN_STEPS:
        return f"{len(known)} steps, see --json"
    return " | ".join(f"{n} x {step}" for n, step in zip(counts, told, strict=True))


def protocol_in_words(protocol: Protocol) -> list[str]:
    """What a protocol does, and its parameters; one line each."""
    lines, data = [protocol.label], protocol_data(protocol)
    controls = data.pop("controls", None)
    if controls is not None:
        steps = " | ".join(f"{u:.5f}" for u in controls)
        lines.append(f"u after outcome 0, negative after outcome 1: {steps} | measure")
    told = {k: v for k, v in data.items() if k not in ("type", "label")}
    if told:
        lines.append(", ".join(f"{name} = {_short(value)}" for name, value in told.items()))
    return lines


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_short(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(_short, value))
    return str(value)


def cells(values: Sequence[float], digits: int) -> list[str]:
    """Numbers of one column with the same number of digits after the point; a dash where undefined."""
    if digits < 0:
        largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
        digits = max(0, -digits - 1 - math.floor(math.log10(largest))) if largest > 0 else 0
    # + 0.0: no minus sign before zero
    texts = (f"{v:.5e}" if digits > 12 else f"{round(v, digits) + 0.0:.{digits}f}" for v in values)
    return [text if math.isfinite(v) else "–" for text, v in zip(texts, values, strict=True)]
