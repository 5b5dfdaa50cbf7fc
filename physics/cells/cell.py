"""One formalism for every cell: a Helmholtz function, a mobility, ports and baths. SI units.

The state is (x, theta): charges, polarisations and extents of reaction x, and the temperature T = T_a + theta of one
lumped node. The Helmholtz function is linear in T but for the heat capacity,

    F(x, T) = u(x) - T s(x) - C T (ln(T/T_a) - 1),        U = u + C theta,      S = s + C ln(1 + theta/T_a)

    dx/dt = gradient flow with ports, dissipation >= 0
    C dT/dt = dissipation - T ds/dt - sum_i K_i (T - T_i)

A step replaces every derivative of F by its discrete gradient, taken at the logarithmic mean of the two temperatures.
Then the first law holds to round-off and the entropy production is a sum of non-negative terms, **at any step size**.
The implicit equations are solved by Newton's method, with exact derivatives by the complex step, for all K cells at
once; cells for which it fails take two steps of half the size.

A new cell defines its state functions ``stored`` and ``order`` (u and s), their discrete gradients, and ``flow``:
what moves, dissipates and goes out. Nothing else can create or destroy energy.

Convention: flows into the cell are positive in the ledger of ``Machine``; ``Flow.delivered`` leaves the terminals.

Source: derived; discrete gradients, O. Gonzalez, J. Nonlinear Sci. 6, 449 (1996).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..control import Control, FloatArray, IntArray
from ..laws import EnergyFlows, LawTolerance
from ..machine import Machine, Propagated, check_state_array
from ..validation import ParameterError
from . import newton
from .discrete import Array, log_mean_lag
from .ledger import Ledger, StepError, added, put
from .pacing import Fast, paced

K_B = 1.380649e-23
"""Boltzmann constant, J/K."""
E_CHARGE = 1.602176634e-19
"""Elementary charge, C."""
K_E = K_B / E_CHARGE
"""k/e, V/K."""
EPSILON_0 = 8.8541878128e-12
"""Vacuum permittivity, F/m."""

MAX_HALVINGS = 36
"""How often a sub-step may be halved."""


class SecondLawError(ParameterError):
    """Parameters that claim work from the heat of a single temperature, which no cycle can deliver.

    Source: R. Clausius (1854), W. Thomson (1851); for these cells exergy is a Lyapunov function, see ``Cell``.
    """


class Flow(NamedTuple):
    """What happens in a cell at a given (mean) state; arrays of the shape of one variable.

    Attributes:
        rates: dx/dt, one array per variable.
        dissipation: heat produced inside, one array per channel (W), each >= 0.
        delivered: power that leaves the terminals (W).
        outside: heat produced outside of the thermal node by a resistor that belongs to the cell (W), >= 0; it goes to
            the last bath at once.
    """

    rates: Sequence[Array]
    dissipation: Sequence[Array]
    delivered: Array
    outside: Array | float = 0.0


@dataclass(frozen=True)
class Cell(Machine):
    """Base of all cells; see the module.

    State: (x, theta, held controls). Units: SI; entropies in J/K.
    """

    natural_units: ClassVar[str] = "SI"
    channels: ClassVar[tuple[str, ...]]
    """Names of the dissipative channels."""
    takes_numbers: ClassVar[bool] = False
    """Whether ``gradients``, ``amounts`` and ``flow`` take plain numbers as well as arrays; see ``discrete``."""

    # ---- what a cell defines ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def ambient(self) -> float:
        """T_a, K: theta is measured from it."""

    @cached_property
    def heat_capacity(self) -> float:
        """C, J/K."""
        raise NotImplementedError

    @cached_property
    def scales(self) -> FloatArray:
        """Usual sizes of (x, theta), shape (n_x + 1,)."""
        raise NotImplementedError

    @abstractmethod
    def stored(self, x: FloatArray, values: FloatArray) -> FloatArray:
        """u(x), J, shape (K,), of variables (n_x, K) with the controls (m, K)."""

    @abstractmethod
    def order(self, x: FloatArray) -> FloatArray:
        """s(x), J/K, shape (K,)."""

    @abstractmethod
    def gradients(self, x0: Array, x1: Array, values: FloatArray) -> tuple[Sequence[Array], Sequence[Array]]:
        """Discrete gradients of u and of s between x0 and x1, one array per variable."""

    @abstractmethod
    def flow(
        self, x0: Array, x1: Array, temperature: Array, forces: Sequence[Array], values: FloatArray, choice: IntArray
    ) -> Flow:
        """What happens; ``forces`` is the discrete gradient of F, ``temperature`` the logarithmic mean."""

    @abstractmethod
    def conductances(self, values: FloatArray, choice: IntArray) -> FloatArray:
        """K_i, W/K, shape (B, K)."""

    def amounts(self, x0: Array, x1: Array) -> Sequence[Array]:
        """Change of what ``Flow.rates`` are the rates of: the variables themselves, unless a cell says otherwise.

        Discrete gradients are with respect to these amounts.
        """
        return [b - a for a, b in zip(x0, x1, strict=True)]

    def guess(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Where Newton's method starts for the variables after a sub-step, (n_x, K); before it they were ``x``."""
        return x

    def admissible(self, x: FloatArray) -> np.ndarray:
        """Whether the variables (n_x, K) lie where u and s are defined, bool (K,)."""
        return np.ones(x.shape[1], dtype=bool)

    @property
    def longest_sub_step(self) -> float:
        """Longest sub-step (s) that resolves the dynamics."""
        return np.inf

    def sub_steps(self, dt: float) -> FloatArray:
        """Lengths of the sub-steps of a contact of length ``dt``, all the same."""
        count = max(1, int(np.ceil(dt / self.longest_sub_step * (1 - 1e-12))))
        return np.full(count, dt / count)

    def fast(self, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray) -> Fast | None:
        """What moves much faster than a step and must be resolved after a switch; ``None``: nothing does."""
        return None

    @property
    def first_sub_step(self) -> float:
        """A first sub-step (s) that resolves the fast part after a switch of the controls; inf without one."""
        return np.inf

    # ---- what follows from it ---------------------------------------------------------------------------------

    @cached_property
    def tolerance(self) -> LawTolerance:
        return LawTolerance(first_law=1e-11, second_law=1e-12, entropy_scale=self.energy_scale / self.ambient)

    @cached_property
    def temperatures(self) -> FloatArray:
        """Of the baths, K, shape (B,)."""
        return 1.0 / self.betas

    @property
    def n_x(self) -> int:
        """Number of variables besides the temperature."""
        return self.n_dynamic - 1

    def internal_energy(self, state: FloatArray) -> FloatArray:
        n = self.n_x
        return self.stored(state[:, :n].T, state[:, n + 1 :].T) + self.heat_capacity * state[:, n]

    def entropy(self, state: FloatArray) -> FloatArray:
        """S - S(start), J/K, shape (K,)."""
        n = self.n_x
        return self.order(state[:, :n].T) + self.heat_capacity * np.log1p(state[:, n] / self.ambient)

    def exergy_change(self, flows: EnergyFlows) -> FloatArray:
        """Change of B = U - T_a S, J, shape (K,)."""
        return flows.energy_change - self.ambient * flows.entropy_change

    def check_state(self, state: FloatArray) -> None:
        check_state_array(self, state)
        coldest = float((self.ambient + state[:, self.n_x]).min(initial=self.ambient))
        if coldest <= 0.0:
            raise ParameterError(f"temperature = {coldest:.6g} K: must be > 0")

    def propagate(
        self, state: FloatArray, control: Control, dt: float, uniforms: FloatArray | None = None
    ) -> Propagated:
        n = self.n_x
        x, held, values = state[:, :n].T, state[:, n + 1 :].T, control.values.T
        start = np.where(self._ramps[:, None], held, values)
        work = self.stored(x, start) - self.stored(x, held)
        done = self.advance(x, state[:, n], start, values, control.choice, dt)
        after = np.concatenate([done.x, done.theta[None], values]).T
        return Propagated(after, work - done.delivered, done.heat)

    @cached_property
    def _ramps(self) -> np.ndarray:
        return np.array([r.name in self.ramped for r in self.control_space.ranges], dtype=bool)

    # ---- the stepper ------------------------------------------------------------------------------------------

    def advance(
        self,
        x: FloatArray,
        theta: FloatArray,
        start: FloatArray,
        end: FloatArray,
        choice: IntArray,
        dt: float,
    ) -> Ledger:
        """A contact of length ``dt`` of K cells.

        Args:
            x, theta: variables (n_x, K) and T - T_a (K,).
            start, end: controls (m, K) at its beginning and end; linear between them.
            choice: (K,).
            dt: duration, s.

        Raises:
            StepError: if Newton's method fails for tiny sub-steps.
        """
        fast = self.fast(x, theta, start, choice)
        if fast is not None:
            return paced(self, x, theta, start, end, choice, dt, fast)
        sizes = self.sub_steps(dt).tolist()
        total, done, span = None, 0.0, end - start
        for h in sizes:
            before, done = done, done + h
            part = start + before / dt * span, start + done / dt * span
            x, theta = (x, theta) if total is None else (total.x, total.theta)
            piece = self.sub_step(x, theta, *part, choice, h)
            total = piece if total is None else added(total, piece)
        assert total is not None
        return total

    def sub_step(
        self,
        x: FloatArray,
        theta: FloatArray,
        start: FloatArray,
        end: FloatArray,
        choice: IntArray,
        h: float | FloatArray,
        halvings: int = 0,
    ) -> Ledger:
        """One sub-step of the length ``h``, the same or one for each cell; cells for which it fails take two halves.

        Raises:
            StepError: if Newton's method fails for tiny sub-steps, or for ``halvings = MAX_HALVINGS`` at once.
        """
        done, failed = self.solve(x, theta, 0.5 * (start + end), choice, h)
        if not failed.any():
            return done
        if halvings == MAX_HALVINGS:
            raise StepError(f"{type(self).__name__}: no solution for a sub-step of {np.max(h):.3g} s")
        rows = np.flatnonzero(failed)
        middle, half = 0.5 * (start + end)[:, rows], 0.5 * (h[rows] if isinstance(h, np.ndarray) else h)
        part = x[:, rows], theta[rows]
        first = self.sub_step(*part, start[:, rows], middle, choice[rows], half, halvings + 1)
        second = self.sub_step(first.x, first.theta, middle, end[:, rows], choice[rows], half, halvings + 1)
        put(done, rows, added(first, second))
        return done

    def solve(
        self, x: FloatArray, theta: FloatArray, values: FloatArray, choice: IntArray, h: float | FloatArray
    ) -> tuple[Ledger, np.ndarray]:
        """One sub-step by Newton's method: the ledger, and which cells have no solution yet."""
        found = newton.solve(self, x, theta, values, choice, h)
        n, (new, flows, conductances, failed) = self.n_x, found
        heat = h * conductances * ((self.temperatures - self.ambient)[:, None] - flows[0])
        heat[-1] -= h * flows[2]
        count = np.ones(len(theta), dtype=np.int64)
        return Ledger(new[:n], new[n], h * flows[1], heat.T.copy(), h * flows[3:], count), failed

    def terms(self, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any) -> list[Array]:
        """The n + 1 residuals that must vanish, then the mean of T - T_a, and what ``Flow`` lists.

        ``old`` and ``new`` are the variables and the temperature above ambient, arrays or lists of plain numbers.
        """
        n = self.n_x
        # above ambient: what flows to the baths would otherwise lose digits
        above = 0.5 * (old[n] + new[n]) + log_mean_lag(self.ambient + old[n], self.ambient + new[n])
        t_mean = self.ambient + above
        du, ds = self.gradients(old[:n], new[:n], values)
        forces = [a - t_mean * b for a, b in zip(du, ds, strict=True)]
        flow = self.flow(old[:n], new[:n], t_mean, forces, values, choice)
        change = self.amounts(old[:n], new[:n])
        produced: Any = sum(flow.dissipation)
        ordered: Any = sum([a * b for a, b in zip(ds, change, strict=True)])
        given: Any = sum([k * (above - t) for k, t in zip(conductances, self.bath_list, strict=True)])
        warming = (h * (produced - given) - t_mean * ordered) / self.heat_capacity
        residuals = [a - h * b for a, b in zip(change, flow.rates, strict=True)]
        return [*residuals, new[n] - old[n] - warming, above, flow.delivered, flow.outside, *flow.dissipation]

    def slopes(
        self, old: Array, new: Array, values: Any, choice: Any, h: Array, conductances: Any
    ) -> newton.Rows | None:
        """Derivatives of the residuals of ``terms`` with respect to ``new``, row by row; ``None``: by the complex step.

        A cell that writes them out is solved faster; what is solved is ``terms``.
        """
        return None

    @cached_property
    def scale_list(self) -> list[float]:
        """``scales`` as plain numbers."""
        return self.scales.tolist()

    @cached_property
    def bath_list(self) -> list[float]:
        """Temperatures of the baths above ambient as plain numbers, K."""
        return (self.temperatures - self.ambient).tolist()
