"""The interface of every system: a pure, batched map (state, control, dt) -> (next state, energy flows).

State
-----
A float64 array of shape (K, n). Its first ``n_dynamic`` columns are the dynamical variables x (populations, Bloch
components, moments ...); the last m columns are the continuous controls that are switched on now. Holding the
control in the state makes the internal energy a state function and lets work be booked at every switch.

One step
--------
Switch the controls that are not ``ramped`` (x continuous; work = change of energy), then hold for ``dt`` (heat flows).

Random numbers come in as uniforms in [0, 1), one row per system: it sees the same noise alone or in a batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .control import Control, ControlSpace, FloatArray
from .laws import EXACT, EnergyFlows, LawTolerance
from .portrait import Portrait
from .validation import ParameterError, check_shape


def parameter(default: Any, unit: str, about: str) -> Any:
    """A dataclass field that knows its unit and meaning (both end up in ``describe()``)."""
    return field(default=default, metadata={"unit": unit, "about": about})


class Propagated(NamedTuple):
    """What ``Machine.propagate`` returns.

    Attributes:
        state: next state, shape (K, n).
        work: work done on the system, shape (K,).
        heat: heat from each bath, shape (K, B).
        measurement_energy: shape (K,), or ``None`` without a detector.
        information: information gain in nats, shape (K,), or ``None`` without a detector.
        record: entropy of what the detector writes down in nats, shape (K,), or ``None`` without a detector.
        outcome: what each detector showed, shape (K, D), 0 where it was not read; or ``None`` without a detector.
    """

    state: FloatArray
    work: FloatArray
    heat: FloatArray
    measurement_energy: FloatArray | None = None
    information: FloatArray | None = None
    record: FloatArray | None = None
    outcome: FloatArray | None = None


@dataclass(frozen=True)
class Machine(ABC):
    """A thermal machine: parameters are the fields of the frozen dataclass, checked at construction."""

    title: ClassVar[str]
    source: ClassVar[str]
    equations: ClassVar[str]
    """The model in a line or two of plain text, for catalogue and reports."""
    dynamic_names: ClassVar[tuple[str, ...]]
    """Names of the dynamical variables x."""
    bath_names: ClassVar[tuple[str, ...]]
    n_initial_uniforms: ClassVar[int]
    """How many uniforms ``initial_state`` needs per system."""
    quantities: ClassVar[dict[str, tuple[str, str]]] = {}
    """What the dynamical variables are, with their units, for axes: ``{"p": ("population", "1")}``."""
    n_step_uniforms: ClassVar[int] = 0
    """How many uniforms ``propagate`` needs per system; 0 for a deterministic machine."""
    detector_names: ClassVar[tuple[str, ...]] = ()
    """Names of the D detectors; a read-out of +-1, or of a real number."""
    is_refrigerator: ClassVar[bool] = False
    """What the power P of this machine is: the cooling power (heat from the coldest bath), or the extracted work."""
    natural_units: ClassVar[str] = "hbar = k_B = 1"
    """The constants that are 1, for tables and reports."""
    ramped: ClassVar[tuple[str, ...]] = ()
    """Continuous controls that move linearly over a step to their new value; the others are switched at its start."""
    stores_energy: ClassVar[bool] = False
    """Whether it holds so much energy (fuel, a charge) that heat and work need not balance in the long run."""

    # ---- what it is: subclasses define all of it, once per object ----------------------------------------------

    @cached_property
    def control_space(self) -> ControlSpace:
        """What the machine can be told."""
        raise NotImplementedError

    @cached_property
    def betas(self) -> FloatArray:
        """Inverse temperatures of the baths, shape (B,), in the order of ``bath_names``."""
        raise NotImplementedError

    @cached_property
    def energy_scale(self) -> float:
        """Size of the internal energies; sets what counts as round-off."""
        raise NotImplementedError

    @cached_property
    def power_unit(self) -> float:
        """P0: the power that rewards are measured in, so that they are dimensionless and of order one."""
        raise NotImplementedError

    @cached_property
    def dissipation_unit(self) -> float:
        """Sigma0: the rate of entropy production that rewards are measured in (nats per time)."""
        raise NotImplementedError

    @cached_property
    def tolerance(self) -> LawTolerance:
        """What round-off may leave in the audit of the laws."""
        return EXACT

    @cached_property
    def power_weights(self) -> FloatArray:
        """Weights g, shape (B,), with P = sum_b g_b J_b as a long-run average.

        All ones for an engine, whose energy is bounded: all heat is work. Of a refrigerator the coldest bath alone.
        """
        if not self.is_refrigerator:
            return np.ones(len(self.betas))
        return (np.arange(len(self.betas)) == np.argmax(self.betas)).astype(float)

    def output(self, flows: EnergyFlows) -> FloatArray:
        """What the machine is for, per step: extracted work, or heat from the coldest bath; shape (K,), energy.

        What a detector puts in is not extracted: it is subtracted from the work.
        """
        if self.is_refrigerator:
            return flows.heat @ self.power_weights
        return -flows.work if flows.measurement_energy is None else -flows.work - flows.measurement_energy

    def dissipation(self, flows: EnergyFlows) -> FloatArray:
        """What the output costs, per step, shape (K,), nats: the entropy production.

        With a detector the information may be free, but not the memory: then it is the entropy of the record.
        """
        return flows.entropy_production(self.betas) if flows.record is None else flows.record

    def exergy_change(self, flows: EnergyFlows) -> FloatArray | None:
        """Change of B = U - T0 S per step, shape (K,), energy; ``None`` for a machine without surroundings T0."""
        return None

    @property
    def is_stochastic(self) -> bool:
        """Whether a step draws random numbers: the outcomes of measurements."""
        return self.n_step_uniforms > 0

    @property
    def n_dynamic(self) -> int:
        """Number of dynamical variables."""
        return len(self.dynamic_names)

    @property
    def n_state(self) -> int:
        """n: dynamical variables plus held controls."""
        return self.n_dynamic + self.control_space.n_values

    @cached_property
    def state_names(self) -> tuple[str, ...]:
        """Names of the n columns of the state."""
        return self.dynamic_names + tuple(r.name for r in self.control_space.ranges)

    # ---- state functions --------------------------------------------------------------------------------------

    @abstractmethod
    def internal_energy(self, state: FloatArray) -> FloatArray:
        """Tr(rho H(u)) with the held control u, shape (K,)."""

    @abstractmethod
    def entropy(self, state: FloatArray) -> FloatArray:
        """von Neumann entropy in nats, shape (K,)."""

    @abstractmethod
    def reference_energy(self, state: FloatArray) -> FloatArray:
        """Energy with respect to a fixed reference Hamiltonian, shape (K,); the potential of the shaped reward."""

    @abstractmethod
    def check_state(self, state: FloatArray) -> None:
        """Raise ``ParameterError`` unless ``state`` (K, n) is physical."""

    @cached_property
    def portrait(self) -> Portrait:
        """What pictures show of this machine."""
        return Portrait(self)

    # ---- observation ------------------------------------------------------------------------------------------

    @cached_property
    def usual_range(self) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest state that the machine usually visits, each of shape (n,)."""
        raise NotImplementedError

    @cached_property
    def _scale(self) -> tuple[FloatArray, FloatArray]:
        low, high = self.usual_range
        return 0.5 * (low + high), 0.5 * (high - low)

    def observe(self, state: FloatArray) -> FloatArray:
        """Observation of order one, shape (K, n_obs): the state, scaled so that its usual range is [-1, 1]."""
        middle, half = self._scale
        return (state - middle) / half

    def state_of(self, observation: FloatArray) -> FloatArray:
        """A state (K, n) that looks like ``observation`` (K, n_obs), up to the rounding of the observation."""
        middle, half = self._scale
        return middle + half * observation

    @property
    @abstractmethod
    def observation_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest observation over all physical states, each of shape (n_obs,)."""

    # ---- dynamics ---------------------------------------------------------------------------------------------

    def ended(self, state: FloatArray) -> np.ndarray:
        """Whether the machine is used up in the states (K, n), bool (K,): an episode terminates there."""
        return np.zeros(len(state), dtype=bool)

    def life_start(self) -> FloatArray | None:
        """Where a life begins (n,), of a machine so soon used up that its work counts, not its power; else ``None``."""
        return None

    @abstractmethod
    def initial_state(self, uniforms: FloatArray) -> FloatArray:
        """Start states (K, n) from uniforms (K, ``n_initial_uniforms``)."""

    @abstractmethod
    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        """Switch to ``control``, hold it for ``dt``. Books work and heat; arguments are trusted (see ``step``)."""

    def step(
        self,
        state: FloatArray,
        control: Control,
        dt: float,
        uniforms: FloatArray | None = None,
        last: EnergyFlows | None = None,
    ) -> tuple[FloatArray, EnergyFlows]:
        """One step of K systems.

        Args:
            state: shape (K, n).
            control: values (K, m) inside their ranges, choice (K,).
            dt: duration, > 0.
            uniforms: shape (K, ``n_step_uniforms``) for a stochastic machine.
            last: flows of the step that led to ``state``, if there is one: saves computing its energy and entropy.

        Returns:
            Next state (K, n) and the energy flows. Changes of energy and entropy are differences of the state
            functions, computed apart from the booked work and heat.
        """
        after = self.propagate(state, control, dt, uniforms)
        energy, entropy = self.internal_energy(after.state), self.entropy(after.state)
        energy_before = self.internal_energy(state) if last is None or last.energy is None else last.energy
        entropy_before = self.entropy(state) if last is None or last.entropy is None else last.entropy
        flows = EnergyFlows(
            energy_change=energy - energy_before,
            work=after.work,
            heat=after.heat,
            entropy_change=entropy - entropy_before,
            measurement_energy=after.measurement_energy,
            information=after.information,
            record=after.record,
            outcome=after.outcome,
            energy=energy,
            entropy=entropy,
        )
        return after.state, flows

    # ---- description ------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Name, source, equations, parameters with units, controls and baths as plain data."""
        space = self.control_space
        return {
            "title": self.title,
            "source": self.source,
            "equations": self.equations,
            "parameters": [
                {"name": f.name, "value": getattr(self, f.name), **f.metadata} for f in fields(self) if f.init
            ],
            "controls": [{"name": r.name, "low": r.low, "high": r.high, "unit": r.unit} for r in space.ranges],
            "choices": list(space.choices),
            "uses": [list(names) for names in space.uses],
            "baths": [{"name": n, "beta": float(b)} for n, b in zip(self.bath_names, self.betas, strict=True)],
            "state": list(self.state_names),
        }


