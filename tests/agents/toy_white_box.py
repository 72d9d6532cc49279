"""A white box of a few numbers: a soft prompt is averaged, and each coordinate becomes one of eight words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from mocks.noise import Noise
from mocks.service import Service
from mocks.world import OracleWorld
from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop
from sandbox.errors import BudgetExhausted
from sandbox.protocol import Agent, Asides, Task
from sandbox.session import Session
from sandbox.spaces import Candidate, FreeText
from sandbox.streams import stream

LEVELS = "abcdefgh"
TARGET = (6, 1, 4)
SPACE = FreeText(("Answer.", "Do it."))
DEMOS = tuple((f"in {i}", f"out {i}") for i in range(8))


@dataclass
class Toy:
    """Texts are " write a-c-h": one letter a coordinate; `trainable` shifts the coordinates."""

    levels: int = len(LEVELS)
    """Where it is large every point has a text of its own, of its coordinates in full."""
    allowance: float = float("inf")
    """Texts it may still decode or embed before the budget is said to be spent."""
    width: int = 3
    hidden_width: int = 12
    positions: int | None = None
    shift: np.ndarray | None = None
    decoded: list[np.ndarray] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    def count(self, text: str) -> int:
        return len(text)

    def chat(self, text: str) -> str:
        return text

    def spend(self, count: int) -> None:
        if count > self.allowance:
            raise BudgetExhausted("whitebox_seconds", count, int(self.allowance))
        self.allowance -= count

    def decode(
        self,
        soft: np.ndarray | None,
        context: str | Sequence[str],
        *,
        max_tokens: int = 64,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[str]:
        contexts = [context] if isinstance(context, str) else list(context)
        count = len(contexts) if soft is None else len(soft)
        self.spend(count)
        self.contexts += contexts
        middle = np.zeros((count, 3)) if soft is None else np.asarray(soft, dtype=float).mean(axis=1)
        if self.shift is not None:
            middle = middle + self.shift[:3]
        if temperature:
            draws = [np.random.default_rng([seed, i]).standard_normal(3) for i in range(count)]
            middle = middle + temperature * np.array(draws)
        self.decoded.append(middle)
        if self.levels > len(LEVELS):
            return [" write " + "/".join(repr(float(x)) for x in row) for row in middle]
        cut = np.clip((np.tanh(middle) + 1) / 2 * self.levels, 0, self.levels - 1).astype(int)
        return [" write " + "-".join(LEVELS[i] for i in row) for row in cut]

    def hidden(
        self,
        texts: str | Sequence[str] | None = None,
        *,
        soft: np.ndarray | None = None,
        layer: int = -1,
        pooling: str = "last",
    ) -> np.ndarray:
        assert soft is not None
        self.spend(len(soft))
        middle = np.asarray(soft, dtype=float).mean(axis=1)
        turned = np.random.default_rng(0).standard_normal((3, self.hidden_width))
        states: np.ndarray = np.tanh(middle @ turned).astype(np.float32)
        return states

    def embed(self, texts: str | Sequence[str]) -> np.ndarray:
        texts = [texts] if isinstance(texts, str) else texts
        self.spend(len(texts))
        letters = [text.rpartition(" ")[2].split("-") for text in texts]
        table = np.random.default_rng(1).standard_normal((4 * len(LEVELS), self.hidden_width))
        rows = []
        for word in letters:
            places = [8 * k + LEVELS.index(c) for k, c in enumerate(word[:4]) if c in LEVELS and c]
            rows.append(table[places].sum(axis=0) if places else np.zeros(self.hidden_width))
        return np.array(rows, dtype=np.float32)

    def trainable(self, rank: int = 8, seed: int = 0) -> ToyLora:
        return ToyLora(self)


class ToyLora:
    """Six numbers, of which three shift what is decoded."""

    size = 6

    def __init__(self, box: Toy) -> None:
        assert box.shift is None, "trained twice at once"
        self.box = box
        box.opened += 1
        box.shift = np.zeros(6)

    def get_flat(self) -> np.ndarray:
        assert self.box.shift is not None
        return self.box.shift.astype(np.float32)

    def set_flat(self, values: np.ndarray) -> None:
        assert values.shape == (6,)
        self.box.shift = np.array(values, dtype=np.float64)

    def close(self) -> None:
        self.box.shift = None
        self.box.closed += 1

    def __enter__(self) -> ToyLora:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Letters:
    """How near the letters of a text are to the target's; texts without letters score 0."""

    space: FreeText = SPACE
    calls: list[str] = field(default_factory=list, compare=False)

    def truth(self, candidate: Candidate) -> float:
        word = str(candidate).rpartition(" ")[2].split("-")
        self.calls.append(str(candidate))
        if len(word) != len(TARGET) or not all(c in LEVELS and c for c in word):
            return 0.0
        apart = [abs(LEVELS.index(c) - t) for c, t in zip(word, TARGET, strict=True)]
        return 1.0 - sum(apart) / 21


def opened(
    agent: Agent,
    box: Any,
    seed: int = 0,
    budget: Budget | None = None,
    noises: tuple[Noise, ...] = (),
    service: Service | None = None,
    oracle: Any = None,
) -> Session:
    """A run of an agent that is lent `box`, not yet played."""
    budget, oracle = budget or Budget(evaluations=60), oracle or Letters()
    task = Task("letters", oracle.space, budget, DEMOS, 20, lends=Asides(white_box=box))
    world = OracleWorld(oracle, seed, noises, service, 20)
    return Session(
        agent.name, agent.plan(task, stream(seed, "agent", agent.name)), task, world, Ledger(budget)
    )


def run(agent: Agent, box: Any, **setting: Any) -> Session:
    """A run played to its end, which must not be an error."""
    one = opened(agent, box, **setting)
    loop.play(one)
    if one.failure is not None:
        raise one.failure
    return one


def asked(one: Session) -> list[str]:
    """The texts evaluated, in order."""
    return [str(getattr(r.ticket.request, "candidate", "")) for r in one.trace.in_order_asked()]
