"""A small world with rows and a writer that may write anything, and ways to play a writing agent in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from playing import make

from sandbox.budget import Budget, Cost, Ledger
from sandbox.drivers import loop
from sandbox.protocol import Asides, Complete, Completion, Evaluate, Observation, Request, RowResult, Task
from sandbox.session import Session
from sandbox.spaces import FreeText
from sandbox.streams import stream
from sandbox.testing.world import in_form
from sandbox.trace import Reply, Ticket

DEMOS = tuple((f"word{i}", f"answer {i}") for i in range(12))
SPACE = FreeText(("Answer the question.", "Do the task."), longest=300)
Writer = Callable[[str, int], str]
"""A prompt, and the number of the text -> the text."""


def unit(*parts: object) -> float:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "little") / 2**32


def sensible(prompt: str, number: int) -> str:
    """A new instruction in every form that is asked for."""
    told = f"Instruction {hashlib.sha256(prompt.encode()).hexdigest()[:6]}-{number}"
    return in_form(told, prompt)


NONSENSE: dict[str, Writer] = {
    "nothing": lambda prompt, number: "",
    "blank": lambda prompt, number: " \n\t ",
    "long": lambda prompt, number: "word " * 2000,
    "list": lambda prompt, number: "1. one\n2. two\n3. three",
    "unclosed tag": lambda prompt, number: "<prompt>never closed <START> nor this <INS> nor that",
    "only closing": lambda prompt, number: "</prompt> <END> </INS>",
    "unclosed fence": lambda prompt, number: "```text\nnever closed",
    "only fences": lambda prompt, number: "``````",
    "the same": lambda prompt, number: "Answer the question.",
    "surrogate": lambda prompt, number: "half a pair \ud800 and \x00",
    "echo": lambda prompt, number: prompt,
}


@dataclass
class Scribe:
    """The world."""

    writer: Writer = sensible
    perfect: bool = False
    """Whether every row is right."""
    ease: float = 1.0
    """Share of the rows that the best instructions get right."""
    written: int = 0
    requests: int = 0
    asked: list[Complete] = field(default_factory=list)

    def quote(self, request: Request[Any]) -> Cost:
        if isinstance(request, Evaluate):
            return Cost(evaluations=1, rows=self._rows(request))
        assert isinstance(request, Complete)
        return Cost(completions=request.n)

    def tokens(self, request: Request[Any]) -> int:
        return 0

    def reply(self, ticket: Ticket, now: int) -> Reply:
        request: Any = ticket.request
        if isinstance(request, Complete):
            assert isinstance(request.prompt, str)
            self.asked.append(request)
            self.requests += 1
            texts = []
            for _ in range(request.n):
                texts.append(self.writer(request.prompt, self.written))
                self.written += 1
            return Reply(Completion(tuple(texts)), self.quote(request), 0)
        numbers = range(ROWS) if request.rows is None else request.rows
        results = []
        for row in numbers:
            right = self.perfect or unit(request.candidate, row) < self.ease * unit(request.candidate)
            results.append(RowResult(row, float(right), False, f"in {row}", "said", f"out {row}"))
        return Reply(Observation(fmean(r.score for r in results), tuple(results)), self.quote(request), 0)

    @staticmethod
    def _rows(request: Evaluate) -> int:
        return ROWS if request.rows is None else len(request.rows)


ROWS = 30
"""Dev rows."""


def played(
    name: str, world: Scribe | None = None, budget: Budget | None = None, seed: int = 0, **fields: Any
) -> tuple[Session, Scribe]:
    world = world or Scribe()
    budget = budget or Budget(rows=10**6)
    task = Task("a test", SPACE, budget, demos=DEMOS, dev_rows=ROWS, lends=Asides(completions=True))
    agent = make(name, **fields)
    one = Session(agent.name, agent.plan(task, stream(seed, "agent", name)), task, world, Ledger(budget))
    loop.play(one)
    return one, world
