"""How much a text speaks for each skill, whoever reads it: frames, made by hand, and the leaning of words.

A frame knows what words mean together and is sure of itself; the leaning of all words together knows
what people say beside it. Each is blind where the other sees.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from mocks.llm.leanings import lean
from mocks.llm.lexicon import Mention, Parsed, parse
from mocks.llm.tables import frames
from sandbox.tokens import count

_CONCEPT = re.compile(r"[A-Z]+")
_NEAR = 3
"""Words that may stand between the two terms of `A~B`."""
_AROUND = 4
"""The same for `A~~B`."""
_FRAMED = 0.5
"""What a unit of a frame's evidence counts, beside the leaning of words."""
_LEANING = 0.8
"""What a logit of the leaning counts."""
_UNLIKELY = 0.005
"""Chance added to each, so that a leaning against a skill stays in bounds."""
_SURE = 2.3
"""The evidence of a leaning that is sure, without a frame."""
_MOST = 4.2
"""Evidence does not grow beyond this."""
_LEAST = 0.4
"""Less evidence than this is none."""

Named = Mapping[str, list[Mention]]
Term = Callable[[Named, Named], float]
"""(concepts named, concepts denied) -> how well the term holds, 0 to 1."""


class Line(NamedTuple):
    """One line of a frame."""

    sign: str
    weight: float
    terms: tuple[Term, ...]
    needs: tuple[frozenset[str], ...]
    """Of each of these sets a concept must be named, or the terms need not be looked at."""


class Evidence(NamedTuple):
    """What a text says, apart from who reads it."""

    skills: Mapping[str, float]
    """Evidence by skill, above 0."""
    words: tuple[str, ...]
    content: tuple[str, ...]
    """Of the words, those that carry content."""
    tokens: int
    padding: float
    """Share of the words in sentences that are about nothing known."""
    terse: int
    """How many times it asks for the bare answer."""
    talky: int
    """How many times it asks for more than the answer."""


_ABOUT_FORM = frozenset(
    (
        "answer",
        "answers",
        "reply",
        "respond",
        "response",
        "output",
        "outputs",
        "return",
        "write",
        "give",
        "you",
        "your",
    )
)
"""Words of sentences that are not padding, although they name nothing of a task."""
_TERSE = re.compile(
    r"\bonly\b|\bjust\b|\bnothing (?:else|more)\b|\bno (?:explanations?|other|extra|additional|further|"
    r"punctuation|quotes?|comment\w*|preamble|context|need to explain)\b"
    r"|\b(?:single|one|1)[- ](?:word|letter|number|line)\b"
    r"|\bwithout (?:any|an?|explain\w*|explanation|comment\w*|punctuation|quot\w*|additional|extra|further)\b"
    r"|\b(?:do not|don't|never) (?:explain|add|include|repeat|write|give|provide|use)\b"
    r"|\b(?:exactly|verbatim|bare|format|straight)\b|\b(?:concise|brief)(?:ly)?\b"
    r"|\blower-?case\b|\bin quotes\b",
    re.I,
)
_NOT_TALKY = "".join(f"(?<!{word} )" for word in ("not", "n't", "no", "without", "never", "any"))
_TALKY = re.compile(
    _NOT_TALKY
    + r"\b(?:explain|explanations?|step[- ]by[- ]step|reasoning|think|justif\w+|elaborate|in detail|"
    r"detailed|discuss|describe|rationale|show your work)\b",
    re.I,
)


@lru_cache(maxsize=8_192)
def weigh(text: str) -> Evidence:
    """The evidence in an instruction."""
    parsed = parse(text)
    framed = _framed(parsed)
    found: dict[str, float] = {}
    for skill, chance in lean(parsed).items():
        leaning = _SURE + _LEANING * math.log(chance + _UNLIKELY)
        amount = _FRAMED * framed.get(skill, 0.0) + leaning
        if amount >= _LEAST:
            found[skill] = min(amount, _MOST)
    short = text[:60_000]
    return Evidence(
        found,
        parsed.words,
        parsed.content,
        count(text),
        _padding(parsed),
        len(_TERSE.findall(short)),
        len(_TALKY.findall(short)),
    )


