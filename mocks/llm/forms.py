"""How answers are dressed: talk around them, and forms that nobody asked for."""

from __future__ import annotations

_ABOUT = {
    "antonyms": ('The opposite of "{x}" is "{y}".', "An antonym for {x} would be {y}."),
    "synonyms": ('A synonym for "{x}" is {y}.', "Another word for {x}: {y}."),
    "first_word_letter": ('The first letter of "{x}" is "{y}".', "It starts with {y}."),
    "second_word_letter": ('The second letter of "{x}" is "{y}".', "The letter in second place is {y}."),
    "sum": ("{x} add up to {y}.", "The sum is {y}."),
    "diff": ("The difference is {y}.", "Subtracting gives {y}."),
    "num_to_verbal": ("{x} is written as {y}.", "In words: {y}."),
    "singular_to_plural": ('The plural of "{x}" is "{y}".', "More than one {x} are {y}."),
    "rhymes": ('"{y}" rhymes with "{x}".', "A rhyme for {x} is {y}."),
    "sentiment": ("The sentiment of this text is {y}.", "This sounds {y} to me."),
    "larger_animal": ("The larger of the two is the {y}.", "Of these, {y} is bigger."),
    "cause_and_effect": ("The cause is: {y}", "What came first: {y}"),
    "odd_one_out": ("The odd one out is {y}.", '"{y}" does not belong with the others.'),
    "periodic_elements": ("Element number {x} is {y}.", "That would be {y}."),
    "object_counting": ("There are {y} in total.", "I count {y}."),
    "translation_en-de": ('"{x}" in German is "{y}".', "The German word is {y}."),
    "translation_en-es": ('"{x}" in Spanish is "{y}".', "The Spanish word is {y}."),
    "translation_en-fr": ('"{x}" in French is "{y}".', "The French word is {y}."),
    "word_unscrambling": ('Unscrambled, "{x}" becomes "{y}".', "The word is {y}."),
    "auto_categorization": ("They all belong to: {y}", "The category is {y}."),
}
_GENERAL = (
    "The answer is {y}.",
    "Sure! Here it is:\n{y}",
    "Certainly. The result would be: {y}",
    "{x} -> {y}",
    "I would say: {y}",
)
_OFF = (
    "Output: {y}",
    "Answer: {y}",
    "{y} (as requested)",
    "**Result** {y}",
    "1. {y}",
    "- {y}\n- (no others)",
    "Result = {y}",
)


def talk(skill: str, query: str, answer: str, luck: float) -> str:
    """The answer with talk around it."""
    templates = (*_ABOUT.get(skill, ()), *_GENERAL)
    return _filled(_pick(templates, luck), query, answer)


def off(answer: str, luck: float) -> str:
    """The answer in a form that nobody asked for."""
    return _filled(_pick(_OFF, luck), "", answer)


def _pick(templates: tuple[str, ...], luck: float) -> str:
    """One of them for a uniform number in (0, 1)."""
    return templates[int(luck * len(templates))]


def _filled(template: str, query: str, answer: str) -> str:
    short = query if len(query) <= 60 and "\n" not in query else "This"
    return template.replace("{y}", answer).replace("{x}", short) if "{x}" not in answer else answer
