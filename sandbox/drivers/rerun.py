"""Drives a session with the recorded answers of an earlier run, and notices the first difference."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.session import Session
from sandbox.trace import Fate, Record, Reply, Ticket


def play(session: Session, records: Sequence[Record]) -> str | None:
    """Answer `session` from `records`; what it asks differently, or None if nothing.

    The session's world is asked for quotes only.
    """
    following = {(r.ticket.number, r.ticket.attempt): r.ticket.sent_at for r in records}
    opened: dict[tuple[int, int], Ticket] = {}

    def carry(tickets: Sequence[Ticket]) -> str | None:
        for ticket in tickets:
            recorded = asked.get((ticket.number, ticket.attempt))
            if recorded is None:
                return f"request {ticket.number}: nothing more was asked, now it asks {ticket.request!r}"
            if recorded.request != ticket.request:
                return (
                    f"request {ticket.number}: {recorded.request!r} was asked, now it asks {ticket.request!r}"
                )
            opened[ticket.number, ticket.attempt] = ticket
        return None

    asked = {(r.ticket.number, r.ticket.attempt): r.ticket for r in records if r.fate is not Fate.COMPUTED}
    difference = carry(session.start(0))
    for record in sorted(records, key=lambda r: (r.answered_at, r.ticket.number, r.ticket.attempt)):
        if record.fate is Fate.COMPUTED:
            continue
        number, attempt = record.ticket.number, record.ticket.attempt
        ticket = opened.pop((number, attempt), None)
        if difference is None and ticket is None:
            difference = f"request {number}: {record.ticket.request!r} was asked, now it is not"
        if difference is not None or ticket is None:
            session.close()
            return difference
        if record.fate is Fate.WITHDRAWN:
            difference = carry(session.withdraw(ticket, record.answered_at))
            continue
        pause = following[number, attempt + 1] - record.answered_at if record.fate is Fate.RETRIED else None
        reply = Reply(record.answer, record.charge, record.answered_at - ticket.sent_at, record.truth, pause)
        difference = carry(session.settle(ticket, reply, record.answered_at))
    session.close()
    return difference
