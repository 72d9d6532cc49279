"""The limiter's laws: nothing beyond the bucket, and nobody is refused twice who waits as told."""

from __future__ import annotations

import asyncio
import heapq
import re
from typing import Any

import pytest
from endpoint_kit import app_of, ask, request, said
from hypothesis import given
from hypothesis import strategies as st

from mocks.endpoint.limiter import LONGEST_BOOKING, Limiter, go_duration
from mocks.service import Latency, Service
from sandbox.limits import Limits
from sandbox.worlds.wire import duration

SECOND = 10**9
MINUTE = 60 * SECOND
limits_drawn = st.tuples(st.none() | st.integers(5, 90), st.none() | st.integers(80, 900)).filter(any)
crowds = st.lists(st.tuples(st.integers(0, 40 * SECOND), st.integers(1, 200)), min_size=1, max_size=40)


def play(limits: Limits, arrivals: list[tuple[int, int]], late: int = 0) -> list[tuple[int, int, int]]:
    """(admitted at, tokens, refusals) of clients that sleep what they are told, `late` nanoseconds more."""
    limiter = Limiter(limits, 5 * SECOND)
    queue = [(when, i, tokens, 0) for i, (when, tokens) in enumerate(arrivals)]
    heapq.heapify(queue)
    served = []
    while queue:
        now, i, tokens, refusals = heapq.heappop(queue)
        wait = limiter.ask(i, tokens, now)
        if wait:
            if wait <= LONGEST_BOOKING:
                heapq.heappush(queue, (now + wait + late, i, tokens, refusals + 1))
        else:
            served.append((now, tokens, refusals))
    return served


@given(limits_drawn, crowds, st.integers(0, 4 * SECOND))
def test_whoever_sleeps_as_told_is_never_refused_again(
    drawn: tuple[int | None, int | None], arrivals: list[tuple[int, int]], late: int
) -> None:
    served = play(Limits(None, *drawn), arrivals, late)
    assert all(refusals <= 1 for _, _, refusals in served)


@given(limits_drawn, crowds)
def test_no_window_sees_more_than_the_bucket_and_what_flows_in(
    drawn: tuple[int | None, int | None], arrivals: list[tuple[int, int]]
) -> None:
    served = play(Limits(None, *drawn), arrivals)
    for limit, amounts in zip(drawn, ([1] * len(served), [tokens for _, tokens, _ in served]), strict=True):
        if limit is None:
            continue
        for first in range(len(served)):
            for last in range(first, len(served)):
                window = served[last][0] - served[first][0]
                # A request larger than the bucket goes when it is full.
                assert sum(amounts[first : last + 1]) <= max(limit, *amounts) + limit * window / MINUTE + 1e-6


@given(limits_drawn, crowds)
def test_nobody_waits_without_a_reason(
    drawn: tuple[int | None, int | None], arrivals: list[tuple[int, int]]
) -> None:
    """A lone client is let in when the buckets allow it, and not more than a rounded nanosecond before."""
    limiter = Limiter(Limits(None, *drawn), 5 * SECOND)
    now = 0
    for i, (_, tokens) in enumerate(arrivals):
        wait = limiter.ask(i, tokens, now)
        if wait > LONGEST_BOOKING:
            break
        if wait > 2:
            assert limiter.ask(i, tokens, now + wait - 2) > 0, "too early"
            limiter = Limiter(Limits(None, *drawn), 5 * SECOND)
            break
        now += wait


def test_a_booking_that_nobody_uses_is_given_back() -> None:
    limiter = Limiter(Limits(requests_per_minute=60), 5 * SECOND)
    for i in range(60):
        assert limiter.ask(i, 1, 0) == 0
    assert limiter.ask("a", 1, 0) == SECOND
    assert limiter.ask("b", 1, 0) == 2 * SECOND  # a's place is kept
    assert limiter.ask("b", 1, 2 * SECOND) == 0
    # At 7 s five places have come free since b's, a's has lapsed at 6 s: six in all.
    assert [limiter.ask(f"c{i}", 1, 7 * SECOND) for i in range(6)] == [0] * 6
    assert limiter.ask("d", 1, 7 * SECOND) > 0


def test_unused_tokens_are_given_back() -> None:
    limiter = Limiter(Limits(tokens_per_minute=1000), SECOND)
    assert limiter.ask("a", 900, 0) == 0
    limiter.refund(850)
    assert limiter.ask("b", 900, 0) == 0
    assert limiter.ask("c", 900, 0) > 0


