"""What a mock LLM knows of the world: word lists and facts, written for this project."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

LANGUAGES = ("de", "es", "fr")


@cache
def lines(name: str) -> tuple[str, ...]:
    """The lines of `NAME.txt` beside this file, without comments and empty ones."""
    text = files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return tuple([line for line in text.splitlines() if line and not line.startswith("#")])


@cache
def sections(name: str) -> Mapping[str, tuple[str, ...]]:
    """The lines of `NAME.txt` under its headings in square brackets."""
    found = lines(name)
    heads = [at for at, line in enumerate(found) if line.startswith("[")]
    return {found[at][1:-1]: found[at + 1 : end] for at, end in pairwise([*heads, len(found)])}


@cache
def listed(name: str, heading: str) -> tuple[str, ...]:
    """The words under a heading of `NAME.txt`, in their order."""
    return tuple([word for line in sections(name)[heading] for word in line.split()])


@cache
def table(name: str) -> Mapping[str, tuple[str, ...]]:
    """Lines `key|value|...` of `NAME.txt`; other lines are left out."""
    cells = [line.split("|") for line in lines(name) if "|" in line]
    return {key: tuple(rest) for key, *rest in cells}


@cache
def translations(language: str) -> Mapping[str, tuple[str, ...]]:
    """English word -> its translations into a language of LANGUAGES, the first to be said."""
    at = LANGUAGES.index(language)
    return {word: tuple(row[at].split("/")) for word, row in table("translations").items()}


@cache
def antonyms() -> Mapping[str, tuple[str, ...]]:
    """Word -> its opposites, the first to be said."""
    found: dict[str, list[str]] = {}
    cells = [line.split("|") for line in lines("antonyms") if "|" in line]
    pairs = [(word, other) for word, others in cells for other in others.split("/")]
    for line in lines("antonyms"):
        if "|" not in line:
            prefix, *stems = line.split()
            pairs += [(stem, prefix[:-1] + stem) for stem in stems]
    for word, other in [*pairs, *[(other, word) for word, other in pairs]]:
        others = found.setdefault(word, [])
        if other not in others:
            others.append(other)
    return {word: tuple(others) for word, others in found.items()}


@cache
def groups(name: str) -> Mapping[str, tuple[str, ...]]:
    """Word -> the other words of its lines in `synonyms` or `rhymes`, in their order."""
    found: dict[str, dict[str, None]] = {}
    for line in lines(name):
        members = line.split()
        for word in members:
            found.setdefault(word, {}).update(dict.fromkeys(members))
    return {word: tuple([other for other in others if other != word]) for word, others in found.items()}


@cache
def masses() -> Mapping[str, float]:
    """Animal -> kilograms of a typical adult."""
    return {animal: float(mass) for animal, (mass,) in table("animals").items()}


@cache
def categories() -> Mapping[str, tuple[str, ...]]:
    """Category, in the plural -> its members."""
    return {name.lstrip("*"): tuple(members.split(", ")) for name, (members,) in table("categories").items()}


@cache
def memberships() -> Mapping[str, tuple[str, ...]]:
    """Member, in lower case -> the categories that list it."""
    found: dict[str, list[str]] = {}
    for name, members in categories().items():
        for member in members:
            found.setdefault(member.lower(), []).append(name)
    return {member: tuple(names) for member, names in found.items()}


@cache
def concepts() -> Mapping[str, tuple[str, ...]]:
    """What things have in common -> the things."""
    return {concept: tuple(things.split(", ")) for concept, (things,) in table("concepts").items()}


@cache
def elements() -> tuple[str, ...]:
    """The 118 chemical elements by atomic number; the first is hydrogen."""
    return tuple(lines("elements")[0].split())


class Sense(NamedTuple):
    """Where a sentence of `senses` belongs."""

    word: str
    number: int


@cache
def senses() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Word -> for each of its senses, sentences that use it so."""
    cells = [line.split("|", 1) for line in lines("senses")]
    return {word: tuple([tuple(s.split(" / ")) for s in rest.split("||")]) for word, rest in cells}


@cache
def sense_of() -> Mapping[str, Sense]:
    """Sentence -> the word it is about, and in which sense it uses it."""
    return {
        sentence: Sense(word, number)
        for word, kinds in senses().items()
        for number, sentences in enumerate(kinds)
        for sentence in sentences
    }


@cache
def nouns() -> tuple[str, ...]:
    """Countable nouns in the singular, sorted."""
    listed = {word for line in lines("nouns") for word in line.split()}
    listed |= {line.split("|")[0] for line in sections("translations")["countable"]}
    listed |= {word for word in table("plurals") if word.isalpha()}
    return tuple(sorted(listed - {"scissors", "pliers", "trousers", "tights"}))


@cache
def words() -> tuple[str, ...]:
    """All single English words of three letters or more in these lists, in lower case, sorted."""
    found = {*nouns(), *table("translations"), *antonyms(), *groups("synonyms"), *groups("rhymes")}
    found |= {word for line in lines("words") for word in line.split()}
    found |= {member for members in categories().values() for member in members}
    found |= {*masses(), *elements()}
    return tuple(
        sorted(
            [word for word in found if len(word) > 2 and word.isascii() and word.islower() and word.isalpha()]
        )
    )
