"""Runs the endpoint, one process: in the foreground, or in a thread beside a test."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator

from mocks.endpoint.app import Endpoint
from sandbox.errors import MissingExtra, UsageError


def serve(
    app: Endpoint,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    ready: Callable[[str], None] | None = None,
    patience: float = 30.0,
) -> int:
    """Serve until SIGTERM or SIGINT, and print the base URL on standard error.

    After the signal, requests in flight are finished (for at most `patience` seconds; a second
    signal cuts them off) and new ones are answered with 503.

    Args:
        app: see `mocks.endpoint.app.make_app`.
        host: where to listen. Anything but loopback needs an app with keys.
        port: 0 takes a free one.
        ready: is told the base URL as soon as the server answers.
        patience: seconds.

    Returns:
        0, the exit code.

    Raises:
        UsageError: for an address that cannot be used, or is open to others while no keys are.
        MissingExtra: if the packages of the extra `serve` are not installed.
    """
    if app.keys is None and not _is_loopback(host):
        raise UsageError(f"host {host}: without keys only loopback is served; make keys, or use 127.0.0.1")
    service = _Service(app, host, port, patience)

    def announce() -> None:
        print(f"serving {', '.join(app.models)} at {service.url}", file=sys.stderr, flush=True)  # noqa: T201
        if ready is not None:
            ready(service.url)

    service.run(announce, signals=True)
    return 0


@contextlib.contextmanager
def running(app: Endpoint, patience: float = 5.0) -> Iterator[str]:
    """Serve on a free loopback port in a thread, and give the base URL; for tests."""
    service = _Service(app, "127.0.0.1", 0, patience)
    ready = threading.Event()
    thread = threading.Thread(target=service.run, args=(ready.set, False), name="endpoint", daemon=True)
    thread.start()
    while not ready.wait(0.01):
        if not thread.is_alive():
            raise UsageError("the endpoint did not start")
    try:
        yield service.url
    finally:
        service.stop()
        thread.join(patience + 10)


class _Service:
    """One listening socket and its event loop."""

    def __init__(self, app: Endpoint, host: str, port: int, patience: float) -> None:
        try:
            import httptools  # noqa: F401  # type: ignore[import-untyped]
        except ImportError as exc:
            raise MissingExtra("serving", "serve") from exc
        self._app = app
        self._patience = patience
        self._listener = _listen(host, port)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = asyncio.Event()
        self._forced = asyncio.Event()
        number = self._listener.getsockname()[1]
        self.url = f"http://[{host}]:{number}/v1" if ":" in host else f"http://{host}:{number}/v1"

    def run(self, ready: Callable[[], None], signals: bool) -> None:
        """Serve until `stop`."""
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            runner.run(self._serve(ready, signals))

    def stop(self) -> None:
        """From another thread: finish what is in flight, then leave."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has left already
                self._loop.call_soon_threadsafe(self._wind_down)

    def _wind_down(self) -> None:
        if self._signalled.is_set():
            self._forced.set()
        self._app.draining = True
        self._signalled.set()

    async def _serve(self, ready: Callable[[], None], signals: bool) -> None:
        from mocks.endpoint.wire import Wire

        loop = self._loop = asyncio.get_running_loop()
        if signals:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._wind_down)
        wire = Wire(self._app)
        server = await loop.create_server(wire.connect, sock=self._listener, backlog=2048)
        sweeping = loop.create_task(_sweep(wire.sweep))
        try:
            ready()
            await self._signalled.wait()
            wire.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    while self._app.in_flight and not self._forced.is_set():
                        await asyncio.sleep(0.02)
        finally:
            sweeping.cancel()
            server.close()
            wire.close()
            await asyncio.sleep(0)
            await wire.abort()


async def _sweep(sweep: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(0.5)
        sweep()


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:  # the resolver would take it modulo 65,536
        raise UsageError(f"cannot listen at {host}:{port}: a port is between 0 and 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, OverflowError) as exc:
        raise UsageError(f"cannot listen at {host}:{port}: {exc}") from None
    listener.setblocking(False)
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
