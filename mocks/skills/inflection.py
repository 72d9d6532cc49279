"""How English words change: plurals, verb forms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from mocks import knowledge

_VOWELS = "aeiou"
_DOUBLING = frozenset(knowledge.listed("function-words", "doubling"))


def plural(noun: str) -> str:
    """The plural of a singular noun, or of the last word of a compound."""
    known = knowledge.table("plurals").get(noun.lower())
    if known:
        return known[0].capitalize() if noun[:1].isupper() else known[0]
    head, space, last = noun.rpartition(" ")
    if space and last:
        return f"{head} {plural(last)}"
    low = noun.lower()
    if low.endswith("y") and len(low) > 1 and low[-2] not in _VOWELS:
        return noun[:-1] + "ies"
    if low.endswith(("s", "x", "z", "ch", "sh")) and low not in ("stomach", "monarch", "epoch", "patriarch"):
        return noun + "es"
    return noun + "s"


def third_person(verb: str) -> str:
    """Base form -> the form for he, she and it."""
    if verb in ("be", "have"):
        return "is" if verb == "be" else "has"
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def past(verb: str) -> str:
    """Base form -> simple past."""
    known = knowledge.table("verbs").get(verb)
    return known[0] if known else _ed(verb)


def participle(verb: str) -> str:
    """Base form -> past participle."""
    known = knowledge.table("verbs").get(verb)
    return known[1] if known else _ed(verb)


def gerund(verb: str) -> str:
    """Base form -> the form on -ing."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing"
    return verb + (verb[-1] if verb in _DOUBLING else "") + "ing"


def _ed(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return verb[:-1] + "ied"
    return verb + (verb[-1] if verb in _DOUBLING else "") + "ed"


@cache
def bases() -> frozenset[str]:
    """The verbs that are known, in their base form."""
    regular = {verb for line in knowledge.lines("verbs") if "|" not in line for verb in line.split()}
    return frozenset(regular | set(knowledge.table("verbs")))


@cache
def past_forms() -> Mapping[str, str]:
    """Simple past -> base form."""
    return {past(verb): verb for verb in sorted(bases())}


@cache
def participles() -> Mapping[str, str]:
    """Past participle -> base form."""
    return {participle(verb): verb for verb in sorted(bases())}


@cache
def third_forms() -> Mapping[str, str]:
    """Form for he, she and it -> base form."""
    return {third_person(verb): verb for verb in sorted(bases())}


@cache
def gerunds() -> Mapping[str, str]:
    """Form on -ing -> base form."""
    return {gerund(verb): verb for verb in sorted(bases())}


def stem_of_past(form: str) -> str | None:
    """The base of a regular past form that no list knows: a guess by spelling."""
    if form.endswith("ied") and len(form) > 4:
        return form[:-3] + "y"
    if form.endswith("ed") and len(form) > 4:
        return form[:-1] if form[-3] in "cgsuvz" or form[-4:-2] in ("at", "ag", "ir", "ur") else form[:-2]
    return None
