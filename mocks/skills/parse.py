"""How skills read an input: words, lists, numbers, pairs of sentences."""

from __future__ import annotations

import re

_LIST = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")
_INTEGER = re.compile(r"-?\d+")
_NUMBERS = re.compile(r"\s*-?\d+(?:[\s,;+*/-]+(?:and\s+)?-?\d+)*\s*")
_PAIR = re.compile(r"\s*Sentence 1:\s*(.*?)\s*Sentence 2:\s*(.*?)\s*(?:Word:\s*(\S+)\s*)?", re.DOTALL)
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def entry(text: str) -> str:
    """The text as it would stand in a dictionary: no case, no punctuation around it."""
    return text.strip(" \t\r\n.,;:!?\"'`").lower()


def words(text: str) -> list[str]:
    """The words of a text, in their own case."""
    return _WORD.findall(text)


def items(text: str) -> list[str]:
    """The members of a list in one line: "a, b, and c"."""
    return [item.strip() for item in _LIST.split(text.strip().rstrip(".")) if item.strip()]


def integers(text: str) -> list[int]:
    """The integers of a text that holds nothing else, of at most 18 digits; or none."""
    if len(text) > 1000 or not _NUMBERS.fullmatch(text):
        return []
    found = _INTEGER.findall(text.replace("- ", " "))
    return [int(number) for number in found] if all(len(number) < 19 for number in found) else []


def pair(text: str) -> tuple[str, str, str | None] | None:
    """Both sentences of "Sentence 1: .. Sentence 2: .." and the word, where one is given."""
    found = _PAIR.fullmatch(text) if text.count("Sentence 2:") == 1 and len(text) < 5000 else None
    return (found[1], found[2], found[3]) if found else None
