"""Real, compressed and virtual time, and luck that depends on what is asked and not on when."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest
from endpoint_kit import Answered, app_of, ask, request, said
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.endpoint.app import Endpoint
from mocks.service import Faults, Latency, Service
from sandbox.budget import SECOND, Budget
from sandbox.chat import ChatCall
from sandbox.limits import Limits
from sandbox.worlds.chat import luck_of


def crowd(app: Endpoint, bodies: list[dict[str, Any]], at_once: int) -> list[Answered]:
    """The answers to all bodies, in their order, `at_once` of them in flight."""

    async def main() -> list[Answered]:
        gate = asyncio.Semaphore(at_once)

        async def one(body: dict[str, Any]) -> Answered:
            async with gate:
                return await request(app, body=body)

        return await asyncio.gather(*[one(body) for body in bodies])

    return asyncio.run(main())


def test_order_and_concurrency_change_nothing() -> None:
    """Contents, usage and faults of 300 calls; each is made twice, by another user."""
    service = Service(latency=Latency(1.0, 0.5, 0.1), faults=Faults(server_error=0.2, rate_limited=0.1))
    bodies = [said(f"row {i % 150}", n=1 + i % 2, user=f"u{i // 150}") for i in range(300)]
    _assert_one_story(service, bodies)


def test_order_and_concurrency_change_nothing_about_equal_calls() -> None:
    """As many get each answer, as long as none fails: a failed call passes its number on to the next."""
    bodies = [said(f"row {i % 50}", n=1 + i % 2) for i in range(300)]
    _assert_one_story(Service(latency=Latency(1.0, 0.5, 0.1)), bodies)


def _assert_one_story(service: Service, bodies: list[dict[str, Any]]) -> None:
    def told(order: list[int], at_once: int) -> list[tuple[str, ...]]:
        app = app_of(service, time="virtual", quiet=0.0, seed=3)
        answers = crowd(app, [bodies[i] for i in order], at_once)
        found = []
        for i, answer in zip(order, answers, strict=True):
            texts = answer.texts if answer.status == 200 else []
            found.append((str(bodies[i]), str(answer.status), *texts))
        account = app.account("anonymous")
        assert account is not None
        return [*sorted(found), (str(account.spent._replace(seconds=0)), str(account.calls))]

    order = list(range(300))
    first = told(order, 1)
    assert first == told(order, 64)
    random.Random(5).shuffle(order)
    assert first == told(order, 7)


def test_latency_has_the_luck_of_the_call_and_its_occurrence() -> None:
    """The same as in the worlds that ask the model directly."""
    service = Service(latency=Latency(1.0, 0.5, 0.0))
    app = app_of(service, time="virtual", seed=9)
    desk = service.open(9)
    call = ChatCall((("user", "x"),), "echo", 1, 1.0, 1.0, None, (), 9)
    clock = 0
    for occurrence in range(4):
        answer = ask(app, body=said("x"))
        usage = answer.json["usage"]
        clock += desk.nanoseconds(
            luck_of(call, occurrence), usage["prompt_tokens"], usage["completion_tokens"]
        )
        assert answer.headers["x-sandbox-clock"] == f"{clock / SECOND:.9f}"
        assert answer.texts == [f"x {occurrence}.0"]


def test_an_occurrence_may_be_told() -> None:
    app = app_of()
    assert ask(app, body=said("x"), headers={"x-sandbox-occurrence": "7"}).texts == ["x 7.0"]
    assert ask(app, body=said("x")).texts == ["x 0.0"]
    assert ask(app, body=said("x"), headers={"x-sandbox-occurrence": "7"}).texts == ["x 7.0"]
    assert ask(app, body=said("x", user="other")).texts == ["x 0.0"]
    assert ask(app, body=said("x", seed=5)).texts == ["x 0.0"]
    assert ask(app, body=said("x")).texts == ["x 1.0"]


def test_equal_calls_in_flight_have_different_occurrences() -> None:
    app = app_of(Service(latency=Latency(0.005, 0.5, 0.0)))
    answers = crowd(app, [said("x")] * 30, 30)
    assert sorted(answer.texts[0] for answer in answers) == sorted(f"x {i}.0" for i in range(30))


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["answered", "failed", "refused"])), max_size=60)
)
def test_each_repeat_is_answered_once_whatever_fails_between(story: list[tuple[int, str]]) -> None:
    from mocks.endpoint.accounts import Claim, Occurrences

    occurrences = Occurrences()
    open_claims: list[Claim] = []
    answered: list[int] = []
    for place, what in story:
        claim = occurrences.claim(b"call")
        assert claim.occurrence not in answered
        open_claims.append(claim)
        if place < len(open_claims):
            done = open_claims.pop(place)
            getattr(occurrences, what)(done)
            if what == "answered":
                answered.append(done.occurrence)
    assert len(answered) == len(set(answered))


def test_time_can_be_compressed() -> None:
    service = Service(
        latency=Latency(2.0, 0.0, 0.0), faults=Faults(rate_limited=1.0, retry_after=5.0), limits=Limits()
    )
    app = app_of(service, time=50.0)
    began = time.perf_counter()
    refused = ask(app, body=said())
    assert time.perf_counter() - began < 1
    assert (refused.headers["retry-after-ms"], refused.headers["retry-after"]) == ("100", "0.100")


@pytest.mark.parametrize("workers", [1, 4])
def test_virtual_time_is_what_the_clients_concurrency_would_have_taken(workers: int) -> None:
    """Twelve calls of a second each take 12 s one by one and 3 s four at a time, and no time at all."""
    app = app_of(Service(latency=Latency(1.0, 0.0, 0.0)), time="virtual", quiet=0.05)
    began = time.perf_counter()
    crowd(app, [said(f"row {i}") for i in range(12)], workers)
    account = app.account("anonymous")
    assert account is not None
    assert account.passed() == 12 // workers * SECOND
    assert time.perf_counter() - began < 3


def test_virtual_time_waits_for_limits_without_refusing() -> None:
    service = Service(latency=Latency(0.0, 0.0, 0.0), limits=Limits(requests_per_minute=2))
    app = app_of(service, time="virtual")
    assert [ask(app, body=said(f"{i}")).status for i in range(5)] == [200] * 5
    account = app.account("anonymous")
    assert account is not None
    assert account.passed() == 90 * SECOND
    queued = app_of(Service(latency=Latency(1.0, 0.0, 0.0), limits=Limits(concurrency=2)), time="virtual")
    crowd(queued, [said(f"{i}") for i in range(6)], 6)
    account = queued.account("anonymous")
    assert account is not None
    assert account.passed() == 3 * SECOND


def test_virtual_time_passes_while_a_client_is_told_to_wait() -> None:
    service = Service(latency=Latency(0.0, 0.0, 0.0), faults=Faults(rate_limited=1.0, retry_after=7.0))
    app = app_of(service, time="virtual")
    refused = ask(app, body=said())
    assert (refused.status, refused.headers["retry-after-ms"]) == (429, "1")
    assert refused.headers["x-sandbox-clock"] == "7.000000000"


def test_each_key_has_a_virtual_clock_of_its_own() -> None:
    from endpoint_kit import Echo

    from mocks.endpoint.app import make_app
    from mocks.endpoint.keys import KeyRing

    ring, made = KeyRing.of({"a": Budget(), "b": Budget()})
    app = make_app({"echo": Echo()}, Service(latency=Latency(1.0, 0.0, 0.0)), keys=ring, time="virtual")
    for _ in range(3):
        ask(app, body=said(), headers={"authorization": f"Bearer {made['a']}"})
    asked = {"authorization": f"Bearer {made['b']}"}
    assert ask(app, body=said(), headers=asked).headers["x-sandbox-clock"] == "1.000000000"
    usage = ask(app, "/v1/sandbox/usage", headers=asked, method="GET").json
    assert (usage["clock_seconds"], usage["spent"]["seconds"]) == (1.0, 1.0)


def times_of(app: Endpoint, body: dict[str, Any]) -> list[tuple[float, bytes]]:
    """When each piece of a stream was sent, in seconds from the request."""
    import json

    found: list[tuple[float, bytes]] = []

    async def main() -> None:
        incoming = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

        async def receive() -> Any:
            if incoming:
                return incoming.pop()
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                found.append((time.perf_counter() - began, message["body"]))

        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
        began = time.perf_counter()
        await app(scope, receive, send)

    asyncio.run(main())
    return found


@pytest.mark.parametrize(("each", "pieces"), [(0.03, 11), (0.0001, 2)])
def test_a_stream_keeps_an_absolute_schedule_and_bundles_what_is_too_close(each: float, pieces: int) -> None:
    service = Service(latency=Latency(0.1, 0.0, 0.0, per_completion_token=each))
    sent = times_of(app_of(service), said("a b c d", stream=True))
    assert len(sent) <= pieces
    tokens = 7  # and one step more to open the text, and one to close it
    for (when, _), due in ((sent[0], 0.1), (sent[-1], 0.1 + tokens * each)):
        assert due - 0.006 <= when <= due + 0.3


def test_injected_latency_is_exact() -> None:
    """Under 5 ms at the 99th percentile with 100 in flight on a quiet machine; here a loose bound."""
    service = Service(latency=Latency(0.2, 0.3, 0.0))
    app = app_of(service, seed=1)
    desk = service.open(1)
    errors: list[float] = []

    async def one(i: int) -> None:
        call = ChatCall((("user", f"{i}"),), "echo", 1, 1.0, 1.0, None, (), 1)
        wanted = desk.nanoseconds(luck_of(call, 0), 8, 4) / SECOND
        began = time.perf_counter()
        await request(app, body=said(f"{i}"))
        errors.append(time.perf_counter() - began - wanted)

    async def main() -> None:
        await asyncio.gather(*[one(i) for i in range(100)])

    asyncio.run(main())
    assert min(errors) > -0.001
    assert sorted(errors)[50] < 0.2
