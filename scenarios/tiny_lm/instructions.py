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
_LONGEST = 140
"""Characters of a text."""
_WRITTEN = 6
"""Texts that are written for each one that is kept."""
_LEVELS = (0.06, 0.2, 0.35, 0.5, 0.65, 0.78, 0.88)
"""Borders between levels of quality, in ceilings; about equally many texts are kept of each level."""
_MODEST = 0.6
"""Where the ceiling is below this only the worst and the best level are kept: scores would hardly differ."""
_WORST = 0.2
"""Of the texts of such a task that are of the worst level."""
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
        count: how many; most tasks' are spread over all levels of quality.
    """
    luck = Luck("tiny-lm", task)
    words = wordings()[task]
    others = [wordings()[name] for name in neighbours(task) if name in wordings()] or [words]
    found: dict[str, None] = {}
    for kind, share in _SHARES:
        before = len(found)
        for _ in range(12 * _WRITTEN * count):
            if len(found) - before >= round(share * _WRITTEN * count):
                break
            text = _text(kind, words, others, luck)
            if len(text) <= _LONGEST:
                found[text] = None
    written = tuple(found)
    score = true_score(model, data)
    scores = np.array([score(f"The instruction was to {text}") for text in written])
    ceiling = model.ceiling(task, data.test, data.score)
    kept = _of_all_levels(scores / ceiling, count, only_extremes=ceiling < _MODEST)
    texts = tuple([written[i] for i in kept])
    return Pool(task, ceiling, texts, scores[kept], _style(texts))


def _of_all_levels(shares: Array, count: int, only_extremes: bool) -> list[int]:
    """Positions of `count` texts, as evenly over the levels of quality as there are texts, in their order."""
    levels = np.searchsorted(_LEVELS, shares, side="right")
    members = [np.flatnonzero(levels == level) for level in np.unique(levels)]
    if only_extremes:
        low = round(_WORST * count)
        return sorted([*_thinned(members[0], low), *_thinned(members[-1], count - low)])
    members.sort(key=len)  # what a small level lacks goes to the larger ones
    kept: list[int] = []
    for place, texts in enumerate(members):
        kept += _thinned(texts, (count - len(kept)) // (len(members) - place))
    return sorted(kept)


def _thinned(members: NDArray[np.int64], count: int) -> list[int]:
    count = min(count, len(members))
    thinned: list[int] = members[np.arange(count) * len(members) // max(count, 1)].tolist()
    return thinned


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
