"""A growing pool of distinct texts that a white box wrote after random soft prompts, with embeddings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agents.soft_prompts import Writer, sobol
from sandbox.errors import BudgetExhausted

Array = NDArray[np.float64]
_BATCH = 64
"""Soft prompts decoded at once."""


class DecodedPool:
    """Texts, and the hidden state at the last prompt token of the soft prompt that each came from first."""

    __slots__ = ("_dry", "_low", "_rng", "_writer", "points", "texts")

    def __init__(self, writer: Writer, low: float, rng: np.random.Generator) -> None:
        """An empty pool.

        Args:
            writer: turns points into texts.
            low: the smallest coordinate of the points in [low, 1]^d.
            rng: draws the points.
        """
        self._writer, self._low, self._rng = writer, low, rng
        self._dry = False
        self.texts: dict[str, int] = {}
        """Each text's row of `points`."""
        self.points: Array = np.zeros((0, writer.white_box.hidden_width))
        """Embeddings, shape (texts, hidden width)."""

    def grow(
        self, prompts: int, most: int, candidate: Callable[[str], str | None], temperature: float = 0.0
    ) -> int:
        """Decode up to `prompts` new soft prompts until `most` texts have joined; how many have.

        Where the budget of the white box ends first, what was written until then is kept, and later calls add
        nothing.

        Args:
            prompts: points of a new scrambled Sobol sequence.
            most: of the texts that join.
            candidate: the text as the space takes it, None for one that it does not.
            temperature: 0 is greedy.
        """
        before = len(self.texts)
        writer = self._writer
        points = sobol(prompts, writer.lift.dimensions, self._rng, self._low)
        seed = int(self._rng.integers(2**31))
        for first in range(0, 0 if self._dry else prompts, _BATCH):
            part = points[first : first + _BATCH]
            try:
                new: dict[str, int] = {}
                for i, text in enumerate(writer.write(part, temperature, seed + first)):
                    found = candidate(text)
                    if found is not None and found not in self.texts:
                        new.setdefault(found, i)
                kept = list(new)[: most - (len(self.texts) - before)]
                if not kept:
                    continue
                soft = writer.lift.lift(part[[new[text] for text in kept]])
                states = writer.white_box.hidden(writer.context, soft=soft)
            except BudgetExhausted:
                self._dry = True
                break
            for text in kept:
                self.texts[text] = len(self.texts)
            self.points = np.concatenate([self.points, np.asarray(states, dtype=np.float64)])
            if len(self.texts) - before >= most:
                break
        return len(self.texts) - before
