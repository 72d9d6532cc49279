"""Drives sessions in real time with asyncio, against a world that waits for a network.

The clock of a session counts nanoseconds from the moment at which it was seated, after those that
an interrupted run of it had used already. Rules are the session's; here is only waiting: for a free
place, for the pace of the service, for its answer, and for the log that must know of a request
before it leaves and of its answer before the agent does.

At the deadline, what waits is withdrawn; what is on its way is awaited, charged, and too late.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.budget import SECOND
from sandbox.errors import UsageError
from sandbox.limits import Gate, Limits, Place
from sandbox.session import Session
from sandbox.trace import Reply, Ticket


class Log(Protocol):
    """A durable memory. Each method returns when what it was told would survive a loss of power."""

    async def sent(self, ticket: Ticket, now: int) -> None: ...
    async def heard(self, ticket: Ticket, reply: Reply, now: int) -> None: ...
    async def withdrawn(self, ticket: Ticket, now: int) -> None: ...
    async def unsent(self, ticket: Ticket) -> None:
        """The attempt that was noted as sent was refused, and cost nothing."""
        ...


class Forgetful:
    """A log for runs that need not be resumed."""

    async def sent(self, ticket: Ticket, now: int) -> None: ...
    async def heard(self, ticket: Ticket, reply: Reply, now: int) -> None: ...
    async def withdrawn(self, ticket: Ticket, now: int) -> None: ...
    async def unsent(self, ticket: Ticket) -> None: ...


@dataclass
class Seat:
    """A session in front of a world."""

    session: Session
    answer: Callable[[Ticket], Awaitable[Reply]]
    """One attempt at a ticket. An error that it raises stops everybody; a UsageError says that nothing has
    to be paid for the attempt."""
    log: Log = field(default_factory=Forgetful)
    used: int = 0
    """Nanoseconds on the agent's clock before this moment."""
    open: Sequence[Ticket] | None = None
    """What is still to be carried of a session that was resumed; None for one that has not begun."""


class _Waiting(Place):
    """Somebody in front of the gate."""

    __slots__ = ("admitted",)

    def __init__(self, tokens: int, admitted: asyncio.Future[None]) -> None:
        super().__init__(tokens)
        self.admitted = admitted


class Service:
    """What several sessions share: the gate, and whether anything more is sent.

    To be made and used inside one event loop.
    """

    def __init__(self, limits: Limits, pause: Callable[[], float] = lambda: 0.0) -> None:
        """`pause`: seconds for which nothing may be sent just now, as a server's headers say."""
        self._gate: Gate[_Waiting] = Gate(limits)
        self._pause = pause
        self._started = time.monotonic_ns()
        self._wakes: asyncio.TimerHandle | None = None
        self.closed: BaseException | None = None
        """Why nothing more is sent."""
        self.plays: set[_Play] = set()

    def close(self, why: BaseException) -> None:
        """Send nothing more for anybody; what is on its way still arrives."""
        self.closed = self.closed or why
        for play in self.plays:
            play.call_off()

    @asynccontextmanager
    async def place(self, tokens: int) -> AsyncIterator[None]:
        """A place at the service, for one attempt."""
        waiting = _Waiting(tokens, asyncio.get_running_loop().create_future())
        self._gate.join(waiting)
        self._serve()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting.admitted.done() and not waiting.admitted.cancelled():
                self._gate.done()  # admitted and called off in the same moment
            else:
                self._gate.leave(waiting)
            self._serve()
            raise
        try:
            yield
        finally:
            self._gate.done()
            self._serve()

    def _serve(self) -> None:
        """Let in whoever may start now, and look again when somebody else may."""
        now = time.monotonic_ns() - self._started
        wait = self._pause()
        if wait <= 0:
            while (waiting := self._gate.admit(now)) is not None:
                if waiting.admitted.done():  # called off, and not yet out of the queue
                    self._gate.done()
                else:
                    waiting.admitted.set_result(None)
            opens_at = self._gate.opens_at()
            if opens_at is None:
                return
            wait = (opens_at - now) / SECOND
        if self._wakes is not None:
            self._wakes.cancel()
        self._wakes = asyncio.get_running_loop().call_later(max(wait, 0.001), self._serve)


