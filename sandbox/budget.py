"""What things cost, and who may still spend: `Cost`, `Budget`, `Ledger`, `Meter`.

Amounts are integers, so that totals do not depend on the order in which they were
added. Money is counted in pico-dollars (1e-12 USD), in which every listed price per
token is whole: 0.0375 USD per million tokens is 37,500 of them. Time is counted in
nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple, NewType, TypeAlias

from sandbox.errors import BudgetExhausted, QuoteExceeded, UsageError, nearest

Reservation = NewType("Reservation", int)

USD = 10**12
"""Pico-dollars in a dollar."""
SECOND = 10**9
"""Nanoseconds in a second."""


class Cost(NamedTuple):
    """An amount of each currency; adding and subtracting go currency by currency."""

    evaluations: int = 0
    """Candidates scored."""
    rows: int = 0
    """Candidates scored on one row."""
    completions: int = 0
    """Texts that the black box wrote for the agent itself."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: int = 0
    """Pico-dollars."""
    seconds: int = 0
    """Nanoseconds on the agent's clock; set by the session, never by a reply."""
    whitebox_seconds: int = 0
    """Nanoseconds of local compute on the white box."""
    whitebox_tokens: int = 0
    """Positions that the white box read, and tokens that it wrote."""

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]
        return Cost._make([a + b for a, b in zip(self, other, strict=True)])

    def __sub__(self, other: Cost) -> Cost:
        return Cost._make([a - b for a, b in zip(self, other, strict=True)])


FREE = Cost()
CURRENCIES = Cost._fields
UNITS: Mapping[str, int] = {
    name: {"usd": USD, "seconds": SECOND, "whitebox_seconds": SECOND}.get(name, 1) for name in CURRENCIES
}
"""How many of the ledger's integers make one unit that people write."""
_LARGEST = 2**62  # sums of two limits still fit the 64-bit integers of a store
_CLOCK = CURRENCIES.index("seconds")


class Budget(NamedTuple):
    """A limit per currency in the ledger's integers; None means not limited.

    People write `Budget.parse("evaluations=200,usd=0.5")` or `Budget.of({...})`.
    """

    evaluations: int | None = None
    rows: int | None = None
    completions: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    usd: int | None = None
    seconds: int | None = None
    whitebox_seconds: int | None = None
    whitebox_tokens: int | None = None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``currency=amount,...`` as the command line has it.

        Raises:
            UsageError: naming the part that cannot be read.
        """
        amounts: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            currency, equals, amount = (piece.strip() for piece in part.partition("="))
            if not equals:
                raise UsageError(f"budget {part!r}: write currency=amount, as in evaluations=200")
            if currency in amounts:
                raise UsageError(f"budget {text!r}: {currency} stands there twice")
            amounts[currency] = amount
        return cls.of(amounts)

    @classmethod
    def of(cls, amounts: Mapping[str, str | float]) -> Budget:
        """Read limits in the units that people write: counts, dollars, seconds.

        Raises:
            UsageError: for no limit at all, an unknown currency, or an amount that is not
                a positive finite number, not whole where things are counted, or absurdly large.
        """
        if not amounts:
            raise UsageError(
                f"a budget needs at least one limit, as in evaluations=200; {nearest('', CURRENCIES)}"
            )
        limits: dict[str, int] = {}
        for currency, amount in amounts.items():
            if currency not in CURRENCIES:
                raise UsageError(f"unknown currency {currency!r}: {nearest(currency, CURRENCIES)}")
            limits[currency] = _limit(currency, amount)
        return cls(**limits)

    def limits(self) -> dict[str, int]:
        """Only the limited currencies, in the ledger's integers."""
        return {name: limit for name, limit in zip(CURRENCIES, self, strict=True) if limit is not None}

    def __str__(self) -> str:
        return ",".join(f"{name}={in_units(name, limit)}" for name, limit in self.limits().items())


