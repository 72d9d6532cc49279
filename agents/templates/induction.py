"""Prompts that ask for the instruction behind worked examples."""

from __future__ import annotations

from collections.abc import Sequence

from agents.soft_prompts import shown

Pairs = Sequence[tuple[str, str]]


def forward(pairs: Pairs) -> str:
    """APE, forward: the examples are what somebody made of an instruction; its end is left to be written."""
    return (
        "Somebody was handed an instruction and some inputs, and wrote these outputs:\n\n"
        f"{shown(pairs)}\n\nThe instruction was to"
    )


def insert(pairs: Pairs) -> str:
    """APE, insert: the same with the gap at the start, for models that fill gaps."""
    return (
        "I instructed a colleague to ____.\n\n"
        f"She read it and answered every input as follows.\n\n{shown(pairs)}\n\n"
        "Write what belongs in the gap: what was the instruction?"
    )


def resample(text: str) -> str:
    """APE, EvoPrompt and ProTeGi: a variation that keeps the meaning."""
    return (
        "Rephrase this prompt, preserving the meaning. Put the result between <prompt> and </prompt>.\n"
        f"Prompt: {text}"
    )
