"""The ledger: never more than the limit, in no currency, at no moment."""

from __future__ import annotations

from typing import Any

import pytest
from generated import budgets
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox.budget import CURRENCIES, FREE, SECOND, Budget, Cost, Ledger, Meter
from sandbox.errors import BudgetExhausted, QuoteExceeded

_amounts = st.integers(0, 12)
costs = st.builds(
    Cost,
    evaluations=_amounts,
    rows=_amounts,
    completions=_amounts,
    prompt_tokens=st.integers(0, 900),
    completion_tokens=st.integers(0, 300),
    usd=st.integers(0, 10**9),
    seconds=st.just(0),
    whitebox_seconds=st.integers(0, SECOND),
    whitebox_tokens=st.integers(0, 10**4),
)
shares = st.floats(0, 1)


def part(quote: Cost, share: float) -> Cost:
    return Cost._make(int(amount * share) for amount in quote)


class LedgerAgainstAModel(RuleBasedStateMachine):
    """A list of open quotes and a running sum must always agree with the ledger."""

    @initialize(budget=budgets())
    def begin(self, budget: Budget) -> None:
        self.ledger = Ledger(budget)
        self.limits = budget
        self.open: dict[object, Cost] = {}
        self.spent = FREE

    def left(self, name: str) -> int | None:
        limit = getattr(self.limits, name)
        used = sum((quote for quote in self.open.values()), self.spent)
        return None if limit is None else limit - getattr(used, name)

    @rule(quotes=st.lists(costs, min_size=1, max_size=4), alone=st.booleans())
    def reserve(self, quotes: list[Cost], alone: bool) -> None:
        if alone:
            quotes = quotes[:1]

        def ask() -> list[Any]:
            return [self.ledger.reserve_one(quotes[0])] if alone else list(self.ledger.reserve(quotes))

        total = sum(quotes, FREE)
        short = [
            name
            for name in CURRENCIES
            if (left := self.left(name)) is not None
            and (getattr(total, name) > left or (name == "seconds" and left <= 0))
        ]
        if short:
            with pytest.raises(BudgetExhausted) as refusal:
                ask()
            assert refusal.value.args[0] in short
        else:
            keys = ask()
            assert len(set(keys) | set(self.open)) == len(quotes) + len(self.open)
            self.open.update(zip(keys, quotes, strict=True))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), share=shares)
    def settle(self, data: st.DataObject, share: float) -> None:
        key = data.draw(st.sampled_from(list(self.open)))
        charge = part(self.open.pop(key), share)
        self.ledger.settle(key, charge)
        self.spent += charge

    @precondition(lambda self: self.open)
    @rule(data=st.data(), share=shares)
    def settle_in_part(self, data: st.DataObject, share: float) -> None:
        key = data.draw(st.sampled_from(list(self.open)))
        charge = part(self.open[key], share)
        self.ledger.settle_in_part(key, charge)
        self.open[key] -= charge
        self.spent += charge

    @precondition(lambda self: self.open)
    @rule(data=st.data(), currency=st.sampled_from(CURRENCIES), sign=st.sampled_from([-1, 1]))
    def settle_more_than_was_quoted(self, data: st.DataObject, currency: str, sign: int) -> None:
        key = data.draw(st.sampled_from(list(self.open)))
        quote = self.open[key]
        wrong = getattr(quote, currency) + 1 if sign > 0 else -1
        for settle in (self.ledger.settle, self.ledger.settle_in_part):
            with pytest.raises(QuoteExceeded):
                settle(key, quote._replace(**{currency: wrong}))  # and nothing changes

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.open)))
        del self.open[key]
        self.ledger.release(key)

    @rule(now=st.integers(0, 60 * SECOND))
    def pass_time(self, now: int) -> None:
        self.ledger.pass_time(now)
        now = now if self.limits.seconds is None else min(now, self.limits.seconds)
        self.spent = self.spent._replace(seconds=max(now, self.spent.seconds))

    @rule(quote=costs, currency=st.sampled_from(CURRENCIES))
    def reserve_less_than_nothing(self, quote: Cost, currency: str) -> None:
        wrong = quote._replace(**{currency: -1})
        for reserve in (lambda: self.ledger.reserve([wrong]), lambda: self.ledger.reserve_one(wrong)):
            with pytest.raises((ValueError, BudgetExhausted)):
                reserve()

    @invariant()
    def spent_and_reserved_are_what_the_model_says_and_within_the_limits(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.spent == self.spent
        assert self.ledger.committed == sum(self.open.values(), self.spent)
        for name, limit in self.limits.limits().items():
            assert 0 <= getattr(self.ledger.spent, name) <= getattr(self.ledger.committed, name) <= limit


TestLedgerAgainstAModel = LedgerAgainstAModel.TestCase
TestLedgerAgainstAModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_reservation_is_settled_once() -> None:
    ledger = Ledger(Budget(evaluations=2))
    (key,) = ledger.reserve([Cost(evaluations=1)])
    ledger.settle(key, Cost(evaluations=1))
    for again in (ledger.settle, ledger.settle_in_part):
        with pytest.raises(KeyError):
            again(key, FREE)
    with pytest.raises(KeyError):
        ledger.release(key)
    assert ledger.spent == ledger.committed == Cost(evaluations=1)


def test_a_quote_cannot_ask_for_time() -> None:
    with pytest.raises(ValueError, match="only the clock spends seconds"):
        Ledger(Budget(evaluations=2)).reserve([Cost(seconds=1)])


def test_local_work_is_refused_before_it_is_done() -> None:
    ledger = Ledger(Budget(whitebox_seconds=10, seconds=5, whitebox_tokens=7))
    meter = Meter(ledger)
    meter.charge(3, tokens=4)
    with pytest.raises(BudgetExhausted, match="seconds: wanted 3 ns, 2 ns left"):
        meter.charge(3)
    with pytest.raises(BudgetExhausted, match="whitebox_tokens: wanted 4, 3 left"):
        meter.charge(1, tokens=4)
    with pytest.raises(ValueError, match="negative"):
        meter.charge(-1)
    assert ledger.spent == ledger.committed == meter.unclaimed == Cost(whitebox_tokens=4, whitebox_seconds=3)
