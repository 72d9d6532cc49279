"""Laws of the live driver: real time changes no story, no budget and no deadline."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import generated as g
import pytest
from generated import Program, assert_the_books_are_right, new, story
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.budget import SECOND, Budget, Cost
from sandbox.drivers import live, loop, virtual
from sandbox.errors import AnswerFailed, UsageError
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Gather, Observation
from sandbox.session import Session
from sandbox.trace import Fate, Reply, Ticket


@dataclass
class Distance:
    """A world behind a network with delays of its own, which owe nothing to any seed."""

    session: Session
    longest: float = 0.002
    inside: int = 0
    most_inside: int = 0

    async def answer(self, ticket: Ticket) -> Reply:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        await asyncio.sleep(random.random() * self.longest)
        self.inside -= 1
        reply = self.session.world.reply(ticket, 0)
        return reply if reply.retry_after is None else reply._replace(retry_after=0)


@dataclass
class Memory:
    """A log that says what it was told, in order."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    async def sent(self, ticket: Ticket, now: int) -> None:
        self.told.append(("sent", ticket.number, ticket.attempt))
        await asyncio.sleep(0)

    async def heard(self, ticket: Ticket, reply: Reply, now: int) -> None:
        self.told.append(("heard", ticket.number, ticket.attempt))
        await asyncio.sleep(0)

    async def withdrawn(self, ticket: Ticket, now: int) -> None:
        self.told.append(("withdrawn", ticket.number, ticket.attempt))

    async def unsent(self, ticket: Ticket) -> None:
        self.told.append(("unsent", ticket.number, ticket.attempt))


def play(
    *sessions: Session, limits: Limits | None = None, longest: float = 0.002, log: Any = None
) -> list[Distance]:
    """Drive sessions together in real time."""

    async def run() -> list[Distance]:
        service = live.Service(limits or Limits(concurrency=8))
        distances = [Distance(session, longest) for session in sessions]
        seats = [live.Seat(d.session, d.answer, log or live.Forgetful()) for d in distances]
        await live.play_all(seats, service)
        return distances

    return asyncio.run(run())


@settings(max_examples=60)
@given(g.programs(completions=True), g.budgets(seconds=False), st.integers(0, 3), st.integers(1, 9))
def test_all_drivers_tell_the_same_story_in_whatever_order_replies_arrive(
    program: Program, budget: Budget, seed: int, places: int
) -> None:
    budget = budget._replace(evaluations=min(budget.evaluations or 40, 40))
    told = []
    for drive in (
        loop.play,
        lambda session: virtual.play([session], Limits()),
        lambda session: play(session, limits=Limits(concurrency=places), longest=0.001),
    ):
        played = new(program, budget, g.WildWorld(seed))
        drive(played.session)
        assert_the_books_are_right(played)
        told.append(story(played.session))
    assert told[0] == told[1] == told[2]


@settings(max_examples=30)
@given(st.lists(g.programs(), min_size=2, max_size=4), st.integers(0, 3))
def test_sessions_that_play_together_do_not_disturb_each_other(programs: list[Program], seed: int) -> None:
    budget = Budget(evaluations=15)
    alone, together = [[new(p, budget, g.WildWorld(seed)) for p in programs] for _ in range(2)]
    for played in alone:
        loop.play(played.session)
    play(*[played.session for played in together], limits=Limits(concurrency=3), longest=0.001)
    assert [story(p.session) for p in alone] == [story(p.session) for p in together]


