"""The classic numeric test functions, as botorch defines them, turned into scores."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from mocks.landscape.parameters import Rebuilt, check_whole
from sandbox.errors import MissingExtra, nearest
from sandbox.spaces import Box, Candidate

FUNCTIONS: dict[str, tuple[str, int, tuple[int, ...]]] = {
    "ackley": ("Ackley", 2, ()),
    "beale": ("Beale", 2, (2,)),
    "branin": ("Branin", 2, (2,)),
    "dixon-price": ("DixonPrice", 2, ()),
    "drop-wave": ("DropWave", 2, (2,)),
    "egg-holder": ("EggHolder", 2, (2,)),
    "griewank": ("Griewank", 2, ()),
    "hartmann": ("Hartmann", 6, (3, 6)),
    "holder-table": ("HolderTable", 2, (2,)),
    "levy": ("Levy", 2, ()),
    "michalewicz": ("Michalewicz", 2, (2,)),
    "rastrigin": ("Rastrigin", 2, ()),
    "rosenbrock": ("Rosenbrock", 2, ()),
    "shekel": ("Shekel", 4, (4,)),
    "six-hump-camel": ("SixHumpCamel", 2, (2,)),
    "styblinski-tang": ("StyblinskiTang", 2, ()),
}
"""Name -> botorch's class, its usual dimensions, the dimensions with a published optimizer (none: any)."""

SAMPLE = 1024
"""Points of the Sobol sequence that fix the scale; as many corners at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicFunction(Rebuilt):
    """A classic numeric test function (Branin, Hartmann, Ackley, ...) with its optimum scaled to 1.

    From `botorch.test_functions.synthetic`, on the function's own box; sources are named in botorch's
    docstrings. Tests a numeric optimizer by itself, on what its own paper was likely tested on. Beware
    that Ackley, Griewank, Rastrigin and drop-wave have their optimum in the middle of the box, which flatters
    whoever starts there, and that a huge range (Rosenbrock) leaves most of the box near the top: compare
    with the baseline.

    The functions are minimised, so score = (worst - f(x)) / (worst - f(best)), clipped to [0, 1]. `worst` is
    the largest value found on the first 1024 points of the unscrambled Sobol sequence and at the corners
    of the box (if there are at most 1024 of them): points worse than that score 0. The optimum is
    1 at the published optimizer with the least value, and known only as exactly as that was published;
    what is better by its rounding scores 1 as well.
    """

    function: str = "hartmann"
    dimensions: int = 0
    """0 means the function's usual number."""
    space: Box = field(init=False, repr=False, compare=False)
    optimum: float = field(init=False, repr=False, compare=False)
    best: tuple[float, ...] = field(init=False, repr=False, compare=False)
    baseline: float = field(init=False, repr=False, compare=False)
    """The mean truth of the Sobol points."""
    worst: float = field(init=False, repr=False, compare=False)
    """The function's value that scores 0."""
    least: float = field(init=False, repr=False, compare=False)
    """The function's value at `best`, which scores 1."""
    _function: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise ValueError(f"function={self.function!r}: {nearest(str(self.function), FUNCTIONS)}")
        class_name, usual, known = FUNCTIONS[self.function]
        dimensions = usual if self.dimensions == 0 else self.dimensions
        check_whole("dimensions", dimensions, 2, 100)
        if known and dimensions not in known:
            raise ValueError(f"dimensions={dimensions}: {self.function} is known in {list(known)} only")
        try:
            import torch
            from botorch.test_functions import synthetic
        except ImportError as error:
            raise MissingExtra("the classic test functions", "bo") from error
        fixed = len(known) == 1
        chosen = getattr(synthetic, class_name)
        function = chosen(dtype=torch.double) if fixed else chosen(dim=dimensions, dtype=torch.double)
        lower, upper = (tuple(bound) for bound in function.bounds.double().tolist())
        object.__setattr__(self, "_function", function)
        object.__setattr__(self, "space", Box(lower, upper))

        optimizers = function.optimizers.double()
        values = function.evaluate_true(optimizers)
        at = int(values.argmin())
        low, high = torch.tensor(lower, dtype=torch.double), torch.tensor(upper, dtype=torch.double)
        engine: Any = torch.quasirandom.SobolEngine  # untyped
        unit = engine(dimensions).draw(SAMPLE, dtype=torch.double)
        sample = function.evaluate_true(low + unit * (high - low))
        worst = float(sample.max())
        if 2**dimensions <= SAMPLE:
            corners = torch.tensor(list(itertools.product(*self._sides())), dtype=torch.double)
            worst = max(worst, float(function.evaluate_true(corners).max()))
        object.__setattr__(self, "best", tuple(optimizers[at].tolist()))
        object.__setattr__(self, "worst", worst)
        # Not values[at]: a batch may be summed in another order, and `best` must score exactly 1.
        object.__setattr__(self, "least", self._value(self.best))
        object.__setattr__(self, "optimum", self.truth(self.best))
        scores = ((worst - sample) / (worst - self.least)).clamp(0.0, 1.0)
        object.__setattr__(self, "baseline", float(scores.mean()))

    def _sides(self) -> list[tuple[float, float]]:
        return list(zip(self.space.lower, self.space.upper, strict=True))

    def _value(self, point: tuple[float, ...]) -> float:
        import torch

        return float(self._function.evaluate_true(torch.tensor([point], dtype=torch.double))[0])

    def truth(self, candidate: Candidate) -> float:
        """The noiseless score of a point; one of another length, or a text, is a ValueError."""
        if isinstance(candidate, str) or len(candidate) != self.space.dimensions:
            raise ValueError(f"{candidate!r} is not a point of {self.space}")
        score = (self.worst - self._value(candidate)) / (self.worst - self.least)
        return min(1.0, max(0.0, score))
