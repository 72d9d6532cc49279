"""Evidence that may be looked at after every seed: a martingale, its level, and what it could have seen."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sandbox.statistics.sequential import duels, evidence, smallest_effect

TABLES = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 3)), elements=st.integers(-8, 8))


@given(arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 3)), elements=st.integers(0, 8)))
def test_over_all_signs_the_mean_e_value_is_one_at_every_seed(sizes: np.ndarray) -> None:
    """The closed form of the law: given their sizes, signs are fair coins."""
    signs = np.array(list(product((-1.0, 1.0), repeat=sizes.size))).reshape(-1, *sizes.shape)
    assert np.exp(evidence(signs * sizes)).mean(axis=0) == pytest.approx(np.ones(len(sizes)))


@given(TABLES, st.sampled_from([2.0**-40, 0.25, 3.0, 2.0**30]))
def test_the_unit_the_names_and_the_order_of_problems_do_not_matter(d: np.ndarray, unit: float) -> None:
    usual = evidence(d)
    assert evidence(unit * d) == pytest.approx(usual, abs=1e-9)
    assert evidence(-d) == pytest.approx(usual, abs=1e-9)
    assert evidence(d[:, ::-1]) == pytest.approx(usual, abs=1e-9)


@given(TABLES)
def test_what_comes_later_does_not_change_what_was_known_before(d: np.ndarray) -> None:
    for seeds in range(1, len(d) + 1):
        assert evidence(d[:seeds]) == pytest.approx(evidence(d)[:seeds], abs=1e-9)


def test_a_missing_pair_is_no_evidence() -> None:
    d = np.array([[1.0, 2.0], [np.nan, 1.0], [np.nan, np.nan], [1.0, np.nan]])
    logs = evidence(d)
    assert logs[2] == logs[1]
    assert evidence(np.full((4, 2), np.nan)) == pytest.approx(np.zeros(4))
    assert evidence(np.zeros((4, 2))) == pytest.approx(np.zeros(4))


def test_equal_competitors_are_decided_in_less_than_the_level() -> None:
    """Ten pairs of five, looked at after each of 40 seeds, with shared luck on two problems."""
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(400):
        shared = rng.normal(size=(2, 40))
        scores = {f"agent {i}": shared + rng.exponential(size=(2, 40)) for i in range(5)}
        false += any(duel.winner for duel in duels(scores))
    assert false / 400 <= 0.05


@pytest.mark.parametrize("effect", [0.3, 1.0])
def test_a_real_difference_is_found_about_as_soon_as_a_fixed_design_could(effect: float) -> None:
    """A test of fixed size, level .05 and power .8 needs (1.96 + .84)^2 / effect^2 pairs."""
    rng = np.random.default_rng(2)
    logs = evidence(rng.normal(size=(300, 400, 1)) + effect)
    reached = logs >= math.log(20)
    assert reached.any(axis=1).all()
    assert np.median(reached.argmax(axis=1) + 1) < 1.5 * 7.85 / effect**2 + 4


def test_the_winner_is_named_and_pairs_are_judged_on_common_seeds() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(size=(3, 60))
    worst = base - 5
    worst[:, 12:] = np.nan  # it stopped playing
    scores = {"a": base + 1, "b": base + rng.normal(size=base.shape), "c": worst}
    found = {(d.a, d.b): d for d in duels(scores)}
    assert found["a", "b"].winner == "a"
    assert found["a", "c"].winner == "a"
    assert found["b", "c"].winner == "b"
    assert found["a", "c"].seeds == 12
    assert found["a", "c"].decided_after <= 12
    assert "a beats c: decided after" in str(found["a", "c"])
    assert duels({"a": base}) == ()


def test_the_smallest_visible_effect_would_have_been_seen() -> None:
    rng = np.random.default_rng(4)
    visible = smallest_effect(rng.normal(size=(25, 2)), 0.01, rng)
    fresh = rng.normal(size=(1000, 25, 2))
    fresh = fresh + visible
    seen = (evidence(fresh).max(axis=-1) >= math.log(100)).mean()
    assert 0.6 < seen < 0.95  # the spread of 25 seeds is itself an estimate
    assert smallest_effect(rng.normal(size=(100, 2)), 0.01, rng) < visible
    assert math.isnan(smallest_effect(np.ones((1, 2)), 0.01, rng))
    assert smallest_effect([[1.0], [0.0]], 1e-6, rng) == math.inf


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: evidence([1.0, 2.0]), "shape"),
        (lambda: evidence([[math.inf]]), "infinite"),
        (lambda: duels({"a": [[1.0]], "b": [[1.0, 2.0]]}), "shape"),
        (lambda: duels({"a": [[1.0]], "b": [[1.0]]}, alpha=1.0), "alpha"),
        (lambda: smallest_effect([[1.0], [2.0]], 0.0, np.random.default_rng(0)), "level"),
    ],
)
def test_what_cannot_be_judged_is_named(call, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()
