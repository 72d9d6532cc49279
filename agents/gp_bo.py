"""Bayesian optimization with a Gaussian process over texts, or over a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.common import check_whole, choose_arms
from agents.costs import SpendsAll
from agents.text_edits import cross, fit, mutate, words_of
from agents.text_features import TextMetric, describe, distances
from agents.text_model import TextModel
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task, affordable
from sandbox.spaces import Box, Candidate, FreeText, Pool


@dataclass(frozen=True, slots=True)
class GaussianProcessBO(SpendsAll):
    """Bayesian optimization: a Gaussian process says where the next look is worth most.

    On texts: a Matern-5/2 kernel on the distance of TF-IDF n-grams and layout (`text_features.py`), and the
    knowledge gradient of Frazier, Powell and Dayanik (2009), which values a look by what it does to
    the best posterior mean - the very thing that is handed in - and so knows when to look again
    at a text. On free text it chooses among random edits and crossings of the texts believed best.
    On a box: botorch (Balandat et al., 2020) with the dimension-scaled prior of Hvarfner et al. (2024) and
    LogEI (Ament et al., 2023); that needs the extra `bo`. It hands in the best posterior mean.
    """

    name: str = "gp-bo"
    start: int = 8
    """Evaluations before the model is first asked."""
    batch: int = 1
    """How many candidates to ask for at once."""
    ahead: int = 5
    """On texts: how many looks in a row at one text the knowledge gradient values; 1 is the original."""
    largest: int = 1000
    """Of a larger pool a random subset of this size is played on."""
    offspring: int = 64
    """Free text: how many new texts to choose from at each step."""
    memory: int = 300
    """Free text and box: the most candidates that the model is built on, the best and the latest."""
    needs = Needs.ANY_SPACE
    claims = Claims(seeded=True, random_start=True, uses=0.9)

    def __post_init__(self) -> None:
        check_whole("start", self.start, 1)
        check_whole("batch", self.batch, 1)
        check_whole("ahead", self.ahead, 1)
        check_whole("largest", self.largest, 2, 5000)
        check_whole("offspring", self.offspring, 1, 1000)
        check_whole("memory", self.memory, 4, 5000)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        if isinstance(task.space, Box):
            from agents.gp_box import search_box

            return (yield from search_box(task.space, rng, self.start, self.batch, self.memory))
        if isinstance(task.space, Pool):
            return (yield from self._pool(task, task.space, rng))
        return (yield from self._text(task, task.space, rng))

    def _given_first(self, task: Task) -> int:
        seeds = -(-self.start // 2)  # as many of them, at most, are looked at before any edit
        return min(seeds, len(task.space.seeds)) if isinstance(task.space, FreeText) else 1

    def _pool(self, task: Task, space: Pool, rng: np.random.Generator) -> Plan[str]:
        """All members stand in the model from the beginning."""
        members = len(space.texts)
        texts = space.texts if members <= self.largest else choose_arms(space.texts, self.largest, rng)
        apart = distances(texts)
        model = TextModel(task, len(texts), self.ahead)
        order: list[int] = rng.permutation(len(texts))[: self.start].tolist()
        best, trusted = texts[order[0]], False
        yield from Recommend(best)
        try:
            for first in range(0, len(order), self.batch):
                yield from _look(model, texts, order[first : first + self.batch])
            while True:
                beliefs = model.beliefs(apart)
                if beliefs is None:
                    yield from _look(model, texts, rng.integers(len(texts), size=self.batch).tolist())
                    continue
                leader, trusted = texts[model.leader(beliefs.mean)], True
                if leader != best:
                    best = leader
                    yield from Recommend(best)
                yield from _look(model, texts, model.choose(beliefs, self.batch))
        except BudgetExhausted:
            return best if trusted else _best_seen(model, texts, best)

    def _text(self, task: Task, space: FreeText, rng: np.random.Generator) -> Plan[str]:
        """The texts seen, and at each step new offspring, stand in the model."""
        words = space.words or words_of(space.seeds)
        seeds = list(dict.fromkeys(fit(seed, space) for seed in space.seeds))
        best, trusted = seeds[0], False
        yield from Recommend(best)
        drawn = [fit(mutate(seed, words, rng, 3), space) for seed in seeds * -(-32 // len(seeds))]
        texts = list(dict.fromkeys([*seeds[: -(-self.start // 2)], *drawn]))
        metric = TextMetric(describe(texts))
        texts = texts[: self.start]
        described = describe(texts)
        model = TextModel(task, len(texts), self.ahead)
        try:
            for first in range(0, len(texts), self.batch):
                yield from _look(model, texts, list(range(len(texts)))[first : first + self.batch])
            while True:
                if not model.seen.size:  # every call failed so far
                    yield from _look(model, texts, rng.integers(len(texts), size=self.batch).tolist())
                    continue
                kept = self._worth_keeping(model)
                parents = sorted(kept, key=lambda i: -model.means[i])[:8]
                new = self._offspring([texts[i] for i in parents], words, space, rng)
                new = [text for text in dict.fromkeys(new) if text not in texts]
                model.select(kept, len(new))
                texts = [*[texts[i] for i in kept], *new]
                described = described.followed_by(describe(new), kept)
                apart = metric.between(described, described)
                beliefs = model.beliefs(apart)
                if beliefs is None:
                    raise RuntimeError("texts were seen, and the model has no beliefs")
                seen = model.seen  # an edit can be anything: nothing unseen is handed in
                leader, trusted = texts[int(seen[beliefs.mean[seen].argmax()])], True
                if leader != best:
                    best = leader
                    yield from Recommend(best)
                yield from _look(model, texts, model.choose(beliefs, self.batch))
        except BudgetExhausted:
            return best if trusted else _best_seen(model, texts, best)

    def _worth_keeping(self, model: TextModel) -> list[int]:
        """Of the texts seen, the best and the latest, in order."""
        seen: list[int] = model.seen.tolist()
        if len(seen) <= self.memory:
            return seen
        best = sorted(seen, key=lambda i: -model.means[i])[: self.memory // 2]
        rest = sorted(set(seen) - set(best))
        return sorted([*best, *rest[-(self.memory - len(best)) :]])

    def _offspring(
        self, parents: Sequence[str], words: Sequence[str], space: FreeText, rng: np.random.Generator
    ) -> list[str]:
        """Edits of the parents, the better ones more often, and a quarter crossings."""
        new = []
        for _ in range(self.offspring):
            # The smaller of two draws: linear ranking, as in genetic algorithms.
            first = parents[int(rng.integers(len(parents), size=2).min())]
            if rng.random() < 0.25:
                first = cross(first, parents[int(rng.integers(len(parents)))], rng)
            new.append(fit(mutate(first, words, rng, int(rng.geometric(0.5))), space))
        return new


def _best_seen(model: TextModel, texts: Sequence[str], otherwise: str) -> str:
    """The budget ended before the model was asked: the best score so far."""
    return texts[int(model.seen[model.means[model.seen].argmax()])] if model.seen.size else otherwise


def _look(model: TextModel, texts: Sequence[str], chosen: list[int]) -> Plan[None]:
    """Evaluate these texts, all at once, and tell the model."""
    seen = yield from affordable([Evaluate(texts[i]) for i in chosen])
    for i, answer in zip(chosen, seen, strict=False):
        if isinstance(answer, AnswerFailed):
            model.failed(i)
        else:
            model.add(i, answer.score)
