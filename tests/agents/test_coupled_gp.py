"""InstructZero's Gaussian process: the closed form, botorch's, and the two fits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import norm

from agents import coupled_fit
from agents.coupled_fit import fit_published, fit_repaired, log_posterior, noise_of
from agents.coupled_gp import (
    CoupledGP,
    Hyper,
    Seen,
    agreement,
    expected_improvement,
    log_expected_improvement,
    matern,
    text_kernel,
)
from agents.instructzero_loops import standardised, winners

seeds = st.integers(0, 2**32 - 1)


def observed(seed: int, texts: int = 15, aliases: int = 0, d: int = 10, rows: int = 20) -> Seen:
    """Points of a box whose first coordinates decide how many rows are right."""
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(texts), rng.integers(texts, size=aliases)])
    points = rng.uniform(-1, 1, (texts + aliases, d))
    chance = 1 / (1 + np.exp(-2 * points[:texts, 0] - points[:texts, 1 % d]))
    right = (rng.random((texts, rows)) < chance[:, None]).astype(float)
    return Seen(points, owner, right, right.mean(axis=1))


def published(seed: int, **kwargs: Any) -> tuple[Seen, Hyper]:
    rng: Any = np.random.default_rng(seed + 1)
    seen = standardised(observed(seed, **kwargs))
    d, rows = seen.points.shape[1], seen.rows.shape[1]
    return seen, Hyper(0.1, 0.3, 0.7, rng.uniform(0.3, 2.0, d), rng.uniform(0.3, 2.0, rows))


def repaired(seed: int, aliases: int = 6) -> tuple[Seen, Hyper]:
    seen = observed(seed, aliases=aliases)
    return seen, Hyper(0.4, noise_of(seen.rows), 0.1, 1.4, None, 1e-2, True)


def by_the_book(seen: Seen, hyper: Hyper, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The formulas of the paper and of its code, one pair of points at a time."""
    points, n = seen.points, len(seen.points)
    li = np.linalg.inv(matern(points, points, hyper.latent) + hyper.jitter * np.eye(n))
    similar = text_kernel(seen.rows, hyper)[np.ix_(seen.text, seen.text)]

    def k(a: np.ndarray, b: np.ndarray) -> float:
        la = matern(a[None], points, hyper.latent)[0]
        lb = matern(b[None], points, hyper.latent)[0]
        coupled = la @ li @ similar @ li @ lb
        if hyper.residual:
            coupled += matern(a[None], b[None], hyper.latent)[0, 0] - la @ li @ lb
        return float(hyper.tau * coupled)

    train = points[seen.first]
    gram = np.array([[k(a, b) for b in train] for a in train])
    noise = np.broadcast_to(np.asarray(hyper.noise), (len(train),))
    q = np.linalg.inv(gram + np.diag(noise))
    cross = np.array([[k(a, b) for b in train] for a in at])
    mean = hyper.mean + cross @ q @ (seen.scores - hyper.mean)
    variance = np.array([k(a, a) for a in at]) - np.einsum("ij,jk,ik->i", cross, q, cross)
    return mean, variance


CASES = [published(0), published(1, aliases=5), repaired(2), repaired(3, aliases=0)]


@pytest.mark.parametrize(("seen", "hyper"), CASES)
def test_the_closed_form_is_the_formula_of_the_paper(seen: Seen, hyper: Hyper) -> None:
    rng = np.random.default_rng(0)
    at = np.concatenate([rng.uniform(-1, 1, (8, 10)), seen.points[:4] + 0.02])
    mean, deviation = CoupledGP(seen, hyper).posterior(at)
    expected, variance = by_the_book(seen, hyper, at)
    np.testing.assert_allclose(mean, expected, atol=1e-6)
    np.testing.assert_allclose(deviation**2, variance, atol=1e-6)


