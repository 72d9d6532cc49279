"""What agents foresee, held against what the ledger counted on the mock LLM."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import make

import agents
from sandbox.budget import CURRENCIES, Budget, Cost
from sandbox.drivers import loop
from sandbox.protocol import Forecaster, Needs
from sandbox.scenario import Problem, Scenario, Source
from sandbox.tournament import seat
from scenarios import CATALOGUE

TASKS = ("antonyms", "sum", "sentiment")
NAMES = [
    name
    for name in agents.TABLE
    if Needs.TEXT in make(name).needs and Needs.WHITE_BOX not in make(name).needs
]
LOOSE = {
    "protegi": "without errors in a minibatch nothing is asked",
    "capo": "races end as soon as few enough are left",
    "opro": "proposals that are known or nothing are not scored",
    "evoprompt": "a child that is known is not scored again",
    "ape": "duplicates among the proposals are scored once",
    "evolution": "rows of texts that are looked at again are free",
    "random": "rows of texts that are looked at again are free",
}
"""Who may differ by more than a sixth, and why."""
AT_MOST = {"gepa": "it ends when the training rows are solved, and nobody knows when that is"}
"""Who may spend less, and why."""


@lru_cache(maxsize=1)
def scenario() -> Scenario:
    return CATALOGUE.load(Source("induction30"))


@cache
def problem(name: str) -> Problem:
    return scenario().build(name)


@cache
def counted(agent: str, task: str, seed: int, budget: Budget) -> Cost:
    one = seat(agent, task, problem(task), "a test", seed, budget)
    loop.play(one)
    assert one.failure is None
    return one.ledger.spent


def mean(costs: list[Cost]) -> dict[str, float]:
    return {n: sum(a) / len(costs) for n, a in zip(CURRENCIES, zip(*costs, strict=True), strict=True)}


@pytest.mark.parametrize("name", NAMES)
def test_an_estimate_is_what_the_ledger_counts(name: str) -> None:
    budget = Budget(rows=400)
    agent: Any = make(name)
    assert isinstance(agent, Forecaster)
    foreseen = mean([agent.estimate(problem(task).task(budget), budget) for task in TASKS])
    spent = mean([counted(name, task, seed, budget) for task in TASKS for seed in (0, 1)])
    factor = 2.5 if name in LOOSE else 7 / 6
    for currency in ("rows", "completions"):
        low, high = spent[currency] / factor - 1, spent[currency] * factor + 1
        assert low <= foreseen[currency], (currency, foreseen, spent)
        assert name in AT_MOST or foreseen[currency] <= high, (currency, foreseen, spent)
    # Who varies words evaluates instructions that make the model babble: its answers are much longer.
    told = (
        ("prompt_tokens", "completion_tokens", "usd")
        if Needs.COMPLETIONS in agent.needs and name not in AT_MOST
        else ()
    )
    for currency in told:
        each = foreseen["rows"] + foreseen["completions"], spent["rows"] + spent["completions"]
        if all(each):  # by the request, so that the counts do not matter again
            ratio = (foreseen[currency] / each[0]) / (spent[currency] / each[1])
            assert 0.4 <= ratio <= 2.5, (currency, ratio, foreseen, spent)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from([n for n in agents.TABLE if Needs.TEXT in make(n).needs]),
    rows=st.integers(1, 3000),
    usd=st.integers(1, 10**11),
)
def test_no_estimate_exceeds_the_budget(name: str, rows: int, usd: int) -> None:
    budget = Budget(rows=rows, usd=usd)
    agent: Any = make(name)
    found = agent.estimate(problem("antonyms").task(budget), budget)
    assert found.rows <= rows
    assert found.usd <= usd
    assert min(found) >= 0


@pytest.mark.parametrize("name", NAMES)
def test_with_less_than_the_least_useful_budget_nothing_is_gained(name: str) -> None:
    agent: Any = make(name)
    task = problem("antonyms")
    least = agent.least_useful_budget(task.task(Budget(rows=1000)))
    if name in ("naive", "icl") or least.rows < 2:
        return
    budget = Budget(rows=1) if least.completions == 0 else Budget(rows=1, completions=1)
    one = seat(name, "antonyms", task, "a test", 0, budget)
    loop.play(one)
    assert one.recommendation in getattr(task.space, "seeds", ())
