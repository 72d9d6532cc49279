"""The laws of a ledger as a state machine of hypothesis, for people who write their own."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox.budget import CURRENCIES, FREE, SECOND, Budget, Cost, Ledger
from sandbox.errors import BudgetExhausted, QuoteExceeded
from sandbox.testing.strategies import budgets, costs


class LedgerLaws(RuleBasedStateMachine):
    """A ledger against a list of open quotes and a running sum.

    ::

        class MyLaws(LedgerLaws):
            def make(self, budget):
                return MyLedger(budget)

        TestMyLedger = MyLaws.TestCase

    The ledger has what `sandbox.budget.Ledger` has: `reserve`, `settle`, `settle_in_part`, `release`,
    `pass_time`, `spent` and `committed`. Whatever happens, and in whatever order: what is spent and what is
    set aside stay together within the limit, a refusal changes nothing, a reservation ends once, a failed
    attempt is charged, a late or a second answer finds its reservation closed, and the journal of all that
    was done, played again, gives the same books.
    """

    def make(self, budget: Budget) -> Any:
        """The ledger under test; to be overridden."""
        return Ledger(budget)

    @initialize(budget=budgets())
    def begin(self, budget: Budget) -> None:
        """Open the books."""
        self.limits = budget
        self.ledger = self.make(budget)
        self.open: dict[Any, Cost] = {}
        self.ended: list[Any] = []
        self.spent = FREE
        self.journal: list[tuple[str, Any, Any]] = []
        """(what was done, the number of the reservation in the order made, the amount)"""
        self.numbers: dict[Any, int] = {}

    def short(self, quotes: list[Cost]) -> list[str]:
        """The currencies that do not cover these."""
        wanted = sum(quotes, FREE)
        held = sum(self.open.values(), self.spent)
        found = []
        for name, limit in self.limits.limits().items():
            left = limit - getattr(held, name)
            if getattr(wanted, name) > left or (name == "seconds" and left <= 0):
                found.append(name)
        return found

    @rule(quotes=st.lists(costs(), min_size=1, max_size=4), alone=st.booleans())
    def reserve(self, quotes: list[Cost], alone: bool) -> None:
        """All are set aside, or none."""
        quotes = quotes[:1] if alone else quotes
        short = self.short(quotes)
        try:
            keys = [self.ledger.reserve_one(quotes[0])] if alone else list(self.ledger.reserve(quotes))
        except BudgetExhausted as refusal:
            _hold(refusal.args[0] in short, f"refused for {refusal.args[0]}, and short is {short}")
            return
        _hold(not short, f"granted, and {short} is short")
        _hold(
            len({*keys, *self.open, *self.ended}) == len(keys) + len(self.open) + len(self.ended),
            "a key twice",
        )
        for key, quote in zip(keys, quotes, strict=True):
            self.numbers[key] = len(self.numbers)
            self.open[key] = quote
            self.journal.append(("reserve", self.numbers[key], quote))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), share=st.floats(0, 1))
    def settle(self, data: st.DataObject, share: float) -> None:
        """An answer, or a failure that is charged: what it cost takes the place of what it could."""
        key = data.draw(st.sampled_from(list(self.open)))
        charge = _part(self.open.pop(key), share)
        self.ledger.settle(key, charge)
        self.spent += charge
        self.ended.append(key)
        self.journal.append(("settle", self.numbers[key], charge))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), share=st.floats(0, 1))
    def settle_in_part(self, data: st.DataObject, share: float) -> None:
        """An attempt that failed is charged; the rest stays set aside for the next."""
        key = data.draw(st.sampled_from(list(self.open)))
        charge = _part(self.open[key], share)
        self.ledger.settle_in_part(key, charge)
        self.open[key] -= charge
        self.spent += charge
        self.journal.append(("settle_in_part", self.numbers[key], charge))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """What was not sent costs nothing."""
        key = data.draw(st.sampled_from(list(self.open)))
        del self.open[key]
        self.ledger.release(key)
        self.ended.append(key)
        self.journal.append(("release", self.numbers[key], None))

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), how=st.sampled_from(("settle", "settle_in_part", "release")))
    def late_or_twice(self, data: st.DataObject, how: str) -> None:
        """A second answer, or one after a cancellation, finds the reservation closed."""
        key = data.draw(st.sampled_from(self.ended))
        try:
            getattr(self.ledger, how)(*([key] if how == "release" else [key, FREE]))
        except KeyError:
            return
        _hold(False, f"{how} was accepted for a reservation that had ended")

    @precondition(lambda self: self.open)
    @rule(data=st.data(), currency=st.sampled_from(CURRENCIES), sign=st.sampled_from([-1, 1]))
    def charge_wrongly(self, data: st.DataObject, currency: str, sign: int) -> None:
        """More than was quoted, or less than nothing, is refused and changes nothing."""
        key = data.draw(st.sampled_from(list(self.open)))
        quote = self.open[key]
        wrong = getattr(quote, currency) + 1 if sign > 0 else -1
        for settle in (self.ledger.settle, self.ledger.settle_in_part):
            try:
                settle(key, quote._replace(**{currency: wrong}))
            except QuoteExceeded:
                continue
            _hold(False, f"a charge of {wrong} {currency} was accepted for {getattr(quote, currency)}")

    @rule(quote=costs(), currency=st.sampled_from(CURRENCIES))
    def quote_less_than_nothing(self, quote: Cost, currency: str) -> None:
        """A negative quote is refused."""
        wrong = quote._replace(**{currency: -1})
        for reserve, quotes in ((self.ledger.reserve, [wrong]), (self.ledger.reserve_one, wrong)):
            try:
                reserve(quotes)
            except (ValueError, BudgetExhausted):
                continue
            _hold(False, f"a quote of -1 {currency} was accepted")

    @rule(now=st.integers(0, 60 * SECOND))
    def pass_time(self, now: int) -> None:
        """The clock goes forwards only, and not beyond its limit."""
        self.ledger.pass_time(now)
        now = now if self.limits.seconds is None else min(now, self.limits.seconds)
        self.spent = self.spent._replace(seconds=max(now, self.spent.seconds))
        self.journal.append(("pass_time", now, None))

    @rule()
    def crash_and_resume(self) -> None:
        """A new ledger that is told the journal has the same books, and goes on."""
        again, keys = self.make(self.limits), {}
        for what, which, amount in self.journal:
            if what == "reserve":
                (keys[which],) = again.reserve([amount])
            elif what == "pass_time":
                again.pass_time(which)
            elif what == "release":
                again.release(keys[which])
            else:
                getattr(again, what)(keys[which], amount)
        self.open = {keys[self.numbers[key]]: quote for key, quote in self.open.items()}
        self.ended = [keys[self.numbers[key]] for key in self.ended]
        self.numbers = {keys[number]: number for number in self.numbers.values()}
        self.ledger = again

    @invariant()
    def the_books_are_right(self) -> None:
        """Spent and set aside are what the model says, and within the limits."""
        if not hasattr(self, "ledger"):
            return
        _hold(self.ledger.spent == self.spent, f"spent {self.ledger.spent}, should be {self.spent}")
        held = sum(self.open.values(), self.spent)
        _hold(self.ledger.committed == held, f"committed {self.ledger.committed}, should be {held}")
        for name, limit in self.limits.limits().items():
            amounts = getattr(self.ledger.spent, name), getattr(self.ledger.committed, name)
            _hold(0 <= amounts[0] <= amounts[1] <= limit, f"{name}: {amounts} of {limit}")


def _part(quote: Cost, share: float) -> Cost:
    return Cost._make([int(amount * share) for amount in quote])


def _hold(true: bool, told: str) -> None:
    """What an assertion says, also where assertions are switched off."""
    if not true:
        raise AssertionError(told)
