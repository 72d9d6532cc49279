"""OPRO: a model reads instructions with their scores, and writes better ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agents.common import blind_guess, check_real, check_whole, preset_with
from agents.costs import Forecast, Step, first_evaluations, within
from agents.scorebook import Scorebook, space_of
from agents.templates.history import propose
from agents.writing import candidate, plain, tagged, write
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Complete, Needs, Plan, Task

_TEMPERATURE = 1.0
_LONGEST = 500
"""Characters: longer texts are not scored."""


class Preset(NamedTuple):
    """Settings that belong together."""

    steps: int
    texts: int
    shown: int
    exemplars: int
    max_tokens: int


PRESETS = {
    "small": Preset(steps=5, texts=4, shown=20, exemplars=3, max_tokens=200),
    "paper": Preset(steps=200, texts=8, shown=20, exemplars=3, max_tokens=512),
}


@dataclass(frozen=True, slots=True)
class OPRO:
    """The model as the optimizer: it sees the best instructions so far, worst first, and proposes others.

    Yang et al. (2024), "Large language models as optimizers", section 4 and the reference code. Each of
    `steps` steps asks `texts` times for a new instruction behind the `shown` best ones, their scores rounded
    to whole percents, and `exemplars` worked examples drawn for the step. A proposal that is known, too long
    or holds the tag is dropped; the others are scored on all dev rows.

    The code's own start is one seed; so it is here. It drops texts with digits on one data set, where an
    instruction must not contain a result; here they stay. Scores enter as shares of the metric's range.
    """

    name: str = "opro"
    preset: str = "small"
    """"small" for 100 to 500 calls, or "paper"."""
    steps: int | None = None
    """None here and below: as the preset says."""
    texts: int | None = None
    """Completions a step."""
    shown: int | None = None
    """Scored instructions in a prompt, at most."""
    exemplars: int | None = None
    """Worked examples in a prompt."""
    max_tokens: int | None = None
    """Of a completion."""
    threshold: float = 0.0
    """Instructions below this share of the metric's range are not shown; the paper has 0.3 for GPT models."""
    needs = Needs.TEXT | Needs.COMPLETIONS
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(str(self.preset), PRESETS)}")
        known = self._settings
        for field in ("steps", "texts", "shown", "max_tokens"):
            check_whole(field, getattr(known, field), 1)
        check_whole("exemplars", known.exemplars, 0)
        check_real("threshold", self.threshold, 0.0, 1.0)

    @property
    def _settings(self) -> Preset:
        return preset_with(PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        book = Scorebook(task, str(blind_guess(task, rng)))
        yield from book.start()
        known, space = self._settings, space_of(task)
        try:
            yield from book.full([book.best])
            for _ in range(known.steps):
                prompt = propose(self._history(book), self._exemplars(task, known.exemplars, rng))
                # One request for all would be one call of the model with one luck: the code asks one by one.
                asked = [Complete(prompt, 1, _TEMPERATURE, known.max_tokens)] * known.texts
                answers = yield from write(asked)
                said = [text for answer in answers for text in answer]
                told = [tagged(text, "INS") or plain(text) for text in said]
                kept = [text for text in told if len(text) <= _LONGEST and "INS" not in text]
                new = [text for text in [candidate(text, space) for text in kept] if text]
                yield from book.full(list(dict.fromkeys(new)))
        except BudgetExhausted:
            pass
        return book.best

    def _history(self, book: Scorebook) -> list[tuple[str, int]]:
        low, high = book.task.score_range
        shares = {text: (score - low) / (high - low) for text, score in book.scores.items()}
        rising = sorted((text for text in shares if shares[text] >= self.threshold), key=shares.__getitem__)
        return [(text, round(100 * shares[text])) for text in rising[-self._settings.shown :]]

    @staticmethod
    def _exemplars(task: Task, count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
        return [task.demos[i] for i in rng.permutation(len(task.demos))[:count].tolist()]

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: a seed and a proposal, both scored."""
        return first_evaluations(self._steps(task), 2)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, self._steps(task))

    def _steps(self, task: Task) -> Iterator[Step]:
        known, forecast = self._settings, Forecast(task)
        yield forecast.scoring(vague=True)
        texts = 1
        for _ in range(known.steps):
            each = forecast.instruction + 8
            read = 70 + known.exemplars * (forecast.shown + 6) + min(texts, known.shown) * each
            yield [forecast.writing(read)] * known.texts
            yield [forecast.scoring()] * known.texts
            texts += known.texts