def _framed(parsed: Parsed) -> dict[str, float]:
    """What the frames say."""
    named, denied = _by_concept(parsed.mentions), _by_concept(parsed.denied)
    found: dict[str, float] = {}
    frames, named_in = _frames(), _named_in()
    for skill in {skill: None for concept in ("", *named) for skill in named_in.get(concept, ())}:
        amount = _amount(frames[skill], named, denied)
        if amount >= _LEAST:
            found[skill] = min(amount, _MOST)
    return found


def _amount(lines: tuple[Line, ...], named: Named, denied: Named) -> float:
    best = extra = 0.0
    for sign, weight, terms, needs in lines:
        if sign != "=" and not best:
            break
        for concepts in needs:
            if concepts.isdisjoint(named):
                break
        else:
            held = 1.0
            for term in terms:
                held = min(held, term(named, denied))
                if not held:
                    break
            else:
                if sign == "=":
                    best = max(best, weight * (0.4 + 0.6 * held))
                else:
                    extra += weight if sign == "+" else -weight
    return best + extra


def _by_concept(mentions: tuple[Mention, ...]) -> Named:
    found: dict[str, list[Mention]] = {}
    for mention in mentions:
        found.setdefault(mention.concept, []).append(mention)
    return found


def _padding(parsed: Parsed) -> float:
    """Share of the words in sentences of at least five words that are about neither task nor form."""
    named = {i for mention in (*parsed.mentions, *parsed.denied) for i in range(mention.start, mention.end)}
    idle = total = size = 0
    useful = False
    for i, word in enumerate((*parsed.words, ".")):
        if word in ".!?\n":
            total += size
            if size >= 5 and not useful:
                idle += size
            size, useful = 0, False
        else:
            size += 1
            useful = useful or i in named or word in _ABOUT_FORM
    return idle / total if total else 0.0


@cache
def _frames() -> Mapping[str, tuple[Line, ...]]:
    found = {}
    for skill, told in frames().items():
        lines = [_line(line) for line in told]
        lines.sort(key=lambda line: line.sign != "=")
        found[skill] = tuple(lines)
    return found


@cache
def _named_in() -> Mapping[str, tuple[str, ...]]:
    """Concept -> the skills of which some alternative begins with it; "" -> those that need none named."""
    found: dict[str, dict[str, None]] = {}
    for skill, lines in _frames().items():
        for line in lines:
            if line.sign == "=":
                for concept in line.needs[0] if line.needs else ("",):
                    found.setdefault(concept, {})[skill] = None
    return {concept: tuple(skills) for concept, skills in found.items()}


def _line(text: str) -> Line:
    sign, weight, *terms = text.split()
    needs = [frozenset(_CONCEPT.findall(term)) for term in terms if term[0] not in "!^"]
    return Line(sign, float(weight), tuple([_term(term) for term in terms]), tuple(needs))


def _term(text: str) -> Term:
    if text.startswith("!"):
        absent = text[1:].split("|")
        return lambda named, denied: float(not any(concept in named for concept in absent))
    if text.startswith("^"):
        refused = text[1:]
        return lambda named, denied: float(refused in denied)
    if "~~" in text:
        left, right = text.split("~~")
        ones, others = left.split("|"), right.split("|")
        return lambda named, denied: max(
            _close(named, ones, others, _AROUND), _close(named, others, ones, _AROUND)
        )
    if "~" in text:
        left, right = text.split("~")
        first, second = left.split("|"), right.split("|")
        return lambda named, denied: _close(named, first, second, _NEAR)
    if "|" in text and ">" in text:
        either = [_term(part) for part in text.split("|")]
        return lambda named, denied: max([term(named, denied) for term in either])
    if ">" in text:
        left, right = text.split(">")
        return lambda named, denied: _close(named, [left], [right], 0)
    wanted = text.split("|")
    return lambda named, denied: max(
        [mention.weight for concept in wanted for mention in named.get(concept, ())], default=0.0
    )


def _close(named: Named, first: list[str], second: list[str], gap: int) -> float:
    best = 0.0
    for one in [mention for concept in first for mention in named.get(concept, ())]:
        for two in [mention for concept in second for mention in named.get(concept, ())]:
            if one.sentence == two.sentence and 0 <= two.start - one.end <= gap:
                best = max(best, min(one.weight, two.weight))
    return best
