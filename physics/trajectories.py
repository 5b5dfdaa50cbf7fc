"""Quantum trajectories of a continuously monitored system, batched: exact Bayesian updates between exact propagators.

A step of dt is exp(L dt/2), the read-outs over dt, exp(L dt/2), with L = -i [H, .] + all dissipators but those of the
read-outs. Both factors are exact at any dt, so every state is a state (positive, trace 1) at any dt, without Euler
steps. The splitting is Strang's: averaged over the records, the error at a fixed time is O(dt^2) against the master
equation with the terms (1 / 4 tau) D[A]; it is 0 where the read-outs commute with L. Several read-outs are applied in
turn, in the opposite order in every other step, which keeps O(dt^2) if they do not commute (for an even number of
steps; after an odd one the last step adds O(dt^2) of its own).

hbar = k_B = 1. States are kept as real vectors (d^2) of the Hermitian basis of ``superoperators.py``.

Source: Entropy 25, 204 (2023); K. Jacobs, D. A. Steck, Contemp. Phys. 47, 279 (2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .baths import Bath
from .lindblad import Generator, augmented_propagator, generator, gkls_generator
from .readout import GaussianReadout, amplitudes
from .states import density_matrix_state
from .superoperators import check_hermitian, to_operator, to_vector
from .validation import ParameterError, check_integer, check_positive, check_shape


@dataclass(frozen=True, eq=False)
class Trajectories:
    """N monitored trajectories of n steps with R read-outs, B baths and E observables.

    Attributes:
        times: float64 (n + 1,), starting at 0.
        records: r of each read-out, its mean signal over the step, float64 (N, n, R).
        heat: expected heat from each bath in each step given the record so far, float64 (N, n, B), energy.
        expectations: tr(O rho) of each observable, float64 (N, n + 1, E).
        final: the last states, complex (N, d, d).
        states: all states, complex (N, n + 1, d, d), or ``None`` if they were not kept.
    """

    times: np.ndarray
    records: np.ndarray
    heat: np.ndarray
    expectations: np.ndarray
    final: np.ndarray
    states: np.ndarray | None


def monitored_trajectories(
    hamiltonian: np.ndarray,
    readouts: Sequence[GaussianReadout],
    rho0: np.ndarray,
    dt: float,
    n_steps: int,
    random: np.random.Generator | np.ndarray,
    *,
    n_trajectories: int | None = None,
    baths: Sequence[tuple[np.ndarray, Bath]] = (),
    dissipators: Sequence[np.ndarray] = (),
    observables: Sequence[np.ndarray] = (),
    keep_states: bool = False,
) -> Trajectories:
    """Sample trajectories by Born's rule (module docstring).

    Args:
        hamiltonian: H, Hermitian (d, d), energy.
        readouts: what is monitored.
        rho0: start, (d, d) for all or (N, d, d).
        dt, n_steps: step > 0 (time) and number of steps >= 0.
        random: a generator, or uniform numbers in [0, 1) of shape (n_steps, N, R, 2).
        n_trajectories: N; may be left out where ``rho0`` or ``random`` gives it.
        baths: pairs of a coupling operator and a bath, with the global master equation of ``lindblad.gkls_generator``.
        dissipators: more dissipators as real superoperators (d^2, d^2), 1/time; they carry heat as a bath does, and
            come after the baths in ``Trajectories.heat``.
        observables: Hermitian (d, d), whose expectation values are kept.
        keep_states: keep all states (16 d^2 bytes for each trajectory and step).

    Raises:
        ParameterError: if an argument is out of range or shapes do not fit.
    """
    check_positive("dt", dt)
    check_integer("n_steps", n_steps, 0)
    hamiltonian = check_hermitian("hamiltonian", hamiltonian)
    dim = hamiltonian.shape[-1]
    check_shape("hamiltonian", hamiltonian, (dim, dim))
    for i, readout in enumerate(readouts):
        if readout.dim != dim:
            raise ParameterError(f"readouts[{i}]: is of dimension {readout.dim}, must be of dimension {dim}")
    rows = np.zeros((len(observables), dim * dim))
    for i, observable in enumerate(observables):
        rows[i] = to_vector(check_hermitian(f"observables[{i}]", observable, dim))

    state = density_matrix_state("rho0", rho0, dim)
    count = _number(state, n_trajectories, random, n_steps, len(readouts))
    state = np.array(np.broadcast_to(state, (count, dim * dim)))
    propagator, heat_rows = augmented_propagator(_rest(hamiltonian, baths, dissipators), 0.5 * dt)
    n_baths = len(heat_rows)
    half_step = np.concatenate([propagator, heat_rows]).T  # state and heats in one product

    records = np.empty((count, n_steps, len(readouts)))
    heat = np.zeros((count, n_steps, n_baths))
    expectations = np.empty((count, n_steps + 1, len(rows)))
    states = np.empty((count, n_steps + 1, dim * dim)) if keep_states else None
    expectations[:, 0] = state @ rows.T
    if states is not None:
        states[:, 0] = state
    for step in range(n_steps):
        uniforms = random[step] if isinstance(random, np.ndarray) else random.random((count, len(readouts), 2))
        moved = state @ half_step
        state, heat[:, step] = moved[:, : dim * dim], moved[:, dim * dim :]
        for i in range(len(readouts))[:: -1 if step % 2 else 1]:
            records[:, step, i], state = sample_vector(readouts[i], state, dt, uniforms[:, i])
        moved = state @ half_step
        state, heat[:, step] = moved[:, : dim * dim], heat[:, step] + moved[:, dim * dim :]
        expectations[:, step + 1] = state @ rows.T
        if states is not None:
            states[:, step + 1] = state
    kept = None if states is None else to_operator(states)
    return Trajectories(dt * np.arange(n_steps + 1), records, heat, expectations, to_operator(state), kept)


def sample_vector(
    readout: GaussianReadout, state: np.ndarray, dt: float, uniforms: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """``GaussianReadout.sample`` on state vectors (..., d^2): the records (...) and the states (..., d^2).

    The three blocks of the state between the eigenspaces of A are scaled by the amplitudes of the record.
    """
    both, size = readout.dim, state.shape[-1]
    blocks = state @ readout.blocks.reshape(3 * size, size).T
    # tr(X) = sqrt(d) X_0; the mixed block has none
    p_plus, p_minus = (np.maximum(both**0.5 * blocks[..., k * size], 0.0) for k in (0, 1))
    record = readout.draw(p_plus / (p_plus + p_minus), dt, uniforms)
    up, down = amplitudes(record * (dt / readout.tau))
    total = p_plus * up * up + p_minus * down * down
    weights = np.stack([up * up, down * down, up * down], axis=-1) / total[..., None]
    return record, (weights[..., None] * blocks.reshape(*blocks.shape[:-1], 3, size)).sum(-2)


def _rest(
    hamiltonian: np.ndarray, baths: Sequence[tuple[np.ndarray, Bath]], dissipators: Sequence[np.ndarray]
) -> Generator:
    """All of the dynamics but the read-outs; secular as long as there are baths alone."""
    if not dissipators:
        return gkls_generator(hamiltonian, baths)
    parts = list(gkls_generator(hamiltonian, baths).dissipators) if baths else []
    return generator(hamiltonian, [*parts, *dissipators])


def _number(
    state: np.ndarray, wanted: int | None, random: np.random.Generator | np.ndarray, n_steps: int, n_readouts: int
) -> int:
    """N from whichever argument gives it; all that do must agree."""
    given: dict[str, int] = {}
    if wanted is not None:
        check_integer("n_trajectories", wanted, 1)
        given["n_trajectories"] = wanted
    if state.ndim > 2:
        raise ParameterError(f"rho0: has {state.ndim - 1} batch axes, must have one at most")
    if state.ndim == 2:
        given["rho0"] = len(state)
    if isinstance(random, np.ndarray):
        check_shape("random", random, (n_steps, None, n_readouts, 2))
        given["random"] = random.shape[1]
    if len(set(given.values())) != 1:
        raise ParameterError(f"n_trajectories: must be given by one argument or alike by several, is {given}")
    return next(iter(given.values()))
