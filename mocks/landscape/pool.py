"""Synthetic oracles over a finite pool of generated instructions: readable, distinct, all enumerated.

A pool text is an opening, one sentence for each of its cues in some order, and perhaps a closing. Its quality
mixes two things: what its set of cues is worth to a family (`families.py`), and a field that is
linear in its words, so that texts which share words score alike whatever the family. A power of the quality
then puts the pool's median where it should be. Real pools look like that: scores of a few hundred
proposed instructions pile up near a median of 0.05 to 0.5, and the best reaches 0.6 to 0.95.

All texts but one depend on `seed`, `size` and `cues` alone: families with the same three score the same
pool. The one text carries the family's best set of cues, which the others would hardly ever hit on.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mocks.landscape import families
from mocks.landscape.families import Qualities
from mocks.landscape.parameters import (
    Rebuilt,
    check_block,
    check_range,
    check_real,
    check_seed,
    check_whole,
)
from mocks.landscape.text import choose_cues
from mocks.landscape.vocabulary import CLOSINGS, CUES, FEWEST, MOST, OPENINGS, Reader, find_words
from sandbox.spaces import Candidate, Pool
from sandbox.streams import Uniforms, normal_quantile, stream

LEAST_POWER, LARGEST_POWER = 0.25, 6.0
"""Further the calibration does not bend the qualities, even if the median is missed."""


def write_pool(seed: int, size: int, reader: Reader, planted: int) -> tuple[str, ...]:
    """`size` distinct texts in random order, one of them with exactly the cue set `planted`.

    How many cues a text carries is spread evenly from none to all, so that every degree occurs.
    """
    rng = stream(seed, "landscape", "pool")
    count = len(reader.chosen)
    texts: dict[str, None] = {}  # a set that keeps its order
    while len(texts) < size - 1:
        texts[_write(rng, reader, np.flatnonzero(rng.random(count) < rng.random()))] = None
    order = rng.permutation(size).tolist()
    own = stream(seed, "landscape", "planted")
    while len(texts) < size:
        texts[_write(own, reader, np.flatnonzero((planted >> np.arange(count)) & 1))] = None
    written = list(texts)
    return tuple(written[index] for index in order)


def _write(rng: np.random.Generator, reader: Reader, cue_set: NDArray[np.intp]) -> str:
    """A random text with these cues, in random order."""
    parts = [OPENINGS[int(rng.integers(len(OPENINGS)))]]
    for bit in rng.permutation(cue_set).tolist():
        sentences = CUES[reader.chosen[bit]].sentences
        parts.append(sentences[int(rng.integers(len(sentences)))])
    parts.append(CLOSINGS[int(rng.integers(len(CLOSINGS)))])
    return " ".join(part for part in parts if part)


def word_field(seed: int, texts: tuple[str, ...]) -> NDArray[np.float64]:
    """For each text the mean of its distinct words' weights, which are standard normal."""
    uniforms = Uniforms(seed, "landscape", "field", count=1)
    weights: dict[str, float] = {}
    values = []
    for text in texts:
        words = set(find_words(text.lower()))
        for word in words:
            if word not in weights:
                weights[word] = normal_quantile(uniforms(word.encode())[0])
        # fsum is exact, so that the order of a set, which differs between processes, does not matter.
        values.append(math.fsum(weights[word] for word in words) / len(words))
    return np.array(values)


def _to_unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values carried to [0, 1], the largest to exactly 1; all to 1 if they are equal."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.ones_like(values)


