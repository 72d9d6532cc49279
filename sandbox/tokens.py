"""How tokens are counted, by one rule that needs no download.

A text is cut at its line ends, and each line end is a token. Within a line a token is up to
eight letters with the space in front of them, up to three digits, up to four other signs of one
kind with a space in front, or a run of spaces. The pieces put together are the text again. Each
message of a chat adds four tokens, and each chat three, as in OpenAI's own counting recipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

PER_MESSAGE = 4
PER_CHAT = 3
_PIECE = re.compile(r" ?[^\W\d_]{1,8}|\d{1,3}| ?(?:[^\w\s]|_){1,4}| +(?= )|\s|.", re.DOTALL)


def pieces(text: str) -> list[str]:
    """The tokens of `text`, in order; joined they are `text`.

    >>> pieces("Sort the words.\\nBe brief")
    ['Sort', ' the', ' words', '.', '\\n', 'Be', ' brief']
    """
    first, *rest = text.split("\n")
    found = list(_of_line(first))
    for line in rest:
        found.append("\n")
        found += _of_line(line)
    return found


def count(text: str) -> int:
    """How many tokens `text` has.

    >>> count("Sort the words.\\nBe brief")
    7
    """
    lines = text.split("\n")
    return len(lines) - 1 + sum([_length(line) for line in lines])


def count_messages(messages: Iterable[tuple[str, str]]) -> int:
    """How many prompt tokens a chat of (role, text) messages has."""
    return PER_CHAT + sum([PER_MESSAGE + count(text) for _, text in messages])


def most(text: str) -> int:
    """A bound that no byte-level tokenizer exceeds: the bytes of `text` in UTF-8."""
    return len(text.encode("utf-8", "replace"))


@lru_cache(maxsize=65_536)
def _of_line(line: str) -> tuple[str, ...]:
    return tuple(_PIECE.findall(line))


@lru_cache(maxsize=65_536)
def _length(line: str) -> int:
    return len(_PIECE.findall(line))
