"""How answers go wrong: one of several wrong texts, by a uniform number."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable

from sandbox.metrics import normalise

_LAST = ("unknown", "none", "I am not sure")


def equal(option: str, right: str) -> bool:
    """Whether exact match takes them for the same."""
    return normalise(option) == normalise(right)


def same_set(option: str, right: str) -> bool:
    """Whether exact set takes them for the same."""
    return set(normalise(option).split()) == set(normalise(right).split())


def holds(option: str, right: str) -> bool:
    """Whether containment, or exact match, takes the option for right."""
    return equal(option, right) or f" {normalise(right)} " in f" {normalise(option)} "


def choose(options: Iterable[str], right: str, u: float, like: Callable[[str, str], bool] = equal) -> str:
    """One of the options that are not like `right`, evenly by `u` in (0, 1)."""
    wrong = [text for text in options if text and normalise(text) and not like(text, right)]
    if not wrong:
        wrong = [text for text in _LAST if not like(text, right)]
    return wrong[int(u * len(wrong))]


def digits_off(number: int) -> list[str]:
    """Numbers near an integer, as bad arithmetic gives them: the nearest first."""
    near = [number + 1, number - 1, number + 10, number - 10, number + 2, number - 2, number + 100]
    text = str(abs(number))
    if len(text) > 1:
        near.append(int(text[:-2] + text[-1] + text[-2]))
    return [str(value) for value in near]


def typos(text: str) -> list[str]:
    """A text with a letter lost, doubled or changed places, at a few spots."""
    found = []
    for at in sorted({len(text) // 2, len(text) // 3, max(len(text) - 2, 0)}):
        while text[at : at + 1].isspace():
            at += 1
        found.append(text[:at] + text[at + 1 :])
        found.append(text[:at] + text[at : at + 1] * 2 + text[at + 1 :])
        found.append(text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :])
    return found


def letters_near(letter: str) -> list[str]:
    """The letters beside one in the alphabet."""
    at = string.ascii_lowercase.find(letter.lower())
    return [string.ascii_lowercase[(at + step) % 26] for step in (1, -1)] if at >= 0 else ["a", "e"]
