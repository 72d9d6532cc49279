"""Skills on numbers: arithmetic, number words, counting, atomic numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from mocks import knowledge
from mocks.skills.base import Skill
from mocks.skills.inflection import plural
from mocks.skills.parse import entry, integers
from mocks.skills.slips import choose, digits_off

_ONES = knowledge.listed("function-words", "number words")
_TENS = knowledge.listed("function-words", "tens")
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_QUANTITY = re.compile(
    r"(a|an|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,4})\s+(.+)", re.IGNORECASE
)
COUNTED: Mapping[str, tuple[str, ...]] = {
    "animals": ("animals",),
    "fruits": ("fruits",),
    "vegetables": ("vegetables",),
    "musical instruments": ("instruments",),
    "household objects": ("pieces of furniture", "appliances", "vehicles"),
}
"""What object_counting tells apart -> the categories of `mocks.knowledge` that belong to it."""


def verbal(number: int) -> str:
    """A non-negative integer below 10^12 in words, as the published task writes them.

    >>> verbal(2231), verbal(1049)
    ('two thousand, two hundred and thirty-one', 'one thousand and forty-nine')
    """
    parts: list[str] = []
    rest = number
    for size, name in _SCALES:
        if rest >= size:
            parts.append(f"{_below_thousand(rest // size)} {name}")
            rest %= size
    if not parts:
        return _below_thousand(rest)
    if rest >= 100:
        parts.append(_below_thousand(rest))
        return ", ".join(parts)
    return ", ".join(parts) + (f" and {_below_thousand(rest)}" if rest else "")


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    small = _ONES[rest] if rest < 20 else _TENS[rest // 10] + (f"-{_ONES[rest % 10]}" if rest % 10 else "")
    if not hundreds:
        return small
    return f"{_ONES[hundreds]} hundred" + (f" and {small}" if rest else "")


def _num_to_verbal(text: str) -> str | None:
    cleaned = text.strip().replace(",", "")
    if not re.fullmatch(r"-?[0-9]{1,12}", cleaned):
        return None
    number = int(cleaned)
    return ("minus " if number < 0 else "") + verbal(abs(number))


def _verbal_slip(text: str, right: str, u: float) -> str:
    digits = text.strip().replace(",", "").lstrip("-")
    options = [digits]
    if re.fullmatch(r"[0-9]{1,12}", digits):
        number = int(digits)
        options += [verbal(int(near)) for near in digits_off(number) if not near.startswith("-")]
        options += [" ".join(_ONES[int(digit)] for digit in digits), verbal(number // 10)]
    return choose(options, right, u)


def _two(text: str) -> tuple[int, int] | None:
    found = integers(text)
    return (found[0], found[1]) if len(found) == 2 else None


def _sum(text: str) -> str | None:
    found = integers(text)
    return str(sum(found)) if len(found) > 1 else None


def _diff(text: str) -> str | None:
    found = _two(text)
    return str(found[0] - found[1]) if found else None


def _absolute(text: str) -> str | None:
    found = _two(text)
    return str(abs(found[0] - found[1])) if found else None


def _product(text: str) -> str | None:
    found = _two(text)
    return str(found[0] * found[1]) if found else None


def _larger(text: str) -> str | None:
    found = integers(text)
    return str(max(found)) if len(found) > 1 else None


def _arithmetic_slip(text: str, right: str, u: float) -> str:
    found = _two(text)
    options = digits_off(int(right)) if re.fullmatch(r"-?\d{1,40}", right) else []
    if found:
        # normalise drops a minus sign, so that -3 and 3 are one answer to every metric.
        options += [str(found[0] + found[1]), str(abs(found[0] - found[1])), text.replace(" ", "")]
    return choose(options, right, u)


def _element(text: str) -> str | None:
    number = text.strip()
    names = knowledge.elements()
    if not re.fullmatch(r"[0-9]{1,3}", number) or not 1 <= int(number) <= len(names):
        return None
    return names[int(number) - 1]


def _element_slip(text: str, right: str, u: float) -> str:
    names = knowledge.elements()
    number = int(text) if re.fullmatch(r"\s*[0-9]{1,3}\s*", text) else 1
    near = [number + step for step in (1, -1, 2, -2, 8, 18)]
    return choose([names[at - 1] for at in near if 1 <= at <= len(names)], right, u)


def _atomic_number(text: str) -> str | None:
    names = knowledge.elements()
    word = entry(text)
    return str(names.index(word) + 1) if word in names else None


@cache
def _kinds() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for kind, names in COUNTED.items():
        for name in names:
            for member in knowledge.categories()[name]:
                found[member] = found[plural(member)] = kind
    extra = {"vegetables": "garlic/head of broccoli/stalk of celery", "animals": "fish/duck/chicken"}
    for kind, members in extra.items():
        for member in members.split("/"):
            found[member] = found[plural(member)] = kind
    return found


def counted(text: str) -> tuple[tuple[int, str | None], ...]:
    """(how many, of what kind) for every item of "I have ..., and ...", or nothing."""
    body = text.strip().rstrip(".")[:5000]
    if not body.lower().startswith("i have "):
        return ()
    found = []
    for item in re.split(r",\s*(?:and\s+)?|\s+and\s+", body[7:]):
        match = _QUANTITY.fullmatch(item.strip())
        if match:
            amount = match[1].lower()
            count = int(amount) if amount.isdecimal() else 1 if amount in ("a", "an") else _ONES.index(amount)
            found.append((count, _kinds().get(match[2].lower())))
    return tuple(found)


def _object_counting(text: str) -> str | None:
    found = counted(text)
    sums: dict[str | None, int] = {}
    for count, kind in found:
        sums[kind] = sums.get(kind, 0) + count
    return str(max(sums.values())) if sums else None


def _counting_slip(text: str, right: str, u: float) -> str:
    found = counted(text)
    near = int(right) if right.isdecimal() and len(right) < 10 else 0
    return choose(
        [str(near + 1), str(near - 1), str(sum(count for count, _ in found)), str(len(found)), str(near + 2)],
        right,
        u,
    )


NUMBERS = (
    Skill("sum", _sum, _arithmetic_slip, ("diff", "product", "echo")),
    Skill("diff", _diff, _arithmetic_slip, ("sum", "product", "echo")),
    Skill("absolute_difference", _absolute, _arithmetic_slip, ("diff", "sum")),
    Skill("product", _product, _arithmetic_slip, ("sum", "diff")),
    Skill("larger_number", _larger, _arithmetic_slip, ("sum", "diff")),
    Skill("num_to_verbal", _num_to_verbal, _verbal_slip, ("echo", "periodic_elements")),
    Skill("periodic_elements", _element, _element_slip, ("num_to_verbal", "echo")),
    Skill("atomic_number", _atomic_number, _arithmetic_slip, ("periodic_elements",)),
    Skill("object_counting", _object_counting, _counting_slip, ("count_words", "echo")),
)
