"""Exhaustive search: every member of a pool equally often."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from agents.common import Means, check_whole, pool_of
from agents.costs import SpendsAll
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task, affordable


@dataclass(frozen=True, slots=True)
class RoundRobin(SpendsAll):
    """Tries every member of the pool in order, again and again, and keeps the best mean score.

    Uniform allocation, the reference of Bubeck, Munos and Stoltz (2009), "Pure Exploration in Multi-armed
    Bandits Problems". It draws nothing at random; with fewer evaluations than members it sees a prefix.
    """

    name: str = "round-robin"
    batch: int = 1
    """How many members to ask for at once."""
    needs = Needs.POOL
    claims = Claims(seeded=True, anytime=True, best_observed=True, uses=0.9, affine=True, rank_based=True)

    def __post_init__(self) -> None:
        check_whole("batch", self.batch, 1)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        texts = pool_of(task)
        best = texts[0]
        yield from Recommend(best)
        means: Means[str] = Means()
        order = cycle(texts)
        try:
            while True:
                tried = list(islice(order, self.batch))
                seen = yield from affordable([Evaluate(text) for text in tried])
                for text, answer in zip(tried, seen, strict=False):
                    if not isinstance(answer, AnswerFailed):
                        means.add(text, answer.score)
                if means.best is not None and means.best != best:
                    best = means.best
                    yield from Recommend(best)
        except BudgetExhausted:
            return best
