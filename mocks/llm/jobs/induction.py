"""Which skills explain worked examples: each is executed on the inputs and held against the outputs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from mocks import skills
from sandbox.metrics import normalise

Memory: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]
"""Skill -> input -> accepted answers: the facts of real data that a model knows."""

_MATCH, _ALIKE, _OVERLAP, _MISS, _ALIEN = 0.9, 0.75, 0.35, 0.012, 0.002
"""Likelihood of an output: as executed, but for its form, much like it, another, or of the wrong shape."""
_GENERAL = math.log(0.3)
"""Log odds of a skill that no published task asks for, before any example is seen."""
_UNORDERED = ("taxonomy_animal", "orthography_starts_with")
_PUBLISHED = frozenset(
    (
        *("active_to_passive", "antonyms", "auto_categorization", "auto_debugging", "cause_and_effect"),
        *(
            "common_concept",
            "diff",
            "first_word_letter",
            "informal_to_formal",
            "larger_animal",
            "letters_list",
        ),
        *("negation", "num_to_verbal", "object_counting", "odd_one_out", "orthography_starts_with"),
        *("periodic_elements", "rhymes", "second_word_letter", "sentence_similarity", "sentiment"),
        *("singular_to_plural", "sum", "synonyms", "taxonomy_animal", "translation_en-de"),
        *("translation_en-es", "translation_en-fr", "word_in_context", "word_sorting", "word_unscrambling"),
    )
)
_NUMBER_WORD = re.compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty)\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"\bnot\b|n't\b|\bno\b|\bnever\b|\bcannot\b|\bdon.t\b", re.IGNORECASE)
_BE = re.compile(r"\b(?:was|were|is|are|been|being|be)\b.*\bby\b", re.IGNORECASE)
_CODE = re.compile(r"[=()\[\]]|\bdef\b|\bimport\b|\bprint\b")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What worked examples tell."""

    skills: tuple[tuple[str, float], ...] = ()
    """(name, probability), likeliest first, among the known skills."""
    fit: float = 0.0
    """Geometric mean of the best skill's likelihood an example; below `EXPLAINED` nothing explains them."""


EXPLAINED = 0.12
_ENOUGH = 12
"""Examples on which the skills are tried."""


def explain(pairs: Sequence[tuple[str, str]], memory: Memory | None = None) -> Explanation:
    """The skills behind (input, output) pairs; tolerant of a wrong output here and there."""
    if not pairs:
        return Explanation()
    shown = list(pairs[:_ENOUGH])
    told = [_Pair(given, wanted) for given, wanted in shown]
    scores: list[tuple[float, str]] = []
    best = -math.inf
    for name in known():
        # Most skills are ruled out by the first examples, and need not be executed on the others.
        total = 0.0 if name in _PUBLISHED else _GENERAL
        for number, pair in enumerate(told, 1):
            total += math.log(_likelihood(name, pair, memory))
            if total < best - 14 and number >= 3:
                total += (len(told) - number) * math.log(_MISS)
                break
        best = max(best, total)
        scores.append((total, name))
    if not scores:
        return Explanation()
    top = max(total for total, _ in scores)
    weights = [(name, math.exp(total - top)) for total, name in scores if total > top - 20]
    whole = sum([weight for _, weight in weights])
    ranked = sorted(
        [(name, weight / whole) for name, weight in weights], key=lambda pair: (-pair[1], pair[0])
    )
    return Explanation(tuple(ranked), math.exp(top / len(told)))


def known() -> tuple[str, ...]:
    """The names of all skills."""
    return tuple(getattr(skills, "SKILLS", {}))


class _Pair:
    __slots__ = ("given", "plain", "wanted", "words")

    def __init__(self, given: str, wanted: str) -> None:
        self.given = given.strip()
        self.wanted = wanted.strip()
        self.plain = normalise(self.wanted)
        self.words = self.wanted.split()


