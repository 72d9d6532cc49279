"""The endpoint's time: real, compressed by a factor, or virtual; and callers that hang up while they wait."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic_ns
from typing import Any, Protocol

from sandbox.budget import SECOND

_CLOSE_ENOUGH = SECOND // 2_000
"""Half a millisecond: event loops wake up in whole milliseconds, and some of them early."""


class Caller:
    """The client of one request: whoever waits for something learns here that it hung up."""

    __slots__ = ("_receive", "_task", "_waiter", "left")

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive = receive
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self.left = False

    async def until(self, waiter: asyncio.Future[bool]) -> bool:
        """Wait for `waiter`; False if the client hung up first. To be used when the body was read."""
        if self.left:
            return False
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch())
        self._waiter = waiter
        try:
            return await waiter
        finally:
            self._waiter = None

    async def sleep(self, seconds: float) -> bool:
        """Wait for some seconds of the wall's clock; False if the client hung up meanwhile."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(seconds, _wake, waiter)
        try:
            return await self.until(waiter)
        finally:
            timer.cancel()

    async def gone(self) -> None:
        """Wait until the client has hung up."""
        await self.until(asyncio.get_running_loop().create_future())

    def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self._waiter is not None:
            _give(self._waiter, False)


def _wake(waiter: asyncio.Future[bool]) -> None:
    _give(waiter, True)


def _give(waiter: asyncio.Future[bool], value: bool) -> None:
    if not waiter.done():
        waiter.set_result(value)


class Clock(Protocol):
    """Nanoseconds of the service's time."""

    virtual: bool

    def now(self) -> int: ...

    async def until(self, when: int, caller: Caller) -> bool:
        """Wait for a moment; False if the client hung up first."""
        ...

    def wall(self, nanoseconds: int) -> int:
        """How many nanoseconds of the wall's clock a client has to wait for so many of the service's."""
        ...

    def stir(self) -> None:
        """Say that something happened."""
        ...


class ScaledClock:
    """The wall's clock, `factor` times as fast."""

    virtual = False

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self._start = monotonic_ns()

    def now(self) -> int:
        passed = monotonic_ns() - self._start
        return passed if self.factor == 1.0 else int(passed * self.factor)

    async def until(self, when: int, caller: Caller) -> bool:
        """Sleeps to an absolute moment, so that what was late before does not add up."""
        while not caller.left:
            left = (when - self.now()) / self.factor
            if left <= _CLOSE_ENOUGH:
                return True
            await caller.sleep(left / SECOND)
        return False

    def wall(self, nanoseconds: int) -> int:
        return -int(-nanoseconds // self.factor)

    def stir(self) -> None:
        """Real time needs no push."""


class VirtualClock:
    """Time that stands still while its client is busy, and jumps when everybody waits.

    When nothing has happened for `quiet` seconds of the wall's clock, all that the client
    wanted to send has been sent, and the clock jumps to the first answer that is due. So
    the time that passes is what the client's own concurrency would have taken. With
    `quiet=0` answers come at once, and requests that overlap are not seen as such.
    """

    virtual = True

    def __init__(self, quiet: float = 0.005) -> None:
        self.quiet = quiet
        self._now = 0
        self._heap: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> int:
        return self._now

    async def until(self, when: int, caller: Caller) -> bool:
        if when <= self._now:
            return not caller.left
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, waiter))
        self.stir()
        return await caller.until(waiter)

    def wall(self, nanoseconds: int) -> int:
        """The waiting is done here: a client that is told to come again may do so at once."""
        return 0

    def stir(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = asyncio.get_running_loop().call_later(self.quiet, self._jump)

    def _jump(self) -> None:
        self._timer = None
        while self._heap:
            when, _, waiter = heapq.heappop(self._heap)
            if waiter.done():  # the client hung up: nobody waits for this moment
                continue
            self._now = when
            waiter.set_result(True)
            if not (self._heap and self._heap[0][0] == when):
                break
        self.stir()


class Slots:
    """A queue for places: so many requests are served at the same time, first come first served."""

    __slots__ = ("_queue", "free")

    def __init__(self, many: int) -> None:
        self.free = many
        self._queue: deque[asyncio.Future[bool]] = deque()

    async def take(self, caller: Caller) -> bool:
        """Wait for a place; False if the client hung up first."""
        if self.free > 0:
            self.free -= 1
            return True
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        try:
            return await caller.until(waiter)
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                self.give()
            raise

    def give(self) -> None:
        """Leave a place, to the first in the queue who still waits."""
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(True)
                return
        self.free += 1
