"""Prompts of GEPA: what an instruction led to, with feedback, and a new instruction is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.protocol import RowResult


def feedback(row: RowResult) -> str:
    """One sentence: whether the answer is right, and else what would be."""
    if row.score >= 1.0:
        return "The answer is correct."
    if row.score > 0.0:
        return f"This is only partly right. The correct answer is '{row.expected}'."
    return f"This is wrong. The correct answer is '{row.expected}'."


def reflect(text: str, rows: Sequence[RowResult]) -> str:
    """Reflection: an instruction, its answers with feedback, and the wish for a new one inside a fence."""
    records = "\n\n".join(
        [
            f"# Example {number}\n## Inputs\n{row.input}\n\n## Generated Outputs\n{row.answer}\n\n"
            f"## Feedback\n{feedback(row)}"
            for number, row in enumerate(rows, 1)
        ]
    )
    return (
        f"An assistant was given these instructions:\n```\n{text}\n```\n\n"
        f"Here is what it did:\n```\n{records}\n```\n\n"
        "Write new instructions for the assistant, with all that it must know about the task and with what "
        "worked. Put them within ``` blocks."
    )
