"""The wire: clients that hang up, dawdle, send ahead or send nonsense, and a server that is told to go."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from endpoint_kit import CHAT, app_of, key_of, said

from mocks.endpoint import wire
from mocks.endpoint.app import Endpoint
from mocks.endpoint.server import running, serve
from mocks.service import Latency, Service
from sandbox.budget import Budget
from sandbox.errors import MissingExtra
from sandbox.limits import Limits

ROOT = Path(__file__).parents[2]
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
SLOW = Service(latency=Latency(0.8, 0.0, 0.0), limits=Limits(concurrency=2))


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=5) as peer:
        yield peer


def raw(body: object, *headers: str, path: str = CHAT, method: str = "POST") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(data)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def read_all(peer: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while True:
        try:
            part = peer.recv(65_536)
        except ConnectionError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def read_answer(peer: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer with a content-length."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = peer.recv(65_536)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
    while len(body) < length:
        body += peer.recv(65_536)
    return int(data.split()[1]), body[:length]


def settled(app: Endpoint) -> None:
    """Wait until nothing is in flight."""
    for _ in range(200):
        if not app.in_flight:
            return
        time.sleep(0.01)
    raise AssertionError(f"{app.in_flight} in flight")


def test_whoever_hangs_up_leaves_nothing_behind() -> None:
    """In the queue it is free; while an answer is made its tokens are charged, as providers do."""
    app = app_of(SLOW, budget=Budget(completion_tokens=500))
    key = f"authorization: Bearer {key_of(app)}"
    with running(app) as url:
        peers = [connected(url) for _ in range(6)]
        for peer in peers:
            peer.__enter__().sendall(raw(said("a b c"), key))
            time.sleep(0.02)
        time.sleep(0.05)
        account = app.account("tester")
        assert account is not None
        assert (app.in_flight, account.reserved.completion_tokens > 0) == (6, True)
        for waiting, peer in reversed(list(enumerate(peers))):  # those without a place first, or they get one
            peer.__exit__(None, None, None)
            for _ in range(200):
                if app.in_flight == waiting:
                    break
                time.sleep(0.01)
        settled(app)
        assert not any(account.reserved)
        assert account.spent.completion_tokens == 7 + 7, "two had a place"
        assert (account.spent.completions, account.calls, account.failed) == (0, 0, 2)
        assert app._backends["echo"].slots.free == 2  # type: ignore[union-attr]
        with connected(url) as peer:
            peer.sendall(raw(said("a b c"), key))
            assert read_answer(peer)[0] == 200


def test_whoever_leaves_a_stream_pays_for_what_was_written() -> None:
    service = Service(latency=Latency(0.05, 0.0, 0.0, per_completion_token=0.1))
    app = app_of(service, budget=Budget(completion_tokens=500))
    with running(app) as url, connected(url) as peer:
        key = f"authorization: Bearer {key_of(app)}"
        peer.sendall(raw(said("a b c d e f g h", stream=True), key))
        peer.recv(65_536)
        peer.recv(65_536)
        peer.close()
        settled(app)
        account = app.account("tester")
        assert account is not None
        assert 0 < account.spent.completion_tokens < 8
        assert not any(account.reserved)


def test_requests_may_be_sent_ahead_and_are_answered_in_order() -> None:
    app = app_of()
    with running(app) as url, connected(url) as peer:
        many = 300
        asked = b"".join(raw(said(f"row {i}")) for i in range(many - 1))
        threading.Thread(target=peer.sendall, args=(asked + raw(said("last"), "connection: close"),)).start()
        answers = read_all(peer)
        contents = re.findall(rb'"content":"([^"]*)"', answers)
        assert contents == [b"row %d 0.0" % i for i in range(many - 1)] + [b"last 0.0"]


def test_requests_that_are_sent_ahead_wait_their_turn() -> None:
    app = app_of(Service(latency=Latency(0.02, 0.5, 0.0)))
    with running(app) as url, connected(url) as peer:
        bodies = [raw(said(f"row {i}", stream=i % 2 == 0)) for i in range(20)]
        peer.sendall(b"".join(bodies) + raw(said("last"), "connection: close"))
        answers = read_all(peer)
        assert answers.count(b"HTTP/1.1 200 OK") == 21
        places = [answers.index(b"row %d 0.0" % i) for i in range(1, 20, 2)]
        assert places == sorted(places)
        assert b"last 0.0" in answers[places[-1] :]
        settled(app)


def test_a_body_in_pieces_or_chunks_is_put_together() -> None:
    with running(app_of()) as url:
        with connected(url) as peer:
            for byte in raw(said("slow")):
                peer.sendall(bytes([byte]))
            assert b"slow 0.0" in read_answer(peer)[1]
        with connected(url) as peer:
            body = json.dumps(said("chunks")).encode()
            peer.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            for start in range(0, len(body), 10):
                piece = body[start : start + 10]
                peer.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            peer.sendall(b"0\r\n\r\n")
            assert b"chunks 0.0" in read_answer(peer)[1]


def test_whoever_expects_to_be_asked_is_asked() -> None:
    with running(app_of()) as url, connected(url) as peer:
        head, _, body = raw(said("asked"), "expect: 100-continue").partition(b"\r\n\r\n")
        peer.sendall(head + b"\r\n\r\n")
        assert peer.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(body)
        assert b"asked 0.0" in read_answer(peer)[1]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 100_000, b"431"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_gets_an_error_and_no_more(sent: bytes, status: bytes) -> None:
    with running(app_of()) as url, connected(url) as peer:
        peer.sendall(sent)
        answer = read_all(peer)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert set(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]) == {
            "message",
            "type",
            "param",
            "code",
        }


def test_http_1_0_and_head_are_served() -> None:
    with running(app_of()) as url:
        with connected(url) as peer:
            peer.sendall(raw(said("old", stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
            answer = read_all(peer)
            assert b"transfer-encoding" not in answer
            assert answer.endswith(b"data: [DONE]\n\n")
        with connected(url) as peer:
            peer.sendall(b"HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert read_all(peer).endswith(b"\r\n\r\n")


def test_a_huge_body_is_refused_without_being_read_and_the_refusal_arrives() -> None:
    app = app_of(max_body=10_000)
    with running(app) as url:
        for told in (True, False):
            with connected(url) as peer:
                if told:
                    peer.sendall(
                        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 900000000\r\n\r\n"
                    )
                else:
                    peer.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
                    peer.sendall(b"30d40\r\n" + b"x" * 200_000 + b"\r\n")
                status, body = read_answer(peer)
                assert (status, json.loads(body)["error"]["code"]) == (413, "request_too_large")


def test_slow_heads_and_bodies_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
    app = app_of(body_seconds=0.2)
    with running(app) as url:
        with connected(url) as peer:
            peer.sendall(raw(said("x"))[:-5])
            status, body = read_answer(peer)
            assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
        with connected(url) as peer:
            peer.sendall(b"POST /v1/chat")
            assert read_all(peer) == b""
        settled(app)


def test_idle_connections_are_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.2)
    with running(app_of()) as url, connected(url) as peer:
        peer.sendall(raw(said("x")))
        assert read_answer(peer)[0] == 200
        assert peer.recv(10) == b""


def test_a_client_that_does_not_read_its_stream_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "STUCK_SECONDS", 0.5)
    app = app_of(budget=Budget(completion_tokens=10**9))
    with running(app) as url, connected(url) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        key = f"authorization: Bearer {key_of(app)}"
        peer.sendall(raw(said("word " * 50_000, stream=True), key) * 3)
        time.sleep(0.2)
        settled_after = time.monotonic() + 15
        while app.in_flight and time.monotonic() < settled_after:
            time.sleep(0.05)
        assert app.in_flight == 0


SERVER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from endpoint_kit import app_of
from mocks.endpoint.server import serve
from mocks.service import Latency, Service
app = app_of(Service(latency=Latency(1.2, 0.0, 0.0)))
sys.exit(serve(app, ready=lambda url: print(url, flush=True), patience={patience}))
"""


