"""Two ways to hold the parameters of a white box that writes instructions: a soft prompt's point, or LoRA."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.soft_prompts import SoftPrompts, sobol

Array = NDArray[np.float64]
_BATCH = 64
_LARGEST_SEED = 2**31


class Engineer(Protocol):
    """Writes instructions, and how is a vector of parameters."""

    origin: Array
    """Where the parameters start, shape (size,)."""

    def first(
        self, count: int, context: str, temperature: float, rng: np.random.Generator
    ) -> tuple[list[str], list[Array]]:
        """Varied texts to begin with, and the parameters that each came from.

        Raises:
            BudgetExhausted: if the white box may not work so much.
        """
        ...

    def write(self, points: Iterable[Array], context: str, temperature: float, seed: int) -> list[str]:
        """One text a vector of parameters; text i of two calls with one seed has the same luck.

        Raises:
            BudgetExhausted: if the white box may not work so much.
        """
        ...

    def inside(self, point: Array) -> Array:
        """The nearest parameters that are allowed."""
        ...


class SoftEngineer:
    """The parameters are a point z in [-1, 1]^d, and the white box reads the soft prompt A z first."""

    def __init__(self, white_box: Any, lift: SoftPrompts) -> None:
        self._box, self._lift = white_box, lift
        self.origin: Array = np.zeros(lift.dimensions)

    def first(
        self, count: int, context: str, temperature: float, rng: np.random.Generator
    ) -> tuple[list[str], list[Array]]:
        """See `Engineer`: texts of scrambled Sobol points."""
        points = list(sobol(count, self._lift.dimensions, rng))
        return self.write(points, context, temperature, int(rng.integers(_LARGEST_SEED))), points

    def write(self, points: Iterable[Array], context: str, temperature: float, seed: int) -> list[str]:
        """See `Engineer`."""
        soft = self._lift.lift(np.array(list(points)))
        texts: list[str] = []
        for first in range(0, len(soft), _BATCH):
            part = soft[first : first + _BATCH]
            texts += self._box.decode(part, context, temperature=temperature, seed=seed + first)
        return texts

    def inside(self, point: Array) -> Array:
        """See `Engineer`."""
        return np.clip(point, -1.0, 1.0)


class LoraEngineer:
    """The parameters are those of LoRA on the white box's attention.

    The white box carries them only while it writes: between two calls, whoever uses it sees the frozen model.
    """

    def __init__(self, white_box: Any, rank: int, seed: int) -> None:
        self._box, self._rank, self._seed = white_box, rank, seed
        with white_box.trainable(rank=rank, seed=seed) as adapter:
            self.origin: Array = np.asarray(adapter.get_flat(), dtype=np.float64)

    def first(
        self, count: int, context: str, temperature: float, rng: np.random.Generator
    ) -> tuple[list[str], list[Array]]:
        """See `Engineer`: samples of the frozen model at temperature 1, which has only luck to vary them."""
        texts: list[str] = []
        for first in range(0, count, _BATCH):
            contexts = [context] * min(_BATCH, count - first)
            seed = int(rng.integers(_LARGEST_SEED))
            texts += self._box.decode(None, contexts, temperature=1.0, seed=seed)
        return texts, [self.origin] * count

    def write(self, points: Iterable[Array], context: str, temperature: float, seed: int) -> list[str]:
        """See `Engineer`; one at a time, so that the points may be made one at a time, too."""
        texts: list[str] = []
        with self._box.trainable(rank=self._rank, seed=self._seed) as adapter:
            for i, point in enumerate(points):
                adapter.set_flat(point.astype(np.float32))
                texts += self._box.decode(None, context, temperature=temperature, seed=seed + i)
        return texts

    def inside(self, point: Array) -> Array:
        """See `Engineer`: all are."""
        return point
