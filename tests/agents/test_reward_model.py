"""The linear reward model beside its formulas in full, and what it draws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from agents.reward_model import (
    Features,
    Prior,
    chances,
    condition,
    evidence,
    fitted,
    noise_of,
    slots,
)

SIZES = {"seed": st.integers(0, 10**6), "n": st.integers(1, 30), "width": st.integers(1, 20)}


def case(seed: int, n: int, width: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.standard_normal((n, width)), rng.random(n), rng.uniform(0.01, 0.1, n)


@settings(deadline=None, max_examples=60)
@given(**SIZES)
def test_the_posterior_is_that_of_joint_normals(seed: int, n: int, width: int) -> None:
    rng, features, scores, noise = case(seed, n, width)
    prior = Prior(0.4, 0.7, 0.15)
    posterior = condition(prior, features, scores, noise)
    new = rng.standard_normal((3, width))
    joint = 0.49 * features @ features.T + np.diag(noise + 0.15**2)
    across = 0.49 * new @ features.T
    worth = 0.4 + across @ np.linalg.solve(joint, scores - 0.4)
    np.testing.assert_allclose(posterior.worth(new), worth, rtol=1e-6, atol=1e-8)
    covariance = 0.49 * new @ new.T - across @ np.linalg.solve(joint, across.T)
    np.testing.assert_allclose(new @ posterior.covariance @ new.T, covariance, rtol=1e-5, atol=1e-7)
    seen = 0.4 + (0.49 * features @ features.T + 0.15**2 * np.eye(n)) @ np.linalg.solve(joint, scores - 0.4)
    np.testing.assert_allclose(posterior.worth_seen(features, scores, noise), seen, rtol=1e-6, atol=1e-8)


@settings(deadline=None, max_examples=60)
@given(**SIZES, amplitude=st.floats(0.01, 3.0), own=st.sampled_from([0.0, 0.2]))
def test_the_evidence_is_the_density_of_the_scores(
    seed: int, n: int, width: int, amplitude: float, own: float
) -> None:
    _, features, scores, noise = case(seed, n, width)
    (found,), (offset,) = evidence(features, scores, noise, np.array([amplitude]), own)
    joint = amplitude**2 * features @ features.T + np.diag(noise + own**2)

    def density(mean: float) -> float:
        return float(multivariate_normal.logpdf(scores, np.full(n, mean), joint))

    assert found == pytest.approx(density(offset), rel=1e-6, abs=1e-6)
    assert density(offset) >= max(density(offset - 0.01), density(offset + 0.01))


def test_data_one_by_one_and_all_at_once_say_the_same() -> None:
    _, features, scores, noise = case(1, 12, 5)
    whole = condition(Prior(0.5, 0.3), features, scores, noise)
    precision, shift = np.eye(5) / 0.09, np.zeros(5)
    for x, y, v in zip(features, scores, noise, strict=True):
        precision, shift = precision + np.outer(x, x) / v, shift + x * (y - 0.5) / v
    np.testing.assert_allclose(whole.mean, np.linalg.solve(precision, shift), rtol=1e-9)
    np.testing.assert_allclose(whole.covariance, np.linalg.inv(precision), rtol=1e-9)


def test_the_fit_finds_what_the_scores_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 8)) / np.sqrt(8)
    for amplitude, own in ((0.5, 0.0), (0.3, 0.2)):
        truth = 0.6 + features @ rng.normal(0, amplitude, 8) + rng.normal(0, own, 300)
        posterior = fitted(features, truth + rng.normal(0, 0.05, 300), np.full(300, 0.05**2))
        assert posterior.prior.offset == pytest.approx(0.6, abs=0.05)
        assert posterior.prior.amplitude == pytest.approx(amplitude, rel=0.6)
        assert posterior.prior.own == pytest.approx(own, abs=0.021)


def test_the_draws_have_the_posteriors_moments() -> None:
    rng, features, scores, noise = case(3, 6, 4)
    posterior = condition(Prior(0.5, 0.5), features, scores, noise)
    drawn = posterior.draws(40_000, rng)
    np.testing.assert_allclose(drawn.mean(axis=0), posterior.mean, atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), posterior.covariance, atol=0.02)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), count=st.integers(1, 15))
def test_slots_take_different_texts_and_chances_add_up(seed: int, n: int, count: int) -> None:
    rng, features, scores, noise = case(seed, n, 3)
    posterior = condition(Prior(0.5, 0.5), features, scores, noise)
    taken = slots(posterior, features, count, rng)
    assert len(taken) == len(set(taken)) == min(n, count)
    found = chances(posterior, features, count, rng, draws=8)
    assert ((found >= 0.1) & (found <= 1.0)).all()
    if count >= n:
        assert (found == 1.0).all()


def test_a_sure_model_takes_the_best() -> None:
    features = np.array([[0.0], [1.0], [3.0], [2.0]])
    sure = condition(Prior(0.0, 1.0), np.full((50, 1), 1.0), np.full(50, 0.8), np.full(50, 1e-6))
    rng = np.random.default_rng(0)
    assert slots(sure, features, 3, rng) == [2, 3, 1]
    np.testing.assert_allclose(chances(sure, features, 2, rng), [0.1, 0.1, 1.0, 1.0])


def test_noise_is_that_of_a_share_and_never_nothing() -> None:
    told = noise_of(np.array([0.0, 0.25, 0.5, 1.0]), 20)
    assert told[2] == pytest.approx(0.25 / 20 + 1e-3)
    assert told[0] == pytest.approx(told[3])
    assert told[0] > 1e-3
    assert (noise_of(np.array([-0.4, 1.3]), 20) == told[[0, 3]]).all()
    assert all(a < b for a, b in pairwise(told[:3]))


@pytest.mark.parametrize(("width", "dimensions"), [(5, 64), (300, 64)])
def test_features_have_length_one_in_the_mean_and_keep_who_is_near(width: int, dimensions: int) -> None:
    rng = np.random.default_rng(0)
    embeddings = 5.0 + rng.standard_normal((40, width)) * rng.uniform(0.1, 10.0, width)
    features = Features(embeddings, dimensions, rng)
    found = features.of(embeddings)
    assert found.shape == (40, min(width, dimensions) + 1)
    assert (found[:, -1] == 1.0).all()
    assert np.square(found[:, :-1]).sum(axis=1).mean() == pytest.approx(1.0)
    near = features.of(embeddings[:1] + 1e-3) - found[:1]
    assert np.linalg.norm(near) < 0.1
    alone = Features(embeddings[:1], dimensions, rng).of(embeddings[:1])
    assert np.isfinite(alone).all()
