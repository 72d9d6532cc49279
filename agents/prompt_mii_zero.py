"""Prompt-MII-Zero: a model reads examples once, and writes the instruction; nothing is tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.common import blind_guess, check_whole
from agents.costs import Forecast, within
from agents.labels import instruction_of, labels_of
from agents.templates.meta import STYLES, meta
from agents.writing import write_one
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Complete, Needs, Plan, Recommend, Task
from sandbox.tokens import count


@dataclass(frozen=True, slots=True)
class PromptMIIZero:
    """One completion a task, by a meta-prompt, at temperature 0; the format line is put behind it.

    Xiao et al. (2025), "Prompt-MII: Meta-learning instruction induction for LLMs", section 3 and the
    reference code: the writer is the black box itself, untrained. Examples that do not fit `max_prompt` are
    left out, from the end.
    """

    name: str = "prompt-mii-zero"
    style: str = "guideline"
    """"guideline" or "general": which of the paper's two meta-prompts, see `agents.templates.meta`."""
    shots: int | None = None
    """Worked examples that the writer reads; all there are if None."""
    max_tokens: int = 2048
    """Of the instruction."""
    max_prompt: int = 31_000
    """Tokens of the meta-prompt."""
    needs = Needs.TEXT | Needs.COMPLETIONS
    claims = Claims(seeded=True)

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style={self.style!r}: {nearest(str(self.style), STYLES)}")
        if self.shots is not None:
            check_whole("shots", self.shots, 1)
        check_whole("max_tokens", self.max_tokens, 1)
        check_whole("max_prompt", self.max_prompt, 1)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        best = str(blind_guess(task, rng))
        yield from Recommend(best)
        try:
            told = yield from write_one(Complete(self._prompt(task), 1, 0.0, self.max_tokens))
        except BudgetExhausted:
            return best
        made = instruction_of(told, task)
        if made is None:
            return best
        yield from Recommend(made)
        return made

    def _prompt(self, task: Task) -> str:
        labels, shown = labels_of(task), list(task.demos[: self.shots])
        text = meta(shown, labels, self.style)
        while len(shown) > 1 and count(text) > self.max_prompt:
            shown.pop()
            text = meta(shown, labels, self.style)
        return text

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: its one completion."""
        forecast = Forecast(task)
        rules = 20.0 + 6.0 * len(task.labels) if task.labels else 0.0  # what a guideline says of the labels
        return forecast.writing(self._prompt(task), tokens=forecast.instruction + rules)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, [self.least_useful_budget(task)])
