"""Laws of the client: whatever a server sends back is sorted, and the key is never seen."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import time
import traceback
from typing import Any

import pytest
from broken_server import BROKEN, KEY, Answer, Asked, Server, completion, error, good, http, serving
from hypothesis import given
from hypothesis import strategies as st

from sandbox.chat import ChatCall
from sandbox.errors import UsageError
from sandbox.worlds.keys import Secret, key_from, plain_url
from sandbox.worlds.openai_api import Endpoint, Facts, OpenAIClient
from sandbox.worlds.wire import Answered, Failed, Usage, duration, pause_of, read_answer, read_error, wait_of

CALL = ChatCall((("user", "2 + 2?"),), "m", temperature=0.0, max_tokens=8, seed=3)


def ask(answer: Answer, *calls: ChatCall, **settings: Any) -> tuple[list[Answered | Failed], Server]:
    """What becomes of calls to a server that answers like this."""

    async def run() -> tuple[list[Answered | Failed], Server]:
        async with serving(answer) as server:
            endpoint = Endpoint(server.url, "m", **{"timeout": 0.4, **settings})
            async with OpenAIClient(endpoint, Secret(KEY)) as client:
                return [await client.ask(call, idempotency_key="i") for call in calls or (CALL,)], server

    return asyncio.run(run())


@pytest.mark.parametrize("name", BROKEN)
def test_every_broken_answer_is_sorted_and_none_is_raised(name: str) -> None:
    said, kind, again, billed = BROKEN[name]
    (result,), server = ask(lambda _: said)
    assert isinstance(result, Failed), result
    assert (result.kind, result.again, result.billed) == (kind, again, billed), result
    assert result.detail
    assert "\n" not in result.detail
    assert len(result.detail) < 300
    assert result.stop == (kind in ("out_of_money", "unauthorized", "unknown_model", "unsupported"))
    assert len(server.asked) == 1, "the client repeated by itself"


def test_there_are_more_than_twenty_of_them() -> None:
    assert len(BROKEN) > 50


def test_a_server_that_is_not_there_bills_nothing() -> None:
    async def run() -> Answered | Failed:
        async with OpenAIClient(Endpoint("http://127.0.0.1:9/v1", "m"), Secret(KEY)) as client:
            return await client.ask(CALL)

    result = asyncio.run(run())
    assert isinstance(result, Failed)
    assert (result.kind, result.again, result.billed) == ("dropped", True, False)


def test_an_endless_answer_is_cut_off() -> None:
    megabyte = b" " * 2**20
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"
    (result,), _ = ask(lambda _: [head, *[megabyte] * 40], timeout=20.0)
    assert isinstance(result, Failed)
    assert result.kind == "malformed"
    assert not result.again


def test_a_healthy_answer_arrives_with_its_usage() -> None:
    usage = {
        "prompt_tokens": 2000, "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 100},
    }  # fmt: skip
    (result,), server = ask(lambda _: good("four", usage=usage))
    assert isinstance(result, Answered)
    assert result.usage == Usage(2000, 3, 1024, 100)
    assert [choice.text for choice in result.answer.choices] == ["four"]
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "m", "messages": [{"role": "user", "content": "2 + 2?"}], "temperature": 0.0, "seed": 3,
        "max_tokens": 8,
    }  # fmt: skip
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["idempotency-key"] == "i"
    assert asked.headers["x-sandbox-occurrence"] == "0"


def test_everything_of_a_call_is_sent_and_the_marks_can_be_left_out() -> None:
    call = ChatCall((("system", "s"), ("user", "é😀\0")), "other", 2, 0.5, 0.9, 7, ("\n", "."), 11)
    two = [{**completion()["choices"][0], "index": i, "message": {"content": str(i)}} for i in (1, 0)]
    (result,), server = ask(lambda _: good(choices=two), call, marks=False)
    assert isinstance(result, Answered)
    assert [choice.text for choice in result.answer.choices] == ["0", "1"], "sorted by index"
    (asked,) = server.asked
    assert asked.body == {
        "model": "other", "temperature": 0.5, "top_p": 0.9, "n": 2, "max_tokens": 7, "stop": ["\n", "."],
        "seed": 11, "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "é😀\0"}],
    }  # fmt: skip
    assert not {"idempotency-key", "x-sandbox-occurrence"} & set(asked.headers)


def test_half_a_surrogate_pair_is_refused_before_anything_is_sent() -> None:
    (result,), server = ask(lambda _: good(), ChatCall((("user", "\ud800"),), "m", max_tokens=1))
    assert isinstance(result, Failed)
    assert not result.billed
    assert not server.asked


@pytest.mark.parametrize(
    "usage",
    [
        None, {}, [], "12", {"prompt_tokens": 12}, {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1}, {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": 5, "completion_tokens": 0},
        {"prompt_tokens": 10**30, "completion_tokens": 1},
    ],
)  # fmt: skip
def test_usage_that_is_no_count_is_no_usage(usage: Any) -> None:
    (result,), _ = ask(lambda _: good(usage=usage))
    assert isinstance(result, Answered)
    assert result.usage is None


def test_a_model_that_knows_only_the_other_name_of_max_tokens_is_asked_again_once() -> None:
    body = {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter",
    }  # fmt: skip

    def answer(asked: Asked) -> bytes:
        if "max_tokens" in asked.body:
            return http(400, json.dumps({"error": body}).encode())
        return good(str(asked.body["max_completion_tokens"]))

    results, server = ask(answer, CALL, CALL)
    assert all(isinstance(result, Answered) for result in results)
    assert ["max_tokens" in asked.body for asked in server.asked] == [True, False, False]


def test_a_used_up_rate_limit_holds_the_next_request_up() -> None:
    headers = ("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 250ms")
    came: list[float] = []

    def answer(_: Asked) -> bytes:
        came.append(time.monotonic())
        return good("a", *headers) if len(came) == 1 else good("b")

    ask(answer, CALL, CALL, timeout=5.0)
    assert 0.24 < came[1] - came[0] < 2


def test_a_limit_is_heeded_on_errors_too_and_never_for_longer_than_the_cap() -> None:
    said = error(429, *("rate_limit_exceeded", "tokens", "m"), "x-ratelimit-remaining-tokens: 0",
                 "x-ratelimit-reset-tokens: 6m0s")  # fmt: skip
    came: list[float] = []

    def answer(_: Asked) -> bytes:
        came.append(time.monotonic())
        return said

    ask(answer, CALL, CALL, timeout=5.0, most_pause=0.2)
    assert 0.19 < came[1] - came[0] < 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "50", "retry-after": "9"}, 0.05),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Fri, 01 Jan 2010 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_what_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers) == seconds


def test_go_durations() -> None:
    assert duration("1h2m3.5s") == 3723.5
    assert duration("1m30ms") == pytest.approx(60.03)
    for nonsense in ("", "s", "5", "1s later", "1x", "-1s"):
        assert duration(nonsense) in (None, 5.0)
    assert (
        pause_of({"x-ratelimit-remaining-project-tokens": "0", "x-ratelimit-reset-project-tokens": "2s"}) == 2
    )
    assert pause_of({"x-ratelimit-remaining-tokens": "1", "x-ratelimit-reset-tokens": "2s"}) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "content", "finish_reason", "usage", "error", "code", "index", "refusal",
             "prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "type"]
        ) | st.text(max_size=3),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    JSON | st.fixed_dictionaries({"choices": st.lists(JSON, min_size=1, max_size=2)}), st.integers(100, 599)
)
def test_any_json_and_any_status_is_sorted(body: Any, status: int) -> None:
    raw = json.dumps(body).encode()
    assert isinstance(read_answer(raw, "x", 1), Answered | Failed)
    failed = read_error(status, {}, raw)
    assert not failed.detail.count("\n")
    assert not (failed.again and failed.stop)


@given(st.binary(max_size=60))
def test_any_bytes_are_sorted(body: bytes) -> None:
    assert isinstance(read_answer(body, "", 1), Failed) or b"choices" in body
    read_error(500, {}, body)


def test_the_list_of_models_tells_how_an_endpoint_counts() -> None:
    mine = {"id": "m", "object": "model", "tokenizer": "sandbox-1", "idempotent": True}
    models = {"object": "list", "data": [{"id": "a", "object": "model"}, mine]}

    async def run(said: bytes, model: str) -> Facts:
        async with (
            serving(lambda _: said) as server,
            OpenAIClient(Endpoint(server.url, model, timeout=0.5), Secret(KEY)) as client,
        ):
            return await client.facts()

    listed = http(200, json.dumps(models).encode())
    assert asyncio.run(run(listed, "m")) == Facts("sandbox-1", True)
    assert asyncio.run(run(listed, "other")) == Facts()
    for said in (
        error(404),
        http(200, b"{}"),
        http(200, b"<html>", kind="text/html"),
        http(200, b'{"data": 3}'),
    ):
        assert asyncio.run(run(said, "m")) == Facts()


def test_the_key_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Echoed in every error and answer, with all logs on: it is seen by the server alone."""
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    root = logging.getLogger()
    level = root.level
    monkeypatch.setenv("MY_KEY", f"  {KEY}\n")

    def answer(asked: Asked) -> bytes | list[bytes | float | None]:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        echo = [
            error(500, KEY, KEY, f"Bearer {KEY}"), error(401, None, "x", f"key {KEY[:12]}***{KEY[-4:]}"),
            http(400, KEY.encode(), kind="text/plain"), good(KEY), good(choices=KEY),
            http(200, b"{}", kind=KEY),
        ]  # fmt: skip
        return echo[asked.number]

    async def run() -> list[object]:
        seen: list[object] = []
        async with serving(answer) as server:
            async with OpenAIClient(Endpoint(server.url, "m", key_env="MY_KEY")) as client:
                seen += [client, vars(client), client.endpoint, client._openai]
                for _ in range(6):
                    seen.append(await client.ask(CALL, user="u"))
            try:
                raise RuntimeError("x")
            except RuntimeError:
                seen.append(traceback.format_exc())
        return seen

    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        seen = asyncio.run(run())
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    text = repr(seen) + "".join(map(str, seen)) + logged.getvalue()
    assert "HTTP" in logged.getvalue(), "the logs were on"
    assert KEY not in text
    assert KEY[8:20] not in text


