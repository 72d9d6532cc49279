"""The package gepa inside the conversation: the native agent's run, under every budget."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import make, story
from scribe import DEMOS, NONSENSE, ROWS, SPACE, Scribe, played

from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop
from sandbox.protocol import Agent, Asides, Evaluate, Task
from sandbox.registry import make_agent
from sandbox.session import Session
from sandbox.streams import stream

pytest.importorskip("gepa", reason="the package comes with the extra `test`")


def fenced(prompt: str, number: int) -> str:
    return f"```\nInstruction {number}\n```"


def run(agent: Agent, world: Scribe, budget: Budget, seed: int = 0) -> Session:
    task = Task("a test", SPACE, budget, demos=DEMOS, dev_rows=ROWS, lends=Asides(completions=True))
    one = Session(agent.name, agent.plan(task, stream(seed, "agent", "gepa")), task, world, Ledger(budget))
    loop.play(one)
    return one


def asked(one: Session) -> list[Any]:
    requests = [record.ticket.request for record in one.trace.in_order_asked()]
    return [(r.candidate, r.rows) if isinstance(r, Evaluate) else "write" for r in requests]


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 500),
    completions=st.integers(1, 30),
    seed=st.integers(0, 999),
    minibatch=st.integers(1, 4),
    ease=st.sampled_from([0.3, 1.0]),
    selector=st.sampled_from(["pareto", "current_best", "epsilon_greedy", "top_k_pareto"]),
)
def test_it_asks_what_the_native_agent_asks_and_never_overshoots(
    rows: int, completions: int, seed: int, minibatch: int, ease: float, selector: str
) -> None:
    budget = Budget(rows=rows, completions=completions)
    options: Any = {"minibatch": minibatch, "selector": selector}
    theirs = run(make_agent(f"gepa-pypi({','.join(f'{k}={v!r}' for k, v in options.items())})"),
                 Scribe(fenced, ease=ease), budget, seed)  # fmt: skip
    ours = run(make("gepa", **options), Scribe(fenced, ease=ease), budget, seed)
    assert theirs.failure is None
    assert (theirs.ledger.spent.rows <= rows, theirs.ledger.spent.completions <= completions) == (True, True)
    assert asked(theirs) == asked(ours)
    assert theirs.recommendation == ours.recommendation


@pytest.mark.parametrize("cap", [1, 19, 20, 23, 100, 250])
def test_a_cap_is_kept_at_any_place_and_runs_repeat(cap: int) -> None:
    one, again = [run(make_agent("gepa-pypi"), Scribe(ease=0.6), Budget(rows=cap), 3) for _ in range(2)]
    assert one.ledger.spent.rows <= cap
    assert story(one) == story(again)


@pytest.mark.parametrize("writer", NONSENSE)
def test_nonsense_does_no_harm(writer: str) -> None:
    one = run(make_agent("gepa-pypi"), Scribe(NONSENSE[writer]), Budget(rows=300, completions=30))
    assert one.failure is None
    assert one.recommendation in SPACE


def test_solved_training_rows_end_it() -> None:
    one = run(make_agent("gepa-pypi"), Scribe(perfect=True), Budget(rows=10**4))
    assert one.ledger.spent.evaluations == 1 + 2 * 4  # of the validation rows, and two epochs of minibatches
    native, _ = played("gepa", Scribe(perfect=True), Budget(rows=10**4))
    assert one.ledger.spent.rows == native.ledger.spent.rows


def test_by_its_own_count_it_stops_late() -> None:
    one = run(make_agent("gepa-pypi(calls=60, minibatch=5)"), Scribe(), Budget(rows=10**4))
    assert 60 <= one.ledger.spent.rows <= 59 + 2 * 5 + 20
    native, _ = played("gepa", Scribe(), Budget(rows=10**4), calls=60, minibatch=5)
    assert native.ledger.spent.rows <= 59 + 2 * 5 + 20
