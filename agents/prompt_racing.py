"""Which instructions of many are the best few, by looks at rows: the evaluators of ProTeGi."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from agents.scorebook import looks, some_rows
from sandbox.protocol import Plan, Task

EVALUATORS = ("bf", "ucb", "ucb-e", "sr", "s-sr", "sh")
_ROUNDS = 8
_PICKS = 8
"""Instructions that a bandit looks at in a round."""
_SUBSET = 8
"""Instructions in a random subset of s-sr."""
_FEWEST = 4
"""Rows of a look of successive rejects, at least."""
Array = NDArray[np.float64]


class Contest:
    """Chooses the best few of some instructions with a fixed number of rows."""

    def __init__(
        self, evaluator: str, rows: int, exploration: float, task: Task, rng: np.random.Generator
    ) -> None:
        """See `agents.protegi.ProTeGi` for the arguments."""
        self._rows, self._exploration = rows, exploration
        self._task, self._rng = task, rng
        self._rank: Callable[[Sequence[str], Array, Array], Plan[Array]] = {
            "bf": self._all,
            "ucb": self._ucb,
            "ucb-e": self._ucb_e,
            "sr": self._rejects,
            "s-sr": self._rejects_of_subsets,
            "sh": self._halving,
        }[evaluator]

    def choose(self, texts: Sequence[str], count: int) -> Plan[list[str]]:
        """The `count` best, best first; the earlier of equals, and last who could not be looked at.

        Raises:
            BudgetExhausted: if the budget does not cover it.
        """
        sums, counts = np.zeros(len(texts)), np.zeros(len(texts))
        worth = yield from self._rank(texts, sums, counts)
        order = np.argsort(np.where(counts > 0.0, -worth, np.inf), kind="stable")
        return [texts[i] for i in order[:count].tolist()]

    def _look(
        self, texts: Sequence[str], chosen: Sequence[int], rows: int, sums: Array, counts: Array
    ) -> Plan[None]:
        """Look at the chosen ones on the same random rows."""
        drawn = some_rows(self._task, rows, self._rng)
        many = len(drawn) if drawn is not None else max(self._task.dev_rows, 1)
        for i, seen in zip(chosen, (yield from looks([(texts[i], drawn) for i in chosen])), strict=True):
            if seen is not None:
                sums[i] += many * seen.score
                counts[i] += many

    def _all(self, texts: Sequence[str], sums: Array, counts: Array) -> Plan[Array]:
        """bf: each on the same rows, the number of rows divided among all."""
        yield from self._look(texts, range(len(texts)), max(1, self._rows // len(texts)), sums, counts)
        return _means(sums, counts)

    def _ucb(self, texts: Sequence[str], sums: Array, counts: Array) -> Plan[Array]:
        """UCB1 with ln t, t the number of the round: the first has no bonus."""
        return (yield from self._bandit(texts, sums, counts, lambda counts, t: np.sqrt(math.log(t) / counts)))

    def _ucb_e(self, texts: Sequence[str], sums: Array, counts: Array) -> Plan[Array]:
        """UCB-E (Audibert et al. 2010): a bonus that does not grow with time."""
        c = self._exploration
        return (yield from self._bandit(texts, sums, counts, lambda counts, t: np.sqrt(c / counts)))

    def _bandit(
        self, texts: Sequence[str], sums: Array, counts: Array, bonus: Callable[[Array, int], Array]
    ) -> Plan[Array]:
        picks = min(_PICKS, len(texts))
        rows = max(1, self._rows // (_ROUNDS * picks))
        for t in range(1, _ROUNDS + 1):
            chosen = self._rng.permutation(len(texts))[:picks].tolist()
            if counts.any():
                bound = _means(sums, counts) + self._exploration * bonus(counts + 1e-3, t)
                chosen = np.argsort(-bound, kind="stable")[:picks].tolist()
            yield from self._look(texts, chosen, rows, sums, counts)
        return _means(sums, counts)

    def _rejects(self, texts: Sequence[str], sums: Array, counts: Array) -> Plan[Array]:
        """Successive rejects (Audibert et al. 2010): the worst leaves after each phase, looks grow."""
        return (yield from self._phases(texts, sums, counts, lambda alive: alive))

    def _rejects_of_subsets(self, texts: Sequence[str], sums: Array, counts: Array) -> Plan[Array]:
        """The same, but each phase looks only at a random subset of those alive."""

        def some(alive: list[int]) -> list[int]:
            return sorted(self._rng.permutation(np.array(alive))[:_SUBSET].tolist())

        return (yield from self._phases(texts, sums, counts, some))

    def _phases(
        self, texts: Sequence[str], sums: Array, counts: Array, seen: Callable[[list[int]], list[int]]
    ) -> Plan[Array]:
        many = len(texts)
        left_at = np.full(many, float(many))
        alive, pulls = list(range(many)), 0
        for phase, after in enumerate(rejection_schedule(many, self._rows)):
            looked = seen(alive)
            yield from self._look(texts, looked, max(_FEWEST, after - pulls), sums, counts)
            pulls = after
            worst = min(reversed(looked), key=lambda i: _means(sums, counts)[i])
            alive.remove(worst)
            left_at[worst] = phase
        return left_at + 0.5 * _means(sums, counts)  # who stayed longer is better

    def _halving(self, texts: Sequence[str], sums: Array, counts: Array) -> Plan[Array]:
        """Those below the mean, and those that could not be looked at, leave after each round."""
        left_at = np.full(len(texts), float(_ROUNDS))
        alive = np.arange(len(texts))
        for turn in range(_ROUNDS):
            rows = max(1, self._rows // (_ROUNDS * len(alive)))
            yield from self._look(texts, alive.tolist(), rows, sums, counts)
            means = _means(sums, counts)
            known = counts[alive] > 0.0
            if not known.any():
                break
            below = ~known | (means[alive] < means[alive][known].mean())
            left_at[alive[below]] = turn
            alive = alive[~below]
            if len(alive) < 2:
                break
        return left_at + 0.5 * _means(sums, counts)


def _means(sums: Array, counts: Array) -> Array:
    means: Array = sums / np.maximum(counts, 1e-9)
    return means


def rejection_schedule(arms: int, pulls: int) -> list[int]:
    """Looks that each arm alive has had after each of the arms - 1 phases; Audibert et al. (2010), figure 2.

    >>> rejection_schedule(4, 100)
    [16, 21, 31]
    """
    spread = 0.5 + sum([1.0 / i for i in range(2, arms + 1)])
    return [max(1, math.ceil((pulls - arms) / (spread * (arms - k)))) for k in range(arms - 1)]
