"""The labels of a classification task, and the line that lists them."""

from __future__ import annotations

from agents.scorebook import space_of
from agents.templates.meta import closed, closing
from agents.text_edits import fit
from agents.writing import candidate, fenced
from sandbox.protocol import Task
from sandbox.spaces import FreeText

_WORDS, _CHARACTERS = 5, 40
_REPEATS = 0.7
"""Kinds of answers per example, at most, for them to be labels."""


def labels_of(task: Task) -> tuple[str, ...]:
    """The labels that the task names; else the distinct outputs of its worked examples, in order.

    Outputs are labels if they are short and some repeat, as a person would see; else there are none.
    """
    if task.labels:
        return task.labels
    outputs = [output.strip() for _, output in task.demos]
    kinds = tuple(dict.fromkeys(outputs))
    short = all(0 < len(kind) <= _CHARACTERS and len(kind.split()) <= _WORDS for kind in kinds)
    return kinds if short and 1 < len(kinds) <= _REPEATS * len(outputs) else ()


def closing_of(task: Task) -> str:
    """The format line behind every instruction; "" where the world puts it there, or there are no labels.

    Xiao et al. (2025), "Prompt-MII", appendix A.4: every method has it.
    """
    return "" if task.labels else closing(labels_of(task))


def finished(text: str, task: Task, space: FreeText) -> str:
    """An instruction as a candidate: cut so that the format line finds room behind it.

    Args:
        text: the instruction alone.
        task: whose labels count.
        space: what is allowed; where not even the line fits, a seed is taken.
    """
    line = closing_of(task)
    room = space.longest - len(line) - 1
    if line and 0 < room < len(text):
        text = text[:room].rstrip()
    return fit(closed(text, line), space)


def instruction_of(told: str, task: Task) -> str | None:
    """The instruction in what a writer told, finished; None where there is none."""
    space = space_of(task)
    made = candidate(fenced(told), space)
    return None if made is None else finished(made, task, space)
