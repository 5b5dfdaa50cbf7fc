"""Long-run averages of a protocol: exact where its states recur, else from many sampled runs.

Exact: from one start state every outcome of every step is followed with its Born probability. Where read-outs are
projective the states come back, and (state, clock) is a finite Markov chain, whose stationary distribution gives the
averages. States that agree when rounded are one: beliefs that depend on ever older outcomes, but ever more weakly, are
cut off there. What that moves in energy is booked nowhere, so the power errs by about the grid of rounding over dt.

Power is counted as heat: it differs from the work by the change of a bounded energy and fluctuates less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix, eye
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from ..control import FloatArray, IntArray
from ..laws import EnergyFlows
from ..machine import Machine, Propagated
from ..validation import check_integer, check_positive
from .outcomes import outcomes
from .protocol import Protocol

SAME = 1e-9
"""Usual grid of the components on which states are compared."""


@dataclass(frozen=True)
class Average:
    """Long-run averages of a protocol on a machine.

    Attributes:
        power: extracted work per time, or the cooling power of a refrigerator.
        dissipation_rate: ``Machine.dissipation`` per time, nats.
        information_rate: mean information gain per time, nats.
        record_rate: entropy of the records per time, nats.
        heat_rates: heat per time from each bath.
        standard_error: of the power; 0 if exact.
        choice_fractions: share of the steps with each choice.
        power_unit, dissipation_unit: of the machine.
    """

    power: float
    dissipation_rate: float
    information_rate: float
    record_rate: float
    heat_rates: tuple[float, ...]
    standard_error: float
    choice_fractions: tuple[float, ...]
    power_unit: float
    dissipation_unit: float

    def objective(self, weight: float) -> float:
        """c P / P0 - (1 - c) D / D0 with the weight c."""
        return weight * self.power / self.power_unit - (1.0 - weight) * self.dissipation_rate / self.dissipation_unit


def long_run(
    protocol: Protocol,
    machine: Machine,
    dt: float,
    *,
    max_nodes: int = 20000,
    same: float = SAME,
    systems: int = 512,
    steps: int = 1024,
    burn_in: int = 128,
    seed: int = 0,
) -> Average:
    """The averages, exact if the chain closes within ``max_nodes`` nodes, else sampled; arguments as in the two.

    Raises:
        ParameterError: for an argument out of its range.
    """
    found = exact_average(protocol, machine, dt, max_nodes, same)
    return found or sampled_average(protocol, machine, dt, systems, steps, burn_in, seed)


def sampled_average(
    protocol: Protocol,
    machine: Machine,
    dt: float,
    systems: int = 512,
    steps: int = 1024,
    burn_in: int = 128,
    seed: int = 0,
) -> Average:
    """Mean over ``systems`` runs of ``steps`` steps after ``burn_in``; the same random numbers for every protocol.

    Raises:
        ParameterError: for an argument out of its range.
    """
    check_positive("dt", dt)
    for name, value, low in (("systems", systems, 2), ("steps", steps, 1), ("burn_in", burn_in, 0)):
        check_integer(name, value, low)
    rng = np.random.default_rng(seed)
    state = machine.initial_state(rng.random((systems, machine.n_initial_uniforms)))
    clock = np.zeros(systems, dtype=np.int64)
    heat, rates = np.zeros((systems, len(machine.betas))), np.zeros(3)
    count = np.zeros(machine.control_space.n_choices)
    for t in range(-burn_in, steps):
        uniforms = rng.random((systems, machine.n_step_uniforms)) if machine.is_stochastic else None
        control, clock = protocol.act(state, clock)
        done = machine.propagate(state, control, dt, uniforms)
        if t >= 0:
            heat += done.heat
            rates += _costs(machine, done).mean(axis=0)
            count += np.bincount(control.choice, minlength=len(count))
        state = done.state
    each = heat @ machine.power_weights / (steps * dt)
    error = float(each.std(ddof=1) / np.sqrt(systems))
    return _average(machine, heat.mean(axis=0) / (steps * dt), rates / (steps * dt), count / count.sum(), error)


def exact_average(
    protocol: Protocol, machine: Machine, dt: float, max_nodes: int = 20000, same: float = SAME
) -> Average | None:
    """The average over the Markov chain of (state, clock); ``None`` if outcomes are continuous or it does not close.

    The chain starts from the machine's median start state, u = 1/2. States whose components, rounded to ``same``, are
    equal count as one: the first of them that is met.

    Raises:
        ParameterError: for an argument out of its range.
    """
    check_positive("dt", dt)
    check_integer("max_nodes", max_nodes, 1)
    check_positive("same", same)
    space = machine.control_space
    state = machine.initial_state(np.full((1, machine.n_initial_uniforms), 0.5))
    clock = np.zeros(1, dtype=np.int64)
    if outcomes(machine, state, protocol.act(state, clock)[0]) is None:
        return None
    known = {_key(state[0], 0, same): 0}
    edges: list[tuple[int, int, float]] = []
    heats: list[FloatArray] = []
    costs: list[FloatArray] = []
    choices: list[IntArray] = []
    first = 0
    while len(state):
        control, after_clock = protocol.act(state, clock)
        found = outcomes(machine, state, control)
        assert found is not None
        p, uniforms = found
        num, branches = p.shape
        row = np.repeat(np.arange(num), branches)
        control_each = type(control)(control.values[row], control.choice[row])
        drawn = uniforms.reshape(num * branches, -1) if machine.is_stochastic else None
        done = machine.propagate(state[row], control_each, dt, drawn)
        heats.append(np.einsum("kb,kbj->kj", p, done.heat.reshape(num, branches, -1)))
        costs.append(np.einsum("kb,kbj->kj", p, _costs(machine, done).reshape(num, branches, -1)))
        choices.append(control.choice)
        new: list[int] = []
        for i in np.flatnonzero(p.ravel() > 0.0):
            key = _key(done.state[i], int(after_clock[row[i]]), same)
            if key not in known:
                known[key] = len(known)
                new.append(int(i))
            edges.append((first + int(row[i]), known[key], float(p.ravel()[i])))
        first += num
        if len(known) > max_nodes:
            return None
        state, clock = done.state[new], after_clock[row[new]]
    source, target, share = (np.array(column) for column in zip(*edges, strict=True))
    chain = csr_matrix((share, (source.astype(int), target.astype(int))), shape=(first, first))
    weights = stationary(chain)
    count = np.bincount(np.concatenate(choices), weights=weights, minlength=space.n_choices).astype(float)
    rates = weights @ np.concatenate(costs) / dt
    return _average(machine, weights @ np.concatenate(heats) / dt, rates, count, 0.0)


def stationary(chain: csr_matrix) -> FloatArray:
    """Long-run weights (n,) of the nodes of the Markov chain (n, n) that starts in node 0."""
    num = chain.get_shape()[0]
    _, label = connected_components(chain, directed=True, connection="strong")
    row, column = chain.nonzero()
    closed = np.ones(label.max() + 1, dtype=bool)
    closed[label[row[label[row] != label[column]]]] = False
    weights = np.zeros(num)
    absorbed = _absorbed(chain, label, closed)
    for one in np.flatnonzero(closed):
        nodes = np.flatnonzero(label == one)
        inside = chain[nodes][:, nodes]
        # balance, one equation of which is replaced by the norm
        system = (eye(len(nodes)) - inside.T).tolil()
        system[0] = np.ones(len(nodes))
        norm = np.zeros(len(nodes))
        norm[0] = 1.0
        weights[nodes] = absorbed[one] * spsolve(csc_matrix(system), norm)
    return weights / weights.sum()


def _absorbed(chain: csr_matrix, label: IntArray, closed: np.ndarray) -> FloatArray:
    """Probability that the chain ends in each class."""
    share = np.zeros(len(closed))
    if closed[label[0]] or closed.sum() == 1:
        share[label[0] if closed[label[0]] else np.argmax(closed)] = 1.0
        return share
    passing = np.flatnonzero(~closed[label])
    start = (passing == 0).astype(float)
    visits = np.ravel(np.asarray(spsolve(csc_matrix(eye(len(passing)) - chain[passing][:, passing].T), start)))
    np.add.at(share, label, np.where(closed[label], visits @ chain[passing], 0.0))
    return share


def _key(state: FloatArray, clock: int, same: float) -> tuple[bytes, int]:
    # adding zero makes -0.0 and 0.0 one
    return (np.round(state / same) + 0.0).tobytes(), clock


def _costs(machine: Machine, done: Propagated) -> FloatArray:
    """Dissipation, information and record of a step, nats, (K, 3)."""
    nothing = np.zeros(len(done.work))
    flows = EnergyFlows(
        nothing, done.work, done.heat, nothing, done.measurement_energy, done.information, done.record, done.outcome
    )
    information = nothing if done.information is None else done.information
    record = nothing if done.record is None else done.record
    return np.stack([machine.dissipation(flows), information, record], axis=1)


def _average(machine: Machine, heat: FloatArray, rates: FloatArray, fractions: FloatArray, error: float) -> Average:
    return Average(
        power=float(heat @ machine.power_weights),
        dissipation_rate=float(rates[0]),
        information_rate=float(rates[1]),
        record_rate=float(rates[2]),
        heat_rates=tuple(float(q) for q in heat),
        standard_error=error,
        choice_fractions=tuple(float(f) for f in fractions),
        power_unit=machine.power_unit,
        dissipation_unit=machine.dissipation_unit,
    )
