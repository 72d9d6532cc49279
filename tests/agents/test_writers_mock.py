"""EvoPrompt, OPRO, ProTeGi and CAPO on tasks that the mock LLM solves, and for which it writes."""

from __future__ import annotations

from functools import cache
from statistics import fmean
from typing import Any

import pytest

from sandbox.budget import Budget
from sandbox.drivers import loop
from sandbox.scenario import Problem, Source
from sandbox.tournament import seat
from scenarios import CATALOGUE

TASKS = ("antonyms", "sum", "sentiment")
BUDGET = Budget(rows=200)


@cache
def problem(task: str) -> Problem:
    return CATALOGUE.load(Source("induction30")).build(task)


@cache
def share(agent: str) -> float:
    """Of the best possible true score, what is handed in reaches; the mean over tasks."""
    found = []
    for task in TASKS:
        one: Any = seat(agent, task, problem(task), "a test", 0, BUDGET)
        loop.play(one)
        assert one.failure is None
        assert one.ledger.spent.rows <= 200
        found.append(problem(task).truth(one.recommendation) / problem(task).optimum)
    return fmean(found)


@pytest.mark.parametrize("agent", ["evoprompt", "opro", "protegi", "capo"])
def test_what_a_model_writes_beats_the_seeds_and_random_words(agent: str) -> None:
    seeds = fmean([problem(task).baseline / problem(task).optimum for task in TASKS])
    assert share(agent) > 0.7
    assert share(agent) > seeds + 0.4
    assert share(agent) > share("random") + 0.3
