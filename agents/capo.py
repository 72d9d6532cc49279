"""CAPO: a cost-aware evolution of instructions with examples, which races its candidates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from agents.common import blind_guess, check_real, check_whole, preset_with
from agents.costs import Forecast, Step, first_evaluations, within
from agents.first_prompts import first_prompts
from agents.scorebook import looks, space_of
from agents.soft_prompts import shown
from agents.templates.evolution import merge, mutate
from agents.writing import candidate, plain, tagged, write
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Complete, Needs, Plan, Recommend, Task
from sandbox.tokens import count

_TEMPERATURE = 1.0
_TOKENS = 300
_RACED = 0.6
"""Of the blocks, how many a child races over, in forecasts."""
Array = NDArray[np.float64]


class Preset(NamedTuple):
    """Settings that belong together."""

    population: int
    crossovers: int
    steps: int
    shots: int
    block: int
    blocks: int


PRESETS = {
    "small": Preset(population=5, crossovers=4, steps=4, shots=2, block=10, blocks=3),
    "paper": Preset(population=10, crossovers=4, steps=10, shots=5, block=30, blocks=10),
}


class Prompt(NamedTuple):
    """An instruction, and the worked examples behind it."""

    instruction: str
    shots: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CAPO:
    """Crosses and mutates prompts with examples; all race over blocks of rows, and the beaten leave early.

    Zehle et al. (2025), "CAPO: Cost-aware prompt optimization", algorithm 1, and promptolution 2.3. Each of
    `steps` steps makes `crossovers` children of two random parents, with half of the examples of both; each
    child is rewritten, and an example comes, goes or stays, with equal chances. Parents and children race:
    after each block of dev rows everybody leaves whom `population` others beat in a paired t-test at `level`.
    A prompt pays `penalty` for a length of that of the longest first one.

    Worked examples show the known answer: the package may put the model's own correct reasoning there, which
    needs a model that reasons. It hands in the best penalised mean.
    """

    name: str = "capo"
    preset: str = "small"
    """"small" for 100 to 500 calls, or "paper"."""
    population: int | None = None
    """Prompts that survive a step; None here and below: as the preset says."""
    crossovers: int | None = None
    """Children a step."""
    steps: int | None = None
    """Generations after the first."""
    shots: int | None = None
    """Worked examples in a prompt, at most."""
    block: int | None = None
    """Dev rows in a block of the race."""
    blocks: int | None = None
    """Of a race, at most."""
    level: float = 0.2
    """Of the one-sided paired t-test."""
    penalty: float = 0.05
    """Score that a prompt as long as the longest first one loses."""
    needs = Needs.TEXT | Needs.COMPLETIONS
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(str(self.preset), PRESETS)}")
        known = self._settings
        for field in known._fields:
            check_whole(field, getattr(known, field), 0 if field in ("steps", "shots") else 1)
        check_real("level", self.level, 0.0, 0.5)
        check_real("penalty", self.penalty, 0.0, 1.0)

    @property
    def _settings(self) -> Preset:
        return preset_with(PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        run = _Run(self, self._settings, task, rng)
        yield from Recommend(run.best)
        with suppress(BudgetExhausted):
            alive = yield from run.first()
            for _ in range(self._settings.steps):
                children = yield from run.children(alive)
                alive = yield from run.race([*alive, *children])
        return run.best

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: the first prompts, and a look at one of them."""
        return first_evaluations(self._steps(task), 1)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`; a child is taken to race over a part of the blocks."""
        return within(task, budget, self._steps(task))

    def _steps(self, task: Task) -> Iterator[Step]:
        known, forecast = self._settings, Forecast(task)
        long = forecast.instruction + 0.5 * known.shots * forecast.shown
        block = min(known.block, task.dev_rows)
        blocks = min(known.blocks, max(1, task.dev_rows // known.block))
        yield forecast.writing(30 + 5 * forecast.shown, known.population)
        look, seeds = forecast.scoring(block, long), len(space_of(task).seeds)
        vague = known.population * seeds // (known.population + seeds)
        first = [forecast.scoring(block, long, vague=True)] * vague + [look] * (known.population - vague)
        for _ in range(blocks):
            yield first
        for _ in range(known.steps):
            for asked in (60 + 2 * forecast.instruction, 50 + forecast.instruction):
                yield [forecast.writing(asked)] * known.crossovers
            yield [look] * max(1, round(_RACED * known.crossovers * blocks))


class _Run:
    """One run; `best` is what it would hand in."""

    def __init__(self, agent: CAPO, known: Preset, task: Task, rng: np.random.Generator) -> None:
        self._agent, self._known, self._task, self._rng = agent, known, task, rng
        self._space = space_of(task)
        self.best = str(blind_guess(task, rng))
        self._longest = 1
        self._blocks = self._cut()
        self._seen: dict[str, list[list[float]]] = {}
        """Row scores of each text, block by block."""

    def _cut(self) -> list[tuple[int, ...] | None]:
        """The blocks of rows; None, for the whole, where the world has no rows."""
        if not self._task.dev_rows:
            return [None]
        order = self._rng.permutation(self._task.dev_rows).tolist()
        size = min(self._known.block, len(order))
        starts = range(0, len(order) - size + 1, size)
        blocks: list[tuple[int, ...] | None] = []
        blocks += [tuple(order[start : start + size]) for start in starts[: self._known.blocks]]
        return blocks

    def first(self) -> Plan[list[Prompt]]:
        """The first population: seeds and induced instructions, with random examples."""
        texts = yield from first_prompts(self._task, self._known.population, self._rng)
        chosen = self._rng.permutation(len(texts))[: self._known.population].tolist()
        prompts = [
            Prompt(texts[i], self._examples(int(self._rng.integers(self._known.shots + 1)))) for i in chosen
        ]
        self._longest = max(count(self._text(prompt)) for prompt in prompts)
        return (yield from self.race(prompts))

    def children(self, alive: Sequence[Prompt]) -> Plan[list[Prompt]]:
        """Crossed and mutated prompts."""
        about, rng = self._task.description, self._rng
        pairs = [
            rng.choice(len(alive), size=2, replace=len(alive) < 2).tolist()
            for _ in range(self._known.crossovers)
        ]
        crossed = yield from self._written(
            [merge(about, alive[a].instruction, alive[b].instruction) for a, b in pairs]
        )
        mutated = yield from self._written(
            [mutate(about, text or alive[a].instruction) for text, (a, _) in zip(crossed, pairs, strict=True)]
        )
        made = []
        for text, (a, b) in zip(mutated, pairs, strict=True):
            both = list(dict.fromkeys((*alive[a].shots, *alive[b].shots)))
            kept = [both[i] for i in rng.permutation(len(both))[: (len(both) + 1) // 2].tolist()]
            if text is not None:
                made.append(Prompt(text, self._varied(kept)))
        return made

    def _written(self, prompts: Sequence[str]) -> Plan[list[str | None]]:
        answers = yield from write([Complete(prompt, 1, _TEMPERATURE, _TOKENS) for prompt in prompts])
        return [candidate(tagged(t[0]) or plain(t[0]), self._space) if t else None for t in answers]

    def _examples(self, number: int) -> tuple[tuple[str, str], ...]:
        chosen = self._rng.permutation(len(self._task.demos))[:number].tolist()
        return tuple([self._task.demos[i] for i in chosen])

    def _varied(self, shots: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """One example more, one less, or as many, in a new order."""
        fate = int(self._rng.integers(3))
        fresh = [demo for demo in self._task.demos if demo not in shots]
        if fate == 0 and len(shots) < self._known.shots and fresh:
            shots = [*shots, fresh[int(self._rng.integers(len(fresh)))]]
        elif fate == 1 and shots:
            shots = shots[:-1]
        return tuple([shots[i] for i in self._rng.permutation(len(shots)).tolist()])

    def _text(self, prompt: Prompt) -> str:
        """The prompt as a candidate; examples that the space has no room for are left out."""
        for number in range(len(prompt.shots), 0, -1):
            text = f"{prompt.instruction}\n\n{shown(prompt.shots[:number])}"
            if len(text) <= self._space.longest:
                return text
        return prompt.instruction

    def race(self, prompts: Sequence[Prompt]) -> Plan[list[Prompt]]:
        """The best `population` after a race over blocks of rows, the best first."""
        by_text = {self._text(prompt): prompt for prompt in prompts}
        alive = list(by_text)
        for number, rows in enumerate(self._blocks):
            new = [text for text in alive if len(self._seen.get(text, ())) <= number]
            for text, look in zip(
                new, (yield from looks([(text, rows) for text in new])) if new else (), strict=True
            ):
                if look is not None:
                    scores = [row.score for row in look.rows] or [look.score]
                    self._seen.setdefault(text, []).append(scores)
            alive = [text for text in alive if len(self._seen.get(text, ())) > number]
            yield from self._lead(alive)
            if len(alive) > self._known.population:
                beaten = self._beaten(alive, number + 1)
                alive = [text for text in alive if beaten[text] < self._known.population]
            if len(alive) <= self._known.population:
                break
        order = sorted(alive, key=lambda text: -self._worth(text))
        return [by_text[text] for text in order[: self._known.population]] or list(prompts)[
            : self._known.population
        ]

    def _lead(self, alive: Sequence[str]) -> Plan[None]:
        """Recommend the best of those alive if it is better than the leader, each by all it was seen on."""
        if alive:
            leader = max(alive, key=self._worth)
            if leader != self.best and (
                self.best not in self._seen or self._worth(leader) > self._worth(self.best)
            ):
                self.best = leader
                yield from Recommend(leader)

    def _worth(self, text: str) -> float:
        """The mean over all rows seen, less the price of length."""
        rows = [score for block in self._seen[text] for score in block]
        return sum(rows) / len(rows) - self._agent.penalty * count(text) / self._longest

    def _beaten(self, alive: Sequence[str], blocks: int) -> dict[str, int]:
        """By how many others each is beaten, on the rows of the first blocks."""
        scores = {
            text: np.array([s for block in self._seen[text][:blocks] for s in block])
            - self._agent.penalty * count(text) / self._longest
            for text in alive
        }
        return {
            text: sum(
                better(scores[other], scores[text], self._agent.level) for other in alive if other != text
            )
            for text in alive
        }


def better(one: Array, other: Array, level: float) -> bool:
    """Whether paired scores of shape (n,) are larger by a one-sided paired t-test at `level`.

    Equal differences everywhere are decided by their sign.
    """
    gaps = one - other
    if len(gaps) < 2:
        return False
    spread = float(gaps.std(ddof=1))
    mean = float(gaps.mean())
    if spread < 1e-12:
        return mean > 1e-12
    return bool(student.sf(mean / (spread / np.sqrt(len(gaps))), len(gaps) - 1) < level)