def _limit(currency: str, amount: str | float) -> int:
    """One amount that a person wrote, in the ledger's integers."""
    try:
        value = Decimal(str(amount).replace("_", ""))
    except InvalidOperation:
        raise UsageError(f"budget {currency}={amount}: {amount!r} is not a number") from None
    if isinstance(amount, bool) or not value.is_finite():
        raise UsageError(f"budget {currency}={amount}: not a finite number")
    if value <= 0:
        raise UsageError(f"budget {currency}={amount}: nothing could be asked; give a positive amount")
    # Compared first, computed after: 1e999999999 as a fraction would fill the memory.
    most, least = in_units(currency, _LARGEST), Decimal(1) / UNITS[currency]
    if value > Decimal(most):
        raise UsageError(f"budget {currency}={amount}: above {most}; leave it out for no limit")
    if value < least or Fraction(value) % Fraction(least):
        raise UsageError(f"budget {currency}={amount}: the smallest step is {str(least).lower()}")
    return int(Fraction(value) / Fraction(least))


def in_units(currency: str, amount: int) -> str:
    """An amount of the ledger as people write it, exactly.

    >>> in_units("usd", 37_500), in_units("evaluations", 200)
    ('0.0000000375', '200')
    """
    exact = (Decimal(amount) / UNITS[currency]).normalize()
    return f"{exact:f}"


_Parts: TypeAlias = tuple[tuple[int, int], ...]


class Ledger:
    """Reserves before a request is performed, settles after.

    Invariant: in every limited currency, ``spent + reserved <= limit``, at every moment.
    """

    __slots__ = ("_keys", "_known", "_left", "_limited", "_moves", "_open", "_spent", "budget")

    def __init__(self, budget: Budget) -> None:
        if any(limit is not None and limit < 0 for limit in budget):
            raise ValueError(f"a negative limit: {budget}")
        self.budget = budget
        self._limited = [i for i, limit in enumerate(budget) if limit is not None]
        self._left = [limit or 0 for limit in budget]
        """limit - spent - reserved; only the limited currencies are kept up to date."""
        self._spent = [0] * len(CURRENCIES)
        self._open: dict[Reservation, tuple[Cost, _Parts]] = {}
        self._known: dict[int, tuple[Cost, _Parts]] = {}
        self._moves: dict[tuple[int, int], tuple[Cost, Cost, tuple[tuple[int, int, int], ...]]] = {}
        self._keys = 0

    @property
    def spent(self) -> Cost:
        """What was charged so far, and the time that has passed."""
        return Cost._make(self._spent)

    @property
    def committed(self) -> Cost:
        """What is spent already, plus what open reservations may still cost."""
        return sum([quote for quote, _ in self._open.values()], self.spent)

    @property
    def deadline(self) -> int | None:
        """The last nanosecond on the agent's clock."""
        return self.budget.seconds

    def reserve(self, quotes: Sequence[Cost]) -> list[Reservation]:
        """Set every quote aside, or none of them.

        Raises:
            BudgetExhausted: if any limited currency cannot cover their sum.
            ValueError: if a quote is negative in some currency, or asks for time.
        """
        left = self._left
        for i in self._limited:
            wanted = sum([quote[i] for quote in quotes])
            if wanted > left[i] or (i == _CLOCK and left[i] <= 0):
                raise BudgetExhausted(CURRENCIES[i], wanted, left[i])
        entries = [self._known.get(id(quote)) or self._look_up(quote) for quote in quotes]
        return [self._set_aside(entry) for entry in entries]

    def reserve_one(self, quote: Cost) -> Reservation:
        """What `reserve([quote])` does, in less time: most requests come alone.

        Raises:
            BudgetExhausted, ValueError: see `reserve`.
        """
        left = self._left
        for i in self._limited:
            if quote[i] > left[i] or (i == _CLOCK and left[i] <= 0):
                raise BudgetExhausted(CURRENCIES[i], quote[i], left[i])
        return self._set_aside(self._known.get(id(quote)) or self._look_up(quote))

    def touches(self, quotes: Iterable[Cost]) -> bool:
        """Whether any of these costs something that is limited."""
        return any(quote[i] for quote in quotes for i in self._limited)

    def settle(self, key: Reservation, charge: Cost) -> None:
        """Replace the reservation by what was really charged.

        Raises:
            QuoteExceeded: if `charge` is negative or above the reservation in any currency.
        """
        quote, parts = self._open[key]
        spent = self._spent
        if charge is quote:  # the most frequent case; what was set aside stays gone
            del self._open[key]
            for i, amount in parts:
                spent[i] += amount
            return
        known = self._moves.get((id(quote), id(charge)))
        moves = known[2] if known is not None else self._check(quote, charge, parts)
        del self._open[key]
        left = self._left
        for i, paid, back in moves:
            spent[i] += paid
            left[i] += back

    def _check(self, quote: Cost, charge: Cost, parts: _Parts) -> tuple[tuple[int, int, int], ...]:
        """What a charge below its quote moves: (currency, paid, given back); remembered like quotes are."""
        for low, high in zip(charge, quote, strict=True):
            if not 0 <= low <= high:
                raise QuoteExceeded(quote, charge)
        if len(self._moves) > 10_000:
            self._moves.clear()
        moves = tuple([(i, charge[i], amount - charge[i]) for i, amount in parts])
        self._moves[id(quote), id(charge)] = quote, charge, moves
        return moves

    def settle_in_part(self, key: Reservation, charge: Cost) -> None:
        """Charge a failed attempt, and keep the rest of its reservation for the next one."""
        quote, _ = self._open[key]
        self.settle(key, charge)
        rest = quote - charge
        for i in self._limited:
            self._left[i] -= rest[i]
        self._open[key] = self._look_up(rest)

    def release(self, key: Reservation) -> None:
        """Give a reservation back: nothing was charged."""
        self.settle(key, FREE)

    def pass_time(self, now: int) -> None:
        """Set the agent's clock forward to `now` nanoseconds, at most to its deadline."""
        limit = self.budget.seconds
        if limit is not None:
            now = min(now, limit)
            self._left[_CLOCK] = min(self._left[_CLOCK], limit - now)
        if now > self._spent[_CLOCK]:
            self._spent[_CLOCK] = now

    def _look_up(self, quote: Cost) -> tuple[Cost, _Parts]:
        """A quote beside the currencies in which it is not zero.

        A world quotes few different costs, many times: they are remembered by identity,
        which is faster than by value, and safe as long as the quote itself is remembered.
        """
        if min(quote) < 0:
            raise ValueError(f"a negative quote: {quote}")
        if quote.seconds:
            raise ValueError(f"only the clock spends seconds: {quote}")
        if len(self._known) > 10_000:
            self._known.clear()
        parts = tuple([(i, amount) for i, amount in enumerate(quote) if amount])
        entry = self._known[id(quote)] = (quote, parts)
        return entry

    def _set_aside(self, entry: tuple[Cost, _Parts]) -> Reservation:
        key = Reservation(self._keys)
        self._keys += 1
        self._open[key] = entry
        quote, left = entry[0], self._left
        for i in self._limited:
            left[i] -= quote[i]
        return key


