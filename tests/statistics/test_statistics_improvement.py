"""Laws of the probability of improvement, paired and unpaired."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from sandbox.statistics import all_pairs
from sandbox.statistics.improvement import probability_of_improvement
from sandbox.streams import stream

GRID = st.integers(-4, 4).map(lambda i: i / 4)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=5)
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(*[hnp.arrays(np.float64, shape, elements=GRID)] * 2))
UNITS = st.sampled_from(["seeds", "problems"])


def better(a, b, **options):
    return probability_of_improvement(a, b, stream(1, "better"), **{"replicates": 200, **options})


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_unpaired_it_is_mann_and_whitneys_u(pair):
    a, b = pair
    expected = [mannwhitneyu(u, v).statistic / (u.size * v.size) for u, v in zip(a, b, strict=True)]
    assert better(a, b, paired=False).value == pytest.approx(np.mean(expected))


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_paired_it_is_the_win_rate_of_the_comparison(pair):
    a, b = pair
    (found,) = all_pairs({"a": a, "b": b}, stream(2), flips=10, replicates=10)
    assert better(a, b).value == pytest.approx(found.win_rate)


@settings(max_examples=80, deadline=None)
@given(PAIRS, st.booleans(), UNITS)
def test_what_the_one_wins_the_other_loses(pair, paired, unit):
    a, b = pair
    found, other = better(a, b, paired=paired, unit=unit), better(b, a, paired=paired, unit=unit)
    assert (found.value, found.low, found.high) == pytest.approx(
        (1 - other.value, 1 - other.high, 1 - other.low), abs=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.booleans(), UNITS, st.randoms(use_true_random=False))
def test_order_and_scale_change_nothing(pair, paired, unit, random):
    a, b = pair
    rows = random.sample(range(len(a)), len(a))
    seeds = random.sample(range(a.shape[1]), a.shape[1])
    found = better(a, b, paired=paired, unit=unit)
    other = better(
        np.exp(a)[rows][:, seeds], np.exp(b)[rows][:, seeds], paired=paired, unit=unit
    )  # any growing function keeps the order
    assert (found.value, found.low, found.high) == (other.value, other.low, other.high)
    assert 0 <= found.low <= found.high <= 1


def test_unpaired_the_order_of_seeds_is_of_no_account():
    rng = stream(3, "order")
    a, b = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    assert better(a, b, paired=False) == better(a, b[:, ::-1], paired=False)


def test_pairs_know_what_shared_luck_hides():
    rng = stream(4, "luck")
    luck = rng.normal(size=(20, 10))
    a = luck + 0.05 + 0.02 * rng.normal(size=luck.shape)
    b = luck + 0.02 * rng.normal(size=luck.shape)
    assert better(a, b).low > 0.9
    assert better(a, b, paired=False).low < 0.5


def test_unanimous_pairs_leave_room_for_what_was_not_seen():
    a, b = np.ones((3, 5)), np.zeros((3, 5))
    for paired in (True, False):
        found = better(a, b, paired=paired)
        assert (found.value, found.low, found.high) == pytest.approx((1, 0.025 ** (1 / 15), 1))
    over_problems = better(a, b, unit="problems")
    assert over_problems.low == pytest.approx(0.025 ** (1 / 3))
    tied = better(a, a)
    sure = 0.025 ** (1 / 15)
    assert (tied.value, tied.low, tied.high) == pytest.approx((0.5, 0.5 * sure, 1 - 0.5 * sure))


def test_missing_runs_take_their_pairs_with_them():
    a, b = [[1.0, 0.0, math.nan], [1.0, 1.0, 1.0]], [[0.0, 1.0, 0.0], [0.0, math.nan, 2.0]]
    assert better(a, b).value == 0.5
    assert better(a, b, paired=False).value == pytest.approx((3.5 / 6 + 3 / 6) / 2)


def test_one_seed_shows_no_spread_over_seeds():
    a, b = np.ones((3, 1)), np.array([[0.0], [2.0], [0.0]])
    assert math.isnan(better(a, b).low)
    assert math.isnan(better(a, b, paired=False).low)
    assert math.isfinite(better(a, b, unit="problems").low)


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_covers_the_truth_as_often_as_it_says(paired):
    rng = stream(5, "coverage", paired)
    shift = 1.0
    truth = norm.cdf(shift / math.sqrt(2))
    hits, sets = 0, 600
    for _ in range(sets):
        a, b = rng.normal(shift, size=(4, 10)), rng.normal(size=(4, 10))
        found = probability_of_improvement(a, b, rng, paired, replicates=300)
        hits += found.low <= truth <= found.high
    assert 0.92 < hits / sets < 0.985


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"unit": "runs"}, "unit='runs'"),
        ({"unit": "runs", "paired": False}, "unit='runs'"),
        ({"level": 0.0}, r"level=0\.0"),
        ({"replicates": 0, "paired": False}, "replicates=0"),
    ],
)
def test_impossible_options_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        better(np.zeros((2, 3)), np.zeros((2, 3)), **options)


def test_tables_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        better(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="3 and 2 problems"):
        better(np.zeros((3, 2)), np.zeros((2, 2)), paired=False)
