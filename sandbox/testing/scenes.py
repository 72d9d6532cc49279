"""A scene: everything about one tiny world, small enough to be read, drawn, shrunk, and kept in a file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, Literal

from sandbox.budget import Budget
from sandbox.protocol import Asides, Needs, Task
from sandbox.spaces import Box, Candidate, FreeText, Pool, Space

Kind = Literal["pool", "text", "box"]
Oracle = Literal["constant", "first", "sum", "table"]
Fault = Literal["nan", "inf", "-inf", "failed"]
KINDS: tuple[Kind, ...] = ("pool", "text", "box")
ORACLES: tuple[Oracle, ...] = ("constant", "first", "sum", "table")
"""From the dullest to the richest, which is how they shrink."""
FAULTS: tuple[Fault, ...] = ("failed", "nan", "inf", "-inf")
LEVELS = 16
"""Scores are sixteenths, so that sums, powers of two and cubes of them are exact."""
_WORDS = ("brief", "exact", "step", "answer", "list", "think", "word", "only", "first", "check")
DEMOS = tuple([(f"in {i}", f"out {i}") for i in range(6)])


@dataclass(frozen=True)
class Scene:
    """A world with one task, and the luck of the agent and of the world.

    Raises:
        ValueError: if a field is out of its range.
    """

    kind: Kind = "pool"
    size: int = 1
    """Texts of a pool, seeds of free text; 1 to 64."""
    dims: int = 1
    """Of a box; 1 to 16."""
    oracle: Oracle = "constant"
    budget: int = 1
    """Evaluations that the agent is told; 1 to 10,000."""
    seed: int = 0
    """Of the agent."""
    luck: int = 0
    """Of the world: a table oracle's scores, noise, and what the black box writes."""
    rows: int = 0
    """Dev rows, 0 to 16; with none, a candidate has one score."""
    faults: tuple[tuple[int, Fault], ...] = ()
    """(number of the evaluation from 0, what becomes of it)."""
    noisy: bool = False
    """Whether a score is right on average only."""
    writes: bool = False
    """Whether the black box also writes."""

    def __post_init__(self) -> None:
        ranges = {"size": (1, 64), "dims": (1, 16), "budget": (1, 10_000), "rows": (0, 16)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name}={value!r}: a whole number from {low} to {high}")
        for name, valid in (("kind", KINDS), ("oracle", ORACLES)):
            if getattr(self, name) not in valid:
                raise ValueError(f"{name}={getattr(self, name)!r}; valid: {', '.join(valid)}")
        for number, fault in self.faults:
            if fault not in FAULTS or not isinstance(number, int) or number < 0:
                raise ValueError(f"fault {(number, fault)!r}; valid: (0, 'nan'), with {', '.join(FAULTS)}")

    @cached_property
    def space(self) -> Space:
        """What the agent searches."""
        if self.kind == "box":
            return Box((0.0,) * self.dims, (1.0,) * self.dims)
        texts = tuple([_text(i) for i in range(self.size)])
        return Pool(texts) if self.kind == "pool" else FreeText(texts, _WORDS, longest=400)

    def task(self, white_box: Any = None) -> Task:
        """What the agent is told; with rows, the budget is in rows."""
        limit = {"rows": self.budget * self.rows} if self.rows else {"evaluations": self.budget}
        return Task(
            description="a small world",
            space=self.space,
            budget=Budget(**limit),
            demos=DEMOS if self.kind == "text" else (),
            dev_rows=self.rows,
            lends=Asides(completions=self.writes, white_box=white_box),
        )

    def truth(self, candidate: Candidate) -> float:
        """The noiseless score, a sixteenth from 0 to 1."""
        if self.oracle == "constant":
            return 0.5
        if self.oracle == "first":
            return float(candidate == _text(0) if isinstance(candidate, str) else max(candidate) <= 0.5)
        if self.oracle == "sum":
            parts = _digits(candidate) if isinstance(candidate, str) else candidate
            return round(LEVELS * math.fsum(parts) / len(parts)) / LEVELS
        return round(LEVELS * unit(self.luck, "table", candidate)) / LEVELS

    def row_score(self, candidate: Candidate, row: int) -> float:
        """1 if the candidate solves the row, else 0; over all rows the mean is near the truth."""
        return float(unit(self.luck, "row", candidate, row) < self.truth(candidate))

    def known(self, candidate: Candidate) -> float:
        """What an evaluation without noise says: the truth, or the mean over all dev rows."""
        if not self.rows:
            return self.truth(candidate)
        return sum([self.row_score(candidate, row) for row in range(self.rows)]) / self.rows

    def told(self) -> dict[str, Any]:
        """Only what differs from the default scene."""
        plain = asdict(self)
        return {field.name: plain[field.name] for field in fields(self) if plain[field.name] != field.default}

    def __str__(self) -> str:
        return ", ".join([f"{name}={value!r}" for name, value in self.told().items()]) or "the default scene"

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Scene:
        """The scene that `told` describes, with lists where JSON has no tuples.

        Raises:
            ValueError: naming what is unknown or out of range.
        """
        names = {field.name for field in fields(cls)}
        if unknown := sorted(set(told) - names):
            raise ValueError(f"unknown field {unknown[0]!r}; valid: {', '.join(sorted(names))}")
        facts = dict(told)
        if "faults" in facts:
            facts["faults"] = tuple([(number, fault) for number, fault in facts["faults"]])
        return cls(**facts)


def kinds_of(needs: Needs) -> tuple[Kind, ...]:
    """The kinds of spaces that a subject plays on, the simplest first."""
    wanted: tuple[tuple[Kind, Needs], ...] = (("pool", Needs.POOL), ("text", Needs.TEXT), ("box", Needs.BOX))
    return tuple([kind for kind, need in wanted if need in needs])


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest(), "little") / 2**56


def name_of(facts: Mapping[str, Any]) -> str:
    """A short name for facts that JSON can carry; equal facts share it."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:10]


@lru_cache(maxsize=64)
def _text(number: int) -> str:
    """The candidates of a pool, and the seeds of free text: all different, of words."""
    first, second = divmod(number, len(_WORDS))
    return f"{_WORDS[second]} {_WORDS[first % len(_WORDS)]}"


def _digits(text: str) -> list[float]:
    """One number in [0, 1] a word: words add up, and the same word always counts the same."""
    words = text.split()[:12]
    return [_WORDS.index(w) / (len(_WORDS) - 1) if w in _WORDS else unit("word", w) for w in words] or [0.0]
