"""What a persona may answer to an input, under its understanding of an instruction: texts with logits.

Each row has a keyed difficulty for each skill. A persona's ability says how difficult a row may be
at all; within its reach, a row is solved as soon as the instruction is stronger than the row is
difficult, smoothly at temperature 1. What is not solved is answered as models answer: the skill next door,
a slip, the input itself, a request for more. And the right answer may come with talk around it or in
a form that nobody asked for.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from mocks.llm.forms import off, talk
from mocks.llm.persona import Persona
from mocks.llm.understanding import Memory, Understanding, Vector
from mocks.skills import SKILLS, right
from sandbox.streams import Uniforms, normal_quantile

_STEEP = 14.0
"""Logits for one unit of strength."""
_STEEP_FORM = 40.0
"""Logits for one unit of talkativeness."""
_BEYOND = -3.5
"""Logit of a right answer beyond the persona's reach: luck."""
_SWAY = 0.25
"""How far wording and row may disagree, in units of strength, where the instruction is half strong."""
_HARDEST = 0.96
"""The strength that solves every row within reach."""

_common = Uniforms(0, "row", count=8)
_luck = Uniforms(0, "row", "luck", count=8)

WRONG_SCORES = {
    "informal_to_formal": 0.40, "common_concept": 0.04, "auto_categorization": 0.02, "synonyms": 0.01,
}  # fmt: skip
"""What wrong answers score on average under the task's own metric, where that is not next to nothing."""


class Row(NamedTuple):
    """What is fixed about an input under a skill, for one persona."""

    answer: str | None
    slip: str
    beside: tuple[tuple[str, str], ...]
    """(skill, its answer) of the neighbours that know one."""
    needs: float
    """The strength that solves it; above 1 where it is beyond the persona's reach."""
    direction: Vector
    talks: float
    sloppy: float
    """Below the persona's shares, the answer talks or is off in form."""
    luck: tuple[float, ...]
    """Gumbel numbers, one for each kind of wrong answer."""


def ability(persona: Persona, skill: str) -> float:
    """The share of rows within reach, such that a perfect instruction scores the persona's ceiling."""
    wrong = WRONG_SCORES.get(skill, 0.0)
    return min(1.0, max(0.0, (persona.ceiling(skill) - wrong) / (1.0 - wrong)))


def look(skill: str, query: str, persona: Persona, memory: Memory) -> Row:
    """The facts about an input under a skill."""
    raw = f"{skill}\0{query}".encode("utf-8", "surrogatepass")
    own = Uniforms(0, "row", persona.name, count=8)(raw)
    ours, mine = math.sqrt(persona.likeness), math.sqrt(1.0 - persona.likeness)
    mixed = [
        ours * normal_quantile(a) + mine * normal_quantile(b) for a, b in zip(_common(raw), own, strict=True)
    ]
    difficulty = 0.5 * math.erfc(-mixed[0] / math.sqrt(2.0))
    reach = ability(persona, skill)
    needs = _HARDEST * difficulty / reach if difficulty < reach else 9.0
    answer = right(skill, query, memory)
    luck = _luck(raw)
    skilled = SKILLS.get(skill)
    slip = ""
    beside: list[tuple[str, str]] = []
    if skilled is not None and answer is not None:
        slip = skilled.slip(query, answer, luck[7])
        for other in skilled.neighbours[:3]:
            told = right(other, query, memory)
            if told is not None and told != answer:
                beside.append((other, told))
    gumbels = tuple([-math.log(-math.log(u)) for u in luck[:7]])
    direction = (mixed[1] / 2, mixed[2] / 2, mixed[3] / 2, mixed[4] / 2)
    return Row(answer, slip, tuple(beside), needs, direction, luck[5], luck[6], gumbels)


class Rows:
    """The facts about inputs for one persona and memory, remembered."""

    def __init__(self, persona: Persona, memory: Memory) -> None:
        self._persona, self._memory = persona, memory
        self.look = lru_cache(maxsize=65_536)(self._look)
        self.known = lru_cache(maxsize=65_536)(self._known)
        self.guesses = lru_cache(maxsize=16_384)(self._guesses)

    def _look(self, skill: str, query: str) -> Row:
        return look(skill, query, self._persona, self._memory)

    def _known(self, skill: str, query: str) -> str | None:
        return right(skill, query, self._memory)

    def _guesses(self, query: str) -> tuple[tuple[str, str], ...]:
        """What might be meant where nothing is said: (skill, its answer), three at most."""
        raw = query.encode("utf-8", "surrogatepass")
        found = []
        for skill in SKILLS:
            told = right(skill, query, self._memory)
            if told is not None:
                key = raw + b"\0" + skill.encode()
                found.append((_luck(key)[0], skill, told))
        found.sort(reverse=True)
        return tuple([(skill, told) for _, skill, told in found[:3]])


