"""What several agents share: who leads, which arms fit a budget, points of a box, checked parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from agents.text_edits import fit
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Plan, Recommend, Task, gather
from sandbox.spaces import Box, Candidate, FreeText, Pool

C = TypeVar("C", bound=Candidate)
S = TypeVar("S", bound=NamedTuple)
Array = NDArray[np.float64]


def check_whole(name: str, value: object, low: int, high: int | None = None) -> None:
    """Refuse a parameter that is not a whole number in [low, high].

    Raises:
        ValueError: naming the value and the valid range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < low or (high or value) < value:
        valid = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name}={value!r}: a whole number, {valid}")


def check_real(name: str, value: object, low: float, high: float) -> None:
    """Refuse a parameter that is not a number in [low, high].

    Raises:
        ValueError: naming the value and the valid range.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}={value!r}: a number between {low} and {high}")


def preset_with(preset: S, agent: object) -> S:
    """The preset, with those of the agent's parameters of the same names that are not None in its place."""
    given = {name: getattr(agent, name) for name in preset._fields}
    return preset._replace(**{name: value for name, value in given.items() if value is not None})


def pool_of(task: Task) -> tuple[str, ...]:
    """The members of the task's pool.

    Raises:
        TypeError: if the space is no pool; `sandbox.protocol.unmet` says so beforehand.
    """
    if not isinstance(task.space, Pool):
        raise TypeError(f"this agent plays on pools, and this is {task.space}")
    return task.space.texts


def box_of(task: Task) -> Box:
    """The task's box.

    Raises:
        TypeError: if the space is no box; `sandbox.protocol.unmet` says so beforehand.
    """
    if not isinstance(task.space, Box):
        raise TypeError(f"this agent plays on boxes, and this is {task.space}")
    return task.space


def blind_guess(task: Task, rng: np.random.Generator) -> Candidate:
    """What to hand in before anything is known: a seed, any member, any point."""
    space = task.space
    if isinstance(space, Box):
        return in_box(space, rng.random(space.dimensions))
    if isinstance(space, FreeText):
        return fit(space.seeds[int(rng.integers(len(space.seeds)))], space)
    return space.texts[int(rng.integers(len(space.texts)))]


def in_box(box: Box, unit: Array) -> tuple[float, ...]:
    """The point of the box at these coordinates of the unit cube; what lies outside is clipped."""
    return tuple(
        [
            min(max(low + u * (high - low), low), high)
            for low, u, high in zip(box.lower, unit.tolist(), box.upper, strict=True)
        ]
    )


