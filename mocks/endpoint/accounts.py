"""What the endpoint remembers of one key: its budget, its calls, and how often each was asked."""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from mocks.endpoint.clock import Caller, Clock
from mocks.endpoint.problems import budget_spent
from sandbox.budget import CURRENCIES, FREE, SECOND, USD, Budget, Cost, Ledger, Reservation, in_units
from sandbox.errors import BudgetExhausted

MOST_REMEMBERED = 1_000_000
"""Different calls of a key whose repeats are counted; beyond them the oldest are forgotten."""
_CLOCK = CURRENCIES.index("seconds")


class Claim(NamedTuple):
    """Which repeat of a call this is, and which attempt at it."""

    digest: bytes
    occurrence: int
    attempt: int
    told: bool
    """The client said which repeat it is."""


class Occurrences:
    """Counts how often equal calls were answered, and how often each failed since.

    A call that is in flight holds its number; if it fails, the number is given back, and the
    next equal call takes it as another attempt. So luck does not depend on what else happens.
    """

    __slots__ = ("_failed", "_next", "_told")

    def __init__(self) -> None:
        self._next: dict[bytes, int] = {}
        self._failed: dict[bytes, list[tuple[int, int]]] = {}
        self._told: dict[tuple[bytes, int], int] = {}

    def claim(self, digest: bytes, occurrence: int | None = None) -> Claim:
        """The number of a call that starts now."""
        if occurrence is not None:
            return Claim(digest, occurrence, self._told.get((digest, occurrence), 0), True)
        if self._failed:
            failed = self._failed.get(digest)
            if failed:
                occurrence, attempt = heapq.heappop(failed)
                if not failed:
                    del self._failed[digest]
                return Claim(digest, occurrence, attempt, False)
        occurrence = self._next.get(digest, 0)
        self._next[digest] = occurrence + 1
        if len(self._next) > MOST_REMEMBERED:
            del self._next[next(iter(self._next))]
        return Claim(digest, occurrence, 0, False)

    def answered(self, claim: Claim) -> None:
        """The call was answered."""
        if claim.told:
            self._told.pop((claim.digest, claim.occurrence), None)

    def failed(self, claim: Claim) -> None:
        """The attempt failed: the next one has luck of its own."""
        if claim.told:
            self._told[claim.digest, claim.occurrence] = claim.attempt + 1
        else:
            heapq.heappush(self._failed.setdefault(claim.digest, []), (claim.occurrence, claim.attempt + 1))

    def refused(self, claim: Claim) -> None:
        """The call was not even tried: as if it had not been made."""
        if not claim.told:
            heapq.heappush(self._failed.setdefault(claim.digest, []), (claim.occurrence, claim.attempt))


