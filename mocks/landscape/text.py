"""Synthetic oracles over free text: how good an instruction is depends on the cues it carries.

All of them read the cues of `vocabulary.py` off the text, look up how good that set of cues is
(`families.py`), and discount what is said beyond `room` words. So

    truth = floor + (ceiling - floor) * quality(cues present) * min(1, room / words),

and since every set of cues can be said in fewer words than the least `room`, the optimum is
`ceiling`, exactly, and attained at `best`. Which cues are weighed, and how, depends on `seed` alone.
The texts to start from carry no cue; every cue can be switched on by adding one word of `space.words`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

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
from mocks.landscape.vocabulary import CUES, FEWEST, MOST, OPENINGS, WORDS, Reader
from sandbox.spaces import Candidate, FreeText
from sandbox.streams import stream


def choose_cues(seed: int, cues: int) -> Reader:
    """A reader of `cues` of the cues, which ones and in which order depending on `seed`."""
    return Reader(stream(seed, "landscape", "cues").permutation(len(CUES))[:cues].tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOracle(Rebuilt, ABC):
    """What the oracles over free text share; a family says how good each set of cues is."""

    seed: int = 0
    cues: int = 12
    """How many of the 16 cues count; the words of the others are dead weight."""
    room: int = 40
    """Words that cost nothing; a text of n > room words keeps room/n of its quality."""
    floor: float = 0.05
    """The truth of quality 0."""
    ceiling: float = 0.9
    """The truth of quality 1, the optimum."""
    space: FreeText = field(init=False, repr=False, compare=False)
    optimum: float = field(init=False, repr=False, compare=False)
    """Exact: the largest of all 2^cues qualities is 1."""
    best: str = field(init=False, repr=False, compare=False)
    baseline: float = field(init=False, repr=False, compare=False)
    """Exact: the mean truth of all 2^cues sets of cues, said within `room` words."""
    reader: Reader = field(init=False, repr=False, compare=False)
    _gains: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_whole("cues", self.cues, FEWEST, MOST)
        check_whole("room", self.room, 20, 10_000)
        check_range(self.floor, self.ceiling)
        qualities = self._qualities()
        gains = qualities * (self.ceiling - self.floor)
        reader = choose_cues(self.seed, self.cues)
        best = reader.write(int(qualities.argmax()), self.room)
        object.__setattr__(self, "reader", reader)
        object.__setattr__(self, "_gains", tuple(gains.tolist()))
        object.__setattr__(self, "space", FreeText(seeds=OPENINGS, words=WORDS))
        object.__setattr__(self, "best", best)
        object.__setattr__(self, "optimum", self.truth(best))
        object.__setattr__(self, "baseline", self.floor + float(gains.mean()))

    @abstractmethod
    def _qualities(self) -> Qualities:
        """Check the family's own parameters; say how good each set of cues is."""

    def truth(self, candidate: Candidate) -> float:
        """The noiseless score of a text; any other candidate is a ValueError."""
        if not isinstance(candidate, str):
            raise ValueError(f"{candidate!r} is not a text")
        cue_set, words = self.reader.read(candidate)
        gain = self._gains[cue_set]
        return self.floor + (gain if words <= self.room else gain * self.room / words)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveText(TextOracle):
    """Free text; every cue adds its own weight, some of them a negative one: the easy case.

    Tests whether an optimizer makes steady progress when each change can be judged by itself, and
    whether it takes things out again: cues that spoil the score, and words beyond the room. A climber
    that adds and deletes single words finds the optimum.
    """

    spoilers: int = 3
    """How many cues lower the score; at least one is left that raises it."""
    sharpness: float = 2.0
    """The exponent of the quality: above 1, the first cues gain little and the last ones much."""

    def _qualities(self) -> Qualities:
        check_whole("spoilers", self.spoilers, 0, self.cues - 1)
        check_real("sharpness", self.sharpness, 0.1, 10.0)
        return families.additive(self.seed, self.cues, self.spoilers) ** self.sharpness


@dataclass(frozen=True, slots=True, kw_only=True)
class NKText(TextOracle):
    """Free text; what a cue is worth depends on k others: ruggedness with a dial.

    Kauffman and Weinberger (1989). Tests how an optimizer copes with interaction: k=0 is additive with
    a single peak, k=cues-1 has no structure at all, and scores one step apart correlate about as
    1 - (k+1)/cues. The start scores about as a random set of cues.
    """

    k: int = 2
    """How many other cues each cue's contribution depends on."""
    sharpness: float = 2.0
    """The exponent of the quality; above 1, good texts are rarer."""

    def _qualities(self) -> Qualities:
        check_whole("k", self.k, 0, self.cues - 1)
        check_real("sharpness", self.sharpness, 0.1, 10.0)
        return families.nk(self.seed, self.cues, self.k) ** self.sharpness


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateauText(TextOracle):
    """Free text; the score rises only when a whole block of cues is right: plateaus with steps.

    Mitchell, Forrest and Holland (1992), the royal road. Tests whether an optimizer keeps moving while
    nothing improves, and whether recombination pays: the right halves of two texts add up.
    """

    block: int = 3
    """Cues in a block; divides `cues`. With block=cues there is one needle in a haystack."""

    def _qualities(self) -> Qualities:
        check_block(self.block, self.cues, 1)
        return families.plateau(self.seed, self.cues, self.block)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapText(TextOracle):
    """Free text; every improvement by one cue leads away from the optimum: a deceptive trap.

    Ackley (1987); Deb and Goldberg (1993). Tests whether an optimizer explores against the gradient: a
    one-word climber ends where every cue is wrong, at a quality of `height`, and only the text with
    a block all right is better. Blocks are independent, so that one can be solved at a time.
    """

    block: int = 4
    """Cues in a trap; divides `cues`, at least 3. The larger, the harder."""
    height: float = 0.8
    """The quality of the trap's own peak; the optimum's is 1."""

    def _qualities(self) -> Qualities:
        check_block(self.block, self.cues, 3)
        check_real("height", self.height, 0.01, 0.99)
        return families.trap(self.seed, self.cues, self.block, self.height)
