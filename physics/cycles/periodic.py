"""Direct optimisation of periodic controls with the exact gradient of the limit cycle.

For the steps x' = M_k x + v_k with rewards rho_k x + rho0_k the limit cycle earns J = sum_k (rho_k x_k + rho0_k) / T,
and with the adjoint state lambda_k = rho_k + M_k^T lambda_{k+1}, periodic in k,

    T dJ/du_k = rho_k' x_k + rho0_k' + lambda_{k+1} (M_k' x_k + v_k')             (' = derivative in u_k)

One forward and one backward sweep, for a whole batch of cycles at once.

Source: the method is standard optimal control (L. S. Pontryagin et al., 1962); for cycles of open quantum systems
see A. Castro, arXiv:2405.09126.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import minimize

from ..control import FloatArray, IntArray
from ..machine import AffineMachine
from ..validation import ParameterError, check_integer, check_positive, check_shape
from .ascent import ascend
from .cycle import Cycle
from .objective import Objective
from .stretch import contracts, resolvent, steps_of, suffixes

POWER = Objective()
"""The default objective."""


@dataclass(frozen=True)
class BestCycle:
    """A cycle and what it earns.

    Attributes:
        value: the objective's long-run average.
        cycle: the controls.
    """

    value: float
    cycle: Cycle


def average_reward(
    machine: AffineMachine, values: FloatArray, choice: IntArray, durations: FloatArray, objective: Objective = POWER
) -> tuple[FloatArray, FloatArray]:
    """Average reward of K limit cycles of N steps and its gradient.

    Args:
        machine: the machine.
        values: continuous controls, shape (K, N, m).
        choice: discrete choices, shape (K, N).
        durations: lengths of the steps (time), shape (N,) or (K, N).
        objective: what is averaged.

    Returns:
        Average rewards (K,) and their derivatives with respect to ``values``, (K, N, m). A cycle without a limit
        cycle (spectral radius >= 1) has the reward NaN and no gradient (zero).
    """
    k, n, _ = values.shape
    durations = np.broadcast_to(durations, (k, n))
    steps, slopes = steps_of(machine, values, choice, durations, objective)
    onward = suffixes(steps)
    period_map = onward[0]
    stable = contracts(period_map.matrix)
    inverse = resolvent(period_map.matrix, stable)
    x = [np.einsum("ijk,jk->ik", inverse, period_map.offset)]
    for i in range(n - 1):
        x.append(steps.at(i).apply(x[-1]))
    states = np.array(x)
    period = durations.sum(axis=1)
    reward = (np.einsum("ik,ik->k", period_map.rho, x[0]) + period_map.rho0) / period
    # lambda at the end of the period, where the next one begins; then lambda_i = rho_(i...N-1) + M_(i...N-1)^T lambda_N
    end = np.einsum("jik,jk->ik", inverse, period_map.rho)
    adjoint = np.array([np.einsum("jik,jk->ik", s.matrix, end) + s.rho for s in onward[1:]])
    gradient = np.empty_like(values)
    for j, slope in enumerate(slopes):
        change = np.einsum("nijk,njk->nik", slope.matrix, states) + slope.offset
        direct = np.einsum("nik,nik->nk", slope.rho, states) + slope.rho0
        gradient[:, :, j] = ((direct + np.einsum("nik,nik->nk", adjoint, change)) / period).T
    return np.where(stable, reward, np.nan), np.where(stable[:, None, None], gradient, 0.0)


def optimise_word(
    machine: AffineMachine,
    choice: Sequence[int] | IntArray,
    durations: FloatArray | float,
    objective: Objective = POWER,
    *,
    shape: FloatArray | None = None,
    bounds: tuple[FloatArray, FloatArray] | None = None,
    start: FloatArray | None = None,
    n_starts: int = 4,
    seed: int = 0,
    label: str = "optimised",
) -> BestCycle:
    """Best controls for a given word of choices: multi-start L-BFGS-B on the exact gradient.

    Args:
        machine: the machine.
        choice: the word, shape (N,).
        durations: lengths of the steps (time), (N,) or one for all.
        objective: what is maximised.
        shape: (N, q) with non-negative rows that sum to 1: values = shape @ parameters, for example tied levels and
            ramps; ``None`` leaves every step free (q = N).
        bounds: smallest and largest parameters, (q, m) each; the default is the range of the controls.
        start: parameters (q, m) of the first start; the other starts are random.
        n_starts: number of starts.
        seed: of the random starts; the same seed gives the same result.
        label: name of the cycle.

    Returns:
        The best cycle found (a lower bound of the optimum).

    Raises:
        ParameterError: for wrong shapes, or a word that has no limit cycle at any start.
    """
    choice = np.asarray(choice, dtype=np.int64)
    n, space = len(choice), machine.control_space
    check_integer("n_starts", n_starts, 1)
    durations = np.broadcast_to(np.asarray(durations, dtype=float), (n,))
    basis = np.eye(n) if shape is None else shape
    check_shape("shape", basis, (n, None))
    size = (basis.shape[1], space.n_values)
    low, high = (np.broadcast_to(b, size) for b in (bounds or (space.low, space.high)))
    starts = low + (high - low) * np.random.default_rng(seed).random((n_starts, *size))
    if start is not None:
        check_shape("start", start, size)
        starts[0] = np.clip(start, low, high)
    # parameters are scaled to [0, 1], so that the optimiser sees controls of equal size
    span = np.where(high > low, high - low, 1.0)

    def loss(scaled: FloatArray) -> tuple[float, FloatArray]:
        theta = low + span * scaled.reshape(size)
        value, gradient = average_reward(machine, (basis @ theta)[None], choice[None], durations, objective)
        return -float(value[0]), -(basis.T @ gradient[0] * span).ravel()

    best_value, best_theta = -np.inf, None
    for theta0 in starts:
        x0 = ((theta0 - low) / span).ravel()
        if not np.isfinite(loss(x0)[0]):
            continue
        limits = list(zip(np.zeros(x0.size), ((high - low) / span).ravel(), strict=True))
        options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000}
        found = minimize(loss, x0, jac=True, method="L-BFGS-B", bounds=limits, options=options)
        if -found.fun > best_value:
            best_value, best_theta = -float(found.fun), low + span * found.x.reshape(size)
    if best_theta is None:
        raise ParameterError(f"choice = {choice.tolist()}: this word has no limit cycle (is a bath ever connected?)")
    values = np.clip(basis @ best_theta, space.low, space.high)
    return BestCycle(best_value, Cycle(machine, values, choice, durations, label))


def exhaustive_words(
    machine: AffineMachine, dt: float, n_max: int, objective: Objective = POWER, n_starts: int = 3, seed: int = 0
) -> dict[int, BestCycle]:
    """Best cycle of every period N <= ``n_max`` on the grid ``dt``, over all words of choices up to rotation.

    Every word is first climbed roughly, all words and starts in one batch; the most promising ones of each period are
    then polished by L-BFGS-B.

    Args:
        machine: the machine.
        dt: length of a step (time).
        n_max: longest period in steps.
        objective: what is maximised.
        n_starts: random starts per word.
        seed: of the random starts.

    Returns:
        ``{N: best cycle of period N}``; a period without any limit cycle is left out.

    Raises:
        ParameterError: if ``dt`` or ``n_max`` is out of range.
    """
    check_positive("dt", dt)
    check_integer("n_max", n_max, 1)
    rng, space = np.random.default_rng(seed), machine.control_space
    best: dict[int, BestCycle] = {}
    for n in range(1, n_max + 1):
        words = np.array(list(necklaces(n, space.n_choices)))
        batch = np.repeat(words, n_starts, axis=0)
        starts = space.low + (space.high - space.low) * rng.random((len(batch), n, space.n_values))
        value, values = climb(machine, starts, batch, dt, objective)
        value = np.where(np.isnan(value), -np.inf, value)
        found: list[BestCycle] = []
        for k in _promising(value, batch):
            found.append(
                optimise_word(
                    machine, batch[k], dt, objective, start=values[k], n_starts=1, label=f"best cycle of {n} steps"
                )
            )
        if found:
            best[n] = max(found, key=lambda b: b.value)
    return best


def necklaces(n: int, n_letters: int) -> Iterator[tuple[int, ...]]:
    """All words of length ``n`` up to rotation, each by its lexicographically smallest rotation."""
    for word in product(range(n_letters), repeat=n):
        if all(word <= word[i:] + word[:i] for i in range(1, n)):
            yield word


def climb(
    machine: AffineMachine,
    values: FloatArray,
    choice: IntArray,
    dt: float,
    objective: Objective,
    n_calls: int = 60,
    gain: float = 1e-8,
) -> tuple[FloatArray, FloatArray]:
    """Climb K cycles of N steps at once, see ``ascend``.

    Args:
        machine: the machine.
        values: continuous controls at the start, shape (K, N, m).
        choice: discrete choices, shape (K, N).
        dt: length of a step (time).
        objective: what is maximised.
        n_calls: gradients of all cycles that are computed at most.
        gain: a cycle has arrived when 15 steps gained less than this, relative to its value.

    Returns:
        Average rewards (K,), NaN for a cycle without limit cycle, and the controls (K, N, m) that earn them.
    """
    k, n, m = values.shape
    low, span = machine.control_space.low, machine.control_space.high - machine.control_space.low
    durations = np.full(n, float(dt))

    def average(points: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        controls = low + span * points.reshape(-1, n, m)
        value, slope = average_reward(machine, controls, choice[rows], durations, objective)
        return value, (slope * span).reshape(-1, n * m)

    value, best = ascend(average, ((values - low) / span).reshape(k, n * m), n_calls, gain)
    return value, np.clip(low + span * best.reshape(k, n, m), machine.control_space.low, machine.control_space.high)


def _promising(value: FloatArray, words: IntArray, n_words: int = 3) -> list[int]:
    """Rows of the best start of each of the best few words."""
    rows: list[int] = []
    seen: set[bytes] = set()
    for k in np.argsort(-value):
        if len(rows) == n_words or not np.isfinite(value[k]):
            break
        if words[k].tobytes() not in seen:
            seen.add(words[k].tobytes())
            rows.append(int(k))
    return rows
