"""HTTP/1.1 for an ASGI application, on httptools: leaner than uvicorn, and it lets faults at the wire.

A request whose body is there at once, which most are, runs without a task until it has to
wait; head and body of its answer leave in one write. To be imported inside functions only:
it needs the extra `serve`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from email.utils import formatdate
from time import monotonic
from types import coroutine
from typing import Any
from urllib.parse import unquote

import httptools

from mocks.endpoint.exchange import TRANSPORT
from mocks.endpoint.problems import error_body
from mocks.endpoint.turn import STATUS, Turn

log = logging.getLogger("sandbox.endpoint")
MOST_HEAD = 64 * 2**10
"""Bytes of a request's line and headers."""
HEAD_SECONDS = 20.0
"""How long a client may take to send the head of a request."""
IDLE_SECONDS = 75.0
"""How long a connection stays open between requests; more than clients keep them in their pools."""
STUCK_SECONDS = 60.0
"""How long a client may leave its answer unread."""
LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read, so that the refusal is not lost with it."""
_FULL = 2**20
"""Bytes of a body that nobody has read, beyond which its connection is not read."""
_App = Callable[[Any, Any, Any], Awaitable[None]]


class Wire:
    """All connections of one server."""

    def __init__(self, app: _App) -> None:
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.now = 0.0
        """Seconds, renewed by `sweep`: exact enough for what is measured in seconds."""
        self.date = b""
        self.sweep()

    def connect(self) -> Connection:
        """What speaks to a new client."""
        return Connection(self)

    def sweep(self) -> None:
        """Close whoever has been silent, slow or stuck for too long. To be called twice a second."""
        self.now = monotonic()
        self.date = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"
        for connection in list(self.connections):
            connection.check(self.now)

    def close(self) -> None:
        """Close everything that is idle; what is being answered is closed after its answer."""
        for connection in list(self.connections):
            connection.last = True
            if connection.turn is None:
                connection.transport.close()

    async def abort(self) -> None:
        """Cut everything off."""
        for task in list(self.tasks):
            task.cancel()
        for connection in list(self.connections):
            connection.transport.abort()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=1)


class Connection(asyncio.Protocol):
    """One client's connection; requests that come before the last is answered wait their turn."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.transport: Any = None
        self.turn: Turn | None = None
        """The request that is being answered."""
        self.drained: asyncio.Future[None] | None = None
        """Done when the client has read enough; None if nobody has to wait for that."""
        self.last = False
        """To be closed after the answer."""
        self._reading: Turn | None = None
        """The request whose body is coming in."""
        self._queue: deque[Turn] = deque()
        self._parser: Any = None
        self._since = wire.now
        """When the state began that must not last too long."""
        self._head_bytes = 0
        self._lingers = False
        self._paused = False
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False
        self._client: Any = None
        self._server: Any = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        return self.wire.loop

    @property
    def date(self) -> bytes:
        """The date's header line."""
        return self.wire.date

    # --- asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here."""
        self.transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._client = transport.get_extra_info("peername")
        self._server = transport.get_extra_info("sockname")
        self.wire.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and so is whoever would have read the answers."""
        self.wire.connections.discard(self)
        self._queue.clear()
        for turn in (self.turn, self._reading):
            if turn is not None:
                turn.left = True
                turn.wake()
        self.resume_writing()
        self._parser = None

    def eof_received(self) -> bool:
        """A client that will not send any more is gone, as for every HTTP server of this kind."""
        return False

    def pause_writing(self) -> None:
        """The client does not read."""
        if self.drained is None:
            self.drained = self.wire.loop.create_future()
            self._since = self.wire.now

    def resume_writing(self) -> None:
        """It does again, or is gone."""
        drained, self.drained = self.drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Some bytes."""
        if self._lingers:
            return
        if self._reading is None:
            if not self._head_bytes:
                self._since = self.wire.now
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "This server speaks HTTP/1.1 only.")
            return
        except httptools.HttpParserError:
            self._refuse(400, "This is not HTTP.")
            return
        reading = self._reading
        if reading is None:
            if self._head_bytes > MOST_HEAD:
                self._refuse(431, f"The headers are larger than {MOST_HEAD} bytes.")
        elif reading is self.turn and not reading.started:
            self._start(reading)

    # --- httptools ---

    def on_message_begin(self) -> None:
        """A new request."""
        self._url = b""
        self._headers = []
        self._expects = False

    def on_url(self, url: bytes) -> None:
        """A piece of its address."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        name = name.lower()
        self._headers.append((name, value))
        if name == b"expect":
            self._expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """All headers."""
        parser = self._parser
        raw_path, _, query = self._url.partition(b"?")
        path = raw_path.decode("latin-1")
        version = parser.get_http_version()
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": version,
            "method": parser.get_method().decode("ascii"), "scheme": "http",
            "path": unquote(path) if "%" in path else path, "raw_path": raw_path, "query_string": query,
            "root_path": "", "headers": self._headers, "client": self._client, "server": self._server,
            TRANSPORT: self.transport,
        }  # fmt: skip
        turn = self._reading = Turn(self, scope, parser.should_keep_alive(), self._expects)
        self._head_bytes = 0
        if self.turn is None:
            self.turn = turn
        else:
            self._queue.append(turn)
            if len(self._queue) > 64:
                self._pause()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        turn = self._reading
        if turn is not None and not turn.complete:
            turn.body = turn.body + body if turn.body else body
            if len(turn.body) > _FULL:
                self._pause()
            turn.wake()

    def on_message_complete(self) -> None:
        """The whole request is here."""
        turn, self._reading = self._reading, None
        if turn is None:
            return
        turn.more = False
        turn.wake()
        self._since = self.wire.now
        if turn is self.turn and not turn.complete:
            self._start(turn)

    # --- turns ---

    def _start(self, turn: Turn) -> None:
        """Let the application work on a request, unless it does already."""
        if turn.started:
            return
        turn.started = True
        work = _guarded(self.wire.app, turn, self)
        if turn.more:  # it will wait for the body, and measures how long: that takes a task
            task = self.wire.loop.create_task(work)
        else:
            try:
                waits = work.send(None)
            except StopIteration:
                return
            task = self.wire.loop.create_task(_resume(work, waits))
        self.wire.tasks.add(task)
        task.add_done_callback(self.wire.tasks.discard)

    def answered(self, turn: Turn) -> None:
        """The next, please."""
        self.turn = None
        self._since = self.wire.now
        if not turn.keep:
            if turn.more and not self.transport.is_closing():
                self._lingers = True
                self.resume()
                if self.transport.can_write_eof():
                    self.transport.write_eof()
            else:
                self.transport.close()
        elif self._queue:
            self.turn = self._queue.popleft()
            self.resume()
            # Not from here: a client that sends ahead would make us call ourselves ever deeper.
            self.wire.loop.call_soon(self._start, self.turn)

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def check(self, now: float) -> None:
        """Close the connection if what it does has taken too long."""
        passed = now - self._since
        if self.drained is not None:
            if passed > STUCK_SECONDS:
                self.transport.abort()
        elif self._lingers:
            if passed > LINGER_SECONDS:
                self.transport.close()
        elif self.turn is None and passed > (HEAD_SECONDS if self._head_bytes else IDLE_SECONDS):
            self.transport.close()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no request, or none that can be read."""
        self._lingers = True
        if self.turn is None:  # or this answer would be taken for the one before
            body = error_body(message, "invalid_request_error", None)
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS[status] + head % len(body) + body)
        self._since = self.wire.now
        self.transport.close()


async def _guarded(app: _App, turn: Turn, connection: Connection) -> None:
    """Run the application; what it should not have raised closes the connection, and is logged."""
    try:
        await app(turn.scope, turn.receive, turn.send)
    except Exception:
        log.exception("the endpoint failed")
        connection.transport.close()
        return
    if not turn.complete and not turn.left:
        connection.transport.close()


@coroutine
def _resume(work: Coroutine[Any, Any, None], waits: Any) -> Generator[Any, Any, None]:
    """Go on, as a task, with a coroutine that waits for its first time."""
    while True:
        try:
            value = yield waits
        except BaseException as exc:
            try:
                waits = work.throw(exc)
            except StopIteration:
                return
            continue
        try:
            waits = work.send(value)
        except StopIteration:
            return