@pytest.mark.parametrize(("seen", "hyper"), CASES)
def test_botorch_computes_the_same_posterior_and_acquisition(seen: Seen, hyper: Hyper) -> None:
    pytest.importorskip("botorch")
    from agents.coupled_botorch import BotorchGP

    rng = np.random.default_rng(0)
    at = np.concatenate([rng.uniform(-1, 1, (8, 10)), seen.points[:4] + 0.02])
    ours, theirs = CoupledGP(seen, hyper), BotorchGP(seen, hyper)
    best = float(ours.means.max())
    for one, other in zip(ours.posterior(at), theirs.posterior(at), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(ours.joint(at), theirs.joint(at), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(ours.means, theirs.means, atol=1e-6)
    log = ours.acquisition(at, best)
    np.testing.assert_allclose(log, theirs.acquisition(at, best), rtol=1e-3, atol=1e-3)
    plain = ours.acquisition(at, best, log=False)
    np.testing.assert_allclose(plain, theirs.acquisition(at, best, log=False), atol=1e-6)


@pytest.mark.parametrize(("seen", "hyper"), CASES)
def test_a_batch_has_the_variances_of_its_points_one_by_one(seen: Seen, hyper: Hyper) -> None:
    at = np.random.default_rng(0).uniform(-1, 1, (6, 10))
    model = CoupledGP(seen, hyper)
    together = model.posterior(at)[1]
    alone = [model.posterior(point[None])[1][0] for point in at]
    np.testing.assert_allclose(together, alone, atol=1e-9)
    np.testing.assert_allclose(together**2, np.diag(model.joint(at)[1]), atol=1e-9)


def test_botorch_has_them_too() -> None:
    pytest.importorskip("botorch")
    import torch

    from agents.coupled_botorch import coupled_model

    with torch.no_grad():
        for seen, hyper in CASES:
            model: Any = coupled_model(seen, hyper)
            at = torch.as_tensor(np.random.default_rng(0).uniform(-1, 1, (6, 1, 10)))
            together = model.posterior(at).variance.flatten()
            alone = torch.cat([model.posterior(point).variance.flatten() for point in at])
            joint = model.posterior(at[:, 0]).variance.flatten()
            torch.testing.assert_close(together, alone, atol=1e-7, rtol=1e-5)
            torch.testing.assert_close(together, joint, atol=1e-7, rtol=1e-5)


@given(seed=seeds)
def test_on_the_data_the_kernel_is_that_of_the_instructions(seed: int) -> None:
    seen, hyper = published(seed)
    close = hyper._replace(latent=0.5)
    covariance = CoupledGP(seen, close).covariance
    np.testing.assert_allclose(covariance, close.tau * text_kernel(seen.rows, close), atol=1e-3)


@given(seed=seeds, aliases=st.integers(0, 8), jitter=st.sampled_from([1e-4, 0.1, 3.0]))
def test_the_repaired_kernel_is_positive_semidefinite(seed: int, aliases: int, jitter: float) -> None:
    seen, hyper = repaired(seed, aliases)
    # Without anything observed the posterior is the prior: noise without end.
    prior = hyper._replace(noise=np.full(len(seen.rows), 1e9), jitter=jitter)
    at = np.concatenate([np.random.default_rng(seed).uniform(-1, 1, (12, 10)), seen.points])
    assert np.linalg.eigvalsh(CoupledGP(seen, prior).joint(at)[1]).min() > -1e-9


def test_the_residual_gives_doubt_back_where_nothing_was_seen() -> None:
    seen, hyper = repaired(0, aliases=0)
    hyper = hyper._replace(latent=0.3, jitter=1e-4)
    far = -seen.points.mean(axis=0, keepdims=True) + 30.0
    assert CoupledGP(seen, hyper).posterior(far)[1][0] ** 2 == pytest.approx(hyper.tau, rel=1e-6)
    assert CoupledGP(seen, hyper._replace(residual=False)).posterior(far)[1][0] < 1e-6


def test_two_points_of_a_text_count_its_score_once() -> None:
    seen, hyper = repaired(0, aliases=0)
    twice = Seen(
        np.concatenate([seen.points, seen.points[:1] + 0.3]), np.append(seen.text, 0), seen.rows, seen.scores
    )
    hyper = hyper._replace(jitter=1e-4)
    before, after = CoupledGP(seen, hyper), CoupledGP(twice, hyper)
    np.testing.assert_allclose(after.means, before.means, atol=2e-3)
    alias = seen.points[:1] + 0.3
    assert after.posterior(alias)[0][0] == pytest.approx(after.means[0], abs=2e-3)
    assert after.posterior(alias)[1][0] < before.posterior(alias)[1][0]


@given(seed=seeds)
def test_agreement_counts_the_rows_on_which_two_texts_are_both_right_or_both_wrong(seed: int) -> None:
    rows = observed(seed, texts=5).rows
    counted = [[np.mean(a == b) for b in rows] for a in rows]
    np.testing.assert_allclose(agreement(rows), counted, atol=1e-12)


@given(mean=st.floats(-3, 3), more=st.floats(0.001, 2), deviation=st.floats(0.01, 3), best=st.floats(-2, 2))
def test_improvement_grows_with_the_mean(mean: float, more: float, deviation: float, best: float) -> None:
    means, deviations = np.array([mean, mean + more]), np.array([deviation, deviation])
    low, high = log_expected_improvement(means, deviations, best)
    assert low < high
    plain_low, plain_high = expected_improvement(means, deviations, best)
    assert plain_low <= plain_high


@settings(max_examples=25)
@given(mean=st.floats(-1, 1), deviation=st.floats(0.1, 2))
def test_improvement_is_the_integral_that_defines_it(mean: float, deviation: float) -> None:
    expected, _ = quad(lambda f: max(f, 0.0) * norm.pdf(f, mean, deviation), 0.0, mean + 12 * deviation)
    found = expected_improvement(np.array([mean]), np.array([deviation]), 0.0)[0]
    assert found == pytest.approx(expected, abs=1e-6)
    assert np.exp(log_expected_improvement(np.array([mean]), np.array([deviation]), 0.0)[0]) == (
        pytest.approx(found, rel=1e-6)
    )


def test_the_logarithm_is_finite_and_smooth_where_the_improvement_underflows() -> None:
    u = -np.logspace(0, 7, 400)
    plain = expected_improvement(u, np.ones_like(u), 0.0)
    log = log_expected_improvement(u, np.ones_like(u), 0.0)
    assert plain[-1] == 0.0
    assert np.isfinite(log).all()
    assert (np.diff(log) < 0).all()
    # h(u) = phi(u) (1/u^2 - 3/u^4 + ...)
    far = u < -100
    series = -0.5 * u**2 - 0.5 * np.log(2 * np.pi) - 2 * np.log(-u)
    np.testing.assert_allclose(log[far], series[far], rtol=1e-6)
    assert np.isfinite(log_expected_improvement(np.array([0.0]), np.array([0.0]), 1.0)).all()


@settings(max_examples=15)
@given(seed=seeds)
def test_the_gradient_of_the_published_fit_is_that_of_its_density(seed: int) -> None:
    seen, hyper = published(seed, texts=12, d=3, rows=4)
    theta = coupled_fit._pack(hyper, seen)
    found = coupled_fit._negative(theta, seen, None)[1]
    numeric = approx_fprime(theta, lambda t: coupled_fit._negative(t, seen, None)[0], 1e-6)
    np.testing.assert_allclose(found, numeric, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("texts", [25, 60])
def test_the_published_fit_leaves_every_latent_lengthscale_at_a_third(texts: int) -> None:
    """A defect of the published model: on the data K is tau S, whatever l is."""
    fitted = fit_published(standardised(observed(texts, texts=texts)))
    np.testing.assert_allclose(fitted.latent, 1 / 3, atol=0.02)


def test_the_published_improvement_is_flat_and_the_repaired_one_is_not() -> None:
    seen = observed(0, texts=30)
    rng = np.random.default_rng(0)
    normal = standardised(seen)
    starts = seen.points[np.argsort(-seen.scores)[:25]]
    flat = CoupledGP(normal, fit_published(normal))
    assert winners(flat, starts, float(normal.scores.max()), False, rng).values.max() < 1e-12
    model = CoupledGP(seen, fit_repaired(seen))
    found = winners(model, starts, float(model.means.max()), True, rng)
    assert found.values.min() > np.log(1e-4)


def test_botorch_finds_no_better_parameters_than_the_published_fit_here() -> None:
    pytest.importorskip("botorch")
    from agents.coupled_botorch import fit_by_botorch

    seen = standardised(observed(0, texts=25))
    ours, theirs = fit_published(seen), fit_by_botorch(seen)
    assert log_posterior(seen, ours) >= log_posterior(seen, theirs) - 1e-2


def test_the_repaired_fit_tells_a_smooth_score_from_a_rough_one() -> None:
    def fitted(roughness: float) -> Hyper:
        rng = np.random.default_rng(0)
        points = rng.uniform(-1, 1, (80, 4))
        chance = 0.5 + 0.4 * np.sin(roughness * points[:, 0])
        right = (rng.random((80, 200)) < chance[:, None]).astype(float)
        return fit_repaired(Seen(points, np.arange(80), right, right.mean(axis=1)))

    smooth, rough = fitted(1.5), fitted(60.0)
    assert float(np.mean(smooth.latent)) > 1.0
    assert smooth.jitter < 0.3
    assert rough.jitter >= 1.0 or float(np.mean(rough.latent)) < 1.0


@given(seed=seeds, rows=st.integers(5, 40))
def test_known_noise_is_never_zero_and_that_of_a_proportion_on_average(seed: int, rows: int) -> None:
    right = observed(seed, rows=rows).rows
    noise = noise_of(right)
    assert (noise > 0).all()
    assert (noise <= 0.3 / rows).all()
    half = np.tile(np.arange(rows) % 2.0, (3, 1))
    assert noise_of(half)[0] == pytest.approx(0.25 / rows, rel=0.1)


def test_scores_without_rows_can_be_modelled() -> None:
    seen = observed(0)
    alone = seen._replace(rows=seen.scores[:, None])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = CoupledGP(alone, fit_repaired(alone))
    assert np.isfinite(model.means).all()
    assert np.corrcoef(model.means, seen.scores)[0, 1] > 0.5
