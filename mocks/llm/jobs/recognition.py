"""Which job a prompt asks for: told by its structure, never by the text of a known template.

An ordinary prompt, an instruction with an input to answer, is no job, whatever it shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mocks.llm.jobs import shown
from mocks.llm.jobs.form import Form, asked_form, fields_asked
from mocks.llm.jobs.records import Record, records
from mocks.llm.label_list import labels_in
from sandbox.chat import Messages

_LONGEST = 120_000
_GIST = 6_000
"""Characters in which a job is looked for."""
_OBJECT = r"(?:instruction|prompt|directive|guideline|meta-?prompt)s?\b"
_MODIFIER = (
    r"(?:a|an|the|one|this|that|these|those|each|of|my|our|your|its|me|us|set|list|"
    r"two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|\d{1,3}|"
    r"single|new|better|"
    r"improved|different|differing|revised|final|concise|effective|clear|corresponding|general|possible|"
    r"likely|plausible|"
    r"own|more|best|short|precise|task|system|user's|diverse|distinct|alternative|candidate|natural|"
    r"language|following|"
    r"given|above|below|current|existing|original|underlying|correct|optimal|updated|rewritten|"
    r"high-quality|zero-shot|"
    r"good|next|first|second|basic|base|old|previous|classification|general-purpose|annotation|complete|"
    r"whole|"
    r"up|out|down|with|hidden|unknown|shared|common|single-sentence|one-sentence|self-contained|"
    r"detailed|and|or|,)"
)
_RUN = rf"(?:[\s,]+{_MODIFIER}){{0,9}}[\s]+"
_VERB = (
    r"(?:write|generate|create|propose|give|produce|formulate|suggest|provide|come|devise|design|draft|"
    r"infer|induce|guess|"
    r"deduce|find|identify|determine|reconstruct|state|recover|return|output|was|is|be|figure|work|"
    r"compose|craft|build)"
)
_MAKES = re.compile(rf"\b{_VERB}{_RUN}{_OBJECT}", re.IGNORECASE)
_INDUCES = re.compile(
    r"\binstructions?\s+(?:was|were|is|could have been|must have been)(?:\s+to)?\W*$"
    r"|\bwhat\s+(?:\w+\s+){0,3}(?:was|were|is|could be|might be|could have "
    r"been)\s+(?:\w+\s+){0,3}(?:instruction|prompt)s?\b"
    r"|\binstructed\b[^.\n]{0,40}\bto\b|\b(?:instruction|prompt)\s*:\s*$"
    r"|\b(?:what|which)\s+(?:single\s+)?(?:instruction|prompt)\b",
    re.IGNORECASE,
)
_FRIEND = re.compile(r"\binstruct(?:ed|ion)\b", re.IGNORECASE)
_VARIES = re.compile(
    rf"\b(?:rephras|paraphras|reword|re-?writ|reformulat|restat|vary|varying|variations?|variants?|"
    rf"versions?|synonymous)\w*{_RUN}{_OBJECT}"
    rf"|{_OBJECT}[^.\n]{{0,60}}\b(?:in|using|with) (?:other|different) words",
    re.IGNORECASE,
)
_KEEPS = re.compile(
    r"\b(?:same|semantic|core|original|preserv\w*|keep\w*|retain\w*|"
    r"maintain\w*)\b[^.\n]{0,30}\bmeaning\b|\bmeaning\b",
    re.IGNORECASE,
)
_MUTATES = re.compile(
    rf"\b(?:mutat\w*|modify|tweak|perturb|alter|change)(?:{_RUN}{_OBJECT}|\b[^.\n]{{0,60}}\b{_OBJECT})|"
    rf"\b{_OBJECT}[^.\n]{{0,30}}\bmutat",
    re.IGNORECASE,
)
_CROSSES = re.compile(
    r"\bcross(?:ing)?[- ]?over\b|\b(?:recombin|combin|merg|mix|blend|fus|cross|"
    r"join)\w*\b[^.\n]{0,60}\b(?:prompts|instructions|parents|texts|parts|two|both)\b",
    re.IGNORECASE,
)
_CRITICISES = re.compile(
    r"\breasons?\b[^.\n]{0,60}\b(?:why|wrong|fail|incorrect|mistake|could)|"
    r"\bwhy\b[^.\n]{0,80}\b(?:wrong|fail\w*|incorrect\w*|mistakes?|errors?)\b"
    r"|\bcritici[sz]e\b|\bcritique\b|\bweaknesses\b|\bdiagnos\w+|\bwhat (?:is|was|went) wrong\b",
    re.IGNORECASE,
)
_IMPROVES = re.compile(
    rf"\b(?:improv\w*|better|revis\w*|edit\w*|new|updat\w*|fix\w*|refin\w*|optimi[sz]\w*|correct\w*|"
    rf"rewrit\w*)\b[^.\n]{{0,60}}\b{_OBJECT}|\b{_OBJECT}[^.\n]{{0,60}}\b(?:improv|better|revis|fix)",
    re.IGNORECASE,
)
_SCORED = re.compile(r"\b(?:scor|rating|rated|accurac|fitness|reward|perform)", re.IGNORECASE)
_AHEAD = re.compile(r"\b(?:new|different|better|improved|higher|another|next)\b", re.IGNORECASE)
_NEW_TEXT = re.compile(
    rf"\b(?:new|different|better|improved|next|another)\b[^.\n]{{0,60}}\b(?:text|sentence|{_OBJECT})",
    re.IGNORECASE,
)
_DESCRIBES = re.compile(
    r"\b(?:summari[sz]e|describe|write observations about|characteri[sz]e)\s+(?:the|this|my|a|"
    r"your)\s+(?:\w+\s+){0,2}(?:data ?set|data|task|examples)\b",
    re.IGNORECASE,
)
_PENDING = re.compile(
    r"^[ \t]*(?:output|answer|label|a|response|result|class|category|sentiment|translation|y)[ \t]*:[ \t]*$",
    re.IGNORECASE,
)
_HOUSE = re.compile(r"\A\s*instructions?[ \t]*:", re.IGNORECASE)
_DESCRIPTION = re.compile(r"observ|summar|descri|analysis|about", re.IGNORECASE)
_MEMO = re.compile(r"instruct|prompt|guideline|directive", re.IGNORECASE)
_TASK = re.compile(
    r"(?:following task|task(?: description)?|the task is)\s*:?\s*\n?([^\n]{5,600})", re.IGNORECASE
)
_LABELS = re.compile(
    r"\b(?:labels|classes|categories|label (?:names|list|set|space)|class names)\b"
    r"[^\n:]{0,60}?(?::|\bare\b:?)\s*\[?([^\n\]]{2,2000})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """A job, with all that the prompt gives for it."""

    kind: str
    """induce, paraphrase, cross, mutate, propose, criticise, rewrite, brainstorm or describe."""
    form: Form
    texts: tuple[str, ...] = ()
    """The instructions that it is about; of a crossing, the parents in their order."""
    history: tuple[tuple[str, float], ...] = ()
    records: tuple[Record, ...] = ()
    critique: str = ""
    labels: tuple[str, ...] = ()
    task: str = ""
    """What the prompt says of the task in plain words."""
    also_mutate: bool = False


def request(messages: Messages) -> Request | None:
    """The job that a chat asks for, or None where it asks for an ordinary answer."""
    system = _clipped("\n".join([text for role, text in messages if role in ("system", "developer")]))
    users = [text for role, text in messages if role == "user"]
    user = _clipped(users[-1]) if users else ""
    if "[[ ## " in user or "[[ ## " in system:
        return _by_fields(system, user)
    if (
        not _MEMO.search(user)
        and not _MEMO.search(system)
        and not _CROSSES.search(user)
        and "score" not in user.lower()
    ):
        return None if not _DESCRIBES.search(user) else _described(system, user)
    kind = _kind(system, user)
    return _filled(kind, system, user) if kind else None


def _clipped(text: str, longest: int = _LONGEST) -> str:
    """A text without its middle, where it is very long: what is asked stands at an end."""
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]}\n\n{text[-longest // 2 :]}"


def _gist(system: str, user: str) -> str:
    """Where the request itself stands, without most of a long list of examples."""
    return _clipped(f"{system}\n{user}" if system else user, _GIST)


def _kind(system: str, user: str) -> str | None:
    lines = [line for line in user.split("\n") if line.strip()]
    pending = bool(lines) and _PENDING.match(lines[-1]) is not None
    if pending and (_HOUSE.match(user) or not _VARIES.search(user.split("\nInput:")[0])):
        return None
    if _HOUSE.match(user) and re.search(r"^[ \t]*input[ \t]*:", user, re.IGNORECASE | re.MULTILINE):
        return None
    asks = _gist(system, user)
    if pending:
        return "paraphrase"
    found_history = len(shown.scored(user)) if _SCORED.search(asks) and _AHEAD.search(asks) else 0
    makes = _MAKES.search(asks) is not None
    varies = _VARIES.search(asks) is not None
    if found_history and (_NEW_TEXT.search(asks) or makes or varies):
        return "propose"
    if _CROSSES.search(asks) and (_MEMO.search(asks)) and len(shown.several(user)) >= 2:
        return "cross"
    failing = (
        re.search(r"\bfeedback\b|\bwrong\b|\bfail|\bmistake|\berrors?\b|\bincorrect", asks, re.IGNORECASE)
        is not None
    )
    if _CRITICISES.search(asks) and not _produces_prompt(asks):
        return "criticise"
    if failing and (_IMPROVES.search(asks) or makes):
        return "rewrite"
    if varies and (_KEEPS.search(asks) or not records(user)):
        return "paraphrase"
    if _MUTATES.search(asks) and shown.single(user):
        return "mutate"
    seen = records(user)
    ending = _clipped(user.strip(), _GIST)
    if seen and (_INDUCES.search(ending) or makes or (_FRIEND.search(user) and "instructed" in user.lower())):
        return "induce"
    if _INDUCES.search(ending) and seen:
        return "induce"
    if _IMPROVES.search(asks) and makes and (shown.single(user)):
        return "rewrite"
    if makes and _TASK.search(asks):
        return "brainstorm"
    return "describe" if _DESCRIBES.search(user) else None


def _produces_prompt(asks: str) -> bool:
    """Whether the thing asked for is a new instruction, though reasons are spoken of too."""
    last = asks[-600:]
    return (
        re.search(
            rf"\b(?:write|generate|create|propose|give|produce|provide|return)\b(?:{_RUN}){_OBJECT}",
            last,
            re.IGNORECASE,
        )
        is not None
    )


def _filled(kind: str, system: str, user: str) -> Request:
    asks = _gist(system, user)
    texts: tuple[str, ...] = ()
    if kind == "cross":
        texts = shown.several(user)
    elif kind in ("paraphrase", "mutate", "criticise", "rewrite"):
        one = shown.single(user)
        texts = (one or user.strip(),) if kind in ("paraphrase", "mutate") else ((one,) if one else ())
    history: tuple[tuple[str, float], ...] = ()
    rest = user
    if kind == "propose":
        history, rest = shown.scored(user), shown.without_scored(user)
    seen = () if kind in ("paraphrase", "mutate", "cross") else records(rest)
    task = _TASK.search(asks) if kind in ("brainstorm", "propose", "induce") else None
    return Request(
        kind,
        asked_form("", asks),
        texts,
        history,
        seen,
        shown.critique(user) if kind == "rewrite" else "",
        _labels(asks, seen) if kind in ("induce", "rewrite", "propose", "brainstorm") else (),
        task.group(1).strip() if task else "",
        kind == "cross" and re.search(r"\bmutat", asks, re.IGNORECASE) is not None,
    )


def _labels(text: str, seen: Sequence[Record] = ()) -> tuple[str, ...]:
    """The labels that a request lists."""
    best: tuple[str, ...] = ()
    for match in _LABELS.finditer(text):
        told = [part.strip(" \"'`.") for part in re.split(r"[,;|]", match.group(1))]
        told = [part for part in told if part and len(part) <= 60]
        if len(told) > max(1, len(best)):
            best = tuple(dict.fromkeys(told))
    if best:
        return best
    answers = {record.wanted.lower() for record in seen}
    listed = labels_in(text[:4000])
    return listed if listed and all(label.lower() in answers for label in listed[:2]) else ()


def _described(system: str, user: str) -> Request:
    return Request("describe", asked_form("", _gist(system, user)), records=records(user))


def _by_fields(system: str, user: str) -> Request | None:
    """A job put by field markers: known by the names of the fields that it asks for."""
    asked = fields_asked(system, user)
    parts = re.split(
        r"\[\[ ## (\w+) ## \]\]\s*", user[: user.rfind("Respond with")] if "Respond with" in user else user
    )
    given = {name: value.strip() for name, value in zip(parts[1::2], parts[2::2], strict=False)}
    form = asked_form(system, user)
    everything = "\n\n".join(given.values())
    if any(_MEMO.search(name) and "prefix" not in name for name in asked):
        history = tuple(
            pair
            for name, value in given.items()
            if re.search(r"attempt|previous|history", name)
            for pair in shown.scored(value)
        )
        examples = [
            value for name, value in given.items() if re.search(r"demo|example|feedback|data|sample", name)
        ]
        seen = tuple([record for value in examples for record in records(value)])
        base = next(
            (
                v
                for name, v in given.items()
                if re.search(r"(?:basic|current|base|old|initial)_?(?:instruction|prompt)", name)
            ),
            "",
        )
        task = next(
            (
                v
                for name, v in given.items()
                if re.search(r"dataset_desc|data_summary|task_desc|description", name)
            ),
            "",
        )
        failed = any(record.feedback or record.failed for record in seen)
        kind = "propose" if history else "rewrite" if failed or (base and not seen) else "induce"
        return Request(
            kind, form, (base,) if base else (), history, seen, "", _labels(everything[:4000]), task
        )
    if (
        asked
        and all(_DESCRIPTION.search(name) for name in asked)
        and any(re.search(r"program|example|observ|dataset|module|demo", name) for name in given)
    ):
        return Request("describe", form, records=records(everything), task=everything[:2000])
    return None
