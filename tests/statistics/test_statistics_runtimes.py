"""Laws of runtimes to targets: expected running time, budget-based targets, runtime ECDF."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import (
    budget_targets,
    expected_running_time,
    mean_score,
    reach,
    runtime_ecdf,
    solved_shares,
    step_values,
    survival_curve,
    time_to_target,
    times_to_targets,
)
from sandbox.streams import stream

RUNS = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=2, max_size=12)
SCORES = st.floats(-5, 5)
STEPS = st.lists(st.tuples(st.integers(0, 9), SCORES), max_size=8).map(
    lambda steps: sorted(steps, key=lambda step: step[0])
)


def expected(costs, reached, **options):
    return expected_running_time(costs, reached, stream(1, "ert"), **{"replicates": 300, **options})


def test_a_run_that_gave_up_is_charged_what_it_spent():
    assert expected([100, 50], [True, False]).value == 150


def test_without_success_it_is_infinite_but_not_arbitrarily_low():
    found = expected([10, 10, 4], [False] * 3)
    assert found.value == found.high == math.inf
    # At most 1 - .025 ** (1/3) of such runs succeed, with that much confidence: 8 spent for each try.
    assert found.low == pytest.approx(8 / (1 - 0.025 ** (1 / 3)))


def test_where_all_reach_it_is_the_mean_cost():
    costs = 5 + stream(2, "costs").random((2, 9))
    found = expected(costs, np.ones((2, 9), dtype=bool), replicates=20_000)
    plain = mean_score(costs, stream(2, "plain"), replicates=20_000)
    assert found.value == pytest.approx(plain.value)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.02)


@settings(max_examples=60, deadline=None)
@given(RUNS)
def test_it_agrees_with_cocopp(runs):
    pytest.importorskip("six")  # which cocopp imports without asking for it
    stats = pytest.importorskip("cocopp.toolsstats")
    costs, reached = map(list, zip(*runs, strict=True))
    found = expected(costs, reached, replicates=20)
    assert found.value == pytest.approx(stats.sp(costs, issuccessful=reached, allowinf=True)[0])
    assert found.value == reach(costs, reached, 99, stream(2, "reach"), replicates=20).expected_running_time


@settings(max_examples=60, deadline=None)
@given(RUNS, st.randoms(use_true_random=False), st.floats(0.01, 100))
def test_neither_the_order_of_seeds_nor_the_unit_matters(runs, random, unit):
    found = expected(*zip(*runs, strict=True))
    assert expected(*zip(*random.sample(runs, len(runs)), strict=True)) == found
    costs, reached = zip(*runs, strict=True)
    scaled = expected(np.array(costs) * unit, reached)
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(
        (found.value * unit, found.low * unit, found.high * unit)
    )
    assert found.low <= found.value <= found.high


def test_one_run_of_a_problem_shows_no_spread_and_free_success_costs_nothing():
    alone = expected([[3.0, math.nan], [1.0, 2.0]], [[True, True], [True, False]])
    assert alone.value == 3
    assert math.isnan(alone.low)
    assert math.isnan(expected([[4.0]], [[False]]).low)
    free = expected([0, 0], [True, True])
    assert (free.value, free.low, free.high) == (0, 0, 0)


def test_few_successes_leave_no_upper_bound():
    assert expected([10] * 9 + [2], [False] * 9 + [True]).high == math.inf
    assert expected([10] * 5 + [2] * 15, [False] * 5 + [True] * 15).high < 20


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_its_interval_covers_the_truth(share):
    rng = stream(3, "coverage", str(share))
    hits, sets = 0, 1_000
    for _ in range(sets):
        reached = rng.random(20) < share
        costs = np.where(reached, rng.uniform(1, 10, size=20), rng.uniform(2, 10, size=20))
        found = expected_running_time(costs, reached, rng, replicates=300)
        hits += found.low <= (share * 5.5 + (1 - share) * 6) / share <= found.high
    assert 0.92 < hits / sets < 0.98  # standard error .007


@given(STEPS, st.lists(st.one_of(SCORES, st.just(math.nan)), max_size=6), st.integers(9, 20))
def test_many_targets_are_as_many_single_ones(steps, targets, spent):
    at, values = [when for when, _ in steps], [value for _, value in steps]
    costs, reached = times_to_targets(at, values, targets, spent)
    for target, cost, hit in zip(targets, costs, reached, strict=True):
        alone = (math.nan, False) if math.isnan(target) else time_to_target(at, values, target, spent)
        assert (cost, bool(hit)) == pytest.approx(alone, nan_ok=True)


def test_a_failed_evaluation_reaches_nothing_and_hides_nothing():
    costs, reached = times_to_targets([1, 2, 3, 4], [math.nan, 0.5, math.nan, 0.9], [0.1, 0.7, 0.95])
    assert (costs.tolist(), reached.tolist()) == ([2, 4, 4], [True, True, False])


def test_targets_are_what_half_of_the_reference_had():
    reference = np.array([[[0, 1, 2], [1, 1, 5], [2, 4, 3]], [[7, 7, 7], [math.nan] * 3, [8, 9, 9]]])
    assert budget_targets(reference).tolist() == [[1, 1, 4], [8, 9, 9]]
    assert budget_targets(reference, share=1).tolist() == [[0, 1, 2], [7, 7, 7]]
    assert budget_targets(reference, share=1 / 3).tolist() == [[2, 4, 5], [8, 9, 9]]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32), st.floats(0.05, 1))
def test_the_reference_reaches_its_own_targets_by_their_budgets(seeds, seed, share):
    rng = np.random.default_rng(seed)
    budgets = np.geomspace(1, 100, 9)
    when = np.sort(rng.uniform(0.5, 100, size=(3, seeds, 6)))
    values = rng.random((3, seeds, 6))
    curves = [
        [step_values(t, v, budgets, 0.0) for t, v in zip(*run, strict=True)]
        for run in zip(when, values, strict=True)
    ]
    targets = budget_targets(curves, share)
    assert (np.diff(targets) >= 0).all()
    runs = [
        [times_to_targets([0, *t], [0, *v], targets[m], 100) for t, v in zip(when[m], values[m], strict=True)]
        for m in range(3)
    ]
    costs = np.array([[cost for cost, _ in row] for row in runs])
    reached = np.array([[hit for _, hit in row] for row in runs])
    for i, budget in enumerate(budgets):
        in_time = (costs <= budget) & reached
        assert (in_time[:, :, i].mean(axis=1) >= share - 1e-9).all()


def test_unsolved_triples_never_count():
    costs = [[[1, 5, 9], [2, 9, 9]]]
    reached = [[[True, True, False], [True, False, False]]]
    assert solved_shares(costs, reached, [0, 1, 5, 9, math.inf])[0].tolist() == pytest.approx(
        np.array([[0, 1, 2, 2, 2], [0, 0, 1, 1, 1]]) / 3
    )
    assert runtime_ecdf(costs, reached, [0, 1, 5, 99]).value.tolist() == pytest.approx(
        [0, 1 / 6, 1 / 2, 1 / 2]
    )


def test_what_is_missing_is_left_out_and_problems_weigh_alike():
    nan = math.nan
    costs = [[[1, nan], [3, 4]], [[2, 2], [nan, nan]]]
    found = runtime_ecdf(costs, np.ones((2, 2, 2), dtype=bool), [1, 2, 3])
    assert found.value.tolist() == pytest.approx([(1 / 2 + 0) / 2, (1 / 2 + 1) / 2, (3 / 4 + 1) / 2])


@settings(max_examples=60, deadline=None)
@given(RUNS)
def test_without_early_stops_it_is_one_minus_survival(runs):
    costs = np.array([[cost if hit else 15 for cost, hit in runs]])
    reached = np.array([[hit for _, hit in runs]])
    grid = np.arange(0.5, 15)
    ecdf = runtime_ecdf(costs, reached, grid).value
    assert ecdf == pytest.approx(1 - survival_curve(costs, reached, grid).value)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_a_runtime_ecdf_rises_within_its_band_whatever_the_order(seed, random):
    rng = np.random.default_rng(seed)
    costs, reached = rng.integers(0, 9, size=(2, 4, 3)), rng.random((2, 4, 3)) < 0.7
    grid = np.arange(10)
    band = runtime_ecdf(costs, reached, grid, rng, replicates=50)
    assert (np.diff(band.value) >= 0).all()
    assert ((band.low >= 0) & (band.low <= band.value) & (band.value <= band.high) & (band.high <= 1)).all()
    assert band.value[-1] == pytest.approx(reached.mean())
    order = random.sample(range(3), 3)
    mixed = runtime_ecdf(costs[::-1, ::-1][:, :, order], reached[::-1, ::-1][:, :, order], grid)
    assert mixed.value == pytest.approx(band.value)
    squeezed = runtime_ecdf(costs * 0.1, reached, grid * 0.1 + 1e-9)
    assert squeezed.value == pytest.approx(band.value)


def test_all_runs_alike_leave_the_doubt_that_so_many_runs_can():
    costs, reached = np.full((2, 4), 5.0), np.ones((2, 4), dtype=bool)
    band = runtime_ecdf(costs, reached, [4, 5], stream(4, "band"))
    assert band.value.tolist() == [0, 1]
    doubt = 1 - 0.025 ** (1 / 8)
    assert (band.low.tolist(), band.high.tolist()) == (
        pytest.approx([0, 1 - doubt]),
        pytest.approx([doubt, 1]),
    )


def test_the_bands_cover_the_truth_and_the_simultaneous_one_everywhere():
    rng = stream(5, "coverage")
    grid = np.array([0.3, 0.7, 1.2, 2.0, 3.0])
    truth = (1 - np.exp(-grid) + 1 - np.exp(-grid / 2)) / 2  # two targets: the second costs twice the first
    hits, whole, sets = np.zeros(5), 0, 500
    for _ in range(sets):
        first = rng.exponential(size=(3, 12, 1))
        costs = np.concatenate([first, 2 * first], axis=2)
        options = (costs, costs < 9, grid, rng, 0.95, 300)
        band, all_over = runtime_ecdf(*options), runtime_ecdf(*options, simultaneous=True)
        hits += (band.low <= truth) & (truth <= band.high)
        whole += bool(((all_over.low <= truth) & (truth <= all_over.high)).all())
    assert (hits / sets > 0.9).all()  # standard error .01
    assert whole / sets > 0.9


def test_crooked_runtimes_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        expected([1, 2], [True])
    with pytest.raises(ValueError, match="infinite"):
        expected([1, math.inf], [True, False])
    with pytest.raises(ValueError, match="replicates=0"):
        expected([1, 2], [True, False], replicates=0)
    with pytest.raises(ValueError, match="falls"):
        times_to_targets([2, 1], [0, 0], [1])
    with pytest.raises(ValueError, match="shapes"):
        runtime_ecdf([1.0], [True], [1])
    with pytest.raises(ValueError, match="negative"):
        runtime_ecdf([[-1.0]], [[True]], [1])
    with pytest.raises(ValueError, match="grid"):
        runtime_ecdf([[1.0]], [[True]], [math.nan])
    with pytest.raises(ValueError, match="problem 1 has no run"):
        runtime_ecdf([[1.0], [math.nan]], [[True], [True]], [1])
    with pytest.raises(ValueError, match="share=0"):
        budget_targets([[[1.0]]], share=0)
    with pytest.raises(ValueError, match="shape"):
        budget_targets([[1.0]])
    with pytest.raises(ValueError, match="no run on problem 0"):
        budget_targets([[[math.nan]]])
    with pytest.raises(ValueError, match="NaN in parts"):
        budget_targets([[[math.nan, 1.0]]])
