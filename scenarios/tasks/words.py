"""Stocks of rows on single words and lists of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import combinations

from mocks import knowledge
from mocks.skills import SKILLS
from mocks.skills.letters import unscrambled
from mocks.skills.world import shared_concepts
from sandbox.dataset import Row
from scenarios.tasks.space import Draws, Stock, listed

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
    return Stock(len(inputs), lambda at: Row(inputs[at], (execute(inputs[at]) or "",)), distinct=True)


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


def rhymes() -> Stock:
    """One word a row; as in the published lists, the input itself is accepted too."""
    return listed([Row(word, (*others, word)) for word, others in sorted(knowledge.groups("rhymes").items())])


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
    return Stock(len(found), lambda at: Row(_scrambled(found[at]), (found[at],)), distinct=True)


def _scrambled(word: str) -> str:
    draws = Draws("scrambled", word)
    while True:
        order = "".join(draws.mixed(word))
        if order != word:
            return order


def sorting() -> Stock:
    """Two to fifteen words a row, as the published files write the list."""

    def at(number: int) -> Row:
        draws = Draws("word_sorting", number)
        chosen = draws.some(knowledge.words(), draws.below(16, start=2))
        return Row("List: " + " ".join(chosen), (" ".join(sorted(chosen)),))

    return Stock(4_000, at)


_VAGUE = frozenset(
    {"dog", "turtle", "octopus", "parrot", "snake", "whale", "shark", "monkey", "bear", "bass"}
)
"""Animals of many sizes, to be held only against very different ones."""


@cache
def larger_animal() -> Stock:
    """Pairs of animals, one at least half as heavy again as the other, neither a kind of the other."""
    known = sorted(knowledge.masses().items())
    return listed(
        [
            Row(f"{one}, {other}", (one if mass > weight else other,))
            for one, mass in known
            for other, weight in known
            if max(mass, weight) >= (6.0 if {one, other} & _VAGUE else 1.5) * min(mass, weight)
            and not set(one.split()) & set(other.split())
        ]
    )


def taxonomy() -> Stock:
    """Three or four animals among two or three other things a row."""
    kinds = knowledge.categories()

    def at(number: int) -> Row:
        draws = Draws("taxonomy_animal", number)
        animals = draws.some(kinds["animals"], draws.below(5, start=3))
        others = [draws.one(kinds[name]) for name in draws.some(_OTHERS, draws.below(4, start=2))]
        mixed = draws.mixed([*animals, *others])
        return Row(", ".join(mixed), (", ".join([word for word in mixed if word in animals]),))

    return Stock(4_000, at)


def _apart(one: str, other: str) -> bool:
    return one != other and not any({one, other} <= close for close in _CLOSE)


def odd_one_out() -> Stock:
    """Three to five of a kind and one of another, a row."""
    kinds = knowledge.categories()
    names = [name for name, members in kinds.items() if len(members) >= 7]
    apart = {name: [other for other in names if _apart(name, other)] for name in names}

    def at(number: int) -> Row:
        draws = Draws("odd_one_out", number)
        name = names[number % len(names)]
        odd = draws.one(kinds[draws.one(apart[name])])
        mixed = draws.mixed([*draws.some(kinds[name], draws.below(6, start=3)), odd])
        return Row(", ".join(mixed), (odd,))

    return Stock(4_000, at)


def categorization() -> Stock:
    """Three of a kind a row; the kind is asked."""
    kinds = knowledge.categories()
    names = list(kinds)

    def at(number: int) -> Row:
        name = names[number % len(names)]
        first, second, third = Draws("auto_categorization", number).some(kinds[name], 3)
        answers = SKILLS["auto_categorization"].execute(f"{first}, {second}, and {third}") or name
        return Row(f"{first}, {second}, and {third}", (answers, *_ALSO_CALLED.get(answers, ())))

    return Stock(4_000, at)


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


STOCKS: Mapping[str, Callable[[], Stock]] = {
    **{name: partial(spelling, name) for name in ("first_word_letter", "second_word_letter", "letters_list")},
    "singular_to_plural": plurals,
    "antonyms": partial(looked_up, "antonyms"),
    "synonyms": partial(looked_up, "synonyms"),
    "rhymes": rhymes,
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
"""Task -> the function that opens its stock."""
