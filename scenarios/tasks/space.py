"""A task's whole stock of rows, and the luck that mixes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sandbox.dataset import Row
from sandbox.streams import Uniforms, stream

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stock:
    """Numbered rows: where some have equal inputs, only the first one drawn counts."""

    size: int
    at: Callable[[int], Row]
    distinct: bool = False
    """Whether it is known that no two rows have equal inputs."""

    def shuffled(self, seed: int, name: str) -> Iterator[Row]:
        """All rows with different inputs, in an order that seed and name decide."""
        seen: set[str] = set()
        for number in stream(seed, "task rows", name).permutation(self.size).tolist():
            row = self.at(number)
            if row.input not in seen:
                seen.add(row.input)
                yield row

    def count(self, enough: int | None = None) -> int:
        """How many rows have different inputs; counting stops at `enough`."""
        if self.distinct:
            return self.size if enough is None else min(self.size, enough)
        inputs: set[str] = set()
        for number in range(self.size):
            inputs.add(self.at(number).input)
            if enough is not None and len(inputs) >= enough:
                break
        return len(inputs)


def listed(rows: Sequence[Row]) -> Stock:
    """The stock of rows that are written out."""
    return Stock(len(rows), rows.__getitem__, distinct=len({row.input for row in rows}) == len(rows))


class Draws:
    """The luck of one row, by what it is for: some ten times cheaper than a numpy generator."""

    def __init__(self, *names: str | int) -> None:
        self._of = Uniforms(0, *names, count=8)
        self._left: list[float] = []
        self._blocks = 0

    def uniform(self) -> float:
        """The next number in (0, 1)."""
        if not self._left:
            self._left = list(self._of(self._blocks.to_bytes(4, "big")))
            self._blocks += 1
        return self._left.pop()

    def below(self, bound: int, start: int = 0) -> int:
        """An integer from `start` on, below `bound`."""
        return start + int(self.uniform() * (bound - start))

    def one(self, choices: Sequence[T]) -> T:
        """A member of a sequence."""
        return choices[self.below(len(choices))]

    def some(self, choices: Sequence[T], count: int) -> list[T]:
        """Different places of a sequence, in random order."""
        places: dict[int, None] = {}
        while len(places) < count:
            places[self.below(len(choices))] = None
        return [choices[place] for place in places]

    def mixed(self, members: Sequence[T]) -> list[T]:
        """All members in random order."""
        return self.some(members, len(members))
