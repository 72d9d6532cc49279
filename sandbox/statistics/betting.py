"""Evidence that grows with the data and may be looked at any time: betting e-processes for bounded means."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_BETS = np.array([0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95])


class Bets:
    """Wealth of a gambler who bets that a mean is below `least`; under the contrary it stays small.

    Let X_t lie in [low, high] and H0 say that E[X_t | past] >= least for all t. Then for every share b
    in [0, 1] the product over t of 1 + b (least - X_t) / (high - least) is a non-negative supermartingale,
    and so is its mean over a fixed grid of b. By Ville's inequality P(sup_t wealth_t >= 1 / alpha) <= alpha,
    however often one looks. Source: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random
    variables by betting", with the mixture over a grid.
    """

    def __init__(self, least: float, low: float = 0.0, high: float = 1.0) -> None:
        """Begin with a wealth of 1.

        Raises:
            ValueError: unless low <= least < high.
        """
        if not low <= least < high:
            raise ValueError(f"least={least}: a number from {low} to below {high}")
        self._least, self._low, self._high = least, low, high
        self._logs: NDArray[np.float64] = np.zeros(len(_BETS))
        self.count = 0
        self.total = 0.0

    def see(self, value: float) -> None:
        """Take one more observation.

        Raises:
            ValueError: if it is outside [low, high].
        """
        if not self._low <= value <= self._high:
            raise ValueError(f"{value} is outside [{self._low}, {self._high}]")
        self._logs += np.log1p(_BETS * (self._least - value) / (self._high - self._least))
        self.count += 1
        self.total += value

    @property
    def mean(self) -> float:
        """Of what was seen; NaN before anything was."""
        return self.total / self.count if self.count else math.nan

    @property
    def log_wealth(self) -> float:
        """Natural logarithm of the e-value."""
        top = float(self._logs.max())
        return top + math.log(float(np.exp(self._logs - top).mean()))

    def against(self, alpha: float) -> bool:
        """Whether H0 is rejected at level `alpha`, at this and any other time of looking together."""
        return self.log_wealth >= -math.log(alpha)