def _likelihood(name: str, pair: _Pair, memory: Memory | None) -> float:
    accepted = _accepted(name, pair.given, memory)
    best = _MISS if accepted else 2 * _MISS
    for answer in accepted:
        plain = normalise(answer)
        if answer.strip() == pair.wanted:
            return _MATCH
        if plain and (
            plain == pair.plain or (name in _UNORDERED and set(plain.split()) == set(pair.plain.split()))
        ):
            best = _ALIKE
        elif _overlap(plain, pair.plain) >= 0.66:
            best = max(best, _OVERLAP)
    plausible = _PLAUSIBLE.get(name)
    if plausible is not None:
        best = max(best, plausible(pair))
    return best


def _accepted(name: str, given: str, memory: Memory | None) -> Sequence[str]:
    if memory:
        found = memory.get(name, {}).get(given)
        if found:
            return found
    answer = _executed(name, given)
    return () if answer is None else (answer,)


@lru_cache(maxsize=65_536)
def _executed(name: str, given: str) -> str | None:
    return skills.SKILLS[name].execute(given)


def _overlap(one: str, two: str) -> float:
    first, second = set(one.split()), set(two.split())
    both = len(first & second)
    return 2 * both / (len(first) + len(second)) if both and min(len(first), len(second)) > 1 else 0.0


def _items(text: str) -> list[str]:
    return [item.strip().lower() for item in re.split(r"[,;]| and ", text) if item.strip()]


def _one_word(pair: _Pair) -> bool:
    return (
        len(pair.given.split()) == 1
        and len(pair.words) == 1
        and pair.given.isalpha()
        and pair.given.lower() != pair.plain
    )


def _rhymes(pair: _Pair) -> float:
    same = _one_word(pair) and pair.given[-2:].lower() == pair.plain[-2:] and len(pair.plain) > 2
    return 0.15 if same else _ALIEN


def _synonyms(pair: _Pair) -> float:
    return 0.08 if _one_word(pair) and pair.wanted.isascii() else _ALIEN


def _antonyms(pair: _Pair) -> float:
    if not _one_word(pair):
        return _ALIEN
    prefixed = re.fullmatch(
        rf"(?:un|in|im|dis|ir|il|non|anti)-?{re.escape(pair.given.lower())}|.*less", pair.plain
    )
    return 0.3 if prefixed else 0.07


def _german(pair: _Pair) -> float:
    return _foreign(pair, r"[äöüß]|(?:ung|heit|keit|lich|isch|ieren|en|er|e|schaft|ig)$", capital=True)


def _spanish(pair: _Pair) -> float:
    return _foreign(pair, r"[ñáíóú]|(?:ción|dad|mente|ar|ir|oso|o|a|or|ado|ista)$")


def _french(pair: _Pair) -> float:
    return _foreign(pair, r"[éèêçàûîôœ]|(?:tion|eur|euse|ique|ment|er|re|eux|elle|ette|age|oir)$")


def _foreign(pair: _Pair, marks: str, *, capital: bool = False) -> float:
    if len(pair.given.split()) > 2 or not 0 < len(pair.words) <= 3 or pair.wanted.isdigit():
        return _ALIEN
    raised = capital and pair.wanted[:1].isupper() and pair.given[:1].islower()
    return 0.2 if raised or re.search(marks, pair.wanted.lower()) else 0.04


def _formal(pair: _Pair) -> float:
    before, after = set(pair.given.lower().split()), set(pair.wanted.lower().split())
    some = len(before) > 2 and len(after) > 2 and bool(after - before)
    return 0.15 if some and _overlap(normalise(pair.given), pair.plain) > 0.15 else _ALIEN


def _passive(pair: _Pair) -> float:
    return (
        0.3
        if _BE.search(pair.wanted)
        and not _BE.search(pair.given)
        and len(pair.words) > len(pair.given.split())
        else _ALIEN
    )


def _negated(pair: _Pair) -> float:
    turned = (_NOT.search(pair.wanted) is None) != (_NOT.search(pair.given) is None)
    return 0.4 if turned and _overlap(normalise(pair.given), pair.plain) > 0.6 else _ALIEN


def _subset(pair: _Pair) -> float:
    words, items = _items(pair.wanted), set(_items(pair.given))
    return 0.2 if len(items) > 2 and len(words) > 1 and set(words) < items else _ALIEN


