"""The clean optimizers of the kit: nothing is wrong with them, and they keep every promise that they make."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task, affordable
from sandbox.spaces import Box, Candidate
from sandbox.testing.random_subject import draws

ALL = Claims(
    seeded=True, random_start=True, anytime=True, best_observed=True, tells_scores=True, counts=True,
    uses=0.9, dedupes=True, batch=True, direction=True, affine=True, rank_based=True, resumable=True,
    zero_options=True, beats_random=True, symmetric=True, more_is_better=True, raw_scores=True,
)  # fmt: skip


@dataclass
class Search:
    """What is kept between questions: half of the points of a box lie around the best one."""

    task: Task
    rng: np.random.Generator
    step: float
    share: float
    sign: float
    first: Candidate | None = None
    best: Candidate | None = None
    top: float = -np.inf
    answers: int = 0
    listed: list[Candidate] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not isinstance(self.task.space, Box):  # a generator cannot be saved
            self.listed = list(dict.fromkeys(islice(draws(self.task, self.rng), 150)))[::-1]  # each once

    def ask(self) -> Candidate | None:
        """The next candidate; None when there is none."""
        space = self.task.space
        if not isinstance(space, Box):
            return self.listed.pop() if self.listed else None
        low, high = np.array(space.lower), np.array(space.upper)
        local, point = self.rng.random() < self.share, self.rng.uniform(low, high)
        noise = self.rng.normal(size=len(low))
        if local and self.best is not None:
            point = self.around(low, high, noise)
        return tuple([float(x) for x in point])

    def around(self, low: np.ndarray, high: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """A point near the best one, reflected at the walls."""
        width = high - low
        moved = np.abs(np.array(self.best) + self.step * width * noise - low) % (2 * width)
        return low + np.where(moved > width, 2 * width - moved, moved)

    def tell(self, candidate: Candidate, score: float) -> None:
        """Take an answer; NaN is no score."""
        self.answers += 1
        value = self.sign * score
        self.best = candidate if self.best is None else self.best
        if self.better(value):
            self.best, self.top = candidate, value

    def better(self, value: float) -> bool:
        return value > self.top


@dataclass(frozen=True)
class Clean:
    """The reference: nothing is wrong with it."""

    step: float = 0.15
    share: float = 0.5
    batch: int = 2
    saved_after: int | None = None
    minimise: bool = False
    name: str = "planted"
    claims: Claims = ALL
    needs = Needs.ANY_SPACE

    def __post_init__(self) -> None:
        if not self.step > 0 or self.batch < 1 or self.saved_after == 0:
            raise ValueError(f"step={self.step}, batch={self.batch}, saved_after={self.saved_after}")

    def flipped(self) -> Clean:
        return replace(self, minimise=not self.minimise)

    def interrupted(self, after: int) -> Clean:
        return replace(self, saved_after=after)

    def search(self, task: Task, rng: np.random.Generator) -> Search:
        return Search(task, rng, self.step, self.share, -1.0 if self.minimise else 1.0)

    def limit(self, task: Task) -> int:
        if task.budget.evaluations is not None:
            return task.budget.evaluations
        return (task.budget.rows or 0) // max(task.dev_rows, 1)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        state, limit, asked = self.search(task, rng), self.limit(task), 0
        self.begun(state)
        try:
            while asked < limit:
                batch = [state.ask() for _ in range(min(self.batch, limit - asked))]
                wanted = [one for one in batch if one is not None]
                if not wanted:
                    break
                state.first = wanted[0] if state.first is None else state.first
                heard = yield from affordable([Evaluate(one) for one in wanted])
                asked += len(heard)
                state = self.hear(state, wanted, heard)
                if state.best is not None:
                    yield from self.words(state, asked)
        except BudgetExhausted:
            self.refused(asked, limit)
        if state.best is None:
            state.best = state.first
            yield from Recommend(state.best, None, asked)  # type: ignore[arg-type]
        yield from self.before_the_end(state, task)
        return self.final(state, task)

    def begun(self, state: Search) -> None: ...

    def refused(self, asked: int, limit: int) -> None: ...

    def before_the_end(self, state: Search, task: Task) -> Plan[None]:
        yield from ()

    def hear(self, state: Search, wanted: list[Candidate], heard: Any) -> Search:
        for candidate, answer in zip(wanted, heard, strict=False):
            if isinstance(answer, AnswerFailed):
                continue
            state.tell(candidate, answer.score)
            self.looked(state, candidate, answer)
            if state.answers == self.saved_after:
                state = pickle.loads(pickle.dumps(state))
        return state

    def looked(self, state: Search, candidate: Candidate, answer: Any) -> None: ...

    def words(self, state: Search, asked: int) -> Plan[None]:
        assert state.best is not None
        yield from Recommend(state.best, self.claim(state), asked)

    def claim(self, state: Search) -> float | None:
        return state.sign * state.top if np.isfinite(state.top) else None

    def final(self, state: Search, task: Task) -> Candidate:
        assert state.best is not None
        return state.best


CAREFUL = Claims(seeded=True, tells_scores=True, unbiased=True, more_is_better=True)


@dataclass(frozen=True)
class Careful(Clean):
    """The reference under noise: what it claims, it has measured once more."""

    claims: Claims = CAREFUL
    again: bool = True

    def limit(self, task: Task) -> int:
        return max(1, super().limit(task) // 2)

    def words(self, state: Search, asked: int) -> Plan[None]:
        assert state.best is not None
        yield from Recommend(state.best, state.sign * state.top if np.isfinite(state.top) else None)

    def before_the_end(self, state: Search, task: Task) -> Plan[None]:
        heard: list[float] = []
        try:
            while self.again and state.best is not None:
                heard.append((yield from Evaluate(state.best)).score)
                if len(heard) >= 8:
                    break
        except (BudgetExhausted, AnswerFailed):
            pass
        if heard and state.best is not None:
            yield from Recommend(state.best, float(np.mean(heard)))


def clean() -> Clean:
    return Clean()


def careful() -> Careful:
    return Careful()
