"""A world whose rows are solved by a model behind an OpenAI-compatible endpoint, for real money.

What is reserved is a bound on what the provider can bill: prompt tokens by the bytes of the prompt, or
exactly where the endpoint says that it counts as `sandbox.tokens` does; completion tokens by max_tokens.
What is charged is what the provider reports. Where nobody knows whether an attempt was billed (it timed
out, its connection broke, its answer could not be read), it is charged its bound, so that a hard limit
stays hard; unless the endpoint bills one attempt a call (see `Facts.idempotent`): then all attempts at a
call carry one Idempotency-Key, and only the last of them is charged so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sandbox.budget import FREE, SECOND, Cost
from sandbox.chat import ChatCall
from sandbox.dataset import Dataset
from sandbox.errors import AnswerFailed, ProtocolError, UsageError
from sandbox.limits import Retry
from sandbox.pricelist import Price
from sandbox.protocol import Complete, Evaluate, Request, RowCall
from sandbox.streams import Uniforms
from sandbox.tokens import count_messages, most
from sandbox.trace import Reply, Ticket
from sandbox.worlds.cassette import Client
from sandbox.worlds.chat import Asking, Rows
from sandbox.worlds.openai_api import Facts
from sandbox.worlds.wire import Answered, Failed, Usage

MOST_WAIT = 120.0
"""Seconds; a call of which the server says that it must wait longer has failed, as in the official client."""
_PER_CHAT = 128
"""Prompt tokens that a server's chat template may add: a date, a default system message."""
_PER_MESSAGE = 16
_SERVICE = frozenset({"rate_limited", "server_error", "timeout", "dropped"})
"""Failures that say something about the service, not about the call."""


@dataclass
class Health:
    """What one client's calls have come to; shared by all worlds that use it."""

    patience: int = 20
    """Calls in a row that fail for good because of the service, after which nothing more is sent."""
    logical_calls: int = 0
    """Calls that ended, in whatever way."""
    attempts: int = 0
    unreported: int = 0
    """Answers without usage, charged their bounds."""
    presumed: int = 0
    """Attempts of which nobody knows whether they were billed, charged their bounds."""
    broken: int = 0
    """Calls in a row that failed for good."""
    closed: str = ""
    """Why nothing more is sent."""


