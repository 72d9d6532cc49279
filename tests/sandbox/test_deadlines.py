"""What happens when the seconds run out, to the nanosecond, under both drivers."""

from __future__ import annotations

from typing import Any

import generated as g
import pytest
from generated import DRIVERS, TEXTS, assert_the_books_are_right, open_session
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.service import Latency, Service
from sandbox.budget import FREE, SECOND, Budget, Cost, Ledger, Meter
from sandbox.drivers import virtual
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Observation, Recommend, Request, gather
from sandbox.session import Session
from sandbox.trace import Fate, Reply, Ticket

ONE = Cost(evaluations=1)
LATE = ("late", "the seconds ran out before the answer came")
drivers = pytest.mark.parametrize("drive", DRIVERS.values(), ids=DRIVERS.keys())


class Clockwork:
    """Every answer takes `nanoseconds`; the first `failures` attempts of each request fail."""

    def __init__(self, nanoseconds: int, failures: int = 0, backoff: int = 0) -> None:
        self.nanoseconds, self.failures, self.backoff = nanoseconds, failures, backoff

    def tokens(self, request: Request[Any]) -> int:
        return 0

    def quote(self, request: Request[Any]) -> Cost:
        return ONE + Cost(usd=5)

    def reply(self, ticket: Ticket, now: int) -> Reply:
        if ticket.attempt < self.failures:
            return Reply(AnswerFailed("dropped", ""), Cost(usd=2), self.nanoseconds, None, self.backoff)
        return Reply(Observation(0.5), ONE + Cost(usd=1), self.nanoseconds, 0.5)


