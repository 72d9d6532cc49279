"""What a prompt says: its instruction, its worked examples, the input to answer, and the form of the answer.

It reads the house's own template, a system turn with a user turn, labelled lines in many spellings,
field markers, tags and JSON. Where it knows no shape, the last paragraph of the last user turn is the
input and the rest is the instruction.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise

from mocks.llm.label_list import labels_in
from sandbox.chat import Messages


@dataclass(frozen=True, slots=True)
class Wrap:
    """How an answer must be wrapped so that whoever asked can read it."""

    kind: str = "bare"
    """bare, tag, json or fields."""
    names: tuple[str, ...] = ()
    """The tag, or the fields in order; the last one holds the answer."""

    def __call__(self, answer: str) -> str:
        """The answer in its wrapping."""
        if self.kind == "bare":
            return answer
        if self.kind == "tag":
            return f"<{self.names[0]}>{answer}</{self.names[0]}>"
        *before, last = self.names
        told = dict.fromkeys(before, "The instruction settles it.")
        told[last] = answer
        if self.kind == "json":
            return json.dumps(told, ensure_ascii=False)
        shown = [f"[[ ## {name} ## ]]\n{text}" for name, text in told.items()]
        return "\n\n".join([*shown, "[[ ## completed ## ]]"])


BARE = Wrap()


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt, understood as far as its shape goes."""

    instruction: str
    query: str
    """The input to answer now."""
    demos: tuple[tuple[str, str], ...] = ()
    """Worked examples: (input, output)."""
    labels: tuple[str, ...] = ()
    """The answers that the prompt allows, where it lists them."""
    wrap: Wrap = field(default=BARE)


_LABEL = re.compile(
    r"^[ \t]*(?:\d{1,3}[.)][ \t]*)?(?:example |new |test )?(?:"
    r"(?P<strong>input|question|query|text|q)|(?P<weak>sentence|problem|word|words|passage|review|x)"
    r"|(?P<out>output|answer|label|a|y|result|response|solution|category|class))[ \t]*:",
    re.I | re.M,
)
_TAG = re.compile(
    r"<([A-Za-z_][\w-]{0,30})>[^<>]{0,40}</\1>|(?:tags?|between|inside|within)\W+<([A-Za-z_][\w-]{0,30})>"
)
_JSON_KEY = re.compile(r"json[^\n]{0,80}?(?:key|field|property)s?\W{0,4}[\"'`](\w+)[\"'`]", re.I)
_JSON_SHAPE = re.compile(r"\{\s*\"(\w+)\"\s*:")
_LEAD = re.compile(r"\A\s*(?:instructions?|task|prompt|system)[ \t]*:[ \t]*", re.I)
_ARROW = re.compile(
    r"^[ \t]*[-*]?[ \t]*(\S(?:(?![.:!?;] ).){0,200}?)[ \t]*(?:->|=>|→)[ \t]*(\S.{0,200})$", re.M
)
"""An example on a line of its own: no sentence goes before it."""
_NUMBERED = re.compile(r"(?:sentence|word|text|option|premise|hypothesis|context)[ \t]*\d*[ \t]*:", re.I)
_ORDER = re.compile(r"<\w+>|\b(?:answer|respond|output|reply|return|write|give)\b", re.I)
_QUOTED = re.compile(r"\"([^\"\n]{1,400})\"|“([^”\n]{1,400})”|(?<!\w)'([^'\n]{1,400})'(?!\w)")
_FIELD = re.compile(r"\[\[ ## (\w+) ## \]\]\s*")
_NOBODY = re.compile(
    r"\s*you(?: are|'re) (?:chatgpt, )?an? (?:(?:helpful|friendly|useful|honest|harmless|polite|smart|"
    r"careful|large|language|ai|and)(?:,? ))*(?:assistant|model|ai|chatbot)(?: trained by \w+)?[.!]?\s*",
    re.I,
)
"""A system text that says nothing of the task, as clients send it where nobody wrote one."""
_LONGEST = 200_000
"""Characters beyond which the middle of a prompt is not read."""


