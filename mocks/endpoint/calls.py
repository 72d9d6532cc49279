"""The life of one attempt: claimed, reserved, let in, answered after its time, settled.

The order is the rule. A broken answer on purpose that is an error comes first and is free;
then the budget, then the limiter, then the queue for a place: whoever is refused there has
used no luck and no money. From then on the answer's tokens are charged: in full when it
was sent or its connection broke, for what was written when the client of a stream left, and
not at all for an error.
"""

from __future__ import annotations

import logging

from mocks.endpoint.accounts import Account
from mocks.endpoint.clock import Clock
from mocks.endpoint.exchange import JSON, Exchange
from mocks.endpoint.faults import FAULTS, Fault, Switch
from mocks.endpoint.jobs import Job
from mocks.endpoint.metrics import Metrics
from mocks.endpoint.problems import Problem, broken_model, context_too_long
from mocks.endpoint.visit import Backend, Visit, come_again
from mocks.endpoint.writing import DONE
from mocks.service import Attempt
from sandbox.budget import FREE, SECOND, Cost

log = logging.getLogger("sandbox.endpoint")
SHORTEST_GAP = 5_000_000
"""Nanoseconds of the wall's clock between two writes of a stream; tokens that are due sooner go together."""


class Calls:
    """Answers jobs."""

    def __init__(self, switch: Switch, metrics: Metrics) -> None:
        self._switch = switch
        self._metrics = metrics

    async def answer(
        self, exchange: Exchange, account: Account, backend: Backend, job: Job, told: int | None
    ) -> None:
        """One attempt at `job`; `told`: which repeat the client says it is.

        Raises:
            Problem: that the client is to be answered with.
        """
        account.attempts += 1
        visit = Visit(account, backend, job.digests, told, self._metrics)
        try:
            await self._answer(exchange, visit, job)
        except Problem as problem:
            if not visit.settled and problem.status == 429:
                account.refused += 1
            raise
        finally:
            visit.close()

    async def _answer(self, exchange: Exchange, visit: Visit, job: Job) -> None:
        backend, clock = visit.backend, visit.account.clock
        clock.stir()
        claim = visit.claims[0]
        luck = job.luck(claim)
        header = exchange.headers.get(b"x-sandbox-fault")
        fault = self._switch.fault(header, luck, claim.attempt, job.events is not None)
        if fault is not None and fault.how == "error":
            visit.broke()
            raise fault.problem()
        try:
            prompt, most, texts = job.size()
        except Exception as exc:
            raise _failed(exc) from exc
        quote = Cost(0, 0, texts, prompt, most, backend.usd(prompt, most))
        if not await visit.enter(exchange, quote, clock):
            return
        begun = clock.now()
        try:
            answers = job.work(visit.claims)
        except Exception as exc:
            raise _failed(exc) from exc
        prompt_tokens, completion_tokens = visit.answered_by(answers)
        if prompt_tokens > prompt or completion_tokens > most:
            log.error("model %s: answer above its bound", backend.name)
            raise broken_model("its answer has more tokens than it said that it could have")
        attempt = backend.desk.attempt(luck, claim.attempt, prompt_tokens, completion_tokens, begun)
        exchange.extra.append((b"x-sandbox-occurrence", b"%d" % claim.occurrence))
        if attempt.fault is not None:
            await self._break_down(exchange, visit, attempt, begun + attempt.nanoseconds)
            return
        if fault is not None and fault.how in ("closed", "reset", "silent"):
            await _break(exchange, visit, fault, begun + attempt.nanoseconds)
            return
        if job.events is not None and (fault is None or fault.streams):
            await self._stream(exchange, visit, job, fault, begun, attempt.nanoseconds)
            return
        due = begun + attempt.nanoseconds
        if attempt.nanoseconds and not await clock.until(due, exchange.caller) and exchange.record is None:
            visit.broke(visit.charge())
            return  # who sent an Idempotency-Key comes again: the answer is kept, and billed once
        if fault is not None:
            await _break(exchange, visit, fault, due, job)
            return
        visit.answered(visit.charge(texts=texts))
        exchange.complete = True
        await exchange.reply(200, job.body(answers))

    async def _stream(
        self, exchange: Exchange, visit: Visit, job: Job, fault: Fault | None, begun: int, lasts: int
    ) -> None:
        """Send the tokens when they are due: the first after the time to the first token, then evenly."""
        events, clock, caller, answers = job.events, visit.account.clock, exchange.caller, visit.answers
        if events is None:
            raise TypeError("a stream without events")
        steps = events.steps(answers, job.logprobs)
        completion = visit.completion_tokens
        writing = round(visit.backend.service.latency.per_completion_token * completion * SECOND)
        first = begun + max(lasts - writing, 0)
        gaps = max(len(steps) - 1, 1)
        half = len(steps) if fault is None else max(len(steps) // 2, 1)
        sent, begin = 0, False
        while sent < half:
            due = first + (begun + lasts - first) * sent // gaps
            if (lasts and not await clock.until(due, caller)) or caller.left:
                visit.broke(visit.charge(completion * sent // gaps if begin else 0))
                exchange.status = exchange.status if begin else 0
                return
            until, horizon = sent + 1, clock.now() + int(SHORTEST_GAP * _pace(clock))
            while until < half and first + (begun + lasts - first) * until // gaps <= horizon:
                until += 1
            if not begin:
                await exchange.begin()
                begin = True
            if until >= len(steps):
                break
            await exchange.write(b"".join(steps[sent:until]))
            sent = until
        if fault is not None:
            visit.broke(visit.charge(completion * half // gaps))
            await _break_stream(exchange, fault)
            return
        visit.answered(visit.charge(texts=sum([len(answer.choices) for answer in answers])))
        exchange.complete = True
        await exchange.write(b"".join([*steps[sent:], events.last(answers), DONE]), more=False)

    async def _break_down(self, exchange: Exchange, visit: Visit, attempt: Attempt, due: int) -> None:
        """A fault of the service itself, by its own luck."""
        clock, service = visit.account.clock, visit.backend.service
        if attempt.fault == "rate_limited" and clock.virtual:
            # The client's own wait takes no virtual time: it passes here.
            due += attempt.retry_after or round(service.faults.retry_after * SECOND)
        charge = visit.charge() if attempt.billed else FREE
        if not await clock.until(due, exchange.caller):
            visit.broke(charge)
            return
        visit.broke(charge)
        if attempt.fault == "rate_limited":
            wait = attempt.retry_after or round(service.faults.retry_after * SECOND)
            raise Problem(
                429, "requests", "rate_limit_exceeded", None,
                "Rate limit reached. Please try again later.", come_again(clock, wait),
            )  # fmt: skip
        if attempt.fault == "outage":
            raise FAULTS["overloaded"].problem()
        if attempt.fault == "server_error":
            raise FAULTS["server_error"].problem()
        if attempt.fault == "malformed":
            await exchange.reply(200, FAULTS["broken_json"].body)
            return
        await exchange.close()


async def _break(exchange: Exchange, visit: Visit, fault: Fault, due: int, job: Job | None = None) -> None:
    """Break an answer that was made, once it is due."""
    clock = visit.account.clock
    if fault.how == "silent":
        due += round(visit.backend.service.faults.patience * SECOND)
    await clock.until(due, exchange.caller)
    visit.broke(visit.charge())
    if fault.how == "body":
        await exchange.reply(200, fault.body, fault.content_type)
    elif fault.how == "content_filter" and job is not None:
        filtered = [
            answer._replace(
                choices=tuple([c._replace(text="", finish="content_filter") for c in answer.choices])
            )
            for answer in visit.answers
        ]
        if job.events is None:
            await exchange.reply(200, job.body(filtered))
        else:
            await exchange.begin()
            events = [*job.events.steps(filtered, job.logprobs), job.events.last(filtered), DONE]
            await exchange.write(b"".join(events), more=False)
    elif fault.how == "short_body" and job is not None:
        body = job.body(visit.answers)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (JSON, len(body))
        exchange.status = 200
        await exchange.close(head + body[: len(body) // 2])
    elif not exchange.caller.left:
        await exchange.close(reset=fault.how == "reset")


async def _break_stream(exchange: Exchange, fault: Fault) -> None:
    """Break a stream whose first half was sent."""
    if fault.how == "stream_cut":
        await exchange.close(before=b"40\r\ndata: {")
    elif fault.how == "stream_bad_json":
        await exchange.write(b'data: {"id":"chatcmpl-bro\n\n' + DONE, more=False)
    elif fault.how == "stream_error":
        error = fault.problem().body().replace(b'"type":""', b'"type":"server_error"')
        await exchange.write(b"data: " + error + b"\n\n" + DONE, more=False)
    else:
        await exchange.write(b"", more=False)


def _pace(clock: Clock) -> float:
    """Nanoseconds of the service in one of the wall; none where time is virtual, for it jumps."""
    wall = clock.wall(SECOND)
    return SECOND / wall if wall else 0.0


def _failed(exc: Exception) -> Problem:
    """The error that a model's failure is for the client."""
    if type(exc).__name__ == "ContextTooLong":
        return context_too_long(str(exc.args[-1]) if exc.args else str(exc))
    log.error("the model failed", exc_info=exc)
    return broken_model(type(exc).__name__)
