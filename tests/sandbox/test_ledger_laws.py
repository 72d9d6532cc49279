"""The ledger: never more than the limit, in no currency, at no moment."""

from __future__ import annotations

import pytest
from hypothesis import settings

from sandbox.budget import FREE, Budget, Cost, Ledger, Meter
from sandbox.errors import BudgetExhausted
from sandbox.testing import LedgerLaws

TestLedger = LedgerLaws.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


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