class Meter:
    """Charges local compute on the white box, which no request carries."""

    __slots__ = ("_ledger", "unclaimed")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.unclaimed = FREE
        """Work done since the session last looked; it advances the agent's clock."""

    def charge(self, nanoseconds: int, tokens: int = 0) -> None:
        """Pay for work about to be done.

        Raises:
            BudgetExhausted: if a limited currency cannot cover it; nothing is charged then.
        """
        self.settle(self.hold(nanoseconds, tokens), nanoseconds, tokens)

    def hold(self, nanoseconds: int, tokens: int) -> Reservation:
        """Set aside the most that work about to be done can cost.

        Raises:
            BudgetExhausted: if a limited currency cannot cover it; nothing is set aside then.
        """
        deadline = self._ledger.deadline
        if deadline is not None:
            left = deadline - self._ledger.spent.seconds - self.unclaimed.whitebox_seconds
            if nanoseconds > left:
                raise BudgetExhausted("seconds", nanoseconds, left)
        return self._ledger.reserve_one(Cost(whitebox_seconds=nanoseconds, whitebox_tokens=tokens))

    def settle(self, held: Reservation, nanoseconds: int = 0, tokens: int = 0) -> None:
        """Replace what was set aside by what the work did cost; nothing, for work that failed.

        Raises:
            QuoteExceeded: if that is more.
        """
        cost = Cost(whitebox_seconds=nanoseconds, whitebox_tokens=tokens)
        self._ledger.settle(held, cost)
        self.unclaimed += cost
