"""What an instruction of anybody's means to the model that is asked to improve it."""

from __future__ import annotations


def meant(text: str) -> tuple[tuple[str, float], ...]:
    """(skill, probability) pairs for an instruction, likeliest first; () where it says nothing."""
    return ()