class _Play:
    """One seat, from its first ticket to its last."""

    def __init__(self, seat: Seat, service: Service) -> None:
        self.seat = seat
        self.session = seat.session
        self.service = service
        self._started = time.monotonic_ns()
        self._waiting: set[asyncio.Task[None]] = set()
        """Errands that have not left: they can be called off."""
        self._away: set[asyncio.Task[None]] = set()
        """Errands that are noted as sent: they are awaited."""
        self._failed: BaseException | None = None

    def now(self) -> int:
        """Nanoseconds on the agent's clock."""
        return self.seat.used + time.monotonic_ns() - self._started

    async def run(self) -> None:
        """Carry everything.

        Raises:
            BaseException: what an errand raised, after all that was on its way has been noted.
        """
        seat = self.seat
        expiry: asyncio.TimerHandle | None = None
        if self.session.deadline is not None:
            left = max(self.session.deadline - self.now(), 0) / SECOND
            # A little later than the deadline: timers may ring a little early.
            expiry = asyncio.get_running_loop().call_later(left + 0.001, self.call_off)
        self.service.plays.add(self)
        try:
            self._carry(self.session.start(seat.used) if seat.open is None else seat.open)
            while self._waiting or self._away:
                await asyncio.wait(self._waiting | self._away, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.service.plays.discard(self)
            if expiry is not None:
                expiry.cancel()
        if self._failed is not None:
            raise self._failed

    async def stop(self, grace: float) -> None:
        """Send nothing more, and give what is on its way `grace` seconds to arrive and be noted."""
        self.service.close(asyncio.CancelledError())
        self.call_off()
        if tasks := self._waiting | self._away:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def call_off(self) -> None:
        """Cancel what has not left: it is withdrawn if the deadline is over, and stays open otherwise."""
        for task in self._waiting:
            task.cancel()

    def _carry(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            task = asyncio.get_running_loop().create_task(self._errand(ticket))
            self._waiting.add(task)
            task.add_done_callback(self._home)

    def _home(self, task: asyncio.Task[None]) -> None:
        self._waiting.discard(task)
        self._away.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed = self._failed or error
            self.service.close(error)

    def _over(self) -> bool:
        """Whether it is too late to send anything."""
        deadline = self.session.deadline
        return deadline is not None and self.now() >= deadline

    def _check_open(self) -> None:
        if self.service.closed is not None or self._over():
            raise asyncio.CancelledError

    async def _errand(self, ticket: Ticket) -> None:
        """Carry one attempt there and back."""
        session, log, service, this = self.session, self.seat.log, self.service, _this_task()
        try:
            early = ticket.sent_at if session.deadline is None else min(ticket.sent_at, session.deadline)
            if (early := early - self.now()) > 0:
                await asyncio.sleep(early / SECOND)
            self._check_open()
            async with service.place(session.world.tokens(ticket.request)):
                self._check_open()
                self._waiting.discard(this)
                self._away.add(this)
                await log.sent(ticket, self.now())
                try:
                    reply = await self.seat.answer(ticket)
                except UsageError:
                    await log.unsent(ticket)
                    raise
        except asyncio.CancelledError:
            if this in self._away or service.closed is not None or not self._over():
                raise  # a stop: the ticket stays open, and is carried by whoever resumes the run
            this.uncancel()
            now = self.now()
            await log.withdrawn(ticket, now)
            self._carry(session.withdraw(ticket, now))
            return
        now = self.now()
        await log.heard(ticket, reply, now)
        if not isinstance(service.closed, asyncio.CancelledError):
            self._carry(session.settle(ticket, reply, now))


def _this_task() -> asyncio.Task[None]:
    task: asyncio.Task[Any] | None = asyncio.current_task()
    if task is None:
        raise RuntimeError("an errand is a task")
    return task


async def play(seat: Seat, service: Service, grace: float = 5.0) -> None:
    """Drive one session to its end; several at a time may share `service`.

    When this task is cancelled, as by Ctrl-C, nothing more is sent, and what is on its way has
    `grace` seconds to arrive; what arrived is in the log.

    Raises:
        Exception: what `seat.answer` raised: nothing was sent after it, and what was on its way is noted.
    """
    playing = _Play(seat, service)
    try:
        await playing.run()
        if seat.session.ended_at is None:
            raise service.closed or RuntimeError(
                f"{seat.session.agent} waits for {seat.session.open_tickets}"
            )
    except asyncio.CancelledError:
        await playing.stop(grace)
        raise
    finally:
        seat.session.close()


async def play_all(seats: Sequence[Seat], service: Service, grace: float = 5.0) -> None:
    """Drive all sessions to their ends at the same time.

    Raises:
        Exception: the first error that stopped everybody.
    """
    plays: list[Coroutine[Any, Any, None]] = [play(seat, service, grace) for seat in seats]
    for ending in await asyncio.gather(*plays, return_exceptions=True):
        if isinstance(ending, BaseException):
            raise ending
