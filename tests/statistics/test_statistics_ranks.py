"""Laws of mean ranks, Friedman's test, critical-difference groups and the exact signed-rank test."""

import csv
import math
from itertools import product

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from sandbox.statistics import holm
from sandbox.statistics.ranks import (
    _runs,
    friedman,
    mean_ranks,
    nemenyi_distance,
    rank_groups,
    signed_rank_p,
)
from sandbox.streams import stream

GRID = st.integers(-3, 3).map(lambda i: i / 4)
TABLES = st.tuples(st.integers(3, 6), st.integers(2, 8)).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=GRID)
)
METHODS = st.sampled_from(["wilcoxon", "nemenyi"])


def named(rows):
    """One seed a problem; rows are competitors called a, b, .."""
    return {chr(ord("a") + i): np.array(row)[:, None] for i, row in enumerate(rows)}


def test_the_best_has_rank_one_and_ties_share():
    ranks = mean_ranks({"a": [[0.9], [0.2]], "b": [[0.5], [0.4]], "c": [[0.5], [0.3]]})
    assert ranks == {"a": 2.0, "b": (2.5 + 1) / 2, "c": (2.5 + 2) / 2}


def test_rounding_is_a_tie():
    assert mean_ranks({"a": [[0.1 + 0.2]], "b": [[0.3]]}) == {"a": 1.5, "b": 1.5}
    # Differences .1, .1 and -.1 but for rounding: sizes tie, and two against one say nothing.
    gaps = np.array([[0.3, 0.2, 0.1]]).T, np.array([[0.2, 0.1, 0.2]]).T
    assert signed_rank_p(*gaps) == 1.0


def test_seeds_are_averaged_before_ranks_are_taken():
    assert mean_ranks({"a": [[1.0, 0.0, 0.0]], "b": [[0.4, 0.4, 0.4]]}) == {"a": 2.0, "b": 1.0}


@settings(max_examples=80, deadline=None)
@given(TABLES)
def test_friedmans_statistic_is_scipys(rows):
    assume(all(len(set(column)) > 1 for column in rows.T.tolist()))
    found, scipys = friedman(named(rows)), friedmanchisquare(*rows)
    assert (found.chi2, found.p_chi2) == pytest.approx((scipys.statistic, scipys.pvalue), abs=1e-9)
    assert list(found.mean_ranks.values()) == pytest.approx(rankdata(-rows, axis=0).mean(axis=1))


@settings(max_examples=60, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_only_the_order_within_problems_matters(rows, random):
    order = random.sample(range(rows.shape[1]), rows.shape[1])
    one, other = friedman(named(rows)), friedman(named(np.exp(rows[:, order])))
    assert (one.chi2, one.p, one.f) == pytest.approx((other.chi2, other.p, other.f))


def test_iman_and_davenports_f_is_demsars_example():
    """Demšar 2006, p. 11: four classifiers on 14 data sets, mean ranks 3.143, 2.000, 2.893, 1.964."""
    chi2 = 12 * 14 / 20 * (3.143**2 + 2**2 + 2.893**2 + 1.964**2 - 25)
    assert chi2 == pytest.approx(9.28, abs=0.01)
    f = 13 * 9.28 / (14 * 3 - 9.28)
    assert f == pytest.approx(3.69, abs=0.01)
    rows = stream(1, "f").normal(size=(4, 14))
    found = friedman(named(rows))
    assert found.f == pytest.approx(13 * found.chi2 / (14 * 3 - found.chi2))


def test_full_agreement_has_its_exact_probability():
    found = friedman(named([[3.0] * 3, [2.0] * 3, [1.0] * 3]))
    assert math.isinf(found.f)
    assert found.p == pytest.approx((1 / 6) ** 2)
    tied = friedman(named([[3.0] * 3, [1.0] * 3, [1.0] * 3]))
    assert tied.chi2 == pytest.approx(3 * 2)
    assert tied.p == pytest.approx((1 / 3) ** 2)


def test_where_all_tie_there_is_nothing_to_see():
    scores = named(np.full((4, 5), 0.3))
    found, groups = friedman(scores), rank_groups(scores)
    assert (found.chi2, found.f, found.p, found.p_chi2) == (0, 0, 1, 1)
    assert groups.groups == (("a", "b", "c", "d"),)
    assert set(groups.p.values()) == {1.0}


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_the_table(k, q):
    """Demšar 2006, table 5(a)."""
    assert nemenyi_distance(k, 14) == pytest.approx(q * math.sqrt(k * (k + 1) / (6 * 14)), rel=3e-4)


@settings(max_examples=15, deadline=None)
@given(TABLES)
def test_nemenyis_p_is_that_of_scikit_posthocs(rows):
    posthocs = pytest.importorskip("scikit_posthocs")
    expected = posthocs.posthoc_nemenyi_friedman(rows.T).to_numpy()
    found = rank_groups(named(rows), "nemenyi")
    for (a, b), p in found.p.items():
        assert p == pytest.approx(expected[ord(a) - ord("a"), ord(b) - ord("a")], abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 9), elements=st.integers(-4, 4).map(float)))
