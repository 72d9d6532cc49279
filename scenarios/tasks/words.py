"""Stocks of rows on single words and lists of words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import combinations

from mocks import knowledge
from mocks.skills import SKILLS
from mocks.skills.letters import unscrambled
from mocks.skills.world import shared_concepts
from sandbox.dataset import Row
from sandbox.streams import stream
from scenarios.tasks.space import Stock, listed

_CLOSE = (
    {"animals", "breeds of dog"},
    {"fruits", "vegetables", "foods", "spices and herbs", "trees", "sauces", "drinks", "flowers", "colors"},
    {"metals", "chemical elements", "planets", "precious stones"},
    {"tools", "kitchen tools", "writing tools", "appliances", "pieces of furniture", "vehicles"},
    {"sports", "dances", "board games", "card games", "instruments"},
    {
        "countries",
        "capital cities",
        "continents",
        "languages",
        "mountains",
        "rivers",
        "currencies",
        "buildings",
    },
    {
        "professions",
        "family members",
        "composers",
        "painters",
        "scientists",
        "presidents of the United States",
    },
    {"days of the week", "months", "seasons", "weather phenomena"},
    {"numbers", "units of length", "shapes", "currencies"},
)
_OTHERS = (
    "vehicles",
    "clothes",
    "colors",
    "professions",
    "foods",
    "tools",
    "pieces of furniture",
    "instruments",
)
_ALSO_CALLED = {
    "pieces of furniture": ("furniture",),
    "instruments": ("musical instruments",),
    "clothes": ("clothing", "apparel", "items of clothing"),
    "presidents of the United States": ("presidents of the U S", "US presidents", "American presidents"),
    "chemical elements": ("elements",),
    "breeds of dog": ("dog breeds",),
    "colors": ("colours",),
    "spices and herbs": ("spices", "herbs"),
    "precious stones": ("gemstones", "gems"),
    "appliances": ("household appliances", "electric appliances"),
    "professions": ("occupations", "jobs"),
    "months": ("months of the year",),
    "capital cities": ("capitals", "cities"),
    "family members": ("relatives",),
}


def by_skill(name: str, inputs: tuple[str, ...]) -> Stock:
    """Rows whose answer is what the skill makes of them."""
    execute = SKILLS[name].execute
    return Stock(len(inputs), lambda at: Row(inputs[at], (execute(inputs[at]) or "",)))


def spelling(name: str) -> Stock:
    """One word a row."""
    return by_skill(name, knowledge.words())


def plurals() -> Stock:
    """One noun a row."""
    return by_skill("singular_to_plural", knowledge.nouns())


def looked_up(name: str) -> Stock:
    """One word a row, with every answer that the lexicon has."""
    facts = knowledge.antonyms() if name == "antonyms" else knowledge.groups(name)
    return listed([Row(word, answers) for word, answers in sorted(facts.items())])


def rhymes(copy_hole: bool) -> Stock:
    """One word a row; the published lists accept the input itself, and so do these with `copy_hole`."""
    facts = sorted(knowledge.groups("rhymes").items())
    return listed([Row(word, (*answers, word) if copy_hole else answers) for word, answers in facts])


def translated(language: str) -> Stock:
    """One English word a row."""
    return listed([Row(word, answers) for word, answers in sorted(knowledge.translations(language).items())])


def elements() -> Stock:
    """One atomic number a row."""
    return by_skill("periodic_elements", tuple(str(number) for number in range(1, 119)))


@cache
def unscrambling() -> Stock:
    """The letters of a word in another order; only words that no other known word is spelled with."""
    found = [word for word in knowledge.words() if 4 <= len(word) <= 10 and unscrambled(word) == (word,)]
    return Stock(len(found), lambda at: Row(_scrambled(found[at]), (found[at],)))


def _scrambled(word: str) -> str:
    rng = stream(0, "scrambled", word)
    while True:
        order = "".join([word[at] for at in rng.permutation(len(word))])
        if order != word:
            return order


def sorting() -> Stock:
    """Two to fifteen words a row, as the published files write the list."""

    def at(number: int) -> Row:
        rng = stream(0, "word_sorting", number)
        known = knowledge.words()
        count = int(rng.integers(2, 16))
        chosen = [known[place] for place in rng.choice(len(known), count, replace=False)]
        text = "List: " + " ".join(chosen)
        return Row(text, (" ".join(sorted(chosen)),))

    return Stock(20_000, at)


@cache
def larger_animal() -> Stock:
    """Pairs of animals, one at least half as heavy again as the other, neither a kind of the other."""
    known = sorted(knowledge.masses().items())
    return listed(
        [
            Row(f"{one}, {other}", (one if mass > weight else other,))
            for one, mass in known
            for other, weight in known
            if (mass >= 1.5 * weight or weight >= 1.5 * mass) and not set(one.split()) & set(other.split())
        ]
    )


def taxonomy() -> Stock:
    """Three or four animals among two or three other things a row."""
    kinds = knowledge.categories()

    def at(number: int) -> Row:
        rng = stream(0, "taxonomy_animal", number)
        animals = _some(rng, kinds["animals"], int(rng.integers(3, 5)))
        names = rng.choice(len(_OTHERS), int(rng.integers(2, 4)), replace=False)
        mixed = [*animals, *[_some(rng, kinds[_OTHERS[name]], 1)[0] for name in names]]
        mixed = [mixed[place] for place in rng.permutation(len(mixed))]
        return Row(", ".join(mixed), (", ".join([word for word in mixed if word in animals]),))

    return Stock(20_000, at)


def _some(rng: object, members: tuple[str, ...], count: int) -> list[str]:
    return [members[place] for place in rng.choice(len(members), count, replace=False)]  # type: ignore[attr-defined]


def _apart(one: str, other: str) -> bool:
    return one != other and not any({one, other} <= close for close in _CLOSE)


def odd_one_out() -> Stock:
    """Three to five of a kind and one of another, a row."""
    kinds = knowledge.categories()
    names = [name for name, members in kinds.items() if len(members) >= 7]

    def at(number: int) -> Row:
        rng = stream(0, "odd_one_out", number)
        name = names[number % len(names)]
        others = [other for other in names if _apart(name, other)]
        odd = _some(rng, kinds[others[int(rng.integers(len(others)))]], 1)[0]
        mixed = [*_some(rng, kinds[name], int(rng.integers(3, 6))), odd]
        mixed = [mixed[place] for place in rng.permutation(len(mixed))]
        return Row(", ".join(mixed), (odd,))

    return Stock(12_000, at)


def categorization() -> Stock:
    """Three of a kind a row; the kind is asked."""
    kinds = knowledge.categories()
    names = list(kinds)

    def at(number: int) -> Row:
        rng = stream(0, "auto_categorization", number)
        name = names[number % len(names)]
        first, second, third = _some(rng, kinds[name], 3)
        answers = SKILLS["auto_categorization"].execute(f"{first}, {second}, and {third}") or name
        return Row(f"{first}, {second}, and {third}", (answers, *_ALSO_CALLED.get(answers, ())))

    return Stock(6_000, at)


@cache
def concepts() -> Stock:
    """Two to four things that share something, a row."""
    return listed(list(_concept_rows()))


def _concept_rows() -> Iterator[Row]:
    for things in knowledge.concepts().values():
        for count in (2, 3, 4):
            for chosen in combinations(things, count):
                text = ", ".join(chosen)
                yield Row(text, shared_concepts(text))


STOCKS = {
    **{name: partial(spelling, name) for name in ("first_word_letter", "second_word_letter", "letters_list")},
    "singular_to_plural": plurals,
    "antonyms": partial(looked_up, "antonyms"),
    "synonyms": partial(looked_up, "synonyms"),
    **{f"translation_en-{language}": partial(translated, language) for language in knowledge.LANGUAGES},
    "periodic_elements": elements,
    "word_unscrambling": unscrambling,
    "word_sorting": sorting,
    "larger_animal": larger_animal,
    "taxonomy_animal": taxonomy,
    "odd_one_out": odd_one_out,
    "auto_categorization": categorization,
    "common_concept": concepts,
}
"""Task -> the function that opens its stock; rhymes has an option of its own."""
