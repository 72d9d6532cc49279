"""From a text to the concepts it names: inflections, phrases, slips of the pen and denials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from mocks import knowledge
from mocks.llm.tables import concepts, ordinary

TOKEN = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*|[.!?;:\n,()]")
_QUOTED_NOT = re.compile(r"[\"'\u201c\u2018]not[\"'\u201d\u2019]", re.I)
_NOTWORD = "notword"
_IDLE = "NONE"
"""The concept of phrases in which no word means what it usually does."""
_SIGN = re.compile(
    r"\b([a-z]|\d+|first|second|number)\s*([-+\u2212*])\s*(?=(?:[a-z]|\d+|first|second|the)\b)", re.I
)
_FIRST = re.compile(r"\[0\]|\b(?:letter|character) (?:#|no\.? ?|number )?(?:1|one)\b", re.I)
_SECOND = re.compile(r"\[1\]|\b(?:letter|character) (?:#|no\.? ?|number )?(?:2|two)\b", re.I)
_TONGUES = re.compile(
    r"\b(?:en|eng|english) ?(?:->|=>|\u2192|[-/>\u2013]|to|into) ?(de|ger|deu|es|spa|fr|fra|it)\b", re.I
)
_TONGUE = {"d": "german", "g": "german", "e": "spanish", "s": "spanish", "f": "french", "i": "italian"}
_JOINED = re.compile(r"[\"'] [\"']\.join\((sorted)?[^)\n]{0,40}\)*")
_SIGNS = {"+": "plus", "*": "times"}
_WORD = re.compile(r"[^\W_]")
_STOPS = frozenset(".!?;:\n")
_MOST_TOKENS = 1_500
"""Of a longer text only the first and the last of this many words, half each, are read."""

_IRREGULAR = {
    "given": "give", "gave": "give",
    "written": "write", "wrote": "write", "chosen": "choose", "chose": "choose",
    "found": "find", "taken": "take", "took": "take", "said": "say", "made": "make", "spelt": "spell",
    "broken": "break", "broke": "break", "meant": "mean", "kept": "keep", "begun": "begin", "began": "begin",
    "felt": "feel", "built": "build", "put": "put", "ran": "run", "done": "do", "does": "do", "did": "do",
    "came": "come", "led": "lead", "brought": "bring", "told": "tell", "shown": "show", "ies": "y",
}  # fmt: skip
_FALSE_FORMS = frozenset(
    (
        ("reasoning", "reason"),
        ("kindly", "kind"),
        ("others", "other"),
        ("words", "word"),
        ("ordering", "order"),
    )
)
"""Inflections that are words of their own."""


Phrase = tuple[tuple[str, ...], str, float]
"""(words, the concept that they name, weight)."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept named in a text."""

    concept: str
    start: int
    """The number of its first word."""
    end: int
    """The number of the word after its last."""
    weight: float
    """1, or less where the spelling had to be guessed; above 1 for a phrase that speaks for itself."""
    sentence: int
    """The number of the sentence."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text as words and what they name."""

    words: tuple[str, ...]
    """Lower case; punctuation marks are words too."""
    mentions: tuple[Mention, ...]
    denied: tuple[Mention, ...]
    """What the text says not to do."""
    content: tuple[str, ...]
    """The words that carry the content, in order."""
    strangers: float
    """Share of the content words that name nothing known."""


def parse(text: str) -> Parsed:
    """Read a text; any text at all."""
    words = tuple(_words(text))
    forms, phrases, _ = _tables()
    function, _ = ordinary()
    bases = [forms.get(word) or (word,) for word in words]
    covers: list[tuple[Mention, ...]] = []
    mentions: list[Mention] = []
    count = len(words)
    sentence = 0
    sentences = []
    for i in range(count):
        here = words[i]
        sentence += here in _STOPS
        sentences.append(sentence)
        known: list[Mention] = []
        starts = phrases.get(here, ()) if here in phrases else ()
        for base in bases[i]:
            starts = (*starts, *phrases.get(base, ()))
        for phrase, concept, weight in starts:
            size = len(phrase)
            if size == 1 or (i + size <= count and _fits(phrase, words, bases, i)):
                known.append(Mention(concept, i, i + size, weight, sentence))
        covers.append(tuple(known))
        mentions += known
    mentions += _guessed(words, covers, mentions, sentences)
    mentions = _outspoken(mentions)
    denied = _denied(words, mentions)
    out = {id(mention) for mention in denied}
    kept = _unique([mention for mention in mentions if id(mention) not in out])
    content = tuple([word for word in words if _WORD.match(word) and word not in function])
    named = {i for mention in mentions for i in range(mention.start, mention.end)}
    strange = sum(
        1 for i, word in enumerate(words) if i not in named and _WORD.match(word) and word not in function
    )
    return Parsed(
        words, tuple(kept), tuple(_unique(denied)), content, strange / len(content) if content else 0.0
    )


