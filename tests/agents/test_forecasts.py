"""What agents foresee, held against what the ledger counted on the mock LLM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import make
from toy_white_box import Toy

import agents
from agents.costs import within
from sandbox.budget import CURRENCIES, FREE, Budget, Cost, Meter
from sandbox.drivers import virtual
from sandbox.errors import UsageError
from sandbox.protocol import Asides, Borrower, Evaluate, Forecaster, Needs, Task
from sandbox.scenario import Problem, Source
from sandbox.spaces import FreeText
from sandbox.tokens import count
from sandbox.tournament import seat
from sandbox.whitebox.lending import Lending
from scenarios import CATALOGUE

COUNTED, TOKENS = 0.15, 0.35
"""How far an estimate may be from the ledger's mean: counts; tokens and money."""
ROUGH = {
    "gepa": (2.0, "it ends when the training rows are solved, and nobody knows when that is"),
    "gp-bo": (3.0, "it looks again at what it knows, which is free, as often as it likes"),
    "tpe": (0.5, "of a pool it looks again at what it knows, which is free"),
    "dual": (
        1.6,
        "how many texts are new to it, and how often lists lack something, is not its affair",
    ),
}
"""Who may be further away, and why."""
TOYISH = ("whitebox_tokens", "whitebox_seconds")
SLOW = {"gp-bo", "dual"}
TABLES = {
    Needs.TEXT: ("induction30", Budget(rows=400)),
    Needs.POOL: ("induction30-quick", Budget(rows=400)),
    Needs.BOX: ("classic", Budget(evaluations=100)),
}


def installed(name: str) -> bool:
    """Whether the packages are there of which an agent is made."""
    agent = make(name)
    try:
        if isinstance(agent, Borrower):
            agent.require()
    except UsageError:
        return False
    return True


NAMES = [name for name in agents.TABLE if installed(name)]


@dataclass
class Metered(Toy):
    """The toy, which charges for what it reads and writes."""

    meter: Meter | None = None

    def pay(self, texts: int, read: str, wrote: list[str] | None = None) -> None:
        assert self.meter is not None
        tokens = texts * (5 + count(read)) + sum(map(count, wrote or []))
        self.meter.charge(1000 * tokens, tokens)

    def decode(self, soft: Any, context: Any, **options: Any) -> list[str]:
        texts = super().decode(soft, context, **options)
        self.pay(len(texts), context if isinstance(context, str) else context[0], texts)
        return texts

    def hidden(self, texts: Any = None, *, soft: Any = None, **options: Any) -> np.ndarray:
        if soft is None:
            self.pay(len(texts), texts[0])
            return self.embed(texts)
        states = super().hidden(texts, soft=soft, **options)
        self.pay(len(states), texts or "")
        return states

    def embed(self, texts: Any) -> np.ndarray:
        listed = [texts] if isinstance(texts, str) else list(texts)
        self.pay(len(listed), listed[0])
        return super().embed(listed)


class Lender(Lending):
    """Lends the toy, each time a new one, which never repeats itself."""

    __slots__ = ()

    def lend(self, meter: Meter) -> Any:
        return Metered(levels=10**6, meter=meter)


def kind_of(name: str) -> Needs:
    return next(kind for kind in TABLES if kind in make(name).needs)


@cache
def problem(scenario: str, number: int, lent: bool) -> Problem:
    found = CATALOGUE.load(Source(scenario))
    made = found.build(found.problems[number % len(found.problems)])
    lends = made.lends._replace(white_box=Lender("", "")) if lent else made.lends
    return replace(made, lends=lends)


def problems_of(name: str) -> list[Problem]:
    many = 2 if name in SLOW else 10
    scenario = TABLES[kind_of(name)][0]
    return [problem(scenario, 3 * i, Needs.WHITE_BOX in make(name).needs) for i in range(many)]


def counted(name: str, one: Problem, budget: Budget, seed: int = 0) -> Any:
    session = seat(name, name, one, "a test", seed, budget)
    virtual.play([session], one.limits)
    assert session.failure is None
    return session


def mean(costs: list[Cost]) -> dict[str, float]:
    return {n: sum(a) / len(costs) for n, a in zip(CURRENCIES, zip(*costs, strict=True), strict=True)}


