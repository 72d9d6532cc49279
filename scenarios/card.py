"""Prints the fidelity card of a mock model: what right and wrong instructions score, task by task."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from mocks.llm.card import fidelity, table
from mocks.llm.model import MockModel
from mocks.llm.writing.phrases import phrase
from sandbox.dataset import Dataset
from sandbox.errors import DataError, UsageError, nearest
from scenarios.tasks import TASKS, available, fitting, make

_PHRASINGS = 10
"""Of the mock's own instructions for a task, where no file is given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.card",
        description="What instructions score with a mock model, beside the ceiling of each task.",
        epilog="example: python -m scenarios.card instructions.json --model mock-small",
    )
    parser.add_argument("file", nargs="?", help="JSON: {task: [instructions]}; else the mock's own")
    parser.add_argument("--model", default="mock-gpt-3.5-turbo")
    parser.add_argument("--rows", type=int, default=100, help="test rows a task (100)")
    wanted = parser.parse_args(arguments)
    try:
        if wanted.rows < 1:
            raise UsageError(f"--rows {wanted.rows}: at least 1")
        told = _read(wanted.file) if wanted.file else _own()
        most = {task: min(wanted.rows, available(task, 2_000)) for task in told}
        sets = {task: make(task, **fitting(task, 1, 1, rows)) for task, rows in most.items()}
        model = MockModel(wanted.model, {task: _facts(data) for task, data in sets.items()})
        lines = [fidelity(model, data, told) for data in sets.values()]
    except UsageError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{wanted.model}, {wanted.rows} test rows a task", style="bold")
    console.print(table(lines), markup=False)
    console.print(
        "\nknown: share of the instructions taken for their task. ceiling, empty: expected score of a\n"
        "perfect and of an empty instruction. 25 % to best: right instructions, as shares of the ceiling.\n"
        "others: median score of other tasks' instructions.",
        markup=False,
    )
    return 0


def _own() -> Mapping[str, Sequence[str]]:
    return {task: [phrase(task, 0.8, (i + 0.5) / _PHRASINGS) for i in range(_PHRASINGS)] for task in TASKS}


def _facts(data: Dataset) -> Mapping[str, tuple[str, ...]]:
    return {row.input: row.answers for row in (*data.train, *data.dev, *data.test)}


def _read(name: str) -> Mapping[str, Sequence[str]]:
    try:
        told = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: {error}") from None
    if not isinstance(told, dict) or not told:
        raise DataError(f"{name}: a JSON object is wanted, {{task: [instructions]}}")
    for task, texts in told.items():
        if task not in TASKS:
            raise DataError(f"{name}: unknown task {task!r}; {nearest(task, TASKS)}")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise DataError(f"{name}: {task}: a list of at least one instruction is wanted")
    return told


if __name__ == "__main__":
    raise SystemExit(main())