def _outspoken(mentions: list[Mention]) -> list[Mention]:
    """The mentions without those inside a phrase that speaks for itself, or inside a longer phrase."""
    hidden: set[int] = set()
    for phrase in mentions:
        size = phrase.end - phrase.start
        if size == 1:
            continue
        alone = phrase.concept == _IDLE or phrase.weight > 1
        for other in mentions:
            inside = phrase.start <= other.start and other.end <= phrase.end
            if inside and (other.end - other.start < size) and (alone or other.end - other.start > 1):
                hidden.add(id(other))
    return [mention for mention in mentions if id(mention) not in hidden and mention.concept != _IDLE]


def _words(text: str) -> list[str]:
    if len(text) > 60_000:
        text = text[:30_000] + "\n" + text[-30_000:]
    if "not" in text or "NOT" in text or "Not" in text:
        text = _QUOTED_NOT.sub(f" {_NOTWORD} ", text)
    if "+" in text or "*" in text or " - " in text or "\u2212" in text:
        text = _SIGN.sub(lambda found: f"{found[1]} {_SIGNS.get(found[2], 'minus')} ", text)
    text = _TONGUES.sub(lambda found: f"translate english into {_TONGUE[found[1][0].lower()]} ", text)
    if ".join(" in text:
        text = _JOINED.sub(
            lambda found: " words sorted alphabetically " if found[1] else " space between each letter ", text
        )
    text = _FIRST.sub(" first letter ", _SECOND.sub(" second letter ", text))
    known = _tables()[0]
    words: list[str] = []
    for token in TOKEN.findall(text):
        word = token.lower().replace("\u2019", "'")
        if "-" in word and word not in known:
            words += word.split("-")
        else:
            words.append(word)
    if len(words) > _MOST_TOKENS:
        words = words[: _MOST_TOKENS // 2] + words[-_MOST_TOKENS // 2 :]
    return words


def _fits(phrase: tuple[str, ...], words: tuple[str, ...], bases: list[tuple[str, ...]], at: int) -> bool:
    return all(part == words[at + k] or part in bases[at + k] for k, part in enumerate(phrase))


def _guessed(
    words: tuple[str, ...], covers: list[tuple[Mention, ...]], found: list[Mention], sentences: list[int]
) -> Iterator[Mention]:
    """Mentions in words that nothing knows, as if one letter of them were wrong."""
    named = {i for mention in found for i in range(mention.start, mention.end)}
    _, phrases, _ = _tables()
    function, other = ordinary()
    for i, word in enumerate(words):
        if i in named or len(word) < 5 or word in function or word in other or covers[i]:
            continue
        if word in _real_words() or word.removesuffix("s") in _real_words():
            continue
        guess = _near(word)
        if guess is None:
            continue
        for phrase, concept, _ in phrases.get(guess, ()):
            if len(phrase) == 1:
                yield Mention(concept, i, i + 1, 0.7, sentences[i])


@cache
def _real_words() -> frozenset[str]:
    """English words, which are no slips of the pen for others."""
    return frozenset(knowledge.words())


@cache
def _near(word: str) -> str | None:
    """The only word of the lexicon that is one slip away from `word`, or None."""
    forms, _, _ = _tables()
    slips = _slip_table()
    candidates = {form for key in (word, *_deletions(word)) for form in slips.get(key, ())}
    close = {base for form in candidates if _one_slip(word, form) for base in forms[form]}
    return min(close) if close else None


def _one_slip(one: str, two: str) -> bool:
    """Whether one insertion, deletion, replacement or swap of neighbours turns one into the other."""
    if abs(len(one) - len(two)) > 1 or one[0] != two[0]:
        return False
    at = 0
    while at < min(len(one), len(two)) and one[at] == two[at]:
        at += 1
    rest, other = one[at:], two[at:]
    return (
        rest[1:] == other[1:]
        or rest[1:] == other
        or rest == other[1:]
        or (rest[:2] == other[1::-1] and rest[2:] == other[2:])
    )


@cache
def _slip_table() -> Mapping[str, tuple[str, ...]]:
    """Known forms by what is left of them when a letter is taken out."""
    table: dict[str, list[str]] = {}
    for form in _tables()[0]:
        if len(form) >= 5:
            for key in (form, *_deletions(form)):
                table.setdefault(key, []).append(form)
    return {key: tuple(forms) for key, forms in table.items()}


def _deletions(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


_DENIALS = frozenset(("not", "don't", "dont", "never", "without", "avoid", "doesn't", "cannot", "isn't"))
_INSTEAD = (("instead", "of"), ("rather", "than"))
_BUT = frozenset(("but", "instead", "just", "only", "rather", "however"))
_SCOPE = 5
"""Words that a denial reaches."""


def _denied(words: tuple[str, ...], mentions: list[Mention]) -> list[Mention]:
    """The mentions that the text says not to do."""
    inside = {i for mention in mentions for i in range(mention.start + 1, mention.end)} | {
        mention.start for mention in mentions if mention.end - mention.start > 1
    }
    reach: set[int] = set()
    for i, word in enumerate(words):
        pair = words[i : i + 2]
        if (word in _DENIALS and i not in inside) or pair in _INSTEAD:
            for j in range(i + 1, min(len(words), i + 1 + _SCOPE)):
                if words[j] in _STOPS or words[j] == "," or (words[j] in _BUT and j > i + 1):
                    break
                reach.add(j)
    return [mention for mention in mentions if mention.start in reach and words[mention.start] != _NOTWORD]


def _unique(mentions: list[Mention]) -> list[Mention]:
    return list({(mention.concept, mention.start): mention for mention in mentions}.values())


@cache
def _tables() -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[Phrase, ...]], int]:
    """(form -> base forms, first word -> phrases with their concepts, words of the longest phrase)."""
    phrases: dict[str, list[Phrase]] = {}
    bases: set[str] = set()
    longest = 1
    for concept, known_as in concepts().items():
        for told in known_as:
            phrase = (told[0].removeprefix("="), *told[1:])
            weight = 1.01 if told != phrase else 1.0
            longest = max(longest, len(phrase))
            phrases.setdefault(phrase[0], []).append((phrase, concept, weight))
            bases.update(phrase)
    forms: dict[str, list[str]] = {}
    for base in sorted(bases):
        forms.setdefault(base, []).append(base)
        for form in inflections(base):
            if (form, base) in _FALSE_FORMS:
                continue
            known = forms.setdefault(form, [])
            if base not in known:
                known.append(base)
    for form, base in _IRREGULAR.items():
        if base in bases and base not in forms.setdefault(form, []):
            forms[form].append(base)
    return (
        {form: tuple(found) for form, found in forms.items()},
        {first: tuple(found) for first, found in phrases.items()},
        longest,
    )


def inflections(base: str) -> Iterator[str]:
    """Forms that an English word may take; some do not exist, which harms nobody."""
    if len(base) < 3 or not base.isalpha():
        return
    yield base + "s"
    yield base + "'s"
    if base.endswith("e"):
        yield base + "d"
        yield base + "r"
        yield base[:-1] + "ing"
        yield base[:-1] + "ion"
    else:
        yield base + "ed"
        yield base + "ing"
        yield base + "er"
        if base.endswith(("s", "x", "z", "ch", "sh")):
            yield base + "es"
        if base[-1] in "bdglmnprt" and base[-2] in "aeiou":
            yield base + base[-1] + "ed"
            yield base + base[-1] + "ing"
    if base.endswith("y"):
        yield base[:-1] + "ies"
        yield base[:-1] + "ied"
    yield base + "ly"
