"""A task's whole stock of rows, and how a dataset is drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sandbox.dataset import Row
from sandbox.streams import stream


@dataclass(frozen=True, slots=True)
class Stock:
    """Numbered rows: some may have equal inputs, and only the first one drawn counts."""

    size: int
    at: Callable[[int], Row]

    def shuffled(self, seed: int, name: str) -> Iterator[Row]:
        """All rows with different inputs, in an order that seed and name decide."""
        seen: set[str] = set()
        for number in stream(seed, "task rows", name).permutation(self.size).tolist():
            row = self.at(number)
            if row.input not in seen:
                seen.add(row.input)
                yield row


def listed(rows: Sequence[Row]) -> Stock:
    """The stock of rows that are written out."""
    return Stock(len(rows), rows.__getitem__)
