"""Whether a decoded text reads as an instruction in English."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache

from mocks.llm.writing.wording import wordings
from scenarios.tiny_lm.instructions import GENERIC, IDLE

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


class Reading:
    """A reader who knows the words of the instructions of every skill, and of no other text."""

    def readable(self, text: str) -> bool:
        """Whether at least 2 words stand there, all known, none thrice in a row, and the text has an end."""
        words = [word.lower() for word in _WORD.findall(text)]
        if len(words) < 2 or text.rstrip()[-1:] not in ".?!\"')":
            return False
        stutters = any(len({*words[i : i + 3]}) == 1 for i in range(len(words) - 2))
        return not stutters and all(word in _known() for word in words)


@cache
def _known() -> frozenset[str]:
    texts: list[str] = [*GENERIC, *IDLE]
    for words in wordings().values():
        for part in fields(words):
            value = getattr(words, part.name)
            texts += [value] if isinstance(value, str) else value
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))