class AffineMap(NamedTuple):
    """The step of a machine that is affine in x: x' = M x + v, Q = R x + r.

    Attributes:
        matrix: M, shape (K, n_x, n_x).
        offset: v, shape (K, n_x).
        heat_matrix: R, shape (K, B, n_x).
        heat_offset: r, shape (K, B).
    """

    matrix: np.ndarray
    offset: np.ndarray
    heat_matrix: np.ndarray
    heat_offset: np.ndarray


class Counted(NamedTuple):
    """Statistics of the heat N = sum_b w_b Q_b that is counted, jump by jump, during one hold.

    Attributes:
        covariance: of N with the dynamical variables after the hold, shape (K, n_x). For a variable that is no
            expectation value (a function of some): the derivative of it with respect to the counting field.
        variance: of N, shape (K,).
    """

    covariance: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class AffineMachine(Machine):
    """A machine whose step and whose energy are affine in the dynamical variables x.

    Exact limit cycles, adjoint gradients and dynamic programming follow from ``affine`` once for all of them.
    ``affine`` must be analytic in the continuous controls and accept complex values: derivatives are then exact to
    round-off by the complex step, df/du = Im f(u + ih)/h with h = 1e-30 (J. Squire, G. Trapp, SIAM Rev. 40, 110
    (1998)).
    """

    @abstractmethod
    def affine(self, control: Control, dt: float) -> AffineMap:
        """The affine map of holding ``control`` for ``dt``, batched over K."""

    @abstractmethod
    def energy_row(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Row e (K, n_x) and offset e0 (K,) with internal energy e(u) x + e0(u); ``values`` is u (K, m)."""

    def count(self, x: FloatArray, after: FloatArray, control: Control, dt: float, weights: FloatArray) -> Counted:
        """Full counting statistics, to second order, of one hold that leads from x to ``after``, both (K, n_x).

        A jump that takes the energy omega out of bath b counts w_b omega; ``weights`` is w, shape (B,). The counter
        starts at zero, uncorrelated with x; see ``counting.count_step`` for the sum over steps.
        """
        raise NotImplementedError(f"{type(self).__name__} has no counting statistics")

    def tilted(self, control: Control, dt: float, field: np.ndarray) -> np.ndarray:
        """The tilted propagator of one hold, shape (K, n_x + 1, n_x + 1), acting on (trace, trace times x).

        It multiplies a history by exp(sum_b field_b Q_b); ``field``, real or complex, has shape (B,) (1/energy).
        """
        raise NotImplementedError(f"{type(self).__name__} has no tilted propagator of finite dimension")

    def consistent(self, x: FloatArray) -> FloatArray:
        """``x`` (K, n_x) with variables that are functions of others computed from them.

        For a machine whose x is redundant: a fixed point that is solved for carries round-off divided by the
        contraction of a period, which would break the relation between its variables.
        """
        return x

    def affine_derivative(self, control: Control, dt: float, j: int) -> AffineMap:
        """Derivative of ``affine`` with respect to continuous control ``j``, same shapes."""
        step = 1e-30
        values = control.values.astype(complex)
        values[:, j] += 1j * step
        return AffineMap(*(np.imag(part) / step for part in self.affine(Control(values, control.choice), dt)))

    def internal_energy(self, state: FloatArray) -> FloatArray:
        nx = self.n_dynamic
        row, offset = self.energy_row(state[:, nx:])
        return np.einsum("ki,ki->k", row, state[:, :nx]) + offset

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        nx = self.n_dynamic
        x = state[:, :nx]
        old_row, old_offset = self.energy_row(state[:, nx:])
        new_row, new_offset = self.energy_row(control.values)
        work = np.einsum("ki,ki->k", new_row - old_row, x) + (new_offset - old_offset)
        step = self.affine(control, dt)
        heat = np.einsum("kbi,ki->kb", step.heat_matrix, x) + step.heat_offset
        after = np.einsum("kij,kj->ki", step.matrix, x) + step.offset
        return Propagated(np.concatenate([after, control.values], axis=1), work, heat)


def check_state_array(machine: Machine, state: FloatArray) -> None:
    """Raise ``ParameterError`` unless ``state`` is finite, of shape (K, n), with held controls in range."""
    check_shape("state", state, (None, machine.n_state))
    if not np.isfinite(state).all():
        raise ParameterError(f"state = {state.tolist()}: must be finite")
    values = state[:, machine.n_dynamic :]
    machine.control_space.check(Control(values, np.zeros(len(state), dtype=np.int64)))
