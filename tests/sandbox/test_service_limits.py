"""A shared service: concurrency, requests and tokens per minute, and who gets how much of it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import generated as g
import pytest
from generated import TEXTS, open_session
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.service import Faults, Latency, Service
from sandbox.budget import SECOND, Budget, Cost
from sandbox.drivers import virtual
from sandbox.limits import Gate, Limits, Place
from sandbox.protocol import Evaluate, Observation, Request, gather
from sandbox.trace import Reply, Ticket

MINUTE = 60 * SECOND


class Logbook:
    """Takes as long as the rows say; a request's tokens are in its rows too. Logs what it served."""

    def __init__(self) -> None:
        self.served: list[tuple[int, int, int, int]] = []
        """(sent at, start, end, tokens), in the order of service."""

    def tokens(self, request: Request[Any]) -> int:
        return 100 * len(request.rows)  # type: ignore[attr-defined]

    def quote(self, request: Request[Any]) -> Cost:
        return Cost(evaluations=1, prompt_tokens=3 * self.tokens(request))

    def reply(self, ticket: Ticket, now: int) -> Reply:
        lasts = ticket.request.rows[0] * SECOND  # type: ignore[attr-defined]
        self.served.append((ticket.sent_at, now, now + lasts, self.tokens(ticket.request)))
        return Reply(Observation(0.0), Cost(evaluations=1), lasts)


def asks(batches: list[list[tuple[int, int]]]) -> Any:
    """Batches of (seconds, tokens / 100)."""
    for batch in batches:
        yield from gather(
            [
                Evaluate(TEXTS[0], (lasts, *(row for row in range(5) if row != lasts))[:size])
                for lasts, size in batch
            ]
        )
    return TEXTS[0]


batches = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=9), min_size=1, max_size=5
)


@settings(max_examples=150, deadline=None)
@given(
    crowd=st.lists(batches, min_size=1, max_size=3),
    concurrency=st.none() | st.integers(1, 8),
    requests=st.none() | st.integers(1, 90),
    tokens=st.none() | st.integers(80, 3000),
)
def test_the_service_keeps_its_limits_and_wastes_nothing(
    crowd: list[Any], concurrency: int | None, requests: int | None, tokens: int | None
) -> None:
    log = Logbook()
    limits = Limits(concurrency, requests, tokens)
    virtual.play([open_session(asks(one), Budget(evaluations=99), log) for one in crowd], limits)
    served = log.served
    assert len(served) == sum(len(batch) for one in crowd for batch in one)

    for sent, start, _, _ in served:  # never more than `concurrency` at once
        assert sent <= start
        if concurrency is not None:
            # A place that is given back at an instant may be taken at that instant.
            assert sum(s <= start < e for _, s, e, _ in served) <= concurrency
    assert all(a[1] <= b[1] for a, b in pairwise(served))  # first come, first served
    assert all(a[0] <= b[0] for a, b in pairwise(served))

    # The bucket's law: over any window, its size plus what flows in meanwhile.
    for limit, amounts in ((requests, [1] * len(served)), (tokens, [t for *_, t in served])):
        if limit is None:
            continue
        for first in range(len(served)):
            for last in range(first, len(served)):
                window = served[last][1] - served[first][1]
                size = max(limit, *amounts)  # a request larger than the bucket goes when it is full
                assert sum(amounts[first : last + 1]) <= size + limit * window / MINUTE + 1e-6

    # Nothing waits without a reason: at its start a place, a token or its own sending came free.
    if requests is None and tokens is None:
        ends = {end for _, _, end, _ in served}
        assert all(start in ends or start == sent for sent, start, _, _ in served)


