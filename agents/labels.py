"""The labels of a classification task, read off its worked examples."""

from __future__ import annotations

from sandbox.protocol import Task

_WORDS, _CHARACTERS = 5, 40
_REPEATS = 0.7
"""Kinds of answers per example, at most, for them to be labels."""


def labels_of(task: Task) -> tuple[str, ...]:
    """The distinct outputs in order of appearance if they are labels: short, and some repeat; else none.

    An agent is not told whether a task is a classification; it sees what a person would see.
    """
    outputs = [output.strip() for _, output in task.demos]
    kinds = tuple(dict.fromkeys(outputs))
    short = all(0 < len(kind) <= _CHARACTERS and len(kind.split()) <= _WORDS for kind in kinds)
    return kinds if short and 1 < len(kinds) <= _REPEATS * len(outputs) else ()
