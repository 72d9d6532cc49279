"""Evaluations that are answered row by row: books, order, deadlines and the cache."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import generated as g
import pytest
from generated import Program, new, plain, story
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.budget import CURRENCIES, FREE, SECOND, Budget, Cost
from sandbox.chat import ChatAnswer, Choice
from sandbox.drivers import loop, rerun, virtual
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Gather, Observation, Recommend, Request, RowCall, RowResult
from sandbox.session import MOST_STALE, Session
from sandbox.trace import Fate, Reply, Ticket


class WildRows(g.WildWorld):
    """Fails and charges by the key like its parent; a row's score is luck, and is remembered."""

    def __init__(self, seed: int, cache: bool = True) -> None:
        super().__init__(seed)
        self._known: dict[tuple[Any, int], tuple[int, float]] = {}
        self._cache = cache

    def parts(self, request: Request[Any]) -> tuple[RowCall, ...] | None:
        if not isinstance(request, Evaluate):
            return None
        rows = range(g.DEV_ROWS) if request.rows is None else request.rows
        text = str(request.candidate)
        return tuple(RowCall(text, row) for row in rows if (text, row) not in self._known)

    def reply(self, ticket: Ticket, now: int) -> Reply:
        reply = super().reply(ticket, now)
        if isinstance(ticket.request, RowCall) and isinstance(reply.answer, Observation):
            return reply._replace(answer=ChatAnswer((Choice(str(reply.answer.score)),), 1, 1))
        return reply

    def conclude(self, ticket: Ticket, parts: Sequence[Any], answers: Sequence[Any]) -> Any:
        request: Any = ticket.request
        assert isinstance(request, Evaluate)
        text = str(request.candidate)
        fresh = {
            part.row: float(answer.choices[0].text)
            for part, answer in zip(parts, answers, strict=True)
            if not isinstance(answer, AnswerFailed)
        }
        if self._cache:
            for row, score in fresh.items():
                found = ticket.number, score
                self._known[text, row] = min(self._known.get((text, row), found), found)
        if len(fresh) < len(parts):
            return AnswerFailed("rows", f"{len(parts) - len(fresh)} failed")
        rows = range(g.DEV_ROWS) if request.rows is None else request.rows
        scores = {row: fresh[row] if row in fresh else self._known[text, row][1] for row in rows}
        results = tuple(RowResult(row, score, row not in fresh) for row, score in scores.items())
        return Observation(sum(scores.values()) / len(scores), results)


def assert_the_row_books_are_right(played: g.Played) -> None:
    session, ledger = played.session, played.ledger
    assert not ledger.broken
    assert ledger.committed == ledger.spent == session.trace.charged()._replace(seconds=ledger.spent.seconds)
    assert session.open_tickets == []
    owner: Any = None
    for record in session.trace.in_order_asked():
        request = record.ticket.request
        if isinstance(request, Evaluate):
            owner = record
        elif isinstance(request, RowCall):
            assert request.candidate == owner.ticket.request.candidate
            assert record.answered_at <= owner.answered_at
            if owner.fate is Fate.ASSEMBLED:
                assert record.fate in (Fate.ANSWERED, Fate.RETRIED)
            if record.fate in (Fate.LATE, Fate.WITHDRAWN):
                assert owner.fate in (Fate.LATE, Fate.WITHDRAWN), "an evaluation is as late as its last row"
        if record.fate is Fate.WITHDRAWN:
            assert record.charge == FREE
        if session.deadline is not None and record.fate is Fate.ASSEMBLED:
            assert record.answered_at <= session.deadline
        if session.deadline is not None and record.fate is Fate.LATE:
            assert record.answered_at >= session.deadline


@settings(max_examples=300, deadline=None)
@given(
    program=g.programs(completions=True, local_work=True),
    budget=g.budgets(),
    limits=g.limits,
    seed=st.integers(0, 5),
    cache=st.booleans(),
)
def test_the_books_are_right_when_rows_travel_alone(
    program: Program, budget: Budget, limits: Limits, seed: int, cache: bool
) -> None:
    crowd = [new(program, budget, WildRows(seed, cache), local_work=True) for _ in range(2)]
    virtual.play([one.session for one in crowd], limits)
    alone = new(program, budget, WildRows(seed, cache), local_work=True)
    loop.play(alone.session)
    for one in (*crowd, alone):
        assert_the_row_books_are_right(one)


@settings(max_examples=300, deadline=None)
@given(
    program=g.programs(completions=True),
    budget=g.budgets(seconds=False),
    limits=g.limits,
    seed=st.integers(0, 5),
    cache=st.booleans(),
    shuffle=st.randoms(use_true_random=False),
)
def test_one_story_in_whatever_order_rows_are_answered(
    program: Program, budget: Budget, limits: Limits, seed: int, cache: bool, shuffle: random.Random
) -> None:
    calm, queued, shuffled = [new(program, budget, WildRows(seed, cache)) for _ in range(3)]
    loop.play(calm.session)
    virtual.play([queued.session], limits)
    shuffled.session.start(0)
    while tickets := shuffled.session.open_tickets:
        ticket = shuffle.choice(tickets)
        shuffled.session.settle(ticket, shuffled.session.world.reply(ticket, 0), 0)
    for other in (queued, shuffled):
        assert story(other.session) == story(calm.session)
        assert [plain(answer) for answer in other.heard] == [plain(answer) for answer in calm.heard]


