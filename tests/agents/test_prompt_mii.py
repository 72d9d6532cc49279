"""Prompt-MII: one text of the policy, and nothing else."""

from __future__ import annotations

import pytest
from scribe import Scribe
from toy_white_box import Toy

from agents.prompt_mii import PromptMII
from sandbox.budget import Budget, Cost, Ledger
from sandbox.drivers import loop
from sandbox.errors import UsageError
from sandbox.protocol import Asides, Task
from sandbox.registry import make_agent
from sandbox.session import Session
from sandbox.spaces import FreeText
from sandbox.streams import stream

PAIRS = tuple(
    (f"the {tree} fell {i}", label) for i in range(3) for tree, label in (("oak", "a"), ("elm", "b"))
)
SPACE = FreeText(("Answer.",), longest=400)


def played(agent: PromptMII, box: Toy, labels: tuple[str, ...] = ("a", "b")) -> Session:
    budget = Budget(rows=10)
    task = Task("t", SPACE, budget, demos=PAIRS, dev_rows=6, labels=labels, lends=Asides(white_box=box))
    one = Session(agent.name, agent.plan(task, stream(0, "t")), task, Scribe(), Ledger(budget))
    loop.play(one)
    return one


def test_it_asks_the_black_box_nothing_and_hands_in_what_the_policy_wrote() -> None:
    box = Toy()
    one = played(PromptMII(), box)
    assert one.failure is None
    assert one.ledger.spent == Cost()
    assert str(one.recommendation).startswith("write ")
    assert len(box.contexts) == 1
    assert "a: " in box.contexts[0]
    assert "oak 3" in box.contexts[0]
    assert "fell" not in box.contexts[0]  # it goes with both labels


def test_a_big_policy_reads_the_texts() -> None:
    box = Toy()
    played(PromptMII(reads="texts"), box)
    assert "the oak fell 0" in box.contexts[0]


def test_a_short_window_is_filled_and_not_overrun() -> None:
    box = Toy(positions=150)
    one = played(PromptMII(), box)
    assert one.failure is None
    assert len(box.contexts[0]) + 64 <= 150


def test_without_allowance_it_hands_in_a_seed() -> None:
    assert played(PromptMII(), Toy(allowance=0)).recommendation == "Answer."


def test_labels_are_seen_in_repeating_outputs() -> None:
    box = Toy()
    one = played(PromptMII(), box, labels=())
    assert "oak 3" in box.contexts[0]
    assert "Choose one of these labels: a, b" in str(one.recommendation)


@pytest.mark.parametrize("wrong", ["reads=tea", "style=baroque", "terms=0", "max_tokens=0"])
def test_bad_parameters_are_named(wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong.partition("=")[0]):
        make_agent(f"prompt-mii({wrong})")
