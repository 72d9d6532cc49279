"""What a text optimizer knows of its candidates: scores on all dev rows, and who leads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox.errors import AnswerFailed
from sandbox.protocol import Evaluate, Observation, Plan, Recommend, Task, affordable
from sandbox.spaces import FreeText


class Scorebook:
    """Scores of texts; the leader is recommended as soon as it leads.

    A text that was scored on all dev rows is not asked for again. A failed evaluation leaves no score.
    """

    def __init__(self, task: Task, first: str) -> None:
        """`first` is handed in until something has a score."""
        self.task = task
        self.best = first
        self.scores: dict[str, float] = {}
        """Of texts scored on all dev rows, in the order of their answers."""

    def start(self) -> Plan[None]:
        """Recommend what there is to begin with."""
        yield from Recommend(self.best)

    def full(self, texts: Sequence[str]) -> Plan[list[float | None]]:
        """Scores on all dev rows, in order; None where an evaluation failed or was not affordable any more.

        Raises:
            BudgetExhausted: if there are new texts and the budget does not cover the first.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self.scores]
        if new:
            answers = yield from affordable([Evaluate(text) for text in new])
            leader = self.best
            for text, answer in zip(new, answers, strict=False):
                if isinstance(answer, Observation):
                    self.scores[text] = answer.score
                    if self.best not in self.scores or answer.score > self.scores[self.best]:
                        self.best = text
            if self.best != leader:
                yield from Recommend(self.best)
        return [self.scores.get(text) for text in texts]

    def hand_in(self, text: str) -> Plan[None]:
        """Recommend what leads by other means than a full score."""
        if text != self.best:
            self.best = text
            yield from Recommend(text)


def looks(asked: Sequence[tuple[str, tuple[int, ...] | None]]) -> Plan[list[Observation | None]]:
    """Observations of (text, rows), in order; None where one failed or was not affordable any more.

    Raises:
        BudgetExhausted: if the budget does not cover the first.
    """
    answers = yield from affordable([Evaluate(text, rows) for text, rows in asked])
    found: list[Observation | None] = [None if isinstance(a, AnswerFailed) else a for a in answers]
    return found + [None] * (len(asked) - len(found))


def some_rows(task: Task, count: int, rng: np.random.Generator) -> tuple[int, ...] | None:
    """`count` dev rows drawn without replacement, in rising order; None for all of them."""
    if task.dev_rows <= count:
        return None
    return tuple(sorted(rng.permutation(task.dev_rows)[:count].tolist()))


def space_of(task: Task) -> FreeText:
    """The task's space of free texts.

    Raises:
        TypeError: if it is another one; `sandbox.protocol.unmet` says so beforehand.
    """
    if not isinstance(task.space, FreeText):
        raise TypeError(f"this agent plays on free texts, and this is {task.space}")
    return task.space
