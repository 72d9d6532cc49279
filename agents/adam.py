"""Adam on a numpy vector, for agents that estimate gradients themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Adam:
    """The ascent of Kingma and Ba (2015), algorithm 1: goes up the gradients that it is handed."""

    __slots__ = ("_first", "_second", "_steps", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        """Step size; the first step moves every coordinate whose gradient is not 0 by this much."""
        self._steps = 0
        self._first: Array | float = 0.0
        self._second: Array | float = 0.0

    def step(self, point: Array, gradient: Array) -> Array:
        """The point after a step up; the argument is left as it was."""
        self._steps += 1
        self._first = 0.9 * self._first + 0.1 * gradient
        self._second = 0.999 * self._second + 0.001 * gradient * gradient
        first = self._first / (1.0 - 0.9**self._steps)
        second = self._second / (1.0 - 0.999**self._steps)
        moved: Array = point + self.rate * first / (np.sqrt(second) + 1e-8)
        return moved