def _power_for(quality: float, wanted: float) -> float:
    """The power that takes `quality` to `wanted`, within the limits above; 1 where there is none."""
    if not (0.0 < quality < 1.0 and 0.0 < wanted < 1.0):
        return 1.0
    return min(max(math.log(wanted) / math.log(quality), LEAST_POWER), LARGEST_POWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOracle(Rebuilt, ABC):
    """What the oracles over a pool share; a family says how good each set of cues is."""

    seed: int = 0
    size: int = 200
    """How many texts the pool holds."""
    cues: int = 12
    """How many of the 16 cues occur in the texts, and count."""
    likeness: float = 0.25
    """The share of the quality that depends on single words, whatever the family."""
    floor: float = 0.05
    """The truth of the worst text."""
    median: float = 0.35
    """The truth of the median text; missed where most texts tie for the worst."""
    ceiling: float = 0.9
    """The truth of the best text, the optimum."""
    space: Pool = field(init=False, repr=False, compare=False)
    optimum: float = field(init=False, repr=False, compare=False)
    """Exact: the largest truth in the pool, all of which is enumerated."""
    best: str = field(init=False, repr=False, compare=False)
    baseline: float = field(init=False, repr=False, compare=False)
    """Exact: the mean truth of the pool."""
    _truths: dict[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_whole("size", self.size, 2, 5000)
        check_whole("cues", self.cues, FEWEST, MOST)
        check_real("likeness", self.likeness, 0.0, 1.0)
        check_range(self.floor, self.ceiling)
        check_real("median", self.median, 0.0, 1.0)
        if not self.floor < self.median < self.ceiling:
            raise ValueError(f"median={self.median} must lie between {self.floor} and {self.ceiling}")
        by_cues = self._qualities()
        reader = choose_cues(self.seed, self.cues)
        texts = write_pool(self.seed, self.size, reader, int(by_cues.argmax()))
        family = _to_unit(by_cues[[reader.read(text)[0] for text in texts]])
        share = float(self.likeness)
        quality = _to_unit((1.0 - share) * family + share * _to_unit(word_field(self.seed, texts)))
        width = self.ceiling - self.floor
        power = _power_for(float(np.median(quality)), (self.median - self.floor) / width)
        truths = self.floor + width * quality**power
        at = int(truths.argmax())
        object.__setattr__(self, "space", Pool(texts))
        object.__setattr__(self, "_truths", dict(zip(texts, truths.tolist(), strict=True)))
        object.__setattr__(self, "best", texts[at])
        object.__setattr__(self, "optimum", float(truths[at]))
        object.__setattr__(self, "baseline", float(truths.mean()))

    @abstractmethod
    def _qualities(self) -> Qualities:
        """Check the family's own parameters; say how good each set of cues is."""

    def truth(self, candidate: Candidate) -> float:
        """The noiseless score of a text of the pool; anything else is a ValueError."""
        try:
            return self._truths[candidate]  # type: ignore[index]
        except KeyError:
            raise ValueError(f"{candidate!r} is not in the pool") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditivePool(PoolOracle):
    """A pool of texts; every cue in a text adds its own weight: similar texts score alike.

    Tests whether an optimizer learns from text: a model of it finds the best after a few dozen
    evaluations, while a bandit that treats texts as unrelated arms has to try them all.
    """

    spoilers: int = 3
    """How many cues lower the score; at least one is left that raises it."""

    def _qualities(self) -> Qualities:
        check_whole("spoilers", self.spoilers, 0, self.cues - 1)
        return families.additive(self.seed, self.cues, self.spoilers)


@dataclass(frozen=True, slots=True, kw_only=True)
class NKPool(PoolOracle):
    """A pool of texts; what a cue is worth depends on k others: likeness of scores with a dial.

    Kauffman and Weinberger (1989). Tests how much an optimizer's model of text gains where the text says
    little: at k=cues-1 only the word field (`likeness`) is left to learn, and a bandit is as good.
    """

    k: int = 2
    """How many other cues each cue's contribution depends on."""

    def _qualities(self) -> Qualities:
        check_whole("k", self.k, 0, self.cues - 1)
        return families.nk(self.seed, self.cues, self.k)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateauPool(PoolOracle):
    """A pool of texts; the score jumps when a whole block of cues is right: tiers of near-equal texts.

    Mitchell, Forrest and Holland (1992), the royal road. Tests whether an optimizer spends its budget on
    the few texts of the top tiers instead of telling apart equals.
    """

    block: int = 2
    """Cues in a block; divides `cues`."""

    def _qualities(self) -> Qualities:
        check_block(self.block, self.cues, 1)
        return families.plateau(self.seed, self.cues, self.block)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapPool(PoolOracle):
    """A pool of texts; the trend over the pool points away from its best text: a deceptive trap.

    Ackley (1987); Deb and Goldberg (1993). Tests whether an optimizer that trusts its model of text
    still looks elsewhere: the text with every block right is in the pool, and few are near it.
    """

    block: int = 6
    """Cues in a trap; divides `cues`, at least 3. The larger, the harder."""
    height: float = 0.8
    """The quality of the trap's own peak; the optimum's is 1 (before the mixture with the word field)."""

    def _qualities(self) -> Qualities:
        check_block(self.block, self.cues, 3)
        check_real("height", self.height, 0.01, 0.99)
        return families.trap(self.seed, self.cues, self.block, self.height)