@pytest.mark.parametrize("name", NAMES)
def test_an_estimate_is_what_the_ledger_counts(name: str) -> None:
    budget, agent = TABLES[kind_of(name)][1], make(name)
    assert isinstance(agent, Forecaster)
    foreseen = mean([agent.estimate(one.task(budget), budget) for one in problems_of(name)])
    spent = mean([counted(name, one, budget).ledger.spent for one in problems_of(name)])
    rough, _ = ROUGH.get(name, (0.0, ""))
    for currency in CURRENCIES:
        loose = {"seconds": 0.5, **dict.fromkeys(TOYISH, 1.0)}
        if Needs.WHITE_BOX in agent.needs:  # the toy says nothing of the task, so the mock explains more
            loose |= {"completion_tokens": 1.0, "usd": 1.0, "seconds": 1.0}
        few = currency in ("evaluations", "rows", "completions")
        tolerance = max(rough, COUNTED if few else loose.get(currency, TOKENS))
        if currency == "whitebox_seconds":
            continue  # the toy has no stated speed
        seen, said = spent[currency], foreseen[currency]
        if currency == "seconds":
            seen, said = [side[currency] - side["whitebox_seconds"] for side in (spent, foreseen)]
        ratio = (said + 1) / (seen + 1)
        assert 1 / (1 + tolerance) <= ratio <= 1 + tolerance, (currency, said, seen)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from([name for name in NAMES if kind_of(name) is Needs.TEXT]),
    limits=st.dictionaries(st.sampled_from(CURRENCIES), st.integers(1, 10**12), min_size=1),
    rows=st.integers(1, 3000),
)
def test_no_estimate_exceeds_the_budget(name: str, limits: dict[str, int], rows: int) -> None:
    budget = Budget(**{**limits, "rows": rows})
    agent: Any = make(name)
    task = problem("induction30", 0, Needs.WHITE_BOX in agent.needs).task(budget)
    found = agent.estimate(task, budget)
    assert min(found) >= 0
    assert all(getattr(found, currency) <= limit for currency, limit in budget.limits().items())


@pytest.mark.parametrize("name", [name for name in NAMES if kind_of(name) is Needs.TEXT])
def test_with_less_than_the_least_useful_budget_it_hands_in_a_seed(name: str) -> None:
    agent: Any = make(name)
    one = problem("induction30", 1, Needs.WHITE_BOX in agent.needs)
    least = agent.least_useful_budget(one.task(Budget(rows=10**6)))
    for currency in ("evaluations", "rows", "completions"):
        short = getattr(least, currency) - 1
        if short < 1:
            continue
        ample = {"rows": 10**3, "completions": 10**3, currency: short}
        session = counted(name, one, Budget(**ample))
        assert session.recommendation in one.task(Budget(rows=1)).space.seeds, currency  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [name for name in NAMES if kind_of(name) is not Needs.TEXT])
def test_one_look_is_no_choice(name: str) -> None:
    scenario, _ = TABLES[kind_of(name)]
    one, agent = problem(scenario, 0, False), make(name)
    assert isinstance(agent, Forecaster)
    assert agent.least_useful_budget(one.task(Budget(evaluations=100))).evaluations == 2
    session = counted(name, one, Budget(evaluations=1))
    asked = {
        r.ticket.request.candidate for r in session.trace.records if isinstance(r.ticket.request, Evaluate)
    }
    assert len(asked) <= 1


COSTS = st.builds(Cost, evaluations=st.integers(0, 3), rows=st.integers(0, 9), usd=st.integers(0, 5))


@given(
    steps=st.lists(st.one_of(COSTS, st.lists(COSTS, min_size=1, max_size=4)), max_size=12),
    evaluations=st.integers(1, 20),
    rows=st.integers(1, 60),
)
def test_what_fits_is_the_longest_beginning(
    steps: list[Cost | list[Cost]], evaluations: int, rows: int
) -> None:
    budget = Budget(evaluations=evaluations, rows=rows)
    task = Task("a test", FreeText(("Go.",)), budget, lends=Asides())
    flat = [cost for step in steps for cost in ([step] if isinstance(step, Cost) else step)]
    total = FREE
    for cost in flat:
        after = total + cost
        if after.evaluations > evaluations or after.rows > rows:
            break
        total = after
    assert within(task, budget, steps) == total
