"""Which skill the words of a text lean to when none is decisive: a small log-linear model.

`leanings.txt` has a weight for a word or a concept and a skill; `mocks.llm.fit` fits them to a thousand
instructions of the 31 tasks in many people's manners, to the mock's own wordings, and to texts that
ask for nothing known. It knows no sentences: a text is the set of its words (without endings) and of the
concepts that the lexicon finds in it, named or denied, alone or side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

from mocks.llm.lexicon import Parsed
from mocks.llm.tables import leanings

_ENDINGS = ("'s", "ing", "ed", "es", "s", "ly", "e")
_SHORTEST = 3
"""Letters that must be left of a word without its ending."""
_NEAR = 2
"""A concept that begins less than so many words after another is near it."""
_PLACES = frozenset(("FIRST", "SECOND", "LAST", "BEGIN", "NEXT"))
"""Concepts for which it matters what they are near to."""
_PAIRED = 0.6
"""How much a pair of concepts counts, beside each of them."""
_DAMPING = 4.0
"""As if a text had so many marks more than it has: a few words alone do not make sure."""


def marks(parsed: Parsed) -> Mapping[str, float]:
    """What the model looks at, and how plainly it is there, 0 to 1.

    Words without endings; concepts after +, denied ones after -; two concepts, one soon after the other,
    with > between them.
    """
    found = {_stem(word): 1.0 for word in parsed.words if word[0].isalpha()}
    for mention in parsed.mentions:
        mark = "+" + mention.concept
        found[mark] = max(found.get(mark, 0.0), min(1.0, mention.weight))
    found |= {"-" + mention.concept: 1.0 for mention in parsed.denied}
    starts: dict[int, list[str]] = {}
    for mention in parsed.mentions:
        starts.setdefault(mention.start, []).append(mention.concept)
    for mention in parsed.mentions:
        for start in range(mention.end, mention.end + _NEAR):
            for other in starts.get(start, ()):
                if (mention.concept in _PLACES) != (other in _PLACES):
                    found[f"{mention.concept}>{other}"] = _PAIRED
    return found


def lean(parsed: Parsed) -> Mapping[str, float]:
    """Skill -> probability; what is missing to 1 is that of no skill known here."""
    skills, base, weights = _table()
    seen = marks(parsed)
    totals = [0.0] * len(skills)
    for mark, amount in seen.items():
        for i, weight in weights.get(mark, ()):
            totals[i] += weight * amount
    scale = 1.0 / length(seen)
    totals = [scale * total + start for total, start in zip(totals, base, strict=True)]
    most = max(totals)
    chances = [math.exp(total - most) for total in totals]
    whole = math.fsum(chances)
    return {skill: chance / whole for skill, chance in zip(skills, chances, strict=True) if skill != "-"}


def length(seen: Mapping[str, float]) -> float:
    """What the sum of a text's weights is divided by, so that long texts do not shout."""
    return math.sqrt(math.fsum([amount * amount for amount in seen.values()]) + _DAMPING)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word[: -len(ending)]
    return word


@cache
def _table() -> tuple[list[str], list[float], Mapping[str, tuple[tuple[int, float], ...]]]:
    """(skills, "-" for none of them; the weight that each begins with; mark -> (number of skill, weight))."""
    (_, *skills), (_, *base), *lines = leanings()
    weights = {}
    for mark, *told in lines:
        pairs = [entry.split(":") for entry in told]
        weights[mark] = tuple([(int(number), int(tenths) / 10) for number, tenths in pairs])
    return skills, [int(tenths) / 10 for tenths in base], weights
