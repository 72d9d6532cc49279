"""Turns what each route reads into a job: what to ask, how large it can be, and how to write the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, TypeAlias

from mocks.endpoint import reading, writing
from mocks.endpoint.accounts import Claim
from mocks.endpoint.embedding import embed, embeddings_body, read_embeddings
from sandbox.chat import ChatAnswer, ChatCall, ChatModel
from sandbox.tokens import count_messages


@dataclass(slots=True)
class Job:
    """What is asked, without how it is let in, timed and paid."""

    model: str
    digests: list[bytes]
    """Of each call: what equal calls share."""
    size: Callable[[], tuple[int, int, int]]
    """Prompt tokens, and bounds on completion tokens and texts."""
    work: Callable[[Sequence[Claim]], list[ChatAnswer]]
    luck: Callable[[Claim], bytes]
    """The key of latency and faults; of the first call, where there are several."""
    body: Callable[[Sequence[ChatAnswer]], bytes]
    events: writing.Events | None = None
    """Where a stream was asked for."""
    logprobs: bool = False


Write: TypeAlias = Callable[[str, reading.Ask, Sequence[ChatAnswer]], bytes]
Read: TypeAlias = Callable[[Mapping[str, Any], str, int], reading.Ask]


def created() -> int:
    """Seconds since 1970, as answers carry them."""
    return int(time.time())


def job_of(
    read: Read, write: Write, data: Mapping[str, Any], models: Mapping[str, ChatModel], seed: int, ident: str
) -> Job:
    """The job of a request to a chat model.

    Raises:
        Problem: naming the first field that cannot be used.
    """
    name = reading.read_model(data, models)
    ask = read(data, name, seed)
    model, calls, logprobs = models[name], ask.calls, ask.logprobs
    user = ask.user.encode("utf-8", "surrogatepass") + b"\0"
    keys = [call.key() for call in calls]
    first = keys[0]
    events = None
    if ask.stream:
        events = writing.Events(ident, created(), name, write is write_chat, ask.include_usage)
    return Job(
        name,
        [blake2b(user + key, digest_size=16).digest() for key in keys],
        partial(_size, model, calls),
        lambda claims: [
            model.answer(call, claim.occurrence, logprobs) for call, claim in zip(calls, claims, strict=True)
        ],
        lambda claim: first + claim.occurrence.to_bytes(8, "little"),  # sandbox.worlds.chat.luck_of
        partial(write, ident, ask),
        events,
        logprobs is not None,
    )


def embedding_job(data: Mapping[str, Any], body: bytes, embedders: Mapping[str, object]) -> Job:
    """The job of a request for embeddings.

    Raises:
        Problem: naming the first field that cannot be used.
    """
    name = reading.read_model(data, embedders)
    wanted = read_embeddings(data)
    digest = blake2b(b"embeddings" + body, digest_size=16).digest()

    def write(answers: Sequence[ChatAnswer]) -> bytes:
        vectors = [embed(text, wanted.dimensions) for text in wanted.texts]
        return embeddings_body(name, vectors, wanted.tokens, wanted.base64)

    return Job(
        name,
        [digest],
        size=lambda: (wanted.tokens, 0, 0),
        work=lambda claims: [ChatAnswer((), wanted.tokens, 0)],
        luck=lambda claim: digest + claim.occurrence.to_bytes(8, "little"),
        body=write,
    )


def write_chat(ident: str, ask: reading.Ask, answers: Sequence[ChatAnswer]) -> bytes:
    """The body of an answer to POST /v1/chat/completions."""
    return writing.chat_body(ident, created(), ask.model, answers[0], ask.logprobs is not None)


def write_completions(ident: str, ask: reading.Ask, answers: Sequence[ChatAnswer]) -> bytes:
    """The body of an answer to POST /v1/completions."""
    return writing.completions_body(ident, created(), ask.model, answers, ask.logprobs is not None)


def write_responses(ident: str, ask: reading.Ask, answers: Sequence[ChatAnswer]) -> bytes:
    """The body of an answer to POST /v1/responses."""
    call = ask.calls[0]
    return writing.responses_body(ident, created(), ask.model, answers[0], call.temperature, call.top_p)


def _size(model: ChatModel, calls: Sequence[ChatCall]) -> tuple[int, int, int]:
    if len(calls) == 1:
        (call,) = calls
        return count_messages(call.messages), model.most_completion_tokens(call), call.n
    return (
        sum([count_messages(call.messages) for call in calls]),
        sum([model.most_completion_tokens(call) for call in calls]),
        sum([call.n for call in calls]),
    )
