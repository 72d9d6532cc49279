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
from mocks.skills.base import Skill
from sandbox.streams import Uniforms, normal_quantile

Outcomes = list[tuple[str, float]]
"""(text, logit), each text once."""

_STEEP = 14.0
"""Logits for one unit of strength."""
_STEEP_FORM = 40.0
"""Logits for one unit of talkativeness."""
_BEYOND = -3.5
"""Logit of a right answer beyond the persona's reach: luck."""
_SWAY = 1.0
"""How far wording and row may disagree, in units of strength times its doubt."""
_HARDEST = 0.98
"""The strength that solves every row within reach."""
_FARTHEST = 30.0
"""Logits are cut here."""

_common = Uniforms(0, "row", count=8)
_luck = Uniforms(0, "row", "luck", count=8)

WRONG_SCORES = {
    "informal_to_formal": 0.45, "rhymes": 0.08, "common_concept": 0.04, "cause_and_effect": 0.03,
    "orthography_starts_with": 0.015, "translation_en-de": 0.01,
}  # fmt: skip
"""What wrong answers score on average under the task's own metric, where that is not next to nothing."""
_MIX = {"informal_to_formal": (0.03, 0.45)}
"""Weights of a slip and of each neighbour's answer, where near misses would score too well."""

_UNSURE = "I'm not sure what you would like me to do with this. Could you please clarify?"
_EMPTY = "It seems there is nothing to work on. Please provide the input."
_UNFIT = "I'm sorry, but that does not seem to fit the input."


class Stance(NamedTuple):
    """An understanding, with all that does not depend on the row worked out."""

    mind: Understanding
    shares: tuple[tuple[str, float, float], ...]
    """(skill, probability, its logarithm)."""
    echo: float
    unsure: float
    """Log weights of giving the input back, and of asking what is wanted."""
    talks: float
    """Share of answers with talk around them."""
    sloppy: float
    """Share of answers that are off in form."""


class Row(NamedTuple):
    """What is fixed about an input under a skill, for one persona."""

    answer: str | None
    slip: str
    """A near miss, with its log weight."""
    slips: float
    beside: tuple[tuple[str, float], ...]
    """The neighbours' answers with log weights."""
    needs: float
    """The strength that solves it; above 1 where it is beyond the persona's reach."""
    direction: Vector
    talks: float
    sloppy: float
    """Below the persona's shares, the answer talks or is off in form."""
    talked: str
    offed: str
    """The answer in these forms."""
    luck: tuple[float, ...]
    """Gumbel numbers for the wrong answers of any skill."""


def stance(mind: Understanding, persona: Persona) -> Stance:
    """How the persona goes about rows under this understanding."""
    nothing = mind.nothing
    return Stance(
        mind,
        tuple([(skill, chance, math.log(chance)) for skill, chance in mind.skills]),
        math.log(0.03 + 0.1 * nothing),
        math.log(0.02 + 0.5 * nothing),
        persona.chattiness * mind.talk,
        persona.sloppiness * min(1.5, 0.4 + 0.6 * mind.talk) if mind.talk else 0.0,
    )


def ability(persona: Persona, skill: str) -> float:
    """The share of rows within reach, such that a perfect instruction scores the persona's ceiling."""
    wrong = WRONG_SCORES.get(skill, 0.0)
    return min(1.0, max(0.0, (persona.ceiling(skill) - wrong) / (1.0 - wrong)))


