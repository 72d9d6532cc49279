"""Holes of a task: what it scores to copy the input, or to give one answer to everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import NamedTuple

from sandbox.dataset import Dataset, Row
from sandbox.metrics import Metric

DEEP = 0.3
"""From here on a hole is worth a warning."""


class Holes(NamedTuple):
    """Scores in [0, 1] that need no understanding."""

    copying: float
    """Of the input itself as the answer."""
    constant: float
    """Of the answer that scores best when it is given to every row."""
    answer: str
    """That answer."""


def holes(dataset: Dataset) -> Holes:
    """The holes of a task on its dev rows; the constant answers that are tried are those of the rows."""
    return measure(dataset.dev, dataset.score)


def closed(dataset: Dataset) -> Dataset:
    """The dataset in which no row accepts its own input, but where that is the only right answer."""
    return replace(
        dataset,
        train=tuple(map(_closed, dataset.train)),
        dev=tuple(map(_closed, dataset.dev)),
        test=tuple(map(_closed, dataset.test)),
    )


def _closed(row: Row) -> Row:
    copied = row.input.strip().lower()
    answers = tuple([answer for answer in row.answers if answer.strip().lower() != copied])
    return Row(row.input, answers) if answers else row


def measure(rows: Sequence[Row], score: Metric) -> Holes:
    """The holes of rows under a metric."""
    tried = sorted({row.answers[0] for row in rows})
    scores = {answer: fmean([score(answer, row.answers) for row in rows]) for answer in tried}
    best = max(tried, key=lambda answer: scores[answer])
    return Holes(fmean([score(row.input, row.answers) for row in rows]), scores[best], best)