def _one_of(pair: _Pair) -> float:
    items = _items(pair.given)
    return 0.12 if len(items) > 2 and pair.wanted.lower() in items else _ALIEN


def _larger(pair: _Pair) -> float:
    items = _items(pair.given)
    return 0.15 if len(items) == 2 and pair.wanted.lower() in items else _ALIEN


def _category(pair: _Pair) -> float:
    items = _items(pair.given)
    return (
        0.1
        if len(items) > 1
        and pair.wanted.lower() not in items
        and len(pair.words) <= 4
        and not pair.wanted.isdigit()
        else _ALIEN
    )


def _concept(pair: _Pair) -> float:
    fits = len(_items(pair.given)) > 1 and 1 < len(pair.words) <= 6
    return (
        0.3
        if fits
        and re.match(r"(?:involve|have|are|can|use|need|contain|make|cause|produce|come)\w*\b", pair.wanted)
        else _ALIEN
    )


def _same_sense(pair: _Pair) -> float:
    return 0.5 if pair.plain in ("same", "not the same") and "\n" in pair.given else _ALIEN


def _similarity(pair: _Pair) -> float:
    return 0.5 if re.match(r"[0-5]\s*-\s*\w", pair.wanted) else _ALIEN


def _cause(pair: _Pair) -> float:
    parts = re.findall(
        r"sentence [12]:\s*(.+?)(?=\s*sentence [12]:|$)", pair.given, re.IGNORECASE | re.DOTALL
    )
    return 0.45 if len(parts) == 2 and pair.plain in [normalise(part) for part in parts] else _ALIEN


def _feeling(pair: _Pair) -> float:
    return 0.45 if pair.plain in ("positive", "negative") and len(pair.given.split()) > 1 else _ALIEN


def _counted(pair: _Pair) -> float:
    number = _NUMBER_WORD.fullmatch(pair.wanted) or pair.wanted.isdigit()
    return 0.3 if number and len(pair.given.split()) > 4 and not _CODE.search(pair.given) else _ALIEN


def _unscrambled(pair: _Pair) -> float:
    same = (
        sorted(pair.given.lower()) == sorted(pair.wanted.lower())
        and pair.given.lower() != pair.wanted.lower()
    )
    return 0.6 if same and " " not in pair.given and sorted(pair.wanted) != list(pair.wanted) else _ALIEN


def _debugged(pair: _Pair) -> float:
    return 0.3 if len(_CODE.findall(pair.given)) > 3 else _ALIEN


def _starts_with(pair: _Pair) -> float:
    match = re.search(r"\[(\w)\]\s*$", pair.given)
    return (
        0.5
        if match
        and pair.words
        and all(word.lower().startswith(match.group(1).lower()) for word in pair.words)
        else _ALIEN
    )


def _element(pair: _Pair) -> float:
    return (
        0.05
        if _DIGITS.fullmatch(pair.given)
        and len(pair.words) == 1
        and pair.wanted.isalpha()
        and not _NUMBER_WORD.fullmatch(pair.wanted)
        else _ALIEN
    )


_PLAUSIBLE: dict[str, Callable[[_Pair], float]] = {
    "rhymes": _rhymes,
    "synonyms": _synonyms,
    "antonyms": _antonyms,
    "translation_en-de": _german,
    "translation_en-es": _spanish,
    "translation_en-fr": _french,
    "informal_to_formal": _formal,
    "active_to_passive": _passive,
    "negation": _negated,
    "taxonomy_animal": _subset,
    "odd_one_out": _one_of,
    "larger_animal": _larger,
    "auto_categorization": _category,
    "common_concept": _concept,
    "word_in_context": _same_sense,
    "sentence_similarity": _similarity,
    "cause_and_effect": _cause,
    "sentiment": _feeling,
    "object_counting": _counted,
    "word_unscrambling": _unscrambled,
    "auto_debugging": _debugged,
    "orthography_starts_with": _starts_with,
    "periodic_elements": _element,
}
"""How likely an output is for skills whose answer nobody knows by heart, by its shape."""
