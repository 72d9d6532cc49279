"""Broken answers of every kind that clients of the OpenAI API can meet, by name.

A fault is asked for by one request (header `x-sandbox-fault: NAME` or `NAME:TIMES`, the latter
for the first attempts at a call only), or falls on a share of all attempts by keyed luck. Its
headers are as written here: they are not scaled when time is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mocks.endpoint.problems import STOP, Headers, Problem, invalid
from sandbox.errors import UsageError, nearest
from sandbox.streams import Uniforms

MOST_TIMES = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an answer can be broken."""

    about: str
    how: str
    """error, body, closed, reset, short_body, silent, content_filter, or stream_..."""
    status: int = 200
    kind: str = ""
    """Of an error: its type."""
    code: str | None = None
    headers: Headers = ()
    body: bytes = b""
    content_type: bytes = b"application/json"

    @property
    def billed(self) -> bool:
        """Whether the answer was made, and is charged, before it broke."""
        return self.how != "error"

    @property
    def streams(self) -> bool:
        """Whether it needs a streamed answer."""
        return self.how.startswith("stream_")

    def problem(self) -> Problem:
        """The error to answer with."""
        return Problem(
            self.status, self.kind, self.code, None, f"A fault on purpose: {self.about}.", self.headers
        )


_QUOTA = ("insufficient_quota", "project_spend_limit_exceeded")


def _limited(about: str, *headers: tuple[bytes, bytes]) -> Fault:
    return Fault(about, "error", 429, "requests", "rate_limit_exceeded", headers)


FAULTS: Mapping[str, Fault] = {
    "rate_limit": _limited("429 without a word on when to come again"),
    "rate_limit_50ms": _limited("429 with retry-after-ms: 50", (b"retry-after-ms", b"50")),
    "rate_limit_0": _limited("429 with retry-after: 0", (b"retry-after", b"0")),
    "rate_limit_121": _limited("429 with retry-after: 121", (b"retry-after", b"121")),
    "slow_down": Fault("429 slow_down", "error", 429, "rate_limit_error", "slow_down"),
    "quota": Fault("429 insufficient_quota", "error", 429, *_QUOTA),
    "quota_stop": Fault("429 insufficient_quota with x-should-retry: false", "error", 429, *_QUOTA, STOP),
    "quota_402": Fault("402 insufficient_quota", "error", 402, *_QUOTA),
    "quota_400": Fault("400 insufficient_quota", "error", 400, *_QUOTA),
    "quota_403": Fault("403 insufficient_quota", "error", 403, *_QUOTA),
    "quota_422": Fault("422 insufficient_quota", "error", 422, *_QUOTA),
    "request_timeout": Fault("408", "error", 408, "timeout", None),
    "conflict": Fault("409", "error", 409, "conflict", None),
    "server_error": Fault("500", "error", 500, "server_error", None),
    "bad_gateway": Fault("502", "error", 502, "server_error", None),
    "overloaded": Fault("503", "error", 503, "service_unavailable_error", "server_is_overloaded"),
    "closed": Fault("connection closed before the headers", "closed", 0),
    "reset": Fault("connection reset before the headers", "reset", 0),
    "short_body": Fault("body shorter than its content-length", "short_body"),
    "silent": Fault("no answer at all, until the client gives up", "silent", 0),
    "broken_json": Fault("200 with broken JSON", "body", body=b'{"id":"chatcmpl-broken","object":"ch'),
    "empty_body": Fault("200 with an empty body", "body"),
    "html": Fault(
        "200 with a page of HTML", "body", body=b"<html><body>Bad gateway</body></html>",
        content_type=b"text/html",
    ),
    "empty_object": Fault("200 with {}", "body", body=b"{}"),
    "content_filter": Fault("200 with content null and finish_reason content_filter", "content_filter"),
    "stream_cut": Fault("stream cut in the middle of its body", "stream_cut"),
    "stream_no_done": Fault("stream that ends early, without [DONE]", "stream_no_done"),
    "stream_bad_json": Fault("stream with a line of broken JSON", "stream_bad_json"),
    "stream_error": Fault("stream with an error among its events", "stream_error"),
}  # fmt: skip
"""All of them. What the error statuses carry is free; all others are billed, as providers do."""


def read_fault(value: bytes) -> tuple[str, int]:
    """Name and number of attempts from the header `x-sandbox-fault`.

    Raises:
        Problem: for a fault that nobody knows.
    """
    name, colon, times = value.decode("latin-1").strip().partition(":")
    if name not in FAULTS:
        raise invalid("x-sandbox-fault", f"No fault is called '{name[:40]}'; {nearest(name[:40], FAULTS)}")
    if not colon:
        return name, MOST_TIMES
    if not (times.isascii() and times.isdigit() and 1 <= len(times) <= 4 and 1 <= int(times) <= MOST_TIMES):
        raise invalid("x-sandbox-fault", f"'{times[:40]}' attempts: write NAME:TIMES, 1 to {MOST_TIMES}.")
    return name, int(times)


class Schedule:
    """Which faults fall on which attempts: a share for each kind, and keyed luck."""

    __slots__ = ("_luck", "_shares", "any")

    def __init__(self, shares: Mapping[str, float], seed: int) -> None:
        """`shares`: of all attempts, by name of the fault.

        Raises:
            UsageError: for an unknown fault, or shares that are none.
        """
        for name, share in shares.items():
            if name not in FAULTS:
                raise UsageError(f"no fault is called {name!r}; {nearest(name, FAULTS)}")
            if not 0 <= share <= 1:
                raise UsageError(f"fault {name}={share}: a share of attempts between 0 and 1")
        if sum(shares.values()) > 1 + 1e-9:
            raise UsageError(f"the shares of all faults add up to {sum(shares.values())}, above 1")
        self._shares = tuple(shares.items())
        self.any = sum(shares.values()) > 0
        """Whether something goes wrong now and then."""
        self._luck = Uniforms(seed, "wire fault", count=1).one

    def pick(self, key: bytes, attempt: int, stream: bool) -> str | None:
        """The fault of an attempt, or None; faults of streams pass by all other answers."""
        u = self._luck(key + attempt.to_bytes(8, "little"))
        for name, share in self._shares:
            u -= share
            if u < 0:
                return None if FAULTS[name].streams and not stream else name
        return None


class Switch(NamedTuple):
    """How faults are chosen."""

    by_header: bool
    schedule: Schedule

    def fault(self, header: bytes | None, key: bytes, attempt: int, stream: bool) -> Fault | None:
        """What is to go wrong with an attempt.

        Raises:
            Problem: if the header asks for what cannot be done.
        """
        if header is not None:
            if not self.by_header:
                raise invalid("x-sandbox-fault", "This server was started without faults on request.")
            name, times = read_fault(header)
            if FAULTS[name].streams and not stream:
                raise invalid("x-sandbox-fault", f"The fault {name} needs 'stream': true.")
            return FAULTS[name] if attempt < times else None
        if not self.schedule.any:
            return None
        name_or_none = self.schedule.pick(key, attempt, stream)
        return FAULTS[name_or_none] if name_or_none is not None else None
