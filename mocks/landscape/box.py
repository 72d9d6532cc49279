"""A high-dimensional box in which few directions matter: f(x) = g(P x), with g smooth and multimodal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mocks.landscape.parameters import Rebuilt, check_real, check_seed, check_whole
from sandbox.spaces import Box, Candidate
from sandbox.streams import stream

Array = NDArray[np.float64]

SAMPLE = 512
"""How many uniform points the baseline is averaged over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LowDimensionalBox(Rebuilt):
    """A box in hundreds of dimensions of which few combinations matter, as soft prompts are searched.

    Wang et al. (2016), "Bayesian optimization in a billion dimensions via random embeddings" (REMBO);
    InstructZero's random projection assumes such a function. Tests whether an optimizer finds and uses
    the subspace instead of drowning in the dimensions.

    The box is [-1, 1]^dimensions, P has `effective` random orthonormal rows, and with y = P x

        f(x) = g(y) = 1 - prod_i (1 - h_i exp(-|y - c_i|^2 / (2 w_i^2))),    h_0 = 1, other h_i <= rival.

    Range (0, 1]. The optimum is 1 by construction: a product of factors from [0, 1] vanishes only
    where one of them does, and only the first one ever does, at y = c_0. That is P times a point
    drawn uniformly inside the box, which is `best`. So the optimum is exact, unique in y, and attained. (Far
    from all bumps f may round to 0.)
    """

    seed: int = 0
    dimensions: int = 200
    effective: int = 5
    """How many orthogonal directions matter."""
    rivals: int = 4
    """How many lower bumps there are beside the highest one."""
    rival: float = 0.8
    """The height of the highest rival; the others' are drawn from the upper half of what is below it."""
    width: float = 0.3
    """The highest bump's standard deviation per square root of `effective`; the others' are 0.5 to 1 times
    that. In the same unit, points drawn blindly from the box lie about 0.8 apart."""
    space: Box = field(init=False, repr=False, compare=False)
    optimum: float = field(init=False, repr=False, compare=False)
    """Exact: 1."""
    best: tuple[float, ...] = field(init=False, repr=False, compare=False)
    baseline: float = field(init=False, repr=False, compare=False)
    """The mean truth of 512 points drawn uniformly from the box, the same for the same parameters."""
    projection: Array = field(init=False, repr=False, compare=False)
    """P, with orthonormal rows; shape (effective, dimensions)."""
    _centres: Array = field(init=False, repr=False, compare=False)
    _heights: Array = field(init=False, repr=False, compare=False)
    _precisions: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        check_whole("dimensions", self.dimensions, 2, 2000)
        check_whole("effective", self.effective, 1, min(10, self.dimensions))
        check_whole("rivals", self.rivals, 0, 100)
        check_real("rival", self.rival, 0.0, 0.99)
        check_real("width", self.width, 0.05, 5.0)
        rng = stream(self.seed, "landscape", "box")
        gaussian = rng.standard_normal((self.dimensions, self.effective))
        projection = np.ascontiguousarray(np.linalg.qr(gaussian)[0].T)
        points = rng.uniform(-0.9, 0.9, size=(1 + self.rivals, self.dimensions))
        heights = self.rival * rng.uniform(0.5, 1.0, size=1 + self.rivals)
        heights[:1], heights[1:2] = 1.0, self.rival  # slices: there may be no rival
        widths = self.width * np.sqrt(self.effective) * rng.uniform(0.5, 1.0, size=1 + self.rivals)
        widths[0] = self.width * np.sqrt(self.effective)
        object.__setattr__(self, "projection", projection)
        object.__setattr__(self, "_centres", points @ projection.T)
        object.__setattr__(self, "_heights", heights)
        object.__setattr__(self, "_precisions", 0.5 / widths**2)
        object.__setattr__(self, "space", Box((-1.0,) * self.dimensions, (1.0,) * self.dimensions))
        object.__setattr__(self, "best", tuple(points[0].tolist()))
        object.__setattr__(self, "optimum", self.truth(self.best))
        blind = stream(self.seed, "landscape", "baseline").uniform(-1, 1, size=(SAMPLE, self.dimensions))
        object.__setattr__(self, "baseline", float(self._scores(blind).mean()))

    def _scores(self, points: Array) -> Array:
        """The truth of each row of `points`, shape (n, dimensions)."""
        apart = (points @ self.projection.T)[:, None, :] - self._centres
        bumps = self._heights * np.exp(-self._precisions * (apart**2).sum(axis=2))
        scores: Array = 1.0 - (1.0 - bumps).prod(axis=1)
        return scores

    def truth(self, candidate: Candidate) -> float:
        """The noiseless score of a point; one of another length, or a text, is a ValueError."""
        if isinstance(candidate, str) or len(candidate) != self.dimensions:
            raise ValueError(f"{candidate!r} is not a point of {self.space}")
        return float(self._scores(np.array([candidate]))[0])
