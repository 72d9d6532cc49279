"""Pareto selection over rows: parents that are the best at something, as GEPA chooses them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import chain

SELECTORS = ("pareto", "current_best", "epsilon_greedy", "top_k_pareto")
_EPSILON = 0.1
_TOP = 5


class Pool:
    """Candidates with their scores on every validation row."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.means: list[float] = []
        self._best: list[float] = []
        """Of each row."""
        self._fronts: list[set[int]] = []
        """Of each row: who scores best on it."""

    def add(self, text: str, scores: Sequence[float]) -> None:
        """One more candidate."""
        number = len(self.texts)
        self.texts.append(text)
        self.means.append(sum(scores) / len(scores))
        if not self._fronts:
            self._best, self._fronts = list(scores), [{number} for _ in scores]
            return
        for row, score in enumerate(scores):
            if score > self._best[row]:
                self._best[row], self._fronts[row] = score, {number}
            elif score == self._best[row]:
                self._fronts[row].add(number)

    @property
    def leader(self) -> int:
        """Who has the best mean; the first of equals."""
        return self.means.index(max(self.means))

    def parent(self, selector: str, rng: random.Random) -> int:
        """Who is changed next; see `SELECTORS`."""
        choose: dict[str, Callable[[], int]] = {
            "pareto": lambda: self._weighted(self._fronts, rng),
            "current_best": lambda: self.leader,
            "epsilon_greedy": lambda: self._greedy(rng),
            "top_k_pareto": lambda: self._of_the_best(rng),
        }
        return choose[selector]()

    def _greedy(self, rng: random.Random) -> int:
        return rng.randint(0, len(self.texts) - 1) if rng.random() < _EPSILON else self.leader

    def _of_the_best(self, rng: random.Random) -> int:
        order = sorted(range(len(self.means)), key=self.means.__getitem__, reverse=True)
        top = set(order[:_TOP])
        fronts = [front & top for front in self._fronts if front & top]
        return self._weighted(fronts, rng) if fronts else self.leader

    def _weighted(self, fronts: Sequence[set[int]], rng: random.Random) -> int:
        """Drawn by the number of fronts that each is in, once the superfluous have left.

        What is drawn from is in the order of the fronts and, in each, of a set of small whole numbers, as
        in the package, so that the draw is the same.
        """
        alive = self._needed(fronts)
        times: dict[int, int] = {}
        for front in fronts:
            for member in {member for member in front if member in alive}:
                times[member] = times.get(member, 0) + 1
        return rng.choice([member for member, count in times.items() for _ in range(count)])

    def _needed(self, fronts: Sequence[set[int]]) -> set[int]:
        """Who is left when those are dropped whose every front holds somebody else, the weakest first."""
        order = sorted(dict.fromkeys(chain.from_iterable(fronts)), key=self.means.__getitem__)
        alive = set(order)
        dropped = True
        while dropped:
            dropped = False
            for member in order:
                if member in alive and all(front & (alive - {member}) for front in fronts if member in front):
                    alive.discard(member)
                    dropped = True
                    break
        return alive


class Epochs:
    """Minibatches of shuffled rows, epoch by epoch; an epoch is filled up with the rows seen least."""

    def __init__(self, rows: Sequence[int], size: int, rng: random.Random) -> None:
        self._rows, self._size, self._rng = tuple(rows), size, rng
        self._order: list[int] = []
        self._epoch = -1

    def batch(self, iteration: int) -> tuple[int, ...]:
        """The rows of an iteration, counted from 0; repeats are possible where an epoch is filled up."""
        start = iteration * self._size
        epoch = start // len(self._order) if self._order else 0
        if epoch > self._epoch:
            self._epoch = epoch
            self._shuffle()
        place = start % len(self._order)
        return tuple(self._order[place : place + self._size])

    def _shuffle(self) -> None:
        self._order = list(self._rows)
        self._rng.shuffle(self._order)
        times = dict.fromkeys(self._order, 1)
        while len(self._order) % self._size:
            fewest = min(times.values())
            row = [row for row, count in times.items() if count == fewest][-1]
            self._order.append(row)
            times[row] += 1
