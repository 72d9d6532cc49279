"""Random search: the yardstick that every optimizer must beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents.common import Means, blind_guess, check_whole, in_box
from agents.costs import SpendsAll
from agents.text_edits import fit, mutate, words_of
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task, affordable
from sandbox.spaces import Box, Candidate, FreeText


@dataclass(frozen=True, slots=True)
class RandomSearch(SpendsAll):
    """Tries candidates at random and keeps the one with the best mean score.

    Bergstra and Bengio (2012), "Random Search for Hyper-Parameter Optimization". A pool is tried without
    replacement, in a new order each time it is through; in a box points are uniform; a text is a
    random seed after 1 to `edits` random edits with the space's words.
    """

    name: str = "random"
    batch: int = 1
    """How many candidates to ask for at once."""
    edits: int = 4
    """The most edits that a new text is away from its seed."""
    needs = Needs.ANY_SPACE
    claims = Claims(
        seeded=True,
        random_start=True,
        anytime=True,
        best_observed=True,
        uses=0.9,
        affine=True,
        rank_based=True,
    )

    def __post_init__(self) -> None:
        check_whole("batch", self.batch, 1)
        check_whole("edits", self.edits, 1)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        best = blind_guess(task, rng)
        yield from Recommend(best)
        means: Means[Candidate] = Means()
        draws = self._draws(task, rng)
        try:
            while True:
                tried = [next(draws) for _ in range(self.batch)]
                seen = yield from affordable([Evaluate(candidate) for candidate in tried])
                for candidate, answer in zip(tried, seen, strict=False):
                    if not isinstance(answer, AnswerFailed):
                        means.add(candidate, answer.score)
                if means.best is not None and means.best != best:
                    best = means.best
                    yield from Recommend(best)
        except BudgetExhausted:
            return best

    def _draws(self, task: Task, rng: np.random.Generator) -> Iterator[Candidate]:
        """Candidates for ever."""
        space = task.space
        if isinstance(space, Box):
            while True:
                yield in_box(space, rng.random(space.dimensions))
        if isinstance(space, FreeText):
            words = space.words or words_of(space.seeds)
            while True:
                seed = space.seeds[int(rng.integers(len(space.seeds)))]
                yield fit(mutate(seed, words, rng, int(rng.integers(1, self.edits + 1))), space)
        while True:
            for index in rng.permutation(len(space.texts)).tolist():
                yield space.texts[index]
