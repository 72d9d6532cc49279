"""The instructions that a request shows: those with a score, those to vary or to join, and a critique."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_LONGEST = 60_000
_NUMBER = r"[-+]?\d{1,3}(?:\.\d+)?"
_SCORE = (
    r"(?:resulting |validation |average |mean |dev )?(?:scores?|accuracy|rating|fitness|reward|performance)"
)
_SCORE_LINE = re.compile(
    rf"^[ \t\-*>#]*{_SCORE}(?: ?#? ?\d+)?\**[ \t]*[:=]\**[ \t]*(?P<score>{_NUMBER})?[ \t]*%?(?:[ \t]*/[ "
    rf"\t]*\d+)?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER_LINE = re.compile(rf"\s*(?P<score>{_NUMBER})[ \t]*%?[ \t]*(?=\n|$)")
_PREFIX_LINE = re.compile(r"^[ \t\-*]*prefix\b[^\n]*$", re.IGNORECASE | re.MULTILINE)
_BEHIND = re.compile(
    rf"^[ \t]*(?:[-*•] |\(?\d{{1,3}}[.)] )?(?P<text>\S.{{2,2000}}?)[ \t]*(?:\||\(|\[|--|—|–|->|=>|;|,|"  # noqa: RUF001
    rf"\t)[ \t]*"
    rf"(?:{_SCORE}[ \t]*[:=]?[ \t]*)?(?P<score>{_NUMBER})[ \t]*%?[ \t]*[)\]]?[ \t]*\.?$",
    re.IGNORECASE | re.MULTILINE,
)
_BEFORE = re.compile(
    rf"^[ \t]*(?:[-*•] )?[(\[]?(?:{_SCORE}[ \t]*[:=]?[ \t]*)?(?P<score>(?:0?\.\d+|1\.0+|"
    rf"\d{{1,3}}(?:\.\d+)?[ \t]*%|(?<=[:= \[(])\d{{1,3}}(?:\.\d+)?))"
    r"[)\]]?[ \t]*(?::|\||--|—|–|-|\t)[ \t]*(?P<text>\S.{2,2000})$",  # noqa: RUF001
    re.IGNORECASE | re.MULTILINE,
)
_MARK = re.compile(r"^\[\d+\] «|»$", re.MULTILINE)
_LEAD = re.compile(
    r"^(?:[-*•] |\(?\d{1,3}[.)] )?(?:(?:old |new |current |previous |candidate |parent )?(?:instruction|"
    r"prompt|text|candidate)s?[ \t]*(?:#? ?\d{1,3}|[A-F])?[ \t]*:)\s*",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"^[ \t]*(?:[-*•#]+ )?\**(?:(?:basic|base|best|first|second|third|parent|donor|current|original)[ \t]+)?"
    r"(?:prompt|instruction|parent|candidate|text|variant)[ \t]*(?:#? ?\d{1,2}|[A-F]\b)?\**[ \t]*:\**[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_STEP = re.compile(r"\n[ \t]*(?:\d{1,2}[.)]|step \d)(?:[ \t]|$)", re.IGNORECASE)
_META = re.compile(
    r"</?\w+>|\b(?:new|final|better|improved|merged|combined) (?:prompt|instruction|text)\b|\byour "
    r"(?:new|answer)\b|\bformat\b|"
    r"^(?:return|respond|reply|answer|write|generate|give|please|now|output)\b.{0,80}\b(?:prompt|"
    r"instruction|variation|version|text|list|json|reason)s?\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```[^\n`]*\n([\s\S]*?)\n?```")
_TAGGED = re.compile(
    r"<(\w*(?:instruction|prompt|text|parent|candidate|variable)\w*)>\s*([\s\S]{3,6000}?)\s*</\1>",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“«]([^\"”»]{8,4000})[\"”»]")
_NAMED = re.compile(
    r"\b(?:prompt|instruction)s?\b[^\n\"“]{0,40}(?:\bis|\bwas|:)[ \t]*\n?[ \t]*[\"“]([^\"”]{4,4000})[\"”]",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(
    r"[#*\-\s]*(?:input|text|question|q|example|sentence|expected|task)\b[^\n]{0,12}:", re.IGNORECASE
)
_INPUT = re.compile(
    r"^[ \t]*(?:input|text|sentence)[ \t]*:[ \t]*([\s\S]+?)\s*(?:^[ \t]*(?:output|variation|new \w+)[ "
    r"\t]*:[\s\S]*)?$",
    re.IGNORECASE | re.MULTILINE,
)
_PROBLEM = re.compile(
    r"\b(?:problem|trouble|fault)\b[^.\n]{0,60}\bis that:?\s+([^\n]{3,2000})", re.IGNORECASE
)
_CRITIQUE = re.compile(
    r"^[^\n]{0,120}\b(?:reasons?|critique|feedback|problems?|gradients?|weakness(?:es)?|diagnosis|"
    r"suggestions?)\b[^\n]{0,120}?:[ \t]*\n?([\s\S]+?)(?:\n\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


@lru_cache(maxsize=32)
def scored(text: str) -> tuple[tuple[str, float], ...]:
    """(instruction, score) for every instruction that is shown with a score, in the order shown.

    >>> scored("Text: Be brief.\\nScore: 40\\n\\nText: Be exact.\\nScore: 61")
    (('Be brief.', 40.0), ('Be exact.', 61.0))
    """
    return tuple([(told, score) for told, score, _ in _scored(_MARK.sub("", text[:_LONGEST]))])


def without_scored(text: str) -> str:
    """The request without its scored instructions, so that they are not taken for examples."""
    text = _MARK.sub("", text[:_LONGEST])
    for _, _, (start, end) in reversed(_scored(text)):
        text = f"{text[:start]}\n\n{text[end:]}"
    return text


def _scored(text: str) -> list[tuple[str, float, tuple[int, int]]]:
    found = _above_scores(text)
    if found or not re.search(r"\d", text):
        return found
    for pattern in (_BEHIND, _BEFORE):
        found = []
        for match in pattern.finditer(text):
            told = _unlabelled(match["text"])
            if _says(told):
                found.append((told, float(match["score"].rstrip(" %\t")), match.span()))
        if len(found) > 1:
            return found
    return []


def _above_scores(text: str) -> list[tuple[str, float, tuple[int, int]]]:
    """Texts that have their score on the line below."""
    found = []
    start = 0
    for line in _SCORE_LINE.finditer(text):
        end, number = line.end(), line["score"]
        if number is None:
            below = _NUMBER_LINE.match(text, end)
            if below is None:
                continue
            end, number = below.end(), below["score"]
        told = _unlabelled(_PREFIX_LINE.sub("", text[start : line.start()]))
        if _says(told):
            label = [mark.start() for mark in _NUMBERED.finditer(text, start, line.start())]
            place = label[-1] if label else text.rfind(told, start, line.start())
            found.append((told, float(number), (place if place >= 0 else start, end)))
        start = end
    return found


def _says(text: str) -> bool:
    return re.search(r"[^\W\d]{2}", text) is not None


def several(text: str) -> tuple[str, ...]:
    """The instructions that a request numbers or labels; where worked examples precede, the last group."""
    text = text[:_LONGEST]
    marks = list(_NUMBERED.finditer(text))
    found: list[tuple[str, str]] = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(text)
        value = _body(text[mark.end() : end])
        if value:
            found.append((re.sub(r"\W", "", mark.group().lower()), value))
    firsts = [i for i, (name, _) in enumerate(found) if name == found[0][0]]
    if len(firsts) > 1 and re.search(r"(?:1|a)$", found[0][0]):
        found = found[firsts[-1] :]
    told = [value for _, value in found]
    if len(told) < 2:
        told = [value.strip() for _, value in _TAGGED.findall(text)] or told
    if len(told) < 2:
        told = [value.strip() for value in _FENCE.findall(text)] or told
    if len(told) < 2:
        told = _QUOTED.findall(text) or told
    return tuple(told)


def single(text: str) -> str:
    """The one instruction that a request is about; "" where none is found."""
    text = text[:_LONGEST]
    named = _NAMED.search(text)
    if named:
        return named.group(1).strip()
    for found in (_FENCE.findall(text), [value for _, value in _TAGGED.findall(text)]):
        told = [value.strip() for value in found if len(value.split()) > 1 and not _META.search(value[:60])]
        if told:
            return str(told[0])
    marks = list(_NUMBERED.finditer(text))
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(text)
        value = _body(text[mark.end() : end])
        if value:
            return value
    match = _INPUT.search(text)
    if match:
        return _body(match.group(1))
    quoted = [value for value in _QUOTED.findall(text) if len(value.split()) > 1]
    if quoted:
        return str(max(quoted, key=len))
    return _rest(text)


def critique(text: str) -> str:
    """What a request says is wrong with an instruction; "" where it says nothing."""
    match = _PROBLEM.search(text[:_LONGEST]) or _CRITIQUE.search(text[:_LONGEST])
    return match.group(1).strip() if match else ""


def ranked(history: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """The history from its best to its worst text, each text once with its mean score."""
    scores: dict[str, list[float]] = {}
    for told, score in history:
        scores.setdefault(told, []).append(score)
    means = [(told, sum(seen) / len(seen)) for told, seen in scores.items()]
    return sorted(means, key=lambda pair: (-pair[1], pair[0]))


def _unlabelled(text: str) -> str:
    told = text.strip()
    # What stands above belongs to the request: the text is the last paragraph, or what a label opens.
    marks = list(_NUMBERED.finditer(told))
    if marks:
        told = told[marks[-1].end() :]
    elif "\n\n" in told:
        told = told.split("\n\n")[-1]
    told = re.sub(r"^\s*(?:text|instruction|prompt)s?:\s*\n", "", told, flags=re.IGNORECASE)
    told = _LEAD.sub("", told.strip()).strip()
    told = re.sub(r"^<(\w+)>\s*|\s*</\w+>$", "", told).strip()
    return told.strip("\"“”'` ").strip()


def _body(text: str) -> str:
    """The instruction that a label opens: up to a step of the request or its closing words."""
    text = text.strip("\n")
    step = _STEP.search(text)
    if step:
        text = text[: step.start()]
    kept: list[str] = []
    for paragraph in text.split("\n\n"):
        if kept and (_META.search(paragraph) or _EXAMPLES.match(paragraph)):
            break
        kept.append(paragraph)
    told = "\n\n".join(kept).strip().strip("`").strip()
    return told.strip('"“”').strip()


def _rest(text: str) -> str:
    """What is left of a request when its own sentences are taken away."""
    paragraphs = [part.strip() for part in text.strip().split("\n\n") if part.strip()]
    if len(paragraphs) > 1:
        kept = [part for part in paragraphs[1:] if not _META.search(part)] or paragraphs[1:]
        return kept[0]
    head, colon, tail = text.partition(":")
    return tail.strip() if colon and len(tail.split()) > 1 and len(head) < 300 else ""
