"""What a search over instructions starts from: the seeds, and what a model guesses from worked examples."""

from __future__ import annotations

import numpy as np

from agents.scorebook import space_of
from agents.soft_prompts import tidy
from agents.templates.induction import forward
from agents.text_edits import fit
from agents.writing import candidate, plain, write
from sandbox.protocol import Complete, Plan, Task
from sandbox.spaces import FreeText

TEMPERATURE = 0.9
TOKENS = 50
"""Of a guessed instruction."""
DEMOS = 5
"""Worked examples that a guess is made from."""


def induced(text: str, space: FreeText) -> str | None:
    """What completes "The instruction was to", as an instruction; None for nothing."""
    told = plain(tidy(text)).removeprefix("to ")
    return candidate(told[:1].upper() + told[1:], space)


def guess(task: Task, count: int, demos: int, rng: np.random.Generator) -> Plan[list[str]]:
    """Instructions that a model guesses from worked examples drawn for it, in the order in which they came.

    Raises:
        BudgetExhausted: if the budget does not cover it.
    """
    chosen = rng.permutation(len(task.demos))[:demos].tolist()
    prompt = forward([task.demos[i] for i in chosen])
    (texts,) = yield from write([Complete(prompt, count, TEMPERATURE, TOKENS)])
    space = space_of(task)
    return [made for made in [induced(text, space) for text in texts] if made is not None]


def first_prompts(task: Task, count: int, rng: np.random.Generator) -> Plan[list[str]]:
    """The seeds, and `count` guesses from one draw of worked examples; each text once.

    Raises:
        BudgetExhausted: if the budget does not cover the guesses.
    """
    space = space_of(task)
    seeds = [fit(seed, space) for seed in space.seeds]
    guesses = (yield from guess(task, count, DEMOS, rng)) if count else []
    return list(dict.fromkeys([*seeds, *guesses]))
