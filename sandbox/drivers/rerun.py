"""Drives a session with the recorded answers of an earlier run, and notices the first difference."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.manners import short
from sandbox.protocol import Evaluate
from sandbox.session import Session
from sandbox.trace import Fate, Record, Reply, Ticket


def play(session: Session, records: Sequence[Record]) -> str | None:
    """Answer `session` from `records`; what it asks differently, or None if nothing.

    The session's world is asked for quotes, and to put rows together; never for an answer.
    """
    try:
        return _Rerun(session, records).difference()
    finally:
        session.close()


class _Rerun:
    def __init__(self, session: Session, records: Sequence[Record]) -> None:
        whole = Evaluate if hasattr(session.world, "parts") else ()  # the session puts these together itself
        carried = [
            r for r in records if r.fate is not Fate.COMPUTED and not isinstance(r.ticket.request, whole)
        ]
        self.session = session
        self.asked = {(r.ticket.number, r.ticket.attempt): r.ticket for r in carried}
        self.answered = sorted(carried, key=lambda r: (r.answered_at, r.ticket.number, r.ticket.attempt))
        self.opened: dict[tuple[int, int], Ticket] = {}

    def difference(self) -> str | None:
        """Where the agent leaves the recorded conversation; None if it never does."""
        found = self.carry(self.session.start(0))
        for record in self.answered:
            if found is not None:
                return found
            found = self.carry(self.answer(record))
        return found

    def answer(self, record: Record) -> Sequence[Ticket] | str:
        """Give one recorded answer."""
        session, now = self.session, record.answered_at
        number, attempt, request = record.ticket.number, record.ticket.attempt, record.ticket.request
        ticket = self.opened.pop((number, attempt), None)
        if ticket is None:
            why = "" if session.failure is None else f" ({session.failure})"
            return f"request {number}: {short(request)} was asked, now it is not{why}"
        if record.fate is Fate.WITHDRAWN:
            return session.withdraw(ticket, now)
        again = self.asked[number, attempt + 1].sent_at - now if record.fate is Fate.RETRIED else None
        reply = Reply(record.answer, record.charge, now - ticket.sent_at, record.truth, again)
        return session.settle(ticket, reply, now)

    def carry(self, tickets: Sequence[Ticket] | str) -> str | None:
        """Keep open what is asked as it was asked then; the first difference otherwise."""
        if isinstance(tickets, str):
            return tickets
        for ticket in tickets:
            before = self.asked.get((ticket.number, ticket.attempt))
            if before is None:
                return f"request {ticket.number}: nothing was asked, now it asks {short(ticket.request)}"
            if before.request != ticket.request:
                was, now = _apart(repr(before.request), repr(ticket.request))
                return f"request {ticket.number}: {was} was asked, now it asks {now}"
            self.opened[ticket.number, ticket.attempt] = ticket
        return None


def _apart(one: str, other: str) -> tuple[str, str]:
    """Two different texts, cut so that the first difference can be seen."""
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    skip = max(same - 40, 0)
    if skip <= 20:
        return one[:100], other[:100]
    return f"...{one[skip:][:80]}", f"...{other[skip:][:80]}"
