"""Laws of the winner's curse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import mean_score, paired_difference, winners_curse
from sandbox.streams import stream


def curse(claimed, seed=1, replicates=300, **given):
    return winners_curse(claimed, stream(seed, "curse"), replicates=replicates, **given)


def lucky_best(rng, shape, candidates, noise=1.0):
    """Observed and true value of the best-looking of candidates that are all worth 0."""
    observed = noise * rng.normal(size=(*shape, candidates)).max(axis=-1)
    return observed, np.zeros(shape)


def test_an_honest_claim_has_no_gap():
    values = stream(2, "values").random((3, 5))
    found = curse(values, true=values, held_out=values)
    for gap in (found.curse, found.shortfall):
        assert (gap.value, gap.low, gap.high) == (0, 0, 0)
    assert found.claimed == found.true == found.held_out
    assert found.runs == 15


def test_of_two_equal_candidates_the_better_looking_one_is_praised_too_much_by_sigma_over_root_pi():
    claimed, true = lucky_best(stream(3, "two"), (4, 50_000), 2, noise=0.7)
    found = curse(claimed, true=true, replicates=50)
    assert found.curse.value == pytest.approx(0.7 / math.sqrt(math.pi), abs=0.005)


def test_the_gap_grows_with_the_number_of_candidates_and_the_noise():
    gaps = [
        curse(
            *lucky_best(stream(4, "many"), (2, 400), candidates, noise)[:1], true=np.zeros((2, 400))
        ).curse.value
        for candidates, noise in ((2, 1.0), (10, 1.0), (100, 1.0), (100, 3.0))
    ]
    assert gaps == sorted(gaps)


def test_what_does_not_carry_over_is_the_curse_and_more():
    rng = stream(5, "three")
    claimed, true = lucky_best(rng, (3, 200), 5)
    held_out = true - 0.3 + 0.1 * rng.normal(size=true.shape)
    found = curse(claimed, true=true, held_out=held_out)
    assert found.shortfall.value - found.curse.value == pytest.approx(0.3, abs=0.02)
    assert found.held_out.value == pytest.approx(held_out.mean())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_gaps_are_paired_differences_of_complete_runs(seed):
    rng = np.random.default_rng(seed)
    claimed, true = rng.random((3, 6)), rng.random((3, 6))
    claimed[0, 1] = true[2, 2] = math.nan
    found = curse(claimed, true=true)
    assert found.runs == 16
    plain = paired_difference(claimed, true, stream(6, "plain"), replicates=300)
    assert (
        found.curse.value
        == pytest.approx(plain.value)
        == pytest.approx(found.claimed.value - found.true.value)
    )
    both = np.where(np.isnan(claimed + true), math.nan, claimed)
    assert found.claimed.value == mean_score(both, stream(6, "mean"), replicates=10).value
    assert found.held_out is None
    assert found.shortfall is None
    # The order of problems and seeds is nothing; flattery turned round is modesty.
    mixed = curse(claimed[::-1, ::-1], true=true[::-1, ::-1])
    assert mixed == found
    modest = curse(true, true=claimed).curse
    assert (modest.value, modest.low, modest.high) == (
        -found.curse.value,
        -found.curse.high,
        -found.curse.low,
    )


def test_its_interval_covers_the_truth():
    rng = stream(7, "coverage")
    truth = 1.53875  # E max of ten standard normals (Harter 1961)
    hits, sets = 0, 1_000
    for _ in range(sets):
        claimed, true = lucky_best(rng, (2, 10), 10)
        found = winners_curse(claimed, rng, true, replicates=300).curse
        hits += found.low <= truth <= found.high
    assert 0.92 < hits / sets < 0.98  # standard error .007


def test_claims_that_cannot_be_checked_are_refused():
    with pytest.raises(ValueError, match="nothing to hold the claims against"):
        curse([[1.0]])
    with pytest.raises(ValueError, match="shapes"):
        curse([[1.0, 2.0]], true=[[1.0]])
    with pytest.raises(ValueError, match="problem 0 has no score"):
        curse([[math.nan, 1.0]], true=[[1.0, math.nan]])
    with pytest.raises(ValueError, match="infinite"):
        curse([[math.inf]], held_out=[[1.0]])