class Heard:
    """What an agent was told, one entry an answer."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def asks_one_by_one(self) -> Any:
        while True:
            try:
                self.told.append((yield from Evaluate(TEXTS[0])))
            except BudgetExhausted as refusal:
                self.told.append(refusal.args)
                break
        yield from Recommend(TEXTS[3])
        for _ in range(2):
            try:
                yield from Evaluate(TEXTS[0])
            except BudgetExhausted as refusal:
                self.told.append(refusal.args)
        return TEXTS[3]

    def asks_many(self, many: int) -> Any:
        for answer in (yield from gather([Evaluate(TEXTS[0])] * many)):
            self.told.append(answer.args if isinstance(answer, AnswerFailed) else answer)
        yield from Recommend(TEXTS[3])
        yield from Evaluate(TEXTS[0])


def fates(session: Session) -> list[tuple[Fate, Cost]]:
    return [(r.fate, r.charge) for r in session.trace.in_order_asked()]


def judge(session: Session) -> None:
    ledger = session.ledger
    assert session.failure is None
    assert session.recommendation == TEXTS[3]
    assert ledger.committed == ledger.spent == session.trace.charged()._replace(seconds=ledger.spent.seconds)
    assert session.ended_at == ledger.spent.seconds == session.deadline
    assert session.trace.recommendations[0].at == session.deadline


@drivers
def test_what_is_in_flight_is_charged_in_full_and_never_delivered(drive: Any) -> None:
    heard = Heard()
    session = open_session(heard.asks_one_by_one(), Budget(seconds=25), Clockwork(10))
    drive(session)
    judge(session)
    paid = ONE + Cost(usd=1)
    assert fates(session) == [(Fate.ANSWERED, paid), (Fate.ANSWERED, paid), (Fate.LATE, paid)]
    refused = ("seconds", 0, 0)
    assert heard.told == [Observation(0.5), Observation(0.5), refused, refused, refused]
    assert session.trace.records[-1].truth == 0.5  # the referee may know what the agent does not


@drivers
def test_an_answer_exactly_at_the_deadline_is_in_time_and_nothing_starts_then(drive: Any) -> None:
    heard = Heard()
    session = open_session(heard.asks_one_by_one(), Budget(seconds=20), Clockwork(10))
    drive(session)
    judge(session)
    assert [fate for fate, _ in fates(session)] == [Fate.ANSWERED, Fate.ANSWERED]
    assert heard.told == [Observation(0.5), Observation(0.5), *[("seconds", 0, 0)] * 3]
    heard = Heard()
    session = open_session(heard.asks_one_by_one(), Budget(seconds=19), Clockwork(10))
    drive(session)
    assert [fate for fate, _ in fates(session)] == [Fate.ANSWERED, Fate.LATE]


@pytest.mark.parametrize("seconds", [20, 25, 29])
@pytest.mark.parametrize("many", [3, 5])
@pytest.mark.parametrize("driver", DRIVERS)
def test_of_a_batch_the_answers_in_time_are_delivered_and_what_waits_is_free(
    driver: str, many: int, seconds: int
) -> None:
    heard = Heard()
    session = open_session(heard.asks_many(many), Budget(seconds=seconds), Clockwork(10))
    if driver == "loop":
        DRIVERS["loop"](session)
    else:
        virtual.play([session], Limits(concurrency=1))
    judge(session)
    in_flight = 0 if seconds == 20 else 1
    waiting = many - 2 - in_flight
    paid = ONE + Cost(usd=1)
    assert fates(session) == (
        [(Fate.ANSWERED, paid)] * 2 + [(Fate.LATE, paid)] * in_flight + [(Fate.WITHDRAWN, FREE)] * waiting
    )
    assert heard.told == [Observation(0.5)] * 2 + [LATE] * (many - 2)


@drivers
def test_backing_off_between_retries_is_waiting(drive: Any) -> None:
    heard = Heard()
    session = open_session(heard.asks_one_by_one(), Budget(seconds=15), Clockwork(10, 1, backoff=40))
    drive(session)
    judge(session)
    assert fates(session) == [(Fate.RETRIED, Cost(usd=2)), (Fate.WITHDRAWN, FREE)]
    assert heard.told == [("seconds", 0, 0)] * 3


@drivers
def test_a_failed_attempt_in_flight_at_the_deadline_is_charged_and_not_retried(drive: Any) -> None:
    heard = Heard()
    session = open_session(heard.asks_one_by_one(), Budget(seconds=5), Clockwork(10, 1, backoff=0))
    drive(session)
    judge(session)
    assert fates(session) == [(Fate.LATE, Cost(usd=2))]
    assert heard.told == [("seconds", 0, 0)] * 3


def test_sessions_that_share_a_service_keep_their_own_deadlines() -> None:
    """The service stays busy with what the first one left behind."""
    plans = [Heard(), Heard(), Heard()]
    seconds = [15, 35, None]
    sessions = [
        open_session(heard.asks_one_by_one(), Budget(evaluations=4, seconds=limit), Clockwork(10))
        for heard, limit in zip(plans, seconds, strict=True)
    ]
    assert virtual.play(sessions, Limits(concurrency=1)) == 70
    first, second, third = ([(r.fate, r.answered_at) for r in s.trace.records] for s in sessions)
    # The service is free at 10, 20, ...: first, second, third, then again in that order.
    assert first == [(Fate.ANSWERED, 10), (Fate.WITHDRAWN, 15)]
    assert second == [(Fate.ANSWERED, 20), (Fate.LATE, 36)]
    assert third == [(Fate.ANSWERED, at) for at in (30, 50, 60, 70)]
    assert [s.ended_at for s in sessions] == [15, 35, 70]


def test_local_work_ends_at_the_deadline_at_the_latest() -> None:
    ledger = Ledger(Budget(seconds=30))
    meter = Meter(ledger)

    def plan() -> Any:
        yield from Evaluate(TEXTS[0])
        with pytest.raises(BudgetExhausted):
            meter.charge(21)
        meter.charge(15)
        with pytest.raises(BudgetExhausted):
            meter.charge(6)
        meter.charge(5)
        with pytest.raises(BudgetExhausted):
            yield from Evaluate(TEXTS[0])
        return TEXTS[0]

    session = open_session(plan(), ledger.budget, Clockwork(10), ledger, meter)
    virtual.play([session], Limits())
    assert session.failure is None
    assert [r.fate for r in session.trace.records] == [Fate.ANSWERED, Fate.COMPUTED]
    assert session.ended_at == 30


@settings(max_examples=150, deadline=None)
@given(
    program=g.programs(completions=True, local_work=True),
    seconds=st.integers(1, 100),
    others=st.lists(st.integers(1, 100), max_size=2),
    median=st.sampled_from([0.0, 1.0, 2.5]),
    sigma=st.sampled_from([0.0, 0.5]),
    limits=g.limits,
    failures=st.integers(0, 2),
)
def test_no_run_passes_its_deadline_and_every_ticket_gets_one_fate(
    program: Any, seconds: int, others: list[int], median: float, sigma: float, limits: Limits, failures: int
) -> None:
    """Constant latencies make many things happen at one nanosecond, also at the deadline's."""
    world: Any = Clockwork(int(median * SECOND), failures, SECOND // 2)
    if sigma:
        world = g.oracle_world(1, Service(latency=Latency(median=median, sigma=sigma)))
        program = type(program)(
            tuple(s for s in program.steps if "Complete" not in repr(s)),
            program.times, program.stops, program.fragile, program.final,
        )  # fmt: skip
    budgets = [Budget(seconds=limit * SECOND // 4) for limit in (seconds, *others)]
    crowd = [g.new(program, budget, world, local_work=True) for budget in budgets]
    virtual.play([one.session for one in crowd], limits)
    alone = g.new(program, budgets[0], world, local_work=True)
    DRIVERS["loop"](alone.session)
    for one in (*crowd, alone):
        assert_the_books_are_right(one)
        session = one.session
        assert session.ended_at is not None
        assert session.ended_at <= session.deadline
        last = {r.ticket.number: r.fate for r in session.trace.in_order_asked()}
        assert Fate.RETRIED not in last.values()
        if Fate.LATE in last.values() or Fate.WITHDRAWN in last.values():
            assert session.ended_at == session.deadline
