"""How fast a service lets requests in: a concurrency limit and two token buckets; how often to retry.

One queue, first come first served. It knows no clock and no event loop: whoever
drives it says what time it is, and asks when the next request may start.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

_MINUTE = 60 * 10**9
DAY = 86_400.0
"""Seconds; a bound for settings, so that a run of millions of requests fits a 64-bit clock."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service allows; None means no limit."""

    concurrency: int | None = None
    """Requests served at the same time."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Prompt and completion tokens together."""

    def __post_init__(self) -> None:
        for name in ("concurrency", "requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}: at least 1, or leave it out for no limit")


@dataclass(frozen=True, slots=True)
class Retry:
    """A capped policy: wait backoff * 2^k seconds, or what the service asks for, before attempt k + 1."""

    attempts: int = 3
    """All together; 1 means never again."""
    backoff: float = 0.5
    longest: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= 20:
            raise ValueError(f"retry attempts={self.attempts}: between 1 and 20")
        if not (0 <= self.backoff <= DAY and 0 <= self.longest <= DAY):
            raise ValueError(f"retry backoff={self.backoff}, longest={self.longest}: seconds, at most a day")


class _Bucket:
    """A continuous bucket that refills in a minute, kept as the time at which it is full again.

    It starts full, so the first minute may see twice the limit and a long run sees exactly
    the limit. A request larger than the bucket is let in when the bucket is full.
    """

    __slots__ = ("full_at", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.full_at = 0

    def opens_at(self, amount: int) -> int:
        """The first nanosecond at which `amount` may be taken."""
        refill = -(-amount * _MINUTE // self.limit)
        return self.full_at + min(refill - _MINUTE, 0)

    def take(self, amount: int, now: int) -> None:
        self.full_at = max(self.full_at, now) + -(-amount * _MINUTE // self.limit)


class Place:
    """Somebody in the queue; drivers add what they need to know about it."""

    __slots__ = ("left", "tokens")

    def __init__(self, tokens: int = 0) -> None:
        self.tokens = tokens
        self.left = False
        """Walked out of the queue."""


P = TypeVar("P", bound=Place)


class Gate(Generic[P]):
    """The queue in front of a service."""

    __slots__ = ("_free", "_queue", "_requests", "_tokens", "limits", "paced")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._free = limits.concurrency if limits.concurrency is not None else 2**62
        self._requests = _Bucket(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = _Bucket(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self.paced = self._requests is not None or self._tokens is not None
        """Somebody may have to wait although a place is free."""
        self._queue: deque[P] = deque()

    def join(self, place: P) -> None:
        """Stand at the end of the queue."""
        self._queue.append(place)

    def leave(self, place: P) -> None:
        """Walk out of the queue; whoever was admitted already is not in it."""
        place.left = True

    def admit(self, now: int) -> P | None:
        """The next in the queue that may start at `now` nanoseconds, or None."""
        queue = self._queue
        while queue and self._free > 0:
            place = queue[0]
            if not place.left:
                if self.paced and not self._take(place.tokens, now):
                    return None
                self._free -= 1
                return queue.popleft()
            queue.popleft()
        return None

    def done(self) -> None:
        """A request was served; its place is free."""
        self._free += 1

    def opens_at(self) -> int | None:
        """When the pace lets the head of the queue in; None if it waits for a place, or nobody waits."""
        queue = self._queue
        while queue and queue[0].left:
            queue.popleft()
        if not queue or self._free <= 0 or not self.paced:
            return None
        return self._pace(queue[0].tokens)

    def _take(self, tokens: int, now: int) -> bool:
        """Take a request with its tokens out of the buckets, if they are full enough."""
        if self._pace(tokens) > now:
            return False
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        return True

    def _pace(self, tokens: int) -> int:
        when = 0
        if self._requests is not None:
            when = self._requests.opens_at(1)
        if self._tokens is not None:
            when = max(when, self._tokens.opens_at(tokens))
        return when