@settings(max_examples=25)
@given(g.programs(completions=True), st.integers(1, 60), st.integers(0, 3), st.integers(1, 4))
def test_the_books_are_right_at_any_deadline(program: Program, ms: int, seed: int, places: int) -> None:
    budget = Budget(seconds=ms * SECOND // 1000, evaluations=200)
    played = new(program, budget, g.WildWorld(seed))
    memory = Memory()
    play(played.session, limits=Limits(concurrency=places), longest=0.02, log=memory)
    assert_the_books_are_right(played)
    for record in played.session.trace.records:
        if record.fate is Fate.WITHDRAWN:
            assert ("withdrawn", record.ticket.number, record.ticket.attempt) in memory.told


def wide(count: int = 30) -> Any:
    answers = yield from Gather(tuple([Evaluate(g.TEXTS[i % 6]) for i in range(count)]))
    return g.TEXTS[
        max(range(6), key=lambda i: answers[i].score if isinstance(answers[i], Observation) else -1)
    ]


def test_never_more_at_a_time_than_allowed() -> None:
    world = g.oracle_world(1, g.Service())
    distances = play(g.open_session(wide(), g.HUNDRED, world), limits=Limits(concurrency=4), longest=0.01)
    assert distances[0].most_inside == 4


def test_the_pace_is_kept() -> None:
    """600 a minute, and so a burst of 600; the next five take a tenth of a second each."""
    session = g.open_session(wide(605), Budget(evaluations=700), g.oracle_world(1, g.Service()))
    started = time.monotonic()
    play(session, limits=Limits(requests_per_minute=600, concurrency=700), longest=0.0)
    assert 0.45 < time.monotonic() - started < 3


def test_a_pause_of_the_server_holds_everybody_up() -> None:
    async def run() -> float:
        opens = time.monotonic() + 0.2
        service = live.Service(Limits(), lambda: max(opens - time.monotonic(), 0.0))
        session = g.open_session(wide(), g.HUNDRED, g.oracle_world(1, g.Service()))
        came: list[float] = []

        async def answer(ticket: Ticket) -> Reply:
            came.append(time.monotonic() - opens)
            return session.world.reply(ticket, 0)

        await live.play(live.Seat(session, answer), service)
        return min(came)

    assert 0 <= asyncio.run(run()) < 1


def test_what_is_on_its_way_at_the_deadline_is_late_and_what_waits_is_withdrawn() -> None:
    async def run(session: Session) -> None:
        async def answer(ticket: Ticket) -> Reply:
            await asyncio.sleep(0.15)
            return session.world.reply(ticket, 0)

        await live.play(live.Seat(session, answer), live.Service(Limits(concurrency=4)))

    session = g.open_session(wide(10), Budget(seconds=SECOND // 10), g.oracle_world(1, g.Service()))
    asyncio.run(run(session))
    fates = [record.fate for record in session.trace.in_order_asked()]
    assert fates == [Fate.LATE] * 4 + [Fate.WITHDRAWN] * 6
    assert session.failure is None
    assert session.ledger.spent.evaluations == 4


def test_an_attempt_is_noted_before_it_leaves_and_its_answer_before_the_agent_goes_on() -> None:
    memory = Memory()
    played = new(
        Program((Evaluate(g.TEXTS[0]), Evaluate(g.TEXTS[1])), 2, True, False, 0), g.HUNDRED, g.WildWorld(1)
    )
    play(played.session, log=memory)
    for record in played.session.trace.in_order_asked():
        name = record.ticket.number, record.ticket.attempt
        assert memory.told.index(("sent", *name)) < memory.told.index(("heard", *name))
    order = [(number, attempt) for what, number, attempt in memory.told if what == "sent"]
    assert order == sorted(order), "one after the other"


def stopping(
    session: Session, answer: Callable[[Ticket], Awaitable[Reply]], after: float, grace: float
) -> tuple[Memory, BaseException | None]:
    """Play, and cancel after some time."""
    memory = Memory()

    async def run() -> BaseException | None:
        service = live.Service(Limits(concurrency=3))
        task = asyncio.ensure_future(live.play(live.Seat(session, answer, memory), service, grace))
        await asyncio.sleep(after)
        task.cancel()
        (ending,) = await asyncio.gather(task, return_exceptions=True)
        return ending

    return memory, asyncio.run(run())


@pytest.mark.parametrize(("grace", "arrives"), [(2.0, True), (0.05, False)])
def test_an_interruption_sends_nothing_more_and_waits_a_little_for_what_is_on_its_way(
    grace: float, arrives: bool
) -> None:
    session = g.open_session(wide(), g.HUNDRED, g.oracle_world(1, g.Service()))

    async def answer(ticket: Ticket) -> Reply:
        await asyncio.sleep(0.3)
        return session.world.reply(ticket, 0)

    started = time.monotonic()
    memory, ending = stopping(session, answer, 0.1, grace)
    assert isinstance(ending, asyncio.CancelledError)
    assert time.monotonic() - started < 1
    sent = {told[1:] for told in memory.told if told[0] == "sent"}
    heard = {told[1:] for told in memory.told if told[0] == "heard"}
    assert len(sent) == 3
    assert heard == (sent if arrives else set())


def test_an_error_of_the_world_stops_everybody_after_all_on_its_way_was_noted() -> None:
    """As when the key is wrong or the money is gone."""
    memory = Memory()
    sessions = [g.open_session(wide(), g.HUNDRED, g.oracle_world(1, g.Service())) for _ in range(2)]

    async def run() -> None:
        def seat(session: Session) -> live.Seat:
            async def answer(ticket: Ticket) -> Reply:
                await asyncio.sleep(0.02 * (1 + ticket.number))
                if ticket.number == 5:
                    raise UsageError("no such key")
                return session.world.reply(ticket, 0)

            return live.Seat(session, answer, memory)

        await live.play_all([seat(session) for session in sessions], live.Service(Limits(concurrency=4)))

    with pytest.raises(UsageError, match="no such key"):
        asyncio.run(run())
    count = {what: sum(told[0] == what for told in memory.told) for what in ("sent", "heard", "unsent")}
    assert count["sent"] == count["heard"] + count["unsent"]
    assert count["unsent"] in (1, 2)
    assert count["sent"] < 20
    for session in sessions:
        assert session.ledger.committed == session.ledger.spent


def test_a_world_that_charges_more_than_it_quoted_stops_the_run() -> None:
    session = g.open_session(wide(2), g.HUNDRED, g.oracle_world(1, g.Service()))

    async def run() -> None:
        async def answer(ticket: Ticket) -> Reply:
            return Reply(AnswerFailed("x"), Cost(evaluations=9), 0)

        await live.play(live.Seat(session, answer), live.Service(Limits()))

    with pytest.raises(Exception, match="quoted"):
        asyncio.run(run())
