"""One agent's conversation, without input, output or a clock.

A driver starts the session, carries each ticket it is handed to the world, and
settles it with the reply. All rules live here; a driver only waits:

    tickets = session.start(now)
    while tickets:
        ticket = tickets.pop(0)
        reply = world.reply(ticket, now)
        now += reply.nanoseconds
        tickets += session.settle(ticket, reply, now)
    session.recommendation

The deadline: a request that is being served when the seconds run out is charged in
full and its answer dropped; one that still waits is withdrawn and costs nothing. The
agent is then told `BudgetExhausted` (in a `Gather`, the answers that came in time are
delivered beside an `AnswerFailed` for each that did not), may still recommend, and can
ask nothing more. An answer that arrives exactly at the deadline is in time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sandbox.assembly import TOO_LATE, Composer, Whole, in_numbers
from sandbox.budget import FREE, Cost, Ledger, Meter, Reservation
from sandbox.errors import AgentError, AnswerFailed, BudgetExhausted, ProtocolError, UsageError
from sandbox.manners import AGENTS_OWN, check_question, check_recommendation, crash, message, short
from sandbox.protocol import Gather, Plan, Recommend, Request, Task
from sandbox.spaces import Candidate
from sandbox.trace import Fate, Recommendation, Record, Reply, Ticket, Trace, build

PATIENCE = 8
"""Refusals in a row after which an agent is stopped; trying smaller batches takes a few."""
MOST_IDLE = 10_000
"""Free requests in a row after which an agent is stopped."""
MOST_REQUESTS = 2_000_000
"""Requests after which an agent is stopped that no limit stops."""

MOST_STALE = 1_000
"""Evaluations in a row that cost nothing, because the agent knew every row, after which it is told that
its budget is exhausted: what is left of it can buy nothing new in this way."""

_ANSWERED, _FAILED, _LATE = Fate.ANSWERED, Fate.FAILED, Fate.LATE


class World(Protocol):
    """Whatever answers requests: a synthetic oracle, a mock model, a real endpoint."""

    def quote(self, request: Request[Any]) -> Cost:
        """The most that answering `request` can cost, all attempts together."""
        ...

    def reply(self, ticket: Ticket, now: int) -> Reply:
        """Answer an attempt that starts to be served at `now` nanoseconds."""
        ...

    def tokens(self, request: Request[Any]) -> int:
        """How many tokens one attempt counts against the service's tokens per minute."""
        ...