def horizon(task: Task) -> int | None:
    """How many evaluations of all dev rows the budget allows; None if nothing that is counted limits them."""
    budget = task.budget
    limits = []
    if budget.evaluations is not None:
        limits.append(budget.evaluations)
    if budget.rows is not None and task.dev_rows > 0:
        limits.append(budget.rows // task.dev_rows)
    return min(limits, default=None)


def choose_arms(texts: Sequence[str], count: int, rng: np.random.Generator) -> tuple[str, ...]:
    """At most `count` texts, at least one, drawn without replacement, in random order."""
    return tuple([texts[i] for i in rng.permutation(len(texts))[: max(count, 1)].tolist()])


class Means(Generic[C]):
    """The mean score of every candidate seen so far, and who leads."""

    __slots__ = ("_best", "_looks", "_stale", "_sums", "caution")

    def __init__(self, caution: float = 0.0) -> None:
        """`caution`: looks at the mean of all means that each candidate's own looks are mixed with.

        A mean of few looks that stands out is mostly luck (the winner's curse); shrinking every
        mean towards that of all is Stein's remedy.
        """
        self.caution = caution
        self._best: C | None = None
        self._stale = False
        self._sums: dict[C, float] = {}
        self._looks: dict[C, int] = {}

    def __contains__(self, candidate: object) -> bool:
        return candidate in self._looks

    def add(self, candidate: C, score: float) -> None:
        """One more look."""
        before = self._looks.get(candidate, 0)
        self._looks[candidate] = before + 1
        self._sums[candidate] = self._sums.get(candidate, 0.0) + score
        if self._best is None:
            self._best = candidate
        elif self.caution or candidate == self._best:
            self._stale = True
        elif not self._stale and self.mean(candidate) > self.mean(self._best):
            self._best = candidate

    @property
    def best(self) -> C | None:
        """Who has the best cautious mean, the first of equals; None before the first look."""
        if self._stale:
            self._best = max(self._looks, key=self.values().__getitem__)
            self._stale = False
        return self._best

    def looks(self, candidate: C) -> int:
        """How often `candidate` was seen."""
        return self._looks.get(candidate, 0)

    def mean(self, candidate: C) -> float:
        """The mean of what was seen of `candidate`."""
        return self._sums[candidate] / self._looks[candidate]

    def values(self) -> dict[C, float]:
        """The cautious mean of every candidate seen."""
        shared = self.caution * math.fsum(map(self.mean, self._looks)) / max(len(self._looks), 1)
        return {c: (self._sums[c] + shared) / (n + self.caution) for c, n in self._looks.items()}


class Arms:
    """Bookkeeping of a bandit: looks, means and noise of numbered arms, scores carried to [0, 1]."""

    __slots__ = ("_failures", "_high", "_low", "_squares", "_sums", "looks", "rows")

    def __init__(self, count: int, task: Task) -> None:
        self._low, self._high = task.score_range
        self.rows = max(task.dev_rows, 1)
        """How many yes-or-no rows one look averages."""
        self.looks = np.zeros(count)
        self._sums = np.zeros(count)
        self._squares = np.zeros(count)
        self._failures: dict[int, int] = {}

    def add(self, arm: int, score: float) -> None:
        """One more look at `arm`."""
        unit = (score - self._low) / (self._high - self._low)
        self.looks[arm] += 1.0
        self._sums[arm] += unit
        self._squares[arm] += unit * unit

    def failed(self, arm: int) -> None:
        """A look that was not answered."""
        self._failures[arm] = self._failures.get(arm, 0) + 1

    def choose(self, worth: Array) -> int:
        """The arm of largest worth, except those that failed twice more than they answered.

        They must not hold up the others for ever; where all are such, so may be the service, and all count.
        """
        if self._failures:
            aside = [arm for arm, times in self._failures.items() if times >= self.looks[arm] + 2]
            if len(aside) < len(worth):
                worth = worth.copy()
                worth[aside] = -np.inf
        return int(worth.argmax())

    @property
    def means(self) -> Array:
        """Mean score of each arm; 0 for arms never seen."""
        means: Array = self._sums / np.maximum(self.looks, 1.0)
        return means

    def noise_variance(self) -> float | None:
        """The variance of one look around its arm's mean, pooled; None before any arm was seen twice."""
        freedom = float(np.maximum(self.looks - 1.0, 0.0).sum())
        if freedom == 0.0:
            return None
        scatter = float((self._squares - self._sums * self.means).sum())
        return max(scatter, 0.0) / freedom

    def leader(self, caution: float) -> int | None:
        """The arm with the best mean after mixing `caution` looks at the mean of all; None if none was seen.

        A mean of few looks that stands out is mostly luck (the winner's curse).
        """
        seen = np.flatnonzero(self.looks)
        if seen.size == 0:
            return None
        looks = self.looks[seen]
        shared = caution * float(self.means[seen].mean())
        return int(seen[int(((self._sums[seen] + shared) / (looks + caution)).argmax())])


def arms_for(task: Task, share: float) -> int:
    """How many members of the task's pool an index policy plays on: `share` of the evaluations."""
    members, most = len(pool_of(task)), horizon(task)
    return members if most is None else min(max(round(share * most), 1), members)


def pull(
    task: Task, rng: np.random.Generator, share: float, caution: float, worth: Callable[[Arms], Array]
) -> Plan[str]:
    """The loop of every index policy: pull the arm that is worth most, hand in the best cautious mean.

    Args:
        task: played on a pool.
        rng: draws the arms.
        share: arms per evaluation of the budget; all members where evaluations are not limited.
        caution: looks at the mean of all arms that the recommendation mixes in.
        worth: the index of each arm, shape (arms,).
    """
    arms = choose_arms(pool_of(task), arms_for(task, share), rng)
    known = Arms(len(arms), task)
    best = arms[0]
    yield from Recommend(best)
    try:
        while True:
            arm = known.choose(worth(known))
            (answer,) = yield from gather([Evaluate(arms[arm])])
            if isinstance(answer, AnswerFailed):
                known.failed(arm)
                continue
            known.add(arm, answer.score)
            leader = known.leader(caution)
            if leader is not None and arms[leader] != best:
                best = arms[leader]
                yield from Recommend(best)
    except BudgetExhausted:
        return best