def test_a_key_does_not_leave_by_pickle_copy_or_comparison() -> None:
    key = Secret(KEY)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not leave"):
            leave(key)
    assert f"{key} {key!r} {key!s}" == "[key] [key] [key]"
    assert Secret("x").hide("six boxes") == "six boxes"


@pytest.mark.parametrize("value", ["", "  \n", "sk-a\nb", "schlüssel", "two words"])
def test_an_unusable_key_is_an_error_that_does_not_show_it(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(UsageError, match="SOME_KEY") as caught:
        key_from("SOME_KEY")
    assert not value.strip() or value.strip() not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_in_place_of_the_variables_name_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        key_from(KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://a/v1",
        "http://",
        "http://u:pw@a/v1",
        "http://a/v1?k=pw",
        "http://a/#pw",
        "http://[",
        "http://a:x",
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--base-url") as caught:
        plain_url(url)
    assert "pw" not in str(caught.value)


def test_nonsense_settings_are_refused() -> None:
    for wrong in (
        {"model": " "},
        {"timeout": 0.0},
        {"timeout": float("nan")},
        {"connect": -1.0},
        {"most_pause": -1.0},
    ):
        with pytest.raises(UsageError):
            Endpoint(**{"base_url": "http://a/v1", "model": "m", **wrong})
