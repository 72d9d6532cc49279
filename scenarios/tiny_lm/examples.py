"""The examples that the tiny language model learns from: soft prompt, context, instruction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mocks.llm.guideline import propose_rules
from mocks.llm.model import MockModel
from sandbox.streams import stream
from scenarios import tasks
from scenarios.tasks import classification
from scenarios.tiny_lm import steering
from scenarios.tiny_lm.instructions import MODEL, Pool, pool

Floats = NDArray[np.float32]

PREFIX = "The instruction was to"
USER, ASSISTANT, PAD, END = "<|user|>", "<|assistant|>", "<|pad|>", "<|end|>"
WHOLE = ("\n\nInput:", "\nInput:", "\nOutput:", f"\n\n{PREFIX}", "Input:")
"""Texts that are one token each, because every context is full of them."""
_SHARES = {"labelling": 0.06, "alone": 0.04, "no soft prompt": 0.1, "question": 0.3, "long": 0.06}
_MOST_TOKENS = (16, 40, 220)
"""Of the contexts of the first examples, of most later ones, and of the long ones; pairs are left out
until a context fits."""
_GROWTH = (400, 1000)
"""Batches between which contexts grow: behind a short one it is much easier to find out that the soft
prompt matters at all."""
_STYLED = (400, 1200)
"""Batches between which style begins to count: it is easily learnt, and quality is not found beside it."""
_STAGES = (7000, 9500)
"""The batches at which the second and the last stage begin, see `steering.LAST`."""
_LONGEST_TARGET = 120


class Encoder(Protocol):
    """What is used of a tokenizer."""

    def __call__(self, text: list[str], /) -> list[list[int]]: ...


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence: soft tokens come before `context`; only `target` is learnt."""

    soft: Floats | None
    """Shape (tokens, width), or None for no soft prompt."""
    context: tuple[int, ...]
    target: tuple[int, ...]
    told: tuple[float, ...] | None = None
    """The quality, in ceilings, and the style that the soft prompt asks for; None without a soft prompt."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A classification task: its examples and what it may be called to do."""

    pairs: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts that the model learns from."""

    pools: tuple[Pool, ...]
    pairs: tuple[tuple[tuple[str, str], ...], ...]
    """Of each pool's task: worked examples."""
    labelled: tuple[Labelled, ...]

    def corpus(self) -> Iterator[str]:
        """Everything once, for the tokenizer."""
        for pool_, pairs in zip(self.pools, self.pairs, strict=True):
            for text in pool_.texts:
                yield f" {text}"
            for x, y in pairs[:1500]:
                yield f" {x}\n {y}"
        for task in self.labelled:
            yield f" {propose_rules(task.pairs, task.labels, 1.0)}"
            for x, y in task.pairs[:8]:
                yield f" {x}\n {y}"


def gather(pool_size: int, pairs: int, labelled: int) -> Texts:
    """Write all texts.

    Args:
        pool_size: instructions a task.
        pairs: worked examples a task.
        labelled: classification tasks.
    """
    model = MockModel(MODEL, {})
    pools, examples = [], []
    for name in tasks.INDUCTION30:
        data = tasks.make(name, seed=0, **tasks.fitting(name, train=50, dev=20, test=100))
        pools.append(pool(name, data, model, pool_size))
        most = tasks.available(name, pairs + 2)
        drawn = tasks.make(name, seed=1, **tasks.fitting(name, train=most - 2, dev=1, test=1))
        seen = {(row.input, row.answers[0]): None for row in (*data.train, *drawn.train)}
        examples.append(tuple(seen))
    return Texts(tuple(pools), tuple(examples), gather_labelled(labelled))


def gather_labelled(count: int) -> tuple[Labelled, ...]:
    """Classification tasks of at most four labels."""
    found: list[Labelled] = []
    number = 100_000  # far from the numbers that scenarios use
    while len(found) < count:
        number += 1
        task = classification.make(number, train=12, dev=1, test=1)
        if len(task.labels) <= 4:
            rows = tuple([(row.input, row.answers[0]) for row in task.train])
            found.append(Labelled(rows, tuple(task.labels)))
    return tuple(found)


