"""The tables of words and rules beside this file, read once: concepts, frames, leanings, ordinary words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files


@cache
def concepts() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Concept -> the phrases that name it, each a tuple of words."""
    found: dict[str, list[tuple[str, ...]]] = {}
    name = ""
    for line in _lines("concepts.txt"):
        if not line.startswith(" "):
            name, _, line = line.partition(":")
        found.setdefault(name, []).extend(tuple(entry.split("_")) for entry in line.split())
    return {name: tuple(phrases) for name, phrases in found.items()}


@cache
def frames() -> Mapping[str, tuple[str, ...]]:
    """Skill -> its lines of evidence."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in _lines("frames.txt"):
        if line.startswith("["):
            name = line.strip("[]")
        else:
            found.setdefault(name, []).append(line)
    return {name: tuple(lines) for name, lines in found.items()}


@cache
def leanings() -> tuple[tuple[str, ...], ...]:
    """The words of each line: the skills, what each begins with, then a mark and "skill:tenths"."""
    return tuple(tuple(line.split()) for line in _lines("leanings.txt"))


@cache
def ordinary() -> tuple[frozenset[str], frozenset[str]]:
    """(words without content of their own, words that are not a slip of the pen for a known word)."""
    function, _, other = " ".join(_lines("ordinary.txt")).partition("---")
    return frozenset(function.split()), frozenset(other.split())


def _lines(name: str) -> Iterator[str]:
    text = (files("mocks.llm") / name).read_text(encoding="utf-8")
    return (line for line in text.split("\n") if line.strip() and not line.startswith("#"))