class Rows:
    """The facts about inputs for one persona and memory, remembered."""

    def __init__(self, persona: Persona, memory: Memory) -> None:
        self._persona, self._memory = persona, memory
        self._own = Uniforms(0, "row", persona.name, count=8)
        self._reach = lru_cache(maxsize=256)(lambda skill: ability(persona, skill))
        self.look = lru_cache(maxsize=65_536)(self._look)
        self.guesses = lru_cache(maxsize=16_384)(self._guesses)

    def _mixed(self, raw: bytes) -> list[float]:
        """Normal numbers of a row, in part the same for all personas."""
        ours, mine = math.sqrt(self._persona.likeness), math.sqrt(1.0 - self._persona.likeness)
        return [
            ours * normal_quantile(a) + mine * normal_quantile(b)
            for a, b in zip(_common(raw), self._own(raw), strict=True)
        ]

    def _told(self, skill: str, query: str) -> str | None:
        """What the persona says where it happens to do `skill`: what is beyond its reach, it gets wrong."""
        answer, known = right(skill, query, self._memory), SKILLS.get(skill)
        if answer is None or known is None:
            return answer
        raw = f"{skill}\0{query}".encode("utf-8", "surrogatepass")
        if 0.5 * math.erfc(-self._mixed(raw)[0] / math.sqrt(2.0)) < self._reach(skill):
            return answer
        return known.slip(query, answer, _luck(raw)[7])

    def _look(self, skill: str, query: str) -> Row:
        """The facts about an input under a skill."""
        raw = f"{skill}\0{query}".encode("utf-8", "surrogatepass")
        mixed = self._mixed(raw)
        difficulty, talks, sloppy = [0.5 * math.erfc(-z / math.sqrt(2.0)) for z in (mixed[0], *mixed[5:7])]
        reach = self._reach(skill)
        needs = _HARDEST * difficulty / reach if difficulty < reach else 9.0
        answer = right(skill, query, self._memory)
        luck = _luck(raw)
        gumbels = tuple([-math.log(-math.log(u)) for u in luck])
        slip, slips = query, -9.0
        beside: tuple[tuple[str, float], ...] = ()
        known = SKILLS.get(skill)
        if answer is not None and known is not None:
            near, next_door = _MIX.get(skill, (0.7, 0.2))
            slip, slips = known.slip(query, answer, luck[7]), math.log(near) + gumbels[0]
            beside = self._beside(known, query, answer, math.log(next_door), gumbels)
        direction = (mixed[1] / 2, mixed[2] / 2, mixed[3] / 2, mixed[4] / 2)
        told = answer or ""
        return Row(
            answer, slip, slips, beside, needs, direction, talks, sloppy,
            talk(skill, query, told, luck[5]), off(told, luck[6]), gumbels[3:],
        )  # fmt: skip

    def _beside(
        self, skill: Skill, query: str, answer: str, weight: float, gumbels: tuple[float, ...]
    ) -> tuple[tuple[str, float], ...]:
        """What the neighbouring skills answer, two at most."""
        found: dict[str, float] = {}
        for other in skill.neighbours:
            if len(found) == 2:
                break
            told = self._told(other, query)
            if told is not None and told != answer and told not in found:
                found[told] = weight + gumbels[1 + len(found)]
        return tuple(found.items())

    def _guesses(self, query: str) -> tuple[tuple[str, str], ...]:
        """What might be meant where nothing is said: (skill, its answer), three at most."""
        raw = query.encode("utf-8", "surrogatepass")
        found = []
        for skill in SKILLS:
            told = self._told(skill, query)
            if told is not None:
                found.append((_luck(raw + b"\0" + skill.encode())[0], skill, told))
        found.sort(reverse=True)
        return tuple([(skill, told) for _, skill, told in found[:3]])


def outcomes(view: Stance, query: str, rows: Rows) -> Outcomes:
    """Every text that the persona may answer, with its logit; the first of equals is preferred."""
    for skill, chance, weight in view.shares:  # noqa: B007 (used below)
        row = rows.look(skill, query)
        answer = row.answer
        if answer is not None:
            break
    else:
        return _lost(view, query, rows)
    strength = view.mind.clarity * chance
    if skill != view.shares[0][0]:
        strength *= 0.6
    a, b = view.mind.direction, row.direction
    pull = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    if pull > 1.0:
        pull = 1.0
    elif pull < -1.0:
        pull = -1.0
    strength += _SWAY * strength * (1.0 - strength) * pull
    solved = (strength - row.needs) * _STEEP if row.needs <= 1.0 else _BEYOND

    # A strong instruction is missed narrowly, a weak one widely.
    wide = weight + math.log(1.2 - strength)
    wrong = {text: amount + wide for text, amount in row.beside}
    wrong.setdefault(row.slip, weight + math.log(0.2 + 0.8 * strength) + row.slips)
    luck = row.luck
    at = 0
    for rival, _, amount in view.shares:
        if rival != skill and at < 3:
            other = rows.look(rival, query)
            if other.answer is not None:
                told = other.answer if other.needs <= 1.0 else other.slip
                wrong.setdefault(told, amount + 0.4 + luck[at])
                at += 1
    wrong.setdefault(query, view.echo + luck[3])
    wrong.setdefault(_UNSURE, view.unsure + luck[4])
    wrong.pop(answer, None)
    exp = math.exp
    level = math.log(sum([exp(amount) for amount in wrong.values()]))

    # Bare, with talk, off in form: the three share the probability of the right answer.
    talks = (view.talks - row.talks) * _STEEP_FORM
    slack = (view.sloppy - row.sloppy) * _STEEP_FORM
    part = solved - math.log(1.0 + exp(talks) + exp(slack))
    found = {answer: part}
    found.setdefault(row.talked, part + talks)
    found.setdefault(row.offed, part + slack)
    for text, amount in wrong.items():
        if text not in found:
            found[text] = amount - level
    return list(found.items())


def _lost(view: Stance, query: str, rows: Rows) -> Outcomes:
    """What is answered where no skill that is thought of applies."""
    if not query.strip():
        return [(_EMPTY, 1.0), (_UNSURE, 0.0)]
    nothing = view.mind.nothing
    found = {_UNSURE: math.log(0.35), _UNFIT: math.log(0.02 + 0.5 * (1.0 - nothing))}
    found.setdefault(query, math.log(0.12))
    for i, (_, answer) in enumerate(rows.guesses(query)):
        found.setdefault(answer, math.log(0.05 + 0.3 * nothing) - 0.4 * i)
    luck = _luck(b"lost\0" + query.encode("utf-8", "surrogatepass"))
    return [
        (text, weight - math.log(-math.log(u)))
        for (text, weight), u in zip(found.items(), luck, strict=False)
    ]
