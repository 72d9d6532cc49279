"""A (mu + lambda) evolutionary search over texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agents.common import Means, check_real, check_whole
from agents.costs import Forecast, SpendsAll, Step
from agents.text_edits import cross, fit, mutate, words_of
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task, affordable
from sandbox.spaces import Box, FreeText, Pool


@dataclass(frozen=True, slots=True)
class Evolution(SpendsAll):
    """A (mu + lambda) evolutionary search: edits and crossings of texts, of which the best survive.

    Beyer and Schwefel (2002), "Evolution strategies: A comprehensive introduction", section 2; on
    instructions, Guo et al. (2024), "EvoPrompt", whose operators an LLM performs. Here they are
    random: words are inserted, deleted, replaced or swapped, and a child of two parents has the head
    of one and the tail of the other. On a pool a child is the member that shares most words with the
    varied text and was not seen yet. Scores are noisy, so each generation looks again at those survivors
    that were seen least, and ranks by means mixed with `caution` looks at the mean of all.
    """

    name: str = "evolution"
    mu: int = 8
    """How many survive."""
    children: int = 8
    """How many are born a generation: lambda."""
    crossing: float = 0.4
    """The chance that a child has two parents."""
    again: int = 2
    """How many survivors are looked at again, a generation."""
    caution: float = 0.5
    """Looks at the mean of all texts that each mean mixes in, against the winner's curse."""
    needs = Needs.POOL | Needs.TEXT
    claims = Claims(
        seeded=True,
        random_start=True,
        anytime=True,
        best_observed=True,
        uses=0.9,
        batch=True,
        affine=True,
        rank_based=True,
    )

    def __post_init__(self) -> None:
        check_whole("mu", self.mu, 1)
        check_whole("children", self.children, 1)
        check_real("crossing", self.crossing, 0.0, 1.0)
        check_whole("again", self.again, 0)
        check_real("caution", self.caution, 0.0, 100.0)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        space = task.space
        if isinstance(space, Box):
            raise TypeError(f"this agent plays on texts, and this is {space}")
        alive, into_space = self._first(space, rng)
        words = (space.words if isinstance(space, FreeText) else ()) or words_of(alive)
        best = alive[0]
        yield from Recommend(best)
        means: Means[str] = Means(self.caution)
        try:
            born = alive
            while True:
                survivors = sorted((t for t in alive if t in means), key=means.looks)[: self.again]
                asked = [*born, *survivors] if born is not alive else born
                seen = yield from affordable([Evaluate(text) for text in asked])
                for text, answer in zip(asked, seen, strict=False):
                    if not isinstance(answer, AnswerFailed):
                        means.add(text, answer.score)
                if means.best is not None and means.best != best:
                    best = means.best
                    yield from Recommend(best)
                fitness = means.values()
                family = [text for text in dict.fromkeys([*alive, *born]) if text in fitness]
                alive = sorted(family, key=lambda text: -fitness[text])[: self.mu] or alive
                born = [into_space(self._vary(alive, words, rng)) for _ in range(self.children)]
        except BudgetExhausted:
            return best

    def _given_first(self, task: Task) -> int:
        return min(self.mu, len(task.space.seeds)) if isinstance(task.space, FreeText) else 1

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        whole = forecast.scoring(vague=True)
        first = self._given_first(task) if isinstance(task.space, FreeText) else self.mu
        yield [whole] * first
        while True:
            yield [whole] * self.children + [forecast.again()] * self.again

    def _vary(self, alive: Sequence[str], words: Sequence[str], rng: np.random.Generator) -> str:
        """A child of one or two of those alive."""
        parent = alive[int(rng.integers(len(alive)))]
        if len(alive) > 1 and rng.random() < self.crossing:
            return cross(parent, alive[int(rng.integers(len(alive)))], rng)
        return mutate(parent, words, rng, int(rng.geometric(0.5)))

    def _first(
        self, space: FreeText | Pool, rng: np.random.Generator
    ) -> tuple[list[str], Callable[[str], str]]:
        """The first generation, and what carries any text into the space, away from those alive."""
        if isinstance(space, Pool):
            members = rng.permutation(len(space.texts))[: self.mu].tolist()
            neighbours = _Neighbours(space.texts)
            # Each is the nearest to itself, and thereby known as found.
            return [neighbours.nearest(space.texts[i]) for i in members], neighbours.nearest
        seeds = list(dict.fromkeys(fit(seed, space) for seed in space.seeds))
        chosen = [seeds[i] for i in rng.permutation(len(seeds))[: self.mu].tolist()]
        return chosen, lambda text: fit(text, space)


class _Neighbours:
    """Finds the member of a pool that shares most words with a text, and was found least often."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._texts = texts
        self._found = np.zeros(len(texts))
        self._words = {word: column for column, word in enumerate(words_of(texts))}
        self._holds = np.zeros((len(texts), len(self._words)))
        for row, text in enumerate(texts):
            self._holds[row, [self._words[word] for word in text.split()]] = 1.0
        self._sizes = self._holds.sum(axis=1)

    def nearest(self, text: str) -> str:
        """The member of largest Jaccard index of words among those found least often before."""
        wanted = {word for word in text.split() if word in self._words}
        shared = self._holds[:, [self._words[word] for word in sorted(wanted)]].sum(axis=1)
        likeness = shared / np.maximum(self._sizes + len(wanted) - shared, 1.0)
        found = int((likeness - 2.0 * self._found).argmax())  # the index is 1 at most
        self._found[found] += 1.0
        return self._texts[found]
