"""The append-only memory of a run: one record per attempt, one per recommendation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from sandbox.budget import FREE, Cost
from sandbox.protocol import Request
from sandbox.spaces import Candidate

build = tuple.__new__
"""``build(Record, (...))`` takes half the time of ``Record(...)``, which first sorts out keywords.

Only for what is made several times a request: no field has a name there, and none a default.
"""


class Ticket(NamedTuple):
    """An admitted request, on its way to the world."""

    number: int
    """Counts the admitted requests of this agent from 0."""
    request: Request[Any]
    repeat: int
    """How often this agent has been admitted with an equal request before."""
    attempt: int
    """How often this ticket failed before; each attempt is a ticket of its own."""
    sent_at: int
    """Nanoseconds on the agent's clock."""
    key: bytes
    """What is asked, and how often it was asked before: all that noise and latency may depend on."""


class Reply(NamedTuple):
    """What the world says to a ticket."""

    answer: Any
    """An expected failure is an `AnswerFailed`."""
    charge: Cost
    nanoseconds: int
    """How long it took, or would have taken, once it was served."""
    truth: float | None = None
    """The noiseless score, for the referee; agents never see it."""
    retry_after: int | None = None
    """Nanoseconds to wait before the next attempt; None means that this was the last."""


class Fate(Enum):
    """What became of an attempt."""

    ANSWERED = "answered"
    ASSEMBLED = "assembled"
    """Put together from the answers to its rows, each of which has a record of its own."""
    RETRIED = "retried"
    """It failed, and another attempt followed."""
    FAILED = "failed"
    """It failed for good; the agent was told."""
    LATE = "late"
    """It was being served when the seconds ran out: charged in full, never delivered."""
    WITHDRAWN = "withdrawn"
    """It still waited to be served when the seconds ran out: not charged."""
    COMPUTED = "computed"
    """Local work on the white box; no request was made."""


class Record(NamedTuple):
    """One attempt, from the moment it was sent to its answer."""

    ticket: Ticket
    fate: Fate
    answer: Any
    charge: Cost
    truth: float | None
    answered_at: int
    """Nanoseconds on the agent's clock."""


class Recommendation(NamedTuple):
    """What the agent would have handed in from `at` on."""

    candidate: Candidate
    at: int
    """Nanoseconds on the agent's clock."""
    spent: Cost
    """What the ledger had charged by then."""


@dataclass(slots=True)
class Trace:
    """Everything that happened to one agent in one run."""

    records: list[Record] = field(default_factory=list)
    """In the order of their answers."""
    recommendations: list[Recommendation] = field(default_factory=list)

    def in_order_asked(self) -> Iterator[Record]:
        """The records by ticket and attempt, whatever order the answers arrived in."""
        return iter(sorted(self.records, key=lambda record: (record.ticket.number, record.ticket.attempt)))

    def charged(self) -> Cost:
        """The sum of all charges; the ledger must say the same."""
        return sum((record.charge for record in self.records), FREE)
