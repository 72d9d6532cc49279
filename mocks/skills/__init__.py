"""The library of skills: what a mock LLM can do to an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mocks.skills.base import Skill
from mocks.skills.grammar import GRAMMAR
from mocks.skills.letters import LETTERS
from mocks.skills.lexical import LEXICAL
from mocks.skills.numbers import NUMBERS
from mocks.skills.programs import PROGRAMS
from mocks.skills.sentences import SENTENCES
from mocks.skills.world import WORLD

SKILLS: Mapping[str, Skill] = {
    skill.name: skill for skill in (*LETTERS, *NUMBERS, *GRAMMAR, *LEXICAL, *WORLD, *SENTENCES, *PROGRAMS)
}
"""All skills by name: the tasks of the papers, and what models do instead of them."""


def right(
    name: str, text: str, memory: Mapping[str, Mapping[str, Sequence[str]]] | None = None
) -> str | None:
    """The right answer of a skill to an input: what `memory` holds, else what the skill works out.

    Args:
        name: a key of SKILLS, or of `memory` alone.
        text: the input.
        memory: {skill: {input: accepted answers}}, the facts of real data.
    """
    known = memory.get(name, {}).get(text) if memory else None
    if known:
        return known[0]
    skill = SKILLS.get(name)
    return skill.execute(text) if skill else None
