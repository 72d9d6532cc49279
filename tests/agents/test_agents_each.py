"""What is special about each agent."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import SPACES, Smooth, make, played, sentences

from agents.sequential_halving import SequentialHalving, most_arms, rounds, schedule
from agents.thompson import Thompson
from agents.ucb import UCB
from mocks.noise import Binomial, Gaussian
from sandbox.budget import Budget
from sandbox.errors import MissingExtra
from sandbox.protocol import Task
from sandbox.spaces import Box, Candidate, Pool


def test_ucb_computes_the_index_of_the_paper() -> None:
    means, looks = np.array([0.5, 0.2, 0.0]), np.array([3.0, 7.0, 0.0])
    index = UCB(exploration=1.0).indices(means, looks, rows=1)
    assert index[0] == pytest.approx(0.5 + math.sqrt(2 * math.log(10) / 3))
    assert index[1] == pytest.approx(0.2 + math.sqrt(2 * math.log(10) / 7))
    assert index[2] == math.inf
    narrower = UCB(exploration=1.0).indices(means, looks, rows=4)
    assert narrower[0] - 0.5 == pytest.approx((index[0] - 0.5) / 2)


@given(arms=st.integers(1, 500), budget=st.integers(1, 20_000))
def test_sequential_halving_follows_the_papers_schedule(arms: int, budget: int) -> None:
    plan = schedule(arms, budget)
    assert len(plan) == max(1, math.ceil(math.log2(arms)))
    assert plan[0][0] == arms
    for (left, pulls), (after, _) in pairwise(plan):
        assert after == math.ceil(left / 2)
        assert pulls == math.floor(budget / (left * math.ceil(math.log2(arms))))
    assert arms == 1 or plan[-1][0] == 2
    assert sum(left * pulls for left, pulls in plan) <= budget
    most = most_arms(budget, 500)
    assert most * rounds(most) <= max(budget, 1)


def test_sequential_halving_pulls_what_its_schedule_says() -> None:
    one = played("sequential-halving", oracle=Smooth(Pool(sentences(8))), budget=Budget(evaluations=48))
    pulls: dict[Candidate, int] = {}
    for record in one.trace.records:
        candidate = record.ticket.request.candidate  # type: ignore[attr-defined]
        pulls[candidate] = pulls.get(candidate, 0) + 1
    # 48 / (8 * 3) = 2 of all eight, 4 more of the best four, 8 more of the last two.
    assert sorted(pulls.values()) == [2, 2, 2, 2, 6, 6, 14, 14]
    assert SequentialHalving().name == one.agent


@dataclass(frozen=True)
class Best:
    """One arm at 0.9, the others at 0.5."""

    space: Pool

    def truth(self, candidate: Candidate) -> float:
        return 0.9 if candidate == self.space.texts[-1] else 0.5


@pytest.mark.parametrize("name", ["thompson", "ucb", "sequential-halving", "round-robin", "gp-bo"])
def test_an_easy_pool_is_solved(name: str) -> None:
    oracle = Best(Pool(sentences(10)))
    setting: dict[str, Any] = {"oracle": oracle, "budget": Budget(evaluations=60), "rows": 20}
    runs = [played(name, seed=seed, noises=(Binomial(20),), **setting) for seed in range(10)]
    assert sum(one.recommendation == oracle.space.texts[-1] for one in runs) >= 9


def test_thompson_pulls_the_best_arm_most_often() -> None:
    oracle = Best(Pool(sentences(10)))
    for rows, noises in ((20, (Binomial(20),)), (0, (Gaussian(0.1),))):
        one = played(Thompson().name, oracle=oracle, budget=Budget(evaluations=120), rows=rows, noises=noises)
        best = sum(r.ticket.request.candidate == oracle.space.texts[-1] for r in one.trace.records)  # type: ignore[attr-defined]
        assert best > 60


def finals(name: str, oracle: Any, seeds: int, **setting: Any) -> np.ndarray:
    runs = [played(name, seed=seed, oracle=oracle, **setting) for seed in range(seeds)]
    return np.array([oracle.truth(one.recommendation) for one in runs])


def test_gp_bo_beats_random_search_on_a_smooth_box() -> None:
    oracle = Smooth(Box((-1.0,) * 4, (1.0,) * 4))
    setting: dict[str, Any] = {"budget": Budget(evaluations=24), "noises": (Gaussian(0.02),)}
    gain = finals("gp-bo", oracle, 3, **setting) - finals("random", oracle, 3, **setting)
    assert gain.mean() > 0.03
    assert gain.min() > -0.01


def test_gp_bo_beats_random_search_on_texts_that_score_alike_when_they_look_alike() -> None:
    setting: dict[str, Any] = {"budget": Budget(evaluations=40), "noises": (Binomial(20),), "rows": 20}
    for space in (Pool(sentences(300)), SPACES["text"]):
        oracle = Smooth(space)
        gain = finals("gp-bo", oracle, 8, **setting) - finals("random", oracle, 8, **setting)
        assert gain.mean() > 0.02


def test_evolution_climbs_where_words_add_up() -> None:
    oracle, budget = Smooth(SPACES["text"]), Budget(evaluations=200)
    gain = finals("evolution", oracle, 5, budget=budget) - finals("random", oracle, 5, budget=budget)
    assert gain.mean() > 0.0


def test_cma_es_converges_on_a_quadratic() -> None:
    oracle = Smooth(Box((-5.0, 0.0, 10.0), (5.0, 1.0, 20.0)))
    assert finals("cma-es", oracle, 3, budget=Budget(evaluations=400)).min() > 1 - 1e-5


def test_cma_es_plays_in_two_hundred_dimensions() -> None:
    oracle = Smooth(Box((-1.0,) * 200, (1.0,) * 200))
    budget = Budget(evaluations=300)
    gain = finals("cma-es", oracle, 2, budget=budget) - finals("random", oracle, 2, budget=budget)
    assert gain.min() > 0


def test_tpe_leaves_the_logging_of_optuna_as_it_was() -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    try:
        optuna.logging.set_verbosity(optuna.logging.DEBUG)
        played("tpe", "box")
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(before)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("gp-bo", "botorch", "bo"), ("tpe", "optuna", "bridge"), ("cma-es", "cmaes", "bridge")],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    task = Task("a test", SPACES["box"], Budget(evaluations=5))
    with pytest.raises(MissingExtra, match=rf"{name}.*\[{extra}\]"):
        list(make(name).plan(task, np.random.default_rng(0)))
