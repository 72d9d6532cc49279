"""Laws of the cost to a target under censoring."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import (
    mean_score,
    paired_difference,
    reach,
    restricted_mean_difference,
    survival_curve,
    time_to_target,
)
from sandbox.streams import stream

RUNS = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=12)


def look(costs, reached, horizon, **options):
    return reach(costs, reached, horizon, stream(1, "reach"), **{"replicates": 300, **options})


def test_the_first_value_at_the_target_counts():
    assert time_to_target([1, 2, 5, 6], [0.1, 0.5, 0.4, 0.9], 0.5) == (2, True)


def test_a_run_that_missed_costs_what_it_spent():
    assert time_to_target([1, 4], [0.1, 0.2], 0.5) == (4, False)
    assert time_to_target([1, 4], [0.1, 0.2], 0.5, spent=9) == (9, False)
    assert time_to_target([], [], 0.5) == (0, False)
    with pytest.raises(ValueError, match="spent=3"):
        time_to_target([1, 4], [0.1, 0.2], 0.5, spent=3)
    with pytest.raises(ValueError, match="falls"):
        time_to_target([4, 1], [0.1, 0.2], 0.5)


def test_a_failed_run_is_not_charged_the_horizon():
    # One run reached at 100, one gave up at 50. Charging the second the largest cost gives 200.
    assert look([100, 50], [True, False], 100).expected_running_time == 150


def test_without_success_running_time_is_infinite_and_there_is_no_median():
    found = look([10, 10, 4], [False] * 3, 10)
    assert found.expected_running_time == math.inf
    assert found.median is None
    assert (found.share, found.reached, found.runs) == (0, 0, 3)
    assert found.restricted_mean.value == found.restricted_mean.high == 10


def test_what_happens_after_the_horizon_is_unknown():
    assert look([3, 8, 20], [True, True, True], 10) == look([3, 8, 10], [True, True, False], 10)


def test_by_hand():
    # S is 1 to 2, .75 to 6 (the run censored at 4 leaves two at risk), .375 to 10.
    found = look([2, 4, 6, 10], [True, False, True, False], 10)
    assert found.median == 6
    assert found.restricted_mean.value == pytest.approx(2 + 0.75 * 4 + 0.375 * 4)
    assert found.expected_running_time == 11
    assert found.share == 0.5


@settings(max_examples=60, deadline=None)
@given(RUNS)
def test_survival_agrees_with_scipy(runs):
    from scipy.stats import CensoredData, ecdf

    costs, reached = np.array([cost for cost, _ in runs]), np.array([hit for _, hit in runs])
    sf = ecdf(CensoredData.right_censored(costs, ~reached)).sf
    points, steps = sf.quantiles, sf.probabilities
    horizon = 15.0
    area = np.diff(np.concatenate([[0], points, [horizon]])) @ np.concatenate([[1.0], steps])
    half = points[steps <= 0.5 + 1e-9]
    found = look(costs, reached, horizon, replicates=20)
    assert found.restricted_mean.value == pytest.approx(area)
    assert found.median == (half[0] if half.size else None)


@settings(max_examples=60, deadline=None)
@given(RUNS, st.integers(3, 15), st.randoms(use_true_random=False))
def test_the_order_of_runs_changes_nothing(runs, horizon, random):
    mixed = random.sample(runs, len(runs))
    one = look(*zip(*runs, strict=True), horizon)
    other = look(*zip(*mixed, strict=True), horizon)
    assert repr(one) == repr(other)  # repr: NaN equals NaN


@settings(max_examples=60, deadline=None)
@given(RUNS, st.integers(3, 15))
def test_estimates_stay_within_their_bounds(runs, horizon):
    found = look(*zip(*runs, strict=True), horizon)
    mean = found.restricted_mean
    assert 0 <= mean.value <= horizon + 1e-9
    if len(runs) > 1:
        assert 0 <= mean.low <= mean.value + 1e-9 <= mean.high + 2e-9 <= horizon + 3e-9
    assert found.share * found.runs == pytest.approx(found.reached)
    assert found.median is None or 0 < found.median <= horizon


@settings(max_examples=40, deadline=None)
@given(RUNS, st.integers(3, 15))
def test_the_unit_of_cost_is_the_callers(runs, horizon):
    costs, reached = zip(*runs, strict=True)
    one, cents = look(costs, reached, horizon), look([100 * cost for cost in costs], reached, 100 * horizon)
    assert cents.expected_running_time == pytest.approx(100 * one.expected_running_time)
    assert cents.restricted_mean.value == pytest.approx(100 * one.restricted_mean.value)
    assert cents.restricted_mean.low == pytest.approx(100 * one.restricted_mean.low, nan_ok=True)


def test_without_early_stops_the_restricted_mean_is_a_mean():
    costs = stream(2, "costs").exponential(5.0, size=(1, 25))
    found = look(np.minimum(costs, 8), costs <= 8, 8, replicates=20_000).restricted_mean
    plain = mean_score(np.minimum(costs, 8), stream(2, "plain"), replicates=20_000)
    assert found.value == pytest.approx(plain.value)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.1)


def test_runs_are_resampled_within_their_problem():
    costs = np.array([[1.0] * 8, [9.0] * 8])  # between problems there is spread, within none
    found = look(costs, np.ones((2, 8), dtype=bool), 10).restricted_mean
    assert found.low == pytest.approx(found.value) == found.high
    pooled = look(costs.ravel(), np.ones(16, dtype=bool), 10).restricted_mean
    assert pooled.high - pooled.low > 1


def test_missing_runs_are_left_out_and_one_run_shows_no_spread():
    found = look([[1.0, 3.0, math.nan], [5.0, math.nan, math.nan]], [[True] * 3, [False] * 3], 10)
    assert (found.runs, found.reached) == (3, 2)
    assert math.isnan(found.restricted_mean.low)


def test_the_restricted_means_interval_covers_the_truth():
    rng = stream(3, "coverage")
    horizon, hits, sets = 1.5, 0, 1_000
    for _ in range(sets):
        times, stopped = rng.exponential(size=16), np.minimum(rng.exponential(4.0, size=16), horizon)
        found = reach(np.minimum(times, stopped), times <= stopped, horizon, rng, replicates=300)
        hits += found.restricted_mean.low <= 1 - math.exp(-horizon) <= found.restricted_mean.high
    assert 0.91 < hits / sets < 0.98  # standard error .007


@pytest.mark.parametrize(
    ("costs", "reached", "horizon", "complaint"),
    [
        ([1, 2], [True], 5, "shapes"),
        ([], [], 5, "shapes"),
        ([1, -2], [True, True], 5, "negative"),
        ([1, math.inf], [True, False], 5, "infinite"),
        ([[1], [math.nan]], [[True], [True]], 5, "problem 1 has no run"),
        ([1], [True], 0, "horizon=0"),
    ],
)
def test_impossible_runs_are_refused(costs, reached, horizon, complaint):
    with pytest.raises(ValueError, match=complaint):
        look(costs, reached, horizon)


@given(st.lists(st.floats(1e-6, 0.1), min_size=2, max_size=9), st.floats(0.01, 0.06))
def test_an_interval_that_ends_at_the_horizon_is_not_upside_down(costs, horizon):
    never = [False] * len(costs)
    mean = look([*costs, horizon], [*never, False], horizon).restricted_mean
    assert mean.low <= mean.high <= horizon
    assert mean.value <= horizon


@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
@settings(max_examples=80, deadline=None)
@given(RUNS)
def test_the_survival_curve_and_its_band_are_scipys(runs):
    from scipy.stats import CensoredData, ecdf

    costs, reached = np.array([cost for cost, _ in runs]), np.array([hit for _, hit in runs])
    sf = ecdf(CensoredData.right_censored(costs, ~reached)).sf
    with np.errstate(all="ignore"):
        ends = sf.confidence_interval(method="log-log")
    points, low, high = sf.quantiles, ends.low.probabilities, ends.high.probabilities
    found = survival_curve(costs, reached, points)
    assert found.value == pytest.approx(sf.probabilities, abs=1e-12)
    inside = (sf.probabilities < 1 - 1e-9) & (sf.probabilities > 1e-9)
    assert found.low[inside] == pytest.approx(low[inside])
    assert found.high[inside] == pytest.approx(high[inside])


def test_the_survival_curve_by_hand():
    # As in `test_by_hand`: .75 from 2 on, .375 from 6 on; nobody was watched after 10.
    curve = survival_curve([2, 4, 6, 10], [True, False, True, False], [0, 1.9, 2, 5.9, 6, 10, 11])
    assert curve.value.tolist() == pytest.approx([1, 1, 0.75, 0.75, 0.375, 0.375, 0.375])
    assert curve.low[:2].tolist() == pytest.approx([0.025**0.25] * 2)  # none of four
    assert np.isnan([curve.low[-1], curve.high[-1]]).all()
    assert not np.isnan(curve.low[:-1]).any()


def test_where_all_have_reached_nothing_is_left_but_some_doubt():
    curve = survival_curve([1, 2, 3], [True] * 3, [3, 9])
    assert curve.value.tolist() == curve.low.tolist() == [0, 0]
    assert curve.high.tolist() == pytest.approx([1 - 0.025 ** (1 / 3)] * 2)


@settings(max_examples=60, deadline=None)
@given(RUNS, st.floats(0.1, 100))
def test_a_survival_curve_falls_within_its_band_and_knows_no_unit(runs, unit):
    costs, reached = zip(*runs, strict=True)
    grid = np.arange(0.25, 14.0)
    curve = survival_curve(costs, reached, grid)
    assert (np.diff(curve.value) <= 1e-12).all()
    known = ~np.isnan(curve.low)
    assert (curve.low[known] <= curve.value[known] + 1e-12).all()
    assert (curve.value[known] <= curve.high[known] + 1e-12).all()
    assert ((curve.low[known] >= 0) & (curve.high[known] <= 1)).all()
    other = survival_curve(np.array(costs) * unit, reached, grid * unit)
    assert other.high == pytest.approx(curve.high, nan_ok=True)


def test_the_survival_curves_band_covers_the_truth():
    rng = stream(4, "coverage")
    share, sets = np.array([0.8, 0.5, 0.2]), 2_000
    hits = np.zeros(3)
    for _ in range(sets):
        times, stopped = rng.exponential(size=20), np.minimum(rng.exponential(4.0, size=20), 2.0)
        found = survival_curve(np.minimum(times, stopped), times <= stopped, -np.log(share))
        hits += (found.low <= share) & (share <= found.high)
    assert ((hits / sets > 0.93) & (hits / sets < 0.985)).all()  # standard error .005


def difference(a, b, horizon, **options):
    return restricted_mean_difference(*a, *b, horizon, stream(5, "pairs"), **options)


def test_without_early_stops_the_difference_of_restricted_means_is_that_of_means():
    rng = stream(6, "costs")
    a, b = rng.exponential(5.0, size=(3, 10)), rng.exponential(4.0, size=(3, 10))
    a[0, 3] = b[2, 2] = math.nan
    found = difference((a, a <= 8), (b, b <= 8), 8.0, replicates=20_000)
    both = ~np.isnan(a) & ~np.isnan(b)
    # All runs weigh the same in a restricted mean; so do problems where each has as many pairs.
    value = (np.minimum(a, 8) - np.minimum(b, 8))[both].mean()
    assert found.value == pytest.approx(value)
    plain = paired_difference(np.minimum(a, 8), np.minimum(b, 8), stream(6, "plain"), replicates=20_000)
    assert found.high - found.low == pytest.approx(plain.high - plain.low, rel=0.1)


@settings(max_examples=40, deadline=None)
@given(RUNS, st.integers(3, 15), st.randoms(use_true_random=False))
def test_a_difference_turns_round_with_its_sides(runs, horizon, random):
    one = list(zip(*runs, strict=True))
    other = list(zip(*random.sample(runs, len(runs)), strict=True))
    found = difference(one, other, horizon, replicates=200)
    assert found.value == pytest.approx(
        look(*one, horizon).restricted_mean.value - look(*other, horizon).restricted_mean.value
    )
    assert difference(other, one, horizon, replicates=20).value == pytest.approx(-found.value)
    same = difference(one, one, horizon, replicates=20)
    assert same.value == 0
    assert len(runs) == 1 or same.low == same.high == 0


def test_shared_luck_makes_a_difference_narrow():
    luck = stream(7, "luck").exponential(size=(2, 12))
    paired = difference((luck, luck < 2), (luck * 1.1, luck * 1.1 < 2), 2.0)
    crossed = difference((luck, luck < 2), (luck[:, ::-1] * 1.1, luck[:, ::-1] * 1.1 < 2), 2.0)
    assert paired.high - paired.low < 0.3 * (crossed.high - crossed.low)
    assert paired.high < 0


def test_the_interval_of_a_difference_covers_the_truth():
    rng = stream(8, "coverage")
    horizon, hits, sets = 1.5, 0, 800
    truth = (1 - math.exp(-horizon)) - (1 - math.exp(-1.5 * horizon)) / 1.5
    for _ in range(sets):
        luck, own = rng.exponential(size=(2, 16))
        rival = np.where(rng.random(16) < 0.7, luck, own) / 1.5
        stops = np.minimum(rng.exponential(4.0, size=(2, 16)), horizon)
        found = restricted_mean_difference(
            np.minimum(luck, stops[0]), luck <= stops[0], np.minimum(rival, stops[1]), rival <= stops[1],
            horizon, rng, replicates=300,
        )  # fmt: skip
        hits += found.low <= truth <= found.high
    assert 0.91 < hits / sets < 0.98  # standard error .008


def test_runs_that_cannot_be_paired_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        difference(([1, 2], [True] * 2), ([1], [True]), 5.0)
    with pytest.raises(ValueError, match="problem 0 has no pair"):
        difference(([1, math.nan], [True] * 2), ([math.nan, 2], [True] * 2), 5.0)
    with pytest.raises(ValueError, match="level=2"):
        survival_curve([1], [True], [1], level=2)
