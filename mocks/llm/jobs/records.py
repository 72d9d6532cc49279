"""Worked examples, failures and their feedback, read from a request in whatever shape they stand."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_LONGEST = 60_000
"""Characters of a request that are searched for examples."""
_MOST = 120
"""Examples that are read."""

INPUT, WANTED, GOT, FEEDBACK, SCORE, TEXT = "input", "wanted", "got", "feedback", "score", "text"

_ROLES = (
    (INPUT, r"inputs?|questions?|q|texts?|sentences?|problems?|queries|query|reviews?|documents?|"
    r"passages?|x|task inputs?|words?"),
    (WANTED, r"outputs?|answers?|a|labels?|y|targets?|class|category|correct (?:answer|label|output)|"
    r"(?:expected|gold|true|right|reference|desired|target|ground[- ]truth)(?: (?:answer|label|output|"
    r"response))?|solution"),
    (GOT, r"predictions?|predicted(?: label| answer)?|(?:model(?:'s)?|assistant(?:'s)?|generated|actual|"
    r"your|its)[ _](?:answers?|outputs?|responses?|predictions?|labels?)|got|responses?"),
    (FEEDBACK, r"feedback|comment|evaluation|remark|error|verdict"),
    (SCORE, r"(?:resulting |validation |dev |training )?(?:scores?|accuracy|rating|fitness|metric|reward)"),
    (TEXT, r"(?:old |new |current |previous |candidate |parent )?(?:instructions?|prompts?|candidates?)"),
)  # fmt: skip
_LABEL = re.compile(
    r"^[ \t]*(?:[-*•>] ?|#{1,6} |\(?\d{1,3}[.)] )?\**(?:example \d+ |new |test )?(?:"
    + "|".join([f"(?P<{role}>{names})" for role, names in _ROLES])
    + r")\**(?: ?#? ?\d{1,3})?\**[ \t]*(?::\**|(?=\n))[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
"""A label at the start of a line; without a colon it counts only as a heading."""
_HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)
_ARROW = re.compile(
    r"^[ \t]*(?:[-*•] |\d{1,3}[.)] )?(\S.{0,300}?)[ \t]*(?:->|=>|→|⇒|\t)[ \t]*(\S.{0,200})$", re.MULTILINE
)
_ROW = re.compile(r"^\|([^|\n]+)\|([^|\n]+)\|[ \t]*$", re.MULTILINE)
_ANY_LABEL = re.compile(r"^[ \t]*([A-Z][\w ]{0,30}?)[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_EXAMPLE = re.compile(r"Example\((\{.*?\})\)", re.DOTALL)
_RIGHT = re.compile(
    r"\b(?:correct|right|expected|true|gold|reference|desired|proper|actual)\b(?: \w+)?\s*"
    r"(?:is|was|were|would be|would have been|should be|should have been|:|=)\s*(?:the )?"
    r"(?:\"(?P<a>[^\"\n]+)\"|“(?P<b>[^”\n]+)”|'(?P<c>[^\n]+?)'(?=[.,;!\s]|$)|"
    r"(?P<d>[^\n]+?)(?=[.!;](?:\s|$)|\n|$))"
    r"|\b(?:expected|should (?:be|have been|say|read)|should have (?:answered|said)|instead of .{1,60}? "
    r"it is)\s*:?\s*"
    r"(?:\"(?P<e>[^\"\n]+)\"|'(?P<f>[^\n]+?)'(?=[.,;!\s]|$)|(?P<g>[^\n]+?)(?=[.!;,](?:\s|$)|\n|$))",
    re.IGNORECASE,
)
_PRAISE = re.compile(
    r"\b(?:is correct|correct!?\.?$|^correct|well done|good|right!|that is right|^right)\b", re.IGNORECASE
)
_NESTED = re.compile(r"^(?:q|question|text|input)[ \t]*:[ \t]*", re.IGNORECASE)
_GAP = re.compile(r"^<[A-Za-z_ ]{1,20}>$|^\.\.\.$|^\{\w*\}$|^\[\w*\]$|^N/A$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """One example, as far as the request tells it; an empty text is what it does not tell."""

    input: str = ""
    wanted: str = ""
    got: str = ""
    feedback: str = ""

    @property
    def failed(self) -> bool:
        """Whether it shows a wrong answer."""
        return (
            bool(self.got) and bool(self.wanted) and self.got.strip().lower() != self.wanted.strip().lower()
        )


@lru_cache(maxsize=32)
def records(text: str) -> tuple[Record, ...]:
    """The examples of a request, in its order.

    >>> records("Input: hot\\nOutput: cold\\n\\nInput: big\\nOutput: small")[1].wanted
    'small'
    """
    text = text[:_LONGEST]
    found = list(_structured(text)) or _labelled(text)
    if not [record for record in found if record.wanted]:
        found = _pairs(text) or found
    told = [_completed(record) for record in found if record.input or record.feedback]
    return tuple(told[:_MOST])


def labelled(text: str) -> list[tuple[str, str]]:
    """(role, value) for every labelled part of a text, in order; see `INPUT` and its like."""
    marks: list[re.Match[str]] = []
    for mark in _LABEL.finditer(text):
        shape = mark.group()
        if not (shape.rstrip().endswith(":") or "#" in shape or "**" in shape):
            continue
        if marks and mark.lastgroup == marks[-1].lastgroup == INPUT and "#" not in shape:
            between = text[marks[-1].end() : mark.start()]
            # "Sentence 1: ..." inside an input belongs to it.
            if mark[INPUT].lower() != marks[-1][INPUT].lower() and "\n\n" not in between.strip():
                continue
        marks.append(mark)
    found = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(text)
        role = str(mark.lastgroup)
        found.append((role, _value(text[mark.end() : end], heading="#" in mark.group(), role=role)))
    return found


def _value(text: str, *, heading: bool, role: str) -> str:
    """What stands after a label: a paragraph, or under a heading all but the headings below it."""
    if heading:
        plain = _HEADING.sub("", text).strip()
        return re.split(r"\n(?:```|Your task|Now )", plain)[0].strip()
    text = text.strip()
    text = re.split(r"\n(?:#|---|===)" if text.startswith("```") else r"\n(?:#|---|```|===)", text)[0].strip()
    if role == INPUT:
        text = _NESTED.sub("", text)
    return (text if role == INPUT else text.split("\n\n")[0]).strip().strip('"')


def _labelled(text: str) -> list[Record]:
    found: list[Record] = []
    current: dict[str, str] = {}

    def close() -> None:
        if current.get(INPUT) and len(current) > 1:
            found.append(Record(**current))
        current.clear()

    for role, value in labelled(text):
        if role in (SCORE, TEXT):
            if role == TEXT:
                close()
            continue
        if not value or _GAP.match(value):
            continue
        if role in current and role != INPUT:
            # "Answer" may be the model's, where a "Correct answer" follows.
            if role == WANTED and GOT not in current:
                current[GOT] = current[WANTED]
                current[WANTED] = value
            continue
        if role == INPUT:
            close()
        current[role] = value
    close()
    return found


def _structured(text: str) -> Iterator[Record]:
    """Examples in JSON or as `Example({...})`."""
    for match in _EXAMPLE.finditer(text):
        try:
            told = ast.literal_eval(match.group(1))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(told, dict):
            yield from _from_mapping(told)
    decoder = json.JSONDecoder()
    place = 0
    for _ in range(_MOST):
        starts = [i for i in (text.find("[{", place), text.find('{"', place)) if i >= 0]
        if not starts:
            return
        place = min(starts)
        try:
            told, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        place = end
        for entry in told if isinstance(told, list) else [told]:
            if isinstance(entry, dict):
                yield from _from_mapping(entry)


def _from_mapping(told: Mapping[str, Any]) -> Iterator[Record]:
    parts: dict[str, str] = {}
    for key, value in told.items():
        match = _LABEL.match(f"{str(key).replace('_', ' ')}:")
        role = match.lastgroup if match else None
        if role in (INPUT, WANTED, GOT, FEEDBACK) and role not in parts:
            parts[role] = _flat(value)
    if INPUT not in parts and len(told) == 2:
        first, second = told.values()
        parts = {INPUT: _flat(first), WANTED: _flat(second)}
    if INPUT in parts and len(parts) > 1:
        yield Record(**parts)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join([_flat(part) for part in value.values()])
    if isinstance(value, list):
        return _flat(value[0]) if value else ""
    return str(value).strip()


def _pairs(text: str) -> list[Record]:
    """Examples as arrows, table rows, or lines under any two labels that take turns."""
    found = [(x.strip(" |\"'`"), y.strip(" |\"'`")) for x, y in _ARROW.findall(text)]
    rows = [(x.strip(), y.strip()) for x, y in _ROW.findall(text) if not set(x.strip()) <= set("-: ")]
    found = found or rows[1:]
    if not found:
        lines = [(label, value.strip()) for label, value in _ANY_LABEL.findall(text) if value.strip()]
        counts = [label for label, _ in lines]
        both = [label for label in dict.fromkeys(counts) if counts.count(label) >= 2]
        if len(both) == 2:
            kept = [(label, value) for label, value in lines if label in both]
            found = [
                (kept[i][1], kept[i + 1][1])
                for i in range(len(kept) - 1)
                if kept[i][0] == both[0] and kept[i + 1][0] == both[1]
            ]
    return [Record(x, y) for x, y in found if x and y]


def _completed(record: Record) -> Record:
    """With the right answer that the feedback names, where the record does not."""
    if not record.feedback:
        return record
    match = _RIGHT.search(record.feedback)
    told = next((value for value in match.groups() if value), "").strip() if match else ""
    got = record.got or ("" if not record.wanted else record.wanted if told else "")
    if told:
        return Record(record.input, told.strip("'\"` "), got, record.feedback)
    if record.got and not record.wanted and _PRAISE.search(record.feedback):
        return Record(record.input, record.got, record.got, record.feedback)
    return record
