"""The broken answers of the fault switch, and what the official client makes of each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from endpoint_kit import app_of, ask, said

from mocks.endpoint.app import Endpoint
from mocks.endpoint.faults import FAULTS
from mocks.endpoint.server import running
from mocks.service import Faults, Latency, Service
from sandbox.errors import UsageError

Served = tuple[Endpoint, str]
PATIENT = Service(latency=Latency(0.0, 0.0, 0.0), faults=Faults(patience=20.0))


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    app = app_of(PATIENT, allow_faults=True)
    with running(app) as url:
        yield app, url


def attempts_of(served: Served, fault: str, stream: bool = False, **settings: Any) -> tuple[int, Any, float]:
    """HTTP attempts, what the caller sees, and the seconds that it took."""
    app, url = served
    account = app.account("anonymous")
    before = account.attempts if account else 0
    began = time.perf_counter()
    seen: Any
    with openai.OpenAI(base_url=url, api_key="any", **settings) as client:
        try:
            seen = client.chat.completions.create(
                model="echo",
                messages=[{"role": "user", "content": f"one two three four {fault}"}],
                extra_headers={"x-sandbox-fault": fault},
                stream=stream,
            )
            if stream:
                seen = "".join(event.choices[0].delta.content or "" for event in seen)
        except Exception as exc:
            seen = exc
    account = app.account("anonymous")
    assert account is not None
    return account.attempts - before, seen, time.perf_counter() - began


@pytest.mark.parametrize(
    ("fault", "attempts", "kind"),
    [
        ("rate_limit_121", 1, openai.RateLimitError),
        ("quota_stop", 1, openai.RateLimitError),
        ("quota_402", 1, openai.APIStatusError),
        ("quota_400", 1, openai.BadRequestError),
        ("quota_403", 1, openai.PermissionDeniedError),
        ("quota_422", 1, openai.UnprocessableEntityError),
        ("broken_json", 1, json.JSONDecodeError),
        ("empty_body", 1, json.JSONDecodeError),
        ("rate_limit_50ms", 3, openai.RateLimitError),
    ],
)
def test_the_official_client_sees_what_the_reference_says(
    served: Served, fault: str, attempts: int, kind: type
) -> None:
    made, seen, _ = attempts_of(served, fault)
    assert made == attempts
    assert isinstance(seen, kind)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("quota", openai.RateLimitError),
        ("rate_limit", openai.RateLimitError),
        ("slow_down", openai.RateLimitError),
        ("overloaded", openai.InternalServerError),
        ("server_error", openai.InternalServerError),
        ("bad_gateway", openai.InternalServerError),
        ("request_timeout", openai.APIStatusError),
        ("conflict", openai.ConflictError),
        ("closed", openai.APIConnectionError),
        ("reset", openai.APIConnectionError),
        ("short_body", openai.APIConnectionError),
    ],
)
def test_these_are_tried_three_times(served: Served, fault: str, kind: type) -> None:
    made, seen, _ = attempts_of(served, fault)
    assert made == 3
    assert isinstance(seen, kind)


def test_a_silent_server_times_out_three_times(served: Served) -> None:
    made, seen, _ = attempts_of(served, "silent", timeout=0.3)
    assert made == 3
    assert isinstance(seen, openai.APITimeoutError)


def test_retry_after_is_honoured_between_0_and_120_seconds(served: Served) -> None:
    quickest = 9.0
    for _ in range(3):
        made, seen, seconds = attempts_of(served, "rate_limit_50ms:1")
        assert (made, seen.choices[0].message.content[:3]) == (2, "one")
        assert seconds > 0.05
        quickest = min(quickest, seconds)
    assert quickest < 0.37
    made, seen, seconds = attempts_of(served, "rate_limit_0:1")
    assert made == 2
    assert seconds > 0.37  # the header is ignored: half a second, less up to a quarter


def test_bodies_that_are_no_completion(served: Served) -> None:
    made, seen, _ = attempts_of(served, "html")
    assert (made, type(seen)) == (1, str)
    made, seen, _ = attempts_of(served, "empty_object")
    assert (made, seen.choices) == (1, None)
    made, seen, _ = attempts_of(served, "content_filter")
    assert made == 1
    assert (seen.choices[0].message.content, seen.choices[0].finish_reason) == (None, "content_filter")


def test_broken_streams(served: Served) -> None:
    whole = attempts_of(served, "server_error:1", stream=True)
    assert whole[:2] == (2, "one two three four server_error:1 0.0")
    made, seen, _ = attempts_of(served, "stream_cut", stream=True)
    assert made == 1
    assert type(seen).__name__ in ("APIConnectionError", "RemoteProtocolError")  # openai 3, and 2
    made, seen, _ = attempts_of(served, "stream_no_done", stream=True)
    assert (made, seen) == (1, "one two three four stream_no_done"[: len(seen)])
    assert 0 < len(seen) < 30, "truncated, and nobody is told"
    made, seen, _ = attempts_of(served, "stream_bad_json", stream=True)
    assert (made, type(seen)) == (1, json.JSONDecodeError)
    made, seen, _ = attempts_of(served, "stream_error", stream=True)
    assert made == 1
    assert isinstance(seen, openai.APIError)


def test_every_fault_can_be_asked_for(served: Served) -> None:
    """Those that are not in the tables above, too; and the server survives all of them."""
    app, url = served
    for name, fault in FAULTS.items():
        if name != "silent":
            made, _, _ = attempts_of(served, name, stream=fault.streams, max_retries=0)
            assert made == 1, name
    assert app.in_flight == 0
    with openai.OpenAI(base_url=url, api_key="any") as client:
        assert client.models.list().data


def test_error_faults_are_free_and_the_others_are_billed() -> None:
    app = app_of(allow_faults=True)
    for name in ("rate_limit", "quota_stop", "overloaded"):
        ask(app, body=said(name), headers={"x-sandbox-fault": name})
    account = app.account("anonymous")
    assert account is not None
    assert account.spent.usd == 0
    ask(app, body=said("broken"), headers={"x-sandbox-fault": "broken_json"})
    assert account.spent.usd > 0
    assert (account.spent.completions, account.calls, account.failed) == (0, 0, 4)


def test_faults_have_to_be_allowed_and_known() -> None:
    assert ask(app_of(), body=said(), headers={"x-sandbox-fault": "quota"}).status == 400
    app = app_of(allow_faults=True)
    wrong = ask(app, body=said(), headers={"x-sandbox-fault": "quotas"})
    assert (wrong.status, "did you mean quota" in wrong.error["message"]) == (400, True)
    for header in ("quota:0", "quota:x", "quota:", "quota:99999", "stream_cut"):
        assert ask(app, body=said(), headers={"x-sandbox-fault": header}).status == 400


def test_scheduled_faults_follow_the_seed_and_not_the_order() -> None:
    shares = {"quota_402": 0.2, "quota_422": 0.3}

    def statuses(seed: int, order: list[int]) -> dict[int, int]:
        app = app_of(fault_shares=shares, seed=seed)
        return {i: ask(app, body=said(f"row {i}")).status for i in order}

    first = statuses(1, list(range(200)))
    assert first == statuses(1, list(range(199, -1, -1)))
    assert first != statuses(2, list(range(200)))
    counts = [list(first.values()).count(status) for status in (402, 422, 200)]
    assert counts[0] == pytest.approx(40, abs=20)
    assert counts[1] == pytest.approx(60, abs=24)
    with pytest.raises(UsageError, match="above 1"):
        app_of(fault_shares={"quota": 0.7, "reset": 0.7})


@pytest.mark.parametrize(
    ("kind", "status"), [("rate_limited", 429), ("server_error", 500), ("malformed", 200)]
)
def test_the_services_own_faults_reach_the_wire(kind: str, status: int) -> None:
    service = Service(latency=Latency(0.0, 0.0, 0.0), faults=Faults(**{kind: 1.0}, retry_after=1.5))
    answer = ask(app_of(service), body=said())
    assert answer.status == status
    if status == 429:
        assert (answer.headers["retry-after-ms"], answer.headers["retry-after"]) == ("1500", "2")
    if kind == "malformed":
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.body)


@pytest.mark.parametrize("kind", ["timeout", "dropped"])
def test_the_services_own_broken_connections(kind: str) -> None:
    service = Service(latency=Latency(0.0, 0.0, 0.0), faults=Faults(**{kind: 1.0}, patience=0.01))
    app = app_of(service)
    with pytest.raises(ConnectionError):
        ask(app, body=said())
    account = app.account("anonymous")
    assert account is not None
    assert account.spent.prompt_tokens > 0
    assert app.in_flight == 0


def test_an_attempt_that_failed_is_followed_by_another_at_the_same_call() -> None:
    """Retries see the answer that the first attempt would have seen."""
    app = app_of(allow_faults=True)
    broken = {"x-sandbox-fault": "server_error:2"}
    assert [ask(app, body=said("r"), headers=broken).status for _ in range(2)] == [500, 500]
    assert ask(app, body=said("r"), headers=broken).texts == ["r 0.0"]
    assert ask(app, body=said("r")).texts == ["r 1.0"]


def test_silence_ends_when_patience_does() -> None:
    service = Service(latency=Latency(0.0, 0.0, 0.0), faults=Faults(patience=0.05))
    app = app_of(service, allow_faults=True)

    async def main() -> None:
        from endpoint_kit import request

        async with asyncio.timeout(2):
            await request(app, body=said(), headers={"x-sandbox-fault": "silent"})

    with pytest.raises(ConnectionError):
        asyncio.run(main())
