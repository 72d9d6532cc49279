"""Random search: what an optimizer is held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task
from sandbox.spaces import Box, Candidate, Pool


@dataclass(frozen=True, slots=True)
class RandomSearch:
    """Uniform draws, those of a pool without repetition; the best score seen is handed in."""

    name: str = "uniform"
    needs = Needs.ANY_SPACE
    claims = Claims(seeded=True, anytime=True, best_observed=True, affine=True, rank_based=True)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        best, top = None, -np.inf
        for candidate in draws(task, rng):
            best = candidate if best is None else best
            yield from Recommend(best)
            try:
                seen = yield from Evaluate(candidate)
            except AnswerFailed:
                continue
            except BudgetExhausted:
                break
            if seen.score > top:
                best, top = candidate, seen.score
        if best is None:
            raise ValueError(f"nothing to draw from {task.space}")
        yield from Recommend(best)
        return best


def draws(task: Task, rng: np.random.Generator) -> Iterator[Candidate]:
    """Candidates of a space in random order: of a pool, each once; of the others, without end."""
    space = task.space
    if isinstance(space, Box):
        low, high = np.array(space.lower), np.array(space.upper)
        while True:
            yield tuple([float(x) for x in rng.uniform(low, high)])
    if isinstance(space, Pool):
        yield from [space.texts[i] for i in rng.permutation(len(space.texts))]
        return
    yield from [space.seeds[i] for i in rng.permutation(len(space.seeds))]
    words = space.words or space.seeds
    while True:
        text = " ".join([words[i] for i in rng.integers(len(words), size=rng.integers(2, 8))])
        yield text[: space.longest]
