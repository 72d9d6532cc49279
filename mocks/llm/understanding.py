"""What a persona makes of an instruction: which skills it thinks are wanted, and how strongly it is told so.

The evidence in the words and in the worked examples becomes a distribution over skills (a softmax with
a place for "nothing that I know"). How strong the instruction is depends on how specific it is, its
length, its padding, and on the persona's taste for each word and pair of words, which makes the
landscape rugged: a part of the taste is common to all personas, a part is its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from mocks.llm.evidence import weigh
from mocks.llm.persona import Persona
from mocks.skills import SKILLS, right
from sandbox.metrics import normalise
from sandbox.streams import Uniforms, normal_quantile

Memory = Mapping[str, Mapping[str, tuple[str, ...]]]
"""{skill: {input: accepted answers}}: what a model knows of real data."""
Vector = tuple[float, float, float, float]

_SHARPNESS = 2.0
"""Logits for one unit of evidence."""
_NOTHING = 1.2
"""Evidence that "nothing that I know" always has."""
_LEAST = 0.02
"""A skill with less probability than this is not thought of."""
_DEMOS = 3.6
"""Evidence of many worked examples that a skill explains without exception."""

_shared = Uniforms(0, "taste", count=5)


class Understanding(NamedTuple):
    """What a persona makes of an instruction."""

    skills: tuple[tuple[str, float], ...]
    """(skill, probability), likeliest first; what is missing to 1 is "nothing that I know"."""
    strength: float
    """0 to 1: share of the rows within the persona's reach that are solved at temperature 0."""
    clarity: float
    """`strength` apart from the doubt which skill is meant."""
    direction: Vector
    """Where the wording points; rows that point elsewhere are a little harder under it."""
    talk: float
    """Factor on how often the answer is wrapped in talk."""

    @property
    def nothing(self) -> float:
        """The probability of "nothing that I know"."""
        return max(0.0, 1.0 - math.fsum([chance for _, chance in self.skills]))


def perfect(skill: str) -> Understanding:
    """The understanding of an instruction for `skill` that cannot be better."""
    return Understanding(((skill, 1.0),), 1.0, 1.0, (0.0, 0.0, 0.0, 0.0), 0.0)


def understand(
    instruction: str, demos: Sequence[tuple[str, str]], persona: Persona, memory: Memory
) -> Understanding:
    """The understanding of an instruction with worked examples, either of which may be empty."""
    told = weigh(instruction)
    evidence = dict(told.skills)
    for skill, amount in shown(demos, memory).items():
        # Words and examples that agree confirm each other; examples alone do nearly as well as words.
        evidence[skill] = max(evidence.get(skill, 0.0), amount) + 0.35 * min(evidence.get(skill, 0.0), amount)
    sharp = _SHARPNESS * persona.acuity
    weights = {skill: math.exp(sharp * amount) for skill, amount in evidence.items()}
    total = math.fsum(weights.values()) + math.exp(sharp * _NOTHING)
    ranked = sorted(
        ((skill, weight / total) for skill, weight in weights.items()), key=lambda p: (-p[1], p[0])
    )
    skills = tuple([pair for pair in ranked if pair[1] >= _LEAST][:5])
    top, chance = skills[0] if skills else ("", 0.0)
    specific = 1.0 - math.exp(-max(0.0, evidence.get(top, 0.0) - 0.9) / 0.8)
    excess = max(0.0, told.tokens - persona.patience) / persona.patience
    shown_tokens = sum([len(x) + len(y) for x, y in demos]) / 4.0
    loss = 0.06 * math.log2(1.0 + excess) + 0.012 * math.log2(1.0 + shown_tokens / persona.patience)
    mood, direction = _taste(told.content, top, persona)
    clarity = specific * (1.0 - min(0.6, loss)) * (1.0 - 0.35 * told.padding)
    clarity += persona.ruggedness * mood
    if len(told.content) > 0 and demos:
        clarity += 0.03
    clarity = min(1.0, max(0.0, clarity))
    talk = 0.4**told.terse * 2.2 ** min(3, told.talky)
    if demos:
        talk *= 0.3
    return Understanding(skills, clarity * chance, clarity, direction, min(talk, 12.0))


def shown(demos: Sequence[tuple[str, str]], memory: Memory) -> dict[str, float]:
    """The evidence of worked examples for each skill that explains most of them."""
    if not demos:
        return {}
    pairs = list(demos)[:24]
    found = {}
    for skill in SKILLS:
        hits = sum([explains(skill, asked, told, memory) for asked, told in pairs])
        share = hits / len(pairs)
        if share > 0.34:
            found[skill] = _DEMOS * share**1.5 * (1.0 - 0.45**hits)
    return found


def explains(skill: str, asked: str, told: str, memory: Memory) -> bool:
    """Whether `skill` would have answered `told` to `asked`."""
    accepted = memory.get(skill, {}).get(asked)
    answer = right(skill, asked, memory)
    if accepted is None:
        accepted = (answer,) if answer is not None else ()
    wanted = normalise(told)
    if any(normalise(one) == wanted for one in accepted):
        return True
    # Where order does not count, as with animals taken out of a list.
    bag = sorted(wanted.split())
    return len(bag) > 1 and any(sorted(normalise(one).split()) == bag for one in accepted)


def _taste(content: Sequence[str], skill: str, persona: Persona) -> tuple[float, Vector]:
    """How the persona likes these words for this skill: a standard normal number, and a direction."""
    words = list(content[:80])
    keys = [f"{skill}\0{word}" for word in words]
    keys += [f"{skill}\0{one} {two}" for one, two in pairwise(words)]
    if not keys:
        return 0.0, (0.0, 0.0, 0.0, 0.0)
    common, own = math.sqrt(persona.likeness), math.sqrt(1.0 - persona.likeness)
    private = Uniforms(0, "taste", persona.name, count=5)
    sums = [0.0] * 5
    for key in keys:
        raw = key.encode("utf-8", "surrogatepass")
        for i, (one, two) in enumerate(zip(_shared(raw), private(raw), strict=True)):
            sums[i] += common * normal_quantile(one) + own * normal_quantile(two)
    scale = 1.0 / math.sqrt(len(keys))
    mood, *direction = [total * scale for total in sums]
    return mood, (direction[0], direction[1], direction[2], direction[3])
