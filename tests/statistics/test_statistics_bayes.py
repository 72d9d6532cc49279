"""Laws of the Bayesian signed-rank test."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics.bayes import Practical, _chances, bayesian_signed_rank
from sandbox.streams import stream

GAPS = hnp.arrays(np.float64, st.integers(1, 8), elements=st.integers(-4, 4).map(lambda i: i / 4))
ROPES = st.sampled_from([0.0, 0.25, 0.3])


def judge(a, b=None, rope=0.0, **options):
    a = np.asarray(a, dtype=float)
    a = a[:, None] if a.ndim == 1 else a
    b = np.zeros_like(a) if b is None else np.asarray(b, dtype=float).reshape(a.shape)
    return bayesian_signed_rank(a, b, stream(1, "bayes"), rope, **{"draws": 500, **options})


def all_three(found):
    return found.a_better, found.alike, found.b_better


@settings(max_examples=60, deadline=None)
@given(GAPS, ROPES)
def test_the_probabilities_add_up_to_one(gaps, rope):
    found = judge(gaps, rope=rope)
    assert min(all_three(found)) >= 0
    assert sum(all_three(found)) == pytest.approx(1)
    assert rope > 0 or found.alike == 0


@settings(max_examples=80, deadline=None)
@given(GAPS, ROPES)
def test_swapping_the_sides_swaps_the_probabilities(gaps, rope):
    zero = np.zeros_like(gaps)
    assert all_three(judge(gaps, zero, rope)) == all_three(judge(zero, gaps, rope))[::-1]


@settings(max_examples=40, deadline=None)
@given(GAPS, ROPES, st.randoms(use_true_random=False))
def test_order_and_scale_change_nothing(gaps, rope, random):
    shuffled = np.array(random.sample(gaps.tolist(), gaps.size))
    assert judge(gaps, rope=rope) == judge(shuffled, rope=rope)
    assert all_three(judge(gaps, rope=rope)) == all_three(judge(8 * gaps, rope=8 * rope))


@settings(max_examples=30, deadline=None)
@given(GAPS, ROPES)
def test_mean_chances_have_their_closed_form(gaps, rope):
    """E[w_i w_j] = (alpha_i alpha_j + [i = j] alpha_i) / (A (A + 1)) of a Dirichlet law, A = sum alpha."""
    drawn = _chances(np.sort(gaps), stream(2, "moments"), rope, 0.0, 20_000)
    alpha = np.array([0.5] + [1.0] * gaps.size)
    moments = (np.outer(alpha, alpha) + np.diag(alpha)) / (alpha.sum() * (alpha.sum() + 1))
    z = np.concatenate([[0.0], np.sort(gaps)])
    sums = z[:, None] + z
    if rope > 0:
        left, right = sums < -2 * rope, sums > 2 * rope
    else:
        left, right = (sums < 0) + 0.5 * (sums == 0), (sums > 0) + 0.5 * (sums == 0)
    expected = [(moments * left).sum(), 0.0, (moments * right).sum()]
    expected[1] = 1 - expected[0] - expected[2]
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize(("shift", "rope"), [(0.3, 0.1), (0.3, 0.0), (0.0, 0.5), (-0.5, 0.3), (0.05, 0.2)])
def test_probabilities_are_those_of_baycomp(shift, rope):
    baycomp = pytest.importorskip("baycomp")
    x = stream(3, "oracle", str(shift)).normal(shift, 1, 15)
    expected = baycomp.SignedRankTest.probs(x, np.zeros(15), rope, nsamples=20_000, random_state=1)
    found = judge(x, rope=rope, draws=20_000)
    # Its left is the first competitor.
    assert (found.a_better, found.b_better) == pytest.approx((expected[0], expected[-1]), abs=0.02)


def test_clear_cases_are_clear():
    rng = stream(4, "clear")
    assert judge(rng.normal(1, 0.2, 20), rope=0.1).verdict() == "a beats b"
    assert judge(rng.normal(-1, 0.2, 20), rope=0.1).verdict() == "b beats a"
    assert judge(rng.normal(0, 0.02, 20), rope=0.1).verdict() == "alike"
    assert judge(rng.normal(0, 1, 5), rope=0.1).verdict() == "undecided"
    assert Practical(0.9, 0.06, 0.04, 0.1).verdict(0.9) == "a beats b"


def test_a_wider_rope_takes_from_both_sides():
    x = stream(5, "rope").normal(0.2, 1, 15)
    found = [judge(x, rope=rope, draws=5_000) for rope in (0.0, 0.1, 0.5, 3.0)]
    assert [f.alike for f in found] == sorted(f.alike for f in found)
    assert found[-1].alike == 1


def test_all_ties_are_alike_or_a_coin():
    assert all_three(judge(np.zeros(6))) == (0.5, 0.0, 0.5)
    assert all_three(judge(np.zeros(6), rope=0.01)) == (0, 1, 0)


def test_the_border_belongs_to_the_rope_in_spite_of_rounding():
    a, b = np.array([[0.1 + 0.2]] * 6), np.full((6, 1), 0.2)
    assert judge(a, b, rope=0.1).alike == 1


def test_seeds_are_averaged_unless_all_pairs_are_the_sample():
    x = np.array([[1.0, -1.0], [2.0, -2.0], [1.5, -1.5]])
    assert all_three(judge(x)) == (0.5, 0, 0.5)
    several = judge(np.tile([[1.0, -0.2]], (3, 1)), unit="seeds", rope=0.5)
    assert several.alike > 0.05


def test_equal_competitors_seldom_seem_unequal():
    rng = stream(6, "false")
    found = [
        bayesian_signed_rank(rng.normal(size=(20, 1)), np.zeros((20, 1)), rng, 0.0, draws=500)
        for _ in range(400)
    ]
    alarms = np.mean([max(f.a_better, f.b_better) >= 0.975 for f in found])
    assert 0.02 < alarms < 0.11  # measured .061; standard error .012


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rope": -0.1}, r"rope=-0\.1"),
        ({"rope": math.nan}, "rope=nan"),
        ({"draws": 0}, "draws=0"),
        ({"unit": "runs"}, "unit='runs'"),
    ],
)
def test_impossible_options_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        judge(np.ones(3), **options)


def test_tables_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        bayesian_signed_rank(np.zeros((2, 3)), np.zeros((3, 2)), stream(1), 0.1)
