"""The official client against the endpoint, over real sockets: every route, whole and streamed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from endpoint_kit import CHAT, app_of, ask, key_of, said
from hypothesis import given
from hypothesis import strategies as st

from mocks.endpoint.embedding import embed
from mocks.endpoint.server import running
from sandbox.budget import Budget
from sandbox.tokens import count_messages

HARD = 'ñ 🎉 \u0000 \u2028 עברית ‮ \\" \n\r\n\t e\u0301'


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    app = app_of(budget=Budget())
    with running(app) as url, openai.OpenAI(base_url=url, api_key=key_of(app), max_retries=0) as client:
        yield client


def chat(client: openai.OpenAI, text: str = "hello world", **more: Any) -> Any:
    return client.chat.completions.create(model="echo", messages=[{"role": "user", "content": text}], **more)


def test_a_chat_has_every_field_that_clients_read(client: openai.OpenAI) -> None:
    answer = chat(client, "one two", user="fields")
    assert answer.object == "chat.completion"
    assert answer.model == "echo"
    assert answer.id.startswith("chatcmpl-")
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content) == ("assistant", "one two 0.0")
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert answer.usage.prompt_tokens == count_messages([("user", "one two")])
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_several_texts_stops_and_lengths(client: openai.OpenAI) -> None:
    answer = chat(client, "a b c", n=3, user="several")
    assert [choice.message.content for choice in answer.choices] == ["a b c 0.0", "a b c 0.1", "a b c 0.2"]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert chat(client, "a b c", stop="b").choices[0].message.content == "a "
    assert chat(client, "a b c", stop=["x", " c"]).choices[0].message.content == "a b"
    for limit in (
        {"max_tokens": 2},
        {"max_completion_tokens": 2},
        {"max_tokens": 9, "max_completion_tokens": 2},
    ):
        (choice,) = chat(client, "a b c", **limit).choices
        assert (choice.message.content, choice.finish_reason) == ("a b", "length")


def test_logprobs_come_where_they_are_wanted(client: openai.OpenAI) -> None:
    (choice,) = chat(client, "é 🎉", logprobs=True, top_logprobs=1).choices
    assert "".join(token.token for token in choice.logprobs.content) == choice.message.content
    assert (
        b"".join(bytes(token.bytes) for token in choice.logprobs.content).decode() == choice.message.content
    )
    assert all(token.top_logprobs[0].logprob == token.logprob == -0.5 for token in choice.logprobs.content)
    (choice,) = chat(client, "x", logprobs=True).choices
    assert choice.logprobs.content[0].top_logprobs == []


@pytest.mark.parametrize("n", [1, 3])
def test_a_stream_says_what_the_whole_answer_says(client: openai.OpenAI, n: int) -> None:
    asked: dict[str, Any] = {"n": n, "logprobs": True, "top_logprobs": 1}
    whole = chat(client, HARD, user=f"whole {n}", **asked)
    events = list(
        chat(client, HARD, user=f"stream {n}", stream=True, stream_options={"include_usage": True}, **asked)
    )
    *chunks, last = events
    assert last.choices == []
    assert last.usage == whole.usage
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)
    assert len({(chunk.id, chunk.created, chunk.object) for chunk in events}) == 1
    for i in range(n):
        mine = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == i]
        assert mine[0].delta.role == "assistant"
        assert all(choice.delta.role is None and choice.finish_reason is None for choice in mine[1:-1])
        assert mine[-1].finish_reason == whole.choices[i].finish_reason
        assert mine[-1].delta.content is None
        assert "".join(c.delta.content or "" for c in mine) == whole.choices[i].message.content
        told = [token for c in mine if c.logprobs for token in c.logprobs.content]
        assert told == whole.choices[i].logprobs.content


def test_a_stream_without_usage_has_none_and_ends_with_done() -> None:
    answer = ask(app_of(), body=said("a b", stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.body.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert all("usage" not in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}


def test_what_does_not_change_the_answer_is_accepted(client: openai.OpenAI) -> None:
    extra = {
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "auto", "parallel_tool_calls": True, "logit_bias": {"5": 1}, "presence_penalty": 1,
        "metadata": {"a": "b"}, "service_tier": "auto", "reasoning_effort": "low", "store": False,
        "extra_body": {"an_unknown_field": [1, {"x": None}]}, "prompt_cache_key": "k",
    }  # fmt: skip
    plain = chat(client, "same", user="plain").choices[0]
    assert chat(client, "same", user="extra", **extra).choices[0] == plain


def test_content_may_be_parts_or_null() -> None:
    app = app_of()
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
    joined = ask(app, body={"model": "echo", "messages": [{"role": "user", "content": parts}]})
    assert joined.texts == ["a b 0.0"]
    tool = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    empty = ask(app, body={"model": "echo", "messages": [tool]})
    assert empty.texts == [" 0.0"]


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    """Lone surrogates, controls and directions included; whole and streamed."""
    if text in ("bug", "long"):
        return
    app = app_of()
    assert ask(app, body=said(text)).texts == [f"{text} 0.0"]
    events = ask(app, body=said(text, stream=True)).body.decode().split("\n\n")
    deltas = [json.loads(event[6:])["choices"][0]["delta"] for event in events[:-2]]
    assert "".join(delta.get("content", "") for delta in deltas) == f"{text} 1.0"


def test_the_older_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="echo", prompt=["a b", "c"], n=2, logprobs=1, user="old")
    assert [choice.text for choice in answer.choices] == ["a b 0.0", "a b 0.1", "c 0.0", "c 0.1"]
    assert answer.object == "text_completion"
    first = answer.choices[0].logprobs
    assert first is not None
    assert first.tokens is not None
    assert "".join(first.tokens) == "a b 0.0"
    assert first.text_offset == [0, 1, 3, 4, 5, 6]
    stream = client.completions.create(model="echo", prompt="a b", stream=True, user="old stream")
    assert "".join(event.choices[0].text for event in stream) == "a b 0.0"


def test_embeddings_are_unit_vectors_that_know_spelling(client: openai.OpenAI) -> None:
    texts = ["the plural of a noun", "the plural of the noun", "zzz 42 !!"]
    found = client.embeddings.create(model="text-embedding-3-small", input=texts)  # base64 on the wire
    vectors = np.array([item.embedding for item in found.data])
    assert vectors.shape == (3, 1536)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]
    floats = client.embeddings.create(
        model="text-embedding-3-small", input=texts, encoding_format="float", dimensions=64
    )
    assert len(floats.data[2].embedding) == 64
    assert np.allclose(floats.data[2].embedding, embed(texts[2], 64))
    assert found.usage.prompt_tokens == found.usage.total_tokens > 0
    numbers = client.embeddings.create(model="text-embedding-3-small", input=[[1, 2, 3], [4]])
    assert len(numbers.data) == 2
    raw = ask(
        app_of(),
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": "x", "encoding_format": "base64", "dimensions": 8},
    ).json
    assert np.frombuffer(base64.b64decode(raw["data"][0]["embedding"]), "<f4").shape == (8,)


def test_models_and_responses(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["echo", "text-embedding-3-small"]
    assert client.models.retrieve("echo").model_dump()["tokenizer"] == "sandbox-1"
    with pytest.raises(openai.NotFoundError, match="did you mean echo"):
        client.models.retrieve("ecko")
    answer = client.responses.create(model="echo", input="hi", instructions="be brief", max_output_tokens=1)
    assert (answer.output_text, answer.status) == ("hi", "incomplete")
    asked: Any = [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
    assert client.responses.create(model="echo", input=asked).output_text == "hi 0.0"


def test_all_routes_work_without_v1_too() -> None:
    app = app_of()
    assert ask(app, CHAT.removeprefix("/v1"), said()).status == 200
    assert ask(app, "/models", method="GET").status == 200
    assert ask(app, "/v1/healthz", method="GET").json == {"status": "ok"}


def test_the_async_client_asks_many_at_once() -> None:
    app = app_of()

    async def main(url: str) -> list[str]:
        async with openai.AsyncOpenAI(base_url=url, api_key="any") as client:
            answers = await asyncio.gather(
                *[
                    client.chat.completions.create(
                        model="echo", messages=[{"role": "user", "content": f"row {i}"}]
                    )
                    for i in range(64)
                ]
            )
        return [answer.choices[0].message.content or "" for answer in answers]

    with running(app) as url:
        assert asyncio.run(main(url)) == [f"row {i} 0.0" for i in range(64)]


def test_every_answer_carries_the_headers_of_the_api(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="echo", messages=[{"role": "user", "content": "x"}]
    )
    assert raw.headers["x-request-id"].startswith("req_")
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.headers["openai-version"] == "2020-10-01"
    with pytest.raises(openai.BadRequestError) as refused:
        chat(client, n=0)
    assert refused.value.request_id.startswith("req_")
