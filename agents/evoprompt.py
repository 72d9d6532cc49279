"""EvoPrompt: an evolutionary search whose operators a model performs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agents.common import blind_guess, check_whole, preset_with
from agents.costs import Forecast, Step, first_evaluations, within
from agents.first_prompts import first_prompts
from agents.scorebook import Scorebook, space_of
from agents.templates.evolution import differential, genetic
from agents.templates.induction import resample
from agents.writing import candidate, plain, tagged, write
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Complete, Needs, Plan, Task

MODES = ("ga", "de")
_TEMPERATURE = 0.5
_TOKENS = 300


class Preset(NamedTuple):
    """Settings that belong together."""

    population: int
    generations: int
    proposals: int


PRESETS = {
    "small": Preset(population=4, generations=4, proposals=6),
    "paper": Preset(population=10, generations=10, proposals=20),
}


@dataclass(frozen=True, slots=True)
class EvoPrompt:
    """A population of instructions that a model crosses and mutates; scores on all dev rows decide.

    Guo et al. (2024), "Connecting large language models with evolutionary algorithms yields powerful prompt
    optimizers", algorithms 1 to 3 and the reference code. The first population is the better half of all
    seeds and induced instructions, with a paraphrase of each. GA: parents are drawn by a roulette over the
    fitness, each pair gives one child, and the best of parents and children survive. DE: each member meets a
    child made of what differs between two others, of the best instruction so far, and of itself; the better
    of both stays.

    Unlike the code: no trial completion is sent first; a roulette of zeros draws evenly; equal fitness keeps
    the earlier text, where a set's order decides there; DE draws again from those there are where fewer than
    four differ; the children of a GA generation are asked for together; and what is handed in is the best on
    the dev rows, not the best of three on the test rows.
    """

    name: str = "evoprompt"
    mode: str = "de"
    """"ga" or "de", the code's default."""
    preset: str = "small"
    """"small" for 100 to 500 calls, or "paper"."""
    population: int | None = None
    """Instructions in a generation; None here and below: as the preset says."""
    generations: int | None = None
    """After the first."""
    proposals: int | None = None
    """Instructions induced from worked examples to begin with, beside the seeds."""
    needs = Needs.TEXT | Needs.COMPLETIONS
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(str(self.preset), PRESETS)}")
        if self.mode not in MODES:
            raise ValueError(f"mode={self.mode!r}: {nearest(str(self.mode), MODES)}")
        known = self._settings
        check_whole("population", known.population, 2)
        check_whole("generations", known.generations, 0)
        check_whole("proposals", known.proposals, 0)

    @property
    def _settings(self) -> Preset:
        return preset_with(PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        book = Scorebook(task, str(blind_guess(task, rng)))
        yield from book.start()
        known = self._settings
        breeder = _Breeder(task, book, rng)
        try:
            texts = yield from first_prompts(task, known.proposals, rng)
            alive = yield from breeder.first(texts, known.population)
            for _ in range(known.generations if alive else 0):
                step = breeder.genetic if self.mode == "ga" else breeder.differential
                alive = yield from step(alive, known.population)
        except BudgetExhausted:
            pass
        return book.best

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: the first instruction that is no seed, scored."""
        return first_evaluations(self._steps(task), len(space_of(task).seeds) + 1)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, self._steps(task))

    def _steps(self, task: Task) -> Iterator[Step]:
        known, forecast = self._settings, Forecast(task)
        long = forecast.instruction
        if known.proposals:
            yield forecast.writing(30 + 5 * forecast.shown, known.proposals)
        seeds = [forecast.scoring(vague=True)] * len(space_of(task).seeds)
        yield seeds + [forecast.scoring()] * known.proposals
        half = known.population // 2
        yield [forecast.writing(25 + long)] * half
        yield [forecast.scoring()] * half
        template = genetic("", "") if self.mode == "ga" else differential("", "", "", "")
        parents = 2 if self.mode == "ga" else 4
        overhead = forecast.writing(template).prompt_tokens
        child = forecast.writing(overhead + parents * long, tokens=parents * long)
        together = known.population if self.mode == "ga" else 1
        for _ in range(known.generations * known.population // together):
            yield [child] * together
            yield [forecast.scoring()] * together


class _Breeder:
    """Makes one generation from another."""

    def __init__(self, task: Task, book: Scorebook, rng: np.random.Generator) -> None:
        self._task, self._book, self._rng = task, book, rng
        self._space = space_of(task)

    def first(self, texts: Sequence[str], size: int) -> Plan[list[str]]:
        """The better half of some texts, and a paraphrase of each."""
        yield from self._book.full(texts)
        top = self._best(texts, size - size // 2)
        others = yield from self._children([resample(text) for text in top[: size // 2]])
        yield from self._book.full(others)
        return self._best([*top, *others], size)

    def genetic(self, alive: list[str], size: int) -> Plan[list[str]]:
        """The best of parents and children."""
        chances = roulette([self._book.scores[text] for text in alive])
        mates = self._rng.choice(len(alive), size=size, p=chances).tolist()
        asked = []
        for _ in range(size):
            one, two = self._rng.choice(len(mates), size=2, replace=False).tolist()
            asked.append(genetic(alive[mates[one]], alive[mates[two]]))
        children = yield from self._children(asked)
        yield from self._book.full(children)
        return self._best([*alive, *children], size)

    def differential(self, alive: list[str], size: int) -> Plan[list[str]]:
        """Each member, or its child where that is better; `size` is that of `alive`."""
        after = []
        for place, base in enumerate(alive):
            others = [text for i, text in enumerate(alive) if i != place] or [base]
            one, two = self._rng.choice(len(others), size=2, replace=len(others) < 2).tolist()
            asked = differential(base, others[one], others[two], self._book.best)
            made = yield from self._children([asked])
            scores = yield from self._book.full(made)
            better = bool(made) and scores[0] is not None and scores[0] > self._book.scores[base]
            after.append(made[0] if better else base)
        return after

    def _children(self, prompts: Sequence[str]) -> Plan[list[str]]:
        """What the model makes of each prompt, without what is nothing."""
        answers = yield from write([Complete(prompt, 1, _TEMPERATURE, _TOKENS) for prompt in prompts])
        made = [candidate(tagged(text) or plain(text), self._space) for texts in answers for text in texts]
        return [text for text in made if text is not None]

    def _best(self, texts: Sequence[str], count: int) -> list[str]:
        """The `count` best of those with a score, each once; the earlier of equals first."""
        scores = self._book.scores
        return sorted({t: None for t in texts if t in scores}, key=lambda text: -scores[text])[:count]


def roulette(fitness: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Chances in proportion to the fitness; even ones where nobody has any."""
    values = np.maximum(np.array(fitness, dtype=np.float64), 0.0)
    total = float(values.sum())
    if not total > 0.0:
        return np.full(len(values), 1.0 / len(values))
    chances: np.ndarray[tuple[int], np.dtype[np.float64]] = values / total
    return chances
