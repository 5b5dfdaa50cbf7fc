"""What a policy is worth: its average power in the limit cycle, measured without transients.

An episode return is the wrong score for a cyclic machine: it contains the transient and the energy left in the
system at truncation, and a finite window can exceed the optimum. Here the deterministic policy runs from many
starts; after a burn-in the controls that it repeats are taken as a ``Cycle`` and averaged over the exact periodic
state; of a machine that is not affine, whole periods in which the state returns too. From a policy that does not
repeat, the window that closes best on itself is taken as the cycle.

A cell with fuel does not repeat itself. Its work is corrected by what its double layers gained over the window, so that
no stored energy can pass for power; what it makes of all its fuel is measured in ``life``.

A machine with measurements has no limit cycle: its averages are those of many long runs, with their standard error. The
power is counted as heat there, which differs from the work by the change of a bounded energy and fluctuates less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..envs.machine_env import MachineVectorEnv
from ..physics.control import FloatArray, IntArray
from ..physics.cycles.cycle import Cycle, LimitCycle, NoLimitCycleError, find_period
from ..physics.machine import AffineMachine, Machine
from .life import Life, lives
from .rollout import Agent, roll_out

REPEAT = 1e-5
"""Largest difference of controls and states (relative to their range) at which a policy counts as repeating itself."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A policy's long-run averages; physical units, flows into the system positive.

    Attributes:
        power: P, mean over the starts: extracted work per time, or the cooling power of a refrigerator.
        heat_rates: heat per time from each bath, shape (B,), mean over the starts.
        entropy_production_rate: nats per time, mean over the starts.
        efficiency: power / heat from the hottest bath, or the coefficient of performance cooling power / consumed
            power of a refrigerator, or of a machine that stores energy power / exergy used; NaN unless both are
            positive.
        efficiency_ratio: efficiency / Carnot's.
        period: period of the limit cycle (time); NaN if the policy does not repeat, or runs differ.
        powers: P from each start, shape (S,).
        periodic: fraction of the starts that ended in a limit cycle.
        limit_cycle: the limit cycle from the start with the median power; of the recorded controls where the policy
            does not repeat; ``None`` if there is none (no bath, or a machine that is not affine).
        law_residual: largest first-law residual met (energy).
        min_entropy_production: smallest entropy production of a step met (nats).
        dissipation_rate: what the output costs, nats per time: the entropy production, or the entropy of the records.
        standard_error: of the power, from the spread over the starts; 0 for a deterministic machine.
        choice_fractions: fraction of the steps with each choice, shape (n_choices,).
        dissipations: ``dissipation_rate`` from each start, shape (S,).
        read_fraction: fraction of the steps in which a detector was read; NaN without detectors.
        life_work: work of a whole life (energy), of a machine that has one (``Machine.life_start``); else NaN. Its
            averages are those over the life.
        mean_reward: per step, where the environment's reward is not the power in the long run; else NaN.
    """

    power: float
    heat_rates: FloatArray
    entropy_production_rate: float
    efficiency: float
    efficiency_ratio: float
    period: float
    powers: FloatArray
    periodic: float
    limit_cycle: LimitCycle | None
    law_residual: float
    min_entropy_production: float
    dissipation_rate: float
    standard_error: float
    choice_fractions: FloatArray
    dissipations: FloatArray
    read_fraction: float
    life_work: float = np.nan
    mean_reward: float = np.nan

    def objective(self, machine: Machine, weight: float) -> float:
        """c P/P0 - (1 - c) D/D0 with the weight c."""
        cost = (1.0 - weight) * self.dissipation_rate / machine.dissipation_unit
        return weight * self.power / machine.power_unit - cost

    def objective_error(self, machine: Machine, weight: float) -> float:
        """Standard error of ``objective``, from the spread over the starts; 0 for a deterministic machine."""
        if not machine.is_stochastic:
            return 0.0
        cost = (1.0 - weight) * self.dissipations / machine.dissipation_unit
        return _standard_error(weight * self.powers / machine.power_unit - cost)

    def to_dict(self) -> dict[str, Any]:
        """Plain data (lists and numbers), without the cycle's flows."""
        return {
            "power": self.power,
            "heat_rates": self.heat_rates.tolist(),
            "entropy_production_rate": self.entropy_production_rate,
            "efficiency": self.efficiency,
            "efficiency_ratio": self.efficiency_ratio,
            "period": self.period,
            "powers": self.powers.tolist(),
            "periodic": self.periodic,
            "cycle": self.limit_cycle.cycle.to_dict() if self.limit_cycle else None,
            "law_residual": self.law_residual,
            "min_entropy_production": self.min_entropy_production,
            "dissipation_rate": self.dissipation_rate,
            "standard_error": self.standard_error,
            "choice_fractions": self.choice_fractions.tolist(),
            "read_fraction": self.read_fraction,
            "life_work": self.life_work,
            "mean_reward": self.mean_reward,
        }