class LiveWorld(Rows):
    """Answers `RowCall` and `Complete` through a client; one a session.

    The same charges as `sandbox.worlds.chat.ChatWorld`, with a provider's counts.
    """

    def __init__(
        self,
        dataset: Dataset,
        client: Client,
        price: Price,
        asking: Asking,
        seed: int,
        *,
        facts: Facts | None = None,
        retry: Retry | None = None,
        health: Health | None = None,
        run: str = "",
        user: str = "",
        margin: int = _PER_CHAT,
    ) -> None:
        """Make a world for one run.

        Args:
            dataset: whose rows are asked.
            client: where.
            price: of the model's tokens.
            asking: how rows are put to the model; the client's model goes before the one in it.
            seed: of the luck that is sent along.
            facts: what the endpoint said about the model.
            retry: how often, and how patiently, a call is repeated.
            health: shared by the worlds of one client.
            run: names the run to the server, in idempotency keys; a new one for a run that starts anew.
            user: who asks, for the provider's statistics.
            margin: prompt tokens that the server may add to a chat.
        """
        super().__init__(dataset, asking, seed)
        self.client = client
        self.price = price
        self.facts = facts or Facts()
        self.retry = retry or Retry()
        self.health = health or Health()
        self._run = run
        self._user = user
        self._margin = margin
        self._jitter = Uniforms(seed, "retry", count=1)
        self._sizes: dict[Request[Any], tuple[int, int]] = {}

    def call_of(self, request: Request[Any]) -> ChatCall:
        """See `Rows.call_of`; with the endpoint's model."""
        call = super().call_of(request)
        return ChatCall(
            call.messages, self.client.endpoint.model, call.n, call.temperature, call.top_p, call.max_tokens,
            call.stop, call.seed,
        )  # fmt: skip

    def quote(self, request: Request[Any]) -> Cost:
        """See `sandbox.session.World`."""
        if isinstance(request, Evaluate):
            return Cost(evaluations=1)
        once = self._bound(request)
        quote = once + _asked(request)
        if not self.facts.idempotent:
            for _ in range(self.retry.attempts - 1):
                quote += once
        return quote

    def tokens(self, request: Request[Any]) -> int:
        """See `sandbox.session.World`: as providers count them against a minute, a guess where it must be."""
        if isinstance(request, Evaluate):
            return 0
        call = self.call_of(request)
        return count_messages(call.messages) + (call.max_tokens or 0) * call.n

    def reply(self, ticket: Ticket, now: int) -> Reply:
        """See `sandbox.session.World`; never called, since a network has to be awaited."""
        raise RuntimeError("a live world is driven by sandbox.drivers.live, with its `answer`")

    async def answer(self, ticket: Ticket) -> Reply:
        """One attempt at a ticket.

        Raises:
            UsageError: if every other call would fail like this one: wrong key, unknown model, no money
                left, or a service that has been down for a while. Nothing has to be paid for the attempt.
        """
        health, request = self.health, ticket.request
        if health.closed:
            raise UsageError(health.closed)
        started = time.monotonic_ns()
        health.attempts += 1
        result = await self.client.ask(
            self.call_of(request),
            occurrence=ticket.repeat,
            user=self._user,
            idempotency_key=self.idempotency_key(ticket),
            attempt=ticket.attempt,
        )
        passed = time.monotonic_ns() - started
        if isinstance(result, Failed):
            if result.stop:
                self._close(f"{result.kind}: {result.detail}")
                raise UsageError(health.closed)
            return self._failure(ticket, result, passed)
        health.logical_calls += 1
        health.broken = 0
        return self._success(request, result, passed)

    def lost(self, ticket: Ticket) -> Reply | None:
        """What to make of an attempt that was sent before the process was killed.

        None where sending it again, under the same Idempotency-Key, is billed once. Elsewhere it has
        failed, and may have been billed.
        """
        if self.facts.idempotent:
            return None
        gone = Failed("lost", "the process was stopped before the answer came", again=True, billed=True)
        return self._failure(ticket, gone, 0)

    def idempotency_key(self, ticket: Ticket) -> str:
        """One name a call where the endpoint bills it once, one an attempt elsewhere."""
        what = f"{self._run}/{ticket.number}"
        if not self.facts.idempotent:
            what += f"/{ticket.attempt}"
        return blake2b(what.encode(), digest_size=16).hexdigest()

    def _success(self, request: Request[Any], result: Answered, passed: int) -> Reply:
        once = self._bound(request)
        if result.usage is None:
            self.health.unreported += 1
            charge = once + _asked(request)
            answer = result.answer._replace(
                prompt_tokens=once.prompt_tokens, completion_tokens=once.completion_tokens
            )
            return Reply(self.to_agent(request, answer), charge, passed)
        charge = self._billed(result.usage) + _asked(request)
        if self._above(charge, request):
            return self._overcharged(request, result.usage, passed)
        return Reply(self.to_agent(request, result.answer), charge, passed)

    def _failure(self, ticket: Ticket, result: Failed, passed: int) -> Reply:
        """Whether, when and at what cost there will be another attempt."""
        request, retry, health = ticket.request, self.retry, self.health
        wait = min(retry.backoff * 2.0**ticket.attempt, retry.longest)
        # Spread, so that calls that failed together do not come again together.
        wait *= 1 - 0.25 * self._jitter(ticket.key + ticket.attempt.to_bytes(8, "little"))[0]
        if result.wait is not None:
            wait = max(wait, result.wait)
        last = not result.again or ticket.attempt + 1 >= retry.attempts or wait > MOST_WAIT
        charge, failed = FREE, AnswerFailed(result.kind, result.detail)
        if result.billed and (last or not self.facts.idempotent):
            if result.usage is not None:
                charge = self._billed(result.usage)
                if self._above(charge, request):
                    return self._overcharged(request, result.usage, passed)
            else:
                charge = self._bound(request)
                health.presumed += 1
        if last:
            health.logical_calls += 1
            if result.kind in _SERVICE:
                health.broken += 1
                if health.broken >= health.patience:
                    self._close(f"{health.broken} calls in a row failed, the last: {failed}")
        return Reply(failed, charge, passed, None, None if last else round(wait * SECOND))

    def _overcharged(self, request: Request[Any], usage: Usage, passed: int) -> Reply:
        """More was billed than reserved: no limit can be kept like this."""
        quote, once = self.quote(request), self._bound(request)
        detail = (
            f"{usage.prompt_tokens} prompt and {usage.completion_tokens} completion tokens reported, at most "
            f"{once.prompt_tokens} and {once.completion_tokens} expected"
        )
        self.health.logical_calls += 1
        self._close(
            f"more is billed than a call can have, {detail}; if the server adds to prompts, "
            "give it room with --prompt-margin TOKENS"
        )
        return Reply(AnswerFailed("overcharged", detail), quote - _asked(request), passed)

    def _close(self, why: str) -> None:
        """Send nothing more, for any session."""
        self.health.closed = self.health.closed or (
            f"{self.client.endpoint.base_url}: {why}. Nothing more is sent; what was answered is kept, "
            "and the same command goes on"
        )

    def _billed(self, usage: Usage) -> Cost:
        return Cost(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            usd=self.price.usd(*usage),
        )

    def _above(self, charge: Cost, request: Request[Any]) -> bool:
        """Whether one attempt costs more than one attempt can."""
        return any(
            have > can for have, can in zip(charge, self._bound(request) + _asked(request), strict=True)
        )

    def _bound(self, request: Request[Any]) -> Cost:
        """The most that one attempt can be billed, without what was asked for."""
        size = self._sizes.get(request)
        if size is None:
            if len(self._sizes) > 10_000:
                self._sizes.clear()
            size = self._sizes[request] = self._size(self.call_of(request))
        prompt, completion = size
        return Cost(
            prompt_tokens=prompt, completion_tokens=completion, usd=self.price.bound(prompt, completion)
        )

    def _size(self, call: ChatCall) -> tuple[int, int]:
        if call.max_tokens is None:
            raise ProtocolError("a call without max_tokens can cost anything")
        completion = call.max_tokens * call.n
        if self.facts.tokenizer == "sandbox-1":
            return count_messages(call.messages), completion
        prompt = sum([most(text) + _PER_MESSAGE for _, text in call.messages]) + self._margin
        return prompt, completion


def _asked(request: Request[Any]) -> Cost:
    """What is counted where a request is answered, beside the tokens."""
    if isinstance(request, RowCall):
        return Cost(rows=1)
    return Cost(completions=request.n) if isinstance(request, Complete) else FREE