@contextmanager
def process(patience: float = 10.0) -> Iterator[tuple[Any, str]]:
    script = SERVER.format(root=str(ROOT), tests=str(Path(__file__).parent), patience=patience)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield server, server.stdout.readline().strip()
        finally:
            server.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop_finishes_what_is_in_flight_and_refuses_the_rest(number: int) -> None:
    with process() as (server, url):
        with connected(url) as busy, connected(url) as late:
            busy.sendall(raw(said("in flight")))
            time.sleep(0.15)
            os.kill(server.pid, number)
            time.sleep(0.15)
            late_answer = b""
            try:
                with connected(url) as newcomer:
                    newcomer.sendall(raw(said("too late")))
                    late_answer = read_all(newcomer)
            except ConnectionError:
                pass
            status, body = read_answer(busy)
            assert (status, b"in flight 0.0" in body) == (200, True)
            assert late_answer.startswith(b"HTTP/1.1 503")
            assert b"server_is_overloaded" in late_answer
            assert late.recv(10) == b"", "idle connections are closed"
        assert server.wait(5) == 0
        assert server.stderr is not None
        assert server.stderr.read() == f"serving echo at {url}\n"


def test_a_second_signal_and_the_end_of_patience_cut_off_what_is_in_flight() -> None:
    for patience, signals in ((10.0, 2), (0.1, 1)):
        with process(patience) as (server, url), connected(url) as busy:
            busy.sendall(raw(said("in flight")))
            time.sleep(0.15)
            began = time.monotonic()
            for _ in range(signals):
                os.kill(server.pid, signal.SIGTERM)
                time.sleep(0.05)
            assert read_all(busy) == b""
            assert server.wait(5) == 0
            assert time.monotonic() - began < 3


def test_many_connections_at_once_leave_nothing_behind() -> None:
    app = app_of(budget=Budget())
    key = f"authorization: Bearer {key_of(app)}"
    with running(app) as url:
        peers = [connected(url) for _ in range(300)]
        opened = [peer.__enter__() for peer in peers]
        for i, peer in enumerate(opened):
            peer.sendall(raw(said(f"row {i}"), key)[: None if i % 3 else 60])
        for i, peer in enumerate(opened):
            if i % 3:
                assert read_answer(peer)[0] == 200
        for peer in peers:
            peer.__exit__(None, None, None)
        settled(app)
        account = app.account("tester")
        assert account is not None
        assert account.calls == 200


def test_without_its_packages_serving_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httptools", None)
    with pytest.raises(MissingExtra, match=r"instruct-sandbox\[serve\]"):
        serve(app_of())
