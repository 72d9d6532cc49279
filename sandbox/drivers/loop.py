"""The plainest driver: one request after another, time added up."""

from __future__ import annotations

from collections import deque

from sandbox.session import Session


def play(session: Session) -> int:
    """Drive `session` to its end; the nanoseconds it would have taken one by one."""
    now, deadline = 0, session.deadline
    try:
        waiting = deque(session.start(now))
        while waiting:
            ticket = waiting.popleft()
            now = max(now, ticket.sent_at)
            if deadline is not None and now >= deadline:
                waiting.extend(session.withdraw(ticket, now))
                continue
            reply = session.world.reply(ticket, now)
            now += reply.nanoseconds
            waiting.extend(session.settle(ticket, reply, now))
    finally:
        session.close()  # nothing to do after a healthy end; no thread and no reservation after a bug
    return now
