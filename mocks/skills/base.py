"""What a skill is: something a mock LLM can do to an input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skill:
    """One thing that can be done to an input, and how it goes wrong.

    How a skill is recognised in an instruction is `mocks.llm`'s business; so is how it is put
    into words.
    """

    name: str
    """The task's name in the papers' table, where it is one of these."""
    execute: Callable[[str], str | None]
    """The right answer to an input; None where the skill does not apply to it or does not know."""
    slip: Callable[[str, str, float], str]
    """(input, right answer, uniform number in (0, 1)) -> a wrong answer of the kind that models give."""
    neighbours: tuple[str, ...] = ()
    """Names of the skills that it is most easily confused with, nearest first."""
