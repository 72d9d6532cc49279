"""Stocks of rows on sentences, numbers and programs."""

from __future__ import annotations

import re
from functools import cache
from itertools import permutations

import numpy as np

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
from scenarios.tasks.space import Stock, listed

_PEOPLE = (
    "actor artist athlete author baker banker doctor farmer judge king lawyer manager nurse pilot poet president "
    "professor queen sailor scientist secretary senator singer soldier student tailor teacher thief tourist writer"
).split()
_DOINGS = (
    "admire advise avoid believe blame call catch choose contact defend encourage find follow forgive greet hear help "
    "hide introduce invite know lead meet mention notice pay praise recognize recommend remember rescue respect see "
    "stop support surprise teach thank trust understand visit warn watch"
).split()
_AMOUNTS = ("a", "two", "three", "four", "five")


def sums() -> Stock:
    """Two numbers below a hundred a row."""
    return Stock(10_000, lambda at: Row(f"{at // 100} {at % 100}", (str(at // 100 + at % 100),)))


def differences() -> Stock:
    """Two numbers a row, the larger one first, as in the published files."""
    return Stock(9_900, lambda at: Row(f"{at // 99 + at % 99 + 1} {at // 99}", (str(at % 99 + 1),)))


def numerals() -> Stock:
    """One number below ten thousand a row."""
    return Stock(9_999, lambda at: Row(str(at + 1), (verbal(at + 1),)))


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

    return Stock(count * (count - 1) * len(_DOINGS), at)


def _filled(template: str) -> list[str]:
    fillings = [{"N": name, "P": place} for name in NAMES for place in PLACES]
    found = [re.sub(r"\b[NP]\b", lambda slot, f=filling: f[slot[0]], template) for filling in fillings]  # type: ignore[misc]
    return list(dict.fromkeys(found))


@cache
def negations() -> Stock:
    """A plain statement a row."""
    texts = [text for template in knowledge.lines("facts") for text in _filled(template)]
    return Stock(len(texts), lambda at: Row(texts[at], (SKILLS["negation"].execute(texts[at]) or "",)))


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

    return Stock(len(pairs), at)


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
        rng = stream(0, "sentiment", number)
        mood = ("positive", "negative")[number % 2]
        tone = frames["praise" if mood == "positive" else "blame"][0].split()
        tones = iter(_some(rng, tone, 3))
        text = frames[mood][int(rng.integers(len(frames[mood])))]
        text = re.sub(r"\{[+-]\}", lambda _: next(tones), text)
        for slot, choices in (("{S}", subjects), ("{P}", parts), ("{N}", list(NAMES))):
            text = text.replace(slot, choices[int(rng.integers(len(choices)))])
        return Row(_with_articles(text), (mood,))

    return Stock(12_000, at)


def _with_articles(text: str) -> str:
    return re.sub(r"\b([Aa]) (?=[aeiou])(?!uni|one|eu)", r"\1n ", text)


def _some(rng: np.random.Generator, members: list[str] | tuple[str, ...], count: int) -> list[str]:
    return [members[place] for place in rng.choice(len(members), count, replace=False)]


def counting() -> Stock:
    """Things of one kind, and in some rows fewer of another, as the published files list them."""
    kinds = {
        kind: [member for name in names for member in knowledge.categories()[name]]
        for kind, names in COUNTED.items()
    }

    def at(number: int) -> Row:
        rng = stream(0, "object_counting", number)
        kind, other = _some(rng, tuple(kinds), 2)
        chosen = _some(rng, kinds[kind], int(rng.integers(2, 9)))
        amounts = [int(amount) for amount in rng.choice(5, len(chosen), p=(0.6, 0.2, 0.12, 0.05, 0.03))]
        total = sum(amounts) + len(amounts)
        things = [_counted(amount, item) for amount, item in zip(amounts, chosen, strict=True)]
        if rng.random() < 0.35 and len(chosen) > 2:
            things += [
                _counted(0, item) for item in _some(rng, kinds[other], int(rng.integers(1, len(chosen) - 1)))
            ]
        things = [things[place] for place in rng.permutation(len(things))]
        return Row(f"I have {', '.join(things[:-1])}, and {things[-1]}.", (str(total),))

    return Stock(20_000, at)


def _counted(amount: int, item: str) -> str:
    if amount:
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
        for attempt in range(64):
            texts = _alike(stream(0, "pair", number, attempt), agents, objects, known["places"], number % 6)
            text = f"Sentence 1: {texts[0]} Sentence 2: {texts[1]}"
            if texts[0] != texts[1] and SKILLS["sentence_similarity"].execute(text) == GRADES[number % 6]:
                break
        return Row(text, (SKILLS["sentence_similarity"].execute(text) or "",))

    return Stock(12_000, at)


def _alike(
    rng: np.random.Generator,
    agents: dict[str, tuple[str, ...]],
    objects: dict[str, tuple[str, ...]],
    places: tuple[str, ...],
    grade: int,
) -> tuple[str, str]:
    def one(choices: object) -> str:
        listed = list(choices)  # type: ignore[call-overload]
        return str(listed[int(rng.integers(len(listed)))])

    group, scene = one(agents), one(objects)
    agent, verb, thing = one(agents[group]), one(scene.split()), one(objects[scene])
    other_group, other_scene = (group, scene)
    place = one(places) if rng.random() < 0.5 else ""
    again = [agent, verb, thing, place]
    if grade == 4:
        place, again[3] = (one(places), "") if rng.random() < 0.5 else ("", one(places))
    elif grade == 3:
        slot = 0 if rng.random() < 0.5 else 2
        again[slot] = one(agents[group]) if slot == 0 else one(objects[scene])
    elif grade == 2:
        other_group = one(agents)
        again[0], again[2] = one(agents[other_group]), one(objects[scene])
    elif grade <= 1:
        other_scene = one([other for other in objects if other != scene])
        other_group = group if grade == 1 else one([other for other in agents if other != group])
        again = [
            one(agents[other_group]), one(other_scene.split()), one(objects[other_scene]),
            one(places) if rng.random() < 0.5 else "",
        ]  # fmt: skip
    return _scene(rng, (agent, verb, thing, place)), _scene(rng, (again[0], again[1], again[2], again[3]))


def _scene(rng: np.random.Generator, frame: _Frame) -> str:
    agent, verb, thing = [
        options[int(rng.integers(len(options)))]
        for options in (frame[0].split(), frame[1].split("/"), frame[2].split())
    ]
    does = f"is {gerund(verb)}" if rng.random() < 0.6 else third_person(verb)
    first = "The" if rng.random() < 0.4 else "A"
    article = "the" if rng.random() < 0.4 else "an" if thing[0] in "aeiou" else "a"
    return f"{first} {agent} {does} {article} {thing}{' ' + frame[3] if frame[3] else ''}."


def programs() -> Stock:
    """A program of a few lines a row."""

    def at(number: int) -> Row:
        text = f"```\n{program(number)}\n```"
        return Row(text, (SKILLS["auto_debugging"].execute(text) or "",))

    return Stock(6_000, at)


STOCKS = {
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
