"""An optimizer to begin with: copy this file, and change what is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task
from sandbox.spaces import Candidate, Pool


@dataclass(frozen=True)
class Climb:
    """Keeps the best text seen so far."""

    name: str = "climb"
    needs = Needs.POOL
    claims = Claims(seeded=True, random_start=True, anytime=True, best_observed=True)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        texts = task.space.texts if isinstance(task.space, Pool) else ()
        best, top = texts[0], float("-inf")
        try:
            while True:
                text = texts[rng.integers(len(texts))]
                seen = yield from Evaluate(text)
                if seen.score > top:
                    best, top = text, seen.score
                    yield from Recommend(best)
        except BudgetExhausted:
            return best
