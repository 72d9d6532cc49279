"""Runs the endpoint on uvicorn, one process: in the foreground, or in a thread beside a test."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from mocks.endpoint.app import Endpoint
from sandbox.errors import MissingExtra, UsageError

KEEP_ALIVE = 75.0
"""Seconds for which an idle connection stays open; more than clients keep them in their pools."""
HEAD_SECONDS = 20.0
"""How long a client may take to send the head of a request."""


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
        app: see `make_app`.
        host: where to listen. Anything but loopback needs an app with keys.
        port: 0 takes a free one.
        ready: is told the base URL as soon as the server answers.
        patience: seconds.

    Returns:
        0, the exit code.

    Raises:
        UsageError: for an address that cannot be used, or is open to others while no keys are.
        MissingExtra: if uvicorn is not installed.
    """
    if app.keys is None and not _is_loopback(host):
        raise UsageError(f"host {host}: without keys only loopback is served; make keys, or use 127.0.0.1")
    server = _server(app, patience)
    listener = _listen(host, port)
    url = _base_url(host, listener)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, server.wind_down)
        task = loop.create_task(server._serve([listener]))
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        if server.started:
            print(f"serving {', '.join(app.models)} at {url}", file=sys.stderr, flush=True)  # noqa: T201
            if ready is not None:
                ready(url)
        await task

    _run(run, server)
    return 0


@contextlib.contextmanager
def running(app: Endpoint, patience: float = 5.0) -> Iterator[str]:
    """Serve on a free loopback port in a thread, and give the base URL; for tests."""
    server = _server(app, patience)
    listener = _listen("127.0.0.1", 0)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            _run(lambda: server._serve([listener]), server)
        except BaseException as exc:  # told to whoever waits
            failed.append(exc)

    thread = threading.Thread(target=run, name="endpoint", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.002)
    if failed:
        raise failed[0]
    try:
        yield _base_url("127.0.0.1", listener)
    finally:
        server.should_exit = True
        thread.join(patience + 10)


def _run(main: Callable[[], Any], server: Any) -> None:
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(main())


def _server(app: Endpoint, patience: float) -> Any:
    try:
        from mocks.endpoint.wire import GracefulServer, settings
    except ImportError as exc:
        raise MissingExtra("serving", "serve") from exc
    return GracefulServer(settings(app, KEEP_ALIVE, patience), app, HEAD_SECONDS, patience)


def _listen(host: str, port: int) -> socket.socket:
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


def _base_url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
