"""A white box of a few numbers: a soft prompt is averaged, and each coordinate becomes a letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from sandbox.errors import BudgetExhausted

LEVELS = "abcdefgh"
Floats = NDArray[np.floating]


@dataclass
class ToyBox:
    """Texts are " write a-c-h": one letter a coordinate; `trainable` shifts the coordinates."""

    levels: int = len(LEVELS)
    """Where it is large every point has a text of its own, of its coordinates in full."""
    allowance: float = float("inf")
    """Texts it may still decode or embed before the budget is said to be spent."""
    width: int = 3
    hidden_width: int = 12
    layers: int = 2
    positions: int | None = None
    shift: Floats | None = None
    decoded: list[Floats] = field(default_factory=list)
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
        soft: Floats | None,
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
        soft: Floats | None = None,
        layer: int = -1,
        pooling: str = "last",
    ) -> Floats:
        if soft is None:
            return np.tanh(self.embed(() if texts is None else texts))
        self.spend(len(soft))
        middle = np.asarray(soft, dtype=float).mean(axis=1)
        turned = np.random.default_rng(0).standard_normal((3, self.hidden_width))
        states: Floats = np.tanh(middle @ turned).astype(np.float32)
        return states

    def embed(self, texts: str | Sequence[str]) -> Floats:
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

    def __init__(self, box: ToyBox) -> None:
        if box.shift is not None:
            raise ValueError("trained twice at once")
        self.box = box
        box.opened += 1
        box.shift = np.zeros(6)

    def get_flat(self) -> Floats:
        if self.box.shift is None:
            raise ValueError("closed")
        return self.box.shift.astype(np.float32)

    def set_flat(self, values: Floats) -> None:
        if values.shape != (6,):
            raise ValueError(f"shape {values.shape}: (6,)")
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
