"""Bradley-Terry: closed form for two, another library for many, laws of symmetry, and honest intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sandbox.statistics.ratings import bradley_terry, strengths, wins_by_problem

TRUTH = 0.5 * math.log(0.6136 / 0.3864)
"""Of two whose difference is N(1/2, 3): ahead with probability Phi(0.5 / sqrt(3)) = .6136."""
WINS = arrays(np.float64, (4, 4), elements=st.integers(0, 50))


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_of_two_the_odds_are_those_of_the_games(won: int, lost: int) -> None:
    """theta_a - theta_b = log((won + 1/2) / (lost + 1/2)), whoever never lost included."""
    (theta,) = strengths([[[0, won], [lost, 0]]])
    assert theta[0] - theta[1] == pytest.approx(math.log((won + 0.5) / (lost + 0.5)), abs=1e-8)
    assert theta.sum() == pytest.approx(0, abs=1e-12)


@given(WINS)
def test_at_the_top_everybody_won_as_often_as_expected(wins: np.ndarray) -> None:
    """The likelihood equations: sum_b n_ab p_ab = wins of a."""
    np.fill_diagonal(wins, 0)
    (theta,) = strengths(wins[None])
    full = (wins + 0.5) * (1 - np.eye(4))
    p = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
    assert ((full + full.T) * p).sum(axis=1) == pytest.approx(full.sum(axis=1), abs=1e-6)


@given(WINS, st.permutations(range(4)))
def test_names_do_not_matter_and_losing_is_winning_upside_down(wins: np.ndarray, order: list[int]) -> None:
    np.fill_diagonal(wins, 0)
    (theta,) = strengths(wins[None])
    assert strengths(wins[np.ix_(order, order)][None])[0] == pytest.approx(theta[order], abs=1e-7)
    assert strengths(wins.T[None])[0] == pytest.approx(-theta, abs=1e-7)
    assert strengths(wins[None], start=[3.0, -3.0, 1.0, -1.0])[0] == pytest.approx(theta, abs=1e-7)


def test_another_library_finds_the_same() -> None:
    choix = pytest.importorskip("choix")
    rng = np.random.default_rng(1)
    wins = rng.integers(1, 60, size=(6, 6)).astype(float)
    np.fill_diagonal(wins, 0)
    padded = (wins + 0.5) * (1 - np.eye(6))
    games = [(a, b) for a in range(6) for b in range(6) if a != b for _ in range(int(2 * padded[a, b]))]
    expected = choix.opt_pairwise(6, games, alpha=0.0, method="Newton-CG")
    assert strengths(wins[None])[0] == pytest.approx(expected - expected.mean(), abs=1e-4)


def test_ties_are_half_and_missing_runs_are_no_games() -> None:
    scores = {"a": [[1.0, 1.0, np.nan]], "b": [[1.0, 0.0, 5.0]], "c": [[0.0, 0.0, 0.0]]}
    (wins,) = wins_by_problem(scores)
    assert wins.tolist() == [[0, 1.5, 2], [0.5, 0, 2.5], [0, 0.5, 0]]
    assert wins_by_problem({"a": [[0.1 + 0.2]], "b": [[0.3]]})[0, 0, 1] == 0.5
    even = bradley_terry({"a": np.ones((3, 4)), "b": np.ones((3, 4))}, np.random.default_rng(0))
    assert [rating.theta.value for rating in even] == pytest.approx([0, 0], abs=1e-12)
    assert even[0].elo.value == pytest.approx(1000)


def test_odds_of_ten_to_one_are_400_points() -> None:
    scores = {"a": np.zeros((2, 1000)), "b": np.ones((2, 1000))}
    scores["a"][:, :91] = 2.0  # of 1,000 games 91 are won: odds of 10 to 1 nearly
    strong, weak = bradley_terry(scores, np.random.default_rng(0))
    assert (strong.name, weak.name) == ("b", "a")
    assert strong.elo.value - weak.elo.value == pytest.approx(400, rel=0.01)


def test_the_interval_covers_the_strength_of_new_problems() -> None:
    """Problems favour one or the other: resampling games would miss that."""
    rng = np.random.default_rng(3)
    covered = narrow = 0
    for _ in range(150):
        lean = rng.normal(0.5, 1.0, size=(12, 1))
        scores = {"a": lean + rng.normal(size=(12, 8)), "b": rng.normal(size=(12, 8))}
        found = {rating.name: rating.theta for rating in bradley_terry(scores, rng, replicates=300)}
        theta = found["a"]
        covered += theta.low <= TRUTH <= theta.high
        won = sum(wins_by_problem(scores)[:, 0, 1]) / 96
        games = 0.5 * math.sqrt(1 / (96 * won * (1 - won)))
        narrow += abs(theta.value - TRUTH) <= 1.96 * games
    assert covered / 150 > 0.85
    assert narrow < covered


def test_one_problem_shows_no_spread() -> None:
    rating, _ = bradley_terry({"a": [[1.0, 2.0]], "b": [[0.0, 3.0]]}, np.random.default_rng(0))
    assert math.isnan(rating.theta.low)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: bradley_terry({"a": [[1.0]]}, np.random.default_rng(0)), "1 competitors"),
        (lambda: bradley_terry({"a": [[1.0]], "b": [[1.0, 2.0]]}, np.random.default_rng(0)), "same shape"),
        (lambda: bradley_terry({"a": [[1.0]], "b": [[math.inf]]}, np.random.default_rng(0)), "infinite"),
        (lambda: strengths([[1.0]]), "shape"),
        (lambda: strengths([[[0, -1.0], [1, 0]]]), "at least 0"),
    ],
)
def test_bad_input_is_named(call, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()
