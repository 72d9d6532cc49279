"""The plainest driver: one request after another, time added up."""

from __future__ import annotations

from collections import deque

from sandbox.session import Session


def play(session: Session) -> int:
    """Drive `session` to its end; the nanoseconds it would have taken one by one."""
    now = 0
    waiting = deque(session.start(now))
    while waiting:
        ticket = waiting.popleft()
        now = max(now, ticket.sent_at)
        if session.deadline is not None and now > session.deadline:
            waiting.extend(session.withdraw(ticket, now))
            continue
        reply = session.world.reply(ticket, now)
        now += reply.nanoseconds
        waiting.extend(session.settle(ticket, reply, now))
    return now
