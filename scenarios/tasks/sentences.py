"""Stocks of rows on sentences, numbers and programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import permutations

from mocks import knowledge
from mocks.skills import SKILLS
from mocks.skills.grammar import formal_pairs
from mocks.skills.inflection import gerund, past, plural, third_person
from mocks.skills.numbers import COUNTED, verbal
from mocks.skills.parse import words
from mocks.skills.sentences import GRADES, NAMES, PLACES, cause_pairs
from sandbox.dataset import Row
from sandbox.streams import stream
from scenarios.tasks.programs import program
from scenarios.tasks.space import Draws, Stock, listed

_PEOPLE = knowledge.listed("function-words", "people")
_DOINGS = knowledge.listed("function-words", "doings")
_AMOUNTS = ("no", "a", "two", "three", "four", "five")
_USUAL = (1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5)
"""How many of a thing there are: one is the commonest."""


def sums() -> Stock:
    """Two numbers below a hundred a row."""
    return Stock(
        10_000, lambda at: Row(f"{at // 100} {at % 100}", (str(at // 100 + at % 100),)), distinct=True
    )


def differences() -> Stock:
    """Two numbers a row, the larger one first, as in the published files."""
    return Stock(
        9_900, lambda at: Row(f"{at // 99 + at % 99 + 1} {at // 99}", (str(at % 99 + 1),)), distinct=True
    )


def numerals() -> Stock:
    """One number below ten thousand a row."""
    return Stock(9_999, lambda at: Row(str(at + 1), (verbal(at + 1),)), distinct=True)


def actives() -> Stock:
    """Somebody did something to somebody, a row."""
    people = [form for person in _PEOPLE for form in (person, plural(person))]
    count = len(people)

    def at(number: int) -> Row:
        rest, doer = divmod(number, count)
        doing, thing = divmod(rest, count - 1)
        text = (
            f"The {people[doer]} {past(_DOINGS[doing])} the {people[thing if thing < doer else thing + 1]}."
        )
        return Row(text, (SKILLS["active_to_passive"].execute(text) or "",))

    return Stock(count * (count - 1) * len(_DOINGS), at, distinct=True)


def _filled(template: str) -> list[str]:
    fillings = [{"N": name, "P": place} for name in NAMES for place in PLACES]
    found = [re.sub(r"\b[NP]\b", lambda slot, f=filling: f[slot[0]], template) for filling in fillings]  # type: ignore[misc]
    return list(dict.fromkeys(found))


@cache
def negations() -> Stock:
    """A plain statement a row."""
    texts = [text for template in knowledge.lines("facts") for text in _filled(template)]
    return listed([Row(text, (SKILLS["negation"].execute(text) or "",)) for text in texts])


@cache
def starts() -> Stock:
    """A sentence and a letter that begins some of its words, a row."""
    rows = []
    for sentence in knowledge.sense_of():
        for letter in dict.fromkeys(word[0].lower() for word in words(sentence) if word[0].isalpha()):
            chosen = [word.lower() for word in words(sentence) if word[0].lower() == letter]
            rows.append(Row(f"{sentence} [{letter}]", (" ".join(chosen),)))
    return listed(rows)


@cache
def formal() -> Stock:
    """An informal sentence a row."""
    return listed([Row(left, (right,)) for left, right in formal_pairs().items()])


@cache
def contexts() -> Stock:
    """Two sentences that use one word a row, as often in one sense as in two."""
    rows = []
    for word, (first, second) in knowledge.senses().items():
        within = [*permutations(first, 2), *permutations(second, 2)]
        across = [(one, other) for one in first for other in second]
        turned = [(other, one) for one, other in across][: len(within) - len(across)]
        for pairs, answer in ((within, "same"), ([*across, *turned], "not the same")):
            rows += [
                Row(f"Sentence 1: {one} Sentence 2: {other} Word: {word}", (answer,)) for one, other in pairs
            ]
    return listed(rows)


def causes(seed: int) -> Stock:
    """A cause and its effect a row, in an order that the seed decides."""
    pairs = list(cause_pairs().items())

    def at(number: int) -> Row:
        cause, effect = pairs[number]
        return Row(in_some_order(seed, cause, effect), (cause,))

    return Stock(len(pairs), at, distinct=True)


def in_some_order(seed: int, cause: str, effect: str) -> str:
    """How cause_and_effect shows a pair; the published loader draws the order too."""
    first, second = (
        (cause, effect) if stream(seed, "order", cause, effect).random() < 0.5 else (effect, cause)
    )
    return f"Sentence 1: {first} Sentence 2: {second}"


def reviews() -> Stock:
    """A short review a row, every other one favourable."""
    frames = knowledge.sections("reviews")
    kinds = knowledge.sections("sentiment")
    subjects, parts = kinds["subjects"][0].split(), kinds["parts"][0].split()

    def at(number: int) -> Row:
        draws = Draws("sentiment", number)
        mood = ("positive", "negative")[number % 2]
        tone = frames["praise" if mood == "positive" else "blame"][0].split()
        tones = iter(draws.some(tone, 3))
        text = draws.one(frames[mood])
        text = re.sub(r"\{[+-]\}", lambda _: next(tones), text)
        for slot, choices in (("{S}", subjects), ("{P}", parts), ("{N}", list(NAMES))):
            text = text.replace(slot, draws.one(choices))
        return Row(_with_articles(text), (mood,))

    return Stock(4_000, at)


def _with_articles(text: str) -> str:
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def counting() -> Stock:
    """Things of one kind, and in some rows fewer of another, as the published files list them."""
    kinds = {
        kind: [member for name in names for member in knowledge.categories()[name]]
        for kind, names in COUNTED.items()
    }

    def at(number: int) -> Row:
        draws = Draws("object_counting", number)
        kind, other = draws.some(tuple(kinds), 2)
        chosen = draws.some(kinds[kind], draws.below(9, start=2))
        amounts = [draws.one(_USUAL) for _ in chosen]
        things = [_counted(amount, item) for amount, item in zip(amounts, chosen, strict=True)]
        if draws.uniform() < 0.35 and len(chosen) > 2:
            others = draws.some(kinds[other], draws.below(len(chosen) - 1, start=1))
            things += [_counted(1, item) for item in others]
        things = draws.mixed(things)
        return Row(f"I have {', '.join(things[:-1])}, and {things[-1]}.", (str(sum(amounts)),))

    return Stock(4_000, at)


def _counted(amount: int, item: str) -> str:
    if amount > 1:
        return f"{_AMOUNTS[amount]} {plural(item)}"
    return f"{'an' if item[0] in 'aeiou' and not item.startswith('uk') else 'a'} {item}"


_Frame = tuple[str, str, str, str]
"""(agent, verb, object, place)."""


def similarity() -> Stock:
    """Two sentences a row, each of the six grades equally often."""
    known = knowledge.sections("similar")
    agents = {heading: known[heading] for heading in ("people", "animals")}
    objects = {heading: lines for heading, lines in known.items() if heading not in (*agents, "places")}

    def at(number: int) -> Row:
        draws = Draws("sentence_similarity", number)
        for _ in range(64):
            texts = _alike(draws, agents, objects, known["places"], number % 6)
            text = f"Sentence 1: {texts[0]} Sentence 2: {texts[1]}"
            if texts[0] != texts[1] and SKILLS["sentence_similarity"].execute(text) == GRADES[number % 6]:
                break
        return Row(text, (SKILLS["sentence_similarity"].execute(text) or "",))

    return Stock(4_000, at)


def _alike(
    draws: Draws,
    agents: dict[str, tuple[str, ...]],
    objects: dict[str, tuple[str, ...]],
    places: tuple[str, ...],
    grade: int,
) -> tuple[str, str]:
    one = draws.one
    group, scene = one(tuple(agents)), one(tuple(objects))
    agent, verb, thing = one(agents[group]), one(scene.split()), one(objects[scene])
    other_group, other_scene = (group, scene)
    place = one(places) if draws.uniform() < 0.5 else ""
    again = [agent, verb, thing, place]
    if grade == 4:
        place, again[3] = (one(places), "") if draws.uniform() < 0.5 else ("", one(places))
    elif grade == 3:
        slot = 0 if draws.uniform() < 0.5 else 2
        again[slot] = one(agents[group]) if slot == 0 else one(objects[scene])
    elif grade == 2:
        other_group = one(tuple(agents))
        again[0], again[2] = one(agents[other_group]), one(objects[scene])
    elif grade <= 1:
        other_scene = one([other for other in objects if other != scene])
        other_group = group if grade == 1 else one([other for other in agents if other != group])
        again = [
            one(agents[other_group]), one(other_scene.split()), one(objects[other_scene]),
            one(places) if draws.uniform() < 0.5 else "",
        ]  # fmt: skip
    return _scene(draws, (agent, verb, thing, place)), _scene(draws, (again[0], again[1], again[2], again[3]))


def _scene(draws: Draws, frame: _Frame) -> str:
    agent, verb, thing = [
        draws.one(options) for options in (frame[0].split(), frame[1].split("/"), frame[2].split())
    ]
    does = f"is {gerund(verb)}" if draws.uniform() < 0.6 else third_person(verb)
    first = "The" if draws.uniform() < 0.4 else "A"
    article = "the" if draws.uniform() < 0.4 else "an" if thing[0] in "aeiou" else "a"
    return f"{first} {agent} {does} {article} {thing}{' ' + frame[3] if frame[3] else ''}."


def programs() -> Stock:
    """A program of a few lines a row."""

    def at(number: int) -> Row:
        text = f"```\n{program(number)}\n```"
        return Row(text, (SKILLS["auto_debugging"].execute(text) or "",))

    return Stock(4_000, at)


STOCKS: Mapping[str, Callable[[], Stock]] = {
    "sum": sums,
    "diff": differences,
    "num_to_verbal": numerals,
    "active_to_passive": actives,
    "negation": negations,
    "orthography_starts_with": starts,
    "informal_to_formal": formal,
    "word_in_context": contexts,
    "sentiment": reviews,
    "object_counting": counting,
    "sentence_similarity": similarity,
    "auto_debugging": programs,
}
"""Task -> the function that opens its stock; cause_and_effect depends on the seed too."""
