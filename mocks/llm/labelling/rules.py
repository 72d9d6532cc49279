"""Which cues point to which label, read from free text.

An instruction is cut into clauses. A clause that names a label in the place of an answer gives the
rest of its words to that label: quoted words and short list items are firm cues, the words of running
prose are loose ones. Precedence, order and defaults have clauses of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from mocks.llm.labelling import turns
from mocks.llm.labelling.stems import FUNCTION, SCAFFOLD, content, phrase, tidied, words


@dataclass(frozen=True, slots=True)
class Rule:
    """If all these cues are there and none of those, then this label."""

    all_of: tuple[str, ...]
    """Cues as `mocks.llm.labelling.stems.phrase` gives them."""
    label: int
    none_of: tuple[str, ...] = ()
    against: bool = False
    """The rule says that it is not this label."""


@dataclass(slots=True)
class Guide:
    """What an instruction says about labels."""

    rules: list[Rule] = field(default_factory=list)
    loose: dict[str, set[int]] = field(default_factory=dict)
    """Stem -> labels whose description has it."""
    above: set[tuple[int, int]] = field(default_factory=set)
    """(stronger, weaker) label."""
    default: int | None = None
    first_wins: bool = False
    """The first rule that applies decides."""
    examples: list[tuple[str, int]] = field(default_factory=list)
    """Whole texts with their labels, given in passing."""

    def told(self) -> bool:
        """Whether it says anything beyond the labels themselves."""
        return bool(self.rules or self.loose or self.default is not None or self.examples)


_LONG_EXAMPLE = 4
"""Words from which a quoted text is a worked example and not a cue."""


class Names:
    """Finds labels in a clause: the longest first, short ones only as they are spelt."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.at = {label.lower(): place for place, label in enumerate(labels)}
        spellings = []
        for label in sorted(labels, key=len, reverse=True):
            body = r"[\s_-]+".join(
                [re.escape(part) for part in re.split(r"[\s_-]+", label) if part]
            ) or re.escape(label)
            exact = len(label) <= 2 or label.lower() in FUNCTION
            spellings.append(f"(?-i:{body})" if exact else body)
        one = "|".join(spellings)
        self.any = re.compile(rf"(?<![\w-])(?:{one})(?![\w]|-\w)", re.IGNORECASE)
        self.short = [label for label in labels if len(label) <= 2 or label.lower() in FUNCTION | SCAFFOLD]
        name = rf"{turns.QUOTES}(?P<label>{one}){turns.QUOTES}(?![\w]|-\w)"
        strong = rf"{turns.QUOTES}(?P<a>{one}){turns.QUOTES}"
        self.answer = re.compile(
            rf"(?:(?<!\w)|(?=\W))(?P<verb>{turns.ANSWER}){turns.GLUE}\s*{name}", re.IGNORECASE
        )
        self.start = re.compile(
            rf"^{turns.QUOTES}(?:(?:label|category|class)[:\s]+)?{name}\s*(?:\([^)]*\)\s*)?{turns.QUOTES}"
            rf"(?P<then>{turns.OPENS})",
            re.IGNORECASE,
        )
        self.parts = re.compile(
            rf"(?:[\])}}]\s*)?(?:[,;]\s+(?:and |or |but )?|\s+and )(?=(?:use |choose |answer |label |class )?"
            rf"{turns.QUOTES}(?:{one}){turns.QUOTES}\s*(?:\(|:|=|->|→|for\b|if\b|when\b|is for\b))",
            re.IGNORECASE,
        )
        self.over = re.compile(
            rf"{strong}[\s,]+(?:always |also )?{turns.OVER}\s+(?:the )?{turns.QUOTES}"
            rf"(?P<b>{one}|{turns.EVERYTHING}){turns.QUOTES}(?!\w)",
            re.IGNORECASE,
        )
        self.wins = re.compile(rf"{strong}\s+(?:always )?{turns.WINS}\b", re.IGNORECASE)
        each = rf"{turns.QUOTES}(?:{one}){turns.QUOTES}"
        self.chain = re.compile(rf"{each}(?:\s*(?:>|≻|»|before)\s*{each})+", re.IGNORECASE)

    def place(self, spelt: str) -> int | None:
        """The label with this spelling."""
        key = re.sub(r"\s+", " ", spelt.lower())
        if key in self.at:
            return self.at[key]
        flat = re.sub(r"[\s_-]+", "", key)
        return next((place for name, place in self.at.items() if re.sub(r"[\s_-]+", "", name) == flat), None)

    def all_in(self, text: str) -> list[int]:
        """The labels in `text`, in its order."""
        found = [self.place(match.group()) for match in self.any.finditer(text)]
        return [place for place in found if place is not None]


