"""Budgets as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.budget import CURRENCIES, UNITS, Budget, in_units
from sandbox.errors import UsageError

anything = st.fixed_dictionaries({}, optional={name: st.integers(1, 2**62) for name in CURRENCIES})


@settings(max_examples=100, deadline=None)
@given(limits=anything.filter(bool))
def test_what_is_written_reads_back_as_the_same_budget(limits: dict[str, int]) -> None:
    budget = Budget(**limits)
    assert Budget.parse(str(budget)) == budget
    assert Budget.of({name: in_units(name, limit) for name, limit in limits.items()}) == budget
    assert budget.limits() == limits


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(CURRENCIES), st.integers(1, 10**6))
def test_units_are_those_that_people_write(currency: str, amount: int) -> None:
    for written in (str(amount), amount, float(amount), f" {amount} ", f"{amount}.0", f"+{amount}"):
        assert getattr(Budget.of({currency: written}), currency) == amount * UNITS[currency]


def test_money_is_exact() -> None:
    assert Budget.parse("usd=0.1").usd == 10**11
    assert Budget.of({"usd": 0.1}).usd == 10**11
    assert Budget.parse(" usd = 0.000000000001 , evaluations=1_000 ") == Budget(evaluations=1000, usd=1)


WRONG = {
    "evaluations=0": "=0", "evaluations=-3": "-3", "usd=nan": "nan", "usd=inf": "inf", "usd=-inf": "-inf",
    "usd=1e400": "1e400", "usd=1e999999999": "1e999999999", "usd=1e-999999999": "1e-999999999",
    "usd=snan": "snan", "evaluations=1.5": "1.5", "seconds=1e-10": "1e-10",
    "evaluations=200.00000000000000000000000000000000001": "smallest step is 1",
    "usd=0.0000000000001": "smallest step is 1e-12", "evalutions=5": "did you mean evaluations?",
    "evaluations=5,evaluations=6": "twice", "evaluations": "evaluations=200", "": "at least one limit",
    " , ,": "at least one limit", "=5": "unknown currency ''", "evaluations=": "''", "usd=five": "'five'",
    "usd=1=2": "'1=2'", "rows=True": "True", "usd=0x10": "'0x10'", "usd=\x00": "not a number",
}  # fmt: skip


@pytest.mark.parametrize(("text", "named"), WRONG.items())
def test_a_wrong_budget_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=re.escape(named)):
        Budget.parse(text)


@pytest.mark.parametrize("amount", [True, False, None, float("nan"), float("inf"), 0, -1, 2**63, [], "", 1.5])
def test_a_wrong_amount_is_refused_by_name(amount: object) -> None:
    with pytest.raises(UsageError, match=re.escape(f"evaluations={amount}")):
        Budget.of({"evaluations": amount})  # type: ignore[dict-item]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"(evaluations|usd|rows)=[0-9eE+\-._naif]{0,12}", fullmatch=True))
def test_any_text_is_a_budget_or_a_usage_error(text: str) -> None:
    try:
        budget = Budget.parse(text)
    except UsageError:
        return
    assert all(0 < limit <= 2**62 for limit in budget.limits().values())
    assert Budget.parse(str(budget)) == budget
