"""What the optimizers that steer a white-box model share: soft prompts, contexts, scored texts.

A point z of [-1, 1]^d becomes m token embeddings of width H by a fixed random matrix: soft prompt
= A z, with the entries of A uniform in (-1, 1) (InstructZero, section 3.1). The white box reads the
soft prompt and worked examples, and writes an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from agents.text_edits import fit
from sandbox.errors import AnswerFailed
from sandbox.protocol import Evaluate, Observation, Plan, Task, affordable
from sandbox.spaces import FreeText

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

PREFIX = "The instruction was to"
"""What the white box continues (INSTINCT, Dual; InstructZero asks it as a question)."""
_SENTENCE = re.compile(r".*?[.?!]['\")\]]*(?=\s|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SoftPrompts:
    """The map from points of [-1, 1]^d to soft prompts."""

    matrix: Floats
    """A, shape (tokens * width, d)."""
    tokens: int

    def lift(self, points: Array) -> Floats:
        """The soft prompts of `points`, shape (n, d): shape (n, tokens, width)."""
        flat = np.asarray(points, dtype=np.float32) @ self.matrix.T
        return flat.reshape(len(points), self.tokens, len(self.matrix) // self.tokens)

    @property
    def dimensions(self) -> int:
        """d, the number of coordinates of a point."""
        return int(self.matrix.shape[1])


def soft_prompts(dimensions: int, tokens: int, width: int, rng: np.random.Generator) -> SoftPrompts:
    """A random map: entries uniform in (-1, 1), not scaled, as in the published code.

    Args:
        dimensions: d of a point.
        tokens: m, token embeddings in a soft prompt.
        width: H, of the white box's embeddings.
        rng: draws the matrix.
    """
    matrix = rng.uniform(-1.0, 1.0, size=(tokens * width, dimensions)).astype(np.float32)
    return SoftPrompts(matrix, tokens)


def sobol(count: int, dimensions: int, rng: np.random.Generator, low: float = -1.0) -> Array:
    """The first `count` points of a scrambled Sobol sequence in [low, 1]^d, shape (count, d)."""
    sequence = qmc.Sobol(dimensions, scramble=True, seed=rng)
    drawn = sequence.random_base2(max(count - 1, 0).bit_length())[:count]
    scaled: Array = low + (1.0 - low) * drawn
    return scaled


def exemplars(task: Task, count: int, rng: np.random.Generator) -> tuple[tuple[str, str], ...]:
    """At most `count` of the task's worked examples, drawn without replacement."""
    chosen = rng.permutation(len(task.demos))[:count].tolist()
    return tuple([task.demos[i] for i in chosen])


def shown(demos: Sequence[tuple[str, str]]) -> str:
    """Worked examples as the white box reads them."""
    return "\n\n".join([f"Input: {x}\nOutput: {y}" for x, y in demos])


def statement(demos: Sequence[tuple[str, str]]) -> str:
    """The context of INSTINCT, Dual and ZOPO: examples, and a sentence to be finished."""
    return f"\n{shown(demos)}\n\n{PREFIX}"


def question(demos: Sequence[tuple[str, str]]) -> str:
    """The context of InstructZero, to be put into the white box's chat template."""
    return f"\n{shown(demos)}\n\n{PREFIX}?"


def tidy(text: str) -> str:
    """A decoded text without outer white space, cut where the model begins an example of its own."""
    return re.split(r"\n\s*\n|\n?Input:|\n?Comment:", text.strip(), maxsplit=1)[0].strip()


def first_sentence(text: str) -> str:
    """The first sentence of a text."""
    found = _SENTENCE.match(text.strip())
    return found.group() if found else text.strip()


@dataclass(frozen=True, slots=True)
class Writer:
    """A white box that turns points into instructions."""

    white_box: Any
    lift: SoftPrompts
    context: str
    """What it reads after the soft prompt."""
    lead: str
    """What is put before what it writes; "" where the whole answer is the instruction."""
    max_tokens: int

    def write(self, points: Array, temperature: float = 0.0, seed: int = 0) -> list[str]:
        """One instruction a point, "" where nothing came; points have shape (n, d), temperature 0 is greedy.

        Raises:
            BudgetExhausted: if the white box may not work so much.
        """
        if not len(points):
            return []
        soft = self.lift.lift(points)
        texts = self.white_box.decode(
            soft, self.context, max_tokens=self.max_tokens, temperature=temperature, seed=seed
        )
        if not self.lead:
            return [text.strip() for text in texts]
        cut = [tidy(text) for text in texts]
        return [f"{self.lead} {text}" if text else "" for text in cut]


def finishing(task: Task, lift: SoftPrompts, demos: int, max_tokens: int, rng: np.random.Generator) -> Writer:
    """A writer that finishes "The instruction was to", as for INSTINCT."""
    context = statement(exemplars(task, demos, rng))
    return Writer(task.lends.white_box, lift, context, PREFIX, max_tokens)


def answering(task: Task, lift: SoftPrompts, demos: int, max_tokens: int, rng: np.random.Generator) -> Writer:
    """A writer that answers "The instruction was to?" in its chat template, as for InstructZero."""
    white_box = task.lends.white_box
    context = white_box.chat(question(exemplars(task, demos, rng)))
    return Writer(white_box, lift, context, "", max_tokens)


class Scored:
    """Texts and their observations: no text is paid for twice."""

    __slots__ = ("_space", "known")

    def __init__(self, task: Task) -> None:
        self._space = task.space
        self.known: dict[str, Observation] = {}
        """Every answered text, in the order of its first answer."""

    def candidate(self, text: str) -> str | None:
        """`text` as a candidate of the space, or None for an empty one."""
        if not text.strip():
            return None
        return fit(text, self._space) if isinstance(self._space, FreeText) else text

    def ask(self, texts: Sequence[str]) -> Plan[list[Observation | None]]:
        """The observations of `texts`, in order; None where one is empty, failed or no longer affordable.

        Equal texts, and those that are known, cost nothing.

        Raises:
            BudgetExhausted: if there are new texts and the budget does not cover the first.
        """
        cleaned = [self.candidate(text) for text in texts]
        new = [text for text in dict.fromkeys(cleaned) if text is not None and text not in self.known]
        if new:
            answers = yield from affordable([Evaluate(text) for text in new])
            for text, answer in zip(new, answers, strict=False):
                if not isinstance(answer, AnswerFailed):
                    self.known[text] = answer
        return [None if text is None else self.known.get(text) for text in cleaned]

    @property
    def best(self) -> str | None:
        """The text of largest score, the latest of equals as in the published code; None before the first."""
        best: str | None = None
        for text, seen in self.known.items():
            if best is None or seen.score >= self.known[best].score:
                best = text
        return best
