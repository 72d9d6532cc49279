"""Measures how many mock chat calls a CPU-second buys in virtual time, beside bare oracle queries.

    python tests/benchmarks/chat.py [--evaluations 500] [--rounds 5]

Each call is one row of an evaluation: quoted, reserved, queued, served with latency, charged, traced,
scored. "constant" answers the same text to everything; "understands" is a persona that reads new
instructions on new rows; "knows" is the same persona on rows and instructions that it has met, as
in every run but the first. Every contender runs once a round, so that a busy machine is busy for all.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from throughput import full_stack

from mocks.llm.model import MockModel
from mocks.llm.writing.phrases import phrase
from mocks.service import Service
from sandbox.budget import Budget, Ledger
from sandbox.chat import ChatAnswer, ChatCall, ChatModel, Choice
from sandbox.dataset import Dataset
from sandbox.drivers import virtual
from sandbox.limits import Limits
from sandbox.protocol import Asides, Complete, Evaluate, Plan, Task
from sandbox.session import Session
from sandbox.spaces import Candidate, FreeText
from sandbox.tokens import count_messages
from sandbox.worlds.chat import Asking, ChatWorld
from scenarios import tasks

_ROWS = 20
_BUDGET = Budget(evaluations=10**6, usd=10**17)


class Constant:
    """The same answer to everything."""

    name = "constant"
    _choices = (Choice("ok"),)

    def answer(self, call: ChatCall, occurrence: int = 0, top_logprobs: int | None = None) -> ChatAnswer:
        return ChatAnswer(self._choices, count_messages(call.messages), 1)

    def outcomes(self, call: ChatCall) -> list[tuple[str, float]]:
        return [("ok", 1.0)]

    def most_completion_tokens(self, call: ChatCall) -> int:
        return 1


def instructions(count: int) -> list[str]:
    """Distinct ones, of all qualities."""
    names = ("antonyms", "synonyms", "rhymes", "singular_to_plural", "first_word_letter")
    return [f"{phrase(names[i % 5], 0.3 + 0.1 * (i % 7), i / count)} Case {i}." for i in range(count)]


def agent(texts: list[str]) -> Plan[Candidate]:
    for text in texts:
        yield from Evaluate(text)
    return texts[0]


def writer(prompts: list[str]) -> Plan[Candidate]:
    for prompt in prompts:
        yield from Complete(prompt)
    return prompts[0]


def calls_per_second(
    model: ChatModel, data: Dataset, texts: list[str], plan: Callable[[list[str]], Plan[Candidate]] = agent
) -> float:
    service = Service(limits=Limits(concurrency=8))
    world = ChatWorld(data, model, service.open(1), service.prices, Asking(model.name), 1)
    lends = Asides(completions=True)
    task = Task("", FreeText(("x",)), _BUDGET, dev_rows=_ROWS, lends=lends)
    session = Session("agent", plan(texts), task, world, Ledger(_BUDGET))
    gc.collect()
    started = time.process_time()
    virtual.play([session], service.limits)
    taken = time.process_time() - started
    spent = session.ledger.spent
    if max(spent.rows, _ROWS * spent.completions) != len(texts) * _ROWS:
        raise RuntimeError("not everything was asked")
    return max(spent.rows, spent.completions) / taken


def _oracle(queries: int) -> float:
    measured = full_stack(4, queries)
    return measured.queries / measured.cpu_seconds


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    texts = instructions(options.evaluations)
    data = tasks.make("antonyms", train=1, dev=_ROWS, test=1)
    known = MockModel("mock-gpt-3.5-turbo")
    calls_per_second(known, data, texts)
    contenders: dict[str, Callable[[], float]] = {
        "constant answer": lambda: calls_per_second(Constant(), data, texts),
        "understands (new instructions)": lambda: calls_per_second(
            MockModel("mock-gpt-3.5-turbo"), data, texts
        ),
        "knows (instructions met before)": lambda: calls_per_second(known, data, texts),
        "completions, constant answer": lambda: calls_per_second(Constant(), data, 10 * texts, writer),
        "beside it: oracle queries, no chat": lambda: _oracle(20 * options.evaluations),
    }
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, contender in contenders.items():
            found[name].append(contender())
    print(f"{'calls per CPU-second':38} {'best':>9} {'median':>9}")
    for name, rates in found.items():
        print(f"{name:38} {max(rates):9,.0f} {statistics.median(rates):9,.0f}")


if __name__ == "__main__":
    main()
