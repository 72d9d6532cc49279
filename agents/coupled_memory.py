"""What InstructZero remembers: points, the texts that they decode to, and the scores of those evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from agents.coupled_gp import Array, CoupledGP, Seen, log_expected_improvement
from agents.soft_prompts import Scored
from sandbox.protocol import Observation, Plan, Task

_ALIASES = 3
"""Points kept of one text: more of them say little, and make every step dearer."""
_POOL = 256
"""Texts kept that were decoded and may still be evaluated, the latest."""

_LEADERS = 10
"""How many of the best texts new points are sought around."""
_STEP = 0.3
"""Standard deviation of a step from one of them, in each coordinate of [-1, 1]^d."""


class Memory:
    """Decoding is free of evaluations: whatever was decoded once is remembered."""

    __slots__ = ("_high", "_low", "_points", "_scored", "pool")

    def __init__(self, task: Task) -> None:
        self._scored = Scored(task)
        self._points: dict[str, list[Array]] = {}
        self._low, self._high = task.score_range
        self.pool: dict[str, None] = {}
        """Decoded texts that are not evaluated, the latest last."""

    @property
    def known(self) -> dict[str, Observation]:
        """Evaluated texts."""
        return self._scored.known

    def decoded(self, points: Array, texts: Iterable[str]) -> None:
        """Take in what `points`, shape (n, d), decode to."""
        for point, text in zip(points, texts, strict=True):
            candidate = self._scored.candidate(text)
            if candidate is None:
                continue
            kept = self._points.setdefault(candidate, [])
            if len(kept) < _ALIASES:
                kept.append(point)
            if candidate not in self.known:
                self.pool.pop(candidate, None)
                self.pool[candidate] = None
        for text in list(self.pool)[: max(len(self.pool) - _POOL, 0)]:
            del self.pool[text]
            del self._points[text]

    def evaluate(self, texts: Sequence[str]) -> Plan[None]:
        """Evaluate members of the pool; those that failed leave it too.

        Raises:
            BudgetExhausted: if the budget does not cover the first.
        """
        answers = yield from self._scored.ask(texts)
        for text, answer in zip(texts, answers, strict=True):
            self.pool.pop(text, None)
            if answer is None:
                del self._points[text]

    def seen(self) -> Seen:
        """All points of evaluated texts; scores and rows carried to [0, 1]."""
        points: list[Array] = []
        owner: list[int] = []
        for i, text in enumerate(self.known):
            points += self._points[text]
            owner += [i] * len(self._points[text])
        rows = np.array([rows_of(seen) for seen in self.known.values()])
        scores = np.array([seen.score for seen in self.known.values()])
        return Seen(np.array(points), np.array(owner), self._unit(rows), self._unit(scores))

    def _unit(self, scores: Array) -> Array:
        unit: Array = np.clip((scores - self._low) / (self._high - self._low), 0.0, 1.0)
        return unit

    def starts(self, model: CoupledGP, count: int, rng: np.random.Generator) -> Array:
        """Where to search from: a point of each of the `count` texts of best mean, then random ones."""
        order = np.argsort(-model.means, kind="stable")[:count].tolist()
        texts = list(self.known)
        best = np.array([self._points[texts[i]][0] for i in order])
        more = rng.uniform(-1.0, 1.0, (count - len(best), best.shape[1]))
        return np.concatenate([best, more])

    def around(self, model: CoupledGP, count: int, rng: np.random.Generator) -> Array:
        """`count` Gaussian steps away from points of the texts of best mean, shape (count, d)."""
        middle = self.starts(model, _LEADERS, rng)[rng.integers(_LEADERS, size=count)]
        return np.clip(middle + _STEP * rng.standard_normal(middle.shape), -1.0, 1.0)

    def choose(self, model: CoupledGP, count: int, noise: float) -> list[str]:
        """Members of the pool, one after the other by expected improvement, as if the ones before were seen.

        That a look will find what it expects (kriging believer, Ginsbourger et al., 2010) moves no mean, but
        takes the doubt about everything near.

        Args:
            model: of `seen`.
            count: how many at most.
            noise: variance of a look.
        """
        texts = list(self.pool)
        if not texts:
            return []
        mean, covariance = model.joint(np.array([self._points[text][0] for text in texts]))
        best = float(model.means.max())
        chosen: list[int] = []
        for _ in range(min(count, len(texts))):
            worth = log_expected_improvement(mean, np.sqrt(np.maximum(np.diag(covariance), 1e-12)), best)
            worth[chosen] = -np.inf
            i = int(worth.argmax())
            chosen.append(i)
            best = max(best, float(mean[i]))
            row = covariance[i]
            covariance = covariance - np.outer(row, row) / (max(float(row[i]), 0.0) + noise)
        return [texts[i] for i in chosen]


def rows_of(seen: Observation) -> list[float]:
    """The scores row by row, or the score alone where the world tells no rows."""
    return [result.score for result in seen.rows] or [seen.score]
