"""Instruments: Born's rule, states after an outcome, constructors, and every error they raise."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import chisquare

from szilard.physics.measurement import (
    Instrument,
    binary,
    bloch_axis,
    local,
    product,
    projective,
    spin,
    with_error,
)
from szilard.physics.validation import ParameterError

SX, SY, SZ = (spin(axis) for axis in "xyz")
UP, DOWN = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
EXAMPLE = 0.5 * (np.eye(2) + 0.6 * SX - 0.5 * SZ)  # demon_erdman.md, section 4
RESET = Instrument((np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]),))
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(2, 4)


def random_state(rng: np.random.Generator, dim: int, *batch: int, rank: int | None = None) -> np.ndarray:
    raw = rng.normal(size=(2, *batch, dim, rank or dim))
    raw = raw[0] + 1j * raw[1]
    rho = raw @ raw.conj().swapaxes(-1, -2)
    return rho / np.trace(rho, axis1=-2, axis2=-1)[..., None, None]


def random_instrument(rng: np.random.Generator, dim: int, n_outcomes: int, per_outcome: int = 1) -> Instrument:
    """From a random isometry; a random scale for each operator makes some outcomes rare and some operators nearly 0."""
    raw = rng.normal(size=(2, n_outcomes * per_outcome, dim, dim)) * 10.0 ** rng.uniform(-2, 0, (1, dim))
    raw = (raw[0] + 1j * raw[1]) * 10.0 ** rng.uniform(-2, 0, (n_outcomes * per_outcome, 1, 1))
    isometry, _ = np.linalg.qr(raw.reshape(-1, dim))
    return Instrument(tuple(isometry.reshape(n_outcomes, per_outcome, dim, dim)))


def test_born_rule_of_the_published_example():
    weak = binary("x", 0.9)
    p, states = weak.probabilities(EXAMPLE), weak.conditional(EXAMPLE)
    after = np.real(np.trace(states @ SX, axis1=-2, axis2=-1))
    assert p == pytest.approx([0.74, 0.26], abs=1e-14)
    assert after == pytest.approx([1.4 / 1.48, -0.2 / 0.52], abs=1e-14)
    assert p @ after == pytest.approx(0.6, abs=1e-14)  # the measured component is conserved
    assert p[::-1] @ after == pytest.approx(-0.0387, abs=5e-5)  # what inverted probabilities would give

    outcome, sampled = weak.sample(EXAMPLE, np.random.default_rng(1).random(20000))
    component = np.real(np.trace(sampled @ SX, axis1=-2, axis2=-1))
    assert component == pytest.approx(after[outcome], abs=1e-13)
    assert component.mean() == pytest.approx(0.6, abs=4 * component.std() / 20000**0.5)


@pytest.mark.parametrize("seed", range(4))
def test_frequencies_of_outcomes_follow_borns_rule(seed):
    rng = np.random.default_rng(seed)
    dim = 2 + seed % 3
    instrument = random_instrument(rng, dim, 3, per_outcome=1 + seed % 2)
    rho = random_state(rng, dim)
    exact = [np.real(np.trace(sum(m @ rho @ m.conj().T for m in operators))) for operators in instrument.kraus]
    outcome, states = instrument.sample(rho, rng.random(30000))
    counts = np.bincount(outcome, minlength=3)
    assert chisquare(counts, 30000 * np.array(exact) / sum(exact)).pvalue > 1e-3
    assert states == pytest.approx(instrument.conditional(rho)[outcome], abs=1e-12)


def test_chi_square_would_see_inverted_probabilities():
    outcome, _ = binary("x", 0.9).sample(EXAMPLE, np.random.default_rng(3).random(2000))
    counts = np.bincount(outcome, minlength=2)
    assert chisquare(counts, [1480, 520]).pvalue > 1e-3
    assert chisquare(counts, [520, 1480]).pvalue < 1e-30


@given(seeds, sizes, st.integers(1, 4), st.integers(1, 3))
def test_every_outcome_leaves_a_state(seed, dim, n_outcomes, per_outcome):
    rng = np.random.default_rng(seed)
    instrument = random_instrument(rng, dim, n_outcomes, per_outcome)
    rho = random_state(rng, dim, 2, 3, rank=rng.integers(1, dim + 1))
    p, states = instrument.probabilities(rho), instrument.conditional(rho)
    assert p.shape == (2, 3, n_outcomes)
    assert states.shape == (2, 3, n_outcomes, dim, dim)
    assert p.sum(-1) == pytest.approx(np.ones((2, 3)), abs=1e-12)
    assert np.trace(states, axis1=-2, axis2=-1) == pytest.approx(np.ones(p.shape), abs=1e-12)
    assert np.linalg.eigvalsh(states).min() > -1e-12 / max(p.min(), 1e-3)
    assert (p[..., None, None] * states).sum(-3) == pytest.approx(instrument.average(rho), abs=1e-12)
    assert instrument.is_efficient == (per_outcome == 1)
    outcome, sampled = instrument.sample(rho, rng.random((2, 3)))
    picked = np.take_along_axis(states, outcome[..., None, None, None], -3)[..., 0, :, :]
    assert sampled == pytest.approx(picked, abs=1e-9)


@given(seeds, st.floats(0.5, 1.0))
def test_binary_readout_conserves_its_component_and_dephases(seed, strength):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    instrument = binary(axis / np.linalg.norm(axis), strength)
    measured = np.tensordot(axis / np.linalg.norm(axis), [SX, SY, SZ], 1)
    rho = random_state(rng, 2)
    kept = 2.0 * np.sqrt(strength * (1.0 - strength))  # of the components orthogonal to the axis
    dephased = 0.5 * (1 + kept) * rho + 0.5 * (1 - kept) * measured @ rho @ measured
    assert instrument.average(rho) == pytest.approx(dephased, abs=1e-14)
    p, states = instrument.probabilities(rho), instrument.conditional(rho)
    components = np.real(np.trace(states @ measured, axis1=-2, axis2=-1))
    assert p @ components == pytest.approx(np.real(np.trace(rho @ measured)), abs=1e-14)


def test_axes():
    assert bloch_axis("z") == pytest.approx([0, 0, 1])
    assert bloch_axis(0.3) == pytest.approx([np.cos(0.3), 0, np.sin(0.3)])
    assert spin(0.0) == pytest.approx(SX)
    assert spin((0.0, 1.0, 0.0)) == pytest.approx(np.array([[0, -1j], [1j, 0]]))
    assert np.diag([1, -1]) == pytest.approx(SZ)


def test_strongest_and_weakest_binary_readout():
    assert np.array(binary("y", 1.0).kraus) == pytest.approx(np.array(projective(SY).kraus))  # outcomes in one order
    p, states = binary("x", 0.5).probabilities(EXAMPLE), binary("x", 0.5).conditional(EXAMPLE)
    assert p == pytest.approx([0.5, 0.5])
    assert states == pytest.approx(np.stack([EXAMPLE, EXAMPLE]))


def test_projective_groups_degenerate_levels():
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    instrument = projective(turn @ np.diag([1.0, 3.0, 1.0 + 1e-12, -2.0]) @ turn.T)
    assert [round(np.real(np.trace(m[0]))) for m in instrument.kraus] == [1, 2, 1]
    assert instrument.kraus[1][0] == pytest.approx(turn[:, [0, 2]] @ turn[:, [0, 2]].T, abs=1e-9)
    assert projective(np.eye(3)).n_outcomes == 1


def test_impossible_outcomes_give_neither_nan_nor_a_draw():
    instrument = projective(SZ)
    for rho, certain in ((UP, 0), (DOWN, 1)):
        assert instrument.conditional(rho)[certain] == pytest.approx(rho)
        assert instrument.conditional(rho)[1 - certain] == pytest.approx(np.eye(2) / 2)
        outcome, states = instrument.sample(rho, np.array([0.0, 0.5, 1.0 - 2.0**-53]))
        assert (outcome == certain).all()
        assert states == pytest.approx(np.stack([rho] * 3))
    never = with_error(instrument, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert never.probabilities(EXAMPLE)[1] == 0.0
    assert never.is_efficient
    assert (never.sample(np.stack([EXAMPLE] * 100), np.linspace(0, 0.999, 100))[0] != 1).all()


@given(seeds)
def test_parts_of_a_tensor_product(seed):
    rng = np.random.default_rng(seed)
    first, second = random_instrument(rng, 2, 2), random_instrument(rng, 3, 3, 2)
    rho = random_state(rng, 6)
    parts = rho.reshape(2, 3, 2, 3)
    assert local(first, 0, (2, 3)).probabilities(rho) == pytest.approx(
        first.probabilities(np.einsum("aibi->ab", parts)), abs=1e-13
    )
    assert local(second, 1, (2, 3)).probabilities(rho) == pytest.approx(
        second.probabilities(np.einsum("aiaj->ij", parts)), abs=1e-13
    )
    # the joint read-out is one after the other
    joint, middle = product(first, second), local(first, 0, (2, 3)).unnormalized(rho)
    assert joint.n_outcomes == 6
    in_turn = local(second, 1, (2, 3)).unnormalized(middle).reshape(6, 6, 6)
    assert joint.unnormalized(rho) == pytest.approx(in_turn, abs=1e-13)


def test_misreading_mixes_the_states():
    misreading = np.array([[0.8, 0.2], [0.3, 0.7]])
    sharp, blurred = projective(SX), with_error(projective(SX), misreading)
    assert blurred.unnormalized(EXAMPLE) == pytest.approx(
        np.einsum("kl,kab->lab", misreading, sharp.unnormalized(EXAMPLE))
    )
    assert blurred.average(EXAMPLE) == pytest.approx(sharp.average(EXAMPLE))
    assert not blurred.is_efficient
    # a useless record of a binary read-out that does nothing is one operator up to factors
    assert with_error(binary("z", 0.5), misreading).is_efficient


def test_feedback_acts_after_its_outcome():
    demon = projective(SZ).followed_by(np.stack([SX, np.eye(2)]))
    assert demon.average(EXAMPLE) == pytest.approx(DOWN)
    assert demon.probabilities(EXAMPLE) == pytest.approx(projective(SZ).probabilities(EXAMPLE))


def test_which_detectors_add_only_noise():
    assert binary("x", 0.7).followed_by(np.stack([SY, SX])).adds_only_noise
    assert with_error(product(binary("x", 0.7), projective(SZ)), np.full((4, 2), 0.5)).adds_only_noise
    assert not RESET.adds_only_noise
    # rank-one outcomes turned to one state, then forgotten: the record was erased by nobody
    erased = with_error(projective(SZ).followed_by(np.stack([SX, np.eye(2)])), np.ones((2, 1)))
    assert not erased.adds_only_noise


def test_the_bare_operator_has_the_same_povm():
    instrument = random_instrument(np.random.default_rng(5), 3, 2, 2)
    bare = Instrument(tuple(np.asarray(sqrtm(effect)) for effect in instrument.povm))
    rho = random_state(np.random.default_rng(6), 3)
    assert bare.probabilities(rho) == pytest.approx(instrument.probabilities(rho), abs=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Instrument(()), "no outcome"),
        (lambda: Instrument((UP, 0.9 * DOWN)), "differs from 1 by 0.19"),
        (lambda: Instrument((UP, np.eye(3))), "must have shape"),
        (lambda: Instrument((np.ones((1, 2, 2, 2)),)), "kraus\\[0\\]"),
        (lambda: Instrument((np.eye(2), np.zeros((0, 2, 2)))), "no operator"),
        (lambda: Instrument((np.array([[np.nan, 0], [0, 1]]),)), "not finite"),
        (lambda: binary("x", 0.4), "strength = 0.4"),
        (lambda: binary("w", 0.6), "axis = 'w'"),
        (lambda: binary((1.0, 1.0, 0.0), 0.6), "unit vector"),
        (lambda: binary(np.inf, 0.6), "axis = inf"),
        (lambda: projective(np.array([[0, 1], [0, 0]])), "not Hermitian"),
        (lambda: local(projective(SZ), 2, (2, 2)), "site = 2"),
        (lambda: local(projective(SZ), 0, (3, 2)), "part of dimension 2"),
        (lambda: with_error(projective(SZ), np.array([[0.5, 0.4], [0, 1]])), "rows sum to 1"),
        (lambda: with_error(projective(SZ), np.array([[1.5, -0.5], [0, 1]])), "entries must be >= 0"),
        (lambda: projective(SZ).followed_by(np.stack([SX, 2 * SX])), "must be unitary"),
        (lambda: projective(SZ).followed_by(np.stack([SX] * 3)), "must have shape"),
        (lambda: projective(SZ).probabilities(np.eye(3)), "rho: has shape"),
        (lambda: projective(SZ).sample(UP, 1.0), r"\[0, 1\)"),
    ],
)
def test_errors(make: Any, message: str):
    with pytest.raises(ParameterError, match=message):
        make()
