"""Skills that look a word up: opposites, synonyms, rhymes, translations, definitions."""

from __future__ import annotations

from collections.abc import Callable

from mocks import knowledge
from mocks.skills.base import Skill
from mocks.skills.parse import entry
from mocks.skills.slips import choose, equal, holds, typos


def _looked_up(word: str) -> str:
    return entry(word[:100])


def _antonym(text: str) -> str | None:
    found = knowledge.antonyms().get(_looked_up(text))
    return found[0] if found else None


def _antonym_slip(text: str, right: str, u: float) -> str:
    word = _looked_up(text)
    prefixed = [f"un{word}", f"in{word}", f"not {word}", f"non-{word}"]
    synonyms = [other for other in knowledge.groups("synonyms").get(word, ()) if other != right]
    known = knowledge.antonyms().get(word, ())
    return choose([option for option in [*synonyms[:2], *prefixed] if option not in known], right, u)


def _synonym(text: str) -> str | None:
    found = knowledge.groups("synonyms").get(_looked_up(text))
    return found[0] if found else None


def _synonym_slip(text: str, right: str, u: float) -> str:
    word = _looked_up(text)
    known = knowledge.groups("synonyms").get(word, ())
    options = [*knowledge.antonyms().get(word, ())[:2], *knowledge.groups("rhymes").get(word, ())[:1]]
    options += [word, f"{word}er", f"{word}ness"]
    wrong = [option for option in options if not any(holds(option, other) for other in known)]
    return choose(wrong, right, u, like=holds)


def _rhyme(text: str) -> str | None:
    found = knowledge.groups("rhymes").get(_looked_up(text))
    return found[0] if found else None


def _rhyme_slip(text: str, right: str, u: float) -> str:
    word = _looked_up(text)
    known = {word, *knowledge.groups("rhymes").get(word, ())}
    options = [*knowledge.groups("synonyms").get(word, ())[:2], *_alliterating(word)]
    return choose([option for option in options if option not in known], right, u)


def _alliterating(word: str) -> tuple[str, ...]:
    """Three known words that begin like a word, which is what a poor rhymer offers."""
    known = knowledge.words()
    at = _first_at_or_after(word[:2])
    return known[at : at + 3]


def _first_at_or_after(start: str) -> int:
    from bisect import bisect_left

    return bisect_left(knowledge.words(), start)


def _translator(language: str) -> Callable[[str], str | None]:
    def execute(text: str) -> str | None:
        found = knowledge.translations(language).get(_looked_up(text)) or knowledge.translations(
            language
        ).get(text.strip())
        return found[0] if found else None

    return execute


def _translation_slip(language: str) -> Callable[[str, str, float], str]:
    def slip(text: str, right: str, u: float) -> str:
        word = _looked_up(text)
        accepted = knowledge.translations(language).get(word, ())
        others = [knowledge.translations(other).get(word, ("",))[0] for other in knowledge.LANGUAGES]
        options = [*others, *typos(right)[:3], word, right + ("en" if language == "de" else "s")]
        return choose(
            [option for option in options if not any(equal(option, one) for one in accepted)], right, u
        )

    return slip


def _define(text: str) -> str | None:
    word = _looked_up(text)
    if not word or len(word.split()) > 3:
        return None
    of = knowledge.memberships().get(word)
    if of:
        return f"{word.capitalize()} is one of the {of[0]}."
    return f"{word.capitalize()} is an English word of {len(word)} letters."


def _vague(text: str) -> str | None:
    body = text.strip()
    if not body:
        return None
    start = body.split("\n")[0][:60]
    if len(body.split()) == 1:
        return f"The input is the word {start}, which can mean several things depending on its context."
    return f"The input says that {start[:1].lower()}{start[1:]}, and there are several ways to look at it"


def _explain(text: str) -> str | None:
    body = text.strip()
    if not body:
        return None
    count = len(body.split())
    return f"This input consists of {count} word{'s' if count > 1 else ''} and {len(body)} characters."


def _prose_slip(text: str, right: str, u: float) -> str:
    return choose(
        ["I need more information to answer.", "It depends.", "Please clarify the question."], right, u
    )


LEXICAL = (
    Skill("antonyms", _antonym, _antonym_slip, ("synonyms", "negation", "rhymes")),
    Skill("synonyms", _synonym, _synonym_slip, ("antonyms", "define", "rhymes")),
    Skill("rhymes", _rhyme, _rhyme_slip, ("echo", "synonyms", "antonyms")),
    Skill(
        "translation_en-de",
        _translator("de"),
        _translation_slip("de"),
        ("translation_en-fr", "translation_en-es", "synonyms"),
    ),
    Skill(
        "translation_en-es",
        _translator("es"),
        _translation_slip("es"),
        ("translation_en-fr", "translation_en-de", "synonyms"),
    ),
    Skill(
        "translation_en-fr",
        _translator("fr"),
        _translation_slip("fr"),
        ("translation_en-es", "translation_en-de", "synonyms"),
    ),
    Skill("define", _define, _prose_slip, ("synonyms", "explain")),
    Skill("answer_vaguely", _vague, _prose_slip, ("explain", "echo")),
    Skill("explain", _explain, _prose_slip, ("answer_vaguely", "define")),
)
