"""Budgets of keys over HTTP: never overspent, used to the end, free to be refused by."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from typing import Any

import openai
import pytest
from endpoint_kit import Answered, app_of, ask, key_of, request, said
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.endpoint.server import running
from mocks.service import Faults, Latency, Service
from sandbox.budget import SECOND, Budget
from sandbox.limits import Limits

SLOW = Service(latency=Latency(0.01, 0.5, 0.0), faults=Faults(server_error=0.1, malformed=0.1))


def usage_of(url: str, key: str) -> dict[str, Any]:
    asked = urllib.request.Request(url + "/sandbox/usage", headers={"authorization": f"Bearer {key}"})
    with urllib.request.urlopen(asked) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.parametrize(
    "budget",
    [Budget(usd=30_000_000), Budget(completion_tokens=333), Budget(completions=50, prompt_tokens=900)],
)
def test_sixty_four_callers_over_sockets_never_overspend(budget: Budget) -> None:
    app = app_of(SLOW, budget=budget)
    refusals: set[tuple[object, ...]] = set()

    async def caller(client: openai.AsyncOpenAI, i: int) -> tuple[int, int, int, int]:
        """What a caller was billed for, by its own count, until it was told to stop."""
        billed = [0, 0, 0, 0]
        for k in range(1000):
            try:
                answer = await client.chat.completions.create(
                    model="echo",
                    messages=[{"role": "user", "content": f"row {i} of {k}"}],
                    max_tokens=20,
                    n=1 + (i + k) % 2,
                )
            except openai.RateLimitError as exc:
                refusals.add((exc.code, exc.type, exc.response.headers["x-should-retry"]))
                return tuple(billed)  # type: ignore[return-value]
            except (openai.APIError, json.JSONDecodeError):
                continue
            assert answer.usage is not None
            prompt, completion = answer.usage.prompt_tokens, answer.usage.completion_tokens
            for place, amount in enumerate(
                (len(answer.choices), prompt, completion, 150_000 * prompt + 600_000 * completion)
            ):
                billed[place] += amount
        raise AssertionError("never refused")

    async def main(url: str) -> list[tuple[int, int, int, int]]:
        async with openai.AsyncOpenAI(base_url=url, api_key=key_of(app), max_retries=0) as client:
            return await asyncio.gather(*[caller(client, i) for i in range(64)])

    with running(app) as url:
        callers = asyncio.run(main(url))
        usage = usage_of(url, key_of(app))
    assert refusals == {("project_spend_limit_exceeded", "insufficient_quota", "false")}
    account = app.account("tester")
    assert account is not None
    spent = account.spent
    for name, limit in budget.limits().items():
        assert getattr(spent, name) <= limit
        assert usage["spent"]["usd_pico" if name == "usd" else name] == getattr(spent, name)
    assert not any(account.reserved)
    received = [sum(column) for column in zip(*callers, strict=True)]
    assert received[0] == spent.completions
    assert received[1] <= spent.prompt_tokens  # malformed answers are billed too
    assert received[3] <= spent.usd
    assert usage["calls"] < usage["attempts"]


@settings(max_examples=40)
@given(
    st.integers(1, 120),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), min_size=1, max_size=40),
)
def test_what_is_left_is_less_than_one_call_needs(limit: int, calls: list[tuple[int, int]]) -> None:
    """A call waits for those in flight before it is refused: none is refused that would have fitted."""
    app = app_of(Service(latency=Latency(0.0005, 0.3, 0.0)), budget=Budget(completion_tokens=limit))

    async def main() -> list[Answered]:
        asked = [request(app, body=said(f"{i}", n=n, max_tokens=most)) for i, (n, most) in enumerate(calls)]
        return await asyncio.gather(*asked)

    answers = asyncio.run(main())
    account = app.account("tester")
    assert account is not None
    spent = account.spent.completion_tokens
    assert spent == sum(a.json["usage"]["completion_tokens"] for a in answers if a.status == 200) <= limit
    assert account.reserved.completion_tokens == 0
    for (n, most), answer in zip(calls, answers, strict=True):
        if answer.status != 200:
            assert answer.status == 429
            assert spent + n * min(most, 21) > limit


def test_a_call_that_waits_for_room_is_not_overtaken_by_a_smaller_one() -> None:
    from mocks.endpoint.accounts import Account
    from mocks.endpoint.clock import Caller, ScaledClock
    from sandbox.budget import FREE, Cost

    account = Account("a", Budget(completions=10), ScaledClock())
    order: list[str] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def one(name: str, texts: int) -> None:
        caller = Caller(never)
        held = await account.reserve(Cost(completions=texts), caller)
        assert held is not None
        order.append(name)
        await asyncio.sleep(0.01)
        account.settle(*held, FREE)
        caller.close()

    async def main() -> None:
        await asyncio.gather(one("first", 8), one("large", 9), one("small", 1))

    asyncio.run(main())
    assert order == ["first", "large", "small"]
    assert not any(account.reserved)


def test_a_refusal_is_free_and_fast() -> None:
    app = app_of(SLOW, budget=Budget(completions=1))
    asyncio.run(request(app, body=said(n=1), headers={"x-sandbox-occurrence": "0"}))
    account = app.account("tester")
    assert account is not None
    spent = account.spent.usd
    began = time.process_time()
    for _ in range(200):
        assert ask(app, body=said(n=2)).status == 429
    assert (time.process_time() - began) / 200 < 0.01, "no latency, no model"
    assert account.spent.usd == spent
    assert account.refused == 200


def test_a_spent_budget_takes_nothing_from_the_limits() -> None:
    service = Service(latency=Latency(0.0, 0.0, 0.0), limits=Limits(requests_per_minute=10))
    app = app_of(service, budget=Budget(completions=1))
    assert ask(app, body=said()).headers["x-ratelimit-remaining-requests"] == "9"
    limiter = app._backends["echo"].limiter
    assert limiter is not None
    assert limiter.requests is not None
    before = limiter.requests.full_at
    for _ in range(20):
        assert ask(app, body=said()).error["code"] == "project_spend_limit_exceeded"
    assert limiter.requests.full_at == before


def test_time_is_a_currency_too() -> None:
    app = app_of(Service(latency=Latency(1.0, 0.0, 0.0)), budget=Budget(seconds=3 * SECOND), time="virtual")
    statuses = [ask(app, body=said(f"{i}")).status for i in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_the_same_idempotency_key_is_answered_once() -> None:
    app = app_of(Service(latency=Latency(0.02, 0.0, 0.0)), budget=Budget(completions=2))
    once = {"idempotency-key": "k1"}

    async def main() -> list[Answered]:
        return await asyncio.gather(*[request(app, body=said("x"), headers=once) for _ in range(8)])

    answers = asyncio.run(main())
    assert {answer.body for answer in answers} == {answers[0].body}
    assert sum("x-sandbox-replayed" in answer.headers for answer in answers) == 7
    assert ask(app, body=said("x"), headers=once).body == answers[0].body
    account = app.account("tester")
    assert account is not None
    assert (account.spent.completions, account.attempts) == (1, 1)
    assert ask(app, body=said("y"), headers=once).error["code"] == "idempotency_key_reused"
    assert ask(app, body=said("x"), headers={"idempotency-key": "k2"}).texts == ["x 1.0"]
    stream = {"idempotency-key": "k3"}
    assert ask(app, body=said("x"), headers=stream).status == 429, "an error is not kept"
    assert ask(app, body=said("x", stream=True), headers=stream).status == 429


def test_streams_are_kept_for_their_idempotency_key_too() -> None:
    app = app_of()
    first = ask(app, body=said("x", stream=True), headers={"idempotency-key": "k"})
    again = ask(app, body=said("x", stream=True), headers={"idempotency-key": "k"})
    assert first.body == again.body
    assert again.headers["content-type"] == first.headers["content-type"]


def test_the_memory_of_idempotency_keys_is_bounded() -> None:
    from mocks.endpoint.accounts import Answers, Stored

    answers = Answers()
    for i in range(3000):
        key = b"%d" % i
        answers.open(key, b"")
        answers.keep(key, Stored(b"", 200, b"", b"x" * 10_000))
        stored = answers.get(key)
        assert stored is not None
        stored.status = 200
    assert sum(answers.get(b"%d" % i) is not None for i in range(3000)) <= Answers.MOST


def test_metrics_say_who_spent_what() -> None:
    app = app_of(budget=Budget(usd=10**12, completions=7))
    ask(app, body=said("x"))
    ask(app, body=said("x", n=-1))
    text = ask(app, "/metrics", method="GET").body.decode()
    assert 'sandbox_requests_total{route="/chat/completions",status="200"} 1' in text
    assert 'sandbox_requests_total{route="/chat/completions",status="400"} 1' in text
    assert 'sandbox_key_limit{key="tester",currency="usd"} 1.0' in text
    assert 'sandbox_key_spent{key="tester",currency="completions"} 1' in text
    assert 'sandbox_tokens_total{model="echo",kind="prompt"} 8' in text
    assert 'le="+Inf"} 2' in text
    assert key_of(app) not in text
