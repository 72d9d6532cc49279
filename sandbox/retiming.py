"""The records of a match under another latency law, worker count or pace; `repricing` says when.

Everything is carried by `drivers.virtual`, as when it is played; only the agents are replaced by what they
asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import cast

from sandbox.assembly import in_numbers
from sandbox.budget import FREE, Cost
from sandbox.codec import dump_answer
from sandbox.drivers import virtual
from sandbox.errors import UsageError
from sandbox.manners import short
from sandbox.protocol import Evaluate, RowCall
from sandbox.scenario import Problem
from sandbox.session import Session, World
from sandbox.tournament import Run
from sandbox.trace import Fate, Record, Reply, Ticket


def retimed(runs: Sequence[Run], problem: Problem) -> list[Run]:
    """The runs of one match, with their records, as `problem`'s service with its limits would time them.

    Args:
        runs: all of a match, in the order of its agents: who shares a service waits for the others.
        problem: the same, but for the latency and the limits of its service.

    Raises:
        UsageError: where something that was asked, answered or charged could have depended on the time.
    """
    for run in runs:
        if run.budget.seconds is not None:
            raise UsageError(
                f"{name_of(run)}: its budget limits seconds ({run.budget}), so other answers would have come "
                "too late; play it again"
            )
    scripts = [_Script(run, problem.world(run.seed)) for run in runs]
    virtual.play(cast("list[Session]", scripts), problem.limits)
    return [script.result() for script in scripts]


class _Script:
    """Asks what a run has asked, when it would have asked it; `drivers.virtual` takes it for a session."""

    deadline = None

    def __init__(self, run: Run, world: World) -> None:
        self.agent = run.agent
        self.world = world
        self.ended_at: int | None = None
        self._run = run
        self._wholes = wholes_of(run.records)
        self._asked = {(r.ticket.number, r.ticket.attempt): r for r in run.records}
        self._new: dict[tuple[int, int], Record] = {}
        self._rest = iter(batches(run))
        self._batch: list[Record] = []
        self._owed = 0
        self._spent = FREE
        self._clock: dict[tuple[int, Cost], int] = {(0, FREE): 0}
        """When the agent was resumed, and what it had spent: the old time and the spending → the new time."""

    @property
    def open_tickets(self) -> list[Ticket]:
        """See `Session.open_tickets`; for the message of a driver's error only."""
        return [r.ticket for r in self._batch if (r.ticket.number, r.ticket.attempt) not in self._new]

    def start(self, now: int) -> list[Ticket]:
        """See `Session.start`."""
        return self._go_on(now)

    def settle(self, ticket: Ticket, reply: Reply, now: int) -> list[Ticket]:
        """See `Session.settle`; the reply must be the recorded one."""
        record = self._asked[ticket.number, ticket.attempt]
        retried = reply.retry_after is not None
        same = (
            retried == (record.fate is Fate.RETRIED)
            and dump_answer(in_numbers(reply.answer)) == dump_answer(record.answer)
            and reply.charge._replace(usd=0) == record.charge._replace(usd=0)
            and (retried or reply.truth == record.truth)
        )
        if not same:
            raise UsageError(
                f"{name_of(self._run)}: request {ticket.number} was answered {short(record.answer)}, and at "
                f"another time it is {short(reply.answer)}: answers depend on the time; play it again"
            )
        self._keep(record, ticket.sent_at, now)
        if retried:
            return [ticket._replace(attempt=ticket.attempt + 1, sent_at=now + (reply.retry_after or 0))]
        self._owed -= 1
        return [] if self._owed else self._go_on(now)

    def withdraw(self, ticket: Ticket, now: int) -> list[Ticket]:
        """See `Session.withdraw`; never called, since there is no deadline."""
        raise RuntimeError(f"ticket {ticket.number} is withdrawn at {now} without a deadline")

    def close(self) -> None:
        """See `Session.close`."""

    def _keep(self, record: Record, sent_at: int, answered_at: int) -> None:
        ticket = record.ticket
        self._new[ticket.number, ticket.attempt] = record._replace(
            ticket=ticket._replace(sent_at=sent_at), answered_at=answered_at
        )

    def _go_on(self, now: int) -> list[Ticket]:
        """The agent has all answers: it works, and asks the next questions."""
        while True:
            self._close_batch(now)
            self._batch = next(self._rest, [])
            if not self._batch:
                self.ended_at = now
                return []
            first = self._batch[0]
            if first.fate is Fate.COMPUTED:
                self._keep(first, now, now + first.charge.whitebox_seconds)
                now += first.charge.whitebox_seconds
                continue
            asked = [record for record in self._batch if not record.ticket.attempt]
            tickets = [r.ticket._replace(sent_at=now) for r in asked if r.ticket.number not in self._wholes]
            for record in asked:
                if record.ticket.number in self._wholes:
                    self._keep(record, now, now)  # until its rows are there
            self._owed = len(tickets)
            if tickets:
                return tickets

    def _close_batch(self, now: int) -> None:
        """Give evaluations the time of their last row, and note what time it is at what spending."""
        whole: Record | None = None
        for record in self._batch:
            number, attempt = record.ticket.number, record.ticket.attempt
            if number in self._wholes:
                whole = record
            elif whole is not None and isinstance(record.ticket.request, RowCall):
                key = whole.ticket.number, 0
                until = max(self._new[key].answered_at, self._new[number, attempt].answered_at)
                self._new[key] = self._new[key]._replace(answered_at=until)
        if not self._batch:
            return
        self._spent = sum([record.charge for record in self._batch], self._spent)
        place = max(record.answered_at for record in self._batch), self._spent
        if self._clock.setdefault(place, now) != now:
            raise UsageError(
                f"{name_of(self._run)}: answers took no time and cost nothing, so the record does not tell "
                "when something was recommended; play it again"
            )

    def result(self) -> Run:
        """The run at its new times."""
        run, ended = self._run, self.ended_at or 0
        steps = []
        for step in run.steps:
            at = self._clock[step.at, step.spent._replace(seconds=0)]
            steps.append(replace(step, at=at, spent=step.spent._replace(seconds=at)))
        records = tuple([self._new[r.ticket.number, r.ticket.attempt] for r in run.records])
        return replace(run, records=records, steps=tuple(steps), spent=run.spent._replace(seconds=ended))


