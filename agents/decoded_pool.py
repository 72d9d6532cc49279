"""A growing pool of distinct texts that a white box wrote after random soft prompts, with embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.soft_prompts import PREFIX, sobol, soft_prompts, tidy
from sandbox.errors import BudgetExhausted

Array = NDArray[np.float64]
_BATCH = 64
"""Soft prompts decoded at once."""


class DecodedPool:
    """Texts, and the hidden state at the last prompt token of the soft prompt that each came from first."""

    __slots__ = ("_box", "_context", "_dry", "_lift", "_low", "_rng", "points", "texts")

    def __init__(
        self, white_box: Any, context: str, dimensions: int, tokens: int, low: float, rng: np.random.Generator
    ) -> None:
        """An empty pool.

        Args:
            white_box: writes and embeds.
            context: what it reads after the soft prompt, up to the instruction's beginning.
            dimensions: d of the points in [low, 1]^d.
            tokens: m, token embeddings in a soft prompt.
            low: the points' smallest coordinate.
            rng: draws the map from points to soft prompts, and the points.
        """
        self._box, self._context, self._low, self._rng = white_box, context, low, rng
        self._lift = soft_prompts(dimensions, tokens, white_box.width, rng)
        self._dry = False
        self.texts: dict[str, int] = {}
        """Each text's row of `points`."""
        self.points: Array = np.zeros((0, white_box.hidden_width))
        """Embeddings, shape (texts, hidden width)."""

    def grow(self, prompts: int, most: int, candidate: Callable[[str], str | None]) -> int:
        """Decode up to `prompts` new soft prompts until `most` texts have joined; how many have.

        Where the budget of the white box ends first, what was written until then is kept, and later calls add
        nothing.

        Args:
            prompts: points of a new scrambled Sobol sequence.
            most: of the texts that join.
            candidate: the text as the space takes it, None for one that it does not.
        """
        before = len(self.texts)
        points = sobol(prompts, self._lift.dimensions, self._rng, self._low)
        for first in range(0, 0 if self._dry else prompts, _BATCH):
            soft = self._lift.lift(points[first : first + _BATCH])
            try:
                written = self._box.decode(soft, self._context)
                new: dict[str, int] = {}
                for i, text in enumerate(written):
                    found = candidate(f"{PREFIX} {tidy(text)}") if tidy(text) else None
                    if found is not None and found not in self.texts:
                        new.setdefault(found, i)
                kept = list(new)[: most - (len(self.texts) - before)]
                if not kept:
                    continue
                states = self._box.hidden(self._context, soft=soft[[new[text] for text in kept]])
            except BudgetExhausted:
                self._dry = True
                break
            for text in kept:
                self.texts[text] = len(self.texts)
            self.points = np.concatenate([self.points, np.asarray(states, dtype=np.float64)])
            if len(self.texts) - before >= most:
                break
        return len(self.texts) - before