@given(st.integers(0, 10**15))
def test_go_durations_are_read_as_what_they_were(nanoseconds: int) -> None:
    seconds = duration(go_duration(nanoseconds))
    assert seconds is not None
    assert nanoseconds / SECOND <= seconds + 1e-6
    assert seconds <= nanoseconds / SECOND + 0.001 + 1e-6


def service_of(**limits: Any) -> Service:
    return Service(latency=Latency(0.0, 0.0, 0.0), limits=Limits(**limits))


def test_a_refusal_says_what_when_and_how_much() -> None:
    app = app_of(service_of(requests_per_minute=2))
    first = ask(app, body=said("a"))
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert 29 < (duration(first.headers["x-ratelimit-reset-requests"]) or 0) <= 30
    ask(app, body=said("b"))
    refused = ask(app, body=said("c"))
    assert (refused.status, refused.error["type"], refused.error["code"]) == (
        429, "requests", "rate_limit_exceeded",
    )  # fmt: skip
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert 29_000 < int(refused.headers["retry-after-ms"]) <= 30_000
    assert refused.headers["retry-after"] == "30"
    told = r"Limit 2, Used 2, Requested 1\. Please try again in (29\.\d+|30)s"
    assert re.search(told, refused.error["message"])


def test_tokens_are_reserved_up_front_and_the_rest_is_given_back() -> None:
    app = app_of(service_of(tokens_per_minute=1000))
    answer = ask(app, body=said("a b", max_tokens=20))
    assert answer.json["usage"]["total_tokens"] == 15
    assert answer.headers["x-ratelimit-remaining-tokens"] == "985"
    refused = ask(app_of(service_of(tokens_per_minute=20)), body=said("a b", n=2))
    assert refused.status == 200, "larger than the bucket: goes when it is full"
    app = app_of(service_of(tokens_per_minute=20))
    ask(app, body=said("a b"))
    refused = ask(app, body=said("a b c"))
    assert (refused.status, refused.error["type"]) == (429, "tokens")
    assert "(TPM): Limit 20," in refused.error["message"]


def test_a_refused_call_used_no_luck() -> None:
    app = app_of(service_of(requests_per_minute=600))
    assert ask(app, body=said("other")).status == 200
    limiter = app._backends["echo"].limiter
    assert limiter is not None
    now = limiter.requests.full_at  # type: ignore[union-attr]
    for i in range(600):
        limiter.ask(("filler", i), 1, now)
    refused = ask(app, body=said("x"))
    assert refused.status == 429

    async def again() -> list[str]:
        await asyncio.sleep(int(refused.headers["retry-after-ms"]) / 1000)
        return (await request(app, body=said("x"))).texts

    assert asyncio.run(again()) == ["x 0.0"]


def test_sixty_four_clients_that_sleep_as_told_are_served_after_one_refusal_each() -> None:
    """In compressed time, over the loop's real clock."""
    app = app_of(service_of(requests_per_minute=60), time=20.0)
    refusals: list[int] = []

    async def client(i: int) -> None:
        count = 0
        while True:
            answer = await request(app, body=said(f"call {i}"))
            if answer.status == 200:
                refusals.append(count)
                return
            count += 1
            await asyncio.sleep(int(answer.headers["retry-after-ms"]) / 1000)

    async def main() -> None:
        await asyncio.gather(*[client(i) for i in range(100)])

    asyncio.run(main())
    assert len(refusals) == 100
    assert max(refusals) == 1
    assert sum(refusals) >= 38


@pytest.mark.parametrize("many", [1, 5])
def test_concurrency_is_a_queue(many: int) -> None:
    service = Service(latency=Latency(0.02, 0.0, 0.0), limits=Limits(concurrency=many))
    app = app_of(service)
    order: list[int] = []
    at_once: list[int] = []

    async def client(i: int) -> None:
        await asyncio.sleep(i * 0.001)
        await request(app, body=said(f"row {i}"))
        order.append(i)
        at_once.append(many - app._backends["echo"].slots.free)  # type: ignore[union-attr]

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*[client(i) for i in range(20)])
        return loop.time() - began

    seconds = asyncio.run(main())
    assert order == list(range(20)), "first come, first served"
    assert max(at_once) <= many
    assert 20 / many * 0.02 - 0.002 <= seconds
