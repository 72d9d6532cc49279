"""Laws that hold for every agent, budget, service and world: generated, not chosen."""

from __future__ import annotations

import random
import threading
from typing import Any

import generated as g
import numpy as np
import pytest
from generated import Played, Program, assert_the_books_are_right, new, plain, story
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.service import Service
from sandbox.bridge import from_blocking
from sandbox.budget import Budget
from sandbox.drivers import loop, virtual
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Recommend
from sandbox.session import Session
from sandbox.trace import Fate

seeds = st.integers(0, 5)


@settings(max_examples=400, deadline=None)
@given(
    programs=st.lists(g.programs(local_work=True), min_size=1, max_size=3),
    budget=g.budgets(),
    service=g.services(),
    seed=seeds,
)
def test_nobody_overspends_and_the_books_are_right(
    programs: list[Program], budget: Budget, service: Service, seed: int
) -> None:
    """Several agents with the same budget compete for one service."""
    played = [new(p, budget, g.oracle_world(seed, service), local_work=True) for p in programs]
    virtual.play([one.session for one in played], service.limits)
    alone = new(programs[0], budget, g.oracle_world(seed, service), local_work=True)
    loop.play(alone.session)
    for one in (*played, alone):
        assert_the_books_are_right(one)


@settings(max_examples=400, deadline=None)
@given(
    program=g.programs(completions=True, local_work=True),
    budget=g.budgets(),
    limits=g.limits,
    seed=seeds,
)
def test_the_books_are_right_in_a_world_that_charges_every_currency(
    program: Program, budget: Budget, limits: Limits, seed: int
) -> None:
    crowd = [new(program, budget, g.WildWorld(seed), local_work=True) for _ in range(2)]
    virtual.play([one.session for one in crowd], limits)
    alone = new(program, budget, g.WildWorld(seed), local_work=True)
    loop.play(alone.session)
    for one in (*crowd, alone):
        assert_the_books_are_right(one)


def settle_in_any_order(played: Played, shuffle: random.Random) -> None:
    session = played.session
    session.start(0)
    while session.open_tickets:
        ticket = shuffle.choice(session.open_tickets)
        session.settle(ticket, session.world.reply(ticket, 0), 0)


@settings(max_examples=400, deadline=None)
@given(
    program=g.programs(completions=True, local_work=True),
    budget=g.budgets(seconds=False),
    limits=g.limits,
    service=g.services(outages=False),
    wild=st.booleans(),
    seed=seeds,
    shuffle=st.randoms(use_true_random=False),
)
def test_one_story_whoever_drives_and_in_whatever_order_answers_come(
    program: Program,
    budget: Budget,
    limits: Limits,
    service: Service,
    wild: bool,
    seed: int,
    shuffle: random.Random,
) -> None:
    """Nothing here depends on time: no limit of seconds, no drift, no outages."""

    def once() -> Played:
        world: Any = g.WildWorld(seed) if wild else g.oracle_world(seed, service)
        return new(program, budget, world, local_work=True)

    calm, queued, crowded, shuffled = once(), once(), once(), once()
    loop.play(calm.session)
    virtual.play([queued.session], limits)
    rival = once()
    virtual.play([rival.session, crowded.session], service.limits)
    settle_in_any_order(shuffled, shuffle)
    for other in (queued, crowded, shuffled, rival):
        assert story(other.session) == story(calm.session)
        assert [plain(answer) for answer in other.heard] == [plain(answer) for answer in calm.heard]


@settings(max_examples=200, deadline=None)
@given(program=g.programs(), budget=g.budgets(), service=g.services(), seed=seeds)
def test_the_same_run_twice_is_the_same_to_the_nanosecond(
    program: Program, budget: Budget, service: Service, seed: int
) -> None:
    runs = []
    for _ in range(2):
        one = new(program, budget, g.oracle_world(seed, service))
        virtual.play([one.session], service.limits)
        records = [
            (r.ticket, r.fate, plain(r.answer), r.charge, r.answered_at) for r in one.session.trace.records
        ]
        runs.append((records, one.session.trace.recommendations, one.session.ended_at))
    assert runs[0] == runs[1]


@settings(max_examples=250, deadline=None)
@given(program=g.programs(completions=True), budget=g.budgets(), service=g.services(), wild=st.booleans())
def test_an_agent_hears_exactly_the_answers_that_came_in_time(
    program: Program, budget: Budget, service: Service, wild: bool
) -> None:
    """No failure arrives as a score, nothing late is delivered, nothing that was paid in time is lost."""
    world: Any = g.WildWorld(1) if wild else g.oracle_world(1, service)
    one = new(program, budget, world)
    virtual.play([one.session], service.limits)
    told = [plain(answer) for answer in one.heard if answer is not None]
    for_good = (Fate.ANSWERED, Fate.FAILED)
    owed = [plain(r.answer) for r in one.session.trace.in_order_asked() if r.fate in for_good]
    if one.session.failure is None or program.fragile:
        assert [answer for answer in told if answer[0] != "failed" or answer[1] != "late"] == owed
    delivered_late = sum(answer[:2] == ("failed", "late") for answer in told)
    missed = sum(r.fate in (Fate.LATE, Fate.WITHDRAWN) for r in one.session.trace.records)
    assert delivered_late <= missed


