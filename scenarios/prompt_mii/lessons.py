"""Labelling tasks for the policy: what it reads of them, what a teacher would write, and the reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.prompt_mii import PromptMII
from agents.templates.meta import digest
from agents.word_evidence import Term, evidence
from mocks.llm.model import MockModel
from sandbox.classification import format_line
from sandbox.dataset import Dataset
from sandbox.streams import stream
from sandbox.worlds.chat import Asking
from scenarios.judging import F1, answers_to_test
from scenarios.tasks import classification

FOLLOWER = "mock-gpt-3.5-turbo"
"""The frozen model that follows the instructions."""
TRAINING = range(2_000_000, 3_000_000)
"""Seeds of training tasks; those of comparisons, `classification.HELD_OUT`, are no part of them."""
CHECKING = range(3_000_000, 3_000_048)
"""Seeds of the tasks that tell whether training helps."""
_SHOTS = ((5, 1.0), (10, 0.3), (20, 0.2), (50, 0.1), (100, 0.1))
"""(worked examples, how often), as in the paper, and with the largest number of its tests."""
_ROWS = 20
"""That the follower labels for a reward."""


@dataclass(frozen=True)
class Lesson:
    """One task with so many worked examples."""

    problem: classification.Problem

    @property
    def data(self) -> Dataset:
        """Its rows: the training rows are the worked examples, the test rows those of the reward."""
        return self.problem.dataset

    @cached_property
    def found(self) -> Mapping[str, Sequence[Term]]:
        """The words of each label."""
        pairs = [(row.input, row.answers[0]) for row in self.data.train]
        return evidence(pairs, self.data.labels, PromptMII().terms)

    @property
    def prompt(self) -> str:
        """What the policy reads."""
        return digest(self.found)


def lesson(seed: int, shots: int | None = None, rows: int = _ROWS) -> Lesson:
    """The task of `seed` with some worked examples; their number is drawn where it is None."""
    if shots is None:
        numbers, often = zip(*_SHOTS, strict=True)
        rng = stream(seed, "prompt-mii", "shots")
        shots = int(rng.choice(numbers, p=np.array(often) / sum(often)))
    return Lesson(classification.problem(seed, train=shots, dev=1, test=rows))


def taught(one: Lesson, rng: np.random.Generator, copied: bool = False) -> str:
    """What a teacher writes who knows the rules: the cues among the words that are shown, and no others.

    The wording is drawn, so that reinforcement finds something to choose from. With `copied` the words are
    the strongest of each label, one to four of them, cues or not: from that a small model learns to copy
    a word at all, before it learns which ones.
    """
    rules, labels = one.problem.rules, one.data.labels
    cues = {(cue, label) for cue, label in rules.keywords}
    cues |= {(second, label) for _, second, label in rules.conjunctions}
    parts = {(word, label) for cue, label in cues for word in cue.split() if " " in cue}
    lines = [_pick(rng, ("Classify the text.", f"Classify the text as one of: {', '.join(labels)}.", ""))]
    form = int(rng.integers(len(_FORMS)))
    most = int(rng.integers(1, 5))
    for label in labels:
        words = _cues_of(one, label, cues, parts) if not copied else [t.text for t in one.found[label][:most]]
        if words:
            quoted = [f'"{word}"' for word in words]
            lines.append(_FORMS[form].format(" or ".join(quoted), label))
    lines.append(_pick(rng, (f"Otherwise, answer {rules.default}.",) * 2 + ("",)))
    lines.append(_pick(rng, ("Answer with the label only.", "")))
    return "\n".join([line for line in lines if line]) or "Classify the text."


def _cues_of(one: Lesson, label: str, cues: set[tuple[str, str]], parts: set[tuple[str, str]]) -> list[str]:
    """The cues of a label among its words, and halves of cues of two words that are not there as a whole."""
    found = one.found[label]
    words = [term.text for term in found if _is_cue(term.text, label, cues)]
    whole = {word for text in words for word in text.split()}
    return words + [
        term.text
        for term in found
        if (term.text, label) in parts and term.text not in whole and term.text not in words
    ]


_FORMS = ("Answer {1} if the text mentions {0}.", "Answer {1} if the text contains {0}.", "{1}: {0}")
"""The label first: then what stands behind it in the prompt can be copied."""


def _is_cue(word: str, label: str, cues: set[tuple[str, str]]) -> bool:
    return (word, label) in cues or (word.removesuffix("s"), label) in cues


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


class Follower:
    """The frozen follower, and how often it was asked."""

    def __init__(self, score: str = "macro-f1") -> None:
        self._model, self._score = MockModel(FOLLOWER, {}), score
        self.calls = 0

    def reward(self, one: Lesson, instruction: str) -> float:
        """The F1 of the follower's answers to the test rows of a lesson."""
        data = one.data
        asking = Asking(FOLLOWER, 0.0, 10, True, format_line(data.labels))
        answers = answers_to_test(self._model.outcomes, data, asking, instruction)
        self.calls += len(answers)
        return F1[self._score](answers, [row.answers[0] for row in data.test], data.labels)
