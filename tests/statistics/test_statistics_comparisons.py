"""Laws of the tests and verdicts between competitors."""

import csv
import math
from itertools import combinations, product
from operator import mul

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import all_pairs, holm, sign_flip_p, wilcoxon_p
from sandbox.streams import stream

# Multiples of 1/64: sums and differences are exact, so that laws hold to the last bit.
GRID = st.integers(-128, 128).map(lambda i: i / 64)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)
PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float64, shape, elements=GRID), hnp.arrays(np.float64, shape, elements=GRID)
    )
)
UNITS = st.sampled_from(["seeds", "problems"])
P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def p_of(a, b, unit="seeds", flips=200):
    return sign_flip_p(a, b, stream(1, "flips"), flips, unit)


def judge(scores, **options):
    return all_pairs(scores, stream(1, "pairs"), **{"replicates": 300, "flips": 300, **options})


def test_five_clear_wins_out_of_five_are_not_enough():
    assert p_of(np.ones((1, 5)), np.zeros((1, 5))) == 2 / 2**5


def test_ties_cannot_flip():
    a = np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    assert p_of(a, np.zeros((1, 6))) == 2 / 2**3


def test_equal_scores_give_one():
    assert p_of(np.ones((3, 9)), np.ones((3, 9))) == 1.0
    assert p_of(np.full((1, 4), 0.1 + 0.2), np.full((1, 4), 0.3)) == 1.0
    assert wilcoxon_p(np.ones((3, 9)), np.ones((3, 9))) == 1.0


def test_a_drawn_p_is_never_zero():
    assert p_of(np.ones((4, 20)), np.zeros((4, 20)), flips=999) == 1 / 1000


