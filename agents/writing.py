"""How agents read what a model wrote for them: tags, fences, lists, and what comes instead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.protocol import Complete, Completion, Plan, gather
from sandbox.spaces import FreeText

_LABEL = re.compile(r"^(?:new |final |improved )?(?:prompt|instruction)s?\s*(?:\d+\s*)?:\s*", re.IGNORECASE)
_ITEM = re.compile(r"^\s*(?:\d+[.):]|[-*\u2022])\s+")
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "`": "`"}


def tagged(text: str, tag: str = "prompt") -> str | None:
    """What stands between the last pair of tags, to the end where it is not closed; None without."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    start = text.rfind(opening)
    if start < 0:
        return None
    inside, _, _ = text[start + len(opening) :].partition(closing)
    return plain(inside)


def all_tagged(text: str, tag: str) -> list[str]:
    """What stands between each pair of tags, in order; an unclosed one ends where the next begins."""
    parts = text.split(f"<{tag}>")[1:]
    return [plain(part.partition(f"</{tag}>")[0]) for part in parts]


def fenced(text: str) -> str:
    """What stands between the first and the last fence of three backticks, without a language tag.

    An unclosed fence ends with the text; a text without one is taken whole.
    """
    first = text.find("```")
    if first < 0:
        return plain(text)
    last = text.rfind("```")
    inside = text[first + 3 : last] if last > first else text[first + 3 :]
    head, newline, rest = inside.partition("\n")
    if newline and re.fullmatch(r"[\w+-]*", head.strip()):
        inside = rest
    return plain(inside)


def listed(text: str) -> list[str]:
    """The items of a numbered or bulleted list; without one, each line that is not empty."""
    lines = [line for line in text.splitlines() if line.strip()]
    items = [line for line in lines if _ITEM.match(line)]
    return [plain(_ITEM.sub("", line)) for line in items or lines]


def plain(text: str) -> str:
    """The text without white space, a label such as "Prompt:", and quotes around it."""
    text = _LABEL.sub("", text.strip()).strip()
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def candidate(text: str | None, space: FreeText) -> str | None:
    """The text as a candidate: cut to what the space allows; None where nothing is left of it."""
    if text is None or not text.strip():
        return None
    return text.strip()[: space.longest].strip() or None


def write(requests: Sequence[Complete]) -> Plan[list[tuple[str, ...]]]:
    """What the model wrote for each request; nothing where it failed for good.

    Raises:
        BudgetExhausted: if the budget does not cover all of them.
    """
    answers = yield from gather(requests)
    return [answer.texts if isinstance(answer, Completion) else () for answer in answers]


def write_one(request: Complete) -> Plan[str]:
    """One text; empty where the model failed for good.

    Raises:
        BudgetExhausted: if the budget does not cover it.
    """
    (texts,) = yield from write([request])
    return texts[0] if texts else ""
