"""One HTTP request and its answer, on the wire of an ASGI server."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic_ns
from typing import Any, TypeAlias

from mocks.endpoint.accounts import Account, Stored
from mocks.endpoint.clock import Caller, Clock
from mocks.endpoint.limiter import Limiter
from mocks.endpoint.problems import Headers, Problem

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
TRANSPORT = "sandbox.transport"
"""Where in the scope our server keeps the connection's transport."""


class HungUp(Exception):
    """The client left before its request was there."""


class Exchange:
    """A request, and how to answer it."""

    __slots__ = (
        "account", "arrived", "caller", "clock", "complete", "extra", "headers", "ident", "limiter",
        "receive", "record", "scope", "send", "status",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send, ident: str) -> None:
        self.arrived = monotonic_ns()
        self.scope = scope
        self.receive = receive
        self.send = send
        self.ident = ident
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.caller = Caller(receive)
        self.status = 0
        """Of the answer; 0 until there is one, and where the connection broke."""
        self.account: Account | None = None
        self.clock: Clock | None = None
        self.limiter: Limiter | None = None
        self.extra: list[tuple[bytes, bytes]] = []
        """Headers for whatever the answer will be."""
        self.record: Stored | None = None
        """Where the answer is kept for others who ask under the same Idempotency-Key."""
        self.complete = False
        """The answer is a good one and was sent to its end."""

    async def body(self, most: int, seconds: float) -> bytes:
        """The request's body.

        Raises:
            Problem: 413 above `most` bytes, 408 if it takes longer than `seconds`.
            HungUp: if the client left.
        """
        told = self.headers.get(b"content-length")
        if told is not None and (not told.isdigit() or len(told) > 18 or int(told) > most):
            raise _too_large(most)
        message = await self.receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
        else:
            try:
                async with asyncio.timeout(seconds):
                    body = await self._rest(message, most)
            except TimeoutError:
                raise Problem(
                    408, "timeout", "request_timeout", None,
                    f"The body took more than {seconds:g} s.", _CLOSE,
                ) from None  # fmt: skip
        if len(body) > most:
            raise _too_large(most)
        return body

    async def _rest(self, message: MutableMapping[str, Any], most: int) -> bytes:
        parts, size = [], 0
        while True:
            if message["type"] == "http.disconnect":
                raise HungUp
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise _too_large(most)
            if not message.get("more_body"):
                return b"".join(parts)
            message = await self.receive()

    async def reply(
        self,
        status: int,
        body: bytes,
        content_type: bytes = JSON,
        headers: Headers = (),
    ) -> None:
        """Answer at once."""
        if self.record is not None and status == 200:
            self.record.status, self.record.content_type, self.record.body = status, content_type, body
        found = self._heading(status, content_type)
        found.append((b"content-length", b"%d" % len(body)))
        found += headers
        await self.send({"type": "http.response.start", "status": status, "headers": found})
        await self.send({"type": "http.response.body", "body": body})

    async def fail(self, problem: Problem) -> None:
        """Answer with an error."""
        await self.reply(problem.status, problem.body(), JSON, problem.headers)

    async def begin(self) -> None:
        """Begin a stream of events."""
        found = self._heading(200, EVENTS)
        found.append((b"cache-control", b"no-cache"))
        await self.send({"type": "http.response.start", "status": 200, "headers": found})
        if self.record is not None:
            self.record.content_type = EVENTS

    async def write(self, events: bytes, more: bool = True) -> None:
        """Send events."""
        if self.record is not None:
            self.record.body += events
            if not more:
                self.record.status = 200
        await self.send({"type": "http.response.body", "body": events, "more_body": more})

    def _heading(self, status: int, content_type: bytes) -> list[tuple[bytes, bytes]]:
        self.status = status
        took = (monotonic_ns() - self.arrived) // 1_000_000
        found = [
            (b"content-type", content_type),
            (b"x-request-id", b"req_" + self.ident.encode()),
            (b"openai-processing-ms", b"%d" % took),
            _VERSION,
            *self.extra,
        ]
        clock = self.clock
        if clock is not None:
            if self.limiter is not None:
                found += self.limiter.headers(clock.now(), clock.wall(10**9) / 10**9)
            if clock.virtual and self.account is not None:
                found.append((b"x-sandbox-clock", b"%.9f" % (self.account.passed() / 10**9)))
        return found

    # --- what no server should do ---

    async def close(self, before: bytes = b"", reset: bool = False) -> None:
        """Break the connection, after some raw bytes; a server that hides it sees an error instead.

        Raises:
            ConnectionResetError: where the connection cannot be reached.
        """
        self.status = self.status if before else 0
        transport = self.scope.get(TRANSPORT)
        if transport is None:
            raise ConnectionResetError("a fault on purpose")
        if before:
            transport.write(before)
        if reset:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
        await self.caller.gone()


_VERSION = (b"openai-version", b"2020-10-01")
_CLOSE = ((b"connection", b"close"),)


def _too_large(most: int) -> Problem:
    return Problem(
        413, "invalid_request_error", "request_too_large", None,
        f"The body is larger than {most} bytes.", _CLOSE,
    )  # fmt: skip
