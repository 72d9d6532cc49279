"""A task that is solved row by row: inputs, accepted answers, three disjoint splits, a metric."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sandbox.chat import Messages
from sandbox.metrics import METRICS, Metric
from sandbox.tokens import PER_CHAT, PER_MESSAGE, count


class Row(NamedTuple):
    """One input, and what is accepted as its answer."""

    input: str
    answers: tuple[str, ...]
    """At least one; the first is the one to show as the answer."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A task with its rows."""

    name: str
    description: str
    """What the task is about, without giving its instruction away."""
    train: tuple[Row, ...]
    """Worked examples that agents may show or learn from."""
    dev: tuple[Row, ...]
    """What an evaluation scores."""
    test: tuple[Row, ...]
    """For the referee alone."""
    metric: str = "exact_match"
    """A key of `sandbox.metrics.METRICS`."""
    labels: tuple[str, ...] = ()
    """The valid answers of a classification task."""

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"{self.name}: metric {self.metric!r}: one of {', '.join(METRICS)}")
        for split in (self.train, self.dev, self.test):
            if not split:
                raise ValueError(f"{self.name}: train, dev and test need at least one row each")

    @property
    def score(self) -> Metric:
        """The metric itself."""
        return METRICS[self.metric]

    @property
    def digest(self) -> str:
        """Changes with any row, the metric or the labels."""
        facts = [self.name, self.train, self.dev, self.test, self.metric, self.labels]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def prompt(instruction: str, text: str) -> Messages:
    """How a row is put to a chat model: one user turn, as in APE, InstructZero and INSTINCT."""
    return (("user", f"Instruction: {instruction}\n\nInput: {text}\nOutput:"),)


def prompt_tokens(instruction: str, text: str) -> int:
    """What `count_messages(prompt(instruction, text))` says, from parts that are remembered."""
    return _head_tokens(instruction) + _tail_tokens(text)


@lru_cache(maxsize=4096)
def _head_tokens(instruction: str) -> int:
    return PER_CHAT + PER_MESSAGE + count(f"Instruction: {instruction}\n\n")


@lru_cache(maxsize=65_536)
def _tail_tokens(text: str) -> int:
    return count(f"Input: {text}\nOutput:")


def shown(rows: tuple[Row, ...]) -> str:
    """Rows as worked examples in a prompt."""
    return "\n\n".join([f"Input: {row.input}\nOutput: {row.answers[0]}" for row in rows])
