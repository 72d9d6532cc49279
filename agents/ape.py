"""APE: a model guesses instructions from worked examples, and the one that scores best is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agents.common import blind_guess, check_real, check_whole, preset_with
from agents.costs import Forecast, Step, within
from agents.first_prompts import TEMPERATURE, TOKENS, guess
from agents.labels import finished
from agents.scorebook import looks, some_rows, space_of
from agents.templates.induction import resample
from agents.writing import candidate, plain, tagged, write
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Complete, Needs, Plan, Recommend, Task

EVALUATIONS = ("plain", "ucb")


class Preset(NamedTuple):
    """Settings that belong together."""

    subsamples: int
    proposals: int
    demos: int
    rows: int
    rounds: int
    picks: int
    variants: int
    keep: float


PRESETS = {
    "small": Preset(subsamples=3, proposals=5, demos=5, rows=10, rounds=10, picks=5, variants=4, keep=0.1),
    "paper": Preset(subsamples=3, proposals=30, demos=5, rows=20, rounds=20, picks=16, variants=4, keep=0.1),
}


@dataclass(frozen=True, slots=True)
class APE:
    """Propose instructions from worked examples, score each on a few rows, take the best.

    Zhou et al. (2023), "Large language models are human-level prompt engineers", algorithm 1 and its
    reference code. Each of `subsamples` prompts shows other worked examples and is completed `proposals`
    times. Then every proposal is scored on `rows` random rows of its own ("plain"), or a bandit of `rounds`
    rounds looks at the `picks` most promising ones each time ("ucb"). `resampling` rounds follow, which ask
    for `variants` of the best share and score these: the paper's iterative search, which its code lacks.

    Ties go to the earlier proposal, where the code leaves them to the order of a set. It hands in the best
    mean so far.
    """

    name: str = "ape"
    preset: str = "small"
    """"small" for 100 to 500 calls, or "paper"."""
    evaluation: str = "plain"
    """"plain" or "ucb"."""
    resampling: int = 0
    """Rounds of iterative search."""
    subsamples: int | None = None
    """Prompts with worked examples of their own; None here and below: as the preset says."""
    proposals: int | None = None
    """Completions of each."""
    demos: int | None = None
    """Worked examples in each."""
    rows: int | None = None
    """Dev rows of a look."""
    rounds: int | None = None
    """Of the bandit."""
    picks: int | None = None
    """Instructions that a round of the bandit looks at."""
    variants: int | None = None
    """Of each instruction that is kept for resampling."""
    keep: float | None = None
    """Share of the instructions that is kept for resampling."""
    exploration: float = 1.0
    """c of the bandit's bonus."""
    needs = Needs.TEXT | Needs.COMPLETIONS
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(str(self.preset), PRESETS)}")
        if self.evaluation not in EVALUATIONS:
            raise ValueError(f"evaluation={self.evaluation!r}: {nearest(str(self.evaluation), EVALUATIONS)}")
        check_whole("resampling", self.resampling, 0, 100)
        check_real("exploration", self.exploration, 0.0, 1000.0)
        known = self._settings
        for field in ("subsamples", "proposals", "demos", "rows", "rounds", "picks", "variants"):
            check_whole(field, getattr(known, field), 1)
        check_real("keep", known.keep, 0.0, 1.0)

    @property
    def _settings(self) -> Preset:
        return preset_with(PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        search = _Search(self, self._settings, task, rng)
        yield from Recommend(search.best)
        try:
            texts = yield from search.propose()
            if self.evaluation == "ucb":
                yield from search.bandit(texts, self.exploration)
            else:
                yield from search.score(texts)
            for _ in range(self.resampling):
                yield from search.score((yield from search.vary()))
        except BudgetExhausted:
            pass
        return search.best

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: one prompt's proposals, and a look at one of them."""
        known, forecast = self._settings, Forecast(task)
        return self._asking(forecast) + forecast.scoring(min(known.rows, task.dev_rows))

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, self._steps(task))

    def _asking(self, forecast: Forecast) -> Cost:
        known = self._settings
        return forecast.writing(30 + known.demos * forecast.shown, known.proposals)

    def _steps(self, task: Task) -> Iterator[Step]:
        known, forecast = self._settings, Forecast(task)
        rows = min(known.rows, task.dev_rows)
        for _ in range(known.subsamples):
            yield self._asking(forecast)
        texts = known.subsamples * known.proposals
        if self.evaluation == "ucb":
            seen = _bandit_rows(texts, known, task.dev_rows)
            for new in seen:
                yield forecast.scoring(round(new))
        else:
            yield [forecast.scoring(rows)] * texts
        for _ in range(self.resampling):
            kept = max(1, math.ceil(known.keep * texts))
            for _ in range(kept):
                yield forecast.writing(40.0, known.variants)
            yield [forecast.scoring(rows)] * (kept * known.variants)
            texts += kept * known.variants


