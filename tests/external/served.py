"""A mock LLM behind the real server, what it answered, and the truth of what an optimizer found."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mocks.endpoint.app import Endpoint, make_app
from mocks.endpoint.keys import KeyRing
from mocks.endpoint.server import running
from mocks.llm.jobs import recognise
from mocks.llm.model import MockModel
from mocks.service import Service
from sandbox.budget import Budget
from sandbox.chat import ChatAnswer, ChatCall, Messages
from sandbox.dataset import Row
from sandbox.metrics import Metric

MODEL = "gpt-3.5-turbo"
"""A name that the clients have a price for; the persona behind it has the same price."""


class Watched:
    """A mock model that remembers what it was asked for, and what it answered."""

    name = MODEL

    def __init__(self) -> None:
        self.inner = MockModel("mock-gpt-3.5-turbo")
        self.answered: list[ChatAnswer] = []
        self.jobs: Counter[str] = Counter()

    def answer(self, call: ChatCall, occurrence: int = 0, top_logprobs: int | None = None) -> ChatAnswer:
        job = recognise(call.messages)
        self.jobs["answer" if job is None else job.kind] += 1
        told = self.inner.answer(call, occurrence, top_logprobs)
        self.answered.append(told)
        return told

    def outcomes(self, call: ChatCall) -> Sequence[tuple[str, float]]:
        return self.inner.outcomes(call)

    def most_completion_tokens(self, call: ChatCall) -> int:
        return self.inner.most_completion_tokens(call)


@dataclass
class Served:
    """One endpoint with one key."""

    url: str
    key: str
    app: Endpoint
    model: Watched
    persona_prices: Any
    budget: Budget = field(default_factory=Budget)

    def books(self) -> dict[str, Any]:
        """The ledger's own figures."""
        account = self.app.account("tester")
        assert account is not None
        return account.usage()

    def check(self) -> dict[str, Any]:
        """The ledger holds exactly what the model answered, and nothing is left open or above the limit."""
        books = self.books()
        spent, told = books["spent"], self.model.answered
        prompt = sum(answer.prompt_tokens for answer in told)
        completion = sum(answer.completion_tokens for answer in told)
        assert books["calls"] == len(told)
        assert spent["completions"] == sum(len(answer.choices) for answer in told)
        assert (spent["prompt_tokens"], spent["completion_tokens"]) == (prompt, completion)
        assert spent["usd_pico"] == self.persona_prices.usd(prompt, completion)
        assert not any(books["reserved"].values())
        for currency, limit in books["limit"].items():
            assert spent[currency] <= limit
        return books

    def tell(self, name: str, before: float, after: float, found: str = "") -> None:
        """One line for whoever runs this with `-o log_cli=true --log-cli-level=INFO`."""
        books = self.books()
        spent = books["spent"]
        logging.getLogger("external").info(
            "%s: calls=%d prompt_tokens=%d completion_tokens=%d usd=%.4f truth %.3f -> %.3f jobs=%s found=%r",
            name, books["calls"], spent["prompt_tokens"], spent["completion_tokens"], spent["usd"],
            before, after, dict(self.model.jobs), found,
        )  # fmt: skip


@contextmanager
def serving(budget: str = "") -> Iterator[Served]:
    """A mock LLM at a free port of loopback, in virtual time, with a key of this budget."""
    model = Watched()
    persona = model.inner.persona
    limits = Budget.parse(budget) if budget else Budget()
    ring, made = KeyRing.of({"tester": limits})
    service = Service(latency=persona.latency, prices=persona.prices)
    app = make_app({MODEL: model}, service, keys=ring, seed=1, time="virtual")
    with running(app) as url:
        yield Served(url, made["tester"], app, model, persona.prices, limits)


def truth(
    ask: Callable[[str], Messages], read: Callable[[str], str], rows: Sequence[Row], metric: Metric
) -> float:
    """The expected score over rows of what is said by `ask` and understood by `read`; nothing is sampled."""
    model, total = MockModel("mock-gpt-3.5-turbo"), []
    for row in rows:
        for text, chance in model.outcomes(ChatCall(ask(row.input), MODEL)):
            total.append(chance * metric(read(text), row.answers))
    return math.fsum(total) / len(rows)
