"""Luck for a writer: a keyed source of uniform numbers, and a small grammar that spends them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias, TypeVar

from sandbox.streams import Uniforms

T = TypeVar("T")
Pattern: TypeAlias = tuple["str | tuple[Pattern, ...]", ...]
"""A template as a tree: what is a tuple of tuples is a choice between them."""

_GAPS = re.compile(r" {2,}")
"""An empty choice may leave two spaces."""
_SOURCE = Uniforms(0, "writing", count=8)


class Luck:
    """Uniform numbers in an order of their own: the same names always give the same numbers.

    >>> Luck("paraphrase", 3).uniform() == Luck("paraphrase", 3).uniform()
    True
    """

    __slots__ = ("_key", "_numbers", "_round")

    def __init__(self, *names: str | int | float | bytes) -> None:
        self._key = repr(names).encode("utf-8", "surrogatepass")
        self._round = 0
        self._numbers: list[float] = []

    def uniform(self) -> float:
        """The next number, in the open interval (0, 1)."""
        if not self._numbers:
            self._numbers = list(_SOURCE(self._key + self._round.to_bytes(4, "little")))
            self._round += 1
        return self._numbers.pop()

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.uniform() < share

    def below(self, count: int) -> int:
        """A whole number from 0 to count - 1."""
        return int(self.uniform() * count)

    def pick(self, options: Sequence[T]) -> T:
        """One of at least one option."""
        return options[int(self.uniform() * len(options))]

    def order(self, options: Sequence[T]) -> list[T]:
        """All options, shuffled."""
        return [options[i] for _, i in sorted([(self.uniform(), i) for i in range(len(options))])]


@lru_cache(maxsize=4096)
def pattern(template: str) -> Pattern:
    """A template with choices in brackets, read once: "[write|give] the word[ again|]"."""
    return _parse(re.findall(r"[\[\]|]|[^\[\]|]+", template))[0]


def expand(template: str, luck: Luck) -> str:
    """One of the texts of a template.

    >>> expand("[write|write] the word", Luck("any"))
    'write the word'
    """
    return _GAPS.sub(" ", _expand(pattern(template), luck)).strip()


def variety(template: str) -> int:
    """How many choices of a template there are."""
    return _variety(pattern(template))


def _parse(pieces: list[str]) -> tuple[Pattern, list[str]]:
    found: list[str | tuple[Pattern, ...]] = []
    while pieces and pieces[0] not in ("|", "]"):
        piece, pieces = pieces[0], pieces[1:]
        if piece != "[":
            found.append(piece)
            continue
        options: list[Pattern] = []
        while True:
            option, pieces = _parse(pieces)
            options.append(option)
            closing, pieces = (pieces[0], pieces[1:]) if pieces else ("]", [])
            if closing == "]":
                break
        found.append(tuple(options))
    return tuple(found), pieces


def _expand(tree: Pattern, luck: Luck) -> str:
    return "".join([part if isinstance(part, str) else _expand(luck.pick(part), luck) for part in tree])


def _variety(tree: Pattern) -> int:
    total = 1
    for part in tree:
        if not isinstance(part, str):
            total *= sum(_variety(option) for option in part)
    return total
