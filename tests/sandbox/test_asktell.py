"""Laws of an agent that is driven by somebody's own loop."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.world import OracleWorld
from sandbox.asktell import AskTell
from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop
from sandbox.errors import AnswerFailed, ProtocolError
from sandbox.protocol import Asides, Complete, Completion, Evaluate, Observation, Task
from sandbox.registry import make_agent
from sandbox.session import Session
from sandbox.spaces import Candidate, FreeText, Pool
from sandbox.streams import stream

POOL = Pool(tuple(f"text {i}" for i in range(12)))


class Lengths:
    """A pool where longer texts are better."""

    space = Pool(tuple("x" * i for i in range(1, 30)))

    def truth(self, candidate: Candidate) -> float:
        return len(candidate) / 30


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["random", "ucb", "evolution", "gp-bo"]),
    seed=st.integers(0, 99),
    most=st.integers(1, 25),
)
def test_it_tells_the_story_of_the_loop_driver(name: str, seed: int, most: int) -> None:
    oracle = Lengths()
    budget = Budget(evaluations=most)
    task = Task("a test", oracle.space, budget)
    agent = make_agent(name)
    one = Session(
        agent.name,
        agent.plan(task, stream(seed, "agent", name)),
        task,
        OracleWorld(oracle, seed, dev_rows=0),
        Ledger(budget),
    )
    loop.play(one)
    mine = AskTell(make_agent(name), task, seed)
    asked: list[Any] = []
    while (question := mine.ask()) is not None:
        asked.append(question)
        mine.tell(oracle.truth(question.candidate))
    assert asked == [record.ticket.request for record in one.trace.in_order_asked()]
    assert mine.recommendation == one.recommendation
    assert mine.spent.evaluations == one.ledger.spent.evaluations <= most


def test_a_writing_agent_is_answered_with_texts_and_rows() -> None:
    space = FreeText(("Do the task.",))
    task = Task(
        "a test", space, Budget(rows=60), demos=(("a", "b"),) * 6, dev_rows=6, lends=Asides(completions=True)
    )
    mine = AskTell(make_agent("ape"), task)
    written = 0
    while (question := mine.ask()) is not None:
        if isinstance(question, Complete):
            texts = tuple(f"write the letter after it, {written + i}." for i in range(question.n))
            written += question.n
            mine.tell(Completion(texts))
        else:
            assert isinstance(question, Evaluate)
            mine.tell(Observation(0.9 if "letter" in str(question.candidate) else 0.1))
    assert written == 15
    assert "letter" in str(mine.recommendation)
    assert mine.spent.rows <= 60


def test_a_failure_is_no_score() -> None:
    mine = AskTell(make_agent("round-robin"), Task("a test", POOL, Budget(evaluations=24)))
    while (question := mine.ask()) is not None:
        bad = question.candidate == "text 3"
        mine.tell(AnswerFailed("timeout", "no answer") if bad else 0.5 + (question.candidate == "text 5") / 2)
    assert mine.recommendation == "text 5"


def test_what_does_not_fit_is_named() -> None:
    task = Task("a test", POOL, Budget(evaluations=2))
    mine = AskTell(make_agent("random"), task)
    with pytest.raises(ProtocolError, match="does not answer Evaluate"):
        mine.tell(Completion(("text",)))
    while mine.ask() is not None:
        mine.tell(0.5)
    with pytest.raises(ProtocolError, match="asked nothing"):
        mine.tell(0.5)
    with pytest.raises(ProtocolError, match="plays on box"):
        AskTell(make_agent("cma-es"), task)