class _Record:
    """Window of a batched run: T steps of S starts."""

    def __init__(self, machine: Machine, steps: int, starts: int) -> None:
        self.states = np.empty((steps + 1, starts, machine.n_state))
        self.values = np.empty((steps, starts, machine.control_space.n_values))
        self.choice: IntArray = np.empty((steps, starts), dtype=np.int64)
        self.output = np.empty((steps, starts))
        self.heat = np.empty((steps, starts, len(machine.bath_names)))
        self.dissipation = np.empty((steps, starts))
        self.read = np.zeros((steps, starts), dtype=bool)
        self.reward = np.empty((steps, starts))


def evaluate(
    agent: Agent,
    machine: Machine,
    dt: float,
    encoding: str | None = None,
    levels: int = 15,
    n_starts: int | None = None,
    burn_in: int = 256,
    window: int | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    weight: float | None = None,
) -> Evaluation:
    """Run the deterministic policy from ``n_starts`` start states and average over its limit cycles.

    A machine that is soon used up (``Machine.life_start``) lives once, from its start to its end.

    Args:
        agent: anything with ``predict``.
        machine: the machine.
        dt: duration of a step.
        encoding: action encoding that the agent speaks; ``None`` for native actions.
        levels: grid points per control of a grid encoding.
        n_starts: number S of start states; default 16, with measurements 128.
        burn_in: steps before the window; never less than twice the history that the agent sees.
        window: steps of the window; twice the longest period that can be found. Default 512, with measurements 1024.
        seed: seed of the start states; evaluation uses its own generators and disturbs no training.
        settings: further arguments of ``MachineVectorEnv``: what the agent sees (``observation``, ``history``,
            a range of weights ``weight``), and a ``reward`` that is not the power.
        weight: the weight that an agent conditioned on it is told; ``None``: the largest of its range, the power.
    """
    start = machine.life_start()
    if start is not None:
        return _life(machine, lives(agent, machine, dt, encoding, levels, 1, settings=settings, state=start[None]))
    n_starts = (128 if machine.is_stochastic else 16) if n_starts is None else n_starts
    window = (1024 if machine.is_stochastic else 512) if window is None else window
    native = MachineVectorEnv(machine, dt, n_starts, **(settings or {}))
    burn_in = max(burn_in, 2 * native.kernel.view.steps)
    steps = roll_out(agent, native, encoding, levels, seed, weight)
    record = _Record(machine, window, n_starts)
    record.states[0] = native.kernel.state
    residual, smallest = 0.0, np.inf
    for t, (ledger, _) in zip(range(-burn_in, window), steps, strict=False):
        residual = max(residual, float(np.abs(ledger["law_residual"]).max()))
        smallest = min(smallest, float(ledger["entropy_production"].min()))
        if t >= -1:
            record.states[t + 1] = ledger["state"]
        if t >= 0:
            record.values[t], record.choice[t] = ledger["control"], ledger["choice"]
            record.output[t], record.heat[t] = ledger["power"] * dt, ledger["heat"]
            record.reward[t] = ledger["reward"]
            record.dissipation[t] = ledger.get("dissipation", ledger["entropy_production"])
            if "record" in ledger:
                # averaged over, an outcome shows nothing; certain, it has no entropy
                record.read[t] = (ledger["outcome"] != 0.0).any(axis=1) | (ledger["record"] > 0.0)
    fractions = np.bincount(record.choice.ravel(), minlength=native.n_choices) / record.choice.size
    paid = np.nan if native.kernel.reward.follows_power else float(record.reward.mean())
    if machine.is_stochastic:
        return replace(_long_average(machine, dt, record, fractions, residual, smallest), mean_reward=paid)
    averages = [_average(machine, dt, record, k) for k in range(n_starts)]
    powers = np.array([a.power for a in averages])
    heat_rates = np.mean([a.heat_rates for a in averages], axis=0)
    middle = int(np.argsort(powers)[len(powers) // 2])
    periods = np.array([a.period for a in averages])
    efficiency, carnot = _efficiency(machine, heat_rates)
    dissipations = np.array([-float(machine.betas @ a.heat_rates) for a in averages])
    if machine.stores_energy:  # fuel has an entropy of its own: its baths do not tell
        dissipations = record.dissipation.mean(axis=0) / dt
        efficiency, carnot = _exergy_efficiency(machine, float(powers.mean()), float(dissipations.mean())), 1.0
    entropy_production_rate = float(dissipations.mean())
    return Evaluation(
        power=float(powers.mean()),
        heat_rates=heat_rates,
        entropy_production_rate=entropy_production_rate,
        efficiency=efficiency,
        efficiency_ratio=efficiency / carnot if carnot > 0 else np.nan,
        period=float(periods[0]) if np.ptp(periods) < 0.5 * dt else np.nan,
        powers=powers,
        periodic=float(np.isfinite(periods).mean()),
        limit_cycle=averages[middle].limit_cycle,
        law_residual=residual,
        min_entropy_production=smallest,
        dissipation_rate=entropy_production_rate,
        standard_error=0.0,
        choice_fractions=fractions,
        dissipations=dissipations,
        read_fraction=float(record.read.mean()) if machine.detector_names else np.nan,
        mean_reward=paid,
    )


def _life(machine: Machine, life: Life) -> Evaluation:
    """Averages over one life."""
    work, time = float(life.work[0]), float(life.duration[0])
    efficiency = work / float(life.exergy_used[0]) if work > 0.0 else np.nan
    dissipation = float(life.entropy_produced[0]) / time
    return Evaluation(
        power=work / time,
        heat_rates=life.heat[0] / time,
        entropy_production_rate=dissipation,
        efficiency=efficiency,
        efficiency_ratio=efficiency / carnot_bound(machine),
        period=np.nan,
        powers=life.work / time,
        periodic=0.0,
        limit_cycle=None,
        law_residual=life.law_residual,
        min_entropy_production=life.min_entropy_production,
        dissipation_rate=dissipation,
        standard_error=0.0,
        choice_fractions=life.choice_fractions,
        dissipations=np.array([dissipation]),
        read_fraction=np.nan,
        life_work=work,
    )


def _long_average(
    machine: Machine, dt: float, record: _Record, fractions: FloatArray, residual: float, smallest: float
) -> Evaluation:
    """Averages over long runs, of a machine with measurements."""
    lengths = [_closing(machine, record, k) for k in range(record.heat.shape[1])]
    rates = np.array([record.heat[-n:, k].mean(axis=0) for k, n in enumerate(lengths)]) / dt
    powers, heat_rates = rates @ machine.power_weights, rates.mean(axis=0)
    dissipations = np.array([record.dissipation[-n:, k].mean() for k, n in enumerate(lengths)]) / dt
    dissipation = float(dissipations.mean())
    # entropy of the records: what the baths' entropy production and the erasure add up to
    records = dissipation + (float(machine.betas @ heat_rates) if machine.is_refrigerator else 0.0)
    efficiency, carnot = _efficiency(machine, heat_rates, records)
    return Evaluation(
        power=float(powers.mean()),
        heat_rates=heat_rates,
        entropy_production_rate=records - float(machine.betas @ heat_rates),
        efficiency=efficiency,
        efficiency_ratio=efficiency / carnot if carnot > 0 else np.nan,
        period=np.nan,
        powers=powers,
        periodic=0.0,
        limit_cycle=None,
        law_residual=residual,
        min_entropy_production=smallest,
        dissipation_rate=dissipation,
        standard_error=_standard_error(powers),
        choice_fractions=fractions,
        dissipations=dissipations,
        read_fraction=float(np.mean([record.read[-n:, k].mean() for k, n in enumerate(lengths)])),
    )


def _standard_error(values: FloatArray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def _efficiency(machine: Machine, heat_rates: FloatArray, records: float = 0.0) -> tuple[float, float]:
    """Efficiency of an engine or coefficient of performance of a refrigerator (NaN if it is none), and its bound.

    Erasing records (nats per time) is paid for at the temperature of the hottest bath. So Carnot's bound holds for a
    refrigerator with measurements, and with a single bath the efficiency P/(T x records) has the bound 1 (Landauer).
    """
    hot, cold = np.argmin(machine.betas), np.argmax(machine.betas)
    extracted = float(heat_rates.sum())  # in the long run, since the internal energy is bounded
    erasure = records / float(machine.betas[hot])
    if machine.is_refrigerator:
        gain, cost = float(heat_rates[cold]), erasure - extracted
    else:
        gain, cost = extracted, erasure if machine.is_stochastic else float(heat_rates[hot])
    # heats that vanish leave round-off, and round-off over round-off may be anything
    least = 1e-12 * machine.power_unit
    return (gain / cost if gain > least and cost > least else np.nan), carnot_bound(machine)


def _exergy_efficiency(machine: Machine, power: float, entropy_production: float) -> float:
    """Power over the exergy used, which is larger by T0 Sigma (Gouy, Stodola); NaN if no power is delivered."""
    used = power + entropy_production / float(machine.betas.max())
    least = 1e-12 * machine.power_unit
    return power / used if power > least and used > least else np.nan


def carnot_bound(machine: Machine) -> float:
    """Carnot's bound of the efficiency, or of the coefficient of performance of a refrigerator.

    Of a machine that stores energy it is 1, the bound of power over exergy used.

    Of a demon with one bath it is 1, Landauer's bound of power over the cost of erasing its records.
    """
    if machine.stores_energy or (machine.is_stochastic and len(machine.betas) == 1):
        return 1.0
    ratio = float(machine.betas.min() / machine.betas.max())
    if machine.is_refrigerator:
        return ratio / (1.0 - ratio) if ratio < 1.0 else np.inf
    return 1.0 - ratio


def _closing(machine: Machine, record: _Record, k: int) -> int:
    """Length of the window, at least half the record, that comes back best to the state it started from.

    Part of a cycle too much or too little would be a bias: a demon takes up heat early and pays for its record late.
    """
    seen = machine.observe(record.states[:, k])
    distance = np.abs(seen[:-1] - seen[-1]).max(axis=1)
    return len(distance) - int(np.argmin(distance[: len(distance) // 2 + 1]))


class _Average(NamedTuple):
    """Of one start: power, heat rates, limit cycle of an affine machine, and the period, NaN if it does not repeat."""

    power: float
    heat_rates: FloatArray
    limit_cycle: LimitCycle | None
    period: float


def _average(machine: Machine, dt: float, record: _Record, k: int) -> _Average:
    values, choice = record.values[:, k], record.choice[:, k]
    period = _period(machine, record, k)
    n = _closing(machine, record, k) if period is None else period
    if isinstance(machine, AffineMachine):
        try:
            # repeated for ever: an exact cycle, in which no stored energy can pass for power
            limit = Cycle(machine, values[-n:], choice[-n:], np.full(n, dt), "learned").limit_cycle()
        except NoLimitCycleError:  # for example no bath at all: the average below is exact
            period = None
        else:
            return _Average(limit.power, limit.heat_rates, limit, limit.period if period else np.nan)
    elif period is not None:
        n = _whole(period, len(choice))
    time, gained = n * dt, float(record.output[-n:, k].sum())
    if machine.stores_energy:
        ends = record.states[[-1 - n, -1], k]
        gained += float(np.diff(machine.internal_energy(ends) - machine.reference_energy(ends))[0])
    return _Average(gained / time, record.heat[-n:, k].sum(axis=0) / time, None, period * dt if period else np.nan)


def _period(machine: Machine, record: _Record, k: int) -> int | None:
    """Steps after which start ``k`` repeats itself.

    The limit cycle of an affine machine follows from the controls. Any other must show that it is in one: it may
    oscillate under constant controls, and what comes back after a period may still drift over many.
    """
    values, choice, states = record.values[:, k], record.choice[:, k], record.states[1:, k]
    if isinstance(machine, AffineMachine):
        return find_period(machine, values, choice, REPEAT)
    period = find_period(machine, values, choice, REPEAT, states)
    if period is None:
        return None
    ends = machine.observe(states[[-1 - _whole(period, len(choice)), -1]])
    return period if np.abs(np.diff(ends, axis=0)).max() <= 2.0 * REPEAT else None


def _whole(period: int, steps: int) -> int:
    """Steps of all whole periods in the second half of a record."""
    return steps // 2 // period * period
