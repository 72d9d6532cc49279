"""Work on the white box is paid for before it is done, by a law that no machine changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated import TEXTS, WatchedLedger, open_session, oracle_world
from hypothesis import given
from hypothesis import strategies as st

from mocks.service import Service
from sandbox.budget import SECOND, Budget, Cost, Ledger, Meter
from sandbox.drivers import virtual
from sandbox.errors import BudgetExhausted
from sandbox.limits import Limits
from sandbox.protocol import Evaluate
from sandbox.trace import Fate
from sandbox.whitebox.lent import Speed, WhiteBox

pytest.importorskip("torch")
pytest.importorskip("transformers")

from whitebox_kit import WIDTH, white_box

SPEED = Speed(per_call=1.0, per_prompt_token=0.25, per_written_token=0.5)
SOFT = np.random.default_rng(0).normal(size=(3, 2, WIDTH)).astype(np.float32)


def paid(folder: Path, work: Any, budget: Budget | None = None) -> Cost:
    ledger = Ledger(budget or Budget())
    work(white_box(folder, speed=SPEED, ledgers=[ledger]))
    assert ledger.spent == ledger.committed
    return ledger.spent


def test_every_position_and_every_written_token_counts(llama_dir: Path) -> None:
    model = white_box(llama_dir)._model
    read = 3 * (2 + len(model.tokenizer("add")["input_ids"]))
    spent = paid(llama_dir, lambda box: box.hidden("add", soft=SOFT))
    assert spent == Cost(whitebox_tokens=read, whitebox_seconds=SECOND + read * SECOND // 4)
    written = model.decode(model.prompts("add", SOFT), _style(9))[1]
    spent = paid(llama_dir, lambda box: box.decode(SOFT, "add", max_tokens=9))
    assert 0 < written <= 27
    assert spent.whitebox_tokens == read + written
    assert spent.whitebox_seconds == SECOND + read * SECOND // 4 + written * SECOND // 2
    both = len(model.tokenizer("add it")["input_ids"]) + len(
        model.tokenizer("now", add_special_tokens=False)["input_ids"]
    )
    assert paid(llama_dir, lambda box: box.logprob("now", "add it")).whitebox_tokens == both
    assert paid(llama_dir, lambda box: box.embed(["add"] * 3)).whitebox_tokens == read - 6


def _style(most: int) -> Any:
    from sandbox.whitebox.decoding import Style

    return Style(most)


def test_what_only_looks_at_the_model_is_free(llama_dir: Path) -> None:
    def look(box: WhiteBox) -> None:
        box.chat("x")
        box.embeddings_rms()
        assert box.width
        assert box.decode(None, []) == []
        with box.trainable(rank=1) as parameters:
            parameters.set_flat(parameters.get_flat())

    assert paid(llama_dir, look) == Cost()


def test_padding_and_the_size_of_batches_cost_nothing(
    llama_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(box: WhiteBox) -> None:
        box.decode(None, ["a", "a long context of some words"], max_tokens=3, stop=["zzz"])

    whole = paid(llama_dir, work)
    monkeypatch.setattr(white_box(llama_dir)._model, "most_rows", 1)
    assert paid(llama_dir, work) == whole


def test_what_may_not_fit_is_refused_before_it_is_computed(
    llama_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = white_box(llama_dir)._model.prompts("add", SOFT).tokens
    for budget, currency in (
        (Budget(whitebox_tokens=read + 3 * 9 - 1), "whitebox_tokens"),
        (Budget(whitebox_seconds=SECOND * 14), "whitebox_seconds"),
        (Budget(seconds=SECOND * 14), "seconds"),
    ):
        ledger = Ledger(budget)
        box = white_box(llama_dir, speed=SPEED, ledgers=[ledger])
        with monkeypatch.context() as patch:
            patch.setattr(box._model, "_padded", None)
            with pytest.raises(BudgetExhausted, match=f"^{currency}: wanted"):
                box.decode(SOFT, "add", max_tokens=9)
        assert ledger.spent == ledger.committed == Cost()
    # One token more, and it fits, whatever is written; what was not written is left for later.
    ledger = Ledger(Budget(whitebox_tokens=read + 3 * 9))
    white_box(llama_dir, ledgers=[ledger]).decode(SOFT, "add", max_tokens=9)
    assert ledger.spent == ledger.committed


@dataclass
class Toy:
    """A model that reads and writes what it is told to; it fails where that is negative."""

    asked: list[int] = field(default_factory=list)

    def prompts(self, texts: Any, soft: Any) -> Any:
        return self

    ids = (1,)

    def __len__(self) -> int:
        return 1

    tokens = 5

    def decode(self, prompts: Any, style: Any) -> tuple[list[str], int]:
        if style.seed < 0:
            raise ArithmeticError
        return ["x"], min(style.seed, style.max_tokens)


@given(
    calls=st.lists(st.tuples(st.integers(1, 30), st.integers(-1, 40)), max_size=20),
    limits=st.fixed_dictionaries(
        {},
        optional={
            "whitebox_tokens": st.integers(1, 200),
            "whitebox_seconds": st.integers(1, 100 * SECOND),
            "seconds": st.integers(1, 100 * SECOND),
        },
    ),
)
def test_in_every_currency_spent_and_set_aside_stay_within_the_limit(
    calls: list[tuple[int, int]], limits: dict[str, int]
) -> None:
    budget = Budget(**limits)
    ledger = WatchedLedger(budget)
    model: Any = Toy()
    box = WhiteBox(lambda: model, Meter(ledger), SPEED)
    tokens = 0
    for most, writes in calls:
        before = ledger.spent
        try:
            box.decode(None, "", max_tokens=most, seed=writes)
            tokens += 5 + min(writes, most)
        except (BudgetExhausted, ArithmeticError):
            assert ledger.spent == before
        assert ledger.committed == ledger.spent
    assert not ledger.broken
    assert ledger.spent.whitebox_tokens == tokens
    if budget.seconds is not None:
        assert ledger.spent.whitebox_seconds <= budget.seconds


def test_the_agents_clock_goes_by_the_stated_seconds(llama_dir: Path) -> None:
    ledger = WatchedLedger(Budget(evaluations=4, seconds=1000 * SECOND))
    meter = Meter(ledger)
    model: Any = Toy()
    box = WhiteBox(lambda: model, meter, SPEED)

    def plan() -> Any:
        box.decode(None, "", seed=4)
        yield from Evaluate(TEXTS[0])
        return TEXTS[0]

    session = open_session(plan(), ledger.budget, oracle_world(1, Service()), ledger, meter)
    virtual.play([session], Limits())
    first, second = session.trace.records
    assert first.fate is Fate.COMPUTED
    assert first.charge == Cost(whitebox_tokens=9, whitebox_seconds=int(4.25 * SECOND))
    assert second.ticket.sent_at == first.answered_at == int(4.25 * SECOND)
    assert not ledger.broken


@pytest.mark.parametrize("name", ["per_call", "per_prompt_token", "per_written_token"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), 1e7])
def test_seconds_are_sane(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Speed(**{name: value})
