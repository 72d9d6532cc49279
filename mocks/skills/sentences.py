"""Skills that judge sentences: their mood, their order in time, how alike two of them are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from mocks import knowledge
from mocks.skills.base import Skill
from mocks.skills.inflection import gerund, third_person
from mocks.skills.parse import pair, words
from mocks.skills.slips import choose

_LIMIT = 2000
_NEGATIONS = frozenset(knowledge.listed("function-words", "negations"))
GRADES = (
    "0 - definitely not", "1 - probably not", "2 - possibly", "3 - probably", "4 - almost perfectly",
    "5 - perfectly",
)  # fmt: skip
"""The answers of sentence_similarity."""
NAMES = knowledge.listed("function-words", "names")
PLACES = knowledge.listed("function-words", "places")
GROUPS = knowledge.listed("function-words", "groups")


@cache
def _polarity() -> Mapping[str, int]:
    found: dict[str, int] = {}
    for heading, sign in (("positive", 1), ("negative", -1)):
        for line in knowledge.sections("sentiment")[heading]:
            found.update(dict.fromkeys(line.split(), sign))
    frames = knowledge.sections("reviews")
    found.update(dict.fromkeys(frames["praise"][0].split(), 2))
    found.update(dict.fromkeys(frames["blame"][0].split(), -2))
    return found


def _sentiment(text: str) -> str | None:
    found = [word.lower() for word in words(text[:_LIMIT])]
    score = 0
    for at, word in enumerate(found):
        sign = _polarity().get(word, 0)
        if sign > 0 and any(before in _NEGATIONS for before in found[max(at - 3, 0) : at]):
            sign = -sign
        score += sign
    if not found:
        return None
    return "positive" if score > 0 else "negative" if score < 0 else _default_mood(found)


def _default_mood(found: list[str]) -> str:
    """Where no word tells: reviewers who concede or complain are more often against."""
    against = any(
        word in _NEGATIONS or word in ("but", "would", "could", "just", "only", "than") for word in found
    )
    return "negative" if against else "positive"


def _sentiment_slip(text: str, right: str, u: float) -> str:
    other = "negative" if right.lower().startswith("pos") else "positive"
    return choose([other, other, other, "neutral", "mixed"], right, u)


@cache
def cause_pairs() -> Mapping[str, str]:
    """Cause -> effect, all names, groups and places filled in."""
    found: dict[str, str] = {}
    for cause, (effect,) in knowledge.table("causes").items():
        fillings = [{"G": group, "P": place} for group in GROUPS for place in PLACES]
        if re.search(r"\bN\b", cause + effect):
            fillings = [{"N": name} for name in NAMES]
        for filling in fillings:
            first, second = (
                re.sub(r"\b[NGP]\b", lambda slot, f=filling: f[slot[0]], text)  # type: ignore[misc]
                for text in (cause, effect)
            )
            found[first] = second
    return found


@cache
def _effects() -> frozenset[str]:
    return frozenset(cause_pairs().values())


def _cause(text: str) -> str | None:
    found = pair(text)
    if not found:
        return None
    first, second, _ = found
    if cause_pairs().get(first) == second:
        return first
    if cause_pairs().get(second) == first:
        return second
    return first if _causal(first) >= _causal(second) else second


def _causal(sentence: str) -> float:
    """How much a sentence reads like a cause: what is new stands with "a", what follows refers back."""
    low = f" {sentence.lower()} "
    new = sum(
        low.count(word) for word in (" a ", " an ", " broke ", " was ", " were ", " ran out ", " very ")
    )
    old = sum(
        low.count(word) for word in (" the ", " went to ", " bought ", " took ", " called ", " decided ")
    )
    return new - 0.5 * old


def _cause_slip(text: str, right: str, u: float) -> str:
    found = pair(text)
    first, second = (found[0], found[1]) if found else (text.strip(), "")
    return choose(
        [first, second, f"{first} {second}", "Sentence 1" if first == right else "Sentence 2"], right, u
    )


@cache
def _slots() -> Mapping[str, tuple[str, str, str]]:
    """Word of our similarity sentences -> (slot, meaning, class)."""
    found: dict[str, tuple[str, str, str]] = {}
    for heading, lines in knowledge.sections("similar").items():
        if heading == "places":
            continue
        slot = "agent" if heading in ("people", "animals") else "object"
        for line in lines:
            for word in line.split():
                found[word] = (slot, line, heading)
        if slot == "object":
            for verbs in heading.split():
                for verb in verbs.split("/"):
                    for form in (verb, gerund(verb), third_person(verb)):
                        found[form] = ("action", verbs, "")
    return found


def _frame(sentence: str) -> dict[str, tuple[str, str]] | None:
    known = _slots()
    low = sentence.lower().rstrip(".")
    frame = {known[word][0]: known[word][1:] for word in low.split() if word in known}
    place = next((place for place in knowledge.sections("similar")["places"] if low.endswith(place)), "")
    return {**frame, "place": (place, "")} if {"agent", "action", "object"} <= set(frame) else None


def _similarity(text: str) -> str | None:
    found = pair(text)
    if not found:
        return None
    frames = [_frame(sentence) for sentence in found[:2] if sentence]
    if len(frames) == 2 and frames[0] and frames[1]:
        return GRADES[_grade(frames[0], frames[1])]
    return GRADES[_overlap(found[0], found[1])]


def _grade(one: dict[str, tuple[str, str]], other: dict[str, tuple[str, str]]) -> int:
    points = 2 * (one["action"] == other["action"])
    for slot in ("agent", "object"):
        points += 2 if one[slot] == other[slot] else one[slot][1] == other[slot][1]
    if points == 6:
        return 5 if one["place"] == other["place"] else 4
    return {5: 3, 4: 2, 3: 2, 2: 1, 1: 1}.get(points, 0)


_FILLERS = frozenset(knowledge.listed("function-words", "fillers"))


def _overlap(one: str, other: str) -> int:
    """A grade by shared words, for sentences about anything."""
    bags = [{_stem(word.lower()) for word in words(text)} - _FILLERS for text in (one, other)]
    both, either = len(bags[0] & bags[1]), len(bags[0] | bags[1])
    share = both / either if either else 1.0
    return sum(share >= bound for bound in (0.1, 0.22, 0.4, 0.6, 0.85))


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word[: -len(ending)]
    return word


def _similarity_slip(text: str, right: str, u: float) -> str:
    at = GRADES.index(right) if right in GRADES else 3
    near = [GRADES[at + step] for step in (1, -1, 2, -2) if 0 <= at + step < len(GRADES)]
    return choose([*near, right.split(" - ")[0] if right else "", "similar", "different"], right, u)


def _same_sense(text: str) -> str | None:
    found = pair(text)
    if not found or not found[2]:
        return None
    known = knowledge.sense_of()
    one, other = known.get(found[0]), known.get(found[1])
    if one and other and one.word == other.word:
        return "same" if one.number == other.number else "not the same"
    # Nothing is known of these sentences: the form and the neighbours of the word must decide.
    shared = {word.lower() for word in words(found[0])} & {word.lower() for word in words(found[1])}
    return "same" if len(shared - _FILLERS) > 1 else "not the same"


def _sense_slip(text: str, right: str, u: float) -> str:
    other = "same" if right.startswith("not") else "not the same"
    return choose([other, other, other, "different" if right == "same" else "yes"], right, u)


SENTENCES = (
    Skill("sentiment", _sentiment, _sentiment_slip, ("answer_vaguely", "explain")),
    Skill("cause_and_effect", _cause, _cause_slip, ("echo", "explain", "sentence_similarity")),
    Skill(
        "sentence_similarity",
        _similarity,
        _similarity_slip,
        ("word_in_context", "explain", "cause_and_effect"),
    ),
    Skill("word_in_context", _same_sense, _sense_slip, ("sentence_similarity", "define", "explain")),
)
