"""An exact limiter of requests and tokens a minute, which keeps what it promises to whoever it refuses.

Two continuous token buckets. A bucket starts full and holds a minute's worth, so over any
window no more is let in than its size and what flows in meanwhile; a request larger than
the bucket is let in when the bucket is full (as `sandbox.limits` has it).

Whoever is refused is booked for the first moment at which there is room, and is told
how long that is. If it comes again then, it is let in, whatever others did meanwhile; a
call that is let in on a booking counts for the moment that was booked. A booking lapses
`grace` later, and what was set aside for it is given back.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable
from itertools import count
from typing import NamedTuple

from sandbox.limits import Limits

_MINUTE = 60 * 10**9
LONGEST_BOOKING = 2 * _MINUTE
"""Clients do not wait longer than two minutes: for a later moment nobody is booked."""


class Bucket:
    """A continuous bucket that refills in a minute, kept as the nanosecond at which it is full again."""

    __slots__ = ("full_at", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.full_at = 0

    def opens_at(self, amount: int) -> int:
        """The first nanosecond at which `amount` may be taken."""
        return self.full_at + min(self.refill(amount) - _MINUTE, 0)

    def refill(self, amount: int) -> int:
        """Nanoseconds in which `amount` flows in, rounded up."""
        return -(-amount * _MINUTE // self.limit)

    def take(self, amount: int, now: int) -> None:
        self.full_at = max(self.full_at, now) + self.refill(amount)

    def give(self, amount: int) -> None:
        """Put back what was taken and not used."""
        self.full_at -= amount * _MINUTE // self.limit

    def left(self, now: int) -> int:
        """What is in it, rounded down."""
        missing = max(self.full_at - now, 0)
        return max(self.limit - -(-missing * self.limit // _MINUTE), 0)


class Booking:
    """A moment that was promised to whoever was refused."""

    __slots__ = ("open", "tokens", "when", "who")

    def __init__(self, who: Hashable, tokens: int, when: int) -> None:
        self.who = who
        self.tokens = tokens
        self.when = when
        self.open = True


class Held(NamedTuple):
    """Which limit holds a request back."""

    kind: str
    """requests or tokens."""
    limit: int
    used: int
    requested: int


class Limiter:
    """The two buckets of one model."""

    __slots__ = ("_bookings", "_count", "_lapsing", "_shown", "grace", "held", "requests", "tokens")

    def __init__(self, limits: Limits, grace: int) -> None:
        """`grace`: nanoseconds for which a booking is kept."""
        self.requests = Bucket(limits.requests_per_minute) if limits.requests_per_minute else None
        self.tokens = Bucket(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self.grace = grace
        self._shown = [
            (bucket, _names(name, bucket.limit))
            for name, bucket in ((b"requests", self.requests), (b"tokens", self.tokens))
            if bucket is not None
        ]
        self._bookings: dict[Hashable, deque[Booking]] = {}
        self._lapsing: list[tuple[int, int, Booking]] = []
        self._count = count()
        self.held = Held("requests", 0, 0, 0)
        """What held back the last one who was refused."""

    def ask(self, who: Hashable, tokens: int, now: int) -> int:
        """0 if the request is let in; else the nanoseconds after which it will be.

        `who` names the caller and the call. Nothing else marks a call that comes again, so equal
        calls that one caller makes at the same time may take each other's bookings.
        """
        if self._lapsing:
            self._lapse(now)
            queue = self._bookings.get(who)
            if queue and queue[0].when <= now:
                self._close(queue[0])
                return 0
        when = self.opens_at(tokens)
        if when <= now:
            self._take(tokens, now)
            return 0
        self.held = self._why(tokens, now)
        if when - now <= LONGEST_BOOKING:
            self._take(tokens, when)
            booking = Booking(who, tokens, when)
            self._bookings.setdefault(who, deque()).append(booking)
            heapq.heappush(self._lapsing, (when + self.grace, next(self._count), booking))
        return when - now

    def reserve(self, tokens: int, now: int) -> int:
        """Take a place in the queue, however late; the moment at which it comes."""
        when = max(self.opens_at(tokens), now)
        self._take(tokens, when)
        return when

    def refund(self, tokens: int) -> None:
        """Give back tokens that were set aside and not used."""
        if self.tokens is not None and tokens > 0:
            self.tokens.give(tokens)

    def opens_at(self, tokens: int) -> int:
        """The first nanosecond at which a new request with so many tokens may be let in."""
        when = 0
        if self.requests is not None:
            when = self.requests.opens_at(1)
        if self.tokens is not None:
            when = max(when, self.tokens.opens_at(tokens))
        return when

    def headers(self, now: int, wall: float) -> list[tuple[bytes, bytes]]:
        """The x-ratelimit headers; `wall` nanoseconds of the client pass in one of the service."""
        found = []
        for bucket, (limit, remaining, reset) in self._shown:
            missing = bucket.full_at - now
            found.append(limit)
            found.append((remaining, b"%d" % bucket.left(now)))
            found.append((reset, b"0s" if missing <= 0 else go_duration(int(missing * wall)).encode()))
        return found

    def _why(self, tokens: int, now: int) -> Held:
        found = []
        if self.requests is not None:
            bucket = self.requests
            found.append((bucket.opens_at(1), "requests", bucket.limit, bucket.limit - bucket.left(now), 1))
        if self.tokens is not None:
            bucket = self.tokens
            used = bucket.limit - bucket.left(now)
            found.append((bucket.opens_at(tokens), "tokens", bucket.limit, used, tokens))
        return Held(*max(found)[1:])

    def _take(self, tokens: int, when: int) -> None:
        if self.requests is not None:
            self.requests.take(1, when)
        if self.tokens is not None:
            self.tokens.take(tokens, when)

    def _close(self, booking: Booking) -> None:
        booking.open = False
        queue = self._bookings[booking.who]
        queue.remove(booking)
        if not queue:
            del self._bookings[booking.who]

    def _lapse(self, now: int) -> None:
        lapsing = self._lapsing
        while lapsing and lapsing[0][0] < now:
            booking = heapq.heappop(lapsing)[2]
            if booking.open:
                self._close(booking)
                self.refund(booking.tokens)
                if self.requests is not None:
                    self.requests.give(1)


def _names(name: bytes, limit: int) -> tuple[tuple[bytes, bytes], bytes, bytes]:
    """The header of the limit, and the names of those of what remains and of the reset."""
    head = b"x-ratelimit-"
    return (head + b"limit-" + name, b"%d" % limit), head + b"remaining-" + name, head + b"reset-" + name


def go_duration(nanoseconds: int) -> str:
    """A duration as Go prints it, in milliseconds, rounded up.

    >>> [go_duration(n * 10**6) for n in (0, 120, 1000, 1200, 360_000, 3_725_040)]
    ['0s', '120ms', '1s', '1.2s', '6m0s', '1h2m5.04s']
    """
    milliseconds = -(-nanoseconds // 10**6)
    if not milliseconds:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest // 1000}.{rest % 1000:03}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
