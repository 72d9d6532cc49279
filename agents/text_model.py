"""What a Gaussian process believes of numbered texts, and which of them to look at next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import gaussian_process as gp
from agents.gaussian_process import Array, Beliefs, Hyper, Seen
from sandbox.protocol import Task

SHORTLIST = 300
"""Texts whose knowledge gradient is worked out; it costs the square of this."""


class TextModel:
    """Looks at texts 0, 1, 2, ..., and beliefs about all of them.

    A score that averages r yes-or-no rows enters as arcsin(sqrt(score)), whose variance is 1 / (4 r)
    whatever the truth (Anscombe, 1948); other scores enter as they are, and their noise is fitted.
    """

    def __init__(self, task: Task, count: int, ahead: int) -> None:
        self._ahead = ahead
        self._low, self._high = task.score_range
        self._noise = 1.0 / (4 * task.dev_rows) if task.dev_rows > 0 else None
        self._sums = np.zeros(count)
        self._failures = np.zeros(count)
        self._hyper: Hyper | None = None
        self._fitted_at = 0.0
        self._kernel: tuple[object, float, Array] | None = None
        self.looks = np.zeros(count)

    @property
    def seen(self) -> NDArray[np.int64]:
        """The texts looked at."""
        return np.flatnonzero(self.looks)

    def leader(self, values: Array) -> int:
        """The text of the largest value; one whose every look failed is no answer."""
        lost = (self._failures > 0) & (self.looks == 0)
        return int(np.where(lost & ~lost.all(), -np.inf, values).argmax())

    @property
    def means(self) -> Array:
        """The mean score of each text in [0, 1]; 0 for texts never looked at."""
        means: Array = self._sums / np.maximum(self.looks, 1.0)
        return means

    def add(self, text: int, score: float) -> None:
        """One more look."""
        self._sums[text] += (score - self._low) / (self._high - self._low)
        self.looks[text] += 1.0

    def failed(self, text: int) -> None:
        """A look that was not answered."""
        self._failures[text] += 1.0

    def select(self, kept: list[int], new: int) -> None:
        """Renumber: the `kept` texts come first, in their order, then `new` ones never looked at."""
        self.looks = np.concatenate([self.looks[kept], np.zeros(new)])
        self._sums = np.concatenate([self._sums[kept], np.zeros(new)])
        self._failures = np.concatenate([self._failures[kept], np.zeros(new)])

    def beliefs(self, apart: Array) -> Beliefs | None:
        """About all texts; None before the first look.

        The hyper-parameters are fitted anew each time the number of looks grew by a third.

        Args:
            apart: the distances between all texts.
        """
        at = self.seen
        if at.size == 0:
            return None
        looks, scores = self.looks[at], self.means[at]
        if self._noise is not None:
            scores = np.arcsin(np.sqrt(np.clip(scores, 0.0, 1.0)))
        seen = Seen(scores, looks, self._noise)
        total = float(looks.sum())
        if self._hyper is None or 3 * total >= 4 * self._fitted_at:
            self._hyper, self._fitted_at = gp.fit(apart[np.ix_(at, at)], seen), total
        return gp.posterior(self._correlations(apart, self._hyper.lengthscale), at, self._hyper, seen)

    def choose(self, beliefs: Beliefs, count: int) -> list[int]:
        """The texts to look at next, by their knowledge gradient; one may be named twice.

        One noisy look seldom changes who leads, so its value alone is next to nothing where `ahead`
        looks in a row would be worth much; what those are worth together is compared instead
        (Frazier and Powell, 2010, "Paradoxes in Learning and the Marginal Value of Information").
        Where several are wanted, each is chosen as if the ones before had been looked at and had
        scored as expected (the kriging believer of Ginsbourger et al., 2010).
        """
        noise = self._noise if self._noise is not None else self._hyper.noise if self._hyper else None
        noise = max(noise or 0.0, 1e-12)
        rows = np.arange(len(beliefs.mean))
        if len(rows) > SHORTLIST:
            optimistic = beliefs.mean + 2.0 * np.sqrt(np.maximum(np.diag(beliefs.covariance), 0.0))
            rows = np.sort(np.argpartition(-optimistic, SHORTLIST)[:SHORTLIST])
            beliefs = Beliefs(beliefs.mean[rows], beliefs.covariance[np.ix_(rows, rows)])
        # Who failed twice more than it answered must not hold up the others for ever.
        aside = self._failures[rows] >= self.looks[rows] + 2.0
        penalty = np.where(aside & ~aside.all(), -np.inf, 0.0)
        chosen = []
        for _ in range(count):
            point = int((gp.knowledge_gradient(beliefs, noise / self._ahead) + penalty).argmax())
            chosen.append(int(rows[point]))
            if len(chosen) < count:
                beliefs = gp.after_look(beliefs, point, noise)
        return chosen

    def _correlations(self, apart: Array, lengthscale: float) -> Array:
        if self._kernel is None or self._kernel[0] is not apart or self._kernel[1] != lengthscale:
            self._kernel = (apart, lengthscale, gp.matern(apart, lengthscale))
        return self._kernel[2]