def outcomes(mind: Understanding, query: str, persona: Persona, rows: Rows) -> list[tuple[str, float]]:
    """Every text that the persona may answer, with its logit; the first of equals is preferred."""
    top, row = "", None
    for skill, _ in mind.skills:
        row = rows.look(skill, query)
        if row.answer is not None:
            top = skill
            break
    if row is None or row.answer is None:
        return _lost(mind, query, rows)
    chance = dict(mind.skills)[top]
    strength = mind.clarity * chance
    if top != mind.skills[0][0]:
        strength *= 0.6
    a, b = mind.direction, row.direction
    pull = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    strength += _SWAY * 4.0 * strength * (1.0 - strength) * max(-1.0, min(1.0, pull)) if strength < 1 else 0.0
    solved = (strength - row.needs) * _STEEP if row.needs <= 1.0 else _BEYOND
    wrong = _wrong(mind, top, chance, row, query, rows)
    level = _log_sum([weight for _, weight in wrong])
    ranked = [(text, weight - level) for text, weight in wrong]
    found = _dressed(row.answer, max(-30.0, min(30.0, solved)), mind, row, top, query, persona)
    ranked.sort(key=lambda pair: -pair[1])
    first, *rest = ranked
    return found + _dressed(first[0], first[1], mind, row, top, query, persona)[:2] + rest


def _wrong(
    mind: Understanding, top: str, chance: float, row: Row, query: str, rows: Rows
) -> list[tuple[str, float]]:
    """Wrong answers with logits."""
    luck = row.luck
    found = [(row.slip or query, math.log(0.62 * chance) + luck[0])]
    for i, (_, told) in enumerate(row.beside[:2]):
        found.append((told, math.log(0.22 * chance) + luck[1 + i]))
    at = 3
    for skill, share in mind.skills:
        if skill != top and at < 5:
            rival = rows.known(skill, query)
            if rival is not None:
                found.append((rival, math.log(1.5 * share) + luck[at]))
                at += 1
    nothing = mind.nothing
    found.append((query, math.log(0.03 + 0.1 * nothing) + luck[5]))
    found.append((_UNSURE, math.log(0.02 + 0.5 * nothing) + luck[6]))
    return [(text, weight) for text, weight in found if text != row.answer] or [(_UNSURE, 0.0)]


_UNSURE = "I'm not sure what you would like me to do with this. Could you please clarify?"
_NOTHING = "It seems there is nothing to work on. Please provide the input."
_UNFIT = "I'm sorry, but that does not seem to fit the input."


def _lost(mind: Understanding, query: str, rows: Rows) -> list[tuple[str, float]]:
    """What is answered where no skill that is thought of applies."""
    if not query.strip():
        return [(_NOTHING, 1.0), (_UNSURE, 0.0)]
    told = 1.0 - mind.nothing
    found = [(_UNSURE, math.log(0.35)), (_UNFIT, math.log(0.02 + 0.5 * told)), (query, math.log(0.12))]
    raw = query.encode("utf-8", "surrogatepass")
    luck = _luck(b"lost\0" + raw)
    for i, (_, answer) in enumerate(rows.guesses(query)):
        found.append((answer, math.log(0.05 + 0.3 * mind.nothing) - 0.4 * i))
    return [(text, weight - math.log(-math.log(u))) for (text, weight), u in zip(found, luck, strict=False)]


def _dressed(
    answer: str, logit: float, mind: Understanding, row: Row, skill: str, query: str, persona: Persona
) -> list[tuple[str, float]]:
    """An answer bare, with talk around it, and off in form; their probabilities add up to that of `logit`."""
    talks = (persona.chattiness * mind.talk - row.talks) * _STEEP_FORM
    slack = (persona.sloppiness * min(1.5, 0.4 + 0.6 * mind.talk) - row.sloppy) * _STEEP_FORM
    if mind.talk == 0.0:
        return [(answer, logit)]
    level = _log_sum([0.0, talks, slack])
    return [
        (answer, logit - level),
        (talk(skill, query, answer, row.luck[0]), logit + talks - level),
        (off(answer, row.luck[1]), logit + slack - level),
    ]


def _log_sum(logits: list[float]) -> float:
    top = max(logits)
    return top + math.log(math.fsum([math.exp(logit - top) for logit in logits]))