def read(messages: Messages) -> Reading:
    """The reading of any messages at all."""
    turns = [(role, _clipped(text)) for role, text in messages]
    if any("[[ ## " in text for _, text in turns):
        fielded = _fields(turns)
        if fielded is not None:
            return fielded
    system = "\n".join([text for role, text in turns if role in ("system", "developer")])
    talk = [(role, text) for role, text in turns if role not in ("system", "developer")]
    if not talk:
        return plain("", system)
    if _NOBODY.fullmatch(system):
        system = ""
    demos: list[tuple[str, str]] = []
    for (one, asked), (two, told) in pairwise(talk):
        if one != "assistant" and two == "assistant":
            demos.append((bare_query(asked), told.strip()))
    last = talk[-1][1]
    reading = plain(system, last)
    if demos:
        first = plain(system, talk[0][1])
        instruction = reading.instruction if system or reading.instruction else first.instruction
        if not system and first.query != talk[0][1].strip():
            demos[0] = (first.query, demos[0][1])
            instruction = "\n".join([part for part in (first.instruction, reading.instruction) if part])
        reading = Reading(instruction, reading.query, (*demos, *reading.demos), reading.labels, reading.wrap)
    return reading


def plain(system: str, user: str) -> Reading:
    """The reading of one user turn below a system text, either of which may be empty."""
    whole = f"{system}\n{user}"
    body = user.strip("\n")
    head, demos, query = _labelled(body)
    if query is None:
        if system.strip() and not demos:
            head, query = "", body.strip()
        else:
            head, query = _last_paragraph(head)
    before, shown, _ = _labelled(system) if system else ("", (), None)
    instruction = "\n".join([part for part in (before.strip(), _LEAD.sub("", head).strip()) if part])
    if not shown and not demos and ("->" in instruction or "=>" in instruction or "→" in instruction):
        pairs = _ARROW.findall(instruction)
        if len(pairs) > 1:  # a single arrow may be a part of what is wanted, as in English -> German
            shown = tuple([(x.strip(), y.strip()) for x, y in pairs])
            instruction = _ARROW.sub("", instruction).strip()
    return Reading(
        _LEAD.sub("", instruction), query, (*shown, *demos), labels_in(whole[:_LONGEST]), wrapping(whole)
    )


def _labelled(body: str) -> tuple[str, tuple[tuple[str, str], ...], str | None]:
    """(text without examples and input, worked examples, input or None), by the labels at line starts."""
    if ":" not in body:
        return body, (), None
    marks = list(_LABEL.finditer(body))
    answered = any(mark["out"] for mark in marks)
    demos: list[tuple[str, str]] = []
    rest: list[str] = []
    done = 0
    """Up to here the body is used up."""
    opened: re.Match[str] | None = None
    for i, mark in enumerate(marks):
        if mark.start() < done:
            continue
        if mark["out"]:
            if opened is None:
                continue
            told = body[mark.end() :]
            if not told.strip():
                rest.append(body[done : opened.start()])
                return "\n".join(rest), tuple(demos), body[opened.end() : mark.start()].strip()
            end = _end_of_answer(body, mark, marks[i + 1 :], opened)
            answer = body[mark.end() : end].strip()
            if answer:
                rest.append(body[done : opened.start()])
                demos.append((body[opened.end() : mark.start()].strip(), answer))
                done, opened = end, None
        elif opened is None or mark.group().lower() == opened.group().lower():
            starts_paragraph = mark.start() == 0 or body[: mark.start()].rstrip(" \t").endswith("\n\n")
            if mark["strong"] or (answered and (starts_paragraph or demos)):
                opened = mark
    if opened is not None:
        rest.append(body[done : opened.start()])
        return "\n".join(rest), tuple(demos), body[opened.end() :].strip()
    rest.append(body[done:])
    return "\n".join(rest), tuple(demos), None


def _end_of_answer(body: str, mark: re.Match[str], later: list[re.Match[str]], opened: re.Match[str]) -> int:
    """Where the answer after the label `mark` ends: at a blank line, or where the next input begins."""
    start = mark.end()
    while start < len(body) and body[start] in " \t\n":
        start += 1
    blank = body.find("\n\n", start)
    end = blank if blank >= 0 else len(body)
    name = opened.group().strip().lower()
    for other in later:
        if other.start() >= end:
            break
        if other["strong"] or other.group().strip().lower() == name:
            return other.start()
    return end


