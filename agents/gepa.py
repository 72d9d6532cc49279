"""GEPA: a model reflects on what an instruction led to, and a Pareto front over rows keeps what works."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np

from agents.common import blind_guess, check_real, check_whole, preset_with
from agents.costs import Forecast, Step, first_evaluations, within
from agents.pareto import SELECTORS, Epochs, Pool
from agents.scorebook import space_of
from agents.templates.reflection import reflect
from agents.writing import candidate, fenced, write_one
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted, nearest
from sandbox.protocol import Complete, Evaluate, Needs, Plan, Recommend, RowResult, Task, gather

ACCEPTANCES = ("improvement", "improvement_or_equal")
_PERFECT = 1.0
_TOKENS = 1000
_ACCEPTED = 10
"""Of so many children one is accepted, the first among them, in forecasts."""
PASSES = 2
"""Epochs without a question to the model, after which nothing is left to reflect on."""


class Preset(NamedTuple):
    """Settings that belong together."""

    minibatch: int
    train: float
    calls: int | None


PRESETS = {
    "small": Preset(minibatch=3, train=1 / 3, calls=None),
    "paper": Preset(minibatch=3, train=1 / 3, calls=150),
}


@dataclass(frozen=True, slots=True)
class GEPA:
    """Reflective mutation with Pareto selection over validation rows.

    Agrawal et al. (2025), "GEPA: Reflective prompt evolution can outperform reinforcement learning",
    algorithms 1 and 2, and the package gepa 0.1.4, whose candidates, scores and calls it reproduces. The
    first `train` of the dev rows are reflected on, the others validate. A parent is drawn from the Pareto
    front over the validation rows; a minibatch of training rows shows what it does; the model writes a new
    instruction from that; where the sum of the minibatch's scores rises, the child is scored on all
    validation rows and joins.

    It hands in the best mean over the validation rows. "paper" stops at the 150 calls of the Prompt-MII
    paper, counted as the package does: between iterations. "small" goes on until the budget is spent, or
    until two epochs of minibatches were solved: the package would burn the rest in skipped minibatches.
    """

    name: str = "gepa"
    preset: str = "small"
    """"small": until the budget ends, or "paper"."""
    selector: str = "pareto"
    """"pareto", "current_best", "epsilon_greedy" (0.1) or "top_k_pareto" (5)."""
    acceptance: str = "improvement"
    """"improvement" of the minibatch's sum, or "improvement_or_equal"."""
    merge: bool = False
    """Crossing two candidates by components, as in the package: a task here has one component, with which no
    merge is ever due, there or here; so it changes nothing."""
    minibatch: int | None = None
    """Rows that are reflected on; None here and below: as the preset says."""
    train: float | None = None
    """The share of dev rows that are reflected on."""
    calls: int | None = None
    """Rows after which no iteration begins."""
    temperature: float = 1.0
    """Of the reflection."""
    needs = Needs.TEXT | Needs.COMPLETIONS
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(str(self.preset), PRESETS)}")
        if self.selector not in SELECTORS:
            raise ValueError(f"selector={self.selector!r}: {nearest(str(self.selector), SELECTORS)}")
        if self.acceptance not in ACCEPTANCES:
            raise ValueError(f"acceptance={self.acceptance!r}: {nearest(str(self.acceptance), ACCEPTANCES)}")
        if not isinstance(self.merge, bool):
            raise ValueError(f"merge={self.merge!r}: True or False")
        known = self._settings
        check_whole("minibatch", known.minibatch, 1)
        check_real("train", known.train, 0.0, 1.0)
        if known.calls is not None:
            check_whole("calls", known.calls, 1)
        check_real("temperature", self.temperature, 0.0, 2.0)

    @property
    def _settings(self) -> Preset:
        return preset_with(PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        first = str(blind_guess(task, rng))
        search = Search(self, self._settings, task, first, random.Random(int(rng.integers(2**63))))
        yield from Recommend(first)
        if not task.dev_rows:  # it compares rows, and there are none
            return first
        with suppress(BudgetExhausted):
            yield from search.run()
        return search.best

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: V + 2b + 1 completion + V."""
        return first_evaluations(self._steps(task), 4)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`; the training rows are taken to stay unsolved to the end."""
        return within(task, budget, self._steps(task))

    def _steps(self, task: Task) -> Iterator[Step]:
        known, forecast = self._settings, Forecast(task)
        train, val = split(task.dev_rows, known.train)
        batch = min(known.minibatch, len(train))
        yield forecast.scoring(len(val), vague=True)
        rows, told, unseen = len(val), forecast.instruction, len(train)
        for turn in count():
            if known.calls is not None and rows >= known.calls:
                return
            before = min(batch, unseen) if forecast.remembers else batch
            yield forecast.scoring(before)
            yield forecast.writing(60 + told + batch * (forecast.shown + 30))
            yield forecast.scoring(batch)
            rows, unseen = rows + 2 * batch, unseen - before
            if turn % _ACCEPTED == 0:
                yield forecast.scoring(len(val))
                rows, unseen = rows + len(val), len(train)


def split(rows: int, train: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The rows that are reflected on, and those that validate; both get one where there are two.

    >>> split(7, 1 / 3)
    ((0, 1), (2, 3, 4, 5, 6))
    """
    cut = min(max(int(rows * train + 1e-9), 1), max(rows - 1, 1))
    return tuple(range(cut)), tuple(range(cut, rows)) or tuple(range(cut))


class Search:
    """One run; `best` is what it would hand in."""

    def __init__(self, agent: GEPA, known: Preset, task: Task, first: str, rng: random.Random) -> None:
        self._agent, self._known, self._rng = agent, known, rng
        self._space = space_of(task)
        self._train, self._val = split(task.dev_rows, known.train)
        self._epochs = Epochs(self._train, known.minibatch, rng)
        self.pool = Pool()
        self.best = first
        self.calls = 0
        """Rows asked, those that the world remembered among them: metric calls, as the package counts."""

    def run(self) -> Plan[None]:
        """Until the calls are spent, or nothing is left to reflect on.

        Raises:
            BudgetExhausted: when the budget is spent.
        """
        known = self._known
        scores = None
        while scores is None:
            scores = yield from self._scores(self.best, self._val)
        self.pool.add(self.best, [row.score for row in scores])
        patience = PASSES * -(-len(self._train) // known.minibatch)
        idle = iteration = 0
        while (known.calls is None or self.calls < known.calls) and (known.calls or idle < patience):
            asked = yield from self._iterate(iteration)
            idle = 0 if asked else idle + 1
            iteration += 1

    def _iterate(self, iteration: int) -> Plan[bool]:
        """One iteration; whether the model was asked."""
        pool = self.pool
        text = pool.texts[pool.parent(self._agent.selector, self._rng)]
        rows = self._epochs.batch(iteration)
        before = yield from self._scores(text, rows)
        if before is None:
            return True
        if all(row.score >= _PERFECT for row in before):
            return False
        told = yield from write_one(Complete(reflect(text, before), 1, self._agent.temperature, _TOKENS))
        child = candidate(fenced(told), self._space)
        if child is None:
            return True
        after = yield from self._scores(child, rows)
        if after is None or not self._accepted(before, after):
            return True
        scores = yield from self._scores(child, self._val)
        if scores is not None:
            pool.add(child, [row.score for row in scores])
            leader = pool.texts[pool.leader]
            if leader != self.best:
                self.best = leader
                yield from Recommend(leader)
        return True

    def _accepted(self, before: Sequence[RowResult], after: Sequence[RowResult]) -> bool:
        old, new = sum([row.score for row in before]), sum([row.score for row in after])
        return new > old or (self._agent.acceptance == "improvement_or_equal" and new == old)

    def _scores(self, text: str, rows: tuple[int, ...]) -> Plan[tuple[RowResult, ...] | None]:
        """The rows' results, in order; None where they failed. A row that is there twice is asked once."""
        (seen,) = yield from gather([Evaluate(text, tuple(dict.fromkeys(rows)))])
        if isinstance(seen, AnswerFailed):
            return None
        self.calls += len(rows)
        by_row = {row.row: row for row in seen.rows}
        return tuple([by_row[row] for row in rows])
