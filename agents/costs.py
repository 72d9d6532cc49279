"""What an agent expects to spend, told before it asks anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, repeat
from statistics import fmean

from sandbox.budget import CURRENCIES, FREE, Budget, Cost
from sandbox.dataset import prompt_tokens
from sandbox.protocol import Task
from sandbox.spaces import FreeText, Pool
from sandbox.tokens import PER_CHAT, PER_MESSAGE, count

_MOST_STEPS = 1_000_000
"""Requests that are added up at most, where nothing that is limited is spent."""
_INSTRUCTION = 20
"""Tokens of an instruction of which nothing is known."""


class Forecast:
    """The expected cost of the requests of one task, by its worked examples and its seed instructions."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.instruction = _typical(task)
        """Tokens of an instruction, to begin with."""
        rows = task.demos or (("", ""),)
        self._row = fmean([prompt_tokens("", x) for x, _ in rows])
        self._answer = fmean([count(y) for _, y in rows])
        self.shown = fmean([count(f"Input: {x}\nOutput: {y}\n\n") for x, y in rows])
        """Tokens of a worked example as prompts show it."""

    def scoring(self, rows: int | None = None, instruction: float | None = None) -> Cost:
        """Of an evaluation.

        Args:
            rows: new to the cache; None for all dev rows.
            instruction: its tokens, if they are known.
        """
        many = self.task.dev_rows if rows is None else rows
        told = self._row + (self.instruction if instruction is None else instruction)
        return Cost(
            evaluations=1,
            rows=many,
            prompt_tokens=round(many * told),
            completion_tokens=round(many * self._answer),
        )

    def writing(self, prompt: str | float, n: int = 1, tokens: float | None = None) -> Cost:
        """Of a completion.

        Args:
            prompt: its text, or how many tokens it has.
            n: texts.
            tokens: of one text; of an instruction if it is not said.
        """
        read = count(prompt) if isinstance(prompt, str) else prompt
        written = self.instruction if tokens is None else tokens
        return Cost(
            completions=n,
            prompt_tokens=round(read) + PER_MESSAGE + PER_CHAT,
            completion_tokens=round(n * written),
        )


def _typical(task: Task) -> float:
    texts: Sequence[str] = ()
    if isinstance(task.space, FreeText):
        texts = task.space.seeds
    elif isinstance(task.space, Pool):
        texts = task.space.texts[:200]
    return max(_INSTRUCTION, fmean([count(text) for text in texts])) if texts else 0.0


class SpendsAll:
    """The forecast of an agent that evaluates on all dev rows until the budget is spent.

    What a white box costs is not foretold: it depends on the model that is lent.
    """

    __slots__ = ()

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: two evaluations, to choose the better of two."""
        one = Forecast(task).scoring()
        return one + one

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, repeat(Forecast(task).scoring()))


def within(task: Task, budget: Budget, steps: Iterable[Cost]) -> Cost:
    """The sum of the first steps that the budget covers; money and time are added where the world tells them.

    Args:
        task: whose world says what tokens cost.
        budget: in which no currency may be exceeded.
        steps: the expected cost of each request, in the order asked; may be endless.
    """
    bill = task.lends.bill
    limits = [(CURRENCIES.index(name), limit) for name, limit in budget.limits().items()]
    total = FREE
    for step in islice(steps, _MOST_STEPS):
        after = total + (step if bill is None else bill(step))
        if any(after[place] > limit for place, limit in limits):
            break
        total = after
    return total