def batches(run: Run) -> list[list[Record]]:
    """The records of a run as they were asked: what was asked at once together, local work by itself.

    An evaluation of which every row was known takes no time, and stands by itself where it can.

    Raises:
        UsageError: where answers took no time, so that nobody knows.
    """
    found: list[list[Record]] = []
    wholes = wholes_of(run.records)
    sent_at = until = -1
    carried = False
    for record in run.records:
        ticket = record.ticket
        if record.fate is Fate.COMPUTED:
            found.append([record])
            sent_at = -1
            continue
        together = ticket.attempt > 0 or isinstance(ticket.request, RowCall)
        if not together and ticket.sent_at == sent_at and carried:
            if until == sent_at:
                raise UsageError(
                    f"{name_of(run)}: answers took no time, so the record does not tell what was asked at "
                    "once; play it again"
                )
            together = True
        if together:
            found[-1].append(record)
        else:
            found.append([record])
            sent_at, until, carried = ticket.sent_at, ticket.sent_at, False
        until = max(until, record.answered_at)
        carried = carried or ticket.number not in wholes
    return found


def served(record: Record) -> bool:
    """Whether the service saw this attempt, or would have."""
    return record.fate is not Fate.COMPUTED and record.fate is not Fate.WITHDRAWN


def wholes_of(records: Sequence[Record]) -> set[int]:
    """The tickets of evaluations that are put together of rows, each of which has a ticket of its own."""
    found = {record.ticket.number for record in records if record.fate is Fate.ASSEMBLED}
    for record, following in pairwise(records):
        if isinstance(record.ticket.request, Evaluate) and isinstance(following.ticket.request, RowCall):
            found.add(record.ticket.number)
    return found


def name_of(run: Run) -> str:
    """As `sandbox show` finds it."""
    return f"{run.scenario}/{run.problem}/{run.agent}/{run.seed}"
