"""Examples inside the sentences of an instruction: "for instance, hot becomes cold", `12 30 -> 42`.

What stands beside an arrow, or a word that does its work, is tried as input and output, longer pieces first;
only what a skill explains is an example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from mocks import knowledge
from mocks.skills import SKILLS, right
from mocks.skills.grammar import formal_pairs
from sandbox.metrics import normalise

Memory = Mapping[str, Mapping[str, tuple[str, ...]]]
"""{skill: {input: accepted answers}}: what a model knows of real data."""

_TOO_EASY = frozenset(("echo", "explain", "answer_vaguely", "define", "first_word"))
"""Skills that explain too much to tell an example by."""
_LONGEST = 20_000
"""Characters in which examples are looked for."""
_MOST = 8
"""Places where an example may be that are tried in one text."""
_REACH = 160
"""Characters on each side of an arrow that are looked at."""

_QUOTED = (
    r"\"[^\"\n]{1,160}\"|\u201c[^\u201d\n]{1,160}\u201d|`[^`\n]{1,160}`"
    r"|(?<!\w)['\u2018][^'\u2019\n]{1,160}['\u2019](?!\w)"
)
_ARROW = re.compile(
    r"->|=>|\u2192|(?<=[\w\"'\]] )=(?= ?[\w\"'])|\b(?:becomes?|turns? into|is answered by|gives?|gets?|"
    r"yields?|would (?:be|become|give|yield)|should (?:be|become|give|yield)|you (?:say|write|answer|return)|"
    r"write|answer|return|say)\b:?"
)
_VERBS = frozenset(("write", "answer", "return", "say"))
_SHOWN = re.compile(r"\s*[\"'`\u201c\u2018\d]")
"""What must follow these verbs, which instructions have for other reasons too."""
_PAIR = re.compile(rf"({_QUOTED})([^\n\"'`\u201c\u201d]{{1,40}})({_QUOTED})")
_LINK = re.compile(
    r"->|=>|\u2192|=|:|\b(?:becomes?|gives?|turns?|is|are|be|says?|write|answer|output|returns?|yields?|"
    r"produces?|to|into|as)\b"
)
_NO_LINK = re.compile(r"\b(?:or|and|if|former|latter|other|otherwise|case|not)\b")
_FOR = re.compile(rf"({_QUOTED}),?(?: for (?:example|instance),?| e\.g\.,?)? for ([^.;:()\n]{{1,80}})")
_AS = re.compile(
    rf"(?:for (?:instance|example)|e\.g\.|such as|like|example)\W{{0,3}}({_QUOTED}|[^\s,.;:()]{{1,40}})"
    rf" (?:is|as|to|for|in) ({_QUOTED}|[^,.;:()\n]{{1,80}})",
    re.I,
)
_SLASHED = re.compile(r"\b(\w{2,20})\s?/\s?(\w{2,20})\b")
_ENDS_QUOTED = re.compile(rf"({_QUOTED})[\s,]*$")
_BEGINS_QUOTED = re.compile(rf"\s*({_QUOTED})")
_BEFORE = re.compile(
    r"[.;:(!?\n]+(?=\s|\(|$|\w)|\b(?:e\.g\.?|i\.e\.|for (?:example|instance)|examples?|such as|as in|"
    r"like|think|means?|for|given|from)\b[,:]?",
    re.I,
)
_AFTER = re.compile(r"[.!?]?[;()\n\"]|[.!?](?=\s|$)")
_QUOTE = re.compile(r"[\"\u201c\u201d]|\b(?:former|latter)\b")
"""No input has these inside."""
_NAMES = frozenset(
    (
        *("active", "passive", "formal", "informal", "positive", "negative", "singular", "plural"),
        *("true", "false", "yes", "no", "same", "different", "upper", "lower", "first", "second"),
        *("cause", "effect", "question", "answer", "input", "output"),
    )
)
"""Names of what tasks are about: "active -> passive" is no pair of opposites."""
_QUOTES = " \"'`\u201c\u201d\u2018\u2019"


def told_examples(text: str, memory: Memory) -> tuple[str, list[tuple[str, str]]]:
    """The text without the examples in its sentences, and these. What no skill explains is no example."""
    short = text[:_LONGEST]
    found: dict[tuple[str, str], None] = {}
    spans: list[tuple[int, int]] = []
    for asked, told in islice(_places(short), _MOST):
        asked = [(a, b) for a, b in asked if not any(start < b and a < end for start, end in spans)]
        pair = _explained(short, asked, told, memory)
        if pair is not None:
            (a, b), (c, d) = pair
            found[_bare(short[a:b]), _bare(short[c:d])] = None
            spans.append((min(a, c), max(b, d)))
    pairs = _SLASHED.findall(short) if "/" in short else []
    if 2 <= len(pairs) <= _MOST and all(
        not {one, two} <= _NAMES and _any_explains(one, two, memory) for one, two in pairs
    ):
        found |= dict.fromkeys(pairs)
        short = _SLASHED.sub(" ", short)
    for start, end in sorted(spans, reverse=True):
        short = short[:start] + " " + short[end:]
    return short + text[_LONGEST:], list(found)


Span = tuple[int, int]


def _places(text: str) -> Iterator[tuple[list[Span], list[Span]]]:
    """Where inputs and outputs may stand: pieces to try for each, the longest first."""
    if text.count('"') + text.count("'") + text.count("`") + text.count("\u201c") >= 2:
        for match in _PAIR.finditer(text):
            if _LINK.search(match[2]) and not _NO_LINK.search(match[2]):
                yield [match.span(1)], [match.span(3)]
        for match in _FOR.finditer(text):
            start, end = match.span(2)
            yield (
                [(start, end), (start, start + len(match[2].split()[0]))] if match[2].split() else [],
                [match.span(1)],
            )
    for match in _ARROW.finditer(text):
        if match[0].rstrip(":") in _VERBS and not _SHOWN.match(text, match.end()):
            continue
        asked, told = _lefts(text, match.start()), _rights(text, match.end())
        if asked and told:
            yield asked, told
    for match in _AS.finditer(text):
        yield [match.span(1)], [match.span(2)]


def _lefts(text: str, end: int) -> list[Span]:
    """Pieces that end at `end`."""
    start = max(0, end - _REACH)
    quoted = _ENDS_QUOTED.search(text, start, end)
    if quoted is not None:
        return [quoted.span(1)]
    while end > start and text[end - 1] in " ,*":
        end -= 1
    for cut in _BEFORE.finditer(text, start, end):
        if cut.end() < end:
            start = cut.end()
    while start < end and text[start] in " -*,":
        start += 1
    words = [match.start() for match in re.finditer(r"\S+", text[start:end])]
    if not words:
        return []
    whole = [(start, end)] if len(words) <= 12 else []
    comma = text.rfind(", ", start, end)
    after = [(comma + 2, end)] if comma >= 0 else []
    return _once([*whole, *after, *[(start + words[-n], end) for n in (2, 1) if len(words) >= n]])


def _rights(text: str, start: int) -> list[Span]:
    """Pieces that begin at `start`."""
    end = min(len(text), start + _REACH)
    quoted = _BEGINS_QUOTED.match(text, start, end)
    if quoted is not None:
        return [quoted.span(1)]
    while start < end and text[start] in " :":
        start += 1
    cut = _AFTER.search(text, start, end)
    if cut is not None:
        end = cut.start()
    while end > start and text[end - 1] == " ":
        end -= 1
    pieces = [end]
    for mark in (", ", " or ", " and ", " "):
        at = text.find(mark, start, end)
        if at > 0:
            pieces.append(at)
    return _once([(start, stop) for stop in pieces if stop > start])


def _once(spans: Sequence[Span]) -> list[Span]:
    return list(dict.fromkeys(spans))


def _bare(text: str) -> str:
    return text.strip(_QUOTES)


def _explained(text: str, asked: list[Span], told: list[Span], memory: Memory) -> tuple[Span, Span] | None:
    """The first pair of pieces that a skill explains."""
    for one in asked:
        given = _bare(text[one[0] : one[1]])
        if not given or _QUOTE.search(given):
            continue
        judges: list[Callable[[str], bool]] | None = None
        for two in told:
            answer = _bare(text[two[0] : two[1]])
            if not answer or answer == given or {answer.lower(), given.lower()} <= _NAMES:
                continue
            if judges is None:
                judges = _judges(given, memory)
            if any(judge(answer) for judge in judges):
                return one, two
    return None


def _judges(asked: str, memory: Memory) -> list[Callable[[str], bool]]:
    found = [_judge(skill, asked, memory) for skill in SKILLS if skill not in _TOO_EASY]
    return [judge for judge in found if judge is not None]


def _any_explains(asked: str, told: str, memory: Memory) -> bool:
    return any(judge(told) for judge in _judges(asked, memory))


def explains(skill: str, asked: str, told: str, memory: Memory) -> bool:
    """Whether `skill` would have answered `told` to `asked`, or would let it pass."""
    judge = _judge(skill, asked, memory)
    return judge is not None and judge(told)


def _judge(skill: str, asked: str, memory: Memory) -> Callable[[str], bool] | None:
    """Whether the skill accepts an answer to `asked`; None where it has none itself."""
    accepted = memory.get(skill, {}).get(asked)
    if accepted is None:
        answer = right(skill, asked, memory)
        if answer is None:
            return None
        accepted = (answer, *_open(skill, asked))
    known = {normalise(one) for one in accepted}
    # Where order does not count, as with animals taken out of a list.
    bags = [sorted(one.split()) for one in known]

    def judge(told: str) -> bool:
        wanted = normalise(told)
        if wanted in known:
            return True
        bag = sorted(wanted.split())
        return len(bag) > 1 and bag in bags

    return judge


def _open(skill: str, asked: str) -> tuple[str, ...]:
    """Other right answers, where a skill has many."""
    word = asked.strip().lower()
    if skill == "antonyms":
        return knowledge.antonyms().get(word, ())
    if skill == "informal_to_formal" and word in formal_pairs():
        return (formal_pairs()[word],)
    if skill in ("synonyms", "rhymes"):
        return knowledge.groups(skill).get(word, ())
    return ()
