"""Prompts of the Prompt-MII comparison: naive, many-shot, and the meta-prompts that ask for a guideline."""

from __future__ import annotations

import re
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
    """A meta-prompt for a small policy: the numbered words of each label in place of texts, strongest first.

    Behind a word stands in how many texts of the label it is, and of how many in all if there are others;
    nothing where it is in one text only.
    """
    lines = []
    for number, (label, terms) in enumerate(found.items(), 1):
        told = [f"{place} {_counted(term)}" for place, term in enumerate(terms, 1)]
        lines.append(f"{number} {label}: {', '.join(told)}")
    return "\n" + "\n".join(lines) + "\n\nGuideline:"


def _counted(term: Term) -> str:
    if term.hits < term.texts:
        return f"{term.text} {term.hits}/{term.texts}"
    return term.text if term.texts == 1 else f"{term.text} {term.hits}"


def spelled(told: str, found: Mapping[str, Sequence[Term]]) -> str | None:
    """The guideline that a small policy means: it names labels and words by their numbers in the digest.

    A model of a million parameters learns which words to name, but not to copy one that it has seen once.
    ``1: 1, 3`` says that the first label goes with its first and third word, ``else: 2`` that the second
    label is for all other texts.

    >>> found = {"a": (Term("oak", "a", 3, 3, 2.0),), "b": (Term("elm", "b", 3, 3, 2.0),)}
    >>> print(spelled("1: 1\n2: 1\nelse: 2", found))
    Answer a if the text mentions "oak".
    Answer b if the text mentions "elm".
    Otherwise, answer b.

    Returns:
        The guideline; None if nothing is named that is there.
    """
    labels = list(found)
    lines = []
    for which, numbers in _NAMED.findall(told):
        places = [int(number) for number in numbers.split(",")]
        if which == "else":
            lines += [f"Otherwise, answer {labels[p - 1]}." for p in places[:1] if 1 <= p <= len(labels)]
        elif 1 <= int(which) <= len(labels):
            label = labels[int(which) - 1]
            words = [found[label][place - 1].text for place in places if 1 <= place <= len(found[label])]
            if words:
                quoted = " or ".join([f'"{word}"' for word in dict.fromkeys(words)])
                lines.append(f"Answer {label} if the text mentions {quoted}.")
    return "\n".join(dict.fromkeys(lines)) or None


_NAMED = re.compile(r"^\s*(else|\d{1,3}):\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*$", re.MULTILINE)