@dataclass(slots=True)
class Stored:
    """An answer that was given under an Idempotency-Key."""

    asked: bytes
    """Digest of the request."""
    status: int = 0
    content_type: bytes = b""
    body: bytes = b""
    waiting: list[asyncio.Future[bool]] = field(default_factory=list)
    """Whoever sent the same request while it was being answered."""

    def waiter(self) -> asyncio.Future[bool]:
        """To be waited for until there is an answer, or it is clear that there will be none."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        return waiter

    def wake(self) -> None:
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_result(True)
        self.waiting.clear()


class Answers:
    """Answers by Idempotency-Key; the oldest are forgotten."""

    MOST = 1_000
    BYTES = 16 * 2**20

    __slots__ = ("_found", "_size")

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, Stored] = OrderedDict()
        self._size = 0

    def get(self, key: bytes) -> Stored | None:
        return self._found.get(key)

    def open(self, key: bytes, asked: bytes) -> Stored:
        """Say that an answer is under way."""
        stored = self._found[key] = Stored(asked)
        return stored

    def keep(self, key: bytes, stored: Stored) -> None:
        """The answer is there: whoever waits for it may have it."""
        self._size += len(stored.body)
        stored.wake()
        while len(self._found) > self.MOST or self._size > self.BYTES:
            oldest = next((k for k, s in self._found.items() if s.status and k != key), None)
            if oldest is None:
                break
            self._size -= len(self._found.pop(oldest).body)

    def drop(self, key: bytes, stored: Stored) -> None:
        """There will be no answer: the next one with this key is on its own."""
        if self._found.get(key) is stored:
            del self._found[key]
        stored.wake()


class Account:
    """One key's budget and memory."""

    def __init__(self, name: str, budget: Budget, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.opened_at = clock.now()
        self.ledger = Ledger(budget)
        self.budget = budget
        self.occurrences = Occurrences()
        self.answers = Answers()
        self.calls = 0
        """Calls that were answered."""
        self.attempts = 0
        """Requests for a model's answer, whatever became of them."""
        self.refused = 0
        """Attempts that a limit or the budget refused."""
        self.failed = 0
        """Attempts that broke, or whose client hung up."""
        self._before: list[Ledger] = []
        """Ledgers of earlier budgets."""
        self._queue: deque[asyncio.Future[bool]] = deque()

    @property
    def spent(self) -> Cost:
        """What was charged so far."""
        earlier = sum([ledger.spent._replace(seconds=0) for ledger in self._before], FREE)
        return (self.ledger.spent + earlier)._replace(seconds=self.passed())

    @property
    def reserved(self) -> Cost:
        """What calls in flight may still cost."""
        open_quotes = [ledger.committed - ledger.spent for ledger in (self.ledger, *self._before)]
        return sum(open_quotes, FREE)

    def passed(self) -> int:
        """Nanoseconds since this key was first seen."""
        return self.clock.now() - self.opened_at

    def limit(self, budget: Budget) -> None:
        """Another budget from now on; what was spent, or is in flight, counts towards it."""
        if budget == self.budget:
            return
        committed = self.spent + self.reserved
        left = [
            limit if limit is None or i == _CLOCK else max(limit - committed[i], 0)
            for i, limit in enumerate(budget)
        ]
        self._before.append(self.ledger)
        self.ledger = Ledger(Budget(*left))
        self.budget = budget
        self._next()

    async def reserve(self, quote: Cost, caller: Caller) -> tuple[Ledger, Reservation] | None:
        """Set a quote aside; None if the client hung up meanwhile.

        A quote that fits once the calls in flight are settled waits for them.

        Raises:
            Problem: if the budget cannot cover it.
        """
        waited = False
        while True:
            ledger = self.ledger
            if ledger.budget.seconds is not None:
                ledger.pass_time(self.passed())
            try:
                if waited or not self._queue or not self._waits(ledger, quote):
                    reservation = ledger.reserve_one(quote)
                    if waited:  # there may be room for one more
                        self._next()
                    return ledger, reservation
            except BudgetExhausted as refusal:
                if not self._waits(ledger, quote):
                    if waited:
                        self._next()
                    raise budget_spent(_sentence(refusal)) from None
            waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            if waited:
                self._queue.appendleft(waiter)
            else:
                self._queue.append(waiter)
            try:
                waited = await caller.until(waiter)
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._next()
                raise
            if not waited:
                return None

    def settle(self, ledger: Ledger, reservation: Reservation, charge: Cost) -> None:
        """Replace a reservation by its charge; whoever waits for room may try again."""
        ledger.settle(reservation, charge)
        if self._queue:
            self._next()

    def _next(self) -> None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(True)
                return

    @staticmethod
    def _waits(ledger: Ledger, quote: Cost) -> bool:
        """Whether `quote` fits when everything in flight costs nothing; time does not come back."""
        spent, limits = ledger.spent, ledger.budget
        if ledger.committed == spent:
            return False
        return all(
            limit is None or (spent[i] < limit if i == _CLOCK else spent[i] + quote[i] <= limit)
            for i, limit in enumerate(limits)
        )

    def usage(self) -> dict[str, object]:
        """What a key may know of itself."""
        limits = self.budget.limits()
        return {
            "object": "sandbox.usage",
            "key": self.name,
            "calls": self.calls,
            "attempts": self.attempts,
            "refused": self.refused,
            "failed": self.failed,
            "spent": amounts(self.spent, CURRENCIES),
            "reserved": amounts(self.reserved, CURRENCIES),
            "limit": amounts(self.budget, tuple(limits)),
            "clock_seconds": self.passed() / SECOND,
        }


def amounts(found: Cost | Budget, names: tuple[str, ...]) -> dict[str, object]:
    """The currencies that are sold here, in the units that people write; money to the pico-dollar too."""
    shown: dict[str, object] = {}
    for name in ("completions", "prompt_tokens", "completion_tokens", "usd", "seconds"):
        if name not in names:
            continue
        amount = getattr(found, name)
        if name == "usd":
            shown["usd"] = amount / USD
            shown["usd_pico"] = amount
        else:
            shown[name] = amount / SECOND if name == "seconds" else amount
    return shown


def _sentence(refusal: BudgetExhausted) -> str:
    currency, wanted, left = refusal.args
    if currency == "seconds":
        return "its time is up"
    return f"{currency}: up to {in_units(currency, wanted)} asked for, {in_units(currency, left)} left"
