"""The form in which a request wants its answer: tags, fences, JSON, fields, brackets, lists or bare text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "a dozen": 12, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, 
    "fifty": 50,
}  # fmt: skip
_MOST = 64
"""Texts in one answer."""
_PRODUCE = (
    r"(?:generate|write|wrote|give|propose|create|produce|formulate|list|suggest|come up with|provide|"
    r"offer|return|draft|devise)"
)
_COUNT = re.compile(
    rf"\b{_PRODUCE}\b[^.\n:;]{{0,40}}?\b(\d{{1,3}}|{'|'.join(_NUMBERS)})\s+(?:[\w-]+\s+){{0,4}}?"
    r"(?:instructions|prompts|variations|variants|reasons|versions|rewrites|candidates|paraphrases|"
    r"critiques|texts|"
    r"alternatives|proposals|guidelines|suggestions|children|weaknesses)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"between|\b(?:in|as|with) <|wrap|bracket|within|inside|\btags?\b|\bstart|begin|enclos|surround|"
    r"format|return|\bput\b|place|\bmark|follow",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(/?)([A-Za-z_][\w-]{0,30})>")
_FENCE = re.compile(
    r"code ?block|triple backtick|fence|(?:within|in|inside|between|by|with) (?:a |the )?``", re.IGNORECASE
)
_SQUARE = re.compile(r"\b(?:in|with|within|inside|between|by) (?:square )?brackets\b", re.IGNORECASE)
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_JSON_LIST = re.compile(
    r"json\W+(?:\w+\W+){0,3}?(?:array|list)|(?:array|list) (?:of strings )?(?:in|as) json|as an array",
    re.IGNORECASE,
)
_JSON_KEYS = re.compile(r"[\"'`](\w+)[\"'`]\s*:|\b(?:keys?|fields?)\W{1,4}[\"'`](\w+)[\"'`]", re.IGNORECASE)
_FIELD = re.compile(r"\[\[ ## (\w+) ## \]\]")
_ORDER_OF_FIELDS = re.compile(r"following order of fields: (.+)")
_NUMBERED = re.compile(r"numbered|number them|as a list", re.IGNORECASE)
_PREFIX = re.compile(
    r"\b(?:begin|start)(?:s|ning|ing)?\s+(?:\w+\s+){0,3}?with\s+(?:the (?:phrase|"
    r"words?)\s+)?[\"“']([A-Z][^\"”'\n]{3,60}?)[.,]?[\"”']",
    re.IGNORECASE,
)
_OPENINGS = re.compile(
    r"^(?:(?:you are an?|act as|imagine you are)\b[^.\n]*\.\s+)?(?:(?:you (?:are|will be) given|you "
    r"(?:get|receive)|the input is)"
    r"\b[^.\n]*\.\s+)?(?:please |kindly |(?:your|the) (?:task|job|goal) is to |i(?: want|'d like| would "
    r"like) you to )?",
    re.IGNORECASE,
)
_OPEN_END = re.compile(r"\binstruction\s+(?:was|is)\s+to\W{0,4}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """How texts become the answer that was asked for."""

    kind: str = "bare"
    """bare, pair (opening and closing marks), json, fields or continued."""
    marks: tuple[str, str] = ("", "")
    names: tuple[str, ...] = ()
    """Keys of a JSON object, or fields, in order."""
    count: int = 1
    numbered: bool = False
    prefix: str = ""
    """What each text has to begin with."""

    def __call__(self, texts: Sequence[str], name: str = "") -> str:
        """The answer with `texts`; `name` is the field that they belong to, where there are several."""
        told = [self._prefixed(text) for text in texts]
        if self.kind == "pair":
            opening, closing = self.marks
            marked = [f"{opening}{text}{closing}" for text in told]
            return "\n".join(
                [f"{i}. {text}" for i, text in enumerate(marked, 1)] if self.numbered else marked
            )
        if self.kind == "json" and not self.names:
            return json.dumps(told, ensure_ascii=False)
        if self.kind in ("json", "fields"):
            return self._fields(told, name)
        if self.kind == "continued":
            return _bare(told[0]) if told else ""
        if len(told) > 1:
            return "\n".join([f"{i}. {text}" for i, text in enumerate(told, 1)] if self.numbered else told)
        return told[0] if told else ""

    def _prefixed(self, text: str) -> str:
        if not self.prefix or text.lower().startswith(self.prefix.lower()):
            return text
        return f"{self.prefix} {_bare(text)}"

    def _fields(self, told: Sequence[str], name: str) -> str:
        main = name if name in self.names else main_field(self.names)
        values = {field: "\n".join(told) if field == main else _aside(field) for field in self.names}
        if self.kind == "json":
            return json.dumps(values, ensure_ascii=False)
        parts = [f"[[ ## {field} ## ]]\n{value}" for field, value in values.items()]
        return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def main_field(names: Sequence[str]) -> str:
    """The field among `names` that holds the instruction, else the last one."""
    wanted = [name for name in names if re.search(r"instruction|prompt", name) and "prefix" not in name]
    return wanted[0] if wanted else names[-1]


def asked_form(system: str, user: str) -> Form:
    """The form that a request asks for."""
    whole = f"{system}\n{user}"
    names = fields_asked(system, user)
    if names:
        return Form("json" if "JSON object" in user or not _FIELD.search(user) else "fields", names=names)
    count = _count(whole)
    prefix = _PREFIX.search(whole)
    begins = prefix.group(1).rstrip(" .,") if prefix and not _TAG.search(prefix.group(1)) else ""
    numbered = _NUMBERED.search(whole) is not None
    marks = _tags(whole)
    if marks is None and _JSON.search(whole):
        if _JSON_LIST.search(whole):
            return Form("json", count=max(count, 1), prefix=begins)
        keys = [first or second for first, second in _JSON_KEYS.findall(whole)]
        return Form("json", names=(main_field(keys),) if keys else ("instruction",), count=1)
    if marks is None and _FENCE.search(whole):
        marks = ("```\n", "\n```")
    if marks is None and _SQUARE.search(whole):
        marks = ("[", "]")
    if marks is not None:
        return Form("pair", marks, count=count, numbered=numbered, prefix=begins)
    if _OPEN_END.search(user.rstrip()):
        return Form("continued")
    return Form(count=count, numbered=numbered or (count > 1 and "line" not in whole.lower()), prefix=begins)


def fields_asked(system: str, user: str) -> tuple[str, ...]:
    """The output fields that a prompt with field markers asks for, or ()."""
    tail = user[user.rfind("Respond with") :] if "Respond with" in user else ""
    order = _ORDER_OF_FIELDS.search(tail)
    if order:
        return tuple(re.findall(r"`(\w+)`", order.group(1)))
    names = [name for name in _FIELD.findall(tail) if name != "completed"]
    if names:
        return tuple(dict.fromkeys(names))
    if "[[ ## " in user or "[[ ## " in system:
        _, _, rest = system.partition("Your output fields are:")
        rest, _, _ = rest.partition("All interactions will be structured")
        return tuple(re.findall(r"^\d+\. `(\w+)`", rest, re.MULTILINE))
    return ()


def _bare(text: str) -> str:
    """A text that goes on after "to": without a role or a polite opening, in lower case."""
    plain = _OPENINGS.sub("", text)
    return plain[:1].lower() + plain[1:]


def _count(text: str) -> int:
    found = _COUNT.search(text)
    if not found:
        return 1
    told = found.group(1).lower()
    return max(1, min(_MOST, _NUMBERS[told] if told in _NUMBERS else int(told)))


def _tags(text: str) -> tuple[str, str] | None:
    """The last pair of tags that is named where the form of the answer is spoken of."""
    best: tuple[str, str] | None = None
    for sentence in re.split(r"(?<=[.!?:])\s+(?![<])|\n{2,}(?![<])", text):
        if "<" not in sentence or not _ASKS.search(sentence):
            continue
        found = _TAG.findall(sentence)
        names = [name for closing, name in found]
        for closing, name in found:
            if closing and name in [other for slash, other in found if not slash]:
                best = (f"<{name}>", f"</{name}>")
        pairs = [("start", "end"), ("begin", "end")]
        lower = [name.lower() for name in names]
        for first, last in pairs:
            if first in lower and last in lower:
                best = (f"<{names[lower.index(first)]}>", f"<{names[lower.index(last)]}>")
        if best is None and len(set(names)) == 1 and re.search(r"\btags?\b", sentence, re.IGNORECASE):
            best = (f"<{names[0]}>", f"</{names[0]}>")
    return best


def _aside(field: str) -> str:
    if "prefix" in field:
        return "Answer:"
    if "reason" in field or "thought" in field:
        return "The examples show what is wanted, so the instruction should say just that."
    return "See above."
