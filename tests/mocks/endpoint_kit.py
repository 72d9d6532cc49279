"""What the endpoint's tests share: a tiny model, an app around it, and a client without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mocks.endpoint.app import Endpoint, make_app
from mocks.endpoint.keys import KeyRing
from mocks.service import Latency, Service
from sandbox.budget import Budget
from sandbox.chat import ChatAnswer, ChatCall, Choice, TokenChance
from sandbox.tokens import count_messages, pieces

INSTANT = Service(latency=Latency(0.0, 0.0, 0.0))
CHAT = "/v1/chat/completions"


class ContextTooLong(Exception):
    """As the mock LLM raises it."""


class Echo:
    """Answers with the last message, the repeat and the number of the text; `long` and `bug` break it."""

    name = "echo"

    def answer(self, call: ChatCall, occurrence: int = 0, top_logprobs: int | None = None) -> ChatAnswer:
        asked = call.messages[-1][1]
        if asked == "bug":
            raise ZeroDivisionError("a secret of the model")
        choices = []
        for i in range(call.n):
            text, finish = f"{asked} {occurrence}.{i}", "stop"
            cuts = [place for place in (text.find(stop) for stop in call.stop) if place >= 0]
            text = text[: min(cuts)] if cuts else text
            tokens = pieces(text) if text else []
            if call.max_tokens is not None and len(tokens) > call.max_tokens:
                tokens, finish = tokens[: call.max_tokens], "length"
            chances: tuple[TokenChance, ...] = ()
            if top_logprobs is not None:
                chances = tuple(TokenChance(t, -0.5, ((t, -0.5),)[:top_logprobs]) for t in tokens)
            choices.append(Choice("".join(tokens), finish, chances))
        written = sum(len(pieces(choice.text)) if choice.text else 0 for choice in choices)
        return ChatAnswer(tuple(choices), count_messages(call.messages), written)

    def outcomes(self, call: ChatCall) -> Sequence[tuple[str, float]]:
        return [(self.answer(call).choices[0].text, 1.0)]

    def most_completion_tokens(self, call: ChatCall) -> int:
        asked = call.messages[-1][1]
        if asked == "long":
            raise ContextTooLong("context_length_exceeded", "5 tokens are too many for this model.")
        most = len(pieces(asked)) + 20
        return call.n * (most if call.max_tokens is None else min(most, call.max_tokens))


def app_of(service: Service = INSTANT, *, budget: Budget | None = None, **settings: Any) -> Endpoint:
    """An app without keys, or with one key called `tester` and this budget."""
    if budget is None:
        return make_app({"echo": Echo()}, service, keys=None, **settings)
    ring, made = KeyRing.of({"tester": budget})
    app = make_app({"echo": Echo()}, service, keys=ring, **settings)
    app.test_key = made["tester"]  # type: ignore[attr-defined]
    return app


def key_of(app: Endpoint) -> str:
    return getattr(app, "test_key", "none")


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def texts(self) -> list[str]:
        return [choice["message"]["content"] for choice in self.json["choices"]]

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error


async def request(
    app: Endpoint,
    path: str = CHAT,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Answered:
    """One request to an app in this process."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent = {"authorization": f"Bearer {key_of(app)}", **(headers or {})}
    scope = {
        "type": "http", "method": method, "path": path, "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    incoming = [{"type": "http.request", "body": raw, "more_body": False}]
    outgoing: list[Any] = []

    async def receive() -> Any:
        if incoming:
            return incoming.pop()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        outgoing.append(message)

    await app(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in outgoing[0]["headers"]}
    return Answered(outgoing[0]["status"], found, b"".join(part["body"] for part in outgoing[1:]))


def ask(app: Endpoint, path: str = CHAT, body: object = None, **more: Any) -> Answered:
    return asyncio.run(request(app, path, body, **more))


def said(text: str = "hello", **more: Any) -> dict[str, Any]:
    """The body of a chat with one message."""
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **more}
