"""Prompts of ProTeGi: reasons for errors, and instructions that take them to heart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Mistake(NamedTuple):
    """A row that was answered wrongly."""

    input: str
    expected: str
    answer: str


def _shown(mistakes: Sequence[Mistake]) -> str:
    return "\n\n".join(
        [f"Input: {m.input}\nExpected: {m.expected}\nPrediction: {m.answer}" for m in mistakes]
    )


def gradient(text: str, mistakes: Sequence[Mistake], reasons: int) -> str:
    """Textual gradient: why the prompt got these examples wrong."""
    several = f"{reasons} reasons" if reasons > 1 else "1 reason"
    return (
        f'I have this prompt:\n"{text}"\n\nIt gets these examples wrong:\n\n{_shown(mistakes)}\n\n'
        f"Give {several} why the prompt could have got these examples wrong. "
        "Put each reason between <START> and <END>."
    )


def edit(text: str, mistakes: Sequence[Mistake], reason: str, count: int) -> str:
    """A step against the gradient: better prompts, by a reason."""
    several = f"{count} different improved prompts" if count > 1 else "1 improved prompt"
    return (
        f'I have this prompt:\n"{text}"\n\nIt gets these examples wrong:\n\n{_shown(mistakes)}\n\n'
        f"The problem with the prompt is this: {reason}\n\n"
        f"Based on that, write {several}. Put each one between <START> and <END>."
    )