@settings(max_examples=200, deadline=None)
@given(program=g.programs(), service=g.services(outages=False), seed=seeds)
def test_faults_change_no_score(program: Program, service: Service, seed: int) -> None:
    """What is seen through a bad service is what is seen through a perfect one: runs stay paired."""
    budget = Budget(evaluations=30)
    one = new(program, budget, g.oracle_world(seed, service))
    virtual.play([one.session], service.limits)
    perfect = g.oracle_world(seed, Service())
    for record in one.session.trace.records:
        if record.fate is Fate.ANSWERED:
            first = record.ticket._replace(attempt=0)
            assert record.answer == perfect.reply(first, 0).answer
        else:
            assert isinstance(record.answer, AnswerFailed)
            assert record.truth is None or record.fate is Fate.LATE


@settings(max_examples=200, deadline=None)
@given(program=g.programs(), budget=g.budgets(seconds=False), service=g.services(outages=False))
def test_retries_are_capped_and_a_failure_for_good_costs_one_evaluation_and_billed_tokens(
    program: Program, budget: Budget, service: Service
) -> None:
    one = new(program, budget, g.oracle_world(3, service))
    virtual.play([one.session], service.limits)
    tickets: dict[int, list[Any]] = {}
    for record in one.session.trace.in_order_asked():
        tickets.setdefault(record.ticket.number, []).append(record)
    for records in tickets.values():
        assert [r.ticket.attempt for r in records] == list(range(len(records)))
        assert len(records) <= service.retry.attempts
        assert all(r.fate is Fate.RETRIED for r in records[:-1])
        total = sum((r.charge for r in records), type(records[0].charge)())
        assert total.evaluations == 1
        asked = records[-1].ticket.request.rows
        scored = g.DEV_ROWS if asked is None else len(asked)
        assert total.rows == (scored if records[-1].fate is Fate.ANSWERED else 0)
        for record in records:
            if isinstance(record.answer, AnswerFailed):
                free = record.answer.args[0] in ("rate_limited", "server_error", "outage")
                assert (record.charge.prompt_tokens == 0) == free
                assert (record.charge.usd == 0) == free
    assert story(one.session)  # and the run ended


@settings(max_examples=40, deadline=None)
@given(program=g.programs(), service=g.services(), disturbance=st.integers(0, 2**32 - 1))
def test_no_global_randomness_is_read_or_written(
    program: Program, service: Service, disturbance: int
) -> None:
    stories = []
    for state in (disturbance, disturbance + 1):
        random.seed(state)
        np.random.seed(state % 2**32)  # noqa: NPY002
        before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
        one = new(program, Budget(evaluations=20), g.oracle_world(1, service))
        virtual.play([one.session], service.limits)
        assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002
        stories.append(story(one.session))
    assert stories[0] == stories[1]


def bridges() -> int:
    return sum(thread.name == "bridge" for thread in threading.enumerate())


def blocking_climb(ask: Any) -> str:
    try:
        for text in g.TEXTS * 3:
            ask(Evaluate(text))
            ask(Recommend(text))
    except BudgetExhausted:
        pass
    return g.TEXTS[0]


def swallows_the_notice(ask: Any) -> str:
    """Catches even the notice that it was abandoned, once, and goes on asking."""
    try:
        return blocking_climb(ask)
    except BaseException:
        return blocking_climb(ask)


PLANS = {
    "generator": lambda: Program((*map(Evaluate, g.TEXTS),), 3, False, False, 0).plan(None, []),
    "bridged": lambda: from_blocking(blocking_climb),
    "bridged and stubborn": lambda: from_blocking(swallows_the_notice),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@settings(max_examples=12, deadline=None)
@given(steps=st.integers(0, 25), service=g.services(outages=False))
def test_a_session_closed_anywhere_leaves_no_thread_and_no_reservation(
    plan: Any, steps: int, service: Service
) -> None:
    before = bridges()
    ledger = g.WatchedLedger(Budget(evaluations=20, usd=10**9))
    session = g.open_session(plan(), ledger.budget, g.oracle_world(1, service), ledger)
    if steps:
        tickets = session.start(0)
        for _ in range(steps - 1):
            if tickets:
                tickets += session.settle(tickets[0], session.world.reply(tickets.pop(0), 0), 0)
    session.close()
    session.close()  # twice is as good as once
    assert bridges() == before
    assert ledger.committed == ledger.spent == session.trace.charged()
    assert session.open_tickets == []
    assert not ledger.broken


@settings(max_examples=25, deadline=None)
@given(
    program=g.programs(),
    service=g.services(),
    dies_after=st.integers(0, 10),
    driver=st.sampled_from(["loop", "virtual"]),
)
def test_a_world_that_breaks_leaves_no_thread_and_no_reservation(
    program: Program, service: Service, dies_after: int, driver: str
) -> None:
    class Broken:
        def __init__(self) -> None:
            self.world, self.left = g.oracle_world(1, service), dies_after
            self.quote, self.tokens = self.world.quote, self.world.tokens

        def reply(self, ticket: Any, now: int) -> Any:
            self.left -= 1
            if self.left < 0:
                raise ZeroDivisionError
            return self.world.reply(ticket, now)

    one = new(program, Budget(evaluations=20), Broken())
    sessions: list[Session] = [one.session]
    if driver == "virtual":
        sessions.append(g.open_session(from_blocking(blocking_climb), Budget(evaluations=9), Broken()))
    try:
        if driver == "virtual":
            virtual.play(sessions, service.limits)
        else:
            loop.play(one.session)
    except ZeroDivisionError:
        pass
    for session in sessions:
        assert session.ledger.committed == session.ledger.spent
    assert bridges() == 0
