"""Drives sessions in simpy's virtual time, where a service has limits and queues form.

The clock counts whole nanoseconds. One event a request: callbacks instead of a process
per ticket, because simpy's processes and resources would cost more than all the rest.
Failures travel as replies: an event of simpy's must not fail, since a second failure
stops the whole environment.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import simpy
from simpy.events import Timeout

from sandbox.limits import Gate, Limits, Place
from sandbox.session import Session
from sandbox.trace import Reply, Ticket


class _Errand(Place):
    """One ticket on its way: waiting, being served, or dropped at the deadline."""

    __slots__ = ("dropped", "reply", "session", "ticket")

    def __init__(self, session: Session, ticket: Ticket) -> None:
        self.session = session
        self.ticket = ticket
        self.reply: Reply | None = None
        self.dropped = False
        self.left = False  # and no call of Place's: there is one errand a request
        self.tokens = 0


class Clerk:
    """Carries tickets of one or several sessions to one service."""

    def __init__(self, env: simpy.Environment, limits: Limits) -> None:
        self.env = env
        self.gate: Gate[_Errand] = Gate(limits)
        self._errands: dict[int, dict[int, _Errand]] = {}  # of sessions that have a deadline
        self._wakes_at = -1

    def play(self, session: Session) -> None:
        """Start `session`; run the environment to drive it to its end."""
        now = self.now
        if session.deadline is not None:
            self._errands[id(session)] = {}
            # Twice: at the deadline nothing starts any more, but what arrives exactly then is in time.
            self._after(session.deadline - now, self._expire, session)
            self._after(session.deadline + 1 - now, self._expire, session)
        self._carry(session, session.start(now), now)
        self._serve(now)

    @property
    def now(self) -> int:
        """Nanoseconds since the start."""
        return self.env.now  # type: ignore[return-value]  # int, because every delay is one

    def _after(self, delay: int, callback: Callable[[Any], None], value: object) -> None:
        Timeout(self.env, delay, value).callbacks.append(callback)

    def _carry(self, session: Session, tickets: Sequence[Ticket], now: int) -> None:
        """Queue each ticket when it is sent."""
        errands = self._errands.get(id(session)) if self._errands else None
        for ticket in tickets:
            errand = _Errand(session, ticket)
            if errands is not None:
                errands[ticket.number] = errand
            if ticket.sent_at > now:
                self._after(ticket.sent_at - now, self._arrive, errand)
            else:
                self._join(errand)

    def _arrive(self, event: Any) -> None:
        errand: _Errand = event.value
        if not errand.dropped:
            self._join(errand)
            self._serve(self.now)

    def _join(self, errand: _Errand) -> None:
        if self.gate.paced:
            errand.tokens = errand.session.world.tokens(errand.ticket.request)
        self.gate.join(errand)

    def _serve(self, now: int) -> None:
        """Start whatever may start now."""
        gate = self.gate
        while (errand := gate.admit(now)) is not None:
            errand.reply = reply = errand.session.world.reply(errand.ticket, now)
            Timeout(self.env, reply.nanoseconds, errand).callbacks.append(self._answered)
        if gate.paced:
            opens_at = gate.opens_at()
            if opens_at is not None and opens_at != self._wakes_at:
                self._wakes_at = opens_at
                self._after(opens_at - now, self._wake, None)

    def _wake(self, event: Any) -> None:
        self._serve(self.now)

    def _answered(self, event: Any) -> None:
        errand: _Errand = event.value
        now = self.now
        self.gate.done()
        if not errand.dropped:
            self._settle(errand, now)
        self._serve(now)

    def _settle(self, errand: _Errand, now: int) -> None:
        session, ticket, reply = errand.session, errand.ticket, errand.reply
        if self._errands and (errands := self._errands.get(id(session))) is not None:
            del errands[ticket.number]
        tickets = session.withdraw(ticket, now) if reply is None else session.settle(ticket, reply, now)
        if tickets:
            self._carry(session, tickets, now)

    def _expire(self, event: Any) -> None:
        """The seconds of a session ran out: withdraw what waits; then drop what is being served."""
        session: Session = event.value
        now = self.now
        over = session.deadline is not None and now > session.deadline
        for errand in list(self._errands[id(session)].values()):
            if errand.reply is not None and not over:
                continue
            errand.dropped = True
            self.gate.leave(errand)
            self._settle(errand, now)
        self._serve(now)


def play(sessions: Sequence[Session], limits: Limits) -> int:
    """Drive `sessions` to their ends against one service; the nanoseconds that took.

    Raises:
        RuntimeError: if a session still waits when nothing more can happen (a bug here).
    """
    env = simpy.Environment(initial_time=0)
    clerk = Clerk(env, limits)
    try:
        with _patient_collector():
            for session in sessions:
                clerk.play(session)
            env.run()
        for session in sessions:
            if session.ended_at is None:
                raise RuntimeError(f"{session.agent} still waits for {session.open_tickets}")
    finally:
        for session in sessions:
            session.close()  # nothing to do after a healthy end; no thread and no reservation after a bug
    return max((session.ended_at or 0 for session in sessions), default=0)


@contextmanager
def _patient_collector() -> Iterator[None]:
    """Look for garbage cycles rarely: a trace is millions of live tuples and no cycles."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
