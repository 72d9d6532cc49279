"""Who wins among instructions: ProTeGi's evaluators and CAPO's races, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import make
from scribe import DEMOS, NONSENSE, ROWS, SPACE, Scribe, played, unit

from agents.capo import CAPO, Prompt, _Run
from agents.prompt_racing import EVALUATORS, Contest, rejection_schedule
from sandbox.budget import Budget, Cost, Ledger
from sandbox.drivers import loop
from sandbox.errors import AnswerFailed
from sandbox.protocol import Asides, Evaluate, Gather, Observation, Request, RowResult, Task
from sandbox.session import Session
from sandbox.streams import stream
from sandbox.trace import Reply, Ticket

T = TypeVar("T")
Answer = Observation | AnswerFailed
FAILED = AnswerFailed("rows", "the service is down")
TASK = Task("a test", SPACE, Budget(rows=10**6), DEMOS, ROWS)


def worth(text: str) -> float:
    """What each row of a text scores: nothing is noisy here."""
    return unit("worth", text)


def exact(evaluate: Evaluate) -> Observation:
    score = worth(str(evaluate.candidate))
    rows = range(ROWS) if evaluate.rows is None else evaluate.rows
    return Observation(score, tuple([RowResult(row, score, False, "in", "said", "out") for row in rows]))


class Exact(Scribe):
    """A world without noise."""

    def reply(self, ticket: Ticket, now: int) -> Reply:
        request: Any = ticket.request
        if isinstance(request, Evaluate):
            return Reply(exact(request), self.quote(request), 0)
        return super().reply(ticket, now)


class Rowless(Scribe):
    """A world that scores a text as a whole."""

    def quote(self, request: Request[Any]) -> Cost:
        return Cost(evaluations=1) if isinstance(request, Evaluate) else super().quote(request)

    def reply(self, ticket: Ticket, now: int) -> Reply:
        request: Any = ticket.request
        if isinstance(request, Evaluate):
            assert request.rows is None
            return Reply(Observation(worth(request.candidate)), self.quote(request), 0)
        return super().reply(ticket, now)


def answered(plan: Generator[Any, Any, T], answer: Callable[[Evaluate], Answer]) -> T:
    """Play a plan that asks for nothing but evaluations, and recommends."""
    try:
        asked = next(plan)
        while True:
            many = asked.requests if isinstance(asked, Gather) else ()
            asked = plan.send(tuple([answer(request) for request in many]))
    except StopIteration as end:
        found: T = end.value
        return found


def scored(one: Session) -> set[str]:
    asked = [record.ticket.request for record in one.trace.records]
    return {str(request.candidate) for request in asked if isinstance(request, Evaluate)}


def chosen(
    evaluator: str, texts: Sequence[str], answer: Callable[[Evaluate], Answer], seed: int = 0
) -> list[str]:
    contest = Contest(evaluator, 640, 1.0, TASK, np.random.default_rng(seed))
    return answered(contest.choose(texts, len(texts)), answer)


@pytest.mark.parametrize("evaluator", EVALUATORS)
@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 30), salt=st.integers(0, 999))
def test_without_noise_the_best_wins(evaluator: str, count: int, salt: int) -> None:
    texts = [f"text {salt} {number}" for number in range(count)]
    order = chosen(evaluator, texts, exact, salt)
    assert sorted(order) == sorted(texts)
    assert order[0] == max(texts, key=worth)
    if evaluator == "bf":
        assert order == sorted(texts, key=worth, reverse=True)


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_a_failed_look_is_no_score(evaluator: str) -> None:
    texts = [f"text {number}" for number in range(6)]
    lost = max(texts, key=worth)

    def nil(evaluate: Evaluate) -> Answer:
        if evaluate.candidate == lost:
            return FAILED
        return Observation(0.0, tuple([RowResult(row, 0.0) for row in evaluate.rows or ()]))

    # Those who were seen have a score of 0, and yet all come before the one who was not.
    assert chosen(evaluator, [lost, *[text for text in texts if text != lost]], nil)[-1] == lost
    assert sorted(chosen(evaluator, texts, lambda evaluate: FAILED)) == sorted(texts)


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_the_earlier_of_equals_stays(evaluator: str) -> None:
    texts = [f"text {number}" for number in range(4)]
    assert len(chosen(evaluator, texts, lambda evaluate: Observation(0.5))) == 4
    if evaluator in ("bf", "ucb", "ucb-e", "sh"):
        assert chosen(evaluator, texts, lambda evaluate: Observation(0.5)) == texts


def test_the_schedule_of_successive_rejects_is_that_of_its_paper() -> None:
    # ceil((n - K) / (logbar(K) * (K + 1 - k))) for k = 1, 2, 3, where logbar(4) = 1/2 + 1/2 + 1/3 + 1/4.
    assert rejection_schedule(4, 100) == [16, 21, 31]
    assert rejection_schedule(2, 50) == [24]


@pytest.mark.parametrize("evaluator", EVALUATORS)
@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 500), seed=st.integers(0, 99))
def test_no_budget_makes_protegi_hand_in_worse_than_it_began_with(
    evaluator: str, rows: int, seed: int
) -> None:
    one, _ = played("protegi", Exact(), Budget(rows=rows), seed, evaluator=evaluator)
    first = one.trace.recommendations[0].candidate
    assert worth(str(one.recommendation)) >= worth(str(first))


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 30), salt=st.integers(0, 999), level=st.sampled_from((0.0, 0.2, 0.5)))
def test_the_best_survive_a_race_without_noise(count: int, salt: int, level: float) -> None:
    agent = CAPO(population=3, block=10, blocks=3, penalty=0.0, level=level)
    run = _Run(agent, agent._settings, TASK, np.random.default_rng(salt))
    prompts = [Prompt(f"text {salt} {number}", ()) for number in range(count)]
    looks: list[str] = []

    def answer(evaluate: Evaluate) -> Observation:
        looks.append(str(evaluate.candidate))
        return exact(evaluate)

    alive = answered(run.race(prompts), answer)
    best = sorted([prompt.instruction for prompt in prompts], key=worth, reverse=True)
    assert [prompt.instruction for prompt in alive] == best[:3]
    # Without noise one block tells: nobody but the three that nobody beats is looked at again.
    assert len(looks) == count


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(60, 2000), seed=st.integers(0, 99), level=st.sampled_from((0.0, 0.2, 0.5)))
def test_capo_hands_in_the_best_that_it_saw(rows: int, seed: int, level: float) -> None:
    one, _ = played("capo", Exact(), Budget(rows=rows), seed, penalty=0.0, level=level, crossovers=6)
    assert one.recommendation == max(scored(one), key=worth)


@pytest.mark.parametrize(
    ("name", "fields"), [("evoprompt", {}), ("opro", {}), ("protegi", {}), ("capo", {"penalty": 0.0})]
)
def test_a_world_without_rows_is_looked_at_as_a_whole(name: str, fields: dict[str, Any]) -> None:
    budget = Budget(evaluations=60)
    agent = make(name, **fields)
    task = Task("a test", SPACE, budget, DEMOS, lends=Asides(completions=True))
    one = Session(name, agent.plan(task, stream(0, "agent", name)), task, Rowless(), Ledger(budget))
    loop.play(one)
    assert one.failure is None
    assert one.ledger.spent.evaluations > 4
    assert one.recommendation == max(scored(one), key=worth)


def test_opro_drops_what_is_too_long_and_does_not_cut_it() -> None:
    one, world = played("opro", Scribe(NONSENSE["long"]))
    assert world.written > 1
    assert one.ledger.spent.evaluations == 1
