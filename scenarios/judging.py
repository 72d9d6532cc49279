"""Referees of chat problems: what makes the truth of an instruction out of answers to the test rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from sandbox.chat import ChatCall
from sandbox.classification import macro_f1, reward_f1, table_f1
from sandbox.dataset import Dataset, prompt
from sandbox.errors import AnswerFailed
from sandbox.protocol import RowResult
from sandbox.worlds.chat import Asking, expected_score

Outcomes: TypeAlias = Callable[[ChatCall], Sequence[tuple[str, float]]]
"""The distribution of a model's answers, see `sandbox.chat.ChatModel.outcomes`."""
Truth: TypeAlias = Callable[[str], float]
Score: TypeAlias = Callable[[Sequence[str], Sequence[str], Sequence[str]], float]
"""(answers, gold labels, all labels) -> a score in [0, 1]."""


def _of_tables(answers: Sequence[str], golds: Sequence[str], labels: Sequence[str]) -> float:
    """Nothing at all where all answers are empty."""
    return table_f1(answers, golds) or 0.0


F1: Mapping[str, Score] = {
    "macro-f1": lambda answers, golds, labels: macro_f1(answers, golds),
    "reward-f1": reward_f1,
    "table-f1": _of_tables,
}
"""The scores of `sandbox.classification` by the names that scenario files use."""


def answers_to_test(outcomes: Outcomes, dataset: Dataset, asking: Asking, candidate: str) -> list[str]:
    """What a model answers to each test row at temperature 0; "" where the prompt is too long for it.

    A prompt that a model cannot take gets no label from it: the row is lost, as any other wrong answer.
    """
    told, found = asking.told(candidate), []
    for row in dataset.test:
        call = ChatCall(prompt(told, row.input), asking.model, 1, 0.0, 1.0, asking.max_tokens)
        try:
            found.append(max(outcomes(call), key=lambda pair: pair[1])[0])
        except AnswerFailed:
            found.append("")
    return found


def tally_of(judge: str, labels: Sequence[str]) -> Callable[[Sequence[RowResult]], float] | None:
    """See `sandbox.scenario.Problem.tally`."""
    if judge == "mean":
        return None

    def tally(rows: Sequence[RowResult]) -> float:
        return F1[judge]([row.answer for row in rows], [row.expected for row in rows], labels)

    return tally


def truth_of(judge: str, outcomes: Outcomes, dataset: Dataset, asking: Asking) -> Truth:
    """The truth of an instruction by `judge`: "mean", or a name of `F1`.

    Raises:
        ValueError: if an F1 is asked of a task without labels, of answers that are drawn, or of test rows of
            which it cannot be told.
    """
    if judge == "mean":
        return partial(expected_score, outcomes, dataset, asking)
    if not dataset.labels:
        raise ValueError(f'judge="{judge}" needs labels, and {dataset.name} has none; "mean" does not')
    if asking.temperature:
        raise ValueError(f'judge="{judge}" needs certain answers, so temperature = 0')
    golds = [row.answers[0] for row in dataset.test]
    if judge == "table-f1" and table_f1(golds, golds) is None:
        raise ValueError('judge="table-f1" needs several labels, and twice as many test rows')

    def truth(candidate: str) -> float:
        return F1[judge](answers_to_test(outcomes, dataset, asking, candidate), golds, dataset.labels)

    return truth