def test_the_signed_rank_test_is_exact_with_ties(gaps):
    """Against all sign patterns, one by one."""
    different = gaps[gaps != 0]
    ranks = rankdata(np.abs(different))
    observed = abs(float((ranks * np.sign(different)).sum()))
    sums = [abs(float((ranks * signs).sum())) for signs in product([-1, 1], repeat=different.size)]
    expected = np.mean([s >= observed for s in sums])
    assert signed_rank_p(gaps[:, None], np.zeros((gaps.size, 1))) == pytest.approx(expected)


@pytest.mark.parametrize("n", [5, 20, 50, 51, 200])
def test_without_ties_the_signed_rank_test_is_scipys(n):
    a = stream(2, "wilcoxon", n).normal(0.2, size=(n, 1))
    scipys = wilcoxon(a[:, 0], method="exact" if n <= 50 else "asymptotic")
    assert signed_rank_p(a, np.zeros_like(a)) == pytest.approx(scipys.pvalue)


@settings(max_examples=40, deadline=None)
@given(TABLES, METHODS, st.randoms(use_true_random=False))
def test_the_order_of_competitors_changes_no_group(rows, method, random):
    scores = named(rows)
    names = random.sample(list(scores), len(scores))
    one, other = rank_groups(scores, method), rank_groups({name: scores[name] for name in names}, method)
    assert one == other
    assert list(one.mean_ranks) == list(other.mean_ranks)


@settings(max_examples=40, deadline=None)
@given(TABLES, METHODS)
def test_groups_are_the_longest_runs_that_are_not_told_apart(rows, method):
    found = rank_groups(named(rows), method, alpha=0.3)
    order = list(found.mean_ranks)
    together = {pair for pair, p in found.p.items() if p >= 0.3}
    runs = [
        order[i:j]
        for i in range(len(order))
        for j in range(i + 2, len(order) + 1)
        if all((a, b) in together for n, a in enumerate(order[i:j]) for b in order[i:j][n + 1 :])
    ]
    longest = [r for r in runs if not any(set(r) < set(s) for s in runs)]
    assert sorted(map(list, found.groups)) == sorted(longest)


def test_wilcoxons_groups_correct_for_the_number_of_pairs():
    rng = stream(3, "holm")
    scores = {name: rng.normal(mean, size=(12, 1)) for name, mean in [("a", 4.0), ("b", 0.2), ("c", 0.0)]}
    found = rank_groups(scores)
    order = list(found.mean_ranks)
    alone = [signed_rank_p(scores[a], scores[b]) for a, b in found.p]
    assert tuple(found.p.values()) == pytest.approx(holm(alone))
    assert order[0] == "a"
    assert found.groups == (tuple(order[1:]),)
    assert found.critical_difference is None


def test_runs_may_overlap():
    apart = {("a", "c"), ("a", "d"), ("b", "d")}
    assert _runs("abcd", lambda a, b: (a, b) not in apart) == (("a", "b"), ("b", "c"), ("c", "d"))
    assert _runs("abcd", lambda a, b: (a, b) != ("a", "d")) == (("a", "b", "c"), ("b", "c", "d"))
    assert _runs("abc", lambda a, b: False) == ()


def test_no_pair_of_the_published_comparison_is_decided(shared_data):
    with (shared_data / "published" / "induction30-test-accuracy.csv").open() as file:
        rows = list(csv.DictReader(file))
    methods = [name for name in rows[0] if name != "task"]
    scores = {name: [[float(row[name])] for row in rows] for name in methods}
    found = rank_groups(scores)
    assert min(found.p.values()) > 0.05
    assert [set(group) for group in found.groups] == [set(methods)]


@pytest.mark.parametrize("method", ["wilcoxon", "nemenyi"])
def test_equal_competitors_are_told_apart_as_rarely_as_promised(method):
    rng = stream(4, "false", method)
    tables = [named(rng.normal(size=(4, 15))) for _ in range(400)]
    told = np.mean([min(rank_groups(t, method).p.values()) < 0.05 for t in tables])
    assert told < 0.08  # standard error .011
    if method == "wilcoxon":
        stands_out = np.mean([friedman(t).p < 0.05 for t in tables])
        assert 0.02 < stands_out < 0.09


def test_a_missing_cell_is_refused_with_its_place():
    with pytest.raises(ValueError, match="b has no score on problem 1, seed 0"):
        friedman({"a": [[1.0], [2.0]], "b": [[1.0], [math.nan]]})
    with pytest.raises(ValueError, match=r"scores of a have shape \(2, 1\), those of b \(1, 1\)"):
        rank_groups({"a": [[1.0], [2.0]], "b": [[1.0]]})


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: mean_ranks({"a": [[1.0]]}), "1 competitors"),
        (lambda: friedman(named([[1.0], [2.0]])), "1 problem: "),
        (lambda: rank_groups(named([[1.0], [2.0]]), "conover"), "method='conover'"),
        (lambda: rank_groups(named([[1.0], [2.0]]), alpha=0.0), r"alpha=0\.0"),
        (lambda: nemenyi_distance(1, 3), "1 competitors"),
    ],
)
def test_what_cannot_be_ranked_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
