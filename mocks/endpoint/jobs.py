"""Turns what each route reads into a job: what to ask, how large it can be, and how to write the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

from mocks.endpoint import reading, writing
from mocks.endpoint.accounts import Claim
from mocks.endpoint.embedding import embed, embeddings_body, read_embeddings
from sandbox.chat import ChatAnswer, ChatModel
from sandbox.tokens import count_messages


class Job(Protocol):
    """What is asked, without how it is let in, timed and paid."""

    model: str
    digests: list[bytes]
    """Of each call: what equal calls share."""
    events: writing.Events | None
    """Where a stream was asked for."""
    logprobs: bool

    def size(self) -> tuple[int, int, int]:
        """Prompt tokens, and bounds on completion tokens and texts."""
        ...

    def work(self, claims: Sequence[Claim]) -> list[ChatAnswer]:
        """One answer a call."""
        ...

    def luck(self, claim: Claim) -> bytes:
        """The key of latency and faults; of the first call, where there are several."""
        ...

    def body(self, answers: Sequence[ChatAnswer]) -> bytes: ...


Write: TypeAlias = Callable[[str, reading.Ask, Sequence[ChatAnswer]], bytes]
Read: TypeAlias = Callable[[Mapping[str, Any], str, int], reading.Ask]


def created() -> int:
    """Seconds since 1970, as answers carry them."""
    return int(time.time())


class ChatJob:
    """The job of a request to a chat model."""

    __slots__ = ("_ask", "_first", "_ident", "_model", "_write", "digests", "events", "logprobs", "model")

    def __init__(self, model: ChatModel, ask: reading.Ask, write: Write, ident: str) -> None:
        user = ask.user.encode("utf-8", "surrogatepass") + b"\0"
        keys = [call.key() for call in ask.calls]
        self.model = ask.model
        self.digests = [blake2b(user + key, digest_size=16).digest() for key in keys]
        self.logprobs = ask.logprobs is not None
        self.events: writing.Events | None = None
        if ask.stream:
            chat = write is write_chat
            self.events = writing.Events(ident, created(), ask.model, chat, ask.include_usage)
        self._model = model
        self._ask = ask
        self._write = write
        self._ident = ident
        self._first = keys[0]

    def size(self) -> tuple[int, int, int]:
        calls, bound = self._ask.calls, self._model.most_completion_tokens
        if len(calls) == 1:
            (call,) = calls
            return count_messages(call.messages), bound(call), call.n
        return (
            sum([count_messages(call.messages) for call in calls]),
            sum([bound(call) for call in calls]),
            sum([call.n for call in calls]),
        )

    def work(self, claims: Sequence[Claim]) -> list[ChatAnswer]:
        answer, logprobs = self._model.answer, self._ask.logprobs
        return [
            answer(call, claim.occurrence, logprobs)
            for call, claim in zip(self._ask.calls, claims, strict=True)
        ]

    def luck(self, claim: Claim) -> bytes:
        """What `sandbox.worlds.chat.luck_of` says."""
        return self._first + claim.occurrence.to_bytes(8, "little")

    def body(self, answers: Sequence[ChatAnswer]) -> bytes:
        return self._write(self._ident, self._ask, answers)


class EmbeddingJob:
    """The job of a request for embeddings."""

    events: writing.Events | None = None
    logprobs = False

    def __init__(self, data: Mapping[str, Any], body: bytes, embedders: Mapping[str, object]) -> None:
        """Read it.

        Raises:
            Problem: naming the first field that cannot be used.
        """
        self.model = reading.read_model(data, embedders)
        self.digests = [blake2b(b"embeddings" + body, digest_size=16).digest()]
        self._wanted = read_embeddings(data)

    def size(self) -> tuple[int, int, int]:
        return self._wanted.tokens, 0, 0

    def work(self, claims: Sequence[Claim]) -> list[ChatAnswer]:
        return [ChatAnswer((), self._wanted.tokens, 0) for _ in claims]

    def luck(self, claim: Claim) -> bytes:
        return self.digests[0] + claim.occurrence.to_bytes(8, "little")

    def body(self, answers: Sequence[ChatAnswer]) -> bytes:
        wanted = self._wanted
        vectors = [embed(text, wanted.dimensions) for text in wanted.texts]
        return embeddings_body(self.model, vectors, wanted.tokens, wanted.base64)


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
