"""What an attempt passes and holds: the budget, the limiter, a place; and how it is settled."""

from __future__ import annotations

from mocks.endpoint.accounts import Account
from mocks.endpoint.clock import Clock, Slots
from mocks.endpoint.exchange import Exchange
from mocks.endpoint.limiter import Limiter
from mocks.endpoint.metrics import Metrics
from mocks.endpoint.problems import Headers, Problem
from mocks.endpoint.writing import total
from mocks.service import Desk, Service
from sandbox.budget import FREE, SECOND, Cost, Ledger, Reservation
from sandbox.chat import ChatAnswer

GRACE = 5 * SECOND
"""Nanoseconds of the wall's clock for which a booking of the limiter is kept."""


class Backend:
    """What stands behind one model name: its service, and who is being served."""

    __slots__ = ("_each", "desk", "limiter", "name", "service", "slots")

    def __init__(self, name: str, service: Service, seed: int, grace: int) -> None:
        limits = service.limits
        self.name = name
        self.service = service
        self._each = service.prices.usd(1, 0), service.prices.usd(0, 1)
        self.desk: Desk = service.open(seed)
        paced = limits.requests_per_minute or limits.tokens_per_minute
        self.limiter = Limiter(limits, grace) if paced else None
        self.slots = Slots(limits.concurrency) if limits.concurrency else None

    def usd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Pico-dollars; what `Prices.usd` says, without its decimals."""
        prompt, completion = self._each
        return prompt * prompt_tokens + completion * completion_tokens


class Visit:
    """What an attempt holds until it is settled, whatever happens to it."""

    __slots__ = (
        "_held", "_limited", "_placed", "account", "answers", "backend", "claims", "completion_tokens",
        "metrics", "prompt_tokens", "settled",
    )  # fmt: skip

    def __init__(
        self, account: Account, backend: Backend, digests: list[bytes], told: int | None, metrics: Metrics
    ) -> None:
        self.account = account
        self.backend = backend
        self.metrics = metrics
        self.claims = [account.occurrences.claim(digest, told) for digest in digests]
        self.settled = False
        self.answers: list[ChatAnswer] = []
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self._held: tuple[Ledger, Reservation] | None = None
        self._limited = 0
        self._placed = False

    async def enter(self, exchange: Exchange, quote: Cost, clock: Clock) -> bool:
        """Reserve, pass the limiter, find a place; False if the client hung up meanwhile.

        Raises:
            Problem: if the budget or the limiter refuses.
        """
        account, backend = self.account, self.backend
        self._held = await account.reserve(quote, exchange.caller)
        if self._held is None:
            return False
        tokens = quote.prompt_tokens + quote.completion_tokens
        limiter = backend.limiter
        if limiter is not None:
            exchange.limiter = limiter
            if clock.virtual:
                if not await clock.until(limiter.reserve(tokens, clock.now()), exchange.caller):
                    return False
            else:
                who = (account.name, self.claims[0].digest)
                wait = limiter.ask(who, tokens, clock.now())
                if wait:
                    raise limited(backend, clock, wait)
            self._limited = tokens
        if backend.slots is not None:
            self._placed = await backend.slots.take(exchange.caller)
            return self._placed
        return True

    def answered_by(self, answers: list[ChatAnswer]) -> tuple[int, int]:
        """Take the answers; their prompt and completion tokens."""
        self.answers = answers
        whole = total(answers)
        self.prompt_tokens, self.completion_tokens = whole.prompt_tokens, whole.completion_tokens
        return self.prompt_tokens, self.completion_tokens

    def charge(self, completion_tokens: int | None = None, texts: int = 0) -> Cost:
        """What the answer costs, or so many of its tokens."""
        prompt, completion = self.prompt_tokens, self.completion_tokens
        if completion_tokens is not None:
            completion = min(completion_tokens, completion)
        return Cost(0, 0, texts, prompt, completion, self.backend.usd(prompt, completion))

    def answered(self, charge: Cost) -> None:
        """All went well."""
        for claim in self.claims:
            self.account.occurrences.answered(claim)
        self.account.calls += 1
        self._settle(charge)

    def broke(self, charge: Cost = FREE) -> None:
        """The attempt failed, for what it is charged."""
        for claim in self.claims:
            self.account.occurrences.failed(claim)
        self.account.failed += 1
        self._settle(charge)

    def close(self) -> None:
        """Whatever was not settled was not even tried."""
        if not self.settled:
            for claim in self.claims:
                self.account.occurrences.refused(claim)
            self._settle(FREE)

    def _settle(self, charge: Cost) -> None:
        self.settled = True
        if self._placed and self.backend.slots is not None:
            self.backend.slots.give()
        if self._limited and self.backend.limiter is not None:
            self.backend.limiter.refund(self._limited - charge.prompt_tokens - charge.completion_tokens)
        if self._held is not None:
            self.account.settle(*self._held, charge)
            if charge is not FREE:
                self.metrics.charge(self.backend.name, charge)


def limited(backend: Backend, clock: Clock, wait: int) -> Problem:
    """429 from the limiter: what holds the request back, and when it will be let in."""
    limiter = backend.limiter
    if limiter is None:
        raise TypeError("no limiter")
    held, headers = limiter.held, come_again(clock, wait)
    unit = "RPM" if held.kind == "requests" else "TPM"
    seconds = int(headers[0][1]) / 1000
    return Problem(
        429, held.kind, "rate_limit_exceeded", None,
        f"Rate limit reached for {backend.name} on {held.kind} per min ({unit}): Limit {held.limit}, "
        f"Used {held.used}, Requested {held.requested}. Please try again in {seconds:g}s.",
        headers,
    )  # fmt: skip


def come_again(clock: Clock, wait: int) -> Headers:
    """Headers that say when to come again, in time of the wall's clock, rounded up."""
    milliseconds = max(-(-clock.wall(wait) // 1_000_000), 1)
    # Whole seconds, as HTTP has it; where time is not real, a whole second can be a long time.
    real = clock.wall(SECOND) == SECOND
    seconds = str(-(-milliseconds // 1000)) if real else f"{milliseconds / 1000:.3f}"
    return (
        (b"retry-after-ms", str(milliseconds).encode()),
        (b"retry-after", seconds.encode()),
        (b"x-should-retry", b"true"),
    )
