"""What counts as the best of a machine: certified bounds of the optimum, or the best that a search has found.

    affine machines                  cycles, ``physics.cycles.certificate``
    FeedbackDemon, DeadTimeDemon     protocols, ``physics.feedback.certificate``: an upper bound for any policy
    demons on two coupled qubits     the best protocol of ``physics.feedback.library``: no upper bound
    cells                            the best controls of ``physics.cells.library``: no upper bound; but without fuel
                                     and with one temperature the optimum is to do nothing

All of them say ``lower <= optimum <= upper`` in units of the objective c P/P0 - (1 - c) D/D0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from ..agents.evaluation import Agent
from ..agents.open_loop import CellProtocolAgent, CycleAgent
from ..physics.cells.cell import Cell
from ..physics.cells.library import BestKnown, best_known_controls, make_cell_protocol
from ..physics.cycles.certificate import Certificate as CycleCertificate
from ..physics.cycles.certificate import certify
from ..physics.cycles.library import make_cycle
from ..physics.cycles.objective import Objective
from ..physics.machine import AffineMachine, Machine
from ..physics.machines.continuous_demon import ContinuousDemon
from ..physics.machines.coupled_qubits import CoupledQubits
from ..physics.machines.dead_time_demon import DeadTimeDemon
from ..physics.machines.feedback_demon import FeedbackDemon
from ..physics.validation import ParameterError

if TYPE_CHECKING:
    from ..physics.feedback.average import Average
    from ..physics.feedback.protocol import Protocol as FeedbackProtocol


class Certificate(Protocol):
    """What every comparison needs to know of the optimum; see ``physics.cycles.certificate.Certificate``."""

    @property
    def machine(self) -> Machine: ...
    @property
    def dt(self) -> float: ...
    @property
    def weight(self) -> float: ...
    @property
    def lower(self) -> float: ...
    @property
    def upper(self) -> float: ...
    @property
    def lower_source(self) -> str: ...
    @property
    def upper_source(self) -> str: ...
    @property
    def gap(self) -> float: ...
    @property
    def power_bounds(self) -> tuple[float, float]: ...
    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True, eq=False)
class BestProtocol:
    """The best protocol known of a machine without an upper bound; attributes as of a certificate.

    Attributes:
        average: long-run averages of the protocol.
        names: objective of every family of ``physics.feedback.library`` that fits the machine.
    """

    machine: Machine
    dt: float
    weight: float
    protocol: FeedbackProtocol
    average: Average
    lower: float
    lower_source: str
    names: dict[str, float]
    upper: float = math.inf
    upper_source: str = "none: no method for this machine"

    @property
    def gap(self) -> float:
        """NaN: there is no upper bound."""
        return math.nan

    @property
    def power_bounds(self) -> tuple[float, float]:
        """Lower bound of the power (energy per time), and infinity; NaN unless the objective is power alone."""
        return (self.average.power, self.upper) if self.weight == 1.0 else (math.nan, math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "dt": self.dt,
            "weight": self.weight,
            "lower": self.lower,
            "upper": None,
            "gap": None,
            "power_lower": self.average.power if self.weight == 1.0 else None,
            "power_upper": None,
            "power_error": self.average.standard_error,
            "lower_source": self.lower_source,
            "upper_source": self.upper_source,
            "families": self.names,
            "protocol": protocol_data(self.protocol),
        }


@lru_cache(maxsize=32)
def best_protocol(machine: Machine, dt: float, weight: float = 1.0) -> BestProtocol:
    """The best protocol of all families that fit the machine, by their long-run averages.

    Raises:
        ParameterError: if none fits.
    """
    from ..physics.feedback.average import long_run
    from ..physics.feedback.library import PROTOCOLS, make_protocol

    found: dict[str, tuple[FeedbackProtocol, Average]] = {}
    # a search by sampled runs takes minutes, and the optimum on the belief is better
    names = ("belief_optimum",) if isinstance(machine, ContinuousDemon) else PROTOCOLS
    for name in names:
        try:
            protocol = make_protocol(name, machine, dt, weight)
        except ParameterError:
            continue  # of another machine
        found[name] = protocol, long_run(protocol, machine, dt)
    if not found:
        raise ParameterError(f"{machine.title}: no protocol is known")
    values = {name: average.objective(weight) for name, (_, average) in found.items()}
    best = max(values, key=lambda name: values[name])
    protocol, average = found[best]
    exact = "exact average" if average.standard_error == 0.0 else "average of many runs"
    source = f"direct search over protocols, {best.replace('_', ' ')}; {exact}"
    return BestProtocol(machine, dt, weight, protocol, average, values[best], source, values)


def protocol_data(protocol: FeedbackProtocol) -> dict[str, Any]:
    """A protocol as plain data; a machine among its fields is left out."""
    return {k: v for k, v in protocol.to_dict().items() if not isinstance(v, (Machine, dict))}


def certified(machine: Machine, dt: float, weight: float = 1.0) -> Certificate:
    """The bounds of a machine on the time grid ``dt`` for the weight c.

    Raises:
        ParameterError: for an argument out of its range, or a machine that no method applies to.
    """
    if isinstance(machine, AffineMachine):
        return certify(machine, dt, weight)
    if isinstance(machine, (FeedbackDemon, DeadTimeDemon)):
        from ..physics.feedback.certificate import certify_feedback

        return certify_feedback(machine, dt, weight)
    if isinstance(machine, CoupledQubits):
        return best_protocol(machine, float(dt), float(weight))
    if isinstance(machine, Cell):
        return best_known_controls(machine, dt, weight)
    raise ParameterError(f"{machine.title}: neither its optimum nor a best protocol is known")


def is_certifiable(machine: Machine) -> bool:
    """Whether ``certified`` gives a front: bounds, or cycles by exact gradients, at every weight."""
    return isinstance(machine, (AffineMachine, FeedbackDemon, DeadTimeDemon))


def protocol_of(certificate: Certificate) -> FeedbackProtocol | None:
    """The feedback protocol that reaches the lower bound; ``None`` where it is a cycle or controls of a cell."""
    if isinstance(certificate, (CycleCertificate, BestKnown)):
        return None
    return certificate.protocol  # type: ignore[attr-defined]


def average_of(certificate: Certificate) -> Average:
    """Long-run averages of the protocol that reaches the lower bound, exact where they can be."""
    if isinstance(certificate, BestProtocol):
        return certificate.average
    from ..physics.feedback.average import long_run

    protocol = protocol_of(certificate)
    assert protocol is not None
    return long_run(protocol, certificate.machine, certificate.dt)


def best_agent(certificate: Certificate) -> Agent:
    """The cycle, protocol or controls that reach the lower bound, as an agent."""
    if isinstance(certificate, CycleCertificate):
        return CycleAgent(certificate.cycle, certificate.dt)
    if isinstance(certificate, BestKnown):
        return CellProtocolAgent(certificate.protocol)
    from ..agents.open_loop import ProtocolAgent

    protocol = protocol_of(certificate)
    assert protocol is not None
    return ProtocolAgent(protocol, certificate.machine)


def reference_agent(name: str, machine: Machine, dt: float, weight: float = 1.0) -> tuple[str, Agent]:
    """Label and agent of a baseline of the catalogue: the best of its family for the weight.

    Raises:
        ParameterError: for an unknown name, or a machine that does not fit.
    """
    if isinstance(machine, AffineMachine):
        cycle = make_cycle(name, machine, dt, Objective(weight))
        return cycle.label, CycleAgent(cycle, dt)
    if isinstance(machine, Cell):
        controls = make_cell_protocol(name, machine, dt, weight)
        return controls.label, CellProtocolAgent(controls)
    from ..agents.open_loop import ProtocolAgent
    from ..physics.feedback.library import make_protocol

    protocol = make_protocol(name, machine, dt, weight)
    return protocol.label, ProtocolAgent(protocol, machine)