def wrapping(text: str) -> Wrap:
    """The form that a prompt demands of its answer."""
    if "<" in text:
        tags = [a or b for a, b in _TAG.findall(text)]
        if tags:
            return Wrap("tag", (tags[-1],))
    lower = text[:_LONGEST].lower()
    if "json" in lower:
        key = _JSON_KEY.search(text)
        shape = _JSON_SHAPE.search(text)
        if key is not None:
            return Wrap("json", (key.group(1),))
        if shape is not None:
            return Wrap("json", (shape.group(1),))
    return BARE


def bare_query(text: str) -> str:
    """The input in a user turn, without its label."""
    query = _labelled(text.strip("\n"))[2]
    return text.strip() if query is None else query


def _clipped(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return text[: _LONGEST // 2] + "\n\n" + text[-_LONGEST // 2 :]


def _last_paragraph(body: str) -> tuple[str, str]:
    """Instruction and input in a text without labels."""
    text = body.strip()
    head, _, tail = text.rpartition("\n\n")
    lines = tail.strip().split("\n")
    if not head.strip() or any(_ORDER.search(line) for line in lines[:-1]):
        at = len(lines) - 1
        while at > 0 and _NUMBERED.match(lines[at]) and _NUMBERED.match(lines[at - 1]):
            at -= 1
        before = "\n".join(lines[:at])
        head, tail = f"{head}\n\n{before}".strip(), "\n".join(lines[at:])
    if head.strip():
        return head, tail.strip()
    quoted = _QUOTED.search(text)
    if quoted is not None:
        return text, next(part for part in quoted.groups() if part)
    head, found, tail = text.rpartition(": ")
    return (head, tail.strip()) if found else (text, "")


def _fields(turns: list[tuple[str, str]]) -> Reading | None:
    """The reading of prompts whose parts are marked `[[ ## name ## ]]`."""
    system = "\n".join([text for role, text in turns if role in ("system", "developer")])
    talk = [(role, text) for role, text in turns if role not in ("system", "developer")]
    if not talk:
        return None
    _, _, objective = system.partition("objective is:")
    instruction = "\n".join([line.strip() for line in objective.strip().split("\n")]) or system
    outs = _outputs(system)
    demos = []
    for (one, asked), (two, told) in pairwise(talk):
        if one != "assistant" and two == "assistant":
            demos.append((_inputs(asked), _marked(told, outs)))
    last = talk[-1][1]
    query, _, _ = last.rpartition("\n\nRespond with ")
    kind = "json" if "JSON object" in last or "JSON object" in system else "fields"
    return Reading(instruction, _inputs(query or last), tuple(demos), (), Wrap(kind, outs or ("answer",)))


def _outputs(system: str) -> tuple[str, ...]:
    """The names of the output fields, from the list at the start of the system text."""
    _, _, rest = system.partition("Your output fields are:")
    rest, _, _ = rest.partition("All interactions will be structured")
    return tuple(re.findall(r"^\d+\. `(\w+)`", rest, re.M))


def _inputs(text: str) -> str:
    """The input fields' values; several fields keep their names."""
    parts = _FIELD.split(text)
    pairs = [(name, value.strip()) for name, value in zip(parts[1::2], parts[2::2], strict=False)]
    pairs = [pair for pair in pairs if pair[0] != "completed"]
    if len(pairs) == 1:
        return pairs[0][1]
    return "\n".join([f"{name}: {value}" for name, value in pairs]) or text.strip()


def _marked(text: str, outs: tuple[str, ...]) -> str:
    """The answer in a turn of the model."""
    parts = _FIELD.split(text)
    found = {name: value.strip() for name, value in zip(parts[1::2], parts[2::2], strict=False)}
    if outs and outs[-1] in found:
        return str(found[outs[-1]])
    try:
        told = json.loads(text)
    except ValueError:
        return text.strip()
    if isinstance(told, dict) and told:
        return str(told.get(outs[-1] if outs else "answer", list(told.values())[-1]))
    return text.strip()
