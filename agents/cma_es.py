"""CMA-ES with restarts, by the package `cmaes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.common import Array, box_of, check_real, check_whole, in_box
from agents.costs import SpendsAll
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted, MissingExtra
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task, affordable

_SMALLEST, _LARGEST = 1e-6, 0.5


@dataclass(frozen=True, slots=True)
class CMAES(SpendsAll):
    """CMA-ES with restarts: samples a normal distribution and bends it towards the better half.

    Hansen (2016), "The CMA Evolution Strategy: A Tutorial", by the package `cmaes` (extra `bridge`). When
    it has converged it starts again elsewhere with twice the population (IPOP, Auger and Hansen,
    2005). From `separable` dimensions on only the diagonal of the covariance is learnt (sep-CMA-ES, Ros
    and Hansen, 2008). The box is mapped to the unit cube.
    """

    name: str = "cma-es"
    sigma: float = 0.25
    """First standard deviation, in widths of the box."""
    population: int = 0
    """Samples a generation; 0 means 4 + floor(3 ln d) (the tutorial's eq. 48)."""
    separable: int = 50
    """From this many dimensions on, the covariance is kept diagonal."""
    needs = Needs.BOX
    claims = Claims(
        seeded=True,
        random_start=True,
        anytime=True,
        best_observed=True,
        uses=0.9,
        batch=True,
        affine=True,
        rank_based=True,
    )

    def __post_init__(self) -> None:
        check_real("sigma", self.sigma, _SMALLEST, _LARGEST)
        check_whole("population", self.population, 0)
        if self.population == 1:
            raise ValueError("population=1: at least 2, or 0 for the usual size")
        check_whole("separable", self.separable, 1)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[tuple[float, ...]]:
        """See `sandbox.protocol.Agent`."""
        box = box_of(task)
        best = in_box(box, rng.random(box.dimensions))
        yield from Recommend(best)
        top = -np.inf
        population = self._at_once(task)
        search = self._start(box.dimensions, population, rng)
        try:
            while True:
                told: list[tuple[Array, float]] = []
                while len(told) < population:  # whoever failed is replaced, not scored
                    points = [search.ask() for _ in range(population - len(told))]
                    asked = [in_box(box, point) for point in points]
                    seen = yield from affordable([Evaluate(point) for point in asked])
                    for unit, candidate, answer in zip(points, asked, seen, strict=False):
                        if isinstance(answer, AnswerFailed):
                            continue
                        told.append((unit, -answer.score))  # cmaes minimises
                        if answer.score > top:
                            best, top = candidate, answer.score
                    yield from Recommend(best)
                search.tell(told)
                if search.should_stop():
                    population *= 2
                    search = self._start(box.dimensions, population, rng)
        except BudgetExhausted:
            return best

    def _at_once(self, task: Task) -> int:
        return self.population or 4 + int(3 * np.log(box_of(task).dimensions))

    def _start(self, dimensions: int, population: int, rng: np.random.Generator) -> Any:
        """A search of the unit cube from a random point."""
        try:
            from cmaes import CMA, SepCMA
        except ImportError as error:
            raise MissingExtra(self.name, "bridge") from error
        return (SepCMA if dimensions >= self.separable else CMA)(
            mean=rng.random(dimensions),
            sigma=self.sigma,
            bounds=np.array([[0.0, 1.0]] * dimensions),
            population_size=population,
            seed=int(rng.integers(2**32)),
        )
