"""Labelling tasks for the policy: what it reads of them, what a teacher would write, and the reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.prompt_mii import PromptMII
from agents.templates.meta import digest, spelled
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

    With `copied` it names the strongest words of each label, one to three of them, cues or not: with that a
    small model begins.
    """
    rules, labels = one.problem.rules, one.data.labels
    cues = {(cue, label) for cue, label in rules.keywords}
    cues |= {(second, label) for _, second, label in rules.conjunctions}
    parts = {(word, label) for cue, label in cues for word in cue.split() if " " in cue}
    most = int(rng.integers(1, 4))
    named = []
    for label in labels:
        found = [term.text for term in one.found[label]]
        words = found[:most] if copied else _cues_of(found, label, cues, parts)
        named.append([found.index(word) + 1 for word in words])
    return _lines(named, labels.index(rules.default) + 1)


def _lines(named: Sequence[Sequence[int]], other: int | None) -> str:
    """Numbers of words, label by label, and of the label for other texts, as `spelled` reads them."""
    lines = [f"{i}: {', '.join(map(str, words))}" for i, words in enumerate(named, 1) if words]
    return "\n".join(lines if other is None else [*lines, f"else: {other}"])


def picked(one: Lesson, follower: Follower, rng: np.random.Generator) -> str:
    """The best of several guidelines by the follower's F1: the teacher's, and the strongest words.

    With few examples nobody can know the label for other texts, and the follower does better without.
    """
    labels, default = one.data.labels, one.data.labels.index(one.problem.rules.default) + 1
    guesses = [taught(one, rng)]
    for most in (1, 2):
        named = [range(1, 1 + min(most, len(one.found[label]))) for label in labels]
        guesses += [_lines(named, default), _lines(named, None)]
    guesses.append("\n".join([line for line in guesses[0].splitlines() if not line.startswith("else")]))
    scores = [follower.reward(one, guess) if guess else 0.0 for guess in guesses]
    return guesses[int(np.argmax(scores))]


def _cues_of(
    found: Sequence[str], label: str, cues: set[tuple[str, str]], parts: set[tuple[str, str]]
) -> list[str]:
    """The cues of a label among its words, and halves of cues of two words that are not there as a whole."""
    words = [text for text in found if _is_cue(text, label, cues)]
    whole = {word for text in words for word in text.split()}
    return words + [t for t in found if (t, label) in parts and t not in whole and t not in words]


def _is_cue(word: str, label: str, cues: set[tuple[str, str]]) -> bool:
    return (word, label) in cues or (word.removesuffix("s"), label) in cues


class Follower:
    """The frozen follower, and how often it was asked."""

    def __init__(self, score: str = "macro-f1") -> None:
        self._model, self._score = MockModel(FOLLOWER, {}), score
        self.calls = 0

    def reward(self, one: Lesson, instruction: str) -> float:
        """The F1 of the follower's answers to the test rows of a lesson; numbers are spelled out."""
        data = one.data
        instruction = spelled(instruction, one.found) or instruction
        asking = Asking(FOLLOWER, 0.0, 10, True, format_line(data.labels))
        answers = answers_to_test(self._model.outcomes, data, asking, instruction)
        self.calls += len(answers)
        return F1[self._score](answers, [row.answers[0] for row in data.test], data.labels)
