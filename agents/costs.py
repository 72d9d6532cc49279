"""What an agent expects to spend, told before it asks anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, repeat
from statistics import fmean
from typing import TypeAlias

from sandbox.budget import CURRENCIES, FREE, Budget, Cost
from sandbox.classification import format_line
from sandbox.dataset import prompt_tokens
from sandbox.protocol import Task
from sandbox.session import MOST_STALE
from sandbox.spaces import FreeText, Pool
from sandbox.tokens import PER_CHAT, PER_MESSAGE, count

Step: TypeAlias = Cost | Sequence[Cost]
"""A request that is answered before the next one is asked, or several that are asked at once."""

_MOST_STEPS = 1_000_000
"""Steps that are added up at most."""
_INSTRUCTION = 20
"""Tokens of an instruction that a model writes, at least."""
_TALK, _SOME, _LITTLE = 7.0, 3.0, 1.0
"""Tokens around an answer: where an instruction says nothing of the task, so that the model explains what
it makes of it; where it may be good or bad; and where a good model has written it."""


class Forecast:
    """The expected cost of the requests of one task, by its worked examples and its seed instructions."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.given = _typical(task)
        """Tokens of an instruction of the space: of a seed, or a member of the pool."""
        self.instruction = max(_INSTRUCTION, self.given)
        """Tokens of an instruction that a model has written."""
        rows = task.demos or (("", ""),)
        closing = f"\n{format_line(task.labels)}" if task.labels else ""
        self._row = fmean([prompt_tokens(closing, x) for x, _ in rows])
        self._answer = fmean([count(y) for _, y in rows])
        self._talk = _TALK if isinstance(task.space, FreeText) else _SOME
        self.shown = fmean([count(f"Input: {x}\nOutput: {y}\n\n") for x, y in rows])
        """Tokens of a worked example as prompts show it."""
        self.remembers = bool(task.demos) and task.dev_rows > 0
        """Whether a row that was answered for an instruction is free: a chat model's are, an oracle's not."""

    def scoring(self, rows: int | None = None, instruction: float | None = None, vague: bool = False) -> Cost:
        """Of an evaluation.

        Args:
            rows: new to the cache; None for all dev rows.
            instruction: its tokens, if they are known.
            vague: whether it is one of the space, and not written by a model that has seen examples.
        """
        many = self.task.dev_rows if rows is None else rows
        usual, talk = (self.given, self._talk) if vague else (self.instruction, _LITTLE)
        told = self._row + (usual if instruction is None else instruction)
        return Cost(
            evaluations=1,
            rows=many,
            prompt_tokens=round(many * told),
            completion_tokens=round(many * (self._answer + talk)),
        )

    def decoded(self, rows: int | None = None) -> Cost:
        """Of an evaluation of what a white box wrote, which is good or bad."""
        plain = self.scoring(rows)
        talk = round(plain.rows * (_SOME - _LITTLE))
        return plain._replace(completion_tokens=plain.completion_tokens + talk)

    def again(self) -> Cost:
        """Of an evaluation of what was evaluated before."""
        return self.scoring(0 if self.remembers else None, vague=True)

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

    def thinking(self, texts: int, tokens: float, written: float = 0.0) -> Cost:
        """Of one call of the white box, by the speed that is stated for it.

        Args:
            texts: how many it reads at once.
            tokens: of each.
            written: tokens that it writes behind each.
        """
        read, wrote = round(texts * tokens), round(texts * written)
        speed = getattr(self.task.lends.white_box, "speed", None)
        took = 0 if speed is None else speed.nanoseconds(read, wrote)
        return Cost(seconds=took, whitebox_seconds=took, whitebox_tokens=read + wrote)

    def decoding(self, texts: int, soft_tokens: int, demos: int, longest: int = 64) -> Cost:
        """Of instructions that the white box writes at once, and of what it reads for them: `steered`."""
        return self.thinking(texts, self.steered(soft_tokens, demos), min(longest, self.instruction))

    def steered(self, soft_tokens: int, demos: int) -> float:
        """Tokens that the white box reads of a soft prompt, worked examples and a sentence to be finished."""
        return soft_tokens + min(demos, len(self.task.demos)) * self.shown + 6


def _typical(task: Task) -> float:
    texts: Sequence[str] = ()
    if isinstance(task.space, FreeText):
        texts = task.space.seeds
    elif isinstance(task.space, Pool):
        texts = task.space.texts[:200]
    return fmean([count(text) for text in texts]) if texts else 0.0


class SpendsAll:
    """The forecast of an agent that evaluates on all dev rows until the budget is spent."""

    __slots__ = ()

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: the first text that is no seed, or two of what is given."""
        enough = self._given_first(task) + 1
        return first_evaluations(self._steps(task, Forecast(task)), enough)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        task = replace(task, budget=budget)
        return within(task, budget, self._steps(task, Forecast(task)))

    def _given_first(self, task: Task) -> int:
        """How many candidates it evaluates before the first that is not as good as given."""
        return 0 if isinstance(task.space, FreeText) else 1

    def _at_once(self, task: Task) -> int:
        """How many evaluations are asked at once."""
        batch: int = getattr(self, "batch", 1)
        return batch

    def _arms(self, task: Task) -> int | None:
        """How many candidates there are to look at, however often; None for no end."""
        return len(task.space.texts) if isinstance(task.space, Pool) else None

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        arms = self._arms(task)
        whole, again = forecast.scoring(vague=True), forecast.again()
        looks = repeat(whole) if arms is None else chain(repeat(whole, arms), repeat(again))
        many = self._at_once(task)
        while True:
            yield [next(looks) for _ in range(many)]


def first_evaluations(steps: Iterable[Step], many: int) -> Cost:
    """The sum of the first steps, up to the first `many` evaluations."""
    found = FREE
    for step in steps:
        for cost in [step] if isinstance(step, Cost) else step:
            found += cost
            if found.evaluations >= many:
                return found
    return found


def within(task: Task, budget: Budget, steps: Iterable[Step]) -> Cost:
    """The sum of the first steps that the budget covers; money and time are added where the world tells them.

    Args:
        task: whose world says what tokens cost.
        budget: in which no currency may be exceeded.
        steps: the expected cost of each request, in the order asked; may be endless. Of requests at once, as
            many are taken as the budget covers.
    """
    limits = [(CURRENCIES.index(name), limit) for name, limit in budget.limits().items()]
    spent, idle = FREE, 0
    for step in islice(steps, _MOST_STEPS):
        batch: Sequence[Cost] = (step,) if isinstance(step, Cost) else step
        taken, after = len(batch), spent + billed(task, batch)
        while taken and any(after[place] > limit for place, limit in limits):
            taken -= 1
            after = spent + billed(task, batch[:taken])
        idle = 0 if any(after[place] > spent[place] for place, _ in limits) else idle + taken
        spent = after
        if taken < len(batch) or idle >= MOST_STALE:
            break
    return spent


def billed(task: Task, batch: Sequence[Cost]) -> Cost:
    """What requests at once cost together, with money and time where the world tells them."""
    return sum(batch, FREE) if task.lends.bill is None else task.lends.bill(batch)