@settings(max_examples=150, deadline=None)
@given(program=g.programs(completions=True), budget=g.budgets(), limits=g.limits, cache=st.booleans())
def test_a_recorded_run_is_replayed_without_its_world(
    program: Program, budget: Budget, limits: Limits, cache: bool
) -> None:
    """The rows' recorded answers are put together again; the agent hears what it heard."""
    first = new(program, budget, WildRows(1, cache))
    virtual.play([first.session], limits)
    again = new(program, budget, WildRows(1, cache))
    again.session.world.reply = None  # type: ignore[method-assign, assignment]
    assert rerun.play(again.session, tuple(first.session.trace.in_order_asked())) is None
    assert story(again.session) == story(first.session)
    assert [plain(answer) for answer in again.heard] == [plain(answer) for answer in first.heard]


def calm_rows() -> WildRows:
    world = WildRows(1)
    world._attempts = 10**9  # never fails for good; costs nothing but what quote says below
    world.quote = lambda request: Cost(
        evaluations=isinstance(request, Evaluate), rows=isinstance(request, RowCall)
    )  # type: ignore[method-assign]
    world.reply = lambda ticket, now: Reply(  # type: ignore[method-assign]
        ChatAnswer((Choice("0.5"),), 1, 1), Cost(rows=1), SECOND
    )
    return world


def test_a_row_that_is_known_is_free_and_visible() -> None:
    seen: list[Any] = []

    def agent() -> Any:
        seen.append((yield from Evaluate(g.TEXTS[0], (1, 2))))
        seen.append((yield from Evaluate(g.TEXTS[0])))
        seen.append((yield from Evaluate(g.TEXTS[0])))
        return g.TEXTS[0]

    session = g.play(agent(), Budget(evaluations=10), calm_rows())
    assert [[row.row for row in one.rows if row.cached] for one in seen] == [[], [1, 2], [0, 1, 2, 3, 4]]
    assert session.ledger.spent._replace(seconds=0) == Cost(evaluations=3, rows=5)
    assert session.ledger.spent.seconds == 5 * SECOND
    wholes = [r for r in session.trace.records if isinstance(r.ticket.request, Evaluate)]
    assert [r.fate for r in wholes] == [Fate.ASSEMBLED] * 3


def test_a_batch_of_which_all_is_known_is_answered_at_once() -> None:
    def agent() -> Any:
        known = [Evaluate(text) for text in g.TEXTS[:3]]
        first = yield from Gather(tuple(known))
        second = yield from Gather(tuple(known))
        mixed = yield from Gather((known[0], Evaluate(g.TEXTS[4]), known[1]))
        assert [one.score for one in first] == [one.score for one in second]
        assert [all(row.cached for row in one.rows) for one in mixed] == [True, False, True]
        return g.TEXTS[0]

    session = g.play(agent(), Budget(evaluations=10), calm_rows())
    assert session.failure is None
    assert session.ledger.spent.rows == 4 * g.DEV_ROWS


def test_an_agent_that_only_repeats_itself_for_nothing_is_stopped_and_judged() -> None:
    heard = []

    def agent() -> Any:
        yield from Recommend(g.TEXTS[1])
        try:
            while True:
                heard.append((yield from Evaluate(g.TEXTS[0])))
        except BudgetExhausted:
            return None

    session = g.play(agent(), Budget(rows=100), calm_rows())
    assert session.failure is None
    assert session.recommendation == g.TEXTS[1]
    assert len(heard) == 1 + MOST_STALE


def test_an_agent_cannot_ask_for_a_row_itself() -> None:
    def agent() -> Any:
        yield from RowCall(g.TEXTS[0], 0)
        return g.TEXTS[0]

    session = g.play(agent(), Budget(evaluations=10), calm_rows())
    assert "where only questions may stand" in str(session.failure)


@pytest.mark.parametrize("steps", range(8))
def test_a_session_closed_between_rows_leaves_no_reservation(steps: int) -> None:
    def agent() -> Any:
        yield from Gather((Evaluate(g.TEXTS[0]), Evaluate(g.TEXTS[1])))
        return g.TEXTS[0]

    ledger = g.WatchedLedger(Budget(evaluations=20))
    session: Session = g.open_session(agent(), ledger.budget, calm_rows(), ledger)
    tickets = session.start(0)
    for ticket in tickets[:steps]:
        session.settle(ticket, session.world.reply(ticket, 0), 0)
    session.close()
    assert ledger.committed == ledger.spent == session.trace.charged()
    assert not ledger.broken
    assert ledger.spent.evaluations == steps // 5
    assert ledger.spent.rows == steps


def test_the_journal_hears_of_a_record_before_the_agent_does() -> None:
    order: list[str] = []

    def agent() -> Any:
        yield from Evaluate(g.TEXTS[0])
        order.append("agent")
        return g.TEXTS[0]

    ledger = g.WatchedLedger(Budget(evaluations=20))
    session = g.open_session(agent(), ledger.budget, calm_rows(), ledger)
    session._journal = lambda record: order.append(type(record.ticket.request).__name__)
    loop.play(session)
    assert order == ["RowCall"] * 5 + ["Evaluate", "agent"]
    assert set(CURRENCIES) >= {"rows"}
