"""The candidate spaces: free text, a pool of texts, a box in R^d."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

Candidate: TypeAlias = str | tuple[float, ...]
"""A text, or a point of a box."""


@dataclass(frozen=True, slots=True)
class FreeText:
    """Any text up to `longest` characters."""

    seeds: tuple[str, ...]
    """Texts to start from; at least one."""
    words: tuple[str, ...] = ()
    """Words that variation operators may draw from; may be empty."""
    longest: int = 10_000
    kind = "text"

    def __post_init__(self) -> None:
        if not self.seeds:
            raise ValueError("a free-text space needs at least one text to start from")

    def __contains__(self, candidate: object) -> bool:
        return isinstance(candidate, str) and 0 < len(candidate) <= self.longest

    def __str__(self) -> str:
        return f"texts of 1 to {self.longest} characters"


@dataclass(frozen=True, slots=True)
class Pool:
    """One of finitely many distinct texts."""

    texts: tuple[str, ...]
    _members: frozenset[str] = field(init=False, repr=False, compare=False)
    kind = "pool"

    def __post_init__(self) -> None:
        if not self.texts:
            raise ValueError("a pool needs at least one text")
        object.__setattr__(self, "_members", frozenset(self.texts))
        if len(self._members) != len(self.texts):
            raise ValueError("the texts of a pool must be distinct")

    def __contains__(self, candidate: object) -> bool:
        return isinstance(candidate, str) and candidate in self._members

    def __str__(self) -> str:
        return f"a pool of {len(self.texts)} texts"


@dataclass(frozen=True, slots=True)
class Box:
    """Points of R^d with `lower <= x <= upper`; candidates are tuples of d floats."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    kind = "box"

    def __post_init__(self) -> None:
        if not self.lower or len(self.lower) != len(self.upper):
            raise ValueError(f"bounds of {len(self.lower)} and {len(self.upper)} dimensions")
        for low, high in zip(self.lower, self.upper, strict=True):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"the bounds [{low}, {high}] are not a finite interval")

    @property
    def dimensions(self) -> int:
        return len(self.lower)

    def __contains__(self, candidate: object) -> bool:
        return (
            isinstance(candidate, tuple)
            and len(candidate) == len(self.lower)
            and all(
                isinstance(x, (int, float)) and low <= x <= high
                for low, x, high in zip(self.lower, candidate, self.upper, strict=True)
            )
        )

    def __str__(self) -> str:
        return f"a box in {self.dimensions} dimensions"


Space: TypeAlias = FreeText | Pool | Box