@lru_cache(maxsize=256)
def names_of(labels: tuple[str, ...]) -> Names:
    """The finder for these labels."""
    return Names(labels)


def read_rules(text: str, labels: tuple[str, ...]) -> Guide:
    """What `text` says about which cues point to which of `labels`."""
    guide = Guide()
    if not labels:
        return guide
    names = names_of(labels)
    section: int | None = None
    for line in tidied(text).split("\n"):
        bare = turns.MARKER.sub("", line, count=1).strip()
        if not bare:
            continue
        if bare.count("|") >= 2:
            _table_row(bare, names, guide)
            continue
        heading = names.start.match(bare.strip("#:*_ \t") + ":") if len(bare) < 80 else None
        if heading and heading.end() >= len(bare.strip("#:*_ \t")):
            section = names.place(heading["label"])
            continue
        if line.lstrip().startswith("#"):
            section = None
        here = section
        for clause in _clauses(bare, names):
            found = _clause(clause, names, guide, here)
            here = found if found is not None else here
    return guide


def _clauses(line: str, names: Names) -> Iterator[str]:
    """Sentences and parts of sentences; a quotation is never cut."""
    held: list[str] = []

    def hide(match: re.Match[str]) -> str:
        held.append(match.group())
        return f"\x00{len(held) - 1}\x01"

    for sentence in turns.CLAUSES.split(turns.QUOTED.sub(hide, line)):
        whole = _HIDDEN.sub(lambda match: held[int(match[1])], sentence or "")
        for part in names.parts.split(whole):
            yield from _answers(part.strip(), names)


_HIDDEN = re.compile("\x00(\\d+)\x01")


def _answers(clause: str, names: Names) -> Iterator[str]:
    """Cut a clause with several answers behind each, where something is said between them."""
    found = [] if names.start.match(clause) else list(names.answer.finditer(clause))
    done = 0
    for one, two in pairwise(found):
        if one["label"] != two["label"] and content(clause[one.end() : two.start()]):
            yield clause[done : one.end()]
            done = one.end()
    if clause[done:]:
        yield clause[done:]


def _clause(clause: str, names: Names, guide: Guide, here: int | None) -> int | None:
    """Read one clause; returns the label that it is about."""
    if turns.FIRST.search(clause):
        guide.first_wins = True
    if _precedence(clause, names, guide):
        return None
    named = names.all_in(clause)
    default = turns.DEFAULT.search(clause)
    if default and not re.match(r"(?:otherwise|else)[,\s]+(?:if|when)\b", clause, re.IGNORECASE):
        answer = _last(names.answer, clause, default.start()) or _last(names.answer, clause, 0)
        place = names.place(answer["label"]) if answer else None
        if place is None and len(set(named)) == 1:
            place = named[0]
        if place is not None:
            guide.default = place
            return None
    if len(set(named)) >= 3 and (
        turns.LIST_LINE.search(clause) or len(content(names.any.sub(" ", clause))) <= 1
    ):
        return None
    label, rest = _assigned(clause, names, named)
    if label is None:
        if named or here is None:
            return None
        label, rest = here, clause
    _cues(rest, label, guide, clause)
    return label


def _assigned(clause: str, names: Names, named: list[int]) -> tuple[int | None, str]:
    """The label in the place of an answer, and the clause without it."""
    start = names.start.match(clause)
    if start and not (start["then"] == "," and len(set(named)) > 1):
        return names.place(start["label"]), f"{start['then']} {clause[start.end() :]}"
    answer = _last(names.answer, clause, 0)
    if answer:
        # "cues -> label" is a list of cues; a running sentence need not be
        lead = ": " if turns.POINTS.fullmatch(answer["verb"]) else ""
        return names.place(answer["label"]), f"{lead}{clause[: answer.start()]} , {clause[answer.end() :]}"
    if len(set(named)) == 1 and not any(label in clause for label in names.short):
        return named[0], names.any.sub(" , ", clause)
    return None, clause


def _last(pattern: re.Pattern[str], text: str, start: int) -> re.Match[str] | None:
    """The last place where `pattern` matches, for a label outside quotes if there is one."""
    found = None
    for match in pattern.finditer(text, start):
        found = match
    return found


