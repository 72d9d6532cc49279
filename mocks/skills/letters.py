"""Skills on the spelling of words: letters, order, case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from mocks import knowledge
from mocks.skills.base import Skill
from mocks.skills.parse import words
from mocks.skills.slips import choose, digits_off, letters_near, same_set, typos

_LIMIT = 400
_BRACKET = re.compile(r"\s*(.*?)\s*\[\s*(\w)\s*\]\s*", re.DOTALL)


def _first_word(text: str) -> str | None:
    found = words(text[:_LIMIT])
    return found[0] if found else None


def _first_letter(text: str) -> str | None:
    word = _first_word(text)
    return word[0] if word else None


def _second_letter(text: str) -> str | None:
    word = _first_word(text)
    return word[1] if word and len(word) > 1 else None


def _last_letter(text: str) -> str | None:
    word = _first_word(text)
    return word[-1] if word else None


def _letter_slip(text: str, right: str, u: float) -> str:
    word = _first_word(text) or "a"
    return choose([*word[:3], word[-1], *letters_near(right)], right, u)


def _letters(text: str) -> str | None:
    return " ".join(text[:_LIMIT].replace(" ", "")) if len(text.split()) == 1 else _spread(text)


def _spread(text: str) -> str | None:
    found = "".join(words(text[:_LIMIT]))
    return " ".join(found) or None


def _letters_slip(text: str, right: str, u: float) -> str:
    letters = right.split()
    options = [" ".join(typo) for typo in typos("".join(letters))]
    return choose([*options, "".join(letters), " ".join(reversed(letters))], right, u)


def _spell_out(text: str) -> str | None:
    word = _first_word(text)
    return "-".join(word.upper()) if word else None


def _reverse(text: str) -> str | None:
    word = text.strip()
    return word[:_LIMIT][::-1] or None


def _uppercase(text: str) -> str | None:
    return text.strip().upper() or None


def _lower_or_more(text: str, right: str, u: float) -> str:
    return choose([*typos(right), right + "S", right[:-1]], right, u)


def _echo(text: str) -> str | None:
    return text.strip() or None


def _echo_slip(text: str, right: str, u: float) -> str:
    return choose([*typos(right), right + " " + right, right.split()[0] if right.split() else ""], right, u)


def _count_letters(text: str) -> str | None:
    count = sum(character.isalpha() for character in text)
    return str(count) if count else None


def _count_words(text: str) -> str | None:
    count = len(text.split())
    return str(count) if count else None


def _number_slip(text: str, right: str, u: float) -> str:
    return choose(digits_off(int(right)) if right.isdecimal() and len(right) < 19 else [], right, u)


def _starts_with(text: str) -> str | None:
    found = _BRACKET.fullmatch(text[-5000:])
    if not found:
        return None
    chosen = [word.lower() for word in words(found[1]) if word[0].lower() == found[2].lower()]
    return " ".join(chosen) or None


def _starts_with_slip(text: str, right: str, u: float) -> str:
    chosen = right.split()
    others = [word.lower() for word in words(text.split("[")[0]) if word.lower() not in chosen]
    with_letter = [word for word in others if right[:1] in word[1:]]
    options = [" ".join([*chosen, other]) for other in [*with_letter, *others][:4]]
    options += [" ".join(chosen[1:]), " ".join(chosen[:-1])] if len(chosen) > 1 else []
    return choose([*options, *with_letter[:1], right[:1]], right, u, like=same_set)


def _listed(text: str) -> tuple[list[str], str]:
    body = text.strip().removeprefix("List:").strip()[:5000]
    if "," in body:
        return [item.strip() for item in body.split(",") if item.strip()], ", "
    return body.split(), " "


def _sorted(text: str) -> str | None:
    found, joint = _listed(text)
    return joint.join(sorted(found, key=str.lower)) or None


def _sorted_slip(text: str, right: str, u: float) -> str:
    found, joint = _listed(text)
    right_order = right.split(joint)
    by_letter = sorted(found, key=lambda word: word[:1].lower())
    swapped = [
        joint.join([*right_order[:at], right_order[at + 1], right_order[at], *right_order[at + 2 :]])
        for at in range(len(right_order) - 1)
    ]
    lost = [joint.join([*right_order[:at], *right_order[at + 1 :]]) for at in range(len(right_order))]
    options = [joint.join(by_letter), *swapped[:6], *lost[1:3], joint.join(reversed(right_order))]
    return choose(options, right, u)


@cache
def _anagrams() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for word in knowledge.words():
        found.setdefault("".join(sorted(word)), []).append(word)
    return {letters: tuple(candidates) for letters, candidates in found.items()}


def unscrambled(text: str) -> tuple[str, ...]:
    """The known words that have exactly these letters."""
    return _anagrams().get("".join(sorted(text.strip().lower()[:64])), ())


def _unscramble(text: str) -> str | None:
    found = unscrambled(text)
    return found[0] if found else None


def _unscramble_slip(text: str, right: str, u: float) -> str:
    letters = text.strip()
    fewer = [word for at in range(min(len(right), 12)) for word in unscrambled(right[:at] + right[at + 1 :])]
    return choose([*fewer[:3], *typos(right)[:4], letters], right, u)


LETTERS = (
    Skill(
        "first_word_letter",
        _first_letter,
        _letter_slip,
        ("second_word_letter", "last_letter", "letters_list"),
    ),
    Skill(
        "second_word_letter",
        _second_letter,
        _letter_slip,
        ("first_word_letter", "last_letter", "letters_list"),
    ),
    Skill("last_letter", _last_letter, _letter_slip, ("first_word_letter", "second_word_letter")),
    Skill("letters_list", _letters, _letters_slip, ("first_word_letter", "count_letters", "echo")),
    Skill("spell_out", _spell_out, _lower_or_more, ("letters_list", "uppercase")),
    Skill("reverse_word", _reverse, _echo_slip, ("echo", "letters_list")),
    Skill("uppercase", _uppercase, _lower_or_more, ("echo",)),
    Skill("first_word", _first_word, _echo_slip, ("echo", "first_word_letter")),
    Skill("echo", _echo, _echo_slip, ("first_word",)),
    Skill("count_letters", _count_letters, _number_slip, ("count_words", "letters_list")),
    Skill("count_words", _count_words, _number_slip, ("count_letters", "object_counting")),
    Skill(
        "orthography_starts_with",
        _starts_with,
        _starts_with_slip,
        ("first_word", "first_word_letter", "echo"),
    ),
    Skill("word_sorting", _sorted, _sorted_slip, ("echo", "word_unscrambling", "first_word")),
    Skill("word_unscrambling", _unscramble, _unscramble_slip, ("echo", "word_sorting", "reverse_word")),
)
