"""A small world of every kind, and ways to play an agent in it."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import agents
from mocks.noise import Noise
from mocks.service import Service
from mocks.world import OracleWorld
from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop
from sandbox.protocol import Agent, Needs, Task
from sandbox.session import Session
from sandbox.spaces import Box, Candidate, FreeText, Pool, Space
from sandbox.streams import stream

WORDS = ("brief", "exactly", "step", "answer", "list", "think", "word", "only", "first", "check")


def make(name: str, **fields: Any) -> Agent:
    module, _, attribute = agents.TABLE[name].partition(":")
    made: Agent = getattr(importlib.import_module(module), attribute)(**fields)
    return made


@dataclass(frozen=True)
class Smooth:
    """Any space; how good a candidate is, is a smooth function of what it looks like."""

    space: Space
    constant: bool = False

    def truth(self, candidate: Candidate) -> float:
        if self.constant:
            return 0.5
        if isinstance(candidate, str):
            words = candidate.split()
            return sum(word in WORDS[:4] for word in set(words)) / (4 + 0.05 * len(words))
        box = self.space
        assert isinstance(box, Box)
        unit = [(x - a) / (b - a) for a, x, b in zip(box.lower, candidate, box.upper, strict=True)]
        return math.exp(-sum((u - 0.3) ** 2 for u in unit))


def sentences(count: int) -> tuple[str, ...]:
    """Distinct texts over few words."""
    rng = np.random.default_rng(count)
    found: dict[str, None] = {}
    while len(found) < count:
        found[" ".join(rng.choice(WORDS, size=int(rng.integers(1, 8))))] = None
    return tuple(found)


SPACES: dict[str, Space] = {
    "pool": Pool(sentences(30)),
    "tiny pool": Pool(sentences(2)),
    "lonely pool": Pool(("the only one",)),
    "text": FreeText(("Answer the question.", "Be brief:\nanswer."), WORDS),
    "short text": FreeText(("Hi.",), (), longest=5),
    "box": Box((-2.0, 0.0, 5.0), (3.0, 0.1, 9.0)),
    "line": Box((0.0,), (1.0,)),
}
NEED = {"pool": Needs.POOL, "text": Needs.TEXT, "box": Needs.BOX}
SILENT = {"naive", "icl"}
"""They ask nothing."""
NAMES = [
    name
    for name in agents.TABLE
    if name not in SILENT and not make(name).needs & (Needs.WHITE_BOX | Needs.COMPLETIONS)
]
"""Who plays in worlds that only score; the others have tests of their own."""
CASES = [(name, space) for name in NAMES for space, s in SPACES.items() if NEED[s.kind] & make(name).needs]
SLOW = {("gp-bo", "box"), ("gp-bo", "line")}
"""botorch takes a tenth of a second a step."""


def session(
    name: str,
    space: str = "pool",
    seed: int = 0,
    budget: Budget | None = None,
    noises: tuple[Noise, ...] = (),
    service: Service | None = None,
    rows: int = 0,
    oracle: Any = None,
    **parameters: Any,
) -> Session:
    oracle = oracle or Smooth(SPACES[space])
    budget = budget or Budget(evaluations=25)
    task = Task("a test", oracle.space, budget, dev_rows=rows)
    agent = make(name, **parameters)
    world = OracleWorld(oracle, seed, noises, service, rows)
    return Session(agent.name, agent.plan(task, stream(seed, "agent", name)), task, world, Ledger(budget))


def played(*args: Any, **kwargs: Any) -> Session:
    one = session(*args, **kwargs)
    loop.play(one)
    if one.failure is not None:
        raise one.failure
    return one


def story(one: Session) -> tuple[Any, ...]:
    asked = [
        (r.ticket.number, r.ticket.attempt, r.ticket.request, repr(r.answer))
        for r in one.trace.in_order_asked()
    ]
    named = [recommendation.candidate for recommendation in one.trace.recommendations]
    return asked, named, one.recommendation, one.ledger.spent._replace(seconds=0)
