"""Laws of the log-rank test between two agents."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import log_rank
from sandbox.streams import stream

RUN = st.tuples(st.integers(1, 9), st.booleans(), st.integers(1, 9), st.booleans())
PAIRS = st.lists(RUN, min_size=1, max_size=10)


def columns(pairs):
    return [np.array(column) for column in zip(*pairs, strict=True)]


def ranked(*runs, **options):
    return log_rank(*runs, stream(1, "log-rank"), **options)


@settings(max_examples=80, deadline=None)
@given(PAIRS)
def test_in_one_problem_it_is_scipys(pairs):
    from scipy.stats import CensoredData, logrank

    a, hit_a, b, hit_b = columns(pairs)
    found = ranked(a, hit_a, b, hit_b)
    with np.errstate(all="ignore"):
        oracle = logrank(CensoredData.right_censored(a, ~hit_a), CensoredData.right_censored(b, ~hit_b))
    if np.isfinite(oracle.statistic):
        assert found.z == pytest.approx(oracle.statistic, abs=1e-9)
        assert found.p == pytest.approx(oracle.pvalue, abs=1e-9)
    else:  # nothing varies
        assert (found.z, found.p) == (0, 1)


def test_by_hand():
    # One reaches at 1, of `a`, among four; at 2, of `b`, among three; at 3, of `a`, beside one of `b`.
    found = ranked([1, 3], [True, True], [2, 4], [True, False])
    assert found.expected_a == pytest.approx(1 / 2 + 1 / 3 + 1 / 2)
    assert found.expected_b == pytest.approx(1 / 2 + 2 / 3 + 1 / 2)
    assert (found.reached_a, found.reached_b, found.pairs) == (2, 1, 2)
    assert found.z == pytest.approx((2 - 4 / 3) / math.sqrt(1 / 4 + 2 / 9 + 1 / 4))


def test_problems_are_strata_whose_surpluses_and_variances_add_up():
    rng = stream(2, "strata")
    costs = rng.integers(1, 9, size=(2, 3, 7)).astype(float)
    reached = rng.random((2, 3, 7)) < 0.7
    alone = [ranked(costs[0, m], reached[0, m], costs[1, m], reached[1, m]) for m in range(3)]
    surplus = [found.reached_a - found.expected_a for found in alone]
    variance = [(s / found.z) ** 2 for s, found in zip(surplus, alone, strict=True)]
    whole = ranked(costs[0], reached[0], costs[1], reached[1])
    assert whole.z == pytest.approx(sum(surplus) / math.sqrt(sum(variance)))


def test_problems_of_different_difficulty_do_not_blur_each_other():
    # On each problem `a` is clearly faster; pooled, the difference drowns in that between problems.
    scale = np.array([[1.0], [100.0], [10_000.0]])
    a, b = scale * (1 + np.arange(6) / 10), scale * (2 + np.arange(6) / 10)
    hit = np.ones((3, 6), dtype=bool)
    pooled = ranked(a.ravel(), hit.ravel(), b.ravel(), hit.ravel())
    assert ranked(a, hit, b, hit).p < 1e-4 < 0.01 < pooled.p


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_names_seeds_and_units_change_nothing_but_the_sign(pairs, random):
    a, hit_a, b, hit_b = columns(pairs)
    found, mirrored = ranked(a, hit_a, b, hit_b), ranked(b, hit_b, a, hit_a)
    assert mirrored.z == pytest.approx(-found.z, abs=1e-9)
    assert (mirrored.p, mirrored.p_paired) == pytest.approx((found.p, found.p_paired))
    mixed = ranked(*columns(random.sample(pairs, len(pairs))))
    stretched = ranked(a**2, hit_a, b**2, hit_b)  # only the order of costs counts
    for other in (mixed, stretched):
        assert (other.z, other.p_paired) == pytest.approx((found.z, found.p_paired), abs=1e-9)
    assert found.expected_a + found.expected_b == pytest.approx(found.reached_a + found.reached_b)


@settings(max_examples=40, deadline=None)
@given(st.lists(RUN, min_size=1, max_size=6))
def test_the_paired_p_is_that_of_exchanging_the_two_in_every_way(pairs):
    a, hit_a, b, hit_b = columns(pairs)
    surplus = []
    for pattern in range(2 ** len(pairs)):
        swap = np.array([pattern >> i & 1 for i in range(len(pairs))], dtype=bool)
        found = ranked(
            np.where(swap, b, a),
            np.where(swap, hit_b, hit_a),
            np.where(swap, a, b),
            np.where(swap, hit_a, hit_b),
        )
        surplus.append(found.reached_a - found.expected_a)
    share = np.mean(np.abs(surplus) >= abs(surplus[0]) - 1e-9)
    assert ranked(a, hit_a, b, hit_b).p_paired == pytest.approx(share)


def test_beyond_the_horizon_nothing_is_seen():
    one = ranked([3, 8, 20], [True] * 3, [5, 30, 9], [True] * 3, horizon=10)
    assert one == ranked([3, 8, 10], [True, True, False], [5, 10, 9], [True, False, True])


def test_missing_runs_are_left_out_and_a_run_without_partner_still_informs():
    a, b = [1.0, 2.0, math.nan], [4.0, math.nan, 5.0]
    found = ranked(a, [True] * 3, b, [True] * 3)
    assert found.pairs == 1
    assert found.z == pytest.approx(ranked([1, 2], [True] * 2, [4, 5], [True] * 2).z)
    lonely = ranked([[1.0, math.nan]], [[True] * 2], [[math.nan, 2.0]], [[True] * 2])
    assert (lonely.pairs, lonely.p_paired) == (0, 1)


def test_who_never_reaches_is_not_ahead():
    never = ranked([5, 5, 5], [False] * 3, [5, 5, 5], [False] * 3)
    assert (never.z, never.p, never.p_paired) == (0, 1, 1)


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_equal_agents_are_told_apart_as_rarely_as_is_said(shared):
    rng = stream(3, "false positives", str(shared))
    wrong, sets = np.zeros(2), 1_500
    for _ in range(sets):
        luck = rng.exponential(size=(3, 8))
        a, b = (np.where(rng.random((3, 8)) < shared, luck, rng.exponential(size=(3, 8))) for _ in "ab")
        found = log_rank(np.minimum(a, 2), a <= 2, np.minimum(b, 2), b <= 2, rng, flips=200)
        wrong += [found.p < 0.05, found.p_paired < 0.05]
    assert wrong[1] / sets < 0.067  # three standard errors of .0056
    assert wrong[0] / sets < (0.067 if shared == 0 else 0.03)


def test_runs_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        ranked([1, 2], [True] * 2, [1], [True])
    with pytest.raises(ValueError, match="negative"):
        ranked([-1], [True], [1], [True])
    with pytest.raises(ValueError, match="horizon=0"):
        ranked([1], [True], [1], [True], horizon=0)
