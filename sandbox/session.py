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

from typing import Any, Protocol

from sandbox.budget import FREE, Cost, Ledger, Meter, Reservation
from sandbox.errors import AgentError, AnswerFailed, BudgetExhausted, ProtocolError
from sandbox.manners import AGENTS_OWN, check_question, check_recommendation, crash, message, short
from sandbox.protocol import Gather, Plan, Recommend, Request, Task
from sandbox.spaces import Candidate
from sandbox.trace import Fate, Recommendation, Record, Reply, Ticket, Trace

PATIENCE = 8
"""Refusals in a row after which an agent is stopped; trying smaller batches takes a few."""
MOST_IDLE = 10_000
"""Free requests in a row after which an agent is stopped."""
MOST_REQUESTS = 2_000_000
"""Requests after which an agent is stopped that no limit stops."""

_LATE = ("late", "the seconds ran out before the answer came")


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
    ) -> None:
        self.agent = agent
        self.task = task
        self.world = world
        self.ledger = ledger
        self.trace = Trace()
        self.recommendation: Candidate | None = None
        self.failure: AgentError | None = None
        """Why the run cannot be judged; None in a healthy run."""
        self.ended_at: int | None = None
        """Nanoseconds on the agent's clock; None while it is running."""
        self._plan = plan
        self._meter = meter
        self._refusals = 0
        self._idle = 0
        self._number = 0
        self._repeats: dict[bytes, int] = {}
        self._batch = False
        self._open: dict[int, tuple[Ticket, Reservation]] = {}
        self._answers: dict[int, Any] = {}

    @property
    def deadline(self) -> int | None:
        """The last nanosecond at which an answer is in time."""
        return self.ledger.deadline

    @property
    def open_tickets(self) -> list[Ticket]:
        """What the world still owes an answer to."""
        return [ticket for ticket, _ in self._open.values()]

    def start(self, now: int = 0) -> list[Ticket]:
        """Let the agent speak first; the tickets to carry."""
        if not hasattr(self._plan, "send"):
            what = f"{self.agent}: plan() returned {self._plan!r}, not a generator; does it yield?"
            return self._fail(ProtocolError(what), now)
        return self._resume(None, now)

    def settle(self, ticket: Ticket, reply: Reply, now: int) -> list[Ticket]:
        """Take the reply to an open ticket; the tickets to carry next.

        Raises:
            QuoteExceeded: if the world charges more than it quoted.
            KeyError: if the ticket is not open.
        """
        number = ticket.number
        opened, key = self._open[number]
        if opened is not ticket:
            raise KeyError(f"attempt {ticket.attempt} of ticket {number} is not open")
        answer, charge = reply.answer, reply.charge
        deadline = self.ledger.deadline
        late = deadline is not None and now > deadline
        self.ledger.pass_time(now)
        if reply.retry_after is not None and not late:
            self.ledger.settle_in_part(key, charge)
            self._record(Record(ticket, Fate.RETRIED, answer, charge, None, now))
            again = ticket._replace(attempt=ticket.attempt + 1, sent_at=now + reply.retry_after)
            self._open[number] = (again, key)
            return [again]
        self.ledger.settle(key, charge)
        if late:
            self._record(Record(ticket, Fate.LATE, answer, charge, reply.truth, now))
            return self._miss(number, now)
        if isinstance(answer, AnswerFailed):
            self._record(Record(ticket, Fate.FAILED, answer, charge, reply.truth, now))
            # The agent gets its own copy: an error that is raised drags the agent's frames along.
            return self._close_ticket(number, AnswerFailed(*answer.args), now)
        self._record(Record(ticket, Fate.ANSWERED, answer, charge, reply.truth, now))
        return self._close_ticket(number, answer, now)

    def withdraw(self, ticket: Ticket, now: int) -> list[Ticket]:
        """The seconds ran out before `ticket` was served; the tickets to carry next.

        Raises:
            KeyError: if the ticket is not open.
        """
        opened, key = self._open[ticket.number]
        if opened is not ticket:
            raise KeyError(f"attempt {ticket.attempt} of ticket {ticket.number} is not open")
        self.ledger.release(key)
        self.ledger.pass_time(now)
        self._record(Record(ticket, Fate.WITHDRAWN, AnswerFailed(*_LATE), FREE, None, now))
        return self._miss(ticket.number, now)

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
            self._open.clear()
            self._answers.clear()

    def _record(self, record: Record) -> None:
        self.trace.records.append(record)

    def _miss(self, number: int, now: int) -> list[Ticket]:
        """Tell the agent that the answer comes too late for it."""
        answer = AnswerFailed(*_LATE) if self._batch else BudgetExhausted("seconds", 0, 0)
        return self._close_ticket(number, answer, now)

    def _close_ticket(self, number: int, answer: Any, now: int) -> list[Ticket]:
        """Keep one answer; resume the plan when it was the last."""
        del self._open[number]
        if not self._batch:
            return self._resume(answer, now)
        self._answers[number] = answer
        if self._open:
            return []
        answers, self._answers = self._answers, {}
        return self._resume(tuple([answers[n] for n in sorted(answers)]), now)

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
            except AGENTS_OWN as exc:
                return self._fail(crash(exc), self._local_work(now))
            if self._meter is not None:
                now = self._local_work(now)
            try:
                if isinstance(request, Recommend):
                    self._recommend(request.candidate, now)
                    answer = None
                elif (
                    isinstance(request, Gather)
                    and isinstance(request.requests, tuple)
                    and not request.requests
                ):
                    answer = ()
                else:
                    tickets = self._admit(request, now)
                    self._refusals = self._idle = 0
                    return tickets
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

    def _admit(self, request: object, now: int) -> list[Ticket]:
        """Quote and reserve; open a ticket for each request, or refuse them all."""
        self._batch = isinstance(request, Gather)
        leaves: tuple[Any, ...] = request.requests if isinstance(request, Gather) else (request,)
        if not isinstance(leaves, tuple):
            raise ProtocolError(f"{self.agent} gathers {short(leaves)}, not a tuple of requests")
        for leaf in leaves:
            check_question(self.agent, self.task, leaf)
        if self._number + len(leaves) > MOST_REQUESTS:
            raise ProtocolError(f"{self.agent} made {self._number} requests; no limit of the budget stops it")
        self.ledger.pass_time(now)
        quote = self.world.quote
        keys = self.ledger.reserve([quote(leaf) for leaf in leaves])
        tickets = []
        for leaf, reservation in zip(leaves, keys, strict=True):
            what = leaf.key()
            repeat = self._repeats.get(what, 0)
            self._repeats[what] = repeat + 1
            ticket = Ticket(self._number, leaf, repeat, 0, now, what + repeat.to_bytes(8, "little"))
            self._open[self._number] = (ticket, reservation)
            self._number += 1
            tickets.append(ticket)
        return tickets

    def _recommend(self, candidate: Candidate, now: int) -> None:
        check_recommendation(self.agent, self.task, candidate)
        if candidate != self.recommendation:
            self.recommendation = candidate
            self.ledger.pass_time(now)
            at = self.ledger.spent.seconds
            self.trace.recommendations.append(Recommendation(candidate, at, self.ledger.spent))

    def _local_work(self, now: int) -> int:
        """Enter white-box work into the trace; the clock after it."""
        if self._meter is None or self._meter.unclaimed == FREE:
            return now
        cost, self._meter.unclaimed = self._meter.unclaimed, FREE
        after = now + cost.whitebox_seconds
        ticket = Ticket(self._number, _LOCAL, 0, 0, now, b"")
        self._number += 1
        self._record(Record(ticket, Fate.COMPUTED, None, cost, None, after))
        return after

    def _finish(self, value: Candidate | None, now: int) -> list[Ticket]:
        """The plan ended: with a value, or judged by its last `Recommend`."""
        try:
            if value is not None:
                self._recommend(value, now)
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
        self.ledger.pass_time(self._local_work(now))
        self.ended_at = self.ledger.spent.seconds
        return []


_LOCAL: Request[None] = Request()
"""Stands in the trace for work that no request carried."""
