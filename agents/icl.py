"""In-context learning: worked examples instead of an instruction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.common import check_whole
from agents.labels import closing_of, labels_of
from agents.scorebook import space_of
from agents.templates.meta import closed, many_shot
from agents.text_edits import fit
from sandbox.budget import FREE, Budget, Cost
from sandbox.claims import Claims
from sandbox.protocol import Needs, Plan, Recommend, Task
from sandbox.spaces import FreeText
from sandbox.tokens import count


@dataclass(frozen=True, slots=True)
class ICL:
    """Hands in the first worked examples and the format line, and asks nothing; answers then cost more.

    Xiao et al. (2025), "Prompt-MII", section 4: the many-shot baseline. Examples that do not fit `max_tokens`
    or the space are left out, from the end, as its context manager does.
    """

    name: str = "icl"
    shots: int | None = None
    """Worked examples; all there are if None."""
    max_tokens: int = 31_000
    """Of the whole prompt."""
    needs = Needs.TEXT
    claims = Claims(seeded=True)

    def __post_init__(self) -> None:
        if self.shots is not None:
            check_whole("shots", self.shots, 1)
        check_whole("max_tokens", self.max_tokens, 1)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        space = space_of(task)
        text = fit(self._text(task, space), space)
        yield from Recommend(text)
        return text

    def _text(self, task: Task, space: FreeText) -> str:
        """As many examples as fit."""
        labels, line = labels_of(task), closing_of(task)
        shown = list(task.demos[: self.shots])
        sizes = [count(f"Input: {x}\nLabel: {y}\n") for x, y in shown]
        room = self.max_tokens - count(closed(many_shot((), labels), line))
        while shown and sum(sizes) > room:
            shown.pop()
            sizes.pop()
        while shown and len(closed(many_shot(shown, labels), line)) > space.longest:
            shown.pop()
        return closed(many_shot(shown, labels), line)

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: nothing."""
        return FREE

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`: nothing."""
        return FREE
