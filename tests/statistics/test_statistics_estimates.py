"""Laws of means, paired differences and their intervals."""

import math
from itertools import pairwise

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import Estimate, mean_score, paired_difference
from sandbox.streams import stream

# Multiples of 1/64: sums and differences are exact, so that laws hold to the last bit.
GRID = st.integers(-128, 128).map(lambda i: i / 64)
TABLES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=5).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.float64, shape, elements=GRID), st.randoms(use_true_random=False))
)
PAIRS = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=5).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float64, shape, elements=GRID), hnp.arrays(np.float64, shape, elements=GRID)
    )
)
UNITS = st.sampled_from(["seeds", "problems"])


def mean(x, **options):
    return mean_score(x, stream(1, "mean"), **{"replicates": 200, **options})


def paired(a, b, **options):
    return paired_difference(a, b, stream(1, "paired"), **{"replicates": 200, **options})


def close(one: Estimate, other: Estimate) -> bool:
    return (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-9)


def shuffled(x, random):
    """The same table with problems permuted, and seeds permuted within each problem."""
    rows = [random.sample(row, len(row)) for row in x.tolist()]
    return np.array(random.sample(rows, len(rows)))


def test_each_problem_weighs_the_same_however_many_seeds_it_has():
    assert mean([[1.0, 1.0, 1.0], [0.0, 0.5, math.nan]]).value == 0.625


def test_a_pair_counts_where_both_sides_are_present():
    a = [[1.0, 0.5, math.nan, 0.25], [0.0, 0.5, 0.5, 0.5]]
    b = [[0.5, math.nan, 0.0, 0.0], [0.0, 0.0, 0.25, 0.25]]
    assert paired(a, b).value == (0.375 + 0.25) / 2
    assert math.isfinite(paired(a, b).low)


def test_scores_without_spread_give_an_interval_without_width():
    found = mean([[0.1] * 7, [0.3] * 7])
    assert found.low == found.value == found.high == pytest.approx(0.2)


@pytest.mark.parametrize("x", [[[0.3]], [[0.1, 0.2, 0.3], [0.5, math.nan, math.nan]]])
def test_one_seed_shows_no_spread(x):
    found = mean(x)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.sign == 0


@pytest.mark.parametrize("n", [8, 30])
def test_symmetric_data_get_nearly_students_interval(n):
    from scipy.stats import norm, t

    x = norm.ppf((np.arange(n) + 0.5) / n)
    half = t.ppf(0.975, n - 1) * x.std(ddof=1) / math.sqrt(n)
    found = mean_score(x[None, :], stream(1, "student"), replicates=40_000)
    assert (found.low, found.high) == pytest.approx((-half, half), rel=0.05)


def test_the_bootstrap_keeps_the_datas_skewness():
    found = mean_score([[0.0] * 4 + [1.0] * 26], stream(2, "bootstrap"))  # four runs fell into a trap
    assert found.value - found.low > 1.2 * (found.high - found.value)


@settings(max_examples=60, deadline=None)
@given(TABLES, UNITS)
def test_permuting_problems_or_seeds_changes_nothing(case, unit):
    x, random = case
    assert close(mean(x, unit=unit), mean(shuffled(x, random), unit=unit))


@settings(max_examples=60, deadline=None)
@given(PAIRS, UNITS)
def test_swapping_the_sides_mirrors_the_interval(pair, unit):
    a, b = pair
    one, other = paired(a, b, unit=unit), paired(b, a, unit=unit)
    assert close(one, Estimate(-other.value, -other.high, -other.low, other.level))


def test_scores_that_are_their_own_mirror_image_get_a_symmetric_interval():
    found = mean([[-1.0, -0.7, -0.2, 0.2, 0.7, 1.0], [-0.3, -0.1, 0.0, 0.0, 0.1, 0.3]])
    assert found.value == 0
    assert found.low == pytest.approx(-found.high, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(PAIRS, GRID, UNITS)
def test_what_is_added_to_both_sides_changes_nothing(pair, constant, unit):
    a, b = pair
    assert close(paired(a, b, unit=unit), paired(a + constant, b + constant, unit=unit))


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.sampled_from([2.0**-300, 0.25, 8.0, 2.0**300]), UNITS)
def test_scaling_the_scores_scales_the_interval(pair, factor, unit):
    a, b = pair
    found = paired(a * factor, b * factor, unit=unit)
    scaled = Estimate(found.value / factor, found.low / factor, found.high / factor, found.level)
    assert close(paired(a, b, unit=unit), scaled)


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_a_difference_is_a_mean_of_differences(pair):
    a, b = pair
    alone = mean_score(a - b, stream(1, "paired"), replicates=200)
    assert close(paired(a, b), alone)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_problems_as_units_are_one_sample_of_problem_means(case):
    x, _ = case
    assert close(mean(x, unit="problems"), mean(x.mean(axis=1)[None, :]))


def test_a_higher_level_gives_a_wider_interval_around_the_value():
    x = stream(3, "levels").random((3, 9))
    intervals = [mean_score(x, stream(3, "draws"), level) for level in (0.5, 0.9, 0.95, 0.99)]
    assert all(
        wide.low < narrow.low < narrow.value < narrow.high < wide.high for narrow, wide in pairwise(intervals)
    )


def test_shared_luck_narrows_the_interval():
    rng = stream(4, "luck")
    luck = rng.normal(size=(4, 12))
    a, b = luck + 0.1 * rng.normal(size=(4, 12)), luck + 0.1 * rng.normal(size=(4, 12))
    difference, alone = paired(a, b), mean(a)
    assert difference.high - difference.low < 0.4 * (alone.high - alone.low)


def test_rounding_is_no_difference():
    a, b = np.full((2, 4), 0.1 + 0.2), np.full((2, 4), 0.3)
    found = paired(a, b)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_the_same_generator_gives_the_same_interval():
    x = stream(5, "scores").random((3, 6))
    assert mean(x) == mean(x)


@pytest.mark.parametrize("kind", ["normal", "unequal", "trap"])
def test_the_interval_covers_the_truth_as_often_as_it_says(kind):
    rng = stream(6, "coverage", kind)
    shape, truth = {"normal": ((1, 8), 0.0), "unequal": ((3, 8), 0.0), "trap": ((8, 12), 0.8)}[kind]
    hits, sets = 0, 1_500
    for _ in range(sets):
        x = rng.normal(size=shape)
        if kind == "unequal":
            x *= np.array([[0.05], [0.3], [1.0]])
        if kind == "trap":
            x = np.where(rng.random(shape) < 0.2, 0.0, 1.0) + 0.05 * x
        found = mean_score(x, rng, replicates=400)
        hits += found.low <= truth <= found.high
    # Standard error .006; percentiles that are not widened cover .88 of "normal".
    assert 0.925 < hits / sets < 0.975


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        ([1.0, 2.0], "shape"),
        ([[]], "shape"),
        ([[1.0, math.inf]], "infinite"),
        ([[1.0, 2.0], [math.nan, math.nan]], "problem 1 has no score"),
    ],
)
def test_tables_that_mean_nothing_are_refused(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        mean(x)


def test_impossible_options_are_refused():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match="shapes"):
        paired(x, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"level=1\.5"):
        mean(x, level=1.5)
    with pytest.raises(ValueError, match="replicates=0"):
        mean(x, replicates=0)
    with pytest.raises(ValueError, match="unit='tasks'"):
        mean(x, unit="tasks")
    with pytest.raises(ValueError, match="upside down"):
        Estimate(0.0, 1.0, -1.0, 0.95)
