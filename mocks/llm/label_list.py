"""Which labels a prompt allows: the list of them, found in free text."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from mocks.llm.labelling.stems import tidied

_MARKS = "\"'`*“”‘’[](){}<>"  # noqa: RUF001
_NOUN = (
    r"(?:labels?|categor(?:y|ies)|class(?:es)?|class names?|options?|choices?|answers?|tags?|"
    r"intents?|topics?|sentiments?|emotions?|types?|values?|outputs?)"
)
_LEAD = re.compile(
    rf"\b(?:one of|any of|among|from|between|choose|select|pick|allowed|valid|possible|permitted|{_NOUN})\b",
    re.IGNORECASE,
)
"""What stands in the sentence before a colon that opens a list of labels."""
_OPENER = re.compile(
    rf"(?P<lead>[^.!?\n:]{{0,120}})(?::|=)\s*"
    rf"|\b(?:{_NOUN}\s+(?:are|is one of|must be one of|should be one of)|"
    rf"(?:one of|from|among|between)(?:\s+(?:the|these))?(?:\s+{_NOUN})?)\s+",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"\b(?:(?:classify|categori[sz]e|label|sort|tag|mark|rate|judge|decide|determine)\b[^.\n:]{0,60}?"
    r"\b(?:as|into|is|whether it is|if it is|between)|(?:answer|respond|reply|output|return|write|print|say)"
    r"(?: only)?(?: with)?(?: only)?(?: either)?|either)\s+(?P<list>[^.\n:;]{3,200})",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*(?:[-*•+]|\(?\d{1,3}[.)])\s+(.*)")
_COMMAS = re.compile(r"\s*(?:,\s*(?:and|or)\s+|,|;|\s+or\s+|(?<=[\"'`”])\s+and\s+)\s*", re.IGNORECASE)
_OTHERS = re.compile(r"\s*(?:[|/]|\s+(?:and|or)\s+|\s+vs\.?\s+)\s*", re.IGNORECASE)
_LAST_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“`]([^\"“”`\n]{1,40})[\"”`]|(?<!\w)['‘]([^'‘’\n]{1,40})['’](?!\w)")  # noqa: RUF001
_END = re.compile(r"[.;!?](?:\s|$)|\)\s*[.,]|\s[-–—]\s|\s\(")  # noqa: RUF001
_MOST_WORDS = 5
_MOST_TRIED = 100
_LONGEST_LIST = 20_000
"""Characters."""


@lru_cache(maxsize=1024)
def labels_in(text: str) -> tuple[str, ...]:
    """The labels that `text` allows, in its order; empty if it lists none.

    >>> labels_in("Sort the mails. Answer with one of: spam, ham, not sure. Say nothing else.")
    ('spam', 'ham', 'not sure')
    """
    text = tidied(text)
    best: tuple[str, ...] = ()
    for opener in islice(_OPENER.finditer(text), _MOST_TRIED):
        lead = opener["lead"]
        if lead is not None and not _LEAD.search(lead):
            continue
        found = _listed(text[opener.end() : opener.end() + _LONGEST_LIST], below=lead is not None)
        if len(found) > len(best):
            best = found
    if best:
        return best
    for plain in islice(_PLAIN.finditer(text), _MOST_TRIED):
        found = _alternatives(plain["list"])
        if len(found) > len(best):
            best = found
    return best


def _listed(rest: str, below: bool) -> tuple[str, ...]:
    """The labels at the start of `rest`: on one line, or one a line."""
    first, _, lines = rest.partition("\n")
    if first.strip(" *:") and not _BULLET.match(first):
        return _one_line(first)
    return _one_a_line(rest if _BULLET.match(first) else lines) if below else ()


def _one_a_line(lines: str) -> tuple[str, ...]:
    found: list[str] = []
    for line in lines.split("\n"):
        bullet = _BULLET.match(line)
        if bullet is None and (not line.strip() or len(line.split()) > 3 or ":" in line):
            if found or line.strip():
                break
            continue
        name = re.split(r"\s*(?::|\s[-–—=]|->|→|\()", bullet[1] if bullet else line)[0]  # noqa: RUF001
        found.append(_bare(name))
    return _valid(found)


def _one_line(line: str) -> tuple[str, ...]:
    closing = {"[": "]", "(": ")", "{": "}"}.get(line.lstrip()[:1])
    if closing and closing in line:
        return _items(line[: line.index(closing)])
    end = _END.search(line)
    return _items(line[: end.start()] if end else line)


def _items(text: str) -> tuple[str, ...]:
    items = [item for item in _COMMAS.split(text) if item.strip()]
    if len(items) == 1:
        items = _OTHERS.split(text)
    elif len(items) > 1:  # "a, b and c"
        items[-1:] = _LAST_AND.split(items[-1])
    return _valid([_bare(item) for item in items])


def _alternatives(text: str) -> tuple[str, ...]:
    """Labels of a running sentence: short items with an "or", a slash or a bar between them."""
    quoted = [first or second for first, second in _QUOTED.findall(text)]
    if len(quoted) >= 2:
        return _valid([_bare(item) for item in quoted])
    if not re.search(r"\bor\b|\w[/|]\w", text, re.IGNORECASE):
        return ()
    items = [
        _bare(re.sub(r"^(?:either|with|as|the|a|an|whether)\s+", "", item)) for item in _COMMAS.split(text)
    ]
    if len(items) == 1:
        items = [_bare(item) for item in _OTHERS.split(text)]
    return _valid(items) if all(len(item.split()) <= 2 for item in items) else ()


def _bare(item: str) -> str:
    item = re.sub(r"^(?:either|and|or)\s+", "", item.strip(), flags=re.IGNORECASE)
    return item.strip().strip(_MARKS).rstrip(".,;:!?").strip(_MARKS).strip()


def _valid(items: list[str]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys([item for item in items if item]))
    if len(kept) < 2 or any(len(item.split()) > _MOST_WORDS or len(item) > 60 for item in kept):
        return ()
    return kept