class Maker:
    """Draws examples; example number i depends on the seed and i alone."""

    def __init__(self, texts: Texts, encode: Encoder, width: int, seed: int) -> None:
        self._texts, self._encode, self._width, self._seed = texts, encode, width, seed
        self._reader = steering.readout(width)
        self._targets = [encode([f" {text}" for text in pool_.texts]) for pool_ in texts.pools]
        self._inputs = [self._encoded(pairs) for pairs in texts.pairs]
        self._labelled = [self._encoded(task.pairs) for task in texts.labelled]
        self._mark = {text: encode([text])[0] for text in (*WHOLE, USER, ASSISTANT, END, "\n", "?", PREFIX)}

    def _encoded(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        left = self._encode([f" {x}" for x, _ in pairs])
        right = self._encode([f" {y}" for _, y in pairs])
        return list(zip(left, right, strict=True))

    def batch(self, number: int, size: int) -> list[Example]:
        """`size` examples."""
        rng = stream(self._seed, "tiny-lm", "batch", number)
        grown = float(np.interp(number, _GROWTH, (0.0, 1.0)))
        exactness = 10.0 ** float(1.0 - np.interp(number, _STYLED, (0.0, 1.0))) * steering.STYLE
        stage = sum([number >= begin for begin in _STAGES])
        return [self._example(rng, grown, exactness, stage) for _ in range(size)]

    def _example(self, rng: np.random.Generator, grown: float, exactness: float, stage: int) -> Example:
        soft = None if rng.random() < _SHARES["no soft prompt"] else self._soft(rng)
        code = (
            rng.normal(size=(1, steering.CODE)) if soft is None else steering.codes(soft[None], self._reader)
        )
        told = None if soft is None else tuple(steering.told(code, stage)[0].tolist())
        alone = rng.random() < _SHARES["alone"]
        if rng.random() < _SHARES["labelling"] * grown:
            pairs, target = self._guideline(rng, float(steering.wanted(code, stage)[0]))
        else:
            which = int(rng.integers(len(self._targets)))
            (chosen,) = steering.choose(self._texts.pools[which], code, rng, exactness, stage).tolist()
            target = self._targets[which][chosen]
            pairs = self._some(self._inputs[which], int(rng.integers(2, 8)), rng)
        end = self._mark[END]
        if alone:
            return Example(soft, tuple(self._mark[PREFIX]), tuple(target + end), told)
        first, usual, longest = _MOST_TOKENS
        most = longest if rng.random() < _SHARES["long"] * grown else round(first + grown * (usual - first))
        asked = rng.random() < _SHARES["question"]
        context = self._context(pairs, asked)
        while len(context) > most and len(pairs) > 1:
            pairs = pairs[:-1]
            context = self._context(pairs, asked)
        return Example(soft, tuple(context[-longest:]), tuple((target + end)[:_LONGEST_TARGET]), told)

    def _soft(self, rng: np.random.Generator) -> Floats:
        tokens = int(rng.choice((3, 4, 5, 5, 5, 5, 6, 8, 10)))
        scale = float(np.exp(rng.normal(0.0, 0.5)))
        return scale * rng.standard_normal((tokens, self._width), dtype=np.float32)

    @staticmethod
    def _some(
        pairs: Sequence[tuple[list[int], list[int]]], count: int, rng: np.random.Generator
    ) -> list[tuple[list[int], list[int]]]:
        return [pairs[i] for i in rng.integers(len(pairs), size=count).tolist()]

    def _guideline(
        self, rng: np.random.Generator, skill: float
    ) -> tuple[list[tuple[list[int], list[int]]], list[int]]:
        which = int(rng.integers(len(self._labelled)))
        task = self._texts.labelled[which]
        order = rng.permutation(len(task.pairs))[: int(rng.integers(4, 9))].tolist()
        shown = [task.pairs[i] for i in order]
        text = propose_rules(shown, task.labels, 0.15 + 0.85 * skill)
        lowered = text[:1].lower() + text[1:]
        return [self._labelled[which][i] for i in order], self._encode([f" {lowered}"])[0]

    def _context(self, pairs: Sequence[tuple[list[int], list[int]]], question: bool) -> list[int]:
        mark = self._mark
        ids = list(mark[USER]) if question else []
        for place, (x, y) in enumerate(pairs):
            ids += mark["\n\nInput:"] if place else mark["\nInput:"]
            ids += [*x, *mark["\nOutput:"], *y]
        ids += mark[f"\n\n{PREFIX}"]
        return ids + mark["?"] + mark[ASSISTANT] if question else ids
