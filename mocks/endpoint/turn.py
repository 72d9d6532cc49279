"""One request and its answer on the wire, as ASGI sees them."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Protocol

STATUS = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in HTTPStatus
}
_DISCONNECT = {"type": "http.disconnect"}


class Peer(Protocol):
    """The connection that a turn belongs to."""

    transport: Any
    last: bool
    """To be closed after the answer."""
    drained: asyncio.Future[None] | None
    """Done when the client has read enough; None if nobody has to wait for that."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    @property
    def date(self) -> bytes:
        """The date's header line."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...

    def answered(self, turn: Turn) -> None:
        """The answer is complete."""
        ...


class Turn:
    """One request and its answer, as ASGI sees them."""

    __slots__ = (
        "_begun", "_chunked", "_connection", "_head", "_waiter", "body", "complete", "expects", "keep",
        "left", "more", "scope", "started", "told",
    )  # fmt: skip

    def __init__(self, connection: Peer, scope: dict[str, Any], keep: bool, expects: bool) -> None:
        self.scope = scope
        self.keep = keep
        """Whether the connection stays open after the answer."""
        self.expects = expects
        """The client waits for a word before it sends the body."""
        self.body = b""
        self.more = True
        """The body has not ended yet."""
        self.started = False
        """The application works on it."""
        self.told = False
        """The application has seen the body's end."""
        self.left = False
        """The client is gone."""
        self.complete = False
        self._connection = connection
        self._begun = False
        self._chunked = False
        self._head: bytes | None = None
        self._waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Something has come in."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """What came in; the first time without waiting, even if that is nothing yet."""
        if self.expects:
            self.expects = False
            if self.more:
                self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.left or self.complete):
            if not self.told and (self.body or not self.more or not self._begun):
                self._begun = True
                body, self.body = self.body, b""
                self.told = not self.more
                self._connection.resume()
                return {"type": "http.request", "body": body, "more_body": self.more}
            self._waiter = self._connection.loop.create_future()
            await self._waiter
        return _DISCONNECT

    async def send(self, message: dict[str, Any]) -> None:
        """A part of the answer."""
        connection = self._connection
        if self.left:
            return
        if connection.drained is not None:
            await connection.drained
        if message["type"] == "http.response.start":
            self._head = self._write_head(message["status"], message["headers"])
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self.scope["method"] == "HEAD":
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        if self._head is not None:
            body, self._head = self._head + body, None
        connection.transport.write(body)
        if not more:
            self.complete = True
            self.wake()
            connection.answered(self)

    def _write_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        parts = [STATUS[status], self._connection.date]
        sized = False
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
            if name == b"content-length":
                sized = True
            elif name == b"connection":
                self.keep = False
        if not sized:
            self._chunked = self.scope["http_version"] != "1.0"
            if self._chunked:
                parts.append(b"transfer-encoding: chunked\r\n")
            else:
                self.keep = False
        if self._connection.last:
            self.keep = False
        if not self.keep:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)
