"""The optimizers that ask a model to write: published call counts, hard budgets, nonsense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import make, story
from scribe import DEMOS, NONSENSE, ROWS, SPACE, Scribe, played

import agents
from agents.capo import better
from agents.evoprompt import roulette
from agents.prompt_racing import EVALUATORS, rejection_schedule
from sandbox.budget import Budget
from sandbox.protocol import Asides, Complete, Evaluate, Forecaster, Needs, Task

NAMES = [
    name
    for name in agents.TABLE
    if Needs.COMPLETIONS in make(name).needs and Needs.WHITE_BOX not in make(name).needs
]
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in NAMES],
    ("ape", {"evaluation": "ucb"}),
    ("ape", {"resampling": 2}),
    ("evoprompt", {"mode": "ga"}),
    ("gepa", {"selector": "top_k_pareto", "acceptance": "improvement_or_equal"}),
    ("gepa", {"selector": "epsilon_greedy", "preset": "paper"}),
    *[("protegi", {"evaluator": evaluator}) for evaluator in EVALUATORS[1:]],
]
IDS = [f"{name}-{'-'.join(map(str, fields.values()))}" for name, fields in VARIANTS]


def scored_texts(one: Any) -> list[str]:
    return [r.ticket.request.candidate for r in one.trace.records if isinstance(r.ticket.request, Evaluate)]


def test_ape_asks_as_often_as_its_paper() -> None:
    one, world = played("ape", preset="paper")
    assert (world.written, world.requests) == (90, 3)
    spent = one.ledger.spent
    assert (spent.completions, spent.evaluations, spent.rows) == (90, 90, 1800)
    bandit, world = played("ape", preset="paper", evaluation="ucb", subsamples=5, proposals=10, rows=5)
    assert (world.written, bandit.ledger.spent.rows) == (50, 20 * 16 * 5)


def test_evoprompt_asks_as_often_as_its_code() -> None:
    for mode in ("ga", "de"):
        one, world = played("evoprompt", preset="paper", mode=mode, proposals=20)
        induced = 20
        assert world.written - induced == 10 // 2 + 10 * 10
        assert one.ledger.spent.evaluations == len(SPACE.seeds) + induced + 5 + 100


def test_opro_asks_as_often_as_its_code() -> None:
    one, world = played("opro", preset="paper", steps=10)
    assert (world.written, world.requests) == (80, 80)
    assert one.ledger.spent.evaluations == 1 + 80
    assert {request.n for request in world.asked} == {1}


def test_protegi_asks_as_often_as_its_code() -> None:
    _, world = played("protegi", Scribe(ease=0.5), preset="paper")
    assert (world.requests, world.written) == (273, 378)


def test_gepa_stops_between_iterations_as_the_package_does() -> None:
    one, _ = played("gepa", preset="paper", calls=60, minibatch=5)
    val = ROWS - ROWS // 3
    assert 60 <= one.ledger.spent.rows <= 59 + 2 * 5 + val


def test_zero_asks_once() -> None:
    one, world = played("prompt-mii-zero")
    assert (world.requests, world.written, one.ledger.spent.rows) == (1, 1, 0)


@pytest.mark.parametrize(("name", "fields"), VARIANTS, ids=IDS)
@settings(max_examples=12, deadline=None)
@given(rows=st.integers(1, 700), completions=st.integers(1, 60), seed=st.integers(0, 99))
def test_no_budget_is_overshot_and_each_run_repeats(
    name: str, fields: dict[str, Any], rows: int, completions: int, seed: int
) -> None:
    budget = Budget(rows=rows, completions=completions)
    one, _ = played(name, budget=budget, seed=seed, **fields)
    assert one.failure is None
    assert one.ledger.spent.rows <= rows
    assert one.ledger.spent.completions <= completions
    assert one.recommendation in SPACE
    again, _ = played(name, budget=budget, seed=seed, **fields)
    assert story(one) == story(again)


@pytest.mark.parametrize("writer", NONSENSE)
@pytest.mark.parametrize(("name", "fields"), VARIANTS, ids=IDS)
def test_nonsense_does_no_harm(name: str, fields: dict[str, Any], writer: str) -> None:
    one, _ = played(name, Scribe(NONSENSE[writer]), Budget(rows=600, completions=80), **fields)
    assert one.failure is None
    assert one.recommendation in SPACE
    assert all(text in SPACE for text in scored_texts(one))


@pytest.mark.parametrize(("name", "fields"), VARIANTS, ids=IDS)
def test_a_solved_task_ends(name: str, fields: dict[str, Any]) -> None:
    one, world = played(name, Scribe(perfect=True), Budget(rows=5000, completions=2000), **fields)
    assert one.failure is None
    assert all(world.writer(str(request.prompt), 0) for request in world.asked)


def test_without_errors_no_reason_is_asked_for() -> None:
    _, world = played("protegi", Scribe(perfect=True))
    assert not any("wrong" in str(request.prompt) for request in world.asked)


@pytest.mark.parametrize(("name", "fields"), VARIANTS, ids=IDS)
def test_with_less_than_the_least_useful_budget_it_hands_in_a_seed(name: str, fields: dict[str, Any]) -> None:
    agent = make(name, **fields)
    task = Task("a test", SPACE, Budget(rows=10**6), DEMOS, ROWS, lends=Asides(completions=True))
    assert isinstance(agent, Forecaster)
    least = agent.least_useful_budget(task)
    one, _ = played(name, budget=Budget(completions=least.completions, rows=10**5), **fields)
    assert one.ledger.spent.completions <= least.completions
    if least.completions > 1:
        poor, _ = played(name, budget=Budget(completions=1, rows=10**5), **fields)
        assert poor.recommendation in SPACE.seeds


def test_a_race_keeps_the_better_ones_and_spares_rows() -> None:
    scores = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    assert better(scores, 0.2 * scores, 0.2)
    assert not better(0.2 * scores, scores, 0.2)
    assert not better(scores, scores, 0.2)
    assert better(scores + 0.1, scores, 0.2)
    one, world = played("capo", population=2, crossovers=6, steps=3)
    evaluations = one.ledger.spent.evaluations
    assert world.written == 2 + 3 * 2 * 6
    assert evaluations < (2 + 18) * 3  # each on all three blocks


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_roulette_is_fair(fitness: list[float]) -> None:
    chances = roulette(fitness)
    assert chances.sum() == pytest.approx(1.0)
    assert (chances >= 0).all()
    if sum(fitness) > 1e-6:
        assert chances == pytest.approx(np.array(fitness) / sum(fitness))


@given(st.integers(2, 40), st.integers(50, 4000))
def test_successive_rejects_keeps_to_its_rows(arms: int, pulls: int) -> None:
    after = rejection_schedule(arms, pulls)
    assert len(after) == arms - 1
    assert after == sorted(after)
    spent = sum(
        (now - before) * (arms - k) for k, (before, now) in enumerate(zip([0, *after], after, strict=False))
    )
    assert spent <= pulls + arms * arms


def test_the_writer_is_asked_in_the_words_of_the_templates() -> None:
    _, world = played("gepa", budget=Budget(rows=200))
    assert all(
        isinstance(request, Complete) and "## Feedback" in str(request.prompt) for request in world.asked
    )
