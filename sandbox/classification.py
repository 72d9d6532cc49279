"""How a classification task is put to a chat model, and how its answers are scored.

A prompt is an instruction, worked examples where there are some, the format line, and the text
to be labelled: one user turn. Two F1 scores are in use for Prompt-MII (one as training reward, one
in its tables), and they disagree wherever a model answers with something that is no label; both
are here by name. Ours, `macro_f1`, averages over the classes that the gold labels have, and an
answer that is no label is a miss of its gold class; `invalid_rate` says how many there were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sandbox.chat import Messages
from sandbox.dataset import Row


def format_line(labels: Sequence[str]) -> str:
    """The closing line of a prompt: which labels there are, and that nothing else is wanted."""
    return (
        f"Choose one of these labels: {', '.join(labels)}. "
        'Write the label alone, without a prefix such as "Label:" and without any other words.'
    )


def prompt(instruction: str, labels: Sequence[str], text: str, examples: Sequence[Row] = ()) -> Messages:
    """How a text to be labelled is put to a chat model."""
    parts = [instruction, shown(examples), format_line(labels), f"Input: {text}"]
    return (("user", "\n\n".join([part for part in parts if part])),)


def shown(rows: Sequence[Row]) -> str:
    """Rows as worked examples: an Input line and a Label line each."""
    return "\n".join([f"Input: {row.input}\nLabel: {row.answers[0]}" for row in rows])


def same(label: str) -> str:
    """What two spellings of one label share: case and outer white space do not count."""
    return label.strip().lower()


def macro_f1(predictions: Sequence[str], golds: Sequence[str], labels: Sequence[str] | None = None) -> float:
    """The mean F1 over `labels`; by default over those that the golds have.

    An answer that is no label misses its gold class, and hurts no other.

    >>> macro_f1(["a", "b", "what?"], ["a", "b", "b"])
    0.8333333333333333

    Raises:
        ValueError: if there are no rows, or not one prediction a gold.
    """
    found, wanted = _aligned(predictions, golds)
    return _mean_f1(found, wanted, sorted({same(label) for label in (golds if labels is None else labels)}))


def invalid_rate(predictions: Sequence[str], labels: Sequence[str]) -> float:
    """The share of answers that are none of `labels`."""
    valid = {same(label) for label in labels}
    return sum([same(prediction) not in valid for prediction in predictions]) / max(1, len(predictions))


def reward_f1(predictions: Sequence[str], golds: Sequence[str], labels: Sequence[str]) -> float:
    """Prompt-MII's training reward: an answer that is no label counts as the first of `labels`.

    Averaged over the classes that golds or predictions have. Answers are read up to 100 characters.
    """
    valid = {same(label) for label in labels}
    read = [same(prediction[:100]) for prediction in predictions]
    read = [prediction if prediction in valid else same(labels[0]) for prediction in read]
    found, wanted = _aligned(read, golds)
    return _mean_f1(found, wanted, sorted({*found, *wanted}))


def table_f1(predictions: Sequence[str], golds: Sequence[str]) -> float | None:
    """The F1 of Prompt-MII's tables: every answer that is no label is a class of its own, with F1 0.

    Empty answers are left out with their rows. None where the golds have one class only, or
    more than half as many classes as rows; such groups are not in the tables.
    """
    found, wanted = _aligned(predictions, golds)
    pairs = [(answer, gold) for answer, gold in zip(found, wanted, strict=True) if answer]
    classes = {gold for _, gold in pairs}
    if len(classes) < 2 or len(classes) > 0.5 * len(pairs):
        return None
    answers, kept = [answer for answer, _ in pairs], [gold for _, gold in pairs]
    return _mean_f1(answers, kept, sorted({*answers, *kept}))


def _aligned(predictions: Sequence[str], golds: Sequence[str]) -> tuple[list[str], list[str]]:
    if not golds or len(predictions) != len(golds):
        raise ValueError(f"{len(predictions)} predictions for {len(golds)} golds: one each, at least one")
    return [same(prediction) for prediction in predictions], [same(gold) for gold in golds]


def _mean_f1(found: Sequence[str], wanted: Sequence[str], classes: Sequence[str]) -> float:
    hits = Counter([gold for answer, gold in zip(found, wanted, strict=True) if answer == gold])
    answered, held = Counter(found), Counter(wanted)
    scores = [2 * hits[name] / max(1, answered[name] + held[name]) for name in classes]
    return sum(scores) / len(scores)