def test_a_long_run_sees_exactly_the_limit_per_minute() -> None:
    log = Logbook()
    session = open_session(asks([[(0, 1)] * 90]), Budget(evaluations=99), log)
    virtual.play([session], Limits(requests_per_minute=30))
    starts = [start for _, start, _, _ in log.served]
    assert starts[:30] == [0] * 30  # the bucket starts full
    assert starts[30:] == [2 * SECOND * k for k in range(1, 61)]
    log = Logbook()
    virtual.play(
        [open_session(asks([[(0, 2)] * 9]), Budget(evaluations=99), log)], Limits(tokens_per_minute=600)
    )
    assert [start // SECOND for _, start, _, _ in log.served] == [0, 0, 0, 20, 40, 60, 80, 100, 120]


def test_a_request_larger_than_the_bucket_goes_when_it_is_full() -> None:
    log = Logbook()
    virtual.play(
        [open_session(asks([[(0, 5)] * 3]), Budget(evaluations=9), log)], Limits(tokens_per_minute=250)
    )
    assert [start // SECOND for _, start, _, _ in log.served] == [0, 120, 240]


def test_a_retried_request_counts_its_tokens_once_an_attempt() -> None:
    """The quote covers all attempts, but each attempt passes the limit for itself."""
    faulty = Service(latency=Latency(0.0, 0.0, 0.0), faults=Faults(malformed=1e-9))
    world = g.oracle_world(1, faulty)
    request = Evaluate(TEXTS[0])
    quote, tokens = world.quote(request), world.tokens(request)
    assert quote.prompt_tokens + quote.completion_tokens == 3 * tokens
    session = open_session(asks_for(4), Budget(evaluations=9), world)
    assert virtual.play([session], Limits(tokens_per_minute=2 * tokens)) == MINUTE


def asks_for(many: int) -> Any:
    yield from gather([Evaluate(TEXTS[0])] * many)
    return TEXTS[0]


def climbs() -> Any:
    while True:
        for text in TEXTS:
            yield from Evaluate(text)


@pytest.mark.parametrize(
    "limits", [Limits(concurrency=2), Limits(requests_per_minute=90), Limits(tokens_per_minute=20_000)]
)
def test_agents_that_share_a_service_compete_for_it(limits: Limits) -> None:
    def evaluations(crowd: int) -> list[int]:
        service = Service(latency=Latency(1.0, 0.2, 0.0), limits=limits)
        budget = Budget(seconds=300 * SECOND)
        sessions = [open_session(climbs(), budget, g.oracle_world(i, service)) for i in range(crowd)]
        virtual.play(sessions, limits)
        return [session.ledger.spent.evaluations for session in sessions]

    (alone,) = evaluations(1)
    crowd = evaluations(6)
    assert max(crowd) < alone / 2, "each of six gets a good deal less than one alone"
    assert sum(crowd) > 0.95 * alone, "and together they use what there is"
    assert max(crowd) - min(crowd) <= 0.1 * max(crowd), "in equal parts"


def test_agents_with_a_service_of_their_own_do_not_notice_each_other() -> None:
    service = Service(limits=Limits(concurrency=1))
    stories = []
    for crowd in (1, 3):
        sessions = [
            open_session(climbs(), Budget(evaluations=30), g.oracle_world(1, service)) for _ in range(crowd)
        ]
        for session in sessions:
            virtual.play([session], service.limits)
        stories += [(g.story(session), session.ended_at) for session in sessions]
    assert all(one == stories[0] for one in stories)


def test_two_agents_that_ask_the_same_see_the_same_score_and_latency() -> None:
    service = Service(limits=Limits(concurrency=3))
    sessions = [open_session(climbs(), Budget(evaluations=30), g.oracle_world(7, service)) for _ in range(3)]
    virtual.play(sessions, service.limits)
    luck = [[(r.answer, r.answered_at - r.ticket.sent_at) for r in s.trace.records] for s in sessions]
    assert luck[0] == luck[1] == luck[2]


@pytest.mark.parametrize("concurrency", [4, 16])
def test_closed_loop_throughput_is_concurrency_over_mean_latency(concurrency: int) -> None:
    """Within half a percent; the luck is keyed, so this never flickers."""
    sigma, median, each = 0.2, 1.0, 500
    service = Service(latency=Latency(median, sigma, 0.0), limits=Limits(concurrency=concurrency))
    budget = Budget(evaluations=each)
    # One seed an agent, or all agents would share the luck of few distinct requests.
    sessions = [open_session(climbs(), budget, g.oracle_world(seed, service)) for seed in range(40)]
    duration = virtual.play(sessions, service.limits) / SECOND
    throughput = 40 * each / duration
    assert throughput == pytest.approx(concurrency / (median * math.exp(sigma**2 / 2)), rel=0.005)


# --- the gate alone -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["concurrency", "requests_per_minute", "tokens_per_minute"])
def test_a_limit_is_at_least_one(name: str) -> None:
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=f"{name}={wrong}"):
            Limits(**{name: wrong})


class Named(Place):
    def __init__(self, name: str) -> None:
        super().__init__(tokens=1)
        self.name = name


def test_who_leaves_the_queue_is_not_admitted() -> None:
    gate: Gate[Named] = Gate(Limits(concurrency=1, requests_per_minute=60))
    a, b, c, d = map(Named, "abcd")
    for place in (a, b, c, d):
        gate.join(place)
    assert gate.admit(0) is a
    assert gate.opens_at() is None  # it waits for a place, not for the clock
    gate.leave(b)
    gate.leave(a)  # it is not in the queue any more
    gate.done()
    gate.leave(d)
    assert gate.admit(0) is c
    gate.done()
    assert gate.admit(0) is None
    assert gate.opens_at() is None
