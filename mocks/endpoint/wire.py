"""uvicorn, with what we need beside it: the raw connection, clocks for slow heads, and a slow goodbye.

To be imported inside functions only: it needs the extra `serve`.
"""

from __future__ import annotations

import time
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mocks.endpoint.app import Endpoint
from mocks.endpoint.exchange import TRANSPORT
from mocks.endpoint.problems import error_body

MOST_HEAD = 64 * 2**10
"""Bytes of a request's line and headers."""


class Wire(HttpToolsProtocol):
    """One connection."""

    headless = True
    """Between requests, or in the head of one."""
    head_bytes = 0
    head_since = 0.0
    """When the head began, in seconds of the monotonic clock; 0 between requests."""

    def connection_made(self, transport: Any) -> None:
        """A client that connects has to say something."""
        self.head_since = time.monotonic()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to heads, roughly: a body that follows in the same packet counts too."""
        if self.headless:
            if not self.head_bytes:
                self.head_since = time.monotonic()
            self.head_bytes += len(data)
            super().data_received(data)
            if self.headless and self.head_bytes > MOST_HEAD and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large", "The headers are too large.")
        else:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """The scope carries the transport, so that faults can break it."""
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        """The head is there."""
        self.headless = False
        self.head_bytes = 0
        self.head_since = 0.0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another head."""
        self.headless = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets an error of OpenAI's shape."""
        self._refuse(b"400 Bad Request", msg)

    def late(self, now: float, seconds: float) -> bool:
        """Whether a head has been under way for too long."""
        return self.headless and 0 < self.head_since < now - seconds

    def _refuse(self, status: bytes, message: str) -> None:
        body = error_body(message, "invalid_request_error", None)
        self.transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (status, len(body), body)
        )
        self.transport.close()


class GracefulServer(uvicorn.Server):
    """Finishes what is in flight, answers 503 to the rest, then leaves."""

    def __init__(self, config: uvicorn.Config, app: Endpoint, head_seconds: float, patience: float) -> None:
        super().__init__(config)
        self._app = app
        self._head_seconds = head_seconds
        self._patience = patience
        self._until: float | None = None

    def wind_down(self) -> None:
        """The first time: refuse new requests. The second: leave now."""
        if self._app.draining:
            self.should_exit = self.force_exit = True
        self._app.draining = True
        self._until = time.monotonic() + self._patience

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        now = time.monotonic()
        if counter % 10 == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Wire) and connection.late(now, self._head_seconds):
                    connection.transport.close()
        if self._until is not None and (not self._app.in_flight or now > self._until):
            self.should_exit = True
        return await super().on_tick(counter)


def settings(app: Endpoint, keep_alive: float, patience: float) -> uvicorn.Config:
    """How uvicorn is to run: the fastest parts that are installed, no log of requests."""
    return uvicorn.Config(
        app,
        http=Wire,
        ws="none",
        lifespan="off",
        loop="auto",
        log_level="error",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=int(keep_alive),
        timeout_graceful_shutdown=max(int(patience), 1),
        backlog=2048,
    )
