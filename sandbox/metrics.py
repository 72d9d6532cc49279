"""How an answer is held against the accepted ones: the metrics of the instruction-induction tasks.

Honovich et al. (2022), "Instruction Induction", and Zhou et al. (2023), "APE"; the same
normalisation before every comparison.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

Metric: TypeAlias = Callable[[str, Sequence[str]], float]
"""(prediction, accepted answers) -> a score in [0, 1]."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=65_536)
def normalise(text: str) -> str:
    """The first sentence of the first line, in lower case, without punctuation and without " and ".

    >>> normalise("Sentence 1: The twenty-one dogs and cats. They bark.")
    'the twenty one dogs cats'
    """
    text = text.replace(" and ", " ").replace("Sentence 1:", "").replace("Sentence 2:", "").strip()
    text = text.split("\n")[0].split(".")[0]
    return text.lower().replace("-", " ").translate(_PUNCTUATION).strip()


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1 if the prediction equals an accepted answer."""
    found = normalise(prediction)
    return float(any(found == normalise(answer) for answer in answers))


def f1(prediction: str, answers: Sequence[str]) -> float:
    """The best F1 between the prediction's words and an accepted answer's, as bags."""
    return max((_f1(normalise(prediction), normalise(answer)) for answer in answers), default=0.0)


def exact_set(prediction: str, answers: Sequence[str]) -> float:
    """1 if the prediction's words are those of an accepted answer, in any order."""
    found = set(normalise(prediction).split())
    return float(any(found == set(normalise(answer).split()) for answer in answers))


def contains(prediction: str, answers: Sequence[str]) -> float:
    """1 if an accepted answer stands in the prediction, at word boundaries."""
    found = normalise(prediction)
    return float(any(_word(normalise(answer)).search(found) is not None for answer in answers))


METRICS: Mapping[str, Metric] = {
    "exact_match": exact_match,
    "f1": f1,
    "exact_set": exact_set,
    "contains": contains,
}


def _f1(prediction: str, answer: str) -> float:
    found, wanted = Counter(prediction.split()), Counter(answer.split())
    shared = (found & wanted).total()
    return 2 * shared / (found.total() + wanted.total()) if shared else 0.0


@lru_cache(maxsize=65_536)
def _word(answer: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(answer)}\b")
