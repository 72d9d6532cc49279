"""A raw server that answers a chat call in every way in which servers break, byte by byte."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

KEY = "sk-proj-Qz81-neverShown_0123456789"

Answer = Callable[["Asked"], "bytes | list[bytes | float | None]"]
"""Bytes to send; in a list also pauses in seconds, and None for a reset of the connection."""


@dataclass
class Asked:
    """One request as it came in."""

    number: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def http(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    head = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def completion(text: str | None = "four", **changes: Any) -> dict[str, Any]:
    """A healthy answer, with what is to differ."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    } | changes


def good(text: str | None = "four", *headers: str, **changes: Any) -> bytes:
    return http(200, json.dumps(completion(text, **changes)).encode(), *headers)


def choice(**changes: Any) -> bytes:
    found = completion()
    found["choices"][0] |= changes
    return http(200, json.dumps(found).encode())


def error(status: int, code: str | None = None, kind: str = "x", message: str = "no", *headers: str) -> bytes:
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return http(status, json.dumps(body).encode(), *headers)


def unlike(message: dict[str, Any]) -> bytes:
    return choice(message={"role": "assistant", "content": None, "refusal": None} | message)


LIMITED = ("rate_limit_exceeded", "requests", "Limit 3, Used 3, Requested 1. Please try again in 1.2s")

# name -> (what the server does, the kind it is sorted into, another attempt?, billed?)
BROKEN: dict[str, tuple[bytes | list[bytes | float | None], str, bool, bool]] = {
    "429 with retry-after-ms": (error(429, *LIMITED, "retry-after-ms: 50"), "rate_limited", True, False),
    "429 with retry-after 0": (error(429, *LIMITED, "retry-after: 0"), "rate_limited", True, False),
    "429 with retry-after 121": (error(429, *LIMITED, "retry-after: 121"), "rate_limited", True, False),
    "429 with a date": (
        error(429, *LIMITED, "retry-after: Fri, 01 Jan 2010 00:00:00 GMT"), "rate_limited", True, False
    ),
    "429 with nonsense": (error(429, *LIMITED, "retry-after: soon"), "rate_limited", True, False),
    "429 not to be repeated": (
        error(429, *LIMITED, "x-should-retry: false"), "rate_limited", False, False
    ),
    "429 slow down": (error(429, "slow_down", "rate_limit_error"), "rate_limited", True, False),
    "429 insufficient_quota": (
        error(429, "insufficient_quota", "insufficient_quota"), "out_of_money", False, False
    ),
    "429 project_spend_limit_exceeded": (
        error(429, "project_spend_limit_exceeded", "insufficient_quota"), "out_of_money", False, False
    ),
    "402": (error(402), "out_of_money", False, False),
    "400 too long": (error(400, "context_length_exceeded"), "rejected", False, False),
    "400 to be repeated": (error(400, None, "x", "no", "x-should-retry: true"), "rejected", True, False),
    "400 content filter": (error(400, "content_filter"), "filtered", False, False),
    "401": (error(401, "invalid_api_key", "x", f"No such key: {KEY}"), "unauthorized", False, False),
    "403": (error(403), "unauthorized", False, False),
    "404": (error(404, "model_not_found"), "unknown_model", False, False),
    "408": (error(408), "rejected", True, False),
    "409": (error(409), "rejected", True, False),
    "422 of FastAPI": (http(422, b'{"detail": [{"loc": ["body"]}]}'), "rejected", False, False),
    "307 elsewhere": (http(307, b"", "location: http://127.0.0.1:9/v1"), "unsupported", False, False),
    "500": (error(500, None, "server_error"), "server_error", True, False),
    "502 in HTML": (http(502, b"<html>Bad Gateway</html>", kind="text/html"), "server_error", True, False),
    "503 overloaded": (
        error(503, "server_is_overloaded", "service_unavailable_error"), "server_error", True, False
    ),
    "500 with a list for a body": (http(500, b"[1, 2]"), "server_error", True, False),
    "500 nested too deep": (http(500, b"[" * 100_000), "server_error", True, False),
    "closed before headers": ([b""], "dropped", True, True),
    "reset before headers": ([None], "dropped", True, True),
    "half a head": ([b"HTTP/1.1 200 OK\r\ncontent-ty"], "dropped", True, True),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.6\r\n"], "dropped", True, True),
    "body shorter than announced": (
        [b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + b'{"id"'], "dropped", True, True
    ),
    "broken chunks": (
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n"], "dropped", True, True
    ),
    "broken gzip": (
        http(200, gzip.compress(b"{}" * 99)[:-12] + b"x" * 12, "content-encoding: gzip"),
        "dropped", True, True,
    ),
    "silence": ([5.0], "timeout", True, True),
    "silence after the head": (
        [b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", 5.0], "timeout", True, True
    ),
    "a byte now and then": (
        [b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", *[b" ", 0.1] * 50], "timeout", True, True
    ),
    "broken JSON": (http(200, b'{"choices": [{"mess'), "malformed", True, True),
    "empty body": (http(200, b""), "malformed", True, True),
    "no UTF-8": (http(200, b'{"choices": "\xff\xfe"}'), "malformed", True, True),
    "nested too deep": (http(200, b"[" * 100_000), "malformed", True, True),
    "a number of a million digits": (http(200, b"1" * 1_000_000), "malformed", True, True),
    "HTML with status 200": (http(200, b"<html>hello</html>", kind="text/html"), "malformed", True, True),
    "a stream that nobody asked for": (
        http(200, b'data: {"choices": []}\n\ndata: [DONE]\n\n', kind="text/event-stream"),
        "malformed", True, True,
    ),
    "an empty object": (http(200, b"{}"), "malformed", True, True),
    "null": (http(200, b"null"), "malformed", True, True),
    "a list": (http(200, b"[]"), "malformed", True, True),
    "choices null": (good(choices=None), "malformed", True, True),
    "choices empty": (good(choices=[]), "malformed", True, True),
    "choices of numbers": (good(choices=[3]), "malformed", True, True),
    "two choices for one": (good(choices=completion()["choices"] * 2), "rejected", False, True),
    "message missing": (choice(message=None), "malformed", True, True),
    "content null": (unlike({}), "malformed", True, True),
    "content a list": (unlike({"content": [{"type": "text", "text": "a"}]}), "malformed", True, True),
    "refusal": (unlike({"refusal": "I will not."}), "refused", False, True),
    "tool call": (choice(finish_reason="tool_calls"), "refused", False, True),
    "content filter": (choice(finish_reason="content_filter"), "filtered", False, True),
    "content filter without content": (
        choice(finish_reason="content_filter", message={"content": None}), "filtered", False, True
    ),
    "finish_reason unknown": (choice(finish_reason="tired"), "malformed", True, True),
    "finish_reason null": (choice(finish_reason=None), "malformed", True, True),
    "finish_reason a list": (choice(finish_reason=[]), "malformed", True, True),
    "an error with status 200": (
        http(200, b'{"error": {"code": 429, "message": "slow"}}'), "rate_limited", True, False
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "malformed", True, True),
}  # fmt: skip


@dataclass
class Server:
    """A server on a port of its own."""

    answer: Answer
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(len(self.asked), head[0].split()[1], headers, json.loads(body) if body else {})
        self.asked.append(asked)
        said = self.answer(asked)
        for piece in said if isinstance(said, list) else [said]:
            if piece is None:
                writer.transport.abort()
                return False
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                writer.write(piece)
                await writer.drain()
        return not isinstance(said, list)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    server.url = f"http://{host}:{port}/v1"
    try:
        yield server
    finally:
        listening.close()
