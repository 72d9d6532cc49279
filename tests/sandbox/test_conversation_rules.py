"""What an agent may count on, and what stops it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import generated as g
import pytest
from generated import DRIVERS, HUNDRED, TEXTS, iter_of, open_session, play
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.service import Faults, Retry, Service
from sandbox import session as session_module
from sandbox.budget import FREE, Budget, Cost, Ledger, Meter
from sandbox.drivers import virtual
from sandbox.errors import AnswerFailed, BudgetExhausted, ProtocolError, QuoteExceeded
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Gather, Recommend, Request, affordable, gather
from sandbox.session import MOST_IDLE, PATIENCE
from sandbox.trace import Reply


def test_an_agent_that_says_nothing_is_a_protocol_error() -> None:
    def plan() -> Any:
        yield from Evaluate(TEXTS[0])

    assert str(play(plan()).failure) == "agent returned nothing and recommended nothing"


def test_the_last_recommendation_counts_where_nothing_is_returned_or_the_budget_ends() -> None:
    def returns_nothing() -> Any:
        yield from Recommend(TEXTS[3])
        yield from Recommend(TEXTS[4])

    def is_refused() -> Any:
        yield from Recommend(TEXTS[4])
        while True:
            yield from Evaluate(TEXTS[0])

    for plan in (returns_nothing(), is_refused()):
        session = play(plan, Budget(evaluations=3))
        assert session.failure is None
        assert session.recommendation == TEXTS[4]


# --- agents that do not stop ----------------------------------------------------------


def stubborn(*requests: Request[Any]) -> Any:
    while True:
        for request in requests:
            try:
                yield from request
            except (BudgetExhausted, AnswerFailed):
                continue


@pytest.mark.parametrize("also", [(), (Recommend(TEXTS[0]),), (Gather(()), Gather((Evaluate(TEXTS[0]),)))])
def test_an_agent_that_swallows_refusals_is_stopped(also: tuple[Any, ...]) -> None:
    session = play(stubborn(Evaluate(TEXTS[0]), *also), Budget(evaluations=3))
    assert isinstance(session.failure, ProtocolError)
    assert f"kept asking after {PATIENCE} refusals in a row (evaluations: wanted 1, 0 left)" in str(
        session.failure
    )
    assert session.ledger.spent.evaluations == 3


def test_patience_lasts_for_shrinking_a_batch() -> None:
    def halves() -> Any:
        size = 64
        while size:
            try:
                yield from gather([Evaluate(TEXTS[0])] * size)
            except BudgetExhausted:
                size //= 2
        return TEXTS[0]

    session = play(halves(), Budget(evaluations=65))
    assert session.failure is None
    assert session.ledger.spent.evaluations == 65


def test_an_answer_restores_the_patience() -> None:
    """Not the refusals of a whole run are counted, but those in a row."""

    def plan() -> Any:
        for _ in range(20):
            for _ in range(PATIENCE):
                with pytest.raises(BudgetExhausted):
                    yield from gather([Evaluate(TEXTS[0])] * 50)
            yield from Evaluate(TEXTS[0])
        return TEXTS[0]

    assert play(plan(), Budget(evaluations=40)).failure is None


def test_endless_recommending_is_stopped() -> None:
    said = 0

    def counted(requests: list[Any]) -> Iterator[Any]:
        nonlocal said
        while True:
            for request in requests:
                said += 1
                yield request

    for requests in ([Recommend(TEXTS[0])], [Recommend(TEXTS[0]), Recommend(TEXTS[1])], [Gather(())]):
        said = 0
        session = play(counted(requests))
        assert str(session.failure) == f"agent made {MOST_IDLE} free requests in a row"
        assert said == MOST_IDLE + 1


def test_an_agent_that_no_limit_stops_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "MOST_REQUESTS", 50)
    for requests in ([Evaluate(TEXTS[0])], [Gather((Evaluate(TEXTS[0]),) * 7)]):
        session = play(stubborn(*requests), Budget(completions=1))
        assert "no limit of the budget stops it" in str(session.failure)
        assert 43 < len(session.trace.records) <= 50


def test_an_agent_that_swallows_failures_pays_for_each() -> None:
    dead = g.oracle_world(1, Service(faults=Faults(server_error=1.0), retry=Retry(attempts=2)))
    session = play(stubborn(Evaluate(TEXTS[0])), Budget(evaluations=5), dead)
    assert isinstance(session.failure, ProtocolError)
    assert session.ledger.spent == Cost(evaluations=5, seconds=session.ended_at or 0)
    assert len(session.trace.records) == 10


@pytest.mark.parametrize("ends", [None, ValueError("late"), SystemExit(3), GeneratorExit()], ids=repr)
def test_an_agent_that_resists_being_closed_harms_nobody(ends: BaseException | None) -> None:
    def plan() -> Any:
        try:
            yield from Evaluate(TEXTS[0])
        finally:
            if ends is not None:
                raise ends
            yield from Evaluate(TEXTS[1])

    session = open_session(plan(), HUNDRED, g.oracle_world(1, Service()))
    session.start(0)
    session.close()
    assert session.ledger.committed == FREE
    if not isinstance(ends, GeneratorExit):
        assert "does not stop when it is closed" in str(session.failure)


# --- worlds that lie ------------------------------------------------------------------


class Liar:
    def __init__(self, quote: Cost, charge: Cost) -> None:
        self._quote, self._charge = quote, charge

    def tokens(self, request: Request[Any]) -> int:
        return 0

    def quote(self, request: Request[Any]) -> Cost:
        return self._quote

    def reply(self, ticket: Any, now: int) -> Reply:
        return Reply(None, self._charge, 5)


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS.keys())
@pytest.mark.parametrize("charge", [Cost(evaluations=2), Cost(usd=1), Cost(evaluations=-1), Cost(seconds=1)])
def test_a_world_that_charges_more_than_it_quoted_stops_everything(driver: Any, charge: Cost) -> None:
    ledger = Ledger(HUNDRED)
    session = open_session(iter_of(Evaluate(TEXTS[0])), HUNDRED, Liar(Cost(evaluations=1), charge), ledger)
    with pytest.raises(QuoteExceeded, match=r"the world quoted Cost.* and charged Cost"):
        driver(session)
    assert ledger.committed == ledger.spent == FREE._replace(seconds=5)


# --- what else the session promises ---------------------------------------------------


def test_a_batch_is_admitted_whole_or_not_at_all() -> None:
    def plan() -> Any:
        with pytest.raises(BudgetExhausted):
            yield from gather([Evaluate(TEXTS[0])] * 4)
        answers = yield from affordable([Evaluate(TEXTS[0])] * 4)
        assert len(answers) == 3
        with pytest.raises(BudgetExhausted):
            yield from affordable([Evaluate(TEXTS[0])] * 4)
        assert (yield from affordable([])) == ()
        return TEXTS[0]

    session = play(plan(), Budget(evaluations=3))
    assert session.failure is None
    assert [r.ticket.repeat for r in session.trace.in_order_asked()] == [0, 1, 2]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=12))
def test_a_repeat_counts_how_often_the_same_was_admitted_before(texts: list[str]) -> None:
    session = play(iter_of(*map(Evaluate, texts)))
    asked = [(r.ticket.request.candidate, r.ticket.repeat) for r in session.trace.records]
    assert asked == [(text, texts[:i].count(text)) for i, text in enumerate(texts)]
    assert [r.ticket.number for r in session.trace.records] == list(range(len(texts)))


def test_a_ticket_is_settled_once_and_only_in_its_latest_attempt() -> None:
    session = open_session(stubborn(Evaluate(TEXTS[0])), HUNDRED, g.oracle_world(1, Service()))
    (ticket,) = session.start(0)
    reply = session.world.reply(ticket, 0)
    (again,) = session.settle(ticket, reply._replace(charge=FREE, retry_after=1), 0)
    assert (again.number, again.attempt, again.sent_at, again.key) == (0, 1, 1, ticket.key)
    for act in (lambda: session.settle(ticket, reply, 0), lambda: session.withdraw(ticket, 0)):
        with pytest.raises(KeyError, match="attempt 0 of ticket 0 is not open"):
            act()
    session.settle(again, reply, 0)
    with pytest.raises(KeyError):
        session.settle(again, reply, 0)
    session.close()


def test_only_a_change_of_recommendation_is_remembered() -> None:
    requests = [Recommend(TEXTS[i]) for i in (0, 0, 1, 1, 0)]
    session = play(iter_of(*requests))
    assert [r.candidate for r in session.trace.recommendations] == [TEXTS[0], TEXTS[1], TEXTS[0]]


def test_local_work_moves_the_clock_and_stands_in_the_trace() -> None:
    ledger = Ledger(Budget(evaluations=9, seconds=10**10))
    meter = Meter(ledger)

    def plan() -> Iterator[Any]:
        meter.charge(5, tokens=2)
        yield Recommend(TEXTS[0])
        meter.charge(7)
        yield Evaluate(TEXTS[1])
        try:
            meter.charge(100)
            yield Recommend(TEXTS[1])
            raise ValueError("and then it breaks")
        finally:
            meter.charge(1)

    session = open_session(plan(), ledger.budget, g.oracle_world(1, Service()), ledger, meter)
    virtual.play([session], Limits())
    computed = [(r.ticket.sent_at, r.answered_at) for r in session.trace.records if not r.ticket.key]
    answered = session.trace.records[2].answered_at
    assert computed == [(0, 5), (5, 12), (answered, answered + 100), (answered + 100, answered + 101)]
    assert session.trace.records[2].ticket.sent_at == 12
    assert [r.at for r in session.trace.recommendations] == [5, answered + 100]
    assert session.ended_at == answered + 101 == ledger.spent.seconds
    assert ledger.spent._replace(seconds=0) == session.trace.charged()


def test_what_an_agent_does_while_it_is_stopped_is_paid_for_too() -> None:
    ledger = Ledger(Budget(evaluations=9))
    meter = Meter(ledger)

    def plan() -> Iterator[Any]:
        try:
            yield "nonsense"
        finally:
            meter.charge(7)

    session = open_session(plan(), ledger.budget, g.oracle_world(1, Service()), ledger, meter)
    virtual.play([session], Limits())
    assert isinstance(session.failure, ProtocolError)
    assert [r.charge.whitebox_seconds for r in session.trace.records] == [7]
    assert session.ended_at == ledger.spent.seconds == 7
