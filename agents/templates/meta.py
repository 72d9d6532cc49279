"""Prompts of the Prompt-MII comparison: naive, many-shot, and the meta-prompts that ask for a guideline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.word_evidence import Term
from sandbox.classification import format_line

Pairs = Sequence[tuple[str, str]]

STYLES = ("guideline", "general")
"""The paper's two meta-prompts by what they ask for: an annotation guideline (best for Qwen), or a general
instruction with the cues (best for Llama)."""


def closing(labels: Sequence[str]) -> str:
    """The format line behind every instruction of a classification task; "" where there are no labels."""
    return format_line(labels) if labels else ""


def closed(instruction: str, line: str) -> str:
    """An instruction with the format line behind it, if there is one."""
    return f"{instruction}\n{line}" if line else instruction


def naive(labels: Sequence[str]) -> str:
    """The fixed sentence, without a word on the task."""
    return "Classify the text." if labels else "Give the output for the input."


def many_shot(pairs: Pairs, labels: Sequence[str]) -> str:
    """Worked examples in two lines each, then the wish to do the next one."""
    name = "Label" if labels else "Output"
    shown = "\n".join([f"Input: {x}\n{name}: {y}" for x, y in pairs])
    return f"{shown}\n\nNow do the same for the next input."


def meta(pairs: Pairs, labels: Sequence[str], style: str) -> str:
    """A meta-prompt: examples, and the wish for one instruction that stands for them; see `STYLES`."""
    if not labels:
        shown = "\n\n".join([f"Input: {x}\nOutput: {y}" for x, y in pairs])
        return f"These examples show a task.\n\n{shown}\n\nWrite an instruction for it."
    shown = "\n".join([f'Text: "{x}"\nLabel: {y}' for x, y in pairs])
    named = ", ".join(labels)
    if style == "guideline":
        return (
            "Write an annotation guideline for the task below: define each label, with decision rules and "
            f"pitfalls, and be concise.\nLabel names: {named}\n\n{shown}\n\nAnnotation guideline:"
        )
    return (
        f"Here are examples of a text classification task.\n\n{shown}\n\nThe labels are: {named}\n\n"
        "Write a general instruction that tells how to choose the label, naming the cues. The answer must be "
        "a label only. Do not repeat the examples."
    )


def digest(found: Mapping[str, Sequence[Term]]) -> str:
    """A meta-prompt for a small policy: the words of each label in place of texts, strongest first.

    Behind a word stands in how many texts of the label it is, and of how many in all if there are others;
    nothing where it is in one text only.
    """
    lines = [f"{label}: {', '.join(map(_counted, terms))}" for label, terms in found.items()]
    return "\n" + "\n".join(lines) + "\n\nGuideline:"


def _counted(term: Term) -> str:
    if term.hits < term.texts:
        return f"{term.text} {term.hits}/{term.texts}"
    return term.text if term.texts == 1 else f"{term.text} {term.hits}"
