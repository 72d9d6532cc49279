"""Observation noise: keyed, unbiased where it claims to be, with the variance it states."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from mocks.noise import (
    NOISES,
    Binomial,
    Drift,
    Gaussian,
    HeavyTailed,
    Heteroscedastic,
    Look,
    Noise,
    Quantised,
    binomial_quantile,
    chain,
)

MANY = 20_000


def look(i: int, share: float = 1.0, rows: tuple[int, ...] | None = None, now: int = 0) -> Look:
    return Look(i.to_bytes(8, "little"), now, share, rows)


def draws(noise: Noise, score: float, share: float = 1.0, many: int = MANY, seed: int = 1) -> Any:
    sample = noise.bind(seed, 0)
    return np.array([sample(score, look(i, share))[0] for i in range(many)])


def assert_mean_and_sd(sample: Any, mean: float, sd: float) -> None:
    """Keyed draws are fixed once and for all, so five standard errors never flicker."""
    assert sample.mean() == pytest.approx(mean, abs=5 * sd / math.sqrt(len(sample)))
    kurtosis = stats.kurtosis(sample, fisher=False)
    assert sample.std() == pytest.approx(sd, rel=5 * math.sqrt(max(kurtosis - 1, 1) / 4 / len(sample)))


@pytest.mark.parametrize("share", [1.0, 0.25])
@pytest.mark.parametrize("score", [0.0, 0.4, 1.0])
def test_gaussian_noise_is_unbiased_also_at_the_ends_of_the_range(score: float, share: float) -> None:
    sample = draws(Gaussian(0.1), score, share)
    assert_mean_and_sd(sample, score, 0.1 / math.sqrt(share))
    assert stats.kstest((sample - score) / (0.1 / math.sqrt(share)), "norm").pvalue > 1e-4


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_heteroscedastic_noise_is_unbiased_and_its_sd_runs_with_the_score(score: float) -> None:
    assert_mean_and_sd(draws(Heteroscedastic(0.2, 0.05), score, 0.25), score, 2 * (0.2 - 0.15 * score))


@pytest.mark.parametrize("score", [0.03, 0.5, 0.97])
def test_binomial_noise_is_unbiased_with_the_variance_of_its_rows(score: float) -> None:
    sample = draws(Binomial(25), score)
    assert_mean_and_sd(sample, score, math.sqrt(score * (1 - score) / 25))
    assert set(np.round(sample * 25, 9) % 1) == {0.0}


def test_binomial_noise_of_a_sure_thing_is_sure() -> None:
    for score in (-0.5, 0.0, 1.0, 1.5):
        assert set(draws(Binomial(7), score, many=50)) == {min(max(score, 0.0), 1.0)}


def test_heavy_tails_are_those_of_student() -> None:
    sample = (draws(HeavyTailed(0.05, 2.5), 0.5) - 0.5) / 0.05
    assert stats.kstest(sample, "t", args=(2.5,)).pvalue > 1e-4
    assert np.median(sample) == pytest.approx(0, abs=5 * 1.3 / math.sqrt(MANY))
    assert np.median(np.abs(draws(HeavyTailed(0.05, 2.5), 0.5, share=0.25) - 0.5)) == pytest.approx(
        2 * np.median(np.abs(sample)) * 0.05
    )


def test_drift_depends_on_the_time_alone() -> None:
    sample = Drift(0.05, 100.0).bind(1, 0)
    for second, shift in ((0, 0.0), (25, 0.05), (50, 0.0), (75, -0.05), (125, 0.05)):
        seen, _ = sample(0.5, look(second, now=second * 10**9))
        assert seen == pytest.approx(0.5 + shift)


@settings(max_examples=100, deadline=None)
@given(score=st.floats(-1, 2), step=st.floats(0.001, 0.5))
def test_quantised_scores_are_the_nearest_multiples(score: float, step: float) -> None:
    seen, _ = Quantised(step).bind(1, 0)(score, look(0))
    assert abs(seen - score) <= step / 2 * (1 + 1e-9)
    assert math.isclose(seen / step, round(seen / step), abs_tol=1e-9)


# --- the binomial quantile ------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(u=st.floats(1e-9, 1 - 1e-9), n=st.integers(1, 3000), p=st.floats(0, 1))
def test_the_binomial_quantile_is_scipys(u: float, n: int, p: float) -> None:
    k = int(stats.binom.ppf(u, n, p))
    edges = stats.binom.cdf([k - 1, k], n, p)
    assume(np.abs(edges - u).min() > 1e-12)  # at a step, rounding decides
    assert binomial_quantile(u, n, p) == k


def test_the_binomial_quantile_where_the_first_probability_underflows() -> None:
    """Near 1e-323 it has one or two digits left, a little below it is 0."""
    for n, p in ((1000, 0.5), (2000, 0.3), (2085, 0.3), (2089, 0.3), (5000, 0.5), (5000, 0.9)):
        for u in (1e-6, 0.1, 0.5, 0.9, 1 - 1e-6):
            assert binomial_quantile(u, n, p) == stats.binom.ppf(u, n, p), (u, n, p)


def test_the_extreme_uniform_numbers_are_no_outliers() -> None:
    """A sum of rounded probabilities may never reach a u just below 1."""
    for n, p in ((20, 0.2), (200, 0.1), (1000, 0.3), (20, 0.8), (200, 0.9), (1000, 0.7)):
        sd = math.sqrt(n * p * (1 - p))
        for u in (2.0**-53, 2.0**-52, 1 - 2.0**-52, 1 - 2.0**-53):
            assert abs(binomial_quantile(u, n, p) - n * p) < 12 * sd + 5


# --- what every noise obeys -----------------------------------------------------------

noises = st.sampled_from(
    [Gaussian(0.1), Heteroscedastic(), Binomial(9), HeavyTailed(), Drift(), Quantised(0.01)]
)
chains = st.lists(noises, min_size=1, max_size=4).map(tuple)
looks = st.builds(
    Look,
    key=st.binary(max_size=9),
    now=st.integers(0, 10**12),
    share=st.sampled_from([0.2, 1.0]),
    rows=st.none() | st.lists(st.integers(0, 9), min_size=1, unique=True).map(tuple),
)


@settings(max_examples=100, deadline=None)
@given(
    chain_=chains, asked=st.lists(looks, min_size=1, max_size=8), shuffle=st.randoms(use_true_random=False)
)
def test_what_is_seen_does_not_depend_on_the_order_of_looking(
    chain_: tuple[Noise, ...], asked: list[Look], shuffle: Any
) -> None:
    one, other = chain(chain_, 3), chain(chain_, 3)
    assert one is not None
    assert other is not None
    seen = {each: one(0.4, each) for each in asked}
    shuffle.shuffle(asked)
    assert {each: other(0.4, each) for each in asked} == seen
    assert all(math.isfinite(score) for score, _ in seen.values())


def test_another_seed_place_or_key_is_other_luck() -> None:
    luck = {
        Gaussian().bind(seed, place)(0.5, Look(key, 0, 1.0, None))[0]
        for seed in range(3)
        for place in range(3)
        for key in (b"", b"a", b"b")
    }
    assert len(luck) == 27


def test_equal_noises_in_one_chain_have_luck_of_their_own() -> None:
    twice = chain((Gaussian(0.1), Gaussian(0.1)), 1)
    assert twice is not None
    sample = np.array([twice(0.5, look(i))[0] for i in range(5000)])
    assert_mean_and_sd(sample, 0.5, 0.1 * math.sqrt(2))


def test_no_noise_is_none_and_one_noise_is_itself() -> None:
    assert chain((), 1) is None
    alone = chain((Gaussian(0.1),), 1)
    assert alone is not None
    assert alone(0.5, look(1)) == Gaussian(0.1).bind(1, 0)(0.5, look(1))


# --- minibatches ----------------------------------------------------------------------


def test_a_minibatch_is_the_mean_of_its_rows_and_each_row_is_right_with_the_chance_of_the_truth() -> None:
    sample = Binomial(20).bind(1, 0)
    rights = []
    for i in range(3000):
        score, rows = sample(0.3, look(i, 0.15, (7, 0, 12)))
        assert [row.row for row in rows] == [7, 0, 12]
        assert {row.score for row in rows} <= {0.0, 1.0}
        assert score == pytest.approx(sum(row.score for row in rows) / 3)
        rights.append([row.score for row in rows])
    means = np.mean(rights, axis=0)
    assert np.abs(means - 0.3).max() < 5 * math.sqrt(0.3 * 0.7 / 3000)
    assert np.abs(np.corrcoef(np.array(rights).T) - np.eye(3)).max() < 5 / math.sqrt(3000)


def test_the_rows_survive_the_noises_behind_them() -> None:
    both = chain((Binomial(20), Quantised(0.1)), 1)
    assert both is not None
    score, rows = both(0.3, look(1, 0.1, (3, 4)))
    assert [row.row for row in rows] == [3, 4]
    assert math.isclose(score * 10, round(score * 10))


# --- settings -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOISES)
def test_every_noise_has_usable_defaults(name: str) -> None:
    score, _ = NOISES[name]().bind(1, 0)(0.5, look(1))
    assert math.isfinite(score)


@pytest.mark.parametrize("noise", [Gaussian(0.0), HeavyTailed(scale=0.0), Drift(amplitude=0.0)], ids=repr)
def test_a_noise_of_size_zero_is_none(noise: Noise) -> None:
    assert noise.bind(1, 0)(0.3, look(1)) == (0.3, ())


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Gaussian(-0.1), "sd=-0.1"),
        (lambda: Gaussian(math.nan), "sd=nan"),
        (lambda: Gaussian(math.inf), "sd=inf"),
        (lambda: Heteroscedastic(sd_low=-1), "sd_low=-1"),
        (lambda: Heteroscedastic(sd_high=0), "sd_high=0"),
        (lambda: Binomial(0), "rows=0"),
        (lambda: HeavyTailed(scale=-1), "scale=-1"),
        (lambda: HeavyTailed(df=-1), "df=-1"),
        (lambda: Drift(period=0), "period=0"),
        (lambda: Drift(amplitude=math.nan), "amplitude=nan"),
        (lambda: Quantised(0), "step=0"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(make: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
