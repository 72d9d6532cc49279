"""Laws of score, data and performance profiles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.statistics import (
    convergence_targets,
    data_profile,
    performance_profile,
    runtime_ecdf,
    score_profile,
)
from sandbox.streams import stream

NAN = math.nan


def test_the_score_profile_by_hand():
    x = [[0.1, 0.5, 0.9, NAN], [0.5, 0.5, 1.0, 1.0]]
    found = score_profile(x, [-1, 0.1, 0.5, 0.9, 1.0]).value
    assert found.tolist() == pytest.approx([1, (2 / 3 + 1) / 2, (1 / 3 + 1 / 2) / 2, 1 / 4, 0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 6))
def test_the_area_under_a_score_profile_is_the_mean_score(seed, problems, seeds):
    x = np.random.default_rng(seed).integers(0, 100, size=(problems, seeds)) / 100
    thresholds = np.arange(100) / 100
    profile = score_profile(x, thresholds, np.random.default_rng(seed), replicates=50)
    assert profile.value.mean() == pytest.approx(x.mean())
    assert (np.diff(profile.value) <= 0).all()
    assert ((profile.low >= 0) & (profile.low <= profile.value)).all()
    assert ((profile.high <= 1) & (profile.high >= profile.value)).all()
    again = score_profile(x[::-1, ::-1], thresholds)
    assert again.value == pytest.approx(profile.value)
    stretched = score_profile(np.exp(x), np.exp(thresholds))  # only the order of scores counts
    assert stretched.value == pytest.approx(profile.value)


def test_the_score_profiles_band_covers_the_truth():
    rng = stream(1, "coverage")
    truth = np.array([0.95, 0.8, 0.5, 0.2])
    for problems, seeds in ((1, 20), (5, 10)):
        hits, sets = np.zeros(4), 800
        for _ in range(sets):
            band = score_profile(rng.random((problems, seeds)), 1 - truth, rng, replicates=300)
            hits += (band.low <= truth) & (truth <= band.high)
        assert (hits / sets > 0.9).all()  # standard error .008


def test_a_problem_is_solved_when_most_of_the_way_is_gone():
    assert convergence_targets([0.0, 0.5], [1.0, 0.5], 0.1).tolist() == pytest.approx([0.9, 0.5])
    assert convergence_targets(0.0, 1.0, 0.0) == 1.0


def test_the_data_profile_counts_in_gradients():
    costs, reached = [[4.0, 8.0], [20.0, 6.0]], [[True, True], [True, False]]
    found = data_profile(costs, reached, [1, 9], [1, 2, 4, 99]).value
    assert found.tolist() == [0, 0.5, 0.75, 0.75]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_in_no_dimension_the_data_profile_is_the_runtime_ecdf(seed):
    rng = np.random.default_rng(seed)
    costs, reached = rng.integers(0, 9, size=(3, 4, 2)).astype(float), rng.random((3, 4, 2)) < 0.7
    grid = np.arange(10)
    plain = runtime_ecdf(costs, reached, grid, stream(2, "band"), replicates=50)
    found = data_profile(costs, reached, 0, grid, stream(2, "band"), replicates=50)
    assert (found.value.tolist(), found.low.tolist()) == (plain.value.tolist(), plain.low.tolist())
    stretched = data_profile(costs * 5, reached, 4, grid + 1e-9)
    assert stretched.value == pytest.approx(plain.value)


def rivals():
    costs = {"a": [[1.0, 4.0], [10.0, 3.0]], "b": [[2.0, 1.0], [10.0, 5.0]]}
    reached = {"a": [[True, True], [True, False]], "b": [[True, True], [True, False]]}
    return costs, reached


def test_the_performance_profile_by_hand():
    # Cells: a twice as fast, b four times as fast, equal, solved by nobody.
    found = performance_profile(*rivals(), [1, 2, 3, 4, math.inf])
    assert found["a"].value.tolist() == [0.5, 0.5, 0.5, 0.75, 0.75]
    assert found["b"].value.tolist() == [0.5, 0.75, 0.75, 0.75, 0.75]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_laws_of_performance_profiles(seed):
    rng = np.random.default_rng(seed)
    costs = {name: rng.integers(1, 20, size=(3, 4)).astype(float) for name in "abc"}
    reached = {name: rng.random((3, 4)) < 0.7 for name in "abc"}
    grid = np.array([1.0, 1.5, 2.0, 5.0, 100.0])
    found = performance_profile(costs, reached, grid, stream(3, "band"), replicates=50)
    solved = np.logical_or.reduce(list(reached.values())).mean()
    assert sum(band.value[0] for band in found.values()) >= solved - 1e-9  # somebody is the fastest
    for name, band in found.items():
        assert (np.diff(band.value) >= 0).all()
        assert band.value[-1] == pytest.approx(reached[name].mean())
        assert ((band.low <= band.value) & (band.value <= band.high)).all()
    # Neither names nor the unit of any cell matter.
    scale = rng.integers(1, 9, size=(3, 4)) * 0.1
    turned = {name: costs[name] * scale for name in "cba"}
    again = performance_profile(turned, reached, grid, stream(3, "band"), replicates=50)
    for name in "abc":
        assert again[name].value == pytest.approx(found[name].value)
        assert again[name].low == pytest.approx(found[name].low)


def test_who_else_competes_matters():
    costs = {"a": [[2.0, 2.0]], "b": [[3.0, 1.0]], "c": [[1.0, 9.0]]}
    reached = {name: [[True, True]] for name in costs}
    pair = {name: costs[name] for name in "ab"}
    alone = performance_profile(pair, {name: reached[name] for name in pair}, [1.0])
    assert alone["a"].value[0] == 0.5
    assert performance_profile(costs, reached, [1.0])["a"].value[0] == 0


def test_what_costs_nothing_is_infinitely_faster():
    found = performance_profile(
        {"a": [[0.0, 0.0]], "b": [[0.0, 3.0]]}, {"a": [[True] * 2], "b": [[True] * 2]}, [1.0, 1e300]
    )
    assert (found["a"].value.tolist(), found["b"].value.tolist()) == ([1, 1], [0.5, 0.5])


def test_only_cells_that_all_have_are_looked_at():
    costs, reached = rivals()
    costs["a"][0][1] = NAN
    found = performance_profile(costs, reached, [1.0, 2.0])
    assert found["b"].value.tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: score_profile([0.5], [0.1]), "shape"),
        (lambda: score_profile([[0.5]], [NAN]), "thresholds"),
        (lambda: score_profile([[0.5], [NAN]], [0.1]), "problem 1 has no run"),
        (lambda: convergence_targets([1.0], [0.5], 0.1), "below the start"),
        (lambda: convergence_targets([0.0], [0.5], 1.0), "tolerance=1"),
        (lambda: data_profile([[1.0]], [[True]], [1, 2], [1]), "dimensions"),
        (lambda: data_profile([[1.0]], [[True]], [-1], [1]), "negative"),
        (lambda: performance_profile({}, {}, [1]), "wanted the same"),
        (lambda: performance_profile({"a": [[1.0]]}, {"b": [[True]]}, [1]), "wanted the same"),
        (
            lambda: performance_profile(
                {"a": [[1.0]], "b": [[1.0, 2.0]]}, {"a": [[True]], "b": [[True] * 2]}, [1]
            ),
            "b: costs",
        ),
        (lambda: performance_profile({"a": [[-1.0]]}, {"a": [[True]]}, [1]), "negative"),
        (lambda: performance_profile({"a": [[NAN]]}, {"a": [[True]]}, [1]), "problem 0 has no cell"),
    ],
)
def test_crooked_profiles_are_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
