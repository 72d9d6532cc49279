"""How true a mock model is to what people write: the fidelity card, task by task.

`python -m scenarios.card` prints it; here is what it measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median, quantiles
from typing import NamedTuple

from mocks.llm.model import MockModel
from sandbox.dataset import Dataset

_OTHERS = 60
"""Instructions of other tasks that are tried on a task; evenly spread over all of them."""
_ROWS_FOR_OTHERS = 40


class Fidelity(NamedTuple):
    """One task's line of the card; scores are expected, at temperature 0, on the test rows."""

    task: str
    texts: int
    """Right instructions."""
    recognised: float
    """Share of them that the model takes for this task before any other."""
    ceiling: float
    """Score of a perfect instruction."""
    floor: float
    """Score of an empty one."""
    low: float
    """Lower quartile of the right instructions' scores, as a share of the ceiling."""
    middle: float
    """Their median, as a share of the ceiling."""
    high: float
    """Their upper quartile."""
    best: float
    others: float
    """Median score of other tasks' instructions, absolute."""


def fidelity(model: MockModel, dataset: Dataset, told: Mapping[str, Sequence[str]]) -> Fidelity:
    """The line of `dataset`, for right instructions by task in `told`."""
    task, rows, score = dataset.name, dataset.test, dataset.score
    own = told[task]
    ceiling = model.ceiling(task, rows, score)
    scores = [model.expected(text, rows, score) / max(ceiling, 1e-9) for text in own]
    first = [model.understanding(text).skills[:1] for text in own]
    foreign = [text for other, texts in told.items() if other != task for text in texts]
    foreign = foreign[:: max(1, len(foreign) // _OTHERS)]
    wrong = [model.expected(text, rows[:_ROWS_FOR_OTHERS], score) for text in foreign]
    low, middle, high = quantiles(scores, n=4, method="inclusive") if len(scores) > 1 else scores * 3
    return Fidelity(
        task, len(own), sum(bool(top) and top[0][0] == task for top in first) / len(own), ceiling,
        model.floor(task, rows, score), low, middle, high, max(scores), median(wrong) if wrong else 0.0,
    )  # fmt: skip


def table(lines: Sequence[Fidelity]) -> str:
    """The card as text, with a last line over all tasks."""
    titles = ("n", "known", "ceiling", "empty", "25 %", "50 %", "75 %", "best", "others")
    widths = (4, 7, 9, 7, 7, 7, 7, 7, 8)
    head = f"{'task':24}" + "".join([title.rjust(width) for title, width in zip(titles, widths, strict=True)])
    shown = [head]
    for line in lines:
        shown.append(
            f"{line.task:24}{line.texts:4}{line.recognised:7.2f}{line.ceiling:9.3f}{line.floor:7.2f}"
            f"{line.low:7.2f}{line.middle:7.2f}{line.high:7.2f}{line.best:7.2f}{line.others:8.2f}"
        )
    count = sum(line.texts for line in lines)
    known = sum(line.recognised * line.texts for line in lines) / count
    shown.append(
        f"{'median (known: mean)':24}{count:4}{known:7.2f}{median(line.ceiling for line in lines):9.3f}"
        f"{median(line.floor for line in lines):7.2f}{median(line.low for line in lines):7.2f}"
        f"{median(line.middle for line in lines):7.2f}{median(line.high for line in lines):7.2f}"
        f"{median(line.best for line in lines):7.2f}{median(line.others for line in lines):8.2f}"
    )
    return "\n".join(shown)