def _bandit_rows(texts: int, known: Preset, dev_rows: int) -> Iterator[float]:
    """Rows that are new at each look, if looks are spread evenly; a row that was seen is free."""
    looked = known.rounds * min(known.picks, texts) / texts
    rows = min(known.rows, dev_rows)
    for look in range(known.rounds * min(known.picks, texts)):
        again = look * looked / max(known.rounds * known.picks, 1)
        yield rows * (1.0 - rows / max(dev_rows, 1)) ** again


class _Search:
    """One run."""

    def __init__(self, agent: APE, known: Preset, task: Task, rng: np.random.Generator) -> None:
        self._known, self._task, self._rng, self._agent = known, task, rng, agent
        self._space = space_of(task)
        self.best = str(blind_guess(task, rng))
        self._means: dict[str, float] = {}
        """Of the instructions that were looked at, without the format line."""

    def propose(self) -> Plan[list[str]]:
        """Distinct instructions, in the order in which they came."""
        found: list[str] = []
        for _ in range(self._known.subsamples):
            try:
                found += yield from guess(self._task, self._known.proposals, self._known.demos, self._rng)
            except BudgetExhausted:
                if not found:
                    raise
                break
        return list(dict.fromkeys(found))

    def score(self, texts: Sequence[str]) -> Plan[None]:
        """Look at each text on rows of its own."""
        asked = [(self._whole(text), some_rows(self._task, self._known.rows, self._rng)) for text in texts]
        for text, seen in zip(texts, (yield from looks(asked)), strict=True):
            if seen is not None:
                self._means[text] = seen.score
        yield from self._hand_in(self._means)

    def bandit(self, texts: Sequence[str], exploration: float) -> Plan[None]:
        """Rounds of looks at those with the largest upper confidence bounds."""
        known, rng = self._known, self._rng
        counts, sums = np.zeros(len(texts)), np.zeros(len(texts))
        picks = min(known.picks, len(texts))
        for _ in range(known.rounds if texts else 0):
            chosen = rng.permutation(len(texts))[:picks].tolist()
            if counts.any():
                much = counts + 1e-3
                bound = sums / much + exploration * np.sqrt(np.log(much.sum()) / much)
                chosen = np.argsort(-bound, kind="stable")[:picks].tolist()
            asked = [(self._whole(texts[i]), some_rows(self._task, known.rows, rng)) for i in chosen]
            for i, seen in zip(chosen, (yield from looks(asked)), strict=True):
                if seen is not None:
                    counts[i] += known.rows
                    sums[i] += known.rows * seen.score
            tried = np.flatnonzero(counts).tolist()
            self._means |= {texts[i]: float(sums[i] / counts[i]) for i in tried}
            yield from self._hand_in(self._means)

    def vary(self) -> Plan[list[str]]:
        """Variants of the best texts, without those that are known."""
        kept = sorted(self._means, key=lambda text: -self._means[text])
        kept = kept[: max(1, math.ceil(self._known.keep * len(kept)))]
        asked = [Complete(resample(text), self._known.variants, TEMPERATURE, 2 * TOKENS) for text in kept]
        found: dict[str, None] = {}
        for texts in (yield from write(asked)) if asked else ():
            for text in texts:
                made = candidate(tagged(text) or plain(text), self._space)
                if made is not None and made not in self._means:
                    found[made] = None
        return list(found)

    def _whole(self, text: str) -> str:
        """An instruction with the format line, where the task has one."""
        return finished(text, self._task, self._space)

    def _hand_in(self, means: dict[str, float]) -> Plan[None]:
        if means:
            leader = self._whole(max(means, key=means.__getitem__))
            if leader != self.best:
                self.best = leader
                yield from Recommend(leader)
