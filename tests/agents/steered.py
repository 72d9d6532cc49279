"""A white box that is a small function, and tasks whose scores its words decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sandbox.budget import Budget
from sandbox.errors import BudgetExhausted
from sandbox.protocol import (
    Asides,
    Evaluate,
    Gather,
    Observation,
    Plan,
    Recommend,
    Request,
    RowResult,
    Task,
)
from sandbox.spaces import Candidate, FreeText

SLOTS = (
    ("write", "find", "say", "list", "count", "choose"),
    ("the opposite", "the plural", "the first letter", "the largest", "the sum", "the sense"),
    ("of the word", "of the input", "of both", "of each animal", "of the line"),
    ("briefly", "politely", "with reasons", "in order", "at once"),
    ("in lower case", "in one word", "as digits", "in English"),
    ("and stop", "and check it", "and nothing else", "and end with a dot"),
)


def _normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@dataclass
class Steered:
    """Writes a phrase of every slot, the one that a random network of the soft prompt likes best."""

    seed: int = 0
    width: int = 16
    hidden_width: int = 16
    layers: int = 1
    roughness: float = 1.0
    decoded: int = field(default=0, init=False)
    contexts: list[str] = field(default_factory=list, init=False)

    def chat(self, text: str) -> str:
        return f"USER: {text}\nASSISTANT:"

    def decode(
        self, soft: np.ndarray, context: str, *, max_tokens: int = 64, temperature: float = 0.0,
        seed: int = 0, stop: Sequence[str] = (),
    ) -> list[str]:  # fmt: skip
        assert soft.dtype == np.float32
        assert soft.ndim == 3
        assert soft.shape[2] == self.width
        self.decoded += len(soft)
        self.contexts.append(context)
        flat = soft.reshape(len(soft), -1).astype(float)
        inner = flat @ _normal(self.seed + 1, flat.shape[1], 24) / np.sqrt(flat.shape[1])
        features = np.concatenate([inner, np.sin(2.0 * self.roughness * inner)], axis=1)
        likes = features @ _normal(self.seed + 2, 48, sum(map(len, SLOTS)))
        parts: list[list[str]] = [[] for _ in soft]
        first = 0
        for slot in SLOTS:
            for part, i in zip(parts, likes[:, first : first + len(slot)].argmax(axis=1), strict=True):
                part.append(slot[int(i)])
            first += len(slot)
        return [" ".join(part) + "." for part in parts]


@dataclass
class Graded:
    """Rows that are right with a probability that the phrases decide; fixed per text and row."""

    seed: int = 0
    rows: int = 20
    slope: float = 0.8
    bar: float = 2.5

    def __post_init__(self) -> None:
        self._worth = {
            phrase: float(w)
            for phrase, w in zip(
                [p for slot in SLOTS for p in slot], _normal(self.seed + 3, sum(map(len, SLOTS))), strict=True
            )
        }
        self._hard = _normal(self.seed + 4, self.rows)

    def chances(self, text: str, hard: np.ndarray) -> np.ndarray:
        good = self.slope * sum(worth for phrase, worth in self._worth.items() if phrase in text)
        return 1.0 / (1.0 + np.exp(-(good - self.bar + hard)))

    def truth(self, text: str) -> float:
        return float(self.chances(text, _normal(self.seed + 5, 400)).mean())

    def right(self, text: str) -> np.ndarray:
        luck = np.random.default_rng([self.seed, *text.encode()]).random(self.rows)
        return (luck < self.chances(text, self._hard)).astype(float)


def task(white_box: Any, evaluations: int, rows: int = 20) -> Task:
    demos = tuple((f"in {i}", f"out {i}") for i in range(8))
    space = FreeText(("Do the task.",))
    return Task("a test", space, Budget(evaluations=evaluations), demos, rows, lends=Asides(False, white_box))


@dataclass
class Played:
    """What an agent did."""

    asked: list[tuple[str, tuple[int, ...] | None]] = field(default_factory=list)
    recommended: list[Candidate] = field(default_factory=list)
    final: Candidate = ""


def play(plan: Plan[Candidate], graded: Graded, evaluations: int) -> Played:
    """Answer until the plan returns; refuses what the budget does not cover, however often."""
    story = Played()
    answer: Any = None
    refuse = False
    try:
        while True:
            request = plan.throw(BudgetExhausted("evaluations", 1, 0)) if refuse else plan.send(answer)
            refuse, answer = False, None
            if isinstance(request, Recommend):
                story.recommended.append(request.candidate)
                continue
            parts: tuple[Request[Any], ...] = request.requests if isinstance(request, Gather) else (request,)
            if len(story.asked) + len(parts) > evaluations:
                refuse = True
                continue
            answers = [_answer(part, graded, story) for part in parts]
            answer = tuple(answers) if isinstance(request, Gather) else answers[0]
    except StopIteration as end:
        story.final = end.value
    return story


def _answer(request: Request[Any], graded: Graded, story: Played) -> Observation:
    assert isinstance(request, Evaluate)
    assert isinstance(request.candidate, str)
    story.asked.append((request.candidate, request.rows))
    right = graded.right(request.candidate)
    chosen = range(len(right)) if request.rows is None else request.rows
    rows = tuple(RowResult(row, float(right[row])) for row in chosen)
    return Observation(float(np.mean([row.score for row in rows])), rows)
