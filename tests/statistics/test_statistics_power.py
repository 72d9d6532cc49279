"""Power and minimal detectable effect: closed forms, a simulation of the test itself, what is not known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct, norm, t

from sandbox.statistics.comparisons import sign_flip_p
from sandbox.statistics.power import Design, paired_design, seeds_needed


def test_with_many_degrees_it_is_the_normal_closed_form() -> None:
    design = Design(0.02, 10**6)
    for effect in (0.0, 0.01, 0.05, 0.1):
        z = norm.ppf(0.975)
        expected = norm.sf(z - effect / 0.02) + norm.cdf(-z - effect / 0.02)
        assert design.power(effect) == pytest.approx(expected, abs=1e-5)
    assert design.smallest_effect() == pytest.approx(0.02 * (norm.ppf(0.975) + norm.ppf(0.8)), rel=1e-3)


@given(st.integers(1, 60), st.sampled_from([0.001, 0.05, 0.2]))
def test_without_an_effect_the_power_is_the_level(degrees: int, level: float) -> None:
    assert Design(1.0, degrees).power(0.0, level) == pytest.approx(level, abs=1e-6)


@given(st.integers(1, 60), st.floats(1e-3, 10.0), st.floats(0.1, 0.95))
def test_the_smallest_effect_has_the_power_and_more_has_more(
    degrees: int, error: float, power: float
) -> None:
    design = Design(error, degrees)
    effect = design.smallest_effect(0.05, power)
    assert design.power(effect) == pytest.approx(power, abs=1e-6)
    assert design.power(-effect) == pytest.approx(power, abs=1e-6)
    assert design.power(1.5 * effect) > power > design.power(effect / 1.5)
    assert design.power(1e9 * error) == pytest.approx(1.0)


@given(st.integers(1, 200), st.floats(0.0, 20.0), st.sampled_from([0.001, 0.05, 0.2]))
def test_power_is_scipys_noncentral_t(degrees: int, effect: float, level: float) -> None:
    bar = t.ppf(1 - level / 2, degrees)
    expected = nct.sf(bar, degrees, effect) + nct.cdf(-bar, degrees, effect)
    if math.isfinite(expected):  # scipy's series gives up here and there
        assert Design(1.0, degrees).power(effect, level) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("level", [5e-3, 5e-4, 5e-6, 1e-9])
def test_one_degree_of_freedom_needs_a_huge_effect_but_finds_it(level: float) -> None:
    """T > bar nearly when |chi| < effect / bar, and 80 % of |N(0, 1)| lie below 1.2816."""
    effect = Design(1.0, 1).smallest_effect(level)
    assert effect == pytest.approx(norm.ppf(0.9) * t.ppf(1 - level / 2, 1), rel=0.05)


def test_a_power_beyond_the_arithmetic_ends() -> None:
    assert Design(1.0, 5).smallest_effect(0.05, 1 - 1e-15) > 10


def test_the_test_decides_as_often_as_was_foretold() -> None:
    """Sign flips on 4 problems x 8 seeds: 32 pairs of unlike spread."""
    rng = np.random.default_rng(5)
    spread = np.array([0.5, 1.0, 1.0, 1.5])[:, None]
    error = math.sqrt(float((spread**2).sum()) / 8) / 4
    effect = Design(error, 28).smallest_effect(0.05, 0.8)
    zeros = np.zeros((4, 8))
    hits = [
        sign_flip_p(effect + spread * rng.normal(size=(4, 8)), zeros, rng, 1000) < 0.05 for _ in range(400)
    ]
    assert 0.74 < np.mean(hits) < 0.86


def test_the_design_is_read_from_the_scores() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(3, 10)), rng.normal(size=(3, 10))
    seeds = paired_design(a, b)
    assert seeds.degrees == 27
    assert seeds.error == pytest.approx(math.sqrt((a - b).var(axis=1, ddof=1).sum() / 10) / 3)
    problems = paired_design(a, b, "problems")
    assert problems.degrees == 2
    assert problems.error == pytest.approx((a - b).mean(axis=1).std(ddof=1) / math.sqrt(3))
    assert paired_design(b, a) == seeds
    shared = 100 * rng.normal(size=(3, 10))
    assert paired_design(a + shared, b + shared).error == pytest.approx(seeds.error)


def test_the_seeds_that_an_effect_needs_are_just_enough() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(2, 20)), np.zeros((2, 20))
    needed = seeds_needed(a, b, 0.3)
    assert needed is not None
    spread = a.var(axis=1, ddof=1).sum() / 4
    assert Design(math.sqrt(spread / needed), 2 * (needed - 1)).power(0.3) >= 0.8
    assert Design(math.sqrt(spread / (needed - 1)), 2 * (needed - 2)).power(0.3) < 0.8
    bar = t.ppf(0.975, 2 * (needed - 1)) + t.ppf(0.8, 2 * (needed - 1))
    assert needed == pytest.approx(bar**2 * spread / 0.09, rel=0.1)
    assert seeds_needed(a, b, 1e-9) is None
    assert seeds_needed(a[:, :1], b[:, :1], 0.3) is None


def test_what_shows_no_spread_says_so() -> None:
    assert math.isnan(paired_design([[1.0], [2.0]], [[0.0], [0.0]]).smallest_effect())
    same = paired_design(np.ones((2, 4)), np.zeros((2, 4)))
    assert same.smallest_effect() == 0.0
    assert same.power(0.1) == 1.0
    assert same.power(0.0) == 0.0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: Design(1.0, 3).power(1.0, 1.0), "level=1.0"),
        (lambda: Design(1.0, 3).smallest_effect(0.5, 0.2), "power=0.2"),
        (lambda: seeds_needed([[1.0, 2.0]], [[0.0, 0.0]], 0.0), "effect=0.0"),
        (lambda: paired_design([[1.0, 2.0]], [[0.0]]), "shapes"),
    ],
)
def test_numbers_out_of_range_are_named(call, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()
