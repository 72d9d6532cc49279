"""Instructions of all qualities for a task, each with its true score under the mock LLM.

They are written as ends of "The instruction was to ...": verb phrases in the base form, some with
a second sentence about the form of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from mocks.llm.model import MockModel
from mocks.llm.writing.luck import Luck, expand
from mocks.llm.writing.phrases import neighbours
from mocks.llm.writing.wording import Wording, wordings
from sandbox.dataset import Dataset
from sandbox.worlds.chat import Asking, expected_score

Array = NDArray[np.float64]

MODEL = "mock-gpt-3.5-turbo"
"""The persona by which instructions are scored."""
_ASKING = Asking(MODEL, 0.0, 48, True)
GENERIC = (
    "[do|perform|carry out|complete] the task[| on the input| as shown]",
    "[answer|reply to|respond to] the [question|input]",
    "[look at|read|consider|study] the input and [write|give] [the output|what belongs to it]",
    "[write|give|produce] [the|an] output for [the|each|every] input",
    "[follow|continue|apply] the pattern[| of the examples]",
    "[process|handle|treat] the input [as needed|in the usual way|with care]",
    "[write|say] something about the input",
    "[help|assist] the user[| with the input]",
    "[think about|reflect on] the input[| for a moment]",
)
IDLE = (
    "Think [carefully|step by step] before you answer.",
    "Explain your [answer|reasoning] in [detail|a few words].",
    "[Be|Try to be] [accurate|as helpful as possible].",
    "[Take your time|Do your best].",
)
_LONGEST = 220
"""Characters of a text."""
_SHARES = (
    ("precise", 0.46),
    ("loose", 0.12),
    ("vague", 0.11),
    ("wrong", 0.11),
    ("neighbour", 0.11),
    ("generic", 0.09),
)


@dataclass(frozen=True, slots=True)
class Pool:
    """The instructions of one task."""

    task: str
    ceiling: float
    """What the best instruction scores."""
    texts: tuple[str, ...]
    """Without "The instruction was to" and the blank after it."""
    scores: Array
    """Expected scores of the whole sentences on the task's test rows, shape (texts,)."""
    style: Array
    """Where each text lies by length and by alphabet, in standard normal quantiles, shape (texts, 2)."""


def true_score(model: MockModel, data: Dataset) -> Callable[[str], float]:
    """The expected score of an instruction on the test rows of `data`."""
    return lambda text: expected_score(model.outcomes, data, _ASKING, text)


def pool(task: str, data: Dataset, model: MockModel, count: int) -> Pool:
    """`count` distinct instructions for `task`, fewer where its wording has fewer.

    Args:
        task: a name of `scenarios.tasks.INDUCTION30`.
        data: the task's rows; the test rows score.
        model: the persona that follows the instructions.
        count: how many.
    """
    luck = Luck("tiny-lm", task)
    words = wordings()[task]
    others = [wordings()[name] for name in neighbours(task) if name in wordings()] or [words]
    found: dict[str, None] = {}
    for kind, share in _SHARES:
        before = len(found)
        for _ in range(12 * count):
            if len(found) - before >= round(share * count):
                break
            text = _text(kind, words, others, luck)
            if len(text) <= _LONGEST:
                found[text] = None
    texts = tuple(found)
    score = true_score(model, data)
    scores = np.array([score(f"The instruction was to {text}") for text in texts])
    ceiling = model.ceiling(task, data.test, data.score)
    return Pool(task, ceiling, texts, scores, _style(texts))


def _text(kind: str, words: Wording, others: list[Wording], luck: Luck) -> str:
    if kind == "generic":
        verb = expand(luck.pick(GENERIC), luck)
    elif kind == "neighbour":
        words = luck.pick(others)
        verb = expand(luck.pick(words.precise), luck)
    else:
        verb = expand(luck.pick(getattr(words, kind)), luck)
    sentences = [f"{verb}."]
    if kind in ("precise", "loose") and words.hints and luck.chance(0.25):
        sentences.append(expand(luck.pick(words.hints), luck))
    if words.answer and luck.chance(0.2 if kind in ("vague", "generic") else 0.5):
        sentences.append(expand(luck.pick(words.answer), luck))
    if luck.chance(0.2):
        sentences.append(expand(luck.pick(IDLE), luck))
    return " ".join(sentences)


def _style(texts: tuple[str, ...]) -> Array:
    ranks = np.empty((len(texts), 2))
    for axis, key in enumerate((len, str.lower)):
        order = sorted(range(len(texts)), key=lambda i: (key(texts[i]), texts[i]))
        ranks[order, axis] = (np.arange(len(texts)) + 0.5) / len(texts)
    quantiles: Array = norm.ppf(ranks)
    return quantiles
