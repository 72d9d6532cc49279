"""Laws of the interquartile mean and its kin, and of their intervals."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, trim_mean

from sandbox.statistics import Estimate, mean_score
from sandbox.statistics.aggregates import (
    _drawn,
    _of_middle,
    aggregate,
    aggregate_difference,
    iqm,
    optimality_gap,
)
from sandbox.streams import stream

GRID = st.integers(-128, 128).map(lambda i: i / 64)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=5)
TABLES = SHAPES.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=GRID))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(*[hnp.arrays(np.float64, shape, elements=GRID)] * 2))
STATISTICS = st.sampled_from(["iqm", "median", "mean", "optimality gap"])
UNITS = st.sampled_from(["seeds", "problems", "both"])


def one(x, statistic="iqm", **options):
    return aggregate(x, stream(1, "one"), statistic, **{"replicates": 200, **options})


def two(a, b, statistic="iqm", **options):
    return aggregate_difference(a, b, stream(1, "two"), statistic, **{"replicates": 200, **options})


def ends(found: Estimate) -> tuple[float, float, float]:
    return found.value, found.low, found.high


@settings(max_examples=100, deadline=None)
@given(TABLES)
def test_the_interquartile_mean_is_scipys_trimmed_mean(x):
    assert iqm(x) == pytest.approx(trim_mean(x, 0.25, axis=None), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_the_others_are_what_numpy_says(x):
    assert one(x, "median").value == pytest.approx(np.median(x), abs=1e-12)
    assert one(x, "mean").value == pytest.approx(x.mean(), abs=1e-12)
    assert one(x, "optimality gap", gamma=0.5).value == pytest.approx(0.5 - np.minimum(x, 0.5).mean())


def test_missing_runs_are_no_cells():
    assert iqm([[1.0, math.nan, 2.0], [3.0, 10.0, math.nan]]) == 2.5
    assert optimality_gap([[1.0, math.nan], [0.5, 2.0]], gamma=1.0) == pytest.approx(0.5 / 3)


def test_quarters_at_the_ends_do_not_count():
    x = np.arange(16.0).reshape(4, 4)
    wild = np.where(x > 12, 1e9, np.where(x < 3, -1e9, x))
    assert iqm(wild) == iqm(x) == 7.5


@settings(max_examples=60, deadline=None)
@given(TABLES, STATISTICS, UNITS, st.randoms(use_true_random=False))
def test_permuting_problems_or_seeds_changes_nothing(x, statistic, unit, random):
    rows = [random.sample(row, len(row)) for row in x.tolist()]
    other = np.array(random.sample(rows, len(rows)))
    assert ends(one(x, statistic, unit=unit)) == ends(one(other, statistic, unit=unit))


@settings(max_examples=60, deadline=None)
@given(PAIRS, STATISTICS, UNITS)
def test_swapping_the_sides_mirrors_the_interval(pair, statistic, unit):
    a, b = pair
    found, other = two(a, b, statistic, unit=unit), two(b, a, statistic, unit=unit)
    assert ends(found) == (0.0 - other.value, 0.0 - other.high, 0.0 - other.low)


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.sampled_from([0.25, 8.0]), GRID, st.sampled_from(["iqm", "median", "mean"]), UNITS)
def test_a_common_shift_cancels_and_a_common_scale_scales(pair, factor, shift, statistic, unit):
    a, b = pair
    found = two(factor * a + shift, factor * b + shift, statistic, unit=unit)
    expected = [factor * end for end in ends(two(a, b, statistic, unit=unit))]
    assert ends(found) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(TABLES, STATISTICS, UNITS)
def test_a_table_does_not_differ_from_itself(x, statistic, unit):
    rounded = (x + 0.1) - 0.1
    assert ends(two(x, rounded, statistic, unit=unit)) == (0, 0, 0)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_against_nothing_a_difference_is_the_statistic_itself(x):
    against_zero = two(x, np.zeros_like(x), unit="problems", replicates=4_000)
    assert against_zero.value == iqm(x)


@settings(max_examples=80, deadline=None)
@given(PAIRS, STATISTICS, st.randoms(use_true_random=False))
def test_counted_cells_give_what_drawn_cells_give(pair, statistic, random):
    """The kernel, which sorts nothing, against writing out each cell as often as it was drawn."""
    values = np.stack([side.ravel() for side in pair], axis=1)
    counts = np.array([[random.randint(0, 3) for _ in values] for _ in range(5)])
    counts[:, 0] += 1
    orders = np.argsort(values, axis=0)
    found = _of_middle(counts, orders, np.take_along_axis(values, orders, axis=0), statistic)
    plain = {"iqm": lambda c: trim_mean(c, 0.25), "median": np.median}.get(statistic, np.mean)
    expected = [plain(np.repeat(values[:, 0], c)) - plain(np.repeat(values[:, 1], c)) for c in counts]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("sizes", [[4, 4, 4], [2, 5, 3]])
@pytest.mark.parametrize("unit", ["seeds", "problems", "both"])
def test_cells_are_drawn_as_often_as_the_unit_says(unit, sizes):
    counts = _drawn(np.array(sizes), stream(2, "drawn"), 40_000, unit)
    problems = np.stack([part.sum(axis=1) for part in np.split(counts, np.cumsum(sizes)[:-1], axis=1)])
    assert counts.mean(axis=0) == pytest.approx(np.ones(sum(sizes)), abs=0.03)
    times = problems / np.array(sizes)[:, None]
    if unit == "seeds":
        assert (times == 1).all()
    else:
        assert (times.sum(axis=0) == 3).all()  # as many problems as there are
        assert times.var(axis=1) == pytest.approx(np.full(3, 2 / 3), abs=0.03)
    # Within a problem that was drawn once, a cell is binomial, or comes along as it is.
    within = counts[times[0] == 1, 0].var()
    assert within == pytest.approx(0 if unit == "problems" else 1 - 1 / sizes[0], abs=0.03)


def test_a_mean_of_even_cells_has_the_interval_of_mean_score():
    x = stream(3, "mean").normal(size=(5, 9))
    found, other = one(x, "mean", replicates=40_000), mean_score(x, stream(4), replicates=40_000)
    assert ends(found) == pytest.approx(ends(other), abs=0.01)


def test_blocks_of_replicates_are_joined_in_full():
    x = stream(5, "blocks").normal(size=(30, 100))  # fewer than a hundred replicates a block
    found = one(x, "mean", replicates=2_000)
    half = norm.ppf(0.975) * x.std() / math.sqrt(x.size)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_shared_luck_narrows_a_difference():
    rng = stream(6, "luck")
    luck = rng.normal(size=(6, 12))
    a, b = luck + 0.1 * rng.normal(size=(6, 12)), luck + 0.1 * rng.normal(size=(6, 12))
    together, alone = two(a, b), one(a)
    assert together.high - together.low < 0.4 * (alone.high - alone.low)


def test_problems_drawn_as_well_widen_the_interval():
    x = stream(7, "problems").normal(size=(12, 1)) + 0.1 * stream(7, "seeds").normal(size=(12, 8))
    widths = [one(x, unit=unit) for unit in ("seeds", "problems", "both")]
    assert widths[0].high - widths[0].low < 0.3 * (widths[1].high - widths[1].low)
    assert widths[1].high - widths[1].low < 1.1 * (widths[2].high - widths[2].low)


def test_what_shows_no_spread_has_no_interval():
    assert math.isnan(one([[1.0], [2.0]], unit="seeds").low)
    assert math.isnan(one([[1.0, 2.0]], unit="both").low)
    assert math.isfinite(one([[1.0], [2.0]], unit="problems").low)
    assert ends(one([[0.1] * 4] * 3)) == pytest.approx((0.1, 0.1, 0.1))


@pytest.mark.parametrize("unit", ["seeds", "problems", "both"])
def test_the_interval_covers_the_truth_as_often_as_it_says(unit):
    rng = stream(8, "coverage", unit)
    # Symmetric about 0 whether problems are fixed or new: the true interquartile mean is 0.
    fixed = norm.ppf((np.arange(6) + 0.5) / 6)[:, None]
    hits, sets = 0, 600
    for _ in range(sets):
        x = (fixed if unit == "seeds" else rng.normal(size=(6, 1))) + rng.normal(size=(6, 8))
        found = aggregate(x, rng, unit=unit, replicates=300)
        hits += found.low <= 0 <= found.high
    assert (0.92 if unit != "both" else 0.94) < hits / sets < (0.98 if unit != "both" else 0.99)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"statistic": "mode"}, "statistic='mode'"),
        ({"unit": "runs"}, "unit='runs'"),
        ({"level": 1.0}, r"level=1\.0"),
        ({"replicates": 0}, "replicates=0"),
        ({"statistic": "optimality gap", "gamma": math.nan}, "gamma=nan"),
    ],
)
def test_impossible_options_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        one(np.zeros((2, 3)), **options)


@pytest.mark.parametrize(
    ("x", "complaint"),
    [([1.0], "shape"), ([[math.inf, 1.0]], "infinite"), ([[1.0], [math.nan]], "problem 1 has no score")],
)
def test_tables_that_mean_nothing_are_refused(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        one(x)


def test_tables_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        two(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="problem 0 has no score"):
        two([[math.nan, 1.0]], [[1.0, math.nan]])