@given(st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=4), min_size=1, max_size=3))
def test_p_counts_patterns_as_whole_numbers_would(rows):
    # Tenths are not exact in binary; in whole numbers, 12 / (seeds of the problem) is a pair's weight.
    a = np.full((len(rows), 4), math.nan)
    for m, row in enumerate(rows):
        a[m, : len(row)] = np.array(row) / 10
    weighted = [d * 12 // len(row) for row in rows for d in row]
    sums = [abs(sum(map(mul, signs, weighted))) for signs in product((1, -1), repeat=len(weighted))]
    assert p_of(a, np.zeros_like(a)) == np.mean([total >= abs(sum(weighted)) for total in sums])


@pytest.mark.parametrize("n", [3, 8, 12])
def test_enumerated_signs_agree_with_scipy(n):
    from scipy.stats import permutation_test

    d = stream(2, "oracle", n).normal(0.4, 1.0, size=n)
    oracle = permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert p_of(d[None, :], np.zeros((1, n))) == pytest.approx(oracle.pvalue)


def test_drawn_signs_agree_with_scipy():
    from scipy.stats import permutation_test

    d = stream(3, "oracle").normal(0.6, 1.0, size=(2, 8))  # 16 pairs: too many for us to enumerate
    oracle = permutation_test((d.ravel(),), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert 0.01 < oracle.pvalue < 0.5
    assert p_of(d, np.zeros((2, 8)), flips=20_000) == pytest.approx(oracle.pvalue, abs=0.02)


def test_drawn_signs_agree_with_enumerated_ones(monkeypatch):
    a = stream(4, "scores").normal(0.5, 1.0, size=(2, 7))
    exact = p_of(a, np.zeros_like(a))
    monkeypatch.setattr("sandbox.statistics.comparisons._EXACT_UP_TO", 0)
    assert p_of(a, np.zeros_like(a), flips=50_000) == pytest.approx(exact, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(PAIRS, UNITS, st.randoms(use_true_random=False), GRID, st.sampled_from([2.0**-300, 0.25, -8.0]))
def test_p_knows_neither_sides_nor_order_nor_origin_nor_scale(pair, unit, random, constant, factor):
    a, b = pair
    p = p_of(a, b, unit)
    assert 0 < p <= 1
    assert p_of(b, a, unit) == p
    assert p_of((a + constant) * factor, (b + constant) * factor, unit) == p
    problems, seeds = random.sample(range(len(a)), len(a)), random.sample(range(len(a[0])), len(a[0]))
    assert p_of(a[problems][:, seeds], b[problems][:, seeds], unit) == p


@given(P_VALUES)
def test_holm_rejects_what_its_definition_rejects(p_values):
    adjusted, k = holm(p_values), len(p_values)
    for alpha in (0.01, 0.05, 0.3):
        rejected = set()
        for step, i in enumerate(sorted(range(k), key=p_values.__getitem__)):
            if not p_values[i] * (k - step) < alpha:
                break
            rejected.add(i)
        assert {i for i, p in enumerate(adjusted) if p < alpha} == rejected


@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_keeps_order_and_bounds(p_values, random):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    for (p, q), (r, s) in combinations(zip(p_values, adjusted, strict=True), 2):
        assert (q <= s) if p <= r else (q >= s)
    order = random.sample(range(len(p_values)), len(p_values))
    assert holm([p_values[i] for i in order]) == tuple(adjusted[i] for i in order)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
    with pytest.raises(ValueError, match=r"1\.5"):
        holm([0.5, 1.5])
    with pytest.raises(ValueError, match="nan"):
        holm([math.nan])


def test_a_better_competitor_is_named_whichever_side_it_stands():
    luck = stream(5, "luck").normal(size=(3, 10))
    for names in (("good", "poor"), ("poor", "good")):
        scores = {name: luck + 0.5 * (name == "good") for name in names}
        (found,) = judge(scores)
        assert found.winner == "good"
        assert found.verdict == ("a beats b" if found.a == "good" else "b beats a")
        assert found.win_rate == (found.a == "good")
        assert found.pairs == 30
        assert str(found).startswith("good beats poor")


def test_the_number_of_rivals_raises_the_bar():
    rng = stream(6, "rivals")
    scores = {"a": rng.normal(0.75, 1.0, size=(2, 10)), "b": np.zeros((2, 10))}
    alone = judge(scores, flips=4_000)[0]
    crowd = judge(scores | {str(i): scores["b"] for i in range(12)}, flips=4_000)[0]
    assert crowd.difference == alone.difference
    assert crowd.p == pytest.approx(alone.p, abs=0.02)
    assert alone.verdict == "a beats b"
    assert crowd.p_adjusted > 10 * alone.p_adjusted


@settings(max_examples=30, deadline=None)
@given(
    SHAPES.flatmap(
        lambda shape: st.lists(hnp.arrays(np.float64, shape, elements=GRID), min_size=3, max_size=3)
    ),
    UNITS,
)
def test_the_order_of_competitors_changes_nothing(tables, unit):
    scores = dict(zip("abc", tables, strict=True))
    forward = {frozenset((c.a, c.b)): c for c in judge(scores, unit=unit)}
    backward = {frozenset((c.a, c.b)): c for c in judge(dict(reversed(scores.items())), unit=unit)}
    for pair, one in forward.items():
        other = backward[pair]
        assert one.winner == other.winner
        assert one.p_adjusted == other.p_adjusted
        assert one.win_rate == pytest.approx(1 - other.win_rate)
        assert one.difference.value == pytest.approx(-other.difference.value, abs=1e-12)
        assert one.difference.low == pytest.approx(-other.difference.high, abs=1e-9, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(PAIRS, UNITS)
def test_a_verdict_needs_the_test_and_the_interval(pair, unit):
    (found,) = judge({"a": pair[0], "b": pair[1]}, unit=unit)
    if found.winner:
        assert found.p_adjusted < 0.05
        assert found.difference.sign == np.sign(found.difference.value) == (1 if found.winner == "a" else -1)
    else:
        assert found.p_adjusted >= 0.05 or found.difference.sign == 0


def test_a_small_p_without_a_clear_interval_is_no_verdict():
    scores = {"a": stream(9, "scores").normal(0.5, 1.0, size=(3, 10)), "b": np.zeros((3, 10))}
    assert judge(scores)[0].verdict == "a beats b"
    (wide,) = judge(scores, level=0.99999)
    assert wide.p_adjusted < 0.05
    assert wide.verdict == "undecided"


def test_one_pair_decides_nothing():
    (found,) = judge({"a": [[1.0]], "b": [[0.0]]})
    assert (found.verdict, found.p, found.p_adjusted, found.pairs) == ("undecided", 1.0, 1.0, 1)
    assert math.isnan(found.difference.low)
    assert "undecided" in str(found)


def test_fewer_than_two_competitors_make_no_pair():
    assert judge({}) == judge({"a": [[1.0, 2.0]]}) == ()


def test_a_pair_without_a_common_run_is_named():
    with pytest.raises(ValueError, match="left against right: problem 0"):
        judge({"left": [[1.0, math.nan]], "right": [[math.nan, 1.0]]})
    with pytest.raises(ValueError, match="alpha=0"):
        judge({"a": [[1.0]], "b": [[1.0]]}, alpha=0)


@pytest.mark.parametrize("unit", ["seeds", "problems"])
def test_equal_competitors_seldom_get_a_verdict(unit):
    rng = stream(7, "equals", unit)
    tournaments, false, raw = 250, 0, []
    for _ in range(tournaments):
        luck = rng.normal(size=(9, 6))
        scores = {name: np.round(luck + rng.normal(size=(9, 6))) for name in "abcd"}
        found = all_pairs(scores, rng, unit=unit, replicates=300, flips=300)
        false += any(c.winner for c in found)
        raw += [c.p < 0.05 for c in found]
    # Wanted: at most .05 of tournaments, and near .05 of the single tests.
    assert false / tournaments < 0.10
    assert 0.02 < np.mean(raw) < 0.08


def test_no_pair_of_a_published_table_survives_the_correction(shared_data):
    with open(shared_data / "published" / "induction30-test-accuracy.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in rows[0] if name != "task"]
    scores = {name: np.array([[float(row[name])] for row in rows]) for name in names}
    means = {name: float(x.mean()) for name, x in scores.items()}
    assert means == pytest.approx(
        {"ape": 0.6207, "instructzero": 0.6733, "evoprompt": 0.6800, "instinct": 0.6113, "dual": 0.6955},
        abs=1e-4,
    )
    pairs = list(combinations(names, 2))
    signed_ranks = [wilcoxon_p(scores[a], scores[b]) for a, b in pairs]
    assert min(signed_ranks) == pytest.approx(0.0096, abs=2e-4)
    assert min(holm(signed_ranks)) > 0.05

    found = all_pairs(scores, stream(8, "published"), unit="problems")
    assert [(c.a, c.b) for c in found] == pairs
    assert all(c.pairs == 30 and c.verdict == "undecided" for c in found)
    assert min(c.p for c in found) == pytest.approx(0.0096, abs=0.003)
    assert min(c.p_adjusted for c in found) > 0.05
    # Some intervals of single pairs lie on one side of 0: the correction is what holds them back.
    assert any(c.difference.sign for c in found)

    over_seeds = all_pairs(scores, stream(8, "published"), replicates=100)
    assert all(c.verdict == "undecided" and math.isnan(c.difference.low) for c in over_seeds)
