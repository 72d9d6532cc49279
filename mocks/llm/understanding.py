"""What a persona makes of an instruction: which skills it thinks are wanted, and how strongly it is told so.

The evidence in the words and in the worked examples becomes a distribution over skills (a softmax with
a place for "nothing that I know"). How strong the instruction is depends on how specific it is, its
length, its padding, and on the persona's taste for each word and pair of words, which makes the
landscape rugged: a part of the taste is common to all personas, a part is its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from mocks.llm.evidence import Evidence, weigh
from mocks.llm.inline import Memory as Memory
from mocks.llm.inline import explains, told_examples
from mocks.llm.persona import Persona
from mocks.skills import SKILLS
from sandbox.streams import Uniforms

Vector = tuple[float, float, float, float]

_SHARPNESS = 2.0
"""Logits for one unit of evidence."""
_NOTHING = 1.2
"""Evidence that "nothing that I know" always has."""
_LEAST = 0.02
"""A skill with less probability than this is not thought of."""
_DEMOS = 3.6
"""Evidence of many worked examples that a skill explains without exception."""

_INLINE = 3.4
"""The same for examples inside the sentences, which somebody chose to say what is meant."""
_BEND = 0.85
"""Clarity above this is levelled off."""

_ALONE = 0.5
"""Weight of a word's own taste; that of two neighbours is 1."""

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
    instruction, inline = told_examples(instruction, memory)
    told = weigh(instruction)
    evidence = dict(told.skills)
    seen = shown(demos, memory)
    for skill, amount in shown(inline, memory, _INLINE, 0.2).items():
        seen[skill] = max(amount, seen.get(skill, 0.0))
    demos = [*demos, *inline]
    for skill, amount in seen.items():
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
    specific = 1.0 - math.exp(-max(0.0, evidence.get(top, 0.0) - 0.9) / 1.0)
    excess = max(0.0, told.tokens - persona.patience) / persona.patience
    shown_tokens = sum([len(x) + len(y) for x, y in demos]) / 4.0
    loss = 0.06 * math.log2(1.0 + excess) + 0.012 * math.log2(1.0 + shown_tokens / persona.patience)
    mood, direction = _taste(told, top, persona)
    clarity = specific * (1.0 - min(0.6, loss)) * (1.0 - 0.35 * told.padding)
    clarity += persona.ruggedness * mood
    if told.terse or demos:
        clarity += 0.03
    clarity = max(0.0, _levelled(clarity))
    talk = 0.4**told.terse * 2.2 ** min(3, told.talky)
    if demos:
        talk *= 0.3
    return Understanding(skills, clarity * chance, clarity, direction, min(talk, 12.0))


def _levelled(clarity: float) -> float:
    """Clarity that comes near 1 and never reaches it, so that no two good wordings are quite equal."""
    if clarity <= _BEND:
        return clarity
    return _BEND + (1.0 - _BEND) * math.tanh((clarity - _BEND) / (1.0 - _BEND))


def shown(
    demos: Sequence[tuple[str, str]], memory: Memory, most: float = _DEMOS, doubt: float = 0.45
) -> dict[str, float]:
    """The evidence of worked examples for each skill that explains most of them.

    `most` is the evidence of many; of the doubt, each leaves the share `doubt`.
    """
    if not demos:
        return {}
    pairs = list(demos)[:24]
    found = {}
    for skill in SKILLS:
        hits = sum([explains(skill, asked, told, memory) for asked, told in pairs])
        share = hits / len(pairs)
        if share > 0.34:
            found[skill] = most * share**1.5 * (1.0 - doubt**hits)
    return found


def _taste(told: Evidence, skill: str, persona: Persona) -> tuple[float, Vector]:
    """How the persona likes these words for this skill: a standard normal number, and a direction.

    Neighbouring words count most, so that the words that every instruction for the skill has do
    not decide for all of them.
    """
    words = ["", *[word for word in told.words if word[0].isalnum()][:120], ""]
    # Each key once: who says a pleasing thing twice does not please twice.
    weights = {f"{skill}\0{one} {two}": 1.0 for one, two in pairwise(words)}
    weights |= {f"{skill}\0{word}": _ALONE for word in told.content[:120]}
    common, own = math.sqrt(persona.likeness), math.sqrt(1.0 - persona.likeness)
    private = Uniforms(0, "taste", persona.name, count=5)
    sums = [0.0] * 5
    for key, weight in weights.items():
        raw = key.encode("utf-8", "surrogatepass")
        for i, (one, two) in enumerate(zip(_shared(raw), private(raw), strict=True)):
            sums[i] += weight * (common * (one - 0.5) + own * (two - 0.5))
    # A uniform number has the variance 1/12; many together are as good as normal.
    scale = math.sqrt(12.0) / math.sqrt(math.fsum([weight * weight for weight in weights.values()]))
    mood, *direction = [total * scale for total in sums]
    return mood, (direction[0], direction[1], direction[2], direction[3])