class Session:
    """One agent, its plan, its ledger and its trace."""

    def __init__(
        self,
        agent: str,
        plan: Plan[Candidate],
        task: Task,
        world: World,
        ledger: Ledger,
        meter: Meter | None = None,
        journal: Callable[[Record], None] | None = None,
    ) -> None:
        """Seat an agent; `journal` is called with each record before its answer reaches the agent."""
        self.agent = agent
        self.task = task
        self.world = world
        self.ledger = ledger
        self.trace = Trace()
        self.recommendation: Candidate | None = None
        self.deadline = ledger.deadline
        """The last nanosecond at which an answer is in time; None for ever."""
        self.failure: AgentError | None = None
        """Why the run cannot be judged; None in a healthy run."""
        self.ended_at: int | None = None
        """Nanoseconds on the agent's clock; None while it is running."""
        self._plan = plan
        self._meter = meter
        self._journal = journal
        self._composer: Composer | None = world if hasattr(world, "parts") else None  # type: ignore[assignment]
        self._refusals = 0
        self._idle = 0
        self._stale = 0
        self._number = 0
        self._repeats: dict[bytes, int] = {}
        self._batch = False
        self._open: dict[int, tuple[Ticket, Reservation]] = {}
        self._wholes: dict[int, Whole] = {}
        """By the ticket numbers of the parts that are on their way."""
        self._asked = 0
        """How many answers the agent waits for."""
        self._answers: dict[int, Any] = {}

    @property
    def open_tickets(self) -> list[Ticket]:
        """What the world still owes an answer to."""
        return [ticket for ticket, _ in self._open.values()]

    def start(self, now: int = 0) -> list[Ticket]:
        """Let the agent speak first; the tickets to carry."""
        self.ledger.pass_time(now)
        if not hasattr(self._plan, "send"):
            what = f"{self.agent}: plan() returned {short(self._plan)}, not a generator; does it yield?"
            return self._fail(ProtocolError(what), now)
        return self._resume(None, now)

    def settle(self, ticket: Ticket, reply: Reply, now: int) -> list[Ticket]:
        """Take the reply to an open ticket; the tickets to carry next.

        Raises:
            QuoteExceeded: if the world charges more than it quoted.
            KeyError: if the ticket is not open.
        """
        key = self._reservation(ticket)
        ledger, deadline = self.ledger, self.deadline
        late = deadline is not None and now > deadline
        ledger.pass_time(now)
        if reply.retry_after is not None and not late:
            return self._retry(ticket, reply, now)
        answer, charge = in_numbers(reply.answer), reply.charge
        ledger.settle(key, charge)
        failed = isinstance(answer, AnswerFailed)
        fate = _LATE if late else _FAILED if failed else _ANSWERED
        self._note(build(Record, (ticket, fate, answer, charge, reply.truth, now)))
        if self._wholes and ticket.number in self._wholes:
            return self._take_part(ticket, fate, answer, now)
        if late:
            return self._miss(ticket, now)
        if failed:  # the agent gets its own copy: an error that is raised drags the agent's frames along
            answer = AnswerFailed(*answer.args)
        return self._deliver(ticket, answer, now)

    def _note(self, record: Record) -> None:
        self.trace.records.append(record)
        if self._journal is not None:
            self._journal(record)

    def _retry(self, ticket: Ticket, reply: Reply, now: int) -> list[Ticket]:
        """Charge a failed attempt; the next one takes its place."""
        _, key = self._open[ticket.number]
        self.ledger.settle_in_part(key, reply.charge)
        self._note(Record(ticket, Fate.RETRIED, reply.answer, reply.charge, None, now))
        again = ticket._replace(attempt=ticket.attempt + 1, sent_at=now + (reply.retry_after or 0))
        self._open[ticket.number] = (again, key)
        return [again]

    def withdraw(self, ticket: Ticket, now: int) -> list[Ticket]:
        """The seconds ran out before `ticket` was served; the tickets to carry next.

        Raises:
            KeyError: if the ticket is not open.
        """
        self.ledger.release(self._reservation(ticket))
        self.ledger.pass_time(now)
        missed = AnswerFailed(*TOO_LATE)
        self._note(Record(ticket, Fate.WITHDRAWN, missed, FREE, None, now))
        if ticket.number in self._wholes:
            return self._take_part(ticket, Fate.WITHDRAWN, missed, now)
        return self._miss(ticket, now)

    def _take_part(self, ticket: Ticket, fate: Fate, answer: Any, now: int) -> list[Ticket]:
        """Keep the answer to one part of a request; answer the request when it was the last."""
        del self._open[ticket.number]
        whole = self._wholes.pop(ticket.number)
        if not whole.take(ticket.number, fate, answer):
            return []
        fate, answer = self._conclude(whole, now)
        if fate is Fate.LATE or fate is Fate.WITHDRAWN:
            return self._miss(whole.ticket, now)
        return self._deliver(whole.ticket, answer, now)

    def _conclude(self, whole: Whole, now: int) -> tuple[Fate, Any]:
        """Charge a request whose parts are all answered, and enter it into the trace."""
        if self._composer is None:
            raise RuntimeError(f"{self.world} answers no request in parts")
        fate, answer = whole.outcome(self._composer)
        charge = FREE if fate is Fate.WITHDRAWN else self.world.quote(whole.ticket.request)
        self.ledger.settle(whole.reservation, charge)
        self._note(Record(whole.ticket, fate, answer, charge, None, now))
        return fate, AnswerFailed(*answer.args) if isinstance(answer, AnswerFailed) else answer

    def close(self) -> None:
        """Abandon the agent: its `finally` blocks run, its reservations are given back."""
        try:
            if hasattr(self._plan, "close"):
                self._plan.close()
        except AGENTS_OWN as exc:  # it yielded, or raised something else, while it was being closed
            what = f"{self.agent} does not stop when it is closed: {message(exc)}"
            self.failure = self.failure or ProtocolError(what)
        finally:
            for _, key in self._open.values():
                self.ledger.release(key)
            for key in {whole.reservation for whole in self._wholes.values()}:
                self.ledger.release(key)
            self._open.clear()
            self._wholes.clear()
            self._answers.clear()

    def _reservation(self, ticket: Ticket) -> Reservation:
        opened, key = self._open[ticket.number]
        if opened is not ticket:
            raise KeyError(f"attempt {ticket.attempt} of ticket {ticket.number} is not open")
        return key

    def _miss(self, ticket: Ticket, now: int) -> list[Ticket]:
        """Tell the agent that the answer comes too late for it."""
        answer = AnswerFailed(*TOO_LATE) if self._batch else BudgetExhausted("seconds", 0, 0)
        return self._deliver(ticket, answer, now)

    def _deliver(self, ticket: Ticket, answer: Any, now: int) -> list[Ticket]:
        """Keep one answer; resume the plan when it was the last."""
        self._open.pop(ticket.number, None)  # a request that was answered in parts is not in it
        if not self._batch:
            return self._resume(answer, now)
        self._answers[ticket.number] = answer
        if len(self._answers) < self._asked:
            return []
        return self._resume(self._collected(), now)

    def _collected(self) -> tuple[Any, ...]:
        """The answers to a batch, in the order asked."""
        answers, self._answers = self._answers, {}
        return tuple([answers[n] for n in sorted(answers)])

    def _resume(self, answer: Any, now: int) -> list[Ticket]:
        """Step the plan until it waits for the world, or is finished."""
        while True:
            try:
                if isinstance(answer, Exception):
                    request = self._plan.throw(answer)
                else:
                    request = self._plan.send(answer)
            except StopIteration as stop:
                return self._finish(stop.value, self._local_work(now))
            except BudgetExhausted:
                return self._finish(None, self._local_work(now))
            except UsageError:
                raise  # a missing package is for the person to mend, and no result of the agent
            except AGENTS_OWN as exc:
                return self._fail(crash(exc), self._local_work(now))
            if self._meter is not None:
                now = self._local_work(now)
            try:
                if isinstance(request, Recommend):
                    self._recommend(request.candidate)
                    answer = None
                elif not isinstance(request, Gather) and self._composer is None:
                    return [self._admit(request, now)]
                else:
                    asked = request.requests if isinstance(request, Gather) else (request,)
                    if tickets := self._admit_all(asked, isinstance(request, Gather), now):
                        return tickets
                    answer = self._collected()
                    if answer:  # everything was known already
                        answer = answer if self._batch else answer[0]
                        continue
                self._idle += 1
                if self._idle > MOST_IDLE:
                    raise ProtocolError(f"{self.agent} made {MOST_IDLE} free requests in a row")
            except BudgetExhausted as refusal:
                self._refusals += 1
                if self._refusals > PATIENCE:
                    what = f"{self.agent} kept asking after {PATIENCE} refusals in a row ({refusal})"
                    return self._fail(ProtocolError(what), now)
                answer = refusal
            except ProtocolError as error:
                return self._fail(error, now)

    def _admit(self, request: Request[Any], now: int) -> Ticket:
        """Quote and reserve one request, or refuse it."""
        check_question(self.agent, self.task, request)
        self._count(1)
        reservation = self.ledger.reserve_one(self.world.quote(request))
        self._batch = False
        return self._send_off(request, reservation, now)

    def _admit_all(self, requests: tuple[Request[Any], ...], batch: bool, now: int) -> list[Ticket]:
        """Quote and reserve all requests with their parts, or refuse them all.

        What costs nothing to answer, because all its parts are known, is answered at once.
        """
        if not isinstance(requests, tuple):
            raise ProtocolError(f"{self.agent} gathers {short(requests)}, not a tuple of requests")
        if not requests:
            return []
        for request in requests:
            check_question(self.agent, self.task, request)
        composer, quote = self._composer, self.world.quote
        split = [None if composer is None else composer.parts(request) for request in requests]
        wanted = [
            part for request, parts in zip(requests, split, strict=True) for part in (request, *(parts or ()))
        ]
        self._count(len(wanted))
        quotes = [quote(request) for request in wanted]
        self._spare_the_stale(split, quotes)
        reservations = iter(self.ledger.reserve(quotes))
        self._batch, self._asked = batch, len(requests)
        tickets: list[Ticket] = []
        for request, parts in zip(requests, split, strict=True):
            ticket = self._send_off(request, next(reservations), now)
            if parts is None:
                tickets.append(ticket)
                continue
            _, reservation = self._open.pop(ticket.number)
            whole = Whole(ticket, reservation, parts)
            if not parts:
                _, self._answers[ticket.number] = self._conclude(whole, now)
            for part in parts:
                ticket = self._send_off(part, next(reservations), now)
                self._wholes[ticket.number] = whole
                tickets.append(ticket)
        return tickets

    def _spare_the_stale(self, split: list[tuple[Request[Any], ...] | None], quotes: list[Cost]) -> None:
        """Refuse an agent that asks for ever what it knows already, where that costs nothing.

        Raises:
            BudgetExhausted: after `MOST_STALE` such evaluations in a row.
        """
        if any(parts is None or parts for parts in split) or self.ledger.touches(quotes):
            self._stale = 0
            return
        self._stale += len(split)
        if self._stale > MOST_STALE:
            raise BudgetExhausted("evaluations", len(split), 0)

    def _send_off(self, request: Request[Any], reservation: Reservation, now: int) -> Ticket:
        """Open a ticket for an admitted request."""
        what, number = request.key(), self._number
        repeat = self._repeats.get(what, 0)
        self._repeats[what] = repeat + 1
        key = what + repeat.to_bytes(8, "little")
        ticket = build(Ticket, (number, request, repeat, 0, now, key))
        self._open[number] = (ticket, reservation)
        self._number = number + 1
        self._refusals = self._idle = 0
        return ticket

    def _count(self, many: int) -> None:
        if self._number + many > MOST_REQUESTS:
            raise ProtocolError(f"{self.agent} made {self._number} requests; no limit of the budget stops it")

    def _recommend(self, candidate: Candidate) -> None:
        check_recommendation(self.agent, self.task, candidate)
        if candidate != self.recommendation:
            self.recommendation = candidate
            spent = self.ledger.spent
            self.trace.recommendations.append(Recommendation(candidate, spent.seconds, spent))

    def _local_work(self, now: int) -> int:
        """Enter white-box work into the trace; the clock after it."""
        if self._meter is None or self._meter.unclaimed == FREE:
            return now
        cost, self._meter.unclaimed = self._meter.unclaimed, FREE
        after = now + cost.whitebox_seconds
        ticket = Ticket(self._number, _LOCAL, 0, 0, now, b"")
        self._number += 1
        self.trace.records.append(Record(ticket, Fate.COMPUTED, None, cost, None, after))
        self.ledger.pass_time(after)
        return after

    def _finish(self, value: Candidate | None, now: int) -> list[Ticket]:
        """The plan ended: with a value, or judged by its last `Recommend`."""
        try:
            if value is not None:
                self._recommend(value)
            elif self.recommendation is None:
                raise ProtocolError(f"{self.agent} returned nothing and recommended nothing")
        except ProtocolError as error:
            return self._fail(error, now)
        return self._end(now)

    def _fail(self, error: AgentError, now: int) -> list[Ticket]:
        self.failure = error
        self.close()
        return self._end(now)

    def _end(self, now: int) -> list[Ticket]:
        self._local_work(now)
        self.ended_at = self.ledger.spent.seconds
        return []


_LOCAL: Request[None] = Request()
"""Stands in the trace for work that no request carried."""
