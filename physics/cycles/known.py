"""The best cycles known, for machines whose optimum has no closed form.

Only controls are stored (``known_cycles.json``, written by ``benchmarks/known_cycles.py``), never a value: what a cycle
earns is always computed from its exact limit cycle, so a wrong entry could not raise a bound, only fail to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..machine import AffineMachine
from ..validation import ParameterError
from .cycle import Cycle, NoLimitCycleError
from .objective import Objective
from .periodic import BestCycle

FILE = Path(__file__).with_name("known_cycles.json")
"""Package data."""


@dataclass(frozen=True)
class Known:
    """A stored cycle.

    Attributes:
        machine: name of the machine's class.
        parameters: its parameters.
        dt: length of a step (time).
        weight: the weight c that it was optimised for.
        values: continuous controls, N rows of m.
        choice: choices, N; empty for a machine without any.
    """

    machine: str
    parameters: dict[str, Any]
    dt: float
    weight: float
    values: list[list[float]]
    choice: list[int]

    def cycle(self, machine: AffineMachine, dt: float) -> Cycle:
        """The controls on ``machine``, clipped to its ranges; the caller knows that the kinds of controls agree."""
        space = machine.control_space
        values = np.clip(np.array(self.values, dtype=float), space.low, space.high)
        choice = np.array(self.choice or [0] * len(values), dtype=np.int64)
        return Cycle(machine, values, choice, np.full(len(values), dt), f"best known, {len(values)} steps")


def parameters(machine: AffineMachine) -> dict[str, Any] | None:
    """Parameters of a machine as plain data; ``None`` for one that is not made of numbers and names alone."""
    found = {f.name: getattr(machine, f.name) for f in fields(machine) if f.init}
    return found if all(isinstance(v, (int, float, str)) for v in found.values()) else None


def known_cycles(machine: AffineMachine, dt: float) -> list[Cycle]:
    """Stored cycles of exactly this machine and ``dt``, of all weights."""
    wanted = parameters(machine)
    return [
        k.cycle(machine, dt)
        for k in _stored()
        if k.machine == type(machine).__name__ and k.dt == dt and k.parameters == wanted
    ]


def start_cycles(machine: AffineMachine, dt: float, weight: float = 1.0) -> list[Cycle]:
    """Stored cycles of this kind of machine with any parameters, to begin a search with.

    Those of the same parameters come with all their weights, the others with the nearest weight.
    """
    alike = [k for k in _stored() if k.machine == type(machine).__name__]
    nearest = min((abs(k.weight - weight) for k in alike), default=0.0)
    others = [k.cycle(machine, dt) for k in alike if abs(k.weight - weight) <= nearest]
    return [*known_cycles(machine, dt), *others]


def best_known(machine: AffineMachine, dt: float, weight: float = 1.0) -> BestCycle | None:
    """The stored cycle that earns most at this weight, with its recomputed value; ``None`` if none is stored.

    Args:
        machine: the machine; its parameters must be those of the stored ones exactly.
        dt: length of a step (time).
        weight: weight c of the objective c P / P0 - (1 - c) Sigma / Sigma0.
    """
    objective = Objective(weight)
    best: BestCycle | None = None
    for cycle in known_cycles(machine, dt):
        try:
            value = objective.value(cycle.limit_cycle())
        except NoLimitCycleError:
            continue
        if best is None or value > best.value:
            best = BestCycle(value, cycle)
    return best


def store(cycle: Cycle, dt: float, weight: float, path: Path = FILE) -> bool:
    """Keep a cycle if it earns more at ``weight`` than what is stored for this machine, ``dt`` and weight.

    Args:
        cycle: a cycle with all steps of length ``dt``.
        dt: length of a step (time).
        weight: the weight c that it was optimised for.
        path: the file.

    Returns:
        Whether it was stored.

    Raises:
        ParameterError: for a machine whose parameters are not numbers or names, or steps of other lengths.
        NoLimitCycleError: if the cycle has no limit cycle.
    """
    machine, objective = cycle.machine, Objective(weight)
    named = parameters(machine)
    if named is None:
        raise ParameterError(f"machine {type(machine).__name__}: has parameters that cannot be stored as numbers")
    if (cycle.durations != dt).any():
        raise ParameterError(f"durations: must all be dt = {dt!r}")
    value = objective.value(cycle.limit_cycle())
    choice = cycle.choice.tolist() if machine.control_space.choices else []
    new = Known(type(machine).__name__, named, dt, weight, cycle.values.tolist(), choice)
    rest = []
    for old in read(path):
        if (old.machine, old.parameters, old.dt, old.weight) == (new.machine, named, dt, weight):
            if objective.value(old.cycle(machine, dt).limit_cycle()) >= value:
                return False
        else:
            rest.append(old)
    _write([*rest, new], path)
    _stored.cache_clear()
    return True


def read(path: Path = FILE) -> Sequence[Known]:
    """The stored cycles of a file; none if it does not exist."""
    if not path.is_file():
        return []
    return [Known(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


@lru_cache(maxsize=1)
def _stored() -> Sequence[Known]:
    return read()


def _write(known: Sequence[Known], path: Path) -> None:
    """One line per cycle, in a fixed order; replaced at once, so that a reader never sees half a file."""
    order = sorted(known, key=lambda k: (k.machine, json.dumps(k.parameters), k.dt, -k.weight))
    lines = ",\n".join(json.dumps(vars(k)) for k in order)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    os.replace(temporary, path)