def _cues(rest: str, label: int, guide: Guide, clause: str) -> None:
    """Give the cues of `rest` to `label`."""
    against = turns.AGAINST.search(clause) is not None
    quoted = list(turns.QUOTED.finditer(rest))
    if quoted:
        _quoted_cues(rest, quoted, label, guide, against)
        return
    condition = turns.CONDITION.search(rest) is not None
    tail = rest
    verbs = list(turns.CUE_VERB.finditer(rest))
    if verbs and content(rest[verbs[0].end() :]):
        tail = rest[verbs[0].end() :]
    elif not condition and not turns.LIST_START.match(rest):
        tail = rest
    items = [item for item in turns.ITEMS.split(tail) if item and content(item)]
    short = [item for item in items if len(_bare_words(item)) <= 3]
    listed = bool(verbs or condition or turns.LIST_START.match(rest))
    together = (
        len(items) == 2
        and len(short) == 2
        and (condition or turns.BOTH.search(rest))
        and _joined(tail, items)
    )
    if together and listed:
        guide.rules.append(Rule(tuple([_cue(item) for item in items]), label, against=against))
        return
    for item in items:
        if listed and item in short and len(content(item)) <= 3:
            negative = turns.NOT.search(item)
            if negative and not against:
                continue
            guide.rules.append(Rule((_cue(item),), label, against=against))
            if len(content(item)) == 1:
                continue
        if not against:
            for word in content(item):
                guide.loose.setdefault(word, set()).add(label)


def _joined(tail: str, items: list[str]) -> bool:
    first, second = tail.find(items[0]), tail.find(items[1])
    return turns.TOGETHER.match(tail[first + len(items[0]) : second]) is not None or (
        turns.BOTH.search(tail) is not None and "," not in tail.strip(" ,.")
    )


def _bare_words(item: str) -> list[str]:
    return [word for word in words(item) if word.lower() not in FUNCTION and word.lower() not in SCAFFOLD]


def _cue(item: str) -> str:
    return phrase(" ".join(_bare_words(item)))


def _quoted_cues(rest: str, quoted: list[re.Match[str]], label: int, guide: Guide, against: bool) -> None:
    """Quoted words: "a" and "b" belong together, a comma or an "or" separates."""
    texts = [next(filter(None, match.groups())) for match in quoted]
    gaps = [rest[one.end() : two.start()] for one, two in pairwise(quoted)]
    joined = [turns.TOGETHER.match(gap) is not None for gap in gaps]
    every = turns.BOTH.search(rest) is not None and not any(re.search(r"\bor\b", gap) for gap in gaps)
    commas = any(gap.strip() == "," for gap in gaps)
    groups: list[list[str]] = []
    barred: list[str] = []
    for place, text in enumerate(texts):
        if len(words(text)) >= _LONG_EXAMPLE:
            guide.examples.append((text, label))
            continue
        cue = phrase(text)
        before = rest[quoted[place - 1].end() if place else 0 : quoted[place].start()]
        if not cue:
            continue
        if turns.NOT.search(before) and not against:
            barred.append(cue)
        elif groups and place and (every or (joined[place - 1] and not commas)):
            groups[-1].append(cue)
        else:
            groups.append([cue])
    if len(groups) == len(texts):
        beside = [turns.BESIDE.match(rest[quote.end() :]) for quote in quoted]
        groups += [
            [cue] for match in beside if match and content(match["cue"]) and (cue := _cue(match["cue"]))
        ]
    for group in groups:
        guide.rules.append(Rule(tuple(group), label, tuple(barred), against))


def _precedence(clause: str, names: Names, guide: Guide) -> bool:
    """Read who wins over whom; True if the clause says nothing else."""
    found = False
    for match in names.over.finditer(clause):
        a, b = names.place(match["a"]), names.place(match["b"])
        if a is not None:
            guide.above |= {
                (a, other) for other in ([b] if b is not None else names.at.values()) if other != a
            }
            found = True
    chain = names.chain.search(clause)
    order = None if chain else turns.ORDER.search(clause)
    ranked = names.all_in(chain.group()) if chain else names.all_in(order["list"]) if order else []
    if len(ranked) >= 2 and (chain or not re.search(r"\bif\b[^.]*\banswer\b", clause, re.IGNORECASE)):
        guide.above |= {(a, b) for place, a in enumerate(ranked) for b in ranked[place + 1 :] if a != b}
        return True
    if not found and not turns.QUOTED.search(clause):
        win = names.wins.search(clause)
        a = names.place(win["a"]) if win else None
        if a is not None:
            guide.above |= {(a, other) for other in names.at.values() if other != a}
            return True
    return found


def _table_row(line: str, names: Names, guide: Guide) -> None:
    """A row of a table: the cell that is a label, and the cells with its cues."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    label = None
    for cell in cells:
        place = names.place(cell.strip("\"'`*“” "))
        if place is not None:
            label = place
    if label is None:
        return
    for cell in cells:
        if names.place(cell.strip("\"'`*“” ")) is None and content(cell):
            both = "if both " if turns.BOTH.search(cell) else ""
            _cues(f": {both}{cell}", label, guide, cell)
